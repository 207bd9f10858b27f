//! `carillon action`: what outcome rules asked for after calls, and letters about runs.

use super::rows_table;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, say};
use clap::{Args, Subcommand, ValueEnum};

/// What to do with actions of outcome rules and letters about runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What outcome rules asked for, the latest first
    List {
        /// Of this run, an id
        #[arg(long)]
        run: Option<i64>,
        /// Of this campaign, name or id
        #[arg(long)]
        campaign: Option<String>,
        /// In this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Actions shown, at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Try failed actions again; what was done is not repeated
    Retry(Which),
}

/// Which actions are tried again.
#[derive(Debug, Args)]
#[group(required = true)]
pub(crate) struct Which {
    /// This one
    action: Option<i64>,
    /// All that failed
    #[arg(long, conflicts_with = "action")]
    failed: bool,
    /// All that failed of this campaign, name or id
    #[arg(long, conflicts_with = "action")]
    campaign: Option<String>,
}

/// How far an action is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum State {
    /// For its time, or its next try
    Waiting,
    /// It was done
    Done,
    /// It was not, and is not tried again by itself
    Failed,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let campaign_id = async |name: &Option<String>| -> Result<String, Failure> {
        match name {
            Some(name) => Ok(cell(&session.client.named(Noun::Campaign, name).await?, "id")),
            None => Ok(String::new()),
        }
    };
    match verb {
        Verb::List { run, campaign, state, limit } => {
            let (campaign, limit) = (campaign_id(&campaign).await?, limit.to_string());
            let run = run.map(|run| run.to_string()).unwrap_or_default();
            let state = state.and_then(|state| state.to_possible_value());
            let state = state.map(|state| state.get_name().to_owned()).unwrap_or_default();
            let query = [("run", run.as_str()), ("campaign", &campaign), ("state", &state), ("limit", &limit)];
            let query: Vec<_> = query.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            let answer = session.client.find("api/actions", &query).await?;
            if !session.json && !run.is_empty() {
                let counts = session.client.get(&format!("api/runs/{run}/actions")).await?.value;
                let [waiting, done, failed] = ["waiting", "done", "failed"].map(|state| cell(&counts, state));
                say(format!("run {run}: {waiting} wait, {done} done, {failed} failed"));
            }
            session.print(&answer, |page| match page["items"].as_array().filter(|rows| !rows.is_empty()) {
                Some(rows) => {
                    let columns = [
                        ("action", "id"),
                        ("attempt", "attempt"),
                        ("campaign", "campaign_name"),
                        ("does", "verb"),
                        ("state", "state"),
                        ("tries", "tries"),
                        ("said", "said"),
                    ];
                    rows_table(rows, &columns).to_string()
                }
                None => "no action".to_owned(),
            });
        }
        Verb::Retry(Which { action: Some(action), .. }) => {
            let answer = session.client.post(&format!("api/actions/{action}/retry"), None).await?;
            session.print(&answer, |_| format!("action {action} is tried again now"));
        }
        Verb::Retry(Which { campaign, .. }) => {
            let id = campaign_id(&campaign).await?;
            let path =
                if id.is_empty() { "api/actions/retry".into() } else { format!("api/actions/retry?campaign={id}") };
            let answer = session.client.post(&path, None).await?;
            session.print(&answer, |answer| format!("{} actions are tried again now", cell(answer, "actions")));
        }
    }
    Ok(())
}
