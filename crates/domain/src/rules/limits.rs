//! What a pack or an operator limits calls to, as it is written.

use super::calls::{MAX_DAYS, MAX_REMEMBERED};
use super::prefixes::check_prefix;
use crate::error::{Invalid, check_range};
use serde::{Deserialize, Serialize};

/// Entries of each list of limits, at most.
const MAX_ENTRIES: usize = 1_000;
/// Caps, at most.
const MAX_CAPS: usize = 20;
/// Ringing seconds that may be asked for, at most.
const MAX_RING_S: u32 = 120;

/// What an operator limits a campaign to, beyond its packs. Everything absent limits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Hours on the callee's clock; empty: none of its own.
    pub hours: Vec<DayHours>,
    /// Days without calls, `2026-12-25` or every year `12-25`.
    pub holidays: Vec<String>,
    /// Attempts, at most.
    pub caps: Vec<Cap>,
    /// Hours after a conversation in which nobody calls again.
    pub cooldown_hours: u32,
    /// Least minutes between two attempts to one number.
    pub gap_minutes: u32,
    /// Consent that a contact needs.
    pub consent: Option<Consent>,
    /// Prefixes that are not called, `+` and digits.
    pub deny: Vec<String>,
    /// Prefixes that are called although a pack denies them or shorter ones.
    pub allow: Vec<String>,
    /// Calls per hour to a prefix, over all campaigns.
    pub hourly: Vec<HourlyCap>,
    /// Ringing seconds before a call may be given up.
    pub min_ring_s: u32,
}

/// A window on some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayHours {
    /// Digits 1 (Sunday) to 7 (Saturday).
    pub days: String,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, `24:00` for the end of the day; after `from`.
    pub to: String,
}

/// So many attempts in so many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Attempts, `1..=50`.
    pub attempts: u32,
    /// Rolling hours, `1..=2160`.
    pub hours: u32,
    /// Counted per.
    #[serde(default)]
    pub by: CapBy,
}

/// What a cap counts by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapBy {
    /// The number.
    #[default]
    Number,
    /// The person, on whatever number. Attempts to the number itself count, too, whoever was asked for.
    Person,
}

/// Consent that a contact needs before it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Days for which it holds; 0: for ever.
    #[serde(default)]
    pub max_age_days: u32,
}

/// Calls per hour to a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourlyCap {
    /// `+` and digits.
    pub prefix: String,
    /// At most, `1..=100000`.
    pub calls: u32,
}

impl Limits {
    /// Refuses what is out of range, by field. Hours and holidays are read, and refused, where they become
    /// [`CalleeHours`](super::CalleeHours).
    pub fn check(&self) -> Result<(), Invalid> {
        let hours = MAX_DAYS * 24;
        check_range("limits.caps", self.caps.len(), 0, MAX_CAPS)?;
        for (place, cap) in self.caps.iter().enumerate() {
            check_range(&format!("limits.caps[{place}].attempts"), cap.attempts as usize, 1, MAX_REMEMBERED)?;
            check_range(&format!("limits.caps[{place}].hours"), cap.hours, 1, hours)?;
        }
        check_range("limits.cooldown_hours", self.cooldown_hours, 0, hours)?;
        check_range("limits.gap_minutes", self.gap_minutes, 0, hours * 60)?;
        check_range("limits.consent.max_age_days", self.consent.map_or(0, |consent| consent.max_age_days), 0, 36_500)?;
        check_range("limits.min_ring_s", self.min_ring_s, 0, MAX_RING_S)?;
        for (field, prefixes) in [("limits.deny", &self.deny), ("limits.allow", &self.allow)] {
            check_range(field, prefixes.len(), 0, MAX_ENTRIES)?;
            for (place, prefix) in prefixes.iter().enumerate() {
                check_prefix(&format!("{field}[{place}]"), prefix)?;
            }
        }
        if let Some(place) = self.allow.iter().position(|prefix| self.deny.contains(prefix)) {
            let problem = format!("{} is denied, too", self.allow[place]);
            return Err(Invalid::new(format!("limits.allow[{place}]"), problem));
        }
        check_range("limits.hourly", self.hourly.len(), 0, MAX_ENTRIES)?;
        for (place, cap) in self.hourly.iter().enumerate() {
            check_prefix(&format!("limits.hourly[{place}].prefix"), &cap.prefix)?;
            check_range(&format!("limits.hourly[{place}].calls"), cap.calls, 1, 100_000)?;
        }
        Ok(())
    }
}
