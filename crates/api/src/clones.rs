//! `POST /api/<noun>/{id}/clone`: the same thing once more under another name, with its key and with who cloned it.
//!
//! What the API never shows is cloned with it: the password of a PBX.

use crate::App;
use crate::auth::{Admin, Caller};
use crate::campaigns::Campaign;
use crate::end_points::EndPoint;
use crate::error::ApiError;
use crate::extract::{Id, Json};
use crate::locks::Shown;
use crate::pbxs::Pbx;
use crate::trunks::Trunk;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{CampaignId, EndPointId, PbxId, TrunkId};
use serde::Deserialize;
use store::pbxs::Passwords;
use store::{Kind, Lock};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a clone is told.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneInput {
    /// The name of the new one; unique.
    #[schema(example = "spring again")]
    pub name: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(clone_pbx))
        .routes(routes!(clone_trunk))
        .routes(routes!(clone_end_point))
        .routes(routes!(clone_campaign))
}

/// Clones a PBX with its password. Its trunks and end points stay where they are.
#[utoipa::path(post, path = "/api/pbxs/{id}/clone", tag = "configuration", params(("id" = i64, Path)),
    request_body = CloneInput, security(("token" = ["admin"])),
    responses((status = 201, description = "the new one", body = Pbx)))]
async fn clone_pbx(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(CloneInput { name }): Json<CloneInput>,
) -> Result<(StatusCode, axum::Json<Pbx>), ApiError> {
    let (store, scope) = (&app.store, &caller.scope);
    let pbx = domain::Pbx { name, ..store.pbx(scope, PbxId(id)).await? };
    let (own, manager) = (store.pbx_password(scope, PbxId(id)).await?, store.manager_password(scope, PbxId(id)).await?);
    let password = Passwords { own: Some(&own), manager: manager.as_deref() };
    let lock = lock(&app, &caller, Kind::Pbx, id).await?;
    let pbx = Pbx::from(store.create_pbx(scope, (&pbx, &lock), password).await?);
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(pbx.with(lock))))
}

/// Clones a trunk. No campaign uses the new one yet.
#[utoipa::path(post, path = "/api/trunks/{id}/clone", tag = "configuration", params(("id" = i64, Path)),
    request_body = CloneInput, security(("token" = ["admin"])),
    responses((status = 201, description = "the new one", body = Trunk)))]
async fn clone_trunk(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(CloneInput { name }): Json<CloneInput>,
) -> Result<(StatusCode, axum::Json<Trunk>), ApiError> {
    let trunk = domain::Trunk { name, ..app.store.trunk(&caller.scope, TrunkId(id)).await? };
    let lock = lock(&app, &caller, Kind::Trunk, id).await?;
    let trunk = Trunk::from(app.store.create_trunk(&caller.scope, (&trunk, &lock)).await?);
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(trunk.with(lock))))
}

/// Clones an end point. No campaign uses the new one yet.
#[utoipa::path(post, path = "/api/end-points/{id}/clone", tag = "configuration", params(("id" = i64, Path)),
    request_body = CloneInput, security(("token" = ["admin"])),
    responses((status = 201, description = "the new one", body = EndPoint)))]
async fn clone_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(CloneInput { name }): Json<CloneInput>,
) -> Result<(StatusCode, axum::Json<EndPoint>), ApiError> {
    let end_point = domain::EndPoint { name, ..app.store.end_point(&caller.scope, EndPointId(id)).await? };
    let lock = lock(&app, &caller, Kind::EndPoint, id).await?;
    let end_point = EndPoint::from(app.store.create_end_point(&caller.scope, (&end_point, &lock)).await?);
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(end_point.with(lock))))
}

/// Clones a campaign with its lists, trunks, end points, rules and limits. The new one has no run, and a suppression list
/// that holds for the old one alone does not hold for it.
#[utoipa::path(post, path = "/api/campaigns/{id}/clone", tag = "campaigns", params(("id" = i64, Path)),
    request_body = CloneInput, security(("token" = ["admin"])),
    responses((status = 201, description = "the new one", body = Campaign)))]
pub(crate) async fn clone_campaign(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(CloneInput { name }): Json<CloneInput>,
) -> Result<(StatusCode, axum::Json<Campaign>), ApiError> {
    let campaign = domain::Campaign { name, ..app.store.campaign(&caller.scope, CampaignId(id)).await? };
    let lock = lock(&app, &caller, Kind::Campaign, id).await?;
    let campaign = app.store.create_campaign(&caller.scope, (&campaign, &lock), &caller.name).await?;
    Ok((StatusCode::CREATED, axum::Json(Campaign::from(campaign).with(lock))))
}

/// The lock of the new one.
async fn lock(app: &App, caller: &Caller, kind: Kind, id: i64) -> Result<Lock, ApiError> {
    let lock = app.store.lock(&caller.scope, kind, id).await?;
    Ok(Lock { created_by: caller.scope.actor.user, ..lock })
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    /// Less what a clone does not share.
    fn less(mut value: Value) -> Value {
        for field in ["id", "name"] {
            value.as_object_mut().unwrap().remove(field);
        }
        for rule in value["rules"].as_array_mut().into_iter().flatten() {
            rule.as_object_mut().unwrap().remove("id");
        }
        value
    }

    #[tokio::test]
    async fn a_clone_is_the_same_under_another_name() {
        let server = Server::start().await;
        let [pbx, trunk, end_point, list] = server.furnish().await;
        let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "packs": ["unrestricted"], "security_key": "SALES",
            "rules": [{"status": "RS_BUSY", "max_attempts": 2, "retry_after_s": 300, "mode": "FIXED"}]});
        let campaign = server.post("/api/campaigns", campaign).await.expect(201)["id"].clone();
        let hidden = json!({"hidden": true, "security_key": "SALES"});
        server.patch(&format!("/api/trunks/{trunk}"), hidden).await.expect(200);
        let things =
            [("pbxs", json!(pbx)), ("trunks", json!(trunk)), ("end-points", json!(end_point)), ("campaigns", campaign)];
        for (noun, id) in things {
            let path = format!("/api/{noun}/{id}");
            let body = json!({"name": format!("another of {noun}")});
            let clone = server.post(&format!("{path}/clone"), body.clone()).await.expect(201);
            assert_ne!(clone["id"], id);
            assert_eq!(clone["name"], body["name"]);
            let original = server.get(&path).await.expect(200);
            assert_eq!(less(clone.clone()), less(original), "{noun}");
            assert_eq!(server.get(&format!("/api/{noun}/{}", clone["id"])).await.expect(200), clone);
            assert_eq!(server.post(&format!("{path}/clone"), body).await.refused(409).0, "name_taken", "{noun}");
            let nowhere = server.post(&format!("/api/{noun}/77/clone"), json!({"name": "x"})).await;
            assert_eq!(nowhere.refused(404).0, "not_found", "{noun}");
        }
        let clones = server.app.store.pbxs(&store::Scope::installation()).await.unwrap();
        let mut passwords = Vec::new();
        for pbx in clones {
            passwords.push(server.app.store.pbx_password(&store::Scope::installation(), pbx.id).await.unwrap());
        }
        assert!(passwords.len() == 2 && passwords[0] == passwords[1], "the password is cloned with it");
    }
}
