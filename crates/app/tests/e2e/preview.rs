//! Agents who are shown whom they would call, and say when: WombatDialer's preview dialling, by its requests, by ours and on
//! the command line, on real Asterisks over both links.

use crate::queues::Floor;
use crate::reverse::{pauses, until_paused};
use crate::wombat::{ok, say, world};
use crate::world::{PATIENCE, World, brief, is_ami};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_ami_too! {
    pv1_to_pv4_an_agent_reserves_looks_dials_and_skips;
    pv6_to_pv8_what_cannot_be_is_said_in_wombatdialers_words_and_changes_nothing;
    what_changes_while_an_agent_looks_is_told_to_him_and_nobody_is_called;
    a_reservation_outlives_a_kill_of_the_server_and_nobody_is_called_twice;
    autopause_begins_when_an_agent_looks;
}

/// Agent, person and all, on a busy machine.
const A_CALL: Duration = Duration::from_secs(20);
/// Long enough to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(1_500);
/// Persons who talk until somebody hangs up.
const JOHN: &str = "15551201300";
const MIKE: &str = "15551201301";

/// A floor whose agents look first. `SIP/302` and `SIP/303` answer at once.
fn floor() -> Floor {
    Floor::with(world())
}

fn preview(floor: &Floor, changes: Value) -> i64 {
    let base = json!({"reverse": true, "preview": true, "dial_find": "^SIP/30([0-9])",
        "dial_replace": "Local/1$1@carillon-agents/n"});
    floor.observing("preview", "support", crate::world::merged(base, changes))
}

/// The agent of a number logs on: `SIP/302` is the telephone 12 of the test PBX.
fn log_on(floor: &Floor, agent: u32) {
    floor.cli(&format!("devstate change Custom:agent{agent} NOT_INUSE"));
    let member =
        format!("queue add member SIP/{agent} to support penalty 0 as a{agent} state_interface Custom:agent{agent}");
    floor.cli(&member);
}

/// John and Mike, with a run that shows them to agents.
fn started(floor: &Floor, end_point: i64, changes: Value) -> i64 {
    let world = &floor.world;
    let list = world.list("people", &[]);
    let contact =
        |number: &str, name: &str| json!({"number": number, "attributes": {"NAME": name, "CITY": "Rome, IT"}});
    world.add_contacts(list, vec![contact(JOHN, "John"), contact(MIKE, "Mike")]);
    let base = json!({"trunks": [floor.trunk], "end_points": [end_point], "answer_timeout_ms": 20_000});
    let run = world.start_run(world.campaign("preview", &[list], crate::world::merged(base, changes)));
    world.wait_for_state(run, "RUNNING", PATIENCE);
    run
}

/// A run whose first contact has this name, for the agent `SIP/302`; what a browser has to know.
pub(crate) fn shown_to_an_agent(floor: &Floor, name: &str) -> Value {
    let end_point = preview(floor, json!({}));
    log_on(floor, 302);
    let world = &floor.world;
    let list = world.list("people", &[]);
    let contact = |number: &str, name: &str| json!({"number": number, "attributes": {"NAME": name}});
    world.add_contacts(list, vec![contact(JOHN, name), contact(MIKE, "Mike")]);
    let changes = json!({"trunks": [floor.trunk], "end_points": [end_point], "answer_timeout_ms": 20_000,
        "idle_on_termination": true});
    world.start_run(world.campaign("preview", &[list], changes));
    json!({"first": JOHN, "second": MIKE, "third": "15551201302", "fourth": "15551201303", "list": list.to_string()})
}

/// The id in WombatDialer's answer.
fn id_of(answer: &str) -> i64 {
    let line = answer.lines().find_map(|line| line.strip_prefix("WOMBATID: "));
    line.unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

fn reserve(world: &World, agent: &str) -> String {
    ok(world, &format!("reserve/?op=reserve&agent={agent}"))
}

fn state(world: &World, id: i64) -> String {
    world.get(&format!("/api/attempts/{id}"))["state"].as_str().unwrap().to_owned()
}

#[track_caller]
fn until(world: &World, id: i64, wanted: &str) -> Value {
    world.wait(wanted, A_CALL, || {
        let attempt = world.get(&format!("/api/attempts/{id}"));
        if attempt["state"] == wanted { Ok(attempt) } else { Err(attempt["state"].to_string()) }
    })
}

fn nothing_on_the_pbx(world: &World) {
    assert_eq!(world.channels(), Vec::<String>::new());
}

#[test]
fn pv1_to_pv4_an_agent_reserves_looks_dials_and_skips() {
    let floor = floor();
    let world = &floor.world;
    let end_point = preview(&floor, json!({}));
    log_on(&floor, 302);
    let later = json!({"status": "RS_AGENTSKIP", "status_ext": "LATER", "max_attempts": 1, "retry_after_s": 1});
    let run = started(&floor, end_point, json!({"rules": [later]}));
    // PV-1: nothing is dialled, and it is said why; the agent is seen.
    std::thread::sleep(A_WHILE);
    assert!(world.attempts(run).is_empty());
    let agents = world.get(&format!("/api/end-points/{end_point}/agents"));
    assert_eq!((&agents["items"][0]["interface"], &agents["items"][0]["state"]), (&json!("SIP/302"), &json!("idle")));
    let why = world.run(&["why", "preview"]).ok();
    assert!(why.contains("agents ask for somebody to call"), "{why}");
    // PV-2: the first contact with its attributes, each time the same.
    let answer = reserve(world, "SIP/302");
    let id = id_of(&answer);
    let expected = format!("OK: OK\nWOMBATID: {id}\nNUMBER: {JOHN}\nVAR: CITY:Rome, IT\nVAR: NAME:John\n");
    assert_eq!(answer, expected);
    assert_eq!(reserve(world, "SIP/302"), expected);
    assert_eq!(state(world, id), "RD_RESERVED");
    let live: Value = serde_json::from_str(&say(world, "live/calls/")).unwrap();
    assert!(live.to_string().contains("RD_RESERVED"), "{live}");
    assert_eq!(floor.queue("preview")["free"], 0, "nobody else reckons with him");
    let listed = world.get("/api/reservations");
    let one = &listed["items"][0];
    assert_eq!((&one["id"], &one["number"], &one["attributes"]["NAME"]), (&json!(id), &json!(JOHN), &json!("John")));
    nothing_on_the_pbx(world);
    // PV-3: the agent's telephone, then the person's.
    assert_eq!(ok(world, &format!("reserve/?op=dial&id={id}")), "OK: DIALING\n");
    let attempt = until(world, id, "CONNECTED");
    assert_eq!(attempt["agent"], "SIP/302");
    let (kinds, _) = world.timeline(&attempt);
    let order: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let place = |kind: &str| order.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("{kind}: {order:?}"));
    let wanted = ["attempt.scheduled", "attempt.accepted", "agent.requested", "agent.answered", "leg.requested"];
    assert!(wanted.windows(2).all(|two| place(two[0]) < place(two[1])), "{order:?}");
    world.run(&["attempt", "hang-up", &id.to_string()]).ok();
    until(world, id, "TERMINATED");
    floor.until("preview", "free again", |queue| queue["free"] == 1);
    // PV-4: skipped with a word for which there is a rule, and then with one for which there is none.
    let id = id_of(&reserve(world, "SIP/302"));
    assert_eq!(ok(world, &format!("reserve/?op=skip&id={id}&withStatus=LATER")), "OK: SKIPPED\n");
    let skipped = until(world, id, "RS_AGENTSKIP");
    assert_eq!((&skipped["ext_state"], &skipped["ended_by"]), (&json!("LATER"), &json!("agent_skip")));
    assert!(skipped["retry_at"].is_string(), "{skipped:#}");
    let again = world.wait("the retry", A_CALL, || {
        let said = say(world, "reserve/?op=reserve&agent=SIP/302");
        if said.starts_with("OK") { Ok(said) } else { Err(said) }
    });
    assert!(again.contains("VAR: NAME:Mike"), "{again}");
    // On the command line it is the same.
    let shown = world.run(&["reservation", "take", "SIP/302"]).ok();
    assert!(shown.contains("Mike") && shown.contains(MIKE), "{shown}");
    let id = id_of(&again).to_string();
    assert!(world.run(&["reservation", "list"]).ok().contains("SIP/302"));
    world.run(&["reservation", "release", &id]).ok();
    let answer = reserve(world, "SIP/302");
    let id = id_of(&answer).to_string();
    world.run(&["reservation", "skip", &id, "--status", "XXX"]).ok();
    let attempts = world.complete(run, A_CALL);
    let story: Vec<(&str, &str)> =
        attempts.iter().map(|one| (one["state"].as_str().unwrap(), one["ext_state"].as_str().unwrap())).collect();
    assert_eq!(story, [("TERMINATED", ""), ("RS_AGENTSKIP", "LATER"), ("RS_AGENTSKIP", "XXX")], "{}", brief(&attempts));
    // PV-7: nobody is left.
    let said = say(world, "reserve/?op=reserve&agent=SIP/302");
    assert!(said.starts_with("ERROR: AGENT_CANNOT_RESERVE"), "{said}");
    println!("over {}", if is_ami() { "AMI" } else { "ARI" });
}

#[test]
fn pv6_to_pv8_what_cannot_be_is_said_in_wombatdialers_words_and_changes_nothing() {
    let floor = floor();
    let world = &floor.world;
    let end_point = preview(&floor, json!({}));
    log_on(&floor, 302);
    let run = started(&floor, end_point, json!({}));
    let says = |path: &str, word: &str| {
        let said = say(world, path);
        assert!(said.starts_with(&format!("ERROR: {word}")) && !said.contains("OK"), "{path}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    says("reserve/?op=reserve&agent=SIP/999", "AGENT_NOT_AVAILABLE");
    floor.cli("queue pause member SIP/302 queue support reason lunch");
    floor.until("preview", "paused", |queue| queue["paused"] == 1);
    says("reserve/?op=reserve&agent=SIP/302", "AGENT_NOT_AVAILABLE");
    floor.cli("queue unpause member SIP/302 queue support");
    floor.until("preview", "free", |queue| queue["free"] == 1);
    floor.cli("devstate change Custom:agent302 INUSE");
    floor.until("preview", "busy", |queue| queue["free"] == 0);
    says("reserve/?op=reserve&agent=SIP/302", "AGENT_NOT_AVAILABLE");
    floor.cli("devstate change Custom:agent302 NOT_INUSE");
    floor.until("preview", "free again", |queue| queue["free"] == 1);
    for (path, word) in [
        ("reserve/?op=reserve", "the parameter agent is missing"),
        ("reserve/?op=reserve&agent=%20", "the parameter agent is missing"),
        ("reserve/?op=reserve&agent=SIP%2F302%0D%0AAction:%20x", "agent"),
        ("reserve/?op=dial&id=77", "ID_NOT_FOUND"),
        ("reserve/?op=skip&id=77", "ID_NOT_FOUND"),
        ("reserve/?op=dial", "the parameter id is missing"),
        ("reserve/?op=dial&id=x", "id \"x\" is no id of a call"),
        ("reserve/?op=dial&id=-1", "id \"-1\" is no id of a call"),
        ("reserve/?op=skip&id=99999999999999999999", "id"),
        ("reserve/?op=call&id=1", "there is no op \"call\" here, but: reserve, dial, skip"),
        ("reserve/", "there is no op \"\" here"),
    ] {
        says(path, word);
    }
    assert!(world.attempts(run).is_empty(), "nothing was changed");
    let id = id_of(&reserve(world, "SIP/302"));
    says(&format!("reserve/?op=skip&id={id}&withStatus={}", "x".repeat(65)), "status");
    assert_eq!(state(world, id), "RD_RESERVED");
    ok(world, &format!("reserve/?op=dial&id={id}"));
    says(&format!("reserve/?op=dial&id={id}"), "ID_FOUND_WRONG_STATE");
    says(&format!("reserve/?op=skip&id={id}"), "ID_FOUND_WRONG_STATE");
    until(world, id, "CONNECTED");
    says(&format!("reserve/?op=skip&id={id}"), "ID_FOUND_WRONG_STATE");
    says("reserve/?op=reserve&agent=SIP/302", "AGENT_NOT_AVAILABLE");
    world.run(&["attempt", "hang-up", &id.to_string()]).ok();
    until(world, id, "TERMINATED");
    says(&format!("reserve/?op=dial&id={id}"), "ID_NOT_FOUND");
}

#[test]
fn what_changes_while_an_agent_looks_is_told_to_him_and_nobody_is_called() {
    let floor = floor();
    let world = &floor.world;
    let end_point = preview(&floor, json!({}));
    for agent in [302, 303] {
        log_on(&floor, agent);
    }
    let run = started(&floor, end_point, json!({}));
    let john = id_of(&reserve(world, "SIP/302"));
    let mike = id_of(&reserve(world, "SIP/303"));
    assert_ne!(john, mike);
    let dial = |id: i64| say(world, &format!("reserve/?op=dial&id={id}"));
    // Paused, he is told and looks on.
    world.run(&["run", "pause", &run.to_string()]).ok();
    let said = dial(john);
    assert!(said.starts_with("ERROR: ID_FOUND_WRONG_STATE") && said.contains("paused"), "{said}");
    assert_eq!(state(world, john), "RD_RESERVED");
    world.run(&["run", "unpause", &run.to_string()]).ok();
    // Nobody may call him any more.
    world.run(&["suppression", "add", JOHN, "--why", "asked"]).ok();
    until(world, john, "RS_BLACKLIST");
    let said = dial(john);
    assert!(said.starts_with("ERROR: ID_NOT_FOUND") && said.contains("suppressed"), "{said}");
    // The other agent goes home: whoever is there gets the contact.
    floor.cli("queue remove member SIP/303 from support");
    world.wait("the contact is back", PATIENCE, || {
        let held = world.get("/api/reservations");
        if held["items"].as_array().unwrap().is_empty() { Ok(()) } else { Err(held.to_string()) }
    });
    let answer = reserve(world, "SIP/302");
    assert!(answer.contains("VAR: NAME:Mike"), "{answer}");
    world.run(&["run", "remove", &run.to_string()]).ok();
    let said = dial(id_of(&answer));
    assert!(said.starts_with("ERROR: ID_NOT_FOUND") && said.contains("removed"), "{said}");
    assert!(world.attempts(run).iter().all(|one| one["requested_at"].is_null()), "{:#?}", world.attempts(run));
    nothing_on_the_pbx(world);
}

#[test]
fn a_reservation_outlives_a_kill_of_the_server_and_nobody_is_called_twice() {
    let mut floor = floor();
    let end_point = preview(&floor, json!({}));
    log_on(&floor, 302);
    let run = started(&floor, end_point, json!({}));
    let answer = reserve(&floor.world, "SIP/302");
    let before = floor.world.get("/api/reservations")["items"][0].clone();
    floor.world.crash();
    floor.world.serve_again();
    let world = &floor.world;
    let after = world.wait("the same reservation", PATIENCE, || {
        let after = world.get("/api/reservations")["items"][0].clone();
        if after["id"] == before["id"] { Ok(after) } else { Err(after.to_string()) }
    });
    assert_eq!((&after["until"], &after["attributes"]), (&before["until"], &before["attributes"]));
    assert_eq!(reserve(world, "SIP/302"), answer);
    let id = id_of(&answer);
    world.wait("the PBX and its queue", A_CALL, || {
        let said = say(world, &format!("reserve/?op=dial&id={id}"));
        if said == "OK: DIALING\n" { Ok(()) } else { Err(said) }
    });
    until(world, id, "CONNECTED");
    floor.world.crash();
    floor.world.serve_again();
    let world = &floor.world;
    until(world, id, "CONNECTED");
    let attempts = world.attempts(run);
    assert_eq!(attempts.len(), 1, "{}", brief(&attempts));
    world.run(&["attempt", "hang-up", &id.to_string()]).ok();
    until(world, id, "TERMINATED");
}

#[test]
fn autopause_begins_when_an_agent_looks() {
    let floor = floor();
    let world = &floor.world;
    let end_point = preview(&floor, json!({}));
    log_on(&floor, 302);
    started(&floor, end_point, json!({"autopause": true}));
    let id = id_of(&reserve(world, "SIP/302"));
    until_paused(&floor, "support", true);
    assert_eq!(say(world, &format!("reserve/?op=skip&id={id}")), "OK: SKIPPED\n");
    until_paused(&floor, "support", false);
    // The pause is no reason against the call that it is for.
    let id = world.wait("free again", PATIENCE, || {
        let said = reserve(world, "SIP/302");
        if said.starts_with("OK") { Ok(id_of(&said)) } else { Err(said) }
    });
    until_paused(&floor, "support", true);
    assert_eq!(say(world, &format!("reserve/?op=dial&id={id}")), "OK: DIALING\n");
    until(world, id, "CONNECTED");
    assert_eq!(pauses(&floor, "support").len(), 1);
    world.run(&["attempt", "hang-up", &id.to_string()]).ok();
    until(world, id, "TERMINATED");
    until_paused(&floor, "support", false);
}

/// The shortest time that can be set is a minute.
#[test]
fn pv5_who_does_not_decide_in_time_loses_the_contact_to_others() {
    let floor = floor();
    let world = &floor.world;
    let end_point = preview(&floor, json!({"reservation_minutes": 1}));
    for agent in [302, 303] {
        log_on(&floor, agent);
    }
    let run = started(&floor, end_point, json!({}));
    let began = Instant::now();
    let id = id_of(&reserve(world, "SIP/302"));
    let mike = id_of(&reserve(world, "SIP/303"));
    ok(world, &format!("reserve/?op=skip&id={mike}"));
    let said = say(world, "reserve/?op=reserve&agent=SIP/303");
    assert!(said.starts_with("ERROR: AGENT_CANNOT_RESERVE"), "{said}");
    world.wait("a minute", Duration::from_secs(75), || match state(world, id).as_str() {
        "WITHDRAWN" => Ok(()),
        other => Err(other.to_owned()),
    });
    let took = began.elapsed().as_secs();
    assert!((58..=70).contains(&took), "{took} s");
    let said = say(world, &format!("reserve/?op=dial&id={id}"));
    assert!(said.starts_with("ERROR: ID_NOT_FOUND") && said.contains("in time"), "{said}");
    let answer = reserve(world, "SIP/303");
    assert!(answer.contains("VAR: NAME:John") && id_of(&answer) != id, "{answer}");
    let placed = world.get(&format!("/api/runs/{run}"))["totals"]["placed"].clone();
    assert_eq!(placed, 2, "the one that was not decided is not counted");
}
