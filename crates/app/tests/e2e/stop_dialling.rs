//! One switch stops every new call and touches none that is up.

use crate::world::{Invites, World, brief, count, ms};
use serde_json::{Value, json};
use std::time::Duration;

/// Two dozen short calls on a busy machine.
const TWO_DOZEN_CALLS: Duration = Duration::from_secs(55);

/// The server's clock is ours.
fn assert_nothing_sent_after(replied_at: i64, attempts: &[Value]) {
    let late: Vec<&Value> = attempts.iter().filter(|attempt| ms(&attempt["requested_at"]) > replied_at).collect();
    assert!(late.is_empty(), "sent after {replied_at}: {late:#?}");
}

#[test]
fn nothing_is_dialled_after_the_reply_conversations_go_on_and_a_crash_changes_nothing() {
    let mut world = World::start();
    let hold = world.add_end_point("hold", 20);
    // Rings a second, is answered, and hangs up four seconds later: nobody but the carrier ends these calls.
    let numbers: Vec<String> = (0..24).map(|n| format!("15555104{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.dial("stopped", &numbers, json!({"end_points": [hold]}));
    world.wait_for_attempts(run, "a conversation", TWO_DOZEN_CALLS, |attempts| {
        attempts.iter().any(|attempt| attempt["connected_at"].is_string())
    });
    let text = world.run(&["stop-dialling", "--why", "angry people"]).ok();
    let replied_at = jiff::Timestamp::now().as_millisecond();
    assert!(!text.is_empty());
    let placed = world.attempts(run);
    let open = placed.iter().filter(|attempt| attempt["ended_at"].is_null()).count();
    assert!(open > 0 && placed.len() < 24, "{}", brief(&placed));

    let attempts = world.wait_for_attempts(run, "the end of the conversations", TWO_DOZEN_CALLS, |attempts| {
        attempts.iter().all(|attempt| attempt["ended_at"].is_string())
    });
    assert_eq!(attempts.len(), placed.len(), "{}", brief(&attempts));
    assert!(attempts.iter().all(|a| a["state"] == "TERMINATED" && a["ended_by"] == "far_end"), "{}", brief(&attempts));
    assert_eq!(invites.reaching(placed.len()), placed.len());
    assert_nothing_sent_after(replied_at, &attempts);

    world.crash();
    world.serve_again();
    world.wait_for_link();
    let state = world.get("/api/dialling");
    assert_eq!((&state["dialling"], &state["hold"]["why"]), (&json!("held"), &json!("angry people")), "{state}");
    // The run has read its contacts again: whatever would be dialled would be dialled now.
    world.wait("contacts in the hopper", TWO_DOZEN_CALLS, || {
        let figures = world.live_run(run);
        if figures["hopper"] == json!(24 - placed.len()) { Ok(()) } else { Err(figures.to_string()) }
    });
    assert_eq!((world.attempts(run).len(), invites.total()), (placed.len(), placed.len()));
    assert!(world.run(&["live"]).ok().contains("HELD since"));

    world.run(&["resume-dialling"]).ok();
    let attempts = world.complete(run, TWO_DOZEN_CALLS);
    assert_eq!((attempts.len(), count(&attempts, "TERMINATED")), (24, 24), "{}", brief(&attempts));
    assert!(invites.by_number(24).values().all(|calls| *calls == 1));
}

#[test]
fn a_hold_in_the_middle_of_a_burst_lets_no_originate_out_after_its_reply() {
    let world = World::start();
    let trunk = world.add_trunk("wide", json!({"capacity": 60, "calls_per_second": 0}));
    let bye = world.add_end_point("bye", 60);
    let numbers: Vec<String> = (0..300).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.dial("burst", &numbers, json!({"trunks": [trunk], "end_points": [bye]}));
    world.wait("the burst", TWO_DOZEN_CALLS, || if invites.total() > 20 { Ok(()) } else { Err("not yet".into()) });
    world.api.expect("POST", "/api/dialling/hold", Some(&json!({"why": "now"}))).unwrap();
    let replied_at = jiff::Timestamp::now().as_millisecond();
    // What Asterisk had accepted before the reply may still be on its way to the carrier; it is in the books.
    let decided = world.attempts(run).len();
    world.wait("nothing in flight", TWO_DOZEN_CALLS, || {
        let figures = world.live_run(run);
        if figures["in_flight"] == 0 { Ok(()) } else { Err(figures.to_string()) }
    });
    let attempts = world.attempts(run);
    assert!(attempts.len() <= decided && attempts.len() < 300, "{} after {decided}", attempts.len());
    assert_eq!(invites.reaching(attempts.len()), attempts.len());
    assert_nothing_sent_after(replied_at, &attempts);
    world.post("/api/dialling/lift");
    let attempts = world.complete(run, TWO_DOZEN_CALLS);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (300, 300));
    assert!(invites.by_number(300).values().all(|calls| *calls == 1));
}
