//! `carillon suppression`: numbers that must not be called.

use super::lock::Key;
use super::{Column, add, import, list_all, object, patch, remove, rows_table};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, local, say};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What to do with suppressed numbers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Never call these numbers again; in force with the server's answer, also while its disk is full
    Add {
        /// The numbers, written as a list may write them
        #[arg(required = true)]
        numbers: Vec<String>,
        /// The list that they are put on, name or id
        #[arg(long, default_value = "global")]
        list: String,
        /// Why, for those who ask later
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Whether a number is suppressed, since when and why
    Show {
        /// The number
        number: String,
    },
    /// Every suppressed number; not those of registries
    List {
        /// Only those of this list, name or id
        #[arg(long)]
        list: Option<String>,
    },
    /// The lists of numbers that must not be called
    Lists,
    /// Make a list
    CreateList {
        /// Its name
        name: String,
        /// It is replaced as a whole by the file of its keeper
        #[arg(long)]
        registry: bool,
        /// It holds for this campaign only, name or id; repeat it for more
        #[arg(long = "campaign", value_name = "CAMPAIGN")]
        campaigns: Vec<String>,
        #[command(flatten)]
        key: Key,
    },
    /// Say for whom a list holds
    SetList {
        /// Name or id
        list: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// It holds for this campaign, name or id; repeat it for more. Replaces those it has
        #[arg(long = "campaign", value_name = "CAMPAIGN", conflicts_with = "everywhere")]
        campaigns: Vec<String>,
        /// It holds for every campaign
        #[arg(long)]
        everywhere: bool,
        #[command(flatten)]
        key: Key,
    },
    /// Remove a registry, or a list that nobody is on
    RemoveList {
        /// Name or id
        list: String,
    },
    /// Put the numbers of a file in the place of those that a registry has
    Import {
        /// A number per line, or a table with commas, semicolons, tabs or bars
        file: PathBuf,
        /// The registry, name or id
        #[arg(long)]
        list: String,
    },
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { numbers, list, why } => {
            let list = match list.as_str() {
                // Not asked for: it is also there when the database is not.
                "global" => json!(1),
                named => session.client.named(Noun::SuppressionList, named).await?["id"].take(),
            };
            let body = json!({ "numbers": numbers, "list": list, "why": why });
            let answer = session.client.post("api/suppressions", Some(&body)).await?;
            session.print(&answer, |done| {
                let note = match done["in_reserve"].as_bool() {
                    Some(true) => "\n  the database cannot be written: they wait in the reserve and are in force",
                    _ => "",
                };
                format!("{} added; {} not called any more{note}", cell(done, "added"), is_or_are(numbers.len()))
            });
            Ok(())
        }
        Verb::Show { number } => {
            let answer = session.client.find("api/suppressions", &[("number", &number)]).await?;
            session.print(&answer, |page| {
                let line = |entry: &Value| {
                    let why = cell(entry, "why");
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    format!("{number} is suppressed since {} by {}{why}", local(entry, "at"), cell(entry, "by"))
                };
                let lines: Vec<String> = page["items"].as_array().into_iter().flatten().map(line).collect();
                if lines.is_empty() { format!("{number} is not suppressed") } else { lines.join("\n") }
            });
            Ok(())
        }
        Verb::Lists => {
            if session.json {
                return list_all(session, Noun::SuppressionList, false, &LISTS).await;
            }
            let mut rows = session.client.all(Noun::SuppressionList.path(), &[]).await?;
            for row in rows.iter_mut().filter(|row| row["campaigns"].is_null()) {
                row["campaigns"] = json!("all");
            }
            say(rows_table(&rows, &LISTS));
            Ok(())
        }
        Verb::CreateList { name, registry, campaigns, key } => {
            let kind = if registry { "registry" } else { "optout" };
            let campaigns = of_campaigns(&campaigns, session).await?;
            let body = key.over(json!({ "name": name, "kind": kind, "campaigns": campaigns }));
            add(session, Noun::SuppressionList, &body).await
        }
        Verb::SetList { list, name, campaigns, everywhere, key } => {
            let campaigns = of_campaigns(&campaigns, session).await?;
            let body = object([
                ("name", name.map(Value::from)),
                ("campaigns", (everywhere || !campaigns.is_null()).then_some(campaigns)),
            ]);
            patch(session, Noun::SuppressionList, &list, key.over(body)).await
        }
        Verb::RemoveList { list } => remove(session, Noun::SuppressionList, &list).await,
        Verb::Import { file, list } => {
            let path = session.client.path(Noun::SuppressionList, &list).await?;
            let answer = import::send(&file, &format!("{path}/file"), &[], IMPORT_S, session).await?;
            session.print(&answer, |done| {
                format!("{} numbers are in force, version {}", cell(done, "entries"), cell(done, "version"))
            });
            Ok(())
        }
        Verb::List { list } => {
            let list = match list {
                Some(list) => Some(cell(&session.client.named(Noun::SuppressionList, &list).await?, "id")),
                None => None,
            };
            let of_list: Vec<(&str, &str)> = list.iter().map(|list| ("list", list.as_str())).collect();
            if session.json {
                let query = [&of_list[..], &[("limit", "1000")]].concat();
                say(session.client.find("api/suppressions", &query).await?.text.trim_end());
                return Ok(());
            }
            let rows = session.client.all("api/suppressions", &of_list).await?;
            if rows.is_empty() {
                say("no number is suppressed");
            } else {
                say(rows_table(&rows, &[("id", "id"), ("number", "number"), ("by", "by"), ("why", "why")]));
            }
            Ok(())
        }
    }
}

const LISTS: [Column; 6] = [
    ("id", "id"),
    ("name", "name"),
    ("kind", "kind"),
    ("campaigns", "campaigns"),
    ("entries", "entries"),
    ("imported", "imported_at"),
];
/// Seconds that the server may take for a registry beyond its upload.
const IMPORT_S: u64 = 600;

/// Ids of campaigns; `null` when none is named.
async fn of_campaigns(named: &[String], session: &Session) -> Result<Value, Failure> {
    match named {
        [] => Ok(Value::Null),
        named => Ok(Value::from(session.client.ids(Noun::Campaign, named).await?)),
    }
}

fn is_or_are(count: usize) -> String {
    if count == 1 { "the number is".to_owned() } else { format!("all {count} are") }
}
