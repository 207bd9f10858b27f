//! The promises of the pacing against an adversary.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use dialer::pacing::engine::Engine;
use dialer::pacing::fact::{Fact, Terms, Unanswered};
use domain::Mono;
use proptest::prelude::*;

fn terms(cap: f64) -> Terms {
    Terms {
        cap,
        lost_to_analysis: 0.0,
        agents_max: 20,
        period_s: 28_800.0,
        deadline_s: 2.0,
        ring_timeout_s: 25.0,
        min_ring_s: 15.0,
        analysis: false,
        lines_max: 0,
        launches_per_s: 0,
    }
}

/// The people, the agents and what the law counts.
struct World {
    engine: Engine,
    now_us: u64,
    ringing: Vec<u64>,
    next: u64,
    idle: Vec<u32>,
    busy: Vec<(u32, bool)>,
    live: u32,
    abandoned: u32,
    cap: f64,
}

/// What the adversary does next.
#[derive(Debug, Clone)]
enum Deed {
    Comes,
    /// A person answers, or a machine that is taken for one.
    Answers(usize, bool),
    RingsOut(usize),
    Finishes(usize),
    Leaves(usize),
    Passes(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        1 => Just(Deed::Comes),
        6 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(call, person)| Deed::Answers(call, person)),
        6 => any::<usize>().prop_map(Deed::RingsOut),
        8 => any::<usize>().prop_map(Deed::Finishes),
        1 => any::<usize>().prop_map(Deed::Leaves),
        6 => (0_u64..4_000_000).prop_map(Deed::Passes),
    ]
}

impl World {
    fn new(mode: &str, cap: f64) -> Self {
        let mut engine = Engine::new(terms(cap), mode.parse().unwrap()).unwrap();
        engine.fact(Mono(0), Fact::DayBegan);
        let mut new = Self {
            engine,
            now_us: 0,
            ringing: Vec::new(),
            next: 0,
            idle: Vec::new(),
            busy: Vec::new(),
            live: 0,
            abandoned: 0,
            cap,
        };
        (0..6).for_each(|_| new.does(&Deed::Comes));
        new
    }

    fn tell(&mut self, fact: Fact) {
        self.engine.fact(Mono(self.now_us), fact);
    }

    fn does(&mut self, deed: &Deed) {
        match *deed {
            Deed::Comes => {
                let agent = self.idle.len() as u32 + self.busy.len() as u32;
                if agent < 20 && !self.idle.contains(&agent) && self.busy.iter().all(|busy| busy.0 != agent) {
                    self.idle.push(agent);
                    self.tell(Fact::Idle(agent));
                }
            }
            Deed::Answers(which, person) if !self.ringing.is_empty() => {
                let call = self.ringing.swap_remove(which % self.ringing.len());
                self.live += u32::from(person);
                self.tell(Fact::Answered(call));
                if let Some(agent) = self.idle.pop() {
                    self.busy.push((agent, person));
                    self.tell(Fact::Connected(call, agent));
                } else {
                    self.tell(Fact::Queued(call));
                    self.abandoned += u32::from(person);
                    self.tell(Fact::Abandoned(call));
                }
            }
            Deed::RingsOut(which) if !self.ringing.is_empty() => {
                let call = self.ringing.swap_remove(which % self.ringing.len());
                self.tell(Fact::Ended(call, Unanswered::NoAnswer));
            }
            Deed::Finishes(which) if !self.busy.is_empty() => {
                let (agent, person) = self.busy.swap_remove(which % self.busy.len());
                self.tell(Fact::WrapUp(agent));
                self.tell(Fact::Done { agent, person });
                self.idle.push(agent);
                self.tell(Fact::Idle(agent));
            }
            // The promise is for calls, not for agents who leave while calls ring for them.
            Deed::Leaves(which) if !self.idle.is_empty() && self.ringing.is_empty() => {
                let agent = self.idle.swap_remove(which % self.idle.len());
                self.tell(Fact::Paused(agent));
                self.idle.push(agent);
                self.tell(Fact::Idle(agent));
            }
            Deed::Passes(us) => self.now_us += us,
            _ => {}
        }
        self.decides();
    }

    fn decides(&mut self) {
        let decision = self.engine.decide(Mono(self.now_us), None);
        for call in decision.cancel {
            self.ringing.retain(|other| *other != call);
            self.tell(Fact::Ended(call, Unanswered::Cancelled));
        }
        for _ in 0..decision.launch {
            self.tell(Fact::Launched(self.next));
            self.tell(Fact::Rings(self.next));
            self.ringing.push(self.next);
            self.next += 1;
        }
    }

    fn holds(&self) -> bool {
        f64::from(self.abandoned) <= self.cap * f64::from(self.live)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The guarantee, at every event, whatever calls and people do: first as usual, then everybody answers at once.
    #[test]
    fn guaranteed_never_crosses_the_cap(
        cap in prop_oneof![Just(0.03), 0.0f64..0.5], deeds in prop::collection::vec(deed(), 300..900)
    ) {
        let mut world = World::new("guaranteed", cap);
        for deed in &deeds {
            world.does(deed);
            prop_assert!(world.holds(), "{deed:?}: {} of {}", world.abandoned, world.live);
        }
        while !world.ringing.is_empty() && world.next < 20_000 {
            world.does(&Deed::Answers(0, true));
            prop_assert!(world.holds(), "at the end: {} of {}", world.abandoned, world.live);
        }
    }

    /// With no budget, predictive is progressive: nobody is ever abandoned.
    #[test]
    fn a_cap_of_nothing_abandons_nobody(deeds in prop::collection::vec(deed(), 300..600)) {
        let mut world = World::new("predictive", 0.0);
        for deed in &deeds {
            world.does(deed);
            prop_assert!(world.abandoned == 0, "{deed:?}");
        }
    }

    /// The same facts give the same answers.
    #[test]
    fn it_is_deterministic(deeds in prop::collection::vec(deed(), 200..400)) {
        let play = || {
            let mut world = World::new("predictive", 0.03);
            deeds.iter().for_each(|deed| world.does(deed));
            (world.next, world.live, world.abandoned)
        };
        prop_assert_eq!(play(), play());
    }
}

/// The test above can fail: a boost of two crosses the cap at once.
#[test]
fn the_adversary_breaks_what_promises_nothing() {
    let mut world = World::new("boost:2", 0.03);
    (0..12).for_each(|_| world.does(&Deed::Answers(0, true)));
    assert!(!world.holds());
}
