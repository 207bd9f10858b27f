//! A campaign's calls in the queue_log of a real PBX, read as programs read it.

use crate::world::{LogEntry, World};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

on_ami_too! {
    calls_are_in_the_queue_log_as_those_of_a_queue;
}

/// A few short calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(50);

#[test]
fn calls_are_in_the_queue_log_as_those_of_a_queue() {
    let world = World::start();
    if world.get("/api/pbxs")["items"][0]["link"] == "ARI" {
        let silent = json!({"name": "silent", "end_points": [world.message], "queue_log": true});
        let refused = world.api.expect("POST", "/api/campaigns", Some(&silent)).unwrap_err().to_string();
        assert!(refused.contains("manager user"), "{refused}");
        let login = world.pair.pbx.manager();
        let link = world.login();
        let pbx = json!({"name": "office", "link": "ARI", "host": link.host, "port": link.port, "username": link.user,
            "manager_host": login.host, "manager_port": login.port, "manager_username": login.user,
            "manager_password": login.password});
        world.api.expect("PUT", &format!("/api/pbxs/{}", world.pbx), Some(&pbx)).unwrap();
        world.wait_for_link();
    }
    let list = world.list("people", &["15554000002", "15553102003"]);
    let ann = json!({"number": "15551000001", "attributes": {"NAME": "Ann | \"A\", & co", "CITY": "Rome"}});
    world.add_contacts(list, vec![ann]);
    let status = world.add_end_point("status", 5);
    let changes = json!({"end_points": [status], "queue_log": true, "queue_log_alias": "friends",
        "queue_log_attributes": ["NAME", "OTHER"]});
    let run = world.start_run(world.campaign("logged", &[list], changes));
    let attempts = world.complete(run, A_FEW_CALLS);
    let ends = |entries: &[LogEntry]| {
        entries.iter().filter(|e| e.event.starts_with("COMPLETE") || e.event == "ABANDON").count()
    };
    let entries = world.wait("every call in the queue_log", A_FEW_CALLS, || {
        let entries = world.queue_log();
        let whole = ends(&entries) == 3 && entries.iter().any(|entry| entry.event == "CALLSTATUS");
        if whole { Ok(entries) } else { Err(format!("{entries:?}")) }
    });
    let mut calls: BTreeMap<&str, Vec<&LogEntry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.queue == "friends") {
        calls.entry(&entry.call).or_default().push(entry);
    }
    assert_eq!(calls.len(), 3, "{entries:?}");
    for attempt in &attempts {
        let lines = &calls[attempt["channel"].as_str().unwrap()];
        let events: Vec<&str> = lines.iter().map(|entry| entry.event.as_str()).collect();
        assert_eq!(
            (lines[0].agent.as_str(), &lines[0].data[1]),
            ("NONE", &attempt["number"].as_str().unwrap().to_owned())
        );
        if attempt["state"] == "TERMINATED" {
            assert_eq!(events, ["ENTERQUEUE", "INFO", "CONNECT", "COMPLETEAGENT", "CALLSTATUS"], "{lines:?}");
            assert_eq!(lines[1].data, ["VAR", "NAME", "Ann   \"A\", & co"]);
            assert!(lines[2..].iter().all(|entry| entry.agent == "status"), "{lines:?}");
            assert_eq!(lines[4].data, [attempt["ext_state"].as_str().unwrap()]);
        } else {
            assert_eq!(events, ["ENTERQUEUE", "ABANDON"], "{lines:?}");
        }
    }
}
