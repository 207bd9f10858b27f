//! How a campaign is paced, as the OpenAPI document shows it, and where that is refused.
//!
//! `domain` is pure and knows no OpenAPI, so the fields of its [`domain::Pacing`] are listed here once more; a test compares
//! both.

use crate::error::ApiError;
use crate::words;
use domain::{Campaign, Invalid, PacingMode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a campaign is paced: how many calls are launched for the agents of its queues, and how many may be abandoned.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pacing {
    /// By which rule. `automatic` looks ahead where that is possible and nobody chose a boost other than 1; otherwise it goes
    /// by boost.
    #[schema(required = false, default = "automatic")]
    pub mode: words::PacingMode,
    /// Calls per free agent of the mode `ratio`, `0.01..=20`.
    #[schema(required = false, default = 1.0)]
    pub ratio: f64,
    /// What predictive pacing promises: that the cap holds when the counting period ends, or at every instant.
    #[schema(required = false, default = "budget")]
    pub policy: words::PacingPolicy,
    /// Abandoned calls of live answers, at most, over the counting period, `0..=1`.
    #[schema(required = false, default = 0.03)]
    pub cap: f64,
    /// Days of the counting period, `1..=30`, from the first call in it.
    #[schema(required = false, default = 30)]
    pub period_days: u32,
    /// Milliseconds after the answer in which an agent must have the call, `500..=60000`: later it counts as abandoned.
    #[schema(required = false, default = 2_000)]
    pub deadline_ms: u32,
    /// Seconds of ringing before which a call is never cancelled for want of an agent, `0..=300`.
    #[schema(required = false, default = 15)]
    pub min_ring_s: u32,
    /// Whether people whom analysis takes for machines count as abandoned, as in the United Kingdom.
    #[schema(required = false, default = false)]
    pub false_positives_count: bool,
    /// The share of live answers that they are estimated to be, `0..=1`.
    #[schema(required = false, default = 0.0)]
    pub false_positives_estimate: f64,
}

/// Refuses a pace that the installation cannot keep.
pub(crate) fn check(campaign: &Campaign) -> Result<(), ApiError> {
    if campaign.pacing.mode == PacingMode::Predictive {
        let problem = "predictive needs a safe harbour for people who find no agent, and none is known of the PBXs of its \
            end points: automatic dials one call per free agent until there is one";
        return Err(Invalid::new("pacing.mode", problem).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_fields_of_the_domain() {
        let domains = serde_json::to_value(domain::Pacing::default()).unwrap();
        let ours: Pacing = serde_json::from_value(domains.clone()).unwrap();
        assert_eq!(serde_json::to_value(ours).unwrap(), domains);
    }
}
