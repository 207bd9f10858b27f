use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asterisk::{Command, Handle, Secret};
use tokio::sync::{mpsc, oneshot};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn asked(waiting: &Waiting, answered: Answered, number: u64) -> oneshot::Receiver<Outcome<Reply>> {
    let ask = Ask { action: Action::new("Test"), answered };
    let (command, answer) = Command::new(ask, None, Instant::now() + 9 * SECOND);
    assert!(waiting.admit(command, 1, number, |ask| encoded(ask, number)).is_some());
    answer
}

fn message(text: &str) -> Message {
    let mut out = Vec::new();
    Decoder::default().feed(format!("{}\r\n\r\n", text.replace('|', "\r\n")).as_bytes(), &mut out);
    out.remove(0).unwrap()
}

fn told(waiting: &Waiting, text: &str) -> Option<Event> {
    take(waiting, message(text))
}

fn refused(message: &str) -> Outcome<Reply> {
    Outcome::Refused { status: None, message: message.into() }
}

#[tokio::test]
async fn an_action_ends_with_its_own_answer() {
    let waiting = Waiting::default();
    let mut answers: Vec<_> = (1..=3).map(|number| asked(&waiting, Answered::Once, number)).collect();
    assert_eq!(told(&waiting, "Response: Success|ActionID: carillon-1|Ping: Pong"), None);
    assert_eq!(told(&waiting, "Response: Error|ActionID: carillon-2|Message: Permission denied"), None);
    for nobodys in ["Response: Error", "Response: Success|ActionID: carillon-99", "Response: Success|ActionID: other-3"]
    {
        assert_eq!(told(&waiting, nobodys), None);
    }
    let pong = message("Response: Success|ActionID: carillon-1|Ping: Pong");
    assert_eq!(answers[0].try_recv().unwrap(), Outcome::Done(Reply { response: pong, items: Vec::new() }));
    assert_eq!(answers[1].try_recv().unwrap(), refused("Permission denied"));
    assert!(answers[2].try_recv().is_err());
}

#[tokio::test]
async fn a_list_ends_with_its_last_message_and_its_items_are_no_events() {
    let waiting = Waiting::default();
    let mut answer = asked(&waiting, Answered::List, 7);
    assert_eq!(told(&waiting, "Response: Success|ActionID: carillon-7|EventList: start"), None);
    assert_eq!(told(&waiting, "Event: Newchannel|ActionID: carillon-7|Uniqueid: a"), None);
    assert!(told(&waiting, "Event: Newchannel|Uniqueid: b").is_some(), "an event between the items");
    assert_eq!(told(&waiting, "Event: ListComplete|ActionID: carillon-7|EventList: Complete|ListItems: 1"), None);
    let Outcome::Done(reply) = answer.try_recv().unwrap() else { panic!() };
    assert_eq!((reply.items.len(), reply.items[0].get("Uniqueid")), (1, Some("a")));
    assert_eq!(told(&waiting, "Event: ListComplete|ActionID: carillon-7|EventList: Complete"), None, "late: nobody's");
}

#[tokio::test]
async fn an_originate_is_done_by_its_channel_and_refused_without_one() {
    let waiting = Waiting::default();
    let channel = |id: &str| Answered::Channel(id.into());
    let mut done = asked(&waiting, channel("c-1"), 1);
    let mut failed = asked(&waiting, channel("c-2"), 2);
    let mut raced = asked(&waiting, channel("c-3"), 3);
    let mut denied = asked(&waiting, channel("c-4"), 4);
    for number in 1..=3 {
        told(
            &waiting,
            &format!("Response: Success|ActionID: carillon-{number}|Message: Originate successfully queued"),
        );
    }
    told(&waiting, "Response: Error|ActionID: carillon-4|Message: Extension does not exist.");
    told(&waiting, "Event: Newchannel|Uniqueid: c-1");
    for number in [2, 3] {
        told(&waiting, &format!("Event: OriginateResponse|ActionID: carillon-{number}|Response: Failure|Reason: 0"));
    }
    told(&waiting, "Event: Newchannel|Uniqueid: c-3");
    assert_eq!(done.try_recv().unwrap(), Outcome::Done(Reply::default()));
    assert_eq!(raced.try_recv().unwrap(), Outcome::Done(Reply::default()), "the channel was told of later");
    assert_eq!(denied.try_recv().unwrap(), refused("Extension does not exist."));
    assert!(failed.try_recv().is_err(), "its channel may still be told of");
    waiting.expire(Instant::now() + SECOND, Ends::over);
    assert!(matches!(failed.try_recv().unwrap(), Outcome::Refused { .. }));
    assert!(waiting.is_empty());
}

/// Our end of a connection that is served, and what the other end writes: bytes that Asterisk does not produce on demand.
async fn served(bytes: &[u8], room: usize) -> (Option<Lost>, usize, u64) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut theirs, _) = listener.accept().await.unwrap();
    theirs.write_all(bytes).await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut manager = Manager::new(Settings::new("127.0.0.1", 1, "u", Secret::new("p")));
    let opened = Opened { stream: ours, decoder: Decoder::default(), held: Vec::new() };
    let unreadable = Arc::new(AtomicU64::new(0));
    let (_client, mut lanes, _stop) = Handle::new(SECOND, Arc::clone(&unreadable));
    let (incoming, mut events) = mpsc::channel(room);
    let teller = Teller::new(String::new(), 1, incoming, Arc::clone(&unreadable));
    let ended = manager.serve(opened, &mut lanes, &teller).await;
    let mut told = 0;
    while events.try_recv().is_ok() {
        told += 1;
    }
    (ended, told, unreadable.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_the_link_and_not_an_event() {
    let bytes = b"Event: Newchannel\r\n\r\n".repeat(3);
    assert_eq!(served(&bytes, 2).await, (Some(Lost::Overrun), 2, 0));
}

#[tokio::test]
async fn an_unreadable_message_is_counted_and_passed_over() {
    let long = format!("Event: X\r\nV: {}\r\n\r\n", "x".repeat(crate::READ_LINE_BYTES_MAX));
    let bytes = [long.as_bytes(), b"\xff\xfe\r\n\r\n", b"Event: New\r\n\r\n", long.as_bytes()].concat();
    assert_eq!(served(&bytes, 9).await, (Some(Lost::Closed("end of stream".into())), 1, 2));
}
