//! The event log as programs read it: pages from any retained place, a feed that many share, and what each kind holds.

mod feed;
pub mod kinds;

pub use feed::{Batch, Feed, Subscription};

use crate::db::Store;
use crate::engine::{Query, Row, query};
use crate::error::{Error, Result};
use crate::scope::{Kind, Scope};
use crate::sql::Columns;
use crate::webhooks::LaneKey;
use domain::{CampaignId, Invalid, Timestamp};
use serde_json::{Value, json};

/// Events of one page, at most.
pub const MAX_PAGE: u32 = 1_000;
/// Kinds of one filter, at most.
const MAX_KINDS: usize = 50;

/// An event with what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEvent {
    /// Its place in the log: later events have greater numbers; some numbers are never used.
    pub seq: i64,
    /// `attempt`, `run`, `dialling`, ...
    pub entity: String,
    /// Which of them.
    pub entity_id: i64,
    /// What happened: dotted, past tense.
    pub kind: String,
    /// The campaign it belongs to; `None`: to none.
    pub campaign: Option<i64>,
    /// The contact whom it is about, when it is about one.
    pub contact: Option<i64>,
    /// The whole event as one JSON object, the same bytes to everybody who reads it, each time.
    pub json: String,
}

/// Which events a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this campaign, its runs and attempts.
    pub campaign: Option<CampaignId>,
    /// About this kind of thing: `attempt`, `run`, `dialling`, ...
    pub entity: Option<String>,
    /// With `entity`: about this one.
    pub entity_id: Option<i64>,
    /// Of these kinds; `leg.*` is every kind of that begin. Empty: every kind.
    pub kinds: Vec<String>,
}

impl EventFilter {
    /// Refuses what would match nothing, by field.
    pub fn check(&self) -> std::result::Result<(), Invalid> {
        if let Some(entity) = &self.entity
            && !kinds::KINDS.iter().any(|kind| kind.entity == entity)
        {
            let known = kinds::entities().join(", ");
            return Err(Invalid::new("entity", format!("{entity:?} has no events: {known}")));
        }
        if self.entity_id.is_some() && self.entity.is_none() {
            return Err(Invalid::new("id", "says which one: entity says of what"));
        }
        check_kinds(&self.kinds)
    }

    /// Whether it wants `event`, as somebody who may see `scope`.
    pub fn wants(&self, scope: &Scope, event: &LogEvent) -> bool {
        is_seen(scope, event)
            && self.campaign.is_none_or(|campaign| event.campaign == Some(campaign.0))
            && self.entity.as_ref().is_none_or(|entity| *entity == event.entity)
            && self.entity_id.is_none_or(|id| id == event.entity_id)
            && (self.kinds.is_empty() || self.kinds.iter().any(|pattern| matches(pattern, &event.kind)))
    }
}

/// Whether somebody who may see `scope` is told of an event. What belongs to nothing with a key, like a hold, tells
/// nothing of one.
fn is_seen(scope: &Scope, event: &LogEvent) -> bool {
    let data = || serde_json::from_str::<Value>(&event.json).unwrap_or_default()["data"].take();
    is_of(scope, event.campaign, (&event.entity, event.entity_id), data)
}

/// As [`is_seen`], of an event's campaign, entity and data.
pub(crate) fn is_of(
    scope: &Scope,
    campaign: Option<i64>,
    (entity, entity_id): (&str, i64),
    data: impl Fn() -> Value,
) -> bool {
    match (campaign, entity) {
        _ if scope.sees_all() => true,
        (Some(campaign), _) => scope.allows(CampaignId(campaign)),
        (None, "alert") => {
            let data = data();
            let subject = data["subject"].as_i64().unwrap_or_default();
            data["kind"].as_str().is_some_and(|kind| crate::alerts::is_seen(scope, kind, subject))
        }
        (None, "suppression_list") => {
            let sees = |campaign: &Value| campaign.as_i64().is_some_and(|id| scope.allows(CampaignId(id)));
            scope.sees(Kind::SuppressionList, entity_id)
                && data()["campaigns"].as_array().is_none_or(|campaigns| campaigns.iter().all(sees))
        }
        (None, "pbx") => scope.sees(Kind::Pbx, entity_id),
        (None, "dialling" | "engine") => true,
        (None, _) => false,
    }
}

/// Refuses kinds that do not exist.
pub fn check_kinds(patterns: &[String]) -> std::result::Result<(), Invalid> {
    if patterns.len() > MAX_KINDS {
        return Err(Invalid::new("kind", format!("{} kinds: at most {MAX_KINDS}", patterns.len())));
    }
    for pattern in patterns {
        if !kinds::KINDS.iter().any(|kind| matches(pattern, kind.name)) {
            return Err(Invalid::new("kind", format!("{pattern:?} is no kind of event; leg.* is every kind of legs")));
        }
    }
    Ok(())
}

fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(begin) => kind.strip_prefix(begin).is_some_and(|rest| rest.starts_with('.')),
        None => pattern == kind,
    }
}

/// How far the log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    /// The oldest event behind which none is missing; 0: there is none.
    pub oldest: i64,
    /// The last that was deleted; 0: none was. Some before it may still be there.
    pub dropped_to: i64,
    /// The newest.
    pub newest: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.entity, e.entity_id, e.entity_seq, e.kind, e.version, e.at, e.pbx_at, e.actor, e.cause, e.data, \
            COALESCE(a.campaign_id, r.campaign_id) AS campaign_id, COALESCE(a.run_id, r.id) AS run_id, a.contact_id \
            FROM event e LEFT JOIN attempt a ON e.entity = 'attempt' AND a.id = e.entity_id \
            LEFT JOIN run r ON e.entity = 'run' AND r.id = e.entity_id WHERE e.tenant_id = $1 AND ",
            $rest
        )
    };
}

statements! {
    PAGE = select!("e.seq > $2 ORDER BY e.seq LIMIT $3");
    ONE = select!("e.seq = $2");
    // Through the indexes: the attempts of a contact, the events of an entity.
    OF_CONTACT = select!("e.entity = 'attempt' AND e.entity_id IN (SELECT c.id FROM attempt c WHERE c.contact_id = $2) \
        AND e.seq > $3 AND e.seq <= $4 ORDER BY e.seq LIMIT $5");
    OF_ENTITY = select!("e.entity = $2 AND e.entity_id = $3 AND e.seq > $4 AND e.seq <= $5 ORDER BY e.seq LIMIT $6");
    DROPPED_TO = "SELECT dropped_to AS seq FROM event_log WHERE tenant_id = 1";
    OLDEST = "SELECT seq FROM event WHERE seq > $1 ORDER BY seq LIMIT 1";
    NEWEST = "SELECT seq FROM event ORDER BY seq DESC LIMIT 1";
}

impl Store {
    /// Events behind `after`, oldest first; at most [`MAX_PAGE`]. Never from the writer: reading does not slow calls.
    pub async fn events_after(&self, scope: &Scope, after: i64, limit: u32) -> Result<Vec<LogEvent>> {
        let limit = i64::from(limit.min(MAX_PAGE));
        let rows = query(PAGE).bind(scope.tenant.0).bind(after).bind(limit).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// One event; `None`: it is not kept any more.
    pub async fn event(&self, scope: &Scope, seq: i64) -> Result<Option<LogEvent>> {
        query(ONE).bind(scope.tenant.0).bind(seq).fetch_optional(self.readers()).await?.as_ref().map(read).transpose()
    }

    /// Events of one lane behind `after` up to `upto`, oldest first.
    pub async fn lane_events(
        &self,
        scope: &Scope,
        lane: &LaneKey,
        (after, upto): (i64, i64),
        limit: u32,
    ) -> Result<Vec<LogEvent>> {
        let statement = match lane.entity.as_str() {
            "contact" => query(OF_CONTACT).bind(scope.tenant.0).bind(lane.id),
            entity => query(OF_ENTITY).bind(scope.tenant.0).bind(entity).bind(lane.id),
        };
        let rows = statement.bind(after).bind(upto).bind(i64::from(limit.min(MAX_PAGE))).fetch_all(self.readers());
        rows.await?.iter().map(read).collect()
    }

    /// How far the log reaches now.
    pub async fn retained_events(&self) -> Result<Retained> {
        let mut connection = self.readers().begin().await?;
        let mut seq = async |statement: Query| -> Result<i64> {
            let row = statement.fetch_optional(&mut *connection).await?;
            Ok(row.map(|row| row.int("seq")).transpose()?.unwrap_or(0))
        };
        let dropped_to = seq(query(DROPPED_TO)).await?;
        let oldest = seq(query(OLDEST).bind(dropped_to)).await?;
        Ok(Retained { oldest, dropped_to, newest: seq(query(NEWEST)).await? })
    }

    /// Where a reader goes on that has read up to `after`; 0 is the oldest retained event, `None` now.
    ///
    /// Refused with [`Error::EventsDropped`] when events behind `after` are not kept any more, and as invalid when `after`
    /// was never reached.
    pub async fn events_from(&self, after: Option<i64>) -> Result<i64> {
        let Retained { oldest, dropped_to, newest } = self.retained_events().await?;
        match after {
            None => Ok(newest),
            Some(0) => Ok(dropped_to),
            Some(after) if after < 0 => Err(Invalid::new("after", format!("{after} is below 0")).into()),
            Some(after) if after > newest => {
                Err(Invalid::new("after", format!("{after} is beyond the newest event, {newest}")).into())
            }
            Some(after) if after < dropped_to => Err(Error::EventsDropped { after, oldest }),
            Some(after) => Ok(after),
        }
    }
}

fn read(row: &Row) -> Result<LogEvent> {
    let (entity, entity_id, kind) = (row.text("entity")?, row.int("entity_id")?, row.text("kind")?);
    let campaign = match entity.as_str() {
        "campaign" => Some(entity_id),
        _ => row.opt_int("campaign_id")?,
    };
    let contact = match entity.as_str() {
        "contact" => Some(entity_id),
        _ => row.opt_int("contact_id")?,
    };
    let (seq, at): (i64, Timestamp) = (row.int("seq")?, row.at("at")?);
    let data: Value = row.json("data")?;
    let json = json!({
        "seq": seq, "entity": entity, "entity_id": entity_id, "entity_seq": row.int("entity_seq")?, "kind": kind,
        "version": row.int("version")?, "at": at, "pbx_at": row.opt_text("pbx_at")?, "actor": row.text("actor")?,
        "cause": row.text("cause")?, "campaign": campaign, "run": row.opt_int("run_id")?, "contact": contact,
        "data": data,
    });
    Ok(LogEvent { seq, entity, entity_id, kind, campaign, contact, json: json.to_string() })
}

#[cfg(test)]
mod tests;
