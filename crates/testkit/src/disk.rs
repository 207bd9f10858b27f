//! A disk that fails: a library that is preloaded into a process and spoils its writes and syncs when told to.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::Scratch;
use crate::preload::{self, Environment};

const SOURCE: &str = include_str!("disk_shim.c");
/// Longest text of a rule; the counters stand behind it.
const TEXT_BYTES: usize = 512;

/// Which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Everything that changes a file or makes room in it.
    Write,
    /// `fsync` and `fdatasync`.
    Sync,
    /// Both.
    Any,
}

/// What becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// No space is left.
    Full,
    /// The device fails.
    Broken,
    /// They are carried out, this much later.
    Late(Duration),
}

/// The disk of one process, which may start again on it.
pub struct Disk {
    library: PathBuf,
    control: File,
    rules: AtomicU64,
    /// Holds the control file.
    scratch: Scratch,
}

impl Disk {
    /// A disk that works.
    pub fn new() -> Result<Self> {
        let library = preload::library(SOURCE)?;
        let scratch = Scratch::new("disk")?;
        let control =
            File::options().create(true).truncate(true).read(true).write(true).open(control(scratch.path()))?;
        control.set_len(TEXT_BYTES as u64 + 16)?;
        Ok(Self { library, control, rules: AtomicU64::new(0), scratch })
    }

    /// Makes the program to be started use this disk.
    pub fn environment(&self) -> Environment {
        let control = control(self.scratch.path()).into_os_string();
        vec![("LD_PRELOAD", self.library.clone().into_os_string()), ("TESTKIT_DISK_CONTROL", control)]
    }

    /// From the `from`-th such call on (1 = the next one) to files whose path holds `part`, until [`Disk::heal`].
    pub fn spoil(&self, calls: Calls, from: u32, how: Spoiled, part: &str) {
        let what = match calls {
            Calls::Write => "write",
            Calls::Sync => "sync",
            Calls::Any => "any",
        };
        let (errno, delay_ms) = match how {
            Spoiled::Full => (libc::ENOSPC, 0),
            Spoiled::Broken => (libc::EIO, 0),
            Spoiled::Late(delay) => (0, delay.as_millis()),
        };
        let number = self.rules.fetch_add(1, Ordering::Relaxed) + 1;
        self.say(&format!("{number} {what} {errno} {from} {delay_ms} {part}"));
    }

    /// It works again.
    pub fn heal(&self) {
        self.say("");
    }

    /// Calls that matched a rule, and calls that were spoiled, since this was made: a rule that never matched tests
    /// nothing.
    pub fn calls(&self) -> (u64, u64) {
        let mut counters = [0; 16];
        self.control.read_exact_at(&mut counters, TEXT_BYTES as u64).expect("the file is as long as it was made");
        let (matched, spoiled) = counters.split_at(8);
        let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
        (number(matched), number(spoiled))
    }

    fn say(&self, rule: &str) {
        let mut text = rule.as_bytes().to_vec();
        assert!(text.len() < TEXT_BYTES, "the rule is too long: {rule}");
        text.resize(TEXT_BYTES, 0);
        self.control.write_all_at(&text, 0).expect("the control file takes 512 bytes");
    }
}

fn control(folder: &Path) -> PathBuf {
    folder.join("control")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;
    use std::fs;
    use std::process::Command;

    fn written(disk: &Disk, to: &Path) -> bool {
        let mut command = Command::new("dd");
        command.args(["if=/dev/zero", "bs=512", "count=4", "conv=fsync"]).arg(format!("of={}", to.display()));
        command.envs(disk.environment());
        process::run(command, Duration::from_secs(10)).is_ok()
    }

    #[test]
    fn writes_and_syncs_of_the_named_file_fail_from_the_named_call_on_until_it_is_healed() {
        let disk = Disk::new().unwrap();
        let (victim, other) = (disk.scratch.path().join("victim"), disk.scratch.path().join("other"));
        assert!(written(&disk, &victim));
        assert_eq!(disk.calls(), (0, 0));
        disk.spoil(Calls::Write, 3, Spoiled::Full, "victim");
        assert!(!written(&disk, &victim) && written(&disk, &other));
        let (matched, spoiled) = disk.calls();
        assert!(matched > spoiled && spoiled >= 1, "{matched} {spoiled}");
        assert!(fs::metadata(&victim).unwrap().len() < 2_048);
        disk.spoil(Calls::Sync, 1, Spoiled::Broken, "victim");
        assert!(!written(&disk, &victim) && written(&disk, &other));
        disk.heal();
        assert!(written(&disk, &victim));
    }

    #[test]
    fn a_late_call_is_carried_out_late() {
        let disk = Disk::new().unwrap();
        disk.spoil(Calls::Sync, 1, Spoiled::Late(Duration::from_millis(300)), "slow");
        let began = std::time::Instant::now();
        assert!(written(&disk, &disk.scratch.path().join("slow")));
        assert!(began.elapsed() >= Duration::from_millis(300));
    }
}
