//! Contacts in memory, ready to dial.

use crate::known::Known;
use domain::journal::PutOffBy;
use domain::{Contact, ContactId, LeftOut, ListId, NumberKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A contact that may be dialled.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Who.
    pub contact: Arc<Contact>,
    /// The counter of the coming attempt.
    pub retry: u32,
    /// The number whose turn it was when it was read; the contact is called on that, or on one behind it.
    pub turn_no: u32,
    /// Since when it is due, if it waited; `None` for a fresh contact.
    pub due_at: Option<Timestamp>,
    /// What had put it off; `None` for a fresh contact and for a retry that a reschedule rule asked for.
    pub put_off_by: Option<PutOffBy>,
    /// What was known of its number and person when it was read.
    pub standing: Known,
    /// Numbers of it that were passed over since.
    pub left_out: Vec<LeftOut>,
}

impl Ready {
    /// One that was never tried.
    pub(crate) fn fresh(contact: Arc<Contact>, standing: Known) -> Self {
        Self { contact, retry: 0, turn_no: 0, due_at: None, put_off_by: None, standing, left_out: Vec::new() }
    }

    /// Whether this is its number, or its contact's own.
    fn has_one_of(&self, keys: &BTreeSet<NumberKey>) -> bool {
        let own = self.contact.numbers.as_ref().map_or(self.contact.key, |numbers| numbers.all[0].key);
        keys.contains(&self.contact.key) || keys.contains(&own)
    }
}

/// Fresh contacts in list order, and contacts with a time before which they may not be dialled.
#[derive(Debug, Default)]
pub struct Hopper {
    fresh: VecDeque<Ready>,
    timed: BTreeMap<(Timestamp, ContactId), Ready>,
    members: BTreeSet<ContactId>,
    /// How many of them had waited.
    retries: usize,
}

impl Hopper {
    /// Adds a fresh contact behind the others; refused (`false`) when it is in already.
    pub fn push_fresh(&mut self, contact: Arc<Contact>, standing: Known) -> bool {
        let new = self.members.insert(contact.id);
        if new {
            self.fresh.push_back(Ready::fresh(contact, standing));
        }
        new
    }

    /// Adds a contact that may be dialled from `at` on; refused (`false`) when it is in already.
    pub fn push_timed(&mut self, at: Timestamp, ready: Ready) -> bool {
        let new = self.members.insert(ready.contact.id);
        if new {
            self.retries += usize::from(ready.due_at.is_some());
            self.timed.insert((at, ready.contact.id), ready);
        }
        new
    }

    /// Puts a contact back to where it was: a fresh one to the front, a retry to its time.
    pub fn put_back(&mut self, ready: Ready) {
        match ready.due_at {
            Some(due_at) => {
                self.push_timed(due_at, ready);
            }
            None if self.members.insert(ready.contact.id) => self.fresh.push_front(ready),
            None => {}
        }
    }

    /// Takes the next contact: those whose time has come first, then fresh ones in order.
    pub fn pop(&mut self, wall: Timestamp) -> Option<Ready> {
        let ready = match self.timed.first_entry() {
            Some(first) if first.key().0 <= wall => first.remove(),
            _ => self.fresh.pop_front()?,
        };
        self.members.remove(&ready.contact.id);
        self.retries -= usize::from(ready.due_at.is_some());
        Some(ready)
    }

    /// Takes out every contact whose number is one of these, or whose own one is.
    pub fn take_numbers(&mut self, keys: &BTreeSet<NumberKey>) -> Vec<Ready> {
        let mut taken = Vec::new();
        let mut kept = VecDeque::with_capacity(self.fresh.len());
        for ready in self.fresh.drain(..) {
            if ready.has_one_of(keys) { taken.push(ready) } else { kept.push_back(ready) }
        }
        self.fresh = kept;
        taken.extend(self.timed.extract_if(.., |_, ready| ready.has_one_of(keys)).map(|(_, ready)| ready));
        for ready in &taken {
            self.members.remove(&ready.contact.id);
            self.retries -= usize::from(ready.due_at.is_some());
        }
        taken
    }

    /// Puts a corrected contact in the place of what it was, if it is in.
    pub fn correct(&mut self, contact: &Arc<Contact>, standing: &Known) {
        if !self.contains(contact.id) {
            return;
        }
        for ready in self.fresh.iter_mut().chain(self.timed.values_mut()) {
            if ready.contact.id == contact.id {
                ready.contact = as_called_on(contact, ready.turn_no);
                ready.standing = standing_at(standing, ready.contact.number_no);
                ready.left_out.clear();
            }
        }
    }

    /// Whether it is in.
    pub fn contains(&self, contact: ContactId) -> bool {
        self.members.contains(&contact)
    }

    /// Whether something can be dialled now.
    pub fn has_ready(&self, wall: Timestamp) -> bool {
        !self.fresh.is_empty() || self.timed.first_key_value().is_some_and(|((at, _), _)| *at <= wall)
    }

    /// When the next waiting contact may be dialled.
    pub fn next_timed(&self) -> Option<Timestamp> {
        self.timed.first_key_value().map(|((at, _), _)| *at)
    }

    /// Fresh contacts in memory, parked ones included.
    pub fn fresh_len(&self) -> usize {
        self.members.len() - self.retries
    }

    /// Those in memory that had waited: retries, and contacts that were put off.
    pub fn retries_len(&self) -> usize {
        self.retries
    }

    /// All of them.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Forgets the fresh contacts of one list, and says which was the first of them.
    pub fn drop_fresh_of(&mut self, list: ListId) -> Option<ContactId> {
        let of_it = |ready: &Ready| ready.due_at.is_none() && ready.contact.list == list;
        let timed = self.timed.values().filter(|ready| of_it(ready));
        let dropped: BTreeSet<ContactId> =
            self.fresh.iter().filter(|ready| of_it(ready)).chain(timed).map(|ready| ready.contact.id).collect();
        self.fresh.retain(|ready| !dropped.contains(&ready.contact.id));
        self.timed.retain(|(_, contact), _| !dropped.contains(contact));
        self.members.retain(|contact| !dropped.contains(contact));
        dropped.first().copied()
    }

    /// Forgets those that were put off and are due behind `soon`, or one of them: their rows are given another time.
    ///
    /// They are read so far ahead only when the clock was set back after it.
    pub fn drop_put_off_behind(&mut self, soon: Timestamp, one: Option<ContactId>) {
        let late = |ready: &Ready| ready.put_off_by.is_some() && ready.due_at.is_some_and(|due_at| due_at > soon);
        let meant = |ready: &Ready| one.is_none_or(|one| one == ready.contact.id) && late(ready);
        for ready in self.timed.extract_if(.., |_, ready| meant(ready)).map(|(_, ready)| ready) {
            self.members.remove(&ready.contact.id);
            self.retries -= 1;
        }
    }

    /// Forgets the fresh contacts: the lists are read again.
    pub fn drop_fresh(&mut self) {
        self.fresh.clear();
        self.timed.retain(|_, ready| ready.due_at.is_some());
        self.members = self.timed.keys().map(|(_, contact)| *contact).collect();
    }
}

/// The contact as it is called when it is that number's turn.
pub(crate) fn as_called_on(contact: &Arc<Contact>, turn_no: u32) -> Arc<Contact> {
    if contact.number_no == turn_no { Arc::clone(contact) } else { Arc::new(contact.turn(turn_no)) }
}

/// What is known when it is that number's turn.
pub(crate) fn standing_at(standing: &Known, number_no: u32) -> Known {
    if standing.numbers.is_empty() { standing.clone() } else { standing.at(number_no).into() }
}
