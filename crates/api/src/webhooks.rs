//! `/api/webhooks`: who is told of events over HTTP.

use crate::App;
use crate::auth::{Admin, Caller, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{NamedQuery, Page, PageQuery, limit};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{CampaignId, Invalid, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::webhooks::{Dead, Secrets};
use store::{TokenScope, WebhookFormat, WebhookRecord};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who is told of events. The secret and the values of the headers are never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    pub id: i64,
    /// Unique.
    #[schema(example = "crm")]
    pub name: String,
    /// Where events are posted; whoever may not change it sees the host only, because the rest may hold a secret.
    #[schema(example = "https://crm.example.com/carillon")]
    pub url: String,
    /// How they are written.
    #[schema(value_type = words::WebhookFormat)]
    pub format: WebhookFormat,
    /// Of this campaign only.
    pub campaign: Option<i64>,
    /// Of these kinds only; empty: every kind.
    #[schema(example = json!(["attempt.ended"]))]
    pub kinds: Vec<String>,
    /// Whether it is told at all. One that is not keeps its place.
    pub enabled: bool,
    /// How long a receiver may take, milliseconds.
    pub timeout_ms: u32,
    /// How often an event is tried that the receiver refuses while it takes others.
    pub max_tries: u32,
    /// Names of the headers that are sent with every event.
    pub headers: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Events up to this one are not its work.
    pub since: i64,
    /// Events up to this one were taken, are not for it, wait for another try, or were given up.
    pub place: i64,
    /// Events of the log behind its place, wanted or not.
    pub behind: u64,
    /// Deliveries that were taken.
    pub delivered: u64,
    /// The last one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_delivered_at: Option<Timestamp>,
    /// Why the last one that failed did; empty: none did.
    pub last_error: String,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    /// Contacts, runs and others that wait behind an event that was not taken.
    pub waiting: u64,
    /// Events that were given up.
    pub dead: u64,
    /// The key of its signatures: only in the answer that makes it, and only when Carillon chose it.
    pub secret: Option<String>,
}

/// The host of an address without what may hold a secret: path and query.
fn host_only(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].find(['/', '?']) {
        Some(at) if url[begin + at..].len() > 1 => format!("{}/***", &url[..begin + at]),
        _ => url.to_owned(),
    }
}

impl Webhook {
    fn shown_to(caller: &Caller, record: WebhookRecord) -> Self {
        let webhook = Self::from(record);
        let url = if caller.scopes.contains(&TokenScope::Admin) { webhook.url } else { host_only(&webhook.url) };
        Self { url, ..webhook }
    }
}

impl From<WebhookRecord> for Webhook {
    fn from(record: WebhookRecord) -> Self {
        let webhook = record.webhook;
        Self {
            id: webhook.id.0,
            name: webhook.name,
            url: webhook.url,
            format: webhook.format,
            campaign: webhook.campaign.map(|id| id.0),
            kinds: webhook.kinds,
            enabled: webhook.enabled,
            timeout_ms: webhook.timeout_ms,
            max_tries: webhook.max_tries,
            headers: record.header_names,
            created_at: record.created_at,
            since: record.since,
            place: record.place,
            behind: record.behind,
            delivered: record.delivered,
            last_delivered_at: record.last_delivered_at,
            last_error: record.last_error,
            last_error_at: record.last_error_at,
            waiting: record.lanes,
            dead: record.dead,
            secret: None,
        }
    }
}

/// A webhook as it is made or replaced.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookInput {
    /// Unique, 1..=60 characters.
    #[schema(example = "crm")]
    pub name: String,
    /// Where events are posted: https or http. Addresses that are not on the internet are refused, unless
    /// `webhooks.allow` in carillon.toml names them.
    #[schema(example = "https://crm.example.com/carillon")]
    pub url: String,
    /// `JSON`: the event as it is in the log, without a number. `FORM`: an ended attempt as the form that WombatDialer posts,
    /// with number, state and attributes; `kinds` is `attempt.ended` then, and need not be given.
    #[serde(default)]
    #[schema(value_type = words::WebhookFormat, required = false)]
    pub format: WebhookFormat,
    /// Of this campaign only.
    #[serde(default)]
    pub campaign: Option<i64>,
    /// Of these kinds only; `leg.*` is every kind that begins so. Empty: every kind.
    #[serde(default)]
    #[schema(example = json!(["attempt.ended"]))]
    pub kinds: Vec<String>,
    /// Whether it is told at all.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// How long a receiver may take, `100..=30000` milliseconds.
    #[serde(default = "default_timeout_ms")]
    #[schema(default = 10_000)]
    pub timeout_ms: u32,
    /// How often an event is tried that the receiver refuses while it takes others, `1..=50`: 20 tries take some nine hours.
    #[serde(default = "default_max_tries")]
    #[schema(default = 20)]
    pub max_tries: u32,
    /// The key of the signatures: `whsec_` and 24 to 64 bytes in base64. Write-only, encrypted at rest. Without it a new
    /// webhook gets one, which only that answer shows, and a replaced one keeps what it has.
    #[serde(default)]
    #[schema(write_only)]
    pub secret: Option<String>,
    /// Headers to send with every event, e.g. `Authorization`. Write-only, encrypted at rest. Without them a replaced webhook
    /// keeps those it has.
    #[serde(default)]
    #[schema(write_only)]
    pub headers: Option<BTreeMap<String, String>>,
}

fn yes() -> bool {
    true
}
fn default_timeout_ms() -> u32 {
    10_000
}
fn default_max_tries() -> u32 {
    20
}

/// A webhook with its key and its headers, as they were given.
type Checked = (store::Webhook, Option<Vec<u8>>, Option<Vec<(String, String)>>);

impl WebhookInput {
    async fn checked(self, id: i64, app: &App) -> Result<Checked, ApiError> {
        let Self { name, url, format, campaign, mut kinds, enabled, timeout_ms, max_tries, secret, headers } = self;
        if format == WebhookFormat::Form && kinds.is_empty() {
            kinds.push(store::webhooks::FORM_KIND.to_owned());
        }
        let (id, campaign) = (WebhookId(id), campaign.map(CampaignId));
        let webhook = store::Webhook { id, name, url, format, campaign, kinds, enabled, timeout_ms, max_tries };
        webhook.check()?;
        app.webhooks.guard().check(&webhook.url).await?;
        let key = secret.as_deref().map(notify::read_key).transpose()?;
        Ok((webhook, key, headers.map(|headers| headers.into_iter().collect())))
    }
}

/// What to deliver once more: one of the two.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayInput {
    /// Everything behind this event; 0: from the oldest that is kept.
    pub after: Option<i64>,
    /// What was given up.
    pub dead: bool,
}

/// What a receiver made of an event that did not happen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookTest {
    /// Whether it took it.
    pub taken: bool,
    /// Why not; empty when it did.
    pub why: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// An event that was given up.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadEvent {
    /// Which event.
    pub seq: i64,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was not taken.
    pub error: String,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it is to be tried once more.
    pub again: bool,
}

impl From<Dead> for DeadEvent {
    fn from(dead: Dead) -> Self {
        let Dead { seq, tries, error, at, again } = dead;
        Self { seq, tries, error, at, again }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(get_webhook, replace_webhook, delete_webhook))
        .routes(routes!(test_webhook))
        .routes(routes!(replay_webhook))
        .routes(routes!(list_dead_events))
}

/// Every webhook, and how each does.
#[utoipa::path(get, path = "/api/webhooks", tag = "webhooks", params(NamedQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of webhooks", body = Page<Webhook>)))]
async fn list_webhooks(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<Webhook>>, ApiError> {
    caller.sees_everything()?;
    let all = app.store.webhooks(&caller.scope).await?.into_iter();
    let all = all.map(|record| Webhook::shown_to(&caller, record)).collect();
    Ok(axum::Json(Page::cut(all, &query, |webhook| webhook.id, |webhook| &webhook.name)?))
}

/// Adds a webhook; it is told of what happens from now on.
#[utoipa::path(post, path = "/api/webhooks", tag = "webhooks", request_body = WebhookInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = Webhook)))]
pub(crate) async fn create_webhook(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<WebhookInput>,
) -> Result<(StatusCode, axum::Json<Webhook>), ApiError> {
    caller.sees_everything()?;
    let (webhook, given, headers) = input.checked(0, &app).await?;
    let key = given.clone().unwrap_or_else(notify::new_key);
    let secrets = Secrets { key, headers: headers.unwrap_or_default() };
    let record = app.store.create_webhook(&caller.scope, &webhook, &secrets).await?;
    app.webhooks.put_to_work(record.webhook.id).await;
    let secret = given.is_none().then(|| notify::show_key(&secrets.key));
    Ok((StatusCode::CREATED, axum::Json(Webhook { secret, ..record.into() })))
}

/// One webhook.
#[utoipa::path(get, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the webhook", body = Webhook)))]
async fn get_webhook(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Webhook>, ApiError> {
    caller.sees_everything()?;
    let record = app.store.webhook(&caller.scope, WebhookId(id)).await?;
    Ok(axum::Json(Webhook::shown_to(&caller, record)))
}

/// Replaces a webhook; fields that are not given take their defaults, secret and headers stay. It goes on where it was.
#[utoipa::path(put, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = i64, Path)),
    request_body = WebhookInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the webhook as it is now", body = Webhook)))]
pub(crate) async fn replace_webhook(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<WebhookInput>,
) -> Result<axum::Json<Webhook>, ApiError> {
    caller.sees_everything()?;
    let (webhook, key, headers) = input.checked(id, &app).await?;
    let change = app.store.update_webhook(&caller.scope, &webhook, key.as_deref(), headers.as_deref());
    Ok(axum::Json(app.webhooks.change(WebhookId(id), change).await?.into()))
}

/// Deletes a webhook with what it has not delivered.
#[utoipa::path(delete, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_webhook(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    app.webhooks.change(WebhookId(id), app.store.delete_webhook(&caller.scope, WebhookId(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends an event of the kind `webhook.tested`, once, and says what the receiver made of it.
#[utoipa::path(post, path = "/api/webhooks/{id}/test", tag = "webhooks", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 200, description = "the result", body = WebhookTest)))]
async fn test_webhook(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<WebhookTest>, ApiError> {
    caller.sees_everything()?;
    let record = app.store.webhook(&caller.scope, WebhookId(id)).await?;
    let notify::Tested { taken, why, took_ms } = app.webhooks.test(&record).await?;
    Ok(axum::Json(WebhookTest { taken, why, took_ms }))
}

/// Delivers once more, under the same ids: everything behind an event, or what was given up.
#[utoipa::path(post, path = "/api/webhooks/{id}/replay", tag = "webhooks", params(("id" = i64, Path)),
    request_body = ReplayInput, security(("token" = ["operate"])),
    responses((status = 200, description = "the webhook as it is now", body = Webhook)))]
async fn replay_webhook(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<ReplayInput>,
) -> Result<axum::Json<Webhook>, ApiError> {
    caller.sees_everything()?;
    let (id, scope) = (WebhookId(id), &caller.scope);
    let record = match (input.after, input.dead) {
        (Some(after), false) => app.webhooks.change(id, app.store.replay_webhook(scope, id, after)).await?,
        (None, true) => app.webhooks.change(id, app.store.replay_dead(scope, id)).await?,
        _ => return Err(Invalid::new("after", "or dead: one of the two must be given").into()),
    };
    Ok(axum::Json(Webhook::shown_to(&caller, record)))
}

/// Events that a webhook did not take and that are not tried any more; the newest 1000 are kept.
#[utoipa::path(get, path = "/api/webhooks/{id}/dead", tag = "webhooks", params(("id" = i64, Path), PageQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of events", body = Page<DeadEvent>)))]
async fn list_dead_events(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<DeadEvent>>, ApiError> {
    caller.sees_everything()?;
    let (id, limit) = (WebhookId(id), limit(query.limit)?);
    app.store.webhook(&caller.scope, id).await?; // in the scope
    let dead = app.store.webhook_dead(&caller.scope, id, query.after.unwrap_or(0), limit).await?;
    let dead = dead.into_iter().map(DeadEvent::from).collect();
    Ok(axum::Json(Page::read(dead, limit, |dead: &DeadEvent| dead.seq)))
}

#[cfg(test)]
mod tests {
    use super::{TokenScope, host_only};
    use crate::testing::Server;
    use serde_json::{Value, json};

    fn crm() -> Value {
        json!({"name": "crm", "url": "http://127.0.0.1:9/hook?key=1", "kinds": ["dialling.*"], "headers": {"X-Key": "s3cret"}})
    }

    #[tokio::test]
    async fn a_webhook_is_made_changed_listed_and_deleted_and_keeps_its_secrets() {
        let server = Server::start().await;
        let made = server.post("/api/webhooks", crm()).await.expect(201);
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_"), "{made}");
        assert_eq!(
            [&made["headers"], &made["timeout_ms"], &made["max_tries"]],
            [&json!(["X-Key"]), &json!(10_000), &json!(20)]
        );
        let path = format!("/api/webhooks/{}", made["id"]);
        let changed = json!({"name": "crm", "url": "http://127.0.0.1:9/", "enabled": false, "secret": secret});
        let changed = server.call("PUT", &path, changed).await.expect(200);
        assert_eq!((&changed["headers"], &changed["secret"]), (&json!(["X-Key"]), &Value::Null));
        assert_eq!(server.get(&path).await.expect(200), changed);
        let page = server.get("/api/webhooks?name=crm").await;
        assert!(!page.text().contains("s3cret") && !page.text().contains(&secret), "{}", page.text());
        assert_eq!(server.get(&format!("{path}/dead")).await.expect(200), json!({"items": [], "next": null}));
        server.call("DELETE", &path, Value::Null).await.expect(204);
        server.get(&path).await.refused(404);
    }

    #[tokio::test]
    async fn an_address_is_shown_whole_only_to_whoever_may_change_it() {
        let server = Server::start().await;
        let path = format!("/api/webhooks/{}", server.post("/api/webhooks", crm()).await.expect(201)["id"]);
        assert_eq!(server.get(&path).await.expect(200)["url"], "http://127.0.0.1:9/hook?key=1");
        let (read, operate) = (server.token(&[TokenScope::Read]).await, server.token(&[TokenScope::Operate]).await);
        for token in [&read, &operate] {
            for path in [path.as_str(), "/api/webhooks"] {
                let text = server.call_as(token, "GET", path, Value::Null).await.text();
                assert!(text.contains("\"http://127.0.0.1:9/***\"") && !text.contains("key="), "{text}");
            }
        }
        let replay = server.call_as(&operate, "POST", &format!("{path}/replay"), json!({"dead": true})).await;
        assert_eq!(replay.expect(200)["url"], "http://127.0.0.1:9/***");
        for (url, shown) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example/", "https://a.example/"),
            ("https://a.example?k=1", "https://a.example/***"),
            ("https://a.example:8443/T0/B1/x", "https://a.example:8443/***"),
        ] {
            assert_eq!(host_only(url), shown);
        }
    }

    #[tokio::test]
    async fn what_a_webhook_cannot_be_is_refused_by_field() {
        let server = Server::start().await;
        let cases = [
            ("url", json!("http://10.0.0.1/")),
            ("url", json!("http://[::1]/")),
            ("url", json!("gopher://crm.example/")),
            ("kinds", json!(["leg"])),
            ("timeout_ms", json!(1)),
            ("campaign", json!(77)),
            ("secret", json!("short")),
            ("name", json!("")),
        ];
        for (field, value) in cases {
            let mut webhook = crm();
            webhook[field] = value.clone();
            let refused = server.post("/api/webhooks", webhook).await.refused(422);
            assert_eq!(refused, ("invalid".into(), field.into()), "{value}");
        }
        let mut webhook = crm();
        webhook["headers"] = json!({"Host": "evil"});
        assert_eq!(server.post("/api/webhooks", webhook).await.refused(422).1, "headers[0]");
    }

    #[tokio::test]
    async fn a_test_says_what_the_receiver_made_of_it_and_a_replay_names_one_thing() {
        let server = Server::start().await;
        let path = format!("/api/webhooks/{}", server.post("/api/webhooks", crm()).await.expect(201)["id"]);
        let tested = server.post(&format!("{path}/test"), Value::Null).await.expect(200);
        assert_eq!(tested["taken"], false);
        assert!(tested["why"].as_str().unwrap().contains("could not be reached"), "{tested}");
        let replay = format!("{path}/replay");
        for body in [json!({}), json!({"after": 0, "dead": true}), json!({"after": 99})] {
            assert_eq!(server.post(&replay, body).await.refused(422).1, "after");
        }
        assert_eq!(server.post(&replay, json!({"after": 0})).await.expect(200)["place"], 0);
        server.post(&replay, json!({"dead": true})).await.expect(200);
        assert_eq!(server.post("/api/webhooks/77/replay", json!({"dead": true})).await.refused(404).0, "not_found");
    }
}
