//! From a call that the dialler wants to the originate that a PBX gets.

use crate::configuration::Configuration;
use asterisk::Application;
use dialer::{CallAgent, Originate};
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
    /// The mark of the call's record; `None` of a call to an agent, which is no call to a person.
    pub mark: Option<String>,
    /// What the answered call does instead of entering context and extension.
    pub application: Option<Application>,
}

/// The agent who waits for this call: they are connected by the PBX itself as soon as the person answers, in the instant of
/// the answer, and also while we are away.
pub fn to_agent(placement: &mut Placement, agent: &str) {
    placement.application = Some(Application { name: "Bridge", arguments: agent.to_owned() });
    // The agent has seen his caller id already, and there is no dialplan that would show it.
    placement.enters_as = None;
}

/// The call to an agent, who waits with music for the person: at most as long as it may take until that one answers. It has
/// the variables of the person's call, and shows the campaign's agent CLID, or the person's number.
pub fn call_agent(
    call: &CallAgent,
    channel_id: String,
    campaign: &Campaign,
    configuration: &Configuration,
) -> Option<Placement> {
    let CallAgent { attempt, leg, run, pbx, trunk, end_point, retry, timeout_ms, .. } = *call;
    let contact = call.contact.clone();
    let person = Originate { attempt, leg, run, pbx, trunk, end_point, retry, contact, timeout_ms, agent: None };
    let placement = originate(&person, channel_id, campaign, configuration)?;
    let says_what_agents_see = !campaign.agent_clid.expand(|_| Some("x")).trim().is_empty();
    let for_agents = placement.enters_as.clone().or_else(|| placement.caller_id.clone());
    let caller_id = for_agents.filter(|_| says_what_agents_see).or_else(|| Some(call.contact.number.dialled.clone()));
    let wait_s = call.wait_ms.div_ceil(1_000);
    let arguments = format!("{},participant,mS({wait_s})", placement.channel_id);
    Some(Placement {
        device: call.device.clone(),
        caller_id,
        enters_as: None,
        mark: None,
        application: Some(Application { name: "BridgeWait", arguments }),
        ..placement
    })
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
    let number_no = contact.number_no.to_string();
    let mark = RecordMark {
        attempt: call.attempt,
        contact: contact.id,
        run: call.run,
        retry: call.retry,
        trunk: call.trunk,
        end_point: call.end_point,
        number_no: contact.number_no,
    };
    let own_number = contact.own_number().dialled.as_str();
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
        ("WOMBAT_DIALING_NUMBER", own_number),
        ("CARILLON_NUMBER_NO", number_no.as_str()),
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
        mark: Some(mark.to_string()),
        application: None,
    })
}
