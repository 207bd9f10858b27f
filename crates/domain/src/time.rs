//! Time as a value: the core is told what time it is and never asks.

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Sub};

/// A point on a clock that never steps, in microseconds since the process began. Timers use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant plus `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Microseconds from `earlier` to here, 0 when `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An instant of the wall clock in UTC, microseconds since 1970. Windows and stored deadlines use it.
///
/// On the wire RFC 3339 with a `Z`, in SQLite an INTEGER.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The library's instant; values outside its range (years -9999..=9999) are clamped to its ends.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// From the library's instant, to the microsecond.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self(at.as_microsecond())
    }

    /// This instant plus `seconds`, which may be negative.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// This instant plus `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    pub fn ms_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0) / 1_000
    }

    /// `2026-03-29 02:30:00` in `zone`, for people.
    pub fn in_zone(self, zone: &TimeZone) -> String {
        self.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

impl Add<Microseconds> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Microseconds) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Timestamp {
    type Output = Microseconds;
    fn sub(self, rhs: Self) -> Microseconds {
        Microseconds(self.0.saturating_sub(rhs.0))
    }
}

/// A signed span of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Microseconds(pub i64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(Self::from_jiff)
    }
}

/// What time it is, told to every step of the core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub mono: Mono,
    /// For windows and stored deadlines.
    pub wall: Timestamp,
}

/// Whether `name` is a zone of the bundled IANA database, e.g. `Europe/Madrid`.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_json_to_the_microsecond() {
        let at = Timestamp(1_774_747_800_123_456);
        let text = serde_json::to_string(&at).unwrap();
        assert_eq!(text, "\"2026-03-29T01:30:00.123456Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), at);
    }

    #[test]
    fn zones_are_those_of_the_iana_database() {
        assert!(is_zone("America/Sao_Paulo"));
        assert!(!is_zone("Mars/Olympus"));
    }
}
