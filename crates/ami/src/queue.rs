//! Queues of `app_queue`: messages as events, and the list of all of them.

use asterisk::{Queue, QueueEvent, QueueMember};

use crate::codec::Message;

/// From an event, or from an item of the list, which calls the telephone its location.
fn member(message: &Message) -> Option<QueueMember> {
    let text = |name: &str| message.get(name).unwrap_or_default().to_owned();
    let number = |name: &str| message.get(name).and_then(|text| text.trim().parse::<u32>().ok());
    let interface = message.get("Interface").or_else(|| message.get("Location")).filter(|text| !text.is_empty())?;
    let name = message.get("MemberName").or_else(|| message.get("Name")).filter(|text| !text.is_empty());
    Some(QueueMember {
        interface: interface.to_owned(),
        name: name.unwrap_or(interface).to_owned(),
        paused: message.get("Paused") == Some("1"),
        paused_reason: text("PausedReason"),
        in_call: message.get("InCall").map(|flag| flag == "1"),
        status: number("Status").unwrap_or(0),
        wrap_up_s: number("Wrapuptime").unwrap_or(0),
    })
}

/// What a message says of a queue, if it does.
pub(crate) fn event(name: &str, message: &Message) -> Option<QueueEvent> {
    let text = |name: &str| message.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let queue = text("Queue")?;
    Some(match name {
        "QueueMemberAdded"
        | "QueueMemberStatus"
        | "QueueMemberPause"
        | "QueueMemberPenalty"
        | "QueueMemberRinginuse" => QueueEvent::Member { queue, member: member(message)? },
        "QueueMemberRemoved" => QueueEvent::MemberRemoved { queue, interface: text("Interface")? },
        "QueueCallerJoin" => QueueEvent::CallerJoined { queue, channel_id: text("Uniqueid")? },
        "QueueCallerAbandon" => QueueEvent::CallerAbandoned { queue, channel_id: text("Uniqueid")? },
        "QueueCallerLeave" => QueueEvent::CallerLeft { queue, channel_id: text("Uniqueid")? },
        "AgentCalled" => QueueEvent::AgentCalled { channel_id: text("Uniqueid")?, interface: text("Interface")? },
        "AgentConnect" => QueueEvent::AgentConnected { channel_id: text("Uniqueid")?, interface: text("Interface")? },
        "AgentRingNoAnswer" | "AgentDump" | "AgentComplete" => {
            QueueEvent::AgentReleased { channel_id: text("Uniqueid"), interface: text("Interface")? }
        }
        _ => return None,
    })
}

/// The queues of a `QueueStatus` list: each one's own line comes before those of its members and callers.
pub(crate) fn all(items: &[Message]) -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    for item in items {
        let Some(name) = item.get("Queue") else { continue };
        let at = queues.iter().rposition(|queue| queue.name == name);
        match (item.get("Event").unwrap_or_default(), at) {
            ("QueueParams", None) => queues.push(Queue { name: name.to_owned(), ..Queue::default() }),
            ("QueueMember", Some(at)) => queues[at].members.extend(member(item)),
            ("QueueEntry", Some(at)) => queues[at].callers.extend(item.get("Uniqueid").map(str::to_owned)),
            _ => {}
        }
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoder;
    use asterisk::EventKind;

    fn messages(text: &str) -> Vec<Message> {
        let mut out = Vec::new();
        Decoder::default().feed(text.replace('\n', "\r\n").as_bytes(), &mut out);
        out.into_iter().map(Result::unwrap).collect()
    }

    /// As Asterisk 22 sends it.
    const STATUS: &str = "Event: QueueMemberStatus\nQueue: support\nMemberName: Local/1@agents/n\n\
        Interface: Local/1@agents/n\nStateInterface: Custom:agent1\nMembership: dynamic\nPenalty: 0\nCallsTaken: 0\n\
        LastCall: 0\nLastPause: 0\nLoginTime: 1795298160\nInCall: 1\nStatus: 2\nPaused: 0\nPausedReason: \nRinginuse: 0\n\
        Wrapuptime: 0\n\n";

    #[test]
    fn events_of_queues_are_read() {
        let event = crate::event(&messages(STATUS)[0]).unwrap();
        let EventKind::Queue(QueueEvent::Member { queue, member }) = event.kind else { panic!("{event:?}") };
        assert_eq!((queue.as_str(), member.interface.as_str()), ("support", "Local/1@agents/n"));
        assert_eq!((member.in_call, member.status, member.paused), (Some(true), 2, false));
        let joined =
            "Event: QueueCallerJoin\nChannel: PJSIP/x-1\nUniqueid: 17.5\nQueue: support\nPosition: 1\nCount: 1\n\n";
        let kind = crate::event(&messages(joined)[0]).unwrap().kind;
        let expected = QueueEvent::CallerJoined { queue: "support".into(), channel_id: "17.5".into() };
        assert_eq!(kind, EventKind::Queue(expected));
        // Whoever called hung up first: Asterisk knows nothing of that channel any more.
        let complete = "Event: AgentComplete\nQueue: support\nInterface: Local/1@agents/n\nMemberName: Ana\n\
            HoldTime: 0\nTalkTime: 2\nReason: caller\n\n";
        let kind = crate::event(&messages(complete)[0]).unwrap().kind;
        let expected = QueueEvent::AgentReleased { channel_id: None, interface: "Local/1@agents/n".into() };
        assert_eq!(kind, EventKind::Queue(expected));
    }

    #[test]
    fn the_list_of_queues_is_read() {
        let list = "Event: QueueParams\nQueue: support\nMax: 0\nStrategy: rrmemory\nCalls: 1\n\n\
            Event: QueueMember\nQueue: support\nName: Ana\nLocation: PJSIP/1001\nStateInterface: PJSIP/1001\n\
            Status: 1\nPaused: 1\nPausedReason: lunch\nInCall: 0\nWrapuptime: 10\n\n\
            Event: QueueEntry\nQueue: support\nPosition: 1\nChannel: PJSIP/x-1\nUniqueid: 17.5\nWait: 3\n\n\
            Event: QueueParams\nQueue: sales\n\n";
        let queues = all(&messages(list));
        assert_eq!(queues.len(), 2);
        assert_eq!((queues[0].callers.as_slice(), queues[1].members.len()), (&["17.5".to_owned()][..], 0));
        let ana = &queues[0].members[0];
        assert_eq!(
            (ana.name.as_str(), ana.interface.as_str(), ana.paused_reason.as_str()),
            ("Ana", "PJSIP/1001", "lunch")
        );
        assert_eq!((ana.paused, ana.in_call, ana.wrap_up_s), (true, Some(false), 10));
    }
}
