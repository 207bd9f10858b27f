//! Deadlines of legs, on the clock that never steps.

use domain::{LegId, Mono};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The callee had its time to answer.
    AnswerTimeout,
    /// The route had its time to show life.
    ProgressTimeout,
    /// The conversation had its time.
    ForcedClosure,
    /// Who answered and has no agent is brought to the recorded message.
    Harbour,
    /// Who answered had the time in which an agent has to be there.
    ConnectDeadline,
    /// An agent had its time to decide.
    ReservationOver,
    /// A hang-up should have been confirmed by now, or an unknown leg should be looked for.
    LookUp,
}

/// Deadlines in order. A leg that ended leaves its entries behind; they are dropped when their time comes.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(Mono, LegId, Timer)>>);

impl Timers {
    /// Sets a deadline.
    pub fn set(&mut self, at: Mono, leg: LegId, timer: Timer) {
        self.0.push(Reverse((at, leg, timer)));
    }

    /// The earliest deadline that has passed.
    pub fn pop_due(&mut self, now: Mono) -> Option<(Mono, LegId, Timer)> {
        let Reverse((at, leg, timer)) = *self.0.peek()?;
        (at <= now).then(|| {
            self.0.pop();
            (at, leg, timer)
        })
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Mono> {
        self.0.peek().map(|Reverse((at, ..))| *at)
    }
}
