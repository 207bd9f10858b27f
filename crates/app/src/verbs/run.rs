//! `carillon run`: executions of campaigns.

use super::screen::Screen;
use super::{Column, live, rows_table};
use crate::client::{Answer, Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, note, say};
use crate::span;
use clap::{Args, Subcommand};
use domain::{RunState, Timestamp};
use serde_json::Value;

/// What to do with runs. A run is named by its id, or by its campaign: then the newest is meant.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs, newest first
    List(Filter),
    /// One run
    Show(Which),
    /// Place no further call of it; calls in progress go on
    Pause(Which),
    /// Go on after a pause
    Unpause(Which),
    /// End it for good; calls in progress go on to their end
    Remove(Which),
    /// Take over what was changed in its campaign
    Reload(Which),
    /// Change how many calls are on their way per free agent of an observed queue, times the end point's own boost
    Boost {
        /// Its id, or the name of its campaign
        run: String,
        /// 1: as the end point says; 1.5: half as many again
        #[arg(allow_negative_numbers = true)]
        factor: f64,
    },
    /// Dial another list, too, after those that it has
    AddList {
        /// Its id, or the name of its campaign
        run: String,
        /// The list, name or id
        list: String,
    },
    /// Its lists, and how far it is with each
    Lists(Which),
    /// Dial no further fresh contact of one of its lists; retries go on
    PauseList {
        /// Its id, or the name of its campaign
        run: String,
        /// The list, name or id
        list: String,
    },
    /// Go on with a paused list
    UnpauseList {
        /// Its id, or the name of its campaign
        run: String,
        /// The list, name or id
        list: String,
    },
    /// Watch it until it ends
    Watch(Which),
}

/// One run.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Its id, or the name of its campaign
    run: String,
}

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Of this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// Only those that are not over
    #[arg(long)]
    open: bool,
    /// Started at or after, e.g. 2026-03-29
    #[arg(long, value_parser = span::instant)]
    from: Option<Timestamp>,
    /// Started before; a day alone means its end
    #[arg(long, value_parser = span::instant_or_end)]
    to: Option<Timestamp>,
    /// Only ids less than this
    #[arg(long)]
    before: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List(filter) => list(filter, session).await,
        Verb::Show(which) => show(session.client.run(&which.run).await?, session).await,
        Verb::Pause(which) => change(&which.run, "pause", session).await,
        Verb::Unpause(which) => change(&which.run, "unpause", session).await,
        Verb::Remove(which) => change(&which.run, "remove", session).await,
        Verb::Reload(which) => change(&which.run, "reload", session).await,
        Verb::Boost { run, factor } => {
            change_with(&run, "boost", Some(&serde_json::json!({ "factor": factor })), session).await
        }
        Verb::AddList { run, list } => {
            let list = session.client.id(Noun::List, &list).await?;
            change_with(&run, "lists", Some(&serde_json::json!({ "list": list })), session).await
        }
        Verb::Lists(which) => {
            let run = session.client.run(&which.run).await?;
            show_lists(session, session.client.get(&format!("api/runs/{run}/lists")).await?)
        }
        Verb::PauseList { run, list } => change_list(&run, &list, "pause", session).await,
        Verb::UnpauseList { run, list } => change_list(&run, &list, "unpause", session).await,
        Verb::Watch(which) => watch(session.client.run(&which.run).await?, session).await,
    }
}

const COLUMNS: [Column; 8] = [
    ("run", "id"),
    ("campaign", "campaign_name"),
    ("state", "state"),
    ("placed", "totals.placed"),
    ("terminated", "totals.terminated"),
    ("connected", "totals.connected"),
    ("retries", "totals.open_retries"),
    ("started", "started_at"),
];

async fn list(filter: Filter, session: &Session) -> Result<(), Failure> {
    let mut query = vec![("limit", filter.limit.to_string())];
    query.extend(filter.before.map(|id| ("before", id.to_string())));
    if let Some(campaign) = &filter.campaign {
        query.push(("campaign", session.client.id(Noun::Campaign, campaign).await?.to_string()));
    }
    if filter.open {
        query.push(("open", "true".into()));
    }
    query.extend(filter.from.map(|at| ("from", at.to_string())));
    query.extend(filter.to.map(|at| ("to", at.to_string())));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = session.client.find("api/runs", &query).await?;
    session.print(&answer, |page| match page["items"].as_array().filter(|rows| !rows.is_empty()) {
        Some(rows) => rows_table(rows, &COLUMNS).to_string(),
        None => "no run".to_owned(),
    });
    if let Some(next) = answer.value["next"].as_i64().filter(|_| !session.json) {
        note(format!("more with: --before {next}"));
    }
    Ok(())
}

async fn show(run: i64, session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&format!("api/runs/{run}")).await?;
    session.print(&answer, |run| {
        facts([
            ("run", cell(run, "id")),
            ("campaign", format!("{} ({})", cell(run, "campaign_name"), cell(run, "campaign"))),
            ("state", cell(run, "state")),
            ("why", cell(run, "why")),
            ("started", local(run, "started_at")),
            ("ended", local(run, "ended_at")),
            ("placed", cell(run, "totals.placed")),
            ("terminated", cell(run, "totals.terminated")),
            ("connected", cell(run, "totals.connected")),
            ("open retries", cell(run, "totals.open_retries")),
            ("put off", cell(run, "totals.put_off")),
            ("refused", cell(run, "totals.refused")),
        ])
    });
    Ok(())
}

async fn change(run: &str, verb: &str, session: &Session) -> Result<(), Failure> {
    change_with(run, verb, None, session).await
}

async fn change_with(run: &str, verb: &str, body: Option<&Value>, session: &Session) -> Result<(), Failure> {
    let run = session.client.run(run).await?;
    let answer = session.client.post(&format!("api/runs/{run}/{verb}"), body).await?;
    session.print(&answer, |run| {
        format!("run {} of {} is {}", cell(run, "id"), cell(run, "campaign_name"), cell(run, "state"))
    });
    Ok(())
}

const LIST_COLUMNS: [Column; 6] = [
    ("list", "list"),
    ("name", "name"),
    ("paused", "paused"),
    ("contacts", "contacts"),
    ("taken", "taken"),
    ("high water", "high_water"),
];

async fn change_list(run: &str, list: &str, verb: &str, session: &Session) -> Result<(), Failure> {
    let run = session.client.run(run).await?;
    let body = serde_json::json!({ "list": session.client.id(Noun::List, list).await? });
    show_lists(session, session.client.post(&format!("api/runs/{run}/lists/{verb}"), Some(&body)).await?)
}

fn show_lists(session: &Session, answer: Answer) -> Result<(), Failure> {
    session.print(&answer, |page| match page["items"].as_array().filter(|rows| !rows.is_empty()) {
        Some(rows) => rows_table(rows, &LIST_COLUMNS).to_string(),
        None => "the run has no list".to_owned(),
    });
    Ok(())
}

/// Ends with the run; prints what became of it.
async fn watch(run: i64, session: &Session) -> Result<(), Failure> {
    let mut screen = Screen::new();
    loop {
        let row = session.client.get(&format!("api/runs/{run}")).await?;
        if is_over(&row.value) {
            session.print(&row, |row| {
                format!(
                    "run {run} of {} is {}: {} attempts, {} connected\n  what became of it: carillon report --run {run}",
                    cell(row, "campaign_name"),
                    cell(row, "state"),
                    cell(row, "totals.placed"),
                    cell(row, "totals.connected"),
                )
            });
            return Ok(());
        }
        let answer = session.client.get("api/live").await?;
        if session.json {
            say(answer.text.trim_end());
        } else {
            screen.draw(|| live::frame(&answer.value, Some(run)), || live::line(&answer.value, Some(run)));
        }
        tokio::time::sleep(screen.interval()).await;
    }
}

fn is_over(run: &Value) -> bool {
    run["state"].as_str().and_then(RunState::parse).is_some_and(RunState::is_final)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_paused_run_is_not_over_and_a_removed_one_is() {
        assert!(!is_over(&json!({"state": "PAUSED"})));
        assert!(is_over(&json!({"state": "REMOVED"})));
        assert!(is_over(&json!({"state": "COMPLETED"})));
    }
}
