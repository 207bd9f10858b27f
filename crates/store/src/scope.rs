//! Whose rows a caller may see, and who the caller is.

use crate::audit::Undoing;
use crate::error::{Error, Result};
use domain::{CampaignId, TenantId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tenant of a single-tenant installation.
pub const FIRST_TENANT: TenantId = TenantId(1);

/// Whose rows a caller may see and change. Every statement filters on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The owner of the rows.
    pub tenant: TenantId,
    /// Which of its campaigns, with their runs and attempts.
    pub campaigns: Campaigns,
    /// Which of what campaigns are made of. `None`: everything.
    pub seen: Option<Arc<Seen>>,
    /// Who asks.
    pub actor: Actor,
    /// The change that is taken back by what is done with this; `None`: nothing is.
    pub undoing: Option<Arc<Undoing>>,
}

/// What has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An Asterisk server.
    Pbx,
    /// A way out of it.
    Trunk,
    /// Where answered calls go.
    EndPoint,
    /// A list of contacts, with them and its imports.
    List,
    /// A list of numbers that must not be called.
    SuppressionList,
    /// A set of rules that says when campaigns may dial.
    OpeningHours,
    /// What to dial and how.
    Campaign,
}

/// What somebody with some keys sees, by id: what has no key or one of theirs, and what they made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Without the campaigns, which are apart.
    pub(crate) things: BTreeSet<(Kind, i64)>,
    /// The keys that are held.
    pub(crate) keys: BTreeSet<String>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// A user's login or a token's name; empty: Carillon itself.
    pub name: String,
    /// The user, by id; `None`: it is no user.
    pub user: Option<i64>,
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
        Self { tenant: FIRST_TENANT, campaigns: Campaigns::All, seen: None, actor: Actor::default(), undoing: None }
    }

    /// Whether `campaign` is among the campaigns of the scope.
    pub fn allows(&self, campaign: CampaignId) -> bool {
        match &self.campaigns {
            Campaigns::All => true,
            Campaigns::Only(ids) => ids.contains(&campaign),
        }
    }

    /// Whether everything is seen, whatever key it has.
    pub fn sees_all(&self) -> bool {
        self.seen.is_none() && self.campaigns == Campaigns::All
    }

    /// Whether one thing is seen.
    pub fn sees(&self, kind: Kind, id: i64) -> bool {
        match kind {
            Kind::Campaign => self.allows(CampaignId(id)),
            kind => self.seen.as_ref().is_none_or(|seen| seen.things.contains(&(kind, id))),
        }
    }

    /// As [`Scope::campaign_list`], of something else.
    pub(crate) fn list_of(&self, kind: Kind) -> Option<String> {
        let seen = self.seen.as_ref()?;
        Some(comma_list(seen.things.iter().filter(|(of, _)| *of == kind).map(|(_, id)| *id)))
    }

    /// What is not seen is not there.
    pub(crate) fn check(&self, kind: Kind, id: i64) -> Result<()> {
        if self.sees(kind, id) { Ok(()) } else { Err(Error::not_found(kind.word(), id)) }
    }

    /// `,3,7,` for a statement's `LIKE '%,' || campaign_id || ',%'`; `None` when every campaign is allowed.
    pub(crate) fn campaign_list(&self) -> Option<String> {
        match &self.campaigns {
            Campaigns::All => None,
            Campaigns::Only(ids) => Some(comma_list(ids.iter().map(|id| id.0))),
        }
    }
}

impl Kind {
    /// In a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pbx => "pbx",
            Self::Trunk => "trunk",
            Self::EndPoint => "end point",
            Self::List => "list",
            Self::SuppressionList => "suppression list",
            Self::OpeningHours => "opening hours",
            Self::Campaign => "campaign",
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
