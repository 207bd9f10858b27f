//! `carillon log`: what happened to the installation.

use crate::client::Session;
use crate::failure::Failure;
use crate::output::{cell, local, table};
use crate::span;
use clap::{Subcommand, ValueEnum};
use domain::Timestamp;

/// What to do with the system log.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Starts and stops, links, agents, runs, alerts, holds and who signed in, newest first
    List {
        /// At least this
        #[arg(long, value_enum, default_value_t = Level::Info)]
        level: Level,
        /// Only about this: engine, pbx, campaign, run, alert, dialling, suppression_list, suppression, user
        #[arg(long)]
        subject: Option<String>,
        /// Then or later, e.g. 2026-03-29
        #[arg(long, value_parser = span::instant)]
        from: Option<Timestamp>,
        /// Before; a day alone means its end
        #[arg(long, value_parser = span::instant_or_end)]
        to: Option<Timestamp>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

/// How much it matters.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let Verb::List { level, subject, from, to, limit } = verb;
    let level = level.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let (from, to, limit) = (from.map(|at| at.to_string()), to.map(|at| at.to_string()), limit.to_string());
    let given = [("subject", &subject), ("from", &from), ("to", &to)];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let query: Vec<(&str, &str)> = given.chain([("level", level.as_str()), ("limit", limit.as_str())]).collect();
    let answer = session.client.find("api/system-log", &query).await?;
    session.print(&answer, |page| {
        let mut rows = table(&["at", "level", "about", "name", "by", "what"]);
        for row in page["items"].as_array().into_iter().flatten() {
            let by = match cell(row, "actor") {
                by if by.is_empty() => "carillon".to_owned(),
                by => by,
            };
            let about = format!("{} {}", cell(row, "subject"), cell(row, "subject_id"));
            rows.add_row([local(row, "at"), cell(row, "level"), about, cell(row, "name"), by, cell(row, "text")]);
        }
        rows
    });
    Ok(())
}
