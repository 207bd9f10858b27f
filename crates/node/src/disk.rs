//! The shell and its disk: one commit at a time, and what happens when there is none.

use crate::commits::{Committed, as_write, commit};
use crate::handle::Health;
use crate::live::PbxState;
use crate::shell::Shell;
use dialer::Event;
use domain::Masked;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, info};

/// Writes of one transaction, at most: bounds the time that one commit takes.
const WRITES_PER_COMMIT: usize = 4_000;
/// From the beginning of one commit to that of the next, at least. A commit costs the same few pages and the same wait
/// for the disk whether it holds one call's writes or five calls'; the first write after a quiet time goes at once.
const COMMIT_EVERY: Duration = Duration::from_millis(5);

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
        self.committing = Some(tokio::spawn(commit(self.store.clone(), batch)));
    }

    /// When the next commit may begin; `None`: nothing waits, or one is under way.
    pub(crate) fn commit_due(&self) -> Option<Instant> {
        if self.committing.is_some() || (self.pending.writes.is_empty() && self.pending.waiting.is_empty()) {
            return None;
        }
        Some(match self.commit_began {
            Some(began) if self.stopping.is_none() => began + COMMIT_EVERY,
            _ => Instant::now(),
        })
    }

    /// A commit came back.
    pub(crate) fn committed(&mut self, done: Result<Committed, tokio::task::JoinError>) {
        self.committing = None;
        match done {
            Ok(Committed::Done { events, took }) => {
                metrics::histogram!("carillon_commit_seconds").record(took.as_secs_f64());
                if self.storage_lost.take().is_some() {
                    info!("the database can be written again");
                    self.step(Event::StorageBack, None);
                    self.tell_health();
                }
                for event in events {
                    self.step(event, None);
                }
            }
            Ok(Committed::Failed { batch, why }) => {
                // What came meanwhile is younger: it goes behind.
                let younger = std::mem::replace(&mut self.pending, batch);
                self.pending.writes.extend(younger.writes);
                self.pending.waiting.extend(younger.waiting);
                self.storage_is_lost(why);
            }
            Err(error) => self.storage_is_lost(format!("the commit task failed: {error}")),
        }
    }

    /// Nothing new is begun until a commit succeeds.
    pub(crate) fn storage_is_lost(&mut self, why: String) {
        if self.storage_lost.as_ref() != Some(&why) {
            error!(why = %Masked(&why), "the database cannot be written: nothing new is dialled, calls go on");
        }
        self.storage_lost = Some(why);
        self.step_storage_lost();
        self.tell_health();
    }

    fn step_storage_lost(&mut self) {
        let mut out = Vec::new();
        self.dialer.step(self.clock.now(), Event::StorageLost, &mut out);
        self.pending.writes.extend(out.into_iter().filter_map(|command| as_write(command, None).ok()));
    }

    pub(crate) fn tell_health(&self) {
        let mut reasons: Vec<String> = Vec::new();
        if let Some(why) = &self.storage_lost {
            reasons.push(format!("the database cannot be written: {why}"));
        }
        let ready = reasons.is_empty();
        for (id, link) in self.links.iter().filter(|(_, link)| link.state != PbxState::Up) {
            let name = self.configuration.pbxs.get(id).map_or("", |(pbx, _)| pbx.name.as_str());
            reasons.push(format!("pbx {name:?}: {}", link.why));
        }
        if let Some(hold) = &self.hold {
            reasons.push(format!("dialling is held by {}: {}", hold.by, hold.why));
        }
        self.health.send_replace(Health { ready, reasons });
    }
}
