//! What is written about an attempt before, while and after it happens.
//!
//! The core decides these records, the store writes them. No number, name or attribute value is in them.

mod fact;

pub use fact::{Fact, Note};

use crate::abandonment::Tally;
use crate::attributes::Attributes;
use crate::contact::Contact;
use crate::error::Invalid;
use crate::ids::{
    AttemptId, CallId, CampaignId, ContactId, EndPointId, LegId, ListId, NumberRef, PbxId, RuleId, RunId, TrunkId,
};
use crate::number::NumberKey;
use crate::numbers::{LeftOut, OtherNumber};
use crate::outcome::{CallState, EndedBy, Fault};
use crate::outcome_rule::OutcomeRule;
use crate::pacing::PacingPolicy;
use crate::rules::{ContactReceipt, ContactRule};
use crate::run::{RunState, SegmentKind};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Why this contact was taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picked {
    /// The next one in list order.
    FreshInOrder,
    /// Its retry was due.
    RetryDue {
        /// Since when.
        due_at: Timestamp,
    },
    /// A number of it was called in vain, and this is its next one.
    NextNumber {
        /// Since when.
        due_at: Timestamp,
    },
    /// It was put off, and that is over.
    PutOffOver {
        /// Since when.
        due_at: Timestamp,
        /// What had put it off.
        by: PutOffBy,
    },
}

impl Picked {
    /// Not before then.
    pub fn due_at(self) -> Option<Timestamp> {
        match self {
            Self::FreshInOrder => None,
            Self::RetryDue { due_at } | Self::NextNumber { due_at } | Self::PutOffOver { due_at, .. } => Some(due_at),
        }
    }
}

/// What puts a contact off: a rule that it is asked, or the calls per hour to where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PutOffBy {
    /// This rule.
    Rule(ContactRule),
    /// The calls per hour to a prefix, over all campaigns.
    HourlyCap,
}

impl PutOffBy {
    /// Its name in the database, in events and in the API: that of the rule, or `hourly_cap_kept`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.code(),
            Self::HourlyCap => "hourly_cap_kept",
        }
    }

    /// What has that name.
    pub fn from_code(code: &str) -> Option<Self> {
        if code == Self::HourlyCap.code() {
            Some(Self::HourlyCap)
        } else {
            ContactRule::from_code(code).map(Self::Rule)
        }
    }
}

impl From<PutOffBy> for String {
    fn from(by: PutOffBy) -> Self {
        by.code().to_owned()
    }
}

impl TryFrom<String> for PutOffBy {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::from_code(&code).ok_or_else(|| format!("{code:?} is no rule that puts a contact off"))
    }
}

/// A contact that may not be called now. It leaves the dialler's memory: until its time comes, or until its run is
/// reloaded.
///
/// Its row in the run becomes `waiting` with `until` as its due time, or `refused` without one. The row before was none
/// (`was_due_at` is `None`), or `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOff {
    /// Which contact.
    pub contact: ContactId,
    /// The counter of its coming attempt; 0 for one that was never tried.
    pub retry: u32,
    /// When it was due; `None` for one that is fresh in the list.
    pub was_due_at: Option<Timestamp>,
    /// What had put it off before; `None` for a fresh one and for a retry that a reschedule rule asked for.
    pub was_put_off_by: Option<PutOffBy>,
    /// What puts it off now.
    pub by: PutOffBy,
    /// Not before; `None`: it is refused.
    pub until: Option<Timestamp>,
}

/// Which contacts of a run, of those that a rule put off or refused, are judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Again {
    /// All of them: the rules are others.
    Everybody,
    /// Those that were refused.
    Refused,
    /// Those that were refused because their number was suppressed.
    Suppressed,
    /// This one: it was corrected.
    Contact(ContactId),
}

/// Who is due within so many microseconds may be in the dialler's memory, and is not to be judged again: they come by
/// themselves.
pub const SOON_US: i64 = 20_000_000;
/// A retry, or a call that was planned, may have been put off so many microseconds before its own time: it is judged again
/// so much later than the others, and its time is kept.
pub const READ_AHEAD_US: i64 = 10_000_000;

/// The gate's receipt: the inputs on which every rule said yes, at the instant of the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Why this contact.
    pub picked: Picked,
    /// The rules that were asked, in order; all said yes.
    pub rules: Vec<Cow<'static, str>>,
    /// When the campaign's hours close; `None`: they do not.
    pub hours_until: Option<Timestamp>,
    /// Calls up on the trunk before this one.
    pub trunk_in_use: u32,
    /// Its capacity.
    pub trunk_capacity: u32,
    /// Calls up towards the end point before this one.
    pub end_point_in_use: u32,
    /// Its capacity.
    pub end_point_capacity: u32,
    /// Whether this call probes a trunk whose circuit is open.
    pub probe: bool,
    /// Calls of the run in progress before this one.
    #[serde(default)]
    pub run_in_progress: u32,
    /// Contacts of the run in memory, this one not counted.
    #[serde(default)]
    pub run_in_memory: u32,
    /// The campaign's priority: lower is served first.
    #[serde(default)]
    pub priority: i32,
    /// Who chose the caller id.
    #[serde(default)]
    pub caller_id: CallerIdFrom,
    /// What the contact rules were asked with.
    #[serde(default)]
    pub contact: ContactReceipt,
    /// What was known of the queue behind the end point, if there is one.
    #[serde(default)]
    pub queue: Option<Box<QueueReceipt>>,
    /// Which of the contact's numbers it is, of a contact with several.
    #[serde(default)]
    pub number: Option<Box<NumberReceipt>>,
}

/// Which of several numbers of a contact was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberReceipt {
    /// Its place; 0: the contact's own.
    pub no: u32,
    /// Numbers that the contact has and that can be dialled.
    pub of: u32,
    /// Those that were passed over when it was read, although their turn had come.
    pub left_out: Vec<LeftOut>,
}

/// What was known of an observed queue when a call was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReceipt {
    /// Its free agents.
    pub free: u32,
    /// Its callers to whom no agent's telephone rings.
    pub waiting: u32,
    /// Agents that the calls of this end point may reckon with: the free ones less those for whom callers wait and other
    /// end points dial.
    pub agents: u32,
    /// Calls towards the end point that have not come to the queue, before this one.
    pub on_the_way: u32,
    /// What these take of the agents, in thousandths of one.
    pub taken_permille: u64,
    /// Calls on their way per agent, in thousandths: that of the end point times that of the run.
    pub boost_permille: u32,
    /// What its campaign's engine went by, if it has one; then load and boost do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceReceipt>,
}

/// What an engine went by when it allowed a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceReceipt {
    /// What it promises of the cap; `None`: nothing, it is one of VICIdial's methods.
    pub policy: Option<PacingPolicy>,
    /// Free agents of the campaign.
    pub free: u32,
    /// Calls of the campaign that had or might want an agent, before this one.
    pub open: u32,
    /// Calls that were abandoned, as the engine counts.
    pub abandoned: u64,
    /// People who had an agent, as the engine counts.
    pub persons: u64,
    /// Abandoned calls of live answers, at most, in millionths.
    pub cap_ppm: u32,
}

/// Who chooses the caller id of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdFrom {
    /// The PBX: the campaign names none.
    #[default]
    Pbx,
    /// The campaign's template, filled with the contact's attributes.
    Campaign,
}

/// An attempt, as it is journalled before anything is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAttempt {
    /// Its id.
    pub attempt: AttemptId,
    /// The call it makes.
    pub call: CallId,
    /// The call's first leg; the channel id is derived from it.
    pub leg: LegId,
    /// For which run.
    pub run: RunId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// To whom.
    pub contact: ContactId,
    /// From which list.
    pub list: ListId,
    /// Stands for the number.
    pub number_ref: NumberRef,
    /// For single flight, and for what is counted per number.
    pub number_key: NumberKey,
    /// For what is counted per person; `None`: the contact names nobody.
    pub person_key: Option<NumberKey>,
    /// 0-based retry counter of this contact in this run: of rounds over its numbers.
    pub retry: u32,
    /// Which of its numbers; 0: its own.
    pub number_no: u32,
    /// Through which trunk.
    pub trunk: TrunkId,
    /// To which end point.
    pub end_point: EndPointId,
    /// On which PBX.
    pub pbx: PbxId,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// The agent who is called before the person, if one is.
    pub agent: Option<Box<FirstAgent>>,
    /// The agent looks at it first, and says whether and when it is dialled.
    pub reserved: bool,
    /// Why it was allowed.
    pub receipt: Receipt,
}

/// An agent who is called before the person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAgent {
    /// The leg to it; the channel id is derived from it.
    pub leg: LegId,
    /// The member of the queue, e.g. `PJSIP/1001`.
    pub interface: String,
}

/// An agent who was called first, for an attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledBefore {
    /// For which.
    pub attempt: AttemptId,
    /// Its call.
    pub call: CallId,
    /// On which PBX.
    pub pbx: PbxId,
    /// The agent, and the leg to him.
    pub agent: FirstAgent,
}

/// What the dialplan or a program does to the output attributes of an attempt. Its `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub enum OutputChange {
    /// Gives a name a value; the last one wins.
    Set {
        /// A name as attributes have it.
        name: String,
        /// Its value.
        value: String,
    },
    /// Puts a text behind the value of a name.
    Append {
        /// A name as attributes have it.
        name: String,
        /// The text.
        value: String,
    },
    /// Takes all of them away.
    Clear,
}

impl OutputChange {
    /// Carries it out; what no attribute may be is refused.
    pub fn apply(&self, outputs: &mut Attributes) -> Result<(), Invalid> {
        match self {
            Self::Set { name, value } => outputs.set(name, value),
            Self::Append { name, value } => outputs.append(name, value),
            Self::Clear => {
                *outputs = Attributes::default();
                Ok(())
            }
        }
    }

    /// The attribute; `None`: all of them.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Set { name, .. } | Self::Append { name, .. } => Some(name),
            Self::Clear => None,
        }
    }
}

impl fmt::Debug for OutputChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputChange({:?})", self.name())
    }
}

/// A stretch of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// What it was.
    pub kind: SegmentKind,
    /// From.
    pub from: Timestamp,
    /// To, never before `from`.
    pub to: Timestamp,
}

/// The end of an attempt and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Its call.
    pub call: CallId,
    /// Its leg.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Its contact.
    pub contact: ContactId,
    /// The outcome.
    pub state: CallState,
    /// Whose fault.
    pub fault: Fault,
    /// Extended status, empty when none came.
    pub ext_state: String,
    /// Q.850 cause, 0 when unknown.
    pub cause: u16,
    /// SIP code of the final response, when there was one.
    pub tech_cause: Option<u16>,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// When.
    pub ended_at: Timestamp,
    /// When the far end answered.
    pub connected_at: Option<Timestamp>,
    /// What its time was made of.
    pub segments: Vec<Segment>,
    /// The retry that a rule asked for; `None`: the contact is finished in this run, unless it has another number.
    pub retry: Option<RetryAt>,
    /// The number of the contact that is called next, at once and before any rule is asked; then there is no `retry`.
    pub next_number: Option<u32>,
    /// Numbers behind this one that are passed over, before the next one.
    pub left_out: Vec<LeftOut>,
    /// The outcome rules that answer to it, in order: each becomes an action.
    pub actions: Vec<OutcomeRule>,
}

impl AttemptEnd {
    /// When the contact is called again; `None`: it is finished in this run.
    pub fn again_at(&self) -> Option<Timestamp> {
        self.retry.map(|retry| retry.at).or(self.next_number.map(|_| self.ended_at))
    }
}

/// When a contact is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAt {
    /// The rule that asked.
    pub rule: RuleId,
    /// Seconds from the end of the call.
    pub delay_s: u32,
    /// Not before.
    pub at: Timestamp,
}

/// An attempt that was journalled and provably never sent: it is taken back, the contact loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Its run.
    pub run: RunId,
    /// Its contact.
    pub contact: ContactId,
    /// The retry counter it had.
    pub retry: u32,
    /// The number whose turn it was when its contact was read.
    pub number_no: u32,
    /// Since when a retry, or one that had been put off, was due; `None` for a fresh contact.
    pub due_at: Option<Timestamp>,
    /// What had put it off; `None` for a fresh contact and for a retry that a reschedule rule asked for.
    pub put_off_by: Option<PutOffBy>,
    /// Why it was not sent.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// A change of a run's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// Which run.
    pub run: RunId,
    /// Its new state.
    pub state: RunState,
    /// Why, for people.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// Of a run that is completed: each of its lists with the last contact that it was read to. Contacts behind it were
    /// added too late and are not its work. Otherwise empty.
    pub read_to: Vec<(ListId, ContactId)>,
}

/// An attempt that was open when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its id.
    pub attempt: AttemptId,
    /// Its call.
    pub call: CallId,
    /// Its leg.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its contact.
    pub contact: ContactId,
    /// For single flight.
    pub number_key: NumberKey,
    /// 0-based retry counter.
    pub retry: u32,
    /// Which of the contact's numbers; 0: its own.
    pub number_no: u32,
    /// The others, by place.
    pub other_numbers: Vec<OtherNumber>,
    /// Its trunk.
    pub trunk: TrunkId,
    /// Its end point.
    pub end_point: EndPointId,
    /// Its PBX.
    pub pbx: PbxId,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// When it was answered, if that was written.
    pub connected_at: Option<Timestamp>,
    /// What was counted of it in the books of abandoned calls; `None`: nothing.
    pub tally: Option<Tally>,
    /// Extended status so far.
    pub ext_state: String,
    /// The agent who is called before the person, if one is.
    pub agent: Option<FirstAgent>,
    /// An agent had reserved it and not said yes: nothing of it has left.
    pub reserved: bool,
    /// Of a reserved one: whom; `None` when the contact was deleted.
    pub details: Option<Arc<Contact>>,
    /// Whether its number must not be called any more: it is hung up when it is found, unless it was answered.
    pub suppressed: bool,
}
