//! A consistent copy of an SQLite database, made while others write to it.

use crate::disk::{self, beside, blocking};
use crate::error::{Error, Result};
use sqlx::sqlite::SqlitePool;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

/// Room that must be left beside a copy, in bytes: what is written meanwhile needs some, too.
const SPARE_BYTES: u64 = 16 << 20;
/// How often the copy is pushed to the disk while it grows. Left to the end, it would reach the disk in one go, and
/// commits of the dialler would wait behind it.
const PUSH_EVERY: Duration = Duration::from_millis(100);

const COPY: &str = "VACUUM INTO $1";

/// Refuses a copy of `needed` bytes to `path` if its disk has no room for it.
pub(crate) fn check_room(path: &Path, needed: u64) -> Result<()> {
    let folder = disk::folder_of(path);
    let free = disk::free_bytes(folder)?;
    if free < needed.saturating_add(SPARE_BYTES) {
        return Err(Error::NoRoom { folder: folder.to_owned(), needed: needed + SPARE_BYTES, free });
    }
    Ok(())
}

/// An empty file that only its owner reads; what stands there from a broken copy is overwritten.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    let mut options = disk::private();
    options.create(true).truncate(true).read(true).write(true).open(path).map_err(Error::io("cannot create", path))
}

/// Bytes of a database with its log.
pub(crate) fn size(database: &Path) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    bytes(database) + bytes(&beside(database, "-wal"))
}

/// Writes the database as it is at one instant to `to`, which is made anew. Writers of the source go on meanwhile; the
/// source's log cannot be shortened until this is done. Rows that were deleted are not carried over.
pub(crate) async fn snapshot(source: &SqlitePool, to: &Path) -> Result<()> {
    let file = create_private(to)?;
    let name = to.to_str().ok_or_else(|| domain::Invalid::new("file", "its path is not UTF-8"))?;
    let mut copying = Box::pin(sqlx::query(COPY).bind(name).execute(source));
    let copied = loop {
        tokio::select! {
            copied = &mut copying => break copied,
            () = tokio::time::sleep(PUSH_EVERY) => {
                let file = file.try_clone().map_err(Error::io("cannot write", to))?;
                let path = to.to_owned();
                blocking(move || file.sync_data().map_err(Error::io("cannot write", &path))).await?;
            }
        }
    };
    copied?;
    let path = to.to_owned();
    blocking(move || file.sync_all().map_err(Error::io("cannot write", &path))).await
}
