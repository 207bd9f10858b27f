//! `carillon alert`: what was wrong, and whether letters arrive.

use super::rows_table;
use crate::client::Session;
use crate::failure::Failure;
use crate::output::say;
use clap::Subcommand;

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What is wrong now, newest first
    List {
        /// Also what is over
        #[arg(long)]
        all: bool,
        /// Alerts shown, at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Send a test letter to everybody who gets alerts by e-mail
    Test,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { all, limit } => {
            let limit = limit.to_string();
            let open = if all { "false" } else { "true" };
            let answer = session.client.find("api/alerts", &[("open", open), ("limit", &limit)]).await?;
            session.print(&answer, |page| match page["items"].as_array().filter(|rows| !rows.is_empty()) {
                Some(rows) => {
                    let columns =
                        [("id", "id"), ("kind", "kind"), ("since", "raised_at"), ("over", "ended_at"), ("why", "why")];
                    rows_table(rows, &columns).to_string()
                }
                None if all => "no alert".to_owned(),
                None => "nothing is wrong".to_owned(),
            });
            Ok(())
        }
        Verb::Test => {
            session.client.post("api/alerts/test", None).await?;
            say("the mail server has taken the letter");
            Ok(())
        }
    }
}
