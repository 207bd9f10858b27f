//! Carillon as the driver: a campaign per step, whose trunk makes the rate.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use domain::Timestamp;
use serde_json::{Value, json};

use crate::World;
use crate::commits::Commits;
use crate::ladder::Ladder;
use crate::line::{Link, MESSAGES_PER_UNIT, UNIT_MS};
use crate::processes::Meter;
use crate::server::{Server, id_of};
use crate::step::{Driver, Step};

/// The Stasis application of every driver: the last one to connect owns it, so that no other is subscribed.
pub(crate) const APPLICATION: &str = "bench-dial";
/// Where an answered call goes: it waits until SIPp hangs up.
pub(crate) const CONTEXT: &str = "carillon-demo";
/// Its extension.
pub(crate) const EXTENSION: &str = "hold";
/// The first number that is dialled; the next ones follow.
pub(crate) const FIRST_NUMBER: u64 = 390_669_000_000;
/// Room for every call there can be.
const CAPACITY: u32 = 10_000;
/// The PBX's limit, raised from 100: the trunk alone makes the rate.
const ORIGINATES_PER_SECOND: u32 = 1_000;
/// Contacts read ahead: about a second's worth. Many more make the commits that read them long.
const BATCH_SIZE: u32 = 300;
/// How often the end of a run is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// From the end of the window to the end of the run: calls take two seconds, and those that fail half a minute.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// The knee of Carillon.
pub(crate) fn knee(world: &World, ladder: &mut Ladder) -> Result<Option<Step>> {
    let server = Server::start(&world.options.carillon, world.ports.api)?;
    let dialler = Dialler::configure(world, &server)?;
    eprintln!("carillon: the PBX's limit is raised to {ORIGINATES_PER_SECOND} originates/s; the trunk makes the rate");
    let knee = ladder.knee(Driver::Carillon, |rate| dialler.offer(rate))?;
    server.stop();
    Ok(knee)
}

/// A server with a PBX, a trunk and an end point.
struct Dialler<'a> {
    world: &'a World,
    server: &'a Server,
    trunk: i64,
    end_point: i64,
}

impl<'a> Dialler<'a> {
    fn configure(world: &'a World, server: &'a Server) -> Result<Self> {
        let link = world.options.link;
        let login = if link == Link::Ami { world.pbx.manager() } else { world.pbx.ari() };
        let pbx = json!({
            "name": "bench", "link": link.to_string(), "host": login.host, "port": login.port, "username": login.user,
            "password": login.password, "application": APPLICATION, "originates_per_second": ORIGINATES_PER_SECOND,
            "unit_ms": UNIT_MS, "messages_per_unit": MESSAGES_PER_UNIT,
        });
        let pbx = server.create("pbxs", &pbx)?;
        let trunk = json!({ "pbx": pbx, "name": "sipp", "dial_string": "PJSIP/${num}@sipp", "capacity": CAPACITY });
        let end_point = json!({
            "pbx": pbx, "name": "hold", "kind": "PHONE", "context": CONTEXT, "extension": EXTENSION,
            "max_channels": CAPACITY,
        });
        let (trunk, end_point) = (server.create("trunks", &trunk)?, server.create("end-points", &end_point)?);
        server.wait_for_link()?;
        Ok(Self { world, server, trunk, end_point })
    }

    fn offer(&self, rate: u32) -> Result<Step> {
        let window = self.world.options.window;
        let offered = (f64::from(rate) * window.as_secs_f64()) as usize;
        let campaign = self.prepare(rate, offered)?;
        let before = Commits::read(&self.server.metrics()?)?;
        let meter = Meter::start(self.world, self.server.pid())?;
        let began = Instant::now();
        let run = id_of(&self.server.api.expect("POST", &format!("/api/campaigns/{campaign}/start"), None)?)?;
        thread::sleep(window.saturating_sub(began.elapsed()));
        let shares = meter.stop()?;
        let commits = Commits::read(&self.server.metrics()?)?.since(&before);
        self.finish(run)?;
        let attempts = self.requested(run, window)?;
        let waits = attempts.iter().filter_map(|wait| *wait).collect();
        let mut step = Step::new(Driver::Carillon, rate, offered, waits, shares);
        step.requested = attempts.len();
        step.commit_p99_ms = commits.quantile_ms(0.99);
        step.commits_per_s = commits.per_second(window);
        Ok(step)
    }

    /// A fresh list with as many contacts as attempts are offered, three attributes each, and a campaign that dials it.
    fn prepare(&self, rate: u32, offered: usize) -> Result<i64> {
        self.server.api.expect(
            "PATCH",
            &format!("/api/trunks/{}", self.trunk),
            Some(&json!({ "calls_per_second": rate })),
        )?;
        let name = format!("{rate} a second");
        let list = self.server.create("lists", &json!({ "name": name }))?;
        let mut csv = String::from("NUM,NAME,SURNAME,CITY\n");
        for number in 0..offered as u64 {
            writeln!(csv, "{},Person {number},Surname {number},Rome", FIRST_NUMBER + number)?;
        }
        self.server.import(list, &csv, offered)?;
        let campaign = json!({
            "name": name, "batch_size": BATCH_SIZE, "trunks": [self.trunk], "end_points": [self.end_point],
            "lists": [list], "packs": ["unrestricted"],
        });
        self.server.create("campaigns", &campaign)
    }

    /// All items of a list of the API, page by page.
    fn all(&self, path: &str, mut each: impl FnMut(&Value) -> Result<()>) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.server.api.expect("GET", &format!("{path}&limit=1000&after={after}"), None)?;
            page["items"].as_array().context("a page has items")?.iter().try_for_each(&mut each)?;
            match page["next"].as_i64() {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// Waits for the end of the run; one that does not end by itself is removed: its calls count as they are.
    fn finish(&self, run: i64) -> Result<()> {
        let deadline = Instant::now() + END_DEADLINE;
        loop {
            let record = self.server.api.expect("GET", &format!("/api/runs/{run}"), None)?;
            if record["state"] == "COMPLETED" {
                return Ok(());
            }
            if Instant::now() >= deadline {
                eprintln!("carillon: removing a run that did not end: {record}");
                return self.server.api.expect("POST", &format!("/api/runs/{run}/remove"), None).map(drop);
            }
            thread::sleep(ASK_EVERY);
        }
    }

    /// The attempts that were requested in the window, which begins with the first of them: from request to answer, if
    /// there was one.
    fn requested(&self, run: i64, window: Duration) -> Result<Vec<Option<Duration>>> {
        let mut attempts: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
        self.all(&format!("/api/attempts?run={run}"), |attempt| {
            if let Some(requested) = instant(&attempt["requested_at"])? {
                attempts.push((requested, instant(&attempt["connected_at"])?));
            }
            Ok(())
        })?;
        let first = attempts.iter().map(|(requested, _)| requested.0).min();
        let first = first.with_context(|| format!("run {run} dialled nobody\n{}", self.server.log_tail()))?;
        let last = first + i64::try_from(window.as_micros())?;
        let wait = |requested: Timestamp, connected: Timestamp| {
            Duration::from_micros(u64::try_from(connected.0 - requested.0).unwrap_or(0))
        };
        let within = attempts.iter().filter(|(requested, _)| requested.0 < last);
        Ok(within.map(|(requested, connected)| connected.map(|connected| wait(*requested, connected))).collect())
    }
}

fn instant(value: &Value) -> Result<Option<Timestamp>> {
    Ok(serde_json::from_value(value.clone())?)
}
