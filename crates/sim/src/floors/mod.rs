//! Floors of agents for the pacing: people called, lines and agents on a virtual clock, with one campaign that dials for them.
//!
//! What a floor tells and how it is judged is the pacing protocol's (docs/manual/pacing.md), so that an engine behaves here
//! as it does behind `carillon pacing-stdio`. Every call's fate is drawn from the seed and the call's number, so that all
//! modes meet the same people.

pub(crate) mod chance;
mod drawn;
mod fate;
mod named;
mod oracle;
mod play;
pub(crate) mod score;
mod world;

pub use drawn::drawn;
pub use named::named;
pub use play::{Pacer, oracle, play};
pub use score::Score;

use dialer::pacing::fact::Terms;

/// A floor: what the engine is told of it, and what it is not.
#[derive(Debug, Clone)]
pub struct Floor {
    /// What it is called in tables.
    pub name: String,
    /// Shifts; each begins at a multiple of a day.
    pub days: u32,
    /// Seconds of one shift.
    pub shift_s: f64,
    /// What the engine is told.
    pub terms: Terms,
    /// Who answers.
    pub rates: Rates,
    /// Conversations: mean seconds and coefficient of variation.
    pub talk: (f64, f64),
    /// Share of conversations with a heavy tail (Pareto, at least a minute, an hour at most).
    pub heavy: f64,
    /// Wrap-up: mean seconds and coefficient of variation.
    pub wrap_up: (f64, f64),
    /// Seconds that a person lets it ring: mean and coefficient of variation.
    pub rings: (f64, f64),
    /// Who is there.
    pub staffing: Staffing,
    /// Mean seconds between two pauses of an agent, and how long one is. 0: never.
    pub pauses: (f64, f64),
    /// Share of persons whom analysis takes for machines, and of machines that it takes for persons.
    pub mistakes: (f64, f64),
}

/// Shares of calls by what becomes of them; the rest rings unanswered.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// A person answers.
    pub person: f64,
    /// A machine answers.
    pub machine: f64,
    /// Busy or refused.
    pub failed: f64,
    /// Added to the persons: amplitude and cycles over the shift.
    pub wave: (f64, f64),
    /// Added to the persons from the beginning of a shift to its end, and from one day to the next.
    pub drift: (f64, f64),
    /// For each burst: seconds from one beginning to the next, seconds that it lasts, persons then.
    pub bursts: Option<(f64, f64, f64)>,
    /// Parts of the shift, from and to, in which no call gets through.
    pub outages: Vec<(f64, f64)>,
}

/// Who is logged in.
#[derive(Debug, Clone, Copy)]
pub enum Staffing {
    /// Everybody, all day.
    All,
    /// Everybody is there for this share of the shift, in pieces of so many seconds.
    Comes(f64, f64),
    /// Half of them in the first half, everybody in the middle, half again at the end.
    Shifts,
}

impl Rates {
    /// Persons, machines, failed at `s` seconds of a shift of `shift_s` on `day`.
    pub(crate) fn at(&self, s: f64, shift_s: f64, day: u32) -> (f64, f64, f64) {
        let part = s / shift_s;
        if self.outages.iter().any(|(from, to)| (*from..*to).contains(&part)) {
            return (0.0, 0.0, 1.0);
        }
        let in_burst = self.bursts.filter(|(every, lasts, _)| s % every < *lasts);
        let wave = self.wave.0 * (part * self.wave.1 * std::f64::consts::TAU).sin();
        let drift = self.drift.0 * part + self.drift.1 * f64::from(day);
        let person = in_burst.map_or(self.person + wave + drift, |burst| burst.2).clamp(0.0, 0.9);
        (person, self.machine.min(1.0 - person), self.failed)
    }
}

impl Staffing {
    pub(crate) fn is_there(self, s: f64, shift_s: f64, agent: u32, day: u32) -> bool {
        match self {
            Self::All => true,
            Self::Comes(share, piece_s) => {
                let piece = (s / piece_s) as u64;
                let mut of = chance::Chance::of(u64::from(agent) << 32 | u64::from(day) << 24 | piece, 0);
                of.share() < share
            }
            Self::Shifts => agent.is_multiple_of(2) || (0.25..0.75).contains(&(s / shift_s)),
        }
    }
}
