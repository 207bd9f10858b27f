//! `/api/end-points`: where answered calls go.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{EndPointId, EndPointKind, PbxId};
use serde::{Deserialize, Serialize};
use store::Kind;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where an answered call goes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndPoint {
    /// Its id.
    pub id: i64,
    /// The PBX it belongs to.
    pub pbx: i64,
    /// Unique.
    #[schema(example = "message")]
    pub name: String,
    /// What it is.
    #[schema(value_type = words::EndPointKind)]
    pub kind: EndPointKind,
    /// Dialplan context.
    #[schema(example = "from-carillon")]
    pub context: String,
    /// Dialplan extension; the call enters at priority 1.
    #[schema(example = "100")]
    pub extension: String,
    /// Calls at once over all campaigns.
    pub max_channels: u32,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// Left out of choices; nothing else changes.
    pub hidden: bool,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(EndPoint, EndPoint, hidden);

impl From<domain::EndPoint> for EndPoint {
    fn from(end_point: domain::EndPoint) -> Self {
        let domain::EndPoint { id, pbx, name, kind, context, extension, max_channels } = end_point;
        Self {
            id: id.0,
            pbx: pbx.0,
            name,
            kind,
            context,
            extension,
            max_channels,
            security_key: String::new(),
            hidden: false,
            created_by: None,
        }
    }
}

/// An end point as it is created or replaced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndPointInput {
    /// The PBX it belongs to: it serves only trunks of the same PBX.
    pub pbx: i64,
    /// Unique, 1..=60 characters.
    #[schema(example = "message")]
    pub name: String,
    /// What it is.
    #[serde(default = "default_kind")]
    #[schema(value_type = words::EndPointKind, required = false)]
    pub kind: EndPointKind,
    /// Dialplan context.
    #[schema(example = "from-carillon")]
    pub context: String,
    /// Dialplan extension; the call enters at priority 1.
    #[schema(example = "100")]
    pub extension: String,
    /// Calls at once over all campaigns, `1..=10000`.
    #[schema(example = 30)]
    pub max_channels: u32,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
    /// Left out of choices. Without it a changed one stays as it is.
    #[serde(default)]
    pub hidden: Option<bool>,
}

fn default_kind() -> EndPointKind {
    EndPointKind::Phone
}

impl EndPointInput {
    fn checked(self, id: i64) -> Result<domain::EndPoint, ApiError> {
        let Self { pbx, name, kind, context, extension, max_channels, .. } = self;
        let end_point =
            domain::EndPoint { id: EndPointId(id), pbx: PbxId(pbx), name, kind, context, extension, max_channels };
        end_point.check()?;
        Ok(end_point)
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: self.hidden }
    }
}

impl From<domain::EndPoint> for EndPointInput {
    fn from(end_point: domain::EndPoint) -> Self {
        let domain::EndPoint { id: _, pbx, name, kind, context, extension, max_channels } = end_point;
        Self { pbx: pbx.0, name, kind, context, extension, max_channels, security_key: None, hidden: None }
    }
}

/// Some fields of a [`EndPointInput`].
type EndPointPatch = Patch<EndPointInput>;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_end_points, create_end_point)).routes(routes!(
        get_end_point,
        replace_end_point,
        patch_end_point,
        delete_end_point
    ))
}

/// Every end point.
#[utoipa::path(get, path = "/api/end-points", tag = "configuration", params(NamedQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of end points", body = Page<EndPoint>)))]
async fn list_end_points(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<EndPoint>>, ApiError> {
    let all = EndPoint::all_locked(&app, &caller.scope, app.store.end_points(&caller.scope).await?).await?;
    Ok(axum::Json(Page::cut(all, &query, |end_point| end_point.id, |end_point| &end_point.name)?))
}

/// Adds an end point.
#[utoipa::path(post, path = "/api/end-points", tag = "configuration", request_body = EndPointInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = EndPoint)))]
pub(crate) async fn create_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<EndPointInput>,
) -> Result<(StatusCode, axum::Json<EndPoint>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let end_point = app.store.create_end_point(&caller.scope, (&input.checked(0)?, &lock)).await?;
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(EndPoint::from(end_point).with(lock))))
}

/// One end point.
#[utoipa::path(get, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the end point", body = EndPoint)))]
async fn get_end_point(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let end_point = EndPoint::from(app.store.end_point(&caller.scope, EndPointId(id)).await?);
    Ok(axum::Json(end_point.locked(&app, &caller.scope).await?))
}

/// Replaces an end point; fields that are not given take their defaults.
#[utoipa::path(put, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = EndPointInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the end point as it is now", body = EndPoint)))]
async fn replace_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<EndPointInput>,
) -> Result<axum::Json<EndPoint>, ApiError> {
    update(&app, &caller.scope, id, input).await
}

/// Changes the given fields of an end point.
#[utoipa::path(patch, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = EndPointPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the end point as it is now", body = EndPoint)))]
pub(crate) async fn patch_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: EndPointPatch,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let existing = app.store.end_point(&caller.scope, EndPointId(id)).await?.into();
    update(&app, &caller.scope, id, patch.apply(&existing)?).await
}

async fn update(
    app: &App,
    scope: &store::Scope,
    id: i64,
    input: EndPointInput,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let lock = input.lock().over(app, scope, Kind::EndPoint, id).await?;
    let end_point = app.store.update_end_point(scope, (&input.checked(id)?, &lock)).await?;
    app.configuration_changed().await;
    Ok(axum::Json(EndPoint::from(end_point).with(lock)))
}

/// Deletes an end point that no campaign uses.
#[utoipa::path(delete, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_end_point(&caller.scope, EndPointId(id)).await?;
    app.configuration_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::json;

    #[tokio::test]
    async fn an_end_point_is_made_patched_and_checked() {
        let server = Server::start().await;
        let [pbx, _, end_point, _] = server.furnish().await;
        let path = format!("/api/end-points/{end_point}");
        assert_eq!(server.get(&path).await.expect(200)["kind"], "PHONE");
        let patched = server.call("PATCH", &path, json!({"max_channels": 3})).await.expect(200);
        assert_eq!((&patched["max_channels"], &patched["extension"]), (&json!(3), &json!("100")));
        let injected = json!({"pbx": pbx, "name": "x", "context": "c\r\nX: y", "extension": "1", "max_channels": 1});
        assert_eq!(server.post("/api/end-points", injected).await.refused(422).1, "context");
    }
}
