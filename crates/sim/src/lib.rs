//! A virtual world around the dialler: a database, PBXs, carriers, people, operators and faults on a virtual clock.
//!
//! One seed is one run of it, always the same. The world drives the real [`dialer::Dialer`] through its events and
//! commands exactly as the shell does, and judges it from outside: by what the virtual PBXs saw and the virtual database
//! holds, never by what the dialler believes.

mod agenda;
mod carrier;
mod check;
mod links;
mod operators;
mod pbx;
mod process;
mod report;
mod rng;
mod scenario;
mod store;
mod world;

pub use report::{Failure, Options, Summary};

/// Plays the world of `seed` until every run has ended after the faults stopped, or a rule is broken.
pub fn run(seed: u64, options: &Options) -> Result<Summary, Failure> {
    world::World::new(seed, options).play()
}
