//! `carillon pacing-stdio`: the pacing that runs in production, behind a line protocol for simulators.
//!
//! One JSON object per line in, one out for `hello` and every `tick`. No policy here: lines become facts, decisions lines.

use crate::failure::Failure;
use dialer::pacing::engine::Engine;
use dialer::pacing::fact::{AGENTS_MAX, Counts, Decision, Fact, Terms, Unanswered, Why};
use dialer::pacing::mode::Mode;
use domain::Mono;
use serde_json::{Map, Value, json};
use std::io::{BufRead, Write};

/// The version of the protocol.
const VERSION: u64 = 1;
/// A line may have so many bytes: the events of five seconds of the largest floor are a hundredth of it.
const LINE_MAX: u64 = 64 << 20;
/// The latest instant that is believed, in seconds: three hundred years.
const SECONDS_MAX: f64 = 1e10;

/// How to pace.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// predictive, guaranteed, progressive, ratio:N, boost:N, adapt-hard-limit, adapt-average or adapt-tapered
    #[arg(long, default_value = "predictive")]
    mode: Mode,
    /// Abandoned calls of live answers, at most, 0 to 1, instead of what the simulator says
    #[arg(long)]
    cap: Option<f64>,
    /// Say on stderr what holds the pace whenever that changes
    #[arg(long)]
    explain: bool,
}

/// Answers until `bye` or the end of the input.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut session = Session { options, engine: None, why: None };
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut input, LINE_MAX);
        let read = limited.read_line(&mut line).map_err(|error| at(number, error))?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_MAX {
            return Err(at(number, format!("longer than {LINE_MAX} bytes")));
        }
        if line.trim().is_empty() {
            continue;
        }
        match session.line(&line).map_err(|problem| at(number, problem))? {
            Reply::Line(reply) => {
                let written = writeln!(output, "{reply}").and_then(|()| output.flush());
                written.map_err(|error| Failure::refused(format!("cannot answer line {number}: {error}")))?;
            }
            Reply::Bye => break,
        }
    }
    Ok(())
}

fn at(number: u64, problem: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("line {number}: {problem}"))
        .remedy("the pacing protocol, version 1, is one JSON object per line: hello, then ticks, then bye")
}

enum Reply {
    Line(Value),
    Bye,
}

struct Session<'a> {
    options: &'a Options,
    engine: Option<Engine>,
    why: Option<Why>,
}

impl Session<'_> {
    fn line(&mut self, line: &str) -> Result<Reply, String> {
        let message = Fields::of("the line", serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?)?;
        match (message.text("type")?, &mut self.engine) {
            ("hello", None) => {
                let engine = self.hello(&message)?;
                let reply = json!({
                    "type": "ready",
                    "name": concat!("carillon ", env!("CARGO_PKG_VERSION")),
                    "tick_s": engine.decide_every_s(),
                    "events": "all",
                    "on_event": false,
                });
                self.engine = Some(engine);
                Ok(Reply::Line(reply))
            }
            ("hello", Some(_)) => Err("hello came twice".to_owned()),
            ("tick", Some(engine)) => {
                let now = message.instant("t")?;
                for event in message.list("ev")? {
                    let (at, fact) = event_of(event)?;
                    if let Some(fact) = fact {
                        engine.fact(at, fact);
                    }
                }
                let decision = engine.decide(now, Some(&counts(&message)?));
                self.explain(&message, &decision);
                let Decision { launch, cancel, .. } = decision;
                let plain = cancel.is_empty();
                Ok(Reply::Line(if plain {
                    json!({"launch": launch})
                } else {
                    json!({"launch": launch, "cancel": cancel})
                }))
            }
            ("tick", None) => Err("tick before hello".to_owned()),
            ("bye", _) => Ok(Reply::Bye),
            (other, _) => Err(format!("type: {other:?} is none of hello, tick, bye")),
        }
    }

    fn hello(&self, hello: &Fields) -> Result<Engine, String> {
        let version = hello.count("version")?;
        if version != VERSION {
            return Err(format!("version: {version} of the protocol is not spoken, {VERSION} is"));
        }
        let counts_lost = hello.yes("amd_fp_counts")?;
        let terms = Terms {
            cap: self.options.cap.map_or_else(|| hello.number("cap"), Ok)?,
            lost_to_analysis: if counts_lost { hello.number("amd_fp_estimate")? } else { 0.0 },
            agents_max: hello.small("agents_max")?,
            period_s: hello.number("shift_s")? * f64::from(hello.small("days")?),
            deadline_s: hello.number("deadline_s")?,
            ring_timeout_s: hello.number("ring_timeout_s")?,
            min_ring_s: hello.number("min_ring_s")?,
            analysis: hello.yes("amd")?,
            lines_max: hello.small("max_lines")?,
            launches_per_s: hello.small("max_cps")?,
        };
        Engine::new(terms, self.options.mode).map_err(|invalid| invalid.to_string())
    }

    fn explain(&mut self, tick: &Fields, decision: &Decision) {
        if self.options.explain && self.why != Some(decision.why) {
            self.why = Some(decision.why);
            let t = tick.number("t").unwrap_or_default();
            crate::output::note(format_args!("{t:.3} s: {}", decision.why.text()));
        }
    }
}

/// Of an event, when and what; nothing for those that say nothing to the pacing, now or in later versions.
fn event_of(event: &Value) -> Result<(Mono, Option<Fact>), String> {
    let wrong = |what: &str| format!("ev: {event} has no {what}");
    let list = event.as_array().ok_or_else(|| format!("ev: {event} is no list"))?;
    let at = list.first().and_then(Value::as_f64).ok_or_else(|| wrong("instant"))?;
    let at = instant_of("ev", at)?;
    let kind = list.get(1).and_then(Value::as_str).ok_or_else(|| wrong("kind"))?;
    let call = || list.get(2).and_then(Value::as_u64).ok_or_else(|| wrong("call"));
    let agent = || {
        let agent = list.get(3).and_then(Value::as_u64).ok_or_else(|| wrong("agent"))?;
        let agent = u32::try_from(agent).ok().filter(|agent| *agent < AGENTS_MAX);
        agent.ok_or_else(|| format!("ev: {event}: agents are numbered 0 to {}", AGENTS_MAX - 1))
    };
    let extra = || list.get(4).and_then(Value::as_str).ok_or_else(|| wrong("word at its end"));
    let fact = match kind {
        "day" => Fact::DayBegan,
        "launch" => Fact::Launched(call()?),
        "ring" => Fact::Rings(call()?),
        "answer" => Fact::Answered(call()?),
        "human" => Fact::Person(call()?),
        "machine" => Fact::Machine(call()?),
        "end" => {
            let how = match extra()? {
                "cancel" => Unanswered::Cancelled,
                "busy" | "failed" => Unanswered::NotThrough,
                _ => Unanswered::NoAnswer,
            };
            Fact::Ended(call()?, how)
        }
        "queued" => Fact::Queued(call()?),
        "abandon" => Fact::Abandoned(call()?),
        "connect" => Fact::Connected(call()?, agent()?),
        "wrap" => Fact::WrapUp(agent()?),
        "dispo" => Fact::Done { agent: agent()?, person: extra()? == "human" },
        "idle" => Fact::Idle(agent()?),
        "pause" => Fact::Paused(agent()?),
        "logout" => Fact::LoggedOut(agent()?),
        _ => return Ok((at, None)),
    };
    Ok((at, Some(fact)))
}

fn counts(tick: &Fields) -> Result<Counts, String> {
    let n = Fields::of("n", tick.0.get("n").cloned().unwrap_or_default())?;
    Ok(Counts {
        idle: n.small("idle")?,
        talking: n.small("talk")?,
        dialing: n.small("dialing")?,
        analysed: n.small("amd")?,
        queued: n.small("queued")?,
    })
}

/// What is believed of an instant in seconds.
fn instant_of(name: &str, seconds: f64) -> Result<Mono, String> {
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err(format!("{name}: {seconds} is outside 0..={SECONDS_MAX}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the range above")]
    Ok(Mono((seconds * 1e6).round() as u64))
}

/// The fields of an object; those that nobody asks for are ignored.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(what: &str, value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(format!("{what} is no JSON object but {other}")),
        }
    }

    fn get<'a, T>(&'a self, name: &str, kind: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T, String> {
        let value = self.0.get(name).ok_or_else(|| format!("{name} is missing"))?;
        read(value).ok_or_else(|| format!("{name}: {value} is no {kind}"))
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.get(name, "text", Value::as_str)
    }

    fn number(&self, name: &str) -> Result<f64, String> {
        self.get(name, "number", Value::as_f64)
    }

    fn count(&self, name: &str) -> Result<u64, String> {
        self.get(name, "whole number from 0 up", Value::as_u64)
    }

    fn small(&self, name: &str) -> Result<u32, String> {
        let count = self.count(name)?;
        u32::try_from(count).map_err(|_| format!("{name}: {count} is more than {}", u32::MAX))
    }

    fn yes(&self, name: &str) -> Result<bool, String> {
        self.get(name, "true or false", Value::as_bool)
    }

    fn instant(&self, name: &str) -> Result<Mono, String> {
        instant_of(name, self.number(name)?)
    }

    fn list(&self, name: &str) -> Result<&[Value], String> {
        self.get(name, "list", |value| value.as_array().map(Vec::as_slice))
    }
}
