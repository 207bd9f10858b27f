//! The requesting end of a link.

use asterisk::{Channel, Handle, HangUpReason, Incoming, Lane, Originate, Outcome, Unknown, check_variable};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Error;
use crate::codec::Response;
use crate::event::WireChannel;
use crate::originate;
use crate::request::{Method, Request};
use crate::session::Websocket;
use crate::settings::Settings;

/// Starts the link's task on the current tokio runtime: see [`asterisk::start`].
pub fn connect(settings: Settings) -> Result<(Client, mpsc::Receiver<Incoming>), Error> {
    settings.check()?;
    let request_deadline = settings.patience.request_deadline;
    let (handle, incoming) = asterisk::start(Websocket { settings }, request_deadline);
    Ok((Client { handle }, incoming))
}

/// Sends requests over a link, hang-ups and all in the order of their calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    handle: Handle<Request, Response>,
}

impl Client {
    /// Calls a device; answers as soon as the channel exists, with the channel. It is not answered by then.
    ///
    /// Queued by the call itself, not when the answer is first waited for: originates leave in the order of their calls.
    /// An id must not be the beginning of an existing channel's (`c-1` while there is `c-10`): Asterisk refuses it with
    /// 409. Soon after a 409 to an originate, Asterisk 22 says 409 for an unknown device, too: ask [`Client::channel`]
    /// before believing that the id exists.
    pub fn originate(&self, originate: &Originate) -> impl Future<Output = Outcome<Channel>> + Send + use<> {
        let queued = originate::check(originate).map(|()| self.send(originate::request(originate)));
        async move {
            match queued {
                Ok(answer) => answer.await.and_then(|response| read::<WireChannel>(&response)).map(Channel::from),
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
        let answer = self.send(Request::new(Method::Get, uri)).await;
        or_absent(answer.and_then(|response| read::<WireChannel>(&response)).map(Channel::from))
    }

    /// All channels of the PBX, not only ours. 3 000 of them take about 0.1 s.
    pub async fn channels(&self) -> Outcome<Vec<Channel>> {
        let answer = self.send(Request::new(Method::Get, "channels")).await;
        let listed = answer.and_then(|response| read::<Vec<WireChannel>>(&response));
        listed.map(|channels| channels.into_iter().map(Channel::from).collect())
    }

    /// A variable of a channel; `None` when the channel or the variable is not there. Names only, no functions.
    pub async fn variable(&self, channel_id: &str, name: &str) -> Outcome<Option<String>> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        if let Err(why) = check_variable(name, "") {
            return Outcome::NotSent(why);
        }
        let uri = format!("channels/{}/variable?variable={}", Request::part(channel_id), Request::part(name));
        let answer = self.send(Request::new(Method::Get, uri)).await;
        or_absent(answer.and_then(|response| read::<Variable>(&response)).map(|variable| variable.value))
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
    pub fn link(&self) -> &Handle<Request, Response> {
        &self.handle
    }

    fn send(&self, request: Request) -> impl Future<Output = Outcome<Response>> + Send + use<> {
        self.handle.ask(Lane::InOrder, request)
    }
}

/// "Not there" is an answer, not a refusal.
fn or_absent<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Outcome::Refused { status: Some(404), .. } => Outcome::Done(None),
        other => other.map(Some),
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
