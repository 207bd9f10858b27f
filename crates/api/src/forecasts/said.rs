//! What a forecast says.

use crate::why::FunnelBucket;
use crate::words;
use domain::rules::census::Bucket;
use domain::{CallState, PacingMode, PacingPolicy, Timestamp};
use node::forecast::{Assumption, HourSpread, Source, Summary};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A figure over all plays: the middle of them, and what a tenth of them is below and a tenth above.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Spread {
    /// A tenth of the plays is below.
    pub low: f64,
    /// The middle.
    pub median: f64,
    /// A tenth of the plays is above.
    pub high: f64,
}

impl From<node::forecast::Spread> for Spread {
    fn from(spread: node::forecast::Spread) -> Self {
        let node::forecast::Spread { low, median, high } = spread;
        Self { low, median, high }
    }
}

/// A campaign played ahead.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// Its id; 0 while it is not kept.
    pub id: i64,
    /// Of which campaign.
    pub campaign: i64,
    /// Its run that was open; `null`: the next one is meant.
    pub run: Option<i64>,
    /// Who asked for it.
    pub actor: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// From when on it speaks.
    #[schema(value_type = String, format = DateTime)]
    pub begins_at: Timestamp,
    /// Hours that it looks ahead.
    pub hours: f64,
    /// How often it was played.
    pub seeds: u32,
    /// The seed of the first play: the same one meets the same people.
    pub seed: u64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Agents; 0 where nobody takes the calls.
    pub agents: u32,
    /// By which rule calls are launched for them.
    #[schema(value_type = words::PacingMode)]
    pub mode: PacingMode,
    /// What predictive pacing promises.
    #[schema(value_type = words::PacingPolicy)]
    pub policy: PacingPolicy,
    /// Abandoned calls of live ones, at most, `0..=1`.
    pub cap: f64,
    /// What it goes by, and whence that is known.
    pub assumptions: Vec<ForecastAssumption>,
    /// Contacts of the campaign's lists.
    pub contacts: u64,
    /// Whom each rule keeps back when it begins, in the order in which the gate asks; the same counts as in the answer to why.
    pub exclusions: Vec<Exclusion>,
    /// Contacts to whom no rule says no when it begins.
    pub dialable: u64,
    /// What comes.
    pub figures: ForecastFigures,
    /// How calls end.
    pub outcomes: Vec<ForecastOutcome>,
    /// What rules do meanwhile.
    pub rules: Vec<ForecastRule>,
    /// Hour by hour.
    pub series: Vec<ForecastHour>,
}

/// A figure that a forecast goes by.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForecastAssumption {
    /// `agents`, `answer_rate`, `machine_share`, `busy_share`, `wrong_number_share`, `rejected_share`, `no_answer_share`,
    /// `ring_s`, `talk_s` or `wrap_up_s`.
    #[schema(example = "answer_rate")]
    pub name: String,
    /// Its value; shares are `0..=1`, durations means in seconds.
    pub value: f64,
    /// Where it is from.
    pub source: ForecastSource,
    /// What was seen for it: attempts, answers, conversations or agents.
    pub seen: u64,
}

/// Where a figure is from: the request, the campaign's own last attempts, the queues as they are now, or nothing is known and it
/// is a usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "said above")]
pub enum ForecastSource {
    Given,
    Learnt,
    Seen,
    Assumed,
}

impl From<Assumption> for ForecastAssumption {
    fn from(assumption: Assumption) -> Self {
        let source = match assumption.source {
            Source::Given => ForecastSource::Given,
            Source::Learnt => ForecastSource::Learnt,
            Source::Seen => ForecastSource::Seen,
            Source::Assumed => ForecastSource::Assumed,
        };
        Self { name: assumption.name.to_owned(), value: assumption.value, source, seen: assumption.seen }
    }
}

/// Contacts that one rule keeps back when a forecast begins.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Exclusion {
    /// `finished`, `in_call`, a rule of the gate, or `waits_for_reload`.
    #[schema(example = "inside_callee_window")]
    pub stage: String,
    /// What it says of them.
    #[schema(example = "outside their calling hours")]
    pub text: String,
    /// Contacts whose first no it is.
    pub first: u64,
    /// All contacts to whom it says no, whatever else does.
    pub all: u64,
}

impl From<Bucket> for Exclusion {
    fn from(bucket: Bucket) -> Self {
        let FunnelBucket { stage, text, first, all, .. } = bucket.into();
        Self { stage: stage.to_owned(), text: text.to_owned(), first, all }
    }
}

/// What comes, over all plays.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForecastFigures {
    /// Plays whose run was completed within the hours.
    pub finished: u32,
    /// A tenth of the plays is done by then; `null`: fewer are.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_early_at: Option<Timestamp>,
    /// Half of the plays is done by then; `null`: not within the hours.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Nine tenths of the plays are done by then; `null`: fewer are.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_late_at: Option<Timestamp>,
    /// Contacts that are left at the end.
    pub left: Spread,
    /// Calls made.
    pub attempts: Spread,
    /// Of these, answered.
    pub answered: Spread,
    /// Calls made in an hour in which there were any.
    pub calls_per_hour: Spread,
    /// Calls after the first one of their contact.
    pub retries: Spread,
    /// Answered calls that want an agent, machines that were found out left out.
    pub live: Spread,
    /// Of these, without an agent in time.
    pub abandoned: Spread,
    /// Their share, `0..=1`.
    pub abandoned_share: Spread,
    /// The share in the worst quarter of an hour that has 20 live calls, `0..=1`.
    pub worst_quarter: Spread,
    /// Calls abandoned in the worst quarter of an hour.
    pub worst_quarter_calls: Spread,
    /// Conversations with agents.
    pub conversations: Spread,
    /// Talk and wrap-up of the agents' time within the campaign's hours, `0..=1`; `null` without agents.
    pub occupancy: Option<Spread>,
    /// Seconds that an agent waits for a conversation; `null` without agents.
    pub idle_s: Option<Spread>,
}

/// Calls that end in one way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForecastOutcome {
    /// Final state of the call.
    #[schema(value_type = words::CallState, example = "RS_BUSY")]
    pub state: CallState,
    /// How many.
    pub calls: Spread,
    /// After how many a reschedule rule tries again.
    pub retried: Spread,
}

/// What a rule does while the campaign is played.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForecastRule {
    /// Which rule.
    #[schema(example = "inside_callee_window")]
    pub rule: String,
    /// Contacts that it put off.
    pub put_off: Spread,
    /// How often it did, all contacts together.
    pub times: Spread,
    /// Contacts that it refused until the run is reloaded.
    pub refused: Spread,
}

/// One hour.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForecastHour {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Calls made in it.
    pub attempts: Spread,
    /// Calls answered in it.
    pub answered: Spread,
    /// Calls abandoned in it.
    pub abandoned: Spread,
    /// Talk and wrap-up of the agents' time in it, `0..=1`; `null` where none was there.
    pub occupancy: Option<Spread>,
}

const NOTHING: Spread = Spread { low: 0.0, median: 0.0, high: 0.0 };

impl Forecast {
    /// What the node says; `actor` asked for it, from this seed on.
    pub(super) fn of(said: node::forecast::Forecast, actor: &str, seed: u64) -> Self {
        let node::forecast::Forecast { funnel, summary, pacing, .. } = said;
        Self {
            id: 0,
            campaign: said.campaign.0,
            run: said.run.map(|run| run.0),
            actor: actor.to_owned(),
            made_at: said.made_at,
            begins_at: said.begins_at,
            hours: f64::from(said.horizon_s) / 3_600.0,
            seeds: u32::try_from(summary.plays).unwrap_or(u32::MAX),
            seed,
            took_ms: said.took_ms,
            agents: said.agents,
            mode: pacing.mode,
            policy: pacing.policy,
            cap: pacing.cap,
            assumptions: said.assumptions.into_iter().map(ForecastAssumption::from).collect(),
            contacts: said.contacts,
            exclusions: funnel.buckets.into_iter().map(Exclusion::from).collect(),
            dialable: funnel.dialable,
            outcomes: outcomes(&summary),
            rules: rules(&summary),
            series: summary.hours.iter().map(hour).collect(),
            figures: figures(&summary),
        }
    }
}

fn figures(summary: &Summary) -> ForecastFigures {
    let [early, half, late] = summary.finished_at;
    ForecastFigures {
        finished: u32::try_from(summary.finished).unwrap_or(u32::MAX),
        finished_early_at: early,
        finished_at: half,
        finished_late_at: late,
        left: summary.left.into(),
        attempts: summary.attempts.into(),
        answered: summary.answered.into(),
        calls_per_hour: summary.calls_per_hour.into(),
        retries: summary.retries.into(),
        live: summary.live.into(),
        abandoned: summary.abandoned.into(),
        abandoned_share: summary.abandoned_share.into(),
        worst_quarter: summary.worst_quarter.into(),
        worst_quarter_calls: summary.worst_quarter_calls.into(),
        conversations: summary.conversations.into(),
        occupancy: summary.occupancy.map(Spread::from),
        idle_s: summary.idle_s.map(Spread::from),
    }
}

fn outcomes(summary: &Summary) -> Vec<ForecastOutcome> {
    let mut all: Vec<ForecastOutcome> = (summary.outcomes.iter())
        .map(|(state, calls, retried)| ForecastOutcome {
            state: *state,
            calls: (*calls).into(),
            retried: (*retried).into(),
        })
        .collect();
    all.sort_by(|a, b| b.calls.median.total_cmp(&a.calls.median));
    all
}

fn rules(summary: &Summary) -> Vec<ForecastRule> {
    let mut all: Vec<ForecastRule> = Vec::new();
    for (rule, contacts, times) in &summary.put_off {
        let (put_off, times, refused) = ((*contacts).into(), (*times).into(), NOTHING);
        all.push(ForecastRule { rule: rule.code().to_owned(), put_off, times, refused });
    }
    for (rule, contacts) in &summary.refused {
        match all.iter_mut().find(|one| one.rule == rule.code()) {
            Some(one) => one.refused = (*contacts).into(),
            None => {
                let (put_off, times, refused) = (NOTHING, NOTHING, (*contacts).into());
                all.push(ForecastRule { rule: rule.code().to_owned(), put_off, times, refused });
            }
        }
    }
    all
}

fn hour(hour: &HourSpread) -> ForecastHour {
    ForecastHour {
        at: hour.at,
        attempts: hour.attempts.into(),
        answered: hour.answered.into(),
        abandoned: hour.abandoned.into(),
        occupancy: hour.occupancy.map(Spread::from),
    }
}
