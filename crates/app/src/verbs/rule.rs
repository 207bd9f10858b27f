//! `carillon campaign rule`: whether and when a contact is tried again.

use super::rows_table;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, say};
use crate::span;
use clap::{Subcommand, ValueEnum};
use domain::CallState;
use serde_json::{Value, json};

/// What to do with the rules of a campaign.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Try contacts again after this outcome
    Add {
        /// Campaign, name or id
        campaign: String,
        /// Outcome, e.g. RS_BUSY, RS_NOANSWER, RS_REJECTED
        #[arg(long = "on", value_name = "STATE", value_parser = state)]
        status: CallState,
        /// Only with this extended status
        #[arg(long, default_value = "")]
        ext: String,
        /// Retries at most: 2 means three attempts in all
        #[arg(long, value_name = "N")]
        attempts: u32,
        /// How long after the end of the call, e.g. 90s, 5m, 2h
        #[arg(long, value_name = "SPAN", value_parser = span::seconds)]
        after: u32,
        /// How the delay grows
        #[arg(long, value_enum, default_value = "fixed")]
        mode: Mode,
    },
    /// The rules of a campaign
    List {
        /// Campaign, name or id
        campaign: String,
    },
    /// Remove a rule
    Remove {
        /// Campaign, name or id
        campaign: String,
        /// The rule's id
        rule: i64,
    },
}

/// How the delay grows.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// The same delay every time
    Fixed,
    /// The delay times the attempt number
    Mult,
}

pub(super) fn state(text: &str) -> Result<CallState, String> {
    CallState::parse(text).map_err(|invalid| invalid.problem)
}

/// Does it.
pub(super) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { campaign } => {
            let row = session.client.named(Noun::Campaign, &campaign).await?;
            let rules = &row["rules"];
            match rules.as_array().filter(|rules| !rules.is_empty()) {
                _ if session.json => say(rules),
                Some(rules) => say(rows_table(rules, &COLUMNS)),
                None => say("no rule: every contact is tried once"),
            }
            Ok(())
        }
        Verb::Add { campaign, status, ext, attempts, after, mode } => {
            let mode = match mode {
                Mode::Fixed => "FIXED",
                Mode::Mult => "MULT",
            };
            let rule = json!({
                "status": status.code(), "status_ext": ext, "max_attempts": attempts, "retry_after_s": after, "mode": mode,
            });
            change(session, &campaign, |rules| {
                rules.push(rule);
                Ok(())
            })
            .await
        }
        Verb::Remove { campaign, rule } => {
            change(session, &campaign, |rules| {
                let before = rules.len();
                rules.retain(|row| row["id"].as_i64() != Some(rule));
                if rules.len() == before {
                    return Err(Failure::refused(format!("rule {rule} does not exist in campaign {campaign:?}"))
                        .remedy(format!("carillon campaign rule list {campaign:?} shows its rules")));
                }
                Ok(())
            })
            .await
        }
    }
}

/// The columns of a table of rules.
pub(super) const COLUMNS: [super::Column; 6] = [
    ("rule", "id"),
    ("on", "status"),
    ("extended", "status_ext"),
    ("retries", "max_attempts"),
    ("after, s", "retry_after_s"),
    ("mode", "mode"),
];

/// The API replaces all rules at once, so they are read first.
async fn change(
    session: &Session,
    campaign: &str,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let row = session.client.named(Noun::Campaign, campaign).await?;
    let mut rules = row["rules"].as_array().cloned().unwrap_or_default();
    edit(&mut rules)?;
    let path = format!("{}/{}", Noun::Campaign.path(), cell(&row, "id"));
    let answer = session.client.patch(&path, &json!({ "rules": rules })).await?;
    session.print(&answer, |campaign| match campaign["rules"].as_array().filter(|rules| !rules.is_empty()) {
        Some(rules) => rows_table(rules, &COLUMNS).to_string(),
        None => "no rule is left: every contact is tried once".to_owned(),
    });
    Ok(())
}
