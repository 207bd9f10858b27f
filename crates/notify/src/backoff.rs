//! How long to wait after a failure.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// At most, also when a receiver asks for more.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);
/// Doublings until the longest is reached.
const DOUBLINGS: u32 = 12;

/// After `failures` in a row, `1..`: doubles from a second to an hour, a fifth more or less, so that receivers that went
/// away together are not asked together.
pub(crate) fn after(failures: u32) -> Duration {
    let plain = FIRST * 2_u32.pow(failures.saturating_sub(1).min(DOUBLINGS));
    plain.min(LONGEST).mul_f64(0.8 + 0.4 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_with_some_chance() {
        for (failures, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (13, 3_600.0), (500, 3_600.0)] {
            for _ in 0..50 {
                let wait = after(failures).as_secs_f64();
                assert!((0.8 * seconds..=1.2 * seconds).contains(&wait), "{failures}: {wait}");
            }
        }
    }
}
