//! `/api/runs`: executions of campaigns.

use crate::App;
use crate::auth::{Caller, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{Page, limit};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Boost, CampaignId, ListId, RunId, RunState, Timestamp};
use serde::{Deserialize, Serialize};
use store::{RunFilter, RunRecord};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// One execution of a campaign.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: i64,
    /// The campaign it executes.
    pub campaign: i64,
    /// The campaign's name.
    pub campaign_name: String,
    /// Its state.
    #[schema(value_type = words::RunState)]
    pub state: RunState,
    /// Why it is in that state.
    pub why: String,
    /// Who started it.
    pub actor: String,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was completed or removed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Calls on their way per free agent of an observed queue, times that of the end point.
    pub boost: f64,
    /// Its figures.
    pub totals: RunTotals,
}

/// Figures of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunTotals {
    /// Attempts made.
    pub placed: i64,
    /// Contacts that are finished.
    pub terminated: i64,
    /// Contacts that wait for a retry.
    pub open_retries: i64,
    /// Contacts that wait because a rule put them off.
    pub put_off: i64,
    /// Contacts that a rule refuses until the run is reloaded.
    pub refused: i64,
    /// Attempts that were answered, those in progress included.
    pub connected: i64,
}

impl From<RunRecord> for Run {
    fn from(run: RunRecord) -> Self {
        let RunRecord { id, campaign, campaign_name, state, why, actor, started_at, ended_at, boost, totals } = run;
        let store::RunTotals { placed, terminated, open_retries, connected, put_off, refused } = totals;
        let totals = RunTotals { placed, terminated, open_retries, connected, put_off, refused };
        let (id, campaign, boost) = (id.0, campaign.0, boost.factor());
        Self { id, campaign, campaign_name, state, why, actor, started_at, ended_at, boost, totals }
    }
}

/// Which runs.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct RunQuery {
    /// Of this campaign.
    campaign: Option<i64>,
    /// `true`: not over; `false`: over.
    open: Option<bool>,
    /// Started then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Started before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Only runs that come after this one, that is, with an id less than this.
    after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    limit: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_runs))
        .routes(routes!(get_run))
        .routes(routes!(pause_run))
        .routes(routes!(unpause_run))
        .routes(routes!(remove_run))
        .routes(routes!(reload_run))
        .routes(routes!(boost_run))
        .routes(routes!(lists_of_run, add_list_to_run))
        .routes(routes!(pause_list_of_run))
        .routes(routes!(unpause_list_of_run))
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/runs", tag = "campaigns", params(RunQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of runs, newest first", body = Page<Run>)))]
async fn list_runs(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<RunQuery>,
) -> Result<axum::Json<Page<Run>>, ApiError> {
    let limit = limit(query.limit)?;
    let filter = RunFilter {
        campaign: query.campaign.map(CampaignId),
        open: query.open,
        from: query.from,
        to: query.to,
        before: query.after.filter(|id| *id > 0).map(RunId),
        limit,
    };
    let runs = app.store.runs(&caller.scope, &filter).await?.into_iter().map(Run::from).collect();
    Ok(axum::Json(Page::read(runs, limit, |run: &Run| run.id)))
}

/// One run.
#[utoipa::path(get, path = "/api/runs/{id}", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the run", body = Run)))]
async fn get_run(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Run>, ApiError> {
    Ok(axum::Json(app.store.run(&caller.scope, RunId(id)).await?.into()))
}

/// Pauses a run: no new calls, calls up go on.
#[utoipa::path(post, path = "/api/runs/{id}/pause", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 200, description = "the run as it is now", body = Run)))]
async fn pause_run(Operate(caller): Operate, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Run>, ApiError> {
    Ok(axum::Json(app.node()?.pause_run(&caller.scope, RunId(id), &caller.name).await?.into()))
}

/// Goes on with a paused run.
#[utoipa::path(post, path = "/api/runs/{id}/unpause", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 200, description = "the run as it is now", body = Run)))]
async fn unpause_run(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Run>, ApiError> {
    Ok(axum::Json(app.node()?.unpause_run(&caller.scope, RunId(id), &caller.name).await?.into()))
}

/// Ends a run for good; calls up go on to their end.
#[utoipa::path(post, path = "/api/runs/{id}/remove", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 200, description = "the run as it is now", body = Run)))]
async fn remove_run(Operate(caller): Operate, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Run>, ApiError> {
    Ok(axum::Json(app.node()?.remove_run(&caller.scope, RunId(id), &caller.name).await?.into()))
}

/// Takes over what was changed in the campaign into its live run.
#[utoipa::path(post, path = "/api/runs/{id}/reload", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 200, description = "the run as it is now", body = Run)))]
async fn reload_run(Operate(caller): Operate, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Run>, ApiError> {
    Ok(axum::Json(app.node()?.reload_run(&caller.scope, RunId(id), &caller.name).await?.into()))
}

/// How much a run over-dials.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoostInput {
    /// Calls on their way per free agent, `0.01..=20`, times that of the end point.
    #[schema(example = 1.5)]
    pub factor: f64,
}

/// Changes how much a live run over-dials, from this moment on. It stays over reloads and restarts; the next run begins with
/// the campaign's own.
#[utoipa::path(post, path = "/api/runs/{id}/boost", tag = "campaigns", params(("id" = i64, Path)),
    request_body = BoostInput, security(("token" = ["operate"])),
    responses((status = 200, description = "the run as it is now", body = Run)))]
async fn boost_run(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<BoostInput>,
) -> Result<axum::Json<Run>, ApiError> {
    let boost = Boost::of("factor", input.factor)?;
    Ok(axum::Json(app.node()?.boost_run(&caller.scope, RunId(id), boost, &caller.name).await?.into()))
}

/// A list of a run.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunListInput {
    /// Its id.
    pub list: i64,
}

/// How far a run is with one of its lists.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunListProgress {
    /// The list's id.
    pub list: i64,
    /// Its name.
    pub name: String,
    /// Whether it is paused: its fresh contacts are not dialled.
    pub paused: bool,
    /// Contacts that it has.
    pub contacts: i64,
    /// Of these, how many the run has taken: dialled, put off or refused.
    pub taken: i64,
    /// The last of them; 0: none.
    pub high_water: i64,
}

impl From<store::RunListProgress> for RunListProgress {
    fn from(list: store::RunListProgress) -> Self {
        let store::RunListProgress { list, name, paused, contacts, taken, high_water } = list;
        Self { list: list.0, name, paused, contacts, taken, high_water: high_water.0 }
    }
}

/// The lists of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunLists {
    /// In dialling order.
    pub items: Vec<RunListProgress>,
}

impl RunLists {
    async fn of(app: &App, caller: &Caller, run: i64) -> Result<axum::Json<Self>, ApiError> {
        let lists = app.store.run_lists(&caller.scope, RunId(run)).await?;
        Ok(axum::Json(Self { items: lists.into_iter().map(RunListProgress::from).collect() }))
    }
}

/// The lists of a run in dialling order, and how far it is with each.
#[utoipa::path(get, path = "/api/runs/{id}/lists", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "its lists", body = RunLists)))]
async fn lists_of_run(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<RunLists>, ApiError> {
    RunLists::of(&app, &caller, id).await
}

/// Pauses one list of a run: its fresh contacts are not dialled until it goes on. Who waits for a retry is called. It stays
/// over reloads and restarts. A run whose lists are all paused, and that waits for nothing else, is out of contacts.
#[utoipa::path(post, path = "/api/runs/{id}/lists/pause", tag = "campaigns", params(("id" = i64, Path)),
    request_body = RunListInput, security(("token" = ["operate"])),
    responses((status = 200, description = "its lists as they are now", body = RunLists)))]
async fn pause_list_of_run(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<RunListInput>,
) -> Result<axum::Json<RunLists>, ApiError> {
    app.node()?.pause_run_list(&caller.scope, RunId(id), ListId(input.list), true, &caller.name).await?;
    RunLists::of(&app, &caller, id).await
}

/// Goes on with a paused list of a run.
#[utoipa::path(post, path = "/api/runs/{id}/lists/unpause", tag = "campaigns", params(("id" = i64, Path)),
    request_body = RunListInput, security(("token" = ["operate"])),
    responses((status = 200, description = "its lists as they are now", body = RunLists)))]
async fn unpause_list_of_run(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<RunListInput>,
) -> Result<axum::Json<RunLists>, ApiError> {
    app.node()?.pause_run_list(&caller.scope, RunId(id), ListId(input.list), false, &caller.name).await?;
    RunLists::of(&app, &caller, id).await
}

/// Adds a list to the end of what a run dials: to its campaign, which the run then takes over.
#[utoipa::path(post, path = "/api/runs/{id}/lists", tag = "campaigns", params(("id" = i64, Path)),
    request_body = RunListInput, security(("token" = ["operate"])),
    responses((status = 200, description = "the run as it is now", body = Run)))]
async fn add_list_to_run(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<RunListInput>,
) -> Result<axum::Json<Run>, ApiError> {
    let (scope, list) = (&caller.scope, ListId(input.list));
    let run = app.store.run(scope, RunId(id)).await?;
    if run.state.is_final() {
        let message = format!("run {id} is over");
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message).remedy("start the campaign again"));
    }
    attach_list(&app, &caller, run.campaign, list).await?;
    Ok(axum::Json(app.node()?.reload_run(scope, RunId(id), &caller.name).await?.into()))
}

/// Adds a list to the end of what a campaign dials, unless it is there. A live run takes it over when it is reloaded.
pub(crate) async fn attach_list(
    app: &App,
    caller: &Caller,
    campaign: CampaignId,
    list: ListId,
) -> Result<(), ApiError> {
    app.store.list(&caller.scope, list).await?;
    let mut campaign = app.store.campaign(&caller.scope, campaign).await?;
    if !campaign.lists.contains(&list) {
        campaign.lists.push(list);
        app.store.update_campaign(&caller.scope, &campaign, &caller.name).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    /// A campaign that can be started, and its path.
    async fn campaign(server: &Server) -> String {
        let [_, trunk, end_point, list] = server.furnish().await;
        let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "idle_on_termination": true, "packs": ["unrestricted"]});
        format!("/api/campaigns/{}", server.post("/api/campaigns", campaign).await.expect(201)["id"])
    }

    #[tokio::test]
    async fn a_run_is_started_paused_and_removed() {
        let server = Server::with_dialler().await;
        let campaign = campaign(&server).await;
        let run = server.post(&format!("{campaign}/start"), Value::Null).await.expect(201);
        assert_eq!([&run["actor"], &run["campaign_name"]], ["admin", "spring"]);
        assert_eq!(server.post(&format!("{campaign}/start"), Value::Null).await.refused(409).0, "conflict");
        assert_eq!(server.call("DELETE", &campaign, Value::Null).await.refused(409).0, "in_use");

        let path = format!("/api/runs/{}", run["id"]);
        assert_eq!(server.post(&format!("{path}/pause"), Value::Null).await.expect(200)["state"], "PAUSED");
        let unpaused = server.post(&format!("{path}/unpause"), Value::Null).await.expect(200);
        assert_ne!(unpaused["state"], "PAUSED");
        server.post(&format!("{path}/reload"), Value::Null).await.expect(200);
        assert_eq!(run["boost"], 1.0);
        let boosted = server.post(&format!("{path}/boost"), json!({"factor": 1.5})).await.expect(200);
        assert_eq!((&boosted["boost"], &server.get(&path).await.expect(200)["boost"]), (&json!(1.5), &json!(1.5)));
        assert_eq!(server.post(&format!("{path}/boost"), json!({"factor": 0})).await.refused(422).1, "factor");
        assert_eq!(server.post(&format!("{path}/remove"), Value::Null).await.expect(200)["state"], "REMOVED");
        server.post(&format!("{path}/pause"), Value::Null).await.refused(409);
        assert_eq!(server.get("/api/runs?open=true").await.expect(200)["items"], json!([]));
        assert_eq!(server.get("/api/runs?open=false").await.expect(200)["items"][0]["id"], run["id"]);
    }

    #[tokio::test]
    async fn a_campaign_that_lacks_something_is_not_started() {
        let server = Server::with_dialler().await;
        let made = server.post("/api/campaigns", json!({"name": "bare"})).await.expect(201);
        let answer = server.post(&format!("/api/campaigns/{}/start", made["id"]), Value::Null).await;
        assert!(answer.text().contains("has no trunk"), "{}", answer.text());
        assert!([409, 422].contains(&answer.status.as_u16()), "{}", answer.status);
        assert_eq!(server.post("/api/campaigns/77/start", Value::Null).await.refused(404).0, "not_found");
        assert_eq!(server.post("/api/runs/77/pause", Value::Null).await.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn a_list_of_a_run_is_paused_and_goes_on() {
        let server = Server::with_dialler().await;
        let campaign = campaign(&server).await;
        let run = server.post(&format!("{campaign}/start"), Value::Null).await.expect(201)["id"].clone();
        let path = format!("/api/runs/{run}/lists");
        let lists = server.get(&path).await.expect(200);
        let list = lists["items"][0]["list"].clone();
        assert_eq!((&lists["items"][0]["paused"], &lists["items"][0]["taken"]), (&json!(false), &json!(0)), "{lists}");
        let paused = server.post(&format!("{path}/pause"), json!({"list": list})).await.expect(200);
        assert_eq!(paused["items"][0]["paused"], true);
        server.post(&format!("/api/runs/{run}/reload"), Value::Null).await.expect(200);
        assert_eq!(server.get(&path).await.expect(200)["items"][0]["paused"], true, "a reload does not resume it");
        assert_eq!(server.get("/api/live").await.expect(200)["runs"][0]["lists"][0]["paused"], true);
        let other = server.post(&format!("{path}/pause"), json!({"list": 77})).await;
        assert_eq!(other.refused(422), ("invalid".into(), "list".into()));
        let resumed = server.post(&format!("{path}/unpause"), json!({"list": list})).await.expect(200);
        assert_eq!(resumed["items"][0]["paused"], false);
        server.post(&format!("/api/runs/{run}/remove"), Value::Null).await.expect(200);
        server.post(&format!("{path}/pause"), json!({"list": list})).await.refused(409);
        server.get("/api/runs/77/lists").await.refused(404);
    }

    #[tokio::test]
    async fn runs_come_newest_first_and_in_pages() {
        let server = Server::with_dialler().await;
        let campaign = campaign(&server).await;
        for _ in 0..3 {
            let run = server.post(&format!("{campaign}/start"), Value::Null).await.expect(201);
            server.post(&format!("/api/runs/{}/remove", run["id"]), Value::Null).await.expect(200);
        }
        let ids = |page: &Value| {
            page["items"].as_array().unwrap().iter().map(|run| run["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        let first = server.get("/api/runs?limit=2").await.expect(200);
        assert_eq!((ids(&first), &first["next"]), (vec![3, 2], &json!(2)));
        let second = server.get("/api/runs?limit=2&after=2").await.expect(200);
        assert_eq!((ids(&second), &second["next"]), (vec![1], &Value::Null));
    }
}
