//! Letters about runs: through a mail server that is away and a server that is killed, to those whom the campaign names.

use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::MailServer;

const A_RUN: Duration = Duration::from_secs(60);
const CALLEE: &str = "15551001001";

fn with_mail(mail: &MailServer) -> World {
    World::with_environment(vec![
        ("CARILLON_MAIL_SERVER", format!("127.0.0.1:{}", mail.port).into()),
        ("CARILLON_MAIL_SECURITY", "none".into()),
        ("CARILLON_MAIL_FROM", "Carillon <carillon@example.com>".into()),
    ])
}

fn actions(world: &World, state: &str) -> Vec<Value> {
    world.get(&format!("/api/actions?limit=1000&state={state}"))["items"].as_array().unwrap().clone()
}

fn one_action(world: &World, state: &str) -> Value {
    world.wait(state, A_RUN, || match actions(world, state).as_slice() {
        [action] => Ok(action.clone()),
        other => Err(format!("{other:?} of {:?}", world.get("/api/actions"))),
    })
}

fn id_of(letter: &str) -> &str {
    letter.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap()
}

#[test]
fn the_end_of_a_run_is_told_though_the_mail_server_is_away_and_the_server_killed() {
    let mail = MailServer::start().unwrap();
    let mut world = with_mail(&mail);
    let list = world.list("people", &[CALLEE]);
    let campaign = world.campaign("told", &[list], json!({}));
    let options = ["--email-events", "completed", "--email-address", "ana@example.com", "--email-address", "b@c.d"];
    world.run(&[&["campaign", "set", "told"], options.as_slice()].concat()).ok();
    assert!(world.run(&["campaign", "show", "told"]).ok().contains("COMPLETED to"));
    assert!(world.run(&["campaign", "test-letter", "told"]).ok().contains("has taken the letter"));
    assert!(mail.letters()[0].contains("To: ana@example.com, b@c.d"), "{:?}", mail.letters());
    let checks = world.get("/api/checks");
    let check = checks["items"].as_array().unwrap().iter().find(|check| check["check"] == "mail").unwrap().clone();
    assert_eq!(check["state"], "ok", "{check}");

    mail.refuse(true);
    let run = world.start_run(campaign);
    world.complete(run, A_RUN);
    world.wait("a letter that was refused", A_RUN, || if mail.refused() > 0 { Ok(()) } else { Err("none".into()) });
    world.crash();
    world.serve_again();
    mail.refuse(false);
    let letter = world.wait("the letter", A_RUN, || mail.letters().get(1).cloned().ok_or_else(|| "none".into()));
    assert!(letter.contains("Subject: [Carillon] told: completed"), "{letter}");
    assert!(letter.contains("Calls placed      1") && letter.contains(&format!("run {run}")), "{letter}");
    assert!(!letter.contains(CALLEE), "{letter}");
    let done = one_action(&world, "done");
    assert_eq!((&done["attempt"], &done["verb"]), (&Value::Null, &json!("EMAIL")));
    assert_eq!(done["states"], json!(["COMPLETED"]));
    for again in &mail.letters()[2..] {
        assert_eq!(id_of(again), id_of(&letter), "a letter that comes twice is known by its id");
    }
    assert!(id_of(&letter).starts_with("<act_"), "{letter}");
}

#[test]
fn every_state_is_told_and_a_letter_that_failed_is_sent_when_asked() {
    let mail = MailServer::start().unwrap();
    let world = with_mail(&mail);
    let told = json!({"email_events": "ALL", "email_addresses": ["ana@example.com"], "idle_on_termination": true});
    let list = world.list("people", &[CALLEE]);
    let campaign = world.campaign("all of it", &[list], told);
    let run = world.start_run(campaign);
    world.wait_for_state(run, "IDLE", A_RUN);
    // The first letter gathers what happens at once.
    let waiting = one_action(&world, "waiting");
    assert_eq!(waiting["states"][0], "RUNNABLE", "{waiting}");
    world.patch(&format!("/api/campaigns/{campaign}"), json!({"email_events": "NO"}));
    let failed = one_action(&world, "failed");
    assert!(failed["said"].as_str().unwrap().contains("writes no letters"), "{failed}");
    assert!(mail.letters().is_empty());
    world.patch(&format!("/api/campaigns/{campaign}"), json!({"email_events": "ALL"}));
    assert!(world.run(&["action", "list", "--state", "failed"]).ok().contains("EMAIL"));
    assert!(world.run(&["action", "retry", "--failed"]).ok().contains("1 actions are tried again now"));
    let letter = world.wait("the letter", A_RUN, || mail.letters().first().cloned().ok_or_else(|| "none".into()));
    assert!(letter.contains("started by admin") && letter.contains("out of numbers"), "{letter}");
    world.post(&format!("/api/runs/{run}/remove"));
    let last = world.wait("the end", A_RUN, || mail.letters().get(1).cloned().ok_or_else(|| "none".into()));
    assert!(last.contains("Subject: [Carillon] all of it: ended by hand"), "{last}");
}
