//! The database of a play: where every contact is, and who was called when. It answers at once.

use super::people::{People, Where};
use super::plan::Plan;
use dialer::{FreshEntry, LoadContacts, Loaded, RetryEntry, RunTotals};
use domain::journal::{AttemptEnd, NewAttempt, PutOff, PutOffBy, Withdrawal};
use domain::rules::{Calls, Standing};
use domain::{AttemptId, CallState, Contact, ContactId, NumberKey, Timestamp};
use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Clone, Copy)]
enum Row {
    Fresh,
    Open,
    Waiting { retry: u32, number_no: u32, due_at: Timestamp, put_off_by: Option<PutOffBy> },
    Refused,
    Finished,
}

/// An attempt that has not ended.
#[derive(Debug)]
struct Open {
    index: usize,
    key: NumberKey,
    person: Option<NumberKey>,
    retry: u32,
    at: Timestamp,
    requested: bool,
}

#[derive(Debug)]
pub(super) struct Books<'a> {
    plan: &'a Plan,
    rows: Vec<Row>,
    waiting: BTreeSet<(Timestamp, ContactId, usize)>,
    open: HashMap<AttemptId, Open>,
    /// Of numbers and persons that were called in this play, and of nobody else.
    numbers: HashMap<NumberKey, Calls>,
    persons: HashMap<NumberKey, Calls>,
}

impl<'a> Books<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut waiting = BTreeSet::new();
        let row = |index: usize| match plan.people.at(index) {
            Where::Fresh => Row::Fresh,
            Where::Refused => Row::Refused,
            Where::InCall | Where::Finished => Row::Finished,
            Where::Waiting { retry, number_no, due_at, put_off_by } => {
                waiting.insert((due_at, plan.people.id(index), index));
                Row::Waiting { retry, number_no, due_at, put_off_by }
            }
        };
        let rows = (0..plan.people.len()).map(row).collect();
        Self { plan, rows, waiting, open: HashMap::new(), numbers: HashMap::new(), persons: HashMap::new() }
    }

    fn people(&self) -> &'a People {
        &self.plan.people
    }

    /// What waits and is refused when the play begins.
    pub(super) fn totals(&self) -> RunTotals {
        let mut totals = RunTotals::default();
        for row in &self.rows {
            match row {
                Row::Waiting { put_off_by: None, .. } => totals.open_retries += 1,
                Row::Waiting { .. } => totals.put_off += 1,
                Row::Refused => totals.refused += 1,
                Row::Fresh | Row::Open | Row::Finished => {}
            }
        }
        totals
    }

    /// Contacts that somebody may still call: of lists that are not paused, and of none.
    pub(super) fn left(&self) -> u64 {
        let mut left =
            self.rows.iter().filter(|row| matches!(row, Row::Fresh | Row::Open | Row::Waiting { .. })).count();
        for list in &self.plan.paused_lists {
            let range = self.people().of_list(*list);
            left -= self.rows[range].iter().filter(|row| matches!(row, Row::Fresh)).count();
        }
        left as u64
    }

    pub(super) fn index_of(&self, contact: ContactId) -> Option<usize> {
        self.people().place_of(contact)
    }

    /// What is known of a contact, as it is called.
    fn standing(&self, index: usize, contact: &Contact) -> Standing {
        let mut standing = self.people().standing(index);
        if contact.number_no > 0 {
            standing = standing.at(contact.number_no);
        }
        if let Some(calls) = self.numbers.get(&contact.key) {
            standing.number = calls.clone();
        }
        if let Some(calls) = contact.person.and_then(|person| self.persons.get(&person)) {
            standing.person = calls.clone();
        }
        let all = contact.numbers.iter().flat_map(|numbers| &numbers.all);
        for known in &mut standing.numbers {
            let one = all.clone().find(|one| one.no == known.no);
            if let Some(calls) = one.and_then(|one| self.numbers.get(&one.key)) {
                known.number = calls.clone();
            }
        }
        standing
    }

    fn set(&mut self, index: usize, row: Row) {
        let id = self.people().id(index);
        if let Row::Waiting { due_at, .. } = self.rows[index] {
            self.waiting.remove(&(due_at, id, index));
        }
        if let Row::Waiting { due_at, .. } = row {
            self.waiting.insert((due_at, id, index));
        }
        self.rows[index] = row;
    }

    pub(super) fn load(&self, load: &LoadContacts) -> Loaded {
        let people = self.people();
        let limit = load.fresh_limit as usize;
        let mut fresh = Vec::new();
        let mut list_end = ContactId(0);
        if let Some((list, after)) = load.list {
            let range = people.of_list(list);
            list_end = range.clone().next_back().map_or(ContactId(0), |last| people.id(last));
            let behind = people.behind(&range, after)..range.end;
            let taken = behind.filter(|index| matches!(self.rows[*index], Row::Fresh)).take(limit);
            fresh.extend(taken.map(|index| {
                let contact = people.contact(index, 0);
                let standing = self.standing(index, &contact);
                FreshEntry { contact, standing }
            }));
        }
        let mut retries = Vec::new();
        let (mut next_due, mut next_put_off_by) = (None, None);
        for (due_at, _, index) in &self.waiting {
            let Row::Waiting { retry, number_no, put_off_by, .. } = self.rows[*index] else { continue };
            if *due_at > load.due_before || retries.len() >= load.retry_limit as usize {
                (next_due, next_put_off_by) = (Some(*due_at), put_off_by);
                break;
            }
            let contact = people.contact(*index, number_no);
            let standing = self.standing(*index, &contact);
            retries.push(RetryEntry { contact, retry, number_no, due_at: *due_at, put_off_by, standing });
        }
        Loaded {
            run: load.run,
            list: load.list.map(|(list, _)| list),
            list_exhausted: fresh.len() < limit,
            list_end,
            fresh,
            retries,
            next_due,
            next_put_off_by,
        }
    }

    /// Writes an attempt; what is known of its number and person without it.
    pub(super) fn journal(&mut self, new: &NewAttempt) -> Option<Standing> {
        let index = self.index_of(new.contact)?;
        let contact = self.people().contact(index, new.number_no);
        let standing = self.standing(index, &contact);
        let (key, person, at) = (new.number_key, contact.person, new.scheduled_at);
        self.numbers.entry(key).or_insert_with(|| standing.number.clone()).attempted(at);
        if let Some(person) = person {
            self.persons.entry(person).or_insert_with(|| standing.person.clone()).attempted(at);
        }
        self.open.insert(new.attempt, Open { index, key, person, retry: new.retry, at, requested: false });
        self.set(index, Row::Open);
        Some(standing)
    }

    pub(super) fn requested(&mut self, attempt: AttemptId) {
        if let Some(open) = self.open.get_mut(&attempt) {
            open.requested = true;
        }
    }

    pub(super) fn close(&mut self, end: &AttemptEnd) {
        let Some(open) = self.open.remove(&end.attempt) else { return };
        let sent = match end.state {
            CallState::RsBlacklist | CallState::RsNoagent | CallState::RsAgentskip => open.requested,
            _ => true,
        };
        if !sent {
            self.never_called(&open);
        }
        if end.connected_at.is_some() {
            self.talked(&open, end.ended_at);
        }
        let row = match (end.retry, end.next_number) {
            (Some(next), None) => {
                Row::Waiting { retry: open.retry + 1, number_no: 0, due_at: next.at, put_off_by: None }
            }
            (None, Some(next)) => {
                Row::Waiting { retry: open.retry, number_no: next, due_at: end.ended_at, put_off_by: None }
            }
            _ => Row::Finished,
        };
        self.set(open.index, row);
    }

    /// Somebody talks, or has.
    fn talked(&mut self, open: &Open, at: Timestamp) {
        if let Some(calls) = self.numbers.get_mut(&open.key) {
            calls.talked(at);
        }
        if let Some(calls) = open.person.and_then(|person| self.persons.get_mut(&person)) {
            calls.talked(at);
        }
    }

    pub(super) fn answered(&mut self, attempt: AttemptId, at: Timestamp) {
        if let Some(open) = self.open.remove(&attempt) {
            self.talked(&open, at);
            self.open.insert(attempt, open);
        }
    }

    fn never_called(&mut self, open: &Open) {
        let forget = |calls: &mut Calls| {
            if let Some(place) = calls.attempts.iter().position(|at| *at == open.at) {
                calls.attempts.remove(place);
            }
        };
        self.numbers.get_mut(&open.key).into_iter().for_each(forget);
        open.person.and_then(|person| self.persons.get_mut(&person)).into_iter().for_each(forget);
    }

    pub(super) fn withdraw(&mut self, back: &Withdrawal) {
        let Some(open) = self.open.remove(&back.attempt) else { return };
        self.never_called(&open);
        let (retry, number_no, put_off_by) = (back.retry, back.number_no, back.put_off_by);
        let row = match back.due_at {
            Some(due_at) => Row::Waiting { retry, number_no, due_at, put_off_by },
            None => Row::Fresh,
        };
        self.set(open.index, row);
    }

    pub(super) fn put_off(&mut self, off: &PutOff) {
        let Some(index) = self.index_of(off.contact) else { return };
        let number_no = match self.rows[index] {
            Row::Waiting { number_no, .. } => number_no,
            _ => 0,
        };
        let row = match off.until {
            Some(due_at) => Row::Waiting { retry: off.retry, number_no, due_at, put_off_by: Some(off.by) },
            None => Row::Refused,
        };
        self.set(index, row);
    }
}
