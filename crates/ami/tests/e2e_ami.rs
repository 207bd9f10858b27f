//! The client against a private real Asterisk and the carrier simulator behind it, as the manager user that a dialler needs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ami::{
    Action, ChannelState, Client, DialStatus, EventKind, HangUpReason, Incoming, LINE_BYTES_MAX, Lost, NotSent,
    Originate, Outcome, Patience, Secret, Settings, Unknown, connect,
};
use testkit::{Login, Pair};
use tokio::time::timeout;

#[path = "../../asterisk/tests/rig/mod.rs"]
mod rig;

use rig::{PATIENCE, Rig, call, freeze, next_lost, percent_decoded};

fn settings(login: Login) -> Settings {
    Settings::new(login.host, login.port, login.user, Secret::new(login.password))
}

async fn rig() -> Rig {
    let pair = Pair::start().unwrap();
    let (client, incoming) = connect(settings(pair.pbx.manager())).unwrap();
    Rig::new(pair, client, incoming).await
}

#[tokio::test]
async fn what_the_carrier_does_is_told_by_progress_and_causes() {
    use DialStatus::{Answer, Begun, Busy, NoAnswer, Progress, Ringing};
    let mut rig = rig().await;
    // A person answers after 1 s; we hang up.
    let answered = rig.story(&call("1555100100"), Some(Answer)).await;
    assert_eq!(answered, (vec![Begun, Ringing, Answer], 16, None));
    // Rings for ever; we give up.
    let (statuses, cause, _) = rig.story(&call("1555300000"), Some(Ringing)).await;
    assert_eq!((&statuses[..2], cause), (&[Begun, Ringing][..], 16));
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
async fn a_local_channel_is_told_by_its_first_half() {
    let mut rig = rig().await;
    let local = |number: &str| Originate { device: format!("Local/{number}@carillon-local/n"), ..call(number) };
    let answered = rig.story(&local("1555100100"), Some(DialStatus::Answer)).await;
    assert_eq!(answered.0.last(), Some(&DialStatus::Answer));
    assert_eq!(answered.1, 16);
    let (_, cause, tech_cause) = rig.story(&local("1555400000"), None).await;
    assert_eq!((cause, tech_cause), (17, None), "the SIP code is on the inner channel only");
}

#[tokio::test]
async fn refusals_carry_words_and_make_no_call() {
    let mut rig = rig().await;
    let nowhere = Originate { device: "PJSIP/1555100000@nowhere".into(), ..call("nowhere") };
    assert!(matches!(rig.client.originate(&nowhere).await, Outcome::Refused { .. }));
    let astray = Originate { extension: "not-there".into(), ..call("1555100000") };
    let Outcome::Refused { message, .. } = rig.client.originate(&astray).await else { panic!() };
    assert!(message.contains("xtension"), "{message}");

    let first = call("1555300000");
    assert_eq!(rig.client.originate(&first).await, Outcome::Done(()));
    assert!(matches!(rig.client.originate(&first).await, Outcome::Refused { .. }));
    let listed = rig.client.channels().await.done().unwrap();
    let ids: Vec<_> = listed.iter().map(|channel| channel.id.as_str()).collect();
    assert_eq!(ids, [first.channel_id.as_str()]);
    assert_eq!(rig.client.channel(&first.channel_id).await.done().flatten().unwrap().id, first.channel_id);
    assert_eq!(rig.client.channel("c-gone").await, Outcome::Done(None));
    assert!(matches!(rig.client.hang_up("c-gone", HangUpReason::Normal).await, Outcome::Refused { .. }));
    let denied = rig.client.action(&Action::new("Command").with("Command", "core show version")).await;
    let Outcome::Refused { message, .. } = denied else { panic!("{denied:?}") };
    assert!(message.contains("ermission"), "{message}");
    let actions = rig.client.actions().await.done().unwrap();
    assert!(actions.iter().any(|name| name == "Originate") && !actions.iter().any(|name| name == "Command"));

    assert_eq!(rig.client.hang_up(&first.channel_id, HangUpReason::NoAnswer).await, Outcome::Done(()));
    rig.until(&first.channel_id, |kind| matches!(kind, EventKind::Destroyed { .. })).await;
    // After a duplicate id, Asterisk 22.10 works on but no longer ends on `core stop now` or TERM.
    rig.pair.pbx.kill9();
}

#[tokio::test]
async fn variables_arrive_in_the_dialplan_as_given() {
    let mut rig = rig().await;
    let odd = "a,b \"q\" 'r' ${EXTEN} $[1+1] ${SHELL(id)} ;x\\n\\ y & = | ü ";
    let many = (0..100).map(|number| (format!("V{number}"), format!("value, {number}")));
    let variables = [("NAME".to_owned(), "Ann".to_owned()), ("NOTE".to_owned(), odd.to_owned())];
    let variables: BTreeMap<_, _> = variables.into_iter().chain(many).collect();
    let call = Originate { variables, extension: "attributes".into(), ..call("1555100100") };
    assert_eq!(rig.client.originate(&call).await, Outcome::Done(()));
    let event = rig.until(&call.channel_id, |kind| matches!(kind, EventKind::UserEvent { .. })).await;
    assert!(event.at.is_some_and(|at| at.starts_with(|first: char| first.is_ascii_digit())));
    let EventKind::UserEvent { name, headers } = event.kind else { unreachable!() };
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((name.as_str(), header("NAME")), ("ATTRIBUTES", "Ann"));
    assert_eq!(percent_decoded(header("NOTE")), odd);
    assert_eq!(header("Uniqueid"), call.channel_id, "the dialplan's own, not Asterisk's");

    // Brackets that do not close: a UserEvent would run on over them, the variable does not.
    let open = "((( [[ \" \\".to_owned();
    let variables = [("NOTE".to_owned(), open.clone()), ("OTHER".to_owned(), "1".to_owned())].into();
    let held = Originate { variables, extension: "hold".into(), channel_id: "c-held".into(), ..call };
    assert_eq!(rig.client.originate(&held).await, Outcome::Done(()));
    let asked = Action::new("Getvar").with("Channel", "c-held").with("Variable", "NOTE");
    let answer = rig.client.action(&asked).await.done().unwrap();
    assert_eq!(answer.get("Value"), Some(open.as_str()));
}

#[tokio::test]
async fn the_longest_action_that_is_sent_is_taken_and_the_link_lives_on() {
    let rig = rig().await;
    let with = |bytes: usize| Originate {
        variables: [("V".to_owned(), "x".repeat(bytes - "Variable: V=".len()))].into(),
        ..call("1555300000")
    };
    assert_eq!(rig.client.originate(&with(LINE_BYTES_MAX)).await, Outcome::Done(()));
    let long = rig.client.originate(&with(LINE_BYTES_MAX + 1)).await;
    assert!(matches!(long, Outcome::NotSent(NotSent::Invalid(_))), "{long:?}");
    for call in [Originate { caller_id: Some("1\r\nAction: Logoff".into()), ..call("1") }, call("15553\n00000")] {
        assert!(matches!(rig.client.originate(&call).await, Outcome::NotSent(NotSent::Invalid(_))));
    }
    assert_eq!(rig.client.channels().await.done().unwrap().len(), 1);
}

#[tokio::test]
async fn no_unit_of_time_sees_more_messages_than_it_may() {
    let rig = rig().await;
    let began = Instant::now();
    let asked: Vec<_> = (0..40)
        .map(|_| {
            let client = rig.client.clone();
            tokio::spawn(async move { client.action(&Action::new("Ping")).await.done().map(|_| ()) })
        })
        .collect();
    for ping in asked {
        assert_eq!(ping.await.unwrap(), Some(()));
    }
    // 40 at five per 50 ms: the last five leave 350 ms after the first.
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_the_place_to_look() {
    let pair = Pair::start().unwrap();
    let address = settings(pair.pbx.manager()).address();
    let wrong = Settings { password: Secret::new("not-the-one"), ..settings(pair.pbx.manager()) };
    let (client, mut incoming) = connect(wrong).unwrap();
    let (epoch, why) = next_lost(&mut incoming).await;
    let Lost::Refused(text) = &why else { panic!("{why:?}") };
    assert_eq!(epoch, 0);
    assert!(text.contains(&address) && text.contains("manager.conf") && !text.contains("not-the-one"), "{text}");
    assert_eq!(client.originate(&call("1555300000")).await, Outcome::NotSent(NotSent::NotConnected));

    // The HTTP port: something listens, and speaks no manager's language.
    let http = Settings {
        port: pair.ports.ari,
        patience: Patience { connect_deadline: Duration::from_secs(1), ..Patience::default() },
        ..settings(pair.pbx.manager())
    };
    let (_client, mut incoming) = connect(http).unwrap();
    let (_, why) = next_lost(&mut incoming).await;
    assert!(matches!(&why, Lost::Unreachable(text) if text.contains(&pair.ports.ari.to_string())), "{why:?}");
}

#[tokio::test]
async fn nobody_there_is_told_once_and_healed_when_it_starts() {
    let mut rig = rig().await;
    rig.pair.pbx.kill9();
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    assert!(epoch == 1 && matches!(why, Lost::Closed(_)), "{epoch} {why:?}");
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    let Lost::Unreachable(text) = &why else { panic!("{why:?}") };
    let port = rig.pair.ports.pbx_ami.to_string();
    assert!(epoch == 1 && text.contains(&port) && text.contains("manager.conf"), "{text}");
    assert_eq!(rig.client.channels().await, Outcome::NotSent(NotSent::NotConnected));

    rig.pair.pbx.boot().unwrap();
    let healed_by = Instant::now() + Duration::from_secs(10);
    loop {
        match rig.next().await {
            Incoming::Connected { epoch, .. } => {
                assert_eq!(epoch, 2);
                break;
            }
            Incoming::Lost { .. } => assert!(Instant::now() < healed_by),
            other => panic!("{other:?}"),
        }
    }
    // Decided on the connection that is gone: not sent on this one.
    let late = rig.client.in_epoch(1).originate(&call("1555300000")).await;
    assert_eq!(late, Outcome::NotSent(NotSent::OtherConnection));
    assert_eq!(rig.client.in_epoch(2).channels().await, Outcome::Done(Vec::new()));
    assert_eq!(rig.story(&call("1555400000"), None).await.1, 17);
    rig.client.link().shutdown();
    assert_eq!(timeout(PATIENCE, rig.incoming.recv()).await, Ok(None));
    assert_eq!(rig.client.originate(&call("1")).await, Outcome::NotSent(NotSent::Ended));
}

#[tokio::test]
async fn a_frozen_pbx_is_lost_within_five_seconds_and_its_originates_are_unknown() {
    let mut rig = rig().await;
    let frozen_at = Instant::now();
    freeze(&mut rig.pair).await;
    let asked = rig.client.clone();
    let originate = tokio::spawn(async move { asked.originate(&call("1555300000")).await });
    let (epoch, why) = next_lost(&mut rig.incoming).await;
    assert_eq!((epoch, why), (1, Lost::Stale));
    assert!(frozen_at.elapsed() < Duration::from_secs(5), "{:?}", frozen_at.elapsed());
    assert_eq!(originate.await.unwrap(), Outcome::Unknown(Unknown::ConnectionLost));

    // It wakes up and carries the action out after all: unknown was the truth.
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
    carried_out.await.expect("the action that was written is carried out");
    let found = rig.client.channel("c-1555300000").await.done().flatten().unwrap();
    assert_ne!(found.state, ChannelState::Up);
}
