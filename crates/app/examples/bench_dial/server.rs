//! `carillon serve` on a fresh SQLite database.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::{Instance, Process, Scratch, process};

/// From the start of the server to its first answer, and for an import.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it and removes its folder.
pub(crate) struct Server {
    /// Its API, as an administrator.
    pub(crate) api: Client,
    /// Where it listens.
    #[allow(dead_code, reason = "not every bench uses every part of this file")]
    pub(crate) address: String,
    /// An administrator's token.
    #[allow(dead_code, reason = "not every bench uses every part of this file")]
    pub(crate) token: String,
    process: Process,
    /// Dropped after the process that uses it.
    _folder: Scratch,
}

impl Server {
    /// Makes an installation and serves it with the program `carillon` on this port.
    #[allow(dead_code, reason = "not every bench uses every part of this file")]
    pub(crate) fn start(carillon: &Path, port: u16) -> Result<Self> {
        Self::start_with(carillon, port, "")
    }

    /// The same with these lines in its settings.
    pub(crate) fn start_with(carillon: &Path, port: u16, more: &str) -> Result<Self> {
        let folder = Scratch::new("bench")?;
        let data = folder.path().join("data");
        let config = folder.path().join("carillon.toml");
        let address = format!("127.0.0.1:{}", port);
        fs::write(&config, format!("listen = {address:?}\ndata = {:?}\n{more}", data.display().to_string()))?;
        let mut init = Command::new(carillon);
        init.arg("init").arg("--config").arg(&config).current_dir(folder.path());
        process::run(init, DEADLINE)?;
        let token = fs::read_to_string(data.join("token")).context("carillon init made no token")?;

        let mut serve = Command::new(carillon);
        serve.arg("serve").arg("--config").arg(&config).current_dir(folder.path());
        let mut process = Process::start("carillon", serve, &folder.path().join("log"))?;
        process.wait_for_http(&format!("http://{address}/healthz"), DEADLINE)?;
        let token = token.trim().to_owned();
        let api = Client::new(&format!("http://{address}"), Some(&token))?;
        Ok(Self { api, address, token, process, _folder: folder })
    }

    /// Of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged last.
    pub(crate) fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// Ends it politely.
    pub(crate) fn stop(mut self) {
        self.process.terminate();
    }

    /// Makes a thing and returns its id.
    pub(crate) fn create(&self, noun: &str, body: &Value) -> Result<i64> {
        let made = self.api.expect("POST", &format!("/api/{noun}"), Some(body))?;
        id_of(&made)
    }

    /// Waits until Asterisk is connected and its channels were compared.
    pub(crate) fn wait_for_link(&self) -> Result<()> {
        let up = process::until(DEADLINE, || {
            let live = self.api.expect("GET", "/api/live", None)?;
            Ok((live["pbxs"][0]["state"] == "up").then_some(()))
        })?;
        up.with_context(|| format!("the PBX's link did not come up\n{}", self.log_tail()))
    }

    /// Connects the PBX and makes a way from its trunk `sipp` to the extension `hold`: the ids of trunk and end point.
    #[allow(dead_code, reason = "not every bench uses every part of this file")]
    pub(crate) fn furnish(&self, pbx: &Instance, name: &str, capacity: u32, per_second: usize) -> Result<(i64, i64)> {
        let ari = pbx.ari();
        let pbx = json!({
            "name": "bench", "host": ari.host, "port": ari.port, "username": ari.user, "password": ari.password,
            "application": name,
        });
        let pbx = self.create("pbxs", &pbx)?;
        let trunk = json!({
            "pbx": pbx, "name": "sipp", "dial_string": "PJSIP/${num}@sipp", "capacity": capacity,
            "calls_per_second": per_second,
        });
        let end_point = json!({
            "pbx": pbx, "name": "hold", "kind": "PHONE", "context": "carillon-demo", "extension": "hold",
            "max_channels": capacity,
        });
        let made = (self.create("trunks", &trunk)?, self.create("end-points", &end_point)?);
        self.wait_for_link()?;
        Ok(made)
    }

    /// Uploads a list as a file and waits until all of its `rows` are in.
    pub(crate) fn import(&self, list: i64, csv: &str, rows: usize) -> Result<()> {
        let path = format!("/api/lists/{list}/imports?file_name=bench.csv");
        let answer = self.api.send("POST", &path, "text/csv", csv.as_bytes())?;
        ensure!(answer.status == 202, "import: {} {}", answer.status, answer.json());
        let job = id_of(&answer.json())?;
        let done = process::until(DEADLINE, || {
            let job = self.api.expect("GET", &format!("/api/imports/{job}"), None)?;
            match job["state"].as_str() {
                Some("done") => Ok(Some(job)),
                Some("failed" | "cancelled") => bail!("the import ended: {job}"),
                _ => Ok(None),
            }
        })?;
        let job = done.context("the import did not end in time")?;
        ensure!(job["accepted"] == rows, "{rows} contacts were sent: {job}");
        Ok(())
    }

    /// Prometheus' text.
    #[allow(dead_code, reason = "not every bench uses every part of this file")]
    pub(crate) fn metrics(&self) -> Result<String> {
        let answer = self.api.send("GET", "/metrics", "text/plain", b"")?;
        ensure!(answer.status == 200, "/metrics: {}", answer.status);
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

/// The id of what was made.
pub(crate) fn id_of(made: &Value) -> Result<i64> {
    made["id"].as_i64().with_context(|| format!("the answer has no id: {made}"))
}
