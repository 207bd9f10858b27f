//! `/api/forget`: erasing a person.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::Json;
use axum::extract::State;
use domain::Dialable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whom to forget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetInput {
    /// Their number, written in any way that a list may write it.
    #[schema(example = "+39 06 6982-0001")]
    pub number: String,
    /// For those who ask later; at most 200 characters, without anything that names the person.
    #[serde(default)]
    #[schema(example = "asked to be erased")]
    pub why: String,
    /// Only say what would be erased.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where the number was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Forgotten {
    /// Contacts whose number and attributes were erased; their rows stay, empty, and are never called.
    pub contacts: u64,
    /// Lists that these are in.
    pub lists: u64,
    /// Attempts to it. They hold no number, and stay.
    pub attempts: u64,
    /// Lines of the verdict files of imports.
    pub verdict_lines: u64,
    /// Nothing was erased: a dry run.
    pub dry_run: bool,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(forget))
}

/// Erases a number, and the name and attributes of everybody it belongs to, from the database, its file and its log, and
/// from the verdict files of imports. What stays is a keyed hash, so that the number is never called again.
///
/// This cannot be undone. Not reached: backups made before, files that were exported, the PBX's own call records.
#[utoipa::path(post, path = "/api/forget", tag = "suppressions", request_body = ForgetInput,
    security(("token" = ["admin"])),
    responses((status = 200, description = "what was erased", body = Forgotten)))]
async fn forget(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<ForgetInput>,
) -> Result<axum::Json<Forgotten>, ApiError> {
    caller.sees_everything()?;
    let number = Dialable::parse(&input.number, app.store.country())?;
    let traces = if input.dry_run {
        app.store.traces(&caller.scope, &number).await?
    } else {
        app.node()?.forget(&caller.scope, &number, &caller.name, input.why.trim()).await?
    };
    Ok(axum::Json(Forgotten {
        contacts: traces.contacts,
        lists: traces.lists,
        attempts: traces.attempts,
        verdict_lines: traces.verdict_lines,
        dry_run: input.dry_run,
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::json;

    #[tokio::test]
    async fn a_person_is_counted_first_and_then_forgotten_and_suppressed() {
        let server = Server::with_dialler().await;
        let list = server.post("/api/lists", json!({"name": "spring"})).await.expect(201)["id"].clone();
        let contacts = json!([{"number": "0669820001", "attributes": {"NAME": "Ana"}}, {"number": "0669820002"}]);
        server.post(&format!("/api/lists/{list}/contacts"), json!({ "contacts": contacts })).await;
        let body = json!({"number": "+39 06 69820001", "why": "asked to be erased", "dry_run": true});
        let counted = server.post("/api/forget", body.clone()).await.expect(200);
        assert_eq!(counted, json!({"contacts": 1, "lists": 1, "attempts": 0, "verdict_lines": 0, "dry_run": true}));
        let none = server.get("/api/suppressions?number=0669820001").await.expect(200);
        assert_eq!(none["items"], json!([]), "a dry run does nothing");
        let body = json!({"number": "+39 06 69820001", "why": "asked to be erased"});
        let done = server.post("/api/forget", body.clone()).await.expect(200);
        assert_eq!((done["contacts"].as_u64(), done["dry_run"].as_bool()), (Some(1), Some(false)));
        let found = server.get("/api/suppressions?number=0669820001").await.expect(200);
        assert!(found["items"][0]["number"].as_str().unwrap().starts_with("forgotten "), "{found}");
        let left = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200).to_string();
        assert!(!left.contains("Ana") && !left.contains("69820001") && left.contains("69820002"), "{left}");
        let again = server.post("/api/forget", body).await.expect(200);
        assert_eq!(again["contacts"], 0, "twice is not too much");
        assert_eq!(server.post("/api/forget", json!({"number": "tomorrow"})).await.refused(422).1, "number");
    }
}
