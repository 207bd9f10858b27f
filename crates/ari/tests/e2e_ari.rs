//! The client against a private real Asterisk and the carrier simulator behind it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ari::{
    ChannelState, Client, DialStatus, Event, EventKind, HangUpReason, Incoming, Lost, NotSent, Originate, Outcome,
    Secret, Settings, Unknown, connect,
};
use testkit::Pair;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// Longest wait for anything a test expects. The carrier's longest behaviour here takes 7 s.
const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    pair: Pair,
    client: Client,
    incoming: Receiver<Incoming>,
}

fn settings(pair: &Pair, application: &str) -> Settings {
    let login = pair.pbx.ari();
    Settings::new(login.host, login.port, login.user, Secret::new(login.password), application)
}

async fn rig() -> Rig {
    rig_on(Pair::start().unwrap()).await
}

async fn rig_on(pair: Pair) -> Rig {
    let (client, incoming) = connect(settings(&pair, "carillon-test")).unwrap();
    let mut rig = Rig { pair, client, incoming };
    match rig.next().await {
        Incoming::Connected { epoch: 1, version, entity, started_at } => {
            assert!(version.starts_with("22."), "{version}");
            assert!(!entity.is_empty() && started_at.starts_with("20"), "{entity} {started_at}");
        }
        other => panic!("{other:?}"),
    }
    rig
}

/// Freezes the PBX and waits until each of its threads stands still: the signal reaches them one by one.
async fn freeze(pair: &mut Pair) {
    let tasks = format!("/proc/{}/task", pair.pbx.pid().expect("it runs"));
    pair.pbx.pause();
    let stopped = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    let all_stopped = timeout(PATIENCE, async {
        while !std::fs::read_dir(&tasks).unwrap().all(stopped) {
            tokio::task::yield_now().await;
        }
    });
    all_stopped.await.expect("a stopped process stands still");
}

async fn next(incoming: &mut Receiver<Incoming>) -> Incoming {
    timeout(PATIENCE, incoming.recv()).await.expect("something happens in time").expect("the link goes on")
}

async fn next_lost(incoming: &mut Receiver<Incoming>) -> (u64, Lost) {
    loop {
        if let Incoming::Lost { epoch, why } = next(incoming).await {
            return (epoch, why);
        }
    }
}

impl Rig {
    async fn next(&mut self) -> Incoming {
        next(&mut self.incoming).await
    }

    /// The next event of that channel.
    async fn event(&mut self, id: &str) -> Event {
        loop {
            match self.next().await {
                Incoming::Event(event) if event.channel_id() == Some(id) => return event,
                Incoming::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn until(&mut self, id: &str, wanted: impl Fn(&EventKind) -> bool) -> Event {
        loop {
            let event = self.event(id).await;
            if wanted(&event.kind) {
                return event;
            }
        }
    }

    /// Dials and tells the dial statuses and the end. Hangs up itself after the first `hang_up_at`.
    async fn story(&mut self, number: &str, hang_up_at: Option<DialStatus>) -> (Vec<DialStatus>, u32, Option<u32>) {
        let call = call(number);
        let id = call.channel_id.clone();
        let channel = self.client.originate(&call).await.done().expect("the channel is made");
        assert_eq!((channel.id.as_str(), channel.state), (id.as_str(), ChannelState::Down));
        let mut statuses = Vec::new();
        loop {
            match self.event(&id).await.kind {
                EventKind::Dial { status } => {
                    statuses.push(status.clone());
                    if hang_up_at.as_ref() == Some(&status) {
                        assert_eq!(self.client.hang_up(&id, HangUpReason::Normal).await, Outcome::Done(()));
                    }
                }
                EventKind::Destroyed { cause, tech_cause, .. } => return (statuses, cause, tech_cause),
                _ => {}
            }
        }
    }
}

fn call(number: &str) -> Originate {
    Originate {
        channel_id: format!("c-{number}"),
        endpoint: format!("PJSIP/{number}@carrier"),
        context: "carillon-demo".into(),
        extension: "hold".into(),
        priority: 1,
        caller_id: Some("\"Carillon\" <15550001111>".into()),
        ring_seconds_max: Some(60),
        variables: BTreeMap::new(),
        account_code: None,
        user_field: None,
        formats: Vec::new(),
    }
}

#[tokio::test]
async fn what_the_carrier_does_is_told_by_progress_and_causes() {
    use DialStatus::{Answer, Begun, Busy, NoAnswer, Progress, Ringing};
    let mut rig = rig().await;
    // A person answers after 1 s; we hang up.
    let answered = rig.story("1555100100", Some(Answer)).await;
    assert_eq!(answered, (vec![Begun, Ringing, Answer], 16, None));
    // Rings for ever; we give up. The end of dialling is told as no answer.
    let (statuses, cause, tech_cause) = rig.story("1555300000", Some(Ringing)).await;
    assert_eq!((&statuses[..2], cause, tech_cause), (&[Begun, Ringing][..], 16, None));
    assert_eq!(rig.story("1555310100", None).await, (vec![Begun, Ringing, NoAnswer], 19, Some(480)));
    assert_eq!(rig.story("1555400000", None).await, (vec![Begun, Busy], 17, Some(486)));
    assert_eq!(rig.story("1555430000", None).await, (vec![Begun, NoAnswer], 1, Some(404)));
    assert_eq!(rig.story("1555440000", None).await, (vec![Begun, Progress, NoAnswer], 1, Some(404)));
    assert_eq!(rig.story("1555480000", None).await, (vec![Begun, NoAnswer], 21, Some(603)));
    // Answered, then the far end drops without a reason.
    let (statuses, cause, tech_cause) = rig.story("1555510100", None).await;
    assert_eq!((statuses.last(), cause, tech_cause), (Some(&Answer), 0, None));
    assert_eq!(rig.client.channels().await, Outcome::Done(Vec::new()));
}

#[tokio::test]
async fn our_ring_limit_at_the_pbx_ends_without_an_end_of_dialling() {
    let mut rig = rig().await;
    let call = Originate { ring_seconds_max: Some(2), ..call("1555300000") };
    rig.client.originate(&call).await.done().unwrap();
    let mut kinds = Vec::new();
    loop {
        let event = rig.event(&call.channel_id).await;
        let is_over = matches!(event.kind, EventKind::Destroyed { .. });
        kinds.push(event.kind);
        if is_over {
            break;
        }
    }
    assert!(matches!(kinds.last(), Some(EventKind::Destroyed { cause: 19, tech_cause: Some(480), .. })), "{kinds:?}");
    assert!(!kinds.iter().any(|kind| matches!(kind, EventKind::HangupRequest { .. })), "{kinds:?}");
    assert!(!kinds.contains(&EventKind::Dial { status: DialStatus::NoAnswer }), "{kinds:?}");
}

#[tokio::test]
async fn refusals_carry_status_and_words_and_make_no_call() {
    let mut rig = rig().await;
    let nowhere = Originate { endpoint: "PJSIP/1555100000@nowhere".into(), ..call("nowhere") };
    assert!(matches!(rig.client.originate(&nowhere).await, Outcome::Refused { status: 500, .. }));

    let first = call("1555300000");
    rig.client.originate(&first).await.done().unwrap();
    let Outcome::Refused { status: 409, message } = rig.client.originate(&first).await else { panic!() };
    assert!(message.contains("already exists"), "{message}");
    let ids: Vec<_> = rig.client.channels().await.done().unwrap().into_iter().map(|channel| channel.id).collect();
    assert_eq!(ids, [first.channel_id.as_str()]);

    let codec = Originate { formats: vec!["nonsense".into()], ..call("codec") };
    assert!(matches!(rig.client.originate(&codec).await, Outcome::Refused { status: 400, .. }));
    assert_eq!(rig.client.channel("c-gone").await, Outcome::Done(None));
    assert!(matches!(rig.client.hang_up("c-gone", HangUpReason::Normal).await, Outcome::Refused { status: 404, .. }));
    assert!(matches!(rig.client.set_variable(&first.channel_id, "A", "b").await, Outcome::Refused { status: 409, .. }));
    assert_eq!(rig.client.get_variable(&first.channel_id, "ABSENT").await, Outcome::Done(None));

    rig.client.hang_up(&first.channel_id, HangUpReason::NoAnswer).await.done().unwrap();
    rig.until(&first.channel_id, |kind| matches!(kind, EventKind::Destroyed { .. })).await;
    // After a duplicate id, Asterisk 22.10 works on but no longer ends on `core stop now` or TERM.
    rig.pair.pbx.kill9();
}

#[tokio::test]
async fn variables_arrive_in_the_dialplan_as_given() {
    let mut rig = rig().await;
    let odd = "a,b \"q\" 'r' ${EXTEN} $[1+1] ${SHELL(id)} ;x\\n\\ \r\n2nd: y & = | ü";
    let variables = [("NAME".to_owned(), "Ann".to_owned()), ("NOTE".to_owned(), odd.to_owned())];
    let call = Originate { variables: variables.into(), extension: "attributes".into(), ..call("1555100100") };
    rig.client.originate(&call).await.done().unwrap();
    let event = rig.until(&call.channel_id, |kind| matches!(kind, EventKind::UserEvent { .. })).await;
    let EventKind::UserEvent { name, headers } = event.kind else { unreachable!() };
    assert_eq!((name.as_str(), headers["NAME"].as_str()), ("ATTRIBUTES", "Ann"));
    assert_eq!(percent_decoded(&headers["NOTE"]), odd);

    let held = Originate { extension: "hold".into(), channel_id: "c-held".into(), ..call };
    rig.client.originate(&held).await.done().unwrap();
    assert_eq!(rig.client.get_variable("c-held", "NOTE").await, Outcome::Done(Some(odd.to_owned())));
}

#[tokio::test]
async fn the_user_field_is_in_the_record_of_every_call_answered_or_not() {
    let mut rig = rig_on(Pair::start_with_call_records().unwrap()).await;
    for (number, disposition) in [("1555100000", "ANSWERED"), ("1555400000", "BUSY")] {
        let call = Originate { user_field: Some(format!("mark {number}")), extension: "bye".into(), ..call(number) };
        rig.client.originate(&call).await.done().unwrap();
        rig.until(&call.channel_id, |kind| matches!(kind, EventKind::Destroyed { .. })).await;
        let records = rig.pair.pbx.folder().join("log/cdr-csv/Master.csv");
        let ends = format!("\"{}\",\"mark {number}\"", call.channel_id);
        let record = testkit::process::until(PATIENCE, || {
            let records = std::fs::read_to_string(&records).unwrap_or_default();
            Ok(records.lines().find(|record| record.ends_with(&ends)).map(str::to_owned))
        });
        let record = record.unwrap().expect("a record is written when the call is over");
        assert!(record.contains(disposition), "{record}");
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap()
}

#[tokio::test]
async fn what_asterisk_would_choke_on_is_not_sent_and_the_link_lives_on() {
    let rig = rig().await;
    let with = |name: &str, value: String| Originate { variables: [(name.into(), value)].into(), ..call("1555300000") };
    let large = rig.client.originate(&with("V", "x".repeat(1_000_000))).await;
    assert!(matches!(large, Outcome::NotSent(NotSent::TooLarge { bytes }) if bytes > 1_000_000), "{large:?}");
    for call in [with("V", "a\0b".into()), with("SHELL(id)", "1".into()), call("15553\r\n00000")] {
        assert!(matches!(rig.client.originate(&call).await, Outcome::NotSent(NotSent::Invalid(_))));
    }
    // The longest that is sent is taken.
    let long = with("V", "x".repeat(ari::REQUEST_BYTES_MAX - 1_000));
    rig.client.originate(&long).await.done().unwrap();
    assert_eq!(rig.client.channels().await.done().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_the_place_to_look() {
    let pair = Pair::start().unwrap();
    let address = settings(&pair, "carillon-test").address();
    let wrong = Settings { password: Secret::new("not-the-one"), ..settings(&pair, "carillon-test") };
    let (client, mut incoming) = connect(wrong).unwrap();
    let (epoch, why) = next_lost(&mut incoming).await;
    let Lost::Refused { status: 401, text } = &why else { panic!("{why:?}") };
    assert_eq!(epoch, 0);
    assert!(text.contains(&address) && text.contains("ari.conf") && !text.contains("not-the-one"), "{text}");
    assert_eq!(client.originate(&call("1555300000")).await, Outcome::NotSent(NotSent::NotConnected));

    // The manager interface's port: something listens, and speaks no HTTP.
    let ami = Settings { port: pair.ports.pbx_ami, connect_deadline: Duration::from_secs(1), ..settings(&pair, "x") };
    let (_client, mut incoming) = connect(ami).unwrap();
    let (_, why) = next_lost(&mut incoming).await;
    assert!(matches!(&why, Lost::Unreachable(text) if text.contains(&pair.ports.pbx_ami.to_string())), "{why:?}");
}

#[tokio::test]
async fn nobody_there_is_told_once_and_healed_when_it_starts() {
    let mut rig = rig().await;
    rig.pair.pbx.kill9();
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    assert!(epoch == 1 && matches!(why, Lost::Closed(_)), "{epoch} {why:?}");
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    let Lost::Unreachable(text) = &why else { panic!("{why:?}") };
    assert!(epoch == 1 && text.contains(&rig.pair.ports.ari.to_string()) && text.contains("http.conf"), "{text}");
    assert_eq!(rig.client.channels().await, Outcome::NotSent(NotSent::NotConnected));

    rig.pair.pbx.boot().unwrap();
    let healed_by = Instant::now() + Duration::from_secs(10);
    loop {
        match rig.next().await {
            Incoming::Connected { epoch, .. } => {
                assert_eq!(epoch, 2);
                break;
            }
            // While it boots: HTTP is up before ARI is.
            Incoming::Lost { .. } => assert!(Instant::now() < healed_by),
            other => panic!("{other:?}"),
        }
    }
    assert!(Instant::now() < healed_by);
    // Decided on the connection that is gone: not sent on this one.
    let late = rig.client.in_epoch(1).originate(&call("1555300000")).await;
    assert_eq!(late, Outcome::NotSent(NotSent::OtherConnection));
    assert_eq!(rig.client.in_epoch(2).channels().await, Outcome::Done(Vec::new()));
    assert_eq!(rig.story("1555400000", None).await.1, 17);
}

#[tokio::test]
async fn a_frozen_pbx_is_lost_within_five_seconds_and_its_requests_are_unknown() {
    let mut rig = rig().await;
    let frozen_at = Instant::now();
    freeze(&mut rig.pair).await;
    let asked = rig.client.clone();
    let originate = tokio::spawn(async move { asked.originate(&call("1555300000")).await });
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    assert_eq!((epoch, why), (1, Lost::Stale));
    assert!(frozen_at.elapsed() < Duration::from_secs(5), "{:?}", frozen_at.elapsed());
    assert_eq!(originate.await.unwrap(), Outcome::Unknown(Unknown::ConnectionLost));

    // It wakes up and carries the request out after all: unknown was the truth.
    rig.pair.pbx.resume();
    loop {
        if let Incoming::Connected { epoch, .. } = rig.next().await {
            assert_eq!(epoch, 2);
            break;
        }
    }
    let carried_out = timeout(PATIENCE, async {
        while rig.client.channel("c-1555300000").await.done().flatten().is_none() {
            tokio::task::yield_now().await;
        }
    });
    carried_out.await.expect("the request that was written is carried out");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let mut pair = Pair::start().unwrap();
    let hasty = Settings { request_deadline: Duration::from_millis(300), ..settings(&pair, "carillon-test") };
    let (client, mut incoming) = connect(hasty).unwrap();
    assert!(matches!(next(&mut incoming).await, Incoming::Connected { .. }));
    freeze(&mut pair).await;
    assert_eq!(client.channels().await, Outcome::Unknown(Unknown::Deadline));
    pair.pbx.resume();
}

#[tokio::test]
async fn who_is_replaced_stops_for_good() {
    let mut rig = rig().await;
    let (other, mut other_incoming) = connect(settings(&rig.pair, "carillon-test")).unwrap();
    assert!(matches!(next(&mut other_incoming).await, Incoming::Connected { .. }));
    assert_eq!(rig.next().await, Incoming::Lost { epoch: 1, why: Lost::Replaced });
    assert_eq!(timeout(PATIENCE, rig.incoming.recv()).await, Ok(None));
    assert_eq!(rig.client.originate(&call("1555300000")).await, Outcome::NotSent(NotSent::Ended));
    assert_eq!(other.channels().await, Outcome::Done(Vec::new()));
    other.shutdown();
    assert_eq!(timeout(PATIENCE, other_incoming.recv()).await, Ok(None));
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered_in_one_way_each() {
    let rig = rig().await;
    let asked: Vec<_> = (0..400)
        .map(|_| {
            let client = rig.client.clone();
            tokio::spawn(async move { client.channels().await })
        })
        .collect();
    for request in asked {
        assert_eq!(request.await.unwrap(), Outcome::Done(Vec::new()));
    }
}
