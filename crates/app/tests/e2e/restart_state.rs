//! What a run was doing is what it does after a crash of the server.

use crate::world::{Invites, World, brief, count, merged, ms, rule};
use serde_json::json;
use std::time::Duration;

on_both_engines! {
    a_retry_that_waits_is_not_forgotten_not_early_and_keeps_its_counter;
    figures_add_up_before_and_after_a_crash;
}

/// A crash and a few calls on a busy machine.
const A_CRASH: Duration = Duration::from_secs(55);

fn a_retry_that_waits_is_not_forgotten_not_early_and_keeps_its_counter() {
    let mut world = World::start();
    let mut invites = Invites::watch(&world.pair.carrier);
    let run = world.dial("waiting", &["15554000001"], json!({"rules": [rule("RS_BUSY", 1, 6)]}));
    world.wait_for_attempts(run, "the first attempt", A_CRASH, |attempts| count(attempts, "RS_BUSY") == 1);
    world.crash();
    world.serve_again();
    let attempts = world.complete(run, A_CRASH);
    assert_eq!((attempts.len(), &attempts[1]["retry"]), (2, &json!(1)), "{}", brief(&attempts));
    let late = ms(&attempts[1]["scheduled_at"]) - ms(&attempts[0]["retry_at"]);
    assert!((0..10_000).contains(&late), "{late} ms after its time\n{}", brief(&attempts));
    assert_eq!(invites.reaching(2), 2);
}

#[test]
fn a_paused_run_stays_paused_an_idle_one_idle_and_both_go_on() {
    let mut world = World::start();
    let list = world.list("paused", &["15554000001"]);
    world.api.expect("POST", "/api/dialling/hold", Some(&json!({}))).unwrap();
    let paused = world.start_run(world.campaign("paused", &[list], json!({})));
    world.post(&format!("/api/runs/{paused}/pause"));
    world.post("/api/dialling/lift");
    let other = world.list("idle", &[]);
    let idle = world.start_run(world.campaign("idle", &[other], json!({"idle_on_termination": true})));
    world.wait_for_state(idle, "IDLE", A_CRASH);
    world.crash();
    world.serve_again();
    world.wait_for_link();
    world.wait_for_state(idle, "IDLE", A_CRASH);
    assert_eq!(world.live_run(paused)["state"], "PAUSED");
    assert!(world.attempts(paused).is_empty());
    world.add_contacts(other, vec![json!({"number": "15554000002"})]);
    world.wait_for_attempts(idle, "the added number", A_CRASH, |attempts| count(attempts, "RS_BUSY") == 1);
    assert!(world.attempts(paused).is_empty());
    world.post(&format!("/api/runs/{paused}/unpause"));
    assert_eq!(count(&world.complete(paused, A_CRASH), "RS_BUSY"), 1);
}

#[test]
fn the_call_of_a_removed_run_is_followed_over_a_crash_and_keeps_its_status() {
    let mut world = World::start();
    let hold = world.add_end_point("hold", 1);
    let rules = json!([merged(rule("TERMINATED", 1, 1), json!({"status_ext": "vip"}))]);
    let run = world.dial("removed", &["15551100001", "15554000002"], json!({"end_points": [hold], "rules": rules}));
    let talking = world.wait_for_attempts(run, "a conversation", A_CRASH, |attempts| count(attempts, "CONNECTED") == 1);
    let path = format!("/api/attempts/{}/status", talking[0]["id"]);
    world.api.expect("POST", &path, Some(&json!({"status": "vip"}))).unwrap();
    world.post(&format!("/api/runs/{run}/remove"));
    world.crash();
    world.serve_again();
    world.wait_for_link();
    assert_eq!(world.channels().len(), 1);
    let attempts = world.wait_for_attempts(run, "its end", A_CRASH, |attempts| attempts[0]["ended_at"].is_string());
    assert_eq!(
        (attempts.len(), &attempts[0]["state"], &attempts[0]["ext_state"], &attempts[0]["ended_by"]),
        (1, &json!("TERMINATED"), &json!("vip"), &json!("far_end")),
        "{}",
        brief(&attempts)
    );
    assert!(attempts[0]["retry_at"].is_null(), "a removed run retries nothing");
    assert_eq!(world.get(&format!("/api/runs/{run}"))["state"], "REMOVED");
}

fn figures_add_up_before_and_after_a_crash() {
    let mut world = World::start();
    let trunk = world.add_trunk("narrow", json!({"capacity": 1}));
    let numbers = ["15554000001", "15554300002", "15551000003", "15551000004", "15551000005"];
    let run = world.dial("figures", &numbers, json!({"trunks": [trunk], "rules": [rule("RS_BUSY", 1, 20)]}));
    world.wait_for_attempts(run, "a conversation", A_CRASH, |attempts| count(attempts, "CONNECTED") == 1);
    let check = |world: &World| {
        // The figures and the attempts are two questions: only an answer between which nothing happened counts.
        world.wait("a quiet moment", A_CRASH, || {
            let (before, figures, after) = (world.attempts(run), world.live_run(run), world.attempts(run));
            if before != after {
                return Err("it moves".into());
            }
            let over = before.iter().filter(|attempt| attempt["ended_at"].is_string()).count();
            let waiting = before.iter().filter(|attempt| attempt["retry_at"].is_string()).count();
            let told = ["placed", "terminated", "in_flight", "open_retries"].map(|name| figures[name].clone());
            let counted = [before.len(), over - waiting, before.len() - over, waiting].map(|count| json!(count));
            assert_eq!(told, counted, "{figures:#}\n{}", brief(&before));
            let answered = before.iter().filter(|attempt| attempt["connected_at"].is_string()).count();
            let report = world.get(&format!("/api/reports?run={run}"));
            let parts = ["per_trunk", "per_list", "per_campaign"].map(|part| report[part][0]["connected"].clone());
            let record = world.get(&format!("/api/runs/{run}"));
            for told in [&report["connected"], &record["totals"]["connected"], &parts[0], &parts[1], &parts[2]] {
                assert_eq!(*told, json!(answered), "{record:#}\n{report:#}");
            }
            Ok(())
        });
    };
    check(&world);
    world.crash();
    world.serve_again();
    world.wait_for_link();
    check(&world);
    world.wait_for_attempts(run, "everybody's first attempt", A_CRASH, |attempts| {
        attempts.len() == 5 && attempts.iter().all(|attempt| attempt["ended_at"].is_string())
    });
    check(&world);
    let figures = world.live_run(run);
    assert_eq!((&figures["open_retries"], &figures["remaining_estimate"]), (&json!(1), &json!(1)), "{figures:#}");
    assert!(figures["next_due"].is_string(), "{figures:#}");
    world.complete(run, A_CRASH);
}
