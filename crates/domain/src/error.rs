//! Why a value was refused at the edge.

use thiserror::Error;

/// A value that may not enter the product. The message names the field and says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field as the API and the CSV call it, e.g. `dial_string`.
    pub field: String,
    /// What is wrong and what would be right; lower case, no full stop.
    pub problem: String,
}

impl Invalid {
    /// A refusal of `field` because of `problem`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// Refuses an empty, over-long or control-character text; lengths in characters.
pub(crate) fn check_text(field: &str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    check_optional_text(field, text, max)
}

/// As [`check_text`], but empty is allowed.
pub(crate) fn check_optional_text(field: &str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.chars().count() > max {
        return Err(Invalid::new(field, format!("longer than {max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "holds a control character (line break, NUL or the like)"));
    }
    Ok(())
}

/// Longest reason that a person may give, in characters.
pub const MAX_WHY_CHARS: usize = 200;

/// Refuses a reason over [`MAX_WHY_CHARS`] or on several lines, as `why`.
pub fn check_why(why: &str) -> Result<(), Invalid> {
    if why.chars().count() > MAX_WHY_CHARS || why.chars().any(char::is_control) {
        return Err(Invalid::new("why", format!("must be at most {MAX_WHY_CHARS} characters on one line")));
    }
    Ok(())
}

/// Refuses a number outside `low..=high`.
pub(crate) fn check_range<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    low: T,
    high: T,
) -> Result<(), Invalid> {
    if value < low || value > high {
        return Err(Invalid::new(field, format!("{value} is outside {low}..={high}")));
    }
    Ok(())
}
