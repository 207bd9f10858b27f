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
    script.play(&[(0, Event::Journalled(A1)), (5_000, unknown), (6_000, Event::LegMissing(L1))]);
    let audit = Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(1_000_000 + 8_000_000) };
    script.play(&[(8_100, audit), (8_700, Event::LegCreated(L1))]);
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn an_audit_does_not_judge_an_originate_that_the_pbx_has_not_answered() {
    let mut script = Script::dialling(1);
    let audit = |at_ms: u64| Event::PbxAudited { pbx: PBX, legs: vec![], asked_at: Mono(1_000_000 + at_ms * 1_000) };
    script.check(
        &[(0, Event::Journalled(A1)), (1_000, audit(900)), (1_100, audit(1_050)), (1_200, audit(1_150))],
        &[(0, Originate(L1))],
    );
    assert_eq!(script.dialer.open_calls(), 1);
}

#[test]
fn foreign_and_finished_legs_are_nobody_s() {
    let mut script = Script::ringing();
    script.check(&[(1, up(vec![found(LegId(777), true), found(L1, false)])), (2, ended(LegId(778), 16, 0))], &[]);
}
