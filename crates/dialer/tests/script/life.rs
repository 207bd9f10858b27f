//! The life of a run: pause, unpause, remove, idle, complete, more contacts.

use crate::desk::{Desk, answers, is_busy};
use crate::script::*;
use Seen::*;
use dialer::Event;
use domain::{CallState, Mode, RunId, RunState};

#[test]
fn a_run_is_runnable_then_running_then_completed() {
    let mut desk = Desk::simple(3, vec![run_spec(1, 3)], answers);
    desk.play(60_000);
    let states: Vec<_> = desk.states.iter().map(|(.., state)| *state).collect();
    assert_eq!(states, [RunState::Running, RunState::Completed]);
    assert_eq!(desk.dialer.run_figures().count(), 0);
}

#[test]
fn a_paused_run_places_no_call_and_calls_up_go_on() {
    let mut script = Script::dialling(12);
    let sent: Vec<_> = (1..=10).map(|n| (0, journalled(domain::AttemptId(n)))).collect();
    script.play(&sent);
    script.feed(vec![]);
    script.check(
        &[(100, Event::RunPaused(RUN)), (200, busy(L1)), (300, Event::LegAnswered(L2))],
        &[(100, Run(RunState::Paused)), (200, Close(1, CallState::RsBusy, None))],
    );
    script.check(&[(400, Event::RunUnpaused(RUN))], &[(400, Run(RunState::Running)), (400, Journal(11, 0))]);
}

#[test]
fn a_removed_run_ends_and_nothing_is_retried() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(CallState::RsBusy, 9, 60, Mode::Fixed)];
    let mut script = Script::ringing_in(spec);
    script.check(
        &[(100, Event::RunRemoved(RUN)), (200, busy(L1)), (900_000, Event::Tick)],
        &[(100, Run(RunState::Removed)), (200, Close(1, CallState::RsBusy, None))],
    );
    assert_eq!(script.dialer.run_figures().count(), 0);
}

#[test]
fn a_run_that_idles_waits_for_contacts_and_dials_them() {
    let mut spec = run_spec(1, 2);
    spec.settings.idle_on_termination = true;
    let mut desk = Desk::simple(2, vec![spec], is_busy);
    desk.play(10_000);
    assert_eq!(desk.state(RUN), Some(RunState::Idle));
    desk.contacts.push(3);
    desk.tell(Event::ContactsAdded { list: LIST, added: 1 });
    desk.play(20_000);
    assert_eq!(desk.dialled.len(), 3);
    assert_eq!(desk.dialled[2].call.contact.id.0, 3);
    assert_eq!(desk.state(RUN), Some(RunState::Idle));
}

#[test]
fn contacts_added_while_a_paused_run_waits_are_dialled_after_the_pause() {
    let mut spec = run_spec(1, 0);
    spec.settings.idle_on_termination = true;
    let mut desk = Desk::simple(0, vec![spec], answers);
    desk.play(1_000);
    desk.tell(Event::RunPaused(RUN));
    desk.contacts.push(1);
    desk.tell(Event::ContactsAdded { list: LIST, added: 1 });
    desk.play(60_000);
    assert_eq!(desk.dialled.len(), 0);
    desk.tell(Event::RunUnpaused(RUN));
    desk.play(61_000);
    assert_eq!(desk.dialled.len(), 1);
}

#[test]
fn a_run_without_contacts_completes_at_once() {
    let mut desk = Desk::simple(0, vec![run_spec(1, 0)], answers);
    desk.play(100);
    assert_eq!(desk.state(RUN), Some(RunState::Completed));
}

#[test]
fn calls_up_keep_a_run_open_until_they_end() {
    let mut script = Script::ringing();
    script.check(&[(5_000, Event::LegAnswered(L1)), (600_000, Event::Tick)], &[]);
    script.check(
        &[(600_001, ended(L1, 16, 0))],
        &[(600_001, Close(1, CallState::Terminated, None)), (600_001, Run(RunState::Completed))],
    );
}

#[test]
fn a_reloaded_run_reads_its_lists_again_and_dials_nobody_twice() {
    let mut desk = Desk::simple(40, vec![run_spec(1, 40)], answers);
    desk.play(25_000);
    let mut spec = run_spec(1, 40);
    spec.settings.answer_timeout_ms = 10_000;
    desk.tell(Event::RunReloaded(Box::new(spec)));
    desk.play(400_000);
    let mut contacts: Vec<i64> = desk.dialled.iter().map(|dialled| dialled.call.contact.id.0).collect();
    contacts.sort_unstable();
    assert_eq!(contacts, (1..=40).collect::<Vec<_>>());
    assert_eq!(desk.state(RUN), Some(RunState::Completed));
}

#[test]
fn storage_that_cannot_be_written_stops_new_calls_only() {
    let mut script = Script::ringing();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(2, 1))), Event::StorageLost]);
    let seen = script.play(&[(0, fresh(RunId(2), [5])), (900, Event::LegAnswered(L1)), (5_000, Event::Tick)]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..) | HangUp(..))), "{seen:?}");
    let seen = script.play(&[(6_000, Event::StorageBack)]);
    assert!(seen.contains(&(6_000, Journal(5, 0))), "{seen:?}");
}
