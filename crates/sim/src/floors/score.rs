//! How a play is judged.

/// Seconds of the window that must not hold too many.
const QUARTER_S: f64 = 900.0;
/// Live answers that a window needs before a share of them is told.
const QUARTER_LIVE: usize = 20;

/// What a play came to. Shares are `0..=1`.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Talk and wrap-up of the time in which agents were logged in and not paused.
    pub occupancy: f64,
    /// Live answers without an agent in time, of all live answers.
    pub abandonment: f64,
    /// The largest such share of any quarter of an hour with 20 live answers.
    pub worst_quarter: f64,
    /// The most that were abandoned in any quarter of an hour.
    pub worst_quarter_calls: usize,
    /// Answers by persons.
    pub live: usize,
    /// Calls launched for each person whom an agent had.
    pub attempts_per_person: f64,
    /// Seconds that an agent waited for a call, mean.
    pub idle_s: f64,
    /// Occupancy hour by hour, all days together.
    pub hourly: Vec<f64>,
}

/// When persons answered, and which of them were abandoned, both in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    pub(crate) live_at: Vec<f64>,
    pub(crate) abandoned_at: Vec<f64>,
}

impl Answers {
    pub(super) fn abandonment(&self) -> f64 {
        self.abandoned_at.len() as f64 / self.live_at.len().max(1) as f64
    }

    /// The worst share and the worst number of the windows that end with an abandoned call.
    pub(crate) fn worst_quarter(&self) -> (f64, usize) {
        let (mut share, mut calls) = (0.0_f64, 0);
        for (last, at) in self.abandoned_at.iter().enumerate() {
            let abandoned = last + 1 - self.abandoned_at.partition_point(|other| *other <= at - QUARTER_S);
            let live = self.live_at.partition_point(|other| other <= at)
                - self.live_at.partition_point(|other| *other <= at - QUARTER_S);
            calls = calls.max(abandoned);
            if live >= QUARTER_LIVE {
                share = share.max(abandoned as f64 / live as f64);
            }
        }
        (share, calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_quarter_slides() {
        let live_at = (0..100).map(|n| f64::from(n) * 30.0).collect();
        let answers = Answers { live_at, abandoned_at: vec![100.0, 800.0, 900.0, 2_900.0] };
        let (share, calls) = answers.worst_quarter();
        assert_eq!(calls, 3);
        assert!((share - 0.1).abs() < 0.01, "{share}");
        assert!((answers.abandonment() - 0.04).abs() < 1e-9);
    }
}
