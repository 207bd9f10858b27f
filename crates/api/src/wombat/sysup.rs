//! `sysup`: whether the dialler lives. `WBTUP` in the answer says so, and only then it is there.

use super::reply::Reply;
use crate::App;
use axum::http::StatusCode;
use domain::Timestamp;
use serde_json::json;
use std::time::{Duration, Instant};
use store::{Scope, now};

/// So long database and dialler may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// As Java writes a date: `Mon Sep 29 16:04:00 CEST 2014`.
const JAVA_DATE: &str = "%a %b %d %H:%M:%S %Z %Y";

pub(super) async fn serve(app: &App, room: &str) -> Reply {
    let began = Instant::now();
    let scope = Scope::installation();
    let database = tokio::time::timeout(DEADLINE, app.store.hold(&scope)).await;
    let access_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let turn = async {
        match &app.node {
            Some(node) => node.turn().await.is_ok(),
            None => false,
        }
    };
    let turns = tokio::time::timeout(DEADLINE, turn).await.unwrap_or(false);
    let is_up = matches!(database, Ok(Ok(_))) && turns;
    let (used, most) = memory_mb();
    let mut answer = json!({
        "state": if is_up { "WBTUP" } else { "DOWN" },
        "version": env!("CARGO_PKG_VERSION"),
        "ramMaxMb": most,
        "ramUsedMb": used,
        "dbAccess_us": access_us,
        "generatedOn": java_date(now(), &app.zone),
    });
    if room == "sysup/jmx" {
        answer["uptimeMs"] = json!(app.wombat.uptime_ms());
        answer["runtime"] = json!("carillon: no Java");
        answer["processors"] = json!(std::thread::available_parallelism().map_or(0, usize::from));
    }
    Reply::Json(if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, answer)
}

fn java_date(at: Timestamp, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.to_jiff().to_zoned(zone).strftime(JAVA_DATE).to_string()
}

/// Memory of this process and of the machine, 0 where the system does not say.
fn memory_mb() -> (u64, u64) {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1_024
    };
    (field("/proc/self/status", "VmRSS:"), field("/proc/meminfo", "MemTotal:"))
}
