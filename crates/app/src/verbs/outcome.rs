//! `carillon campaign outcome`: what is done about calls that have ended.

use super::campaign_rules::Rules;
use super::{pair, rows_table};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::cell;
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
        Verb::List { campaign } => RULES.list(session, &campaign).await,
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
            RULES.add(session, &campaign, rule).await
        }
        Verb::Remove { campaign, rule } => RULES.remove(session, &campaign, rule).await,
    }
}

const RULES: Rules = Rules {
    field: "outcome_rules",
    called: "outcome rule",
    verb: "outcome",
    none: "no outcome rule: nothing is done about calls that have ended",
    none_left: "no outcome rule is left",
    table,
};

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
