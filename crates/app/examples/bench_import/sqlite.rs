//! SQLite without calls: the server's import beside one bulk transaction.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use testkit::process::memory;
use testkit::{PortBlock, process};

use crate::options::Options;
use crate::server::{Server, id_of};
use crate::{bulk, rounded, rows};

/// A million rows on a slow disk.
const DEADLINE: Duration = Duration::from_secs(600);

/// Measures both.
pub(crate) fn measure(options: &Options, figures: &mut Map<String, Value>) -> Result<()> {
    let ports = PortBlock::lease()?;
    let server = Server::start(&options.carillon, ports.api)?;
    let before = memory(server.pid(), "VmRSS")? as f64 / 1e6;
    let rate = import(&server, "idle", options.rows)?;
    let most = memory(server.pid(), "VmHWM")? as f64 / 1e6;
    server.stop();
    eprintln!("sqlite, idle: {rate:.0} rows/s, at most {most:.0} MB resident ({before:.0} before)");
    let bulk = bulk::rows_per_second(options.rows)?;
    eprintln!("sqlite, one bulk transaction: {bulk:.0} rows/s");
    figures.insert("rows_per_s".into(), json!(rate.round()));
    figures.insert("bulk_rows_per_s".into(), json!(bulk.round()));
    figures.insert("ratio".into(), rounded(rate / bulk));
    figures.insert("rss_mb".into(), json!(most.round()));
    Ok(())
}

/// Uploads a list of that name and returns how many rows a second came in, counted from the end of the upload.
pub(crate) fn import(server: &Server, name: &str, rows: usize) -> Result<f64> {
    let list = server.create("lists", &json!({ "name": name }))?;
    let path = format!("/api/lists/{list}/imports?file_name=bench.csv");
    let api = server.api.clone().timeout(DEADLINE);
    let answer = api.send("POST", &path, "text/csv", rows::csv(rows).as_bytes())?;
    ensure!(answer.status == 202, "import: {} {}", answer.status, answer.json());
    let began = Instant::now();
    let job = id_of(&answer.json())?;
    let done = process::until(DEADLINE, || {
        let job = server.api.expect("GET", &format!("/api/imports/{job}"), None)?;
        match job["state"].as_str() {
            Some("done") => Ok(Some(job)),
            Some("failed" | "cancelled") => bail!("the import ended: {job}"),
            _ => {
                // Asking is work for the server, too.
                std::thread::sleep(Duration::from_millis(90));
                Ok(None)
            }
        }
    })?;
    let job = done.context("the import did not end in time")?;
    ensure!(job["accepted"] == rows, "{rows} rows were sent: {job}");
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}
