//! The books of abandoned calls: whoever answers at an end point with a queue has an agent in time, or was abandoned.
//!
//! Each row that is decided here counts for the campaign's engine, too ([`Dialer::keep_books`]): there is one counting.
//!
//! Judged by our own clock, from when we heard of the answer to when we heard of the agent. What nobody saw counts as
//! abandoned: a lost connection, a restart and a process that stood still make the figures worse, never better.

use crate::calls::LegState;
use crate::command::Command;
use crate::harbour::Harbour;
use crate::queues::news::News;
use crate::step::Dialer;
use crate::timers::Timer;
use domain::abandonment::{Count, Counted, CountingRule, Figures, PeriodNow, Tally, Why};
use domain::journal::{Fact, Note, OpenAttempt};
use domain::{CampaignId, LegId, Now, PbxId};

/// What became of a call behind its answer, as far as its queue shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// What is counted of it; `None`: it was not answered, or its end point has no queue.
    pub(crate) tally: Option<Tally>,
    /// Its answer was heard, and the queue was in sight ever since.
    pub(crate) watched: bool,
    /// The queue in which it waits.
    queue: Option<String>,
    /// The agent who took it.
    pub(crate) agent: Option<String>,
    /// How far it is on its way to the recorded message.
    pub(crate) harbour: Harbour,
}

impl Served {
    pub(crate) fn restored(open: &OpenAttempt) -> Self {
        Self { tally: open.tally, ..Self::default() }
    }
}

impl Dialer {
    /// The person's leg was answered just now, for the first time: writes it, with what is counted of it.
    pub(crate) fn note_answered(&mut self, now: Now, leg: LegId, at: domain::Timestamp, out: &mut Vec<Command>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let has_queue = |of: &crate::resources::EndPoint| of.spec.queue.is_some();
        if !self.resources.end_points.get(&attempt.end_point).is_some_and(has_queue) {
            return self.note_leg(leg, Fact::Answered, at, out);
        }
        let rule = self.runs.get(&attempt.run).map(|run| CountingRule::of(&run.settings.pacing)).unwrap_or_default();
        let tally = attempt.served.tally.insert(Tally::new(attempt.campaign, rule));
        let live = tally.live();
        let agent = attempt.agent.filter(|agent| {
            self.calls.leg(*agent).is_some_and(|agent| agent.state == LegState::Up && !agent.far_end_asked)
        });
        let (attempt_id, fact) = (id, Fact::Answered);
        out.push(Command::Note(Note { attempt: attempt_id, leg, fact, at, counted: Some(live) }));
        if let Some(agent) = agent.and_then(|agent| self.agents.get(&agent)) {
            // Asterisk joins the two in the moment of the answer.
            let counted = attempt.served.tally.as_mut().and_then(|tally| tally.connected(Why::AgentFirst, 0));
            let fact = Fact::AgentConnected { agent: agent.interface.clone(), waited_ms: Some(0) };
            attempt.served.agent = Some(agent.interface.clone());
            out.push(Command::Note(Note { attempt: id, leg, fact, at, counted }));
        }
        let waited = u64::from(self.waited_ms(now, leg).unwrap_or(0));
        let left = u64::from(rule.deadline_ms).saturating_sub(waited);
        self.timers.set(now.mono.plus_ms(left), leg, Timer::ConnectDeadline);
        self.look_for_harbour_later(now, leg, rule, waited);
    }

    /// The answer of the person was heard of in the moment in which it came.
    pub(crate) fn answer_heard(&mut self, leg: LegId) {
        let Some(attempt) = self.by_leg.get(&leg).and_then(|id| self.attempts.get_mut(id)) else { return };
        attempt.served.watched = self.queues.unknown(attempt.pbx).is_none();
    }

    /// After a restart: a call that had no agent yet when its process ended.
    pub(crate) fn count_restored(&mut self, now: Now, leg: LegId) {
        let open = self.by_leg.get(&leg).and_then(|id| self.attempts.get(id)?.served.tally);
        let Some(tally) = open.filter(Tally::is_open) else { return };
        let left = tally.rule.deadline_ms.saturating_sub(self.waited_ms(now, leg).unwrap_or(0));
        // Not in this moment, in which what the books say may still be told.
        self.timers.set(now.mono.plus_ms(u64::from(left).max(1)), leg, Timer::ConnectDeadline);
    }

    /// What is written is counted.
    pub(crate) fn keep_books(&mut self, commands: &[Command]) {
        for command in commands {
            let Command::Note(Note { at, counted: Some(counted), .. }) = command else { continue };
            let before = self.books.get(&counted.campaign).copied();
            self.books.insert(counted.campaign, PeriodNow::following(before, *at, counted));
        }
    }

    /// Abandoned and live calls of a campaign's counting period, as its ledger has them.
    pub fn abandonment(&self, campaign: CampaignId) -> Figures {
        self.books.get(&campaign).map_or_else(Figures::default, |period| period.figures)
    }

    /// A fact that may be counted, and that the floor is told of then.
    pub(crate) fn note_counted(&mut self, now: Now, note: Note, out: &mut Vec<Command>) {
        match note.counted.map(|counted| counted.count) {
            Some(Count::Abandoned) => self.pace_abandoned(now.mono, note.attempt),
            Some(Count::Machine) => self.pace_machine(now.mono, note.attempt),
            Some(Count::Live | Count::Connected | Count::Person) | None => {}
        }
        out.push(Command::Note(note));
    }

    /// What is told of the queues, as far as it is about calls of ours.
    pub(crate) fn calls_told(&mut self, now: Now, pbx: PbxId, news: &News, out: &mut Vec<Command>) {
        match news {
            News::CallerCame { queue, caller } => {
                let Some(served) = caller.leg.and_then(|leg| self.served_mut(leg)) else { return };
                if let Some(leg) = caller.leg
                    && served.queue.replace(queue.clone()).as_ref() != Some(queue)
                {
                    self.note_leg(leg, Fact::QueueEntered { queue: queue.clone() }, now.wall, out);
                }
            }
            News::CallerGone { caller, gave_up, .. } => {
                let Some(leg) = caller.leg else { return };
                let queue = self.served_mut(leg).and_then(|served| served.queue.take());
                if let Some(queue) = queue.filter(|_| *gave_up) {
                    self.note_leg(leg, Fact::QueueGivenUp { queue }, now.wall, out);
                    self.left_for_harbour(now, leg, out);
                }
            }
            News::Connected { caller, interface } => {
                if let Some(leg) = caller.leg {
                    self.agent_connected(now, leg, interface, out);
                }
            }
            // An agent may have come, and nobody was told.
            News::Observed(_) | News::Lost { .. } => {
                self.attempts.values_mut().filter(|of| of.pbx == pbx).for_each(|of| of.served.watched = false);
            }
            _ => {}
        }
    }

    fn agent_connected(&mut self, now: Now, leg: LegId, interface: &str, out: &mut Vec<Command>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        if self.calls.leg(leg).is_none_or(|leg| leg.state == LegState::Journalling) {
            return;
        }
        // Queues and channels are told over two connections: who talks was answered.
        self.leg_answered(now, leg, now.wall, out);
        let waited_ms = self.waited_ms(now, leg);
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if attempt.served.agent.replace(interface.to_owned()).as_deref() == Some(interface) {
            return;
        }
        let waited = waited_ms.unwrap_or(u32::MAX);
        let counted = match &mut attempt.served.harbour {
            // Whether it was taken from the agent is told by the PBX's answer.
            Harbour::Asked { taken_ms, .. } => {
                *taken_ms = Some(waited);
                None
            }
            Harbour::Reached => attempt.served.tally.as_mut().and_then(|of| of.abandoned(Why::TakenFromAgent, waited)),
            Harbour::NotAsked | Harbour::Missed => attempt.served.tally.as_mut().and_then(|of| taken(of, waited)),
        };
        let fact = Fact::AgentConnected { agent: interface.to_owned(), waited_ms };
        self.note_counted(now, Note { attempt: id, leg, fact, at: now.wall, counted }, out);
    }

    /// The person had so long to wait.
    pub(crate) fn connect_deadline(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let Some(served) = self.served_mut(leg) else { return };
        let why = match served.harbour {
            // The PBX's answer decides it.
            Harbour::Asked { taken_ms: Some(_), .. } => return,
            Harbour::Reached => Why::SafeHarbour,
            _ if served.watched => Why::TooLate,
            _ => Why::Unseen,
        };
        let waited_ms = self.waited_ms(now, leg).unwrap_or(0);
        self.abandon(now, leg, why, waited_ms, out);
    }

    /// The call is over.
    pub(crate) fn count_end(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let Some(served) = self.served_mut(leg) else { return };
        let why = match served.harbour {
            // Whether it was left to its agent is not known any more.
            Harbour::Asked { taken_ms: Some(_), .. } => Why::Unseen,
            Harbour::Reached => Why::SafeHarbour,
            _ if served.watched => Why::HungUp,
            _ => Why::Unseen,
        };
        let waited_ms = self.waited_ms(now, leg).unwrap_or(0);
        self.abandon(now, leg, why, waited_ms, out);
    }

    /// What an extended status changes in the books.
    pub(crate) fn count_status(&mut self, now: Now, leg: LegId, status: &str) -> Option<Counted> {
        let waited_ms = self.waited_ms(now, leg).unwrap_or(0);
        self.served_mut(leg)?.tally.as_mut()?.status(status, waited_ms)
    }

    pub(crate) fn abandon(&mut self, now: Now, leg: LegId, why: Why, waited_ms: u32, out: &mut Vec<Command>) {
        let Some(id) = self.by_leg.get(&leg).copied() else { return };
        let Some(tally) = self.attempts.get_mut(&id).and_then(|attempt| attempt.served.tally.as_mut()) else { return };
        if let Some(counted) = tally.abandoned(why, waited_ms) {
            let (fact, counted) = (Fact::Abandoned, Some(counted));
            self.note_counted(now, Note { attempt: id, leg, fact, at: now.wall, counted }, out);
        }
    }

    /// Milliseconds since the answer: by the steady clock, after a restart by the other one.
    pub(crate) fn waited_ms(&self, now: Now, leg: LegId) -> Option<u32> {
        let leg = self.calls.leg(leg)?;
        let steady = leg.steady.answered.map(|at| now.mono.since(at) / 1_000);
        let wall = || leg.answered_at.map(|at| u64::try_from(now.wall.ms_since(at)).unwrap_or(0));
        steady.or_else(wall).map(|ms| u32::try_from(ms).unwrap_or(u32::MAX))
    }

    pub(crate) fn served_mut(&mut self, leg: LegId) -> Option<&mut Served> {
        self.by_leg.get(&leg).and_then(|id| self.attempts.get_mut(id)).map(|attempt| &mut attempt.served)
    }
}

/// An agent took the call so long after the answer.
pub(crate) fn taken(tally: &mut Tally, waited_ms: u32) -> Option<Counted> {
    if waited_ms <= tally.rule.deadline_ms {
        tally.connected(Why::InTime, waited_ms)
    } else {
        tally.abandoned(Why::TooLate, waited_ms)
    }
}
