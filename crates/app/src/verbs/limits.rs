//! What a campaign is limited to beyond its packs, as options and in words.

use super::campaign::days;
use crate::output::{cell, show};
use crate::span;
use clap::Args;
use serde_json::{Map, Value, json};

/// The options of `campaign create` and `campaign set`. What is not given stays as it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits beyond its packs")]
pub(crate) struct Options {
    /// Hours on the callee's clock, e.g. mon-fri@09:00-20:00; repeat it for more. Replaces those it has
    #[arg(long = "callee-hours", value_name = "DAYS@FROM-TO", value_parser = day_hours)]
    callee_hours: Vec<Value>,
    /// A day without calls, 2026-12-25 or every year 12-25; repeat it for more. Replaces those it has
    #[arg(long = "holiday", value_name = "DAY")]
    holidays: Vec<String>,
    /// Attempts to a number at most, e.g. 3/24h or 7/7d, or to a person on any number: 3/24h/person; repeat it for more.
    /// Replaces those it has
    #[arg(long = "cap", value_name = "N/SPAN", value_parser = cap)]
    caps: Vec<Value>,
    /// How long nobody calls after a conversation, in whole hours, e.g. 7d
    #[arg(long, value_name = "SPAN", value_parser = hours)]
    cooldown: Option<u32>,
    /// Least time between two attempts to one number, in whole minutes, e.g. 2h
    #[arg(long, value_name = "SPAN", value_parser = minutes)]
    gap: Option<u32>,
    /// Call only with consent (CONSENT_AT of the contact), not older than so many days; 0 = of any age
    #[arg(long, value_name = "DAYS")]
    consent: Option<u32>,
    /// A prefix that is not called, e.g. +1900; repeat it for more. Replaces those it has
    #[arg(long = "deny", value_name = "PREFIX")]
    deny: Vec<String>,
    /// A prefix that is called although a pack denies a shorter one; repeat it for more. Replaces those it has
    #[arg(long = "allow", value_name = "PREFIX")]
    allow: Vec<String>,
    /// Calls per hour to a prefix over all campaigns, e.g. +44=100; repeat it for more. Replaces those it has
    #[arg(long = "hourly", value_name = "PREFIX=N", value_parser = hourly)]
    hourly: Vec<Value>,
    /// It rings at least this long before it is given up, e.g. 15s
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    min_ring: Option<u32>,
    /// Drop every limit that it has before those given here
    #[arg(long)]
    no_limits: bool,
}

impl Options {
    /// The limits `had` with what is given here in their place; `None`: nothing is given.
    pub(super) fn applied_to(self, had: &Value) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let had = if self.no_limits { None } else { had.as_object().cloned() };
        let mut limits: Map<String, Value> = had.unwrap_or_default();
        let many = |values: Vec<Value>| if values.is_empty() { None } else { Some(Value::from(values)) };
        let texts = |texts: Vec<String>| many(texts.into_iter().map(Value::from).collect());
        let given = [
            ("hours", many(self.callee_hours)),
            ("holidays", texts(self.holidays)),
            ("caps", many(self.caps)),
            ("cooldown_hours", self.cooldown.map(Value::from)),
            ("gap_minutes", self.gap.map(Value::from)),
            ("consent", self.consent.map(|days| json!({ "max_age_days": days }))),
            ("deny", texts(self.deny)),
            ("allow", texts(self.allow)),
            ("hourly", many(self.hourly)),
            ("min_ring_s", self.min_ring.map(Value::from)),
        ];
        limits.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Some(Value::Object(limits))
    }

    /// Whether nothing is given.
    pub(super) fn is_empty(&self) -> bool {
        let lists = [&self.callee_hours, &self.caps, &self.hourly].iter().all(|list| list.is_empty());
        let texts = [&self.holidays, &self.deny, &self.allow].iter().all(|list| list.is_empty());
        let spans = [self.cooldown, self.gap, self.consent, self.min_ring] == [None; 4];
        lists && texts && spans && !self.no_limits
    }
}

/// Limits as one line of words, `-` when there are none.
pub(super) fn words(limits: &Value) -> String {
    let each = |name: &str, word: fn(&Value) -> String| -> Vec<String> {
        limits[name].as_array().into_iter().flatten().map(word).collect()
    };
    let number = |name: &str| limits[name].as_u64().filter(|number| *number > 0);
    let mut words = each("hours", |day| {
        format!("days {} {}-{} at the callee", cell(day, "days"), cell(day, "from"), cell(day, "to"))
    });
    words.extend(each("holidays", |day| format!("not on {}", show(day))));
    words.extend(each("caps", |cap| {
        format!("at most {} in {} h per {}", cell(cap, "attempts"), cell(cap, "hours"), cell(cap, "by"))
    }));
    words.extend(number("cooldown_hours").map(|hours| format!("{hours} h after a conversation")));
    words.extend(number("gap_minutes").map(|minutes| format!("{minutes} min apart")));
    words.extend(limits["consent"]["max_age_days"].as_u64().map(|days| match days {
        0 => "with consent".to_owned(),
        days => format!("with consent of at most {days} days"),
    }));
    words.extend(each("deny", |prefix| format!("not to {}", show(prefix))));
    words.extend(each("allow", |prefix| format!("also to {}", show(prefix))));
    words.extend(each("hourly", |cap| format!("at most {} an hour to {}", cell(cap, "calls"), cell(cap, "prefix"))));
    words.extend(number("min_ring_s").map(|seconds| format!("ring {seconds} s at least")));
    if words.is_empty() { "-".to_owned() } else { words.join("; ") }
}

/// `{"days": "23456", "from": "09:00", "to": "20:00"}` of `mon-fri@09:00-20:00`.
fn day_hours(text: &str) -> Result<Value, String> {
    let wrong = || format!("{text:?} is no window, e.g. mon-fri@09:00-20:00");
    let (on, window) = text.split_once('@').ok_or_else(wrong)?;
    let (from, to) = window.split_once('-').ok_or_else(wrong)?;
    Ok(json!({ "days": days(on.trim())?, "from": from.trim(), "to": to.trim() }))
}

/// `{"attempts": 3, "hours": 24, "by": "number"}` of `3/24h`.
fn cap(text: &str) -> Result<Value, String> {
    let wrong = || format!("{text:?} is no cap, e.g. 3/24h or 3/24h/person");
    let mut parts = text.split('/').map(str::trim);
    let attempts: u32 = parts.next().and_then(|attempts| attempts.parse().ok()).ok_or_else(wrong)?;
    let span = hours(parts.next().ok_or_else(wrong)?)?;
    let by = match (parts.next(), parts.next()) {
        (None | Some("number"), None) => "number",
        (Some("person"), None) => "person",
        _ => return Err(wrong()),
    };
    Ok(json!({ "attempts": attempts, "hours": span, "by": by }))
}

/// `{"prefix": "+44", "calls": 100}` of `+44=100`.
fn hourly(text: &str) -> Result<Value, String> {
    let (prefix, calls) = text.split_once('=').unwrap_or((text, ""));
    let calls: u32 = calls.trim().parse().map_err(|_| format!("{text:?} is no cap of a prefix, e.g. +44=100"))?;
    Ok(json!({ "prefix": prefix.trim(), "calls": calls }))
}

fn hours(text: &str) -> Result<u32, String> {
    whole(text, 3_600, "hours")
}

fn minutes(text: &str) -> Result<u32, String> {
    whole(text, 60, "minutes")
}

fn whole(text: &str, unit_s: u32, unit: &str) -> Result<u32, String> {
    match span::seconds(text)? {
        seconds if seconds.is_multiple_of(unit_s) => Ok(seconds / unit_s),
        _ => Err(format!("{text:?} is not whole {unit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        Line::try_parse_from(["x"].into_iter().chain(line.split_whitespace())).unwrap().options
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_was() {
        assert_eq!(options("").applied_to(&json!({"gap_minutes": 5})), None);
        let had = json!({"gap_minutes": 5, "deny": ["+44"]});
        let now = options("--deny +1900 --deny +979 --cap 3/24h --cap 7/7d/person").applied_to(&had).unwrap();
        assert_eq!((&now["gap_minutes"], &now["deny"]), (&json!(5), &json!(["+1900", "+979"])));
        assert_eq!(now["caps"][1], json!({"attempts": 7, "hours": 168, "by": "person"}));
        let line = "--no-limits --callee-hours mon-fri@09:00-20:00 --hourly +44=100 --consent 730 --gap 2h";
        let now = options(line).applied_to(&had).unwrap();
        let expected = json!({"hours": [{"days": "23456", "from": "09:00", "to": "20:00"}], "gap_minutes": 120,
            "hourly": [{"prefix": "+44", "calls": 100}], "consent": {"max_age_days": 730}});
        assert_eq!(now, expected);
        assert!(words(&now).contains("at most 100 an hour to +44"), "{}", words(&now));
        assert_eq!(words(&json!({"gap_minutes": 0, "caps": []})), "-");
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in ["3", "3/x", "x/24h", "3/24h/cat", "3/90s"] {
            assert!(cap(text).is_err(), "{text}");
        }
        assert!(day_hours("mon-fri 9-20").is_err() && hourly("+44").is_err() && minutes("90s").is_err());
    }
}
