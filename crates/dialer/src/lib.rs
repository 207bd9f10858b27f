//! Decides whom to dial, when, through what, and what follows from how it went.
//!
//! Sans-IO: [`Dialer::step`] takes the time and one event and appends commands. No clock, no I/O, no async, no entropy:
//! production, simulation, forecast and tests run the same code.
//!
//! The shell promises: commands are carried out in order; everything that goes to the database goes through one queue,
//! so that a [`Command::LoadContacts`] sees every write that was asked for before it.

mod callbook;
pub mod calls;
mod checking;
pub mod circuit;
pub mod command;
mod correcting;
mod counting;
pub mod dial;
mod doubts;
pub mod event;
pub mod figures;
pub mod gate;
mod harbour;
pub mod hopper;
pub mod invariants;
mod judging;
pub mod judging_again;
pub mod known;
mod numbers;
mod observing;
mod paced;
pub mod pacing;
mod queue_book;
mod queues;
pub mod rate;
mod reserving;
pub mod resources;
mod restart;
mod reverse;
pub mod runs;
mod sending;
mod settle;
pub mod step;
mod suppressing;
pub mod timers;
pub mod toll;

pub use command::{BringToHarbour, CallAgent, Command, IdKind, LoadContacts, Originate, Pause};
pub use event::{EndPointSpec, HarbourAnswer, PbxSpec, TrunkSpec};
pub use event::{Event, FoundLeg, FreshEntry, Loaded, RetryEntry, RunSettings, RunSpec, RunTotals};
pub use invariants::Invariant;
pub use paced::{PacedBy, PacingFigures};
pub use queues::news::{Caller, DeviceState, Member, News, QueueSnapshot};
pub use queues::{Agent, AgentState};
pub use reserving::{NoReservation, Reservation, Wish};
pub use step::Dialer;
