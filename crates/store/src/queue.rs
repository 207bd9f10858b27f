//! Who wants to write. Long work looks here whether to let others go first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The queue for the one writer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: AtomicUsize,
    journal_at: Mutex<Option<Instant>>,
}

/// A place in the queue, left when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Queue);

impl Queue {
    /// Somebody waits for the writer.
    pub(crate) fn wait(&self) -> Place<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Place(self)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The journal has something to write: calls are being made.
    pub(crate) fn journal_comes(&self) {
        *self.journal_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether the journal had nothing to write for this long.
    pub(crate) fn journal_rests(&self, since: Duration) -> bool {
        let at = *self.journal_at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_none_or(|at| at.elapsed() >= since)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_while_it_is_held() {
        let queue = Queue::default();
        let first = queue.wait();
        let second = queue.wait();
        assert_eq!(queue.waiting(), 2);
        drop(first);
        assert_eq!(queue.waiting(), 1);
        drop(second);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn the_journal_rests_until_it_comes() {
        let queue = Queue::default();
        assert!(queue.journal_rests(Duration::from_secs(60)));
        queue.journal_comes();
        assert!(!queue.journal_rests(Duration::from_secs(60)));
        assert!(queue.journal_rests(Duration::ZERO));
    }
}
