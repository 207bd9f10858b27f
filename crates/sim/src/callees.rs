//! Whom the rules of a campaign let be called, worked out a second time: from the limits as they are written, without
//! what the dialler remembers and looks ahead by.

use crate::proof::Check;
use domain::rules::limits::{CapBy, DayHours, Limits};
use domain::rules::{ContactRule, Rules};
use domain::{Contact, Timestamp};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A call that was sent: when it was decided, and when its conversation ended, if there was one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) talked: Option<Timestamp>,
}

/// What was sent to a contact's number and person before.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) number: Vec<Sent>,
    pub(crate) person: Vec<Sent>,
}

/// The first limit that a call to this contact at this time breaks.
pub(crate) fn broken(rules: &Rules, contact: &Contact, history: &History, now: Timestamp) -> Option<(Check, String)> {
    for limits in rules.parts.iter().map(|part| &part.limits) {
        let checks: [(Check, Option<String>); 4] = [
            (Check::DeniedRangesKept, denied(rules, contact)),
            (Check::ConsentKept, without_consent(limits, contact, now)),
            (Check::CapsKept, too_often(limits, history, now)),
            (Check::CalleesHoursKept, at_a_bad_hour(rules, limits, contact, now)),
        ];
        for (check, what) in checks {
            if let Some(what) = what {
                return Some((check, what));
            }
        }
    }
    None
}

/// Whether this rule may refuse the contact for good: it does not change its mind with time alone.
pub(crate) fn refuses(rules: &Rules, rule: ContactRule, contact: &Contact, now: Timestamp) -> bool {
    let limits = || rules.parts.iter().map(|part| &part.limits);
    match rule {
        ContactRule::NumberAllowed => denied(rules, contact).is_some(),
        ContactRule::ConsentGiven => limits().any(|limits| without_consent(limits, contact, now).is_some()),
        ContactRule::InsideCalleeWindow => {
            // Every half hour of five weeks: no window is shorter, and none of the worlds' holidays longer.
            let (zones, half_hours) = (zones(rules, contact), (0..35 * 48).map(|half| now.plus_seconds(half * 1_800)));
            // A day is open no longer than its windows are written: an hour that a clock shows twice promises nothing.
            let shut = |limits, at| !zones.iter().all(|zone| is_open(limits, zone, at) && !is_shown_twice(zone, at));
            zones.is_empty() || !half_hours.into_iter().any(|at| !limits().any(|limits| shut(limits, at)))
        }
        _ => false,
    }
}

fn denied(rules: &Rules, contact: &Contact) -> Option<String> {
    let number = &contact.number.dialled;
    let longest = |prefixes: fn(&Limits) -> &Vec<String>| {
        let all = rules.parts.iter().flat_map(|part| prefixes(&part.limits));
        all.filter(|prefix| number.starts_with(*prefix)).map(String::len).max().unwrap_or(0)
    };
    let (denied, allowed) = (longest(|limits| &limits.deny), longest(|limits| &limits.allow));
    (denied > allowed).then(|| format!("its range of {denied} characters is denied"))
}

fn without_consent(limits: &Limits, contact: &Contact, now: Timestamp) -> Option<String> {
    let days = i64::from(limits.consent?.max_age_days);
    match contact.consent_at {
        Some(at) if at <= now && (days == 0 || now.0 - at.0 < days * 86_400_000_000) => None,
        given => Some(format!("consent of {given:?} is asked for, {days} days old at most")),
    }
}

fn too_often(limits: &Limits, history: &History, now: Timestamp) -> Option<String> {
    let within = |sent: &Sent, seconds: i64| now.0 - sent.at.0 < seconds * 1_000_000;
    for cap in &limits.caps {
        let count = |calls: &[Sent]| calls.iter().filter(|sent| within(sent, i64::from(cap.hours) * 3_600)).count();
        let by_person = if cap.by == CapBy::Person { count(&history.person) } else { 0 };
        let made = count(&history.number).max(by_person);
        if made >= cap.attempts as usize {
            return Some(format!("{made} calls were made, {cap:?}"));
        }
    }
    let gap = i64::from(limits.gap_minutes) * 60;
    if let Some(sent) = history.number.iter().find(|sent| within(sent, gap)) {
        return Some(format!("called at {}, the gap is {gap} s", sent.at));
    }
    let rest = i64::from(limits.cooldown_hours) * 3_600_000_000;
    let talked = history.number.iter().chain(&history.person).filter_map(|sent| sent.talked);
    let talked = talked.max().filter(|at| now.0 - at.0 < rest)?;
    Some(format!("talked to until {talked}, {} hours of rest", limits.cooldown_hours))
}

fn at_a_bad_hour(rules: &Rules, limits: &Limits, contact: &Contact, now: Timestamp) -> Option<String> {
    if limits.hours.is_empty() && limits.holidays.is_empty() {
        return None;
    }
    let zones = zones(rules, contact);
    if zones.is_empty() {
        return Some("nobody knows where it is".to_owned());
    }
    let shut = zones.iter().find(|zone| !is_open(limits, zone, now))?;
    Some(format!("it is {} there, in {:?}", now.in_zone(shut), contact.zones))
}

fn zones(rules: &Rules, contact: &Contact) -> Vec<TimeZone> {
    let names = contact.zones.names(&rules.zone).into_iter();
    names.map(|name| TimeZone::get(name).unwrap_or(TimeZone::UTC)).collect()
}

/// Whether the clock of the zone shows an hour at which calls are made.
fn is_open(limits: &Limits, zone: &TimeZone, now: Timestamp) -> bool {
    let local = now.to_jiff().to_zoned(zone.clone());
    let is_today = |day: &String| local.strftime("%Y-%m-%d").to_string().ends_with(day.as_str());
    if limits.holidays.iter().any(is_today) {
        return false;
    }
    let clock = (local.hour(), local.minute());
    let day = char::from_digit(local.weekday().to_sunday_one_offset().unsigned_abs().into(), 10).unwrap_or('0');
    let inside = |hours: &DayHours| hours.days.contains(day) && clock >= read(&hours.from) && clock < read(&hours.to);
    limits.hours.is_empty() || limits.hours.iter().any(inside)
}

/// Whether the clock shows this time a second time that day, or did.
fn is_shown_twice(zone: &TimeZone, at: Timestamp) -> bool {
    let shown = at.to_jiff().to_zoned(zone.clone()).datetime();
    matches!(zone.to_ambiguous_timestamp(shown).offset(), AmbiguousOffset::Fold { .. })
}

/// Hours and minutes.
fn read(clock: &str) -> (i8, i8) {
    let (hours, minutes) = clock.split_once(':').unwrap_or_default();
    (hours.parse().unwrap_or(0), minutes.parse().unwrap_or(0))
}
