//! `cargo xtask soak pacing`: is what we count what Asterisk saw? A predictive campaign dials on a real Asterisk for the agents
//! of a real queue, SIP user agents that answer, talk, hang up and wrap up. At the end every call of the abandonment ledger is
//! held against Asterisk's own queue_log.
//!
//! ```text
//! soak_pacing [--minutes M] [--agents N] [--link ari|ami] [--json]
//! ```
//!
//! It dials for M minutes (10) for N agents (8) over ARI with a manager user beside it, or over a manager user alone. It fails
//! when a call is in one of the two books and not in the other, when the ledger does not verify, when the cap was crossed, or
//! when hardly anybody was called.
//!
//! The binary is that of `CARILLON_BIN`, else the one built beside this example.

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

mod floor;
mod judge;
mod options;
#[path = "../bench_dial/server.rs"]
#[allow(dead_code, reason = "shared with the benches, which use more of it")]
mod server;

use anyhow::{Result, ensure};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

use crate::floor::{CAP, Floor};
use crate::judge::{Side, Verdict};
use crate::options::Options;

/// How often a line is printed.
const SAY_EVERY: Duration = Duration::from_secs(30);
/// Agents that were in conversations for less than this share of the time were hardly called for.
const OCCUPANCY_MIN: f64 = 30.0;

fn main() -> Result<()> {
    let options = Options::read()?;
    let floor = Floor::begin(&options)?;
    let dials = Duration::from_secs(60 * options.minutes);
    eprintln!(
        "{}, {}: {} agents, {} minutes, over {}",
        floor.version(),
        options.carillon.display(),
        options.agents,
        options.minutes,
        options.link.to_uppercase()
    );
    let began = Instant::now();
    while let Some(left) = dials.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        thread::sleep(left.min(SAY_EVERY));
        eprintln!("{:>4} s  {}", began.elapsed().as_secs(), floor.pace()?);
    }
    let dialled_s = began.elapsed().as_secs_f64();
    floor.let_it_end()?;
    let calls = floor.calls()?;
    let verdict = judge::judge(&calls, &judge::read(&floor.queue_log()?, floor::QUEUE)?)?;
    print(&verdict, options.agents, dialled_s);
    let whole = floor.verify()?;
    if options.json {
        let side = |of: &Side| {
            json!({"answered": of.answered, "connected": of.connected, "abandoned": of.abandoned,
                "abandonment_percent": of.abandonment(), "occupancy_percent": of.occupancy(options.agents, dialled_s)})
        };
        println!(
            "{}",
            json!({"ours": side(&verdict.ours), "asterisk": side(&verdict.asterisk),
            "differences": verdict.differences.len(), "ledger_rows": whole, "seconds": dialled_s})
        );
    }
    floor.stop();
    ensure!(
        verdict.differences.is_empty(),
        "the ledger differs from what Asterisk logged:\n{}",
        verdict.differences.join("\n")
    );
    let occupancy = verdict.ours.occupancy(options.agents, dialled_s);
    ensure!(occupancy > OCCUPANCY_MIN, "agents were in conversations for {occupancy:.0} % of the time only");
    ensure!(
        verdict.ours.abandonment() <= CAP * 100.0,
        "{:.1} % were abandoned, the cap is {:.0} %",
        verdict.ours.abandonment(),
        CAP * 100.0
    );
    Ok(())
}

fn print(verdict: &Verdict, agents: u32, seconds: f64) {
    eprintln!("{:<28}{:>12}{:>12}", "", "ledger", "queue_log");
    let row = |what: &str, of: fn(&Side) -> u64| {
        eprintln!("{what:<28}{:>12}{:>12}", of(&verdict.ours), of(&verdict.asterisk));
    };
    row("answered", |side| side.answered);
    row("had an agent", |side| side.connected);
    row("abandoned", |side| side.abandoned);
    let [ours, theirs] = [&verdict.ours, &verdict.asterisk];
    eprintln!("{:<28}{:>10.2} %{:>10.2} %", "abandonment", ours.abandonment(), theirs.abandonment());
    let [ours, theirs] = [ours, theirs].map(|side| side.occupancy(agents, seconds));
    eprintln!("{:<28}{ours:>10.1} %{theirs:>10.1} %", "agents in conversations");
    eprintln!("{} differences", verdict.differences.len());
}
