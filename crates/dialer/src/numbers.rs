//! Contacts with several numbers: which one is called next, and that nobody is called on two of them at a time.
//!
//! A round goes over the numbers by place. One that was called in vain is followed by the next one at once; behind the last
//! one the reschedule rules decide, and the next round begins with the contact's own number.

use crate::hopper::Ready;
use crate::judging::No;
use crate::runs::Run;
use crate::step::{Attempt, Dialer};
use domain::journal::{NumberReceipt, PutOffBy};
use domain::rules::{Answer, ContactRule, Standing};
use domain::{AttemptId, Contact, EndedBy, LeftOut, NumberKey, OtherNumber, Outcome, Timestamp, WhyLeftOut};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers of persons who are in a call on another one of theirs, and how many such calls there are.
#[derive(Debug, Default)]
pub(crate) struct KeptFree(BTreeMap<NumberKey, u32>);

impl KeptFree {
    pub(crate) fn holds(&self, key: NumberKey) -> bool {
        self.0.contains_key(&key)
    }

    pub(crate) fn take(&mut self, keys: impl Iterator<Item = NumberKey>) {
        keys.for_each(|key| *self.0.entry(key).or_default() += 1);
    }

    pub(crate) fn give_back(&mut self, keys: impl Iterator<Item = NumberKey>) {
        for key in keys {
            if let Some(calls) = self.0.get_mut(&key) {
                *calls -= 1;
                if *calls == 0 {
                    self.0.remove(&key);
                }
            }
        }
    }
}

impl Attempt {
    /// The keys of the contact's numbers but the one that is called: as they were when it was picked.
    pub(crate) fn other_keys(&self) -> Vec<NumberKey> {
        match &self.details {
            Some(contact) => contact.other_keys().collect(),
            None => self.others.iter().filter_map(|other| other.key).collect(),
        }
    }

    /// The key of the contact's own number: who suppresses that suppresses the contact.
    pub(crate) fn own_key(&self) -> NumberKey {
        let of_contact = |contact: &Arc<Contact>| contact.numbers.as_ref().map(|numbers| numbers.all[0].key);
        let restored = || self.others.iter().find(|other| other.no == 0)?.key;
        self.details.as_ref().and_then(of_contact).or_else(restored).unwrap_or(self.key)
    }
}

impl Run {
    /// What the rules say to a call to this contact now. A number behind its own that is never to be called is passed over.
    pub(crate) fn judge_numbers(&mut self, ready: &mut Ready, wall: Timestamp) -> Result<(), No> {
        loop {
            let verdict = self.judge(&ready.contact, &ready.standing, wall);
            let Err(No { by: PutOffBy::Rule(by), until: None }) = verdict else { return verdict };
            let why = match by {
                ContactRule::NumberNotSuppressed => WhyLeftOut::Suppressed,
                ContactRule::NumberAllowed => WhyLeftOut::Denied,
                ContactRule::InsideCalleeWindow => WhyLeftOut::NoHour,
                _ => return verdict,
            };
            let own = ready.standing.numbers.first().is_some_and(|own| own.no == 0 && own.suppressed_by.is_some());
            if ready.contact.number_no == 0 || own || !self.pass_over(ready, why, wall) {
                return verdict;
            }
        }
    }

    /// The contact's numbers but the one that it is called on, with why they are passed over.
    fn other_numbers(&mut self, contact: &Contact, standing: &Standing, wall: Timestamp) -> Vec<OtherNumber> {
        let rules = &self.settings.rules;
        let windows = &mut self.windows;
        contact.other_numbers(rules, standing, |zones| windows.ask(rules, zones, wall) == Answer::No { until: None })
    }

    /// Goes on to the next number that can be called; `false`: there is none.
    pub(crate) fn pass_over(&mut self, ready: &mut Ready, why: WhyLeftOut, wall: Timestamp) -> bool {
        let no = ready.contact.number_no;
        let others = self.other_numbers(&ready.contact, &ready.standing, wall);
        let mut left_out = vec![LeftOut { no, why }];
        for other in others.iter().filter(|other| other.no > no) {
            match other.left_out {
                Some(why) => left_out.push(LeftOut { no: other.no, why }),
                None => {
                    let Some(contact) = ready.contact.at(other.no) else { return false };
                    ready.standing = ready.standing.at(other.no).into();
                    ready.contact = Arc::new(contact);
                    ready.left_out.append(&mut left_out);
                    return true;
                }
            }
        }
        false
    }
}

/// For the receipt: which of several numbers it is.
pub(crate) fn receipt(ready: &Ready) -> Option<Box<NumberReceipt>> {
    let numbers = ready.contact.numbers.as_ref()?;
    let of = u32::try_from(numbers.all.len()).unwrap_or(u32::MAX);
    Some(Box::new(NumberReceipt { no: ready.contact.number_no, of, left_out: ready.left_out.clone() }))
}

/// Whether the number, or another one of the same contact, is in a call.
pub(crate) fn in_a_call(open: &BTreeMap<NumberKey, AttemptId>, kept_free: &KeptFree, contact: &Contact) -> bool {
    open.contains_key(&contact.key)
        || kept_free.holds(contact.key)
        || contact.other_keys().any(|key| open.contains_key(&key))
}

impl Dialer {
    /// Whether the number of an attempt was suppressed, or the contact's own, since the process began.
    pub(crate) fn was_suppressed(&self, attempt: &Attempt) -> bool {
        let campaign = self.campaign_of(attempt.run);
        [attempt.key, attempt.own_key()].into_iter().any(|key| self.suppressed.holds(campaign, key))
    }

    /// The number that is called next when an attempt ended like this, and those behind its own that are passed over. What
    /// a person ended, and what nobody knows the end of, is for the reschedule rules.
    pub(crate) fn next_number(
        &mut self,
        attempt: &Attempt,
        outcome: Outcome,
        ended_by: EndedBy,
        wall: Timestamp,
    ) -> (Option<u32>, Vec<LeftOut>) {
        let mut left_out = Vec::new();
        let by_a_person = matches!(ended_by, EndedBy::Operator | EndedBy::Suppression | EndedBy::Agent);
        if !outcome.state.is_not_through() || by_a_person {
            return (None, left_out);
        }
        let Some(run) = self.runs.get_mut(&attempt.run).filter(|run| !run.state.is_final()) else {
            return (None, left_out);
        };
        let others: Vec<OtherNumber> = match attempt.who() {
            Some(contact) => run.other_numbers(contact, &attempt.standing, wall),
            None => attempt.others.clone(),
        };
        for other in others.iter().filter(|other| other.no > attempt.number_no) {
            let suppressed = other.key.is_some_and(|key| self.suppressed.holds(Some(run.campaign), key));
            match other.left_out.or(suppressed.then_some(WhyLeftOut::Suppressed)) {
                Some(why) => left_out.push(LeftOut { no: other.no, why }),
                None => return (Some(other.no), left_out),
            }
        }
        (None, left_out)
    }
}
