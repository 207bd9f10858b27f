//! The safe harbour on real Asterisks, over both links: who finds no agent hears the message within two seconds of the answer, by
//! Asterisk's own clock.

use crate::queues::Floor;
use crate::world::{PATIENCE, World, brief, is_ami};
use serde_json::{Value, json};
use std::time::Duration;

on_ami_too! {
    who_finds_nobody_hears_the_message_within_two_seconds_of_the_answer;
    who_has_a_telephone_ringing_is_left_to_that_agent_and_then_hears_the_message;
}

/// People answer after a second and have two to wait, on a busy machine.
const COUNTED: Duration = Duration::from_secs(20);
/// The law's.
const DEADLINE_MS: i64 = 2_000;

/// The context, whose first step tells Asterisk's time of it.
fn with_harbour() -> Floor {
    let floor = Floor::start();
    for step in ["1,UserEvent(CALLSTATUS,Uniqueid:${UNIQUEID},V:HARBOUR)", "2,Playback,hello-world", "3,Hangup,16"] {
        floor.cli(&format!("dialplan add extension s,{step} into carillon-abandoned"));
    }
    floor
}

/// Rows of the ledger, when there are so many.
#[track_caller]
fn books(world: &World, run: i64, rows: usize) -> Vec<Value> {
    let campaign = world.get(&format!("/api/runs/{run}"))["campaign"].as_i64().unwrap();
    world.wait("rows of the ledger", COUNTED, || {
        let page = world.get(&format!("/api/campaigns/{campaign}/ledger"));
        let found = page["items"].as_array().unwrap().clone();
        if found.len() >= rows { Ok(found) } else { Err(format!("{page:#}\n{}", brief(&world.attempts(run)))) }
    })
}

fn of_why<'a>(rows: &'a [Value], why: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["why"] == why).collect()
}

/// Asterisk's own time of an event, milliseconds. It writes its offset without a colon.
#[track_caller]
fn pbx_ms(events: &[Value], kind: &str) -> i64 {
    let event = events.iter().find(|event| event["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {events:#?}"));
    let text = event["pbx_at"].as_str().unwrap_or_else(|| panic!("{kind} without Asterisk's time: {event:#}"));
    let (text, minutes) = text.split_at(text.len() - 2);
    format!("{text}:{minutes}").parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn who_finds_nobody_hears_the_message_within_two_seconds_of_the_answer() {
    let floor = with_harbour();
    let world = &floor.world;
    let end_point = floor.observing("agents", "support", json!({"max_channels": 30}));
    floor.log_on(10, "support");
    let pacing = json!({"mode": "ratio", "ratio": 6});
    let run = floor.dial("harboured", &Floor::people(6), &[end_point], json!({"pacing": pacing}));
    let rows = books(world, run, 12);
    let attempts = world.attempts(run);
    let seen = || format!("{}\n{rows:#?}", brief(&attempts));
    let (connected, abandoned) = (of_why(&rows, "in_time"), of_why(&rows, "safe_harbour"));
    assert_eq!((rows.len(), connected.len(), abandoned.len()), (12, 1, 5), "{}", seen());
    let mut after_ms = Vec::new();
    for row in &abandoned {
        let waited = row["waited_ms"].as_i64().unwrap();
        assert!((1_750..=DEADLINE_MS).contains(&waited), "{row:#}");
        let attempt = attempts.iter().find(|attempt| attempt["id"] == row["attempt"]).unwrap();
        let events = world.wait("the message's own word", PATIENCE, || {
            let (kinds, events) = world.timeline(attempt);
            if kinds.iter().any(|kind| kind == "attempt.status_set") { Ok(events) } else { Err(kinds.join(" ")) }
        });
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
        let at =
            |kind: &str| kinds.iter().position(|other| *other == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"));
        assert!(at("queue.entered") < at("call.harbour_requested"), "{kinds:?}");
        assert!(at("call.harbour_requested") < at("call.harbour_reached"), "{kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == "call.harbour_requested").count(), 1, "{kinds:?}");
        after_ms.push(pbx_ms(&events, "attempt.status_set") - pbx_ms(&events, "leg.answered"));
    }
    after_ms.sort_unstable();
    println!("ami: {}; from the answer to the message, ms by Asterisk's clock: {after_ms:?}", is_ami());
    assert!(after_ms.iter().all(|ms| (1_700..=DEADLINE_MS).contains(ms)), "{after_ms:?}");
    // Asterisk's own log of the queue has the same.
    let log = world.queue_log();
    let of = |event: &str| log.iter().filter(|entry| entry.queue == "support" && entry.event == event).count();
    assert_eq!((of("ENTERQUEUE"), of("CONNECT"), of("ABANDON")), (6, 1, 5), "{log:?}");
    // The conversation goes on.
    let talks = attempts.iter().find(|attempt| attempt["id"] == connected[0]["attempt"]).unwrap();
    assert_eq!(world.get(&format!("/api/attempts/{}", talks["id"]))["state"], "CONNECTED");
    let whole = world.run(&["ledger", "verify"]).ok();
    assert!(whole.contains("12 rows are as they were written"), "{whole}");
    let told = world.run(&["attempt", "show", &abandoned[0]["attempt"].to_string()]).ok();
    assert!(told.contains("brought to the recorded message") && told.contains("safe harbour"), "{told}");
}

#[test]
fn who_has_a_telephone_ringing_is_left_to_that_agent_and_then_hears_the_message() {
    let floor = with_harbour();
    let world = &floor.world;
    let end_point = floor.observing("agents", "support", json!({"max_channels": 30}));
    // Rings for twenty seconds, and nobody answers.
    floor.log_on(20, "support");
    let run = floor.dial("ringing", &Floor::people(1), &[end_point], json!({"pacing": {"mode": "progressive"}}));
    let rows = books(world, run, 2);
    assert_eq!(of_why(&rows, "too_late").len(), 1, "{rows:#?}");
    let attempt = &world.attempts(run)[0];
    let (kinds, _) = world.timeline(attempt);
    assert!(!kinds.iter().any(|kind| kind == "call.harbour_requested"), "{kinds:?}");
    floor.log_off(20, "support");
    let patience = Duration::from_secs(40);
    world.wait("the message, when it stops ringing", patience, || {
        let (kinds, _) = world.timeline(attempt);
        if kinds.iter().any(|kind| kind == "call.harbour_reached") { Ok(()) } else { Err(kinds.join(" ")) }
    });
    assert_eq!(books(world, run, 2).len(), 2, "nothing is counted twice");
}

#[test]
fn without_the_context_people_wait_on_and_doctor_says_what_to_add() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("agents", "support", json!({"max_channels": 30}));
    floor.log_on(10, "support");
    let run = floor.dial("waiting", &Floor::people(2), &[end_point], json!({"pacing": {"mode": "ratio", "ratio": 2}}));
    let rows = books(world, run, 4);
    assert_eq!((of_why(&rows, "in_time").len(), of_why(&rows, "too_late").len()), (1, 1), "{rows:#?}");
    floor.until("agents", "somebody waits on", |queue| queue["waiting"] == 1);
    let found = world.run(&["doctor"]);
    let found = format!("{}{}", found.out, found.err);
    assert!(found.contains("carillon pbx harbour prints the lines"), "{found}");
    assert!(world.run(&["pbx", "harbour"]).ok().contains("[carillon-abandoned]\nexten => s,1,"));
}

#[test]
fn a_manager_user_who_may_not_redirect_raises_an_alert_and_people_wait_on() {
    let floor = with_harbour();
    let world = &floor.world;
    let (ari, manager) = (world.login(), world.pair.pbx.manager());
    let body = json!({"name": "office", "host": ari.host, "port": ari.port, "username": ari.user,
        "manager_username": "carillon-watcher", "manager_password": manager.password, "manager_port": manager.port});
    world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&body)).unwrap();
    let end_point = floor.observing("agents", "support", json!({"max_channels": 30}));
    floor.log_on(10, "support");
    let run = floor.dial("barred", &Floor::people(2), &[end_point], json!({"pacing": {"mode": "ratio", "ratio": 2}}));
    let rows = books(world, run, 4);
    assert_eq!((of_why(&rows, "in_time").len(), of_why(&rows, "too_late").len()), (1, 1), "{rows:#?}");
    let late = of_why(&rows, "too_late")[0]["attempt"].clone();
    let attempts = world.attempts(run);
    let attempt = attempts.iter().find(|attempt| attempt["id"] == late).unwrap();
    let (_, events) = world.timeline(attempt);
    let missed =
        events.iter().find(|event| event["kind"] == "call.harbour_missed").unwrap_or_else(|| panic!("{events:#?}"));
    assert!(missed["data"]["why"].as_str().unwrap().contains("ermission"), "{missed:#}");
    let why = world.wait("the alert", COUNTED, || {
        let alerts = world.get("/api/alerts?limit=100");
        let alert = alerts["items"].as_array().unwrap().iter().find(|alert| alert["kind"] == "harbour_missed");
        alert.map(|alert| alert["why"].as_str().unwrap().to_owned()).ok_or_else(|| alerts.to_string())
    });
    assert!(why.contains("PBX office") && why.contains("`call`"), "{why}");
    // The one whose agent hangs up makes room for the other: nobody was lost.
    let with_agent = of_why(&rows, "in_time")[0]["attempt"].clone();
    world.api.expect("POST", &format!("/api/attempts/{with_agent}/hang-up"), None).unwrap();
    world.wait("the late agent", PATIENCE, || {
        let (kinds, _) = world.timeline(attempt);
        if kinds.iter().any(|kind| kind == "agent.connected") { Ok(()) } else { Err(kinds.join(" ")) }
    });
    assert_eq!(books(world, run, 4).len(), 4, "nothing is counted twice");
}
