//! A few hundred worlds in every test run; `cargo xtask sim` plays more of them, longer.
//!
//! A seed that failed once becomes a test of its own below, named after what it found.

use sim::{Failure, Fault, FaultSet, Options, Sabotage, Summary};

/// Plays the seeds; a world that breaks a rule prints how to play it again.
fn play(seeds: std::ops::Range<u64>, options: &Options) -> Summary {
    let mut sum = Summary::default();
    for seed in seeds {
        match sim::run(seed, options) {
            Ok(summary) => sum.add(&summary),
            Err(failure) => panic!("\n{failure}"),
        }
    }
    sum
}

fn hours(hours: f64) -> Options {
    Options { hours, ..Options::default() }
}

#[test]
fn no_rule_is_broken_in_the_first_worlds() {
    play(0..60, &Options::default());
}

#[test]
fn no_rule_is_broken_in_the_second_worlds() {
    play(60..120, &Options::default());
}

#[test]
fn no_rule_is_broken_in_many_short_worlds() {
    play(1_000..1_150, &hours(0.05));
}

#[test]
fn no_rule_is_broken_in_a_few_long_worlds() {
    play(2_000..2_008, &hours(1.5));
}

#[test]
fn everything_that_can_go_wrong_goes_wrong_somewhere() {
    let sum = play(3_000..3_040, &Options::default());
    let seen = [
        ("answered calls", sum.answered),
        ("agents who were called first", sum.agents_called),
        ("agents who were paused", sum.paused),
        ("reservations", sum.reserved),
        ("withdrawn attempts", sum.withdrawn),
        ("lost attempts", sum.lost),
        ("contacts put off", sum.put_off),
        ("calls to contacts that had been put off", sum.came_back),
        ("calls to further numbers of contacts", sum.further),
        ("refused contacts", sum.refused),
        ("actions of outcome rules", sum.actions),
        ("actions when a retry did not come", sum.asked_late),
        ("suppressed attempts", sum.suppressed),
        ("lost links", sum.links_lost),
        ("unknown originates", sum.unknown),
        ("open circuits", sum.circuits_opened),
        ("operations", sum.operations),
        ("batches of a process that was taken over from", sum.fenced),
        ("a start of the process that was waited for", sum.resumed_process_ms),
        ("a PBX that was waited for", sum.resumed_pbx_ms),
    ];
    for (what, count) in seen {
        assert!(count > 0, "no {what} in {sum}");
    }
    for fault in Fault::ALL {
        assert!(sum.struck(fault) > 0, "{} never struck in {sum}", fault.name());
    }
}

#[test]
fn a_failure_is_made_smaller_and_stays_the_same_failure() {
    let options = Options { sabotage: Some(Sabotage::ShortensUnknownGap), ..Options::default() };
    let failure = (1..100).find_map(|seed| sim::run(seed, &options).err()).expect("unknown outcomes are common");
    let smallest = sim::shrink(&failure);
    assert_eq!((smallest.seed, smallest.check), (failure.seed, failure.check));
    let kinds = |failure: &Failure| failure.options.faults_of(failure.seed).iter().count();
    assert!(kinds(&smallest) < kinds(&failure), "{smallest}");
    assert!(smallest.options.hours <= failure.options.hours);
}

#[test]
fn a_seed_is_one_world_and_always_the_same() {
    let options = Options::default();
    assert_eq!(sim::run(42, &options), sim::run(42, &options));
}

/// Seeds that broke a rule once, with what they found. What is drawn from a seed changes with the simulation: the script
/// tests of the dialler hold each defect down exactly, these worlds go on being played.
const FAILED_ONCE: [(u64, &str); 17] = [
    (2_836, "a look-up and two audits counted as three misses of a channel that a slow PBX was still making"),
    (3_948, "the clock stepped back before a restart: a channel was taken for too old to be still to come"),
    (6_059, "a small correction of the clock made a retry early again between its journal and its sending"),
    (16_161, "a look-up, an audit and a hang-up missed one channel at once and passed for three look-ups"),
    (168, "an end that came before the comparison passed for a refusal, its answer was never heard"),
    (1_140, "a hang-up for silence was lost, the person answered, and the look-up repeated the hang-up"),
    (202, "the same, with the answer told before an older list of channels"),
    (274, "a channel younger than the list of a link in doubt was given up"),
    (44, "an hour was filled with calls of another run while the agent of a call was called"),
    (144, "the clock went back after contacts were read, their time was made another one, and the old one was written"),
    (3_417, "two open attempts had one agent after a restart, the end of the first let go whom the second had"),
    (7_870, "a person whom others had called while the agent of their call was called was called once more"),
    (8_589, "a cap per hour that came while a call waited for its rate did not hold that call"),
    (13_096, "calls from before the clock was set back made those after it too old to count in their hour"),
    (3_041, "a mistake of the simulation: two clocks show an hour at once only where one shows it twice"),
    (947, "a mistake of the simulation: a PBX that stood still for a minute made its channels too late"),
    (250, "a mistake of the simulation: a run that was removed was expected to go on when it was unpaused"),
];

#[test]
fn seeds_that_failed_once_stay_mended() {
    for (seed, what) in FAILED_ONCE {
        for faults in [None, Some(FaultSet::ALL)] {
            let options = Options { faults, ..Options::default() };
            if let Err(failure) = sim::run(seed, &options) {
                panic!("\n{failure}\nonce: {what}");
            }
        }
    }
}
