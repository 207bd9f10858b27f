//! How far webhooks are: read when one begins, written for all of them together.

use super::told::{self, Told};
use crate::db::Store;
use crate::engine::query;
use crate::error::Result;
use crate::events::LogEvent;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{Timestamp, WebhookId};
use std::collections::BTreeMap;

/// Events that are dead, kept per webhook at most; the oldest go first.
const MAX_DEAD: i64 = 1_000;
/// Dead events of one page, at most.
const DEAD_PAGE: i64 = 1_000;
/// Tries that wait to be written, at most; the oldest go first. They wait longer only while nothing can be written.
const MAX_TOLD: usize = 20_000;

/// What is delivered in order: everything about one contact, or about one thing that is no contact's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// `contact`, or what the events are about.
    pub entity: String,
    /// Which of them.
    pub id: i64,
}

impl LaneKey {
    /// The lane of an event.
    pub fn of(event: &LogEvent) -> Self {
        match event.contact {
            Some(contact) => Self { entity: "contact".into(), id: contact },
            None => Self { entity: event.entity.clone(), id: event.entity_id },
        }
    }
}

/// A lane that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The event that is tried next; those of the lane before it were taken or are dead.
    pub seq: i64,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried again.
    pub due_at: Timestamp,
    /// Why it was not taken.
    pub error: String,
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Which event.
    pub seq: i64,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was not taken.
    pub error: String,
    /// When it was given up.
    pub at: Timestamp,
    /// Whether it is to be tried once more.
    pub again: bool,
}

/// What changed since the last time that it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to there is taken, not wanted, in a lane or dead.
    pub place: i64,
    /// More deliveries that were taken.
    pub delivered: u64,
    /// The last one.
    pub last_delivered_at: Option<Timestamp>,
    /// The last one that failed: when and why.
    pub failed: Option<(Timestamp, String)>,
    /// Lanes that changed; `None`: it goes on with the rest.
    pub lanes: BTreeMap<LaneKey, Option<Lane>>,
    /// Dead events that changed; `None`: it was taken after all.
    pub dead: BTreeMap<i64, Option<Dead>>,
    /// Tries that came to an end, in that order.
    pub told: Vec<Told>,
}

impl Progress {
    /// This, and then `later`.
    pub fn and(mut self, later: Self) -> Self {
        self.lanes.extend(later.lanes);
        self.dead.extend(later.dead);
        self.told.extend(later.told);
        self.told.drain(..self.told.len().saturating_sub(MAX_TOLD));
        Self {
            place: later.place,
            delivered: self.delivered + later.delivered,
            last_delivered_at: later.last_delivered_at.or(self.last_delivered_at),
            failed: later.failed.or(self.failed),
            lanes: self.lanes,
            dead: self.dead,
            told: self.told,
        }
    }
}

statements! {
    PLACE = "UPDATE webhook SET place = $3, delivered = delivered + $4, \
        last_delivered_at = COALESCE($5, last_delivered_at), last_error = COALESCE($6, last_error), \
        last_error_at = COALESCE($7, last_error_at) WHERE tenant_id = $1 AND id = $2";
    SET_LANE = "INSERT INTO webhook_lane (tenant_id, webhook_id, entity, entity_id, seq, tries, due_at, error) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (webhook_id, entity, entity_id) DO UPDATE SET \
        seq = excluded.seq, tries = excluded.tries, due_at = excluded.due_at, error = excluded.error";
    END_LANE = "DELETE FROM webhook_lane WHERE tenant_id = $1 AND webhook_id = $2 AND entity = $3 AND entity_id = $4";
    SET_DEAD = "INSERT INTO webhook_dead (tenant_id, webhook_id, seq, tries, error, at, again) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (webhook_id, seq) DO UPDATE SET \
        tries = excluded.tries, error = excluded.error, at = excluded.at, again = excluded.again";
    END_DEAD = "DELETE FROM webhook_dead WHERE tenant_id = $1 AND webhook_id = $2 AND seq = $3";
    TRIM_DEAD = "DELETE FROM webhook_dead WHERE tenant_id = $1 AND webhook_id = $2 AND seq <= \
        (SELECT d.seq FROM webhook_dead d WHERE d.webhook_id = $2 ORDER BY d.seq DESC LIMIT 1 OFFSET $3)";
    LANES = "SELECT entity, entity_id, seq, tries, due_at, error FROM webhook_lane \
        WHERE tenant_id = $1 AND webhook_id = $2 ORDER BY seq";
    DEAD = "SELECT seq, tries, error, at, again FROM webhook_dead \
        WHERE tenant_id = $1 AND webhook_id = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    AGAIN = "SELECT seq, tries, error, at, again FROM webhook_dead \
        WHERE tenant_id = $1 AND webhook_id = $2 AND again = 1 ORDER BY seq LIMIT $3";
}

impl Store {
    /// Writes how far webhooks are: one transaction for all of them. A webhook that is gone is passed over.
    pub async fn save_progress(&self, scope: &Scope, progress: &BTreeMap<WebhookId, Progress>) -> Result<()> {
        let tenant = scope.tenant.0;
        let mut transaction = self.begin().await?;
        for (id, progress) in progress {
            let (failed_at, error) = match &progress.failed {
                Some((at, error)) => (Some(at.0), Some(error.as_str())),
                None => (None, None),
            };
            let done = query(PLACE)
                .bind(tenant)
                .bind(id.0)
                .bind(progress.place)
                .bind(i64::try_from(progress.delivered).unwrap_or(i64::MAX))
                .bind(progress.last_delivered_at.map(|at| at.0))
                .bind(error)
                .bind(failed_at)
                .execute(&mut transaction)
                .await?;
            if done.rows_affected() == 0 {
                continue;
            }
            told::add(scope, *id, &progress.told, &mut transaction).await?;
            for (key, lane) in &progress.lanes {
                let statement = query(if lane.is_some() { SET_LANE } else { END_LANE });
                let statement = statement.bind(tenant).bind(id.0).bind(&key.entity).bind(key.id);
                let statement = match lane {
                    None => statement,
                    Some(lane) => {
                        statement.bind(lane.seq).bind(i64::from(lane.tries)).bind(lane.due_at.0).bind(&lane.error)
                    }
                };
                statement.execute(&mut transaction).await?;
            }
            for (seq, dead) in &progress.dead {
                let statement = query(if dead.is_some() { SET_DEAD } else { END_DEAD });
                let statement = statement.bind(tenant).bind(id.0).bind(*seq);
                let statement = match dead {
                    None => statement,
                    Some(dead) => {
                        statement.bind(i64::from(dead.tries)).bind(&dead.error).bind(dead.at.0).bind(dead.again)
                    }
                };
                statement.execute(&mut transaction).await?;
            }
            if progress.dead.values().any(Option::is_some) {
                query(TRIM_DEAD).bind(tenant).bind(id.0).bind(MAX_DEAD).execute(&mut transaction).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// The lanes of a webhook that wait.
    pub async fn webhook_lanes(&self, scope: &Scope, id: WebhookId) -> Result<BTreeMap<LaneKey, Lane>> {
        let rows = query(LANES).bind(scope.tenant.0).bind(id.0).fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                let key = LaneKey { entity: row.text("entity")?, id: row.int("entity_id")? };
                let (seq, tries) = (row.int("seq")?, row.number("tries")?);
                Ok((key, Lane { seq, tries, due_at: row.at("due_at")?, error: row.text("error")? }))
            })
            .collect()
    }

    /// Events that a webhook did not take, behind `after`; at most 1000.
    pub async fn webhook_dead(&self, scope: &Scope, id: WebhookId, after: i64, limit: u32) -> Result<Vec<Dead>> {
        let limit = i64::from(limit).min(DEAD_PAGE);
        let rows =
            query(DEAD).bind(scope.tenant.0).bind(id.0).bind(after).bind(limit).fetch_all(self.readers()).await?;
        rows.iter().map(read_dead).collect()
    }

    /// Those of them that are to be tried once more, oldest first.
    pub async fn webhook_again(&self, scope: &Scope, id: WebhookId, limit: u32) -> Result<Vec<Dead>> {
        let limit = i64::from(limit).min(DEAD_PAGE);
        let rows = query(AGAIN).bind(scope.tenant.0).bind(id.0).bind(limit).fetch_all(self.readers()).await?;
        rows.iter().map(read_dead).collect()
    }
}

pub(super) fn read_dead(row: &crate::engine::Row) -> Result<Dead> {
    Ok(Dead {
        seq: row.int("seq")?,
        tries: row.number("tries")?,
        error: row.text("error")?,
        at: row.at("at")?,
        again: row.flag("again")?,
    })
}
