//! Texts with `${NAME}` place-holders: caller id, account code.

use crate::error::{Invalid, check_optional_text};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Longest template, in characters.
pub const MAX_TEMPLATE_CHARS: usize = 200;
/// Longest expansion, in characters; the rest is cut off.
pub const MAX_EXPANDED_CHARS: usize = 80;

/// A text in which `${NAME}` stands for an attribute of the contact or for `num`, `list`,
/// `campaign`, `retry` (the first try is 0) or `hopperId` (the id of the attempt).
///
/// Expanded once: a value that itself holds `${...}` stays as it is. An unknown name expands to nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

impl Template {
    /// Reads a template; an unclosed `${` or a control character is refused under the name `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        check_optional_text(field, text, MAX_TEMPLATE_CHARS)?;
        check_place_holders(field, text)?;
        Ok(Self(text.to_owned()))
    }

    /// The template itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is empty, that is, not set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with every place-holder replaced by what `value` says, cut to 80 characters.
    pub fn expand<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> String {
        let out = fill(&self.0, |name| value(name).unwrap_or_default().into());
        out.chars().filter(|c| !c.is_control()).take(MAX_EXPANDED_CHARS).collect()
    }
}

/// Refuses an unclosed `${` and what is no name in it, under the name `field`.
pub fn check_place_holders(field: &str, text: &str) -> Result<(), Invalid> {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(len) = rest[start..].find('}') else {
            return Err(Invalid::new(field, "has a ${ that is not closed by }"));
        };
        let name = &rest[start + 2..start + len];
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(Invalid::new(
                field,
                format!("${{{name}}} is no place-holder: use ${{num}} or an attribute name"),
            ));
        }
        rest = &rest[start + len + 1..];
    }
    Ok(())
}

/// `text` with every place-holder replaced by what `value` says of its name. Once: what a value itself holds stays.
pub fn fill<'a>(text: &str, value: impl Fn(&str) -> Cow<'a, str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(len) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        out.push_str(&value(&rest[start + 2..start + len]));
        rest = &rest[start + len + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_replace_their_names_once() {
        let template = Template::parse("dial_clid", "C1 ${NAME} <${num}>").unwrap();
        let text = template.expand(|name| match name {
            "NAME" => Some("WHITE ${num}"),
            "num" => Some("5551234"),
            _ => None,
        });
        assert_eq!(text, "C1 WHITE ${num} <5551234>");
    }

    #[test]
    fn broken_templates_are_refused() {
        for text in ["${NAME", "${}", "${CALLERID(num)}", "a\nb"] {
            assert_eq!(Template::parse("dial_clid", text).unwrap_err().field, "dial_clid", "{text:?}");
        }
    }
}
