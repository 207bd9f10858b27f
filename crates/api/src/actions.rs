//! `/api/actions`: what outcome rules asked for after calls, and letters about runs.

use crate::App;
use crate::auth::{Operate, Read};
use crate::campaign_rules::OutcomeRule;
use crate::error::ApiError;
use crate::extract::{Id, Query};
use crate::page::Page;
use crate::words;
use axum::extract::State;
use domain::{ActionId, AttemptId, CampaignId, RunId, RunState, Timestamp, Verb};
use serde::{Deserialize, Serialize};
use store::{ActionFilter, ActionState, Task};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What an outcome rule asked for after one call, or a letter about a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Action {
    /// Its id.
    pub id: i64,
    /// The attempt after which it was asked for; `null`: it is a letter about the run.
    pub attempt: Option<i64>,
    /// Of which run.
    pub run: i64,
    /// The run's campaign.
    pub campaign: i64,
    /// The campaign's name now.
    pub campaign_name: String,
    /// Whom the call was to; `null`: it is a letter about the run.
    pub contact: Option<i64>,
    /// How it is done: that of its rule, and `EMAIL` of a letter.
    #[schema(value_type = words::Verb)]
    pub verb: Verb,
    /// The rule as it was when the call ended; `null`: it is a letter about the run.
    pub rule: Option<OutcomeRule>,
    /// States of the run that a letter tells of, the oldest first; empty after a call.
    #[schema(value_type = Vec<words::RunState>)]
    pub states: Vec<RunState>,
    /// How far it is.
    #[schema(value_type = words::ActionState)]
    pub state: ActionState,
    /// When it is tried next, or was due.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// Tries so far.
    pub tries: u32,
    /// What came of the last try, for people; empty before the first.
    pub said: String,
    /// When it changed last.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl From<store::Action> for Action {
    fn from(action: store::Action) -> Self {
        let verb = action.task.verb();
        let (after, states) = match action.task {
            Task::AfterCall(after) => (Some(after), Vec::new()),
            Task::Letter(letter) => (None, letter.changes.iter().map(|news| news.state).collect()),
        };
        Self {
            id: action.id.0,
            attempt: after.as_ref().map(|after| after.attempt.0),
            run: action.run.0,
            campaign: action.campaign.0,
            campaign_name: action.campaign_name,
            contact: after.as_ref().map(|after| after.contact.0),
            verb,
            rule: after.map(|after| after.rule.into()),
            states,
            state: action.state,
            due_at: action.due_at,
            tries: action.tries,
            said: action.said,
            changed_at: action.changed_at,
        }
    }
}

/// Which actions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ActionQuery {
    /// Of this run.
    run: Option<i64>,
    /// Of this campaign.
    campaign: Option<i64>,
    /// After this attempt.
    attempt: Option<i64>,
    /// In this state.
    #[param(value_type = Option<words::ActionState>)]
    state: Option<ActionState>,
    /// The last id of the page before.
    after: Option<i64>,
    /// At most, `1..=1000`; 100 when not given.
    limit: Option<u32>,
}

/// Which failed actions are tried again.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AgainQuery {
    /// Of this run only.
    run: Option<i64>,
    /// Of this campaign only.
    campaign: Option<i64>,
}

/// How many are tried again.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriedAgain {
    /// So many.
    pub actions: u64,
}

/// How many actions of a run are in which state.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionCounts {
    /// For their time, or their next try.
    pub waiting: i64,
    /// They were done.
    pub done: i64,
    /// They were not, and are not tried again by themselves.
    pub failed: i64,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_actions))
        .routes(routes!(get_action))
        .routes(routes!(count_actions))
        .routes(routes!(try_again))
        .routes(routes!(try_failed_again))
}

/// What outcome rules asked for, and letters about runs, the latest first.
#[utoipa::path(get, path = "/api/actions", tag = "campaigns", params(ActionQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of actions", body = Page<Action>)))]
async fn list_actions(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<ActionQuery>,
) -> Result<axum::Json<Page<Action>>, ApiError> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let filter = ActionFilter {
        run: query.run.map(RunId),
        campaign: query.campaign.map(CampaignId),
        attempt: query.attempt.map(AttemptId),
        state: query.state,
        before: query.after.map(ActionId),
        limit,
    };
    let items: Vec<Action> = app.store.actions(&caller.scope, &filter).await?.into_iter().map(Into::into).collect();
    let next = items.last().filter(|_| items.len() >= limit as usize).map(|action| action.id);
    Ok(axum::Json(Page { items, next }))
}

/// One action.
#[utoipa::path(get, path = "/api/actions/{id}", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the action", body = Action)))]
async fn get_action(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Action>, ApiError> {
    Ok(axum::Json(app.store.action(&caller.scope, ActionId(id)).await?.into()))
}

/// How many actions of a run there are, letters about it included, by what became of them.
#[utoipa::path(get, path = "/api/runs/{id}/actions", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the counts", body = ActionCounts)))]
async fn count_actions(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<ActionCounts>, ApiError> {
    let store::ActionCounts { waiting, done, failed } = app.store.action_counts(&caller.scope, RunId(id)).await?;
    Ok(axum::Json(ActionCounts { waiting, done, failed }))
}

/// Tries an action again now that failed or waits. One that was done is not repeated.
#[utoipa::path(post, path = "/api/actions/{id}/retry", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])),
    responses((status = 200, description = "it is tried now", body = Action),
        (status = 409, description = "it was done")))]
async fn try_again(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Action>, ApiError> {
    Ok(axum::Json(app.store.try_action_again(&caller.scope, ActionId(id)).await?.into()))
}

/// Tries failed actions again, the oldest 10,000 of them at most.
#[utoipa::path(post, path = "/api/actions/retry", tag = "campaigns", params(AgainQuery),
    security(("token" = ["operate"])),
    responses((status = 200, description = "how many are tried now", body = TriedAgain)))]
async fn try_failed_again(
    Operate(caller): Operate,
    State(app): State<App>,
    Query(query): Query<AgainQuery>,
) -> Result<axum::Json<TriedAgain>, ApiError> {
    let (run, campaign) = (query.run.map(RunId), query.campaign.map(CampaignId));
    let actions = app.store.try_failed_again(&caller.scope, run, campaign).await?;
    Ok(axum::Json(TriedAgain { actions }))
}
