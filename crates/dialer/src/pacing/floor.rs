//! The calls and agents of one campaign as the facts tell: who is where, and since when.

use super::fact::{AGENTS_MAX, AgentNumber, CallNumber, Fact};
use std::collections::BTreeMap;

/// Spans of half a second by which calls are counted; what is older than all of them counts in one of them.
const SLOTS: usize = 256;
const SLOTS_PER_S: f64 = 2.0;

/// Where a call is. `rang_s`: how long it rang.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Placed,
    Ringing,
    Analysed { rang_s: f64 },
    Queued { rang_s: f64 },
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Out,
    Paused,
    Idle,
    Talks,
    WrapsUp,
    /// The wrap-up is over, what follows is not told yet.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    stage: Stage,
    since: f64,
}

/// An agent, since when he does what he does, and how long the last call of his rang.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agent {
    pub(super) doing: Doing,
    pub(super) since: f64,
    rang_s: f64,
}

/// What a fact put an end to: the stage or the doing, and how long it lasted in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Was {
    pub(super) call: Option<(Stage, f64)>,
    pub(super) agent: Option<(Doing, f64)>,
    /// How long the call rang that the agent had.
    pub(super) rang_s: f64,
}

/// Calls of one stage by when they came to it.
#[derive(Debug)]
pub(super) struct Slots([u32; SLOTS]);

impl Slots {
    fn slot(since: f64) -> usize {
        (since * SLOTS_PER_S) as usize % SLOTS
    }

    /// Each age that occurs, in seconds, and how many calls are of it, the youngest first.
    pub(super) fn ages(&self, now: f64) -> impl Iterator<Item = (f64, u32)> {
        let newest = (now * SLOTS_PER_S).floor();
        let age = move |back: usize| (now - (newest - back as f64 + 0.5) / SLOTS_PER_S).max(0.0);
        let first = newest as usize;
        (0..SLOTS).map(move |back| (age(back), self.0[(first + SLOTS - back) % SLOTS])).filter(|slot| slot.1 > 0)
    }
}

/// The floor.
#[derive(Debug)]
pub(super) struct Floor {
    calls: BTreeMap<CallNumber, Call>,
    pub(super) agents: Vec<Agent>,
    pub(super) placed: Slots,
    pub(super) ringing: Slots,
    pub(super) analysed: Slots,
    /// Callers who wait for an agent.
    pub(super) queued: u32,
    by_doing: [u32; 6],
}

impl Floor {
    pub(super) fn new() -> Self {
        let none = || Slots([0; SLOTS]);
        Self {
            calls: BTreeMap::new(),
            agents: Vec::new(),
            placed: none(),
            ringing: none(),
            analysed: none(),
            queued: 0,
            by_doing: [0; 6],
        }
    }

    /// Calls that have or may still want an agent.
    pub(super) fn open(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// How many agents do this.
    pub(super) fn how_many(&self, doing: Doing) -> u32 {
        self.by_doing[doing as usize]
    }

    /// Agents who are free, talk or wrap up.
    pub(super) fn working(&self) -> u32 {
        [Doing::Idle, Doing::Talks, Doing::WrapsUp, Doing::Done].map(|doing| self.how_many(doing)).iter().sum()
    }

    /// Something happened: the floor changes, and says what ended by it.
    pub(super) fn fact(&mut self, now: f64, fact: Fact) -> Was {
        match fact {
            Fact::DayBegan => {
                *self = Self::new();
                Was::default()
            }
            Fact::Launched(call) => self.call(now, call, Some(Stage::Placed)),
            Fact::Rings(call) => self.known(now, call, Stage::Ringing),
            Fact::Answered(call) => {
                let rang_s = match self.calls.get(&call) {
                    Some(Call { stage: Stage::Ringing, since }) => now - since,
                    _ => 0.0,
                };
                self.known(now, call, Stage::Analysed { rang_s })
            }
            Fact::Person(call) | Fact::Queued(call) => {
                let rang_s = self.rang_s(call);
                self.call(now, call, Some(Stage::Queued { rang_s }))
            }
            Fact::Machine(call) | Fact::Ended(call, _) | Fact::Abandoned(call) => self.call(now, call, None),
            Fact::Connected(call, agent) => {
                let rang_s = self.rang_s(call);
                let left = self.call(now, call, None);
                let was = self.agent(now, agent, Doing::Talks);
                if let Some(agent) = self.agents.get_mut(agent as usize) {
                    agent.rang_s = rang_s;
                }
                Was { call: left.call, ..was }
            }
            Fact::WrapUp(agent) => self.agent(now, agent, Doing::WrapsUp),
            Fact::Done { agent, .. } => self.agent(now, agent, Doing::Done),
            Fact::Idle(agent) => self.agent(now, agent, Doing::Idle),
            Fact::Paused(agent) => self.agent(now, agent, Doing::Paused),
            Fact::LoggedOut(agent) => self.agent(now, agent, Doing::Out),
        }
    }

    fn rang_s(&self, call: CallNumber) -> f64 {
        match self.calls.get(&call).map(|call| call.stage) {
            Some(Stage::Analysed { rang_s } | Stage::Queued { rang_s }) => rang_s,
            _ => 0.0,
        }
    }

    /// As [`Self::call`], but a call that was never launched stays unknown.
    fn known(&mut self, now: f64, number: CallNumber, stage: Stage) -> Was {
        if self.calls.contains_key(&number) { self.call(now, number, Some(stage)) } else { Was::default() }
    }

    fn call(&mut self, now: f64, number: CallNumber, stage: Option<Stage>) -> Was {
        let before = match stage {
            Some(stage) => {
                self.count(stage, now, 1);
                self.calls.insert(number, Call { stage, since: now })
            }
            None => self.calls.remove(&number),
        };
        let Some(before) = before else { return Was::default() };
        self.count(before.stage, before.since, -1);
        Was { call: Some((before.stage, now - before.since)), ..Was::default() }
    }

    fn count(&mut self, stage: Stage, since: f64, by: i32) {
        let slot = Slots::slot(since);
        let count = match stage {
            Stage::Placed => &mut self.placed.0[slot],
            Stage::Ringing => &mut self.ringing.0[slot],
            Stage::Analysed { .. } => &mut self.analysed.0[slot],
            Stage::Queued { .. } => &mut self.queued,
        };
        *count = count.saturating_add_signed(by);
    }

    fn agent(&mut self, now: f64, number: AgentNumber, doing: Doing) -> Was {
        // Agents beyond the bound are never there: they take no calls.
        if number >= AGENTS_MAX {
            return Was::default();
        }
        let index = number as usize;
        if index >= self.agents.len() {
            let added = u32::try_from(index + 1 - self.agents.len()).unwrap_or(0);
            self.by_doing[Doing::Out as usize] += added;
            self.agents.resize(index + 1, Agent { doing: Doing::Out, since: now, rang_s: 0.0 });
        }
        let agent = &mut self.agents[index];
        let before = std::mem::replace(agent, Agent { doing, since: now, rang_s: agent.rang_s });
        self.by_doing[before.doing as usize] -= 1;
        self.by_doing[doing as usize] += 1;
        Was { call: None, agent: Some((before.doing, now - before.since)), rang_s: before.rang_s }
    }

    /// Calls that have rung for `seconds` or longer, those that rang longest first, with how long they have rung.
    pub(super) fn rang_for(&self, now: f64, seconds: f64) -> Vec<(CallNumber, f64)> {
        let rings = |(number, call): (&CallNumber, &Call)| {
            let rang_s = now - call.since;
            (call.stage == Stage::Ringing && rang_s >= seconds).then_some((*number, rang_s))
        };
        let mut old: Vec<_> = self.calls.iter().filter_map(rings).collect();
        old.sort_by(|a, b| b.1.total_cmp(&a.1));
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_agents_are_counted_by_where_they_are() {
        let mut floor = Floor::new();
        floor.fact(0.0, Fact::Idle(2));
        floor.fact(0.0, Fact::Launched(7));
        floor.fact(2.0, Fact::Rings(7));
        assert_eq!((floor.open(), floor.how_many(Doing::Idle), floor.how_many(Doing::Out)), (1, 1, 2));
        assert_eq!(floor.ringing.ages(5.1).collect::<Vec<_>>().len(), 1);
        let was = floor.fact(9.0, Fact::Answered(7));
        assert_eq!(was.call, Some((Stage::Ringing, 7.0)));
        floor.fact(10.0, Fact::Queued(7));
        assert_eq!(floor.queued, 1);
        floor.fact(11.0, Fact::Connected(7, 2));
        assert_eq!((floor.open(), floor.queued, floor.how_many(Doing::Talks)), (0, 0, 1));
        let was = floor.fact(71.0, Fact::WrapUp(2));
        assert_eq!((was.agent, was.rang_s), (Some((Doing::Talks, 60.0)), 7.0));
    }

    #[test]
    fn what_is_unknown_or_told_twice_changes_no_count() {
        let mut floor = Floor::new();
        floor.fact(1.0, Fact::Rings(9));
        floor.fact(1.0, Fact::Abandoned(9));
        floor.fact(1.0, Fact::Idle(u32::MAX));
        assert_eq!((floor.open(), floor.agents.len()), (0, 0));
        floor.fact(1.0, Fact::Launched(9));
        floor.fact(2.0, Fact::Launched(9));
        assert_eq!((floor.open(), floor.placed.ages(2.1).map(|slot| slot.1).sum::<u32>()), (1, 1));
    }

    #[test]
    fn an_age_is_within_half_a_slot() {
        let mut floor = Floor::new();
        floor.fact(100.3, Fact::Launched(1));
        let (age, count) = floor.placed.ages(109.9).next().unwrap();
        assert!((age - 9.6).abs() < 0.3 && count == 1, "{age}");
    }
}
