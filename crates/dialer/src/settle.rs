//! What happens to a leg after it was sent: facts, timers, and its end.

use crate::calls::{Leg, LegState, Role};
use crate::command::Command;
use crate::step::Dialer;
use crate::timers::Timer;
use domain::journal::{AttemptEnd, Fact, Note, RetryAt};
use domain::outcome::{EndFacts, Fault, classify, reported};
use domain::{EndedBy, LegId, Now, OutcomeRule, Timestamp, reschedule};

/// How long a hang-up may take before the leg is looked for, milliseconds.
pub(crate) const HANG_UP_MS: u64 = 5_000;
/// SIP codes by which a carrier says "not now, not me".
const OVERLOADED: [u16; 2] = [429, 503];
/// SIP codes from here on say that a call was not answered.
const REFUSALS: u16 = 400;
/// HTTP status by which Asterisk says that the channel id exists: the call is ours already.
const ID_IN_USE: u16 = 409;

impl Dialer {
    pub(crate) fn leg_created(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        match leg.state {
            LegState::Requested => {}
            // While the link is down, a late reply says nothing about what became of the channel since.
            LegState::Uncertain if self.resources.pbxs.get(&leg.pbx).is_some_and(|pbx| pbx.up) => {}
            _ => return,
        }
        leg.state = LegState::Created;
        leg.created_at = Some(now.wall);
        leg.steady.created = Some(now.mono);
        // A hang-up that did not wait for the channel may have come to the PBX before it was there.
        let early = |why: &EndedBy| matches!(why, EndedBy::Suppression | EndedBy::Operator);
        let (pbx, why) = (leg.pbx, leg.hang_up.filter(|why| early(why) || leg.role == Role::Agent));
        self.note_leg(id, Fact::Created, now.wall, out);
        if let Some(why) = why {
            out.push(Command::HangUp { leg: id, pbx, why });
        }
    }

    /// Ringing or early media: the route is alive.
    pub(crate) fn leg_alive(&mut self, now: Now, id: LegId, fact: Fact, out: &mut Vec<Command>) {
        self.leg_created(now, id, out);
        let Some(leg) = self.calls.leg_mut(id) else { return };
        let seen = if fact == Fact::Ringing { &mut leg.ringing } else { &mut leg.progress };
        if std::mem::replace(seen, true) {
            return;
        }
        self.note_leg(id, fact, now.wall, out);
        self.pace_rings(now.mono, id);
        self.route_passed(id, out);
    }

    pub(crate) fn leg_answered(&mut self, now: Now, id: LegId, at: Timestamp, out: &mut Vec<Command>) {
        self.leg_created(now, id, out);
        let Some(leg) = self.calls.leg_mut(id) else { return };
        if leg.state == LegState::Up {
            return;
        }
        leg.state = LegState::Up;
        let first = leg.answered_at.is_none();
        if first {
            leg.steady.answered = Some(now.mono);
        }
        let at = *leg.answered_at.get_or_insert(at);
        if leg.role == Role::Agent {
            return self.agent_answered(now, id, at, first, out);
        }
        let Some(attempt) = self.by_leg.get(&id).and_then(|id| self.attempts.get(id)) else { return };
        if let Some(run) = self.runs.get_mut(&attempt.run) {
            if first {
                run.connected_now += 1;
                run.totals.connected += 1;
            }
            let closure_s = u64::from(run.settings.forced_closure_s);
            if closure_s > 0 {
                let talked_ms = u64::try_from(now.wall.ms_since(at)).unwrap_or(0);
                let left_ms = (closure_s * 1_000).saturating_sub(talked_ms);
                self.timers.set(now.mono.plus_ms(left_ms), id, Timer::ForcedClosure);
            }
        }
        if first {
            self.note_answered(now, id, at, out);
            self.pace_answered(now.mono, id);
            self.tell_of_conversation(id, at);
        }
        self.route_passed(id, out);
    }

    fn tell_of_conversation(&mut self, leg: LegId, at: Timestamp) {
        if let Some(id) = self.by_leg.get(&leg).copied() {
            self.tell_who_waits(id, |person| person.talked(at));
        }
    }

    pub(crate) fn hang_up_asked(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        if leg.hang_up.is_none() && !std::mem::replace(&mut leg.far_end_asked, true) {
            self.note_leg(id, Fact::HangUpRequested { by: EndedBy::FarEnd }, now.wall, out);
        }
    }

    pub(crate) fn status_set(&mut self, now: Now, id: LegId, status: String, out: &mut Vec<Command>) {
        let Some(attempt) = self.attempt_of(id).and_then(|id| self.attempts.get_mut(&id)) else { return };
        attempt.ext_state.clone_from(&status);
        let person = attempt.leg;
        let counted = self.count_status(now, person, &status);
        if let Some(attempt) = self.attempt_of(id) {
            let fact = Fact::StatusSet { status };
            self.note_counted(now, Note { attempt, leg: id, fact, at: now.wall, counted }, out);
        }
    }

    pub(crate) fn answer_timeout(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        if self.calls.leg(id).is_some_and(|leg| leg.answered_at.is_none()) {
            self.hang_up(now, id, EndedBy::AnswerTimeout, out);
        }
    }

    pub(crate) fn progress_timeout(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let silent = |leg: &Leg| !leg.alive() && matches!(leg.state, LegState::Requested | LegState::Created);
        if self.calls.leg(id).is_some_and(silent) {
            self.hang_up(now, id, EndedBy::ProgressTimeout, out);
        }
    }

    pub(crate) fn forced_closure(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        self.hang_up(now, id, EndedBy::ForcedClosure, out);
    }

    pub(crate) fn hang_up(&mut self, now: Now, id: LegId, why: EndedBy, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        if leg.hang_up.is_some() || leg.state == LegState::Journalling {
            return;
        }
        leg.hang_up = Some(why);
        let pbx = leg.pbx;
        self.note_leg(id, Fact::HangUpRequested { by: why }, now.wall, out);
        out.push(Command::HangUp { leg: id, pbx, why });
        self.look_up_in(now, HANG_UP_MS, id);
    }

    pub(crate) fn originate_refused(
        &mut self,
        now: Now,
        id: LegId,
        status: u16,
        message: String,
        out: &mut Vec<Command>,
    ) {
        if status == ID_IN_USE {
            return self.originate_unknown(now, id, "the PBX has this channel already".to_owned(), out);
        }
        let Some(leg) = self.calls.leg(id) else { return };
        let facts = leg.facts_ended_by(EndedBy::Refused, 0, None);
        self.note_leg(id, Fact::Refused { status, message }, now.wall, out);
        self.finish(now, id, facts, out);
    }

    pub(crate) fn leg_ended(
        &mut self,
        now: Now,
        id: LegId,
        cause: u16,
        tech_cause: Option<u16>,
        out: &mut Vec<Command>,
    ) {
        let Some(leg) = self.calls.leg(id) else { return };
        // Nobody watched it for a while. Only a final refusal proves that it was not answered meanwhile.
        let unwatched = leg.state == LegState::Uncertain && leg.answered_at.is_none();
        let facts = if unwatched && tech_cause.is_none_or(|code| code < REFUSALS) {
            leg.facts_ended_by(EndedBy::Unknown, cause, tech_cause)
        } else if leg.hang_up.is_none() && !leg.far_end_asked && self.agent_hung_up(id) {
            leg.facts_ended_by(EndedBy::Agent, cause, tech_cause)
        } else {
            leg.end_facts(cause, tech_cause)
        };
        self.finish(now, id, facts, out);
    }

    /// Closes the attempt: outcome, retry, circuit, books.
    pub(crate) fn finish(&mut self, now: Now, leg_id: LegId, facts: EndFacts, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg(leg_id).cloned() else { return };
        if leg.role == Role::Agent {
            return self.agent_left(now, leg_id, &facts, out);
        }
        self.count_end(now, leg_id, out);
        if leg.answered_at.is_some() {
            self.tell_of_conversation(leg_id, now.wall);
        }
        self.pace_over(now.mono, leg_id, &facts);
        let Some((id, attempt)) = self.forget(leg_id) else { return };
        let reported = reported(&facts, &attempt.ext_state);
        let outcome = reported.unwrap_or_else(|| classify(&facts));
        if leg.requested.is_none() {
            self.not_called(&attempt);
        }
        self.tell_circuit(now, id, &attempt, &leg, &facts, outcome.fault, out);
        let (next_number, left_out) = self.next_number(&attempt, outcome, facts.ended_by, now.wall);
        let (mut retry, mut actions) = (None, Vec::new());
        if let Some(run) = self.runs.get_mut(&attempt.run) {
            if !run.state.is_final() && next_number.is_none() {
                let rules = &run.settings.reschedule;
                let with = |status: &str| reschedule::decide(rules, outcome.state, status, attempt.retry);
                // A report is the state itself: rules for the state alone are meant for it, too.
                retry = with(&attempt.ext_state).or_else(|| reported.and_then(|_| with("")));
            }
            let delay_s = retry.map(|retry| retry.delay_s).or(next_number.map(|_| 0));
            let rules = run.settings.outcome_rules.iter();
            let answers = |rule: &&OutcomeRule| {
                rule.matches(outcome.state, &attempt.ext_state, reported.is_some(), delay_s.is_some())
            };
            actions = rules.filter(answers).cloned().collect();
            match delay_s {
                Some(delay_s) => {
                    run.totals.rescheduled += 1;
                    run.retry_scheduled(now.wall.plus_seconds(delay_s.into()));
                }
                None => run.totals.terminated += 1,
            }
        }
        out.push(Command::Close(Box::new(AttemptEnd {
            attempt: id,
            call: attempt.call,
            leg: leg_id,
            run: attempt.run,
            contact: attempt.contact,
            state: outcome.state,
            fault: outcome.fault,
            ext_state: attempt.ext_state,
            cause: facts.cause,
            tech_cause: facts.tech_cause,
            ended_by: facts.ended_by,
            ended_at: now.wall,
            connected_at: leg.answered_at,
            segments: leg.segments(now),
            retry: retry.map(|retry| RetryAt {
                rule: retry.rule,
                delay_s: retry.delay_s,
                at: now.wall.plus_seconds(retry.delay_s.into()),
            }),
            next_number,
            left_out,
            actions,
        })));
        self.let_agent_go(now, attempt.agent, out);
        let why =
            if facts.ended_by == EndedBy::Suppression { "its number is suppressed" } else { outcome.state.code() };
        self.not_dialled(now, id, attempt.reserved.is_held(), why, out);
    }

    /// A refusal for overload, by our own PBX, or a route without a sign of life speaks against the trunk; any other
    /// final answer speaks for it.
    #[expect(clippy::too_many_arguments, reason = "the facts of one ended attempt, used once")]
    fn tell_circuit(
        &mut self,
        now: Now,
        id: domain::AttemptId,
        attempt: &crate::step::Attempt,
        leg: &Leg,
        facts: &EndFacts,
        fault: Fault,
        out: &mut Vec<Command>,
    ) {
        let Some(trunk) = self.resources.trunks.get_mut(&attempt.trunk) else { return };
        let silent =
            fault == Fault::Carrier && !leg.alive() && facts.tech_cause.is_none_or(|code| code == 408 || code == 480);
        let overloaded = facts.tech_cause.is_some_and(|code| OVERLOADED.contains(&code));
        let taken_back = matches!(facts.ended_by, EndedBy::Suppression | EndedBy::Operator);
        let refused = overloaded || facts.ended_by == EndedBy::Refused || silent;
        if refused {
            if let Some(until) = trunk.circuit.refused(now.mono, id, attempt.key) {
                let pause_ms = i64::try_from(until.since(now.mono) / 1_000).unwrap_or(i64::MAX);
                let probe_at = Some(now.wall.plus_ms(pause_ms));
                out.push(Command::CircuitChanged { trunk: attempt.trunk, probe_at });
            }
        } else if leg.alive() || facts.tech_cause.is_some() && !taken_back {
            if trunk.circuit.passed(id) {
                out.push(Command::CircuitChanged { trunk: attempt.trunk, probe_at: None });
            }
        } else {
            trunk.circuit.probe_lost(now.mono, id);
        }
    }

    fn route_passed(&mut self, id: LegId, out: &mut Vec<Command>) {
        let Some(id) = self.by_leg.get(&id) else { return };
        let Some(attempt) = self.attempts.get(id) else { return };
        let trunk = attempt.trunk;
        if self.resources.trunks.get_mut(&trunk).is_some_and(|trunk| trunk.circuit.passed(*id)) {
            out.push(Command::CircuitChanged { trunk, probe_at: None });
            self.may_place = true;
        }
    }

    pub(crate) fn note_leg(&self, leg: LegId, fact: Fact, at: Timestamp, out: &mut Vec<Command>) {
        if let Some(attempt) = self.by_leg.get(&leg) {
            return self.note(*attempt, leg, fact, at, out);
        }
        let fact = match fact {
            Fact::Created => Fact::AgentCalled,
            Fact::Answered => Fact::AgentAnswered,
            Fact::Ringing | Fact::Progress => return,
            other => other,
        };
        if let Some(attempt) = self.agents_attempt(leg) {
            self.note(attempt, leg, fact, at, out);
        }
    }
}
