//! What decides whether a contact is tried again: outcome, extended status, counter, our own closing of the call.

use crate::world::{World, brief, count, merged, ms, rule};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines! {
    a_multiplied_delay_grows_with_the_attempt_number;
    an_extended_status_of_the_dialplan_drives_its_own_rule;
}

/// A few calls with short retries on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(55);

/// The delays the attempts asked for, milliseconds from their end; null where they asked for none.
fn delays(attempts: &[Value]) -> Vec<Option<i64>> {
    let delay =
        |attempt: &Value| attempt["retry_at"].is_string().then(|| ms(&attempt["retry_at"]) - ms(&attempt["ended_at"]));
    attempts.iter().map(delay).collect()
}

/// No attempt was sent before its time, counted from the end of the one before.
fn assert_spaced(attempts: &[Value]) {
    for pair in attempts.windows(2) {
        assert!(ms(&pair[0]["retry_at"]) <= ms(&pair[1]["scheduled_at"]), "{}", brief(attempts));
    }
}

fn a_multiplied_delay_grows_with_the_attempt_number() {
    let world = World::start();
    let rules = json!([merged(rule("RS_BUSY", 3, 1), json!({"mode": "MULT"}))]);
    let run = world.dial("mult", &["15554000001"], json!({"rules": rules}));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(delays(&attempts), [Some(1_000), Some(2_000), Some(3_000), None], "{}", brief(&attempts));
    assert_spaced(&attempts);
}

#[test]
fn of_two_rules_the_one_with_the_smaller_range_goes_first() {
    let world = World::start();
    let rules = json!([rule("RS_BUSY", 3, 3), rule("RS_BUSY", 1, 1)]);
    let run = world.dial("ranges", &["15554000001"], json!({"rules": rules}));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(delays(&attempts), [Some(1_000), Some(3_000), Some(3_000), None], "{}", brief(&attempts));
    assert_spaced(&attempts);
}

#[test]
fn an_outcome_without_a_rule_ends_the_contact() {
    let world = World::start();
    let rules = json!([rule("RS_BUSY", 5, 1)]);
    let run = world.dial("none", &["15554300001", "15551000001"], json!({"rules": rules}));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!((attempts.len(), delays(&attempts)), (2, vec![None, None]), "{}", brief(&attempts));
}

fn an_extended_status_of_the_dialplan_drives_its_own_rule() {
    let world = World::start();
    let status = world.add_end_point("status", 4);
    let by_ext = |ext: &str, after: u32| merged(rule("TERMINATED", 1, after), json!({"status_ext": ext}));
    let rules = json!([by_ext("1", 1), by_ext("2", 600), rule("TERMINATED", 5, 600)]);
    let run = world.dial("ivr", &["15551000001"], json!({"end_points": [status], "rules": rules}));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(delays(&attempts), [Some(1_000), None], "{}", brief(&attempts));
    assert!(attempts.iter().all(|attempt| attempt["ext_state"] == "1"), "{}", brief(&attempts));
    assert_eq!(
        world.report(run)["outcomes"],
        json!([{"state": "TERMINATED", "ext_state": "1", "count": 2, "share": 1.0}])
    );
}

#[test]
fn an_extended_status_of_the_api_is_set_while_the_call_is_up_and_refused_afterwards() {
    let world = World::start();
    let hold = world.add_end_point("hold", 4);
    let run = world.dial("api", &["15555104001"], json!({"end_points": [hold]}));
    let up = |attempts: &[Value]| attempts.iter().any(|attempt| attempt["connected_at"].is_string());
    let attempt = world.wait_for_attempts(run, "a conversation", A_FEW_CALLS, up)[0].clone();
    let path = format!("/api/attempts/{}/status", attempt["id"]);
    for status in ["no", "call me later"] {
        world.api.expect("POST", &path, Some(&json!({"status": status}))).unwrap();
    }
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(attempts[0]["ext_state"], "call me later", "the last one wins");
    let (status, refusal) = world.api.post(&path, &json!({"status": "late"})).unwrap();
    assert_eq!(status, 409, "{refusal}");
}

#[test]
fn a_call_that_is_too_long_is_closed_counted_as_timeout_and_retried_by_its_rule() {
    let world = World::start();
    let hold = world.add_end_point("hold", 4);
    let changes = json!({"end_points": [hold], "forced_closure_s": 2, "rules": [rule("RS_TIMEOUT", 1, 1)]});
    let run = world.dial("long", &["15551000001"], changes);
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!((attempts.len(), count(&attempts, "RS_TIMEOUT")), (2, 2), "{}", brief(&attempts));
    for attempt in &attempts {
        assert_eq!(attempt["ended_by"], "forced_closure");
        assert!((2_000..6_000).contains(&attempt["talk_ms"].as_i64().unwrap()), "{attempt:#}");
    }
    assert_eq!(delays(&attempts), [Some(1_000), None]);
    assert!(world.channels().is_empty(), "{:?}", world.channels());
}
