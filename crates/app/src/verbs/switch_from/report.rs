//! What was found, what was made of it, and what somebody has to look at.

use crate::failure::Failure;
use crate::output::{note, say, table};
use serde::Serialize;

/// What became of things of one kind.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Tally {
    pub(super) what: &'static str,
    pub(super) found: usize,
    pub(super) made: usize,
    /// Something of the name was here already.
    pub(super) there: usize,
    pub(super) left_out: usize,
}

/// All of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Nothing was made: `made` is what would be.
    pub(super) dry_run: bool,
    pub(super) things: Vec<Tally>,
    /// What was left out or changed on the way, and why.
    pub(super) notes: Vec<String>,
}

impl Report {
    pub(super) fn of(&mut self, what: &'static str) -> &mut Tally {
        let at = self.things.iter().position(|tally| tally.what == what).unwrap_or_else(|| {
            self.things.push(Tally { what, ..Tally::default() });
            self.things.len() - 1
        });
        &mut self.things[at]
    }

    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            return say(serde_json::json!(self));
        }
        let made = if self.dry_run { "would be made" } else { "made" };
        let mut table = table(&["", "found", made, "here already", "left out"]);
        for tally in &self.things {
            let counts = [tally.found, tally.made, tally.there, tally.left_out].map(|count| count.to_string());
            table.add_row([vec![tally.what.to_owned()], counts.to_vec()].concat());
        }
        say(table);
        for text in &self.notes {
            say(format!("- {text}"));
        }
        if !self.dry_run {
            note(
                "Nothing is started. Lists hold everybody again, also whom WombatDialer has called: end its runs first, and \
                 leave out who is done. Then: carillon doctor",
            );
        }
    }

    /// An error when something is missing here now.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.things.iter().map(|tally| tally.left_out).sum::<usize>() {
            0 => Ok(()),
            left_out => Err(Failure::refused(format!("{left_out} things were left out"))
                .remedy("the lines above say which and why; give the command again when it is mended")),
        }
    }
}
