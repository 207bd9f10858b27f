//! Whose rows a caller may see.

use domain::{CampaignId, TenantId};

/// The tenant of a single-tenant installation.
pub const FIRST_TENANT: TenantId = TenantId(1);

/// Whose rows a caller may see and change. Every statement filters on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The owner of the rows.
    pub tenant: TenantId,
    /// Which of its campaigns, with their runs and attempts.
    pub campaigns: Campaigns,
}

/// A choice of campaigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Campaigns {
    /// Every one.
    All,
    /// These only.
    Only(Vec<CampaignId>),
}

impl Scope {
    /// Everything of the first tenant: what the dialler itself works with.
    pub fn installation() -> Self {
        Self { tenant: FIRST_TENANT, campaigns: Campaigns::All }
    }

    /// Whether `campaign` is among the campaigns of the scope.
    pub fn allows(&self, campaign: CampaignId) -> bool {
        match &self.campaigns {
            Campaigns::All => true,
            Campaigns::Only(ids) => ids.contains(&campaign),
        }
    }

    /// `,3,7,` for a statement's `LIKE '%,' || campaign_id || ',%'`; `None` when every campaign is allowed.
    pub(crate) fn campaign_list(&self) -> Option<String> {
        match &self.campaigns {
            Campaigns::All => None,
            Campaigns::Only(ids) => Some(comma_list(ids.iter().map(|id| id.0))),
        }
    }
}

/// Ids between commas, with one at each end. Portable where `IN` would need a statement per length.
pub(crate) fn comma_list(ids: impl Iterator<Item = i64>) -> String {
    ids.fold(String::from(","), |mut text, id| {
        text.push_str(&id.to_string());
        text.push(',');
        text
    })
}
