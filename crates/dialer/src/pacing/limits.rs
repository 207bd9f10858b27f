//! How many calls lines and rate allow.

use super::fact::{Terms, Why};

/// Launches of the last second, as a bucket that fills again: a second's worth at most.
#[derive(Debug)]
pub(super) struct Limits {
    lines_max: u32,
    launches_per_s: u32,
    left: f64,
    filled_at: f64,
}

impl Limits {
    pub(super) fn new(terms: &Terms) -> Self {
        let left = f64::from(terms.launches_per_s);
        Self { lines_max: terms.lines_max, launches_per_s: terms.launches_per_s, left, filled_at: 0.0 }
    }

    /// A call was launched.
    pub(super) fn launched(&mut self, now: f64) {
        self.fill(now);
        self.left = (self.left - 1.0).max(0.0);
    }

    fn fill(&mut self, now: f64) {
        let rate = f64::from(self.launches_per_s);
        self.left = (self.left + (now - self.filled_at).max(0.0) * rate).min(rate);
        self.filled_at = now;
    }

    /// As many of `wanted` as may be launched with `lines` in use, and what holds the rest.
    pub(super) fn allow(&mut self, now: f64, lines: u32, wanted: u32) -> (u32, Option<Why>) {
        let mut allowed = (wanted, None);
        if self.lines_max > 0 && lines.saturating_add(allowed.0) > self.lines_max {
            allowed = (self.lines_max.saturating_sub(lines), Some(Why::Lines));
        }
        self.fill(now);
        if self.launches_per_s > 0 && f64::from(allowed.0) > self.left {
            allowed = (self.left as u32, Some(Why::Rate));
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::tests::terms;
    use super::*;

    #[test]
    fn neither_lines_nor_rate_are_exceeded() {
        let mut limits = Limits::new(&Terms { lines_max: 8, launches_per_s: 4, ..terms(5) });
        assert_eq!(limits.allow(0.0, 7, 3), (1, Some(Why::Lines)));
        assert_eq!(limits.allow(0.0, 9, 3), (0, Some(Why::Lines)));
        assert_eq!(limits.allow(0.0, 0, 8), (4, Some(Why::Rate)));
        (0..4).for_each(|_| limits.launched(0.0));
        assert_eq!(limits.allow(0.2, 4, 1), (0, Some(Why::Rate)));
        assert_eq!(limits.allow(0.5, 4, 9), (2, Some(Why::Rate)));
        assert_eq!(limits.allow(60.0, 4, 1), (1, None));
    }

    #[test]
    fn without_limits_everything_is_allowed() {
        assert_eq!(Limits::new(&terms(5)).allow(3.0, 10_000, 500), (500, None));
    }
}
