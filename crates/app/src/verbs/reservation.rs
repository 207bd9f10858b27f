//! `carillon reservation`: agents who are shown whom they would call.

use super::rows_table;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local};
use clap::Subcommand;
use serde_json::{Value, json};

/// What to do with reservations.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What agents look at now
    List,
    /// Give an agent somebody to call; asked again he gets the same, and nothing is dialled
    Take {
        /// The telephone that the queue calls, as PJSIP/1001
        agent: String,
        /// Only of this campaign, name or id
        #[arg(long)]
        campaign: Option<String>,
    },
    /// The agent wants it: his telephone rings, then the person's
    Dial {
        /// Its id
        reservation: i64,
    },
    /// The agent does not want it: it ends as RS_AGENTSKIP
    Skip {
        /// Its id
        reservation: i64,
        /// Why, for reschedule rules: at most 64 characters
        #[arg(long, default_value = "")]
        status: String,
    },
    /// Give it back, for whoever asks next
    Release {
        /// Its id
        reservation: i64,
    },
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List => {
            let answer = session.client.get("api/reservations").await?;
            session.print(&answer, |all| match all["items"].as_array().filter(|rows| !rows.is_empty()) {
                Some(rows) => {
                    let rows: Vec<Value> = rows
                        .iter()
                        .map(|row| {
                            let mut row = row.clone();
                            row["until"] = local(&row, "until").into();
                            row
                        })
                        .collect();
                    let columns = [
                        ("reservation", "id"),
                        ("agent", "agent"),
                        ("campaign", "campaign_name"),
                        ("number", "number"),
                        ("retry", "retry"),
                        ("until", "until"),
                    ];
                    rows_table(&rows, &columns).to_string()
                }
                None => "no agent looks at anybody".to_owned(),
            });
        }
        Verb::Take { agent, campaign } => {
            let campaign = match campaign {
                Some(name) => Some(session.client.id(Noun::Campaign, &name).await?),
                None => None,
            };
            let body = json!({ "agent": agent, "campaign": campaign });
            let answer = session.client.post("api/reservations", Some(&body)).await?;
            session.print(&answer, |row| {
                let attributes = row["attributes"].as_object().into_iter().flatten();
                let attributes =
                    attributes.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("").to_owned()));
                let known = ["id", "agent", "campaign_name", "number", "retry"];
                let heads = ["reservation", "agent", "campaign", "number", "retry"];
                let known = heads.into_iter().zip(known.map(|field| cell(row, field)));
                facts(known.chain([("until", local(row, "until"))]).chain(attributes))
            });
        }
        Verb::Dial { reservation } => {
            decide(session, reservation, "dial", None, "is being dialled").await?;
        }
        Verb::Skip { reservation, status } => {
            decide(session, reservation, "skip", Some(json!({ "status": status })), "is skipped").await?;
        }
        Verb::Release { reservation } => {
            decide(session, reservation, "release", None, "is given back").await?;
        }
    }
    Ok(())
}

async fn decide(session: &Session, id: i64, what: &str, body: Option<Value>, done: &str) -> Result<(), Failure> {
    let answer = session.client.post(&format!("api/reservations/{id}/{what}"), body.as_ref()).await?;
    session.print(&answer, |_| format!("reservation {id} {done}"));
    Ok(())
}
