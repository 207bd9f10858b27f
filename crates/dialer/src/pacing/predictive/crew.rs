//! The agents: how likely each of those who are busy will be free, and when.

use super::ageing::{Ageing, Rates, SPANS, middle, span};
use super::horizon::{AT, Curve, POINTS};
use crate::pacing::fact::Fact;
use crate::pacing::floor::{Doing, Floor, Was};

/// How long a conversation and a wrap-up are believed to last until some were seen: long, so that a cold start waits.
const GUESS_TALK_S: f64 = 240.0;
const GUESS_WRAP_S: f64 = 20.0;
/// Whole seconds ahead that conversations are followed.
const SECONDS: usize = 34;

/// What is learnt of the agents of one campaign.
pub(super) struct Crew {
    talk: Ageing,
    wrap_up: Ageing,
    /// Of those who wrapped up, how many went on.
    went_on: f64,
    done: f64,
    talk_curve: [Curve; SPANS],
    wrap_curve: [Curve; SPANS],
}

/// How many agents are in each age of each state.
pub(super) struct Busy {
    talk: [u32; SPANS],
    wrap_up: [u32; SPANS],
    /// All of them.
    pub(super) all: u32,
}

impl Crew {
    pub(super) fn new() -> Self {
        Self {
            talk: Ageing::new(GUESS_TALK_S),
            wrap_up: Ageing::new(GUESS_WRAP_S),
            went_on: 20.0,
            done: 20.5,
            talk_curve: [[0.0; POINTS]; SPANS],
            wrap_curve: [[0.0; POINTS]; SPANS],
        }
    }

    /// Learns from what a fact put an end to.
    pub(super) fn fact(&mut self, fact: Fact, was: Was) {
        match (was.agent, fact) {
            (Some((Doing::Talks, lasted_s)), Fact::WrapUp(_)) => self.talk.ended(lasted_s),
            (Some((Doing::WrapsUp, lasted_s)), Fact::Done { .. }) => {
                self.wrap_up.ended(lasted_s);
                self.done += 1.0;
            }
            (Some((Doing::Done, _)), Fact::Idle(_) | Fact::Connected(..)) => self.went_on += 1.0,
            _ => {}
        }
    }

    /// Makes the curves from what was seen so far. `grace_s`: how long somebody who answered can wait.
    pub(super) fn learn(&mut self, now: f64, floor: &Floor, grace_s: f64) {
        let ages = |doing| floor.agents.iter().filter(move |agent| agent.doing == doing).map(move |a| now - a.since);
        let talk = self.talk.rates(ages(Doing::Talks));
        let wrap_up = self.wrap_up.rates(ages(Doing::WrapsUp));
        let stays = (self.went_on / self.done).min(1.0);
        let wrapped: [f64; SECONDS + 2] = std::array::from_fn(|s| wrap_up.within(0.0, s as f64));
        for span in 0..SPANS {
            let age = middle(span);
            self.wrap_curve[span] = std::array::from_fn(|i| stays * wrap_up.within(age, AT[i] + grace_s));
            self.talk_curve[span] = talk_curve(&talk, &wrapped, age, grace_s).map(|p| stays * p);
        }
    }

    /// The agents by state and age.
    pub(super) fn busy(&self, now: f64, floor: &Floor) -> Busy {
        let mut busy = Busy { talk: [0; SPANS], wrap_up: [0; SPANS], all: 0 };
        for agent in &floor.agents {
            match agent.doing {
                Doing::Talks => busy.talk[span(now - agent.since)] += 1,
                Doing::WrapsUp => busy.wrap_up[span(now - agent.since)] += 1,
                Doing::Idle | Doing::Out | Doing::Paused | Doing::Done => {}
            }
        }
        busy.all = busy.talk.iter().sum::<u32>() + busy.wrap_up.iter().sum::<u32>();
        busy
    }

    /// Every group of busy agents with its curve.
    pub(super) fn groups<'a>(&'a self, busy: &'a Busy) -> impl Iterator<Item = (&'a Curve, u32)> {
        let talk = self.talk_curve.iter().zip(busy.talk);
        talk.chain(self.wrap_curve.iter().zip(busy.wrap_up)).filter(|group| group.1 > 0)
    }
}

/// Of somebody who has talked for `age` seconds: how likely talk and wrap-up are over by each instant and the grace.
fn talk_curve(talk: &Rates, wrapped: &[f64; SECONDS + 2], age: f64, grace_s: f64) -> Curve {
    let talked: [f64; SECONDS + 1] = std::array::from_fn(|s| talk.within(age, s as f64));
    std::array::from_fn(|i| {
        let end = AT[i] + grace_s;
        let mut over = 0.0;
        for (second, pair) in talked.windows(2).enumerate() {
            let left = end - second as f64 - 0.5;
            if left <= 0.0 {
                break;
            }
            let (whole, part) = ((left as usize).min(SECONDS), left.fract());
            over += (pair[1] - pair[0]) * (wrapped[whole] * (1.0 - part) + wrapped[whole + 1] * part);
        }
        over
    })
}
