//! The requesting end of a link.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::Error;
use crate::action::{Action, NotSent, Unknown};
use crate::codec::Message;
use crate::event::Channel;
use crate::link::{INCOMING_MAX, Incoming, Link};
use crate::originate::Originate;
use crate::settings::Settings;

/// Actions that may wait to be written, originates and others apart: five seconds of the default pace.
pub const QUEUED_ACTIONS_MAX: usize = 512;

/// Starts the link's task on the current tokio runtime.
///
/// It connects, reconnects for ever, and ends when it is shut down, or when every [`Client`] or the receiver is dropped.
/// The receiver must be read: see [`INCOMING_MAX`].
pub fn connect(settings: Settings) -> Result<(Client, mpsc::Receiver<Incoming>), Error> {
    settings.check()?;
    let ((urgent, originates), commands) = Commands::pair();
    let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
    let (stop, stopped) = watch::channel(false);
    let unreadable = Arc::new(AtomicU64::new(0));
    let client = Client {
        urgent,
        originates,
        stop: Arc::new(stop),
        unreadable: Arc::clone(&unreadable),
        request_deadline: settings.request_deadline,
        only_epoch: None,
        send_before: None,
    };
    tokio::spawn(Link::new(settings, commands, incoming, stopped, unreadable).run());
    Ok((client, incoming_queue))
}

/// Sends actions over a link. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    urgent: mpsc::Sender<Command>,
    originates: mpsc::Sender<Command>,
    stop: Arc<watch::Sender<bool>>,
    unreadable: Arc<AtomicU64>,
    request_deadline: Duration,
    only_epoch: Option<u64>,
    send_before: Option<Instant>,
}

/// The one end of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome<T> {
    /// Carried out; what came back.
    Done(T),
    /// Asterisk said no: nothing happened.
    Refused {
        /// Asterisk's words.
        message: String,
    },
    /// It left and may have been carried out. Look what exists; never repeat it.
    Unknown(Unknown),
    /// It never left: nothing happened, and it may be made again.
    NotSent(NotSent),
}

impl<T> Outcome<T> {
    /// Changes the value of a `Done`.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(change(value)),
            Self::Refused { message } => Outcome::Refused { message },
            Self::Unknown(why) => Outcome::Unknown(why),
            Self::NotSent(why) => Outcome::NotSent(why),
        }
    }

    /// The value of a `Done`.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }
}

/// What came back for an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The answer itself.
    pub response: Message,
    /// Items of a list, in order; for any other action empty. The message that ends the list is not among them.
    pub items: Vec<Message>,
}

/// Why we hang up, told to the far end. An unanswered PJSIP channel gets a CANCEL whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangUpReason {
    /// 16: the conversation is over.
    Normal,
    /// 19: it rang for too long.
    NoAnswer,
}

impl Client {
    /// Any action that is answered by one message.
    pub async fn action(&self, action: &Action) -> Outcome<Message> {
        self.send(action.clone(), Answered::Once).await.map(|reply| reply.response)
    }

    /// Any action that is answered by a list.
    pub async fn list(&self, action: &Action) -> Outcome<Reply> {
        self.send(action.clone(), Answered::List).await
    }

    /// Calls a channel; answers as soon as the channel exists, which is not answered by then.
    ///
    /// Asterisk says only that it took the request. Done is said when the channel is told of, refused when the end of
    /// dialling is and no channel was. For an id that exists already this is refused, too: ask [`Client::channel`].
    /// Queued by the call itself, not when the answer is first waited for: originates leave in the order of their calls.
    pub fn originate(&self, originate: &Originate) -> impl Future<Output = Outcome<()>> + Send + use<> {
        let answered = Answered::Channel(originate.channel_id.clone());
        let queued = originate.action().map(|action| self.send(action, answered));
        async move {
            match queued {
                Ok(answer) => answer.await.map(drop),
                Err(why) => Outcome::NotSent(why),
            }
        }
    }

    /// Hangs up a channel, by its id: `Refused` when it is gone already.
    pub async fn hang_up(&self, channel_id: &str, reason: HangUpReason) -> Outcome<()> {
        let cause = match reason {
            HangUpReason::Normal => "16",
            HangUpReason::NoAnswer => "19",
        };
        // Asterisk finds a channel by its name or by its unique id.
        let action = Action::new("Hangup").with("Channel", channel_id).with("Cause", cause);
        self.send(action, Answered::Once).await.map(drop)
    }

    /// One channel by its id, `None` when there is none.
    pub async fn channel(&self, channel_id: &str) -> Outcome<Option<Channel>> {
        let action = Action::new("Status").with("Channel", channel_id);
        match self.send(action, Answered::List).await {
            Outcome::Refused { message } if message.eq_ignore_ascii_case("no such channel") => Outcome::Done(None),
            other => other.map(|reply| {
                let mut channels = reply.items.iter().filter_map(|item| Channel::of(item, ""));
                channels.find(|channel| channel.id == channel_id)
            }),
        }
    }

    /// All channels of the PBX, not only ours. 3 000 of them take about 0.1 s.
    pub async fn channels(&self) -> Outcome<Vec<Channel>> {
        let listed = self.list(&Action::new("CoreShowChannels")).await;
        listed.map(|reply| reply.items.iter().filter_map(|item| Channel::of(item, "")).collect())
    }

    /// Names of the actions that the user may use.
    pub async fn actions(&self) -> Outcome<Vec<String>> {
        let names = |message: Message| message.headers().map(|(name, _)| name.to_owned()).collect();
        self.action(&Action::new("ListCommands")).await.map(names)
    }

    /// The same client, whose actions are written on connection `epoch` only and are not sent on a later one: for a
    /// decision made from what was known on that connection.
    pub fn in_epoch(&self, epoch: u64) -> Self {
        Self { only_epoch: Some(epoch), ..self.clone() }
    }

    /// A client whose actions do not leave after an instant: they end as [`NotSent::Deadline`]. Looked at when an action
    /// is written, so that it holds for a process that was frozen meanwhile, too.
    #[must_use]
    pub fn sending_before(&self, send_before: Option<Instant>) -> Self {
        Self { send_before, ..self.clone() }
    }

    /// Messages from the PBX that were too long to be read, since the link was started.
    pub fn unreadable_messages(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Ends the link, for all clones. Actions in flight end as unknown.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Whether the link has ended for good.
    pub fn has_ended(&self) -> bool {
        self.urgent.is_closed()
    }

    /// Queues at once; the future only waits.
    fn send(&self, action: Action, answered: Answered) -> impl Future<Output = Outcome<Reply>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + self.request_deadline;
        let send_before = self.send_before.map_or(deadline, |before| before.min(deadline));
        let lane = match answered {
            Answered::Channel(_) => &self.originates,
            Answered::Once | Answered::List => &self.urgent,
        };
        let only_epoch = self.only_epoch;
        let queued = lane.try_send(Command { action, answered, only_epoch, send_before, deadline, reply });
        async move {
            match queued {
                // The link's task answers at the deadline; it drops the reply only when it ends.
                Ok(()) => answer.await.unwrap_or(Outcome::Unknown(Unknown::ConnectionLost)),
                Err(TrySendError::Full(_)) => Outcome::NotSent(NotSent::QueueFull),
                Err(TrySendError::Closed(_)) => Outcome::NotSent(NotSent::Ended),
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("only_epoch", &self.only_epoch).finish_non_exhaustive()
    }
}

/// What ends an action.
#[derive(Debug)]
pub(crate) enum Answered {
    /// Its answer.
    Once,
    /// The message that ends the list.
    List,
    /// News of the channel with this id, or of the end of an originate that made none.
    Channel(String),
}

/// An action on its way to the link's task.
pub(crate) struct Command {
    pub(crate) action: Action,
    pub(crate) answered: Answered,
    pub(crate) only_epoch: Option<u64>,
    /// Not written after this.
    pub(crate) send_before: Instant,
    /// Not waited for after this.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Outcome<Reply>>,
}

impl Command {
    pub(crate) fn refuse(self, why: NotSent) {
        let _gone = self.reply.send(Outcome::NotSent(why));
    }
}

/// What waits to be written. Hang-ups and questions pass the originates: with a pace to keep they would wait behind them.
pub(crate) struct Commands {
    urgent: mpsc::Receiver<Command>,
    originates: mpsc::Receiver<Command>,
}

impl Commands {
    /// Both lanes, and their senders: urgent ones and originates.
    pub(crate) fn pair() -> ((mpsc::Sender<Command>, mpsc::Sender<Command>), Self) {
        let (urgent, urgent_queue) = mpsc::channel(QUEUED_ACTIONS_MAX);
        let (originates, originate_queue) = mpsc::channel(QUEUED_ACTIONS_MAX);
        ((urgent, originates), Self { urgent: urgent_queue, originates: originate_queue })
    }

    /// `None` when all clients are gone.
    pub(crate) async fn recv(&mut self) -> Option<Command> {
        tokio::select! {
            biased;
            command = self.urgent.recv() => command,
            command = self.originates.recv() => command,
        }
    }

    pub(crate) fn try_recv(&mut self) -> Option<Command> {
        self.urgent.try_recv().or_else(|_| self.originates.try_recv()).ok()
    }

    pub(crate) fn close(&mut self) {
        self.urgent.close();
        self.originates.close();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn call(channel_id: &str) -> Originate {
        Originate {
            channel_id: channel_id.into(),
            channel: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            ring_ms_max: 30_000,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
        }
    }

    #[test]
    fn originates_keep_the_order_of_their_calls_and_a_hang_up_passes_them() {
        let ((urgent, originates), mut queue) = Commands::pair();
        let client = Client {
            urgent,
            originates,
            stop: Arc::new(watch::channel(false).0),
            unreadable: Arc::default(),
            request_deadline: Duration::from_secs(5),
            only_epoch: None,
            send_before: None,
        };
        let soon = Instant::now() + Duration::from_secs(1);
        let _waiting = [client.originate(&call("c-1")), client.sending_before(Some(soon)).originate(&call("c-10"))];
        let _waiting = client.send(Action::new("Hangup"), Answered::Once);
        let mut next = || queue.try_recv().unwrap();
        assert!(matches!(next().answered, Answered::Once));
        assert!(matches!(next().answered, Answered::Channel(id) if id == "c-1"));
        let second = next();
        assert!(matches!(second.answered, Answered::Channel(id) if id == "c-10"));
        assert_eq!(second.send_before, soon);
        assert!(second.deadline > soon, "what was written in time is waited for as long as ever");
    }
}
