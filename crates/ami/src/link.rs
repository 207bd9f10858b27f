//! The supervised task: one connection after the other, told as one ordered stream.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::action::NotSent;
use crate::backoff::Backoff;
use crate::client::Commands;
use crate::event::Event;
use crate::login::open;
use crate::pace::Pace;
use crate::session::pump;
use crate::settings::Settings;

/// Events that may wait for their reader: about 20 s of a PBX at its limit. One more loses the link, never an event.
pub const INCOMING_MAX: usize = 65_536;
/// Versions this client was measured with.
const MEASURED_VERSION: &str = "22.";

/// What happened with the link and on the PBX, in order.
///
/// Between two connections events are lost for good (Asterisk replays nothing): after `Connected`, compare what is
/// believed with [`crate::Client::channels`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A connection is up, logged in, and Asterisk is fully booted; actions are taken from now on.
    Connected {
        /// Counts connections of this link, from 1.
        epoch: u64,
        /// As the PBX says it, for example `22.10.1`. Another major than 22 connects too; it was not measured.
        version: String,
        /// When Asterisk started, by its own clock: another value than last time means all its channels are gone.
        started_at: String,
    },
    /// Something happened on the PBX.
    Event(Event),
    /// The connection is open and cannot be relied upon: compare what is believed with [`crate::Client::channels`],
    /// which answers when the PBX does.
    Doubted {
        /// The connection.
        epoch: u64,
        /// Why.
        why: Doubt,
    },
    /// The connection is gone, or could not be made. A failed try is told once, until its reason changes.
    Lost {
        /// The last epoch that was connected; 0 = none yet.
        epoch: u64,
        /// Why.
        why: Lost,
    },
}

/// Why an open connection is in doubt. Either way [`Settings::doubt_after`] has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Not one byte, although it was pinged.
    #[error("the PBX is silent")]
    Silent,
    /// It speaks, but an action was not answered.
    #[error("the PBX does not answer an action")]
    Unanswered,
}

/// Why there is no connection. Texts are for the operator: they name `host:port` and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The PBX answered, and said no. Tried again: credentials and configuration get corrected.
    #[error("{0}")]
    Refused(String),
    /// Nothing useful answers there.
    #[error("{0}")]
    Unreachable(String),
    /// Not one byte for [`Settings::stale_after`], although it was pinged.
    #[error("the PBX has fallen silent")]
    Stale,
    /// The connection broke or was closed.
    #[error("connection to the PBX lost: {0}")]
    Closed(String),
    /// Our own reader left [`INCOMING_MAX`] events waiting.
    #[error("more than {INCOMING_MAX} events waited to be read")]
    Overrun,
}

pub(crate) struct Link {
    settings: Settings,
    commands: Commands,
    incoming: mpsc::Sender<Incoming>,
    stop: watch::Receiver<bool>,
    unreadable: Arc<AtomicU64>,
    /// Of the PBX, not of one connection.
    pace: Pace,
}

impl Link {
    pub(crate) fn new(
        settings: Settings,
        commands: Commands,
        incoming: mpsc::Sender<Incoming>,
        stop: watch::Receiver<bool>,
        unreadable: Arc<AtomicU64>,
    ) -> Self {
        let pace = Pace::new(settings.messages_per_unit, settings.unit);
        Self { settings, commands, incoming, stop, unreadable, pace }
    }

    /// Until shut down, or left by all its clients or its reader. Actions still queued are not sent.
    pub(crate) async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => {}
            () = self.supervise() => {}
        }
        self.commands.close();
        while let Some(command) = self.commands.try_recv() {
            command.refuse(NotSent::Ended);
        }
    }

    async fn supervise(&mut self) {
        let mut backoff = Backoff::default();
        let mut epoch = 0;
        let mut reported = None;
        loop {
            let opened = tokio::select! {
                opened = open(&self.settings, &mut self.pace) => opened,
                () = refuse_all(&mut self.commands) => return,
            };
            let why = match opened {
                Err(why) => why,
                Ok(opened) => {
                    epoch += 1;
                    reported = None;
                    let since = Instant::now();
                    let version = opened.version.clone();
                    if !version.starts_with(MEASURED_VERSION) {
                        warn!(pbx = %self.settings.address(), version, "Asterisk 22 was expected");
                    }
                    info!(pbx = %self.settings.address(), epoch, version, "PBX connected");
                    let connected = Incoming::Connected { epoch, version, started_at: opened.started_at.clone() };
                    if !self.tell(connected).await {
                        return;
                    }
                    let (settings, incoming) = (&self.settings, &self.incoming);
                    let ended =
                        pump(opened, epoch, settings, &mut self.pace, &mut self.commands, incoming, &self.unreadable);
                    let Some(why) = ended.await else { return };
                    backoff.held(since.elapsed());
                    // What was queued for this connection was decided by what was known on it.
                    while let Some(command) = self.commands.try_recv() {
                        command.refuse(NotSent::NotConnected);
                    }
                    why
                }
            };
            if reported.as_ref() != Some(&why) {
                warn!(pbx = %self.settings.address(), epoch, why = %why, "PBX link down");
                if !self.tell(Incoming::Lost { epoch, why: why.clone() }).await {
                    return;
                }
                reported = Some(why);
            }
            tokio::select! {
                () = sleep(backoff.next()) => {}
                () = refuse_all(&mut self.commands) => return,
            }
        }
    }

    /// False when nobody listens any more. Waits for room, as long as it takes: the socket is not read meanwhile.
    async fn tell(&mut self, incoming: Incoming) -> bool {
        tokio::select! {
            told = self.incoming.send(incoming) => told.is_ok(),
            () = refuse_all(&mut self.commands) => false,
        }
    }
}

/// Answers actions while there is no connection; returns when all clients are gone.
async fn refuse_all(commands: &mut Commands) {
    while let Some(command) = commands.recv().await {
        command.refuse(NotSent::NotConnected);
    }
}
