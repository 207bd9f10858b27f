//! Questions to a PBX over HTTP, one at a time: the application's websocket belongs to the server.

use crate::failure::chain;
use domain::Pbx;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// For each question.
const DEADLINE: Duration = Duration::from_secs(5);
/// A larger answer is not read, bytes. Some 300 modules are 40 KB.
const ANSWER_BYTES_MAX: u64 = 4_000_000;

/// Asks one PBX.
pub(super) struct Ari<'a> {
    client: Client,
    pbx: &'a Pbx,
    password: &'a str,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Null when there was no JSON.
    pub(super) body: Value,
}

impl Answer {
    /// The body of a success.
    pub(super) fn done(&self) -> Option<&Value> {
        (self.status == 200).then_some(&self.body)
    }
}

impl<'a> Ari<'a> {
    pub(super) fn new(pbx: &'a Pbx, password: &'a str) -> Result<Self, String> {
        let client = Client::builder().timeout(DEADLINE).no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Self { client: client.build().map_err(|error| chain(&error))?, pbx, password })
    }

    /// `GET /ari/<path>`.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Answer, String> {
        self.ask(Method::GET, path).await
    }

    /// Hangs up a channel that does not exist: 404 tells that we might, 403 that we may only read.
    pub(super) async fn hang_up_nothing(&self) -> Result<Answer, String> {
        self.ask(Method::DELETE, &["channels", "carillon-doctor-no-such-channel"]).await
    }

    async fn ask(&self, method: Method, path: &[&str]) -> Result<Answer, String> {
        let Pbx { host, port, username, .. } = self.pbx;
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() };
        let mut url = reqwest::Url::parse(&format!("http://{host}:{port}/ari")).map_err(|error| error.to_string())?;
        url.path_segments_mut().map_err(|()| "its address makes no URL".to_owned())?.extend(path);
        let request = self.client.request(method, url).basic_auth(username, Some(self.password));
        // The address is known; the cause is what matters.
        let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = answer.status();
        if answer.content_length().is_some_and(|length| length > ANSWER_BYTES_MAX) {
            return Err(format!("its answer is larger than {ANSWER_BYTES_MAX} bytes"));
        }
        let body = answer.text().await.map_err(|error| chain(&error.without_url()))?;
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        if status == StatusCode::OK && body.is_null() {
            return Err("it answers without JSON: is this the bindport of http.conf?".into());
        }
        Ok(Answer { status: status.as_u16(), body })
    }
}
