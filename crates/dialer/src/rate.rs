//! Calls started per second: decided evenly spaced and never more than the number in any second, and sent so that a slow
//! disk between decision and sending does not bunch them.

use domain::Mono;
use std::collections::VecDeque;

const SECOND_US: u64 = 1_000_000;
/// How much of a stall (a late timer, a slow step) is made up for by starts closer together, in microseconds. What
/// leaves in a second never exceeds the rate.
const CATCH_UP_US: u64 = 250_000;
/// The disk's usual jitter: so much may be missing from a second between two sendings.
const JITTER_US: u64 = 20_000;

/// The rate of one trunk or PBX. `per_second` 0 = unlimited.
#[derive(Debug)]
pub struct Rate {
    per_second: u32,
    /// The slot of the next start.
    next_at: Mono,
    /// The last `per_second` starts, oldest first.
    starts: VecDeque<Mono>,
    /// The last `per_second` sendings, oldest first.
    sent: VecDeque<Mono>,
}

impl Rate {
    /// At most `per_second` starts in any second; 0 = unlimited.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, next_at: Mono(0), starts: VecDeque::new(), sent: VecDeque::new() }
    }

    /// Changes the rate; starts already made still count.
    pub fn set(&mut self, per_second: u32) {
        if per_second != self.per_second {
            self.per_second = per_second;
            self.next_at = Mono(0);
            for times in [&mut self.starts, &mut self.sent] {
                let surplus = times.len().saturating_sub(per_second as usize);
                times.drain(..surplus);
            }
        }
    }

    /// When the next start is allowed; not later than now when it is allowed now.
    pub fn allowed_at(&self) -> Mono {
        if self.per_second == 0 {
            return Mono(0);
        }
        let window = match self.starts.front() {
            Some(first) if self.starts.len() >= self.per_second as usize => Mono(first.0 + SECOND_US),
            _ => Mono(0),
        };
        window.max(self.next_at)
    }

    /// Takes a slot.
    pub fn take(&mut self, now: Mono) {
        if self.per_second == 0 {
            return;
        }
        let interval = SECOND_US / u64::from(self.per_second);
        self.next_at = Mono(self.next_at.0.max(now.0.saturating_sub(CATCH_UP_US)) + interval);
        push(&mut self.starts, now, self.per_second);
    }

    /// When a start that was decided may be sent. The disk's usual jitter is let through.
    pub fn may_send_at(&self) -> Mono {
        match self.sent.front() {
            Some(first) if self.per_second > 0 && self.sent.len() >= self.per_second as usize => {
                Mono(first.0 + SECOND_US - JITTER_US)
            }
            _ => Mono(0),
        }
    }

    /// A start was sent.
    pub fn sent(&mut self, now: Mono) {
        push(&mut self.sent, now, self.per_second);
    }
}

fn push(times: &mut VecDeque<Mono>, now: Mono, keep: u32) {
    times.push_back(now);
    if times.len() > keep as usize {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts made in `seconds`, asking every `step` microseconds.
    fn starts(per_second: u32, seconds: u64, step: u64) -> Vec<u64> {
        let mut rate = Rate::new(per_second);
        let mut starts = Vec::new();
        for now in (0..seconds * SECOND_US).step_by(step as usize) {
            while rate.allowed_at() <= Mono(now) {
                rate.take(Mono(now));
                starts.push(now);
            }
        }
        starts
    }

    #[test]
    fn no_second_holds_more_starts_than_the_rate() {
        for (per_second, step) in [(1, 1_000), (3, 7_000), (10, 130_000), (300, 1_000)] {
            let made = starts(per_second, 10, step);
            for (i, start) in made.iter().enumerate() {
                let within = made[i..].iter().take_while(|other| **other < start + SECOND_US).count();
                assert!(within <= per_second as usize, "{within} starts in a second at {per_second}/s");
            }
        }
    }

    #[test]
    fn a_stall_of_up_to_a_quarter_of_a_second_is_made_up_for() {
        for per_second in [10, 40, 100] {
            let mut rate = Rate::new(per_second);
            let mut made = 0;
            // In every second nobody asks for the first 200 ms.
            for now in (0..10 * SECOND_US).step_by(1_000).filter(|now| now % SECOND_US >= 200_000) {
                while rate.allowed_at() <= Mono(now) {
                    rate.take(Mono(now));
                    made += 1;
                }
            }
            assert!(made >= per_second * 10 * 97 / 100, "{made} starts in ten seconds at {per_second}/s");
        }
    }

    #[test]
    fn the_rate_is_used_up() {
        assert_eq!(starts(10, 10, 1_000).len(), 100);
        assert!(starts(300, 10, 1_000).len() >= 2_950);
    }
}
