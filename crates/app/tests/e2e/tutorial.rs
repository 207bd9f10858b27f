//! The first campaign, as a newcomer runs it: by the command line, then what the report says of it.

use crate::common::finish;
use crate::world::{Invites, World, brief, ms, rule, seconds_between};
use serde_json::{Value, json};
use std::time::Duration;

/// A handful of calls with short retries, on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(50);

#[test]
fn a_newcomer_configures_imports_dials_retries_and_reports_by_the_command_line() {
    let world = World::without_pbx();
    let login = world.pair.pbx.ari();
    let (port, host) = (login.port.to_string(), login.host.as_str());
    let mut add = world.home.command(&["pbx", "add", "office", "--host", host, "--port", &port, "--user", &login.user]);
    add.env("CARILLON_PBX_PASSWORD", &login.password);
    finish(add).ok();
    let trunk = ["trunk", "add", "carrier", "--pbx", "office", "--dial-string", "PJSIP/${num}@carrier"];
    world.run(&[&trunk[..], &["--capacity", "10"]].concat()).ok();
    let end_point = ["endpoint", "add", "999", "--pbx", "office", "--context", "carillon-demo"];
    world.run(&[&end_point[..], &["--extension", "message", "--max-channels", "10"]].concat()).ok();
    let file = world.home.file("people.csv", "NUM;NAME\n15551001001;Ann\n+1 (555) 420-0001;Bob\nnobody;Eve\n");
    let imported = world.run(&["list", "import", &file, "--list", "people"]).ok();
    assert!(imported.contains("3 rows, 2 accepted, 1 refused"), "{imported}");
    let campaign = ["campaign", "create", "first", "--trunk", "carrier", "--endpoint", "999", "--list", "people"];
    world.run(&[&campaign[..], &["--answer-timeout", "8s", "--pack", "unrestricted"]].concat()).ok();
    for (state, attempts, after) in [("rejected", "2", "1s"), ("noanswer", "3", "90s"), ("busy", "2", "300s")] {
        world.run(&["campaign", "rule", "add", "first", "--on", state, "--attempts", attempts, "--after", after]).ok();
    }
    world.wait_for_link();

    let run = world.run_json(&["campaign", "start", "first"])["id"].to_string();
    let watched = world.run(&["run", "watch", &run]).ok();
    assert!(watched.contains("COMPLETED: 4 attempts, 1 connected"), "{watched}");
    assert!(!watched.contains('\u{1b}'), "{watched}");

    let report = world.run_json(&["report", "--run", "first"]);
    assert_eq!(
        report["outcomes"],
        json!([
            {"state": "RS_REJECTED", "ext_state": "", "count": 3, "share": 0.75},
            {"state": "TERMINATED", "ext_state": "", "count": 1, "share": 0.25},
        ])
    );
    assert_eq!((&report["contacts"], &report["attempts"], &report["retries"]), (&json!(2), &json!(4), &json!(2)));
    assert_eq!((&report["double_dialled"], &report["lost"]), (&json!(0), &json!(0)));
    assert_eq!(report["per_trunk"][0]["share"], json!(1.0));
    let table = world.run(&["report", "--run", "first"]).ok();
    for part in ["RS_REJECTED", "75.0 %", "TERMINATED", "25.0 %", "carrier", "100.0 %"] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let attempts = world.run_json(&["attempt", "list", "--run", &run]);
    let answered = attempts["items"].as_array().unwrap().iter().find(|a| a["state"] == "TERMINATED").unwrap();
    let shown = world.run(&["attempt", "show", &answered["id"].to_string()]).ok();
    assert!(shown.contains("answered") && shown.contains("TERMINATED"), "{shown}");
}

#[test]
fn a_number_that_always_congests_is_tried_three_times_and_the_campaign_can_be_started_again() {
    let world = World::start();
    let list = world.list("people", &["15554200001"]);
    let campaign = world.campaign("congested", &[list], json!({"rules": [rule("RS_REJECTED", 2, 2)]}));
    let run = world.start_run(campaign);
    let attempts = world.complete(run, A_FEW_CALLS);
    let retries: Vec<&Value> = attempts.iter().map(|attempt| &attempt["retry"]).collect();
    assert_eq!(retries, [&json!(0), &json!(1), &json!(2)], "{}", brief(&attempts));
    for pair in attempts.windows(2) {
        assert_eq!(ms(&pair[0]["retry_at"]) - ms(&pair[0]["ended_at"]), 2_000);
        let gap = seconds_between(&pair[0]["ended_at"], &pair[1]["requested_at"]);
        assert!((2.0..8.0).contains(&gap), "{gap} s\n{}", brief(&attempts));
    }
    assert_eq!(attempts[2]["retry_at"], Value::Null);

    let again = world.start_run(campaign);
    assert_ne!(again, run);
    let attempts = world.complete(again, A_FEW_CALLS);
    assert_eq!(attempts.len(), 3, "{}", brief(&attempts));
}

#[test]
fn the_timeline_tells_decision_receipt_and_facts_with_the_pbxs_own_times() {
    let world = World::start();
    let run = world.dial("one", &["15551001001"], json!({}));
    let attempts = world.complete(run, A_FEW_CALLS);
    let (kinds, events) = world.timeline(&attempts[0]);
    assert_eq!(
        kinds,
        [
            "attempt.scheduled",
            "leg.requested",
            "leg.created",
            "leg.ringing_seen",
            "leg.answered",
            "leg.ended",
            "attempt.ended"
        ]
    );
    let receipt = &events[0]["data"]["receipt"];
    assert_eq!(receipt["picked"], "fresh_in_order");
    assert!(receipt["rules"].as_array().unwrap().contains(&json!("trunk_free")), "{receipt}");
    assert_eq!((&receipt["trunk_in_use"], &receipt["trunk_capacity"]), (&json!(0), &json!(10)));
    for event in &events {
        let from_pbx = ["leg.ringing_seen", "leg.answered", "leg.ended"].contains(&event["kind"].as_str().unwrap());
        assert!(!from_pbx || event["pbx_at"].as_str().is_some_and(|at| at.starts_with("20")), "{event}");
    }
    assert!(events.windows(2).all(|pair| ms(&pair[0]["at"]) <= ms(&pair[1]["at"])), "{events:#?}");
    // What was written to be read by anybody names nobody.
    assert!(!json!(events).to_string().contains("1001001"), "{events:#?}");
    let segments = events[5]["data"]["segments"].as_array().unwrap();
    let kinds: Vec<&str> = segments.iter().map(|segment| segment["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["setup", "ringing", "talk"]);
    let sums = ["wait_pre_ms", "wait_after_ms", "talk_ms"];
    for (segment, field) in segments.iter().zip(sums) {
        let length = ms(&segment["to"]) - ms(&segment["from"]);
        assert!((length - attempts[0][field].as_i64().unwrap()).abs() <= 1, "{field}: {segment} {:#}", attempts[0]);
    }
}

#[test]
fn lists_are_dialled_one_after_the_other_in_the_campaigns_order() {
    let world = World::start();
    let second = world.list("second", &["15554000003", "15554000004"]);
    let first = world.list("first", &["15554000001", "15554000002"]);
    let trunk = world.add_trunk("one at a time", json!({"capacity": 1}));
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.start_run(world.campaign("two lists", &[first, second], json!({"trunks": [trunk]})));
    let attempts = world.complete(run, A_FEW_CALLS);
    let numbers: Vec<&Value> = attempts.iter().map(|attempt| &attempt["number"]).collect();
    assert_eq!(numbers, ["15554000001", "15554000002", "15554000003", "15554000004"]);
    assert_eq!(invites.reaching(4), 4);
}
