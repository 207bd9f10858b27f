//! The router with a real database in a scratch folder. Every JSON answer is compared with the OpenAPI document.

pub(crate) mod document;
mod journal;
mod rights;

use crate::App;
use crate::events::Streams;
use crate::imports::Imports;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use document::Document;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use store::{Feed, Scope, Settings, Store, TokenScope};
use tempfile::TempDir;
use tower::ServiceExt;

/// Largest answer of a test, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The password of every user of a test.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The API without a dialler behind it.
pub(crate) struct Server {
    pub(crate) app: App,
    /// A token with every scope.
    pub(crate) admin: String,
    router: Router,
    document: Document,
    stopper: Option<node::Stopper>,
    _folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    /// The body; `null` when it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.to_vec()).unwrap()
    }

    /// `code` of the envelope.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("no envelope: {}", self.text())).to_owned()
    }

    /// `field` of the envelope, empty when there is none.
    pub(crate) fn field(&self) -> String {
        self.json()["error"]["field"].as_str().unwrap_or_default().to_owned()
    }

    /// What the cookie that was set holds.
    #[track_caller]
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.headers.get(header::SET_COOKIE).unwrap_or_else(|| panic!("no cookie: {}", self.text()));
        let cookie = cookie.to_str().unwrap().strip_prefix("__Host-carillon=").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// The body, after comparing the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// `code` and `field` of the envelope, after comparing the status.
    #[track_caller]
    pub(crate) fn refused(self, status: u16) -> (String, String) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        (self.code(), self.field())
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = Settings {
            path: folder.path().join("carillon.db"),
            server: None,
            key_file: folder.path().join("key"),
            country: Some("IT".into()),
        };
        let store = Store::open(&settings).await.unwrap();
        let all = vec![TokenScope::Read, TokenScope::Operate, TokenScope::Admin];
        let (_, admin) = store.create_token(&Scope::installation(), "admin", all).await.unwrap();
        let feed = Feed::start(store.clone());
        let guard = notify::Guard::allowing(vec!["127.0.0.1".parse().unwrap()]);
        let webhooks = notify::Webhooks::start(store.clone(), feed.clone(), guard.clone()).await.unwrap();
        let rules = notify::Rules::start(store.clone(), None, guard).unwrap();
        let events = Streams::of(feed);
        let app = App {
            store,
            node: None,
            zone: "Europe/Rome".into(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            imports: Imports::default(),
            events,
            forecasts: crate::forecasts::Room::default(),
            screens: crate::live::Screens::start(None),
            checks: crate::checks::Checks::new(|| Box::pin(async { Vec::new() })),
            webhooks,
            rules,
            started_at: store::now(),
            browsers: crate::Browsers::default(),
            wombat: crate::wombat::Wombat::default(),
        };
        Self {
            router: crate::router(app.clone()),
            app,
            admin,
            document: Document::new(),
            stopper: None,
            _folder: folder,
        }
    }

    /// The same with the dialler running. No PBX answers it.
    pub(crate) async fn with_dialler() -> Self {
        let mut server = Self::start().await;
        let (handle, stopper) = node::start(server.app.store.clone(), node::Settings::default()).await.unwrap();
        server.app.node = Some(handle);
        server.router = crate::router(server.app.clone());
        server.stopper = Some(stopper);
        server
    }

    /// Stops the dialler and waits for it; the API goes on without it.
    pub(crate) async fn stop_dialler(&mut self) {
        self.stopper.take().expect("the dialler runs").stop().await;
    }

    /// A token with these scopes.
    pub(crate) async fn token(&self, scopes: &[TokenScope]) -> String {
        let name = format!("{scopes:?}");
        self.app.store.create_token(&Scope::installation(), &name, scopes.to_vec()).await.unwrap().1
    }

    /// Makes a user of this class (1: administrators, 2: operators, 3: viewers) and signs in: what the cookie holds.
    pub(crate) async fn person(&self, login: &str, class: i64) -> String {
        let user = json!({"login": login, "class": class, "password": PASSWORD});
        self.post("/api/users", user).await.expect(201);
        self.signed_in(login).await
    }

    /// Signs a user of [`Server::person`] in.
    pub(crate) async fn signed_in(&self, login: &str) -> String {
        let answer = self.call_as("", "POST", "/api/session", json!({"login": login, "password": PASSWORD})).await;
        answer.cookie()
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream goes on for ever.
        let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if is_stream { Body::empty() } else { body };
        let bytes = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await.unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, bytes };
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind == "application/json" {
            let checked = self.document.check_answer(method.as_str(), &path, answer.status.as_u16(), &answer.json());
            checked.unwrap_or_else(|problem| panic!("{method} {path} {}: {problem}\n{}", answer.status, answer.text()));
        }
        answer
    }

    /// Sends JSON (`null`: no body) with a token or a session (empty: none).
    pub(crate) async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if token.starts_with("ccs_") {
            let cookie = format!("__Host-carillon={token}");
            request = request.header(header::COOKIE, cookie).header(header::HOST, "localhost:8080");
            request = request.header(header::ORIGIN, "http://localhost:8080");
        } else if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Sends JSON with every scope.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_as(&self.admin, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    /// A page of events: asks for JSON and nothing else.
    pub(crate) async fn page(&self, path: &str) -> Answer {
        self.send(self.asking(path).header(header::ACCEPT, "application/json").body(Body::empty()).unwrap()).await
    }

    /// An answer that is read as it comes, for one who has read up to `last`.
    pub(crate) async fn stream(&self, path: &str, last: Option<i64>) -> Response<Body> {
        let mut request = self.asking(path).header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// The same with a header that is no number.
    pub(crate) async fn stream_raw(&self, path: &str, last: &str) -> Answer {
        self.send(self.asking(path).header("last-event-id", last).body(Body::empty()).unwrap()).await
    }

    fn asking(&self, path: &str) -> axum::http::request::Builder {
        Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", self.admin))
    }

    /// Changes the times of the streams.
    pub(crate) fn hurry(&mut self, change: impl FnOnce(&mut Streams)) {
        change(&mut self.app.events);
        self.router = crate::router(self.app.clone());
    }

    /// Configures WombatDialer's API.
    pub(crate) fn wombat(&mut self, wombat: crate::wombat::Wombat) {
        self.app.wombat = wombat;
        self.router = crate::router(self.app.clone());
    }

    /// Refuses a value that is not the component `name` of the document.
    pub(crate) fn check_component(&self, name: &str, value: &Value) {
        self.document.check_component(name, value).unwrap_or_else(|problem| panic!("{problem}: {value}"));
    }

    /// Sends a file with every scope.
    pub(crate) async fn upload(&self, path: &str, file: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.admin))
            .header(header::CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(file.into()).unwrap()).await
    }

    /// A PBX, a trunk, an end point and a list; their ids in this order.
    pub(crate) async fn furnish(&self) -> [i64; 4] {
        let id = |value: Value| value["id"].as_i64().unwrap();
        let pbx = json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "s3cret"});
        let pbx = id(self.post("/api/pbxs", pbx).await.expect(201));
        let trunk = json!({"pbx": pbx, "name": "carrier", "dial_string": "PJSIP/${num}@carrier", "capacity": 30});
        let trunk = id(self.post("/api/trunks", trunk).await.expect(201));
        let end_point =
            json!({"pbx": pbx, "name": "message", "context": "carillon", "extension": "100", "max_channels": 30});
        let end_point = id(self.post("/api/end-points", end_point).await.expect(201));
        let list = id(self.post("/api/lists", json!({"name": "people"})).await.expect(201));
        [pbx, trunk, end_point, list]
    }
}
