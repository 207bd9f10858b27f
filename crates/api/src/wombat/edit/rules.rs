//! Reschedule rules of a campaign.

use super::super::{Asked, refuse, shown};
use super::links::{campaign_of, save};
use super::record::Record;
use crate::error::ApiError;
use domain::{CallState, Campaign, Mode, RescheduleRule, RuleId};
use serde_json::{Value, json};

pub(super) async fn list(asked: &Asked<'_>, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let campaign = campaign_of(asked, parent, None).await?;
    Ok(campaign.rules.iter().enumerate().map(|(index, rule)| record_of(&campaign, index, rule)).collect())
}

fn record_of(campaign: &Campaign, index: usize, rule: &RescheduleRule) -> Value {
    json!({
        "rescheduleRuleId": rule.id,
        "campaignId": campaign.id,
        "idx": (index + 1).to_string(),
        "status": rule.status.code(),
        "statusExt": rule.status_ext,
        "maxAttempts": rule.max_attempts,
        "retryAfterS": rule.retry_after_s,
        "mode": mode_code(rule.mode),
        "sys_dt_creazione": "",
        "sys_user_creazione": "-",
        "sys_dt_modifica": "",
        "sys_user_modifica": "-",
    })
}

fn mode_code(mode: Mode) -> &'static str {
    match mode {
        Mode::Fixed => "FIXED",
        Mode::Mult => "MULT",
    }
}

/// Where the rule of the record stands in its campaign.
pub(super) fn place(campaign: &Campaign, record: &Record) -> Result<Option<usize>, ApiError> {
    let Some(id) = record.id("rescheduleRuleId")? else { return Ok(None) };
    Ok(campaign.rules.iter().position(|rule| rule.id == RuleId(id)))
}

pub(super) async fn edit(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<Value, ApiError> {
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let place = place(&campaign, record)?;
    if let (Some(id), None) = (record.id("rescheduleRuleId")?, place) {
        return Err(refuse(format!("reschedule rule {id} is none of campaign {:?}", campaign.name)));
    }
    let mut rule = match place {
        Some(place) => campaign.rules[place].clone(),
        None => RescheduleRule {
            id: RuleId(0),
            status: CallState::RsBusy,
            status_ext: String::new(),
            max_attempts: 0,
            retry_after_s: 0,
            mode: Mode::Fixed,
        },
    };
    match record.text("status")?.filter(|status| !status.trim().is_empty()) {
        Some(status) => rule.status = CallState::parse(status.trim())?,
        None if place.is_none() => return Err(refuse("status is missing: the state that the rule answers to")),
        None => {}
    }
    if let Some(status) = record.text("statusExt")? {
        rule.status_ext = status;
    }
    let small =
        |name: &str, value: i64| u32::try_from(value).map_err(|_| refuse(format!("{name} {value} is out of range")));
    if let Some(most) = record.int("maxAttempts")? {
        rule.max_attempts = small("maxAttempts", most)?;
    }
    if let Some(seconds) = record.int("retryAfterS")? {
        rule.retry_after_s = small("retryAfterS", seconds)?;
    }
    if let Some(mode) = record.text("mode")?.filter(|mode| !mode.trim().is_empty()) {
        rule.mode = match mode.trim().to_ascii_uppercase().as_str() {
            "FIXED" => Mode::Fixed,
            "MULT" | "MULTI" => Mode::Mult,
            other => return Err(refuse(format!("mode {:?} is neither FIXED nor MULT", shown(other)))),
        };
    }
    let place = place.unwrap_or(campaign.rules.len());
    if place == campaign.rules.len() {
        campaign.rules.push(rule);
    } else {
        campaign.rules[place] = rule;
    }
    save(asked, &campaign).await?;
    let all = list(asked, Some(campaign.id.0)).await?;
    all.into_iter().nth(place).ok_or_else(|| ApiError::internal("the rule that was saved is not there"))
}

pub(super) async fn delete(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<(), ApiError> {
    if record.id("rescheduleRuleId")?.is_none() {
        return Ok(());
    }
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    if let Some(place) = place(&campaign, record)? {
        campaign.rules.remove(place);
        save(asked, &campaign).await?;
    }
    Ok(())
}
