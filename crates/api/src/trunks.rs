//! `/api/trunks`: the ways out.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use axum::extract::State;
use axum::http::StatusCode;
use domain::pbx::DEFAULT_PROGRESS_TIMEOUT_MS;
use domain::{PbxId, TrunkId};
use serde::{Deserialize, Serialize};
use store::Kind;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A way out of a PBX.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Trunk {
    /// Its id.
    pub id: i64,
    /// The PBX it belongs to.
    pub pbx: i64,
    /// Unique.
    #[schema(example = "carrier")]
    pub name: String,
    /// Asterisk's dial string with `${num}` where the number goes.
    #[schema(example = "PJSIP/${num}@carrier")]
    pub dial_string: String,
    /// Calls at once.
    pub capacity: u32,
    /// Calls started per second; 0 = as fast as the PBX allows.
    pub calls_per_second: u32,
    /// Milliseconds without a sign of life after which the route counts as dead.
    pub progress_timeout_ms: u32,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// Left out of choices; nothing else changes.
    pub hidden: bool,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(Trunk, Trunk, hidden);

impl From<domain::Trunk> for Trunk {
    fn from(trunk: domain::Trunk) -> Self {
        let domain::Trunk { id, pbx, name, dial_string, capacity, calls_per_second, progress_timeout_ms } = trunk;
        Self {
            id: id.0,
            pbx: pbx.0,
            name,
            dial_string,
            capacity,
            calls_per_second,
            progress_timeout_ms,
            security_key: String::new(),
            hidden: false,
            created_by: None,
        }
    }
}

/// A trunk as it is created or replaced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkInput {
    /// The PBX it belongs to.
    pub pbx: i64,
    /// Unique, 1..=60 characters.
    #[schema(example = "carrier")]
    pub name: String,
    /// Asterisk's dial string with `${num}` where the number goes.
    #[schema(example = "PJSIP/${num}@carrier")]
    pub dial_string: String,
    /// Calls at once, `1..=10000`.
    #[schema(example = 30)]
    pub capacity: u32,
    /// Calls started per second, `1..=1000`; 0 = as fast as the PBX allows.
    #[serde(default)]
    pub calls_per_second: u32,
    /// Milliseconds without RINGING or PROGRESS after which the route counts as dead, `1000..=60000`.
    #[serde(default = "default_progress_timeout")]
    #[schema(default = 10_000)]
    pub progress_timeout_ms: u32,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
    /// Left out of choices. Without it a changed one stays as it is.
    #[serde(default)]
    pub hidden: Option<bool>,
}

fn default_progress_timeout() -> u32 {
    DEFAULT_PROGRESS_TIMEOUT_MS
}

impl TrunkInput {
    fn checked(self, id: i64) -> Result<domain::Trunk, ApiError> {
        let Self { pbx, name, dial_string, capacity, calls_per_second, progress_timeout_ms, .. } = self;
        let trunk = domain::Trunk {
            id: TrunkId(id),
            pbx: PbxId(pbx),
            name,
            dial_string,
            capacity,
            calls_per_second,
            progress_timeout_ms,
        };
        trunk.check()?;
        Ok(trunk)
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: self.hidden }
    }
}

impl From<domain::Trunk> for TrunkInput {
    fn from(trunk: domain::Trunk) -> Self {
        let domain::Trunk { id: _, pbx, name, dial_string, capacity, calls_per_second, progress_timeout_ms } = trunk;
        Self {
            pbx: pbx.0,
            name,
            dial_string,
            capacity,
            calls_per_second,
            progress_timeout_ms,
            security_key: None,
            hidden: None,
        }
    }
}

/// Some fields of a [`TrunkInput`].
type TrunkPatch = Patch<TrunkInput>;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_trunks, create_trunk)).routes(routes!(
        get_trunk,
        replace_trunk,
        patch_trunk,
        delete_trunk
    ))
}

/// Every trunk.
#[utoipa::path(get, path = "/api/trunks", tag = "configuration", params(NamedQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of trunks", body = Page<Trunk>)))]
async fn list_trunks(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<Trunk>>, ApiError> {
    let all = Trunk::all_locked(&app, &caller.scope, app.store.trunks(&caller.scope).await?).await?;
    Ok(axum::Json(Page::cut(all, &query, |trunk| trunk.id, |trunk| &trunk.name)?))
}

/// Adds a trunk.
#[utoipa::path(post, path = "/api/trunks", tag = "configuration", request_body = TrunkInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = Trunk)))]
pub(crate) async fn create_trunk(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<TrunkInput>,
) -> Result<(StatusCode, axum::Json<Trunk>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let trunk = app.store.create_trunk(&caller.scope, (&input.checked(0)?, &lock)).await?;
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(Trunk::from(trunk).with(lock))))
}

/// One trunk.
#[utoipa::path(get, path = "/api/trunks/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the trunk", body = Trunk)))]
async fn get_trunk(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Trunk>, ApiError> {
    let trunk = Trunk::from(app.store.trunk(&caller.scope, TrunkId(id)).await?);
    Ok(axum::Json(trunk.locked(&app, &caller.scope).await?))
}

/// Replaces a trunk; fields that are not given take their defaults.
#[utoipa::path(put, path = "/api/trunks/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = TrunkInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the trunk as it is now", body = Trunk)))]
async fn replace_trunk(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<TrunkInput>,
) -> Result<axum::Json<Trunk>, ApiError> {
    update(&app, &caller.scope, id, input).await
}

/// Changes the given fields of a trunk.
#[utoipa::path(patch, path = "/api/trunks/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = TrunkPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the trunk as it is now", body = Trunk)))]
pub(crate) async fn patch_trunk(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: TrunkPatch,
) -> Result<axum::Json<Trunk>, ApiError> {
    let existing = app.store.trunk(&caller.scope, TrunkId(id)).await?.into();
    update(&app, &caller.scope, id, patch.apply(&existing)?).await
}

async fn update(app: &App, scope: &store::Scope, id: i64, input: TrunkInput) -> Result<axum::Json<Trunk>, ApiError> {
    let lock = input.lock().over(app, scope, Kind::Trunk, id).await?;
    let trunk = app.store.update_trunk(scope, (&input.checked(id)?, &lock)).await?;
    app.configuration_changed().await;
    Ok(axum::Json(Trunk::from(trunk).with(lock)))
}

/// Deletes a trunk that no campaign uses.
#[utoipa::path(delete, path = "/api/trunks/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_trunk(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_trunk(&caller.scope, TrunkId(id)).await?;
    app.configuration_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_patch_changes_the_given_fields_and_a_put_all() {
        let server = Server::start().await;
        let [_, trunk, ..] = server.furnish().await;
        let path = format!("/api/trunks/{trunk}");
        let before = server.get(&path).await.expect(200);
        let after = server.call("PATCH", &path, json!({"calls_per_second": 7})).await.expect(200);
        assert_eq!(after["calls_per_second"], 7);
        assert_eq!((&after["capacity"], &after["name"]), (&before["capacity"], &before["name"]));
        let put = json!({"pbx": before["pbx"], "name": "carrier", "dial_string": "PJSIP/${num}@c", "capacity": 5});
        assert_eq!(server.call("PUT", &path, put).await.expect(200)["calls_per_second"], 0);
        let refused = server.call("PATCH", &path, json!({"capacity": 0})).await.refused(422);
        assert_eq!(refused, ("invalid".into(), "capacity".into()));
        let refused = server.call("PATCH", &path, json!({"capacty": 1})).await.refused(422);
        assert_eq!(refused, ("invalid".into(), "capacty".into()));
        let refused = server.call("PATCH", &path, json!([1])).await.refused(422);
        assert_eq!(refused.0, "invalid");
    }

    #[tokio::test]
    async fn a_trunk_of_an_unknown_pbx_and_a_dial_string_that_loses_calls_are_refused() {
        let server = Server::start().await;
        let [pbx, ..] = server.furnish().await;
        let unknown = json!({"pbx": 77, "name": "x", "dial_string": "PJSIP/${num}@c", "capacity": 1});
        let answer = server.post("/api/trunks", unknown).await;
        assert!(answer.text().contains("pbx 77 does not exist"), "{}", answer.text());
        assert_eq!(answer.refused(422), ("invalid".into(), "pbx".into()));
        for dial_string in ["PJSIP/carrier", "PJSIP/${num}@${EVIL}", "PJSIP/${num}@c\r\nAction: Originate"] {
            let trunk = json!({"pbx": pbx, "name": "x", "dial_string": dial_string, "capacity": 1});
            assert_eq!(server.post("/api/trunks", trunk).await.refused(422).1, "dial_string");
        }
    }

    #[tokio::test]
    async fn a_trunk_that_a_campaign_uses_cannot_be_deleted() {
        let server = Server::start().await;
        let [_, trunk, end_point, list] = server.furnish().await;
        let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list]});
        server.post("/api/campaigns", campaign).await.expect(201);
        for path in
            [format!("/api/trunks/{trunk}"), format!("/api/end-points/{end_point}"), format!("/api/lists/{list}")]
        {
            assert_eq!(server.call("DELETE", &path, Value::Null).await.refused(409).0, "in_use", "{path}");
        }
    }
}
