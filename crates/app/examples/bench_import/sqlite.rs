//! SQLite without calls: the server's import beside one bulk transaction.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
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
    let before = memory_mb(server.pid(), "VmRSS")?;
    let rate = import(&server, "idle", options.rows)?;
    let most = memory_mb(server.pid(), "VmHWM")?;
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

/// Of a process, megabytes of 10^6 bytes: `VmRSS` now, `VmHWM` at most.
pub(crate) fn memory_mb(pid: u32, what: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kilobytes: f64 = line.context("no such line")?.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1_024.0 / 1e6)
}
