//! Folders for one run, with paths short enough for a unix socket.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::postgres::give;
use anyhow::{Context, Result, ensure};

/// A folder is swept away this long after its process has ended, so that the logs of a failure can be read.
const KEEP_AFTER_DEATH: Duration = Duration::from_secs(3600);
/// Folders of one process, at most.
const NUMBERS_MAX: u32 = 10_000;
/// A unix socket's path must stay below 108 bytes; this leaves room for what comes below the base folder.
const BASE_BYTES_MAX: usize = 50;

/// A private folder, removed when dropped, unless the thread is panicking: then the path is printed.
///
/// Named `<name>-<our pid>-<counter>`; the pid tells later runs whether it is still in use.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a new empty folder, mode 0700. `name` should be short: it becomes part of a socket's path.
    pub fn new(name: &str) -> Result<Self> {
        Self::below(base()?, name)
    }

    /// As [`Scratch::new`], for a program that runs as another user. Only for root.
    pub(crate) fn of(name: &str, uid: u32, gid: u32) -> Result<Self> {
        let base = base_of(uid, |base| give(base, uid, gid))?;
        let scratch = Self::below(base, name)?;
        give(scratch.path(), uid, gid)?;
        Ok(scratch)
    }

    fn below(base: PathBuf, name: &str) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        sweep(&base);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("{name}-{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                // Left by a process that died and had our id before us: its logs stay readable.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < NUMBERS_MAX => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("CARILLON_KEEP").is_some() {
            eprintln!("kept for inspection: {}", self.path.display());
            return;
        }
        // A folder that cannot be removed now is swept later.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The folder of this user for everything that lives no longer than a test, mode 0700.
pub(crate) fn base() -> Result<PathBuf> {
    base_of(fs::metadata("/proc/self").context("no /proc")?.uid(), |_| Ok(()))
}

/// The same for a user; `made` is called when the folder is new.
fn base_of(owner: u32, made: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let name = format!("carillon-{owner}");
    let mut path = std::env::temp_dir().join(&name);
    if path.as_os_str().len() > BASE_BYTES_MAX {
        path = Path::new("/tmp").join(&name);
    }
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make {}", path.display()));
        }
        Err(_) => {}
        Ok(()) => made(&path)?,
    }
    let meta = fs::symlink_metadata(&path)?;
    ensure!(meta.is_dir() && meta.uid() == owner, "{} belongs to somebody else: remove it", path.display());
    Ok(path)
}

/// Removes the folders of processes that ended long ago.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.rsplit('-').nth(1)?.parse::<u32>().ok()) else { continue };
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        if !Path::new(&format!("/proc/{pid}")).exists() && age.is_some_and(|age| age > KEEP_AFTER_DEATH) {
            // Another process may be sweeping too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_of_our_id_left_is_passed_over() {
        let first = Scratch::new("again").unwrap();
        let number: u32 = first.path().to_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        let left = base().unwrap().join(format!("again-{}-{}", std::process::id(), number + 1));
        fs::create_dir(&left).unwrap();
        let second = Scratch::new("again").unwrap();
        assert_ne!(second.path(), left);
        fs::remove_dir(&left).unwrap();
    }

    #[test]
    fn a_folder_is_private_short_and_gone_afterwards() {
        let scratch = Scratch::new("unit").unwrap();
        let path = scratch.path().to_owned();
        assert!(path.as_os_str().len() < 90);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }
}
