//! `/api/campaigns/{id}/forecast`: a campaign played ahead, and what came beside what was said.
//!
//! The answer is streamed line by line, because it takes from a second to minutes: `application/x-ndjson`, one JSON object per line,
//! the last of which is the forecast or an error. Whoever goes away ends it.

mod beside;
mod said;

pub use beside::{ForecastBeside, Forecasts, RunOutcome, RunOutcomeHour, RunOutcomeState};
pub use said::{
    Exclusion, Forecast, ForecastAssumption, ForecastFigures, ForecastHour, ForecastOutcome, ForecastRule,
    ForecastSource, Spread,
};

use crate::App;
use crate::auth::{Caller, Operate, Read};
use crate::error::{ApiError, ErrorDetail};
use crate::extract::{Id, Json};
use crate::words;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Boost, CampaignId, Invalid, PacingMode, PacingPolicy, Timestamp};
use node::forecast::{MAX_SEEDS, Progress, WhatIf};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::forecasts::NewForecast;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Forecasts at once, at most: each uses half of the cores.
const MAX_AT_ONCE: usize = 2;
/// Lines that wait for a reader, at most.
const QUEUE: usize = 4;
/// Between two lines of progress.
const EVERY: Duration = Duration::from_millis(250);
/// A reader that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(30);
const NDJSON: &str = "application/x-ndjson";

/// What is to be different from how the campaign is, and how it is to be played. What is not given is as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastInput {
    /// Agents, `1..=5000`; otherwise those who are logged on in the campaign's queues and not paused.
    #[schema(example = 50)]
    pub agents: Option<u32>,
    /// Calls that are answered, `0..=1`; otherwise learnt from the campaign's last attempts.
    #[schema(example = 0.25)]
    pub answer_rate: Option<f64>,
    /// Part of the answers that analysis finds to be machines, `0..=1`.
    pub machine_share: Option<f64>,
    /// Abandoned calls of live ones, at most, `0..=1`.
    pub cap: Option<f64>,
    /// By which rule calls are launched.
    #[schema(value_type = Option<words::PacingMode>)]
    pub mode: Option<PacingMode>,
    /// What predictive pacing promises.
    #[schema(value_type = Option<words::PacingPolicy>)]
    pub policy: Option<PacingPolicy>,
    /// Calls per free agent of the mode `ratio`, `0.01..=20`.
    pub ratio: Option<f64>,
    /// Calls on their way per free agent, `0.01..=20`, in the place of the boosts of end points and run; without `mode` it means
    /// the mode `boost`.
    pub boost: Option<f64>,
    /// Conversation, mean seconds, `0..=86400`.
    pub talk_s: Option<f64>,
    /// Wrap-up, mean seconds, `0..=86400`.
    pub wrap_up_s: Option<f64>,
    /// From the first ring to the answer, mean seconds, `0..=600`.
    pub ring_s: Option<f64>,
    /// When it begins; otherwise now. At most a year from now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Hours that are looked ahead, up to 744; 24 when not given.
    pub hours: Option<f64>,
    /// How often it is played, `1..=100`; 5 when not given.
    pub seeds: Option<u32>,
    /// The seed of the first play; 1 when not given. The others follow it.
    pub seed: Option<u32>,
}

impl ForecastInput {
    fn what_if(&self) -> Result<WhatIf, ApiError> {
        let usual = WhatIf::default();
        let horizon_s = match self.hours {
            None => usual.horizon_s,
            // Not a number is in no range; what is over the range stays so.
            Some(hours) if (1.0 / 60.0..=10_000.0).contains(&hours) => (hours * 3_600.0).round() as u32,
            Some(hours) => return Err(Invalid::new("hours", format!("{hours} is outside 0.0167..=744")).into()),
        };
        let what_if = WhatIf {
            agents: self.agents,
            answer_rate: self.answer_rate,
            machine_share: self.machine_share,
            cap: self.cap,
            mode: self.mode,
            policy: self.policy,
            ratio: self.ratio.map(|ratio| Boost::of("ratio", ratio)).transpose()?,
            boost: self.boost.map(|boost| Boost::of("boost", boost)).transpose()?,
            talk_s: self.talk_s,
            wrap_up_s: self.wrap_up_s,
            ring_s: self.ring_s,
            from: self.from,
            horizon_s,
            seeds: self.seeds.unwrap_or(usual.seeds),
            seed: self.seed.map_or(usual.seed, u64::from),
        };
        what_if.check()?;
        Ok(what_if)
    }
}

/// One line of the answer: one of the three, the others are `null`.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ForecastLine {
    /// How far it is.
    pub progress: Option<ForecastProgress>,
    /// It is done: the last line.
    pub forecast: Option<Box<Forecast>>,
    /// It could not be made, or was cancelled: the last line.
    pub error: Option<ErrorDetail>,
}

/// What is told on the way, and at last.
enum Said {
    Progress(ForecastProgress),
    Done(Box<Forecast>),
    Refused(ApiError),
}

impl From<Said> for ForecastLine {
    fn from(said: Said) -> Self {
        match said {
            Said::Progress(progress) => Self { progress: Some(progress), ..Self::default() },
            Said::Done(forecast) => Self { forecast: Some(forecast), ..Self::default() },
            Said::Refused(error) => Self { error: Some(error.into_detail()), ..Self::default() },
        }
    }
}

/// How far a forecast is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ForecastProgress {
    /// Contacts that were read.
    pub contacts_read: u64,
    /// All of them, about.
    pub contacts: u64,
    /// Plays that are over.
    pub played: u64,
    /// Plays in all.
    pub seeds: u32,
    /// How much of all plays is over, `0..=1`.
    pub share: f64,
}

/// The forecasts that are being made.
#[derive(Debug, Clone)]
pub struct Room {
    places: Arc<Semaphore>,
    underway: Arc<Mutex<Underway>>,
}

#[derive(Debug, Default)]
struct Underway {
    next: u64,
    all: BTreeMap<u64, (CampaignId, Arc<Progress>)>,
}

impl Default for Room {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_AT_ONCE)), underway: Arc::default() }
    }
}

impl Room {
    /// A place for one more, or 429.
    fn enter(&self, campaign: CampaignId) -> Result<Place, ApiError> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_AT_ONCE} forecasts are being made already");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_forecasts", message)
                .remedy("try again when one of them is done, or end it: DELETE /api/campaigns/{id}/forecast")
        })?;
        let progress = Arc::new(Progress::default());
        let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        underway.next += 1;
        let number = underway.next;
        underway.all.insert(number, (campaign, Arc::clone(&progress)));
        drop(underway);
        Ok(Place { room: self.clone(), number, progress, _permit: permit })
    }

    /// Ends those of a campaign; how many.
    fn cancel(&self, campaign: CampaignId) -> usize {
        let underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = underway.all.values().filter(|(of, _)| *of == campaign);
        of_it.map(|(_, progress)| progress.cancel()).count()
    }
}

/// A forecast that is being made. When it goes, its threads stop.
struct Place {
    room: Room,
    number: u64,
    progress: Arc<Progress>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.progress.cancel();
        self.room.underway.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&self.number);
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(forecast_campaign, cancel_forecast)).routes(routes!(beside::campaign_forecasts))
}

/// Plays a campaign ahead: the dialler of production on a clock of its own, over the campaign's contacts, rules, hours and agents.
///
/// Nothing is dialled and nothing is changed. It works before the campaign is started and while it runs; then it begins with what
/// is left. The answer is one JSON object per line (`application/x-ndjson`): how far it is, and at last the forecast or an error.
/// Whoever accepts `application/json` only gets the forecast alone. Whoever closes the connection ends it. At most 2 at once, 1,000,000
/// contacts and 15 minutes; what was said is kept: `GET /api/campaigns/{id}/forecasts`.
#[utoipa::path(post, path = "/api/campaigns/{id}/forecast", tag = "results", params(("id" = i64, Path)),
    request_body = ForecastInput, security(("token" = ["read"])),
    responses((status = 200, description = "how far it is, line by line, and at last the forecast",
        content((ForecastLine = "application/x-ndjson"), (Forecast = "application/json")))))]
async fn forecast_campaign(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    Json(input): Json<ForecastInput>,
) -> Result<Response, ApiError> {
    let what_if = input.what_if()?;
    let campaign = app.store.campaign(&caller.scope, CampaignId(id)).await?.id;
    app.node()?;
    let place = app.forecasts.enter(campaign)?;
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    tokio::spawn(make(app, caller, campaign, what_if, place, sender));
    let alone = wants_json(&headers);
    // What is refused at once is refused with its status.
    let first = loop {
        match receiver.recv().await {
            Some(Said::Refused(error)) => return Err(error),
            Some(Said::Done(forecast)) if alone => return Ok(axum::Json(*forecast).into_response()),
            Some(Said::Progress(_)) if alone => {}
            Some(line) => break line,
            None => return Err(ApiError::internal("a forecast ended without a word")),
        }
    };
    let body = futures_util::stream::unfold((Some(first), receiver), async |(first, mut receiver)| {
        let said = match first {
            Some(first) => first,
            None => receiver.recv().await?,
        };
        let mut text = serde_json::to_vec(&ForecastLine::from(said)).unwrap_or_default();
        text.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), (None, receiver)))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    // Proxies that buffer would hold back what happens now.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Ends the forecasts of a campaign that are being made.
#[utoipa::path(delete, path = "/api/campaigns/{id}/forecast", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 204, description = "they end")))]
async fn cancel_forecast(Operate(caller): Operate, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    let campaign = app.store.campaign(&caller.scope, CampaignId(id)).await?.id;
    if app.forecasts.cancel(campaign) == 0 {
        let message = format!("no forecast of campaign {id} is being made");
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message));
    }
    Ok(StatusCode::NO_CONTENT)
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains(NDJSON)
}

/// Makes it, and tells how far it is, until it is done or nobody listens any more.
async fn make(
    app: App,
    caller: Caller,
    campaign: CampaignId,
    what_if: WhatIf,
    place: Place,
    sender: mpsc::Sender<Said>,
) {
    let progress = Arc::clone(&place.progress);
    let forecast = forecast(&app, &caller, campaign, &what_if, &progress);
    tokio::pin!(forecast);
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every.tick().await;
    let mut last = loop {
        tokio::select! {
            made = &mut forecast => break made,
            () = sender.closed(), if !progress.is_cancelled() => progress.cancel(),
            _ = every.tick() => {
                let look = progress.look();
                let line = ForecastProgress {
                    contacts_read: look.read,
                    contacts: look.contacts,
                    played: look.played,
                    seeds: what_if.seeds.min(MAX_SEEDS),
                    share: look.share,
                };
                // Nobody waits for a line of progress: the next one says more.
                let _ = sender.try_send(Said::Progress(line));
            }
        }
    };
    if let Ok(forecast) = &mut last {
        match keep(&app, &caller, campaign, forecast).await {
            Ok(id) => forecast.id = id,
            Err(error) => last = Err(error.into()),
        }
    }
    let said = last.map_or_else(Said::Refused, |forecast| Said::Done(Box::new(forecast)));
    drop(place);
    // A reader that is gone is no error, and one that takes nothing is gone.
    let _ = tokio::time::timeout(PATIENCE, sender.send(said)).await;
}

async fn forecast(
    app: &App,
    caller: &Caller,
    campaign: CampaignId,
    what_if: &WhatIf,
    progress: &Arc<Progress>,
) -> Result<Forecast, ApiError> {
    let said = app.node()?.forecast(&caller.scope, campaign, what_if, progress).await?;
    Ok(Forecast::of(said, &caller.name, what_if.seed))
}

async fn keep(app: &App, caller: &Caller, campaign: CampaignId, forecast: &Forecast) -> store::Result<i64> {
    let kept = NewForecast {
        run: forecast.run.map(domain::RunId),
        made_at: forecast.made_at,
        actor: forecast.actor.clone(),
        begins_at: forecast.begins_at,
        horizon_s: (forecast.hours * 3_600.0).round() as u32,
        result: serde_json::to_value(forecast).unwrap_or_default(),
    };
    app.store.keep_forecast(&caller.scope, campaign, &kept).await
}

#[cfg(test)]
mod tests;
