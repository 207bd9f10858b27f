//! The rules of a campaign: those of the packs it names, and its own limits.

use super::calls::Calls;
use super::window::CalleeHours;
use crate::error::Invalid;
use crate::number::Dialable;
use crate::time::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The pack that a campaign has unless it names others.
pub const DEFAULT: &str = "default";
/// The pack without a rule. It has to be named, is shown in red and audited.
pub const UNRESTRICTED: &str = "unrestricted";

const DAY_S: i64 = 86_400;

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
    /// Prefixes that are called although a pack denies a shorter one.
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
    /// `HH:MM`, `24:00` for the end of the day; not before `from`.
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
    /// The person, on whatever number; the number where the contact names no person.
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

/// One source of rules, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `default`, or `campaign` for the campaign's own limits.
    pub name: String,
    /// The pack's version; empty for the campaign's own.
    pub version: String,
    /// Its limits, as written.
    pub limits: Limits,
    /// Its hours, ready to be asked; `None`: any hour.
    pub hours: Option<CalleeHours>,
}

/// All rules of one campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Every one has to say yes.
    pub parts: Vec<Part>,
    /// Where numbers without a country are.
    pub zone: TimeZone,
}

impl Rules {
    /// The rules of a campaign in `zone` that names these packs and has these limits of its own. An unknown pack, an
    /// unknown zone and a limit out of range are refused by field.
    pub fn of(_packs: &[String], limits: &Limits, zone: &str) -> Result<Self, Invalid> {
        let zone = TimeZone::get(zone).map_err(|_| Invalid::new("zone", format!("{zone:?} is no IANA time zone")))?;
        let own = Part { name: "campaign".into(), version: String::new(), limits: limits.clone(), hours: None };
        Ok(Self { parts: vec![own], zone })
    }

    /// Without any rule.
    pub fn none() -> Self {
        Self { parts: Vec::new(), zone: TimeZone::UTC }
    }

    /// Whether the number lies in a range that is not called, and in which.
    pub fn denies(&self, _number: &Dialable) -> Option<&str> {
        None
    }

    /// Whether consent given then (if ever) is enough for every part.
    pub fn consent_holds(&self, given_at: Option<Timestamp>, now: Timestamp) -> bool {
        self.parts.iter().filter_map(|part| part.limits.consent).all(|consent| {
            let days = i64::from(consent.max_age_days);
            given_at.is_some_and(|at| at <= now && (days == 0 || now < at.plus_seconds(days * DAY_S)))
        })
    }

    /// When every cap allows another attempt; `None`: now.
    pub fn caps_open_at(&self, number: &Calls, person: &Calls, now: Timestamp) -> Option<Timestamp> {
        let caps = self.parts.iter().flat_map(|part| &part.limits.caps);
        let opens = caps.filter_map(|cap| {
            let calls = if cap.by == CapBy::Person && !person.attempts.is_empty() { person } else { number };
            calls.cap_opens_at(cap.attempts, i64::from(cap.hours) * 3_600, now)
        });
        opens.max()
    }

    /// When the last conversation is long enough ago; `None`: now.
    pub fn cooled_down_at(&self, number: &Calls, person: &Calls, now: Timestamp) -> Option<Timestamp> {
        let talked = number.conversation_at.max(person.conversation_at)?;
        let hours = self.parts.iter().map(|part| part.limits.cooldown_hours).max().unwrap_or(0);
        Some(talked.plus_seconds(i64::from(hours) * 3_600)).filter(|at| *at > now)
    }

    /// When the least gap after the last attempt is over; `None`: now.
    pub fn gap_over_at(&self, number: &Calls, now: Timestamp) -> Option<Timestamp> {
        let minutes = self.parts.iter().map(|part| part.limits.gap_minutes).max().unwrap_or(0);
        let last = *number.attempts.first()?;
        Some(last.plus_seconds(i64::from(minutes) * 60)).filter(|at| *at > now)
    }

    /// Ringing seconds before a call may be given up.
    pub fn min_ring_s(&self) -> u32 {
        self.parts.iter().map(|part| part.limits.min_ring_s).max().unwrap_or(0)
    }

    /// The campaign's rules leave out the default pack.
    pub fn is_unrestricted(&self) -> bool {
        self.parts.iter().any(|part| part.name == UNRESTRICTED)
    }
}
