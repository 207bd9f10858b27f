//! `carillon simulate`: a campaign played ahead, and what came beside what was said.

use super::pacing;
use super::progress::Progress;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, percent, say, table};
use crate::span;
use clap::Args;
use domain::Timestamp;
use serde_json::{Map, Value};

/// What is to be different, and how it is played.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The campaign, name or id
    campaign: String,
    /// Agents [default: those who are logged on and not paused]
    #[arg(long, value_name = "N")]
    agents: Option<u32>,
    /// Share of the calls that are answered, 0 to 1 [default: as the campaign's last attempts were]
    #[arg(long, value_name = "SHARE")]
    answer_rate: Option<f64>,
    /// Share of the answers that analysis finds to be machines, 0 to 1
    #[arg(long, value_name = "SHARE")]
    machine_share: Option<f64>,
    /// Abandoned calls of live answers, at most: 0.03 is 3 % [default: the campaign's]
    #[arg(long, value_name = "SHARE")]
    cap: Option<f64>,
    /// automatic, boost, progressive, ratio:N, adapt-hard-limit, adapt-average, adapt-tapered, predictive or guaranteed
    /// [default: the campaign's]
    #[arg(long, value_name = "MODE", value_parser = pacing::mode)]
    mode: Option<Map<String, Value>>,
    /// Calls on their way per free agent, in the place of the boosts of end points and run
    #[arg(long, value_name = "FACTOR")]
    boost: Option<f64>,
    /// Conversation on the average, e.g. 90s
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    talk: Option<u32>,
    /// Wrap-up on the average, e.g. 20s
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    wrap: Option<u32>,
    /// From the first ring to the answer on the average, e.g. 12s
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    ring: Option<u32>,
    /// Hours that are looked ahead, up to 744 [default: 24]
    #[arg(long, value_name = "H")]
    hours: Option<f64>,
    /// How often it is played, 1 to 100: more tell better how far results lie apart [default: 5]
    #[arg(long, value_name = "N")]
    seeds: Option<u32>,
    /// Seed of the first play: with the same one two forecasts meet the same people [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// When it begins, e.g. "2026-11-23 09:00" [default: now]
    #[arg(long, value_name = "TIME", value_parser = span::instant)]
    from: Option<Timestamp>,
    /// Show the forecasts that were made before, each beside what the run did
    #[arg(long)]
    past: bool,
}

impl Options {
    fn body(&self) -> Value {
        let given = [
            ("agents", self.agents.map(Value::from)),
            ("answer_rate", self.answer_rate.map(Value::from)),
            ("machine_share", self.machine_share.map(Value::from)),
            ("cap", self.cap.map(Value::from)),
            ("boost", self.boost.map(Value::from)),
            ("talk_s", self.talk.map(Value::from)),
            ("wrap_up_s", self.wrap.map(Value::from)),
            ("ring_s", self.ring.map(Value::from)),
            ("hours", self.hours.map(Value::from)),
            ("seeds", self.seeds.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
            ("from", self.from.map(|at| Value::from(at.to_string()))),
        ];
        let mut body: Map<String, Value> =
            given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        body.extend(self.mode.clone().unwrap_or_default());
        Value::Object(body)
    }
}

/// Does it. Who ends the program ends the forecast.
pub(crate) async fn run(options: Options, session: &Session) -> Result<(), Failure> {
    let path = session.client.path(Noun::Campaign, &options.campaign).await?;
    if options.past {
        let answer = session.client.get(&format!("{path}/forecasts")).await?;
        session.print(&answer, past);
        return Ok(());
    }
    let mut lines = session.client.lines(&format!("{path}/forecast"), &options.body()).await?;
    let mut progress = Progress::steps("playing ahead");
    let last = loop {
        let line = tokio::select! {
            line = lines.next() => line.map_err(Failure::unreachable)?,
            _ = tokio::signal::ctrl_c() => return Err(Failure::refused("cancelled: nothing is kept of the forecast")),
        };
        let done = &line["progress"];
        if done.is_null() {
            break line;
        }
        let share = done["share"].as_f64().unwrap_or(0.0);
        let words = match share {
            0.0 => format!("{} of {} contacts read", cell(done, "contacts_read"), cell(done, "contacts")),
            _ => format!("{} of {} plays done", cell(done, "played"), cell(done, "seeds")),
        };
        progress.show((share * 100.0) as u64, &words);
    };
    progress.finish();
    if let Some(error) = last["error"].as_object() {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let remedy = if text("remedy").is_empty() { "--help shows what is expected" } else { text("remedy") };
        return Err(Failure::refused(text("message")).remedy(remedy));
    }
    let forecast = last.get("forecast").ok_or_else(|| Failure::answer("forecast"))?;
    if session.json {
        say(forecast)
    } else {
        say(shown(forecast))
    }
    Ok(())
}

/// A figure with its spread: `412 (398 to 431)`.
fn spread(of: &Value, word: impl Fn(f64) -> String) -> String {
    let at = |name: &str| of[name].as_f64();
    match (at("low"), at("median"), at("high")) {
        (Some(low), Some(median), Some(high)) => {
            let (low, median, high) = (word(low), word(median), word(high));
            if low == high { median } else { format!("{median} ({low} to {high})") }
        }
        _ => "-".to_owned(),
    }
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

fn seconds(value: f64) -> String {
    format!("{value:.1} s")
}

fn shown(forecast: &Value) -> String {
    let figures = &forecast["figures"];
    let of = |name: &str, word: fn(f64) -> String| spread(&figures[name], word);
    let (finished, seeds) = (cell(figures, "finished"), cell(forecast, "seeds"));
    let ends = match figures["finished_at"].is_null() {
        true => format!("not within {} h ({finished} of {seeds} plays)", cell(forecast, "hours")),
        false => {
            let late = if figures["finished_late_at"].is_null() {
                "not within the hours".to_owned()
            } else {
                local(figures, "finished_late_at")
            };
            format!("{} ({} to {late})", local(figures, "finished_at"), local(figures, "finished_early_at"))
        }
    };
    let mut rows = vec![
        ("begins", local(forecast, "begins_at")),
        ("finished", ends),
        ("contacts left", of("left", count)),
        ("calls", of("attempts", count)),
        ("calls per hour", of("calls_per_hour", count)),
        ("answered", of("answered", count)),
        ("retries", of("retries", count)),
    ];
    if forecast["agents"] != 0 {
        rows.extend([
            ("agents", cell(forecast, "agents")),
            ("occupancy", of("occupancy", percent)),
            ("wait between calls", of("idle_s", seconds)),
            ("conversations", of("conversations", count)),
            ("abandoned", format!("{}: {} of live answers", of("abandoned", count), of("abandoned_share", percent))),
            ("worst quarter hour", format!("{}: {}", of("worst_quarter_calls", count), of("worst_quarter", percent))),
        ]);
    }
    let mut text = format!("{}\n", facts(rows));
    let mut hours = table(&["hour", "calls", "answered", "abandoned", "occupancy"]);
    for hour in forecast["series"].as_array().into_iter().flatten() {
        hours.add_row([
            local(hour, "at"),
            spread(&hour["attempts"], count),
            spread(&hour["answered"], count),
            spread(&hour["abandoned"], count),
            spread(&hour["occupancy"], percent),
        ]);
    }
    text.push_str(&format!("{hours}\n"));
    let mut outcomes = table(&["outcome", "calls", "tried again"]);
    for outcome in forecast["outcomes"].as_array().into_iter().flatten() {
        let calls = [spread(&outcome["calls"], count), spread(&outcome["retried"], count)];
        outcomes.add_row([vec![cell(outcome, "state")], calls.to_vec()].concat());
    }
    text.push_str(&format!("{outcomes}\n"));
    let mut kept_back = table(&["contacts", "at the beginning"]);
    kept_back.add_row(["in the lists".to_owned(), cell(forecast, "contacts")]);
    for bucket in forecast["exclusions"].as_array().into_iter().flatten().filter(|bucket| bucket["first"] != 0) {
        kept_back.add_row([cell(bucket, "text"), cell(bucket, "first")]);
    }
    kept_back.add_row(["may be called".to_owned(), cell(forecast, "dialable")]);
    text.push_str(&format!("{kept_back}\n"));
    if forecast["rules"].as_array().is_some_and(|rules| !rules.is_empty()) {
        let mut rules = table(&["rule", "contacts put off", "how often", "refused"]);
        for rule in forecast["rules"].as_array().into_iter().flatten() {
            let figure = |name: &str| spread(&rule[name], count);
            rules.add_row([cell(rule, "rule"), figure("put_off"), figure("times"), figure("refused")]);
        }
        text.push_str(&format!("{rules}\n"));
    }
    let mut goes_by = table(&["goes by", "", "known from"]);
    for one in forecast["assumptions"].as_array().into_iter().flatten() {
        let (name, value) = (cell(one, "name"), one["value"].as_f64().unwrap_or(0.0));
        let value = match () {
            () if name.ends_with("_s") => seconds(value),
            () if name == "agents" => count(value),
            () => percent(value),
        };
        goes_by.add_row([name, value, source(one)]);
    }
    text.push_str(&goes_by.to_string());
    text
}

fn source(one: &Value) -> String {
    match cell(one, "source").as_str() {
        "given" => "what you said".to_owned(),
        "learnt" => format!("the campaign's own calls ({})", cell(one, "seen")),
        "seen" => "the queues now".to_owned(),
        _ => "nothing: a usual figure".to_owned(),
    }
}

fn past(answer: &Value) -> String {
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return "no forecast of this campaign was made yet".to_owned();
    }
    let mut text = Vec::new();
    for item in items {
        let (forecast, came) = (&item["forecast"], &item["outcome"]);
        let (figures, made) = (&forecast["figures"], local(forecast, "made_at"));
        let mut both = table(&[&format!("forecast {} of {made}", cell(forecast, "id")), "said", "came"]);
        let ended = if came.is_null() { "no run since".to_owned() } else { cell(came, "state") };
        both.add_row(["run".to_owned(), cell(forecast, "run"), format!("{} {ended}", cell(came, "run"))]);
        both.add_row(["finished".to_owned(), local(figures, "finished_at"), local(came, "finished_at")]);
        for (name, head) in [
            ("attempts", "calls"),
            ("answered", "answered"),
            ("calls_per_hour", "calls per hour"),
            ("retries", "retries"),
            ("conversations", "conversations"),
            ("abandoned", "abandoned"),
        ] {
            let real = came[name].as_f64().map_or("-".to_owned(), count);
            both.add_row([head.to_owned(), spread(&figures[name], count), real]);
        }
        let share = came["abandoned_share"].as_f64().map_or("-".to_owned(), percent);
        both.add_row(["share abandoned".to_owned(), spread(&figures["abandoned_share"], percent), share]);
        let talk = came["talk_occupancy"].as_f64().map_or("-".to_owned(), |share| format!("{} talk", percent(share)));
        both.add_row(["occupancy".to_owned(), spread(&figures["occupancy"], percent), talk]);
        text.push(both.to_string());
    }
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(low: f64, median: f64, high: f64) -> Value {
        json!({ "low": low, "median": median, "high": high })
    }

    #[test]
    fn a_spread_says_how_far_results_lie_apart() {
        assert_eq!(spread(&of(398.2, 412.0, 431.0), count), "412 (398 to 431)");
        assert_eq!(spread(&of(5.0, 5.0, 5.0), count), "5");
        assert_eq!(spread(&of(0.81, 0.85, 0.9), percent), "85.0 % (81.0 % to 90.0 %)");
        assert_eq!(spread(&Value::Null, count), "-");
    }

    #[test]
    fn what_is_not_reached_is_said() {
        let figures = json!({"finished": 0, "finished_at": null, "left": of(7.0, 9.0, 12.0)});
        let forecast = json!({"figures": figures, "seeds": 5, "hours": 8.0, "agents": 0,
            "assumptions": [{"name": "answer_rate", "value": 0.25, "source": "learnt", "seen": 812}]});
        let text = shown(&forecast);
        for part in ["not within 8.0 h (0 of 5 plays)", "9 (7 to 12)", "25.0 %", "the campaign's own calls (812)"] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("occupancy\n"), "{text}");
        assert_eq!(past(&json!({"items": []})), "no forecast of this campaign was made yet");
        let item = json!({"forecast": forecast, "outcome": {"run": 7, "state": "COMPLETED", "attempts": 412}});
        let text = past(&json!({"items": [item]}));
        assert!(text.contains("7 COMPLETED") && text.contains("412"), "{text}");
    }
}
