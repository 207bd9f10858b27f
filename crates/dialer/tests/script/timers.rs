//! Our own timers: ringing, silence, talk, and hang-ups that nobody confirms.

use crate::script::*;
use Seen::*;
use dialer::Event;
use domain::{CallState, EndedBy, RunState};

/// The process stood still over the deadline, and the answer waits behind another event in what it reads then.
#[test]
fn a_person_who_answered_while_we_stood_still_is_not_hung_up_on() {
    for answers in [true, false] {
        let mut script = Script::ringing();
        let mut out = Vec::new();
        let mut now = script.now();
        (now.mono, now.wall) = (now.mono.plus_ms(40_000), now.wall.plus_ms(40_000));
        script.dialer.step(now, Event::LegRinging(domain::LegId(77)), &mut out);
        if answers {
            script.dialer.step(now, Event::LegAnswered(L1), &mut out);
        }
        (now.mono, now.wall) = (now.mono.plus_ms(600), now.wall.plus_ms(600));
        script.dialer.step(now, Event::Tick, &mut out);
        let hung_up = out.iter().any(|command| matches!(command, dialer::Command::HangUp { .. }));
        assert_eq!(hung_up, !answers);
    }
}

#[test]
fn a_call_that_rings_for_thirty_seconds_is_no_answer() {
    let mut script = Script::ringing();
    script.check(&[(29_999, Event::Tick)], &[]);
    script.check(
        &[(30_000, Event::Tick), (30_020, ended(L1, 19, 480))],
        &[
            (30_000, HangUp(L1, EndedBy::AnswerTimeout)),
            (30_020, Close(1, CallState::RsNoanswer, None)),
            (30_020, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn an_answer_that_crosses_our_hang_up_stays_an_answer() {
    let mut script = Script::ringing();
    script.check(
        &[(30_001, Event::LegAnswered(L1)), (30_020, ended(L1, 16, 0))],
        &[
            (30_000, HangUp(L1, EndedBy::AnswerTimeout)),
            (30_020, Close(1, CallState::Terminated, None)),
            (30_020, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn a_route_without_a_sign_of_life_is_rejected_after_ten_seconds() {
    let mut script = Script::dialling(1);
    script.check(
        &[(0, journalled(A1)), (3, Event::OriginateDone(L1)), (10_020, ended(L1, 19, 480))],
        &[
            (0, Originate(L1)),
            (10_000, HangUp(L1, EndedBy::ProgressTimeout)),
            (10_020, Close(1, CallState::RsRejected, None)),
            (10_020, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn early_media_is_a_sign_of_life() {
    let mut script = Script::dialling(1);
    script.check(
        &[(0, journalled(A1)), (900, Event::LegProgress(L1)), (30_010, ended(L1, 19, 480))],
        &[
            (0, Originate(L1)),
            (30_000, HangUp(L1, EndedBy::AnswerTimeout)),
            (30_010, Close(1, CallState::RsNoanswer, None)),
            (30_010, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn forced_closure_counts_from_the_answer() {
    let mut spec = run_spec(1, 1);
    spec.settings.forced_closure_s = 90;
    let mut script = Script::ringing_in(spec);
    script.check(
        &[(5_000, Event::LegAnswered(L1)), (95_010, ended(L1, 16, 0))],
        &[
            (95_000, HangUp(L1, EndedBy::ForcedClosure)),
            (95_010, Close(1, CallState::RsTimeout, None)),
            (95_010, Run(RunState::Completed)),
        ],
    );
}

#[test]
fn no_forced_closure_lets_people_talk() {
    let mut script = Script::ringing();
    script.check(&[(1_000, Event::LegAnswered(L1)), (3_600_000, Event::Tick)], &[]);
}

#[test]
fn a_hang_up_that_is_not_confirmed_is_looked_up() {
    let mut script = Script::ringing();
    script.check(&[(35_000, Event::Tick)], &[(30_000, HangUp(L1, EndedBy::AnswerTimeout)), (35_000, LookUp(L1))]);
    // It is still there: hang up again, and ask again.
    script.check(&[(35_010, Event::LegFound(found(L1, false)))], &[(35_010, HangUp(L1, EndedBy::AnswerTimeout))]);
    let seen = script.play(&[(40_100, Event::LegMissing(L1)), (43_200, Event::LegMissing(L1))]);
    assert!(seen.contains(&(43_200, Close(1, CallState::RsNoanswer, None))), "{seen:?}");
}

#[test]
fn a_hang_up_before_the_pbx_took_the_originate_waits_for_its_answer() {
    let mut spec = run_spec(1, 1);
    spec.settings.answer_timeout_ms = 1_000;
    let mut script = Script::with_run(spec, 1);
    // The PBX is slow: it knows no such channel yet, and makes it afterwards.
    script.check(
        &[(0, journalled(A1)), (1_010, Event::LegMissing(L1)), (3_000, Event::OriginateDone(L1))],
        &[(0, Originate(L1)), (1_000, HangUp(L1, EndedBy::AnswerTimeout))],
    );
    let seen = script.play(&[(6_100, Event::LegFound(found(L1, false))), (6_200, ended(L1, 19, 480))]);
    assert!(seen.contains(&(6_100, HangUp(L1, EndedBy::AnswerTimeout))), "{seen:?}");
    assert!(seen.contains(&(6_200, Close(1, CallState::RsNoanswer, None))), "{seen:?}");
}
