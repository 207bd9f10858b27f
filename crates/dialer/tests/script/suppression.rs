//! Numbers that must not be called: nothing is sent to them from the moment they are known.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event, RetryEntry};
use domain::{CallState, EndedBy, Mode, NumberKey, RunState};

/// The key of contact 1.
const KEY: NumberKey = NumberKey(1_001);

#[test]
fn a_number_that_the_journal_knows_as_suppressed_ends_as_blacklisted_without_a_call() {
    let mut script = Script::dialling(1);
    script.check(
        &[(1, Event::JournalledSuppressed(A1))],
        &[(1, Close(1, CallState::RsBlacklist, None)), (1, Run(RunState::Completed))],
    );
    let by = script.commands.iter().find_map(|c| if let Command::Close(end) = c { Some(end.ended_by) } else { None });
    assert_eq!(by, Some(EndedBy::Suppression));
}

#[test]
fn an_entry_stops_an_attempt_that_is_on_its_way_to_the_disk() {
    let mut script = Script::dialling(1);
    script.check(
        &[(0, Event::NumbersSuppressed(vec![KEY])), (3, Event::Journalled(A1))],
        &[(3, Close(1, CallState::RsBlacklist, None)), (3, Run(RunState::Completed))],
    );
}

#[test]
fn an_entry_stops_an_attempt_that_waits_for_its_trunks_rate() {
    let mut slow = trunk(1, 10);
    slow.calls_per_second = 1;
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(slow), Event::RunStarted(Box::new(run_spec(1, 2))), fresh(RUN, 1..=2)]);
    // The second is decided a second later; a disk that takes as long lets both through at once.
    let seen = script.play(&[(1_000, Event::Tick), (1_500, Event::Journalled(A1)), (1_501, Event::Journalled(A2))]);
    assert!(seen.contains(&(1_500, Originate(L1))) && !seen.iter().any(|(_, what)| *what == Originate(L2)), "{seen:?}");
    let seen = script.play(&[(1_600, Event::NumbersSuppressed(vec![NumberKey(1_002)])), (4_000, Event::Tick)]);
    assert!(seen.iter().any(|(_, what)| *what == Close(2, CallState::RsBlacklist, None)), "{seen:?}");
    assert!(!seen.iter().any(|(_, what)| *what == Originate(L2)), "{seen:?}");
}

#[test]
fn a_retry_of_a_number_that_was_suppressed_meanwhile_is_not_sent() {
    let mut spec = run_spec(1, 1);
    spec.settings.rules =
        vec![rule(CallState::RsBusy, 3, 60, Mode::Fixed), rule(CallState::RsBlacklist, 3, 60, Mode::Fixed)];
    let mut script = Script::with_run(spec, 1);
    script.play(&[(0, Event::Journalled(A1)), (1_000, busy(L1)), (2_000, Event::NumbersSuppressed(vec![KEY]))]);
    let retry = RetryEntry { contact: contact(1), retry: 1, due_at: NOON.plus_ms(61_000) };
    let due = loaded(RUN, vec![], vec![retry], None);
    let seen = script.play(&[(61_500, due), (61_600, Event::Journalled(A2))]);
    assert!(seen.contains(&(61_600, Close(1, CallState::RsBlacklist, None))), "{seen:?}");
}

#[test]
fn a_call_that_rings_already_is_left_alone() {
    let mut script = Script::ringing();
    assert!(script.play(&[(10, Event::NumbersSuppressed(vec![KEY]))]).is_empty());
}
