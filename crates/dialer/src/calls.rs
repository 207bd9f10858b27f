//! Calls, legs and segments: what happened on the line. Knows no run, no campaign, no agent.

use domain::journal::Segment;
use domain::time::Microseconds;
use domain::{CallId, EndFacts, EndedBy, LegId, Mono, Now, PbxId, SegmentKind, Timestamp};
use std::collections::BTreeMap;

/// Two clocks that tell the same time between two instants to this much were not stepped, microseconds.
const CLOCKS_AGREE_US: i64 = 100_000;

/// Where a leg is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegState {
    /// Its attempt is on its way to disk. Nothing was sent.
    Journalling,
    /// The originate was handed to the link.
    Requested,
    /// It was sent, or existed before a restart or a lost link; nobody knows what became of it.
    Uncertain,
    /// The channel exists.
    Created,
    /// Answered.
    Up,
}

/// Whose leg it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person we call.
    Customer,
    /// An agent who is called before the person.
    Agent,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Its id.
    pub id: LegId,
    /// The call it belongs to; a leg may live without one.
    pub call: Option<CallId>,
    /// Whose it is.
    pub role: Role,
    /// On which PBX.
    pub pbx: PbxId,
    /// Where it is.
    pub state: LegState,
    /// When the originate was handed over, on both clocks.
    pub requested: Option<(Mono, Timestamp)>,
    /// When the channel was confirmed.
    pub created_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// The same three on the clock that never steps, as far as this process was there.
    pub steady: Steady,
    /// RINGING was seen.
    pub ringing: bool,
    /// Early media was seen.
    pub progress: bool,
    /// We asked for the hang-up, and why.
    pub hang_up: Option<EndedBy>,
    /// The far end or the PBX asked for it.
    pub far_end_asked: bool,
    /// How often it was looked for in vain.
    pub missed: u8,
    /// When it was last missed.
    pub missed_at: Option<Mono>,
    /// When it is looked for next; an earlier or later timer is an old one.
    pub look_up_at: Option<Mono>,
}

/// When a leg was requested, created and answered, on the clock that never steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steady {
    /// The originate was handed over.
    pub requested: Option<Mono>,
    /// The channel was confirmed.
    pub created: Option<Mono>,
    /// It was answered.
    pub answered: Option<Mono>,
}

/// Every leg that has not ended.
#[derive(Debug, Default)]
pub struct Calls {
    legs: BTreeMap<LegId, Leg>,
}

impl Calls {
    /// A new leg of `call`, before anything is sent.
    pub fn open(&mut self, id: LegId, call: CallId, pbx: PbxId, role: Role) -> &mut Leg {
        let leg = Leg {
            id,
            call: Some(call),
            role,
            pbx,
            state: LegState::Journalling,
            requested: None,
            created_at: None,
            answered_at: None,
            steady: Steady::default(),
            ringing: false,
            progress: false,
            hang_up: None,
            far_end_asked: false,
            missed: 0,
            missed_at: None,
            look_up_at: None,
        };
        self.legs.entry(id).or_insert(leg)
    }

    /// The leg, unless it has ended or never was.
    pub fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    /// The same, to change it.
    pub fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    /// Takes the leg out: it has ended.
    pub fn remove(&mut self, id: LegId) -> Option<Leg> {
        self.legs.remove(&id)
    }

    /// The legs on a PBX.
    pub fn on_pbx(&self, pbx: PbxId) -> impl Iterator<Item = &Leg> {
        self.legs.values().filter(move |leg| leg.pbx == pbx)
    }

    /// How many legs there are.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }
}

impl Leg {
    /// Whether anything but silence came back from the route.
    pub fn alive(&self) -> bool {
        self.ringing || self.progress || self.state == LegState::Up
    }

    /// The facts its outcome is decided by. Our own reason wins over what the far end did afterwards, except that an
    /// answer that crossed our hang-up on the wire stays an answer.
    pub fn end_facts(&self, cause: u16, tech_cause: Option<u16>) -> EndFacts {
        let ended_by = match self.hang_up {
            Some(why) => why,
            None if self.far_end_asked || self.answered_at.is_none() => EndedBy::FarEnd,
            None => EndedBy::Pbx,
        };
        self.facts_ended_by(ended_by, cause, tech_cause)
    }

    /// The same, with a known culprit.
    pub fn facts_ended_by(&self, ended_by: EndedBy, cause: u16, tech_cause: Option<u16>) -> EndFacts {
        EndFacts {
            answered: self.answered_at.is_some(),
            ringing: self.ringing,
            progress: self.progress,
            cause,
            tech_cause,
            ended_by,
        }
    }

    /// What its time was made of: setup until the channel was confirmed, ringing until the answer, then talk.
    ///
    /// Each begins where the last one ended. How long each was is told by the steady clock where the wall clock was
    /// stepped in between.
    pub fn segments(&self, ended: Now) -> Vec<Segment> {
        let Some((_, requested_at)) = self.requested else { return Vec::new() };
        let requested = (self.steady.requested, requested_at);
        let ended = (Some(ended.mono), ended.wall);
        let answered = self.answered_at.map(|at| (self.steady.answered, at));
        let created = self.created_at.map(|at| (self.steady.created, at));
        let mut segments = Vec::with_capacity(3);
        let mut begins = requested_at;
        let mut push = |kind, from, to| {
            let ends = begins + span(from, to);
            segments.push(Segment { kind, from: begins, to: ends });
            begins = ends;
        };
        push(SegmentKind::Setup, requested, created.or(answered).unwrap_or(ended));
        if let Some(created) = created {
            push(SegmentKind::Ringing, created, answered.unwrap_or(ended));
        }
        if let Some(answered) = answered {
            push(SegmentKind::Talk, answered, ended);
        }
        segments
    }
}

/// An instant on both clocks; the steady one may not be known.
type Instant = (Option<Mono>, Timestamp);

/// The wall clock's word for the time between two instants, unless it was stepped in between; never negative.
fn span(from: Instant, to: Instant) -> Microseconds {
    let wall = to.1 - from.1;
    let steady = from.0.zip(to.0).map(|(from, to)| i64::try_from(to.since(from)).unwrap_or(i64::MAX));
    match steady {
        Some(steady) if (wall.0 - steady).abs() > CLOCKS_AGREE_US => Microseconds(steady),
        _ => Microseconds(wall.0.max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_a_segment_and_never_negative() {
        let mut calls = Calls::default();
        let leg = calls.open(LegId(1), CallId(1), PbxId(1), Role::Customer);
        leg.requested = Some((Mono(0), Timestamp(1_000_000)));
        leg.created_at = Some(Timestamp(1_002_000));
        leg.answered_at = Some(Timestamp(3_000_000));
        let at = |mono, wall| Now { mono: Mono(mono), wall: Timestamp(wall) };
        let ms: Vec<_> =
            leg.segments(at(7_500_000, 8_500_000)).iter().map(|s| (s.kind, s.to.ms_since(s.from))).collect();
        assert_eq!(ms, [(SegmentKind::Setup, 2), (SegmentKind::Ringing, 1_998), (SegmentKind::Talk, 5_500)]);
        assert!(leg.segments(at(0, 2_000_000)).iter().all(|s| s.to >= s.from));
        // The wall clock is set back by an hour while they talk.
        leg.steady = Steady { requested: Some(Mono(0)), created: Some(Mono(2_000)), answered: Some(Mono(2_000_000)) };
        let segments = leg.segments(at(7_500_000, 8_500_000 - 3_600_000_000));
        let ms: Vec<_> = segments.iter().map(|s| (s.kind, s.to.ms_since(s.from))).collect();
        assert_eq!(ms, [(SegmentKind::Setup, 2), (SegmentKind::Ringing, 1_998), (SegmentKind::Talk, 5_500)]);
    }
}
