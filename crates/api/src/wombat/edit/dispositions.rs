//! Outcome rules of a campaign, which WombatDialer calls disposition rules. Lists and campaigns are named there; a list that
//! is missing is made.

use super::super::{Asked, refuse, shown};
use super::links::{campaign_of, save};
use super::record::Record;
use crate::error::ApiError;
use domain::{Attributes, CallState, Campaign, CampaignId, ListId, OutcomeRule, OutcomeRuleId, VarMode, Verb};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Names of what rules lead to.
struct Names {
    lists: BTreeMap<ListId, String>,
    campaigns: BTreeMap<CampaignId, String>,
}

impl Names {
    async fn read(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let (store, scope) = (&asked.app.store, &asked.caller.scope);
        let lists = store.lists(scope).await?.into_iter().map(|list| (list.id, list.name));
        let campaigns = store.campaigns(scope).await?.into_iter().map(|campaign| (campaign.id, campaign.name));
        Ok(Self { lists: lists.collect(), campaigns: campaigns.collect() })
    }

    fn destination(&self, rule: &OutcomeRule) -> String {
        match (rule.list, rule.campaign) {
            (Some(list), _) => self.lists.get(&list).cloned().unwrap_or_default(),
            (_, Some(campaign)) => self.campaigns.get(&campaign).cloned().unwrap_or_default(),
            _ => rule.destination.clone(),
        }
    }
}

pub(super) async fn list(asked: &Asked<'_>, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let campaign = campaign_of(asked, parent, None).await?;
    let names = Names::read(asked).await?;
    let rules = campaign.outcome_rules.iter().enumerate();
    Ok(rules.map(|(index, rule)| record_of(&campaign, &names, index, rule)).collect())
}

fn record_of(campaign: &Campaign, names: &Names, index: usize, rule: &OutcomeRule) -> Value {
    let attributes = rule.attributes.iter().map(|(name, value)| format!("{name}:{value}"));
    json!({
        "dispositionId": rule.id,
        "campaignId": campaign.id,
        "idx": (index + 1).to_string(),
        "onState": rule.status.code(),
        "onExtState": rule.status_ext,
        "withRetriesPending": i32::from(rule.with_retries_pending),
        "verb": rule.verb.code(),
        "destination": names.destination(rule),
        "text": rule.text,
        "deferSec": rule.defer_s,
        "varMode": json!(rule.var_mode),
        "addlVars": attributes.collect::<Vec<_>>().join(","),
        "sys_dt_creazione": "",
        "sys_user_creazione": "-",
        "sys_dt_modifica": "",
        "sys_user_modifica": "-",
    })
}

/// Where the rule of the record stands in its campaign.
pub(super) fn place(campaign: &Campaign, record: &Record) -> Result<Option<usize>, ApiError> {
    let Some(id) = record.id("dispositionId")? else { return Ok(None) };
    Ok(campaign.outcome_rules.iter().position(|rule| rule.id == OutcomeRuleId(id)))
}

pub(super) async fn edit(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<Value, ApiError> {
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let place = place(&campaign, record)?;
    if let (Some(id), None) = (record.id("dispositionId")?, place) {
        return Err(refuse(format!("disposition rule {id} is none of campaign {:?}", campaign.name)));
    }
    let had = place.map(|place| campaign.outcome_rules[place].clone());
    let rule = rule_of(asked, record, had).await?;
    let place = place.unwrap_or(campaign.outcome_rules.len());
    if place == campaign.outcome_rules.len() {
        campaign.outcome_rules.push(rule);
    } else {
        campaign.outcome_rules[place] = rule;
    }
    save(asked, &campaign).await?;
    let all = list(asked, Some(campaign.id.0)).await?;
    all.into_iter().nth(place).ok_or_else(|| ApiError::internal("the rule that was saved is not there"))
}

/// What the record says of a rule, on top of what the rule was.
async fn rule_of(asked: &Asked<'_>, record: &Record, had: Option<OutcomeRule>) -> Result<OutcomeRule, ApiError> {
    let is_new = had.is_none();
    let mut rule = had.unwrap_or_else(|| OutcomeRule::on(CallState::Terminated));
    let given = |name: &str| -> Result<Option<String>, ApiError> {
        Ok(record.text(name)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    };
    match given("onState")? {
        Some(state) => rule.status = CallState::parse(&state)?,
        None if is_new => return Err(refuse("onState is missing: the state that the rule answers to")),
        None => {}
    }
    if let Some(status) = record.text("onExtState")? {
        rule.status_ext = status;
    }
    if let Some(pending) = record.flag("withRetriesPending")? {
        rule.with_retries_pending = pending;
    }
    if let Some(text) = record.text("text")? {
        rule.text = text;
    }
    if let Some(seconds) = record.int("deferSec")? {
        let wrong = |_| refuse(format!("deferSec {seconds} is out of range"));
        rule.defer_s = u32::try_from(seconds).map_err(wrong)?;
    }
    if let Some(mode) = given("varMode")? {
        rule.var_mode = var_mode(&mode)?;
    }
    if let Some(text) = record.text("addlVars")? {
        rule.attributes = additional(&text)?;
    }
    let verb = given("verb")?.map(|verb| verb_of(&verb)).transpose()?;
    let moved = verb.is_some_and(|verb| verb != rule.verb);
    rule.verb = verb.unwrap_or(rule.verb);
    let destination = record.text("destination")?;
    if moved || destination.is_some() {
        (rule.list, rule.campaign, rule.destination) = (None, None, String::new());
        lead_to(asked, &mut rule, destination.as_deref().unwrap_or_default().trim()).await?;
    }
    if !matches!(rule.verb, Verb::HttpPost | Verb::Email | Verb::None) {
        rule.text.clear();
    }
    Ok(rule)
}

/// What the destination means to the rule's verb.
async fn lead_to(asked: &Asked<'_>, rule: &mut OutcomeRule, destination: &str) -> Result<(), ApiError> {
    let (store, scope) = (&asked.app.store, &asked.caller.scope);
    match rule.verb {
        Verb::AddList | Verb::AddBlacklist if destination.is_empty() => {
            return Err(refuse("destination is missing: the name of the list"));
        }
        Verb::AddList | Verb::AddBlacklist => {
            let found = store.lists(scope).await?.into_iter().find(|list| list.name == destination);
            rule.list = Some(match found {
                Some(list) => list.id,
                None => store.create_list(scope, destination).await?.id,
            });
        }
        Verb::Reschedule => {
            let found = store.campaigns(scope).await?.into_iter().find(|campaign| campaign.name == destination);
            let missing = || refuse(format!("destination: campaign {:?} does not exist", shown(destination)));
            rule.campaign = Some(found.ok_or_else(missing)?.id);
        }
        Verb::None | Verb::HttpGet | Verb::HttpPost | Verb::Email => destination.clone_into(&mut rule.destination),
    }
    Ok(())
}

/// A code, or what WombatDialer's page shows for it.
fn verb_of(text: &str) -> Result<Verb, ApiError> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    Ok(match plain.to_ascii_uppercase().as_str() {
        "NONE" => Verb::None,
        "HTTPGET" => Verb::HttpGet,
        "HTTPPOST" => Verb::HttpPost,
        "ADDLIST" | "ADDTOLIST" => Verb::AddList,
        "ADDBLACKLIST" | "ADDTOBLACKLIST" => Verb::AddBlacklist,
        "EMAIL" | "SENDEMAIL" => Verb::Email,
        "RESCHEDULE" => Verb::Reschedule,
        _ => {
            let all = Verb::ALL.map(Verb::code).join(", ");
            return Err(refuse(format!("verb {:?} is none of {all}", shown(text))));
        }
    })
}

fn var_mode(text: &str) -> Result<VarMode, ApiError> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "ALL" => VarMode::All,
        "INPUT" => VarMode::Input,
        "OUTPUT" => VarMode::Output,
        "NONE" => VarMode::None,
        _ => return Err(refuse(format!("varMode {:?} is none of ALL, INPUT, OUTPUT, NONE", shown(text)))),
    })
}

/// `A:1,B:2`.
fn additional(text: &str) -> Result<Attributes, ApiError> {
    let mut attributes = Attributes::default();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) =
            pair.split_once(':').ok_or_else(|| refuse(format!("addlVars: {:?} is not NAME:value", shown(pair))))?;
        attributes.add(name.trim(), value)?;
    }
    Ok(attributes)
}

pub(super) async fn delete(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<(), ApiError> {
    if record.id("dispositionId")?.is_none() {
        return Ok(());
    }
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    if let Some(place) = place(&campaign, record)? {
        campaign.outcome_rules.remove(place);
        save(asked, &campaign).await?;
    }
    Ok(())
}
