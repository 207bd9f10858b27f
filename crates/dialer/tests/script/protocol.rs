//! From the journal to the PBX: at most once, accounted for exactly once.

use crate::script::*;
use Seen::*;
use dialer::{Command, Event};
use domain::journal::Fact;
use domain::{CallState, EndedBy, Mode, RunState};

#[test]
fn nothing_is_sent_before_its_attempt_is_on_disk() {
    let mut script = Script::new();
    let start = Event::RunStarted(Box::new(run_spec(1, 1)));
    script.check(
        &[(0, start), (5, fresh(RUN, [1])), (500, Event::Tick)],
        &[(5, Run(RunState::Running)), (5, Journal(1, 0))],
    );
    script.check(&[(500, journalled(A1))], &[(500, Originate(L1))]);
    script.check(&[(501, journalled(A1))], &[]);
}

#[test]
fn a_hold_between_journal_and_send_withdraws_and_the_contact_is_given_back() {
    let mut script = Script::dialling(1);
    script.check(&[(3, Event::DiallingHeld), (4, journalled(A1))], &[(4, Withdraw(1))]);
    script.check(&[(60_000, Event::DiallingLifted)], &[(60_000, Journal(1, 0))]);
    script.check(&[(60_005, journalled(A2))], &[(60_005, Originate(L2))]);
}

#[test]
fn what_forbids_a_call_between_journal_and_send_withdraws_it() {
    let forbids = [Event::RunPaused(RUN), Event::PbxDown(PBX), Event::StorageLost, Event::RunRemoved(RUN)];
    for forbid in forbids {
        let mut script = Script::dialling(1);
        let seen = script.play(&[(1, forbid.clone()), (2, journalled(A1))]);
        assert!(seen.contains(&(2, Withdraw(1))), "{forbid:?}: {seen:?}");
        assert!(!seen.iter().any(|(_, seen)| matches!(seen, Originate(_))), "{forbid:?}");
    }
}

#[test]
fn a_lost_originate_is_looked_up_and_not_repeated() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply in 5 s") };
    script.check(&[(0, journalled(A1)), (5_000, unknown)], &[(0, Originate(L1)), (5_000, LookUp(L1))]);
    script.check(
        &[(5_010, Event::LegFound(found(L1, false))), (9_000, Event::LegAnswered(L1)), (19_000, ended(L1, 16, 0))],
        &[(19_000, Close(1, CallState::Terminated, None)), (19_000, Run(RunState::Completed))],
    );
}

#[test]
fn an_originate_that_nobody_finds_three_times_is_lost_and_keeps_the_longest_gap() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule =
        vec![rule(CallState::RsLost, 3, 10, Mode::Fixed), rule(CallState::RsNoanswer, 3, 900, Mode::Fixed)];
    let mut script = Script::with_run(spec, 1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.check(
        &[(0, journalled(A1)), (1_000, unknown), (1_010, Event::LegMissing(L1))],
        &[(0, Originate(L1)), (1_000, LookUp(L1))],
    );
    script.check(&[(4_020, Event::LegMissing(L1))], &[(4_010, LookUp(L1))]);
    script.check(
        &[(7_030, Event::LegMissing(L1))],
        &[(7_020, LookUp(L1)), (7_030, Close(1, CallState::RsLost, Some(900)))],
    );
}

#[test]
fn answers_that_a_stalled_pbx_gives_at_once_are_one_answer() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.play(&[(0, journalled(A1)), (5_000, unknown)]);
    let missing = |at| (at, Event::LegMissing(L1));
    let seen = script.play(&[missing(11_500), missing(11_500), missing(11_501), (11_502, Event::LegCreated(L1))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Close(..))), "{seen:?}");
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn a_look_up_without_an_answer_is_asked_again() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.check(
        &[(0, journalled(A1)), (1_000, unknown), (10_500, Event::Tick)],
        &[(0, Originate(L1)), (1_000, LookUp(L1)), (4_000, LookUp(L1)), (7_000, LookUp(L1)), (10_000, LookUp(L1))],
    );
}

#[test]
fn a_missing_answer_that_crossed_the_channels_birth_does_not_end_it() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.check(
        &[
            (0, journalled(A1)),
            (1_000, unknown),
            (1_010, Event::LegRinging(L1)),
            (1_011, Event::LegMissing(L1)),
            (4_020, Event::LegFound(found(L1, false))),
            (5_000, Event::LegAnswered(L1)),
            (9_000, ended(L1, 16, 0)),
        ],
        &[
            (0, Originate(L1)),
            (1_000, LookUp(L1)),
            (4_011, LookUp(L1)),
            (9_000, Close(1, CallState::Terminated, None)),
            (9_000, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn an_originate_that_the_pbx_refuses_is_an_attempt_of_ours_that_failed() {
    let mut spec = run_spec(1, 1);
    spec.settings.reschedule = vec![rule(CallState::RsError, 1, 60, Mode::Fixed)];
    let mut script = Script::with_run(spec, 1);
    let refused = Event::OriginateRefused { leg: L1, status: 500, message: "Allocation failed".to_owned() };
    script.check(
        &[(0, journalled(A1)), (2, refused)],
        &[(0, Originate(L1)), (2, Close(1, CallState::RsError, Some(60)))],
    );
}

#[test]
fn a_409_is_adopted() {
    let mut script = Script::dialling(1);
    let taken = Event::OriginateRefused { leg: L1, status: 409, message: "Channel exists".to_owned() };
    script.check(
        &[(0, journalled(A1)), (2, taken), (4, Event::LegFound(found(L1, true))), (9_000, ended(L1, 16, 0))],
        &[
            (0, Originate(L1)),
            (2, LookUp(L1)),
            (9_000, Close(1, CallState::Terminated, None)),
            (9_000, Run(RunState::Completed)),
        ],
    );
    assert!(script.commands.iter().any(|c| matches!(c, Command::Note(note) if note.fact == Fact::Adopted)));
}

#[test]
fn an_originate_that_was_never_sent_is_withdrawn_and_tried_again_a_second_later() {
    let mut script = Script::dialling(1);
    let not_sent = Event::OriginateNotSent { leg: L1, why: lost("not connected") };
    script.check(
        &[(0, journalled(A1)), (1, not_sent), (2_000, Event::Tick)],
        &[(0, Originate(L1)), (1, Withdraw(1)), (1_001, Journal(1, 0))],
    );
}

#[test]
fn a_journal_that_refuses_for_now_is_asked_again_and_one_that_refuses_for_good_is_not() {
    let refused = |later| Event::JournalRefused { attempt: A1, later };
    let mut script = Script::dialling(1);
    script.check(&[(1, refused(true)), (6_000, Event::Tick)], &[(5_001, Journal(1, 0))]);
    let mut script = Script::dialling(1);
    script.check(&[(1, refused(false)), (60_000, Event::Tick)], &[(1, Run(RunState::Completed))]);
}

#[test]
fn late_and_repeated_facts_change_nothing() {
    let mut script = Script::ringing();
    let repeated = [Event::LegAnswered(L1), Event::LegRinging(L1), Event::LegAnswered(L1), Event::LegCreated(L1)];
    script.play(&repeated.map(|event| (1_000, event)));
    let answered = |c: &&Command| matches!(c, Command::Note(note) if note.fact == Fact::Answered);
    assert_eq!(script.commands.iter().filter(answered).count(), 1);
    script.check(
        &[(2_000, ended(L1, 16, 0)), (2_001, ended(L1, 17, 486)), (2_002, Event::LegAnswered(L1))],
        &[(2_000, Close(1, CallState::Terminated, None)), (2_000, Run(RunState::Completed))],
    );
}

/// Every order of the four facts, each with every one of them said twice: the end is the same.
#[test]
fn facts_in_any_order_and_repeated_end_the_same() {
    let facts = [Event::LegCreated(L1), Event::LegProgress(L1), Event::LegRinging(L1), Event::LegAnswered(L1)];
    let mut orders: Vec<Vec<usize>> = vec![vec![]];
    for _ in &facts {
        orders = orders.iter().flat_map(|order| (0..4).map(|n| [order.as_slice(), &[n]].concat())).collect();
    }
    orders.retain(|order| (0..4).all(|n| order.contains(&n)));
    assert_eq!(orders.len(), 24);
    for order in orders {
        for repeated in 0..4 {
            let mut script = Script::dialling(1);
            script.feed(vec![journalled(A1)]);
            let told = order.iter().chain([&repeated]).map(|n| (10, facts[*n].clone()));
            script.play(&told.chain([(5_010, ended(L1, 16, 0)), (5_011, facts[repeated].clone())]).collect::<Vec<_>>());
            let notes = script.commands.iter().filter(|c| matches!(c, Command::Note(_))).count();
            assert_eq!(notes, 4, "each fact is written once: {order:?} {repeated}");
            let end = script.commands.iter().find_map(|c| if let Command::Close(end) = c { Some(end) } else { None });
            let end = end.expect("the call has ended");
            assert_eq!((end.state, end.ended_by), (CallState::Terminated, EndedBy::Pbx), "{order:?} {repeated}");
            assert_eq!(end.connected_at, Some(NOON.plus_ms(10)));
        }
    }
}

#[test]
fn events_that_come_before_the_reply_make_an_unknown_originate_known() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.check(
        &[(0, journalled(A1)), (1, Event::LegRinging(L1)), (5_000, unknown), (6_000, busy(L1))],
        &[(0, Originate(L1)), (6_000, Close(1, CallState::RsBusy, None)), (6_000, Run(RunState::Completed))],
    );
}

#[test]
fn the_far_ends_hang_up_and_ours_are_told_apart() {
    let mut script = Script::ringing();
    script.play(&[(0, Event::LegAnswered(L1)), (1, Event::LegHangUpAsked(L1)), (2, ended(L1, 16, 0))]);
    let by = script.commands.iter().find_map(|c| if let Command::Close(end) = c { Some(end.ended_by) } else { None });
    assert_eq!(by, Some(EndedBy::FarEnd));
}
