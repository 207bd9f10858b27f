//! What is told of the queues of a PBX: facts about members and callers, never states of agents.

use domain::LegId;

/// What happened to the queues of a PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Everything there is: replaces all that was known, at the beginning of each observation.
    Observed(Vec<QueueSnapshot>),
    /// Everything there is, to be compared with what is known. What differs twice in a row in the same way was missed.
    Audited(Vec<QueueSnapshot>),
    /// The queues are not observed any more, or not reliably.
    Lost {
        /// Why, for people.
        why: String,
    },
    /// A member of a queue, as it is now.
    MemberIs {
        /// Of which queue.
        queue: String,
        /// It.
        member: Member,
    },
    /// A member left its queue.
    MemberGone {
        /// Which queue.
        queue: String,
        /// Whose telephone.
        interface: String,
    },
    /// A caller came to a queue.
    CallerCame {
        /// Which queue.
        queue: String,
        /// Who.
        caller: Caller,
    },
    /// A caller does not wait there any more: connected, or gone.
    CallerGone {
        /// Which queue.
        queue: String,
        /// Who.
        caller: Caller,
        /// It gave up, or its time was over.
        gave_up: bool,
    },
    /// A member's telephone rings for a caller.
    Called {
        /// The caller's channel.
        channel: String,
        /// Whose telephone.
        interface: String,
    },
    /// A member took a caller.
    Connected {
        /// Whom.
        caller: Caller,
        /// Whose telephone.
        interface: String,
    },
    /// A member's telephone does not ring for a caller any more, or the conversation is over.
    Released {
        /// The caller's channel; none: it is gone already, and so is what the member had with it.
        channel: Option<String>,
        /// Whose telephone.
        interface: String,
    },
}

/// A queue at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueSnapshot {
    /// As the PBX calls it.
    pub name: String,
    /// Its members.
    pub members: Vec<Member>,
    /// Those who wait in it.
    pub callers: Vec<Caller>,
}

/// A member of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The telephone that rings, e.g. `PJSIP/1001`. The same one in another queue is the same agent.
    pub interface: String,
    /// What it is called.
    pub name: String,
    /// Paused in this queue.
    pub paused: bool,
    /// Why, if it was said.
    pub paused_reason: String,
    /// It was us who paused it, for a call of ours.
    pub paused_by_us: bool,
    /// In a call of this queue. Right also where the telephone's own state is not known.
    pub in_call: bool,
    /// State of the telephone.
    pub device: DeviceState,
    /// Seconds after a call in which the queue leaves it alone.
    pub wrap_up_s: u32,
}

/// Somebody who waits in a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Its channel.
    pub channel: String,
    /// The leg, when it is one of ours.
    pub leg: Option<LegId>,
}

/// State of a telephone, as Asterisk numbers them from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    /// Asterisk cannot say, and calls it all the same.
    #[default]
    Unknown,
    /// Nothing goes on.
    NotInUse,
    /// In a call.
    InUse,
    /// In as many calls as it takes.
    Busy,
    /// There is no such telephone.
    Invalid,
    /// Not registered.
    Unavailable,
    /// It rings.
    Ringing,
    /// In a call, and another one rings.
    RingInUse,
    /// Its call is on hold.
    OnHold,
}

impl DeviceState {
    /// From Asterisk's number.
    pub fn of(number: u32) -> Self {
        match number {
            1 => Self::NotInUse,
            2 => Self::InUse,
            3 => Self::Busy,
            4 => Self::Invalid,
            5 => Self::Unavailable,
            6 => Self::Ringing,
            7 => Self::RingInUse,
            8 => Self::OnHold,
            _ => Self::Unknown,
        }
    }

    /// Whether the queue would call it: Asterisk does when it does not know.
    pub fn takes_a_call(self) -> bool {
        matches!(self, Self::Unknown | Self::NotInUse)
    }
}
