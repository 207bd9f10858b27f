//! Measurements and long simulations, in the profile `bench-run`.

use anyhow::{Context, Result, ensure};

use crate::step::{self, cargo};
use crate::{demo, screenshots, setup};

const PROFILE: &str = "bench-run";

/// A measurement is an example of a package; it takes `--json` itself.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    /// Needs Asterisk, SIPp and the binary `carillon`, whose path it finds in `CARILLON_BIN`.
    dials: bool,
}

const BENCHES: [Bench; 12] = [
    Bench { name: "engine", package: "dialer", example: "bench_engine", dials: false },
    Bench { name: "gate", package: "domain", example: "bench_gate", dials: false },
    Bench { name: "why", package: "domain", example: "bench_why", dials: false },
    Bench { name: "sim", package: "sim", example: "bench_day", dials: false },
    Bench { name: "forecast", package: "sim", example: "bench_forecast", dials: false },
    Bench { name: "pacing", package: "sim", example: "bench_pacing", dials: false },
    Bench { name: "dial", package: "carillon", example: "bench_dial", dials: true },
    Bench { name: "registry", package: "store", example: "bench_registry", dials: false },
    Bench { name: "attempts", package: "store", example: "bench_attempts", dials: false },
    Bench { name: "import", package: "carillon", example: "bench_import", dials: true },
    Bench { name: "live", package: "carillon", example: "bench_live", dials: true },
    Bench { name: "webhooks", package: "carillon", example: "bench_webhooks", dials: true },
];

/// `cargo xtask bench NAME [--json] [-- OPTIONS]`, for `dial` with `--link ari|ami`.
pub(crate) fn run(name: &str, json: bool, link: Option<&str>, more: &[String]) -> Result<()> {
    if name == "scroll" {
        ensure!(link.is_none(), "only the bench dial has a link");
        ensure!(more.is_empty(), "the bench scroll has no options of its own");
        return screenshots::scroll(json);
    }
    let names = BENCHES.map(|bench| bench.name).join(", ");
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.with_context(|| format!("no bench {name:?}: there are {names}, scroll"))?;
    eprintln!("bench {name}: example {} of {}, profile {PROFILE}", bench.example, bench.package);
    let mut command = cargo(&["run", "--quiet", "--profile", PROFILE, "-p", bench.package, "--example", bench.example]);
    if bench.dials {
        setup::run()?;
        command.env("CARILLON_BIN", demo::build_in(PROFILE)?);
    }
    ensure!(link.is_none() || name == "dial", "--link is for `bench dial`");
    let options = json.then_some("--json").into_iter().chain(link.iter().flat_map(|link| ["--link", link]));
    command.arg("--").args(options).args(more);
    step::run(command)
}

/// `cargo xtask sim --seeds N --hours H`.
pub(crate) fn sim(arguments: &Sim) -> Result<()> {
    let Sim { seeds, first, hours, faults, trail } = arguments;
    eprintln!("sim: {seeds} seeds of {hours} h, profile {PROFILE}");
    let mut command = cargo(&["run", "--quiet", "--profile", PROFILE, "-p", "sim", "--example", "swarm", "--"]);
    command.args(["--seeds", &seeds.to_string(), "--first", &first.to_string(), "--hours", &hours.to_string()]);
    command.args(["--trail", &trail.to_string()]);
    command.args(faults.iter().flat_map(|faults| ["--faults", faults]));
    step::run(command)
}

/// `cargo xtask soak`.
pub(crate) fn soak(attempts: u64, minutes: Option<u64>, rate: u64) -> Result<()> {
    setup::run()?;
    let mut command = cargo(&["run", "--quiet", "--profile", PROFILE, "-p", "carillon", "--example", "soak", "--"]);
    command.args(["--attempts", &attempts.to_string(), "--rate", &rate.to_string()]);
    if let Some(minutes) = minutes {
        command.args(["--minutes", &minutes.to_string()]);
    }
    command.env("CARILLON_BIN", demo::build_in(PROFILE)?);
    step::run(command)
}

/// `cargo xtask soak pacing`.
pub(crate) fn soak_pacing(minutes: Option<u64>, agents: Option<u32>, link: Option<&str>, json: bool) -> Result<()> {
    setup::run()?;
    let mut command =
        cargo(&["run", "--quiet", "--profile", PROFILE, "-p", "carillon", "--example", "soak_pacing", "--"]);
    command.args(minutes.iter().flat_map(|minutes| ["--minutes".to_owned(), minutes.to_string()]));
    command.args(agents.iter().flat_map(|agents| ["--agents".to_owned(), agents.to_string()]));
    command.args(link.iter().flat_map(|link| ["--link", link]));
    command.args(json.then_some("--json"));
    command.env("CARILLON_BIN", demo::build_in(PROFILE)?);
    step::run(command)
}

/// What `cargo xtask sim` is asked for.
#[derive(clap::Args)]
pub(crate) struct Sim {
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Simulated hours per seed in which things go wrong
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// These kinds of faults instead of each seed's own: names with commas between them, `all` or `none`
    #[arg(long)]
    faults: Option<String>,
    /// How many of the last things that happened a failure tells
    #[arg(long, default_value_t = 60)]
    trail: usize,
}
