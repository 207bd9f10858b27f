//! The limits of a campaign as the OpenAPI document shows them.
//!
//! `domain` is pure and knows no OpenAPI, so the fields of its [`domain::rules::Limits`] are listed here once more; a test
//! compares both.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an operator limits a campaign to, beyond its packs. What is absent limits nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Hours on the callee's clock, in every zone where the number may be; empty: none of its own.
    pub hours: Vec<DayHours>,
    /// Days without calls: `2026-12-25`, or every year `12-25`.
    #[schema(example = json!(["12-25"]))]
    pub holidays: Vec<String>,
    /// Attempts, at most.
    pub caps: Vec<Cap>,
    /// Hours after a conversation in which nobody calls again.
    pub cooldown_hours: u32,
    /// Least minutes between two attempts to one number.
    pub gap_minutes: u32,
    /// Consent that a contact needs; `null`: none.
    pub consent: Option<Consent>,
    /// Prefixes that are not called, `+` and digits.
    #[schema(example = json!(["+1900"]))]
    pub deny: Vec<String>,
    /// Prefixes that are called although a pack denies a shorter one.
    pub allow: Vec<String>,
    /// Calls per hour to a prefix, over all campaigns.
    pub hourly: Vec<HourlyCap>,
    /// Ringing seconds before a call may be given up.
    pub min_ring_s: u32,
}

/// A window on some days.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DayHours {
    /// Digits 1 (Sunday) to 7 (Saturday).
    #[schema(example = "23456")]
    pub days: String,
    /// `HH:MM`.
    #[schema(example = "09:00")]
    pub from: String,
    /// `HH:MM`, `24:00` for the end of the day; not before `from`.
    #[schema(example = "20:00")]
    pub to: String,
}

/// So many attempts in so many hours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Attempts, `1..=50`.
    #[schema(example = 3)]
    pub attempts: u32,
    /// Rolling hours, `1..=2160`.
    #[schema(example = 24)]
    pub hours: u32,
    /// Counted per number, or per person on whatever number.
    #[serde(default)]
    #[schema(required = false)]
    pub by: CapBy,
}

/// What a cap counts by.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapBy {
    /// The number.
    #[default]
    Number,
    /// The person; the number where the contact names no person.
    Person,
}

/// Consent that a contact needs before it is called.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Days for which it holds; 0: for ever.
    #[serde(default)]
    pub max_age_days: u32,
}

/// Calls per hour to a prefix.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HourlyCap {
    /// `+` and digits.
    #[schema(example = "+44")]
    pub prefix: String,
    /// At most, `1..=100000`.
    #[schema(example = 100)]
    pub calls: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_has_the_fields_of_the_domain() {
        let full = json!({
            "hours": [{"days": "23456", "from": "09:00", "to": "20:00"}], "holidays": ["12-25"],
            "caps": [{"attempts": 3, "hours": 24, "by": "person"}, {"attempts": 7, "hours": 168, "by": "number"}],
            "cooldown_hours": 1, "gap_minutes": 2, "consent": {"max_age_days": 3}, "deny": ["+1900"], "allow": ["+19001"],
            "hourly": [{"prefix": "+44", "calls": 4}], "min_ring_s": 5,
        });
        let ours: Limits = serde_json::from_value(full.clone()).unwrap();
        let domains: domain::rules::Limits = serde_json::from_value(full.clone()).unwrap();
        assert_eq!(serde_json::to_value(ours).unwrap(), full);
        assert_eq!(serde_json::to_value(domains).unwrap(), full);
        let empty = serde_json::to_value(Limits::default()).unwrap();
        assert_eq!(empty, serde_json::to_value(domain::rules::Limits::default()).unwrap());
    }
}
