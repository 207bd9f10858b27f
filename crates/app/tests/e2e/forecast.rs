//! A campaign played ahead on a real server, beside what real Asterisks then did; and a forecast that is ended.

use crate::queues::Floor;
use crate::world::{PATIENCE, World, rule};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::Process;

const A_FEW_CALLS: Duration = Duration::from_secs(90);
/// From the end of whoever asked to the end of the threads that play.
const SOON: Duration = Duration::from_secs(10);

/// What is not refused of `POST .../forecast`, without the lines of progress.
fn forecast(world: &World, campaign: i64, body: &Value) -> Value {
    let path = format!("/api/campaigns/{campaign}/forecast");
    let answer = world.api.send("POST", &path, "application/json", body.to_string().as_bytes()).unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!((answer.status, text.ends_with('\n')), (200, true), "{text}");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(last["forecast"].is_object(), "{text}");
    last["forecast"].clone()
}

fn count(figures: &Value, name: &str) -> f64 {
    figures[name]["median"].as_f64().unwrap_or_else(|| panic!("{name} of {figures}"))
}

#[test]
fn a_forecast_stands_beside_what_the_run_did() {
    let floor = Floor::start();
    let end_point = floor.observing("sales", "paced", json!({"max_channels": 20}));
    for agent in 1..=6 {
        let device = format!("Custom:agent{agent}");
        floor.cli(&format!("devstate change {device} NOT_INUSE"));
        let member = format!("PJSIP/15551100{agent:03}@carrier");
        floor.cli(&format!("queue add member {member} to paced penalty 0 as agent{agent} state_interface {device}"));
    }
    floor.until("sales", "its agents", |queue| queue["free"] == 6);
    let world = &floor.world;
    // Two of three answer after some seconds, the third is busy twice.
    let people: Vec<String> = (0..24)
        .map(|n| if n % 3 == 2 { format!("15554000{n:03}") } else { format!("155510{:02}{n:03}", 2 + n % 4) })
        .collect();
    let list = world.list("people", &people.iter().map(String::as_str).collect::<Vec<_>>());
    let changes = json!({"trunks": [floor.trunk], "end_points": [end_point], "rules": [rule("RS_BUSY", 1, 2)],
        "packs": ["unrestricted"]});
    let campaign = world.campaign("spring", &[list], changes);

    let asked = json!({"answer_rate": 0.66, "talk_s": 10, "ring_s": 4, "seeds": 5, "hours": 1});
    let said = forecast(world, campaign, &asked);
    assert_eq!((&said["agents"], &said["assumptions"][0]["source"]), (&json!(6), &json!("seen")), "{said}");
    assert_eq!((&said["contacts"], &said["dialable"]), (&json!(24), &json!(24)));
    let figures = &said["figures"];
    assert!(count(figures, "attempts") >= 24.0 && count(figures, "conversations") > 8.0, "{figures}");
    assert!(figures["finished_at"].is_string() && figures["occupancy"].is_object(), "{figures}");
    // What the census counts is what is told.
    let why = world.get(&format!("/api/campaigns/{campaign}/why"));
    let first = |buckets: &Value| -> Vec<u64> {
        buckets.as_array().unwrap().iter().map(|bucket| bucket["first"].as_u64().unwrap()).collect()
    };
    assert_eq!(first(&said["exclusions"]), first(&why["funnel"]["buckets"]));

    let run = world.start_run(campaign);
    let attempts = world.complete(run, A_FEW_CALLS);
    let beside = world.get(&format!("/api/campaigns/{campaign}/forecasts"))["items"][0].clone();
    assert_eq!(beside["forecast"], said);
    let came = &beside["outcome"];
    let answered = attempts.iter().filter(|attempt| !attempt["connected_at"].is_null()).count();
    assert_eq!((&came["run"], &came["state"], &came["complete"]), (&json!(run), &json!("COMPLETED"), &json!(true)));
    assert_eq!((&came["attempts"], &came["answered"]), (&json!(attempts.len()), &json!(answered)), "{came}");
    let ledger = world.get(&format!("/api/campaigns/{campaign}/ledger"));
    assert_eq!(came["live"], json!(answered), "{came}\n{ledger}");
    assert_eq!(
        came["live"].as_u64().unwrap(),
        came["abandoned"].as_u64().unwrap() + came["conversations"].as_u64().unwrap(),
        "{came}"
    );
    assert!(came["talk_occupancy"].as_f64().is_some_and(|share| share > 0.05), "{came}");
    println!(
        "said {} calls, {} conversations, {:.0} % abandoned; came {}, {}, {:.0} %",
        count(figures, "attempts"),
        count(figures, "conversations"),
        100.0 * count(figures, "abandoned_share"),
        came["attempts"],
        came["conversations"],
        100.0 * came["abandoned_share"].as_f64().unwrap()
    );
    let shown = world.run(&["simulate", "spring", "--past"]).ok();
    assert!(shown.contains("COMPLETED") && shown.contains("calls per hour"), "{shown}");

    // Who was called is called no more, also not by a forecast of a run that is open.
    let again = world.start_run(campaign);
    world.post(&format!("/api/runs/{again}/pause"));
    let told = world.run_json(&["simulate", "spring", "--agents", "2", "--seeds", "1", "--hours", "1"]);
    assert_eq!((&told["run"], &told["agents"]), (&json!(again), &json!(2)), "{told}");
    assert_eq!(told["assumptions"][0]["source"], "given");
}

#[test]
fn whoever_goes_away_ends_the_forecast() {
    let world = World::start();
    let numbers: Vec<String> = (0..3_000).map(|n| format!("1555400{n:04}")).collect();
    let list = world.list("people", &[]);
    for some in numbers.chunks(500) {
        world.add_contacts(list, some.iter().map(|number| json!({ "number": number })).collect());
    }
    let campaign = world.campaign("spring", &[list], json!({"rules": [rule("RS_BUSY", 100, 1)]}));
    let path = format!("/api/campaigns/{campaign}/forecast");
    let ask = |name: &str| {
        let mut command = world.home.command(&["simulate", "spring", "--seeds", "100", "--hours", "744"]);
        command.env("NO_COLOR", "1");
        Process::start(name, command, &world.home.path(&format!("{name}.log"))).unwrap()
    };

    // Two at once; the third is told.
    let (mut first, mut second) = (ask("first"), ask("second"));
    for one in [&mut first, &mut second] {
        one.wait_for_line("playing ahead", PATIENCE).unwrap();
    }
    let short = ["simulate", "spring", "--seeds", "1", "--hours", "0.1"];
    let refused = world.run(&short);
    assert!(refused.code == 1 && refused.err.contains("2 forecasts are being made"), "{}", refused.err);

    // Killed: the connection breaks, nothing is played any more, and its place is free.
    first.kill();
    let ended = std::time::Instant::now();
    world.wait("the place of the one that was killed", SOON, || {
        let ran = world.run(&short);
        if ran.code == 0 { Ok(()) } else { Err(ran.err) }
    });
    println!("another one was made {} ms after the first was killed", ended.elapsed().as_millis());

    // Ended by somebody else: it says so, and nothing of it is kept.
    let (status, _) = world.api.delete(&path).unwrap();
    assert_eq!(status, 204);
    let status = second.wait(SOON).unwrap();
    assert!(status.code() == Some(1) && second.log().contains("the forecast was cancelled"), "{}", second.log());
    assert_eq!(world.get(&format!("{path}s"))["items"].as_array().unwrap().len(), 1, "the short one");

    // Ctrl-C.
    let mut third = ask("third");
    third.wait_for_line("playing ahead", PATIENCE).unwrap();
    third.signal(2);
    assert_eq!(third.wait(SOON).unwrap().code(), Some(1), "{}", third.log());
    assert!(third.log().contains("nothing is kept of the forecast"), "{}", third.log());
    for (arguments, part) in [
        (["--agents", "5"], "nobody takes its calls"),
        (["--answer-rate", "40"], "outside 0..=1"),
        (["--seeds", "0"], "outside 1..=100"),
        (["--hours", "745"], "hours"),
        (["--mode", "fast"], "none of automatic"),
    ] {
        let refused = world.run(&[&["simulate", "spring"], &arguments[..]].concat());
        assert!(refused.code != 0 && refused.err.contains(part), "{arguments:?}: {}", refused.err);
    }
}
