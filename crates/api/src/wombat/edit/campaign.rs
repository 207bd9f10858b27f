//! Campaigns: thirty fields and four that say who made it.

use super::super::Asked;
use super::places::{key, number, texts};
use super::record::Record;
use super::{Made, saved};
use crate::auth::Admin;
use crate::campaigns;
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, from_fields};
use crate::locks::Shown;
use axum::extract::State;
use domain::rules::pack;
use serde_json::{Map, Value, json};
use store::Kind;
use store::import::parse_native;

/// What Carillon has no field for yet, with the values that mean nothing is asked for.
const NOT_YET: [(&str, &[&str]); 16] = [
    ("agentClid", &[]),
    ("dial_pres", &[]),
    ("autopause", &["false", "0"]),
    ("initialBoostFactor", &["1"]),
    ("initialPredictiveModel", &["OFF"]),
    ("amdTracking", &["OFF"]),
    ("amdParams", &[]),
    ("amdAudioFile", &[]),
    ("amdFaxFile", &[]),
    ("addlLogging", &["NO", "NONE"]),
    ("loggingAlias", &[]),
    ("loggingQmVars", &[]),
    ("httpNotify", &[]),
    ("emailEvents", &["NO"]),
    ("emailAddresses", &[]),
    ("pace", &["RUNNABLE", "CLOSED", "HIDDEN"]),
];

pub(super) async fn campaigns(asked: &Asked<'_>, hidden_too: bool) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::Campaign).await?;
    let all = campaigns::Campaign::all_locked(app, scope, app.store.campaigns(scope).await?).await?;
    let shown = all.into_iter().filter(|campaign| hidden_too || campaign.status != domain::CampaignStatus::Hidden);
    Ok(shown.map(|campaign| made.sign(campaign.id, record_of(&campaign))).collect())
}

fn record_of(campaign: &campaigns::Campaign) -> Value {
    let ours = json!(campaign);
    let variables = ours["variables"].as_object().into_iter().flatten();
    let variables = variables.map(|(name, value)| format!("{name}:{}", value.as_str().unwrap_or_default()));
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
        "agentClid": "",
        "dial_account": campaign.dial_account,
        "dial_pres": "",
        "autopause": false,
        "campaignVars": variables.collect::<Vec<_>>().join(","),
        "initialBoostFactor": 1.0,
        "initialPredictiveModel": "OFF",
        "amdTracking": "OFF",
        "amdParams": "",
        "amdAudioFile": "",
        "amdFaxFile": "",
        "addlLogging": "NO",
        "loggingAlias": "",
        "loggingQmVars": "",
        "httpNotify": "",
        "emailEvents": "NO",
        "emailAddresses": "",
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
            ("dial_account", "dial_account"),
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
    if let Some(idles) = record.flag("pauseWhenFinished")? {
        fields.insert("idle_on_termination".into(), json!(idles));
    }
    if let Some(variables) = record.text("campaignVars")? {
        fields.insert("variables".into(), variables_of(&variables)?);
    }
    // An empty period is no period: the defaults hold.
    for name in ["time_start", "time_end", "time_days"] {
        if fields.get(name).is_some_and(|text| text.as_str().is_some_and(str::is_empty)) {
            fields.remove(name);
        }
    }
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let id = match record.id("campaignId")? {
        Some(id) => campaigns::patch_campaign(admin, state, Id(id), Patch::of(fields)).await?.0.id,
        None => {
            fields.insert("packs".into(), json!([pack::UNRESTRICTED]));
            campaigns::create_campaign(admin, state, Json(from_fields(fields)?)).await?.1.0.id
        }
    };
    saved(campaigns(asked, true).await?, "campaignId", id)
}

/// `A:1,B:2`, or the same with blanks between.
fn variables_of(text: &str) -> Result<Value, ApiError> {
    let text = text.trim();
    let commas =
        if text.contains(',') { text.to_owned() } else { text.split_whitespace().collect::<Vec<_>>().join(",") };
    let variables = parse_native(&format!("0,{commas}"), None)?.attributes;
    Ok(json!(crate::attributes::AttributeMap::from(&variables)))
}
