//! The definition of what to dial and how; each execution of it is a run.

use crate::attributes::Attributes;
use crate::boost::Boost;
use crate::error::{Invalid, check_range, check_text};
use crate::hours::Hours;
use crate::ids::{CampaignId, EndPointId, ListId, OpeningHoursId, TrunkId};
use crate::opening::{self, OpeningHours};
use crate::outcome_rule::{MAX_OUTCOME_RULES, OutcomeRule};
use crate::pacing::Pacing;
use crate::queue_log::QueueLog;
use crate::reschedule::RescheduleRule;
use crate::rules::{self, Limits, Rules};
use crate::run_mail::RunMail;
use crate::template::Template;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules of one campaign, at most.
pub const MAX_RULES: usize = 50;
/// Lists, trunks or end points of one campaign, each at most.
pub const MAX_LINKS: usize = 200;

/// Which way its calls go. Only outbound campaigns exist so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We call.
    #[default]
    Outbound,
}

/// Where its work comes from. Only lists so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkSource {
    /// Lists of contacts.
    #[default]
    List,
}

/// Whether it may be started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CampaignStatus {
    /// It may.
    #[default]
    Runnable,
    /// Visible, not startable.
    Closed,
    /// Not shown unless asked for, not startable.
    Hidden,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// 0 until it is saved.
    pub id: CampaignId,
    /// Unique, 1..=200 characters.
    pub name: String,
    /// Which way its calls go.
    pub direction: Direction,
    /// Where its work comes from.
    pub work: WorkSource,
    /// Lower is served first, `0..=1000`; WombatDialer's default is 10.
    pub priority: i32,
    /// Whether it may be started.
    pub status: CampaignStatus,
    /// Out of numbers: wait for more instead of completing.
    pub idle_on_termination: bool,
    /// Contacts read ahead, `1..=10000`.
    pub batch_size: u32,
    /// First second of the active period, `HHMMSS`.
    pub time_start: String,
    /// Last second of the active period, `HHMMSS`; before `time_start` means overnight.
    pub time_end: String,
    /// Days of the active period, digits 1 (Sunday) to 7 (Saturday).
    pub time_days: String,
    /// IANA zone of the active period.
    pub zone: String,
    /// Sets of opening hours in order: all of them and the active period must be open.
    #[serde(default)]
    pub opening_hours: Vec<OpeningHoursId>,
    /// Ringing time after which a call is given up, milliseconds, `1000..=300000`.
    pub answer_timeout_ms: u32,
    /// Seconds after the answer at which a call is closed, `0..=86400`; 0 = never.
    pub forced_closure_s: u32,
    /// Calls on their way per free agent of an observed queue when a run begins, times that of the end point.
    #[serde(default)]
    pub initial_boost: Boost,
    /// How many calls are launched for the agents of its queues. One that was saved before went by boost.
    #[serde(default = "Pacing::by_boost")]
    pub pacing: Pacing,
    /// Agents who are called first, or look first, are paused in their queues from then until their call is over.
    #[serde(default)]
    pub autopause: bool,
    /// Caller id of its calls; empty leaves the PBX's own.
    pub dial_clid: Template,
    /// Caller id with which an answered call enters its end point, for agents to see; empty: `dial_clid`.
    #[serde(default)]
    pub agent_clid: Template,
    /// Caller id that callees see; empty: `dial_clid`. The carrier may put its own in its place.
    #[serde(default)]
    pub dial_presentation: Template,
    /// Account code of its calls.
    pub dial_account: Template,
    /// Whether its calls are written to the queue_log of the PBX.
    #[serde(default)]
    pub queue_log: QueueLog,
    /// Letters about its runs.
    #[serde(default)]
    pub mail: RunMail,
    /// Variables set on every call; a contact's attribute of the same name wins.
    pub variables: Attributes,
    /// Its trunks.
    pub trunks: Vec<TrunkId>,
    /// Its end points.
    pub end_points: Vec<EndPointId>,
    /// Its lists, in the order in which they are dialled.
    pub lists: Vec<ListId>,
    /// Lists whose numbers it does not call.
    #[serde(default)]
    pub black_lists: Vec<ListId>,
    /// Its reschedule rules.
    pub rules: Vec<RescheduleRule>,
    /// Its outcome rules, in the order in which their actions are written.
    #[serde(default)]
    pub outcome_rules: Vec<OutcomeRule>,
    /// The rule packs that say whom it may call and when, 1..=10 of them.
    #[serde(default = "default_packs")]
    pub packs: Vec<String>,
    /// What the operator limits it to beyond its packs.
    #[serde(default)]
    pub limits: Limits,
}

fn default_packs() -> Vec<String> {
    vec![rules::pack::DEFAULT.to_owned()]
}

impl Campaign {
    /// A campaign with WombatDialer's defaults and nothing attached.
    pub fn named(name: &str, zone: &str) -> Self {
        Self {
            id: CampaignId(0),
            name: name.to_owned(),
            direction: Direction::Outbound,
            work: WorkSource::List,
            priority: 10,
            status: CampaignStatus::Runnable,
            idle_on_termination: false,
            batch_size: 100,
            time_start: "000000".into(),
            time_end: "235959".into(),
            time_days: "1234567".into(),
            zone: zone.to_owned(),
            opening_hours: Vec::new(),
            answer_timeout_ms: 30_000,
            forced_closure_s: 0,
            initial_boost: Boost::ONE,
            pacing: Pacing::default(),
            autopause: false,
            dial_clid: Template::default(),
            agent_clid: Template::default(),
            dial_presentation: Template::default(),
            dial_account: Template::default(),
            queue_log: QueueLog::default(),
            mail: RunMail::default(),
            variables: Attributes::default(),
            trunks: Vec::new(),
            end_points: Vec::new(),
            lists: Vec::new(),
            black_lists: Vec::new(),
            rules: Vec::new(),
            outcome_rules: Vec::new(),
            packs: default_packs(),
            limits: Limits::default(),
        }
    }

    /// The active period as a value that can be asked.
    pub fn active_period(&self) -> Result<Hours, Invalid> {
        Hours::parse(&self.time_start, &self.time_end, &self.time_days, &self.zone)
    }

    /// The active period with the sets of opening hours that it names among `sets`. One that is missing there is refused:
    /// without it the campaign might dial when it must not.
    pub fn hours(&self, sets: &BTreeMap<OpeningHoursId, OpeningHours>) -> Result<Hours, Invalid> {
        let of = |id: &OpeningHoursId| {
            sets.get(id).ok_or_else(|| Invalid::new("opening_hours", format!("opening hours {id} do not exist")))
        };
        let named = self.opening_hours.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        self.active_period()?.with_sets(named)
    }

    /// Whom it may call and when, as a value that can be asked.
    pub fn callee_rules(&self) -> Result<Rules, Invalid> {
        Rules::of(&self.packs, &self.limits, &self.zone)
    }

    /// Refuses values out of range, by field. Whether what it names exists is the store's to say.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("name", &self.name, 200)?;
        check_range("priority", self.priority, 0, 1_000)?;
        check_range("batch_size", self.batch_size, 1, 10_000)?;
        check_range("answer_timeout_ms", self.answer_timeout_ms, 1_000, 300_000)?;
        check_range("forced_closure_s", self.forced_closure_s, 0, 86_400)?;
        self.pacing.check()?;
        self.active_period()?;
        let ring_s = self.callee_rules()?.min_ring_s();
        if self.answer_timeout_ms < ring_s * 1_000 {
            let problem = format!("{} is too short: its rules want it to ring for {ring_s} s", self.answer_timeout_ms);
            return Err(Invalid::new("answer_timeout_ms", problem));
        }
        Template::parse("dial_clid", self.dial_clid.as_str())?;
        Template::parse("agent_clid", self.agent_clid.as_str())?;
        Template::parse("dial_presentation", self.dial_presentation.as_str())?;
        Template::parse("dial_account", self.dial_account.as_str())?;
        self.queue_log.check()?;
        self.mail.check()?;
        check_links("trunks", &self.trunks)?;
        check_links("end_points", &self.end_points)?;
        check_links("lists", &self.lists)?;
        check_links("black_lists", &self.black_lists)?;
        if let Some(list) = self.black_lists.iter().find(|list| self.lists.contains(list)) {
            return Err(Invalid::new("black_lists", format!("list {list} is one that it dials")));
        }
        check_links("opening_hours", &self.opening_hours)?;
        check_range("opening_hours", self.opening_hours.len(), 0, opening::MAX_SETS)?;
        check_range("rules", self.rules.len(), 0, MAX_RULES)?;
        self.rules.iter().try_for_each(RescheduleRule::check)?;
        check_range("outcome_rules", self.outcome_rules.len(), 0, MAX_OUTCOME_RULES)?;
        self.outcome_rules.iter().try_for_each(OutcomeRule::check)
    }

    /// What is missing before it can be started, or `None`.
    pub fn cannot_start(&self) -> Option<&'static str> {
        match () {
            () if self.status != CampaignStatus::Runnable => Some("is not runnable: set its status to RUNNABLE"),
            () if self.trunks.is_empty() => Some("has no trunk"),
            () if self.end_points.is_empty() => Some("has no end point"),
            () if self.lists.is_empty() && !self.idle_on_termination => {
                Some("has no list (only one that idles on termination may start without)")
            }
            () => None,
        }
    }
}

fn check_links<T: PartialEq>(field: &str, ids: &[T]) -> Result<(), Invalid> {
    check_range(field, ids.len(), 0, MAX_LINKS)?;
    if ids.iter().enumerate().any(|(i, id)| ids[..i].contains(id)) {
        return Err(Invalid::new(field, "names one thing twice"));
    }
    Ok(())
}
