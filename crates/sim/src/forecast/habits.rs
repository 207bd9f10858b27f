//! What people and agents do, as shares and durations.

use crate::floors::chance::Chance;
use std::sync::Arc;

/// How long something lasts, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Lasts {
    /// Log-normal of this mean and coefficient of variation.
    About(f64, f64),
    /// As was seen, in ascending order: drawn evenly, and between two neighbours.
    Seen(Arc<[f32]>),
}

impl Lasts {
    /// What was seen, in any order; `None` of nothing.
    pub fn seen(mut seconds: Vec<f32>) -> Option<Self> {
        seconds.retain(|one| one.is_finite() && *one >= 0.0);
        seconds.sort_unstable_by(f32::total_cmp);
        (!seconds.is_empty()).then(|| Self::Seen(seconds.into()))
    }

    /// The mean, in seconds.
    pub fn mean_s(&self) -> f64 {
        match self {
            Self::About(mean, _) => *mean,
            Self::Seen(seen) => seen.iter().map(|one| f64::from(*one)).sum::<f64>() / seen.len() as f64,
        }
    }

    pub(super) fn draw(&self, chance: &mut Chance) -> f64 {
        match self {
            // A mean of nothing is nothing.
            Self::About(mean, variation) if *mean > 0.0 => chance.lasts((*mean, *variation)),
            Self::About(..) => 0.0,
            Self::Seen(seen) => {
                let place = chance.share() * (seen.len() - 1) as f64;
                let (low, part) = (place as usize, place.fract());
                let at = |index: usize| f64::from(seen[index.min(seen.len() - 1)]);
                at(low) * (1.0 - part) + at(low + 1) * part
            }
        }
    }
}

/// What becomes of calls, and how long their parts last.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// Calls of which the far end goes off-hook, by the hour of the campaign's own clock, each `0..=1`.
    pub answered: [f64; 24],
    /// Part of these that a machine answers and analysis finds out, `0..=1`.
    pub machines: f64,
    /// The others, by what becomes of them; they need not add up to 1.
    pub busy: f64,
    /// The number is wrong.
    pub wrong_number: f64,
    /// The network or the callee refuses.
    pub rejected: f64,
    /// Rings until it is given up.
    pub no_answer: f64,
    /// From the first ring to the answer.
    pub rings: Lasts,
    /// Conversation, or what comes behind the answer where no agent does.
    pub talk: Lasts,
    /// What an agent does after it.
    pub wrap_up: Lasts,
    /// Until an agent takes the call that rings, seconds.
    pub agent_answers_s: f64,
    /// How long a person waits for an agent where nothing else ends it, mean seconds.
    pub patience_s: f64,
}

impl Default for Habits {
    /// What is assumed of a campaign of which nothing is known.
    fn default() -> Self {
        Self {
            answered: [0.25; 24],
            machines: 0.0,
            busy: 0.10,
            wrong_number: 0.03,
            rejected: 0.02,
            no_answer: 0.60,
            rings: Lasts::About(11.0, 0.6),
            talk: Lasts::About(120.0, 0.9),
            wrap_up: Lasts::About(15.0, 0.6),
            agent_answers_s: 0.5,
            patience_s: 30.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_drawn_between_its_ends() {
        let seen = Lasts::seen(vec![9.0, 1.0, f32::NAN, -3.0, 5.0]).unwrap();
        assert_eq!((seen.mean_s(), Lasts::seen(vec![])), (5.0, None));
        let mut chance = Chance::of(1, 1);
        let drawn: Vec<f64> = (0..1_000).map(|_| seen.draw(&mut chance)).collect();
        assert!(drawn.iter().all(|one| (1.0..=9.0).contains(one)));
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((mean - 5.0).abs() < 0.3, "{mean}");
        assert_eq!(Lasts::About(0.0, 0.5).draw(&mut chance), 0.0);
        assert_eq!(Lasts::seen(vec![4.0]).unwrap().draw(&mut chance), 4.0);
    }
}
