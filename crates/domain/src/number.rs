//! A number is what the list says (design 7.14).

mod plan;

use crate::error::Invalid;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Longest dialable text, in characters.
pub const MAX_NUMBER_CHARS: usize = 40;

/// A number that may be dialled: what the list said, what is dialled, and its E.164 form where that can be derived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialable {
    /// The text of the list, trimmed.
    pub as_given: String,
    /// What is dialled: `as_given` less spaces, dots, dashes and brackets. Only `[0-9*#+]`, 1..=40 characters.
    pub dialled: String,
    /// `+` and digits. `None` when neither the number nor the country tells it.
    pub e164: Option<String>,
}

impl Dialable {
    /// Reads a number. `country` is the ISO code (`IT`) that national numbers belong to, when one is configured.
    ///
    /// Malformed is: empty, over 40 characters, or anything outside `[0-9*#+]` after cleaning. A number that the
    /// numbering plan does not know is dialled all the same: lists hold short codes, extensions and test numbers.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, Invalid> {
        let as_given = text.trim();
        if as_given.len() > 4 * MAX_NUMBER_CHARS {
            return Err(Invalid::new("number", format!("longer than {MAX_NUMBER_CHARS} characters")));
        }
        let dialled: String =
            as_given.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '.' | '-' | '(' | ')' | '[' | ']')).collect();
        if dialled.is_empty() {
            return Err(Invalid::new("number", "is empty"));
        }
        if dialled.chars().count() > MAX_NUMBER_CHARS {
            return Err(Invalid::new("number", format!("longer than {MAX_NUMBER_CHARS} characters")));
        }
        if let Some(bad) = dialled.chars().find(|c| !matches!(c, '0'..='9' | '*' | '#' | '+')) {
            return Err(Invalid::new("number", format!("holds {bad:?}: only digits, *, # and + can be dialled")));
        }
        let e164 = plan::e164(&dialled, country);
        Ok(Self { as_given: as_given.to_owned(), dialled, e164 })
    }

    /// What says that two rows mean the same telephone: E.164 where derivable, otherwise the cleaned text.
    pub fn key(&self, secret: u64) -> NumberKey {
        key_of(self.e164.as_deref().unwrap_or(&self.dialled), secret)
    }

    /// Every key that a spelling of this telephone may have, this one's first: with and without its `+`, with and without
    /// its country. For what must hold whatever a list says; two telephones are taken for one rather than the other
    /// way round.
    pub fn every_key(&self, secret: u64) -> Vec<NumberKey> {
        let mut keys = vec![self.key(secret), key_of(&self.dialled, secret)];
        for text in [Some(&self.dialled), self.e164.as_ref()].into_iter().flatten() {
            let digits = text.strip_prefix('+').unwrap_or(text);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) {
                keys.extend([key_of(digits, secret), key_of(&format!("+{digits}"), secret)]);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        keys.retain(|key| seen.insert(*key));
        keys
    }

    /// Whether the numbering plan knows this number; `false` is a warning, never a refusal.
    pub fn is_plausible(&self) -> bool {
        let Some(e164) = &self.e164 else { return false };
        plausible(e164)
    }
}

/// A keyed hash of the number: lets the core keep one call at a time per telephone without knowing any number.
///
/// SipHash-1-3 of the installation's secret and the E.164 form (or the cleaned text).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumberKey(pub i64);

impl NumberKey {
    /// The same of who somebody is: of a contact's attribute `PERSON`. No number has the key of a person.
    pub fn of_person(person: &str, secret: u64) -> Self {
        key_of(&format!("person:{}", person.trim()), secret)
    }
}

fn key_of(text: &str, secret: u64) -> NumberKey {
    let mut hasher = SipHasher13::new_with_keys(secret, !secret);
    hasher.write(text.as_bytes());
    NumberKey(hasher.finish() as i64)
}

fn plausible(e164: &str) -> bool {
    std::panic::catch_unwind(|| phonenumber::parse(None, e164).is_ok_and(|n| phonenumber::is_valid(&n)))
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_is_dropped_and_the_rest_is_kept() {
        let number = Dialable::parse(" +39 (06) 69-82.", None).unwrap();
        assert_eq!(number.as_given, "+39 (06) 69-82.");
        assert_eq!(number.dialled, "+39066982");
        assert_eq!(number.e164.as_deref(), Some("+39066982"));
    }

    #[test]
    fn a_national_number_gets_its_country() {
        assert_eq!(Dialable::parse("06 6982", Some("IT")).unwrap().e164.as_deref(), Some("+39066982"));
        assert_eq!(Dialable::parse("06 6982", None).unwrap().e164, None);
    }

    #[test]
    fn malformed_numbers_are_refused_by_name() {
        for text in ["", "  ", "12a4", "1234\r\nAction: x", "${EXTEN}", "1,2", &"1".repeat(41), "12\u{0}4"] {
            let error = Dialable::parse(text, Some("US")).unwrap_err();
            assert_eq!(error.field, "number", "{text:?}");
        }
        assert!(Dialable::parse(&"1".repeat(40), None).is_ok());
    }

    #[test]
    fn every_key_covers_the_spellings_that_a_list_without_a_country_may_have() {
        let number = |text, country| Dialable::parse(text, country).unwrap();
        let keys = number("+1 (555) 400-0002", None).every_key(7);
        for text in ["+15554000002", "15554000002", "1 555 400 0002"] {
            assert!(keys.contains(&number(text, None).key(7)), "{text}");
        }
        let keys = number("06 69820001", Some("IT")).every_key(7);
        for (text, country) in [("+390669820001", None), ("390669820001", None), ("0669820001", None)] {
            assert!(keys.contains(&number(text, country).key(7)), "{text}");
        }
        assert_eq!(keys[0], number("06 69820001", Some("IT")).key(7));
        assert_eq!(number("*98", None).every_key(7).len(), 1);
        assert!(!keys.contains(&number("0669820002", None).key(7)));
    }

    #[test]
    fn two_spellings_of_one_telephone_have_one_key() {
        let a = Dialable::parse("06 6982", Some("IT")).unwrap();
        let b = Dialable::parse("+39066982", None).unwrap();
        assert_eq!(a.key(7), b.key(7));
        assert_ne!(a.key(7), a.key(8));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_passes_is_dialable(text in "\\PC{0,60}") {
            if let Ok(number) = Dialable::parse(&text, Some("GB")) {
                let dialable = number.dialled.bytes().all(|b| b.is_ascii_digit() || b"*#+".contains(&b));
                proptest::prop_assert!(dialable);
            }
        }
    }
}
