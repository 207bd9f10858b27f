//! What a run did, beside what a forecast said of it.

use super::said::Forecast;
use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::Id;
use crate::words;
use axum::extract::State;
use domain::{CallState, CampaignId, RunState, Timestamp};
use serde::Serialize;
use store::forecasts::{HourDid, RunDid};
use utoipa::ToSchema;

/// The forecasts of a campaign that are kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Forecasts {
    /// The last 20, newest first.
    pub items: Vec<ForecastBeside>,
}

/// A forecast and what came.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForecastBeside {
    /// What was said.
    pub forecast: Forecast,
    /// What the run did; `null`: no run was begun since.
    pub outcome: Option<RunOutcome>,
}

/// What a run did in the time that a forecast spoke of, up to now. A run that was begun after the forecast is looked at from its
/// own beginning.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunOutcome {
    /// Which run.
    pub run: i64,
    /// Its state.
    #[schema(value_type = words::RunState)]
    pub state: RunState,
    /// When it was completed or removed; `null`: it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// From then.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until then: the time of the forecast is over, or it is now.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Whether all of the time that the forecast spoke of is over, or the run is.
    pub complete: bool,
    /// Calls made.
    pub attempts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Calls made in an hour in which there were any.
    pub calls_per_hour: f64,
    /// Calls after the first one of their contact.
    pub retries: u64,
    /// Live answers, by the books of abandoned calls.
    pub live: u64,
    /// Of these, abandoned.
    pub abandoned: u64,
    /// Their share, `0..=1`.
    pub abandoned_share: f64,
    /// Conversations with an agent in time.
    pub conversations: u64,
    /// Seconds from answer to end, of all calls.
    pub talk_s: f64,
    /// Talk of the agents' time, as many of them as the forecast had and while calls were made, `0..=1`: wrap-up is not in it, because
    /// no call tells of it. `null` without agents.
    pub talk_occupancy: Option<f64>,
    /// How calls ended.
    pub outcomes: Vec<RunOutcomeState>,
    /// Hour by hour from `from`.
    pub series: Vec<RunOutcomeHour>,
}

/// Calls that ended in one way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunOutcomeState {
    /// Final state of the call.
    #[schema(value_type = words::CallState, example = "RS_BUSY")]
    pub state: CallState,
    /// How many.
    pub calls: u64,
    /// After how many a reschedule rule tried again.
    pub retried: u64,
}

/// One hour of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunOutcomeHour {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Calls made in it.
    pub attempts: u64,
    /// Calls answered in it.
    pub answered: u64,
    /// Calls abandoned in it.
    pub abandoned: u64,
}

/// The last forecasts of a campaign, newest first, each with what the run did that it spoke of.
#[utoipa::path(get, path = "/api/campaigns/{id}/forecasts", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "its forecasts", body = Forecasts)))]
pub(super) async fn campaign_forecasts(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Forecasts>, ApiError> {
    let (scope, campaign) = (&caller.scope, CampaignId(id));
    let mut items = Vec::new();
    for kept in app.store.forecasts(scope, campaign).await? {
        let came = app.store.what_came(scope, campaign, &kept.forecast, store::now()).await?;
        let mut forecast: Forecast = serde_json::from_value(kept.forecast.result).map_err(ApiError::internal)?;
        forecast.id = kept.id;
        let outcome = came.map(|did| outcome(did, &forecast));
        items.push(ForecastBeside { forecast, outcome });
    }
    Ok(axum::Json(Forecasts { items }))
}

fn outcome(did: RunDid, forecast: &Forecast) -> RunOutcome {
    let sum = |figure: fn(&HourDid) -> u64| did.hours.iter().map(figure).sum::<u64>();
    let (attempts, live, abandoned) = (sum(|hour| hour.attempts), sum(|hour| hour.live), sum(|hour| hour.abandoned));
    let dialled = did.hours.iter().filter(|hour| hour.attempts > 0).count();
    let ended_at = did.run.ended_at;
    let last = ended_at.unwrap_or(did.until).min(did.until);
    let elapsed_s = (last.ms_since(did.from).max(0) as f64 / 1_000.0).min(dialled as f64 * 3_600.0);
    let talk_s = sum(|hour| hour.talk_ms) as f64 / 1_000.0;
    let there_s = elapsed_s * f64::from(forecast.agents);
    let told = (forecast.hours * 3_600.0) as i64;
    let hour = |(index, hour): (usize, &HourDid)| RunOutcomeHour {
        at: did.from.plus_seconds(3_600 * i64::try_from(index).unwrap_or(0)),
        attempts: hour.attempts,
        answered: hour.answered,
        abandoned: hour.abandoned,
    };
    RunOutcome {
        run: did.run.id.0,
        state: did.run.state,
        finished_at: ended_at,
        from: did.from,
        until: did.until,
        complete: ended_at.is_some() || did.until >= did.from.plus_seconds(told),
        attempts,
        answered: sum(|hour| hour.answered),
        calls_per_hour: attempts as f64 / dialled.max(1) as f64,
        retries: sum(|hour| hour.retries),
        live,
        abandoned,
        abandoned_share: abandoned as f64 / live.max(1) as f64,
        conversations: sum(|hour| hour.connected),
        talk_s,
        talk_occupancy: (there_s > 0.0).then(|| (talk_s / there_s).min(1.0)),
        series: did.hours.iter().enumerate().map(hour).collect(),
        outcomes: did
            .outcomes
            .into_iter()
            .map(|(state, calls, retried)| RunOutcomeState { state, calls, retried })
            .collect(),
    }
}
