//! Who is asking, and whether they may.
//!
//! Every route takes exactly one of [`Read`], [`Operate`] and [`Admin`] as its first argument, so that nothing of the
//! request is looked at before its token or session was; only health and signing in take none. A token wins over a session.

use crate::App;
use crate::browser;
use crate::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use domain::TenantId;
use store::{Actor, Keyring, Scope, TokenScope, now};

/// Longest bearer token looked at, in bytes; ours are shorter.
const MAX_TOKEN_BYTES: usize = 200;

/// Whoever sent the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token's name or the user's login: the actor of everything it does.
    pub name: String,
    /// The user, by id, when it is one.
    pub user: Option<i64>,
    /// What it may do, least first.
    pub scopes: Vec<TokenScope>,
    /// What it may see.
    pub scope: Scope,
}

/// The scope's name on the wire.
pub(crate) fn scope_name(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => "read",
        TokenScope::Operate => "operate",
        TokenScope::Admin => "admin",
    }
}

macro_rules! permission {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name(pub Caller);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
                Ok(Self(require(parts, app, TokenScope::$name).await?))
            }
        }
    )*};
}

permission! {
    /// May look at everything but secrets.
    Read
    /// May also start, stop and feed runs.
    Operate
    /// May also change the configuration and make tokens.
    Admin
}

async fn require(parts: &Parts, app: &App, needed: TokenScope) -> Result<Caller, ApiError> {
    if !parts.headers.contains_key(header::AUTHORIZATION) && browser::secret(&parts.headers).is_some() {
        browser::check_origin(&parts.method, &parts.headers)?;
    }
    check(&parts.headers, app, needed).await
}

/// Who sent a request with these headers. A stream asks again while it lasts.
pub(crate) async fn check(headers: &HeaderMap, app: &App, needed: TokenScope) -> Result<Caller, ApiError> {
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(secret) = browser::secret(headers)
    {
        return signed_in(secret, app, needed).await;
    }
    let plain = bearer(headers)?;
    let caller = token_holder(plain, app).await?;
    if !caller.scopes.contains(&needed) {
        return Err(lacks("token", &caller.name, needed));
    }
    Ok(caller)
}

/// A token that may not do this.
pub(crate) fn lacks(what: &str, name: &str, needed: TokenScope) -> ApiError {
    let needed = scope_name(needed);
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", format!("{what} {name:?} lacks the scope {needed}"))
        .remedy(format!("use a token made with `carillon token create NAME --scope {needed}`"))
}

/// Whose token this is.
pub(crate) async fn token_holder(plain: &str, app: &App) -> Result<Caller, ApiError> {
    let token = app.store.authenticate(plain).await?.ok_or_else(|| unauthorized("this token is not known"))?;
    let scope = scope(app, token.tenant, Actor { name: token.name.clone(), user: None }, token.keyring()).await?;
    let all = [TokenScope::Read, TokenScope::Operate, TokenScope::Admin];
    let scopes = all.into_iter().filter(|scope| token.allows(*scope)).collect();
    Ok(Caller { name: token.name, user: None, scopes, scope })
}

async fn signed_in(secret: &str, app: &App, needed: TokenScope) -> Result<Caller, ApiError> {
    let session = app.store.session(secret, app.browsers.limits, now()).await?;
    let session = session.ok_or_else(crate::sign_in::nobody)?;
    if session.role < needed {
        let (needed, has) = (scope_name(needed), scope_name(session.role));
        let message = format!("user {:?} may {has}, this needs {needed}", session.login);
        return Err(
            ApiError::new(StatusCode::FORBIDDEN, "forbidden", message).remedy("ask an administrator for another class")
        );
    }
    let scopes = up_to(session.role);
    let keys = (!session.all_keys).then_some(session.keys);
    let actor = Actor { name: session.login.clone(), user: Some(session.user) };
    let scope = scope(app, session.tenant, actor, keys).await?;
    Ok(Caller { name: session.login, user: Some(session.user), scopes, scope })
}

/// What somebody of this role may do, least first.
pub(crate) fn up_to(role: TokenScope) -> Vec<TokenScope> {
    [TokenScope::Read, TokenScope::Operate, TokenScope::Admin].into_iter().filter(|scope| *scope <= role).collect()
}

/// What somebody with these keys sees; without keys: everything.
pub(crate) async fn scope(app: &App, tenant: TenantId, actor: Actor, keys: Option<Keyring>) -> Result<Scope, ApiError> {
    match keys {
        None => Ok(Scope { tenant, actor, ..Scope::installation() }),
        Some(keys) => Ok(app.store.scope_of(tenant, actor, &keys).await?),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| unauthorized("there is no token"))?;
    let text = value.to_str().map_err(|_| unauthorized("the token is not plain text"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return Err(unauthorized("the Authorization header holds no bearer token"));
    }
    Ok(token)
}

pub(crate) fn unauthorized(why: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", why).remedy(
        "send `Authorization: Bearer cct_...`; `carillon init` wrote the first token into the data folder's file `token`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;
    use crate::testing::document::Document;
    use serde_json::Value;

    /// Routes for supervisors, which have no token, and for who has none yet or wants to be rid of it.
    const OPEN: [&str; 6] =
        ["/healthz", "/readyz", "/api/sign-in", "/api/setup", "/api/session", "/api/session/password"];

    /// `(method, path, scope)` of every operation, as the document declares it.
    fn declared() -> Vec<(String, String, Option<TokenScope>)> {
        let document = Document::new();
        let scope_of = |operation: &Value| {
            let requirements = operation["security"].as_array().cloned().unwrap_or_default();
            let scopes: Vec<&Value> = requirements.iter().filter_map(|r| r["token"].as_array()).flatten().collect();
            assert!(scopes.len() <= 1, "more than one permission: {operation}");
            scopes.first().map(|scope| serde_json::from_value((*scope).clone()).unwrap())
        };
        let one = |(path, method, operation): (String, String, &Value)| {
            (method.to_uppercase(), path.replace("{id}", "1"), scope_of(operation))
        };
        document.operations().into_iter().map(one).collect()
    }

    #[tokio::test]
    async fn every_route_but_health_wants_the_one_permission_it_declares() {
        let server = Server::start().await;
        let read = server.token(&[TokenScope::Read]).await;
        let operate = server.token(&[TokenScope::Operate]).await;
        every_route_wants(&server, [&read, &operate, &server.admin]).await;
    }

    #[tokio::test]
    async fn every_route_wants_the_same_of_people() {
        let server = Server::start().await;
        let [admin, operate, read] =
            [server.person("boss", 1).await, server.person("ana", 2).await, server.person("eve", 3).await];
        every_route_wants(&server, [&read, &operate, &admin]).await;
    }

    /// Callers with the roles read, operate and admin, each.
    async fn every_route_wants(server: &Server, [read, operate, admin]: [&str; 3]) {
        for (method, path, scope) in declared() {
            let Some(scope) = scope else {
                assert!(OPEN.contains(&path.as_str()), "{method} {path} declares no permission");
                continue;
            };
            let stranger = server.call_as("", &method, &path, Value::Null).await;
            assert_eq!(stranger.refused(401).0, "unauthorized", "{method} {path}");
            let (weaker, enough) = match scope {
                TokenScope::Read => (None, read),
                TokenScope::Operate => (Some(read), operate),
                TokenScope::Admin => (Some(operate), admin),
            };
            if let Some(weaker) = weaker {
                let answer = server.call_as(weaker, &method, &path, Value::Null).await;
                let message = answer.json()["error"]["message"].to_string();
                assert_eq!(answer.refused(403).0, "forbidden", "{method} {path}");
                assert!(message.contains(scope_name(scope)), "{method} {path}: {message}");
            }
            // Not to be revoked before the loop is through: the admin's own token and user have id 1, and the change that
            // made the token, too.
            if !["/api/tokens/", "/api/users/", "/api/audit/"].iter().any(|begin| path.starts_with(begin)) {
                let answer = server.call_as(enough, &method, &path, Value::Null).await;
                // Only an administrator of these has all keys.
                let lacks_keys = answer.status == StatusCode::FORBIDDEN && answer.code() == "all_keys_needed";
                let is_enough = ![401, 403].contains(&answer.status.as_u16()) || (lacks_keys && enough != admin);
                assert!(is_enough, "{method} {path}: {}", answer.text());
            }
        }
    }

    #[tokio::test]
    async fn whatever_is_no_token_of_ours_is_refused_alike() {
        let server = Server::start().await;
        let mut almost = server.admin.clone();
        let last = if almost.pop() == Some('0') { '1' } else { '0' };
        almost.push(last);
        for token in ["x", "cct_", &almost, &"c".repeat(100_000), "' OR 1=1 --"] {
            let answer = server.call_as(token, "GET", "/api/pbxs", Value::Null).await;
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(answer.json()["error"]["remedy"].is_string());
            assert_eq!(answer.refused(401).0, "unauthorized");
        }
    }
}
