//! `/api/reports`: what came of runs.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::export::{self, Cells};
use crate::extract::Query;
use crate::runs::Run;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::{CampaignId, Invalid, RunId, Timestamp};
use serde::Serialize;
use store::reports::{CampaignShare, ListShare, MAX_RUNS, OutcomeShare, TrunkShare};
use store::{RunFilter, Scope};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What came of one or more runs, counted from their attempts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// The runs.
    pub runs: Vec<Run>,
    /// Contacts with at least one attempt, counted per run.
    pub contacts: i64,
    /// Attempts.
    pub attempts: i64,
    /// Attempts that were answered, those in progress included; so everywhere in a report.
    pub connected: i64,
    /// Attempts after the first one of their contact.
    pub retries: i64,
    /// Attempts that are not over yet.
    pub open: i64,
    /// Attempts that were taken back before anything was sent; no other figure counts them.
    pub withdrawn: i64,
    /// Seconds from answer to end.
    pub talk_s: f64,
    /// Seconds from request to channel.
    pub wait_pre_s: f64,
    /// Seconds from channel to answer or end.
    pub wait_after_s: f64,
    /// Seconds of line use: the three together.
    pub used_s: f64,
    /// Finished attempts by state and extended status, most frequent first.
    pub outcomes: Vec<ReportOutcome>,
    /// Attempts by trunk.
    pub per_trunk: Vec<ReportTrunk>,
    /// Attempts by list.
    pub per_list: Vec<ReportList>,
    /// Attempts by campaign.
    pub per_campaign: Vec<ReportCampaign>,
    /// Calls that no one should have got. Must be 0.
    pub double_dialled: i64,
    /// Contacts and attempts of completed runs without an outcome. Must be 0.
    pub lost: i64,
}

/// Attempts that ended alike.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportOutcome {
    /// State of the call.
    #[schema(example = "RS_BUSY")]
    pub state: String,
    /// Extended status; empty for none.
    pub ext_state: String,
    /// How many.
    pub count: i64,
    /// Of all finished attempts, 0 to 1.
    pub share: f64,
}

/// Attempts of one trunk.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportTrunk {
    /// Its id.
    pub trunk: i64,
    /// Its name; `null` when it was deleted.
    pub name: Option<String>,
    /// Its PBX's name; `null` when that was deleted.
    pub pbx: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, 0 to 1.
    pub share: f64,
}

/// Attempts of one list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportList {
    /// Its id.
    pub list: i64,
    /// Its name; `null` when it was deleted.
    pub name: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, 0 to 1.
    pub share: f64,
}

/// Attempts of one campaign.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportCampaign {
    /// Its id.
    pub campaign: i64,
    /// Its name.
    pub name: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, 0 to 1.
    pub share: f64,
}

impl From<store::Report> for Report {
    fn from(r: store::Report) -> Self {
        let outcome =
            |OutcomeShare { state, ext_state, count, share }| ReportOutcome { state, ext_state, count, share };
        let trunk = |TrunkShare { trunk, name, pbx, count, connected, share }| ReportTrunk {
            trunk: trunk.0,
            name,
            pbx,
            count,
            connected,
            share,
        };
        let list = |ListShare { list, name, count, connected, share }| ReportList {
            list: list.0,
            name,
            count,
            connected,
            share,
        };
        let campaign = |CampaignShare { campaign, name, count, connected, share }| ReportCampaign {
            campaign: campaign.0,
            name,
            count,
            connected,
            share,
        };
        Self {
            runs: r.runs.into_iter().map(Run::from).collect(),
            contacts: r.contacts,
            attempts: r.attempts,
            connected: r.connected,
            retries: r.retries,
            open: r.open,
            withdrawn: r.withdrawn,
            talk_s: r.talk_s,
            wait_pre_s: r.wait_pre_s,
            wait_after_s: r.wait_after_s,
            used_s: r.used_s,
            outcomes: r.outcomes.into_iter().map(outcome).collect(),
            per_trunk: r.per_trunk.into_iter().map(trunk).collect(),
            per_list: r.per_list.into_iter().map(list).collect(),
            per_campaign: r.per_campaign.into_iter().map(campaign).collect(),
            double_dialled: r.double_dialled,
            lost: r.lost,
        }
    }
}

/// Which runs: by id, or those of a campaign and of a time.
#[derive(Debug, Clone, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// These runs; may be given again and again.
    #[param(required = false)]
    run: Vec<i64>,
    /// Runs of this campaign.
    campaign: Option<i64>,
    /// Runs started then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Runs started before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

impl ReportQuery {
    /// `serde_urlencoded` reads a repeated parameter only as pairs.
    fn parse(pairs: &[(String, String)]) -> Result<Self, ApiError> {
        let mut query = Self::default();
        for (name, value) in pairs {
            let bad = |what: &str| ApiError::bad_request("invalid_query", format!("{name}: {value:?} is no {what}"));
            let id = || value.parse().map_err(|_| bad("id"));
            let at =
                || serde_json::from_value(value.as_str().into()).map_err(|_| bad("instant, e.g. 2026-03-29T00:00:00Z"));
            match name.as_str() {
                "run" => query.run.push(id()?),
                "campaign" => query.campaign = Some(id()?),
                "from" => query.from = Some(at()?),
                "to" => query.to = Some(at()?),
                _ => return Err(ApiError::bad_request("invalid_query", format!("there is no parameter {name:?}"))),
            }
        }
        Ok(query)
    }

    /// The runs that are meant, at least one and at most [`MAX_RUNS`].
    async fn runs(mut self, app: &App, scope: &Scope) -> Result<Vec<RunId>, ApiError> {
        let by_filter = self.campaign.is_some() || self.from.is_some() || self.to.is_some();
        let mut runs = match (self.run.is_empty(), by_filter) {
            (true, false) => {
                return Err(Invalid::new("run", "is missing: give run=, or campaign=, from= and to=").into());
            }
            (false, true) => {
                return Err(Invalid::new("run", "cannot be given together with campaign, from or to").into());
            }
            (false, false) => {
                self.run.sort_unstable();
                self.run.dedup();
                self.run.into_iter().map(RunId).collect::<Vec<_>>()
            }
            (true, true) => {
                let filter = RunFilter {
                    campaign: self.campaign.map(CampaignId),
                    from: self.from,
                    to: self.to,
                    limit: MAX_RUNS as u32 + 1,
                    ..RunFilter::default()
                };
                app.store.runs(scope, &filter).await?.into_iter().map(|run| run.id).collect()
            }
        };
        if runs.is_empty() {
            let error = ApiError::new(axum::http::StatusCode::NOT_FOUND, "no_run", "no run fits campaign, from and to");
            return Err(error.remedy("GET /api/runs lists the runs"));
        }
        if runs.len() > MAX_RUNS {
            return Err(
                Invalid::new("run", format!("these are more than {MAX_RUNS} runs: choose a shorter time")).into()
            );
        }
        runs.sort_unstable();
        Ok(runs)
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_report)).routes(routes!(get_attempts_csv))
}

/// What came of runs. Give `run` once or several times, or `campaign`, `from` and `to`; at most 200 runs.
#[utoipa::path(get, path = "/api/reports", tag = "results", params(ReportQuery), security(("token" = ["read"])),
    responses((status = 200, description = "the report", body = Report)))]
async fn get_report(
    Read(caller): Read,
    State(app): State<App>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<axum::Json<Report>, ApiError> {
    let runs = ReportQuery::parse(&pairs)?.runs(&app, &caller.scope).await?;
    Ok(axum::Json(app.store.report(&caller.scope, &runs).await?.into()))
}

/// Every attempt of runs as CSV, chosen as for the report.
///
/// Safe to open in a spreadsheet: a text that would begin a formula has a `'` in front, also a number with `+`. With
/// `cells=raw` every text is exactly what is stored, for programs.
#[utoipa::path(get, path = "/api/reports/attempts.csv", tag = "results",
    params(ReportQuery, ("cells" = Option<String>, Query, description = "`spreadsheet` (default) or `raw`")),
    security(("token" = ["read"])),
    responses((status = 200, description = "one line per attempt", body = String, content_type = "text/csv")))]
async fn get_attempts_csv(
    Read(caller): Read,
    State(app): State<App>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let (chosen, pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "cells");
    let cells = Cells::parse(chosen.last().map(|(_, value)| value.as_str()))?;
    let runs = ReportQuery::parse(&pairs)?.runs(&app, &caller.scope).await?;
    for run in &runs {
        app.store.run(&caller.scope, *run).await?; // in the scope, before the answer begins
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"attempts.csv\""),
    ];
    let lines = export::attempts(app.store, caller.scope, runs, cells);
    Ok((headers, Body::from_stream(lines)).into_response())
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::json;

    #[tokio::test]
    async fn a_report_counts_what_was_journalled() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let report = server.get(&format!("/api/reports?run={}", journal.run)).await.expect(200);
        let figures = [&report["attempts"], &report["connected"], &report["open"], &report["retries"]];
        assert_eq!(figures, [3, 1, 1, 0]);
        assert_eq!([&report["talk_s"], &report["used_s"]], [3.0, 7.2]);
        let share = json!({"state": "RS_BUSY", "ext_state": "", "count": 1, "share": 0.5});
        assert!(report["outcomes"].as_array().unwrap().contains(&share), "{report}");
        assert_eq!([&report["per_trunk"][0]["name"], &report["per_trunk"][0]["pbx"]], ["carrier", "office"]);
        assert_eq!([&report["double_dialled"], &report["lost"]], [0, 0]);
        let same = server.get(&format!("/api/reports?campaign={}&from=2026-03-01T00:00:00Z", journal.campaign)).await;
        assert_eq!(same.expect(200), report);
    }

    #[tokio::test]
    async fn a_report_of_nothing_says_why() {
        let server = Server::start().await;
        let journal = server.journal().await;
        assert_eq!(server.get("/api/reports").await.refused(422).1, "run");
        assert_eq!(server.get("/api/reports?run=1&campaign=1").await.refused(422).1, "run");
        assert_eq!(server.get("/api/reports?run=77").await.refused(404).0, "not_found");
        assert_eq!(server.get("/api/reports?run=x").await.refused(400).0, "invalid_query");
        assert_eq!(server.get("/api/reports?colour=red").await.refused(400).0, "invalid_query");
        let later = format!("/api/reports?campaign={}&from=2027-01-01T00:00:00Z", journal.campaign);
        assert_eq!(server.get(&later).await.refused(404).0, "no_run");
    }

    #[tokio::test]
    async fn the_export_has_a_line_per_attempt_and_no_formula() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let answer = server.get(&format!("/api/reports/attempts.csv?run={}", journal.run)).await;
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        let text = answer.text();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("attempt,run,campaign,list,contact,number,"), "{text}");
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].contains("'=spring") && lines[1].contains("'+390669820001"), "{text}");
        let raw = server.get(&format!("/api/reports/attempts.csv?run={}&cells=raw", journal.run)).await.text();
        assert!(raw.contains(",=spring") && raw.contains(",+390669820001"), "{raw}");
        let wrong = server.get(&format!("/api/reports/attempts.csv?run={}&cells=bold", journal.run)).await;
        assert_eq!(wrong.refused(422).1, "cells");
        assert_eq!(server.get("/api/reports/attempts.csv?run=77").await.refused(404).0, "not_found");
    }
}
