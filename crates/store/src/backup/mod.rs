//! Backups: one file that holds everything but the key.
//!
//! The file is an SQLite database: a consistent copy of ours, and beside its tables `backup_fact` (what it is, when and
//! of what it was made) and `backup_part` (files of imports in pieces). It is made under another name, checked by
//! reading all of it, and only then gets its own. A server may work on the database meanwhile.

pub(crate) mod copy;
mod facts;
pub(crate) mod files;

pub use facts::Facts;

use crate::db::Settings;
use crate::disk::{self, beside, blocking};
use crate::error::{Error, Result};
use crate::secret::Cipher;
use aws_lc_rs::digest::{Context, SHA256};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait for a lock that another process holds on the database.
const BUSY: Duration = Duration::from_secs(15);
/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Read at a time for the check sum, in bytes.
const READ_BYTES: usize = 1 << 20;

/// Answers with lines of problems, at most 5; the line `ok` when there is none.
const CHECK: &str = "PRAGMA integrity_check(5)";

/// How to make a backup.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Take the place of a file that exists.
    pub replace: bool,
    /// Put the key into it: whoever has the file can then read the PBX passwords.
    pub with_key: bool,
}

/// A backup that was made and checked.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Of the file, in hexadecimal digits.
    pub sha256: String,
    /// What it says about itself.
    pub facts: Facts,
    /// How long it took.
    pub took: Duration,
}

/// Copies the database that `settings` name to `to`, whether or not a server works on it. `told` hears bytes written and
/// bytes expected, the latter an estimate.
///
/// Refused: a file that exists (unless it may be replaced), a disk without room, a database that cannot be read.
pub async fn backup(
    settings: &Settings,
    to: &Path,
    options: Options,
    told: &mut (dyn FnMut((u64, u64)) + Send),
) -> Result<Backup> {
    if settings.server.is_some() {
        return Err(Error::ServersOwn { what: "backup" });
    }
    let source = open(&settings.path).await?;
    let made = write(&source, &settings.path, &settings.key_file, to, options, told).await;
    source.close().await;
    made.map_err(|error| error.at(&settings.path))
}

/// As [`backup`], through a connection that is there already.
pub(crate) async fn write(
    source: &SqlitePool,
    database: &Path,
    key_file: &Path,
    to: &Path,
    options: Options,
    told: &mut (dyn FnMut((u64, u64)) + Send),
) -> Result<Backup> {
    let began = Instant::now();
    if to.exists() && !options.replace {
        return Err(Error::Exists { path: to.to_owned() });
    }
    let key = match Cipher::read(key_file) {
        Ok(key) => Some(key),
        Err(error) if options.with_key => return Err(error),
        // A backup without the name of its key is better than none.
        Err(_) => None,
    };
    let expected = copy::size(database) + files::size(database)?;
    copy::check_room(to, expected)?;
    let part = beside(to, ".part");
    let unfinished = Unfinished(part.clone());
    let facts = {
        let copied = fill(source, database, &part, key, options);
        tokio::pin!(copied);
        loop {
            tokio::select! {
                facts = &mut copied => break facts?,
                () = tokio::time::sleep(TELL_EVERY) => {
                    told((std::fs::metadata(&part).map_or(0, |meta| meta.len()).min(expected), expected));
                }
            }
        }
    };
    let path = part.clone();
    let (bytes, sha256) = blocking(move || {
        File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io("cannot write", &path))?;
        checksum(&path)
    })
    .await?;
    disk::publish(&part, to)?;
    std::mem::forget(unfinished);
    told((bytes, bytes));
    Ok(Backup { path: to.to_owned(), bytes, sha256, facts, took: began.elapsed() })
}

/// Everything into the file `part`, checked.
async fn fill(
    source: &SqlitePool,
    database: &Path,
    part: &Path,
    key: Option<Cipher>,
    options: Options,
) -> Result<Facts> {
    let taken_at = crate::sql::now();
    copy::snapshot(source, part).await?;
    let target = open(part).await?;
    files::pack(database, &target).await?;
    let facts = Facts::write(&target, taken_at, key.as_ref(), options.with_key).await?;
    let checked = check(&target, part).await;
    target.close().await;
    checked.map(|()| facts)
}

/// A database that exists, for one connection that neither makes nor migrates it.
pub(crate) async fn open(path: &Path) -> Result<SqlitePool> {
    if !path.is_file() {
        return Err(Error::Missing { path: path.to_owned() });
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).acquire_timeout(BUSY);
    pool.connect_with(options).await.map_err(|error| damaged(path, error))
}

/// Reads every page and index of a database.
pub(crate) async fn check(database: &SqlitePool, path: &Path) -> Result<()> {
    let lines: Vec<String> = sqlx::query_scalar(CHECK).fetch_all(database).await.map_err(|e| damaged(path, e))?;
    if lines == ["ok"] { Ok(()) } else { Err(Error::Damaged { path: path.to_owned(), what: lines.join("; ") }) }
}

/// Names the file when SQLite found it to be no sound database.
pub(crate) fn damaged(path: &Path, error: sqlx::Error) -> Error {
    Error::from(error).at(path)
}

fn checksum(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::io("cannot read", path))?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("cannot read", path))?;
        if read == 0 {
            return Ok((bytes, crate::secret::hex(context.finish().as_ref())));
        }
        bytes += read as u64;
        context.update(&buffer[..read]);
    }
}

/// Removes a file that was not finished.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for path in [&self.0, &beside(&self.0, "-journal")] {
            // Not there, or left for the next attempt, which overwrites it.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
