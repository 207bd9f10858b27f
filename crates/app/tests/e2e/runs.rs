//! What an operator does to a run, and what it does by itself: pause, remove, idle, hours.

use crate::world::{Invites, World, brief, count, ms};
use serde_json::{Value, json};
use std::time::Duration;

/// A few short calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(50);

/// Waits until one call of the run is answered, and returns its attempt.
fn first_conversation(world: &World, run: i64) -> Value {
    let attempts = world.wait_for_attempts(run, "a conversation", A_FEW_CALLS, |attempts| {
        attempts.iter().any(|attempt| attempt["connected_at"].is_string())
    });
    attempts.into_iter().find(|attempt| attempt["connected_at"].is_string()).unwrap()
}

fn ended(world: &World, attempt: &Value) -> Value {
    world.wait("the end of the call", A_FEW_CALLS, || {
        let attempt = world.get(&format!("/api/attempts/{}", attempt["id"]));
        if attempt["ended_at"].is_string() { Ok(attempt) } else { Err(attempt.to_string()) }
    })
}

#[test]
fn a_paused_run_dials_nobody_leaves_its_conversation_alone_and_goes_on_afterwards() {
    let world = World::start();
    let trunk = world.add_trunk("single", json!({"capacity": 1}));
    let list = world.list("people", &["15551000001", "15551000002"]);
    let run = world.start_run(world.campaign("paused", &[list], json!({"trunks": [trunk]})));
    let talking = first_conversation(&world, run);
    assert_eq!(world.post(&format!("/api/runs/{run}/pause"))["state"], "PAUSED");
    world.add_contacts(list, vec![json!({"number": "15551000003"})]);

    let talked = ended(&world, &talking);
    assert_eq!((&talked["state"], &talked["ended_by"]), (&json!("TERMINATED"), &json!("pbx")), "{talked:#}");
    // The line is free and two contacts wait: whatever would be dialled would be dialled now.
    world.wait("nothing in flight", A_FEW_CALLS, || {
        let figures = world.live_run(run);
        if figures["in_flight"] == 0 { Ok(()) } else { Err(figures.to_string()) }
    });
    assert_eq!(world.live_run(run)["state"], "PAUSED");
    assert_eq!(world.attempts(run).len(), 1);

    world.post(&format!("/api/runs/{run}/unpause"));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 3, "{}", brief(&attempts));
}

#[test]
fn a_run_whose_lists_are_paused_one_by_one_terminates_and_one_that_idles_goes_on_with_them() {
    let world = World::start();
    let trunk = world.add_trunk("single", json!({"capacity": 1}));
    let hold = world.add_end_point("hold", 10);
    let first = world.list("first", &["15551000001", "15551000002"]);
    let second = world.list("second", &["15551000003"]);
    let changes = json!({"trunks": [trunk], "end_points": [hold]});
    let run = world.start_run(world.campaign("ending", &[first, second], changes.clone()));
    let talking = first_conversation(&world, run);
    let lists = world.run_json(&["run", "pause-list", "ending", "first"]);
    let row = |name: &str, paused: bool, taken: u32, of: u32| json!([name, paused, taken, of]);
    let rows = |lists: &Value| -> Vec<Value> {
        let row = |list: &Value| json!([list["name"], list["paused"], list["taken"], list["contacts"]]);
        lists["items"].as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(rows(&lists), [row("first", true, 1, 2), row("second", false, 0, 1)]);
    world.run_json(&["run", "pause-list", "ending", "second"]);
    world.post(&format!("/api/attempts/{}/hang-up", talking["id"]));
    assert_eq!(world.complete(run, A_FEW_CALLS).len(), 1);
    let why = world.get(&format!("/api/runs/{run}"))["why"].clone();
    assert!(why.as_str().unwrap().contains("paused lists"), "{why}");

    let message = json!({"end_points": [world.message], "idle_on_termination": true});
    let run = world.start_run(world.campaign("idling", &[first, second], crate::world::merged(changes, message)));
    first_conversation(&world, run);
    world.run_json(&["run", "pause-list", "idling", "second"]);
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    assert_eq!(world.attempts(run).len(), 2, "{}", brief(&world.attempts(run)));
    let why = world.get("/api/campaigns/2/why")["sentence"].clone();
    assert!(why.as_str().unwrap().contains("paused: `carillon run unpause-list`"), "{why}");
    world.run_json(&["run", "unpause-list", "idling", "second"]);
    world.wait_for_attempts(run, "the third contact", A_FEW_CALLS, |attempts| count(attempts, "TERMINATED") == 3);
    let lists = world.run_json(&["run", "lists", "idling"]);
    assert_eq!(rows(&lists), [row("first", false, 2, 2), row("second", false, 1, 1)]);
}

#[test]
fn an_operator_hangs_up_adds_a_list_and_takes_the_called_into_another() {
    let world = World::start();
    let trunk = world.add_trunk("single", json!({"capacity": 1}));
    let hold = world.add_end_point("hold", 10);
    let list = world.list("people", &["15551000001"]);
    let campaign = world.campaign("steered", &[list], json!({"trunks": [trunk], "end_points": [hold]}));
    let run = world.start_run(campaign);
    let talking = first_conversation(&world, run);
    let more = world.list("more", &["15553000002"]);
    let taken_over = world.run_json(&["run", "add-list", "steered", "more"]);
    assert_eq!(taken_over["state"], "RUNNING", "{taken_over}");

    world.run(&["attempt", "hang-up", &talking["id"].to_string()]).ok();
    let ended_call = ended(&world, &talking);
    assert_eq!(
        (&ended_call["state"], &ended_call["ended_by"]),
        (&json!("TERMINATED"), &json!("operator")),
        "{ended_call:#}"
    );
    let timeline = world.get(&format!("/api/attempts/{}/timeline", talking["id"]));
    let items = timeline["items"].as_array().unwrap();
    let asked = items.iter().find(|event| event["kind"] == "leg.hang_up_requested").unwrap();
    assert!(!asked["actor"].as_str().unwrap().is_empty(), "{asked}");
    let over = world.api.post(&format!("/api/attempts/{}/hang-up", talking["id"]), &json!(null)).unwrap();
    assert_eq!((over.0, &over.1["error"]["code"]), (409, &json!("conflict")));

    // The other list's telephone rings and nobody answers: it is hung up, too.
    let ringing = world.wait_for_attempts(run, "the other list", A_FEW_CALLS, |attempts| {
        attempts.iter().any(|attempt| attempt["list"] == more && attempt["state"] == "DIALLING")
    });
    let ringing = ringing.into_iter().find(|attempt| attempt["list"] == more).unwrap();
    world.run(&["attempt", "hang-up", &ringing["id"].to_string()]).ok();
    let unanswered = ended(&world, &ringing);
    assert_eq!(unanswered["state"], "RS_NOANSWER", "{unanswered:#}");
    world.complete(run, A_FEW_CALLS);

    let made = json!({"name": "again", "attempts": {"run": run, "state": "RS_NOANSWER"}});
    let made = world.create_whole("lists/from-attempts", made);
    assert_eq!((&made["list"]["contacts"], &made["skipped_duplicates"]), (&json!(1), &json!(0)), "{made}");
    let (status, none) = world.api.post("/api/lists/from-attempts", &json!({"name": "all"})).unwrap();
    assert_eq!((status, &none["error"]["field"]), (422, &json!("attempts")), "{none}");
}

#[test]
fn a_removed_run_is_closed_and_its_list_dials_no_more() {
    let world = World::start();
    let trunk = world.add_trunk("single", json!({"capacity": 1}));
    let list = world.list("people", &["15551000001", "15551000002"]);
    let campaign = world.campaign("removed", &[list], json!({"trunks": [trunk]}));
    let run = world.start_run(campaign);
    let talking = first_conversation(&world, run);
    world.post(&format!("/api/runs/{run}/pause"));
    assert_eq!(world.post(&format!("/api/runs/{run}/remove"))["state"], "REMOVED");
    world.add_contacts(list, vec![json!({"number": "15551000003"})]);
    assert_eq!(ended(&world, &talking)["state"], "TERMINATED", "a conversation outlives its run");
    world.wait("no open run", A_FEW_CALLS, || {
        let live = world.live();
        if live["runs"] == json!([]) && live["totals"]["open_calls"] == 0 { Ok(()) } else { Err(live.to_string()) }
    });
    assert_eq!(world.attempts(run).len(), 1);
    let (status, refusal) = world.api.post(&format!("/api/runs/{run}/unpause"), &Value::Null).unwrap();
    assert_eq!(status, 409, "{refusal}");
    // The campaign is free for another run, which begins its lists from the start.
    let again = world.complete(world.start_run(campaign), A_FEW_CALLS);
    assert_eq!(again.len(), 3, "{}", brief(&again));
}

#[test]
fn an_idle_run_dials_a_number_that_is_added_and_idles_again() {
    let world = World::start();
    let list = world.list("people", &["15554000001"]);
    let run = world.start_run(world.campaign("idle", &[list], json!({"idle_on_termination": true})));
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    world.add_contacts(list, vec![json!({"number": "15551000002", "attributes": {"user": "107"}})]);
    let attempts = world.wait_for_attempts(run, "the added number", A_FEW_CALLS, |attempts| {
        attempts.len() == 2 && attempts.iter().all(|attempt| attempt["ended_at"].is_string())
    });
    assert_eq!((&attempts[1]["number"], &attempts[1]["state"]), (&json!("15551000002"), &json!("TERMINATED")));
    world.wait_for_state(run, "IDLE", A_FEW_CALLS);
    assert_eq!(world.post(&format!("/api/runs/{run}/remove"))["state"], "REMOVED");
}

#[test]
fn outside_its_hours_a_run_says_wrong_time_and_dials_when_the_window_opens() {
    let world = World::start();
    // Any day but the ones around now, in the campaign's own zone.
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let far = (i64::from(now.weekday().to_sunday_zero_offset()) + 3) % 7 + 1;
    let mut invites = Invites::watch(&world.pair.carrier);
    let list = world.list("people", &["15551000001"]);
    let campaign = world.campaign("night", &[list], json!({"time_days": far.to_string(), "zone": "Europe/Madrid"}));
    let run = world.start_run(campaign);
    let closed = world.wait_for_state(run, "WRONG_TIME", A_FEW_CALLS);
    assert!(!closed["why"].as_str().unwrap().is_empty(), "{closed}");
    assert_eq!((world.attempts(run).len(), invites.total()), (0, 0));
    let shown = world.run(&["run", "show", &run.to_string()]).ok();
    assert!(shown.contains("WRONG_TIME"), "{shown}");

    world.patch(&format!("/api/campaigns/{campaign}"), json!({"time_days": "1234567"}));
    world.post(&format!("/api/runs/{run}/reload"));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 1, "{}", brief(&attempts));
    assert_eq!(invites.reaching(1), 1);
}

#[test]
fn opening_hours_close_a_run_and_say_which_rule_and_open_it_without_a_reload() {
    let world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let closed = json!({"mode": "CLOSED", "comment": "stocktaking"});
    let set = world.create("opening-hours", json!({"name": "shop", "rules": [closed]}));
    let list = world.list("people", &["15551000001"]);
    let campaign = world.campaign("day", &[list], json!({"opening_hours": [set]}));
    let run = world.start_run(campaign);
    world.wait_for_state(run, "WRONG_TIME", A_FEW_CALLS);
    let why = world.run(&["why", "day"]).ok();
    assert!(why.contains("opening hours \"shop\", rule 1: closed (stocktaking)"), "{why}");
    assert_eq!((world.attempts(run).len(), invites.total()), (0, 0));

    world.patch(&format!("/api/opening-hours/{set}"), json!({"rules": []}));
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!(count(&attempts, "TERMINATED"), 1, "{}", brief(&attempts));
    assert_eq!(invites.reaching(1), 1);
}

#[test]
fn a_window_opens_by_itself_to_the_second() {
    let world = World::start();
    let opens = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC) + jiff::SignedDuration::from_secs(4);
    let changes = json!({"time_start": opens.strftime("%H%M%S").to_string(), "time_end": (opens.clone() - jiff::SignedDuration::from_secs(60)).strftime("%H%M%S").to_string(), "zone": "UTC"});
    let run = world.dial("window", &["15554000001"], changes);
    let attempts = world.complete(run, A_FEW_CALLS);
    let late = ms(&attempts[0]["scheduled_at"]) - opens.timestamp().as_second() * 1_000;
    assert!((0..3_000).contains(&late), "{late} ms after the window opened");
}

#[test]
fn a_campaign_runs_once_at_a_time() {
    let world = World::start();
    let campaign = world.campaign("single", &[], json!({"idle_on_termination": true}));
    world.start_run(campaign);
    let (status, refusal) = world.api.post(&format!("/api/campaigns/{campaign}/start"), &Value::Null).unwrap();
    assert_eq!(status, 409, "{refusal}");
    assert!(refusal["error"]["message"].as_str().unwrap().contains("already running"), "{refusal}");
}
