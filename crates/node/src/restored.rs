//! The hold after a restore ends by itself when the longest gap is over.

use crate::clock::wall;
use crate::handle::{Handle, NodeError};
use std::time::Duration;
use store::restore::{OpenRestore, Settled};
use store::{Scope, Store};
use tracing::{info, warn};

/// Who ends it.
const BY: &str = "carillon";
/// How often the wall clock is looked at: a sleep of a day would not notice that it was set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Waits for the end of the hold and lifts it, unless somebody did before. A hold of another reason stays.
pub(crate) async fn wait(restore: OpenRestore, store: Store, handle: Handle) {
    warn!(
        backup.taken_at = %restore.taken_at, lift_at = %restore.lift_at,
        "the database was restored from a backup, dialling is held: see `carillon dialling status`"
    );
    loop {
        let left_us = restore.lift_at.0.saturating_sub(wall().0);
        let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
        if left > LOOK_EVERY {
            continue;
        }
        match end(&restore, &store, &handle).await {
            Ok(()) => return,
            Err(error) => {
                warn!(%error, "the hold after the restore could not be lifted; it is tried again");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

async fn end(restore: &OpenRestore, store: &Store, handle: &Handle) -> Result<(), NodeError> {
    let scope = Scope::installation();
    if wall() < restore.lift_at {
        return Err(NodeError::Conflict("the clock was set back".to_owned()));
    }
    if !store.settle_restore(&scope, BY, Settled::Elapsed, wall()).await? {
        return Ok(());
    }
    info!("the longest gap is over since the restore: who was called before it may be called again");
    if store.hold(&scope).await?.is_none() {
        handle.dial_on().await?;
    }
    Ok(())
}
