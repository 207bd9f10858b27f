//! A backup takes the place of the database.
//!
//! What happened after the backup is not in it, and somebody may have been called. So nothing that named a call may name
//! another: epoch and ids jump above everything that either database knows or can have handed out. And nothing is
//! dialled until it is known who was called, or until it does not matter any more ([`hold`]).

mod carry;
pub(crate) mod hold;
mod jump;
mod ledger;
pub(crate) mod records;
mod server;

pub use carry::Carried;
pub use hold::{OpenRestore, Settled};
pub use jump::{Numbers, Present};
pub use records::{CallSince, Reconciled};
pub use server::{Marked, mark_restored};

use crate::backup::{self, Facts, copy, files};
use crate::db::Settings;
use crate::disk::{self, beside, blocking};
use crate::engine::{Pool, sqlite};
use crate::error::{Error, Result};
use crate::installation::Installation;
use crate::schema;
use crate::secret::Cipher;
use domain::Timestamp;
use sqlx::sqlite::SqlitePool;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Ends the name of a database while a restore prepares it.
const PREPARING: &str = ".restore-part";
/// Ends its name while it changes places: until this is gone, there is no database to start with.
const RESTORING: &str = ".restoring";

/// A restore that was carried out.
#[derive(Debug, Clone)]
pub struct Restored {
    /// What the backup says about itself.
    pub facts: Facts,
    /// When it took the place of the database.
    pub restored_at: Timestamp,
    /// When the hold ends by itself.
    pub lift_at: Timestamp,
    /// The epoch that the next start is above.
    pub epoch: i64,
    /// The first attempt id that will be handed out.
    pub attempt_id: i64,
    /// The database that was there before.
    pub present: Present,
    /// Where it is now, if there was one.
    pub aside: Option<PathBuf>,
    /// Suppressed numbers and their lists that were taken over from it; `None`: it could not be read, and what was entered
    /// after the backup is lost.
    pub suppressions: Option<Carried>,
    /// Rows of the abandonment ledger that were taken over from it; `None`: it could not be read, and what was counted after
    /// the backup is lost.
    pub ledger_rows: Option<u64>,
    /// The key file was missing and was written from the backup.
    pub key_written: bool,
}

/// Puts the backup `from` in the place of the database that `settings` name. The server must be stopped; what is there
/// is renamed and never deleted. Until the last step, a failure leaves everything as it was.
///
/// Refused: a file that is no sound backup of this program or of an older one, another key, a disk without room.
pub async fn restore(settings: &Settings, from: &Path) -> Result<Restored> {
    if settings.server.is_some() {
        return Err(Error::ServersOwn { what: "restore" });
    }
    disk::make_folder_of(&settings.path)?;
    let lock = sqlite::lock(&settings.path)?;
    let source = backup::open(from).await?;
    let checked = check(&source, settings, from).await;
    source.close().await;
    let (facts, key_written) = checked.map_err(|error| error.at(from))?;
    let present = Present::look(settings, &facts.installation).await;

    let part = beside(&settings.path, PREPARING);
    copy::check_room(&part, copy::size(from))?;
    let (name, target) = (from.to_owned(), part.clone());
    blocking(move || copy_file(&name, &target)).await?;
    let imports = beside(&files::folder(&settings.path), PREPARING);
    remove_folder(&imports)?;
    let database = backup::open(&part).await?;
    let prepared = prepare(database.clone(), &facts, &present, settings, &imports).await;
    database.close().await;
    let mark = prepared.map_err(|error| error.at(from))?;

    let aside = change_places(&settings.path, &part, &imports, mark.restored_at)?;
    drop(lock);
    Ok(Restored {
        facts,
        restored_at: mark.restored_at,
        lift_at: mark.lift_at,
        epoch: mark.epoch,
        attempt_id: mark.attempt_id,
        present,
        aside,
        suppressions: mark.suppressions,
        ledger_rows: mark.ledger_rows,
        key_written,
    })
}

/// Refuses to open a database while a restore has not ended.
pub(crate) fn check_not_interrupted(database: &Path) -> Result<()> {
    if beside(database, RESTORING).exists() {
        return Err(Error::RestoreInterrupted { path: database.to_owned() });
    }
    Ok(())
}

/// Whether the backup is sound and its secrets open with our key, which is written if the backup has it and we do not.
async fn check(source: &SqlitePool, settings: &Settings, from: &Path) -> Result<(Facts, bool)> {
    let facts = Facts::read(source, from).await?;
    backup::check(source, from).await?;
    let (cipher, write) = match Facts::key(source).await? {
        Some(text) if !settings.key_file.exists() => {
            let why = || Error::NoBackup { path: from.to_owned(), why: "the key in it is none".into() };
            (Cipher::parse(&text).ok_or_else(why)?, Some(text))
        }
        _ => (Cipher::read(&settings.key_file)?, None),
    };
    Installation::check_key(&Pool::Sqlite(source.clone()), &cipher).await?.ok_or_else(|| {
        let theirs = facts.key_id.as_deref().unwrap_or("unknown");
        let why = format!("is key {}, and the backup was made with key {theirs}", cipher.id());
        Error::Key { path: settings.key_file.clone(), why }
    })?;
    if let Some(text) = &write {
        Cipher::create(&settings.key_file, text)?;
    }
    Ok((facts, write.is_some()))
}

/// What was written into the restored database.
struct Mark {
    restored_at: Timestamp,
    lift_at: Timestamp,
    epoch: i64,
    attempt_id: i64,
    suppressions: Option<Carried>,
    ledger_rows: Option<u64>,
}

/// Makes a database of ours of the copied backup.
async fn prepare(
    database: SqlitePool,
    facts: &Facts,
    present: &Present,
    settings: &Settings,
    imports: &Path,
) -> Result<Mark> {
    files::unpack(&database, imports).await?;
    Facts::drop_tables(&database).await?;
    let pool = Pool::Sqlite(database.clone());
    schema::migrate(&pool, schema::VERSIONS, None).await?;
    carry::free_lease(&database).await?;
    carry::end_sessions(&database).await?;
    let suppressions = carry::suppressions(&database, &settings.path).await;
    let ledger_rows = ledger::take_over(&database, &settings.path).await;
    let restored_at = crate::sql::now();
    let mut transaction = pool.begin_write().await?;
    let (epoch, attempt_id) = jump::jump(facts.taken_at, present, restored_at, &mut transaction).await?;
    let lift_at = hold::mark(facts.taken_at, restored_at, attempt_id, &mut transaction).await?;
    jump::jump_event(present, &mut transaction).await?;
    transaction.commit().await?;
    Ok(Mark { restored_at, lift_at, epoch, attempt_id, suppressions, ledger_rows })
}

/// Renames what is there and puts the new in its place. Interrupted, no database can be started and the restore is run
/// again; the last rename ends it.
fn change_places(database: &Path, part: &Path, imports: &Path, at: Timestamp) -> Result<Option<PathBuf>> {
    let restoring = beside(database, RESTORING);
    disk::publish(part, &restoring)?;
    let stamp: String = at.to_string().chars().take_while(|c| *c != '.').filter(char::is_ascii_alphanumeric).collect();
    let end = format!(".aside-{stamp}");
    let folder = files::folder(database);
    rename_if_there(&folder, &beside(&folder, &end))?;
    rename_if_there(imports, &folder)?;
    let aside = beside(database, &end);
    // A log left where it is would be read into the new database.
    for log in ["-wal", "-shm"] {
        rename_if_there(&beside(database, log), &beside(&aside, log))?;
    }
    let moved = rename_if_there(database, &aside)?;
    disk::sync_folder(database)?;
    disk::publish(&restoring, database)?;
    Ok(moved.then_some(aside))
}

fn rename_if_there(from: &Path, to: &Path) -> Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("cannot rename", from)(error)),
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("cannot delete", path)(error)),
        _ => Ok(()),
    }
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let mut source = fs::File::open(from).map_err(Error::io("cannot read", from))?;
    let mut target = copy::create_private(to)?;
    std::io::copy(&mut source, &mut target)
        .and_then(|_| target.flush())
        .and_then(|()| target.sync_all())
        .map_err(Error::io("cannot write", to))
}

/// For the test that prepares every statement.
#[cfg(test)]
pub(crate) fn server_statements() -> &'static [(&'static str, &'static str)] {
    server::STATEMENTS
}

#[cfg(test)]
mod tests;
