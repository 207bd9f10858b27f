//! The lease of the site: one process dials, and one that lost the lease does not, whatever it believes.
//!
//! Whoever opens a store takes the lease and raises its *fence*. Every transaction that writes proves its fence in the
//! same transaction. On SQLite the file's lock keeps others away, so the lease lasts as long as the process. On PostgreSQL
//! it is renewed every second and lasts [`LEASE`] from the moment a renewal was asked for, by the holder's own monotonic
//! clock; another process takes it when it saw no renewal for [`TAKE_OVER_AFTER`], by *its* own clock: no two clocks are
//! compared. A holder that died on the same machine is taken over at once.

mod process;
mod renewal;
mod take;

pub(crate) use take::take;

use crate::db::Store;
use crate::engine::{Connection, Pool, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::FIRST_TENANT;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// From the moment that a renewal is asked for, calls may be sent this long.
pub const LEASE: Duration = Duration::from_secs(4);
/// A lease that was not renewed this long, as seen by another process, is taken over. Longer than [`LEASE`].
pub const TAKE_OVER_AFTER: Duration = Duration::from_secs(5);
/// Between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// The version of the schema that made the tables.
pub(crate) const SINCE: i64 = 4;
/// Of nobody who ever took the lease.
const NO_FENCE: i64 = -1;
/// The site of this installation.
const SITE: i64 = 1;

statements! {
    GUARD = "UPDATE site_writer SET commits = commits + $4 WHERE tenant_id = $1 AND site = $2 AND fence = $3 \
        RETURNING commits";
    HOLDER = "SELECT holder FROM site_lease WHERE tenant_id = $1 AND site = $2";
    RELEASE = "UPDATE site_lease SET holder = '' WHERE tenant_id = $1 AND site = $2 AND fence = $3";
}

/// The lease that this process took.
#[derive(Debug)]
pub(crate) struct Lease {
    fence: i64,
    /// Until when calls may be sent; `None`: as long as the process lives.
    until: Mutex<Option<Instant>>,
    /// Who took it from us.
    lost: watch::Sender<Option<String>>,
    renewal: Mutex<Option<JoinHandle<()>>>,
    /// Where it is renewed and given back: not the writer, which may be busy.
    pool: Pool,
}

impl Lease {
    /// Of a store that only reads: no lease, and no call may be sent.
    pub(crate) fn none(pool: Pool) -> Self {
        let until = Mutex::new(Some(Instant::now()));
        Self { fence: NO_FENCE, until, lost: watch::channel(None).0, renewal: Mutex::default(), pool }
    }

    /// `asked_at`: when it was asked for, `None` when it needs no renewal.
    fn new(fence: i64, asked_at: Option<Instant>, pool: Pool) -> Self {
        let until = Mutex::new(asked_at.map(|at| at + LEASE));
        Self { fence, until, lost: watch::channel(None).0, renewal: Mutex::default(), pool }
    }

    /// Proves the fence in a transaction, which from then on nobody overtakes. `count` is 1 for the journal, 0 for others.
    /// Returns how many commits of the journal there are then.
    pub(crate) async fn guard(&self, count: i64, connection: &mut Connection) -> Result<i64> {
        let guard = query_scalar(GUARD).bind(FIRST_TENANT.0).bind(SITE).bind(self.fence).bind(count);
        match guard.fetch_optional(&mut *connection).await? {
            Some(commits) => Ok(commits),
            None => {
                let holder = query_scalar(HOLDER).bind(FIRST_TENANT.0).bind(SITE).fetch_optional(connection).await?;
                Err(self.lose(holder.unwrap_or_default()))
            }
        }
    }

    /// Nothing is sent under this lease any more.
    fn lose(&self, holder: String) -> Error {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.lost.send_if_modified(|lost| lost.is_none() && lost.replace(holder.clone()).is_none());
        Error::Fenced { holder }
    }

    fn renewed(&self, asked_at: Instant) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lost.borrow().is_none() {
            *until = Some(asked_at + LEASE);
        }
    }

    /// Gives it back, so that the next process need not wait.
    pub(crate) async fn release(&self) {
        if self.fence == NO_FENCE {
            return;
        }
        self.stop_renewal();
        let release = query(RELEASE).bind(FIRST_TENANT.0).bind(SITE).bind(self.fence).execute(&self.pool);
        // A database that is away: then it runs out.
        let _ = tokio::time::timeout(RENEW_EVERY, release).await;
    }

    fn stop_renewal(&self) {
        if let Some(task) = self.renewal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop_renewal();
        if self.fence == NO_FENCE {
            return;
        }
        // Forgotten to close: given back as well as can be.
        if let (Pool::Postgres(_), Ok(runtime)) = (&self.pool, tokio::runtime::Handle::try_current()) {
            let (pool, fence) = (self.pool.clone(), self.fence);
            runtime.spawn(async move {
                query(RELEASE).bind(FIRST_TENANT.0).bind(SITE).bind(fence).execute(&pool).await.ok();
            });
        }
    }
}

impl Store {
    /// No call may be sent after this instant, because another process may have taken over by then; `None`: no bound.
    /// To be compared as late as possible, with the monotonic clock: a process that was frozen does not know it.
    pub fn send_before(&self) -> Option<Instant> {
        *self.lease().until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves, with the name of the new holder, when another process has taken the lease. Never otherwise.
    pub async fn fenced(&self) -> String {
        let mut lost = self.lease().lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(holder) => holder.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [STATEMENTS, renewal::STATEMENTS, take::STATEMENTS].concat()
}

#[cfg(test)]
mod tests;
