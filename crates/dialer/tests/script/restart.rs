//! A new process over an old database.

use crate::script::*;
use Seen::*;
use dialer::{Event, RunSpec, RunTotals};
use domain::{CallState, EndedBy, Mode, RunId, RunState};

/// A run that had one attempt open when the process ended.
fn going_on() -> RunSpec {
    let mut spec = run_spec(1, 1);
    spec.totals = RunTotals { placed: 1, ..RunTotals::default() };
    spec.state = RunState::Running;
    spec.settings.reschedule = vec![rule(CallState::RsLost, 3, 60, Mode::Fixed)];
    spec
}

/// The new process: configured, its run started, its open attempt restored, the PBX not compared yet.
fn restarted(spec: RunSpec, attempt_first: bool) -> Script {
    let mut script = Script::new();
    let mut events = vec![Event::RunStarted(Box::new(spec)), Event::AttemptRestored(open_attempt(1))];
    if attempt_first {
        events.reverse();
    }
    events.insert(0, Event::PbxDown(PBX));
    events.push(fresh(RUN, []));
    script.feed(events);
    script
}

#[test]
fn en_12_a_call_that_is_still_up_is_tracked_to_its_end() {
    for attempt_first in [false, true] {
        let mut script = restarted(going_on(), attempt_first);
        script.check(
            &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }), (60_000, ended(L1, 16, 0))],
            &[(60_000, Close(1, CallState::Terminated, None)), (60_000, Run(RunState::Completed))],
        );
    }
}

#[test]
fn en_12_a_call_that_vanished_is_lost_and_keeps_its_gap() {
    for attempt_first in [false, true] {
        let mut script = restarted(going_on(), attempt_first);
        let missing = |at| (at, Event::LegMissing(L1));
        script.check(
            &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![] }), missing(4_010), missing(7_020)],
            &[(4_000, LookUp(L1)), (7_010, LookUp(L1)), (7_020, Close(1, CallState::RsLost, Some(60)))],
        );
    }
}

#[test]
fn a_call_whose_number_was_suppressed_meanwhile_is_hung_up_when_it_is_found_unless_it_was_answered() {
    for attempt_first in [false, true] {
        let restarted = || {
            let mut script = Script::new();
            let mut open = open_attempt(1);
            open.suppressed = true;
            let mut events = vec![Event::RunStarted(Box::new(going_on())), Event::AttemptRestored(open)];
            if attempt_first {
                events.reverse();
            }
            events.insert(0, Event::PbxDown(PBX));
            events.push(fresh(RUN, []));
            script.feed(events);
            script
        };
        restarted().check(
            &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, false)] }), (1_010, ended(L1, 16, 0))],
            &[
                (1_000, HangUp(L1, EndedBy::Suppression)),
                (1_010, Close(1, CallState::RsBlacklist, None)),
                (1_010, Run(RunState::Completed)),
            ],
        );
        restarted().check(
            &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }), (60_000, ended(L1, 16, 0))],
            &[(60_000, Close(1, CallState::Terminated, None)), (60_000, Run(RunState::Completed))],
        );
    }
}

#[test]
fn a_call_that_was_sent_just_before_the_end_is_given_time_to_show_up() {
    let mut script = Script::new();
    let mut open = open_attempt(1);
    open.scheduled_at = NOON.plus_ms(-900);
    script.feed(vec![Event::PbxDown(PBX), Event::RunStarted(Box::new(going_on())), Event::AttemptRestored(open)]);
    script.feed(vec![fresh(RUN, [])]);
    script.check(
        &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![] }), (4_010, Event::LegFound(found(L1, false)))],
        &[(4_000, LookUp(L1))],
    );
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn an_adopted_ringing_call_gets_the_rest_of_its_ringing_time() {
    let mut script = restarted(going_on(), false);
    // It was decided 25 s before this process began.
    script.check(&[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, false)] })], &[]);
    script.check(&[(5_001, Event::Tick)], &[(5_000, HangUp(L1, EndedBy::AnswerTimeout))]);
}

#[test]
fn a_restored_call_occupies_its_number_its_trunk_and_its_end_point() {
    let mut script = restarted(going_on(), false);
    assert_eq!(script.dialer.trunk_figures().next().unwrap().in_use, 1);
    assert_eq!(script.dialer.end_point_use().next().unwrap().1, 1);
    script.feed(vec![Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(2, 1)))]);
    let seen = script.play(&[(0, loaded(RunId(2), vec![contact_with_key(9, 1_001)], vec![], None))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
}

#[test]
fn a_call_of_a_run_that_is_over_is_still_closed() {
    let mut script = Script::new();
    script.feed(vec![Event::PbxDown(PBX), Event::AttemptRestored(open_attempt(1))]);
    script.check(
        &[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }), (9_000, ended(L1, 16, 0))],
        &[(9_000, Close(1, CallState::Terminated, None))],
    );
}

#[test]
fn a_ringing_call_of_a_run_that_was_removed_gets_its_ring_timer_too() {
    for attempt_first in [false, true] {
        let mut spec = going_on();
        spec.state = RunState::Removed;
        let mut script = restarted(spec, attempt_first);
        script.check(&[(1_000, Event::PbxUp { pbx: PBX, legs: vec![found(L1, false)] })], &[]);
        script.check(&[(5_001, Event::Tick)], &[(5_000, HangUp(L1, EndedBy::AnswerTimeout))]);
        script.check(&[(5_100, ended(L1, 19, 480))], &[(5_100, Close(1, CallState::RsNoanswer, None))]);
        assert_eq!(script.dialer.run_figures().count(), 0, "it is forgotten when its last call has ended");
    }
}

#[test]
fn a_call_on_a_trunk_that_was_deleted_is_still_closed() {
    let mut script = Script::new();
    let mut open = open_attempt(1);
    open.trunk = domain::TrunkId(99);
    open.end_point = domain::EndPointId(99);
    open.connected_at = Some(NOON.plus_ms(-9_000));
    script.feed(vec![Event::PbxDown(PBX), Event::RunStarted(Box::new(going_on())), Event::AttemptRestored(open)]);
    script.check(
        &[(0, fresh(RUN, [])), (1_000, Event::PbxUp { pbx: PBX, legs: vec![] })],
        &[(0, Run(RunState::Running)), (1_000, Close(1, CallState::RsLost, Some(60)))],
    );
}

#[test]
fn a_paused_run_is_paused_after_the_restart() {
    let mut spec = run_spec(1, 1);
    spec.state = RunState::Paused;
    let mut script = Script::with_run(spec, 1);
    script.check(&[(60_000, Event::Tick)], &[]);
    script.check(&[(60_001, Event::RunUnpaused(RUN))], &[(60_001, Run(RunState::Running)), (60_001, Journal(1, 0))]);
}

#[test]
fn answered_calls_are_counted_once_over_a_restart() {
    let mut script = Script::new();
    let mut open = open_attempt(1);
    open.connected_at = Some(NOON.plus_ms(-1_000));
    script.feed(vec![Event::RunStarted(Box::new(going_on())), Event::AttemptRestored(open), fresh(RUN, [])]);
    script.feed(vec![Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }]);
    let figures = script.dialer.run_figures().next().unwrap();
    assert_eq!((figures.connected_now, figures.in_flight), (1, 1));
    assert_eq!(figures.connected, 1);
}
