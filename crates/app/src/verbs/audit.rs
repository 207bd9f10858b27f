//! `carillon audit`: who changed what of the configuration.

use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, local, say, show, table};
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

/// What to do with changes.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Changes, newest first
    List {
        /// Only of this kind of thing
        #[arg(long)]
        entity: Option<Entity>,
        /// With --entity: only of this one
        #[arg(long, requires = "entity", value_name = "ID")]
        id: Option<i64>,
        /// Only changes with a smaller id
        #[arg(long, value_name = "ID")]
        before: Option<i64>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Take a change back, if nothing was changed since
    Undo {
        /// Id of the change
        change: i64,
    },
}

/// What changes are of.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Entity {
    Pbx,
    Trunk,
    EndPoint,
    List,
    SuppressionList,
    OpeningHours,
    Campaign,
    Webhook,
    Token,
    User,
    UserClass,
    Dialling,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { entity, id, before, limit } => {
            let entity = entity.and_then(|entity| entity.to_possible_value()).map(|value| value.get_name().to_owned());
            let (id, before) = (id.map(|id| id.to_string()), before.map(|id| id.to_string()));
            let limit = limit.to_string();
            let given = [("entity", &entity), ("id", &id), ("after", &before)];
            let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
            let query: Vec<(&str, &str)> = given.chain([("limit", limit.as_str())]).collect();
            let answer = session.client.find("api/audit", &query).await?;
            session.print(&answer, |page| {
                let mut rows = table(&["id", "at", "by", "what", "entity", "name", "changes"]);
                for row in page["items"].as_array().into_iter().flatten() {
                    let entity = format!("{} {}", cell(row, "entity"), cell(row, "entity_id"));
                    let (id, by) = (cell(row, "id"), cell(row, "actor"));
                    let by = if by.is_empty() { "carillon".to_owned() } else { by };
                    let (what, name) = (cell(row, "action"), cell(row, "name"));
                    rows.add_row([id, local(row, "at"), by, what, entity, name, changes(row)]);
                }
                rows
            });
            Ok(())
        }
        Verb::Undo { change } => {
            let answer = session.client.post(&format!("api/audit/{change}/undo"), None).await?;
            if session.json {
                say(answer.text.trim_end());
            } else {
                let (entity, name) = (cell(&answer.value, "entity"), cell(&answer.value, "name"));
                say(format!("change {change} is taken back: {} {name}", entity.replace('_', " ")));
                match cell(&answer.value, "remains") {
                    remains if remains.is_empty() => {}
                    remains => say(format!("  {remains}")),
                }
            }
            Ok(())
        }
    }
}

/// `capacity: 30 -> 77`; of what was made or deleted nothing, its name says it.
fn changes(row: &Value) -> String {
    let (Some(before), Some(after)) = (row["before"].as_object(), row["after"].as_object()) else {
        let what = if row["entity"] == "list" { "contacts" } else { "numbers" };
        return row["after"].get("added").map_or_else(String::new, |added| format!("{} {what}", show(added)));
    };
    let nothing = Value::Null;
    let differ = after.iter().filter(|(field, value)| before.get(*field) != Some(value));
    let differ = differ.map(|(field, value)| {
        let before = short(before.get(field).unwrap_or(&nothing));
        format!("{field}: {before} -> {}", short(value))
    });
    differ.collect::<Vec<_>>().join("; ")
}

/// A table has room for the beginning.
fn short(value: &Value) -> String {
    const MOST: usize = 40;
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Object(_) => value.to_string(),
        value => show(value),
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}
