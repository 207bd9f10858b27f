use crate::testing::{PASSWORD, Server};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

#[tokio::test]
async fn the_first_user_is_made_with_an_admin_token_and_once() {
    let server = Server::start().await;
    let page = server.call_as("", "GET", "/api/sign-in", Value::Null).await.expect(200);
    assert_eq!((&page["setup_needed"], &page["product"]), (&json!(true), &json!("Carillon")));
    let set_up =
        |token: &str, login: &str| json!({"token": token, "login": login, "name": "Ana", "password": PASSWORD});
    let operate = server.token(&[store::TokenScope::Operate]).await;
    for token in ["", "cct_", &operate] {
        let refused = server.call_as("", "POST", "/api/setup", set_up(token, "ana")).await.refused(401);
        assert_eq!(refused, ("wrong_token".into(), "token".into()));
    }
    let weak = json!({"token": server.admin, "login": "ana", "password": "password"});
    assert_eq!(server.call_as("", "POST", "/api/setup", weak).await.refused(422).1, "password");
    let answer = server.call_as("", "POST", "/api/setup", set_up(&server.admin, "ana")).await;
    let cookie = answer.cookie();
    let session = answer.expect(201);
    assert_eq!((&session["role"], &session["all_keys"]), (&json!("admin"), &json!(true)));
    assert_eq!(server.call_as(&cookie, "GET", "/api/session", Value::Null).await.expect(200), session);
    let again = server.call_as("", "POST", "/api/setup", set_up(&server.admin, "eve")).await;
    assert_eq!(again.refused(409).0, "set_up");
    let page = server.call_as("", "GET", "/api/sign-in", Value::Null).await.expect(200);
    assert_eq!(page["setup_needed"], false);
}

#[tokio::test]
async fn a_session_opens_until_it_is_signed_out() {
    let server = Server::start().await;
    let first = server.person("ana", 2).await;
    server.call_as(&first, "GET", "/api/lists", Value::Null).await.expect(200);
    assert_eq!(server.call_as("", "GET", "/api/session", Value::Null).await.refused(401).0, "signed_out");
    assert_eq!(server.call("GET", "/api/session", Value::Null).await.refused(401).0, "signed_out", "a token is none");

    // The browser's old session ends with a new sign-in: an id that somebody planted opens nothing.
    let again = Request::post("/api/session")
        .header(header::COOKIE, format!("__Host-carillon={first}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({"login": "ANA", "password": PASSWORD}).to_string()));
    let second = server.send(again.unwrap()).await.cookie();
    assert_ne!(first, second);
    assert_eq!(server.call_as(&first, "GET", "/api/lists", Value::Null).await.refused(401).0, "signed_out");
    let gone = server.call_as(&second, "DELETE", "/api/session", Value::Null).await;
    assert!(gone.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    gone.expect(204);
    assert_eq!(server.call_as(&second, "GET", "/api/session", Value::Null).await.refused(401).0, "signed_out");
    for planted in ["ccs_", &format!("ccs_{}", "0".repeat(64)), &"ccs_".repeat(1_000)] {
        server.call_as(planted, "GET", "/api/lists", Value::Null).await.refused(401);
    }
}

#[tokio::test]
async fn nobody_can_tell_whether_a_login_exists() {
    let server = Server::start().await;
    server.person("ana", 2).await;
    let attempt = async |login: &str, password: &str| {
        let began = std::time::Instant::now();
        let answer = server.call_as("", "POST", "/api/session", json!({"login": login, "password": password})).await;
        (answer.status.as_u16(), answer.text(), began.elapsed())
    };
    let mut took = [Vec::new(), Vec::new()];
    for number in 0..5 {
        let (wrong, no_such) = (attempt("ana", "not the password").await, attempt("eve", "not the password").await);
        if number < 4 {
            assert_eq!((wrong.0, &wrong.1), (no_such.0, &no_such.1), "the words are the same");
            assert_eq!(wrong.0, 401);
            took[0].push(wrong.2);
            took[1].push(no_such.2);
        } else {
            assert_eq!((wrong.0, no_such.0), (423, 423));
        }
    }
    // The least that it takes, for the machine is busy with other things: the comparison is nearly all of it.
    let [known, unknown] = took.map(|times| times.into_iter().min().unwrap().as_secs_f64());
    assert!((0.25..4.0).contains(&(known / unknown)), "known {known} s, unknown {unknown} s");
    // The right one is not looked at either, and an administrator opens.
    let right = json!({"login": "ana", "password": PASSWORD});
    let locked = server.call_as("", "POST", "/api/session", right.clone()).await;
    assert!(locked.json()["error"]["locked_until"].is_string());
    assert_eq!(locked.refused(423).0, "locked");
    let users = server.get("/api/users?name=ana").await.expect(200);
    assert!(users["items"][0]["locked_until"].is_string());
    let path = format!("/api/users/{}/unlock", users["items"][0]["id"]);
    assert!(server.post(&path, Value::Null).await.expect(200)["locked_until"].is_null());
    server.call_as("", "POST", "/api/session", right).await.expect(200);
}

#[tokio::test]
async fn another_site_can_make_the_browser_change_nothing() {
    let server = Server::start().await;
    let cookie = server.person("boss", 1).await;
    let send = async |method: &str, path: &str, origin: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "dialler.example")
            .header(header::COOKIE, format!("__Host-carillon={cookie}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        server.send(request.body(Body::from(json!({"name": "people"}).to_string())).unwrap()).await
    };
    for origin in [None, Some("https://evil.example"), Some("null"), Some("https://dialler.example.evil.example")] {
        assert_eq!(send("POST", "/api/lists", origin).await.refused(403).0, "foreign_origin", "{origin:?}");
        assert_eq!(send("DELETE", "/api/session", origin).await.refused(403).0, "foreign_origin", "{origin:?}");
    }
    send("POST", "/api/lists", Some("https://dialler.example")).await.expect(201);
    send("GET", "/api/lists", None).await.expect(200);
    // Nor sign somebody in.
    let planted = Request::post("/api/session")
        .header(header::HOST, "dialler.example")
        .header(header::ORIGIN, "https://evil.example")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({"login": "boss", "password": PASSWORD}).to_string()));
    assert_eq!(server.send(planted.unwrap()).await.refused(403).0, "foreign_origin");
}

#[tokio::test]
async fn who_is_disabled_or_deleted_is_out_at_once_and_learns_it_only_with_the_password() {
    let server = Server::start().await;
    server.person("boss", 1).await;
    let ana = server.person("ana", 2).await;
    let id = server.get("/api/users?name=ana").await.expect(200)["items"][0]["id"].as_i64().unwrap();
    let path = format!("/api/users/{id}");
    let disabled = json!({"login": "ana", "class": 2, "enabled": false});
    assert_eq!(server.call("PUT", &path, disabled).await.expect(200)["enabled"], false);
    server.call_as(&ana, "GET", "/api/lists", Value::Null).await.refused(401);
    let sign_in = async |password: &str| {
        server.call_as("", "POST", "/api/session", json!({"login": "ana", "password": password})).await
    };
    assert_eq!(sign_in("not the password").await.refused(401).0, "wrong_sign_in");
    assert_eq!(sign_in(PASSWORD).await.refused(403).0, "disabled");
    server.call("PUT", &path, json!({"login": "ana", "class": 3})).await.expect(200);
    let ana = server.signed_in("ana").await;
    assert_eq!(server.call_as(&ana, "POST", "/api/lists", json!({"name": "x"})).await.refused(403).0, "forbidden");
    server.call("DELETE", &path, Value::Null).await.expect(204);
    server.call_as(&ana, "GET", "/api/lists", Value::Null).await.refused(401);
    assert_eq!(sign_in(PASSWORD).await.refused(401).0, "wrong_sign_in");
    let last = server.call("PUT", "/api/users/1", json!({"login": "boss", "class": 1, "enabled": false})).await;
    assert_eq!(last.refused(409).0, "last_administrator");
    let last = json!({"name": "Administrator", "role": "operate", "all_keys": true});
    assert_eq!(server.call("PUT", "/api/user-classes/1", last).await.refused(409).0, "last_administrator");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let server = Server::start().await;
    let (here, elsewhere) = (server.person("ana", 2).await, server.signed_in("ana").await);
    let change = async |current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        server.call_as(&here, "POST", "/api/session/password", body).await
    };
    assert_eq!(change("wrong", "another horse battery").await.refused(422).1, "current");
    assert_eq!(change(PASSWORD, "short").await.refused(422).1, "new");
    let changed = change(PASSWORD, "another horse battery").await;
    let fresh = changed.cookie();
    changed.expect(200);
    for gone in [&here, &elsewhere] {
        server.call_as(gone, "GET", "/api/session", Value::Null).await.refused(401);
    }
    server.call_as(&fresh, "GET", "/api/session", Value::Null).await.expect(200);
    let old = json!({"login": "ana", "password": PASSWORD});
    server.call_as("", "POST", "/api/session", old).await.refused(401);
}

#[tokio::test]
async fn the_page_says_why_a_browser_cannot_stay_signed_in() {
    let server = Server::start().await;
    let cookie = async |host: &str| {
        let request = Request::get("/api/sign-in").header(header::HOST, host).body(Body::empty()).unwrap();
        server.send(request).await.expect(200)["cookie"].clone()
    };
    assert_eq!(cookie("127.0.0.1:8080").await, json!({"possible": true, "why": null}));
    let far = cookie("10.0.0.7:8080").await;
    assert_eq!(far["possible"], false);
    assert!(far["why"].as_str().unwrap().contains("HTTPS"), "{far}");
}

#[tokio::test]
async fn no_password_is_ever_shown() {
    let server = Server::start().await;
    server.person("ana", 1).await;
    for path in ["/api/users", "/api/users/1", "/api/user-classes"] {
        let text = server.get(path).await.text();
        assert!(!text.contains("argon2") && !text.contains(PASSWORD) && !text.contains("password"), "{path}: {text}");
    }
}
