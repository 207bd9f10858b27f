//! `carillon pacing-stdio`: the production pacing behind the line protocol.

use crate::common::Home;
use dialer::pacing::engine::Engine;
use dialer::pacing::fact::{Counts, Decision, Fact, Unanswered};
use domain::Mono;
use serde_json::{Value, json};
use sim::floors::{Floor, Pacer, named, play};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

const HELLO: &str = r#"{"type":"hello","version":1,"cap":0.03,"agents_max":12,"days":2,"shift_s":28800.0,"tod_start_s":32400.0,"deadline_s":2.0,"ring_timeout_s":25.0,"min_ring_s":15.0,"max_lines":100,"max_cps":10,"amd":true,"amd_fp_counts":false,"amd_fp_estimate":0.0,"from_a_later_version":[1]}"#;
const TICK: &str = r#"{"type":"tick","t":1.5,"n":{"idle":1,"talk":0,"wrap":0,"pause":0,"dialing":0,"amd":0,"queued":0,"lines":0},"ev":[[0.0,"day",null,null,0],[1.0,"login",null,2],[1.0,"idle",null,2],[1.2,"weather",null,null,"rain"]]}"#;

/// What the program answers to these lines, whatever becomes of it.
fn told(arguments: &[&str], input: &str) -> Output {
    let home = Home::new();
    let mut command = home.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn answers(arguments: &[&str], input: &str) -> Vec<String> {
    let output = told(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_recorded_session_is_answered_as_it_was() {
    let recorded = include_str!("../fixtures/pacing/session.txt");
    let lines = |mark: &str| -> Vec<&str> { recorded.lines().filter_map(|line| line.strip_prefix(mark)).collect() };
    let input = lines("> ").join("\n");
    assert_eq!(answers(&["pacing-stdio"], &input), lines("< "));
    assert_eq!(lines("< ").len() + 1, lines("> ").len(), "one answer for every line but bye");
}

#[test]
fn each_line_is_answered_and_unknown_fields_and_events_are_ignored() {
    let input = format!("{HELLO}\n{TICK}\n{{\"type\":\"bye\"}}\nnever read\n");
    let lines = answers(&["pacing-stdio", "--mode", "progressive"], &input);
    assert_eq!(lines.len(), 2);
    let ready: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&ready["type"], &ready["tick_s"], &ready["events"]), (&json!("ready"), &json!(0.2), &json!("all")));
    assert_eq!(lines[1], r#"{"launch":1}"#);
    assert_eq!(answers(&["pacing-stdio", "--mode", "boost:2"], &input)[1], r#"{"launch":2}"#);
}

#[test]
fn what_holds_the_pace_is_explained_when_asked_for() {
    let output = told(&["pacing-stdio", "--explain"], &format!("{HELLO}\n{TICK}\n"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "1.500 s: too few answers seen yet to look ahead: one call per free agent\n");
}

#[test]
fn a_malformed_line_is_refused_with_its_number_and_what_is_wrong() {
    let refused = |arguments: &[&str], input: &str, problem: &str| {
        let output = told(arguments, input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(problem), "{input}: {said}");
    };
    let stdio = &["pacing-stdio"][..];
    refused(stdio, "hello\n", "line 1: no JSON: ");
    refused(stdio, "[1]\n", "line 1: the line is no JSON object but [1]");
    refused(stdio, &format!("{TICK}\n"), "line 1: tick before hello");
    refused(stdio, &format!("{HELLO}\n{HELLO}\n"), "line 2: hello came twice");
    refused(stdio, "{\"type\":\"dance\"}\n", "line 1: type: \"dance\" is none of hello, tick, bye");
    for (from, to, problem) in [
        ("\"cap\":0.03", "\"cap\":1.5", "line 1: cap: 1.5 is outside 0..=1"),
        ("\"cap\":0.03", "\"cap\":\"x\"", "line 1: cap: \"x\" is no number"),
        ("\"cap\":0.03,", "", "line 1: cap is missing"),
        ("\"agents_max\":12", "\"agents_max\":-1", "line 1: agents_max: -1 is no whole number from 0 up"),
        ("\"max_cps\":10", "\"max_cps\":-3", "line 1: max_cps: -3 is no whole number"),
        ("\"version\":1", "\"version\":2", "line 1: version: 2 of the protocol is not spoken, 1 is"),
        ("\"shift_s\":28800.0", "\"shift_s\":0", "line 1: shift_s: 0 is outside"),
    ] {
        refused(stdio, &format!("{}\n", HELLO.replace(from, to)), problem);
    }
    for (from, to, problem) in [
        ("\"t\":1.5", "\"t\":-1", "line 2: t: -1 is outside"),
        ("\"idle\":1", "\"idle\":0.5", "line 2: idle: 0.5 is no whole number"),
        ("\"ev\":[", "\"ev\":[[1.0,\"launch\",null,null],", "has no call"),
        ("\"ev\":[", "\"ev\":[[1.0,\"idle\",null,4000000000],", "agents are numbered 0 to 99999"),
        ("\"ev\":[", "\"ev\":[7,", "line 2: ev: 7 is no list"),
    ] {
        refused(stdio, &format!("{HELLO}\n{}\n", TICK.replace(from, to)), problem);
    }
    refused(&["pacing-stdio", "--cap", "2"], &format!("{HELLO}\n"), "cap: 2 is outside 0..=1");
    refused(&["pacing-stdio", "--mode", "fast"], "", "\"fast\" is none of predictive, guaranteed, progressive");
    refused(&["pacing-stdio", "--mode", "ratio:0"], "", "0 is outside 0.01..=20");
}

/// What agents do who flap, and a clock that steps back and forth, never makes one call too many.
#[test]
fn agents_that_flap_and_clocks_that_step_never_make_a_call_too_many() {
    let mut input = format!("{HELLO}\n");
    for tick in 0..200 {
        let t = if tick % 7 == 3 { 0.0 } else { f64::from(tick) };
        let (idle, kind) = if tick % 2 == 0 { (1, "idle") } else { (0, "pause") };
        let n = json!({"idle": idle, "talk": 0, "wrap": 0, "pause": 1 - idle, "dialing": 0, "amd": 0, "queued": 0, "lines": 0});
        let tick = json!({"type": "tick", "t": t, "n": n, "ev": [[t, kind, null, 0]]});
        writeln!(input, "{tick}").unwrap();
    }
    for (tick, line) in answers(&["pacing-stdio"], &input).iter().skip(1).enumerate() {
        let launch = serde_json::from_str::<Value>(line).unwrap()["launch"].as_u64().unwrap();
        assert!(launch <= u64::from(tick % 2 == 0), "tick {tick}: {line}");
    }
    let nobody = HELLO.replace("\"agents_max\":12", "\"agents_max\":0");
    let tick = TICK.replace("\"idle\":1", "\"idle\":0").replace("[1.0,\"idle\",null,2],", "");
    assert_eq!(answers(&["pacing-stdio"], &format!("{nobody}\n{tick}\n"))[1], r#"{"launch":0}"#);
}

/// A floor paced by the program, and beside it by the engine in this process: they must agree line by line.
struct Both {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    engine: Engine,
    news: Vec<Value>,
    session: String,
}

impl Both {
    fn new(floor: &Floor) -> Self {
        let home = Home::new();
        let mut command = home.command(&["pacing-stdio"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let engine = Engine::new(floor.terms.clone(), "predictive".parse().unwrap()).unwrap();
        let mut both = Self { child, input, output, engine, news: Vec::new(), session: String::new() };
        let terms = &floor.terms;
        let ready = both.ask(&json!({
            "type": "hello", "version": 1, "cap": terms.cap, "agents_max": terms.agents_max, "days": floor.days,
            "shift_s": floor.shift_s, "tod_start_s": 32_400.0, "deadline_s": terms.deadline_s,
            "ring_timeout_s": terms.ring_timeout_s, "min_ring_s": terms.min_ring_s, "max_lines": terms.lines_max,
            "max_cps": terms.launches_per_s, "amd": terms.analysis, "amd_fp_counts": terms.lost_to_analysis > 0.0,
            "amd_fp_estimate": terms.lost_to_analysis,
        }));
        assert_eq!(ready["tick_s"].as_f64(), Some(both.engine.decide_every_s()));
        both
    }

    fn ask(&mut self, line: &Value) -> Value {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
        let mut reply = String::new();
        self.output.read_line(&mut reply).unwrap();
        writeln!(self.session, "> {line}\n< {}", reply.trim_end()).unwrap();
        serde_json::from_str(&reply).unwrap_or_else(|_| panic!("{line}: {reply}"))
    }
}

fn seconds(at: Mono) -> f64 {
    at.since(Mono(0)) as f64 / 1e6
}

impl Pacer for Both {
    fn every_s(&self) -> f64 {
        self.engine.decide_every_s()
    }

    fn fact(&mut self, at: Mono, fact: Fact) {
        self.engine.fact(at, fact);
        let t = seconds(at);
        self.news.push(match fact {
            Fact::DayBegan => json!([t, "day", null, null, 0]),
            Fact::Launched(call) => json!([t, "launch", call, null]),
            Fact::Rings(call) => json!([t, "ring", call, null]),
            Fact::Answered(call) => json!([t, "answer", call, null]),
            Fact::Person(call) => json!([t, "human", call, null]),
            Fact::Machine(call) => json!([t, "machine", call, null]),
            Fact::Ended(call, Unanswered::NoAnswer) => json!([t, "end", call, null, "noanswer"]),
            Fact::Ended(call, Unanswered::NotThrough) => json!([t, "end", call, null, "busy"]),
            Fact::Ended(call, Unanswered::Cancelled) => json!([t, "end", call, null, "cancel"]),
            Fact::Queued(call) => json!([t, "queued", call, null]),
            Fact::Abandoned(call) => json!([t, "abandon", call, null]),
            Fact::Connected(call, agent) => json!([t, "connect", call, agent]),
            Fact::WrapUp(agent) => json!([t, "wrap", 0, agent]),
            Fact::Done { agent, person: true } => json!([t, "dispo", 0, agent, "human"]),
            Fact::Done { agent, person: false } => json!([t, "dispo", 0, agent, "machine"]),
            Fact::Idle(agent) => json!([t, "idle", null, agent]),
            Fact::Paused(agent) => json!([t, "pause", null, agent]),
            Fact::LoggedOut(agent) => json!([t, "logout", null, agent]),
        });
    }

    fn decide(&mut self, at: Mono, counts: &Counts, wrapping_up: u32) -> Decision {
        let decision = self.engine.decide(at, Some(counts));
        let n = json!({
            "idle": counts.idle, "talk": counts.talking, "wrap": wrapping_up, "pause": 0, "dialing": counts.dialing,
            "amd": counts.analysed, "queued": counts.queued, "lines": counts.lines(),
        });
        let ev = std::mem::take(&mut self.news);
        let reply = self.ask(&json!({"type": "tick", "t": seconds(at), "n": n, "ev": ev}));
        assert_eq!(reply["launch"].as_u64(), Some(decision.launch.into()), "{}", seconds(at));
        let cancel: Vec<u64> = reply["cancel"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        assert_eq!(cancel, decision.cancel);
        decision
    }
}

#[test]
fn the_program_paces_a_floor_exactly_as_the_engine_does() {
    let mut floor = named().into_iter().find(|floor| floor.name == "10").unwrap();
    (floor.days, floor.shift_s, floor.terms.period_s) = (1, 1_200.0, 1_200.0);
    let mut both = Both::new(&floor);
    let score = play(&floor, 7, &mut both);
    assert!(score.live > 10 && score.occupancy > 0.3, "{score:?}");
    writeln!(both.input, "{{\"type\":\"bye\"}}").unwrap();
    assert!(both.child.wait().unwrap().success());
    // To record the session anew: CARILLON_RECORD=1, and commit the file when the change of the pacing is wanted.
    if std::env::var_os("CARILLON_RECORD").is_some() {
        let lines: Vec<&str> = both.session.lines().take(1_200).collect();
        let session = lines.join("\n") + "\n> {\"type\":\"bye\"}\n";
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pacing/session.txt"), session).unwrap();
    }
}
