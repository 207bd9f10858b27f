//! Every route × every role × every kind of thing with a key that the caller does not hold: nothing of it is seen, nothing
//! is changed. The routes come from the OpenAPI document, so that a new one is asked, too.

use super::{PASSWORD, Server};
use axum::body::Body;
use axum::http::{Request, header};
use domain::{CampaignId, ContactId, Dialable, ListId, SuppressionListId, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{Scope, Write};

/// In every name and text of what is not to be seen.
const MARK: &str = "zzforeign";
/// The numbers of its contacts.
const NUMBERS: [&str; 4] = ["+390669820001", "0669820001", "+390669820444", "0669820444"];

/// Everything there is, each with a key of others; ids by the noun of the path.
async fn foreign(server: &Server) -> BTreeMap<&'static str, i64> {
    let id = |value: Value| value["id"].as_i64().unwrap();
    let key = "SECRET";
    // What everybody sees takes the first ids.
    server.furnish().await;
    let pbx = json!({"name": "zzforeign pbx", "host": "127.0.0.1", "username": "zzforeign", "password": "s3cret",
        "security_key": key});
    let pbx = id(server.post("/api/pbxs", pbx).await.expect(201));
    let trunk = json!({"pbx": pbx, "name": "zzforeign trunk", "dial_string": "PJSIP/${num}@zzforeign", "capacity": 3,
        "security_key": key});
    let trunk = id(server.post("/api/trunks", trunk).await.expect(201));
    let end_point = json!({"pbx": pbx, "name": "zzforeign end point", "context": "zzforeign", "extension": "100",
        "max_channels": 3, "security_key": key});
    let end_point = id(server.post("/api/end-points", end_point).await.expect(201));
    let list = json!({"name": "zzforeign list", "security_key": key});
    let list = id(server.post("/api/lists", list).await.expect(201));
    let file = format!("/api/lists/{list}/imports?file_name=zzforeign.csv");
    let import = id(server.upload(&file, "number\n0669820001\n").await.expect(202));
    let hours = json!({"name": "zzforeign hours", "comment": MARK, "rules": [{"mode": "OPEN", "comment": MARK}],
        "security_key": key});
    let hours = id(server.post("/api/opening-hours", hours).await.expect(201));
    let campaign = json!({"name": "zzforeign campaign", "opening_hours": [hours], "trunks": [trunk], "end_points": [end_point], "lists": [list],
        "idle_on_termination": true, "packs": ["unrestricted"], "security_key": key});
    let campaign = id(server.post("/api/campaigns", campaign).await.expect(201));
    let optout = json!({"name": "zzforeign optout", "kind": "optout", "campaigns": [campaign], "security_key": key});
    let optout = id(server.post("/api/suppression-lists", optout).await.expect(201));
    let number = json!({"numbers": [NUMBERS[3]], "list": optout, "why": "zzforeign"});
    server.post("/api/suppressions", number).await.expect(200);
    let webhook = json!({"name": "zzforeign hook", "url": "http://127.0.0.1:9/zzforeign", "campaign": campaign,
        "enabled": false});
    let webhook = id(server.post("/api/webhooks", webhook).await.expect(201));
    let run = id(server.post(&format!("/api/campaigns/{campaign}/start"), Value::Null).await.expect(201));
    let contact = settled(server, import, list).await;
    let attempt = attempt(server, campaign, run, contact).await;
    let action = action(server, campaign, run, list).await;
    let (store, scope) = (&server.app.store, Scope::installation());
    for (kind, subject) in [
        ("pbx_lost", pbx),
        ("harbour_missed", pbx),
        ("circuit_open", trunk),
        ("outcome_mix", campaign),
        ("webhook_backlog", webhook),
    ] {
        store.raise_alert(&scope, kind, subject, MARK, MARK, Timestamp(1)).await.unwrap();
    }
    let changes = server.get(&format!("/api/audit?entity=trunk&id={trunk}")).await.expect(200);
    let audit = changes["items"][0]["id"].as_i64().unwrap();
    BTreeMap::from([
        ("pbxs", pbx),
        ("trunks", trunk),
        ("end-points", end_point),
        ("lists", list),
        ("imports", import),
        ("campaigns", campaign),
        ("opening-hours", hours),
        ("suppression-lists", optout),
        ("webhooks", webhook),
        ("runs", run),
        ("contacts", contact),
        ("attempts", attempt),
        ("actions", action),
        // That of the trunk.
        ("audit", audit),
        // Those of the administrator.
        ("tokens", 1),
        ("users", 1),
        ("user-classes", 1),
    ])
}

/// Waits for the import; the id of its contact.
async fn settled(server: &Server, import: i64, list: i64) -> i64 {
    for _ in 0..500 {
        if server.get(&format!("/api/imports/{import}")).await.expect(200)["state"] == "done" {
            let contacts = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200);
            return contacts["items"][0]["id"].as_i64().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the import does not end");
}

/// An open attempt of the campaign, with its call.
async fn attempt(server: &Server, campaign: i64, run: i64, contact: i64) -> i64 {
    let (store, scope) = (&server.app.store, Scope::installation());
    let contact = store.contact(&scope, ContactId(contact)).await.unwrap();
    let settings = store.campaign(&scope, CampaignId(campaign)).await.unwrap();
    let trunk = store.trunk(&scope, settings.trunks[0]).await.unwrap();
    let mut new = super::journal::attempt(77, domain::RunId(run), &contact);
    (new.campaign, new.list) = (settings.id, ListId(contact.list.0));
    (new.trunk, new.end_point, new.pbx) = (trunk.id, settings.end_points[0], trunk.pbx);
    let written = store.commit(&scope, vec![Write::Attempt(new)]).await.unwrap();
    assert!(written.iter().all(store::Written::is_done), "{written:?}");
    77
}

/// What an outcome rule of the campaign asked for after another call, a month from now.
async fn action(server: &Server, campaign: i64, run: i64, list: i64) -> i64 {
    let contacts = json!({"contacts": [{"number": "0669820777"}]});
    let contact = server.post(&format!("/api/lists/{list}/contacts"), contacts).await.expect(200)["ids"][0].clone();
    let (store, scope) = (&server.app.store, Scope::installation());
    let contact = store.contact(&scope, ContactId(contact.as_i64().unwrap())).await.unwrap();
    let settings = store.campaign(&scope, CampaignId(campaign)).await.unwrap();
    let trunk = store.trunk(&scope, settings.trunks[0]).await.unwrap();
    let run = domain::RunId(run);
    let mut new = super::journal::attempt(78, run, &contact);
    (new.campaign, new.list) = (settings.id, ListId(contact.list.0));
    (new.trunk, new.end_point, new.pbx) = (trunk.id, settings.end_points[0], trunk.pbx);
    let Write::Close { mut end, pbx_at } = super::journal::close(78, run, contact.id, true) else { unreachable!() };
    end.actions = vec![domain::OutcomeRule {
        verb: domain::Verb::HttpGet,
        destination: format!("http://127.0.0.1:9/{MARK}"),
        defer_s: 2_592_000,
        ..domain::OutcomeRule::on(end.state)
    }];
    end.ended_at = store::now();
    let written = store.commit(&scope, vec![Write::Attempt(new), Write::Close { end, pbx_at }]).await.unwrap();
    assert!(written.iter().all(store::Written::is_done), "{written:?}");
    server.get("/api/actions").await.expect(200)["items"][0]["id"].as_i64().unwrap()
}

/// A body that whoever may do it can send.
fn body(method: &str, path: &str, ids: &BTreeMap<&str, i64>) -> Value {
    let of = |noun: &str| ids[noun];
    match (method, path) {
        ("DELETE" | "GET", _) => Value::Null,
        (_, "/api/pbxs/{id}") => json!({"name": "taken over", "host": "127.0.0.1", "username": "x"}),
        (_, "/api/trunks/{id}") => {
            json!({"pbx": of("pbxs"), "name": "taken over", "dial_string": "PJSIP/${num}@x", "capacity": 1})
        }
        (_, "/api/end-points/{id}") => {
            json!({"pbx": of("pbxs"), "name": "taken over", "context": "x", "extension": "1", "max_channels": 1})
        }
        (_, "/api/trunks") => {
            json!({"pbx": of("pbxs"), "name": "mine", "dial_string": "PJSIP/${num}@x", "capacity": 1})
        }
        (_, "/api/end-points") => {
            json!({"pbx": of("pbxs"), "name": "mine", "context": "x", "extension": "1", "max_channels": 1})
        }
        (_, "/api/lists/{id}" | "/api/suppression-lists/{id}") => json!({"name": "taken over"}),
        (_, "/api/campaigns/{id}") => json!({"name": "taken over", "packs": ["unrestricted"]}),
        (_, "/api/campaigns/{id}/forecast") => json!({"agents": 1}),
        (_, "/api/reservations") => json!({"agent": "PJSIP/1001", "campaign": of("campaigns")}),
        (_, "/api/reservations/{id}/skip") => json!({"status": "LATER"}),
        (_, "/api/campaigns/{id}/calls") => json!({"number": "0669820555"}),
        (_, "/api/attempts/{id}/output-attributes") => json!({"name": "A", "value": "1"}),
        (_, "/api/campaigns") => json!({"name": "mine", "lists": [of("lists")], "packs": ["unrestricted"]}),
        (_, "/api/suppression-lists") => json!({"name": "mine", "kind": "optout", "campaigns": [of("campaigns")]}),
        (_, "/api/opening-hours" | "/api/opening-hours/{id}") => json!({"name": "taken over"}),
        (_, "/api/lists/{id}/numbers") => json!({"from": "0669820556", "count": 2}),
        (_, "/api/lists/{id}/contacts") => json!({"contacts": [{"number": "0669820555"}]}),
        (_, path) if path.ends_with("/clone") => json!({"name": "taken over"}),
        (_, "/api/contacts/{id}") => json!({"number": "0669820555"}),
        (_, "/api/attempts/{id}/status") => json!({"status": "SALE"}),
        (_, "/api/suppressions") => {
            json!({"numbers": ["0669820555"], "list": of("suppression-lists"), "why": "x"})
        }
        (_, "/api/users/{id}" | "/api/users") => json!({"login": "taken", "class": 1, "password": PASSWORD}),
        (_, "/api/user-classes/{id}" | "/api/user-classes") => {
            json!({"name": "taken over", "role": "admin", "all_keys": true})
        }
        (_, "/api/runs/{id}/boost") => json!({"factor": 2}),
        (_, "/api/runs/{id}/lists" | "/api/runs/{id}/lists/pause" | "/api/runs/{id}/lists/unpause") => {
            json!({"list": of("lists")})
        }
        (_, "/api/lists/from-attempts") => json!({"name": "mine", "attempts": {"campaign": of("campaigns")}}),
        (_, "/api/tokens") => json!({"name": "mine", "scopes": ["admin"]}),
        (_, "/api/forget") => json!({"number": NUMBERS[0], "why": "x"}),
        (_, "/api/webhooks/{id}/replay") => json!({"after": 0}),
        (_, "/api/webhooks" | "/api/webhooks/{id}") => json!({"name": "mine", "url": "http://127.0.0.1:9/x"}),
        _ => Value::Null,
    }
}

/// Queries that name what is not to be seen.
fn queries(path: &str, ids: &BTreeMap<&str, i64>) -> Vec<String> {
    let of = |noun: &str| ids[noun];
    let (campaign, run, list) = (of("campaigns"), of("runs"), of("lists"));
    let some = match path {
        "/api/attempts" => vec![
            format!("run={run}"),
            format!("campaign={campaign}"),
            format!("contact={}", of("contacts")),
            format!("list={list}"),
            format!("trunk={}", of("trunks")),
        ],
        "/api/runs" | "/api/actions/retry" => vec![format!("campaign={campaign}")],
        "/api/actions" => vec![format!("campaign={campaign}"), format!("run={run}"), "state=waiting".into()],
        "/api/reports" | "/api/reports/attempts.csv" => {
            vec![format!("run={run}"), format!("campaign={campaign}"), "from=2020-01-01T00:00:00Z".into()]
        }
        "/api/events" => vec![
            "after=0".into(),
            format!("after=0&campaign={campaign}"),
            format!("after=0&entity=attempt&id={}", of("attempts")),
            format!("after=0&entity=alert"),
        ],
        "/api/suppressions" => vec![format!("list={}", of("suppression-lists")), format!("number={}", NUMBERS[3])],
        "/api/why" => vec![
            format!("number={}", NUMBERS[1]),
            format!("number={}", NUMBERS[3]),
            format!("number={}&campaign={campaign}", NUMBERS[1]),
        ],
        "/api/lists" | "/api/campaigns" => vec!["hidden=true".into(), "name=zzforeign list".replace(' ', "%20")],
        "/api/audit" => vec![format!("entity=trunk&id={}", of("trunks")), "entity=campaign".into()],
        "/api/imports/preview" => return vec![String::new()],
        _ => vec![],
    };
    std::iter::once(String::new()).chain(some.into_iter().map(|query| format!("?{query}"))).collect()
}

/// A page of JSON where there is a choice, so that it can be read to its end.
async fn ask(server: &Server, who: &str, method: &str, path: &str, body: &Value, file: bool) -> super::Answer {
    if !file && path.starts_with("/api/events") {
        let request = Request::get(path)
            .header(header::ACCEPT, "application/json")
            .header(header::COOKIE, format!("__Host-carillon={who}"));
        return server.send(request.body(Body::empty()).unwrap()).await;
    }
    if file {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, format!("__Host-carillon={who}"))
            .header(header::HOST, "localhost:8080")
            .header(header::ORIGIN, "http://localhost:8080")
            .header(header::CONTENT_TYPE, "application/octet-stream");
        return server.send(request.body(Body::from("number\n0669820555\n")).unwrap()).await;
    }
    server.call_as(who, method, path, body.clone()).await
}

/// Everything foreign as an administrator sees it; what changes by itself left out.
async fn everything(server: &Server, ids: &BTreeMap<&str, i64>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (noun, id) in ids {
        let path = match *noun {
            "tokens" => "/api/tokens".to_owned(),
            "audit" => "/api/audit?entity=trunk".to_owned(),
            "contacts" => format!("/api/lists/{}/contacts", ids["lists"]),
            noun => format!("/api/{noun}/{id}"),
        };
        let mut value = server.get(&path).await.expect(200);
        for volatile in ["last_signed_in_at", "why", "state", "behind", "totals"] {
            if let Some(object) = value.as_object_mut() {
                object.remove(volatile);
            }
        }
        all.insert((*noun).to_owned(), value);
    }
    let number = Dialable::parse(NUMBERS[3], Some("IT")).unwrap();
    let list = SuppressionListId(ids["suppression-lists"]);
    let suppressed = server.app.store.suppressions(&Scope::installation(), Some(list), 0, 100).await.unwrap();
    all.insert("suppressions".into(), json!(suppressed.len()));
    let traces = server.app.store.traces(&Scope::installation(), &number).await.unwrap();
    all.insert("traces".into(), json!(format!("{traces:?}")));
    all
}

#[tokio::test]
async fn what_has_the_key_of_others_is_neither_seen_nor_changed_by_any_route() {
    let server = Server::with_dialler().await;
    server.person("boss", 1).await;
    let ids = foreign(&server).await;
    let before = everything(&server, &ids).await;
    for role in ["read", "operate", "admin"] {
        let class = json!({"name": role, "role": role, "keys": "OWN OTHER"});
        let class = server.post("/api/user-classes", class).await.expect(201)["id"].as_i64().unwrap();
        let who = server.person(&format!("{role}er"), class).await;
        let mut asked = 0;
        for (path, method, operation) in server.document.operations() {
            let method = method.to_uppercase();
            let noun = path.split('/').nth(2).unwrap_or_default();
            // Holds and lifts are for everybody; the own session is the caller's; what is open shows nothing of anybody.
            let open = ["/api/session", "/api/setup", "/api/dialling/", "/api/openapi.json", "/readyz"];
            if open.iter().any(|begin| path.starts_with(begin)) {
                continue;
            }
            let file = operation["requestBody"]["content"].get("application/octet-stream").is_some();
            let body = body(&method, &path, &ids);
            let targets = match path.contains("{id}") {
                true => {
                    // A reservation is an attempt, and has its id.
                    let noun = if noun == "reservations" { "attempts" } else { noun };
                    let id = ids.get(noun).unwrap_or_else(|| panic!("{path}: nothing foreign of this kind"));
                    vec![path.replace("{id}", &id.to_string())]
                }
                false => queries(&path, &ids).into_iter().map(|query| format!("{path}{query}")).collect(),
            };
            for target in targets {
                let answer = ask(&server, &who, &method, &target, &body, file).await;
                asked += 1;
                let (status, text) = (answer.status.as_u16(), answer.text());
                let at = format!("{role}: {method} {target}: {status} {text}");
                assert!(!text.contains(MARK), "{at}");
                // A question by number has the number in its answer.
                let is_question = target.contains("number=");
                assert!(is_question || !NUMBERS.iter().any(|number| text.contains(number)), "{at}");
                if path.contains("{id}") {
                    let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
                    let is_fine = match status {
                        404 => code == "not_found",
                        403 => code == "forbidden" || code == "all_keys_needed",
                        _ => false,
                    };
                    assert!(is_fine, "{at}");
                }
                assert!(status < 500, "{at}");
            }
        }
        assert!(asked > 80, "{asked}");
        let after = everything(&server, &ids).await;
        for (what, value) in &before {
            assert_eq!(value, &after[what], "{role} changed {what}");
        }
    }
}

#[tokio::test]
async fn holders_of_the_key_and_whoever_made_it_see_it() {
    let server = Server::with_dialler().await;
    server.person("boss", 1).await;
    let ids = foreign(&server).await;
    let class = json!({"name": "Holders", "role": "admin", "keys": "SECRET"});
    let class = server.post("/api/user-classes", class).await.expect(201)["id"].as_i64().unwrap();
    let holder = server.person("holder", class).await;
    for (noun, id) in &ids {
        if ["tokens", "users", "user-classes", "webhooks", "contacts", "audit"].contains(noun) {
            continue;
        }
        server.call_as(&holder, "GET", &format!("/api/{noun}/{id}"), Value::Null).await.expect(200);
    }
    // A key that is taken away from one user closes at once.
    let user = server.get("/api/users?name=holder").await.expect(200)["items"][0]["id"].as_i64().unwrap();
    let path = format!("/api/campaigns/{}", ids["campaigns"]);
    let revoked = json!({"login": "holder", "class": class, "keys": "-SECRET"});
    server.call("PUT", &format!("/api/users/{user}"), revoked).await.expect(200);
    assert_eq!(server.call_as(&holder, "GET", &path, Value::Null).await.refused(404).0, "not_found");
    // What somebody made stays theirs; a key that they do not hold cannot be used.
    let made = json!({"name": "mine", "security_key": "SECRET"});
    assert_eq!(server.call_as(&holder, "POST", "/api/lists", made).await.refused(422).1, "security_key");
    let made = server.call_as(&holder, "POST", "/api/lists", json!({"name": "mine"})).await.expect(201);
    assert_eq!(made["created_by"], user);
    let path = format!("/api/lists/{}", made["id"]);
    server.call("PUT", &path, json!({"name": "mine", "security_key": "SECRET"})).await.expect(200);
    assert_eq!(server.call_as(&holder, "GET", &path, Value::Null).await.expect(200)["security_key"], "SECRET");
    server.call_as(&holder, "PUT", &path, json!({"name": "renamed"})).await.expect(200);
    assert_eq!(server.get(&path).await.expect(200)["security_key"], "SECRET", "it keeps its key");
}

#[tokio::test]
async fn a_token_with_keys_sees_what_they_open() {
    let server = Server::with_dialler().await;
    let ids = foreign(&server).await;
    let path = format!("/api/campaigns/{}", ids["campaigns"]);
    let token = async |name: &str, keys: &str| {
        let token = json!({"name": name, "scopes": ["admin"], "keys": keys});
        server.post("/api/tokens", token).await.expect(201)["token"].as_str().unwrap().to_owned()
    };
    let (holder, other) = (token("holder", "SECRET").await, token("other", "").await);
    server.call_as(&holder, "GET", &path, Value::Null).await.expect(200);
    assert_eq!(server.call_as(&other, "GET", &path, Value::Null).await.refused(404).0, "not_found");
    assert_eq!(server.call_as(&other, "GET", "/api/tokens", Value::Null).await.refused(403).0, "all_keys_needed");
    let live = server.call_as(&other, "GET", "/api/live", Value::Null).await;
    assert!(!live.text().contains(MARK), "{}", live.text());
    let live = server.call_as(&holder, "GET", "/api/live", Value::Null).await;
    assert!(live.text().contains(MARK), "{}", live.text());
}
