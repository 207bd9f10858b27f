//! The requesting end of a link.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::Error;
use crate::codec::Response;
use crate::event::Channel;
use crate::link::{INCOMING_MAX, Incoming, Link};
use crate::originate::{Originate, check_variable};
use crate::request::{HangUpReason, Method, NotSent, Request, Unknown};
use crate::settings::Settings;

/// Requests that may wait to be written: more than a second of a PBX at its limit.
pub const QUEUED_REQUESTS_MAX: usize = 512;

/// Starts the link's task on the current tokio runtime.
///
/// It connects, reconnects for ever, and ends when it is shut down or replaced, or when every [`Client`] or the
/// receiver is dropped. The receiver must be read: see [`INCOMING_MAX`].
pub fn connect(settings: Settings) -> Result<(Client, mpsc::Receiver<Incoming>), Error> {
    settings.check()?;
    let (commands, command_queue) = mpsc::channel(QUEUED_REQUESTS_MAX);
    let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
    let (stop, stopped) = watch::channel(false);
    let unreadable = Arc::new(AtomicU64::new(0));
    let client = Client {
        commands,
        stop: Arc::new(stop),
        unreadable: Arc::clone(&unreadable),
        request_deadline: settings.request_deadline,
        only_epoch: None,
        send_before: None,
    };
    let link = Link { settings, commands: command_queue, incoming, stop: stopped, unreadable };
    tokio::spawn(link.run());
    Ok((client, incoming_queue))
}

/// Sends requests over a link. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    stop: Arc<watch::Sender<bool>>,
    unreadable: Arc<AtomicU64>,
    request_deadline: Duration,
    only_epoch: Option<u64>,
    send_before: Option<Instant>,
}

/// The one end of a request.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Outcome<T = Value> {
    /// Carried out; what came back.
    Done(T),
    /// Asterisk said no: nothing happened.
    Refused {
        /// HTTP status: 404 not there, 409 exists already or wrong state, 500 could not (an unknown end point).
        ///
        /// Soon after a 409 to an originate, Asterisk 22 says 409 for an unknown end point, too: ask
        /// [`Client::channel`] before believing that the id exists.
        status: u16,
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
        self.and_then(|value| Outcome::Done(change(value)))
    }

    /// The value of a `Done`.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }

    fn and_then<U>(self, next: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
        match self {
            Self::Done(value) => next(value),
            Self::Refused { status, message } => Outcome::Refused { status, message },
            Self::Unknown(why) => Outcome::Unknown(why),
            Self::NotSent(why) => Outcome::NotSent(why),
        }
    }

    /// "Not there" is an answer, not a refusal.
    fn or_absent(self) -> Outcome<Option<T>> {
        match self {
            Self::Refused { status: 404, .. } => Outcome::Done(None),
            other => other.map(Some),
        }
    }
}

impl Client {
    /// Any request. The body of the answer is `Null` when there is none.
    ///
    /// Answers within `request_deadline`; within `stale_after` more if the PBX froze before the request was written.
    pub async fn request(&self, request: Request) -> Outcome {
        self.send(request).await.and_then(|response| match response.body.as_str() {
            "" => Outcome::Done(Value::Null),
            _ => read(&response),
        })
    }

    /// Calls an end point; answers as soon as the channel exists, with the channel. It is not answered by then.
    ///
    /// Queued by the call itself, not when the answer is first waited for: originates leave in the order of their calls.
    /// An id must not be the beginning of an existing channel's (`c-1` while there is `c-10`): Asterisk refuses it with 409.
    pub fn originate(&self, originate: &Originate) -> impl Future<Output = Outcome<Channel>> + Send + use<> {
        let queued = originate.check().map(|()| self.send(originate.request()));
        async move {
            match queued {
                Ok(answer) => answer.await.and_then(|response| read(&response)),
                Err(why) => Outcome::NotSent(why),
            }
        }
    }

    /// Hangs up a channel: `Refused` 404 when it is gone already.
    pub async fn hang_up(&self, channel_id: &str, reason: HangUpReason) -> Outcome<()> {
        let uri = format!("channels/{}?reason_code={}", Request::part(channel_id), reason.code());
        self.send(Request::new(Method::Delete, uri)).await.map(drop)
    }

    /// One channel, `None` when there is none of that id.
    pub async fn channel(&self, channel_id: &str) -> Outcome<Option<Channel>> {
        let uri = format!("channels/{}", Request::part(channel_id));
        self.send(Request::new(Method::Get, uri)).await.and_then(|response| read(&response)).or_absent()
    }

    /// All channels of the PBX, not only ours. 3 000 of them take about 0.1 s.
    pub async fn channels(&self) -> Outcome<Vec<Channel>> {
        self.send(Request::new(Method::Get, "channels")).await.and_then(|response| read(&response))
    }

    /// Sets a variable of a channel that is in our Stasis application; any other is refused with 409 (give its
    /// variables with the originate).
    pub async fn set_variable(&self, channel_id: &str, name: &str, value: &str) -> Outcome<()> {
        if let Err(why) = check_variable(name, value) {
            return Outcome::NotSent(why);
        }
        let uri = format!("channels/{}/variable", Request::part(channel_id));
        let body = json!({ "variable": name, "value": value });
        self.send(Request::with_body(Method::Post, uri, body)).await.map(drop)
    }

    /// A variable of a channel; `None` when the channel or the variable is not there. Names only, no functions.
    pub async fn get_variable(&self, channel_id: &str, name: &str) -> Outcome<Option<String>> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        if let Err(why) = check_variable(name, "") {
            return Outcome::NotSent(why);
        }
        let uri = format!("channels/{}/variable?variable={}", Request::part(channel_id), Request::part(name));
        let answer = self.send(Request::new(Method::Get, uri)).await;
        answer.and_then(|response| read::<Variable>(&response)).map(|variable| variable.value).or_absent()
    }

    /// Version, start time and configuration of the PBX.
    pub async fn asterisk_info(&self) -> Outcome {
        self.request(Request::new(Method::Get, "asterisk/info")).await
    }

    /// The same client, whose requests are written on connection `epoch` only and are not sent on a later one: for a
    /// decision made from what was known on that connection.
    pub fn in_epoch(&self, epoch: u64) -> Self {
        Self { only_epoch: Some(epoch), ..self.clone() }
    }

    /// Messages from the PBX that were no JSON, since the link was started.
    pub fn unreadable_messages(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Ends the link, for all clones. Requests in flight end as unknown.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// A client whose requests do not leave after an instant: they end as [`NotSent::Deadline`]. Looked at when a request
    /// is written, so that it holds for a process that was frozen meanwhile, too.
    #[must_use]
    pub fn sending_before(&self, send_before: Option<Instant>) -> Self {
        Self { send_before, ..self.clone() }
    }

    /// Whether the link has ended for good: shut down, or replaced by another controller.
    pub fn has_ended(&self) -> bool {
        self.commands.is_closed()
    }

    /// Queues at once; the future only waits.
    fn send(&self, request: Request) -> impl Future<Output = Outcome<Response>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + self.request_deadline;
        let send_before = self.send_before.map_or(deadline, |before| before.min(deadline));
        let (only_epoch, commands) = (self.only_epoch, &self.commands);
        let queued = commands.try_send(Command { request, only_epoch, send_before, deadline, reply });
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

fn read<T: DeserializeOwned>(response: &Response) -> Outcome<T> {
    match serde_json::from_str(&response.body) {
        Ok(value) => Outcome::Done(value),
        Err(error) => Outcome::Unknown(Unknown::Unreadable(format!(
            "status {} with {} bytes, {:?} at column {}",
            response.status,
            response.body.len(),
            error.classify(),
            error.column()
        ))),
    }
}

/// A request on its way to the link's task.
pub(crate) struct Command {
    pub(crate) request: Request,
    pub(crate) only_epoch: Option<u64>,
    /// Not written after this.
    pub(crate) send_before: Instant,
    /// Not waited for after this.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Outcome<Response>>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn call(channel_id: &str) -> Originate {
        Originate {
            channel_id: channel_id.into(),
            endpoint: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            ring_seconds_max: None,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            formats: Vec::new(),
        }
    }

    #[test]
    fn originates_leave_in_the_order_of_their_calls_whoever_waits_first() {
        let (commands, mut queue) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let client = Client {
            commands,
            stop: Arc::new(watch::channel(false).0),
            unreadable: Arc::default(),
            request_deadline: Duration::from_secs(5),
            only_epoch: None,
            send_before: None,
        };
        let _waiting = [client.originate(&call("c-1")), client.originate(&call("c-10"))];
        let mut next = || queue.try_recv().unwrap().request.body.unwrap()["channelId"].clone();
        assert_eq!([next(), next()], ["c-1", "c-10"]);
        let soon = Instant::now() + Duration::from_secs(1);
        let _waiting = client.sending_before(Some(soon)).originate(&call("c-2"));
        let command = queue.try_recv().unwrap();
        assert_eq!(command.send_before, soon);
        assert!(command.deadline > soon, "what was written in time is waited for as long as ever");
    }
}
