//! `callinfo`, `recallinfo` and `inspect_dialer`: one call, what waits, and the dialler from inside.

use super::live::{call_record, local};
use super::reply::Reply;
use super::{Asked, unknown_op};
use crate::error::ApiError;
use domain::ContactId;
use serde_json::{Map, Value, json};
use store::{Kind, RunFilter, now};

/// What is due within so many seconds is due soon.
const RETRY_HORIZON_S: i64 = 10;
/// Calls that wait of one answer, at most, and runs that are looked through.
const MAX_WAITING: u32 = 1_000;

/// A call, live or over.
pub(super) async fn call(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let call = asked.app.store.attempt(&asked.caller.scope, asked.wombat_id("id")?).await?;
    let mut record = call_record(&call, &asked.app.zone);
    let outputs: Map<String, Value> =
        call.outputs.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    record["status"] = json!("OK");
    record["isLive"] = json!(call.ended_at.is_none());
    record["outputAttributes"] = Value::Object(outputs);
    record["retryOn"] = json!(local(call.retry_at, &asked.app.zone));
    Ok(Reply::json(record))
}

/// Calls that wait for their time: retries, and those that programs planned.
pub(super) async fn recalls(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let (store, scope) = (&asked.app.store, &asked.caller.scope);
    let open = RunFilter { open: Some(true), limit: MAX_WAITING, ..RunFilter::default() };
    let (mut all, mut soon, mut later) = (Vec::new(), Vec::new(), Vec::new());
    let horizon = now().plus_seconds(RETRY_HORIZON_S);
    for run in store.runs(scope, &open).await? {
        let room = MAX_WAITING.saturating_sub(u32::try_from(all.len()).unwrap_or(MAX_WAITING));
        let waiting = store.waiting_calls(scope, run.id, room).await?;
        let ids: Vec<ContactId> = waiting.iter().map(|call| call.contact).collect();
        let contacts = store.contacts_of(scope, &ids).await?;
        for call in waiting {
            let contact = contacts.iter().find(|contact| contact.id == call.contact);
            let contact = contact.map(|contact| contact.turn(call.number_no));
            let record = json!({
                "hoppercampId": run.id,
                "campaignRun": run.campaign_name,
                "number": contact.map(|contact| contact.number.dialled).unwrap_or_default(),
                "retry": call.retry,
                "numberNo": call.number_no,
                "dueOn": local(Some(call.due_at), &asked.app.zone),
                "inSeconds": call.due_at.ms_since(now()).max(0) / 1_000,
                "putOffBy": call.put_off_by,
            });
            if call.due_at <= horizon { &mut soon } else { &mut later }.push(record.clone());
            all.push(record);
        }
    }
    Ok(Reply::json(json!({ "status": "OK", "reschedule_late_limit_sec": RETRY_HORIZON_S, "reschedules": all,
        "rescheduling_soon": soon, "rescheduling_later": later })))
}

/// The dialler from inside, for those who look for a fault.
pub(super) async fn inspect(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let scope = &asked.caller.scope;
    let live = asked.app.node()?.live().await?;
    let result = match asked.op().to_ascii_uppercase().as_str() {
        "LIVE_CALLS" | "" => {
            let calls = asked.open_calls().await?;
            json!(calls.iter().map(|call| call_record(call, &asked.app.zone)).collect::<Vec<_>>())
        }
        "CAMPAIGN_RUNS" | "RUNS" => {
            json!(live.runs.into_iter().filter(|run| scope.allows(run.campaign)).collect::<Vec<_>>())
        }
        "TRUNKS" => {
            json!(live.trunks.into_iter().filter(|trunk| scope.sees(Kind::Trunk, trunk.id.0)).collect::<Vec<_>>())
        }
        "END_POINTS" | "EPS" => {
            json!(live.end_points.into_iter().filter(|ep| scope.sees(Kind::EndPoint, ep.id.0)).collect::<Vec<_>>())
        }
        other => return Err(unknown_op(other, "LIVE_CALLS, CAMPAIGN_RUNS, TRUNKS, END_POINTS")),
    };
    Ok(Reply::json(json!({ "status": "OK", "result": result })))
}
