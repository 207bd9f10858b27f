//! Attempts as CSV, a page of the database at a time, so that a long export needs little memory.

use axum::body::Bytes;
use domain::spreadsheet::guarded;
use domain::{AttemptId, Attributes, Invalid, RunId, Timestamp};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;
use store::{AttemptFilter, AttemptRecord, Scope, Store};

/// Attempts read at a time.
const PAGE: u32 = 1_000;

const COLUMNS: usize = 28;
const HEADER: [&str; COLUMNS] = [
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
    "output_attributes",
    "number_no",
];

/// How texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cells {
    /// A text that a spreadsheet would take for a formula gets a `'` in front, as in the verdicts of an import.
    Spreadsheet,
    /// Exactly as they are, for programs: a spreadsheet may run them.
    Raw,
}

impl Cells {
    /// Of a request; spreadsheets when it says nothing.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Invalid> {
        match text.unwrap_or("spreadsheet") {
            "spreadsheet" => Ok(Self::Spreadsheet),
            "raw" => Ok(Self::Raw),
            other => Err(Invalid::new("cells", format!("{other:?} is neither spreadsheet nor raw"))),
        }
    }
}

/// The lines of the file: a line of labels, then a line per attempt, by run and id.
pub(crate) fn attempts(
    store: Store,
    scope: Scope,
    runs: Vec<RunId>,
    cells: Cells,
) -> impl Stream<Item = Result<Bytes, store::Error>> + Send + 'static {
    let labels = lines([HEADER.map(str::to_owned)], cells);
    let rest = pages(store, scope, runs, AttemptFilter::default())
        .map_ok(move |page| lines(page.into_iter().map(cells_of), cells));
    stream::iter([Ok(labels)]).chain(rest)
}

/// The attempts of runs that the filter takes, by run and id.
pub(crate) fn pages(
    store: Store,
    scope: Scope,
    runs: Vec<RunId>,
    filter: AttemptFilter,
) -> impl Stream<Item = Result<Vec<AttemptRecord>, store::Error>> + Send + 'static {
    let runs = VecDeque::from(runs);
    stream::try_unfold((runs, AttemptId(0)), move |(mut runs, mut after)| {
        let (store, scope, filter) = (store.clone(), scope.clone(), filter.clone());
        async move {
            while let Some(run) = runs.front().copied() {
                let filter = AttemptFilter { run: Some(run), after: Some(after), limit: PAGE, ..filter.clone() };
                let page = store.attempts(&scope, &filter).await?;
                match page.last() {
                    Some(last) => after = last.id,
                    None => {
                        runs.pop_front();
                        after = AttemptId(0);
                        continue;
                    }
                }
                return Ok(Some((page, (runs, after))));
            }
            Ok(None)
        }
    })
}

/// Lines of the same length.
pub(crate) fn lines<L: IntoIterator<Item = String>>(all: impl IntoIterator<Item = L>, cells: Cells) -> Bytes {
    let mut lines = csv::Writer::from_writer(Vec::new());
    for texts in all {
        let written = match cells {
            Cells::Spreadsheet => lines.write_record(texts.into_iter().map(|text| guarded(&text).into_owned())),
            Cells::Raw => lines.write_record(texts.into_iter().map(String::into_bytes)),
        };
        written.expect("memory takes every line, and all have the same length");
    }
    lines.into_inner().expect("memory takes every line").into()
}

fn cells_of(a: AttemptRecord) -> [String; COLUMNS] {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let word = |value: Option<serde_json::Value>| {
        value.as_ref().and_then(|value| value.as_str()).map(str::to_owned).unwrap_or_default()
    };
    [
        a.id.to_string(),
        a.run.to_string(),
        a.campaign_name,
        a.list_name.unwrap_or_default(),
        a.contact.to_string(),
        a.number.unwrap_or_default(),
        a.retry.to_string(),
        a.state,
        a.ext_state,
        word(a.fault.map(|fault| serde_json::json!(fault))),
        number(a.cause.map(i64::from)),
        number(a.tech_cause.map(i64::from)),
        word(a.ended_by.map(|by| serde_json::json!(by))),
        a.pbx_name.unwrap_or_default(),
        a.trunk_name.unwrap_or_default(),
        a.end_point_name.unwrap_or_default(),
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
        native_text(&a.outputs),
        a.number_no.to_string(),
    ]
}

/// `NAME:value,NAME:value`, as WombatDialer writes attributes.
pub(crate) fn native_text(attributes: &Attributes) -> String {
    attributes.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::spreadsheet::begins_formula;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_file_reads_back_exactly_or_without_a_formula(cells in proptest::collection::vec("[ \t\r\n=+@,;\"'-]{0,4}\\PC{0,5}", COLUMNS)) {
            let cells: [String; COLUMNS] = cells.try_into().unwrap();
            for as_is in [Cells::Raw, Cells::Spreadsheet] {
                let file = lines([cells.clone()], as_is);
                let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&file[..]);
                let read = reader.records().next().unwrap().unwrap();
                for (read, cell) in read.iter().zip(&cells) {
                    match as_is {
                        Cells::Raw => prop_assert_eq!(read, cell),
                        Cells::Spreadsheet => prop_assert!(!begins_formula(read), "{:?}", read),
                    }
                }
            }
        }
    }
}
