//! What can happen to the dialler. Facts and requests, never states.

use crate::command::IdKind;
use crate::queues::news::News;
use crate::reserving::Wish;
use crate::toll::Digits;
use domain::abandonment::PeriodNow;
use domain::journal::{CalledBefore, CallerIdFrom, OpenAttempt, PutOffBy};
use domain::rules::{Rules, Standing};
use domain::{
    AttemptId, Boost, CampaignId, Contact, ContactId, EndPointId, Hours, LegId, ListId, Mono, NumberKey, ObservedQueue,
    OutcomeRule, Pacing, PbxId, RescheduleRule, RunId, RunState, Timestamp, TrunkId,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One input of [`crate::Dialer::step`].
#[derive(Debug, Clone)]
pub enum Event {
    /// Time passed: timers, due retries, window edges.
    Tick,

    /// A PBX was added or changed.
    PbxConfigured(PbxSpec),
    /// Whether people who find no agent hear a message on a PBX: its dialplan has the safe harbour. Until this is told it has
    /// none.
    HarbourSeen {
        /// Which PBX.
        pbx: PbxId,
        /// Whether it is there.
        there: bool,
    },
    /// A trunk was added or changed; calls on it go on.
    TrunkConfigured(TrunkSpec),
    /// A trunk was deleted.
    TrunkRemoved(TrunkId),
    /// An end point was added or changed.
    EndPointConfigured(EndPointSpec),
    /// An end point was deleted.
    EndPointRemoved(EndPointId),

    /// A run begins, or goes on after a restart.
    RunStarted(Box<RunSpec>),
    /// The campaign was changed and the run takes it over. Lists are read again from their start.
    RunReloaded(Box<RunSpec>),
    /// A set of opening hours was changed that the run goes by; nothing else of its campaign was.
    HoursChanged {
        /// The run.
        run: RunId,
        /// Its hours from now on.
        hours: Hours,
    },
    /// No new calls.
    RunPaused(RunId),
    /// Back from pause.
    RunUnpaused(RunId),
    /// Ends the run; calls up go on, nothing is retried.
    RunRemoved(RunId),
    /// A list of a run is paused, or goes on: what is fresh in it is not dialled meanwhile. Its retries go on.
    ListPaused {
        /// Which run.
        run: RunId,
        /// Which of its lists.
        list: ListId,
        /// Whether it is.
        paused: bool,
    },
    /// An operator or a program changes how much the run over-dials, from this moment on.
    RunBoosted {
        /// The run.
        run: RunId,
        /// Calls on their way per free agent, times that of the end point.
        boost: Boost,
    },
    /// What was told of the queues of a PBX.
    QueuesTold {
        /// Which PBX.
        pbx: PbxId,
        /// What.
        news: News,
    },
    /// `added` contacts were appended to a list.
    ContactsAdded {
        /// The list.
        list: ListId,
        /// How many.
        added: u64,
    },
    /// A contact was corrected: it is as it is here, wherever it is in memory. One that is being called was refused.
    ContactChanged(Box<Contact>),
    /// A call was added to a run by a program, and waits in the database for its time.
    CallAdded {
        /// To which run.
        run: RunId,
        /// Not before.
        due_at: Timestamp,
    },
    /// The answer to [`crate::Command::LoadContacts`].
    ContactsLoaded(Loaded),

    /// The answer to [`crate::Command::TakeUp`].
    TakenUp {
        /// Of which run.
        run: RunId,
        /// How many contacts wait now that were refused.
        refused: u64,
        /// How many wait otherwise than they did.
        put_off: u64,
        /// The last of them, when there may be more behind it.
        last: Option<ContactId>,
    },
    /// A list of suppressed numbers was replaced, deleted, or holds for other campaigns: who was refused because of it may
    /// be called now. What was added to lists comes as [`Event::NumbersSuppressed`].
    SuppressionsChanged,

    /// From now on nothing is sent to these numbers, also not what was decided or journalled before; what is on its way
    /// and not answered is hung up.
    NumbersSuppressed {
        /// Every key that a spelling of them may have.
        keys: Vec<NumberKey>,
        /// The campaigns that must not call them; `None`: none may.
        campaigns: Option<Vec<CampaignId>>,
    },

    /// An agent asks for somebody to call; this and the next three are answered by [`crate::Command::Reserved`].
    AgentReserves {
        /// Named in the answer.
        request: u64,
        /// What it wants.
        wish: Wish,
    },
    /// An agent wants its reserved call dialled.
    AgentAccepts {
        /// Named in the answer.
        request: u64,
        /// Which.
        attempt: AttemptId,
    },
    /// An agent does not want its reserved call.
    AgentSkips {
        /// Named in the answer.
        request: u64,
        /// Which.
        attempt: AttemptId,
        /// Its extended status, at most 64 characters, or empty.
        status: String,
    },
    /// An agent gives its reserved call back: as if it had not been picked.
    AgentReleases {
        /// Named in the answer.
        request: u64,
        /// Which.
        attempt: AttemptId,
    },
    /// A reserved attempt may not be dialled: its contact has another number by now, or it is over.
    AcceptRefused(AttemptId),

    /// An operator ends a call that was sent, answered or not.
    OperatorHungUp(LegId),

    /// No originate until it is lifted.
    DiallingHeld,
    /// Dialling may go on.
    DiallingLifted,
    /// The database cannot be written: nothing new is begun, calls go on.
    StorageLost,
    /// The database can be written again.
    StorageBack,

    /// Ids to use, `from..to`.
    IdsGranted {
        /// Of what.
        kind: IdKind,
        /// The first.
        from: i64,
        /// One past the last.
        to: i64,
    },
    /// The attempt is on disk.
    Journalled {
        /// Which.
        attempt: AttemptId,
        /// What is known of its number and person, read in the transaction that wrote it, this attempt itself left out:
        /// the gate is asked once more with it. A suppressed number is closed as `RS_BLACKLIST`.
        standing: Standing,
    },
    /// The attempt was not written: the database holds one that excludes it.
    JournalRefused {
        /// Which.
        attempt: AttemptId,
        /// Whether trying again later makes sense (the number is busy elsewhere), or never (it was dialled already).
        later: bool,
    },

    /// The link to a PBX is up; `legs` are those of ours that exist there. Ends its reconciliation.
    PbxUp {
        /// Which.
        pbx: PbxId,
        /// Our legs on it.
        legs: Vec<FoundLeg>,
    },
    /// The link was lost. Its calls go on; what becomes of them is unknown until it is back.
    PbxDown(PbxId),
    /// The link is open and in doubt: nothing new there until the next [`Event::PbxUp`]. What is known of its legs stays
    /// known: their facts may still come.
    PbxStale(PbxId),
    /// The list of our legs on a PBX, asked for while the link was up.
    PbxAudited {
        /// Which.
        pbx: PbxId,
        /// Our legs on it.
        legs: Vec<FoundLeg>,
        /// When it was asked: legs requested later are not judged by it.
        asked_at: Mono,
    },

    /// The PBX took the originate.
    OriginateDone(LegId),
    /// The PBX refused it; there is no channel.
    OriginateRefused {
        /// Which leg.
        leg: LegId,
        /// HTTP status.
        status: u16,
        /// The PBX's words.
        message: String,
    },
    /// It was sent and nobody knows what became of it.
    OriginateUnknown {
        /// Which leg.
        leg: LegId,
        /// Why.
        why: String,
    },
    /// It was provably never sent.
    OriginateNotSent {
        /// Which leg.
        leg: LegId,
        /// Why.
        why: String,
    },
    /// The answer to [`crate::Command::LookUp`]: the channel exists.
    LegFound(FoundLeg),
    /// The answer to [`crate::Command::LookUp`]: there is no such channel.
    LegMissing(LegId),

    /// The channel exists.
    LegCreated(LegId),
    /// Early media.
    LegProgress(LegId),
    /// Ringing.
    LegRinging(LegId),
    /// Off-hook.
    LegAnswered(LegId),
    /// The far end or the PBX asked for the hang-up.
    LegHangUpAsked(LegId),
    /// The channel is gone.
    LegEnded {
        /// Which leg.
        leg: LegId,
        /// Q.850 cause, 0 when none.
        cause: u16,
        /// SIP code of the final response.
        tech_cause: Option<u16>,
    },
    /// The answer to [`crate::Command::BringToHarbour`].
    HarbourAnswered {
        /// Whose leg.
        leg: LegId,
        /// What came of it.
        answer: HarbourAnswer,
    },
    /// An extended status for the call, from the dialplan or the API; the last one wins.
    StatusSet {
        /// Which leg.
        leg: LegId,
        /// The status, at most 64 characters.
        status: String,
    },

    /// Calls of the last hour that were made, or may have been, before this process began: they count towards the caps
    /// per hour.
    CallsRemembered(Vec<(Timestamp, Digits)>),
    /// What the abandonment ledger says of a campaign; told with its runs. What was counted since this process began stays.
    BooksRemembered {
        /// Which.
        campaign: CampaignId,
        /// The period of its last row.
        period: PeriodNow,
    },
    /// An attempt that was open when the process ended; its PBX's reconciliation decides it.
    AttemptRestored(Box<OpenAttempt>),
    /// Agents who were called for attempts that ended a while before this process began: whoever is still there is hung up.
    /// Told before any link is up.
    AgentsRemembered(Vec<CalledBefore>),
}

impl Event {
    /// Whether campaigns may be paced otherwise after it.
    pub(crate) fn may_choose_engines(&self) -> bool {
        matches!(
            self,
            Self::PbxConfigured(_)
                | Self::HarbourSeen { .. }
                | Self::EndPointConfigured(_)
                | Self::EndPointRemoved(_)
                | Self::RunStarted(_)
                | Self::RunReloaded(_)
                | Self::RunBoosted { .. }
                | Self::RunPaused(_)
                | Self::RunUnpaused(_)
                | Self::RunRemoved(_)
        )
    }
}

/// What came of bringing a person to the recorded message. Reasons are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HarbourAnswer {
    /// The PBX did it.
    Done,
    /// The PBX did not do it, or could not be asked in time: the person is where they were.
    Refused(String),
    /// It was not asked: an agent has the call, or the call is over.
    NotWanted(String),
    /// It was asked, and nobody knows what came of it.
    Unknown(String),
}

/// What the dialler needs to know of a PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PbxSpec {
    /// Its id.
    pub id: PbxId,
    /// Originates per second, at least 1.
    pub originates_per_second: u32,
}

/// What the dialler needs to know of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkSpec {
    /// Its id.
    pub id: TrunkId,
    /// Its PBX.
    pub pbx: PbxId,
    /// Calls at once.
    pub capacity: u32,
    /// Calls started per second; 0 = as the PBX allows.
    pub calls_per_second: u32,
    /// Milliseconds without ringing or early media after which the route is dead.
    pub progress_timeout_ms: u32,
}

/// What the dialler needs to know of an end point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPointSpec {
    /// Its id.
    pub id: EndPointId,
    /// Its PBX.
    pub pbx: PbxId,
    /// Calls at once.
    pub max_channels: u32,
    /// The queue whose agents say how many calls are wanted; `None`: every channel wants one.
    pub queue: Option<ObservedQueue>,
}

/// A run as the dialler gets it.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// Its id.
    pub run: RunId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The campaign's settings.
    pub settings: RunSettings,
    /// Its lists in dialling order.
    pub lists: Vec<ListId>,
    /// Those of them that are paused.
    pub paused_lists: BTreeSet<ListId>,
    /// Contacts in those lists.
    pub contacts: u64,
    /// What it did before a restart; zeros for a new run.
    pub totals: RunTotals,
    /// Its state before a restart: `Paused` and the final ones are kept, the others follow from its work.
    pub state: RunState,
}

/// The part of a campaign that the dialler decides by.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Lower is served first.
    pub priority: i32,
    /// Contacts read ahead.
    pub batch_size: u32,
    /// The active period.
    pub hours: Hours,
    /// Ringing time after which a call is given up.
    pub answer_timeout_ms: u32,
    /// Seconds after the answer at which a call is closed; 0 = never.
    pub forced_closure_s: u32,
    /// Out of numbers: wait for more.
    pub idle_on_termination: bool,
    /// Who chooses the caller id; for the receipt.
    pub caller_id: CallerIdFrom,
    /// Its trunks.
    pub trunks: Vec<TrunkId>,
    /// Its end points.
    pub end_points: Vec<EndPointId>,
    /// Its reschedule rules.
    pub reschedule: Vec<RescheduleRule>,
    /// Its outcome rules.
    pub outcome_rules: Arc<[OutcomeRule]>,
    /// Whom it may call and when.
    pub rules: Arc<Rules>,
    /// Calls on their way per free agent of a queue, times that of the end point; that of a run that goes on stays.
    pub boost: Boost,
    /// By which rule calls are launched for the agents of its queues.
    pub pacing: Pacing,
    /// Agents who are called first, or look first, are paused in their queues until their call is over.
    pub autopause: bool,
}

impl RunSettings {
    /// What its pace towards an end point follows from.
    pub(crate) fn paced(&self) -> (Boost, &Pacing) {
        (self.boost, &self.pacing)
    }
}

/// What a run did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Attempts placed, those in progress included.
    pub placed: u64,
    /// Attempts that ended and need no retry.
    pub terminated: u64,
    /// Attempts that ended and were rescheduled.
    pub rescheduled: u64,
    /// Retries waiting that a reschedule rule asked for and nothing else put off.
    pub open_retries: u64,
    /// Contacts waiting that a rule of the gate put off, fresh ones and retries.
    pub put_off: u64,
    /// Contacts that a rule of the gate refused until the run is reloaded, fresh ones and retries.
    pub refused: u64,
    /// Attempts that were answered.
    pub connected: u64,
}

/// Contacts read from the database.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For which run.
    pub run: RunId,
    /// Which list was read, if one was.
    pub list: Option<ListId>,
    /// Contacts never dialled in this run, in list order.
    pub fresh: Vec<FreshEntry>,
    /// Nothing is left behind the last of `fresh`.
    pub list_exhausted: bool,
    /// The last contact of that list, dialled or not; 0 of an empty list, or when none was read.
    pub list_end: ContactId,
    /// Those that wait and are due soon: retries, and contacts that were put off; by due time, then by contact.
    pub retries: Vec<RetryEntry>,
    /// When the first one of them that was not returned is due.
    pub next_due: Option<Timestamp>,
    /// What put that one off; `None` of a retry that a reschedule rule asked for.
    pub next_put_off_by: Option<PutOffBy>,
}

/// A contact that was never dialled in this run, nor put off.
#[derive(Debug, Clone)]
pub struct FreshEntry {
    /// Who.
    pub contact: Arc<Contact>,
    /// What is known of its number and person.
    pub standing: Standing,
}

/// A contact waiting for its time.
#[derive(Debug, Clone)]
pub struct RetryEntry {
    /// Who.
    pub contact: Arc<Contact>,
    /// The counter of the coming attempt; 0 for one that was put off before its first.
    pub retry: u32,
    /// The number whose turn it is; the contact is as it is called on that.
    pub number_no: u32,
    /// Not before.
    pub due_at: Timestamp,
    /// What put it off; `None` of a retry that a reschedule rule asked for.
    pub put_off_by: Option<PutOffBy>,
    /// What is known of its number and person.
    pub standing: Standing,
}

/// A leg of ours that exists on a PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundLeg {
    /// Which.
    pub leg: LegId,
    /// Whether it is answered.
    pub up: bool,
    /// Whether it rings.
    pub ringing: bool,
}
