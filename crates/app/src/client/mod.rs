//! Speaks to a running server. Every request has a deadline; nothing is repeated by itself.

mod names;
mod session;
mod stream;

pub(crate) use names::Noun;
pub(crate) use session::{Session, Target};
pub(crate) use stream::EventStream;

use crate::failure::{Failure, chain};
use reqwest::{Body, Method, Response, Url};
use serde_json::Value;
use std::time::Duration;

/// Deadline of a request with a small body.
const DEADLINE: Duration = Duration::from_secs(10);
/// A larger answer is cut off and refused, bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Things asked for per page.
pub(crate) const PAGE: u32 = 1_000;
/// Pages read for one list, at most.
const MAX_PAGES: u32 = 100;

/// The API of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Ends in a slash.
    base: Url,
    token: Option<String>,
}

/// A success.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// As the server sent it.
    pub(crate) text: String,
    /// The same, parsed; null when the body is empty or no JSON.
    pub(crate) value: Value,
}

impl Client {
    /// `server` is `http://host:port` or `https://...`. `roots` are further certificate authorities, PEM.
    pub(crate) fn new(server: &str, token: Option<String>, roots: Option<&[u8]>) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::config(format!("server {server:?}: {why}"))
                .remedy("give --server http://127.0.0.1:8080 or the like")
        };
        let mut base = Url::parse(server).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong("is no http:// or https:// address"));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut http =
            reqwest::Client::builder().connect_timeout(DEADLINE).redirect(reqwest::redirect::Policy::none()).no_proxy();
        for root in roots.map_or(Ok(Vec::new()), reqwest::Certificate::from_pem_bundle).map_err(|error| {
            Failure::config(format!("the certificates cannot be read: {}", chain(&error)))
                .remedy("--ca-file must be a PEM file of certificate authorities")
        })? {
            http = http.add_root_certificate(root);
        }
        let http = http.build().map_err(|error| Failure::config(chain(&error)).remedy("check --ca-file"))?;
        Ok(Self { http, base, token })
    }

    /// `GET` of a path below the server's address, e.g. `api/pbxs`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.find(path, &[]).await
    }

    /// `GET` with a query.
    pub(crate) async fn find(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.exchange(Method::GET, path, query, None, DEADLINE).await
    }

    /// `POST` of JSON; `None` sends no body.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        self.exchange(Method::POST, path, &[], body.map(json), DEADLINE).await
    }

    /// `POST` of a form, to the part of the API that takes those.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
        let encoded = Url::parse_with_params("http://form", fields).map_err(Failure::refused)?;
        let body = Body::from(encoded.query().unwrap_or_default().to_owned());
        self.exchange(Method::POST, path, &[], Some(("application/x-www-form-urlencoded", body)), DEADLINE).await
    }

    /// `PUT` of JSON.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.exchange(Method::PUT, path, &[], Some(json(body)), DEADLINE).await
    }

    /// `PATCH` with the fields that change.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.exchange(Method::PATCH, path, &[], Some(json(body)), DEADLINE).await
    }

    /// `DELETE`.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.exchange(Method::DELETE, path, &[], None, DEADLINE).await
    }

    /// `POST` of bytes as they come; `deadline` bounds the whole upload.
    pub(crate) async fn upload(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: Body,
        deadline: Duration,
    ) -> Result<Answer, Failure> {
        let body = ("application/octet-stream", body);
        self.exchange(Method::POST, path, query, Some(body), deadline).await
    }

    /// The items of all pages.
    pub(crate) async fn all(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut after = None::<i64>;
        for _ in 0..MAX_PAGES {
            let (limit, from) = (PAGE.to_string(), after.unwrap_or(0).to_string());
            let paged = [query, &[("limit", &limit), ("after", &from)]].concat();
            let mut page = self.find(path, &paged).await?.value;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            after = page["next"].as_i64();
            if after.is_none() {
                break;
            }
        }
        Ok(items)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&'static str, Body)>,
        deadline: Duration,
    ) -> Result<Answer, Failure> {
        let mut request = self.request(method, path, query, "application/json")?.timeout(deadline);
        if let Some((kind, body)) = body {
            request = request.header(reqwest::header::CONTENT_TYPE, kind).body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// `GET` of what comes bit by bit; `deadline` bounds the way to its first byte.
    async fn stream(
        &self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
        deadline: Duration,
    ) -> Result<Response, Failure> {
        self.begin(self.request(Method::GET, path, query, accept)?, deadline).await
    }

    /// The same, of a `POST` of JSON.
    async fn post_stream(
        &self,
        path: &str,
        body: &Value,
        accept: &str,
        deadline: Duration,
    ) -> Result<Response, Failure> {
        let (kind, body) = json(body);
        let request = self.request(Method::POST, path, &[], accept)?;
        self.begin(request.header(reqwest::header::CONTENT_TYPE, kind).body(body), deadline).await
    }

    async fn begin(&self, request: reqwest::RequestBuilder, deadline: Duration) -> Result<Response, Failure> {
        let sent = request.send();
        let response = tokio::time::timeout(deadline, sent).await;
        let silent = |_| Failure::unreachable(format!("{} does not answer", self.base)).remedy("try again");
        let response = response.map_err(silent)?.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refused = tokio::time::timeout(DEADLINE, self.read(response)).await.map_err(silent)?;
        Err(refused.err().unwrap_or_else(|| Failure::answer("stream")))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
    ) -> Result<reqwest::RequestBuilder, Failure> {
        let mut url = self.base.join(path).map_err(Failure::refused)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).header(reqwest::header::ACCEPT, accept);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Failure> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Err(Failure::refused(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"))
                    .remedy("ask for less, e.g. with --limit"));
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() { Ok(Answer { text, value }) } else { Err(self.refusal(status.as_u16(), &value)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let server = self.base.as_str().trim_end_matches('/');
        let why = match error {
            error if error.is_timeout() => "no answer in time".to_owned(),
            error => deepest(error),
        };
        let remedy = if why.contains("certificate") {
            "name the authority that signed its certificate with --ca-file FILE"
        } else {
            "start it with: carillon serve, or name another with --server"
        };
        Failure::unreachable(format!("cannot reach the server at {server}: {why}")).remedy(remedy)
    }

    /// The server's envelope as a failure; its remedy, or ours by code.
    fn refusal(&self, status: u16, body: &Value) -> Failure {
        let error = &body["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        let Some(message) = error["message"].as_str() else {
            let server = self.base.as_str().trim_end_matches('/');
            return Failure::refused(format!("{server} answered {status} and not as Carillon does"))
                .remedy("is this the address of a Carillon server?");
        };
        let remedy = match (text("remedy"), text("code")) {
            ("", "unauthorized") => "give a token with --token-file FILE or CARILLON_TOKEN",
            ("", "last_administrator") => "give another user a class with role admin and all keys first",
            ("", "forbidden") => "use a token with that scope: carillon token list",
            ("", "name_taken") => "choose another name, or change the one that exists with the verb set",
            ("", "in_use") => "remove what uses it first, or hide it",
            ("", "conflict") => "carillon run list --open and carillon live show what is going on",
            ("", "not_found") => "the verb list shows what exists",
            ("", _) if status >= 500 => "the server's log says more; carillon live shows what it can do",
            ("", _) => "--help shows what is expected",
            (remedy, _) => remedy,
        };
        Failure::refused(message).remedy(remedy)
    }
}

fn json(body: &Value) -> (&'static str, Body) {
    ("application/json", Body::from(body.to_string()))
}

/// The deepest reason, e.g. `Connection refused (os error 111)`, without the address that the caller names itself.
fn deepest(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn client() -> Client {
        Client::new("http://127.0.0.1:1", None, None).unwrap()
    }

    #[test]
    fn a_refusal_of_the_server_carries_its_remedy_or_ours() {
        let body = json!({"error": {"code": "name_taken", "message": "trunk \"a\" exists already"}});
        let failure = client().refusal(409, &body);
        assert_eq!(failure.message, "trunk \"a\" exists already");
        assert!(failure.remedy.contains("another name"));
        let body = json!({"error": {"code": "x", "message": "m", "remedy": "do this"}});
        assert_eq!(client().refusal(422, &body).remedy, "do this");
        assert!(client().refusal(502, &Value::Null).message.contains("answered 502"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let failure = client().get("api/pbxs").await.unwrap_err();
        assert_eq!(failure.exit, 3);
        assert!(failure.message.starts_with("cannot reach the server at http://127.0.0.1:1: "), "{failure}");
        assert!(failure.message.to_lowercase().contains("refused"), "{failure}");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for server in ["", "127.0.0.1:8080", "ftp://x", "http://"] {
            assert_eq!(Client::new(server, None, None).unwrap_err().exit, 2, "{server}");
        }
    }
}
