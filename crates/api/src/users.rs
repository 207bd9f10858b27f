//! `/api/users`: people who may sign in.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{NamedQuery, Page};
use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use store::UserRecord;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Somebody who may sign in. The password is never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    /// Its id.
    pub id: i64,
    /// Unique; the actor of everything the user does.
    #[schema(example = "ana")]
    pub login: String,
    /// The person's name; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// May sign in.
    pub enabled: bool,
    /// The class, by id: role and keys.
    pub class: i64,
    /// The user's own keys, space separated; `-B` takes away what the class grants.
    #[schema(example = "SALES -NIGHT")]
    pub keys: String,
    /// Too many wrong sign-ins: none is taken until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<Timestamp>,
    /// When the user last signed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_signed_in_at: Option<Timestamp>,
    /// When the user was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// For people.
    pub comment: String,
}

impl From<UserRecord> for User {
    fn from(user: UserRecord) -> Self {
        let UserRecord {
            id,
            login,
            name,
            email,
            enabled,
            class,
            keys,
            comment,
            locked_until,
            last_signed_in_at,
            created_at,
        } = user;
        Self { id, login, name, email, enabled, class, keys, locked_until, last_signed_in_at, created_at, comment }
    }
}

/// A user to be made or replaced.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserInput {
    /// Unique: 1..=60 of `a-z`, digits and `._@+-`, beginning with a letter or digit.
    #[schema(example = "ana")]
    pub login: String,
    /// The person's name, at most 200 characters.
    #[serde(default)]
    pub name: String,
    /// At most 200 characters.
    #[serde(default)]
    pub email: String,
    /// May sign in.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// The class, by id.
    pub class: i64,
    /// The user's own keys, space separated; `-B` takes away what the class grants.
    #[serde(default)]
    #[schema(example = "SALES -NIGHT")]
    pub keys: String,
    /// For people, at most 2000 characters.
    #[serde(default)]
    pub comment: String,
    /// At least 12 characters, not the login, none of the commonest. Without it a replaced user keeps the one there is.
    #[serde(default)]
    #[schema(write_only)]
    pub password: Option<String>,
}

fn yes() -> bool {
    true
}

impl UserInput {
    fn parts(self, id: i64) -> (UserRecord, Option<String>) {
        let Self { login, name, email, enabled, class, keys, comment, password } = self;
        let user = UserRecord {
            id,
            login,
            name,
            email,
            enabled,
            class,
            keys,
            comment,
            locked_until: None,
            last_signed_in_at: None,
            created_at: Timestamp(0),
        };
        (user, password)
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user, replace_user, delete_user))
        .routes(routes!(unlock_user))
        .routes(routes!(sign_out_user))
}

/// Every user. `name` asks for a login.
#[utoipa::path(get, path = "/api/users", tag = "access", params(NamedQuery), security(("token" = ["admin"])),
    responses((status = 200, description = "a page of users", body = Page<User>)))]
async fn list_users(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<User>>, ApiError> {
    caller.sees_everything()?;
    let all = app.store.users(&caller.scope).await?.into_iter().map(User::from).collect();
    Ok(axum::Json(Page::cut(all, &query, |user| user.id, |user| &user.login)?))
}

/// Makes a user.
#[utoipa::path(post, path = "/api/users", tag = "access", request_body = UserInput,
    security(("token" = ["admin"])), responses((status = 201, description = "may sign in now", body = User)))]
async fn create_user(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<UserInput>,
) -> Result<(StatusCode, axum::Json<User>), ApiError> {
    caller.sees_everything()?;
    let (user, password) = input.parts(0);
    let password = password.ok_or_else(|| domain::Invalid::new("password", "is missing"))?;
    let user = app.store.create_user(&caller.scope, &user, &password).await?;
    Ok((StatusCode::CREATED, axum::Json(user.into())))
}

/// One user.
#[utoipa::path(get, path = "/api/users/{id}", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 200, description = "the user", body = User)))]
async fn get_user(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<axum::Json<User>, ApiError> {
    caller.sees_everything()?;
    Ok(axum::Json(app.store.user(&caller.scope, id).await?.into()))
}

/// Replaces a user. Who is disabled or has another password is signed out at once; the last administrator stays.
#[utoipa::path(put, path = "/api/users/{id}", tag = "access", request_body = UserInput, params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 200, description = "as it is now", body = User)))]
async fn replace_user(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<UserInput>,
) -> Result<axum::Json<User>, ApiError> {
    caller.sees_everything()?;
    let (user, password) = input.parts(id);
    Ok(axum::Json(app.store.update_user(&caller.scope, &user, password.as_deref()).await?.into()))
}

/// Deletes a user, who is signed out at once. What the user did stays under the login.
#[utoipa::path(delete, path = "/api/users/{id}", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "gone")))]
async fn delete_user(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    app.store.delete_user(&caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a user who is locked out try again at once.
#[utoipa::path(post, path = "/api/users/{id}/unlock", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 200, description = "not locked any more", body = User)))]
async fn unlock_user(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<axum::Json<User>, ApiError> {
    caller.sees_everything()?;
    Ok(axum::Json(app.store.unlock_user(&caller.scope, id).await?.into()))
}

/// Signs a user out everywhere.
#[utoipa::path(post, path = "/api/users/{id}/sign-out", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "every session is over")))]
async fn sign_out_user(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    app.store.sign_out_user(&caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
