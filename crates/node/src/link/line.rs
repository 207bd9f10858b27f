//! The two ways to reach a PBX behind one set of functions.

use super::{Told, ami, ari};
use crate::channels::FoundChannel;
use crate::configuration::Password;
use crate::placing::Placement;
use dialer::FoundLeg;
use domain::{Pbx, PbxLink};
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
pub enum Source {
    /// Over its REST interface.
    Ari(mpsc::Receiver<::ari::Incoming>),
    /// Over its manager interface.
    Ami(mpsc::Receiver<::ami::Incoming>),
}

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
    /// Begins to connect, and does so for ever. An error: the settings can never work.
    pub fn connect(pbx: &Pbx, password: &Password) -> Result<(Self, Source), String> {
        match pbx.link {
            PbxLink::Ari => ari::connect(pbx, password).map(|(client, told)| (Self::Ari(client), Source::Ari(told))),
            PbxLink::Ami => ami::connect(pbx, password).map(|(client, told)| (Self::Ami(client), Source::Ami(told))),
        }
    }

    /// Queued by the call itself, so that originates leave in the order of their calls; not sent after `send_before`.
    pub fn originate(
        &self,
        call: Placement,
        send_before: Option<Instant>,
    ) -> impl Future<Output = Placed> + Send + use<> {
        let (over_ari, over_ami) = match self {
            Self::Ari(client) => (Some(ari::originate(client, call, send_before)), None),
            Self::Ami(client) => (None, Some(ami::originate(client, call, send_before))),
        };
        async move {
            match (over_ari, over_ami) {
                (Some(answer), _) => answer.await,
                (None, Some(answer)) => answer.await,
                (None, None) => unreachable!("a line is one of the two"),
            }
        }
    }

    /// Hangs up a channel; `rang_too_long`: nobody answered. Its end is an event.
    pub async fn hang_up(&self, channel: &str, rang_too_long: bool) {
        match self {
            Self::Ari(client) => ari::hang_up(client, channel, rang_too_long).await,
            Self::Ami(client) => ami::hang_up(client, channel, rang_too_long).await,
        }
    }

    /// One channel of ours.
    pub async fn look_up(&self, prefix: &str, channel: &str) -> LookedUp {
        match self {
            Self::Ari(client) => ari::look_up(client, prefix, channel).await,
            Self::Ami(client) => ami::look_up(client, prefix, channel).await,
        }
    }

    /// All channels of the PBX.
    pub async fn channels(&self, prefix: &str) -> Listed {
        match self {
            Self::Ari(client) => ari::channels(client, prefix).await,
            Self::Ami(client) => ami::channels(client, prefix).await,
        }
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
            Self::Ari(client) => client.shutdown(),
            Self::Ami(client) => client.shutdown(),
        }
    }

    /// Whether it has ended for good: shut down, or taken over by another controller.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Ari(client) => client.has_ended(),
            Self::Ami(client) => client.has_ended(),
        }
    }
}

impl Source {
    /// What comes next; `None`: the line has ended.
    pub async fn next(&mut self, prefix: &str) -> Option<Told> {
        match self {
            Self::Ari(told) => Some(ari::told(prefix, told.recv().await?)),
            Self::Ami(told) => Some(ami::told(prefix, told.recv().await?)),
        }
    }
}
