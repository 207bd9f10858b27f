//! The hours in which a person may be called, on their own clock.

mod clock;
mod parse;

use super::ruling::Rules;
use super::verdict::Answer;
use super::zones::Zones;
use crate::hours::{HourState, Hours};
use crate::time::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Days looked ahead for the next instant at which all is open. What is shut for longer says so and is asked again.
pub const LOOK_AHEAD_DAYS: i64 = 62;
/// Days looked ahead for an instant at which a campaign's own hours and the windows are open together.
pub const MEET_DAYS: i64 = 14;
/// How long an answer without an end stands, in seconds.
const FOREVER_S: i64 = 86_400;

/// The hours of one part of the rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalleeHours {
    /// The windows of each weekday, Monday first, in order and apart: seconds of the day, `from` inclusive, `to`
    /// exclusive, 86,400 for its end.
    days: [Vec<(u32, u32)>; 7],
    /// Closed on these days of every year, `(month, day)`.
    every_year: BTreeSet<(i8, i8)>,
    /// Closed on these days.
    once: BTreeSet<Date>,
}

/// Whether one part is open in one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is; it closes then.
    Open(Timestamp),
    /// It is not; it opens then. `None`: not within the days looked ahead.
    Closed(Option<Timestamp>),
}

/// Remembers what the windows of one campaign said, per set of zones, until that changes. One per [`Rules`]: with
/// other rules its answers are wrong.
#[derive(Debug, Default)]
pub struct Windows {
    sets: Vec<Option<Known>>,
    others: BTreeMap<Zones, Known>,
}

/// An answer and how long it stands.
#[derive(Debug, Clone, Copy)]
struct Known {
    from: Timestamp,
    until: Timestamp,
    answer: Answer,
}

impl Windows {
    /// Whether every part of the rules is open in every zone; otherwise when they all are next, `None` for not within
    /// [`LOOK_AHEAD_DAYS`]. Of a number that may be anywhere no hour is right, where hours count at all.
    pub fn ask(&mut self, rules: &Rules, zones: Zones, now: Timestamp) -> Answer {
        self.known(rules, zones, now).answer
    }

    /// When the window that is open now closes; `None`: it is not open, or nobody looks at hours.
    pub fn closes_at(&mut self, rules: &Rules, zones: Zones, now: Timestamp) -> Option<Timestamp> {
        if rules.parts.iter().all(|part| part.hours.is_none()) {
            return None;
        }
        let known = self.known(rules, zones, now);
        (known.answer == Answer::Yes).then_some(known.until)
    }

    fn known(&mut self, rules: &Rules, zones: Zones, now: Timestamp) -> Known {
        let remembered = match zones {
            Zones::Set(set) => self.sets.get(usize::from(set)).copied().flatten(),
            _ => self.others.get(&zones).copied(),
        };
        if let Some(known) = remembered.filter(|known| known.from <= now && now < known.until) {
            return known;
        }
        let known = look(rules, zones, now);
        if let Zones::Set(set) = zones {
            let set = usize::from(set);
            if self.sets.len() <= set {
                self.sets.resize(set + 1, None);
            }
            self.sets[set] = Some(known);
        } else {
            self.others.insert(zones, known);
        }
        known
    }
}

/// When the windows do open, and not one of the next [`MEET_DAYS`] days has an instant at which the campaign's own hours are
/// open, too. What never opens at all, and what no rule closes, is said elsewhere: it counts as met. `Ok`: when they meet.
pub(super) fn meet(rules: &Rules, zones: Zones, hours: &Hours, now: Timestamp) -> Result<Timestamp, NeverMeet> {
    let last = now.plus_seconds(MEET_DAYS * 86_400);
    let mut at = now;
    // Every round goes to a later opening, of which each has a bounded number a day.
    while at <= last {
        match look(rules, zones, at).answer {
            Answer::Yes => {}
            Answer::No { until: Some(opens) } if opens > at => {
                at = opens;
                continue;
            }
            Answer::No { .. } => return Ok(last),
        }
        match hours.state_at(at) {
            HourState::Open { .. } => return Ok(at),
            HourState::Closed { opens_at: Some(opens) } if opens > at => at = opens,
            HourState::Closed { .. } => return Err(NeverMeet),
        }
    }
    Err(NeverMeet)
}

/// The campaign's hours and the windows have no instant in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NeverMeet;

/// Asks every part in every zone, and looks ahead from opening to opening until all agree.
fn look(rules: &Rules, zones: Zones, now: Timestamp) -> Known {
    let stands = |until: Option<Timestamp>, answer| Known {
        from: now,
        until: until.unwrap_or(now.plus_seconds(FOREVER_S)),
        answer,
    };
    let parts: Vec<&CalleeHours> = rules.parts.iter().filter_map(|part| part.hours.as_ref()).collect();
    if parts.is_empty() {
        return stands(None, Answer::Yes);
    }
    let zones = zones.zones(&rules.zone);
    let last = now.plus_seconds(LOOK_AHEAD_DAYS * 86_400);
    let mut at = now;
    // Every round goes to a later opening, of which each part has a bounded number a day.
    while !zones.is_empty() && at <= last {
        match all(&parts, &zones, at) {
            State::Open(closes) if at == now => return stands(Some(closes), Answer::Yes),
            State::Open(_) => return stands(Some(at), Answer::No { until: Some(at) }),
            State::Closed(Some(opens)) => at = opens,
            State::Closed(None) => break,
        }
    }
    stands(None, Answer::No { until: None })
}

/// All of them at one instant: open until the first closes; closed until the last of those that are closed opens.
fn all(parts: &[&CalleeHours], zones: &[&TimeZone], at: Timestamp) -> State {
    let (mut closes, mut opens) = (None::<Timestamp>, None::<Timestamp>);
    for (part, zone) in parts.iter().flat_map(|part| zones.iter().map(move |zone| (part, zone))) {
        match part.state_at(zone, at) {
            State::Open(until) => closes = Some(closes.map_or(until, |closes| closes.min(until))),
            State::Closed(Some(until)) => opens = opens.max(Some(until)),
            State::Closed(None) => return State::Closed(None),
        }
    }
    match (opens, closes) {
        (None, Some(closes)) => State::Open(closes),
        (opens, _) => State::Closed(opens),
    }
}

#[cfg(test)]
mod tests;
