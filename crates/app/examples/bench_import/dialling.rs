//! SQLite while 50 calls a second are made: what the import still does, and how long the journal waits.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use testkit::sipp::Callee;
use testkit::{Instance, PortBlock, Template, process};

use crate::commits::Commits;
use crate::options::Options;
use crate::server::{Server, id_of};
use crate::{rounded, rows, sqlite};

/// Calls a second of the rule.
const RATE: usize = 50;
/// How long SIPp stays in a call.
const TALK: Duration = Duration::from_secs(2);
/// Room for every call.
const CAPACITY: u32 = 1_000;
/// Before the import begins, the run has to be in its stride.
const SETTLE: Duration = Duration::from_secs(5);
/// Longest time for a million rows at a quarter of the rule.
const LONGEST: usize = 400;
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures it.
pub(crate) fn measure(options: &Options, figures: &mut Map<String, Value>) -> Result<()> {
    let ports = PortBlock::lease_wide()?;
    let pbx = Instance::start(Template::Pbx, &ports)?;
    let _callee = Callee::start(&ports, TALK)?;
    let server = Server::start(&options.carillon, ports.api)?;
    let run = dial(&server, &pbx, options)?;
    thread::sleep(SETTLE);
    let (before, commits, began) = (placed(&server, run)?, Commits::read(&server.metrics()?)?, Instant::now());
    let rate = sqlite::import(&server, "while dialling", options.rows)?;
    let window = began.elapsed();
    let commits = Commits::read(&server.metrics()?)?.since(&commits);
    let calls = (placed(&server, run)? - before) as f64 / window.as_secs_f64();
    let p99 = commits.quantile_ms(0.99).context("nothing was committed")?;
    server.api.expect("POST", &format!("/api/runs/{run}/remove"), None)?;
    eprintln!(
        "sqlite, dialling {calls:.1}/s: {rate:.0} rows/s, {:.0} commits/s, p50 {:.1} ms, p99 {p99:.1} ms, {}",
        commits.per_second(window),
        commits.quantile_ms(0.5).unwrap_or(0.0),
        pbx.version()
    );
    // The generated file was uploaded in the window too: the run dialled on through both.
    ensure!(calls >= 0.9 * RATE as f64, "only {calls:.1} calls a second were made");
    figures.insert("dialling_rows_per_s".into(), json!(rate.round()));
    figures.insert("dialling_calls_per_s".into(), rounded(calls));
    figures.insert("dialling_commit_p99_ms".into(), rounded(p99));
    server.stop();
    Ok(())
}

/// A run that dials at the rate for as long as the import may take.
fn dial(server: &Server, pbx: &Instance, options: &Options) -> Result<i64> {
    let (trunk, end_point) = server.furnish(pbx, "bench-import", CAPACITY, RATE)?;
    let people = RATE * (LONGEST * options.rows / 1_000_000).max(120);
    let list = server.create("lists", &json!({ "name": "people" }))?;
    server.import(list, &rows::csv(people), people)?;
    let campaign = json!({ "name": "people", "trunks": [trunk], "end_points": [end_point], "lists": [list],
        "packs": ["unrestricted"] });
    let campaign = server.create("campaigns", &campaign)?;
    let run = id_of(&server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)?;
    let begun = process::until(PATIENCE, || Ok((placed(server, run)? > 0).then_some(())))?;
    begun.with_context(|| format!("nothing is dialled\n{}", server.log_tail()))?;
    Ok(run)
}

fn placed(server: &Server, run: i64) -> Result<i64> {
    let record = server.api.expect("GET", &format!("/api/runs/{run}"), None)?;
    record["totals"]["placed"].as_i64().with_context(|| format!("no figure in {record}"))
}
