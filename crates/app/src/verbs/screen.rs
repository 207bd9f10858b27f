//! Figures that change: redrawn in place for a person, plain lines for a log.

use crate::output::{is_terminal, say};
use console::Term;
use std::io::Write;
use std::time::Duration;

/// Redraws per second are four on a terminal.
const REDRAW: Duration = Duration::from_millis(250);
/// Elsewhere at most one line per second, and only when something changed.
const LINE: Duration = Duration::from_secs(1);

/// Where figures are shown.
pub(super) enum Screen {
    /// A terminal; the number of lines of the last frame.
    Terminal(Term, usize),
    /// A file or a pipe; the last line.
    Plain(String),
}

impl Screen {
    /// What stdout is.
    pub(super) fn new() -> Self {
        if is_terminal() { Self::Terminal(Term::stdout(), 0) } else { Self::Plain(String::new()) }
    }

    /// How long to wait before the next look.
    pub(super) fn interval(&self) -> Duration {
        match self {
            Self::Terminal(..) => REDRAW,
            Self::Plain(_) => LINE,
        }
    }

    /// Shows a frame over the last one, or a line if it says something new.
    pub(super) fn draw(&mut self, frame: impl FnOnce() -> String, line: impl FnOnce() -> String) {
        match self {
            Self::Terminal(terminal, lines) => {
                let (rows, columns) = terminal.size();
                let shown = fit(&frame(), usize::from(rows).saturating_sub(1), usize::from(columns));
                let mut bytes = if *lines > 0 { format!("\x1b[{lines}A\r") } else { String::new() };
                for line in &shown {
                    bytes.push_str(line);
                    // Clears the rest of the line, which may hold a longer one of the frame before.
                    bytes.push_str("\x1b[K\n");
                }
                bytes.push_str("\x1b[J");
                *lines = shown.len();
                if terminal.write_all(bytes.as_bytes()).and_then(|()| terminal.flush()).is_err() {
                    std::process::exit(0);
                }
            }
            Self::Plain(last) => {
                let line = line();
                if line != *last {
                    say(&line);
                    *last = line;
                }
            }
        }
    }
}

/// The lines that fit: a frame that scrolls cannot be drawn over.
fn fit(frame: &str, rows: usize, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = frame.lines().map(|line| line.chars().take(columns).collect()).collect();
    if lines.len() > rows {
        let hidden = lines.len() - rows.saturating_sub(1);
        lines.truncate(rows.saturating_sub(1));
        lines.push(format!("({hidden} more lines)"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_to_the_terminal_and_says_so() {
        assert_eq!(fit("abc\nde", 5, 2), ["ab", "de"]);
        assert_eq!(fit("1\n2\n3\n4", 3, 80), ["1", "2", "(2 more lines)"]);
    }
}
