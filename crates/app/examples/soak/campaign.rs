//! One campaign whose list is fed while it dials, so that a million contacts need no file of their own.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::Instance;

use crate::options::Options;
use crate::server::{Server, id_of};

/// The first number that is dialled; the next ones follow.
const FIRST_NUMBER: u64 = 390_669_000_000;
/// Contacts in one import.
const CHUNK: u64 = 20_000;
/// Room for every call there can be.
const CAPACITY: u32 = 10_000;
/// From the last attempt to the end of the run: calls take two seconds, and those that fail half a minute.
const END_DEADLINE: Duration = Duration::from_secs(90);
/// How often the end is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(crate) struct Soaking<'a> {
    server: &'a Server,
    list: i64,
    run: i64,
    /// Contacts imported so far.
    fed: u64,
    /// Contacts in all.
    wanted: u64,
    placed: u64,
}

impl<'a> Soaking<'a> {
    /// Configures the PBX and starts the run.
    pub(crate) fn begin(server: &'a Server, pbx: &Instance, options: &Options) -> Result<Self> {
        let ari = pbx.ari();
        let pbx = json!({"name": "soak", "host": ari.host, "port": ari.port, "username": ari.user,
            "password": ari.password, "application": "soak", "originates_per_second": 1_000});
        let pbx = server.create("pbxs", &pbx)?;
        let trunk = json!({"pbx": pbx, "name": "sipp", "dial_string": "PJSIP/${num}@sipp", "capacity": CAPACITY,
            "calls_per_second": options.rate});
        let end_point = json!({"pbx": pbx, "name": "hold", "kind": "PHONE", "context": "carillon-demo",
            "extension": "hold", "max_channels": CAPACITY});
        let (trunk, end_point) = (server.create("trunks", &trunk)?, server.create("end-points", &end_point)?);
        server.wait_for_link()?;
        let list = server.create("lists", &json!({"name": "soak"}))?;
        let mut soaking = Self { server, list, run: 0, fed: 0, wanted: options.attempts, placed: 0 };
        soaking.feed()?;
        let campaign = json!({"name": "soak", "trunks": [trunk], "end_points": [end_point], "lists": [list], "batch_size": 300,
                "packs": ["unrestricted"]});
        let campaign = server.create("campaigns", &campaign)?;
        soaking.run = id_of(&server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)?;
        Ok(soaking)
    }

    /// Keeps at least half a chunk of contacts ahead of the dialler.
    pub(crate) fn feed(&mut self) -> Result<()> {
        while self.fed < self.wanted && self.fed < self.placed + CHUNK / 2 {
            let rows = CHUNK.min(self.wanted - self.fed);
            let mut csv = String::from("NUM,NAME,SURNAME,CITY\n");
            for number in self.fed..self.fed + rows {
                writeln!(csv, "{},Person {number},Surname {number},Rome", FIRST_NUMBER + number)?;
            }
            self.server.import(self.list, &csv, usize::try_from(rows)?)?;
            self.fed += rows;
        }
        Ok(())
    }

    /// Attempts so far.
    pub(crate) fn placed(&mut self) -> Result<u64> {
        let live = self.server.api.expect("GET", "/api/live", None)?;
        let run = live["runs"].as_array().into_iter().flatten().find(|run| run["id"] == self.run);
        self.placed = match run {
            Some(run) => run["placed"].as_u64().context("a run has a count of attempts")?,
            // It has called everybody.
            None => self.report()?["attempts"].as_u64().context("a report has a count of attempts")?,
        };
        Ok(self.placed)
    }

    /// Ends the run, waits until its last call is over, and returns its report.
    pub(crate) fn end(&self) -> Result<Value> {
        let over = |state: &Value| matches!(state.as_str(), Some("COMPLETED" | "REMOVED"));
        let record = self.server.api.expect("GET", &format!("/api/runs/{}", self.run), None)?;
        if !over(&record["state"]) {
            self.server.api.expect("POST", &format!("/api/runs/{}/remove", self.run), None)?;
        }
        let end = Instant::now() + END_DEADLINE;
        loop {
            let report = self.report()?;
            if report["open"] == 0 {
                return Ok(report);
            }
            ensure!(Instant::now() < end, "calls did not end: {report}\n{}", self.server.log_tail());
            thread::sleep(ASK_EVERY);
        }
    }

    fn report(&self) -> Result<Value> {
        self.server.api.expect("GET", &format!("/api/reports?run={}", self.run), None)
    }
}
