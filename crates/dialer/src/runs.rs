//! Runs: which contacts become attempts, and what a run is doing.

use crate::command::LoadContacts;
use crate::event::{FreshEntry, Loaded, RetryEntry, RunSettings, RunSpec, RunTotals};
use crate::gate::Refusal;
use crate::hopper::{Hopper, Ready, as_called_on, standing_at};
use crate::judging_again::JudgedAgain;
use crate::known::Known;
use domain::journal::{Again, PutOff, PutOffBy};
use domain::rules::{ContactRule, Standing, Windows};
use domain::{CampaignId, Contact, ContactId, HourState, Hours, ListId, RunId, RunState, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Retries are read this long before they are due, seconds.
pub const RETRY_HORIZON_S: i64 = 10;
/// Retries read at once.
pub const RETRY_BATCH: u32 = 1_000;
/// Contacts put off by one command, at most.
pub const PUT_OFF_AT_ONCE: usize = 1_000;

/// One execution of a campaign.
#[derive(Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// What it decides by.
    pub settings: RunSettings,
    /// Its lists in dialling order.
    pub lists: Vec<ListProgress>,
    /// Contacts in those lists.
    pub contacts: u64,
    /// What it did.
    pub totals: RunTotals,
    /// Ready to dial.
    pub hopper: Hopper,
    /// Contacts with an open attempt.
    pub in_flight: BTreeSet<ContactId>,
    /// Of these, answered.
    pub connected_now: u32,
    /// Paused by a person.
    pub paused: bool,
    /// Stopped by a broken invariant: no new calls.
    pub stopped: bool,
    /// The state that was last told.
    pub state: RunState,
    /// Why nothing was dialled when it was last asked.
    pub blocked: Option<Refusal>,
    /// When the next contact that waits and is not in the hopper is due.
    pub next_due: Option<Due>,
    /// What its rules said of the callees' hours.
    pub(crate) windows: Windows,
    /// Who is still to be judged again.
    pub(crate) again: JudgedAgain,
    load: Load,
    hours: HoursCache,
}

/// When a contact that waits is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Then.
    pub at: Timestamp,
    /// What put it off; `None` of a retry that a reschedule rule asked for, and when it is not known.
    pub put_off_by: Option<PutOffBy>,
}

impl Due {
    /// A time that has come: of what waits from before, the first load tells.
    pub(crate) const NOW: Self = Self { at: Timestamp(0), put_off_by: None };
}

/// How far a list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListProgress {
    /// The list.
    pub list: ListId,
    /// The last contact read; 0 = none.
    pub high_water: ContactId,
    /// Read to its end.
    pub exhausted: bool,
    /// Paused by a person: nothing is read from it.
    pub paused: bool,
    /// The last contact it had when it was last read, dialled or not.
    pub end: ContactId,
}

/// The load that is out, if one is.
#[derive(Debug, Default)]
struct Load {
    out: bool,
    /// At least one load has come back.
    once: bool,
    /// Lists changed while it was out: its fresh contacts do not count.
    stale: bool,
    /// Contacts that were added to a list while it was out.
    grown: BTreeSet<ListId>,
    /// Contacts whose state changed while it was out: the answer may show them as they were.
    touched: BTreeSet<ContactId>,
    /// Contacts that were corrected while it was out, as they are now.
    corrected: BTreeMap<ContactId, (Arc<Contact>, Known)>,
    /// The earliest time that a contact was given while it was out.
    due: Option<Due>,
}

impl Load {
    /// A contact that was read, as it is now.
    fn now(&self, contact: Arc<Contact>, standing: Standing) -> (Arc<Contact>, Known) {
        match self.corrected.get(&contact.id) {
            Some((contact, standing)) => (Arc::clone(contact), standing.clone()),
            None => (contact, standing.into()),
        }
    }
}

/// The hours' verdict and until when it holds.
#[derive(Debug, Default)]
struct HoursCache {
    asked_at: Timestamp,
    state: Option<HourState>,
}

impl Run {
    /// A run as the shell describes it.
    pub fn new(spec: RunSpec) -> Self {
        Self {
            id: spec.run,
            campaign: spec.campaign,
            lists: progress(&spec),
            settings: spec.settings,
            contacts: spec.contacts,
            totals: spec.totals,
            hopper: Hopper::default(),
            in_flight: BTreeSet::new(),
            connected_now: 0,
            paused: spec.state == RunState::Paused,
            stopped: false,
            state: if spec.state.is_final() { spec.state } else { RunState::Runnable },
            blocked: None,
            // Retries may wait from before a restart: the first load tells.
            next_due: (spec.totals.open_retries + spec.totals.put_off > 0).then_some(Due::NOW),
            windows: Windows::default(),
            again: JudgedAgain::default(),
            load: Load::default(),
            hours: HoursCache::default(),
        }
    }

    /// Takes over a changed campaign.
    pub fn reload(&mut self, spec: RunSpec) {
        let other_rules = *self.settings.rules != *spec.settings.rules;
        let boost = self.settings.boost;
        self.lists = progress(&spec);
        self.settings = RunSettings { boost, ..spec.settings };
        self.contacts = spec.contacts;
        self.hopper.drop_fresh();
        self.load.stale = self.load.out;
        self.hours.state = None;
        self.windows = Windows::default();
        self.judge_again(if other_rules { Again::Everybody } else { Again::Refused });
    }

    /// A list is paused, or goes on. What was read ahead of it is forgotten, and read again when it goes on; who was dialled,
    /// or waits for a retry, is not its affair any more.
    pub fn pause_list(&mut self, list: ListId, paused: bool) {
        let Some(progress) = self.lists.iter_mut().find(|p| p.list == list && p.paused != paused) else { return };
        progress.paused = paused;
        if paused {
            if let Some(first) = self.hopper.drop_fresh_of(list) {
                progress.unread_from(first);
            }
            self.load.stale |= self.load.out;
        }
    }

    /// Other hours are in force, from this moment on.
    pub fn change_hours(&mut self, hours: Hours) {
        self.settings.hours = hours;
        self.hours.state = None;
    }

    /// Contacts were appended to a list.
    pub fn contacts_added(&mut self, list: ListId, added: u64) {
        if let Some(progress) = self.lists.iter_mut().find(|p| p.list == list) {
            progress.exhausted = false;
            self.contacts += added;
            if self.load.out {
                self.load.grown.insert(list);
            }
        }
    }

    /// Whether the hours allow dialling, and when that changes.
    pub fn hours_at(&mut self, wall: Timestamp) -> HourState {
        let holds = match self.hours.state {
            Some(HourState::Open { until: Some(edge) } | HourState::Closed { opens_at: Some(edge) }) => wall < edge,
            // "Never" is looked up again each hour: it only reaches as far as the hours look ahead.
            Some(_) => wall.ms_since(self.hours.asked_at) < 3_600_000,
            None => false,
        };
        match self.hours.state {
            Some(state) if holds && wall >= self.hours.asked_at => state,
            _ => {
                let state = self.settings.hours.state_at(wall);
                self.hours = HoursCache { asked_at: wall, state: Some(state) };
                state
            }
        }
    }

    /// The verdict of the hours as it was last looked up.
    pub fn hours_last(&self) -> Option<HourState> {
        self.hours.state
    }

    /// The load to ask for now, if the hopper wants one.
    pub fn wants_load(&mut self, wall: Timestamp) -> Option<LoadContacts> {
        if self.load.out || self.state.is_final() || self.stopped || !self.again.is_done() {
            return None;
        }
        let batch = self.settings.batch_size as usize;
        let room = batch.saturating_sub(self.hopper.fresh_len());
        let list = self.lists.iter().find(|p| p.unread()).filter(|_| room * 2 > batch || !self.load.once);
        let due_before = wall.plus_seconds(RETRY_HORIZON_S);
        // Read again when half are gone: each read returns those in memory too.
        let retries = self.next_due.is_some_and(|due| due.at <= due_before)
            && self.hopper.retries_len() * 2 < RETRY_BATCH as usize;
        if list.is_none() && !retries && self.load.once {
            return None;
        }
        self.load = Load { out: true, once: self.load.once, ..Load::default() };
        Some(LoadContacts {
            run: self.id,
            list: list.map(|p| (p.list, p.high_water)),
            fresh_limit: u32::try_from(room).unwrap_or(u32::MAX),
            retry_limit: RETRY_BATCH,
            due_before,
        })
    }

    /// Takes what was read, less what changed meanwhile. What the rules put off comes back.
    pub fn loaded(&mut self, loaded: Loaded, wall: Timestamp) -> Vec<PutOff> {
        let load = std::mem::replace(&mut self.load, Load { once: true, ..Load::default() });
        let known = |run: &Self, id: ContactId| load.touched.contains(&id) || run.in_flight.contains(&id);
        let next_due = loaded.next_due.map(|at| Due { at, put_off_by: loaded.next_put_off_by });
        self.next_due = earlier(next_due, load.due);
        let mut put_off = Vec::new();
        if !load.stale {
            if let Some(progress) = self.lists.iter_mut().find(|p| Some(p.list) == loaded.list) {
                if let Some(last) = loaded.fresh.last() {
                    progress.high_water = progress.high_water.max(last.contact.id);
                }
                progress.end = loaded.list_end;
                progress.exhausted = loaded.list_exhausted && !load.grown.contains(&progress.list);
            }
            for FreshEntry { contact, standing } in loaded.fresh {
                if !known(self, contact.id) {
                    let (contact, standing) = load.now(contact, standing);
                    put_off.extend(self.take_in(Ready::fresh(contact, standing), wall));
                }
            }
        }
        for RetryEntry { contact, retry, number_no: turn_no, due_at, put_off_by, standing } in loaded.retries {
            if !known(self, contact.id) {
                let (contact, standing) = load.now(contact, standing);
                let contact = as_called_on(&contact, turn_no);
                let standing = standing_at(&standing, contact.number_no);
                let (due_at, left_out) = (Some(due_at), Vec::new());
                let ready = Ready { contact, retry, turn_no, due_at, put_off_by, standing, left_out };
                put_off.extend(self.take_in(ready, wall));
            }
        }
        put_off
    }

    /// A contact whose attempt was open before a restart. The totals know it as placed, and not yet as answered.
    pub fn adopt(&mut self, contact: ContactId, answered: bool) {
        self.in_flight.insert(contact);
        self.connected_now += u32::from(answered);
        self.totals.connected += u64::from(answered);
    }

    /// Its lists, each with the last contact that it was read to.
    pub fn read_to(&self) -> Vec<(ListId, ContactId)> {
        // What a paused list has beyond its high-water mark was not this run's work.
        let end = |list: &ListProgress| if list.exhausted { list.end } else { list.high_water.max(list.end) };
        self.lists.iter().map(|list| (list.list, end(list))).collect()
    }

    /// Whether attempts of it are open that this process was not told of yet.
    pub fn awaits_restored(&self) -> bool {
        self.totals.placed > self.totals.terminated + self.totals.rescheduled + self.in_flight.len() as u64
    }

    /// A contact was taken for an attempt.
    pub fn picked(&mut self, contact: ContactId) {
        self.in_flight.insert(contact);
        self.totals.placed += 1;
    }

    /// A contact's attempt is over, as far as loads that are out are concerned.
    pub fn landed(&mut self, contact: ContactId) {
        self.in_flight.remove(&contact);
        self.changed(contact);
    }

    /// The state of a contact changed: a load that is out may show it as it was.
    pub(crate) fn changed(&mut self, contact: ContactId) {
        if self.load.out {
            self.load.touched.insert(contact);
        }
    }

    /// A contact was corrected.
    pub(crate) fn correct(&mut self, contact: &Arc<Contact>, standing: &Known) {
        self.hopper.correct(contact, standing);
        if self.load.out {
            self.load.corrected.insert(contact.id, (Arc::clone(contact), standing.clone()));
        }
    }

    /// A retry was scheduled.
    pub fn retry_scheduled(&mut self, due_at: Timestamp) {
        self.totals.open_retries += 1;
        self.due(Due { at: due_at, put_off_by: None });
    }

    /// A program added a call: a contact that is in none of the lists, and waits for its time as a retry does.
    pub fn call_added(&mut self, due_at: Timestamp) {
        self.contacts += 1;
        self.retry_scheduled(due_at);
    }

    /// A contact waits in the database for its time.
    pub(crate) fn due(&mut self, due: Due) {
        self.next_due = earlier(self.next_due, Some(due));
        if self.load.out {
            self.load.due = earlier(self.load.due, Some(due));
        }
    }

    /// Whether contacts may still come: from memory, from lists, from retries.
    pub fn has_work(&self) -> bool {
        !self.hopper.is_empty()
            || self.load.out
            || !self.load.once
            || self.totals.open_retries > 0
            || self.totals.put_off > 0
            || !self.again.is_done()
            || self.lists.iter().any(ListProgress::unread)
    }

    /// What its contacts wait for when none of them may be called before a rule of the gate changes its mind.
    pub fn all_put_off(&self) -> Option<Due> {
        let only_those = self.hopper.is_empty()
            && self.load.once
            && self.totals.open_retries == 0
            && self.totals.put_off > 0
            && !self.again.is_of_everybody()
            && !self.lists.iter().any(ListProgress::unread);
        self.next_due.filter(|_| only_those)
    }

    /// Why there is no contact to dial.
    pub fn nothing_ready(&self) -> Refusal {
        match self.all_put_off() {
            Some(due) if due != Due::NOW => Refusal::PutOff { by: due.put_off_by, until: due.at },
            _ => Refusal::NothingReady,
        }
    }

    /// Whether all that is left waits for the callees' hours.
    fn waits_for_callees(&self) -> bool {
        let hours = PutOffBy::Rule(ContactRule::InsideCalleeWindow);
        self.in_flight.is_empty() && self.all_put_off().is_some_and(|due| due.put_off_by == Some(hours))
    }

    /// Why it is in this state, for people.
    pub fn reason(&self) -> &'static str {
        match self.state {
            RunState::Idle if self.lists.iter().any(|list| list.paused && !list.exhausted) => {
                "out of contacts but for those of paused lists"
            }
            RunState::Completed if self.lists.iter().any(|list| list.paused && !list.exhausted) => {
                "every contact is finished or refused, but for those of paused lists"
            }
            RunState::Runnable => "reading its first contacts",
            RunState::Running => "has contacts to call",
            RunState::WrongTime if self.waits_for_callees() => "outside the hours of everybody who is left to call",
            RunState::WrongTime => "outside the campaign's hours",
            RunState::Idle => "out of contacts, waiting for more",
            RunState::Paused => "paused by an operator",
            RunState::Completed => "every contact is finished or refused",
            RunState::Removed => "removed by an operator",
        }
    }

    /// The state that follows from what it has and what time it is.
    pub fn current_state(&mut self, wall: Timestamp) -> RunState {
        if self.state.is_final() {
            return self.state;
        }
        let hours = self.hours_at(wall);
        if self.paused {
            return RunState::Paused;
        }
        let work = self.has_work();
        if !work && self.in_flight.is_empty() {
            return if self.settings.idle_on_termination { RunState::Idle } else { RunState::Completed };
        }
        match hours {
            HourState::Closed { .. } if work => RunState::WrongTime,
            _ if !self.load.once => RunState::Runnable,
            _ if self.waits_for_callees() => RunState::WrongTime,
            _ => RunState::Running,
        }
    }

    /// The next instant at which something changes by itself.
    pub fn next_change(&self, wall: Timestamp) -> Option<Timestamp> {
        if self.state.is_final() || self.paused {
            return None;
        }
        let edge = match self.hours.state {
            Some(HourState::Open { until: Some(edge) } | HourState::Closed { opens_at: Some(edge) }) => Some(edge),
            _ => Some(wall.plus_seconds(3_600)),
        };
        let horizon = self.next_due.filter(|_| !self.load.out).map(|due| due.at.plus_seconds(-RETRY_HORIZON_S));
        let timed = self.hopper.next_timed().filter(|at| *at > wall);
        [edge, timed, horizon.filter(|at| *at > wall)].into_iter().flatten().min()
    }
}

impl ListProgress {
    /// Whether there is something to read in it now.
    fn unread(&self) -> bool {
        !self.exhausted && !self.paused
    }

    /// This contact, and those behind it, are to be read again.
    pub(crate) fn unread_from(&mut self, contact: ContactId) {
        let before = ContactId(contact.0 - 1);
        self.high_water = self.high_water.min(before);
        self.end = self.end.min(before);
        self.exhausted = false;
    }
}

fn progress(spec: &RunSpec) -> Vec<ListProgress> {
    let none = ContactId(0);
    let unread = |list: &ListId| {
        let paused = spec.paused_lists.contains(list);
        ListProgress { list: *list, high_water: none, exhausted: false, paused, end: none }
    };
    spec.lists.iter().map(unread).collect()
}

fn earlier(a: Option<Due>, b: Option<Due>) -> Option<Due> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
        (a, b) => a.or(b),
    }
}
