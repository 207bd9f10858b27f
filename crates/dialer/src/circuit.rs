//! A trunk's circuit breaker: a carrier in a 503 storm must not burn the list.

use domain::{AttemptId, Mono, NumberKey};

/// Refusals in a row, on different numbers, that open the circuit.
pub const REFUSALS_TO_OPEN: usize = 5;
/// First pause, milliseconds.
pub const FIRST_PAUSE_MS: u64 = 10_000;
/// Longest pause, milliseconds.
pub const LONGEST_PAUSE_MS: u64 = 300_000;

/// Counts refusals and decides when a trunk rests.
#[derive(Debug, Default)]
pub struct CircuitBreaker {
    refused: Vec<NumberKey>,
    state: State,
    pause_ms: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Mono,
    },
    Probing {
        attempt: AttemptId,
    },
}

/// What the circuit says to a new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Dial.
    Dial,
    /// Dial this one, and no other before it has ended.
    Probe,
    /// Wait until then, or for the probe's end.
    Wait {
        /// `None`: a probe is out.
        until: Option<Mono>,
    },
}

impl CircuitBreaker {
    /// Whether a call may go out now.
    pub fn verdict(&self, now: Mono) -> Verdict {
        match self.state {
            State::Closed => Verdict::Dial,
            State::Open { until } if until <= now => Verdict::Probe,
            State::Open { until } => Verdict::Wait { until: Some(until) },
            State::Probing { .. } => Verdict::Wait { until: None },
        }
    }

    /// A call went out although the circuit was open: the probe.
    pub fn probing(&mut self, attempt: AttemptId) {
        self.state = State::Probing { attempt };
    }

    /// The carrier (or the PBX) refused a call. Returns the instant of the next probe when the circuit opened by it.
    pub fn refused(&mut self, now: Mono, attempt: AttemptId, number: NumberKey) -> Option<Mono> {
        match self.state {
            State::Closed => {
                if !self.refused.contains(&number) {
                    self.refused.push(number);
                }
                if self.refused.len() < REFUSALS_TO_OPEN {
                    return None;
                }
                self.pause_ms = FIRST_PAUSE_MS;
            }
            State::Probing { attempt: probe } if probe == attempt => {
                self.pause_ms = (self.pause_ms * 2).min(LONGEST_PAUSE_MS);
            }
            // Calls that were out already when it opened say nothing new.
            _ => return None,
        }
        self.refused.clear();
        let until = now.plus_ms(self.pause_ms);
        self.state = State::Open { until };
        Some(until)
    }

    /// A call got through to a telephone, busy ones included. Returns whether the circuit closed by it.
    pub fn passed(&mut self, attempt: AttemptId) -> bool {
        self.refused.clear();
        let was_open = match self.state {
            State::Closed => false,
            State::Probing { attempt: probe } => probe == attempt,
            State::Open { .. } => true,
        };
        if was_open {
            self.state = State::Closed;
        }
        was_open
    }

    /// The probe ended without telling anything (withdrawn, unknown): probe again at once.
    pub fn probe_lost(&mut self, now: Mono, attempt: AttemptId) {
        if self.state == (State::Probing { attempt }) {
            self.state = State::Open { until: now };
        }
    }

    /// `Some(Some(t))`: open until `t`; `Some(None)`: probing; `None`: closed.
    pub fn opens(&self) -> Option<Option<Mono>> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some(Some(until)),
            State::Probing { .. } => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(breaker: &mut CircuitBreaker, numbers: impl IntoIterator<Item = i64>) -> Option<Mono> {
        numbers.into_iter().filter_map(|n| breaker.refused(Mono(0), AttemptId(n), NumberKey(n))).last()
    }

    #[test]
    fn five_refusals_in_a_row_on_different_numbers_open_it() {
        let mut breaker = CircuitBreaker::default();
        assert_eq!(storm(&mut breaker, [1, 1, 1, 1, 1, 2, 3, 4]), None);
        assert_eq!(storm(&mut breaker, [5]), Some(Mono(10_000_000)));
        assert_eq!(breaker.verdict(Mono(0)), Verdict::Wait { until: Some(Mono(10_000_000)) });
    }

    #[test]
    fn an_answer_in_between_starts_the_count_again() {
        let mut breaker = CircuitBreaker::default();
        storm(&mut breaker, 1..=4);
        assert!(!breaker.passed(AttemptId(9)));
        assert_eq!(storm(&mut breaker, 5..=8), None);
    }

    #[test]
    fn the_pause_doubles_to_five_minutes_and_one_probe_goes_out() {
        let mut breaker = CircuitBreaker::default();
        let mut until = storm(&mut breaker, 1..=5).unwrap();
        let mut pauses = Vec::new();
        for n in 10..17 {
            assert_eq!(breaker.verdict(until), Verdict::Probe);
            breaker.probing(AttemptId(n));
            assert_eq!(breaker.verdict(until), Verdict::Wait { until: None });
            let next = breaker.refused(until, AttemptId(n), NumberKey(n)).unwrap();
            pauses.push((next.0 - until.0) / 1_000_000);
            until = next;
        }
        assert_eq!(pauses, [20, 40, 80, 160, 300, 300, 300]);
        breaker.probing(AttemptId(99));
        assert!(breaker.passed(AttemptId(99)));
        assert_eq!(breaker.verdict(until), Verdict::Dial);
    }
}
