//! Whether something grows.

use serde_json::{Value, json};

use crate::sample::Sample;

/// Between the first and the last quarter of the second half, bytes. A leak of 32 bytes per attempt shows in a million.
const RSS_GROWTH_MAX: f64 = 16e6;
/// Between the same, descriptors: a request of ours may be open at one of them.
const DESCRIPTORS_GROWTH_MAX: f64 = 8.0;
/// The log is copied into the database at 64 MiB and written from its start again; readers may delay that a little.
const WAL_MAX: u64 = 200_000_000;
/// Samples of the second half, at least: fewer show noise.
const SAMPLES_MIN: usize = 12;

/// What the second half shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Samples in it.
    samples: usize,
    /// Attempts in it.
    attempts: u64,
    rss_growth: f64,
    descriptors_growth: f64,
    /// Largest of all.
    wal: u64,
    /// Bytes of database per attempt, over the second half: it keeps everything, so it grows.
    database_per_attempt: f64,
}

/// Compares the first with the last quarter of the second half.
pub(crate) fn judge(samples: &[Sample]) -> Verdict {
    let half = &samples[samples.len() / 2..];
    let quarter = (half.len() / 4).max(1).min(half.len());
    let mean = |part: &[Sample], of: fn(&Sample) -> u64| {
        part.iter().map(|sample| of(sample) as f64).sum::<f64>() / part.len().max(1) as f64
    };
    let growth = |of: fn(&Sample) -> u64| mean(&half[half.len() - quarter..], of) - mean(&half[..quarter], of);
    let span = |of: fn(&Sample) -> u64| half.last().map_or(0, of).saturating_sub(half.first().map_or(0, of));
    let attempts = span(|sample| sample.attempts);
    Verdict {
        samples: half.len(),
        attempts,
        rss_growth: growth(|sample| sample.rss),
        descriptors_growth: growth(|sample| sample.descriptors),
        wal: samples.iter().map(|sample| sample.wal).max().unwrap_or(0),
        database_per_attempt: span(|sample| sample.database) as f64 / attempts.max(1) as f64,
    }
}

impl Verdict {
    /// Every reason why not, if any.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.samples < SAMPLES_MIN {
            complaints
                .push(format!("{} samples after the warm-up, {SAMPLES_MIN} are needed: soak longer", self.samples));
        }
        if self.rss_growth > RSS_GROWTH_MAX {
            complaints.push(format!("memory grows by {:.1} MB", self.rss_growth / 1e6));
        }
        if self.descriptors_growth > DESCRIPTORS_GROWTH_MAX {
            complaints.push(format!("{:.0} more descriptors", self.descriptors_growth));
        }
        if self.wal > WAL_MAX {
            complaints.push(format!("the log grew to {:.0} MB", self.wal as f64 / 1e6));
        }
        complaints
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.complaints().is_empty()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let figures = format!(
            "second half, {} attempts: RSS {:+.1} MB, descriptors {:+.1}, WAL at most {:.1} MB, {:.0} bytes of database per attempt",
            self.attempts,
            self.rss_growth / 1e6,
            self.descriptors_growth,
            self.wal as f64 / 1e6,
            self.database_per_attempt,
        );
        let complaints = self.complaints();
        let verdict = if complaints.is_empty() { "flat".to_owned() } else { complaints.join("; ") };
        vec![figures, verdict]
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "flat": self.is_flat(), "attempts": self.attempts, "rss_growth_mb": self.rss_growth / 1e6,
            "descriptors_growth": self.descriptors_growth, "wal_mb": self.wal as f64 / 1e6,
            "database_bytes_per_attempt": self.database_per_attempt,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A sample every ten seconds, each one attempt more, changed by `change` from its number.
    fn judged(samples: u64, change: impl Fn(u64, &mut Sample)) -> Verdict {
        let sample = |number| {
            let at = Duration::from_secs(10 * number);
            let mut sample = Sample {
                at,
                attempts: number,
                rss: 100_000_000,
                descriptors: 40,
                wal: 65_000_000,
                database: number * 900,
            };
            change(number, &mut sample);
            sample
        };
        judge(&(0..samples).map(sample).collect::<Vec<_>>())
    }

    #[test]
    fn what_grows_in_the_warm_up_only_is_flat() {
        let verdict = judged(60, |number, sample| sample.rss += number.min(30) * 2_000_000);
        assert!(verdict.is_flat(), "{verdict:?}");
        assert_eq!((verdict.attempts, verdict.database_per_attempt), (29, 900.0));
    }

    #[test]
    fn memory_descriptors_log_and_too_short_a_time_are_told() {
        let told = |verdict: Verdict| verdict.complaints().join("; ");
        assert!(told(judged(60, |number, sample| sample.rss += number * 1_000_000)).starts_with("memory grows by 2"));
        assert!(told(judged(60, |number, sample| sample.descriptors += number)).ends_with("more descriptors"));
        assert!(told(judged(60, |number, sample| sample.wal += number * 9_000_000)).starts_with("the log grew"));
        assert!(told(judged(10, |_, _| ())).contains("soak longer"));
    }
}
