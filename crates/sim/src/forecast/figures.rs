//! What a play came to.

use super::plan::Plan;
use crate::floors::score::Answers;
use domain::journal::{AttemptEnd, PutOff, PutOffBy};
use domain::{CallState, HourState, Timestamp};
use std::collections::BTreeMap;

/// One play. Shares are `0..=1`, durations means in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Its seed.
    pub seed: u64,
    /// When the run was completed; `None`: not within the horizon.
    pub finished_at: Option<Timestamp>,
    /// Contacts that were not finished, refused or of a paused list at the end.
    pub left: u64,
    /// Calls that were made.
    pub attempts: u64,
    /// Of these, those that were answered.
    pub answered: u64,
    /// Answered calls to end points with a queue, without machines that analysis found out.
    pub live: u64,
    /// Of these, those without an agent in time.
    pub abandoned: u64,
    /// The largest share of abandoned calls of any quarter of an hour with 20 live ones.
    pub worst_quarter: f64,
    /// The most that were abandoned in any quarter of an hour.
    pub worst_quarter_calls: u64,
    /// Conversations with agents.
    pub conversations: u64,
    /// Talk and wrap-up of the agents' time within the campaign's hours, until the run was completed; `None` without agents.
    pub occupancy: Option<f64>,
    /// How long an agent waited for a conversation; `None` without agents or conversations.
    pub idle_s: Option<f64>,
    /// Calls after the first one of their contact.
    pub retries: u64,
    /// How calls ended.
    pub outcomes: BTreeMap<CallState, OutcomeFigures>,
    /// Contacts that rules put off, each once per rule, and how often.
    pub put_off: BTreeMap<PutOffBy, PutOffFigures>,
    /// Contacts that rules refused until a reload, by the rule.
    pub refused: BTreeMap<PutOffBy, u64>,
    /// Hour by hour from the beginning.
    pub hours: Vec<HourFigures>,
    /// Steps of the dialler, for those who measure.
    pub steps: u64,
}

/// Calls that ended in one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutcomeFigures {
    /// So many.
    pub calls: u64,
    /// Of these, after how many a reschedule rule tries again.
    pub retried: u64,
}

/// What one rule put off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutOffFigures {
    /// Contacts.
    pub contacts: u64,
    /// How often, all together.
    pub times: u64,
}

/// One hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HourFigures {
    /// Calls that were made.
    pub attempts: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Live ones, and those of them that were abandoned.
    pub live: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Agents' seconds of talk and wrap-up.
    pub busy_s: f64,
    /// Agents' seconds within the campaign's hours.
    pub present_s: f64,
}

/// Collects them.
#[derive(Debug)]
pub(super) struct Figures<'a> {
    plan: &'a Plan,
    played: Played,
    answers: Answers,
    /// Which rules put off each contact.
    by_rule: Vec<u16>,
    rules: Vec<PutOffBy>,
    open: Option<HourState>,
    idle_s: f64,
}

const HOUR_US: u64 = 3_600_000_000;

impl<'a> Figures<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64) -> Self {
        let played = Played {
            seed,
            finished_at: None,
            left: 0,
            attempts: 0,
            answered: 0,
            live: 0,
            abandoned: 0,
            worst_quarter: 0.0,
            worst_quarter_calls: 0,
            conversations: 0,
            occupancy: None,
            idle_s: None,
            retries: 0,
            outcomes: BTreeMap::new(),
            put_off: BTreeMap::new(),
            refused: BTreeMap::new(),
            hours: Vec::new(),
            steps: 0,
        };
        let by_rule = vec![0; plan.people.len()];
        Self { plan, played, answers: Answers::default(), by_rule, rules: Vec::new(), open: None, idle_s: 0.0 }
    }

    fn hour(&mut self, now: u64) -> &mut HourFigures {
        let hour = usize::try_from(now / HOUR_US).unwrap_or(usize::MAX);
        if self.played.hours.len() <= hour {
            self.played.hours.resize(hour + 1, HourFigures::default());
        }
        &mut self.played.hours[hour]
    }

    fn wall(&self, now: u64) -> Timestamp {
        Timestamp(self.plan.begins_at.0.saturating_add_unsigned(now))
    }

    /// The time from `from` to `to` passed with so many agents, of whom some were busy; microseconds.
    pub(super) fn passes(&mut self, mut from: u64, to: u64, busy: u32, agents: u32) {
        while from < to && agents > 0 {
            let wall = self.wall(from);
            let known = match self.open {
                Some(HourState::Open { until: Some(edge) } | HourState::Closed { opens_at: Some(edge) }) => wall < edge,
                Some(_) => true,
                None => false,
            };
            let state = self.open.filter(|_| known).unwrap_or_else(|| self.plan.settings.hours.state_at(wall));
            self.open = Some(state);
            let (open, edge) = match state {
                HourState::Open { until } => (true, until),
                HourState::Closed { opens_at } => (false, opens_at),
            };
            let edge = edge.map_or(u64::MAX, |edge| u64::try_from(edge.0 - self.plan.begins_at.0).unwrap_or(u64::MAX));
            let until = to.min(edge.max(from + 1)).min((from / HOUR_US + 1) * HOUR_US);
            let s = (until - from) as f64 / 1e6;
            let busy_s = s * f64::from(busy);
            let idle_s = if open { s * f64::from(agents.saturating_sub(busy)) } else { 0.0 };
            let hour = self.hour(from);
            hour.busy_s += busy_s;
            // Who talks beyond the hours is there.
            hour.present_s += busy_s + idle_s;
            self.idle_s += idle_s;
            from = until;
        }
    }

    pub(super) fn made(&mut self, now: u64, retry: u32) {
        self.played.attempts += 1;
        self.played.retries += u64::from(retry > 0);
        self.hour(now).attempts += 1;
    }

    pub(super) fn answered(&mut self, now: u64) {
        self.played.answered += 1;
        self.hour(now).answered += 1;
    }

    pub(super) fn connected(&mut self) {
        self.played.conversations += 1;
    }

    /// A row of the books of abandoned calls.
    pub(super) fn counted(&mut self, now: u64, live_by: i8, abandoned_by: i8) {
        let s = now as f64 / 1e6;
        match live_by {
            1 => self.answers.live_at.push(s),
            -1 => drop(self.answers.live_at.pop()),
            _ => {}
        }
        match abandoned_by {
            1 => self.answers.abandoned_at.push(s),
            -1 => drop(self.answers.abandoned_at.pop()),
            _ => {}
        }
        let hour = self.hour(now);
        hour.live = hour.live.saturating_add_signed(live_by.into());
        hour.abandoned = hour.abandoned.saturating_add_signed(abandoned_by.into());
    }

    pub(super) fn ended(&mut self, end: &AttemptEnd) {
        let outcome = self.played.outcomes.entry(end.state).or_default();
        outcome.calls += 1;
        outcome.retried += u64::from(end.retry.is_some());
    }

    pub(super) fn put_off(&mut self, index: usize, off: &PutOff) {
        if off.until.is_none() {
            *self.played.refused.entry(off.by).or_default() += 1;
            return;
        }
        let rule = self.rules.iter().position(|rule| *rule == off.by).unwrap_or_else(|| {
            self.rules.push(off.by);
            self.rules.len() - 1
        });
        let (bit, of) = (1 << rule.min(15), &mut self.by_rule[index]);
        let figures = self.played.put_off.entry(off.by).or_default();
        figures.contacts += u64::from(*of & bit == 0);
        figures.times += 1;
        *of |= bit;
    }

    pub(super) fn finished(&mut self, now: u64) {
        self.played.finished_at = Some(self.wall(now));
    }

    pub(super) fn is_finished(&self) -> bool {
        self.played.finished_at.is_some()
    }

    pub(super) fn over(mut self, left: u64, steps: u64) -> Played {
        self.played.live = self.answers.live_at.len() as u64;
        self.played.abandoned = self.answers.abandoned_at.len() as u64;
        let (share, calls) = self.answers.worst_quarter();
        (self.played.worst_quarter, self.played.worst_quarter_calls) = (share, calls as u64);
        let busy: f64 = self.played.hours.iter().map(|hour| hour.busy_s).sum();
        let present: f64 = self.played.hours.iter().map(|hour| hour.present_s).sum();
        self.played.occupancy = (present > 0.0).then(|| busy / present);
        let conversations = self.played.conversations;
        self.played.idle_s = (present > 0.0 && conversations > 0).then(|| self.idle_s / conversations as f64);
        (self.played.left, self.played.steps) = (left, steps);
        self.played
    }
}
