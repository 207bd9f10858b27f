//! The verdict file: one line per row of the list, safe to open in a spreadsheet.

use super::reader::{Row, Verdict};
use domain::spreadsheet::begins_formula;
use std::borrow::Cow;

/// First line of every verdict file.
pub(crate) const HEADER: &[u8] = b"line,verdict,number,field,problem\r\n";

/// What became of a row in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is a contact now.
    Added,
    /// Its number is in the list already and duplicates were not wanted.
    Duplicate,
    Refused,
}

/// Appends the verdict of `row`, always exactly one line of text.
pub(crate) fn append(file: &mut Vec<u8>, row: &Row, fate: Fate) {
    let (field, problem): (&str, Cow<'_, str>) = match (&row.verdict, fate) {
        (Verdict::Refused(invalid), _) => (&invalid.field, Cow::Borrowed(&invalid.problem)),
        (Verdict::Accepted(_), Fate::Duplicate) => ("number", Cow::Borrowed("is in the list already")),
        (Verdict::Accepted(contact), _) => match &contact.warnings[..] {
            [] => ("", Cow::Borrowed("")),
            [one] => (&one.field, Cow::Borrowed(&one.problem)),
            many => ("row", Cow::Owned(many.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
        },
    };
    let verdict = match fate {
        Fate::Added => "accepted",
        Fate::Duplicate => "duplicate",
        Fate::Refused => "refused",
    };
    file.extend_from_slice(row.line.to_string().as_bytes());
    for cell in [verdict, &row.number, field, &problem] {
        file.push(b',');
        push_cell(file, cell);
    }
    file.extend_from_slice(b"\r\n");
}

/// A cell that a spreadsheet shows as text. One that would begin a formula gets a `'` in front, which the import of
/// numbers takes off again; line breaks and other control characters become spaces.
fn push_cell(file: &mut Vec<u8>, cell: &str) {
    let guarded = begins_formula(cell);
    let quoted = guarded || cell.contains(|c: char| c == '"' || c == ',' || c == ';' || c.is_control());
    if !quoted {
        file.extend_from_slice(cell.as_bytes());
        return;
    }
    file.push(b'"');
    if guarded {
        file.push(b'\'');
    }
    for c in cell.chars() {
        match c {
            '"' => file.extend_from_slice(b"\"\""),
            c if c.is_control() => file.push(b' '),
            c => file.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    file.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Invalid;

    fn line(number: &str, field: &str, problem: &str) -> String {
        let verdict = Verdict::Refused(Invalid::new(field, problem));
        let mut file = Vec::new();
        append(&mut file, &Row { line: 7, number: number.to_owned(), verdict }, Fate::Refused);
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn a_formula_becomes_text() {
        assert_eq!(line("=1+1", "number", "holds '='"), "7,refused,\"'=1+1\",number,holds '='\r\n");
        assert_eq!(line("+39 06", "x", "-1"), "7,refused,\"'+39 06\",x,\"'-1\"\r\n");
        assert_eq!(line(" @SUM(A1)", "x", "y"), "7,refused,\"' @SUM(A1)\",x,y\r\n");
    }
}
