//! Links that are sick and not gone: a PBX that stands still, a network that swallows, answers that never come, events
//! that are not ours. It is noticed within 5 s, nothing new is dialled there, and within 10 s of its end all is well.

use crate::world::{Invites, World, brief, count, ms};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};
use testkit::Faults;

// Over AMI an answer that is lost makes nothing uncertain: an originate is known by its channel.
on_ami_too! {
    a_pbx_that_stands_still_for_three_seconds_is_stale_and_goes_on_without_a_new_connection;
    a_network_that_swallows_everything_is_noticed_and_survived;
    a_network_that_swallows_only_our_requests_is_noticed_and_survived;
    a_network_that_swallows_only_what_comes_back_is_noticed_and_survived;
    a_link_that_is_cut_again_and_again_loses_nothing;
    events_that_come_twice_and_answers_that_come_late_change_nothing;
    a_flood_of_strangers_events_breaks_neither_the_link_nor_the_database;
    channels_of_others_are_counted_and_left_alone;
    a_network_that_crawls_delays_and_loses_nothing;
}

/// A few dozen calls and a fault in the middle, on a busy machine.
const A_FAULT: Duration = Duration::from_secs(75);

/// `count` numbers of this beginning; with the last three digits they are complete.
fn numbers(beginning: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{beginning}{n:03}")).collect()
}

/// A run of quick calls at ten a second: busy, dropped two seconds after the answer, and a conversation of ten seconds.
fn quick_calls(world: &World, name: &str, contacts: usize) -> i64 {
    let trunk = world.add_trunk(name, json!({"capacity": 40, "calls_per_second": 10}));
    let end_point = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": name, "context": "carillon-demo", "extension": "hold", "max_channels": 40}),
    );
    let all: Vec<String> = (0..contacts)
        .map(|n| match n % 4 {
            0 => format!("15555101{n:03}"),
            _ => format!("15554000{n:03}"),
        })
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.dial(name, &all, json!({"trunks": [trunk], "end_points": [end_point]}))
}

fn wait_for_a_dozen(world: &World, run: i64) {
    world.wait_for_attempts(run, "a dozen calls", A_FAULT, |attempts| attempts.len() >= 12);
}

/// One attempt per contact, one call per attempt that was dialled, none lost; the proxy saw what the books hold.
fn assert_books(world: &World, run: i64, contacts: usize, invites: &mut Invites) -> Vec<Value> {
    let attempts = world.complete(run, A_FAULT);
    let called: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    assert_eq!((called.len(), attempts.len()), (contacts, contacts), "{}", brief(&attempts));
    let known = attempts.len() - count(&attempts, "RS_LOST");
    let twice: Vec<_> = invites.by_number(known).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    if let Some(proxy) = &world.proxy {
        let passed = proxy.passed();
        let rows: BTreeSet<&str> = attempts.iter().map(|attempt| attempt["channel"].as_str().unwrap()).collect();
        assert_eq!(passed.iter().collect::<BTreeSet<_>>().len(), passed.len(), "an originate left twice");
        for channel in &passed {
            assert!(rows.contains(channel.as_str()), "{channel} has no attempt");
        }
    }
    attempts
}

/// No call was decided while the PBX was stale: from when it was told until it was back.
fn assert_held(attempts: &[Value], from: &Value, until: &Value) {
    let (from, until) = (ms(from), ms(until));
    let meanwhile: Vec<&Value> =
        attempts.iter().filter(|attempt| (from + 1..until).contains(&ms(&attempt["scheduled_at"]))).collect();
    assert!(meanwhile.is_empty(), "decided between {from} and {until}: {meanwhile:#?}");
}

#[test]
fn a_pbx_that_stands_still_for_three_seconds_is_stale_and_goes_on_without_a_new_connection() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "stopped", 60);
    wait_for_a_dozen(&world, run);
    let stopped_at = Instant::now();
    world.pair.pbx.pause();
    let stale = world.stale(stopped_at);
    assert!(world.run(&["live"]).ok().contains("pbx office: stale since"));
    thread::sleep(Duration::from_secs(3).saturating_sub(stopped_at.elapsed()));
    world.pair.pbx.resume();
    world.back(Instant::now());
    let back = world.live()["pbxs"][0]["since"].clone();
    assert_eq!(world.server.log().matches("PBX connected").count(), 1, "{}", world.server.log_tail());
    let attempts = assert_books(&world, run, 60, &mut invites);
    assert_held(&attempts, &stale["since"], &back);
    assert_eq!(count(&attempts, "RS_LOST"), 0, "{}", brief(&attempts));
}

fn a_way_that_swallows(blackhole: impl FnOnce(&mut Faults)) {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "swallowed", 80);
    wait_for_a_dozen(&world, run);
    let began = Instant::now();
    world.proxy().set(blackhole);
    let stale = world.stale(began);
    thread::sleep(Duration::from_secs(7).saturating_sub(began.elapsed()));
    assert_ne!(world.live()["pbxs"][0]["state"], "up");
    world.proxy().heal();
    world.back(Instant::now());
    let back = world.live()["pbxs"][0]["since"].clone();
    let attempts = assert_books(&world, run, 80, &mut invites);
    assert_held(&attempts, &stale["since"], &back);
}

#[test]
fn a_network_that_swallows_everything_is_noticed_and_survived() {
    a_way_that_swallows(|faults| {
        faults.to_pbx.blackhole = true;
        faults.from_pbx.blackhole = true;
    });
}

#[test]
fn a_network_that_swallows_only_our_requests_is_noticed_and_survived() {
    a_way_that_swallows(|faults| faults.to_pbx.blackhole = true);
}

#[test]
fn a_network_that_swallows_only_what_comes_back_is_noticed_and_survived() {
    a_way_that_swallows(|faults| faults.from_pbx.blackhole = true);
}

#[test]
fn a_link_that_is_cut_again_and_again_loses_nothing() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "cut", 60);
    wait_for_a_dozen(&world, run);
    for _ in 0..3 {
        let cut_at = Instant::now();
        world.proxy().cut();
        world.live_within("down", cut_at, Duration::from_secs(1), |live| live["pbxs"][0]["state"] != "up");
        world.back(cut_at);
        thread::sleep(Duration::from_millis(700));
    }
    assert_books(&world, run, 60, &mut invites);
}

#[test]
fn a_request_that_is_never_answered_makes_the_link_stale_and_only_its_call_uncertain() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "unanswered", 80);
    wait_for_a_dozen(&world, run);
    let began = Instant::now();
    world.proxy().set(|faults| faults.swallow_every = Some(15));
    let stale = world.stale(began);
    assert!(stale["why"].as_str().unwrap().contains("answer"), "{stale}");
    thread::sleep(Duration::from_secs(4));
    world.proxy().heal();
    world.back(Instant::now());
    let attempts = assert_books(&world, run, 80, &mut invites);
    assert_eq!(count(&attempts, "RS_LOST"), 0, "events told what the answers did not: {}", brief(&attempts));
}

#[test]
fn events_that_come_twice_and_answers_that_come_late_change_nothing() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    world.proxy().set(|faults| {
        faults.duplicate_events = true;
        faults.from_pbx.delay = Duration::from_millis(500);
    });
    let run = quick_calls(&world, "twice", 40);
    let attempts = assert_books(&world, run, 40, &mut invites);
    assert_eq!((count(&attempts, "TERMINATED"), count(&attempts, "RS_BUSY")), (10, 30), "{}", brief(&attempts));
}

#[test]
fn a_flood_of_strangers_events_breaks_neither_the_link_nor_the_database() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "flooded", 80);
    wait_for_a_dozen(&world, run);
    let sent = world.proxy().flood(10_000, Duration::from_secs(4));
    eprintln!("{sent} events of strangers in 4 s");
    assert!(sent > 4_000, "too few to be a flood: {sent}");
    let shown = world.live();
    let attempts = assert_books(&world, run, 80, &mut invites);
    assert_eq!(count(&attempts, "RS_LOST"), 0, "{}", brief(&attempts));
    assert!(shown["pbxs"][0]["foreign_channels"].is_u64(), "{shown}");
}

#[test]
fn channels_of_others_are_counted_and_left_alone() {
    let world = World::start();
    let mut ami = testkit::ami::Ami::connect(&world.pair.pbx.ami()).unwrap();
    for number in ["15551000001", "15551000002", "15551000003"] {
        ami.originate(&format!("stranger-{number}"), &format!("PJSIP/{number}@carrier"), "hold", A_FAULT).unwrap();
    }
    let seen = |world: &World| world.live()["pbxs"][0]["foreign_channels"].as_u64().unwrap();
    world.wait("three strangers", A_FAULT, || if seen(&world) == 3 { Ok(()) } else { Err(seen(&world).to_string()) });
    assert!(world.run(&["live"]).ok().contains("foreign channels: 3"));
    let run = world.dial("ours", &["15554000001"], json!({}));
    let attempts = world.complete(run, A_FAULT);
    assert_eq!(count(&attempts, "RS_BUSY"), 1, "{}", brief(&attempts));
    assert_eq!(world.channels().len(), 3, "theirs are left alone: {:?}", world.channels());
}

#[test]
fn a_network_that_crawls_delays_and_loses_nothing() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = quick_calls(&world, "crawling", 40);
    wait_for_a_dozen(&world, run);
    world.proxy().set(|faults| faults.from_pbx.bytes_per_second = Some(20_000));
    thread::sleep(Duration::from_secs(5));
    world.proxy().heal();
    world.back(Instant::now());
    assert_books(&world, run, 40, &mut invites);
}

#[test]
fn the_second_pbx_never_notices_what_ails_the_first() {
    let world = World::through_proxy();
    let second = testkit::Pair::start().unwrap();
    let login = second.pbx.ari();
    let pbx = world.create(
        "pbxs",
        json!({"name": "second", "host": login.host, "port": login.port, "username": login.user, "password": login.password}),
    );
    let trunk = world.create(
        "trunks",
        json!({"pbx": pbx, "name": "second", "dial_string": "PJSIP/${num}@carrier", "capacity": 20, "calls_per_second": 8}),
    );
    let end_point = world.create(
        "end-points",
        json!({"pbx": pbx, "name": "second", "context": "carillon-demo", "extension": "bye", "max_channels": 20}),
    );
    world.wait("the second link", A_FAULT, || {
        let live = world.live();
        if live["pbxs"][1]["state"] == "up" { Ok(()) } else { Err(live["pbxs"].to_string()) }
    });
    let sick = quick_calls(&world, "sick", 80);
    let well = numbers("15554000", 160);
    let well: Vec<&str> = well.iter().map(String::as_str).collect();
    let well = world.dial("well", &well, json!({"trunks": [trunk], "end_points": [end_point]}));
    wait_for_a_dozen(&world, sick);
    world.proxy().set(|faults| faults.swallow_every = Some(3));
    world.proxy().flood(5_000, Duration::from_secs(3));
    let began = Instant::now();
    world.proxy().heal();
    world.proxy().blackhole();
    world.stale(began);
    thread::sleep(Duration::from_secs(3));
    world.proxy().cut();
    world.proxy().heal();
    let attempts = world.complete(well, A_FAULT);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (160, 160), "{}", brief(&attempts));
    // Eight a second is one each 125 ms.
    let mut decided: Vec<i64> = attempts.iter().map(|attempt| ms(&attempt["scheduled_at"])).collect();
    decided.sort_unstable();
    let widest = decided.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    eprintln!("widest gap between two calls of the second PBX: {widest} ms");
    assert!(widest < 1_000, "{decided:?}");
    world.complete(sick, A_FAULT);
}
