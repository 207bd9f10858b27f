//! Who may use WombatDialer's API: a token, a user with a password, or an address.
//!
//! WombatDialer leaves its control API open to everybody who reaches it. Here nobody enters before somebody said who may.

use super::parameters::Parameters;
use super::reply::{Reply, error_line};
use crate::App;
use crate::auth::{Caller, lacks, scope, token_holder, unauthorized, up_to};
use crate::browser::check_origin_if_any;
use crate::error::ApiError;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use store::{Actor, BasicLogin, TokenScope, now};

/// Headers that a proxy adds: who connects then is not who asks.
const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// WombatDialer has two APIs under one roof: one that scripts and dialplans drive with plain text, and one of JSON for
/// which it wants a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// `calls`, `campaigns`, `lists`, ...
    Control,
    /// `edit`, `live`, `reports`, `engine`, ...
    Configuration,
}

/// Nobody who may enter.
pub(super) struct Refused {
    error: ApiError,
    /// Whether a user's login and password would help.
    basic: bool,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Reply::Plain(self.error.status(), error_line(&self.error)).into_response();
        if self.basic {
            let challenge = HeaderValue::from_static("Basic realm=\"Carillon\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Who asks. A token wins over a password, a password over an address; where users are configured, the configuration half
/// asks for one from every address.
pub(super) async fn enter(app: &App, parts: &Parts, query: &Parameters, half: Half) -> Result<Caller, Refused> {
    let settings = &app.wombat.settings;
    let refused = |error: ApiError, basic| Refused { error, basic: basic && settings.basic_users };
    let wrong = |why: &str| refused(unauthorized(why), false);
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = authorization.and_then(|text| text.trim().split_once(' ')).unwrap_or_default();
    let token = if scheme.eq_ignore_ascii_case("bearer") { Some(secret) } else { query.get("token") };
    if let Some(token) = token {
        let caller = token_holder(token.trim(), app).await.map_err(|error| refused(error, false))?;
        return match caller.scopes.contains(&TokenScope::Read) {
            true => Ok(caller),
            false => Err(refused(lacks("token", &caller.name, TokenScope::Read), false)),
        };
    }
    // From here on a page of somebody else could make a browser ask in the name of who sits before it.
    check_origin_if_any(&parts.headers).map_err(|error| refused(error, false))?;
    let site = parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"none" | b"same-origin")) {
        return Err(wrong("the request comes from another site"));
    }
    let basic = scheme.eq_ignore_ascii_case("basic");
    if settings.basic_users && basic {
        return with_password(app, secret).await.map_err(|error| refused(error, true));
    }
    if allowed(app, parts) && (half == Half::Control || !settings.basic_users) {
        return Ok(by_address());
    }
    if settings.basic_users {
        return Err(refused(
            unauthorized("there is no login and password").remedy("send HTTP Basic, or a token"),
            true,
        ));
    }
    let error = ApiError::new(StatusCode::FORBIDDEN, "not_open", "nobody may use this API without a token yet").remedy(
        "send one of `carillon token create` as `Authorization: Bearer` or as the parameter token, or set wombat.allow or \
         wombat.users in carillon.toml",
    );
    Err(refused(error, false))
}

/// Whether who connects is on the list of addresses.
fn allowed(app: &App, parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let through_proxy = OF_PROXIES.iter().any(|name| parts.headers.contains_key(*name));
    peer.is_some_and(|peer| !through_proxy && app.wombat.settings.allow.iter().any(|network| network.contains(peer)))
}

/// Whoever is at an address of the list.
fn by_address() -> Caller {
    let actor = Actor { name: "wombat".into(), user: None };
    let scope = store::Scope { actor, ..store::Scope::installation() };
    Caller { name: "wombat".into(), user: None, scopes: up_to(TokenScope::Admin), scope }
}

async fn with_password(app: &App, secret: &str) -> Result<Caller, ApiError> {
    let unreadable = || unauthorized("the Authorization header cannot be read");
    let bytes = STANDARD.decode(secret.trim()).map_err(|_| unreadable())?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let (login, password) = text.split_once(':').ok_or_else(unreadable)?;
    match app.store.basic_user(login, password, now()).await? {
        BasicLogin::In(user) => {
            let actor = Actor { name: user.login.clone(), user: Some(user.id) };
            let scope = scope(app, user.tenant, actor, user.keys).await?;
            Ok(Caller { name: user.login, user: Some(user.id), scopes: up_to(user.role), scope })
        }
        BasicLogin::Wrong => Err(unauthorized("login or password is wrong").remedy("send those of a user of Carillon")),
        BasicLogin::Locked(until) => {
            let message = format!("too many wrong passwords: none is looked at until {until}");
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "locked", message))
        }
    }
}
