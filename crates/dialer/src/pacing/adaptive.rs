//! VICIdial's adaptive dial methods, for those who come from there: a dial level, calls per agent, that follows how many
//! agents waited lately, and a drop limit.
//!
//! Facts of its public documentation: the level is looked at every 15 seconds, moved by the difference between agents who
//! wait and callers who wait over the last minute, and is 1 at least; lines wanted are agents who wait or talk times the
//! level. Hard limit: level 1 as long as more than the limit was dropped. Average: the level is lowered. Tapered: the
//! limit is twice as high at the beginning of the day and falls to what it says by the end.

use super::account::Account;
use super::fact::Why;
use super::mode::Mode;

/// Seconds between two looks at the level.
const LOOK_EVERY_S: f64 = 15.0;
/// Over which agents and callers who wait are averaged.
const AVERAGE_S: f64 = 60.0;
/// VICIdial's own default for the highest level.
const LEVEL_MAX: f64 = 3.0;
/// What one look takes off the level while the average method is over its limit.
const LOWERED: f64 = 0.9;

/// What counts for a decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) idle: u32,
    pub(super) talking: u32,
    pub(super) queued: u32,
    /// Launched and not yet with an agent, those who wait among them.
    pub(super) open: u32,
    /// Part of the counting period that is over.
    pub(super) gone: f64,
}

/// The level.
#[derive(Debug)]
pub(super) struct Adaptive {
    mode: Mode,
    level: f64,
    /// Agents who wait less callers who wait, and agents, averaged.
    difference: f64,
    agents: f64,
    decided_at: f64,
    looked_at: f64,
}

impl Adaptive {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, level: 1.0, difference: 0.0, agents: 0.0, decided_at: 0.0, looked_at: 0.0 }
    }

    /// How many calls to launch.
    pub(super) fn wanted(&mut self, now: f64, cap: f64, account: Account, seen: Seen) -> (u32, Why) {
        let weight = 1.0 - (-(now - self.decided_at).max(0.0) / AVERAGE_S).exp();
        self.decided_at = now;
        let agents = f64::from(seen.idle + seen.talking);
        self.difference += weight * (f64::from(seen.idle) - f64::from(seen.queued) - self.difference);
        self.agents += weight * (agents - self.agents);
        let limit = if self.mode == Mode::AdaptTapered { cap * (2.0 - seen.gone.clamp(0.0, 1.0)) } else { cap };
        let live = account.abandoned + account.persons;
        let over = account.abandoned > limit * live;
        if now - self.looked_at >= LOOK_EVERY_S {
            self.looked_at = now;
            let follow = 1.0 + self.difference / self.agents.max(1.0);
            let lower = if over && self.mode == Mode::AdaptAverage { LOWERED } else { 1.0 };
            self.level = (self.level * follow * lower).clamp(1.0, LEVEL_MAX);
        }
        let stopped = over && self.mode != Mode::AdaptAverage;
        let level = if stopped { 1.0 } else { self.level };
        let lines = (level * agents) as u32;
        let wanted = lines.saturating_sub(seen.open.saturating_add(seen.talking));
        (wanted, if stopped { Why::DropLimit } else { Why::Agents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(idle: u32, talking: u32, open: u32) -> Seen {
        Seen { idle, talking, queued: 0, open, gone: 0.5 }
    }

    #[test]
    fn the_level_rises_while_agents_wait_and_falls_at_the_hard_limit() {
        let account = Account { abandoned: 0.0, persons: 100.0 };
        let mut adaptive = Adaptive::new(Mode::AdaptHardLimit);
        assert_eq!(adaptive.wanted(1.0, 0.03, account, seen(10, 0, 0)), (10, Why::Agents));
        for second in 2..300 {
            adaptive.wanted(f64::from(second), 0.03, account, seen(5, 5, 5));
        }
        assert_eq!(adaptive.wanted(300.0, 0.03, account, seen(5, 5, 5)), (20, Why::Agents));
        let dropped = Account { abandoned: 4.0, persons: 96.0 };
        assert_eq!(adaptive.wanted(301.0, 0.03, dropped, seen(5, 5, 3)), (2, Why::DropLimit));
    }

    #[test]
    fn tapered_allows_more_at_first_and_average_only_lowers() {
        let dropped = Account { abandoned: 4.0, persons: 96.0 };
        let mut tapered = Adaptive::new(Mode::AdaptTapered);
        assert_eq!(tapered.wanted(1.0, 0.03, dropped, Seen { gone: 0.1, ..seen(5, 5, 3) }).1, Why::Agents);
        assert_eq!(tapered.wanted(1.0, 0.03, dropped, Seen { gone: 0.9, ..seen(5, 5, 3) }).1, Why::DropLimit);
        let mut average = Adaptive::new(Mode::AdaptAverage);
        assert_eq!(average.wanted(1.0, 0.03, dropped, seen(5, 5, 3)).1, Why::Agents);
    }
}
