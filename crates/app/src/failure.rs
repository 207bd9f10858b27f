//! Why a command failed, what the user can do about it, and the exit code.

use std::fmt::{self, Display};
use std::path::Path;

/// The request was understood and refused, by us or by the server.
const REFUSED: u8 = 1;
/// The configuration or the command line is wrong (clap ends with the same code).
const MISCONFIGURED: u8 = 2;
/// No answer from the server.
const UNREACHABLE: u8 = 3;

/// Another process has taken over the database: start again to stand by.
const TAKEN_OVER: u8 = 4;

/// Ends a command: one line that names the thing, one line of remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Lower case, no full stop.
    pub(crate) message: String,
    /// What to do; empty when the message says it already.
    pub(crate) remedy: String,
    /// The process's exit code: 1 refused, 2 configuration or usage, 3 the server cannot be reached,
    /// 4 another process has taken over.
    pub(crate) exit: u8,
}

impl Failure {
    /// Something was refused.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { message: message.to_string(), remedy: String::new(), exit: REFUSED }
    }

    /// The configuration is wrong.
    pub(crate) fn config(message: impl Display) -> Self {
        Self { message: message.to_string(), remedy: String::new(), exit: MISCONFIGURED }
    }

    /// The server does not answer.
    pub(crate) fn unreachable(message: impl Display) -> Self {
        Self { message: message.to_string(), remedy: String::new(), exit: UNREACHABLE }
    }

    /// Another process has taken the lease of the site.
    pub(crate) fn taken_over(message: impl Display) -> Self {
        Self { message: message.to_string(), remedy: String::new(), exit: TAKEN_OVER }
    }

    /// A file on this side could not be used: `what` is `read` or `write`.
    pub(crate) fn file(what: &str, path: &Path, error: impl Display) -> Self {
        Self::refused(format!("cannot {what} {}: {error}", path.display())).remedy("check the path and who may use it")
    }

    /// The server's answer lacks what every version of it has.
    pub(crate) fn answer(what: impl Display) -> Self {
        Self::refused(format!("the server's answer holds no {what}"))
            .remedy("are server and command line of one version? carillon --version")
    }

    /// Whether the server was only away: what was refused is refused again.
    pub(crate) fn may_pass(&self) -> bool {
        self.exit == UNREACHABLE
    }

    /// With one line that says what to do.
    #[must_use]
    pub(crate) fn remedy(self, remedy: impl Display) -> Self {
        Self { remedy: remedy.to_string(), ..self }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", one_line(&self.message))?;
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", one_line(&self.remedy))?;
        }
        Ok(())
    }
}

/// A server's words may hold anything; a terminal gets one line without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `error` with all that caused it: `cannot connect: connection refused`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_two_lines_whatever_the_server_says() {
        let failure = Failure::refused("trunk \"a\r\nb\u{1b}[2J\" exists").remedy("choose\nanother");
        assert_eq!(failure.to_string(), "error: trunk \"a  b [2J\" exists\n  choose another");
    }
}
