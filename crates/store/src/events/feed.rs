//! The end of the log, read once for everybody who follows it.
//!
//! One task reads what was committed and keeps the last events in memory; readers that keep up are served from there and
//! cost the database nothing. One that is behind reads pages of its own until it has caught up, a few readers at a time.
//! Nobody is sent anything: each takes its next batch when it is ready, so that a slow one holds nobody up.

use super::LogEvent;
use crate::db::Store;
use crate::error::{Error, Result};
use crate::scope::Scope;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};

/// Events in memory, at most; an event takes some 600 bytes.
const KEPT: usize = 4_096;
/// Events of one batch, at most.
const BATCH: usize = 256;
/// Events that the task reads at once.
const READ: u32 = 1_000;
/// Between two looks at the log, at least: a busy dialler commits a hundred times a second.
const REST: Duration = Duration::from_millis(20);
/// Between two looks when nobody tells of a commit: one whose answer was lost tells nobody.
const LOOK: Duration = Duration::from_secs(1);
/// After a look that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// Readers that are behind and read pages of their own, at a time.
const BEHIND: usize = 2;

/// What all its readers share. A clone is another way to the same.
#[derive(Debug, Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    recent: Mutex<Recent>,
    /// The last event that is in memory, or was.
    newest: watch::Sender<i64>,
    behind: Semaphore,
    arrived: Notify,
    closed: watch::Sender<bool>,
}

/// The events behind `from`, up to and with `to`.
#[derive(Debug, Default)]
struct Recent {
    from: i64,
    to: i64,
    events: VecDeque<Arc<LogEvent>>,
}

/// A reader's place in the log.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    position: i64,
    newest: watch::Receiver<i64>,
    closed: watch::Receiver<bool>,
}

/// Events that follow each other, and how far they reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Every event up to `upto` that was not given before.
    pub events: Vec<Arc<LogEvent>>,
    /// The place of the last one.
    pub upto: i64,
}

impl Feed {
    /// Follows the log of `store` while somebody reads; nothing is read while nobody does.
    pub fn start(store: Store) -> Self {
        let inner = Inner {
            store,
            recent: Mutex::default(),
            newest: watch::channel(0).0,
            behind: Semaphore::new(BEHIND),
            arrived: Notify::new(),
            closed: watch::channel(false).0,
        };
        let feed = Self { inner: Arc::new(inner) };
        tokio::spawn(follow(feed.clone()));
        feed
    }

    /// A reader that has read up to `after`.
    pub fn subscribe(&self, after: i64) -> Subscription {
        let newest = self.inner.newest.subscribe();
        self.inner.arrived.notify_one();
        Subscription { feed: self.clone(), position: after, newest, closed: self.inner.closed.subscribe() }
    }

    /// Ends every reader: the process stops.
    pub fn close(&self) {
        self.inner.closed.send_replace(true);
    }

    /// Those that follow it now.
    pub fn readers(&self) -> usize {
        self.inner.newest.receiver_count()
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Passes over what is not kept any more.
    pub fn skip_to(&mut self, place: i64) {
        self.position = self.position.max(place);
    }

    /// Where it stands: everything up to there was given.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next events, as soon as there are some; `None` when the feed was closed. May be dropped at any time: what it
    /// did not return is returned by the next call.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        loop {
            if *self.closed.borrow_and_update() {
                return Ok(None);
            }
            self.newest.borrow_and_update();
            let read = match self.look_in_memory() {
                Some(batch) => batch,
                None => self.look_in_database().await?,
            };
            if read.upto > self.position {
                self.position = read.upto;
                return Ok(Some(read));
            }
            tokio::select! {
                _ = self.newest.changed() => {}
                _ = self.closed.changed() => {}
            }
        }
    }

    /// `None`: it is behind what is in memory.
    fn look_in_memory(&self) -> Option<Batch> {
        let recent = self.feed.recent();
        if self.position < recent.from {
            return None;
        }
        let begin = recent.events.partition_point(|event| event.seq <= self.position);
        let events: Vec<_> = recent.events.iter().skip(begin).take(BATCH).cloned().collect();
        let upto = events.last().map_or(self.position, |event| event.seq);
        Some(Batch { events, upto })
    }

    async fn look_in_database(&self) -> Result<Batch> {
        // All that is not in memory was committed before this.
        let from = self.feed.recent().from;
        let _turn = self.feed.inner.behind.acquire().await.expect("it is never closed");
        let store = &self.feed.inner.store;
        let page = store.events_after(&Scope::installation(), self.position, BATCH as u32).await?;
        // Asked last: what is still kept now was kept when the page was read.
        let kept = store.retained_events().await?;
        if self.position > 0 && self.position < kept.dropped_to {
            return Err(Error::EventsDropped { after: self.position, oldest: kept.oldest });
        }
        let upto = page.last().map_or(from, |event| event.seq);
        Ok(Batch { events: page.into_iter().map(Arc::new).collect(), upto })
    }
}

/// Reads what is committed into memory, until the feed is closed.
async fn follow(feed: Feed) {
    let inner = &feed.inner;
    let mut wakes = inner.store.wakes();
    let mut closed = inner.closed.subscribe();
    let mut followed = false;
    loop {
        if *closed.borrow_and_update() {
            return;
        }
        if feed.readers() == 0 {
            followed = false;
            tokio::select! {
                () = inner.arrived.notified() => {}
                _ = closed.changed() => {}
            }
            continue;
        }
        wakes.borrow_and_update();
        let rest = match catch_up(&feed, followed).await {
            Ok(()) => {
                followed = true;
                REST
            }
            Err(error) => {
                tracing::warn!(%error, "the event log cannot be read: trying again");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = closed.changed() => continue,
        }
        tokio::select! {
            _ = wakes.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = closed.changed() => {}
        }
    }
}

/// Reads on to the end of the log. `followed`: what is in memory reaches up to the last look; otherwise it begins anew at
/// the end, and readers come there by pages of their own.
async fn catch_up(feed: &Feed, followed: bool) -> Result<()> {
    if !followed {
        let newest = feed.inner.store.retained_events().await?.newest;
        *feed.recent() = Recent { from: newest, to: newest, events: VecDeque::new() };
        feed.inner.newest.send_replace(newest);
    }
    loop {
        let to = feed.recent().to;
        let page = feed.inner.store.events_after(&Scope::installation(), to, READ).await?;
        let (count, Some(last)) = (page.len(), page.last().map(|event| event.seq)) else { return Ok(()) };
        {
            let mut recent = feed.recent();
            recent.events.extend(page.into_iter().map(Arc::new));
            recent.to = last;
            while recent.events.len() > KEPT {
                recent.from = recent.events.pop_front().map_or(recent.from, |event| event.seq);
            }
        }
        feed.inner.newest.send_replace(last);
        if count < READ as usize {
            return Ok(());
        }
    }
}
