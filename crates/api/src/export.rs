//! Attempts as CSV, a page of the database at a time, so that a long export needs little memory.

use axum::body::Bytes;
use domain::{AttemptId, RunId, Timestamp};
use futures_util::{Stream, stream};
use std::collections::VecDeque;
use store::{AttemptFilter, AttemptRecord, Scope, Store};

/// Attempts read at a time.
const PAGE: u32 = 1_000;

const HEADER: [&str; 26] = [
    "attempt",
    "run",
    "campaign",
    "list",
    "contact",
    "number",
    "retry",
    "state",
    "ext_state",
    "fault",
    "cause",
    "tech_cause",
    "ended_by",
    "pbx",
    "trunk",
    "end_point",
    "channel",
    "scheduled_at",
    "requested_at",
    "connected_at",
    "ended_at",
    "wait_pre_ms",
    "wait_after_ms",
    "talk_ms",
    "retry_rule",
    "retry_at",
];

/// Where the export stands.
struct Cursor {
    store: Store,
    scope: Scope,
    runs: VecDeque<RunId>,
    after: AttemptId,
    started: bool,
}

/// The lines of the file: a line of labels, then a line per attempt, by run and id.
pub(crate) fn attempts(
    store: Store,
    scope: Scope,
    runs: Vec<RunId>,
) -> impl Stream<Item = Result<Bytes, store::Error>> + Send + 'static {
    let cursor = Cursor { store, scope, runs: runs.into(), after: AttemptId(0), started: false };
    stream::try_unfold(cursor, |mut cursor| async move {
        let mut lines = csv::Writer::from_writer(Vec::new());
        if !cursor.started {
            cursor.started = true;
            write(&mut lines, HEADER.map(str::to_owned));
            return Ok(Some((finish(lines), cursor)));
        }
        while let Some(run) = cursor.runs.front().copied() {
            let filter =
                AttemptFilter { run: Some(run), after: Some(cursor.after), limit: PAGE, ..AttemptFilter::default() };
            let page = cursor.store.attempts(&cursor.scope, &filter).await?;
            match page.last() {
                Some(last) => cursor.after = last.id,
                None => {
                    cursor.runs.pop_front();
                    cursor.after = AttemptId(0);
                    continue;
                }
            }
            page.into_iter().for_each(|attempt| write(&mut lines, cells(attempt)));
            return Ok(Some((finish(lines), cursor)));
        }
        Ok(None)
    })
}

fn write(lines: &mut csv::Writer<Vec<u8>>, cells: [String; 26]) {
    lines.write_record(cells).expect("memory takes every line, and all have the same length");
}

fn finish(lines: csv::Writer<Vec<u8>>) -> Bytes {
    lines.into_inner().expect("memory takes every line").into()
}

fn cells(a: AttemptRecord) -> [String; 26] {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let word = |value: Option<serde_json::Value>| {
        value.as_ref().and_then(|value| value.as_str()).map(str::to_owned).unwrap_or_default()
    };
    [
        a.id.to_string(),
        a.run.to_string(),
        guarded(a.campaign_name),
        guarded(a.list_name.unwrap_or_default()),
        a.contact.to_string(),
        guarded(a.number.unwrap_or_default()),
        a.retry.to_string(),
        a.state,
        guarded(a.ext_state),
        word(a.fault.map(|fault| serde_json::json!(fault))),
        number(a.cause.map(i64::from)),
        number(a.tech_cause.map(i64::from)),
        word(a.ended_by.map(|by| serde_json::json!(by))),
        guarded(a.pbx_name.unwrap_or_default()),
        guarded(a.trunk_name.unwrap_or_default()),
        guarded(a.end_point_name.unwrap_or_default()),
        a.channel,
        at(Some(a.scheduled_at)),
        at(a.requested_at),
        at(a.connected_at),
        at(a.ended_at),
        number(a.wait_pre_ms),
        number(a.wait_after_ms),
        number(a.talk_ms),
        number(a.retry_rule.map(|rule| rule.0)),
        at(a.retry_at),
    ]
}

/// A cell that a spreadsheet would take for a formula gets a `'` in front, as in the verdicts of an import.
fn guarded(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn no_cell_begins_a_formula() {
        for (cell, shown) in [("=1+1", "'=1+1"), ("+39066982", "'+39066982"), ("@x", "'@x"), ("100", "100"), ("", "")] {
            assert_eq!(guarded(cell.into()), shown);
        }
    }
}
