//! From the journal to the PBX: an attempt that is on disk is sent, unless something forbade it meanwhile.

use crate::calls::LegState;
use crate::command::{Command, Originate};
use crate::dial::Again;
use crate::judging::No;
use crate::reserving::Reserved;
use crate::step::Dialer;
use crate::timers::Timer;
use crate::toll::Digits;
use domain::journal::Fact;
use domain::rules::Calls;
use domain::{AttemptId, EndedBy, HourState, Mono, Now, PbxId, RunId, RunState, Timestamp, TrunkId};

/// The PBX's own ring time-out comes this much later than ours, milliseconds.
pub(crate) const SAFETY_NET_MS: u32 = 10_000;

impl Dialer {
    /// The attempt is on disk: it goes out, or waits for its rate when a slow disk let many through at once.
    pub(crate) fn journalled(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        if self.calls.leg(attempt.leg).is_none_or(|leg| leg.state != LegState::Journalling) {
            return;
        }
        let suppressed = self.was_suppressed(attempt);
        let listed = attempt.standing.suppressed_by.is_some() || attempt.standing.black_listed_by.is_some();
        if suppressed || listed {
            return self.journalled_suppressed(now, id, out);
        }
        let (leg, run, trunk, pbx, agent) = (attempt.leg, attempt.run, attempt.trunk, attempt.pbx, attempt.agent);
        let early =
            attempt.due_at.filter(|due_at| *due_at > now.wall).map(|_| "the clock was set back before it was sent");
        let gone = self.agents_are_gone(id);
        if let Some(why) = self.forbidden(now, run, pbx).or(early).or(gone) {
            return self.withdraw(now, leg, why, Again::AsBefore, out);
        }
        if let Err(no) = self.judge_again(now, id) {
            let why = format!("{} says no with what the journal knows", no.by.code());
            return self.withdraw(now, leg, &why, Again::PutOff(no), out);
        }
        if self.attempts.get(&id).is_some_and(|attempt| attempt.reserved == Reserved::Asked) {
            return self.reserved_on_disk(now, id, out);
        }
        // An agent who is called first is asked for first; when he answers it is asked again for the person.
        let agent = agent.map(|agent| self.calls.leg(agent).map_or(LegState::Uncertain, |leg| leg.state));
        if matches!(agent, Some(LegState::Up) | None)
            && let Some(opens_at) = self.hour_was_filled(now, id)
        {
            let why = "its hour was filled with other calls before it was sent";
            return self.withdraw(now, leg, why, Again::At(opens_at), out);
        }
        let at = match agent {
            Some(LegState::Journalling) => self.resources.pbxs.get(&pbx).map_or(Mono(0), |pbx| pbx.rate.may_send_at()),
            Some(LegState::Up) | None => self.may_send_at(trunk, pbx),
            Some(LegState::Requested | LegState::Uncertain | LegState::Created) => return,
        };
        if at > now.mono {
            self.outbox.push(id);
            self.send_at = Some(self.send_at.map_or(at, |other| other.min(at)));
            self.count_waiting(trunk, 1);
            return self.answer(id, &Ok(id), out);
        }
        match agent {
            Some(LegState::Journalling) => {
                self.call_agent(now, id, out);
                self.answer(id, &Ok(id), out);
            }
            _ => self.send(now, id, out),
        }
    }

    /// When the caps per hour of its run allow another call to the number of an attempt that waited after it was decided:
    /// for its agent, so that calls of others came before it, or for its rate, while the caps became other ones. `None`: now.
    /// It has its own place in the hour, which does not count against it.
    pub(crate) fn hour_was_filled(&mut self, now: Now, id: AttemptId) -> Option<Timestamp> {
        let attempt = self.attempts.get(&id)?;
        let run = self.runs.get(&attempt.run)?;
        if run.settings.rules.parts.iter().all(|part| part.limits.hourly.is_empty()) {
            return None;
        }
        let (number, decided_at) = (&attempt.who()?.number, attempt.scheduled_at);
        let digits = Digits::of(number)?;
        self.toll.not_placed(number, decided_at);
        let opens_at = self.toll.opens_at(&run.settings.rules, number, now.wall);
        self.toll.placed(digits, decided_at, now.wall);
        opens_at
    }

    /// Something came of a call to a person: attempts at the same person that were judged before it, and wait for their agent
    /// or their rate, are judged again with it.
    pub(crate) fn tell_who_waits(&mut self, of: AttemptId, tell: impl Fn(&mut Calls)) {
        let Some(person) = self.attempts.get(&of).and_then(|attempt| attempt.who()?.person) else { return };
        let waiting = self.agents.values().map(|agent| agent.attempt).chain(self.outbox.iter().copied());
        for id in waiting.filter(|id| *id != of) {
            if let Some(attempt) = self.attempts.get_mut(&id)
                && attempt.who().is_some_and(|contact| contact.person == Some(person))
            {
                tell(attempt.standing.person_mut());
            }
        }
    }

    /// The attempt is on disk and its number is suppressed: it ends without a call.
    pub(crate) fn journalled_suppressed(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        let Some(leg) = self.leg_of(id).and_then(|leg| self.calls.leg(leg)) else { return };
        if leg.state == LegState::Journalling {
            let (id, facts) = (leg.id, leg.facts_ended_by(EndedBy::Suppression, 0, None));
            self.finish(now, id, facts, out);
            self.may_place = true;
        }
    }

    /// The contact's rules with what the journal knows, or what the time is when its rate lets it go.
    fn judge_again(&mut self, now: Now, id: AttemptId) -> Result<(), No> {
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let (Some(run), Some(contact)) = (self.runs.get_mut(&attempt.run), attempt.who()) else { return Ok(()) };
        run.judge(contact, &attempt.standing, now.wall)
    }

    /// Looks again at what waits for its rate.
    pub(crate) fn send_waiting(&mut self, now: Now, out: &mut Vec<Command>) {
        self.send_at = None;
        for id in std::mem::take(&mut self.outbox) {
            if let Some(attempt) = self.attempts.get(&id) {
                let trunk = attempt.trunk;
                self.count_waiting(trunk, -1);
                self.journalled(now, id, out);
            }
        }
    }

    fn count_waiting(&mut self, trunk: TrunkId, change: i32) {
        if let Some(trunk) = self.resources.trunks.get_mut(&trunk) {
            trunk.waiting = trunk.waiting.saturating_add_signed(change);
        }
    }

    fn may_send_at(&self, trunk: TrunkId, pbx: PbxId) -> Mono {
        let trunk = self.resources.trunks.get(&trunk).map_or(Mono(0), |trunk| trunk.rate.may_send_at());
        trunk.max(self.resources.pbxs.get(&pbx).map_or(Mono(0), |pbx| pbx.rate.may_send_at()))
    }

    fn send(&mut self, now: Now, id: AttemptId, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let (leg_id, decided_at) = (attempt.leg, attempt.scheduled_at);
        let (Some(run), Some(contact)) = (self.runs.get(&attempt.run), attempt.who().cloned()) else { return };
        let answer_ms = run.settings.answer_timeout_ms;
        let mut progress_ms = answer_ms;
        if let Some(trunk) = self.resources.trunks.get_mut(&attempt.trunk) {
            progress_ms = trunk.spec.progress_timeout_ms;
            trunk.rate.sent(now.mono);
        }
        if let Some(pbx) = self.resources.pbxs.get_mut(&attempt.pbx) {
            pbx.rate.sent(now.mono);
        }
        out.push(Command::Originate(Originate {
            attempt: id,
            leg: leg_id,
            run: attempt.run,
            pbx: attempt.pbx,
            trunk: attempt.trunk,
            end_point: attempt.end_point,
            retry: attempt.retry,
            contact,
            timeout_ms: answer_ms + SAFETY_NET_MS,
            agent: attempt.agent,
        }));
        self.tell_who_waits(id, |person| person.attempted(decided_at));
        self.pace_launched(now.mono, id);
        self.note(id, leg_id, Fact::Requested, now.wall, out);
        self.timers.set(now.mono.plus_ms(answer_ms.into()), leg_id, Timer::AnswerTimeout);
        if progress_ms < answer_ms {
            self.timers.set(now.mono.plus_ms(progress_ms.into()), leg_id, Timer::ProgressTimeout);
        }
        if let Some(leg) = self.calls.leg_mut(leg_id) {
            leg.state = LegState::Requested;
            leg.requested = Some((now.mono, now.wall));
            leg.steady.requested = Some(now.mono);
        }
    }

    /// Why a journalled attempt may not be sent any more.
    pub(crate) fn forbidden(&mut self, now: Now, run: RunId, pbx: PbxId) -> Option<&'static str> {
        if self.held || self.storage_lost {
            return Some("dialling was held before it was sent");
        }
        if !self.resources.pbxs.get(&pbx).is_some_and(|pbx| pbx.up) {
            return Some("the PBX was lost before it was sent");
        }
        let Some(run) = self.runs.get_mut(&run) else { return Some("the run was over before it was sent") };
        if run.stopped || run.paused || run.state == RunState::Removed {
            return Some("the run was paused or removed before it was sent");
        }
        match run.hours_at(now.wall) {
            HourState::Open { .. } => None,
            HourState::Closed { .. } => Some("the campaign's hours closed before it was sent"),
        }
    }
}
