//! Ranges of numbers, as prefixes of E.164.

use crate::error::Invalid;
use std::collections::BTreeSet;

/// Digits of a prefix, at most: those of the longest number.
const MAX_DIGITS: usize = 15;

/// A set of prefixes that tells the longest one of a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefixes(BTreeSet<String>);

impl Prefixes {
    /// Of prefixes with their `+`.
    pub(super) fn of<'a>(prefixes: impl Iterator<Item = &'a String>) -> Self {
        Self(prefixes.cloned().collect())
    }

    /// Adds the generated ranges of premium rate numbers.
    pub(super) fn add_premium(&mut self) {
        let lines = include_str!("packs/premium.txt").lines();
        self.0.extend(lines.filter(|line| !line.starts_with('#')).map(|line| format!("+{line}")));
    }

    /// The longest prefix, with its `+`, of a number whose digits these are.
    pub fn longest(&self, digits: &str) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = String::with_capacity(MAX_DIGITS + 1);
        text.push('+');
        text.extend(digits.chars().take(MAX_DIGITS));
        (2..=text.len()).rev().find_map(|length| self.0.get(text.get(..length)?)).map(String::as_str)
    }
}

/// Refuses what is not `+` and up to 15 digits.
pub(super) fn check_prefix(field: &str, prefix: &str) -> Result<(), Invalid> {
    let digits = prefix.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let shown: String = prefix.chars().take(40).collect();
        return Err(Invalid::new(field, format!("{shown:?} is no prefix: + and up to {MAX_DIGITS} digits")));
    }
    Ok(())
}
