//! PostgreSQL: the store's import beside one `COPY` of the same rows.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use store::import::ImportOptions;
use store::{Scope, Server, Settings, Store};
use testkit::postgres::{Database, Postgres};

use crate::options::Options;
use crate::{rounded, rows};

/// Bytes sent at once.
const PIECE: usize = 64 * 1024;

/// Measures both; without PostgreSQL on the machine it says so and goes on.
pub(crate) fn measure(options: &Options, figures: &mut Map<String, Value>) -> Result<()> {
    if !testkit::postgres::is_installed() {
        eprintln!("postgres: not installed, left out");
        return Ok(());
    }
    let cluster = Postgres::start_durable()?;
    let database = Database::on(cluster.socket(), None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (rate, copy) = runtime.block_on(both(&database.url(), options.rows))?;
    eprintln!("postgres, idle: {rate:.0} rows/s; one COPY: {copy:.0} rows/s");
    figures.insert("postgres_rows_per_s".into(), json!(rate.round()));
    figures.insert("copy_rows_per_s".into(), json!(copy.round()));
    figures.insert("copy_ratio".into(), rounded(rate / copy));
    Ok(())
}

async fn both(url: &str, rows: usize) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        path: folder.path().join("carillon.db"),
        server: Some(Server::parse(url, None)?),
        key_file: folder.path().join("key"),
        country: None,
    };
    let store = Store::open(&settings).await?;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "import").await?;
    let mut upload = store.begin_upload().await?;
    for piece in rows::csv(rows).as_bytes().chunks(PIECE) {
        upload.write(piece).await?;
    }
    let job = store.create_import(&scope, list.id, "bench.csv", upload, ImportOptions::default()).await?;
    let began = Instant::now();
    let job = store.run_import(&scope, job.id, |_| ()).await?;
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    ensure!(job.accepted as usize == rows, "{rows} rows were sent: {job:?}");
    let list = store.create_list(&scope, "copy").await?.id.0;
    store.close().await;
    Ok((rate, copy(url, list, rows).await?))
}

/// Rows a second of one `COPY`, the commit included; making the rows is not counted.
async fn copy(url: &str, list: i64, rows: usize) -> Result<f64> {
    let mut connection = PgConnection::connect(url).await?;
    let sql = "COPY contact (tenant_id, list_id, number_ref, number_as_given, number, e164, number_key, attributes, \
        import_row) FROM STDIN";
    let began = Instant::now();
    let mut sink = connection.copy_in_raw(sql).await?;
    let mut taken = began.elapsed();
    let mut text = String::with_capacity(2 * PIECE);
    for row in 0..rows {
        let key = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let (number, attributes) = (rows::number(row), serde_json::to_string(&rows::attributes(row))?);
        text.push_str(&format!(
            "1\t{list}\t{row}\t{number}\t{number}\t{number}\t{}\t{attributes}\t{row}\n",
            key as i64
        ));
        if text.len() >= PIECE || row + 1 == rows {
            taken += send(&mut sink, &mut text).await?;
        }
    }
    let began = Instant::now();
    let copied = sink.finish().await?;
    taken += began.elapsed();
    ensure!(copied as usize == rows, "{copied} rows were copied");
    Ok(rows as f64 / taken.as_secs_f64())
}

async fn send(sink: &mut sqlx::postgres::PgCopyIn<&mut PgConnection>, text: &mut String) -> Result<Duration> {
    let began = Instant::now();
    sink.send(text.as_bytes()).await?;
    text.clear();
    Ok(began.elapsed())
}
