//! `carillon campaign rule`: whether and when a contact is tried again.

use super::campaign_rules::Rules;
use super::rows_table;
use crate::client::Session;
use crate::failure::Failure;
use crate::span;
use clap::{Subcommand, ValueEnum};
use domain::CallState;
use serde_json::json;

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
        Verb::List { campaign } => RULES.list(session, &campaign).await,
        Verb::Add { campaign, status, ext, attempts, after, mode } => {
            let mode = match mode {
                Mode::Fixed => "FIXED",
                Mode::Mult => "MULT",
            };
            let rule = json!({
                "status": status.code(), "status_ext": ext, "max_attempts": attempts, "retry_after_s": after, "mode": mode,
            });
            RULES.add(session, &campaign, rule).await
        }
        Verb::Remove { campaign, rule } => RULES.remove(session, &campaign, rule).await,
    }
}

const RULES: Rules = Rules {
    field: "rules",
    called: "rule",
    verb: "rule",
    none: "no rule: every contact is tried once",
    none_left: "no rule is left: every contact is tried once",
    table: |rules| rows_table(rules, &COLUMNS).to_string(),
};

/// The columns of a table of rules.
pub(super) const COLUMNS: [super::Column; 6] = [
    ("rule", "id"),
    ("on", "status"),
    ("extended", "status_ext"),
    ("retries", "max_attempts"),
    ("after, s", "retry_after_s"),
    ("mode", "mode"),
];
