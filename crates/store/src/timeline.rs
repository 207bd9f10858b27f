//! What happened to one attempt or run, in order.

use crate::db::Store;
use crate::engine::{Row, query};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{AttemptId, RunId, Timestamp};
use serde::Serialize;

/// Events of one timeline, at most; a call has about ten.
const MAX_EVENTS: i64 = 1_000;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRecord {
    /// Its place among all events.
    pub seq: i64,
    /// Its place among those of its entity, from 1.
    pub entity_seq: i64,
    /// What happened: dotted, past tense.
    pub kind: String,
    /// Version of `data`.
    pub version: i64,
    /// When we saw it.
    pub at: Timestamp,
    /// When it happened in the PBX's words.
    pub pbx_at: Option<String>,
    /// Who did it; empty: the dialler.
    pub actor: String,
    /// What made it happen, if that is known.
    pub cause: String,
    /// What else is known; no number, name or attribute value.
    pub data: serde_json::Value,
}

statements! {
    EVENTS = "SELECT seq, entity_seq, kind, version, at, pbx_at, actor, cause, data FROM event \
        WHERE entity = $2 AND entity_id = $3 AND tenant_id = $1 ORDER BY entity_seq LIMIT $4";
}

impl Store {
    /// The events of an attempt, oldest first.
    pub async fn timeline(&self, scope: &Scope, attempt: AttemptId) -> Result<Vec<EventRecord>> {
        self.attempt(scope, attempt).await?; // in the scope
        self.events(scope, "attempt", attempt.0).await
    }

    /// The events of a run itself, oldest first; not those of its attempts.
    pub async fn run_timeline(&self, scope: &Scope, run: RunId) -> Result<Vec<EventRecord>> {
        self.run(scope, run).await?; // in the scope
        self.events(scope, "run", run.0).await
    }

    async fn events(&self, scope: &Scope, entity: &'static str, id: i64) -> Result<Vec<EventRecord>> {
        let rows =
            query(EVENTS).bind(scope.tenant.0).bind(entity).bind(id).bind(MAX_EVENTS).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<EventRecord> {
    Ok(EventRecord {
        seq: row.int("seq")?,
        entity_seq: row.int("entity_seq")?,
        kind: row.text("kind")?,
        version: row.int("version")?,
        at: row.at("at")?,
        pbx_at: row.opt_text("pbx_at")?,
        actor: row.text("actor")?,
        cause: row.text("cause")?,
        data: row.json("data")?,
    })
}
