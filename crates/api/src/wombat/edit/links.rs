//! What a campaign is made of: its trunks, end points and lists, and their order.

use super::super::{Asked, refuse};
use super::record::Record;
use super::{Room, list as lists, places, rules};
use crate::error::ApiError;
use domain::{Campaign, CampaignId, EndPointId, ListId, TrunkId};
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
    asked.app.store.update_campaign(&asked.caller.scope, campaign, &asked.caller.name).await?;
    Ok(())
}

fn ids(campaign: &Campaign, room: Room) -> Vec<i64> {
    match room {
        Room::CampaignTrunk => campaign.trunks.iter().map(|id| id.0).collect(),
        Room::CampaignEndPoint => campaign.end_points.iter().map(|id| id.0).collect(),
        _ => campaign.lists.iter().map(|id| id.0).collect(),
    }
}

fn set_ids(campaign: &mut Campaign, room: Room, ids: Vec<i64>) {
    match room {
        Room::CampaignTrunk => campaign.trunks = ids.into_iter().map(TrunkId).collect(),
        Room::CampaignEndPoint => campaign.end_points = ids.into_iter().map(EndPointId).collect(),
        _ => campaign.lists = ids.into_iter().map(ListId).collect(),
    }
}

/// What a record links to: `{"trunkId": {"trunkId": 3}}`, and for lists `{"cl": {"listId": 3}}` or the link's own id.
fn target(record: &Record, room: Room) -> Result<Option<i64>, ApiError> {
    match room {
        Room::CampaignTrunk => record.reference("trunkId", "trunkId"),
        Room::CampaignEndPoint => record.reference("epId", "epId"),
        _ => Ok(record.reference("cl", "listId")?.or(record.id("cclId")?)),
    }
}

pub(super) async fn list(asked: &Asked<'_>, room: Room, parent: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let campaign = campaign_of(asked, parent, None).await?;
    let (things, key) = match room {
        Room::CampaignTrunk => (places::trunks(asked).await?, "trunkId"),
        Room::CampaignEndPoint => (places::end_points(asked).await?, "epId"),
        _ => (lists::lists(asked, true).await?, "listId"),
    };
    let id = campaign.id.0;
    let record = |(index, linked): (usize, i64)| {
        let mut thing =
            things.iter().find(|thing| thing[key] == linked).cloned().unwrap_or_else(|| json!({ key: linked }));
        let idx = (index + 1).to_string();
        if room == Room::CampaignList {
            return json!({ "campaignId": id, "idx": idx, "cclId": linked.to_string(), "cl": thing, "complete": false,
                "highwater": "", "clType": "CALL_LIST" });
        }
        thing["idx"] = json!(idx);
        thing["campaignId"] = json!(id);
        json!({ "campaignId": id, "idx": idx, key: thing })
    };
    Ok(ids(&campaign, room).into_iter().enumerate().map(record).collect())
}

pub(super) async fn edit(
    asked: &Asked<'_>,
    room: Room,
    parent: Option<i64>,
    record: &Record,
) -> Result<Value, ApiError> {
    record.only("clType", &["CALL_LIST"])?;
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let target = target(record, room)?.ok_or_else(|| refuse("the record does not say what to attach"))?;
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

pub(super) async fn delete(
    asked: &Asked<'_>,
    room: Room,
    parent: Option<i64>,
    record: &Record,
) -> Result<(), ApiError> {
    let Some(target) = target(record, room)? else { return Ok(()) };
    let mut campaign = campaign_of(asked, parent, Some(record)).await?;
    let mut linked = ids(&campaign, room);
    let had = linked.len();
    linked.retain(|id| *id != target);
    if linked.len() == had {
        return Ok(());
    }
    set_ids(&mut campaign, room, linked);
    save(asked, &campaign).await
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
