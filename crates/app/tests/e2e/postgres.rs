//! What only PostgreSQL can do to a server: a second one on the same database, and a database that dies and comes back.

use crate::common::Home;
use crate::world::{Invites, World, brief, count, serve};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};
use testkit::Process;
use testkit::http::Client;
use testkit::postgres::{Database, Postgres};

/// A campaign over a take-over or an outage, on a busy machine.
const A_CAMPAIGN: Duration = Duration::from_secs(90);
/// The lease runs out, is taken, and the PBX was compared.
const TAKE_OVER: Duration = Duration::from_secs(12);
/// The exit code of a process that another one has taken over from.
const TAKEN_OVER: i32 = 4;

/// A campaign of busy numbers, at some twelve calls a second.
fn steady(world: &World, contacts: usize) -> i64 {
    let trunk = world.add_trunk("steady", json!({"capacity": 10, "calls_per_second": 12}));
    let numbers: Vec<String> = (0..contacts).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    world.dial("steady", &numbers, json!({"trunks": [trunk]}))
}

fn wait_for_calls(world: &World, invites: &mut Invites, goal: usize) {
    world.wait("some calls", A_CAMPAIGN, || {
        let total = invites.total();
        if total >= goal { Ok(()) } else { Err(total.to_string()) }
    });
}

fn assert_nobody_twice(attempts: &[Value], invites: &mut Invites, contacts: usize) {
    assert_eq!(attempts.len(), contacts, "{}", brief(attempts));
    let twice: Vec<_> = invites.by_number(0).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A second installation on the database of the first, as on another host: the key is copied, nothing else.
fn standby(world: &World) -> Home {
    let home = Home::new();
    let port = world.pair.ports.spare[0];
    home.file("carillon.toml", format!("listen = \"127.0.0.1:{port}\"\n{}", crate::world::setting()));
    fs::create_dir(home.path("carillon-data")).unwrap();
    fs::copy(world.home.path("carillon-data/key"), home.path("carillon-data/key")).unwrap();
    home
}

#[test]
fn a_second_server_is_refused_takes_over_from_a_frozen_one_and_that_one_sends_nothing_more() {
    crate::world::use_postgres();
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let second = standby(&world);
    let (error, remedy) = second.run(&["serve"]).refused(1);
    assert!(error.contains(&format!("process {} (lease ", world.server.pid())), "{error}");
    assert!(error.contains("renewed 0.") || error.contains("renewed 1."), "{error}");
    assert!(remedy.contains("stop the other carillon"), "{remedy}");
    let status: Value = serde_json::from_str(&second.run(&["db", "status", "--json"]).ok()).unwrap();
    assert_eq!(status["state"], "in use by a running server", "{status}");

    let run = steady(&world, 250);
    wait_for_calls(&world, &mut invites, 40);
    world.server.signal(libc::SIGSTOP);
    let frozen = Instant::now();
    let port = world.pair.ports.spare[0];
    let mut taker = serve(&second, port);
    assert!(frozen.elapsed() < TAKE_OVER, "taken over after {:?}", frozen.elapsed());
    let token = fs::read_to_string(world.home.path("carillon-data/token")).unwrap();
    world.api = Client::new(&format!("http://127.0.0.1:{port}"), Some(token.trim())).unwrap();
    world.wait_for_link();
    let before = invites.total();
    wait_for_calls(&world, &mut invites, before + 20);

    // The first wakes up in the middle of what it was doing.
    world.server.signal(libc::SIGCONT);
    let ended = world.server.wait(Duration::from_secs(10)).unwrap();
    assert_eq!(ended.code(), Some(TAKEN_OVER), "{ended}\n{}", world.server.log_tail());
    assert!(world.server.log().contains("another process has taken over"), "{}", world.server.log_tail());
    let attempts = world.complete(run, A_CAMPAIGN);
    assert_nobody_twice(&attempts, &mut invites, 250);
    // What was under way when the first froze may have ended unseen.
    let (busy, lost) = (count(&attempts, "RS_BUSY"), count(&attempts, "RS_LOST"));
    assert!(busy + lost == 250 && lost <= 10, "{busy} busy, {lost} lost");
    assert!(taker.terminate().success());
    // A server that was stopped gives its lease back: the next one need not wait.
    let again = Instant::now();
    drop(serve(&world.home, world.pair.ports.api));
    assert!(again.elapsed() < Duration::from_secs(4), "{:?}", again.elapsed());
}

#[test]
fn a_database_that_dies_stops_new_calls_loses_nothing_and_dialling_goes_on_when_it_is_back() {
    let mut cluster = Postgres::start_durable().unwrap();
    let database = Database::on(cluster.socket(), None).unwrap();
    crate::world::use_database(&database.url());
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = steady(&world, 200);
    wait_for_calls(&world, &mut invites, 20);
    // People who hang up ten seconds after they answered.
    let hold = world.add_end_point("hold", 5);
    let talking = world.dial("talking", &["15551100001", "15551100002"], json!({"end_points": [hold], "priority": 1}));
    world.wait_for_attempts(talking, "two conversations", A_CAMPAIGN, |attempts| count(attempts, "CONNECTED") == 2);

    cluster.kill9();
    let died = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    let after_a_second = invites.total();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(invites.total(), after_a_second, "nothing is dialled without a database");
    let channels = world.channels();
    assert!(channels.iter().filter(|line| line.contains("hold")).count() >= 2, "calls up go on: {channels:?}");
    assert!(died.elapsed() > Duration::from_secs(4), "longer than the lease lasts");

    cluster.boot().unwrap();
    let back = Instant::now();
    wait_for_calls(&world, &mut invites, after_a_second + 5);
    assert!(back.elapsed() < Duration::from_secs(7), "dialling went on after {:?}", back.elapsed());
    let attempts = world.complete(run, A_CAMPAIGN);
    assert_nobody_twice(&attempts, &mut invites, 200);
    assert_eq!(count(&attempts, "RS_BUSY"), 200, "{}", brief(&attempts));
    let attempts = world.complete(talking, A_CAMPAIGN);
    assert_eq!(count(&attempts, "TERMINATED"), 2, "{}", brief(&attempts));
}

#[test]
fn init_and_status_work_on_a_server_and_say_what_they_miss() {
    let database = Database::new().unwrap();
    let home = Home::new();
    let port = testkit::PortBlock::lease().unwrap();
    home.file("carillon.toml", format!("listen = \"127.0.0.1:{}\"\ndatabase = {:?}\n", port.api, database.url()));
    let (error, remedy) = home.run(&["serve"]).refused(1);
    assert!(error.contains("there is no key") && remedy.contains("carillon init"), "{error} {remedy}");
    assert!(home.run(&["init"]).ok().contains(&database.url()));
    let status: Value = serde_json::from_str(&home.run(&["db", "status", "--json"]).ok()).unwrap();
    assert_eq!((&status["state"], &status["contacts"]), (&json!("sound, no server uses it"), &json!(0)), "{status}");
    assert!(!home.path("carillon-data/carillon.db").exists());
    // Another folder would make another key: the database is not touched by it.
    let (error, _) = home.run(&["init", "--data", "elsewhere"]).refused(1);
    assert!(error.contains("elsewhere/key: is missing"), "{error}");
    drop(Process::start("carillon", home.command(&["serve"]), &home.path("serve.log")).unwrap());
    home.file("carillon.toml", "database = \"postgresql://nobody@localhost:1/nothing\"\n");
    let (error, remedy) = home.run(&["db", "status"]).refused(1);
    assert!(error.contains("postgresql://nobody@localhost:1/nothing: "), "{error}");
    assert!(remedy.contains("database_password_file"), "{remedy}");
}

#[test]
fn a_restored_server_dials_nobody_until_somebody_accepts() {
    crate::world::use_postgres();
    let mut world = World::start();
    world.crash();
    let said = world.run(&["restore", "--after-pg-restore"]).ok();
    assert!(said.contains("held until") && said.contains("attempts from"), "{said}");
    world.serve_again();
    world.wait_for_link();
    let status = world.run(&["dialling", "status"]).ok();
    assert!(status.contains("by restore"), "{status}");
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = steady(&world, 3);
    let (_, remedy) = world.run(&["resume-dialling"]).refused(1);
    assert!(remedy.contains("--accept-restore"), "{remedy}");
    assert_eq!(invites.total(), 0, "somebody was called while dialling was held");
    world.run(&["resume-dialling", "--accept-restore"]).ok();
    let attempts = world.complete(run, A_CAMPAIGN);
    assert_nobody_twice(&attempts, &mut invites, 3);
}
