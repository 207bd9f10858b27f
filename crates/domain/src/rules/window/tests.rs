use super::*;
use crate::rules::limits::{DayHours, Limits};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn window(days: &str, from: &str, to: &str) -> DayHours {
    DayHours { days: days.into(), from: from.into(), to: to.into() }
}

fn limits(hours: &[(&str, &str, &str)], holidays: &[&str]) -> Limits {
    Limits {
        hours: hours.iter().map(|(days, from, to)| window(days, from, to)).collect(),
        holidays: holidays.iter().map(|day| (*day).to_owned()).collect(),
        ..Limits::default()
    }
}

fn rules(limits: &Limits) -> Rules {
    Rules::of(&["unrestricted".to_owned()], limits, "UTC").unwrap()
}

/// What the windows say in one zone: `None` for open, otherwise when they open.
fn opens(limits: &Limits, zone: &str, now: &str) -> Option<String> {
    match Windows::default().ask(&rules(limits), Zones::one(zone).unwrap(), at(now)) {
        Answer::Yes => None,
        Answer::No { until } => Some(until.map_or("never".to_owned(), |until| until.to_string())),
    }
}

fn closes(limits: &Limits, zone: &str, now: &str) -> String {
    let at = Windows::default().closes_at(&rules(limits), Zones::one(zone).unwrap(), at(now));
    at.map_or("closed".to_owned(), |at| at.to_string())
}

const DAILY: [(&str, &str, &str); 1] = [("1234567", "09:00", "20:00")];

#[test]
fn each_zone_opens_by_its_own_clock_on_both_sides_of_a_change() {
    let hours = limits(&DAILY, &[]);
    for (zone, now, expected) in [
        // The clocks of New York go forward on 8 March and back on 1 November 2026.
        ("America/New_York", "2026-03-07T05:00:00Z", "2026-03-07T14:00:00Z"),
        ("America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T13:00:00Z"),
        ("America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T14:00:00Z"),
        ("America/Indiana/Indianapolis", "2026-03-08T05:00:00Z", "2026-03-08T13:00:00Z"),
        ("America/Phoenix", "2026-03-08T05:00:00Z", "2026-03-08T16:00:00Z"),
        ("America/Phoenix", "2026-07-08T05:00:00Z", "2026-07-08T16:00:00Z"),
        // Santiago: back at midnight of 5 April, forward at midnight of 6 September 2026.
        ("America/Santiago", "2026-04-05T04:00:00Z", "2026-04-05T13:00:00Z"),
        ("America/Santiago", "2026-09-06T05:00:00Z", "2026-09-06T12:00:00Z"),
        // Asuncion stays at -3 since October 2024.
        ("America/Asuncion", "2024-07-01T05:00:00Z", "2024-07-01T13:00:00Z"),
        ("America/Asuncion", "2026-07-01T05:00:00Z", "2026-07-01T12:00:00Z"),
        // Sao Paulo had summer time until 2019; it began at midnight.
        ("America/Sao_Paulo", "2018-11-04T03:30:00Z", "2018-11-04T11:00:00Z"),
        ("America/Sao_Paulo", "2026-11-04T03:30:00Z", "2026-11-04T12:00:00Z"),
        ("Europe/Madrid", "2026-03-29T00:00:00Z", "2026-03-29T07:00:00Z"),
        ("Europe/Madrid", "2026-10-25T00:00:00Z", "2026-10-25T08:00:00Z"),
        // Lord Howe moves by half an hour.
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-04T22:30:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T22:00:00Z"),
        ("Pacific/Kiritimati", "2026-12-30T12:00:00Z", "2026-12-30T19:00:00Z"),
    ] {
        assert_eq!(opens(&hours, zone, now).as_deref(), Some(expected), "{zone} {now}");
        assert_eq!(opens(&hours, zone, expected), None, "{zone} at {expected}");
        let just_before = at(expected).plus_ms(-1).to_string();
        assert!(opens(&hours, zone, &just_before).is_some(), "{zone} before {expected}");
    }
}

#[test]
fn in_a_gap_an_edge_is_the_jump() {
    // 02:30 of 8 March 2026 does not exist in New York: at 07:00 UTC 01:59:59 is followed by 03:00.
    let opening = limits(&[("1", "02:30", "04:00")], &[]);
    assert_eq!(opens(&opening, "America/New_York", "2026-03-08T06:00:00Z").unwrap(), "2026-03-08T07:00:00Z");
    let closing = limits(&[("1", "01:00", "02:30")], &[]);
    assert_eq!(closes(&closing, "America/New_York", "2026-03-08T06:30:00Z"), "2026-03-08T07:00:00Z");
    let inside = limits(&[("1", "02:10", "02:50")], &[]);
    assert_eq!(opens(&inside, "America/New_York", "2026-03-08T06:30:00Z").unwrap(), "2026-03-15T06:10:00Z");
    // Midnight itself is jumped over in Santiago: the day begins at 01:00.
    let all_day = limits(&[("1", "00:00", "24:00")], &[]);
    assert_eq!(opens(&all_day, "America/Santiago", "2026-09-06T03:59:59Z").unwrap(), "2026-09-06T04:00:00Z");
}

#[test]
fn in_a_fold_a_window_opens_late_and_closes_early() {
    // New York shows 01:00-02:00 of 1 November 2026 twice, from 05:00 and from 06:00 UTC.
    let opening = limits(&[("1", "01:30", "04:00")], &[]);
    assert_eq!(opens(&opening, "America/New_York", "2026-11-01T05:40:00Z").unwrap(), "2026-11-01T06:30:00Z");
    let closing = limits(&[("1", "00:30", "01:30")], &[]);
    assert_eq!(closes(&closing, "America/New_York", "2026-11-01T05:00:00Z"), "2026-11-01T05:30:00Z");
    assert_eq!(opens(&closing, "America/New_York", "2026-11-01T06:10:00Z").unwrap(), "2026-11-08T05:30:00Z");
    let inside = limits(&[("1", "01:10", "01:50")], &[]);
    assert_eq!(opens(&inside, "America/New_York", "2026-11-01T04:00:00Z").unwrap(), "2026-11-01T05:10:00Z");
    assert_eq!(closes(&inside, "America/New_York", "2026-11-01T05:20:00Z"), "2026-11-01T05:50:00Z");
    // Half an hour of Lord Howe, and an hour of Madrid.
    let lord_howe = limits(&[("1", "01:45", "04:00")], &[]);
    assert_eq!(opens(&lord_howe, "Australia/Lord_Howe", "2026-04-04T14:50:00Z").unwrap(), "2026-04-04T15:15:00Z");
    let madrid = limits(&[("1", "02:30", "04:00")], &[]);
    assert_eq!(opens(&madrid, "Europe/Madrid", "2026-10-25T00:40:00Z").unwrap(), "2026-10-25T01:30:00Z");
}

#[test]
fn holidays_are_days_of_the_callee() {
    let year_end = limits(&DAILY, &["12-31", "2027-01-01"]);
    // On Kiritimati, 14 hours ahead, the 31st begins at 10:00 UTC of the 30th and the year at 10:00 UTC of the 31st.
    assert_eq!(opens(&year_end, "Pacific/Kiritimati", "2026-12-30T02:00:00Z"), None);
    assert_eq!(opens(&year_end, "Pacific/Kiritimati", "2026-12-30T20:00:00Z").unwrap(), "2027-01-01T19:00:00Z");
    assert_eq!(opens(&year_end, "America/New_York", "2026-12-31T00:30:00Z"), None);
    assert_eq!(opens(&year_end, "America/New_York", "2026-12-31T15:00:00Z").unwrap(), "2027-01-02T14:00:00Z");
    // The year after, the first is an ordinary day again and the last is not.
    assert_eq!(opens(&year_end, "Europe/Madrid", "2027-12-31T10:00:00Z").unwrap(), "2028-01-01T08:00:00Z");
}

#[test]
fn the_29th_of_february_is_a_holiday_where_there_is_one() {
    let leap = limits(&DAILY, &["02-29"]);
    assert_eq!(opens(&leap, "Europe/Madrid", "2028-02-29T10:00:00Z").unwrap(), "2028-03-01T08:00:00Z");
    assert_eq!(opens(&leap, "Europe/Madrid", "2026-02-28T10:00:00Z"), None);
    assert_eq!(opens(&leap, "Europe/Madrid", "2026-03-01T10:00:00Z"), None);
}

#[test]
fn without_hours_only_holidays_close() {
    let christmas = limits(&[], &["12-25"]);
    assert_eq!(closes(&christmas, "Europe/Madrid", "2026-12-24T22:00:00Z"), "2026-12-24T23:00:00Z");
    assert_eq!(opens(&christmas, "Europe/Madrid", "2026-12-25T10:00:00Z").unwrap(), "2026-12-25T23:00:00Z");
}

#[test]
fn several_zones_are_open_when_all_are() {
    let default = Rules::of(&["default".to_owned()], &Limits::default(), "UTC").unwrap();
    let mobile = |number| Zones::of_number(&crate::Dialable::parse(number, None).unwrap());
    let mut windows = Windows::default();
    // A Spanish mobile is in Madrid or on the Canaries, an hour behind: 10:00 to 20:00 in Madrid.
    let spain = mobile("+34612345678");
    assert_eq!(
        windows.ask(&default, spain, at("2026-11-20T08:30:00Z")),
        Answer::No { until: Some(at("2026-11-20T09:00:00Z")) }
    );
    assert_eq!(windows.ask(&default, spain, at("2026-11-20T09:00:00Z")), Answer::Yes);
    assert_eq!(windows.closes_at(&default, spain, at("2026-11-20T09:00:00Z")), Some(at("2026-11-20T19:00:00Z")));
    // Friday evening: Saturday from ten on the Canaries.
    assert_eq!(
        windows.ask(&default, spain, at("2026-11-20T19:00:00Z")),
        Answer::No { until: Some(at("2026-11-21T10:00:00Z")) }
    );
    assert_eq!(windows.ask(&default, Zones::Unknown, at("2026-11-20T12:00:00Z")), Answer::No { until: None });
    assert_eq!(windows.ask(&default, Zones::Campaign, at("2026-11-20T12:00:00Z")), Answer::Yes);
}

#[test]
fn hours_that_never_meet_are_never_open() {
    let morning = limits(&[("1234567", "09:00", "12:00")], &[]);
    let rules = Rules::of(&["unrestricted".to_owned()], &morning, "UTC").unwrap();
    let everywhere = Zones::of_number(&crate::Dialable::parse("+18005550100", None).unwrap());
    assert_eq!(Windows::default().ask(&rules, everywhere, at("2026-11-20T12:00:00Z")), Answer::No { until: None });
}

#[test]
fn bad_hours_are_refused_by_field() {
    let field = |limits: Limits| CalleeHours::of(&limits).unwrap_err();
    let overlap = field(limits(&[("23456", "09:00", "14:00"), ("6", "13:59", "20:00")], &[]));
    assert_eq!(overlap.field, "limits.hours[1].from");
    assert_eq!(overlap.problem, "13:59-20:00 overlaps 09:00-14:00 on day 6");
    assert!(CalleeHours::of(&limits(&[("23456", "09:00", "14:00"), ("6", "14:00", "20:00")], &[])).is_ok());
    assert_eq!(field(limits(&[("22", "09:00", "14:00")], &[])).field, "limits.hours[0].from");
    assert_eq!(field(limits(&[("8", "09:00", "14:00")], &[])).field, "limits.hours[0].days");
    assert_eq!(field(limits(&[("", "09:00", "14:00")], &[])).field, "limits.hours[0].days");
    assert_eq!(field(limits(&[("2", "14:00", "09:00")], &[])).field, "limits.hours[0].to");
    assert_eq!(field(limits(&[("2", "9:00", "14:00")], &[])).field, "limits.hours[0].from");
    assert_eq!(field(limits(&[("2", "09:00", "24:01")], &[])).field, "limits.hours[0].to");
    for day in ["02-30", "2026-02-29", "13-01", "2-3", "1225", "2026-12", "26-12-25", ""] {
        assert_eq!(field(limits(&[], &["12-25", day])).field, "limits.holidays[1]", "{day:?}");
    }
}

const ZONES: [&str; 10] = [
    "America/New_York",
    "America/Indiana/Indianapolis",
    "America/Phoenix",
    "America/Santiago",
    "America/Asuncion",
    "America/Sao_Paulo",
    "Europe/Madrid",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Apia",
];

/// What the callee's clock shows, asked directly.
fn clock_allows(limits: &Limits, zone: &str, at: Timestamp) -> bool {
    let local = at.to_jiff().in_tz(zone).unwrap();
    let (date, clock) = (local.date(), local.strftime("%H:%M").to_string());
    let holiday = [date.strftime("%m-%d").to_string(), date.to_string()];
    let day = (date.weekday().to_sunday_zero_offset() + 1).to_string();
    let inside = |window: &DayHours| window.days.contains(&day) && window.from <= clock && clock < window.to;
    !limits.holidays.iter().any(|day| holiday.contains(day)) && limits.hours.iter().any(inside)
}

fn some_limits() -> impl Strategy<Value = Limits> {
    let days = prop::sample::subsequence(vec!['1', '2', '3', '4', '5', '6', '7'], 1..=7);
    let window = (days, 0u32..1440, 1u32..=1440, 0u32..=3);
    let holiday = prop::sample::select(vec!["12-31", "01-01", "02-29", "2026-11-01", "2026-03-08", "2011-12-29"]);
    (window, prop::collection::vec(holiday, 0..3)).prop_map(|((days, from, length, gap), holidays)| {
        let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let days: String = days.into_iter().collect();
        let to = (from + length).min(1440);
        let mut hours = vec![window_of(&days, &clock(from), &clock(to))];
        if to + gap + 60 < 1440 {
            hours.push(window_of(&days, &clock(to + gap), "24:00"));
        }
        Limits { hours, holidays: holidays.into_iter().map(str::to_owned).collect(), ..Limits::default() }
    })
}

fn window_of(days: &str, from: &str, to: &str) -> DayHours {
    window(days, from, to)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_open_is_open_by_the_clock_and_opens_when_it_says(
        limits in some_limits(),
        zone in prop::sample::select(ZONES.to_vec()),
        // Around the changes of 2026, and the day that Samoa left out.
        start in prop::sample::select(vec![
            "2026-03-06T00:00:00Z", "2026-10-30T00:00:00Z", "2026-04-03T00:00:00Z", "2026-09-04T00:00:00Z",
            "2028-02-27T00:00:00Z", "2026-12-29T00:00:00Z", "2011-12-28T00:00:00Z", "2018-11-02T00:00:00Z",
        ]),
        minutes in prop::collection::vec(0i64..(5 * 1440), 16),
    ) {
        let rules = rules(&limits);
        let zones = Zones::one(zone).unwrap();
        let mut windows = Windows::default();
        for minute in minutes {
            let now = at(start).plus_seconds(minute * 60);
            let answer = windows.ask(&rules, zones, now);
            // What is remembered is what would be found.
            prop_assert_eq!(answer, Windows::default().ask(&rules, zones, now));
            match answer {
                Answer::Yes => {
                    prop_assert!(clock_allows(&limits, zone, now), "open at {} in {}", now, zone);
                    let closes = windows.closes_at(&rules, zones, now).unwrap();
                    prop_assert!(clock_allows(&limits, zone, closes.plus_ms(-1)), "until {} in {}", closes, zone);
                }
                Answer::No { until: Some(until) } => {
                    prop_assert!(now < until && clock_allows(&limits, zone, until), "{} opens at {} in {}", now, until, zone);
                    prop_assert_eq!(windows.ask(&rules, zones, until), Answer::Yes);
                    // Nothing in between, but for an hour that the clock shows twice.
                    let mut between = now;
                    let mut missed = 0;
                    while between < until && between.ms_since(now) < 3 * 86_400_000 {
                        missed += 10 * i64::from(clock_allows(&limits, zone, between));
                        between = between.plus_seconds(600);
                    }
                    prop_assert!(missed <= 130, "{} minutes before {} in {}", missed, until, zone);
                }
                Answer::No { until: None } => prop_assert!(!clock_allows(&limits, zone, now) || limits.holidays.len() > 1),
            }
        }
    }
}
