//! `/api/user-classes`: what users may do and see.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{NamedQuery, Page};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use store::TokenScope;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A role and keys under a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserClass {
    /// Its id.
    pub id: i64,
    /// Unique.
    #[schema(example = "Operator")]
    pub name: String,
    /// For people.
    pub description: String,
    /// What its users may do.
    #[schema(value_type = words::TokenScope)]
    pub role: TokenScope,
    /// Keys of its users, space separated: they see what has no key or one of these.
    #[schema(example = "SALES SUPPORT")]
    pub keys: String,
    /// Its users see everything, whatever key it has.
    pub all_keys: bool,
}

impl From<store::UserClass> for UserClass {
    fn from(class: store::UserClass) -> Self {
        let store::UserClass { id, name, description, role, keys, all_keys } = class;
        Self { id, name, description, role, keys, all_keys }
    }
}

/// A class to be made or replaced.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserClassInput {
    /// Unique, 1..=200 characters.
    #[schema(example = "Sales")]
    pub name: String,
    /// For people, at most 500 characters.
    #[serde(default)]
    pub description: String,
    /// What its users may do: operate includes read, admin includes both.
    #[schema(value_type = words::TokenScope)]
    pub role: TokenScope,
    /// Keys of its users, space separated.
    #[serde(default)]
    pub keys: String,
    /// Its users see everything, whatever key it has.
    #[serde(default)]
    pub all_keys: bool,
}

impl UserClassInput {
    fn record(self, id: i64) -> store::UserClass {
        let Self { name, description, role, keys, all_keys } = self;
        store::UserClass { id, name, description, role, keys, all_keys }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_user_classes, create_user_class)).routes(routes!(
        get_user_class,
        replace_user_class,
        delete_user_class
    ))
}

/// Every class.
#[utoipa::path(get, path = "/api/user-classes", tag = "access", params(NamedQuery), security(("token" = ["admin"])),
    responses((status = 200, description = "a page of classes", body = Page<UserClass>)))]
async fn list_user_classes(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<UserClass>>, ApiError> {
    caller.sees_everything()?;
    let all = app.store.user_classes(&caller.scope).await?.into_iter().map(UserClass::from).collect();
    Ok(axum::Json(Page::cut(all, &query, |class| class.id, |class| &class.name)?))
}

/// Makes a class.
#[utoipa::path(post, path = "/api/user-classes", tag = "access", request_body = UserClassInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = UserClass)))]
async fn create_user_class(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<UserClassInput>,
) -> Result<(StatusCode, axum::Json<UserClass>), ApiError> {
    caller.sees_everything()?;
    let class = app.store.create_user_class(&caller.scope, &input.record(0)).await?;
    Ok((StatusCode::CREATED, axum::Json(class.into())))
}

/// One class.
#[utoipa::path(get, path = "/api/user-classes/{id}", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 200, description = "the class", body = UserClass)))]
async fn get_user_class(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<UserClass>, ApiError> {
    caller.sees_everything()?;
    Ok(axum::Json(app.store.user_class(&caller.scope, id).await?.into()))
}

/// Replaces a class; its users have the new rights with their next request. The last administrator stays one.
#[utoipa::path(put, path = "/api/user-classes/{id}", tag = "access", request_body = UserClassInput,
    params(("id" = i64, Path)), security(("token" = ["admin"])),
    responses((status = 200, description = "as it is now", body = UserClass)))]
async fn replace_user_class(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<UserClassInput>,
) -> Result<axum::Json<UserClass>, ApiError> {
    caller.sees_everything()?;
    Ok(axum::Json(app.store.update_user_class(&caller.scope, &input.record(id)).await?.into()))
}

/// Deletes a class that no user has.
#[utoipa::path(delete, path = "/api/user-classes/{id}", tag = "access", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
async fn delete_user_class(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    app.store.delete_user_class(&caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
