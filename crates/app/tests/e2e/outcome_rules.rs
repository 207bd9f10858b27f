//! What is done about calls that have ended: on other lists, in other campaigns, at other programs, by mail; once.

use crate::world::{World, count, ms};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::MailServer;
use testkit::receiver::Receiver;

const A_RUN: Duration = Duration::from_secs(60);
/// Busy at the carrier of the tests.
const BUSY: &str = "15554000001";

fn actions(world: &World, state: &str) -> Vec<Value> {
    world.get(&format!("/api/actions?limit=1000&state={state}"))["items"].as_array().unwrap().clone()
}

fn contacts(world: &World, list: i64) -> Vec<Value> {
    world.get(&format!("/api/lists/{list}/contacts?limit=1000"))["items"].as_array().unwrap().clone()
}

#[test]
fn a_busy_number_waits_for_another_campaign_with_all_that_is_known_of_it() {
    let world = World::start();
    let second = world.campaign("second try", &[], json!({"idle_on_termination": true}));
    let list = world.list("people", &[]);
    world.add_contacts(list, vec![json!({"number": BUSY, "attributes": {"NAME": "Ada", "ID": "7"}})]);
    let first = world.campaign(
        "first try",
        &[list],
        json!({"outcome_rules": [{"status": "RS_BUSY", "verb": "RESCHEDULE", "campaign": second, "defer_s": 3,
            "attributes": {"WHY": "${state}"}}]}),
    );
    let attempts = world.complete(world.start_run(first), A_RUN);
    assert_eq!(count(&attempts, "RS_BUSY"), 1);
    // Nothing is lost while the other campaign does not run.
    let waiting = world.wait("the action", A_RUN, || match actions(&world, "waiting").as_slice() {
        [action] if action["tries"] == 1 => Ok(action.clone()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(waiting["said"], "campaign \"second try\" is not running: start it first");
    let run = world.start_run(second);
    let again = world.wait_for_attempts(run, "the call of the other campaign", A_RUN, |attempts| attempts.len() == 1);
    assert_eq!((&again[0]["number"], &again[0]["list_name"]), (&json!(BUSY), &json!("second try/AUTO")));
    assert!(ms(&again[0]["scheduled_at"]) - ms(&attempts[0]["ended_at"]) >= 3_000, "{again:?}");
    let contact = world.get(&format!("/api/contacts/{}", again[0]["contact"]));
    assert_eq!(contact["attributes"], json!({"NAME": "Ada", "ID": "7", "WHY": "RS_BUSY"}));
    let shown = world.run(&["attempt", "show", &attempts[0]["id"].to_string()]).ok();
    assert!(shown.contains(&format!("RESCHEDULE: waits in run {run} of campaign {second}")), "{shown}");
    assert_eq!(actions(&world, "done").len(), 1);
}

#[test]
fn a_busy_number_is_put_on_a_list_and_on_a_black_list_which_is_obeyed() {
    let world = World::start();
    let (busy, never) = (world.list("busy ones", &[]), world.list("never again", &[]));
    let run = world.dial(
        "listing",
        &[BUSY, "15551001001"],
        json!({"outcome_rules": [
            {"status": "RS_BUSY", "verb": "ADD_LIST", "list": busy},
            {"status": "RS_BUSY", "verb": "ADD_BLACKLIST", "list": never},
            {"status": "RS_BUSY", "verb": "NONE", "list": never},
        ]}),
    );
    world.complete(run, A_RUN);
    world.wait("both actions", A_RUN, || match actions(&world, "done").len() {
        2 => Ok(()),
        other => Err(format!("{other} of {:?}", actions(&world, "waiting"))),
    });
    for list in [busy, never] {
        let on_it = contacts(&world, list);
        assert_eq!((on_it.len(), &on_it[0]["number"]), (1, &json!(BUSY)));
    }
    let lists = json!({"black_lists": [never]});
    let obeyed = world.complete(world.start_run(world.campaign("obeying", &[busy], lists)), A_RUN);
    assert_eq!(count(&obeyed, "RS_BLACKLIST"), 1, "{obeyed:?}");
}

#[test]
fn a_server_that_is_killed_neither_loses_nor_repeats_what_rules_ask_for() {
    let mut world = World::allowing_webhooks();
    let receiver = Receiver::start().unwrap();
    receiver.answers(|_| 503);
    let done = world.list("done", &[]);
    let numbers: Vec<String> = (0..12).map(|n| format!("155510{n:02}001")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let run = world.dial(
        "told",
        &numbers,
        json!({"outcome_rules": [
            {"status": "TERMINATED", "status_ext": "*", "verb": "ADD_LIST", "list": done},
            {"status": "TERMINATED", "status_ext": "*", "verb": "HTTP_POST", "destination": receiver.url()},
            {"status": "TERMINATED", "status_ext": "*", "verb": "HTTP_GET",
                "destination": format!("{}?n=${{num}}&w=${{state}}%20it", receiver.url())},
        ]}),
    );
    world.wait("some are told", A_RUN, || match receiver.received().len() {
        0..3 => Err("too few".into()),
        _ => Ok(()),
    });
    world.crash();
    world.serve_again();
    world.wait_for_link();
    receiver.answers(|_| 204);
    world.complete(run, A_RUN);
    let calls = count(&world.attempts(run), "TERMINATED");
    assert!(calls > 0);
    // Those that were refused wait for their next try: somebody cannot wait.
    let taken = |kind: &str| -> Vec<String> {
        let taken = receiver.received().into_iter().filter(|r| r.status == 204 && r.asked.starts_with(kind));
        taken.map(|r| r.headers["idempotency-key"].clone()).collect()
    };
    world.wait("all of them", A_RUN, || {
        let (posts, gets) = (taken("POST"), taken("GET"));
        let ids: BTreeSet<&String> = posts.iter().chain(&gets).collect();
        let told = (posts.len(), gets.len(), ids.len());
        if told == (calls, calls, 2 * calls) { Ok(()) } else { Err(format!("{told:?} of {calls}")) }
    });
    assert_eq!(contacts(&world, done).len(), calls);
    let get = receiver.received().into_iter().find(|r| r.status == 204 && r.asked.starts_with("GET")).unwrap();
    assert!(get.asked.starts_with("GET /hook?n=155510") && get.asked.ends_with("&w=TERMINATED%20it"), "{}", get.asked);
    let post = receiver.received().into_iter().find(|r| r.status == 204 && r.asked.starts_with("POST")).unwrap();
    assert!(post.body.starts_with("num=155510") && post.body.contains("state=TERMINATED"), "{}", post.body);
    assert_eq!(actions(&world, "done").len(), 3 * calls);
}

#[test]
fn a_letter_is_sent_and_what_failed_is_tried_again_when_asked() {
    let mail = MailServer::start().unwrap();
    let world = World::with_environment(vec![
        ("CARILLON_MAIL_SERVER", format!("127.0.0.1:{}", mail.port).into()),
        ("CARILLON_MAIL_SECURITY", "none".into()),
        ("CARILLON_MAIL_FROM", "Carillon <carillon@example.com>".into()),
    ]);
    let list = world.list("people", &[]);
    world.add_contacts(list, vec![json!({"number": BUSY, "attributes": {"NAME": "Ada"}})]);
    let text = "Subject: ${NAME} is busy\n\nTry ${num} by hand: ${state}.";
    let campaign = world.campaign("by mail", &[list], json!({}));
    let (on, to) = ("RS_BUSY", "boss@example.com, ${NAME}");
    let added = ["campaign", "outcome", "add", "by mail", "--on", on, "--do", "email", "--to", to, "--text", text];
    assert!(world.run(&added).ok().contains("EMAIL"));
    world.complete(world.start_run(campaign), A_RUN);
    // `Ada` is no address: nothing of it is sent, and it says so.
    let failed = world.wait("the failure", A_RUN, || match actions(&world, "failed").as_slice() {
        [action] => Ok(action.clone()),
        other => Err(format!("{other:?}")),
    });
    assert!(failed["said"].as_str().unwrap().contains("no address"), "{failed}");
    assert!(mail.letters().is_empty());
    let contact = failed["contact"].to_string();
    world.patch(&format!("/api/contacts/{contact}"), json!({"attributes": {"NAME": "ada@example.com"}}));
    let shown = world.run(&["action", "list", "--state", "failed"]).ok();
    assert!(shown.contains("EMAIL") && shown.contains("by mail"), "{shown}");
    assert!(world.run(&["action", "retry", "--failed"]).ok().contains("1 actions are tried again now"));
    let letter = world.wait("the letter", A_RUN, || mail.letters().into_iter().next().ok_or_else(|| "none".into()));
    assert!(letter.contains("To: boss@example.com, ada@example.com"), "{letter}");
    assert!(
        letter.contains("Subject: ada@example.com is busy") && letter.contains("Try 15554000001 by hand: RS_BUSY.")
    );
    assert!(letter.contains("Message-ID: <act_"), "{letter}");
    let id = failed["id"].to_string();
    world.wait("the note", A_RUN, || match actions(&world, "done").len() {
        1 => Ok(()),
        _ => Err("not done".into()),
    });
    let again = world.run(&["action", "retry", &id]);
    assert!(again.code == 1 && again.err.contains("was done: it is not repeated"), "{}", again.err);
}
