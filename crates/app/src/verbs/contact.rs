//! `carillon contact`: one row of a list.

use super::{changed, object, pair, words};
use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, facts, local, table};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

/// What to do with a contact. `list show` has their ids.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// One contact with its attributes
    Show {
        /// Its id
        contact: i64,
    },
    /// What happened to it, newest first: calls, corrections, its import, suppressions
    History {
        /// Its id
        contact: i64,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Correct a number or attributes; refused while the contact is being called
    Set(Change),
}

/// What is to change; what is not given stays.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Its id
    contact: i64,
    /// Another number
    #[arg(long)]
    number: Option<String>,
    /// Attributes to set
    #[arg(value_name = "ATTR=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// An attribute to take away; repeat it for more
    #[arg(long, value_name = "ATTR")]
    without: Vec<String>,
}

/// `1: 5550002, 2: cannot be dialled`.
fn further(numbers: &Value) -> String {
    let one = |one: &Value| match one["left_out"].as_str() {
        Some(why) => format!("{}: {why}", cell(one, "no")),
        None => format!("{}: {}", cell(one, "no"), cell(one, "number")),
    };
    numbers.as_array().into_iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}

/// Prints a history.
pub(super) async fn history(path: &str, limit: u32, session: &Session) -> Result<(), Failure> {
    let answer = session.client.find(path, &[("limit", &limit.to_string())]).await?;
    session.print(&answer, |page| {
        let mut rows = table(&["at", "what", "by", "contact", "more"]);
        for row in page["items"].as_array().into_iter().flatten() {
            let by = match cell(row, "actor") {
                by if by.is_empty() => "carillon".to_owned(),
                by => by,
            };
            rows.add_row([local(row, "at"), cell(row, "kind"), by, cell(row, "contact"), cell(row, "text")]);
        }
        rows
    });
    Ok(())
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Show { contact } => {
            let answer = session.client.get(&format!("api/contacts/{contact}")).await?;
            session.print(&answer, |contact| {
                let mut rows = vec![
                    ("contact", cell(contact, "id")),
                    ("list", cell(contact, "list")),
                    ("number", cell(contact, "number")),
                    ("as given", cell(contact, "as_given")),
                    ("E.164", cell(contact, "e164")),
                    ("attributes", words(&contact["attributes"])),
                ];
                let further = further(&contact["further_numbers"]);
                rows.extend((!further.is_empty()).then_some(("further numbers", further)));
                facts(rows)
            });
            Ok(())
        }
        Verb::History { contact, limit } => history(&format!("api/contacts/{contact}/history"), limit, session).await,
        Verb::Set(Change { contact, number, attributes, without }) => {
            let set = attributes.into_iter().map(|(name, value)| (name, Value::from(value)));
            let attributes: Map<String, Value> =
                set.chain(without.into_iter().map(|name| (name, Value::Null))).collect();
            let attributes = (!attributes.is_empty()).then_some(Value::Object(attributes));
            let body = changed(object([("number", number.map(Value::from)), ("attributes", attributes)]))?;
            let answer = session.client.patch(&format!("api/contacts/{contact}"), &body).await?;
            session.done(&answer, format!("contact {contact} changed"));
            Ok(())
        }
    }
}
