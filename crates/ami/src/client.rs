//! The requesting end of a link.

use asterisk::{BadSetting, Channel, Handle, HangUpReason, Incoming, Lane, Originate, Outcome, Queue, QueueMember};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::action::Action;
use crate::codec::Message;
use crate::event::channel;
use crate::originate;
use crate::queue;
use crate::session::Manager;
use crate::settings::Settings;

/// Starts the link's task on the current tokio runtime: see [`asterisk::start`].
pub fn connect(settings: Settings) -> Result<(Client, mpsc::Receiver<Incoming>), BadSetting> {
    settings.check()?;
    let request_deadline = settings.patience.request_deadline;
    let (handle, incoming) = asterisk::start(Manager::new(settings), request_deadline);
    Ok((Client { handle }, incoming))
}

/// Sends actions over a link. Hang-ups and questions pass the originates: with a pace to keep they would wait behind them.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    handle: Handle<Ask, Reply>,
}

/// A line for the queue_log, which Asterisk puts the time to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLogLine<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The call.
    pub call: &'a str,
    /// The agent, or `NONE`.
    pub agent: &'a str,
    /// What happened, e.g. `CONNECT`.
    pub event: &'a str,
    /// What belongs to it, divided by `|`.
    pub message: &'a str,
}

/// What came back for an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The answer itself.
    pub response: Message,
    /// Items of a list, in order; for any other action empty. The message that ends the list is not among them.
    pub items: Vec<Message>,
}

/// An action, and what ends it.
#[derive(Debug)]
pub struct Ask {
    pub(crate) action: Action,
    pub(crate) answered: Answered,
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

impl Client {
    /// Any action that is answered by one message.
    pub async fn action(&self, action: &Action) -> Outcome<Message> {
        self.send(action.clone(), Answered::Once).await.map(|reply| reply.response)
    }

    /// Any action that is answered by a list.
    pub async fn list(&self, action: &Action) -> Outcome<Reply> {
        self.send(action.clone(), Answered::List).await
    }

    /// Calls a device; answers as soon as the channel exists, which is not answered by then.
    ///
    /// Asterisk says only that it took the request. Done is said when the channel is told of, refused when the end of
    /// dialling is and no channel was. For an id that exists already this is refused, too: ask [`Client::channel`].
    /// Queued by the call itself, not when the answer is first waited for: originates leave in the order of their calls.
    pub fn originate(&self, originate: &Originate) -> impl Future<Output = Outcome<()>> + Send + use<> {
        let answered = Answered::Channel(originate.channel_id.clone());
        let queued = originate::action(originate).map(|action| self.send(action, answered));
        async move {
            match queued {
                Ok(answer) => answer.await.map(drop),
                Err(why) => Outcome::NotSent(why),
            }
        }
    }

    /// Hangs up a channel, by its id: `Refused` when it is gone already.
    pub async fn hang_up(&self, channel_id: &str, reason: HangUpReason) -> Outcome<()> {
        // Asterisk finds a channel by its name or by its unique id.
        let action = Action::new("Hangup").with("Channel", channel_id).with("Cause", reason.code().to_string());
        self.send(action, Answered::Once).await.map(drop)
    }

    /// One channel by its id, `None` when there is none.
    pub async fn channel(&self, channel_id: &str) -> Outcome<Option<Channel>> {
        let action = Action::new("Status").with("Channel", channel_id);
        match self.send(action, Answered::List).await {
            Outcome::Refused { message, .. } if message.eq_ignore_ascii_case("no such channel") => Outcome::Done(None),
            other => other.map(|reply| {
                let mut channels = reply.items.iter().filter_map(|item| channel(item, ""));
                channels.find(|channel| channel.id == channel_id)
            }),
        }
    }

    /// Whether a channel is connected with another one, by its id; `None` when there is no such channel.
    pub async fn is_bridged(&self, channel_id: &str) -> Outcome<Option<bool>> {
        let action = Action::new("Status").with("Channel", channel_id);
        match self.send(action, Answered::List).await {
            Outcome::Refused { message, .. } if message.eq_ignore_ascii_case("no such channel") => Outcome::Done(None),
            other => other.map(|reply| {
                let it = reply.items.iter().find(|item| item.get("Uniqueid") == Some(channel_id))?;
                Some(it.get("BridgeID").is_some_and(|bridge| !bridge.is_empty()))
            }),
        }
    }

    /// Sends a channel to another place of the dialplan, at priority 1, whatever it does there: `Refused` when it is gone. The
    /// place itself is not looked for. Needs the right `call`.
    pub async fn redirect(&self, channel_id: &str, context: &str, extension: &str) -> Outcome<()> {
        let action = Action::new("Redirect")
            .with("Channel", channel_id)
            .with("Context", context)
            .with("Exten", extension)
            .with("Priority", "1");
        self.send(action, Answered::Once).await.map(drop)
    }

    /// All channels of the PBX, not only ours. 3 000 of them take about 0.1 s.
    pub async fn channels(&self) -> Outcome<Vec<Channel>> {
        let listed = self.list(&Action::new("CoreShowChannels")).await;
        listed.map(|reply| reply.items.iter().filter_map(|item| channel(item, "")).collect())
    }

    /// All queues with their members and callers.
    pub async fn queues(&self) -> Outcome<Vec<Queue>> {
        let listed = self.list(&Action::new("QueueStatus")).await;
        listed.map(|reply| queue::all(&reply.items))
    }

    /// A member of a queue by its telephone, `None` when there is none.
    pub async fn queue_member(&self, queue: &str, interface: &str) -> Outcome<Option<QueueMember>> {
        let action = Action::new("QueueStatus").with("Queue", queue).with("Member", interface);
        self.list(&action).await.map(|reply| {
            let mut members = queue::all(&reply.items).into_iter().flat_map(|queue| queue.members);
            members.find(|member| member.interface == interface)
        })
    }

    /// Pauses a member of a queue for a reason, or lets it on. Needs the right `agent`.
    pub async fn queue_pause(&self, queue: &str, interface: &str, pause: Option<&str>) -> Outcome<()> {
        let action = Action::new("QueuePause")
            .with("Queue", queue)
            .with("Interface", interface)
            .with("Paused", if pause.is_some() { "true" } else { "false" })
            .with("Reason", pause.unwrap_or_default());
        self.send(action, Answered::Once).await.map(drop)
    }

    /// Writes a line to the PBX's queue_log, behind the originates that wait: it never holds one up for longer than itself.
    /// Needs the right `agent`.
    pub async fn queue_log(&self, line: &QueueLogLine<'_>) -> Outcome<()> {
        let action = Action::new("QueueLog")
            .with("Queue", line.queue)
            .with("Event", line.event)
            .with("Uniqueid", line.call)
            .with("Interface", line.agent)
            .with("Message", line.message);
        self.handle.ask(Lane::InOrder, Ask { action, answered: Answered::Once }).await.map(drop)
    }

    /// Whether the dialplan has this extension of a context, at priority 1.
    pub async fn has_extension(&self, context: &str, extension: &str) -> Outcome<bool> {
        let variable = format!("DIALPLAN_EXISTS({context},{extension},1)");
        let found = |message: Message| message.get("Value") == Some("1");
        self.action(&Action::new("Getvar").with("Variable", &variable)).await.map(found)
    }

    /// Names of the actions that the user may use.
    pub async fn actions(&self) -> Outcome<Vec<String>> {
        let names = |message: Message| message.headers().map(|(name, _)| name.to_owned()).collect();
        self.action(&Action::new("ListCommands")).await.map(names)
    }

    /// See [`Handle::in_epoch`].
    #[must_use]
    pub fn in_epoch(&self, epoch: u64) -> Self {
        Self { handle: self.handle.in_epoch(epoch) }
    }

    /// See [`Handle::sending_before`].
    #[must_use]
    pub fn sending_before(&self, send_before: Option<Instant>) -> Self {
        Self { handle: self.handle.sending_before(send_before) }
    }

    /// The link itself: its end, and what was unreadable.
    pub fn link(&self) -> &Handle<Ask, Reply> {
        &self.handle
    }

    /// Queues at once; the future only waits.
    fn send(&self, action: Action, answered: Answered) -> impl Future<Output = Outcome<Reply>> + Send + use<> {
        let lane = match answered {
            Answered::Channel(_) => Lane::InOrder,
            Answered::Once | Answered::List => Lane::Urgent,
        };
        self.handle.ask(lane, Ask { action, answered })
    }
}
