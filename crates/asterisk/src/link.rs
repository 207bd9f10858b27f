//! The supervised task: one connection after the other, told as one ordered stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::event::Event;
use crate::handle::{Handle, Lanes};
use crate::outcome::NotSent;

/// Events that may wait for their reader: about 20 s of a PBX at its limit. One more loses the link, never an event.
pub const INCOMING_MAX: usize = 65_536;
/// Versions that were measured.
const MEASURED_VERSION: &str = "22.";

/// What happened with the link and on the PBX, in order.
///
/// Between two connections events are lost for good (Asterisk replays nothing): after `Connected`, compare what is
/// believed with the channels that the PBX lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A connection is up, logged in and subscribed; requests are taken from now on.
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
    /// The connection is open and cannot be relied upon: compare what is believed with the channels that the PBX lists,
    /// which it does when it answers again.
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

/// Why an open connection is in doubt. Either way [`crate::Patience::doubt_after`] has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Nothing was heard, although it was pinged.
    #[error("the PBX is silent")]
    Silent,
    /// It speaks, but a request was not answered.
    #[error("the PBX does not answer a request")]
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
    /// Nothing was heard for [`crate::Patience::stale_after`], although it was pinged.
    #[error("the PBX has fallen silent")]
    Stale,
    /// The connection broke or was closed.
    #[error("connection to the PBX lost: {0}")]
    Closed(String),
    /// Another controller connected with our application name. The link ends: taking it back would be a fight.
    #[error("another controller took over our application name on the PBX: give each its own, then save the PBX again")]
    Replaced,
    /// Our own reader left [`INCOMING_MAX`] events waiting.
    #[error("more than {INCOMING_MAX} events waited to be read")]
    Overrun,
}

/// One of Asterisk's interfaces, as the supervised task needs it.
pub trait Interface: Send + 'static {
    /// A connection that is ready.
    type Opened: Send;
    /// A request.
    type Request: Send + 'static;
    /// Its answer.
    type Answer: Send + 'static;

    /// `host:port`, for messages.
    fn address(&self) -> String;

    /// Connects and logs in, within the deadline for it.
    fn open(&mut self) -> impl Future<Output = Result<(Self::Opened, Entered), Lost>> + Send;

    /// Serves one connection until it is lost, or until `None`: every client, or the reader of events, is gone.
    fn serve(
        &mut self,
        opened: Self::Opened,
        lanes: &mut Lanes<Self::Request, Self::Answer>,
        teller: &Teller,
    ) -> impl Future<Output = Option<Lost>> + Send;
}

/// Who let us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Asterisk's version.
    pub version: String,
    /// When it started, by its own clock.
    pub started_at: String,
}

/// Tells what happens on one connection.
#[derive(Debug)]
pub struct Teller {
    address: String,
    epoch: u64,
    incoming: mpsc::Sender<Incoming>,
    unreadable: Arc<AtomicU64>,
}

impl Teller {
    /// For connection `epoch` to `address`.
    pub fn new(address: String, epoch: u64, incoming: mpsc::Sender<Incoming>, unreadable: Arc<AtomicU64>) -> Self {
        Self { address, epoch, incoming, unreadable }
    }

    /// The connection.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Tells an event; an error is how the connection ends: overrun, or `None` when nobody reads any more.
    pub fn event(&self, event: Event) -> Result<(), Option<Lost>> {
        self.tell(Incoming::Event(event))
    }

    /// Counts a message of so many bytes that could not be read.
    pub fn unreadable(&self, bytes: usize) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
        warn!(bytes, "unreadable message from the PBX");
    }

    pub(crate) fn doubted(&self, why: Doubt) -> Result<(), Option<Lost>> {
        warn!(pbx = %self.address, epoch = self.epoch, %why, "PBX link in doubt");
        self.tell(Incoming::Doubted { epoch: self.epoch, why })
    }

    fn tell(&self, what: Incoming) -> Result<(), Option<Lost>> {
        self.incoming.try_send(what).map_err(|error| match error {
            TrySendError::Full(_) => Some(Lost::Overrun),
            TrySendError::Closed(_) => None,
        })
    }
}

/// Starts the link's task on the current tokio runtime.
///
/// It connects, reconnects for ever, and ends when it is shut down or replaced, or when every [`Handle`] or the receiver
/// is dropped. The receiver must be read: see [`INCOMING_MAX`].
pub fn start<I: Interface>(
    interface: I,
    request_deadline: Duration,
) -> (Handle<I::Request, I::Answer>, mpsc::Receiver<Incoming>) {
    let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
    let unreadable = Arc::new(AtomicU64::new(0));
    let (handle, lanes, stop) = Handle::new(request_deadline, Arc::clone(&unreadable));
    tokio::spawn(Link { interface, lanes, incoming, unreadable }.run(stop));
    (handle, incoming_queue)
}

struct Link<I: Interface> {
    interface: I,
    lanes: Lanes<I::Request, I::Answer>,
    incoming: mpsc::Sender<Incoming>,
    unreadable: Arc<AtomicU64>,
}

impl<I: Interface> Link<I> {
    /// Until shut down, replaced, or left by all its clients or its reader. Requests still queued are not sent.
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => {}
            () = self.supervise() => {}
        }
        self.lanes.close();
        self.lanes.refuse_waiting(&NotSent::Ended);
    }

    async fn supervise(&mut self) {
        let address = self.interface.address();
        let mut backoff = Backoff::default();
        let mut epoch = 0;
        let mut reported = None;
        loop {
            let opened = tokio::select! {
                opened = self.interface.open() => opened,
                () = self.lanes.refuse_all() => return,
            };
            let why = match opened {
                Err(why) => why,
                Ok((opened, Entered { version, started_at })) => {
                    epoch += 1;
                    reported = None;
                    let since = Instant::now();
                    if !version.starts_with(MEASURED_VERSION) {
                        warn!(pbx = %address, version, "Asterisk 22 was expected");
                    }
                    info!(pbx = %address, epoch, version, "PBX connected");
                    if !self.tell(Incoming::Connected { epoch, version, started_at }).await {
                        return;
                    }
                    let (incoming, unreadable) = (self.incoming.clone(), Arc::clone(&self.unreadable));
                    let teller = Teller::new(address.clone(), epoch, incoming, unreadable);
                    let Some(why) = self.interface.serve(opened, &mut self.lanes, &teller).await else { return };
                    backoff.held(since.elapsed());
                    // What was queued for this connection was decided by what was known on it.
                    self.lanes.refuse_waiting(&NotSent::NotConnected);
                    why
                }
            };
            if reported.as_ref() != Some(&why) {
                warn!(pbx = %address, epoch, why = %why, "PBX link down");
                if !self.tell(Incoming::Lost { epoch, why: why.clone() }).await || why == Lost::Replaced {
                    return;
                }
                reported = Some(why);
            }
            tokio::select! {
                () = sleep(backoff.next()) => {}
                () = self.lanes.refuse_all() => return,
            }
        }
    }

    /// False when nobody listens any more. Waits for room, as long as it takes: the socket is not read meanwhile.
    async fn tell(&mut self, incoming: Incoming) -> bool {
        tokio::select! {
            told = self.incoming.send(incoming) => told.is_ok(),
            () = self.lanes.refuse_all() => false,
        }
    }
}
