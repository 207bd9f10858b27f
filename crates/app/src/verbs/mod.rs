//! The verbs that ask a running server, one file per noun.

pub(crate) mod action;
pub(crate) mod alert;
pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod campaign;
mod campaign_rules;
pub(crate) mod class;
pub(crate) mod contact;
pub(crate) mod dialling;
pub(crate) mod end_point;
pub(crate) mod event;
pub(crate) mod forget;
mod import;
pub(crate) mod ledger;
mod limits;
pub(crate) mod list;
pub(crate) mod live;
mod lock;
pub(crate) mod log;
pub(crate) mod opening_hours;
mod outcome;
mod pacing;
pub(crate) mod pbx;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod reservation;
mod rule;
pub(crate) mod run;
mod screen;
pub(crate) mod simulate;
pub(crate) mod suppression;
pub(crate) mod switch_from;
mod timeline;
pub(crate) mod token;
mod told;
pub(crate) mod trunk;
pub(crate) mod user;
pub(crate) mod webhook;
pub(crate) mod why;

use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, local, say, table};
use comfy_table::Table;
use serde_json::{Map, Value};

/// A column: its head and the path of its field.
type Column = (&'static str, &'static str);

/// An object of the fields that were given.
fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>())
}

/// Refuses a change of nothing.
fn changed(body: Value) -> Result<Value, Failure> {
    if body.as_object().is_some_and(Map::is_empty) {
        return Err(Failure::refused("nothing to change").remedy("name a field: --help lists them"));
    }
    Ok(body)
}

/// The pages of a noun as one table, or the first page of a thousand as JSON.
async fn list_all(session: &Session, noun: Noun, hidden: bool, columns: &[Column]) -> Result<(), Failure> {
    let query: &[(&str, &str)] = if hidden { &[("hidden", "true")] } else { &[] };
    if session.json {
        let limited = [query, &[("limit", "1000")]].concat();
        say(session.client.find(noun.path(), &limited).await?.text.trim_end());
        return Ok(());
    }
    let rows = session.client.all(noun.path(), query).await?;
    if rows.is_empty() {
        say(format!("there is no {} yet", noun.word()));
        return Ok(());
    }
    say(rows_table(&rows, columns));
    Ok(())
}

/// A table of these rows.
fn rows_table(rows: &[Value], columns: &[Column]) -> Table {
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let mut table = table(&heads);
    for row in rows {
        table.add_row(columns.iter().map(|(_, path)| match path {
            path if path.ends_with("_at") => local(row, path),
            path => cell(row, path),
        }));
    }
    table
}

/// One thing as the server has it.
async fn show_one(session: &Session, noun: Noun, name: &str, fields: &[Column]) -> Result<(), Failure> {
    let answer = session.client.get(&session.client.path(noun, name).await?).await?;
    session.print(&answer, |row| crate::output::facts(fields.iter().map(|(head, path)| (*head, cell(row, path)))));
    Ok(())
}

/// Adds a thing and says its id.
async fn add(session: &Session, noun: Noun, body: &Value) -> Result<(), Failure> {
    let answer = session.client.post(noun.path(), Some(body)).await?;
    session.print(&answer, |row| format!("{} {} added, id {}", noun.word(), cell(row, "name"), cell(row, "id")));
    Ok(())
}

/// Makes the same thing once more.
async fn clone(session: &Session, noun: Noun, name: &str, new: &str) -> Result<(), Failure> {
    let path = session.client.path(noun, name).await?;
    let answer = session.client.post(&format!("{path}/clone"), Some(&serde_json::json!({ "name": new }))).await?;
    session.print(&answer, |row| format!("{} {} added, id {}", noun.word(), cell(row, "name"), cell(row, "id")));
    Ok(())
}

/// Changes the given fields of a thing.
async fn patch(session: &Session, noun: Noun, name: &str, body: Value) -> Result<(), Failure> {
    let path = session.client.path(noun, name).await?;
    let answer = session.client.patch(&path, &changed(body)?).await?;
    session.print(&answer, |row| format!("{} {} changed", noun.word(), cell(row, "name")));
    Ok(())
}

/// Changes the given fields of a thing that the API only replaces as a whole. `fields` are those that it takes.
async fn replace(session: &Session, noun: Noun, name: &str, fields: &[&str], body: Value) -> Result<(), Failure> {
    let body = changed(body)?;
    let existing = session.client.named(noun, name).await?;
    let mut whole = Map::new();
    for field in fields {
        if let Some(value) = body.get(field).or_else(|| existing.get(field)) {
            whole.insert((*field).to_owned(), value.clone());
        }
    }
    let path = session.client.path(noun, &cell(&existing, "id")).await?;
    let answer = session.client.put(&path, &Value::Object(whole)).await?;
    session.print(&answer, |row| format!("{} {} changed", noun.word(), cell(row, "name")));
    Ok(())
}

/// Removes a thing.
async fn remove(session: &Session, noun: Noun, name: &str) -> Result<(), Failure> {
    let row = session.client.named(noun, name).await?;
    let path = format!("{}/{}", noun.path(), cell(&row, "id"));
    session.client.delete(&path).await?;
    if !session.json {
        say(format!("{} {} removed", noun.word(), cell(&row, "name")));
    }
    Ok(())
}

/// `NAME=VALUE` of an attribute or variable; the server checks both halves.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME=VALUE")),
    }
}

/// Pairs as a JSON object.
fn pairs(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
}

/// Attributes as `NAME=Ann CITY=Rome`.
fn words(attributes: &Value) -> String {
    let pairs = attributes.as_object().into_iter().flatten();
    pairs.map(|(name, value)| format!("{name}={}", crate::output::show(value))).collect::<Vec<_>>().join(" ")
}
