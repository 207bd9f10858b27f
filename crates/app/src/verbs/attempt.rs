//! `carillon attempt`: single tries at single numbers, and why each went as it did.

use super::{Column, rows_table};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, note, say};
use crate::span::{instant, instant_or_end};
use clap::{Args, Subcommand};
use domain::{CallState, Timestamp};

/// What to do with attempts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Attempts, oldest first; with --newest the other way round
    List(Filter),
    /// One attempt: its facts and its timeline
    Show {
        /// Its id
        attempt: i64,
    },
    /// Hang up a call in progress, answered or not
    HangUp {
        /// Its id
        attempt: i64,
    },
    /// Set the extended status of a call in progress
    Status {
        /// Its id
        attempt: i64,
        /// The status
        status: String,
    },
}

/// Which attempts.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Of this run: its id, or a campaign whose newest run is meant
    #[arg(long)]
    run: Option<String>,
    /// Of this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// To contacts of this list, name or id
    #[arg(long)]
    list: Option<String>,
    /// To this contact
    #[arg(long)]
    contact: Option<i64>,
    /// In this state, e.g. RS_BUSY
    #[arg(long, value_parser = state)]
    state: Option<CallState>,
    /// Through this trunk, name or id
    #[arg(long)]
    trunk: Option<String>,
    /// Decided then or later: 2026-11-21, "2026-11-21 14:30" or 2026-11-21T14:30:00Z
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Decided before; a day alone means its end
    #[arg(long, value_parser = instant_or_end)]
    to: Option<Timestamp>,
    /// Only those that somebody answered
    #[arg(long)]
    answered: bool,
    /// The newest first
    #[arg(long)]
    newest: bool,
    /// Only those behind this id in the order asked for
    #[arg(long)]
    after: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

fn state(text: &str) -> Result<CallState, String> {
    CallState::parse(text).map_err(|invalid| invalid.problem)
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List(filter) => list(filter, session).await,
        Verb::Show { attempt } => show(attempt, session).await,
        Verb::HangUp { attempt } => {
            let answer = session.client.post(&format!("api/attempts/{attempt}/hang-up"), None).await?;
            session.done(&answer, format!("attempt {attempt} is being hung up"));
            Ok(())
        }
        Verb::Status { attempt, status } => {
            let body = serde_json::json!({ "status": status });
            let answer = session.client.post(&format!("api/attempts/{attempt}/status"), Some(&body)).await?;
            session.done(&answer, format!("attempt {attempt} has the extended status {status}"));
            Ok(())
        }
    }
}

const COLUMNS: [Column; 10] = [
    ("attempt", "id"),
    ("contact", "contact"),
    ("number", "number"),
    ("retry", "retry"),
    ("state", "state"),
    ("extended", "ext_state"),
    ("cause", "cause"),
    ("sip", "tech_cause"),
    ("talk, ms", "talk_ms"),
    ("trunk", "trunk_name"),
];

async fn list(filter: Filter, session: &Session) -> Result<(), Failure> {
    let client = &session.client;
    let mut query = vec![("limit", filter.limit.to_string())];
    query.extend(filter.after.map(|after| ("after", after.to_string())));
    if filter.answered {
        query.push(("answered", "true".to_owned()));
    }
    if filter.newest {
        query.push(("order", "desc".to_owned()));
    }
    if let Some(run) = &filter.run {
        query.push(("run", client.run(run).await?.to_string()));
    }
    if let Some(campaign) = &filter.campaign {
        query.push(("campaign", client.id(Noun::Campaign, campaign).await?.to_string()));
    }
    if let Some(list) = &filter.list {
        query.push(("list", client.id(Noun::List, list).await?.to_string()));
    }
    if let Some(trunk) = &filter.trunk {
        query.push(("trunk", client.id(Noun::Trunk, trunk).await?.to_string()));
    }
    query.extend(filter.from.map(|at| ("from", at.to_string())));
    query.extend(filter.to.map(|at| ("to", at.to_string())));
    query.extend(filter.contact.map(|contact| ("contact", contact.to_string())));
    query.extend(filter.state.map(|state| ("state", state.code().to_owned())));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = client.find("api/attempts", &query).await?;
    session.print(&answer, |page| match page["items"].as_array().filter(|rows| !rows.is_empty()) {
        Some(rows) => rows_table(rows, &COLUMNS).to_string(),
        None => "no attempt".to_owned(),
    });
    if let Some(next) = answer.value["next"].as_i64().filter(|_| !session.json) {
        note(format!("more with: --after {next}"));
    }
    Ok(())
}

async fn show(attempt: i64, session: &Session) -> Result<(), Failure> {
    let path = format!("api/attempts/{attempt}");
    let answer = session.client.get(&path).await?;
    let timeline = session.client.get(&format!("{path}/timeline")).await?;
    if session.json {
        let mut all = answer.value;
        all["timeline"] = timeline.value;
        say(all);
        return Ok(());
    }
    let row = &answer.value;
    let named = |name: &str, id: &str| format!("{} ({})", cell(row, name), cell(row, id));
    let mut rows = vec![
        ("attempt", cell(row, "id")),
        ("state", cell(row, "state")),
        ("extended status", cell(row, "ext_state")),
        ("fault", cell(row, "fault")),
        ("ended by", cell(row, "ended_by")),
        ("cause (Q.850)", cell(row, "cause")),
        ("SIP code", cell(row, "tech_cause")),
        ("number", cell(row, "number")),
        ("contact", cell(row, "contact")),
        ("list", named("list_name", "list")),
        ("campaign", named("campaign_name", "campaign")),
        ("run", cell(row, "run")),
        ("retry", cell(row, "retry")),
        ("trunk", named("trunk_name", "trunk")),
        ("end point", named("end_point_name", "end_point")),
        ("pbx", named("pbx_name", "pbx")),
        ("channel", cell(row, "channel")),
        ("agent", cell(row, "agent")),
        ("scheduled", local(row, "scheduled_at")),
        ("requested", local(row, "requested_at")),
        ("connected", local(row, "connected_at")),
        ("ended", local(row, "ended_at")),
        ("wait pre, ms", cell(row, "wait_pre_ms")),
        ("wait after, ms", cell(row, "wait_after_ms")),
        ("talk, ms", cell(row, "talk_ms")),
        ("next retry", local(row, "retry_at")),
    ];
    let several = row["number_no"] != 0 || !row["next_number"].is_null();
    rows.extend(several.then(|| ("which number", cell(row, "number_no"))));
    rows.extend(several.then(|| ("next number", cell(row, "next_number"))));
    say(facts(rows));
    say(super::timeline::timeline(row, &timeline.value));
    Ok(())
}
