//! Numbers that were handed out after a backup and that it does not know.

use crate::backup::{self, damaged};
use crate::db::Settings;
use crate::engine::{Connection, query, query_scalar};
use crate::error::Result;
use domain::{MAX_CONFIG_ID, Timestamp};
use sqlx::sqlite::SqlitePool;
use std::collections::BTreeMap;

/// Calls started per second that a PBX is assumed to be limited to, at least.
const RATE_MIN: i64 = 100;
/// Ids are lost with every start of the server: this many per id that was used are reckoned with.
const WASTE: i64 = 2;
/// Ids that are passed over in any case.
const IDS_MIN: i64 = 10_000;
/// Of the attempt ids that are left, the share that is passed over at most: one in eight.
const SHARE: i64 = 8;
/// Configuration made after the backup and not known: rows per table, at most.
const ROWS: i64 = 1_000;
/// Contacts and events made after the backup and not known, at most.
const MANY_ROWS: i64 = 10_000_000;

const EPOCH: &str = "SELECT name, epoch FROM installation ORDER BY tenant_id LIMIT 1";
const BLOCKS: &str = "SELECT kind, MAX(next) FROM id_block GROUP BY kind";
const ROW_IDS: &str = "SELECT name, seq FROM sqlite_sequence";
const LAST_EVENT: &str = "SELECT COALESCE(MAX(seq), 0), COALESCE(MAX(at), 0) FROM event";
const RATE: &str = "SELECT CAST(COALESCE(SUM(originates_per_second), 0) AS BIGINT) FROM pbx";
const SET_EPOCH: &str = "UPDATE installation SET epoch = CASE WHEN epoch > $1 THEN epoch ELSE $1 END";
const SET_BLOCK: &str = "UPDATE id_block SET next = CASE WHEN next > $2 THEN next ELSE $2 END WHERE kind = $1";
const GET_BLOCK: &str = "SELECT MAX(next) FROM id_block WHERE kind = $1";
const SET_ROW_ID: &str = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1";
const SET_EVENT: &str = "UPDATE event SET seq = $1 WHERE seq = (SELECT MAX(seq) FROM event)";
const IDENTITIES: &str = "SELECT CAST(table_name AS TEXT) FROM information_schema.columns \
    WHERE table_schema = current_schema() AND column_name = 'id' AND is_identity = 'YES' ORDER BY table_name";
const SET_IDENTITY: &str =
    "SELECT setval(pg_get_serial_sequence($1, 'id'), nextval(pg_get_serial_sequence($1, 'id')) + $2)";
const KINDS: [&str; 3] = ["attempt", "call", "leg"];

/// The database that was there before a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// There was none.
    Missing,
    /// It belongs to another installation: its numbers do not matter.
    Other {
        /// That one's name.
        installation: String,
    },
    /// It could not be read.
    Unreadable {
        /// What was found.
        why: String,
    },
    /// Its numbers could be read.
    Readable(Numbers),
}

/// How far a database had counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Starts of the server.
    pub epoch: i64,
    /// The time of its last event.
    pub last_event_at: Timestamp,
    /// Number of its last event.
    pub last_event: i64,
    /// The next id of each kind.
    pub blocks: BTreeMap<String, i64>,
    /// The last row id of each table.
    pub rows: BTreeMap<String, i64>,
}

impl Present {
    /// Looks at the database in place, which may be in any state.
    pub(super) async fn look(settings: &Settings, installation: &str) -> Self {
        if !settings.path.exists() {
            return Self::Missing;
        }
        let read = async {
            let database = backup::open(&settings.path).await?;
            let read = Numbers::read(&database).await.map_err(|error| match error {
                crate::Error::Database(error) => damaged(&settings.path, error),
                other => other,
            });
            database.close().await;
            read
        };
        match read.await {
            Ok((name, numbers)) if name == installation => Self::Readable(numbers),
            Ok((installation, _)) => Self::Other { installation },
            Err(error) => Self::Unreadable { why: error.to_string() },
        }
    }
}

impl Numbers {
    async fn read(database: &SqlitePool) -> Result<(String, Self)> {
        let (name, epoch): (String, i64) = sqlx::query_as(EPOCH).fetch_one(database).await?;
        let (last_event, at): (i64, i64) = sqlx::query_as(LAST_EVENT).fetch_one(database).await?;
        let blocks: Vec<(String, i64)> = sqlx::query_as(BLOCKS).fetch_all(database).await?;
        let rows: Vec<(String, i64)> = sqlx::query_as(ROW_IDS).fetch_all(database).await?;
        let (blocks, rows) = (blocks.into_iter().collect(), rows.into_iter().collect());
        Ok((name, Self { epoch, last_event_at: Timestamp(at), last_event, blocks, rows }))
    }
}

/// Lifts epoch and ids of the restored database above all that the backup or the present database knows, and above what
/// can have been handed out since the later of the two was written. Returns epoch and first attempt id.
///
/// The epoch is at least the seconds since 1970: the server does not start more often than once a second, so no start that
/// both databases forgot had such a number.
pub(super) async fn jump(
    taken_at: Timestamp,
    present: &Present,
    now: Timestamp,
    connection: &mut Connection,
) -> Result<(i64, i64)> {
    let known = match present {
        Present::Readable(numbers) => numbers.clone(),
        _ => Numbers::default(),
    };
    let backed_up: i64 = query_scalar("SELECT MAX(epoch) FROM installation").fetch_one(&mut *connection).await?;
    let epoch = (backed_up.max(known.epoch) + 1).max(now.0.div_euclid(1_000_000));
    query(SET_EPOCH).bind(epoch).execute(&mut *connection).await?;

    let last_known = taken_at.max(known.last_event_at);
    let dark_seconds = now.0.saturating_sub(last_known.0).max(0) / 1_000_000 + 1;
    let rate: i64 = query_scalar(RATE).fetch_one(&mut *connection).await?;
    let handed_out = IDS_MIN.saturating_add(dark_seconds.saturating_mul(rate.max(RATE_MIN)).saturating_mul(WASTE));
    let mut attempt_id = 0;
    for kind in KINDS {
        let next: i64 = query_scalar(GET_BLOCK).bind(kind).fetch_one(&mut *connection).await?;
        let next = next.max(known.blocks.get(kind).copied().unwrap_or(0));
        let step = if kind == "attempt" { handed_out.min((MAX_CONFIG_ID - next).max(0) / SHARE) } else { handed_out };
        query(SET_BLOCK).bind(kind).bind(next + step).execute(&mut *connection).await?;
        if kind == "attempt" {
            attempt_id = next + step;
        }
    }

    match connection {
        Connection::Sqlite(_) => jump_rows(&known, matches!(present, Present::Readable(_)), connection).await?,
        Connection::Postgres(_) => jump_identities(connection).await?,
    }
    Ok((epoch, attempt_id))
}

/// The ids of rows that SQLite counts.
async fn jump_rows(known: &Numbers, is_known: bool, connection: &mut Connection) -> Result<()> {
    let names: Vec<String> = query_scalar("SELECT name FROM sqlite_sequence").fetch_all(&mut *connection).await?;
    for name in names {
        let seq: i64 = query_scalar("SELECT seq FROM sqlite_sequence WHERE name = $1")
            .bind(&name)
            .fetch_one(&mut *connection)
            .await?;
        let hidden = if is_known { 0 } else { hidden_rows(&name) };
        let last = (seq + hidden).max(known.rows.get(&name).copied().unwrap_or(0));
        query(SET_ROW_ID).bind(&name).bind(last).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The ids of rows that PostgreSQL counts. The database that was there is gone: nobody knows how far it was.
async fn jump_identities(connection: &mut Connection) -> Result<()> {
    let tables: Vec<String> = query_scalar(IDENTITIES).fetch_all(&mut *connection).await?;
    for table in tables {
        query(SET_IDENTITY).bind(&table).bind(hidden_rows(&table)).fetch_one(&mut *connection).await?;
    }
    Ok(())
}

/// Rows of a table that may have been made after the backup, at most.
fn hidden_rows(table: &str) -> i64 {
    if table == "contact" { MANY_ROWS } else { ROWS }
}

/// Gives the last event, which was just written, a number behind all that anybody can have read.
pub(super) async fn jump_event(present: &Present, connection: &mut Connection) -> Result<()> {
    let last: i64 = query_scalar("SELECT MAX(seq) FROM event").fetch_one(&mut *connection).await?;
    let next = match present {
        Present::Readable(numbers) => last.max(numbers.last_event + 1),
        _ => last + MANY_ROWS,
    };
    query(SET_EVENT).bind(next).execute(&mut *connection).await?;
    Ok(())
}
