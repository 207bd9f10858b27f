//! `carillon ledger`: the books of abandoned calls.

use super::rows_table;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, percent, say};
use clap::Subcommand;
use serde_json::{Value, json};

/// What to do with the books of abandoned calls.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Abandoned and live calls of each counting period, and the latest rows
    Show {
        /// The campaign, name or id
        campaign: String,
        /// Rows shown, at most
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Compute every hash and figure again; fails and names the first row that is not as it was written
    Verify {
        /// The campaign, name or id; all campaigns when not given
        campaign: Option<String>,
    },
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Show { campaign, limit } => show(&campaign, limit, session).await,
        Verb::Verify { campaign } => verify(campaign.as_deref(), session).await,
    }
}

async fn show(campaign: &str, limit: u32, session: &Session) -> Result<(), Failure> {
    let campaign = session.client.named(Noun::Campaign, campaign).await?;
    let path = format!("api/campaigns/{}/ledger", cell(&campaign, "id"));
    let periods = session.client.get(&format!("{path}/periods")).await?;
    let limit = limit.to_string();
    let rows = session.client.find(&path, &[("order", "desc"), ("limit", limit.as_str())]).await?;
    if session.json {
        say(json!({ "periods": periods.value["items"], "rows": rows.value["items"] }));
        return Ok(());
    }
    let Some(periods) = periods.value["items"].as_array().filter(|periods| !periods.is_empty()) else {
        say(format!("nothing was counted of campaign {}: no call to a queue was answered", cell(&campaign, "name")));
        return Ok(());
    };
    let shown: Vec<Value> = periods
        .iter()
        .map(|period| {
            let mut shown = period.clone();
            for share in ["share", "cap"] {
                shown[share] = percent(period[share].as_f64().unwrap_or(0.0)).into();
            }
            shown
        })
        .collect();
    let columns = [
        ("period", "period"),
        ("began", "began_at"),
        ("ends", "ends_at"),
        ("abandoned", "abandoned"),
        ("live", "live"),
        ("share", "share"),
        ("cap", "cap"),
    ];
    say(rows_table(&shown, &columns).to_string());
    let columns = [
        ("row", "position"),
        ("at", "at"),
        ("attempt", "attempt"),
        ("counted", "count"),
        ("why", "why"),
        ("waited ms", "waited_ms"),
        ("abandoned", "abandoned"),
        ("live", "live"),
    ];
    say(rows_table(rows.value["items"].as_array().map_or(&[][..], Vec::as_slice), &columns).to_string());
    Ok(())
}

async fn verify(campaign: Option<&str>, session: &Session) -> Result<(), Failure> {
    let campaigns = match campaign {
        Some(name) => vec![session.client.named(Noun::Campaign, name).await?],
        None => session.client.all("api/campaigns", &[]).await?,
    };
    let (mut found, mut faults) = (Vec::new(), 0);
    for of in &campaigns {
        let (id, name) = (cell(of, "id"), cell(of, "name"));
        let verified = session.client.get(&format!("api/campaigns/{id}/ledger/verify")).await?.value;
        match verified["fault"].as_object() {
            Some(_) if session.json => faults += 1,
            Some(fault) => {
                let problem = fault["problem"].as_str().unwrap_or_default();
                faults += 1;
                say(format!("campaign {name}, row {}: {problem}", fault["position"]));
            }
            None if verified["rows"] == 0 && campaign.is_none() => continue,
            None if session.json => {}
            None => say(format!(
                "campaign {name}: {} rows are as they were written; the last hash is {}",
                verified["rows"],
                cell(&verified, "last_hash")
            )),
        }
        found.push(verified);
    }
    if session.json {
        say(json!({ "items": found }));
    } else if found.is_empty() {
        say("nothing was counted: no call to a queue was answered");
    }
    if faults == 0 {
        return Ok(());
    }
    let whose = if faults == 1 { "one campaign".to_owned() } else { format!("{faults} campaigns") };
    let message = format!("the abandonment ledger of {whose} was changed behind carillon's back");
    Err(Failure::refused(message)
        .remedy("the rows before the one that is named are whole; compare with a backup to see what was changed"))
}
