//! Every behaviour of the carrier, dialled through a real Asterisk, ends as the table says.

use crate::world::{World, brief, ms};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A single call, its set-up and its end, on a busy machine.
const ONE_CALL: Duration = Duration::from_secs(50);
/// What a busy machine may add to a time of the carrier's, seconds.
const SLACK: f64 = 4.0;
/// What a late event at the beginning of a time takes away from it, seconds.
const JITTER: f64 = 0.5;

/// What one attempt must have become.
struct Expected {
    state: &'static str,
    ended_by: &'static str,
    /// Q.850 cause and SIP code, the latter when there is one.
    cause: Option<(u16, Option<u16>)>,
    /// Seconds from channel to answer or end.
    ringing_s: RangeInclusive<f64>,
    /// Seconds from answer to end; `None`: nobody answered.
    talk_s: Option<RangeInclusive<f64>>,
    /// Facts its timeline must hold.
    saw: &'static [&'static str],
}

/// Rings and plays the message to its end.
fn answered(ringing_s: f64, saw: &'static [&'static str]) -> Expected {
    Expected {
        state: "TERMINATED",
        ended_by: "pbx",
        cause: Some((16, None)),
        ringing_s: ringing_s - JITTER..=ringing_s + SLACK,
        talk_s: Some(1.0..=1.0 + 2.0 * SLACK),
        saw,
    }
}

/// The carrier's final answer to a call that nobody took.
fn refused(state: &'static str, cause: u16, code: u16, after_s: f64, saw: &'static [&'static str]) -> Expected {
    Expected {
        state,
        ended_by: "far_end",
        cause: Some((cause, Some(code))),
        ringing_s: after_s - JITTER..=after_s + 2.0 * SLACK,
        talk_s: None,
        saw,
    }
}

/// Our own timer.
fn given_up(state: &'static str, ended_by: &'static str, after_s: f64, saw: &'static [&'static str]) -> Expected {
    // What Asterisk makes of our hang-up is no fact about the carrier.
    Expected { state, ended_by, cause: None, ringing_s: after_s - JITTER..=after_s + SLACK, talk_s: None, saw }
}

const RANG: &[&str] = &["leg.ringing_seen"];
const EARLY_MEDIA: &[&str] = &["leg.progress_seen"];
const NOTHING: &[&str] = &[];

macro_rules! outcomes {
    ($($claim:ident: $number:literal $to:ident => $expected:expr;)*) => {
        $(
            #[test]
            fn $claim() {
                let world = World::start();
                dial(&world, $number, stringify!($to), &$expected);
            }
        )*
    };
}

outcomes! {
    b10_a_person_who_answers_hears_the_message_to_its_end: "15551002001" message => answered(2.0, RANG);
    b11_a_person_who_hangs_up_ends_the_call: "15551100001" hold => Expected {
        ended_by: "far_end", cause: Some((0, None)), talk_s: Some(10.0 - JITTER..=10.0 + 2.0 * SLACK), ..answered(0.0, NOTHING)
    };
    b12_a_person_who_talks_on_hears_the_message: "15551201001" message => answered(1.0, RANG);
    b13_an_echo_hears_the_message: "15551301001" message => answered(1.0, RANG);
    b14_a_slow_hello_is_an_answer_at_once: "15551402001" message => answered(0.0, NOTHING);
    b20_a_voicemail_is_an_answer: "15552001001" message => answered(1.0, RANG);
    b21_a_short_voicemail_is_an_answer: "15552101001" message => answered(1.0, RANG);
    b22_a_voicemail_without_a_beep_is_an_answer: "15552201001" message => answered(1.0, RANG);
    b30_a_telephone_that_rings_for_ever_is_given_up_by_our_timer: "15553000001" message =>
        given_up("RS_NOANSWER", "answer_timeout", 5.0, RANG);
    b31_the_carriers_480_is_no_answer: "15553102001" message => refused("RS_NOANSWER", 19, 480, 2.0, RANG);
    b32_nothing_but_trying_is_a_dead_route: "15553200001" message =>
        given_up("RS_REJECTED", "progress_timeout", 3.0, NOTHING);
    b33_a_ringing_tone_in_the_audio_is_no_answer: "15553300001" message =>
        given_up("RS_NOANSWER", "answer_timeout", 5.0, EARLY_MEDIA);
    b40_busy_at_once: "15554000001" message => refused("RS_BUSY", 17, 486, 0.0, NOTHING);
    b41_busy_after_ringing: "15554101001" message => refused("RS_BUSY", 17, 486, 1.0, RANG);
    b42_congestion_is_a_rejection: "15554200001" message => refused("RS_REJECTED", 34, 503, 0.0, NOTHING);
    b43_an_unallocated_number_is_the_numbers_fault: "15554300001" message => refused("RS_NUMBER", 1, 404, 0.0, NOTHING);
    b44_information_tones_then_404_are_the_numbers_fault: "15554400001" message =>
        refused("RS_NUMBER", 1, 404, 1.0, EARLY_MEDIA);
    b45_information_tones_then_503_are_a_rejection: "15554500001" message =>
        refused("RS_REJECTED", 34, 503, 1.0, EARLY_MEDIA);
    b46_forbidden_is_a_rejection: "15554600001" message => refused("RS_REJECTED", 21, 403, 0.0, NOTHING);
    b47_a_busy_tone_in_the_audio_is_no_answer: "15554700001" message =>
        given_up("RS_NOANSWER", "answer_timeout", 5.0, EARLY_MEDIA);
    b48_declined_is_a_rejection: "15554800001" message => refused("RS_REJECTED", 21, 603, 0.0, NOTHING);
    b50_a_fax_is_an_answer: "15555001001" message => answered(1.0, RANG);
    b51_a_carrier_that_drops_the_call_ends_a_conversation: "15555102001" hold => Expected {
        ended_by: "far_end", cause: Some((0, None)), talk_s: Some(2.0 - JITTER..=2.0 + SLACK), ..answered(1.0, RANG)
    };
    b52_a_key_becomes_the_extended_status: "15555201001" dtmf => answered(1.0, &["leg.ringing_seen", "attempt.status_set"]);
    b53_early_media_before_the_answer_is_waiting: "15555302001" message => answered(2.0, EARLY_MEDIA);
    b54_an_announcement_without_an_answer_is_no_conversation: "15555400001" message =>
        refused("RS_NOANSWER", 19, 480, 1.0, EARLY_MEDIA);
    b99_a_number_that_the_carrier_does_not_know_is_the_numbers_fault: "15559900001" message =>
        refused("RS_NUMBER", 1, 404, 0.0, NOTHING);
}

/// Dials one number, checks everything about its only attempt, and returns that.
fn dial(world: &World, number: &str, extension: &str, expected: &Expected) -> Value {
    let mut changes = json!({"answer_timeout_ms": 5_000});
    if extension != "message" {
        changes["end_points"] = json!([world.add_end_point(extension, 1)]);
    }
    world.patch(&format!("/api/trunks/{}", world.trunk), json!({"progress_timeout_ms": 3_000}));
    // The announcements of 44 and 54 are longer than the others ring.
    if number.starts_with("155554") || number.starts_with("155544") {
        changes["answer_timeout_ms"] = json!(20_000);
    }
    let run = world.dial("outcome", &[number], changes);
    let attempts = world.complete(run, ONE_CALL);
    assert_eq!(attempts.len(), 1, "{}", brief(&attempts));
    check(world, &attempts[0], expected);
    attempts[0].clone()
}

fn check(world: &World, attempt: &Value, expected: &Expected) {
    let (kinds, events) = world.timeline(attempt);
    let story = format!("{attempt:#}\n{events:#?}");
    assert_eq!(attempt["state"], expected.state, "{story}");
    assert_eq!(attempt["ended_by"], expected.ended_by, "{story}");
    if let Some((cause, code)) = expected.cause {
        assert_eq!((&attempt["cause"], &attempt["tech_cause"]), (&json!(cause), &json!(code)), "{story}");
    }
    let seconds = |field: &str| attempt[field].as_f64().unwrap_or_default() / 1_000.0;
    assert!(expected.ringing_s.contains(&seconds("wait_after_ms")), "ringing {:?}: {story}", expected.ringing_s);
    match &expected.talk_s {
        Some(range) => {
            assert!(range.contains(&seconds("talk_ms")), "talk {range:?}: {story}");
            assert!(ms(&attempt["connected_at"]) <= ms(&attempt["ended_at"]), "{story}");
            assert!(kinds.iter().any(|kind| kind == "leg.answered"), "{story}");
        }
        None => {
            assert_eq!(seconds("talk_ms"), 0.0, "{story}");
            assert_eq!(attempt["connected_at"], Value::Null, "{story}");
        }
    }
    for fact in expected.saw {
        assert!(kinds.iter().any(|kind| kind == fact), "{fact}: {story}");
    }
    for fact in ["leg.ringing_seen", "leg.progress_seen"] {
        assert!(expected.saw.contains(&fact) || !kinds.iter().any(|kind| kind == fact), "{fact}: {story}");
    }
}

#[test]
fn b49_every_sip_code_is_read_by_its_meaning() {
    let world = World::start();
    let table = [
        ("15554900001", "RS_REJECTED", 400),
        ("15554910001", "RS_NUMBER", 410),
        ("15554980001", "RS_NOANSWER", 480),
        ("15554984001", "RS_NUMBER", 484),
        ("15554986001", "RS_BUSY", 486),
        ("15554988001", "RS_REJECTED", 488),
    ];
    let numbers: Vec<&str> = table.iter().map(|row| row.0).collect();
    let run = world.dial("codes", &numbers, json!({}));
    let attempts = world.complete(run, ONE_CALL);
    for (number, state, code) in table {
        let attempt = attempts.iter().find(|attempt| attempt["number"] == number).unwrap();
        assert_eq!((&attempt["state"], &attempt["tech_cause"]), (&json!(state), &json!(code)), "{attempt:#}");
    }
    assert_eq!(attempts.len(), table.len());
}

#[test]
fn b52_the_key_is_in_the_attempt_and_in_the_report() {
    let world = World::start();
    let attempt = dial(&world, "15555201001", "dtmf", &answered(1.0, &["leg.ringing_seen", "attempt.status_set"]));
    assert_eq!(attempt["ext_state"], "1");
    let report = world.report(attempt["run"].as_i64().unwrap());
    assert_eq!(report["outcomes"], json!([{"state": "TERMINATED", "ext_state": "1", "count": 1, "share": 1.0}]));
}

#[test]
fn a_route_that_leads_nowhere_is_given_up_by_the_trunks_own_timer() {
    let world = World::start();
    let dead = world.add_trunk("dead", json!({"dial_string": "PJSIP/${num}@dead", "progress_timeout_ms": 2_000}));
    let run = world.dial("dead", &["15551001001"], json!({"trunks": [dead], "answer_timeout_ms": 20_000}));
    let attempts = world.complete(run, ONE_CALL);
    check(&world, &attempts[0], &given_up("RS_REJECTED", "progress_timeout", 2.0, NOTHING));
    assert_eq!(attempts[0]["fault"], "carrier");
}

#[test]
fn a_route_that_leads_nowhere_ends_with_asterisks_own_408_when_our_timers_are_longer() {
    let world = World::start();
    let dead = world.add_trunk("dead", json!({"dial_string": "PJSIP/${num}@dead", "progress_timeout_ms": 60_000}));
    let run = world.dial("dead", &["15551001001"], json!({"trunks": [dead], "answer_timeout_ms": 60_000}));
    let attempts = world.complete(run, ONE_CALL);
    check(&world, &attempts[0], &refused("RS_REJECTED", 18, 408, 31.5, NOTHING));
}

#[test]
fn an_end_point_that_asterisk_does_not_know_is_our_error() {
    let world = World::start();
    let wrong = world.add_trunk("wrong", json!({"dial_string": "PJSIP/${num}@nosuch"}));
    let run = world.dial("wrong", &["15551001001"], json!({"trunks": [wrong]}));
    let attempts = world.complete(run, ONE_CALL);
    let (kinds, events) = world.timeline(&attempts[0]);
    assert_eq!(
        (&attempts[0]["state"], &attempts[0]["ended_by"]),
        (&json!("RS_ERROR"), &json!("refused")),
        "{events:#?}"
    );
    assert_eq!(attempts[0]["fault"], "ours");
    assert!(kinds.contains(&"leg.refused".to_owned()), "{kinds:?}");
}

#[test]
fn b60_everybody_in_a_crowd_gets_one_of_the_listed_outcomes() {
    let world = World::start();
    let crowd: Vec<String> = (0..40).map(|n| format!("15556000{n:03}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let trunk = world.add_trunk("wide", json!({"capacity": 40}));
    let end_point = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "bye", "context": "carillon-demo", "extension": "bye", "max_channels": 40}),
    );
    let run = world.dial("crowd", &crowd, json!({"trunks": [trunk], "end_points": [end_point]}));
    let attempts = world.complete(run, ONE_CALL);
    assert_eq!(attempts.len(), 40);
    let known = ["TERMINATED", "RS_NOANSWER", "RS_BUSY", "RS_NUMBER", "RS_REJECTED"];
    assert!(attempts.iter().all(|a| known.contains(&a["state"].as_str().unwrap())), "{}", brief(&attempts));
    assert!(attempts.iter().any(|a| a["state"] != attempts[0]["state"]), "all the same: {}", brief(&attempts));
}
