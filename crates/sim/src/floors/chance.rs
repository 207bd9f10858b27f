//! The distributions that people and machines follow.

use crate::rng::Rng;

/// A stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Chance(Rng);

impl Chance {
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        Self(Rng::stream(seed, number))
    }

    /// Evenly between 0 and 1, 1 excluded.
    pub(crate) fn share(&mut self) -> f64 {
        const BITS: u64 = 1 << 53;
        self.0.within(0..=BITS - 1) as f64 / BITS as f64
    }

    /// Evenly between the two.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Exponential.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// Log-normal of this mean and coefficient of variation.
    pub(crate) fn lasts(&mut self, (mean, variation): (f64, f64)) -> f64 {
        let variance = (1.0 + variation * variation).ln();
        let (a, b) = (1.0 - self.share(), self.share());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        (mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp()
    }

    /// Pareto with a minute at least and an hour at most.
    pub(crate) fn heavy(&mut self) -> f64 {
        60.0 * (1.0 - self.share()).powf(-1.0 / 1.6).min(60.0)
    }
}
