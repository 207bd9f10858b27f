//! What comes to the shell: from PBX links, from its own requests, from the handle.

use crate::configuration::Configuration;
use crate::handle::NodeError;
use crate::link::{About, Observed, Said};
use crate::live::{Live, QueueAgent};
use crate::reserving::Decision;
use dialer::{Event, FoundLeg, NoReservation, Reservation, RunSpec, Wish};
use domain::abandonment::PeriodNow;
use domain::journal::OutputChange;
use domain::{
    AttemptId, Boost, Campaign, CampaignId, Contact, EndPointId, ListId, Mono, NumberKey, PbxId, RunId, Timestamp,
};
use store::Hold;
use tokio::sync::oneshot;

/// Inputs that may wait for the shell. Links stop reading when it is full, and say so to their PBX by their silence.
pub const INPUTS_MAX: usize = 65_536;

/// What comes to the shell.
#[derive(Debug)]
pub enum Input {
    /// From a PBX link: which PBX, and which of its links in the order in which they were made.
    Pbx(PbxId, u64, FromPbx),
    /// From the observer of the queues of a PBX, and which of its observers it is.
    Queues(PbxId, u64, Observed),
    /// The answer to an originate, a hang-up or a look-up.
    Answer(Event),
    /// A request from the handle.
    Ask(Ask),
    /// The disk of the database is nearly full, and how full; `None`: there is room again.
    Space(Option<String>),
}

/// What a PBX link says.
#[derive(Debug)]
pub enum FromPbx {
    /// Connected; comparing channels.
    Reconciling {
        /// Asterisk's version.
        version: String,
    },
    /// Compared: it may be dialled on.
    Up {
        /// Asterisk's version.
        version: String,
        /// Our legs there.
        legs: Vec<FoundLeg>,
        /// Their channel ids.
        names: Vec<String>,
    },
    /// Connected and not to be relied upon: nothing new there until it was compared again.
    Stale {
        /// Why, for people.
        why: String,
    },
    /// Not connected.
    Down {
        /// Why, for people.
        why: String,
        /// It fell silent, as opposed to: it said no, or closed the connection.
        silent: bool,
    },
    /// The channels are going to be listed: when is it?
    AuditBegins {
        /// Told the instant.
        asked: oneshot::Sender<Mono>,
    },
    /// The channels, as listed.
    Audited {
        /// Our legs there.
        legs: Vec<FoundLeg>,
        /// When it was asked.
        asked_at: Mono,
    },
    /// The dialplan says something of a call.
    Said {
        /// Of which.
        about: About,
        /// What.
        said: Said,
        /// Asterisk's own time of it.
        pbx_at: Option<String>,
    },
    /// Something happened to a leg.
    Fact {
        /// What.
        fact: Event,
        /// Asterisk's own time of it.
        pbx_at: Option<String>,
    },
}

/// A request from the handle.
#[derive(Debug)]
pub enum Ask {
    /// A run begins, with what the ledger says of its campaign. Answered when its state is on disk.
    StartRun(Box<RunSpec>, Box<Campaign>, Option<PeriodNow>, oneshot::Sender<()>),
    /// A run takes over its changed campaign.
    ReloadRun(Box<RunSpec>, Box<Campaign>, oneshot::Sender<()>),
    /// Pause, unpause, remove: answered when the new state is on disk.
    Run(RunEvent, RunId, oneshot::Sender<()>),
    /// How much a run over-dials.
    Boost(RunId, Boost, oneshot::Sender<()>),
    /// A list of a run is paused, or goes on: it is so in the database already.
    PauseList {
        /// Which run.
        run: RunId,
        /// Which of its lists.
        list: ListId,
        /// Whether it is.
        paused: bool,
        /// Answered when it is in force.
        done: oneshot::Sender<()>,
    },
    /// The agents of an end point's queue.
    Agents(EndPointId, oneshot::Sender<Vec<QueueAgent>>),
    /// Contacts were added.
    ContactsAdded(ListId, u64),
    /// A contact was corrected: it is as it is here now.
    ContactChanged(Box<Contact>),
    /// Lists of suppressed numbers are others; no answer.
    SuppressionsChanged,
    /// A call was added to a run and is due then; answered with whether the run goes on.
    CallAdded(RunId, Timestamp, oneshot::Sender<bool>),
    /// An output attribute; answered when it is on disk.
    SetOutput(AttemptId, OutputChange, String, oneshot::Sender<()>),
    /// Numbers were suppressed for these campaigns, or for all: nothing is sent to them after the answer.
    Suppressed(Vec<NumberKey>, Option<Vec<CampaignId>>, oneshot::Sender<()>),
    /// New configuration.
    Configure(Box<Configuration>, oneshot::Sender<()>),
    /// Hold dialling. Answered when no originate is on its way any more.
    Hold(Hold, oneshot::Sender<()>),
    /// Lift the hold.
    Lift(oneshot::Sender<()>),
    /// Nothing: answered when the task comes round to it.
    Turn(oneshot::Sender<()>),
    /// The live figures.
    Live(oneshot::Sender<Live>),
    /// An extended status; answered with whether there is such a call.
    SetStatus(AttemptId, String, oneshot::Sender<Result<(), NodeError>>),
    /// An agent asks for somebody to call.
    Reserve(Wish, oneshot::Sender<Result<Reservation, NoReservation>>),
    /// An agent says what becomes of its reserved call; answered when that is on disk.
    Decide(AttemptId, Decision, oneshot::Sender<Result<(), NoReservation>>),
    /// What agents have reserved.
    Reservations(oneshot::Sender<Vec<Reservation>>),
    /// An operator ends a call; answered with whether there is such a call.
    HangUp(AttemptId, String, oneshot::Sender<Result<(), NodeError>>),
    /// Stop: nothing new, everything decided is written.
    Stop(oneshot::Sender<()>),
}

/// What a person does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// No new calls.
    Pause,
    /// Go on.
    Unpause,
    /// End it.
    Remove,
}
