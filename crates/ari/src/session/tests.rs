use tokio::net::TcpListener;
use tungstenite::protocol::Role;

use super::*;
use crate::request::{Method, Request};

fn command(uri: &str, only_epoch: Option<u64>, wait: Duration) -> (Command, oneshot::Receiver<Outcome<Response>>) {
    let (reply, answer) = oneshot::channel();
    let request = Request::new(Method::Get, uri);
    let deadline = Instant::now() + wait;
    (Command { request, only_epoch, send_before: deadline, deadline, reply }, answer)
}

fn response(id: &str, status: u16, body: &str) -> Response {
    Response { request_id: id.into(), status, reason: "Reason".into(), body: body.into() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_not_written_is_not_sent() {
    let state = State::default();
    let ended = |uri: &str, only_epoch, wait| {
        let (command, mut answer) = command(uri, only_epoch, wait);
        assert_eq!(admit(&state, command, 2, 1), None);
        answer.try_recv().unwrap()
    };
    assert_eq!(ended("channels", Some(1), SECOND), Outcome::NotSent(NotSent::OtherConnection));
    assert_eq!(ended("channels", Some(2), Duration::ZERO), Outcome::NotSent(NotSent::Deadline));
    let long = ended(&"x".repeat(REQUEST_BYTES_MAX), None, SECOND);
    assert!(matches!(long, Outcome::NotSent(NotSent::TooLarge { bytes }) if bytes > REQUEST_BYTES_MAX));
    assert!(state.lock().by_number.is_empty());
}

#[test]
fn a_written_request_ends_as_answered_late_or_lost() {
    let state = State::default();
    let mut answers: Vec<_> = (1..=4)
        .map(|number| {
            let wait = if number == 3 { SECOND } else { 10 * SECOND };
            let (command, answer) = command("channels", None, wait);
            assert!(admit(&state, command, 1, number).is_some());
            answer
        })
        .collect();
    state.answer(response("1", 200, "[]"));
    state.answer(response("2", 409, r#"{"message":"exists"}"#));
    state.answer(response("", 400, ""));
    state.answer(response("99", 200, ""));
    state.expire(Instant::now() + 2 * SECOND);
    state.lose_all();
    let ends: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
    assert_eq!(
        ends,
        [
            Outcome::Done(response("1", 200, "[]")),
            Outcome::Refused { status: 409, message: "exists".into() },
            Outcome::Unknown(Unknown::Deadline),
            Outcome::Unknown(Unknown::ConnectionLost),
        ]
    );
}

#[test]
fn a_request_nobody_waits_for_any_more_is_not_written() {
    let state = State::default();
    let (command, answer) = command("channels", None, SECOND);
    drop(answer);
    assert_eq!(admit(&state, command, 1, 1), None);
}

#[test]
fn a_refusal_speaks_with_asterisks_words() {
    assert_eq!(refusal(&response("1", 500, r#"{"error":"Allocation failed"}"#)), "Allocation failed");
    assert_eq!(refusal(&response("1", 500, "")), "Reason");
}

#[test]
fn a_silence_and_a_request_without_answer_are_told_once_each() {
    let state = State::default();
    let (asked, _answer) = command("channels", None, 5 * SECOND);
    assert!(admit(&state, asked, 1, 1).is_some());
    let begin = Instant::now();
    assert_eq!(state.doubt(begin + SECOND, 2 * SECOND), None);
    assert_eq!(state.doubt(begin + 3 * SECOND, 2 * SECOND), Some(Doubt::Silent));
    assert_eq!(state.doubt(begin + 3 * SECOND, 2 * SECOND), None);
    state.lock().last_frame_at = begin + 3 * SECOND;
    state.lock().silence_told = false;
    assert_eq!(state.doubt(begin + 4 * SECOND, 2 * SECOND), Some(Doubt::Unanswered));
    assert_eq!(state.doubt(begin + 4 * SECOND, 2 * SECOND), None);
    assert_eq!(state.doubt(begin + 6 * SECOND, 2 * SECOND), Some(Doubt::Silent), "a second silence is told again");
}

/// Our end of a connection in `pump`, and what the other end writes: frames that Asterisk does not produce on demand.
async fn pump_of(frames: Vec<tungstenite::Message>, room: usize) -> (Option<Lost>, usize, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    for frame in frames {
        theirs.send(frame).await.unwrap();
    }
    let settings = Settings::new("127.0.0.1", 1, "u", crate::Secret::new("p"), "a");
    let (_client, mut commands) = mpsc::channel(1);
    let (incoming, mut events) = mpsc::channel(room);
    let unreadable = AtomicU64::new(0);
    let ended = pump(ours, 1, &settings, &mut commands, &incoming, &unreadable).await;
    let mut told = 0;
    while events.try_recv().is_ok() {
        told += 1;
    }
    (ended, told, unreadable.load(Ordering::Relaxed))
}

fn text(text: &str) -> tungstenite::Message {
    tungstenite::Message::text(text)
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_the_link_and_not_an_event() {
    let event = || text(r#"{"type":"StasisEnd"}"#);
    assert_eq!(pump_of(vec![event(), event(), event()], 2).await, (Some(Lost::Overrun), 2, 0));
}

#[tokio::test]
async fn an_unreadable_message_is_counted_and_passed_over() {
    let frames = vec![text("{"), text(r#"{"type":"New"}"#), text(""), tungstenite::Message::Close(None)];
    let closed = Some(Lost::Closed("closed by the PBX".into()));
    assert_eq!(pump_of(frames, 9).await, (closed, 1, 2));
}

#[tokio::test]
async fn the_news_of_being_replaced_ends_the_connection_at_once() {
    let frames = vec![text(r#"{"type":"ApplicationReplaced","application":"a"}"#), text(r#"{"type":"StasisEnd"}"#)];
    assert_eq!(pump_of(frames, 9).await, (Some(Lost::Replaced), 0, 0));
}
