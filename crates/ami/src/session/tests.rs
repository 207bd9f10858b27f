use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn command(
    answered: Answered,
    only_epoch: Option<u64>,
    wait: Duration,
) -> (Command, oneshot::Receiver<Outcome<Reply>>) {
    let (reply, answer) = oneshot::channel();
    let deadline = Instant::now() + wait;
    (Command { action: Action::new("Test"), answered, only_epoch, send_before: deadline, deadline, reply }, answer)
}

fn asked(state: &State, answered: Answered, wait: Duration, number: u64) -> oneshot::Receiver<Outcome<Reply>> {
    let (command, answer) = command(answered, None, wait);
    assert!(admit(state, command, 1, number).is_some());
    answer
}

fn message(text: &str) -> Message {
    let mut out = Vec::new();
    Decoder::default().feed(format!("{}\r\n\r\n", text.replace('|', "\r\n")).as_bytes(), &mut out);
    out.remove(0).unwrap()
}

fn told(state: &State, text: &str) -> Option<Event> {
    take(state, message(text))
}

fn refused(message: &str) -> Outcome<Reply> {
    Outcome::Refused { message: message.into() }
}

#[test]
fn what_is_not_written_is_not_sent() {
    let state = State::default();
    let ended = |only_epoch, wait| {
        let (command, mut answer) = command(Answered::Once, only_epoch, wait);
        assert_eq!(admit(&state, command, 2, 1), None);
        answer.try_recv().unwrap()
    };
    assert_eq!(ended(Some(1), SECOND), Outcome::NotSent(NotSent::OtherConnection));
    assert_eq!(ended(Some(2), Duration::ZERO), Outcome::NotSent(NotSent::Deadline));
    assert!(state.lock().by_number.is_empty());
}

#[test]
fn a_written_action_ends_as_answered_refused_late_or_lost() {
    let state = State::default();
    let mut answers: Vec<_> = (1..=4)
        .map(|number| asked(&state, Answered::Once, if number == 3 { SECOND } else { 10 * SECOND }, number))
        .collect();
    assert_eq!(told(&state, "Response: Success|ActionID: carillon-1|Ping: Pong"), None);
    assert_eq!(told(&state, "Response: Error|ActionID: carillon-2|Message: Permission denied"), None);
    for nobodys in ["Response: Error", "Response: Success|ActionID: carillon-99", "Response: Success|ActionID: other-4"]
    {
        assert_eq!(told(&state, nobodys), None);
    }
    state.expire(Instant::now() + 2 * SECOND);
    state.lose_all();
    let ends: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
    let pong = message("Response: Success|ActionID: carillon-1|Ping: Pong");
    assert_eq!(
        ends,
        [
            Outcome::Done(Reply { response: pong, items: Vec::new() }),
            refused("Permission denied"),
            Outcome::Unknown(Unknown::Deadline),
            Outcome::Unknown(Unknown::ConnectionLost),
        ]
    );
}

#[test]
fn a_list_ends_with_its_last_message_and_its_items_are_no_events() {
    let state = State::default();
    let mut answer = asked(&state, Answered::List, SECOND, 7);
    assert_eq!(told(&state, "Response: Success|ActionID: carillon-7|EventList: start"), None);
    assert_eq!(told(&state, "Event: Newchannel|ActionID: carillon-7|Uniqueid: a"), None);
    assert!(told(&state, "Event: Newchannel|Uniqueid: b").is_some(), "an event between the items");
    assert_eq!(told(&state, "Event: ListComplete|ActionID: carillon-7|EventList: Complete|ListItems: 1"), None);
    let Outcome::Done(reply) = answer.try_recv().unwrap() else { panic!() };
    assert_eq!((reply.items.len(), reply.items[0].get("Uniqueid")), (1, Some("a")));
    assert_eq!(told(&state, "Event: ListComplete|ActionID: carillon-7|EventList: Complete"), None, "late: nobody's");
}

#[test]
fn an_originate_is_done_by_its_channel_and_refused_without_one() {
    let state = State::default();
    let channel = |id: &str| Answered::Channel(id.into());
    let mut done = asked(&state, channel("c-1"), 9 * SECOND, 1);
    let mut failed = asked(&state, channel("c-2"), 9 * SECOND, 2);
    let mut raced = asked(&state, channel("c-3"), 9 * SECOND, 3);
    let mut denied = asked(&state, channel("c-4"), 9 * SECOND, 4);
    for number in 1..=3 {
        told(&state, &format!("Response: Success|ActionID: carillon-{number}|Message: Originate successfully queued"));
    }
    told(&state, "Response: Error|ActionID: carillon-4|Message: Extension does not exist.");
    told(&state, "Event: Newchannel|Uniqueid: c-1");
    for number in [2, 3] {
        told(&state, &format!("Event: OriginateResponse|ActionID: carillon-{number}|Response: Failure|Reason: 0"));
    }
    told(&state, "Event: Newchannel|Uniqueid: c-3");
    assert_eq!(done.try_recv().unwrap(), Outcome::Done(Reply::default()));
    assert_eq!(raced.try_recv().unwrap(), Outcome::Done(Reply::default()), "the channel was told of later");
    assert_eq!(denied.try_recv().unwrap(), refused("Extension does not exist."));
    assert!(failed.try_recv().is_err(), "its channel may still be told of");
    state.expire(Instant::now() + SECOND);
    assert!(matches!(failed.try_recv().unwrap(), Outcome::Refused { .. }));
    assert!(state.lock().by_number.is_empty() && state.lock().by_channel.is_empty());
}

#[test]
fn a_silence_and_an_action_without_answer_are_told_once_each() {
    let state = State::default();
    let _answer = asked(&state, Answered::Once, 5 * SECOND, 1);
    let begin = Instant::now();
    assert_eq!(state.doubt(begin + SECOND, 2 * SECOND), None);
    assert_eq!(state.doubt(begin + 3 * SECOND, 2 * SECOND), Some(Doubt::Silent));
    assert_eq!(state.doubt(begin + 3 * SECOND, 2 * SECOND), None);
    state.lock().last_heard_at = begin + 3 * SECOND;
    state.lock().silence_told = false;
    assert_eq!(state.doubt(begin + 4 * SECOND, 2 * SECOND), Some(Doubt::Unanswered));
    assert_eq!(state.doubt(begin + 4 * SECOND, 2 * SECOND), None);
    assert_eq!(state.doubt(begin + 6 * SECOND, 2 * SECOND), Some(Doubt::Silent), "a second silence is told again");
}

/// Our end of a connection in `pump`, and what the other end writes: bytes that Asterisk does not produce on demand.
async fn pump_of(bytes: &[u8], room: usize) -> (Option<Lost>, usize, u64) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut theirs, _) = listener.accept().await.unwrap();
    theirs.write_all(bytes).await.unwrap();
    theirs.shutdown().await.unwrap();
    let settings = Settings::new("127.0.0.1", 1, "u", crate::Secret::new("p"));
    let opened = Opened {
        stream: ours,
        decoder: Decoder::default(),
        version: String::new(),
        started_at: String::new(),
        held: Vec::new(),
    };
    let (_client, mut commands) = Commands::pair();
    let (incoming, mut events) = mpsc::channel(room);
    let unreadable = AtomicU64::new(0);
    let mut pace = Pace::new(5, SECOND);
    let ended = pump(opened, 1, &settings, &mut pace, &mut commands, &incoming, &unreadable).await;
    let mut told = 0;
    while events.try_recv().is_ok() {
        told += 1;
    }
    (ended, told, unreadable.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_the_link_and_not_an_event() {
    let bytes = b"Event: Newchannel\r\n\r\n".repeat(3);
    assert_eq!(pump_of(&bytes, 2).await, (Some(Lost::Overrun), 2, 0));
}

#[tokio::test]
async fn an_unreadable_message_is_counted_and_passed_over() {
    let long = format!("Event: X\r\nV: {}\r\n\r\n", "x".repeat(crate::READ_LINE_BYTES_MAX));
    let bytes = [long.as_bytes(), b"\xff\xfe\r\n\r\n", b"Event: New\r\n\r\n", long.as_bytes()].concat();
    assert_eq!(pump_of(&bytes, 9).await, (Some(Lost::Closed("end of stream".into())), 1, 2));
}
