//! Agents who serve several queues are counted once: how many are left for one queue when everybody else has theirs.

/// Agents who serve the same queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Indexes of their queues.
    pub(crate) queues: Vec<usize>,
    /// How many are free.
    pub(crate) free: u32,
}

/// The most agents that `queue` can have while each of `demands` (queue, agents) has as many as can be had for all of
/// them: a matching in which agents are moved to other queues of theirs when that helps.
pub(crate) fn left_for(groups: &[Group], demands: &[(usize, u32)], queue: usize) -> u32 {
    let mut matching = Matching {
        groups,
        free: groups.iter().map(|group| group.free).collect(),
        wants: demands.iter().map(|(queue, _)| *queue).chain([queue]).collect(),
        given: vec![vec![0; groups.len()]; demands.len() + 1],
    };
    for (demand, (_, need)) in demands.iter().enumerate() {
        matching.give(demand, *need);
    }
    matching.give(demands.len(), u32::MAX)
}

struct Matching<'a> {
    groups: &'a [Group],
    /// Agents of each group whom nobody has yet.
    free: Vec<u32>,
    /// The queue of each demand.
    wants: Vec<usize>,
    /// What each demand has of each group.
    given: Vec<Vec<u32>>,
}

impl Matching<'_> {
    /// Gives a demand up to `need` agents; how many it was.
    fn give(&mut self, demand: usize, need: u32) -> u32 {
        let mut given = 0;
        while given < need {
            let mut seen = vec![false; self.groups.len()];
            match self.augment(demand, need - given, &mut seen) {
                0 => break,
                more => given += more,
            }
        }
        given
    }

    /// Finds agents for a demand, by moving those of another one if need be. Groups are looked at once.
    fn augment(&mut self, demand: usize, most: u32, seen: &mut [bool]) -> u32 {
        for group in 0..self.groups.len() {
            if seen[group] || !self.groups[group].queues.contains(&self.wants[demand]) {
                continue;
            }
            seen[group] = true;
            let mut found = self.free[group].min(most);
            self.free[group] -= found;
            if found == 0 {
                for other in 0..self.wants.len() {
                    let movable = self.given[other][group].min(most);
                    if other == demand || movable == 0 {
                        continue;
                    }
                    found = self.augment(other, movable, seen);
                    if found > 0 {
                        self.given[other][group] -= found;
                        break;
                    }
                }
            }
            if found > 0 {
                self.given[demand][group] += found;
                return found;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(of: &[(&[usize], u32)]) -> Vec<Group> {
        of.iter().map(|(queues, free)| Group { queues: queues.to_vec(), free: *free }).collect()
    }

    #[test]
    fn who_serves_two_queues_is_counted_once() {
        let both = groups(&[(&[0, 1], 3)]);
        assert_eq!(left_for(&both, &[], 0), 3);
        assert_eq!(left_for(&both, &[(1, 2)], 0), 1);
        assert_eq!(left_for(&both, &[(1, 9)], 0), 0);
        // The other queue has agents of its own, and those come first.
        let own = groups(&[(&[0, 1], 3), (&[1], 2)]);
        assert_eq!(left_for(&own, &[(1, 2)], 0), 3);
        assert_eq!(left_for(&own, &[(1, 4)], 0), 1);
        // Three queues in a ring with one agent each two: two others want one, and one is left.
        let ring = groups(&[(&[0, 1], 1), (&[0, 2], 1), (&[1, 2], 1)]);
        assert_eq!(left_for(&ring, &[(0, 1), (1, 1)], 2), 1);
        assert_eq!(left_for(&ring, &[(0, 2), (1, 1)], 2), 0);
        assert_eq!(left_for(&ring, &[(0, 1)], 7), 0);
    }

    /// The same by trying every way to hand the agents out.
    fn by_trying(agents: &[Vec<usize>], demands: &[(usize, u32)], queue: usize) -> (u32, u32) {
        let Some((agent, rest)) = agents.split_first() else { return (0, 0) };
        let mut best = by_trying(rest, demands, queue);
        for (index, (wants, need)) in demands.iter().enumerate() {
            if *need > 0 && agent.contains(wants) {
                let mut fewer = demands.to_vec();
                fewer[index].1 -= 1;
                let (met, left) = by_trying(rest, &fewer, queue);
                best = best.max((met + 1, left));
            }
        }
        if agent.contains(&queue) {
            let (met, left) = by_trying(rest, demands, queue);
            best = best.max((met, left + 1));
        }
        best
    }

    proptest! {
        #[test]
        fn it_is_the_best_there_is(
            agents in proptest::collection::vec(proptest::collection::btree_set(0usize..3, 1..3), 0..6),
            demands in proptest::collection::vec((0usize..3, 0u32..4), 0..3),
            queue in 0usize..3,
        ) {
            let agents: Vec<Vec<usize>> = agents.into_iter().map(|set| set.into_iter().collect()).collect();
            let groups: Vec<Group> = agents.iter().map(|queues| Group { queues: queues.clone(), free: 1 }).collect();
            prop_assert_eq!(left_for(&groups, &demands, queue), by_trying(&agents, &demands, queue).1);
        }
    }
}
