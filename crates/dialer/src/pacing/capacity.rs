//! What the people or machines behind an end point can take now.

use super::boost::{self, Load};
use crate::gate::Refusal;
use crate::paced::{self, Paced};
use crate::queues::{Queues, Unseen};
use crate::resources::{EndPoint, Resources};
use crate::runs::Run;
use domain::journal::QueueReceipt;
use domain::{Boost, ObservedQueue, Pacing, PacingMode, RunId};
use std::collections::BTreeMap;

/// What an end point can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Calls that may begin now, at least one.
    pub free: u32,
    /// What is known of its queue, if it has one.
    pub queue: Option<QueueReceipt>,
}

/// A queue as the pacing sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSeen {
    /// Members, paused or not.
    pub logged_on: u32,
    /// Paused members.
    pub paused: u32,
    /// Agents whom a call would reach.
    pub free: u32,
    /// Callers for whom no agent's telephone rings.
    pub waiting: u32,
    /// Callers, those for whom one rings too.
    pub callers: u32,
    /// Agents that calls of this end point may reckon with.
    pub agents: u32,
    /// Calls towards the end point that have not come to a queue.
    pub on_the_way: u32,
    /// What these take of the agents.
    pub load: Load,
    /// More callers wait than allowed.
    pub too_many_wait: bool,
}

/// Asks what end points can take, with everything that plays a part in it.
pub(crate) struct Pace<'a> {
    runs: &'a BTreeMap<RunId, Run>,
    resources: &'a Resources,
    queues: &'a mut Queues,
    paced: &'a Paced,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(
        runs: &'a BTreeMap<RunId, Run>,
        resources: &'a Resources,
        queues: &'a mut Queues,
        paced: &'a Paced,
    ) -> Self {
        Self { runs, resources, queues, paced }
    }

    /// What the end point can take of a run; or why it takes nothing. A telephone, a message or an IVR
    /// takes as many calls as it has channels; a queue as many as its agents are good for, and no more than its channels.
    pub(crate) fn capacity(&mut self, end_point: &EndPoint, run: &Run) -> Result<Capacity, Refusal> {
        let campaign = self.paced.of(run).filter(|_| end_point.spec.queue.as_ref().is_some_and(|queue| !queue.reverse));
        match campaign {
            Some(campaign) => self.paced_capacity(end_point, run, campaign),
            None => self.capacity_by(end_point, run.settings.paced()),
        }
    }

    /// The same for a boost and pacing, where no engine paces.
    pub(crate) fn capacity_by(&mut self, end_point: &EndPoint, run: (Boost, &Pacing)) -> Result<Capacity, Refusal> {
        let channels = if end_point.removed { 0 } else { end_point.spec.max_channels.saturating_sub(end_point.in_use) };
        let Some(queue) = &end_point.spec.queue else {
            return if channels > 0 {
                Ok(Capacity { free: channels, queue: None })
            } else {
                Err(Refusal::EndPointsFull)
            };
        };
        let seen = self.queue(end_point, queue)?;
        let (boosts, by_ratio) = boosts(queue, run);
        let call = Load::of_call(boosts.0, boosts.1);
        // The boosts are for agents whom nobody waits for; a ratio is for all who are free, less the callers.
        let (agents, load) = if by_ratio {
            (seen.agents + seen.waiting.min(seen.free), seen.load.plus(call.times(seen.waiting)))
        } else {
            (seen.agents, seen.load)
        };
        let calls = boost::new_calls(agents, load, call);
        match () {
            () if seen.logged_on == 0 => Err(Refusal::NobodyLoggedOn),
            () if seen.too_many_wait => Err(Refusal::TooManyWait),
            () if seen.free == 0 => Err(Refusal::NoAgentFree),
            () if calls == 0 => Err(Refusal::AgentsTaken),
            () if channels == 0 => Err(Refusal::EndPointsFull),
            () => {
                let QueueSeen { free, waiting, on_the_way, .. } = seen;
                let taken_permille = load.permille();
                let boost_permille = (boosts.0.permille() * boosts.1.permille()).div_ceil(1_000);
                let receipt =
                    QueueReceipt { free, waiting, agents, on_the_way, taken_permille, boost_permille, pace: None };
                Ok(Capacity { free: calls.min(channels), queue: Some(receipt) })
            }
        }
    }

    /// As many as the engine says that paces the campaign, where somebody is logged on and not too many wait.
    fn paced_capacity(
        &mut self,
        end_point: &EndPoint,
        run: &Run,
        campaign: &paced::Campaign,
    ) -> Result<Capacity, Refusal> {
        let channels = if end_point.removed { 0 } else { end_point.spec.max_channels.saturating_sub(end_point.in_use) };
        let Some(queue) = &end_point.spec.queue else { return Err(Refusal::EndPointsFull) };
        let seen = self.queue(end_point, queue)?;
        let (calls, why) = campaign.allows();
        match () {
            () if seen.logged_on == 0 => Err(Refusal::NobodyLoggedOn),
            () if seen.too_many_wait => Err(Refusal::TooManyWait),
            () if calls == 0 => Err(Refusal::Paced { why }),
            () if channels == 0 => Err(Refusal::EndPointsFull),
            () => {
                let (agents, _) = self.left_for(end_point, queue, run).unwrap_or_default();
                let QueueSeen { free, waiting, on_the_way, .. } = seen;
                let pace = Some(campaign.receipt());
                let (taken_permille, boost_permille) = (0, 0);
                let receipt = QueueReceipt { free, waiting, agents, on_the_way, taken_permille, boost_permille, pace };
                Ok(Capacity { free: calls.min(channels), queue: Some(receipt) })
            }
        }
    }

    /// Agents of the queue whom no other run's calls and no other queue's callers need, and the callers of this one.
    pub(crate) fn left_for(&mut self, end_point: &EndPoint, queue: &ObservedQueue, run: &Run) -> Option<(u32, u32)> {
        let pbx = end_point.spec.pbx;
        let numbers = self.queues.numbers(pbx, &queue.name).ok()?;
        let of_others = self.resources.end_points.values().filter_map(|other| {
            let observed = other.spec.queue.as_ref().filter(|_| other.spec.pbx == pbx)?;
            let load = self.load_of(other, observed, |of| *of != run.id).agents();
            (load > 0).then_some((observed.name.as_str(), load))
        });
        let demands: Vec<(&str, u32)> = of_others.collect();
        let left = self.queues.agents_for(pbx, &queue.name, &demands).ok()?;
        Some(((left + numbers.waiting.min(numbers.free)).min(numbers.free), numbers.waiting))
    }

    /// The queue of an end point; a refusal: nothing is known of it.
    pub(crate) fn queue(&mut self, end_point: &EndPoint, queue: &ObservedQueue) -> Result<QueueSeen, Refusal> {
        let pbx = end_point.spec.pbx;
        let unseen = |unseen| match unseen {
            Unseen::NotObserved => Refusal::QueueUnknown,
            Unseen::NoSuchQueue => Refusal::NoSuchQueue,
        };
        let numbers = self.queues.numbers(pbx, &queue.name).map_err(unseen)?;
        let elsewhere = self.resources.end_points.values().filter_map(|other| {
            let is_other = other.spec.id != end_point.spec.id && other.spec.pbx == pbx && !other.on_the_way.is_empty();
            let queue = other.spec.queue.as_ref().filter(|_| is_other)?;
            Some((queue.name.as_str(), self.load(other, queue).agents()))
        });
        let elsewhere: Vec<(&str, u32)> = elsewhere.collect();
        Ok(QueueSeen {
            logged_on: numbers.logged_on,
            paused: numbers.paused,
            free: numbers.free,
            waiting: numbers.waiting,
            callers: numbers.callers,
            agents: self.queues.agents_for(pbx, &queue.name, &elsewhere).map_err(unseen)?,
            on_the_way: end_point.on_the_way.values().sum(),
            load: self.load(end_point, queue),
            too_many_wait: boost::too_many_wait(numbers.free, numbers.waiting, queue.max_waiting),
        })
    }

    /// Whether the calls on their way to the end point are too many for its agents, one that is not sent yet among them.
    pub(crate) fn is_oversold(&mut self, end_point: &EndPoint) -> bool {
        let Some(queue) = &end_point.spec.queue else { return false };
        self.queue(end_point, queue).is_ok_and(|seen| seen.load > Load::of_agents(seen.agents))
    }

    /// What the calls on their way to an end point take of its agents, as their runs are boosted now.
    fn load(&self, end_point: &EndPoint, queue: &ObservedQueue) -> Load {
        self.load_of(end_point, queue, |_| true)
    }

    fn load_of(&self, end_point: &EndPoint, queue: &ObservedQueue, which: impl Fn(&RunId) -> bool) -> Load {
        let of = |(run, calls): (&RunId, &u32)| {
            let run = self.runs.get(run);
            if let Some(campaign) = run.and_then(|run| self.paced.of(run)).filter(|_| !queue.reverse) {
                return Load::of_agents(campaign.takes(*calls));
            }
            let boosts = run.map_or((queue.boost, Boost::ONE), |run| boosts(queue, run.settings.paced()).0);
            Load::of_call(boosts.0, boosts.1).times(*calls)
        };
        end_point.on_the_way.iter().filter(|(run, _)| which(run)).map(of).fold(Load::default(), Load::plus)
    }
}

/// Calls per free agent, as a product, and whether those who wait are taken off the calls instead of the agents.
fn boosts(queue: &ObservedQueue, (boost, pacing): (Boost, &Pacing)) -> ((Boost, Boost), bool) {
    let one_each = (Boost::ONE, Boost::ONE);
    match pacing.mode {
        // Where agents are called first each call has its agent, who is not free any more: there is nothing to over-dial.
        _ if queue.reverse => (one_each, false),
        PacingMode::Boost | PacingMode::Automatic => ((queue.boost, boost), false),
        // Where an engine paces, this is not asked.
        PacingMode::Progressive
        | PacingMode::AdaptHardLimit
        | PacingMode::AdaptAverage
        | PacingMode::AdaptTapered
        | PacingMode::Predictive => (one_each, false),
        PacingMode::Ratio => ((pacing.ratio, Boost::ONE), true),
    }
}
