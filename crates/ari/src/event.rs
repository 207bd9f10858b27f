//! What happened on the PBX: the few event types we act on, and the channel they are about.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One event, in the order Asterisk sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Asterisk's own clock as sent, for example `2026-11-21T08:30:08.342+0000`. Millisecond resolution.
    pub at: Option<String>,
    /// The channel it happened to, as it was at that moment. For `Dial` this is the dialled one (`peer`).
    pub channel: Option<Box<Channel>>,
}

impl Event {
    /// Id of the channel, if the event has one.
    pub fn channel_id(&self) -> Option<&str> {
        self.channel.as_ref().map(|channel| channel.id.as_str())
    }
}

/// The types we act on. Within one millisecond their order is not fixed: `Dial` RINGING may precede the state change.
#[derive(Debug, Clone, PartialEq)]
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
    /// Someone asked to hang up: the far end (cause and SIP code present, `soft` false) or this side (`soft` true).
    HangupRequest {
        /// Q.850; 32 is Asterisk's own "soft hang-up requested".
        cause: Option<u32>,
        /// SIP status code for PJSIP channels.
        tech_cause: Option<u32>,
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
        /// Its headers, without the name. Data from the dialplan: may hold what a caller keyed in.
        headers: BTreeMap<String, String>,
    },
    /// The channel entered our application.
    StasisStart {
        /// Arguments of `Stasis()`.
        arguments: Vec<String>,
    },
    /// The channel left our application.
    StasisEnd,
    /// A key was pressed; sent when it is released.
    Dtmf {
        /// `0-9`, `A-D`, `*` or `#`.
        digit: String,
        /// Milliseconds the key was held.
        duration_ms: u32,
    },
    /// Another connection took our application name. The link turns it into [`crate::Lost::Replaced`].
    ApplicationReplaced,
    /// Any other type, by Asterisk's name for it; also a known type whose fields are not as documented.
    Other(String),
}

/// `dialstatus` of a Dial event. The end values are coarse (404, 403 and 603 are all `NoAnswer`): decide by the causes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum DialStatus {
    /// Dialling began (sent as an empty text).
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
    /// A value this crate does not know.
    Other(String),
}

impl From<String> for DialStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
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
            _ => Self::Other(text),
        }
    }
}

/// State of a channel, as Asterisk names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ChannelState {
    /// Neither ringing nor answered, also with early media.
    Down,
    /// Outgoing and ringing at the far end.
    Ringing,
    /// Answered.
    Up,
    /// Incoming and ringing here.
    Ring,
    /// Digits are being sent.
    Dialing,
    /// The line is busy.
    Busy,
    /// Rare ones: `Rsrvd`, `OffHook`, `Dialing Offhook`, `Pre-ring`, `Unknown`.
    Other(String),
}

impl From<String> for ChannelState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "Down" => Self::Down,
            "Ringing" => Self::Ringing,
            "Up" => Self::Up,
            "Ring" => Self::Ring,
            "Dialing" => Self::Dialing,
            "Busy" => Self::Busy,
            _ => Self::Other(text),
        }
    }
}

/// A channel at one moment: in an event, or in an answer of `GET /channels`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RawChannel")]
pub struct Channel {
    /// Unique id: ours if we originated it.
    pub id: String,
    /// For example `PJSIP/trunk-00000001`.
    pub name: String,
    /// Its state.
    pub state: ChannelState,
    /// Number of its caller id. Personal: not for logs.
    pub caller_number: String,
    /// Name of its caller id. Personal: not for logs.
    pub caller_name: String,
    /// When it was made, by Asterisk's clock, in the form of [`Event::at`].
    pub created_at: String,
    /// Where it is in the dialplan: context.
    pub context: String,
    /// Where it is in the dialplan: extension.
    pub extension: String,
    /// Where it is in the dialplan: priority.
    pub priority: i64,
    /// The dialplan application it is in, for example `Playback`.
    pub application: String,
    /// The variables that ari.conf lists in `channelvars`; empty if none.
    pub variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawChannel {
    id: String,
    name: String,
    state: ChannelState,
    #[serde(default)]
    caller: RawCaller,
    #[serde(default)]
    creationtime: String,
    #[serde(default)]
    dialplan: RawDialplan,
    #[serde(default)]
    channelvars: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCaller {
    name: String,
    number: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawDialplan {
    context: String,
    exten: String,
    priority: i64,
    app_name: String,
}

impl From<RawChannel> for Channel {
    fn from(raw: RawChannel) -> Self {
        Self {
            id: raw.id,
            name: raw.name,
            state: raw.state,
            caller_number: raw.caller.number,
            caller_name: raw.caller.name,
            created_at: raw.creationtime,
            context: raw.dialplan.context,
            extension: raw.dialplan.exten,
            priority: raw.dialplan.priority,
            application: raw.dialplan.app_name,
            variables: raw.channelvars,
        }
    }
}
