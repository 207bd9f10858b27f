//! Verdict files name the number of every row. A forgotten one is written over in place, so that the file keeps its
//! length, which the books know.

use crate::db::Store;
use crate::error::{Error, Result};
use domain::{Dialable, NumberKey};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Longer lines there are none: a number, a field and a sentence.
const MAX_LINE: usize = 64 << 10;

/// How many lines name a number with one of the keys; `erase` writes over the number and what is said of it.
pub(super) fn lines_with(files: Vec<PathBuf>, store: &Store, keys: &[NumberKey], erase: bool) -> Result<u64> {
    let mut found = 0;
    for path in files {
        found += lines_of(&path, store, keys, erase)?;
    }
    Ok(found)
}

fn lines_of(path: &Path, store: &Store, keys: &[NumberKey], erase: bool) -> Result<u64> {
    let file = match File::options().read(true).write(erase).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        file => file.map_err(Error::io("cannot open", path))?,
    };
    let mut reader = BufReader::new(&file);
    let (mut line, mut offset, mut found) = (Vec::new(), 0u64, 0);
    loop {
        line.clear();
        let read = std::io::Read::take(&mut reader, MAX_LINE as u64).read_until(b'\n', &mut line);
        let count = read.map_err(Error::io("cannot read", path))?;
        if count == 0 {
            break;
        }
        if let Some(cell) = number_cell(&line)
            && names(&line[cell.clone()], store, keys)
        {
            found += 1;
            if erase {
                let mut hidden = line.clone();
                cover(&mut hidden, cell);
                file.write_all_at(&hidden, offset).map_err(Error::io("cannot write", path))?;
            }
        }
        offset += count as u64;
    }
    if erase && found > 0 {
        file.sync_data().map_err(Error::io("cannot write", path))?;
    }
    Ok(found)
}

/// Where the third cell stands, quotes included.
fn number_cell(line: &[u8]) -> Option<Range<usize>> {
    let second = line.iter().enumerate().filter(|(_, byte)| **byte == b',').map(|(at, _)| at).nth(1)?;
    let start = second + 1;
    let mut quoted = false;
    for (at, byte) in line.iter().enumerate().skip(start) {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return Some(start..at),
            _ => {}
        }
    }
    None
}

fn names(cell: &[u8], store: &Store, keys: &[NumberKey]) -> bool {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim_matches('"').trim_start_matches('\'').replace("\"\"", "\"");
    Dialable::parse(&text, store.country()).is_ok_and(|number| keys.contains(&store.number_key(&number)))
}

/// Writes `x` over the number and over the sentence at the end of the line; separators and quotes stay.
fn cover(line: &mut [u8], cell: Range<usize>) {
    let sentence = line[cell.end + 1..].iter().position(|byte| *byte == b',').map(|at| cell.end + 1 + at);
    let rest = sentence.unwrap_or(line.len())..line.len();
    for at in cell.chain(rest) {
        if !matches!(line[at], b',' | b'"' | b'\r' | b'\n') {
            line[at] = b'x';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_and_what_is_said_of_it_are_covered_and_nothing_moves() {
        for (line, covered) in [
            ("2,accepted,0669820001,,\r\n", "2,accepted,xxxxxxxxxx,,\r\n"),
            ("3,duplicate,\"'+39,5\",number,is in the list\r\n", "3,duplicate,\"xxxx,x\",number,xxxxxxxxxxxxxx\r\n"),
            ("4,refused,06,NAME,\"bad \"\"Ana\"\", sorry\"\n", "4,refused,xx,NAME,\"xxxx\"\"xxx\"\",xxxxxx\"\n"),
        ] {
            let mut bytes = line.as_bytes().to_vec();
            let cell = number_cell(&bytes).unwrap();
            cover(&mut bytes, cell);
            assert_eq!(String::from_utf8(bytes).unwrap(), covered);
        }
        assert_eq!(number_cell(b"line,verdict"), None);
    }
}
