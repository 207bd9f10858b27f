//! What a real Asterisk 22.10 sent, recorded byte by byte, through the codec.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ami::{Decoder, EventKind, Message, event};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn messages(name: &str) -> Vec<Message> {
    let path = folder().join(format!("{name}.ami"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut out = Vec::new();
    let mut decoder = Decoder::default();
    // In pieces, as a network would bring it.
    for chunk in bytes.chunks(97) {
        decoder.feed(chunk, &mut out);
    }
    out.into_iter().map(Result::unwrap).collect()
}

/// One short word per message that says something about a channel.
fn words(name: &str) -> Vec<String> {
    messages(name).iter().filter_map(word).collect()
}

fn word(message: &Message) -> Option<String> {
    let Some(event) = event(message) else {
        return Some(format!("{} {}", message.get("ActionID").unwrap(), message.get("Response").unwrap()));
    };
    Some(match &event.kind {
        EventKind::ChannelCreated => "created".to_owned(),
        EventKind::Dial { status } => format!("{status:?}"),
        EventKind::StateChange => format!("state {:?}", event.channel.as_ref().unwrap().state),
        EventKind::HangupRequest { soft } => format!("asked {soft}"),
        EventKind::Destroyed { cause, tech_cause, .. } => format!("gone {cause} {tech_cause:?}"),
        EventKind::UserEvent { name, .. } => format!("user {name}"),
        EventKind::Other(name) if name == "OriginateResponse" => format!("end {}", message.get("Response").unwrap()),
        EventKind::Other(_) | EventKind::Queue(_) => return None,
    })
}

/// Order within a millisecond is not fixed, and no test may depend on it.
fn sorted(name: &str) -> Vec<String> {
    let mut words = words(name);
    words.sort();
    words
}

#[test]
fn an_answered_call_that_we_hang_up() {
    let all = ["1 Success", "Answer", "Begun", "Ringing", "asked true", "created", "end Success", "gone 16 None"];
    let seen = sorted("answered-then-hung-up-by-us");
    for word in all.into_iter().chain(["2 Success", "state Ringing", "state Up"]) {
        assert!(seen.contains(&word.to_owned()), "{word} in {seen:?}");
    }
    assert_eq!(words("answered-then-hung-up-by-us").last().unwrap(), "gone 16 None");
}

#[test]
fn causes_of_calls_that_failed_reach_us_as_q850_and_sip_code() {
    let gone = |name: &str| words(name).into_iter().find(|word| word.starts_with("gone")).unwrap();
    assert_eq!(gone("carrier-480"), "gone 19 Some(480)");
    assert_eq!(gone("busy"), "gone 17 Some(486)");
    assert_eq!(gone("unallocated"), "gone 1 Some(404)");
    assert_eq!(gone("announcement-then-404"), "gone 1 Some(404)");
    assert_eq!(gone("declined-603"), "gone 21 Some(603)");
    assert_eq!(gone("carrier-drops"), "gone 0 None");
    assert!(words("announcement-then-404").contains(&"Progress".to_owned()));
    assert!(words("carrier-480").contains(&"asked false".to_owned()));
}

#[test]
fn every_event_of_a_call_names_its_channel_also_dial() {
    for name in ["answered-then-hung-up-by-us", "busy", "carrier-drops"] {
        let mut about = 0;
        for message in messages(name) {
            let Some(event) = event(&message) else { continue };
            if matches!(event.kind, EventKind::Other(_)) {
                continue;
            }
            about += 1;
            assert_eq!(event.channel_id(), Some(format!("c-{name}").as_str()), "{event:?}");
            assert!(event.at.is_some(), "{event:?}");
        }
        assert!(about > 4, "{name}");
    }
}

#[test]
fn a_user_event_has_the_headers_of_the_dialplan_and_the_channel_it_came_from() {
    let event =
        messages("user-event").iter().filter_map(event).find(|event| matches!(event.kind, EventKind::UserEvent { .. }));
    let event = event.unwrap();
    assert_eq!(event.channel_id(), Some("c-user-event"));
    assert_eq!(event.channel.as_ref().unwrap().linked_id, "c-user-event");
    let EventKind::UserEvent { name, headers } = event.kind else { unreachable!() };
    assert_eq!(name, "CALLSTATUS");
    let given: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(given, [("Uniqueid", "c-user-event"), ("V", "1")]);
}

#[test]
fn refusals_are_answers_to_their_action() {
    let seen = words("refusals");
    let answers: Vec<_> = seen.iter().filter(|word| word.starts_with(|first: char| first.is_ascii_digit())).collect();
    assert_eq!(answers, ["1 Success", "2 Error", "3 Error", "4 Error"]);
    let failed: Vec<_> = seen.iter().filter(|word| *word == "end Failure").collect();
    assert_eq!(failed.len(), 1, "an end point that is not there: no channel, one end");
    assert!(!seen.contains(&"created".to_owned()));
}

#[test]
fn a_list_is_its_answer_its_items_and_its_end() {
    let all = messages("list");
    let of_list: Vec<_> = all.iter().filter(|message| message.get("ActionID") == Some("2")).collect();
    assert_eq!(of_list[0].get("EventList"), Some("start"));
    assert_eq!(of_list[1].get("Uniqueid"), Some("c-list"));
    assert_eq!(of_list[2].get("EventList"), Some("Complete"));
    assert_eq!(of_list.len(), 3);
}

/// Records them anew: `cargo nextest run -p ami --run-ignored only`.
#[test]
#[ignore = "writes the transcripts that the other tests read"]
fn record() {
    let pair = testkit::Pair::start().unwrap();
    let originate = |name: &str, number: &str, extension: &str, ring_ms: u32| {
        format!(
            "Action: Originate\r\nActionID: 1\r\nChannel: PJSIP/{number}@carrier\r\nChannelId: c-{name}\r\n\
             Context: carillon-demo\r\nExten: {extension}\r\nPriority: 1\r\nTimeout: {ring_ms}\r\nAsync: true\r\n\r\n"
        )
    };
    let hang_up = |name: &str| format!("Action: Hangup\r\nActionID: 2\r\nChannel: c-{name}\r\nCause: 16\r\n\r\n");
    // What is sent, what has to come before the next is, and what ends the recording.
    let record = |name: &str, steps: &[(String, &str)]| {
        let login = pair.pbx.manager();
        let mut stream = TcpStream::connect((login.host.as_str(), login.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let text = format!(
            "Action: Login\r\nActionID: 0\r\nUsername: {}\r\nSecret: {}\r\nEvents: call,user\r\n\r\n",
            login.user, login.password
        );
        stream.write_all(text.as_bytes()).unwrap();
        let read_until = |stream: &mut TcpStream, wanted: &str| {
            let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
            let end = Instant::now() + Duration::from_secs(15);
            while Instant::now() < end {
                match stream.read(&mut chunk) {
                    Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                    // Nothing more for a while after what was wanted.
                    Err(_) if String::from_utf8_lossy(&bytes).contains(wanted) => return bytes,
                    Err(_) => {}
                }
            }
            panic!("{name}: no {wanted}");
        };
        read_until(&mut stream, "Authentication accepted");
        let mut all = Vec::new();
        for (text, wanted) in steps {
            stream.write_all(text.as_bytes()).unwrap();
            all.extend(read_until(&mut stream, wanted));
        }
        std::fs::write(folder().join(format!("{name}.ami")), all).unwrap();
    };
    let name = "answered-then-hung-up-by-us";
    record(
        name,
        &[(originate(name, "1555100100", "hold", 60_000), "OriginateResponse"), (hang_up(name), "Event: Hangup")],
    );
    for (name, number) in [
        ("carrier-480", "1555310100"),
        ("busy", "1555400000"),
        ("unallocated", "1555430000"),
        ("announcement-then-404", "1555440000"),
        ("declined-603", "1555480000"),
        ("carrier-drops", "1555510100"),
    ] {
        record(name, &[(originate(name, number, "hold", 60_000), "Event: Hangup")]);
    }
    record("user-event", &[(originate("user-event", "1555100100", "status", 60_000), "Event: Hangup")]);
    let list = "Action: CoreShowChannels\r\nActionID: 2\r\n\r\n".to_owned();
    let hang = hang_up("list").replace("ActionID: 2", "ActionID: 3");
    record(
        "list",
        &[(originate("list", "1555300000", "hold", 60_000), "RINGING"), (list, "Complete"), (hang, "Event: Hangup")],
    );
    let nowhere = originate("nowhere", "1555100100", "hold", 60_000).replace("@carrier", "@nowhere");
    let astray = originate("astray", "1555100100", "not-there", 60_000).replace("ActionID: 1", "ActionID: 2");
    let gone = hang_up("gone").replace("ActionID: 2", "ActionID: 3");
    let command = "Action: Command\r\nActionID: 4\r\nCommand: core show version\r\n\r\n".to_owned();
    record(
        "refusals",
        &[(nowhere, "OriginateResponse"), (astray, "ActionID: 2"), (gone, "ActionID: 3"), (command, "ActionID: 4")],
    );
}
