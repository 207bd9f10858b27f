//! What-if: the dialler of production, played ahead over a campaign's own contacts, rules, hours and agents.
//!
//! The world around it is a light one: a database that answers at once, PBXs on which nothing goes wrong, and people and
//! agents whose ways are given as distributions ([`Habits`]). Every call's fate is drawn from the seed and from whom it calls for
//! the how manieth time, so that two forecasts with one seed meet the same people whatever else is different.

mod books;
mod fate;
mod figures;
mod floor;
mod habits;
mod people;
mod plan;
mod spread;
mod world;

pub use figures::{HourFigures, OutcomeFigures, Played, PutOffFigures};
pub use habits::{Habits, Lasts};
pub use people::{People, Where};
pub use plan::{Crew, MAX_AGENTS, MAX_CONTACTS, MAX_HORIZON_S, Plan, PlanPbx};
pub use spread::{HourSpread, Spread, Summary};

use domain::Timestamp;
use thiserror::Error;

/// Why a play has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Stopped {
    /// Whoever watched it wanted no more of it.
    #[error("it was cancelled")]
    Cancelled,
    /// A rule of the house was broken, or nothing moves: a defect.
    #[error("{0}")]
    Broken(String),
}

/// Plays the plan once. `watch` hears now and then how far the virtual clock is, and ends the play by `false`. The same plan
/// and seed give the same result.
pub fn play(plan: &Plan, seed: u64, watch: &mut dyn FnMut(Timestamp) -> bool) -> Result<Played, Stopped> {
    world::World::new(plan, seed).play(watch)
}

#[cfg(test)]
mod tests;
