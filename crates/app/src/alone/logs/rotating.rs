//! A log file that is replaced when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes `carillon.log`; a full one becomes `carillon.log.1`, that one `.2`, and so on to `files - 1`.
///
/// A write that fails loses its line and nothing else: the next one tries again, with a file that was removed made anew.
pub(super) struct Rotating {
    path: PathBuf,
    /// A file that would be larger is full.
    bytes_max: u64,
    /// Files kept, the one in use included.
    files: u32,
    open: Option<(File, u64)>,
}

impl Rotating {
    /// Goes on with a file that exists.
    pub(super) fn open(path: &Path, bytes_max: u64, files: u32) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let open = Some(open(path)?);
        Ok(Self { path: path.to_owned(), bytes_max, files, open })
    }

    /// The file in use and its size.
    fn opened(&mut self) -> io::Result<&mut (File, u64)> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(open(&self.path)?)),
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        for number in (1..self.files).rev() {
            let from = if number == 1 { self.path.clone() } else { older(&self.path, number - 1) };
            match fs::rename(from, older(&self.path, number)) {
                // Not yet that many, or somebody tidied up.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = line.len() as u64;
        if self.opened()?.1 > 0 && self.opened()?.1 + length > self.bytes_max {
            // Where names cannot be changed the file must not grow for ever: its lines are lost instead.
            self.rotate()?;
        }
        let (file, bytes) = self.opened()?;
        let written = file.write(line)?;
        *bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |(file, _)| file.flush())
    }
}

/// Only its owner reads it.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn older(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_are_bounded_in_size_and_number_and_a_restart_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/carillon.log");
        for begin in [0, 5] {
            let mut log = Rotating::open(&path, 20, 3).unwrap();
            for n in begin..begin + 5 {
                log.write_all(format!("line {n:03}\n").as_bytes()).unwrap();
            }
        }
        assert_eq!(text(&path), "line 008\nline 009\n");
        assert_eq!(text(&older(&path, 1)), "line 006\nline 007\n");
        assert_eq!(text(&older(&path, 2)), "line 004\nline 005\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 3, "the oldest is gone");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_line_longer_than_a_file_gets_one_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.log");
        let mut log = Rotating::open(&path, 10, 2).unwrap();
        for line in ["short\n", "much longer than ten bytes\n", "short\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(text(&path), "short\n");
        assert_eq!(text(&older(&path, 1)), "much longer than ten bytes\n");
    }

    #[test]
    fn what_cannot_be_replaced_does_not_grow_and_heals() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("carillon.log");
        let mut log = Rotating::open(&path, 20, 2).unwrap();
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(older(&path, 1).join("in the way")).unwrap();
        let written = (0..10).filter(|n| log.write_all(format!("line {n:03}\n").as_bytes()).is_ok()).count();
        assert_eq!((written, text(&path).len()), (2, 18));
        fs::remove_dir_all(older(&path, 1)).unwrap();
        log.write_all(b"again\n").unwrap();
        assert_eq!(text(&path), "again\n");
    }
}
