//! One delivery: a signed `POST`, as the Standard Webhooks specification has it, so that receivers find libraries for it.

use crate::form;
use crate::guard::Guard;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{ActionId, Invalid, Timestamp};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, redirect};
use std::time::{Duration, Instant};
use store::webhooks::Secrets;
use store::{Webhook, WebhookFormat};

/// How long a connection may take; the deadline of the webhook bounds the whole.
const CONNECT: Duration = Duration::from_secs(5);
/// The deadline of a request that an outcome rule asks for, milliseconds.
const ASK_MS: u32 = 10_000;
/// Connections kept per receiver.
const IDLE: usize = 8;
/// Stands before a key.
const KEY_PREFIX: &str = "whsec_";
/// Bytes of a key that is made here.
const KEY_BYTES: usize = 32;

/// Sends to receivers. A clone shares the connections.
#[derive(Debug, Clone)]
pub(crate) struct Poster {
    http: Client,
    guard: Guard,
    /// Part of every id: two installations may have one receiver.
    installation: String,
}

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// For people; holds nothing of what the receiver answered.
    pub(crate) why: String,
    /// When the receiver wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

/// What a receiver made of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whether it took it.
    pub taken: bool,
    /// Why not; empty when it did.
    pub why: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// A key for a webhook that brings none.
pub fn new_key() -> Vec<u8> {
    rand::random::<[u8; KEY_BYTES]>().to_vec()
}

/// The key as a text: `whsec_` and base64.
pub fn show_key(key: &[u8]) -> String {
    format!("{KEY_PREFIX}{}", STANDARD.encode(key))
}

/// The key of such a text.
pub fn read_key(text: &str) -> Result<Vec<u8>, Invalid> {
    let wrong = || Invalid::new("secret", "must be whsec_ and 24 to 64 bytes in base64");
    STANDARD.decode(text.trim().strip_prefix(KEY_PREFIX).ok_or_else(wrong)?).map_err(|_| wrong())
}

/// `v1,` and the base64 of HMAC-SHA256 over id, time and body.
fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

impl Poster {
    pub(crate) fn new(guard: Guard, installation: &str) -> reqwest::Result<Self> {
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(IDLE)
            .user_agent(concat!("carillon/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(std::sync::Arc::new(guard.clone()))
            .build()?;
        Ok(Self { http, guard, installation: installation.to_owned() })
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The same for an event at each of its deliveries.
    pub(crate) fn id(&self, seq: i64) -> String {
        format!("evt_{}_{seq}", self.installation)
    }

    /// Sends one event. It was taken when this is `Ok`, with this status; otherwise it may have been.
    pub(crate) async fn send(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
        id: &str,
        now: Timestamp,
        body: &str,
    ) -> Result<u16, Refused> {
        let refused = |why: String| Refused { why, retry_after: None };
        // An IP address in it does not pass through the resolver.
        let url = self.guard.parse(&webhook.url).map_err(|invalid| refused(invalid.to_string()))?;
        let seconds = now.0.div_euclid(1_000_000);
        let mut request = self
            .http
            .post(url)
            .timeout(Duration::from_millis(u64::from(webhook.timeout_ms)))
            .header(CONTENT_TYPE, content_type(webhook.format))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(&secrets.key, id, seconds, body));
        for (name, value) in &secrets.headers {
            request = request.header(name, value);
        }
        taken(request.body(body.to_owned()), webhook.timeout_ms).await
    }

    /// Asks an address once: a `GET` without a body, a `POST` with this one of this content type. The id is the same at every
    /// try. It was taken when this is `Ok`, with this status; otherwise it may have been.
    pub(crate) async fn ask(&self, url: &str, body: Option<(&str, String)>, id: &str) -> Result<u16, Refused> {
        let refused = |invalid: Invalid| Refused { why: invalid.problem, retry_after: None };
        let url = self.guard.parse(url).map_err(refused)?;
        let request = match body {
            None => self.http.get(url),
            Some((content_type, body)) => self.http.post(url).header(CONTENT_TYPE, content_type).body(body),
        };
        let deadline = Duration::from_millis(u64::from(ASK_MS));
        taken(request.timeout(deadline).header("idempotency-key", id), ASK_MS).await
    }

    /// The same for an action of an outcome rule at each of its tries.
    pub(crate) fn action_id(&self, action: ActionId) -> String {
        format!("act_{}_{action}", self.installation)
    }

    /// Sends something that did not happen: an attempt of nobody, where a form is wanted.
    pub(crate) async fn test(&self, webhook: &Webhook, secrets: &Secrets, now: Timestamp) -> Tested {
        let json = || {
            serde_json::json!({
                "seq": 0, "entity": "webhook", "entity_id": webhook.id, "entity_seq": 0, "kind": "webhook.tested",
                "version": 1, "at": now, "pbx_at": null, "actor": "", "cause": "", "campaign": webhook.campaign, "run": null,
                "contact": null, "data": { "name": webhook.name },
            })
        };
        let body = match webhook.format {
            WebhookFormat::Json => json().to_string(),
            WebhookFormat::Form => form::of_nobody(),
        };
        let began = Instant::now();
        let id = format!("tst_{}_{}", self.installation, now.0);
        let sent = self.send(webhook, secrets, &id, now, &body).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Tested { taken: sent.is_ok(), why: sent.err().map(|refused| refused.why).unwrap_or_default(), took_ms }
    }
}

/// Sends a request: the status with which it was taken.
async fn taken(request: RequestBuilder, timeout_ms: u32) -> Result<u16, Refused> {
    let sent = request.send().await;
    let response = sent.map_err(|error| Refused { why: words(&error, timeout_ms), retry_after: None })?;
    let status = response.status();
    if status.is_success() {
        return Ok(status.as_u16());
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    let note = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    let name = status.canonical_reason().map(|name| format!(" {name}")).unwrap_or_default();
    Err(Refused { why: format!("answered {}{name}{note}", status.as_u16()), retry_after })
}

fn content_type(format: WebhookFormat) -> &'static str {
    match format {
        WebhookFormat::Json => "application/json",
        WebhookFormat::Form => "application/x-www-form-urlencoded",
    }
}

/// What went wrong, without the address, which may hold a secret of the receiver's.
fn words(error: &reqwest::Error, timeout_ms: u32) -> String {
    if error.is_timeout() {
        return format!("did not answer within {timeout_ms} ms");
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let text: String = deepest.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    format!("could not be reached: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks specification's reference libraries.
        let key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_is_read_as_it_is_shown() {
        let key = new_key();
        assert_eq!(read_key(&show_key(&key)).unwrap(), key);
        assert_ne!(new_key(), key);
        for text in ["", "secret", "whsec_", "whsec_%%%"] {
            assert!(read_key(text).is_err() || text == "whsec_", "{text}");
        }
    }
}
