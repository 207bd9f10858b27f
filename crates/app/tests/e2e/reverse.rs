//! Agents who are called before the person, on real Asterisks over both links: who is called, who is connected, and what is
//! left of it when somebody does not come, hangs up, or the server dies.

use crate::queues::Floor;
use crate::world::{PATIENCE, World, brief, is_ami, ms, rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_ami_too! {
    pv9_the_agent_is_called_first_and_connected_with_who_answers;
    pv10_an_agent_who_does_not_come_costs_the_person_no_call;
    what_becomes_of_the_person_ends_the_agents_call_and_the_other_way_round;
    agents_who_are_called_first_have_one_call_at_a_time_over_campaigns;
    calls_to_agents_and_persons_outlive_a_kill_of_the_server;
    autopause_keeps_callers_away_and_ends_with_the_call_also_after_a_kill;
}

/// Agent, person and all, on a busy machine.
const A_CALL: Duration = Duration::from_secs(20);

fn reverse(floor: &Floor, name: &str, changes: Value) -> i64 {
    floor.observing(name, "support", crate::world::merged(json!({"reverse": true}), changes))
}

/// The kinds of a timeline that are about legs and agents.
fn legs(world: &World, attempt: &Value) -> Vec<String> {
    let kinds = world.timeline(attempt).0;
    kinds.into_iter().filter(|kind| kind.starts_with("agent.") || kind.starts_with("leg.")).collect()
}

fn until(floor: &Floor, run: i64, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    floor.world.wait_for_attempts(run, what, A_CALL, wanted)
}

/// Nobody of ours is left on the PBX.
fn nobody_is_left(floor: &Floor) {
    floor.world.wait("an empty PBX", PATIENCE, || {
        let channels = floor.world.channels();
        if channels.is_empty() { Ok(()) } else { Err(format!("{channels:?}")) }
    });
}

#[test]
fn pv9_the_agent_is_called_first_and_connected_with_who_answers() {
    let floor = Floor::start();
    let world = &floor.world;
    // The queue says Agent/10, whose telephone is a Local channel.
    let end_point = reverse(
        &floor,
        "sales",
        json!({"dial_find": "^Agent/([0-9]+)", "dial_replace": "Local/$1@carillon-agents/n", "extension": "nowhere"}),
    );
    let run = floor.dial("first", &Floor::people(1), &[end_point], json!({"forced_closure_s": 60}));
    world.wait_for_state(run, "RUNNING", PATIENCE);
    assert!(world.attempts(run).is_empty(), "nobody is there");
    floor.cli("queue add member Agent/10 to support penalty 0 as ten state_interface Custom:agent10");
    floor.cli("devstate change Custom:agent10 NOT_INUSE");
    let attempts = until(&floor, run, "a conversation", |all| all.iter().any(|one| one["state"] == "CONNECTED"));
    let attempt = &attempts[0];
    assert_eq!(attempt["agent"], "Agent/10", "{attempt:#}");
    let order: Vec<String> = legs(world, attempt);
    let place = |kind: &str| order.iter().position(|one| one == kind).unwrap_or_else(|| panic!("{kind}: {order:?}"));
    let wanted = ["agent.requested", "agent.called", "agent.answered", "leg.requested", "leg.created", "leg.answered"];
    assert!(wanted.windows(2).all(|two| place(two[0]) < place(two[1])), "{order:?}");
    // They are in one bridge, by Asterisk itself.
    let shown = floor.world.pair.pbx.cli("core show channels concise").unwrap();
    let bridges: Vec<&str> = shown
        .lines()
        .filter(|line| line.rsplit('!').next().is_some_and(|id| id.starts_with("c-")))
        .filter_map(|line| line.rsplit('!').nth(1))
        .collect();
    let channel = attempt["channel"].as_str().unwrap();
    assert!(shown.contains(channel), "{shown}");
    assert!(bridges.len() == 2 && bridges[0] == bridges[1] && !bridges[0].is_empty(), "{shown}");
    let live = world.live();
    let call = &live["calls"][0];
    assert_eq!((&call["state"], &call["agent"]), (&json!("CONNECTED"), &json!("Agent/10")), "{call:#}");
    assert_eq!(floor.queue("sales")["free"], 0, "the agent is taken");
    let agents = world.run(&["endpoint", "agents", "sales"]).ok();
    assert!(agents.contains("taken") || agents.contains("talking"), "{agents}");
    // Hung up from here: both go, and the agent is free again.
    world.run(&["attempt", "hang-up", &attempt["id"].to_string()]).ok();
    let ended = world.complete(run, A_CALL);
    assert_eq!((&ended[0]["state"], &ended[0]["ended_by"]), (&json!("TERMINATED"), &json!("operator")), "{ended:#?}");
    nobody_is_left(&floor);
    floor.until("sales", "free again", |queue| queue["free"] == 1);
}

#[test]
fn pv10_an_agent_who_does_not_come_costs_the_person_no_call() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = reverse(&floor, "sales", json!({}));
    // Nobody picks up there.
    floor.log_on(20, "support");
    let rules = json!({"answer_timeout_ms": 2_000, "rules": [rule("RS_NOAGENT", 1, 1)]});
    let run = floor.dial("nobody", &Floor::people(1), &[end_point], rules);
    let attempts = world.complete(run, Duration::from_secs(40));
    assert_eq!(attempts.len(), 2, "{}", brief(&attempts));
    for attempt in &attempts {
        assert_eq!((&attempt["state"], &attempt["requested_at"]), (&json!("RS_NOAGENT"), &Value::Null), "{attempt:#}");
        assert_eq!((&attempt["ended_by"], &attempt["fault"]), (&json!("no_agent"), &json!("ours")));
        assert!(!legs(world, attempt).iter().any(|kind| kind == "leg.requested"), "nothing was sent to the person");
    }
    // The person's books know of no call: a rule of one call in a day lets the next campaign call.
    let cap = json!({"caps": [{"attempts": 1, "hours": 24}]});
    floor.log_off(20, "support");
    floor.log_on(10, "support");
    let run = floor.dial("capped", &Floor::people(1), &[end_point], json!({"limits": cap, "forced_closure_s": 1}));
    let attempts = until(&floor, run, "the first call", |all| all.iter().any(|one| !one["connected_at"].is_null()));
    assert_eq!(attempts.len(), 1, "{}", brief(&attempts));
    nobody_is_left(&floor);
}

#[test]
fn what_becomes_of_the_person_ends_the_agents_call_and_the_other_way_round() {
    let floor = Floor::start();
    let world = &floor.world;
    let end_point = reverse(&floor, "sales", json!({}));
    floor.log_on(10, "support");
    // Busy, unallocated, rings in vain for two seconds, answers and hangs up after two.
    let numbers: Vec<String> = ["15554000001", "15554300001", "15553002001", "15551101001"].map(str::to_owned).to_vec();
    let run = floor.dial("outcomes", &numbers, &[end_point], json!({"answer_timeout_ms": 3_000, "rules": []}));
    let attempts = world.complete(run, Duration::from_secs(60));
    let states: Vec<&str> = attempts.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["RS_BUSY", "RS_NUMBER", "RS_NOANSWER", "TERMINATED"], "{}", brief(&attempts));
    for attempt in &attempts {
        assert!(legs(world, attempt).iter().any(|kind| kind == "agent.answered"), "{attempt:#}");
    }
    // One agent, one call after the other.
    let mut spans: Vec<(i64, i64)> =
        attempts.iter().map(|one| (ms(&one["scheduled_at"]), ms(&one["ended_at"]))).collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0), "{spans:?}");
    nobody_is_left(&floor);
    floor.until("sales", "free again", |queue| queue["free"] == 1);
    // The agent hangs up while it rings: the person's call is ended at once.
    let ringing = floor.dial("impatient", &["15553030001".to_owned()], &[end_point], json!({"rules": []}));
    let attempts = until(&floor, ringing, "ringing", |all| {
        all.first().is_some_and(|one| legs(world, one).iter().any(|kind| kind == "leg.ringing_seen"))
    });
    let began = Instant::now();
    let agent = floor.agents_channel();
    floor.cli(&format!("channel request hangup {agent}"));
    let ended = world.complete(ringing, A_CALL);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!((&ended[0]["state"], &ended[0]["ended_by"]), (&json!("RS_NOANSWER"), &json!("agent")), "{attempts:#?}");
    nobody_is_left(&floor);
}

/// How much later the person's end may be told than the agent's, of one conversation.
const TOLD_LATE_MS: i64 = 1_000;

#[test]
fn agents_who_are_called_first_have_one_call_at_a_time_over_campaigns() {
    let floor = Floor::start();
    let world = &floor.world;
    // Two end points that share a queue, each with a campaign.
    let ends = [reverse(&floor, "first", json!({})), reverse(&floor, "second", json!({}))];
    for agent in 10..13 {
        floor.log_on_with_device(agent, "support");
    }
    let runs = [0, 1].map(|n| {
        let people: Vec<String> = (0..8).map(|of| format!("155512010{n}{of}")).collect();
        floor.dial(&format!("run {n}"), &people, &[ends[n]], json!({"forced_closure_s": 3}))
    });
    let (mut most, began) = (0, Instant::now());
    while began.elapsed() < Duration::from_secs(12) {
        let live = world.live();
        let calls = live["calls"].as_array().unwrap().iter();
        let mut agents: Vec<&str> = calls.filter_map(|call| call["agent"].as_str()).collect();
        agents.sort_unstable();
        assert!(agents.windows(2).all(|two| two[0] != two[1]), "{agents:?}");
        most = most.max(agents.len());
        std::thread::sleep(Duration::from_millis(25));
    }
    // The books of two runs are not read in one instant: nothing changes in them any more.
    world.run(&["stop-dialling", "--why", "test"]).ok();
    world.wait("the last calls", A_CALL, || match world.live()["calls"].as_array().unwrap().len() {
        0 => Ok(()),
        open => Err(format!("{open} calls")),
    });
    let attempts: Vec<Value> = runs.iter().flat_map(|run| world.attempts(*run)).collect();
    assert!(most <= 3, "{most} agents of three\n{}", brief(&attempts));
    let taken: Vec<&Value> = attempts.iter().filter(|one| !one["agent"].is_null()).collect();
    assert!(taken.len() >= 4, "{}", brief(&attempts));
    for (n, one) in taken.iter().enumerate() {
        for other in taken[n + 1..].iter().filter(|other| other["agent"] == one["agent"]) {
            // Asterisk may tell the agent's end before the person's, on a busy machine by some time.
            let before = |one: &Value, other: &Value| ms(&one["ended_at"]) <= ms(&other["scheduled_at"]) + TOLD_LATE_MS;
            let apart = before(one, other) || before(other, one);
            assert!(apart, "two calls for one agent: {one:#} {other:#}");
        }
    }
}

#[test]
fn calls_to_agents_and_persons_outlive_a_kill_of_the_server() {
    let mut floor = Floor::start();
    let end_point = reverse(&floor, "sales", json!({}));
    floor.log_on_with_device(10, "support");
    let run = floor.dial("kill", &Floor::people(1), &[end_point], json!({}));
    until(&floor, run, "a conversation", |all| all.iter().any(|one| one["state"] == "CONNECTED"));
    floor.world.crash();
    floor.world.serve_again();
    let world = &floor.world;
    let attempts = until(&floor, run, "the same conversation", |all| all[0]["state"] == "CONNECTED");
    assert_eq!(attempts.len(), 1, "{}", brief(&attempts));
    floor.until("sales", "the agent is taken still", |queue| queue["observed"] == true && queue["free"] == 0);
    world.run(&["attempt", "hang-up", &attempts[0]["id"].to_string()]).ok();
    let ended = world.complete(run, A_CALL);
    assert_eq!(ended[0]["state"], "TERMINATED", "{}", brief(&ended));
    floor.until("sales", "free again", |queue| queue["free"] == 1);
    // Killed while the agent's telephone rings: nobody knows whether the person was called, and the agent does not wait
    // for ever.
    floor.log_off(10, "support");
    floor.log_on(20, "support");
    let run = floor.dial("rings", &["15551201777".to_owned()], &[end_point], json!({"rules": []}));
    until(&floor, run, "the agent is called", |all| all.iter().any(|one| one["state"] == "RD_AGENTREQ"));
    floor.world.crash();
    floor.world.serve_again();
    let ended = floor.world.complete(run, Duration::from_secs(40));
    assert_eq!((ended.len(), &ended[0]["state"]), (1, &json!("RS_LOST")), "{}", brief(&ended));
    nobody_is_left(&floor);
    println!("over {}", if is_ami() { "AMI" } else { "ARI" });
}

/// The pauses of a queue's members, as the PBX shows them.
pub(crate) fn pauses(floor: &Floor, queue: &str) -> Vec<String> {
    let shown = floor.world.pair.pbx.cli(&format!("queue show {queue}")).unwrap();
    let reasons = shown.split("(paused").skip(1).map(|rest| rest.split([' ', ')']).next().unwrap_or_default());
    reasons.map(|reason| reason.trim_start_matches(':').to_owned()).collect()
}

/// The pauses are ours, or there is none.
#[track_caller]
pub(crate) fn until_paused(floor: &Floor, queue: &str, ours: bool) {
    floor.world.wait(if ours { "our pause" } else { "no pause" }, PATIENCE, || {
        let seen = pauses(floor, queue);
        let is_so = if ours { seen.len() == 1 && seen[0].starts_with("carillon-") } else { seen.is_empty() };
        if is_so { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn autopause_keeps_callers_away_and_ends_with_the_call_also_after_a_kill() {
    let mut floor = Floor::start();
    let end_point = reverse(&floor, "sales", json!({}));
    let talks = |all: &[Value]| all.iter().any(|one| one["state"] == "CONNECTED");
    let call = |floor: &Floor, name: &str, person: &str| {
        let run = floor.dial(name, &[person.to_owned()], &[end_point], json!({"autopause": true}));
        (run, until(floor, run, "a conversation", talks)[0]["id"].to_string())
    };
    // The PBX is not told the state of this telephone, and would send it callers.
    floor.log_on(11, "support");
    let (run, attempt) = call(&floor, "callers", "15551201500");
    until_paused(&floor, "support", true);
    floor.inbound("support");
    floor.until("sales", "a caller waits", |queue| queue["waiting"] == 1);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(floor.queue("sales")["waiting"], 1, "nobody is sent to an agent who talks");
    floor.world.run(&["attempt", "hang-up", &attempt]).ok();
    floor.world.complete(run, A_CALL);
    until_paused(&floor, "support", false);
    floor.until("sales", "the caller has the agent", |queue| queue["waiting"] == 0);
    floor.cli("channel request hangup all");
    nobody_is_left(&floor);
    // Killed while they talk: the pause is as long as the call, whoever is there to end it.
    let (_, _) = call(&floor, "kill", "15551201501");
    until_paused(&floor, "support", true);
    floor.world.crash();
    floor.world.serve_again();
    floor.until("sales", "the agent is taken still", |queue| queue["observed"] == true && queue["free"] == 0);
    until_paused(&floor, "support", true);
    floor.world.crash();
    floor.cli("channel request hangup all");
    nobody_is_left(&floor);
    until_paused(&floor, "support", true);
    floor.world.serve_again();
    until_paused(&floor, "support", false);
    floor.until("sales", "free again", |queue| queue["free"] == 1);
    // Who pauses himself meanwhile stays paused.
    let (run, attempt) = call(&floor, "lunch", "15551201502");
    until_paused(&floor, "support", true);
    floor.pause(11, "support");
    floor.world.run(&["attempt", "hang-up", &attempt]).ok();
    floor.world.complete(run, A_CALL);
    nobody_is_left(&floor);
    floor.until("sales", "at lunch", |queue| queue["paused"] == 1 && queue["free"] == 0);
    assert_eq!(pauses(&floor, "support"), ["lunch"]);
}
