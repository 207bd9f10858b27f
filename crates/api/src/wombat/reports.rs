//! `reports/...` and `runs/export.jsp`: what was.

use super::calls::local_time;
use super::live::{local, place};
use super::log;
use super::reply::Reply;
use super::{Asked, refuse, shown};
use crate::error::ApiError;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::{AttemptId, RunId, Timestamp};
use serde_json::{Value, json};
use store::{AttemptFilter, AttemptsOf, RunFilter};

/// Runs of one report, at most.
const MAX_RUNS: usize = 1_000;
/// Calls of one page of the log, at most.
const MAX_LOGS: u32 = 1_000;
/// Calls that one search looks through, at most.
const MAX_SEARCHED: usize = 100_000;

/// The runs that were started in a period, by campaign.
pub(super) async fn runs(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let filter = RunFilter {
        from: instant(asked, "from")?,
        to: instant(asked, "to")?,
        limit: MAX_RUNS as u32,
        ..RunFilter::default()
    };
    let mut campaigns: Vec<Value> = Vec::new();
    for run in asked.app.store.runs(&asked.caller.scope, &filter).await? {
        let record = json!({
            "hoppercampId": run.id,
            "startedOn": local(Some(run.started_at), &asked.app.zone),
            "closedOn": local(run.ended_at, &asked.app.zone),
            "state": run.state,
            "nCalls": run.totals.placed,
        });
        match campaigns.iter_mut().find(|campaign| campaign["campaignId"] == run.campaign.0) {
            Some(campaign) => campaign["runs"].as_array_mut().expect("it was made with one").push(record),
            None => campaigns.push(json!({ "campaignId": run.campaign, "name": run.campaign_name, "runs": [record] })),
        }
    }
    Ok(Reply::json(json!({ "status": "OK", "result": { "campaignsAndRuns": campaigns } })))
}

/// What became of the calls of some runs.
pub(super) async fn stats(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let runs = run_ids(asked, "id").await?;
    let report = asked.app.store.report(&asked.caller.scope, &runs).await?;
    let outcome = |share: &store::reports::OutcomeShare| {
        json!({ "gbState": share.state, "gbStateExt": share.ext_state, "nCalls": share.count,
            "percent": share.share * 100.0 })
    };
    let trunk = |share: &store::reports::TrunkShare| {
        json!({ "trunk": place(share.pbx.as_deref(), share.name.as_deref()), "nCalls": share.count,
            "percent": share.share * 100.0 })
    };
    let considered = report.runs.iter().map(|run| json!({ "hoppercampId": run.id, "name": run.campaign_name }));
    Ok(Reply::json(json!({ "status": "OK", "result": {
        "statsOut": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "callsPerTrunk": report.per_trunk.iter().map(trunk).collect::<Vec<_>>(),
        "campaignsToConsider": considered.collect::<Vec<_>>(),
        "nCalls": report.attempts,
        "totalWaitPre": report.wait_pre_s,
        "totalWaitAfter": report.wait_after_s,
        "totalTalk": report.talk_s,
        "totalUsed": report.used_s,
    } })))
}

/// A page of the calls of one run; `from` is a place, or the time since which calls are shown.
pub(super) async fn logs(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let runs = run_ids(asked, "id").await?;
    let run = runs.first().copied();
    let text = asked.parameters.get("from").unwrap_or_default().trim();
    let skip: usize = text.parse().unwrap_or(0);
    let since = if text.is_empty() || text.parse::<usize>().is_ok() { None } else { instant(asked, "from")? };
    let items = asked.parameters.get("items").unwrap_or_default().trim();
    let items: usize = match items {
        "" => MAX_LOGS as usize,
        items => items.parse().map_err(|_| refuse(format!("items {:?} is no whole number", shown(items))))?,
    };
    let (records, all) = match run {
        Some(run) => log_page(asked, AttemptsOf::Run(run), since, skip, items).await?,
        None => (Vec::new(), 0),
    };
    Ok(Reply::json(json!({ "status": "OK", "error": "", "timeMs": 0, "nRecords": records.len(), "results": records,
        "allResults": all, "startFrom": skip })))
}

/// Some of the calls that are over, the oldest first, and how many there are.
pub(super) async fn log_page(
    asked: &Asked<'_>,
    of: AttemptsOf,
    from: Option<Timestamp>,
    skip: usize,
    items: usize,
) -> Result<(Vec<Value>, usize), ApiError> {
    let (store, scope) = (&asked.app.store, &asked.caller.scope);
    let (all, first) = store.ended_attempts(scope, of, from, skip as u64).await?;
    let items = items.min(MAX_LOGS as usize);
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    let Some(first) = first.filter(|_| items > 0) else { return Ok((Vec::new(), all)) };
    let filter = AttemptFilter { from, after: Some(AttemptId(first.0 - 1)), limit: items as u32, ..ended(of) };
    let calls = store.attempts(scope, &filter).await?;
    Ok((log::records(store, scope, &calls, &asked.app.zone).await?.into_iter().map(log::as_json).collect(), all))
}

/// As [`log_page`], of those whose record holds a text: every call is read, [`MAX_SEARCHED`] at most.
pub(super) async fn log_search(
    asked: &Asked<'_>,
    of: AttemptsOf,
    wanted: &(dyn Fn(&Value) -> bool + Sync),
    skip: usize,
    items: usize,
) -> Result<(Vec<Value>, usize), ApiError> {
    let mut filter = AttemptFilter { after: Some(AttemptId(0)), limit: MAX_LOGS, ..ended(of) };
    let (mut records, mut found, mut read) = (Vec::new(), 0_usize, 0_usize);
    loop {
        let page = asked.app.store.attempts(&asked.caller.scope, &filter).await?;
        let Some(last) = page.last() else { return Ok((records, found)) };
        filter.after = Some(last.id);
        read += page.len();
        if read > MAX_SEARCHED {
            return Err(refuse(format!("there are more than {MAX_SEARCHED} calls: name a record with callId")));
        }
        let records_of = log::records(&asked.app.store, &asked.caller.scope, &page, &asked.app.zone).await?;
        for record in records_of.into_iter().map(log::as_json).filter(|record| wanted(record)) {
            if found >= skip && records.len() < items.min(MAX_LOGS as usize) {
                records.push(record);
            }
            found += 1;
        }
    }
}

/// Calls that are over.
fn ended(of: AttemptsOf) -> AttemptFilter {
    let (run, contact, list) = match of {
        AttemptsOf::Run(run) => (Some(run), None, None),
        AttemptsOf::Contact(contact) => (None, Some(contact), None),
        AttemptsOf::List(list) => (None, None, Some(list)),
    };
    AttemptFilter { run, contact, list, open: Some(false), ..AttemptFilter::default() }
}

/// The log of some runs as a file: a column for each field of [`logs`], texts safe for a spreadsheet.
pub(super) async fn export(asked: &Asked<'_>) -> Response {
    let mode = asked.parameters.get("mode").unwrap_or("csv");
    let runs = match run_ids(asked, "runId").await {
        Ok(_) if !mode.eq_ignore_ascii_case("csv") => Err(refuse(format!("mode {:?} is not csv", shown(mode)))),
        runs => runs,
    };
    match runs {
        Ok(runs) => {
            let headers = [
                (header::CONTENT_TYPE, "text/csv;charset=UTF-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\""),
            ];
            let (store, scope) = (asked.app.store.clone(), asked.caller.scope.clone());
            let lines = log::file(store, scope, runs, asked.app.zone.clone());
            (headers, Body::from_stream(lines)).into_response()
        }
        Err(error) => Reply::of(super::door::Half::Control, Err(error)).into_response(),
    }
}

/// Runs by id, divided by commas; every one must be there.
async fn run_ids(asked: &Asked<'_>, name: &str) -> Result<Vec<RunId>, ApiError> {
    let mut runs = Vec::new();
    for text in asked.needs(name)?.split(',').map(str::trim).filter(|text| !text.is_empty()).take(MAX_RUNS) {
        let id = text.parse().ok().filter(|id| *id > 0);
        let id = id.map(RunId).ok_or_else(|| refuse(format!("{name} {:?} is no id of a run", shown(text))))?;
        asked.app.store.run(&asked.caller.scope, id).await?;
        runs.push(id);
    }
    Ok(runs)
}

/// `YYYY-MM-DD.HH:MM:SS` on the installation's clock.
fn instant(asked: &Asked<'_>, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let text = asked.parameters.get(name).unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let at = local_time(text, &asked.app.zone);
    at.map(Some).ok_or_else(|| refuse(format!("{name} {:?} is no time YYYY-MM-DD.HH:MM:SS", shown(text))))
}
