//! Outcome rules through WombatDialer's `edit/campaign/disposition`.

use super::tests::{Client, campaign, data, edit, open};
use crate::testing::Server;
use serde_json::json;

#[tokio::test]
async fn disposition_rules_are_ours_in_their_words() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "C").await;
    server.post("/api/campaigns", json!({"name": "new_campaign", "packs": ["unrestricted"]})).await.expect(201);
    let client = Client::of(&server);
    let path = |mode: &str| format!("campaign/disposition/?mode={mode}&parent={id}");
    let rule = json!({"dispositionId": "", "campaignId": -1, "onState": "RS_BUSY", "onExtState": "", "withRetriesPending": 0,
        "verb": "RESCHEDULE", "destination": "new_campaign", "text": "", "deferSec": 30, "varMode": "ALL", "addlVars": ""});
    let made = edit(&client, &path("E"), &rule).await["results"][0].clone();
    let shown = (&made["verb"], &made["destination"], &made["deferSec"], &made["varMode"]);
    assert_eq!(shown, (&json!("RESCHEDULE"), &json!("new_campaign"), &json!(30), &json!("ALL")));
    assert_eq!(made["idx"], "1");
    // What the page shows is understood, and a list that is missing is made.
    let listed = json!({"onState": "TERMINATED", "onExtState": "SALE", "verb": "Add to blacklist", "destination": "sold",
        "withRetriesPending": "1", "addlVars": "WHY:${state}"});
    let listed = edit(&client, &path("E"), &listed).await["results"][0].clone();
    assert_eq!((&listed["verb"], &listed["destination"]), (&json!("ADD_BLACKLIST"), &json!("sold")));
    let sold = server.get("/api/lists?name=sold").await.expect(200)["items"][0]["id"].clone();
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200)["outcome_rules"].clone();
    assert_eq!((&ours[1]["list"], &ours[1]["with_retries_pending"]), (&sold, &json!(true)));
    assert_eq!(ours[1]["attributes"], json!({"WHY": "${state}"}));
    let moved = edit(&client, &path("MU"), &listed).await;
    assert_eq!(moved["results"][0]["dispositionId"], listed["dispositionId"]);
    let changed = json!({"dispositionId": listed["dispositionId"], "onState": "RS_NOANSWER"});
    let changed = edit(&client, &path("E"), &changed).await["results"][0].clone();
    assert_eq!((&changed["onState"], &changed["destination"]), (&json!("RS_NOANSWER"), &json!("sold")));
    for (wrong, names) in [
        (json!({"onState": "RS_BUSY", "verb": "SING"}), "SING"),
        (json!({"onState": "RS_BUSY", "verb": "RESCHEDULE", "destination": "nowhere"}), "nowhere"),
        (json!({"onState": "RS_BUSY", "verb": "ADD_LIST"}), "destination"),
        (json!({"onState": "RS_BUSY", "verb": "HTTP_GET", "destination": "http://10.0.0.1/"}), "10.0.0.1"),
        (json!({"onState": "RS_BUSY", "verb": "EMAIL", "destination": "a@b"}), "mail server"),
        (json!({"verb": "NONE"}), "onState"),
        (json!({"onState": "RS_BUSY", "verb": "NONE", "varMode": "SOME"}), "SOME"),
    ] {
        let refused = client.post(&format!("/wombat/api/edit/{}", path("E")), data(&wrong)).await.json();
        assert_eq!(refused["status"], "ERROR", "{wrong}");
        assert!(refused["error"].as_str().unwrap().contains(names), "{refused}");
    }
    client.ok("/wombat/api/campaigns/?op=clone&campaign=C&newcampaign=D").await;
    let copy = server.get("/api/campaigns?name=D").await.expect(200)["items"][0].clone();
    assert_eq!(copy["outcome_rules"].as_array().unwrap().len(), 2);
    let left = edit(&client, &path("D"), &made).await;
    assert_eq!(left["nRecords"], 1);
}
