//! `carillon backup` and `carillon restore`, as somebody types them, with and without a server.

use crate::common::{Home, Server};
use serde_json::{Value, json};
use std::fs;

fn hold(home: &Server) -> Value {
    home.api().expect("GET", "/api/dialling", None).unwrap()
}

#[test]
fn a_backup_of_a_served_installation_is_restored_held_and_accepted() {
    let mut server = Server::start();
    server.run(&["list", "create", "before"]).ok();
    let made = server.json(&["backup", "one.backup"]);
    assert_eq!(made["sha256"].as_str().unwrap().len(), 64, "{made}");
    server.run(&["list", "create", "after"]).ok();
    let (error, remedy) = server.run(&["backup", "one.backup"]).refused(1);
    assert!(error.ends_with("one.backup exists already") && remedy.contains("--force"), "{error} {remedy}");
    let (error, _) = server.run(&["restore", "one.backup"]).refused(1);
    assert!(error.contains("another process uses the database"), "{error}");

    server.process.kill();
    let text = server.run(&["restore", "one.backup"]).ok();
    for said in ["held until", "put aside", "carillon resume-dialling --accept-restore", "of calls and changes"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    server.crash_and_restart();
    assert_eq!(hold(&server)["hold"]["by"], "restore");
    assert!(server.run(&["list", "list"]).ok().contains("before"));
    assert!(!server.run(&["list", "list"]).ok().contains("after"));
    let (error, remedy) = server.run(&["resume-dialling"]).refused(1);
    assert!(error.contains("whoever was called between then and the restore"), "{error}");
    assert!(remedy.contains("--accept-restore") && remedy.contains("--cdr"), "{remedy}");
    assert_eq!(hold(&server)["dialling"], "held");
    server.crash_and_restart();
    assert_eq!(hold(&server)["dialling"], "held", "a restart does not lift it");
    server.run(&["resume-dialling", "--accept-restore"]).ok();
    assert_eq!(hold(&server), json!({"dialling": "dialling", "hold": null, "restore": null, "storage": null}));
}

#[test]
fn a_hold_of_a_restore_and_of_a_person_are_two() {
    let mut server = Server::start();
    server.run(&["stop-dialling", "--why", "fire drill"]).ok();
    server.run(&["backup", "b"]).ok();
    server.process.kill();
    server.run(&["restore", "b"]).ok();
    server.crash_and_restart();
    let state = hold(&server);
    assert_eq!((&state["hold"]["why"], state["restore"].is_object()), (&json!("fire drill"), true), "{state}");
    server.run(&["resume-dialling"]).refused(1);
    server.run(&["resume-dialling", "--accept-restore"]).ok();
    assert_eq!(hold(&server)["dialling"], "dialling");
}

#[test]
fn a_damaged_database_is_not_served_and_the_way_out_is_named() {
    let mut server = Server::start();
    server.run(&["backup", "b"]).ok();
    server.process.terminate();
    let database = server.home.path("carillon-data/carillon.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[8192..].fill(0xa5);
    fs::write(&database, bytes).unwrap();
    for verb in [&["serve"][..], &["db", "status"], &["backup", "c"]] {
        let (error, remedy) = server.run(verb).refused(1);
        assert!(error.contains("carillon.db is damaged: "), "{error}");
        assert!(remedy.contains("carillon restore FILE"), "{remedy}");
    }
    let text = server.run(&["restore", "b"]).ok();
    assert!(text.contains("unreadable"), "what is lost is said: {text}");
    server.crash_and_restart();
    assert_eq!(hold(&server)["dialling"], "held");
}

#[test]
fn call_records_without_a_restore_and_files_that_are_none_are_refused() {
    let home = Home::new();
    home.run(&["init"]).ok();
    let records = home.file("Master.csv", "number,name\n1,2\n");
    let (error, remedy) = home.run(&["restore", "--cdr", &records]).refused(1);
    assert!(error.contains("is no call record") && remedy.contains("loguniqueid"), "{error} {remedy}");
    let row = "\"\",\"\",\"s\",\"x\",\"\",\"PJSIP/a-1\",\"\",\"\",\"\",\"2026-11-21 12:01:43\",,\"\",0,0,\"BUSY\",\"D\",\"1.2\",\"\"\n";
    let records = home.file("Master.csv", row);
    let (error, _) = home.run(&["restore", "--cdr", &records]).refused(1);
    assert!(error.contains("is held by no restore"), "{error}");
    assert_eq!(home.run(&["restore"]).code, 2);
}
