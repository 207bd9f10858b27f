//! Plays many worlds: `--seeds N --first SEED --hours H`. The first that breaks a rule is made as small as it can be and
//! prints how to play it again; `--trail LINES` makes it tell more of what happened before.
//!
//! `--faults NAMES` plays with these kinds instead of each seed's own, `--small` plays small worlds, `--crash N:VICTIM`
//! kills at the N-th crash point, `--lines N` plays a day of work on N lines.

use sim::{Crash, FaultSet, Options, Scene, Summary, Victim};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: swarm [--seeds N] [--first SEED] [--hours 0..1000] [--trail LINES] [--faults NAMES|all|none] \
    [--small] [--lines N] [--crash N:process|pbx|both]";
/// Seconds between two words about how far it is.
const PROGRESS_S: f64 = 10.0;

fn main() -> ExitCode {
    match read(std::env::args().skip(1)) {
        Ok((first, seeds, options)) => swarm(first, seeds, &options),
        Err(word) => {
            eprintln!("{word}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Result<(u64, u64, Options), String> {
    let (mut seeds, mut first, mut options) = (100_u64, 1_u64, Options::default());
    while let Some(word) = words.next() {
        if word == "--small" {
            options.scene = Scene::Small;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let bad = || format!("{word} {value} is not understood");
        match word.as_str() {
            "--seeds" => seeds = value.parse().map_err(|_| bad())?,
            "--first" => first = value.parse().map_err(|_| bad())?,
            "--trail" => options.trail = value.parse().map_err(|_| bad())?,
            "--lines" => options.scene = Scene::Day { lines: value.parse().map_err(|_| bad())? },
            "--hours" => {
                let hours = value.parse().ok().filter(|hours: &f64| (0.0..=1_000.0).contains(hours));
                options.hours = hours.ok_or_else(bad)?;
            }
            "--faults" => {
                let set = FaultSet::parse(&value)
                    .map_err(|name| format!("{name:?} is no kind of fault; all is {}", kinds()))?;
                options.faults = Some(set);
            }
            "--crash" => {
                let (nth, victim) = value.split_once(':').ok_or_else(bad)?;
                let victim = match victim.to_ascii_lowercase().as_str() {
                    "process" => Victim::Process,
                    "pbx" => Victim::Pbx,
                    "both" => Victim::Both,
                    _ => return Err(bad()),
                };
                options.crash = Some(Crash { nth: nth.parse().map_err(|_| bad())?, victim });
            }
            _ => return Err(format!("{word} is no option")),
        }
    }
    Ok((first, seeds, options))
}

fn kinds() -> String {
    FaultSet::ALL.iter().map(sim::Fault::name).collect::<Vec<_>>().join(",")
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn swarm(first: u64, seeds: u64, options: &Options) -> ExitCode {
    let began = Instant::now();
    let mut told = 0.0;
    let mut sum = Summary::default();
    for seed in first..first.saturating_add(seeds) {
        match sim::run(seed, options) {
            Ok(summary) => sum.add(&summary),
            Err(failure) => {
                println!("{failure}\nmaking it smaller ...");
                println!("{}", sim::shrink(&failure));
                return ExitCode::FAILURE;
            }
        }
        let took = began.elapsed().as_secs_f64();
        if took > told + PROGRESS_S {
            told = took;
            eprintln!("{} of {seeds} seeds, {took:.0} s, {} deaths at crash points", seed - first + 1, sum.deaths());
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!("{seeds} seeds from {first}, {} h of faults each: no rule broken", options.hours);
    println!("{sum}");
    println!("{took:.1} s, {:.0} steps/s", sum.steps as f64 / took);
    ExitCode::SUCCESS
}
