//! What holds for any bytes at all: nothing panics, every row has one verdict, reading may be taken up between any two.

use super::encoding::Encoding;
use super::labels::labels;
use super::reader::{Position, Reader, Row, Verdict, count_lines};
use super::records::{Dialect, Records};
use super::sniff::{Choices, Format, sniff};
use super::verdicts::{Fate, append};
use domain::Invalid;
use domain::attributes::check_name;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::HashSet;
use std::io::{self, Read};

/// Gives its bytes one at a time, as a slow disk or a pipe may.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(into.len()).min(1);
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Bytes that matter to the splitter, in UTF-8 and in halves of UTF-16.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"\"",
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"a",
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"\"\"",
    b"5",
    b"\xd8\x3d",
    b"\xde\x00",
    b"\n\x00",
    b"\"\x00",
];

fn file_like() -> impl Strategy<Value = Vec<u8>> {
    let words = ["\n", "\r\n", ",", ";", "\t", "\"", "\"\"", "|", ":", "5551234", "NUM", "A:1"];
    let piece = prop_oneof![
        4 => select(words.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
        1 => "\\PC{0,4}".prop_map(String::into_bytes),
    ];
    let starts = [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"NUM,A\n", b"NUM;A\n"];
    (select(starts.to_vec()), vec(piece, 0..80)).prop_map(|(start, pieces)| {
        let mut file = start.to_vec();
        file.extend(pieces.into_iter().flatten());
        file
    })
}

proptest! {
    #[test]
    fn records_tile_the_file_and_reading_may_start_behind_any_of_them(
        picks in vec(0..PIECES.len(), 0..120),
        wide in any::<bool>(),
        lines_only in any::<bool>(),
    ) {
        let file: Vec<u8> = picks.iter().flat_map(|&pick| PIECES[pick].iter().copied()).collect();
        let encoding = if wide { Encoding::Utf16Le } else { Encoding::Utf8 };
        let dialect = if lines_only { Dialect::Lines } else { Dialect::Quoted(b',') };
        let mut records = Records::new(Drip(&file), encoding, dialect, 1);
        let (mut offset, mut line, mut all) = (0u64, 1, Vec::new());
        while let Some(record) = records.next().unwrap() {
            prop_assert!(record.file_bytes > 0 && record.lines > 0);
            prop_assert_eq!(record.line, line);
            all.push((offset, record, records.bytes(&record).to_vec()));
            offset += record.file_bytes;
            line += record.lines;
        }
        // Half a unit at the very end, behind half a pair or not, is all that may be miscounted.
        prop_assert!(offset.abs_diff(file.len() as u64) <= u64::from(wide), "{} of {}", offset, file.len());
        for (index, (offset, first, bytes)) in all.iter().enumerate() {
            let mut again = Records::new(&file[*offset as usize..], encoding, dialect, first.line);
            let record = again.next().unwrap().unwrap();
            let told = |r: &super::records::Record| (r.line, r.lines, r.file_bytes, r.flaw);
            prop_assert_eq!(told(&record), told(first), "record {}", index);
            prop_assert_eq!(again.bytes(&record), &bytes[..]);
        }
    }

    #[test]
    fn any_bytes_give_each_row_one_verdict_wherever_reading_is_taken_up(
        file in prop_oneof![file_like(), vec(any::<u8>(), 0..400)],
        country in select(vec![None, Some("IT")]),
    ) {
        let guess = sniff(&file, Choices::default(), country);
        let mut reader = Reader::new(&file[..], guess.clone(), country, Position::START).unwrap();
        let (mut rows, mut stands, mut verdicts) = (Vec::new(), vec![reader.position()], Vec::new());
        while let Some(row) = reader.next_row().unwrap() {
            append(&mut verdicts, &row, if matches!(row.verdict, Verdict::Accepted(_)) { Fate::Added } else { Fate::Refused });
            rows.push(row);
            stands.push(reader.position());
        }
        prop_assert!(rows.windows(2).all(|two| two[0].line < two[1].line));
        prop_assert_eq!(verdicts.iter().filter(|b| **b == b'\n').count(), rows.len());
        // Every line but blank ones and the labels belongs to exactly one row.
        if guess.format == Format::Native && !guess.encoding.is_wide() {
            let mark = guess.encoding.mark_bytes(&file);
            let lines = file[mark..].split(|b| matches!(b, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty());
            prop_assert_eq!(rows.len(), lines.count());
        }
        for (index, from) in stands.iter().enumerate().skip(1) {
            let rest = &file[(from.offset as usize).min(file.len())..];
            prop_assert_eq!(count_lines(&file[..], guess.encoding, from.offset).unwrap(), from.line - 1);
            let mut again = Reader::new(rest, guess.clone(), country, *from).unwrap();
            let tail: Vec<Row> = std::iter::from_fn(|| again.next_row().unwrap()).collect();
            prop_assert!(tail == rows[index..], "behind row {}", index);
        }
    }

    #[test]
    fn any_label_row_gives_valid_and_unique_names(row in vec("\\PC{0,80}|[A-C_]{0,3}|[a-z]{60,70}", 0..12)) {
        let mut seen = HashSet::new();
        for label in labels(&row) {
            prop_assert!(check_name(&label.name).is_ok(), "{:?}", label);
            prop_assert!(seen.insert(label.name));
        }
    }

    #[test]
    fn any_verdict_is_one_line_of_five_cells_and_begins_no_formula(
        number in "[=+@\\-,\"\\t\\r\\n\u{0}5a ;]{0,8}",
        field in "\\PC{0,8}|[\\r\\n]",
        problem in ".{0,20}",
    ) {
        let mut text = Vec::new();
        append(&mut text, &Row { line: 7, number, verdict: Verdict::Refused(Invalid::new(field, problem)) }, Fate::Refused);
        prop_assert_eq!(text.iter().filter(|b| b"\r\n\t".contains(b)).count(), 2);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
        let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
        prop_assert_eq!(records.len(), 1);
        prop_assert_eq!(records[0].len(), 5);
        prop_assert!(records[0].iter().all(|cell| !cell.trim_start().starts_with(['=', '+', '-', '@'])));
    }
}
