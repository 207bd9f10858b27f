//! Rows of the abandonment ledger that were written after the backup.
//!
//! Who was abandoned stays abandoned, whatever is restored. So rows of the database in place are taken over behind the
//! backup's last row, as long as each follows from the one before it; the first that does not ends the books of its campaign.

use super::carry::{ATTACH, DETACH, HAS, IS_OURS};
use crate::abandonment::{self, columns, hash};
use crate::engine::Row as Found;
use crate::error::Result;
use domain::abandonment::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use std::path::Path;

/// Rows that are read at once.
const CHUNK: i64 = 5_000;
/// A campaign that was made after the backup is gone, and its books with it.
const CAMPAIGNS: &str = "SELECT DISTINCT p.campaign_id FROM present.abandonment p \
    JOIN main.campaign c ON c.id = p.campaign_id AND c.tenant_id = p.tenant_id ORDER BY p.campaign_id";
const LAST: &str =
    concat!("SELECT ", columns!(), " FROM main.abandonment WHERE campaign_id = $1 ORDER BY position DESC LIMIT 1");
/// Those behind the backup's last row, where the database in place has that one, too.
const BEHIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM present.abandonment WHERE campaign_id = $1 AND position > $2 ORDER BY position LIMIT $3"
);
const ADD: &str = concat!(
    "INSERT INTO main.abandonment (tenant_id, ",
    columns!(),
    ") SELECT tenant_id, ",
    columns!(),
    " FROM present.abandonment WHERE campaign_id = $1 AND position > $2 AND position <= $3"
);

/// Takes over what follows, and says how many rows that was; `None`: the database in place cannot be read, and what was
/// counted after the backup is lost.
pub(super) async fn take_over(restored: &SqlitePool, present: &Path) -> Option<u64> {
    let name = present.to_str().filter(|_| present.exists())?;
    sqlx::query(ATTACH).bind(name).execute(restored).await.ok()?;
    let taken = copy(restored).await;
    // A connection that cannot let go of it is closed with the pool.
    let _ = sqlx::query(DETACH).execute(restored).await;
    match taken {
        Ok(rows) => rows,
        Err(error) => {
            tracing::warn!(%error, "the abandonment ledger of the database in place cannot be read");
            None
        }
    }
}

async fn copy(restored: &SqlitePool) -> Result<Option<u64>> {
    let count = |statement| sqlx::query_scalar::<_, i64>(statement);
    if count(IS_OURS).fetch_one(restored).await? == 0 {
        return Ok(None);
    }
    if count(HAS).bind("abandonment").fetch_one(restored).await? == 0 {
        return Ok(Some(0));
    }
    let mut taken = 0;
    let mut transaction = restored.begin().await?;
    for campaign in count(CAMPAIGNS).fetch_all(&mut *transaction).await? {
        taken += of_campaign(campaign, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(Some(taken))
}

async fn of_campaign(campaign: i64, connection: &mut SqliteConnection) -> Result<u64> {
    let last = sqlx::query(LAST).bind(campaign).fetch_optional(&mut *connection).await?;
    let mut last = last.map(|row| abandonment::read(&Found::Sqlite(row))).transpose()?;
    let from = last.as_ref().map_or(0, |row| row.position);
    loop {
        let behind = last.as_ref().map_or(0, |row| row.position);
        let rows = sqlx::query(BEHIND).bind(campaign).bind(behind).bind(CHUNK).fetch_all(&mut *connection).await?;
        let read = rows.len();
        for row in rows {
            let row: Row = abandonment::read(&Found::Sqlite(row))?;
            if let Some(problem) = row.fault(last.as_ref(), &hash(&row)) {
                let position = row.position;
                tracing::warn!(campaign, position, %problem, "rows of the abandonment ledger in place from here on are not taken over");
                return add(campaign, from, last.as_ref(), connection).await;
            }
            last = Some(row);
        }
        if read < CHUNK as usize {
            return add(campaign, from, last.as_ref(), connection).await;
        }
    }
}

/// How many there were.
async fn add(campaign: i64, from: i64, last: Option<&Row>, connection: &mut SqliteConnection) -> Result<u64> {
    let to = last.map_or(0, |row| row.position);
    let added = sqlx::query(ADD).bind(campaign).bind(from).bind(to).execute(connection).await?;
    Ok(added.rows_affected())
}
