//! What goes to stdout: tables for people, the server's own JSON for programs.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use domain::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Prints a line to stdout. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn say(text: impl Display) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints a line to stderr, for what is not the answer: progress, hints, warnings.
pub(crate) fn note(text: impl Display) {
    // Nobody reads stderr: then nobody misses the line.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether a person looks at stdout.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// An empty table with these column heads.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().copied());
    table
}

/// A table of two columns without heads, for one thing.
pub(crate) fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table
}

/// A field of a row as text: `-` when it is null or missing. `path` may have dots: `totals.placed`.
pub(crate) fn cell(row: &Value, path: &str) -> String {
    match path.split('.').try_fold(row, |value, name| value.get(name)) {
        None | Some(Value::Null) => "-".into(),
        Some(value) => show(value),
    }
}

/// A value in the words of a table. Control characters of a name never reach the terminal.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(show).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// An instant of the server as local time, `-` when there is none.
pub(crate) fn local(row: &Value, path: &str) -> String {
    let text = cell(row, path);
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Timestamp::from_jiff(at).in_zone(&TimeZone::system()),
        Err(_) => text,
    }
}

/// `1 h 02 m`, `3 m 05 s`, `12 s`.
pub(crate) fn span(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} m {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} m"),
    }
}

/// A share `0..=1` as `12.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_found_by_path_and_cleaned() {
        let row = json!({"name": "a\u{1b}[31m\nb", "totals": {"placed": 3}, "on": true, "why": null, "ids": [1, 2]});
        assert_eq!(cell(&row, "name"), "a [31m b");
        assert_eq!(cell(&row, "totals.placed"), "3");
        assert_eq!(cell(&row, "on"), "yes");
        assert_eq!(cell(&row, "why"), "-");
        assert_eq!(cell(&row, "ids"), "1, 2");
        assert_eq!(cell(&row, "totals.nothing"), "-");
    }

    #[test]
    fn spans_and_shares_are_short() {
        assert_eq!([span(9), span(65), span(3_725)], ["9 s", "1 m 05 s", "1 h 02 m"]);
        assert_eq!(percent(0.0714), "7.1 %");
    }
}
