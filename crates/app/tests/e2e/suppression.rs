//! Who asked not to be called is not called: not the first time, not by a retry, by no run.

use crate::world::{Invites, World, brief, count, rule};
use serde_json::{Value, json};
use std::time::Duration;

/// A few calls with short retries on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(55);

fn of_number<'a>(attempts: &'a [Value], number: &str) -> Vec<&'a Value> {
    attempts.iter().filter(|attempt| attempt["number"] == number).collect()
}

#[test]
fn a_suppressed_number_gets_no_call_and_a_retry_is_stopped_by_an_entry_made_meanwhile() {
    let mut world = World::start();
    let (never, once, often) = ("15554000001", "15554000002", "15554000003");
    world.run(&["suppression", "add", never, "--why", "asked us to stop"]).ok();
    let mut invites = Invites::watch(&world.pair.carrier);
    let rules = json!([rule("RS_BUSY", 2, 4), rule("RS_BLACKLIST", 5, 1)]);
    let run = world.dial("spring", &[never, once, often], json!({"rules": rules}));
    world.wait_for_attempts(run, "two busy numbers", A_FEW_CALLS, |attempts| count(attempts, "RS_BUSY") == 2);
    let said = world.run(&["suppression", "add", "+1 (555) 400-0002"]).ok();
    assert!(said.contains("not called any more"), "{said}");
    // A restart forgets nothing of it.
    world.crash();
    world.serve_again();
    let attempts = world.complete(run, A_FEW_CALLS);
    let states = |number| of_number(&attempts, number).iter().map(|a| a["state"].clone()).collect::<Vec<_>>();
    assert!(states(never).is_empty(), "refused before anything was written: {}", brief(&attempts));
    assert_eq!(states(once)[0], "RS_BUSY", "{}", brief(&attempts));
    assert!(states(once)[1..].iter().all(|state| state == "RS_BLACKLIST"), "{}", brief(&attempts));
    // The second one is refused when its retry is looked at, or its attempt ends as suppressed.
    let refused = world.get(&format!("/api/runs/{run}"))["totals"]["refused"].as_u64().unwrap();
    assert_eq!(refused as usize + states(once).len(), 3, "{}", brief(&attempts));
    assert_eq!(states(often), ["RS_BUSY"; 3], "{}", brief(&attempts));
    let calls = invites.by_number(4);
    assert_eq!([never, once, often].map(|number| calls.get(number).copied().unwrap_or(0)), [0, 1, 3], "{calls:?}");
}

#[test]
fn a_number_on_a_black_list_is_logged_and_not_called_nor_called_again_when_it_gets_there_meanwhile() {
    let world = World::start();
    let (never, once, often) = ("15554000001", "15554000002", "15554000003");
    let black = world.list("customers", &[never]);
    let mut invites = Invites::watch(&world.pair.carrier);
    let changes = json!({"rules": json!([rule("RS_BUSY", 2, 4)]), "black_lists": [black]});
    let run = world.dial("spring", &[never, once, often], changes);
    world.wait_for_attempts(run, "two busy numbers", A_FEW_CALLS, |attempts| count(attempts, "RS_BUSY") == 2);
    world.add_contacts(black, vec![json!({"number": "+1 (555) 400-0002"})]);
    let why = world.run(&["why", once, "--campaign", "spring"]).ok();
    assert!(why.contains("black list \"customers\""), "{why}");
    let attempts = world.complete(run, A_FEW_CALLS);
    let states = |number| of_number(&attempts, number).iter().map(|a| a["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states(never), ["RS_BLACKLIST"], "{}", brief(&attempts));
    assert_eq!(states(once), ["RS_BUSY", "RS_BLACKLIST"], "{}", brief(&attempts));
    assert_eq!(states(often), ["RS_BUSY"; 3], "{}", brief(&attempts));
    let calls = invites.by_number(4);
    assert_eq!([never, once, often].map(|number| calls.get(number).copied().unwrap_or(0)), [0, 1, 3], "{calls:?}");
}
