//! What happened to a contact, and to a list: calls, corrections, imports and suppressions in one time line, newest first.
//! It holds nothing of its own.

use crate::attempts::{AttemptFilter, AttemptRecord, Order};
use crate::audit::{AuditFilter, AuditRecord};
use crate::db::Store;
use crate::error::Result;
use crate::import::ImportJob;
use crate::scope::Scope;
use crate::suppression::SuppressionRecord;
use domain::{AttemptId, Contact, Invalid, ListId, Timestamp};
use std::fmt;
use std::str::FromStr;

/// Items of one page, at most.
const MAX_PAGE: u32 = 1_000;

/// How far a reader is: in each source the ids from here on are behind him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPlace {
    attempts: i64,
    changes: i64,
    /// Suppressions and the import of a contact are few, and told by their time.
    others: i64,
}

impl HistoryPlace {
    const NEWEST: Self = Self { attempts: i64::MAX, changes: i64::MAX, others: i64::MAX };
}

impl fmt::Display for HistoryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.attempts, self.changes, self.others)
    }
}

impl FromStr for HistoryPlace {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        let mut parts = text.split('-').map(|part| part.parse::<i64>().ok().filter(|id| *id >= 0));
        let mut next = || parts.next().flatten();
        match (next(), next(), next(), parts.next()) {
            (Some(attempts), Some(changes), Some(others), None) => Ok(Self { attempts, changes, others }),
            _ => Err(Invalid::new("after", "is no place of a history: give the `next` of a page")),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Happened {
    /// A number was called, or reserved for an agent.
    Attempt(Box<AttemptRecord>),
    /// A change of the list, or of a contact in it.
    Change(Box<AuditRecord>),
    /// A number of the contact went on a suppression list.
    Suppressed(Box<SuppressionRecord>),
    /// The contact came with this import.
    Imported(Box<ImportJob>),
}

impl Happened {
    /// When.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Attempt(attempt) => attempt.scheduled_at,
            Self::Change(change) => change.at,
            Self::Suppressed(entry) => entry.at,
            Self::Imported(job) => job.created_at,
        }
    }
}

/// A part of a history.
#[derive(Debug, Clone)]
pub struct History {
    /// Newest first.
    pub items: Vec<Happened>,
    /// Where the next page begins; `None`: there is nothing older.
    pub next: Option<HistoryPlace>,
}

impl Store {
    /// What happened to a contact: calls and reservations, corrections, its import, and suppressions of its numbers that hold
    /// now.
    pub async fn contact_history(
        &self,
        scope: &Scope,
        contact: &Contact,
        before: Option<HistoryPlace>,
        limit: u32,
    ) -> Result<History> {
        let place = before.unwrap_or(HistoryPlace::NEWEST);
        let limit = limit.clamp(1, MAX_PAGE);
        let filter = AttemptFilter { contact: Some(contact.id), ..AttemptFilter::default() };
        let attempts = self.newest_attempts(scope, filter, place, limit).await?;
        let changes = self.changes_of_contact(scope, contact.list, contact.id, place.changes, limit).await?;
        let mut others = Vec::new();
        let numbers = match &contact.numbers {
            Some(numbers) => numbers.all.iter().map(|one| &one.number).collect(),
            None => vec![&contact.number],
        };
        for number in numbers.into_iter().filter(|number| !number.dialled.is_empty()) {
            others
                .extend(self.suppressions_of(scope, number).await?.into_iter().map(Box::new).map(Happened::Suppressed));
        }
        if let Some(job) = self.import_of(scope, contact.id).await? {
            others.push(Happened::Imported(Box::new(job)));
        }
        Ok(merged(attempts, changes, others, place, limit as usize))
    }

    /// What happened to a list: calls to its contacts, imports, contacts that were added and corrected, and changes of itself.
    pub async fn list_history(
        &self,
        scope: &Scope,
        list: ListId,
        before: Option<HistoryPlace>,
        limit: u32,
    ) -> Result<History> {
        self.list(scope, list).await?; // in the scope
        let place = before.unwrap_or(HistoryPlace::NEWEST);
        let limit = limit.clamp(1, MAX_PAGE);
        let filter = AttemptFilter { list: Some(list), ..AttemptFilter::default() };
        let attempts = self.newest_attempts(scope, filter, place, limit).await?;
        let filter = AuditFilter {
            entity: Some("list".to_owned()),
            id: Some(list.0),
            before: Some(place.changes),
            limit,
            of_access: false,
        };
        let changes = self.audit(scope, &filter).await?;
        Ok(merged(attempts, changes, Vec::new(), place, limit as usize))
    }

    async fn newest_attempts(
        &self,
        scope: &Scope,
        filter: AttemptFilter,
        place: HistoryPlace,
        limit: u32,
    ) -> Result<Vec<AttemptRecord>> {
        let filter = AttemptFilter { after: Some(AttemptId(place.attempts)), limit, order: Order::Newest, ..filter };
        self.attempts(scope, &filter).await
    }
}

/// One time line of the sources, each newest first by its ids. What two of them tell is put in the order of time as far as
/// their own order allows it.
fn merged(
    attempts: Vec<AttemptRecord>,
    changes: Vec<AuditRecord>,
    mut others: Vec<Happened>,
    mut place: HistoryPlace,
    limit: usize,
) -> History {
    let was_full = attempts.len() >= limit || changes.len() >= limit;
    others.retain(|other| other.at().0 < place.others);
    others.sort_by_key(|other| std::cmp::Reverse(other.at()));
    let mut attempts = attempts.into_iter().peekable();
    let mut changes = changes.into_iter().peekable();
    let mut others = others.into_iter().peekable();
    let mut items = Vec::new();
    loop {
        let at = [
            attempts.peek().map(|attempt| attempt.scheduled_at),
            changes.peek().map(|change| change.at),
            others.peek().map(Happened::at),
        ];
        let Some(newest) = at.iter().flatten().max() else { break };
        let which = at.iter().position(|at| at.as_ref() == Some(newest)).unwrap_or_default();
        // Those of one moment are told together: their place is their time.
        if items.len() >= limit && !(which == 2 && newest.0 == place.others) {
            return History { items, next: Some(place) };
        }
        match which {
            0 => items.extend(attempts.next().map(|attempt| {
                place.attempts = attempt.id.0;
                Happened::Attempt(Box::new(attempt))
            })),
            1 => items.extend(changes.next().map(|change| {
                place.changes = change.id;
                Happened::Change(Box::new(change))
            })),
            _ => items.extend(others.next().inspect(|other| place.others = other.at().0)),
        }
    }
    History { next: (was_full && !items.is_empty()).then_some(place), items }
}
