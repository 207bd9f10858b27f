//! `/api/campaigns/{id}/ledger`: the books of abandoned calls.

use crate::App;
use crate::attempts::AttemptOrder;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::{Id, Query};
use crate::page::{self, Page};
use axum::extract::State;
use axum::response::Json;
use domain::abandonment::Row;
use domain::{CampaignId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// One row of the books: what was counted of a call, and the figures with it. Rows are never changed or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerRow {
    /// From 1, without a gap, through all counting periods of the campaign.
    pub position: i64,
    /// The counting period, from 1.
    pub period: i64,
    /// When that began: with its first call.
    #[schema(value_type = String, format = DateTime)]
    pub period_start: Timestamp,
    /// What was counted: `live` (answered), `connected` (an agent in time), `abandoned` (none in time), `machine` (no
    /// person: taken back), `person` (a person after all).
    pub count: String,
    /// Why: `answered`, `agent_first`, `in_time`, `too_late`, `hung_up`, `unseen`, `safe_harbour`, `taken_from_agent` or
    /// `status`.
    pub why: String,
    /// Of which attempt.
    pub attempt: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Milliseconds from the answer.
    pub waited_ms: i64,
    /// Added to the abandoned calls: -1, 0 or 1.
    pub abandoned_by: i64,
    /// Added to the live ones: -1, 0 or 1.
    pub live_by: i64,
    /// Abandoned calls of the period with this row.
    pub abandoned: i64,
    /// Live ones.
    pub live: i64,
    /// The rule: the cap on the share of live calls that are abandoned, `0..=1`.
    pub cap: f64,
    /// The rule: milliseconds from the answer in which an agent has to be there.
    pub deadline_ms: i64,
    /// The rule: days of a counting period.
    pub days: i64,
    /// The hash of the row before; empty for the first one.
    pub previous: String,
    /// SHA-256 of what the row says, in hexadecimal digits; the manual says how to compute it.
    pub hash: String,
}

impl From<Row> for LedgerRow {
    fn from(row: Row) -> Self {
        let cap = row.cap();
        Self {
            position: row.position,
            period: row.period,
            period_start: row.period_start,
            count: row.count,
            why: row.why,
            attempt: row.attempt.0,
            at: row.at,
            waited_ms: row.waited_ms,
            abandoned_by: row.abandoned_by,
            live_by: row.live_by,
            abandoned: row.abandoned,
            live: row.live,
            cap,
            deadline_ms: row.deadline_ms,
            days: row.days,
            previous: row.previous,
            hash: row.hash,
        }
    }
}

/// A counting period in figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerPeriod {
    /// From 1.
    pub period: i64,
    /// When it began: with its first call.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it ends, or ended.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Abandoned calls.
    pub abandoned: u32,
    /// Live ones.
    pub live: u32,
    /// Abandoned of live ones, `0..=1`.
    pub share: f64,
    /// The cap on that, `0..=1`, by the rule of its last row.
    pub cap: f64,
    /// Milliseconds from the answer in which an agent has to be there, by the rule of its last row.
    pub deadline_ms: u32,
    /// Its last row.
    pub last_position: i64,
    /// The hash of that. Written down elsewhere it proves later that no row was taken away behind it.
    pub last_hash: String,
}

/// The counting periods of a campaign, newest first; at most 1000.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerPeriods {
    /// Them.
    pub items: Vec<LedgerPeriod>,
}

/// How the share of a period went.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerCurve {
    /// At most 201 instants, in order; the last row of the period is always one.
    pub items: Vec<LedgerPoint>,
}

/// The figures at one instant.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerPoint {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Abandoned of live calls by then, `0..=1`.
    pub share: f64,
    /// The cap, `0..=1`.
    pub cap: f64,
}

/// Whether the books are as they were written.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerVerified {
    /// The campaign.
    pub campaign: i64,
    /// Whether all rows are.
    pub whole: bool,
    /// Rows that are, from the first one on.
    pub rows: i64,
    /// The hash of the last of them.
    pub last_hash: String,
    /// The first row that is not; `null`: all are.
    pub fault: Option<LedgerFault>,
}

/// A row that is not as it was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerFault {
    /// Its position.
    pub position: i64,
    /// What is wrong with it.
    pub problem: String,
}

/// Which rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct LedgerQuery {
    /// Only rows behind this position in the order that is asked for.
    after: Option<i64>,
    /// Rows per page, `1..=1000`; 100 when not given.
    limit: Option<u32>,
    /// The oldest first, or the newest.
    #[param(inline)]
    order: Option<AttemptOrder>,
}

/// Which period.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct CurveQuery {
    /// The counting period, from 1; the newest one when not given.
    period: Option<i64>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(rows)).routes(routes!(periods)).routes(routes!(curve)).routes(routes!(verify))
}

/// The books of a campaign's abandoned calls, row by row: the oldest first, or the newest. `next` is the `after` of the
/// next page.
#[utoipa::path(get, path = "/api/campaigns/{id}/ledger", tag = "ledger", params(("id" = i64, Path), LedgerQuery),
    security(("token" = ["read"])),
    responses((status = 200, body = Page<LedgerRow>), (status = 404, description = "no such campaign")))]
async fn rows(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<Page<LedgerRow>>, ApiError> {
    let (limit, campaign) = (page::limit(query.limit)?, CampaignId(id));
    let rows = if matches!(query.order, Some(AttemptOrder::Desc)) {
        app.store.abandonment_before(&caller.scope, campaign, query.after.unwrap_or(i64::MAX), limit).await?
    } else {
        app.store.abandonment_after(&caller.scope, campaign, query.after.unwrap_or(0), limit).await?
    };
    let rows = rows.into_iter().map(LedgerRow::from).collect();
    Ok(Json(Page::read(rows, limit, |row: &LedgerRow| row.position)))
}

/// The counting periods of a campaign with their figures, newest first.
#[utoipa::path(get, path = "/api/campaigns/{id}/ledger/periods", tag = "ledger", params(("id" = i64, Path)),
    security(("token" = ["read"])),
    responses((status = 200, body = LedgerPeriods), (status = 404, description = "no such campaign")))]
async fn periods(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<Json<LedgerPeriods>, ApiError> {
    let periods = app.store.abandonment_periods(&caller.scope, CampaignId(id)).await?;
    let period = |period: store::abandonment::Period| LedgerPeriod {
        period: period.period,
        began_at: period.began_at,
        ends_at: period.ends_at,
        abandoned: period.figures.abandoned,
        live: period.figures.live,
        share: period.figures.share(),
        cap: period.rule.cap(),
        deadline_ms: period.rule.deadline_ms,
        last_position: period.last_position,
        last_hash: period.last_hash,
    };
    Ok(Json(LedgerPeriods { items: periods.into_iter().map(period).collect() }))
}

/// How the share of abandoned calls went over a counting period.
#[utoipa::path(get, path = "/api/campaigns/{id}/ledger/curve", tag = "ledger", params(("id" = i64, Path), CurveQuery),
    security(("token" = ["read"])),
    responses((status = 200, body = LedgerCurve), (status = 404, description = "no such campaign")))]
async fn curve(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<CurveQuery>,
) -> Result<Json<LedgerCurve>, ApiError> {
    let rows = app.store.abandonment_curve(&caller.scope, CampaignId(id), query.period).await?;
    let point = |row: Row| LedgerPoint { at: row.at, share: row.figures().share(), cap: row.cap() };
    Ok(Json(LedgerCurve { items: rows.into_iter().map(point).collect() }))
}

/// Reads the books of a campaign from the first row to the last and computes every hash and figure again.
#[utoipa::path(get, path = "/api/campaigns/{id}/ledger/verify", tag = "ledger", params(("id" = i64, Path)),
    security(("token" = ["read"])),
    responses((status = 200, body = LedgerVerified), (status = 404, description = "no such campaign")))]
async fn verify(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<Json<LedgerVerified>, ApiError> {
    let found = app.store.verify_abandonment(&caller.scope, CampaignId(id)).await?;
    let fault = found.fault.map(|fault| LedgerFault { position: fault.position, problem: fault.problem });
    let (whole, rows, last_hash) = (fault.is_none(), found.rows, found.last_hash);
    Ok(Json(LedgerVerified { campaign: id, whole, rows, last_hash, fault }))
}
