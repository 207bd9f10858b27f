use super::*;
use crate::testing::Server;
use serde_json::{Value, json};
use store::TokenScope;

/// A campaign of twenty people of Rome that calls without agents.
async fn campaign(server: &Server) -> i64 {
    let [_, trunk, end_point, list] = server.furnish().await;
    let people: Vec<Value> = (0..20).map(|n| json!({"number": format!("06698200{n:02}")})).collect();
    server.post(&format!("/api/lists/{list}/contacts"), json!({ "contacts": people })).await.expect(200);
    let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
        "packs": ["unrestricted"]});
    server.post("/api/campaigns", campaign).await.expect(201)["id"].as_i64().unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_campaign_is_played_ahead_and_its_forecast_is_kept() {
    let server = Server::with_dialler().await;
    let id = campaign(&server).await;
    let path = format!("/api/campaigns/{id}/forecast");
    let answer = server.post(&path, json!({"seeds": 3, "talk_s": 20.0, "answer_rate": 0.5})).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &HeaderValue::from_static(NDJSON)));
    let lines = lines(&answer.text());
    lines.iter().for_each(|line| server.check_component("ForecastLine", line));
    let forecast = &lines.last().unwrap()["forecast"];
    assert_eq!((&forecast["contacts"], &forecast["dialable"], &forecast["seeds"]), (&json!(20), &json!(20), &json!(3)));
    assert_eq!((&forecast["agents"], &forecast["figures"]["occupancy"]), (&json!(0), &Value::Null));
    assert_eq!(forecast["figures"]["attempts"]["median"], 20.0, "no rule tries again");
    assert!(forecast["figures"]["finished_at"].is_string(), "{forecast}");
    let of = |name: &str| {
        let all = forecast["assumptions"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {forecast}")).clone()
    };
    assert_eq!((&of("talk_s")["source"], &of("ring_s")["source"]), (&json!("given"), &json!("assumed")));
    let kept = server.get(&format!("{path}s")).await.expect(200);
    assert_eq!(kept["items"][0]["forecast"], *forecast);
    assert_eq!(kept["items"][0]["outcome"], Value::Null);
    server.post(&format!("/api/campaigns/{id}/start"), Value::Null).await.expect(201);
    let beside = server.get(&format!("{path}s")).await.expect(200)["items"][0]["outcome"].clone();
    assert_eq!((&beside["attempts"], &beside["run"]), (&json!(0), &json!(1)), "{beside}");
}

#[tokio::test]
async fn the_same_seed_says_the_same_and_json_alone_is_the_forecast_alone() {
    let server = Server::with_dialler().await;
    let id = campaign(&server).await;
    let path = format!("/api/campaigns/{id}/forecast");
    let body = json!({"seeds": 2, "seed": 7, "from": store::now().to_string()});
    let ask = async || {
        let request = axum::http::Request::post(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", server.admin))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        server.send(request.body(Body::from(body.to_string())).unwrap()).await.expect(200)
    };
    let (mut first, mut second) = (ask().await, ask().await);
    for forecast in [&mut first, &mut second] {
        for told in ["id", "made_at", "took_ms"] {
            forecast[told] = Value::Null;
        }
    }
    assert_eq!(first, second);
}

#[tokio::test]
async fn what_cannot_be_forecast_is_refused_by_field() {
    let server = Server::with_dialler().await;
    let id = campaign(&server).await;
    let path = format!("/api/campaigns/{id}/forecast");
    for (body, field) in [
        (json!({"agents": 0}), "agents"),
        (json!({"agents": 5_001}), "agents"),
        (json!({"agents": -1}), "agents"),
        // Nobody takes the calls of a plain extension.
        (json!({"agents": 5}), "agents"),
        (json!({"answer_rate": 1.1}), "answer_rate"),
        (json!({"answer_rate": -0.1}), "answer_rate"),
        (json!({"machine_share": 2}), "machine_share"),
        (json!({"cap": 3}), "cap"),
        (json!({"mode": "fast"}), "mode"),
        (json!({"policy": "none"}), "policy"),
        (json!({"ratio": 0}), "ratio"),
        (json!({"boost": 21}), "boost"),
        (json!({"talk_s": -1}), "talk_s"),
        (json!({"wrap_up_s": 1e9}), "wrap_up_s"),
        (json!({"ring_s": 601}), "ring_s"),
        (json!({"hours": 0}), "hours"),
        (json!({"hours": 745}), "hours"),
        (json!({"hours": 1e300}), "hours"),
        (json!({"seeds": 0}), "seeds"),
        (json!({"seeds": 101}), "seeds"),
        (json!({"seed": -1}), "seed"),
        (json!({"from": "tomorrow"}), "from"),
        (json!({"from": "1999-01-01T00:00:00Z"}), "from"),
        (json!({"colour": "red"}), "colour"),
    ] {
        assert_eq!(server.post(&path, body.clone()).await.refused(422), ("invalid".into(), field.into()), "{body}");
    }
    assert_eq!(server.post("/api/campaigns/99/forecast", json!({})).await.refused(404).0, "not_found");
    assert_eq!(server.get("/api/campaigns/99/forecasts").await.refused(404).0, "not_found");
    let bare = server.post("/api/campaigns", json!({"name": "bare"})).await.expect(201)["id"].clone();
    assert_eq!(server.post(&format!("/api/campaigns/{bare}/forecast"), json!({})).await.refused(422).1, "trunks");
    let without = Server::start().await;
    let id = campaign(&without).await;
    let refused = without.post(&format!("/api/campaigns/{id}/forecast"), json!({})).await.refused(503);
    assert_eq!(refused.0, "dialler_unavailable");
}

#[tokio::test]
async fn two_are_made_at_once_and_may_be_ended() {
    let server = Server::with_dialler().await;
    let id = campaign(&server).await;
    let path = format!("/api/campaigns/{id}/forecast");
    assert_eq!(server.call("DELETE", &path, Value::Null).await.refused(409).0, "conflict");
    let room = &server.app.forecasts;
    let places = [room.enter(CampaignId(id)).unwrap(), room.enter(CampaignId(id)).unwrap()];
    assert_eq!(server.post(&path, json!({})).await.refused(429).0, "too_many_forecasts");
    let reader = server.token(&[TokenScope::Read]).await;
    assert_eq!(server.call_as(&reader, "DELETE", &path, Value::Null).await.refused(403).0, "forbidden");
    server.call("DELETE", &path, Value::Null).await.expect(204);
    assert!(places.iter().all(|place| place.progress.is_cancelled()));
    drop(places);
    server.post(&path, json!({"seeds": 1})).await.expect(200);
}

#[tokio::test]
async fn a_forecast_that_is_ended_says_so() {
    let server = Server::with_dialler().await;
    let id = campaign(&server).await;
    let place = server.app.forecasts.enter(CampaignId(id)).unwrap();
    place.progress.cancel();
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let caller =
        Caller { name: "ana".into(), user: None, scopes: vec![TokenScope::Read], scope: store::Scope::installation() };
    tokio::spawn(make(server.app.clone(), caller, CampaignId(id), WhatIf::default(), place, sender));
    let said = receiver.recv().await.unwrap();
    assert!(matches!(said, Said::Refused(error) if error.code() == "conflict"));
    assert!(
        server.get(&format!("/api/campaigns/{id}/forecasts")).await.expect(200)["items"].as_array().unwrap().is_empty()
    );
}
