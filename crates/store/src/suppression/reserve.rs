//! Room on the disk that was taken while there was room: who asks not to be called is heard when nothing else can be
//! written any more.
//!
//! One file of [`SLOTS`] slots, written through when it is made, so that an entry only overwrites what is there: that needs
//! no free space. An entry is one line of JSON in a slot of its own; a slot that does not read as one was torn by a loss
//! of power, before anybody was told that it is written.

use super::Entry;
use crate::disk;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a slot.
const SLOT: usize = 2_048;
/// Entries that the reserve holds: 2 MiB.
pub const SLOTS: usize = 1_024;
/// Bytes written at once while the file is made.
const STEP: usize = 64 * SLOT;

/// The reserve of one database.
#[derive(Debug)]
pub(crate) struct Reserve {
    file: File,
    path: PathBuf,
    /// What is in it, in order; the next entry goes to the slot behind.
    entries: Vec<Entry>,
    /// Slots used, torn ones included.
    used: usize,
}

impl Reserve {
    /// Opens it or makes it; reads what was left in it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = disk::private().create(true).truncate(false).read(true).write(true).open(path)?;
        let size = SLOT * SLOTS;
        let mut have = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX) / STEP * STEP;
        if have < size {
            while have < size {
                file.write_all_at(&[0; STEP], have as u64)?;
                have += STEP;
            }
            file.sync_all()?;
            File::open(disk::folder_of(path))?.sync_all()?;
        }
        let bytes = fs::read(path)?;
        let mut entries = Vec::new();
        let mut used = 0;
        for (index, slot) in bytes.chunks_exact(SLOT).take(SLOTS).enumerate().filter(|(_, slot)| slot[0] != 0) {
            used = index + 1;
            let end = slot.iter().position(|byte| *byte == 0).unwrap_or(SLOT);
            match serde_json::from_slice(&slot[..end]) {
                Ok(entry) => entries.push(entry),
                Err(error) => tracing::warn!(slot = index, %error, "the reserve holds a torn entry"),
            }
        }
        Ok(Self { file, path: path.to_owned(), entries, used })
    }

    /// One that holds nothing and takes nothing.
    pub(crate) fn closed() -> io::Result<Self> {
        let path = Path::new("/dev/null");
        Ok(Self { file: File::open(path)?, path: path.to_owned(), entries: Vec::new(), used: SLOTS })
    }

    /// Writes the entries through to the disk, all of them or an error. What an error leaves behind may be read back:
    /// suppressing a number more is the lesser evil.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if self.used + entries.len() > SLOTS {
            return Err(io::Error::other(format!("the reserve is full: it holds {SLOTS} entries")));
        }
        for entry in entries {
            let mut slot = serde_json::to_vec(entry).map_err(io::Error::other)?;
            if slot.len() > SLOT {
                return Err(io::Error::other("the entry is too long for the reserve"));
            }
            slot.resize(SLOT, 0);
            self.file.write_all_at(&slot, (self.used * SLOT) as u64)?;
            self.used += 1;
            self.entries.push(entry.clone());
        }
        self.file.sync_data()
    }

    /// What is in it.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Empties it, once the database has the entries. The last slot first: what is left after a kill is read again.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        for index in (0..self.used).rev() {
            self.file.write_all_at(&[0; SLOT], (index * SLOT) as u64)?;
        }
        self.file.sync_data()?;
        self.entries.clear();
        self.used = 0;
        Ok(())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    fn entry(number: &str) -> Entry {
        Entry {
            tenant: 1,
            list: 1,
            keys: vec![7],
            number: number.into(),
            by: "ana".into(),
            why: "asked us to stop".into(),
            at: Timestamp(5),
        }
    }

    #[test]
    fn what_was_written_is_read_after_a_restart_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::open(&path).unwrap();
        reserve.append(&[entry("1"), entry("2")]).unwrap();
        reserve.append(&[entry("3")]).unwrap();
        let mut reserve = Reserve::open(&path).unwrap();
        assert_eq!(reserve.entries(), [entry("1"), entry("2"), entry("3")]);
        reserve.clear().unwrap();
        assert!(reserve.entries().is_empty());
        assert!(Reserve::open(&path).unwrap().entries().is_empty());
    }

    #[test]
    fn an_entry_needs_no_room_that_was_not_taken_before() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::open(&path).unwrap();
        let before = fs::metadata(&path).unwrap();
        assert!(before.blocks() * 512 >= (SLOT * SLOTS) as u64, "the file has holes: {} blocks", before.blocks());
        reserve.append(&vec![entry("1"); SLOTS]).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.len(), before.blocks()), (after.len(), after.blocks()));
        assert!(reserve.append(&[entry("1")]).unwrap_err().to_string().contains("full"));
    }

    #[test]
    fn a_torn_slot_costs_itself_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::open(&path).unwrap();
        reserve.append(&[entry("1"), entry("2")]).unwrap();
        reserve.file.write_all_at(b"{\"ten", SLOT as u64).unwrap();
        reserve.file.write_all_at(&[0; SLOT - 5], SLOT as u64 + 5).unwrap();
        let mut reserve = Reserve::open(&path).unwrap();
        assert_eq!(reserve.entries(), [entry("1")]);
        reserve.append(&[entry("3")]).unwrap();
        assert_eq!(Reserve::open(&path).unwrap().entries(), [entry("1"), entry("3")]);
    }

    #[test]
    fn a_reserve_that_was_cut_short_is_made_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        fs::write(&path, b"").unwrap();
        let mut reserve = Reserve::open(&path).unwrap();
        reserve.append(&[entry("1")]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), (SLOT * SLOTS) as u64);
    }
}
