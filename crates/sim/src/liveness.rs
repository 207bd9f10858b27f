//! After the faults: a run of its own on each PBX is wanted, and its call has to leave in time.
//!
//! The probes have trunks and end points of their own, so that a full trunk, an open circuit or closed hours of the
//! usual runs say nothing about whether dialling has resumed.

use crate::agenda::{At, Happening, MS, SECOND};
use crate::proof::Check;
use crate::report::Scene;
use crate::scenario::{self, PROBE_CALLS, PROBES};
use crate::store::RunRow;
use crate::world::World;
use dialer::{Event, Originate, RunSettings, RunTotals};
use domain::rules::Rules;
use domain::{EndPointId, Hours, ListId, PbxId, RunId, RunState, TrunkId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// From a process's start to a new call.
const PROCESS: At = 5 * SECOND;
/// From a PBX that is back to a new call.
const PBX: At = 10 * SECOND;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The process had to start, or nothing had to.
    Process,
    /// Link or PBX had to come back.
    Pbx,
}

#[derive(Debug, Default)]
pub(crate) struct Liveness {
    since: At,
    begun: bool,
    waiting: BTreeMap<PbxId, Wait>,
}

impl Liveness {
    pub(crate) fn since(&self) -> At {
        self.since
    }

    pub(crate) fn is_done(&self) -> bool {
        self.begun && self.waiting.is_empty()
    }
}

impl World {
    /// Notes how everything was when the faults ended.
    pub(crate) fn begin_liveness(&mut self) {
        let healthy = |id: &PbxId| self.process.is_none() || self.was_healthy(*id);
        let waits: Vec<(PbxId, Wait)> =
            self.pbxs.keys().map(|id| (*id, if healthy(id) { Wait::Process } else { Wait::Pbx })).collect();
        self.liveness = Liveness { since: self.now, begun: true, waiting: waits.into_iter().collect() };
        self.agenda.add(self.now + PROCESS, Happening::ResumeDeadline);
        self.agenda.add(self.now + PBX, Happening::ResumeDeadline);
    }

    /// A run of its own for each PBX.
    pub(crate) fn want_probes(&mut self) {
        let pbxs: Vec<PbxId> = self.pbxs.keys().copied().collect();
        for pbx in pbxs {
            let (list, run) = (ListId(PROBES + pbx.0), RunId(PROBES + pbx.0));
            let first = self.store.last_contact() + 1;
            let calls = if self.options.scene == Scene::Small { 2 } else { PROBE_CALLS };
            for number in first..first + i64::from(calls) {
                self.store.add(list, scenario::contact(number, list, number));
            }
            let settings = RunSettings {
                priority: 0,
                batch_size: 5,
                hours: Hours::always(),
                answer_timeout_ms: 20_000,
                forced_closure_s: 0,
                idle_on_termination: false,
                caller_id: Default::default(),
                trunks: vec![TrunkId(PROBES + pbx.0)],
                end_points: vec![EndPointId(PROBES + pbx.0)],
                reschedule: Vec::new(),
                outcome_rules: [].into(),
                rules: Arc::new(Rules::none()),
                boost: domain::Boost::ONE,
                pacing: domain::Pacing::by_boost(),
                autopause: false,
            };
            let row = RunRow {
                settings,
                lists: vec![list],
                paused: BTreeSet::new(),
                state: RunState::Runnable,
                totals: RunTotals::default(),
            };
            self.store.runs.insert(run, row);
            let spec = self.run_spec(run);
            self.step(Event::RunStarted(Box::new(spec)));
        }
    }

    /// An originate reached a PBX: maybe the one that was waited for.
    pub(crate) fn liveness_heard(&mut self, call: &Originate) {
        if call.run.0 < PROBES {
            return;
        }
        let Some(wait) = self.liveness.waiting.remove(&call.pbx) else { return };
        let took = self.since(self.liveness.since);
        let longest = match wait {
            Wait::Process => &mut self.summary.resumed_process_ms,
            Wait::Pbx => &mut self.summary.resumed_pbx_ms,
        };
        *longest = (*longest).max(took);
        self.log(|| format!("dialling resumed after {took} ms"));
    }

    pub(crate) fn resume_deadline(&mut self) {
        let waited = self.now - self.liveness.since;
        let late = |wait: &Wait| waited >= if *wait == Wait::Process { PROCESS } else { PBX };
        let late = self.liveness.waiting.iter().find(|(_, wait)| late(wait)).map(|(id, _)| *id);
        if let Some(id) = late {
            let link = self.pbxs.get(&id).map(|pbx| pbx.link);
            let run = RunId(PROBES + id.0);
            let figures: Vec<_> = self.process.iter().flat_map(|process| process.dialer.run_figures()).collect();
            let figures = figures.into_iter().find(|figures| figures.run == run);
            let what = format!("no call on PBX {id} after {} ms, its link is {link:?}; {figures:?}", waited / MS);
            self.broke(Check::DiallingResumes, what);
        }
    }
}
