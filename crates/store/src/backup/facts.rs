//! What a backup says about itself.

use crate::engine::Pool;
use crate::error::{Error, Result};
use crate::schema;
use crate::secret::Cipher;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqlitePool;
use std::path::Path;

/// The layout of the tables `backup_fact` and `backup_part`.
const FORMAT: u32 = 1;

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The layout of the file.
    pub format: u32,
    /// The instant whose state it holds, or a moment before it.
    pub taken_at: Timestamp,
    /// The program that made it.
    pub program: String,
    /// Version of the database's schema.
    pub version: i64,
    /// The installation's name, which is part of its channel ids.
    pub installation: String,
    /// Tells keys apart: the beginning of the SHA-256 of the key that was in use; absent when it could not be read.
    pub key_id: Option<String>,
    /// Whether the key itself is inside.
    pub with_key: bool,
}

const TABLES: &str = "CREATE TABLE backup_fact (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL); \
    CREATE TABLE backup_part (name TEXT NOT NULL, position INTEGER NOT NULL, bytes BLOB NOT NULL, \
    PRIMARY KEY (name, position))";
const DROP: &str = "DROP TABLE backup_fact; DROP TABLE backup_part";
const WRITE: &str = "INSERT INTO backup_fact (name, value) VALUES ($1, $2)";
const READ: &str = "SELECT value FROM backup_fact WHERE name = $1";
const IS_BACKUP: &str = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'backup_fact'";
const INSTALLATION: &str = "SELECT name FROM installation ORDER BY tenant_id LIMIT 1";
/// Names of the rows of `backup_fact`.
const FACTS: &str = "facts";
const KEY: &str = "key";

/// Makes room for facts and files in a copy.
pub(super) async fn make_tables(copy: &SqlitePool) -> Result<()> {
    sqlx::raw_sql(TABLES).execute(copy).await?;
    Ok(())
}

impl Facts {
    pub(super) async fn write(
        copy: &SqlitePool,
        taken_at: Timestamp,
        key: Option<&Cipher>,
        with_key: bool,
    ) -> Result<Self> {
        let facts = Self {
            format: FORMAT,
            taken_at,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            version: schema::found(&Pool::Sqlite(copy.clone())).await?,
            installation: sqlx::query_scalar(INSTALLATION).fetch_one(copy).await?,
            key_id: key.map(|key| key.id().to_owned()),
            with_key,
        };
        sqlx::query(WRITE).bind(FACTS).bind(crate::sql::json_of(&facts)).execute(copy).await?;
        if let Some(key) = key.filter(|_| with_key) {
            sqlx::query(WRITE).bind(KEY).bind(key.text()).execute(copy).await?;
        }
        Ok(facts)
    }

    /// Of the backup at `path`; refused when it is none, or one of a newer program.
    pub(crate) async fn read(backup: &SqlitePool, path: &Path) -> Result<Self> {
        let no_backup = |why: &str| Error::NoBackup { path: path.to_owned(), why: why.to_owned() };
        let found: i64 =
            sqlx::query_scalar(IS_BACKUP).fetch_one(backup).await.map_err(|error| super::damaged(path, error))?;
        if found == 0 {
            return Err(no_backup("it was not made by carillon backup"));
        }
        let text: Option<String> = sqlx::query_scalar(READ).bind(FACTS).fetch_optional(backup).await?;
        let text = text.ok_or_else(|| no_backup("it does not say what it is"))?;
        let facts: Self = serde_json::from_str(&text).map_err(|_| no_backup("a newer program made it"))?;
        if facts.format > FORMAT {
            return Err(no_backup("a newer program made it"));
        }
        if facts.version > schema::known() {
            return Err(Error::Newer { found: facts.version, known: schema::known() });
        }
        Ok(facts)
    }

    /// The key in the backup, if it was put in.
    pub(crate) async fn key(backup: &SqlitePool) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(READ).bind(KEY).fetch_optional(backup).await?)
    }

    /// Leaves only our own tables.
    pub(crate) async fn drop_tables(copy: &SqlitePool) -> Result<()> {
        sqlx::raw_sql(DROP).execute(copy).await?;
        Ok(())
    }
}
