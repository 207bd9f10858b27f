//! Opening hours: a named set of rules that says when its campaigns may dial, holidays included.

mod calendar;

use crate::error::{Invalid, check_optional_text, check_range, check_text};
use crate::hours::{day_index, parse_days, seconds_of_day};
use crate::ids::{OpeningHoursId, OpeningRuleId};
use crate::time::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, civil};
use serde::{Deserialize, Serialize};
use std::fmt;

pub use calendar::Dates;

/// Rules of one set, at most.
pub const MAX_RULES: usize = 100;
/// Sets of one campaign, at most.
pub const MAX_SETS: usize = 20;
/// Days looked ahead for the next change. What stays as it is for longer is asked again within the hour.
pub const LOOK_AHEAD_DAYS: i32 = 62;

const DAY_SECONDS: u32 = 86_400;

/// Open or closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OpeningMode {
    /// Dialling is allowed.
    #[default]
    Open,
    /// It is not.
    Closed,
}

/// A set of opening hours. Several campaigns may be attached to one set and one campaign to several: all must be open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningHours {
    /// 0 until it is saved.
    pub id: OpeningHoursId,
    /// Unique, 1..=200 characters.
    pub name: String,
    /// For people, at most 500 characters.
    #[serde(default)]
    pub comment: String,
    /// What holds when no rule matches.
    #[serde(default)]
    pub default_mode: OpeningMode,
    /// IANA zone in which its rules are read; empty: that of the campaign.
    #[serde(default)]
    pub zone: String,
    /// Its rules in order: the first that matches decides.
    #[serde(default)]
    pub rules: Vec<OpeningRule>,
}

/// One rule of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningRule {
    /// 0 until it is saved.
    #[serde(default = "unsaved")]
    pub id: OpeningRuleId,
    /// What holds while it matches.
    #[serde(default)]
    pub mode: OpeningMode,
    /// Digits 1 (Sunday) to 7 (Saturday); empty: any day.
    #[serde(default)]
    pub days: String,
    /// First day, `2026-12-24` or every year `12-24`; empty: any date.
    #[serde(default)]
    pub date_from: String,
    /// Last day, inclusive, written in the same way; empty: the first day only.
    #[serde(default)]
    pub date_to: String,
    /// First second, `HHMMSS`.
    #[serde(default = "midnight")]
    pub time_start: String,
    /// Last second, inclusive; before `time_start` means overnight: it belongs to the day on which it begins.
    #[serde(default = "end_of_day")]
    pub time_end: String,
    /// For people, at most 200 characters.
    #[serde(default)]
    pub comment: String,
}

fn unsaved() -> OpeningRuleId {
    OpeningRuleId(0)
}

fn midnight() -> String {
    "000000".into()
}

fn end_of_day() -> String {
    "235959".into()
}

impl OpeningHours {
    /// An empty set that is always open.
    pub fn named(name: &str) -> Self {
        Self {
            id: OpeningHoursId(0),
            name: name.to_owned(),
            comment: String::new(),
            default_mode: OpeningMode::Open,
            zone: String::new(),
            rules: Vec::new(),
        }
    }

    /// Refuses values out of range, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("name", &self.name, 200)?;
        check_optional_text("comment", &self.comment, 500)?;
        check_range("rules", self.rules.len(), 0, MAX_RULES)?;
        Schedule::of(self, &TimeZone::UTC).map(drop)
    }
}

impl OpeningRule {
    /// Every second of every day.
    pub fn always(mode: OpeningMode) -> Self {
        Self {
            id: unsaved(),
            mode,
            days: String::new(),
            date_from: String::new(),
            date_to: String::new(),
            time_start: midnight(),
            time_end: end_of_day(),
            comment: String::new(),
        }
    }
}

/// For people: `closed 12-24 to 12-26 (Christmas)`, `open Mon Tue 09:00:00-17:59:59`.
impl fmt::Display for OpeningRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        f.write_str(if self.mode == OpeningMode::Open { "open" } else { "closed" })?;
        for day in self.days.bytes().filter_map(|digit| DAYS.get(usize::from(digit.wrapping_sub(b'1')))) {
            write!(f, " {day}")?;
        }
        match (self.date_from.as_str(), self.date_to.as_str()) {
            ("", _) => {}
            (from, "") => write!(f, " on {from}")?,
            (from, to) => write!(f, " {from} to {to}")?,
        }
        if (self.time_start.as_str(), self.time_end.as_str()) != ("000000", "235959") {
            let clock = |text: &str| match (text.get(..2), text.get(2..4), text.get(4..)) {
                (Some(hours), Some(minutes), Some(seconds)) => format!("{hours}:{minutes}:{seconds}"),
                _ => text.to_owned(),
            };
            write!(f, " {}-{}", clock(&self.time_start), clock(&self.time_end))?;
        }
        if !self.comment.is_empty() {
            write!(f, " ({})", self.comment)?;
        }
        Ok(())
    }
}

/// A set as a value that can be asked.
///
/// What the clock of its zone shows decides, and nothing else: where an hour is repeated both of its occurrences are as
/// the rules say, and where the clock jumps over a time nothing happens at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    id: OpeningHoursId,
    name: String,
    default_mode: OpeningMode,
    zone: TimeZone,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    mode: OpeningMode,
    /// Monday first.
    days: [bool; 7],
    dates: Option<Dates>,
    /// First second of the day, `0..86400`.
    from: u32,
    /// Last second of the day, inclusive; less than `from`: of the day after.
    until: u32,
    text: String,
}

/// What a set says at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) open: bool,
    /// When it says otherwise; `None`: not within the days looked ahead.
    pub(crate) until: Option<Timestamp>,
}

impl Schedule {
    /// `zone` is that of the campaign; a zone of the set's own goes before it.
    pub fn of(set: &OpeningHours, zone: &TimeZone) -> Result<Self, Invalid> {
        let zone = match set.zone.as_str() {
            "" => zone.clone(),
            own => TimeZone::get(own)
                .map_err(|_| Invalid::new("zone", format!("{own:?} is no IANA time zone, e.g. Europe/Madrid")))?,
        };
        let rules = set.rules.iter().enumerate().map(|(place, rule)| Rule::of(place, rule));
        Ok(Self {
            id: set.id,
            name: set.name.clone(),
            default_mode: set.default_mode,
            zone,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// Which set.
    pub fn id(&self) -> OpeningHoursId {
        self.id
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is open.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let mode = self.deciding(at).map_or(self.default_mode, |place| self.rules[place].mode);
        mode == OpeningMode::Open
    }

    /// What decides at that instant, for people: a rule with its number, or that no rule matches.
    pub fn why(&self, at: Timestamp) -> String {
        match self.deciding(at) {
            Some(place) => format!("rule {}: {}", place + 1, self.rules[place].text),
            None if self.default_mode == OpeningMode::Open => "open where no rule says otherwise".to_owned(),
            None => "closed where no rule says otherwise".to_owned(),
        }
    }

    /// When it is open from one instant to another, in order and apart.
    pub fn open_between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let mut at = from;
        std::iter::from_fn(move || {
            while at < to {
                let (began, said) = (at, self.said_at(at));
                at = said.until.unwrap_or(to).min(to);
                if said.open {
                    return Some((began, at));
                }
            }
            None
        })
    }

    /// The first rule that matches.
    fn deciding(&self, at: Timestamp) -> Option<usize> {
        let shown = at.to_jiff().to_zoned(self.zone.clone()).datetime();
        self.rules.iter().position(|rule| rule.matches(shown))
    }

    /// What it says at `at`, and until when.
    pub(crate) fn said_at(&self, at: Timestamp) -> Said {
        let open = self.is_open(at);
        let today = at.to_jiff().to_zoned(self.zone.clone()).date();
        let last = at.plus_seconds(i64::from(LOOK_AHEAD_DAYS) * i64::from(DAY_SECONDS));
        // Where the clock jumps, it may jump into or out of a window.
        let jumps = self.zone.following(at.to_jiff()).map(|jump| Timestamp::from_jiff(jump.timestamp()));
        let jumps: Vec<Timestamp> = jumps.take_while(|jump| *jump <= last).collect();
        let mut edges = Vec::new();
        // From yesterday on, two days at a time: a clock that is turned back over midnight shows a day twice.
        for day in -1..=LOOK_AHEAD_DAYS {
            edges.clear();
            for date in [day, day + 1].into_iter().filter_map(|day| today.checked_add(day.days()).ok()) {
                self.push_edges(&mut edges, date);
                edges.extend(jumps.iter().filter(|jump| jump.to_jiff().to_zoned(self.zone.clone()).date() == date));
            }
            edges.retain(|edge| *edge > at);
            edges.sort_unstable();
            if let Some(change) = edges.iter().find(|edge| self.is_open(**edge) != open) {
                return Said { open, until: Some(*change) };
            }
        }
        Said { open, until: None }
    }

    /// Every instant at which the clock shows that day and the beginning or the end of a window.
    fn push_edges(&self, edges: &mut Vec<Timestamp>, date: Date) {
        let mut push = |second| edges.extend(calendar::instants(&self.zone, date, second));
        let yesterday = date.yesterday().ok();
        for rule in &self.rules {
            let past = rule.until + 1;
            let ends_same_day = rule.from <= rule.until && past < DAY_SECONDS;
            if rule.is_on(date) {
                push(rule.from);
                if ends_same_day {
                    push(past);
                }
            }
            if !ends_same_day && yesterday.is_some_and(|yesterday| rule.is_on(yesterday)) {
                push(past % DAY_SECONDS);
            }
        }
    }
}

impl Rule {
    fn of(place: usize, rule: &OpeningRule) -> Result<Self, Invalid> {
        let field = |name: &str| format!("rules[{place}].{name}");
        check_optional_text(&field("comment"), &rule.comment, 200)?;
        Ok(Self {
            mode: rule.mode,
            days: if rule.days.is_empty() { [true; 7] } else { parse_days(&field("days"), &rule.days)? },
            dates: Dates::parse(&field("date_from"), &field("date_to"), &rule.date_from, &rule.date_to)?,
            from: seconds_of_day(&field("time_start"), &rule.time_start)?,
            until: seconds_of_day(&field("time_end"), &rule.time_end)?,
            text: rule.to_string(),
        })
    }

    /// Whether its window begins on that day.
    fn is_on(&self, date: Date) -> bool {
        self.days[day_index(date.weekday())] && self.dates.is_none_or(|dates| dates.holds(date))
    }

    /// Whether a clock that shows this is inside.
    fn matches(&self, shown: civil::DateTime) -> bool {
        let second = seconds(shown.time());
        if self.from <= self.until {
            return self.is_on(shown.date()) && (self.from..=self.until).contains(&second);
        }
        let began_yesterday = || shown.date().yesterday().is_ok_and(|date| self.is_on(date));
        (second >= self.from && self.is_on(shown.date())) || (second <= self.until && began_yesterday())
    }
}

fn seconds(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 3_600
        + u32::from(time.minute().unsigned_abs()) * 60
        + u32::from(time.second().unsigned_abs())
}

#[cfg(test)]
mod tests;
