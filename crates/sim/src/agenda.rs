//! What happens when: the virtual clock.

use dialer::{CallAgent, Event, FoundLeg, Originate, Pause};
use domain::{EndedBy, LegId, Mono, PbxId};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Microseconds since the world began.
pub(crate) type At = u64;

pub(crate) const MS: At = 1_000;
pub(crate) const SECOND: At = 1_000 * MS;
pub(crate) const HOUR: At = 3_600 * SECOND;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The dialler asked to be woken; only the youngest request counts.
    Wake { process: u32, request: u64 },
    /// The disk is done with a batch.
    Committed { process: u32, commit: u64, written: bool },
    /// An answer or an event reaches the dialler, if it is still the same process.
    Tell { process: u32, event: Event },
    /// A request reaches a PBX, if it is still the same one.
    Request { process: u32, pbx: PbxId, link: u32, boot: u32, request: Request },
    /// No answer to an originate came in time.
    OriginateDeadline { process: u32, leg: LegId },
    /// No answer came to who was to be brought to the recorded message.
    HarbourDeadline { process: u32, leg: LegId },
    /// No answer to a question for the channels came in time.
    ListDeadline { pbx: PbxId, link: u32, asked: u32 },
    /// The question for the channels is put again.
    ListAgain { pbx: PbxId, link: u32 },
    /// An event of a channel reaches the dialler, if the link is still the same.
    FromPbx { pbx: PbxId, link: u32, event: Event },
    /// A list of channels reaches the dialler, if the link is still the same.
    Listed { pbx: PbxId, link: u32, asked: u32, legs: Vec<FoundLeg>, asked_at: Option<Mono> },
    /// A channel goes on.
    Channel { pbx: PbxId, leg: LegId, step: Step },
    /// Something happens among the agents of a PBX.
    Floor { pbx: PbxId },
    /// An agent of a PBX asks for somebody to call, or decides.
    Preview { pbx: PbxId },
    /// Time to compare a PBX's queues with what is believed.
    QueueAudit { pbx: PbxId, link: u32 },
    /// Time to compare a PBX's channels with ours.
    Audit { pbx: PbxId, link: u32 },
    /// A link was silent or a request unanswered for a while: it is in doubt.
    LinkDoubted { pbx: PbxId, link: u32 },
    /// It is noticed that the link to a PBX is broken.
    LinkLost { pbx: PbxId, link: u32 },
    /// The link to a PBX is made again, if it can be.
    LinkMade { pbx: PbxId },
    /// Something goes wrong somewhere.
    Fault,
    /// A person does something.
    Operator,
    /// The process starts.
    Start,
    /// A process that another one took over from wakes.
    ZombieWakes,
    /// A carrier's storm passes.
    StormEnds { pbx: PbxId },
    /// Nothing goes wrong any more, and every person wants calls to be made.
    FaultsEnd,
    /// Dialling should have resumed by now.
    ResumeDeadline,
    /// Runs that people had paused are wanted again.
    LastUnpause,
}

impl Happening {
    /// Whether it is the process that does or hears it, and not while it stands still.
    pub(crate) fn is_the_process_s(&self) -> bool {
        matches!(
            self,
            Self::Wake { .. }
                | Self::Committed { .. }
                | Self::Tell { .. }
                | Self::OriginateDeadline { .. }
                | Self::HarbourDeadline { .. }
                | Self::ListDeadline { .. }
                | Self::ListAgain { .. }
                | Self::FromPbx { .. }
                | Self::Listed { .. }
                | Self::Audit { .. }
                | Self::QueueAudit { .. }
                | Self::LinkDoubted { .. }
                | Self::LinkLost { .. }
                | Self::LinkMade { .. }
                | Self::Operator
                | Self::Preview { .. }
        )
    }
}

/// What the dialler's shell asks of a PBX.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Originate(Box<Originate>),
    CallAgent(Box<CallAgent>),
    Pause(Pause),
    Unpause(Pause),
    HangUp {
        leg: LegId,
        why: EndedBy,
    },
    /// Where is the call; then, after that was looked at: to the recorded message with it.
    Harbour {
        leg: LegId,
        looked: bool,
    },
    LookUp {
        leg: LegId,
    },
    List {
        asked: u32,
        asked_at: Option<Mono>,
    },
}

/// What a channel does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Progress,
    Ring,
    Answer,
    Status(&'static str),
    FarEndHangsUp,
    End {
        cause: u16,
        code: Option<u16>,
    },
    /// The PBX's own ring time-out.
    TimeOut,
}

#[derive(Debug)]
struct Entry {
    at: At,
    serial: u64,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

/// Happenings in order of time, equal times in order of entry.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Entry>,
    serial: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: At, what: Happening) {
        self.serial += 1;
        self.heap.push(Entry { at, serial: self.serial, what });
    }

    pub(crate) fn next(&mut self) -> Option<(At, Happening)> {
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }
}
