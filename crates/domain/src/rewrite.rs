//! From the member of a queue to the channel that is dialled for it.

use crate::error::{Invalid, check_text};
use regex::Regex;
use serde::{Deserialize, Serialize};

/// Longest channel that Asterisk does not cut, bytes.
const DEVICE_BYTES_MAX: usize = 255;
/// Longest pattern and replacement, characters.
const TEXT_CHARS_MAX: usize = 200;
/// Most memory that a pattern may take, bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Every match of `find` in a member's interface becomes `replace`, in which `$1` is the first group. An empty `find`
/// changes nothing. A member `Agent/101` becomes `SIP/101` by `^Agent/(.*)` and `SIP/$1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// A regular expression, at most 200 characters.
    pub find: String,
    /// At most 200 characters.
    pub replace: String,
}

impl Rewrite {
    /// Refuses a pattern that is none, and a replacement that names a group which the pattern does not have.
    pub fn check(&self) -> Result<(), Invalid> {
        for (field, text) in [("dial_find", &self.find), ("dial_replace", &self.replace)] {
            if !text.is_empty() {
                check_text(field, text, TEXT_CHARS_MAX)?;
            }
        }
        if self.find.is_empty() {
            return if self.replace.is_empty() {
                Ok(())
            } else {
                Err(Invalid::new("dial_replace", "needs a dial_find: what it replaces"))
            };
        }
        let pattern = self.pattern()?;
        let groups = pattern.captures_len();
        match self.pieces().into_iter().find_map(|piece| piece.err().filter(|group| *group >= groups)) {
            None => Ok(()),
            Some(group) => {
                let problem = format!("names group ${group}, and dial_find has {} groups", groups - 1);
                Err(Invalid::new("dial_replace", problem))
            }
        }
    }

    /// The channel that is dialled for a member, e.g. `PJSIP/1001`; or why none can be.
    pub fn device(&self, interface: &str) -> Result<String, Invalid> {
        let device = if self.find.is_empty() {
            interface.to_owned()
        } else {
            let pieces = self.pieces();
            let replaced = |found: &regex::Captures<'_>| {
                let text = |piece: &Result<String, usize>| match piece {
                    Ok(text) => text.clone(),
                    Err(group) => found.get(*group).map_or(String::new(), |group| group.as_str().to_owned()),
                };
                pieces.iter().map(text).collect::<String>()
            };
            self.pattern()?.replace_all(interface, replaced).into_owned()
        };
        let whole = device.split_once('/').is_some_and(|(technology, rest)| !technology.is_empty() && !rest.is_empty());
        if !whole || device.len() > DEVICE_BYTES_MAX || device.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let problem = format!("{device:?} is no channel that can be dialled, like PJSIP/1001");
            return Err(Invalid::new("dial_replace", problem));
        }
        Ok(device)
    }

    fn pattern(&self) -> Result<Regex, Invalid> {
        let built = regex::RegexBuilder::new(&self.find).size_limit(PATTERN_BYTES_MAX).build();
        built.map_err(|error| {
            let why = error.to_string();
            let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Invalid::new("dial_find", format!("is no regular expression: {last}"))
        })
    }

    /// The replacement: texts, and numbers of groups. `$1` is one digit, as in WombatDialer's patterns; `\$` is a dollar.
    fn pieces(&self) -> Vec<Result<String, usize>> {
        let mut pieces: Vec<Result<String, usize>> = Vec::new();
        let mut characters = self.replace.chars().peekable();
        let literal = |pieces: &mut Vec<Result<String, usize>>, character: char| match pieces.last_mut() {
            Some(Ok(text)) => text.push(character),
            _ => pieces.push(Ok(character.to_string())),
        };
        while let Some(character) = characters.next() {
            let digit = characters.peek().and_then(|next| next.to_digit(10));
            match (character, digit) {
                ('$', Some(group)) => {
                    characters.next();
                    pieces.push(Err(group as usize));
                }
                ('\\', _) => literal(&mut pieces, characters.next().unwrap_or('\\')),
                _ => literal(&mut pieces, character),
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewrite(find: &str, replace: &str) -> Rewrite {
        Rewrite { find: find.into(), replace: replace.into() }
    }

    #[test]
    fn a_member_becomes_a_channel() {
        for (find, replace, interface, device) in [
            ("", "", "PJSIP/1001", "PJSIP/1001"),
            ("^Agent/(.*)", "SIP/$1", "Agent/101", "SIP/101"),
            ("^Local/([0-9]+)@.*", "PJSIP/$1x", "Local/302@from-queue/n", "PJSIP/302x"),
            ("SIP", "PJSIP", "SIP/302", "PJSIP/302"),
            ("(1)(2)?", "$2$1\\$0", "SIP/1", "SIP/1$0"),
            ("nothing", "x", "SIP/302", "SIP/302"),
        ] {
            let rewrite = rewrite(find, replace);
            rewrite.check().unwrap();
            assert_eq!(rewrite.device(interface).unwrap(), device, "{find} {replace}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_field() {
        for (find, replace, field) in [
            ("(", "", "dial_find"),
            ("", "x", "dial_replace"),
            ("a(b)", "$2", "dial_replace"),
            ("a{999999}", "", "dial_find"),
        ] {
            assert_eq!(rewrite(find, replace).check().unwrap_err().field, field, "{find} {replace}");
        }
        for interface in ["1001", "", "SIP/", "/1", "SIP/1 2", "SIP/1\r\nX: y"] {
            assert!(rewrite("", "").device(interface).is_err(), "{interface:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_out_is_one_line(find in ".{0,20}", replace in ".{0,20}", interface in ".{0,30}") {
            let rewrite = Rewrite { find, replace };
            if rewrite.check().is_ok() && let Ok(device) = rewrite.device(&interface) {
                prop_assert!(device.contains('/') && !device.contains(char::is_control) && device.len() <= 255);
            }
        }
    }
}
