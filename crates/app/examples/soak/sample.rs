//! What a process holds at an instant, from `/proc`.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use testkit::process::memory;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Since the start.
    pub(crate) at: Duration,
    /// Attempts since the start.
    pub(crate) attempts: u64,
    /// Resident memory, bytes.
    pub(crate) rss: u64,
    /// Open files and sockets.
    pub(crate) descriptors: u64,
    /// Of the write-ahead log, bytes.
    pub(crate) wal: u64,
    /// Of the database, bytes.
    pub(crate) database: u64,
}

impl Sample {
    pub(crate) const HEAD: &str = "  seconds   attempts    RSS MB   descriptors    WAL MB   database MB";

    /// The server runs in the folder that holds `data`.
    pub(crate) fn take(pid: u32, at: Duration, attempts: u64) -> Result<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let data = process.join("cwd/data");
        let size = |name: &str| fs::metadata(data.join(name)).map_or(0, |file| file.len());
        Ok(Self {
            at,
            attempts,
            rss: memory(pid, "VmRSS")?,
            descriptors: fs::read_dir(process.join("fd"))?.count() as u64,
            wal: size("carillon.db-wal"),
            database: size("carillon.db"),
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        write!(
            f,
            "{:>9.0}  {:>9}  {:>8.1}  {:>12}  {:>8.1}  {:>12.1}",
            self.at.as_secs_f64(),
            self.attempts,
            mb(self.rss),
            self.descriptors,
            mb(self.wal),
            mb(self.database)
        )
    }
}
