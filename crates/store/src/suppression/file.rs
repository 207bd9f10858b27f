//! The numbers of a registry's file, as sorted keys. One row that is no number refuses the file, by its line.

use crate::error::{Error, Result};
use crate::import::{Choices, Encoding, Format, sniff_all};
use crate::import::{Dialect, Records, cells};
use domain::{Dialable, Invalid};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Numbers of one registry, at most: 400 MB of rows.
const MAX_ENTRIES: usize = 20_000_000;
/// Rows that are handed over at a time, and such parcels on their way.
const PARCEL: usize = 4_096;
const PARCELS: usize = 8;
/// Threads that read numbers, beside the one that reads the file.
const READERS: usize = 2;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// In order, each once.
    pub(crate) keys: Vec<i64>,
    /// Rows that repeat a number.
    pub(crate) repeated: u64,
    /// As guessed.
    pub(crate) encoding: Encoding,
    /// The character, or `native`.
    pub(crate) layout: String,
}

type Row = (u64, String);
type Read1 = std::result::Result<Vec<i64>, (u64, Invalid)>;

/// Reads a file: a number per line, or a table with commas, semicolons, tabs or bars, whose number column is found by its
/// label or its content; in any encoding that an import reads.
pub(crate) fn read(path: &Path, country: Option<&str>, secret: u64) -> Result<Numbers> {
    read_at_most(path, country, secret, MAX_ENTRIES)
}

fn read_at_most(path: &Path, country: Option<&str>, secret: u64, most: usize) -> Result<Numbers> {
    let mut file = File::open(path).map_err(Error::io("cannot read", path))?;
    let wrong = |error: std::io::Error| Error::io("cannot read", path)(error);
    let guess = sniff_all(&mut file, Choices::default(), country).map_err(wrong)?;
    file.rewind().map_err(wrong)?;
    let (rows, numbers) = sync_channel::<Vec<Row>>(PARCELS);
    let numbers = Mutex::new(numbers);
    let (done, keys) = channel::<Read1>();
    let (encoding, format) = (guess.encoding, &guess.format);
    let (gathered, keys) = std::thread::scope(|scope| {
        for _ in 0..READERS {
            let (numbers, done) = (&numbers, done.clone());
            scope.spawn(move || work(numbers, &done, country, secret));
        }
        drop(done);
        let gathering = scope.spawn(move || gather(&keys, most));
        let fed = feed(&mut file, encoding, format, |parcel| rows.send(parcel).is_ok());
        drop(rows);
        (fed, gathering.join().unwrap_or_else(|stopped| std::panic::resume_unwind(stopped)))
    });
    // A row that the file's reader could not take stands behind every one that it handed over.
    let mut keys = keys?;
    gathered.map_err(|refused| match refused {
        Stopped::Row(line, invalid) => at(line, invalid),
        Stopped::Io(error) => wrong(error),
    })?;
    if keys.is_empty() {
        return Err(Invalid::new("file", "holds no number").into());
    }
    let rows = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let repeated = (rows - keys.len()) as u64;
    Ok(Numbers { keys, repeated, encoding, layout: guess.format.layout().name() })
}

fn at(line: u64, invalid: Invalid) -> Error {
    Invalid::new("file", format!("line {line}: {} {}", invalid.field, invalid.problem)).into()
}

enum Stopped {
    Row(u64, Invalid),
    Io(std::io::Error),
}

/// Hands over the number of every row, until there is no more or nobody takes them.
fn feed(
    file: &mut File,
    encoding: Encoding,
    format: &Format,
    mut take: impl FnMut(Vec<Row>) -> bool,
) -> std::result::Result<(), Stopped> {
    let mut head = Vec::new();
    file.by_ref().take(3).read_to_end(&mut head).map_err(Stopped::Io)?;
    head.drain(..encoding.mark_bytes(&head));
    let (dialect, labels) = match format {
        Format::Csv(columns) => (Dialect::Quoted(columns.delimiter as u8), columns.label_line),
        Format::Native => (Dialect::Lines, None),
    };
    let mut records = Records::new(Cursor::new(head).chain(file), encoding, dialect, 1);
    let mut parcel = Vec::with_capacity(PARCEL);
    while let Some(record) = records.next().map_err(Stopped::Io)? {
        let bytes = records.bytes(&record);
        let is_blank = record.flaw.is_none() && bytes.trim_ascii().is_empty();
        if is_blank || labels == Some(record.line) {
            continue;
        }
        let refused = |problem: String| Stopped::Row(record.line, Invalid::new("row", problem));
        if let Some(flaw) = record.flaw {
            return Err(refused(format!("cannot be read: {flaw:?}")));
        }
        let text = encoding.decode(bytes).ok_or_else(|| refused(format!("holds bytes that are not {encoding}")))?;
        let number = match format {
            Format::Native => text.split(',').next().unwrap_or_default().to_owned(),
            Format::Csv(columns) if text.contains([columns.delimiter, '"']) => {
                let cells = cells(&text, columns.delimiter);
                // Area code and number apart, as some keepers write them: half a number would be taken for a whole one.
                let digits = |cell: &&Cow<'_, str>| cell.len() > 1 && cell.bytes().all(|byte| byte.is_ascii_digit());
                if labels.is_none() && cells.iter().filter(digits).count() > 1 {
                    let problem = "has several cells of digits, and no label says which one is the number";
                    return Err(refused(problem.to_owned()));
                }
                cells.get(columns.number_column).map_or_else(String::new, |cell| Cow::as_ref(cell).to_owned())
            }
            Format::Csv(columns) if columns.number_column == 0 => text.into_owned(),
            Format::Csv(_) => String::new(),
        };
        parcel.push((record.line, number));
        if parcel.len() == PARCEL && !take(std::mem::replace(&mut parcel, Vec::with_capacity(PARCEL))) {
            return Ok(());
        }
    }
    take(parcel);
    Ok(())
}

/// Makes keys of rows until there are no more.
fn work(rows: &Mutex<Receiver<Vec<Row>>>, done: &Sender<Read1>, country: Option<&str>, secret: u64) {
    loop {
        let parcel = rows.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(parcel) = parcel else { return };
        let key = |(line, text): &Row| {
            let number = Dialable::parse(text, country).map_err(|invalid| (*line, invalid))?;
            Ok(number.key(secret).0)
        };
        if done.send(parcel.iter().map(key).collect()).is_err() {
            return;
        }
    }
}

/// All keys, or the first row that is wrong.
fn gather(done: &Receiver<Read1>, most: usize) -> Result<Vec<i64>> {
    let mut keys: Vec<i64> = Vec::new();
    let mut wrong: Option<(u64, Invalid)> = None;
    let mut too_many = false;
    // To the end, whatever was found: whoever stops listening stops those who read, and the file's reader waits for them.
    for some in done {
        match some {
            Ok(some) if wrong.is_none() && !too_many => keys.extend(some),
            Ok(_) => {}
            Err(this) => wrong = wrong.into_iter().chain([this]).min_by_key(|(line, _)| *line),
        }
        too_many |= keys.len() > most;
    }
    if too_many {
        return Err(Invalid::new("file", format!("holds more than {most} numbers")).into());
    }
    match wrong {
        Some((line, invalid)) => Err(at(line, invalid)),
        None => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// More rows than fit on their way: whoever reads the file must not be left waiting.
    #[test]
    fn a_file_with_too_many_numbers_is_refused_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.csv");
        let rows = 2 * PARCEL * (PARCELS + READERS);
        let text = (0..rows).fold(String::new(), |mut text, row| {
            writeln!(text, "0{row:09}").unwrap();
            text
        });
        std::fs::write(&path, text).unwrap();
        let refused = read_at_most(&path, None, 7, PARCEL).unwrap_err().to_string();
        assert!(refused.contains(&format!("holds more than {PARCEL} numbers")), "{refused}");
        assert_eq!(read_at_most(&path, None, 7, rows).unwrap().keys.len(), rows);
    }
}
