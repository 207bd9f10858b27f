//! Campaigns that an engine paces, on a floor of people and agents whose dice are the numbers of the calls.

use crate::queues::{member, observed, told};
use crate::script::*;
use dialer::{Caller, Command, Dialer, EndPointSpec, Event, HarbourAnswer, IdKind, Member, News, PacedBy};
use domain::abandonment::{Figures, PeriodNow};
use domain::journal::{Note, PaceReceipt};
use domain::{
    Boost, CampaignId, EndPointId, EndedBy, LegId, Mono, Now, ObservedQueue, Pacing, PacingMode, PacingPolicy, RunId,
};
use std::collections::{BTreeMap, VecDeque};

const QUEUE: &str = "999";
const S: u64 = 1_000;

fn predictive(policy: PacingPolicy) -> Pacing {
    Pacing { mode: PacingMode::Predictive, policy, ..Pacing::default() }
}

fn end_point_of_agents(id: i64) -> EndPointSpec {
    EndPointSpec { queue: Some(ObservedQueue::named(QUEUE)), ..end_point(id, 500) }
}

/// What happens at its millisecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    Rings(LegId),
    Answers(LegId),
    Busy(LegId),
    HangsUp(LegId),
    Redirected(LegId),
    HeardTheMessage(LegId),
    TalkedEnough(usize, LegId),
    Back(usize),
    Flips(usize),
}

/// The people, the agents and the queue of one PBX.
struct Floor {
    dialer: Dialer,
    at_ms: u64,
    agenda: BTreeMap<(u64, u64), Then>,
    count: u64,
    /// What each agent does: free, in a call, wrapping up, not logged on.
    agents: Vec<char>,
    waiting: VecDeque<(LegId, u64)>,
    up: BTreeMap<LegId, bool>,
    answered_percent: u64,
    talk_ms: u64,
    launched: u64,
    live: u64,
    abandoned: u64,
    cancelled: u64,
    /// Milliseconds of agents in calls, and of agents there.
    talked: u64,
    there: u64,
    /// Calls towards agents at once, most of those beyond who was free.
    most_beyond: i64,
    over_cap: Option<(u64, u64)>,
    rang_ms: BTreeMap<LegId, u64>,
    violated: Vec<String>,
    /// What the database would have of the ledger.
    books: BTreeMap<CampaignId, PeriodNow>,
    /// Answers of calls that were written down with the pace that they go by.
    paces: Vec<PaceReceipt>,
}

impl Floor {
    fn new(agents: usize, pacings: &[Pacing]) -> Self {
        Self::make(agents, pacings, false)
    }

    fn with_harbour(agents: usize, pacings: &[Pacing]) -> Self {
        Self::make(agents, pacings, true)
    }

    fn make(agents: usize, pacings: &[Pacing], there: bool) -> Self {
        let mut floor = Self {
            dialer: Dialer::new(),
            at_ms: 0,
            agenda: BTreeMap::new(),
            count: 0,
            agents: vec!['i'; agents],
            waiting: VecDeque::new(),
            up: BTreeMap::new(),
            answered_percent: 30,
            talk_ms: 40 * S,
            launched: 0,
            live: 0,
            abandoned: 0,
            cancelled: 0,
            talked: 0,
            there: 0,
            most_beyond: 0,
            over_cap: None,
            rang_ms: BTreeMap::new(),
            violated: Vec::new(),
            books: BTreeMap::new(),
            paces: Vec::new(),
        };
        floor.begin(pacings, there);
        floor
    }

    /// A process begins: what is configured, what the ledger says, the runs and who is there.
    fn begin(&mut self, pacings: &[Pacing], there: bool) {
        let floor = self;
        for (campaign, period) in floor.books.clone() {
            floor.tell(Event::BooksRemembered { campaign, period });
        }
        floor.tell(Event::PbxConfigured(dialer::PbxSpec { id: PBX, originates_per_second: 1_000 }));
        floor.tell(Event::HarbourSeen { pbx: PBX, there });
        floor.tell(Event::TrunkConfigured(trunk(1, 500)));
        for kind in [IdKind::Attempt, IdKind::Call, IdKind::Leg] {
            floor.tell(ids(kind));
        }
        floor.tell(Event::PbxUp { pbx: PBX, legs: vec![] });
        for (n, pacing) in (1..).zip(pacings) {
            floor.tell(Event::EndPointConfigured(end_point_of_agents(n)));
            let mut spec = run_spec(n, 100_000);
            spec.settings.pacing = *pacing;
            spec.settings.end_points = vec![EndPointId(n)];
            spec.settings.batch_size = 10_000;
            floor.tell(Event::RunStarted(Box::new(spec)));
            floor.tell(fresh(RunId(n), n * 100_000 + 1..=n * 100_000 + 20_000));
        }
        let names: Vec<String> = (0..floor.agents.len()).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        floor.tell(observed(&[(QUEUE, &names)]));
    }

    /// The process is killed while nothing is up, and another one begins.
    fn killed(&mut self, pacings: &[Pacing]) {
        for n in (1..).take(pacings.len()) {
            self.tell(Event::RunPaused(RunId(n)));
        }
        self.run(180);
        assert!(self.up.is_empty(), "{:?}", self.up);
        self.dialer = Dialer::new();
        self.agents.iter_mut().for_each(|agent| *agent = 'i');
        self.agenda.clear();
        self.begin(pacings, true);
    }

    fn now(&self) -> Now {
        Now { mono: Mono(1_000_000 + self.at_ms * 1_000), wall: NOON.plus_ms(self.at_ms.cast_signed()) }
    }

    /// A number below 100 that is this call's alone.
    fn dice(leg: LegId, salt: u64) -> u64 {
        let mut x =
            leg.0.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
        x = (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (x ^ (x >> 29)) % 100
    }

    fn later(&mut self, ms: u64, then: Then) {
        self.count += 1;
        self.agenda.insert((self.at_ms + ms, self.count), then);
    }

    fn tell(&mut self, event: Event) {
        let mut out = Vec::new();
        self.dialer.step(self.now(), event, &mut out);
        for command in out {
            self.follow(command);
        }
    }

    fn follow(&mut self, command: Command) {
        match command {
            Command::Journal(new) => {
                self.paces.extend(new.receipt.queue.as_ref().and_then(|queue| queue.pace));
                self.tell(journalled(new.attempt));
            }
            Command::Note(Note { at, counted: Some(counted), .. }) => {
                let before = self.books.get(&counted.campaign).copied();
                self.books.insert(counted.campaign, PeriodNow::following(before, at, &counted));
            }
            Command::BringToHarbour(to) => self.later(1, Then::Redirected(to.leg)),
            Command::Originate(call) => {
                self.launched += 1;
                self.up.insert(call.leg, false);
                let free = self.agents.iter().filter(|agent| **agent == 'i').count().cast_signed() as i64;
                let on_the_way = self.up.values().filter(|answered| !**answered).count() as i64;
                self.most_beyond = self.most_beyond.max(on_the_way + self.waiting.len() as i64 - free);
                let dice = Self::dice(call.leg, 1);
                let ring_ms = 300 + 10 * Self::dice(call.leg, 2);
                match dice {
                    _ if dice < self.answered_percent => {
                        self.later(ring_ms, Then::Rings(call.leg));
                        self.later(ring_ms + 2_000 + 120 * Self::dice(call.leg, 3), Then::Answers(call.leg));
                    }
                    90.. => self.later(800, Then::Busy(call.leg)),
                    _ => self.later(ring_ms, Then::Rings(call.leg)),
                }
                self.tell(Event::OriginateDone(call.leg));
            }
            Command::HangUp { leg, why, .. } => {
                if why == EndedBy::Pacing {
                    self.cancelled += 1;
                    let rang = self.at_ms - self.rang_ms.get(&leg).copied().unwrap_or(self.at_ms);
                    assert!(rang >= 15 * S, "cancelled after {rang} ms of ringing");
                }
                self.ends(leg, 16, None);
            }
            Command::Violated { invariant, detail, .. } => self.violated.push(format!("{invariant}: {detail}")),
            _ => {}
        }
    }

    fn ends(&mut self, leg: LegId, cause: u16, tech_cause: Option<u16>) {
        if self.up.remove(&leg).is_some() {
            self.tell(Event::LegEnded { leg, cause, tech_cause });
        }
    }

    fn member(&mut self, agent: usize) {
        let news = match self.agents[agent] {
            'o' => News::MemberGone { queue: QUEUE.into(), interface: name(agent) },
            doing => {
                let member = Member { in_call: doing == 't', paused: doing == 'p', ..member(&name(agent)) };
                News::MemberIs { queue: QUEUE.into(), member }
            }
        };
        self.tell(told(news));
    }

    fn serve(&mut self) {
        while let Some(agent) = self.agents.iter().position(|agent| *agent == 'i')
            && let Some((leg, _)) = self.waiting.pop_front()
        {
            self.agents[agent] = 't';
            let caller = Caller { channel: format!("c-{leg}"), leg: Some(leg) };
            self.tell(told(News::Called { channel: caller.channel.clone(), interface: name(agent) }));
            self.tell(told(News::CallerGone { queue: QUEUE.into(), caller: caller.clone(), gave_up: false }));
            self.tell(told(News::Connected { caller, interface: name(agent) }));
            self.member(agent);
            let talk = self.talk_ms / 2 + self.talk_ms * Self::dice(leg, 4) / 100;
            self.later(talk, Then::TalkedEnough(agent, leg));
        }
    }

    /// Without an agent; whether it was there.
    fn leaves_the_queue(&mut self, leg: LegId) -> bool {
        let Some(at) = self.waiting.iter().position(|(of, _)| *of == leg) else { return false };
        self.waiting.remove(at);
        self.abandoned += 1;
        let caller = Caller { channel: format!("c-{leg}"), leg: Some(leg) };
        self.tell(told(News::CallerGone { queue: QUEUE.into(), caller, gave_up: true }));
        if self.abandoned as f64 > 0.03 * self.live as f64 {
            self.over_cap = Some((self.abandoned, self.live));
        }
        true
    }

    fn happens(&mut self, then: Then) {
        match then {
            Then::Rings(leg) if self.up.contains_key(&leg) => {
                self.rang_ms.insert(leg, self.at_ms);
                self.tell(Event::LegRinging(leg));
            }
            Then::Answers(leg) if self.up.contains_key(&leg) => {
                self.up.insert(leg, true);
                self.live += 1;
                self.tell(Event::LegAnswered(leg));
                let caller = Caller { channel: format!("c-{leg}"), leg: Some(leg) };
                self.tell(told(News::CallerCame { queue: QUEUE.into(), caller }));
                self.waiting.push_back((leg, self.at_ms));
                self.later(2 * S, Then::HangsUp(leg));
                self.serve();
            }
            Then::Busy(leg) => self.ends(leg, 17, Some(486)),
            Then::HangsUp(leg) => {
                if self.leaves_the_queue(leg) {
                    self.ends(leg, 16, None);
                }
            }
            Then::Redirected(leg) => {
                let is_there = self.leaves_the_queue(leg);
                let not_wanted = || HarbourAnswer::NotWanted("it waits no more".into());
                let answer = if is_there { HarbourAnswer::Done } else { not_wanted() };
                self.tell(Event::HarbourAnswered { leg, answer });
                if is_there {
                    self.later(5 * S, Then::HeardTheMessage(leg));
                }
            }
            Then::HeardTheMessage(leg) => self.ends(leg, 16, None),
            Then::TalkedEnough(agent, leg) => {
                if self.agents[agent] == 't' {
                    self.agents[agent] = 'p';
                }
                self.ends(leg, 16, None);
                self.tell(told(News::Released { channel: Some(format!("c-{leg}")), interface: name(agent) }));
                self.member(agent);
                self.later(5 * S, Then::Back(agent));
            }
            Then::Back(agent) if self.agents[agent] == 'p' => {
                self.agents[agent] = 'i';
                self.member(agent);
                self.serve();
            }
            Then::Flips(agent) => {
                self.agents[agent] = match self.agents[agent] {
                    'i' => 'o',
                    'o' => 'i',
                    busy => busy,
                };
                self.member(agent);
                self.serve();
                self.later(S, Then::Flips(agent));
            }
            Then::Rings(_) | Then::Answers(_) | Then::Back(_) => {}
        }
    }

    /// Lets so many seconds pass.
    fn run(&mut self, seconds: u64) -> &mut Self {
        let until = self.at_ms + seconds * S;
        loop {
            let next = self.agenda.keys().next().map_or(until, |(at, _)| *at);
            let wake = self
                .dialer
                .next_wake(self.now())
                .map_or(until, |wake| wake.0.saturating_sub(1_000_000).div_ceil(1_000).max(self.at_ms + 1));
            let to = next.min(wake).min(until);
            let gone = to - self.at_ms;
            self.talked += gone * self.agents.iter().filter(|agent| **agent == 't').count() as u64;
            self.there += gone * self.agents.iter().filter(|agent| **agent != 'o').count() as u64;
            self.at_ms = to;
            if to == until {
                break;
            }
            if next == to {
                let first = self.agenda.keys().next().copied();
                let then = first.and_then(|key| self.agenda.remove(&key));
                then.into_iter().for_each(|then| self.happens(then));
            } else {
                self.tell(Event::Tick);
            }
        }
        assert!(self.violated.is_empty(), "{:?}", self.violated);
        self
    }

    fn occupancy(&self) -> f64 {
        self.talked as f64 / self.there.max(1) as f64
    }

    fn by(&self, run: i64) -> PacedBy {
        self.dialer.pacing_figures(RunId(run)).unwrap().by
    }
}

fn name(agent: usize) -> String {
    format!("SIP/{agent}")
}

fn why(by: PacedBy) -> &'static str {
    match by {
        PacedBy::Engine { why, .. } => why.text(),
        _ => "no engine",
    }
}

#[test]
fn without_a_safe_harbour_it_dials_one_call_for_each_free_agent_and_says_so() {
    for mode in [PacingMode::Automatic, PacingMode::Predictive] {
        let mut floor = Floor::new(4, &[Pacing { mode, ..Pacing::default() }]);
        floor.run(600);
        assert_eq!(floor.by(1), PacedBy::NoHarbour);
        assert!(floor.most_beyond <= 0 && floor.launched > 20, "{} beyond", floor.most_beyond);
        assert_eq!(floor.abandoned, 0);
    }
}

#[test]
fn predictive_begins_with_one_call_for_each_free_agent_and_says_so() {
    let mut floor = Floor::with_harbour(6, &[predictive(PacingPolicy::Budget)]);
    floor.run(2);
    assert!(floor.launched >= 6, "{}", floor.launched);
    assert!(why(floor.by(1)).contains("too few answers seen yet"), "{}", why(floor.by(1)));
    assert_eq!(floor.most_beyond, 0);
}

#[test]
fn what_was_learnt_dials_ahead_and_abandons_no_more_than_the_cap() {
    let progressive =
        Floor::new(10, &[Pacing { mode: PacingMode::Progressive, ..Pacing::default() }]).run(2_400).occupancy();
    let mut floor = Floor::with_harbour(10, &[predictive(PacingPolicy::Budget)]);
    floor.run(2_400);
    let (occupancy, cap) = (floor.occupancy(), 0.03 * floor.live as f64);
    assert!(occupancy > progressive * 1.2, "{occupancy:.3} of the time in calls, {progressive:.3} one by one");
    assert!(floor.abandoned as f64 <= cap, "{} of {} abandoned", floor.abandoned, floor.live);
    // The engine's books are those of the floor.
    let PacedBy::Engine { abandoned, live, .. } = floor.by(1) else { panic!("no engine") };
    assert_eq!((abandoned, live), (floor.abandoned, floor.live));
}

#[test]
fn killed_in_the_middle_it_goes_on_with_the_figures_of_the_ledger() {
    let pacings = [predictive(PacingPolicy::Budget)];
    let mut floor = Floor::with_harbour(10, &pacings);
    floor.run(2_400);
    let figures = |floor: &Floor| match floor.by(1) {
        PacedBy::Engine { abandoned, live, .. } => (abandoned, live),
        other => panic!("{other:?}"),
    };
    floor.killed(&pacings);
    let before = (floor.abandoned, floor.live);
    assert!(before.0 > 0, "nobody was abandoned of {}", before.1);
    floor.paces.clear();
    floor.run(1);
    assert_eq!(figures(&floor), before);
    let first = floor.paces[0];
    assert_eq!((first.abandoned, first.abandoned + first.persons), before, "what the first call went by");
    floor.run(1_200);
    assert_eq!(figures(&floor), (floor.abandoned, floor.live), "and counts on");
    assert!(floor.abandoned as f64 <= 0.03 * floor.live as f64, "{} of {}", floor.abandoned, floor.live);
}

#[test]
fn what_leaves_the_counting_period_leaves_the_figures() {
    let went_by = |hours: i64| {
        let pacings = [Pacing { period_days: 1, ..predictive(PacingPolicy::Guaranteed) }];
        let mut floor = Floor::new(1, &[]);
        let period =
            PeriodNow { began_at: NOON.plus_seconds(-3_600 * hours), figures: Figures { abandoned: 2, live: 9 } };
        floor.books.insert(CampaignId(1), period);
        floor.dialer = Dialer::new();
        floor.begin(&pacings, true);
        floor.run(2);
        let first = floor.paces[0];
        (first.abandoned, first.persons)
    };
    assert_eq!(went_by(23), (2, 7));
    assert_eq!(went_by(24), (0, 0));
}

#[test]
fn guaranteed_is_never_over_its_cap_whatever_answers() {
    for answered_percent in [10, 35, 90] {
        let mut floor = Floor::with_harbour(10, &[predictive(PacingPolicy::Guaranteed)]);
        floor.answered_percent = answered_percent;
        floor.run(900);
        assert_eq!(floor.over_cap, None, "{answered_percent} % answered");
        assert!(floor.live > 15, "{}", floor.live);
    }
}

#[test]
fn agents_who_flap_every_second_get_never_one_call_too_many() {
    let mut floor = Floor::with_harbour(6, &[predictive(PacingPolicy::Guaranteed)]);
    for agent in 0..6 {
        floor.later(1_000 + 150 * agent, Then::Flips(agent as usize));
    }
    floor.run(900);
    // Each call was decided for an agent who was there: nobody's absence makes another one.
    assert!(floor.most_beyond <= 6, "{} calls more than agents", floor.most_beyond);
    let PacedBy::Engine { free, .. } = floor.by(1) else { panic!("no engine") };
    assert!(free <= 6);
}

#[test]
fn without_agents_nothing_is_launched_and_with_them_gone_nothing_more() {
    let mut floor = Floor::with_harbour(0, &[predictive(PacingPolicy::Budget)]);
    floor.run(60);
    assert_eq!((floor.launched, why(floor.by(1))), (0, "no agent is logged in"));
    let mut floor = Floor::with_harbour(8, &[predictive(PacingPolicy::Budget)]);
    floor.run(900);
    for agent in 0..8 {
        floor.agents[agent] = 'o';
        floor.member(agent);
    }
    let before = floor.launched;
    floor.run(60);
    assert_eq!(floor.launched, before);
}

#[test]
fn a_queue_out_of_sight_is_nobody_s() {
    let mut floor = Floor::with_harbour(8, &[predictive(PacingPolicy::Budget)]);
    floor.run(900);
    floor.tell(told(News::Lost { why: "cut".into() }));
    let before = floor.launched;
    floor.run(30);
    assert_eq!(floor.launched, before);
}

#[test]
fn a_step_of_the_clock_launches_nothing() {
    let mut floor = Floor::with_harbour(8, &[predictive(PacingPolicy::Budget)]);
    floor.run(900);
    let before = floor.launched;
    let mut out = Vec::new();
    let now = Now { wall: floor.now().wall.plus_ms(-3_600_000), ..floor.now() };
    floor.dialer.step(now, Event::Tick, &mut out);
    assert!(out.iter().any(|command| matches!(command, Command::HoldDialling { .. })), "{out:?}");
    assert!(!out.iter().any(|command| matches!(command, Command::Journal(_) | Command::Originate(_))), "{out:?}");
    assert_eq!(floor.launched, before);
}

#[test]
fn a_call_that_rings_for_long_and_is_a_risk_is_cancelled_as_not_answered() {
    let mut floor = Floor::with_harbour(20, &[predictive(PacingPolicy::Budget)]);
    floor.run(1_500);
    assert!(floor.cancelled > 0, "nothing was cancelled");
}

#[test]
fn agents_of_two_campaigns_are_dealt_out_and_nobody_is_reckoned_with_twice() {
    let mut floor = Floor::with_harbour(6, &[predictive(PacingPolicy::Budget), predictive(PacingPolicy::Budget)]);
    floor.run(2);
    assert!(floor.launched >= 6 && floor.most_beyond <= 0, "{} launched, {} beyond", floor.launched, floor.most_beyond);
    floor.run(1_800);
    let free: u32 = [1, 2]
        .map(|run| match floor.by(run) {
            PacedBy::Engine { free, .. } => free,
            _ => panic!("no engine"),
        })
        .iter()
        .sum();
    assert!(free as usize <= floor.agents.iter().filter(|agent| **agent == 'i').count());
    assert!(floor.abandoned as f64 <= 0.04 * floor.live as f64 + 2.0, "{} of {}", floor.abandoned, floor.live);
}

#[test]
fn a_boost_that_somebody_chose_is_not_overruled() {
    let mut floor = Floor::with_harbour(4, &[Pacing::default()]);
    floor.run(1);
    assert!(matches!(floor.by(1), PacedBy::Engine { .. }));
    floor.tell(Event::RunBoosted { run: RUN, boost: Boost::of("boost", 2.0).unwrap() });
    floor.run(1);
    assert_eq!(floor.by(1), PacedBy::Boost);
}
