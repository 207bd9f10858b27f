//! Rows of a list file, each with its verdict: the bad ones are named and never stop the rest.

use super::encoding::Encoding;
use super::native;
use super::records::{Dialect, Flaw, MAX_RECORD_BYTES, Record, Records};
use super::sniff::{Columns, Format, Guess, cells};
use domain::contact::check_meaning;
use domain::numbers::MULTINUM;
use domain::{Alternates, Attributes, Dialable, Invalid};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Chain, Cursor, Read};

/// How much of a bad number is shown, in characters.
const SHOWN_CHARS: usize = 64;

/// One row of the file and what became of it. Its `Debug` shows no number and no attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// First line of the row in the file, from 1.
    pub line: u64,
    /// The number as the file has it, without control characters, cut to 64 characters.
    pub number: String,
    /// Whether it may become a contact.
    pub verdict: Verdict,
}

/// Whether a row may become a contact.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Accepted(Candidate),
    /// It may not: `field` is `number`, `row`, `attribute` (a name), `attributes` or the attribute's name.
    Refused(Invalid),
}

/// What a good row says.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The number.
    pub number: Dialable,
    /// The other cells that are not empty, in order.
    pub attributes: Attributes,
    /// What was changed or looks wrong; the row is taken all the same.
    pub warnings: Vec<Invalid>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Accepted(_) => write!(f, "Row({}, accepted)", self.line),
            Verdict::Refused(_) => write!(f, "Row({}, refused)", self.line),
        }
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidate")
    }
}

/// Where in a file reading stands: between two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub offset: u64,
    /// Number of the line that begins there, from 1.
    pub line: u64,
}

impl Position {
    /// The start of the file.
    pub const START: Self = Self { offset: 0, line: 1 };
}

/// Reads rows one by one; holds at most a few MB whatever the file holds.
pub struct Reader<R> {
    records: Records<Chain<Cursor<Vec<u8>>, R>>,
    guess: Guess,
    country: Option<String>,
    position: Position,
    label_line: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// `source` stands at `from`, which is [`Position::START`] or what [`Reader::position`] said of the same file and guess.
    pub fn new(mut source: R, guess: Guess, country: Option<&str>, from: Position) -> io::Result<Self> {
        let mut head = Vec::new();
        let mut position = from;
        if from.offset == 0 {
            source.by_ref().take(3).read_to_end(&mut head)?;
            let mark = guess.encoding.mark_bytes(&head);
            head.drain(..mark);
            position.offset = mark as u64;
        }
        let (dialect, label_line) = match &guess.format {
            Format::Csv(columns) => (Dialect::Quoted(columns.delimiter as u8), columns.label_line),
            Format::Native => (Dialect::Lines, None),
        };
        let records = Records::new(Cursor::new(head).chain(source), guess.encoding, dialect, from.line);
        let country = country.map(str::to_owned);
        Ok(Self { records, guess, country, position, label_line })
    }

    /// The country that its national numbers belong to.
    pub(crate) fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The next row; blank lines and the label row are passed over. `None` at the end of the file.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(record) = self.records.next()? else { return Ok(None) };
            self.position.offset += record.file_bytes;
            self.position.line = record.line + record.lines;
            let bytes = self.records.bytes(&record);
            let blank = record.flaw.is_none() && bytes.trim_ascii().is_empty();
            if blank || self.label_line == Some(record.line) {
                continue;
            }
            return Ok(Some(judge(&record, bytes, &self.guess, self.country.as_deref())));
        }
    }

    /// Behind the row returned last.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// How many lines the first `offset` bytes of a file have, given that a row ends there. `source` stands at its start.
pub(crate) fn count_lines(source: impl Read, encoding: Encoding, offset: u64) -> io::Result<u64> {
    let mut records = Records::new(source.take(offset), encoding, Dialect::Lines, 1);
    let mut lines = 0;
    while let Some(record) = records.next()? {
        lines += record.lines;
    }
    Ok(lines)
}

fn judge(record: &Record, bytes: &[u8], guess: &Guess, country: Option<&str>) -> Row {
    let row = |number: &str, verdict| Row { line: record.line, number: shown(number), verdict };
    let refused = |problem: String| row("", Verdict::Refused(Invalid::new("row", problem)));
    match record.flaw {
        Some(Flaw::TooLong) => return refused(format!("is longer than {MAX_RECORD_BYTES} bytes")),
        Some(Flaw::OpenQuote) => {
            return refused("opens a quote that is not closed before the end of a cell".to_owned());
        }
        None => {}
    }
    let text = guess.encoding.decode(bytes).filter(|text| !guess.encoding.is_wide() || !text.contains('\u{fffd}'));
    let Some(text) = text else {
        return refused(format!("holds bytes that are not {}", guess.encoding));
    };
    match &guess.format {
        Format::Native => {
            let number = text.split(',').next().unwrap_or_default();
            row(number, verdict(native::parse(&text, country).and_then(|contact| looked_at(contact, country))))
        }
        Format::Csv(columns) => {
            let cells = cells(&text, columns.delimiter);
            let number = cells.get(columns.number_column).map_or("", Cow::as_ref);
            let contact = of_cells(number, &cells, columns, country);
            row(number, verdict(contact.and_then(|contact| looked_at(contact, country))))
        }
    }
}

fn verdict(contact: Result<Candidate, Invalid>) -> Verdict {
    match contact {
        Ok(contact) => Verdict::Accepted(contact),
        Err(invalid) => Verdict::Refused(invalid),
    }
}

fn of_cells(
    number: &str,
    cells: &[Cow<'_, str>],
    columns: &Columns,
    country: Option<&str>,
) -> Result<Candidate, Invalid> {
    let labels = &columns.labels;
    if cells.iter().skip(labels.len()).any(|cell| !cell.is_empty()) {
        // A delimiter inside an unquoted cell moves every later cell under a wrong label.
        return Err(Invalid::new("row", format!("has {} cells where {} were expected", cells.len(), labels.len())));
    }
    let number = number_of(number, country)?;
    let mut attributes = Attributes::default();
    let mut warnings = Vec::new();
    for (index, (label, cell)) in labels.iter().zip(cells).enumerate() {
        if index != columns.number_column && !label.left_out && !cell.is_empty() {
            with_attribute(&mut attributes, &mut warnings, &label.name, cell)?;
        }
    }
    if cells.len() < labels.len() {
        warnings.push(Invalid::new("row", format!("has {} cells of {}", cells.len(), labels.len())));
    }
    Ok(Candidate { number, attributes, warnings })
}

/// Takes off what spreadsheets put around a number, and says so when one has rounded it away.
fn number_of(cell: &str, country: Option<&str>) -> Result<Dialable, Invalid> {
    let formula = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    let text = formula.or_else(|| cell.strip_prefix('\'')).unwrap_or(cell);
    Dialable::parse(text, country).map_err(|invalid| {
        let rounded = text.split_once(['E', 'e']).is_some_and(|(mantissa, exponent)| {
            let number =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b".,+".contains(&b));
            number(mantissa) && number(exponent)
        });
        match rounded {
            true => Invalid::new("number", "was rounded by a spreadsheet, digits are lost: export the column as text"),
            false => invalid,
        }
    })
}

pub(crate) fn with_attribute(
    attributes: &mut Attributes,
    warnings: &mut Vec<Invalid>,
    name: &str,
    value: &str,
) -> Result<(), Invalid> {
    if value.is_empty() {
        return domain::attributes::check_name(name);
    }
    if attributes.add(name, value)? {
        warnings.push(Invalid::new(name, "line breaks and tabs became spaces"));
    }
    Ok(())
}

/// Refuses an attribute that means something to the rules and does not say it: the contact would never be called, or at
/// the wrong hour. Warns of a number that the numbering plan does not know, where we can tell which plan that is, and of
/// further numbers that cannot be called.
fn looked_at(mut contact: Candidate, country: Option<&str>) -> Result<Candidate, Invalid> {
    check_meaning(&contact.attributes)?;
    let number = &contact.number;
    if (country.is_some() || number.dialled.starts_with('+')) && !number.is_plausible() {
        contact.warnings.push(Invalid::new("number", "is not known to the numbering plan"));
    }
    // Which of them there are does not depend on what keys them.
    let further = Alternates::of(&contact.number, &contact.attributes, country, 0, None, || 0);
    for one in further.iter().flat_map(|further| &further.left_out) {
        contact.warnings.push(Invalid::new(format!("{MULTINUM}{}", one.no), one.why.text()));
    }
    Ok(contact)
}

fn shown(number: &str) -> String {
    number.trim().chars().take(SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::sniff::{Choices, HEAD_BYTES, sniff};

    fn read(file: &[u8]) -> Vec<Row> {
        let guess = sniff(&file[..file.len().min(HEAD_BYTES)], Choices::default(), None);
        let mut reader = Reader::new(file, guess, None, Position::START).unwrap();
        std::iter::from_fn(|| reader.next_row().unwrap()).collect()
    }

    /// A line per row: `line number NAME=value ...` or `line! field`.
    fn told(file: &[u8]) -> Vec<String> {
        let tell = |row: Row| match row.verdict {
            Verdict::Accepted(contact) => {
                let pairs: String = contact.attributes.iter().map(|(n, v)| format!(" {n}={v}")).collect();
                let warned: String = contact.warnings.iter().map(|w| format!(" ({})", w.field)).collect();
                format!("{} {}{pairs}{warned}", row.line, contact.number.dialled)
            }
            Verdict::Refused(invalid) => format!("{}! {}", row.line, invalid.field),
        };
        read(file).into_iter().map(tell).collect()
    }

    fn utf_16(text: &str, mark: bool, little: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn one_list_reads_the_same_in_every_encoding() {
        let text = "NUM;Città\r\n555 1234;Forlì\r\n555 1235;\"Cefalù;\r\nmare\"\r\n";
        let expected = ["2 5551234 Citta=Forlì", "3 5551235 Citta=Cefalù; mare (Citta)"];
        let cp1252: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let files = [text.as_bytes().to_vec(), marked, cp1252]
            .into_iter()
            .chain([true, false].into_iter().flat_map(|mark| [true, false].map(|little| utf_16(text, mark, little))));
        for (index, file) in files.enumerate() {
            assert_eq!(told(&file), expected, "file {index}");
        }
    }

    #[test]
    fn bad_rows_are_named_and_the_rest_goes_on() {
        let mut file = b"NUM,NAME,CITY\n\
            5551,Anna,Rome\n\
            12a4,Bad,x\n\
            ,Empty,x\n\
            5552,Smith, John,Rome\n\
            5553,short\n\
            5554,Nul\0,x\n\
            55\0 5,Nul,x\n\
            5556,${SHELL(id)};a|b,\"a,b\"\n\
            5557,\"open\n\
            5558,caf\xe9,\xc3\xa9\n\
            \n\
            5559,x,y,,,\n\
            3.9E+11,x,y\n\
            =\"0039066982\",x,y\n\
            '+39066982,x,y\n"
            .to_vec();
        file.extend_from_slice("Città,".repeat(20).as_bytes());
        file.extend_from_slice(format!("\n5560,{},y\n5561,last,row", "x".repeat(1 << 20)).as_bytes());
        assert_eq!(
            told(&file),
            [
                "2 5551 NAME=Anna CITY=Rome",
                "3! number",
                "4! number",
                "5! row",
                "6 5553 NAME=short (row)",
                "7! NAME",
                "8! number",
                "9 5556 NAME=${SHELL(id)};a|b CITY=a,b",
                "10! row",
                "11! row",
                "13 5559 NAME=x CITY=y",
                "14! number",
                "15 0039066982 NAME=x CITY=y",
                "16 +39066982 NAME=x CITY=y",
                "17! row",
                "18! row",
                "19 5561 NAME=last CITY=row",
            ]
        );
    }

    #[test]
    fn duplicate_labels_and_no_labels_lose_nothing() {
        assert_eq!(told(b"NUM,Name,Name\n5551,a,b\n"), ["2 5551 Name=a Name_2=b"]);
        assert_eq!(told(b"5551,a\n5552,b\n"), ["1 5551 COLUMN_2=a", "2 5552 COLUMN_2=b"]);
    }

    #[test]
    fn right_to_left_names_stay_as_they_are_and_marks_of_direction_are_no_digits() {
        let file = "NUM,NAME\n5551,محمد \u{202e}x\n\u{202a}5552\u{202c},x\n٥٥٥٣,x\n";
        assert_eq!(told(file.as_bytes()), ["2 5551 NAME=محمد \u{202e}x", "3! number", "4! number"]);
    }

    #[test]
    fn native_text_is_read_line_by_line() {
        assert_eq!(
            told(b"5551234,A:1,B:HELLO\r\n\r\n5551235\n5551236,A:\"x\n5551237,A\n5551238,A:,B:2\n"),
            ["1 5551234 A=1 B=HELLO", "3 5551235", "4 5551236 A=\"x", "5! attributes", "6 5551238 B=2"]
        );
    }

    #[test]
    fn an_attribute_that_means_something_must_say_it() {
        let table = b"NUM,ZONE,PERSON,CONSENT_AT\n\
            5551,Europe/Madrid,Ann 1970,2026-05-01\n\
            5552,Europe/Madird,Ann,\n\
            5553,,,2026-02-30\n\
            5554,,,2026-05-01T10:00:00Z\n";
        let (zone, consent) = (" ZONE=Europe/Madrid PERSON=Ann 1970 CONSENT_AT=2026-05-01", "2026-05-01T10:00:00Z");
        let expected =
            [format!("2 5551{zone}"), "3! ZONE".into(), "4! CONSENT_AT".into(), format!("5 5554 CONSENT_AT={consent}")];
        assert_eq!(told(table), expected);
        assert_eq!(told(b"5551,ZONE:Mars\n5552,CONSENT_AT:yesterday\n"), ["1! ZONE", "2! CONSENT_AT"]);
        let Verdict::Refused(invalid) = read(table).remove(1).verdict else { panic!("it is refused") };
        assert!(invalid.problem.contains("Europe/Madird"), "{}", invalid.problem);
    }

    #[test]
    fn unlikely_numbers_are_warned_of_and_taken() {
        let file = b"NUM\n+39066982\n+3912\n5551234\n";
        assert_eq!(told(file), ["2 +39066982", "3 +3912 (number)", "4 5551234"]);
    }
}
