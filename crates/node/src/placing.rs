//! From a call that the dialler wants to the originate that Asterisk gets.

use crate::configuration::Configuration;
use dialer::Originate;
use domain::{Campaign, RecordMark};
use std::collections::BTreeMap;

/// Builds the originate: dial string, end point, caller id, account, variables and the mark of its call record.
///
/// Values are data: Asterisk sets them and never evaluates them. A contact's attribute wins over a campaign variable of
/// the same name; ours win over both. `None`: trunk or end point were deleted meanwhile.
pub fn originate(
    call: &Originate,
    channel_id: String,
    campaign: &Campaign,
    configuration: &Configuration,
) -> Option<ari::Originate> {
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
    let caller_id = campaign.dial_clid.expand(value);
    let account = campaign.dial_account.expand(value);
    Some(ari::Originate {
        channel_id,
        endpoint: trunk.dial_string.replace("${num}", number),
        context: end_point.context.clone(),
        extension: end_point.extension.clone(),
        priority: 1,
        caller_id: (!caller_id.trim().is_empty()).then_some(caller_id),
        ring_seconds_max: Some(call.timeout_ms.div_ceil(1_000)),
        variables,
        account_code: (!account.trim().is_empty()).then_some(account),
        user_field: Some(mark.to_string()),
        formats: Vec::new(),
    })
}
