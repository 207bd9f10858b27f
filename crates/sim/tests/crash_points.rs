//! Ten thousand deaths: small worlds are played through once, and then again for each crash point that they pass, with a
//! process, a PBX or both dying there. Nothing else goes wrong in them.

use sim::{Crash, CrashPoint, FaultSet, Options, Scene, Summary, Victim};

/// Deaths that each of the tests below plays at least.
const DEATHS: u64 = 2_600;

fn small(crash: Option<Crash>) -> Options {
    Options { hours: 0.02, scene: Scene::Small, faults: Some(FaultSet::NONE), crash, ..Options::default() }
}

/// Dies at every crash point of one world after the other, until there were enough deaths.
fn die_everywhere(first_seed: u64, victims: &[Victim]) -> Summary {
    let mut sum = Summary::default();
    for seed in first_seed.. {
        let points: u64 = play(seed, None).points.iter().sum();
        for nth in 1..=points {
            for victim in victims {
                sum.add(&play(seed, Some(Crash { nth, victim: *victim })));
            }
        }
        if sum.deaths() >= DEATHS {
            return sum;
        }
    }
    unreachable!("there is always another seed")
}

fn play(seed: u64, crash: Option<Crash>) -> Summary {
    sim::run(seed, &small(crash)).unwrap_or_else(|failure| panic!("\n{failure}"))
}

/// Steps that something else has to go wrong for.
const NEED_A_FAULT: [CrashPoint; 6] = [
    CrashPoint::Restoring,
    CrashPoint::Refused,
    CrashPoint::Unknown,
    CrashPoint::LookUpSent,
    CrashPoint::LookedUp,
    CrashPoint::WithdrawalUnwritten,
];

#[track_caller]
fn assert_everywhere(sum: &Summary) {
    for point in CrashPoint::ALL.into_iter().filter(|point| !NEED_A_FAULT.contains(point)) {
        assert!(sum.crashes[point as usize] > 0, "nobody died at {point:?}\n{sum}");
    }
    assert!(sum.deaths() >= DEATHS, "{sum}");
}

#[test]
fn the_process_dies_at_every_step() {
    assert_everywhere(&die_everywhere(1, &[Victim::Process]));
}

#[test]
fn the_process_dies_at_every_step_of_other_worlds() {
    assert_everywhere(&die_everywhere(1_000, &[Victim::Process]));
}

#[test]
fn a_pbx_dies_at_every_step() {
    assert_everywhere(&die_everywhere(2_000, &[Victim::Pbx]));
}

#[test]
fn process_and_pbx_die_together_at_every_step() {
    assert_everywhere(&die_everywhere(3_000, &[Victim::Both]));
}

#[test]
fn somebody_dies_at_the_steps_that_faults_bring_about() {
    let mut sum = Summary::default();
    for seed in 1..=100 {
        sum.add(&sim::run(seed, &Options::default()).unwrap_or_else(|failure| panic!("\n{failure}")));
    }
    for point in NEED_A_FAULT {
        assert!(sum.crashes[point as usize] > 0, "nobody died at {point:?}\n{sum}");
    }
}
