//! Capacities, rates, priorities, fairness, and the trunk that rests when its carrier refuses call after call.

use crate::world::{Invites, World, brief, count, ms};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::{Instance, PortBlock, Template};

on_both_engines! {
    a_trunks_calls_per_second_are_kept;
    one_number_twice_in_a_list_is_called_twice_and_never_at_once;
    a_storm_of_503_rests_the_trunk_after_five_and_costs_the_others_nothing;
}

/// A dozen short calls on a busy machine.
const A_DOZEN_CALLS: Duration = Duration::from_secs(55);
/// Answers at once, hears the message.
const ANSWERS: [&str; 4] = ["15551000001", "15551000002", "15551000003", "15551000004"];

/// No call begins before the one before it was over.
fn assert_one_after_the_other(attempts: &[Value]) {
    for pair in attempts.windows(2) {
        assert!(ms(&pair[0]["ended_at"]) <= ms(&pair[1]["scheduled_at"]), "{pair:#?}");
    }
}

#[test]
fn a_trunk_of_capacity_one_dials_strictly_one_after_the_other() {
    let world = World::start();
    let trunk = world.add_trunk("single", json!({"capacity": 1}));
    let run = world.dial("single", &ANSWERS, json!({"trunks": [trunk]}));
    let attempts = world.complete(run, A_DOZEN_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 4, "{}", brief(&attempts));
    assert_one_after_the_other(&attempts);
}

#[test]
fn an_end_point_for_one_call_takes_strictly_one_after_the_other() {
    let world = World::start();
    let phone = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "phone", "context": "carillon-demo", "extension": "message", "max_channels": 1}),
    );
    let run = world.dial("phone", &ANSWERS, json!({"end_points": [phone]}));
    let attempts = world.complete(run, A_DOZEN_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 4, "{}", brief(&attempts));
    assert_one_after_the_other(&attempts);
}

fn a_trunks_calls_per_second_are_kept() {
    let world = World::start();
    let trunk = world.add_trunk("slow", json!({"calls_per_second": 2}));
    let numbers: Vec<String> = (0..9).map(|n| format!("1555400{n:04}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("slow", &numbers, json!({"trunks": [trunk]}));
    let attempts = world.complete(run, A_DOZEN_CALLS);
    let decided: Vec<i64> = attempts.iter().map(|attempt| ms(&attempt["scheduled_at"])).collect();
    assert_eq!(decided.len(), 9);
    // The third after the first is at least a second later; a timer may make up for 20 ms of lateness.
    assert!(decided.windows(3).all(|three| three[2] - three[0] >= 960), "{decided:?}");
    // And it is not slower than that for no reason: eight gaps of half a second.
    assert!(decided[8] - decided[0] < 12_000, "{decided:?}");
}

fn one_number_twice_in_a_list_is_called_twice_and_never_at_once() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.dial("twins", &["15551001001", "15551001001", "15551002002"], json!({}));
    let attempts = world.complete(run, A_DOZEN_CALLS);
    let twins: Vec<Value> = attempts.iter().filter(|a| a["number"] == "15551001001").cloned().collect();
    assert_eq!(twins.len(), 2, "{}", brief(&attempts));
    assert_ne!(twins[0]["contact"], twins[1]["contact"]);
    assert_one_after_the_other(&twins);
    assert_eq!(invites.by_number(3), BTreeMap::from([("15551001001".into(), 2), ("15551002002".into(), 1)]));
}

#[test]
fn the_more_urgent_campaign_takes_the_shared_trunk_first() {
    let world = World::start();
    let trunk = world.add_trunk("shared", json!({"capacity": 2}));
    let numbers = |from: u32| (from..from + 4).map(|n| format!("1555100{n:04}")).collect::<Vec<_>>();
    let (later, urgent) = (numbers(100), numbers(200));
    let as_str = |numbers: &[String]| numbers.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
    world.api.expect("POST", "/api/dialling/hold", Some(&json!({"why": "both must wait"}))).unwrap();
    let run_of = |name: &str, numbers: &[String], priority: i32| {
        let numbers = as_str(numbers);
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        world.dial(name, &numbers, json!({"trunks": [trunk], "priority": priority}))
    };
    let (b, a) = (run_of("later", &later, 10), run_of("urgent", &urgent, 1));
    for run in [a, b] {
        world.wait("four contacts in the hopper", A_DOZEN_CALLS, || {
            let figures = world.live_run(run);
            if figures["hopper"] == 4 { Ok(()) } else { Err(figures.to_string()) }
        });
    }
    world.post("/api/dialling/lift");
    let (first, second) = (world.complete(a, A_DOZEN_CALLS), world.complete(b, A_DOZEN_CALLS));
    let latest = first.iter().map(|attempt| ms(&attempt["scheduled_at"])).max();
    let earliest = second.iter().map(|attempt| ms(&attempt["scheduled_at"])).min();
    assert!(latest <= earliest, "{}\n{}", brief(&first), brief(&second));
}

#[test]
fn campaigns_of_one_priority_share_a_trunk_fairly() {
    let world = World::start();
    let trunk = world.add_trunk("shared", json!({"capacity": 2}));
    world.api.expect("POST", "/api/dialling/hold", Some(&json!({}))).unwrap();
    let mut runs = Vec::new();
    for campaign in 0..2 {
        let numbers: Vec<String> = (0..12).map(|n| format!("1555410{campaign}{n:03}")).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        runs.push(world.dial(&format!("campaign {campaign}"), &numbers, json!({"trunks": [trunk]})));
    }
    for run in &runs {
        world.wait("twelve contacts in the hopper", A_DOZEN_CALLS, || {
            let figures = world.live_run(*run);
            if figures["hopper"] == 12 { Ok(()) } else { Err(figures.to_string()) }
        });
    }
    world.post("/api/dialling/lift");
    let mut order: Vec<(i64, i64)> = Vec::new();
    for run in &runs {
        order.extend(world.complete(*run, A_DOZEN_CALLS).iter().map(|a| (a["id"].as_i64().unwrap(), *run)));
    }
    order.sort_unstable();
    // In turn, give or take the one that is on its way.
    for length in 2..=order.len() {
        let of_first = order[..length].iter().filter(|(_, run)| *run == runs[0]).count();
        assert!(of_first.abs_diff(length - of_first) <= 2, "{order:?}");
    }
}

fn a_storm_of_503_rests_the_trunk_after_five_and_costs_the_others_nothing() {
    let world = World::start();
    let trunk = world.add_trunk("stormy", json!({"capacity": 1}));
    let storm = ["15554200001", "15554200002", "15554200003", "15554200004", "15554200005"];
    let numbers = [&storm[..], &ANSWERS[..2]].concat();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.dial("storm", &numbers, json!({"trunks": [trunk]}));
    let resting = world.wait("the trunk rests", A_DOZEN_CALLS, || {
        let live = world.live();
        let trunk = live["trunks"].as_array().unwrap().iter().find(|row| row["id"] == trunk).unwrap().clone();
        if trunk["circuit"] == "open" { Ok(trunk) } else { Err(trunk.to_string()) }
    });
    assert!(resting["probe_at"].is_string(), "{resting}");
    assert_eq!(world.attempts(run).len(), 5, "those that were not picked have no attempt");
    assert_eq!(invites.reaching(5), 5);
    let shown = world.run(&["live"]).ok();
    assert!(shown.contains("open, probe at"), "{shown}");

    let attempts = world.complete(run, A_DOZEN_CALLS);
    assert_eq!((count(&attempts, "RS_REJECTED"), count(&attempts, "TERMINATED")), (5, 2), "{}", brief(&attempts));
    assert!(attempts.iter().all(|attempt| attempt["retry"] == 0));
    let pause = ms(&attempts[5]["scheduled_at"]) - ms(&attempts[4]["ended_at"]);
    assert!((9_900..20_000).contains(&pause), "{pause} ms");
    let (_, events) = world.timeline(&attempts[5]);
    assert_eq!(events[0]["data"]["receipt"]["probe"], json!(true), "{events:#?}");
}

#[test]
fn two_pbxs_are_both_used_and_no_call_mixes_them() {
    let world = World::start();
    let ports = PortBlock::lease().unwrap();
    let carrier = world.pair.ports.carrier_sip.to_string();
    let other = Instance::start_with(Template::Pbx, &ports, &[("CARRIER_PORT", &carrier)]).unwrap();
    let login = other.ari();
    let pbx = world.create(
        "pbxs",
        json!({"name": "branch", "host": login.host, "port": login.port, "username": login.user, "password": login.password}),
    );
    let trunk = world
        .create("trunks", json!({"pbx": pbx, "name": "branch", "dial_string": "PJSIP/${num}@carrier", "capacity": 2}));
    let end_point = world.create(
        "end-points",
        json!({"pbx": pbx, "name": "branch", "context": "carillon-demo", "extension": "message", "max_channels": 2}),
    );
    world.patch(&format!("/api/trunks/{}", world.trunk), json!({"capacity": 2}));
    world.wait("both links", A_DOZEN_CALLS, || {
        let live = world.live();
        let up = live["pbxs"].as_array().unwrap().iter().filter(|row| row["state"] == "up").count();
        if up == 2 { Ok(()) } else { Err(live["pbxs"].to_string()) }
    });
    let numbers: Vec<String> = (0..8).map(|n| format!("1555100{n:04}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let changes = json!({"trunks": [world.trunk, trunk], "end_points": [world.message, end_point]});
    let run = world.dial("both", &numbers, changes);
    let attempts = world.complete(run, A_DOZEN_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 8, "{}", brief(&attempts));
    let of_branch = attempts.iter().filter(|attempt| attempt["pbx"] == pbx).count();
    assert!((1..=7).contains(&of_branch), "{of_branch} of 8");
    for attempt in &attempts {
        let branch = attempt["pbx"] == pbx;
        assert_eq!((attempt["trunk"] == trunk, attempt["end_point"] == end_point), (branch, branch), "{attempt:#}");
    }
}
