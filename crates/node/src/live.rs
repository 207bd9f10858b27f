//! The live figures: what the dialler is doing now, as plain data for the API, the terminal and the screens.
//!
//! Definitions are WombatDialer's (run details and live page), named in words.

use dialer::AgentState;
use domain::{
    AttemptId, CallState, CampaignId, ContactId, EndPointId, ListId, PacingMode, PacingPolicy, PbxId, RunId, RunState,
    Timestamp, TrunkId,
};
use serde::{Deserialize, Serialize};

/// Everything at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// The instant.
    pub at: Timestamp,
    /// Whether calls may be placed at all.
    pub dialling: Dialling,
    /// Why not, when they may not.
    pub hold: Option<LiveHold>,
    /// Why nothing new is begun, held or not: the database cannot be written, or its disk is nearly full. Passes by
    /// itself.
    pub storage: Option<LiveStorage>,
    /// Every PBX.
    pub pbxs: Vec<LivePbx>,
    /// Every trunk.
    pub trunks: Vec<LiveTrunk>,
    /// Every end point.
    pub end_points: Vec<LiveEndPoint>,
    /// Runs that are not over, by priority.
    pub runs: Vec<LiveRun>,
    /// Calls in progress, oldest first, at most 1000.
    pub calls: Vec<LiveCall>,
    /// Sums over the runs above.
    pub totals: LiveTotals,
}

/// Whether calls may be placed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialling {
    /// They may.
    Dialling,
    /// Held: by an operator or by Carillon itself.
    Held,
}

/// Why dialling is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveHold {
    /// Since when.
    pub since: Timestamp,
    /// The token's name, or `carillon`.
    pub by: String,
    /// The reason that was given.
    pub why: String,
}

/// What the database lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStorage {
    /// Since when nothing new is begun.
    pub since: Timestamp,
    /// What is wrong, for people.
    pub why: String,
}

/// State of the link to a PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PbxState {
    /// Connected and reconciled.
    Up,
    /// Connected; its channels are being compared with ours. Nothing is dialled there yet.
    Reconciling,
    /// It is silent or does not answer, whether still connected or not. Nothing is dialled there until it was compared.
    Stale,
    /// Not connected.
    Down,
}

impl LiveTotals {
    /// The sums over these runs, which have so many calls in progress.
    pub fn of(runs: &[LiveRun], open_calls: usize) -> Self {
        let sum = |part: fn(&LiveRun) -> u64| runs.iter().map(part).sum::<u64>();
        let (placed, terminated) = (sum(|run| run.placed), sum(|run| run.terminated));
        let termination_rate = share(terminated, placed);
        Self { open_calls: open_calls as u64, placed, terminated, termination_rate, backlog: sum(|run| run.hopper) }
    }
}

/// `part / of`, 0 of nothing.
pub(crate) fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// A PBX.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LivePbx {
    /// Its id.
    pub id: PbxId,
    /// Its name.
    pub name: String,
    /// State of the link.
    pub state: PbxState,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Why it is not up; empty when it is.
    pub why: String,
    /// Asterisk's version, once connected.
    pub version: Option<String>,
    /// Our calls on it.
    pub in_use: u32,
    /// Channels on it that are not ours: other people's calls, and what our calls became behind the end point.
    pub foreign_channels: u64,
    /// People who find no agent hear a message there: its dialplan has the safe harbour. Looked for while queues are observed.
    pub harbour: bool,
    /// Why people who found no agent were not brought to that message in the last ten minutes; empty: nobody, or they were.
    pub harbour_why: String,
}

/// State of a trunk's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Dialling.
    Closed,
    /// The carrier refused call after call: waiting.
    Open,
    /// One call is out to see whether the carrier is back.
    Probing,
}

/// A trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveTrunk {
    /// Its id.
    pub id: TrunkId,
    /// Its name.
    pub name: String,
    /// Its PBX.
    pub pbx: PbxId,
    /// Calls at once.
    pub capacity: u32,
    /// Calls up.
    pub in_use: u32,
    /// Calls started per second, at most; 0 = the PBX's limit.
    pub calls_per_second: u32,
    /// Its circuit breaker.
    pub circuit: Circuit,
    /// When an open circuit is probed.
    pub probe_at: Option<Timestamp>,
}

/// An end point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveEndPoint {
    /// Its id.
    pub id: EndPointId,
    /// Its name.
    pub name: String,
    /// Calls at once.
    pub capacity: u32,
    /// Calls up or on their way.
    pub in_use: u32,
    /// The queue that it observes, if it does.
    pub queue: Option<LiveQueue>,
}

/// A queue behind an end point, as it is observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveQueue {
    /// As Asterisk calls it.
    pub name: String,
    /// Whether it is known who is there. Nothing is dialled for it while it is not, and the figures are 0.
    pub observed: bool,
    /// Why no call may begin for it now; empty when one may.
    pub why: String,
    /// Members, paused or not.
    pub logged_on: u32,
    /// Paused members.
    pub paused: u32,
    /// Agents whom a call would reach now.
    pub free: u32,
    /// Callers for whom no agent's telephone rings.
    pub waiting: u32,
    /// Callers in the queue, those for whom a telephone rings too: WombatDialer's `W`.
    pub callers: u32,
    /// Agents that calls of this end point may reckon with: free ones less those for whom callers wait or other end points
    /// dial.
    pub agents: u32,
    /// Calls towards the end point that have not come to the queue.
    pub on_the_way: u32,
    /// Calls towards the end point beyond the agents that they may reckon with: WombatDialer's `O/D`.
    pub over_dialled: u32,
    /// Calls that may begin now.
    pub wanted: u32,
    /// Calls on their way per agent, times that of the run.
    pub boost: f64,
    /// More callers wait than allowed: WombatDialer's `BK:W`.
    pub blocked_by_waiting: bool,
    /// Facts that were missed and put right since the server started.
    pub missed: u64,
}

/// An agent of an observed queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAgent {
    /// The telephone that the queue calls.
    pub interface: String,
    /// What the queue calls the member.
    pub name: String,
    /// What it is doing, as far as the queues of its PBX show.
    pub state: QueueAgentState,
    /// Why it is paused, if it was said.
    pub paused_reason: String,
    /// Seconds after a call in which the queue leaves it alone.
    pub wrap_up_s: u32,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueAgentState {
    /// A call would reach it.
    Idle,
    /// Paused in this queue.
    Paused,
    /// Its telephone rings.
    Ringing,
    /// A call of ours has it: it is called before the person.
    Taken,
    /// In a call, of this queue or not.
    Talking,
    /// Left alone after a call.
    WrapUp,
    /// Its telephone is not there.
    Unavailable,
}

impl From<dialer::Agent> for QueueAgent {
    fn from(agent: dialer::Agent) -> Self {
        let state = match agent.state {
            AgentState::Idle => QueueAgentState::Idle,
            AgentState::Paused => QueueAgentState::Paused,
            AgentState::Ringing => QueueAgentState::Ringing,
            AgentState::Taken => QueueAgentState::Taken,
            AgentState::Talking => QueueAgentState::Talking,
            AgentState::WrapUp => QueueAgentState::WrapUp,
            AgentState::Unavailable => QueueAgentState::Unavailable,
        };
        let dialer::Member { interface, name, paused_reason, wrap_up_s, .. } = agent.member;
        Self { interface, name, state, paused_reason, wrap_up_s }
    }
}

/// How a run is paced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LivePacing {
    /// What its campaign asks for.
    pub mode: PacingMode,
    /// What is done.
    pub by: PacedBy,
    /// What predictive pacing promises; none where nothing is promised.
    pub policy: Option<PacingPolicy>,
    /// Why not more calls are launched, for people; empty where nothing holds them but agents and channels.
    pub why: String,
    /// Free agents that it reckons with; this and the next four are 0 without an engine.
    pub free: u32,
    /// Calls that have or may want an agent.
    pub open: u32,
    /// Callers among them who wait for one.
    pub waiting: u32,
    /// Abandoned in the counting period, as the ledger has it.
    pub abandoned: u64,
    /// Live answers in the counting period, as the ledger has it.
    pub live: u64,
    /// Abandoned calls of live ones, at most, `0..=1`.
    pub cap: f64,
    /// Calls that may still be abandoned by what was answered so far; less than 0: too many were.
    pub budget_left: f64,
}

/// By what a run is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacedBy {
    /// None of its end points has agents in a queue: a call per channel.
    Channels,
    /// The boost of end points and run.
    Boost,
    /// One call for each free agent.
    OneEach,
    /// One call for each free agent, because there is no safe harbour on a PBX.
    NoHarbour,
    /// So many calls for each free agent.
    Ratio,
    /// An engine, which looks at calls and agents several times a second.
    Engine,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveRun {
    /// Its id.
    pub id: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The campaign's name.
    pub campaign_name: String,
    /// Its state.
    pub state: RunState,
    /// What it waits for when it is not dialling; empty when it dials.
    pub why: String,
    /// Lower is served first.
    pub priority: i32,
    /// Calls on their way per free agent of an observed queue, times that of the end point.
    pub boost: f64,
    /// When it was started.
    pub started_at: Timestamp,
    /// Attempts placed.
    pub placed: u64,
    /// Attempts that need no retry: successful, or past their last reschedule.
    pub terminated: u64,
    /// `terminated / placed`, `0..=1`.
    pub termination_rate: f64,
    /// `1 - termination_rate`.
    pub reschedule_rate: f64,
    /// Contacts in memory, ready to dial.
    pub hopper: u64,
    /// Retries waiting for their time.
    pub open_retries: u64,
    /// `hopper + open_retries`: WombatDialer's "items in call cache".
    pub cache: u64,
    /// Attempts in progress.
    pub in_flight: u64,
    /// Of these, answered.
    pub connected_now: u64,
    /// Contacts waiting that a rule put off until an instant.
    pub put_off: u64,
    /// Contacts that a rule refused until the run is reloaded.
    pub refused: u64,
    /// Contacts not yet finished: fresh, waiting for a retry, put off and in flight.
    pub remaining_estimate: u64,
    /// Seconds since the start.
    pub running_s: u64,
    /// Seconds to the end at the present pace; unknown until contacts were finished.
    pub eta_s: Option<u64>,
    /// Attempts per hour since the start.
    pub attempts_per_hour: f64,
    /// Contacts finished per hour since the start.
    pub completions_per_hour: f64,
    /// When the next retry is due, if retries wait.
    pub next_due: Option<Timestamp>,
    /// Caps on calls per hour to a prefix that are reached, those first that open first; at most 10.
    pub hourly_caps: Vec<LiveHourlyCap>,
    /// How it is paced for the agents of its queues.
    pub pacing: LivePacing,
    /// Its lists in dialling order.
    pub lists: Vec<LiveList>,
}

/// A cap on calls per hour to a prefix that is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveHourlyCap {
    /// Calls to numbers that begin so.
    pub prefix: String,
    /// So many are allowed in an hour.
    pub calls: u32,
    /// When the next one is allowed.
    pub opens_at: Timestamp,
}

/// A list of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveList {
    /// Its id.
    pub id: ListId,
    /// The last contact read into the hopper; 0 = none yet.
    pub high_water: ContactId,
    /// Whether it was read to its end.
    pub exhausted: bool,
    /// Whether it is paused: nothing is read from it.
    pub paused: bool,
}

/// A call in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCall {
    /// Its attempt: WombatDialer's id.
    pub attempt: AttemptId,
    /// Its run.
    pub run: RunId,
    /// Its contact.
    pub contact: ContactId,
    /// The number; empty for a call that was adopted after a restart.
    pub number: String,
    /// 0-based retry counter: of rounds over the contact's numbers.
    pub retry: u32,
    /// Which of the contact's numbers; 0: its own.
    #[serde(default)]
    pub number_no: u32,
    /// Its trunk.
    pub trunk: TrunkId,
    /// Its end point.
    pub end_point: EndPointId,
    /// Its PBX.
    pub pbx: PbxId,
    /// Where it is.
    pub state: CallState,
    /// Asterisk's channel id.
    pub channel: String,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// When it was answered.
    pub connected_at: Option<Timestamp>,
    /// The agent who is called before the person, by its telephone.
    #[serde(default)]
    pub agent: Option<String>,
}

/// Sums over the open runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveTotals {
    /// Calls in progress.
    pub open_calls: u64,
    /// Attempts placed since the runs began.
    pub placed: u64,
    /// Attempts that need no retry.
    pub terminated: u64,
    /// `terminated / placed`, `0..=1`.
    pub termination_rate: f64,
    /// Contacts in the hoppers.
    pub backlog: u64,
}
