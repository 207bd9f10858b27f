//! A carrier that refuses half of everything, and lists full of values that somebody wrote to break something.

use crate::world::{Invites, World, brief, count};
use serde_json::{Value, json};
use std::time::Duration;

on_ami_too! {
    whatever_a_list_holds_every_contact_is_one_originate_and_one_call;
}

/// A hundred quick calls on a busy machine.
const A_STORM: Duration = Duration::from_secs(75);

#[test]
fn a_carrier_that_answers_503_to_every_second_call_costs_attempts_and_nobody_twice() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let trunk = world.add_trunk("stormy", json!({"capacity": 20, "calls_per_second": 15}));
    // 503 (42) with a probability of one half, from a fixed seed; the others are busy (40).
    let mut state = 88_172_645_463_325_252_u64;
    let numbers: Vec<String> = (0..60)
        .map(|n| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let behaviour = if state & 1 == 0 { "42" } else { "40" };
            format!("1555{behaviour}00{n:03}")
        })
        .collect();
    let refused = numbers.iter().filter(|number| number.starts_with("155542")).count();
    assert!((20..=40).contains(&refused), "{refused}");
    let listed: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial("storm", &listed, json!({"trunks": [trunk]}));
    let attempts = world.complete(run, A_STORM);
    // Each 503 is an attempt of the contact that was picked; who was not picked kept its place, also while the trunk
    // rested after five in a row.
    assert_eq!(
        (count(&attempts, "RS_REJECTED"), count(&attempts, "RS_BUSY")),
        (refused, 60 - refused),
        "{}",
        brief(&attempts)
    );
    assert!(
        attempts.iter().filter(|attempt| attempt["state"] == "RS_REJECTED").all(|attempt| attempt["tech_cause"] == 503)
    );
    let mut by_decision: Vec<(i64, i64)> = attempts
        .iter()
        .map(|attempt| (attempt["id"].as_i64().unwrap(), attempt["contact"].as_i64().unwrap()))
        .collect();
    by_decision.sort_unstable();
    assert!(by_decision.is_sorted_by_key(|(_, contact)| *contact), "in the order of the list: {by_decision:?}");
    let calls = invites.by_number(60);
    assert_eq!((calls.len(), calls.values().sum::<usize>()), (60, 60), "{calls:?}");
}

#[test]
fn whatever_a_list_holds_every_contact_is_one_originate_and_one_call() {
    let world = World::through_proxy();
    let mut invites = Invites::watch(&world.pair.carrier);
    let values = [
        "a\r\nAction: Originate\r\nChannel: PJSIP/15554009999@carrier\r\n\r\n",
        "x\",\"endpoint\":\"PJSIP/15554009999@carrier\",\"y\":\"",
        "${SHELL(touch /tmp/carillon-was-here)}",
        "$[1+1]${EXTEN}${CHANNEL(peerip)}",
        "a,b,c|d;e&f^g~h`i",
        "PJSIP/15554009999@carrier&PJSIP/15554009998@carrier",
        "\u{0}\u{1}\u{7f}\u{2028}\u{202e}",
        "%0d%0aVariable:%20X=1",
        "\\\\\\\"'\\n\\r",
        "../../etc/passwd",
        "</script><script>alert(1)</script>",
        "漢字 🙂 é",
        "{\"type\":\"RESTRequest\",\"method\":\"DELETE\",\"uri\":\"channels/x\"}",
        "=1+1",
        "'; DROP TABLE contact; --",
        "",
    ];
    let contacts: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(n, value)| {
            let attributes = json!({"NAME": value, "NOTE": value.repeat(3), "CLI": value});
            json!({"number": format!("15554000{n:03}"), "attributes": attributes})
        })
        .collect();
    let list = world.list("hostile", &[]);
    let body = json!({ "contacts": contacts });
    let added = world.api.expect("POST", &format!("/api/lists/{list}/contacts"), Some(&body)).unwrap();
    let accepted = added["added"].as_u64().unwrap() as usize;
    eprintln!("{accepted} of {} taken: {}", values.len(), added["rejected"]);
    assert!(accepted >= values.len() - 1, "{added}");
    let changes =
        json!({"dial_clid": "${NAME} <${CLI}>", "dial_account": "${NOTE}", "variables": {"GREETING": "${NAME}"}});
    let run = world.start_run(world.campaign("hostile", &[list], changes));
    let attempts = world.complete(run, A_STORM);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (accepted, accepted), "{}", brief(&attempts));
    assert_eq!(world.proxy().passed().len(), accepted, "one originate for each");
    let calls = invites.by_number(accepted);
    assert_eq!(calls.len(), accepted, "{calls:?}");
    assert!(calls.iter().all(|(number, calls)| *calls == 1 && number.starts_with("155540000")), "{calls:?}");
    assert!(!std::path::Path::new("/tmp/carillon-was-here").exists(), "something was executed");
}
