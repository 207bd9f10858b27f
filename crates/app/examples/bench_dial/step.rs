//! One rate, offered by one driver, and what came of it.

use std::fmt;
use std::time::Duration;

use crate::processes::Shares;

/// Least share of the offered attempts that is answered, percent.
const ANSWERED_PERCENT: usize = 99;
/// Longest 99th percentile from request to answer.
const ANSWER_P99_MAX: Duration = Duration::from_millis(200);

/// Who dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// The bare loop, before.
    Bare1,
    /// `carillon serve`.
    Carillon,
    /// The bare loop, after.
    Bare2,
}

impl Driver {
    /// For the table and the JSON line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare1 => "bare 1",
            Self::Carillon => "carillon",
            Self::Bare2 => "bare 2",
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of one rate.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Who dialled.
    pub(crate) driver: Driver,
    /// Attempts a second that were offered.
    pub(crate) rate: u32,
    /// Attempts in the window: the rate times its seconds.
    pub(crate) offered: usize,
    /// Attempts that were handed to Asterisk's link in the window: fewer when the driver cannot keep up.
    pub(crate) requested: usize,
    /// From request to answer of those that were requested in the window and answered; shortest first.
    waits: Vec<Duration>,
    /// Of the commits in the window; the bare loop has none.
    pub(crate) commit_p99_ms: Option<f64>,
    /// Commits a second in the window.
    pub(crate) commits_per_s: f64,
    /// Of the processor, in the window.
    pub(crate) shares: Shares,
}

impl Step {
    /// `waits` in any order; every offered attempt was requested.
    pub(crate) fn new(driver: Driver, rate: u32, offered: usize, mut waits: Vec<Duration>, shares: Shares) -> Self {
        waits.sort_unstable();
        Self { driver, rate, offered, requested: offered, waits, commit_p99_ms: None, commits_per_s: 0.0, shares }
    }

    /// The rule of the knee.
    pub(crate) fn passes(&self) -> bool {
        self.answered() * 100 >= self.offered * ANSWERED_PERCENT && self.wait(0.99) <= ANSWER_P99_MAX
    }

    /// How many were answered.
    pub(crate) fn answered(&self) -> usize {
        self.waits.len()
    }

    /// Answered, of those offered, percent.
    pub(crate) fn answered_percent(&self) -> f64 {
        self.percent(self.answered())
    }

    /// Requested, of those offered, percent.
    pub(crate) fn requested_percent(&self) -> f64 {
        self.percent(self.requested)
    }

    fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.offered.max(1) as f64
    }

    /// From request to answer, milliseconds; `share` is `0..=1`. Infinite when nothing was answered.
    pub(crate) fn wait_ms(&self, share: f64) -> f64 {
        if self.waits.is_empty() { f64::INFINITY } else { self.wait(share).as_secs_f64() * 1_000.0 }
    }

    fn wait(&self, share: f64) -> Duration {
        let index = (self.waits.len() as f64 * share).ceil() as usize;
        self.waits.get(index.saturating_sub(1)).copied().unwrap_or(Duration::MAX)
    }

    /// For people who wait.
    pub(crate) fn line(&self) -> String {
        let commit = self.commit_p99_ms.map(|ms| format!(", commit p99 {ms:.1} ms")).unwrap_or_default();
        format!(
            "{}/s {}: {:.2} % requested, {:.2} % answered, p50 {:.1} ms, p99 {:.1} ms{commit}, driver {:.2} Asterisk {:.2} others {:.2} cores",
            self.rate,
            if self.passes() { "passes" } else { "fails" },
            self.requested_percent(),
            self.answered_percent(),
            self.wait_ms(0.5),
            self.wait_ms(0.99),
            self.shares.driver,
            self.shares.asterisk,
            self.shares.others,
        )
    }
}
