//! Splits a file into records without ever holding more than a bounded piece of it.
//!
//! A record is one row: a line, or several when a quoted cell holds line breaks. Splitting happens on bytes, because
//! in every encoding but UTF-16 line ends, quotes and delimiters are their ASCII bytes; UTF-16 becomes UTF-8 first.
//! So each record knows how many bytes of the file it took, which is where an interrupted import goes on.

use super::encoding::Encoding;
use std::io::{self, Read};

/// A record larger than this is refused, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// How far the end of an over-long record or of an open quote is looked for, in bytes; the most that is held at once.
const MAX_LOOK_BYTES: usize = 2 << 20;
/// Least that is read at a time, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Line ends outside of quoted cells; cells are parted by this byte.
    Quoted(u8),
    /// Every line end.
    Lines,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Larger than [`MAX_RECORD_BYTES`].
    TooLong,
    /// A quote is opened and not closed properly; the record is the first line only and reading goes on behind it.
    OpenQuote,
}

/// One record of the file. Its bytes are lent by [`Records::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// First line, from 1.
    pub line: u64,
    /// Lines it takes, at least 1.
    pub lines: u64,
    /// Bytes of the file it takes, its line end included.
    pub file_bytes: u64,
    pub flaw: Option<Flaw>,
    start: usize,
    end: usize,
}

/// Records of `source`, which stands at the start of the file or behind a record.
pub(crate) struct Records<R> {
    source: Text<R>,
    dialect: Dialect,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    line: u64,
}

impl<R: Read> Records<R> {
    /// `line` is the number of the first line that `source` gives.
    pub(crate) fn new(source: R, encoding: Encoding, dialect: Dialect, line: u64) -> Self {
        let source = Text::new(source, encoding);
        Self { source, dialect, buffer: Vec::new(), start: 0, ended: false, line }
    }

    /// The next record, blank lines included. `None` at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let held = &self.buffer[self.start..];
            if held.is_empty() && self.ended {
                return Ok(None);
            }
            // Never decided by more than this window: where a block happens to end must not change what a row is.
            let rest = &held[..held.len().min(MAX_LOOK_BYTES)];
            match scan(rest, self.dialect, self.ended && rest.len() == held.len()) {
                Scan::Record { length, lines } => {
                    let flaw = (length > MAX_RECORD_BYTES).then_some(Flaw::TooLong);
                    return Ok(Some(self.take(length, lines, flaw)));
                }
                Scan::OpenQuote => return Ok(Some(self.take_first_line())),
                Scan::More if rest.len() < MAX_LOOK_BYTES => self.fill()?,
                Scan::More if first_line(rest, false).is_some() => return Ok(Some(self.take_first_line())),
                Scan::More => return self.skip_line().map(Some),
            }
        }
    }

    /// The bytes of `record`, the one returned last, without its line end.
    pub(crate) fn bytes(&self, record: &Record) -> &[u8] {
        let bytes = &self.buffer[record.start..record.end];
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }

    fn take(&mut self, length: usize, lines: u64, flaw: Option<Flaw>) -> Record {
        let (start, end) = (self.start, self.start + length);
        let file_bytes = self.source.file_bytes(&self.buffer[start..end]);
        let record = Record { line: self.line, lines, file_bytes, flaw, start, end };
        self.start = end;
        self.line += lines;
        record
    }

    fn take_first_line(&mut self) -> Record {
        let rest = &self.buffer[self.start..];
        let length = first_line(rest, true).unwrap_or(rest.len());
        self.take(length, 1, Some(Flaw::OpenQuote))
    }

    /// A line that is longer than anything we hold: thrown away as it comes.
    fn skip_line(&mut self) -> io::Result<Record> {
        let mut whole = self.take(0, 1, Some(Flaw::TooLong));
        loop {
            // A line end cut in two must not count as two.
            let length = first_line(&self.buffer[self.start..], self.ended);
            let all = self.buffer.len() - self.start;
            let held_back = usize::from(length.is_none() && !self.ended && self.buffer.ends_with(b"\r"));
            let end = self.start + length.unwrap_or(all - held_back);
            whole.file_bytes += self.source.file_bytes(&self.buffer[self.start..end]);
            self.start = end;
            if length.is_some() || (self.ended && self.start == self.buffer.len()) {
                // Nobody reads the bytes of a flawed record; its first ones are gone.
                (whole.start, whole.end) = (self.start, self.start);
                return Ok(whole);
            }
            self.fill()?;
        }
    }

    /// Reads as much again as is held, so that a long record is scanned a handful of times and not once per block.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let wanted = self.buffer.len().max(BLOCK_BYTES);
        self.ended = self.source.read(&mut self.buffer, wanted)?;
        Ok(())
    }
}

enum Scan {
    Record { length: usize, lines: u64 },
    OpenQuote,
    More,
}

/// Finds the end of the first record of `rest`. `ended`: nothing comes after `rest`.
fn scan(rest: &[u8], dialect: Dialect, ended: bool) -> Scan {
    let Dialect::Quoted(delimiter) = dialect else {
        return match first_line(rest, ended) {
            Some(length) => Scan::Record { length, lines: 1 },
            None => Scan::More,
        };
    };
    let (mut at, mut lines) = (0, 1);
    loop {
        if rest.get(at) == Some(&b'"') {
            match close_quote(rest, at + 1, delimiter, ended, &mut lines) {
                Close::At(end) => at = end,
                Close::Never => return Scan::OpenQuote,
                Close::More => return Scan::More,
            }
        }
        let Some(found) = rest[at..].iter().position(|&b| b == delimiter || b == b'\n' || b == b'\r') else {
            if ended {
                return Scan::Record { length: rest.len(), lines };
            }
            return Scan::More;
        };
        at += found;
        if rest[at] == delimiter {
            at += 1;
            continue;
        }
        return match line_end(rest, at, ended) {
            Some(length) => Scan::Record { length, lines },
            None => Scan::More,
        };
    }
}

enum Close {
    /// Behind the closing quote.
    At(usize),
    Never,
    More,
}

/// From inside a quoted cell to behind its closing quote. `""` is a quote; a quote in the middle of one line's text
/// is taken as text, but once a line end was passed it means that the quote was never closed where it should have been.
fn close_quote(rest: &[u8], mut at: usize, delimiter: u8, ended: bool, lines: &mut u64) -> Close {
    let (mut broken, mut strayed) = (false, false);
    loop {
        let Some(found) = rest[at..].iter().position(|&b| matches!(b, b'"' | b'\n' | b'\r')) else {
            return if ended { Close::Never } else { Close::More };
        };
        at += found;
        if rest[at] != b'"' {
            let Some(end) = line_end(rest, at, ended) else { return Close::More };
            if strayed {
                return Close::Never;
            }
            (at, broken) = (end, true);
            *lines += 1;
            continue;
        }
        at += 1;
        match rest.get(at) {
            None if !ended => return Close::More,
            None | Some(b'\n' | b'\r') => return Close::At(at),
            Some(&next) if next == delimiter => return Close::At(at),
            Some(b'"') => at += 1,
            Some(_) if broken => return Close::Never,
            Some(_) => strayed = true,
        }
    }
}

/// The end of the first line, its line end included. `None`: it is not in `rest`.
fn first_line(rest: &[u8], ended: bool) -> Option<usize> {
    match rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
        Some(at) => line_end(rest, at, ended),
        None => (ended && !rest.is_empty()).then_some(rest.len()),
    }
}

/// Behind the line end at `at`: `\n`, `\r\n` or `\r`. `None`: the next byte is needed to know.
fn line_end(rest: &[u8], at: usize, ended: bool) -> Option<usize> {
    if rest[at] == b'\n' {
        return Some(at + 1);
    }
    match rest.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => ended.then_some(at + 1),
    }
}

/// The file as bytes in which ASCII is ASCII: as it is, or UTF-16 turned into UTF-8.
struct Text<R> {
    source: R,
    encoding: Encoding,
    decoder: Option<encoding_rs::Decoder>,
    block: Vec<u8>,
    ended: bool,
}

impl<R: Read> Text<R> {
    fn new(source: R, encoding: Encoding) -> Self {
        let decoder = encoding.is_wide().then(|| encoding.inner().new_decoder_without_bom_handling());
        Self { source, encoding, decoder, block: Vec::new(), ended: false }
    }

    /// Appends about `wanted` bytes; `true` at the end of the file.
    fn read(&mut self, into: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
        if self.ended {
            return Ok(true);
        }
        let limit = wanted as u64;
        let Some(decoder) = &mut self.decoder else {
            self.ended = self.source.by_ref().take(limit).read_to_end(into)? < wanted;
            return Ok(self.ended);
        };
        self.block.clear();
        self.ended = self.source.by_ref().take(limit).read_to_end(&mut self.block)? < wanted;
        // The block may end inside a character, whose first half then waits in the decoder.
        let room = decoder.max_utf8_buffer_length(self.block.len()).unwrap_or(4 * self.block.len() + 16);
        let mut text = String::with_capacity(room);
        let (result, read, _) = decoder.decode_to_string(&self.block, &mut text, self.ended);
        debug_assert!(result == encoding_rs::CoderResult::InputEmpty && read == self.block.len());
        into.extend_from_slice(text.as_bytes());
        Ok(self.ended)
    }

    /// Bytes of the file that became `text`: in UTF-16 two per unit, a lone surrogate being one unit before and after.
    fn file_bytes(&self, text: &[u8]) -> u64 {
        if !self.encoding.is_wide() {
            return text.len() as u64;
        }
        let units: usize = text.iter().map(|&b| usize::from(b & 0xc0 != 0x80) + usize::from(b >= 0xf0)).sum();
        2 * units as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (u64, u64, Option<Flaw>, String);

    fn split(bytes: &[u8], encoding: Encoding, dialect: Dialect) -> Vec<Seen> {
        let mut records = Records::new(bytes, encoding, dialect, 1);
        let mut seen = Vec::new();
        while let Some(record) = records.next().unwrap() {
            let text = String::from_utf8_lossy(records.bytes(&record)).into_owned();
            seen.push((record.line, record.lines, record.flaw, text));
        }
        seen
    }

    fn csv(text: &str) -> Vec<Seen> {
        split(text.as_bytes(), Encoding::Utf8, Dialect::Quoted(b','))
    }

    fn ok(line: u64, lines: u64, text: &str) -> Seen {
        (line, lines, None, text.to_owned())
    }

    #[test]
    fn every_line_end_is_understood() {
        let expected = [ok(1, 1, "a,b"), ok(2, 1, "c"), ok(3, 1, ""), ok(4, 1, "d")];
        for text in ["a,b\nc\n\nd", "a,b\r\nc\r\n\r\nd\r\n", "a,b\rc\r\rd"] {
            assert_eq!(csv(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quoted_cell_may_hold_line_ends_delimiters_and_quotes() {
        assert_eq!(
            csv("1,\"a\r\nb, \"\"c\"\"\n\",x\n2,y\n"),
            [ok(1, 3, "1,\"a\r\nb, \"\"c\"\"\n\",x"), ok(4, 1, "2,y")]
        );
        assert_eq!(csv("1,6\" pipe,a\n2,\"the \"good\" one\",b\n").len(), 2);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_line() {
        for tail in ["3,c\n", "3,\"c\"\n", "3,\"c\"\n4,\"d\"\n"] {
            let text = format!("1,a\n2,\"b\n{tail}");
            let seen = csv(&text);
            assert_eq!(seen[1], (2, 1, Some(Flaw::OpenQuote), "2,\"b".to_owned()), "{tail:?}");
            assert_eq!(seen[2].2, None);
            assert_eq!(seen.len(), 2 + tail.lines().count());
        }
    }

    #[test]
    fn an_over_long_record_costs_itself_only() {
        let line = format!("1,{}\n2,b\n", "x".repeat(1 << 20));
        let quoted = format!("1,\"{}\"\n2,b\n", "x\n".repeat(1 << 19));
        let endless = format!("1,{}\r\n2,b\n", "x".repeat(5 << 20));
        for (text, lines) in [(line, 1), (quoted, (1 << 19) + 1), (endless, 1)] {
            let seen = csv(&text);
            assert_eq!((seen[0].1, seen[0].2), (lines, Some(Flaw::TooLong)));
            assert_eq!(seen[1], ok(lines + 1, 1, "2,b"));
            assert_eq!(seen.len(), 2);
        }
    }

    #[test]
    fn utf_16_is_split_like_the_rest_and_counted_in_its_own_bytes() {
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            let text = "1,\"a\n😀é\"\r\n2,b\n";
            let mut bytes: Vec<u8> = Vec::new();
            for unit in text.encode_utf16() {
                bytes.extend(if encoding == Encoding::Utf16Le { unit.to_le_bytes() } else { unit.to_be_bytes() });
            }
            assert_eq!(split(&bytes, encoding, Dialect::Quoted(b',')), csv(text));
            let mut records = Records::new(&bytes[..], encoding, Dialect::Quoted(b','), 1);
            let first = records.next().unwrap().unwrap();
            assert_eq!(first.file_bytes as usize, 2 * "1,\"a\n??é\"\r\n".chars().count());
        }
    }
}
