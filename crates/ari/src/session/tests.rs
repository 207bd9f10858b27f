use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asterisk::{Command, Handle, Secret};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tungstenite::protocol::Role;

use super::*;
use crate::request::Method;

fn response(id: &str, status: u16, body: &str) -> Response {
    Response { request_id: id.into(), status, reason: "Reason".into(), body: body.into() }
}

#[tokio::test]
async fn an_answer_ends_its_request_and_no_other() {
    let waiting = Waiting::default();
    let asked = |number| {
        let command =
            Command::new(Request::new(Method::Get, "channels"), None, Instant::now() + Duration::from_secs(9));
        assert!(waiting.admit(command.0, 1, number, |request| encoded(&request, number)).is_some());
        command.1
    };
    let (mut first, mut second) = (asked(1), asked(2));
    answer(&waiting, response("", 400, ""));
    answer(&waiting, response("99", 200, ""));
    answer(&waiting, response("1", 200, "[]"));
    answer(&waiting, response("2", 409, r#"{"message":"exists"}"#));
    assert_eq!(first.try_recv().unwrap(), Outcome::Done(response("1", 200, "[]")));
    assert_eq!(second.try_recv().unwrap(), Outcome::Refused { status: Some(409), message: "exists".into() });
}

#[test]
fn what_asterisk_would_cut_the_connection_at_is_not_written() {
    let long = encoded(&Request::new(Method::Get, "x".repeat(REQUEST_BYTES_MAX)), 1);
    assert!(matches!(long, Err(NotSent::TooLarge { bytes, .. }) if bytes > REQUEST_BYTES_MAX));
}

#[test]
fn a_refusal_speaks_with_asterisks_words() {
    assert_eq!(refusal(&response("1", 500, r#"{"error":"Allocation failed"}"#)), "Allocation failed");
    assert_eq!(refusal(&response("1", 500, "")), "Reason");
}

/// Our end of a connection that is served, and what the other end writes: frames that Asterisk does not produce on demand.
async fn served(frames: Vec<tungstenite::Message>, room: usize) -> (Option<Lost>, usize, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    for frame in frames {
        theirs.send(frame).await.unwrap();
    }
    let mut websocket = Websocket { settings: Settings::new("127.0.0.1", 1, "u", Secret::new("p"), "a") };
    let unreadable = Arc::new(AtomicU64::new(0));
    let (_client, mut lanes, _stop) = Handle::new(Duration::from_secs(1), Arc::clone(&unreadable));
    let (incoming, mut events) = mpsc::channel(room);
    let teller = Teller::new(String::new(), 1, incoming, Arc::clone(&unreadable));
    let ended = websocket.serve(Opened { socket, held: Vec::new() }, &mut lanes, &teller).await;
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
    let event = || text(r#"{"type":"New"}"#);
    assert_eq!(served(vec![event(), event(), event()], 2).await, (Some(Lost::Overrun), 2, 0));
}

#[tokio::test]
async fn an_unreadable_message_is_counted_and_passed_over() {
    let frames = vec![text("{"), text(r#"{"type":"New"}"#), text(""), tungstenite::Message::Close(None)];
    let closed = Some(Lost::Closed("closed by the PBX".into()));
    assert_eq!(served(frames, 9).await, (closed, 1, 2));
}

#[tokio::test]
async fn the_news_of_being_replaced_ends_the_connection_at_once() {
    let frames = vec![text(r#"{"type":"ApplicationReplaced","application":"a"}"#), text(r#"{"type":"New"}"#)];
    assert_eq!(served(frames, 9).await, (Some(Lost::Replaced), 0, 0));
}
