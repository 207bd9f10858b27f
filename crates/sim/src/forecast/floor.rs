//! The agents of a play and their queues, as the PBXs tell of them.

use super::plan::Plan;
use dialer::{Caller, DeviceState, EndPointSpec, Event, Member, News, QueueSnapshot};
use domain::{EndPointId, LegId, PbxId};
use std::collections::{BTreeMap, VecDeque};

/// An agent, by its place.
pub(super) type AgentNo = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Idle,
    /// Its telephone rings for a caller of the queue.
    Rings(LegId, usize),
    Talks(LegId, usize),
    /// Was called before the person: its own leg.
    Called(LegId),
    WrapsUp,
}

#[derive(Debug)]
struct Agent {
    interface: String,
    team: usize,
    doing: Doing,
}

/// The agents of one PBX, who all serve all queues of the campaign there.
#[derive(Debug)]
struct Team {
    pbx: PbxId,
    queues: Vec<String>,
    /// Those who waited the longest first.
    idle: VecDeque<AgentNo>,
    /// Who waits for them, with the place of the queue.
    waiting: VecDeque<(LegId, usize)>,
}

#[derive(Debug)]
pub(super) struct Floor {
    agents: Vec<Agent>,
    teams: Vec<Team>,
    /// The team and the queue of each end point that has one.
    behind: BTreeMap<EndPointId, (usize, usize)>,
    /// Telephones, by how the end points call them.
    devices: BTreeMap<String, AgentNo>,
    busy: u32,
}

fn channel(leg: LegId) -> String {
    format!("c-{leg}")
}

fn caller(leg: LegId) -> Caller {
    Caller { channel: channel(leg), leg: Some(leg) }
}

impl Floor {
    /// Agents are dealt out evenly among the PBXs that have queues of the campaign.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut teams: Vec<Team> = Vec::new();
        let mut behind = BTreeMap::new();
        let with_queue = |spec: &EndPointSpec| Some((spec.id, spec.pbx, spec.queue.clone()?));
        for (id, pbx, queue) in plan.end_points.iter().filter_map(with_queue) {
            let team = teams.iter().position(|team| team.pbx == pbx).unwrap_or_else(|| {
                teams.push(Team { pbx, queues: Vec::new(), idle: VecDeque::new(), waiting: VecDeque::new() });
                teams.len() - 1
            });
            let queues = &mut teams[team].queues;
            let place = queues.iter().position(|name| *name == queue.name).unwrap_or_else(|| {
                queues.push(queue.name.clone());
                queues.len() - 1
            });
            behind.insert(id, (team, place));
        }
        let count = if teams.is_empty() { 0 } else { plan.crew.agents as usize };
        let mut agents = Vec::with_capacity(count);
        let mut devices = BTreeMap::new();
        for no in 0..count {
            let (team, interface) = (no % teams.len(), format!("PJSIP/{}", 1_000 + no));
            teams[team].idle.push_back(no);
            for queue in plan.end_points.iter().filter_map(|spec| spec.queue.as_ref()).filter(|queue| queue.reverse) {
                if let Ok(device) = queue.rewrite.device(&interface) {
                    devices.insert(device, no);
                }
            }
            agents.push(Agent { interface, team, doing: Doing::Idle });
        }
        Self { agents, teams, behind, devices, busy: 0 }
    }

    /// How every queue is when the play begins.
    pub(super) fn observed(&self) -> Vec<Event> {
        let snapshot = |no: usize, team: &Team| {
            let members =
                || self.agents.iter().filter(|agent| agent.team == no).map(|agent| self.member(agent, None, 0));
            let queue =
                |name: &String| QueueSnapshot { name: name.clone(), members: members().collect(), callers: vec![] };
            Event::QueuesTold { pbx: team.pbx, news: News::Observed(team.queues.iter().map(queue).collect()) }
        };
        self.teams.iter().enumerate().map(|(no, team)| snapshot(no, team)).collect()
    }

    /// Agents who talk, wrap up, or are called, and all of them.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.busy, u32::try_from(self.agents.len()).unwrap_or(u32::MAX))
    }

    fn member(&self, agent: &Agent, queue: Option<usize>, wrap_up_s: u32) -> Member {
        let in_call = matches!(agent.doing, Doing::Talks(_, of) if queue == Some(of));
        let device = match agent.doing {
            Doing::Talks(..) | Doing::Called(_) => DeviceState::InUse,
            Doing::Idle | Doing::Rings(..) | Doing::WrapsUp => DeviceState::NotInUse,
        };
        Member {
            interface: agent.interface.clone(),
            name: agent.interface.clone(),
            in_call,
            device,
            wrap_up_s,
            ..Member::default()
        }
    }

    /// The agent as it is now, told in each of its queues.
    fn tell(&self, no: AgentNo, wrap_up_s: u32, out: &mut VecDeque<Event>) {
        let agent = &self.agents[no];
        let team = &self.teams[agent.team];
        for (place, queue) in team.queues.iter().enumerate() {
            let member = self.member(agent, Some(place), wrap_up_s);
            let news = News::MemberIs { queue: queue.clone(), member };
            out.push_back(Event::QueuesTold { pbx: team.pbx, news });
        }
    }

    /// The queue behind an end point that has one.
    pub(super) fn has_queue(&self, end_point: EndPointId) -> bool {
        self.behind.contains_key(&end_point)
    }

    /// A person comes to the queue of the end point. The agent whose telephone rings now, if one does.
    pub(super) fn joins(
        &mut self,
        leg: LegId,
        end_point: EndPointId,
        out: &mut VecDeque<Event>,
    ) -> Option<(AgentNo, LegId)> {
        let (team_no, queue) = *self.behind.get(&end_point)?;
        let team = &mut self.teams[team_no];
        team.waiting.push_back((leg, queue));
        let news = News::CallerCame { queue: team.queues[queue].clone(), caller: caller(leg) };
        out.push_back(Event::QueuesTold { pbx: team.pbx, news });
        self.serve(team_no, out)
    }

    /// The first who waits gets the agent who waited the longest.
    fn serve(&mut self, team_no: usize, out: &mut VecDeque<Event>) -> Option<(AgentNo, LegId)> {
        let team = &mut self.teams[team_no];
        if team.waiting.is_empty() {
            return None;
        }
        let no = team.idle.pop_front()?;
        let (leg, queue) = team.waiting.pop_front()?;
        self.agents[no].doing = Doing::Rings(leg, queue);
        let news = News::Called { channel: channel(leg), interface: self.agents[no].interface.clone() };
        out.push_back(Event::QueuesTold { pbx: team.pbx, news });
        Some((no, leg))
    }

    /// The agent takes the call for which its telephone rings; `false`: it does not ring for that any more.
    pub(super) fn picks_up(&mut self, no: AgentNo, leg: LegId, out: &mut VecDeque<Event>) -> bool {
        let Doing::Rings(rings, queue) = self.agents[no].doing else { return false };
        if rings != leg {
            return false;
        }
        self.agents[no].doing = Doing::Talks(leg, queue);
        self.busy += 1;
        let team = &self.teams[self.agents[no].team];
        let interface = self.agents[no].interface.clone();
        let gone = News::CallerGone { queue: team.queues[queue].clone(), caller: caller(leg), gave_up: false };
        out.push_back(Event::QueuesTold { pbx: team.pbx, news: gone });
        out.push_back(Event::QueuesTold { pbx: team.pbx, news: News::Connected { caller: caller(leg), interface } });
        self.tell(no, 0, out);
        true
    }

    /// A person whose call is over, or who leaves the queue without an agent. The agent who talked, and whose wrap-up begins.
    pub(super) fn leaves(
        &mut self,
        leg: LegId,
        end_point: EndPointId,
        wrap_up_s: u32,
        out: &mut VecDeque<Event>,
    ) -> Left {
        let Some((team_no, queue)) = self.behind.get(&end_point).copied() else { return Left::Nobody };
        let team = &mut self.teams[team_no];
        let pbx = team.pbx;
        let gave_up = || News::CallerGone { queue: team.queues[queue].clone(), caller: caller(leg), gave_up: true };
        if let Some(place) = team.waiting.iter().position(|(waits, _)| *waits == leg) {
            out.push_back(Event::QueuesTold { pbx, news: gave_up() });
            team.waiting.remove(place);
            return Left::Nobody;
        }
        let has = |agent: &Agent| matches!(agent.doing, Doing::Rings(of, _) | Doing::Talks(of, _) if of == leg);
        let Some(no) = self.agents.iter().position(has) else { return Left::Nobody };
        let interface = self.agents[no].interface.clone();
        if matches!(self.agents[no].doing, Doing::Rings(..)) {
            out.push_back(Event::QueuesTold { pbx, news: gave_up() });
            let news = News::Released { channel: Some(channel(leg)), interface };
            out.push_back(Event::QueuesTold { pbx, news });
            return Left::Rang(no);
        }
        self.agents[no].doing = Doing::WrapsUp;
        out.push_back(Event::QueuesTold { pbx, news: News::Released { channel: Some(channel(leg)), interface } });
        self.tell(no, wrap_up_s, out);
        Left::Talked(no)
    }

    /// The agent is free; whose telephone rings now for whom.
    pub(super) fn becomes_free(&mut self, no: AgentNo, out: &mut VecDeque<Event>) -> Option<(AgentNo, LegId)> {
        if matches!(self.agents[no].doing, Doing::Talks(..) | Doing::Called(_) | Doing::WrapsUp) {
            self.busy -= 1;
        }
        let called = matches!(self.agents[no].doing, Doing::Called(_));
        self.agents[no].doing = Doing::Idle;
        if called {
            self.tell(no, 0, out);
        }
        let team = self.agents[no].team;
        self.teams[team].idle.push_back(no);
        self.serve(team, out)
    }

    /// The agent behind this telephone is called before the person, with its own leg; `None`: it does not answer.
    pub(super) fn is_called(&mut self, device: &str, leg: LegId, out: &mut VecDeque<Event>) -> Option<AgentNo> {
        let no = *self.devices.get(device)?;
        let team = self.agents[no].team;
        let place = self.teams[team].idle.iter().position(|idle| *idle == no)?;
        self.teams[team].idle.remove(place);
        self.agents[no].doing = Doing::Called(leg);
        self.busy += 1;
        self.tell(no, 0, out);
        Some(no)
    }
}

/// Who a person left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nobody,
    /// An agent whose telephone rang, and who is to be freed.
    Rang(AgentNo),
    /// An agent who talked, and wraps up.
    Talked(AgentNo),
}
