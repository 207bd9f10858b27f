//! `/api/suppression-lists`: lists of numbers that must not be called, and registries, which are replaced by a file.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch};
use crate::imports::receive;
use crate::locks::{LockInput, Shown, shown};
use crate::page::Page;
use crate::words;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{CampaignId, SuppressionListId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Adopted, Kind, SuppressionKind, SuppressionListRecord};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A list of numbers that must not be called.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SuppressionList {
    /// Its id; 1 is the global one.
    pub id: i64,
    /// Unique.
    pub name: String,
    /// What fills it.
    #[schema(value_type = words::SuppressionKind)]
    pub kind: SuppressionKind,
    /// Ids of the campaigns that it holds for; `null`: every one.
    pub campaigns: Option<Vec<i64>>,
    /// Numbers on it.
    pub entries: i64,
    /// Of a registry: how often it was replaced.
    pub version: i64,
    /// Of a registry: when that version came into force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub imported_at: Option<Timestamp>,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(SuppressionList, SuppressionList);

impl From<SuppressionListRecord> for SuppressionList {
    fn from(record: SuppressionListRecord) -> Self {
        let SuppressionListRecord { id, name, kind, campaigns, entries, version, imported_at } = record;
        let campaigns = campaigns.map(|campaigns| campaigns.into_iter().map(|campaign| campaign.0).collect());
        Self {
            id: id.0,
            name,
            kind,
            campaigns,
            entries,
            version,
            imported_at,
            security_key: String::new(),
            created_by: None,
        }
    }
}

/// A list as it is made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuppressionList {
    /// Unique, 1..=200 characters.
    #[schema(example = "national registry")]
    pub name: String,
    /// `optout`: entries are added one by one and never removed. `registry`: a file replaces it as a whole.
    #[schema(value_type = words::SuppressionKind)]
    pub kind: SuppressionKind,
    /// Ids of the campaigns that it holds for; every one when not given or `null`.
    #[serde(default)]
    pub campaigns: Option<Vec<i64>>,
    /// Who holds it sees this; empty: everybody.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
}

/// What of a list can be changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionListInput {
    /// Unique, 1..=200 characters.
    pub name: String,
    /// Ids of the campaigns that it holds for; `null`: every one. A list of opt-outs never holds for fewer than before.
    #[serde(default)]
    pub campaigns: Option<Vec<i64>>,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
}

/// Some fields of a [`SuppressionListInput`].
type SuppressionListPatch = Patch<SuppressionListInput>;

/// What is in force after a file was read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RegistryAdopted {
    /// Numbers.
    pub entries: u64,
    /// Rows that repeated one of them.
    pub repeated: u64,
    /// Their version.
    pub version: i64,
    /// How the file was read.
    #[schema(example = "utf-8")]
    pub encoding: String,
    /// The character between its cells, `tab`, or `native`.
    #[schema(example = ",")]
    pub delimiter: String,
}

impl From<Adopted> for RegistryAdopted {
    fn from(adopted: Adopted) -> Self {
        let Adopted { entries, repeated, version, encoding, delimiter, took: _ } = adopted;
        Self { entries, repeated, version, encoding, delimiter }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_suppression_lists, create_suppression_list))
        .routes(routes!(get_suppression_list, patch_suppression_list, delete_suppression_list))
        .routes(routes!(import_registry))
}

fn ids(campaigns: Option<Vec<i64>>) -> Option<Vec<CampaignId>> {
    campaigns.map(|campaigns| campaigns.into_iter().map(CampaignId).collect())
}

/// Every list, the global one first.
#[utoipa::path(get, path = "/api/suppression-lists", tag = "suppressions", security(("token" = ["read"])),
    responses((status = 200, description = "all of them", body = Page<SuppressionList>)))]
async fn list_suppression_lists(
    Read(caller): Read,
    State(app): State<App>,
) -> Result<axum::Json<Page<SuppressionList>>, ApiError> {
    let lists = app.store.suppression_lists(&caller.scope).await?;
    let items = SuppressionList::all_locked(&app, &caller.scope, lists).await?;
    Ok(axum::Json(Page { items, next: None }))
}

/// Makes an empty list.
#[utoipa::path(post, path = "/api/suppression-lists", tag = "suppressions", request_body = NewSuppressionList,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = SuppressionList)))]
async fn create_suppression_list(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<NewSuppressionList>,
) -> Result<(StatusCode, axum::Json<SuppressionList>), ApiError> {
    let (scope, campaigns) = (&caller.scope, ids(input.campaigns));
    let lock = LockInput { security_key: input.security_key, hidden: None }.made_by(&caller);
    let name = (input.name.as_str(), &lock);
    let made = app.store.create_suppression_list(scope, name, input.kind, campaigns.as_deref(), &caller.name).await?;
    Ok((StatusCode::CREATED, axum::Json(SuppressionList::from(made).with(lock))))
}

/// One list.
#[utoipa::path(get, path = "/api/suppression-lists/{id}", tag = "suppressions", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the list", body = SuppressionList)))]
async fn get_suppression_list(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<SuppressionList>, ApiError> {
    let list = SuppressionList::from(app.store.suppression_list(&caller.scope, SuppressionListId(id)).await?);
    Ok(axum::Json(list.locked(&app, &caller.scope).await?))
}

/// Renames a list, or says for which campaigns it holds.
#[utoipa::path(patch, path = "/api/suppression-lists/{id}", tag = "suppressions", params(("id" = i64, Path)),
    request_body = SuppressionListPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the list as it is now", body = SuppressionList)))]
async fn patch_suppression_list(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: SuppressionListPatch,
) -> Result<axum::Json<SuppressionList>, ApiError> {
    let (scope, id) = (&caller.scope, SuppressionListId(id));
    let existing = SuppressionList::from(app.store.suppression_list(scope, id).await?);
    let existing = SuppressionListInput { name: existing.name, campaigns: existing.campaigns, security_key: None };
    let SuppressionListInput { name, campaigns, security_key } = patch.apply(&existing)?;
    let lock = LockInput { security_key, hidden: None }.over(&app, scope, Kind::SuppressionList, id.0).await?;
    let (name, campaigns) = ((name.as_str(), &lock), ids(campaigns));
    let list = app.store.update_suppression_list(scope, id, name, campaigns.as_deref(), &caller.name).await?;
    app.suppressions_changed().await;
    Ok(axum::Json(SuppressionList::from(list).with(lock)))
}

/// Deletes a registry, or a list of opt-outs that nobody is on.
#[utoipa::path(delete, path = "/api/suppression-lists/{id}", tag = "suppressions", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
async fn delete_suppression_list(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_suppression_list(&caller.scope, SuppressionListId(id)).await?;
    app.suppressions_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the numbers of a file in the place of those that the registry has, and answers when they are in force: a number
/// per line, or a table with commas, semicolons, tabs or bars, up to 2 GiB. A row that is no number refuses the whole file
/// by its line. Until the answer, and after a refusal, what was in force is.
#[utoipa::path(post, path = "/api/suppression-lists/{id}/file", tag = "suppressions", params(("id" = i64, Path)),
    request_body(content = String, content_type = "application/octet-stream"), security(("token" = ["admin"])),
    responses((status = 200, description = "they are in force", body = RegistryAdopted)))]
async fn import_registry(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    body: Body,
) -> Result<axum::Json<RegistryAdopted>, ApiError> {
    app.store.suppression_list(&caller.scope, SuppressionListId(id)).await?;
    let upload = receive(&app, body).await?;
    // Whoever goes away does not stop it half way; what was written would have to be written again.
    let (store, caller) = (app.store.clone(), caller);
    let work = async move {
        let list = SuppressionListId(id);
        store.import_registry(&caller.scope, list, upload, &caller.name).await
    };
    let adopted = tokio::spawn(work).await.map_err(|_| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the registry's import broke off".to_owned())
    })?;
    let adopted = adopted?;
    app.suppressions_changed().await;
    Ok(axum::Json(adopted.into()))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn lists_are_made_filled_and_told_apart() {
        let server = Server::with_dialler().await;
        let campaign = server.post("/api/campaigns", json!({"name": "spring"})).await.expect(201)["id"].clone();
        let made = json!({"name": "shop", "kind": "optout", "campaigns": [campaign]});
        let list = server.post("/api/suppression-lists", made).await.expect(201);
        assert_eq!(list["campaigns"], json!([campaign]));
        let path = format!("/api/suppression-lists/{}", list["id"]);
        let body = json!({"numbers": ["0669820001"], "list": list["id"]});
        assert_eq!(server.post("/api/suppressions", body).await.expect(200)["added"], 1);
        let of_list = server.get(&format!("/api/suppressions?list={}", list["id"])).await.expect(200);
        assert_eq!(of_list["items"][0]["list"], list["id"]);
        assert_eq!(server.get("/api/suppressions?list=1").await.expect(200)["items"], json!([]));
        assert_eq!(server.call("DELETE", &path, Value::Null).await.refused(409).0, "in_use");
        let all = server.call("PATCH", &path, json!({"campaigns": null})).await.expect(200);
        assert_eq!((&all["campaigns"], &all["entries"]), (&Value::Null, &json!(1)));
        let lists = server.get("/api/suppression-lists").await.expect(200);
        assert_eq!(lists["items"][0]["name"], "global");
        let body = json!({"numbers": ["0669820001"], "list": 77});
        assert_eq!(server.post("/api/suppressions", body).await.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn a_registry_is_replaced_by_a_file_or_not_at_all() {
        let server = Server::with_dialler().await;
        let made = json!({"name": "dnc", "kind": "registry"});
        let list = server.post("/api/suppression-lists", made).await.expect(201);
        let path = format!("/api/suppression-lists/{}/file", list["id"]);
        let done = server.upload(&path, "phone,since\n0669820001,2026\n0669820002,2026\n").await.expect(200);
        assert_eq!((&done["entries"], &done["delimiter"]), (&json!(2), &json!(",")));
        let refused = server.upload(&path, "phone,since\n0669820003,2026\nno,2026\n").await;
        assert!(refused.text().contains("line 3"), "{}", refused.text());
        let found = server.get("/api/suppressions?number=%2B390669820002").await.expect(200);
        assert_eq!(found["items"][0]["by"], "registry dnc");
        let body = json!({"numbers": ["0669820001"], "list": list["id"]});
        assert_eq!(server.post("/api/suppressions", body).await.refused(422).1, "list");
    }
}
