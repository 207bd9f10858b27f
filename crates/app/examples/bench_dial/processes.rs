//! What the processes take of the machine, from `/proc`.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

use testkit::process::memory;

use crate::World;

/// Linux counts processor time for user space in these, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time so far, in ticks.
struct Ticks {
    driver: u64,
    asterisk: u64,
    callee: u64,
    /// Every process of the machine.
    all: u64,
}

/// Shares of the processor between two instants, in cores: 1 is one core busy all the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Carillon, or this process when it is the bare loop.
    pub(crate) driver: f64,
    /// The PBX.
    pub(crate) asterisk: f64,
    /// SIPp.
    pub(crate) callee: f64,
    /// Everybody else on the machine: above a tenth the figures are not to be trusted.
    pub(crate) others: f64,
    /// Resident memory of the driver at the end, megabytes of 10^6 bytes.
    pub(crate) driver_rss_mb: f64,
}

/// A measurement that is under way.
pub(crate) struct Meter<'a> {
    world: &'a World,
    driver: u32,
    began: Instant,
    before: Ticks,
}

impl<'a> Meter<'a> {
    /// Begins; `driver` is the process that dials.
    pub(crate) fn start(world: &'a World, driver: u32) -> Result<Self> {
        Ok(Self { world, driver, began: Instant::now(), before: Ticks::read(world, driver)? })
    }

    /// Ends.
    pub(crate) fn stop(self) -> Result<Shares> {
        let after = Ticks::read(self.world, self.driver)?;
        let ticks = self.began.elapsed().as_secs_f64() * TICKS_PER_SECOND;
        let share = |before: u64, after: u64| after.saturating_sub(before) as f64 / ticks;
        let driver = share(self.before.driver, after.driver);
        let asterisk = share(self.before.asterisk, after.asterisk);
        let callee = share(self.before.callee, after.callee);
        let others = (share(self.before.all, after.all) - driver - asterisk - callee).max(0.0);
        Ok(Shares { driver, asterisk, callee, others, driver_rss_mb: memory(self.driver, "VmRSS")? as f64 / 1e6 })
    }
}

impl Ticks {
    fn read(world: &World, driver: u32) -> Result<Self> {
        let pbx = world.pbx.pid().context("Asterisk is not running")?;
        Ok(Self { driver: of(driver)?, asterisk: of(pbx)?, callee: of(world.callee.pid())?, all: of_all()? })
    }
}

/// User and system time of a process with all its threads.
fn of(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name, in brackets, may hold anything: count from behind it. utime and stime are fields 14 and 15 of the line.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Option<u64> { fields.get(index)?.parse().ok() };
    ticks(11).zip(ticks(12)).map(|(user, system)| user + system).with_context(|| format!("{path}: {text:?}"))
}

/// The machine's busy time: user, nice, system, and interrupts.
fn of_all() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, interrupt, soft, ..] = ticks[..] else {
        anyhow::bail!("/proc/stat begins with {first:?}");
    };
    Ok(user + nice + system + interrupt + soft)
}
