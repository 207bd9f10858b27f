//! The books of abandoned calls beside what a real queue does, over both links.

use crate::queues::Floor;
use crate::world::{PATIENCE, World};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

on_ami_too! {
    who_answers_is_in_the_books_with_an_agent_in_time_or_without;
}

/// A person answers after a second and has two to wait, on a busy machine.
const COUNTED: Duration = Duration::from_secs(20);

/// What was counted of a campaign, oldest first, when so much was.
#[track_caller]
fn books(world: &World, campaign: i64, rows: usize) -> Vec<Value> {
    world.wait("rows of the ledger", COUNTED, || {
        let page = world.get(&format!("/api/campaigns/{campaign}/ledger"));
        let found = page["items"].as_array().unwrap().clone();
        if found.len() >= rows { Ok(found) } else { Err(format!("{page:#}")) }
    })
}

fn counted(rows: &[Value], attempt: &Value) -> Vec<String> {
    let of = rows.iter().filter(|row| row["attempt"] == attempt["id"]);
    of.map(|row| format!("{} {}", row["count"].as_str().unwrap(), row["why"].as_str().unwrap())).collect()
}

#[test]
fn who_answers_is_in_the_books_with_an_agent_in_time_or_without() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = floor.observing("agents", "support", json!({"boost": 2}));
    floor.log_on(10, "support");
    let run = floor.dial("counted", &Floor::people(2), &[end_point], json!({}));
    let campaign = world.live_run(run)["campaign"].as_i64().unwrap();
    let rows = books(world, campaign, 4);
    let attempts = world.attempts(run);
    let mut of_each: Vec<_> = attempts.iter().map(|attempt| counted(&rows, attempt)).collect();
    of_each.sort();
    assert_eq!(of_each, [["live answered", "abandoned too_late"], ["live answered", "connected in_time"]], "{rows:#?}");
    let late = rows.iter().find(|row| row["count"] == "abandoned").unwrap();
    let waited = late["waited_ms"].as_i64().unwrap();
    assert!((2_000..2_500).contains(&waited), "{late:#}");

    // The one whose agent hangs up makes room for the other: connected, and abandoned all the same.
    let with_agent = rows.iter().find(|row| row["count"] == "connected").unwrap()["attempt"].clone();
    world.api.expect("POST", &format!("/api/attempts/{with_agent}/hang-up"), None).unwrap();
    let abandoned = attempts.iter().find(|attempt| attempt["id"] == late["attempt"]).unwrap();
    let kinds = world.wait("the late agent", PATIENCE, || {
        let (_, events) = world.timeline(abandoned);
        let kinds: Vec<String> = events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        if kinds.iter().any(|kind| kind == "agent.connected") { Ok(kinds) } else { Err(kinds.join(" ")) }
    });
    let at = |kind: &str| kinds.iter().position(|other| other == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"));
    assert!(at("leg.answered") < at("queue.entered") && at("queue.entered") < at("call.abandoned"), "{kinds:?}");
    assert!(at("call.abandoned") < at("agent.connected"), "{kinds:?}");
    assert_eq!(books(world, campaign, 4).len(), 4, "nothing is counted twice");

    let periods = world.get(&format!("/api/campaigns/{campaign}/ledger/periods"));
    let period = &periods["items"][0];
    assert_eq!((&period["abandoned"], &period["live"], &period["share"]), (&json!(1), &json!(2), &json!(0.5)));
    let whole = world.run(&["ledger", "verify"]).ok();
    assert!(whole.contains("campaign counted: 4 rows are as they were written"), "{whole}");
    let shown = world.run(&["ledger", "show", "counted"]).ok();
    assert!(shown.contains("50.0 %") && shown.contains("too_late"), "{shown}");
}

#[test]
fn one_byte_that_is_changed_in_the_file_is_found_by_the_command_line_and_its_row_is_named() {
    let floor = Floor::start();
    let end_point = floor.observing("agents", "support", json!({"boost": 2}));
    floor.log_on(10, "support");
    let run = floor.dial("counted", &Floor::people(2), &[end_point], json!({}));
    let campaign = floor.world.live_run(run)["campaign"].as_i64().unwrap();
    let rows = books(&floor.world, campaign, 4);
    let mut world = floor.world;
    world.post(&format!("/api/runs/{run}/remove"));
    assert!(world.server.terminate().success());

    // A row ends with the hash of the one before it and with its own, as text: one digit of the third row's own.
    let path = world.home.path("carillon-data/carillon.db");
    let end = ["previous", "hash"].map(|field| rows[2][field].as_str().unwrap()).concat();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(end.len()).position(|window| window == end.as_bytes()).expect("the row is in the file");
    let digit = &mut bytes[at + end.len() - 1];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    fs::write(&path, bytes).unwrap();
    world.serve_again();
    let (error, remedy) = world.run(&["ledger", "verify"]).refused(1);
    assert!(error.contains("the abandonment ledger of one campaign was changed"), "{error}");
    assert!(remedy.contains("the rows before the one that is named are whole"), "{remedy}");
    let said = world.run(&["ledger", "verify", "counted"]);
    assert!(said.out.contains("campaign counted, row 3: it was changed"), "{}", said.out);
    let verified = world.get(&format!("/api/campaigns/{campaign}/ledger/verify"));
    assert_eq!((&verified["whole"], &verified["rows"]), (&json!(false), &json!(2)), "{verified}");
}
