//! A disk that is full, broken or slow: nothing new is dialled, calls go on, and everybody is told within a second.

use crate::world::{Invites, World, brief, count};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};
use testkit::disk::{Calls, Spoiled};

/// A few dozen calls and a fault in the middle, on a busy machine.
const A_FAULT: Duration = Duration::from_secs(75);
/// From the first write that fails until everybody is told.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// From the end of the fault until calls are placed again.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Two conversations that last, and quick calls at ten a second. Waits until they are on their way.
fn busy(world: &World) -> i64 {
    let trunk = world.add_trunk("wide", json!({"capacity": 40, "calls_per_second": 10}));
    let hold = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "wide", "context": "carillon-demo", "extension": "hold", "max_channels": 40}),
    );
    let mut numbers = vec!["15551000900".to_owned(), "15551000901".to_owned()];
    numbers.extend((0..60).map(|n| format!("15554000{n:03}")));
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let changes = json!({"trunks": [trunk], "end_points": [hold], "forced_closure_s": 16});
    let run = world.dial("busy", &numbers, changes);
    world.wait_for_attempts(run, "conversations and quick calls", A_FAULT, |attempts| {
        count(attempts, "CONNECTED") == 2 && attempts.len() >= 12
    });
    run
}

fn ready(world: &World) -> (u16, Value) {
    world.api.with_token(None).get("/readyz").unwrap()
}

/// `/readyz`, the command line and the log say so within a second of the first call that failed.
#[track_caller]
fn assert_told(world: &World, since: Instant) -> String {
    let reason = loop {
        let (status, answer) = ready(world);
        if status == 503 {
            break answer["reasons"][0].as_str().unwrap().to_owned();
        }
        assert!(
            since.elapsed() <= TOLD_WITHIN,
            "/readyz says {status} {answer} after {:?}\n{}",
            since.elapsed(),
            world.server.log_tail()
        );
        thread::sleep(LOOK_EVERY);
    };
    let took = since.elapsed();
    assert!(took <= TOLD_WITHIN, "told after {took:?}");
    assert!(world.server.log().contains("nothing new is dialled, calls go on"), "{}", world.server.log_tail());
    let live = world.run(&["live"]).ok();
    assert!(live.contains("NOTHING NEW IS DIALLED since") && live.contains(&reason), "{reason}\n{live}");
    let status = world.run(&["dialling", "status"]).ok();
    assert!(status.contains("NOTHING NEW IS DIALLED since"), "{status}");
    eprintln!("told after {:.2} s: {reason}", took.as_secs_f64());
    reason
}

/// Waits for the first call of a file's that was spoiled.
fn wait_for_the_first(world: &World, spoiled_before: u64) -> Instant {
    world.wait("a write that fails", A_FAULT, || {
        let (matched, spoiled) = world.disk().calls();
        if spoiled > spoiled_before { Ok(()) } else { Err(format!("{matched} calls matched")) }
    });
    Instant::now()
}

/// The disk fails from the n-th call on, for three seconds; then it works again.
fn a_disk_that_fails(calls: Calls, from: u32, how: Spoiled, words: &str) {
    let world = World::on_a_failing_disk();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = busy(&world);
    let (_, before) = world.disk().calls();
    world.disk().spoil(calls, from, how, "carillon.db-wal");
    let since = wait_for_the_first(&world, before);
    let reason = assert_told(&world, since);
    assert!(reason.contains(words), "{reason}");

    // Who asks not to be called is heard all the same: out of the reserve.
    let never = "15554000059";
    let suppressed = world.api.expect("POST", "/api/suppressions", Some(&json!({"numbers": [never]}))).unwrap();
    assert_eq!(suppressed, json!({"added": 1, "in_reserve": true}));

    // Nothing leaves, however long it lasts, and who talks goes on talking.
    let reached = invites.total();
    thread::sleep(Duration::from_secs(3).saturating_sub(since.elapsed()));
    assert_eq!(invites.total(), reached, "an originate left while the journal could not be written");
    assert_eq!(world.live()["totals"]["open_calls"].as_u64().unwrap().min(2), 2);
    assert_eq!(talking(&world), 2, "{:?}", world.channels());

    world.disk().heal();
    let healed_at = Instant::now();
    while ready(&world).0 != 200 || invites.total() <= reached {
        assert!(healed_at.elapsed() <= BACK_WITHIN, "{:?}\n{}", ready(&world), world.server.log_tail());
        thread::sleep(LOOK_EVERY);
    }
    eprintln!("back after {:.2} s", healed_at.elapsed().as_secs_f64());
    let attempts = world.complete(run, A_FAULT);
    let contacts: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    // Refused when it was picked, or when its attempt was written.
    let refused =
        usize::try_from(world.get(&format!("/api/runs/{run}"))["totals"]["refused"].as_u64().unwrap()).unwrap();
    assert_eq!((contacts.len() + refused, attempts.len() + refused), (62, 62), "{}", brief(&attempts));
    let calls = invites.by_number(61);
    let twice: Vec<_> = calls.iter().filter(|(_, calls)| **calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!((calls.get(never), count(&attempts, "RS_BLACKLIST") + refused), (None, 1), "{}", brief(&attempts));
}

/// Channels that were answered.
fn talking(world: &World) -> usize {
    world.channels().iter().filter(|line| line.contains("!Up!")).count()
}

#[test]
fn a_full_disk_stops_new_calls_and_no_conversation() {
    a_disk_that_fails(Calls::Write, 1, Spoiled::Full, "cannot be written");
}

#[test]
fn a_disk_that_fails_in_the_middle_of_a_commit_stops_new_calls_and_no_conversation() {
    a_disk_that_fails(Calls::Write, 7, Spoiled::Broken, "cannot be written");
}

#[test]
fn a_sync_that_fails_is_not_relied_upon() {
    a_disk_that_fails(Calls::Sync, 1, Spoiled::Broken, "cannot be written");
}

#[test]
fn a_sync_that_hangs_for_five_seconds_holds_new_calls_until_it_is_back() {
    let world = World::on_a_failing_disk();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = busy(&world);
    let (_, before) = world.disk().calls();
    world.disk().spoil(Calls::Sync, 1, Spoiled::Late(Duration::from_secs(5)), "carillon.db-wal");
    let since = wait_for_the_first(&world, before);
    world.disk().heal();
    let reason = assert_told(&world, since);
    assert!(reason.contains("does not answer"), "{reason}");
    let reached = invites.total();
    thread::sleep(Duration::from_secs(4).saturating_sub(since.elapsed()));
    assert_eq!(invites.total(), reached, "an originate left before its commit was back");
    assert_eq!(talking(&world), 2, "{:?}", world.channels());
    let back_by = since + Duration::from_secs(5) + BACK_WITHIN;
    while ready(&world).0 != 200 || invites.total() <= reached {
        assert!(Instant::now() <= back_by, "{:?}\n{}", ready(&world), world.server.log_tail());
        thread::sleep(LOOK_EVERY);
    }
    let attempts = world.complete(run, A_FAULT);
    assert_eq!(attempts.len(), 62, "{}", brief(&attempts));
}

#[test]
fn a_power_cut_after_a_failed_sync_finds_every_call_in_the_books() {
    let mut world = World::on_a_failing_disk();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = busy(&world);
    let (_, before) = world.disk().calls();
    world.disk().spoil(Calls::Sync, 1, Spoiled::Broken, "carillon.db-wal");
    wait_for_the_first(&world, before);
    world.crash();
    world.disk().heal();
    world.serve_again();
    let attempts = world.complete(run, A_FAULT);
    let contacts: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    assert_eq!((contacts.len(), attempts.len()), (62, 62), "{}", brief(&attempts));
    let lost = count(&attempts, "RS_LOST");
    let twice: Vec<_> = invites.by_number(62 - lost).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_disk_that_is_nearly_full_stops_new_calls_before_it_is_full() {
    let mut world = World::without_pbx();
    world.server.terminate();
    let listen = world.pair.ports.api;
    // Nobody has this much: the disk counts as nearly full.
    world.home.file("carillon.toml", format!("listen = \"127.0.0.1:{listen}\"\ndisk_free_min_mib = 10000000000\n"));
    let refused = world.run(&["config", "check"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    world.home.file("carillon.toml", format!("listen = \"127.0.0.1:{listen}\"\ndisk_free_min_mib = 1000000000\n"));
    world.serve_again();
    let reason = world.wait("the warning", A_FAULT, || match ready(&world) {
        (503, answer) => Ok(answer["reasons"][0].as_str().unwrap().to_owned()),
        other => Err(format!("{other:?}")),
    });
    assert!(reason.contains("nearly full") && reason.contains("MiB"), "{reason}");
    assert!(world.run(&["live"]).ok().contains(&reason));
}
