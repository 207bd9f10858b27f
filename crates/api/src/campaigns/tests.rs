use super::*;
use crate::testing::Server;
use serde_json::{Value, json};

#[test]
fn what_is_not_given_is_as_the_domain_has_it() {
    let input: CampaignInput = serde_json::from_str(r#"{"name":"spring"}"#).unwrap();
    assert_eq!(input.checked(0, "Europe/Rome").unwrap(), domain::Campaign::named("spring", "Europe/Rome"));
}

#[tokio::test]
async fn a_campaign_is_made_patched_and_replaced_with_its_rules_and_links() {
    let server = Server::start().await;
    let [_, trunk, end_point, list] = server.furnish().await;
    let rules = json!([{"status": "BUSY", "max_attempts": 2, "retry_after_s": 300}]);
    let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
        "rules": rules, "variables": {"LANG": "it"}, "dial_clid": "Spring <${num}>",
        "packs": ["unrestricted"], "limits": {"gap_minutes": 30, "caps": [{"attempts": 3, "hours": 24}]}});
    let made = server.post("/api/campaigns", campaign).await.expect(201);
    assert_eq!((&made["zone"], &made["priority"]), (&json!("Europe/Rome"), &json!(10)));
    assert_eq!((&made["rules"][0]["status"], &made["rules"][0]["mode"]), (&json!("RS_BUSY"), &json!("FIXED")));
    assert_eq!((&made["packs"], &made["limits"]["caps"][0]["by"]), (&json!(["unrestricted"]), &json!("number")));
    let path = format!("/api/campaigns/{}", made["id"]);
    assert_eq!(server.get(&path).await.expect(200), made);

    let patched = server.call("PATCH", &path, json!({"priority": 1, "rules": made["rules"]})).await.expect(200);
    assert_eq!((&patched["priority"], &patched["lists"]), (&json!(1), &made["lists"]));
    assert_eq!(patched["rules"][0]["retry_after_s"], 300);
    let paced = json!({"mode": "ratio", "ratio": 1.5, "cap": 0.02, "period_days": 1});
    let paced = server.call("PATCH", &path, json!({"pacing": paced})).await.expect(200)["pacing"].clone();
    assert_eq!((&paced["ratio"], &paced["cap"], &paced["deadline_ms"]), (&json!(1.5), &json!(0.02), &json!(2000)));
    let cloned = server.post(&format!("{path}/clone"), json!({"name": "copy"})).await.expect(201);
    assert_eq!(server.get(&format!("/api/campaigns/{}", cloned["id"])).await.expect(200)["pacing"], paced);
    let replaced = server.call("PUT", &path, json!({"name": "summer"})).await.expect(200);
    assert_eq!((&replaced["lists"], &replaced["rules"]), (&json!([]), &json!([])));
    assert_eq!((&replaced["packs"], &replaced["limits"]["gap_minutes"]), (&json!(["default"]), &json!(0)));
    server.call("DELETE", &path, Value::Null).await.expect(204);
}

#[tokio::test]
async fn what_is_wrong_with_a_campaign_is_named() {
    let server = Server::start().await;
    let cases = [
        (json!({"trunks": [77]}), "trunks", "trunk 77"),
        (json!({"lists": [77]}), "lists", "list 77"),
        (json!({"zone": "Mars/Olympus"}), "zone", "Mars/Olympus"),
        (json!({"time_start": "9:30"}), "time_start", "9:30"),
        (json!({"answer_timeout_ms": 14_999}), "answer_timeout_ms", "ring for 15 s"),
        (json!({"dial_clid": "${CALLERID(num)}"}), "dial_clid", "CALLERID"),
        (json!({"agent_clid": "C1 ${NAME"}), "agent_clid", "not closed"),
        (json!({"variables": {"EXTEN": "1"}}), "attribute", "EXTEN"),
        (json!({"rules": [{"status": "CONNECTED", "max_attempts": 1, "retry_after_s": 1}]}), "status", "CONNECTED"),
        (json!({"limits": {"gap": 3}}), "limits.gap", "unknown field"),
        (json!({"limits": {"caps": [{"hours": 3}]}}), "limits.caps[0].attempts", "attempts"),
        (json!({"email_events": "ALL"}), "email_addresses", "name who gets"),
        (json!({"email_addresses": ["nobody"]}), "email_addresses", "no address of mail"),
        (json!({"email_addresses": ["a@b.c\r\nBcc: d@e.f"]}), "email_addresses", "control character"),
        (json!({"email_events": "COMPLETED", "email_addresses": ["a@b.c"]}), "email_addresses", "mail.server"),
        (json!({"pacing": {"cap": 3}}), "pacing.cap", "0.03 is 3 %"),
        (json!({"pacing": {"period_days": 0}}), "pacing.period_days", "1..=30"),
        (json!({"pacing": {"mode": "fast"}}), "pacing.mode", "fast"),
        (json!({"pacing": {"mode": "ratio", "ratio": -1}}), "pacing.ratio", "0.01..=20"),
        (json!({"rules": [{"status": "SAD", "max_attempts": 1, "retry_after_s": 1}]}), "rules[0].status", "SAD"),
    ];
    for (fields, field, names) in cases {
        let mut campaign = json!({"name": "spring"});
        campaign.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = server.post("/api/campaigns", campaign).await;
        assert!(answer.text().contains(names), "{}", answer.text());
        assert_eq!(answer.refused(422), ("invalid".into(), field.into()));
    }
}

#[tokio::test]
async fn predictive_pacing_without_a_safe_harbour_is_refused_with_the_lines_to_add() {
    let server = Server::start().await;
    let [pbx, _, telephone, _] = server.furnish().await;
    let observed = json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "s3cret",
        "manager_username": "watcher", "manager_password": "hush"});
    server.call("PUT", &format!("/api/pbxs/{pbx}"), observed).await.expect(200);
    let queue = json!({"pbx": pbx, "name": "agents", "kind": "QUEUE", "queue": "support", "max_channels": 5,
        "context": "from-internal", "extension": "support"});
    let queue = server.post("/api/end-points", queue).await.expect(201)["id"].clone();
    let campaign = |end_point: &Value| json!({"name": format!("to {end_point}"), "end_points": [end_point], "pacing": {"mode": "predictive"}});
    let refused = server.post("/api/campaigns", campaign(&queue)).await;
    assert!(refused.text().contains("[carillon-abandoned] exten => s,1,"), "{}", refused.text());
    assert_eq!(refused.refused(422).1, "pacing.mode");
    // A telephone has no agents who could be missing.
    server.post("/api/campaigns", campaign(&json!(telephone))).await.expect(201);
}

#[tokio::test]
async fn without_a_dialler_nothing_is_started_and_the_answer_says_when_to_come_back() {
    let server = Server::start().await;
    let made = server.post("/api/campaigns", json!({"name": "spring"})).await.expect(201);
    let answer = server.post(&format!("/api/campaigns/{}/start", made["id"]), Value::Null).await;
    assert_eq!(answer.headers["retry-after"], "5");
    assert_eq!(answer.refused(503).0, "dialler_unavailable");
}
