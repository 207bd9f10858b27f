//! The queues of one PBX, observed over its manager interface: read whole at the beginning of each connection, then kept
//! up by events, and compared with the PBX now and then.

use crate::channels::leg_of;
use crate::configuration::Password;
use crate::inputs::Input;
use asterisk::{EventKind, INCOMING_MAX, Incoming, Outcome, QueueEvent, Secret};
use dialer::{Caller, DeviceState, Member, News, QueueSnapshot};
use domain::pacing::HARBOUR;
use domain::{Manager, PbxId};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// How often the queues are compared with what is believed of them.
const AUDIT_EVERY: Duration = Duration::from_secs(30);
/// What differs is looked at a second time after this: it may be on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Pause before the queues are asked for again when the PBX did not answer, or was in doubt.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Events that may wait for the observer: as many as for the link.
pub(super) const EVENTS_MAX: usize = INCOMING_MAX;

/// Why there is nothing while no end point observes a queue there.
pub const NOT_WANTED: &str = "no end point observes a queue there";

/// What an observer says.
#[derive(Debug)]
pub enum Observed {
    /// For the dialler.
    Told(News),
    /// Whether the dialplan has the safe harbour.
    Harbour(bool),
    /// The queues as the PBX lists them, to be compared; answered with whether something may have been missed.
    Audited(Vec<QueueSnapshot>, oneshot::Sender<bool>),
}

/// By which we know what is ours in a queue.
#[derive(Debug, Clone)]
pub struct Marks {
    /// Begins the ids of our channels.
    pub channel_prefix: String,
    /// The reason of pauses of ours.
    pub pause_reason: String,
}

/// Observes the queues of one PBX until its events end.
pub struct Observer {
    /// Which PBX.
    pub pbx: PbxId,
    /// Which observer of it: an earlier one may still have something to say.
    pub number: u64,
    /// Questions to the PBX.
    pub client: ami::Client,
    /// What the PBX tells: connections and events of queues; others are passed over.
    pub incoming: mpsc::Receiver<Incoming>,
    /// Where it goes.
    pub shell: mpsc::Sender<Input>,
    /// How our channels begin, and pauses of ours are called.
    pub marks: Marks,
    /// Whether any end point observes a queue there.
    pub wanted: watch::Receiver<bool>,
}

/// What is done next, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Read everything.
    Read(Instant),
    /// Compare.
    Audit(Instant),
    /// Wait for a connection, or until somebody wants to know.
    Nothing,
}

/// Begins to connect to the manager interface of a PBX that is driven over ARI.
pub fn connect(manager: &Manager, password: &Password) -> Result<(ami::Client, mpsc::Receiver<Incoming>), String> {
    let Manager { host, port, username } = manager.clone();
    let settings = ami::Settings::new(host, port, username, Secret::new(password.0.as_str()));
    ami::connect(settings).map_err(|error| error.to_string())
}

impl Observer {
    /// Runs until the events or the shell end.
    pub async fn run(mut self) {
        let mut epoch = None;
        let mut next = Next::Nothing;
        loop {
            let due = match next {
                Next::Read(at) | Next::Audit(at) => Some(at),
                Next::Nothing => None,
            };
            let done = tokio::select! {
                incoming = self.incoming.recv() => {
                    let Some(incoming) = incoming else { return };
                    self.heard(incoming, &mut epoch, &mut next).await
                }
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.wanted_changed(epoch, &mut next).await
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => match next {
                    Next::Read(_) => self.read(&mut epoch, &mut next).await,
                    Next::Audit(_) => self.audit(&mut epoch, &mut next).await,
                    Next::Nothing => Some(()),
                },
            };
            if done.is_none() || self.shell.is_closed() {
                return;
            }
        }
    }

    async fn heard(&mut self, incoming: Incoming, epoch: &mut Option<u64>, next: &mut Next) -> Option<()> {
        match incoming {
            Incoming::Connected { epoch: now, .. } => {
                *epoch = Some(now);
                self.wanted_changed(*epoch, next).await
            }
            Incoming::Doubted { why, .. } => {
                if *next != Next::Nothing {
                    *next = Next::Read(Instant::now() + ASK_AGAIN);
                    self.lost(why.to_string()).await?;
                }
                Some(())
            }
            Incoming::Lost { why, .. } => {
                (*epoch, *next) = (None, Next::Nothing);
                self.lost(why.to_string()).await
            }
            Incoming::Event(event) => match (event.kind, &next) {
                (EventKind::Queue(event), Next::Audit(_)) => self.tell(Observed::Told(news(&self.marks, event))).await,
                _ => Some(()),
            },
        }
    }

    async fn wanted_changed(&mut self, epoch: Option<u64>, next: &mut Next) -> Option<()> {
        let wanted = *self.wanted.borrow_and_update();
        match (epoch, wanted) {
            (Some(_), true) if *next == Next::Nothing => *next = Next::Read(Instant::now()),
            (Some(_), true) | (None, _) => {}
            (Some(_), false) => {
                *next = Next::Nothing;
                self.lost(NOT_WANTED.to_owned()).await?;
            }
        }
        Some(())
    }

    /// What is told while the list is on its way goes behind it: it is as old or younger, and the last word of each thing
    /// is true.
    async fn read(&mut self, epoch: &mut Option<u64>, next: &mut Next) -> Option<()> {
        let Some(now) = *epoch else { return Some(()) };
        let client = self.client.in_epoch(now);
        let mut listed = std::pin::pin!(client.queues());
        let mut held: VecDeque<QueueEvent> = VecDeque::new();
        let queues = loop {
            tokio::select! {
                biased;
                incoming = self.incoming.recv() => match incoming? {
                    Incoming::Event(event) => {
                        if let EventKind::Queue(event) = event.kind {
                            held.push_back(event);
                        }
                        if held.len() > EVENTS_MAX {
                            break None;
                        }
                    }
                    other => {
                        let mut after = Next::Read(Instant::now() + ASK_AGAIN);
                        self.heard(other, epoch, &mut after).await?;
                        *next = after;
                        return Some(());
                    }
                },
                listed = &mut listed => break listed.done(),
            }
        };
        let Some(queues) = queues else {
            *next = Next::Read(Instant::now() + ASK_AGAIN);
            return Some(());
        };
        let all = queues.into_iter().map(|queue| snapshot(&self.marks, queue)).collect();
        self.harbour(now).await?;
        self.tell(Observed::Told(News::Observed(all))).await?;
        for event in held {
            self.tell(Observed::Told(news(&self.marks, event))).await?;
        }
        *next = Next::Audit(Instant::now() + AUDIT_EVERY);
        Some(())
    }

    /// What is told meanwhile is passed on at once: the list may be older, and is believed only the second time.
    async fn audit(&mut self, epoch: &mut Option<u64>, next: &mut Next) -> Option<()> {
        let Some(now) = *epoch else { return Some(()) };
        let client = self.client.in_epoch(now);
        let mut listed = std::pin::pin!(client.queues());
        *next = Next::Audit(Instant::now() + AUDIT_EVERY);
        let before = *next;
        let listed = loop {
            tokio::select! {
                biased;
                incoming = self.incoming.recv() => {
                    self.heard(incoming?, epoch, next).await?;
                    if *next != before {
                        return Some(());
                    }
                }
                listed = &mut listed => break listed,
            }
        };
        let Outcome::Done(queues) = listed else { return Some(()) };
        let all = queues.into_iter().map(|queue| snapshot(&self.marks, queue)).collect();
        self.harbour(now).await?;
        let (suspected, answer) = oneshot::channel();
        self.tell(Observed::Audited(all, suspected)).await?;
        if answer.await.unwrap_or(false) {
            *next = Next::Audit(Instant::now() + LOOK_AGAIN);
        }
        Some(())
    }

    /// Looks whether people who find no agent hear a message; a PBX that does not say has none.
    async fn harbour(&self, epoch: u64) -> Option<()> {
        let (context, extension) = HARBOUR;
        let there = self.client.in_epoch(epoch).has_extension(context, extension).await.done();
        self.tell(Observed::Harbour(there == Some(true))).await
    }

    async fn lost(&self, why: String) -> Option<()> {
        self.tell(Observed::Told(News::Lost { why })).await
    }

    async fn tell(&self, what: Observed) -> Option<()> {
        self.shell.send(Input::Queues(self.pbx, self.number, what)).await.ok()
    }
}

/// Whether an observer is told of it.
pub(super) fn is_for_observers(incoming: &Incoming) -> bool {
    match incoming {
        Incoming::Connected { .. } | Incoming::Doubted { .. } | Incoming::Lost { .. } => true,
        Incoming::Event(event) => matches!(event.kind, EventKind::Queue(_)),
    }
}

fn member(marks: &Marks, member: asterisk::QueueMember) -> Member {
    let device = DeviceState::of(member.status);
    Member {
        // An Asterisk that does not say shows it by the telephone, where that is known.
        in_call: member.in_call.unwrap_or(false),
        interface: member.interface,
        name: member.name,
        paused: member.paused,
        paused_by_us: member.paused && member.paused_reason == marks.pause_reason,
        paused_reason: member.paused_reason,
        device,
        wrap_up_s: member.wrap_up_s,
    }
}

fn caller(marks: &Marks, channel: String) -> Caller {
    Caller { leg: leg_of(&marks.channel_prefix, &channel), channel }
}

fn snapshot(marks: &Marks, queue: asterisk::Queue) -> QueueSnapshot {
    let asterisk::Queue { name, members, callers } = queue;
    let callers = callers.into_iter().map(|channel| caller(marks, channel)).collect();
    QueueSnapshot { name, members: members.into_iter().map(|one| member(marks, one)).collect(), callers }
}

fn news(marks: &Marks, event: QueueEvent) -> News {
    match event {
        QueueEvent::Member { queue, member: now } => News::MemberIs { queue, member: member(marks, now) },
        QueueEvent::MemberRemoved { queue, interface } => News::MemberGone { queue, interface },
        QueueEvent::CallerJoined { queue, channel_id } => News::CallerCame { queue, caller: caller(marks, channel_id) },
        QueueEvent::CallerAbandoned { queue, channel_id } => {
            News::CallerGone { queue, caller: caller(marks, channel_id), gave_up: true }
        }
        QueueEvent::CallerLeft { queue, channel_id } => {
            News::CallerGone { queue, caller: caller(marks, channel_id), gave_up: false }
        }
        QueueEvent::AgentCalled { channel_id, interface } => News::Called { channel: channel_id, interface },
        QueueEvent::AgentConnected { channel_id, interface } => {
            News::Connected { caller: caller(marks, channel_id), interface }
        }
        QueueEvent::AgentReleased { channel_id, interface } => News::Released { channel: channel_id, interface },
    }
}
