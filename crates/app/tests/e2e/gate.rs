//! The default rules on real calls: nobody is called while they sleep, more often than is allowed, or after they said no.

use crate::world::{Invites, World, brief, count, ms, rule};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testkit::Clock;

/// A few calls on a busy machine.
const A_FEW_CALLS: Duration = Duration::from_secs(60);
/// The event of a telephone that rings.
const RINGING: &str = "leg.ringing_seen";
const DAY_S: i64 = 86_400;
/// A Monday, 15:00 UTC: 10:00 in New York, 16:00 in Madrid, midnight in Tokyo.
const MONDAY: i64 = 1_795_446_000;

/// A world whose server believes that it is `MONDAY`, and how far ahead its clock is.
pub fn on_monday(clock: &Clock) -> (World, i64) {
    let ahead = to_monday();
    clock.ahead(ahead);
    (World::by_the_clock(clock), ahead)
}

/// How far a clock has to be ahead to show `MONDAY`.
pub fn to_monday() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    MONDAY - i64::try_from(now).unwrap()
}

/// Moves the clock of the server and tells it that this was meant.
pub fn jump(world: &World, clock: &Clock, ahead: i64) {
    clock.ahead(ahead);
    world.wait("the hold", A_FEW_CALLS, || {
        let live = world.live();
        if live["dialling"] == "held" { Ok(()) } else { Err(live["dialling"].to_string()) }
    });
    world.run(&["resume-dialling"]).ok();
}

pub fn careful(changes: Value) -> Value {
    crate::world::merged(json!({"packs": ["default"], "zone": "Europe/Madrid", "answer_timeout_ms": 15_000}), changes)
}

fn reached(attempts: &[Value], number: &str) -> usize {
    attempts.iter().filter(|attempt| attempt["number"] == number).count()
}

#[test]
fn who_sleeps_is_not_called_until_morning_and_keeps_nobody_waiting() {
    let clock = Clock::new().unwrap();
    let (world, ahead) = on_monday(&clock);
    let mut invites = Invites::watch(&world.pair.carrier);
    let list = world.list("world", &[]);
    let (york, tokyo, madrid) = ("15554000001", "15554000002", "15554000003");
    // The sleeping ones come first, and are more than fit into the run's memory.
    let mut contacts: Vec<Value> =
        (100..130).map(|n| json!({"number": format!("15554000{n}"), "attributes": {"ZONE": "Asia/Tokyo"}})).collect();
    contacts.push(json!({"number": tokyo, "attributes": {"ZONE": "Asia/Tokyo"}}));
    contacts.push(json!({"number": york, "attributes": {"ZONE": "America/New_York"}}));
    contacts.push(json!({"number": madrid}));
    // Satellite telephones and those that cost the caller are not called at all.
    contacts.push(json!({"number": "+870773111632"}));
    world.add_contacts(list, contacts);
    let run = world.start_run(world.campaign("world", &[list], careful(json!({"batch_size": 10}))));
    let attempts = world.wait_for_attempts(run, "who is awake", A_FEW_CALLS, |all| count(all, "RS_BUSY") == 2);
    assert_eq!((reached(&attempts, york), reached(&attempts, madrid)), (1, 1), "{}", brief(&attempts));
    world.wait("everybody else", A_FEW_CALLS, || {
        let totals = world.get(&format!("/api/runs/{run}"))["totals"].clone();
        if totals["put_off"] == 31 && totals["refused"] == 1 { Ok(()) } else { Err(totals.to_string()) }
    });
    let wakes = "2026-11-24T00:00:00Z";
    jump(&world, &clock, ahead + 9 * 3_600 + 2);
    let attempts = world.complete(run, A_FEW_CALLS);
    assert_eq!((attempts.len(), count(&attempts, "RS_BUSY")), (33, 33), "{}", brief(&attempts));
    let morning = ms(&json!(wakes));
    let early = attempts.iter().filter(|attempt| ms(&attempt["scheduled_at"]) < morning).count();
    assert_eq!(early, 2, "{}", brief(&attempts));
    let last = attempts.iter().find(|attempt| attempt["number"] == tokyo).unwrap();
    let (_, events) = world.timeline(last);
    let receipt = &events[0]["data"]["receipt"];
    assert_eq!(receipt["picked"]["put_off_over"]["by"], "inside_callee_window", "{receipt:#}");
    assert_eq!(receipt["contact"]["clocks"][0]["zone"], "Asia/Tokyo", "{receipt:#}");
    assert!(receipt["rules"].as_array().unwrap().contains(&json!("inside_callee_window")), "{receipt:#}");
    assert!(world.run(&["attempt", "show", &last["id"].to_string()]).ok().contains("Asia/Tokyo"));
    assert_eq!(invites.reaching(33), 33);
}

#[test]
fn who_waits_for_other_hours_is_called_when_the_hours_are_changed_and_a_retry_keeps_its_delay() {
    let clock = Clock::new().unwrap();
    let (world, _) = on_monday(&clock);
    let (busy, sleeper, typo) = ("15554000001", "15554000002", "15554000003");
    let limits = |days: &str| json!({"hours": [{"days": days, "from": "00:00", "to": "24:00"}]});
    let changes = json!({"packs": ["unrestricted"], "zone": "UTC", "rules": [rule("RS_BUSY", 3, 3_600)]});
    let changes = crate::world::merged(changes, json!({"limits": limits("1")}));
    let list = world.list("people", &[busy, sleeper]);
    let campaign = world.campaign("on Sundays", &[list], changes);
    let run = world.start_run(campaign);
    world.wait_for_state(run, "WRONG_TIME", A_FEW_CALLS);
    let reload = |limits: Value| {
        world.patch(&format!("/api/campaigns/{campaign}"), json!({"limits": limits}));
        world.post(&format!("/api/runs/{run}/reload"));
    };
    // Monday is allowed: both are called at once, not on Sunday.
    reload(limits("12"));
    let began = Instant::now();
    let attempts = world.wait_for_attempts(run, "both", A_FEW_CALLS, |all| count(all, "RS_BUSY") == 2);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}: {}", began.elapsed(), brief(&attempts));
    // Their retries wait for an hour, whatever the rules are; who comes new and sleeps is corrected and called.
    reload(limits("1"));
    let added = world.add_contacts(list, vec![json!({"number": typo})]);
    let put_off = |wanted: i64| {
        world.wait("who is put off", A_FEW_CALLS, || {
            let totals = world.get(&format!("/api/runs/{run}"))["totals"].clone();
            if totals["put_off"] == wanted && totals["open_retries"] == 2 { Ok(()) } else { Err(totals.to_string()) }
        });
    };
    put_off(1);
    reload(json!({"hours": [{"days": "2", "from": "00:00", "to": "12:00"}]}));
    // It is 15:00 in UTC, and 10:00 where the contact is: nobody had said so.
    put_off(1);
    world.patch(&format!("/api/contacts/{}", added[0]), json!({"attributes": {"ZONE": "America/New_York"}}));
    let attempts = world.wait_for_attempts(run, "the corrected one", A_FEW_CALLS, |all| count(all, "RS_BUSY") == 3);
    assert_eq!((reached(&attempts, busy), reached(&attempts, sleeper)), (1, 1), "{}", brief(&attempts));
    let why = world.run_json(&["why", "on Sundays"]);
    assert!(!why["sentence"].as_str().unwrap().contains("calling hours"), "{}", why["sentence"]);
}

#[test]
fn three_attempts_a_day_are_enough_whatever_a_rule_asks_for_and_whichever_run_asks() {
    let clock = Clock::new().unwrap();
    let (world, ahead) = on_monday(&clock);
    let number = "15554000001";
    let rules = json!([rule("RS_BUSY", 9, 1)]);
    let run = world.dial("eager", &[number], careful(json!({"rules": rules})));
    let put_off = |run: i64| {
        let totals = world.get(&format!("/api/runs/{run}"))["totals"].clone();
        (totals["put_off"].as_i64().unwrap(), totals["open_retries"].as_i64().unwrap(), totals)
    };
    world.wait_for_attempts(run, "three attempts", A_FEW_CALLS, |all| count(all, "RS_BUSY") == 3);
    // Another campaign finds the same number in its list.
    let other = world.dial("other", &[number], careful(json!({"rules": rules})));
    world.wait("the other's contact put off", A_FEW_CALLS, || match put_off(other) {
        (1, ..) => Ok(()),
        (.., totals) => Err(totals.to_string()),
    });
    thread::sleep(Duration::from_secs(3));
    assert_eq!((world.attempts(run).len(), world.attempts(other).len()), (3, 0));
    // The next day.
    jump(&world, &clock, ahead + DAY_S + 10);
    let all = || [world.attempts(run), world.attempts(other)].concat();
    world.wait("three more", A_FEW_CALLS, || match all() {
        all if count(&all, "RS_BUSY") == 6 => Ok(()),
        all => Err(brief(&all)),
    });
    thread::sleep(Duration::from_secs(3));
    let mut at: Vec<i64> = all().iter().map(|attempt| ms(&attempt["scheduled_at"])).collect();
    at.sort_unstable();
    assert_eq!(at.len(), 6);
    assert!(at.windows(4).all(|four| four[3] - four[0] >= DAY_S * 1_000), "{at:?}");
}

#[test]
fn a_telephone_that_rings_stops_when_its_owner_has_said_no_and_a_conversation_goes_on() {
    let world = World::start();
    let hold = world.add_end_point("hold", 2);
    let (rings, talks) = ("15553000001", "15551100900");
    let changes = json!({"end_points": [hold], "answer_timeout_ms": 30_000});
    let run = world.dial("spring", &[rings, talks], changes);
    world.wait_for_attempts(run, "one rings, one talks", A_FEW_CALLS, |all| {
        let ringing = |call: &&Value| call["number"] == rings && world.timeline(call).0.contains(&RINGING.to_owned());
        count(all, "CONNECTED") == 1 && all.iter().any(|call| ringing(&call))
    });
    let asked = Instant::now();
    world.run(&["suppression", "add", rings, talks]).ok();
    let attempts = world.wait_for_attempts(run, "silence", A_FEW_CALLS, |all| count(all, "RS_BLACKLIST") == 1);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(count(&attempts, "CONNECTED"), 1, "the conversation goes on: {}", brief(&attempts));
    let ended = attempts.iter().find(|attempt| attempt["state"] == "RS_BLACKLIST").unwrap();
    assert_eq!((&ended["number"], &ended["ended_by"]), (&json!(rings), &json!("suppression")));
    world.post(&format!("/api/runs/{run}/remove"));
}

#[test]
fn a_telephone_that_rang_when_its_owner_said_no_and_the_server_died_stops_after_the_restart() {
    let mut world = World::through_proxy();
    let rings = "15553000001";
    let run = world.dial("spring", &[rings], json!({"answer_timeout_ms": 300_000}));
    world.wait_for_attempts(run, "a telephone that rings", A_FEW_CALLS, |all| {
        all.first().is_some_and(|call| world.timeline(call).0.contains(&RINGING.to_owned()))
    });
    // The word is in the database, the hang-up is lost on its way, and the process that would ask again dies.
    world.proxy().blackhole();
    world.run(&["suppression", "add", rings]).ok();
    world.crash();
    world.proxy().cut();
    world.proxy().heal();
    assert!(!world.channels().is_empty(), "it rings on");
    world.serve_again();
    let attempts = world.wait_for_attempts(run, "silence", A_FEW_CALLS, |all| count(all, "RS_BLACKLIST") == 1);
    assert_eq!(attempts[0]["ended_by"], "suppression", "{}", brief(&attempts));
    assert!(world.channels().is_empty(), "{:?}", world.channels());
}
