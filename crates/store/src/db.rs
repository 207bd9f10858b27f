//! The database file: opening it, its lock, its pools and its migrations.

use crate::engine::{Pool, Transaction};
use crate::error::{Error, Result};
use crate::installation::Installation;
use crate::journal::Sequences;
use crate::secret::Cipher;
use domain::{Dialable, NumberKey};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlStr};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

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

/// Where the database and its key are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file; made when missing, with its folder.
    pub path: PathBuf,
    /// The key of the secrets, mode 0600, best on another disk; made when there is no database yet.
    pub key_file: PathBuf,
    /// ISO code of the country that national numbers belong to, e.g. `IT`.
    pub country: Option<String>,
}

/// The store. Clones share one database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.settings.path).finish_non_exhaustive()
    }
}

struct Inner {
    writer: Pool,
    readers: Pool,
    cipher: Cipher,
    installation: Installation,
    epoch: AtomicI64,
    sequences: Mutex<Sequences>,
    settings: Settings,
    /// Held until the store is closed or its last clone is gone; the system lets it go when the process dies.
    lock: std::sync::Mutex<Option<File>>,
}

statements! {
    JOURNAL_MODE = "PRAGMA journal_mode";
    SYNCHRONOUS = "PRAGMA synchronous";
    MIGRATED = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    IS_MIGRATED = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
}

impl Store {
    /// Opens the database, makes or migrates it, and refuses it to every other process.
    pub async fn open(settings: &Settings) -> Result<Self> {
        if let Some(folder) = settings.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(Error::io("cannot create folder", folder))?;
        }
        let lock = lock(&settings.path)?;
        // SQLite would make it with the process's mask; it gives its logs the mode of the file.
        private().open(&settings.path).map_err(Error::io("cannot open", &settings.path))?;
        let options = SqliteConnectOptions::new()
            .filename(&settings.path)
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
        let writer = pool.clone().max_connections(1).max_lifetime(None).connect_with(write_options).await?;
        check_durability(&writer, &settings.path).await?;
        migrate(&writer).await?;
        let readers = pool.max_connections(READERS).connect_with(options.pragma("query_only", "ON")).await?;
        let (writer, readers) = (Pool::Sqlite(writer), Pool::Sqlite(readers));
        let is_new = Installation::find(&writer).await?.is_none();
        let cipher = Cipher::load(&settings.key_file, is_new)?;
        let installation = Installation::read_or_create(&writer, &cipher, &settings.key_file).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                cipher,
                epoch: AtomicI64::new(installation.epoch),
                installation,
                sequences: Mutex::default(),
                settings: settings.clone(),
                lock: std::sync::Mutex::new(Some(lock)),
            }),
        })
    }

    /// Waits for what is being written, closes the file and lets its lock go. Later calls fail, on every clone.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
        let lock = self.inner.lock.lock().map(|mut lock| lock.take());
        drop(lock);
    }

    /// ISO code of the country that national numbers belong to, when one is configured.
    pub fn country(&self) -> Option<&str> {
        self.inner.settings.country.as_deref()
    }

    /// The key of a number under this installation's secret: what single flight and de-duplication compare.
    pub fn number_key(&self, number: &Dialable) -> NumberKey {
        number.key(self.inner.installation.number_secret)
    }

    /// The folder of the database file, where imports keep theirs.
    pub fn folder(&self) -> &Path {
        self.inner.settings.path.parent().unwrap_or(Path::new("."))
    }

    /// The one way to write: takes the write lock at once, so that nothing can fail half way for want of it.
    /// Dropped without `commit`, it changes nothing.
    pub(crate) async fn begin(&self) -> Result<Transaction> {
        Ok(self.inner.writer.begin_write().await?)
    }

    pub(crate) fn readers(&self) -> &Pool {
        &self.inner.readers
    }

    pub(crate) fn cipher(&self) -> &Cipher {
        &self.inner.cipher
    }

    pub(crate) fn key_file(&self) -> &Path {
        &self.inner.settings.key_file
    }

    pub(crate) fn installation(&self) -> &Installation {
        &self.inner.installation
    }

    /// The epoch of this start; the last one's until [`Store::begin_epoch`].
    pub(crate) fn epoch(&self) -> i64 {
        self.inner.epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn set_epoch(&self, epoch: i64) {
        self.inner.epoch.store(epoch, Ordering::Relaxed);
    }

    /// The event counters of open attempts; a commit holds them while it runs.
    pub(crate) fn sequences(&self) -> &Mutex<Sequences> {
        &self.inner.sequences
    }
}

fn lock(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = private().open(&path).map_err(Error::io("cannot open lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path }),
        Err(TryLockError::Error(error)) => Err(Error::io("cannot lock", &path)(error)),
    }
}

/// A file that only its owner reads, made when it is missing: the database holds telephone numbers.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options
}

async fn check_durability(writer: &SqlitePool, path: &Path) -> Result<()> {
    let unusable = |why: String| Error::Unusable { path: path.to_owned(), why };
    let mode: String = sqlx::query_scalar(JOURNAL_MODE).fetch_one(writer).await?;
    if mode != "wal" {
        return Err(unusable(format!("journal mode is {mode}, not wal: the file system cannot share memory")));
    }
    let synchronous: i64 = sqlx::query_scalar(SYNCHRONOUS).fetch_one(writer).await?;
    if synchronous < 2 {
        return Err(unusable(format!("synchronous is {synchronous}, not full: a loss of power would lose calls")));
    }
    Ok(())
}

async fn migrate(writer: &SqlitePool) -> Result<()> {
    let migrations = vec![migration(1, "first", include_str!("../migrations/sqlite/0001_first.sql"))];
    let known = migrations.last().map_or(0, |last| last.version);
    if sqlx::query_scalar::<_, i64>(IS_MIGRATED).fetch_one(writer).await? > 0 {
        let found = sqlx::query_scalar(MIGRATED).fetch_one(writer).await?;
        if found > known {
            return Err(Error::Newer { found, known });
        }
    }
    Migrator::with_migrations(migrations).run(writer).await?;
    Ok(())
}

fn migration(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::query;
    use crate::testing::Home;

    #[tokio::test]
    async fn every_statement_prepares_and_a_wrong_one_does_not() {
        let home = Home::new();
        let store = home.open().await;
        let mut transaction = store.begin().await.unwrap();
        for (module, statements) in crate::testing::statements() {
            for (name, sql) in statements {
                let prepared = transaction.prepare(sql).await;
                assert!(prepared.is_ok(), "{module}::{name}: {}", prepared.err().unwrap());
                assert!(!sql.contains('?'), "{module}::{name} has a place-holder that PostgreSQL does not know");
            }
        }
        assert!(transaction.prepare("SELECT nope FROM contact").await.is_err());
    }

    #[tokio::test]
    async fn a_second_process_is_refused_until_the_first_is_gone() {
        let home = Home::new();
        let store = home.open().await;
        let error = Store::open(&home.settings).await.err().unwrap();
        assert_eq!(error.code(), "database_locked");
        assert!(error.to_string().contains("carillon.db.lock"), "{error}");
        let clone = store.clone();
        store.close().await;
        assert!(clone.lists(&crate::Scope::installation()).await.is_err());
        drop(home.open().await);
        home.open().await;
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_by_version() {
        let home = Home::new();
        let store = home.open().await;
        let mut transaction = store.begin().await.unwrap();
        query("UPDATE _sqlx_migrations SET version = 99").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
        drop(store);
        assert!(matches!(Store::open(&home.settings).await, Err(Error::Newer { found: 99, known: 1 })));
    }

    #[tokio::test]
    async fn another_key_file_and_a_lost_one_are_named() {
        let home = Home::new();
        drop(home.open().await);
        fs::rename(&home.settings.key_file, home.path().join("kept")).unwrap();
        let error = Store::open(&home.settings).await.err().unwrap();
        assert!(error.to_string().contains("is missing"), "{error}");
        assert!(!home.settings.key_file.exists(), "no new key is made for an old database");
        let other = Home::new();
        drop(other.open().await);
        fs::copy(&other.settings.key_file, &home.settings.key_file).unwrap();
        let error = Store::open(&home.settings).await.err().unwrap();
        assert!(error.to_string().contains("is not the key of this database"), "{error}");
        fs::copy(home.path().join("kept"), &home.settings.key_file).unwrap();
        home.open().await;
    }

    #[tokio::test]
    async fn only_the_owner_reads_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let home = Home::new();
        let store = home.open().await;
        store.create_list(&crate::Scope::installation(), "spring").await.unwrap();
        let files: Vec<_> = fs::read_dir(home.path()).unwrap().map(|file| file.unwrap()).collect();
        assert!(files.len() >= 4, "database, log, lock and key: {files:?}");
        for file in files.iter().filter(|file| file.metadata().unwrap().is_file()) {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let home = Home::new();
        let store = home.open().await;
        let written = query("DELETE FROM hold").execute(store.readers()).await;
        assert!(written.unwrap_err().to_string().contains("readonly"));
    }
}
