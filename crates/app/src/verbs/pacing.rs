//! How a campaign is paced, as options and in words.

use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts};
use crate::span;
use clap::Args;
use serde_json::{Map, Value, json};

const MODES: &str =
    "automatic, boost, progressive, ratio:N, adapt-hard-limit, adapt-average, adapt-tapered, predictive, guaranteed";

/// The options of `campaign create` and `campaign set`. What is not given stays as it is.
#[derive(Debug, Args)]
// Beside the options of limits, whose group has the name of its type, too.
#[group(id = "pacing_options")]
#[command(next_help_heading = "Pace of calls for agents")]
pub(crate) struct Options {
    /// automatic, boost, progressive, ratio:N (calls per free agent), adapt-hard-limit, adapt-average or adapt-tapered
    /// (VICIdial's), predictive, or guaranteed: predictive, and the cap holds at every instant [default: automatic]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pacing: Option<Map<String, Value>>,
    /// Abandoned calls of live answers over the counting period, at most: 0.03 is 3 % [default: 0.03]
    #[arg(long, value_name = "SHARE")]
    abandoned_cap: Option<f64>,
    /// Days of the counting period, 1 to 30 [default: 30]
    #[arg(long, value_name = "DAYS")]
    abandoned_days: Option<u32>,
    /// How long after the answer an agent must have the call, e.g. 2s: later it counts as abandoned [default: 2s]
    #[arg(long, value_name = "SPAN", value_parser = span::milliseconds)]
    abandoned_after: Option<u32>,
    /// Whether people who find no agent in time are brought to the recorded message: yes, no, or by-pace: in every mode but
    /// boost [default: by-pace]
    #[arg(long, value_name = "WHETHER", value_parser = ["yes", "no", "by-pace"])]
    safe_harbour: Option<String>,
    /// How long a call rings at least before it may be cancelled for want of an agent, e.g. 15s [default: 15s]
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    cancel_after: Option<u32>,
    /// The share of live answers that analysis takes for machines, where they count as abandoned; 0: they do not [default: 0]
    #[arg(long, value_name = "SHARE")]
    false_positives: Option<f64>,
}

impl Options {
    /// The pacing `had` with what is given here in its place; `None`: nothing is given.
    pub(super) fn applied_to(self, had: &Value) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let mut pacing = had.as_object().cloned().unwrap_or_default();
        pacing.extend(self.pacing.unwrap_or_default());
        let given = [
            ("cap", self.abandoned_cap.map(Value::from)),
            ("period_days", self.abandoned_days.map(Value::from)),
            ("deadline_ms", self.abandoned_after.map(Value::from)),
            ("safe_harbour", self.safe_harbour.as_deref().map(harbour)),
            ("min_ring_s", self.cancel_after.map(Value::from)),
            ("false_positives_count", self.false_positives.map(|share| Value::from(share != 0.0))),
            ("false_positives_estimate", self.false_positives.map(Value::from)),
        ];
        pacing.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Some(Value::Object(pacing))
    }

    /// Whether nothing is given.
    pub(super) fn is_empty(&self) -> bool {
        let numbers = [self.abandoned_days, self.abandoned_after, self.cancel_after] == [None; 3];
        let shares = [self.abandoned_cap, self.false_positives] == [None; 2];
        self.pacing.is_none() && self.safe_harbour.is_none() && numbers && shares
    }
}

/// What a campaign asks for, and what its run does now.
pub(super) async fn show(campaign: &str, session: &Session) -> Result<(), Failure> {
    let id = session.client.named(Noun::Campaign, campaign).await?["id"].as_i64().unwrap_or_default();
    let answer = session.client.get(&format!("api/campaigns/{id}/pacing")).await?;
    session.print(&answer, |pacing| {
        let now = &pacing["now"];
        let mut all = vec![("asked", words(&pacing["settings"]))];
        if now.is_null() {
            all.push(("now", "no run".to_owned()));
            return facts(all);
        }
        all.push(("now", by(now).to_owned()));
        if now["by"] == "engine" {
            all.extend([
                ("free agents", cell(now, "free")),
                ("calls for them", cell(now, "open")),
                ("waiting", cell(now, "waiting")),
                ("abandoned", format!("{} of {} live answers", cell(now, "abandoned"), cell(now, "live"))),
                ("budget left", format!("{:.1} calls", now["budget_left"].as_f64().unwrap_or_default())),
            ]);
        }
        if !cell(now, "why").is_empty() {
            all.push(("why not more", cell(now, "why")));
        }
        facts(all)
    });
    Ok(())
}

fn by(now: &Value) -> &'static str {
    match (now["by"].as_str(), now["policy"].as_str()) {
        (_, Some("guaranteed")) => "predictive, the cap is guaranteed",
        (_, Some(_)) => "predictive",
        (Some("channels"), _) => "a call per channel: none of its end points has agents in a queue",
        (Some("boost"), _) => "boost of end point and run",
        (Some("ratio"), _) => "fixed ratio",
        (Some("engine"), _) => "adaptive",
        _ => "one call for each free agent",
    }
}

/// Pacing as one line of words.
pub(super) fn words(pacing: &Value) -> String {
    let mode = match cell(pacing, "mode").as_str() {
        "ratio" => format!("ratio:{}", cell(pacing, "ratio")),
        "predictive" if pacing["policy"] == "guaranteed" => "guaranteed".to_owned(),
        mode => mode.replace('_', "-"),
    };
    let percent = pacing["cap"].as_f64().unwrap_or_default() * 100.0;
    let seconds = pacing["deadline_ms"].as_f64().unwrap_or_default() / 1_000.0;
    let harbour = match pacing["safe_harbour"].as_bool() {
        Some(true) => "; then brought to the message",
        Some(false) => "; and wait on then",
        None => "",
    };
    let days = cell(pacing, "period_days");
    format!("{mode}; {percent} % abandoned in {days} days at most, after {seconds} s{harbour}")
}

fn harbour(word: &str) -> Value {
    match word {
        "yes" => Value::Bool(true),
        "no" => Value::Bool(false),
        _ => Value::Null,
    }
}

/// The fields of `ratio:1.5`.
pub(super) fn mode(text: &str) -> Result<Map<String, Value>, String> {
    let fields = match text.split_once(':').unwrap_or((text, "")) {
        ("ratio", factor) => {
            let factor: f64 = factor.parse().map_err(|_| format!("{text:?} is no ratio, e.g. ratio:1.5"))?;
            json!({ "mode": "ratio", "ratio": factor })
        }
        ("guaranteed", "") => json!({ "mode": "predictive", "policy": "guaranteed" }),
        ("predictive", "") => json!({ "mode": "predictive", "policy": "budget" }),
        ("automatic" | "boost" | "progressive", "") => json!({ "mode": text }),
        ("adapt-hard-limit" | "adapt-average" | "adapt-tapered", "") => json!({ "mode": text.replace('-', "_") }),
        _ => return Err(format!("{text:?} is none of {MODES}")),
    };
    Ok(fields.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_and_told_in_the_same_words() {
        let told = |text: &str| {
            let mut pacing = mode(text).unwrap();
            pacing.extend([("cap".to_owned(), json!(0.03)), ("period_days".to_owned(), json!(30))]);
            words(&Value::Object(pacing))
        };
        for text in ["automatic", "boost", "progressive", "ratio:1.5", "adapt-tapered", "predictive", "guaranteed"] {
            assert!(told(text).starts_with(&format!("{text}; 3 % abandoned in 30 days")), "{}", told(text));
        }
        assert!(mode("fast").unwrap_err().contains("\"fast\" is none of automatic, boost"));
        assert!(mode("ratio").is_err() && mode("boost:2").is_err());
    }
}
