//! The requesting end of a link, and the lanes to its task.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::outcome::{NotSent, Outcome, Unknown};

/// Requests that may wait in one lane to be written: more than a second of a PBX at its limit.
pub const QUEUED_MAX: usize = 512;

/// Which requests a request waits behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Passes whatever is in order.
    Urgent,
    /// In the order of their calls.
    InOrder,
}

/// A request `A`, answered with `T`, on its way to the link's task.
#[derive(Debug)]
pub struct Command<A, T> {
    pub(crate) request: A,
    pub(crate) only_epoch: Option<u64>,
    /// Not written after this.
    pub(crate) send_before: Instant,
    /// Not waited for after this.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Outcome<T>>,
}

impl<A, T> Command<A, T> {
    /// One that is written and waited for until `deadline`, and the end of it.
    pub fn new(request: A, only_epoch: Option<u64>, deadline: Instant) -> (Self, oneshot::Receiver<Outcome<T>>) {
        let (reply, answer) = oneshot::channel();
        (Self { request, only_epoch, send_before: deadline, deadline, reply }, answer)
    }

    /// What is asked.
    pub fn request(&self) -> &A {
        &self.request
    }

    pub(crate) fn refuse(self, why: NotSent) {
        let _gone = self.reply.send(Outcome::NotSent(why));
    }
}

/// What waits to be written.
#[derive(Debug)]
pub struct Lanes<A, T> {
    urgent: mpsc::Receiver<Command<A, T>>,
    in_order: mpsc::Receiver<Command<A, T>>,
}

impl<A, T> Lanes<A, T> {
    /// `None` when all clients are gone.
    pub async fn recv(&mut self) -> Option<Command<A, T>> {
        tokio::select! {
            biased;
            command = self.urgent.recv() => command,
            command = self.in_order.recv() => command,
        }
    }

    /// What waits already.
    pub fn try_recv(&mut self) -> Option<Command<A, T>> {
        self.urgent.try_recv().or_else(|_| self.in_order.try_recv()).ok()
    }

    pub(crate) fn close(&mut self) {
        self.urgent.close();
        self.in_order.close();
    }

    /// Answers what waits already.
    pub(crate) fn refuse_waiting(&mut self, why: &NotSent) {
        while let Some(command) = self.try_recv() {
            command.refuse(why.clone());
        }
    }

    /// Answers requests while there is no connection; returns when all clients are gone.
    pub(crate) async fn refuse_all(&mut self) {
        while let Some(command) = self.recv().await {
            command.refuse(NotSent::NotConnected);
        }
    }
}

/// Queues requests for a link. Cheap to clone.
pub struct Handle<A, T> {
    urgent: mpsc::Sender<Command<A, T>>,
    in_order: mpsc::Sender<Command<A, T>>,
    stop: Arc<watch::Sender<bool>>,
    unreadable: Arc<AtomicU64>,
    request_deadline: Duration,
    only_epoch: Option<u64>,
    send_before: Option<Instant>,
}

impl<A, T> Handle<A, T> {
    /// A handle, the lanes it fills, and what tells their reader to stop. [`crate::start`] makes one for a link.
    pub fn new(request_deadline: Duration, unreadable: Arc<AtomicU64>) -> (Self, Lanes<A, T>, watch::Receiver<bool>) {
        let (urgent, urgent_queue) = mpsc::channel(QUEUED_MAX);
        let (in_order, order_queue) = mpsc::channel(QUEUED_MAX);
        let (stop, stopped) = watch::channel(false);
        let handle = Self {
            urgent,
            in_order,
            stop: Arc::new(stop),
            unreadable,
            request_deadline,
            only_epoch: None,
            send_before: None,
        };
        (handle, Lanes { urgent: urgent_queue, in_order: order_queue }, stopped)
    }

    /// Queues at once; the future only waits. Ends within the request's deadline; within the time to a stale connection
    /// more if the PBX froze before the request was written.
    pub fn ask(&self, lane: Lane, request: A) -> impl Future<Output = Outcome<T>> + Send + use<A, T>
    where
        A: Send,
        T: Send,
    {
        let (mut command, answer) = Command::new(request, self.only_epoch, Instant::now() + self.request_deadline);
        command.send_before = self.send_before.map_or(command.deadline, |before| before.min(command.deadline));
        let lane = match lane {
            Lane::Urgent => &self.urgent,
            Lane::InOrder => &self.in_order,
        };
        let refused = lane.try_send(command).err().map(|error| match error {
            TrySendError::Full(_) => NotSent::QueueFull,
            TrySendError::Closed(_) => NotSent::Ended,
        });
        async move {
            match refused {
                // The link's task answers at the deadline; it drops the reply only when it ends.
                None => answer.await.unwrap_or(Outcome::Unknown(Unknown::ConnectionLost)),
                Some(why) => Outcome::NotSent(why),
            }
        }
    }

    /// The same handle, whose requests are written on connection `epoch` only and are not sent on a later one: for a
    /// decision made from what was known on that connection.
    #[must_use]
    pub fn in_epoch(&self, epoch: u64) -> Self {
        Self { only_epoch: Some(epoch), ..self.clone() }
    }

    /// The same handle, whose requests do not leave after an instant: they end as [`NotSent::Deadline`]. Looked at when a
    /// request is written, so that it holds for a process that was frozen meanwhile, too.
    #[must_use]
    pub fn sending_before(&self, send_before: Option<Instant>) -> Self {
        Self { send_before, ..self.clone() }
    }

    /// Messages from the PBX that could not be read, since the link was started.
    pub fn unreadable_messages(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Ends the link, for all clones. Requests in flight end as unknown.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Whether the link has ended for good: shut down, or replaced by another controller.
    pub fn has_ended(&self) -> bool {
        self.in_order.is_closed()
    }
}

impl<A, T> Clone for Handle<A, T> {
    fn clone(&self) -> Self {
        Self {
            urgent: self.urgent.clone(),
            in_order: self.in_order.clone(),
            stop: Arc::clone(&self.stop),
            unreadable: Arc::clone(&self.unreadable),
            ..*self
        }
    }
}

impl<A, T> fmt::Debug for Handle<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("only_epoch", &self.only_epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_keep_the_order_of_their_calls_whoever_waits_first_and_urgent_ones_pass() {
        let (handle, mut lanes, _stopped) = Handle::<u8, ()>::new(Duration::from_secs(5), Arc::default());
        let soon = Instant::now() + Duration::from_secs(1);
        let _waiting = [handle.ask(Lane::InOrder, 1), handle.sending_before(Some(soon)).ask(Lane::InOrder, 2)];
        let _waiting = handle.ask(Lane::Urgent, 3);
        let mut next = || lanes.try_recv().unwrap();
        assert_eq!((next().request, next().request), (3, 1));
        let last = next();
        assert_eq!((last.request, last.send_before), (2, soon));
        assert!(last.deadline > soon, "what was written in time is waited for as long as ever");
    }

    #[tokio::test]
    async fn a_lane_has_a_bound_and_an_end() {
        let (handle, lanes, _stopped) = Handle::<u8, ()>::new(Duration::from_secs(5), Arc::default());
        let _waiting: Vec<_> = (0..QUEUED_MAX).map(|_| handle.ask(Lane::InOrder, 1)).collect();
        assert_eq!(handle.ask(Lane::InOrder, 1).await, Outcome::NotSent(NotSent::QueueFull));
        drop(lanes);
        assert!(handle.has_ended());
        assert_eq!(handle.ask(Lane::Urgent, 1).await, Outcome::NotSent(NotSent::Ended));
    }
}
