//! What systemd is told: that the server is ready, that it lives, what it does, that it stops. Without systemd
//! (no `NOTIFY_SOCKET`) nobody is told anything.

use node::Handle;
use sd_notify::NotifyState;
use std::time::Duration;
use tracing::{info, warn};

/// Between two words without a watchdog.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Between two words with one: often enough that one lost word costs nothing.
const PER_WATCHDOG: u32 = 3;
/// Longest status, in characters.
const STATUS_CHARS: usize = 200;

/// The server serves. From now on the watchdog is fed as long as the dialler's own task comes round: a process that
/// merely exists is not alive.
pub(super) fn ready(node: Handle) {
    tell(&[NotifyState::Ready, NotifyState::Status(&status(&node))]);
    let watchdog = sd_notify::watchdog_enabled();
    if let Some(deadline) = watchdog {
        info!(deadline_s = deadline.as_secs(), "systemd watches the dialler");
    }
    let every = watchdog.map_or(TELL_EVERY, |deadline| (deadline / PER_WATCHDOG).max(Duration::from_millis(100)));
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(every);
        loop {
            tick.tick().await;
            match tokio::time::timeout(every, node.turn()).await {
                Ok(Ok(())) => tell(&[NotifyState::Watchdog, NotifyState::Status(&status(&node))]),
                _ => warn!("the dialler's task does not come round: systemd is not told that it lives"),
            }
        }
    });
}

/// The server stops.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: no further call is placed")]);
}

fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        warn!(%error, "systemd cannot be told");
    }
}

/// One line.
fn status(node: &Handle) -> String {
    let health = node.health();
    let state = if health.ready { "ready" } else { "not ready" };
    let text = if health.reasons.is_empty() { state.into() } else { format!("{state}: {}", health.reasons.join("; ")) };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATUS_CHARS).collect()
}
