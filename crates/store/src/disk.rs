//! Files beside the database: private ones, names that last, and room for more.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The folder of a file, also of one that is named without any.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `path` with `end` behind its name.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Makes the folder of a file where it is missing.
pub(crate) fn make_folder_of(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(Error::io("cannot create folder", folder))
}

/// Options for a file that only its owner may read: what lies here holds telephone numbers, names or keys.
pub(crate) fn private() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Gives a finished file its name and makes the name last.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("cannot rename", from))?;
    sync_folder(to)
}

/// Makes the names in the folder of `path` last.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("cannot write", folder))
}

/// Bytes that are free on the disk of a folder, for us.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64> {
    let room = rustix::fs::statvfs(folder).map_err(|errno| Error::io("cannot look at", folder)(errno.into()))?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Deletes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("cannot delete", path)(error)),
        _ => Ok(()),
    }
}

/// Runs disk work where it does not hold up the network.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_is_named_without_a_folder_lies_in_this_one() {
        for (path, folder) in [("carillon.db", "."), ("./carillon.db", "."), ("data/carillon.db", "data"), ("/x", "/")]
        {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
        assert!(free_bytes(folder_of(Path::new("carillon.db"))).unwrap() > 0);
        sync_folder(Path::new("carillon.db")).unwrap();
    }

    #[test]
    fn a_private_file_gets_its_name_and_may_be_gone() {
        let home = tempfile::tempdir().unwrap();
        let (part, whole) = (home.path().join("x.part"), home.path().join("x"));
        private().write(true).create_new(true).open(&part).unwrap();
        publish(&part, &whole).unwrap();
        assert_eq!(fs::metadata(&whole).unwrap().permissions().mode() & 0o777, 0o600);
        remove(&whole).unwrap();
        remove(&whole).unwrap();
        assert_eq!(beside(&whole, "-wal"), home.path().join("x-wal"));
    }
}
