//! `/api/dialling`: one switch that stops every new call.

use crate::App;
use crate::auth::{Caller, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use domain::error::check_why;
use node::live::Dialling;
use serde::{Deserialize, Serialize};
use store::Hold;
use store::restore::OpenRestore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whether calls may be placed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiallingState {
    /// Whether they may.
    #[schema(value_type = words::Dialling)]
    pub dialling: Dialling,
    /// Who stopped it, when and why.
    pub hold: Option<HoldState>,
    /// Why nothing new is begun, held or not: the database cannot be written, or its disk is nearly full. Passes by
    /// itself.
    pub storage: Option<StorageState>,
    /// The restore because of which dialling is held, beside any other reason.
    pub restore: Option<RestoreState>,
}

/// What the database lacks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StorageState {
    /// Since when nothing new is begun.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What is wrong.
    pub why: String,
}

/// A backup took the place of the database, and who was called between the two is not known.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RestoreState {
    /// When it was restored.
    #[schema(value_type = String, format = DateTime)]
    pub restored_at: Timestamp,
    /// When the backup was made: calls after that are not known.
    #[schema(value_type = String, format = DateTime)]
    pub taken_at: Timestamp,
    /// When the hold ends by itself: the longest gap of all rules is over then, at least a day.
    #[schema(value_type = String, format = DateTime)]
    pub lift_at: Timestamp,
}

/// How to lift the hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LiftQuery {
    /// After a restore: people who were called since the backup may be called again, and that is accepted.
    pub accept_restore: Option<bool>,
}

/// Who stopped dialling, when and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HoldState {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The token's name, or `carillon`.
    pub by: String,
    /// The reason that was given.
    pub why: String,
}

/// As the database has it.
async fn state(app: &App, caller: &Caller) -> Result<axum::Json<DiallingState>, ApiError> {
    let hold = app.store.hold(&caller.scope).await?;
    let restore = app.store.open_restore(&caller.scope).await?;
    Ok(axum::Json(DiallingState::of(hold, restore, app)))
}

impl DiallingState {
    fn of(hold: Option<Hold>, restore: Option<OpenRestore>, app: &App) -> Self {
        let hold = hold.map(|hold| HoldState { since: hold.since, by: hold.by, why: hold.why });
        let dialling = if hold.is_some() { Dialling::Held } else { Dialling::Dialling };
        let restore = restore.map(|restore| RestoreState {
            restored_at: restore.restored_at,
            taken_at: restore.taken_at,
            lift_at: restore.lift_at,
        });
        let storage = app.node.as_ref().and_then(|node| node.health().storage);
        let storage = storage.map(|storage| StorageState { since: storage.since, why: storage.why });
        Self { dialling, hold, restore, storage }
    }
}

/// Why dialling is to stop.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldInput {
    /// For the people who find it stopped; at most 200 characters.
    #[serde(default)]
    #[schema(example = "the carrier calls back angry people")]
    pub why: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_dialling)).routes(routes!(hold_dialling)).routes(routes!(lift_dialling))
}

/// Whether calls may be placed.
#[utoipa::path(get, path = "/api/dialling", tag = "dialling", security(("token" = ["read"])),
    responses((status = 200, description = "whether they may", body = DiallingState)))]
async fn get_dialling(Read(caller): Read, State(app): State<App>) -> Result<axum::Json<DiallingState>, ApiError> {
    state(&app, &caller).await
}

/// Stops dialling: no call is placed after the answer to this. Conversations go on. It survives restarts.
#[utoipa::path(post, path = "/api/dialling/hold", tag = "dialling", request_body = HoldInput,
    security(("token" = ["operate"])),
    responses((status = 200, description = "nothing is dialled from now on", body = DiallingState)))]
async fn hold_dialling(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<HoldInput>,
) -> Result<axum::Json<DiallingState>, ApiError> {
    hold(&app, &caller, input.why.trim()).await?;
    state(&app, &caller).await
}

/// Stops dialling.
pub(crate) async fn hold(app: &App, caller: &Caller, why: &str) -> Result<(), ApiError> {
    check_why(why)?;
    app.node()?.hold(&caller.scope, &caller.name, why).await?;
    Ok(())
}

/// Lifts the hold: dialling goes on. After a restore only with `accept_restore=true`; 409 `restored` otherwise.
#[utoipa::path(post, path = "/api/dialling/lift", tag = "dialling", params(LiftQuery),
    security(("token" = ["operate"])),
    responses((status = 200, description = "calls may be placed again", body = DiallingState)))]
async fn lift_dialling(
    Operate(caller): Operate,
    State(app): State<App>,
    Query(query): Query<LiftQuery>,
) -> Result<axum::Json<DiallingState>, ApiError> {
    lift(&app, &caller, query.accept_restore == Some(true)).await?;
    state(&app, &caller).await
}

/// Lets dialling go on; after a restore only when that is accepted.
pub(crate) async fn lift(app: &App, caller: &Caller, accept_restore: bool) -> Result<(), ApiError> {
    let restore = app.store.open_restore(&caller.scope).await?;
    if let Some(restore) = restore.filter(|_| !accept_restore) {
        return Err(unaccepted(&restore));
    }
    app.node()?.lift(&caller.scope, &caller.name).await?;
    Ok(())
}

/// What may be dialled twice, in words.
fn unaccepted(restore: &OpenRestore) -> ApiError {
    let message = format!(
        "the database was restored from a backup of {}: whoever was called between then and the restore at {} may be \
         called again",
        restore.taken_at, restore.restored_at
    );
    ApiError::new(StatusCode::CONFLICT, "restored", message).remedy(format!(
        "read the PBX's call records (carillon restore --cdr Master.csv), wait until {}, or accept it with \
         carillon resume-dialling --accept-restore",
        restore.lift_at
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn dialling_is_stopped_and_lifted_and_says_by_whom_and_why() {
        let server = Server::with_dialler().await;
        assert_eq!(
            server.get("/api/dialling").await.expect(200),
            json!({"dialling": "dialling", "hold": null, "restore": null, "storage": null})
        );
        let held = server.post("/api/dialling/hold", json!({"why": "complaints"})).await.expect(200);
        assert_eq!([&held["dialling"], &held["hold"]["by"], &held["hold"]["why"]], ["held", "admin", "complaints"]);
        let live = server.get("/api/live").await.expect(200);
        assert_eq!([&live["dialling"], &live["hold"]["why"]], ["held", "complaints"]);
        let again = server.post("/api/dialling/hold", json!({})).await.expect(200);
        assert_eq!(again, held, "the first hold stays");
        let lifted = server.post("/api/dialling/lift", Value::Null).await.expect(200);
        assert_eq!(lifted, json!({"dialling": "dialling", "hold": null, "restore": null, "storage": null}));
    }

    #[tokio::test]
    async fn a_reason_is_one_short_line() {
        let server = Server::with_dialler().await;
        for why in ["two\nlines", &"x".repeat(201)] {
            assert_eq!(server.post("/api/dialling/hold", json!({"why": why})).await.refused(422).1, "why");
        }
        assert_eq!(server.get("/api/dialling").await.expect(200)["dialling"], "dialling");
    }

    #[tokio::test]
    async fn a_dialler_that_stopped_is_not_said_to_be_held() {
        let mut server = Server::with_dialler().await;
        server.stop_dialler().await;
        let answer = server.post("/api/dialling/hold", json!({"why": "x"})).await;
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(answer.refused(503).0, "dialler_unavailable");
    }
}
