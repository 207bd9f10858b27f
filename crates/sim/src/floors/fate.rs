//! What becomes of a call, drawn when it is launched.

use super::Floor;
use super::chance::Chance;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Person,
    Machine,
    NoAnswer,
    NotThrough,
}

/// All durations in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) kind: Kind,
    /// From the launch until it rings or fails.
    pub(crate) sets_up_s: f64,
    /// Until it is answered; endless when it is not.
    pub(crate) rings_s: f64,
    /// From the answer to the verdict of analysis, and what it says.
    pub(crate) verdict_s: f64,
    pub(crate) taken_for_person: bool,
    pub(crate) talk_s: f64,
    pub(crate) wrap_up_s: f64,
}

/// A verdict comes so long after the greeting.
pub(crate) const AFTER_GREETING_S: f64 = 0.8;

impl Fate {
    /// Of the call `number` when launched `s` seconds into the shift.
    pub(crate) fn draw(floor: &Floor, seed: u64, number: u64, s: f64, day: u32) -> Self {
        let mut chance = Chance::of(seed, number);
        let (person, machine, failed) = floor.rates.at(s, floor.shift_s, day);
        let of = chance.share();
        let kind = match () {
            () if of < person => Kind::Person,
            () if of < person + machine => Kind::Machine,
            () if of < person + machine + failed => Kind::NotThrough,
            () => Kind::NoAnswer,
        };
        let sets_up_s = 0.8 + chance.lasts((1.6, 0.5));
        let rings_s = match kind {
            Kind::Person => chance.lasts(floor.rings).max(0.8),
            Kind::Machine if chance.share() < 0.25 => chance.lasts((2.0, 0.6)),
            Kind::Machine => 14.0 + chance.lasts((5.0, 0.4)),
            Kind::NoAnswer | Kind::NotThrough => f64::INFINITY,
        };
        let is_person = kind == Kind::Person;
        let (missed, fooled) = floor.mistakes;
        let taken_for_person = if is_person { chance.share() >= missed } else { chance.share() < fooled };
        let verdict_s = match () {
            () if is_person => chance.lasts((0.9, 0.5)) + AFTER_GREETING_S,
            () if taken_for_person => 1.7,
            () => chance.lasts((3.0, 0.4)).clamp(AFTER_GREETING_S, 3.0),
        };
        let talk_s = match () {
            () if !is_person => chance.lasts((7.0, 0.4)),
            () if chance.share() < floor.heavy => chance.heavy(),
            () => chance.lasts(floor.talk).max(3.0),
        };
        let wrap_up_s = chance.lasts(floor.wrap_up);
        Self { kind, sets_up_s, rings_s, verdict_s, taken_for_person, talk_s, wrap_up_s }
    }

    /// When it will want an agent, seconds after its launch; `None`: never.
    pub(crate) fn wants_agent_after(&self, floor: &Floor) -> Option<f64> {
        let answered = self.rings_s < floor.terms.ring_timeout_s && self.rings_s.is_finite();
        let wants = answered && (self.taken_for_person || !floor.terms.analysis);
        let verdict_s = if floor.terms.analysis { self.verdict_s } else { 0.0 };
        wants.then_some(self.sets_up_s + self.rings_s + verdict_s)
    }
}
