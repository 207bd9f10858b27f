//! Links and routes that fail while something is going on: taken over, renamed, away.

use crate::common::Home;
use crate::world::{Invites, World, brief, count, rule, serve};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::http::Client;

/// A few calls and a reconnect on a busy machine.
const A_RECONNECT: Duration = Duration::from_secs(50);

fn pbx_body(world: &World, changes: Value) -> Value {
    let login = world.pair.pbx.ari();
    crate::world::merged(
        json!({"name": "office", "host": login.host, "port": login.port, "username": login.user, "password": login.password}),
        changes,
    )
}

#[test]
fn a_second_installation_with_our_application_name_stops_us_and_we_come_back_when_told() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let hold = world.add_end_point("hold", 1);
    let run = world.dial("ours", &["15551100001", "15554000002"], json!({"end_points": [hold]}));
    world.wait_for_attempts(run, "a conversation", A_RECONNECT, |attempts| count(attempts, "CONNECTED") == 1);

    let home = Home::new();
    let port = world.pair.ports.spare[0];
    home.file("carillon.toml", format!("listen = \"127.0.0.1:{port}\"\n"));
    home.run(&["init"]).ok();
    let token = std::fs::read_to_string(home.path("carillon-data/token")).unwrap();
    let api = Client::new(&format!("http://127.0.0.1:{port}"), Some(token.trim())).unwrap();
    let mut other = serve(&home, port);
    api.expect("POST", "/api/pbxs", Some(&pbx_body(&world, json!({})))).unwrap();

    let down = world.wait("the loss of the link", A_RECONNECT, || {
        let pbx = world.live()["pbxs"][0].clone();
        if pbx["state"] == "down" { Ok(pbx) } else { Err(pbx.to_string()) }
    });
    assert!(down["why"].as_str().unwrap().contains("application name"), "{down}");
    assert!(world.run(&["live"]).ok().contains("application name"));
    // The call is up all the while: neither installation touches it.
    assert_eq!(world.channels().len(), 1, "{:?}", world.channels());
    let theirs = world.wait("the other's link", A_RECONNECT, || {
        let live = api.expect("GET", "/api/live", None).unwrap();
        if live["pbxs"][0]["state"] == "up" { Ok(live) } else { Err(live["pbxs"].to_string()) }
    });
    assert_eq!(theirs["totals"]["open_calls"], json!(0), "our call is not theirs: {theirs:#}");
    assert_eq!(world.channels().len(), 1, "{:?}", world.channels());

    other.terminate();
    let body = pbx_body(&world, json!({}));
    world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&body)).unwrap();
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (2, 1), "{}", brief(&attempts));
    assert!(["TERMINATED", "RS_LOST"].contains(&attempts[0]["state"].as_str().unwrap()), "{}", brief(&attempts));
    assert_eq!(invites.reaching(2), 2);
}

#[test]
fn renaming_a_pbx_and_widening_a_trunk_leave_its_calls_alone() {
    let world = World::start();
    let hold = world.add_end_point("hold", 9);
    let trunk = world.add_trunk("narrow", json!({"capacity": 1}));
    let numbers = ["15555103001", "15555103002", "15555103003"];
    let run = world.dial("changes", &numbers, json!({"end_points": [hold], "trunks": [trunk]}));
    world.wait_for_attempts(run, "a conversation", A_RECONNECT, |attempts| count(attempts, "CONNECTED") == 1);
    let body = pbx_body(&world, json!({"name": "headquarters", "originates_per_second": 7}));
    world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&body)).unwrap();
    let live = world.live();
    assert_eq!((&live["pbxs"][0]["state"], &live["pbxs"][0]["name"]), (&json!("up"), &json!("headquarters")));
    world.patch(&format!("/api/trunks/{trunk}"), json!({"capacity": 3}));
    world.wait_for_attempts(run, "three at once", A_RECONNECT, |attempts| {
        attempts.iter().filter(|attempt| attempt["ended_at"].is_null()).count() == 3
    });
    let (status, refusal) = world.api.delete(&format!("/api/trunks/{trunk}")).unwrap();
    assert_eq!((status, &refusal["error"]["code"]), (409, &json!("in_use")), "{refusal}");
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!((attempts.len(), count(&attempts, "TERMINATED")), (3, 3), "{}", brief(&attempts));
    for attempt in &attempts {
        assert_eq!(attempt["ended_by"], "far_end", "{attempt:#}");
        let (kinds, _) = world.timeline(attempt);
        assert!(!kinds.iter().any(|kind| kind.contains("uncertain")), "the link was not touched: {kinds:?}");
    }
}

#[test]
fn a_carrier_that_is_away_rests_the_trunk_and_its_return_is_noticed() {
    let mut world = World::start();
    world.pair.carrier.stop();
    let trunk = world.add_trunk("away", json!({"capacity": 5, "progress_timeout_ms": 1_000}));
    let numbers: Vec<String> = (10..22).map(|n| format!("155510000{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("away", &numbers, json!({"trunks": [trunk]}));
    world.wait("the trunk rests", A_RECONNECT, || {
        let live = world.live();
        let trunk = live["trunks"].as_array().unwrap().iter().find(|row| row["id"] == trunk).unwrap().clone();
        if trunk["circuit"] == "open" { Ok(()) } else { Err(trunk.to_string()) }
    });
    // Those on their way end first: a carrier that returns while they ring would answer them.
    world.wait_for_attempts(run, "the end of those on their way", A_RECONNECT, |attempts| {
        attempts.iter().all(|attempt| !attempt["ended_at"].is_null())
    });
    let tried = world.attempts(run).len();
    // Four that failed made room for four more before the fifth failed.
    assert!((5..=9).contains(&tried), "{tried}");
    world.pair.carrier.boot().unwrap();
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!(
        (count(&attempts, "RS_REJECTED"), count(&attempts, "TERMINATED")),
        (tried, 12 - tried),
        "{}",
        brief(&attempts)
    );
    assert!(attempts.iter().take(tried).all(|attempt| attempt["fault"] == "carrier"), "{}", brief(&attempts));
}

#[test]
fn one_number_on_two_campaigns_is_never_in_two_calls() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let number = "15551001001";
    let runs = ["one", "two"].map(|name| world.dial(name, &[number, "15554000002"], json!({})));
    let mut calls: Vec<Value> = Vec::new();
    for run in runs {
        calls.extend(world.complete(run, A_RECONNECT).into_iter().filter(|attempt| attempt["number"] == number));
    }
    calls.sort_by_key(|attempt| crate::world::ms(&attempt["requested_at"]));
    assert_eq!((calls.len(), count(&calls, "TERMINATED")), (2, 2), "{}", brief(&calls));
    assert!(crate::world::ms(&calls[0]["ended_at"]) <= crate::world::ms(&calls[1]["requested_at"]), "{calls:#?}");
    assert_eq!(invites.reaching(4), 4);
}

#[test]
fn an_answer_that_crosses_our_time_out_is_either_and_leaves_nothing_behind() {
    let world = World::start();
    // All of them answer in the very second in which we give up.
    let numbers: Vec<String> = (1..=8).map(|n| format!("1555100300{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let rules = json!([rule("RS_NOANSWER", 1, 1)]);
    let run = world.dial("crossing", &numbers, json!({"answer_timeout_ms": 3_003, "rules": rules}));
    let attempts = world.complete(run, A_RECONNECT);
    let (answered, given_up) = (count(&attempts, "TERMINATED"), count(&attempts, "RS_NOANSWER"));
    assert_eq!(answered + given_up, attempts.len(), "{}", brief(&attempts));
    for attempt in attempts.iter().filter(|attempt| attempt["state"] == "TERMINATED") {
        assert!(attempt["connected_at"].is_string(), "{attempt:#}");
    }
    assert!(world.channels().is_empty(), "{:?}", world.channels());
}
