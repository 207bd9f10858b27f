//! The hold after a restore: until the calls between backup and restore are known, or do not matter any more.

use crate::db::Store;
use crate::engine::{Connection, query, query_scalar};
use crate::error::Result;
use crate::installation::Hold;
use crate::journal::events::{Event, Events};
use crate::scope::{FIRST_TENANT, Scope};
use crate::sql::Columns;
use domain::reschedule::{Mode, RescheduleRule};
use domain::{Campaign, Timestamp};
use serde::Serialize;
use serde_json::json;

/// The hold lasts at least this long, in seconds: people who were called yesterday remember it.
const HOLD_MIN_S: i64 = 24 * 3_600;
/// A longer gap is not waited for: 30 days.
const HOLD_MAX_S: i64 = 30 * 24 * 3_600;
/// Who holds dialling after a restore.
const BY: &str = "restore";
/// Of an action that waited when the backup was made.
const NOT_KNOWN: &str =
    "the database was restored: whether this was done after the backup is not known; try it again if it was not";

statements! {
    OPEN = "SELECT restored_at, taken_at, lift_at, attempt_id FROM restore \
        WHERE tenant_id = $1 AND settled_at IS NULL";
    SETTLE = "UPDATE restore SET settled_at = $2, settled_by = $3, settled_how = $4 \
        WHERE tenant_id = $1 AND settled_at IS NULL";
    MARK = "INSERT INTO restore (tenant_id, restored_at, taken_at, lift_at, attempt_id) VALUES ($1, $2, $3, $4, $5)";
    // What was done after the backup is not known: nothing is done twice unless somebody asks for it.
    STOP_ACTIONS = "UPDATE outcome_action SET state = 'failed', said = $3, changed_at = $2 \
        WHERE tenant_id = $1 AND state = 'waiting'";
    CAMPAIGNS = "SELECT MAX(CASE WHEN mode = 'MULT' THEN retry_after_s * max_attempts ELSE retry_after_s END) \
        FROM reschedule_rule WHERE tenant_id = $1";
    RUNS = "SELECT settings FROM run WHERE tenant_id = $1 AND ended_at IS NULL";
}

/// A restore because of which dialling is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OpenRestore {
    /// When the backup took the place of the database.
    pub restored_at: Timestamp,
    /// When the backup was made: calls after that are not known.
    pub taken_at: Timestamp,
    /// When the hold ends by itself.
    pub lift_at: Timestamp,
    /// Attempts of this id and later were made after the restore.
    pub attempt_id: i64,
}

/// What ended the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// An operator accepts that people who were called since the backup are called again.
    Accepted,
    /// The longest gap is over.
    Elapsed,
    /// The PBX's call records were read.
    Records,
    /// The database was restored once more.
    Superseded,
}

impl Settled {
    fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Elapsed => "elapsed",
            Self::Records => "records",
            Self::Superseded => "superseded",
        }
    }
}

impl OpenRestore {
    /// The hold that it is.
    pub fn hold(&self) -> Hold {
        let why = format!(
            "the database was restored from a backup of {}; who was called after that is not known until call records \
             are read; by itself it ends at {}",
            self.taken_at, self.lift_at
        );
        Hold { since: self.restored_at, by: BY.to_owned(), why }
    }
}

impl Store {
    /// The restore because of which dialling is held, if one is.
    pub async fn open_restore(&self, scope: &Scope) -> Result<Option<OpenRestore>> {
        let row = query(OPEN).bind(scope.tenant.0).fetch_optional(self.readers()).await?;
        row.map(|row| {
            Ok(OpenRestore {
                restored_at: row.at("restored_at")?,
                taken_at: row.at("taken_at")?,
                lift_at: row.at("lift_at")?,
                attempt_id: row.int("attempt_id")?,
            })
        })
        .transpose()
    }

    /// Ends the hold after a restore; `false` when there was none. A hold that a person set stays.
    pub async fn settle_restore(&self, scope: &Scope, by: &str, how: Settled, at: Timestamp) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let done =
            query(SETTLE).bind(scope.tenant.0).bind(at.0).bind(by).bind(how.code()).execute(&mut transaction).await?;
        let settled = done.rows_affected() > 0;
        if settled {
            let event = Event::of_dialling(scope.tenant, "restore.settled", at, by, json!({ "how": how.code() }));
            Events::one(event, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(settled)
    }
}

/// Writes into a restored database that it is one, and says when its hold ends by itself.
pub(super) async fn mark(
    taken_at: Timestamp,
    restored_at: Timestamp,
    attempt_id: i64,
    connection: &mut Connection,
) -> Result<Timestamp> {
    let tenant = FIRST_TENANT;
    query(SETTLE)
        .bind(tenant.0)
        .bind(restored_at.0)
        .bind(BY)
        .bind(Settled::Superseded.code())
        .execute(&mut *connection)
        .await?;
    let gap_s = longest_gap_s(connection).await?;
    let lift_at = restored_at.plus_ms(gap_s * 1_000);
    query(MARK)
        .bind(tenant.0)
        .bind(restored_at.0)
        .bind(taken_at.0)
        .bind(lift_at.0)
        .bind(attempt_id)
        .execute(&mut *connection)
        .await?;
    query(STOP_ACTIONS).bind(tenant.0).bind(restored_at.0).bind(NOT_KNOWN).execute(&mut *connection).await?;
    let data = json!({ "taken_at": taken_at, "lift_at": lift_at });
    let event = Event::of_dialling(tenant, "restore.done", restored_at, BY, data);
    Events::one(event, connection).await?;
    Ok(lift_at)
}

/// The longest time that any rule leaves between two calls to a person, in seconds, within the bounds above.
async fn longest_gap_s(connection: &mut Connection) -> Result<i64> {
    let tenant = FIRST_TENANT.0;
    let campaigns: Option<i64> = query_scalar(CAMPAIGNS).bind(tenant).fetch_one(&mut *connection).await?;
    let mut longest = campaigns.unwrap_or(0);
    for row in query(RUNS).bind(tenant).fetch_all(&mut *connection).await? {
        let settings: Campaign = row.json("settings")?;
        longest = longest.max(settings.rules.iter().map(gap_s).max().unwrap_or(0));
    }
    Ok(longest.clamp(HOLD_MIN_S, HOLD_MAX_S))
}

fn gap_s(rule: &RescheduleRule) -> i64 {
    let times = match rule.mode {
        Mode::Fixed => 1,
        Mode::Mult => i64::from(rule.max_attempts),
    };
    i64::from(rule.retry_after_s) * times
}
