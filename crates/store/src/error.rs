//! What can go wrong, one variant per thing the caller can do about it.

use domain::Invalid;
use std::path::PathBuf;
use thiserror::Error;

/// The result of every function of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store did not do what it was asked. Nothing was changed.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such row in the scope.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// What was looked for, e.g. `trunk`.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// Names are unique per tenant and kind.
    #[error("{what} {name:?} exists already")]
    NameTaken {
        /// What has that name, e.g. `trunk`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The state of the thing does not allow it.
    #[error("{what} {why}")]
    Conflict {
        /// What it is about, with its name or id, e.g. `campaign "spring"`.
        what: String,
        /// Why not, e.g. `is already running`.
        why: String,
    },
    /// A value was refused, by field.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Events behind the one that was named are not kept any more.
    #[error("events behind {after} are not kept any more; the oldest is {oldest}")]
    EventsDropped {
        /// What was read last.
        after: i64,
        /// The oldest that is kept.
        oldest: i64,
    },
    /// It cannot be deleted while something names it.
    #[error("{what} {id} is in use by {by}")]
    InUse {
        /// What was to be deleted, e.g. `pbx`.
        what: &'static str,
        /// Its id.
        id: String,
        /// What names it, with a way out where there is one.
        by: String,
    },
    /// Nobody would be left who may administer users.
    #[error("nobody else could administer then")]
    LastAdministrator,
    /// Too many sign-ins wait for their turn: passwords are compared one at a time.
    #[error("too many people are signing in")]
    TooManySignIns,
    /// No space left on the device: dialling must stop until there is some.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// The database was written by a newer version.
    #[error("the database is at version {found}, this program knows versions up to {known}")]
    Newer {
        /// Version of the database.
        found: i64,
        /// Latest version that this program knows.
        known: i64,
    },
    /// Another process uses the database.
    #[error("another process uses the database (it holds the lock {})", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Another process holds the lease of the site and renews it.
    #[error("another process uses the database: {holder} (lease {fence}, renewed {} s ago)", seconds(*.age_ms))]
    Leased {
        /// Host and process.
        holder: String,
        /// Its fence.
        fence: i64,
        /// Since the last renewal, in milliseconds, by the clocks of both hosts.
        age_ms: i64,
    },
    /// Another process has taken the lease of the site from us: nothing was written, nothing may be sent.
    #[error("another process has taken over the database: {holder}")]
    Fenced {
        /// Host and process.
        holder: String,
    },
    /// The key file is missing, unreadable or not the one the secrets were sealed with.
    #[error("key file {}: {why}", .path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// The database server cannot be used: it does not answer, or refuses us.
    #[error("database {server}: {why}")]
    Unreachable {
        /// Its address, without a password.
        server: String,
        /// What the server or the network says.
        why: String,
    },
    /// The engine does not give the guarantees that the journal needs.
    #[error("database {}: {why}", .path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no such database or backup.
    #[error("there is no {}", .path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// A file that must not be overwritten.
    #[error("{} exists already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room for a copy.
    #[error("no room in {}: {needed} bytes are needed, {free} are free", .folder.display())]
    NoRoom {
        /// Where it was to go.
        folder: PathBuf,
        /// With some to spare.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// A file of the database was changed by something else than SQLite, or the disk returned other bytes than it was
    /// given.
    #[error("database {} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        what: String,
    },
    /// The same, found by a statement.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// A file that is no backup of ours.
    #[error("{} is no backup of Carillon: {why}", .path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A server's database, which is copied and restored with the server's own tools.
    #[error("the database is a PostgreSQL server's, and {what} works on files only")]
    ServersOwn {
        /// `backup` or `restore`.
        what: &'static str,
    },
    /// A restore was begun and did not end.
    #[error("a restore of the database {} was interrupted", .path.display())]
    RestoreInterrupted {
        /// The database.
        path: PathBuf,
    },
    /// The database failed otherwise.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// A migration failed; the database is as it was before.
    #[error("database migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A file could not be read or written.
    #[error("{what} {}: {source}", .path.display())]
    Io {
        /// What was tried, e.g. `cannot create folder`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// A stable code for programs, in snake case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::NameTaken { .. } => "name_taken",
            Self::Conflict { .. } => "conflict",
            Self::Invalid(_) => "invalid",
            Self::EventsDropped { .. } => "events_dropped",
            Self::InUse { .. } => "in_use",
            Self::LastAdministrator => "last_administrator",
            Self::TooManySignIns => "too_many_sign_ins",
            Self::DiskFull => "disk_full",
            Self::Newer { .. } => "database_newer",
            Self::Locked { .. } => "database_locked",
            Self::Leased { .. } => "database_leased",
            Self::Fenced { .. } => "fenced",
            Self::Key { .. } => "key_file",
            Self::Unusable { .. } => "database_unusable",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Missing { .. } => "database_missing",
            Self::Exists { .. } => "file_exists",
            Self::NoRoom { .. } => "no_room",
            Self::Damaged { .. } | Self::Corrupt(_) => "database_damaged",
            Self::NoBackup { .. } => "no_backup",
            Self::ServersOwn { .. } => "database_on_server",
            Self::RestoreInterrupted { .. } => "restore_interrupted",
            Self::Database(_) => "database",
            Self::Migration(_) => "database_migration",
            Self::Io { .. } => "io",
        }
    }

    /// The field that is to blame, as the API calls it.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => Some(&invalid.field),
            Self::NameTaken { what: "user", .. } => Some("login"),
            Self::NameTaken { .. } => Some("name"),
            _ => None,
        }
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Names the file that a statement found to be damaged.
    pub(crate) fn at(self, path: &std::path::Path) -> Self {
        match self {
            Self::Corrupt(what) => Self::Damaged { path: path.to_owned(), what },
            other => other,
        }
    }

    pub(crate) fn unreachable(server: &crate::engine::postgres::Server, error: &sqlx::Error) -> Self {
        Self::Unreachable { server: server.to_string(), why: error.to_string() }
    }

    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }

    /// For statements whose only unique key is the name.
    pub(crate) fn naming(what: &'static str, name: &str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::NameTaken { what, name: name.to_owned() }
            }
            _ => error.into(),
        }
    }
}

fn seconds(ms: i64) -> String {
    format!("{:.1}", ms as f64 / 1_000.0)
}

/// SQLite's result codes; extended ones keep them in the low byte.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;
/// PostgreSQL's codes for the same: `disk_full`, `data_corrupted`.
const POSTGRES_FULL: &str = "53100";
const POSTGRES_CORRUPT: &str = "XX001";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let Some(told) = error.as_database_error() else { return Self::Database(error) };
        // A number of SQLite has up to four digits, a code of PostgreSQL always five.
        match told.code().as_deref() {
            Some(POSTGRES_FULL) => Self::DiskFull,
            Some(POSTGRES_CORRUPT) => Self::Corrupt(told.message().to_owned()),
            Some(code) if code.len() < POSTGRES_FULL.len() => match code.parse::<i32>().map(|code| code & 0xff) {
                Ok(SQLITE_FULL) => Self::DiskFull,
                Ok(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Corrupt(told.message().to_owned()),
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}
