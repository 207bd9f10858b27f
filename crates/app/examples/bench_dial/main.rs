//! `cargo xtask bench dial`: how many calls a second Carillon dials, against a bare loop on the same machine.
//!
//! A private Asterisk 22 calls SIPp, which rings, answers at once and hangs up after two seconds. The knee of a driver is
//! the highest rate of attempts at which, for 30 s, at least 99 % are answered and the 99th percentile from request to
//! answer is at most 200 ms. Three drivers in turn: a bare loop of originates over one link
//! (ARI, or AMI with `--link ami`), Carillon (`carillon serve` on SQLite, one campaign, the trunk's calls per second as the
//! rate), and the bare loop again, because a shared machine changes. Asterisk rests 35 s between two steps: it keeps the memory of a finished call for 32 s.
//!
//! ```text
//! bench_dial [--json] [--link ari|ami] [--seconds N] [--rates A,B,C] [--from RATE] [--drain N]
//! ```
//!
//! The binary is that of `CARILLON_BIN`, else the one built beside this example.

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

mod bare;
mod campaign;
mod commits;
mod ladder;
mod line;
mod options;
mod processes;
mod report;
mod server;
mod step;

use std::time::Duration;

use anyhow::Result;
use testkit::sipp::Callee;
use testkit::{Instance, PortBlock, Template};

use crate::ladder::Ladder;
use crate::options::Options;
use crate::report::Report;
use crate::step::Driver;

/// How long SIPp stays in a call before it hangs up.
const TALK: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let options = Options::read()?;
    let ports = PortBlock::lease_wide()?;
    let pbx = Instance::start(Template::Pbx, &ports)?;
    let callee = Callee::start(&ports, TALK)?;
    let world = World { options, ports, pbx, callee };
    let (version, port, link) = (world.pbx.version(), world.ports.sipp, world.options.link);
    eprintln!("{version} over {link}, SIPp on port {port}, {}", world.options.carillon.display());

    let mut ladder = Ladder::new(&world.options);
    let bare1 = bare::knee(&world, Driver::Bare1, &mut ladder)?;
    let carillon = campaign::knee(&world, &mut ladder)?;
    let bare2 = bare::knee(&world, Driver::Bare2, &mut ladder)?;

    let report = Report { world: &world, steps: ladder.steps(), bare1, carillon, bare2 };
    if world.options.json {
        eprintln!("{}", report.table());
        println!("{}", report.json());
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

/// What every driver works on.
struct World {
    options: Options,
    ports: PortBlock,
    pbx: Instance,
    callee: Callee,
}
