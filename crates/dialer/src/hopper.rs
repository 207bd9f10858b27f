//! Contacts in memory, ready to dial.

use domain::{Contact, ContactId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A contact that may be dialled.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Who.
    pub contact: Arc<Contact>,
    /// The counter of the coming attempt.
    pub retry: u32,
    /// Since when its retry is due; `None` for a fresh contact.
    pub due_at: Option<Timestamp>,
}

/// Fresh contacts in list order, and contacts with a time before which they may not be dialled.
#[derive(Debug, Default)]
pub struct Hopper {
    fresh: VecDeque<Ready>,
    timed: BTreeMap<(Timestamp, ContactId), Ready>,
    members: BTreeSet<ContactId>,
}

impl Hopper {
    /// Adds a fresh contact behind the others; refused (`false`) when it is in already.
    pub fn push_fresh(&mut self, contact: Arc<Contact>) -> bool {
        let new = self.members.insert(contact.id);
        if new {
            self.fresh.push_back(Ready { contact, retry: 0, due_at: None });
        }
        new
    }

    /// Adds a contact that may be dialled from `at` on; refused (`false`) when it is in already.
    pub fn push_timed(&mut self, at: Timestamp, ready: Ready) -> bool {
        let new = self.members.insert(ready.contact.id);
        if new {
            self.timed.insert((at, ready.contact.id), ready);
        }
        new
    }

    /// Puts a fresh contact back to the front.
    pub fn put_back(&mut self, ready: Ready) {
        if self.members.insert(ready.contact.id) {
            match ready.due_at {
                None => self.fresh.push_front(ready),
                Some(due_at) => {
                    self.timed.insert((due_at, ready.contact.id), ready);
                }
            }
        }
    }

    /// Takes the next contact: those whose time has come first, then fresh ones in order.
    pub fn pop(&mut self, wall: Timestamp) -> Option<Ready> {
        let ready = match self.timed.first_entry() {
            Some(first) if first.key().0 <= wall => first.remove(),
            _ => self.fresh.pop_front()?,
        };
        self.members.remove(&ready.contact.id);
        Some(ready)
    }

    /// Whether something can be dialled now.
    pub fn has_ready(&self, wall: Timestamp) -> bool {
        !self.fresh.is_empty() || self.timed.first_key_value().is_some_and(|((at, _), _)| *at <= wall)
    }

    /// When the next waiting contact may be dialled.
    pub fn next_timed(&self) -> Option<Timestamp> {
        self.timed.first_key_value().map(|((at, _), _)| *at)
    }

    /// Fresh contacts in memory.
    pub fn fresh_len(&self) -> usize {
        self.fresh.len()
    }

    /// Contacts with a time in memory.
    pub fn timed_len(&self) -> usize {
        self.timed.len()
    }

    /// All of them.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Forgets the fresh contacts that are not parked: the lists are read again.
    pub fn drop_fresh(&mut self) {
        for ready in self.fresh.drain(..) {
            self.members.remove(&ready.contact.id);
        }
    }
}
