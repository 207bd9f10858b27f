//! Plays a floor with somebody who paces it.

use super::oracle::{LAUNCH_MAX, Plan};
use super::world::{Do, World};
use super::{Floor, Score};
use dialer::pacing::engine::Engine;
use dialer::pacing::fact::{Counts, Decision, Fact};
use domain::Mono;

/// Seconds after the end of a shift in which its last conversations end.
const RUN_OUT_S: f64 = 3_600.0;
const ORACLE_EVERY_S: f64 = 0.2;

/// Whoever paces a floor.
pub trait Pacer {
    /// Seconds between two decisions.
    fn every_s(&self) -> f64;
    /// Something happened.
    fn fact(&mut self, at: Mono, fact: Fact);
    /// What to do now; `wrapping_up` agents are not in the counts.
    fn decide(&mut self, at: Mono, counts: &Counts, wrapping_up: u32) -> Decision;
}

impl Pacer for Engine {
    fn every_s(&self) -> f64 {
        self.decide_every_s()
    }

    fn fact(&mut self, at: Mono, fact: Fact) {
        Self::fact(self, at, fact);
    }

    fn decide(&mut self, at: Mono, counts: &Counts, _: u32) -> Decision {
        Self::decide(self, at, Some(counts))
    }
}

/// Plays the floor to its end.
pub fn play(floor: &Floor, seed: u64, pacer: &mut dyn Pacer) -> Score {
    let every_s = pacer.every_s();
    days(floor, seed, every_s, |world| {
        for (at, fact) in world.news.drain(..) {
            pacer.fact(mono(at), fact);
        }
        // The last look of a day is for the news only.
        if world.now >= world.ends_at() {
            return;
        }
        let decision = pacer.decide(mono(world.now), &world.counts, world.wrapping_up);
        decision.cancel.into_iter().for_each(|call| world.cancel(call));
        for _ in 0..decision.launch {
            if !world.launch() {
                break;
            }
        }
    })
}

/// Plays the floor with the oracle: the upper bound.
pub fn oracle(floor: &Floor, seed: u64) -> Score {
    days(floor, seed, ORACLE_EVERY_S, |world| {
        world.news.clear();
        let mut plan = Plan::new(world.free_at(), world.wanted_at());
        for _ in 0..LAUNCH_MAX {
            let wants = world.next_fate().wants_agent_after(floor);
            if wants.is_some_and(|after_s| !plan.takes(world.now + after_s)) || !world.launch() {
                break;
            }
        }
    })
}

fn days<'a>(floor: &'a Floor, seed: u64, every_s: f64, mut tick: impl FnMut(&mut World<'a>)) -> Score {
    let mut world = World::new(floor, seed);
    for day in 0..floor.days {
        world.begin(day);
        while let Some(what) = world.next() {
            if world.now > world.ends_at() + RUN_OUT_S {
                break;
            }
            match what {
                Do::Tick if world.now < world.ends_at() => {
                    tick(&mut world);
                    world.after(every_s, Do::Tick);
                }
                other => world.happens(other),
            }
        }
        tick(&mut world);
    }
    world.score()
}

/// As the clock of the engine has it.
fn mono(s: f64) -> Mono {
    Mono((s * 1e6).round() as u64)
}
