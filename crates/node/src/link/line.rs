//! The two ways to reach a PBX behind one set of functions.

use super::queues::{EVENTS_MAX, is_for_observers};
use super::{Told, ami, ari, facts};
use crate::channels::FoundChannel;
use crate::configuration::Password;
use crate::placing::Placement;
use asterisk::{HangUpReason, Incoming, Originate};
use dialer::FoundLeg;
use domain::{Pbx, PbxLink};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Requests to a PBX. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Line {
    /// Over its REST interface.
    Ari(::ari::Client),
    /// Over its manager interface.
    Ami(::ami::Client),
}

/// What a PBX tells, in order.
pub struct Source {
    link: PbxLink,
    told: mpsc::Receiver<Incoming>,
    /// Over the manager interface: connections and events of queues are told to the observer, too.
    observer: Option<mpsc::Sender<Incoming>>,
}

/// A client of the manager interface, and what is heard over it.
pub(crate) type Heard = (::ami::Client, mpsc::Receiver<Incoming>);

/// What came of an originate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The channel exists.
    Done,
    /// There is no channel.
    Refused {
        /// HTTP status, or the nearest to it.
        status: u16,
        /// The PBX's words, or ours.
        message: String,
    },
    /// It was sent, and nobody knows what became of it.
    Unknown(String),
    /// It was provably never sent.
    NotSent(String),
}

/// What came of asking for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// It exists.
    Found(FoundLeg),
    /// There is none of that name.
    Missing,
    /// The PBX does not say.
    NotAnswered,
}

/// What came of asking for all channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// All of them, those of others, too.
    Channels(Vec<FoundChannel>),
    /// The PBX does not say.
    NotAnswered,
    /// The connection is gone.
    NotAsked,
}

impl Line {
    /// Begins to connect, and does so for ever. An error: the settings can never work. With what an observer of its queues
    /// hears, where the link itself tells of them.
    pub fn connect(pbx: &Pbx, password: &Password) -> Result<(Self, Source, Option<Heard>), String> {
        let (line, told) = match pbx.link {
            PbxLink::Ari => ari::connect(pbx, password).map(|(client, told)| (Self::Ari(client), told)),
            PbxLink::Ami => ami::connect(pbx, password).map(|(client, told)| (Self::Ami(client), told)),
        }?;
        let (observer, heard) = match &line {
            Self::Ari(_) => (None, None),
            Self::Ami(client) => {
                let (observer, heard) = mpsc::channel(EVENTS_MAX);
                (Some(observer), Some((client.clone(), heard)))
            }
        };
        Ok((line, Source { link: pbx.link, told, observer }, heard))
    }

    /// Queued by the call itself, so that originates leave in the order of their calls; not sent after `send_before`.
    pub fn originate(
        &self,
        call: Placement,
        send_before: Option<Instant>,
    ) -> impl Future<Output = Placed> + Send + use<> {
        let call = Originate {
            channel_id: call.channel_id,
            device: call.device,
            context: call.context,
            extension: call.extension,
            priority: 1,
            caller_id: call.caller_id,
            enters_as: call.enters_as,
            ring_ms_max: call.timeout_ms,
            variables: call.variables,
            account_code: call.account_code,
            user_field: call.mark,
            application: call.application,
        };
        match self {
            Self::Ari(client) => ari::originate(client, call, send_before).left_future(),
            Self::Ami(client) => ami::originate(client, call, send_before).right_future(),
        }
    }

    /// Hangs up a channel; `rang_too_long`: nobody answered. Its end is an event.
    pub async fn hang_up(&self, channel: &str, rang_too_long: bool) {
        let reason = if rang_too_long { HangUpReason::NoAnswer } else { HangUpReason::Normal };
        let _its_end_is_an_event = match self {
            Self::Ari(client) => client.hang_up(channel, reason).await,
            Self::Ami(client) => client.hang_up(channel, reason).await,
        };
    }

    /// One channel of ours.
    pub async fn look_up(&self, prefix: &str, channel: &str) -> LookedUp {
        let answer = match self {
            Self::Ari(client) => client.channel(channel).await,
            Self::Ami(client) => client.channel(channel).await,
        };
        facts::looked_up(prefix, answer)
    }

    /// All channels of the PBX.
    pub async fn channels(&self, prefix: &str) -> Listed {
        let answer = match self {
            Self::Ari(client) => client.channels().await,
            Self::Ami(client) => client.channels().await,
        };
        facts::listed(prefix, answer)
    }

    /// The same line, whose requests are sent on connection `epoch` only.
    pub fn in_epoch(&self, epoch: u64) -> Self {
        match self {
            Self::Ari(client) => Self::Ari(client.in_epoch(epoch)),
            Self::Ami(client) => Self::Ami(client.in_epoch(epoch)),
        }
    }

    /// Ends the line.
    pub fn shutdown(&self) {
        match self {
            Self::Ari(client) => client.link().shutdown(),
            Self::Ami(client) => client.link().shutdown(),
        }
    }

    /// Whether it has ended for good: shut down, or taken over by another controller.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Ari(client) => client.link().has_ended(),
            Self::Ami(client) => client.link().has_ended(),
        }
    }
}

impl Source {
    /// What comes next; `None`: the line has ended.
    pub async fn next(&mut self, prefix: &str) -> Option<Told> {
        let incoming = self.told.recv().await?;
        if let Some(observer) = self.observer.as_ref().filter(|_| is_for_observers(&incoming)) {
            let _nobody_observes = observer.send(incoming.clone()).await;
        }
        Some(facts::told(prefix, self.link, incoming))
    }
}
