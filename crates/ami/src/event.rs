//! What happened on the PBX: the few events we act on, and the channel they are about.

use crate::codec::Message;

/// One event, in the order Asterisk sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Asterisk's own clock as sent: seconds since 1970 with microseconds, for example `1763716208.342123`. `None` unless
    /// manager.conf has `timestampevents = yes`.
    pub at: Option<String>,
    /// The channel it happened to, as it was at that moment. For [`EventKind::Dial`] this is the dialled one.
    pub channel: Option<Box<Channel>>,
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
        /// Its headers as the dialplan gave them, in order. Data: may hold what a caller keyed in.
        headers: Vec<(String, String)>,
    },
    /// Any other event, by Asterisk's name for it.
    Other(String),
}

/// `DialStatus`. The end values are coarse (404, 403 and 603 are all `NoAnswer`): decide by the causes.
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
    /// Every other end or state, by Asterisk's word for it: `BUSY`, `CONGESTION`, `NOANSWER`, `CHANUNAVAIL`, `CANCEL`.
    Other(String),
}

impl DialStatus {
    fn of(text: &str) -> Self {
        match text {
            "RINGING" => Self::Ringing,
            "PROGRESS" => Self::Progress,
            "PROCEEDING" => Self::Proceeding,
            "ANSWER" => Self::Answer,
            other => Self::Other(other.to_owned()),
        }
    }
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

/// A channel at one moment: in an event, or in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Unique id: ours if we originated it.
    pub id: String,
    /// Id of the channel it belongs to; its own if it belongs to none. Empty where Asterisk does not say.
    pub linked_id: String,
    /// For example `PJSIP/trunk-00000001`.
    pub name: String,
    /// Its state.
    pub state: ChannelState,
}

impl Channel {
    /// From the headers of an event or a list item, `prefix` before each; `None` when they name no channel.
    pub(crate) fn of(message: &Message, prefix: &str) -> Option<Self> {
        let get = |name: &str| message.get(&format!("{prefix}{name}"));
        let id = get("Uniqueid").filter(|id| !id.is_empty())?.to_owned();
        let state = match get("ChannelStateDesc").unwrap_or_default() {
            "Down" => ChannelState::Down,
            "Ringing" => ChannelState::Ringing,
            "Up" => ChannelState::Up,
            other => ChannelState::Other(other.to_owned()),
        };
        let text = |name| get(name).unwrap_or_default().to_owned();
        Some(Self { id, linked_id: text("Linkedid"), name: text("Channel"), state })
    }
}

impl Event {
    /// What a message is, if it is an event.
    pub fn of(message: &Message) -> Option<Self> {
        let name = message.get("Event")?;
        let number = |name: &str| message.get(name).and_then(|text| text.trim().parse::<u32>().ok());
        let status = || message.get("DialStatus").unwrap_or_default();
        let (kind, prefix) = match name {
            "Newchannel" => (EventKind::ChannelCreated, ""),
            "DialBegin" => (EventKind::Dial { status: DialStatus::Begun }, "Dest"),
            "DialState" | "DialEnd" => (EventKind::Dial { status: DialStatus::of(status()) }, "Dest"),
            "Newstate" => (EventKind::StateChange, ""),
            "HangupRequest" => (EventKind::HangupRequest { soft: false }, ""),
            "SoftHangupRequest" => (EventKind::HangupRequest { soft: true }, ""),
            "Hangup" => {
                let cause_text = message.get("Cause-txt").unwrap_or_default().to_owned();
                let cause = number("Cause").unwrap_or(0);
                (EventKind::Destroyed { cause, cause_text, tech_cause: number("TechCause") }, "")
            }
            "UserEvent" => {
                // Asterisk's own headers about the channel come before this one, the dialplan's behind it.
                let given = message.headers().skip_while(|(name, _)| *name != "UserEvent").skip(1);
                let headers = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                let name = message.get("UserEvent").unwrap_or_default().to_owned();
                (EventKind::UserEvent { name, headers }, "")
            }
            other => (EventKind::Other(other.to_owned()), ""),
        };
        let channel = match &kind {
            // Nobody acts on them: their channel is not read.
            EventKind::Other(_) => None,
            _ => Channel::of(message, prefix).map(Box::new),
        };
        Some(Self { kind, at: message.get("Timestamp").map(str::to_owned), channel })
    }

    /// Id of the channel, if the event has one.
    pub fn channel_id(&self) -> Option<&str> {
        self.channel.as_ref().map(|channel| channel.id.as_str())
    }
}
