//! SIPp as bulk callee: answers everything, hangs up after a set time.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{self, Process};
use crate::{PortBlock, Scratch};

const SCENARIO: &str = include_str!("../templates/sipp/callee.xml");
/// Longest wait until it listens.
const START_DEADLINE: Duration = Duration::from_secs(5);

/// A running SIPp behind the PBX's trunk `sipp`. Dropping it kills it.
pub struct Callee {
    process: Process,
    /// Dropped after the process that uses it.
    _scratch: Scratch,
}

impl Callee {
    /// Starts a callee that rings, answers at once and hangs up `talk` after the answer.
    ///
    /// # Errors
    /// No `sipp` on the machine (the Debian package is `sip-tester`), or its port is taken.
    pub fn start(ports: &PortBlock, talk: Duration) -> Result<Self> {
        let program = process::find_program("sipp").context("no sipp: run `cargo xtask setup` (package sip-tester)")?;
        let scratch = Scratch::new("sipp")?;
        let scenario = scratch.path().join("callee.xml");
        fs::write(&scenario, SCENARIO.replace("@TALK_MS@", &talk.as_millis().max(1).to_string()))?;
        let mut command = Command::new(program);
        command.arg("-sf").arg(&scenario).args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin"]);
        command.args(["-p", &ports.sipp.to_string(), "-mp", &ports.sipp_media.to_string()]);
        command.current_dir(scratch.path()).env("TERM", "dumb");
        let mut process = Process::start("sipp", command, &scratch.path().join("log"))?;
        let port = ports.sipp;
        let up = process::until(START_DEADLINE, || {
            if let Some(status) = process.exited() {
                anyhow::bail!("sipp ended ({status})\n{}", process.log_tail());
            }
            Ok(listens(port).then_some(()))
        })?;
        up.with_context(|| format!("sipp does not listen on UDP port {port}\n{}", process.log_tail()))?;
        Ok(Self { process, _scratch: scratch })
    }

    /// The process id, for measuring its share of the processor.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}

/// Whether somebody has bound this UDP port, by the kernel's own table.
fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&suffix)))
}
