//! `/api/lists`: lists of contacts.

use crate::App;
use crate::auth::{Admin, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ListId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Kind, ListRecord};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A list of contacts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List {
    /// Its id.
    pub id: i64,
    /// Unique.
    #[schema(example = "spring")]
    pub name: String,
    /// Whether it is left out of lists of lists.
    pub hidden: bool,
    /// How many contacts it holds.
    pub contacts: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(List, List);

impl From<ListRecord> for List {
    fn from(list: ListRecord) -> Self {
        let ListRecord { id, name, hidden, created_at, contacts } = list;
        Self { id: id.0, name, hidden, contacts, created_at, security_key: String::new(), created_by: None }
    }
}

/// A list as it is created or replaced.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    /// Unique, 1..=200 characters.
    #[schema(example = "spring")]
    pub name: String,
    /// Whether it is left out of lists of lists.
    #[serde(default)]
    pub hidden: bool,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
}

impl ListInput {
    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: None }
    }
}

/// Which lists.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HiddenQuery {
    /// Only the thing of exactly this name, hidden or not.
    pub name: Option<String>,
    /// Hidden ones too.
    pub hidden: Option<bool>,
    /// Only things with an id greater than this.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

impl HiddenQuery {
    /// Whether hidden things are shown, and the rest of the query.
    pub(crate) fn split(self) -> (bool, NamedQuery) {
        let shown = self.hidden.unwrap_or(false) || self.name.is_some();
        (shown, NamedQuery { name: self.name, after: self.after, limit: self.limit })
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_lists, create_list)).routes(routes!(get_list, replace_list, delete_list))
}

/// Every list that is not hidden.
#[utoipa::path(get, path = "/api/lists", tag = "lists", params(HiddenQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of lists", body = Page<List>)))]
async fn list_lists(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<HiddenQuery>,
) -> Result<axum::Json<Page<List>>, ApiError> {
    let (hidden_too, query) = query.split();
    let mut all: Vec<List> = List::all_locked(&app, &caller.scope, app.store.lists(&caller.scope).await?).await?;
    all.retain(|list| hidden_too || !list.hidden);
    Ok(axum::Json(Page::cut(all, &query, |list| list.id, |list| &list.name)?))
}

/// Adds an empty list.
#[utoipa::path(post, path = "/api/lists", tag = "lists", request_body = ListInput,
    security(("token" = ["operate"])), responses((status = 201, description = "it exists now", body = List)))]
pub(crate) async fn create_list(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<ListInput>,
) -> Result<(StatusCode, axum::Json<List>), ApiError> {
    let lock = LockInput { hidden: Some(input.hidden), ..input.lock() }.made_by(&caller);
    let list = app.store.create_list(&caller.scope, (input.name.as_str(), &lock)).await?;
    Ok((StatusCode::CREATED, axum::Json(List::from(list).with(lock))))
}

/// One list.
#[utoipa::path(get, path = "/api/lists/{id}", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the list", body = List)))]
async fn get_list(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<List>, ApiError> {
    let list = List::from(app.store.list(&caller.scope, ListId(id)).await?);
    Ok(axum::Json(list.locked(&app, &caller.scope).await?))
}

/// Renames, hides or shows a list.
#[utoipa::path(put, path = "/api/lists/{id}", tag = "lists", params(("id" = i64, Path)), request_body = ListInput,
    security(("token" = ["operate"])), responses((status = 200, description = "the list as it is now", body = List)))]
pub(crate) async fn replace_list(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<ListInput>,
) -> Result<axum::Json<List>, ApiError> {
    let lock = input.lock().over(&app, &caller.scope, Kind::List, id).await?;
    let name = (input.name.as_str(), &lock);
    let list = app.store.update_list(&caller.scope, ListId(id), name, input.hidden).await?;
    Ok(axum::Json(List::from(list).with(lock)))
}

/// Deletes a list that no campaign and no attempt refers to, with its contacts.
#[utoipa::path(delete, path = "/api/lists/{id}", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_list(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_list(&caller.scope, ListId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_hidden_list_is_shown_only_when_asked_for() {
        let server = Server::start().await;
        let made = server.post("/api/lists", json!({"name": "old", "hidden": true})).await.expect(201);
        server.post("/api/lists", json!({"name": "new"})).await.expect(201);
        let names = |page: Value| {
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|list| list["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(server.get("/api/lists").await.expect(200)), ["new"]);
        assert_eq!(names(server.get("/api/lists?hidden=true").await.expect(200)), ["old", "new"]);
        assert_eq!(names(server.get("/api/lists?name=old").await.expect(200)), ["old"]);
        let path = format!("/api/lists/{}", made["id"]);
        let shown = server.call("PUT", &path, json!({"name": "older"})).await.expect(200);
        assert_eq!((&shown["name"], &shown["hidden"]), (&json!("older"), &json!(false)));
        server.call("DELETE", &path, Value::Null).await.expect(204);
    }
}
