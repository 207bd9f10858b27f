//! `/api/why` and its neighbours: why nothing is dialled, and why a number may be called or not.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::{Id, Query};
use crate::words;
use axum::extract::State;
use domain::rules::census::Bucket;
use domain::rules::receipt::{CapUsed, Clock, PackAsked};
use domain::{CampaignId, ContactId, Dialable, RunState, Timestamp};
use node::census::Counted;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Why a campaign dials, or does not.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CampaignWhy {
    /// When it was true.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which campaign.
    pub campaign: i64,
    /// Its name.
    pub name: String,
    /// Its rule packs, and `campaign` for limits of its own.
    pub packs: Vec<Pack>,
    /// Its open run.
    pub run: Option<WhyRun>,
    /// The answer in one sentence.
    pub sentence: String,
    /// What has to hold beside the rules of the contacts, in the order in which it is asked.
    pub conditions: Vec<Condition>,
    /// From all contacts to those that may be called now; `null` while they are being counted, and when they are too many.
    pub funnel: Option<Funnel>,
    /// How far the counting is; `null` when it is done.
    pub counting: Option<Counting>,
}

/// A pack and its version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its version; empty for limits of the campaign's own.
    pub version: String,
}

impl From<PackAsked> for Pack {
    fn from(pack: PackAsked) -> Self {
        Self { name: pack.name, version: pack.version }
    }
}

/// The open run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhyRun {
    /// Its id.
    pub id: i64,
    /// Its state.
    #[schema(value_type = words::RunState)]
    pub state: RunState,
    /// What it waits for; empty when it dials.
    pub why: String,
    /// Calls in progress.
    pub in_flight: u64,
    /// Contacts in memory, ready to dial.
    pub hopper: u64,
}

/// Something that has to hold before anybody is called.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Condition {
    /// Its name.
    #[schema(example = "trunk_free")]
    pub rule: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// How it stands.
    #[schema(example = "carrier one: 40 of 40 in use")]
    pub text: String,
    /// When that changes by itself, where it is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// From all contacts to those that may be called now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Funnel {
    /// All contacts: the sum of `first` of all buckets, and `dialable`.
    pub contacts: u64,
    /// In the order in which the gate asks.
    pub buckets: Vec<FunnelBucket>,
    /// No rule of the contact says no.
    pub dialable: u64,
}

/// Contacts that one rule keeps back.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelBucket {
    /// `finished`, `in_call`, a rule of the gate, or `waits_for_reload`.
    #[schema(example = "inside_callee_window")]
    pub stage: &'static str,
    /// What it says of them.
    #[schema(example = "outside their calling hours")]
    pub text: &'static str,
    /// Contacts whose first no it is.
    pub first: u64,
    /// All contacts to whom it says no, whatever else does.
    pub all: u64,
    /// When the first of `first` leaves it by itself; `null`: none does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_change: Option<Timestamp>,
}

impl From<Bucket> for FunnelBucket {
    fn from(bucket: Bucket) -> Self {
        let Bucket { stage, text, first, all, next_change } = bucket;
        Self { stage, text, first, all, next_change }
    }
}

/// How far the counting is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Counting {
    /// Contacts counted so far.
    pub done: u64,
    /// About so many there are.
    pub of: u64,
    /// There are more than are counted, 4,000,000 of all campaigns together.
    pub too_many: bool,
}

/// What the rules say of a number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NumberWhy {
    /// One for each campaign and contact that has the number.
    pub items: Vec<Verdict>,
}

/// What the rules of one campaign say.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Verdict {
    /// The instant that it holds for.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The campaign; `null`: none has the number, the pack `default` was asked.
    pub campaign: Option<i64>,
    /// Its name.
    pub campaign_name: Option<String>,
    /// Its open run.
    pub run: Option<i64>,
    /// The contact; `null`: the number is in no list of the campaign.
    pub contact: Option<i64>,
    /// Its list.
    pub list: Option<i64>,
    /// How far the contact is in the run: `fresh`, `open`, `waiting`, `refused` or `finished`.
    pub state: Option<String>,
    /// Whether every rule says yes.
    pub allowed: bool,
    /// When it is worth asking again; `null`: now, or one of those that say no does not change by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub again_at: Option<Timestamp>,
    /// What every rule says, in order.
    pub rules: Vec<RuleSays>,
    /// The packs that were asked.
    pub packs: Vec<Pack>,
    /// In how many zones the number may be; 0 where hours are not asked for.
    pub zones: u32,
    /// What the clock shows there; of more than six, in the earliest and the latest.
    pub clocks: Vec<CalleeClock>,
    /// When the window that is open closes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub window_closes_at: Option<Timestamp>,
    /// Every cap with what is used of it.
    pub caps: Vec<CapState>,
    /// Which of the contact's numbers this is about: 0 its own, n that of its attribute MULTINUMn.
    pub number_no: u32,
    /// All numbers of a contact that names several, by place; otherwise empty.
    pub numbers: Vec<NumberSays>,
}

/// What is said of one of several numbers of a contact.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NumberSays {
    /// Its place.
    pub no: u32,
    /// Whether its turn is the next one in the run.
    pub next: bool,
    /// The first rule that says no to it; `null`: none does, or it cannot be dialled.
    #[schema(example = "number_not_suppressed")]
    pub rule: Option<&'static str>,
    /// From when that rule says yes, where it changes by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why it is passed over, for people; `null`: it is called in its turn.
    #[schema(example = "is suppressed")]
    pub left_out: Option<&'static str>,
}

impl From<node::verdict::NumberVerdict> for NumberSays {
    fn from(says: node::verdict::NumberVerdict) -> Self {
        let (rule, until) = says.first_no.unzip();
        Self {
            no: says.no,
            next: says.next,
            rule: rule.map(domain::rules::ContactRule::code),
            until: until.flatten(),
            left_out: says.left_out.map(domain::WhyLeftOut::text),
        }
    }
}

/// What one rule says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleSays {
    /// Which.
    #[schema(example = "attempts_below_cap")]
    pub rule: &'static str,
    /// Whether it says yes.
    pub yes: bool,
    /// From when it says yes, when it says no and changes by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// On what grounds.
    #[schema(example = "3 of 3 in 24 h, 4 of 7 in 168 h")]
    pub why: String,
}

/// A clock of the callee.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CalleeClock {
    /// IANA zone.
    #[schema(example = "Europe/Madrid")]
    pub zone: String,
    /// What it shows.
    #[schema(example = "2026-11-20T16:00:00")]
    pub shows: String,
}

impl From<Clock> for CalleeClock {
    fn from(clock: Clock) -> Self {
        Self { zone: clock.zone, shows: clock.showed.to_string() }
    }
}

/// A cap and what is used of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CapState {
    /// Rolling hours.
    pub hours: u32,
    /// Attempts in them.
    pub used: u32,
    /// Attempts allowed.
    pub allowed: u32,
}

impl From<CapUsed> for CapState {
    fn from(cap: CapUsed) -> Self {
        Self { hours: cap.hours, used: cap.used, allowed: cap.allowed }
    }
}

impl From<node::why::CampaignWhy> for CampaignWhy {
    fn from(why: node::why::CampaignWhy) -> Self {
        let (funnel, counting) = match why.contacts {
            Counted::Done(funnel) => (Some(funnel), None),
            Counted::Counting { done, of } => (None, Some(Counting { done, of, too_many: false })),
            Counted::TooMany { contacts } => (None, Some(Counting { done: 0, of: contacts, too_many: true })),
        };
        let run = why.run.map(|run| WhyRun {
            id: run.id.0,
            state: run.state,
            why: run.why,
            in_flight: run.in_flight,
            hopper: run.hopper,
        });
        let condition = |one: node::why::Condition| {
            let node::why::Condition { rule, holds, text, until } = one;
            Condition { rule, holds, text, until }
        };
        Self {
            at: why.at,
            campaign: why.campaign.0,
            name: why.name,
            packs: why.packs.into_iter().map(Pack::from).collect(),
            run,
            sentence: why.sentence,
            conditions: why.conditions.into_iter().map(condition).collect(),
            funnel: funnel.map(|funnel| Funnel {
                contacts: funnel.contacts,
                buckets: funnel.buckets.into_iter().map(FunnelBucket::from).collect(),
                dialable: funnel.dialable,
            }),
            counting,
        }
    }
}

impl From<node::verdict::Verdict> for Verdict {
    fn from(verdict: node::verdict::Verdict) -> Self {
        let (campaign, campaign_name) = verdict.campaign.map(|(id, name)| (id.0, name)).unzip();
        let (contact, list) = verdict.contact.map(|(id, list)| (id.0, list.0)).unzip();
        let says = |says: node::verdict::RuleSays| RuleSays {
            rule: says.rule.code(),
            yes: says.yes,
            until: says.until,
            why: says.why,
        };
        let receipt = verdict.receipt;
        Self {
            at: verdict.at,
            campaign,
            campaign_name,
            run: verdict.run.map(|run| run.0),
            contact,
            list,
            state: verdict.state,
            allowed: verdict.allowed,
            again_at: verdict.again_at,
            rules: verdict.rules.into_iter().map(says).collect(),
            packs: receipt.packs.into_iter().map(Pack::from).collect(),
            zones: receipt.zones,
            clocks: receipt.clocks.into_iter().map(CalleeClock::from).collect(),
            window_closes_at: receipt.window_closes_at,
            caps: receipt.caps.into_iter().map(CapState::from).collect(),
            number_no: verdict.number_no,
            numbers: verdict.numbers.into_iter().map(NumberSays::from).collect(),
        }
    }
}

/// For which campaign and when.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Only for this campaign, whether or not it has the number in a list.
    pub campaign: Option<i64>,
    /// At this instant instead of now, RFC 3339. The calls that are known now are asked; calls in progress are not.
    #[param(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// Which number, for which campaign and when.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberQuery {
    /// The number, written in any way that a list may write it.
    pub number: String,
    /// Only for this campaign, whether or not it has the number in a list.
    #[serde(default)]
    pub campaign: Option<i64>,
    /// At this instant instead of now, RFC 3339. The calls that are known now are asked; calls in progress are not.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(why_campaign)).routes(routes!(why_number)).routes(routes!(why_contact))
}

/// Why nothing is dialled: from all contacts of the campaign to those that may be called now, each under the first rule
/// that says no to it, and what else stands in the way.
///
/// A campaign that nobody asked about for ten minutes is counted first; the answer waits five seconds for that.
#[utoipa::path(get, path = "/api/campaigns/{id}/why", tag = "why", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "why", body = CampaignWhy)))]
async fn why_campaign(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<CampaignWhy>, ApiError> {
    Ok(axum::Json(app.node()?.why(&caller.scope, CampaignId(id)).await?.into()))
}

/// Why a number may be called or not: what every rule says, for each campaign that has it in a list.
#[utoipa::path(get, path = "/api/why", tag = "why", params(NumberQuery),
    security(("token" = ["read"])), responses((status = 200, description = "why", body = NumberWhy)))]
async fn why_number(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NumberQuery>,
) -> Result<axum::Json<NumberWhy>, ApiError> {
    let number = Dialable::parse(&query.number, app.store.country())?;
    let campaign = query.campaign.map(CampaignId);
    let verdicts = app.node()?.why_number(&caller.scope, &number, campaign, query.at).await?;
    Ok(axum::Json(NumberWhy { items: verdicts.into_iter().map(Verdict::from).collect() }))
}

/// The same of one contact.
#[utoipa::path(get, path = "/api/contacts/{id}/why", tag = "why", params(("id" = i64, Path), WhyQuery),
    security(("token" = ["read"])), responses((status = 200, description = "why", body = NumberWhy)))]
async fn why_contact(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<WhyQuery>,
) -> Result<axum::Json<NumberWhy>, ApiError> {
    let campaign = query.campaign.map(CampaignId);
    let verdicts = app.node()?.why_contact(&caller.scope, ContactId(id), campaign, query.at).await?;
    Ok(axum::Json(NumberWhy { items: verdicts.into_iter().map(Verdict::from).collect() }))
}

#[cfg(test)]
mod tests;
