//! Agents who ask for somebody to call: their questions, until the dialler answers and the answer is on disk.

use crate::shell::Shell;
use dialer::Event;
pub use dialer::{NoReservation, Reservation, Wish};
use domain::AttemptId;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tracing::info;

/// What an agent wants with its reserved call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Have it dialled.
    Dial,
    /// Not have it; its word for why, at most 64 characters, or empty.
    Skip(String),
    /// Give it back, for whoever asks next.
    Release,
}

type Decided = oneshot::Sender<Result<(), NoReservation>>;

/// Questions that are not answered yet. Each is, within a commit or two.
#[derive(Debug, Default)]
pub(crate) struct AgentsWaiting {
    asked: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
enum Waiting {
    Call(oneshot::Sender<Result<Reservation, NoReservation>>),
    Decision(Decided),
}

impl AgentsWaiting {
    fn ask(&mut self, waiting: Waiting) -> u64 {
        self.asked += 1;
        self.waiting.insert(self.asked, waiting);
        self.asked
    }
}

impl Shell {
    pub(crate) fn reserve(&mut self, wish: Wish, done: oneshot::Sender<Result<Reservation, NoReservation>>) {
        let request = self.agents_waiting.ask(Waiting::Call(done));
        self.step(Event::AgentReserves { request, wish }, None);
    }

    pub(crate) fn decide(&mut self, attempt: AttemptId, decision: Decision, done: Decided) {
        let request = self.agents_waiting.ask(Waiting::Decision(done));
        info!(attempt.id = attempt.0, dial = decision == Decision::Dial, "an agent decides on its reserved call");
        let word = match decision {
            Decision::Dial => "dial",
            Decision::Skip(_) => "skip",
            Decision::Release => "release",
        };
        metrics::counter!("carillon_reservation_decisions_total", "decision" => word).increment(1);
        let event = match decision {
            Decision::Dial => Event::AgentAccepts { request, attempt },
            Decision::Skip(status) => Event::AgentSkips { request, attempt, status },
            Decision::Release => Event::AgentReleases { request, attempt },
        };
        self.step(event, None);
    }

    /// Whoever gave up waiting does not mind.
    pub(crate) fn reserved(&mut self, request: u64, answer: Result<AttemptId, NoReservation>) {
        match (self.agents_waiting.waiting.remove(&request), answer) {
            (Some(Waiting::Call(done)), answer) => {
                let result = if answer.is_ok() { "shown" } else { "nobody" };
                metrics::counter!("carillon_reservations_total", "result" => result).increment(1);
                let found = |id| self.dialer.reservation(id).ok_or(NoReservation::NobodyToCall);
                let _ = done.send(answer.and_then(found));
            }
            (Some(Waiting::Decision(done)), Ok(_)) => {
                let (written, on_disk) = oneshot::channel();
                self.pending.waiting.push(written);
                tokio::spawn(async move {
                    if on_disk.await.is_ok() {
                        let _ = done.send(Ok(()));
                    }
                });
            }
            (Some(Waiting::Decision(done)), Err(no)) => {
                let _ = done.send(Err(no));
            }
            (None, _) => {}
        }
    }
}
