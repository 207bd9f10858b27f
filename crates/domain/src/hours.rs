//! When a campaign may dial: a daily window on chosen days in an IANA zone, and the sets of opening hours attached to it.

use crate::error::Invalid;
use crate::opening::{OpeningHours, Said, Schedule};
use crate::time::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Seconds of a whole day.
const DAY_SECONDS: u32 = 86_400;
/// Days looked ahead for the next change; a window on one weekday returns within eight.
const LOOK_AHEAD_DAYS: i32 = 9;

/// Openings of the parts that are looked at for the next instant at which all are open, at most.
const MAX_ROUNDS: usize = 1_000;

/// The hours of a campaign: its active period and its sets of opening hours, which must all be open.
///
/// `from > until` means overnight: the window of the active period belongs to the day it opens.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// First second of the day that is open, `0..86400`.
    from: u32,
    /// Last second of the day that is open (inclusive, as WombatDialer's `235959` is), `0..86400`.
    until: u32,
    /// Monday first.
    days: [bool; 7],
    zone: TimeZone,
    /// In the order in which they were attached.
    sets: Arc<[Schedule]>,
}

/// What closes a campaign's hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClosedBy<'a> {
    /// Its active period.
    ActivePeriod,
    /// A set of opening hours.
    Set(&'a Schedule),
}
/// Whether a campaign may dial now, and when that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HourState {
    /// Open; closes at `until` (`None`: never, within the days looked ahead).
    Open {
        /// The first instant at which dialling is not allowed.
        until: Option<Timestamp>,
    },
    /// Closed; opens at `opens_at` (`None`: no day is allowed).
    Closed {
        /// The first instant at which dialling is allowed.
        opens_at: Option<Timestamp>,
    },
}

impl Hours {
    /// `from` and `until` as `HHMMSS`, `days` as WombatDialer's digits (1 = Sunday .. 7 = Saturday), `zone` as IANA name.
    pub fn parse(from: &str, until: &str, days: &str, zone: &str) -> Result<Self, Invalid> {
        Ok(Self {
            from: seconds_of_day("time_start", from)?,
            until: seconds_of_day("time_end", until)?,
            days: parse_days("time_days", days)?,
            zone: TimeZone::get(zone)
                .map_err(|_| Invalid::new("zone", format!("{zone:?} is no IANA time zone, e.g. Europe/Madrid")))?,
            sets: Arc::default(),
        })
    }

    /// The same with these sets, in this order, in the place of those that it had.
    pub fn with_sets<'a>(self, sets: impl IntoIterator<Item = &'a OpeningHours>) -> Result<Self, Invalid> {
        let sets = sets.into_iter().map(|set| Schedule::of(set, &self.zone)).collect::<Result<_, _>>()?;
        Ok(Self { sets, ..self })
    }

    /// What is closed at that instant, the active period first; nothing when the hours are open.
    pub fn closed_by(&self, at: Timestamp) -> Option<ClosedBy<'_>> {
        if !self.period_at(at).open {
            return Some(ClosedBy::ActivePeriod);
        }
        self.sets.iter().find(|set| !set.is_open(at)).map(ClosedBy::Set)
    }

    /// Every day, all day, in UTC.
    pub fn always() -> Self {
        Self { from: 0, until: DAY_SECONDS - 1, days: [true; 7], zone: TimeZone::UTC, sets: Arc::default() }
    }

    /// The zone in which the window is read.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether `at` is inside, and when that changes next.
    ///
    /// A window edge in a DST gap moves to the end of the gap; an edge in a fold is its first occurrence for opening
    /// and its first for closing, so that a day is never open longer than the operator wrote.
    pub fn state_at(&self, at: Timestamp) -> HourState {
        let mut then = at;
        // Every round goes to a later opening.
        for _ in 0..MAX_ROUNDS {
            let said = self.all_at(then);
            match (said.open, said.until) {
                (true, until) if then == at => return HourState::Open { until },
                (true, _) => return HourState::Closed { opens_at: Some(then) },
                (false, Some(later)) => then = later,
                (false, None) => break,
            }
        }
        HourState::Closed { opens_at: None }
    }

    /// All parts at once: open until the first closes; closed until the last of those that are closed opens.
    fn all_at(&self, at: Timestamp) -> Said {
        let parts = std::iter::once(self.period_at(at)).chain(self.sets.iter().map(|set| set.said_at(at)));
        parts.fold(Said { open: true, until: None }, |all, part| match (all.open, part.open) {
            (true, true) => Said { open: true, until: [all.until, part.until].into_iter().flatten().min() },
            (false, true) => all,
            (true, false) => part,
            // One that never opens keeps all closed.
            (false, false) => Said { open: false, until: all.until.zip(part.until).map(|(one, other)| one.max(other)) },
        })
    }

    fn period_at(&self, at: Timestamp) -> Said {
        let today = at.to_jiff().to_zoned(self.zone.clone()).date();
        let mut closes_at: Option<Timestamp> = None;
        for day in -1..=LOOK_AHEAD_DAYS {
            let Ok(date) = today.checked_add(day.days()) else { continue };
            let Some((opens, closes)) = self.window_of(date) else { continue };
            match closes_at {
                // An open window is followed at once by the next one: 00:00:00-23:59:59 on every day never closes.
                Some(end) if opens <= end => closes_at = Some(end.max(closes)),
                Some(end) => return Said { open: true, until: Some(end) },
                None if closes <= at => {}
                None if opens <= at => closes_at = Some(closes),
                None => return Said { open: false, until: Some(opens) },
            }
        }
        let never_closes = i64::from(LOOK_AHEAD_DAYS - 1) * i64::from(DAY_SECONDS) * 1_000;
        match closes_at {
            Some(end) => Said { open: true, until: (end.ms_since(at) < never_closes).then_some(end) },
            None => Said { open: false, until: None },
        }
    }

    /// The window that opens on `date`, as `opens..closes`.
    fn window_of(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days[day_index(date.weekday())] {
            return None;
        }
        let opens = self.instant(date, self.from)?;
        let overnight = self.until < self.from;
        let last_day = if overnight { date.tomorrow().ok()? } else { date };
        let (close_day, close_second) =
            if self.until + 1 == DAY_SECONDS { (last_day.tomorrow().ok()?, 0) } else { (last_day, self.until + 1) };
        let closes = self.instant(close_day, close_second)?;
        (opens < closes).then_some((opens, closes))
    }

    fn instant(&self, date: Date, second: u32) -> Option<Timestamp> {
        let time = Time::new((second / 3_600) as i8, (second / 60 % 60) as i8, (second % 60) as i8, 0).ok()?;
        let zoned = self.zone.to_ambiguous_zoned(date.to_datetime(time)).compatible().ok()?;
        Some(Timestamp::from_jiff(zoned.timestamp()))
    }
}

pub(crate) fn day_index(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

pub(crate) fn seconds_of_day(field: &str, text: &str) -> Result<u32, Invalid> {
    let problem = || Invalid::new(field, format!("{text:?} is no time of day as HHMMSS, e.g. 093000"));
    if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(problem());
    }
    let number: u32 = text.parse().map_err(|_| problem())?;
    let (hours, minutes, seconds) = (number / 10_000, number / 100 % 100, number % 100);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return Err(problem());
    }
    Ok(hours * 3_600 + minutes * 60 + seconds)
}

pub(crate) fn parse_days(field: &str, text: &str) -> Result<[bool; 7], Invalid> {
    let mut days = [false; 7];
    for digit in text.chars() {
        let sunday_first = digit
            .to_digit(10)
            .filter(|d| (1..=7).contains(d))
            .ok_or_else(|| Invalid::new(field, format!("{text:?}: use digits 1 (Sunday) to 7 (Saturday)")))?;
        days[(sunday_first as usize + 5) % 7] = true;
    }
    if days == [false; 7] {
        return Err(Invalid::new(field, "names no day: nothing would ever be dialled"));
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().unwrap())
    }

    #[test]
    fn a_working_day_opens_and_closes_in_the_campaign_zone() {
        let hours = Hours::parse("090000", "195959", "23456", "Europe/Madrid").unwrap();
        let closes = at("2026-11-20T19:00:00Z");
        assert_eq!(hours.state_at(at("2026-11-20T12:00:00Z")), HourState::Open { until: Some(closes) });
        assert_eq!(hours.state_at(at("2026-11-20T18:59:59Z")), HourState::Open { until: Some(closes) });
        // Friday evening: the next opening is Monday.
        let monday = at("2026-11-23T08:00:00Z");
        assert_eq!(hours.state_at(closes), HourState::Closed { opens_at: Some(monday) });
    }

    #[test]
    fn days_count_from_sunday_as_wombatdialer_does() {
        let hours = Hours::parse("000000", "235959", "2", "UTC").unwrap();
        assert_eq!(
            hours.state_at(at("2026-11-22T12:00:00Z")), // a Sunday
            HourState::Closed { opens_at: Some(at("2026-11-23T00:00:00Z")) }
        );
        assert_eq!(
            hours.state_at(at("2026-11-23T12:00:00Z")),
            HourState::Open { until: Some(at("2026-11-24T00:00:00Z")) }
        );
    }

    #[test]
    fn all_day_every_day_never_closes() {
        assert_eq!(Hours::always().state_at(at("2026-02-28T23:59:59Z")), HourState::Open { until: None });
    }

    #[test]
    fn an_overnight_window_belongs_to_the_day_it_opens() {
        let hours = Hours::parse("220000", "015959", "6", "UTC").unwrap(); // Friday night
        let closes = at("2026-11-21T02:00:00Z");
        assert_eq!(hours.state_at(at("2026-11-21T01:00:00Z")), HourState::Open { until: Some(closes) });
        assert_eq!(hours.state_at(closes), HourState::Closed { opens_at: Some(at("2026-11-27T22:00:00Z")) });
    }

    #[test]
    fn an_opening_in_the_spring_gap_moves_to_its_end() {
        let hours = Hours::parse("023000", "040000", "1234567", "America/New_York").unwrap();
        // 2026-03-08 02:30 does not exist; the clock goes from 01:59:59 EST to 03:00:00 EDT.
        assert_eq!(
            hours.state_at(at("2026-03-08T06:00:00Z")),
            HourState::Closed { opens_at: Some(at("2026-03-08T07:30:00Z")) }
        );
    }

    #[test]
    fn bad_hours_are_refused_by_field() {
        assert_eq!(Hours::parse("9", "200000", "2", "UTC").unwrap_err().field, "time_start");
        assert_eq!(Hours::parse("090000", "250000", "2", "UTC").unwrap_err().field, "time_end");
        assert_eq!(Hours::parse("090000", "200000", "8", "UTC").unwrap_err().field, "time_days");
        assert_eq!(Hours::parse("090000", "200000", "", "UTC").unwrap_err().field, "time_days");
        assert_eq!(Hours::parse("090000", "200000", "2", "Mars").unwrap_err().field, "zone");
    }
}
