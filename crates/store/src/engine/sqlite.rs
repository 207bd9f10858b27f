//! What only SQLite needs: the file, its lock, its settings.

use super::Pool;
use crate::attempts::attempt_rows;
use crate::backup::damaged;
use crate::disk::{self, beside};
use crate::error::{Error, Result};
use crate::restore;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections that only read.
const READERS: u32 = 4;
/// Longest wait for a connection or for the write lock, in seconds.
const BUSY_SECONDS: u64 = 15;
/// Prepared statements kept per connection; the crate has fewer.
const CACHED_STATEMENTS: usize = 256;
/// Memory of the writer for pages, in KiB (SQLite counts KiB as negative): indexes of random keys stay in it.
const WRITER_CACHE: &str = "-65536";
/// Pages of 4 KiB after which the log is copied into the database. The commit that reaches it pays: a busy dialler writes
/// some 40 pages a commit, so that one commit in 400 does.
const CHECKPOINT_PAGES: &str = "16000";

/// How long a start may read the file for damage.
const SOUND_BUDGET: Duration = Duration::from_millis(1_500);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;
/// SQLite's code for a statement that was cut off.
const INTERRUPTED: &str = "9";

statements! {
    JOURNAL_MODE = "PRAGMA journal_mode";
    SYNCHRONOUS = "PRAGMA synchronous";
    pub(crate) VERSION = "SELECT sqlite_version()";
    pub(crate) BYTES = "SELECT p.page_count * s.page_size FROM pragma_page_count() p, pragma_page_size() s";
    QUICK_CHECK = "PRAGMA quick_check(1)";
    /// Its first column: whether somebody was in the way.
    pub(crate) EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)";
    /// Many keys of a registry as one JSON array.
    pub(crate) ADD_REGISTRY_KEYS = "INSERT INTO registry_key (tenant_id, list_id, version, number_key) \
        SELECT $1, $2, $3, value FROM json_each('[' || $4 || ']')";
    /// Contacts by their ids with commas between them.
    pub(crate) CONTACTS_OF = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, \
        c.e164, c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id WHERE c.tenant_id = $1 \
        AND c.id IN (SELECT value FROM json_each('[' || $2 || ']')) ORDER BY c.id";
    /// Output attributes of contacts by their ids with commas between them, the oldest attempt first.
    pub(crate) OUTPUTS_OF = "SELECT a.contact_id, a.outputs FROM attempt a WHERE +a.tenant_id = $1 AND a.outputs <> '[]' \
        AND a.contact_id IN (SELECT value FROM json_each('[' || $2 || ']')) \
        AND ($3 LIKE '%,' || a.campaign_id || ',%' OR $3 IS NULL) ORDER BY a.id";
    /// Attempts by their ids with commas between them.
    pub(crate) ATTEMPTS_OF = attempt_rows!("a.id IN (SELECT value FROM json_each('[' || $2 || ']')) ORDER BY a.id");
    /// 0: nothing was migrated yet.
    pub(crate) IS_MIGRATED = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
}

/// The one connection that writes, those that read, and the lock that refuses the file to every other process.
pub(crate) async fn open(path: &Path) -> Result<(Pool, Pool, File)> {
    disk::make_folder_of(path)?;
    let lock = lock(path)?;
    restore::check_not_interrupted(path)?;
    // SQLite would make it with the process's mask; it gives its logs the mode of the file.
    private().open(path).map_err(Error::io("cannot open", path))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(BUSY_SECONDS))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .statement_cache_capacity(CACHED_STATEMENTS)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(BUSY_SECONDS)).idle_timeout(None);
    let write_options = options.clone().pragma("cache_size", WRITER_CACHE);
    let writer = pool.clone().max_connections(1).max_lifetime(None).connect_with(write_options).await;
    let writer = writer.map_err(|error| damaged(path, error))?;
    check_durability(&writer, path).await?;
    check_sound(&writer, path).await?;
    let readers = pool.max_connections(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((Pool::Sqlite(writer), Pool::Sqlite(readers), lock))
}

/// Connections that cannot write, to a file that exists; no lock.
pub(crate) async fn open_to_read(path: &Path) -> Result<Pool> {
    fs::metadata(path).map_err(Error::io("cannot open", path))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(BUSY_SECONDS))
        .pragma("query_only", "ON")
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(BUSY_SECONDS));
    Ok(Pool::Sqlite(pool.max_connections(1).connect_with(options).await?))
}

/// The journal mode, and `ok` or the first damage that reading the whole file finds.
pub(crate) async fn file_state(pool: &SqlitePool) -> Result<(String, String)> {
    let mode = sqlx::query_scalar(JOURNAL_MODE).fetch_one(pool).await?;
    Ok((mode, sqlx::query_scalar(QUICK_CHECK).fetch_one(pool).await?))
}

/// Refuses the database to every other process until the file is dropped.
pub(crate) fn lock(database: &Path) -> Result<File> {
    let path = beside(database, ".lock");
    let file = private().open(&path).map_err(Error::io("cannot open lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path }),
        Err(TryLockError::Error(error)) => Err(Error::io("cannot lock", &path)(error)),
    }
}

/// A file that is made when it is missing.
fn private() -> OpenOptions {
    let mut options = disk::private();
    options.create(true).truncate(false).read(true).write(true);
    options
}

/// Refuses a file in which SQLite finds damage within [`SOUND_BUDGET`]. A larger file is read in part only: what lies
/// behind is found when it is used, and by the next backup.
async fn check_sound(writer: &SqlitePool, path: &Path) -> Result<()> {
    let mut connection = writer.acquire().await.map_err(|error| damaged(path, error))?;
    let end = Instant::now() + SOUND_BUDGET;
    connection.lock_handle().await?.set_progress_handler(STEPS_PER_LOOK, move || Instant::now() < end);
    let lines = sqlx::query_scalar::<_, String>(QUICK_CHECK).fetch_all(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match lines {
        Ok(lines) if lines == ["ok"] => Ok(()),
        Ok(lines) => Err(Error::Damaged { path: path.to_owned(), what: lines.join("; ") }),
        Err(error) if Instant::now() >= end && is_interrupted(&error) => Ok(()),
        Err(error) => Err(damaged(path, error)),
    }
}

fn is_interrupted(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(INTERRUPTED)
}

async fn check_durability(writer: &SqlitePool, path: &Path) -> Result<()> {
    let unusable = |why: String| Error::Unusable { path: path.to_owned(), why };
    let mode = sqlx::query_scalar(JOURNAL_MODE).fetch_one(writer).await;
    let mode: String = mode.map_err(|error| damaged(path, error))?;
    if mode != "wal" {
        return Err(unusable(format!("journal mode is {mode}, not wal: the file system cannot share memory")));
    }
    let synchronous: i64 = sqlx::query_scalar(SYNCHRONOUS).fetch_one(writer).await?;
    if synchronous < 2 {
        return Err(unusable(format!("synchronous is {synchronous}, not full: a loss of power would lose calls")));
    }
    Ok(())
}
