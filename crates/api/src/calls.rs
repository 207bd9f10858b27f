//! `/api/campaigns/{id}/calls`: one call added to a campaign that runs.

use crate::App;
use crate::auth::{Caller, Operate};
use crate::contacts::ContactInput;
use crate::error::ApiError;
use crate::extract::{Id, Json};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{CampaignId, Invalid, Timestamp};
use serde::{Deserialize, Serialize};
use store::{AddedCall, NewContact, now};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How far ahead a call may be planned, in seconds: a year.
pub(crate) const MAX_AHEAD_S: i64 = 366 * 86_400;

/// A call to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallInput {
    /// The number: digits, *, # and +; spaces, dots, dashes and brackets are dropped.
    #[schema(example = "+39 06 6982-0001")]
    pub number: String,
    /// Become channel variables of the call.
    #[serde(default)]
    #[schema(required = false)]
    pub attributes: crate::attributes::AttributeMap,
    /// Not before then, a year ahead at most; at once without it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_before: Option<Timestamp>,
    /// The same in seconds from now; not with `not_before`.
    #[serde(default)]
    #[schema(example = 900)]
    pub in_seconds: Option<u32>,
}

/// A call that waits for its turn.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Call {
    /// In which run.
    pub run: i64,
    /// In which list: that of the campaign's own, which only programs fill.
    pub list: i64,
    /// The contact that it is to.
    pub contact: i64,
    /// Not before then.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
}

impl From<AddedCall> for Call {
    fn from(AddedCall { run, list, contact, due_at }: AddedCall) -> Self {
        Self { run: run.0, list: list.0, contact: contact.0, not_before: due_at }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add_call))
}

/// Adds a call to the campaign's run: it is dialled before what is fresh in lists, by the same rules. A run that is paused, idle
/// or outside its hours takes it, too. The same number twice is two calls.
#[utoipa::path(post, path = "/api/campaigns/{id}/calls", tag = "campaigns", params(("id" = i64, Path)),
    request_body = CallInput, security(("token" = ["operate"])),
    responses((status = 201, description = "it waits for its turn", body = Call),
        (status = 409, description = "the campaign is not running")))]
async fn add_call(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<CallInput>,
) -> Result<(StatusCode, axum::Json<Call>), ApiError> {
    let CallInput { number, attributes, not_before, in_seconds } = input;
    let contact = ContactInput { number, attributes }.checked(app.store.country())?;
    let due_at = match (not_before, in_seconds) {
        (Some(_), Some(_)) => return Err(Invalid::new("in_seconds", "cannot be combined with not_before").into()),
        (Some(at), None) => at,
        (None, seconds) => now().plus_seconds(seconds.unwrap_or(0).into()),
    };
    let call = add(&app, &caller, CampaignId(id), &contact, due_at).await?;
    Ok((StatusCode::CREATED, axum::Json(call.into())))
}

/// Adds a call that is not dialled before `due_at`; a time that is over is now.
pub(crate) async fn add(
    app: &App,
    caller: &Caller,
    campaign: CampaignId,
    contact: &NewContact,
    due_at: Timestamp,
) -> Result<AddedCall, ApiError> {
    let now = now();
    if due_at > now.plus_seconds(MAX_AHEAD_S) {
        return Err(Invalid::new("not_before", "is more than a year ahead").into());
    }
    Ok(app.node()?.add_call(&caller.scope, campaign, contact, due_at.max(now)).await?)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_call_is_added_to_a_run_whatever_it_is_doing() {
        let server = Server::with_dialler().await;
        let [_, trunk, end_point, list] = server.furnish().await;
        let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "idle_on_termination": true, "packs": ["unrestricted"]});
        let id = server.post("/api/campaigns", campaign).await.expect(201)["id"].clone();
        let path = format!("/api/campaigns/{id}/calls");
        assert_eq!(server.post(&path, json!({"number": "0669820001"})).await.refused(409).0, "conflict");
        let run = server.post(&format!("/api/campaigns/{id}/start"), Value::Null).await.expect(201)["id"].clone();
        let first = server.post(&path, json!({"number": "0669820001", "attributes": {"A": "1"}})).await.expect(201);
        assert_eq!(first["run"], run);
        server.post(&format!("/api/runs/{run}/pause"), Value::Null).await.expect(200);
        let second = server.post(&path, json!({"number": "0669820001", "in_seconds": 900})).await.expect(201);
        assert_eq!(second["list"], first["list"]);
        assert_ne!(second["contact"], first["contact"]);
        let list = server.get(&format!("/api/lists/{}", first["list"])).await.expect(200);
        assert_eq!((&list["name"], &list["contacts"]), (&json!("spring/AUTO"), &json!(2)));
        assert_eq!(server.get(&format!("/api/runs/{run}")).await.expect(200)["totals"]["open_retries"], 2);
        for (wrong, field) in [
            (json!({"number": "abc"}), "number"),
            (json!({"number": "1", "attributes": {"EXTEN": "1"}}), "attribute"),
            (json!({"number": "1", "in_seconds": 1, "not_before": "2026-01-01T00:00:00Z"}), "in_seconds"),
            (json!({"number": "1", "not_before": "2999-01-01T00:00:00Z"}), "not_before"),
        ] {
            assert_eq!(server.post(&path, wrong).await.refused(422).1, field);
        }
        server.post(&format!("/api/runs/{run}/remove"), Value::Null).await.expect(200);
        assert_eq!(server.post(&path, json!({"number": "0669820001"})).await.refused(409).0, "conflict");
        assert_eq!(server.post("/api/campaigns/77/calls", json!({"number": "1"})).await.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn what_is_told_of_a_call_is_kept_until_half_an_hour_after_it() {
        let server = Server::with_dialler().await;
        server.journal().await;
        // The calls of the journal ended long ago.
        let path = "/api/attempts/1/output-attributes";
        assert_eq!(server.post(path, json!({"name": "A", "value": "1"})).await.refused(409).0, "conflict");
        assert_eq!(server.get("/api/attempts/1").await.expect(200)["output_attributes"], json!({}));
        assert_eq!(
            server.call("DELETE", "/api/attempts/77/output-attributes", Value::Null).await.refused(404).0,
            "not_found"
        );
    }
}
