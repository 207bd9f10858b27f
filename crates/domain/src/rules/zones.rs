//! Where a number may be, as time zones.

/// The zones in which the telephone of a number may ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zones {
    /// A national or internal number: it is where the campaign is.
    Campaign,
    /// One set of the generated table, by its place there.
    Set(u16),
    /// The zone that the contact names, by its place among all IANA zones.
    One(u16),
    /// An international number of no known place: no hour is right.
    Unknown,
}
