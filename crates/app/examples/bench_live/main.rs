//! `cargo xtask bench live`: how long it takes until a change of a call is on every screen.
//!
//! `carillon serve` on SQLite keeps 500 calls up through a real Asterisk to SIPp, 25 new ones a second, while 50 screens
//! watch `/api/live/stream`. What is measured, for every call and every screen: from the instant that Asterisk gives its
//! event of the answer, and of the end, to the arrival of the delta that shows it, all on one machine and one clock.
//! Asterisk's instants have milliseconds. In between are Asterisk's websocket, the dialler's task, the look at the figures
//! every 100 ms, the comparison with the look before, and one websocket per screen; not the disk: screens show what the
//! dialler knows. Beside it the same from Carillon's own receipt of the event.
//!
//! ```text
//! bench_live [--json] [--seconds N]
//! ```
//!
//! Fails when a screen missed a change, and when the slowest hundredth took more than 250 ms.

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

mod screen;
#[path = "../bench_dial/server.rs"]
mod server;

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, ensure};
use domain::Timestamp;
use serde_json::{Value, json};
use testkit::measure::Options;
use testkit::sipp::Callee;
use testkit::{Instance, PortBlock, Template, measure, process};

use crate::screen::{Screen, Shown};
use crate::server::{Server, id_of};

/// Calls that are up at once.
const LIVE: usize = 500;
/// Screens that watch.
const SCREENS: usize = 50;
/// New calls a second; as many end.
const RATE: usize = 25;
/// How long SIPp stays in a call: the rate makes so many of them.
const TALK: Duration = Duration::from_secs((LIVE / RATE) as u64);
/// How long is measured once all of them are up, unless the command line says otherwise.
const SECONDS: usize = 20;
/// The slowest hundredth has to be on the screen within this.
const TARGET_MS: f64 = 250.0;
/// From the start of the run until all are up, and from the end to the last answer.
const PATIENCE: Duration = Duration::from_secs(90);
/// Changes of the last moments have so long to arrive.
const REST: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let Options { json: as_json, seconds } = Options::of(env::args().skip(1), SECONDS, 5)?;
    let ports = PortBlock::lease_wide()?;
    let pbx = Instance::start(Template::Pbx, &ports)?;
    let _callee = Callee::start(&ports, TALK)?;
    let server = Server::start(&measure::program("cargo xtask bench live")?, ports.api)?;
    let room = u32::try_from(LIVE * 2)?;
    let (trunk, end_point) = server.furnish(&pbx, "bench-live", room, RATE)?;
    let run = start(&server, trunk, end_point, RATE * (TALK.as_secs() as usize + seconds + 10))?;
    let up = || -> Result<usize> {
        Ok(server.api.expect("GET", "/api/live", None)?["calls"].as_array().map_or(0, Vec::len))
    };
    let all = process::until(PATIENCE, || Ok((up()? >= LIVE * 95 / 100).then_some(())))?;
    all.with_context(|| format!("not {LIVE} calls at once\n{}", server.log_tail()))?;

    let screens: Vec<Screen> = (0..SCREENS).map(|_| Screen::open(&server)).collect::<Result<_>>()?;
    thread::sleep(Duration::from_secs(1));
    let from = now_us();
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..seconds {
        thread::sleep(Duration::from_secs(1));
        let now = up()?;
        (least, most) = (least.min(now), most.max(now));
    }
    let to = now_us();
    let load = measure::load();
    thread::sleep(REST);
    let shown: Vec<Shown> = screens.into_iter().map(Screen::close).collect::<Result<_>>()?;
    let changes = changes(&server, run, from, to)?;
    ensure!(changes.len() > RATE * seconds, "only {} changes in {seconds} s", changes.len());
    let memory = process::memory(server.pid(), "VmRSS")? as f64 / 1e6;

    let (mut of_asterisk, mut of_carillon, mut missed) = (Vec::new(), Vec::new(), 0);
    for screen in &shown {
        for change in &changes {
            let Some(arrived) = screen.of(change.kind).get(&change.attempt) else {
                missed += 1;
                continue;
            };
            of_asterisk.push((arrived - change.pbx_at) as f64 / 1e3);
            of_carillon.push((arrived - change.at) as f64 / 1e3);
        }
    }
    server.stop();
    let bytes: usize = shown.iter().map(|screen| screen.bytes).sum();
    let [p50, p95, p99, max] = measure::shares(&mut of_asterisk, SHARES);
    let own = measure::shares(&mut of_carillon, SHARES);
    let figures = json!({
        "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max, "target_p99_ms": TARGET_MS,
        "from_receipt": {"p50_ms": own[0], "p95_ms": own[1], "p99_ms": own[2], "max_ms": own[3]},
        "live_calls_least": least, "live_calls_most": most, "screens": SCREENS, "changes": changes.len(),
        "arrivals": of_asterisk.len(), "missed": missed,
        "kb_per_s_and_screen": (bytes as f64 / 1e3 / SCREENS as f64 / (seconds as f64 + 3.0)).round(),
        "rss_mb": memory.round(), "load": load, "asterisk": pbx.version(),
    });
    if as_json {
        println!("{figures}")
    } else {
        println!("{figures:#}")
    }
    ensure!(missed == 0, "{missed} changes did not arrive at a screen");
    ensure!(least >= LIVE * 9 / 10, "only {least} calls were up at once, {LIVE} are the rule");
    ensure!(p99 <= TARGET_MS, "the slowest hundredth took {p99} ms, {TARGET_MS} ms are the target (load {load})");
    Ok(())
}

/// A run that calls so many people.
fn start(server: &Server, trunk: i64, end_point: i64, people: usize) -> Result<i64> {
    let list = server.create("lists", &json!({ "name": "people" }))?;
    let mut csv = String::from("NUM\n");
    for number in 0..people {
        writeln!(csv, "{}", 390_669_000_000_u64 + number as u64)?;
    }
    server.import(list, &csv, people)?;
    let campaign = json!({
        "name": "people", "trunks": [trunk], "end_points": [end_point], "lists": [list], "packs": ["unrestricted"],
    });
    let campaign = server.create("campaigns", &campaign)?;
    id_of(&server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)
}

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Answered,
    Ended,
}

#[derive(Debug)]
struct Change {
    attempt: i64,
    kind: Kind,
    /// Asterisk's instant of its event, microseconds.
    pbx_at: i64,
    /// Carillon's receipt of it.
    at: i64,
}

/// The answers and ends whose instant in Asterisk lies in the window, from the timelines.
fn changes(server: &Server, run: i64, from: i64, to: i64) -> Result<Vec<Change>> {
    let mut attempts = Vec::new();
    let mut after = 0;
    loop {
        let page = format!("/api/attempts?run={run}&limit=1000&after={after}");
        let page = server.api.expect("GET", &page, None)?;
        for attempt in page["items"].as_array().context("a page has items")? {
            let within = |field: &str| -> Result<bool> {
                let Some(at) = instant(&attempt[field])? else { return Ok(false) };
                Ok((from - 1_000_000..to + 1_000_000).contains(&at))
            };
            if within("connected_at")? || within("ended_at")? {
                attempts.push(id_of(attempt)?);
            }
        }
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    let mut changes = Vec::new();
    for attempt in attempts {
        let timeline = server.api.expect("GET", &format!("/api/attempts/{attempt}/timeline"), None)?;
        for event in timeline.as_array().or_else(|| timeline["items"].as_array()).context("a timeline has events")? {
            let kind = match event["kind"].as_str() {
                Some("leg.answered") => Kind::Answered,
                Some("leg.ended") => Kind::Ended,
                _ => continue,
            };
            // Asterisk writes `+0000`.
            let Some(pbx_at) = event["pbx_at"].as_str() else { continue };
            let pbx_at = pbx_at.strip_suffix("+0000").map_or(pbx_at.to_owned(), |text| format!("{text}Z"));
            let (Some(pbx_at), Some(at)) = (instant(&json!(pbx_at))?, instant(&event["at"])?) else { continue };
            if (from..to).contains(&pbx_at) {
                changes.push(Change { attempt, kind, pbx_at, at });
            }
        }
    }
    Ok(changes)
}

/// Microseconds of Unix time.
pub(crate) fn now_us() -> i64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Microseconds of Unix time.
fn instant(value: &Value) -> Result<Option<i64>> {
    let at: Option<Timestamp> =
        serde_json::from_value(value.clone()).with_context(|| format!("{value} is no instant"))?;
    Ok(at.map(|at| at.0))
}

/// What is said of waits: the middle, the tail and the longest.
const SHARES: [usize; 4] = [50, 95, 99, 100];

/// Per attempt, when a screen was first told.
type Arrivals = HashMap<i64, i64>;
