//! Contacts that a rule put off or refused are judged again when what put them off is another one.

use crate::script::*;
use Seen::*;
use dialer::{Event, RetryEntry, RunSpec};
use domain::journal::{Again, PutOffBy};
use domain::rules::limits::{DayHours, Limits};
use domain::rules::{ContactRule, Rules, Standing};
use domain::{ContactId, Mode, NumberKey, RunState, Timestamp};
use std::sync::Arc;

const HOURS: PutOffBy = PutOffBy::Rule(ContactRule::InsideCalleeWindow);

/// A run whose people may be called on Sundays only: it is Saturday noon.
fn on_sundays(contacts: i64) -> RunSpec {
    let sunday = DayHours { days: "1".into(), from: "09:00".into(), to: "20:00".into() };
    let limits = Limits { hours: vec![sunday], ..Limits::default() };
    let mut spec = run_spec(1, contacts);
    spec.settings.rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
    spec
}

/// The same run, whose people may be called at any time.
fn any_time(contacts: i64) -> Event {
    Event::RunReloaded(Box::new(run_spec(1, contacts)))
}

fn taken_up(refused: u64, put_off: u64, last: Option<i64>) -> Event {
    Event::TakenUp { run: RUN, refused, put_off, last: last.map(ContactId) }
}

/// A contact that waits, due so long after noon, put off by the hours.
fn waits(id: i64, count: u32, due_ms: i64) -> RetryEntry {
    RetryEntry { put_off_by: Some(HOURS), ..retry(id, count, due_ms) }
}

fn sunday() -> i64 {
    21 * 3_600
}

#[test]
fn who_waits_for_an_hour_is_called_when_the_hours_are_others() {
    let mut script = Script::with_run(on_sundays(2), 2);
    let off = |id| (5, PutOff(id, "inside_callee_window", Some(sunday())));
    // Everybody was put off when the list was read; nothing is to be done until Sunday.
    assert!(!script.play(&[(5, Event::Tick)]).contains(&off(1)));
    let seen = script.play(&[(10, any_time(2))]);
    assert!(seen.contains(&(10, TakeUp(Again::Everybody, 0))), "{seen:?}");
    // Nothing is read before they are due in the database, and then they are.
    let due = loaded(RUN, vec![], vec![waits(1, 0, 10), waits(2, 0, 10)], None);
    let seen = script.play(&[(11, taken_up(0, 2, Some(2))), (12, taken_up(0, 0, None)), (13, due)]);
    assert!(seen.contains(&(11, TakeUp(Again::Everybody, 2))), "{seen:?}");
    assert!(seen.contains(&(13, Journal(1, 0))) && seen.contains(&(13, Journal(2, 0))), "{seen:?}");
    assert!(seen.contains(&(10, Run(RunState::Running))), "{seen:?}");
}

#[test]
fn a_reload_with_the_rules_that_it_had_looks_again_at_the_refused_only() {
    let mut script = Script::with_run(on_sundays(2), 2);
    script.play(&[(5, Event::Tick)]);
    let again = Event::RunReloaded(Box::new(on_sundays(2)));
    assert!(!script.play(&[(10, again.clone())]).iter().any(|(_, seen)| matches!(seen, TakeUp(..))));
    // One of them is refused.
    let listed = loaded(RUN, vec![contact(3)], vec![], None);
    script.play(&[(20, suppressed(NumberKey(1_003))), (21, listed)]);
    let seen = script.play(&[(30, again)]);
    assert_eq!(seen.last(), Some(&(30, TakeUp(Again::Refused, 0))), "{seen:?}");
}

#[test]
fn the_delay_of_a_retry_is_not_cut_short() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(domain::CallState::RsBusy, 3, 600, Mode::Fixed)];
    let mut script = Script::with_run(spec, 1);
    script.play(&[(0, journalled(A1)), (1_000, busy(L1))]);
    // Nobody is put off: there is nobody to judge again.
    let seen = script.play(&[(2_000, Event::RunReloaded(Box::new(on_sundays(1)))), (2_001, fresh(RUN, []))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, TakeUp(..) | Journal(_, 1))), "{seen:?}");
}

#[test]
fn one_command_is_out_at_a_time_and_a_second_change_begins_again() {
    let mut script = Script::with_run(on_sundays(2), 2);
    script.play(&[(10, any_time(2)), (11, Event::RunReloaded(Box::new(on_sundays(2)))), (12, any_time(2))]);
    let seen = script.play(&[(20, taken_up(0, 1, Some(1))), (21, taken_up(0, 1, None)), (22, taken_up(0, 0, None))]);
    let commands: Vec<_> = seen.iter().filter(|(_, seen)| matches!(seen, TakeUp(..))).collect();
    let all = |at, after| (at, TakeUp(Again::Everybody, after));
    assert_eq!(commands, [&all(10, 0), &all(20, 1), &all(21, 0)]);
}

#[test]
fn who_is_corrected_is_judged_again() {
    let mut script = Script::with_run(on_sundays(2), 2);
    let corrected = Event::ContactChanged(Box::new(domain::Contact::clone(&contact(2))));
    let seen = script.play(&[(10, corrected)]);
    assert_eq!(seen.last(), Some(&(10, TakeUp(Again::Contact(ContactId(2)), 0))), "{seen:?}");
}

#[test]
fn who_is_on_no_list_any_more_is_called() {
    let key = NumberKey(1_001);
    let mut script = Script::new();
    script.feed(vec![Event::DiallingHeld, Event::RunStarted(Box::new(run_spec(1, 2))), fresh(RUN, 1..=2)]);
    script.play(&[(5, suppressed(key)), (6, Event::SuppressionsChanged)]);
    let by = PutOffBy::Rule(ContactRule::NumberNotSuppressed);
    let one = RetryEntry { put_off_by: Some(by), standing: Standing::default(), ..retry(1, 0, 6) };
    let due = loaded(RUN, vec![], vec![one], None::<Timestamp>);
    let seen = script.play(&[(7, taken_up(1, 0, None)), (8, due), (9, Event::DiallingLifted), (10, journalled(A1))]);
    assert!(seen.contains(&(6, TakeUp(Again::Suppressed, 0))), "{seen:?}");
    assert!(seen.contains(&(9, Journal(1, 0))) && seen.contains(&(10, Originate(L1))), "{seen:?}");
}

#[test]
fn an_attempt_on_its_way_to_the_disk_stays_suppressed_when_the_lists_change() {
    let mut script = Script::dialling(1);
    let seen = script.play(&[(0, suppressed(NumberKey(1_001))), (1, Event::SuppressionsChanged), (3, journalled(A1))]);
    assert!(seen.contains(&(3, Close(1, domain::CallState::RsBlacklist, None))), "{seen:?}");
    assert!(!seen.contains(&(3, Originate(L1))), "{seen:?}");
}
