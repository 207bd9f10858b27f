//! How strict campaigns are and what is known of people: drawn from the seed.

use crate::rng::Rng;
use crate::scenario::NUMBERS;
use domain::rules::limits::{Cap, CapBy, Consent, DayHours, HourlyCap, Limits};
use domain::rules::{Rules, Zones, pack};
use domain::{Contact, Dialable, NumberKey, Timestamp};

/// Where people are: in one zone, in several, one that the contact names, and in places where the clocks change.
const PLACES: [&str; 9] = [
    "+12125550100",  // New York
    "+16025550100",  // Phoenix
    "+12082991234",  // Boise or Los Angeles
    "+34911234567",  // Madrid
    "+34612345678",  // Madrid or the Canaries
    "+56221234567",  // Santiago
    "+595211234567", // Asuncion
    "+61412345678",  // all of Australia
    "+68675012345",  // Kiribati, from one end of the day to the other
];
const NAMED: [&str; 3] = ["Australia/Lord_Howe", "Pacific/Kiritimati", "America/Indiana/Indianapolis"];

/// What is known of a contact besides its number.
pub(crate) fn describe(rng: &mut Rng, contact: &mut Contact) {
    contact.zones = match rng.within(0..=9) {
        0..=2 => Zones::Campaign,
        3..=7 => rng
            .pick(&PLACES)
            .and_then(|text| Dialable::parse(text, None).ok())
            .map_or(Zones::Campaign, |number| Zones::of_number(&number)),
        8 => rng.pick(&NAMED).and_then(|name| Zones::one(name).ok()).unwrap_or(Zones::Campaign),
        _ => Zones::Unknown,
    };
    contact.person = rng.percent(30).then(|| NumberKey(2_000_000 + contact.id.0 / 4));
    // The worlds begin in 2026 and 2028.
    let since = |days: u32| Timestamp(1_798_000_000_000_000).plus_seconds(-86_400 * i64::from(days));
    contact.consent_at = rng.percent(60).then(|| since(rng.number(0..=700)));
}

/// The rules of a campaign in `zone`: none, the product's own, or its operator's.
pub(crate) fn rules(rng: &mut Rng, zone: &str, any_hour: bool) -> Rules {
    let pack = if any_hour && rng.percent(15) { pack::DEFAULT } else { pack::UNRESTRICTED };
    let mut limits = if rng.percent(50) { limits(rng) } else { Limits::default() };
    if !any_hour {
        // The campaign's hours and those of a zone on the other side of the world may never be open together.
        limits.hours = Vec::new();
    }
    Rules::of(&[pack.to_owned()], &limits, zone).unwrap_or_else(|_| Rules::none())
}

fn limits(rng: &mut Rng) -> Limits {
    let mut limits = Limits::default();
    if rng.percent(40) {
        let from = rng.within(0..=20);
        let to = rng.within(from + 1..=24);
        let days = if rng.percent(30) { "23456" } else { "1234567" };
        limits.hours = vec![DayHours { days: days.into(), from: format!("{from:02}:00"), to: format!("{to:02}:00") }];
        if from > 4 && rng.percent(30) {
            limits.hours.push(DayHours { days: days.into(), from: "01:30".into(), to: "03:00".into() });
        }
    }
    if rng.percent(20) {
        limits.holidays = vec!["02-29".into(), "12-31".into(), "2026-10-25".into(), "2026-03-08".into()];
    }
    for _ in 0..rng.within(0..=2) {
        let by = if rng.percent(40) { CapBy::Person } else { CapBy::Number };
        limits.caps.push(Cap { attempts: rng.number(1..=4), hours: rng.number(1..=48), by });
    }
    if rng.percent(30) {
        limits.gap_minutes = rng.number(1..=90);
    }
    if rng.percent(20) {
        limits.cooldown_hours = rng.number(1..=30);
    }
    if rng.percent(15) {
        limits.consent = Some(Consent { max_age_days: *rng.pick(&[0, 100, 365]).unwrap_or(&0) });
    }
    if rng.percent(20) {
        let prefix = format!("{NUMBERS}{}", rng.pick(&["", "000000"]).unwrap_or(&""));
        limits.hourly = vec![HourlyCap { prefix, calls: rng.number(2..=15) }];
    }
    if rng.percent(20) {
        limits.deny = vec![format!("{NUMBERS}000001"), format!("{NUMBERS}00000{}", rng.within(2..=9))];
        limits.allow = vec![format!("{NUMBERS}0000012")];
    }
    limits
}
