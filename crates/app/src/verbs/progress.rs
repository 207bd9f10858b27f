//! How far an upload or an import is: a bar for a person, plain lines for a log.

use crate::output::note;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Plain lines are at least this far apart.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Of what is told in hundredths.
const STEPS: u64 = 100;

/// Shows progress on stderr.
pub(crate) struct Progress {
    /// None: stderr is no terminal.
    bar: Option<ProgressBar>,
    /// When the last plain line was written, and which.
    last: Option<(Instant, String)>,
    what: &'static str,
    total: u64,
    bytes: bool,
}

impl Progress {
    /// Of something that is no file: in hundredths.
    pub(crate) fn steps(what: &'static str) -> Self {
        Self { bytes: false, ..Self::new(what, STEPS) }
    }

    /// Of `total` bytes; `what` is `uploading` or `importing`.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} %  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(what);
            bar
        });
        Self { bar, last: None, what, total, bytes: true }
    }

    /// `done` of the total; `words` say more.
    pub(crate) fn show(&mut self, done: u64, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.min(self.total));
            bar.set_message(words.to_owned());
            return;
        }
        let percent = (done * 100).checked_div(self.total).unwrap_or(100).min(100);
        let of = if self.bytes { format!(" of {}", HumanBytes(self.total)) } else { String::new() };
        let line = format!("{} {percent} %{of}{}{words}", self.what, separator(words));
        let is_new = self.last.as_ref().is_none_or(|(at, last)| at.elapsed() >= LINE_EVERY && *last != line);
        if is_new {
            note(&line);
            self.last = Some((Instant::now(), line));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn separator(words: &str) -> &'static str {
    if words.is_empty() { "" } else { ", " }
}
