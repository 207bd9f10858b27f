//! `cargo xtask soak`: does the server grow? A campaign dials for hours through a private Asterisk to SIPp; every ten
//! seconds the server's memory, file descriptors, database and log are noted.
//!
//! ```text
//! soak [--attempts N] [--minutes M] [--rate R] [--json]
//! ```
//!
//! It ends after N attempts (1 000 000) or M minutes (no bound), at R attempts a second (100). The first half of the time is
//! warm-up: SQLite's page cache of 64 MiB fills meanwhile. In the second half nothing may grow, see [`verdict`]; it fails
//! when something does, or when the report counts a number that was dialled twice or a contact that was lost.
//!
//! The binary is that of `CARILLON_BIN`, else the one built beside this example.

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

mod campaign;
mod options;
mod sample;
#[path = "../bench_dial/server.rs"]
#[allow(dead_code, reason = "shared with the benches, which use more of it")]
mod server;
mod verdict;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::sipp::Callee;
use testkit::{Instance, PortBlock, Template};

use crate::campaign::Soaking;
use crate::options::Options;
use crate::sample::Sample;
use crate::server::Server;

/// How long SIPp stays in a call before it hangs up.
const TALK: Duration = Duration::from_secs(2);
/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Without a single attempt for this long something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let options = Options::read()?;
    let ports = PortBlock::lease_wide()?;
    let pbx = Instance::start(Template::Pbx, &ports)?;
    let _callee = Callee::start(&ports, TALK)?;
    let server = Server::start(&options.carillon, ports.api)?;
    eprintln!(
        "{}, SIPp, {}: {} attempts at {} a second{}",
        pbx.version(),
        options.carillon.display(),
        options.attempts,
        options.rate,
        options.minutes.map_or(String::new(), |minutes| format!(", for {minutes} minutes at most")),
    );
    let mut soaking = Soaking::begin(&server, &pbx, &options)?;
    let samples = sample_until_the_end(&server, &mut soaking, &options)?;
    let report = soaking.end()?;
    let verdict = verdict::judge(&samples);
    let counts = [&report["attempts"], &report["connected"], &report["double_dialled"], &report["lost"]];
    let [attempts, connected, twice, lost] = counts.map(|count| count.as_u64().unwrap_or(0));
    eprintln!("{attempts} attempts, {connected} connected, {twice} dialled twice, {lost} lost");
    verdict.lines().iter().for_each(|line| eprintln!("{line}"));
    if options.json {
        println!("{}", json!({"attempts": attempts, "connected": connected, "verdict": verdict.json()}));
    }
    server.stop();
    ensure!(twice == 0 && lost == 0, "{twice} dialled twice, {lost} lost");
    ensure!(
        connected * 100 >= attempts * 90,
        "only {connected} of {attempts} were answered: the machine is too slow for the rate"
    );
    ensure!(verdict.is_flat(), "something grows");
    Ok(())
}

/// Prints a line per sample.
fn sample_until_the_end(server: &Server, soaking: &mut Soaking<'_>, options: &Options) -> Result<Vec<Sample>> {
    let began = Instant::now();
    let end = options.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let mut samples: Vec<Sample> = Vec::new();
    let mut last_progress = began;
    eprintln!("{}", Sample::HEAD);
    loop {
        let sample = Sample::take(server.pid(), began.elapsed(), soaking.placed()?)?;
        eprintln!("{sample}");
        if samples.last().is_none_or(|last| last.attempts < sample.attempts) {
            last_progress = Instant::now();
        }
        ensure!(last_progress.elapsed() < PATIENCE, "no attempt for {PATIENCE:?}\n{}", server.log_tail());
        let done = sample.attempts >= options.attempts || end.is_some_and(|end| Instant::now() >= end);
        samples.push(sample);
        if done {
            return Ok(samples);
        }
        soaking.feed()?;
        let next = began + SAMPLE_EVERY * u32::try_from(samples.len())?;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
