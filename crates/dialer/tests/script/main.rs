//! The dialler by script: events in, commands out, one file per subject.
//!
//! [`script`] checks steps one by one; [`desk`] plays a small database and a small PBX, for what takes many calls.

#![allow(clippy::unwrap_used, reason = "these are tests: a surprise should stop them")]

mod capacity;
mod circuit;
mod clock;
mod correcting;
mod counting;
mod desk;
mod harbour;
mod hours;
mod invariants;
mod judging_again;
mod life;
mod links;
mod loads;
mod numbers;
mod paced;
mod preview;
mod priority;
mod protocol;
mod queues;
mod restart;
mod retries;
mod reverse;
mod reverse_orders;
mod script;
mod suppression;
mod timers;
