//! The judges: what must never be seen, and what must have become of everything at the end.

use crate::agenda::{At, SECOND};
use crate::store::{AttemptState, Row};
use crate::world::World;
use dialer::{Command, Event, Originate, RunSettings};
use domain::{ContactId, EndPointId, HourState, LegId, ListId, NumberKey, PbxId, RunId, RunState, TrunkId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A limit that was just lowered still binds calls that were decided before.
const LOWERED_LIMITS: At = 15 * SECOND;
/// What may be missing from a second between two sendings: the disk's usual jitter.
const JITTER: At = 25_000;

/// What was asked for and seen, written down outside the dialler.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// The settings that each run was last told.
    settings: BTreeMap<RunId, RunSettings>,
    /// Runs that were told to pause or end.
    quiet: BTreeSet<RunId>,
    /// Turns that reached a PBX.
    rang: BTreeSet<(RunId, ContactId, u32)>,
    /// Channels up, by number, trunk and end point.
    numbers: BTreeMap<NumberKey, LegId>,
    on_trunk: BTreeMap<TrunkId, u32>,
    to_end_point: BTreeMap<EndPointId, u32>,
    /// Sendings of the last seconds.
    by_trunk: BTreeMap<TrunkId, VecDeque<At>>,
    by_pbx: BTreeMap<PbxId, VecDeque<At>>,
    /// Until when limits of a trunk or end point are not judged, because they were changed.
    pub(crate) changed_at: BTreeMap<i64, At>,
    /// Each run's lists with their last contact when the dialler found it completed: later ones came too late.
    completed: BTreeMap<RunId, BTreeMap<ListId, ContactId>>,
    commits: u64,
}

impl Witness {
    /// A new process is told everything again.
    pub(crate) fn forget_intents(&mut self) {
        self.settings.clear();
        self.quiet.clear();
        self.by_trunk.clear();
        self.by_pbx.clear();
    }

    pub(crate) fn hears(&mut self, event: &Event) {
        match event {
            Event::RunStarted(spec) => {
                self.settings.insert(spec.run, spec.settings.clone());
                if spec.state == RunState::Paused {
                    self.quiet.insert(spec.run);
                }
            }
            Event::RunReloaded(spec) => {
                self.settings.insert(spec.run, spec.settings.clone());
            }
            Event::RunPaused(run) | Event::RunRemoved(run) => {
                self.quiet.insert(*run);
            }
            Event::RunUnpaused(run) => {
                self.quiet.remove(run);
            }
            _ => {}
        }
    }

    pub(crate) fn channel_ended(&mut self, call: &Originate) {
        self.numbers.remove(&call.contact.key);
        if let Some(calls) = self.on_trunk.get_mut(&call.trunk) {
            *calls -= 1;
        }
        if let Some(calls) = self.to_end_point.get_mut(&call.end_point) {
            *calls -= 1;
        }
    }
}

impl World {
    /// An originate is on its way: was it allowed?
    pub(crate) fn check_originate(&mut self, call: &Originate) {
        let (attempt, run, wall) = (call.attempt, call.run, self.wall());
        match self.store.attempts.get(&attempt) {
            Some(row) if row.state == AttemptState::Open && row.new.leg == call.leg => {
                if row.due_at.is_some_and(|due_at| due_at > wall) {
                    self.broke(format!("attempt {attempt} is sent before its retry is due"));
                }
            }
            other => {
                let state = other.map(|row| row.state);
                self.broke(format!("attempt {attempt} is sent while it is {state:?} in the database"));
            }
        }
        if self.store.held {
            self.broke(format!("attempt {attempt} is sent while dialling is held"));
        }
        if self.store.suppressed.contains(&call.contact.key) {
            self.broke(format!("attempt {attempt} is sent to a suppressed number"));
        }
        if self.witness.quiet.contains(&run) {
            self.broke(format!("attempt {attempt} is sent although run {run} was paused or removed"));
        }
        let hours = self.witness.settings.get(&run).map(|settings| settings.hours.state_at(wall));
        if !matches!(hours, Some(HourState::Open { .. })) {
            self.broke(format!("attempt {attempt} is sent outside the hours: {hours:?}"));
        }
        self.check_rate(call);
    }

    fn check_rate(&mut self, call: &Originate) {
        let per_second = self.site.trunks.get(&call.trunk).map_or(0, |spec| spec.calls_per_second);
        let window = |sent: &mut VecDeque<At>, now: At| {
            sent.push_back(now);
            while sent.front().is_some_and(|at| at + SECOND - JITTER <= now) {
                sent.pop_front();
            }
            sent.len()
        };
        let now = self.now;
        let made = window(self.witness.by_trunk.entry(call.trunk).or_default(), now);
        if per_second > 0 && made > per_second as usize && !self.was_changed(call.trunk.0) {
            self.broke(format!("trunk {}: {made} calls in a second, {per_second} are allowed", call.trunk));
        }
        let made = window(self.witness.by_pbx.entry(call.pbx).or_default(), now);
        let per_second = self.site.pbxs.get(&call.pbx).map_or(0, |spec| spec.originates_per_second);
        if made > per_second as usize {
            self.broke(format!("PBX {}: {made} calls in a second, {per_second} are allowed", call.pbx));
        }
    }

    fn was_changed(&self, id: i64) -> bool {
        self.witness.changed_at.get(&id).is_some_and(|at| self.now < at + LOWERED_LIMITS)
    }

    /// An originate reached a PBX: is it the only one?
    pub(crate) fn check_channel(&mut self, call: &Originate) {
        let turn = (call.run, call.contact.id, call.retry);
        if !self.witness.rang.insert(turn) {
            self.broke(format!("contact {} of run {} is dialled twice at retry {}", turn.1, turn.0, turn.2));
        }
        if let Some(other) = self.witness.numbers.insert(call.contact.key, call.leg) {
            self.broke(format!("leg {} calls a number that leg {other} is in a call with", call.leg));
        }
        let on_trunk = self.witness.on_trunk.entry(call.trunk).or_default();
        *on_trunk += 1;
        let on_trunk = *on_trunk;
        let capacity = self.site.trunks.get(&call.trunk).map_or(0, |spec| spec.capacity);
        if on_trunk > capacity && !self.was_changed(call.trunk.0) {
            self.broke(format!("trunk {} has {on_trunk} calls, its capacity is {capacity}", call.trunk));
        }
        let to_end_point = self.witness.to_end_point.entry(call.end_point).or_default();
        *to_end_point += 1;
        let to_end_point = *to_end_point;
        let channels = self.site.end_points.get(&call.end_point).map_or(0, |spec| spec.max_channels);
        if to_end_point > channels {
            self.broke(format!("end point {} has {to_end_point} calls, it takes {channels}", call.end_point));
        }
    }

    /// After every commit each contact is in one state, and open contacts are those with an open attempt.
    pub(crate) fn check_commit(&mut self) {
        self.witness.commits += 1;
        if self.witness.commits.is_multiple_of(8) || self.calm {
            self.check_accounts();
        }
    }

    fn check_accounts(&mut self) {
        let mut wrong = None;
        for (id, run) in &self.store.runs {
            let rows = self.store.rows.get(id);
            let count = |of: fn(&Row) -> bool| rows.map_or(0, |rows| rows.values().filter(|row| of(row)).count());
            let open = count(|row| matches!(row, Row::Open { .. }));
            let waiting = count(|row| matches!(row, Row::Waiting { .. })) as u64;
            let finished = count(|row| *row == Row::Finished) as u64;
            let attempts = self.store.open.values().filter(|a| self.store.attempts[a].new.run == *id).count();
            let totals = run.totals;
            if open != attempts || waiting != totals.open_retries || finished != totals.terminated {
                wrong = Some(format!(
                    "accounts of run {id}: {open} open of {attempts} attempts, {waiting} wait, {finished} finished; {totals:?}"
                ));
            }
        }
        if let Some(wrong) = wrong {
            self.broke(wrong);
        }
    }

    pub(crate) fn note_completion(&mut self, command: &Command) {
        let Command::RunChanged(change) = command else { return };
        if change.state == RunState::Completed {
            let lists = self.store.runs[&change.run].lists.iter();
            let last = |list: &ListId| self.store.lists.get(list)?.last().map(|contact| (*list, contact.id));
            self.witness.completed.insert(change.run, lists.filter_map(last).collect());
        }
    }

    /// Whether every run has ended or idles without work, and everything is written.
    pub(crate) fn is_over(&self) -> bool {
        let done = |run: RunState| run.is_final() || run == RunState::Idle;
        self.process.as_ref().is_some_and(|process| process.has_written())
            && self.store.open.is_empty()
            && self.store.runs.values().all(|run| done(run.state))
            && self.pbxs.values().all(|pbx| pbx.channels.is_empty())
    }

    /// For a world that does not end.
    pub(crate) fn what_goes_on(&self) -> String {
        let states: Vec<_> = self.store.runs.iter().map(|(id, run)| format!("run {id} {}", run.state.code())).collect();
        let figures: Vec<_> = self.process.iter().flat_map(|process| process.dialer.run_figures()).collect();
        let links: Vec<_> = self.pbxs.values().map(|pbx| (pbx.link, pbx.channels.len())).collect();
        format!("{}, {} attempts open, links {links:?}, {figures:#?}", states.join(", "), self.store.open.len())
    }

    /// At the end everybody was called as often as the rules say, and everything adds up.
    pub(crate) fn check_end(&mut self) {
        self.check_accounts();
        let mut wrong = Vec::new();
        for (id, run) in &self.store.runs {
            if run.state == RunState::Removed {
                continue;
            }
            let all = || run.lists.iter().map(|list| (*list, ContactId(i64::MAX))).collect();
            let completed = self.witness.completed.get(id).filter(|_| run.state == RunState::Completed);
            for (list, until) in &completed.cloned().unwrap_or_else(all) {
                let contacts = self.store.lists.get(list).into_iter().flatten();
                let rows = self.store.rows.get(id);
                for contact in contacts.filter(|contact| contact.id <= *until) {
                    let row = rows.and_then(|rows| rows.get(&contact.id));
                    if row != Some(&Row::Finished) {
                        wrong.push(format!("run {id} is over and contact {} is {row:?}", contact.id));
                    }
                }
            }
        }
        let figures: Vec<_> = self.process.iter().flat_map(|process| process.dialer.run_figures()).collect();
        for figures in figures {
            let totals = self.store.runs[&figures.run].totals;
            let of_store = (totals.placed, totals.terminated, totals.open_retries, totals.connected, 0);
            let of_dialler =
                (figures.placed, figures.terminated, figures.open_retries, figures.connected, figures.in_flight);
            if of_store != of_dialler {
                wrong.push(format!("figures of run {}: {of_dialler:?}, the database has {of_store:?}", figures.run));
            }
        }
        if let Some(wrong) = wrong.into_iter().next() {
            self.broke(wrong);
        }
    }
}
