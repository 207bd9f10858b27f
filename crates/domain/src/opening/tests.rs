use super::*;
use crate::{ClosedBy, HourState, Hours};

fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

fn rule(mode: OpeningMode, days: &str, dates: (&str, &str), times: (&str, &str)) -> OpeningRule {
    OpeningRule {
        days: days.into(),
        date_from: dates.0.into(),
        date_to: dates.1.into(),
        time_start: times.0.into(),
        time_end: times.1.into(),
        ..OpeningRule::always(mode)
    }
}

const DAY: (&str, &str) = ("000000", "235959");
const OFFICE: (&str, &str) = ("090000", "175959");

fn set(default_mode: OpeningMode, rules: Vec<OpeningRule>) -> OpeningHours {
    OpeningHours { default_mode, rules, ..OpeningHours::named("shop") }
}

fn hours(zone: &str, sets: &[OpeningHours]) -> Hours {
    Hours::parse("000000", "235959", "1234567", zone).unwrap().with_sets(sets).unwrap()
}

/// A shop with holidays: closed at Christmas, shorter on the days before, otherwise weekdays from 9 to 18.
fn shop() -> OpeningHours {
    let rules = vec![
        rule(OpeningMode::Closed, "", ("12-25", "12-26"), DAY),
        rule(OpeningMode::Open, "", ("2026-12-23", "2026-12-24"), ("090000", "115959")),
        rule(OpeningMode::Closed, "", ("2026-12-23", "2026-12-24"), DAY),
        rule(OpeningMode::Open, "23456", ("", ""), OFFICE),
    ];
    set(OpeningMode::Closed, rules)
}

#[test]
fn the_first_rule_that_matches_decides() {
    let hours = hours("Europe/Madrid", &[shop()]);
    let state = |text: &str| hours.state_at(at(text));
    assert_eq!(state("2026-12-22T10:00:00Z"), HourState::Open { until: Some(at("2026-12-22T17:00:00Z")) });
    assert_eq!(state("2026-12-23T10:59:59Z"), HourState::Open { until: Some(at("2026-12-23T11:00:00Z")) });
    assert_eq!(state("2026-12-23T11:00:00Z"), HourState::Closed { opens_at: Some(at("2026-12-24T08:00:00Z")) });
    // Christmas is a Friday, so is the weekend behind it closed: Monday.
    assert_eq!(state("2026-12-24T11:00:00Z"), HourState::Closed { opens_at: Some(at("2026-12-28T08:00:00Z")) });
    let Some(ClosedBy::Set(set)) = hours.closed_by(at("2026-12-25T10:00:00Z")) else { panic!("it is closed") };
    assert_eq!((set.name(), set.why(at("2026-12-25T10:00:00Z")).as_str()), ("shop", "rule 1: closed 12-25 to 12-26"));
    assert_eq!(set.why(at("2026-12-27T10:00:00Z")), "closed where no rule says otherwise");
}

#[test]
fn all_sets_and_the_active_period_must_be_open() {
    let lunch = set(OpeningMode::Open, vec![rule(OpeningMode::Closed, "", ("", ""), ("120000", "125959"))]);
    let hours = Hours::parse("100000", "195959", "1234567", "UTC").unwrap().with_sets([&shop(), &lunch]).unwrap();
    let state = |text: &str| hours.state_at(at(text));
    assert_eq!(state("2026-11-23T09:30:00Z"), HourState::Closed { opens_at: Some(at("2026-11-23T10:00:00Z")) });
    assert_eq!(hours.closed_by(at("2026-11-23T09:30:00Z")), Some(ClosedBy::ActivePeriod));
    assert_eq!(state("2026-11-23T10:00:00Z"), HourState::Open { until: Some(at("2026-11-23T12:00:00Z")) });
    assert_eq!(state("2026-11-23T12:00:00Z"), HourState::Closed { opens_at: Some(at("2026-11-23T13:00:00Z")) });
    assert_eq!(state("2026-11-23T18:00:00Z"), HourState::Closed { opens_at: Some(at("2026-11-24T10:00:00Z")) });
    let never = set(OpeningMode::Closed, Vec::new());
    assert_eq!(
        hours.with_sets([&never]).unwrap().state_at(at("2026-11-23T10:00:00Z")),
        HourState::Closed { opens_at: None }
    );
}

#[test]
fn an_overnight_rule_belongs_to_the_day_on_which_it_begins() {
    let night = set(OpeningMode::Closed, vec![rule(OpeningMode::Open, "6", ("", ""), ("220000", "015959"))]);
    let hours = hours("UTC", &[night]);
    let friday = at("2026-11-20T22:00:00Z");
    assert_eq!(hours.state_at(at("2026-11-20T12:00:00Z")), HourState::Closed { opens_at: Some(friday) });
    assert_eq!(hours.state_at(friday), HourState::Open { until: Some(at("2026-11-21T02:00:00Z")) });
    assert_eq!(hours.state_at(at("2026-11-21T01:59:59Z")), HourState::Open { until: Some(at("2026-11-21T02:00:00Z")) });
    assert_eq!(
        hours.state_at(at("2026-11-21T22:30:00Z")),
        HourState::Closed { opens_at: Some(at("2026-11-27T22:00:00Z")) }
    );
}

#[test]
fn what_the_clock_shows_decides_where_it_is_turned() {
    let morning = set(OpeningMode::Closed, vec![rule(OpeningMode::Open, "", ("", ""), ("013000", "022959"))]);
    let hours = hours("Europe/Madrid", &[morning]);
    // 2026-10-25: 02:00 to 03:00 is shown twice. Open 01:30 to 02:30, and again when 02:00 comes back.
    let opens = at("2026-10-24T23:30:00Z");
    assert_eq!(hours.state_at(opens), HourState::Open { until: Some(at("2026-10-25T00:30:00Z")) });
    assert_eq!(
        hours.state_at(at("2026-10-25T00:30:00Z")),
        HourState::Closed { opens_at: Some(at("2026-10-25T01:00:00Z")) }
    );
    assert_eq!(hours.state_at(at("2026-10-25T01:00:00Z")), HourState::Open { until: Some(at("2026-10-25T01:30:00Z")) });
    // 2026-03-29: 01:59:59 is followed by 03:00:00: half an hour less.
    assert_eq!(hours.state_at(at("2026-03-29T00:30:00Z")), HourState::Open { until: Some(at("2026-03-29T01:00:00Z")) });
}

#[test]
fn the_zone_of_a_set_goes_before_that_of_the_campaign() {
    let tokyo = OpeningHours {
        zone: "Asia/Tokyo".into(),
        ..set(OpeningMode::Closed, vec![rule(OpeningMode::Open, "", ("", ""), OFFICE)])
    };
    assert_eq!(
        hours("Europe/Madrid", &[tokyo]).state_at(at("2026-11-23T00:00:00Z")),
        HourState::Open { until: Some(at("2026-11-23T09:00:00Z")) }
    );
}

#[test]
fn a_range_of_every_year_may_go_over_new_year() {
    let break_ = set(OpeningMode::Open, vec![rule(OpeningMode::Closed, "", ("12-24", "01-06"), DAY)]);
    let hours = hours("UTC", &[break_]);
    let back = HourState::Closed { opens_at: Some(at("2027-01-07T00:00:00Z")) };
    assert_eq!(hours.state_at(at("2026-12-24T00:00:00Z")), back);
    assert_eq!(hours.state_at(at("2027-01-06T23:59:59Z")), back);
    assert_eq!(hours.state_at(at("2026-12-23T12:00:00Z")), HourState::Open { until: Some(at("2026-12-24T00:00:00Z")) });
    // Further away than is looked ahead: asked again within the hour.
    assert_eq!(hours.state_at(at("2026-06-01T12:00:00Z")), HourState::Open { until: None });
}

/// Minute by minute the same as what is foretold: no edge is missed and none is made up, in zones with odd clocks too.
#[test]
fn what_is_foretold_comes_true() {
    let sets = [
        shop(),
        set(OpeningMode::Open, vec![rule(OpeningMode::Closed, "17", ("", ""), ("233000", "004459"))]),
        set(OpeningMode::Closed, vec![rule(OpeningMode::Open, "", ("10-20", "04-10"), ("003000", "021459"))]),
    ];
    let days = ["2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z", "2026-04-03T00:00:00Z", "2026-12-23T00:00:00Z"];
    for zone in ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "America/Asuncion", "Asia/Kathmandu"] {
        for set in &sets {
            let schedule = Schedule::of(set, &TimeZone::get(zone).unwrap()).unwrap();
            for from in days.map(at) {
                let mut foretold = schedule.said_at(from);
                for minute in 0..4 * 24 * 60 {
                    let now = from.plus_seconds(minute * 60);
                    if foretold.until.is_some_and(|until| now >= until) {
                        let before = foretold;
                        foretold = schedule.said_at(now);
                        assert_ne!(before.open, foretold.open, "{zone} {now}");
                    }
                    assert_eq!(schedule.is_open(now), foretold.open, "{zone} {now}");
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_is_named_by_rule_and_field() {
    let named = |rule: OpeningRule| {
        set(OpeningMode::Open, vec![OpeningRule::always(OpeningMode::Open), rule]).check().unwrap_err()
    };
    let closed = |dates, times| rule(OpeningMode::Closed, "", dates, times);
    for (wrong, field) in [
        (closed(("12-32", ""), DAY), "rules[1].date_from"),
        (closed(("2026-02-29", ""), DAY), "rules[1].date_from"),
        (closed(("", "12-25"), DAY), "rules[1].date_from"),
        (closed(("2026-12-25", "12-26"), DAY), "rules[1].date_to"),
        (closed(("2026-12-25", "2026-12-24"), DAY), "rules[1].date_to"),
        (closed(("", ""), ("9:00", "180000")), "rules[1].time_start"),
        (closed(("", ""), ("090000", "240000")), "rules[1].time_end"),
        (rule(OpeningMode::Open, "128", ("", ""), DAY), "rules[1].days"),
    ] {
        assert_eq!(named(wrong).field, field);
    }
    assert_eq!(OpeningHours { zone: "Mars".into(), ..OpeningHours::named("x") }.check().unwrap_err().field, "zone");
    assert_eq!(OpeningHours::named(" ").check().unwrap_err().field, "name");
}

#[test]
fn a_rule_is_said_in_words() {
    let rule = OpeningRule { comment: "sales".into(), ..rule(OpeningMode::Open, "23", ("12-01", ""), OFFICE) };
    assert_eq!(rule.to_string(), "open Mon Tue on 12-01 09:00:00-17:59:59 (sales)");
}
