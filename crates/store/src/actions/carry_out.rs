//! Actions that only write here: carried out in one transaction with the mark that they are done, so that a process that
//! dies has done all of it or nothing.

use super::{Action, AfterCall, Call, Made, Task, Tried, attributes, note};
use crate::AttemptRecord;
use crate::calls::{AddedCall, check_ordinary, wait_in_run};
use crate::contacts::{self, NewContact, holds_number};
use crate::db::Store;
use crate::engine::{Connection, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::ATTEMPT;
use crate::lists::count_contacts;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::contact::check_meaning;
use domain::numbers::MULTINUM;
use domain::outcome_rule::MAX_HANDED_ON;
use domain::{Attributes, CampaignId, Dialable, ListId, Timestamp, Verb};

/// While the campaign that a number is to be added to does not run, it is looked at again so often, in seconds; its start
/// wakes what waits for it.
const ASK_EVERY_S: i64 = 900;
/// After a run turned out to be over, or not to have begun.
const ASK_SOON_S: i64 = 2;
/// It is looked at for so long from the time that the number is due: a week.
const ASK_FOR_S: i64 = 7 * 86_400;

/// What carrying out an action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedOut {
    /// The number is on the list; `false`: the list had it.
    Listed(ListId, bool),
    /// The number waits in a run: the dialler has to be told.
    Added(AddedCall),
    /// Not yet: it waits.
    Waits,
    /// It failed.
    Failed,
    /// It was not waiting any more.
    Over,
}

statements! {
    STATE = "SELECT state FROM outcome_action WHERE tenant_id = $1 AND id = $2";
    CONTACT = "SELECT number_as_given, number, e164, alternates, attributes, handed_on FROM contact WHERE tenant_id = $1 AND id = $2";
    HANDED_ON = "UPDATE contact SET handed_on = $3 WHERE tenant_id = $1 AND id = $2";
    TAKE_BACK = "UPDATE outcome_action SET state = 'waiting', due_at = $3, said = $4 WHERE tenant_id = $1 AND id = $2";
}

/// Why an action cannot be carried out: for now, or for good.
enum No {
    Wait(String),
    Fail(String),
}

type Carried<T> = Result<Result<T, No>>;

/// What an action hands on.
struct Handed {
    contact: NewContact,
    /// How often it was handed on with this.
    times: i64,
}

impl Store {
    /// Carries out actions that only write here, list verbs and `RESCHEDULE`, all in one transaction: what came of each, in
    /// order.
    pub async fn carry_out(&self, scope: &Scope, actions: &[Action], at: Timestamp) -> Result<Vec<CarriedOut>> {
        let mut attempts = Vec::with_capacity(actions.len());
        for action in actions {
            let Task::AfterCall(after) = &action.task else {
                attempts.push(None);
                continue;
            };
            attempts.push(match self.attempt(scope, after.attempt).await {
                Ok(attempt) => Some(attempt),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            });
        }
        // The order in which a batch of the dialler takes them.
        let mut sequences = self.sequences().lock().await;
        let mut transaction = self.begin().await?;
        let mut outcomes = Vec::with_capacity(actions.len());
        for (action, attempt) in actions.iter().zip(&attempts) {
            outcomes.push(self.carry_one(scope, action, attempt.as_ref(), at, &mut transaction).await?);
        }
        transaction.commit().await?;
        for action in actions {
            if let Task::AfterCall(after) = &action.task {
                sequences.remove(&(ATTEMPT, after.attempt.0));
            }
        }
        Ok(outcomes)
    }

    async fn carry_one(
        &self,
        scope: &Scope,
        action: &Action,
        attempt: Option<&AttemptRecord>,
        at: Timestamp,
        connection: &mut Connection,
    ) -> Result<CarriedOut> {
        let state: Option<String> =
            query_scalar(STATE).bind(scope.tenant.0).bind(action.id.0).fetch_optional(&mut *connection).await?;
        if state.as_deref() != Some("waiting") {
            return Ok(CarriedOut::Over);
        }
        let carried = match (attempt, &action.task) {
            (Some(attempt), Task::AfterCall(after)) => self.carry(scope, action, after, attempt, connection).await?,
            _ => Err(No::Fail("the call is not kept any more".into())),
        };
        let (tried, made, outcome) = match carried {
            Ok((said, made, outcome)) => (Tried::Done(said), made, outcome),
            Err(No::Wait(why)) if at < action.not_before.plus_seconds(ASK_FOR_S) => {
                (Tried::Again(why, at.plus_seconds(ASK_EVERY_S)), Made::default(), CarriedOut::Waits)
            }
            Err(No::Wait(why) | No::Fail(why)) => (Tried::Failed(why), Made::default(), CarriedOut::Failed),
        };
        note(scope, action, &tried, made, at, connection).await?;
        Ok(outcome)
    }

    async fn carry(
        &self,
        scope: &Scope,
        action: &Action,
        after: &AfterCall,
        attempt: &AttemptRecord,
        connection: &mut Connection,
    ) -> Carried<(String, Made, CarriedOut)> {
        let rule = &after.rule;
        let handed = match handed(scope, after, attempt, connection).await? {
            Ok(handed) => handed,
            Err(no) => return Ok(Err(no)),
        };
        let done = match (rule.verb, rule.list, rule.campaign) {
            (Verb::AddList | Verb::AddBlacklist, Some(list), _) => {
                self.to_list(scope, rule.verb, list, &handed, connection).await
            }
            (Verb::Reschedule, _, Some(campaign)) => {
                self.to_campaign(scope, campaign, action.not_before, &handed, connection).await
            }
            (verb, ..) => return Ok(Err(No::Fail(format!("{} says not whereto", verb.code())))),
        };
        match done {
            Ok(done) => Ok(Ok(done)),
            Err(error @ (Error::NotFound { .. } | Error::Invalid(_) | Error::NameTaken { .. })) => {
                Ok(Err(No::Fail(error.to_string())))
            }
            Err(error @ Error::Conflict { .. }) if rule.verb == Verb::Reschedule => {
                Ok(Err(No::Wait(error.to_string())))
            }
            Err(error @ Error::Conflict { .. }) => Ok(Err(No::Fail(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    async fn to_list(
        &self,
        scope: &Scope,
        verb: Verb,
        list: ListId,
        handed: &Handed,
        connection: &mut Connection,
    ) -> Result<(String, Made, CarriedOut)> {
        check_ordinary(scope, list, connection).await?;
        let new = self.keyed(&handed.contact);
        if verb == Verb::AddBlacklist && holds_number(scope, list, new.key, connection).await? {
            let said = format!("list {list} has the number already");
            return Ok((said, Made::default(), CarriedOut::Listed(list, false)));
        }
        count_contacts(scope, list, 1, connection).await?;
        let contact = contacts::insert(scope, list, &new, connection).await?;
        hand_on(scope, contact, handed.times, connection).await?;
        let made = Made { contact: Some(contact) };
        Ok((format!("put on list {list}"), made, CarriedOut::Listed(list, true)))
    }

    async fn to_campaign(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        not_before: Timestamp,
        handed: &Handed,
        connection: &mut Connection,
    ) -> Result<(String, Made, CarriedOut)> {
        let new = self.keyed(&handed.contact);
        let call = wait_in_run(scope, campaign, &new, not_before, connection).await?;
        hand_on(scope, call.contact, handed.times, connection).await?;
        let said = format!("waits in run {} of campaign {campaign}", call.run);
        Ok((said, Made { contact: Some(call.contact) }, CarriedOut::Added(call)))
    }

    /// The run that a call was added to was over by then: call and action are as before, in one transaction.
    pub async fn take_back_action(
        &self,
        scope: &Scope,
        action: &Action,
        call: &AddedCall,
        at: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        if crate::calls::take_back(scope, call, &mut transaction).await? {
            query(TAKE_BACK)
                .bind(scope.tenant.0)
                .bind(action.id.0)
                .bind(at.plus_seconds(ASK_SOON_S).0)
                .bind(format!("run {} is over: start the campaign again", call.run))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.places().forget(call.list);
        Ok(())
    }
}

/// The number with the attributes that go with it, as they are in this transaction.
async fn handed(
    scope: &Scope,
    after: &AfterCall,
    attempt: &AttemptRecord,
    connection: &mut Connection,
) -> Carried<Handed> {
    let row = query(CONTACT).bind(scope.tenant.0).bind(after.contact.0).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Err(No::Fail("the contact was deleted".into()))) };
    let mut number =
        Dialable { as_given: row.text("number_as_given")?, dialled: row.text("number")?, e164: row.opt_text("e164")? };
    if number.dialled.is_empty() {
        return Ok(Err(No::Fail("the person was forgotten".into())));
    }
    let times = row.int("handed_on")? + 1;
    if times > i64::from(MAX_HANDED_ON) && after.rule.verb != Verb::AddBlacklist {
        let why = format!(
            "outcome rules handed this number on {MAX_HANDED_ON} times: look for campaigns whose rules send numbers to each other"
        );
        return Ok(Err(No::Fail(why)));
    }
    let mut inputs: Attributes = row.json("attributes")?;
    let called = contacts::numbers::further(&row, |one| one.no == attempt.number_no)?.map(|one| one.number);
    let dialled = called.as_ref().map_or_else(|| number.dialled.clone(), |called| called.dialled.clone());
    // A black list gets the number that was called, and not those that may be called instead of it.
    if let Some(called) = called.filter(|_| after.rule.verb == Verb::AddBlacklist) {
        number = called;
        inputs = inputs.without(MULTINUM);
    }
    let call = Call { number: &dialled, attempt, inputs: &inputs, outputs: &attempt.outputs };
    let contact = attributes(&after.rule, &call).and_then(|attributes| {
        check_meaning(&attributes)?;
        Ok(attributes)
    });
    Ok(match contact {
        Ok(attributes) => Ok(Handed { contact: NewContact { number, attributes }, times }),
        Err(invalid) => Err(No::Fail(format!("an attribute cannot go with it: {invalid}"))),
    })
}

async fn hand_on(scope: &Scope, contact: domain::ContactId, times: i64, connection: &mut Connection) -> Result<()> {
    query(HANDED_ON).bind(scope.tenant.0).bind(contact.0).bind(times).execute(connection).await?;
    Ok(())
}
