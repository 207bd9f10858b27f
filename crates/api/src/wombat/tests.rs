//! The API through the router, as programs written for WombatDialer use it.

use super::{Settings, Wombat};
use crate::testing::{Answer, PASSWORD, Server};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use base64::Engine;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A caller of the API at this address.
pub(super) struct Client<'a> {
    pub(super) server: &'a Server,
    address: SocketAddr,
    authorization: Option<String>,
}

impl<'a> Client<'a> {
    /// Somebody of this machine.
    pub(super) fn of(server: &'a Server) -> Self {
        Self { server, address: "127.0.0.1:4000".parse().unwrap(), authorization: None }
    }

    fn at(self, address: &str) -> Self {
        Self { address: format!("{address}:4000").parse().unwrap(), ..self }
    }

    pub(super) fn basic(self, login: &str, password: &str) -> Self {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        Self { authorization: Some(format!("Basic {text}")), ..self }
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).extension(ConnectInfo(self.address));
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.server.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, form: impl Into<Body>) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        let request = self.request("POST", path).header(header::CONTENT_TYPE, kind);
        self.server.send(request.body(form.into()).unwrap()).await
    }

    /// The text of an answer with status 200.
    pub(super) async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// A text that says that it was done.
    pub(super) async fn ok(&self, path: &str) -> String {
        let text = self.text(path).await;
        assert!(text.starts_with("OK: "), "{path}: {text}");
        text
    }

    /// A text that says that nothing was done, and why.
    pub(super) async fn error(&self, path: &str) -> String {
        let text = self.text(path).await;
        assert!(text.starts_with("ERROR: ") && !text.contains("OK"), "{path}: {text}");
        text
    }
}

/// Lets this machine in.
pub(super) fn open(server: &mut Server) {
    let allow = vec!["127.0.0.1".parse().unwrap()];
    server.wombat(Wombat::of(Settings { allow, ..Settings::default() }));
}

/// A campaign that can be started, by name, with the list `people`.
pub(super) async fn campaign(server: &Server, name: &str) -> i64 {
    let [_, trunk, end_point, list] = server.furnish().await;
    let campaign = json!({"name": name, "trunks": [trunk], "end_points": [end_point], "lists": [list],
        "idle_on_termination": true, "packs": ["unrestricted"],
        "rules": [{"status": "RS_BUSY", "max_attempts": 2, "retry_after_s": 300}]});
    server.post("/api/campaigns", campaign).await.expect(201)["id"].as_i64().unwrap()
}

#[tokio::test]
async fn nobody_enters_before_somebody_said_who_may() {
    let mut server = Server::start().await;
    let path = "/wombat/api/lists/?op=addToList&list=x&numbers=100";
    let refused = Client::of(&server).get(path).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().starts_with("ERROR: ") && refused.text().contains("wombat.allow"), "{}", refused.text());
    assert_eq!(refused.text().lines().count(), 1);
    assert_eq!(Client::of(&server).basic("ana", "x").get(path).await.status, 403);
    assert_eq!(Client::of(&server).get(&format!("{path}&token=cct_nonsense")).await.status, 401);
    let with_token = Client::of(&server).get(&format!("{path}&token={}", server.admin)).await;
    assert_eq!(with_token.text(), "OK: List: x added 1 numbers\n");
    let token = server.token(&[store::TokenScope::Read]).await;
    let weak = Client::of(&server).get(&format!("{path}&token={token}")).await;
    assert!(weak.text().contains("lacks the scope operate"), "{}", weak.text());
    assert_eq!(server.get(path).await.status, 200, "a token in the header");

    open(&mut server);
    Client::of(&server).ok(path).await;
    assert_eq!(Client::of(&server).at("10.0.0.9").get(path).await.status, 403);
    for (name, value) in
        [("x-forwarded-for", "127.0.0.1"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
    {
        let request = Client::of(&server).request("GET", path).header(name, value);
        let status = server.send(request.body(Body::empty()).unwrap()).await.status;
        assert!([401, 403].contains(&status.as_u16()), "{name}: {status}");
    }
}

#[tokio::test]
async fn users_send_their_password_and_see_what_their_keys_open() {
    let mut server = Server::with_dialler().await;
    server.person("boss", 1).await;
    server.person("eve", 3).await;
    let allow = vec!["127.0.0.1".parse().unwrap()];
    server.wombat(Wombat::of(Settings { basic_users: true, allow, ..Settings::default() }));
    server.post("/api/lists", json!({"name": "secret", "security_key": "K"})).await.expect(201);
    let state = "/wombat/api/engine/?op=STATE";
    let nobody = Client::of(&server).get(state).await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
    assert_eq!(Client::of(&server).basic("boss", "wrong").get(state).await.status, 401);
    assert_eq!(Client::of(&server).basic("boss", PASSWORD).get(state).await.json()["state"], "READY");
    // The address still opens what scripts and dialplans use.
    Client::of(&server).ok("/wombat/api/lists/?op=addToList&list=open&numbers=100").await;
    let eve = Client::of(&server).basic("eve", PASSWORD);
    let text = eve.error("/wombat/api/lists/?op=addToList&list=open&numbers=100").await;
    assert!(text.contains("\"eve\" lacks the scope operate"), "{text}");
    server.post("/api/users", json!({"login": "ben", "class": 2, "password": PASSWORD})).await.expect(201);
    let ben = Client::of(&server).basic("ben", PASSWORD);
    let text = ben.text("/wombat/api/campaigns/?op=addList&campaign=c&list=secret").await;
    assert!(text.starts_with("ERROR: "), "{text}");
    // A list that is not seen is not found, and its name is taken.
    let text = ben.error("/wombat/api/lists/?op=addToList&list=secret&numbers=100").await;
    assert!(text.contains("exists already"), "{text}");
}

#[tokio::test]
async fn every_spelling_of_an_address_leads_to_the_room() {
    let mut server = Server::start().await;
    open(&mut server);
    let client = Client::of(&server);
    for path in [
        "/wombat/api/lists/?op=addToList&list=a&numbers=1|2,A:b|",
        "/wombat/api/lists?op=addToList&list=a&numbers=1",
        "//wombat//api//lists//index.jsp?op=addToList&list=a&numbers=1%7C2",
        "/wombat/api/lists/index.jsp?&op=addToList&&list=a&numbers=1&",
    ] {
        client.ok(path).await;
    }
    assert!(client.error("/wombat/api/lists/?").await.contains("there is no op"));
    let posted = client.post("/wombat/api/lists/?op=addToList&list=a", "numbers=5|6,NAME:John+Doe|").await;
    assert_eq!(posted.text(), "OK: List: a added 2 numbers\n");
    assert_eq!(client.get("/wombat/api/nothing/?op=x").await.status, 404);
    assert_eq!(client.get("/wombat/api").await.status, 404);
    assert_eq!(client.get("/WombatDialer/api/lists/?op=x").await.status.is_success(), crate::web::is_built());
    server.wombat(Wombat::of(Settings { context: "WombatDialer".into(), ..Settings::default() }));
    assert_eq!(Client::of(&server).get("/WombatDialer/api/lists/?op=x").await.status, 403);
    assert!(Settings::checked_context("a/b").is_err() && Settings::checked_context("api").is_err());
}

#[tokio::test]
async fn sysup_says_so_only_when_database_and_dialler_answer() {
    let mut server = Server::with_dialler().await;
    let answer = Client::of(&server).get("/wombat/api/sysup/").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (200, &json!("WBTUP")));
    let keys: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 6, "{keys:?}");
    assert!(Client::of(&server).get("/wombat/api/sysup/jmx").await.text().contains("uptimeMs"));
    server.stop_dialler().await;
    let answer = Client::of(&server).get("/wombat/api/sysup/").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.text().contains("WBTUP"));
}

#[tokio::test]
async fn the_engine_is_the_switch_of_dialling() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let client = Client::of(&server);
    assert_eq!(client.get("/wombat/api/engine/?op=STATE").await.json()["state"], "READY");
    assert_eq!(client.get("/wombat/api/engine/?op=STOP").await.json()["state"], "DOWN");
    assert_eq!(server.get("/api/dialling").await.expect(200)["dialling"], "held");
    assert_eq!(client.get("/wombat/api/dialer/?op=state").await.json()["state"], "DOWN");
    assert_eq!(client.get("/wombat/api/dialer/?op=start").await.json()["state"], "READY");
    assert_eq!(client.get("/wombat/api/engine/?op=EXPLODE").await.json()["status"], "ERROR");
    assert_eq!(client.get("/wombat/api/addkey/?op=add&key=K").await.json()[0]["channels"], "unlimited");
}

#[tokio::test]
async fn a_campaign_is_started_paused_reloaded_cloned_and_removed_by_name() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "BOOKS").await;
    let client = Client::of(&server);
    let op = |op: &str| format!("/wombat/api/campaigns/?op={op}&campaign=BOOKS");
    assert!(client.error(&op("pause")).await.contains("is not running"));
    client.ok(&op("start")).await;
    assert!(client.error(&op("start")).await.contains("already running"));
    for (what, state) in [("pause", "PAUSED"), ("pause", "PAUSED"), ("reload", "PAUSED")] {
        assert!(client.ok(&op(what)).await.contains(state), "{what}");
    }
    assert!(!client.ok(&op("unpause")).await.contains("PAUSED"));
    assert!(client.error(&format!("{}&factor=200", op("boost"))).await.contains("observes a queue"));
    assert!(client.error(&format!("{}&factor=a", op("boost"))).await.contains("no percentage"));

    client.ok(&format!("{}&newcampaign=copy", op("clone"))).await;
    let all = server.get("/api/campaigns").await.expect(200);
    let [had, copy] = [&all["items"][0], &all["items"][1]];
    for (name, value) in had.as_object().unwrap() {
        match name.as_str() {
            "id" | "name" | "rules" | "created_by" => {}
            name => assert_eq!(&copy[name], value, "{name}"),
        }
    }
    assert_eq!(copy["rules"][0]["retry_after_s"], 300);
    assert!(client.error(&format!("{}&newcampaign=copy", op("clone"))).await.contains("exists already"));
    client.ok("/wombat/api/lists/?op=addToList&list=more&numbers=200").await;
    client.ok(&format!("{}&list=more", op("addList"))).await;
    assert_eq!(server.get(&format!("/api/campaigns/{id}")).await.expect(200)["lists"].as_array().unwrap().len(), 2);
    assert!(client.ok(&op("remove")).await.contains("REMOVED"));
    for wrong in [
        "start&campaign=none",
        "start",
        "explode&campaign=BOOKS",
        "addList&campaign=BOOKS&list=none",
        "clone&campaign=BOOKS",
    ] {
        client.error(&format!("/wombat/api/campaigns/?op={wrong}")).await;
    }
}

#[tokio::test]
async fn fifty_thousand_records_are_added_and_duplicates_passed_over() {
    let mut server = Server::start().await;
    open(&mut server);
    let client = Client::of(&server);
    client.ok("/wombat/api/lists/?op=addToList&list=x&numbers=1234,A:1").await;
    let text = client.ok("/wombat/api/lists/?op=addToList&list=x&dedupe=1&numbers=1234,A:2|5678").await;
    assert_eq!(text, "OK: List: x added 1 numbers; 1 passed over, the list has them\n");
    let records: String = (0..50_000)
        .map(|n| format!("{},NAME:John Doe {n},CITY:Rome and some more text to fill|", 1_000_000 + n))
        .collect();
    let answer = client.post("/wombat/api/lists/?op=addToList&list=big", format!("numbers={records}")).await;
    assert_eq!(answer.text(), "OK: List: big added 50000 numbers\n");
    let found = server.get("/api/lists?name=big").await.expect(200);
    assert_eq!(found["items"][0]["contacts"], 50_000);
    let some = client.text("/wombat/api/lists/?op=addToList&list=mixed&numbers=100|abc|200,EXTEN:1|300,A").await;
    assert!(some.starts_with("OK: List: mixed added 1 numbers; 3 refused"), "{some}");
    client.error("/wombat/api/lists/?op=addToList&list=never&numbers=abc|def").await;
    assert_eq!(server.get("/api/lists?name=never").await.expect(200)["items"], Value::Array(vec![]));
    client.error("/wombat/api/lists/?op=addToList&list=x&dedupe=perhaps&numbers=1").await;
}
