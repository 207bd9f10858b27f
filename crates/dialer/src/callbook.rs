//! The checker's own book of calls: whether a call may go out by the contact's rules, from what this process has sent and
//! what the journal knew, without anything that the decider remembers.

use domain::rules::limits::{CapBy, Limits};
use domain::rules::{Answer, Calls, Rules, Standing, Windows};
use domain::{Contact, NumberKey, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::sync::Arc;

/// Calls that are remembered, at most: older ones are the journal's to know.
const REMEMBERED: usize = 10_000;

/// Runs whose callees' hours are remembered, at most.
const RUNS: usize = 1_000;

const LAST: Timestamp = Timestamp(i64::MAX);

/// Calls of this process.
#[derive(Debug, Default)]
pub(crate) struct CallBook {
    /// Whether any rule was seen that counts calls. Until then none is booked.
    counts: bool,
    /// Oldest first.
    calls: VecDeque<Call>,
    by_number: Times,
    by_person: Times,
    windows: BTreeMap<RunId, (Arc<Rules>, Windows)>,
}

/// When each was called.
type Times = BTreeSet<(NumberKey, Timestamp)>;

/// One call that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: NumberKey,
    pub(crate) person: Option<NumberKey>,
    /// When it was decided.
    pub(crate) at: Timestamp,
}

impl CallBook {
    /// Books a call that goes out.
    pub(crate) fn sent(&mut self, call: Call) {
        if !self.counts {
            return;
        }
        self.by_number.insert((call.number, call.at));
        self.by_person.extend(call.person.map(|person| (person, call.at)));
        self.calls.push_back(call);
        if self.calls.len() > REMEMBERED
            && let Some(oldest) = self.calls.pop_front()
        {
            self.forget(oldest);
        }
    }

    /// It was not sent after all.
    pub(crate) fn not_sent(&mut self, call: Call) {
        if let Some(place) = self.calls.iter().rposition(|other| *other == call) {
            self.calls.remove(place);
            self.forget(call);
        }
    }

    fn forget(&mut self, call: Call) {
        self.by_number.remove(&(call.number, call.at));
        if let Some(person) = call.person {
            self.by_person.remove(&(person, call.at));
        }
    }

    /// Whether a call to this contact keeps the rules of its campaign; otherwise which it breaks.
    pub(crate) fn check(
        &mut self,
        run: RunId,
        rules: &Arc<Rules>,
        contact: &Contact,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<(), String> {
        if standing.suppressed_by.is_some() {
            return Err("its number is suppressed".to_owned());
        }
        if standing.black_listed_by.is_some() {
            return Err("its number is on a black list of the campaign".to_owned());
        }
        if rules.denies(&contact.number).is_some() {
            return Err("its number is denied".to_owned());
        }
        if !rules.consent_holds(contact.consent_at, now) {
            return Err("there is no consent".to_owned());
        }
        if self.windows.len() > RUNS && !self.windows.contains_key(&run) {
            self.windows.clear();
        }
        let (known, windows) = self.windows.entry(run).or_insert_with(|| (Arc::clone(rules), Windows::default()));
        if !Arc::ptr_eq(known, rules) {
            (*known, *windows) = (Arc::clone(rules), Windows::default());
        }
        if windows.ask(rules, contact.zones, now) != Answer::Yes {
            return Err("it is outside the callee's hours".to_owned());
        }
        self.counts |= rules.parts.iter().any(|part| !part.limits.caps.is_empty() || part.limits.gap_minutes > 0);
        rules.parts.iter().try_for_each(|part| self.check_limits(&part.limits, contact, standing, now))
    }

    fn check_limits(
        &self,
        limits: &Limits,
        contact: &Contact,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<(), String> {
        let mine = |book: &Times, key: Option<NumberKey>, seconds: i64| {
            let Some(key) = key else { return 0 };
            let since = now.plus_seconds(-seconds);
            book.range((Excluded((key, since)), Included((key, LAST)))).count()
        };
        for cap in &limits.caps {
            let seconds = i64::from(cap.hours) * 3_600;
            let number = (&self.by_number, Some(contact.key), &standing.number);
            let person = (cap.by == CapBy::Person).then_some((&self.by_person, contact.person, &standing.person));
            let made = [Some(number), person].into_iter().flatten();
            let made =
                made.map(|(book, key, known)| mine(book, key, seconds).max(within(&known.attempts, seconds, now)));
            let made = made.max().unwrap_or(0);
            if made >= cap.attempts as usize {
                return Err(format!("{made} calls were made in {} hours, {} are allowed", cap.hours, cap.attempts));
            }
        }
        let gap = i64::from(limits.gap_minutes) * 60;
        if mine(&self.by_number, Some(contact.key), gap) + within(&standing.number.attempts, gap, now) > 0 {
            return Err(format!("it was called within the last {} minutes", limits.gap_minutes));
        }
        let rest = i64::from(limits.cooldown_hours) * 3_600;
        let talked = |calls: &Calls| calls.conversation_at.is_some_and(|at| within(&[at], rest, now) > 0);
        if talked(&standing.number) || talked(&standing.person) {
            return Err(format!("somebody talked to them within the last {} hours", limits.cooldown_hours));
        }
        Ok(())
    }
}

/// How many of these lie within the last `seconds`, or ahead.
fn within(times: &[Timestamp], seconds: i64, now: Timestamp) -> usize {
    times.iter().filter(|at| at.plus_seconds(seconds) > now).count()
}
