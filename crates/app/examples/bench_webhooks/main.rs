//! `cargo xtask bench webhooks`: what a receiver that does not answer, with a backlog of 10,000 events, does to calls.
//!
//! `carillon serve` on SQLite dials 50 calls a second through a real Asterisk to SIPp. It is measured how long a call takes
//! from the decision to the originate: without a webhook, and with one whose receiver takes connections and says nothing,
//! while more than 10,000 events wait for it. In turn and more than once, because a shared machine changes. The backlog are
//! the events of a run before.
//!
//! ```text
//! bench_webhooks [--json] [--seconds N]
//! ```

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

#[path = "../bench_dial/server.rs"]
mod server;

use std::fmt::Write;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use domain::Timestamp;
use serde_json::{Value, json};
use testkit::measure::{Options, shares};
use testkit::receiver::{Receiver, SILENCE};
use testkit::sipp::Callee;
use testkit::{Instance, PortBlock, Template, measure, process};

use crate::server::{Server, id_of};

/// Calls a second.
const RATE: usize = 50;
/// How long each turn dials, unless the command line says otherwise.
const SECONDS: usize = 20;
/// Events that have to wait for the receiver.
const BACKLOG: i64 = 10_000;
/// Seconds of calls that leave so many events: a call has nine.
const BACKLOG_SECONDS: usize = 26;
/// How often with and without take turns.
const TURNS: usize = 2;
/// How long SIPp stays in a call.
const TALK: Duration = Duration::from_secs(2);
/// Room for every call.
const CAPACITY: u32 = 1_000;
/// From the start of a run of some seconds to its last call.
const PATIENCE: Duration = Duration::from_secs(180);
/// From its last call to its end; who does not hang up by then is not waited for.
const END: Duration = Duration::from_secs(15);

fn main() -> Result<()> {
    let Options { json, seconds } = Options::of(env::args().skip(1), SECONDS, 1)?;
    let ports = PortBlock::lease_wide()?;
    let pbx = Instance::start(Template::Pbx, &ports)?;
    let _callee = Callee::start(&ports, TALK)?;
    let receiver = Receiver::start()?;
    receiver.answers(|_| SILENCE);
    let server = Server::start_with(
        &measure::program("cargo xtask bench webhooks")?,
        ports.api,
        "[webhooks]\nallow = [\"127.0.0.0/8\"]\n",
    )?;
    let desk = Desk::furnish(&server, &pbx)?;
    desk.dial(RATE * BACKLOG_SECONDS)?;

    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut backlog = i64::MAX;
    for _ in 0..TURNS {
        without.extend(desk.dial(RATE * seconds)?);
        let webhook = desk.begin_telling(&receiver)?;
        with.extend(desk.dial(RATE * seconds)?);
        backlog = backlog.min(desk.end_telling(webhook)?);
    }
    ensure!(backlog >= BACKLOG, "only {backlog} events waited: {BACKLOG} are the rule");
    let memory = process::memory(server.pid(), "VmRSS")? as f64 / 1e6;
    let attempted = receiver.received().len();
    server.stop();

    let [without_p50, without_p95] = shares(&mut without, [50, 95]);
    let [with_p50, with_p95] = shares(&mut with, [50, 95]);
    let figures = json!({
        "without_p50_ms": without_p50, "without_p95_ms": without_p95, "with_p50_ms": with_p50, "with_p95_ms": with_p95,
        "p50_ratio": with_p50 / without_p50, "p95_ratio": with_p95 / without_p95,
        "calls": with.len() + without.len(), "backlog": backlog, "requests": attempted, "rss_mb": memory.round(),
        "load": measure::load(), "asterisk": pbx.version(),
    });
    if json {
        println!("{figures}");
    } else {
        println!("{figures:#}");
    }
    Ok(())
}

/// What runs need.
struct Desk<'a> {
    server: &'a Server,
    trunk: i64,
    end_point: i64,
}

impl<'a> Desk<'a> {
    fn furnish(server: &'a Server, pbx: &Instance) -> Result<Self> {
        let (trunk, end_point) = server.furnish(pbx, "bench-webhooks", CAPACITY, RATE)?;
        Ok(Self { server, trunk, end_point })
    }

    /// Calls so many people and returns how long each took from the decision to the originate, milliseconds.
    fn dial(&self, people: usize) -> Result<Vec<f64>> {
        let list = self.server.create("lists", &json!({ "name": format!("people {}", uptime()?) }))?;
        let mut csv = String::from("NUM\n");
        for number in 0..people {
            writeln!(csv, "{}", 390_669_000_000_u64 + number as u64)?;
        }
        self.server.import(list, &csv, people)?;
        let campaign = json!({
            "name": format!("people {list}"), "trunks": [self.trunk], "end_points": [self.end_point], "lists": [list],
            "packs": ["unrestricted"],
        });
        let campaign = self.server.create("campaigns", &campaign)?;
        let run = id_of(&self.server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)?;
        let over = self.within(PATIENCE, run, |record| record["totals"]["placed"] == people)?;
        over.with_context(|| format!("run {run} did not call everybody\n{}", self.server.log_tail()))?;
        if self.within(END, run, |record| record["state"] == "COMPLETED")?.is_none() {
            eprintln!("some calls of run {run} do not end: SIPp is late; they were made, which is what counts");
            self.server.api.expect("POST", &format!("/api/runs/{run}/remove"), None)?;
        }
        let (mut waits, mut after) = (Vec::with_capacity(people), 0);
        loop {
            let page = format!("/api/attempts?run={run}&limit=1000&after={after}");
            let page = self.server.api.expect("GET", &page, None)?;
            let sent = |attempt: &&Value| !attempt["requested_at"].is_null();
            for attempt in page["items"].as_array().context("a page has items")?.iter().filter(sent) {
                let (decided, sent) = (instant(&attempt["scheduled_at"])?, instant(&attempt["requested_at"])?);
                waits.push((sent.0 - decided.0) as f64 / 1e3);
            }
            match page["next"].as_i64() {
                Some(next) => after = next,
                None => break,
            }
        }
        let [p50, p95] = shares(&mut waits.clone(), [50, 95]);
        eprintln!("{people} calls: p50 {p50} ms, p95 {p95} ms");
        Ok(waits)
    }

    /// Waits until the run is so; `None`: it was not in time.
    fn within(&self, patience: Duration, run: i64, so: impl Fn(&Value) -> bool) -> Result<Option<()>> {
        process::until(patience, || {
            let record = self.server.api.expect("GET", &format!("/api/runs/{run}"), None)?;
            Ok(so(&record).then_some(()))
        })
    }

    /// A webhook that has everything still to tell to a receiver that says nothing.
    fn begin_telling(&self, receiver: &Receiver) -> Result<i64> {
        let webhook =
            self.server.create("webhooks", &json!({"name": "dead", "url": receiver.url(), "timeout_ms": 2_000}))?;
        self.server.api.expect("POST", &format!("/api/webhooks/{webhook}/replay"), Some(&json!({"after": 0})))?;
        Ok(webhook)
    }

    /// Takes it away and returns how many events waited.
    fn end_telling(&self, webhook: i64) -> Result<i64> {
        let path = format!("/api/webhooks/{webhook}");
        let record = self.server.api.expect("GET", &path, None)?;
        ensure!(record["delivered"] == 0, "the receiver is not dead: {record}");
        self.server.api.expect("DELETE", &path, None)?;
        record["behind"].as_i64().with_context(|| format!("no backlog in {record}"))
    }
}

fn instant(value: &Value) -> Result<Timestamp> {
    serde_json::from_value(value.clone()).with_context(|| format!("{value} is no instant"))
}

/// Tells one list from the next.
fn uptime() -> Result<String> {
    Ok(fs::read_to_string("/proc/uptime")?.split(' ').next().unwrap_or_default().to_owned())
}
