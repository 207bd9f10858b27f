//! `carillon db`: the database, without a server.

use super::open;
use crate::config::{Config, Source};
use crate::failure::Failure;
use crate::output::{facts, say, show};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::Path;
use store::{RunFilter, Scope, Store};

/// Open runs counted, at most.
const MAX_RUNS: u32 = 1_000;

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Where it is, how large, who uses it and what it holds
    Status,
}

/// Does it.
pub(crate) async fn run(verb: &Verb, source: &Source, json: bool) -> Result<(), Failure> {
    let Verb::Status = verb;
    let (config, _) = source.load()?;
    let rows = status(&config).await?;
    if json {
        say(Value::Object(rows.into_iter().map(|(name, value)| (name.replace(' ', "_"), value)).collect()));
    } else {
        say(facts(rows.iter().map(|(name, value)| (*name, show(value)))));
    }
    Ok(())
}

async fn status(config: &Config) -> Result<Vec<(&'static str, Value)>, Failure> {
    let mut rows = vec![("database", json!(config.database_name())), ("key file", json!(config.key_file))];
    if config.server.is_none() {
        let mut log = config.database.as_os_str().to_owned();
        log.push("-wal");
        rows.push(("size bytes", json!(size(&config.database))));
        rows.push(("log bytes", json!(size(Path::new(&log)))));
    }
    match open::existing(config).await {
        Ok(store) => {
            rows.push(("state", json!("sound, no server uses it")));
            rows.extend(contents(&store).await.map_err(|error| open::failure(&error))?);
            store.close().await;
        }
        // A server at work is no failure of the database.
        Err(failure) if failure.message.contains("process uses the database:") => {
            rows.push(("state", json!("in use by a running server")));
            rows.push(("holder", json!(failure.message.split_once(": ").map_or("", |(_, holder)| holder))));
        }
        Err(failure) if failure.message.contains(".lock") => rows.push(("state", json!("in use by a running server"))),
        Err(failure) => return Err(failure),
    }
    Ok(rows)
}

async fn contents(store: &Store) -> store::Result<Vec<(&'static str, Value)>> {
    let scope = Scope::installation();
    let lists = store.lists(&scope).await?;
    let contacts: i64 = lists.iter().map(|list| list.contacts).sum();
    let filter = RunFilter { open: Some(true), limit: MAX_RUNS, ..RunFilter::default() };
    Ok(vec![
        ("pbxs", json!(store.pbxs(&scope).await?.len())),
        ("trunks", json!(store.trunks(&scope).await?.len())),
        ("end points", json!(store.end_points(&scope).await?.len())),
        ("lists", json!(lists.len())),
        ("contacts", json!(contacts)),
        ("campaigns", json!(store.campaigns(&scope).await?.len())),
        ("open runs", json!(store.runs(&scope, &filter).await?.len())),
        ("dialling", json!(if store.hold(&scope).await?.is_some() { "held" } else { "allowed" })),
    ])
}

/// Bytes of a file, 0 when there is none.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}
