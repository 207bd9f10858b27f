//! A whole world per test: our Asterisk, a carrier behind it, `carillon serve`, and an admin's client.

#![allow(dead_code, unused_imports, reason = "every test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "test support: a failure here fails the test")]

mod carrier;
#[macro_use]
mod engine;
#[macro_use]
mod link;
mod queue_log;
mod time;
mod watch;

pub use carrier::Invites;
pub use engine::{setting, use_database, use_postgres};
pub use link::{is_ami, use_ami};
pub use queue_log::LogEntry;
pub use time::{ms, seconds_between};

use crate::common::{Home, Ran};
use serde_json::{Map, Value, json};
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};
use testkit::http::Client;
use testkit::preload::Environment;
use testkit::{Clock, Disk, Login, Pair, Process, Proxy};

/// The server, the link or a small file is there within this, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often something without an event of its own is asked for.
const POLL: Duration = Duration::from_millis(60);

/// Everything, on ports and in folders of its own. Dropping it stops everything.
pub struct World {
    /// Our PBX and the carrier.
    pub pair: Pair,
    /// The working directory of `carillon`.
    pub home: Home,
    /// `carillon serve`.
    pub server: Process,
    /// The API, as the token of `carillon init`.
    pub api: Client,
    /// The PBX.
    pub pbx: i64,
    /// The trunk `carrier`: 10 calls at once.
    pub trunk: i64,
    /// The end point `message`: 10 calls at once.
    pub message: i64,
    /// Stands between the server and the PBX.
    pub proxy: Option<Proxy>,
    /// The disk of the server, when it is one that can fail.
    pub disk: Option<Disk>,
    /// What the server finds in its environment.
    environment: Environment,
}

impl World {
    /// Both Asterisks, a server whose link is up, the trunk and the end point.
    pub fn start() -> Self {
        Self::without_pbx().with_office(None)
    }

    /// As [`World::start`], with the fault proxy between the server and the PBX.
    pub fn through_proxy() -> Self {
        let world = Self::without_pbx();
        let proxy = Proxy::start(world.pair.ports.spare[0], world.login().port).unwrap();
        world.with_office(Some(proxy))
    }

    /// As [`World::start`], on a disk that can fail.
    pub fn on_a_failing_disk() -> Self {
        let disk = Disk::new().unwrap();
        let mut world = Self::begin(Pair::start().unwrap(), disk.environment()).with_office(None);
        world.disk = Some(disk);
        world
    }

    /// As [`World::start`], with a server that reads this clock.
    pub fn by_the_clock(clock: &Clock) -> Self {
        Self::begin(Pair::start().unwrap(), clock.environment()).with_office(None)
    }

    /// As [`World::start`], with a server that finds these variables.
    pub fn with_environment(environment: Environment) -> Self {
        Self::begin(Pair::start().unwrap(), environment).with_office(None)
    }

    /// As [`World::start`], with a PBX that keeps call records.
    pub fn with_call_records() -> Self {
        Self::begin(Pair::start_with_call_records().unwrap(), Vec::new()).with_office(None)
    }

    /// The proxy of [`World::through_proxy`].
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// The disk of [`World::on_a_failing_disk`].
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    fn with_office(self, proxy: Option<Proxy>) -> Self {
        let mut world = self;
        let login = world.login();
        let port = proxy.as_ref().map_or(login.port, |proxy| proxy.port);
        world.proxy = proxy;
        world.pbx = world.create(
            "pbxs",
            json!({"name": "office", "link": link::code(), "host": login.host, "port": port, "username": login.user,
                "password": login.password}),
        );
        world.trunk = world.add_trunk("carrier", json!({}));
        world.message = world.add_end_point("message", 10);
        world.wait_for_link();
        world
    }

    /// How the server logs in to the PBX, over the link of this test.
    pub fn login(&self) -> Login {
        if is_ami() { self.pair.pbx.manager() } else { self.pair.pbx.ari() }
    }

    /// As [`World::start`], but nothing is configured yet.
    pub fn without_pbx() -> Self {
        Self::begin(Pair::start().unwrap(), Vec::new())
    }

    /// As [`World::without_pbx`], with a server that reads this clock.
    pub fn without_pbx_by_the_clock(clock: &Clock) -> Self {
        Self::begin(Pair::start().unwrap(), clock.environment())
    }

    /// As [`World::start`], with a server that may send webhooks to this machine.
    pub fn allowing_webhooks() -> Self {
        Self::empty_allowing_webhooks().with_office(None)
    }

    /// As [`World::without_pbx`], with a server that may send webhooks to this machine.
    pub fn empty_allowing_webhooks() -> Self {
        // The environment of the program is the setting's other place.
        let allow = ("CARILLON_WEBHOOKS_ALLOW", "127.0.0.0/8".into());
        Self::begin(Pair::start().unwrap(), vec![allow])
    }

    fn begin(pair: Pair, environment: Environment) -> Self {
        let home = Home::new();
        home.file("carillon.toml", format!("listen = \"127.0.0.1:{}\"\n{}", pair.ports.api, setting()));
        home.run(&["init"]).ok();
        let token = std::fs::read_to_string(home.path("carillon-data/token")).unwrap();
        let api = Client::new(&format!("http://127.0.0.1:{}", pair.ports.api), Some(token.trim())).unwrap();
        let server = serve_in(&home, pair.ports.api, &environment);
        Self { pair, home, server, api, pbx: 0, trunk: 0, message: 0, proxy: None, disk: None, environment }
    }

    /// Kills the server as a power cut would.
    pub fn crash(&mut self) {
        self.server.kill();
    }

    /// Starts the server again.
    pub fn serve_again(&mut self) {
        self.server = serve_in(&self.home, self.pair.ports.api, &self.environment);
    }

    /// A command of the command line, run to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments)
    }

    /// A command of the command line that succeeds, with `--json`.
    #[track_caller]
    pub fn run_json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// `GET`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.api.expect("GET", path, None).unwrap()
    }

    /// `POST` without a body.
    #[track_caller]
    pub fn post(&self, path: &str) -> Value {
        self.api.expect("POST", path, None).unwrap()
    }

    /// `PATCH`.
    #[track_caller]
    pub fn patch(&self, path: &str, body: Value) -> Value {
        self.api.expect("PATCH", path, Some(&body)).unwrap()
    }

    /// Makes a thing and returns its id.
    #[track_caller]
    pub fn create(&self, noun: &str, body: Value) -> i64 {
        self.api.expect("POST", &format!("/api/{noun}"), Some(&body)).unwrap()["id"].as_i64().unwrap()
    }

    /// Makes a thing and returns all that is said of it.
    #[track_caller]
    pub fn create_whole(&self, noun: &str, body: Value) -> Value {
        self.api.expect("POST", &format!("/api/{noun}"), Some(&body)).unwrap()
    }

    /// A trunk to the carrier, unless `changes` says otherwise.
    pub fn add_trunk(&self, name: &str, changes: Value) -> i64 {
        let trunk = json!({"pbx": self.pbx, "name": name, "dial_string": "PJSIP/${num}@carrier", "capacity": 10});
        self.create("trunks", merged(trunk, changes))
    }

    /// The extension `name` of the PBX's context `carillon-demo`, under the same name.
    pub fn add_end_point(&self, name: &str, max_channels: u32) -> i64 {
        let end_point = json!({"pbx": self.pbx, "name": name, "context": "carillon-demo", "extension": name, "max_channels": max_channels});
        self.create("end-points", end_point)
    }

    /// A list of numbers without attributes.
    pub fn list(&self, name: &str, numbers: &[&str]) -> i64 {
        let list = self.create("lists", json!({ "name": name }));
        if !numbers.is_empty() {
            self.add_contacts(list, numbers.iter().map(|number| json!({ "number": number })).collect());
        }
        list
    }

    /// Adds contacts, all of which must be accepted. Returns their ids.
    pub fn add_contacts(&self, list: i64, contacts: Vec<Value>) -> Vec<i64> {
        let count = contacts.len();
        let body = json!({ "contacts": contacts });
        let added = self.api.expect("POST", &format!("/api/lists/{list}/contacts"), Some(&body)).unwrap();
        assert_eq!(added["added"], json!(count), "{added}");
        added["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
    }

    /// A campaign over `carrier` to `message` that rings five seconds at most and is free of rules, unless `changes` says otherwise.
    pub fn campaign(&self, name: &str, lists: &[i64], changes: Value) -> i64 {
        let campaign = json!({
            "name": name, "answer_timeout_ms": 5_000, "trunks": [self.trunk], "end_points": [self.message], "lists": lists,
            "packs": ["unrestricted"],
        });
        self.create("campaigns", merged(campaign, changes))
    }

    /// Starts a run and returns its id.
    #[track_caller]
    pub fn start_run(&self, campaign: i64) -> i64 {
        self.post(&format!("/api/campaigns/{campaign}/start"))["id"].as_i64().unwrap()
    }

    /// A list of these numbers, a campaign on it, and its run, all in one.
    pub fn dial(&self, name: &str, numbers: &[&str], changes: Value) -> i64 {
        let list = self.list(name, numbers);
        self.start_run(self.campaign(name, &[list], changes))
    }

    /// Waits until the run is in this state.
    #[track_caller]
    pub fn wait_for_state(&self, run: i64, state: &str, deadline: Duration) -> Value {
        self.wait(&format!("run {run} {state}"), deadline, || {
            let record = self.get(&format!("/api/runs/{run}"));
            if record["state"] == state { Ok(record) } else { Err(record.to_string()) }
        })
    }

    /// Waits until the run is complete and checks that its books are in order.
    #[track_caller]
    pub fn complete(&self, run: i64, deadline: Duration) -> Vec<Value> {
        self.wait_for_state(run, "COMPLETED", deadline);
        let report = self.report(run);
        assert_eq!((&report["double_dialled"], &report["lost"]), (&json!(0), &json!(0)), "{report}");
        self.attempts(run)
    }

    /// The report of one run.
    pub fn report(&self, run: i64) -> Value {
        self.get(&format!("/api/reports?run={run}"))
    }

    /// Its attempts, oldest first.
    pub fn attempts(&self, run: i64) -> Vec<Value> {
        self.get(&format!("/api/attempts?run={run}&limit=1000"))["items"].as_array().unwrap().clone()
    }

    /// Waits until the attempts of the run satisfy `wanted`, and returns them.
    #[track_caller]
    pub fn wait_for_attempts(
        &self,
        run: i64,
        what: &str,
        deadline: Duration,
        mut wanted: impl FnMut(&[Value]) -> bool,
    ) -> Vec<Value> {
        self.wait(what, deadline, || {
            let attempts = self.attempts(run);
            if wanted(&attempts) { Ok(attempts) } else { Err(brief(&attempts)) }
        })
    }

    /// Kinds of the events of an attempt, oldest first, and the events.
    pub fn timeline(&self, attempt: &Value) -> (Vec<String>, Vec<Value>) {
        let events =
            self.get(&format!("/api/attempts/{}/timeline", attempt["id"]))["items"].as_array().unwrap().clone();
        (events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect(), events)
    }

    /// The live figures.
    pub fn live(&self) -> Value {
        self.get("/api/live")
    }

    /// The live figures of one run; null when it is over.
    pub fn live_run(&self, run: i64) -> Value {
        let live = self.live();
        live["runs"].as_array().unwrap().iter().find(|figures| figures["id"] == run).cloned().unwrap_or(Value::Null)
    }

    /// Waits until the PBX may be dialled on.
    #[track_caller]
    pub fn wait_for_link(&self) {
        self.wait("the link to the PBX", PATIENCE, || {
            let live = self.live();
            if live["pbxs"][0]["state"] == "up" { Ok(()) } else { Err(live["pbxs"].to_string()) }
        });
    }

    /// Asks until there is a value, at most for `deadline`; the last refusal is shown.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, deadline: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
        let at = Location::caller();
        let end = Instant::now() + deadline;
        loop {
            match ask() {
                Ok(value) => return value,
                Err(last) if Instant::now() >= end => {
                    panic!("{at}: {what} did not come in {deadline:?}: {last}\n{}", self.server.log_tail())
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// Channels of ours on the PBX, as Asterisk itself lists them.
    pub fn channels(&self) -> Vec<String> {
        let text = self.pair.pbx.cli("core show channels concise").unwrap();
        text.lines().filter(|line| line.contains('!')).map(str::to_owned).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let log = self.server.log();
        if thread::panicking() {
            eprintln!("--- carillon serve ---\n{}", self.server.log_tail());
            return;
        }
        for sign in ["a rule of the house", "panicked at"] {
            assert!(!log.contains(sign), "{sign}:\n{log}");
        }
    }
}

/// `base` with the fields of `changes` in their place.
pub fn merged(base: Value, changes: Value) -> Value {
    let mut whole: Map<String, Value> = base.as_object().unwrap().clone();
    whole.extend(changes.as_object().unwrap().clone());
    Value::Object(whole)
}

/// A reschedule rule with a fixed delay.
pub fn rule(status: &str, max_attempts: u32, retry_after_s: u32) -> Value {
    json!({"status": status, "max_attempts": max_attempts, "retry_after_s": retry_after_s})
}

/// What a person would want to read of attempts.
pub fn brief(attempts: &[Value]) -> String {
    let line = |a: &Value| {
        let fields =
            ["id", "number", "retry", "state", "ext_state", "cause", "tech_cause", "ended_by", "talk_ms", "why"];
        fields.iter().map(|field| format!("{field}={} ", a[*field])).collect::<String>()
    };
    attempts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How many attempts are in a state.
pub fn count(attempts: &[Value], state: &str) -> usize {
    attempts.iter().filter(|attempt| attempt["state"] == state).count()
}

/// A server on the installation of `home`, once it answers.
pub fn serve(home: &Home, port: u16) -> Process {
    serve_in(home, port, &Vec::new())
}

/// As [`serve`], with this in its environment.
fn serve_in(home: &Home, port: u16, environment: &Environment) -> Process {
    let mut command = home.command(&["serve"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut process = Process::start("carillon", command, &home.path("serve.log")).unwrap();
    process.wait_for_http(&format!("http://127.0.0.1:{port}/healthz"), PATIENCE).unwrap();
    process
}
