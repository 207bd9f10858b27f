//! The virtual database: lists, runs, contacts' states and attempts, and the rules that its constraints stand for.

mod reading;

use crate::proof::Check;
use crate::sabotage::Sabotage;
use dialer::{Command, Event, IdKind, RunSettings, RunTotals};
use domain::abandonment::{Count, Counted, PeriodNow};
use domain::journal::{
    Again, AttemptEnd, Fact, NewAttempt, Note, PutOff, PutOffBy, READ_AHEAD_US, SOON_US, Withdrawal,
};
use domain::rules::{ContactRule, Standing};
use domain::{
    AttemptId, CallState, CampaignId, Contact, ContactId, ListId, NumberKey, OutcomeRule, OutcomeRuleId, RunId,
    RunState, Timestamp, outcome,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a contact is in a run; without a row it is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Open,
    Waiting { retry: u32, number_no: u32, due_at: Timestamp, put_off_by: Option<PutOffBy> },
    Refused { retry: u32, number_no: u32, by: PutOffBy },
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
    /// The number whose turn it was.
    turn_no: u32,
    /// What had put it off.
    put_off_by: Option<PutOffBy>,
    /// Since when an agent looked at it, also when it does not any more.
    reserved_at: Option<Timestamp>,
    /// Its originate was handed to a PBX.
    requested: bool,
    /// What the PBX said at its end; 0: nothing.
    cause: u16,
    connected_at: Option<Timestamp>,
    /// When it was closed or taken back.
    pub(crate) ended_at: Option<Timestamp>,
    /// When the conversation ended, if there was one.
    pub(crate) ended_talking: Option<Timestamp>,
    pub(crate) ext_state: String,
    /// Whether that is a report of a call that nobody answered.
    pub(crate) reported: bool,
    /// What was counted of it in the books of abandoned calls, in order, with the rule.
    pub(crate) counted: Vec<Counted>,
}

impl AttemptRow {
    fn was_never_sent(&self) -> bool {
        match self.state {
            AttemptState::Withdrawn => true,
            AttemptState::Ended(CallState::RsBlacklist) => !self.requested && self.cause == 0,
            AttemptState::Ended(CallState::RsNoagent | CallState::RsAgentskip) => !self.requested,
            _ => false,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) settings: RunSettings,
    pub(crate) lists: Vec<ListId>,
    pub(crate) paused: BTreeSet<ListId>,
    pub(crate) state: RunState,
    pub(crate) totals: RunTotals,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) lists: BTreeMap<ListId, Vec<Arc<Contact>>>,
    pub(crate) runs: BTreeMap<RunId, RunRow>,
    pub(crate) rows: BTreeMap<RunId, BTreeMap<ContactId, Row>>,
    /// The same, of those that wait, by their time.
    waiting: BTreeMap<RunId, BTreeSet<(Timestamp, ContactId)>>,
    contacts: BTreeMap<ContactId, Arc<Contact>>,
    numbers: BTreeMap<NumberKey, String>,
    pub(crate) attempts: BTreeMap<AttemptId, AttemptRow>,
    pub(crate) open: BTreeMap<NumberKey, AttemptId>,
    /// Numbers that must not be called, by whom; `None`: by nobody.
    pub(crate) suppressed: BTreeSet<(NumberKey, Option<CampaignId>)>,
    /// Numbers on a black list of a campaign, and since when.
    pub(crate) black: BTreeMap<(NumberKey, CampaignId), Timestamp>,
    /// Attempts to a number and to a person, in order.
    by_number: BTreeMap<NumberKey, Vec<AttemptId>>,
    by_person: BTreeMap<NumberKey, Vec<AttemptId>>,
    /// What outcome rules asked for after calls, and how often: once.
    pub(crate) actions: BTreeMap<(AttemptId, OutcomeRuleId), u32>,
    /// Of these, asked for when a retry did not come.
    pub(crate) asked_late: u64,
    /// Survives restarts.
    pub(crate) held: bool,
    /// The number of the youngest process that opened it: writes of an older one are refused.
    pub(crate) fence: u64,
    pub(crate) sabotage: Option<Sabotage>,
    /// Of what is drawn for each contact.
    pub(crate) seed: u64,
    ids: BTreeMap<IdKind, i64>,
    /// The end of each campaign's abandonment ledger.
    pub(crate) books: BTreeMap<CampaignId, PeriodNow>,
}

/// A rule that a write broke.
pub(crate) type Broken = (Check, String);

/// A retry is told this much earlier than it is by a database that does not tell the truth, seconds.
const TOLD_EARLY_S: i64 = 100;

/// Each run of the world is of a campaign of its own.
pub(crate) fn campaign_of(run: RunId) -> CampaignId {
    CampaignId(run.0)
}

impl Store {
    /// Adds contacts to the end of a list.
    pub(crate) fn add(&mut self, list: ListId, contact: Contact) {
        let contact = Arc::new(contact);
        self.contacts.insert(contact.id, Arc::clone(&contact));
        self.numbers.insert(contact.key, contact.number.dialled.clone());
        for one in contact.numbers.iter().flat_map(|numbers| &numbers.all) {
            self.numbers.insert(one.key, one.number.dialled.clone());
        }
        self.lists.entry(list).or_default().push(contact);
    }

    pub(crate) fn is_suppressed(&self, contact: &Contact, campaign: CampaignId) -> bool {
        let own = contact.numbers.as_ref().map_or(contact.key, |numbers| numbers.all[0].key);
        self.bars(contact.key, campaign) || self.bars(own, campaign)
    }

    /// Whether this number is suppressed.
    pub(crate) fn bars(&self, key: NumberKey, campaign: CampaignId) -> bool {
        [None, Some(campaign)].iter().any(|of| self.suppressed.contains(&(key, *of)))
    }

    /// The contact of an attempt as the world has it, on the number that is called.
    pub(crate) fn called(&self, contact: ContactId, number_no: u32) -> Option<Contact> {
        self.contacts.get(&contact).map(|contact| contact.turn(number_no))
    }

    /// The number whose turn it is.
    pub(crate) fn turn_of(&self, run: RunId, contact: ContactId) -> u32 {
        match self.rows.get(&run).and_then(|rows| rows.get(&contact)) {
            Some(Row::Waiting { number_no, .. } | Row::Refused { number_no, .. }) => *number_no,
            _ => 0,
        }
    }

    /// The number that has this key.
    pub(crate) fn number(&self, key: NumberKey) -> Option<&str> {
        self.numbers.get(&key).map(String::as_str)
    }

    /// Contacts of all lists.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values().map(AsRef::as_ref)
    }

    pub(crate) fn last_contact(&self) -> i64 {
        self.contacts.last_key_value().map_or(0, |(id, _)| id.0)
    }

    fn is(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    /// One write of a batch; the answer for the dialler, if it wants one.
    pub(crate) fn apply(&mut self, write: Command) -> Result<Option<Event>, Broken> {
        match write {
            Command::Journal(new) => self.journal(*new).map(Some),
            Command::Accept { attempt, at } => self.accept(attempt, at).map(Some),
            Command::Note(note) => self.note(&note).map(|()| None),
            Command::Close(end) => self.close(&end).map(|()| None),
            Command::Withdraw(withdrawal) => self.withdraw(&withdrawal).map(|()| None),
            Command::RunChanged(change) => self.run_changed(change.run, change.state).map(|()| None),
            Command::WantIds { kind, count } => {
                let again = self.is(Sabotage::SameIdsAgain);
                let next = self.ids.entry(kind).or_insert(1);
                let from = *next;
                *next += if again { 0 } else { i64::from(count) };
                Ok(Some(Event::IdsGranted { kind, from, to: from + i64::from(count) }))
            }
            Command::PutOff { run, contacts, rules, .. } => {
                contacts.iter().try_for_each(|off| self.put_off(run, off, &rules)).map(|()| None)
            }
            Command::TakeUp { run, which, after, limit, at } => Ok(Some(self.take_up(run, which, after, limit, at))),
            Command::LoadContacts(load) => Ok(Some(Event::ContactsLoaded(self.load(&load)))),
            other => Err((Check::WritesFit, format!("{other:?} is no write"))),
        }
    }

    /// Where a contact is from now on; `None`: it is fresh.
    fn set_row(&mut self, run: RunId, contact: ContactId, row: Option<Row>) {
        let rows = self.rows.entry(run).or_default();
        let old = match row {
            Some(row) => rows.insert(contact, row),
            None => rows.remove(&contact),
        };
        let waiting = self.waiting.entry(run).or_default();
        if let Some(Row::Waiting { due_at, .. }) = old {
            waiting.remove(&(due_at, contact));
        }
        if let Some(Row::Waiting { due_at, .. }) = row {
            waiting.insert((due_at, contact));
        }
    }

    fn journal(&mut self, mut new: NewAttempt) -> Result<Event, Broken> {
        let unfit = |what: String| Err((Check::WritesFit, what));
        let refused = |later| Event::JournalRefused { attempt: new.attempt, later };
        if self.attempts.contains_key(&new.attempt) {
            return unfit(format!("attempt id {} was used before", new.attempt));
        }
        if self.is(Sabotage::LyingDisk) && new.attempt.0 % 5 == 0 {
            return Ok(Event::Journalled { attempt: new.attempt, standing: Standing::default() });
        }
        let Some(run) = self.runs.get_mut(&new.run) else { return unfit(format!("no run {}", new.run)) };
        if self.open.contains_key(&new.number_key) {
            return Ok(refused(true));
        }
        let row = self.rows.get(&new.run).and_then(|rows| rows.get(&new.contact)).copied();
        let (due_at, put_off_by, turn_no) = match row {
            None if (new.retry, new.number_no) == (0, 0) => (None, None, 0),
            Some(Row::Waiting { retry, number_no, due_at, put_off_by })
                if retry == new.retry && number_no <= new.number_no =>
            {
                (Some(due_at), put_off_by, number_no)
            }
            _ => return unfit(format!("contact {} is {row:?}, journalled at retry {}", new.contact, new.retry)),
        };
        if due_at.is_some_and(|due_at| due_at > new.scheduled_at) {
            return Err((Check::GapKept, format!("contact {} was decided before it was due", new.contact)));
        }
        if run.state.is_final() {
            return Ok(refused(false));
        }
        run.totals.placed += 1;
        match (due_at, put_off_by) {
            (_, Some(_)) => run.totals.put_off -= 1,
            (Some(_), None) => run.totals.open_retries -= 1,
            (None, None) => {}
        }
        self.set_row(new.run, new.contact, Some(Row::Open));
        self.open.insert(new.number_key, new.attempt);
        let contact = self.called(new.contact, new.number_no);
        let (campaign, person) = (new.campaign, contact.as_ref().and_then(|contact| contact.person));
        let standing = contact.map(|contact| self.standing(&contact, campaign, None)).unwrap_or_default();
        let answer = Event::Journalled { attempt: new.attempt, standing };
        self.by_number.entry(new.number_key).or_default().push(new.attempt);
        if let Some(person) = person {
            self.by_person.entry(person).or_default().push(new.attempt);
        }
        if self.is(Sabotage::WritesAnotherNumber)
            && let Some((key, _)) = self.open.iter().find(|(key, _)| **key != new.number_key)
        {
            new.number_key = *key;
        }
        let (state, ext_state) = (AttemptState::Open, String::new());
        let row = AttemptRow {
            state,
            due_at,
            turn_no,
            put_off_by,
            reserved_at: new.reserved.then_some(new.scheduled_at),
            requested: false,
            cause: 0,
            connected_at: None,
            ended_at: None,
            ended_talking: None,
            ext_state,
            reported: false,
            counted: Vec::new(),
            new,
        };
        self.attempts.insert(row.new.attempt, row);
        Ok(answer)
    }

    /// An agent says yes: what is known of the number is asked as for a new attempt.
    fn accept(&mut self, attempt: AttemptId, at: Timestamp) -> Result<Event, Broken> {
        let forgets = self.is(Sabotage::ForgetsYes);
        let row = self.open_row(attempt)?;
        if !row.new.reserved {
            return Err((Check::WritesFit, format!("attempt {attempt} is accepted and not reserved")));
        }
        if !forgets {
            (row.new.reserved, row.new.scheduled_at) = (false, at);
        }
        let (contact, campaign) = (row.new.contact, row.new.campaign);
        let contact = self.contacts.get(&contact).cloned();
        let standing = contact.map(|contact| self.standing(&contact, campaign, Some(attempt))).unwrap_or_default();
        Ok(Event::Journalled { attempt, standing })
    }

    fn open_row(&mut self, attempt: AttemptId) -> Result<&mut AttemptRow, Broken> {
        match self.attempts.get_mut(&attempt) {
            Some(row) if row.state == AttemptState::Open => Ok(row),
            other => {
                let state = other.map(|row| row.state);
                Err((Check::OneOutcome, format!("attempt {attempt} is written to while it is {state:?}")))
            }
        }
    }

    fn note(&mut self, note: &Note) -> Result<(), Broken> {
        let forgets = self.is(Sabotage::ForgetsAbandoned);
        let row = self.open_row(note.attempt)?;
        row.counted.extend(note.counted.filter(|counted| !forgets || counted.count != Count::Abandoned));
        match &note.fact {
            Fact::Requested | Fact::Created => row.requested = true,
            Fact::Answered => {
                row.requested = true;
                row.connected_at = Some(note.at);
            }
            Fact::StatusSet { status } => row.ext_state.clone_from(status),
            _ => {}
        }
        if let Some(counted) = &note.counted {
            let before = self.books.get(&counted.campaign).copied();
            self.books.insert(counted.campaign, PeriodNow::following(before, note.at, counted));
        }
        Ok(())
    }

    fn close(&mut self, end: &AttemptEnd) -> Result<(), Broken> {
        let (late, twice) = (self.is(Sabotage::TellsRetriesEarly), self.is(Sabotage::CountsTwice));
        let loses = self.is(Sabotage::LosesRows);
        let row = self.open_row(end.attempt)?;
        row.state = AttemptState::Ended(end.state);
        row.ended_at = Some(end.ended_at);
        row.cause = end.cause;
        row.ended_talking = end.connected_at.map(|_| end.ended_at);
        row.ext_state.clone_from(&end.ext_state);
        row.reported = outcome::is_reported(end.connected_at.is_some(), end.ended_by, &end.ext_state);
        if end.segments.windows(2).any(|two| two[0].to > two[1].from) {
            return Err((Check::WritesFit, format!("attempt {} has segments that overlap", end.attempt)));
        }
        let (key, retry, number_no) = (row.new.number_key, row.new.retry, row.new.number_no);
        self.open.remove(&key);
        let Some(run) = self.runs.get_mut(&end.run) else {
            return Err((Check::WritesFit, format!("no run {}", end.run)));
        };
        run.totals.connected += u64::from(end.connected_at.is_some()) * if twice { 2 } else { 1 };
        let late_s = if late { TOLD_EARLY_S } else { 0 };
        let next = match (end.retry, end.next_number) {
            (Some(next), None) => {
                run.totals.open_retries += 1;
                let due_at = next.at.plus_seconds(late_s);
                Row::Waiting { retry: retry + 1, number_no: 0, due_at, put_off_by: None }
            }
            (None, Some(next)) if next > number_no => {
                run.totals.open_retries += 1;
                Row::Waiting { retry, number_no: next, due_at: end.ended_at.plus_seconds(late_s), put_off_by: None }
            }
            (_, Some(next)) => {
                let what = format!("attempt {} on number {number_no} is followed by number {next}", end.attempt);
                return Err((Check::WritesFit, what));
            }
            (None, None) => {
                run.totals.terminated += 1;
                Row::Finished
            }
        };
        self.set_row(end.run, end.contact, (!loses).then_some(next));
        if !self.is(Sabotage::ForgetsActions) {
            for rule in &end.actions {
                *self.actions.entry((end.attempt, rule.id)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The last call to a contact that was made, or may have been.
    pub(crate) fn last_call(&self, run: RunId, contact: ContactId) -> Option<(AttemptId, &AttemptRow)> {
        let calls = self.attempts.iter().filter(|(_, row)| (row.new.run, row.new.contact) == (run, contact));
        let ended = calls.filter(|(_, row)| matches!(row.state, AttemptState::Ended(_)));
        ended.max_by_key(|(_, row)| (row.new.retry, row.new.number_no)).map(|(id, row)| (*id, row))
    }

    fn withdraw(&mut self, withdrawal: &Withdrawal) -> Result<(), Broken> {
        let row = self.open_row(withdrawal.attempt)?;
        row.state = AttemptState::Withdrawn;
        row.ended_at = Some(withdrawal.at);
        let was = (row.due_at, row.put_off_by, row.new.retry, row.turn_no);
        let to = (withdrawal.due_at, withdrawal.put_off_by, withdrawal.retry, withdrawal.number_no);
        // Of one that an agent looked at before a restart nobody knows where it was: it waits from then on.
        let waits = row.reserved_at.map(|at| (Some(at), None, row.new.retry, row.new.number_no));
        if was != to && waits != Some(to) {
            let what = format!("attempt {} is taken back to where it never was", withdrawal.attempt);
            return Err((Check::WritesFit, what));
        }
        let key = row.new.number_key;
        self.open.remove(&key);
        let Some(run) = self.runs.get_mut(&withdrawal.run) else {
            return Err((Check::WritesFit, format!("no run {}", withdrawal.run)));
        };
        run.totals.placed -= 1;
        match (withdrawal.due_at, withdrawal.put_off_by) {
            (_, Some(_)) => run.totals.put_off += 1,
            (Some(_), None) => run.totals.open_retries += 1,
            (None, None) => {}
        }
        let (retry, number_no, put_off_by) = (withdrawal.retry, withdrawal.number_no, withdrawal.put_off_by);
        let back = withdrawal.due_at.map(|due_at| Row::Waiting { retry, number_no, due_at, put_off_by });
        self.set_row(withdrawal.run, withdrawal.contact, back);
        Ok(())
    }

    /// A contact that is fresh or waits: from now on it waits for something else, or is refused.
    fn put_off(&mut self, id: RunId, off: &PutOff, rules: &[OutcomeRule]) -> Result<(), Broken> {
        let row = self.rows.get(&id).and_then(|rows| rows.get(&off.contact)).copied();
        let was = match row {
            None => (0, None, None),
            Some(Row::Waiting { retry, due_at, put_off_by, .. }) => (retry, Some(due_at), put_off_by),
            _ => return Err((Check::WritesFit, format!("contact {} is {row:?} and put off", off.contact))),
        };
        if was != (off.retry, off.was_due_at, off.was_put_off_by) {
            return Err((Check::WritesFit, format!("contact {} is put off as {off:?} and was {was:?}", off.contact)));
        }
        let Some(run) = self.runs.get_mut(&id) else { return Err((Check::WritesFit, format!("no run {id}"))) };
        match (was.1, was.2) {
            (_, Some(_)) => run.totals.put_off -= 1,
            (Some(_), None) => run.totals.open_retries -= 1,
            (None, None) => {}
        }
        let number_no = self.turn_of(id, off.contact);
        let Some(run) = self.runs.get_mut(&id) else { return Err((Check::WritesFit, format!("no run {id}"))) };
        let row = match off.until {
            Some(due_at) => {
                run.totals.put_off += 1;
                Row::Waiting { retry: off.retry, number_no, due_at, put_off_by: Some(off.by) }
            }
            None => {
                run.totals.refused += 1;
                Row::Refused { retry: off.retry, number_no, by: off.by }
            }
        };
        self.set_row(id, off.contact, Some(row));
        if off.until.is_none()
            && off.was_due_at.is_some()
            && let Some((attempt, last)) = self.last_call(id, off.contact)
            && let AttemptState::Ended(state) = last.state
        {
            let asked = rules.iter().filter(|rule| rule.matches_late(state, &last.ext_state, last.reported));
            for rule in asked.map(|rule| rule.id).collect::<Vec<_>>() {
                self.asked_late += u64::from(!self.actions.contains_key(&(attempt, rule)));
                self.actions.entry((attempt, rule)).or_insert(1);
            }
        }
        Ok(())
    }

    fn take_up(&mut self, id: RunId, which: Again, after: ContactId, limit: u32, at: Timestamp) -> Event {
        let soon = Timestamp(at.0 + SOON_US);
        let meant = |contact: ContactId, row: &Row| match (which, row) {
            (Again::Contact(one), _) if one != contact => None,
            (Again::Suppressed, Row::Refused { by, .. }) if *by != PutOffBy::Rule(ContactRule::NumberNotSuppressed) => {
                None
            }
            (_, Row::Refused { retry, number_no, by }) => Some((contact, (*retry, *number_no), *by, true)),
            (Again::Everybody | Again::Contact(_), Row::Waiting { retry, number_no, due_at, put_off_by: Some(by) })
                if *due_at > soon =>
            {
                Some((contact, (*retry, *number_no), *by, false))
            }
            _ => None,
        };
        let behind = self.rows.get(&id).into_iter().flatten().filter(|(contact, _)| **contact > after);
        let found: Vec<_> = behind.filter_map(|(contact, row)| meant(*contact, row)).take(limit as usize).collect();
        for (contact, (retry, number_no), by, _) in &found {
            let (retry, number_no) = (*retry, *number_no);
            let due_at = if retry > 0 { Timestamp(at.0 + READ_AHEAD_US) } else { at };
            self.set_row(id, *contact, Some(Row::Waiting { retry, number_no, due_at, put_off_by: Some(*by) }));
        }
        let refused = found.iter().filter(|(.., refused)| *refused).count() as u64;
        if let Some(run) = self.runs.get_mut(&id) {
            run.totals.refused -= refused;
            run.totals.put_off += refused;
        }
        let last = found.last().filter(|_| !matches!(which, Again::Contact(_))).map(|(contact, ..)| *contact);
        Event::TakenUp { run: id, refused, put_off: found.len() as u64 - refused, last }
    }

    fn run_changed(&mut self, id: RunId, state: RunState) -> Result<(), Broken> {
        let Some(run) = self.runs.get_mut(&id) else { return Err((Check::WritesFit, format!("no run {id}"))) };
        if run.state.is_final() {
            let what = format!("run {id} is {} and becomes {}", run.state.code(), state.code());
            return Err((Check::WritesFit, what));
        }
        run.state = state;
        Ok(())
    }
}
