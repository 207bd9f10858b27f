//! The restore drill: a backup under load, more calls, a crash, a destroyed database, and back to dialling.

use crate::world::{Invites, World, brief, count, rule};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Everything of the drill that waits for calls, on a busy machine.
const CALLS: Duration = Duration::from_secs(60);
/// Numbers of the campaign; half of them are busy, half answer.
const NUMBERS: usize = 120;

/// Waits until the carrier saw more calls than `goal`.
fn until_dialled(world: &World, invites: &mut Invites, goal: usize) {
    world.wait("calls", CALLS, || {
        let total = invites.total();
        if total > goal { Ok(()) } else { Err(total.to_string()) }
    });
}

/// A campaign of 120 numbers, 12 a second, whose busy ones are tried again after an hour.
fn busy_run(world: &World) -> i64 {
    let trunk = world.add_trunk("wide", json!({"capacity": 60, "calls_per_second": 12}));
    let bye = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "bye", "context": "carillon-demo", "extension": "bye", "max_channels": 60}),
    );
    let numbers: Vec<String> =
        (0..NUMBERS).map(|n| format!("1555{}00{n:03}", if n % 2 == 0 { 40 } else { 10 })).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let rules = json!([rule("RS_BUSY", 3, 3_600), rule("RS_LOST", 3, 60)]);
    world.dial("drill", &numbers, json!({"trunks": [trunk], "end_points": [bye], "rules": rules}))
}

/// Overwrites the middle of the database, as a failing disk does.
fn destroy(database: &Path) {
    let mut bytes = fs::read(database).unwrap();
    let from = 8_192.min(bytes.len());
    bytes[from..].fill(0xa5);
    fs::write(database, bytes).unwrap();
}

#[test]
fn the_restore_drill_dials_nobody_twice_within_the_gap_and_forgets_nobody() {
    let mut world = World::with_call_records();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = busy_run(&world);
    until_dialled(&world, &mut invites, 25);
    let made = world.run_json(&["backup", "drill.backup"]);
    until_dialled(&world, &mut invites, 60);
    world.run(&["list", "create", "after"]).ok();
    world.crash();
    world.wait("the end of the calls", CALLS, || {
        let channels = world.channels();
        if channels.is_empty() { Ok(()) } else { Err(format!("{channels:?}")) }
    });
    let database = world.home.path("carillon-data/carillon.db");
    destroy(&database);
    let down = Instant::now();
    let (error, remedy) = world.run(&["serve"]).refused(1);
    assert!(error.contains("is damaged") && remedy.contains("carillon restore FILE"), "{error} {remedy}");

    // Restored without knowing who was called: nothing is dialled.
    let began = Instant::now();
    let restored = world.run_json(&["restore", "drill.backup"]);
    let restore_ms = began.elapsed().as_millis();
    assert!(restored["restored"]["lost"].as_str().unwrap().contains("unreadable"), "{restored:#}");
    world.serve_again();
    world.wait_for_link();
    let before = invites.total();
    let live = world.live();
    assert_eq!((&live["dialling"], &live["hold"]["by"]), (&json!("held"), &json!("restore")), "{:#}", live["hold"]);
    assert!(world.run(&["live", "--once"]).out.contains("HELD") || live["hold"]["why"].is_string());
    let known = world.attempts(run).len();
    assert!(known < before, "the backup does not know every call: {known} of {before}");
    world.wait("the calls of the backup are accounted for", CALLS, || {
        let attempts = world.attempts(run);
        if attempts.iter().all(|attempt| attempt["ended_at"].is_string()) { Ok(()) } else { Err(brief(&attempts)) }
    });
    assert!(world.server.terminate().success());
    assert_eq!(invites.total(), before, "dialled although held");

    // The PBX knows who was called.
    let records = world.pair.pbx.folder().join("log/cdr-csv/Master.csv");
    let read = world.run_json(&["restore", "--cdr", records.to_str().unwrap()]);
    assert_eq!((&read["records"]["lifted"], &read["records"]["unmarked"]), (&json!(true), &json!(0)), "{read:#}");
    assert!(read["records"]["written"].as_u64().unwrap() > 0, "{read:#}");
    world.serve_again();
    let down_ms = down.elapsed().as_millis();
    let attempts = world.wait_for_attempts(run, "everybody's call", CALLS, |attempts| {
        attempts.len() >= NUMBERS && attempts.iter().all(|attempt| attempt["ended_at"].is_string())
    });
    assert_eq!(attempts.len(), NUMBERS, "{}", brief(&attempts));
    let calls = invites.by_number(NUMBERS);
    let twice: Vec<_> = calls.iter().filter(|(_, calls)| **calls != 1).collect();
    assert!(twice.is_empty() && calls.len() == NUMBERS, "{} numbers, {twice:?}", calls.len());
    let report = world.report(run);
    assert_eq!((&report["double_dialled"], &report["lost"]), (&json!(0), &json!(0)), "{report}");
    assert!(count(&attempts, "TERMINATED") > 0 && count(&attempts, "RS_BUSY") > 0, "{}", brief(&attempts));
    println!(
        "restore drill: backup {} bytes in {} ms while dialling, restore {restore_ms} ms, {down_ms} ms from the damage \
         to a served API, {} calls learnt from call records",
        made["bytes"], made["took_ms"], read["records"]["written"]
    );
}

#[test]
fn whoever_accepts_second_calls_dials_on_from_the_backup() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let trunk = world.add_trunk("narrow", json!({"calls_per_second": 2}));
    let numbers: Vec<String> = (0..12).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("accepted", &numbers, json!({"trunks": [trunk]}));
    until_dialled(&world, &mut invites, 1);
    let backup = world.run_json(&["backup", "early"]);
    let known = world.attempts(run).len();
    until_dialled(&world, &mut invites, known + 2);
    world.crash();
    fs::remove_file(world.home.path("carillon-data/carillon.db")).unwrap();
    world.run(&["restore", "early"]).ok();
    world.serve_again();
    world.wait_for_link();
    let (error, _) = world.run(&["resume-dialling"]).refused(1);
    let taken_at = backup["taken_at"].as_str().unwrap();
    assert!(error.contains(taken_at), "{error} does not name {taken_at}");
    let before = invites.total();
    world.run(&["resume-dialling", "--accept-restore"]).ok();
    let attempts = world.complete(run, CALLS);
    assert_eq!(attempts.len(), 12, "{}", brief(&attempts));
    assert!(invites.total() > before);
    assert!(invites.by_number(12).len() == 12, "nobody is forgotten");
}

/// Every file below a folder but the two that are secrets by themselves.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name != "key" && name != "token" {
            found.push((name, fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_file_of_an_installation_holds_a_password_a_token_or_the_key() {
    let mut world = World::start();
    let password = world.pair.pbx.ari().password;
    let secret =
        |name: &str| fs::read_to_string(world.home.path("carillon-data").join(name)).unwrap().trim().to_owned();
    let (token, key) = (secret("token"), secret("key"));
    let made = world.run(&["token", "create", "wallboard", "--scope", "read"]).ok();
    let made = made.split_whitespace().find(|word| word.starts_with("cct_")).unwrap().to_owned();
    let run = world.dial("quick", &["15554000001"], json!({}));
    world.complete(run, CALLS);
    world.run(&["backup", "carillon-data/copy"]).ok();
    // With the log of the database, and without.
    let look = |world: &World| {
        let mut found = Vec::new();
        files(&world.home.path("."), &mut found);
        assert!(found.iter().any(|(name, _)| name == "carillon.db") && found.iter().any(|(name, _)| name == "copy"));
        for (name, bytes) in &found {
            for secret in [&password, &token, &key, &made] {
                let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!is_there, "{name} holds a secret");
            }
        }
        found.len()
    };
    assert!(look(&world) >= 4, "database, its log, backup and log of the server");
    assert!(world.server.terminate().success());
    look(&world);
    let copied: Value = world.run_json(&["backup", "with", "--with-key"]);
    assert_eq!(copied["with_key"], true);
    let bytes = fs::read(world.home.path("with")).unwrap();
    assert!(bytes.windows(key.len()).any(|window| window == key.as_bytes()), "asked for, the key is in it");
}
