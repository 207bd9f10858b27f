//! Ids are types, so that a run can never be taken for a campaign.
//!
//! Configuration entities are `i64` in `1..2^31` (both compatibility APIs carry ints);
//! attempts, calls, legs and events come from blocks that the store hands out.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// Who owns a row; 1 at install.
    TenantId
    /// An Asterisk server.
    PbxId
    /// A way out: a dial string on one PBX with a capacity and a rate.
    TrunkId
    /// Where an answered call goes.
    EndPointId
    /// A list of contacts.
    ListId
    /// A list of numbers that must not be called.
    SuppressionListId
    /// A set of opening hours.
    OpeningHoursId
    /// A rule of a set of opening hours.
    OpeningRuleId
    /// One row of a list: a number and its attributes.
    ContactId
    /// The definition of what to dial and how.
    CampaignId
    /// One execution of a campaign.
    RunId
    /// A reschedule rule of a campaign.
    RuleId
    /// An outcome rule of a campaign.
    OutcomeRuleId
    /// What an outcome rule asked for after one call.
    ActionId
    /// One try at one number, for one contact of one run. Kept below 2^31: it is also WombatDialer's hopper id.
    AttemptId
    /// One customer's story from first leg to last hang-up.
    CallId
    /// One channel.
    LegId
    /// A random id that stands for a number wherever the number itself may not be written.
    NumberRef
    /// One import of a file into a list.
    ImportId
    /// A program that is told of events over HTTP.
    WebhookId
}

/// The largest id of a configuration entity.
pub const MAX_CONFIG_ID: i64 = i32::MAX as i64;
