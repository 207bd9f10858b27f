//! Rows of the abandonment ledger, written in the transaction of the news that they count.

use super::Journal;
use crate::abandonment::{self, ROW_COLUMNS};
use crate::engine::query;
use crate::error::Result;
use domain::abandonment::{Counted, Row};
use domain::{AttemptId, CampaignId, Timestamp};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Rows that one statement inserts, most first; what is left over goes one by one.
const MANY: [usize; 2] = [16, 4];

statements! {
    HEAD = concat!("SELECT ", abandonment::columns!(), " FROM abandonment \
        WHERE campaign_id = $1 AND tenant_id = $2 ORDER BY position DESC LIMIT 1");
    INSERT = concat!("INSERT INTO abandonment (tenant_id, ", abandonment::columns!(), ") \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)");
}

/// [`INSERT`] for each of [`MANY`] rows.
static INSERT_MANY: LazyLock<[&'static str; MANY.len()]> = LazyLock::new(|| {
    MANY.map(|rows| {
        let columns = ROW_COLUMNS + 1;
        let place = |row: usize, column: usize| format!("${}", row * columns + column);
        let row = |row| format!("({})", (1..=columns).map(|column| place(row, column)).collect::<Vec<_>>().join(", "));
        let (insert, _) = INSERT.split_once("VALUES").expect("the statement has values");
        let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
        &*Box::leak(format!("{insert}VALUES {rows}").into_boxed_str())
    })
});

/// What a batch counts, by campaign, in order.
pub(super) type Pending = BTreeMap<CampaignId, Vec<(AttemptId, Timestamp, Counted)>>;

impl Journal<'_> {
    /// One look at the end of each campaign's chain per batch, and its rows together.
    pub(super) async fn write_counted(&mut self) -> Result<()> {
        let tenant = self.scope.tenant.0;
        for (campaign, counted) in std::mem::take(&mut self.counted) {
            let head = query(HEAD).bind(campaign.0).bind(tenant).fetch_optional(&mut *self.connection).await?;
            let mut last = head.as_ref().map(abandonment::read).transpose()?;
            // A commit that failed had reached the disk after all, and this is its second try.
            if let (Some(last), Some((attempt, at, what))) = (&last, counted.last())
                && (last.attempt, last.at, last.count.as_str()) == (*attempt, *at, what.count.code())
            {
                continue;
            }
            let mut rows = Vec::with_capacity(counted.len());
            for (attempt, at, what) in counted {
                let row = Row::following(last.as_ref(), attempt, at, what);
                let row = Row { hash: abandonment::hash(&row), ..row };
                rows.push(row.clone());
                last = Some(row);
            }
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let many = MANY.iter().position(|many| rows.len() >= *many);
                let mut statement = query(many.map_or(INSERT, |index| INSERT_MANY[index]));
                for row in rows.by_ref().take(many.map_or(1, |index| MANY[index])) {
                    statement = statement
                        .bind(tenant)
                        .bind(row.campaign.0)
                        .bind(row.position)
                        .bind(row.period)
                        .bind(row.period_start.0)
                        .bind(row.count)
                        .bind(row.why)
                        .bind(row.attempt.0)
                        .bind(row.at.0)
                        .bind(row.waited_ms)
                        .bind(row.abandoned_by)
                        .bind(row.live_by)
                        .bind(row.abandoned)
                        .bind(row.live)
                        .bind(row.cap_ppm)
                        .bind(row.deadline_ms)
                        .bind(row.days)
                        .bind(row.previous)
                        .bind(row.hash);
                }
                statement.execute(&mut *self.connection).await?;
            }
        }
        Ok(())
    }
}
