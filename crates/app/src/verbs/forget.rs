//! `carillon forget`: erasing a person.

use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, say};
use clap::Args;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};

/// Whom to forget.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Their number, written as a list may write it
    number: String,
    /// Why, for those who ask later; without anything that names the person
    #[arg(long, default_value = "")]
    why: String,
    /// Do not ask; needed where nobody can answer
    #[arg(long)]
    yes: bool,
}

/// Says what is erased, asks, and erases it.
pub(crate) async fn run(options: Options, session: &Session) -> Result<(), Failure> {
    let Options { number, why, yes } = options;
    let body = |dry_run: bool| json!({ "number": number, "why": why, "dry_run": dry_run });
    if !yes {
        let counted = session.client.post("api/forget", Some(&body(true))).await?;
        ask(&counted.value)?;
    }
    let answer = session.client.post("api/forget", Some(&body(false))).await?;
    session.print(&answer, |done| {
        format!(
            "forgotten: {}\n  the number is never called again; a keyed hash of it says so\n  \
             not reached: backups made before, exported files, the PBX's own records",
            what(done)
        )
    });
    Ok(())
}

fn what(traces: &Value) -> String {
    format!(
        "{} contacts in {} lists, {} lines of verdict files; {} attempts stay, they hold no number",
        cell(traces, "contacts"),
        cell(traces, "lists"),
        cell(traces, "verdict_lines"),
        cell(traces, "attempts"),
    )
}

fn ask(traces: &Value) -> Result<(), Failure> {
    let refused = |message: &str| {
        Err(Failure::refused(message.to_owned()).remedy("nothing was erased; add --yes to do it without a question"))
    };
    say(format!("this erases {}", what(traces)));
    if !std::io::stdin().is_terminal() {
        return refused("this cannot be undone, and nobody is there to be asked");
    }
    eprint!("erase it? this cannot be undone [y/N] ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match (read, line.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => refused("not confirmed"),
    }
}
