//! Sets of opening hours, their rules, and the sets that a campaign goes by.

use super::super::{Asked, refuse, shown};
use super::links::campaign_of;
use super::places::{gone, key, texts};
use super::record::Record;
use super::{Made, saved};
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, from_fields};
use crate::locks::Shown;
use crate::opening_hours::{self, OpeningHours};
use axum::extract::State;
use domain::{OpeningHoursId, OpeningMode};
use serde_json::{Map, Value, json};
use store::Kind;

/// What holds when no rule matches, as WombatDialer writes it.
const DEFAULT_MODES: [(&str, OpeningMode); 2] = [("DEF_OPEN", OpeningMode::Open), ("DEF_CLOSED", OpeningMode::Closed)];
/// What holds while a rule matches.
const MODES: [(&str, OpeningMode); 2] = [("OPEN", OpeningMode::Open), ("CLOSED", OpeningMode::Closed)];

fn code(modes: &[(&'static str, OpeningMode)], mode: OpeningMode) -> &'static str {
    modes.iter().find(|(_, other)| *other == mode).map_or("", |(code, _)| code)
}

/// The mode that a field names; an absent or empty one is none.
fn mode(record: &Record, field: &str, modes: &[(&'static str, OpeningMode)]) -> Result<Option<OpeningMode>, ApiError> {
    let Some(text) = record.text(field)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let found = modes.iter().find(|(code, _)| code.eq_ignore_ascii_case(text.trim()));
    let known = || modes.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(" nor ");
    let mode = found.ok_or_else(|| refuse(format!("{field} {:?} is neither {}", shown(&text), known())))?.1;
    Ok(Some(mode))
}

async fn all(asked: &Asked<'_>) -> Result<Vec<OpeningHours>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    OpeningHours::all_locked(app, scope, app.store.all_opening_hours(scope).await?.into_values()).await
}

pub(super) async fn sets(asked: &Asked<'_>, hidden_too: bool) -> Result<Vec<Value>, ApiError> {
    let made = Made::read(asked, Kind::OpeningHours).await?;
    let record = |set: OpeningHours| {
        let record = json!({
            "openingHourId": set.id,
            "name": set.name,
            "comment": set.comment,
            "defaultMode": code(&DEFAULT_MODES, set.default_mode),
            "hidden": set.hidden,
            "securityKey": set.security_key,
            "description": "",
        });
        made.sign(set.id, record)
    };
    Ok(all(asked).await?.into_iter().filter(|set| hidden_too || !set.hidden).map(record).collect())
}

pub(super) async fn edit_set(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    let mut fields = Map::new();
    texts(record, &mut fields, &[("name", "name"), ("comment", "comment")])?;
    key(record, &mut fields)?;
    if let Some(mode) = mode(record, "defaultMode", &DEFAULT_MODES)? {
        fields.insert("default_mode".into(), json!(mode));
    }
    if let Some(hidden) = record.flag("hidden")? {
        fields.insert("hidden".into(), json!(hidden));
    }
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let id = match record.id("openingHourId")? {
        Some(id) => opening_hours::patch_opening_hours(admin, state, Id(id), Patch::of(fields)).await?.0.id,
        None => opening_hours::create_opening_hours(admin, state, Json(from_fields(fields)?)).await?.1.0.id,
    };
    saved(sets(asked, true).await?, "openingHourId", id)
}

pub(super) async fn delete_set(asked: &Asked<'_>, record: &Record) -> Result<(), ApiError> {
    let Some(id) = record.id("openingHourId")? else { return Ok(()) };
    gone(opening_hours::delete_opening_hours(Admin(asked.caller.clone()), State(asked.app.clone()), Id(id)).await)
}

/// The set that `parent` names, or the record itself.
async fn set_of(
    asked: &Asked<'_>,
    parent: Option<i64>,
    record: Option<&Record>,
) -> Result<domain::OpeningHours, ApiError> {
    let inside = record.map(|record| record.reference("openingHourId", "openingHourId")).transpose()?.flatten();
    let id = parent.or(inside).ok_or_else(|| refuse("the parameter parent is missing: the openingHourId"))?;
    Ok(asked.app.store.opening_hours(&asked.caller.scope, OpeningHoursId(id)).await?)
}

pub(super) async fn rules(asked: &Asked<'_>, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let set = set_of(asked, parent, None).await?;
    let record = |(index, rule): (usize, &domain::OpeningRule)| {
        json!({
            "ohRuleId": rule.id,
            "openingHourId": set.id,
            "idx": (index + 1).to_string(),
            "mode": code(&MODES, rule.mode),
            "onDow": rule.days,
            "dateFrom": rule.date_from,
            "dateTo": rule.date_to,
            "timeStartHr": rule.time_start,
            "timeEndHr": rule.time_end,
            "comment": rule.comment,
        })
    };
    Ok(set.rules.iter().enumerate().map(record).collect())
}

/// Where the rule of the record stands in its set.
fn place(set: &domain::OpeningHours, record: &Record) -> Result<Option<usize>, ApiError> {
    let Some(id) = record.id("ohRuleId")? else { return Ok(None) };
    Ok(set.rules.iter().position(|rule| rule.id.0 == id))
}

/// Saves the rules of a set, by the handler of the native API: it checks them and tells the runs.
async fn save_rules(asked: &Asked<'_>, set: domain::OpeningHours) -> Result<(), ApiError> {
    let id = set.id.0;
    let rules = opening_hours::OpeningHoursInput::from(set).rules;
    let fields = Map::from_iter([("rules".into(), json!(rules))]);
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    opening_hours::patch_opening_hours(admin, state, Id(id), Patch::of(fields)).await.map(drop)
}

pub(super) async fn edit_rule(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<Value, ApiError> {
    let mut set = set_of(asked, parent, Some(record)).await?;
    let place = place(&set, record)?;
    if let (Some(id), None) = (record.id("ohRuleId")?, place) {
        return Err(refuse(format!("rule {id} is none of opening hours {:?}", set.name)));
    }
    let mut rule = match place {
        Some(place) => set.rules[place].clone(),
        None => domain::OpeningRule {
            id: domain::OpeningRuleId(0),
            mode: OpeningMode::Open,
            days: String::new(),
            date_from: String::new(),
            date_to: String::new(),
            time_start: "000000".into(),
            time_end: "235959".into(),
            comment: String::new(),
        },
    };
    if let Some(mode) = mode(record, "mode", &MODES)? {
        rule.mode = mode;
    }
    let fields = [
        ("onDow", &mut rule.days),
        ("dateFrom", &mut rule.date_from),
        ("dateTo", &mut rule.date_to),
        ("comment", &mut rule.comment),
    ];
    for (theirs, ours) in fields {
        if let Some(text) = record.text(theirs)? {
            *ours = text.trim().to_owned();
        }
    }
    // An empty time is no time: the whole day holds.
    for (theirs, ours) in [("timeStartHr", &mut rule.time_start), ("timeEndHr", &mut rule.time_end)] {
        if let Some(text) = record.text(theirs)?.filter(|text| !text.trim().is_empty()) {
            *ours = text.trim().to_owned();
        }
    }
    let (id, place) = (set.id.0, place.unwrap_or(set.rules.len()));
    if place == set.rules.len() {
        set.rules.push(rule);
    } else {
        set.rules[place] = rule;
    }
    save_rules(asked, set).await?;
    let all = rules(asked, Some(id)).await?;
    all.into_iter().nth(place).ok_or_else(|| ApiError::internal("the rule that was saved is not there"))
}

pub(super) async fn delete_rule(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<(), ApiError> {
    if record.id("ohRuleId")?.is_none() {
        return Ok(());
    }
    let mut set = set_of(asked, parent, Some(record)).await?;
    let Some(place) = place(&set, record)? else { return Ok(()) };
    set.rules.remove(place);
    save_rules(asked, set).await
}

pub(super) async fn shift_rule(
    asked: &Asked<'_>,
    parent: Option<i64>,
    record: &Record,
    up: bool,
) -> Result<(), ApiError> {
    let mut set = set_of(asked, parent, Some(record)).await?;
    let place = place(&set, record)?.ok_or_else(|| refuse("the record is none of these opening hours"))?;
    let other = if up { place.checked_sub(1) } else { Some(place + 1) };
    let Some(other) = other.filter(|other| *other < set.rules.len()) else { return Ok(()) };
    set.rules.swap(place, other);
    save_rules(asked, set).await
}

/// The sets of a campaign, in order. A link has no id of its own: it is that of the set.
pub(super) async fn of_campaign(asked: &Asked<'_>, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let campaign = campaign_of(asked, parent, None).await?;
    let sets = sets(asked, true).await?;
    let record = |(index, id): (usize, &OpeningHoursId)| {
        let set = sets.iter().find(|set| set["openingHourId"] == id.0).cloned();
        json!({
            "cohId": id,
            "campaignId": campaign.id,
            "idx": (index + 1).to_string(),
            "rule": set.unwrap_or_else(|| json!({ "openingHourId": id })),
        })
    };
    Ok(campaign.opening_hours.iter().enumerate().map(record).collect())
}

/// Which set a record of a campaign's names: `{"rule": {"openingHourId": 3}}`, or the link's own id.
pub(super) fn target(record: &Record) -> Result<Option<i64>, ApiError> {
    Ok(record.reference("rule", "openingHourId")?.or(record.id("cohId")?))
}
