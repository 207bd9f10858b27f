//! How much of what may be abandoned is left, and what risk that allows now.

use crate::pacing::PER_LIVE_S;
use crate::pacing::account::Account;
use crate::pacing::fact::{Terms, Why};
use crate::pacing::floor::{Doing, Floor};
use std::collections::VecDeque;

/// Part of the cap that is aimed at.
const AIM: f64 = 0.95;
/// How far one abandoned call lowers the allowed risk, in logits, with one agent and at most; answered ones raise it so
/// that both balance at the aim. A crew that answers more often goes in smaller steps: it learns as fast, and swings less.
const STEP: f64 = 1.25;
const STEP_POWER: f64 = -0.7;
const STEP_MOST: f64 = 0.1;
/// Allowed risk of one more call, per person whom it reaches: at the beginning, at least and at most.
const RISK_FIRST: f64 = 0.045;
const RISK_LEAST: f64 = 0.004;
const RISK_MOST: f64 = 0.97;
/// At most with a small crew, where a number of calls and no share is what may be abandoned in a quarter of an hour.
const RISK_MOST_SMALL: f64 = 0.3;
/// Allowed while too much was abandoned lately.
const RISK_STRICT: f64 = 0.015;
/// Agents from which a share of the answers counts instead of a number of calls.
const SMALL: f64 = 50.0;
/// The window that must not hold too many, seconds, and the share of its answers from which we are strict.
const QUARTER_S: f64 = 900.0;
const QUARTER_SHARE: f64 = 0.075;
/// The part of a small crew's number that may be abandoned in a quarter of an hour: fewer leave a third of the budget unused,
/// and the worst quarter as it is.
const SMALL_QUARTER: f64 = 0.2;
/// The last seconds of the period in which nothing is risked.
const LAST_S: f64 = 600.0;
/// Part of what the period will allow that is spent before nothing is risked any more.
const SPENT: f64 = 0.97;
/// Standard deviations for one in a thousand.
const SURE: f64 = 3.1;

/// What was abandoned and answered in the counting period, as far as can be known: estimates where only analysis knows.
pub(super) struct Budget {
    cap: f64,
    period_s: f64,
    abandoned: f64,
    /// Of the number of persons among the abandoned: nobody says who they were.
    variance: f64,
    live: f64,
    logit: f64,
    step: f64,
    recent: VecDeque<(f64, f64, f64)>,
    recent_abandoned: f64,
    recent_live: f64,
    most_on: f64,
    most_working: f64,
    /// What held the pace at the last decision: the risk is not raised while something else does.
    held: Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// The allowed risk.
    No,
    /// The rule for a quarter of an hour of a small crew: beside it the budget may be used up faster.
    SmallQuarter,
    Yes,
}

/// What is allowed now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Abandoned calls per person reached.
    pub(super) risk: f64,
    /// What holds the pace.
    pub(super) why: Why,
    /// Of a small crew: how many more this quarter of an hour may hold.
    pub(super) room: Option<u32>,
}

/// How many agents there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Free, talking or wrapping up.
    working: f64,
    /// Those and the paused.
    logged_in: f64,
}

impl Circumstances {
    pub(super) fn of(floor: &Floor) -> Self {
        let working = f64::from(floor.working());
        Self { working, logged_in: working + f64::from(floor.how_many(Doing::Paused)) }
    }
}

impl Budget {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            // Analysis is known to be worse than its estimate now and then.
            cap: (terms.cap - 1.15 * terms.lost_to_analysis).max(0.0),
            period_s: terms.period_s,
            abandoned: 0.0,
            variance: 0.0,
            live: 0.0,
            logit: logit(RISK_FIRST),
            step: STEP_MOST,
            recent: VecDeque::new(),
            recent_abandoned: 0.0,
            recent_live: 0.0,
            most_on: 0.0,
            most_working: 0.0,
            held: Held::No,
        }
    }

    /// What may be abandoned of those who answer, without those whom analysis takes for machines.
    pub(super) fn cap(&self) -> f64 {
        self.cap
    }

    /// Somebody who was a person with probability `person` was abandoned.
    pub(super) fn abandoned(&mut self, now: f64, person: f64) {
        self.count(now, person, person);
        self.variance += person * (1.0 - person);
        self.logit += self.step * person * (AIM * self.cap - 1.0);
    }

    /// A person was answered by an agent.
    pub(super) fn answered(&mut self, now: f64) {
        self.count(now, 0.0, 1.0);
        if self.held != Held::Yes {
            self.logit += self.step * AIM * self.cap;
        }
    }

    /// So many were abandoned and found a person, and that is sure.
    pub(super) fn counted(&mut self, account: Account) {
        self.abandoned = account.abandoned;
        self.live = account.abandoned + account.persons;
        self.variance = 0.0;
    }

    /// More were not abandoned, as sure as the policy promises.
    fn at_most(&self) -> f64 {
        self.abandoned + SURE * self.variance.sqrt()
    }

    /// What the books show at worst.
    pub(super) fn account(&self) -> Account {
        Account { abandoned: self.at_most(), persons: self.live - self.abandoned }
    }

    fn count(&mut self, now: f64, abandoned: f64, live: f64) {
        self.abandoned += abandoned;
        self.live += live;
        self.recent_abandoned += abandoned;
        self.recent_live += live;
        self.recent.push_back((now, abandoned, live));
    }

    /// What is allowed `gone_s` seconds into the counting period.
    pub(super) fn allowed(&mut self, now: f64, gone_s: f64, agents: &Circumstances) -> Allowed {
        while let Some((_, abandoned, live)) = self.recent.pop_front_if(|entry| entry.0 < now - QUARTER_S) {
            self.recent_abandoned -= abandoned;
            self.recent_live -= live;
        }
        self.most_on = self.most_on.max(agents.logged_in);
        self.most_working = self.most_working.max(agents.working);
        self.step = (STEP * agents.working.max(1.0).powf(STEP_POWER)).min(STEP_MOST);
        self.logit = self.logit.clamp(logit(RISK_LEAST), logit(RISK_MOST));
        let small = self.most_on < SMALL;
        let left_s = (self.period_s - gone_s).max(0.0);
        let to_come = self.most_working.max(1.0) * left_s / PER_LIVE_S;
        let mut risk = 1.0 / (1.0 + (-self.logit).exp());
        if small {
            risk = risk.min(RISK_MOST_SMALL);
        }
        let quarter = if small {
            (SMALL_QUARTER * agents.working).max(1.0)
        } else {
            (QUARTER_SHARE * self.recent_live).max(0.01 * agents.working)
        };
        // Above its line the budget lends a little, as long as enough is to come to pay it back.
        let credit = (0.35 * self.cap * to_come).min(3.0 + self.most_working / 10.0);
        let over = self.abandoned > AIM * self.cap * self.live + credit;
        let at_most = self.at_most();
        let spent = at_most > 1.5 && at_most > SPENT * self.cap * (self.live + to_come / 2.0);
        let full = self.recent_abandoned > quarter - 0.9;
        let why = match () {
            () if spent || left_s < LAST_S => Why::Guaranteed,
            () if over || full => Why::Strict,
            () => Why::Risk,
        };
        self.held = match why {
            Why::Risk => Held::No,
            Why::Strict if small && !over => Held::SmallQuarter,
            _ => Held::Yes,
        };
        if full || over {
            risk = risk.min(RISK_STRICT);
        }
        let room = small.then(|| (quarter - self.recent_abandoned + 0.1).max(0.0) as u32);
        Allowed { risk, why, room }
    }
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}
