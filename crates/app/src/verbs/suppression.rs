//! `carillon suppression`: numbers that must not be called.

use super::rows_table;
use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, local, say};
use clap::Subcommand;
use serde_json::json;

/// What to do with suppressed numbers.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Never call these numbers again; in force with the server's answer, also while its disk is full
    Add {
        /// The numbers, written as a list may write them
        #[arg(required = true)]
        numbers: Vec<String>,
        /// Why, for those who ask later
        #[arg(long, default_value = "")]
        why: String,
    },
    /// Whether a number is suppressed, since when and why
    Show {
        /// The number
        number: String,
    },
    /// Every suppressed number
    List,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { numbers, why } => {
            let body = json!({ "numbers": numbers, "why": why });
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
            session.print(&answer, |page| match page["items"].get(0) {
                None => format!("{number} is not suppressed"),
                Some(entry) => {
                    let why = cell(entry, "why");
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    format!("{number} is suppressed since {} by {}{why}", local(entry, "at"), cell(entry, "by"))
                }
            });
            Ok(())
        }
        Verb::List => {
            if session.json {
                say(session.client.find("api/suppressions", &[("limit", "1000")]).await?.text.trim_end());
                return Ok(());
            }
            let rows = session.client.all("api/suppressions", &[]).await?;
            if rows.is_empty() {
                say("no number is suppressed");
            } else {
                say(rows_table(&rows, &[("id", "id"), ("number", "number"), ("by", "by"), ("why", "why")]));
            }
            Ok(())
        }
    }
}

fn is_or_are(count: usize) -> String {
    if count == 1 { "the number is".to_owned() } else { format!("all {count} are") }
}
