//! What proves an installation before its first campaign: the checks and a test call, over the API.

use crate::gate::on_monday;
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
