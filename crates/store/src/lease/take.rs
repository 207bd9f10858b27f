//! Taking a lease.

use super::{Lease, SITE, TAKE_OVER_AFTER, process, renewal};
use crate::engine::{Pool, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::FIRST_TENANT;
use crate::sql::{Columns, now};
use domain::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a lease that seems to be held is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

statements! {
    LOOK = "SELECT fence, holder, process, renewals, renewed_at FROM site_lease WHERE tenant_id = $1 AND site = $2";
    // Nobody else took or renewed it since it was looked at.
    TAKE = "UPDATE site_lease SET fence = fence + 1, holder = $5, process = $6, renewals = renewals + 1, renewed_at = $7 \
        WHERE tenant_id = $1 AND site = $2 AND fence = $3 AND renewals = $4 RETURNING fence";
    // Waits for a transaction of the holder before.
    FENCE = "UPDATE site_writer SET fence = $3 WHERE tenant_id = $1 AND site = $2";
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    fence: i64,
    holder: String,
    process: String,
    renewals: i64,
    renewed_at: Timestamp,
}

/// Takes the lease; on PostgreSQL waits up to [`TAKE_OVER_AFTER`] to see whether its holder lives, and renews it from
/// then on over `pool`. [`Error::Leased`]: the holder lives.
pub(crate) async fn take(writer: &Pool, pool: Pool) -> Result<Arc<Lease>> {
    let first_look = Instant::now();
    let first = look(writer).await?;
    // The file's lock is ours: whoever held the lease is dead.
    let mut is_free = matches!(writer, Pool::Sqlite(_));
    let mut seen = first;
    loop {
        is_free |= seen.holder.is_empty() || process::is_dead(&seen.process) || first_look.elapsed() >= TAKE_OVER_AFTER;
        if is_free {
            let asked_at = Instant::now();
            if let Some(fence) = try_take(writer, &seen).await? {
                if !seen.holder.is_empty() {
                    tracing::warn!(from = seen.holder, fence, "took over the lease of the site");
                }
                return Ok(held(fence, asked_at, pool));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let now_seen = look(writer).await?;
        let lives = (now_seen.fence, now_seen.renewals) != (seen.fence, seen.renewals);
        if lives && !now_seen.holder.is_empty() {
            let age_ms = now().ms_since(now_seen.renewed_at).max(0);
            return Err(Error::Leased { holder: now_seen.holder, fence: now_seen.fence, age_ms });
        }
        is_free = false;
        seen = now_seen;
    }
}

fn held(fence: i64, asked_at: Instant, pool: Pool) -> Arc<Lease> {
    match pool {
        Pool::Sqlite(_) => Arc::new(Lease::new(fence, None, pool)),
        Pool::Postgres(_) => {
            let lease = Arc::new(Lease::new(fence, Some(asked_at), pool));
            renewal::start(&lease);
            lease
        }
    }
}

async fn look(writer: &Pool) -> Result<Seen> {
    let row = query(LOOK).bind(FIRST_TENANT.0).bind(SITE).fetch_one(writer).await?;
    Ok(Seen {
        fence: row.int("fence")?,
        holder: row.text("holder")?,
        process: row.text("process")?,
        renewals: row.int("renewals")?,
        renewed_at: row.at("renewed_at")?,
    })
}

/// The new fence; `None`: somebody was quicker.
async fn try_take(writer: &Pool, seen: &Seen) -> Result<Option<i64>> {
    let mut transaction = writer.begin_write().await?;
    let taken: Option<i64> = query_scalar(TAKE)
        .bind(FIRST_TENANT.0)
        .bind(SITE)
        .bind(seen.fence)
        .bind(seen.renewals)
        .bind(process::holder())
        .bind(process::identity())
        .bind(now().0)
        .fetch_optional(&mut transaction)
        .await?;
    let Some(fence) = taken else { return Ok(None) };
    query(FENCE).bind(FIRST_TENANT.0).bind(SITE).bind(fence).execute(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Some(fence))
}
