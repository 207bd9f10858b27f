//! The client against a private real Asterisk and the carrier simulator behind it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use ari::{
    Client, DialStatus, EventKind, HangUpReason, Incoming, Lost, NotSent, Originate, Outcome, Patience, Secret,
    Settings, Unknown, connect,
};
use testkit::Pair;
use tokio::time::timeout;

#[path = "../../asterisk/tests/rig/mod.rs"]
mod rig;

use rig::{PATIENCE, Rig, call, freeze, next, next_lost, percent_decoded};

fn settings(pair: &Pair, application: &str) -> Settings {
    let login = pair.pbx.ari();
    Settings::new(login.host, login.port, login.user, Secret::new(login.password), application)
}

async fn rig() -> Rig {
    rig_on(Pair::start().unwrap()).await
}

async fn rig_on(pair: Pair) -> Rig {
    let (client, incoming) = connect(settings(&pair, "carillon-test")).unwrap();
    Rig::new(pair, client, incoming).await
}

#[tokio::test]
async fn what_the_carrier_does_is_told_by_progress_and_causes() {
    use DialStatus::{Answer, Begun, Busy, NoAnswer, Progress, Ringing};
    let mut rig = rig().await;
    // A person answers after 1 s; we hang up.
    let answered = rig.story(&call("1555100100"), Some(Answer)).await;
    assert_eq!(answered, (vec![Begun, Ringing, Answer], 16, None));
    // Rings for ever; we give up. The end of dialling is told as no answer.
    let (statuses, cause, tech_cause) = rig.story(&call("1555300000"), Some(Ringing)).await;
    assert_eq!((&statuses[..2], cause, tech_cause), (&[Begun, Ringing][..], 16, None));
    assert_eq!(rig.story(&call("1555310100"), None).await, (vec![Begun, Ringing, NoAnswer], 19, Some(480)));
    assert_eq!(rig.story(&call("1555400000"), None).await, (vec![Begun, Busy], 17, Some(486)));
    assert_eq!(rig.story(&call("1555430000"), None).await, (vec![Begun, NoAnswer], 1, Some(404)));
    assert_eq!(rig.story(&call("1555440000"), None).await, (vec![Begun, Progress, NoAnswer], 1, Some(404)));
    assert_eq!(rig.story(&call("1555480000"), None).await, (vec![Begun, NoAnswer], 21, Some(603)));
    // Answered, then the far end drops without a reason.
    let (statuses, cause, tech_cause) = rig.story(&call("1555510100"), None).await;
    assert_eq!((statuses.last(), cause, tech_cause), (Some(&Answer), 0, None));
    assert_eq!(rig.client.channels().await, Outcome::Done(Vec::new()));
}

#[tokio::test]
async fn our_ring_limit_at_the_pbx_ends_without_an_end_of_dialling() {
    let mut rig = rig().await;
    let call = Originate { ring_ms_max: 2_000, ..call("1555300000") };
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
    let nowhere = Originate { device: "PJSIP/1555100000@nowhere".into(), ..call("nowhere") };
    assert!(matches!(rig.client.originate(&nowhere).await, Outcome::Refused { status: Some(500), .. }));

    let first = call("1555300000");
    rig.client.originate(&first).await.done().unwrap();
    let Outcome::Refused { status: Some(409), message } = rig.client.originate(&first).await else { panic!() };
    assert!(message.contains("already exists"), "{message}");
    let ids: Vec<_> = rig.client.channels().await.done().unwrap().into_iter().map(|channel| channel.id).collect();
    assert_eq!(ids, [first.channel_id.as_str()]);

    assert_eq!(rig.client.channel("c-gone").await, Outcome::Done(None));
    assert!(matches!(
        rig.client.hang_up("c-gone", HangUpReason::Normal).await,
        Outcome::Refused { status: Some(404), .. }
    ));
    assert_eq!(rig.client.variable(&first.channel_id, "ABSENT").await, Outcome::Done(None));

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
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((name.as_str(), header("NAME")), ("ATTRIBUTES", "Ann"));
    assert_eq!(percent_decoded(header("NOTE")), odd);

    let held = Originate { extension: "hold".into(), channel_id: "c-held".into(), ..call };
    rig.client.originate(&held).await.done().unwrap();
    assert_eq!(rig.client.variable("c-held", "NOTE").await, Outcome::Done(Some(odd.to_owned())));
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

#[tokio::test]
async fn what_asterisk_would_choke_on_is_not_sent_and_the_link_lives_on() {
    let rig = rig().await;
    let with = |name: &str, value: String| Originate { variables: [(name.into(), value)].into(), ..call("1555300000") };
    let large = rig.client.originate(&with("V", "x".repeat(1_000_000))).await;
    assert!(matches!(large, Outcome::NotSent(NotSent::TooLarge { bytes, .. }) if bytes > 1_000_000), "{large:?}");
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
    let Lost::Refused(text) = &why else { panic!("{why:?}") };
    assert_eq!(epoch, 0);
    assert!(text.contains(&address) && text.contains("ari.conf") && !text.contains("not-the-one"), "{text}");
    assert_eq!(client.originate(&call("1555300000")).await, Outcome::NotSent(NotSent::NotConnected));

    // The manager interface's port: something listens, and speaks no HTTP.
    let ami = Settings {
        port: pair.ports.pbx_ami,
        patience: Patience { connect_deadline: Duration::from_secs(1), ..Patience::default() },
        ..settings(&pair, "x")
    };
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
    assert_eq!(rig.story(&call("1555400000"), None).await.1, 17);
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
    let hasty = Settings {
        patience: Patience { request_deadline: Duration::from_millis(300), ..Patience::default() },
        ..settings(&pair, "carillon-test")
    };
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
    other.link().shutdown();
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
