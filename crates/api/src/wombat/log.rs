//! A call that is over, as WombatDialer's log has it: for its pages of the log, and for the file of a run.

use super::live::{local, place};
use crate::export::{Cells, lines, native_text, pages};
use axum::body::Bytes;
use domain::{ContactId, RunId};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::{AttemptFilter, AttemptRecord, Scope, Store};

/// Fields of a record, in the order of the columns of a file.
const FIELDS: [&str; 20] = [
    "id",
    "callId",
    "campaign",
    "hoppercampId",
    "runStarted",
    "numberDialed",
    "list",
    "attempted",
    "waitPre",
    "waitAfter",
    "talk",
    "statusCode",
    "statusExt",
    "retry",
    "nextRetry",
    "trunk",
    "ep",
    "attributes",
    "astChannel",
    "astUnique",
];

/// What stands under [`FIELDS`].
pub(super) type Record = [Value; FIELDS.len()];

/// The records of calls, in their order.
pub(super) async fn records(
    store: &Store,
    scope: &Scope,
    calls: &[AttemptRecord],
    zone: &str,
) -> Result<Vec<Record>, store::Error> {
    let mut started = BTreeMap::new();
    for run in calls.iter().map(|call| call.run) {
        if let std::collections::btree_map::Entry::Vacant(place) = started.entry(run) {
            place.insert(local(Some(store.run(scope, run).await?.started_at), zone));
        }
    }
    let mut ids: Vec<ContactId> = calls.iter().map(|call| call.contact).collect();
    ids.sort_unstable();
    ids.dedup();
    let contacts = store.contacts_of(scope, &ids).await?;
    let given: BTreeMap<ContactId, String> =
        contacts.iter().map(|contact| (contact.id, native_text(&contact.attributes))).collect();
    let record = |call: &AttemptRecord| {
        let told = call.outputs.iter().map(|(name, value)| format!(">{name}:{value}"));
        let given = given.get(&call.contact).filter(|text| !text.is_empty()).cloned();
        let attributes = given.into_iter().chain(told).collect::<Vec<_>>().join(",");
        [
            json!(call.id),
            json!(call.contact),
            json!(call.campaign_name),
            json!(call.run),
            json!(started[&call.run]),
            json!(call.number.as_deref().unwrap_or_default()),
            json!(call.list_name.as_deref().unwrap_or_default()),
            json!(local(Some(call.scheduled_at), zone)),
            json!(call.wait_pre_ms.unwrap_or(0)),
            json!(call.wait_after_ms.unwrap_or(0)),
            json!(call.talk_ms.unwrap_or(0)),
            json!(call.state),
            json!(call.ext_state),
            json!(call.retry),
            json!(call.retry_in_s()),
            json!(place(call.pbx_name.as_deref(), call.trunk_name.as_deref())),
            json!(place(call.pbx_name.as_deref(), call.end_point_name.as_deref())),
            json!(attributes),
            json!(call.channel),
            json!(call.channel),
        ]
    };
    Ok(calls.iter().map(record).collect())
}

pub(super) fn as_json(record: Record) -> Value {
    Value::Object(FIELDS.into_iter().map(str::to_owned).zip(record).collect::<Map<_, _>>())
}

/// The file of some runs: a line of labels, then a line per call that is over.
pub(super) fn file(
    store: Store,
    scope: Scope,
    runs: Vec<RunId>,
    zone: String,
) -> impl Stream<Item = Result<Bytes, store::Error>> + Send + 'static {
    let labels = lines([FIELDS.map(str::to_owned)], Cells::Spreadsheet);
    let over = AttemptFilter { open: Some(false), ..AttemptFilter::default() };
    let rest = pages(store.clone(), scope.clone(), runs, over).and_then(move |page| {
        let (store, scope, zone) = (store.clone(), scope.clone(), zone.clone());
        async move {
            let records = records(&store, &scope, &page, &zone).await?;
            Ok(lines(records.into_iter().map(|record| record.map(text)), Cells::Spreadsheet))
        }
    });
    stream::iter([Ok(labels)]).chain(rest)
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}
