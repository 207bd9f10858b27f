//! What a campaign is made of: its trunks, end points, lists, black lists and opening hours, and their order.

use super::super::{Asked, refuse, shown};
use super::record::Record;
use super::{Room, dispositions, hours, list as lists, places, rules};
use crate::campaign_rules;
use crate::error::ApiError;
use domain::{Campaign, CampaignId, EndPointId, ListId, OpeningHoursId, TrunkId};
use serde_json::{Value, json};

/// The campaign that `parent` names; a record's own `campaignId` is looked at only without it.
pub(super) async fn campaign_of(
    asked: &Asked<'_>,
    parent: Option<i64>,
    record: Option<&Record>,
) -> Result<Campaign, ApiError> {
    let inside = record.map(|record| record.reference("campaignId", "campaignId")).transpose()?.flatten();
    let id = parent.or(inside).ok_or_else(|| refuse("the parameter parent is missing: the campaignId"))?;
    Ok(asked.app.store.campaign(&asked.caller.scope, CampaignId(id)).await?)
}

pub(super) async fn save(asked: &Asked<'_>, campaign: &Campaign) -> Result<(), ApiError> {
    campaign.check()?;
    campaign_rules::check(asked.app, campaign)?;
    asked.app.store.update_campaign(&asked.caller.scope, campaign, &asked.caller.name).await?;
    Ok(())
}

/// A list that is dialled.
const CALL_LIST: &str = "CALL_LIST";
/// A list of numbers that are not.
const BLACK_LIST: &str = "BLACK_LIST";

fn ids(campaign: &Campaign, room: Room) -> Vec<i64> {
    match room {
        Room::CampaignTrunk => campaign.trunks.iter().map(|id| id.0).collect(),
        Room::CampaignEndPoint => campaign.end_points.iter().map(|id| id.0).collect(),
        Room::CampaignHours => campaign.opening_hours.iter().map(|id| id.0).collect(),
        _ => campaign.lists.iter().map(|id| id.0).collect(),
    }
}

fn set_ids(campaign: &mut Campaign, room: Room, ids: Vec<i64>) {
    match room {
        Room::CampaignTrunk => campaign.trunks = ids.into_iter().map(TrunkId).collect(),
        Room::CampaignEndPoint => campaign.end_points = ids.into_iter().map(EndPointId).collect(),
        Room::CampaignHours => campaign.opening_hours = ids.into_iter().map(OpeningHoursId).collect(),
        _ => campaign.lists = ids.into_iter().map(ListId).collect(),
    }
}

/// What a record links to: `{"trunkId": {"trunkId": 3}}`, and for lists `{"cl": {"listId": 3}}` or the link's own id.
fn target(record: &Record, room: Room) -> Result<Option<i64>, ApiError> {
    match room {
        Room::CampaignTrunk => record.reference("trunkId", "trunkId"),
        Room::CampaignEndPoint => record.reference("epId", "epId"),
        Room::CampaignHours => hours::target(record),
        _ => Ok(record.reference("cl", "listId")?.or(record.id("cclId")?)),
    }
}

pub(super) async fn list(asked: &Asked<'_>, room: Room, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    if room == Room::CampaignHours {
        return hours::of_campaign(asked, parent).await;
    }
    let campaign = campaign_of(asked, parent, None).await?;
    let (things, key) = match room {
        Room::CampaignTrunk => (places::trunks(asked).await?, "trunkId"),
        Room::CampaignEndPoint => (places::end_points(asked).await?, "epId"),
        _ => (lists::lists(asked, true).await?, "listId"),
    };
    let id = campaign.id.0;
    let linked = ids(&campaign, room);
    let dialled = linked.len();
    let record = |(index, linked): (usize, i64)| {
        let mut thing =
            things.iter().find(|thing| thing[key] == linked).cloned().unwrap_or_else(|| json!({ key: linked }));
        let idx = (index + 1).to_string();
        if room == Room::CampaignList {
            return json!({ "campaignId": id, "idx": idx, "cclId": linked.to_string(), "cl": thing, "complete": false,
                "highwater": "", "clType": if index < dialled { CALL_LIST } else { BLACK_LIST } });
        }
        thing["idx"] = json!(idx);
        thing["campaignId"] = json!(id);
        json!({ "campaignId": id, "idx": idx, key: thing })
    };
    // Black lists behind the others: their order means nothing.
    let black = campaign.black_lists.iter().map(|id| id.0).filter(|_| room == Room::CampaignList);
    Ok(linked.into_iter().chain(black).enumerate().map(record).collect())
}

pub(super) async fn edit(
    asked: &Asked<'_>,
    room: Room,
    parent: Option<i64>,
    record: &Record,
) -> Result<Value, ApiError> {
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let target = target(record, room)?.ok_or_else(|| refuse("the record does not say what to attach"))?;
    if room == Room::CampaignList {
        return edit_list(asked, campaign, ListId(target), record).await;
    }
    let mut linked = ids(&campaign, room);
    if !linked.contains(&target) {
        linked.push(target);
        set_ids(&mut campaign, room, linked.clone());
        save(asked, &campaign).await?;
    }
    let place = linked.iter().position(|id| *id == target).unwrap_or_default();
    let all = list(asked, room, Some(campaign.id.0)).await?;
    all.into_iter().nth(place).ok_or_else(|| ApiError::internal("what was attached is not there"))
}

/// Attaches a list in the role that the record names; a list that had the other one changes it.
async fn edit_list(
    asked: &Asked<'_>,
    mut campaign: Campaign,
    list_id: ListId,
    record: &Record,
) -> Result<Value, ApiError> {
    let role = record.text("clType")?.map(|role| role.trim().to_ascii_uppercase()).unwrap_or_default();
    let is_black = match role.as_str() {
        "" | CALL_LIST => false,
        BLACK_LIST => true,
        other => return Err(refuse(format!("clType {:?} is neither CALL_LIST nor BLACK_LIST", shown(other)))),
    };
    let Campaign { lists, black_lists, .. } = &mut campaign;
    let (into, other) = if is_black { (black_lists, lists) } else { (lists, black_lists) };
    let had = other.len();
    other.retain(|list| *list != list_id);
    let changed = had != other.len() || !into.contains(&list_id);
    if !into.contains(&list_id) {
        into.push(list_id);
    }
    if changed {
        save(asked, &campaign).await?;
    }
    let all = list(asked, Room::CampaignList, Some(campaign.id.0)).await?;
    let link_id = list_id.0.to_string();
    let found = all.into_iter().find(|link| link["cclId"] == link_id.as_str());
    found.ok_or_else(|| ApiError::internal("what was attached is not there"))
}

pub(super) async fn delete(
    asked: &Asked<'_>,
    room: Room,
    parent: Option<i64>,
    record: &Record,
) -> Result<(), ApiError> {
    let Some(target) = target(record, room)? else { return Ok(()) };
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let before = campaign.clone();
    let mut linked = ids(&campaign, room);
    linked.retain(|id| *id != target);
    set_ids(&mut campaign, room, linked);
    if room == Room::CampaignList {
        campaign.black_lists.retain(|list| list.0 != target);
    }
    if campaign == before { Ok(()) } else { save(asked, &campaign).await }
}

/// Changes places with the one before, or behind; at the end nothing changes.
pub(super) async fn shift(
    asked: &Asked<'_>,
    room: Room,
    parent: Option<i64>,
    record: &Record,
    up: bool,
) -> Result<(), ApiError> {
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let neighbour = |place: usize| if up { place.checked_sub(1) } else { Some(place + 1) };
    let none = || refuse("the record is none of this campaign");
    if room == Room::Reschedule {
        let place = rules::place(&campaign, record)?.ok_or_else(none)?;
        if let Some(other) = neighbour(place).filter(|other| *other < campaign.rules.len()) {
            campaign.rules.swap(place, other);
            save(asked, &campaign).await?;
        }
        return Ok(());
    }
    if room == Room::Disposition {
        let place = dispositions::place(&campaign, record)?.ok_or_else(none)?;
        if let Some(other) = neighbour(place).filter(|other| *other < campaign.outcome_rules.len()) {
            campaign.outcome_rules.swap(place, other);
            save(asked, &campaign).await?;
        }
        return Ok(());
    }
    let target = target(record, room)?.ok_or_else(none)?;
    let mut linked = ids(&campaign, room);
    let place = linked.iter().position(|id| *id == target).ok_or_else(none)?;
    if let Some(other) = neighbour(place).filter(|other| *other < linked.len()) {
        linked.swap(place, other);
        set_ids(&mut campaign, room, linked);
        save(asked, &campaign).await?;
    }
    Ok(())
}
