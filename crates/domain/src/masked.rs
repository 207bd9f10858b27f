//! Words of others, fit for a log.

use std::fmt::{self, Display, Write};

/// A run of this many digits could be a telephone number.
const NUMBER_DIGITS: usize = 5;

/// Shows a text without anything in it that could be a telephone number: what a PBX, an operator or a library wrote
/// may hold one, and neither logs nor events may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Masked<T>(pub T);

impl<T: Display> Display for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut masking = Masking { out: f, digits: String::new() };
        write!(masking, "{}", self.0)?;
        masking.end_of_digits()
    }
}

/// A writer that holds digits back until it is known how many there are.
struct Masking<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    digits: String,
}

impl Masking<'_, '_> {
    fn end_of_digits(&mut self) -> fmt::Result {
        let shown = if self.digits.len() < NUMBER_DIGITS { &self.digits } else { "(digits)" };
        self.out.write_str(shown)?;
        self.digits.clear();
        Ok(())
    }
}

impl Write for Masking<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c.is_ascii_digit() {
                // More of them change nothing, so that a long run takes no memory.
                if self.digits.len() < NUMBER_DIGITS {
                    self.digits.push(c);
                }
                continue;
            }
            self.end_of_digits()?;
            self.out.write_char(c)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_that_could_be_a_number_are_masked() {
        let masked = |text: &str| Masked(text).to_string();
        assert_eq!(masked("500: PJSIP/0669826982@out refused"), "500: PJSIP/(digits)@out refused");
        assert_eq!(masked("queue full after 1234 ms 12345"), "queue full after 1234 ms (digits)");
        assert_eq!(masked(""), "");
        assert_eq!(Masked(format_args!("{}{}", "06698", "26982")).to_string(), "(digits)");
    }
}
