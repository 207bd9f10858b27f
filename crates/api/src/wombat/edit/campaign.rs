//! Campaigns: thirty fields and four that say who made it.

use super::super::{Asked, refuse, shown};
use super::places::{decimal, key, number, texts};
use super::record::Record;
use super::{Made, saved};
use crate::auth::Admin;
use crate::campaigns;
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, from_fields};
use crate::locks::Shown;
use crate::webhooks;
use axum::extract::State;
use domain::rules::pack;
use domain::{CampaignId, Pacing, PacingMode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::import::parse_native;
use store::{Kind, TokenScope, WebhookFormat};

/// What Carillon has no field for yet, with the values that mean nothing is asked for.
const NOT_YET: [(&str, &[&str]); 1] = [("pace", &["RUNNABLE", "CLOSED", "HIDDEN"])];

/// Fields that reach the dialplan as variables of the channel, and nothing else.
const PASSED_ON: [(&str, &str); 4] =
    [("amdTracking", "AMD_MODE"), ("amdParams", "AMD_EXTRA"), ("amdAudioFile", "AMD_FILE"), ("amdFaxFile", "FAX_FILE")];
/// What `initialPredictiveModel` says when calls are launched ahead of the agents.
const ADAPTIVE: &str = "ADAPTIVE";
/// What `addlLogging` says when the queue_log is written.
const QM_COMPATIBLE: &str = "QM_COMPATIBLE";
/// What `amdTracking` says when there is none.
const OFF: &str = "OFF";

/// The field that a variable is shown as, if it is none of `campaignVars`.
fn passed_on(variable: &str) -> Option<&'static str> {
    PASSED_ON.iter().find(|(_, name)| *name == variable).map(|(field, _)| *field)
}

pub(super) async fn campaigns(asked: &Asked<'_>, hidden_too: bool) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::Campaign).await?;
    let all = campaigns::Campaign::all_locked(app, scope, app.store.campaigns(scope).await?).await?;
    let shown = all.into_iter().filter(|campaign| hidden_too || campaign.status != domain::CampaignStatus::Hidden);
    let receivers = receivers(asked).await?;
    let url = |id| receivers.iter().find(|hook| hook.campaign == Some(CampaignId(id))).map_or("", |hook| &hook.url);
    Ok(shown.map(|campaign| made.sign(campaign.id, record_of(&campaign, url(campaign.id)))).collect())
}

/// Webhooks that tell of one campaign in WombatDialer's manner; an address may hold a secret, so admins see them only.
async fn receivers(asked: &Asked<'_>) -> Result<Vec<store::Webhook>, ApiError> {
    if asked.may(TokenScope::Admin).is_err() || asked.caller.sees_everything().is_err() {
        return Ok(Vec::new());
    }
    let all = asked.app.store.webhooks(&asked.caller.scope).await?.into_iter().map(|record| record.webhook);
    Ok(all.filter(|hook| hook.format == WebhookFormat::Form && hook.campaign.is_some()).collect())
}

/// Makes, moves or removes the webhook of a campaign, as `httpNotify` says: its address, or nothing.
async fn notify(asked: &Asked<'_>, campaign: i64, url: &str) -> Result<(), ApiError> {
    let receiver = receivers(asked).await?.into_iter().find(|hook| hook.campaign == Some(CampaignId(campaign)));
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    match receiver {
        None if url.is_empty() => Ok(()),
        Some(hook) if hook.url == url => Ok(()),
        Some(hook) if url.is_empty() => webhooks::delete_webhook(admin, state, Id(hook.id.0)).await.map(drop),
        Some(hook) => {
            let store::Webhook { id, name, kinds, enabled, timeout_ms, max_tries, .. } = hook;
            let fields = json!({ "name": name, "url": url, "format": "FORM", "campaign": campaign, "kinds": kinds,
                "enabled": enabled, "timeout_ms": timeout_ms, "max_tries": max_tries });
            webhooks::replace_webhook(admin, state, Id(id.0), Json(from_value(fields)?)).await.map(drop)
        }
        None => {
            let name = format!("httpNotify of campaign {campaign}");
            let fields = json!({ "name": name, "url": url, "format": "FORM", "campaign": campaign });
            webhooks::create_webhook(admin, state, Json(from_value(fields)?)).await.map(drop)
        }
    }
}

/// The `httpNotify` of one campaign is that of its copy, too.
pub(in crate::wombat) async fn copy_notify(asked: &Asked<'_>, from: i64, to: i64) -> Result<(), ApiError> {
    match receivers(asked).await?.into_iter().find(|hook| hook.campaign == Some(CampaignId(from))) {
        Some(hook) => notify(asked, to, &hook.url).await,
        None => Ok(()),
    }
}

fn from_value<T: DeserializeOwned>(fields: Value) -> Result<T, ApiError> {
    match fields {
        Value::Object(fields) => from_fields(fields),
        _ => unreachable!("made as objects above"),
    }
}

fn record_of(campaign: &campaigns::Campaign, http_notify: &str) -> Value {
    let ours = json!(campaign);
    let variables = ours["variables"].as_object().into_iter().flatten();
    let variables = variables.filter(|(name, _)| passed_on(name).is_none());
    let variables = variables.map(|(name, value)| format!("{name}:{}", value.as_str().unwrap_or_default()));
    let passed = |variable: &str| ours["variables"][variable].as_str().unwrap_or_default().to_owned();
    let amd_mode = Some(passed("AMD_MODE")).filter(|mode| !mode.is_empty()).unwrap_or_else(|| OFF.to_owned());
    json!({
        "campaignId": campaign.id,
        "name": campaign.name,
        "priority": campaign.priority,
        "pace": ours["status"],
        "pauseWhenFinished": i32::from(campaign.idle_on_termination),
        "batchSize": campaign.batch_size,
        "securityKey": campaign.security_key,
        "timeStartHr": campaign.time_start,
        "timeEndHr": campaign.time_end,
        "timeDow": campaign.time_days,
        "dial_timeout": campaign.answer_timeout_ms,
        "maxCallLength": campaign.forced_closure_s,
        "dial_clid": campaign.dial_clid,
        "agentClid": campaign.agent_clid,
        "dial_account": campaign.dial_account,
        "dial_pres": campaign.dial_presentation,
        "autopause": campaign.autopause,
        "campaignVars": variables.collect::<Vec<_>>().join(","),
        "initialBoostFactor": campaign.initial_boost,
        "initialPredictiveModel": if campaign.pacing.mode == PacingMode::Predictive { ADAPTIVE } else { "OFF" },
        "amdTracking": amd_mode,
        "amdParams": passed("AMD_EXTRA"),
        "amdAudioFile": passed("AMD_FILE"),
        "amdFaxFile": passed("FAX_FILE"),
        "addlLogging": if campaign.queue_log { QM_COMPATIBLE } else { "NO" },
        "loggingAlias": campaign.queue_log_alias,
        "loggingQmVars": campaign.queue_log_attributes.join(" "),
        "httpNotify": http_notify,
        "emailEvents": ours["email_events"],
        "emailAddresses": campaign.email_addresses.join(", "),
    })
}

/// A new campaign may call whom it wants, as WombatDialer's may: it names the pack `unrestricted`, which is written down.
pub(super) async fn edit(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    for (name, values) in NOT_YET {
        record.only(name, values)?;
    }
    let mut fields = Map::new();
    texts(
        record,
        &mut fields,
        &[
            ("name", "name"),
            ("timeStartHr", "time_start"),
            ("timeEndHr", "time_end"),
            ("timeDow", "time_days"),
            ("dial_clid", "dial_clid"),
            ("agentClid", "agent_clid"),
            ("dial_account", "dial_account"),
            ("dial_pres", "dial_presentation"),
            ("loggingAlias", "queue_log_alias"),
        ],
    )?;
    key(record, &mut fields)?;
    for (theirs, ours) in [
        ("priority", "priority"),
        ("batchSize", "batch_size"),
        ("dial_timeout", "answer_timeout_ms"),
        ("maxCallLength", "forced_closure_s"),
    ] {
        number(record, &mut fields, theirs, ours)?;
    }
    if let Some(pace) = record.text("pace")?.filter(|pace| !pace.trim().is_empty()) {
        fields.insert("status".into(), json!(pace.trim().to_ascii_uppercase()));
    }
    decimal(record, &mut fields, "initialBoostFactor", "initial_boost")?;
    for (theirs, ours) in [("pauseWhenFinished", "idle_on_termination"), ("autopause", "autopause")] {
        if let Some(flag) = record.flag(theirs)? {
            fields.insert(ours.into(), json!(flag));
        }
    }
    if let Some(variables) = variables(asked, record).await? {
        fields.insert("variables".into(), json!(variables));
    }
    pacing(asked, record, &mut fields).await?;
    queue_log(record, &mut fields)?;
    mail(record, &mut fields)?;
    // An empty period is no period: the defaults hold.
    for name in ["time_start", "time_end", "time_days"] {
        if fields.get(name).is_some_and(|text| text.as_str().is_some_and(str::is_empty)) {
            fields.remove(name);
        }
    }
    let url = record.text("httpNotify")?.map(|url| url.trim().to_owned());
    if let Some(url) = url.as_deref().filter(|url| !url.is_empty()) {
        // Before anything is made: a campaign without its receiver would be half of what was asked for.
        asked.caller.sees_everything()?;
        let checked = asked.app.webhooks.guard().check(url).await;
        checked.map_err(|invalid| refuse(format!("httpNotify: {}", invalid.problem)))?;
    }
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let id = match record.id("campaignId")? {
        Some(id) => campaigns::patch_campaign(admin, state, Id(id), Patch::of(fields)).await?.0.id,
        None => {
            fields.insert("packs".into(), json!([pack::UNRESTRICTED]));
            fields.entry("pacing").or_insert_with(|| json!(Pacing::by_boost()));
            campaigns::create_campaign(admin, state, Json(from_fields(fields)?)).await?.1.0.id
        }
    };
    if let Some(url) = url {
        notify(asked, id, &url).await?;
    }
    saved(campaigns(asked, true).await?, "campaignId", id)
}

/// `ADAPTIVE` looks ahead, as our predictive pacing; `OFF` goes by boost where it looked ahead, and changes nothing else.
async fn pacing(asked: &Asked<'_>, record: &Record, fields: &mut Map<String, Value>) -> Result<(), ApiError> {
    let Some(model) = record.text("initialPredictiveModel")? else { return Ok(()) };
    let had = match record.id("campaignId")? {
        Some(id) => asked.app.store.campaign(&asked.caller.scope, CampaignId(id)).await?.pacing,
        None => Pacing::by_boost(),
    };
    let mode = match (model.trim().to_ascii_uppercase().as_str(), had.mode) {
        ("" | "OFF", PacingMode::Predictive) => PacingMode::Boost,
        ("" | "OFF", mode) => mode,
        (ADAPTIVE, _) => PacingMode::Predictive,
        _ => return Err(refuse(format!("initialPredictiveModel {:?} is neither OFF nor {ADAPTIVE}", shown(&model)))),
    };
    fields.insert("pacing".into(), json!(Pacing { mode, ..had }));
    Ok(())
}

/// Whether the queue_log is written, and with which attributes: their names, divided by blanks.
fn queue_log(record: &Record, fields: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(logging) = record.text("addlLogging")? {
        let enabled = match logging.trim().to_ascii_uppercase().as_str() {
            "" | "NO" | "NONE" => false,
            QM_COMPATIBLE => true,
            _ => return Err(refuse(format!("addlLogging {:?} is neither NO nor {QM_COMPATIBLE}", shown(&logging)))),
        };
        fields.insert("queue_log".into(), json!(enabled));
    }
    if let Some(names) = record.text("loggingQmVars")? {
        let names: Vec<&str> = names.split([' ', ',']).filter(|name| !name.is_empty()).collect();
        fields.insert("queue_log_attributes".into(), json!(names));
    }
    Ok(())
}

/// What is told of its runs by letter, and to whom.
fn mail(record: &Record, fields: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(events) = record.text("emailEvents")? {
        let events = events.trim().to_ascii_uppercase();
        if !["", "NO", "ALL", "COMPLETED"].contains(&events.as_str()) {
            return Err(refuse(format!("emailEvents {:?} is none of NO, ALL and COMPLETED", shown(&events))));
        }
        fields.insert("email_events".into(), json!(if events.is_empty() { "NO" } else { &events }));
    }
    if let Some(addresses) = record.text("emailAddresses")? {
        // Blanks divide addresses, too, unless they stand in the name of one.
        let parts = addresses.split([',', ';', '\n']).map(str::trim);
        let addresses: Vec<&str> = parts
            .flat_map(|part| if part.contains('<') { vec![part] } else { part.split_whitespace().collect() })
            .filter(|address| !address.is_empty())
            .collect();
        fields.insert("email_addresses".into(), json!(addresses));
    }
    Ok(())
}

/// The variables of the campaign as the record changes them; `None`: it does not.
async fn variables(asked: &Asked<'_>, record: &Record) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let mut variables: BTreeMap<String, String> = match record.id("campaignId")? {
        Some(id) => {
            let campaign = asked.app.store.campaign(&asked.caller.scope, CampaignId(id)).await?;
            campaign.variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        None => BTreeMap::new(),
    };
    let before = variables.clone();
    if let Some(text) = record.text("campaignVars")? {
        variables.retain(|name, _| passed_on(name).is_some());
        variables.extend(variables_of(&text)?);
    }
    for (field, variable) in PASSED_ON {
        match record.text(field)?.map(|text| text.trim().to_owned()) {
            None => {}
            Some(text) if text.is_empty() || (field == "amdTracking" && text.eq_ignore_ascii_case(OFF)) => {
                variables.remove(variable);
            }
            Some(text) => {
                variables.insert(variable.to_owned(), text);
            }
        }
    }
    Ok((variables != before).then_some(variables))
}

/// `A:1,B:2`, or the same with blanks between.
fn variables_of(text: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let text = text.trim();
    let commas =
        if text.contains(',') { text.to_owned() } else { text.split_whitespace().collect::<Vec<_>>().join(",") };
    let variables = parse_native(&format!("0,{commas}"), None)?.attributes;
    Ok(variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
