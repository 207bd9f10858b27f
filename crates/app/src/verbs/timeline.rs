//! An attempt's timeline in sentences: every decision and fact on the way, with our time and Asterisk's own.

use super::told;
use crate::output::{cell, show as words};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Spaces under which the further lines of an event stand.
const INDENT: &str = "              ";

/// The timeline, one event after the other and between them who was told of which; `attempt` gives the names of trunk and
/// end point.
pub(crate) fn timeline(attempt: &Value, timeline: &Value) -> String {
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    let mut latest = Timestamp::MIN;
    for event in timeline["items"].as_array().into_iter().flatten() {
        let pbx = time(&event["pbx_at"]).map(|at| format!("   (Asterisk: {at})")).unwrap_or_default();
        let at = time(&event["at"]).unwrap_or_default();
        // Events stay in their order, whatever their times are.
        latest = instant(&event["at"]).unwrap_or(latest).max(latest);
        for (place, sentence) in sentences(attempt, event).into_iter().enumerate() {
            let line = match place {
                0 => format!("{at}  {sentence}{pbx}"),
                _ => format!("{INDENT}{sentence}"),
            };
            lines.push((latest, line));
        }
    }
    for (at, sentence) in told::tries(&timeline["notifications"]) {
        let line = format!("{}  {sentence}", time(&at).unwrap_or_default());
        lines.push((instant(&at).unwrap_or(latest), line));
    }
    lines.sort_by_key(|(at, _)| *at);
    let outstanding = told::outstanding(&timeline["notifications"], time);
    let outstanding = outstanding.into_iter().map(|sentence| format!("{INDENT}{sentence}"));
    lines.into_iter().map(|(_, line)| line).chain(outstanding).collect::<Vec<_>>().join("\n")
}

/// Asterisk writes its offset without a colon.
fn instant(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    text.parse().or_else(|_| jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)?.to_timestamp()).ok()
}

/// `12:34:56.789` in the zone of this machine.
fn time(value: &Value) -> Option<String> {
    Some(instant(value)?.to_zoned(TimeZone::system()).strftime("%H:%M:%S.%3f").to_string())
}

/// What the event says. A kind that this program does not know is shown as it is.
fn sentences(attempt: &Value, event: &Value) -> Vec<String> {
    let data = &event["data"];
    match event["kind"].as_str().unwrap_or_default() {
        "attempt.scheduled" => scheduled(attempt, data),
        "attempt.withdrawn" => vec![format!("taken back, it was never sent: {}", cell(data, "why"))],
        "attempt.ended" => ended(data),
        "attempt.attribute_set" => vec![format!("output attribute {} set", cell(data, "name"))],
        "attempt.attributes_cleared" => vec!["output attributes taken away".to_owned()],
        "attempt.action_done" => vec![format!("{}: {}", asked(data), cell(data, "said"))],
        "attempt.action_failed" => vec![
            format!("{} failed at try {}: {}", asked(data), cell(data, "tries"), cell(data, "why")),
            format!("carillon action retry {} tries it again", cell(data, "action")),
        ],
        "attempt.status_set" => vec![format!("extended status set to {}", cell(data, "status"))],
        "leg.requested" => vec!["request handed to the PBX".to_owned()],
        "leg.created" => vec!["the PBX made the channel".to_owned()],
        "leg.progress_seen" => vec!["early media".to_owned()],
        "leg.ringing_seen" => vec!["ringing".to_owned()],
        "leg.answered" => vec!["answered".to_owned()],
        "leg.adopted" => vec!["found on the PBX and adopted".to_owned()],
        "leg.became_uncertain" => vec![format!("nobody knows what became of it: {}", cell(data, "why"))],
        "leg.refused" => vec![format!("the PBX refused: {} {}", cell(data, "status"), cell(data, "message"))],
        "leg.hang_up_requested" => vec![format!("hang-up asked for by {}", by(&cell(data, "by")))],
        "leg.ended" => leg_ended(data),
        "queue.entered" => vec![format!("waits in queue {}", cell(data, "queue"))],
        "queue.given_up" => vec![format!("left queue {} without an agent", cell(data, "queue"))],
        "agent.connected" => {
            let after = data["waited_ms"].as_u64().map_or_else(String::new, |ms| format!(", {ms} ms after the answer"));
            vec![format!("agent {} took the call{after}{}", cell(data, "agent"), counted(data))]
        }
        "call.harbour_requested" => vec!["no agent in time: the PBX is asked to play the recorded message".to_owned()],
        "call.harbour_reached" => vec!["brought to the recorded message".to_owned()],
        "call.harbour_missed" => {
            vec![format!("not brought to the recorded message: {}{}", cell(data, "why"), counted(data))]
        }
        "call.abandoned" => vec![format!("no agent was there in time{}", counted(data))],
        other => vec![format!("{other} {data}")],
    }
}

/// The row of the abandonment ledger that was written with an event.
fn counted(data: &Value) -> String {
    match &data["counted"] {
        Value::Null => String::new(),
        row => format!(": counted as {}, {}", cell(row, "count"), cell(row, "why").replace('_', " ")),
    }
}

fn scheduled(attempt: &Value, data: &Value) -> Vec<String> {
    let receipt = &data["receipt"];
    let (retry, put_off) = (&receipt["picked"]["retry_due"], &receipt["picked"]["put_off_over"]);
    let picked = if let Some(due) = time(&retry["due_at"]) {
        format!("picked: retry {} was due at {due}", cell(data, "retry"))
    } else if let Some(due) = time(&put_off["due_at"]) {
        format!("picked: {} had put it off until {due}, retry {}", cell(put_off, "by"), cell(data, "retry"))
    } else if let Some(since) = time(&receipt["picked"]["next_number"]["due_at"]) {
        format!("picked: a number of the contact was called in vain at {since}, and this is its next one")
    } else {
        format!("picked: the next contact in list order, retry {}", cell(data, "retry"))
    };
    let rules: Vec<String> = receipt["rules"].as_array().into_iter().flatten().map(words).collect();
    let hours = time(&receipt["hours_until"]).map_or_else(|| "do not close".to_owned(), |at| format!("close at {at}"));
    let probe = if receipt["probe"] == true { ", probes a resting trunk" } else { "" };
    let caller_id = match receipt["caller_id"].as_str() {
        Some("campaign") => "; caller id: the campaign's",
        Some(_) => "; caller id: the PBX's own",
        None => "",
    };
    let pacing = receipt["run_in_progress"].as_u64().map(|calls| {
        format!(
            "pacing: {calls} calls of the run in progress, {} contacts in memory, priority {}",
            cell(receipt, "run_in_memory"),
            cell(receipt, "priority"),
        )
    });
    let queue = receipt["queue"].as_object().map(|_| {
        let queue = &receipt["queue"];
        let boost = queue["boost_permille"].as_f64().unwrap_or_default() / 1_000.0;
        let pace = &queue["pace"];
        if !pace.is_null() {
            return format!(
                "agents: {} free of the campaign, {} calls for them before this one, {} of {} live answers abandoned",
                cell(pace, "free"),
                cell(pace, "open"),
                cell(pace, "abandoned"),
                pace["abandoned"].as_u64().unwrap_or_default() + pace["persons"].as_u64().unwrap_or_default(),
            );
        }
        format!(
            "agents: {} free, {} callers waiting, {} to reckon with at boost {boost}, {} calls on the way",
            cell(queue, "free"),
            cell(queue, "waiting"),
            cell(queue, "agents"),
            cell(queue, "on_the_way"),
        )
    });
    let mut lines = vec![picked];
    let number = &receipt["number"];
    lines.extend(number["of"].as_u64().map(|of| format!("{} of {of} that the contact has", number_no(number))));
    lines.extend(left_out(number));
    lines.extend(about_contact(&receipt["contact"]));
    lines.extend(pacing);
    lines.extend(queue);
    lines.extend([
        format!("allowed by: {}", rules.join(", ")),
        format!(
            "through trunk {} ({} of {} in use{probe}) to end point {} ({} of {}); the hours {hours}{caller_id}",
            cell(attempt, "trunk_name"),
            cell(receipt, "trunk_in_use"),
            cell(receipt, "trunk_capacity"),
            cell(attempt, "end_point_name"),
            cell(receipt, "end_point_in_use"),
            cell(receipt, "end_point_capacity"),
        ),
        format!("written to disk as channel {}", cell(data, "channel")),
    ]);
    lines
}

/// With what the rules about the contact were asked: packs, the callee's clock, what was used of each cap.
fn about_contact(receipt: &Value) -> Vec<String> {
    let each = |name: &str, line: fn(&Value) -> String| -> Vec<String> {
        receipt[name].as_array().into_iter().flatten().map(line).collect()
    };
    let mut said = Vec::new();
    let packs = each("packs", |pack| format!("{} {}", cell(pack, "name"), cell(pack, "version")).trim().to_owned());
    said.extend((!packs.is_empty()).then(|| format!("rules of {}", packs.join(", "))));
    let clocks = each("clocks", |clock| format!("{} in {}", cell(clock, "showed"), cell(clock, "zone")));
    said.extend((!clocks.is_empty()).then(|| {
        let closes = time(&receipt["window_closes_at"]).map(|at| format!("; the window closes at {at}"));
        format!("the callee's clock: {}{}", clocks.join(", "), closes.unwrap_or_default())
    }));
    let caps = each("caps", |cap| {
        let (used, allowed) = (cell(cap, "used"), cell(cap, "allowed"));
        format!("{used} of {allowed} attempts in {} h per {}", cell(cap, "hours"), cell(cap, "by"))
    });
    said.extend((!caps.is_empty()).then(|| format!("used before this one: {}", caps.join(", "))));
    said.extend(receipt["last_conversation_at"].as_str().map(|at| format!("last conversation {at}")));
    said.extend(receipt["last_abandoned_at"].as_str().map(|at| format!("last abandoned call {at}")));
    said.extend(receipt["last_machine_at"].as_str().map(|at| format!("last machine {at}")));
    said.extend(receipt["consent_at"].as_str().map(|at| format!("consent since {at}")));
    said
}

fn leg_ended(data: &Value) -> Vec<String> {
    let sip = data["tech_cause"].as_u64().map(|code| format!(", SIP {code}")).unwrap_or_default();
    let spans: Vec<String> = data["segments"].as_array().into_iter().flatten().filter_map(segment).collect();
    let mut lines = vec![format!("ended by {}: cause {}{sip}", by(&cell(data, "ended_by")), cell(data, "cause"))];
    lines.extend((!spans.is_empty()).then(|| spans.join(", ")));
    lines
}

fn segment(segment: &Value) -> Option<String> {
    let instant = |name: &str| segment[name].as_str()?.parse::<jiff::Timestamp>().ok();
    let ms = instant("to")?.as_millisecond() - instant("from")?.as_millisecond();
    Some(format!("{} {ms} ms", cell(segment, "kind")))
}

fn ended(data: &Value) -> Vec<String> {
    let ext = data["ext_state"].as_str().filter(|ext| !ext.is_empty());
    let state = ext.map_or_else(|| cell(data, "state"), |ext| format!("{}:{ext}", cell(data, "state")));
    let fault = match data["fault"].as_str() {
        None | Some("none") => String::new(),
        Some(fault) => format!(" (fault: {fault})"),
    };
    let next = match data["retry"]["at"].as_str() {
        Some(at) => format!(
            "rule {}: again in {} s, not before {}",
            cell(&data["retry"], "rule"),
            cell(&data["retry"], "delay_s"),
            time(&at.into()).unwrap_or_default()
        ),
        None => match data["next_number"].as_u64() {
            Some(no) => format!("called in vain: the contact's number {no} is called next"),
            None => "no reschedule rule applies: the contact is finished in this run".to_owned(),
        },
    };
    let mut lines = vec![format!("outcome {state}{fault}")];
    lines.extend(left_out(data));
    lines.push(next);
    let rules: Vec<String> = data["outcome_rules"].as_array().into_iter().flatten().map(words).collect();
    lines.extend((!rules.is_empty()).then(|| format!("outcome rules that answer to it: {}", rules.join(", "))));
    lines
}

/// The contact's own number, or which of the others.
fn number_no(number: &Value) -> String {
    match number["no"].as_u64() {
        Some(0) | None => "its own number".to_owned(),
        Some(no) => format!("number {no}"),
    }
}

/// Numbers that were passed over, and why.
fn left_out(of: &Value) -> Vec<String> {
    let why = |one: &Value| {
        let why = serde_json::from_value::<domain::WhyLeftOut>(one["why"].clone());
        let why = why.map_or_else(|_| cell(one, "why"), |why| why.text().to_owned());
        format!("{} is passed over: it {why}", number_no(one))
    };
    of["left_out"].as_array().into_iter().flatten().map(why).collect()
}

/// Which rule asked for what.
fn asked(data: &Value) -> String {
    format!("outcome rule {}, {}", cell(data, "rule"), cell(data, "verb"))
}

fn by(code: &str) -> &str {
    match code {
        "answer_timeout" => "Carillon: nobody answered in time",
        "progress_timeout" => "Carillon: no sign of life on the route",
        "forced_closure" => "Carillon: forced closure",
        "operator" => "an operator",
        "far_end" => "the far end",
        "pbx" => "the PBX (its dialplan ended)",
        "refused" => "the PBX, which refused it",
        "suppression" => "Carillon: the number is suppressed; nothing was sent",
        "unknown" => "nobody knows whom",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_busy_call_reads_as_a_story() {
        let attempt = json!({"trunk_name": "carrier one", "end_point_name": "message"});
        let events = json!([
            {"at": "2026-11-21T09:26:55.043Z", "kind": "attempt.scheduled", "data": {
                "retry": 1, "channel": "c-8oco43-1-3", "receipt": {
                    "picked": {"retry_due": {"due_at": "2026-11-21T09:26:54Z"}}, "rules": ["inside_hours", "trunk_free"],
                    "hours_until": null, "trunk_in_use": 1, "trunk_capacity": 40, "end_point_in_use": 2,
                    "end_point_capacity": 60, "probe": false, "run_in_progress": 3, "run_in_memory": 97,
                    "priority": 10, "caller_id": "campaign", "contact": {
                        "packs": [{"name": "default", "version": "2026-11"}, {"name": "campaign", "version": ""}],
                        "clocks": [{"zone": "Asia/Tokyo", "showed": "2026-11-24 10:00:00"}],
                        "caps": [{"by": "number", "hours": 24, "used": 1, "allowed": 3}]}}}},
            {"at": "2026-11-21T09:26:55.059Z", "pbx_at": "2026-11-21T09:26:55.058+0000", "kind": "leg.ended", "data": {
                "cause": 17, "tech_cause": 486, "ended_by": "far_end", "segments": [
                    {"kind": "setup", "from": "2026-11-21T09:26:55.051722Z", "to": "2026-11-21T09:26:55.05321Z"}]}},
            {"at": "2026-11-21T09:26:55.059Z", "kind": "call.harbour_missed", "data": {
                "why": "an agent has the call", "counted": {"count": "connected", "why": "in_time", "waited_ms": 1803}}},
            {"at": "2026-11-21T09:26:55.059Z", "kind": "attempt.ended", "data": {
                "state": "RS_BUSY", "ext_state": "", "fault": "callee",
                "retry": {"rule": 1, "delay_s": 5, "at": "2026-11-21T09:27:00.059Z"}, "outcome_rules": [7, 8]}},
            {"at": "2026-11-21T09:26:55.07Z", "kind": "attempt.action_done", "data": {
                "action": 4, "rule": 7, "verb": "ADD_LIST", "said": "put on list 3", "tries": 1}},
            {"at": "2026-11-21T09:26:55.08Z", "kind": "attempt.action_failed", "data": {
                "action": 5, "rule": 8, "verb": "HTTP_POST", "why": "answered 404", "tries": 16}},
            {"at": "2026-11-21T09:26:55.09Z", "kind": "attempt.scheduled", "data": {
                "retry": 1, "number_no": 2, "channel": "c-8oco43-1-4", "receipt": {
                    "picked": {"next_number": {"due_at": "2026-11-21T09:26:55.059Z"}},
                    "number": {"no": 2, "of": 3, "left_out": [{"no": 1, "why": "suppressed"}]}}}},
            {"at": "2026-11-21T09:26:55.1Z", "kind": "attempt.ended", "data": {
                "state": "RS_BUSY", "fault": "callee", "next_number": 4, "left_out": [{"no": 3, "why": "malformed"}]}},
            {"at": "2026-11-21T09:26:56Z", "kind": "attempt.sang", "data": {"key": "C"}},
        ]);
        let notifications = json!([{"webhook_name": "crm", "kind": "leg.ended", "delivery": "taken", "tries": [
            {"at": "2026-11-21T09:26:55.05905Z", "number": 1, "took_ms": 3, "status": 204, "error": ""}]}]);
        let text = timeline(&attempt, &json!({"items": events, "notifications": notifications}));
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part:?} is not in\n{text}"));
        assert!(place("webhook crm took leg.ended: 204 after 3 ms") > place("ended by the far end"));
        assert!(place("webhook crm took leg.ended: 204 after 3 ms") < place("attempt.sang"));
        for part in [
            "picked: retry 1 was due at",
            "allowed by: inside_hours, trunk_free",
            "through trunk carrier one (1 of 40 in use) to end point message (2 of 60); the hours do not close; caller id: the campaign's",
            "rules of default 2026-11, campaign",
            "the callee's clock: 2026-11-24 10:00:00 in Asia/Tokyo",
            "used before this one: 1 of 3 attempts in 24 h per number",
            "pacing: 3 calls of the run in progress, 97 contacts in memory, priority 10",
            "ended by the far end: cause 17, SIP 486   (Asterisk: ",
            "setup 2 ms",
            "not brought to the recorded message: an agent has the call: counted as connected, in time",
            "outcome RS_BUSY (fault: callee)",
            "outcome rules that answer to it: 7, 8",
            "outcome rule 7, ADD_LIST: put on list 3",
            "outcome rule 8, HTTP_POST failed at try 16: answered 404",
            "carillon action retry 5 tries it again",
            "rule 1: again in 5 s, not before ",
            "and this is its next one",
            "number 2 of 3 that the contact has",
            "number 1 is passed over: it is suppressed",
            "number 3 is passed over: it cannot be dialled",
            "called in vain: the contact's number 4 is called next",
            "attempt.sang {\"key\":\"C\"}",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
