//! Keeping a lease.

use super::{Lease, RENEW_EVERY, SITE};
use crate::engine::{query, query_scalar};
use crate::error::Result;
use crate::scope::FIRST_TENANT;
use crate::sql::now;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// A renewal that takes longer is given up; the next one may be quicker.
const RENEWAL_DEADLINE: Duration = Duration::from_secs(2);

statements! {
    RENEW = "UPDATE site_lease SET renewals = renewals + 1, renewed_at = $4 \
        WHERE tenant_id = $1 AND site = $2 AND fence = $3";
    HOLDER = "SELECT holder FROM site_lease WHERE tenant_id = $1 AND site = $2";
}

/// Renews until the lease is lost or nobody needs it any more.
pub(super) fn start(lease: &Arc<Lease>) {
    let task = tokio::spawn(renew(Arc::downgrade(lease)));
    *lease.renewal.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
}

async fn renew(lease: Weak<Lease>) {
    let mut tick = tokio::time::interval(RENEW_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tick.tick().await;
        let Some(lease) = lease.upgrade() else { return };
        let asked_at = Instant::now();
        let renewed = tokio::time::timeout(RENEWAL_DEADLINE, once(&lease)).await;
        let why = match renewed {
            Ok(Ok(None)) => {
                lease.renewed(asked_at);
                if failing {
                    tracing::info!("the lease of the site is renewed again");
                }
                failing = false;
                continue;
            }
            Ok(Ok(Some(holder))) => {
                tracing::error!(holder, "another process has taken the lease of the site: nothing is sent any more");
                lease.lose(holder);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", RENEWAL_DEADLINE.as_secs()),
        };
        if !failing {
            tracing::warn!(why, "the lease of the site cannot be renewed: nothing is sent once it has run out");
        }
        failing = true;
    }
}

/// `Some`: it is another's.
async fn once(lease: &Lease) -> Result<Option<String>> {
    let renew = query(RENEW).bind(FIRST_TENANT.0).bind(SITE).bind(lease.fence).bind(now().0);
    if renew.execute(&lease.pool).await?.rows_affected() > 0 {
        return Ok(None);
    }
    let holder = query_scalar(HOLDER).bind(FIRST_TENANT.0).bind(SITE).fetch_optional(&lease.pool).await?;
    Ok(Some(holder.unwrap_or_default()))
}
