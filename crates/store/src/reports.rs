//! Reports over runs: counted from the attempts' own rows, never from running totals.

use crate::db::Store;
use crate::engine::{Connection, Query, Row, query};
use crate::error::Result;
use crate::runs::{self, RunRecord};
use crate::scope::{Scope, comma_list};
use crate::sql::Columns;
use domain::{CampaignId, Invalid, ListId, RunId, TrunkId};
use serde::Serialize;

/// Runs of one report, at most.
pub const MAX_RUNS: usize = 200;

/// What came of one or more runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The runs.
    pub runs: Vec<RunRecord>,
    /// Contacts with at least one attempt, counted per run.
    pub contacts: i64,
    /// Attempts; withdrawn ones do not count.
    pub attempts: i64,
    /// Attempts that were answered.
    pub connected: i64,
    /// Attempts after the first one of their contact.
    pub retries: i64,
    /// Attempts that are not over yet.
    pub open: i64,
    /// Attempts that were taken back before anything was sent.
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
    pub outcomes: Vec<OutcomeShare>,
    /// Attempts by trunk.
    pub per_trunk: Vec<TrunkShare>,
    /// Attempts by list.
    pub per_list: Vec<ListShare>,
    /// Attempts by campaign.
    pub per_campaign: Vec<CampaignShare>,
    /// Calls that no one should have got: attempts of one contact's turn beyond the first, and attempts to a number
    /// while another call to it was up. Must be 0.
    pub double_dialled: i64,
    /// Contacts of completed runs without an outcome that no rule refused, and their attempts without one. Must be 0.
    pub lost: i64,
}

/// Attempts that ended alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutcomeShare {
    /// WombatDialer's code.
    pub state: String,
    /// Extended status; empty for none.
    pub ext_state: String,
    /// How many.
    pub count: i64,
    /// Of all finished attempts, `0..=1`.
    pub share: f64,
}

/// Attempts of one trunk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrunkShare {
    /// Its id.
    pub trunk: TrunkId,
    /// Its name; `None` when it was deleted.
    pub name: Option<String>,
    /// Its PBX's name; `None` when that was deleted.
    pub pbx: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, `0..=1`.
    pub share: f64,
}

/// Attempts of one list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListShare {
    /// Its id.
    pub list: ListId,
    /// Its name; `None` when it was deleted.
    pub name: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, `0..=1`.
    pub share: f64,
}

/// Attempts of one campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CampaignShare {
    /// Its id.
    pub campaign: CampaignId,
    /// Its name.
    pub name: Option<String>,
    /// How many.
    pub count: i64,
    /// How many were answered.
    pub connected: i64,
    /// Of all attempts, `0..=1`.
    pub share: f64,
}

/// The runs as `$2..=$3`, for the index, and as the exact list `$4`.
macro_rules! of_runs {
    ($table:literal) => {
        concat!(
            $table,
            ".tenant_id = $1 AND ",
            $table,
            ".run_id BETWEEN $2 AND $3 AND $4 LIKE '%,' || ",
            $table,
            ".run_id || ',%'"
        )
    };
}

statements! {
    FIGURES = concat!("SELECT COUNT(CASE WHEN a.state <> 'WITHDRAWN' THEN 1 END) AS attempts, \
        COUNT(CASE WHEN a.state <> 'WITHDRAWN' AND a.connected_at IS NOT NULL THEN 1 END) AS connected, \
        COUNT(CASE WHEN a.state <> 'WITHDRAWN' AND a.retry > 0 THEN 1 END) AS retries, \
        COUNT(CASE WHEN a.ended_at IS NULL THEN 1 END) AS open, \
        COUNT(CASE WHEN a.state = 'WITHDRAWN' THEN 1 END) AS withdrawn, \
        CAST(COALESCE(SUM(a.talk_ms), 0) AS BIGINT) AS talk_ms, CAST(COALESCE(SUM(a.wait_pre_ms), 0) AS BIGINT) AS wait_pre_ms, \
        CAST(COALESCE(SUM(a.wait_after_ms), 0) AS BIGINT) AS wait_after_ms FROM attempt a WHERE ", of_runs!("a"));
    CONTACTS = concat!("SELECT COUNT(*) FROM run_contact rc WHERE ", of_runs!("rc"));
    OUTCOMES = concat!("SELECT a.state, a.ext_state, COUNT(*) AS count FROM attempt a WHERE ", of_runs!("a"),
        " AND a.ended_at IS NOT NULL AND a.state <> 'WITHDRAWN' GROUP BY a.state, a.ext_state \
        ORDER BY COUNT(*) DESC, a.state, a.ext_state");
    PER_TRUNK = concat!("SELECT a.trunk_id AS id, t.name, p.name AS pbx, COUNT(*) AS count, \
        COUNT(a.connected_at) AS connected FROM attempt a LEFT JOIN trunk t ON t.id = a.trunk_id \
        LEFT JOIN pbx p ON p.id = a.pbx_id WHERE ", of_runs!("a"), " AND a.state <> 'WITHDRAWN' \
        GROUP BY a.trunk_id, t.name, p.name ORDER BY a.trunk_id");
    PER_LIST = concat!("SELECT a.list_id AS id, l.name, COUNT(*) AS count, COUNT(a.connected_at) AS connected \
        FROM attempt a LEFT JOIN list l ON l.id = a.list_id WHERE ", of_runs!("a"), " AND a.state <> 'WITHDRAWN' \
        GROUP BY a.list_id, l.name ORDER BY a.list_id");
    PER_CAMPAIGN = concat!("SELECT a.campaign_id AS id, c.name, COUNT(*) AS count, \
        COUNT(a.connected_at) AS connected FROM attempt a LEFT JOIN campaign c ON c.id = a.campaign_id \
        WHERE ", of_runs!("a"), " AND a.state <> 'WITHDRAWN' GROUP BY a.campaign_id, c.name ORDER BY a.campaign_id");
    // A turn is (run, contact, retry, number). Its unique index is not trusted here.
    TWICE = concat!("SELECT CAST(COALESCE(SUM(n - 1), 0) AS BIGINT) FROM (SELECT COUNT(*) AS n FROM attempt a WHERE ", of_runs!("a"),
        " AND a.state <> 'WITHDRAWN' GROUP BY a.run_id, a.contact_id, a.retry, a.number_no HAVING COUNT(*) > 1) AS turns");
    // Against every earlier call to the number in these runs, not only the last one: a long call outlives a short one.
    OVERLAPS = concat!("SELECT COUNT(*) FROM (SELECT a.scheduled_at, \
        MAX(COALESCE(a.ended_at, 9223372036854775807)) OVER (PARTITION BY a.number_key ORDER BY a.scheduled_at, a.id \
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until FROM attempt a WHERE ", of_runs!("a"),
        " AND a.state <> 'WITHDRAWN') AS calls WHERE busy_until > scheduled_at");
    LOST_CONTACTS = concat!("SELECT COUNT(*) FROM run_list rl JOIN run r ON r.id = rl.run_id \
        JOIN contact c ON c.list_id = rl.list_id AND c.id <= rl.last_id WHERE ", of_runs!("rl"),
        " AND r.state = 'COMPLETED' AND NOT EXISTS (SELECT 1 FROM run_contact rc \
        WHERE rc.run_id = rl.run_id AND rc.contact_id = c.id AND rc.state IN ('finished', 'refused'))");
    LOST_ATTEMPTS = concat!("SELECT COUNT(*) FROM attempt a JOIN run r ON r.id = a.run_id WHERE ", of_runs!("a"),
        " AND r.state = 'COMPLETED' AND a.ended_at IS NULL");
}

impl Store {
    /// The report of these runs, at most 200, as of one instant. Reads every attempt of them, so its cost grows
    /// with them; it holds no lock that the dialler waits for.
    pub async fn report(&self, scope: &Scope, runs: &[RunId]) -> Result<Report> {
        if runs.is_empty() || runs.len() > MAX_RUNS {
            return Err(Invalid::new("runs", format!("must be 1 to {MAX_RUNS} runs")).into());
        }
        let mut connection = self.readers().begin().await?; // one snapshot for all statements
        let mut records = Vec::with_capacity(runs.len());
        for id in runs {
            records.push(runs::get(scope, *id, &mut connection).await?);
        }
        let of = Of::new(scope, runs);
        let figures = of.ask(FIGURES).fetch_one(&mut *connection).await?;
        let attempts = figures.int("attempts")?;
        let outcomes = rows(OUTCOMES, &of, &mut connection).await?;
        let finished: i64 = outcomes.iter().map(|row| row.int("count")).sum::<Result<i64>>()?;
        let seconds = |column: &str| figures.int(column).map(|ms| ms as f64 / 1_000.0);
        let (talk_s, wait_pre_s, wait_after_s) =
            (seconds("talk_ms")?, seconds("wait_pre_ms")?, seconds("wait_after_ms")?);
        Ok(Report {
            runs: records,
            contacts: count(CONTACTS, &of, &mut connection).await?,
            attempts,
            connected: figures.int("connected")?,
            retries: figures.int("retries")?,
            open: figures.int("open")?,
            withdrawn: figures.int("withdrawn")?,
            talk_s,
            wait_pre_s,
            wait_after_s,
            used_s: talk_s + wait_pre_s + wait_after_s,
            outcomes: outcomes.iter().map(|row| read_outcome(row, finished)).collect::<Result<_>>()?,
            per_trunk: rows(PER_TRUNK, &of, &mut connection)
                .await?
                .iter()
                .map(|row| {
                    let (count, share) = counted(row, attempts)?;
                    let (name, pbx) = (row.opt_text("name")?, row.opt_text("pbx")?);
                    let connected = row.int("connected")?;
                    Ok(TrunkShare { trunk: TrunkId(row.int("id")?), name, pbx, count, connected, share })
                })
                .collect::<Result<_>>()?,
            per_list: rows(PER_LIST, &of, &mut connection)
                .await?
                .iter()
                .map(|row| {
                    let (count, share) = counted(row, attempts)?;
                    let (name, connected) = (row.opt_text("name")?, row.int("connected")?);
                    Ok(ListShare { list: ListId(row.int("id")?), name, count, connected, share })
                })
                .collect::<Result<_>>()?,
            per_campaign: rows(PER_CAMPAIGN, &of, &mut connection)
                .await?
                .iter()
                .map(|row| {
                    let (count, share) = counted(row, attempts)?;
                    let (name, connected) = (row.opt_text("name")?, row.int("connected")?);
                    Ok(CampaignShare { campaign: CampaignId(row.int("id")?), name, count, connected, share })
                })
                .collect::<Result<_>>()?,
            double_dialled: count(TWICE, &of, &mut connection).await? + count(OVERLAPS, &of, &mut connection).await?,
            lost: count(LOST_CONTACTS, &of, &mut connection).await?
                + count(LOST_ATTEMPTS, &of, &mut connection).await?,
        })
    }
}

/// What every statement of a report is asked about.
struct Of {
    tenant: i64,
    first: i64,
    last: i64,
    list: String,
}

impl Of {
    fn new(scope: &Scope, runs: &[RunId]) -> Self {
        let ids = || runs.iter().map(|id| id.0);
        Self {
            tenant: scope.tenant.0,
            first: ids().min().unwrap_or(0),
            last: ids().max().unwrap_or(0),
            list: comma_list(ids()),
        }
    }

    fn ask(&self, statement: &'static str) -> Query {
        query(statement).bind(self.tenant).bind(self.first).bind(self.last).bind(&self.list)
    }
}

async fn rows(statement: &'static str, of: &Of, connection: &mut Connection) -> Result<Vec<Row>> {
    Ok(of.ask(statement).fetch_all(connection).await?)
}

async fn count(statement: &'static str, of: &Of, connection: &mut Connection) -> Result<i64> {
    Ok(of.ask(statement).fetch_scalar(connection).await?)
}

fn share(count: i64, of: i64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

fn counted(row: &Row, of: i64) -> Result<(i64, f64)> {
    let count = row.int("count")?;
    Ok((count, share(count, of)))
}

fn read_outcome(row: &Row, of: i64) -> Result<OutcomeShare> {
    let (count, share) = counted(row, of)?;
    Ok(OutcomeShare { state: row.text("state")?, ext_state: row.text("ext_state")?, count, share })
}
