//! What a check found, and how it is shown.

use crate::output::{say, show};
use serde::Serialize;
use serde_json::json;
use std::fmt::Display;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works; something will go wrong one day, or is not as it is meant to be.
    Warning,
    /// It does not work.
    Failed,
    /// Could not be found out.
    Unknown,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Stable name of the check, e.g. `pbx.login`.
    pub(super) check: &'static str,
    /// The thing that was looked at, e.g. `office`; empty when there is only one.
    pub(super) about: String,
    pub(super) state: State,
    /// What was found, in a sentence without a full stop.
    pub(super) found: String,
    /// What to do; empty when there is nothing to do.
    pub(super) remedy: String,
}

impl Finding {
    fn new(state: State, check: &'static str, found: impl Display, remedy: impl Display) -> Self {
        Self { check, about: String::new(), state, found: found.to_string(), remedy: remedy.to_string() }
    }

    pub(super) fn ok(check: &'static str, found: impl Display) -> Self {
        Self::new(State::Ok, check, found, "")
    }

    pub(super) fn warning(check: &'static str, found: impl Display, remedy: impl Display) -> Self {
        Self::new(State::Warning, check, found, remedy)
    }

    pub(super) fn failed(check: &'static str, found: impl Display, remedy: impl Display) -> Self {
        Self::new(State::Failed, check, found, remedy)
    }

    pub(super) fn unknown(check: &'static str, found: impl Display, remedy: impl Display) -> Self {
        Self::new(State::Unknown, check, found, remedy)
    }

    /// Says which thing it is about.
    pub(super) fn about(self, name: impl Display) -> Self {
        Self { about: name.to_string(), ..self }
    }
}

impl From<Finding> for api::checks::Check {
    fn from(finding: Finding) -> Self {
        use api::checks::CheckState;
        let Finding { check, about, state, found, remedy } = finding;
        let state = match state {
            State::Ok => CheckState::Ok,
            State::Warning => CheckState::Warning,
            State::Failed => CheckState::Failed,
            State::Unknown => CheckState::Unknown,
        };
        Self { check: check.to_owned(), about, state, found, remedy }
    }
}

/// Prints all of them; a line per check, a second one with the remedy where there is one.
pub(super) fn print(findings: &[Finding], as_json: bool) {
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let [ok, warnings, failed, unknown] = [State::Ok, State::Warning, State::Failed, State::Unknown].map(count);
    if as_json {
        let counts = json!({"ok": ok, "warning": warnings, "failed": failed, "unknown": unknown});
        say(json!({ "checks": findings, "counts": counts }));
        return;
    }
    let what = |finding: &Finding| match finding.about.as_str() {
        "" => finding.check.to_owned(),
        about => format!("{} {about}", finding.check),
    };
    // Names and words of others never reach the terminal as they are.
    let clean = |text: &str| show(&json!(text));
    let width = findings.iter().map(|finding| what(finding).chars().count()).max().unwrap_or(0);
    for finding in findings {
        say(format!("{:<8} {:<width$}  {}", finding.state.word(), clean(&what(finding)), clean(&finding.found)));
        if !finding.remedy.is_empty() {
            say(format!("{:>8} {}", "", clean(&finding.remedy)));
        }
    }
    say(format!("{ok} ok, {warnings} warnings, {failed} failed, {unknown} unknown"));
}
