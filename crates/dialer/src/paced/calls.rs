//! What happens to the calls of a paced campaign, as facts for its engine.

use super::Campaign;
use super::crew::FOREIGN;
use crate::pacing::fact::{AgentNumber, CallNumber, Fact, Unanswered};
use crate::step::Dialer;
use domain::{AttemptId, CampaignId, EndFacts, EndedBy, LegId, Mono};

/// A call that the engine was told of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Call {
    rings: bool,
    answered: bool,
    /// An agent's telephone rings for it, or the agent has it.
    with_agent: bool,
    /// The agent took it.
    connected: bool,
    abandoned: bool,
}

/// The engine's number of an attempt.
pub(super) fn number(attempt: AttemptId) -> CallNumber {
    attempt.0.cast_unsigned()
}

impl Dialer {
    /// A call was sent.
    pub(crate) fn pace_launched(&mut self, now: Mono, id: AttemptId) {
        if let Some(campaign) = self.paced_campaign_of(id) {
            campaign.unsent.remove(&id);
            campaign.calls.insert(id, Call::default());
            campaign.engine.fact(now, Fact::Launched(number(id)));
        }
    }

    /// The telephone rings, or there is early media.
    pub(crate) fn pace_rings(&mut self, now: Mono, leg: LegId) {
        self.with_paced_call(leg, |campaign, id| {
            let Some(call) = campaign.calls.get_mut(&id).filter(|call| !call.rings && !call.answered) else { return };
            call.rings = true;
            campaign.engine.fact(now, Fact::Rings(number(id)));
        });
    }

    /// Somebody answered, and wants an agent from this moment on.
    pub(crate) fn pace_answered(&mut self, now: Mono, leg: LegId) {
        self.with_paced_call(leg, |campaign, id| {
            let Some(call) = campaign.calls.get_mut(&id).filter(|call| !call.answered) else { return };
            call.answered = true;
            campaign.answered += 1;
            campaign.waits.insert(id, now);
            campaign.engine.fact(now, Fact::Answered(number(id)));
            campaign.engine.fact(now, Fact::Queued(number(id)));
        });
    }

    /// The attempt was taken back, or is over and was told.
    pub(crate) fn pace_ended(&mut self, campaign: CampaignId, id: AttemptId) {
        if let Some(campaign) = self.paced.campaigns.get_mut(&campaign) {
            campaign.unsent.remove(&id);
        }
    }

    /// A call is over.
    pub(crate) fn pace_over(&mut self, now: Mono, leg: LegId, facts: &EndFacts) {
        let Some((campaign, id)) = self.paced_call(leg) else { return };
        let Some(campaign) = self.paced.campaigns.get_mut(&campaign) else { return };
        let Some(call) = campaign.calls.remove(&id) else { return };
        campaign.ended += 1;
        campaign.waits.remove(&id);
        if call.answered {
            // Nothing of it stays on the floor, whatever was heard of it.
            campaign.engine.fact(now, Fact::Machine(number(id)));
        } else {
            let how = match facts.ended_by {
                EndedBy::Pacing | EndedBy::Operator | EndedBy::Suppression => Unanswered::Cancelled,
                _ if call.rings => Unanswered::NoAnswer,
                _ => Unanswered::NotThrough,
            };
            campaign.engine.fact(now, Fact::Ended(number(id), how));
        }
    }

    /// A call that an engine was told of, and its campaign.
    pub(super) fn paced_call(&self, leg: LegId) -> Option<(CampaignId, AttemptId)> {
        let id = *self.by_leg.get(&leg)?;
        let campaign = self.attempts.get(&id)?.campaign;
        self.paced.campaigns.get(&campaign)?.calls.contains_key(&id).then_some((campaign, id))
    }

    /// The books have it that no agent was there in time, also when an agent's telephone rings for it.
    pub(crate) fn pace_abandoned(&mut self, now: Mono, id: AttemptId) {
        let Some(of) = self.attempts.get(&id).map(|attempt| attempt.campaign) else { return };
        let Some(campaign) = self.paced.campaigns.get_mut(&of) else { return };
        campaign.waits.remove(&id);
        let Some(call) = campaign.calls.get_mut(&id).filter(|call| !call.abandoned) else { return };
        call.abandoned = true;
        if call.with_agent {
            // It had left the floor with the agent whose telephone rings.
            campaign.engine.fact(now, Fact::Queued(number(id)));
        }
        campaign.engine.fact(now, Fact::Abandoned(number(id)));
    }

    /// The books have it that no person answered: it wants no agent.
    pub(crate) fn pace_machine(&mut self, now: Mono, id: AttemptId) {
        let of = self.attempts.get(&id).map(|attempt| attempt.campaign);
        if let Some(campaign) = of.and_then(|of| self.paced.campaigns.get_mut(&of))
            && campaign.waits.remove(&id).is_some()
        {
            campaign.engine.fact(now, Fact::Machine(number(id)));
        }
    }

    fn paced_campaign_of(&mut self, attempt: AttemptId) -> Option<&mut Campaign> {
        let attempt = self.attempts.get(&attempt)?;
        let has_agents = |spec: &crate::EndPointSpec| spec.queue.as_ref().is_some_and(|queue| !queue.reverse);
        let end_point = self.resources.end_points.get(&attempt.end_point)?;
        self.paced
            .campaigns
            .get_mut(&attempt.campaign)
            .filter(|campaign| campaign.active && has_agents(&end_point.spec))
    }

    fn with_paced_call(&mut self, leg: LegId, tell: impl FnOnce(&mut Campaign, AttemptId)) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        if let Some(campaign) = self.paced_campaign_of(id) {
            tell(campaign, id);
        }
    }
}

impl Campaign {
    /// An agent's telephone rings for the call, or the agent has it; `agent`: as the engine calls it, if it is one of its own.
    /// Whether that was in time; `None`: the call is over.
    pub(super) fn has_agent(
        &mut self,
        now: Mono,
        id: AttemptId,
        agent: Option<AgentNumber>,
        connected: bool,
    ) -> Option<bool> {
        let call = self.calls.get_mut(&id)?;
        if !std::mem::replace(&mut call.answered, true) {
            // Queues and channels are told over two connections: who has an agent has answered.
            self.answered += 1;
            self.waits.insert(id, now);
            self.engine.fact(now, Fact::Answered(number(id)));
        }
        if !std::mem::replace(&mut call.with_agent, true) {
            self.engine.fact(now, Fact::Connected(number(id), agent.unwrap_or(FOREIGN)));
        }
        if connected && !std::mem::replace(&mut call.connected, true) {
            self.waits.remove(&id);
        }
        Some(!call.abandoned)
    }

    /// The agent did not take it: it waits on.
    pub(super) fn waits_on(&mut self, now: Mono, id: AttemptId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.with_agent && !call.connected) else { return };
        call.with_agent = false;
        if !call.abandoned {
            self.engine.fact(now, Fact::Queued(number(id)));
        }
    }
}
