//! How many calls an end point with agents behind it wants: those that are on their way are reckoned against the agents
//! who will be free for them.
//!
//! WombatDialer's rule: `floor((free - waiting) x boost)` calls on their way to the queue, those that are in it already not
//! counted. Here each call takes a part of an agent, `1 / boost`, so that runs with different boosts may share the agents:
//! for one boost the two say the same.

use domain::Boost;

/// One agent, in the unit in which the parts of agents are added up.
const AGENT: u128 = 1_000_000_000_000;

/// Parts of agents that calls on their way take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(u128);

impl Load {
    /// What one call takes with the boost of its end point and that of its run: their product is what counts. Rounded
    /// down, so that `floor(agents x boost)` calls never take more than the agents.
    pub fn of_call(end_point: Boost, run: Boost) -> Self {
        let product = u128::from(end_point.permille()) * u128::from(run.permille());
        Self(AGENT * 1_000_000 / product)
    }

    /// So many agents, whole.
    pub fn of_agents(agents: u32) -> Self {
        Self(AGENT * u128::from(agents))
    }

    /// What so many of them take.
    #[must_use]
    pub fn times(self, calls: u32) -> Self {
        Self(self.0 * u128::from(calls))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Whole agents, the last one perhaps only in part.
    pub fn agents(self) -> u32 {
        u32::try_from(self.0.div_ceil(AGENT)).unwrap_or(u32::MAX)
    }

    /// In thousandths of an agent, rounded down.
    pub fn permille(self) -> u64 {
        u64::try_from(self.0 / (AGENT / 1_000)).unwrap_or(u64::MAX)
    }
}

/// Calls that may begin now: what they and those on their way take is no more than `agents`.
pub fn new_calls(agents: u32, on_the_way: Load, call: Load) -> u32 {
    let left = (AGENT * u128::from(agents)).saturating_sub(on_the_way.0);
    u32::try_from(left / call.0.max(1)).unwrap_or(u32::MAX)
}

/// Callers to whom no agent's telephone rings, beyond the agents who are free, more than allowed: WombatDialer's `BK:W`.
pub fn too_many_wait(free: u32, waiting: u32, max_waiting: u32) -> bool {
    waiting.saturating_sub(free) > max_waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boost(factor: f64) -> Boost {
        Boost::of("boost", factor).unwrap()
    }

    #[test]
    fn the_worked_examples_of_the_specification() {
        // Free, waiting, boost, max channels, calls up, of these on their way, then: new calls, and whether BK:W is shown.
        let table = [
            (4, 0, 1.5, 100, 0, 6, false),
            (7, 0, 1.3, 100, 0, 9, false),
            (4, 0, 4.0, 100, 0, 16, false),
            (1, 0, 2.0, 10, 0, 2, false),
            (6, 0, 2.0, 10, 0, 10, false),
            (90, 0, 1.0, 10, 0, 10, false),
            (4, 1, 1.5, 100, 0, 4, false),
            (4, 0, 1.5, 100, 4, 2, false),
            (2, 3, 2.0, 10, 0, 0, false),
            (2, 5, 2.0, 10, 0, 0, true),
            (0, 0, 3.0, 10, 0, 0, false),
            (4, 3, 1.0, 100, 0, 1, false),
        ];
        for (free, waiting, factor, max_channels, on_the_way, new, blocked) in table {
            let call = Load::of_call(boost(factor), Boost::ONE);
            let agents = u32::saturating_sub(free, waiting);
            let calls = new_calls(agents, call.times(on_the_way), call).min(max_channels - on_the_way);
            let row = format!("free {free}, waiting {waiting}, boost {factor}, {on_the_way} on their way");
            assert_eq!(calls, new, "{row}");
            assert_eq!(too_many_wait(free, waiting, 2), blocked, "{row}");
        }
    }

    #[test]
    fn runs_with_different_boosts_share_the_agents() {
        let (steady, eager) = (Load::of_call(Boost::ONE, Boost::ONE), Load::of_call(boost(2.0), boost(2.0)));
        // Four agents: two are taken by two calls, the other two are good for eight.
        assert_eq!(new_calls(4, steady.times(2), eager), 8);
        assert_eq!(new_calls(4, eager.times(8), steady), 2);
        assert_eq!(steady.times(2).plus(eager.times(7)).agents(), 4);
    }

    proptest! {
        #[test]
        fn it_is_the_floor_of_agents_times_boost(agents in 0u32..2_000, ep in 10u32..=20_000, run in 10u32..=20_000, up in 0u32..5_000) {
            let call = Load::of_call(Boost::from_permille(ep), Boost::from_permille(run));
            let target = u64::from(agents) * u64::from(ep) * u64::from(run) / 1_000_000;
            let expected = target.saturating_sub(u64::from(up));
            prop_assert_eq!(u64::from(new_calls(agents, call.times(up), call)), expected);
        }
    }
}
