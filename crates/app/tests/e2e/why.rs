//! Why is nothing dialled: asked about real calls, while one cause after the other is taken away.

use crate::gate::{careful, jump, on_monday};
use crate::world::{World, brief, count, rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::Clock;

/// A few calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(60);
const HOUR_S: i64 = 3_600;

/// The first column of the funnel without what keeps nobody back. It adds up to all contacts, always.
fn funnel(why: &Value) -> BTreeMap<String, u64> {
    let buckets = why["funnel"]["buckets"].as_array().unwrap_or_else(|| panic!("{why}"));
    let first = |bucket: &Value| (bucket["stage"].as_str().unwrap().to_owned(), bucket["first"].as_u64().unwrap());
    let mut funnel: BTreeMap<String, u64> = buckets.iter().map(first).collect();
    funnel.insert("dialable".into(), why["funnel"]["dialable"].as_u64().unwrap());
    assert_eq!(funnel.values().sum::<u64>(), why["funnel"]["contacts"].as_u64().unwrap(), "{why}");
    funnel.retain(|_, contacts| *contacts > 0);
    funnel
}

/// Waits until the funnel is this, and returns the whole answer.
#[track_caller]
fn comes_to(world: &World, campaign: &str, wanted: &[(&str, u64)]) -> Value {
    let wanted: BTreeMap<String, u64> =
        wanted.iter().map(|(stage, contacts)| ((*stage).to_owned(), *contacts)).collect();
    world.wait(&format!("{wanted:?}"), A_FEW_CALLS, || {
        let why = world.run_json(&["why", campaign]);
        let found = funnel(&why);
        if found == wanted { Ok(why) } else { Err(format!("{found:?}")) }
    })
}

fn begins(why: &Value, with: &str) {
    assert!(why["sentence"].as_str().unwrap().starts_with(with), "{with:?}: {}", why["sentence"]);
}

#[test]
fn everybody_is_counted_under_what_keeps_them_back_and_is_called_when_that_is_gone() {
    let clock = Clock::new().unwrap();
    let (world, ahead) = on_monday(&clock);
    let capped = "15554000013";
    let eager = world.dial("eager", &[capped], careful(json!({"rules": [rule("RS_BUSY", 9, 1)]})));
    world.wait_for_attempts(eager, "three attempts", A_FEW_CALLS, |all| count(all, "RS_BUSY") == 3);
    world.post(&format!("/api/runs/{eager}/remove"));
    world.run(&["suppression", "add", "15554000011"]).ok();

    let list = world.list("people", &[]);
    let contacts = ["15554000014", "15554000011", "15554000012", capped, "15551100900", "15554000015"];
    let zone = |number: &str| if number == "15554000012" { json!({"ZONE": "Asia/Tokyo"}) } else { json!({}) };
    let contacts = contacts.map(|number| json!({"number": number, "attributes": zone(number)}));
    world.add_contacts(list, contacts.to_vec());
    let narrow = world.add_trunk("narrow", json!({"capacity": 1}));
    let hold = world.add_end_point("hold", 2);
    let changes = json!({"trunks": [narrow], "end_points": [hold], "rules": [rule("RS_BUSY", 1, 3_600)]});
    let run = world.start_run(world.campaign("spring", &[list], careful(changes)));
    world.wait_for_attempts(run, "one was busy, one talks", A_FEW_CALLS, |all| {
        count(all, "RS_BUSY") == 1 && count(all, "CONNECTED") == 1
    });

    let kept = [("number_not_suppressed", 1), ("attempts_below_cap", 1), ("inside_callee_window", 1)];
    let why = comes_to(&world, "spring", &[&kept[..], &[("in_call", 1), ("retry_due", 1), ("dialable", 1)]].concat());
    begins(&why, "nothing more is dialled: narrow: 1 of 1 in use");
    let text = world.run(&["why", "spring"]).ok();
    for part in [
        "trunk_free",
        "all",
        "- in a call now",
        "- on a list of numbers that must not be called",
        "- called as often as the caps allow",
        "- outside their calling hours",
        "- waiting for the time of their next attempt",
        "= may be called now",
        "rules: default",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }

    world.run(&["stop-dialling", "--why", "fire drill"]).ok();
    let held = world.run_json(&["why", "spring"]);
    begins(&held, "nothing is dialled: held since ");
    assert!(held["sentence"].as_str().unwrap().contains("fire drill"), "{}", held["sentence"]);
    world.run(&["resume-dialling"]).ok();

    // The trunk is free again: the one that waited for it is called.
    world.pair.pbx.cli("channel request hangup all").unwrap();
    let why = comes_to(&world, "spring", &[&kept[..], &[("finished", 1), ("retry_due", 2)]].concat());
    begins(
        &why,
        "nothing is dialled: nobody may be called now: 2 of 6 contacts are waiting for the time of their next",
    );
    let live = world.live_run(run);
    assert_eq!((&live["put_off"], &live["refused"]), (&json!(2), &json!(1)), "{live}");

    // An hour later the two that were busy are tried again.
    jump(&world, &clock, ahead + HOUR_S + 30);
    comes_to(&world, "spring", &[&kept[..], &[("finished", 3)]].concat());
    // In the morning of Tokyo the last one that is only asleep.
    jump(&world, &clock, ahead + 9 * HOUR_S + 30);
    let stays = [("number_not_suppressed", 1), ("attempts_below_cap", 1), ("retry_due", 1), ("finished", 3)];
    comes_to(&world, "spring", &stays);
    let attempts = world.attempts(run);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (6, 5), "{}", brief(&attempts));
}

#[test]
fn a_prefix_that_had_its_calls_of_the_hour_is_named_with_when_the_next_is_allowed() {
    let world = World::start();
    let limits = json!({"hourly": [{"prefix": "+155540", "calls": 1}]});
    let run = world.dial("spring", &["15554000001", "15554000002", "15551000001"], json!({ "limits": limits }));
    world.wait_for_attempts(run, "one of the prefix and the other one", A_FEW_CALLS, |all| {
        count(all, "RS_BUSY") == 1 && count(all, "TERMINATED") == 1
    });
    let why = comes_to(&world, "spring", &[("finished", 2), ("retry_due", 1)]);
    begins(
        &why,
        "nothing is dialled: nobody else may be called now: +155540: 1 of 1 calls in the last hour; the next one is",
    );
    let conditions = why["conditions"].as_array().unwrap();
    let cap = conditions.iter().find(|one| one["rule"] == "hourly_cap_kept").unwrap();
    assert_eq!(cap["holds"], false, "{cap}");
    let live = world.live_run(run);
    assert_eq!((&live["hourly_caps"][0]["opens_at"], &live["put_off"]), (&cap["until"], &json!(1)), "{live}");
    assert!(world.run(&["why", "spring"]).ok().contains("hourly_cap_kept"));
}
