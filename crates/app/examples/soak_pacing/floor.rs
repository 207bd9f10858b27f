//! Two Asterisks, a queue with agents, and a campaign that is paced for them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Pair, process};

use crate::judge::Call;
use crate::options::Options;
use crate::server::{Server, id_of};

/// The queue, and the extension that leads to it: who finds no agent in two seconds leaves it for the message.
pub(crate) const QUEUE: &str = "paced";
/// Abandoned of live calls, at most.
pub(crate) const CAP: f64 = 0.05;
/// Calls a minute and agent, more than there can be: half of them are answered, and an agent has a call for 13 s.
const CALLS_A_MINUTE: u64 = 30;
/// What is under way when it is paused rings and talks to its end.
const ENDS: Duration = Duration::from_secs(90);
/// Something is there, or has changed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows and attempts of one page.
const PAGE: usize = 1_000;

pub(crate) struct Floor {
    pair: Pair,
    server: Server,
    campaign: i64,
    run: i64,
}

impl Floor {
    /// Everything up, the agents logged on, the run started.
    pub(crate) fn begin(options: &Options) -> Result<Self> {
        let pair = Pair::start()?;
        let server = Server::start(&options.carillon, pair.ports.api)?;
        pair.pbx.cli("dialplan add extension s,1,Playback,hello-world into carillon-abandoned")?;
        let (ari, manager) = (pair.pbx.ari(), pair.pbx.manager());
        let pbx = if options.link == "ami" {
            json!({"name": "soak", "link": "AMI", "host": manager.host, "port": manager.port,
                "username": manager.user, "password": manager.password})
        } else {
            json!({"name": "soak", "host": ari.host, "port": ari.port, "username": ari.user, "password": ari.password,
                "manager_username": manager.user, "manager_password": manager.password, "manager_port": manager.port})
        };
        let pbx = server.create("pbxs", &pbx)?;
        let trunk = json!({"pbx": pbx, "name": "carrier", "dial_string": "PJSIP/${num}@carrier", "capacity": 100});
        let end_point = json!({"pbx": pbx, "name": QUEUE, "kind": "QUEUE", "queue": QUEUE, "max_channels": 100,
            "context": "carillon-demo", "extension": QUEUE});
        let (trunk, end_point) = (server.create("trunks", &trunk)?, server.create("end-points", &end_point)?);
        server.wait_for_link()?;
        for agent in 1..=options.agents {
            let device = format!("Custom:agent{agent}");
            pair.pbx.cli(&format!("devstate change {device} NOT_INUSE"))?;
            // Answers at once, says hello, hangs up ten seconds later; the queue lets it wrap up.
            let member = format!("PJSIP/15551100{agent:03}@carrier");
            pair.pbx.cli(&format!(
                "queue add member {member} to {QUEUE} penalty 0 as agent{agent} state_interface {device}"
            ))?;
        }
        let all_free = process::until(PATIENCE, || {
            let live = server.api.expect("GET", "/api/live", None)?;
            let free = live["end_points"][0]["queue"]["free"] == options.agents;
            let harbour = live["pbxs"][0]["harbour"] == true;
            Ok((free && harbour).then_some(()))
        })?;
        all_free.context("the agents were not seen, or where people without one are sent")?;
        let list = server.create("lists", &json!({"name": "soak"}))?;
        let people = CALLS_A_MINUTE * options.minutes * u64::from(options.agents);
        server.import(list, &people_of(people)?, usize::try_from(people)?)?;
        let campaign = json!({"name": "soak", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "packs": ["unrestricted"], "answer_timeout_ms": 20_000, "pacing": {"mode": "predictive", "cap": CAP}});
        let campaign = server.create("campaigns", &campaign)?;
        let run = id_of(&server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)?;
        Ok(Self { pair, server, campaign, run })
    }

    /// Of Asterisk.
    pub(crate) fn version(&self) -> &str {
        self.pair.pbx.version()
    }

    /// What the engine goes by now, in a line.
    pub(crate) fn pace(&self) -> Result<String> {
        let pacing = self.server.api.expect("GET", &format!("/api/campaigns/{}/pacing", self.campaign), None)?;
        let now = &pacing["now"];
        ensure!(now["by"] == "engine", "no engine paces the campaign: {pacing}\n{}", self.server.log_tail());
        let why = now["why"].as_str().unwrap_or_default();
        Ok(format!(
            "free {}, open {}, abandoned {} of {}: {why}",
            now["free"], now["open"], now["abandoned"], now["live"]
        ))
    }

    /// Pauses the run and waits until its last call is over.
    pub(crate) fn let_it_end(&self) -> Result<()> {
        self.server.api.expect("POST", &format!("/api/runs/{}/pause", self.run), None)?;
        let over = process::until(ENDS, || {
            let report = self.server.api.expect("GET", &format!("/api/reports?run={}", self.run), None)?;
            Ok((report["open"] == 0).then_some(()))
        })?;
        over.with_context(|| format!("calls did not end\n{}", self.server.log_tail()))
    }

    /// Every call that was answered, with what the ledger counted of it.
    pub(crate) fn calls(&self) -> Result<Vec<Call>> {
        let mut calls: BTreeMap<i64, Call> = BTreeMap::new();
        for attempt in self.all(&format!("/api/attempts?run={}", self.run), |attempt| attempt["id"].as_i64())? {
            if attempt["connected_at"].is_null() {
                continue;
            }
            let channel = attempt["channel"].as_str().context("an attempt has a channel")?.to_owned();
            let talk_ms = attempt["talk_ms"].as_i64().context("a call that is over has a length")?;
            calls.insert(id_of(&attempt)?, Call { channel, talk_ms, counted: Vec::new() });
        }
        let ledger = format!("/api/campaigns/{}/ledger?order=asc", self.campaign);
        for row in self.all(&ledger, |row| row["position"].as_i64())? {
            let what = row["count"].as_str().context("a row counts something")?.to_owned();
            let (attempt, waited_ms) = (row["attempt"].as_i64(), row["waited_ms"].as_i64());
            let (attempt, waited_ms) = attempt.zip(waited_ms).context("a row is about an attempt")?;
            let call = calls.get_mut(&attempt);
            call.with_context(|| format!("attempt {attempt} is in the ledger and was not answered"))?
                .counted
                .push((what, waited_ms));
        }
        Ok(calls.into_values().collect())
    }

    /// All items of a list that comes in pages.
    fn all(&self, path: &str, place: fn(&Value) -> Option<i64>) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.server.api.expect("GET", &format!("{path}&limit={PAGE}&after={after}"), None)?;
            let items = page["items"].as_array().context("a page has items")?.clone();
            let full = items.len() == PAGE;
            if let Some(last) = items.last() {
                after = place(last).context("an item has a place")?;
            }
            all.extend(items);
            if !full {
                return Ok(all);
            }
        }
    }

    /// Asterisk's own.
    pub(crate) fn queue_log(&self) -> Result<String> {
        fs::read_to_string(self.pair.pbx.folder().join("log/queue_log")).context("Asterisk wrote no queue_log")
    }

    /// Computes the ledger's hashes again; how many rows it has.
    pub(crate) fn verify(&self) -> Result<i64> {
        let path = format!("/api/campaigns/{}/ledger/verify", self.campaign);
        let verified = self.server.api.expect("GET", &path, None)?;
        ensure!(verified["whole"] == true, "the ledger is not as it was written: {verified}");
        verified["rows"].as_i64().context("a ledger has rows")
    }

    /// Ends the server politely; the Asterisks end with it.
    pub(crate) fn stop(self) {
        self.server.stop();
    }
}

/// Of four people two answer after some seconds, one is away, one is busy.
fn people_of(count: u64) -> Result<String> {
    let mut csv = String::from("NUM\n");
    for n in 0..count {
        let place = n / 4 % 1_000;
        match n % 4 {
            0 => writeln!(csv, "155510{:02}{place:03}", 2 + n % 5)?,
            1 => writeln!(csv, "155512{:02}{place:03}", 3 + n / 4 % 4)?,
            2 => writeln!(csv, "15553108{place:03}")?,
            _ => writeln!(csv, "15554000{place:03}")?,
        }
    }
    Ok(csv)
}
