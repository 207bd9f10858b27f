//! A carrier in a 503 storm.

use crate::desk::{Desk, answers};
use crate::script::*;
use Seen::*;
use dialer::{Event, Originate as Call};
use domain::{CallState, Mode, PbxId, TrunkId};

fn storm_until_retry(call: &Call) -> Vec<(u64, Event)> {
    match call.retry {
        0 => vec![(50, Event::LegEnded { leg: call.leg, cause: 34, tech_cause: Some(503) })],
        _ => answers(call),
    }
}

#[test]
fn five_refusals_open_the_circuit_and_contacts_not_picked_lose_nothing() {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 5))]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    let sent: Vec<_> = (1..=5).map(|n| (0, journalled(domain::AttemptId(n)))).collect();
    script.play(&sent);
    script.feed(vec![]);
    // Four refusals are four new calls; the fifth opens the circuit and nothing more goes out.
    for n in 1..=4 {
        let seen = script.play(&[(100, ended(domain::LegId(n), 34, 503))]);
        assert!(seen.iter().any(|(_, seen)| matches!(seen, Journal(..))), "{seen:?}");
        script.feed(vec![]);
    }
    script.check(
        &[(100, ended(domain::LegId(5), 34, 503))],
        &[(100, Circuit(true)), (100, Close(5, CallState::RsRejected, None))],
    );
    assert_eq!(script.dialer.run_figures().next().unwrap().placed, 9);
}

#[test]
fn too_many_requests_is_a_refusal_for_overload_like_503() {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 5))]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    script.play(&(1..=5).map(|n| (0, journalled(domain::AttemptId(n)))).collect::<Vec<_>>());
    let seen = script.play(&(1..=5).map(|n| (100, ended(domain::LegId(n), 34, 429))).collect::<Vec<_>>());
    assert!(seen.contains(&(100, Circuit(true))), "{seen:?}");
}

#[test]
fn one_probe_goes_out_and_its_answer_closes_the_circuit() {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 5))]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    let mut events: Vec<_> = (1..=9).map(|n| (0, journalled(domain::AttemptId(n)))).collect();
    events.splice(5..5, (1..=5).map(|n| (0, ended(domain::LegId(n), 34, 503))));
    events.extend((6..=9).map(|n| (1, ended(domain::LegId(n), 34, 503))));
    script.play(&events);
    script.feed(vec![]);
    script.wait(9_999, &[]);
    script.wait(20_000, &[(10_000, Journal(10, 0))]);
    script.check(&[(20_000, journalled(domain::AttemptId(10)))], &[(20_000, Originate(domain::LegId(10)))]);
    let seen = script.play(&[(20_100, Event::LegRinging(domain::LegId(10)))]);
    assert_eq!(seen[0], (20_100, Circuit(false)));
    assert_eq!(seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).count(), 4);
}

#[test]
fn refused_contacts_follow_the_rules_and_all_are_reached_after_the_storm() {
    let mut spec = run_spec(1, 12);
    spec.settings.reschedule = vec![rule(CallState::RsRejected, 3, 60, Mode::Fixed)];
    let mut desk = Desk::new(12, &[trunk(1, 2)], &[end_point(1, 10)], vec![spec], storm_until_retry);
    desk.play(3_600_000);
    assert_eq!(desk.state(RUN), Some(domain::RunState::Completed));
    assert_eq!(desk.dialled.len(), 24);
}

#[test]
fn a_probe_that_is_withdrawn_is_replaced() {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 5))]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    let mut events: Vec<_> = (1..=9).map(|n| (0, journalled(domain::AttemptId(n)))).collect();
    events.splice(5..5, (1..=5).map(|n| (0, ended(domain::LegId(n), 34, 503))));
    events.extend((6..=9).map(|n| (1, ended(domain::LegId(n), 34, 503))));
    script.play(&events);
    script.feed(vec![]);
    script.wait(10_000, &[(10_000, Journal(10, 0))]);
    script.feed(vec![Event::DiallingHeld]);
    script.check(&[(10_100, journalled(domain::AttemptId(10)))], &[(10_100, Withdraw(10))]);
    script.check(&[(20_000, Event::DiallingLifted)], &[(20_000, Journal(10, 0))]);
}

#[test]
fn a_rested_trunk_is_probed_although_other_ways_are_full() {
    // Trunk 1 rests; trunk 2 is on another PBX whose end point is in a long call.
    let mut script = Script::new();
    let far = PbxId(2);
    let mut spec = run_spec(1, 50);
    spec.settings.trunks = vec![TrunkId(1), TrunkId(2)];
    spec.settings.end_points = vec![END_POINT, domain::EndPointId(2)];
    script.feed(vec![
        Event::TrunkConfigured(trunk(1, 5)),
        Event::PbxConfigured(dialer::PbxSpec { id: far, originates_per_second: 100 }),
        Event::TrunkConfigured(dialer::TrunkSpec { pbx: far, ..trunk(2, 3) }),
        Event::EndPointConfigured(dialer::EndPointSpec { pbx: far, ..end_point(2, 1) }),
        Event::RunStarted(Box::new(spec)),
        fresh(RUN, 1..=50),
    ]);
    let mut events: Vec<_> = (1..=9).map(|n| (0, journalled(domain::AttemptId(n)))).collect();
    events.splice(5..5, (1..=5).map(|n| (0, ended(domain::LegId(n), 34, 503))));
    events.extend((6..=9).map(|n| (1, ended(domain::LegId(n), 34, 503))));
    events.push((2, Event::PbxUp { pbx: far, legs: vec![] }));
    let seen = script.play(&events);
    assert!(seen.contains(&(2, Journal(10, 0))), "{seen:?}");
    script.feed(vec![journalled(domain::AttemptId(10))]);
    script.feed(vec![Event::LegAnswered(domain::LegId(10))]);
    let seen = script.play(&[(60_000, Event::Tick)]);
    assert_eq!(seen.first(), Some(&(10_000, Journal(11, 0))), "{seen:?}");
}
