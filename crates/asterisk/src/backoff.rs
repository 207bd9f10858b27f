//! How long to wait before the next try to connect.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Shortest wait between two tries.
pub(crate) const WAIT_MIN: Duration = Duration::from_millis(200);
/// Longest wait between two tries: short, because a PBX that is back waits for calls, and a try costs one packet.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(2);
/// A connection that held for this long starts the waits from the shortest again.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Doubling upper bound, uniform jitter below it: many controllers of one PBX do not come back in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait, `WAIT_MIN..=WAIT_MAX`.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = wait(self.tries, entropy());
        self.tries = self.tries.saturating_add(1);
        wait
    }

    /// Takes note of a connection that held for `held`.
    pub(crate) fn held(&mut self, held: Duration) {
        if held >= STABLE_AFTER {
            self.tries = 0;
        }
    }
}

/// `random` is uniform over all of u64; try 0 waits `WAIT_MIN..=2 * WAIT_MIN`.
fn wait(tries: u32, random: u64) -> Duration {
    let bound = WAIT_MIN.saturating_mul(2_u32.saturating_pow(tries.saturating_add(1).min(16))).min(WAIT_MAX);
    let span_ms = u64::try_from((bound - WAIT_MIN).as_millis()).expect("a few seconds fit u64");
    WAIT_MIN + Duration::from_millis(random % (span_ms + 1))
}

/// The standard library seeds every `RandomState` anew: good enough for jitter, and no crate for it.
fn entropy() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_their_bounds() {
        for tries in [0, 1, 2, 3, 4, 5, 30, u32::MAX] {
            for random in [0, 1, 199, 200, 1_800, u64::MAX] {
                let wait = wait(tries, random);
                assert!((WAIT_MIN..=WAIT_MAX).contains(&wait), "{tries} {random} {wait:?}");
            }
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest_wait() {
        let longest = |tries| (0..5_000).map(|random| wait(tries, random)).max().unwrap();
        assert_eq!(longest(0), Duration::from_millis(400));
        assert_eq!(longest(1), Duration::from_millis(800));
        assert_eq!(longest(2), Duration::from_millis(1_600));
        assert_eq!(longest(9), WAIT_MAX);
    }

    #[test]
    fn only_a_connection_that_held_resets_the_waits() {
        let mut backoff = Backoff { tries: 7 };
        backoff.held(STABLE_AFTER - Duration::from_millis(1));
        assert_eq!(backoff.tries, 7);
        backoff.held(STABLE_AFTER);
        assert_eq!(backoff.tries, 0);
    }
}
