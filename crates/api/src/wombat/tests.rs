//! The API through the router, as programs written for WombatDialer use it.

mod details;
mod logs;
mod wire;

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
    client.ok("/WombatDialer/api/lists/?op=addToList&list=a&numbers=1").await;
    assert_eq!(client.get("/dialer/api/lists/?op=x").await.status.is_success(), crate::web::is_built());
    let contexts = Settings::checked_contexts("dialer, wbt").unwrap();
    server.wombat(Wombat::of(Settings { contexts, ..Settings::default() }));
    assert_eq!(Client::of(&server).get("/wbt/api/lists/?op=x").await.status, 403);
    assert_eq!(Client::of(&server).get("/wombat/api/lists/?op=x").await.status, 404);
    for bad in ["a/b", "api", "", "wombat,"] {
        assert!(Settings::checked_contexts(bad).is_err(), "{bad}");
    }
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
    assert!(client.ok(&format!("{}&factor=200", op("boost"))).await.contains("Boosting set in Campaign: 200%"));
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

#[tokio::test]
async fn calls_are_added_with_attributes_and_a_schedule() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    campaign(&server, "Runme").await;
    let client = Client::of(&server);
    let add = "/wombat/api/calls/index.jsp?op=addcall&campaign=Runme&number=0916309765";
    assert!(client.error(add).await.contains("is not running"));
    client.ok("/wombat/api/campaigns/?op=start&campaign=Runme").await;
    client.ok(&format!("{add}&attrs=user:107,friends:123")).await;
    client.ok(&format!("{add}&attrs=orgQ:400%2Cwhen:121115-153402&schedule=15")).await;
    client.ok("/wombat/api/campaigns/?op=pause&campaign=Runme").await;
    client.ok(&format!("{add}&attrs=ID:2301,PERS:John%20Doe&schedule=2026-12-18.00:00:00")).await;
    let list = server.get("/api/lists?name=Runme/AUTO").await.expect(200)["items"][0]["id"].clone();
    let contacts = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200);
    let attributes: Vec<&Value> = contacts["items"].as_array().unwrap().iter().map(|c| &c["attributes"]).collect();
    assert_eq!(attributes[0], &json!({"user": "107", "friends": "123"}));
    assert_eq!(attributes[1], &json!({"orgQ": "400", "when": "121115-153402"}));
    assert_eq!(attributes[2], &json!({"ID": "2301", "PERS": "John Doe"}));
    for wrong in [
        "campaign=none&number=1",
        "campaign=Runme",
        "campaign=Runme&number=abc",
        "campaign=Runme&number=1,2",
        "campaign=Runme&number=1&attrs=A",
        "campaign=Runme&number=1&attrs=EXTEN:1",
        "campaign=Runme&number=1&attrs=A:%0D%00Action",
        "campaign=Runme&number=1&attrs=A:1,A:2",
        "campaign=Runme&number=1&schedule=soon",
        "campaign=Runme&number=1&schedule=99999999999999999999",
    ] {
        client.error(&format!("/wombat/api/calls/?op=addcall&{wrong}")).await;
    }
    for wrong in [
        "extstatus&wombatid=77&status=X",
        "extstatus&wombatid=x&status=X",
        "attr&wombatid=77&attr=A&val=1",
        "attrClear",
        "attrAppend&wombatid=1",
        "nothing",
    ] {
        client.error(&format!("/wombat/api/calls/?op={wrong}")).await;
    }
    assert_eq!(server.get(&format!("/api/lists/{list}")).await.expect(200)["contacts"], 3, "nothing changed");
}

/// `data` of the configuration API.
pub(super) fn data(record: &Value) -> String {
    let mut text = String::from("data=");
    for byte in record.to_string().bytes() {
        text.push_str(&format!("%{byte:02X}"));
    }
    text
}

/// The envelope of a request that was carried out.
pub(super) async fn edit(client: &Client<'_>, path: &str, record: &Value) -> Value {
    let answer = client.post(&format!("/wombat/api/edit/{path}"), data(record)).await.json();
    assert_eq!(answer["status"], "OK", "{path} {record}: {answer}");
    assert_eq!(answer.as_object().unwrap().len(), 7);
    answer
}

#[tokio::test]
async fn a_template_is_cloned_gets_a_list_and_runs() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    campaign(&server, "TEMPLATE").await;
    let client = Client::of(&server);
    client.ok("/wombat/api/campaigns/?op=clone&campaign=TEMPLATE&newcampaign=today").await;
    client.ok("/wombat/api/lists/?op=addToList&list=todays&numbers=100,A:1|101").await;
    let found = edit(&client, "campaign?mode=L&query=today", &Value::Null).await;
    assert_eq!((&found["allResults"], &found["results"][0]["name"]), (&json!(1), &json!("today")));
    let id = found["results"][0]["campaignId"].clone();
    let list = edit(&client, "list/?mode=L&query=todays", &Value::Null).await["results"][0].clone();
    let link = json!({"campaignId": -1, "idx": "", "cclId": "", "cl": list, "complete": false, "highwater": "", "clType": "CALL_LIST"});
    let link = edit(&client, &format!("campaign/list/?mode=E&parent={id}"), &link).await["results"][0].clone();
    assert_eq!((&link["cl"]["listId"], &link["idx"]), (&list["listId"], &json!("2")));
    let moved = edit(&client, &format!("campaign/list/?mode=MU&parent={id}"), &link).await;
    assert_eq!(moved["results"][0]["cl"]["name"], "todays");
    let left = edit(&client, &format!("campaign/list/?mode=D&parent={id}"), &moved["results"][1]).await;
    assert_eq!((&left["nRecords"], &left["results"][0]["idx"]), (&json!(1), &json!("1")));
    client.ok("/wombat/api/campaigns/?op=start&campaign=today").await;
}

#[tokio::test]
async fn a_campaign_is_built_from_nothing() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let [pbx, ..] = server.furnish().await;
    let client = Client::of(&server);
    let asked = json!({"campaignId": "", "name": "C", "priority": 10, "pace": "RUNNABLE", "pauseWhenFinished": 0, "batchSize": 100,
        "securityKey": "", "timeStartHr": "000000", "timeEndHr": "235959", "timeDow": "1234567", "maxCallLength": 0,
        "dial_timeout": "30000", "dial_clid": null, "initialBoostFactor": 1, "initialPredictiveModel": "OFF",
        "amdTracking": "OFF", "emailEvents": "NO", "addlLogging": "", "autopause": true, "campaignVars": "A:1,B:2"});
    let made = edit(&client, "campaign/?mode=E", &asked).await["results"][0].clone();
    assert_eq!(made.as_object().unwrap().len(), 34, "{made}");
    assert_eq!((&made["campaignVars"], &made["sys_user_creazione"]), (&json!("A:1,B:2"), &json!("wombat")));
    let id = made["campaignId"].clone();
    let ours = server.get(&format!("/api/campaigns/{id}")).await.expect(200);
    assert_eq!(
        (&ours["packs"], &ours["autopause"], &made["autopause"]),
        (&json!(["unrestricted"]), &json!(true), &json!(true))
    );

    for rule in [
        json!({"status": "RS_BUSY", "statusExt": "", "maxAttempts": 2, "retryAfterS": 300, "mode": "FIXED"}),
        json!({"status": "RS_NOANSWER", "maxAttempts": "3", "retryAfterS": "90", "mode": "MULT", "campaignId": -1}),
    ] {
        edit(&client, &format!("campaign/reschedule/?mode=E&parent={id}"), &rule).await;
    }
    let rules = edit(&client, &format!("campaign/reschedule/?mode=L&parent={id}"), &Value::Null).await;
    let changed = edit(
        &client,
        &format!("campaign/reschedule/?mode=E&parent={id}"),
        &json!({"rescheduleRuleId": rules["results"][0]["rescheduleRuleId"], "retryAfterS": 60}),
    )
    .await;
    assert_eq!(
        (&changed["results"][0]["status"], &changed["results"][0]["retryAfterS"]),
        (&json!("RS_BUSY"), &json!(60))
    );
    let moved = edit(&client, &format!("campaign/reschedule/?mode=MD&parent={id}"), &changed["results"][0]).await;
    assert_eq!(moved["results"][1]["status"], "RS_BUSY");
    let left = edit(&client, &format!("campaign/reschedule/?mode=D&parent={id}"), &moved["results"][0]).await;
    assert_eq!(left["nRecords"], 1);

    let trunk = json!({"astId": {"id": pbx}, "name": "T", "dialstring": "Local/${num}@from-internal/n", "capacity": 10, "securityKey": ""});
    let trunk = edit(&client, "trunk/?mode=E", &trunk).await["results"][0].clone();
    assert_eq!((trunk.as_object().unwrap().len(), &trunk["astId"]["password"]), (13, &json!("")), "{trunk}");
    let link = json!({"campaignId": -1, "trunkId": {"trunkId": trunk["trunkId"]}});
    edit(&client, &format!("campaign/trunk/?mode=E&parent={id}"), &link).await;
    let ep = json!({"epId": null, "type": "PHONE", "astId": {"id": pbx}, "queueName": "", "name": "E", "maxChannels": 10,
        "idx": "", "campaignId": "", "extension": "999", "context": "from-internal", "boostFactor": 1, "maxWaitingCalls": 2,
        "reverseDialing": false, "stepwiseReverse": false, "securityKey": "", "description": "", "dialFind": "", "dialReplace": ""});
    let ep = edit(&client, "ep/?mode=E", &ep).await["results"][0].clone();
    edit(
        &client,
        &format!("campaign/ep/?mode=E&parent={id}"),
        &json!({"campaignId": -1, "epId": {"epId": ep["epId"]}}),
    )
    .await;
    let list = edit(&client, "list/?mode=E", &json!({"name": "L", "isHidden": false})).await["results"][0].clone();
    assert_eq!(list.as_object().unwrap().len(), 8);
    let path = format!("list/record/?mode=E&parent={}", list["listId"]);
    let attributes = json!([{"isInput": true, "attrName": "A", "attrValue": "1"}, {"isInput": true, "attrName": "B", "attrValue": "2"}]);
    let record = edit(&client, &path, &json!({"callId": "", "number": "5551234", "attributes": attributes})).await;
    assert_eq!(record["results"][0]["attributesAsString"], "A:1,B:2");
    edit(
        &client,
        &format!("campaign/list/?mode=E&parent={id}"),
        &json!({"campaignId": -1, "cl": {"listId": list["listId"]}}),
    )
    .await;
    client.ok("/wombat/api/lists/?op=addToList&list=L&numbers=5551235,X:10|5551236").await;
    let records =
        edit(&client, &format!("list/record/?mode=L&parent={}&from=1&items=1", list["listId"]), &Value::Null).await;
    assert_eq!(
        (&records["allResults"], &records["startFrom"], &records["nRecords"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(records["results"][0]["attributesAsString"], "X:10");
    client.ok("/wombat/api/campaigns/?op=start&campaign=C").await;
    client.ok("/wombat/api/campaigns/?op=reload&campaign=C").await;

    // Agents in a queue, observed with the server's own manager user.
    let server_of_queues = json!({"description": "Q", "ipAddress": "127.0.0.1", "login": "l", "password": "p"});
    let observed = edit(&client, "asterisk/?mode=E", &server_of_queues).await["results"][0]["id"].clone();
    let queue = json!({"type": "QUEUE", "astId": {"id": observed}, "queueName": "999", "maxChannels": "10",
        "boostFactor": "1.5", "maxWaitingCalls": 3, "extension": "999", "context": "from-internal"});
    let queue = edit(&client, "ep/?mode=E", &queue).await["results"][0].clone();
    let facts = ["type", "queueName", "name", "boostFactor", "maxWaitingCalls"].map(|field| queue[field].clone());
    assert_eq!(facts, [json!("QUEUE"), json!("999"), json!("999"), json!(1.5), json!(3)]);
    let changed = json!({"epId": queue["epId"], "boostFactor": 2});
    let changed = edit(&client, "ep/?mode=E", &changed).await["results"][0].clone();
    assert_eq!((&changed["queueName"], &changed["boostFactor"]), (&json!("999"), &json!(2.0)));

    // Changing what is there keeps what is not said.
    let changed = edit(&client, "ep/?mode=E", &json!({"epId": ep["epId"], "maxChannels": 3})).await;
    assert_eq!(
        (&changed["results"][0]["maxChannels"], &changed["results"][0]["extension"]),
        (&json!(3), &json!("999"))
    );
    let hidden = edit(&client, "campaign/?mode=E", &json!({"campaignId": id, "pace": "HIDDEN"})).await;
    assert_eq!((&hidden["results"][0]["pace"], &hidden["results"][0]["priority"]), (&json!("HIDDEN"), &json!(10)));
    assert_eq!(edit(&client, "campaign/?mode=L", &Value::Null).await["results"], json!([]));
    assert_eq!(edit(&client, "campaign/?mode=L&query=~", &Value::Null).await["nRecords"], 1);
}

#[tokio::test]
async fn the_configuration_api_refuses_by_name_and_changes_nothing() {
    let mut server = Server::start().await;
    open(&mut server);
    let [pbx, trunk, ..] = server.furnish().await;
    let id = server.post("/api/campaigns", json!({"name": "c"})).await.expect(201)["id"].clone();
    let before = server.get("/api/audit?limit=1000").await.expect(200)["items"].as_array().unwrap().len();
    let client = Client::of(&server);
    for (path, record, named) in [
        ("campaign?mode=E", json!({"name": "n", "httpNotify": "http://x/"}), "httpNotify"),
        ("campaign?mode=E", json!({"name": "n", "initialPredictiveModel": "SOMETIMES"}), "initialPredictiveModel"),
        ("campaign?mode=E", json!({"name": "n", "pace": "ERROR"}), "pace"),
        ("campaign?mode=E", json!({"name": "n", "priority": "high"}), "priority"),
        ("campaign?mode=E", json!({"campaignId": 77, "priority": 1}), "77"),
        ("campaign?mode=E", json!({}), "name"),
        ("campaign?mode=D", json!({"campaignId": id}), "cannot be deleted"),
        ("asterisk?mode=E", json!({"description": "x", "serverType": "FREESWITCH"}), "serverType"),
        ("asterisk?mode=D", json!({"id": pbx}), "in use"),
        ("trunk?mode=E", json!({"astId": {"id": pbx}, "name": "t", "dialstring": "Local/${num}@x"}), "/n"),
        (
            "ep?mode=E",
            json!({"type": "QUEUE", "queueName": "q", "astId": {"id": pbx}, "context": "c", "extension": "1"}),
            "manager_username",
        ),
        ("ep?mode=E", json!({"type": "PHONE", "queueName": "q", "astId": {"id": pbx}}), "queueName"),
        ("ep?mode=E", json!({"type": "QUEUE", "boostFactor": "much", "astId": {"id": pbx}}), "boostFactor"),
        ("ep?mode=E", json!({"type": "QUEUE", "stepwiseReverse": true}), "stepwiseReverse"),
        ("list?mode=E", json!([1]), "record"),
        ("list/record?mode=E", json!({"number": "1"}), "parent"),
        ("campaign/list?mode=E&parent=77", json!({"cl": {"listId": 1}}), "77"),
        ("campaign/list?mode=E&parent=x", json!({}), "parent"),
        ("campaign/reschedule?mode=E&parent=1", json!({"status": "SAD", "maxAttempts": 1, "retryAfterS": 1}), "SAD"),
        ("trunk?mode=MU", json!({"trunkId": trunk}), "order"),
        ("trunk?mode=X", json!({}), "mode"),
    ] {
        let answer = client.post(&format!("/wombat/api/edit/{path}"), data(&record)).await;
        assert_eq!(answer.status, 200, "{path}");
        let answer = answer.json();
        assert_eq!(
            (&answer["status"], answer.as_object().unwrap().len()),
            (&json!("ERROR"), 7),
            "{path} {record}: {answer}"
        );
        assert!(answer["error"].as_str().unwrap().contains(named), "{path} {record}: {answer}");
    }
    for nothing in ["", "data=", "data=null", "data={}", "data=%7B%22trunkId%22%3A77%7D"] {
        let answer = client.post("/wombat/api/edit/trunk/?mode=D", nothing).await.json();
        assert_eq!((&answer["status"], &answer["nRecords"]), (&json!("OK"), &json!(1)), "{nothing}");
    }
    assert_eq!(client.post("/wombat/api/edit/trunk/?mode=E", "data={broken").await.json()["status"], "ERROR");
    assert_eq!(client.get("/wombat/api/edit/nothing/?mode=L").await.status, 404);
    let after = server.get("/api/audit?limit=1000").await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(after, before, "nothing was changed");
    // The password that is there stays when an empty one comes.
    let record = json!({"id": pbx, "password": "", "description": "office 2"});
    assert_eq!(edit(&client, "asterisk?mode=E", &record).await["results"][0]["password"], "");
    let kept = server.app.store.pbx_password(&store::Scope::installation(), domain::PbxId(pbx)).await.unwrap();
    assert_eq!(kept, "s3cret");
}

#[tokio::test]
async fn runs_calls_and_reports_are_shown() {
    let mut server = Server::with_dialler().await;
    open(&mut server);
    let id = campaign(&server, "spring").await;
    let client = Client::of(&server);
    client.ok("/wombat/api/campaigns/?op=start&campaign=spring").await;
    client.ok("/wombat/api/calls/?op=addcall&campaign=spring&number=0669820001&schedule=900").await;
    let get = async |path: &str| -> Value {
        let answer = client.get(&format!("/wombat/api/{path}")).await;
        let json = answer.json();
        assert_eq!(json["status"], "OK", "{path}: {}", answer.text());
        json
    };
    let runs = get("live/runs/").await;
    let run = &runs["result"]["campaigns"][0];
    assert_eq!((&run["campaignId"], &run["name"]), (&json!(id), &json!("spring")));
    assert_eq!(
        (&run["n_open_retries"], &run["n_est_remaining_calls"], &run["n_calls_attempted"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let hopper = run["hoppercampId"].as_i64().unwrap();
    let calls = get("live/calls/").await;
    assert_eq!(
        (&calls["result"]["campaigns"][0]["isRunning"], &calls["result"]["hopperState"]),
        (&json!(true), &json!([]))
    );
    let recalls = get("recallinfo/").await;
    assert_eq!(recalls["reschedules"].as_array().unwrap().len(), 1, "{recalls}");
    for op in ["LIVE_CALLS", "CAMPAIGN_RUNS", "TRUNKS", "END_POINTS"] {
        assert!(get(&format!("inspect_dialer/?op={op}")).await["result"].is_array(), "{op}");
    }
    client.ok("/wombat/api/campaigns/?op=remove&campaign=spring").await;
    assert_eq!(get("live/runs/").await["result"]["campaigns"][0]["state"], "REMOVED");
    let found = get("reports/runs/?from=2020-01-01.00:00:00&to=2035-01-01.00:00:00").await;
    assert_eq!(found["result"]["campaignsAndRuns"][0]["runs"][0]["hoppercampId"], hopper);
    for wrong in [
        "reports/runs/?from=yesterday",
        "reports/stats/",
        "reports/stats/?id=77",
        "reports/logs/?id=x",
        "callinfo/?id=77",
        "inspect_dialer/?op=X",
    ] {
        let answer = client.get(&format!("/wombat/api/{wrong}")).await.json();
        assert_eq!(answer["status"], "ERROR", "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn reports_count_outcomes_and_show_each_call() {
    let mut server = Server::start().await;
    open(&mut server);
    server.journal().await;
    let client = Client::of(&server);
    let stats = client.get("/wombat/api/reports/stats/?id=1").await.json();
    let busy = stats["result"]["statsOut"].as_array().unwrap().iter().find(|row| row["gbState"] == "RS_BUSY");
    assert!(busy.is_some_and(|row| row["nCalls"].as_i64() >= Some(1)), "{stats}");
    let logs = client.get("/wombat/api/reports/logs/?id=1&items=1").await.json();
    assert_eq!(
        (&logs["status"], &logs["nRecords"], &logs["results"][0]["retry"]),
        (&json!("OK"), &json!(1), &json!(0))
    );
    let call = client.get("/wombat/api/callinfo/?id=2").await.json();
    assert_eq!((&call["isLive"], &call["state"]), (&json!(false), &json!("RS_BUSY")), "{call}");
}
