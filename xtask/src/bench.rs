//! Measurements and long simulations, in the profile `bench-run`.

use anyhow::{Context, Result};

use crate::step::{self, cargo};
use crate::{demo, setup};

const PROFILE: &str = "bench-run";

/// A measurement is an example of a package; it takes `--json` itself.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    /// Needs Asterisk, SIPp and the binary `carillon`, whose path it finds in `CARILLON_BIN`.
    dials: bool,
}

const BENCHES: [Bench; 3] = [
    Bench { name: "engine", package: "dialer", example: "bench_engine", dials: false },
    Bench { name: "dial", package: "carillon", example: "bench_dial", dials: true },
    Bench { name: "import", package: "carillon", example: "bench_import", dials: true },
];

/// `cargo xtask bench NAME [--json]`.
pub(crate) fn run(name: &str, json: bool) -> Result<()> {
    let names = BENCHES.map(|bench| bench.name).join(", ");
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.with_context(|| format!("no bench {name:?}: there are {names}"))?;
    eprintln!("bench {name}: example {} of {}, profile {PROFILE}", bench.example, bench.package);
    let mut command = cargo(&["run", "--quiet", "--profile", PROFILE, "-p", bench.package, "--example", bench.example]);
    if bench.dials {
        setup::run()?;
        command.env("CARILLON_BIN", demo::build_in(PROFILE)?);
    }
    if json {
        command.args(["--", "--json"]);
    }
    step::run(command)
}

/// `cargo xtask sim --seeds N --hours H`.
pub(crate) fn sim(seeds: u64, hours: f64) -> Result<()> {
    eprintln!("sim: {seeds} seeds of {hours} h, profile {PROFILE}");
    let mut command = cargo(&["run", "--quiet", "--profile", PROFILE, "-p", "sim", "--example", "swarm", "--"]);
    command.args(["--seeds", &seeds.to_string(), "--hours", &hours.to_string()]);
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
