//! The shell and its disk: one commit at a time, and what happens when there is none.

use crate::commits::{Committed, commit};
use crate::handle::Health;
use crate::inputs::Input;
use crate::live::{LiveStorage, PbxState};
use crate::shell::Shell;
use dialer::Event;
use domain::Masked;
use std::time::Duration;
use store::Store;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

/// Writes of one transaction, at most: bounds the time that one commit takes.
const WRITES_PER_COMMIT: usize = 4_000;
/// From the beginning of one commit to that of the next, at least. A commit costs the same few pages and the same wait
/// for the disk whether it holds one call's writes or five calls'; the first write after a quiet time goes at once.
const COMMIT_EVERY: Duration = Duration::from_millis(5);
/// Pause before a failed commit is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// A commit that takes longer stops new calls until it is back: early enough to be told within a second.
const COMMIT_LATE: Duration = Duration::from_millis(700);
/// Writes that may wait for the disk before nothing new is begun.
const WRITES_MAX: usize = 20_000;
/// How often the free space of the database's disk is looked at.
const SPACE_EVERY: Duration = Duration::from_secs(1);

/// What the disk lacks. Anything of it stops new calls; calls up go on, and what is to be written about them waits.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    /// Why the last commit failed.
    failed: Option<String>,
    /// When the failed commit is tried again.
    retry_at: Option<Instant>,
    /// The disk is nearly full.
    pub(crate) low: Option<String>,
    /// As it was told: since when nothing new is begun, and why.
    pub(crate) paused: Option<LiveStorage>,
}

impl Shell {
    /// Sends what waits to disk, unless a commit is under way or began a moment ago.
    pub(crate) fn start_commit(&mut self) {
        if self.commit_due().is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.commit_began = Some(Instant::now());
        let mut batch = std::mem::take(&mut self.pending);
        if batch.writes.len() > WRITES_PER_COMMIT {
            self.pending.writes = batch.writes.split_off(WRITES_PER_COMMIT);
            self.pending.waiting = std::mem::take(&mut batch.waiting);
        }
        let doubted = self.storage.retry_at.take().is_some();
        self.committing = Some(tokio::spawn(commit(self.store.clone(), batch, doubted, self.touches.clone())));
    }

    /// When the next commit may begin; `None`: nothing waits, or one is under way.
    pub(crate) fn commit_due(&self) -> Option<Instant> {
        if self.committing.is_some() || (self.pending.writes.is_empty() && self.pending.waiting.is_empty()) {
            return None;
        }
        Some(match self.commit_began {
            _ if self.storage.retry_at.is_some() => self.storage.retry_at?,
            Some(began) if self.stopping.is_none() => began + COMMIT_EVERY,
            _ => Instant::now(),
        })
    }

    /// When the commit under way counts as late; `None`: there is none, or it does already.
    pub(crate) fn commit_late(&self) -> Option<Instant> {
        let late = self.commit_began.filter(|_| self.committing.is_some())? + COMMIT_LATE;
        (self.storage.paused.is_none() || late > Instant::now()).then_some(late)
    }

    /// A commit came back.
    pub(crate) fn committed(&mut self, done: Result<Committed, tokio::task::JoinError>) {
        self.committing = None;
        match done {
            Ok(Committed::Done { events, took }) => {
                metrics::histogram!("carillon_commit_seconds").record(took.as_secs_f64());
                self.storage.failed = None;
                // What was decided is known before anything new is.
                for event in events {
                    self.step(event, None);
                }
            }
            Ok(Committed::Failed { batch, why }) => {
                // What came meanwhile is younger: it goes behind.
                let younger = std::mem::replace(&mut self.pending, batch);
                self.pending.writes.extend(younger.writes);
                self.pending.waiting.extend(younger.waiting);
                self.storage.retry_at = Some(Instant::now() + RETRY_EVERY);
                self.storage.failed = Some(why);
            }
            // The task holds no code that can panic: the store's runs in a task of its own. Should it, the batch is
            // gone with it, and the next start compares the calls with the database.
            Err(error) => self.storage.failed = Some(format!("the commit task failed: {error}")),
        }
    }

    /// Nothing new is begun while the disk lacks anything. Asked after every turn of the shell.
    pub(crate) fn weigh_storage(&mut self) {
        let late = self.committing.is_some() && self.commit_began.is_some_and(|began| began.elapsed() >= COMMIT_LATE);
        let why = if let Some(why) = &self.storage.failed {
            Some(format!("the database cannot be written: {why}"))
        } else if late {
            Some("the database does not answer: a commit is under way for too long".to_owned())
        } else if self.pending.writes.len() > WRITES_MAX {
            Some("the database is too slow: writes pile up".to_owned())
        } else {
            self.storage.low.clone()
        };
        match (why, &mut self.storage.paused) {
            (Some(why), Some(paused)) if paused.why == why => return,
            (Some(why), Some(paused)) => {
                error!(why = %Masked(&why), "nothing new is dialled, calls go on");
                paused.why = why;
            }
            (Some(why), paused) => {
                error!(why = %Masked(&why), "nothing new is dialled, calls go on");
                *paused = Some(LiveStorage { since: self.clock.now().wall, why });
                self.step(Event::StorageLost, None);
            }
            (None, None) => return,
            (None, paused) => {
                *paused = None;
                info!("the database can be written again");
                self.step(Event::StorageBack, None);
            }
        }
        self.tell_health();
    }

    pub(crate) fn tell_health(&self) {
        let mut reasons: Vec<String> = Vec::new();
        if let Some(storage) = &self.storage.paused {
            reasons.push(storage.why.clone());
        }
        let ready = reasons.is_empty();
        for (id, link) in self.links.iter().filter(|(_, link)| link.state != PbxState::Up) {
            let name = self.configuration.pbxs.get(id).map_or("", |(pbx, _)| pbx.name.as_str());
            reasons.push(format!("pbx {name:?}: {}", link.why));
        }
        if let Some(hold) = &self.hold {
            reasons.push(format!("dialling is held by {}: {}", hold.by, hold.why));
        }
        self.health.send_replace(Health { ready, reasons, storage: self.storage.paused.clone() });
    }
}

/// Looks at the free space of the database's disk for ever: below `min_bytes` the shell is told, and told again when
/// there is an eighth more than that. A database on another machine has no disk to look at.
pub(crate) async fn watch_space(store: Store, min_bytes: u64, shell: mpsc::Sender<Input>) {
    const MIB: u64 = 1 << 20;
    let mut tick = tokio::time::interval(SPACE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let enough = min_bytes + min_bytes / 8;
    let mut low = false;
    loop {
        tick.tick().await;
        let looked = store.clone();
        // A disk that hangs hangs here, too: one thread of the pool, until it is back.
        let free = match tokio::task::spawn_blocking(move || looked.free_bytes()).await {
            Ok(Ok(Some(free))) => free,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(error)) => {
                warn!(%error, "the free space of the database's disk is not known");
                return;
            }
        };
        metrics::gauge!("carillon_disk_free_bytes").set(free as f64);
        let now_low = free < if low { enough } else { min_bytes };
        if now_low == low {
            continue;
        }
        low = now_low;
        let why = format!(
            "the disk of the database is nearly full: {} MiB are free, new calls begin again at {} MiB",
            free / MIB,
            enough.div_ceil(MIB)
        );
        if shell.send(Input::Space(low.then_some(why))).await.is_err() {
            return;
        }
    }
}
