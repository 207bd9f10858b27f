//! What each webhook was told and what it answered.
//!
//! A row per delivery would be a write per event and webhook. So every try that came to an end is a few bytes in a row of
//! 256 events, written in the transaction that says how far the webhook is, once a second at most. What still waits has no
//! bytes here: the webhook's place, its lanes and its dead events say so.

use super::progress::Dead;
use crate::attempts::AttemptRecord;
use crate::db::Store;
use crate::engine::{Connection, query};
use crate::error::Result;
use crate::events::LogEvent;
use crate::scope::Scope;
use crate::sql::{Columns, decode, json_of};
use crate::timeline::EventRecord;
use crate::{WebhookRecord, webhooks::Lane};
use domain::{AttemptId, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Events of one row.
pub(crate) const BLOCK: i64 = 256;
/// Longest row, in characters: a longer one begins anew, and what it said of its events is not known any more. A try takes
/// some 40.
const MAX_ROW: i64 = 65_536;

/// A try at a delivery that came to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which event.
    pub seq: i64,
    /// When it came to an end.
    pub at: Timestamp,
    /// Which try at this event, from 1.
    pub number: u32,
    /// How long it took, milliseconds.
    pub took_ms: u32,
    /// What came back.
    pub answer: Answer,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It was taken with this HTTP status.
    Taken(u16),
    /// It was not: why.
    Refused(String),
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The receiver took it.
    Taken,
    /// It is on its way, or waits for its turn or for another try.
    Waiting,
    /// It was given up.
    Dead,
    /// The log does not say: it is older than the log, or was too long.
    Unknown,
}

/// What a webhook was told of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which webhook; perhaps one that was deleted.
    pub webhook: WebhookId,
    /// Its name.
    pub name: String,
    /// Which event.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// How it stands.
    pub delivery: Delivery,
    /// Tries that came to an end, oldest first.
    pub tries: Vec<Told>,
    /// When it is tried next, if that is known.
    pub due_at: Option<Timestamp>,
    /// Why it waits or was given up; empty: it is only not its turn yet.
    pub why: String,
}

statements! {
    ADD = "INSERT INTO webhook_told (tenant_id, block, webhook_id, name, entries) \
        SELECT w.tenant_id, $3, w.id, w.name, $4 FROM webhook w WHERE w.tenant_id = $1 AND w.id = $2 \
        ON CONFLICT (tenant_id, block, webhook_id) DO UPDATE SET name = excluded.name, \
        entries = CASE WHEN length(webhook_told.entries) < $5 THEN webhook_told.entries ELSE '' END || excluded.entries";
    OF_BLOCK = "SELECT webhook_id, name, entries FROM webhook_told WHERE tenant_id = $1 AND block = $2 \
        ORDER BY webhook_id";
    LANES = "SELECT webhook_id, seq, tries, due_at, error FROM webhook_lane \
        WHERE tenant_id = $1 AND entity = 'contact' AND entity_id = $2";
    DEAD = "SELECT d.webhook_id, d.seq, d.tries, d.error, d.at, d.again FROM webhook w \
        JOIN webhook_dead d ON d.webhook_id = w.id WHERE w.tenant_id = $1 AND d.seq >= $2 AND d.seq <= $3";
}

type Entry = (i64, i64, u32, u32, Answer);

/// Adds tries of one webhook to its log. One that is gone is passed over.
pub(super) async fn add(scope: &Scope, id: WebhookId, told: &[Told], connection: &mut Connection) -> Result<()> {
    let mut blocks: BTreeMap<i64, String> = BTreeMap::new();
    for Told { seq, at, number, took_ms, answer } in told {
        let entries = blocks.entry(seq / BLOCK).or_default();
        entries.push_str(&json_of(&(seq, at.0, number, took_ms, answer)));
        entries.push(',');
    }
    for (block, entries) in blocks {
        let add = query(ADD).bind(scope.tenant.0).bind(id.0).bind(block).bind(entries).bind(MAX_ROW);
        add.execute(&mut *connection).await?;
    }
    Ok(())
}

/// What is known of the webhooks about the events of one attempt.
#[derive(Debug, Default)]
struct Known {
    told: BTreeMap<(WebhookId, i64), Vec<Told>>,
    names: BTreeMap<WebhookId, String>,
    lanes: BTreeMap<WebhookId, Lane>,
    dead: BTreeMap<(WebhookId, i64), Dead>,
}

impl Store {
    /// Who was told of an attempt's events, in the order of the first tries; what was not tried yet comes last. Up to a
    /// second late.
    pub async fn notifications(&self, scope: &Scope, attempt: AttemptId) -> Result<Vec<Notification>> {
        let record = self.attempt(scope, attempt).await?; // in the scope
        let events = self.timeline(scope, attempt).await?;
        let known = self.known(scope, &record, &events).await?;
        let webhooks = self.webhooks(scope).await?;
        let mut all = Vec::new();
        for event in &events {
            all.extend(webhooks.iter().filter_map(|webhook| notification(webhook, &record, event, &known)));
            let living = |id: WebhookId| webhooks.iter().any(|webhook| webhook.webhook.id == id);
            let of_event = known.told.iter().filter(|((id, seq), _)| *seq == event.seq && !living(*id));
            all.extend(of_event.map(|((id, _), tries)| by_one_that_is_gone(*id, event, tries, &known)));
        }
        let first =
            |notification: &Notification| notification.tries.first().map_or(Timestamp(i64::MAX), |told| told.at);
        all.sort_by_key(|notification| (first(notification), notification.seq, notification.webhook));
        Ok(all)
    }

    async fn known(&self, scope: &Scope, attempt: &AttemptRecord, events: &[EventRecord]) -> Result<Known> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Known::default()) };
        let seqs: BTreeSet<i64> = events.iter().map(|event| event.seq).collect();
        let blocks: BTreeSet<i64> = seqs.iter().map(|seq| seq / BLOCK).collect();
        let mut known = Known::default();
        let mut connection = self.readers().begin().await?;
        for block in blocks {
            let rows = query(OF_BLOCK).bind(scope.tenant.0).bind(block).fetch_all(&mut *connection).await?;
            for row in rows {
                let id = WebhookId(row.int("webhook_id")?);
                known.names.insert(id, row.text("name")?);
                let entries = row.text("entries")?;
                let entries: Vec<Entry> = serde_json::from_str(&format!("[{}]", entries.trim_end_matches(',')))
                    .map_err(|error| decode("entries", &error.to_string()))?;
                for (seq, at, number, took_ms, answer) in entries {
                    if seqs.contains(&seq) {
                        let told = Told { seq, at: Timestamp(at), number, took_ms, answer };
                        known.told.entry((id, seq)).or_default().push(told);
                    }
                }
            }
        }
        for row in query(LANES).bind(scope.tenant.0).bind(attempt.contact.0).fetch_all(&mut *connection).await? {
            let (seq, tries) = (row.int("seq")?, row.number("tries")?);
            let lane = Lane { seq, tries, due_at: row.at("due_at")?, error: row.text("error")? };
            known.lanes.insert(WebhookId(row.int("webhook_id")?), lane);
        }
        let dead = query(DEAD).bind(scope.tenant.0).bind(first.seq).bind(last.seq);
        for row in dead.fetch_all(&mut *connection).await? {
            let dead = super::progress::read_dead(&row)?;
            known.dead.insert((WebhookId(row.int("webhook_id")?), dead.seq), dead);
        }
        Ok(known)
    }
}

/// How a webhook stands with an event; `None`: it is none of its work.
fn notification(
    record: &WebhookRecord,
    attempt: &AttemptRecord,
    event: &EventRecord,
    known: &Known,
) -> Option<Notification> {
    let (id, seq) = (record.webhook.id, event.seq);
    let tries = known.told.get(&(id, seq)).cloned().unwrap_or_default();
    let is_its_work = seq > record.since && record.filter().wants(&record.scope(), &logged(attempt, event));
    if tries.is_empty() && !is_its_work {
        return None;
    }
    let lane = known.lanes.get(&id).filter(|lane| lane.seq <= seq);
    let waits = |due_at, why: &str| (Delivery::Waiting, due_at, why.to_owned());
    let rests = if record.webhook.enabled { "" } else { "the webhook is disabled" };
    let (delivery, due_at, why) = if let Some(dead) = known.dead.get(&(id, seq)) {
        match dead.again {
            true => waits(None, &dead.error),
            false => (Delivery::Dead, None, dead.error.clone()),
        }
    } else if matches!(tries.last(), Some(Told { answer: Answer::Taken(_), .. })) {
        (Delivery::Taken, None, String::new())
    } else if let Some(lane) = lane {
        match lane.seq == seq {
            true => waits(record.webhook.enabled.then_some(lane.due_at), &lane.error),
            false => waits(None, "an earlier event of the contact was not taken yet"),
        }
    } else if seq > record.place {
        waits(None, rests)
    } else {
        (Delivery::Unknown, None, String::new())
    };
    let (name, kind) = (record.webhook.name.clone(), event.kind.clone());
    Some(Notification { webhook: id, name, seq, kind, delivery, tries, due_at, why })
}

fn by_one_that_is_gone(id: WebhookId, event: &EventRecord, tries: &[Told], known: &Known) -> Notification {
    let (delivery, why) = match tries.last().map(|told| &told.answer) {
        Some(Answer::Refused(_)) => (Delivery::Dead, "the webhook was deleted".to_owned()),
        _ => (Delivery::Taken, String::new()),
    };
    Notification {
        webhook: id,
        name: known.names.get(&id).cloned().unwrap_or_default(),
        seq: event.seq,
        kind: event.kind.clone(),
        delivery,
        tries: tries.to_vec(),
        due_at: None,
        why,
    }
}

/// The event as filters see it.
fn logged(attempt: &AttemptRecord, event: &EventRecord) -> LogEvent {
    LogEvent {
        seq: event.seq,
        entity: "attempt".into(),
        entity_id: attempt.id.0,
        kind: event.kind.clone(),
        campaign: Some(attempt.campaign.0),
        contact: Some(attempt.contact.0),
        json: String::new(),
    }
}
