//! How many calls an end point wants, and which run is served next.

mod account;
mod adaptive;
pub mod boost;
mod capacity;
pub mod engine;
pub mod fact;
mod floor;
mod limits;
pub mod mode;
mod predictive;

pub(crate) use capacity::Pace;
pub use capacity::{Capacity, QueueSeen};

use domain::RunId;
use std::collections::BTreeMap;

/// Seconds that an agent needs for a live answer at least, for what is still to come: a careful guess.
pub(crate) const PER_LIVE_S: f64 = 360.0;

/// Whose turn it is: lower priority numbers first, runs of one priority in turn.
#[derive(Debug, Default)]
pub struct Turns {
    last_served: BTreeMap<i32, RunId>,
}

impl Turns {
    /// The runs in the order in which they are asked now. `runs` is `(priority, run)` in any order.
    pub fn order(&self, runs: &mut [(i32, RunId)]) {
        runs.sort_unstable();
        let mut start = 0;
        while start < runs.len() {
            let priority = runs[start].0;
            let len = runs[start..].iter().take_while(|run| run.0 == priority).count();
            let group = &mut runs[start..start + len];
            if let Some(last) = self.last_served.get(&priority) {
                let first = group.iter().position(|run| run.1 > *last).unwrap_or(0);
                group.rotate_left(first);
            }
            start += len;
        }
    }

    /// A run was served.
    pub fn served(&mut self, priority: i32, run: RunId) {
        self.last_served.insert(priority, run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_priority_first_and_equals_in_turn() {
        let mut turns = Turns::default();
        let runs = [(10, RunId(3)), (1, RunId(9)), (10, RunId(1)), (10, RunId(2))];
        let order = |turns: &Turns| {
            let mut order = runs;
            turns.order(&mut order);
            order.map(|run| run.1.0)
        };
        assert_eq!(order(&turns), [9, 1, 2, 3]);
        turns.served(10, RunId(1));
        assert_eq!(order(&turns), [9, 2, 3, 1]);
        turns.served(10, RunId(3));
        assert_eq!(order(&turns), [9, 1, 2, 3]);
    }
}
