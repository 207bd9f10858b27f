//! `/api/campaigns`: what to dial and how.

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::{Admin, Caller, Operate, Read};
use crate::campaign_rules::{self, OutcomeRule, Rule};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, Query};
use crate::limits;
use crate::lists::HiddenQuery;
use crate::locks::{LockInput, Shown, shown};
use crate::pacing;
use crate::page::Page;
use crate::runs::Run;
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::rules::Limits;
use domain::{
    Boost, CampaignId, CampaignStatus, Direction, EndPointId, Invalid, ListId, OpeningHoursId, Pacing, QueueLog,
    RunMail, RunMailEvents, Template, TrunkId, WorkSource,
};
use serde::{Deserialize, Serialize};
use store::Kind;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A campaign.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Campaign {
    /// Its id.
    pub id: i64,
    /// Unique.
    pub name: String,
    /// Which way its calls go.
    #[schema(value_type = words::Direction)]
    pub direction: Direction,
    /// Where its work comes from.
    #[schema(value_type = words::WorkSource)]
    pub work: WorkSource,
    /// Lower is served first.
    pub priority: i32,
    /// Whether it may be started.
    #[schema(value_type = words::CampaignStatus)]
    pub status: CampaignStatus,
    /// Out of numbers: wait for more instead of completing.
    pub idle_on_termination: bool,
    /// Contacts read ahead.
    pub batch_size: u32,
    /// First second of the active period, `HHMMSS`.
    pub time_start: String,
    /// Last second of the active period, `HHMMSS`.
    pub time_end: String,
    /// Days of the active period, digits 1 (Sunday) to 7 (Saturday).
    pub time_days: String,
    /// IANA zone of the active period.
    pub zone: String,
    /// Ids of its sets of opening hours, in order: all of them and the active period must be open.
    pub opening_hours: Vec<i64>,
    /// Ringing time after which a call is given up, milliseconds.
    pub answer_timeout_ms: u32,
    /// Seconds after the answer at which a call is closed; 0 = never.
    pub forced_closure_s: u32,
    /// Calls on their way per free agent of an observed queue when a run begins, times that of the end point.
    pub initial_boost: f64,
    /// How many calls are launched for the agents of its queues.
    #[schema(value_type = pacing::Pacing)]
    pub pacing: Pacing,
    /// Agents who are called first, or look first, are paused in their queues from then until their call is over.
    pub autopause: bool,
    /// Caller id of its calls; empty leaves the PBX's own.
    pub dial_clid: String,
    /// Caller id with which an answered call enters its end point, for agents to see; empty: `dial_clid`.
    pub agent_clid: String,
    /// Caller id that callees see; empty: `dial_clid`.
    pub dial_presentation: String,
    /// Account code of its calls.
    pub dial_account: String,
    /// Whether its calls are written to the queue_log of the PBX, as if they had come to a queue (WombatDialer's
    /// `QM_COMPATIBLE`).
    pub queue_log: bool,
    /// The queue's name in the queue_log; empty: the campaign's.
    pub queue_log_alias: String,
    /// Attributes that are written to the queue_log with each call, by name.
    pub queue_log_attributes: Vec<String>,
    /// What of its runs' lives is told by letter.
    #[schema(value_type = words::RunMailEvents)]
    pub email_events: RunMailEvents,
    /// Who gets these letters.
    pub email_addresses: Vec<String>,
    /// Variables set on every call.
    pub variables: AttributeMap,
    /// Ids of its trunks.
    pub trunks: Vec<i64>,
    /// Ids of its end points.
    pub end_points: Vec<i64>,
    /// Ids of its lists, in the order in which they are dialled.
    pub lists: Vec<i64>,
    /// Ids of lists whose numbers it does not call.
    pub black_lists: Vec<i64>,
    /// Its reschedule rules.
    pub rules: Vec<Rule>,
    /// What is done about its calls that have ended.
    pub outcome_rules: Vec<OutcomeRule>,
    /// The rule packs that say whom it may call and when. `unrestricted` frees it of all but suppression.
    pub packs: Vec<String>,
    /// What it is limited to beyond its packs.
    #[schema(value_type = limits::Limits)]
    pub limits: Limits,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(Campaign, Campaign);

impl From<domain::Campaign> for Campaign {
    fn from(c: domain::Campaign) -> Self {
        let id = c.id.0;
        let CampaignInput {
            name,
            direction,
            work,
            priority,
            status,
            idle_on_termination,
            batch_size,
            time_start,
            time_end,
            time_days,
            zone,
            opening_hours,
            answer_timeout_ms,
            forced_closure_s,
            initial_boost,
            pacing,
            autopause,
            dial_clid,
            agent_clid,
            dial_presentation,
            dial_account,
            queue_log,
            queue_log_alias,
            queue_log_attributes,
            email_events,
            email_addresses,
            variables,
            trunks,
            end_points,
            lists,
            black_lists,
            rules,
            outcome_rules,
            packs,
            limits,
            security_key: _,
        } = c.into();
        let zone = zone.unwrap_or_default();
        Self {
            id,
            name,
            direction,
            work,
            priority,
            status,
            idle_on_termination,
            batch_size,
            time_start,
            time_end,
            time_days,
            zone,
            opening_hours,
            answer_timeout_ms,
            forced_closure_s,
            initial_boost,
            pacing,
            autopause,
            dial_clid,
            agent_clid,
            dial_presentation,
            dial_account,
            queue_log,
            queue_log_alias,
            queue_log_attributes,
            email_events,
            email_addresses,
            variables,
            trunks,
            end_points,
            lists,
            black_lists,
            rules,
            outcome_rules,
            packs,
            limits,
            security_key: String::new(),
            created_by: None,
        }
    }
}

/// A campaign as it is created or replaced; fields that are not given take WombatDialer's defaults.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignInput {
    /// Unique, 1..=200 characters.
    #[schema(example = "spring")]
    pub name: String,
    /// Which way its calls go.
    #[serde(default)]
    #[schema(value_type = words::Direction, required = false)]
    pub direction: Direction,
    /// Where its work comes from.
    #[serde(default)]
    #[schema(value_type = words::WorkSource, required = false)]
    pub work: WorkSource,
    /// Lower is served first, `0..=1000`.
    #[serde(default = "defaults::priority")]
    #[schema(default = 10)]
    pub priority: i32,
    /// Whether it may be started.
    #[serde(default)]
    #[schema(value_type = words::CampaignStatus, required = false)]
    pub status: CampaignStatus,
    /// Out of numbers: wait for more instead of completing.
    #[serde(default)]
    pub idle_on_termination: bool,
    /// Contacts read ahead, `1..=10000`.
    #[serde(default = "defaults::batch_size")]
    #[schema(default = 100)]
    pub batch_size: u32,
    /// First second of the active period, `HHMMSS`.
    #[serde(default = "defaults::time_start")]
    #[schema(default = "000000")]
    pub time_start: String,
    /// Last second of the active period, `HHMMSS`; before `time_start` means overnight.
    #[serde(default = "defaults::time_end")]
    #[schema(default = "235959")]
    pub time_end: String,
    /// Days of the active period, digits 1 (Sunday) to 7 (Saturday).
    #[serde(default = "defaults::time_days")]
    #[schema(default = "1234567")]
    pub time_days: String,
    /// IANA zone of the active period; the installation's when not given.
    #[serde(default)]
    #[schema(example = "Europe/Madrid")]
    pub zone: Option<String>,
    /// Ids of its sets of opening hours, in order, at most 20: all of them and the active period must be open.
    #[serde(default)]
    pub opening_hours: Vec<i64>,
    /// Ringing time after which a call is given up, milliseconds, `1000..=300000`.
    #[serde(default = "defaults::answer_timeout_ms")]
    #[schema(default = 30_000)]
    pub answer_timeout_ms: u32,
    /// Seconds after the answer at which a call is closed, `0..=86400`; 0 = never.
    #[serde(default)]
    pub forced_closure_s: u32,
    /// Calls on their way per free agent of an observed queue when a run begins, `0.01..=20`, times that of the end point; a
    /// live run is changed with `POST /api/runs/{id}/boost`.
    #[serde(default = "defaults::initial_boost")]
    #[schema(default = 1.0)]
    pub initial_boost: f64,
    /// How many calls are launched for the agents of its queues; replaced as a whole, what is not given takes its default. End
    /// points without a queue take a call per channel.
    #[serde(default)]
    #[schema(value_type = pacing::Pacing, required = false)]
    pub pacing: Pacing,
    /// Agents who are called first, or look first, are paused in their queues from then until their call is over: those of end
    /// points with `reverse`. Others are not touched.
    #[serde(default)]
    pub autopause: bool,
    /// Caller id of its calls; `${num}`, `${list}`, `${campaign}`, `${retry}`, `${hopperId}` (the id of the attempt) and
    /// attribute names are replaced.
    #[serde(default)]
    #[schema(example = "Spring <0912345>")]
    pub dial_clid: String,
    /// Caller id with which an answered call enters its end point, for agents to see, with the same place-holders; empty:
    /// `dial_clid`.
    #[serde(default)]
    #[schema(example = "C1 ${NAME}")]
    pub agent_clid: String,
    /// Caller id that callees see, with the same place-holders; empty: `dial_clid`. The carrier may put its own in its place.
    #[serde(default)]
    pub dial_presentation: String,
    /// Account code of its calls, with the same place-holders.
    #[serde(default)]
    pub dial_account: String,
    /// Whether its calls are written to the queue_log of the PBX, as if they had come to a queue (WombatDialer's
    /// `QM_COMPATIBLE`). A PBX over ARI needs a manager user for it.
    #[serde(default)]
    pub queue_log: bool,
    /// The queue's name in the queue_log, at most 80 characters; empty: the campaign's.
    #[serde(default)]
    pub queue_log_alias: String,
    /// Attributes that are written to the queue_log with each call, by name, at most 20.
    #[serde(default)]
    pub queue_log_attributes: Vec<String>,
    /// What of its runs' lives is told by letter: `NO`, `ALL` states, or its end alone (`COMPLETED`). Needs `mail.server` in
    /// carillon.toml.
    #[serde(default)]
    #[schema(value_type = words::RunMailEvents, required = false)]
    pub email_events: RunMailEvents,
    /// Who gets these letters, at most 10; they count at once, for a live run too.
    #[serde(default)]
    #[schema(example = json!(["ana@example.com"]))]
    pub email_addresses: Vec<String>,
    /// Variables set on every call; a contact's attribute of the same name wins.
    #[serde(default)]
    pub variables: AttributeMap,
    /// Ids of its trunks.
    #[serde(default)]
    pub trunks: Vec<i64>,
    /// Ids of its end points.
    #[serde(default)]
    pub end_points: Vec<i64>,
    /// Ids of its lists, in the order in which they are dialled.
    #[serde(default)]
    pub lists: Vec<i64>,
    /// Ids of lists whose numbers it does not call: they end as `RS_BLACKLIST`. They count at once, for its run too.
    #[serde(default)]
    pub black_lists: Vec<i64>,
    /// Its reschedule rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// What is done about its calls that have ended, at most 50.
    #[serde(default)]
    pub outcome_rules: Vec<OutcomeRule>,
    /// The rule packs that say whom it may call and when, 1..=10. Naming `unrestricted` frees it of all but suppression and
    /// is written down with the caller's name.
    #[serde(default = "defaults::packs")]
    #[schema(example = json!(["default"]))]
    pub packs: Vec<String>,
    /// What it is limited to beyond its packs; replaced as a whole.
    #[serde(default)]
    #[schema(value_type = limits::Limits, required = false)]
    pub limits: Limits,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
}

/// WombatDialer's defaults, as `domain::Campaign::named` has them; a test compares both.
mod defaults {
    pub(super) fn initial_boost() -> f64 {
        1.0
    }
    pub(super) fn priority() -> i32 {
        10
    }
    pub(super) fn batch_size() -> u32 {
        100
    }
    pub(super) fn time_start() -> String {
        "000000".into()
    }
    pub(super) fn time_end() -> String {
        "235959".into()
    }
    pub(super) fn time_days() -> String {
        "1234567".into()
    }
    pub(super) fn answer_timeout_ms() -> u32 {
        30_000
    }
    pub(super) fn packs() -> Vec<String> {
        vec![domain::rules::pack::DEFAULT.to_owned()]
    }
}

impl CampaignInput {
    fn checked(self, id: i64, default_zone: &str) -> Result<domain::Campaign, ApiError> {
        let outcome_rules = self.outcome_rules.into_iter().map(TryInto::try_into).collect::<Result<_, Invalid>>()?;
        let campaign = domain::Campaign {
            id: CampaignId(id),
            name: self.name,
            direction: self.direction,
            work: self.work,
            priority: self.priority,
            status: self.status,
            idle_on_termination: self.idle_on_termination,
            batch_size: self.batch_size,
            time_start: self.time_start,
            time_end: self.time_end,
            time_days: self.time_days,
            zone: self.zone.unwrap_or_else(|| default_zone.to_owned()),
            opening_hours: self.opening_hours.into_iter().map(OpeningHoursId).collect(),
            answer_timeout_ms: self.answer_timeout_ms,
            forced_closure_s: self.forced_closure_s,
            initial_boost: Boost::of("initial_boost", self.initial_boost)?,
            pacing: self.pacing,
            autopause: self.autopause,
            dial_clid: Template::parse("dial_clid", &self.dial_clid)?,
            agent_clid: Template::parse("agent_clid", &self.agent_clid)?,
            dial_presentation: Template::parse("dial_presentation", &self.dial_presentation)?,
            dial_account: Template::parse("dial_account", &self.dial_account)?,
            queue_log: QueueLog {
                enabled: self.queue_log,
                alias: self.queue_log_alias,
                attributes: self.queue_log_attributes,
            },
            mail: RunMail { events: self.email_events, to: self.email_addresses },
            variables: self.variables.checked()?,
            trunks: self.trunks.into_iter().map(TrunkId).collect(),
            end_points: self.end_points.into_iter().map(EndPointId).collect(),
            lists: self.lists.into_iter().map(ListId).collect(),
            black_lists: self.black_lists.into_iter().map(ListId).collect(),
            rules: self.rules.into_iter().map(Into::into).collect(),
            outcome_rules,
            packs: self.packs,
            limits: self.limits,
        };
        campaign.check()?;
        Ok(campaign)
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: None }
    }
}

impl From<domain::Campaign> for CampaignInput {
    fn from(c: domain::Campaign) -> Self {
        Self {
            name: c.name,
            direction: c.direction,
            work: c.work,
            priority: c.priority,
            status: c.status,
            idle_on_termination: c.idle_on_termination,
            batch_size: c.batch_size,
            time_start: c.time_start,
            time_end: c.time_end,
            time_days: c.time_days,
            zone: Some(c.zone),
            opening_hours: c.opening_hours.into_iter().map(|id| id.0).collect(),
            answer_timeout_ms: c.answer_timeout_ms,
            forced_closure_s: c.forced_closure_s,
            initial_boost: c.initial_boost.factor(),
            pacing: c.pacing,
            autopause: c.autopause,
            dial_clid: c.dial_clid.as_str().to_owned(),
            agent_clid: c.agent_clid.as_str().to_owned(),
            dial_presentation: c.dial_presentation.as_str().to_owned(),
            dial_account: c.dial_account.as_str().to_owned(),
            queue_log: c.queue_log.enabled,
            queue_log_alias: c.queue_log.alias,
            queue_log_attributes: c.queue_log.attributes,
            email_events: c.mail.events,
            email_addresses: c.mail.to,
            variables: AttributeMap::from(&c.variables),
            trunks: c.trunks.into_iter().map(|id| id.0).collect(),
            end_points: c.end_points.into_iter().map(|id| id.0).collect(),
            lists: c.lists.into_iter().map(|id| id.0).collect(),
            black_lists: c.black_lists.into_iter().map(|id| id.0).collect(),
            rules: c.rules.into_iter().map(Into::into).collect(),
            outcome_rules: c.outcome_rules.into_iter().map(Into::into).collect(),
            packs: c.packs,
            limits: c.limits,
            security_key: None,
        }
    }
}

/// Some fields of a [`CampaignInput`].
type CampaignPatch = Patch<CampaignInput>;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_campaigns, create_campaign))
        .routes(routes!(get_campaign, replace_campaign, patch_campaign, delete_campaign))
        .routes(routes!(start_campaign))
}

/// Every campaign that is not hidden.
#[utoipa::path(get, path = "/api/campaigns", tag = "campaigns", params(HiddenQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of campaigns", body = Page<Campaign>)))]
async fn list_campaigns(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<HiddenQuery>,
) -> Result<axum::Json<Page<Campaign>>, ApiError> {
    let (hidden_too, query) = query.split();
    let mut all = Campaign::all_locked(&app, &caller.scope, app.store.campaigns(&caller.scope).await?).await?;
    all.retain(|campaign| hidden_too || campaign.status != CampaignStatus::Hidden);
    Ok(axum::Json(Page::cut(all, &query, |campaign| campaign.id, |campaign| &campaign.name)?))
}

/// Adds a campaign.
#[utoipa::path(post, path = "/api/campaigns", tag = "campaigns", request_body = CampaignInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = Campaign)))]
pub(crate) async fn create_campaign(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<CampaignInput>,
) -> Result<(StatusCode, axum::Json<Campaign>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let campaign = input.checked(0, &app.zone)?;
    campaign_rules::check(&app, &campaign)?;
    pacing::check(&app, &campaign).await?;
    let campaign = app.store.create_campaign(&caller.scope, (&campaign, &lock), &caller.name).await?;
    Ok((StatusCode::CREATED, axum::Json(Campaign::from(campaign).with(lock))))
}

/// One campaign.
#[utoipa::path(get, path = "/api/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the campaign", body = Campaign)))]
async fn get_campaign(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Campaign>, ApiError> {
    let campaign = Campaign::from(app.store.campaign(&caller.scope, CampaignId(id)).await?);
    Ok(axum::Json(campaign.locked(&app, &caller.scope).await?))
}

/// Replaces a campaign with its links and rules. A live run takes it over when it is reloaded.
#[utoipa::path(put, path = "/api/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    request_body = CampaignInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the campaign as it is now", body = Campaign)))]
async fn replace_campaign(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<CampaignInput>,
) -> Result<axum::Json<Campaign>, ApiError> {
    update(&app, &caller, id, input).await
}

async fn update(app: &App, caller: &Caller, id: i64, input: CampaignInput) -> Result<axum::Json<Campaign>, ApiError> {
    let lock = input.lock().over(app, &caller.scope, Kind::Campaign, id).await?;
    let campaign = input.checked(id, &app.zone)?;
    campaign_rules::check(app, &campaign)?;
    pacing::check(app, &campaign).await?;
    let campaign = app.store.update_campaign(&caller.scope, (&campaign, &lock), &caller.name).await?;
    Ok(axum::Json(Campaign::from(campaign).with(lock)))
}

/// Changes the given fields of a campaign; a list of links or rules is replaced as a whole.
#[utoipa::path(patch, path = "/api/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    request_body = CampaignPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the campaign as it is now", body = Campaign)))]
pub(crate) async fn patch_campaign(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: CampaignPatch,
) -> Result<axum::Json<Campaign>, ApiError> {
    let existing = app.store.campaign(&caller.scope, CampaignId(id)).await?.into();
    update(&app, &caller, id, patch.apply(&existing)?).await
}

/// Deletes a campaign that never ran; one that did can be hidden.
#[utoipa::path(delete, path = "/api/campaigns/{id}", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
async fn delete_campaign(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    app.store.delete_campaign(&caller.scope, CampaignId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a run of the campaign. One run at a time.
#[utoipa::path(post, path = "/api/campaigns/{id}/start", tag = "campaigns", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 201, description = "the run", body = Run)))]
async fn start_campaign(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<(StatusCode, axum::Json<Run>), ApiError> {
    let run = app.node()?.start_run(&caller.scope, CampaignId(id), &caller.name).await?;
    Ok((StatusCode::CREATED, axum::Json(run.into())))
}

#[cfg(test)]
mod tests;
