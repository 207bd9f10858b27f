//! How long commits took, from the histogram in `/metrics`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

const NAME: &str = "carillon_commit_seconds";

/// Counts of commits by the upper bound of their bucket, not cumulative, shortest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Commits {
    buckets: Vec<(f64, u64)>,
}

impl Commits {
    /// From Prometheus' text. No bucket at all: nothing was committed yet.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let prefix = format!("{NAME}_bucket{{le=\"");
        let mut buckets = Vec::new();
        let mut below = 0;
        for line in text.lines().filter_map(|line| line.strip_prefix(&prefix)) {
            let (bound, count) = line.split_once("\"} ").with_context(|| format!("a bucket of {NAME}: {line:?}"))?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse()? };
            let count: u64 = count.trim().parse()?;
            ensure!(count >= below, "the buckets of {NAME} are not cumulative");
            buckets.push((bound, count - below));
            below = count;
        }
        Ok(Self { buckets })
    }

    /// What came after `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| earlier.buckets.iter().find(|(b, _)| *b == bound).map_or(0, |(_, count)| *count);
        Self { buckets: self.buckets.iter().map(|&(bound, count)| (bound, count - before(bound))).collect() }
    }

    /// Milliseconds, interpolated within the bucket; `share` is `0..=1`. `None` without commits.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let total = self.total();
        let rank = share * total as f64;
        let (mut below, mut from) = (0, 0.0);
        for &(bound, count) in &self.buckets {
            if count > 0 && (below + count) as f64 >= rank {
                if bound.is_infinite() {
                    return Some(f64::INFINITY);
                }
                let within = ((rank - below as f64) / count as f64).clamp(0.0, 1.0);
                return Some((from + within * (bound - from)) * 1_000.0);
            }
            below += count;
            from = bound;
        }
        None
    }

    /// Commits a second.
    pub(crate) fn per_second(&self, window: Duration) -> f64 {
        self.total() as f64 / window.as_secs_f64()
    }

    fn total(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}
