//! The virtual database: lists, runs, contacts' states and attempts, and the rules that its constraints stand for.

use dialer::{Command, Event, IdKind, LoadContacts, Loaded, RetryEntry, RunSettings, RunTotals};
use domain::journal::{AttemptEnd, Fact, NewAttempt, Note, OpenAttempt, Withdrawal};
use domain::{AttemptId, CallState, Contact, ContactId, ListId, NumberKey, RunId, RunState, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a contact is in a run; without a row it is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Open { retry: u32 },
    Waiting { retry: u32, due_at: Timestamp },
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptState {
    Open,
    Ended(CallState),
    Withdrawn,
}

#[derive(Debug, Clone)]
pub(crate) struct AttemptRow {
    pub(crate) new: NewAttempt,
    pub(crate) state: AttemptState,
    /// When the retry that it is was due.
    pub(crate) due_at: Option<Timestamp>,
    connected_at: Option<Timestamp>,
    ext_state: String,
}

#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) settings: RunSettings,
    pub(crate) lists: Vec<ListId>,
    pub(crate) state: RunState,
    pub(crate) totals: RunTotals,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) lists: BTreeMap<ListId, Vec<Arc<Contact>>>,
    pub(crate) runs: BTreeMap<RunId, RunRow>,
    pub(crate) rows: BTreeMap<RunId, BTreeMap<ContactId, Row>>,
    pub(crate) attempts: BTreeMap<AttemptId, AttemptRow>,
    pub(crate) open: BTreeMap<NumberKey, AttemptId>,
    /// Numbers that must not be called.
    pub(crate) suppressed: BTreeSet<NumberKey>,
    /// Survives restarts.
    pub(crate) held: bool,
    ids: BTreeMap<IdKind, i64>,
}

/// A rule that a write broke.
pub(crate) type Broken = String;

impl Store {
    /// One write of a batch; the answer for the dialler, if it wants one.
    pub(crate) fn apply(&mut self, write: Command) -> Result<Option<Event>, Broken> {
        match write {
            Command::Journal(new) => self.journal(*new).map(Some),
            Command::Note(note) => self.note(&note).map(|()| None),
            Command::Close(end) => self.close(&end).map(|()| None),
            Command::Withdraw(withdrawal) => self.withdraw(&withdrawal).map(|()| None),
            Command::RunChanged(change) => self.run_changed(change.run, change.state).map(|()| None),
            Command::WantIds { kind, count } => {
                let next = self.ids.entry(kind).or_insert(1);
                let from = *next;
                *next += i64::from(count);
                Ok(Some(Event::IdsGranted { kind, from, to: *next }))
            }
            Command::LoadContacts(load) => Ok(Some(Event::ContactsLoaded(self.load(&load)))),
            other => Err(format!("{other:?} is no write")),
        }
    }

    fn journal(&mut self, new: NewAttempt) -> Result<Event, Broken> {
        let refused = |later| Event::JournalRefused { attempt: new.attempt, later };
        if self.attempts.contains_key(&new.attempt) {
            return Err(format!("attempt id {} was used before", new.attempt));
        }
        let Some(run) = self.runs.get_mut(&new.run) else { return Err(format!("no run {}", new.run)) };
        if self.open.contains_key(&new.number_key) {
            return Ok(refused(true));
        }
        let row = self.rows.get(&new.run).and_then(|rows| rows.get(&new.contact)).copied();
        let due_at = match row {
            None if new.retry == 0 => None,
            Some(Row::Waiting { retry, due_at }) if retry == new.retry => Some(due_at),
            _ => return Err(format!("contact {} is {row:?}, journalled at retry {}", new.contact, new.retry)),
        };
        if due_at.is_some_and(|due_at| due_at > new.scheduled_at) {
            return Err(format!("contact {} was decided before it was due", new.contact));
        }
        if run.state.is_final() {
            return Ok(refused(false));
        }
        run.totals.placed += 1;
        run.totals.open_retries -= u64::from(new.retry > 0);
        self.rows.entry(new.run).or_default().insert(new.contact, Row::Open { retry: new.retry });
        self.open.insert(new.number_key, new.attempt);
        let answer = if self.suppressed.contains(&new.number_key) {
            Event::JournalledSuppressed(new.attempt)
        } else {
            Event::Journalled(new.attempt)
        };
        let row = AttemptRow { state: AttemptState::Open, due_at, connected_at: None, ext_state: String::new(), new };
        self.attempts.insert(row.new.attempt, row);
        Ok(answer)
    }

    fn open_row(&mut self, attempt: AttemptId) -> Result<&mut AttemptRow, Broken> {
        match self.attempts.get_mut(&attempt) {
            Some(row) if row.state == AttemptState::Open => Ok(row),
            other => Err(format!("attempt {attempt} is written to while it is {:?}", other.map(|row| row.state))),
        }
    }

    fn note(&mut self, note: &Note) -> Result<(), Broken> {
        let row = self.open_row(note.attempt)?;
        match &note.fact {
            Fact::Answered => row.connected_at = Some(note.at),
            Fact::StatusSet { status } => row.ext_state.clone_from(status),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, end: &AttemptEnd) -> Result<(), Broken> {
        let row = self.open_row(end.attempt)?;
        row.state = AttemptState::Ended(end.state);
        if end.segments.windows(2).any(|two| two[0].to > two[1].from) {
            return Err(format!("attempt {} has segments that overlap", end.attempt));
        }
        let (key, retry) = (row.new.number_key, row.new.retry);
        self.open.remove(&key);
        let Some(run) = self.runs.get_mut(&end.run) else { return Err(format!("no run {}", end.run)) };
        run.totals.connected += u64::from(end.connected_at.is_some());
        let next = match end.retry {
            Some(next) => {
                run.totals.open_retries += 1;
                Row::Waiting { retry: retry + 1, due_at: next.at }
            }
            None => {
                run.totals.terminated += 1;
                Row::Finished
            }
        };
        self.rows.entry(end.run).or_default().insert(end.contact, next);
        Ok(())
    }

    fn withdraw(&mut self, withdrawal: &Withdrawal) -> Result<(), Broken> {
        let row = self.open_row(withdrawal.attempt)?;
        row.state = AttemptState::Withdrawn;
        if row.due_at != withdrawal.due_at || row.new.retry != withdrawal.retry {
            return Err(format!("attempt {} is taken back to where it never was", withdrawal.attempt));
        }
        let key = row.new.number_key;
        self.open.remove(&key);
        let Some(run) = self.runs.get_mut(&withdrawal.run) else { return Err(format!("no run {}", withdrawal.run)) };
        run.totals.placed -= 1;
        run.totals.open_retries += u64::from(withdrawal.due_at.is_some());
        let rows = self.rows.entry(withdrawal.run).or_default();
        match withdrawal.due_at {
            Some(due_at) => rows.insert(withdrawal.contact, Row::Waiting { retry: withdrawal.retry, due_at }),
            None => rows.remove(&withdrawal.contact),
        };
        Ok(())
    }

    fn run_changed(&mut self, id: RunId, state: RunState) -> Result<(), Broken> {
        let Some(run) = self.runs.get_mut(&id) else { return Err(format!("no run {id}")) };
        if run.state.is_final() {
            return Err(format!("run {id} is {} and becomes {}", run.state.code(), state.code()));
        }
        run.state = state;
        Ok(())
    }

    fn load(&self, load: &LoadContacts) -> Loaded {
        let rows = self.rows.get(&load.run);
        let is_fresh = |contact: &&Arc<Contact>| rows.is_none_or(|rows| !rows.contains_key(&contact.id));
        let limit = load.fresh_limit as usize;
        let mut fresh: Vec<Arc<Contact>> = Vec::new();
        if let Some((list, after)) = load.list {
            let contacts = self.lists.get(&list).map(Vec::as_slice).unwrap_or_default();
            fresh = contacts.iter().filter(|c| c.id > after).filter(is_fresh).take(limit).cloned().collect();
        }
        let mut waiting: Vec<RetryEntry> = Vec::new();
        for (id, row) in rows.into_iter().flatten() {
            if let (Row::Waiting { retry, due_at }, Some(contact)) = (row, self.contact(*id)) {
                waiting.push(RetryEntry { contact, retry: *retry, due_at: *due_at });
            }
        }
        waiting.sort_by_key(|entry| (entry.due_at, entry.contact.id));
        let due = waiting.iter().take_while(|entry| entry.due_at <= load.due_before).count();
        let due = due.min(load.retry_limit as usize);
        Loaded {
            run: load.run,
            list: load.list.map(|(list, _)| list),
            list_exhausted: fresh.len() < limit,
            fresh,
            next_due: waiting.get(due).map(|entry| entry.due_at),
            retries: waiting.into_iter().take(due).collect(),
        }
    }

    fn contact(&self, id: ContactId) -> Option<Arc<Contact>> {
        self.lists.values().flatten().find(|contact| contact.id == id).cloned()
    }

    /// What a new process finds open.
    pub(crate) fn open_attempts(&self) -> Vec<OpenAttempt> {
        let open = self.attempts.values().filter(|row| row.state == AttemptState::Open);
        open.map(|row| OpenAttempt {
            attempt: row.new.attempt,
            call: row.new.call,
            leg: row.new.leg,
            run: row.new.run,
            contact: row.new.contact,
            number_key: row.new.number_key,
            retry: row.new.retry,
            trunk: row.new.trunk,
            end_point: row.new.end_point,
            pbx: row.new.pbx,
            scheduled_at: row.new.scheduled_at,
            connected_at: row.connected_at,
            ext_state: row.ext_state.clone(),
        })
        .collect()
    }
}
