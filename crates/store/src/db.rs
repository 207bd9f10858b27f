//! The database: opening it, its pools and its migrations.

use crate::contacts::places::Places;
use crate::disk;
use crate::engine::postgres::{self, Server};
use crate::engine::{Pool, Transaction, sqlite};
use crate::error::{Error, Result};
use crate::installation::Installation;
use crate::journal::Sequences;
use crate::lease::{self, Lease};
use crate::queue::Queue;
use crate::schema;
use crate::secret::Cipher;
use crate::suppression::Shelf;
use crate::users::basic::Remembered;
use crate::users::password::Passwords;
use domain::{Dialable, NumberKey};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Between two questions to a server that was lost in the middle of a commit.
const SETTLE_EVERY: Duration = Duration::from_millis(250);

/// Where the database and its key are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database file, made when missing, with its folder. With a server only the folder is used: the files of
    /// imports are kept there.
    pub path: PathBuf,
    /// The PostgreSQL database to use instead of the file.
    pub server: Option<Server>,
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
    lease: Arc<Lease>,
    cipher: Cipher,
    installation: Installation,
    epoch: AtomicI64,
    sequences: Mutex<Sequences>,
    shelf: Shelf,
    queue: Queue,
    registries: Mutex<()>,
    passwords: Passwords,
    remembered: Remembered,
    places: Places,
    /// Told of every commit.
    wakes: Arc<watch::Sender<()>>,
    settings: Settings,
    /// Held until the store is closed or its last clone is gone; the system lets it go when the process dies.
    lock: std::sync::Mutex<Option<File>>,
}

impl Store {
    /// Opens the database, makes or migrates it, and refuses it to every other process.
    pub async fn open(settings: &Settings) -> Result<Self> {
        Self::open_any(settings).await.map_err(|error| error.at(&settings.path))
    }

    async fn open_any(settings: &Settings) -> Result<Self> {
        let (writer, readers, keeper, lock) = match &settings.server {
            None => {
                let (writer, readers, lock) = sqlite::open(&settings.path).await?;
                (writer.clone(), readers, writer, Some(lock))
            }
            Some(server) => {
                let (writer, readers) = postgres::open(server).await?;
                (writer, readers, postgres::keeper(server)?, None)
            }
        };
        // The tables of a process that is at work are not changed under it: the lease first, once there is a table for it.
        let early = match schema::found(&writer).await? >= lease::SINCE {
            true => Some(lease::take(&writer, keeper.clone()).await?),
            false => None,
        };
        schema::migrate(&writer, schema::VERSIONS, Some((&settings.path, &settings.key_file))).await?;
        let lease = match early {
            Some(lease) => lease,
            None => lease::take(&writer, keeper).await?,
        };
        let shelf = Shelf::open(disk::folder_of(&settings.path))?;
        let is_new = Installation::find(&writer).await?.is_none();
        let cipher = Cipher::load(&settings.key_file, is_new)?;
        let installation = Installation::read_or_create(&writer, &cipher, &settings.key_file).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                lease,
                cipher,
                epoch: AtomicI64::new(installation.epoch),
                installation,
                sequences: Mutex::default(),
                shelf,
                queue: Queue::default(),
                registries: Mutex::default(),
                passwords: Passwords::default(),
                remembered: Remembered::default(),
                places: Places::default(),
                wakes: Arc::default(),
                settings: settings.clone(),
                lock: std::sync::Mutex::new(lock),
            }),
        })
    }

    /// Opens what exists, beside the process that serves it: takes no lock, migrates nothing, writes nothing.
    ///
    /// Refused like [`Store::open`], and with `Unusable` when it is of an older version.
    pub async fn open_to_read(settings: &Settings) -> Result<Self> {
        let pool = match &settings.server {
            None => sqlite::open_to_read(&settings.path).await?,
            Some(server) => postgres::open_to_read(server).await?,
        };
        let (found, known) = (schema::found(&pool).await?, schema::known());
        if found > known {
            return Err(Error::Newer { found, known });
        }
        if found < known || Installation::find(&pool).await?.is_none() {
            let path = settings.server.as_ref().map_or_else(|| settings.path.clone(), |server| server.url().into());
            let why = format!("its version is {found}, not {known}: carillon serve brings it there");
            return Err(Error::Unusable { path, why });
        }
        let cipher = Cipher::load(&settings.key_file, false)?;
        let installation = Installation::read_or_create(&pool, &cipher, &settings.key_file).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer: pool.clone(),
                lease: Arc::new(Lease::none(pool.clone())),
                readers: pool,
                cipher,
                epoch: AtomicI64::new(installation.epoch),
                installation,
                sequences: Mutex::default(),
                shelf: Shelf::closed()?,
                queue: Queue::default(),
                registries: Mutex::default(),
                passwords: Passwords::default(),
                remembered: Remembered::default(),
                places: Places::default(),
                wakes: Arc::default(),
                settings: settings.clone(),
                lock: std::sync::Mutex::new(None),
            }),
        })
    }

    /// Waits for what is being written, gives the lease back, closes the database and lets the lock of its file go. Later
    /// calls fail, on every clone.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.lease.release().await;
        self.inner.writer.close().await;
        let lock = self.inner.lock.lock().map(|mut lock| lock.take());
        drop(lock);
    }

    /// Writes through a connection of its own from now on: one whose write or sync failed is never relied upon again.
    /// What it had not committed is not in the log for anybody else; the next commit writes its place anew.
    pub async fn renew_writer(&self) -> Result<()> {
        Ok(self.inner.writer.renew().await?)
    }

    /// Moves what SQLite's log holds into the file and empties it, so that nothing older is left in it. Readers that
    /// are at work are waited for, two seconds at most: the next commit that fills the log does it then.
    pub(crate) async fn empty_log(&self) -> Result<()> {
        for _ in 0..20 {
            if self.inner.writer.empty_log().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tracing::warn!("the database's log is in use: erased content leaves it with the next checkpoint");
        Ok(())
    }

    /// Bytes that are free where the database is; `None` for a database on another machine.
    pub fn free_bytes(&self) -> Result<Option<u64>> {
        if self.inner.settings.server.is_some() {
            return Ok(None);
        }
        disk::free_bytes(self.folder()).map(Some)
    }

    /// ISO code of the country that national numbers belong to, when one is configured.
    pub fn country(&self) -> Option<&str> {
        self.inner.settings.country.as_deref()
    }

    /// The key of a number under this installation's secret: what single flight and de-duplication compare.
    pub fn number_key(&self, number: &Dialable) -> NumberKey {
        number.key(self.inner.installation.number_secret)
    }

    /// The keys of every spelling of a number.
    pub fn number_keys(&self, number: &Dialable) -> Vec<NumberKey> {
        number.every_key(self.inner.installation.number_secret)
    }

    /// The folder of the database file, where imports keep theirs.
    pub fn folder(&self) -> &Path {
        disk::folder_of(&self.inner.settings.path)
    }

    /// The one way to write: takes the write lock at once, so that nothing can fail half way for want of it, and proves
    /// that the lease is ours. Dropped without `commit`, it changes nothing.
    pub(crate) async fn begin(&self) -> Result<Transaction> {
        let place = self.inner.queue.wait();
        let mut transaction = self.inner.writer.begin_write().await?;
        drop(place);
        self.inner.lease.guard(0, &mut transaction).await?;
        Ok(transaction.waking(&self.inner.wakes))
    }

    /// [`Store::begin`] for a batch of the journal, with its number: see [`Store::settled`].
    pub(crate) async fn begin_batch(&self) -> Result<(Transaction, i64)> {
        let place = self.inner.queue.wait();
        self.inner.queue.journal_comes();
        let mut transaction = self.inner.writer.begin_write().await?;
        drop(place);
        let number = self.inner.lease.guard(1, &mut transaction).await?;
        Ok((transaction.waking(&self.inner.wakes), number))
    }

    /// Whether the batch with this number is on the disk, when its commit was answered by an error. A server that was lost
    /// in that moment may have carried it out: nobody else writes, so this waits until it can be asked.
    pub(crate) async fn settled(&self, number: i64) -> Result<bool> {
        if matches!(self.inner.writer, Pool::Sqlite(_)) {
            return Ok(false);
        }
        loop {
            // Waits for the server's end of the lost transaction, too: it holds the row that is asked.
            let asked = async {
                let mut transaction = self.inner.writer.begin_write().await?;
                self.inner.lease.guard(0, &mut transaction).await
            };
            match asked.await {
                Ok(commits) => return Ok(commits >= number),
                Err(error @ Error::Fenced { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "it is not known whether the last commit was carried out: asking again");
                    tokio::time::sleep(SETTLE_EVERY).await;
                }
            }
        }
    }

    /// Changes with every commit; commits that follow each other closely are seen as one.
    pub fn wakes(&self) -> watch::Receiver<()> {
        self.inner.wakes.subscribe()
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// Held while a registry is read.
    pub(crate) fn registries(&self) -> &Mutex<()> {
        &self.inner.registries
    }

    /// Where contacts stand in their lists.
    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    /// Passwords that were right lately.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.inner.remembered
    }

    /// Hashes and compares the passwords of users.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.inner.lease
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

    /// The installation's name, which is part of its channel ids.
    pub fn installation_name(&self) -> &str {
        &self.inner.installation.name
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

    /// What takes suppression entries when the database does not.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    /// The event counters of open attempts; a commit holds them while it runs.
    pub(crate) fn sequences(&self) -> &Mutex<Sequences> {
        &self.inner.sequences
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Connection, query};
    use crate::testing::Home;
    use std::fs;

    crate::testing::on_both_engines! {
        every_statement_prepares_and_a_wrong_one_does_not;
        readers_cannot_write;
        another_key_file_and_a_lost_one_are_named;
        a_newer_database_is_refused_by_version;
    }

    async fn every_statement_prepares_and_a_wrong_one_does_not(home: Home) {
        let store = home.open().await;
        let mut transaction = store.begin().await.unwrap();
        let own = match &*transaction {
            Connection::Sqlite(_) => ("sqlite", crate::engine::sqlite::STATEMENTS.to_vec()),
            Connection::Postgres(_) => ("postgres", crate::engine::postgres::STATEMENTS.to_vec()),
        };
        for (module, statements) in crate::testing::statements().into_iter().chain([own]) {
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

    async fn a_newer_database_is_refused_by_version(home: Home) {
        let store = home.open().await;
        let mut transaction = store.begin().await.unwrap();
        query("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;
        drop(store);
        assert!(
            matches!(Store::open(&home.settings).await, Err(Error::Newer { found: 99, known }) if known == schema::known())
        );
    }

    async fn another_key_file_and_a_lost_one_are_named(home: Home) {
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

    async fn readers_cannot_write(home: Home) {
        let store = home.open().await;
        let written = query("DELETE FROM hold").execute(store.readers()).await;
        let error = written.unwrap_err().to_string();
        assert!(error.contains("readonly") || error.contains("read-only"), "{error}");
    }
}
