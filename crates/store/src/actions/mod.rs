//! What outcome rules ask for after calls, and letters about runs. Written with what they are about, in its transaction;
//! carried out by whoever reads [`Store::due_actions`].

pub(crate) mod carry_out;
pub(crate) mod letters;

pub use letters::{RunFigures, RunLetter, RunNews};

use crate::attempts::AttemptRecord;
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::{ATTEMPT, Event, Events, masked};
use crate::scope::Scope;
use crate::sql::{Columns, code_of, json_of, now};
use domain::journal::AttemptEnd;
use domain::{ActionId, AttemptId, Attributes, CampaignId, ContactId, OutcomeRule, RunId, Timestamp, VarMode, Verb};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Actions of one page, at most.
pub const MAX_PAGE: u32 = 1_000;
/// Failed actions that are tried again by one call, at most.
pub const MAX_AGAIN: u32 = 10_000;

/// How far an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// For its time, or for its next try.
    Waiting,
    /// It was done.
    Done,
    /// It was not, and is not tried again by itself.
    Failed,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Which.
    pub id: ActionId,
    /// Of which run.
    pub run: RunId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The campaign's name now.
    pub campaign_name: String,
    /// What is to be done.
    pub task: Task,
    /// How far it is.
    pub state: ActionState,
    /// When it is tried next, or was due.
    pub due_at: Timestamp,
    /// The end of the call and the rule's delay: what it leads to happens not before. When a letter was due.
    pub not_before: Timestamp,
    /// Tries so far.
    pub tries: u32,
    /// What came of the last one, for people; empty: none yet.
    pub said: String,
    /// When this changed last.
    pub changed_at: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// What a rule asks for after a call.
    AfterCall(AfterCall),
    /// A letter about the run, to those whom its campaign names by then.
    Letter(RunLetter),
}

impl Task {
    /// How it is done.
    pub fn verb(&self) -> Verb {
        match self {
            Self::AfterCall(after) => after.rule.verb,
            Self::Letter(_) => Verb::Email,
        }
    }
}

/// What a rule asks for after one call.
#[derive(Debug, Clone, PartialEq)]
pub struct AfterCall {
    /// After which attempt.
    pub attempt: AttemptId,
    /// To whom the call was.
    pub contact: ContactId,
    /// The rule as it was then.
    pub rule: OutcomeRule,
}

/// What came of a try to tell another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It was taken; what was answered.
    Done(String),
    /// Not now; why, and when it is tried again.
    Again(String, Timestamp),
    /// Not at all; why.
    Failed(String),
    /// It was not its turn: nothing counts, until then.
    Later(Timestamp),
}

/// Actions by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ActionCounts {
    /// Waiting for their time or their next try.
    pub waiting: i64,
    /// Done.
    pub done: i64,
    /// Failed.
    pub failed: i64,
}

/// Which actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// After this attempt.
    pub attempt: Option<AttemptId>,
    /// In this state.
    pub state: Option<ActionState>,
    /// With a smaller id: the cursor.
    pub before: Option<ActionId>,
    /// At most; 0 or more than 1000 means 1000.
    pub limit: u32,
}

macro_rules! action_rows {
    ($rest:literal) => {
        concat!(
            "SELECT x.id, x.attempt_id, x.run_id, x.campaign_id, c.name AS campaign_name, x.contact_id, x.rule, x.letter, x.state, ",
            "x.due_at, x.not_before, x.tries, x.said, x.changed_at ",
            "FROM outcome_action x JOIN campaign c ON c.id = x.campaign_id ",
            $rest
        )
    };
}

statements! {
    ADD = "INSERT INTO outcome_action (tenant_id, attempt_id, run_id, campaign_id, contact_id, rule_id, rule, outside, \
        state, due_at, not_before, changed_at, to_campaign_id) \
        SELECT $1, $2, r.id, r.campaign_id, $4, $5, $6, $7, 'waiting', $8, $9, $10, $11 \
        FROM run r WHERE r.id = $3 AND r.tenant_id = $1 ON CONFLICT DO NOTHING";
    GET = action_rows!("WHERE x.tenant_id = $1 AND x.id = $2");
    DUE = action_rows!(
        "WHERE x.state = 'waiting' AND x.outside = $2 AND x.due_at <= $3 AND x.tenant_id = $1 \
        ORDER BY x.due_at, x.id LIMIT $4"
    );
    NEXT = "SELECT due_at FROM outcome_action WHERE state = 'waiting' AND outside = $2 AND tenant_id = $1 \
        ORDER BY due_at LIMIT 1";
    PAGE = action_rows!(
        "WHERE x.tenant_id = $1 AND ($2 LIKE '%,' || x.campaign_id || ',%' OR $2 IS NULL) \
        AND (x.run_id = $3 OR $3 IS NULL) AND (x.campaign_id = $4 OR $4 IS NULL) \
        AND (x.attempt_id = $5 OR $5 IS NULL) AND (x.state = $6 OR $6 IS NULL) AND (x.id < $7 OR $7 IS NULL) \
        ORDER BY x.id DESC LIMIT $8"
    );
    // There are few of them among many, and an index that has no others.
    FAILED_PAGE = action_rows!(
        "WHERE x.tenant_id = $1 AND ($2 LIKE '%,' || x.campaign_id || ',%' OR $2 IS NULL) \
        AND (x.run_id = $3 OR $3 IS NULL) AND (x.campaign_id = $4 OR $4 IS NULL) \
        AND (x.attempt_id = $5 OR $5 IS NULL) AND x.state = 'failed' AND x.state = $6 AND (x.id < $7 OR $7 IS NULL) \
        ORDER BY x.id DESC LIMIT $8"
    );
    COUNTS = "SELECT state, COUNT(*) AS actions FROM outcome_action WHERE tenant_id = $1 AND run_id = $2 GROUP BY state";
    // A letter that grew meanwhile was sent without what it tells now: it is sent once more.
    TRIED = "UPDATE outcome_action SET state = $3, due_at = $4, tries = tries + $5, said = $6, changed_at = $7 \
        WHERE tenant_id = $1 AND id = $2 AND state = 'waiting' AND (letter IS NULL OR changed_at = $8)";
    LATER = "UPDATE outcome_action SET due_at = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'waiting'";
    WAKE = "UPDATE outcome_action SET due_at = $3 WHERE to_campaign_id = $2 AND state = 'waiting' AND due_at > $3 \
        AND tenant_id = $1";
    AGAIN = "UPDATE outcome_action SET state = 'waiting', due_at = $3, tries = 0, changed_at = $3 \
        WHERE tenant_id = $1 AND id = $2 AND state <> 'done'";
    ALL_AGAIN = "UPDATE outcome_action SET state = 'waiting', due_at = $2, tries = 0, changed_at = $2 \
        WHERE id IN (SELECT x.id FROM outcome_action x WHERE x.state = 'failed' AND x.tenant_id = $1 \
        AND ($3 LIKE '%,' || x.campaign_id || ',%' OR $3 IS NULL) AND (x.run_id = $4 OR $4 IS NULL) \
        AND (x.campaign_id = $5 OR $5 IS NULL) ORDER BY x.id LIMIT $6)";
}

/// After which call rules ask for something.
pub(crate) struct Asked {
    pub(crate) attempt: AttemptId,
    pub(crate) run: RunId,
    pub(crate) contact: ContactId,
    /// From when on their delays count.
    pub(crate) at: Timestamp,
}

/// Writes an action for each rule that answers to the end of an attempt, in its transaction.
pub(crate) async fn write(scope: &Scope, end: &AttemptEnd, connection: &mut Connection) -> Result<()> {
    let after = Asked { attempt: end.attempt, run: end.run, contact: end.contact, at: end.ended_at };
    write_each(scope, &after, &end.actions, connection).await
}

/// An action for each of these rules that has none after this call.
pub(crate) async fn write_each(
    scope: &Scope,
    after: &Asked,
    rules: &[OutcomeRule],
    connection: &mut Connection,
) -> Result<()> {
    for rule in rules {
        let not_before = after.at.plus_seconds(rule.defer_s.into());
        // A number is handed on at once, to be dialled not before: the run that gets it does not end meanwhile.
        let due_at = if rule.verb == Verb::Reschedule { after.at } else { not_before };
        query(ADD)
            .bind(scope.tenant.0)
            .bind(after.attempt.0)
            .bind(after.run.0)
            .bind(after.contact.0)
            .bind(rule.id.0)
            .bind(json_of(rule))
            .bind(rule.verb.is_told_outside())
            .bind(due_at.0)
            .bind(not_before.0)
            .bind(after.at.0)
            .bind(rule.campaign.map(|campaign| campaign.0))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The campaign runs from now on: what waits for that is due.
pub(crate) async fn wake(
    scope: &Scope,
    campaign: CampaignId,
    at: Timestamp,
    connection: &mut Connection,
) -> Result<()> {
    query(WAKE).bind(scope.tenant.0).bind(campaign.0).bind(at.0).execute(connection).await?;
    Ok(())
}

impl Store {
    /// The actions that are due, earliest first: those that tell another system, or those that only write here.
    pub async fn due_actions(&self, scope: &Scope, outside: bool, now: Timestamp, limit: u32) -> Result<Vec<Action>> {
        let rows = query(DUE)
            .bind(scope.tenant.0)
            .bind(outside)
            .bind(now.0)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(read).collect()
    }

    /// When the next action is due; `None`: none waits.
    pub async fn next_action_at(&self, scope: &Scope, outside: bool) -> Result<Option<Timestamp>> {
        let at: Option<i64> =
            query_scalar(NEXT).bind(scope.tenant.0).bind(outside).fetch_optional(self.readers()).await?;
        Ok(at.map(Timestamp))
    }

    /// One action.
    pub async fn action(&self, scope: &Scope, id: ActionId) -> Result<Action> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        let action = row.as_ref().map(read).transpose()?.filter(|action| scope.allows(action.campaign));
        action.ok_or_else(|| Error::not_found("action", id))
    }

    /// A page of actions, the latest first.
    pub async fn actions(&self, scope: &Scope, filter: &ActionFilter) -> Result<Vec<Action>> {
        let limit = if filter.limit == 0 { MAX_PAGE } else { filter.limit.min(MAX_PAGE) };
        let page = if filter.state == Some(ActionState::Failed) { FAILED_PAGE } else { PAGE };
        let rows = query(page)
            .bind(scope.tenant.0)
            .bind(scope.campaign_list())
            .bind(filter.run.map(|run| run.0))
            .bind(filter.campaign.map(|campaign| campaign.0))
            .bind(filter.attempt.map(|attempt| attempt.0))
            .bind(filter.state.map(|state| code_of(&state)))
            .bind(filter.before.map(|id| id.0))
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(read).collect()
    }

    /// How many actions of a run are in which state.
    pub async fn action_counts(&self, scope: &Scope, run: RunId) -> Result<ActionCounts> {
        self.run(scope, run).await?; // in the scope
        let mut counts = ActionCounts::default();
        for row in query(COUNTS).bind(scope.tenant.0).bind(run.0).fetch_all(self.readers()).await? {
            match row.code("state")? {
                ActionState::Waiting => counts.waiting = row.int("actions")?,
                ActionState::Done => counts.done = row.int("actions")?,
                ActionState::Failed => counts.failed = row.int("actions")?,
            }
        }
        Ok(counts)
    }

    /// Writes what came of tries, all in one transaction. An action that is not waiting any more stays as it is.
    pub async fn actions_tried(&self, scope: &Scope, tried: &[(&Action, Tried)], at: Timestamp) -> Result<()> {
        let mut sequences = self.sequences().lock().await;
        let mut transaction = self.begin().await?;
        for (action, tried) in tried {
            note(scope, action, tried, Made::default(), at, &mut transaction).await?;
        }
        transaction.commit().await?;
        for (action, _) in tried {
            if let Task::AfterCall(after) = &action.task {
                sequences.remove(&(ATTEMPT, after.attempt.0));
            }
        }
        Ok(())
    }

    /// Tries an action again now, as if it had not been tried. One that was done is not repeated.
    pub async fn try_action_again(&self, scope: &Scope, id: ActionId) -> Result<Action> {
        self.action(scope, id).await?; // in the scope
        let mut transaction = self.begin().await?;
        let done = query(AGAIN).bind(scope.tenant.0).bind(id.0).bind(now().0).execute(&mut transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::Conflict { what: format!("action {id}"), why: "was done: it is not repeated".into() });
        }
        transaction.commit().await?;
        self.action(scope, id).await
    }

    /// Tries failed actions again, the oldest first, at most 10000; of all runs, of one, or of a campaign. Returns how many.
    pub async fn try_failed_again(
        &self,
        scope: &Scope,
        run: Option<RunId>,
        campaign: Option<CampaignId>,
    ) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let done = query(ALL_AGAIN)
            .bind(scope.tenant.0)
            .bind(now().0)
            .bind(scope.campaign_list())
            .bind(run.map(|run| run.0))
            .bind(campaign.map(|campaign| campaign.0))
            .bind(i64::from(MAX_AGAIN))
            .execute(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}

/// What an action made here.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    contact: Option<ContactId>,
}

/// Writes what came of a try of an action, with its event when that is the end of it.
async fn note(
    scope: &Scope,
    action: &Action,
    tried: &Tried,
    made: Made,
    at: Timestamp,
    connection: &mut Connection,
) -> Result<()> {
    let (state, due_at, said) = match tried {
        Tried::Later(due_at) => {
            query(LATER).bind(scope.tenant.0).bind(action.id.0).bind(due_at.0).execute(connection).await?;
            return Ok(());
        }
        Tried::Done(said) => (ActionState::Done, action.due_at, said),
        Tried::Again(said, due_at) => (ActionState::Waiting, *due_at, said),
        Tried::Failed(said) => (ActionState::Failed, action.due_at, said),
    };
    let said = masked(said);
    let done = query(TRIED)
        .bind(scope.tenant.0)
        .bind(action.id.0)
        .bind(code_of(&state))
        .bind(due_at.0)
        .bind(1)
        .bind(&said)
        .bind(at.0)
        .bind(action.changed_at.0)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 || state == ActionState::Waiting {
        return Ok(());
    }
    let (tries, failed) = (action.tries + 1, state == ActionState::Failed);
    let event = match &action.task {
        Task::AfterCall(AfterCall { attempt, rule, .. }) => {
            let (kind, data) = if failed {
                (
                    "attempt.action_failed",
                    json!({ "action": action.id, "rule": rule.id, "verb": rule.verb, "tries": tries, "why": said }),
                )
            } else {
                (
                    "attempt.action_done",
                    json!({
                        "action": action.id, "rule": rule.id, "verb": rule.verb, "list": rule.list,
                        "campaign": rule.campaign, "contact": made.contact, "tries": tries, "said": said,
                    }),
                )
            };
            Event::of_attempt(scope.tenant, *attempt, kind, at, data)
        }
        Task::Letter(letter) => {
            let (kind, key) = if failed { ("run.letter_failed", "why") } else { ("run.letter_sent", "said") };
            let data = json!({ "action": action.id, "state": letter.state(), "tries": tries, key: said });
            Event::of_run(scope.tenant, action.run, kind, at, "", data)
        }
    };
    Events::one(event, connection).await
}

/// The attributes that go with an action: those of the call that its rule chooses, and the rule's own with their
/// place-holders replaced. Refused by name: more of them than a contact may have.
pub fn attributes(rule: &OutcomeRule, call: &Call<'_>) -> Result<Attributes, domain::Invalid> {
    let mut all = Attributes::default();
    if matches!(rule.var_mode, VarMode::All | VarMode::Input) {
        all = call.inputs.clone();
    }
    if matches!(rule.var_mode, VarMode::All | VarMode::Output) {
        call.outputs.iter().try_for_each(|(name, value)| all.set(name, value))?;
    }
    for (name, value) in rule.attributes.iter() {
        let value = domain::template::fill(value, |holder| call.value(holder, &all).into());
        all.set(name, &value)?;
    }
    Ok(all)
}

/// The call that an action is about.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What was dialled.
    pub number: &'a str,
    /// How it ended.
    pub attempt: &'a AttemptRecord,
    /// The contact's attributes.
    pub inputs: &'a Attributes,
    /// The output attributes.
    pub outputs: &'a Attributes,
}

impl Call<'_> {
    /// What a place-holder stands for: a fact of the call, otherwise the attribute of that name among `attributes`; nothing
    /// for what is neither.
    pub fn value(&self, holder: &str, attributes: &Attributes) -> String {
        let attempt = self.attempt;
        match holder {
            "num" => self.number.to_owned(),
            "state" => attempt.state.clone(),
            "extstate" => attempt.ext_state.clone(),
            "retry" => attempt.retry.to_string(),
            "reschedule" => attempt.retry_in_s().to_string(),
            "campaign" => attempt.campaign_name.clone(),
            "list" => attempt.list_name.clone().unwrap_or_default(),
            "attempt" => attempt.id.to_string(),
            name => attributes.get(name).unwrap_or_default().to_owned(),
        }
    }
}

fn read(row: &Row) -> Result<Action> {
    let task = match row.opt_text("letter")? {
        Some(_) => Task::Letter(row.json("letter")?),
        None => Task::AfterCall(AfterCall {
            attempt: AttemptId(row.int("attempt_id")?),
            contact: ContactId(row.int("contact_id")?),
            rule: row.json("rule")?,
        }),
    };
    Ok(Action {
        id: ActionId(row.int("id")?),
        run: RunId(row.int("run_id")?),
        campaign: CampaignId(row.int("campaign_id")?),
        campaign_name: row.text("campaign_name")?,
        task,
        state: row.code("state")?,
        due_at: row.at("due_at")?,
        not_before: row.at("not_before")?,
        tries: row.number("tries")?,
        said: row.text("said")?,
        changed_at: row.at("changed_at")?,
    })
}

#[cfg(test)]
mod tests;
