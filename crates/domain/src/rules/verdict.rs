//! The verdict on one contact.

use super::calls::Calls;
use super::ruling::Rules;
use super::window::Windows;
use super::zones::Zones;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A rule that a contact is asked, in the published order: the first that says no is the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactRule {
    /// The number lies in no range that is denied (premium rate, satellite, what the campaign denies).
    NumberAllowed,
    /// The number is on no list of those who must not be called.
    NumberNotSuppressed,
    /// Consent was given and is not too old, where it is asked for.
    ConsentGiven,
    /// The time of the retry, or of whatever put the contact off, has come.
    RetryDue,
    /// Attempts to the number and to the person stay below every cap.
    AttemptsBelowCap,
    /// Nobody talked to them too short a while ago, nor were they abandoned, or a machine detected, where a pack has a rest after that.
    CooledDown,
    /// The least time between two attempts to one number has passed.
    GapKept,
    /// The callee's clock allows it, in every zone where the number may be.
    InsideCalleeWindow,
    /// The number is in no call, of whatever campaign.
    NumberNotInFlight,
}

impl ContactRule {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::NumberAllowed,
        Self::NumberNotSuppressed,
        Self::ConsentGiven,
        Self::RetryDue,
        Self::AttemptsBelowCap,
        Self::CooledDown,
        Self::GapKept,
        Self::InsideCalleeWindow,
        Self::NumberNotInFlight,
    ];

    /// Its name in receipts, events and the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::NumberAllowed => "number_allowed",
            Self::NumberNotSuppressed => "number_not_suppressed",
            Self::ConsentGiven => "consent_given",
            Self::RetryDue => "retry_due",
            Self::AttemptsBelowCap => "attempts_below_cap",
            Self::CooledDown => "cooled_down",
            Self::GapKept => "gap_kept",
            Self::InsideCalleeWindow => "inside_callee_window",
            Self::NumberNotInFlight => "number_not_in_flight",
        }
    }

    /// The rule of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }
}

/// What one rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No {
        /// From when it would say yes if nothing else changed; `None`: not by itself.
        until: Option<Timestamp>,
    },
}

/// What is known of a contact at the instant at which it is judged. Small and borrowed: a million are judged at once.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The number lies in a denied range: [`Rules::denies`].
    pub denied: bool,
    /// A suppression list names it.
    pub suppressed: bool,
    /// When consent was given, if it was.
    pub consent_at: Option<Timestamp>,
    /// Not to be tried before, if it waits.
    pub due_at: Option<Timestamp>,
    /// Calls to the number.
    pub number: &'a Calls,
    /// Calls to the person.
    pub person: &'a Calls,
    /// Where the number may be.
    pub zones: Zones,
    /// The number is in a call now.
    pub in_flight: bool,
}

/// What every rule says, in the order of [`ContactRule::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts(pub [Answer; ContactRule::ALL.len()]);

impl Verdicts {
    /// The first rule that says no, and until when.
    pub fn first_no(&self) -> Option<(ContactRule, Option<Timestamp>)> {
        self.noes().next()
    }

    /// Every rule that says no.
    pub fn noes(&self) -> impl Iterator<Item = (ContactRule, Option<Timestamp>)> + '_ {
        ContactRule::ALL.into_iter().zip(self.0).filter_map(|(rule, answer)| match answer {
            Answer::Yes => None,
            Answer::No { until } => Some((rule, until)),
        })
    }

    /// When it is worth asking again: all that say no now have changed their mind by then. `None`: one never does by
    /// itself, or all say yes.
    pub fn again_at(&self) -> Option<Timestamp> {
        let mut latest = None;
        for (_, until) in self.noes() {
            latest = latest.max(Some(until?));
        }
        latest
    }
}

/// Asks every rule. The order does not matter: each says what it says by itself.
pub fn judge(rules: &Rules, facts: &Facts<'_>, now: Timestamp, windows: &mut Windows) -> Verdicts {
    Verdicts(ContactRule::ALL.map(|rule| match rule {
        ContactRule::NumberAllowed => never_if(facts.denied),
        ContactRule::NumberNotSuppressed => never_if(facts.suppressed),
        ContactRule::ConsentGiven => never_if(!rules.consent_holds(facts.consent_at, now)),
        ContactRule::RetryDue => until(facts.due_at.filter(|due_at| *due_at > now)),
        ContactRule::AttemptsBelowCap => until(rules.caps_open_at(facts.number, facts.person, now)),
        ContactRule::CooledDown => until(rules.cooled_down_at(facts.number, facts.person, now)),
        ContactRule::GapKept => until(rules.gap_over_at(facts.number, now)),
        ContactRule::InsideCalleeWindow => windows.ask(rules, facts.zones, now),
        ContactRule::NumberNotInFlight => never_if(facts.in_flight),
    }))
}

fn never_if(no: bool) -> Answer {
    if no { Answer::No { until: None } } else { Answer::Yes }
}

fn until(at: Option<Timestamp>) -> Answer {
    at.map_or(Answer::Yes, |at| Answer::No { until: Some(at) })
}
