//! A paced campaign on real Asterisks: agents of a real queue are SIP user agents that answer, talk, hang up and wrap up. What our
//! engine counted is what Asterisk's own queue_log says.

use crate::queues::Floor;
use crate::world::brief;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[path = "../../examples/soak_pacing/judge.rs"]
mod judge;

on_ami_too! {
    two_minutes_of_a_paced_campaign_are_what_the_queue_log_of_asterisk_says;
}

/// Agents, and how long the campaign dials for them.
const AGENTS: u32 = 5;
const DIALS: Duration = Duration::from_secs(110);
/// What is under way when it is paused rings and talks to its end.
const ENDS: Duration = Duration::from_secs(60);

#[test]
fn two_minutes_of_a_paced_campaign_are_what_the_queue_log_of_asterisk_says() {
    let floor = Floor::start();
    let message = "dialplan add extension s,1,Playback,hello-world into carillon-abandoned";
    floor.cli(message);
    let paced = floor.observing("paced", "paced", json!({"max_channels": 40}));
    for agent in 1..=AGENTS {
        let device = format!("Custom:agent{agent}");
        floor.cli(&format!("devstate change {device} NOT_INUSE"));
        // Answers at once, says hello, hangs up ten seconds later; the queue lets it wrap up.
        let member = format!("PJSIP/15551100{agent:03}@carrier");
        floor.cli(&format!("queue add member {member} to paced penalty 0 as agent{agent} state_interface {device}"));
    }
    floor.until("paced", "its agents", |queue| queue["free"] == AGENTS);
    // Of four people two answer after some seconds, one is away, one is busy.
    let people: Vec<String> = (0..480)
        .map(|n| match n % 4 {
            0 => format!("155510{:02}{n:03}", 2 + n % 5),
            1 => format!("155510{:02}{n:03}", 3 + n % 4),
            2 => format!("15553108{n:03}"),
            _ => format!("15554000{n:03}"),
        })
        .collect();
    let pacing = json!({"mode": "predictive", "cap": 0.05});
    let run = floor.dial("paced", &people, &[paced], json!({"pacing": pacing, "answer_timeout_ms": 20_000}));
    let world = &floor.world;
    std::thread::sleep(DIALS);
    let campaign = world.get(&format!("/api/runs/{run}"))["campaign"].as_i64().unwrap();
    let now = world.get(&format!("/api/campaigns/{campaign}/pacing"))["now"].clone();
    assert_eq!((&now["by"], &now["policy"]), (&json!("engine"), &json!("budget")), "{now}");
    world.post(&format!("/api/runs/{run}/pause"));
    world.wait("calls to end", ENDS, || {
        let live = world.live_run(run);
        if live["in_flight"] == 0 { Ok(()) } else { Err(live.to_string()) }
    });
    let now = world.live_run(run)["pacing"].clone();
    let attempts = world.attempts(run);
    let rows = world.get(&format!("/api/campaigns/{campaign}/ledger?limit=1000"))["items"].as_array().unwrap().clone();
    let verdict =
        judge::judge(&calls(&attempts, &rows), &judge::read(&world.queue_log_text(), "paced").unwrap()).unwrap();
    let seen = || format!("{verdict:#?}\n{now}\n{}", brief(&attempts));

    // Call by call the ledger is what Asterisk logged, and the engine counts the same people.
    assert_eq!(verdict.differences, [] as [String; 0], "{}", seen());
    let (ours, answered) = (verdict.ours, attempts.iter().filter(|attempt| !attempt["connected_at"].is_null()).count());
    assert_eq!((ours.answered, now["live"].as_u64()), (answered as u64, Some(answered as u64)), "{}", seen());
    assert_eq!(now["abandoned"], ours.abandoned, "{}", seen());
    // Two minutes are mostly the cold start: one call for each free agent brings about seventeen.
    assert!(answered > 14, "{}", seen());
    // The agents were in calls most of the time.
    let occupancy = verdict.asterisk.occupancy(AGENTS, DIALS.as_secs_f64());
    println!("{answered} answered, {} abandoned, agents {occupancy:.0} % of the time in calls", ours.abandoned);
    assert!(occupancy > 35.0, "{occupancy}: {}", seen());
    let whole = world.run(&["ledger", "verify"]).ok();
    assert!(whole.contains(&format!("campaign paced: {} rows are as they were written", rows.len())), "{whole}");
    // Each call says what it was decided on.
    let (_, events) = world.timeline(&attempts[attempts.len() / 2]);
    let pace = &events[0]["data"]["receipt"]["queue"]["pace"];
    assert!(pace["free"].is_u64() && pace["open"].is_u64(), "{:#}", events[0]);
}

/// Those who answered, with what the ledger counted of each.
fn calls(attempts: &[Value], rows: &[Value]) -> Vec<judge::Call> {
    let mut counted: BTreeMap<i64, Vec<(String, i64)>> = BTreeMap::new();
    for row in rows {
        let what = (row["count"].as_str().unwrap().to_owned(), row["waited_ms"].as_i64().unwrap());
        counted.entry(row["attempt"].as_i64().unwrap()).or_default().push(what);
    }
    let answered = attempts.iter().filter(|attempt| !attempt["connected_at"].is_null());
    answered
        .map(|attempt| judge::Call {
            channel: attempt["channel"].as_str().unwrap().to_owned(),
            talk_ms: attempt["talk_ms"].as_i64().unwrap(),
            counted: counted.remove(&attempt["id"].as_i64().unwrap()).unwrap_or_default(),
        })
        .collect()
}
