//! Contacts that were corrected while the dialler runs: wherever they are in memory, they are as they are now.
//!
//! Nothing is known of the corrected contact's number and person yet. That is enough: the journal asks what is, before
//! anything is sent.

use crate::hopper::as_called_on;
use crate::known::Known;
use crate::step::{Attempt, Dialer};
use domain::rules::{NumberStanding, Standing};
use domain::{Contact, Numbered};
use std::sync::Arc;

impl Dialer {
    /// What waits in memory follows, and what a load that is out brings. An attempt on its way to the disk is refused there
    /// when the number is another one; its contact comes back corrected.
    pub(crate) fn contact_changed(&mut self, contact: Arc<Contact>) {
        for run in self.runs.values_mut() {
            let by = |key| self.suppressed.by(Some(run.campaign), key);
            let each = contact.numbers.iter().flat_map(|numbers| &numbers.all);
            let of = |one: &Numbered| NumberStanding { suppressed_by: by(one.key), ..NumberStanding::of(one.no) };
            let (suppressed_by, numbers) = (by(contact.key), each.map(of).collect());
            run.correct(&contact, &Standing { suppressed_by, numbers, ..Standing::default() }.into());
        }
        for attempt in self.attempts.values_mut().filter(|attempt| attempt.contact == contact.id) {
            attempt.corrected = Some(as_called_on(&contact, attempt.number_no));
        }
    }
}

impl Attempt {
    /// Who, as of now; `None` for one that was adopted after a restart.
    pub(crate) fn who(&self) -> Option<&Arc<Contact>> {
        self.corrected.as_ref().or(self.details.as_ref())
    }

    /// Who and what is known of them, to wait in memory again.
    pub(crate) fn into_waiting(self) -> Option<(Arc<Contact>, Known)> {
        match self.corrected {
            Some(corrected) => Some((as_called_on(&corrected, self.turn_no), Known::default())),
            None => Some((self.details?, self.standing)),
        }
    }
}
