//! A wall clock that steps.

use crate::script::*;
use Seen::*;
use dialer::{Event, RetryEntry};
use domain::ContactId;
use domain::journal::{Again, PutOffBy};
use domain::rules::{Limits, Rules};
use std::sync::Arc;

#[test]
fn a_clock_that_steps_holds_dialling_until_a_person_lifts_it() {
    for step_ms in [3_600_000, -3_600_000, 2_500, -2_500] {
        let mut script = Script::dialling(1);
        script.wall_skew_ms = step_ms;
        script.check(&[(10, journalled(A1))], &[(10, Hold), (10, Withdraw(1))]);
        assert!(script.dialer.is_held());
        script.check(&[(20, Event::Tick)], &[]);
        script.check(&[(30, Event::DiallingLifted)], &[(30, Journal(1, 0))]);
    }
}

#[test]
fn a_lift_does_not_lift_the_hold_of_a_step_that_is_noticed_with_it() {
    for held_before in [false, true] {
        let mut script = Script::dialling(1);
        if held_before {
            script.feed(vec![Event::DiallingHeld]);
        }
        script.wall_skew_ms = 60_000;
        script.check(&[(10, Event::DiallingLifted)], &[(10, Hold)]);
        assert!(script.dialer.is_held());
        script.check(&[(20, journalled(A1))], &[(20, Withdraw(1))]);
    }
}

#[test]
fn a_clock_that_is_corrected_a_little_holds_nothing() {
    let mut script = Script::dialling(1);
    script.wall_skew_ms = 1_500;
    script.check(&[(10, journalled(A1))], &[(10, Originate(L1))]);
}

#[test]
fn a_retry_that_a_small_correction_made_early_again_waits() {
    let mut script = Script::new();
    let retry = retry(7, 1, 0);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1))), loaded(RUN, vec![], vec![retry], None)]);
    script.wall_skew_ms = -1_500;
    script.check(&[(10, journalled(A1))], &[(10, Withdraw(7))]);
    script.check(&[(1_499, Event::Tick)], &[]);
    script.check(&[(1_500, Event::Tick)], &[(1_500, Journal(7, 1))]);
}

#[test]
fn a_conversation_lasts_as_long_as_it_lasts_whatever_the_wall_clock_does() {
    for step_ms in [3_600_000, -3_600_000, -1_500] {
        let mut script = Script::ringing();
        script.play(&[(4_000, Event::LegAnswered(L1))]);
        script.wall_skew_ms = step_ms;
        script.play(&[(64_000, ended(L1, 16, 0))]);
        let talk = script.commands.iter().find_map(|command| match command {
            dialer::Command::Close(end) => end.segments.last().map(|segment| segment.to.ms_since(segment.from)),
            _ => None,
        });
        assert_eq!(talk, Some(60_000), "stepped by {step_ms} ms");
    }
}

#[test]
fn timers_do_not_follow_the_wall_clock() {
    let mut script = Script::ringing();
    script.feed(vec![Event::DiallingHeld]);
    script.wall_skew_ms = 86_400_000;
    script.check(&[(29_000, Event::Tick)], &[]);
    script.check(&[(30_000, Event::Tick)], &[(30_000, HangUp(L1, domain::EndedBy::AnswerTimeout))]);
}

#[test]
fn who_was_read_before_the_clock_went_back_is_read_again_when_the_rules_are_others() {
    let off = |due_ms| RetryEntry { put_off_by: Some(PutOffBy::HourlyCap), ..retry(1, 0, due_ms) };
    let mut spec = run_spec(1, 1);
    spec.totals.put_off = 1;
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(spec.clone())), loaded(RUN, vec![], vec![off(5_000)], None)]);
    script.wall_skew_ms = -3_600_000;
    script.play(&[(10, Event::Tick), (20, Event::DiallingLifted)]);
    let limits = Limits { gap_minutes: 1, ..Limits::default() };
    spec.settings.rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
    let taken_up = |put_off, last| Event::TakenUp { run: RUN, refused: 0, put_off, last };
    let again = loaded(RUN, vec![], vec![off(-3_599_970)], None);
    let events = [Event::RunReloaded(Box::new(spec)), taken_up(1, Some(ContactId(1))), taken_up(0, None), again];
    let seen = script.play(&events.map(|event| (30, event)));
    assert!(seen.contains(&(30, TakeUp(Again::Everybody, 0))), "{seen:?}");
    assert_eq!(seen.iter().filter(|(_, seen)| *seen == Journal(1, 0)).count(), 1, "{seen:?}");
}
