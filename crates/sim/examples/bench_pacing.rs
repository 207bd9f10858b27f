//! `bench pacing`: every floor with every mode, the oracle beside them, then floors that are drawn from seeds.
//!
//! A table, or with `--json` one line per row. Shares are percentages of one run: `occupancy`, `abandoned`, `worst_15`, the
//! worst quarter of an hour with `worst_15_calls`; `idle_s` that an agent waits for a call; `attempts` per person whom
//! an agent had, and those of progressive dialling on the same run beside it; `of_oracle`, the occupancy as a share of what
//! an oracle that knows every call's fate reaches; `decision_us`, the mean time of a decision. Words after `--` choose
//! floors (`--floor "50"`), modes (`--mode predictive`), a seed (`--seed 7`), and how many drawn floors (`--drawn 40`).

use dialer::pacing::engine::Engine;
use dialer::pacing::fact::{Counts, Decision, Fact};
use domain::Mono;
use sim::floors::{Floor, Pacer, Score, drawn, named, oracle, play};
use std::process::ExitCode;
use std::time::Instant;

const MODES: [&str; 8] = [
    "progressive",
    "ratio:1.5",
    "boost:2",
    "adapt-hard-limit",
    "adapt-average",
    "adapt-tapered",
    "predictive",
    "guaranteed",
];
/// Agents of drawn floors, at most.
const DRAWN_AGENTS: u32 = 150;

struct Options {
    json: bool,
    floor: Option<String>,
    modes: Vec<String>,
    seed: u64,
    drawn: u64,
}

impl Options {
    fn read() -> Result<Self, String> {
        let modes = MODES.map(str::to_owned).to_vec();
        let mut options = Self { json: false, floor: None, modes, seed: 1, drawn: 40 };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--json" => options.json = true,
                "--floor" => options.floor = Some(value()?),
                "--mode" => options.modes = vec![value()?],
                "--seed" => options.seed = value()?.parse().map_err(|_| "--seed needs a number")?,
                "--drawn" => options.drawn = value()?.parse().map_err(|_| "--drawn needs a number")?,
                _ => return Err(format!("{word:?} is none of --json, --floor, --mode, --seed, --drawn")),
            }
        }
        if let Some(unknown) = options.floor.as_ref().filter(|name| named().iter().all(|floor| floor.name != **name)) {
            let names: Vec<String> = named().iter().map(|floor| format!("{:?}", floor.name)).collect();
            return Err(format!("there is no floor {unknown:?}: there are {}", names.join(", ")));
        }
        Ok(options)
    }
}

/// The engine, and how long its decisions took.
struct Timed {
    engine: Engine,
    took_s: f64,
    decisions: u32,
}

impl Pacer for Timed {
    fn every_s(&self) -> f64 {
        self.engine.decide_every_s()
    }

    fn fact(&mut self, at: Mono, fact: Fact) {
        self.engine.fact(at, fact);
    }

    fn decide(&mut self, at: Mono, counts: &Counts, _: u32) -> Decision {
        let began = Instant::now();
        let decision = self.engine.decide(at, Some(counts));
        self.took_s += began.elapsed().as_secs_f64();
        self.decisions += 1;
        decision
    }
}

/// A mode on a floor, with the mean microseconds of a decision.
fn paced(floor: &Floor, mode: &str, seed: u64) -> Result<(Score, f64), String> {
    let mode = mode.parse().map_err(|invalid| format!("{invalid}"))?;
    let engine = Engine::new(floor.terms.clone(), mode).map_err(|invalid| format!("{}: {invalid}", floor.name))?;
    let mut timed = Timed { engine, took_s: 0.0, decisions: 0 };
    let score = play(floor, seed, &mut timed);
    Ok((score, timed.took_s * 1e6 / f64::from(timed.decisions.max(1))))
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn row(json: bool, floor: &Floor, mode: &str, score: &Score, beside: (&Score, &Score), decision_us: f64) {
    let (progressive, oracle) = beside;
    let cells = [
        ("occupancy", format!("{:.1}", score.occupancy * 100.0)),
        ("abandoned", format!("{:.2}", score.abandonment * 100.0)),
        ("worst_15", format!("{:.1}", score.worst_quarter * 100.0)),
        ("worst_15_calls", score.worst_quarter_calls.to_string()),
        ("live", score.live.to_string()),
        ("idle_s", format!("{:.1}", score.idle_s)),
        ("attempts", format!("{:.2}", score.attempts_per_person)),
        ("attempts_progressive", format!("{:.2}", progressive.attempts_per_person)),
        ("of_oracle", format!("{:.3}", score.occupancy / oracle.occupancy.max(1e-9))),
        ("decision_us", format!("{decision_us:.1}")),
    ];
    if json {
        let cells = cells.map(|(name, value)| format!("\"{name}\":{value}")).join(",");
        println!("{{\"floor\":\"{}\",\"mode\":\"{mode}\",{cells}}}", floor.name);
    } else {
        let [occupancy, abandoned, worst, calls, live, idle, attempts, attempts_progressive, of_oracle, us] =
            cells.map(|cell| cell.1);
        println!(
            "{:<11} {mode:<17} {occupancy:>6} {abandoned:>6} {worst:>6} {calls:>5} {live:>7} {idle:>6} {attempts:>6} \
             {attempts_progressive:>6} {of_oracle:>6} {us:>6}",
            floor.name
        );
    }
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn run(options: &Options) -> Result<bool, String> {
    if !options.json {
        println!(
            "floor       mode              occup. aband. worst15 calls    live  idle_s  att.  1:1att oracle     us"
        );
    }
    let mut kept = true;
    let wanted = |floor: &Floor| options.floor.as_ref().is_none_or(|name| *name == floor.name);
    for floor in named().iter().filter(|floor| wanted(floor)) {
        let (progressive, _) = paced(floor, "progressive", options.seed)?;
        let bound = oracle(floor, options.seed);
        for mode in &options.modes {
            let (score, decision_us) = paced(floor, mode, options.seed)?;
            let promises = matches!(mode.as_str(), "predictive" | "guaranteed");
            kept &= !promises || score.abandonment <= floor.terms.cap;
            row(options.json, floor, mode, &score, (&progressive, &bound), decision_us);
        }
        row(options.json, floor, "oracle", &bound, (&progressive, &bound), 0.0);
    }
    let mut over = 0;
    for seed in 0..options.drawn {
        let floor = drawn(options.seed + seed, DRAWN_AGENTS);
        let (score, _) = paced(&floor, "predictive", options.seed + seed)?;
        if score.abandonment > floor.terms.cap {
            over += 1;
            eprintln!("over the cap: {floor:?} {score:?}");
        }
    }
    if options.json {
        println!("{{\"drawn\":{},\"over_the_cap\":{over}}}", options.drawn);
    } else {
        println!("{} drawn floors with predictive: {over} ended over the cap", options.drawn);
    }
    Ok(kept && over == 0)
}

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a floor ended over its cap");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("bench_pacing: {problem}");
            ExitCode::from(2)
        }
    }
}
