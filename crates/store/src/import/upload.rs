//! A file on its way in: kept beside the database until its import is over.

use crate::db::Store;
use crate::disk::{self, blocking};
use crate::error::{Error, Result};
use domain::{ImportId, Invalid};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file that is taken, in bytes.
pub const MAX_UPLOAD_BYTES: u64 = 2 << 30;
/// Written to disk at a time, in bytes.
const BUFFER_BYTES: usize = 1 << 20;
/// Ends the name of a file that is still arriving.
const PART: &str = "part";

/// A file that is being received. Dropped before it became an import, it is deleted.
pub struct Upload {
    file: Arc<File>,
    path: PathBuf,
    buffer: Vec<u8>,
    bytes: u64,
    kept: bool,
}

impl Store {
    /// Begins to receive a file, to be handed to [`Store::create_import`] when it is complete.
    pub async fn begin_upload(&self) -> Result<Upload> {
        let folder = folder(self);
        let path = folder.join(format!("{:016x}.{PART}", rand::random::<u64>()));
        let file = blocking({
            let path = path.clone();
            move || {
                fs::create_dir_all(&folder).map_err(Error::io("cannot create folder", &folder))?;
                let created = disk::private().write(true).create_new(true).open(&path);
                created.map_err(Error::io("cannot create", &path))
            }
        })
        .await?;
        Ok(Upload { file: Arc::new(file), path, buffer: Vec::new(), bytes: 0, kept: false })
    }
}

impl Upload {
    /// Takes the next bytes of the file. Refused when it becomes larger than [`MAX_UPLOAD_BYTES`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_UPLOAD_BYTES {
            return Err(Invalid::new("file", format!("is larger than {MAX_UPLOAD_BYTES} bytes: split it")).into());
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Bytes received.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn flush(&mut self) -> Result<()> {
        let (file, buffer, path) = (self.file.clone(), std::mem::take(&mut self.buffer), self.path.clone());
        blocking(move || (&*file).write_all(&buffer).map_err(Error::io("cannot write", &path))).await
    }

    /// Where it is until it has another name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// On disk for good, though still under its first name.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        let (file, path) = (self.file.clone(), self.path.clone());
        blocking(move || file.sync_all().map_err(Error::io("cannot write", &path))).await
    }

    /// Gives it the name of its job. The caller commits the job's row behind this.
    pub(crate) async fn keep(mut self, store: &Store, id: ImportId) -> Result<()> {
        let (from, to) = (self.path.clone(), raw_path(store, id));
        blocking(move || disk::publish(&from, &to)).await?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            // Already renamed or gone: nothing to delete.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where imports keep their files.
pub(crate) fn folder(store: &Store) -> PathBuf {
    store.folder().join("imports")
}

/// The uploaded file of a job.
pub(crate) fn raw_path(store: &Store, id: ImportId) -> PathBuf {
    folder(store).join(format!("{id}.raw"))
}

/// The verdict file of a job.
pub(crate) fn verdict_path(store: &Store, id: ImportId) -> PathBuf {
    folder(store).join(format!("{id}.verdicts.csv"))
}

/// Removes files whose upload broke off and those of jobs that are not `known`; to be called before anything arrives.
pub(crate) fn sweep(store: &Store, known: &[ImportId]) -> Result<()> {
    let folder = folder(store);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("cannot read folder", &folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("cannot read folder", &folder))?.path();
        let Some((stem, end)) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('.'))
        else {
            continue;
        };
        let orphan = match end {
            PART => true,
            "raw" | "verdicts.csv" => stem.parse().is_ok_and(|id| !known.contains(&ImportId(id))),
            _ => false,
        };
        if orphan {
            disk::remove(&path)?;
        }
    }
    Ok(())
}
