//! The rules of a campaign: when a contact is tried again, and what is done about calls that have ended.

use crate::App;
use crate::attributes::AttributeMap;
use crate::error::ApiError;
use crate::words;
use domain::template::fill;
use domain::{
    CallState, Campaign, CampaignId, Invalid, ListId, Mode, OutcomeRuleId, RescheduleRule, RuleId, VarMode, Verb,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// When a contact is tried again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id; not given for a new rule.
    #[serde(default)]
    pub id: i64,
    /// The final state it answers to.
    #[serde(deserialize_with = "call_state")]
    #[schema(value_type = words::CallState, example = "RS_BUSY")]
    pub status: CallState,
    /// The extended status it answers to; empty answers to calls without one.
    #[serde(default)]
    pub status_ext: String,
    /// Applies while the 0-based retry counter is below this, `1..=100`: 2 means three attempts in all.
    #[schema(example = 2)]
    pub max_attempts: u32,
    /// Seconds from the end of the call, `1..=2592000`.
    #[schema(example = 300)]
    pub retry_after_s: u32,
    /// How the delay grows.
    #[serde(default = "fixed")]
    #[schema(value_type = words::Mode, required = false)]
    pub mode: Mode,
}

fn fixed() -> Mode {
    Mode::Fixed
}

/// What is done about a call that has ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRule {
    /// Its id; not given for a new rule.
    #[serde(default)]
    pub id: i64,
    /// The final state it answers to.
    #[serde(deserialize_with = "call_state")]
    #[schema(value_type = words::CallState, example = "RS_BUSY")]
    pub status: CallState,
    /// The extended status it answers to; empty answers to calls without one, `*` to every call.
    #[serde(default)]
    pub status_ext: String,
    /// It also answers to a call after which the contact is tried again; without it, to the last call only.
    #[serde(default)]
    pub with_retries_pending: bool,
    /// What it does. `NONE` switches the rule off.
    #[schema(value_type = words::Verb, example = "ADD_LIST")]
    pub verb: Verb,
    /// Id of the list, for `ADD_LIST` and `ADD_BLACKLIST`.
    #[serde(default)]
    #[schema(example = 3)]
    pub list: Option<i64>,
    /// Id of the campaign to whose run the number is added, for `RESCHEDULE`.
    #[serde(default)]
    pub campaign: Option<i64>,
    /// For `HTTP_GET` and `HTTP_POST` the address, for `EMAIL` up to 10 receivers with commas between them; at most 1000
    /// characters. `${num}`, `${state}`, `${extstate}`, `${retry}`, `${reschedule}`, `${campaign}`, `${list}`, `${attempt}`
    /// and attribute names are replaced; in an address they stand behind the host and are encoded for it.
    #[serde(default)]
    pub destination: String,
    /// The body of `HTTP_POST` and the letter of `EMAIL`, with the same place-holders; at most 4000 characters. An empty body is
    /// the form that WombatDialer posts, one that begins with a brace or a bracket is JSON, any other a form. A letter may begin with a
    /// line `Subject: ...`.
    #[serde(default)]
    pub text: String,
    /// Seconds from the end of the call, `0..=2592000`. `RESCHEDULE` adds the number at once, to be dialled not before.
    #[serde(default)]
    pub defer_s: u32,
    /// Which of the call's attributes go with it.
    #[serde(default)]
    #[schema(value_type = words::VarMode, required = false)]
    pub var_mode: VarMode,
    /// Attributes that go with it besides; place-holders in values are replaced.
    #[serde(default)]
    pub attributes: AttributeMap,
}

/// Other spellings of a state, as WombatDialer's pages have them, are understood too.
fn call_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallState, D::Error> {
    let text = String::deserialize(deserializer)?;
    CallState::parse(&text).map_err(|invalid| D::Error::custom(invalid.problem))
}

impl From<Rule> for RescheduleRule {
    fn from(rule: Rule) -> Self {
        Self {
            id: RuleId(rule.id),
            status: rule.status,
            status_ext: rule.status_ext,
            max_attempts: rule.max_attempts,
            retry_after_s: rule.retry_after_s,
            mode: rule.mode,
        }
    }
}

impl From<RescheduleRule> for Rule {
    fn from(rule: RescheduleRule) -> Self {
        Self {
            id: rule.id.0,
            status: rule.status,
            status_ext: rule.status_ext,
            max_attempts: rule.max_attempts,
            retry_after_s: rule.retry_after_s,
            mode: rule.mode,
        }
    }
}

impl TryFrom<OutcomeRule> for domain::OutcomeRule {
    type Error = Invalid;

    fn try_from(rule: OutcomeRule) -> Result<Self, Invalid> {
        Ok(Self {
            id: OutcomeRuleId(rule.id),
            status: rule.status,
            status_ext: rule.status_ext,
            with_retries_pending: rule.with_retries_pending,
            verb: rule.verb,
            list: rule.list.map(ListId),
            campaign: rule.campaign.map(CampaignId),
            destination: rule.destination.trim().to_owned(),
            text: rule.text,
            defer_s: rule.defer_s,
            var_mode: rule.var_mode,
            attributes: rule.attributes.checked()?,
        })
    }
}

impl From<domain::OutcomeRule> for OutcomeRule {
    fn from(rule: domain::OutcomeRule) -> Self {
        Self {
            id: rule.id.0,
            status: rule.status,
            status_ext: rule.status_ext,
            with_retries_pending: rule.with_retries_pending,
            verb: rule.verb,
            list: rule.list.map(|list| list.0),
            campaign: rule.campaign.map(|campaign| campaign.0),
            destination: rule.destination,
            text: rule.text,
            defer_s: rule.defer_s,
            var_mode: rule.var_mode,
            attributes: AttributeMap::from(&rule.attributes),
        }
    }
}

/// Refuses what this installation cannot do for a campaign: an address that may not be written to, and letters without a
/// mail server.
pub(crate) fn check(app: &App, campaign: &Campaign) -> Result<(), ApiError> {
    app.rules.check_run_mail(&campaign.mail)?;
    for rule in &campaign.outcome_rules {
        match rule.verb {
            Verb::HttpGet | Verb::HttpPost => {
                let address = fill(&rule.destination, |_| "".into());
                let refused = |invalid: Invalid| Invalid::new("destination", invalid.problem);
                app.webhooks.guard().parse(&address).map_err(refused)?;
            }
            Verb::Email => app.rules.check_mail(&rule.destination)?,
            _ => {}
        }
    }
    Ok(())
}
