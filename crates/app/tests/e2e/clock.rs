//! Somebody sets the wall clock while calls are up: dialling is held until a person has looked, and nobody is cut off.

use crate::world::{Invites, World, brief, count};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};
use testkit::Clock;

/// A few dozen calls and a fault in the middle, on a busy machine.
const A_FAULT: Duration = Duration::from_secs(60);

fn a_clock_that_is_set(ahead: i64) {
    let clock = Clock::new().unwrap();
    let world = World::by_the_clock(&clock);
    let mut invites = Invites::watch(&world.pair.carrier);
    let trunk = world.add_trunk("slow", json!({"capacity": 20, "calls_per_second": 10}));
    let end_point = world.add_end_point("hold", 20);
    let mut numbers = vec!["15551100900".to_owned()];
    numbers.extend((0..40).map(|n| format!("15554000{n:03}")));
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("stepped", &numbers, json!({"trunks": [trunk], "end_points": [end_point]}));
    world.wait_for_attempts(run, "a conversation and some calls", A_FAULT, |attempts| {
        count(attempts, "CONNECTED") == 1 && attempts.len() >= 8
    });
    clock.ahead(ahead);
    let set_at = Instant::now();
    let (_, live) = world.live_within("held", set_at, Duration::from_secs(3), |live| live["dialling"] == "held");
    assert!(live["hold"]["why"].as_str().unwrap().contains("clock"), "{live}");
    assert_eq!(live["hold"]["by"], "carillon");
    // Those on their way when it was set arrive; then nobody is called.
    thread::sleep(Duration::from_millis(500));
    let reached = invites.total();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(invites.total(), reached);
    assert_eq!(world.live()["totals"]["open_calls"], 1, "the conversation goes on");
    world.run(&["resume-dialling"]).ok();
    let attempts = world.complete(run, A_FAULT);
    assert_eq!((count(&attempts, "RS_BUSY"), count(&attempts, "TERMINATED")), (40, 1), "{}", brief(&attempts));
    let talk: Vec<&Value> = attempts.iter().filter(|attempt| attempt["state"] == "TERMINATED").collect();
    assert_eq!(talk[0]["ended_by"], "far_end", "no timer of ours fired: {talk:#?}");
    assert_eq!(invites.reaching(41), 41);
}

#[test]
fn a_clock_that_is_set_an_hour_ahead_holds_dialling_and_ends_no_call() {
    a_clock_that_is_set(3_600);
}

#[test]
fn a_clock_that_is_set_an_hour_back_holds_dialling_and_ends_no_call() {
    a_clock_that_is_set(-3_600);
}
