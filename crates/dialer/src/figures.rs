//! What the dialler is doing now, for screens and the API.

use crate::calls::LegState;
use crate::gate::Refusal;
use crate::pacing::{Pace, QueueSeen};
use crate::queues::Agent;
use crate::runs::ListProgress;
use crate::step::Dialer;
use crate::toll::Reached;
use domain::{
    AttemptId, Boost, CallState, CampaignId, Contact, ContactId, EndPointId, LegId, Mono, Now, Pacing, PbxId, RunId,
    RunState, Timestamp, TrunkId,
};
use std::sync::Arc;

/// A run's figures.
#[derive(Debug, Clone)]
pub struct RunFigures {
    /// Its id.
    pub run: RunId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its state.
    pub state: RunState,
    /// Stopped by a broken invariant.
    pub stopped: bool,
    /// Why nothing was dialled when it was last asked; `None` while it dials.
    pub blocked: Option<Refusal>,
    /// Lower is served first.
    pub priority: i32,
    /// Calls on their way per free agent of a queue, times that of the end point.
    pub boost: Boost,
    /// Attempts placed.
    pub placed: u64,
    /// Attempts that need no retry.
    pub terminated: u64,
    /// Attempts that were answered.
    pub connected: u64,
    /// Contacts in memory.
    pub hopper: u64,
    /// Retries waiting.
    pub open_retries: u64,
    /// Contacts waiting that a rule put off.
    pub put_off: u64,
    /// Contacts that a rule refused until the run is reloaded.
    pub refused: u64,
    /// Attempts in progress.
    pub in_flight: u64,
    /// Of these, answered.
    pub connected_now: u64,
    /// Contacts of its lists that are neither finished nor refused.
    pub remaining: u64,
    /// When the next contact that waits is due.
    pub next_due: Option<Timestamp>,
    /// Its lists.
    pub lists: Vec<ListProgress>,
}

/// A trunk's figures.
#[derive(Debug, Clone, Copy)]
pub struct TrunkFigures {
    /// Which.
    pub trunk: TrunkId,
    /// Calls up or on their way.
    pub in_use: u32,
    /// `None`: the circuit is closed; `Some(None)`: probing; `Some(Some(t))`: open until then.
    pub circuit: Option<Option<Mono>>,
}

/// A queue behind an end point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFigures {
    /// As it is seen.
    pub seen: QueueSeen,
    /// Calls that may begin now.
    pub wanted: u32,
    /// Why none may.
    pub refusal: Option<Refusal>,
}

/// A call in progress.
#[derive(Debug, Clone)]
pub struct CallFigures {
    /// Its attempt.
    pub attempt: AttemptId,
    /// Its leg.
    pub leg: LegId,
    /// Its run.
    pub run: RunId,
    /// Its contact.
    pub contact: ContactId,
    /// Who; `None` when adopted after a restart.
    pub details: Option<Arc<Contact>>,
    /// 0-based retry counter.
    pub retry: u32,
    /// Which of the contact's numbers; 0: its own.
    pub number_no: u32,
    /// Its trunk.
    pub trunk: TrunkId,
    /// Its end point.
    pub end_point: EndPointId,
    /// Its PBX.
    pub pbx: PbxId,
    /// Where it is.
    pub state: CallState,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// When it was answered.
    pub connected_at: Option<Timestamp>,
    /// The agent who is called first, by its telephone.
    pub agent: Option<String>,
}

impl Dialer {
    /// Every open run.
    pub fn run_figures(&self) -> impl Iterator<Item = RunFigures> {
        self.runs.values().map(|run| {
            let hopper = run.hopper.len() as u64;
            RunFigures {
                run: run.id,
                campaign: run.campaign,
                state: run.state,
                stopped: run.stopped,
                blocked: if self.held { Some(Refusal::Held) } else { run.blocked },
                priority: run.settings.priority,
                boost: run.settings.boost,
                placed: run.totals.placed,
                terminated: run.totals.terminated,
                connected: run.totals.connected,
                hopper,
                open_retries: run.totals.open_retries,
                put_off: run.totals.put_off,
                refused: run.totals.refused,
                in_flight: run.in_flight.len() as u64,
                connected_now: run.connected_now.into(),
                remaining: run.contacts.saturating_sub(run.totals.terminated + run.totals.refused),
                next_due: [run.next_due.map(|due| due.at).filter(|at| at.0 > 0), run.hopper.next_timed()]
                    .into_iter()
                    .flatten()
                    .min(),
                lists: run.lists.clone(),
            }
        })
    }

    /// Caps on calls per hour to a prefix that a run has reached, those first that open first; at most 10.
    pub fn hourly_caps_reached(&self, run: RunId, now: Timestamp) -> Vec<Reached> {
        self.runs.get(&run).map(|run| self.toll.reached(&run.settings.rules, now)).unwrap_or_default()
    }

    /// Every trunk.
    pub fn trunk_figures(&self) -> impl Iterator<Item = TrunkFigures> {
        self.resources.trunks.iter().map(|(id, trunk)| TrunkFigures {
            trunk: *id,
            in_use: trunk.in_use,
            circuit: trunk.circuit.opens(),
        })
    }

    /// Calls towards each end point.
    pub fn end_point_use(&self) -> impl Iterator<Item = (EndPointId, u32)> {
        self.resources.end_points.iter().map(|(id, end_point)| (*id, end_point.in_use))
    }

    /// The queue of an end point as it is seen now, and what calls of an end point's boost alone may begin; a refusal:
    /// nothing is known of it. `None`: it has no queue.
    pub fn queue_figures(&mut self, id: EndPointId) -> Option<Result<QueueFigures, Refusal>> {
        let end_point = self.resources.end_points.get(&id)?;
        let queue = end_point.spec.queue.as_ref()?;
        let mut pace = Pace::new(&self.runs, &self.resources, &mut self.queues, &self.paced);
        let seen = match pace.queue(end_point, queue) {
            Ok(seen) => seen,
            Err(refusal) => return Some(Err(refusal)),
        };
        // Each run has its own pace: that of the run that over-dials most is what is shown.
        let runs = self.runs.values().filter(|run| run.settings.end_points.contains(&id) && !run.state.is_final());
        let capacities = runs.map(|run| pace.capacity(end_point, run));
        let most = capacities.max_by_key(|capacity| capacity.as_ref().map_or(0, |capacity| capacity.free));
        let capacity = most.unwrap_or_else(|| pace.capacity_by(end_point, (Boost::ONE, &Pacing::by_boost())));
        let wanted = capacity.map_or(0, |capacity| capacity.free);
        Some(Ok(QueueFigures { seen, wanted, refusal: capacity.err() }))
    }

    /// The agents of the queue of an end point, by their telephone; empty when nothing is known of them.
    pub fn queue_agents(&self, id: EndPointId) -> Vec<Agent> {
        let end_point = self.resources.end_points.get(&id);
        let queue = end_point.and_then(|end_point| Some((end_point.spec.pbx, end_point.spec.queue.as_ref()?)));
        queue.map_or_else(Vec::new, |(pbx, queue)| self.queues.agents(pbx, &queue.name))
    }

    /// Whether a telephone is logged on at a queue, as far as that is known.
    pub fn is_member(&self, pbx: PbxId, queue: &str, interface: &str) -> Option<bool> {
        self.queues.is_member(pbx, queue, interface)
    }

    /// Why the queues of a PBX are not known; `None`: they are.
    pub fn queues_unknown(&self, pbx: PbxId) -> Option<&str> {
        self.queues.unknown(pbx)
    }

    /// How often something was missed of the queues of a PBX and put right, and whether something is suspected now: then
    /// they are to be compared again soon.
    pub fn queues_healed(&self, pbx: PbxId) -> (u64, bool) {
        (self.queues.healed(pbx), self.queues.is_suspected(pbx))
    }

    /// Open attempts, oldest first.
    pub fn call_figures(&self) -> impl Iterator<Item = CallFigures> {
        self.attempts.iter().map(|(id, attempt)| {
            let leg = self.calls.leg(attempt.leg);
            CallFigures {
                attempt: *id,
                leg: attempt.leg,
                run: attempt.run,
                contact: attempt.contact,
                details: attempt.details.clone(),
                retry: attempt.retry,
                number_no: attempt.number_no,
                trunk: attempt.trunk,
                end_point: attempt.end_point,
                pbx: attempt.pbx,
                state: leg.map_or(CallState::Scheduled, |leg| match leg.state {
                    LegState::Journalling => self.state_before_call(attempt),
                    LegState::Requested => CallState::Requested,
                    _ if leg.answered_at.is_some() => CallState::Connected,
                    LegState::Uncertain | LegState::Created | LegState::Up => CallState::Dialling,
                }),
                scheduled_at: attempt.scheduled_at,
                connected_at: leg.and_then(|leg| leg.answered_at),
                agent: attempt.agent.and_then(|leg| self.agents.get(&leg)).map(|agent| agent.interface.clone()),
            }
        })
    }

    /// Open attempts.
    pub fn open_calls(&self) -> usize {
        self.attempts.len()
    }

    /// A monotonic instant as wall time, for people.
    pub fn wall_of(now: Now, at: Mono) -> Timestamp {
        now.wall.plus_ms(i64::try_from(at.since(now.mono) / 1_000).unwrap_or(i64::MAX))
    }
}
