//! `callinfo`, `recallinfo` and `inspect_dialer`: one call, what waits, and the dialler from inside.

use super::live::{call_record, local};
use super::reply::Reply;
use super::{Asked, unknown_op};
use crate::error::ApiError;
use domain::ContactId;
use node::live::{LiveEndPoint, LiveQueue};
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

/// An end point with its figures, and beside them those of WombatDialer's status panel. `shown` is its line there.
fn end_point_record(ep: &LiveEndPoint) -> Value {
    let mut record = json!(ep);
    let used = ep.in_use;
    let shown = match &ep.queue {
        None => format!("Free: {} of {}", ep.capacity.saturating_sub(used), ep.capacity),
        Some(queue) if !queue.observed => format!("Free: 0 of 0 U:{used}"),
        Some(queue) => {
            let LiveQueue { logged_on, free, wanted, callers, over_dialled, .. } = queue;
            record["idle"] = json!(free);
            record["overDialing"] = json!(over_dialled);
            record["waiting"] = json!(callers);
            record["blocked"] = json!(if queue.blocked_by_waiting { "BK:W" } else { "" });
            let blocked = if queue.blocked_by_waiting { " BK:W" } else { "" };
            format!("Free: {wanted} of {logged_on} Idle:{free} O/D:{over_dialled} W:{callers} U:{used}{blocked}")
        }
    };
    record["used"] = json!(used);
    record["shown"] = json!(shown);
    record
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
            let seen = live.end_points.into_iter().filter(|ep| scope.sees(Kind::EndPoint, ep.id.0));
            json!(seen.map(|ep| end_point_record(&ep)).collect::<Vec<_>>())
        }
        other => return Err(unknown_op(other, "LIVE_CALLS, CAMPAIGN_RUNS, TRUNKS, END_POINTS")),
    };
    Ok(Reply::json(json!({ "status": "OK", "result": result })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::EndPointId;

    /// The sample of WombatDialer's manual: seven agents, room for four calls, two who wait.
    #[test]
    fn an_end_point_is_shown_in_the_words_of_the_status_panel() {
        let queue = LiveQueue {
            name: "400".into(),
            observed: true,
            why: String::new(),
            logged_on: 7,
            paused: 1,
            free: 6,
            waiting: 1,
            callers: 2,
            agents: 5,
            on_the_way: 6,
            over_dialled: 1,
            wanted: 4,
            boost: 2.0,
            blocked_by_waiting: false,
            missed: 0,
        };
        let shown = |capacity, in_use, queue| {
            let name = "friends".to_owned();
            end_point_record(&LiveEndPoint { id: EndPointId(1), name, capacity, in_use, queue })
        };
        let record = shown(10, 6, Some(queue.clone()));
        assert_eq!(record["shown"], "Free: 4 of 7 Idle:6 O/D:1 W:2 U:6");
        let figures = ["idle", "overDialing", "waiting", "used", "blocked"].map(|field| record[field].clone());
        assert_eq!(figures, [json!(6), json!(1), json!(2), json!(6), json!("")]);
        assert_eq!((&record["id"], &record["queue"]["name"]), (&json!(1), &json!("400")), "ours stay");
        let blocked = LiveQueue { blocked_by_waiting: true, wanted: 0, ..queue.clone() };
        assert_eq!(shown(10, 6, Some(blocked))["shown"], "Free: 0 of 7 Idle:6 O/D:1 W:2 U:6 BK:W");
        let unseen = LiveQueue { observed: false, ..queue };
        assert_eq!(shown(10, 2, Some(unseen))["shown"], "Free: 0 of 0 U:2");
        assert_eq!(shown(10, 3, None)["shown"], "Free: 7 of 10");
    }
}
