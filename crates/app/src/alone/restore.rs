//! `carillon restore`: a backup in the place of the database, and who was called since.

use super::{call_records, open};
use crate::config::{Config, Source};
use crate::failure::Failure;
use crate::output::{facts, note, say};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use store::restore::{Carried, Present, Reconciled, Restored, Settled};
use store::{Scope, Store};

/// Who reads call records.
const BY: &str = "carillon restore";

/// What to put in place.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A file that `carillon backup` made; left out to read call records for an earlier restore
    #[arg(required_unless_present_any = ["cdr", "after_pg_restore"])]
    file: Option<PathBuf>,
    /// PostgreSQL: pg_restore put a dump in place. Raises every counter above what was handed out since, holds dialling
    #[arg(long, conflicts_with = "file")]
    after_pg_restore: bool,
    /// When that dump was made, e.g. 2026-03-01T02:00:00Z; left out: the time of the last event in it
    #[arg(long, value_name = "INSTANT", requires = "after_pg_restore")]
    taken_at: Option<jiff::Timestamp>,
    /// Asterisk's call records, Master.csv, of every PBX: once for each
    #[arg(long, value_name = "CSV")]
    cdr: Vec<PathBuf>,
}

/// Does it. The server must be stopped.
pub(crate) async fn run(options: &Options, source: &Source, json: bool) -> Result<(), Failure> {
    let (config, _) = source.load()?;
    // Before anything changes: a file that cannot be read.
    let records = options.cdr.iter().map(|path| call_records::Records::read(path)).collect::<Result<Vec<_>, _>>()?;
    let restored = match &options.file {
        Some(file) => {
            Some(store::restore::restore(&open::settings(&config), file).await.map_err(|error| open::failure(&error))?)
        }
        None => None,
    };
    let marked = match options.after_pg_restore {
        true => Some(
            store::restore::mark_restored(&open::settings(&config), options.taken_at.map(domain::Timestamp::from_jiff))
                .await
                .map_err(|error| open::failure(&error))?,
        ),
        false => None,
    };
    let rows = restored.as_ref().map(rows).or(marked.map(|marked| {
        vec![
            ("backup of", marked.taken_at.to_string()),
            ("held until", marked.lift_at.to_string()),
            ("epoch", format!("above {}", marked.epoch)),
            ("attempts from", marked.attempt_id.to_string()),
        ]
    }));
    if let Some(rows) = rows.as_ref().filter(|_| !json) {
        say(facts(rows.clone()));
    }
    let mut read = None;
    if !records.is_empty() {
        let store = open::existing(&config).await?;
        let done = reconcile(&store, records, &config).await;
        store.close().await;
        read = Some(done?);
    }
    if json {
        let restored: Option<Value> = rows
            .map(|rows| rows.into_iter().map(|(name, value)| (name.replace(' ', "_"), Value::from(value))).collect());
        let read = read.map(|(done, unmarked, lifted)| {
            json!({"written": done.written, "answered": done.answered, "known": done.known, "needless": done.needless,
                "unmarked": unmarked, "lifted": lifted})
        });
        say(json!({"restored": restored, "records": read}));
    } else if let Some((done, unmarked, lifted)) = read {
        say(words(done, unmarked, lifted));
    } else {
        say(
            "dialling is held until call records are read (carillon restore --cdr Master.csv), that time has passed, or",
        );
        say("somebody accepts second calls (carillon resume-dialling --accept-restore); next: carillon serve");
    }
    Ok(())
}

fn rows(restored: &Restored) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("backup of", restored.facts.taken_at.to_string()),
        ("lost", lost(restored)),
        ("held until", restored.lift_at.to_string()),
        ("epoch", format!("above {}", restored.epoch)),
        ("attempts from", restored.attempt_id.to_string()),
    ];
    if let Some(aside) = &restored.aside {
        rows.push(("put aside", aside.display().to_string()));
    }
    match restored.suppressions {
        Some(carried) if carried == Carried::default() => {}
        Some(Carried { numbers, lists, registries }) => {
            let all = format!("{numbers} numbers, {lists} lists and {registries} registries taken over from there");
            rows.push(("suppressed", all));
        }
        None => rows.push(("suppressed", "numbers entered after the backup are lost: enter them again".to_owned())),
    }
    match restored.ledger_rows {
        Some(0) => {}
        Some(taken) => rows.push(("ledger", format!("{taken} rows of abandoned and live calls taken over from there"))),
        None => rows.push(("ledger", "what was counted of abandoned calls after the backup is lost".to_owned())),
    }
    if restored.key_written {
        rows.push(("key", "written from the backup".to_owned()));
    }
    rows
}

/// What the backup does not have.
fn lost(restored: &Restored) -> String {
    let ago = restored.restored_at.ms_since(restored.facts.taken_at).max(0) / 1_000;
    let span = crate::output::span(u64::try_from(ago).unwrap_or(0));
    match &restored.present {
        Present::Readable(numbers) => {
            format!("{span} of calls and changes, the last at {}", numbers.last_event_at)
        }
        Present::Unreadable { why } => {
            format!("{span} of calls and changes at most; what was there is unreadable: {why}")
        }
        Present::Missing => format!("{span} of calls and changes at most; there was no database"),
        Present::Other { installation } => {
            format!("{span} at most; the database in place was of installation {installation}")
        }
    }
}

/// Writes what the records tell; lifts the hold if they tell everything. Returns what was done, how many records of ours
/// tell nothing, and whether the hold was lifted.
async fn reconcile(
    store: &Store,
    records: Vec<call_records::Records>,
    config: &Config,
) -> Result<(Reconciled, u64, bool), Failure> {
    let failed = |error: store::Error| open::failure(&error);
    let scope = Scope::installation();
    let Some(restore) = store.open_restore(&scope).await.map_err(failed)? else {
        return Err(Failure::refused(format!("{} is held by no restore", config.database.display()))
            .remedy("call records are only needed after carillon restore FILE"));
    };
    let installation = store.installation_name();
    let mut calls = Vec::new();
    let mut unmarked = 0;
    for records in records {
        let (found, without) = records.calls_of(installation);
        if found.is_empty() && without == 0 {
            note(format!("warning: {} has no call of installation {installation}", records.path().display()));
        }
        calls.extend(found);
        unmarked += without;
    }
    calls.retain(|call| call.mark.attempt.0 < restore.attempt_id);
    calls.sort_by_key(|call| call.mark.attempt);
    let done = store.reconcile(&scope, &restore, &calls).await.map_err(failed)?;
    // Records of calls before the backup show that this is the right file even when nobody was called after it.
    let lifted = !calls.is_empty() && unmarked == 0;
    if lifted {
        store.settle_restore(&scope, BY, Settled::Records, store::now()).await.map_err(failed)?;
    }
    Ok((done, unmarked, lifted))
}

fn words(done: Reconciled, unmarked: u64, lifted: bool) -> String {
    let Reconciled { written, answered, known, needless } = done;
    let mut text = format!(
        "call records: {written} calls since the backup written as attempts, {answered} of them answered; {known} were known, \
         {needless} need nothing"
    );
    if lifted {
        text.push_str("\nthe hold of the restore is lifted; next: carillon serve");
    } else if unmarked > 0 {
        text.push_str(&format!("\n{unmarked} calls of ours do not say whose they were: dialling stays held"));
    } else {
        text.push_str("\nthey hold no call of ours: dialling stays held");
    }
    text
}
