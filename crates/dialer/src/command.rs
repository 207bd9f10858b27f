//! What the dialler asks its shell to do. Each is carried out once, in order.

use crate::invariants::Invariant;
use crate::reserving::NoReservation;
use domain::journal::{Again, AttemptEnd, NewAttempt, Note, PutOff, RunChange, Withdrawal};
use domain::{
    AttemptId, Contact, ContactId, EndPointId, EndedBy, LegId, ListId, OutcomeRule, PbxId, RunId, Timestamp, TrunkId,
};
use std::sync::Arc;

/// One output of [`crate::Dialer::step`].
#[derive(Debug, Clone)]
pub enum Command {
    /// Read contacts; answered by [`crate::Event::ContactsLoaded`].
    LoadContacts(LoadContacts),
    /// Hand out `count` ids; answered by [`crate::Event::IdsGranted`].
    WantIds {
        /// Of what.
        kind: IdKind,
        /// How many.
        count: u32,
    },
    /// Write the attempt; answered by [`crate::Event::Journalled`] once it is on disk, or by `JournalRefused`.
    Journal(Box<NewAttempt>),
    /// Place the call. Only ever after its attempt was journalled.
    Originate(Originate),
    /// Write that the agent to whom an attempt is reserved wants it dialled. Answered by [`crate::Event::Journalled`] with what
    /// is known by then, or by `AcceptRefused`.
    Accept {
        /// Which.
        attempt: AttemptId,
        /// When.
        at: Timestamp,
    },
    /// The answer to an agent who asked for a call, or said what becomes of it.
    Reserved {
        /// To which request.
        request: u64,
        /// Its attempt, or why not.
        answer: Result<AttemptId, NoReservation>,
    },
    /// Call the agent of an attempt, before anything is sent to the person. Only ever after the attempt was journalled;
    /// answered like an originate, under the agent's leg.
    CallAgent(CallAgent),
    /// Bring the person of a call to the recorded message, unless an agent has the call by then. Answered by
    /// [`crate::Event::HarbourAnswered`], in any case.
    BringToHarbour(BringToHarbour),
    /// Pause an agent in these queues, where nobody else did, with a reason by which the pause is known to be ours.
    PauseAgent(Pause),
    /// End the pause of an agent in these queues, where it is ours.
    UnpauseAgent(Pause),
    /// Hang the leg up.
    HangUp {
        /// Which.
        leg: LegId,
        /// Where.
        pbx: PbxId,
        /// Why.
        why: EndedBy,
    },
    /// Ask the PBX whether the leg exists; answered by `LegFound` or `LegMissing`.
    LookUp {
        /// Which.
        leg: LegId,
        /// Where.
        pbx: PbxId,
    },
    /// Write a fact of the attempt's timeline.
    Note(Note),
    /// Write the end of an attempt and its retry.
    Close(Box<AttemptEnd>),
    /// Take an attempt back that was never sent.
    Withdraw(Box<Withdrawal>),
    /// Write that these contacts wait, or are refused: they leave the memory.
    PutOff {
        /// Of which run.
        run: RunId,
        /// At most [`crate::runs::PUT_OFF_AT_ONCE`], each contact once.
        contacts: Vec<PutOff>,
        /// The run's outcome rules when somebody among them is refused who waited for a retry or a further number;
        /// otherwise none. Those that were quiet after the last call because of that are asked now.
        rules: Arc<[OutcomeRule]>,
        /// When it was decided.
        at: Timestamp,
    },
    /// Let contacts of the run that a rule put off or refused wait, due `at` or a few seconds later, with that rule as
    /// what put them off: they are judged again when they are read. Answered by [`crate::Event::TakenUp`].
    TakeUp {
        /// Of which run.
        run: RunId,
        /// Which of them.
        which: Again,
        /// Behind this contact.
        after: ContactId,
        /// So many, at most.
        limit: u32,
        /// Due then.
        at: Timestamp,
    },
    /// Write a run's new state.
    RunChanged(RunChange),
    /// Hold dialling until a person lifts it.
    HoldDialling {
        /// Why, for people.
        why: String,
    },
    /// A trunk's circuit opened or closed: worth a line in the log.
    CircuitChanged {
        /// Which trunk.
        trunk: TrunkId,
        /// `Some`: open, probed then. `None`: closed.
        probe_at: Option<Timestamp>,
    },
    /// Of the queues of a PBX something was missed, noticed in an audit and put right: worth a line in the log.
    QueuesHealed {
        /// Which PBX.
        pbx: PbxId,
        /// Members and callers that were otherwise than believed.
        count: u32,
    },
    /// A rule of the house was about to be broken: the command was held back and the run stopped.
    Violated {
        /// Which rule.
        invariant: Invariant,
        /// The run that was stopped.
        run: Option<RunId>,
        /// What was seen.
        detail: String,
    },
}

/// Kinds of ids that the store hands out in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// Attempts.
    Attempt,
    /// Calls.
    Call,
    /// Legs.
    Leg,
}

/// What to read for a run's hopper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadContacts {
    /// For which run.
    pub run: RunId,
    /// The list to read fresh contacts from, behind this contact; `None`: all lists are read.
    pub list: Option<(ListId, ContactId)>,
    /// Fresh contacts, at most.
    pub fresh_limit: u32,
    /// Retries, at most.
    pub retry_limit: u32,
    /// Retries due up to then.
    pub due_before: Timestamp,
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct Originate {
    /// Its attempt.
    pub attempt: AttemptId,
    /// Its leg; the channel id is derived from it.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Where.
    pub pbx: PbxId,
    /// Through which trunk.
    pub trunk: TrunkId,
    /// To which end point.
    pub end_point: EndPointId,
    /// 0-based retry counter.
    pub retry: u32,
    /// Whom.
    pub contact: Arc<Contact>,
    /// The PBX's own ring time-out, a safety net behind our timer.
    pub timeout_ms: u32,
    /// The agent's leg that is up and waits for this one: when it is answered the PBX connects the two, and the end point's
    /// extension is not entered.
    pub agent: Option<LegId>,
}

/// An agent to call, who then waits, with music, for the person.
#[derive(Debug, Clone)]
pub struct CallAgent {
    /// Its attempt.
    pub attempt: AttemptId,
    /// The agent's leg; the channel id is derived from it.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Where.
    pub pbx: PbxId,
    /// Through which trunk the person will be called.
    pub trunk: TrunkId,
    /// Whose agent.
    pub end_point: EndPointId,
    /// The channel to dial, e.g. `PJSIP/1001`.
    pub device: String,
    /// 0-based retry counter.
    pub retry: u32,
    /// Whom the agent will talk to.
    pub contact: Arc<Contact>,
    /// The PBX's own ring time-out, a safety net behind our timer.
    pub timeout_ms: u32,
    /// How long the PBX lets the agent wait for the person, a safety net behind our timers: nobody listens to music for
    /// ever because we are away.
    pub wait_ms: u32,
    /// How the agent is paused before it is called.
    pub pause: Option<Box<Pause>>,
}

/// A person who waits in a queue and has no agent in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BringToHarbour {
    /// The attempt.
    pub attempt: AttemptId,
    /// The person's leg.
    pub leg: LegId,
    /// Where.
    pub pbx: PbxId,
}

/// An agent whose pause in some queues begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Where.
    pub pbx: PbxId,
    /// Whose telephone, as the queues call it.
    pub interface: String,
    /// In which queues, at least one.
    pub queues: Vec<String>,
}
