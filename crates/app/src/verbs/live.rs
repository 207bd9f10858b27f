//! `carillon live`: what the dialler is doing now.

use super::dialling::storage_line;
use super::pbx::link_words;
use super::screen::Screen;
use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, local, percent, say, span, table};
use clap::Args;
use serde_json::Value;

/// Calls shown, at most; `--json` has them all.
const MAX_CALLS: usize = 15;

/// How to look.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Keep looking: four times a second on a terminal, elsewhere one line per change
    #[arg(long)]
    watch: bool,
}

/// Does it.
pub(crate) async fn run(options: &Options, session: &Session) -> Result<(), Failure> {
    let mut screen = Screen::new();
    loop {
        let answer = session.client.get("api/live").await?;
        match (session.json, options.watch) {
            (true, _) => say(answer.text.trim_end()),
            (false, true) => screen.draw(|| frame(&answer.value, None), || line(&answer.value, None)),
            (false, false) => say(frame(&answer.value, None)),
        }
        if !options.watch {
            return Ok(());
        }
        tokio::time::sleep(screen.interval()).await;
    }
}

/// All figures as tables; with `run`, those of this run only.
pub(super) fn frame(live: &Value, run: Option<i64>) -> String {
    let mut text = format!("{}  {}\n", local(live, "at"), headline(live));
    if run.is_none() {
        text.push_str(&links(live));
    }
    text.push_str(&runs(live, run));
    text.push_str(&calls(live, run));
    text
}

/// The same in one line.
pub(super) fn line(live: &Value, run: Option<i64>) -> String {
    let mut text = headline(live);
    for row in rows(live, "runs").filter(|row| run.is_none() || row["id"].as_i64() == run) {
        text.push_str(&format!(
            "; run {} {} {}: placed {}, terminated {}, in flight {} ({} connected), hopper {}, retries {}, put off {}, refused {}",
            cell(row, "id"),
            cell(row, "campaign_name"),
            cell(row, "state"),
            cell(row, "placed"),
            cell(row, "terminated"),
            cell(row, "in_flight"),
            cell(row, "connected_now"),
            cell(row, "hopper"),
            cell(row, "open_retries"),
            cell(row, "put_off"),
            cell(row, "refused"),
        ));
    }
    text
}

fn headline(live: &Value) -> String {
    let hold = &live["hold"];
    if !live["storage"].is_null() {
        let held = if hold.is_null() { String::new() } else { format!("; HELD by {}", cell(hold, "by")) };
        return format!("{}{held}", storage_line(&live["storage"]));
    }
    if hold.is_null() {
        let calls = live["totals"]["open_calls"].as_u64().unwrap_or(0);
        return format!("dialling, {calls} calls in progress");
    }
    format!("HELD since {} by {}: {}", local(hold, "since"), cell(hold, "by"), cell(hold, "why"))
}

fn links(live: &Value) -> String {
    let mut text = String::new();
    for pbx in rows(live, "pbxs") {
        text.push_str(&format!("pbx {}: {}\n", cell(pbx, "name"), link_words(pbx)));
    }
    let mut table = table(&["trunk", "calls", "capacity", "calls/s", "circuit"]);
    for trunk in rows(live, "trunks") {
        let circuit = match trunk["probe_at"].as_str() {
            Some(_) => format!("{}, probe at {}", cell(trunk, "circuit"), local(trunk, "probe_at")),
            None => cell(trunk, "circuit"),
        };
        let rate = if trunk["calls_per_second"] == 0 { "-".into() } else { cell(trunk, "calls_per_second") };
        table.add_row([cell(trunk, "name"), cell(trunk, "in_use"), cell(trunk, "capacity"), rate, circuit]);
    }
    for end_point in rows(live, "end_points") {
        table.add_row([
            format!("-> {}", cell(end_point, "name")),
            cell(end_point, "in_use"),
            cell(end_point, "capacity"),
            "-".into(),
            "-".into(),
        ]);
    }
    if table.row_count() > 0 {
        text.push_str(&format!("{table}\n"));
    }
    text.push_str(&queues(live));
    text
}

/// What is known of the agents behind end points.
fn queues(live: &Value) -> String {
    let mut table =
        table(&["end point", "queue", "agents", "free", "waiting", "on the way", "wanted", "boost", "why not"]);
    for end_point in rows(live, "end_points").filter(|row| !row["queue"].is_null()) {
        let queue = &end_point["queue"];
        let known = queue["observed"] == true;
        let figure = |name: &str| if known { cell(queue, name) } else { "?".to_owned() };
        table.add_row([
            cell(end_point, "name"),
            cell(queue, "name"),
            figure("logged_on"),
            figure("free"),
            figure("waiting"),
            figure("on_the_way"),
            figure("wanted"),
            cell(queue, "boost"),
            cell(queue, "why"),
        ]);
    }
    if table.row_count() == 0 { String::new() } else { format!("{table}\n") }
}

fn runs(live: &Value, run: Option<i64>) -> String {
    let mut table = table(&[
        "run",
        "campaign",
        "state",
        "placed",
        "done",
        "rate",
        "in flight",
        "talking",
        "hopper",
        "retries",
        "put off",
        "refused",
        "left",
        "since",
        "to go",
    ]);
    let mut waits = String::new();
    for row in rows(live, "runs").filter(|row| run.is_none() || row["id"].as_i64() == run) {
        let to_go = row["eta_s"].as_u64().map_or("-".into(), span);
        table.add_row([
            cell(row, "id"),
            cell(row, "campaign_name"),
            cell(row, "state"),
            cell(row, "placed"),
            cell(row, "terminated"),
            percent(row["termination_rate"].as_f64().unwrap_or(0.0)),
            cell(row, "in_flight"),
            cell(row, "connected_now"),
            cell(row, "hopper"),
            cell(row, "open_retries"),
            cell(row, "put_off"),
            cell(row, "refused"),
            cell(row, "remaining_estimate"),
            span(row["running_s"].as_u64().unwrap_or(0)),
            to_go,
        ]);
        if row["why"].as_str().is_some_and(|why| !why.is_empty()) {
            waits.push_str(&format!("run {}: {}\n", cell(row, "id"), cell(row, "why")));
        }
    }
    if table.row_count() == 0 {
        return "no run is open\n".into();
    }
    format!("{table}\n{waits}")
}

fn calls(live: &Value, run: Option<i64>) -> String {
    let mine: Vec<&Value> = rows(live, "calls").filter(|row| run.is_none() || row["run"].as_i64() == run).collect();
    if mine.is_empty() {
        return String::new();
    }
    let mut table = table(&["attempt", "run", "number", "retry", "trunk", "state", "since"]);
    for call in mine.iter().take(MAX_CALLS) {
        let since = if call["connected_at"].is_null() { "scheduled_at" } else { "connected_at" };
        table.add_row([
            cell(call, "attempt"),
            cell(call, "run"),
            cell(call, "number"),
            cell(call, "retry"),
            name(live, "trunks", &call["trunk"]),
            cell(call, "state"),
            local(call, since),
        ]);
    }
    let more = match mine.len().saturating_sub(MAX_CALLS) {
        0 => String::new(),
        more => format!("and {more} calls more\n"),
    };
    format!("{table}\n{more}")
}

fn rows<'a>(live: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    live[name].as_array().into_iter().flatten()
}

fn name(live: &Value, noun: &str, id: &Value) -> String {
    rows(live, noun).find(|row| row["id"] == *id).map_or(id.to_string(), |row| cell(row, "name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        AttemptId, CallState, CampaignId, ContactId, EndPointId, ListId, PbxId, RunId, RunState, Timestamp, TrunkId,
    };
    use node::live::{
        Circuit, Dialling, LiveCall, LiveEndPoint, LiveHold, LiveList, LivePacing, LivePbx, LiveRun, LiveTotals,
        LiveTrunk, PacedBy, PbxState,
    };

    /// The node's own type, so that a field that is renamed there fails here.
    fn live() -> Value {
        let at = Timestamp(1_774_747_800_000_000);
        let run = |id, name: &str, state| LiveRun {
            id: RunId(id),
            campaign: CampaignId(id),
            campaign_name: name.into(),
            state,
            why: "waits for a trunk".into(),
            priority: 10,
            boost: 1.0,
            started_at: at,
            placed: 120,
            terminated: 90,
            termination_rate: 0.75,
            reschedule_rate: 0.25,
            hopper: 31,
            open_retries: 17,
            cache: 48,
            in_flight: 4,
            connected_now: 2,
            put_off: 6,
            refused: 3,
            remaining_estimate: 52,
            running_s: 3_725,
            eta_s: Some(65),
            attempts_per_hour: 100.0,
            completions_per_hour: 80.0,
            next_due: None,
            hourly_caps: vec![],
            pacing: LivePacing {
                mode: domain::PacingMode::Boost,
                by: PacedBy::Channels,
                policy: None,
                why: String::new(),
                free: 0,
                open: 0,
                waiting: 0,
                abandoned: 0,
                live: 0,
                cap: 0.03,
                budget_left: 0.0,
            },
            lists: vec![LiveList { id: ListId(1), high_water: ContactId(9), exhausted: false, paused: false }],
        };
        let live = node::Live {
            at,
            dialling: Dialling::Held,
            hold: Some(LiveHold { since: at, by: "ana".into(), why: "fire drill".into() }),
            pbxs: vec![LivePbx {
                id: PbxId(1),
                name: "office".into(),
                state: PbxState::Down,
                why: "401 Unauthorized".into(),
                version: None,
                in_use: 0,
                foreign_channels: 3,
                harbour: false,
                harbour_why: String::new(),
                since: at,
            }],
            storage: None,
            trunks: vec![LiveTrunk {
                id: TrunkId(1),
                name: "carrier".into(),
                pbx: PbxId(1),
                capacity: 30,
                in_use: 4,
                calls_per_second: 0,
                circuit: Circuit::Open,
                probe_at: Some(at),
            }],
            end_points: vec![LiveEndPoint {
                id: EndPointId(1),
                name: "message".into(),
                capacity: 5,
                in_use: 1,
                queue: None,
            }],
            runs: vec![run(7, "spring", RunState::Running), run(8, "autumn", RunState::Paused)],
            calls: vec![LiveCall {
                attempt: AttemptId(991),
                run: RunId(7),
                contact: ContactId(1),
                number: "15554000001".into(),
                retry: 2,
                number_no: 0,
                trunk: TrunkId(1),
                end_point: EndPointId(1),
                pbx: PbxId(1),
                state: CallState::Connected,
                channel: "c-x-1-1".into(),
                scheduled_at: at,
                connected_at: Some(at),
                agent: None,
            }],
            totals: LiveTotals { open_calls: 4, ..LiveTotals::default() },
        };
        serde_json::to_value(live).unwrap()
    }

    #[test]
    fn the_tables_show_links_runs_and_calls() {
        let text = frame(&live(), None);
        for part in [
            "by ana: fire drill",
            "pbx office: down since",
            ": 401 Unauthorized, foreign channels: 3",
            "open, probe at",
            "-> message",
            "spring",
            "75.0 %",
            "1 h 02 m",
            "1 m 05 s",
            "run 7: waits for a trunk",
            "15554000001",
            "CONNECTED",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!frame(&live(), Some(7)).contains("autumn"));
    }

    #[test]
    fn a_database_that_cannot_be_written_stands_in_the_first_line() {
        let mut live = live();
        live["storage"] = serde_json::json!({"since": live["at"], "why": "the disk is full"});
        let (text, line) = (frame(&live, Some(7)), line(&live, None));
        for text in [text.lines().next().unwrap(), line.as_str()] {
            assert!(text.contains("NOTHING NEW IS DIALLED since"), "{text}");
            assert!(text.contains("the disk is full; HELD by ana"), "{text}");
        }
    }

    #[test]
    fn a_line_has_no_clock_so_that_it_changes_only_with_the_figures() {
        let text = line(&live(), Some(8));
        let tail = "; run 8 autumn PAUSED: placed 120, terminated 90, in flight 4 (2 connected), hopper 31, retries 17, \
            put off 6, refused 3";
        assert!(text.ends_with(tail), "{text}");
    }
}
