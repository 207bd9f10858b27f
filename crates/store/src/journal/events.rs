//! The event log: written in the transaction of the rows it is about.

use crate::engine::{Connection, query, query_scalar};
use crate::error::Result;
use domain::{AttemptId, CampaignId, Masked, RunId, SuppressionListId, TenantId, Timestamp};
use serde_json::Value;
use std::sync::LazyLock;

/// The entity of an attempt's timeline.
pub(crate) const ATTEMPT: &str = "attempt";
/// Version of the events' data.
const VERSION: i64 = 1;
/// Events that one statement inserts, most first; what is left over goes one by one. Each statement is a trip to the
/// database's thread and back, and a commit of a busy dialler holds some 20 events.
const MANY: [usize; 2] = [16, 4];
/// Columns of an event.
const COLUMNS: usize = 11;

/// One event, numbered when it is written.
pub(crate) struct Event {
    tenant: TenantId,
    pub(crate) entity: &'static str,
    pub(crate) entity_id: i64,
    pub(crate) entity_seq: i64,
    kind: &'static str,
    at: Timestamp,
    pbx_at: Option<String>,
    actor: String,
    cause: String,
    data: String,
}

impl Event {
    /// An event of an attempt, by the dialler.
    pub(crate) fn of_attempt(
        tenant: TenantId,
        attempt: AttemptId,
        kind: &'static str,
        at: Timestamp,
        data: Value,
    ) -> Self {
        Self::new(tenant, (ATTEMPT, attempt.0), kind, at, "", data)
    }

    /// An event of a run; no actor: the dialler.
    pub(crate) fn of_run(
        tenant: TenantId,
        run: RunId,
        kind: &'static str,
        at: Timestamp,
        actor: &str,
        data: Value,
    ) -> Self {
        Self::new(tenant, ("run", run.0), kind, at, actor, data)
    }

    /// An event of a campaign: what somebody made of it.
    pub(crate) fn of_campaign(
        tenant: TenantId,
        campaign: CampaignId,
        kind: &'static str,
        at: Timestamp,
        actor: &str,
        data: Value,
    ) -> Self {
        Self::new(tenant, ("campaign", campaign.0), kind, at, actor, data)
    }

    /// An event of a list of numbers that must not be called.
    pub(crate) fn of_suppression_list(
        tenant: TenantId,
        list: SuppressionListId,
        kind: &'static str,
        at: Timestamp,
        actor: &str,
        data: Value,
    ) -> Self {
        Self::new(tenant, ("suppression_list", list.0), kind, at, actor, data)
    }

    /// An event of dialling as a whole.
    pub(crate) fn of_dialling(tenant: TenantId, kind: &'static str, at: Timestamp, actor: &str, data: Value) -> Self {
        Self::new(tenant, ("dialling", tenant.0), kind, at, actor, data)
    }

    /// An event of an entry that says that a number must not be called.
    pub(crate) fn of_suppression(
        tenant: TenantId,
        entry: i64,
        kind: &'static str,
        at: Timestamp,
        actor: &str,
        data: Value,
    ) -> Self {
        Self::new(tenant, ("suppression", entry), kind, at, actor, data)
    }

    /// An event of an alert.
    pub(crate) fn of_alert(tenant: TenantId, alert: i64, kind: &'static str, at: Timestamp, data: Value) -> Self {
        Self::new(tenant, ("alert", alert), kind, at, "", data)
    }

    pub(crate) fn new(
        tenant: TenantId,
        (entity, entity_id): (&'static str, i64),
        kind: &'static str,
        at: Timestamp,
        actor: &str,
        data: Value,
    ) -> Self {
        #[cfg(test)]
        crate::events::kinds::check(kind, entity, &data).unwrap_or_else(|problem| panic!("{problem}"));
        Self {
            tenant,
            entity,
            entity_id,
            entity_seq: 0,
            kind,
            at,
            pbx_at: None,
            actor: actor.to_owned(),
            cause: String::new(),
            data: data.to_string(),
        }
    }

    pub(crate) fn caused_by(self, cause: &str) -> Self {
        Self { cause: cause.to_owned(), ..self }
    }

    pub(crate) fn by(self, actor: String) -> Self {
        Self { actor, ..self }
    }

    pub(crate) fn on_pbx(self, pbx_at: Option<String>) -> Self {
        Self { pbx_at, ..self }
    }
}

macro_rules! insert {
    ($values:literal) => {
        concat!(
            "INSERT INTO event (tenant_id, entity, entity_id, entity_seq, kind, version, at, pbx_at, actor, cause, data) ",
            "VALUES ",
            $values
        )
    };
}

statements! {
    INSERT = insert!("($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    LAST = "SELECT COALESCE(MAX(entity_seq), 0) FROM event WHERE entity = $1 AND entity_id = $2 AND tenant_id = $3";
}

/// [`INSERT`] for each of [`MANY`] rows. Made once: a statement per row count would not stay prepared.
static INSERT_MANY: LazyLock<[&'static str; MANY.len()]> = LazyLock::new(|| {
    MANY.map(|rows| {
        let rows: Vec<String> = (0..rows)
            .map(|row| {
                let row: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
                format!("({})", row.join(", "))
            })
            .collect();
        &*Box::leak(format!("{}{}", insert!(""), rows.join(", ")).into_boxed_str())
    })
});

/// Events that wait for the end of their transaction.
#[derive(Default)]
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Changes what the event at `index` says.
    pub(crate) fn amend(&mut self, index: usize, change: impl FnOnce(&mut Value)) {
        let Some(event) = self.0.get_mut(index) else { return };
        let mut data = serde_json::from_str(&event.data).unwrap_or_default();
        change(&mut data);
        event.data = data.to_string();
    }

    /// Numbers and writes a single event.
    pub(crate) async fn one(mut event: Event, connection: &mut Connection) -> Result<()> {
        event.entity_seq = last(&event, connection).await? + 1;
        Self(vec![event]).write(connection).await
    }

    pub(crate) async fn write(self, connection: &mut Connection) -> Result<()> {
        let mut events = self.0.into_iter().peekable();
        while events.peek().is_some() {
            let many = MANY.iter().position(|rows| events.len() >= *rows);
            let mut statement = query(many.map_or(INSERT, |index| INSERT_MANY[index]));
            for event in events.by_ref().take(many.map_or(1, |index| MANY[index])) {
                statement = statement
                    .bind(event.tenant.0)
                    .bind(event.entity)
                    .bind(event.entity_id)
                    .bind(event.entity_seq)
                    .bind(event.kind)
                    .bind(VERSION)
                    .bind(event.at.0)
                    .bind(event.pbx_at)
                    .bind(event.actor)
                    .bind(event.cause)
                    .bind(event.data);
            }
            statement.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

/// The number of the entity's last event; 0 when it has none.
pub(crate) async fn last(event: &Event, connection: &mut Connection) -> Result<i64> {
    Ok(query_scalar(LAST).bind(event.entity).bind(event.entity_id).bind(event.tenant.0).fetch_one(connection).await?)
}

/// A PBX's or a program's words without anything that could be a telephone number.
pub(crate) fn masked(text: &str) -> String {
    Masked(text).to_string()
}
