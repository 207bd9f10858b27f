//! A paced campaign on real Asterisks: agents of a real queue are SIP user agents that answer, talk, hang up and wrap up. What our
//! engine counted is what Asterisk's own queue_log says.

use crate::queues::Floor;
use crate::world::brief;
use serde_json::json;
use std::time::Duration;

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
    let log = world.queue_log();
    let of =
        |event: &str| log.iter().filter(|entry| entry.queue == "paced" && entry.event == event).collect::<Vec<_>>();
    let number = |entry: &crate::world::LogEntry, no: usize| entry.data[no].parse::<u64>().unwrap();
    let seen = || format!("{now}\n{}\n{log:?}", brief(&attempts));

    // Everybody who answered came to the queue, and the engine counts the same people.
    let answered = attempts.iter().filter(|attempt| !attempt["connected_at"].is_null()).count();
    assert_eq!((of("ENTERQUEUE").len(), now["live"].as_u64()), (answered, Some(answered as u64)), "{}", seen());
    // Two minutes are mostly the cold start: one call for each free agent brings about seventeen.
    assert!(answered > 14, "{}", seen());
    // Who found no agent in two seconds left the queue for the message; the log knows whole seconds of those who did.
    let left = of("EXITWITHTIMEOUT").len() + of("ABANDON").len();
    let at_most = left + of("CONNECT").iter().filter(|entry| number(entry, 0) >= 1).count();
    let abandoned = usize::try_from(now["abandoned"].as_u64().unwrap()).unwrap();
    assert!((left..=at_most).contains(&abandoned), "{abandoned} abandoned: {}", seen());
    // The agents were in calls for as long as Asterisk says, and that is most of the time.
    let ended = [of("COMPLETEAGENT"), of("COMPLETECALLER")].concat();
    assert_eq!(ended.len(), of("CONNECT").len(), "{}", seen());
    let talked: u64 = ended.iter().map(|entry| number(entry, 1)).sum();
    let occupancy = talked as f64 / (DIALS.as_secs_f64() * f64::from(AGENTS));
    println!("{answered} answered, {abandoned} abandoned, agents {:.0} % of the time in calls", occupancy * 100.0);
    assert!(occupancy > 0.35, "{occupancy}: {}", seen());
    // Each call says what it was decided on.
    let (_, events) = world.timeline(&attempts[attempts.len() / 2]);
    let pace = &events[0]["data"]["receipt"]["queue"]["pace"];
    assert!(pace["free"].is_u64() && pace["open"].is_u64(), "{:#}", events[0]);
}
