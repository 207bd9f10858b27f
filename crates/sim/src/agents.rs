//! Agents of the PBXs' queues, their callers, and how the shell hears of them.

use crate::agenda::{At, HOUR, Happening, MS, SECOND};
use crate::books::Served;
use crate::fault::Fault;
use crate::pbx::Link;
use crate::report::Scene;
use crate::rng::Rng;
use crate::scenario::{PROBES, Site};
use crate::world::World;
use dialer::{Caller, DeviceState, Event, Member, News, QueueSnapshot};
use domain::{Boost, EndPointId, LegId, ObservedQueue, PbxId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Worlds with queues, percent.
const WORLDS: u64 = 40;
/// The queues are compared as often as by a real shell, and when something differs again after this.
const AUDIT_EVERY: At = 30 * SECOND;
const LOOK_AGAIN: At = 500 * MS;

/// The people behind the queues of one PBX.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    agents: Vec<Agent>,
    /// Who waits, by queue, in order.
    waiting: BTreeMap<String, VecDeque<Channel>>,
    /// Callers from outside so far.
    inbound: u64,
}

/// A caller's channel: of a leg, or of somebody from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Ours(LegId),
    Inbound(u64),
}

impl Channel {
    fn name(self) -> String {
        match self {
            Self::Ours(leg) => format!("c-{leg}"),
            Self::Inbound(number) => format!("in-{number}"),
        }
    }

    fn caller(self) -> Caller {
        let leg = if let Self::Ours(leg) = self { Some(leg) } else { None };
        Caller { channel: self.name(), leg }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    interface: String,
    pub(crate) queues: Vec<String>,
    pub(crate) logged_on: bool,
    /// It paused itself, in all its queues.
    pub(crate) paused: bool,
    /// Queues in which the dialler's shell paused it, and it did not itself.
    pub(crate) paused_by_us: BTreeSet<String>,
    /// In a call of its own.
    busy: bool,
    /// Called by us before the person, and there.
    called: bool,
    /// Whom it talks to, of which queue.
    talks: Option<(String, Channel)>,
}

impl Agent {
    fn takes_a_call(&self, queue: &str) -> bool {
        let paused = self.paused || self.paused_by_us.contains(queue);
        let free = self.logged_on && !paused && !self.is_away() && self.talks.is_none();
        free && self.queues.iter().any(|of| of == queue)
    }

    fn is_away(&self) -> bool {
        self.busy || self.called
    }

    fn member(&self, queue: &str) -> Member {
        Member {
            interface: self.interface.clone(),
            name: self.interface.clone(),
            paused: self.paused || self.paused_by_us.contains(queue),
            paused_by_us: self.paused_by_us.contains(queue),
            in_call: self.talks.as_ref().is_some_and(|(of, _)| of == queue),
            device: if self.is_away() { DeviceState::InUse } else { DeviceState::NotInUse },
            ..Member::default()
        }
    }
}

impl Floor {
    /// The telephones of its agents.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        self.agents.iter().map(|agent| agent.interface.clone()).collect()
    }

    /// Those whom the shell paused.
    pub(crate) fn paused_by_us(&self) -> impl Iterator<Item = &str> {
        let paused = self.agents.iter().filter(|agent| agent.logged_on && !agent.paused_by_us.is_empty());
        paused.map(|agent| agent.interface.as_str())
    }

    pub(crate) fn index_of(&self, interface: &str) -> Option<usize> {
        self.agents.iter().position(|agent| agent.interface == interface)
    }

    pub(crate) fn agent(&mut self, interface: &str) -> Option<&mut Agent> {
        self.agents.iter_mut().find(|agent| agent.interface == interface)
    }

    fn snapshot(&self) -> Vec<QueueSnapshot> {
        let queue = |(name, waiting): (&String, &VecDeque<Channel>)| QueueSnapshot {
            name: name.clone(),
            members: self
                .agents
                .iter()
                .filter(|agent| agent.logged_on && agent.queues.contains(name))
                .map(|agent| agent.member(name))
                .collect(),
            callers: waiting.iter().map(|channel| channel.caller()).collect(),
        };
        self.waiting.iter().map(queue).collect()
    }

    /// What is told of an agent: the same in each of its queues.
    fn news_of(&self, index: usize) -> Vec<News> {
        let agent = &self.agents[index];
        let news = |queue: &String| {
            let (queue, interface) = (queue.clone(), agent.interface.clone());
            if agent.logged_on {
                News::MemberIs { member: agent.member(&queue), queue }
            } else {
                News::MemberGone { queue, interface }
            }
        };
        agent.queues.iter().map(news).collect()
    }
}

/// Gives some end points a queue, and people behind them. Drawn apart, so that worlds without queues stay what they were.
pub(crate) fn furnish(seed: u64, site: &mut Site, scene: Scene) -> BTreeMap<PbxId, Floor> {
    let mut rng = Rng::stream(seed, 5);
    let mut floors: BTreeMap<PbxId, Floor> = BTreeMap::new();
    if scene != Scene::Any || !rng.percent(WORLDS) {
        return floors;
    }
    for spec in site.end_points.values_mut().filter(|spec| spec.id.0 < PROBES) {
        if rng.percent(60) {
            let name = format!("q{}", rng.within(1..=2));
            let boost = Boost::from_permille(*rng.pick(&[1_000, 1_300, 2_000]).unwrap_or(&1_000));
            let max_waiting = rng.number(0..=2);
            floors.entry(spec.pbx).or_default().waiting.entry(name.clone()).or_default();
            spec.queue = Some(ObservedQueue { boost, max_waiting, ..ObservedQueue::named(&name) });
        }
    }
    for floor in floors.values_mut() {
        for number in 1..=rng.within(1..=6) {
            let all: Vec<String> = floor.waiting.keys().cloned().collect();
            let mut queues: Vec<String> = all.iter().filter(|_| rng.percent(70)).cloned().collect();
            if queues.is_empty() || number == 1 {
                queues = all;
            }
            let (interface, logged_on) = (format!("SIP/{number}"), rng.percent(50));
            floor.agents.push(Agent {
                interface,
                queues,
                logged_on,
                paused: false,
                paused_by_us: BTreeSet::new(),
                busy: false,
                called: false,
                talks: None,
            });
        }
    }
    // Drawn apart again: agents who are called before the person.
    let mut rng = Rng::stream(seed, 6);
    for queue in site.end_points.values_mut().filter_map(|spec| spec.queue.as_mut()) {
        queue.reverse = rng.percent(40);
        // They look first, for a minute or two.
        queue.preview = queue.reverse && rng.percent(50);
        queue.reservation_minutes = rng.number(1..=2);
    }
    floors
}

impl World {
    /// Whether the agent with this telephone would take a call now that does not come through a queue.
    pub(crate) fn agent_would_come(&self, id: PbxId, interface: &str) -> bool {
        let mut agents = self.floors.get(&id).into_iter().flat_map(|floor| &floor.agents);
        agents.any(|agent| agent.interface == interface && !agent.is_away() && agent.talks.is_none())
    }

    /// An agent who was called first is there, or gone.
    pub(crate) fn agent_is_called(&mut self, id: PbxId, interface: &str, called: bool) {
        let Some(floor) = self.floors.get_mut(&id) else { return };
        let Some(index) = floor.index_of(interface) else { return };
        floor.agents[index].called = called;
        self.tell_agent(id, index);
        self.serve(id);
    }

    /// Something happens on the floor of a PBX, and something else later.
    pub(crate) fn floor_happens(&mut self, id: PbxId) {
        if self.calm {
            return;
        }
        let again = self.now + self.floors_rng.within(100..=4_000) * MS;
        self.agenda.add(again, Happening::Floor { pbx: id });
        let Some(floor) = self.floors.get_mut(&id) else { return };
        let rng = &mut self.floors_rng;
        let index = usize::try_from(rng.within(0..=floor.agents.len() as u64 - 1)).unwrap_or(0);
        let queues: Vec<String> = floor.waiting.keys().cloned().collect();
        let queue = rng.pick(&queues).cloned().unwrap_or_default();
        match rng.within(0..=5) {
            0 => floor.agents[index].logged_on ^= floor.agents[index].talks.is_none(),
            1 => {
                let agent = &mut floor.agents[index];
                agent.paused ^= true;
                // Whatever it was paused for before.
                agent.paused_by_us.clear();
            }
            2 => floor.agents[index].busy ^= floor.agents[index].talks.is_none(),
            3 => {
                floor.inbound += 1;
                let channel = Channel::Inbound(floor.inbound);
                return self.joins(id, &queue, channel);
            }
            // One from outside gives up, or has talked enough.
            _ => return self.inbound_leaves(id, &queue),
        }
        self.tell_agent(id, index);
        self.serve(id);
    }

    /// Everybody is there and nobody calls from outside: what is left to dial has somebody to talk to.
    pub(crate) fn floors_calm(&mut self) {
        let ids: Vec<PbxId> = self.floors.keys().copied().collect();
        for id in ids {
            while self.floors.get(&id).is_some_and(Floor::has_inbound) {
                let queues: Vec<String> = self.floors[&id].waiting.keys().cloned().collect();
                queues.iter().for_each(|queue| self.inbound_leaves(id, queue));
            }
            let count = self.floors.get(&id).map_or(0, |floor| floor.agents.len());
            for index in 0..count {
                if let Some(agent) = self.floors.get_mut(&id).map(|floor| &mut floor.agents[index]) {
                    (agent.logged_on, agent.paused, agent.busy) = (true, false, false);
                }
                self.tell_agent(id, index);
            }
            self.serve(id);
        }
    }

    /// A call of ours was answered: it comes to the queue of its end point.
    pub(crate) fn answered_for(&mut self, id: PbxId, leg: LegId, end_point: EndPointId) {
        let spec = self.site.end_points.get(&end_point);
        let Some(queue) = spec.and_then(|spec| spec.queue.as_ref()).map(|queue| queue.name.clone()) else { return };
        let served = Served { answered_at: self.now, agent_at: None, harbour_at: None, robbed: false };
        self.witness.served.insert(leg, served);
        self.joins(id, &queue, Channel::Ours(leg));
    }

    /// Whether an agent of a queue has the call.
    pub(crate) fn talks_to(&self, id: PbxId, leg: LegId) -> bool {
        let talks = |agent: &Agent| agent.talks.as_ref().is_some_and(|(_, channel)| *channel == Channel::Ours(leg));
        self.floors.get(&id).is_some_and(|floor| floor.agents.iter().any(talks))
    }

    /// A channel of ours is gone: from its queue, or from its agent.
    pub(crate) fn left_floor(&mut self, id: PbxId, leg: LegId) {
        self.leaves(id, Channel::Ours(leg));
    }

    /// The PBX starts again: nobody is in a call.
    pub(crate) fn floor_restarts(&mut self, id: PbxId) {
        let Some(floor) = self.floors.get_mut(&id) else { return };
        floor.waiting.values_mut().for_each(VecDeque::clear);
        floor.agents.iter_mut().for_each(|agent| (agent.talks, agent.busy, agent.called) = (None, false, false));
    }

    fn joins(&mut self, id: PbxId, queue: &str, channel: Channel) {
        let Some(waiting) = self.floors.get_mut(&id).and_then(|floor| floor.waiting.get_mut(queue)) else { return };
        waiting.push_back(channel);
        self.say_of_queues(id, News::CallerCame { queue: queue.to_owned(), caller: channel.caller() });
        self.serve(id);
    }

    fn inbound_leaves(&mut self, id: PbxId, queue: &str) {
        let Some(floor) = self.floors.get(&id) else { return };
        let waits = floor.waiting.get(queue).into_iter().flatten().copied();
        let talks = floor.agents.iter().filter_map(|agent| agent.talks.as_ref()).filter(|(of, _)| of == queue);
        let mut all = waits.chain(talks.map(|(_, channel)| *channel));
        if let Some(channel) = all.find(|channel| matches!(channel, Channel::Inbound(_))) {
            self.leaves(id, channel);
        }
    }

    fn leaves(&mut self, id: PbxId, channel: Channel) {
        let Some(floor) = self.floors.get_mut(&id) else { return };
        let mut gave_up = Vec::new();
        for (queue, waiting) in &mut floor.waiting {
            if waiting.contains(&channel) {
                waiting.retain(|other| *other != channel);
                gave_up.push(queue.clone());
            }
        }
        let talked = floor.agents.iter().position(|agent| agent.talks.as_ref().is_some_and(|(_, of)| *of == channel));
        let interface = talked.map(|index| floor.agents[index].interface.clone());
        if let Some(index) = talked {
            floor.agents[index].talks = None;
        }
        for queue in gave_up {
            self.say_of_queues(id, News::CallerGone { queue, caller: channel.caller(), gave_up: true });
        }
        if let (Some(index), Some(interface)) = (talked, interface) {
            self.say_of_queues(id, News::Released { channel: Some(channel.name()), interface });
            self.tell_agent(id, index);
            self.serve(id);
        }
    }

    /// Those who wait get the agents who are free.
    pub(crate) fn serve(&mut self, id: PbxId) {
        loop {
            let Some(floor) = self.floors.get_mut(&id) else { return };
            let next = floor.waiting.iter().find_map(|(queue, waiting)| {
                let channel = *waiting.front()?;
                let index = floor.agents.iter().position(|agent| agent.takes_a_call(queue))?;
                Some((queue.clone(), channel, index))
            });
            let Some((queue, channel, index)) = next else { return };
            if let Some(waiting) = floor.waiting.get_mut(&queue) {
                waiting.pop_front();
            }
            floor.agents[index].talks = Some((queue.clone(), channel));
            let interface = floor.agents[index].interface.clone();
            if let Channel::Ours(leg) = channel {
                self.taken_by_agent(leg);
            }
            self.say_of_queues(id, News::Called { channel: channel.name(), interface: interface.clone() });
            self.say_of_queues(id, News::CallerGone { queue, caller: channel.caller(), gave_up: false });
            self.say_of_queues(id, News::Connected { caller: channel.caller(), interface });
            self.tell_agent(id, index);
        }
    }

    pub(crate) fn tell_agent(&mut self, id: PbxId, index: usize) {
        for news in self.floors.get(&id).map(|floor| floor.news_of(index)).unwrap_or_default() {
            self.say_of_queues(id, news);
        }
    }

    /// Over the link like everything else: lost, late or twice, and never out of order.
    fn say_of_queues(&mut self, id: PbxId, news: News) {
        let Some(pbx) = self.pbxs.get(&id) else { return };
        if pbx.link == Link::Down || pbx.from_lost || self.strikes(Fault::EventsLost) {
            return;
        }
        let late =
            if self.strikes(Fault::EventsLate) { self.faults.rng(Fault::EventsLate).within(5..=3_000) * MS } else { 0 };
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        let (at, link) = (pbx.says_at(self.now, late, &mut self.rng), pbx.link_no);
        self.agenda.add(at, Happening::FromPbx { pbx: id, link, event: Event::QueuesTold { pbx: id, news } });
    }

    /// The link is up: the queues are read.
    pub(crate) fn queues_are_read(&mut self, id: PbxId, first: bool) {
        let Some(floor) = self.floors.get(&id) else { return };
        let news = News::Observed(floor.snapshot());
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| !pbx.from_lost) else { return };
        let (at, link) = (pbx.says_at(self.now, 0, &mut self.rng), pbx.link_no);
        self.agenda.add(at, Happening::FromPbx { pbx: id, link, event: Event::QueuesTold { pbx: id, news } });
        if first {
            self.agenda.add(at + AUDIT_EVERY, Happening::QueueAudit { pbx: id, link });
        }
    }

    pub(crate) fn audit_queues(&mut self, id: PbxId, link: u32) {
        let Some(floor) = self.floors.get(&id) else { return };
        let news = News::Audited(floor.snapshot());
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link_no == link) else { return };
        if pbx.link == Link::Up && !pbx.from_lost {
            let at = pbx.says_at(self.now, 0, &mut self.rng);
            self.agenda.add(at, Happening::FromPbx { pbx: id, link, event: Event::QueuesTold { pbx: id, news } });
        }
        let suspected = self.process.as_ref().is_some_and(|process| process.dialer.queues_healed(id).1);
        // With nothing to compare the world need not be kept awake.
        let busy = !self.calm || self.process.as_ref().is_some_and(|process| process.dialer.open_calls() > 0);
        let next = if suspected {
            LOOK_AGAIN
        } else if busy {
            AUDIT_EVERY
        } else {
            HOUR / 4
        };
        self.agenda.add(self.now + next, Happening::QueueAudit { pbx: id, link });
    }

    /// The link is lost or in doubt.
    pub(crate) fn queues_are_lost(&mut self, id: PbxId) {
        if self.floors.contains_key(&id) && self.process.is_some() {
            self.step(Event::QueuesTold { pbx: id, news: News::Lost { why: "the link was lost".to_owned() } });
        }
    }
}

impl Floor {
    fn has_inbound(&self) -> bool {
        let talks = self.agents.iter().filter_map(|agent| agent.talks.as_ref()).map(|(_, channel)| channel);
        self.waiting.values().flatten().chain(talks).any(|channel| matches!(channel, Channel::Inbound(_)))
    }
}
