//! The contact's rules: asked when a contact is read, when it is picked, and again with what the journal knows.
//!
//! A contact that may not be called now leaves the memory, so that those of a closed time zone do not fill it: its run
//! keeps count, the database keeps its time.

use crate::hopper::Ready;
use crate::runs::{Due, RETRY_HORIZON_S, Run};
use domain::journal::{PutOff, PutOffBy, SOON_US};
use domain::rules::{ContactReceipt, ContactRule, Facts, Rules, Standing, judge};
use domain::{Contact, Timestamp};

/// Why a contact may not be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct No {
    /// What says so: of several the first in the published order; of those that never change their mind the first of them.
    pub(crate) by: PutOffBy,
    /// When it is worth asking again; `None`: not before the run is reloaded.
    pub(crate) until: Option<Timestamp>,
}

impl No {
    /// Its number is suppressed.
    pub(crate) const SUPPRESSED: Self = Self { by: PutOffBy::Rule(ContactRule::NumberNotSuppressed), until: None };

    /// So soon that the contact may stay in memory.
    pub(crate) fn is_short(self, wall: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until <= wall.plus_seconds(RETRY_HORIZON_S))
    }
}

impl Run {
    /// What the rules say to a call to this contact now. Whether its time has come and its number is free is asked
    /// elsewhere: the one by the hopper, the other by the books of open calls.
    pub(crate) fn judge(&mut self, contact: &Contact, standing: &Standing, wall: Timestamp) -> Result<(), No> {
        let facts = facts(&self.settings.rules, contact, standing);
        let verdicts = judge(&self.settings.rules, &facts, wall, &mut self.windows);
        let Some((first, _)) = verdicts.first_no() else { return Ok(()) };
        let until = verdicts.again_at();
        let never = verdicts.noes().find(|(_, until)| until.is_none()).map(|(rule, _)| rule);
        Err(No { by: PutOffBy::Rule(if until.is_none() { never.unwrap_or(first) } else { first }), until })
    }

    /// With what the contact's rules were asked.
    pub(crate) fn contact_receipt(&mut self, ready: &Ready, wall: Timestamp) -> ContactReceipt {
        let facts = facts(&self.settings.rules, &ready.contact, &ready.standing);
        ContactReceipt::of(&self.settings.rules, &facts, wall, &mut self.windows)
    }

    /// Takes a contact that was read into the memory, unless the rules put it off.
    pub(crate) fn take_in(&mut self, mut ready: Ready, wall: Timestamp) -> Option<PutOff> {
        // Read before the clock was set back: until its time comes its row may be given another one.
        if let (Some(at), Some(_)) = (ready.due_at.filter(|at| at.0 - wall.0 > SOON_US), ready.put_off_by) {
            self.due(Due { at, put_off_by: ready.put_off_by });
            return None;
        }
        match self.judge_numbers(&mut ready, wall) {
            Ok(()) => match ready.due_at {
                Some(due_at) => self.hopper.push_timed(due_at, ready),
                None => self.hopper.push_fresh(ready.contact, ready.standing),
            },
            // It is in memory already: it is judged again when it is picked.
            Err(_) if self.hopper.contains(ready.contact.id) => return None,
            Err(no) => match no.is_short(wall) {
                Some(until) => self.hopper.push_timed(until.max(ready.due_at.unwrap_or(until)), ready),
                None => return Some(self.put_off(&ready, no)),
            },
        };
        None
    }

    /// Counts a contact out that leaves the memory.
    pub(crate) fn put_off(&mut self, ready: &Ready, no: No) -> PutOff {
        let contact = ready.contact.id;
        self.no_longer_waits(ready.due_at, ready.put_off_by);
        match no.until {
            Some(at) => {
                self.totals.put_off += 1;
                self.due(Due { at, put_off_by: Some(no.by) });
            }
            None => self.totals.refused += 1,
        }
        self.changed(contact);
        PutOff {
            contact,
            retry: ready.retry,
            was_due_at: ready.due_at,
            was_put_off_by: ready.put_off_by,
            by: no.by,
            until: no.until,
        }
    }

    /// A contact that waited, if it did, does not any more: it is in a call, or waits for something else.
    pub(crate) fn no_longer_waits(&mut self, due_at: Option<Timestamp>, put_off_by: Option<PutOffBy>) {
        let waiting = match (due_at, put_off_by) {
            (_, Some(_)) => &mut self.totals.put_off,
            (Some(_), None) => &mut self.totals.open_retries,
            (None, None) => return,
        };
        *waiting = waiting.saturating_sub(1);
    }

    /// A contact that had waited, if it had, waits again as before.
    pub(crate) fn waits_again(&mut self, due_at: Option<Timestamp>, put_off_by: Option<PutOffBy>) {
        match (due_at, put_off_by) {
            (_, Some(_)) => self.totals.put_off += 1,
            (Some(_), None) => self.totals.open_retries += 1,
            (None, None) => {}
        }
    }
}

fn facts<'a>(rules: &Rules, contact: &Contact, standing: &'a Standing) -> Facts<'a> {
    Facts {
        denied: rules.denies(&contact.number).is_some(),
        suppressed: standing.suppressed_by.is_some(),
        consent_at: contact.consent_at,
        due_at: None,
        number: &standing.number,
        person: &standing.person,
        zones: contact.zones,
        in_flight: false,
    }
}
