//! A contact: one row of a list.

use crate::attributes::Attributes;
use crate::ids::{ContactId, ListId, NumberRef};
use crate::number::{Dialable, NumberKey};
use crate::rules::Zones;
use crate::time::Timestamp;
use std::fmt;

/// A contact with all that a call to it needs. Its `Debug` shows no number and no attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Which row.
    pub id: ContactId,
    /// Of which list.
    pub list: ListId,
    /// The list's name, for `${list}` and the dialplan.
    pub list_name: String,
    /// The number.
    pub number: Dialable,
    /// Stands for the number where it may not be written.
    pub number_ref: NumberRef,
    /// Keyed hash of the number.
    pub key: NumberKey,
    /// Its attributes.
    pub attributes: Attributes,
    /// Where the number may be: its attribute [`ZONE`], otherwise what the number tells.
    pub zones: Zones,
    /// Keyed hash of who it is: of its attribute [`PERSON`]. `None`: it names nobody, the number stands for the person.
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

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({} of list {})", self.id, self.list)
    }
}
