//! `cargo xtask demo`: from nothing to a report.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use testkit::http::Client;
use testkit::{Pair, PortBlock, Process, process};

use crate::step::{self, Steps, cargo};
use crate::{demo_contacts, setup, web, workspace};

/// The user of the web app.
const LOGIN: &str = "demo";
/// From the start of the server to its first answer.
const SERVER_DEADLINE: Duration = Duration::from_secs(20);
/// From the server's first answer to a PBX that may be dialled on.
const LINK_DEADLINE: Duration = Duration::from_secs(20);
/// From the start of the campaign to its end.
const CAMPAIGN_DEADLINE: Duration = Duration::from_secs(200);
/// How often the live figures are asked for.
const LIVE_EVERY: Duration = Duration::from_secs(1);

/// Runs the demo; everything it started is stopped when it returns.
pub(crate) fn run(exit_when_done: bool) -> Result<()> {
    let mut steps = Steps::new();
    steps.step("setup", setup::run)?;
    steps.step("web app", web::build)?;
    let carillon = steps.step("build", build)?;
    let pair = steps.step("two Asterisks", || Pair::start_on(PortBlock::demo()?))?;
    let folder = workspace::root().join("target/demo");
    let mut server = steps.step("carillon serve", || Server::start(&carillon, &folder, pair.ports.api, &[]))?;
    let password = first_user(&server)?;
    eprintln!("   web app: {} (login {LOGIN}, password {password})", server.address);
    eprintln!("   API: the same address (token in {})", server.token_file.display());

    let started = Instant::now();
    let run = steps.step("example campaign", || campaign(&server.client, &pair))?;
    steps.step("dialling", || watch(&mut server, run))?;
    let report = report(&server.client, run, started.elapsed())?;
    server.print_report(&carillon, run)?;
    let path = folder.join("report.json");
    fs::write(&path, format!("{report:#}\n"))?;
    steps.summary("demo");
    eprintln!("   report: {}", path.display());
    if exit_when_done {
        server.process.terminate();
        return Ok(());
    }
    eprintln!(
        "   the server stays up at {} (login {LOGIN}, password {password}); Ctrl-C stops everything",
        server.address
    );
    while server.process.exited().is_none() {
        std::thread::sleep(LIVE_EVERY);
    }
    Ok(())
}

/// Makes the demo's user and returns its password, which is another one each time.
fn first_user(server: &Server) -> Result<String> {
    let mut random = [0u8; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let password = random.map(|byte| format!("{byte:02x}")).concat();
    let token = fs::read_to_string(&server.token_file)?;
    let user = json!({"token": token.trim(), "login": LOGIN, "name": "Demo", "password": password});
    server.client.expect("POST", "/api/setup", Some(&user))?;
    Ok(password)
}

/// Builds the binary in the ordinary profile and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    build_in("dev")
}

/// Builds the binary in `profile` and returns its path.
///
/// With the whole workspace selected the features of its dependencies are those of every other build: nothing is
/// compiled twice.
pub(crate) fn build_in(profile: &str) -> Result<PathBuf> {
    step::run(cargo(&["build", "--quiet", "--workspace", "--bin", "carillon", "--profile", profile]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = workspace::target_folder(&workspace::metadata()?)?.join(folder).join("carillon");
    ensure!(binary.exists(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// A running `carillon serve` on a fresh database.
pub(crate) struct Server {
    process: Process,
    client: Client,
    pub(crate) address: String,
    pub(crate) token_file: PathBuf,
}

impl Server {
    /// `environment`: settings beyond the folder and the port.
    pub(crate) fn start(carillon: &Path, folder: &Path, port: u16, environment: &[(&str, &str)]) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let config = folder.join("carillon.toml");
        fs::write(&config, format!("listen = \"127.0.0.1:{port}\"\ndata = {:?}\n", data.display().to_string()))?;
        let mut init = Command::new(carillon);
        init.arg("init").arg("--data").arg(&data);
        process::run(init, SERVER_DEADLINE)?;
        let token_file = data.join("token");
        let token = fs::read_to_string(&token_file).context("carillon init made no token")?;

        let mut serve = Command::new(carillon);
        serve.arg("serve").arg("--config").arg(&config).current_dir(folder);
        serve.envs(environment.iter().copied());
        let mut process = Process::start("carillon", serve, &folder.join("carillon.log"))?;
        let address = format!("http://127.0.0.1:{port}");
        process.wait_for_http(&format!("{address}/healthz"), SERVER_DEADLINE)?;
        let client = Client::new(&address, Some(token.trim()))?;
        Ok(Self { process, client, address, token_file })
    }

    /// The terminal tables, as the command line shows them.
    fn print_report(&self, carillon: &Path, run: i64) -> Result<()> {
        let mut command = Command::new(carillon);
        command.args(["report", "--run", &run.to_string(), "--server", &self.address]);
        command.arg("--token-file").arg(&self.token_file);
        step::run(command)
    }
}

/// Makes PBX, trunks, end point, list and campaign over the API and starts it. Returns the id of the run.
fn campaign(api: &Client, pair: &Pair) -> Result<i64> {
    let create = |noun: &str, body: Value| -> Result<i64> {
        let made = api.expect("POST", &format!("/api/{noun}"), Some(&body))?;
        made["id"].as_i64().with_context(|| format!("{noun}: the answer has no id: {made}"))
    };
    let ari = pair.pbx.ari();
    let pbx = create(
        "pbxs",
        json!({
            "name": "demo", "host": ari.host, "port": ari.port, "username": ari.user, "password": ari.password,
            "application": "carillon-demo",
        }),
    )?;
    wait_for_link(api)?;
    let trunk = |name: &str, capacity: u32| {
        let dial_string = "PJSIP/${num}@carrier";
        json!({
            "pbx": pbx, "name": name, "dial_string": dial_string, "capacity": capacity, "calls_per_second": 20,
            "progress_timeout_ms": 4_000,
        })
    };
    let trunks = [create("trunks", trunk("carrier one", 40))?, create("trunks", trunk("carrier two", 20))?];
    let end_point = create(
        "end-points",
        json!({
            "pbx": pbx, "name": "message", "kind": "PHONE", "context": "carillon-demo", "extension": "message",
            "max_channels": 60,
        }),
    )?;
    let list = create("lists", json!({"name": "people of the demo"}))?;
    import(api, list)?;
    let rule = |status: &str, max_attempts: u32, retry_after_s: u32, mode: &str| {
        json!({
            "status": status, "status_ext": "", "max_attempts": max_attempts, "retry_after_s": retry_after_s,
            "mode": mode,
        })
    };
    let campaign = create(
        "campaigns",
        json!({
            "name": "demo", "answer_timeout_ms": 6_000, "forced_closure_s": 15, "packs": ["unrestricted"],
            "trunks": trunks, "end_points": [end_point], "lists": [list],
            "rules": [
                rule("RS_BUSY", 2, 5, "MULT"), rule("RS_NOANSWER", 1, 10, "FIXED"), rule("RS_REJECTED", 2, 8, "FIXED"),
            ],
        }),
    )?;
    let run = api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?;
    run["id"].as_i64().with_context(|| format!("the answer has no id: {run}"))
}

fn wait_for_link(api: &Client) -> Result<()> {
    let up = process::until(LINK_DEADLINE, || {
        let live = api.expect("GET", "/api/live", None)?;
        Ok((live["pbxs"][0]["state"] == "up").then_some(()))
    })?;
    up.context("the PBX's link did not come up")
}

/// Uploads the list as a file and waits until all of it is in.
fn import(api: &Client, list: i64) -> Result<()> {
    let (csv, count) = demo_contacts::csv();
    let path = format!("/api/lists/{list}/imports?file_name=people.csv");
    let answer = api.send("POST", &path, "text/csv", csv.as_bytes())?;
    ensure!(answer.status == 202, "import: {} {}", answer.status, answer.json());
    let job = answer.json()["id"].as_i64().context("the import has no id")?;
    let done = process::until(SERVER_DEADLINE, || {
        let job = api.expect("GET", &format!("/api/imports/{job}"), None)?;
        match job["state"].as_str() {
            Some("done") => Ok(Some(job)),
            Some("failed" | "cancelled") => bail!("the import ended: {job}"),
            _ => Ok(None),
        }
    })?;
    let job = done.context("the import did not end in time")?;
    ensure!(job["accepted"] == count, "{count} contacts were sent: {job}");
    eprintln!("   {count} contacts imported");
    Ok(())
}

/// Prints the live figures once a second, when they changed, until the run is complete.
fn watch(server: &mut Server, run: i64) -> Result<()> {
    let started = Instant::now();
    let mut last = String::new();
    loop {
        if let Some(status) = server.process.exited() {
            bail!("carillon ended ({status})\n{}", server.process.log_tail());
        }
        let record = server.client.expect("GET", &format!("/api/runs/{run}"), None)?;
        if record["state"] == "COMPLETED" {
            return Ok(());
        }
        let live = server.client.expect("GET", "/api/live", None)?;
        let figures = live["runs"].as_array().into_iter().flatten().find(|figures| figures["id"] == run);
        if let Some(figures) = figures {
            let shown = ["state", "placed", "terminated", "in_flight", "connected_now", "hopper", "open_retries"];
            let shown: Vec<String> = shown.iter().map(|key| format!("{key} {}", plain(&figures[*key]))).collect();
            let line = shown.join("  ");
            if line != last {
                eprintln!("   {:>3} s  {line}", started.elapsed().as_secs());
                last = line;
            }
        }
        ensure!(started.elapsed() < CAMPAIGN_DEADLINE, "not complete after {CAMPAIGN_DEADLINE:?}: {record}");
        std::thread::sleep(LIVE_EVERY);
    }
}

/// What `target/demo/report.json` holds.
fn report(api: &Client, run: i64, duration: Duration) -> Result<Value> {
    let full = api.expect("GET", &format!("/api/reports?run={run}"), None)?;
    let counts = |rows: &Value, key: &str| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows.as_array().into_iter().flatten() {
            *counts.entry(plain(&row[key])).or_default() += row["count"].as_i64().unwrap_or_default();
        }
        counts.into_iter().map(|(key, count)| (key, count.into())).collect::<Map<String, Value>>()
    };
    for key in ["contacts", "attempts", "retries", "double_dialled", "lost"] {
        ensure!(full[key].is_i64(), "the report has no number {key:?}: {full}");
    }
    Ok(json!({
        "contacts": full["contacts"],
        "attempts": full["attempts"],
        "outcomes": counts(&full["outcomes"], "state"),
        "retries": full["retries"],
        "duration_s": (duration.as_secs_f64() * 10.0).round() / 10.0,
        "per_trunk": counts(&full["per_trunk"], "name"),
        "double_dialled": full["double_dialled"],
        "lost": full["lost"],
    }))
}

/// A JSON value without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
