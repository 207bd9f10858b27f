//! Agents who are called before the person: chosen, called, connected, and let go when the call is over.
//!
//! The attempt is journalled before the agent is called, with its trunk taken, and its leg to the person waits: nothing is
//! sent to the person before the agent has answered and the gate was asked once more. An agent is taken from the decision
//! until its leg is gone, which may be later than the end of the attempt.

use crate::calls::{LegState, Role};
use crate::command::{CallAgent, Command, Pause};
use crate::gate::Refusal;
use crate::sending::SAFETY_NET_MS;
use crate::step::{Attempt, Dialer};
use crate::timers::Timer;
use domain::journal::{CalledBefore, Fact, FirstAgent, OpenAttempt};
use domain::{AttemptId, CallId, CallState, EndFacts, EndPointId, EndedBy, LegId, Now, PbxId, Timestamp};

/// An agent who did not come is left alone for so long: the next person would wait for nobody, milliseconds.
const REST_MS: u64 = 5_000;

/// An agent whose telephone is called before the person's.
#[derive(Debug, Clone)]
pub(crate) struct CalledAgent {
    /// For which attempt. It may be over: then the leg is on its way out.
    pub(crate) attempt: AttemptId,
    /// On which PBX.
    pub(crate) pbx: PbxId,
    /// Whose telephone.
    pub(crate) interface: String,
}

impl Dialer {
    /// The agent of the end point who is called next; `Ok(None)`: there the person is called first.
    pub(crate) fn pick_agent(&self, end_point: EndPointId) -> Result<Option<String>, Refusal> {
        let spec = self.resources.end_points.get(&end_point).map(|end_point| &end_point.spec);
        let reverse = spec.and_then(|spec| Some((spec.pbx, spec.queue.as_ref().filter(|queue| queue.reverse)?)));
        let Some((pbx, queue)) = reverse else { return Ok(None) };
        let able = |interface: &str| queue.rewrite.device(interface).is_ok();
        self.queues.next_agent(pbx, &queue.name, able).map(Some).ok_or(Refusal::NoAgentFree)
    }

    /// The agent is the attempt's from now on.
    pub(crate) fn book_agent(&mut self, attempt: AttemptId, call: CallId, pbx: PbxId, agent: &FirstAgent) {
        let interface = agent.interface.clone();
        self.queues.take(pbx, &interface);
        self.calls.open(agent.leg, call, pbx, Role::Agent);
        self.agents.insert(agent.leg, CalledAgent { attempt, pbx, interface });
    }

    /// The agent of an attempt that was open when the process ended: taken until its PBX was compared.
    pub(crate) fn restore_agent(&mut self, now: Now, open: &OpenAttempt) -> Option<LegId> {
        let agent = open.agent.as_ref()?;
        self.book_agent(open.attempt, open.call, open.pbx, agent);
        let leg = self.calls.leg_mut(agent.leg)?;
        if !open.reserved {
            leg.state = LegState::Uncertain;
            leg.requested = Some((now.mono, open.scheduled_at));
        }
        Some(agent.leg)
    }

    /// Agents who were called for attempts that are over by now. The hang-up that was due may not have arrived: whoever is
    /// there still gets it, and is taken until then. Each counts as having come, so that nobody rests for it.
    pub(crate) fn remember_agents(&mut self, now: Now, called: Vec<CalledBefore>) {
        for CalledBefore { attempt, call, pbx, agent } in called {
            self.book_agent(attempt, call, pbx, &agent);
            if let Some(leg) = self.calls.leg_mut(agent.leg) {
                leg.state = LegState::Uncertain;
                leg.requested = Some((now.mono, now.wall));
                (leg.created_at, leg.answered_at) = (Some(now.wall), Some(now.wall));
                leg.hang_up = Some(EndedBy::FarEnd);
            }
        }
    }

    /// The agent is paused in the queues of his campaign's attempt, from the moment when he looks at it.
    pub(crate) fn pause_agent(&mut self, id: AttemptId, out: &mut Vec<Command>) {
        let pause = self.attempts.get(&id).and_then(|attempt| self.pause_for(attempt));
        out.extend(pause.map(Command::PauseAgent));
    }

    /// How the agent of an attempt is paused, if its campaign wants that and something is left to do.
    fn pause_for(&self, attempt: &Attempt) -> Option<Pause> {
        self.runs.get(&attempt.run).filter(|run| run.settings.autopause)?;
        let agent = self.agents.get(&attempt.agent?)?;
        self.queues.pause_of(agent.pbx, &agent.interface)
    }

    /// The attempt that a leg to an agent is for, unless that is over.
    pub(crate) fn agents_attempt(&self, leg: LegId) -> Option<AttemptId> {
        let id = self.agents.get(&leg)?.attempt;
        self.attempts.get(&id).filter(|attempt| attempt.agent == Some(leg)).map(|_| id)
    }

    /// Whether its agent was asked for, and nothing was sent to the person.
    pub(crate) fn agent_was_asked(&self, attempt: &Attempt) -> bool {
        let state = |leg: LegId| self.calls.leg(leg).map(|leg| leg.state);
        state(attempt.leg) == Some(LegState::Journalling)
            && attempt.agent.and_then(state).is_some_and(|agent| agent != LegState::Journalling)
    }

    /// What an attempt is doing of which nothing was sent to the person.
    pub(crate) fn state_before_call(&self, attempt: &Attempt) -> CallState {
        match attempt.agent.and_then(|leg| self.calls.leg(leg)).map(|leg| leg.state) {
            Some(LegState::Journalling) if attempt.reserved.is_held() => CallState::RdReserved,
            Some(LegState::Journalling) => CallState::RdScheduled,
            Some(LegState::Requested) => CallState::RdRequested,
            Some(LegState::Created | LegState::Uncertain) => CallState::RdAgentreq,
            Some(LegState::Up) | None => CallState::Scheduled,
        }
    }

    /// Why the agent may not be called who was chosen a moment ago; an agent who was called is there.
    pub(crate) fn agent_is_gone(&self, leg: LegId) -> Option<&'static str> {
        let agent = self
            .agents
            .get(&leg)
            .filter(|_| self.calls.leg(leg).is_some_and(|leg| leg.state == LegState::Journalling))?;
        let end_point = self.resources.end_points.get(&self.attempts.get(&agent.attempt)?.end_point)?;
        let queue = end_point.spec.queue.as_ref()?;
        match self.queues.can_be_called(agent.pbx, &queue.name, &agent.interface) {
            Ok(true) => None,
            Ok(false) => Some("its agent was gone before it was sent"),
            Err(_) => Some("its queue was lost from sight before it was sent"),
        }
    }

    pub(crate) fn call_agent(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let (Some(leg), Some(run), Some(contact)) = (attempt.agent, self.runs.get(&attempt.run), attempt.who()) else {
            return;
        };
        let queue =
            self.resources.end_points.get(&attempt.end_point).and_then(|end_point| end_point.spec.queue.as_ref());
        let device = queue.zip(self.agents.get(&leg)).map(|(queue, agent)| queue.rewrite.device(&agent.interface));
        let answer_ms = run.settings.answer_timeout_ms;
        let command = CallAgent {
            attempt: id,
            leg,
            run: attempt.run,
            pbx: attempt.pbx,
            trunk: attempt.trunk,
            end_point: attempt.end_point,
            device: match device {
                Some(Ok(device)) => device,
                // The end point was changed since: the agent cannot be called any more.
                _ => {
                    return self.withdraw(
                        now,
                        attempt.leg,
                        "its agent cannot be called any more",
                        crate::dial::Again::AsBefore,
                        out,
                    );
                }
            },
            retry: attempt.retry,
            contact: contact.clone(),
            timeout_ms: answer_ms + SAFETY_NET_MS,
            wait_ms: answer_ms + 3 * SAFETY_NET_MS,
            pause: self.pause_for(attempt).map(Box::new),
        };
        if let Some(pbx) = self.resources.pbxs.get_mut(&attempt.pbx) {
            pbx.rate.sent(now.mono);
        }
        out.push(Command::CallAgent(command));
        self.note(id, leg, Fact::AgentRequested, now.wall, out);
        self.timers.set(now.mono.plus_ms(answer_ms.into()), leg, Timer::AnswerTimeout);
        if let Some(leg) = self.calls.leg_mut(leg) {
            leg.state = LegState::Requested;
            leg.requested = Some((now.mono, now.wall));
            leg.steady.requested = Some(now.mono);
        }
    }

    /// The gate is asked once more, and the person is called.
    pub(crate) fn agent_answered(&mut self, now: Now, leg: LegId, at: Timestamp, first: bool, out: &mut Vec<Command>) {
        if first {
            self.note_leg(leg, Fact::Answered, at, out);
        }
        if let Some(attempt) = self.agents_attempt(leg) {
            self.journalled(now, attempt, out);
        }
    }

    /// Whether the agent of the call with this leg asked for the hang-up.
    pub(crate) fn agent_hung_up(&self, leg: LegId) -> bool {
        let attempt = self.by_leg.get(&leg).and_then(|id| self.attempts.get(id));
        attempt.and_then(|attempt| self.calls.leg(attempt.agent?)).is_some_and(|agent| agent.far_end_asked)
    }

    /// The agent's leg is gone. A person who was not called yet is not; one whose telephone rings is hung up; a conversation
    /// is left alone: the PBX ends it, or somebody else talks to them by now.
    pub(crate) fn agent_left(&mut self, now: Now, id: LegId, facts: &EndFacts, out: &mut Vec<Command>) {
        let open = self.agents_attempt(id);
        let ended = Fact::AgentEnded { cause: facts.cause, tech_cause: facts.tech_cause };
        self.note_leg(id, ended, now.wall, out);
        if let Some(agent) = self.free_agent(now, id, out).filter(|_| !facts.answered) {
            self.queues.rest(agent.pbx, &agent.interface, now.mono.plus_ms(REST_MS));
        }
        self.may_place = true;
        let Some(person) = open.and_then(|id| self.calls.leg(self.attempts.get(&id)?.leg)) else { return };
        if person.state == LegState::Journalling {
            let facts = person.facts_ended_by(EndedBy::NoAgent, facts.cause, facts.tech_cause);
            self.finish(now, person.id, facts, out);
        } else if person.answered_at.is_none() {
            self.hang_up(now, person.id, EndedBy::Agent, out);
        }
    }

    /// The attempt is over: its agent may go.
    pub(crate) fn let_agent_go(&mut self, now: Now, agent: Option<LegId>, out: &mut Vec<Command>) {
        let Some(leg) = agent.and_then(|id| self.calls.leg(id)) else { return };
        if leg.state == LegState::Journalling {
            let leg = leg.id;
            self.free_agent(now, leg, out);
        } else {
            self.hang_up(now, leg.id, EndedBy::FarEnd, out);
        }
    }

    fn free_agent(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) -> Option<CalledAgent> {
        self.calls.remove(leg);
        let agent = self.agents.remove(&leg)?;
        // After a restart two open attempts may have one agent: of the first only the person's end was still out.
        if !self.agents.values().any(|other| other.pbx == agent.pbx && other.interface == agent.interface) {
            self.queues.release(agent.pbx, &agent.interface);
            self.end_pauses(now, agent.pbx, Some(&agent.interface), out);
        }
        self.ledger.agent_left(agent.attempt);
        Some(agent)
    }

    /// An originate was not sent. If it was the agent's, he is free, and it is his attempt that was not: its leg.
    pub(crate) fn agent_not_sent(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) -> Option<LegId> {
        if !self.agents.contains_key(&leg) {
            return Some(leg);
        }
        let attempt = self.agents_attempt(leg);
        self.free_agent(now, leg, out);
        attempt.and_then(|id| self.leg_of(id))
    }
}
