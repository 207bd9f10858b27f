//! What happened on the PBX: the few events we act on, and the channel they are about.

use crate::queue::QueueEvent;

/// One event, in the order Asterisk sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Asterisk's own clock as sent: `2026-11-21T08:30:08.342+0000` over the REST interface, `1763716208.342123` (and
    /// only with `timestampevents = yes`) over the manager interface.
    pub at: Option<String>,
    /// The channel it happened to, as it was at that moment. For [`EventKind::Dial`] this is the dialled one.
    pub channel: Option<Box<Channel>>,
}

impl Event {
    /// Id of the channel, if the event has one.
    pub fn channel_id(&self) -> Option<&str> {
        self.channel.as_ref().map(|channel| channel.id.as_str())
    }
}

/// The events we act on. Within one millisecond their order is not fixed: `Dial` RINGING may precede the state change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The channel exists. Variables of the originate are not set yet.
    ChannelCreated,
    /// Progress or end of dialling the channel.
    Dial {
        /// How far it came.
        status: DialStatus,
    },
    /// `channel.state` is the new state.
    StateChange,
    /// Someone asked to hang up: the far end (`soft` false) or this PBX (`soft` true).
    HangupRequest {
        /// True when the hang-up was asked for on this PBX.
        soft: bool,
    },
    /// The channel is gone: the last event of its life.
    Destroyed {
        /// Q.850; 0 when the far end hung up without a Reason header.
        cause: u32,
        /// Asterisk's words for `cause`.
        cause_text: String,
        /// SIP status code for PJSIP channels that failed.
        tech_cause: Option<u32>,
    },
    /// `UserEvent()` of the dialplan, or one sent through the interface.
    UserEvent {
        /// Its name, as written in the dialplan.
        name: String,
        /// Its headers as the dialplan gave them, without the name. Data: may hold what a caller keyed in.
        headers: Vec<(String, String)>,
    },
    /// Something happened to a queue. No channel is read of it.
    Queue(QueueEvent),
    /// Any other event, by Asterisk's name for it; also a known one whose fields are not as documented.
    Other(String),
}

/// Progress or end of dialling. The end values are coarse (404, 403 and 603 are all `NoAnswer`): decide by the causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialStatus {
    /// Dialling began.
    Begun,
    /// 180.
    Ringing,
    /// 183: early media.
    Progress,
    /// 100 or alike.
    Proceeding,
    /// 200.
    Answer,
    /// 486 and alike.
    Busy,
    /// 503 and alike.
    Congestion,
    /// Everything else the far end refused with.
    NoAnswer,
    /// No way to reach the end point.
    ChannelUnavailable,
    /// Given up on this side.
    Cancel,
    /// Any other, by Asterisk's word for it.
    Other(String),
}

impl DialStatus {
    /// From Asterisk's word; an empty one is the begin.
    pub fn of(word: &str) -> Self {
        match word {
            "" => Self::Begun,
            "RINGING" => Self::Ringing,
            "PROGRESS" => Self::Progress,
            "PROCEEDING" => Self::Proceeding,
            "ANSWER" => Self::Answer,
            "BUSY" => Self::Busy,
            "CONGESTION" => Self::Congestion,
            "NOANSWER" => Self::NoAnswer,
            "CHANUNAVAIL" => Self::ChannelUnavailable,
            "CANCEL" => Self::Cancel,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A channel at one moment: in an event, or in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Unique id: ours if we originated it.
    pub id: String,
    /// Id of the channel it belongs to; its own if it belongs to none. Empty where the interface does not say.
    pub linked_id: String,
    /// For example `PJSIP/trunk-00000001`.
    pub name: String,
    /// Its state.
    pub state: ChannelState,
}

/// State of a channel, as Asterisk names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    /// Neither ringing nor answered, also with early media.
    Down,
    /// Outgoing and ringing at the far end.
    Ringing,
    /// Answered.
    Up,
    /// Every other one: `Ring`, `Dialing`, `Busy`, `Rsrvd`, `OffHook`, `Dialing Offhook`, `Pre-ring`, `Unknown`.
    Other(String),
}

impl ChannelState {
    /// From Asterisk's word.
    pub fn of(word: &str) -> Self {
        match word {
            "Down" => Self::Down,
            "Ringing" => Self::Ringing,
            "Up" => Self::Up,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Why we hang up, told to the far end. An unanswered PJSIP channel gets a CANCEL whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangUpReason {
    /// 16: the conversation is over.
    Normal,
    /// 19: it rang for too long.
    NoAnswer,
}

impl HangUpReason {
    /// Q.850 cause.
    pub fn code(self) -> u8 {
        match self {
            Self::Normal => 16,
            Self::NoAnswer => 19,
        }
    }
}
