//! The pace of one campaign: facts in, decisions out, whatever the mode.

use super::account::Account;
use super::adaptive::{Adaptive, Seen};
use super::boost::{self, Load};
use super::fact::{Counts, Decision, Fact, Terms, Why, seconds};
use super::floor::{Doing, Floor};
use super::limits::Limits;
use super::mode::Mode;
use super::predictive::{Predictive, View};
use domain::abandonment::Figures;
use domain::{Boost, Invalid, Mono, PacingPolicy};
use std::collections::VecDeque;

/// Calls launched in one decision, at most; the next decision follows in a fraction of a second.
pub const LAUNCH_MAX: u32 = 1_000;

/// Decides how many calls a campaign launches.
///
/// Told of every [`Fact`] and asked at least as often as [`Self::decide_every_s`] says. The same facts and questions at
/// the same times give the same answers. A clock that goes back stands still until it is where it was.
pub struct Engine {
    terms: Terms,
    pace: Pace,
    floor: Floor,
    /// Everybody who was abandoned counts as a person here.
    account: Account,
    /// The same as its owner counts it, where he does: then that is what counts.
    owners: Option<Account>,
    limits: Limits,
    vanished: Vanished,
    now: f64,
    /// Seconds of the counting period before this day, when the day began, and when was the last decision of it.
    days_before_s: f64,
    day_began: f64,
    decided_at: f64,
    /// Seconds of the counting period that are left, where its owner knows.
    left_s: Option<f64>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("terms", &self.terms).field("account", &self.account).finish_non_exhaustive()
    }
}

/// Seconds between decisions that suit so many agents.
pub fn decide_every_s(agents: u32) -> f64 {
    match agents {
        0..=30 => 0.2,
        31..=100 => 0.3,
        _ => 0.5,
    }
}

enum Pace {
    Ratio(Boost),
    Boost(Boost),
    Adaptive(Adaptive),
    Predictive(Box<Predictive>),
}

impl Engine {
    /// Refuses terms that make no sense.
    pub fn new(terms: Terms, mode: Mode) -> Result<Self, Invalid> {
        terms.check()?;
        let pace = match mode {
            Mode::Progressive => Pace::Ratio(Boost::ONE),
            Mode::Ratio(calls) => Pace::Ratio(calls),
            Mode::Boost(calls) => Pace::Boost(calls),
            Mode::AdaptHardLimit | Mode::AdaptAverage | Mode::AdaptTapered => Pace::Adaptive(Adaptive::new(mode)),
            Mode::Predictive(policy) => {
                Pace::Predictive(Box::new(Predictive::new(&terms, policy == PacingPolicy::Guaranteed)))
            }
        };
        Ok(Self {
            pace,
            floor: Floor::new(),
            account: Account::default(),
            owners: None,
            limits: Limits::new(&terms),
            vanished: Vanished::default(),
            now: 0.0,
            days_before_s: 0.0,
            day_began: 0.0,
            decided_at: 0.0,
            left_s: None,
            terms,
        })
    }

    /// Seconds between decisions that suit the size of the floor.
    pub fn decide_every_s(&self) -> f64 {
        decide_every_s(self.terms.agents_max)
    }

    /// So many seconds of dialling are left of the counting period, or of the work: from now on that counts, and not the clock.
    pub fn left(&mut self, seconds: f64) {
        self.left_s = Some(seconds);
    }

    /// Abandoned and live calls of the counting period, as the owner counts them: from now on these count, and not the facts.
    pub fn figures(&mut self, figures: Figures) {
        let abandoned = f64::from(figures.abandoned);
        let account = Account { abandoned, persons: (f64::from(figures.live) - abandoned).max(0.0) };
        self.owners = Some(account);
        if let Pace::Predictive(predictive) = &mut self.pace {
            predictive.counted(account);
        }
    }

    /// Agents who are free, talk or wrap up.
    pub fn working(&self) -> u32 {
        self.floor.working()
    }

    /// Agents who are free.
    pub fn free(&self) -> u32 {
        self.floor.how_many(Doing::Idle)
    }

    /// Calls that were abandoned, and people whom agents had on the line.
    pub fn counted(&self) -> (f64, f64) {
        let account = self.owners.unwrap_or(self.account);
        (account.abandoned, account.persons)
    }

    /// Something happened.
    pub fn fact(&mut self, at: Mono, fact: Fact) {
        let now = self.advance(at);
        let was = self.floor.fact(now, fact);
        match fact {
            Fact::DayBegan => {
                // Nights are no part of the period.
                self.days_before_s += (self.decided_at - self.day_began).max(0.0);
                (self.day_began, self.decided_at) = (now, now);
                self.vanished = Vanished::default();
            }
            Fact::Launched(_) => self.limits.launched(now),
            Fact::Abandoned(_) if was.call.is_some() => self.account.abandoned += 1.0,
            Fact::Done { person: true, .. } => self.account.persons += 1.0,
            Fact::Paused(_) | Fact::LoggedOut(_) if was.agent.is_some_and(|was| was.0 == Doing::Idle) => {
                self.vanished.left(now);
            }
            _ => {}
        }
        if let Pace::Predictive(predictive) = &mut self.pace {
            predictive.fact(now, fact, was);
        }
    }

    /// What to do now. `counts`: the floor as its owner counts it, if he does.
    pub fn decide(&mut self, at: Mono, counts: Option<&Counts>) -> Decision {
        let now = self.advance(at);
        self.decided_at = now;
        let own = self.own_counts();
        let account = self.owners.unwrap_or(self.account);
        // The more cautious of both.
        let told = counts.copied().unwrap_or(own);
        let idle = own.idle.min(told.idle);
        let open = own.open().max(told.open());
        let queued = own.queued.max(told.queued);
        let lines = own.lines().max(told.lines());
        let on_the_way = open.saturating_sub(queued);
        let gone_s = match self.left_s {
            Some(left_s) => (self.terms.period_s - left_s).max(0.0),
            None => self.days_before_s + now - self.day_began,
        };
        let mut decision = match &mut self.pace {
            Pace::Ratio(calls) => {
                let target = (f64::from(idle) * calls.factor()) as u32;
                Decision { launch: target.saturating_sub(open), ..Decision::default() }
            }
            Pace::Boost(calls) => {
                let call = Load::of_call(*calls, Boost::ONE);
                let launch = boost::new_calls(idle.saturating_sub(queued), call.times(on_the_way), call);
                Decision { launch, ..Decision::default() }
            }
            Pace::Adaptive(adaptive) => {
                let gone = gone_s / self.terms.period_s;
                let seen = Seen { idle, talking: own.talking, queued, open, gone };
                let (launch, why) = adaptive.wanted(now, self.terms.cap, account, seen);
                Decision { launch, why, ..Decision::default() }
            }
            Pace::Predictive(predictive) => {
                let reserve = self.vanished.reserve(now);
                predictive.decide(View { now, gone_s, idle, open, queued, reserve, account, floor: &self.floor })
            }
        };
        if self.floor.working() == 0 {
            decision.launch = 0;
            decision.why = Why::Nobody;
        }
        decision.launch = decision.launch.min(LAUNCH_MAX);
        let (launch, held) = self.limits.allow(now, lines, decision.launch);
        Decision { launch, why: held.unwrap_or(decision.why), ..decision }
    }

    fn own_counts(&self) -> Counts {
        let floor = &self.floor;
        Counts {
            idle: floor.how_many(Doing::Idle),
            talking: floor.how_many(Doing::Talks),
            dialing: floor.open().saturating_sub(floor.queued),
            analysed: 0,
            queued: floor.queued,
        }
    }

    fn advance(&mut self, at: Mono) -> f64 {
        self.now = self.now.max(seconds(at));
        self.now
    }
}

/// Free agents who left without a call: what may happen again while calls ring.
#[derive(Debug, Default)]
struct Vanished {
    lately: VecDeque<f64>,
    most: usize,
}

/// As long as a call is under way, about.
const WHILE_S: f64 = 30.0;

impl Vanished {
    fn left(&mut self, now: f64) {
        self.lately.push_back(now);
        self.forget(now);
        self.most = self.most.max(self.lately.len());
    }

    fn forget(&mut self, now: f64) {
        while self.lately.pop_front_if(|at| *at < now - WHILE_S).is_some() {}
    }

    /// Agents to keep in reserve: as many as ever left today in so short a time.
    fn reserve(&mut self, now: f64) -> u32 {
        self.forget(now);
        u32::try_from(self.most).unwrap_or(u32::MAX)
    }
}
