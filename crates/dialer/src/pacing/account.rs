//! What was abandoned and what was answered, on the side of caution, and what the cap allows beyond that.

/// Of the counting period. Those who had an agent count when the agent found a person.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) abandoned: f64,
    pub(super) persons: f64,
}

impl Account {
    /// Whether the cap still holds whatever `open` calls do, with `free` agents for them.
    ///
    /// The worst: machines take the agents, and every other call reaches a person who is abandoned. That is `open - free`
    /// more on both sides. Fewer answers are never worse, because each adds 1 on the left and at most 1 on the right. So
    /// the cap holds now, and after every order of events, as long as no free agent leaves.
    pub(super) fn holds(self, cap: f64, open: u32, free: u32) -> bool {
        let lost = f64::from(open.saturating_sub(free));
        // A hair below: 0.03 is no binary fraction.
        open <= free || self.abandoned + lost <= (cap * (1.0 - 1e-9)) * (self.abandoned + self.persons + lost)
    }

    /// Of up to `most` calls more, how many [`Self::holds`] allows.
    pub(super) fn most(self, cap: f64, open: u32, free: u32, most: u32) -> u32 {
        // What holds for some holds for fewer.
        let (mut yes, mut no) = (0, most.saturating_add(1));
        while no - yes > 1 {
            let middle = yes + (no - yes) / 2;
            if self.holds(cap, open.saturating_add(middle), free) {
                yes = middle;
            } else {
                no = middle;
            }
        }
        yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn with_nothing_behind_it_only_one_call_per_free_agent() {
        let new = Account::default();
        assert_eq!(new.most(0.03, 0, 4, 100), 4);
        assert_eq!(new.most(0.03, 3, 4, 100), 1);
        assert_eq!(new.most(0.03, 9, 4, 100), 0);
        // 100 persons found: 3 of 103 may be lost.
        assert_eq!(Account { abandoned: 0.0, persons: 100.0 }.most(0.03, 4, 4, 100), 3);
        assert_eq!(Account { abandoned: 3.0, persons: 100.0 }.most(0.03, 4, 4, 100), 0);
    }

    proptest! {
        /// What the issue asks for follows from what is asked here.
        #[test]
        fn it_is_never_laxer_than_the_published_inequality(
            abandoned in 0u32..100, persons in 0u32..5_000, open in 0u32..300, free in 0u32..100, cap in 0.0f64..=1.0
        ) {
            let account = Account { abandoned: f64::from(abandoned), persons: f64::from(persons) };
            if account.holds(cap, open, free) && open > free {
                let (a, l) = (f64::from(abandoned), f64::from(abandoned + persons));
                prop_assert!(a + f64::from(open - free) <= cap * (l + f64::from(open)));
            }
        }

        #[test]
        fn the_most_is_the_last_that_holds(
            abandoned in 0u32..20, persons in 0u32..2_000, open in 0u32..60, free in 0u32..40, cap in 0.0f64..0.2
        ) {
            let account = Account { abandoned: f64::from(abandoned), persons: f64::from(persons) };
            let most = account.most(cap, open, free, 100);
            let one_by_one = (1..=100).take_while(|more| account.holds(cap, open + more, free)).count();
            prop_assert_eq!(most as usize, one_by_one);
        }
    }
}
