//! Agents of paced campaigns: on whose floor each is, and what its engine was told of it.

use super::{Campaign, Paced};
use crate::pacing::fact::{AGENTS_MAX, AgentNumber, CallNumber, Fact};
use crate::queues::AgentState;
use crate::queues::news::News;
use crate::step::Dialer;
use domain::{AttemptId, CampaignId, LegId, Mono, PbxId};
use std::collections::BTreeMap;

/// An agent whom the engine does not reckon with: on another campaign's floor.
pub(super) const FOREIGN: AgentNumber = AgentNumber::MAX;
/// A call that is not the campaign's.
const SOMEBODY: CallNumber = CallNumber::MAX;

/// Everybody who was ever seen in a queue of a paced campaign, by telephone; at most [`AGENTS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Crew(BTreeMap<PbxId, BTreeMap<String, Told>>);

/// What was told of an agent.
#[derive(Debug, Clone, Copy)]
struct Told {
    number: AgentNumber,
    /// On the floor of which campaign.
    floor: Option<CampaignId>,
    doing: Doing,
    /// The call of ours that it has, or that its telephone rings for, and of which campaign.
    call: Option<(CampaignId, AttemptId)>,
    /// It took it.
    connected: bool,
    /// Before the person had waited too long.
    in_time: bool,
    /// The conversation before the wrap-up was with a person of the campaign on whose floor it is.
    person: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Out,
    Paused,
    Idle,
    Busy,
    WrapsUp,
}

impl Doing {
    fn of(state: Option<AgentState>) -> Self {
        match state {
            Some(AgentState::Idle) => Self::Idle,
            Some(AgentState::Paused) => Self::Paused,
            Some(AgentState::Ringing | AgentState::Taken | AgentState::Talking) => Self::Busy,
            Some(AgentState::WrapUp) => Self::WrapsUp,
            Some(AgentState::Unavailable) | None => Self::Out,
        }
    }
}

impl Crew {
    /// The engine of a campaign is another one: nobody is on its floor.
    pub(super) fn left(&mut self, campaign: CampaignId) {
        for told in self.0.values_mut().flat_map(BTreeMap::values_mut).filter(|told| told.floor == Some(campaign)) {
            (told.floor, told.doing) = (None, Doing::Out);
        }
    }

    fn get(&mut self, pbx: PbxId, interface: &str) -> Option<&mut Told> {
        let count: usize = self.0.values().map(BTreeMap::len).sum();
        let of_pbx = self.0.entry(pbx).or_default();
        if !of_pbx.contains_key(interface) {
            let number = AgentNumber::try_from(count).ok().filter(|number| *number < AGENTS_MAX)?;
            let new = Told {
                number,
                floor: None,
                doing: Doing::Out,
                call: None,
                connected: false,
                in_time: false,
                person: false,
            };
            of_pbx.insert(interface.to_owned(), new);
        }
        of_pbx.get_mut(interface)
    }
}

/// What is told of a queue, as far as it says who rings for whom.
#[derive(Debug)]
pub(crate) enum Hint {
    /// Look at everybody.
    All,
    /// Look at this telephone.
    One(String),
    /// Its telephone rings for a call of ours, or it took that.
    With { interface: String, leg: Option<LegId>, connected: bool },
    /// Nothing about agents.
    Nobody,
}

impl Dialer {
    /// What there is to look at after these news; asked before they are taken over.
    pub(crate) fn hint_of(&self, pbx: PbxId, news: &News) -> Hint {
        if self.paced.campaigns.is_empty() {
            return Hint::Nobody;
        }
        match news {
            News::Observed(_) | News::Audited(_) | News::Lost { .. } => Hint::All,
            News::MemberIs { member, .. } => Hint::One(member.interface.clone()),
            News::MemberGone { interface, .. } | News::Released { interface, .. } => Hint::One(interface.clone()),
            News::Called { channel, interface } => {
                let leg = self.queues.leg_of(pbx, channel);
                Hint::With { interface: interface.clone(), leg, connected: false }
            }
            News::Connected { caller, interface } => {
                Hint::With { interface: interface.clone(), leg: caller.leg, connected: true }
            }
            News::CallerCame { .. } | News::CallerGone { .. } => Hint::Nobody,
        }
    }

    /// The news were taken over.
    pub(crate) fn follow_hint(&mut self, now: Mono, pbx: PbxId, hint: Hint) {
        match hint {
            Hint::Nobody => {}
            Hint::All => self.look_at_all_agents(now),
            Hint::One(interface) => self.look_at_agent(now, pbx, &interface),
            Hint::With { interface, leg, connected } => {
                let call = leg.and_then(|leg| self.paced_call(leg));
                let Paced { campaigns, crew, .. } = &mut self.paced;
                if let Some(told) = crew.get(pbx, &interface) {
                    let before = told.call.filter(|before| call.is_some_and(|call| call != *before));
                    if let Some((of, id)) = before.filter(|_| !told.connected)
                        && let Some(campaign) = campaigns.get_mut(&of)
                    {
                        campaign.waits_on(now, id);
                    }
                    told.call = call.or(told.call);
                    told.connected |= connected;
                }
                self.look_at_agent(now, pbx, &interface);
            }
        }
    }

    /// Tells the engines of everybody who is otherwise than they know.
    pub(crate) fn look_at_all_agents(&mut self, now: Mono) {
        let known = self.paced.crew.0.iter().flat_map(|(pbx, of)| of.keys().map(|interface| (*pbx, interface.clone())));
        let mut all: Vec<(PbxId, String)> = known.collect();
        let queues = self.paced.campaigns.values().flat_map(|campaign| campaign.queues.iter());
        all.extend(queues.flat_map(|(pbx, queue)| self.queues.interfaces(*pbx, queue).map(|of| (*pbx, of.to_owned()))));
        all.sort_unstable();
        all.dedup();
        for (pbx, interface) in all {
            self.look_at_agent(now, pbx, &interface);
        }
    }

    /// Tells the engines what changed about an agent.
    fn look_at_agent(&mut self, now: Mono, pbx: PbxId, interface: &str) {
        let floor = self.floor_of(pbx, interface);
        let state = floor.and_then(|floor| self.state_on_floor(floor, pbx, interface));
        let Paced { campaigns, crew, .. } = &mut self.paced;
        let Some(told) = crew.get(pbx, interface) else { return };
        tell(now, campaigns, told, floor, Doing::of(state));
    }

    /// On whose floor it is: where several campaigns serve it, each has its share of the agents.
    fn floor_of(&self, pbx: PbxId, interface: &str) -> Option<CampaignId> {
        let serves = |campaign: &Campaign| {
            campaign.active
                && campaign
                    .queues
                    .iter()
                    .any(|(of, queue)| *of == pbx && self.queues.is_member(pbx, queue, interface) == Some(true))
        };
        let campaigns: Vec<CampaignId> =
            self.paced.campaigns.iter().filter(|(_, campaign)| serves(campaign)).map(|(id, _)| *id).collect();
        let number = self.paced.crew.0.get(&pbx).and_then(|of| of.get(interface)).map_or(0, |told| told.number);
        campaigns.get(number as usize % campaigns.len().max(1)).copied()
    }

    /// What it does, as its campaign's queues show: paused is who is so in all of them.
    fn state_on_floor(&self, floor: CampaignId, pbx: PbxId, interface: &str) -> Option<AgentState> {
        let queues = self.paced.campaigns.get(&floor)?.queues.iter().filter(|(of, _)| *of == pbx);
        let states = queues.filter_map(|(_, queue)| self.queues.state_in(pbx, queue, interface));
        states.reduce(|a, b| if a == AgentState::Paused { b } else { a })
    }
}

/// Makes facts of the difference between what was told and what is.
fn tell(
    now: Mono,
    campaigns: &mut BTreeMap<CampaignId, Campaign>,
    told: &mut Told,
    floor: Option<CampaignId>,
    doing: Doing,
) {
    if told.floor != floor {
        let was = told.floor.and_then(|floor| campaigns.get_mut(&floor));
        if let Some(campaign) = was {
            if told.doing == Doing::Idle {
                campaign.lost_an_agent(true);
            }
            campaign.engine.fact(now, Fact::LoggedOut(told.number));
        }
        (told.floor, told.doing) = (floor, Doing::Out);
    }
    let was = std::mem::replace(&mut told.doing, doing);
    let rings_for_another = doing == Doing::Busy && was == Doing::Busy;
    if was == Doing::Busy && doing != Doing::Busy {
        over(now, campaigns, told);
    }
    let call = told.call.filter(|_| doing == Doing::Busy);
    let own = call.filter(|(of, _)| Some(*of) == floor);
    if let Some((of, id)) = call
        && let Some(campaign) = campaigns.get_mut(&of)
    {
        let number = own.map(|_| told.number);
        told.in_time = campaign.has_agent(now, id, number, told.connected).unwrap_or(told.in_time);
    }
    if was == doing || rings_for_another {
        return;
    }
    let Some(campaign) = floor.and_then(|floor| campaigns.get_mut(&floor)) else { return };
    // For somebody else, or not there: a call that was decided for him has nobody.
    if was == Doing::Idle && own.is_none() {
        campaign.lost_an_agent(matches!(doing, Doing::Out | Doing::Paused));
    }
    let number = told.number;
    if was == Doing::WrapsUp {
        campaign.engine.fact(now, Fact::Done { agent: number, person: told.person });
        told.person = false;
    }
    match doing {
        Doing::Out => campaign.engine.fact(now, Fact::LoggedOut(number)),
        Doing::Paused => campaign.engine.fact(now, Fact::Paused(number)),
        Doing::Idle => campaign.engine.fact(now, Fact::Idle(number)),
        Doing::WrapsUp => campaign.engine.fact(now, Fact::WrapUp(number)),
        // Its own call was told as it came to the agent.
        Doing::Busy if own.is_some() => {}
        Doing::Busy => campaign.engine.fact(now, Fact::Connected(SOMEBODY, number)),
    }
}

/// A conversation is over, or the telephone does not ring any more.
fn over(now: Mono, campaigns: &mut BTreeMap<CampaignId, Campaign>, told: &mut Told) {
    let (call, connected) = (told.call.take(), std::mem::take(&mut told.connected));
    let mut person = std::mem::take(&mut told.in_time) && call.is_some();
    if let Some((of, id)) = call
        && let Some(campaign) = campaigns.get_mut(&of)
    {
        if !connected {
            return campaign.waits_on(now, id);
        }
        if told.floor != Some(of) {
            campaign.engine.fact(now, Fact::Done { agent: FOREIGN, person });
            person = false;
        }
    } else if !connected {
        return;
    }
    let Some(campaign) = told.floor.and_then(|floor| campaigns.get_mut(&floor)) else { return };
    if told.doing == Doing::WrapsUp {
        told.person = person;
    } else {
        campaign.engine.fact(now, Fact::WrapUp(told.number));
        campaign.engine.fact(now, Fact::Done { agent: told.number, person });
    }
}
