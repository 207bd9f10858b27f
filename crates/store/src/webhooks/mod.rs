//! Webhooks: who is told of events over HTTP, and how far each of them is.
//!
//! A webhook has a place in the event log: nothing is copied per event, so a receiver that is away costs nothing. Only what a
//! receiver refuses while it takes other things has rows: a lane per contact that waits, and the events that were given up.

mod progress;
mod sealed;
mod told;

pub use progress::{Dead, Lane, LaneKey, Progress};
pub use sealed::Secrets;
pub(crate) use told::BLOCK;
pub use told::{Answer, Delivery, Notification, Told};

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::events::check_kinds;
use crate::lists::check_name;
use crate::scope::{Campaigns, Scope};
use crate::sql::{Columns, json_of, now};
use domain::{CampaignId, Invalid, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Webhooks, at most; those of [`MAX_OF_CAMPAIGNS`] not counted.
pub const MAX_WEBHOOKS: usize = 50;
/// Webhooks that tell the attempts of one campaign as forms, at most: WombatDialer's `httpNotify`, one for each campaign.
pub const MAX_OF_CAMPAIGNS: usize = 500;
/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 2_000;
/// How long a receiver may take.
pub const TIMEOUT_MS: RangeInclusive<u32> = 100..=30_000;
/// How often an event is tried.
pub const TRIES: RangeInclusive<u32> = 1..=50;

/// The one kind that is told as a form.
pub const FORM_KIND: &str = "attempt.ended";

/// How a webhook is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookFormat {
    /// The event as it is in the log; holds no number.
    #[default]
    Json,
    /// An ended attempt as the form that WombatDialer posts: number, state, attributes.
    Form,
}

impl WebhookFormat {
    /// As it is written down: `JSON` or `FORM`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Form => "FORM",
        }
    }
}

/// A webhook without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Unique.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// How they are written.
    pub format: WebhookFormat,
    /// Of this campaign only.
    pub campaign: Option<CampaignId>,
    /// Of these kinds only; `leg.*` is every kind that begins so. Empty: every kind.
    pub kinds: Vec<String>,
    /// Whether it is told at all. One that is not keeps its place.
    pub enabled: bool,
    /// How long a receiver may take, milliseconds.
    pub timeout_ms: u32,
    /// How often an event is tried that a receiver refuses while it takes others.
    pub max_tries: u32,
}

impl Webhook {
    /// Refuses what cannot work, by field. The address itself is judged where it is used.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        if self.url.is_empty() || self.url.len() > MAX_URL_BYTES {
            return Err(Invalid::new("url", format!("must be 1..={MAX_URL_BYTES} bytes")).into());
        }
        for (field, value, range) in [("timeout_ms", self.timeout_ms, TIMEOUT_MS), ("max_tries", self.max_tries, TRIES)]
        {
            if !range.contains(&value) {
                return Err(Invalid::new(field, format!("{value} is outside {range:?}")).into());
            }
        }
        if self.format == WebhookFormat::Form && self.kinds != [FORM_KIND] {
            return Err(Invalid::new(
                "kinds",
                format!("a form tells of {FORM_KIND} only: name that kind and no other"),
            )
            .into());
        }
        Ok(check_kinds(&self.kinds).map_err(|invalid| Invalid { field: "kinds".into(), ..invalid })?)
    }
}

/// A webhook and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    /// The webhook.
    pub webhook: Webhook,
    /// Names of the headers that it sends; their values are secret.
    pub header_names: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Events up to this one are not its work.
    pub since: i64,
    /// Events up to this one were taken, are not for it, wait in a lane or are dead.
    pub place: i64,
    /// Deliveries that were taken.
    pub delivered: u64,
    /// The last one.
    pub last_delivered_at: Option<Timestamp>,
    /// Why the last one that failed did; empty: none did.
    pub last_error: String,
    /// When.
    pub last_error_at: Option<Timestamp>,
    /// Contacts, runs and others that wait behind an event that was not taken.
    pub lanes: u64,
    /// Events that were given up.
    pub dead: u64,
    /// Events of the log behind its place, wanted or not.
    pub behind: u64,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT w.id, w.name, w.url, w.format, w.header_names, w.campaign_id, w.kinds, w.enabled, w.timeout_ms, w.max_tries, \
            w.created_at, w.since, w.place, w.delivered, w.last_delivered_at, w.last_error, w.last_error_at, \
            (SELECT COUNT(*) FROM webhook_lane l WHERE l.webhook_id = w.id) AS lanes, \
            (SELECT COUNT(*) FROM webhook_dead d WHERE d.webhook_id = w.id) AS dead, \
            COALESCE((SELECT MAX(e.seq) FROM event e), 0) - w.place AS behind FROM webhook w WHERE w.tenant_id = $1 ",
            $rest
        )
    };
}

statements! {
    // Those that tell a campaign's attempts as forms are its own business.
    COUNT = "SELECT COUNT(*) FROM webhook WHERE tenant_id = $1 AND (format = 'FORM' AND campaign_id IS NOT NULL) = ($2 <> 0)";
    CREATE = "INSERT INTO webhook (tenant_id, name, url, secret, headers, header_names, campaign_id, kinds, enabled, \
        timeout_ms, max_tries, created_at, since, place, format) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id";
    UPDATE = "UPDATE webhook SET name = $3, url = $4, campaign_id = $5, kinds = $6, enabled = $7, timeout_ms = $8, \
        max_tries = $9, format = $10 WHERE tenant_id = $1 AND id = $2";
    ALL = columns!("ORDER BY w.id");
    GET = columns!("AND w.id = $2");
    NEWEST = "SELECT COALESCE(MAX(seq), 0) FROM event";
    CAMPAIGN = "SELECT COUNT(*) FROM campaign WHERE tenant_id = $1 AND id = $2";
    DELETE_LANES = "DELETE FROM webhook_lane WHERE tenant_id = $1 AND webhook_id = $2";
    DELETE_DEAD = "DELETE FROM webhook_dead WHERE tenant_id = $1 AND webhook_id = $2";
    DELETE = "DELETE FROM webhook WHERE tenant_id = $1 AND id = $2";
    REPLAY_FROM = "UPDATE webhook SET place = $3, since = CASE WHEN since < $3 THEN since ELSE $3 END \
        WHERE tenant_id = $1 AND id = $2";
    REPLAY_DEAD = "UPDATE webhook_dead SET again = 1 WHERE tenant_id = $1 AND webhook_id = $2";
}

impl Store {
    /// Saves a new webhook, which is told of what happens from now on; its `id` is ignored and given anew.
    pub async fn create_webhook(&self, scope: &Scope, webhook: &Webhook, secrets: &Secrets) -> Result<WebhookRecord> {
        webhook.check()?;
        secrets.check()?;
        let mut transaction = self.begin().await?;
        let of_campaign = webhook.format == WebhookFormat::Form && webhook.campaign.is_some();
        let (most, whose) = match of_campaign {
            true => (MAX_OF_CAMPAIGNS, " of campaigns, as forms"),
            false => (MAX_WEBHOOKS, ""),
        };
        let count = query_scalar(COUNT).bind(scope.tenant.0).bind(i64::from(of_campaign));
        let count: i64 = count.fetch_one(&mut transaction).await?;
        if count >= most as i64 {
            let why = format!("cannot be added: there are {most}{whose}, which is the most");
            return Err(Error::Conflict { what: format!("webhook {:?}", webhook.name), why });
        }
        check_campaign(scope, webhook, &mut transaction).await?;
        let newest: i64 = query_scalar(NEWEST).fetch_one(&mut transaction).await?;
        let id = query_scalar(CREATE)
            .bind(scope.tenant.0)
            .bind(&webhook.name)
            .bind(&webhook.url)
            .bind(Vec::<u8>::new())
            .bind(Vec::<u8>::new())
            .bind("[]")
            .bind(webhook.campaign.map(|id| id.0))
            .bind(json_of(&webhook.kinds))
            .bind(webhook.enabled)
            .bind(i64::from(webhook.timeout_ms))
            .bind(i64::from(webhook.max_tries))
            .bind(now().0)
            .bind(newest)
            .bind(newest)
            .bind(webhook.format.code())
            .fetch_one(&mut transaction)
            .await
            .map_err(Error::naming("webhook", &webhook.name))?;
        self.seal_webhook(scope, WebhookId(id), Some(&secrets.key), Some(&secrets.headers), &mut transaction).await?;
        audit::note(scope, Subject::Webhook, id, None, &["secret"], &mut transaction).await?;
        let record = get(scope, WebhookId(id), &mut transaction).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// Replaces all of a webhook; its key and its headers only when they are given.
    pub async fn update_webhook(
        &self,
        scope: &Scope,
        webhook: &Webhook,
        key: Option<&[u8]>,
        headers: Option<&[(String, String)]>,
    ) -> Result<WebhookRecord> {
        webhook.check()?;
        sealed::check(key, headers)?;
        let mut transaction = self.begin().await?;
        check_campaign(scope, webhook, &mut transaction).await?;
        let was = audit::snapshot(scope, Subject::Webhook, webhook.id.0, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(webhook.id.0)
            .bind(&webhook.name)
            .bind(&webhook.url)
            .bind(webhook.campaign.map(|id| id.0))
            .bind(json_of(&webhook.kinds))
            .bind(webhook.enabled)
            .bind(i64::from(webhook.timeout_ms))
            .bind(i64::from(webhook.max_tries))
            .bind(webhook.format.code())
            .execute(&mut transaction)
            .await
            .map_err(Error::naming("webhook", &webhook.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("webhook", webhook.id));
        }
        self.seal_webhook(scope, webhook.id, key, headers, &mut transaction).await?;
        let secrets = [key.map(|_| "secret"), headers.map(|_| "headers")];
        let secrets: Vec<&str> = secrets.into_iter().flatten().collect();
        audit::note(scope, Subject::Webhook, webhook.id.0, was, &secrets, &mut transaction).await?;
        let record = get(scope, webhook.id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// One webhook.
    pub async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<WebhookRecord> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("webhook", id))?)
    }

    /// Every webhook, by id.
    pub async fn webhooks(&self, scope: &Scope) -> Result<Vec<WebhookRecord>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// Deletes a webhook with what it has not delivered.
    pub async fn delete_webhook(&self, scope: &Scope, id: WebhookId) -> Result<()> {
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, Subject::Webhook, id.0, &mut transaction).await?;
        for statement in [DELETE_LANES, DELETE_DEAD, DELETE] {
            let done = query(statement).bind(scope.tenant.0).bind(id.0).execute(&mut transaction).await?;
            if statement == DELETE && done.rows_affected() == 0 {
                return Err(Error::not_found("webhook", id));
            }
        }
        audit::note(scope, Subject::Webhook, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Everything behind `after` is delivered once more, under the same ids; what waited or was given up, too, if it is
    /// behind that. 0: from the oldest that is kept. Refused like [`Store::events_from`].
    pub async fn replay_webhook(&self, scope: &Scope, id: WebhookId, after: i64) -> Result<WebhookRecord> {
        let after = self.events_from(Some(after)).await?;
        let mut transaction = self.begin().await?;
        get(scope, id, &mut transaction).await?;
        for statement in [DELETE_LANES, DELETE_DEAD] {
            query(statement).bind(scope.tenant.0).bind(id.0).execute(&mut transaction).await?;
        }
        query(REPLAY_FROM).bind(scope.tenant.0).bind(id.0).bind(after).execute(&mut transaction).await?;
        let record = get(scope, id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// What was given up is tried once more.
    pub async fn replay_dead(&self, scope: &Scope, id: WebhookId) -> Result<WebhookRecord> {
        let mut transaction = self.begin().await?;
        let record = get(scope, id, &mut transaction).await?;
        query(REPLAY_DEAD).bind(scope.tenant.0).bind(id.0).execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(record)
    }
}

async fn check_campaign(scope: &Scope, webhook: &Webhook, connection: &mut Connection) -> Result<()> {
    let Some(campaign) = webhook.campaign else { return Ok(()) };
    let found: i64 = query_scalar(CAMPAIGN).bind(scope.tenant.0).bind(campaign.0).fetch_one(connection).await?;
    if found == 0 || !scope.allows(campaign) {
        return Err(Invalid::new("campaign", format!("{campaign} does not exist")).into());
    }
    Ok(())
}

async fn get(scope: &Scope, id: WebhookId, connection: &mut Connection) -> Result<WebhookRecord> {
    let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| Error::not_found("webhook", id))?)
}

/// A webhook without key and headers, for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref()
        .map(|row| {
            Ok({
                let Webhook { id: _, name, url, format, campaign, kinds, enabled, timeout_ms, max_tries } = read(row)?.webhook;
                serde_json::json!({
                    "name": name, "url": url, "format": format.code(), "campaign": campaign, "kinds": kinds, "enabled": enabled,
                    "timeout_ms": timeout_ms, "max_tries": max_tries,
                })
            })
        })
        .transpose()
}

fn read(row: &Row) -> Result<WebhookRecord> {
    Ok(WebhookRecord {
        webhook: Webhook {
            id: WebhookId(row.int("id")?),
            name: row.text("name")?,
            url: row.text("url")?,
            format: row.code("format")?,
            campaign: row.opt_int("campaign_id")?.map(CampaignId),
            kinds: row.json("kinds")?,
            enabled: row.flag("enabled")?,
            timeout_ms: row.number("timeout_ms")?,
            max_tries: row.number("max_tries")?,
        },
        header_names: row.json("header_names")?,
        created_at: row.at("created_at")?,
        since: row.int("since")?,
        place: row.int("place")?,
        delivered: row.number("delivered")?,
        last_delivered_at: row.opt_at("last_delivered_at")?,
        last_error: row.text("last_error")?,
        last_error_at: row.opt_at("last_error_at")?,
        lanes: row.number("lanes")?,
        dead: row.number("dead")?,
        behind: u64::try_from(row.int("behind")?).unwrap_or(0),
    })
}

impl WebhookRecord {
    /// Which events it wants, as an [`crate::EventFilter`].
    pub fn filter(&self) -> crate::EventFilter {
        let Webhook { campaign, kinds, .. } = &self.webhook;
        crate::EventFilter { campaign: *campaign, kinds: kinds.clone(), ..crate::EventFilter::default() }
    }

    /// Everything of its tenant: webhooks are made by admins.
    pub fn scope(&self) -> Scope {
        Scope { campaigns: Campaigns::All, ..Scope::installation() }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [STATEMENTS, sealed::STATEMENTS, progress::STATEMENTS, told::STATEMENTS].concat()
}
