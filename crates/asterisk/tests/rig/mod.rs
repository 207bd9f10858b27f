//! A client, a private real Asterisk and the carrier simulator behind it: what the tests of both interfaces stand on.

use std::collections::BTreeMap;
use std::time::Duration;

use asterisk::{DialStatus, Event, EventKind, HangUpReason, Incoming, Lost, Originate, Outcome};
use testkit::Pair;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// Longest wait for anything a test expects. The carrier's longest behaviour here takes 7 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a dialler asks of either client.
pub(crate) trait Calls {
    async fn call(&self, originate: &Originate) -> Outcome<()>;
    async fn hang_up(&self, channel_id: &str) -> Outcome<()>;
}

impl Calls for crate::Client {
    async fn call(&self, originate: &Originate) -> Outcome<()> {
        self.originate(originate).await.map(drop)
    }

    async fn hang_up(&self, channel_id: &str) -> Outcome<()> {
        self.hang_up(channel_id, HangUpReason::Normal).await
    }
}

pub(crate) struct Rig {
    pub(crate) pair: Pair,
    pub(crate) client: crate::Client,
    pub(crate) incoming: Receiver<Incoming>,
}

impl Rig {
    /// Connected for the first time.
    pub(crate) async fn new(pair: Pair, client: crate::Client, incoming: Receiver<Incoming>) -> Self {
        let mut rig = Self { pair, client, incoming };
        match rig.next().await {
            Incoming::Connected { epoch: 1, version, started_at } => {
                assert!(version.starts_with("22."), "{version}");
                assert!(started_at.starts_with("20"), "{started_at}");
            }
            other => panic!("{other:?}"),
        }
        rig
    }

    pub(crate) async fn next(&mut self) -> Incoming {
        next(&mut self.incoming).await
    }

    /// The next event of that channel.
    pub(crate) async fn event(&mut self, id: &str) -> Event {
        loop {
            match self.next().await {
                Incoming::Event(event) if event.channel_id() == Some(id) => return event,
                Incoming::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn until(&mut self, id: &str, wanted: impl Fn(&EventKind) -> bool) -> Event {
        loop {
            let event = self.event(id).await;
            if wanted(&event.kind) {
                return event;
            }
        }
    }

    /// Dials and tells the dial statuses and the end. Hangs up itself after the first `hang_up_at`.
    pub(crate) async fn story(
        &mut self,
        call: &Originate,
        hang_up_at: Option<DialStatus>,
    ) -> (Vec<DialStatus>, u32, Option<u32>) {
        let id = &call.channel_id;
        assert_eq!(self.client.call(call).await, Outcome::Done(()));
        let mut statuses = Vec::new();
        loop {
            match self.event(id).await.kind {
                EventKind::Dial { status } => {
                    statuses.push(status.clone());
                    if hang_up_at.as_ref() == Some(&status) {
                        assert_eq!(Calls::hang_up(&self.client, id).await, Outcome::Done(()));
                    }
                }
                EventKind::Destroyed { cause, tech_cause, .. } => return (statuses, cause, tech_cause),
                _ => {}
            }
        }
    }
}

pub(crate) async fn next(incoming: &mut Receiver<Incoming>) -> Incoming {
    timeout(PATIENCE, incoming.recv()).await.expect("something happens in time").expect("the link goes on")
}

pub(crate) async fn next_lost(incoming: &mut Receiver<Incoming>) -> (u64, Lost) {
    loop {
        if let Incoming::Lost { epoch, why } = next(incoming).await {
            return (epoch, why);
        }
    }
}

/// Freezes the PBX and waits until each of its threads stands still: the signal reaches them one by one.
pub(crate) async fn freeze(pair: &mut Pair) {
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

pub(crate) fn call(number: &str) -> Originate {
    Originate {
        channel_id: format!("c-{number}"),
        device: format!("PJSIP/{number}@carrier"),
        context: "carillon-demo".into(),
        extension: "hold".into(),
        priority: 1,
        caller_id: Some("\"Carillon\" <15550001111>".into()),
        enters_as: None,
        ring_ms_max: 60_000,
        variables: BTreeMap::new(),
        account_code: None,
        user_field: None,
        application: None,
    }
}

/// What the dialplan's `URIENCODE()` made, as it was.
pub(crate) fn percent_decoded(text: &str) -> String {
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
