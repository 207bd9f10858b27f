//! A PBX for which only a manager user exists: what the carrier does is told as well as over ARI, and what the dialplan
//! says is heard. The faults of a link are in the files of their subject.

use crate::world::{Invites, World, brief, ms, rule, use_ami};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A dozen calls, the longest of them ten seconds, on a busy machine.
const A_DOZEN: Duration = Duration::from_secs(60);

fn world() -> World {
    use_ami();
    World::start()
}

fn of<'a>(attempts: &'a [Value], number: &str) -> &'a Value {
    attempts.iter().find(|attempt| attempt["number"] == number).unwrap_or_else(|| panic!("no attempt at {number}"))
}

/// Number, state, who ended it, cause and SIP code, what was seen on the way.
type Row = (&'static str, &'static str, &'static str, Option<(u16, Option<u16>)>, &'static [&'static str]);

#[test]
fn every_end_of_a_call_is_told_as_well_as_over_ari() {
    let world = world();
    let trunk = world.add_trunk("wide", json!({"capacity": 40, "progress_timeout_ms": 3_000}));
    let hold = world.add_end_point("hold", 40);
    let table: [Row; 16] = [
        ("15551102001", "TERMINATED", "far_end", Some((0, None)), &["leg.ringing_seen", "leg.answered"]),
        ("15555102001", "TERMINATED", "far_end", Some((0, None)), &["leg.ringing_seen", "leg.answered"]),
        ("15553000001", "RS_NOANSWER", "answer_timeout", None, &["leg.ringing_seen"]),
        ("15553102001", "RS_NOANSWER", "far_end", Some((19, Some(480))), &["leg.ringing_seen"]),
        ("15553200001", "RS_REJECTED", "progress_timeout", None, &[]),
        ("15553300001", "RS_NOANSWER", "answer_timeout", None, &["leg.progress_seen"]),
        ("15554000001", "RS_BUSY", "far_end", Some((17, Some(486))), &[]),
        ("15554101001", "RS_BUSY", "far_end", Some((17, Some(486))), &["leg.ringing_seen"]),
        ("15554300001", "RS_NUMBER", "far_end", Some((1, Some(404))), &[]),
        ("15554600001", "RS_REJECTED", "far_end", Some((21, Some(403))), &[]),
        ("15554700001", "RS_NOANSWER", "answer_timeout", None, &["leg.progress_seen"]),
        ("15554800001", "RS_REJECTED", "far_end", Some((21, Some(603))), &[]),
        ("15554984001", "RS_NUMBER", "far_end", Some((28, Some(484))), &[]),
        ("15554988001", "RS_REJECTED", "far_end", None, &[]),
        ("15554200001", "RS_REJECTED", "far_end", Some((34, Some(503))), &[]),
        ("15559900001", "RS_NUMBER", "far_end", Some((1, Some(404))), &[]),
    ];
    let numbers: Vec<&str> = table.iter().map(|row| row.0).collect();
    let changes = json!({"trunks": [trunk], "end_points": [hold]});
    let run = world.dial("table", &numbers, changes);
    let attempts = world.complete(run, A_DOZEN);
    assert_eq!(attempts.len(), table.len(), "{}", brief(&attempts));
    for (number, state, ended_by, cause, saw) in table {
        let attempt = of(&attempts, number);
        let (kinds, events) = world.timeline(attempt);
        let story = format!("{attempt:#}\n{events:#?}");
        assert_eq!((&attempt["state"], &attempt["ended_by"]), (&json!(state), &json!(ended_by)), "{story}");
        if let Some((cause, code)) = cause {
            assert_eq!((&attempt["cause"], &attempt["tech_cause"]), (&json!(cause), &json!(code)), "{story}");
        }
        for fact in ["leg.ringing_seen", "leg.progress_seen", "leg.answered"] {
            // A telephone that answers at once may or may not have rung.
            if fact == "leg.ringing_seen" && state == "TERMINATED" {
                continue;
            }
            assert_eq!(saw.contains(&fact), kinds.iter().any(|kind| kind == fact), "{fact}: {story}");
        }
    }
    let timeline = world.timeline(of(&attempts, "15554000001")).1;
    let pbx_at = timeline.iter().filter_map(|event| event["pbx_at"].as_str()).next().expect("Asterisk's own time");
    assert!(pbx_at.starts_with("20") && pbx_at.ends_with("+0000"), "{pbx_at}");
}

#[test]
fn a_conversation_that_is_too_long_is_closed_and_a_route_that_asterisk_does_not_know_is_our_error() {
    let world = world();
    let wrong = world.add_trunk("wrong", json!({"dial_string": "PJSIP/${num}@nosuch"}));
    let refused = world.dial("wrong", &["15551001001"], json!({"trunks": [wrong]}));
    let attempts = world.complete(refused, A_DOZEN);
    assert_eq!((&attempts[0]["state"], &attempts[0]["ended_by"]), (&json!("RS_ERROR"), &json!("refused")));
    assert_eq!(attempts[0]["fault"], "ours");

    let hold = world.add_end_point("hold", 1);
    let run = world.dial("long", &["15551200001"], json!({"end_points": [hold], "forced_closure_s": 2}));
    let attempts = world.complete(run, A_DOZEN);
    assert_eq!((&attempts[0]["state"], &attempts[0]["ended_by"]), (&json!("RS_TIMEOUT"), &json!("forced_closure")));
    let talk_ms = attempts[0]["talk_ms"].as_i64().unwrap();
    assert!((1_500..6_000).contains(&talk_ms), "{attempts:#?}");

    let astray = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "astray", "context": "carillon-demo", "extension": "nobody", "max_channels": 1}),
    );
    let run = world.dial("astray", &["15551001001"], json!({"end_points": [astray]}));
    let attempts = world.complete(run, A_DOZEN);
    assert_eq!(attempts[0]["state"], "RS_ERROR", "{}", brief(&attempts));
    assert!(world.channels().is_empty(), "{:?}", world.channels());
}

#[test]
fn a_local_trunk_reports_its_far_leg_and_is_followed_to_its_end() {
    let world = world();
    let mut invites = Invites::watch(&world.pair.carrier);
    let local = world.add_trunk("local", json!({"dial_string": "Local/${num}@carillon-local/n"}));
    let reporting = world.add_trunk("reporting", json!({"dial_string": "Local/9${num}@carillon-local/n"}));
    let hold = world.add_end_point("hold", 10);
    let numbers = ["15555102001", "15554000001", "15553000001"];
    let run = world.dial("local", &numbers, json!({"trunks": [local], "end_points": [hold]}));
    let attempts = world.complete(run, A_DOZEN);
    let state = |number| of(&attempts, number)["state"].clone();
    assert_eq!(state("15555102001"), "TERMINATED", "{}", brief(&attempts));
    assert_eq!(state("15554000001"), "RS_BUSY", "{}", brief(&attempts));
    assert_eq!(state("15553000001"), "RS_NOANSWER", "{}", brief(&attempts));
    assert_eq!(invites.reaching(3), 3);

    // Its dialplan says busy before the answer and then ends the call as something else.
    let changes = json!({"trunks": [reporting], "end_points": [hold], "rules": [rule("RS_BUSY", 1, 1)]});
    let run = world.dial("reporting", &["15551001001"], changes);
    let attempts = world.complete(run, A_DOZEN);
    assert_eq!(attempts.len(), 2, "the rule for busy applies: {}", brief(&attempts));
    for attempt in &attempts {
        assert_eq!((&attempt["state"], &attempt["ext_state"]), (&json!("RS_BUSY"), &json!("RS_BUSY")), "{attempt:#}");
    }
    world.wait("no channel is left", A_DOZEN, || {
        let channels = world.channels();
        if channels.is_empty() { Ok(()) } else { Err(format!("{channels:?}")) }
    });
    assert_eq!(world.live()["pbxs"][0]["foreign_channels"], json!(0), "what ours lead to is not foreign");
}

#[test]
fn the_dialplan_names_its_call_by_channel_or_by_attempt() {
    let world = world();
    for (extension, status) in [("status", "1"), ("hopper", "2")] {
        let end_point = world.add_end_point(extension, 1);
        let run = world.dial(extension, &["15551000001"], json!({"end_points": [end_point]}));
        let attempts = world.complete(run, A_DOZEN);
        assert_eq!((&attempts[0]["state"], &attempts[0]["ext_state"]), (&json!("TERMINATED"), &json!(status)));
    }
}

#[test]
fn a_slow_pace_is_kept_whatever_there_is_to_dial() {
    let world = world();
    let login = world.login();
    // Two messages in any 500 ms: two calls a second.
    let body = json!({"name": "office", "link": "AMI", "host": login.host, "port": login.port, "username": login.user,
        "unit_ms": 500, "messages_per_unit": 2});
    world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&body)).unwrap();
    world.wait_for_link();
    let numbers: Vec<String> = (0..10).map(|n| format!("15554000{n:03}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let began = Instant::now();
    let run = world.dial("slow", &numbers, json!({}));
    let attempts = world.complete(run, A_DOZEN);
    assert!(began.elapsed() >= Duration::from_millis(3_500), "{:?}", began.elapsed());
    let mut requested: Vec<i64> = attempts.iter().map(|attempt| ms(&attempt["requested_at"])).collect();
    requested.sort_unstable();
    let fastest = requested.windows(4).map(|four| four[3] - four[0]).min().unwrap();
    assert!(fastest >= 900, "four calls within {fastest} ms: {requested:?}");
}

#[test]
fn the_doctor_knows_the_manager_user_and_what_it_may_do() {
    let world = world();
    let powerful = world.pair.pbx.ami();
    let add = |name: &str, port: u16, username: &str, password: &str| {
        let body = json!({"name": name, "link": "AMI", "host": "127.0.0.1", "port": port, "username": username,
            "password": password});
        world.create("pbxs", body)
    };
    add("typo", powerful.port, &powerful.user, "wrong-password");
    add("nobody", 9, &powerful.user, "wrong-password");
    add("web", world.pair.ports.ari, &powerful.user, "wrong-password");
    let path = world.pair.pbx.folder().join("etc/manager.conf");
    let users = std::fs::read_to_string(&path).unwrap()
        + "\n[reader]\nsecret = reader-of-manager-events\nread = system,call,user\nwrite = reporting\n\
           \n[owner]\nsecret = owner-of-this-telephone-system\nread = all\nwrite = all\n";
    std::fs::write(&path, users).unwrap();
    world.pair.pbx.cli("manager reload").unwrap();
    add("reader", powerful.port, "reader", "reader-of-manager-events");
    add("owner", powerful.port, "owner", "owner-of-this-telephone-system");
    world.add_trunk("nowhere", json!({"dial_string": "PJSIP/${num}@not-there"}));
    world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": "astray", "context": "carillon-demo", "extension": "nobody", "max_channels": 1}),
    );
    let checks = world.get("/api/checks");
    let found = |check: &str, about: &str| -> (String, String) {
        let items = checks["items"].as_array().unwrap();
        let item =
            items.iter().find(|item| item["check"] == check && item["about"].as_str().unwrap().starts_with(about));
        let item = item.unwrap_or_else(|| panic!("no {check} {about}: {checks:#}"));
        (item["state"].as_str().unwrap().to_owned(), format!("{} | {}", item["found"], item["remedy"]))
    };
    for (check, about, state, word) in [
        ("pbx.login", "office", "ok", ""),
        ("pbx.version", "office", "ok", ""),
        ("pbx.rights", "office", "ok", ""),
        ("pbx.clock", "office", "ok", ""),
        ("pbx.exposed", "office", "ok", "manager"),
        ("pbx.rights", "reader", "failed", "originate"),
        ("pbx.rights", "owner", "warning", "Command"),
        ("pbx.login", "typo", "failed", "manager.conf"),
        ("pbx.reach", "nobody", "failed", "manager.conf"),
        ("pbx.reach", "web", "failed", "manager.conf"),
        ("trunk", "nowhere", "failed", "not-there"),
        ("endpoint", "message", "ok", ""),
        ("endpoint", "astray", "failed", "extensions.conf"),
    ] {
        let (found, words) = found(check, about);
        assert_eq!(found, state, "{check} {about}: {words}");
        assert!(words.contains(word), "{check} {about} does not say {word}: {words}");
    }
    assert!(!checks.to_string().contains("wrong-password"));
}
