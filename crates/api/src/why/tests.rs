use crate::testing::Server;
use serde_json::{Value, json};

async fn campaign(server: &Server, limits: Value) -> (i64, i64) {
    let [_, trunk, end_point, list] = server.furnish().await;
    let body =
        json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list], "limits": limits});
    let id = server.post("/api/campaigns", body).await.expect(201)["id"].as_i64().unwrap();
    (id, list)
}

fn bucket<'a>(why: &'a Value, stage: &str) -> &'a Value {
    let buckets = why["funnel"]["buckets"].as_array().unwrap_or_else(|| panic!("{why}"));
    buckets.iter().find(|bucket| bucket["stage"] == stage).unwrap()
}

#[tokio::test]
async fn the_funnel_adds_up_and_follows_what_happens() {
    let server = Server::with_dialler().await;
    let (id, list) = campaign(&server, json!({"consent": {"max_age_days": 0}, "deny": ["+3491190"]})).await;
    let consent = json!({"CONSENT_AT": "2026-01-01"});
    let contacts = json!([
        {"number": "+34911900001", "attributes": consent}, {"number": "+19005550100", "attributes": consent},
        {"number": "+34911234567"}, {"number": "+34911234568", "attributes": consent},
    ]);
    server.post(&format!("/api/lists/{list}/contacts"), json!({ "contacts": contacts })).await.expect(200);
    let path = format!("/api/campaigns/{id}/why");
    let why = server.get(&path).await.expect(200);
    assert_eq!((&why["funnel"]["contacts"], &bucket(&why, "number_allowed")["first"]), (&json!(4), &json!(2)));
    assert_eq!(bucket(&why, "consent_given")["first"], 1);
    let sum: u64 =
        why["funnel"]["buckets"].as_array().unwrap().iter().map(|bucket| bucket["first"].as_u64().unwrap()).sum();
    assert_eq!(sum + why["funnel"]["dialable"].as_u64().unwrap(), 4);
    assert!(why["sentence"].as_str().unwrap().starts_with("nothing is dialled: no run is open"), "{why}");
    assert_eq!(why["packs"][0]["name"], "default");
    let condition = |why: &Value, rule: &str| {
        why["conditions"].as_array().unwrap().iter().find(|one| one["rule"] == rule).cloned().unwrap()
    };
    assert_eq!(
        (&condition(&why, "run_active")["holds"], &condition(&why, "dialling_not_held")["holds"]),
        (&json!(false), &json!(true))
    );

    // Kept up: somebody opts out, somebody is added; nothing is counted anew.
    server.post("/api/suppressions", json!({"numbers": ["+34911234568"]})).await;
    let more = json!({"contacts": [{"number": "+34911234569"}]});
    server.post(&format!("/api/lists/{list}/contacts"), more).await.expect(200);
    let why = server.get(&path).await.expect(200);
    assert_eq!((&why["funnel"]["contacts"], &bucket(&why, "number_not_suppressed")["all"]), (&json!(5), &json!(1)));
    assert_eq!(bucket(&why, "consent_given")["first"], 2);

    // Other rules: counted anew, at once.
    server
        .call("PATCH", &format!("/api/campaigns/{id}"), json!({"packs": ["unrestricted"], "limits": {}}))
        .await
        .expect(200);
    server.post("/api/dialling/hold", json!({"why": "fire drill"})).await.expect(200);
    let why = server.get(&path).await.expect(200);
    assert_eq!((&why["funnel"]["dialable"], &bucket(&why, "number_allowed")["all"]), (&json!(4), &json!(0)));
    assert!(why["sentence"].as_str().unwrap().contains("fire drill"), "{why}");
    assert_eq!(server.get("/api/campaigns/77/why").await.refused(404).0, "not_found");
}

#[tokio::test]
async fn hours_that_never_meet_are_said_in_words() {
    let server = Server::with_dialler().await;
    let (id, list) = campaign(&server, json!({})).await;
    let contacts = json!({"contacts": [{"number": "+34911234567"}, {"number": "+81312345678"}]});
    server.post(&format!("/api/lists/{list}/contacts"), contacts).await.expect(200);
    let (campaign, why) = (format!("/api/campaigns/{id}"), format!("/api/campaigns/{id}/why"));
    let asked = async |hours: [&str; 2]| {
        let hours =
            json!({"zone": "Europe/Madrid", "time_start": hours[0], "time_end": hours[1], "time_days": "23456"});
        server.call("PATCH", &campaign, hours).await.expect(200);
        let why = server.get(&why).await.expect(200);
        let condition = why["conditions"].as_array().unwrap().iter().find(|one| one["rule"] == "hours_meet").cloned();
        (why["sentence"].as_str().unwrap().to_owned(), condition.unwrap_or_default())
    };
    // The small hours of Madrid are the office hours of Tokyo.
    assert_eq!(asked(["100000", "110000"]).await.1, Value::Null);
    let (_, small) = asked(["020000", "030000"]).await;
    assert_eq!(small["holds"], true);
    assert!(small["text"].as_str().unwrap().contains("1 of 2 contacts left never meet"), "{small}");
    assert_eq!(asked(["220000", "230000"]).await.1["holds"], false);
    server.post(&format!("{campaign}/start"), Value::Null).await.expect(201);
    let (sentence, late) = asked(["220000", "230000"]).await;
    assert_eq!(late["holds"], false, "{late}");
    let wanted = "nothing is dialled: the campaign's hours and the calling hours of all 2 contacts left never meet";
    assert!(sentence.starts_with(wanted), "{sentence}");
}

#[tokio::test]
async fn every_rule_says_why_at_any_time() {
    let server = Server::with_dialler().await;
    let (id, list) = campaign(&server, json!({"gap_minutes": 30})).await;
    let contacts = json!([{"number": "+34612345678", "attributes": {"NAME": "Ana"}}]);
    let added = server.post(&format!("/api/lists/{list}/contacts"), json!({ "contacts": contacts })).await.expect(200);
    // A Sunday, nine o'clock in Madrid.
    let sunday = server.get("/api/why?number=%2B34%20612345678&at=2026-11-22T08:00:00Z").await.expect(200);
    let verdict = &sunday["items"][0];
    assert_eq!(
        (&verdict["campaign"], &verdict["contact"], &verdict["allowed"]),
        (&json!(id), &added["ids"][0], &json!(false))
    );
    assert_eq!((&verdict["zones"], &verdict["clocks"][1]["shows"]), (&json!(2), &json!("2026-11-22T09:00:00")));
    let window =
        verdict["rules"].as_array().unwrap().iter().find(|says| says["rule"] == "inside_callee_window").unwrap();
    assert_eq!((&window["yes"], &window["until"]), (&json!(false), &json!("2026-11-23T09:00:00Z")));
    assert_eq!(verdict["again_at"], "2026-11-23T09:00:00Z");
    let monday =
        server.get(&format!("/api/contacts/{}/why?at=2026-11-23T09:00:00Z", added["ids"][0])).await.expect(200);
    assert_eq!(
        (&monday["items"][0]["allowed"], &monday["items"][0]["window_closes_at"]),
        (&json!(true), &json!("2026-11-23T19:00:00Z"))
    );
    assert_eq!(monday["items"][0]["caps"].as_array().unwrap().len(), 2);
    assert!(!monday.to_string().contains("Ana"), "attributes are nobody's business here");

    // A number in no list: the default pack answers, or the campaign that is named.
    let stranger = server.get("/api/why?number=%2B881612345678").await.expect(200);
    assert_eq!((&stranger["items"][0]["campaign"], &stranger["items"][0]["allowed"]), (&json!(null), &json!(false)));
    let asked = server.get(&format!("/api/why?number=%2B881612345678&campaign={id}")).await.expect(200);
    assert_eq!((&asked["items"][0]["campaign_name"], &asked["items"][0]["contact"]), (&json!("spring"), &json!(null)));
    server.post("/api/suppressions", json!({"numbers": ["+34 612 345 678"]})).await;
    let after = server.get("/api/why?number=612345678&campaign=1").await;
    assert!(after.text().contains("items"), "{}", after.text());
    let after = server.get("/api/why?number=%2B34612345678").await.expect(200);
    assert!(after.to_string().contains("on suppression list 1"), "{after}");
    assert_eq!(server.get("/api/why?number=tomorrow").await.refused(422).1, "number");
    assert_eq!(server.get("/api/why?number=1&campaign=77").await.refused(404).0, "not_found");
    assert_eq!(server.get("/api/contacts/77/why").await.refused(404).0, "not_found");
    assert!(server.get("/api/why?number=1&at=noon").await.text().contains("at"), "a time is a time");
}
