//! What a server does beside its work, all day: it deletes what is older than it is kept.

use metrics::counter;
use std::time::Duration;
use store::{Retention, Scope, Store, Swept};
use tracing::{info, warn};

/// Between two looks for what has become too old.
const EVERY: Duration = Duration::from_secs(3_600);
/// After the start: what calls need comes first.
const FIRST: Duration = Duration::from_secs(60);
/// Between two steps of a deletion, while nothing is dialled and while calls are made.
const REST: Duration = Duration::from_millis(20);
const REST_WHILE_DIALLING: Duration = Duration::from_millis(250);

/// Runs until it is dropped.
pub(super) async fn run(store: Store, keep: Retention) {
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + FIRST, EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match sweep(&store, keep).await {
            Ok(swept) if swept.is_nothing() => {}
            Ok(Swept { events, attempts, turns, audit, .. }) => {
                info!(events, attempts, turns, audit, "deleted what was older than it is kept");
            }
            Err(error) => warn!(%error, "what is older than it is kept could not be deleted: tried again in an hour"),
        }
    }
}

/// One deletion, in steps that leave the writer to others.
async fn sweep(store: &Store, keep: Retention) -> store::Result<Swept> {
    let mut all = Swept::default();
    loop {
        let now = store::now();
        let swept = store.sweep(&Scope::installation(), keep, now).await?;
        if swept.is_nothing() {
            return Ok(all);
        }
        counter!("carillon_deleted_rows_total", "kind" => "event").increment(swept.events);
        counter!("carillon_deleted_rows_total", "kind" => "attempt").increment(swept.attempts);
        all.events += swept.events;
        all.attempts += swept.attempts;
        all.turns += swept.turns;
        all.told += swept.told;
        all.audit += swept.audit;
        all.letters += swept.letters;
        tokio::time::sleep(if store.is_dialling() { REST_WHILE_DIALLING } else { REST }).await;
    }
}
