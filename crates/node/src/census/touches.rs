//! Who changed: told by every commit, collected for each campaign that is being counted.

use domain::journal::Again;
use domain::{ContactId, ListId, NumberKey};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use store::Write;

/// Contacts and numbers that are collected, at most; with more it is quicker to count again.
const MAX_TOUCHED: usize = 20_000;

/// What changed since somebody last looked.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Their row in a run changed, or a call to them began or ended.
    pub(crate) contacts: BTreeSet<ContactId>,
    /// They were suppressed.
    pub(crate) numbers: BTreeSet<NumberKey>,
    /// They have new contacts.
    pub(crate) lists: BTreeSet<ListId>,
    /// More than can be told.
    pub(crate) everything: bool,
}

impl Touched {
    fn of(writes: &[Write]) -> Self {
        let mut touched = Self::default();
        for write in writes {
            match write {
                Write::Attempt(new) => drop(touched.contacts.insert(new.contact)),
                Write::Close { end, .. } => drop(touched.contacts.insert(end.contact)),
                Write::Withdraw(withdrawal) => drop(touched.contacts.insert(withdrawal.contact)),
                Write::PutOff { contacts, .. } => {
                    touched.contacts.extend(contacts.iter().map(|put_off| put_off.contact))
                }
                Write::TakeUp { which: Again::Contact(contact), .. } => drop(touched.contacts.insert(*contact)),
                Write::TakeUp { .. } => touched.everything = true,
                _ => {}
            }
        }
        touched
    }

    fn is_nothing(&self) -> bool {
        self.contacts.is_empty() && self.numbers.is_empty() && self.lists.is_empty() && !self.everything
    }

    fn add(&mut self, other: &Self) {
        self.contacts.extend(&other.contacts);
        self.numbers.extend(&other.numbers);
        self.lists.extend(&other.lists);
        self.everything |= other.everything || self.contacts.len() + self.numbers.len() > MAX_TOUCHED;
        if self.everything {
            (self.contacts, self.numbers) = (BTreeSet::new(), BTreeSet::new());
        }
    }
}

/// Where changes are told. A clone tells the same.
#[derive(Debug, Clone, Default)]
pub struct Touches(Arc<Mutex<Vec<Weak<Mutex<Touched>>>>>);

impl Touches {
    /// A batch is on disk.
    pub(crate) fn committed(&self, touched: &Changed) {
        self.tell(&touched.0);
    }

    /// These numbers were suppressed.
    pub(crate) fn suppressed(&self, numbers: &[NumberKey]) {
        self.tell(&Touched { numbers: numbers.iter().copied().collect(), ..Touched::default() });
    }

    /// A contact was corrected.
    pub(crate) fn changed(&self, contact: ContactId) {
        self.tell(&Touched { contacts: BTreeSet::from([contact]), ..Touched::default() });
    }

    /// A list has new contacts.
    pub(crate) fn grew(&self, list: ListId) {
        self.tell(&Touched { lists: BTreeSet::from([list]), ..Touched::default() });
    }

    /// Nobody can say who changed: a registry was swapped, ...
    pub(crate) fn everything(&self) {
        self.tell(&Touched { everything: true, ..Touched::default() });
    }

    /// Who listens from now on is told until it is dropped.
    pub(crate) fn listen(&self) -> Arc<Mutex<Touched>> {
        let listener = Arc::new(Mutex::new(Touched::default()));
        lock(&self.0).push(Arc::downgrade(&listener));
        listener
    }

    fn tell(&self, touched: &Touched) {
        if touched.is_nothing() {
            return;
        }
        lock(&self.0).retain(|listener| match listener.upgrade() {
            Some(listener) => {
                lock(&listener).add(touched);
                true
            }
            None => false,
        });
    }
}

/// Who a batch changes, to be told when it is on disk.
#[derive(Debug)]
pub(crate) struct Changed(Touched);

impl Changed {
    pub(crate) fn by(writes: &[Write]) -> Self {
        Self(Touched::of(writes))
    }
}

/// What is behind it, whatever became of another holder.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listener_is_told_until_it_is_gone_and_too_much_is_everything() {
        let touches = Touches::default();
        let (one, other) = (touches.listen(), touches.listen());
        touches.suppressed(&[NumberKey(1), NumberKey(2)]);
        drop(other);
        touches.grew(ListId(3));
        let told = std::mem::take(&mut *lock(&one));
        assert_eq!((told.numbers.len(), told.lists.len(), told.everything), (2, 1, false));
        assert_eq!(lock(&touches.0).len(), 1);
        let many: Vec<NumberKey> = (0..=MAX_TOUCHED as i64).map(NumberKey).collect();
        touches.suppressed(&many);
        let told = std::mem::take(&mut *lock(&one));
        assert!(told.everything && told.numbers.is_empty());
    }
}
