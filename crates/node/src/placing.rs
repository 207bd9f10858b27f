//! From a call that the dialler wants to the originate that a PBX gets.

use crate::configuration::Configuration;
use dialer::Originate;
use domain::{Campaign, RecordMark, Template};
use std::collections::BTreeMap;

/// One outgoing call, whichever way the PBX is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Our id for the channel.
    pub channel_id: String,
    /// Dial string of the trunk, with the number in it.
    pub device: String,
    /// Dialplan context the answered call enters.
    pub context: String,
    /// Its extension; the priority is 1.
    pub extension: String,
    /// What the callee sees, `number` or `"name" <number>`; `None`: what the PBX has of its own.
    pub caller_id: Option<String>,
    /// The caller id with which the answered call enters its end point, when that is another.
    pub enters_as: Option<String>,
    /// When the dialler's own timer gives up ringing, milliseconds.
    pub timeout_ms: u32,
    /// Channel variables by name.
    pub variables: BTreeMap<String, String>,
    /// Account code, for the call's record.
    pub account_code: Option<String>,
    /// The mark of the call's record.
    pub mark: String,
}

/// Builds the originate: dial string, end point, caller id, account, variables and the mark of its call record.
///
/// Values are data: Asterisk sets them and never evaluates them. A contact's attribute wins over a campaign variable of
/// the same name; ours win over both. `None`: trunk or end point were deleted meanwhile.
pub fn originate(
    call: &Originate,
    channel_id: String,
    campaign: &Campaign,
    configuration: &Configuration,
) -> Option<Placement> {
    let trunk = configuration.trunks.get(&call.trunk)?;
    let end_point = configuration.end_points.get(&call.end_point)?;
    let contact = &call.contact;
    let number = contact.number.dialled.as_str();
    let retry = call.retry.to_string();
    let attempt = call.attempt.to_string();
    let mark = RecordMark {
        attempt: call.attempt,
        contact: contact.id,
        run: call.run,
        retry: call.retry,
        trunk: call.trunk,
        end_point: call.end_point,
    };
    let value = |name: &str| match name {
        "num" => Some(number),
        "list" => Some(contact.list_name.as_str()),
        "campaign" => Some(campaign.name.as_str()),
        "retry" => Some(retry.as_str()),
        "hopperId" => Some(attempt.as_str()),
        name => contact.attributes.get(name).or_else(|| campaign.variables.get(name)),
    };
    let mut variables: BTreeMap<String, String> =
        campaign.variables.iter().chain(contact.attributes.iter()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let ours = [
        ("CARILLON_ATTEMPT", attempt.as_str()),
        ("WOMBAT_HOPPER_ID", attempt.as_str()),
        ("WOMBAT_ID", attempt.as_str()),
        ("WOMBAT_RETRY_NO", retry.as_str()),
        ("WOMBAT_DIALING_NUMBER", number),
        ("WOMBAT_DIALING_LIST", contact.list_name.as_str()),
    ];
    variables.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let expanded = |template: &Template| Some(template.expand(value)).filter(|text| !text.trim().is_empty());
    let clid = expanded(&campaign.dial_clid);
    let caller_id = expanded(&campaign.dial_presentation).or_else(|| clid.clone());
    let enters_as = expanded(&campaign.agent_clid).or(clid).filter(|clid| caller_id.as_ref() != Some(clid));
    Some(Placement {
        channel_id,
        device: trunk.dial_string.replace("${num}", number),
        context: end_point.context.clone(),
        extension: end_point.extension.clone(),
        caller_id,
        enters_as,
        timeout_ms: call.timeout_ms,
        variables,
        account_code: expanded(&campaign.dial_account),
        mark: mark.to_string(),
    })
}
