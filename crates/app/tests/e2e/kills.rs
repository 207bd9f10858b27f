//! `kill -9` of the server, again and again: nobody is lost, nobody is called twice, every call that the PBX was asked
//! for has its row, calls up go on, and dialling is back within five seconds.

use crate::world::{Invites, World, brief, count};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};
use testkit::process;

on_ami_too! {
    twenty_kills_in_one_run_lose_nobody_and_call_nobody_twice;
    every_originate_that_was_held_on_its_way_at_a_kill_has_its_row;
    a_killed_asterisk_is_down_at_once_and_dialled_on_within_ten_seconds_of_its_return;
}

/// Kills of one run.
const KILLS: u32 = 20;
/// From the start of the server to the next originate, at most.
const RESUMES_WITHIN: Duration = Duration::from_secs(5);
/// The whole run after its last kill, on a busy machine.
const AFTERWARDS: Duration = Duration::from_secs(100);
/// More than are dialled in all the time between the kills.
const CONTACTS: usize = 640;

/// Numbers that follow from a seed (a linear congruential generator): a failing run can be had again.
struct Seeded(u64);

impl Seeded {
    /// The seed of CARILLON_TEST_SEED, or a new one; it is printed.
    fn new() -> Self {
        let given = std::env::var("CARILLON_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0_u8));
        eprintln!("CARILLON_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Originates that reached the PBX so far.
fn passed(world: &World) -> usize {
    world.proxy().passed().len()
}

/// All attempts of the run, page after page.
fn all_attempts(world: &World, run: i64) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.get(&format!("/api/attempts?run={run}&limit=1000{after}"));
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_i64() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// The originates that the PBX saw and the attempts: each of those has one of these, and of these only such have none
/// that were journalled and cut off before they were sent, or taken back.
fn assert_bijection(world: &World, attempts: &[Value]) -> usize {
    let passed = world.proxy().passed();
    let mut rows: BTreeMap<&str, &Value> = BTreeMap::new();
    for attempt in attempts {
        let twice = rows.insert(attempt["channel"].as_str().unwrap(), attempt);
        assert!(twice.is_none(), "{attempt} shares its channel with {twice:?}");
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for channel in &passed {
        assert!(seen.insert(channel), "{channel} was originated twice");
        assert!(rows.contains_key(channel.as_str()), "{channel} was originated and has no row");
    }
    let unsent: Vec<&Value> =
        rows.iter().filter(|(channel, _)| !seen.contains(*channel)).map(|(_, row)| *row).collect();
    for row in &unsent {
        assert_eq!(row["state"], "RS_LOST", "a row without an originate: {row:#}");
    }
    unsent.len()
}

#[test]
fn twenty_kills_in_one_run_lose_nobody_and_call_nobody_twice() {
    let mut world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let mut seeded = Seeded::new();
    let trunk = world.add_trunk("wide", json!({"capacity": 40, "calls_per_second": 20}));
    let hold = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "wide", "context": "carillon-demo", "extension": "hold", "max_channels": 40}),
    );
    // One in ten is a conversation of ten seconds, two in ten ring for a second, the others are busy.
    let numbers: Vec<String> = (0..CONTACTS)
        .map(|n| match n % 10 {
            0 => format!("15551100{n:03}"),
            1 | 2 => format!("15553101{n:03}"),
            _ => format!("15554000{n:03}"),
        })
        .collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run =
        world.dial("killed", &numbers, json!({"trunks": [trunk], "end_points": [hold], "answer_timeout_ms": 20_000}));

    let mut slowest = Duration::ZERO;
    let mut adopted = 0;
    for kill in 1..=KILLS {
        thread::sleep(Duration::from_millis(200 + seeded.below(1_000)));
        let up_before = world.channels().len();
        world.crash();
        let seen = passed(&world);
        let started_at = Instant::now();
        world.serve_again();
        let resumed =
            process::until(RESUMES_WITHIN, || Ok((passed(&world) > seen).then(|| started_at.elapsed()))).unwrap();
        let Some(resumed) = resumed else {
            panic!("kill {kill}: no call in {RESUMES_WITHIN:?}: {:#}\n{}", world.live(), world.server.log_tail());
        };
        slowest = slowest.max(resumed);
        adopted += up_before;
    }
    eprintln!(
        "{KILLS} kills, about {adopted} calls up at them; dialling resumed after {:.2} s at the latest",
        slowest.as_secs_f64()
    );

    world.wait_for_state(run, "COMPLETED", AFTERWARDS);
    let report = world.report(run);
    assert_eq!(report["double_dialled"], json!(0), "{report}");
    let attempts = all_attempts(&world, run);
    let contacts: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    assert_eq!((contacts.len(), attempts.len()), (CONTACTS, CONTACTS), "one attempt for each");
    let unsent = assert_bijection(&world, &attempts);
    let lost = count(&attempts, "RS_LOST");
    eprintln!("{} attempts, {lost} with an unknown end, {unsent} of them never sent", attempts.len());
    let twice: Vec<_> = invites.by_number(CONTACTS - lost).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // Conversations are adopted and end as they would have: only what ended while nobody looked is unknown.
    let talked = attempts.iter().filter(|attempt| attempt["state"] == "TERMINATED");
    for attempt in talked {
        let talk_ms = attempt["talk_ms"].as_i64().unwrap();
        assert!((8_000..16_000).contains(&talk_ms), "ten seconds, whoever watched: {attempt:#}");
    }
    assert!(count(&attempts, "TERMINATED") > CONTACTS / 20, "{}", count(&attempts, "TERMINATED"));
}

#[test]
fn every_originate_that_was_held_on_its_way_at_a_kill_has_its_row() {
    let mut world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    world.proxy().set(|faults| faults.hold_originates = true);
    let numbers: Vec<String> = (0..12).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("held", &numbers, json!({}));
    world.wait("ten held originates", AFTERWARDS, || {
        let held = world.proxy().held();
        if held == 10 { Ok(()) } else { Err(format!("{held} are held")) }
    });
    world.crash();
    let held: Vec<String> = world.proxy().originates().into_iter().map(|call| call.channel).collect();
    world.proxy().set(|faults| faults.hold_originates = false);
    world.serve_again();
    let rows: BTreeSet<String> =
        world.attempts(run).iter().map(|attempt| attempt["channel"].as_str().unwrap().to_owned()).collect();
    for channel in &held {
        assert!(rows.contains(channel), "{channel} was sent and has no row: {rows:?}");
    }
    // They never arrive: the process that sent them is dead, and its connection with it.
    world.proxy().forget();
    world.wait_for_state(run, "COMPLETED", AFTERWARDS);
    let attempts = world.attempts(run);
    assert_eq!((attempts.len(), count(&attempts, "RS_LOST")), (12, 10), "{}", brief(&attempts));
    assert_eq!(invites.reaching(2), 2);
    let report = world.report(run);
    assert_eq!(report["double_dialled"], json!(0), "{report}");
}

#[test]
fn a_killed_asterisk_is_down_at_once_and_dialled_on_within_ten_seconds_of_its_return() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let numbers: Vec<String> = (0..40).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let trunk = world.add_trunk("slow", json!({"capacity": 40, "calls_per_second": 5}));
    let run = world.dial("asterisk", &numbers, json!({"trunks": [trunk]}));
    world.wait_for_attempts(run, "a few calls", AFTERWARDS, |attempts| attempts.len() >= 5);
    for _ in 0..2 {
        let killed_at = Instant::now();
        world.pair.pbx.kill9();
        world.live_within("down", killed_at, Duration::from_secs(5), |live| live["pbxs"][0]["state"] == "down");
        world.pair.pbx.boot().unwrap();
        world.back(Instant::now());
        thread::sleep(Duration::from_millis(600));
    }
    world.wait_for_state(run, "COMPLETED", AFTERWARDS);
    let attempts = world.attempts(run);
    let contacts: BTreeSet<i64> = attempts.iter().map(|attempt| attempt["contact"].as_i64().unwrap()).collect();
    assert_eq!((contacts.len(), attempts.len()), (40, 40), "{}", brief(&attempts));
    let lost = count(&attempts, "RS_LOST");
    let twice: Vec<_> = invites.by_number(40 - lost).into_iter().filter(|(_, calls)| *calls > 1).collect();
    assert!(twice.is_empty() && lost <= 20, "{lost} lost, {twice:?}");
}
