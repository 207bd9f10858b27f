//! A wall clock that somebody sets while a process runs: a library that is preloaded into it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::Scratch;
use crate::preload::{self, Environment};

const SOURCE: &str = include_str!("clock_shim.c");

/// The wall clock of one process.
pub struct Clock {
    library: PathBuf,
    control: File,
    /// Holds the control file.
    scratch: Scratch,
}

impl Clock {
    /// A clock that is right.
    pub fn new() -> Result<Self> {
        let scratch = Scratch::new("clock")?;
        let file = File::options().create(true).truncate(true).read(true).write(true).open(control(scratch.path()))?;
        let clock = Self { library: preload::library(SOURCE)?, control: file, scratch };
        clock.ahead(0);
        Ok(clock)
    }

    /// Makes the program to be started read this clock.
    pub fn environment(&self) -> Environment {
        let control = control(self.scratch.path()).into_os_string();
        vec![("LD_PRELOAD", self.library.clone().into_os_string()), ("TESTKIT_CLOCK_CONTROL", control)]
    }

    /// It is `seconds` ahead of the host's from now on; behind it if negative.
    pub fn ahead(&self, seconds: i64) {
        self.control.write_all_at(&seconds.to_ne_bytes(), 0).expect("the control file takes 8 bytes");
    }
}

fn control(folder: &Path) -> PathBuf {
    folder.join("control")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn a_process_reads_the_time_it_is_given() {
        let clock = Clock::new().unwrap();
        clock.ahead(-3_600);
        let mut command = Command::new("date");
        command.arg("+%s").envs(clock.environment());
        let told = crate::process::run(command, Duration::from_secs(10)).unwrap();
        let told: u64 = String::from_utf8(told.stdout).unwrap().trim().parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((3_590..=3_610).contains(&(now - told)), "{told} at {now}");
    }
}
