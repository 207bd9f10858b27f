//! Days of a rule, and the instants at which a clock shows a time.

use crate::error::Invalid;
use crate::time::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A day or a range of days, of one year or of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// From one day to another, both inclusive.
    Once(Date, Date),
    /// The same in every year, as `(month, day)`; the first may be the later one: over new year.
    EveryYear((i8, i8), (i8, i8)),
}

impl Dates {
    /// `None` when `from` is empty: any day. `from_field` and `to_field` are what a refusal names.
    pub fn parse(from_field: &str, to_field: &str, from: &str, to: &str) -> Result<Option<Self>, Invalid> {
        if from.is_empty() {
            return if to.is_empty() {
                Ok(None)
            } else {
                Err(Invalid::new(from_field, "is missing: a last day has a first one"))
            };
        }
        let first = Day::parse(from_field, from)?;
        let last = if to.is_empty() { first } else { Day::parse(to_field, to)? };
        match (first, last) {
            (Day::Once(first), Day::Once(last)) if first <= last => Ok(Some(Self::Once(first, last))),
            (Day::Once(_), Day::Once(_)) => Err(Invalid::new(to_field, format!("{to} is before {from}"))),
            (Day::EveryYear(first), Day::EveryYear(last)) => Ok(Some(Self::EveryYear(first, last))),
            _ => Err(Invalid::new(to_field, format!("{to:?}: write both days with a year, or both without"))),
        }
    }

    /// Whether it names that day.
    pub fn holds(self, date: Date) -> bool {
        let day = (date.month(), date.day());
        match self {
            Self::Once(first, last) => first <= date && date <= last,
            Self::EveryYear(first, last) if first <= last => first <= day && day <= last,
            Self::EveryYear(first, last) => first <= day || day <= last,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Day {
    Once(Date),
    EveryYear((i8, i8)),
}

impl Day {
    fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let problem = || Invalid::new(field, format!("{text:?} is no day: 2026-12-25, or 12-25 for every year"));
        let number = |part: &str, digits: usize| {
            let well_formed = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            well_formed.then(|| part.parse::<i16>().ok()).flatten().ok_or_else(problem)
        };
        let small = |part: &str| number(part, 2).map(|number| number as i8);
        match *text.split('-').collect::<Vec<_>>() {
            [year, month, day] => {
                Ok(Self::Once(Date::new(number(year, 4)?, small(month)?, small(day)?).map_err(|_| problem())?))
            }
            [month, day] => {
                // A leap year has every day that any year has.
                let date = Date::new(2024, small(month)?, small(day)?).map_err(|_| problem())?;
                Ok(Self::EveryYear((date.month(), date.day())))
            }
            _ => Err(problem()),
        }
    }
}

/// The instants at which the clock shows that second of the day: one, two where an hour is repeated, none where it jumps.
pub(super) fn instants(zone: &TimeZone, date: Date, second: u32) -> impl Iterator<Item = Timestamp> + use<> {
    let time = Time::new((second / 3_600) as i8, (second / 60 % 60) as i8, (second % 60) as i8, 0);
    let found = time.ok().map(|time| date.to_datetime(time)).map(|shown| {
        let at = |offset: jiff::tz::Offset| offset.to_timestamp(shown).ok().map(Timestamp::from_jiff);
        match zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
            AmbiguousOffset::Fold { before, after } => [at(before), at(after)],
            AmbiguousOffset::Gap { .. } => [None, None],
        }
    });
    found.into_iter().flatten().flatten()
}
