//! The rows: an Italian number and five attributes each.

use std::fmt::Write;

/// The first number; the next ones follow.
const FIRST: u64 = 390_660_000_000;
const HEADER: &str = "NUM,NAME,SURNAME,CITY,CONTRACT,NOTE\n";
const CITIES: [&str; 5] = ["Rome", "Milan", "Naples", "Turin", "Palermo"];

/// The number of a row.
pub(crate) fn number(row: usize) -> String {
    format!("+{}", FIRST + row as u64)
}

/// The attributes of a row, as the list has them.
pub(crate) fn attributes(row: usize) -> [(&'static str, String); 5] {
    [
        ("NAME", format!("Person {row}")),
        ("SURNAME", format!("Surname {}", row % 7_919)),
        ("CITY", CITIES[row % CITIES.len()].to_owned()),
        ("CONTRACT", format!("C-{:08}", row * 31 % 100_000_000)),
        ("NOTE", format!("called us in week {} about the offer", row % 52)),
    ]
}

/// The file.
pub(crate) fn csv(rows: usize) -> String {
    let mut text = String::with_capacity(100 * rows);
    text.push_str(HEADER);
    for row in 0..rows {
        text.push_str(&number(row));
        for (_, value) in attributes(row) {
            write!(text, ",{value}").expect("a String takes everything");
        }
        text.push('\n');
    }
    text
}
