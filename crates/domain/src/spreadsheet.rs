//! Cells that a spreadsheet shows as the text they are.

use std::borrow::Cow;

/// What begins a formula in one program or another, in half and in full width.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet might take the cell for a formula: some look past blanks and control characters first.
pub fn begins_formula(cell: &str) -> bool {
    cell.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).starts_with(FORMULA)
}

/// The cell with a `'` in front where it would begin a formula. What is not a formula stays as it is.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if begins_formula(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("+39066982", "'+39066982"),
            ("@x", "'@x"),
            ("\t=1", "'\t=1"),
            ("\r\n-1", "'\r\n-1"),
            ("＝1", "'＝1"),
            ("100", "100"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(guarded(cell), shown);
        }
    }

    proptest! {
        #[test]
        fn a_guarded_cell_is_the_cell_and_never_a_formula(cell in "[ \t\r\n=+@＝'a1\"-]{0,6}\\PC{0,6}") {
            let shown = guarded(&cell);
            prop_assert!(!begins_formula(&shown));
            prop_assert_eq!(shown.strip_prefix('\'').filter(|_| begins_formula(&cell)).unwrap_or(&shown), &cell);
        }
    }
}
