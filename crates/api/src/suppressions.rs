//! `/api/suppressions`: numbers that must not be called. Entries are added and never removed.

use crate::App;
use crate::auth::{Operate, Read};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::page::{Page, limit};
use axum::extract::State;
use domain::{Dialable, Invalid, SuppressionListId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{GLOBAL, SuppressionRecord};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A number that must not be called.
#[derive(Clone, Serialize, ToSchema)]
pub struct Suppression {
    /// Its id; `null` while it waits in the reserve for the database to be written again, and of a registry.
    pub id: Option<i64>,
    /// The id of the list that it is on.
    pub list: i64,
    /// With its country where that is known, otherwise what would be dialled.
    #[schema(example = "+390669820001")]
    pub number: String,
    /// Who added it.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<SuppressionRecord> for Suppression {
    fn from(record: SuppressionRecord) -> Self {
        let SuppressionRecord { id, list, number, by, why, at } = record;
        Self { id, list: list.0, number, by, why, at }
    }
}

/// Numbers to suppress.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionsInput {
    /// 1 to 1000 numbers, written in any way that a list may write them. One that is malformed refuses them all.
    #[schema(example = json!(["+39 06 6982-0001"]))]
    pub numbers: Vec<String>,
    /// The id of the list of opt-outs that they are put on; 1, the global one, when not given.
    #[serde(default = "global")]
    #[schema(default = 1)]
    pub list: i64,
    /// For those who ask later; at most 200 characters.
    #[serde(default)]
    #[schema(example = "asked us to stop")]
    pub why: String,
}

fn global() -> i64 {
    GLOBAL.0
}

/// What became of them. From this answer on nothing is sent to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuppressionsAdded {
    /// How many were not suppressed before.
    pub added: usize,
    /// The database could not be written: they are in the reserve and in force.
    pub in_reserve: bool,
}

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SuppressionQuery {
    /// Only the entries of this number: one per list that names it, registries too.
    pub number: Option<String>,
    /// Only entries of the list with this id.
    pub list: Option<i64>,
    /// Only entries with an id greater than this.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_suppressions, add_suppressions))
}

/// The numbers that must not be called, in the order in which they were added; those in registries only by number.
#[utoipa::path(get, path = "/api/suppressions", tag = "suppressions", params(SuppressionQuery),
    security(("token" = ["read"])),
    responses((status = 200, description = "a page of entries", body = Page<Suppression>)))]
async fn list_suppressions(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<SuppressionQuery>,
) -> Result<axum::Json<Page<Suppression>>, ApiError> {
    if let Some(number) = &query.number {
        let number = Dialable::parse(number, app.store.country())?;
        let mut found = app.store.suppressions_of(&caller.scope, &number).await?;
        found.retain(|entry| query.list.is_none_or(|list| entry.list.0 == list));
        return Ok(axum::Json(Page { items: found.into_iter().map(Suppression::from).collect(), next: None }));
    }
    let limit = limit(query.limit)?;
    let list = query.list.map(SuppressionListId);
    let records = app.store.suppressions(&caller.scope, list, query.after.unwrap_or(0), limit).await?;
    let items = records.into_iter().map(Suppression::from).collect();
    let mut page = Page::read(items, limit, |entry: &Suppression| entry.id.unwrap_or(0));
    if page.next.is_none() {
        // Those that wait have no id to come behind: they end the last page, which may be longer for it.
        let waiting = app.store.suppressions_in_reserve(&caller.scope, list);
        page.items.extend(waiting.into_iter().map(Suppression::from));
    }
    Ok(axum::Json(page))
}

/// Suppresses numbers: nothing is sent to them after the answer to this, by no run that the list holds for. A call that
/// nobody has answered yet is hung up; a conversation goes on.
/// It is taken also while the disk is full.
#[utoipa::path(post, path = "/api/suppressions", tag = "suppressions", request_body = SuppressionsInput,
    security(("token" = ["operate"])),
    responses((status = 200, description = "they are not called any more", body = SuppressionsAdded)))]
async fn add_suppressions(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<SuppressionsInput>,
) -> Result<axum::Json<SuppressionsAdded>, ApiError> {
    let mut numbers = Vec::with_capacity(input.numbers.len());
    for (index, text) in input.numbers.iter().enumerate() {
        let number = Dialable::parse(text, app.store.country());
        numbers.push(number.map_err(|error| Invalid::new("numbers", format!("number {index} {}", error.problem)))?);
    }
    let done = app
        .node()?
        .suppress(&caller.scope, SuppressionListId(input.list), &numbers, &caller.name, input.why.trim())
        .await?;
    Ok(axum::Json(SuppressionsAdded { added: done.added, in_reserve: done.in_reserve }))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::json;

    #[tokio::test]
    async fn a_number_is_suppressed_once_and_found_in_every_spelling() {
        let server = Server::with_dialler().await;
        let body = json!({"numbers": ["06 69820001", "0669820002"], "why": "asked us to stop"});
        let added = server.post("/api/suppressions", body.clone()).await.expect(200);
        assert_eq!(added, json!({"added": 2, "in_reserve": false}));
        assert_eq!(server.post("/api/suppressions", body).await.expect(200)["added"], 0);
        let found = server.get("/api/suppressions?number=%2B390669820001").await.expect(200);
        assert_eq!(found["items"][0]["why"], "asked us to stop");
        assert_eq!(found["items"][0]["by"], "admin");
        let none = server.get("/api/suppressions?number=0669820009").await.expect(200);
        assert_eq!(none["items"], json!([]));
        let page = server.get("/api/suppressions?limit=1").await.expect(200);
        let next = server.get(&format!("/api/suppressions?after={}", page["next"])).await.expect(200);
        assert_eq!(next["items"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_malformed_number_refuses_them_all() {
        let server = Server::with_dialler().await;
        let body = json!({"numbers": ["0669820001", "tomorrow"]});
        assert_eq!(server.post("/api/suppressions", body).await.refused(422).1, "numbers");
        for body in [json!({"numbers": []}), json!({"numbers": vec!["1"; 1_001]})] {
            assert_eq!(server.post("/api/suppressions", body).await.refused(422).1, "numbers");
        }
        assert_eq!(server.get("/api/suppressions").await.expect(200)["items"], json!([]));
    }
}
