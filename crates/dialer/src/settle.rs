//! What happens to a leg after it was sent: facts, timers, doubts, and its end.

use crate::calls::{Leg, LegState};
use crate::command::Command;
use crate::event::FoundLeg;
use crate::step::Dialer;
use crate::timers::Timer;
use domain::journal::{AttemptEnd, Fact, RetryAt};
use domain::outcome::{EndFacts, Fault, classify};
use domain::{EndedBy, LegId, Mono, Now, PbxId, Timestamp, reschedule};
use std::collections::BTreeMap;

/// How long a hang-up may take before the leg is looked for, milliseconds.
const HANG_UP_MS: u64 = 5_000;
/// How long an unknown leg is given to show up before it is looked for again, milliseconds.
const LOOK_UP_MS: u64 = 3_000;
/// How often an unknown leg is looked for before it counts as lost.
const LOOK_UPS: u8 = 3;
/// How often a leg that was seen is looked for before it counts as gone.
const LOOK_UPS_KNOWN: u8 = 2;
/// Audits in a row that miss a leg before it counts as gone: the event of its end may be on its way.
const AUDITS_MISSED: u8 = 2;
/// An adopted call that was ringing gets at least this long, milliseconds.
const ADOPTED_RING_MS: i64 = 1_000;
/// SIP codes by which a carrier says "not now, not me".
const OVERLOADED: u16 = 503;
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
        self.note_leg(id, Fact::Created, now.wall, out);
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
        let at = *leg.answered_at.get_or_insert(at);
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
            self.note_leg(id, Fact::Answered, at, out);
        }
        self.route_passed(id, out);
    }

    pub(crate) fn hang_up_asked(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        if leg.hang_up.is_none() && !std::mem::replace(&mut leg.far_end_asked, true) {
            self.note_leg(id, Fact::HangUpRequested { by: EndedBy::FarEnd }, now.wall, out);
        }
    }

    pub(crate) fn status_set(&mut self, now: Now, id: LegId, status: String, out: &mut Vec<Command>) {
        let Some(attempt) = self.by_leg.get(&id).and_then(|id| self.attempts.get_mut(id)) else { return };
        attempt.ext_state.clone_from(&status);
        self.note_leg(id, Fact::StatusSet { status }, now.wall, out);
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

    fn hang_up(&mut self, now: Now, id: LegId, why: EndedBy, out: &mut Vec<Command>) {
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

    /// A hang-up that was not confirmed, or a leg that nobody has seen: ask the PBX.
    fn look_up(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg(id) else { return };
        let up = self.resources.pbxs.get(&leg.pbx).is_some_and(|pbx| pbx.up);
        if up && (leg.hang_up.is_some() || leg.state == LegState::Uncertain) {
            out.push(Command::LookUp { leg: id, pbx: leg.pbx });
            // The question may be lost as well.
            self.look_up_in(now, LOOK_UP_MS, id);
        }
    }

    pub(crate) fn look_up_due(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        if self.calls.leg(id).is_some_and(|leg| leg.look_up_at.is_some_and(|at| at <= now.mono)) {
            self.look_up(now, id, out);
        }
    }

    fn look_up_in(&mut self, now: Now, ms: u64, id: LegId) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        let at = now.mono.plus_ms(ms);
        leg.look_up_at = Some(at);
        self.timers.set(at, id, Timer::LookUp);
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

    pub(crate) fn originate_unknown(&mut self, now: Now, id: LegId, why: String, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        if leg.state != LegState::Requested {
            return; // Its events came before the answer: the channel exists.
        }
        leg.state = LegState::Uncertain;
        self.note_leg(id, Fact::Uncertain { why }, now.wall, out);
        self.look_up(now, id, out);
    }

    pub(crate) fn leg_found(&mut self, now: Now, found: FoundLeg, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(found.leg) else { return };
        leg.missed = 0;
        let (wanted, pbx) = (leg.hang_up, leg.pbx);
        if leg.state == LegState::Uncertain {
            leg.state = LegState::Created;
            let asked = leg.requested.map_or(now.wall, |(_, wall)| wall);
            // Nobody saw when it was made: its time counts as ringing, not as the PBX's latency.
            leg.created_at.get_or_insert(asked);
            self.note_leg(found.leg, Fact::Adopted, now.wall, out);
            self.rearm_ring_timer(now, found.leg, asked);
        }
        if found.up {
            self.leg_answered(now, found.leg, now.wall, out);
        } else if found.ringing {
            self.leg_alive(now, found.leg, Fact::Ringing, out);
        }
        if let Some(why) = wanted {
            out.push(Command::HangUp { leg: found.leg, pbx, why });
            self.look_up_in(now, HANG_UP_MS, found.leg);
        }
    }

    /// An adopted call goes on ringing for what is left of its time.
    fn rearm_ring_timer(&mut self, now: Now, id: LegId, asked: Timestamp) {
        let Some(attempt) = self.by_leg.get(&id).and_then(|id| self.attempts.get(id)) else { return };
        let Some(run) = self.runs.get(&attempt.run) else { return };
        let left = i64::from(run.settings.answer_timeout_ms) - now.wall.ms_since(asked);
        let left = u64::try_from(left.max(ADOPTED_RING_MS)).unwrap_or(0);
        self.timers.set(now.mono.plus_ms(left), id, Timer::AnswerTimeout);
    }

    pub(crate) fn leg_missing(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        let enough = match leg.state {
            // The originate is on its way: its own answer comes, and what it makes is still to be found.
            LegState::Journalling | LegState::Requested => return,
            LegState::Uncertain => LOOK_UPS,
            // It was there. The answer may be older than the channel, or its end may be on its way.
            LegState::Created | LegState::Up => LOOK_UPS_KNOWN,
        };
        leg.missed += 1;
        let (known, pbx) = (leg.state != LegState::Uncertain, leg.pbx);
        if leg.missed >= enough {
            self.gone(now, id, out);
        } else if known {
            out.push(Command::LookUp { leg: id, pbx });
        }
    }

    /// The leg is not there any more and nobody told how it ended.
    fn gone(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg(id) else { return };
        // An uncertain leg may have been answered while nobody looked, whatever we had asked for.
        let known = leg.hang_up.filter(|_| leg.state != LegState::Uncertain);
        let facts = leg.facts_ended_by(known.unwrap_or(EndedBy::Unknown), 0, None);
        self.finish(now, id, facts, out);
    }

    pub(crate) fn pbx_up(&mut self, now: Now, pbx: PbxId, legs: &[FoundLeg], out: &mut Vec<Command>) {
        if let Some(pbx) = self.resources.pbxs.get_mut(&pbx) {
            pbx.up = true;
        }
        self.compare(now, pbx, legs, now.mono, 1, out);
    }

    pub(crate) fn audited(&mut self, now: Now, pbx: PbxId, legs: &[FoundLeg], asked: Mono, out: &mut Vec<Command>) {
        self.compare(now, pbx, legs, asked, AUDITS_MISSED, out);
    }

    /// What we believe against what exists. Legs requested after the question are not judged; one that is missing
    /// `patience` times in a row is gone.
    fn compare(
        &mut self,
        now: Now,
        pbx: PbxId,
        legs: &[FoundLeg],
        asked: Mono,
        patience: u8,
        out: &mut Vec<Command>,
    ) {
        // An originate that was not answered yet may have overtaken nothing: the PBX makes the channel afterwards.
        let judged = |leg: &&Leg| {
            !matches!(leg.state, LegState::Journalling | LegState::Requested)
                && leg.requested.is_none_or(|(requested, _)| requested <= asked)
        };
        let ours: Vec<LegId> = self.calls.on_pbx(pbx).filter(judged).map(|leg| leg.id).collect();
        let legs: BTreeMap<LegId, &FoundLeg> = legs.iter().map(|found| (found.leg, found)).collect();
        for id in ours {
            match legs.get(&id) {
                Some(found) => self.leg_found(now, **found, out),
                None => {
                    let missed = self.calls.leg_mut(id).map_or(0, |leg| {
                        leg.missed += 1;
                        leg.missed
                    });
                    if missed >= patience {
                        self.gone(now, id, out);
                    }
                }
            }
        }
    }

    pub(crate) fn pbx_down(&mut self, now: Now, pbx: PbxId, out: &mut Vec<Command>) {
        if let Some(pbx) = self.resources.pbxs.get_mut(&pbx) {
            pbx.up = false;
        }
        let requested = |leg: &&Leg| matches!(leg.state, LegState::Requested | LegState::Created | LegState::Up);
        let legs: Vec<LegId> = self.calls.on_pbx(pbx).filter(requested).map(|leg| leg.id).collect();
        for id in legs {
            if let Some(leg) = self.calls.leg_mut(id) {
                leg.state = LegState::Uncertain;
            }
            self.note_leg(id, Fact::Uncertain { why: "the link to the PBX was lost".to_owned() }, now.wall, out);
        }
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
        let facts = leg.end_facts(cause, tech_cause);
        self.finish(now, id, facts, out);
    }

    /// Closes the attempt: outcome, retry, circuit, books.
    fn finish(&mut self, now: Now, leg_id: LegId, facts: EndFacts, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg(leg_id).cloned() else { return };
        let Some((id, attempt)) = self.forget(leg_id) else { return };
        let outcome = classify(&facts);
        self.tell_circuit(now, id, &attempt, &leg, &facts, outcome.fault, out);
        let mut retry = None;
        if let Some(run) = self.runs.get_mut(&attempt.run) {
            if !run.state.is_final() {
                retry = reschedule::decide(&run.settings.rules, outcome.state, &attempt.ext_state, attempt.retry);
            }
            match retry {
                Some(retry) => {
                    run.totals.rescheduled += 1;
                    run.retry_scheduled(now.wall.plus_seconds(retry.delay_s.into()));
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
            segments: leg.segments(now.wall),
            retry: retry.map(|retry| RetryAt {
                rule: retry.rule,
                delay_s: retry.delay_s,
                at: now.wall.plus_seconds(retry.delay_s.into()),
            }),
        })));
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
        let refused = facts.tech_cause == Some(OVERLOADED) || facts.ended_by == EndedBy::Refused || silent;
        if refused {
            if let Some(until) = trunk.circuit.refused(now.mono, id, attempt.key) {
                let pause_ms = i64::try_from(until.since(now.mono) / 1_000).unwrap_or(i64::MAX);
                let probe_at = Some(now.wall.plus_ms(pause_ms));
                out.push(Command::CircuitChanged { trunk: attempt.trunk, probe_at });
            }
        } else if facts.tech_cause.is_some() || leg.alive() {
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

    fn note_leg(&self, leg: LegId, fact: Fact, at: Timestamp, out: &mut Vec<Command>) {
        if let Some(attempt) = self.by_leg.get(&leg) {
            self.note(*attempt, leg, fact, at, out);
        }
    }
}
