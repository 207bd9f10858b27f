//! Runs: which contacts become attempts, and what a run is doing.

use crate::command::LoadContacts;
use crate::event::{Loaded, RunSettings, RunSpec, RunTotals};
use crate::gate::Refusal;
use crate::hopper::{Hopper, Ready};
use domain::{CampaignId, ContactId, HourState, ListId, RunId, RunState, Timestamp};
use std::collections::BTreeSet;

/// Retries are read this long before they are due, seconds.
pub const RETRY_HORIZON_S: i64 = 10;
/// Retries read at once.
pub const RETRY_BATCH: u32 = 1_000;

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
    /// When the next retry that is not in the hopper is due.
    pub next_due: Option<Timestamp>,
    load: Load,
    hours: HoursCache,
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
    /// The earliest retry that was scheduled while it was out.
    due: Option<Timestamp>,
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
            lists: progress(&spec.lists),
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
            next_due: (spec.totals.open_retries > 0).then_some(Timestamp(0)),
            load: Load::default(),
            hours: HoursCache::default(),
        }
    }

    /// Takes over a changed campaign.
    pub fn reload(&mut self, spec: RunSpec) {
        self.settings = spec.settings;
        self.lists = progress(&spec.lists);
        self.contacts = spec.contacts;
        self.hopper.drop_fresh();
        self.load.stale = self.load.out;
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
        if self.load.out || self.state.is_final() || self.stopped {
            return None;
        }
        let batch = self.settings.batch_size as usize;
        let room = batch.saturating_sub(self.hopper.fresh_len());
        let list = self.lists.iter().find(|p| !p.exhausted).filter(|_| room * 2 > batch || !self.load.once);
        let due_before = wall.plus_seconds(RETRY_HORIZON_S);
        // Read again when half are gone: each read returns those in memory too.
        let retries =
            self.next_due.is_some_and(|due| due <= due_before) && self.hopper.retries_len() * 2 < RETRY_BATCH as usize;
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

    /// Takes what was read, less what changed meanwhile.
    pub fn loaded(&mut self, loaded: Loaded) {
        let load = std::mem::replace(&mut self.load, Load { once: true, ..Load::default() });
        let known = |run: &Self, id: &ContactId| load.touched.contains(id) || run.in_flight.contains(id);
        if !load.stale {
            if let Some(progress) = self.lists.iter_mut().find(|p| Some(p.list) == loaded.list) {
                if let Some(last) = loaded.fresh.last() {
                    progress.high_water = progress.high_water.max(last.id);
                }
                progress.end = loaded.list_end;
                progress.exhausted = loaded.list_exhausted && !load.grown.contains(&progress.list);
            }
            for contact in loaded.fresh {
                if !known(self, &contact.id) {
                    self.hopper.push_fresh(contact);
                }
            }
        }
        for entry in loaded.retries {
            if !known(self, &entry.contact.id) {
                let ready = Ready { contact: entry.contact, retry: entry.retry, due_at: Some(entry.due_at) };
                self.hopper.push_timed(entry.due_at, ready);
            }
        }
        self.next_due = earlier(loaded.next_due, load.due);
    }

    /// A contact whose attempt was open before a restart. The totals know it as placed, and not yet as answered.
    pub fn adopt(&mut self, contact: ContactId, answered: bool) {
        self.in_flight.insert(contact);
        self.connected_now += u32::from(answered);
        self.totals.connected += u64::from(answered);
    }

    /// Its lists, each with the last contact that it was read to.
    pub fn read_to(&self) -> Vec<(ListId, ContactId)> {
        self.lists.iter().map(|progress| (progress.list, progress.end)).collect()
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
        if self.load.out {
            self.load.touched.insert(contact);
        }
    }

    /// A retry was scheduled.
    pub fn retry_scheduled(&mut self, due_at: Timestamp) {
        self.totals.open_retries += 1;
        self.next_due = earlier(self.next_due, Some(due_at));
        if self.load.out {
            self.load.due = earlier(self.load.due, Some(due_at));
        }
    }

    /// Whether contacts may still come: from memory, from lists, from retries.
    pub fn has_work(&self) -> bool {
        !self.hopper.is_empty()
            || self.load.out
            || !self.load.once
            || self.totals.open_retries > 0
            || self.lists.iter().any(|p| !p.exhausted)
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
        let horizon = self.next_due.filter(|_| !self.load.out).map(|due| due.plus_seconds(-RETRY_HORIZON_S));
        earlier(earlier(edge, self.hopper.next_timed().filter(|at| *at > wall)), horizon.filter(|at| *at > wall))
    }
}

fn progress(lists: &[ListId]) -> Vec<ListProgress> {
    let unread =
        |list: &ListId| ListProgress { list: *list, high_water: ContactId(0), exhausted: false, end: ContactId(0) };
    lists.iter().map(unread).collect()
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
