//! `edit/...`: the configuration as JSON records, with the modes L (list), E (insert or change), D (delete), MU and MD (move up
//! and down). What a record says is put into words of the native API and handed to its handlers.

mod campaign;
mod dispositions;
mod hours;
mod links;
mod list;
mod places;
mod record;
mod rules;

pub(super) use campaign::copy_notify;

use super::reply::Reply;
use super::{Asked, refuse, shown, unknown_op};
use crate::error::ApiError;
use record::Record;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use store::audit::AuditFilter;
use store::{Kind, TokenScope};

/// Records of one answer, at most.
const MAX_ITEMS: usize = 10_000;
/// Changes looked through for who made a thing.
const CHANGES: u32 = 1_000;

/// Of what was.
const LOG: &str = "the log of a list is only read";

/// What is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Asterisk,
    Trunk,
    EndPoint,
    List,
    Record,
    ListLog,
    OpeningHours,
    OpeningRule,
    Campaign,
    CampaignTrunk,
    CampaignEndPoint,
    CampaignList,
    CampaignHours,
    Reschedule,
    Disposition,
}

impl Room {
    /// From its path.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("edit/")? {
            "asterisk" => Self::Asterisk,
            "trunk" => Self::Trunk,
            "ep" => Self::EndPoint,
            "list" => Self::List,
            "list/record" => Self::Record,
            "list/logs" => Self::ListLog,
            "oh" => Self::OpeningHours,
            "oh/rule" => Self::OpeningRule,
            "campaign" => Self::Campaign,
            "campaign/trunk" => Self::CampaignTrunk,
            "campaign/ep" => Self::CampaignEndPoint,
            "campaign/list" => Self::CampaignList,
            "campaign/oh" => Self::CampaignHours,
            "campaign/reschedule" => Self::Reschedule,
            "campaign/disposition" => Self::Disposition,
            _ => return None,
        })
    }

    /// Whether the order of its records means something.
    fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::CampaignTrunk
                | Self::CampaignEndPoint
                | Self::CampaignList
                | Self::CampaignHours
                | Self::Reschedule
                | Self::Disposition
                | Self::OpeningRule
        )
    }
}

pub(super) async fn serve(asked: &Asked<'_>, path: &str) -> Result<Reply, ApiError> {
    let began = Instant::now();
    let room = Room::of(path).ok_or_else(|| refuse(format!("there is nothing to edit at {:?}", shown(path))))?;
    let mode = asked.parameters.get("mode").unwrap_or("L").trim().to_ascii_uppercase();
    let parent = parent(asked)?;
    let data = asked.parameters.get("data").unwrap_or_default();
    match mode.as_str() {
        "L" | "" => {}
        "E" => {
            asked.may(if matches!(room, Room::List | Room::Record) {
                TokenScope::Operate
            } else {
                TokenScope::Admin
            })?;
            let mut saved = Vec::new();
            for record in Record::all(data)? {
                saved.push(edit(asked, room, parent, &record).await?);
            }
            return Ok(envelope(Found::all(saved), began));
        }
        "D" => {
            asked.may(TokenScope::Admin)?;
            for record in Record::all(data)? {
                if !record.is_empty() {
                    delete(asked, room, parent, &record).await?;
                }
            }
        }
        "MU" | "MD" if room.is_ordered() => {
            asked.may(TokenScope::Admin)?;
            for record in Record::all(data)? {
                let up = mode == "MU";
                match room {
                    Room::OpeningRule => hours::shift_rule(asked, parent, &record, up).await?,
                    _ => links::shift(asked, room, parent, &record, up).await?,
                }
            }
        }
        "MU" | "MD" => return Err(refuse(format!("{path:?} has no order: nothing can be moved"))),
        other => return Err(unknown_op(other, "mode L, E, D, MU, MD")),
    }
    Ok(envelope(list(asked, room, parent).await?, began))
}

/// A page of records.
struct Found {
    records: Vec<Value>,
    /// Of so many.
    all: usize,
    from: usize,
}

impl Found {
    fn all(records: Vec<Value>) -> Self {
        Self { all: records.len(), from: 0, records }
    }
}

fn envelope(found: Found, began: Instant) -> Reply {
    Reply::json(json!({
        "status": "OK",
        "error": "",
        "timeMs": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "nRecords": found.records.len(),
        "results": found.records,
        "allResults": found.all,
        "startFrom": found.from,
    }))
}

/// `parent`; 0, -1 and nothing are none.
fn parent(asked: &Asked<'_>) -> Result<Option<i64>, ApiError> {
    let text = asked.parameters.get("parent").unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let id: i64 = text.parse().map_err(|_| refuse(format!("parent {:?} is no id", shown(text))))?;
    Ok((id > 0).then_some(id))
}

/// `name`: a whole number that is not below 0.
fn count(asked: &Asked<'_>, name: &str, usual: usize) -> Result<usize, ApiError> {
    let text = asked.parameters.get(name).unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(usual);
    }
    text.parse().map_err(|_| refuse(format!("{name} {:?} is no whole number", shown(text))))
}

async fn list(asked: &Asked<'_>, room: Room, parent: Option<i64>) -> Result<Found, ApiError> {
    let from = count(asked, "from", 0)?;
    let items = count(asked, "items", MAX_ITEMS)?.min(MAX_ITEMS);
    let query = asked.parameters.get("query").unwrap_or_default().trim().to_lowercase();
    if room == Room::Record {
        return list::records(asked, parent, &query, from, items).await;
    }
    if room == Room::ListLog {
        return list::logs(asked, parent, &query, from, items).await;
    }
    let mut records = match room {
        Room::Asterisk => places::pbxs(asked).await?,
        Room::Trunk => places::trunks(asked).await?,
        Room::EndPoint => places::end_points(asked).await?,
        Room::List => list::lists(asked, !query.is_empty()).await?,
        Room::OpeningHours => hours::sets(asked, !query.is_empty()).await?,
        Room::OpeningRule => hours::rules(asked, parent).await?,
        Room::Campaign => campaign::campaigns(asked, !query.is_empty()).await?,
        Room::CampaignTrunk | Room::CampaignEndPoint | Room::CampaignList | Room::CampaignHours => {
            links::list(asked, room, parent).await?
        }
        Room::Reschedule => rules::list(asked, parent).await?,
        Room::Disposition => dispositions::list(asked, parent).await?,
        Room::Record | Room::ListLog => unreachable!("answered above"),
    };
    if !query.is_empty() && query != "~" {
        records.retain(|record| holds(record, &query));
    }
    let all = records.len();
    Ok(Found { records: records.into_iter().skip(from).take(items).collect(), all, from })
}

/// Whether a text of the record holds what is looked for, in small letters.
fn holds(record: &Value, query: &str) -> bool {
    match record {
        Value::String(text) => text.to_lowercase().contains(query),
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| !name.starts_with("sys_")).any(|(_, v)| holds(v, query))
        }
        _ => false,
    }
}

async fn edit(asked: &Asked<'_>, room: Room, parent: Option<i64>, record: &Record) -> Result<Value, ApiError> {
    match room {
        Room::Asterisk => places::edit_pbx(asked, record).await,
        Room::Trunk => places::edit_trunk(asked, record).await,
        Room::EndPoint => places::edit_end_point(asked, record).await,
        Room::List => list::edit(asked, record).await,
        Room::Record => list::edit_record(asked, parent, record).await,
        Room::ListLog => Err(refuse(LOG)),
        Room::OpeningHours => hours::edit_set(asked, record).await,
        Room::OpeningRule => hours::edit_rule(asked, parent, record).await,
        Room::Campaign => campaign::edit(asked, record).await,
        Room::CampaignTrunk | Room::CampaignEndPoint | Room::CampaignList | Room::CampaignHours => {
            links::edit(asked, room, parent, record).await
        }
        Room::Reschedule => rules::edit(asked, parent, record).await,
        Room::Disposition => dispositions::edit(asked, parent, record).await,
    }
}

/// What is not there is no error: the list that is answered shows what is left.
async fn delete(asked: &Asked<'_>, room: Room, parent: Option<i64>, record: &Record) -> Result<(), ApiError> {
    match room {
        Room::Asterisk | Room::Trunk | Room::EndPoint => places::delete(asked, room, record).await,
        Room::List => list::delete(asked, record).await,
        Room::Record => Err(refuse("a record of a list cannot be deleted")),
        Room::ListLog => Err(refuse(LOG)),
        Room::OpeningHours => hours::delete_set(asked, record).await,
        Room::OpeningRule => hours::delete_rule(asked, parent, record).await,
        Room::Campaign => Err(refuse("a campaign cannot be deleted: hide it (pace HIDDEN)")),
        Room::CampaignTrunk | Room::CampaignEndPoint | Room::CampaignList | Room::CampaignHours => {
            links::delete(asked, room, parent, record).await
        }
        Room::Reschedule => rules::delete(asked, parent, record).await,
        Room::Disposition => dispositions::delete(asked, parent, record).await,
    }
}

/// Who made and changed things of one kind, and when: what records show as `sys_*`.
struct Made(BTreeMap<i64, [String; 4]>);

impl Made {
    async fn read(asked: &Asked<'_>, kind: Kind) -> Result<Self, ApiError> {
        let entity = kind.word().replace(' ', "_");
        let filter = AuditFilter { entity: Some(entity), limit: CHANGES, ..AuditFilter::default() };
        let mut made: BTreeMap<i64, [String; 4]> = BTreeMap::new();
        let zone = jiff::tz::TimeZone::get(&asked.app.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        // Newest first: the oldest word about a creation and the newest about a change stay.
        for change in asked.app.store.audit(&asked.caller.scope, &filter).await? {
            let actor = if change.actor.is_empty() { "-".to_owned() } else { change.actor };
            let entry = made.entry(change.entity_id).or_insert_with(unknown);
            let at = change.at.in_zone(&zone);
            match change.action.as_str() {
                "created" => (entry[0], entry[1]) = (at, actor),
                "changed" if entry[2].is_empty() => (entry[2], entry[3]) = (at, actor),
                _ => {}
            }
        }
        Ok(Self(made))
    }

    /// Adds the four fields to a record.
    fn sign(&self, id: i64, mut record: Value) -> Value {
        let [created, by, changed, changed_by] = self.0.get(&id).cloned().unwrap_or_else(unknown);
        record["sys_dt_creazione"] = json!(created);
        record["sys_user_creazione"] = json!(by);
        record["sys_dt_modifica"] = json!(changed);
        record["sys_user_modifica"] = json!(changed_by);
        record
    }
}

fn unknown() -> [String; 4] {
    [String::new(), "-".into(), String::new(), "-".into()]
}

/// The one record with this id, as it is now.
fn saved(records: Vec<Value>, key: &str, id: i64) -> Result<Value, ApiError> {
    let found = records.into_iter().find(|record| record[key] == id);
    found.ok_or_else(|| ApiError::internal("what was saved is not there"))
}
