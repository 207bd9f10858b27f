//! Versions of the schema: which this program knows, and how an older database becomes one of them.
//!
//! A migration that left the house is never edited (`tests/released_migrations.rs` keeps the checksums); a change is the
//! next number, for both engines. Each runs in a transaction: interrupted, the database is as it was before. Before the
//! first one touches a file with somebody's data in it, a backup is put beside it.

use crate::backup::{self, Options};
use crate::disk::beside;
use crate::engine::{Pool, postgres, query_scalar, sqlite};
use crate::error::{Error, Result};
use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::path::Path;

/// One version of the schema.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Version {
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! version {
    ($number:literal, $name:literal) => {
        Version {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $number, "_", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $number, "_", $name, ".sql")),
        }
    };
}

/// Every version, from number 1. The texts for the two engines make the same tables.
pub(crate) const VERSIONS: &[Version] = &[
    version!("0001", "first"),
    version!("0002", "restore"),
    version!("0003", "suppression"),
    version!("0004", "site_lease"),
    version!("0005", "gate"),
    version!("0006", "alert"),
    version!("0007", "webhooks"),
    version!("0008", "users"),
    version!("0009", "books"),
    version!("0010", "answers"),
    version!("0011", "find_attempts"),
    version!("0012", "calls"),
    version!("0013", "link"),
    version!("0014", "skip_columns"),
    version!("0015", "opening_hours"),
    version!("0016", "black_list"),
    version!("0017", "form"),
    version!("0018", "queues"),
    version!("0019", "caller_ids"),
    version!("0020", "run_lists"),
    version!("0021", "outcome_rules"),
    version!("0022", "reverse"),
    version!("0023", "queue_log"),
    version!("0024", "run_mail"),
    version!("0025", "preview"),
    version!("0026", "numbers"),
    version!("0027", "pacing"),
    version!("0028", "autopause"),
    version!("0029", "abandonment"),
    version!("0030", "system_log"),
    version!("0031", "forecast"),
];

statements! {
    MIGRATED = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
}

/// The newest version that this program knows.
pub(crate) const fn known() -> i64 {
    VERSIONS.len() as i64
}

/// The version of a database; 0 when nothing of ours is in it.
pub(crate) async fn found(database: &Pool) -> Result<i64> {
    let is_migrated = match database {
        Pool::Sqlite(_) => sqlite::IS_MIGRATED,
        Pool::Postgres(_) => postgres::IS_MIGRATED,
    };
    if query_scalar::<i64>(is_migrated).fetch_one(database).await? == 0 {
        return Ok(0);
    }
    Ok(query_scalar(MIGRATED).fetch_one(database).await?)
}

/// Brings a database to the last of `versions`. A newer one is refused and left alone.
///
/// `file` are the paths of database and key: an older file gets a backup `<database>.before-v<version>` beside it first.
/// A server's database is backed up with the server's own tools, which somebody else has in hand.
pub(crate) async fn migrate(writer: &Pool, versions: &[Version], file: Option<(&Path, &Path)>) -> Result<()> {
    let (found, known) = (found(writer).await?, versions.len() as i64);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let is_older = (1..known).contains(&found);
    if is_older && let (Pool::Sqlite(source), Some((database, key_file))) = (writer, file) {
        let kept = beside(database, &format!(".before-v{known}"));
        tracing::info!(from = found, to = known, copy = %kept.display(), "the database becomes a newer version; a backup is made first");
        // One that is there was made by a start that got no further: nothing had changed.
        let options = Options { replace: true, ..Options::default() };
        backup::write(source, database, key_file, &kept, options, &mut |_| ()).await?;
    }
    let numbered = (1..).zip(versions).map(|(number, version)| {
        let sql = match writer {
            Pool::Sqlite(_) => version.sqlite,
            Pool::Postgres(_) => version.postgres,
        };
        Migration::new(number, version.name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    let migrator = Migrator::with_migrations(numbered.collect());
    match writer {
        Pool::Sqlite(pool) => migrator.run(pool).await?,
        Pool::Postgres(pool) => migrator.run(pool).await?,
    }
    if is_older {
        tracing::info!(from = found, version = known, "the database is at the newer version");
    }
    Ok(())
}

/// Differs when a version does.
#[cfg(test)]
pub(crate) fn fingerprint() -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    VERSIONS.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
