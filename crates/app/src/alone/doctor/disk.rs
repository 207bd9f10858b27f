//! The disk that holds the data folder.

use super::finding::Finding;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

const FOLDER: &str = "folder";
const SPACE: &str = "disk.space";
const SYNC: &str = "disk.sync";
/// Writes that are timed.
const SYNCS: usize = 20;
/// Below this, fractions of a day are left.
const SPACE_FAILED: u64 = 200_000_000;
/// Below this, somebody should look.
const SPACE_WARNING: u64 = 2_000_000_000;
/// A commit waits for one sync: slower disks bound the calls per second.
const SYNC_WARNING: Duration = Duration::from_millis(20);
/// Slower ones stop the dialler for seconds.
const SYNC_FAILED: Duration = Duration::from_millis(500);
/// File systems that reach another machine: SQLite's log needs shared memory, which they lack.
const REMOTE: [(i64, &str); 4] = [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB2"), (0x517b, "SMB")];

/// Every check of the folder and its disk.
pub(super) fn examine(folder: &Path) -> Vec<Finding> {
    let mut findings = vec![judge_folder(folder, look_at(folder))];
    if !folder.is_dir() {
        return findings;
    }
    findings.push(match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            judge_space(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize, disk.f_favail, disk.f_files)
        }
        Err(error) => Finding::unknown(SPACE, format!("the disk does not tell: {error}"), "df shows what there is"),
    });
    findings.push(match sync_times(folder) {
        Ok(times) => judge_sync(times),
        Err(error) => Finding::failed(SYNC, format!("cannot write and sync in {}: {error}", folder.display()), WHO),
    });
    findings
}

const WHO: &str = "run this as the user that serves; the folder must be that user's";

/// What was seen of a folder.
struct Folder {
    mode: u32,
    remote: Option<&'static str>,
    writable: bool,
}

fn look_at(folder: &Path) -> io::Result<Folder> {
    let mode = fs::metadata(folder)?.permissions().mode() & 0o777;
    let kind = rustix::fs::statfs(folder).map_or(0, |system| system.f_type & 0xffff_ffff);
    let remote = REMOTE.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name);
    let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok();
    Ok(Folder { mode, remote, writable })
}

fn judge_folder(path: &Path, folder: io::Result<Folder>) -> Finding {
    let path = path.display();
    match folder {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::failed(
            FOLDER,
            format!("there is no {path}"),
            "make it with: carillon init, or name it with --data FOLDER",
        ),
        Err(error) => Finding::failed(FOLDER, format!("{path}: {error}"), WHO),
        Ok(Folder { writable: false, .. }) => Finding::failed(FOLDER, format!("{path} cannot be written to"), WHO),
        Ok(Folder { remote: Some(system), .. }) => Finding::failed(
            FOLDER,
            format!("{path} is on {system}: a database there may be damaged by a lost connection"),
            "move the data folder to a disk of this machine",
        ),
        Ok(Folder { mode, .. }) if mode & 0o007 != 0 => Finding::warning(
            FOLDER,
            format!("{path} is open to everybody on this machine (mode {mode:o})"),
            format!("chmod 700 {path}"),
        ),
        Ok(Folder { mode, .. }) => Finding::ok(FOLDER, format!("{path}, mode {mode:o}")),
    }
}

fn judge_space(free: u64, size: u64, files_free: u64, files: u64) -> Finding {
    let gb = |bytes: u64| bytes as f64 / 1e9;
    let found = format!("{:.1} GB free of {:.1} GB", gb(free), gb(size));
    let remedy = "make room, or move the data folder to a larger disk";
    // Some file systems make entries as they need them and say 0 of 0.
    if files > 0 && files_free < 1_000 {
        return Finding::failed(SPACE, format!("{found}, but only {files_free} more files fit"), remedy);
    }
    if free < SPACE_FAILED {
        return Finding::failed(SPACE, format!("{found}: dialling stops when nothing is left"), remedy);
    }
    if free < SPACE_WARNING { Finding::warning(SPACE, found, remedy) } else { Finding::ok(SPACE, found) }
}

/// Appends a page and waits for the disk, as a commit does; sorted.
fn sync_times(folder: &Path) -> io::Result<Vec<Duration>> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let timed = (0..SYNCS).map(|_| {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        Ok(began.elapsed())
    });
    let times: io::Result<Vec<_>> = timed.collect();
    fs::remove_file(&path)?;
    let mut times = times?;
    times.sort();
    Ok(times)
}

fn judge_sync(sorted: Vec<Duration>) -> Finding {
    let (median, worst) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let found =
        format!("{:.1} ms for a commit in the middle, {:.1} ms at worst, of {}", ms(median), ms(worst), sorted.len());
    let remedy = "put the data folder on an SSD with power-loss protection, away from other writers";
    if median >= SYNC_FAILED {
        Finding::failed(SYNC, found, remedy)
    } else if median >= SYNC_WARNING {
        Finding::warning(SYNC, found, remedy)
    } else {
        Finding::ok(SYNC, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn folder(mode: u32, remote: Option<&'static str>, writable: bool) -> State {
        judge_folder(Path::new("/x"), Ok(Folder { mode, remote, writable })).state
    }

    #[test]
    fn a_folder_is_local_private_and_writable() {
        assert_eq!(folder(0o700, None, true), State::Ok);
        assert_eq!(folder(0o750, None, true), State::Ok);
        assert_eq!(folder(0o755, None, true), State::Warning);
        assert_eq!(folder(0o700, Some("NFS"), true), State::Failed);
        assert_eq!(folder(0o500, None, false), State::Failed);
        let missing = examine(Path::new("/nonexistent/folder"));
        assert_eq!((missing.len(), missing[0].state), (1, State::Failed));
        assert!(missing[0].remedy.contains("carillon init"), "{missing:?}");
    }

    #[test]
    fn room_runs_out_in_bytes_and_in_files() {
        let space = |free, files| judge_space(free, 100_000_000_000, files, 1_000_000).state;
        assert_eq!(space(50_000_000_000, 900_000), State::Ok);
        assert_eq!(space(1_000_000_000, 900_000), State::Warning);
        assert_eq!(space(1_000_000, 900_000), State::Failed);
        assert_eq!(space(50_000_000_000, 3), State::Failed);
        assert_eq!(judge_space(50_000_000_000, 100_000_000_000, 0, 0).state, State::Ok);
    }

    #[test]
    fn a_slow_disk_is_told() {
        let times = |ms| judge_sync(vec![Duration::from_millis(ms); SYNCS]).state;
        assert_eq!([times(1), times(20), times(600)], [State::Ok, State::Warning, State::Failed]);
        let home = tempfile::tempdir().unwrap();
        let findings = examine(home.path());
        assert_eq!(findings.len(), 3);
        assert!(findings[2].found.contains(&format!("of {SYNCS}")), "{findings:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
