//! Files beside the database that belong to it: uploads that wait to be imported, and verdicts on their rows.

use super::facts;
use crate::disk::{self, blocking};
use crate::error::{Error, Result};
use sqlx::Row;
use sqlx::sqlite::SqlitePool;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of one row of `backup_part`.
const PIECE_BYTES: u64 = 1 << 20;

// Every import whose upload is still needed, and how much of its verdicts counts.
const JOBS: &str = "SELECT id, verdict_bytes, bytes_total, state IN ('uploaded', 'running', 'failed') AS needs_upload \
    FROM import_job WHERE state <> 'cancelled' ORDER BY id";
const PIECE: &str = "INSERT INTO backup_part (name, position, bytes) VALUES ($1, $2, $3)";
const NAMES: &str = "SELECT DISTINCT name FROM backup_part ORDER BY name";
const PIECES: &str = "SELECT bytes FROM backup_part WHERE name = $1 AND position = $2";
const IS_THERE: &str = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'import_job'";

/// The folder of the imports of a database.
pub(crate) fn folder(database: &Path) -> PathBuf {
    disk::folder_of(database).join("imports")
}

/// Bytes of all of them.
pub(super) fn size(database: &Path) -> Result<u64> {
    let folder = folder(database);
    match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        entries => {
            let entries = entries.map_err(Error::io("cannot read folder", &folder))?;
            Ok(entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum())
        }
    }
}

/// Puts into the copy what the imports that it knows need. A file that was cancelled or deleted after the copy was made
/// is left out: its import fails by name if it is ever run.
pub(super) async fn pack(database: &Path, copy: &SqlitePool) -> Result<()> {
    facts::make_tables(copy).await?;
    if sqlx::query_scalar::<_, i64>(IS_THERE).fetch_one(copy).await? == 0 {
        return Ok(());
    }
    let folder = folder(database);
    for row in sqlx::query(JOBS).fetch_all(copy).await? {
        let (id, verdicts, upload): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if row.try_get::<i64, _>(3)? != 0 {
            pack_one(&folder, &format!("{id}.raw"), upload, copy).await?;
        }
        pack_one(&folder, &format!("{id}.verdicts.csv"), verdicts, copy).await?;
    }
    Ok(())
}

/// The first `bytes` of a file.
async fn pack_one(folder: &Path, name: &str, bytes: i64, copy: &SqlitePool) -> Result<()> {
    let path = folder.join(name);
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file.map_err(Error::io("cannot read", &path))?.take(u64::try_from(bytes).unwrap_or(0)),
    };
    for position in 0_i64.. {
        let path = path.clone();
        let (rest, piece) = blocking(move || {
            let mut piece = Vec::new();
            file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece).map_err(Error::io("cannot read", &path))?;
            Ok((file, piece))
        })
        .await?;
        file = rest;
        if piece.is_empty() {
            break;
        }
        sqlx::query(PIECE).bind(name).bind(position).bind(piece).execute(copy).await?;
    }
    Ok(())
}

/// Writes every packed file into `folder`, which must not exist.
pub(crate) async fn unpack(copy: &SqlitePool, folder: &Path) -> Result<u64> {
    let names: Vec<String> = sqlx::query_scalar(NAMES).fetch_all(copy).await?;
    fs::create_dir_all(folder).map_err(Error::io("cannot create folder", folder))?;
    let mut bytes = 0;
    for name in names {
        // Ours are plain names; whatever else a file offered as a backup holds does not leave the folder.
        if name.contains(['/', '\\']) || name.starts_with('.') {
            continue;
        }
        let path = folder.join(&name);
        let created = disk::private().write(true).create_new(true).open(&path);
        let mut file = created.map_err(Error::io("cannot create", &path))?;
        for position in 0_i64.. {
            let piece: Option<Vec<u8>> =
                sqlx::query_scalar(PIECES).bind(&name).bind(position).fetch_optional(copy).await?;
            let Some(piece) = piece else { break };
            bytes += piece.len() as u64;
            file.write_all(&piece).map_err(Error::io("cannot write", &path))?;
        }
        file.sync_all().map_err(Error::io("cannot write", &path))?;
    }
    Ok(bytes)
}
