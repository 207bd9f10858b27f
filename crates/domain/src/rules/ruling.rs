//! The rules of a campaign: those of the packs it names, and its own limits.

use super::calls::Calls;
use super::limits::{Cap, CapBy, Limits};
use super::pack::{Pack, UNRESTRICTED};
use super::prefixes::Prefixes;
use super::window::CalleeHours;
use crate::error::{Invalid, check_range};
use crate::number::Dialable;
use crate::time::Timestamp;
use jiff::tz::TimeZone;

/// What the part of the campaign's own limits is called.
pub const OWN: &str = "campaign";
/// Packs that one campaign names, at most.
pub const MAX_PACKS: usize = 10;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// One source of rules, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `default`, or `campaign` for the campaign's own limits.
    pub name: String,
    /// The pack's version; empty for the campaign's own.
    pub version: String,
    /// Its limits, as written.
    pub limits: Limits,
    /// Hours after an abandoned call, and after a machine, in which nobody calls again.
    pub rests: Rests,
    /// Its hours, ready to be asked; `None`: any hour.
    pub hours: Option<CalleeHours>,
    /// What it does not call, ready to be asked.
    pub denied: Prefixes,
    /// What is called although another part denies it or a shorter prefix.
    pub allowed: Prefixes,
}

/// Hours in which nobody calls again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rests {
    /// After an abandoned call.
    pub abandoned_hours: u32,
    /// After a call at which a machine was detected.
    pub machine_hours: u32,
}

impl Part {
    fn of_pack(pack: &Pack) -> Result<Self, Invalid> {
        let mut part = Self::of(&pack.id, &pack.version, &pack.limits)?;
        if pack.deny_premium {
            part.denied.add_premium();
        }
        let (abandoned_hours, machine_hours) = (pack.after_abandoned_hours, pack.after_machine_hours);
        part.rests = Rests { abandoned_hours, machine_hours };
        Ok(part)
    }

    fn of(name: &str, version: &str, limits: &Limits) -> Result<Self, Invalid> {
        limits.check()?;
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            hours: CalleeHours::of(limits)?,
            denied: Prefixes::of(limits.deny.iter()),
            allowed: Prefixes::of(limits.allow.iter()),
            limits: limits.clone(),
            rests: Rests::default(),
        })
    }
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
    pub fn of(packs: &[String], limits: &Limits, zone: &str) -> Result<Self, Invalid> {
        let zone = TimeZone::get(zone).map_err(|_| Invalid::new("zone", format!("{zone:?} is no IANA time zone")))?;
        check_range("packs", packs.len(), 1, MAX_PACKS)?;
        if packs.len() > 1 && packs.iter().any(|name| name == UNRESTRICTED) {
            return Err(Invalid::new("packs", format!("{UNRESTRICTED} means without any rule: it stands alone")));
        }
        let mut parts = Vec::with_capacity(packs.len() + 1);
        for (place, name) in packs.iter().enumerate() {
            if packs[..place].contains(name) {
                return Err(Invalid::new("packs", format!("names {name} twice")));
            }
            parts.push(Part::of_pack(Pack::named(name)?)?);
        }
        if *limits != Limits::default() {
            parts.push(Part::of(OWN, "", limits)?);
        }
        Ok(Self { parts, zone })
    }

    /// Without any rule.
    pub fn none() -> Self {
        Self { parts: Vec::new(), zone: TimeZone::UTC }
    }

    /// Whether the number lies in a range that is not called, and in which (`+` and digits). A prefix as
    /// long or longer that some part allows takes it out again. A number without a country is asked as the international number it may be meant as.
    pub fn denies(&self, number: &Dialable) -> Option<&str> {
        let digits = international(number)?;
        let denied =
            self.parts.iter().filter_map(|part| part.denied.longest(digits)).max_by_key(|prefix| prefix.len())?;
        let allowed =
            self.parts.iter().filter_map(|part| part.allowed.longest(digits)).max_by_key(|prefix| prefix.len());
        (allowed.is_none_or(|allowed| allowed.len() < denied.len())).then_some(denied)
    }

    /// Whether consent given then (if ever) is enough for every part.
    pub fn consent_holds(&self, given_at: Option<Timestamp>, now: Timestamp) -> bool {
        self.parts.iter().filter_map(|part| part.limits.consent).all(|consent| {
            let days = i64::from(consent.max_age_days);
            given_at.is_some_and(|at| at <= now && (days == 0 || now < at.plus_seconds(days * DAY_S)))
        })
    }

    /// Whether some part asks for consent.
    pub fn consent_needed(&self) -> bool {
        self.parts.iter().any(|part| part.limits.consent.is_some())
    }

    /// The least number of days for which some part lets consent hold; `None`: for ever.
    pub fn consent_days(&self) -> Option<u32> {
        let days = self.parts.iter().filter_map(|part| part.limits.consent).map(|consent| consent.max_age_days);
        days.filter(|days| *days > 0).min()
    }

    /// When every cap allows another attempt; `None`: now.
    pub fn caps_open_at(&self, number: &Calls, person: &Calls, now: Timestamp) -> Option<Timestamp> {
        let caps = self.parts.iter().flat_map(|part| &part.limits.caps);
        let opens = caps.flat_map(|cap| {
            let opens = |calls: &Calls| calls.cap_opens_at(cap.attempts, i64::from(cap.hours) * HOUR_S, now);
            [opens(number), if cap.by == CapBy::Person { opens(person) } else { None }]
        });
        opens.flatten().max()
    }

    /// How many attempts count towards a cap.
    pub fn used(&self, cap: Cap, number: &Calls, person: &Calls, now: Timestamp) -> u32 {
        let used = |calls: &Calls| calls.within(i64::from(cap.hours) * HOUR_S, now);
        let used = if cap.by == CapBy::Person { used(number).max(used(person)) } else { used(number) };
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// When the last conversation, the last abandoned call and the last machine are long enough ago; `None`: now.
    pub fn cooled_down_at(&self, number: &Calls, person: &Calls, now: Timestamp) -> Option<Timestamp> {
        let rest = |last: fn(&Calls) -> Option<Timestamp>, hours: fn(&Part) -> u32| {
            let hours = self.parts.iter().map(hours).max().unwrap_or(0);
            last(number).max(last(person)).map(|at| at.plus_seconds(i64::from(hours) * HOUR_S))
        };
        let rests = [
            rest(|calls| calls.conversation_at, |part| part.limits.cooldown_hours),
            rest(|calls| calls.abandoned_at, |part| part.rests.abandoned_hours),
            rest(|calls| calls.machine_at, |part| part.rests.machine_hours),
        ];
        rests.into_iter().flatten().max().filter(|at| *at > now)
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

    /// Whether it names the pack without a rule.
    pub fn is_unrestricted(&self) -> bool {
        self.parts.iter().any(|part| part.name == UNRESTRICTED)
    }
}

/// The digits of the number behind its `+`, where it has or may be meant to have one: `00` and `011` in front of it, or
/// ten digits and more without a country.
pub fn international(number: &Dialable) -> Option<&str> {
    if let Some(e164) = &number.e164 {
        return e164.strip_prefix('+');
    }
    let dialled = number.dialled.as_str();
    let behind = ["+", "00", "011"].into_iter().find_map(|access| dialled.strip_prefix(access));
    behind.or_else(|| (dialled.len() >= 10).then_some(dialled))
}

#[cfg(test)]
mod tests;
