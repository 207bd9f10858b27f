//! `carillon campaign`: what to dial and how.

use super::lock::Key;
use super::{
    Column, add, clone, limits, list_all, object, outcome, pacing, pair, pairs, patch, remove, rows_table, rule,
};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, say};
use crate::span;
use clap::{Args, Subcommand, ValueEnum};
use domain::rules::pack::UNRESTRICTED;
use serde_json::Value;
use std::fmt::Display;

/// What to do with campaigns.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a campaign
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Every campaign
    List {
        /// Hidden ones too
        #[arg(long)]
        all: bool,
    },
    /// One campaign and its rules
    Show {
        /// Name or id
        campaign: String,
    },
    /// Change a campaign; what is not given stays. A live run takes it over with: run reload
    Set {
        /// Name or id
        campaign: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Make the same campaign once more under another name
    Clone {
        /// Name or id
        campaign: String,
        /// The name of the new one
        name: String,
    },
    /// Remove a campaign that never ran; one that did is hidden with: campaign set --status hidden
    Remove {
        /// Name or id
        campaign: String,
    },
    /// How it is paced: what it asks for, what its run does now, and why not more
    Pacing {
        /// Name or id
        campaign: String,
    },
    /// Send a test letter to those who get letters about its runs
    TestLetter {
        /// Name or id
        campaign: String,
    },
    /// Start a run
    Start {
        /// Name or id
        campaign: String,
    },
    /// When contacts are tried again
    #[command(subcommand)]
    Rule(rule::Verb),
    /// What is done about calls that have ended
    #[command(subcommand)]
    Outcome(outcome::Verb),
}

/// All that a campaign can be told.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// A trunk, name or id; repeat it for more. Replaces those it has
    #[arg(long = "trunk", value_name = "TRUNK")]
    trunks: Vec<String>,
    /// An end point, name or id; repeat it for more. Replaces those it has
    #[arg(long = "endpoint", alias = "end-point", value_name = "ENDPOINT")]
    end_points: Vec<String>,
    /// A list, name or id; repeat it for more, in dialling order. Replaces those it has
    #[arg(long = "list", value_name = "LIST")]
    lists: Vec<String>,
    /// A list whose numbers it does not call, name or id; repeat it for more. Replaces those it has; '' takes them away
    #[arg(long = "black-list", value_name = "LIST")]
    black_lists: Vec<String>,
    /// Lower is served first [default: 10]
    #[arg(long, value_name = "N")]
    priority: Option<i32>,
    /// Whether it may be started [default: runnable]
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Out of numbers: wait for more instead of completing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    idle: Option<bool>,
    /// Contacts read ahead [default: 100]
    #[arg(long, value_name = "N")]
    batch_size: Option<u32>,
    /// Active period, e.g. 09:00-18:00 or 22:00:00-05:59:59; its last second is included [default: all day]
    #[arg(long, value_name = "FROM-TO", value_parser = hours)]
    hours: Option<(String, String)>,
    /// Days of the active period: mon,tue,... or mon-fri, or digits 1 (Sunday) to 7 [default: all]
    #[arg(long, value_parser = days)]
    days: Option<String>,
    /// A set of opening hours, name or id; repeat it for more: all must be open. Replaces those it has; '' takes them away
    #[arg(long = "opening-hours", value_name = "SET")]
    opening_hours: Vec<String>,
    /// IANA zone of the active period [default: the server's]
    #[arg(long)]
    zone: Option<String>,
    /// How long it rings, e.g. 30s [default: 30s]
    #[arg(long, value_name = "SPAN", value_parser = span::milliseconds)]
    answer_timeout: Option<u32>,
    /// Close answered calls after this long, e.g. 10m; 0 = never [default: 0]
    #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
    forced_closure: Option<u32>,
    /// Calls on their way per free agent of an observed queue when a run begins, times the end point's own [default: 1]
    #[arg(long, value_name = "FACTOR")]
    boost: Option<f64>,
    #[command(flatten)]
    pacing: pacing::Options,
    /// Pause agents who are called first, or look first, in their queues until their call is over [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    autopause: Option<bool>,
    /// Caller id; may hold ${num}, ${list}, ${campaign}, ${retry}, ${hopperId} and attribute names
    #[arg(long, value_name = "TEMPLATE")]
    clid: Option<String>,
    /// Caller id with which an answered call enters its end point, for agents to see, with the same place-holders
    /// [default: that of --clid]
    #[arg(long, value_name = "TEMPLATE")]
    agent_clid: Option<String>,
    /// Caller id that callees see, with the same place-holders [default: that of --clid]
    #[arg(long, value_name = "TEMPLATE")]
    presentation: Option<String>,
    /// Account code, with the same place-holders
    #[arg(long, value_name = "TEMPLATE")]
    account: Option<String>,
    /// Write its calls to the queue_log of the PBX, as if they had come to a queue
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    queue_log: Option<bool>,
    /// The queue's name in the queue_log [default: the campaign's]
    #[arg(long, value_name = "QUEUE")]
    queue_log_as: Option<String>,
    /// An attribute that is written to the queue_log with each call; repeat it for more. Replaces those it has; '' takes them
    /// away
    #[arg(long = "queue-log-attribute", value_name = "NAME")]
    queue_log_attributes: Vec<String>,
    /// Which letters about its runs are written [default: no]
    #[arg(long, value_enum, value_name = "EVENTS")]
    email_events: Option<EmailEvents>,
    /// Who gets them; repeat it for more. Replaces those it has; '' takes them away
    #[arg(long = "email-address", value_name = "ADDRESS")]
    email_addresses: Vec<String>,
    /// A rule pack that says whom it may call and when; repeat it for more. Replaces those it has. `unrestricted` has no
    /// rule but suppression, and naming it is written down [default: default]
    #[arg(long = "pack", value_name = "PACK")]
    packs: Vec<String>,
    #[command(flatten)]
    limits: limits::Options,
    /// A variable of every call; repeat it for more. Replaces those it has
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    #[command(flatten)]
    key: Key,
}

/// Whether it may be started.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Status {
    /// It may
    Runnable,
    /// Visible, not startable
    Closed,
    /// Not shown unless asked for, not startable
    Hidden,
}

/// Which letters about its runs are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum EmailEvents {
    /// None
    No,
    /// About every state
    All,
    /// About the end
    Completed,
}

impl Settings {
    /// The body of a create or a change, with names resolved to ids.
    /// `had` is the campaign as it is, as far as parts of it stay.
    async fn body(self, name: Option<String>, had: &Value, session: &Session) -> Result<Value, Failure> {
        let client = &session.client;
        let trunks = client.ids(Noun::Trunk, &self.trunks).await?;
        let end_points = client.ids(Noun::EndPoint, &self.end_points).await?;
        let lists = client.ids(Noun::List, &self.lists).await?;
        let named: Vec<String> = self.opening_hours.iter().filter(|set| !set.is_empty()).cloned().collect();
        let opening_hours = client.ids(Noun::OpeningHours, &named).await?;
        let opening_hours = (!self.opening_hours.is_empty()).then(|| Value::from(opening_hours));
        let named: Vec<String> = self.black_lists.iter().filter(|list| !list.is_empty()).cloned().collect();
        let black_lists = client.ids(Noun::List, &named).await?;
        let black_lists = (!self.black_lists.is_empty()).then(|| Value::from(black_lists));
        let ids = |ids: Vec<i64>| if ids.is_empty() { None } else { Some(Value::from(ids)) };
        let status = self.status.map(|status| match status {
            Status::Runnable => "RUNNABLE",
            Status::Closed => "CLOSED",
            Status::Hidden => "HIDDEN",
        });
        let logged: Vec<&String> = self.queue_log_attributes.iter().filter(|name| !name.is_empty()).collect();
        let logged = (!self.queue_log_attributes.is_empty()).then(|| serde_json::json!(logged));
        let addresses: Vec<&String> = self.email_addresses.iter().filter(|address| !address.is_empty()).collect();
        let addresses = (!self.email_addresses.is_empty()).then(|| serde_json::json!(addresses));
        let events = self.email_events.map(|events| match events {
            EmailEvents::No => "NO",
            EmailEvents::All => "ALL",
            EmailEvents::Completed => "COMPLETED",
        });
        let (start, end) = self.hours.unzip();
        Ok(self.key.over(object([
            ("name", name.map(Value::from)),
            ("trunks", ids(trunks)),
            ("end_points", ids(end_points)),
            ("lists", ids(lists)),
            ("black_lists", black_lists),
            ("priority", self.priority.map(Value::from)),
            ("status", status.map(Value::from)),
            ("idle_on_termination", self.idle.map(Value::from)),
            ("batch_size", self.batch_size.map(Value::from)),
            ("time_start", start.map(Value::from)),
            ("time_end", end.map(Value::from)),
            ("time_days", self.days.map(Value::from)),
            ("zone", self.zone.map(Value::from)),
            ("opening_hours", opening_hours),
            ("answer_timeout_ms", self.answer_timeout.map(Value::from)),
            ("forced_closure_s", self.forced_closure.map(Value::from)),
            ("initial_boost", self.boost.map(Value::from)),
            ("pacing", self.pacing.applied_to(&had["pacing"])),
            ("autopause", self.autopause.map(Value::from)),
            ("dial_clid", self.clid.map(Value::from)),
            ("agent_clid", self.agent_clid.map(Value::from)),
            ("dial_presentation", self.presentation.map(Value::from)),
            ("dial_account", self.account.map(Value::from)),
            ("queue_log", self.queue_log.map(Value::from)),
            ("queue_log_alias", self.queue_log_as.map(Value::from)),
            ("queue_log_attributes", logged),
            ("email_events", events.map(Value::from)),
            ("email_addresses", addresses),
            ("packs", if self.packs.is_empty() { None } else { Some(Value::from(self.packs)) }),
            ("limits", self.limits.applied_to(&had["limits"])),
            ("variables", if self.variables.is_empty() { None } else { Some(pairs(&self.variables)) }),
        ])))
    }
}

const COLUMNS: [Column; 7] = [
    ("id", "id"),
    ("name", "name"),
    ("status", "status"),
    ("priority", "priority"),
    ("lists", "lists"),
    ("trunks", "trunks"),
    ("packs", "packs"),
];

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Create { name, settings } => {
            let body = settings.body(Some(name), &Value::Null, session).await?;
            add(session, Noun::Campaign, &body).await
        }
        Verb::List { all } => list(session, all).await,
        Verb::Show { campaign } => show(session, &campaign).await,
        Verb::Set { campaign, name, settings } => {
            let had = match settings.limits.is_empty() && settings.pacing.is_empty() {
                true => Value::Null,
                false => session.client.named(Noun::Campaign, &campaign).await?,
            };
            let body = settings.body(name, &had, session).await?;
            patch(session, Noun::Campaign, &campaign, body).await
        }
        Verb::Clone { campaign, name } => clone(session, Noun::Campaign, &campaign, &name).await,
        Verb::Remove { campaign } => remove(session, Noun::Campaign, &campaign).await,
        Verb::Pacing { campaign } => pacing::show(&campaign, session).await,
        Verb::TestLetter { campaign } => {
            let found = session.client.named(Noun::Campaign, &campaign).await?;
            let body = object([("email_addresses", Some(found["email_addresses"].clone()))]);
            session.client.post("api/letters/test", Some(&body)).await?;
            say("the mail server has taken the letter");
            Ok(())
        }
        Verb::Start { campaign } => {
            let path = session.client.path(Noun::Campaign, &campaign).await?;
            let answer = session.client.post(&format!("{path}/start"), None).await?;
            session.print(&answer, |run| {
                let id = cell(run, "id");
                format!("run {id} of {} started\n  watch it with: carillon run watch {id}", cell(run, "campaign_name"))
            });
            Ok(())
        }
        Verb::Rule(verb) => rule::run(verb, session).await,
        Verb::Outcome(verb) => outcome::run(verb, session).await,
    }
}

async fn list(session: &Session, all: bool) -> Result<(), Failure> {
    let query: &[(&str, &str)] = if all { &[("hidden", "true")] } else { &[] };
    if session.json {
        return list_all(session, Noun::Campaign, all, &COLUMNS).await;
    }
    match session.client.all(Noun::Campaign.path(), query).await?.as_slice() {
        [] => say("there is no campaign yet"),
        rows => say(marked(rows_table(rows, &COLUMNS))),
    }
    Ok(())
}

/// Red where a campaign is free of the rules that all others keep; plain where colours are not shown.
fn marked(table: impl Display) -> String {
    let red = console::style(UNRESTRICTED).red().bold().to_string();
    table.to_string().replace(UNRESTRICTED, &red)
}

async fn show(session: &Session, name: &str) -> Result<(), Failure> {
    let answer = session.client.get(&session.client.path(Noun::Campaign, name).await?).await?;
    let none = Vec::new();
    let (trunks, end_points, lists, sets) = if session.json {
        (none.clone(), none.clone(), none.clone(), none)
    } else {
        (
            session.client.all(Noun::Trunk.path(), &[]).await?,
            session.client.all(Noun::EndPoint.path(), &[]).await?,
            session.client.all(Noun::List.path(), &[("hidden", "true")]).await?,
            session.client.all(Noun::OpeningHours.path(), &[]).await?,
        )
    };
    session.print(&answer, |campaign| {
        let hours = format!(
            "{}-{}, days {}, {}",
            clock(&cell(campaign, "time_start")),
            clock(&cell(campaign, "time_end")),
            cell(campaign, "time_days"),
            cell(campaign, "zone")
        );
        marked(facts([
            ("id", cell(campaign, "id")),
            ("name", cell(campaign, "name")),
            ("status", cell(campaign, "status")),
            ("priority", cell(campaign, "priority")),
            ("trunks", names(&campaign["trunks"], &trunks)),
            ("end points", names(&campaign["end_points"], &end_points)),
            ("lists", names(&campaign["lists"], &lists)),
            ("black lists", names(&campaign["black_lists"], &lists)),
            ("active", hours),
            ("opening hours", names(&campaign["opening_hours"], &sets)),
            ("answer timeout, ms", cell(campaign, "answer_timeout_ms")),
            ("forced closure, s", cell(campaign, "forced_closure_s")),
            ("initial boost", cell(campaign, "initial_boost")),
            ("pacing", pacing::words(&campaign["pacing"])),
            ("autopause", cell(campaign, "autopause")),
            ("idle on termination", cell(campaign, "idle_on_termination")),
            ("batch size", cell(campaign, "batch_size")),
            ("caller id", cell(campaign, "dial_clid")),
            ("agents see", cell(campaign, "agent_clid")),
            ("callees see", cell(campaign, "dial_presentation")),
            ("account", cell(campaign, "dial_account")),
            ("queue_log", queue_log(campaign)),
            ("letters", letters(campaign)),
            ("variables", campaign["variables"].to_string()),
            ("packs", cell(campaign, "packs")),
            ("limits", limits::words(&campaign["limits"])),
            ("key", cell(campaign, "security_key")),
        ]))
    });
    if let Some(rules) = answer.value["rules"].as_array().filter(|rules| !session.json && !rules.is_empty()) {
        say(rows_table(rules, &rule::COLUMNS));
    }
    let outcomes = answer.value["outcome_rules"].as_array();
    if let Some(rules) = outcomes.filter(|rules| !session.json && !rules.is_empty()) {
        say(outcome::table(rules));
    }
    Ok(())
}

/// `as friends, with NAME`; empty when it is not written.
fn queue_log(campaign: &Value) -> String {
    if campaign["queue_log"] != true {
        return String::new();
    }
    let alias = cell(campaign, "queue_log_alias");
    let name = if alias.is_empty() { cell(campaign, "name") } else { alias };
    let names: Vec<&str> =
        campaign["queue_log_attributes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() { format!("as {name}") } else { format!("as {name}, with {}", names.join(", ")) }
}

/// `ALL to ana@example.com`; empty when none are written.
fn letters(campaign: &Value) -> String {
    match cell(campaign, "email_events") {
        events if events.is_empty() || events == "NO" => String::new(),
        events => format!("{events} to {}", cell(campaign, "email_addresses")),
    }
}

/// `carrier, backup` of the ids of these rows.
fn names(ids: &Value, rows: &[Value]) -> String {
    let name = |id: &Value| rows.iter().find(|row| row["id"] == *id).map_or(id.to_string(), |row| cell(row, "name"));
    ids.as_array().into_iter().flatten().map(name).collect::<Vec<_>>().join(", ")
}

/// `09:00:00` of `090000`.
pub(super) fn clock(text: &str) -> String {
    match (text.get(..2), text.get(2..4), text.get(4..)) {
        (Some(h), Some(m), Some(s)) => format!("{h}:{m}:{s}"),
        _ => text.to_owned(),
    }
}

/// `("090000", "175959")` of `09:00-17:59:59`. A minute alone is its first second as a start and as an end, so that
/// `09:00-18:00` ends at 18:00:00.
pub(super) fn hours(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("{text:?} is no active period, e.g. 09:00-18:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let packed = |text: &str| {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let digits = if digits.len() == 4 { format!("{digits}00") } else { digits };
        if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()) { Ok(digits) } else { Err(wrong()) }
    };
    Ok((packed(from)?, packed(to)?))
}

/// Digits of `mon-fri`, `sat,sun` or `23456`; 1 is Sunday.
pub(super) fn days(text: &str) -> Result<String, String> {
    const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let wrong = |part: &str| format!("{part:?} is no day: mon, tue, wed, thu, fri, sat, sun, or mon-fri");
    if !text.is_empty() && text.bytes().all(|b| (b'1'..=b'7').contains(&b)) {
        return Ok(text.to_owned());
    }
    let day = |name: &str| {
        let name = name.trim().to_lowercase();
        NAMES.iter().position(|known| name.len() >= 3 && name.starts_with(known)).ok_or_else(|| wrong(&name))
    };
    let mut on = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let mut at = first;
        on[at] = true;
        while at != last {
            at = (at + 1) % 7;
            on[at] = true;
        }
    }
    Ok((1..=7).filter(|digit| on[digit - 1]).map(|digit| digit.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them() {
        let packed = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(hours("09:00-18:00"), packed("090000", "180000"));
        assert_eq!(hours("220000-055959"), packed("220000", "055959"));
        for text in ["9-18", "09:00", "nine-five", "09:00-18:00-20:00"] {
            assert!(hours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_read_by_name_range_or_digit() {
        assert_eq!(days("mon-fri").as_deref(), Ok("23456"));
        assert_eq!(days("sat,sunday").as_deref(), Ok("17"));
        assert_eq!(days("fri-mon").as_deref(), Ok("1267"));
        assert_eq!(days("1234567").as_deref(), Ok("1234567"));
        for text in ["", "mo", "8", "mon-", "someday"] {
            assert!(days(text).is_err(), "{text}");
        }
    }
}
