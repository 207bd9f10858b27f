//! `carillon doctor` beside a running server, on a real Asterisk: sound, then broken in every way that it knows.

use crate::queues::Floor;
use crate::world::{PATIENCE, World};
use serde_json::{Value, json};
use std::fs;

on_ami_too! {
    what_calling_agents_first_needs_is_named;
}

/// What the doctor says now, and its exit code.
fn examine(world: &World) -> (i32, Vec<Value>) {
    let ran = world.run(&["doctor", "--json"]);
    let report: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err));
    (ran.code, report["checks"].as_array().unwrap().clone())
}

/// State and words of one check.
#[track_caller]
fn state(findings: &[Value], check: &str, about: &str) -> (String, String) {
    let found = findings.iter().find(|row| row["check"] == check && row["about"].as_str().unwrap().starts_with(about));
    let found = found.unwrap_or_else(|| panic!("no {check} {about}: {findings:#?}"));
    let needs_remedy = found["state"] != "ok";
    assert_eq!(needs_remedy, found["remedy"] != "", "what is not ok says what to do: {found}");
    (found["state"].as_str().unwrap().to_owned(), format!("{} | {}", found["found"], found["remedy"]))
}

fn edit(world: &World, file: &str, change: impl FnOnce(String) -> String) {
    let path = world.pair.pbx.folder().join("etc").join(file);
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
}

#[test]
fn a_sound_installation_passes_and_every_fault_of_a_pbx_is_named_with_its_remedy() {
    let world = World::start();
    let (code, findings) = examine(&world);
    assert_eq!(code, 0, "{findings:#?}");
    for (check, about, expected) in [
        ("config", "", "ok"),
        ("listen", "", "ok"),
        ("log", "", "ok"),
        ("server", "", "ok"),
        ("database", "", "ok"),
        ("key", "", "ok"),
        ("dialling", "", "ok"),
        ("pbx.login", "office", "ok"),
        ("pbx.version", "office", "ok"),
        ("pbx.rights", "office", "ok"),
        ("pbx.password", "office", "ok"),
        ("pbx.exposed", "office", "ok"),
        ("pbx.modules", "office", "ok"),
        ("pbx.application", "office", "ok"),
        ("pbx.clock", "office", "ok"),
        ("pbx.overload", "office", "ok"),
        // This Asterisk keeps no call records, and nobody asks the carrier whether it is there.
        ("pbx.records", "office", "warning"),
        ("trunk", "carrier", "unknown"),
        ("endpoint", "message", "unknown"),
    ] {
        let (state, words) = state(&findings, check, about);
        assert_eq!(state, expected, "{check} {about}: {words}");
    }

    let login = world.pair.pbx.ari();
    let user = |name: &str, username: &str, password: &str, port: u16| {
        let body = json!({"name": name, "host": login.host, "port": port, "username": username, "password": password,
            "application": name});
        world.create("pbxs", body)
    };
    edit(&world, "ari.conf", |text| format!("{text}\n[reader]\ntype = user\npassword = reader\nread_only = yes\n"));
    edit(&world, "pjsip.conf", |text| {
        let text =
            text.replace("taskprocessor_overload_trigger = pjsip_only", "taskprocessor_overload_trigger = global");
        let dead = text.rfind("[dead]").unwrap();
        format!(
            "{}[dead]\nqualify_frequency = 1\nqualify_timeout = 0.5\n{}",
            &text[..dead],
            &text[dead + "[dead]".len()..]
        )
    });
    for module in ["res_ari.so", "res_pjsip.so"] {
        world.pair.pbx.cli(&format!("module reload {module}")).unwrap();
    }
    user("typo", &login.user, "wrong-password", login.port);
    user("reader", "reader", "reader", login.port);
    user("nobody", &login.user, &login.password, 9);
    world.add_trunk("nowhere", json!({"dial_string": "PJSIP/${num}@not-there"}));
    world.add_trunk("dead", json!({"dial_string": "PJSIP/${num}@dead"}));
    world.add_trunk("maze", json!({"dial_string": "Local/${num}@from-trunk/n"}));
    world.wait("the dead trunk is noticed", PATIENCE, || {
        let (_, findings) = examine(&world);
        let (state, words) = state(&findings, "trunk", "dead");
        if state == "failed" { Ok(()) } else { Err(words) }
    });
    // The last one: what it takes away is needed by none of the other checks.
    world.pair.pbx.cli("module unload pbx_config.so").unwrap();
    world.run(&["stop-dialling", "--why", "drill"]).ok();
    let (code, findings) = examine(&world);
    assert_eq!(code, 1, "{findings:#?}");
    for (check, about, expected, word) in [
        ("dialling", "", "warning", "drill"),
        ("server", "", "warning", "held"),
        ("pbx.login", "typo", "failed", "ari.conf"),
        ("pbx.reach", "nobody", "failed", "refused"),
        ("pbx.rights", "reader", "failed", "read_only = no"),
        ("pbx.password", "reader", "warning", "user's name"),
        ("pbx.modules", "office", "failed", "pbx_config"),
        ("pbx.overload", "office", "warning", "pjsip_only"),
        ("trunk", "nowhere", "failed", "not-there"),
        ("trunk", "dead", "failed", "offline"),
        ("trunk", "maze", "unknown", "test call"),
    ] {
        let (state, words) = state(&findings, check, about);
        assert_eq!(state, expected, "{check} {about}: {words}");
        assert!(words.contains(word), "{check} {about} does not say {word}: {words}");
    }
    let (text, said) = (world.run(&["doctor"]).out, world.run(&["doctor"]).err);
    assert!(text.lines().any(|line| line.starts_with("failed   pbx.login typo")), "{text}");
    assert!(said.contains("checks failed"), "{said}");
    for secret in [login.password.as_str(), "wrong-password"] {
        assert!(!text.contains(secret), "a password is in the report");
    }
}

#[test]
fn what_calling_agents_first_needs_is_named() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("sales", "support", json!({}));
    let rights = |findings: &[Value]| findings.iter().any(|row| row["check"] == "queue.rights");
    assert!(!rights(&examine(world).1), "nobody is called first");
    let first = json!({"name": "sales", "pbx": world.pbx, "kind": "QUEUE", "queue": "support", "max_channels": 10,
        "context": "carillon-demo", "extension": "support", "reverse": true});
    world.api.expect("PUT", &format!("/api/end-points/{end_point}"), Some(&first)).unwrap();
    let (state_now, words) = state(&examine(world).1, "queue.rights", "office");
    assert_eq!(state_now, "ok", "{words}");
    // The user loses the right to pause: nobody wants that, until a campaign does.
    let without = |text: String| text.replace("reporting,agent", "reporting").replace("call,agent,user", "call,user");
    edit(world, "manager.conf", without);
    world.pair.pbx.cli("manager reload").unwrap();
    let (state_now, words) = state(&examine(world).1, "queue.rights", "office");
    assert_eq!(state_now, "ok", "{words}");
    let list = world.list("people", &[]);
    world.campaign("calm", &[list], json!({"end_points": [end_point], "autopause": true}));
    let (state_now, words) = state(&examine(world).1, "queue.rights", "office");
    assert_eq!(state_now, "warning", "{words}");
    assert!(words.contains("QueuePause") && words.contains("add agent to write"), "{words}");
}
