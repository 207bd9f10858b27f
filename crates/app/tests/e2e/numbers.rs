//! Contacts with several numbers on real Asterisks: one after the other, each by its own standing, none lost by a crash.

use crate::world::{Invites, World, brief, ms, rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::ami::Ami;

on_ami_too! {
    a_number_called_in_vain_is_followed_by_the_next_at_once;
    when_all_numbers_fail_the_rules_decide_on_another_round;
    a_kill_between_two_numbers_loses_none_and_calls_none_twice;
}

/// A few calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(55);

/// A run of one contact with these numbers.
fn dial(world: &World, name: &str, own: &str, further: &[(&str, &str)], changes: Value) -> (i64, i64) {
    let list = world.list(name, &[]);
    let attributes: BTreeMap<&str, &str> = further.iter().copied().collect();
    let contact = world.add_contacts(list, vec![json!({"number": own, "attributes": attributes})])[0];
    (world.start_run(world.campaign(name, &[list], changes)), contact)
}

/// Retry, place, number and outcome of each attempt.
fn story(attempts: &[Value]) -> Vec<(i64, i64, &str, &str)> {
    let int = |value: &Value| value.as_i64().unwrap();
    attempts
        .iter()
        .map(|one| {
            let (number, state) = (one["number"].as_str().unwrap(), one["state"].as_str().unwrap());
            (int(&one["retry"]), int(&one["number_no"]), number, state)
        })
        .collect()
}

#[test]
fn a_number_called_in_vain_is_followed_by_the_next_at_once() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let mut pbx = Ami::connect(&world.pair.pbx.ami()).unwrap();
    let end_point = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "says", "context": "carillon-demo", "extension": "attributes", "max_channels": 1}),
    );
    let changes = json!({"end_points": [end_point], "rules": [rule("RS_BUSY", 5, 1)]});
    let (run, contact) = dial(&world, "two", "15554000001", &[("MULTINUM1", "1 555 1000002")], changes);
    let said = pbx.wait_for(A_FEW_CALLS, |event| event.get("UserEvent") == "ATTRIBUTES").unwrap();
    assert_eq!((said.get("DIALING"), said.get("NUMBERNO")), ("15554000001", "1"), "the main number stays the main one");
    let attempts = world.complete(run, A_FEW_CALLS);
    let expected = [(0, 0, "15554000001", "RS_BUSY"), (0, 1, "15551000002", "TERMINATED")];
    assert_eq!(story(&attempts), expected, "{}", brief(&attempts));
    assert_eq!((&attempts[0]["next_number"], &attempts[0]["retry_at"]), (&json!(1), &Value::Null));
    let between = ms(&attempts[1]["scheduled_at"]) - ms(&attempts[0]["ended_at"]);
    assert!((0..2_000).contains(&between), "{between} ms between the two");
    let rang = invites.by_number(2);
    assert_eq!(rang.values().collect::<Vec<_>>(), [&1, &1], "{rang:?}");
    let shown = world.run(&["attempt", "show", &attempts[1]["id"].to_string()]).ok();
    assert!(shown.contains("number 1 of 2 that the contact has"), "{shown}");
    let shown = world.run(&["contact", "show", &contact.to_string()]).ok();
    assert!(shown.contains("1: 15551000002"), "{shown}");
}

#[test]
fn when_all_numbers_fail_the_rules_decide_on_another_round() {
    let world = World::start();
    let further = [("MULTINUM1", "15554300002"), ("MULTINUM2", "nobody"), ("MULTINUM3", "15554000003")];
    let changes = json!({"rules": [rule("RS_BUSY", 1, 1)]});
    let (run, _) = dial(&world, "rounds", "15554000001", &further, changes);
    let attempts = world.complete(run, A_FEW_CALLS);
    let round = |retry| {
        [
            (retry, 0, "15554000001", "RS_BUSY"),
            (retry, 1, "15554300002", "RS_NUMBER"),
            (retry, 3, "15554000003", "RS_BUSY"),
        ]
    };
    assert_eq!(story(&attempts), [round(0), round(1)].concat(), "{}", brief(&attempts));
    let again = ms(&attempts[2]["retry_at"]) - ms(&attempts[2]["ended_at"]);
    assert_eq!((again, &attempts[5]["retry_at"]), (1_000, &Value::Null));
    let shown = world.run(&["attempt", "show", &attempts[1]["id"].to_string()]).ok();
    assert!(shown.contains("number 2 is passed over: it cannot be dialled"), "{shown}");
}

#[test]
fn a_suppressed_number_is_passed_over_and_every_view_says_so() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    world.run(&["suppression", "add", "15551000002", "--why", "asked us to stop"]).ok();
    let further = [("MULTINUM1", "15551000002"), ("MULTINUM2", "15551000003")];
    let (run, contact) = dial(&world, "barred", "15554000001", &further, json!({}));
    let attempts = world.complete(run, A_FEW_CALLS);
    let expected = [(0, 0, "15554000001", "RS_BUSY"), (0, 2, "15551000003", "TERMINATED")];
    assert_eq!(story(&attempts), expected, "{}", brief(&attempts));
    assert!(!invites.by_number(2).keys().any(|number| number.contains("15551000002")));
    let shown = world.run(&["attempt", "show", &attempts[0]["id"].to_string()]).ok();
    for part in ["number 1 is passed over: it is suppressed", "the contact's number 2 is called next"] {
        assert!(shown.contains(part), "{shown}");
    }
    let why = world.run(&["why", "--contact", &contact.to_string(), "--campaign", "barred"]).ok();
    assert!(why.contains("passed over: it is suppressed"), "{why}");
}

#[test]
fn a_kill_between_two_numbers_loses_none_and_calls_none_twice() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    // The first number rings three seconds, then it is busy; meanwhile dialling is stopped, so that the next one waits.
    let (run, _) = dial(&world, "killed", "15554103001", &[("MULTINUM1", "15551000002")], json!({}));
    world.wait_for_attempts(run, "a ringing telephone", A_FEW_CALLS, |all| {
        all.iter().any(|one| one["state"] == "DIALLING")
    });
    world.run(&["stop-dialling", "--why", "to be killed"]).ok();
    world.wait_for_attempts(run, "an end", A_FEW_CALLS, |all| all.iter().all(|one| one["ended_at"].is_string()));
    world.crash();
    world.serve_again();
    world.wait_for_link();
    world.post("/api/dialling/lift");
    let attempts = world.complete(run, A_FEW_CALLS);
    let expected = [(0, 0, "15554103001", "RS_BUSY"), (0, 1, "15551000002", "TERMINATED")];
    assert_eq!(story(&attempts), expected, "{}", brief(&attempts));

    // Killed while the first one rings: what became of it is seen, and its next one is called.
    let (run, _) =
        dial(&world, "again", "15554106004", &[("MULTINUM1", "15551000005")], json!({"answer_timeout_ms": 30_000}));
    world.wait_for_attempts(run, "a ringing telephone", A_FEW_CALLS, |all| {
        all.iter().any(|one| one["state"] == "DIALLING")
    });
    world.crash();
    world.serve_again();
    let attempts = world.complete(run, A_FEW_CALLS);
    let expected = [(0, 0, "15554106004", "RS_BUSY"), (0, 1, "15551000005", "TERMINATED")];
    assert_eq!(story(&attempts), expected, "{}", brief(&attempts));
    let rang = invites.by_number(4);
    assert!(rang.len() == 4 && rang.values().all(|calls| *calls == 1), "{rang:?}");
}
