//! Predictive pacing: how many calls to launch so that agents wait little and nearly nobody who answers waits for one.
//!
//! Each call under way has a curve: how likely it wants an agent by each instant of the next half minute, learnt from how
//! long the calls before it rang until somebody answered. Each busy agent has one: how likely he is free by then, learnt
//! from how long conversations and wrap-ups lasted. Their sums give the distribution of spare agents, and that the risk of
//! one more call: the abandoned calls that it adds. Calls are launched while that risk is below what the budget allows;
//! ringing calls whose risk rose above it are cancelled, never before the shortest ring.

mod ageing;
mod answers;
mod budget;
mod crew;
mod horizon;
mod spare;

use super::account::Account;
use super::engine::LAUNCH_MAX;
use super::fact::{CallNumber, Decision, Fact, Terms, Why};
use super::floor::{Floor, Was};
use answers::Answers;
use budget::{Allowed, Budget, Circumstances};
use crew::Crew;
use spare::Spare;

/// Seconds after which the curves of calls, and those of agents, are made anew.
const LEARN_EVERY_S: f64 = 5.0;
/// Answers from which anything is estimated.
const COLD_ANSWERS: f64 = 4.0;
/// How likely a small crew may lose more calls than a quarter of an hour may hold.
const CHANCE: f64 = 0.03;
/// How many times the risk of a new call a ringing one may have until it is cancelled. Without it calls are cancelled and
/// replaced for a shade of risk: a tenth more attempts, and fewer conversations. A large crew that lost too many does so.
const KEPT: f64 = 1.5;
/// How often the risk is reckoned in one decision while calls are looked through that may be cancelled: bounds its time.
const CANCEL_LOOKS: u32 = 24;

/// The pace of one campaign.
pub(super) struct Predictive {
    cap: f64,
    guaranteed: bool,
    deadline_s: f64,
    min_ring_s: f64,
    answers: Answers,
    crew: Crew,
    budget: Budget,
    learnt_at: f64,
    crew_learnt_at: f64,
    decided_at: f64,
    /// Waiting times of those who were abandoned: their sum and number.
    waited: (f64, f64),
}

/// What a decision is made on.
pub(super) struct View<'a> {
    pub(super) now: f64,
    /// Seconds of the counting period that are over.
    pub(super) gone_s: f64,
    /// Agents who can take a call, as the more cautious count has it.
    pub(super) idle: u32,
    /// Calls that have or may want an agent.
    pub(super) open: u32,
    /// Callers who wait.
    pub(super) queued: u32,
    /// Free agents who may leave.
    pub(super) reserve: u32,
    pub(super) account: Account,
    pub(super) floor: &'a Floor,
}

impl Predictive {
    /// Nothing is known yet: it begins with one call per free agent.
    pub(super) fn new(terms: &Terms, guaranteed: bool) -> Self {
        // A verdict comes about 0.8 s after the greeting, and the deadline runs from its end.
        let deadline_s = if terms.analysis { (terms.deadline_s - 0.8).max(0.0) } else { terms.deadline_s };
        let budget = Budget::new(terms);
        let mut new = Self {
            cap: budget.cap(),
            guaranteed,
            deadline_s,
            min_ring_s: terms.min_ring_s,
            answers: Answers::new(terms),
            crew: Crew::new(),
            budget,
            learnt_at: f64::NEG_INFINITY,
            crew_learnt_at: f64::NEG_INFINITY,
            decided_at: 0.0,
            waited: (0.0, 0.0),
        };
        let nobody = Floor::new();
        new.answers.learn(0.0, &nobody);
        new.crew.learn(0.0, &nobody, deadline_s);
        new
    }

    /// Something happened; `was` is what it put an end to.
    pub(super) fn fact(&mut self, now: f64, fact: Fact, was: Was) {
        self.answers.fact(fact, was);
        self.crew.fact(fact, was);
        match (fact, was.call) {
            (Fact::Abandoned(_), Some((stage, waited_s))) => {
                self.waited = (self.waited.0 + waited_s, self.waited.1 + 1.0);
                self.budget.abandoned(now, self.answers.person_share(stage));
            }
            (Fact::Done { person: true, .. }, _) => self.budget.answered(now),
            _ => {}
        }
    }

    /// What is known of the counting period from elsewhere.
    pub(super) fn counted(&mut self, account: Account) {
        self.budget.counted(account);
    }

    /// What to do now.
    pub(super) fn decide(&mut self, view: View<'_>) -> Decision {
        let View { now, gone_s, idle, open, queued, reserve, account, floor } = view;
        self.answers.forget((now - self.decided_at).clamp(0.0, 60.0));
        self.decided_at = now;
        self.learn(now, floor);
        let allowed = self.budget.allowed(now, gone_s, &Circumstances::of(floor));
        let one_each = idle.saturating_sub(open);
        // As many as the cap bears whatever happens. One for each free agent adds nobody without an agent.
        let account = if self.guaranteed { account } else { self.budget.account() };
        let certain = || one_each.max(account.most(self.cap, open, idle.saturating_sub(reserve), LAUNCH_MAX));
        let (most, why_most) = match () {
            () if self.answers.is_outage() => (one_each.max(u32::from(open == 0 && idle > 0)), Why::Outage),
            () if self.answers.seen_ever() < COLD_ANSWERS => (one_each, Why::Cold),
            () if self.guaranteed || self.cap <= 0.0 || allowed.why == Why::Guaranteed => (certain(), Why::Guaranteed),
            () => (LAUNCH_MAX, Why::Risk),
        };
        let busy = self.crew.busy(now, floor);
        let mut spare = Spare::new(idle, queued, busy.all as usize, open as usize, self.answers.doubt());
        self.crew.groups(&busy).for_each(|(curve, count)| spare.supply(curve, count));
        self.answers.groups(now, floor).for_each(|(curve, count)| spare.demand(curve, count));
        // A call that rings is worth more than its replacement: it has rung already.
        let is_urgent = allowed.why != Why::Risk && allowed.room.is_none();
        let kept_up_to = if is_urgent { allowed.risk } else { KEPT * allowed.risk };
        let cancel = self.cancel(now, floor, &mut spare, kept_up_to);
        // One for each free agent is never too many.
        let launch = self.launch(&mut spare, &allowed, most).max(one_each.min(most));
        let why = match () {
            () if launch >= most => why_most,
            () if allowed.why == Why::Guaranteed => Why::Risk,
            () => allowed.why,
        };
        Decision { launch, cancel, why }
    }

    /// Curves of calls in one decision, those of agents in the next: each takes its time.
    fn learn(&mut self, now: f64, floor: &Floor) {
        if now - self.learnt_at > LEARN_EVERY_S {
            self.learnt_at = now;
            self.answers.learn(now, floor);
        } else if now - self.crew_learnt_at > LEARN_EVERY_S {
            self.crew_learnt_at = now;
            let grace_s = (self.waited.0 + 2.0 * self.deadline_s) / (self.waited.1 + 2.0);
            self.crew.learn(now, floor, (grace_s - 0.25).max(0.0));
        }
    }

    /// Calls that rang long enough and whose risk is more than a new call may have.
    fn cancel(&self, now: f64, floor: &Floor, spare: &mut Spare, risk: f64) -> Vec<CallNumber> {
        let mut cancel = Vec::new();
        if floor.ringing.ages(now).all(|(age, _)| age + 0.5 < self.min_ring_s) {
            return cancel;
        }
        let mut looks = 0;
        for (call, rang_s) in floor.rang_for(now, self.min_ring_s) {
            let curve = self.answers.ringing(rang_s);
            spare.undemand(curve, 1);
            looks += 1;
            if spare.risk(curve).is_below(risk) {
                spare.demand(curve, 1);
                // Those that rang less are no worse.
                if spare.is_many() {
                    break;
                }
            } else {
                cancel.push(call);
            }
            if looks == CANCEL_LOOKS {
                break;
            }
        }
        cancel
    }

    /// As many as the risk allows, `most` at most. Few are tried one by one, many by doubling: the risk only grows.
    fn launch(&self, spare: &mut Spare, allowed: &Allowed, most: u32) -> u32 {
        let most = most.min(spare.launch_max());
        let curve = self.answers.of_new();
        let mut launched = 0;
        let mut step = 1;
        let mut grows = spare.is_many();
        while launched < most {
            step = step.min(most - launched);
            spare.demand(curve, step - 1);
            if spare.risk(curve).is_below(allowed.risk) {
                spare.demand(curve, 1);
                if allowed.room.is_some_and(|room| spare.loses_more_than(room) > CHANCE) {
                    break;
                }
                launched += step;
                step = match () {
                    () if !spare.is_many() => 1,
                    () if grows => step * 2,
                    () => step.div_ceil(2),
                };
            } else {
                spare.undemand(curve, step - 1);
                if step == 1 {
                    break;
                }
                grows = false;
                step /= 2;
            }
        }
        launched
    }
}
