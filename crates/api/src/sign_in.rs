//! `/api/sign-in`, `/api/setup`, `/api/session`: people who sign in with a browser.

use crate::App;
use crate::browser;
use crate::error::ApiError;
use crate::extract::Json;
use crate::words;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Invalid, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Scope, SessionRecord, SignedIn, TokenScope, now};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a sign-in page needs to know before anybody is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignInPage {
    /// There is no user yet: the first one is made with an admin token.
    pub setup_needed: bool,
    /// Always `Carillon`.
    #[schema(example = "Carillon")]
    pub product: String,
    /// Version of the program.
    pub version: String,
    /// Whether this browser can stay signed in.
    pub cookie: CookieState,
}

/// Whether a browser keeps the cookie of a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CookieState {
    /// It does.
    pub possible: bool,
    /// Why not, and what to do.
    pub why: Option<String>,
}

/// The first user.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupInput {
    /// A token with scope admin: `carillon init` wrote one into the data folder's file `token`.
    pub token: String,
    /// 1..=60 of `a-z`, digits and `._@+-`.
    #[schema(example = "ana")]
    pub login: String,
    /// The person's name.
    #[serde(default)]
    pub name: String,
    /// At least 12 characters, none of the commonest.
    #[schema(write_only)]
    pub password: String,
}

/// Who wants to sign in.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionInput {
    /// The user's login.
    #[schema(example = "ana")]
    pub login: String,
    /// The user's password.
    #[schema(write_only)]
    pub password: String,
}

/// Another password for who is signed in.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordInput {
    /// The password until now.
    #[schema(write_only)]
    pub current: String,
    /// At least 12 characters, none of the commonest.
    #[schema(write_only)]
    pub new: String,
}

/// Who is signed in, and for how long.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Session {
    /// The user.
    pub user: SessionUser,
    /// What the user may do.
    #[schema(value_type = words::TokenScope)]
    pub role: TokenScope,
    /// The user's keys: entities with another key are not shown.
    pub keys: Vec<String>,
    /// Everything is shown, whatever key it has.
    pub all_keys: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub signed_in_at: Timestamp,
    /// Ends then unless there is a request before.
    #[schema(value_type = String, format = DateTime)]
    pub idle_until: Timestamp,
    /// Ends then at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
}

/// Whose session it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionUser {
    /// The user's id.
    pub id: i64,
    /// The actor of everything done in the session.
    pub login: String,
    /// The person's name; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
}

impl From<SessionRecord> for Session {
    fn from(session: SessionRecord) -> Self {
        let SessionRecord { user, login, name, email, role, keys, all_keys, signed_in_at, idle_until, ends_at, .. } =
            session;
        Self {
            user: SessionUser { id: user, login, name, email },
            role,
            keys: keys.into_iter().collect(),
            all_keys,
            signed_in_at,
            idle_until,
            ends_at,
        }
    }
}

/// Somebody with a session, not with a token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    session: SessionRecord,
    secret: String,
}

impl FromRequestParts<App> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let secret = browser::secret(&parts.headers).ok_or_else(nobody)?.to_owned();
        browser::check_origin(&parts.method, &parts.headers)?;
        let session = app.store.session(&secret, app.browsers.limits, now()).await?.ok_or_else(nobody)?;
        Ok(Self { session, secret })
    }
}

/// 401: there is no session, or it is over.
pub(crate) fn nobody() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "signed_out", "nobody is signed in").remedy("sign in again")
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_sign_in))
        .routes(routes!(set_up))
        .routes(routes!(sign_in, get_session, sign_out))
        .routes(routes!(change_password))
}

/// What the sign-in page shows.
#[utoipa::path(get, path = "/api/sign-in", tag = "access", security(()),
    responses((status = 200, description = "what it needs to know", body = SignInPage)))]
async fn get_sign_in(State(app): State<App>, headers: HeaderMap) -> Result<axum::Json<SignInPage>, ApiError> {
    let why = browser::cookie_problem(app.browsers, &headers);
    Ok(axum::Json(SignInPage {
        setup_needed: !app.store.has_users(&Scope::installation()).await?,
        product: "Carillon".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        cookie: CookieState { possible: why.is_none(), why },
    }))
}

/// Makes the first user, an administrator, and signs in. Refused with 409 once there is a user.
#[utoipa::path(post, path = "/api/setup", tag = "access", request_body = SetupInput, security(()),
    responses((status = 201, description = "made and signed in; the cookie is set", body = Session)))]
async fn set_up(
    State(app): State<App>,
    headers: HeaderMap,
    Json(input): Json<SetupInput>,
) -> Result<Response, ApiError> {
    browser::check_origin_if_any(&headers)?;
    let SetupInput { token, login, name, password } = input;
    let scope = Scope::installation();
    if app.store.has_users(&scope).await? {
        return Err(ApiError::new(StatusCode::CONFLICT, "set_up", "there is a user already").remedy("sign in"));
    }
    let token = app.store.authenticate(token.trim()).await?;
    if !token.is_some_and(|token| token.allows(TokenScope::Admin)) {
        let wrong = ApiError::new(StatusCode::UNAUTHORIZED, "wrong_token", "this is no token with scope admin");
        return Err(wrong.field("token").remedy("take the one in the file `token` of the data folder"));
    }
    let user = app.store.create_first_user(&scope, &login, &name, &password).await?;
    let had = browser::secret(&headers);
    let signed_in = app.store.sign_in(&user.login, &password, had, app.browsers.limits, now()).await?;
    tracing::info!(user = user.login, "the first user was made");
    answer(StatusCode::CREATED, signed_in)
}

/// Signs in. 401 `wrong_sign_in` whatever is wrong, 423 `locked` with `locked_until` after five wrong ones within 15
/// minutes, 403 `disabled`.
#[utoipa::path(post, path = "/api/session", tag = "access", request_body = SessionInput, security(()),
    responses((status = 200, description = "signed in; the cookie is set", body = Session)))]
async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Json(input): Json<SessionInput>,
) -> Result<Response, ApiError> {
    browser::check_origin_if_any(&headers)?;
    let had = browser::secret(&headers);
    let signed_in = app.store.sign_in(&input.login, &input.password, had, app.browsers.limits, now()).await?;
    answer(StatusCode::OK, signed_in)
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/session", tag = "access", security(("session" = [])),
    responses((status = 200, description = "the session", body = Session)))]
async fn get_session(person: Person) -> axum::Json<Session> {
    axum::Json(person.session.into())
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", tag = "access", security(("session" = [])),
    responses((status = 204, description = "nobody is signed in now")))]
async fn sign_out(person: Person, State(app): State<App>) -> Result<Response, ApiError> {
    app.store.sign_out(&person.secret).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, browser::forget())]).into_response())
}

/// Changes the own password. Every other session of the user ends.
#[utoipa::path(post, path = "/api/session/password", tag = "access", request_body = PasswordInput,
    security(("session" = [])),
    responses((status = 200, description = "changed; the cookie is a new one", body = Session)))]
async fn change_password(
    person: Person,
    State(app): State<App>,
    Json(input): Json<PasswordInput>,
) -> Result<Response, ApiError> {
    let SessionRecord { tenant, user, .. } = person.session;
    let scope = Scope { tenant, ..Scope::installation() };
    let PasswordInput { current, new } = input;
    let changed = app.store.change_password(&scope, user, &current, &new, app.browsers.limits, now()).await?;
    if changed == SignedIn::Wrong {
        return Err(Invalid::new("current", "is not your password").into());
    }
    answer(StatusCode::OK, changed)
}

fn answer(status: StatusCode, signed_in: SignedIn) -> Result<Response, ApiError> {
    match signed_in {
        SignedIn::In(session, secret) => {
            let cookie = [(header::SET_COOKIE, browser::keep(&secret))];
            Ok((status, cookie, axum::Json(Session::from(*session))).into_response())
        }
        SignedIn::Wrong => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "wrong_sign_in",
            "there is no user with this login and password",
        )
        .remedy("check both; an administrator can set a new password with `carillon user set-password LOGIN`")),
        SignedIn::Locked(until) => {
            Err(ApiError::new(StatusCode::LOCKED, "locked", "too many wrong sign-ins: none is taken for a while")
                .locked_until(until)
                .remedy("wait, or ask an administrator: `carillon user unlock LOGIN`"))
        }
        SignedIn::Disabled => Err(ApiError::new(StatusCode::FORBIDDEN, "disabled", "this user may not sign in")
            .remedy("an administrator can enable the user again")),
    }
}

#[cfg(test)]
mod tests;
