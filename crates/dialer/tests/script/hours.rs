//! Campaign hours, the days and the zone.

use crate::script::*;
use Seen::*;
use dialer::{Event, RunSpec};
use domain::{CallState, HourState, Hours, OpeningHours, OpeningMode, OpeningRule, RunState};

fn with_hours(from: &str, until: &str, days: &str, zone: &str) -> RunSpec {
    let mut spec = run_spec(1, 2);
    spec.settings.hours = Hours::parse(from, until, days, zone).unwrap();
    spec
}

fn journals(seen: &[(u64, Seen)]) -> Vec<u64> {
    seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).map(|(at, _)| *at).collect()
}

#[test]
fn en_14_a_day_that_is_not_allowed_is_the_wrong_time() {
    let mut script = Script::new();
    let monday = Event::RunStarted(Box::new(with_hours("000000", "235959", "2", "UTC")));
    let seen = script.play(&[(0, monday), (1, fresh(RUN, [1, 2])), (30 * 3_600_000, Event::Tick)]);
    assert!(journals(&seen).is_empty());
    assert!(seen.iter().any(|(_, seen)| *seen == Run(RunState::WrongTime)), "{seen:?}");
    // Saturday noon to Monday midnight are 36 hours: it returns by itself.
    let seen = script.play(&[(37 * 3_600_000, Event::Tick)]);
    assert_eq!(journals(&seen), [36 * 3_600_000; 2]);
}

#[test]
fn a_call_decided_inside_the_hours_is_not_sent_outside() {
    let mut script = Script::new();
    let until_noon = with_hours("090000", "120000", "1234567", "UTC");
    script.feed(vec![Event::RunStarted(Box::new(until_noon)), fresh(RUN, [1])]);
    let seen = script.play(&[(999, Event::Tick), (1_000, journalled(A1))]);
    assert!(seen.contains(&(1_000, Withdraw(1))), "{seen:?}");
    assert!(seen.contains(&(1_000, Run(RunState::WrongTime))), "{seen:?}");
    let seen = script.play(&[(21 * 3_600_000, Event::Tick)]);
    assert_eq!(journals(&seen), [21 * 3_600_000]);
}

#[test]
fn opening_hours_that_change_hold_at_once() {
    let closed = OpeningRule::always(OpeningMode::Closed);
    let holiday = OpeningHours { rules: vec![closed], ..OpeningHours::named("holiday") };
    let closed = || Event::HoursChanged { run: RUN, hours: Hours::always().with_sets([&holiday]).unwrap() };
    // One is decided and not sent, one is up.
    let mut script = Script::ringing_in(run_spec(1, 2));
    let seen = script.play(&[(500, Event::LegAnswered(L1)), (1_000, fresh(RUN, [2]))]);
    assert_eq!(journals(&seen).len(), 1, "{seen:?}");
    let seen = script.play(&[(2_000, closed()), (2_001, journalled(A2)), (600_000, ended(L1, 16, 0))]);
    assert!(
        seen.contains(&(2_000, Run(RunState::WrongTime))) || seen.contains(&(2_001, Run(RunState::WrongTime))),
        "{seen:?}"
    );
    assert!(seen.contains(&(2_001, Withdraw(2))), "{seen:?}");
    assert!(seen.contains(&(600_000, Close(1, CallState::Terminated, None))), "{seen:?}");
    let open = Event::HoursChanged { run: RUN, hours: Hours::always() };
    assert_eq!(journals(&script.play(&[(700_000, open)])), [1_000, 700_000]);
}

#[test]
fn calls_that_are_up_at_closing_time_go_on() {
    let mut script = Script::ringing_in(with_hours("090000", "120000", "1234567", "UTC"));
    let seen = script.play(&[(500, Event::LegAnswered(L1)), (600_000, ended(L1, 16, 0))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, HangUp(..))), "{seen:?}");
    assert!(seen.contains(&(600_000, Close(1, CallState::Terminated, None))), "{seen:?}");
}

#[test]
fn the_window_moves_with_daylight_saving() {
    // New York leaves daylight saving on 2026-11-01: nine in the morning is 13:00 UTC before and 14:00 UTC after.
    let hours = Hours::parse("090000", "095959", "1234567", "America/New_York").unwrap();
    let at = |text: &str| domain::Timestamp::from_jiff(text.parse().unwrap());
    for (opens, before) in
        [("2026-10-31T13:00:00Z", "2026-10-31T12:59:59Z"), ("2026-11-01T14:00:00Z", "2026-11-01T13:59:59Z")]
    {
        assert_eq!(hours.state_at(at(before)), HourState::Closed { opens_at: Some(at(opens)) });
        let mut script = Script::new();
        script.wall_skew_ms = at(before).ms_since(NOON);
        script.feed(vec![Event::Tick, Event::DiallingLifted]);
        let spec = with_hours("090000", "095959", "1234567", "America/New_York");
        let seen =
            script.play(&[(0, Event::RunStarted(Box::new(spec))), (1, fresh(RUN, [1, 2])), (5_000, Event::Tick)]);
        assert_eq!(journals(&seen), [1_000, 1_000], "{before}");
    }
}

#[test]
fn an_idle_run_at_its_closing_time_does_not_keep_anyone_awake() {
    let mut spec = with_hours("090000", "120000", "1234567", "UTC");
    spec.settings.idle_on_termination = true;
    let mut script = Script::with_run(spec, 0);
    script.feed(vec![Event::DiallingHeld]);
    script.play(&[(2_000, Event::Tick)]);
    let now = script.now();
    assert!(script.dialer.next_wake(now).is_none_or(|wake| wake > now.mono));
}
