//! What is wrong is named, with a remedy; nothing is sent, nothing is lost, and what is corrected works.

use crate::world::{Invites, World, brief, count, merged};
use serde_json::{Value, json};
use std::time::Duration;

/// A reconnect and a few calls on a busy machine.
const A_RECONNECT: Duration = Duration::from_secs(50);

/// A PBX whose login is changed by `wrong`, with trunk, end point and a started run of two contacts.
fn misconfigured(wrong: Value) -> (World, Value, i64) {
    let mut world = World::without_pbx();
    let login = world.pair.pbx.ari();
    let right = json!({
        "name": "office", "host": login.host, "port": login.port, "username": login.user, "password": login.password,
    });
    world.pbx = world.create("pbxs", merged(right.clone(), wrong));
    world.trunk = world.add_trunk("carrier", json!({}));
    world.message = world.add_end_point("message", 10);
    let run = world.dial("waiting", &["15551000001", "15554000002"], json!({}));
    (world, right, run)
}

/// Why the PBX is down, once it has been tried.
fn why_down(world: &World) -> String {
    world.wait("a reason why the PBX is down", A_RECONNECT, || {
        let pbx = world.live()["pbxs"][0].clone();
        let why = pbx["why"].as_str().unwrap().to_owned();
        if pbx["state"] == "down" && why != "connecting" { Ok(why) } else { Err(pbx.to_string()) }
    })
}

/// Nothing was dialled; once corrected everything is.
fn recovers(world: &World, run: i64, correct: impl FnOnce()) {
    let mut invites = Invites::watch(&world.pair.carrier);
    let figures = world.live_run(run);
    assert_eq!((&figures["placed"], &figures["hopper"]), (&json!(0), &json!(2)), "{figures:#}");
    assert!(!figures["why"].as_str().unwrap().is_empty(), "a run that does not dial says why: {figures:#}");
    assert_eq!(invites.total(), 0);
    correct();
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!((count(&attempts, "TERMINATED"), count(&attempts, "RS_BUSY")), (1, 1), "{}", brief(&attempts));
    assert_eq!(invites.reaching(2), 2);
}

#[test]
fn a_wrong_password_is_told_and_dialling_begins_when_it_is_corrected() {
    let (world, right, run) = misconfigured(json!({"password": "wrong"}));
    let why = why_down(&world);
    assert!(why.contains("password") || why.contains("401"), "{why}");
    assert!(!why.contains("wrong\""), "{why}");
    let shown = world.run(&["live"]).ok();
    assert!(shown.contains("pbx office: down since ") && shown.contains(&why), "{why}\n{shown}");
    let (status, health) = world.api.get("/readyz").unwrap();
    assert!(health.to_string().contains("office"), "{status} {health}");
    recovers(&world, run, || drop(world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&right)).unwrap()));
}

#[test]
fn a_port_where_nothing_listens_is_told_and_dialling_begins_when_it_is_corrected() {
    let (world, right, run) = misconfigured(json!({"port": 1}));
    let why = why_down(&world);
    assert!(why.contains("refused"), "{why}");
    recovers(&world, run, || drop(world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&right)).unwrap()));
}

#[test]
fn an_asterisk_that_is_started_later_is_found_without_help() {
    let mut world = World::without_pbx();
    world.pair.pbx.stop();
    let login = world.pair.pbx.ari();
    world.pbx = world.create(
        "pbxs",
        json!({"name": "office", "host": login.host, "port": login.port, "username": login.user, "password": login.password}),
    );
    world.trunk = world.add_trunk("carrier", json!({}));
    world.message = world.add_end_point("message", 10);
    let run = world.dial("early", &["15551000001"], json!({}));
    why_down(&world);
    world.pair.pbx.boot().unwrap();
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!(count(&attempts, "TERMINATED"), 1, "{}", brief(&attempts));
}

#[test]
fn what_does_not_exist_cannot_be_named() {
    let world = World::start();
    for field in ["trunks", "end_points", "lists"] {
        let campaign = json!({"name": "lost", field: [4711]});
        let (status, refusal) = world.api.post("/api/campaigns", &campaign).unwrap();
        assert_eq!((status, &refusal["error"]["field"]), (422, &json!(field)), "{refusal}");
        assert!(refusal["error"]["message"].as_str().unwrap().contains("4711"), "{refusal}");
    }
    let (status, refusal) = world.api.post("/api/campaigns/4711/start", &Value::Null).unwrap();
    assert_eq!((status, &refusal["error"]["code"]), (404, &json!("not_found")), "{refusal}");
    let end_point = json!({"name": "nowhere", "context": "carillon-demo", "extension": "nosuch", "max_channels": 1});
    // A dialplan extension is Asterisk's: the call is answered and ends there, and the attempt says so.
    let wrong = world.create("end-points", merged(end_point, json!({"pbx": world.pbx})));
    let run = world.dial("nowhere", &["15551000001"], json!({"end_points": [wrong]}));
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!((&attempts[0]["state"], &attempts[0]["ended_by"]), (&json!("TERMINATED"), &json!("pbx")));
}

#[test]
fn bad_contacts_are_named_one_by_one_and_the_good_ones_are_dialled() {
    let world = World::start();
    let list = world.list("mixed", &[]);
    let long = "x".repeat(2_000);
    let contacts = json!({"contacts": [
        {"number": "15551000001"},
        {"number": "twelve"},
        {"number": "1555\r\nAction: Originate"},
        {"number": "${EXTEN}"},
        {"number": ""},
        {"number": "12\u{0}34"},
        {"number": "15554000002", "attributes": {"EXTEN": "evil"}},
        {"number": "15554000002", "attributes": {"SHELL(id)": "evil"}},
        {"number": "15554000002", "attributes": {"NAME": long}},
        {"number": "15554000002", "attributes": {"NAME": "a\u{0}b"}},
        {"number": "15554000002", "attributes": {"NAME": "fine"}},
    ]});
    let answer = world.api.expect("POST", &format!("/api/lists/{list}/contacts"), Some(&contacts)).unwrap();
    assert_eq!(answer["added"], json!(2), "{answer:#}");
    let refused: Vec<(u64, &str)> = answer["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["index"].as_u64().unwrap(), row["field"].as_str().unwrap()))
        .collect();
    let fields = ["number", "number", "number", "number", "number", "attribute", "attribute", "NAME", "NAME"];
    assert_eq!(refused, (1..).zip(fields).collect::<Vec<_>>());
    for (row, named) in [(5, "EXTEN"), (6, "SHELL(id)")] {
        assert!(answer["refused"][row]["problem"].as_str().unwrap().contains(named), "{answer:#}");
    }
    let run = world.start_run(world.campaign("mixed", &[list], json!({})));
    let attempts = world.complete(run, A_RECONNECT);
    assert_eq!((count(&attempts, "TERMINATED"), count(&attempts, "RS_BUSY")), (1, 1), "{}", brief(&attempts));
}

#[test]
fn a_megabyte_a_nul_and_half_a_row_cost_their_own_rows_only() {
    let world = World::start();
    let mut csv = b"number,NAME\n15551000001,Ann\n".to_vec();
    csv.extend(b"15554000002,");
    csv.extend(vec![b'x'; 1_000_000]);
    csv.extend(b"\n15554000003,a\0b\n15554000004\n\"15554000005\",\"two\nlines\"\nnobody,Eve\n15554000006,Last\n");
    let file = world.home.file("hostile.csv", &csv);
    let verdicts = world.home.path("verdicts.csv");
    let ran = world.run(&["list", "import", &file, "--verdicts", verdicts.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("7 rows, 4 accepted, 3 refused"), "{}", ran.out);
    let saved = std::fs::read_to_string(&verdicts).unwrap();
    assert_eq!(saved.lines().count(), 8, "{saved}");
    assert!(saved.len() < 2_000, "the megabyte is not repeated");
    let list = world.run_json(&["list", "show", "hostile"])["id"].as_i64().unwrap();
    let run = world.start_run(world.campaign("hostile", &[list], json!({})));
    let attempts = world.complete(run, A_RECONNECT);
    let numbers: Vec<&str> = attempts.iter().map(|attempt| attempt["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["15551000001", "15554000004", "15554000005", "15554000006"]);
}

#[test]
fn a_wrong_token_a_misspelt_field_and_a_misspelt_key_do_nothing_but_say_so() {
    let world = World::start();
    let list = world.list("people", &["15551000001"]);
    let campaign = world.campaign("safe", &[list], json!({}));
    let mut invites = Invites::watch(&world.pair.carrier);
    for token in [None, Some("cct_wrong"), Some("")] {
        let stranger = world.api.with_token(token);
        let (status, refusal) = stranger.post(&format!("/api/campaigns/{campaign}/start"), &Value::Null).unwrap();
        assert_eq!((status, &refusal["error"]["code"]), (401, &json!("unauthorized")), "{refusal}");
        assert!(!refusal["error"]["remedy"].as_str().unwrap().is_empty(), "{refusal}");
    }
    let (status, refusal) = world.api.patch(&format!("/api/campaigns/{campaign}"), &json!({"prioritty": 1})).unwrap();
    assert!((400..=422).contains(&status) && refusal.to_string().contains("prioritty"), "{status} {refusal}");
    let (error, remedy) = world.run(&["live", "--token", "cct_wrong"]).refused(1);
    assert!(error.contains("token") && !remedy.is_empty(), "{error} {remedy}");

    world.home.file("other.toml", "lissten = \"127.0.0.1:1\"\n");
    let (error, remedy) = world.run(&["--config", "other.toml", "serve"]).refused(2);
    assert!(error.contains("lissten"), "{error}");
    assert!(format!("{error} {remedy}").contains("listen"), "{remedy}");
    assert_eq!((world.live()["totals"]["placed"].clone(), invites.total()), (json!(0), 0));
    for secret in ["cct_wrong", &world.pair.pbx.ari().password, "15551000001"] {
        assert!(!world.server.log().contains(secret), "{secret} is in the log");
    }
}
