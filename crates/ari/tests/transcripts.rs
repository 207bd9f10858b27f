//! What a real Asterisk 22.10 sent, recorded line by line, through the codec.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use ari::{ChannelState, DialStatus, EventKind, Message, decode};

/// One short word per message, of `transcripts/NAME.jsonl`.
fn words(name: &str) -> Vec<String> {
    messages(name).iter().map(word).collect()
}

fn messages(name: &str) -> Vec<Message> {
    let path = format!("{}/tests/transcripts/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| decode(line).unwrap()).collect()
}

fn word(message: &Message) -> String {
    let event = match message {
        Message::Replaced => return "replaced".to_owned(),
        Message::Response(response) => return format!("{} {}", response.request_id, response.status),
        Message::Event(event) => event,
    };
    match &event.kind {
        EventKind::ChannelCreated => "created".to_owned(),
        EventKind::Dial { status } => format!("{status:?}"),
        EventKind::StateChange => format!("state {:?}", event.channel.as_ref().unwrap().state),
        EventKind::HangupRequest { soft } => format!("asked {soft}"),
        EventKind::Destroyed { cause, tech_cause, .. } => format!("gone {cause} {tech_cause:?}"),
        EventKind::UserEvent { name, .. } => format!("user {name}"),
        EventKind::Queue(_) => unreachable!("only the manager interface tells of queues"),
        EventKind::Other(name) => format!("other {name}"),
    }
}

#[test]
fn an_answered_call_that_we_hang_up() {
    assert_eq!(
        words("answered-then-hung-up-by-us"),
        [
            "created",
            "1 200",
            "Begun",
            "state Ringing",
            "Ringing",
            "state Up",
            "Answer",
            "2 204",
            "asked true",
            "asked true",
            "gone 16 None",
        ]
    );
}

#[test]
fn causes_of_calls_that_failed_reach_us_as_q850_and_sip_code() {
    let last = |name: &str| words(name).pop().unwrap();
    assert_eq!(last("carrier-480"), "gone 19 Some(480)");
    assert_eq!(last("busy"), "gone 17 Some(486)");
    assert_eq!(last("unallocated"), "gone 1 Some(404)");
    assert_eq!(last("announcement-then-404"), "gone 1 Some(404)");
    assert_eq!(last("declined-603"), "gone 21 Some(603)");
    assert_eq!(last("carrier-drops"), "gone 0 None");
    assert!(words("announcement-then-404").contains(&"Progress".to_owned()));
    assert!(words("carrier-480").contains(&"asked false".to_owned()));
}

#[test]
fn every_event_of_a_call_names_its_channel_also_dial() {
    for name in ["answered-then-hung-up-by-us", "busy", "carrier-drops", "unfiltered"] {
        for message in messages(name) {
            let Message::Event(event) = message else { continue };
            assert_eq!(event.channel_id(), Some(format!("c-{name}").as_str()), "{event:?}");
            assert!(event.at.as_deref().is_some_and(|at| at.starts_with("20")), "{event:?}");
        }
    }
}

#[test]
fn a_channel_carries_its_state_and_name() {
    let events = messages("answered-then-hung-up-by-us");
    let Message::Event(answer) = &events[6] else { panic!() };
    assert_eq!(answer.kind, EventKind::Dial { status: DialStatus::Answer });
    let channel = answer.channel.as_deref().unwrap();
    assert_eq!(channel.state, ChannelState::Up);
    assert!(channel.name.starts_with("PJSIP/carrier-"));
}

#[test]
fn types_that_were_not_asked_for_are_kept_by_name() {
    let seen = words("unfiltered");
    for name in ["other ChannelDialplan", "other ChannelCallerId", "other ChannelConnectedLine", "user ATTRIBUTES"] {
        assert!(seen.contains(&name.to_owned()), "{name} in {seen:?}");
    }
}

#[test]
fn refusals_are_answers_to_their_request() {
    let seen = words("refusals");
    let answers: Vec<_> = seen.iter().filter(|word| word.starts_with(|first: char| first.is_ascii_digit())).collect();
    assert_eq!(answers, ["1 200", "2 409", "3 409", "4 200", "5 204"]);
}

#[test]
fn losing_our_name_is_told() {
    assert_eq!(words("replaced"), ["replaced"]);
}
