//! Numbers one behind the other (WombatDialer's generator): `0007` and four more are `0007` to `0011`.

use crate::error::{Invalid, check_range};
use crate::number::Dialable;

/// Numbers of one range, at most.
pub const MAX_NUMBERS: u32 = 100_000;
/// The most that lies between two of them.
pub const MAX_STEP: u32 = 1_000_000;
/// More digits at the end of a number are not counted up.
const MAX_DIGITS: usize = 18;

/// Numbers that follow each other, all as long as the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRange {
    /// What stands in front of the digits that are counted up.
    head: String,
    first: u64,
    width: usize,
    count: u32,
    step: u32,
}

impl NumberRange {
    /// `count` numbers from `from` on, `step` apart. Refused, by field: what cannot be dialled or does not end in a digit,
    /// and a range that has no room in the digits of the first, because its last number would be longer.
    pub fn new(from: &str, count: u32, step: u32) -> Result<Self, Invalid> {
        check_range("count", count, 1, MAX_NUMBERS)?;
        check_range("step", step, 1, MAX_STEP)?;
        let from = Dialable::parse(from, None).map_err(|invalid| Invalid::new("from", invalid.problem))?.dialled;
        let digits = from.bytes().rev().take_while(u8::is_ascii_digit).count().min(MAX_DIGITS);
        let (head, tail) = from.split_at(from.len() - digits);
        let first: u64 = tail.parse().map_err(|_| Invalid::new("from", format!("{from:?} does not end in a digit")))?;
        let room = 10_u64.pow(u32::try_from(digits).unwrap_or(1)) - first;
        let last = u64::from(count - 1) * u64::from(step);
        if last >= room {
            let fit = (room - 1) / u64::from(step) + 1;
            return Err(Invalid::new(
                "count",
                format!("{count} is too many: from {from} on, {fit} have as many digits"),
            ));
        }
        Ok(Self { head: head.to_owned(), first, width: digits, count, step })
    }

    /// The texts, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = String> + '_ {
        (0..self.count).map(|n| {
            let number = self.first + u64::from(n) * u64::from(self.step);
            format!("{}{number:0width$}", self.head, width = self.width)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(from: &str, count: u32, step: u32) -> Vec<String> {
        NumberRange::new(from, count, step).unwrap().iter().collect()
    }

    #[test]
    fn leading_zeros_stay_and_digits_carry() {
        assert_eq!(numbers("0007", 5, 1), ["0007", "0008", "0009", "0010", "0011"]);
        assert_eq!(numbers("+39 06 6982-0099", 2, 1), ["+390669820099", "+390669820100"]);
        assert_eq!(numbers("*55#98", 2, 1), ["*55#98", "*55#99"]);
        assert_eq!(numbers("100", 3, 100), ["100", "200", "300"]);
    }

    #[test]
    fn what_makes_no_range_is_refused_by_field() {
        let field = |from: &str, count, step| NumberRange::new(from, count, step).unwrap_err().field;
        assert_eq!(field("abc", 1, 1), "from");
        assert_eq!(field("12#", 1, 1), "from");
        assert_eq!(field("", 1, 1), "from");
        assert_eq!((field("1", 0, 1), field("1", MAX_NUMBERS + 1, 1), field("1", 1, 0)), {
            ("count".into(), "count".into(), "step".into())
        });
        let full = NumberRange::new("9998", 3, 1).unwrap_err();
        assert_eq!((full.field.as_str(), full.problem.contains("2 have as many digits")), ("count", true), "{full}");
        assert_eq!(numbers("9998", 2, 1), ["9998", "9999"]);
    }

    proptest! {
        #[test]
        fn every_number_is_dialable_new_and_as_long_as_the_first(from in "[+]?[0-9]{1,40}", count in 1_u32..200, step in 1_u32..2_000) {
            let Ok(range) = NumberRange::new(&from, count, step) else { return Ok(()) };
            let numbers: Vec<String> = range.iter().collect();
            prop_assert_eq!(numbers.len(), count as usize);
            prop_assert_eq!(&numbers[0], &from);
            for pair in numbers.windows(2) {
                prop_assert!(pair[0] < pair[1]);
            }
            for number in &numbers {
                prop_assert_eq!(number.len(), from.len());
                prop_assert!(Dialable::parse(number, None).is_ok());
            }
        }
    }
}
