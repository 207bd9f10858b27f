//! Agents who are called before the person, on a virtual PBX: they come or do not, wait, and are connected by the PBX itself.

use crate::agenda::{At, Happening, MS, SECOND, Step};
use crate::fault::Fault;
use crate::pbx::{AgentChannel, Link, Pbx};
use crate::proof::Check;
use crate::rng::Rng;
use crate::sabotage::Sabotage;
use crate::store::AttemptState;
use crate::world::World;
use dialer::{CallAgent, Event};
use domain::{HourState, LegId, PbxId};

/// How soon an agent is let go when his attempt is over: a hang-up that was lost is asked about and sent again.
const LET_GO_WITHIN: At = 20 * SECOND;
/// How soon one is let go whom the comparison found that a link begins with.
const FOUND_WITHIN: At = 8 * SECOND;

impl World {
    /// An agent is going to be called: was it allowed?
    pub(crate) fn check_agent(&mut self, call: &CallAgent) {
        let (attempt, run) = (call.attempt, call.run);
        if self.process.as_ref().is_some_and(|process| process.fence != self.store.fence) {
            self.broke(
                Check::FencedOff,
                format!("the agent of attempt {attempt} is called by a process that was taken over from"),
            );
        }
        let leg = |row: &crate::store::AttemptRow| row.new.agent.as_ref().map(|agent| agent.leg);
        match self.store.attempts.get(&attempt) {
            Some(row) if row.state == AttemptState::Open && leg(row) == Some(call.leg) => {}
            other => {
                let state = other.map(|row| row.state);
                let what = format!("the agent of attempt {attempt} is called while it is {state:?} in the database");
                self.broke(Check::JournalledBeforeSent, what);
            }
        }
        if self.store.attempts.get(&attempt).is_some_and(|row| row.new.reserved) {
            self.broke(Check::AgentDecides, format!("the agent of attempt {attempt} is called and did not say yes"));
        }
        if self.store.held {
            self.broke(Check::HoldKept, format!("the agent of attempt {attempt} is called while dialling is held"));
        }
        if self.witness.quiet.contains(&run) {
            self.broke(
                Check::PauseKept,
                format!("the agent of attempt {attempt} is called although run {run} was paused"),
            );
        }
        let wall = self.wall();
        let hours = self.witness.settings.get(&run).map(|settings| settings.hours.state_at(wall));
        if !matches!(hours, Some(HourState::Open { .. })) {
            self.broke(Check::HoursKept, format!("the agent of attempt {attempt} is called outside the hours"));
        }
    }

    pub(crate) fn make_agent_channel(&mut self, id: PbxId, call: &CallAgent) -> Option<Event> {
        let leg = call.leg;
        if let Some(pause) = &call.pause {
            self.pause_arrives(pause);
        }
        if self.strikes(Fault::PbxRefuses) {
            return Some(Event::OriginateRefused { leg, status: 500, message: "Allocation failed".to_owned() });
        }
        let mut interface = call.device.clone();
        let pbx = self.pbxs.get(&id)?;
        if self.is(Sabotage::CallsAnotherAgent)
            && let Some(other) = pbx.agents.values().next()
        {
            interface.clone_from(&other.interface);
        }
        let open = |agent: &AgentChannel| {
            self.store.attempts.get(&agent.attempt).is_some_and(|row| row.state == AttemptState::Open)
        };
        // One whose attempt is over is on its way out, whoever asked for that may have died meanwhile.
        if pbx.agents.values().any(|agent| agent.interface == interface && open(agent)) {
            self.broke(Check::AgentNotDoubleBooked, format!("leg {leg} calls {interface}, who is in a call of ours"));
        }
        let mut fate = Rng::stream(self.seed, 0xa6e7_0000_0000 + leg.0.unsigned_abs());
        let comes = self.agent_would_come(id, &interface) && fate.percent(75);
        let after: At = fate.within(300..=4_000) * MS;
        let step = if comes {
            Some(Step::Answer)
        } else {
            fate.percent(50).then_some(Step::End { cause: 17, code: Some(486) })
        };
        if let Some(step) = step {
            self.agenda.add(self.now + after, Happening::Channel { pbx: id, leg, step });
        }
        if comes && fate.percent(20) {
            let leaves = self.now + after + fate.within(1..=20) * SECOND;
            self.agenda.add(leaves, Happening::Channel { pbx: id, leg, step: Step::FarEndHangsUp });
        }
        let at = self.now + u64::from(call.timeout_ms) * MS;
        self.agenda.add(at, Happening::Channel { pbx: id, leg, step: Step::TimeOut });
        let attempt = call.attempt;
        let channel =
            AgentChannel { attempt, interface, up: false, person: None, wait_ms: call.wait_ms, said_until: 0 };
        self.pbxs.get_mut(&id)?.agents.insert(leg, channel);
        self.summary.agents_called += 1;
        if comes {
            self.agent_is_called(id, &call.device, true);
        }
        self.say_of_agent(id, Event::LegCreated(leg), leg);
        Some(Event::OriginateDone(leg))
    }

    pub(crate) fn agent_step(&mut self, id: PbxId, leg: LegId, step: Step) {
        let now = self.now;
        let Some(agent) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.agents.get_mut(&leg)) else { return };
        match step {
            Step::Answer => {
                agent.up = true;
                let waits = u64::from(agent.wait_ms) * MS;
                self.agenda.add(now + waits, Happening::Channel { pbx: id, leg, step: Step::TimeOut });
                self.say_of_agent(id, Event::LegAnswered(leg), leg);
            }
            Step::FarEndHangsUp => {
                self.say_of_agent(id, Event::LegHangUpAsked(leg), leg);
                self.end_agent(id, leg, 16, None);
            }
            Step::End { cause, code } => self.end_agent(id, leg, cause, code),
            // The time to answer is over, or the time to wait for the person.
            Step::TimeOut if agent.person.is_none() => {
                self.check_let_go(id, leg);
                self.end_agent(id, leg, 19, Some(480));
            }
            Step::Progress | Step::Ring | Step::Status(_) | Step::TimeOut => {}
        }
    }

    /// A person has answered whose agent waits: they are connected, or the person hears that nobody is there.
    pub(crate) fn connect(&mut self, id: PbxId, person: LegId, agent: LegId) {
        let channel = self.pbxs.get_mut(&id).and_then(|pbx| pbx.agents.get_mut(&agent));
        match channel.filter(|agent| agent.up && agent.person.is_none()) {
            Some(agent) => agent.person = Some(person),
            None => self.end_channel(id, person, 16, None),
        }
    }

    /// The agent who talks to a person.
    pub(crate) fn agent_of(&self, id: PbxId, person: LegId) -> Option<LegId> {
        let mut agents = self.pbxs.get(&id)?.agents.iter();
        agents.find(|(_, agent)| agent.person == Some(person)).map(|(leg, _)| *leg)
    }

    /// An agent has waited as long as the PBX lets him: not for somebody whose attempt was over long before, unless nobody was
    /// there to tell the PBX.
    fn check_let_go(&mut self, id: PbxId, leg: LegId) {
        let Some(attempt) = self.pbxs.get(&id).and_then(|pbx| Some(pbx.agents.get(&leg)?.attempt)) else { return };
        let long = |since: At, wanted: At| self.now > since + wanted;
        let over = self.witness.over_at.get(&attempt).is_some_and(|at| long(*at, LET_GO_WITHIN));
        let heard = |pbx: &Pbx| pbx.link == Link::Up && long(pbx.up_since, FOUND_WITHIN);
        if over && self.process.is_some() && self.pbxs.get(&id).is_some_and(heard) {
            self.broke(Check::AgentsLetGo, format!("leg {leg} waits for attempt {attempt}, which is over long ago"));
        }
    }

    pub(crate) fn end_agent(&mut self, id: PbxId, leg: LegId, cause: u16, code: Option<u16>) {
        let Some(agent) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.agents.remove(&leg)) else { return };
        self.say_after(id, Event::LegEnded { leg, cause, tech_cause: code }, agent.said_until);
        if !self.pbxs[&id].agents.values().any(|other| other.interface == agent.interface) {
            self.agent_is_called(id, &agent.interface, false);
        }
        if let Some(person) = agent.person {
            self.end_channel(id, person, 16, None);
        }
    }

    fn say_of_agent(&mut self, id: PbxId, event: Event, leg: LegId) {
        let Some(at) = self.say_after(id, event, 0) else { return };
        if let Some(agent) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.agents.get_mut(&leg)) {
            agent.said_until = agent.said_until.max(at);
        }
    }
}
