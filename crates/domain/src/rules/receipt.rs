//! The figures on which the contact rules said yes, kept with the attempt.

use super::limits::CapBy;
use super::ruling::{Part, Rules};
use super::verdict::Facts;
use super::window::Windows;
use crate::time::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// Clocks that are written down, at most: of more zones the earliest and the latest.
const MAX_CLOCKS: usize = 6;

/// What the contact rules were asked with. No number, name or attribute value is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactReceipt {
    /// The packs whose rules were asked, and `campaign` for its own limits.
    pub packs: Vec<PackAsked>,
    /// In how many zones the number may be; 0 where no pack looks at hours.
    pub zones: u32,
    /// What the callee's clock showed in them; of more than six, in the earliest and the latest.
    pub clocks: Vec<Clock>,
    /// When the window closes in the first of them.
    pub window_closes_at: Option<Timestamp>,
    /// Every cap, with what was used of it.
    pub caps: Vec<CapUsed>,
    /// The last attempt to the number before this one, as far as it is remembered.
    pub last_attempt_at: Option<Timestamp>,
    /// Least minutes after it.
    pub gap_minutes: u32,
    /// The last conversation with number or person.
    pub last_conversation_at: Option<Timestamp>,
    /// Hours after it in which nobody calls.
    pub cooldown_hours: u32,
    /// The last abandoned call to number or person, where a pack has a rest after it.
    pub last_abandoned_at: Option<Timestamp>,
    /// The last call at which a machine was detected, where a pack has a rest after it.
    pub last_machine_at: Option<Timestamp>,
    /// Whether consent was asked for.
    pub consent_needed: bool,
    /// Since when there is consent.
    pub consent_at: Option<Timestamp>,
}

/// A pack as it was when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackAsked {
    /// Its name.
    pub name: String,
    /// Its version; empty for the campaign's own limits.
    pub version: String,
}

/// What a callee's clock showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// IANA zone.
    pub zone: String,
    /// Local date and time.
    pub showed: DateTime,
}

/// A cap and what was used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapUsed {
    /// Counted per.
    pub by: CapBy,
    /// Rolling hours.
    pub hours: u32,
    /// Attempts before this one.
    pub used: u32,
    /// Attempts allowed.
    pub allowed: u32,
}

impl ContactReceipt {
    /// The receipt of a contact with these facts.
    pub fn of(rules: &Rules, facts: &Facts<'_>, now: Timestamp, windows: &mut Windows) -> Self {
        let packs = rules.parts.iter().map(|part| PackAsked { name: part.name.clone(), version: part.version.clone() });
        let (zones, clocks) = if rules.parts.iter().any(|part| part.hours.is_some()) {
            clocks(rules, facts, now)
        } else {
            (0, Vec::new())
        };
        let caps = rules.parts.iter().flat_map(|part| &part.limits.caps).map(|cap| {
            let used = rules.used(*cap, facts.number, facts.person, now);
            CapUsed { by: cap.by, hours: cap.hours, used, allowed: cap.attempts }
        });
        let most = |of: fn(&Part) -> u32| rules.parts.iter().map(of).max().unwrap_or(0);
        Self {
            packs: packs.collect(),
            zones,
            clocks,
            window_closes_at: windows.closes_at(rules, facts.zones, now),
            caps: caps.collect(),
            last_attempt_at: facts.number.attempts.first().copied(),
            gap_minutes: most(|part| part.limits.gap_minutes),
            last_conversation_at: facts.number.conversation_at.max(facts.person.conversation_at),
            cooldown_hours: most(|part| part.limits.cooldown_hours),
            last_abandoned_at: (facts.number.abandoned_at.max(facts.person.abandoned_at))
                .filter(|_| most(|part| part.rests.abandoned_hours) > 0),
            last_machine_at: (facts.number.machine_at.max(facts.person.machine_at))
                .filter(|_| most(|part| part.rests.machine_hours) > 0),
            consent_needed: rules.consent_needed(),
            consent_at: facts.consent_at,
        }
    }
}

fn clocks(rules: &Rules, facts: &Facts<'_>, now: Timestamp) -> (u32, Vec<Clock>) {
    let zones = facts.zones.zones(&rules.zone);
    let mut showed: Vec<_> = zones.iter().map(|zone| (zone.to_datetime(now.to_jiff()), *zone)).collect();
    let count = u32::try_from(showed.len()).unwrap_or(u32::MAX);
    if showed.len() > MAX_CLOCKS {
        showed.sort_by_key(|(showed, _)| *showed);
        showed = [showed.first(), showed.last()].into_iter().flatten().cloned().collect();
    }
    let name = |zone: &jiff::tz::TimeZone| zone.iana_name().unwrap_or("the campaign's zone").to_owned();
    let whole_seconds = |showed: DateTime| showed.with().subsec_nanosecond(0).build().unwrap_or(showed);
    let clocks = showed.into_iter().map(|(showed, zone)| Clock { zone: name(zone), showed: whole_seconds(showed) });
    (count, clocks.collect())
}
