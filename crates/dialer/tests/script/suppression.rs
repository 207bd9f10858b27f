//! Numbers that must not be called: nothing is sent to them from the moment they are known.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event};
use domain::rules::Standing;
use domain::{AttemptId, CallState, CampaignId, EndedBy, ListId, Mode, NumberKey, RunState};

/// The key of contact 1.
const KEY: NumberKey = NumberKey(1_001);

#[test]
fn a_number_that_the_journal_knows_as_suppressed_ends_as_blacklisted_without_a_call() {
    let mut script = Script::dialling(1);
    script.check(
        &[(1, journalled_with(A1, on_a_list()))],
        &[(1, Close(1, CallState::RsBlacklist, None)), (1, Run(RunState::Completed))],
    );
    let by = script.commands.iter().find_map(|c| if let Command::Close(end) = c { Some(end.ended_by) } else { None });
    assert_eq!(by, Some(EndedBy::Suppression));
}

#[test]
fn a_number_on_a_black_list_of_the_campaign_is_logged_and_not_called_first_or_again() {
    let mut spec = run_spec(1, 2);
    spec.settings.reschedule = vec![rule(CallState::RsBusy, 3, 60, Mode::Fixed)];
    let mut script = Script::with_run(spec, 2);
    let listed = || Standing { black_listed_by: Some(ListId(9)), ..Standing::default() };
    // The first is on it; the second gets on it while its retry waits.
    let seen = script.play(&[(0, journalled_with(A1, listed())), (1, journalled(A2)), (1_000, busy(L2))]);
    assert!(seen.contains(&(0, Close(1, CallState::RsBlacklist, None))), "{seen:?}");
    assert!(seen.contains(&(1_000, Close(2, CallState::RsBusy, Some(60)))), "{seen:?}");
    let due = loaded(RUN, vec![], vec![retry(2, 1, 61_000)], None);
    let seen = script.play(&[(61_500, due), (61_600, journalled_with(AttemptId(3), listed()))]);
    assert!(seen.contains(&(61_600, Close(2, CallState::RsBlacklist, None))), "{seen:?}");
    assert!(seen.contains(&(61_600, Run(RunState::Completed))), "{seen:?}");
}

#[test]
fn an_entry_stops_an_attempt_that_is_on_its_way_to_the_disk() {
    let mut script = Script::dialling(1);
    script.check(
        &[(0, suppressed(KEY)), (3, journalled(A1))],
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
    let seen = script.play(&[(1_000, Event::Tick), (1_500, journalled(A1)), (1_501, journalled(A2))]);
    assert!(seen.contains(&(1_500, Originate(L1))) && !seen.iter().any(|(_, what)| *what == Originate(L2)), "{seen:?}");
    let seen = script.play(&[(1_600, suppressed(NumberKey(1_002))), (4_000, Event::Tick)]);
    assert!(seen.iter().any(|(_, what)| *what == Close(2, CallState::RsBlacklist, None)), "{seen:?}");
    assert!(!seen.iter().any(|(_, what)| *what == Originate(L2)), "{seen:?}");
}

#[test]
fn a_retry_of_a_number_that_was_suppressed_meanwhile_is_not_sent() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule =
        vec![rule(CallState::RsBusy, 3, 60, Mode::Fixed), rule(CallState::RsBlacklist, 3, 60, Mode::Fixed)];
    let mut script = Script::with_run(spec, 1);
    script.play(&[(0, journalled(A1)), (1_000, busy(L1)), (2_000, suppressed(KEY))]);
    let due = loaded(RUN, vec![], vec![retry(1, 1, 61_000)], None);
    script.play(&[(61_500, due)]);
    script.wait(
        70_000,
        &[
            (0, Originate(L1)),
            (1_000, Close(1, CallState::RsBusy, Some(60))),
            (61_500, PutOff(1, "number_not_suppressed", None)),
            (61_500, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn contacts_in_memory_are_refused_at_once() {
    let mut script = Script::new();
    script.feed(vec![Event::DiallingHeld, Event::RunStarted(Box::new(run_spec(1, 2))), fresh(RUN, 1..=2)]);
    script.check(&[(5, suppressed(KEY))], &[(5, PutOff(1, "number_not_suppressed", None))]);
    script.check(&[(9, Event::DiallingLifted)], &[(9, Journal(2, 0))]);
}

#[test]
fn a_call_that_rings_is_hung_up_and_ends_as_blacklisted() {
    let mut script = Script::ringing();
    script.check(
        &[(10, suppressed(KEY)), (30, ended(L1, 19, 480))],
        &[
            (10, HangUp(L1, EndedBy::Suppression)),
            (30, Close(1, CallState::RsBlacklist, None)),
            (30, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn a_call_whose_channel_was_not_there_yet_is_hung_up_when_it_is() {
    let mut script = Script::dialling(1);
    script.check(
        &[(0, journalled(A1)), (1, suppressed(KEY)), (2, Event::LegMissing(L1)), (3, Event::LegCreated(L1))],
        &[(0, Originate(L1)), (1, HangUp(L1, EndedBy::Suppression)), (3, HangUp(L1, EndedBy::Suppression))],
    );
}

#[test]
fn somebody_who_answered_is_talked_to() {
    let mut script = Script::ringing();
    script.feed(vec![Event::LegAnswered(L1)]);
    script.check(&[(10, suppressed(KEY))], &[]);
    // An answer that crossed the hang-up on the wire is an answer.
    let mut script = Script::ringing();
    let talked = [(10, suppressed(KEY)), (11, Event::LegAnswered(L1)), (20, ended(L1, 16, 0))];
    let seen = script.play(&talked);
    assert!(seen.contains(&(20, Close(1, CallState::Terminated, None))), "{seen:?}");
}

#[test]
fn an_operator_ends_a_call_whatever_it_is_doing() {
    let mut script = Script::ringing();
    script.check(
        &[(10, Event::OperatorHungUp(L1)), (30, ended(L1, 19, 487))],
        &[
            (10, HangUp(L1, EndedBy::Operator)),
            (30, Close(1, CallState::RsNoanswer, None)),
            (30, Run(RunState::Completed)),
        ],
    );
    let mut script = Script::ringing();
    script.feed(vec![Event::LegAnswered(L1)]);
    script.check(&[(10, Event::OperatorHungUp(L1))], &[(10, HangUp(L1, EndedBy::Operator))]);
    // Sent, and the channel comes after the hang-up.
    let mut script = Script::dialling(1);
    script.check(
        &[(0, journalled(A1)), (1, Event::OperatorHungUp(L1)), (3, Event::LegCreated(L1))],
        &[(0, Originate(L1)), (1, HangUp(L1, EndedBy::Operator)), (3, HangUp(L1, EndedBy::Operator))],
    );
}

#[test]
fn an_entry_of_one_campaign_leaves_the_others_alone() {
    let of = |campaign| Event::NumbersSuppressed { keys: vec![KEY], campaigns: Some(vec![CampaignId(campaign)]) };
    let mut script = Script::ringing();
    script.check(&[(10, of(2))], &[]);
    script.check(&[(11, of(1))], &[(11, HangUp(L1, EndedBy::Suppression))]);
}
