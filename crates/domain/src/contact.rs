//! A contact: one row of a list.

use crate::attributes::Attributes;
use crate::ids::{ContactId, ListId, NumberRef};
use crate::number::{Dialable, NumberKey};
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
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({} of list {})", self.id, self.list)
    }
}
