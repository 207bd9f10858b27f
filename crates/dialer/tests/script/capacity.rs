//! Trunks, end points, rates and single flight.

use crate::desk::{Desk, answers, is_busy};
use crate::script::*;
use Seen::*;
use dialer::{Event, PbxSpec};
use domain::rules::limits::HourlyCap;
use domain::rules::{Limits, Rules};
use domain::{CallState, RunId, TrunkId};
use std::sync::Arc;

#[test]
fn en_16_a_single_telephone_gets_one_call_after_the_other() {
    let mut desk = Desk::new(10, &[trunk(1, 10)], &[end_point(1, 1)], vec![run_spec(1, 10)], answers);
    desk.play(200_000);
    assert_eq!((desk.dialled.len(), desk.most_at_once), (10, 1));
    let order: Vec<i64> = desk.dialled.iter().map(|dialled| dialled.call.contact.id.0).collect();
    assert_eq!(order, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_trunk_is_filled_and_never_overfilled() {
    let mut desk = Desk::new(50, &[trunk(1, 7)], &[end_point(1, 100)], vec![run_spec(1, 50)], answers);
    desk.play(200_000);
    assert_eq!((desk.dialled.len(), desk.most_at_once), (50, 7));
}

#[test]
fn a_trunk_of_less_capacity_finishes_its_calls_and_takes_no_more() {
    let mut script = Script::dialling(12);
    script.play(&[(0, journalled(A1))]);
    script.feed(vec![Event::TrunkConfigured(trunk(1, 2))]);
    let seen = script.play(&[(1_000, busy(L1))]);
    assert_eq!(seen, [(1_000, Close(1, CallState::RsBusy, None))]);
}

#[test]
fn calls_spread_over_the_trunks_by_what_is_free() {
    let mut runs = vec![run_spec(1, 9)];
    runs[0].settings.trunks = vec![TrunkId(1), TrunkId(2)];
    let mut desk = Desk::new(9, &[trunk(1, 3), trunk(2, 6)], &[end_point(1, 100)], runs, answers);
    desk.play(5_000);
    let on = |id| desk.dialled.iter().filter(|dialled| dialled.call.trunk == TrunkId(id)).count();
    assert_eq!((on(1), on(2)), (3, 6));
}

#[test]
fn the_calls_per_second_of_a_trunk_are_kept_and_used() {
    let mut spec = trunk(1, 1_000);
    spec.calls_per_second = 5;
    let mut desk = Desk::new(60, &[spec], &[end_point(1, 1_000)], vec![run_spec(1, 60)], is_busy);
    desk.play(10_000);
    let starts: Vec<u64> = desk.dialled.iter().map(|dialled| dialled.at_ms).collect();
    assert!(starts.windows(6).all(|six| six[5] - six[0] >= 1_000), "{starts:?}");
    assert!(starts.len() >= 49, "{}", starts.len());
}

#[test]
fn a_slow_disk_does_not_bunch_calls_beyond_the_rate() {
    let mut script = Script::new();
    let mut spec = trunk(1, 100);
    spec.calls_per_second = 2;
    script.feed(vec![Event::TrunkConfigured(spec), Event::EndPointConfigured(end_point(1, 100))]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 8))), fresh(RUN, 1..=8)]);
    // Four are decided in two seconds and all of them reach the disk at once; 20 ms are the disk's usual jitter.
    let seen = script.play(&[(2_100, Event::Tick)]);
    let decided = 1 + seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).count();
    assert!(decided >= 4, "{seen:?}");
    let on_disk: Vec<_> = (1..=4).map(|n| (2_100, journalled(domain::AttemptId(n)))).collect();
    let seen = script.play(&[on_disk, vec![(4_000, Event::Tick)]].concat());
    let sent: Vec<u64> = seen.iter().filter(|(_, seen)| matches!(seen, Originate(_))).map(|(at, _)| *at).collect();
    assert_eq!(sent.len(), 4);
    assert!(sent.windows(3).all(|three| three[2] - three[0] >= 980), "{sent:?}");
}

#[test]
fn what_waits_for_its_rate_is_withdrawn_by_a_hold() {
    let mut script = Script::new();
    let mut spec = trunk(1, 100);
    spec.calls_per_second = 1;
    script.feed(vec![Event::TrunkConfigured(spec)]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 2))), fresh(RUN, 1..=2)]);
    script.play(&[(1_000, Event::Tick), (1_100, journalled(A1)), (1_101, journalled(A2))]);
    script.feed(vec![]);
    script.check(&[(1_200, Event::DiallingHeld)], &[(1_200, Withdraw(2))]);
    script.check(&[(5_000, Event::Tick)], &[]);
}

#[test]
fn what_waits_for_its_rate_keeps_a_cap_per_hour_that_comes_meanwhile() {
    let mut script = Script::new();
    let mut spec = trunk(1, 100);
    spec.calls_per_second = 1;
    script.feed(vec![Event::TrunkConfigured(spec)]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 2))), fresh(RUN, 1..=2)]);
    script.play(&[(1_000, Event::Tick), (1_100, journalled(A1)), (1_101, journalled(A2))]);
    let limits = Limits { hourly: vec![HourlyCap { prefix: "+100".into(), calls: 1 }], ..Limits::default() };
    let mut capped = run_spec(1, 2);
    capped.settings.rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
    let seen = script.play(&[(1_200, Event::RunReloaded(Box::new(capped))), (5_000, Event::Tick)]);
    assert_eq!(seen.last(), Some(&(1_200, Withdraw(2))), "{seen:?}");
}

#[test]
fn the_pbx_caps_the_calls_of_all_its_trunks() {
    let mut runs = vec![run_spec(1, 60)];
    runs[0].settings.trunks = vec![TrunkId(1), TrunkId(2)];
    let mut desk = Desk::new(60, &[trunk(1, 100), trunk(2, 100)], &[end_point(1, 100)], vec![], is_busy);
    desk.tell(Event::PbxConfigured(PbxSpec { id: PBX, originates_per_second: 4 }));
    desk.tell(Event::RunStarted(Box::new(runs.remove(0))));
    desk.play(5_000);
    let starts: Vec<u64> = desk.dialled.iter().map(|dialled| dialled.at_ms).collect();
    assert!(starts.windows(5).all(|five| five[4] - five[0] >= 1_000), "{starts:?}");
}

#[test]
fn a_number_in_a_call_is_not_dialled_by_another_run() {
    let mut script = Script::ringing();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(2, 1)))]);
    let other_row = contact_with_key(77, 1_001);
    let seen = script.play(&[(0, loaded(RunId(2), vec![other_row], vec![], None)), (20_000, Event::Tick)]);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
    let seen = script.play(&[(20_100, busy(L1)), (21_500, Event::Tick)]);
    assert!(seen.iter().any(|(_, seen)| *seen == Journal(77, 0)), "{seen:?}");
}

#[test]
fn en_9_the_same_number_twice_in_a_list_is_two_calls_one_after_the_other() {
    let mut script = Script::new();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 2)))]);
    let twice = loaded(RUN, vec![contact_with_key(1, 5), contact_with_key(2, 5)], vec![], None);
    let seen = script.play(&[(0, twice), (0, journalled(A1)), (10_000, busy(L1)), (12_000, Event::Tick)]);
    let journals: Vec<_> = seen.into_iter().filter(|(_, seen)| matches!(seen, Journal(..))).collect();
    assert_eq!(journals.len(), 2);
    assert!(journals[1].0 >= 10_000, "{journals:?}");
}

#[test]
fn contacts_behind_many_of_one_busy_number_are_reached() {
    let mut script = Script::ringing();
    script.feed(vec![Event::RunStarted(Box::new(run_spec(2, 101)))]);
    let mut contacts: Vec<_> = (101..=200).map(|id| contact_with_key(id, 1_001)).collect();
    contacts.push(contact(300));
    let seen = script.play(&[(100, loaded(RunId(2), contacts, vec![], None)), (3_000, Event::Tick)]);
    let dialled: Vec<_> = seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).collect();
    assert_eq!(dialled.len(), 1, "{seen:?}");
    assert_eq!(dialled[0].1, Journal(300, 0));
    assert!(dialled[0].0 <= 1_100, "{dialled:?}");
}

#[test]
fn a_removed_trunk_or_end_point_takes_no_new_call() {
    for gone in [Event::TrunkRemoved(TRUNK), Event::EndPointRemoved(END_POINT)] {
        let mut script = Script::ringing();
        script.feed(vec![Event::RunStarted(Box::new(run_spec(2, 1))), gone]);
        let seen = script.play(&[(0, fresh(RunId(2), [50])), (1_000, busy(L1)), (9_000, Event::Tick)]);
        assert!(!seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
        assert!(seen.contains(&(1_000, Close(1, CallState::RsBusy, None))), "{seen:?}");
    }
}
