//! `live/runs` and `live/calls`: what is going on.

use super::Asked;
use super::reply::Reply;
use crate::error::ApiError;
use domain::Timestamp;
use node::live::LiveRun;
use serde_json::{Value, json};
use store::{AttemptFilter, AttemptRecord, RunFilter, RunRecord, now};

/// Runs that are over are shown so long, seconds.
const CLOSED_SHOWN_S: i64 = 86_400;
/// Runs of one answer, at most, of those that are open and of those that are over.
const MAX_RUNS: u32 = 200;
/// Calls of one answer, at most.
const MAX_CALLS: u32 = 1_000;

pub(super) async fn runs(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    Ok(Reply::json(json!({ "status": "OK", "result": { "campaigns": asked.run_records().await? } })))
}

pub(super) async fn calls(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let campaigns = asked.run_records().await?;
    let calls: Vec<Value> = asked.open_calls().await?.iter().map(|call| call_record(call, &asked.app.zone)).collect();
    Ok(Reply::json(json!({ "status": "OK", "result": { "campaigns": campaigns, "hopperState": calls } })))
}

impl Asked<'_> {
    /// Open runs and those that ended lately, newest first.
    pub(super) async fn run_records(&self) -> Result<Vec<Value>, ApiError> {
        let (store, scope) = (&self.app.store, &self.caller.scope);
        let open = RunFilter { open: Some(true), limit: MAX_RUNS, ..RunFilter::default() };
        let closed = RunFilter { open: Some(false), ..open.clone() };
        let mut found = store.runs(scope, &open).await?;
        let since = now().plus_seconds(-CLOSED_SHOWN_S);
        found.extend(store.runs(scope, &closed).await?.into_iter().filter(|run| run.ended_at >= Some(since)));
        let live = match &self.app.node {
            Some(node) => node.live().await?.runs,
            None => Vec::new(),
        };
        let record = |run: &RunRecord| run_record(run, live.iter().find(|live| live.id == run.id), &self.app.zone);
        Ok(found.iter().map(record).collect())
    }

    /// Calls in progress, oldest first.
    pub(super) async fn open_calls(&self) -> Result<Vec<AttemptRecord>, ApiError> {
        let filter = AttemptFilter { open: Some(true), limit: MAX_CALLS, ..AttemptFilter::default() };
        Ok(self.app.store.attempts(&self.caller.scope, &filter).await?)
    }
}

/// A run, with its live figures while it is open.
fn run_record(run: &RunRecord, live: Option<&LiveRun>, zone: &str) -> Value {
    let totals = run.totals;
    let open = run.ended_at.is_none();
    let count = |figure: fn(&LiveRun) -> u64, stored: i64| live.map_or(stored.unsigned_abs(), figure);
    let is_running = open && live.is_some();
    json!({
        "campaignId": run.campaign,
        "hoppercampId": run.id,
        "name": run.campaign_name,
        "state": live.map_or(run.state, |live| live.state),
        "isRunning": is_running,
        "priority": live.map(|live| live.priority),
        "startedOn": local(Some(run.started_at), zone),
        "closedOn": local(run.ended_at, zone),
        "n_calls_attempted": count(|live| live.placed, totals.placed),
        "n_calls_completed": count(|live| live.terminated, totals.terminated),
        "n_open_retries": if open { count(|live| live.open_retries + live.put_off, totals.open_retries + totals.put_off) } else { 0 },
        "n_est_remaining_calls": if open { live.map_or(0, |live| live.remaining_estimate) } else { 0 },
        "n_calls_in_hopper": live.map_or(0, |live| live.hopper),
        "n_calls_live": live.map_or(0, |live| live.in_flight),
        "why": live.map_or(run.why.as_str(), |live| live.why.as_str()),
    })
}

/// A call as the live page shows it.
pub(super) fn call_record(call: &AttemptRecord, zone: &str) -> Value {
    json!({
        "wombatId": call.id,
        "campaignRun": call.campaign_name,
        "campaignId": call.campaign,
        "hoppercampId": call.run,
        "number": call.number.as_deref().unwrap_or_default(),
        "agent": call.agent.as_deref().unwrap_or_default(),
        "state": call.state,
        "extState": call.ext_state,
        "retry": call.retry,
        "numberNo": call.number_no,
        "list": call.list_name.as_deref().unwrap_or_default(),
        "trunk": place(call.pbx_name.as_deref(), call.trunk_name.as_deref()),
        "ep": place(call.pbx_name.as_deref(), call.end_point_name.as_deref()),
        "channel": call.channel,
        "astUniqueId": call.channel,
        "originatedOn": local(call.requested_at.or(Some(call.scheduled_at)), zone),
        "connectedOn": local(call.connected_at, zone),
        "closedOn": local(call.ended_at, zone),
    })
}

/// `server/thing`, as reports have it.
pub(super) fn place(server: Option<&str>, thing: Option<&str>) -> String {
    format!("{}/{}", server.unwrap_or_default(), thing.unwrap_or_default())
}

/// `2026-03-29 02:30:00` on the installation's clock; nothing is empty.
pub(super) fn local(at: Option<Timestamp>, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.map(|at| at.in_zone(&zone)).unwrap_or_default()
}
