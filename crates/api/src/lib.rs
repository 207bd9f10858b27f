//! Carillon's own HTTP API, under `/api`.
//!
//! Conventions, kept by every noun:
//!
//! - `Authorization: Bearer cct_...` or the cookie of a session on every route but health and signing in; scopes
//!   read < operate < admin.
//! - Ids are numbers. Lists are pages: `?after=<id>&limit=<1..=1000>` in, `{"items": [...], "next": <id or null>}` out;
//!   nouns with names take `?name=` for the one of exactly this name.
//! - Whatever is refused is `{"error": {"code", "message", "field"?, "remedy"?}}`: 400 not readable, 401 no token,
//!   403 scope missing, 404, 405, 409 state does not allow it, 413, 415, 422 a value is wrong (`field` says which),
//!   503 dialler or database not available (with `Retry-After`).
//! - Instants are RFC 3339 in UTC; units are the last part of a name (`_ms`, `_s`).
//! - 201 with the thing when something was made, 200 with it when it was changed, 204 when it was deleted.
//!
//! The OpenAPI document is made from the same routes; `docs/openapi.json` is its copy, compared by a test.

pub mod about;
pub mod actions;
pub mod alerts;
pub mod attempts;
pub mod attributes;
pub mod audit;
pub mod auth;
pub mod browser;
pub mod calls;
pub mod campaign_rules;
pub mod campaigns;
pub mod checks;
pub mod clones;
pub mod contacts;
pub mod dialling;
mod document;
pub mod end_points;
pub mod error;
pub mod events;
mod export;
mod extract;
pub mod forecasts;
pub mod forget;
pub mod health;
pub mod history;
pub mod imports;
pub mod ledger;
pub mod letters;
pub mod limits;
pub mod list_export;
pub mod list_numbers;
pub mod list_of_attempts;
pub mod lists;
pub mod live;
mod locks;
pub mod metrics;
pub mod opening_hours;
pub mod pacing;
pub mod page;
pub mod pbxs;
pub mod reports;
pub mod reservations;
pub mod runs;
pub mod sign_in;
pub mod suppression_lists;
pub mod suppressions;
pub mod system_log;
pub mod test_calls;
pub mod tokens;
pub mod trunks;
pub mod user_classes;
pub mod users;
pub mod web;
pub mod webhooks;
pub mod why;
pub mod wombat;
pub mod words;

#[cfg(test)]
mod testing;

pub use browser::Browsers;
pub use document::{openapi, openapi_json};
pub use error::{ApiError, ErrorBody, ErrorDetail};
pub use imports::resume_imports;
pub use test_calls::resume_test_calls;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use domain::{ListId, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use std::any::Any;
use store::Store;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

/// All that the handlers need. A clone is cheap.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// The way to the running dialler; `None` while there is none: what needs it answers 503.
    pub node: Option<node::Handle>,
    /// IANA zone of campaigns that name none.
    pub zone: String,
    /// Renders what the process counted.
    pub metrics: PrometheusHandle,
    /// The imports in progress.
    pub imports: imports::Imports,
    /// The streams of events.
    pub events: events::Streams,
    /// The forecasts that are being made.
    pub forecasts: forecasts::Room,
    /// The live screens.
    pub screens: live::Screens,
    /// What `carillon doctor` does.
    pub checks: checks::Checks,
    /// Who is told of events over HTTP.
    pub webhooks: notify::Webhooks,
    /// Does what outcome rules ask for.
    pub rules: notify::Rules,
    /// When the process began.
    pub started_at: Timestamp,
    /// How browsers reach the server, and how long somebody stays signed in.
    pub browsers: Browsers,
    /// WombatDialer's API.
    pub wombat: wombat::Wombat,
}

impl App {
    /// Other lists are in force: what was counted with the old ones is counted again when somebody asks, and who was
    /// refused because of them is judged again.
    pub(crate) async fn suppressions_changed(&self) {
        if let Some(node) = &self.node {
            node.suppressions_changed().await;
        }
    }

    /// The dialler, or 503.
    fn node(&self) -> Result<&node::Handle, ApiError> {
        self.node.as_ref().ok_or_else(|| ApiError::unavailable("dialler_unavailable", "the dialler is not running"))
    }

    /// Tells the dialler. What was saved is saved: a dialler that does not answer reads it when it starts.
    async fn configuration_changed(&self) {
        if let Some(node) = &self.node
            && let Err(error) = node.configuration_changed().await
        {
            tracing::warn!(cause = %domain::Masked(&error), "the dialler did not take over a changed configuration");
        }
    }

    /// Tells the dialler.
    async fn contacts_added(&self, list: ListId, added: u64) {
        if let Some(node) = &self.node {
            node.contacts_added(list, added).await;
        }
    }
}

/// Every route with its document.
fn routes() -> OpenApiRouter<App> {
    document::router()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(pbxs::routes())
        .merge(trunks::routes())
        .merge(end_points::routes())
        .merge(opening_hours::routes())
        .merge(lists::routes())
        .merge(list_of_attempts::routes())
        .merge(list_export::routes())
        .merge(list_numbers::routes())
        .merge(clones::routes())
        .merge(contacts::routes())
        .merge(imports::routes())
        .merge(actions::routes())
        .merge(campaigns::routes())
        .merge(pacing::routes())
        .merge(forecasts::routes())
        .merge(calls::routes())
        .merge(runs::routes())
        .merge(live::routes())
        .merge(attempts::routes())
        .merge(reservations::routes())
        .merge(reports::routes())
        .merge(events::routes())
        .merge(webhooks::routes())
        .merge(dialling::routes())
        .merge(suppressions::routes())
        .merge(alerts::routes())
        .merge(ledger::routes())
        .merge(history::routes())
        .merge(letters::routes())
        .merge(suppression_lists::routes())
        .merge(forget::routes())
        .merge(why::routes())
        .merge(checks::routes())
        .merge(test_calls::routes())
        .merge(about::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(system_log::routes())
        .merge(sign_in::routes())
        .merge(users::routes())
        .merge(user_classes::routes())
        .merge(document::routes())
}

/// The service.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(elsewhere)
        .route_layer(middleware::from_fn(metrics::measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(extract::MAX_JSON_BYTES))
        .layer(middleware::map_response(never_cached))
        .with_state(app)
}

/// What is not under `/api`: WombatDialer's API, and for everything else the web app.
async fn elsewhere(State(app): State<App>, request: Request<axum::body::Body>) -> Response {
    let path = request.uri().path();
    match (app.wombat.room(path), app.wombat.page(path, request.method())) {
        (Some(room), _) => wombat::serve(&app, &room, request).await,
        (None, Some(page)) => page,
        (None, None) => web::serve(request).await,
    }
}

async fn method_not_allowed(request: Request<axum::body::Body>) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    let message = format!("{path} does not take {}", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format_args!("a handler panicked: {}", text.unwrap_or("no message"))).into_response()
}

/// Live figures and people's numbers belong in no cache.
async fn never_cached(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
