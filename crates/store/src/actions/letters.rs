//! Letters about runs: what those who are named in a campaign are told of its life. Each is a row beside the actions of
//! outcome rules, written with the run's new state in one transaction.

use crate::engine::{Connection, query};
use crate::error::Result;
use crate::journal::events::masked;
use crate::runs::RunTotals;
use crate::scope::Scope;
use crate::sql::{Columns, json_of, now};
use domain::{RunId, RunMail, RunState, Timestamp};
use serde::{Deserialize, Serialize};

/// A letter leaves so long after the first change that it tells of, in seconds: what happens together is told together.
const GATHER_S: i64 = 10;
/// A letter leaves at least so long after the one before it, in seconds. The end of a run waits for nothing.
const APART_S: i64 = 60;
/// A letter that leaves within this gets no more changes, in seconds: it may be on its way.
const CLOSING_S: i64 = 3;
/// Changes that one letter tells of, at most; of more, the oldest are counted only.
const MAX_CHANGES: usize = 50;

/// What a letter tells of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLetter {
    /// States, the oldest first; never empty.
    pub changes: Vec<RunNews>,
    /// Changes before them that there was no room for.
    pub left_out: u32,
    /// Figures of the run at the last of them.
    pub figures: RunFigures,
}

/// The run has a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNews {
    /// Which.
    pub state: RunState,
    /// Why, for people; no numbers.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
}

/// How far a run is, as [`RunTotals`] has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Attempts made.
    pub placed: i64,
    /// Of these, answered and over.
    pub connected: i64,
    /// Contacts that are finished.
    pub terminated: i64,
    /// Contacts that wait for a retry.
    pub open_retries: i64,
}

statements! {
    RUN = "SELECT c.mail, r.placed, r.connected, r.terminated, r.open_retries FROM run r \
        JOIN campaign c ON c.id = r.campaign_id WHERE r.tenant_id = $1 AND r.id = $2";
    LAST = "SELECT id, letter, state, tries, due_at, not_before FROM outcome_action \
        WHERE tenant_id = $1 AND run_id = $2 AND letter IS NOT NULL ORDER BY id DESC LIMIT 1";
    ADD = "INSERT INTO outcome_action (tenant_id, run_id, campaign_id, letter, outside, state, due_at, not_before, changed_at) \
        SELECT $1, r.id, r.campaign_id, $3, 1, 'waiting', $4, $4, $5 FROM run r WHERE r.tenant_id = $1 AND r.id = $2";
    GROW = "UPDATE outcome_action SET letter = $3, due_at = $4, not_before = $4, changed_at = $5 \
        WHERE tenant_id = $1 AND id = $2";
}

/// Writes what is told of a run's new state, where its campaign tells anybody; in the transaction of the change. `pending`
/// are figures of the run that this transaction has yet to write.
pub(crate) async fn tell(
    scope: &Scope,
    run: RunId,
    news: RunNews,
    pending: RunTotals,
    connection: &mut Connection,
) -> Result<()> {
    let Some(row) = query(RUN).bind(scope.tenant.0).bind(run.0).fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    if !row.json::<RunMail>("mail")?.tells(news.state) {
        return Ok(());
    }
    let figures = RunFigures {
        placed: row.int("placed")? + pending.placed,
        connected: row.int("connected")? + pending.connected,
        terminated: row.int("terminated")? + pending.terminated,
        open_retries: row.int("open_retries")? + pending.open_retries,
    };
    let now = now();
    let last = query(LAST).bind(scope.tenant.0).bind(run.0).fetch_optional(&mut *connection).await?;
    let (mut open, mut earliest) = (None, now.plus_seconds(GATHER_S));
    if let Some(last) = last {
        let (due_at, fresh) = (last.at("due_at")?, last.text("state")? == "waiting" && last.int("tries")? == 0);
        if fresh && due_at > now.plus_seconds(CLOSING_S) {
            open = Some((last.int("id")?, last.json::<RunLetter>("letter")?));
            earliest = due_at;
        } else {
            earliest = earliest.max(last.at("not_before")?.plus_seconds(APART_S));
        }
    }
    let due_at = if news.state.is_final() { now } else { earliest };
    let (id, mut letter) = open.map_or_else(|| (None, RunLetter::default()), |(id, letter)| (Some(id), letter));
    letter.add(RunNews { why: masked(&news.why), ..news }, figures);
    let statement = query(if id.is_some() { GROW } else { ADD });
    let which = id.unwrap_or(run.0);
    let statement = statement.bind(scope.tenant.0).bind(which).bind(json_of(&letter));
    statement.bind(due_at.0).bind(now.0).execute(connection).await?;
    Ok(())
}

impl RunLetter {
    fn add(&mut self, news: RunNews, figures: RunFigures) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.remove(0);
            self.left_out += 1;
        }
        self.changes.push(news);
        self.figures = figures;
    }

    /// The last state that it tells of.
    pub fn state(&self) -> RunState {
        self.changes.last().map_or(RunState::Runnable, |news| news.state)
    }
}
