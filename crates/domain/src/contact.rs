//! A contact: one row of a list.

use crate::attributes::Attributes;
use crate::error::Invalid;
use crate::ids::{ContactId, ListId, NumberRef};
use crate::number::{Dialable, NumberKey};
use crate::numbers::{Numbers, check_places};
use crate::rules::Zones;
use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// A contact with all that a call to it needs. Its `Debug` shows no number and no attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Which row.
    pub id: ContactId,
    /// Of which list.
    pub list: ListId,
    /// The list's name, for `${list}` and the dialplan.
    pub list_name: String,
    /// The number that it is called on: its own, unless another one's turn has come.
    pub number: Dialable,
    /// Stands for the number where it may not be written.
    pub number_ref: NumberRef,
    /// Keyed hash of the number.
    pub key: NumberKey,
    /// The place of that number among its numbers; 0: its own.
    pub number_no: u32,
    /// All of its numbers; `None`: it has one.
    pub numbers: Option<Arc<Numbers>>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Where the number may be: its attribute [`ZONE`], otherwise what the number tells.
    pub zones: Zones,
    /// Keyed hash of who it is: of its attribute [`PERSON`], otherwise of its own number where it has several. `None`: the
    /// number stands for the person.
    pub person: Option<NumberKey>,
    /// Since when there is consent: its attribute [`CONSENT_AT`].
    pub consent_at: Option<Timestamp>,
}

/// The attribute that says where the person is: an IANA zone.
pub const ZONE: &str = "ZONE";
/// The attribute that says who the person is, whatever number is dialled: a text of the operator's own.
pub const PERSON: &str = "PERSON";
/// The attribute that says when consent was given: `2026-05-01` or `2026-05-01T10:00:00Z`.
pub const CONSENT_AT: &str = "CONSENT_AT";

/// Since when there is consent, of the attribute [`CONSENT_AT`]: an instant, or a day, which counts from its begin in UTC.
/// Refused by field: what is neither.
pub fn consent_at(text: &str) -> Result<Timestamp, Invalid> {
    let text = text.trim();
    let day = || -> Option<jiff::Timestamp> {
        let day: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == "2026-05-01".len())?;
        day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
    };
    let at = day().or_else(|| text.parse().ok());
    let problem = || Invalid::new(CONSENT_AT, format!("{text:?} is neither a day nor an instant, e.g. 2026-05-01"));
    at.map(Timestamp::from_jiff).ok_or_else(problem)
}

/// Refuses attributes that mean something and do not say it: [`ZONE`], [`CONSENT_AT`], a
/// [`MULTINUM`](crate::numbers::MULTINUM) of a place that there is not. An empty one says nothing.
pub fn check_meaning(attributes: &Attributes) -> Result<(), Invalid> {
    let given = |name| attributes.get(name).map(str::trim).filter(|value| !value.is_empty());
    given(ZONE).map(Zones::one).transpose()?;
    given(CONSENT_AT).map(consent_at).transpose()?;
    check_places(attributes)
}

/// Keyed hash of who it is, of the attribute [`PERSON`]; of a contact with several numbers that names nobody, of its own
/// number: calls to all of its numbers are calls to one person. `None`: one number stands for the person.
pub fn person_of(attributes: &Attributes, own: &Dialable, several: bool, secret: u64) -> Option<NumberKey> {
    let named = attributes.get(PERSON).map(str::trim).filter(|person| !person.is_empty());
    let number = || format!("number {}", own.e164.as_ref().unwrap_or(&own.dialled));
    let person = named.map(str::to_owned).or_else(|| several.then(number))?;
    Some(NumberKey::of_person(&person, secret))
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({} of list {})", self.id, self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.add(name, value).unwrap();
        attributes
    }

    #[test]
    fn attributes_that_mean_something_are_refused_by_name() {
        for (name, value) in [(ZONE, "Mars/Olympus"), (CONSENT_AT, "yesterday"), (CONSENT_AT, "2026-02-30")] {
            assert_eq!(check_meaning(&of(name, value)).unwrap_err().field, name);
        }
        for (name, value) in [(ZONE, " Europe/Madrid "), (CONSENT_AT, "2026-02-28"), (ZONE, ""), (CONSENT_AT, " ")] {
            check_meaning(&of(name, value)).unwrap();
        }
    }

    #[test]
    fn consent_is_a_day_or_an_instant() {
        let at = |text| consent_at(text).unwrap().to_string();
        assert_eq!(at("2026-05-01"), at("2026-05-01T00:00:00Z"));
        assert_eq!(at("2026-05-01T10:00:00+02:00"), at(" 2026-05-01T08:00:00Z"));
    }

    #[test]
    fn a_person_is_who_the_attribute_names() {
        let own = crate::Dialable::parse("15554000001", None).unwrap();
        let key = |value| person_of(&of(PERSON, value), &own, false, 7);
        assert_eq!((key("Ann 1970"), key("")), (key(" Ann 1970 "), None));
        assert_ne!(key("15554000001").unwrap(), own.key(7));
        let several = |value| person_of(&of(PERSON, value), &own, true, 7);
        assert_eq!(several("Ann 1970"), key("Ann 1970"));
        assert!(
            several("").is_some_and(|person| person != own.key(7)),
            "a person of several numbers is counted as one"
        );
    }
}
