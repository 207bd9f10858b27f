//! Who was told of an attempt's events, in sentences.

use crate::output::cell;
use serde_json::Value;

/// Tries that came to an end: when, and what is said of them.
pub(super) fn tries(notifications: &Value) -> Vec<(Value, String)> {
    let mut said = Vec::new();
    for notification in notifications.as_array().into_iter().flatten() {
        let (webhook, kind) = (cell(notification, "webhook_name"), cell(notification, "kind"));
        for one in notification["tries"].as_array().into_iter().flatten() {
            let took = format!("after {} ms", cell(one, "took_ms"));
            let again = one["number"].as_u64().filter(|number| *number > 1);
            let again = again.map(|number| format!(", try {number}")).unwrap_or_default();
            let sentence = match one["status"].as_u64() {
                Some(status) => format!("webhook {webhook} took {kind}: {status} {took}{again}"),
                None => format!("webhook {webhook} did not take {kind}: {} {took}{again}", cell(one, "error")),
            };
            said.push((one["at"].clone(), sentence));
        }
    }
    said
}

/// What is still to come and what will not; `time` shows an instant. Events of which the same is to say stand together.
pub(super) fn outstanding(notifications: &Value, time: impl Fn(&Value) -> Option<String>) -> Vec<String> {
    let mut groups: Vec<(String, String, Vec<String>)> = Vec::new();
    for notification in notifications.as_array().into_iter().flatten() {
        let webhook = cell(notification, "webhook_name");
        let why = notification["why"].as_str().filter(|why| !why.is_empty());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let (before, behind) = match notification["delivery"].as_str() {
            Some("waiting") => {
                let due = time(&notification["due_at"]).map(|at| format!(", next try at {at}")).unwrap_or_default();
                (format!("webhook {webhook} is still to be told of"), format!("{why}{due}"))
            }
            Some("dead") => (format!("webhook {webhook} was given up for"), why),
            Some("unknown") => (format!("it is not known whether webhook {webhook} was told of"), String::new()),
            _ => continue,
        };
        let kind = cell(notification, "kind");
        match groups.iter_mut().find(|(b, e, _)| (b, e) == (&before, &behind)) {
            Some((.., kinds)) => kinds.push(kind),
            None => groups.push((before, behind, vec![kind])),
        }
    }
    groups.into_iter().map(|(before, behind, kinds)| format!("{before} {}{behind}", kinds.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tries_have_their_time_and_what_waits_stands_together() {
        let notifications = json!([
            {"webhook_name": "crm", "kind": "leg.ended", "delivery": "taken", "why": "", "tries": [
                {"at": "2026-11-21T09:26:55Z", "number": 1, "took_ms": 9, "status": null, "error": "answered 503"},
                {"at": "2026-11-21T09:26:56Z", "number": 2, "took_ms": 3, "status": 204, "error": ""}]},
            {"webhook_name": "bi", "kind": "leg.ended", "delivery": "waiting", "due_at": "x", "why": "answered 500", "tries": []},
            {"webhook_name": "bi", "kind": "attempt.ended", "delivery": "waiting", "due_at": "x", "why": "answered 500",
                "tries": []},
            {"webhook_name": "old", "kind": "attempt.ended", "delivery": "dead", "why": "answered 400", "tries": []},
            {"webhook_name": "older", "kind": "attempt.ended", "delivery": "unknown", "why": "", "tries": []},
        ]);
        let said: Vec<String> = tries(&notifications).into_iter().map(|(_, sentence)| sentence).collect();
        let wanted = [
            "webhook crm did not take leg.ended: answered 503 after 9 ms",
            "webhook crm took leg.ended: 204 after 3 ms, try 2",
        ];
        assert_eq!(said, wanted);
        let outstanding = outstanding(&notifications, |at| at.as_str().map(str::to_owned));
        let wanted = [
            "webhook bi is still to be told of leg.ended, attempt.ended: answered 500, next try at x",
            "webhook old was given up for attempt.ended: answered 400",
            "it is not known whether webhook older was told of attempt.ended",
        ];
        assert_eq!(outstanding, wanted);
    }
}
