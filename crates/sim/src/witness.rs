//! What was asked for and seen, written down outside the dialler.

use crate::agenda::At;
use crate::books::Served;
use dialer::{Command, Event, Originate, RunSettings};
use domain::{AttemptId, ContactId, EndPointId, LegId, ListId, NumberKey, PbxId, RunId, RunState, TrunkId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What became of a leg on its PBX.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truth {
    /// The PBX refused to make its channel.
    pub(crate) refused: bool,
    pub(crate) made_at: Option<At>,
    pub(crate) answered: bool,
    /// It is over.
    pub(crate) gone: bool,
    /// The SIP code it ended with.
    pub(crate) code: Option<u16>,
}

#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// The settings that each run was last told.
    pub(crate) settings: BTreeMap<RunId, RunSettings>,
    /// Runs that were told to pause or end.
    pub(crate) quiet: BTreeSet<RunId>,
    /// Those of them that are over: nothing makes them go on.
    removed: BTreeSet<RunId>,
    /// Runs that were reloaded, by any process.
    pub(crate) reloaded: BTreeSet<RunId>,
    /// Legs that this process was told are up.
    pub(crate) told_up: BTreeSet<LegId>,
    /// What the PBXs know.
    pub(crate) truth: BTreeMap<LegId, Truth>,
    /// Attempts whose originate was handed to a link, by number and by person.
    pub(crate) sent_to: BTreeMap<NumberKey, Vec<AttemptId>>,
    pub(crate) sent_to_person: BTreeMap<NumberKey, Vec<AttemptId>>,
    /// The same in order, with when.
    pub(crate) sent: Vec<(At, AttemptId)>,
    /// When somebody last set the wall clock.
    pub(crate) clock_set_at: At,
    /// When numbers were suppressed that the dialler was told of.
    pub(crate) suppressed_at: BTreeMap<NumberKey, At>,
    /// Turns that reached a PBX.
    pub(crate) rang: BTreeSet<(RunId, ContactId, u32, u32)>,
    /// Channels up, by number, trunk and end point.
    pub(crate) numbers: BTreeMap<NumberKey, LegId>,
    /// Other numbers of whom these channels are to.
    pub(crate) others: BTreeMap<LegId, Vec<NumberKey>>,
    pub(crate) on_trunk: BTreeMap<TrunkId, u32>,
    pub(crate) to_end_point: BTreeMap<EndPointId, u32>,
    /// Sendings of the last seconds.
    pub(crate) by_trunk: BTreeMap<TrunkId, VecDeque<At>>,
    pub(crate) by_pbx: BTreeMap<PbxId, VecDeque<At>>,
    /// Until when limits of a trunk or end point are not judged, because they were changed.
    pub(crate) changed_at: BTreeMap<i64, At>,
    /// Each run's lists with their last contact when the dialler found it completed: later ones came too late.
    pub(crate) completed: BTreeMap<RunId, BTreeMap<ListId, ContactId>>,
    /// Hang-ups of agents that PBXs heard.
    pub(crate) hang_ups: BTreeMap<LegId, u32>,
    /// When attempts were written as over.
    pub(crate) over_at: BTreeMap<AttemptId, At>,
    /// What PBXs saw of calls that were answered for a queue.
    pub(crate) served: BTreeMap<LegId, Served>,
    /// Commits since the accounts were last counted.
    pub(crate) commits: usize,
    /// Writes seen so far.
    pub(crate) writes: u64,
}

impl Witness {
    /// A write is on the disk: maybe the end of an attempt.
    pub(crate) fn attempt_ends(&mut self, now: At, write: &Command) {
        let over = match write {
            Command::Close(end) => end.attempt,
            Command::Withdraw(withdrawal) => withdrawal.attempt,
            _ => return,
        };
        self.over_at.insert(over, now);
    }

    /// A new process is told everything again.
    pub(crate) fn forget_intents(&mut self) {
        self.settings.clear();
        self.quiet.clear();
        self.removed.clear();
        self.told_up.clear();
        self.by_trunk.clear();
        self.by_pbx.clear();
    }

    pub(crate) fn hears(&mut self, event: &Event) {
        match event {
            Event::RunStarted(spec) => {
                self.settings.insert(spec.run, spec.settings.clone());
                if spec.state == RunState::Paused || spec.state.is_final() {
                    self.quiet.insert(spec.run);
                }
                if spec.state.is_final() {
                    self.removed.insert(spec.run);
                }
            }
            Event::RunReloaded(spec) => {
                self.reloaded.insert(spec.run);
                self.settings.insert(spec.run, spec.settings.clone());
            }
            Event::HoursChanged { run, hours } => {
                if let Some(settings) = self.settings.get_mut(run) {
                    settings.hours = hours.clone();
                }
            }
            Event::RunPaused(run) => {
                self.quiet.insert(*run);
            }
            Event::RunRemoved(run) => {
                self.quiet.insert(*run);
                self.removed.insert(*run);
            }
            Event::RunUnpaused(run) if !self.removed.contains(run) => {
                self.quiet.remove(run);
            }
            Event::LegAnswered(leg) => {
                self.told_up.insert(*leg);
            }
            Event::LegFound(found) if found.up => {
                self.told_up.insert(found.leg);
            }
            Event::PbxUp { legs, .. } | Event::PbxAudited { legs, .. } => {
                self.told_up.extend(legs.iter().filter(|found| found.up).map(|found| found.leg));
            }
            _ => {}
        }
    }

    pub(crate) fn refused(&mut self, leg: LegId) {
        self.truth.entry(leg).or_default().refused = true;
    }

    pub(crate) fn made(&mut self, leg: LegId, now: At) {
        let truth = self.truth.entry(leg).or_default();
        (truth.made_at, truth.gone) = (Some(now), false);
    }

    pub(crate) fn answered(&mut self, leg: LegId) {
        self.truth.entry(leg).or_default().answered = true;
    }

    /// A channel has ended; when it was made.
    pub(crate) fn ended(&mut self, call: &Originate, code: Option<u16>) -> At {
        self.numbers.remove(&call.contact.key);
        self.others.remove(&call.leg);
        if let Some(calls) = self.on_trunk.get_mut(&call.trunk) {
            *calls -= 1;
        }
        if let Some(calls) = self.to_end_point.get_mut(&call.end_point) {
            *calls -= 1;
        }
        let truth = self.truth.entry(call.leg).or_default();
        (truth.gone, truth.code) = (true, code);
        truth.made_at.unwrap_or(0)
    }

    /// Another number of somebody who is in a call.
    pub(crate) fn another_number_of_somebody(&self) -> Option<NumberKey> {
        self.others.values().flatten().copied().find(|key| !self.numbers.contains_key(key))
    }

    /// A number that is in a call, other than this one.
    pub(crate) fn number_in_a_call(&self, but: NumberKey) -> Option<NumberKey> {
        self.numbers.keys().copied().find(|key| *key != but)
    }
}
