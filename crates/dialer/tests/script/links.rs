//! PBX links: lost, back, compared.

use crate::script::*;
use Seen::*;
use dialer::Event;
use domain::{CallState, EndedBy, LegId, Mono, RunState};

fn up(legs: Vec<dialer::FoundLeg>) -> Event {
    Event::PbxUp { pbx: PBX, legs }
}

#[test]
fn nothing_is_dialled_on_a_pbx_before_its_legs_were_compared() {
    let mut script = Script::new();
    script.feed(vec![Event::PbxDown(PBX), Event::RunStarted(Box::new(run_spec(1, 1))), fresh(RUN, [1])]);
    script.check(&[(60_000, Event::Tick)], &[]);
    script.check(&[(60_001, up(vec![]))], &[(60_001, Journal(1, 0))]);
}

#[test]
fn a_call_that_survived_the_link_is_adopted_and_ends_as_usual() {
    let mut script = Script::ringing();
    script.check(&[(1_000, Event::PbxDown(PBX)), (5_000, up(vec![found(L1, true)]))], &[]);
    script.check(
        &[(90_000, ended(L1, 16, 0))],
        &[(90_000, Close(1, CallState::Terminated, None)), (90_000, Run(RunState::Completed))],
    );
}

#[test]
fn a_call_that_is_gone_after_the_link_came_back_is_lost() {
    let mut script = Script::ringing();
    script.check(
        &[(1_000, Event::PbxDown(PBX)), (5_000, up(vec![]))],
        &[(5_000, Close(1, CallState::RsLost, None)), (5_000, Run(RunState::Completed))],
    );
}

#[test]
fn an_adopted_call_rings_for_what_is_left_of_its_time() {
    let mut script = Script::ringing();
    script.check(&[(1_000, Event::PbxDown(PBX)), (20_000, up(vec![found(L1, false)]))], &[]);
    script.check(&[(30_001, Event::Tick)], &[(30_000, HangUp(L1, EndedBy::AnswerTimeout))]);
}

#[test]
fn a_hang_up_that_fell_into_the_gap_is_repeated() {
    let mut script = Script::ringing();
    script.check(&[(29_000, Event::PbxDown(PBX))], &[]);
    let seen = script.play(&[(40_000, up(vec![found(L1, false)]))]);
    assert!(seen.contains(&(40_000, HangUp(L1, EndedBy::AnswerTimeout))), "{seen:?}");
}

/// Seeds 1140 and 202: a hang-up for silence was lost, the person answered, and the look-up repeated the hang-up.
#[test]
fn a_hang_up_for_silence_that_was_lost_is_not_repeated_on_a_person_who_answered() {
    for answered_before in [false, true] {
        let mut script = Script::ringing();
        script.check(&[(30_000, Event::Tick)], &[(30_000, HangUp(L1, EndedBy::AnswerTimeout))]);
        let answer = if answered_before { Event::LegAnswered(L1) } else { Event::Tick };
        script.check(&[(31_000, answer), (35_000, Event::Tick)], &[(35_000, LookUp(L1))]);
        // The answer to the look-up may be older than the answer of the person.
        script.check(&[(35_010, Event::LegFound(found(L1, !answered_before)))], &[]);
        let by_pbx = |script: &Script| {
            script.commands.iter().any(|c| matches!(c, dialer::Command::Close(end) if end.ended_by == EndedBy::Pbx))
        };
        script.check(
            &[(90_000, ended(L1, 16, 0))],
            &[(90_000, Close(1, CallState::Terminated, None)), (90_000, Run(RunState::Completed))],
        );
        assert!(by_pbx(&script));
    }
}

/// Seed 168: its answer was never heard, and its end came before the comparison.
#[test]
fn an_end_after_a_stretch_that_nobody_watched_proves_no_answer_unless_it_is_a_refusal() {
    for (end, state) in
        [(ended(L1, 0, 0), CallState::RsLost), (ended(L1, 16, 200), CallState::RsLost), (busy(L1), CallState::RsBusy)]
    {
        let mut script = Script::ringing();
        script.check(
            &[(1_000, Event::PbxDown(PBX)), (5_000, end)],
            &[(5_000, Close(1, state, None)), (5_000, Run(RunState::Completed))],
        );
    }
}

/// A PBX that stood still for a minute makes afterwards the channels that it was asked for before.
#[test]
fn a_channel_that_nobody_has_seen_is_waited_for_however_long_the_link_was_down() {
    let mut script = Script::dialling(1);
    let lost = Event::OriginateUnknown { leg: L1, why: lost("the link was lost") };
    script.feed(vec![journalled(A1), Event::PbxDown(PBX), lost]);
    let seen = script.play(&[(60_000, up(vec![])), (63_100, Event::LegFound(found(L1, false)))]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Close(..))), "{seen:?}");
    assert_eq!(script.dialer.open_calls(), 1);
}

/// Seed 274: its channel was made after the list was taken and before it was compared.
#[test]
fn a_channel_that_is_younger_than_the_list_of_a_link_in_doubt_is_not_given_up() {
    let mut script = Script::dialling(1);
    script.feed(vec![journalled(A1), Event::PbxStale(PBX)]);
    let seen = script.play(&[(3_000, Event::LegCreated(L1)), (3_100, up(vec![])), (6_200, up(vec![found(L1, false)]))]);
    assert_eq!(seen, [(6_100, LookUp(L1))]);
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn a_hang_up_in_the_gap_says_nothing_about_an_answer_nobody_saw() {
    let mut script = Script::ringing();
    let seen = script.play(&[(29_000, Event::PbxDown(PBX)), (40_000, up(vec![]))]);
    assert!(seen.contains(&(40_000, Close(1, CallState::RsLost, None))), "{seen:?}");
}

#[test]
fn en_11_another_pbx_goes_on_while_one_is_down() {
    let mut script = Script::new();
    let far = domain::PbxId(2);
    let mut spec = run_spec(1, 2);
    spec.settings.trunks = vec![TRUNK, domain::TrunkId(2)];
    spec.settings.end_points = vec![END_POINT, domain::EndPointId(2)];
    script.feed(vec![
        Event::PbxConfigured(dialer::PbxSpec { id: far, originates_per_second: 100 }),
        Event::TrunkConfigured(dialer::TrunkSpec { pbx: far, ..trunk(2, 1) }),
        Event::EndPointConfigured(dialer::EndPointSpec { pbx: far, ..end_point(2, 9) }),
        Event::PbxUp { pbx: far, legs: vec![] },
        Event::PbxDown(PBX),
        Event::RunStarted(Box::new(spec)),
    ]);
    script.play(&[(0, fresh(RUN, [1, 2]))]);
    let pbxs: Vec<_> = script.dialer.call_figures().map(|call| call.pbx).collect();
    assert_eq!(pbxs, [far]);
    script.play(&[(1_000, up(vec![]))]);
    assert_eq!(script.dialer.open_calls(), 2);
}

#[test]
fn an_audit_judges_only_what_was_there_when_it_asked() {
    let mut script = Script::ringing();
    let before = Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(999_000) };
    script.check(&[(1_000, before.clone()), (31_000, Event::Tick)], &[(30_000, HangUp(L1, EndedBy::AnswerTimeout))]);
}

#[test]
fn a_leg_that_two_audits_miss_is_gone() {
    let mut script = Script::ringing();
    let audit = |at_ms: u64| Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(1_000_000 + at_ms * 1_000) };
    script.check(&[(1_000, audit(900))], &[]);
    script.check(
        &[(5_000, audit(4_900))],
        &[(4_000, LookUp(L1)), (5_000, Close(1, CallState::RsLost, None)), (5_000, Run(RunState::Completed))],
    );
}

#[test]
fn an_unknown_originate_is_not_given_up_sooner_by_an_audit() {
    let mut script = Script::dialling(1);
    let unknown = Event::OriginateUnknown { leg: L1, why: lost("no reply") };
    script.play(&[(0, journalled(A1)), (5_000, unknown), (6_000, Event::LegMissing(L1))]);
    let audit = Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(1_000_000 + 8_000_000) };
    script.play(&[(8_100, audit), (8_700, Event::LegCreated(L1))]);
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn an_audit_does_not_judge_an_originate_that_the_pbx_has_not_answered() {
    let mut script = Script::dialling(1);
    let audit = |at_ms: u64| Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(1_000_000 + at_ms * 1_000) };
    script.check(
        &[(0, journalled(A1)), (1_000, audit(900)), (1_100, audit(1_050)), (1_200, audit(1_150))],
        &[(0, Originate(L1))],
    );
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn foreign_and_finished_legs_are_nobody_s() {
    let mut script = Script::ringing();
    script.check(&[(1, up(vec![found(LegId(777), true), found(L1, false)])), (2, ended(LegId(778), 16, 0))], &[]);
}
