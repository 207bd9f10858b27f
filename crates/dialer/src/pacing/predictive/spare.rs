//! How many agents will be without a call at each instant ahead, and what one call more would risk.
//!
//! Supply and demand are sums of independent yes-or-no's: each agent will be free by then or not, each call will want an
//! agent by then or not. Few of them are added up exactly (Poisson-binomial), many by mean and variance.

use super::horizon::{Curve, POINTS};

/// Agents and calls up to which every combination is counted.
pub(super) const EXACT_UP_TO: usize = 60;
/// Calls launched in one decision, at most; the next decision follows in a fraction of a second.
const LAUNCH_MAX_OF_MANY: u32 = 200;
const LAUNCH_MAX_OF_FEW: u32 = 40;

/// The distribution of spare agents; below zero: people without one.
pub(super) struct Spare {
    /// Free agents now less callers who wait.
    start: f64,
    mean: Curve,
    variance: Curve,
    demand: Curve,
    /// Relative variance of the demand that nobody knows the answer rate exactly.
    doubt: f64,
    exact: Option<Exact>,
}

/// For each instant the probability of each number of spare agents.
struct Exact {
    by_instant: Vec<Vec<f64>>,
    /// The index that stands for none.
    none: usize,
}

impl Spare {
    /// `free` agents now, `waiting` callers, `busy` agents and `calls` that may change that. `doubt` is the relative
    /// variance of the answer rate.
    pub(super) fn new(free: u32, waiting: u32, busy: usize, calls: usize, doubt: f64) -> Self {
        let start = f64::from(free) - f64::from(waiting);
        let exact = (busy + calls <= EXACT_UP_TO).then(|| {
            let none = calls + LAUNCH_MAX_OF_FEW as usize;
            let now = (none + free as usize).saturating_sub(waiting as usize);
            // Callers who wait may be more than the agents there are.
            let mut only = vec![0.0; (now + busy + 1).max(none + 2)];
            only[now] = 1.0;
            Exact { by_instant: vec![only; POINTS], none }
        });
        Self { start, mean: [start; POINTS], variance: [0.0; POINTS], demand: [0.0; POINTS], doubt, exact }
    }

    /// Calls that may be launched in one decision.
    pub(super) fn launch_max(&self) -> u32 {
        if self.is_many() { LAUNCH_MAX_OF_MANY } else { LAUNCH_MAX_OF_FEW }
    }

    /// Whether there are too many to count every combination.
    pub(super) fn is_many(&self) -> bool {
        self.exact.is_none()
    }

    /// `count` agents who will be free by each instant with this probability.
    pub(super) fn supply(&mut self, curve: &Curve, count: u32) {
        let many = f64::from(count);
        for (i, p) in curve.iter().enumerate() {
            self.mean[i] += many * p;
            self.variance[i] += many * p * (1.0 - p);
        }
        let Some(exact) = &mut self.exact else { return };
        for (spare, p) in exact.by_instant.iter_mut().zip(curve) {
            for _ in 0..count {
                for n in (1..spare.len()).rev() {
                    spare[n] = spare[n] * (1.0 - p) + spare[n - 1] * p;
                }
                spare[0] *= 1.0 - p;
            }
        }
    }

    /// `count` calls that will want an agent by each instant with this probability.
    pub(super) fn demand(&mut self, curve: &Curve, count: u32) {
        let many = f64::from(count);
        self.moments(curve, many);
        let Some(exact) = &mut self.exact else { return };
        for (spare, p) in exact.by_instant.iter_mut().zip(curve) {
            for _ in 0..count {
                let last = spare.len() - 1;
                for n in 0..last {
                    spare[n] = spare[n] * (1.0 - p) + spare[n + 1] * p;
                }
                spare[last] *= 1.0 - p;
            }
        }
    }

    /// Takes such calls away again.
    pub(super) fn undemand(&mut self, curve: &Curve, count: u32) {
        self.moments(curve, -f64::from(count));
        let Some(exact) = &mut self.exact else { return };
        for (spare, p) in exact.by_instant.iter_mut().zip(curve) {
            for _ in 0..count {
                let last = spare.len() - 1;
                spare[last] /= 1.0 - p;
                for n in (0..last).rev() {
                    spare[n] = ((spare[n] - spare[n + 1] * p) / (1.0 - p)).max(0.0);
                }
            }
        }
    }

    fn moments(&mut self, curve: &Curve, many: f64) {
        for (i, p) in curve.iter().enumerate() {
            self.mean[i] -= many * p;
            self.variance[i] += many * p * (1.0 - p);
            self.demand[i] += many * p;
        }
    }

    /// Of one call more with this curve: the abandoned calls that it adds, expected, and the agents that it wants.
    pub(super) fn risk(&self, curve: &Curve) -> Risk {
        let abandoned = match &self.exact {
            Some(exact) => Self::lost(&Self::none_exactly(exact), curve),
            None => Self::lost(&self.none_about(), curve),
        };
        Risk { abandoned, wanted: curve[POINTS - 1] }
    }

    /// How likely more than `room` people find no agent; reckoned where every combination is.
    pub(super) fn loses_more_than(&self, room: u32) -> f64 {
        let Some(exact) = &self.exact else { return 0.0 };
        let Some(last) = exact.none.checked_sub(room as usize + 1) else { return 0.0 };
        exact.by_instant.iter().map(|spare| spare[..=last].iter().sum()).fold(0.0, f64::max)
    }

    /// How likely nobody is spare at each instant.
    fn none_exactly(exact: &Exact) -> Curve {
        std::array::from_fn(|i| exact.by_instant[i][..=exact.none].iter().sum())
    }

    /// The same by mean and variance. What was abandoned does not wait any more, so the walk starts anew from nobody spare.
    fn none_about(&self) -> Curve {
        let (mut mean, mut variance) = (self.start - 0.5, 0.0);
        let (mut mean_before, mut variance_before) = (self.start, 0.0);
        std::array::from_fn(|i| {
            let total = self.variance[i] + self.doubt * self.demand[i] * self.demand[i];
            mean += self.mean[i] - mean_before;
            variance += (total - variance_before).max(0.0);
            (mean_before, variance_before) = (self.mean[i], total);
            let deviation = variance.max(0.05).sqrt();
            let z = mean / deviation;
            let short = below(-z);
            if short > 1e-6 {
                let density = (-z * z / 2.0).exp() * 0.398_942_280_4;
                let first = mean * (1.0 - short) + deviation * density;
                let second = (mean * mean + variance) * (1.0 - short) + mean * deviation * density;
                mean = first;
                variance = (second - first * first).max(0.0);
            }
            short
        })
    }

    /// A call that comes at an instant adds one abandoned call if the agents run out then or later: it, or whom it took
    /// the last agent from. At most one.
    fn lost(none: &Curve, curve: &Curve) -> f64 {
        let (mut lost, mut worst) = (0.0, 0.0_f64);
        for i in (0..POINTS).rev() {
            worst = worst.max(none[i]);
            let before = if i == 0 { 0.0 } else { curve[i - 1] };
            lost += (curve[i] - before) * worst;
        }
        lost
    }
}

/// What one call more would do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Risk {
    /// Abandoned calls, expected.
    pub(super) abandoned: f64,
    /// Agents wanted, expected.
    pub(super) wanted: f64,
}

impl Risk {
    /// Whether it abandons less than `share` of the people whom it reaches.
    pub(super) fn is_below(self, share: f64) -> bool {
        self.abandoned <= share * self.wanted
    }
}

/// The standard normal distribution function (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let density = 0.398_942_280_4 * (-x * x / 2.0).exp();
    let series =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    if x > 0.0 { 1.0 - density * series } else { density * series }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(p: f64) -> Curve {
        std::array::from_fn(|i| p * (i + 1) as f64 / POINTS as f64)
    }

    #[test]
    fn with_an_agent_for_every_call_nothing_is_at_risk() {
        let mut spare = Spare::new(3, 0, 0, 2, 0.0);
        spare.demand(&curve(0.9), 2);
        assert!(spare.risk(&curve(0.9)).abandoned < 1e-9);
    }

    #[test]
    fn without_an_agent_every_answer_is_lost() {
        let spare = Spare::new(0, 0, 0, 0, 0.0);
        let risk = spare.risk(&curve(0.4));
        assert!((risk.abandoned - 0.4).abs() < 1e-9, "{risk:?}");
        assert!(!risk.is_below(0.99));
    }

    #[test]
    fn one_agent_and_two_calls_is_the_product() {
        // One of the two is lost when both are answered.
        let all_at_once: Curve = [0.5; POINTS];
        let mut spare = Spare::new(1, 0, 0, 1, 0.0);
        spare.demand(&all_at_once, 1);
        assert!((spare.risk(&all_at_once).abandoned - 0.25).abs() < 1e-9);
    }

    #[test]
    fn taking_a_call_away_puts_everything_back() {
        let mut spare = Spare::new(2, 1, 4, 3, 0.0);
        spare.supply(&curve(0.3), 4);
        spare.demand(&curve(0.5), 2);
        let before = spare.risk(&curve(0.4)).abandoned;
        spare.demand(&curve(0.7), 1);
        spare.undemand(&curve(0.7), 1);
        assert!((spare.risk(&curve(0.4)).abandoned - before).abs() < 1e-9);
    }

    #[test]
    fn many_by_mean_and_variance_come_near_the_exact_count() {
        for (free, calls) in [(4, 10), (8, 18), (2, 12)] {
            let of = |busy| {
                let mut spare = Spare::new(free, 0, busy, 30, 0.0);
                spare.supply(&curve(0.3), 20);
                spare.demand(&curve(0.4), calls);
                spare.risk(&curve(0.4)).abandoned
            };
            let (exact, normal) = (of(20), of(EXACT_UP_TO));
            assert!((exact - normal).abs() < 0.05, "{free} {calls}: {exact} {normal}");
        }
    }
}
