//! `carillon report`: what became of runs.

use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, percent, show, table};
use crate::span;
use clap::Args;
use domain::Timestamp;
use serde_json::Value;
use std::path::PathBuf;

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// This run: its id, or a campaign whose newest run is meant; repeat it for more
    #[arg(long = "run", value_name = "RUN", conflicts_with_all = ["campaign", "from", "to"])]
    runs: Vec<String>,
    /// The runs of this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// Runs started at or after, e.g. 2026-03-29
    #[arg(long, value_parser = span::instant)]
    from: Option<Timestamp>,
    /// Runs started before; a day alone means its end
    #[arg(long, value_parser = span::instant_or_end)]
    to: Option<Timestamp>,
    /// Save every attempt of the runs named by --run, as CSV
    #[arg(long, value_name = "FILE", requires = "runs")]
    attempts: Option<PathBuf>,
    /// With --attempts: texts exactly as they are, for programs; a spreadsheet may run what begins with = + - @
    #[arg(long, requires = "attempts")]
    raw: bool,
}

/// Does it.
pub(crate) async fn run(options: Options, session: &Session) -> Result<(), Failure> {
    let client = &session.client;
    let mut query = Vec::new();
    for run in &options.runs {
        query.push(("run", client.run(run).await?.to_string()));
    }
    if let Some(campaign) = &options.campaign {
        query.push(("campaign", client.id(Noun::Campaign, campaign).await?.to_string()));
    }
    query.extend(options.from.map(|at| ("from", at.to_string())));
    query.extend(options.to.map(|at| ("to", at.to_string())));
    if query.is_empty() {
        return Err(Failure::refused("no run is named")
            .remedy("give --run R, --campaign C, or --from DAY and --to DAY: carillon run list shows the runs"));
    }
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = client.find("api/reports", &query).await?;
    session.print(&answer, tables);
    if let Some(path) = &options.attempts {
        let cells = if options.raw { "raw" } else { "spreadsheet" };
        let query = [&query[..], &[("cells", cells)]].concat();
        let attempts = client.find("api/reports/attempts.csv", &query).await?;
        std::fs::write(path, attempts.text).map_err(|error| Failure::file("write", path, error))?;
    }
    Ok(())
}

fn tables(report: &Value) -> String {
    let seconds = |name: &str| format!("{:.1} s", report[name].as_f64().unwrap_or(0.0));
    let mut text = runs(report);
    let figures = facts([
        ("contacts", cell(report, "contacts")),
        ("attempts", cell(report, "attempts")),
        ("connected", cell(report, "connected")),
        ("retries", cell(report, "retries")),
        ("still open", cell(report, "open")),
        ("talk", seconds("talk_s")),
        ("wait pre", seconds("wait_pre_s")),
        ("wait after", seconds("wait_after_s")),
        ("line use", seconds("used_s")),
        ("dialled twice", cell(report, "double_dialled")),
        ("lost", cell(report, "lost")),
    ]);
    text.push_str(&format!("{figures}\n"));
    let mut outcomes = table(&["outcome", "extended", "count", "share"]);
    for row in rows(report, "outcomes") {
        outcomes.add_row([cell(row, "state"), cell(row, "ext_state"), cell(row, "count"), share(row)]);
    }
    text.push_str(&format!("{outcomes}\n"));
    text.push_str(&shares(report, "per_trunk", "trunk"));
    // One campaign or one list says nothing that the figures above do not.
    for (field, head) in [("per_list", "list"), ("per_campaign", "campaign")] {
        if rows(report, field).count() > 1 {
            text.push_str(&format!("\n{}", shares(report, field, head)));
        }
    }
    text
}

fn runs(report: &Value) -> String {
    let mut table = table(&["run", "campaign", "state", "started", "ended", "placed", "connected"]);
    for run in rows(report, "runs") {
        table.add_row([
            cell(run, "id"),
            cell(run, "campaign_name"),
            cell(run, "state"),
            local(run, "started_at"),
            local(run, "ended_at"),
            cell(run, "totals.placed"),
            cell(run, "totals.connected"),
        ]);
    }
    format!("{table}\n")
}

/// Counts by trunk, list or campaign; what was deleted since is shown by its id.
fn shares(report: &Value, field: &str, head: &str) -> String {
    let mut table = table(&[head, "attempts", "connected", "share"]);
    for row in rows(report, field) {
        let name = if row["name"].is_null() { format!("{head} {}", cell(row, head)) } else { show(&row["name"]) };
        table.add_row([name, cell(row, "count"), cell(row, "connected"), share(row)]);
    }
    table.to_string()
}

fn share(row: &Value) -> String {
    percent(row["share"].as_f64().unwrap_or(0.0))
}

fn rows<'a>(report: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    report[name].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CampaignId, RunId, RunState, TrunkId};
    use store::reports::{OutcomeShare, TrunkShare};
    use store::{Report, RunRecord, RunTotals};

    #[test]
    fn the_tables_show_every_figure_that_matters() {
        let report = Report {
            runs: vec![RunRecord {
                id: RunId(7),
                campaign: CampaignId(1),
                campaign_name: "spring".into(),
                state: RunState::Completed,
                why: String::new(),
                actor: "admin".into(),
                started_at: Timestamp(0),
                ended_at: Some(Timestamp(60_000_000)),
                boost: domain::Boost::ONE,
                totals: RunTotals { placed: 412, terminated: 300, connected: 201, ..RunTotals::default() },
            }],
            contacts: 300,
            attempts: 412,
            connected: 201,
            retries: 112,
            open: 0,
            withdrawn: 0,
            talk_s: 803.25,
            wait_pre_s: 4.0,
            wait_after_s: 90.0,
            used_s: 897.25,
            outcomes: vec![OutcomeShare {
                state: "RS_BUSY".into(),
                ext_state: String::new(),
                count: 91,
                share: 0.2209,
            }],
            per_trunk: vec![TrunkShare {
                trunk: TrunkId(3),
                name: None,
                pbx: None,
                count: 412,
                connected: 201,
                share: 1.0,
            }],
            per_list: vec![],
            per_campaign: vec![],
            double_dialled: 0,
            lost: 0,
        };
        let text = tables(&serde_json::to_value(report).unwrap());
        for part in
            ["spring", "COMPLETED", "412", "803.2 s", "RS_BUSY", "22.1 %", "trunk 3", "100.0 %", "dialled twice"]
        {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
