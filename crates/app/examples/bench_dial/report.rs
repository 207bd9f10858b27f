//! The figures, for people and for programs.

use serde_json::{Value, json};

use crate::World;
use crate::step::Step;

/// Least share of the bare loop's knee.
const RATIO_MIN: f64 = 0.90;
/// Longest 99th percentile of a commit, milliseconds.
const COMMIT_P99_MAX_MS: f64 = 20.0;

/// What was found.
pub(crate) struct Report<'a> {
    /// Where it was measured.
    pub(crate) world: &'a World,
    /// Every step.
    pub(crate) steps: &'a [Step],
    /// The knee of the bare loop, before.
    pub(crate) bare1: Option<Step>,
    /// The knee of Carillon.
    pub(crate) carillon: Option<Step>,
    /// The knee of the bare loop, after.
    pub(crate) bare2: Option<Step>,
}

impl Report<'_> {
    /// Mean of both knees of the bare loop, attempts a second.
    fn bare_cps(&self) -> f64 {
        f64::from(cps(&self.bare1) + cps(&self.bare2)) / 2.0
    }

    /// `None` when the bare loop has no knee.
    fn ratio(&self) -> Option<f64> {
        let bare = self.bare_cps();
        (bare > 0.0).then(|| f64::from(cps(&self.carillon)) / bare)
    }

    /// A line per step, then the result.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![format!(
            "{:<9} {:>5} {:>9} {:>9} {:>8} {:>8} {:>10} {:>8} {:>8} {:>9} {:>6} {:>7} {:>6}  {}",
            "driver",
            "cps",
            "requested",
            "answered",
            "p50 ms",
            "p99 ms",
            "commit p99",
            "commits",
            "driver",
            "Asterisk",
            "SIPp",
            "others",
            "rss MB",
            "verdict"
        )];
        lines.extend(self.steps.iter().map(row));
        let ratio = self.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let commit = self.carillon.as_ref().and_then(|step| step.commit_p99_ms);
        lines.push(format!(
            "processor columns in cores; commits per second; {}, profile {}{}",
            self.world.pbx.version(),
            self.world.options.profile(),
            if self.world.options.is_the_rule() { "" } else { "; NOT the full rule" },
        ));
        lines.push(format!(
            "knee: bare {} and {}, Carillon {}: ratio {ratio} ({} of at least {RATIO_MIN:.2}), commit p99 {} ms ({} of at most {COMMIT_P99_MAX_MS})",
            cps(&self.bare1),
            cps(&self.bare2),
            cps(&self.carillon),
            met(self.ratio().is_some_and(|ratio| ratio >= RATIO_MIN)),
            commit.map_or("-".to_owned(), |ms| format!("{ms:.1}")),
            met(commit.is_some_and(|ms| ms <= COMMIT_P99_MAX_MS)),
        ));
        lines.join("\n")
    }

    /// One object. Figures of Carillon are those of its knee; processor shares in cores.
    pub(crate) fn json(&self) -> Value {
        let knee = self.carillon.as_ref();
        let of = |figure: fn(&Step) -> f64| knee.map(|step| rounded(figure(step)));
        json!({
            "bare_cps": self.bare_cps(),
            "carillon_cps": cps(&self.carillon),
            "ratio": self.ratio().map(|ratio| (ratio * 1_000.0).round() / 1_000.0),
            "p50_ms": of(|step| step.wait_ms(0.5)),
            "p99_ms": of(|step| step.wait_ms(0.99)),
            "commit_p99_ms": knee.and_then(|step| step.commit_p99_ms).map(rounded),
            "cpu_carillon": of(|step| step.shares.driver),
            "cpu_asterisk": of(|step| step.shares.asterisk),
            "cpu_sipp": of(|step| step.shares.callee),
            "rss_mb": of(|step| step.shares.driver_rss_mb),
            "bare1": cps(&self.bare1),
            "bare2": cps(&self.bare2),
            "profile": self.world.options.profile(),
            "asterisk": self.world.pbx.version(),
            "seconds": self.world.options.window.as_secs(),
            "full_rule": self.world.options.is_the_rule(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

fn row(step: &Step) -> String {
    let commit = step.commit_p99_ms.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    format!(
        "{:<9} {:>5} {:>7.2} % {:>7.2} % {:>8.1} {:>8.1} {:>10} {:>8.0} {:>8.2} {:>9.2} {:>6.2} {:>7.2} {:>6.0}  {}",
        step.driver.name(),
        step.rate,
        step.requested_percent(),
        step.answered_percent(),
        step.wait_ms(0.5),
        step.wait_ms(0.99),
        commit,
        step.commits_per_s,
        step.shares.driver,
        step.shares.asterisk,
        step.shares.callee,
        step.shares.others,
        step.shares.driver_rss_mb,
        if step.passes() { "passes" } else { "fails" },
    )
}

fn step(step: &Step) -> Value {
    json!({
        "driver": step.driver.name(), "cps": step.rate, "passes": step.passes(), "offered": step.offered,
        "requested": step.requested, "answered": step.answered(), "p50_ms": rounded(step.wait_ms(0.5)), "p99_ms": rounded(step.wait_ms(0.99)),
        "commit_p99_ms": step.commit_p99_ms.map(rounded), "cpu_driver": rounded(step.shares.driver),
        "cpu_asterisk": rounded(step.shares.asterisk), "cpu_sipp": rounded(step.shares.callee),
        "cpu_others": rounded(step.shares.others),
    })
}

/// Two digits are more than such a measurement is good for.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn cps(knee: &Option<Step>) -> u32 {
    knee.as_ref().map_or(0, |step| step.rate)
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}
