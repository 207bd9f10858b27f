//! The other side of the ratio: the same rows by one bulk transaction into the same tables.

use std::time::Instant;

use anyhow::Result;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use store::{Scope, Settings, Store};

use crate::rows;

/// Rows of a statement.
const ROWS: usize = 25;
/// Values of a row that differ.
const VALUES: usize = 6;

/// Rows a second, the commit included. The rows are made beforehand, thousands at a time, and that time is not counted.
pub(crate) fn rows_per_second(rows: usize) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(insert(rows))
}

async fn insert(rows: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bulk.db");
    let settings = Settings { path: path.clone(), server: None, key_file: folder.path().join("key"), country: None };
    let store = Store::open(&settings).await?;
    let list = store.create_list(&Scope::installation(), "bulk").await?.id.0;
    store.close().await;
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", "-65536");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let sql = statement();
    let mut taken = std::time::Duration::ZERO;
    let began = Instant::now();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    taken += began.elapsed();
    for first in (0..rows).step_by(ROWS) {
        let made: Vec<_> = (first..first + ROWS).map(prepared).collect();
        let began = Instant::now();
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql.as_str())).bind(list);
        for (number_ref, number, key, attributes, row) in made {
            query = query.bind(number_ref).bind(number.clone()).bind(number.clone()).bind(number).bind(key);
            query = query.bind(attributes).bind(row);
        }
        query.execute(&mut *transaction).await?;
        taken += began.elapsed();
    }
    let began = Instant::now();
    transaction.commit().await?;
    taken += began.elapsed();
    Ok(rows as f64 / taken.as_secs_f64())
}

fn prepared(row: usize) -> (i64, String, i64, String, i64) {
    // As spread as a keyed hash: the index is the dear part.
    let key = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let attributes = serde_json::to_string(&rows::attributes(row)).expect("texts are JSON");
    (row as i64 + 1, rows::number(row), key as i64, attributes, row as i64 + 2)
}

fn statement() -> String {
    let head = "INSERT INTO contact (tenant_id, list_id, number_ref, number_as_given, number, e164, number_key, attributes, import_row) VALUES ";
    let row = |row: usize| {
        let first = 2 + row * (VALUES + 1);
        let holders: Vec<String> = (first..=first + VALUES).map(|holder| format!("${holder}")).collect();
        format!("(1, $1, {})", holders.join(", "))
    };
    format!("{head}{}", (0..ROWS).map(row).collect::<Vec<_>>().join(", "))
}
