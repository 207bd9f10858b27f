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
    /// No space left on the device: dialling must stop until there is some.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// The database was written by a newer version.
    #[error("the database is at version {found}, this program knows {known}: use the newer program")]
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
            Self::InUse { .. } => "in_use",
            Self::DiskFull => "disk_full",
            Self::Newer { .. } => "database_newer",
            Self::Locked { .. } => "database_locked",
            Self::Key { .. } => "key_file",
            Self::Unusable { .. } => "database_unusable",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Database(_) => "database",
            Self::Migration(_) => "database_migration",
            Self::Io { .. } => "io",
        }
    }

    /// The field that is to blame, as the API calls it.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => Some(&invalid.field),
            Self::NameTaken { .. } => Some("name"),
            _ => None,
        }
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
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

/// SQLite's result code for "no space left"; extended codes keep it in the low byte.
const SQLITE_FULL: i32 = 13;
/// PostgreSQL's class of codes for it: `disk_full`.
const POSTGRES_FULL: &str = "53100";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let is_full = error.as_database_error().is_some_and(|error| match error.code() {
            // A number of SQLite has up to four digits, a code of PostgreSQL always five.
            Some(code) if code.len() == POSTGRES_FULL.len() => code == POSTGRES_FULL,
            Some(code) => code.parse::<i32>().is_ok_and(|code| code & 0xff == SQLITE_FULL),
            None => false,
        });
        if is_full { Self::DiskFull } else { Self::Database(error) }
    }
}
