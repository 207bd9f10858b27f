//! What an import would make of a file, before anything is stored.

use super::reader::{Position, Reader, Row, Verdict};
use super::sniff::{Choices, Guess, HEAD_BYTES, sniff};
use domain::{Attributes, Invalid};
use serde::Serialize;

/// Rows shown.
pub const PREVIEW_ROWS: usize = 20;

/// What a file is taken for, and its first rows.
#[derive(Clone, Serialize)]
pub struct Preview {
    /// Encoding, layout and labels.
    pub guess: Guess,
    /// At most [`PREVIEW_ROWS`].
    pub rows: Vec<PreviewRow>,
}

/// A row as it would be taken or refused.
#[derive(Clone, Serialize)]
pub struct PreviewRow {
    /// Its line in the file.
    pub line: u64,
    /// Whether it would become a contact.
    pub accepted: bool,
    /// The number of the file.
    pub number: String,
    /// Empty when it is refused.
    pub attributes: Attributes,
    /// What a refusal or a warning is about.
    pub field: Option<String>,
    /// The refusal, or the first warning.
    pub problem: Option<String>,
}

/// Reads the start of a file; [`HEAD_BYTES`] are enough, what comes behind them is not looked at.
/// `skip` are columns that are left out; see [`Guess::leave_out`] for what is refused of them.
pub fn preview(head: &[u8], choices: Choices, skip: &[String], country: Option<&str>) -> Result<Preview, Invalid> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let mut guess = sniff(head, choices, country);
    guess.leave_out(skip)?;
    let mut rows = Vec::new();
    // Reading from memory cannot fail.
    if let Ok(mut reader) = Reader::new(head, guess.clone(), country, Position::START) {
        while rows.len() <= PREVIEW_ROWS {
            let Ok(Some(row)) = reader.next_row() else { break };
            rows.push(shown(row));
        }
    }
    // The last row of a part is a part of a row.
    if rows.len() > PREVIEW_ROWS || head.len() == HEAD_BYTES {
        rows.pop();
    }
    Ok(Preview { guess, rows })
}

fn shown(row: Row) -> PreviewRow {
    let (accepted, attributes, remark) = match row.verdict {
        Verdict::Accepted(candidate) => (true, candidate.attributes, candidate.warnings.into_iter().next()),
        Verdict::Refused(invalid) => (false, Attributes::default(), Some(invalid)),
    };
    let (field, problem) = remark.map(|invalid| (invalid.field, invalid.problem)).unzip();
    PreviewRow { line: row.line, accepted, number: row.number, attributes, field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_left_out_by_name() {
        let skip = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            preview(b"Tel;First name;Note\n5551;Anna;x\n", Choices::default(), &names, None)
        };
        let preview = skip(&["First name", "Note"]).unwrap();
        assert!(preview.rows[0].accepted && preview.rows[0].attributes.is_empty());
        let preview = skip(&["First_name"]).unwrap();
        assert_eq!(preview.rows[0].attributes.get("Note"), Some("x"));
        assert_eq!(preview.rows[0].attributes.get("First_name"), None);
        let refused = |names| skip(names).err().unwrap().problem;
        assert_eq!(refused(&["Tel"]), "\"Tel\" is the column of the number");
        assert_eq!(refused(&["Notes"]), "there is no column \"Notes\"; there are Tel, First_name, Note");
    }

    #[test]
    fn a_preview_shows_the_guess_and_the_first_rows_good_and_bad() {
        let preview = preview(b"Tel;First name\n5551;Anna\n12a;Bad\n", Choices::default(), &[], None).unwrap();
        let shown = serde_json::to_value(&preview).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "guess": {
                    "encoding": "utf-8",
                    "format": {
                        "kind": "csv", "delimiter": ";", "label_line": 1, "number_column": 0,
                        "labels": [{"given": "Tel", "name": "Tel"}, {"given": "First name", "name": "First_name"}],
                    },
                },
                "rows": [
                    {"line": 2, "accepted": true, "number": "5551", "attributes": [["First_name", "Anna"]],
                        "field": null, "problem": null},
                    {"line": 3, "accepted": false, "number": "12a", "attributes": [], "field": "number",
                        "problem": "holds 'a': only digits, *, # and + can be dialled"},
                ],
            })
        );
    }

    #[test]
    fn half_a_row_at_the_end_of_the_head_is_not_shown() {
        let mut file = b"NUM,A\n5551,".to_vec();
        file.resize(HEAD_BYTES + 10, b'x');
        assert!(preview(&file, Choices::default(), &[], None).unwrap().rows.is_empty());
    }
}
