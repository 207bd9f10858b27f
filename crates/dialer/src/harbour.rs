//! Whoever waits in a queue and has no agent in time is brought to the recorded message: the safe harbour of their PBX.
//!
//! There is one look at each, [`HARBOUR_LEAD_MS`] before the deadline. Who is not in a queue hears what the dialplan says;
//! for whom an agent's telephone rings is left to that agent, and looked at again when it stops ringing. An agent may take
//! the call while the PBX is being asked: which of the two it was is told by the PBX's answer and the queue's news together.

use crate::calls::LegState;
use crate::command::{BringToHarbour, Command};
use crate::counting::taken;
use crate::event::HarbourAnswer;
use crate::step::Dialer;
use crate::timers::Timer;
use domain::abandonment::{CountingRule, Why};
use domain::journal::{Fact, Note};
use domain::pacing::HARBOUR_LEAD_MS;
use domain::{AttemptId, LegId, Now, PbxId};

/// How far a call is on its way to the recorded message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Harbour {
    /// Nobody asked for it.
    #[default]
    NotAsked,
    /// The PBX was asked, and did not answer yet.
    Asked {
        /// An agent took the call meanwhile, so many milliseconds after the answer.
        taken_ms: Option<u32>,
        /// The call left its queue meanwhile, without an agent.
        gone: bool,
    },
    /// The PBX brought it there.
    Reached,
    /// It did not, or nobody knows.
    Missed,
}

impl Dialer {
    /// Somebody answered for a queue, `waited_ms` ago.
    pub(crate) fn look_for_harbour_later(&mut self, now: Now, leg: LegId, rule: CountingRule, waited_ms: u64) {
        let Some(attempt) = self.by_leg.get(&leg).and_then(|id| self.attempts.get(id)) else { return };
        let wants = self.runs.get(&attempt.run).is_some_and(|run| run.settings.pacing.brings_to_harbour());
        if wants && attempt.agent.is_none() {
            let before_ms = u64::from(rule.deadline_ms.saturating_sub(HARBOUR_LEAD_MS));
            self.timers.set(now.mono.plus_ms(before_ms.saturating_sub(waited_ms)), leg, Timer::Harbour);
        }
    }

    pub(crate) fn harbour_due(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let Some((id, pbx)) = self.may_be_brought(leg) else { return };
        match self.queues.rings_for(pbx, leg) {
            None => {}
            Some(true) => {
                self.left_to_agents.insert(leg);
            }
            Some(false) => self.bring(now, id, leg, pbx, out),
        }
    }

    /// A telephone stopped ringing, or a conversation is over.
    pub(crate) fn look_at_left(&mut self, now: Now, pbx: PbxId, out: &mut Vec<Command>) {
        let here = |leg: &LegId| self.calls.leg(*leg).is_some_and(|leg| leg.pbx == pbx);
        let legs: Vec<LegId> = self.left_to_agents.iter().copied().filter(here).collect();
        for leg in legs.into_iter().filter(|leg| self.queues.rings_for(pbx, *leg) != Some(true)).collect::<Vec<_>>() {
            self.left_to_agents.remove(&leg);
            self.harbour_due(now, leg, out);
        }
    }

    /// Whether the call is one that may be brought to the message on its PBX: seen from its answer on, of a person, without an
    /// agent.
    fn may_be_brought(&self, leg: LegId) -> Option<(AttemptId, PbxId)> {
        let id = *self.by_leg.get(&leg)?;
        let attempt = self.attempts.get(&id)?;
        let served = &attempt.served;
        let waits = served.watched && served.agent.is_none() && served.harbour == Harbour::NotAsked;
        let is_person = served.tally.is_some_and(|tally| !tally.is_machine());
        let leg = self.calls.leg(leg)?;
        let is_up = leg.state == LegState::Up && leg.hang_up.is_none() && !leg.far_end_asked;
        (waits && is_person && is_up && self.has_harbour(attempt.pbx)).then_some((id, attempt.pbx))
    }

    fn bring(&mut self, now: Now, id: AttemptId, leg: LegId, pbx: PbxId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.served.harbour = Harbour::Asked { taken_ms: None, gone: false };
        self.note_leg(leg, Fact::HarbourRequested, now.wall, out);
        out.push(Command::BringToHarbour(BringToHarbour { attempt: id, leg, pbx }));
    }

    pub(crate) fn harbour_answered(&mut self, now: Now, leg: LegId, answer: HarbourAnswer, out: &mut Vec<Command>) {
        let Some(attempt) = self.by_leg.get(&leg).copied() else { return };
        let Some(served) = self.served_mut(leg) else { return };
        let Harbour::Asked { taken_ms, gone } = served.harbour else { return };
        let (is_done, is_known) = match &answer {
            HarbourAnswer::Done => (true, true),
            HarbourAnswer::Refused(_) | HarbourAnswer::NotWanted(_) => (false, true),
            HarbourAnswer::Unknown(_) => (false, false),
        };
        served.harbour = if is_done { Harbour::Reached } else { Harbour::Missed };
        // An agent took the call, and it was left to them.
        let left_to_agent = taken_ms.filter(|_| is_known && !is_done);
        let counted = left_to_agent.zip(served.tally.as_mut()).and_then(|(waited_ms, tally)| taken(tally, waited_ms));
        let fact = match answer {
            HarbourAnswer::Done => Fact::HarbourReached,
            HarbourAnswer::Refused(why) | HarbourAnswer::NotWanted(why) | HarbourAnswer::Unknown(why) => {
                Fact::HarbourMissed { why }
            }
        };
        self.note_counted(now, Note { attempt, leg, fact, at: now.wall, counted }, out);
        match taken_ms {
            Some(waited_ms) if is_done => self.abandon(now, leg, Why::TakenFromAgent, waited_ms, out),
            Some(waited_ms) if !is_known => self.abandon(now, leg, Why::Unseen, waited_ms, out),
            None if is_done && gone => self.in_harbour(now, leg, out),
            _ => {}
        }
    }

    /// The person left the queue without an agent. With the PBX's yes that is because they hear the message.
    pub(crate) fn left_for_harbour(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let Some(served) = self.served_mut(leg) else { return };
        match &mut served.harbour {
            Harbour::Asked { gone, .. } => *gone = true,
            Harbour::Reached => self.in_harbour(now, leg, out),
            Harbour::NotAsked | Harbour::Missed => {}
        }
    }

    fn in_harbour(&mut self, now: Now, leg: LegId, out: &mut Vec<Command>) {
        let waited_ms = self.waited_ms(now, leg).unwrap_or(0);
        self.abandon(now, leg, Why::SafeHarbour, waited_ms, out);
    }
}
