//! `carillon list`: lists of contacts.

use super::contact;
use super::lock::Key;
use super::{Column, add, import, list_all, object, pair, pairs, remove, replace, rows_table, words};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, say};
use clap::{Subcommand, ValueEnum};
use domain::CallState;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What to do with lists.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an empty list
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        key: Key,
    },
    /// Every list
    List {
        /// Hidden ones too
        #[arg(long)]
        all: bool,
    },
    /// One list and its first contacts
    Show {
        /// Name or id
        list: String,
        /// Contacts shown, at most
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
        limit: u32,
        /// Only contacts with an id greater than this
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
    /// What happened to it, newest first: calls, imports, contacts added and corrected, changes
    History {
        /// Name or id
        list: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Change a list
    Set {
        /// Name or id
        list: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Leave it out of lists of lists, or show it again
        #[arg(long)]
        hidden: Option<bool>,
        #[command(flatten)]
        key: Key,
    },
    /// Remove a list that was never dialled
    Remove {
        /// Name or id
        list: String,
    },
    /// Make a list of those whose last attempt in a run ended in one of these ways
    FromRuns {
        /// The name of the new list
        name: String,
        /// A run: its id, or a campaign whose newest run is meant; repeat it for more
        #[arg(long = "run", value_name = "RUN", required = true)]
        runs: Vec<String>,
        /// How it ended: a state, or state/extended status; repeat it for more [default: all]
        #[arg(long = "outcome", value_name = "STATE[/STATUS]", value_parser = outcome)]
        outcomes: Vec<(CallState, Option<String>)>,
        /// With the output attributes of their calls, too
        #[arg(long)]
        outputs: bool,
    },
    /// Add one number; a run that reads the list dials it
    Add {
        /// Name or id
        list: String,
        /// The number
        number: String,
        /// Attributes, which become channel variables
        #[arg(value_name = "ATTR=VALUE", value_parser = pair)]
        attributes: Vec<(String, String)>,
        /// Leave it out when the list holds the number already
        #[arg(long)]
        dedupe: bool,
    },
    /// Write a list to a file that can be imported again
    Export {
        /// Name or id
        list: String,
        /// The file
        file: PathBuf,
        /// CSV, or WombatDialer's lines of `number,ATTR:value,...`
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
        /// With the output attributes of their calls, too
        #[arg(long)]
        outputs: bool,
        /// Of CSV: texts exactly as they are, for programs; a spreadsheet may run what begins with = + - @
        #[arg(long)]
        raw: bool,
    },
    /// Add numbers that follow each other: 0007 and four more are 0007 to 0011
    Generate {
        /// Name or id
        list: String,
        /// The first; leading zeros stay
        #[arg(long)]
        from: String,
        /// How many, 1 to 100000; all have as many digits as the first
        #[arg(long)]
        count: u32,
        /// What lies between two of them
        #[arg(long, default_value_t = 1)]
        step: u32,
        /// Attributes of every one
        #[arg(value_name = "ATTR=VALUE", value_parser = pair)]
        attributes: Vec<(String, String)>,
        /// Add those too that the list holds
        #[arg(long)]
        duplicates: bool,
        /// Only look: nothing is added
        #[arg(long)]
        preview: bool,
    },
    /// Import a file: CSV with labels in its first row, or lines of `number,ATTR:value,...`
    Import(Box<import::Options>),
}

/// How a file is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// A line of labels, then a line per contact
    Csv,
    /// `number,ATTR:value,...`
    Native,
}

const COLUMNS: [Column; 4] = [("id", "id"), ("name", "name"), ("contacts", "contacts"), ("hidden", "hidden")];

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Create { name, key } => add(session, Noun::List, &key.over(json!({ "name": name }))).await,
        Verb::List { all } => list_all(session, Noun::List, all, &COLUMNS).await,
        Verb::Show { list, limit, after } => show(session, &list, limit, after).await,
        Verb::History { list, limit } => {
            let id = session.client.id(Noun::List, &list).await?;
            contact::history(&format!("api/lists/{id}/history"), limit, session).await
        }
        Verb::Set { list, name, hidden, key } => {
            let body = key.over(object([("name", name.map(Value::from)), ("hidden", hidden.map(Value::from))]));
            replace(session, Noun::List, &list, &["name", "hidden", "security_key"], body).await
        }
        Verb::Remove { list } => remove(session, Noun::List, &list).await,
        Verb::Add { list, number, attributes, dedupe } => add_one(session, &list, &number, &attributes, dedupe).await,
        Verb::FromRuns { name, runs, outcomes, outputs } => from_runs(session, &name, &runs, outcomes, outputs).await,
        Verb::Export { list, file, format, outputs, raw } => export(session, &list, &file, format, outputs, raw).await,
        Verb::Generate { list, from, count, step, attributes, duplicates, preview } => {
            let path = session.client.path(Noun::List, &list).await?;
            let body = json!({ "from": from, "count": count, "step": step, "attributes": pairs(&attributes),
                "dedupe": !duplicates, "preview": preview });
            let answer = session.client.post(&format!("{path}/numbers"), Some(&body)).await?;
            session.print(&answer, generated);
            Ok(())
        }
        Verb::Import(options) => import::run(*options, session).await,
    }
}

async fn show(session: &Session, name: &str, limit: u32, after: i64) -> Result<(), Failure> {
    let path = session.client.path(Noun::List, name).await?;
    let answer = session.client.get(&path).await?;
    session.print(&answer, |list| {
        facts([
            ("id", cell(list, "id")),
            ("name", cell(list, "name")),
            ("contacts", cell(list, "contacts")),
            ("hidden", cell(list, "hidden")),
            ("key", cell(list, "security_key")),
            ("created", local(list, "created_at")),
        ])
    });
    if session.json || limit == 0 {
        return Ok(());
    }
    let page = [("limit", limit.to_string()), ("after", after.to_string())];
    let page = page.each_ref().map(|(name, value)| (*name, value.as_str()));
    let contacts = session.client.find(&format!("{path}/contacts"), &page).await?;
    let Some(rows) = contacts.value["items"].as_array().filter(|rows| !rows.is_empty()) else { return Ok(()) };
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| json!({"id": row["id"], "number": row["number"], "attributes": words(&row["attributes"])}))
        .collect();
    say(rows_table(&shown, &[("contact", "id"), ("number", "number"), ("attributes", "attributes")]));
    if let Some(next) = contacts.value["next"].as_i64() {
        say(format!("more with: carillon list show {name} --after {next} --limit {limit}"));
    }
    Ok(())
}

/// `busy`, or `terminated/2`.
fn outcome(text: &str) -> Result<(CallState, Option<String>), String> {
    let (state, ext) = text.split_once('/').map_or((text, None), |(state, ext)| (state, Some(ext.to_owned())));
    Ok((CallState::parse(state).map_err(|invalid| invalid.problem)?, ext))
}

async fn from_runs(
    session: &Session,
    name: &str,
    runs: &[String],
    outcomes: Vec<(CallState, Option<String>)>,
    outputs: bool,
) -> Result<(), Failure> {
    let mut ids = Vec::with_capacity(runs.len());
    for run in runs {
        ids.push(session.client.run(run).await?);
    }
    let outcomes: Vec<Value> =
        outcomes.into_iter().map(|(state, ext)| json!({ "state": state.code(), "ext_state": ext })).collect();
    let body = json!({ "name": name, "ended": { "runs": ids, "outcomes": outcomes }, "output_attributes": outputs });
    let answer = session.client.post("api/lists/from-attempts", Some(&body)).await?;
    session.print(&answer, |made| {
        let list = &made["list"];
        format!("list {} made, id {}, {} contacts", cell(list, "name"), cell(list, "id"), cell(list, "contacts"))
    });
    Ok(())
}

async fn export(
    session: &Session,
    name: &str,
    file: &Path,
    format: Format,
    outputs: bool,
    raw: bool,
) -> Result<(), Failure> {
    let path = session.client.path(Noun::List, name).await?;
    let format = if matches!(format, Format::Csv) { "csv" } else { "native" };
    let attributes = if outputs { "all" } else { "input" };
    let cells = if raw { "raw" } else { "spreadsheet" };
    let query = [("format", format), ("attributes", attributes), ("cells", cells)];
    let answer = session.client.find(&format!("{path}/export"), &query).await?;
    std::fs::write(file, answer.text).map_err(|error| Failure::file("write", file, error))?;
    say(format!("list {name} is in {}", file.display()));
    Ok(())
}

/// What became of numbers that were made, or would.
fn generated(made: &Value) -> String {
    let first = made["first"].as_array().into_iter().flatten().filter_map(Value::as_str).next().unwrap_or_default();
    let numbers = format!("{} numbers, {first} to {}", cell(made, "made"), cell(made, "last"));
    let left_out = format!("{} left out that nobody may call", cell(made, "suppressed"));
    if made["added"].is_null() {
        return format!("{numbers}; {left_out}; nothing was added: this was a preview");
    }
    let there = cell(made, "skipped_duplicates");
    format!("{numbers}; {} added, {there} were on the list, {left_out}", cell(made, "added"))
}

async fn add_one(
    session: &Session,
    list: &str,
    number: &str,
    attributes: &[(String, String)],
    dedupe: bool,
) -> Result<(), Failure> {
    let path = session.client.path(Noun::List, list).await?;
    let body = json!({ "contacts": [{ "number": number, "attributes": pairs(attributes) }], "dedupe": dedupe });
    let answer = session.client.post(&format!("{path}/contacts"), Some(&body)).await?;
    // The route answers for many rows, so a refused one is not a refused request.
    if let Some(refused) = answer.value["refused"].as_array().and_then(|rows| rows.first()) {
        return Err(Failure::refused(format!("{}: {}", cell(refused, "field"), cell(refused, "problem")))
            .remedy("nothing was added; correct it and try again"));
    }
    session.print(&answer, |added| match added["added"].as_i64() {
        Some(0) => "the list holds this number already".to_owned(),
        _ => format!("contact {} added", added["ids"].get(0).map(crate::output::show).unwrap_or_default()),
    });
    Ok(())
}
