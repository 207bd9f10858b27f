//! A contact's attributes: data that travels with the number to the dialplan.

use crate::error::Invalid;
use serde::{Deserialize, Serialize};

/// Attributes of one contact, at most.
pub const MAX_ATTRIBUTES: usize = 100;
/// Longest value, in bytes of UTF-8.
pub const MAX_VALUE_BYTES: usize = 1_024;
/// Longest name, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// Variables that Asterisk or Carillon sets itself; an attribute of that name would change what a call does.
const RESERVED: &[&str] = &[
    "ACCOUNTCODE",
    "ANSWEREDTIME",
    "BRIDGEPEER",
    "CALLERID",
    "CALLINGPRES",
    "CHANNEL",
    "CONTEXT",
    "DIALEDPEERNAME",
    "DIALEDPEERNUMBER",
    "DIALEDTIME",
    "DIALSTATUS",
    "DNID",
    "EPOCH",
    "EXTEN",
    "GOSUB_RETVAL",
    "HANGUPCAUSE",
    "HASH",
    "HINT",
    "HINTNAME",
    "INVALID_EXTEN",
    "LANGUAGE",
    "LINKEDID",
    "LOOKUPSTATUS",
    "MACRO_CONTEXT",
    "MACRO_EXTEN",
    "MACRO_PRIORITY",
    "MEETMESECS",
    "PRIORITY",
    "QUEUENAME",
    "RDNIS",
    "STASISSTATUS",
    "SYSTEMNAME",
    "SYSTEMSTATUS",
    "TIMESTAMP",
    "TRANSFERSTATUS",
    "TXTCIDNAME",
    "UNIQUEID",
];
/// Families of variables with the same rule.
const RESERVED_PREFIXES: &[&str] = &["CARILLON_", "WOMBAT_", "DIALPLAN_", "PJSIP_", "SIP_", "AST_", "CC_"];

/// Name and value pairs in the order of the list. Names are valid and unique, values hold no control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`; names are case-sensitive, as Asterisk's are.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All but those whose names begin like this.
    #[must_use]
    pub fn without(&self, prefix: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| !name.starts_with(prefix)).cloned().collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives `name` this value, whatever it had; what [`Attributes::add`] refuses is refused, a repeated name is not.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let place = self.0.iter().position(|(n, _)| n == name);
        let had = place.map(|place| self.0.remove(place));
        match (self.add(name, value), had) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(_)) => {
                // A changed value stays where it was.
                let changed = self.0.pop().expect("it was just added");
                self.0.insert(place.unwrap_or(self.0.len()), changed);
                Ok(())
            }
            (Err(invalid), had) => {
                if let (Some(place), Some(had)) = (place, had) {
                    self.0.insert(place, had);
                }
                Err(invalid)
            }
        }
    }

    /// Puts `value` behind the value of `name`; one that is not there is empty before.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let whole = format!("{}{value}", self.get(name).unwrap_or_default());
        self.set(name, &whole)
    }

    /// Adds a pair. Line breaks and tabs in the value become one space (and `true` is returned: worth a warning);
    /// other control characters, a bad or reserved name, a repeated name and an over-long value are refused.
    pub fn add(&mut self, name: &str, value: &str) -> Result<bool, Invalid> {
        check_name(name)?;
        if self.get(name).is_some() {
            return Err(Invalid::new(name, "is given twice"));
        }
        if self.len() >= MAX_ATTRIBUTES {
            return Err(Invalid::new(name, format!("more than {MAX_ATTRIBUTES} attributes")));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(Invalid::new(
                name,
                format!("value of {} bytes: at most {MAX_VALUE_BYTES} are allowed", value.len()),
            ));
        }
        let folded = value.contains(['\r', '\n', '\t']);
        let value = if folded {
            value.split(['\r', '\n', '\t']).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
        } else {
            value.to_owned()
        };
        if let Some(bad) = value.chars().find(|c| c.is_control()) {
            return Err(Invalid::new(name, format!("value holds the control character U+{:04X}", bad as u32)));
        }
        self.0.push((name.to_owned(), value));
        Ok(folded)
    }
}

/// Refuses what is not a plain variable name: `[A-Za-z_][A-Za-z0-9_]{0,63}`, never a function, never reserved.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    let shown: String = name.chars().take(MAX_NAME_CHARS).collect();
    let mut bytes = name.bytes();
    let first_ok = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !first_ok || name.len() > MAX_NAME_CHARS || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Invalid::new(
            "attribute",
            format!("{shown:?} is no attribute name: letters, digits and _, not starting with a digit, at most 64"),
        ));
    }
    let upper = name.to_ascii_uppercase();
    // A leading underscore marks inheritance in Asterisk; the variable it sets is the name without it.
    let bare = upper.trim_start_matches('_');
    if bare.is_empty() || RESERVED.contains(&bare) || RESERVED_PREFIXES.iter().any(|prefix| bare.starts_with(prefix)) {
        return Err(Invalid::new("attribute", format!("{shown:?} is reserved for Asterisk or Carillon")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_data_and_kept_verbatim() {
        let mut attributes = Attributes::default();
        assert!(!attributes.add("NAME", "${SHELL(id)},a=b;c|d \"x\"").unwrap());
        assert_eq!(attributes.get("NAME"), Some("${SHELL(id)},a=b;c|d \"x\""));
    }

    #[test]
    fn the_last_value_wins_and_what_is_appended_stands_behind() {
        let mut attributes = Attributes::default();
        for (name, value) in [("A", "1"), ("B", "2"), ("A", "3")] {
            attributes.set(name, value).unwrap();
        }
        attributes.append("B", "x").unwrap();
        attributes.append("C", "y").unwrap();
        assert!(attributes.set("A", &"x".repeat(1_025)).is_err() && attributes.set("EXTEN", "1").is_err());
        assert_eq!(attributes.iter().collect::<Vec<_>>(), [("A", "3"), ("B", "2x"), ("C", "y")]);
    }

    #[test]
    fn a_line_break_becomes_a_space_and_is_reported() {
        let mut attributes = Attributes::default();
        assert!(attributes.add("ADDRESS", "12 Main St\r\nApt 4").unwrap());
        assert_eq!(attributes.get("ADDRESS"), Some("12 Main St Apt 4"));
    }

    #[test]
    fn functions_reserved_names_repeats_and_control_characters_are_refused() {
        let mut attributes = Attributes::default();
        for name in [
            "",
            "1A",
            "CALLERID(num)",
            "A B",
            "A,B",
            "A\r\nB",
            "EXTEN",
            "exten",
            "__EXTEN",
            "WOMBAT_HOPPER_ID",
            "_",
            "É",
        ] {
            assert!(attributes.add(name, "x").is_err(), "{name:?}");
        }
        attributes.add("A", "1").unwrap();
        assert!(attributes.add("A", "2").is_err());
        assert!(attributes.add("B", "x\u{0}y").is_err());
        assert!(attributes.add("C", &"x".repeat(1_025)).is_err());
    }
}
