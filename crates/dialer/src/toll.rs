//! Calls per hour to a prefix, over all campaigns: what a wrong list or a stolen login can cost is bounded.

use domain::rules::Rules;
use domain::{Dialable, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

const HOUR_S: i64 = 3_600;
/// Calls of the last hour that are remembered, at most; that is 277 a second.
const MOST: usize = 1_000_000;
/// Caps of a run that are shown as reached, at most.
const SHOWN: usize = 10;
/// Digits that are looked at: those of the longest number of the numbering plan.
const MOST_DIGITS: usize = 15;

/// The digits of a number behind its `+`, in little room. Its `Debug` shows none of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    value: u64,
    length: u8,
}

impl Digits {
    /// Those of a number that has an international form, or may be meant as one.
    pub fn of(number: &Dialable) -> Option<Self> {
        domain::rules::ruling::international(number).and_then(Self::read)
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.get(..text.len().min(MOST_DIGITS))?;
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { value: text.parse().ok()?, length })
    }

    fn begins_with(self, prefix: Self) -> bool {
        let behind = self.length.checked_sub(prefix.length);
        behind.is_some_and(|behind| self.value / 10_u64.pow(behind.into()) == prefix.value)
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} digits", self.length)
    }
}

/// A cap per hour that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Calls to numbers that begin so.
    pub prefix: String,
    /// So many are allowed in an hour, and were decided.
    pub calls: u32,
    /// When the next one is allowed.
    pub opens_at: Timestamp,
}

/// Counts the calls of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Every call, by when it was decided.
    calls: VecDeque<(Timestamp, Digits)>,
    /// The times of those to each prefix that some run has a cap on.
    by_prefix: BTreeMap<String, Watched>,
}

#[derive(Debug)]
struct Watched {
    prefix: Digits,
    times: VecDeque<Timestamp>,
}

impl Meter {
    /// Counts for these campaigns from now on, and what was called before.
    pub(crate) fn watch<'a>(&mut self, rules: impl Iterator<Item = &'a Rules>) {
        let caps = rules.flat_map(|rules| &rules.parts).flat_map(|part| &part.limits.hourly);
        let mut watched = BTreeMap::new();
        for cap in caps {
            let Some(prefix) = Digits::read(cap.prefix.trim_start_matches('+')) else { continue };
            watched.entry(cap.prefix.clone()).or_insert_with(|| {
                let calls = self.calls.iter().filter(|(_, digits)| digits.begins_with(prefix));
                Watched { prefix, times: calls.map(|(at, _)| *at).collect() }
            });
        }
        self.by_prefix = watched;
    }

    /// When every cap of these rules allows another call to the number; `None`: now.
    pub(crate) fn opens_at(&mut self, rules: &Rules, number: &Dialable, now: Timestamp) -> Option<Timestamp> {
        if self.by_prefix.is_empty() {
            return None;
        }
        let digits = Digits::of(number)?;
        let caps = rules.parts.iter().flat_map(|part| &part.limits.hourly);
        let opens = caps.filter_map(|cap| {
            let watched = self.by_prefix.get_mut(&cap.prefix).filter(|watched| digits.begins_with(watched.prefix))?;
            while watched.times.front().is_some_and(|at| at.plus_seconds(HOUR_S) <= now) {
                watched.times.pop_front();
            }
            let oldest_that_counts = watched.times.len().checked_sub(cap.calls as usize)?;
            watched.times.get(oldest_that_counts).map(|at| at.plus_seconds(HOUR_S))
        });
        opens.max()
    }

    /// The caps of these rules that are reached, those first that open first; at most [`SHOWN`].
    pub(crate) fn reached(&self, rules: &Rules, now: Timestamp) -> Vec<Reached> {
        let caps = rules.parts.iter().flat_map(|part| &part.limits.hourly);
        let mut reached: Vec<Reached> = caps
            .filter_map(|cap| {
                let times = &self.by_prefix.get(&cap.prefix)?.times;
                let oldest_that_counts = times.len().checked_sub(cap.calls as usize)?;
                let opens_at = times.get(oldest_that_counts)?.plus_seconds(HOUR_S);
                let (prefix, calls) = (cap.prefix.clone(), cap.calls);
                (opens_at > now).then_some(Reached { prefix, calls, opens_at })
            })
            .collect();
        reached.sort_by(|a, b| (a.opens_at, &a.prefix).cmp(&(b.opens_at, &b.prefix)));
        reached.truncate(SHOWN);
        reached
    }

    /// A call was decided at `at`, which is now or before a restart; later than now when the clock was set back since.
    pub(crate) fn placed(&mut self, digits: Digits, at: Timestamp, now: Timestamp) {
        for watched in self.by_prefix.values_mut().filter(|watched| digits.begins_with(watched.prefix)) {
            let place = watched.times.partition_point(|other| *other <= at);
            watched.times.insert(place, at);
        }
        let place = self.calls.partition_point(|(other, _)| *other <= at);
        self.calls.insert(place, (at, digits));
        let hour_ago = now.plus_seconds(-HOUR_S);
        let old = |calls: &VecDeque<(Timestamp, Digits)>| {
            calls.front().is_some_and(|(at, _)| *at < hour_ago) || calls.len() > MOST
        };
        while old(&self.calls) {
            self.calls.pop_front();
        }
    }

    /// A call was decided and not made.
    pub(crate) fn not_placed(&mut self, number: &Dialable, at: Timestamp) {
        let Some(digits) = Digits::of(number) else { return };
        for watched in self.by_prefix.values_mut().filter(|watched| digits.begins_with(watched.prefix)) {
            if let Ok(place) = watched.times.binary_search(&at) {
                watched.times.remove(place);
            }
        }
        let first = self.calls.partition_point(|(other, _)| *other < at);
        let same = self.calls.range(first..).take_while(|(other, _)| *other == at);
        if let Some(place) = same.enumerate().find(|(_, (_, other))| *other == digits).map(|(place, _)| first + place) {
            self.calls.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::rules::Limits;
    use domain::rules::limits::HourlyCap;

    fn number(text: &str) -> Dialable {
        Dialable::parse(text, None).unwrap()
    }

    fn rules(prefix: &str, calls: u32) -> Rules {
        let limits = Limits { hourly: vec![HourlyCap { prefix: prefix.into(), calls }], ..Limits::default() };
        Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(0).plus_seconds(seconds)
    }

    fn call(meter: &mut Meter, text: &str, seconds: i64) {
        meter.placed(Digits::of(&number(text)).unwrap(), at(seconds), at(seconds));
    }

    #[test]
    fn the_cap_opens_an_hour_after_the_call_that_filled_it() {
        let (mut meter, rules) = (Meter::default(), rules("+88", 2));
        meter.watch(std::iter::once(&rules));
        call(&mut meter, "+8816123", 0);
        assert_eq!(meter.opens_at(&rules, &number("+8826123"), at(1)), None);
        call(&mut meter, "+8826123", 10);
        call(&mut meter, "+34911234567", 11);
        assert_eq!(meter.opens_at(&rules, &number("+8816199"), at(20)), Some(at(3_600)));
        assert_eq!(meter.opens_at(&rules, &number("+34911234567"), at(20)), None);
        let reached = Reached { prefix: "+88".into(), calls: 2, opens_at: at(3_600) };
        assert_eq!((meter.reached(&rules, at(20)), meter.reached(&rules, at(3_600))), (vec![reached], vec![]));
        assert_eq!(meter.opens_at(&rules, &number("+8816199"), at(3_600)), None);
    }

    #[test]
    fn a_call_that_was_not_made_does_not_count() {
        let (mut meter, rules) = (Meter::default(), rules("+88", 1));
        meter.watch(std::iter::once(&rules));
        call(&mut meter, "+8816123", 5);
        meter.not_placed(&number("+8816123"), at(5));
        assert_eq!(meter.opens_at(&rules, &number("+8816123"), at(6)), None);
        assert!(meter.calls.is_empty());
    }

    #[test]
    fn calls_from_before_the_clock_was_set_back_make_none_old() {
        let (mut meter, rules) = (Meter::default(), rules("+88", 1));
        call(&mut meter, "+34911234567", 20_000);
        call(&mut meter, "+8816123", 5);
        meter.watch(std::iter::once(&rules));
        assert_eq!(meter.opens_at(&rules, &number("+8816123"), at(6)), Some(at(3_605)));
    }

    #[test]
    fn a_cap_that_comes_later_counts_what_was_called_before() {
        let (mut meter, rules) = (Meter::default(), rules("+88", 1));
        call(&mut meter, "+8816123", 5);
        meter.watch(std::iter::once(&rules));
        assert_eq!(meter.opens_at(&rules, &number("+8816123"), at(6)), Some(at(3_605)));
        assert_eq!(format!("{:?}", Digits::of(&number("+8816123"))), "Some(7 digits)");
    }
}
