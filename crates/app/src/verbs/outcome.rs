//! `carillon campaign outcome`: what is done about calls that have ended.

use super::{pair, rows_table};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, say};
use crate::span;
use clap::{Subcommand, ValueEnum};
use domain::CallState;
use serde_json::{Map, Value, json};

/// What to do with the outcome rules of a campaign.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Do something about calls with this outcome
    Add {
        /// Campaign, name or id
        campaign: String,
        /// Outcome, e.g. RS_BUSY, RS_NOANSWER, TERMINATED
        #[arg(long = "on", value_name = "STATE", value_parser = super::rule::state)]
        status: CallState,
        /// Only with this extended status; * for any, also none
        #[arg(long, default_value = "")]
        ext: String,
        /// Also when the contact is tried again after the call
        #[arg(long)]
        retries_pending: bool,
        /// What to do
        #[arg(long = "do", value_enum, value_name = "VERB")]
        verb: What,
        /// List, name or id: for add-list and add-blacklist
        #[arg(long)]
        list: Option<String>,
        /// Campaign, name or id, to whose run the number is added: for reschedule
        #[arg(long = "to-campaign", value_name = "CAMPAIGN")]
        to_campaign: Option<String>,
        /// Address for http-get and http-post, receivers for email; ${num} and attribute names are replaced
        #[arg(long, default_value = "")]
        to: String,
        /// Body of http-post (none: the form of an ended attempt), or the letter of email
        #[arg(long, default_value = "")]
        text: String,
        /// How long after the end of the call, e.g. 30s, 5m, 2h; at once without it
        #[arg(long, value_name = "SPAN", value_parser = span::seconds, default_value = "0s")]
        after: u32,
        /// Which of the call's attributes go with it
        #[arg(long, value_enum, default_value = "all")]
        vars: Vars,
        /// An attribute that goes with it besides; repeat it for more
        #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = pair)]
        attributes: Vec<(String, String)>,
    },
    /// The outcome rules of a campaign
    List {
        /// Campaign, name or id
        campaign: String,
    },
    /// Remove an outcome rule
    Remove {
        /// Campaign, name or id
        campaign: String,
        /// The rule's id
        rule: i64,
    },
}

/// What a rule does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// Nothing: the rule is switched off
    None,
    /// Ask an address of a program
    HttpGet,
    /// Post to a program
    HttpPost,
    /// Put the number on a list
    AddList,
    /// Put the number on a black list, unless it is there
    AddBlacklist,
    /// Send a letter
    Email,
    /// Add the number to the run of a campaign
    Reschedule,
}

/// Which attributes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Vars {
    /// The contact's and the output attributes
    All,
    /// The contact's
    Input,
    /// The output attributes
    Output,
    /// None
    None,
}

/// As the API spells it.
fn code(value: impl ValueEnum) -> String {
    let name = value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    name.replace('-', "_").to_ascii_uppercase()
}

/// Does it.
pub(super) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { campaign } => {
            let row = session.client.named(Noun::Campaign, &campaign).await?;
            match row["outcome_rules"].as_array() {
                Some(rules) if session.json => say(Value::from(rules.clone())),
                Some(rules) if !rules.is_empty() => say(table(rules)),
                _ => say("no outcome rule: nothing is done about calls that have ended"),
            }
            Ok(())
        }
        Verb::Add {
            campaign,
            status,
            ext,
            retries_pending,
            verb,
            list,
            to_campaign,
            to,
            text,
            after,
            vars,
            attributes,
        } => {
            let id_of = async |noun, name: Option<String>| -> Result<Value, Failure> {
                match name {
                    Some(name) => Ok(session.client.named(noun, &name).await?["id"].clone()),
                    None => Ok(Value::Null),
                }
            };
            let attributes: Map<String, Value> =
                attributes.into_iter().map(|(name, value)| (name, value.into())).collect();
            let rule = json!({
                "status": status.code(), "status_ext": ext, "with_retries_pending": retries_pending, "verb": code(verb),
                "list": id_of(Noun::List, list).await?, "campaign": id_of(Noun::Campaign, to_campaign).await?,
                "destination": to, "text": text, "defer_s": after, "var_mode": code(vars), "attributes": attributes,
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
                    return Err(Failure::refused(format!(
                        "outcome rule {rule} does not exist in campaign {campaign:?}"
                    ))
                    .remedy(format!("carillon campaign outcome list {campaign:?} shows its rules")));
                }
                Ok(())
            })
            .await
        }
    }
}

/// Rules as a table.
pub(super) fn table(rules: &[Value]) -> String {
    let rows: Vec<Value> = rules.iter().map(row).collect();
    let columns = [
        ("rule", "id"),
        ("on", "status"),
        ("extended", "status_ext"),
        ("does", "verb"),
        ("to", "target"),
        ("after, s", "defer_s"),
        ("attributes", "var_mode"),
    ];
    rows_table(&rows, &columns).to_string()
}

/// With what the rule is about as one text.
fn row(rule: &Value) -> Value {
    let target = match (&rule["list"], &rule["campaign"]) {
        (Value::Number(list), _) => format!("list {list}"),
        (_, Value::Number(campaign)) => format!("campaign {campaign}"),
        _ => cell(rule, "destination"),
    };
    let mut row = rule.clone();
    row["target"] = target.into();
    row
}

/// The API replaces all rules at once, so they are read first.
async fn change(
    session: &Session,
    campaign: &str,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let row = session.client.named(Noun::Campaign, campaign).await?;
    let mut rules = row["outcome_rules"].as_array().cloned().unwrap_or_default();
    edit(&mut rules)?;
    let path = format!("{}/{}", Noun::Campaign.path(), cell(&row, "id"));
    let answer = session.client.patch(&path, &json!({ "outcome_rules": rules })).await?;
    session.print(&answer, |campaign| match campaign["outcome_rules"].as_array().filter(|rules| !rules.is_empty()) {
        Some(rules) => table(rules),
        None => "no outcome rule is left".to_owned(),
    });
    Ok(())
}
