//! A virtual world around the dialler: a database, PBXs, carriers, people, operators and faults on a virtual clock.
//!
//! One seed is one run of it, always the same. The world drives the real [`dialer::Dialer`] through its events and
//! commands exactly as the shell does, and judges it from outside: by what the virtual PBXs saw and the virtual database
//! holds, never by what the dialler believes.

mod accounts;
mod agenda;
mod agents;
mod books;
mod callees;
mod carrier;
mod channels;
mod check;
mod crash;
mod fault;
mod first;
pub mod floors;
pub mod forecast;
mod harbours;
mod lease;
mod links;
mod liveness;
mod operators;
mod pauses;
mod pbx;
mod preview;
mod process;
mod proof;
mod report;
mod rng;
mod sabotage;
mod scenario;
mod shrink;
mod store;
mod strictness;
mod trouble;
mod witness;
mod world;

pub use crash::{Crash, CrashPoint, Victim};
pub use fault::{Fault, FaultSet};
pub use proof::{Check, PROOFS, Proof};
pub use report::{Failure, Options, Scene, Summary};
pub use sabotage::Sabotage;
pub use shrink::shrink;

/// Plays the world of `seed` until every run has ended after the faults stopped, or a rule is broken.
pub fn run(seed: u64, options: &Options) -> Result<Summary, Box<Failure>> {
    world::World::new(seed, options).play()
}
