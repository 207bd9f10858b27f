//! Congestion control: so many messages per unit of time, and not one more.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Never more than `per_unit` messages in any span of `unit`, wherever it begins.
#[derive(Debug)]
pub(crate) struct Pace {
    per_unit: usize,
    unit: Duration,
    /// The last messages, oldest first, `per_unit` at most.
    sent: VecDeque<Instant>,
}

impl Pace {
    /// `per_unit` is at least 1.
    pub(crate) fn new(per_unit: u32, unit: Duration) -> Self {
        let per_unit = usize::try_from(per_unit.max(1)).expect("u32 fits usize here");
        Self { per_unit, unit, sent: VecDeque::with_capacity(per_unit) }
    }

    /// When the next message may leave; `None`: now.
    pub(crate) fn ready_at(&self, now: Instant) -> Option<Instant> {
        let oldest = (self.sent.len() == self.per_unit).then(|| self.sent.front()).flatten()?;
        Some(*oldest + self.unit).filter(|ready| *ready > now)
    }

    /// Notes a message, after it was written: the PBX sees them no closer together than this.
    pub(crate) fn sent(&mut self, at: Instant) {
        if self.sent.len() == self.per_unit {
            self.sent.pop_front();
        }
        self.sent.push_back(at);
    }

    /// Waits until the next message may leave.
    pub(crate) async fn ready(&self) {
        if let Some(at) = self.ready_at(Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_span_of_a_unit_holds_more_than_its_messages(
            per_unit in 1_u32..8,
            unit_ms in 1_u64..100,
            waits in proptest::collection::vec(0_u64..30, 1..100),
        ) {
            let unit = Duration::from_millis(unit_ms);
            let mut pace = Pace::new(per_unit, unit);
            let mut now = Instant::now();
            let mut sent: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                now = pace.ready_at(now).unwrap_or(now);
                pace.sent(now);
                sent.push(now);
            }
            for (index, begin) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|at| **at < *begin + unit).count();
                prop_assert!(within <= per_unit as usize, "{within} of {per_unit}");
            }
        }
    }

    #[test]
    fn a_burst_of_the_default_pace_is_a_hundred_a_second() {
        let mut pace = Pace::new(5, Duration::from_millis(50));
        let begin = Instant::now();
        let mut now = begin;
        for _ in 0..100 {
            now = pace.ready_at(now).unwrap_or(now);
            pace.sent(now);
        }
        assert_eq!(now - begin, Duration::from_millis(950));
    }
}
