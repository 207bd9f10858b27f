//! What proves an installation before its first campaign: the checks and a test call, over the API.

use crate::gate::{jump, on_monday};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::Clock;

const A_CALL: Duration = Duration::from_secs(40);

#[test]
fn the_checks_find_what_is_wrong_and_a_test_call_proves_the_wires() {
    // By day: the test call keeps the default pack's hours.
    let clock = Clock::new().unwrap();
    let (world, _) = on_monday(&clock);
    let checks = world.get("/api/checks");
    let found = |check: &str| -> Value {
        let items = checks["items"].as_array().unwrap();
        items.iter().find(|item| item["check"] == check).unwrap_or_else(|| panic!("no {check}: {checks:#}")).clone()
    };
    for check in ["pbx.login", "pbx.rights", "database"] {
        assert_eq!(found(check)["state"], "ok", "{checks:#}");
    }
    let call = |number: &str| {
        let body = json!({"trunk": world.trunk, "end_point": world.message, "number": number});
        world.api.post("/api/checks/call", &body).unwrap()
    };
    let (status, made) = call("15551001007");
    assert_eq!(status, 201, "{made}");
    let attempts = world.complete(made["run"]["id"].as_i64().unwrap(), A_CALL);
    assert_eq!((attempts.len(), &attempts[0]["state"]), (1, &json!("TERMINATED")), "{attempts:?}");
    // The next one calls its own number and not the first again.
    let (_, made) = call("15551001008");
    let attempts = world.complete(made["run"]["id"].as_i64().unwrap(), A_CALL);
    assert_eq!((attempts.len(), &attempts[0]["number"]), (1, &json!("15551001008")), "{attempts:?}");
    let (status, wrong) = call("no number");
    assert_eq!((status, &wrong["error"]["field"]), (422, &json!("number")), "{wrong}");
}

#[test]
fn a_telephone_of_ones_own_rings_at_night_when_somebody_gives_their_word_and_no_other() {
    let clock = Clock::new().unwrap();
    let (world, ahead) = on_monday(&clock);
    let night = ahead + 7 * 3_600;
    jump(&world, &clock, night);
    let call = |number: &str, own: bool| {
        let body = json!({"trunk": world.trunk, "end_point": world.message, "number": number, "own": own});
        world.api.post("/api/checks/call", &body).unwrap()
    };
    let run_of = |made: &Value| made["run"]["id"].as_i64().unwrap();
    let says_no = |made: &Value| -> Vec<String> {
        let why = world.get(&format!("/api/contacts/{}/why?campaign={}", made["contact"], made["run"]["campaign"]));
        let rules = why["items"][0]["rules"].as_array().unwrap().clone();
        let no = rules.iter().filter(|rule| rule["yes"] == false).map(|rule| rule["rule"].as_str().unwrap().to_owned());
        no.collect()
    };

    // At 22:00 nobody is called.
    let (status, waits) = call("15551001007", false);
    assert_eq!(status, 201, "{waits}");
    world.wait_for_state(run_of(&waits), "WRONG_TIME", A_CALL);
    assert_eq!(says_no(&waits), ["inside_callee_window"]);

    // One's own telephone is; what waited makes way.
    let (status, made) = call("15551001007", true);
    assert_eq!(status, 201, "{made}");
    assert_eq!(world.get(&format!("/api/runs/{}", run_of(&waits)))["state"], "REMOVED");
    let attempts = world.complete(run_of(&made), A_CALL);
    assert_eq!((attempts.len(), &attempts[0]["state"]), (1, &json!("TERMINATED")), "{attempts:?}");
    let told = world.get("/api/audit?entity=campaign&limit=10");
    let actions: Vec<_> = told["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"own_number"), "{told:#}");

    // The rules of that call are nobody else's: the campaign is closed, and asks for a word that others do not have.
    let campaign = made["run"]["campaign"].as_i64().unwrap();
    assert_eq!(world.get(&format!("/api/campaigns/{campaign}"))["status"], "CLOSED");
    let (status, refused) = world.api.post(&format!("/api/campaigns/{campaign}/start"), &Value::Null).unwrap();
    assert_eq!(status, 422, "{refused}");
    let list = world.list("others", &["15551001009"]);
    let other = world.get(&format!("/api/lists/{list}/contacts"))["items"][0]["id"].clone();
    assert_eq!(says_no(&json!({"contact": other, "run": {"campaign": campaign}})), ["consent_given"]);

    // Suppressed stays suppressed, and costly stays costly, whoever's it is.
    world.run(&["suppression", "add", "15551001008"]).ok();
    let (_, suppressed) = call("15551001008", true);
    assert_eq!(says_no(&suppressed), ["number_not_suppressed"]);
    assert!(world.complete(run_of(&suppressed), A_CALL).iter().all(|attempt| attempt["state"] == "RS_BLACKLIST"));
    let (status, costly) = call("+1 900 555 0100", true);
    assert_eq!((status, &costly["error"]["field"]), (422, &json!("number")), "{costly}");

    // What waits for the morning does not wait for ever.
    let (_, waits) = call("15551001007", false);
    world.wait_for_state(run_of(&waits), "WRONG_TIME", A_CALL);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.get(&format!("/api/runs/{}", run_of(&waits)))["state"], "WRONG_TIME", "given up too early");
    jump(&world, &clock, night + 300);
    world.wait_for_state(run_of(&waits), "REMOVED", A_CALL);
}
