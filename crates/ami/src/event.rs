//! Messages of the manager interface as the events and channels that both interfaces have.

use asterisk::{Channel, ChannelState, DialStatus, Event, EventKind};

use crate::codec::Message;
use crate::queue;

/// What a message is, if it is an event.
pub fn event(message: &Message) -> Option<Event> {
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
        other => match queue::event(other, message) {
            Some(event) => (EventKind::Queue(event), ""),
            None => (EventKind::Other(other.to_owned()), ""),
        },
    };
    let channel = match &kind {
        // Nobody acts on them: their channel is not read.
        EventKind::Other(_) | EventKind::Queue(_) => None,
        _ => channel(message, prefix).map(Box::new),
    };
    Some(Event { kind, at: message.get("Timestamp").map(str::to_owned), channel })
}

/// From the headers of an event or a list item, `prefix` before each; `None` when they name no channel.
pub(crate) fn channel(message: &Message, prefix: &str) -> Option<Channel> {
    let get = |name: &str| message.get(&format!("{prefix}{name}"));
    let id = get("Uniqueid").filter(|id| !id.is_empty())?.to_owned();
    let state = ChannelState::of(get("ChannelStateDesc").unwrap_or_default());
    let text = |name| get(name).unwrap_or_default().to_owned();
    Some(Channel { id, linked_id: text("Linkedid"), name: text("Channel"), state })
}
