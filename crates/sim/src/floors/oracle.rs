//! The upper bound: an oracle that knows each call's fate. It knows who will answer, when, and for how long they will talk
//! and the agent wraps up; when agents come, pause and go it does not know either.

/// Seconds that a caller may wait for an agent by the oracle's plan.
const SLACK_S: f64 = 0.5;
/// Calls that the oracle launches at one instant for every agent who will be free soon, at most.
pub(super) const LAUNCH_MAX: u32 = 400;

/// Who takes whom by what the oracle knows: the calls on their way in the order in which they want an agent, and the agents
/// in the order in which they are free.
pub(super) struct Plan {
    free_at: Vec<f64>,
    wanted_at: Vec<f64>,
}

impl Plan {
    /// `free_at`: when each agent will be free, now or earlier for those who are; `wanted_at`: when calls will want one.
    pub(super) fn new(mut free_at: Vec<f64>, mut wanted_at: Vec<f64>) -> Self {
        free_at.sort_by(f64::total_cmp);
        wanted_at.sort_by(f64::total_cmp);
        Self { free_at, wanted_at }
    }

    /// Whether everybody has an agent in time with one more call that wants one at this instant; then it is in the plan.
    pub(super) fn takes(&mut self, wanted_at: f64) -> bool {
        let place = self.wanted_at.partition_point(|at| *at <= wanted_at);
        let in_time = |at: f64, agent: usize| self.free_at.get(agent).is_some_and(|free| *free <= at + SLACK_S);
        let later = self.wanted_at[place..].iter().enumerate();
        let fits = in_time(wanted_at, place) && later.into_iter().all(|(n, at)| in_time(*at, place + 1 + n));
        if fits {
            self.wanted_at.insert(place, wanted_at);
        }
        fits
    }
}
