//! What a check found, and how it is shown.

use crate::output::{say, show};
pub(super) use api::checks::CheckState as State;
use serde::Serialize;
use serde_json::json;
use std::fmt::Display;

const fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failed => "failed",
        State::Unknown => "unknown",
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
        let Finding { check, about, state, found, remedy } = finding;
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
        say(format!("{:<8} {:<width$}  {}", word(finding.state), clean(&what(finding)), clean(&finding.found)));
        if !finding.remedy.is_empty() {
            say(format!("{:>8} {}", "", clean(&finding.remedy)));
        }
    }
    say(format!("{ok} ok, {warnings} warnings, {failed} failed, {unknown} unknown"));
}
