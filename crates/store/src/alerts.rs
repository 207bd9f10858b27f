//! Alerts: what was wrong, from when to when. Their beginnings and ends are events, too.

use crate::db::Store;
use crate::engine::{Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::{Event, Events, masked};
use crate::scope::{Kind, Scope};
use crate::sql::Columns;
use domain::{CampaignId, Timestamp};
use serde::Serialize;
use serde_json::json;

/// Alerts of one page, at most.
pub const MAX_PAGE: u32 = 1_000;

/// Pages that are looked through for one page of those that are seen, at most.
const MAX_READS: usize = 20;

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertRecord {
    /// Its id.
    pub id: i64,
    /// What is wrong: `pbx_lost`, `dialling_held`, `storage`, `circuit_open`, `outcome_mix`, `webhook_backlog`,
    /// `harbour_missed`.
    pub kind: String,
    /// The id of the PBX, trunk, campaign or webhook; 0: the installation.
    pub subject: i64,
    /// The name it had; empty for the installation.
    pub name: String,
    /// For people.
    pub why: String,
    /// Since when it is wrong.
    pub raised_at: Timestamp,
    /// Since when it is right again; `None`: it goes on.
    pub ended_at: Option<Timestamp>,
    /// Letters that were sent: 1 that it began, 2 that it is over.
    pub mailed: u8,
}

/// How many attempts of a campaign ended in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Its name now.
    pub name: String,
    /// `answered`, or the code of the state.
    pub outcome: String,
    /// How many.
    pub count: u64,
}

statements! {
    RAISE = "INSERT INTO alert (tenant_id, kind, subject, name, why, raised_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (tenant_id, kind, subject) WHERE ended_at IS NULL DO UPDATE SET why = excluded.why RETURNING id, raised_at";
    END = "UPDATE alert SET ended_at = $3 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL \
        RETURNING kind, subject, name, raised_at";
    MAILED = "UPDATE alert SET mailed = $3 WHERE tenant_id = $1 AND id = $2";
    UNFINISHED = "SELECT id, kind, subject, name, why, raised_at, ended_at, mailed FROM alert WHERE tenant_id = $1 \
        AND (ended_at IS NULL OR (mailed < 2 AND raised_at >= $2)) ORDER BY id LIMIT 200";
    PAGE = "SELECT id, kind, subject, name, why, raised_at, ended_at, mailed FROM alert WHERE tenant_id = $1 \
        AND id < $2 AND (ended_at IS NULL OR $3 = 0) ORDER BY id DESC LIMIT $4";
    LAST_ATTEMPT = "SELECT COALESCE(MAX(id), 0) FROM attempt WHERE tenant_id = $1";
    // Through the primary key. A call that is still up and was answered counts as what it is.
    OUTCOMES = "SELECT o.campaign_id, o.outcome, COUNT(*) AS attempts, MAX(c.name) AS name FROM \
        (SELECT campaign_id, CASE WHEN connected_at IS NOT NULL THEN 'answered' ELSE state END AS outcome FROM attempt \
        WHERE tenant_id = $1 AND id > $2 AND id <= $3 AND state <> 'WITHDRAWN' \
        AND (ended_at IS NOT NULL OR connected_at IS NOT NULL)) AS o JOIN campaign c ON c.id = o.campaign_id \
        GROUP BY o.campaign_id, o.outcome";
}

/// Whether an alert about this is shown: what is about nothing with a key is shown to everybody, webhooks to who sees all.
pub(crate) fn is_seen(scope: &Scope, kind: &str, subject: i64) -> bool {
    match kind {
        "pbx_lost" | "harbour_missed" => scope.sees(Kind::Pbx, subject),
        "circuit_open" => scope.sees(Kind::Trunk, subject),
        "outcome_mix" => scope.sees(Kind::Campaign, subject),
        "webhook_backlog" => scope.sees_all(),
        _ => true,
    }
}

impl Store {
    /// Writes that something is wrong, once: while such an alert is open, it is the same one. Its id.
    pub async fn raise_alert(
        &self,
        scope: &Scope,
        kind: &str,
        subject: i64,
        name: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<i64> {
        let mut transaction = self.begin().await?;
        let row = query(RAISE)
            .bind(scope.tenant.0)
            .bind(kind)
            .bind(subject)
            .bind(name)
            .bind(masked(why))
            .bind(at.0)
            .fetch_one(&mut transaction)
            .await?;
        let id = row.int("id")?;
        if row.at("raised_at")? == at {
            let data = json!({ "kind": kind, "subject": subject, "name": name, "why": masked(why) });
            Events::one(Event::of_alert(scope.tenant, id, "alert.raised", at, data), &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// Writes that it is right again. One that is over stays as it is.
    pub async fn end_alert(&self, scope: &Scope, id: i64, at: Timestamp) -> Result<()> {
        let mut transaction = self.begin().await?;
        let row = query(END).bind(scope.tenant.0).bind(id).bind(at.0).fetch_optional(&mut transaction).await?;
        if let Some(row) = row {
            let lasted_ms = at.ms_since(row.at("raised_at")?).max(0);
            let data = json!({
                "kind": row.text("kind")?, "subject": row.int("subject")?, "name": row.text("name")?,
                "lasted_ms": lasted_ms,
            });
            Events::one(Event::of_alert(scope.tenant, id, "alert.ended", at, data), &mut transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Notes that letters were sent: 1 that it began, 2 that it is over.
    pub async fn alert_mailed(&self, scope: &Scope, id: i64, letters: u8) -> Result<()> {
        let mut transaction = self.begin().await?;
        let done = query(MAILED).bind(scope.tenant.0).bind(id).bind(i64::from(letters)).execute(&mut transaction);
        if done.await?.rows_affected() == 0 {
            return Err(Error::not_found("alert", id));
        }
        Ok(transaction.commit().await?)
    }

    /// Alerts that are open, and those since `since` whose letters were not all sent, oldest first.
    pub async fn unfinished_alerts(&self, scope: &Scope, since: Timestamp) -> Result<Vec<AlertRecord>> {
        let rows = query(UNFINISHED).bind(scope.tenant.0).bind(since.0).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// Alerts with a smaller id than `before`, newest first; only open ones when asked.
    pub async fn alerts(&self, scope: &Scope, before: i64, open: bool, limit: u32) -> Result<Vec<AlertRecord>> {
        let limit = limit.min(MAX_PAGE) as usize;
        let (mut before, mut found) = (before, Vec::new());
        for _ in 0..MAX_READS {
            let rows = query(PAGE).bind(scope.tenant.0).bind(before).bind(i64::from(open)).bind(limit as i64);
            let rows = rows.fetch_all(self.readers()).await?;
            for row in &rows {
                let alert = read(row)?;
                before = alert.id;
                if found.len() < limit && is_seen(scope, &alert.kind, alert.subject) {
                    found.push(alert);
                }
            }
            if rows.len() < limit || found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The id of the newest attempt; 0 when there is none.
    pub async fn last_attempt_id(&self, scope: &Scope) -> Result<i64> {
        Ok(query_scalar(LAST_ATTEMPT).bind(scope.tenant.0).fetch_one(self.readers()).await?)
    }

    /// What became of the attempts behind `after`, up to and with `to`; those that are neither over nor answered are left out.
    pub async fn outcomes(&self, scope: &Scope, after: i64, to: i64) -> Result<Vec<OutcomeCount>> {
        let rows = query(OUTCOMES).bind(scope.tenant.0).bind(after).bind(to).fetch_all(self.readers()).await?;
        let count = |row: &Row| {
            Ok(OutcomeCount {
                campaign: CampaignId(row.int("campaign_id")?),
                name: row.text("name")?,
                outcome: row.text("outcome")?,
                count: row.number("attempts")?,
            })
        };
        rows.iter().map(count).collect()
    }
}

fn read(row: &Row) -> Result<AlertRecord> {
    Ok(AlertRecord {
        id: row.int("id")?,
        kind: row.text("kind")?,
        subject: row.int("subject")?,
        name: row.text("name")?,
        why: row.text("why")?,
        raised_at: row.at("raised_at")?,
        ended_at: row.opt_at("ended_at")?,
        mailed: row.number("mailed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Write;
    use crate::testing::{Home, World, close};

    crate::testing::on_both_engines! {
        an_alert_is_raised_once_and_ends_once;
        letters_that_were_not_sent_are_known_after_a_restart;
        outcomes_are_counted_by_campaign;
    }

    async fn raise(store: &Store, subject: i64, at: i64) -> i64 {
        let scope = Scope::installation();
        store.raise_alert(&scope, "pbx_lost", subject, "office", "PBX office is silent", Timestamp(at)).await.unwrap()
    }

    async fn an_alert_is_raised_once_and_ends_once(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let id = raise(&store, 1, 5_000).await;
        assert_eq!(raise(&store, 1, 9_000).await, id, "it is open");
        assert_ne!(raise(&store, 2, 5_000).await, id);
        store.end_alert(&scope, id, Timestamp(65_000)).await.unwrap();
        store.end_alert(&scope, id, Timestamp(99_000)).await.unwrap();
        let all = store.alerts(&scope, i64::MAX, false, 10).await.unwrap();
        assert_eq!(
            all.iter().map(|alert| (alert.subject, alert.ended_at)).collect::<Vec<_>>(),
            [(2, None), (1, Some(Timestamp(65_000)))]
        );
        assert_eq!(store.alerts(&scope, i64::MAX, true, 10).await.unwrap().len(), 1);
        assert_ne!(raise(&store, 1, 70_000).await, id, "another episode");
        let mut transaction = store.begin().await.unwrap();
        let events: i64 = query_scalar("SELECT COUNT(*) FROM event WHERE entity = 'alert'")
            .fetch_one(&mut transaction)
            .await
            .unwrap();
        assert_eq!(events, 4, "three beginnings and one end");
    }

    async fn letters_that_were_not_sent_are_known_after_a_restart(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let ids = [raise(&store, 1, 5_000).await, raise(&store, 2, 5_000).await, raise(&store, 3, 5_000).await];
        for id in &ids[..2] {
            store.end_alert(&scope, *id, Timestamp(9_000)).await.unwrap();
        }
        store.alert_mailed(&scope, ids[0], 2).await.unwrap();
        let store = home.reopen(store).await;
        let left = async |since| {
            let left = store.unfinished_alerts(&scope, Timestamp(since)).await.unwrap();
            left.iter().map(|alert| alert.id).collect::<Vec<_>>()
        };
        assert_eq!(left(0).await, ids[1..]);
        assert_eq!(left(6_000).await, ids[2..], "nobody wants to read of it any more");
    }

    async fn outcomes_are_counted_by_campaign(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let world = World::of(&store, 3).await;
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
        assert_eq!(store.last_attempt_id(&scope).await.unwrap(), 0);
        for id in 1..=3 {
            let index = usize::try_from(id - 1).unwrap();
            store.commit(&scope, vec![Write::Attempt(world.attempt(id, run, index, 0))]).await.unwrap();
        }
        let again = Some(Timestamp(90_000_000));
        store
            .commit(&scope, vec![close(world.end(1, run, 0, None)), close(world.end(2, run, 1, again))])
            .await
            .unwrap();
        assert_eq!(store.last_attempt_id(&scope).await.unwrap(), 3);
        let mut counted = store.outcomes(&scope, 0, 3).await.unwrap();
        counted.sort_by(|a, b| a.outcome.cmp(&b.outcome));
        let counted: Vec<_> = counted.iter().map(|c| (c.name.as_str(), c.outcome.as_str(), c.count)).collect();
        assert_eq!(counted, [("spring", "RS_NOANSWER", 1), ("spring", "answered", 1)]);
        assert_eq!(store.outcomes(&scope, 1, 3).await.unwrap().len(), 1);
    }
}
