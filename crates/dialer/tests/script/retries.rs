//! Reschedule rules R1-R10 through the dialler, and retries in their time.

use crate::desk::{Desk, answers, is_busy, rings};
use crate::script::*;
use Seen::*;
use dialer::{Event, Originate};
use domain::{CallState, Hours, Mode, RescheduleRule, RunState};

fn with_rules(rules: Vec<RescheduleRule>) -> dialer::RunSpec {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = rules;
    spec
}

/// Seconds and retry counters of the calls to one contact, and the run's last state.
fn history(rules: Vec<RescheduleRule>, plan: crate::desk::Plan) -> (Vec<(u64, u32)>, Option<RunState>) {
    let mut desk = Desk::simple(1, vec![with_rules(rules)], plan);
    desk.play(86_400_000);
    (desk.calls(), desk.state(RUN))
}

fn busy_then_no_answer(call: &Originate) -> Vec<(u64, Event)> {
    if call.retry == 0 { is_busy(call) } else { rings(call) }
}

fn status_2(call: &Originate) -> Vec<(u64, Event)> {
    let mut events = answers(call);
    events.insert(2, (5_000, Event::StatusSet { leg: call.leg, status: "1".to_owned() }));
    events.insert(3, (6_000, Event::StatusSet { leg: call.leg, status: "2".to_owned() }));
    events
}

#[test]
fn r1_only_the_state_of_the_last_attempt_counts() {
    let rules = vec![rule(CallState::RsBusy, 5, 300, Mode::Fixed)];
    assert_eq!(history(rules, busy_then_no_answer).0.len(), 2);
}

/// Refused by a dialplan that knows better than its cause, which is that of no answer.
fn reported_busy(call: &Originate) -> Vec<(u64, Event)> {
    let leg = call.leg;
    let status = |status: &str| Event::StatusSet { leg, status: status.to_owned() };
    let end = Event::LegEnded { leg, cause: 19, tech_cause: None };
    vec![(10, Event::OriginateDone(leg)), (20, Event::LegRinging(leg)), (30, status("RS_BUSY")), (40, end)]
}

#[test]
fn a_reported_outcome_before_the_answer_is_the_outcome_and_rules_for_it_apply() {
    let no_answer = rule(CallState::RsNoanswer, 9, 60, Mode::Fixed);
    let busy = rule(CallState::RsBusy, 1, 300, Mode::Fixed);
    let named = RescheduleRule { status_ext: "RS_BUSY".into(), ..rule(CallState::RsBusy, 1, 600, Mode::Fixed) };
    let gap = |rules| history(rules, reported_busy).0.windows(2).map(|two| two[1].0 - two[0].0).collect::<Vec<_>>();
    assert_eq!(gap(vec![no_answer.clone(), busy.clone()]), [300]);
    assert_eq!(gap(vec![no_answer.clone(), busy, named]), [600], "a rule that names the report is nearer");
    assert_eq!(gap(vec![no_answer]), []);
}

#[test]
fn r2_two_retries_make_three_attempts_and_the_run_completes() {
    let (calls, state) = history(vec![rule(CallState::RsBusy, 2, 120, Mode::Fixed)], is_busy);
    assert_eq!(calls, [(0, 0), (120, 1), (241, 2)]);
    assert_eq!(state, Some(RunState::Completed));
}

#[test]
fn r3_the_smallest_range_that_applies_wins() {
    let rules = vec![rule(CallState::RsBusy, 2, 300, Mode::Fixed), rule(CallState::RsBusy, 5, 1_800, Mode::Fixed)];
    let (calls, _) = history(rules, is_busy);
    let gaps: Vec<u64> = calls.windows(2).map(|two| (two[1].0 - two[0].0) / 60 * 60).collect();
    assert_eq!(gaps, [300, 300, 1_800, 1_800, 1_800]);
}

#[test]
fn r4_the_counter_is_shared_by_all_states() {
    let rules = vec![rule(CallState::RsBusy, 3, 300, Mode::Fixed), rule(CallState::RsNoanswer, 1, 600, Mode::Fixed)];
    assert_eq!(history(rules, busy_then_no_answer).0.len(), 2);
}

#[test]
fn r5_the_last_extended_status_must_be_equal() {
    let mut two = rule(CallState::Terminated, 1, 60, Mode::Fixed);
    two.status_ext = "2".to_owned();
    assert_eq!(history(vec![two.clone()], status_2).0.len(), 2);
    assert_eq!(history(vec![two], answers).0.len(), 1);
    assert_eq!(history(vec![rule(CallState::Terminated, 1, 60, Mode::Fixed)], status_2).0.len(), 1);
}

#[test]
fn r6_mult_grows_with_the_attempts() {
    let (calls, _) = history(vec![rule(CallState::RsBusy, 3, 300, Mode::Mult)], is_busy);
    let gaps: Vec<u64> = calls.windows(2).map(|two| (two[1].0 - two[0].0) / 60 * 60).collect();
    assert_eq!(gaps, [300, 600, 900]);
}

#[test]
fn r7_the_delay_counts_from_the_calls_end() {
    let (calls, _) = history(vec![rule(CallState::Terminated, 1, 120, Mode::Fixed)], answers);
    assert_eq!(calls, [(0, 0), (131, 1)]);
}

#[test]
fn r8_r9_without_a_rule_the_contact_is_finished() {
    assert_eq!(history(vec![rule(CallState::RsBusy, 3, 300, Mode::Fixed)], answers).0.len(), 1);
    assert_eq!(history(vec![], is_busy).0.len(), 1);
}

#[test]
fn r10_a_retry_waits_for_the_hours() {
    let mut spec = with_rules(vec![rule(CallState::RsBusy, 1, 3_600, Mode::Fixed)]);
    spec.settings.hours = Hours::parse("090000", "122959", "1234567", "UTC").unwrap();
    let mut desk = Desk::simple(1, vec![spec], is_busy);
    desk.play(2 * 86_400_000);
    // 21 hours after noon is nine the next morning.
    assert_eq!(desk.calls(), [(0, 0), (21 * 3_600, 1)]);
    let states: Vec<_> = desk.states.iter().map(|(_, _, state)| *state).collect();
    assert!(states.contains(&RunState::WrongTime), "{states:?}");
    assert_eq!(desk.state(RUN), Some(RunState::Completed));
}

#[test]
fn a_retry_is_not_dialled_a_millisecond_early() {
    let mut script = Script::new();
    let retry = retry(7, 2, 8_000);
    script.play(&[(0, Event::RunStarted(Box::new(run_spec(1, 1)))), (1, loaded(RUN, vec![], vec![retry], None))]);
    script.feed(vec![]);
    let seen = script.play(&[(7_999, Event::Tick)]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
    let seen = script.play(&[(8_000, Event::Tick)]);
    assert!(seen.contains(&(8_000, Journal(7, 2))), "{seen:?}");
}

#[test]
fn a_due_retry_goes_before_fresh_contacts() {
    let mut spec = run_spec(1, 3);
    spec.settings.end_points = vec![END_POINT];
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(end_point(1, 1)), Event::RunStarted(Box::new(spec))]);
    let retry = retry(9, 1, -60_000);
    let both = loaded(RUN, vec![contact(1), contact(2)], vec![retry], None);
    let seen = script.play(&[(0, both)]);
    assert!(seen.contains(&(0, Journal(9, 1))), "{seen:?}");
}

#[test]
fn open_retries_count_what_waits_and_keep_the_run_alive() {
    let mut desk = Desk::simple(3, vec![with_rules(vec![rule(CallState::RsBusy, 1, 600, Mode::Fixed)])], is_busy);
    desk.play(300_000);
    let figures = desk.dialer.run_figures().next().unwrap();
    assert_eq!((figures.open_retries, figures.in_flight, figures.placed, figures.terminated), (3, 0, 3, 0));
    assert_eq!(figures.state, RunState::Running);
    assert_eq!(figures.next_due, Some(desk.ended[0].retry.unwrap().at));
    desk.play(700_000);
    assert_eq!(desk.dialled.len(), 6);
    assert_eq!(desk.state(RUN), Some(RunState::Completed));
}

#[test]
fn a_withdrawn_retry_keeps_its_counter_and_its_time() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1)))]);
    let retry = retry(4, 3, 0);
    script.play(&[(0, loaded(RUN, vec![], vec![retry], None)), (1, Event::RunPaused(RUN)), (2, journalled(A1))]);
    let due = script.commands.iter().find_map(|command| match command {
        dialer::Command::Withdraw(withdrawal) => Some((withdrawal.retry, withdrawal.due_at)),
        _ => None,
    });
    assert_eq!(due, Some((3, Some(NOON))));
    let seen = script.play(&[(9_000, Event::RunUnpaused(RUN))]);
    assert!(seen.contains(&(9_000, Journal(4, 3))), "{seen:?}");
}
