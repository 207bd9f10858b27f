//! What is known of the calls to a number and to a person.

use crate::ids::{ListId, SuppressionListId};
use crate::time::Timestamp;

/// Attempts that are remembered per number or person, at most; a cap counts no higher.
pub const MAX_REMEMBERED: usize = 50;
/// Days back that attempts are remembered, at most; no cap or cool-down reaches further.
pub const MAX_DAYS: u32 = 90;

/// The calls to one number, or to one person on any number. Attempts that were provably never sent are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// When they were decided, newest first, at most [`MAX_REMEMBERED`].
    pub attempts: Vec<Timestamp>,
    /// When the last conversation ended, or began if it goes on.
    pub conversation_at: Option<Timestamp>,
    /// When the last call ended that counts as abandoned, if it is among those that are remembered.
    pub abandoned_at: Option<Timestamp>,
    /// The same of the last call at which a machine was detected.
    pub machine_at: Option<Timestamp>,
}

impl Calls {
    /// No calls.
    pub const NONE: Self = Self { attempts: Vec::new(), conversation_at: None, abandoned_at: None, machine_at: None };

    /// When an `n`-th attempt within `span_s` seconds is allowed again; `None`: now.
    pub fn cap_opens_at(&self, n: u32, span_s: i64, now: Timestamp) -> Option<Timestamp> {
        let oldest_that_counts = (n as usize).checked_sub(1).and_then(|index| self.attempts.get(index))?;
        let opens = oldest_that_counts.plus_seconds(span_s);
        (opens > now).then_some(opens)
    }

    /// How many attempts lie within the last `span_s` seconds.
    pub fn within(&self, span_s: i64, now: Timestamp) -> usize {
        self.attempts.iter().filter(|at| at.plus_seconds(span_s) > now).count()
    }

    /// Adds an attempt.
    pub fn attempted(&mut self, at: Timestamp) {
        let place = self.attempts.partition_point(|other| *other > at);
        self.attempts.insert(place, at);
        self.attempts.truncate(MAX_REMEMBERED);
    }

    /// A conversation took place.
    pub fn talked(&mut self, at: Timestamp) {
        self.conversation_at = self.conversation_at.max(Some(at));
    }
}

/// What the books know of a contact's number and person when it is read for dialling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// A list that says that the number must not be called.
    pub suppressed_by: Option<SuppressionListId>,
    /// A black list of the campaign that names the number: a call to it ends as `RS_BLACKLIST` before anything is sent.
    pub black_listed_by: Option<ListId>,
    /// Calls to the number, by any campaign.
    pub number: Calls,
    /// Calls to the person on any of their numbers; empty when the contact names no person.
    pub person: Calls,
    /// The same of each number of a contact with several, the one above among them; otherwise empty.
    pub numbers: Vec<NumberStanding>,
}

/// What the books know of one of several numbers of a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberStanding {
    /// Its place.
    pub no: u32,
    /// A list that says that it must not be called.
    pub suppressed_by: Option<SuppressionListId>,
    /// A black list of the campaign that names it.
    pub black_listed_by: Option<ListId>,
    /// Calls to it, by any campaign.
    pub number: Calls,
}

impl NumberStanding {
    /// Of the number of this place nothing is known.
    pub fn of(no: u32) -> Self {
        Self { no, ..Self::default() }
    }
}

impl Standing {
    /// The standing of the contact when it is called on the number of this place. Who suppresses its own number, or puts it
    /// on a black list, means the contact.
    pub fn at(&self, no: u32) -> Self {
        let own = self.numbers.iter().find(|known| known.no == 0);
        match self.numbers.iter().find(|known| known.no == no) {
            Some(known) => Self {
                suppressed_by: known.suppressed_by.or(own.and_then(|own| own.suppressed_by)),
                black_listed_by: known.black_listed_by.or(own.and_then(|own| own.black_listed_by)),
                number: known.number.clone(),
                ..self.clone()
            },
            None => self.clone(),
        }
    }
}
