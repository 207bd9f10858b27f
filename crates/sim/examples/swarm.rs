//! Plays many worlds: `--seeds N --first SEED --hours H`. The first that breaks a rule prints how to play it again;
//! `--trail LINES` makes it tell more of what happened before.

use sim::{Options, Summary};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let (mut seeds, mut first, mut options) = (100_u64, 1_u64, Options::default());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next();
        let read = match (word.as_str(), value.as_deref()) {
            ("--seeds", Some(value)) => value.parse().map(|n| seeds = n).is_ok(),
            ("--first", Some(value)) => value.parse().map(|n| first = n).is_ok(),
            ("--hours", Some(value)) => {
                value.parse().ok().filter(|h: &f64| (0.0..=1_000.0).contains(h)).map(|h| options.hours = h).is_some()
            }
            ("--trail", Some(value)) => value.parse().map(|n| options.trail = n).is_ok(),
            _ => false,
        };
        if !read {
            eprintln!("usage: swarm [--seeds N] [--first SEED] [--hours 0..1000] [--trail LINES]");
            return ExitCode::from(2);
        }
    }
    swarm(first, seeds, &options)
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn swarm(first: u64, seeds: u64, options: &Options) -> ExitCode {
    let began = Instant::now();
    let mut sum = Summary::default();
    for seed in first..first.saturating_add(seeds) {
        match sim::run(seed, options) {
            Ok(summary) => {
                sum.add(&summary);
                let done = seed - first + 1;
                if done.is_multiple_of(1_000) {
                    eprintln!("{done} of {seeds} seeds, {:.0} s", began.elapsed().as_secs_f64());
                }
            }
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds from {first}, {} h of faults each: no rule broken", options.hours);
    println!("{sum:#?}");
    println!("{:.1} s, {:.0} steps/s", began.elapsed().as_secs_f64(), sum.steps as f64 / began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
