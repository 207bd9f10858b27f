//! Legs whose fate is not known: looked up, compared after a lost link, adopted, or given up.

use crate::calls::{Leg, LegState};
use crate::command::Command;
use crate::event::FoundLeg;
use crate::settle::HANG_UP_MS;
use crate::step::Dialer;
use crate::timers::Timer;
use domain::journal::Fact;
use domain::{EndedBy, LegId, Mono, Now, PbxId, Timestamp};
use std::collections::BTreeMap;

/// How long an unknown leg is given to show up before it is looked for again, milliseconds.
const LOOK_UP_MS: u64 = 3_000;
/// How often an unknown leg is looked for before it counts as lost.
const LOOK_UPS: u8 = 3;
/// Look-ups, audits and hang-ups that miss a leg within this much time are one miss, microseconds.
const MISSES_APART_US: u64 = 2_500_000;
/// How often a leg that was seen is looked for before it counts as gone.
const LOOK_UPS_KNOWN: u8 = 2;
/// Audits in a row that miss a leg before it counts as gone: the event of its end may be on its way.
const AUDITS_MISSED: u8 = 2;
/// An adopted call that was ringing gets at least this long, milliseconds.
const ADOPTED_RING_MS: i64 = 1_000;

impl Dialer {
    /// A hang-up that was not confirmed, or a leg that nobody has seen: ask the PBX.
    fn look_up(&mut self, now: Now, id: LegId, out: &mut Vec<Command>) {
        let Some(leg) = self.calls.leg(id) else { return };
        let up = self.resources.pbxs.get(&leg.pbx).is_some_and(|pbx| pbx.up);
        if up && (leg.hang_up.is_some() || leg.state == LegState::Uncertain || leg.missed > 0) {
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

    pub(crate) fn look_up_in(&mut self, now: Now, ms: u64, id: LegId) {
        let Some(leg) = self.calls.leg_mut(id) else { return };
        let at = now.mono.plus_ms(ms);
        leg.look_up_at = Some(at);
        self.timers.set(at, id, Timer::LookUp);
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
        // The hang-up was for a call that nobody had answered, and did not arrive: the conversation goes on.
        let answered = found.up || leg.answered_at.is_some();
        if answered
            && matches!(
                leg.hang_up,
                Some(EndedBy::AnswerTimeout | EndedBy::ProgressTimeout | EndedBy::Suppression | EndedBy::Pacing)
            )
        {
            leg.hang_up = None;
        }
        let (wanted, pbx) = (leg.hang_up, leg.pbx);
        if leg.state == LegState::Uncertain {
            leg.state = LegState::Created;
            let asked = leg.requested.map_or(now.wall, |(_, wall)| wall);
            // Nobody saw when it was made: its time counts as ringing, not as the PBX's latency.
            if leg.created_at.is_none() {
                leg.created_at = Some(asked);
                leg.steady.created = leg.steady.requested;
            }
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
        match self.count_miss(now, id) {
            Some(missed) if missed >= enough => self.gone(now, id, out),
            Some(_) => self.look_up_in(now, LOOK_UP_MS, id),
            None => {}
        }
    }

    /// One more answer that the leg is not there. Answers of one moment are one: a PBX that stood still gives many.
    fn count_miss(&mut self, now: Now, id: LegId) -> Option<u8> {
        let leg = self.calls.leg_mut(id)?;
        if leg.missed_at.is_some_and(|at| now.mono.since(at) < MISSES_APART_US) {
            return None;
        }
        leg.missed_at = Some(now.mono);
        leg.missed = leg.missed.saturating_add(1);
        Some(leg.missed)
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
        let patience = |leg: &Leg| match leg.state {
            // An originate that nobody has seen a channel of may still be making it, however long ago it was sent: a PBX
            // that stood still does afterwards what it was asked before.
            _ if leg.created_at.is_none() && leg.answered_at.is_none() => LOOK_UPS,
            LegState::Uncertain => 1,
            // The link was in doubt and is the same: the channel may be younger than the list.
            _ => AUDITS_MISSED,
        };
        self.compare(now, pbx, legs, now.mono, patience, out);
    }

    pub(crate) fn audited(&mut self, now: Now, pbx: PbxId, legs: &[FoundLeg], asked: Mono, out: &mut Vec<Command>) {
        self.compare(
            now,
            pbx,
            legs,
            asked,
            |leg| if leg.state == LegState::Uncertain { LOOK_UPS } else { AUDITS_MISSED },
            out,
        );
    }

    /// What we believe against what exists. Legs requested after the question are not judged; one that is missing as
    /// often as `patience` says is gone.
    fn compare(
        &mut self,
        now: Now,
        pbx: PbxId,
        legs: &[FoundLeg],
        asked: Mono,
        patience: impl Fn(&Leg) -> u8,
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
                    let enough = self.calls.leg(id).map_or(1, &patience);
                    match self.count_miss(now, id) {
                        Some(missed) if missed >= enough => self.gone(now, id, out),
                        _ => self.look_up_in(now, LOOK_UP_MS, id),
                    }
                }
            }
        }
    }

    pub(crate) fn pbx_stale(&mut self, pbx: PbxId) {
        if let Some(pbx) = self.resources.pbxs.get_mut(&pbx) {
            pbx.up = false;
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
}
