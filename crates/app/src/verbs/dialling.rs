//! `carillon stop-dialling`, `resume-dialling` and `dialling status`.

use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, local};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// How to stop.
#[derive(Debug, Args)]
pub(crate) struct StopOptions {
    /// Why, for those who ask later
    #[arg(long, default_value = "stopped from the command line")]
    why: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Whether calls may be placed, and if not, who stopped it and why
    Status,
}

/// No call is placed after the server's answer.
pub(crate) async fn stop(options: StopOptions, session: &Session) -> Result<(), Failure> {
    let answer = session.client.post("api/dialling/hold", Some(&json!({ "why": options.why }))).await?;
    session.done(&answer, "dialling is stopped; calls in progress go on\n  resume with: carillon resume-dialling");
    Ok(())
}

/// How to go on.
#[derive(Debug, Args)]
pub(crate) struct ResumeOptions {
    /// After a restore: whoever was called since the backup may be called again
    #[arg(long)]
    accept_restore: bool,
}

/// Calls are placed again.
pub(crate) async fn resume(options: ResumeOptions, session: &Session) -> Result<(), Failure> {
    let path = if options.accept_restore { "api/dialling/lift?accept_restore=true" } else { "api/dialling/lift" };
    let answer = session.client.post(path, None).await?;
    session.done(&answer, "dialling is resumed");
    Ok(())
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let Verb::Status = verb;
    let answer = session.client.get("api/dialling").await?;
    session.print(&answer, sentence);
    Ok(())
}

fn sentence(dialling: &Value) -> String {
    let (hold, storage) = (&dialling["hold"], &dialling["storage"]);
    let mut lines = Vec::new();
    if !hold.is_null() {
        lines.push(format!("stopped since {} by {}: {}", local(hold, "since"), cell(hold, "by"), cell(hold, "why")));
    }
    if !storage.is_null() {
        lines.push(storage_line(storage));
    }
    if lines.is_empty() { "calls may be placed".into() } else { lines.join("\n") }
}

/// What the database lacks, in one line.
pub(super) fn storage_line(storage: &Value) -> String {
    format!("NOTHING NEW IS DIALLED since {}: {}", local(storage, "since"), cell(storage, "why"))
}
