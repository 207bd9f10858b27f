//! The abandonment ledger: what is read of it, and whether it is whole.
//!
//! Its rows are written by the journal, refuse to be changed or deleted, and stay when attempts and persons are forgotten:
//! they hold ids, instants and figures, never a number.

use crate::db::Store;
use crate::engine::{Row as Found, query};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use aws_lc_rs::digest::{SHA256, digest};
use domain::abandonment::{Count, CountingRule, Figures, PeriodNow, Row, Tally};
use domain::{AttemptId, CampaignId, Timestamp};
use serde::Serialize;
use std::collections::HashMap;

/// Rows of one page, at most.
pub const MAX_ROWS: u32 = 1_000;
/// Rows that are read at once to verify them.
const CHUNK: u32 = 5_000;
/// Rows of a period that make its curve, about.
const CURVE_ROWS: i64 = 200;
/// Counting periods that are shown, newest first.
const MAX_PERIODS: i64 = 1_000;

/// Columns of [`Row`], in the order of the insert.
macro_rules! columns {
    () => {
        "campaign_id, position, period, period_start, count, why, attempt_id, at, waited_ms, abandoned_by, live_by, \
        abandoned, live, cap_ppm, deadline_ms, days, previous, hash"
    };
}
pub(crate) use columns;
/// How many those are.
pub(crate) const ROW_COLUMNS: usize = 18;

statements! {
    AFTER = concat!("SELECT ", columns!(), " FROM abandonment WHERE campaign_id = $1 AND tenant_id = $2 AND position > $3 \
        ORDER BY position LIMIT $4");
    BEFORE = concat!("SELECT ", columns!(), " FROM abandonment WHERE campaign_id = $1 AND tenant_id = $2 AND position < $3 \
        ORDER BY position DESC LIMIT $4");
    PERIODS = concat!("SELECT ", columns!(), " FROM abandonment a WHERE campaign_id = $1 AND tenant_id = $2 AND position IN \
        (SELECT MAX(p.position) FROM abandonment p WHERE p.campaign_id = $1 GROUP BY p.period) ORDER BY period DESC LIMIT $3");
    ENDS = "SELECT MIN(position) AS first, MAX(position) AS last FROM abandonment \
        WHERE campaign_id = $1 AND tenant_id = $2 \
        AND period = COALESCE($3, (SELECT MAX(l.period) FROM abandonment l WHERE l.campaign_id = $1))";
    CURVE = concat!("SELECT ", columns!(), " FROM abandonment WHERE campaign_id = $1 AND tenant_id = $2 \
        AND position BETWEEN $3 AND $4 AND (position = $4 OR (position - $3) % $5 = 0) ORDER BY position");
    OF_OPEN = "SELECT a.attempt_id, a.campaign_id, a.count, a.cap_ppm, a.deadline_ms, a.days FROM abandonment a \
        JOIN attempt o ON o.id = a.attempt_id WHERE o.ended_at IS NULL AND a.tenant_id = $1 ORDER BY a.campaign_id, a.position";
}

/// One counting period of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Period {
    /// From 1.
    pub period: i64,
    /// When it began: with its first call.
    pub began_at: Timestamp,
    /// When it ends, or ended; by the rule of its last row.
    pub ends_at: Timestamp,
    /// Its figures.
    pub figures: Figures,
    /// The rule of its last row.
    pub rule: CountingRule,
    /// Its last row.
    pub last_position: i64,
    /// The hash of that.
    pub last_hash: String,
}

/// What came of verifying the books of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Rows that are as they were written, from the first one on.
    pub rows: i64,
    /// The hash of the last of them; empty when there is none.
    pub last_hash: String,
    /// The first row that is not; `None`: all are.
    pub fault: Option<Fault>,
}

/// A row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its position.
    pub position: i64,
    /// What is wrong with it, for people.
    pub problem: String,
}

/// The SHA-256 of what a row says, in small hexadecimal digits.
pub(crate) fn hash(row: &Row) -> String {
    digest(&SHA256, row.canonical().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read(row: &Found) -> Result<Row> {
    Ok(Row {
        campaign: CampaignId(row.int("campaign_id")?),
        position: row.int("position")?,
        period: row.int("period")?,
        period_start: row.at("period_start")?,
        count: row.text("count")?,
        why: row.text("why")?,
        attempt: AttemptId(row.int("attempt_id")?),
        at: row.at("at")?,
        waited_ms: row.int("waited_ms")?,
        abandoned_by: row.int("abandoned_by")?,
        live_by: row.int("live_by")?,
        abandoned: row.int("abandoned")?,
        live: row.int("live")?,
        cap_ppm: row.int("cap_ppm")?,
        deadline_ms: row.int("deadline_ms")?,
        days: row.int("days")?,
        previous: row.text("previous")?,
        hash: row.text("hash")?,
    })
}

fn rule(row: &Found) -> Result<CountingRule> {
    Ok(CountingRule {
        cap_ppm: row.number("cap_ppm")?,
        deadline_ms: row.number("deadline_ms")?,
        days: row.number("days")?,
    })
}

impl Store {
    /// Rows of a campaign's books behind `after`, oldest first; at most [`MAX_ROWS`].
    pub async fn abandonment_after(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Row>> {
        self.campaign(scope, campaign).await?;
        self.rows(scope, campaign, AFTER, after, limit.min(MAX_ROWS)).await
    }

    /// Rows of a campaign's books before `before`, newest first; at most [`MAX_ROWS`].
    pub async fn abandonment_before(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Row>> {
        self.campaign(scope, campaign).await?;
        self.rows(scope, campaign, BEFORE, before, limit.min(MAX_ROWS)).await
    }

    async fn rows(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        statement: &'static str,
        from: i64,
        limit: u32,
    ) -> Result<Vec<Row>> {
        let rows = query(statement).bind(campaign.0).bind(scope.tenant.0).bind(from).bind(i64::from(limit));
        rows.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// The counting periods of a campaign, newest first; at most 1000.
    pub async fn abandonment_periods(&self, scope: &Scope, campaign: CampaignId) -> Result<Vec<Period>> {
        self.campaign(scope, campaign).await?;
        let rows = query(PERIODS).bind(campaign.0).bind(scope.tenant.0).bind(MAX_PERIODS).fetch_all(self.readers());
        let period = |found: &Found| {
            let (row, rule) = (read(found)?, rule(found)?);
            Ok(Period {
                period: row.period,
                began_at: row.period_start,
                ends_at: row.period_start.plus_seconds(i64::from(rule.days) * 86_400),
                figures: row.figures(),
                rule,
                last_position: row.position,
                last_hash: row.hash,
            })
        };
        rows.await?.iter().map(period).collect()
    }

    /// Rows of a counting period, of the newest one when none is named, at even distances, its first and its last one among
    /// them: at most 201.
    pub async fn abandonment_curve(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        period: Option<i64>,
    ) -> Result<Vec<Row>> {
        self.campaign(scope, campaign).await?;
        let ends = query(ENDS).bind(campaign.0).bind(scope.tenant.0).bind(period).fetch_one(self.readers()).await?;
        let Some((first, last)) = ends.opt_int("first")?.zip(ends.opt_int("last")?) else { return Ok(Vec::new()) };
        let step = (last - first) / CURVE_ROWS + 1;
        let rows = query(CURVE).bind(campaign.0).bind(scope.tenant.0).bind(first).bind(last).bind(step);
        rows.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Reads the books of a campaign from the first row to the last, and says which one is not as it was written.
    pub async fn verify_abandonment(&self, scope: &Scope, campaign: CampaignId) -> Result<Verified> {
        self.campaign(scope, campaign).await?;
        let mut last: Option<Row> = None;
        loop {
            let after = last.as_ref().map_or(i64::MIN, |row| row.position);
            let rows = self.rows(scope, campaign, AFTER, after, CHUNK).await?;
            let is_end = rows.len() < CHUNK as usize;
            for row in rows {
                if let Some(problem) = row.fault(last.as_ref(), &hash(&row)) {
                    let fault = Some(Fault { position: row.position, problem });
                    return Ok(verified(last.as_ref(), fault));
                }
                last = Some(row);
            }
            if is_end {
                return Ok(verified(last.as_ref(), None));
            }
        }
    }

    /// The counting period of a campaign's last row; `None`: nothing was ever counted.
    pub async fn abandonment_now(&self, scope: &Scope, campaign: CampaignId) -> Result<Option<PeriodNow>> {
        let newest = self.rows(scope, campaign, BEFORE, i64::MAX, 1).await?;
        Ok(newest.first().map(Row::period_now))
    }

    /// What was counted of each attempt that is not over.
    pub(crate) async fn tallies_of_open(&self, scope: &Scope) -> Result<HashMap<AttemptId, Tally>> {
        let rows = query(OF_OPEN).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let mut counts: HashMap<AttemptId, (CampaignId, CountingRule, Vec<Count>)> = HashMap::new();
        for row in &rows {
            let of = counts.entry(AttemptId(row.int("attempt_id")?));
            of.or_insert((CampaignId(row.int("campaign_id")?), rule(row)?, Vec::new())).2.push(row.code("count")?);
        }
        let tally = |(attempt, (campaign, rule, counts))| (attempt, Tally::restored(campaign, rule, counts));
        Ok(counts.into_iter().map(tally).collect())
    }
}

fn verified(last: Option<&Row>, fault: Option<Fault>) -> Verified {
    let (rows, last_hash) = last.map_or((0, String::new()), |row| (row.position, row.hash.clone()));
    Verified { rows, last_hash, fault }
}

#[cfg(test)]
mod tests;
