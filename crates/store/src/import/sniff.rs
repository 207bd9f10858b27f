//! Guesses what a list file is from its first bytes, so that nobody has to say "UTF-8 and comma only".

use super::encoding::{Encoding, Utf8Census, by_shape};
use super::labels::{Label, labels, number_column};
use super::native::looks_native;
use super::records::{Dialect, MAX_RECORD_BYTES, Records};
use domain::{Dialable, Invalid};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Read};

/// How much of a file the guess of delimiter, labels and format is made from, in bytes.
pub const HEAD_BYTES: usize = 64 * 1024;
/// Rows that the guess looks at.
const SAMPLE_ROWS: usize = 50;
/// What parts cells, likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// Digits that make a cell of a first row a telephone number and not a year or a label.
const NUMBER_DIGITS: usize = 3;
const READ_BYTES: usize = 256 * 1024;

/// What a file is taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// How its bytes are read.
    pub encoding: Encoding,
    /// What its rows are.
    pub format: Format,
}

impl Guess {
    /// Leaves columns out by their names, as the file or the guess has them. Refused by name: one that the file does not
    /// have, and the one of the number.
    pub fn leave_out(&mut self, names: &[String]) -> Result<(), Invalid> {
        if names.is_empty() {
            return Ok(());
        }
        let Format::Csv(columns) = &mut self.format else {
            return Err(Invalid::new("skip", "the file is native text and has no columns"));
        };
        for name in names {
            let named = |label: &Label| label.name == *name || label.given == *name;
            let Some(place) = columns.labels.iter().position(named) else {
                let has: Vec<&str> = columns.labels.iter().map(|label| label.name.as_str()).collect();
                let problem = format!("there is no column {:?}; there are {}", cut(name), has.join(", "));
                return Err(Invalid::new("skip", problem));
            };
            if place == columns.number_column {
                return Err(Invalid::new("skip", format!("{:?} is the column of the number", cut(name))));
            }
            columns.labels[place].left_out = true;
        }
        Ok(())
    }
}

/// How the rows of a file are laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Format {
    /// A table.
    Csv(Columns),
    /// `number,NAME:value,...`, one record a line.
    Native,
}

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// Between cells: `,`, `;`, `|` or a tab.
    pub delimiter: char,
    /// The line that holds the labels. `None`: there is none, the first row is a contact and the labels are made up.
    pub label_line: Option<u64>,
    /// Every column in order, the number's too.
    pub labels: Vec<Label>,
    /// Index in `labels` of the column that holds the number.
    pub number_column: usize,
}

/// What the person who imports says about the file; the rest is guessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// Instead of the guessed encoding.
    pub encoding: Option<Encoding>,
    /// Instead of the guessed layout.
    pub layout: Option<Layout>,
}

/// A layout that was chosen and not guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A table with this delimiter, any ASCII character that is no letter, digit, quote or line end.
    Csv(char),
    /// Native text.
    Native,
}

impl Layout {
    /// From an option: one character, `tab`, or `native`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "native" => return Ok(Self::Native),
            "tab" | "\\t" => return Ok(Self::Csv('\t')),
            _ => {}
        }
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c @ ('\t' | ' '..='~')), None) if !c.is_ascii_alphanumeric() && c != '"' => Ok(Self::Csv(c)),
            _ => Err(Invalid::new(
                "delimiter",
                format!("{:?} is not one character such as , ; | or one of \"tab\" and \"native\"", cut(text)),
            )),
        }
    }

    /// The text that [`Layout::parse`] understands.
    pub fn name(self) -> String {
        match self {
            Self::Csv('\t') => "tab".to_owned(),
            Self::Csv(c) => c.to_string(),
            Self::Native => "native".to_owned(),
        }
    }
}

impl Format {
    /// What of the guess can be said again as a choice.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Csv(columns) => Layout::Csv(columns.delimiter),
            Self::Native => Layout::Native,
        }
    }
}

/// Guesses from the first bytes of a file: [`HEAD_BYTES`] of it are enough, fewer than that are taken for the whole.
pub fn sniff(head: &[u8], choices: Choices, country: Option<&str>) -> Guess {
    let encoding = choices.encoding.or_else(|| by_shape(head)).unwrap_or_else(|| {
        let mut census = Utf8Census::new();
        census.feed(head);
        census.guess(head.len() < HEAD_BYTES, country)
    });
    Guess { encoding, format: format(head, encoding, choices.layout) }
}

/// As [`sniff`], but reads the whole file (at the speed of the disk) where that is needed to be sure of the encoding:
/// the first accent of a list may be in its last row.
pub fn sniff_all(mut file: impl Read, choices: Choices, country: Option<&str>) -> io::Result<Guess> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let encoding = match choices.encoding.or_else(|| by_shape(&head)) {
        Some(encoding) => encoding,
        None => {
            let mut census = Utf8Census::new();
            census.feed(&head);
            let mut block = Vec::with_capacity(READ_BYTES);
            while head.len() == HEAD_BYTES {
                block.clear();
                if file.by_ref().take(READ_BYTES as u64).read_to_end(&mut block)? == 0 {
                    break;
                }
                census.feed(&block);
            }
            census.guess(true, country)
        }
    };
    Ok(Guess { encoding, format: format(&head, encoding, choices.layout) })
}

fn format(head: &[u8], encoding: Encoding, layout: Option<Layout>) -> Format {
    let head = &head[encoding.mark_bytes(head)..];
    match layout {
        Some(Layout::Native) => Format::Native,
        Some(Layout::Csv(delimiter)) => Format::Csv(columns(head, encoding, delimiter)),
        None if is_native(&sample(head, encoding, Dialect::Lines)) => Format::Native,
        None => Format::Csv(columns(head, encoding, delimiter(head, encoding))),
    }
}

fn is_native(lines: &[(u64, String)]) -> bool {
    let Some((_, first)) = lines.first() else { return false };
    let native: Vec<Option<bool>> = lines.iter().map(|(_, line)| looks_native(line)).collect();
    let with_attributes = native.iter().filter(|n| **n == Some(true)).count();
    if native[0].is_some() {
        return native[0] == Some(true) || with_attributes > 0 || native.iter().flatten().count() * 2 > lines.len();
    }
    // A broken first record must not turn the whole file into a table; a label row has no digit in front.
    let broken = first.split(',').next().is_some_and(|cell| cell.contains(|c: char| c.is_ascii_digit()));
    broken && with_attributes * 2 > lines.len()
}

/// The delimiter under which most rows have as many cells as the first; the more cells the better.
fn delimiter(head: &[u8], encoding: Encoding) -> char {
    let score = |delimiter: u8| {
        let rows = sample(head, encoding, Dialect::Quoted(delimiter));
        let counts: Vec<usize> = rows.iter().map(|(_, row)| cells(row, char::from(delimiter)).len()).collect();
        let first = counts.first().copied().unwrap_or(0);
        if first < 2 {
            return (0, 0);
        }
        let same = counts.iter().filter(|&&count| count == first).count();
        (same * 100 / counts.len(), first)
    };
    let mut best = (DELIMITERS[0], (0, 0));
    for delimiter in DELIMITERS {
        let this = score(delimiter);
        if this > best.1 {
            best = (delimiter, this);
        }
    }
    char::from(best.0)
}

fn columns(head: &[u8], encoding: Encoding, delimiter: char) -> Columns {
    let sampled = sample(head, encoding, Dialect::Quoted(delimiter as u8));
    let rows: Vec<Vec<Cow<'_, str>>> = sampled.iter().map(|(_, row)| cells(row, delimiter)).collect();
    let (Some(first), Some((first_line, _))) = (rows.first(), sampled.first()) else {
        return Columns { delimiter, label_line: None, labels: labels(&[""]), number_column: 0 };
    };
    let named = labels(first);
    let by_label = number_column(&named);
    let label_row = by_label.is_some() || !first.iter().any(|cell| is_number(cell));
    let labels = if label_row { named } else { labels(&vec![""; first.len()]) };
    let number_column = by_label.unwrap_or_else(|| fullest(&rows[usize::from(label_row)..]));
    Columns { delimiter, label_line: label_row.then_some(*first_line), labels, number_column }
}

/// The column that most often holds a number; the first of equals, and the first of all when none does.
fn fullest(rows: &[Vec<Cow<'_, str>>]) -> usize {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let count = |column: usize| rows.iter().filter(|row| row.get(column).is_some_and(|cell| is_number(cell))).count();
    let mut best = (0, 0);
    for column in 0..width {
        let this = count(column);
        if this > best.1 {
            best = (column, this);
        }
    }
    best.0
}

fn is_number(cell: &str) -> bool {
    cell.bytes().filter(u8::is_ascii_digit).count() >= NUMBER_DIGITS && Dialable::parse(cell, None).is_ok()
}

/// The first rows with their lines, blank and broken ones left out.
fn sample(head: &[u8], encoding: Encoding, dialect: Dialect) -> Vec<(u64, String)> {
    let cut_short = head.len() + 3 >= HEAD_BYTES;
    let mut records = Records::new(head, encoding, dialect, 1);
    let mut rows = Vec::new();
    // Reading from memory cannot fail.
    while let Ok(Some(record)) = records.next() {
        let bytes = records.bytes(&record);
        if record.flaw.is_some() || bytes.len() > MAX_RECORD_BYTES || bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = encoding.decode(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes));
        rows.push((record.line, text.into_owned()));
        if rows.len() > SAMPLE_ROWS {
            break;
        }
    }
    // The last one may be half a row.
    if rows.len() > SAMPLE_ROWS || (cut_short && rows.len() > 1) {
        rows.pop();
    }
    rows
}

/// The cells of a row: outer blanks trimmed, quotes taken off.
pub(crate) fn cells(row: &str, delimiter: char) -> Vec<Cow<'_, str>> {
    let (mut found, mut rest) = (Vec::with_capacity(8), row);
    loop {
        let (cell, after) = cell(rest, delimiter);
        found.push(cell);
        match after {
            Some(after) => rest = after,
            None => return found,
        }
    }
}

/// The first cell, and what stands behind its delimiter.
fn cell(rest: &str, delimiter: char) -> (Cow<'_, str>, Option<&str>) {
    let Some(quoted) = rest.strip_prefix('"') else {
        return match rest.split_once(delimiter) {
            Some((cell, after)) => (Cow::Borrowed(cell.trim()), Some(after)),
            None => (Cow::Borrowed(rest.trim()), None),
        };
    };
    let mut from = 0;
    while let Some(found) = quoted[from..].find('"') {
        let at = from + found;
        let after = &quoted[at + 1..];
        match after.chars().next() {
            None => return (unquote(&quoted[..at]), None),
            Some(c) if c == delimiter => return (unquote(&quoted[..at]), Some(&after[c.len_utf8()..])),
            Some('"') => from = at + 2,
            // A quote in the middle of text is text.
            Some(_) => from = at + 1,
        }
    }
    (unquote(quoted), None)
}

fn unquote(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    if cell.contains("\"\"") { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(head: &[u8]) -> Guess {
        sniff(head, Choices::default(), None)
    }

    fn table(head: &str) -> Columns {
        match guess(head.as_bytes()).format {
            Format::Csv(columns) => columns,
            Format::Native => panic!("{head:?} was taken for native"),
        }
    }

    fn names(columns: &Columns) -> Vec<&str> {
        columns.labels.iter().map(|l| l.name.as_str()).collect()
    }

    #[test]
    fn delimiters_are_told_apart_even_when_others_stand_in_cells() {
        assert_eq!(table("NUM,NAME\n1234,Anna\n").delimiter, ',');
        assert_eq!(table("NUM;NAME;PRICE\n1234;Rossi, Anna;12,50\n1235;Bo, Li;1,5\n").delimiter, ';');
        assert_eq!(table("NUM\tNAME\n1234\tRossi, Anna; dott.\n").delimiter, '\t');
        assert_eq!(table("NUM|NAME\n1234|Rossi, Anna\n").delimiter, '|');
        assert_eq!(table("NAME,NUM\n\"Rossi; Anna\nvia; 2; 3\",1234\n").delimiter, ',');
        assert_eq!(table("NUM\nabc\n").delimiter, ',');
    }

    #[test]
    fn the_number_column_is_the_labelled_one_else_the_one_with_numbers() {
        assert_eq!(table("NAME,NUM\nAnna,1234\n").number_column, 1);
        assert_eq!(table("Customer,Reach\nAnna,+39 06 6982\n").number_column, 1);
        assert_eq!(table("A,B\nx,y\n").number_column, 0);
    }

    #[test]
    fn a_file_without_labels_loses_no_contact() {
        let columns = table("Anna,5551234,Rome\nBruno,5551235,Pisa\n");
        assert_eq!(columns.label_line, None);
        assert_eq!((columns.number_column, names(&columns)), (1, vec!["COLUMN_1", "COLUMN_2", "COLUMN_3"]));
        assert_eq!(table("\nNUM,2024\n5551234,x\n").label_line, Some(2));
    }

    #[test]
    fn native_text_is_recognised() {
        for text in [
            "5551234,A:1,B:HELLO\n5551235,X:10\n",
            "5551234\n5551235\n",
            "5551234\n5551235,A:1\n",
            "\n5551234,A:1",
            "55x1234,A:1\n5551235,A:1\n5551236,A:1\n",
        ] {
            assert_eq!(guess(text.as_bytes()).format, Format::Native, "{text:?}");
        }
        assert_eq!(names(&table("Customer,Web\n5551234,http://a\n5551235,http://b\n")), ["Customer", "Web"]);
        assert_eq!(table("5551234,10:30\n5551235,11:30\n").label_line, None);
    }

    #[test]
    fn choices_overrule_the_guess() {
        let choices = Choices { encoding: Some(Encoding::Utf16Le), layout: Some(Layout::parse("tab").unwrap()) };
        let guess = sniff(b"N\0U\0M\0", choices, None);
        assert_eq!((guess.encoding, guess.format.layout()), (Encoding::Utf16Le, Layout::Csv('\t')));
        for bad in ["", "ab", "\"", "5", "\n", "é"] {
            assert_eq!(Layout::parse(bad).unwrap_err().field, "delimiter", "{bad:?}");
        }
    }

    #[test]
    fn an_accent_in_the_last_row_is_still_seen() {
        let mut file = "NUM,NAME\n".to_owned() + &"5551234,Anna\n".repeat(10_000);
        file.push_str("5551234,Citt");
        let mut file = file.into_bytes();
        file.push(0xe0);
        let guess = sniff_all(&file[..], Choices::default(), None).unwrap();
        assert_eq!(guess.encoding.name(), "windows-1252");
    }

    #[test]
    fn quotes_come_off_cells() {
        assert_eq!(cells("\"a \"\"b\"\"\",c, d ,\"e,f\",\"g\" h,", ','), ["a \"b\"", "c", "d", "e,f", "g\" h,"]);
        assert_eq!(cells("6\" pipe;\"x", ';'), ["6\" pipe", "x"]);
        assert_eq!(cells("", ','), [""]);
    }
}
