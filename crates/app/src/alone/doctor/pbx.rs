//! One PBX: reached, logged in, with the rights and the modules that Carillon needs, its trunks and end points.

use super::ami;
use super::ari::{Answer, Ari};
use super::finding::Finding;
use super::trunk;
use domain::{EndPoint, Pbx, PbxLink, Trunk};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// For opening a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Modules without which nothing works.
const MODULES: [&str; 8] = [
    "res_ari",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_channels",
    "res_ari_events",
    "res_http_websocket",
    "res_stasis",
    "pbx_config",
];
/// Shorter passwords are guessed.
const PASSWORD_CHARS: usize = 12;
/// A larger difference between two clocks makes timelines hard to read, milliseconds.
const CLOCK_MS: i64 = 1_000;
const PBX_SIDE: &str = "carillon never knows more about it than ARI tells: ";

/// Every check of it. The first that fails for all others ends them.
pub(super) async fn examine(
    pbx: &Pbx,
    password: &str,
    trunks: impl Iterator<Item = &Trunk>,
    end_points: impl Iterator<Item = &EndPoint>,
) -> Vec<Finding> {
    if pbx.link == PbxLink::Ami {
        return ami::examine(pbx, password, trunks, end_points).await;
    }
    let ari = match Ari::new(pbx, password) {
        Ok(ari) => ari,
        Err(why) => return vec![Finding::unknown("pbx.reach", why, "this is a fault of carillon").about(&pbx.name)],
    };
    let mut findings = Vec::new();
    let info = ari.get(&["asterisk", "info"]).await;
    let login = login(pbx, &info);
    let entered = info.as_ref().ok().and_then(Answer::done);
    findings.push(login);
    if let Some(info) = entered {
        findings.push(version(info["system"]["version"].as_str().unwrap_or("of no version")));
        findings.push(rights(&ari.hang_up_nothing().await));
        findings.push(strength(pbx, password));
        findings.push(exposed(pbx).await);
        let modules = ari.get(&["asterisk", "modules"]).await;
        findings.push(modules_needed(&modules));
        findings.push(records(&modules));
        findings.push(application(&pbx.application, &ari.get(&["applications", &pbx.application]).await));
        findings.push(clock(&ari).await);
        findings.push(overload(&ari.get(&["asterisk", "config", "dynamic", "res_pjsip", "global", "global"]).await));
        for known in trunks {
            findings.push(reachable(&ari, known).await.about(format!("{} of {}", known.name, pbx.name)));
        }
        for known in end_points {
            findings.push(extension(known).about(format!("{} of {}", known.name, pbx.name)));
        }
    }
    let unnamed = findings.into_iter();
    unnamed.map(|finding| if finding.about.is_empty() { finding.about(&pbx.name) } else { finding }).collect()
}

fn login(pbx: &Pbx, info: &Result<Answer, String>) -> Finding {
    let Pbx { host, port, username, .. } = pbx;
    let place = format!("{host}:{port}");
    match info {
        Err(why) => Finding::failed(
            "pbx.reach",
            format!("{place}: {why}"),
            "is Asterisk running, with enabled = yes and this bindaddr and bindport in http.conf?",
        ),
        Ok(Answer { status: 200, .. }) => Finding::ok("pbx.login", format!("{place} lets {username} in")),
        Ok(Answer { status: 401, .. }) => Finding::failed(
            "pbx.login",
            format!("{place} refuses user {username} or its password"),
            "compare with the user's section in ari.conf, then: carillon pbx set --help",
        ),
        Ok(Answer { status: 403, .. }) => Finding::failed(
            "pbx.login",
            format!("{place} does not allow {username} from here"),
            "check acl in ari.conf",
        ),
        Ok(Answer { status: 404, .. }) => Finding::failed(
            "pbx.login",
            format!("{place} has no ARI"),
            "set enabled = yes in ari.conf, load res_ari and res_ari_asterisk, leave prefix in http.conf empty",
        ),
        Ok(Answer { status, .. }) => Finding::failed(
            "pbx.login",
            format!("{place} answers {status}"),
            "see Asterisk's log; sessionlimit in http.conf may be reached",
        ),
    }
}

pub(super) fn version(version: &str) -> Finding {
    let major = version.trim_start_matches("certified/").trim_start_matches("certified-").split(['.', '-']).next();
    match major {
        Some("22") => Finding::ok("pbx.version", format!("Asterisk {version}")),
        _ => Finding::warning(
            "pbx.version",
            format!("Asterisk {version}; Carillon is tested with 22"),
            "install Asterisk 22, or try your campaigns out on this one first",
        ),
    }
}

fn rights(answer: &Result<Answer, String>) -> Finding {
    match answer {
        // ARI knows two rights only, read and everything: there is no narrower one that can place calls.
        Ok(Answer { status: 404, .. }) => Finding::ok("pbx.rights", "may place and end calls"),
        Ok(Answer { status: 403, .. }) => Finding::failed(
            "pbx.rights",
            "may only read: no call can be placed",
            "set read_only = no in the user's section of ari.conf",
        ),
        Ok(Answer { status, .. }) => {
            Finding::unknown("pbx.rights", format!("the PBX answers {status}"), "see Asterisk's log")
        }
        Err(why) => Finding::unknown("pbx.rights", why, "see Asterisk's log"),
    }
}

pub(super) fn strength(pbx: &Pbx, password: &str) -> Finding {
    let weak = if password.eq_ignore_ascii_case(&pbx.username) {
        Some("the password is the user's name".to_owned())
    } else if password.chars().count() < PASSWORD_CHARS {
        Some(format!("the password has fewer than {PASSWORD_CHARS} characters"))
    } else {
        None
    };
    match weak {
        None => Finding::ok("pbx.password", "long enough"),
        Some(weak) => Finding::warning(
            "pbx.password",
            format!("{weak}; whoever guesses it can place calls at your cost"),
            format!("choose a long one in {}, then: carillon pbx set --password-file FILE", Files::of(pbx).users),
        ),
    }
}

/// Who else can knock: the right to place calls is the right to run up a bill, and over ARI the right to everything.
pub(super) async fn exposed(pbx: &Pbx) -> Finding {
    let local = pbx.host == "localhost" || pbx.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !local {
        return judge_exposed(false, None, pbx);
    }
    // Nothing is sent: the system only says which address it would use.
    let outward = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let open = match outward {
        Ok(address) if !address.ip().is_loopback() => {
            let address = SocketAddr::new(address.ip(), pbx.port);
            let knock = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await;
            matches!(knock, Ok(Ok(_))).then_some(address)
        }
        _ => None,
    };
    judge_exposed(true, open, pbx)
}

fn judge_exposed(local: bool, open: Option<SocketAddr>, pbx: &Pbx) -> Finding {
    let Files { interface, users, server, fence } = Files::of(pbx);
    match (local, open) {
        (true, None) => Finding::ok("pbx.exposed", format!("{interface} listens on this machine only")),
        (true, Some(address)) => Finding::warning(
            "pbx.exposed",
            format!("{interface} also listens on {address}: whoever gets in there can place calls, and more"),
            format!("set bindaddr = 127.0.0.1 in {server}, or {fence} in {users}"),
        ),
        (false, _) => Finding::warning(
            "pbx.exposed",
            format!("user and password travel to {} in the clear", pbx.host),
            format!("use a tunnel or a network of your own, and {fence} in {users}"),
        ),
    }
}

/// What an operator knows the two ways by.
struct Files {
    interface: &'static str,
    users: &'static str,
    server: &'static str,
    fence: &'static str,
}

impl Files {
    fn of(pbx: &Pbx) -> Self {
        match pbx.link {
            PbxLink::Ari => Self { interface: "ARI", users: "ari.conf", server: "http.conf", fence: "acl" },
            PbxLink::Ami => Self {
                interface: "the manager interface",
                users: "manager.conf",
                server: "manager.conf",
                fence: "permit and deny",
            },
        }
    }
}

/// Names of the modules that run, without `.so`.
fn running(modules: &Result<Answer, String>) -> Option<Vec<&str>> {
    let modules = modules.as_ref().ok()?.done()?.as_array()?;
    let running = modules.iter().filter(|module| module["status"] == "Running");
    Some(running.filter_map(|module| Some(module["name"].as_str()?.trim_end_matches(".so"))).collect())
}

fn modules_needed(modules: &Result<Answer, String>) -> Finding {
    let Some(running) = running(modules) else {
        return Finding::unknown("pbx.modules", format!("{PBX_SIDE}it lists no modules"), "load res_ari_asterisk");
    };
    let missing: Vec<&str> = MODULES.into_iter().filter(|module| !running.contains(module)).collect();
    if missing.is_empty() {
        return Finding::ok("pbx.modules", format!("the {} that are needed run, of {}", MODULES.len(), running.len()));
    }
    let missing = missing.join(", ");
    Finding::failed("pbx.modules", format!("not running: {missing}"), format!("load them in modules.conf: {missing}"))
}

fn records(modules: &Result<Answer, String>) -> Finding {
    let remedy = "load a backend such as cdr_csv or cdr_adaptive_odbc, with enable = yes in cdr.conf";
    let Some(running) = running(modules) else {
        return Finding::unknown("pbx.records", format!("{PBX_SIDE}it lists no modules"), "load res_ari_asterisk");
    };
    let backends = |kind: &str| -> Vec<&str> {
        // These two show records on the manager's connection and keep none.
        let shown = ["cdr_manager", "cel_manager"];
        running.iter().copied().filter(|name| name.starts_with(kind) && !shown.contains(name)).collect()
    };
    let (cdr, cel) = (backends("cdr_"), backends("cel_"));
    if cdr.is_empty() && cel.is_empty() {
        let found = "no CDR and no CEL is kept: after a restore nobody can tell who was called since the backup";
        return Finding::warning("pbx.records", found, remedy);
    }
    let names = cdr.into_iter().chain(cel).collect::<Vec<_>>().join(", ");
    Finding::ok("pbx.records", format!("kept by {names}, if cdr.conf and cel.conf enable them"))
}

/// Only the server of this installation may hold the name; whether it does is its own business (`server`).
fn application(name: &str, answer: &Result<Answer, String>) -> Finding {
    match answer {
        Ok(Answer { status: 404, .. }) => {
            Finding::ok("pbx.application", format!("{name} is free: no controller is connected under it"))
        }
        Ok(Answer { status: 200, .. }) => Finding::ok("pbx.application", format!("{name} has a controller connected")),
        Ok(Answer { status, .. }) => {
            Finding::unknown("pbx.application", format!("the PBX answers {status}"), "load res_ari_applications")
        }
        Err(why) => Finding::unknown("pbx.application", why, "load res_ari_applications"),
    }
}

async fn clock(ari: &Ari<'_>) -> Finding {
    let asked = Instant::now();
    let answer = ari.get(&["asterisk", "ping"]).await;
    let took = asked.elapsed();
    let theirs = answer.ok().and_then(|answer| instant(answer.done()?["timestamp"].as_str()?));
    judge_clock(theirs, jiff::Timestamp::now(), took)
}

/// `2026-11-21T12:25:00.841+0000`.
fn instant(text: &str) -> Option<jiff::Timestamp> {
    jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()
}

pub(super) fn judge_clock(theirs: Option<jiff::Timestamp>, ours: jiff::Timestamp, took: Duration) -> Finding {
    let Some(theirs) = theirs else {
        return Finding::unknown("pbx.clock", "the PBX does not tell its time", "load res_ari_asterisk");
    };
    // It answered at some instant of the trip: half of it is what the difference may be wrong by.
    let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
    let ahead = theirs.as_millisecond() - (ours.as_millisecond() - half);
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let found = format!("{} ms {direction} ours, give or take {half} ms", ahead.abs());
    if ahead.abs() - half > CLOCK_MS {
        return Finding::warning("pbx.clock", found, "run an NTP client on both machines");
    }
    Finding::ok("pbx.clock", found)
}

/// The value of a sorcery object's attribute.
fn attribute<'a>(answer: &'a Result<Answer, String>, name: &str) -> Option<&'a str> {
    let attributes = answer.as_ref().ok()?.done()?.as_array()?;
    attributes.iter().find(|pair| pair["attribute"] == name)?["value"].as_str()
}

fn overload(global: &Result<Answer, String>) -> Finding {
    match attribute(global, "taskprocessor_overload_trigger") {
        Some("global") => Finding::warning(
            "pbx.overload",
            "any busy queue of Asterisk makes it refuse calls",
            "set taskprocessor_overload_trigger = pjsip_only in [global] of pjsip.conf",
        ),
        Some(trigger) => Finding::ok("pbx.overload", format!("calls are refused on overload of: {trigger}")),
        None => Finding::unknown(
            "pbx.overload",
            "there is no section of type global that ARI shows",
            "[global] in pjsip.conf",
        ),
    }
}

async fn reachable(ari: &Ari<'_>, known: &Trunk) -> Finding {
    let Some((technology, resource)) = trunk::device(&known.dial_string) else {
        let found = format!("{}: where it leads is decided while dialling", known.dial_string);
        return Finding::unknown("trunk", found, "place a test call");
    };
    let state = ari.get(&["endpoints", technology, resource]).await;
    let aors = ari.get(&["asterisk", "config", "dynamic", "res_pjsip", "endpoint", resource]).await;
    let aor = attribute(&aors, "aors").and_then(|aors| aors.split(',').next()).map(str::to_owned);
    let aor = match aor {
        Some(aor) if technology.eq_ignore_ascii_case("pjsip") && !aor.is_empty() => {
            ari.get(&["asterisk", "config", "dynamic", "res_pjsip", "aor", aor.trim()]).await
        }
        _ => Err("not asked".into()),
    };
    let unqualified = attribute(&aor, "qualify_frequency") == Some("0");
    judge_trunk(&format!("{technology}/{resource}"), &state, unqualified)
}

fn judge_trunk(device: &str, state: &Result<Answer, String>, unqualified: bool) -> Finding {
    let state = match state {
        Ok(Answer { status: 404, .. }) => {
            return Finding::failed(
                "trunk",
                format!("the PBX has no {device}"),
                "correct the dial string (carillon trunk set --dial-string), or pjsip.conf",
            );
        }
        Ok(answer) => answer.done().and_then(|body| body["state"].as_str()).unwrap_or("unknown"),
        Err(why) => return Finding::unknown("trunk", why, "see Asterisk's log"),
    };
    match state {
        // Asterisk calls what it never asks online.
        "online" if unqualified => Finding::unknown(
            "trunk",
            format!("{device} is there; whether the carrier answers nobody asks"),
            "set qualify_frequency = 60 in the aor of pjsip.conf",
        ),
        "online" => Finding::ok("trunk", format!("{device} is online")),
        "offline" => Finding::failed(
            "trunk",
            format!("{device} is offline: the carrier does not answer, or nobody is registered"),
            "asterisk -rx \"pjsip show contacts\" shows why; check address, firewall and registration",
        ),
        other => Finding::unknown("trunk", format!("{device} is {other}"), "place a test call"),
    }
}

/// ARI has no question for it: only a channel can be asked about its dialplan.
fn extension(end_point: &EndPoint) -> Finding {
    let (context, extension) = (&end_point.context, &end_point.extension);
    Finding::unknown(
        "endpoint",
        format!("ARI does not tell whether {extension} of context {context} exists"),
        format!("asterisk -rx \"dialplan show {extension}@{context}\""),
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use serde_json::{Value, json};

    fn answer(status: u16, body: Value) -> Result<Answer, String> {
        Ok(Answer { status, body })
    }

    #[test]
    fn versions_are_told_apart() {
        let state = |text: &str| version(text).state;
        assert_eq!(state("22.10.1+dfsg"), State::Ok);
        assert_eq!(state("certified/22.8-cert1"), State::Ok);
        assert_eq!(state("20.11.1"), State::Warning);
        assert_eq!(state("220.1"), State::Warning);
    }

    #[test]
    fn a_clock_may_differ_by_the_trip_and_a_second() {
        let ours: jiff::Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let state = |text: &str, ms| judge_clock(instant(text), ours, Duration::from_millis(ms)).state;
        assert_eq!(state("2026-11-21T12:00:00.900+0000", 10), State::Ok);
        assert_eq!(state("2026-11-21T14:00:00.000+0200", 10), State::Ok);
        assert_eq!(state("2026-11-21T11:59:57.000+0000", 10), State::Warning);
        assert_eq!(state("2026-11-21T11:59:57.000+0000", 6_000), State::Ok);
        assert_eq!(state("noon", 10), State::Unknown);
    }

    #[test]
    fn records_need_a_backend_that_keeps_them() {
        let with = |names: &[&str]| {
            let modules: Vec<Value> = names.iter().map(|name| json!({"name": name, "status": "Running"})).collect();
            records(&answer(200, json!(modules))).state
        };
        assert_eq!(with(&["cdr", "cel", "cel_manager.so", "cdr_manager.so"]), State::Warning);
        assert_eq!(with(&["cdr_csv.so"]), State::Ok);
        assert_eq!(with(&["cel_pgsql.so"]), State::Ok);
        assert_eq!(records(&answer(404, Value::Null)).state, State::Unknown);
    }

    #[test]
    fn a_trunk_is_there_asked_and_answers_or_not() {
        let state = |state: &str| answer(200, json!({ "state": state }));
        assert_eq!(judge_trunk("PJSIP/x", &state("online"), false).state, State::Ok);
        assert_eq!(judge_trunk("PJSIP/x", &state("online"), true).state, State::Unknown);
        assert_eq!(judge_trunk("PJSIP/x", &state("offline"), false).state, State::Failed);
        assert_eq!(judge_trunk("PJSIP/x", &state("unknown"), false).state, State::Unknown);
        assert_eq!(judge_trunk("PJSIP/x", &answer(404, Value::Null), false).state, State::Failed);
    }

    #[test]
    fn passwords_and_networks_are_judged() {
        let pbx = Pbx {
            id: domain::PbxId(1),
            name: "office".into(),
            host: "10.0.0.9".into(),
            port: 8088,
            username: "carillon".into(),
            application: "carillon".into(),
            originates_per_second: 100,
            link: domain::PbxLink::Ari,
            unit_ms: 50,
            messages_per_unit: 5,
            manager: None,
        };
        assert_eq!(strength(&pbx, "Carillon").state, State::Warning);
        assert_eq!(strength(&pbx, "short").state, State::Warning);
        assert_eq!(strength(&pbx, "36b55009386e4c29").state, State::Ok);
        assert_eq!(judge_exposed(true, None, &pbx).state, State::Ok);
        assert_eq!(judge_exposed(true, Some(([10, 0, 0, 9], 8088).into()), &pbx).state, State::Warning);
        assert_eq!(judge_exposed(false, None, &pbx).state, State::Warning);
    }
}
