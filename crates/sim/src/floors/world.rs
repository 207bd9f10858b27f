//! The floor on its virtual clock: one event after the other.

use super::Floor;
use super::chance::Chance;
use super::fate::{AFTER_GREETING_S, Fate, Kind};
use super::score::{Answers, Score};
use dialer::pacing::fact::{Counts, Fact, Unanswered};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// What happens at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Do {
    Rings(u64),
    Fails(u64),
    Answers(u64),
    RingsOut(u64),
    Verdict(u64),
    Deadline(u64),
    Hangs(u64, u32),
    WrappedUp(u64, u32),
    Staff,
    Pause(u32),
    Return(u32),
    Tick,
}

struct Due(f64, u64, Do);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    SettingUp,
    Ringing,
    Analysed,
    Queued,
    Over,
}

struct Call {
    fate: Fate,
    phase: Phase,
    launched_at: f64,
    /// When it began to ring, and from when on a person waits.
    rings_at: f64,
    waits_from: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Out,
    Idle,
    Talks,
    WrapsUp,
    Paused,
}

struct Agent {
    doing: Doing,
    wants_out: bool,
    wants_pause: bool,
    /// When he will be free, while he talks or wraps up.
    free_at: f64,
}

pub(super) struct World<'a> {
    pub(super) floor: &'a Floor,
    seed: u64,
    chance: Chance,
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    agents: Vec<Agent>,
    idle: VecDeque<(u32, f64)>,
    waiting: VecDeque<u64>,
    pub(super) counts: Counts,
    pub(super) wrapping_up: u32,
    pub(super) now: f64,
    pub(super) day: u32,
    /// What was not told yet.
    pub(super) news: Vec<(f64, Fact)>,
    tokens: (f64, f64),
    busy_s: f64,
    present_s: f64,
    hours: Vec<(f64, f64)>,
    pub(super) answers: Answers,
    attempts: u64,
    /// Conversations with persons.
    persons: u64,
    connects: u64,
    idle_s: f64,
}

impl<'a> World<'a> {
    pub(super) fn new(floor: &'a Floor, seed: u64) -> Self {
        Self {
            floor,
            seed,
            chance: Chance::of(seed, u64::MAX - 1),
            due: BinaryHeap::new(),
            order: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            agents: Vec::new(),
            idle: VecDeque::new(),
            waiting: VecDeque::new(),
            counts: NOBODY,
            wrapping_up: 0,
            now: 0.0,
            day: 0,
            news: Vec::new(),
            tokens: (0.0, 0.0),
            busy_s: 0.0,
            present_s: 0.0,
            hours: Vec::new(),
            answers: Answers::default(),
            attempts: 0,
            persons: 0,
            connects: 0,
            idle_s: 0.0,
        }
    }

    /// A shift begins: nobody is there.
    pub(super) fn begin(&mut self, day: u32) {
        self.day = day;
        self.now = self.day_began();
        self.due.clear();
        self.calls.clear();
        self.idle.clear();
        self.waiting.clear();
        self.counts = NOBODY;
        self.wrapping_up = 0;
        self.tokens = (f64::from(self.floor.terms.launches_per_s), self.now);
        let out = || Agent { doing: Doing::Out, wants_out: false, wants_pause: false, free_at: 0.0 };
        self.agents = (0..self.floor.terms.agents_max).map(|_| out()).collect();
        self.news.push((self.now, Fact::DayBegan));
        let mut at = self.now;
        while at < self.ends_at() {
            let later = self.chance.between(0.0, 20.0);
            self.after(at - self.now + later, Do::Staff);
            at += 30.0;
        }
        self.after(0.0, Do::Tick);
    }

    fn day_began(&self) -> f64 {
        86_400.0 * f64::from(self.day)
    }

    pub(super) fn ends_at(&self) -> f64 {
        self.day_began() + self.floor.shift_s
    }

    fn shift_clock_s(&self) -> f64 {
        self.now - self.day_began()
    }

    /// What is next; the clock goes there.
    pub(super) fn next(&mut self) -> Option<Do> {
        let Reverse(Due(at, _, what)) = self.due.pop()?;
        let until = at.min(self.ends_at());
        let s = (until - self.now).max(0.0);
        let busy = f64::from(self.counts.talking + self.wrapping_up) * s;
        let present = busy + f64::from(self.counts.idle) * s;
        self.busy_s += busy;
        self.present_s += present;
        let hour = (self.shift_clock_s() / 3_600.0) as usize;
        if self.hours.len() <= hour {
            self.hours.resize(hour + 1, (0.0, 0.0));
        }
        self.hours[hour].0 += busy;
        self.hours[hour].1 += present;
        self.now = at;
        Some(what)
    }

    pub(super) fn after(&mut self, s: f64, what: Do) {
        self.order += 1;
        self.due.push(Reverse(Due(self.now + s, self.order, what)));
    }

    fn tell(&mut self, fact: Fact) {
        self.news.push((self.now, fact));
    }

    /// When each agent will be free, for the oracle: those who talk or wrap up, and those who are free now.
    pub(super) fn free_at(&self) -> Vec<f64> {
        let at = |agent: &Agent| match agent.doing {
            Doing::Idle => Some(self.now),
            Doing::Talks | Doing::WrapsUp if !agent.wants_out && !agent.wants_pause => Some(agent.free_at),
            _ => None,
        };
        self.agents.iter().filter_map(at).collect()
    }

    /// When the calls on their way will want an agent, for the oracle.
    pub(super) fn wanted_at(&self) -> Vec<f64> {
        let open = self.calls.values().filter(|call| call.phase != Phase::Over);
        open.filter_map(|call| Some(call.launched_at + call.fate.wants_agent_after(self.floor)?)).collect()
    }

    /// The fate of the next call if it is launched now, for the oracle.
    pub(super) fn next_fate(&self) -> Fate {
        Fate::draw(self.floor, self.seed, self.next_call, self.shift_clock_s(), self.day)
    }

    /// Launches one call if lines and rate allow.
    pub(super) fn launch(&mut self) -> bool {
        let terms = &self.floor.terms;
        if terms.lines_max > 0 && self.counts.lines() >= terms.lines_max {
            return false;
        }
        if terms.launches_per_s > 0 {
            let rate = f64::from(terms.launches_per_s);
            self.tokens = ((self.tokens.0 + (self.now - self.tokens.1) * rate).min(rate), self.now);
            if self.tokens.0 < 1.0 {
                return false;
            }
            self.tokens.0 -= 1.0;
        }
        let fate = self.next_fate();
        let number = self.next_call;
        self.next_call += 1;
        self.attempts += 1;
        self.counts.dialing += 1;
        let call =
            Call { fate, phase: Phase::SettingUp, launched_at: self.now, rings_at: f64::INFINITY, waits_from: 0.0 };
        self.calls.insert(number, call);
        self.tell(Fact::Launched(number));
        let then = if fate.kind == Kind::NotThrough { Do::Fails(number) } else { Do::Rings(number) };
        self.after(fate.sets_up_s, then);
        true
    }

    /// Cancels a call that rang for the shortest ring.
    pub(super) fn cancel(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number) else { return };
        if call.phase == Phase::Ringing && self.now - call.rings_at >= self.floor.terms.min_ring_s {
            self.unanswered(number, Unanswered::Cancelled);
        }
    }

    pub(super) fn happens(&mut self, what: Do) {
        match what {
            Do::Rings(number) => self.rings(number),
            Do::Fails(number) => self.unanswered(number, Unanswered::NotThrough),
            Do::RingsOut(number) if self.phase(number) == Phase::Ringing => {
                self.unanswered(number, Unanswered::NoAnswer);
            }
            Do::Answers(number) if self.phase(number) == Phase::Ringing => self.is_answered(number),
            Do::Verdict(number) if self.phase(number) == Phase::Analysed => self.verdict(number),
            Do::Deadline(number) if self.phase(number) == Phase::Queued => self.is_abandoned(number),
            Do::Hangs(number, agent) => self.hangs_up(number, agent),
            Do::WrappedUp(number, agent) => self.wrapped_up(number, agent),
            Do::Staff => self.staff(),
            Do::Pause(agent) => self.pause(agent),
            Do::Return(agent) => self.returns(agent),
            Do::RingsOut(_) | Do::Answers(_) | Do::Verdict(_) | Do::Deadline(_) | Do::Tick => {}
        }
    }

    fn phase(&self, number: u64) -> Phase {
        self.calls.get(&number).map_or(Phase::Over, |call| call.phase)
    }

    fn rings(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.phase = Phase::Ringing;
        call.rings_at = self.now;
        let rings_s = call.fate.rings_s;
        let timeout_s = self.floor.terms.ring_timeout_s;
        self.tell(Fact::Rings(number));
        if rings_s < timeout_s {
            self.after(rings_s, Do::Answers(number));
        } else {
            self.after(timeout_s, Do::RingsOut(number));
        }
    }

    fn unanswered(&mut self, number: u64, how: Unanswered) {
        self.calls.remove(&number);
        self.counts.dialing -= 1;
        self.tell(Fact::Ended(number, how));
    }

    fn is_answered(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let fate = call.fate;
        self.counts.dialing -= 1;
        if fate.kind == Kind::Person {
            self.answers.live_at.push(self.now);
        }
        call.waits_from = self.now;
        if self.floor.terms.analysis {
            call.phase = Phase::Analysed;
            call.waits_from += fate.verdict_s - AFTER_GREETING_S;
            self.counts.analysed += 1;
            self.tell(Fact::Answered(number));
            self.after(fate.verdict_s, Do::Verdict(number));
        } else {
            self.tell(Fact::Answered(number));
            self.offer(number);
        }
    }

    fn verdict(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number) else { return };
        let fate = call.fate;
        self.counts.analysed -= 1;
        if fate.taken_for_person {
            self.tell(Fact::Person(number));
            self.offer(number);
        } else {
            self.tell(Fact::Machine(number));
            if fate.kind == Kind::Person && self.floor.terms.lost_to_analysis > 0.0 {
                self.answers.abandoned_at.push(self.now);
            }
            self.calls.remove(&number);
        }
    }

    /// Somebody wants an agent.
    fn offer(&mut self, number: u64) {
        if let Some((agent, since)) = self.idle.pop_front() {
            self.counts.idle -= 1;
            self.connect(number, agent, since);
            return;
        }
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.phase = Phase::Queued;
        let left_s = (call.waits_from + self.floor.terms.deadline_s - self.now).max(0.0);
        self.counts.queued += 1;
        self.waiting.push_back(number);
        self.tell(Fact::Queued(number));
        self.after(left_s, Do::Deadline(number));
    }

    fn is_abandoned(&mut self, number: u64) {
        self.waiting.retain(|other| *other != number);
        self.counts.queued -= 1;
        if let Some(Call { fate: Fate { kind: Kind::Person, .. }, .. }) = self.calls.remove(&number) {
            self.answers.abandoned_at.push(self.now);
        }
        self.tell(Fact::Abandoned(number));
    }

    fn connect(&mut self, number: u64, agent: u32, since: f64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.phase = Phase::Over;
        let fate = call.fate;
        self.idle_s += self.now - since;
        self.connects += 1;
        self.persons += u64::from(fate.kind == Kind::Person);
        self.counts.talking += 1;
        let at = &mut self.agents[agent as usize];
        at.doing = Doing::Talks;
        at.free_at = self.now + fate.talk_s + fate.wrap_up_s;
        self.tell(Fact::Connected(number, agent));
        self.after(fate.talk_s, Do::Hangs(number, agent));
    }

    fn hangs_up(&mut self, number: u64, agent: u32) {
        let Some(call) = self.calls.get(&number) else { return };
        let wrap_up_s = call.fate.wrap_up_s;
        self.counts.talking -= 1;
        self.wrapping_up += 1;
        self.agents[agent as usize].doing = Doing::WrapsUp;
        self.tell(Fact::WrapUp(agent));
        self.after(wrap_up_s, Do::WrappedUp(number, agent));
    }

    fn wrapped_up(&mut self, number: u64, agent: u32) {
        self.wrapping_up -= 1;
        let person = self.calls.remove(&number).is_some_and(|call| call.fate.kind == Kind::Person);
        self.tell(Fact::Done { agent, person });
        self.becomes_free(agent);
    }

    fn becomes_free(&mut self, agent: u32) {
        let at = &mut self.agents[agent as usize];
        if at.wants_out {
            at.doing = Doing::Out;
            self.tell(Fact::LoggedOut(agent));
        } else if std::mem::take(&mut at.wants_pause) {
            self.begins_pause(agent);
        } else if let Some(number) = self.waiting.pop_front() {
            self.counts.queued -= 1;
            self.connect(number, agent, self.now);
        } else {
            at.doing = Doing::Idle;
            self.counts.idle += 1;
            self.idle.push_back((agent, self.now));
            self.tell(Fact::Idle(agent));
        }
    }

    fn begins_pause(&mut self, agent: u32) {
        self.agents[agent as usize].doing = Doing::Paused;
        self.tell(Fact::Paused(agent));
        let pause_s = self.chance.wait(self.floor.pauses.1);
        self.after(pause_s, Do::Return(agent));
    }

    /// The agent is taken from those who are free.
    fn leaves_idle(&mut self, agent: u32) {
        self.idle.retain(|other| other.0 != agent);
        self.counts.idle -= 1;
    }

    fn pause(&mut self, agent: u32) {
        match self.agents[agent as usize].doing {
            Doing::Idle => {
                self.leaves_idle(agent);
                self.begins_pause(agent);
            }
            Doing::Talks | Doing::WrapsUp => self.agents[agent as usize].wants_pause = true,
            Doing::Out | Doing::Paused => {}
        }
    }

    fn returns(&mut self, agent: u32) {
        if self.agents[agent as usize].doing == Doing::Paused {
            self.next_pause(agent);
            self.becomes_free(agent);
        }
    }

    fn next_pause(&mut self, agent: u32) {
        if self.floor.pauses.0 > 0.0 {
            let wait_s = self.chance.wait(self.floor.pauses.0);
            self.after(wait_s, Do::Pause(agent));
        }
    }

    fn staff(&mut self) {
        let (s, shift_s) = (self.shift_clock_s(), self.floor.shift_s);
        for agent in 0..self.floor.terms.agents_max {
            let there = self.floor.staffing.is_there(s, shift_s, agent, self.day);
            let index = agent as usize;
            self.agents[index].wants_out = !there;
            match (there, self.agents[index].doing) {
                (true, Doing::Out) => {
                    self.next_pause(agent);
                    self.becomes_free(agent);
                }
                (false, Doing::Idle) => {
                    self.leaves_idle(agent);
                    self.agents[index].doing = Doing::Out;
                    self.tell(Fact::LoggedOut(agent));
                }
                _ => {}
            }
        }
    }

    pub(super) fn score(self) -> Score {
        let (worst_quarter, worst_quarter_calls) = self.answers.worst_quarter();
        Score {
            occupancy: self.busy_s / self.present_s.max(1.0),
            abandonment: self.answers.abandonment(),
            worst_quarter,
            worst_quarter_calls,
            live: self.answers.live_at.len(),
            attempts_per_person: self.attempts as f64 / self.persons.max(1) as f64,
            idle_s: self.idle_s / self.connects.max(1) as f64,
            hourly: self.hours.iter().map(|(busy, present)| busy / present.max(1.0)).collect(),
        }
    }
}

const NOBODY: Counts = Counts { idle: 0, talking: 0, dialing: 0, analysed: 0, queued: 0 };
