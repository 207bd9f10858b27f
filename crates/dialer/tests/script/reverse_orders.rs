//! Agents who are called first, in whatever order things happen and are told: one call at a time, and no pause of ours
//! outlives its call.

use crate::queues::{member, observed, told};
use crate::script::*;
use dialer::{Command, EndPointSpec, Event, FoundLeg, News};
use domain::{AttemptId, LegId, ObservedQueue};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const QUEUE: &str = "999";
const AGENTS: [&str; 3] = ["SIP/1", "SIP/2", "SIP/3"];
const CONTACTS: i64 = 6;
/// More rounds than contacts, agents and their rests need at the end.
const ROUNDS: usize = 60;

/// Something that happens, to one of those that there are.
#[derive(Debug, Clone)]
enum Act {
    /// An agent pauses himself, or lets himself on.
    Pause(usize),
    /// The oldest attempt that is on its way to the disk is there.
    Journal,
    /// A channel is answered.
    Answer(usize),
    /// A channel ends.
    End(usize),
    /// The dialler hears so many of the events that it was not told yet.
    Tell(usize),
    /// Seconds pass.
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0usize..AGENTS.len()).prop_map(Act::Pause),
        4 => Just(Act::Journal),
        4 => (0usize..4).prop_map(Act::Answer),
        3 => (0usize..4).prop_map(Act::End),
        6 => (1usize..6).prop_map(Act::Tell),
        1 => (1u64..8).prop_map(Act::Wait),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paused {
    No,
    Himself,
    ByUs,
}

/// A PBX with its queue, and what the dialler has not heard of it yet.
struct Floor {
    script: Script,
    at_ms: u64,
    paused: [Paused; AGENTS.len()],
    /// Channels, and whose agent's each is.
    channels: BTreeMap<LegId, Option<usize>>,
    journal: VecDeque<AttemptId>,
    untold: VecDeque<Event>,
}

impl Floor {
    fn new() -> Self {
        let mut script = Script::new();
        let queue = ObservedQueue { reverse: true, ..ObservedQueue::named(QUEUE) };
        let first = EndPointSpec { queue: Some(queue), ..end_point(1, 10) };
        script.feed(vec![Event::EndPointConfigured(first), observed(&[(QUEUE, &AGENTS)])]);
        let mut spec = run_spec(1, CONTACTS);
        spec.settings.autopause = true;
        let (paused, untold) = ([Paused::No; AGENTS.len()], VecDeque::new());
        let mut floor = Self { script, at_ms: 0, paused, channels: BTreeMap::new(), journal: VecDeque::new(), untold };
        floor.hear(Event::RunStarted(Box::new(spec)));
        floor.hear(fresh(RUN, 1..=CONTACTS));
        floor
    }

    /// The dialler hears of it, and the PBX does what it says.
    fn hear(&mut self, event: Event) {
        self.script.play(&[(self.at_ms, event)]);
        for command in std::mem::take(&mut self.script.commands) {
            match command {
                Command::Journal(new) => self.journal.push_back(new.attempt),
                Command::CallAgent(call) => {
                    let agent = AGENTS.iter().position(|one| *one == call.device).unwrap();
                    let has = self.channels.values().any(|of| *of == Some(agent));
                    assert!(!has, "{} is called and has a call of ours", call.device);
                    if call.pause.is_some() && self.paused[agent] == Paused::No {
                        self.pause(agent, Paused::ByUs);
                    }
                    self.channels.insert(call.leg, Some(agent));
                    self.untold.push_back(Event::OriginateDone(call.leg));
                }
                Command::Originate(call) => {
                    self.channels.insert(call.leg, None);
                    self.untold.push_back(Event::OriginateDone(call.leg));
                }
                Command::UnpauseAgent(pause) => {
                    let agent = AGENTS.iter().position(|one| *one == pause.interface).unwrap();
                    // The shell looks first.
                    if self.paused[agent] == Paused::ByUs {
                        self.pause(agent, Paused::No);
                    }
                }
                Command::HangUp { leg, .. } => self.end(leg),
                Command::LookUp { leg, .. } => self.untold.push_back(match self.channels.contains_key(&leg) {
                    true => Event::LegFound(FoundLeg { leg, up: false, ringing: true }),
                    false => Event::LegMissing(leg),
                }),
                Command::Violated { invariant, detail, .. } => panic!("{invariant}: {detail}"),
                _ => {}
            }
        }
    }

    fn pause(&mut self, agent: usize, paused: Paused) {
        self.paused[agent] = paused;
        let (is_paused, paused_by_us) = (paused != Paused::No, paused == Paused::ByUs);
        let member = dialer::Member { paused: is_paused, paused_by_us, ..member(AGENTS[agent]) };
        self.untold.push_back(told(News::MemberIs { queue: QUEUE.into(), member }));
    }

    fn end(&mut self, leg: LegId) {
        if self.channels.remove(&leg).is_some() {
            self.untold.push_back(ended(leg, 16, 0));
        }
    }

    fn tell(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.untold.pop_front() else { return };
            self.hear(event);
        }
    }

    fn happens(&mut self, act: &Act) {
        let channel = |floor: &Self, index: usize| floor.channels.keys().nth(index).copied();
        match act {
            Act::Pause(agent) => {
                let himself = self.paused[*agent] != Paused::Himself;
                self.pause(*agent, if himself { Paused::Himself } else { Paused::No });
            }
            Act::Journal => {
                if let Some(attempt) = self.journal.pop_front() {
                    self.hear(journalled(attempt));
                }
            }
            Act::Answer(index) => {
                let answered = channel(self, *index).map(Event::LegAnswered);
                self.untold.extend(answered);
            }
            Act::End(index) => {
                if let Some(leg) = channel(self, *index) {
                    self.end(leg);
                }
            }
            Act::Tell(count) => self.tell(*count),
            Act::Wait(seconds) => {
                self.at_ms += seconds * 1_000;
                self.hear(Event::Tick);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_an_agent_has_one_call_and_is_let_on_after_it(acts in proptest::collection::vec(act(), 1..120)) {
        let mut floor = Floor::new();
        acts.iter().for_each(|act| floor.happens(act));
        let himself: Vec<bool> = floor.paused.iter().map(|paused| *paused == Paused::Himself).collect();
        // Everything that was begun comes to its end, and is told.
        for _ in 0..ROUNDS {
            floor.tell(usize::MAX);
            floor.happens(&Act::Journal);
            let channels: Vec<LegId> = floor.channels.keys().copied().collect();
            channels.into_iter().for_each(|leg| floor.end(leg));
            floor.tell(usize::MAX);
            floor.happens(&Act::Wait(6));
        }
        prop_assert!(floor.channels.is_empty() && floor.journal.is_empty());
        prop_assert_eq!(floor.script.dialer.call_figures().count(), 0);
        for (agent, himself) in himself.into_iter().enumerate() {
            prop_assert_eq!(floor.paused[agent], if himself { Paused::Himself } else { Paused::No }, "{}", AGENTS[agent]);
        }
    }
}
