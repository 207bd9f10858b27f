//! Campaigns that an engine paces: what happens to their calls and agents becomes its facts, what it decides becomes calls and
//! hang-ups.
//!
//! One engine for each campaign, and each agent on one floor at a time: where campaigns share agents these are dealt out, so
//! that nobody is reckoned with twice. What is not known is nobody: an agent who is out of sight is logged out.

mod calls;
mod crew;
mod figures;

pub use figures::{PacedBy, PacingFigures};

use crate::command::Command;
use crate::pacing::engine::{Engine, decide_every_s};
use crate::pacing::fact::{AGENTS_MAX, Counts, Decision, Terms, Why};
use crate::pacing::mode::Mode;
use crate::pacing::{PER_LIVE_S, Pace};
use crate::runs::Run;
use crate::step::Dialer;
use calls::Call;
use crew::Crew;
use domain::abandonment::Figures;
use domain::journal::PaceReceipt;
use domain::{
    AttemptId, Boost, CampaignId, EndedBy, Mono, Now, ObservedQueue, PacingMode, PacingPolicy, PbxId, RunId, RunState,
};
use std::collections::{BTreeMap, BTreeSet};

/// Campaigns without a run whose engine is kept, with what it learnt.
const KEPT: usize = 200;
/// Between two decisions, at least, milliseconds.
const MIN_PAUSE_MS: u64 = 100;
/// Part of the calls that are answered, until some were seen.
const GUESS_LIVE: f64 = 0.2;
const GUESS_CALLS: f64 = 20.0;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    campaigns: BTreeMap<CampaignId, Campaign>,
    crew: Crew,
    /// What decides which campaigns have an engine may have changed.
    pub(crate) stale: bool,
}

/// A campaign and its engine.
#[derive(Debug)]
pub(crate) struct Campaign {
    run: RunId,
    mode: Mode,
    terms: Terms,
    engine: Engine,
    /// It has a run that dials.
    active: bool,
    /// Its queues.
    queues: BTreeSet<(PbxId, String)>,
    calls: BTreeMap<AttemptId, Call>,
    /// Answered and without an agent, since when.
    waits: BTreeMap<AttemptId, Mono>,
    /// Decided and not sent; who is not here any more has lost its agents.
    unsent: BTreeSet<AttemptId>,
    decide_at: Mono,
    /// Calls that may still be launched.
    launch: u32,
    why: Why,
    /// Free agents and calls that may want one, at the last decision.
    free: u32,
    open: u32,
    /// Calls that ended, and that were answered, since the engine began.
    ended: u64,
    answered: u64,
}

impl Paced {
    /// Whether an engine paces the run towards end points with queues.
    pub(crate) fn of(&self, run: &Run) -> Option<&Campaign> {
        self.campaigns.get(&run.campaign).filter(|campaign| campaign.active && campaign.run == run.id)
    }

    /// A call was decided on.
    pub(crate) fn placed(&mut self, campaign: CampaignId, attempt: AttemptId) {
        if let Some(campaign) = self.campaigns.get_mut(&campaign).filter(|campaign| campaign.active) {
            campaign.launch = campaign.launch.saturating_sub(1);
            campaign.open += 1;
            campaign.unsent.insert(attempt);
        }
    }

    /// Whether a call that was decided on has lost the agents that it was decided for.
    pub(crate) fn is_void(&self, run: &Run, attempt: AttemptId) -> bool {
        self.of(run).is_some_and(|campaign| !campaign.unsent.contains(&attempt))
    }
}

impl Campaign {
    /// Calls that may be launched now, and why not more.
    pub(crate) fn allows(&self) -> (u32, Why) {
        (self.launch, self.why)
    }

    /// What is on the way of it takes so many agents, for those who share them.
    pub(crate) fn takes(&self, on_the_way: u32) -> u32 {
        on_the_way.min(self.free)
    }

    /// What a call that it allows now goes by.
    pub(crate) fn receipt(&self) -> PaceReceipt {
        let (abandoned, persons) = self.engine.counted();
        PaceReceipt {
            policy: self.mode.policy(),
            free: self.free,
            open: self.open,
            abandoned: abandoned as u64,
            persons: persons as u64,
            cap_ppm: (self.terms.cap * 1e6).round() as u32,
        }
    }

    fn new(now: Mono, run: RunId, mode: Mode, terms: Terms) -> Option<Self> {
        // Settings are checked at the edge; an engine that does not begin leaves its campaign to the boost of 1.
        let engine = Engine::new(terms.clone(), mode).ok()?;
        Some(Self {
            run,
            mode,
            terms,
            engine,
            active: false,
            queues: BTreeSet::new(),
            calls: BTreeMap::new(),
            waits: BTreeMap::new(),
            unsent: BTreeSet::new(),
            decide_at: now,
            launch: 0,
            why: Why::Cold,
            free: 0,
            open: 0,
            ended: 0,
            answered: 0,
        })
    }

    /// Seconds of dialling that are left of the counting period, as far as the contacts reach.
    fn left_s(&self, contacts: u64) -> f64 {
        let answered = (self.answered as f64 + GUESS_LIVE * GUESS_CALLS) / (self.ended as f64 + GUESS_CALLS);
        let agents = f64::from(self.engine.working().max(1));
        (contacts as f64 * answered * PER_LIVE_S / agents).min(self.terms.period_s)
    }

    /// An agent who was reckoned with is not there for its calls: what was decided for him and is not sent is void.
    /// A telephone that rings for one of its own calls shows as busy before it is told for whom: that voids nothing of a pace
    /// that lives with chance.
    fn lost_an_agent(&mut self, gone: bool) {
        self.launch = 0;
        if gone || self.mode.policy() == Some(PacingPolicy::Guaranteed) {
            self.unsent.clear();
        }
    }
}

impl Dialer {
    /// When the next decision is worth a step: with calls on their way, or with agents and somebody to call.
    pub(crate) fn next_decision(&self, now: Now) -> Option<Mono> {
        let ready = |run: &Run| run.hopper.has_ready(now.wall);
        let awake = |campaign: &&Campaign| {
            let dials = || campaign.engine.working() > 0 && self.runs.get(&campaign.run).is_some_and(ready);
            campaign.active && (!campaign.calls.is_empty() || dials())
        };
        self.paced.campaigns.values().filter(awake).map(|campaign| campaign.decide_at).min()
    }

    /// Brings the engines in line with the runs, and asks those whose time has come.
    pub(crate) fn pace_campaigns(&mut self, now: Now, out: &mut Vec<Command>) {
        if std::mem::take(&mut self.paced.stale) {
            self.choose_engines(now);
        }
        let due = self.paced.campaigns.iter().filter(|(_, campaign)| campaign.active && campaign.decide_at <= now.mono);
        let due: Vec<CampaignId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.decide(now, id, out);
        }
    }

    /// Which campaigns have an engine now. One that was changed begins anew; one without a run keeps what it learnt.
    fn choose_engines(&mut self, now: Now) {
        let mut chosen = BTreeSet::new();
        let runs: Vec<(CampaignId, RunId)> = self.runs.values().map(|run| (run.campaign, run.id)).collect();
        for (id, run_id) in runs {
            let Some(run) = self.runs.get(&run_id).filter(|run| !run.state.is_final()) else { continue };
            let queues = self.paced_queues(run);
            let Some(mode) = self.engine_mode(run, &queues) else { continue };
            let terms = terms(run);
            let dials = !run.paused && !run.stopped && matches!(run.state, RunState::Running | RunState::Runnable);
            let active = dials || !run.in_flight.is_empty();
            let same = |campaign: &Campaign| campaign.mode == mode && campaign.terms == terms;
            if !self.paced.campaigns.get(&id).is_some_and(same) {
                if self.paced.campaigns.remove(&id).is_some() {
                    self.paced.crew.left(id);
                }
                let Some(new) = Campaign::new(now.mono, run_id, mode, terms) else { continue };
                self.paced.campaigns.insert(id, new);
            }
            if let Some(campaign) = self.paced.campaigns.get_mut(&id) {
                (campaign.run, campaign.active, campaign.queues) = (run_id, active, queues);
                chosen.insert(id);
            }
        }
        for (id, campaign) in &mut self.paced.campaigns {
            campaign.active &= chosen.contains(id);
        }
        while self.paced.campaigns.len() - chosen.len() > KEPT {
            let Some(id) = self.paced.campaigns.keys().find(|id| !chosen.contains(id)).copied() else { break };
            self.paced.campaigns.remove(&id);
        }
        self.look_at_all_agents(now.mono);
    }

    /// The queues behind which it paces calls; where agents are called first each call has its own.
    fn paced_queues(&self, run: &Run) -> BTreeSet<(PbxId, String)> {
        let end_points = self.resources.end_points_of(run);
        let queues = end_points.filter(|end_point| !end_point.removed).filter_map(|end_point| {
            let queue = end_point.spec.queue.as_ref().filter(|queue| !queue.reverse)?;
            Some((end_point.spec.pbx, queue.name.clone()))
        });
        queues.collect()
    }

    /// The engine's mode for a run; `None`: it goes by boost, ratio, or one call for each free agent.
    fn engine_mode(&self, run: &Run, queues: &BTreeSet<(PbxId, String)>) -> Option<Mode> {
        let pacing = &run.settings.pacing;
        let harbours = || queues.iter().all(|(pbx, _)| self.has_harbour(*pbx));
        let mode = match pacing.mode {
            PacingMode::Boost | PacingMode::Progressive | PacingMode::Ratio => return None,
            PacingMode::Automatic if self.is_boosted(run) => return None,
            PacingMode::AdaptHardLimit => Mode::AdaptHardLimit,
            PacingMode::AdaptAverage => Mode::AdaptAverage,
            PacingMode::AdaptTapered => Mode::AdaptTapered,
            PacingMode::Automatic | PacingMode::Predictive if harbours() => Mode::Predictive(pacing.policy),
            PacingMode::Automatic | PacingMode::Predictive => return None,
        };
        (!queues.is_empty()).then_some(mode)
    }

    fn observed_queues(&self, run: &Run) -> impl Iterator<Item = &ObservedQueue> {
        let end_points = self.resources.end_points_of(run);
        end_points.filter_map(|end_point| end_point.spec.queue.as_ref())
    }

    fn has_queues(&self, run: &Run) -> bool {
        self.observed_queues(run).next().is_some()
    }

    /// Whether somebody chose a boost for the run or one of its end points.
    fn is_boosted(&self, run: &Run) -> bool {
        run.settings.boost != Boost::ONE || self.observed_queues(run).any(|queue| queue.boost != Boost::ONE)
    }

    fn decide(&mut self, now: Now, id: CampaignId, out: &mut Vec<Command>) {
        let Some(campaign) = self.paced.campaigns.get_mut(&id) else { return };
        // Whatever follows: the next time is later.
        campaign.decide_at = now.mono.plus_ms(MIN_PAUSE_MS);
        let Some(run) = self.runs.get(&campaign.run) else {
            campaign.active = false;
            return;
        };
        let contacts = run.contacts.saturating_sub(run.totals.terminated + run.totals.refused);
        let Some(counts) = self.paced_counts(id) else { return };
        let counted = self.counted_for(now, id);
        let Some(campaign) = self.paced.campaigns.get_mut(&id) else { return };
        campaign.engine.figures(counted);
        campaign.engine.left(campaign.left_s(contacts));
        let Decision { launch, cancel, why } = campaign.engine.decide(now.mono, Some(&counts));
        // Calls of a queue do not reach the agents of another one: what holds for all together need not hold for each.
        let several = campaign.queues.len() > 1 && campaign.mode.policy() == Some(PacingPolicy::Guaranteed);
        let launch = if several { launch.min(counts.idle.saturating_sub(counts.open())) } else { launch };
        (campaign.launch, campaign.why) = (launch, why);
        (campaign.free, campaign.open) = (counts.idle, counts.open());
        let every_ms = (decide_every_s(campaign.engine.working()) * 1_000.0) as u64;
        campaign.decide_at = now.mono.plus_ms(every_ms.max(MIN_PAUSE_MS));
        self.may_place |= launch > 0;
        for attempt in cancel {
            self.cancel(now, AttemptId(attempt.cast_signed()), out);
        }
    }

    /// What the ledger says of the campaign's counting period. Who answered and neither has an agent nor is abandoned yet is
    /// among the calls that may want an agent.
    fn counted_for(&self, now: Now, id: CampaignId) -> Figures {
        let Some(campaign) = self.paced.campaigns.get(&id) else { return Figures::default() };
        let days = self.runs.get(&campaign.run).map_or(1, |run| run.settings.pacing.period_days);
        let figures = self.books.get(&id).map_or_else(Figures::default, |period| period.figures_at(now.wall, days));
        let of_campaign = self.attempts.values().filter(|attempt| attempt.campaign == id);
        let tallies = of_campaign.filter_map(|attempt| attempt.served.tally);
        let open = tallies.filter(|tally| tally.is_open() && !tally.is_machine()).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        Figures { live: figures.live.saturating_sub(open).max(figures.abandoned), ..figures }
    }

    /// A call that rang for the shortest ring, and has become a risk.
    fn cancel(&mut self, now: Now, attempt: AttemptId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get(&attempt) else { return };
        let Some(run) = self.runs.get(&attempt.run) else { return };
        let min_ring_us = u64::from(min_ring_s(run)) * 1_000_000;
        let rang = |leg: &crate::calls::Leg| {
            leg.ringing
                && leg.answered_at.is_none()
                && leg.steady.created.is_some_and(|at| now.mono.since(at) >= min_ring_us)
        };
        let leg = attempt.leg;
        if self.calls.leg(leg).is_some_and(rang) {
            self.hang_up(now, leg, EndedBy::Pacing, out);
        }
    }

    /// The floor as the queues and the calls show it: who is free of those that the campaign reckons with, who waits, what is
    /// on its way.
    fn paced_counts(&mut self, id: CampaignId) -> Option<Counts> {
        let campaign = self.paced.campaigns.get(&id)?;
        let run = self.runs.get(&campaign.run)?;
        let end_points = self.resources.end_points_of(run);
        let end_points: Vec<_> = end_points.filter(|end_point| end_point.spec.queue.is_some()).collect();
        let mut pace = Pace::new(&self.runs, &self.resources, &mut self.queues, &self.paced);
        let (mut free, mut waiting, mut on_the_way) = (0u32, 0u32, 0u32);
        let mut seen = BTreeSet::new();
        let several = campaign.queues.len() > 1;
        for end_point in end_points {
            on_the_way += end_point.on_the_way.get(&run.id).copied().unwrap_or(0);
            let Some(queue) = end_point.spec.queue.as_ref().filter(|queue| !queue.reverse) else { continue };
            if seen.insert((end_point.spec.pbx, &queue.name))
                && let Some((left, waits)) = pace.left_for(end_point, queue, run)
            {
                // Who waits in one of several queues does not take the agents of another one.
                let (left, waits) = if several { (left.saturating_sub(waits), 0) } else { (left, waits) };
                free = free.saturating_add(left);
                waiting = waiting.saturating_add(waits);
            }
        }
        let between = |id: &&AttemptId| self.attempts.get(*id).is_some_and(|attempt| !attempt.queued);
        let not_arrived = u32::try_from(campaign.waits.keys().filter(between).count()).unwrap_or(u32::MAX);
        Some(Counts {
            idle: free.min(campaign.engine.free()),
            talking: 0,
            dialing: on_the_way.saturating_sub(not_arrived),
            analysed: 0,
            queued: waiting.saturating_add(not_arrived),
        })
    }
}

/// What the run's engine is to keep.
fn terms(run: &Run) -> Terms {
    let pacing = &run.settings.pacing;
    Terms {
        cap: pacing.cap,
        lost_to_analysis: pacing.lost_to_analysis(),
        agents_max: AGENTS_MAX,
        period_s: f64::from(pacing.period_days) * 86_400.0,
        deadline_s: f64::from(pacing.deadline_ms) / 1_000.0,
        ring_timeout_s: f64::from(run.settings.answer_timeout_ms) / 1_000.0,
        min_ring_s: f64::from(min_ring_s(run)),
        // What dialplans do between answer and queue is not told.
        analysis: false,
        // Trunks, their rates and the PBX are the gate's.
        lines_max: 0,
        launches_per_s: 0,
    }
}

/// Seconds that a call rings before it may be cancelled.
fn min_ring_s(run: &Run) -> u32 {
    run.settings.pacing.min_ring_s.max(run.settings.rules.min_ring_s())
}
