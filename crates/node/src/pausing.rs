//! Agents of agents-first calls are paused in their queues meanwhile, and let on afterwards: never whom somebody else paused.
//!
//! Asterisk has one pause per member and knows no condition on it, so each is looked at right before it is changed.

use crate::link::Line;
use crate::shell::Shell;
use asterisk::Outcome;
use dialer::Pause;
use std::time::Duration;
use tracing::warn;

/// How long all queues of one agent may take. An agent who could not be paused by then is not called.
const DEADLINE: Duration = Duration::from_secs(4);

/// What is done to a member's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Pause,
    Unpause,
}

/// A pause on its way, with what is needed for it.
pub(crate) struct Pausing {
    client: ami::Client,
    reason: String,
    pause: Pause,
}

impl Shell {
    /// `None`: nothing leads to the PBX.
    pub(crate) fn pausing(&self, pause: Pause) -> Option<Pausing> {
        let Line::Ami(client) = self.manager(pause.pbx)? else { return None };
        Some(Pausing { client, reason: self.channels.pause_reason().to_owned(), pause })
    }

    /// For an agent who looks at somebody. Whatever comes of it: he is paused again before he is called.
    pub(crate) fn pause_agent(&self, pause: Pause) {
        self.pausing(pause).map(|pausing| tokio::spawn(async move { pausing.begin().await }));
    }

    /// Whatever comes of it: what stays paused is seen, and asked about again.
    pub(crate) fn unpause_agent(&self, pause: Pause) {
        self.pausing(pause).map(|pausing| tokio::spawn(async move { pausing.end().await }));
    }
}

impl Pausing {
    /// Whether the agent may be called: it is paused, or the PBX does not allow that, which is worth a warning and no reason
    /// to let a campaign stand still.
    pub(crate) async fn begin(self) -> bool {
        self.change(To::Pause).await
    }

    async fn end(self) {
        self.change(To::Unpause).await;
    }

    async fn change(&self, to: To) -> bool {
        let outcome = tokio::time::timeout(DEADLINE, self.each_queue(to)).await;
        let pbx = self.pause.pbx.0;
        let (outcome, goes_on) = match outcome {
            Ok(Outcome::Done(())) => ("done", true),
            Ok(Outcome::Refused { message, .. }) => {
                let what = if to == To::Pause { "paused" } else { "let on" };
                warn!(pbx.id = pbx, message, "an agent was not {what}: may the manager user write `agent`?");
                ("refused", true)
            }
            Ok(Outcome::Unknown(_) | Outcome::NotSent(_)) | Err(_) => ("unknown", false),
        };
        let to = if to == To::Pause { "pause" } else { "unpause" };
        metrics::counter!("carillon_agent_pauses_total", "to" => to, "outcome" => outcome).increment(1);
        goes_on
    }

    async fn each_queue(&self, to: To) -> Outcome<()> {
        let client = &self.client;
        let Pause { interface, queues, .. } = &self.pause;
        for queue in queues {
            let member = match client.queue_member(queue, interface).await {
                Outcome::Done(Some(member)) => member,
                Outcome::Done(None) => continue,
                other => return other.map(drop),
            };
            let ours = member.paused && member.paused_reason == self.reason;
            let changed = match to {
                To::Pause if !member.paused => client.queue_pause(queue, interface, Some(&self.reason)).await,
                To::Unpause if ours => client.queue_pause(queue, interface, None).await,
                _ => continue,
            };
            if !matches!(changed, Outcome::Done(())) {
                return changed;
            }
        }
        Outcome::Done(())
    }
}
