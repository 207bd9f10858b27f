//! How a campaign is paced, as the OpenAPI document shows it, and where that is refused.
//!
//! `domain` is pure and knows no OpenAPI, so the fields of its [`domain::Pacing`] are listed here once more; a test compares
//! both.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::Id;
use crate::{live, words};
use axum::extract::State;
use domain::pacing::HARBOUR;
use domain::{Campaign, CampaignId, Invalid, PacingMode};
use node::live::LivePacing;
use serde::{Deserialize, Serialize};
use store::Scope;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
    /// Whether people who find no agent in time are brought to the recorded message, on a PBX that has it. `null`: in every mode
    /// but `boost`, where they wait on.
    #[serde(default)]
    #[schema(required = false)]
    pub safe_harbour: Option<bool>,
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

/// How a campaign is paced, and how its run is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CampaignPacing {
    /// What it asks for.
    #[schema(value_type = Pacing)]
    pub settings: domain::Pacing,
    /// What is done; `null`: it has no run.
    #[schema(value_type = Option<live::LivePacing>)]
    pub now: Option<LivePacing>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(campaign_pacing))
}

/// How the campaign is paced: its settings, and the figures that its engine goes by, with the reason of the present pace.
#[utoipa::path(get, path = "/api/campaigns/{id}/pacing", tag = "live", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "its pace", body = CampaignPacing)))]
async fn campaign_pacing(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<CampaignPacing>, ApiError> {
    let campaign = app.store.campaign(&caller.scope, CampaignId(id)).await?;
    let runs = app.node()?.live().await?.runs;
    let now = runs.into_iter().find(|run| run.campaign == campaign.id).map(|run| run.pacing);
    Ok(axum::Json(CampaignPacing { settings: campaign.pacing, now }))
}

/// Refuses predictive pacing where people who find no agent would hear nothing.
pub(crate) async fn check(app: &App, campaign: &Campaign) -> Result<(), ApiError> {
    if campaign.pacing.mode != PacingMode::Predictive {
        return Ok(());
    }
    let pbxs = match app.node() {
        Ok(node) => node.live().await?.pbxs,
        Err(_) => Vec::new(),
    };
    for end_point in app.store.end_points(&Scope::installation()).await? {
        let paced = end_point.queue.as_ref().is_some_and(|queue| !queue.reverse);
        if !paced || !campaign.end_points.contains(&end_point.id) {
            continue;
        }
        let pbx = pbxs.iter().find(|pbx| pbx.id == end_point.pbx);
        if pbx.is_none_or(|pbx| !pbx.harbour) {
            let name = pbx.map_or_else(|| end_point.pbx.to_string(), |pbx| pbx.name.clone());
            let (context, extension) = HARBOUR;
            let problem = format!(
                "predictive needs a safe harbour for people who find no agent, and the dialplan of pbx {name} has none that is \
                 seen. Add to it, with your own message: [{context}] exten => {extension},1,Playback(your-message) same => \
                 n,Hangup(16); `carillon pbx harbour` prints more. Or choose automatic: one call for each free agent until it is there"
            );
            return Err(Invalid::new("pacing.mode", problem).into());
        }
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
