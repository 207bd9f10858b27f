//! Calls between backup and restore, as a PBX's call records tell them, become attempts.

use crate::db::Store;
use crate::engine::query;
use crate::error::{Error, Result};
use crate::journal::{IdKind, Write, Written};
use crate::restore::OpenRestore;
use crate::runs::RunRestore;
use crate::scope::Scope;
use crate::sql::{Columns, now};
use domain::journal::{AttemptEnd, NewAttempt, Picked, Receipt, RetryAt, Segment};
use domain::outcome::Fault;
use domain::{CallId, CallState, Contact, EndedBy, LegId, PbxId, RecordMark, RunId, SegmentKind, Timestamp, TrunkId};
use std::collections::BTreeMap;

/// Ids asked for at a time.
const IDS: usize = 1_000;

statements! {
    KNOWN = "SELECT id FROM attempt WHERE tenant_id = $1 AND id = $2";
    TURN = "SELECT state, retry, due_at, put_off_by FROM run_contact WHERE tenant_id = $1 AND run_id = $2 AND contact_id = $3";
}

/// A call that a PBX has a record of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSince {
    /// Whose call it was.
    pub mark: RecordMark,
    /// Its leg, from the channel id.
    pub leg: LegId,
    /// When it began, if the record's time can be read.
    pub started_at: Option<Timestamp>,
    /// From its beginning to its end, in seconds.
    pub duration_s: u32,
    /// Of these, after the answer; `None`: nobody answered.
    pub talk_s: Option<u32>,
}

/// What was made of call records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Calls that became attempts.
    pub written: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Calls that the database knows already.
    pub known: u64,
    /// Calls of contacts or runs that the restored database does not have, or will not dial any more.
    pub needless: u64,
}

impl Store {
    /// Writes the calls that the restored database does not know as attempts: answered ones as `TERMINATED`, all others
    /// as `RS_LOST`, because a record does not tell how they ended. Their contacts are tried again by the rules of their
    /// run, counted from now. A record that is read twice changes nothing.
    ///
    /// Only while no dialler works on the database.
    pub async fn reconcile(&self, scope: &Scope, restore: &OpenRestore, calls: &[CallSince]) -> Result<Reconciled> {
        let mut done = Reconciled::default();
        let runs = self.open_runs(scope).await?;
        let runs: BTreeMap<RunId, RunRestore> = runs.into_iter().map(|run| (run.record.id, run)).collect();
        let trunks: BTreeMap<TrunkId, PbxId> =
            self.trunks(scope).await?.into_iter().map(|trunk| (trunk.id, trunk.pbx)).collect();
        for calls in calls.chunks(IDS) {
            let count = u32::try_from(calls.len()).unwrap_or(0);
            let ids = self.commit(scope, vec![Write::Ids { kind: IdKind::Call, count }]).await?;
            let Some(Written::Ids { from, .. }) = ids.first() else { return Ok(done) };
            for (call, id) in calls.iter().zip(*from..) {
                let known = query(KNOWN).bind(scope.tenant.0).bind(call.mark.attempt.0);
                if known.fetch_optional(self.readers()).await?.is_some() {
                    done.known += 1;
                    continue;
                }
                let (Some(run), Some(pbx)) = (runs.get(&call.mark.run), trunks.get(&call.mark.trunk)) else {
                    done.needless += 1;
                    continue;
                };
                let contact = match self.contact(scope, call.mark.contact).await {
                    Err(Error::NotFound { .. }) => None,
                    contact => Some(contact?),
                };
                let turn = self.turn(scope, &call.mark).await?;
                let contact = contact.and_then(|contact| contact.at(call.mark.number_no));
                let (Some(contact), Some(turn)) = (contact, turn) else {
                    done.needless += 1;
                    continue;
                };
                let (attempt, end) = attempt(call, CallId(id), *pbx, run, &contact, turn, restore);
                let answered = end.connected_at.is_some();
                let writes = vec![Write::Attempt(attempt), Write::Close { end, pbx_at: None }];
                if self.commit(scope, writes).await?.iter().all(Written::is_done) {
                    done.written += 1;
                    done.answered += u64::from(answered);
                } else {
                    done.needless += 1;
                }
            }
        }
        Ok(done)
    }

    /// The contact's next turn in the run: its retry counter and what it waited for. `None`: it has none.
    async fn turn(&self, scope: &Scope, mark: &RecordMark) -> Result<Option<(u32, Picked)>> {
        let row = query(TURN)
            .bind(scope.tenant.0)
            .bind(mark.run.0)
            .bind(mark.contact.0)
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(Some((0, Picked::FreshInOrder))) };
        // Finished: nobody is going to be called. Open: its call was up when the backup was made, and is looked for.
        if row.text("state")? != "waiting" {
            return Ok(None);
        }
        let (due_at, by) = (row.at("due_at")?, row.opt_code("put_off_by")?);
        let picked = by.map_or(Picked::RetryDue { due_at }, |by| Picked::PutOffOver { due_at, by });
        Ok(Some((row.number("retry")?, picked)))
    }
}

/// A call of a record as an attempt and its end.
fn attempt(
    call: &CallSince,
    id: CallId,
    pbx: PbxId,
    run: &RunRestore,
    contact: &Contact,
    (retry, picked): (u32, Picked),
    restore: &OpenRestore,
) -> (NewAttempt, AttemptEnd) {
    let mark = &call.mark;
    // A PBX may write its records in a zone of its own: what cannot be is not believed.
    let from =
        call.started_at.filter(|at| (restore.taken_at..restore.restored_at).contains(at)).unwrap_or(restore.taken_at);
    let to = from.plus_ms(i64::from(call.duration_s) * 1_000);
    let connected_at = call.talk_s.map(|talk_s| to.plus_ms(-i64::from(talk_s.min(call.duration_s)) * 1_000));
    let state = if connected_at.is_some() { CallState::Terminated } else { CallState::RsLost };
    let new = NewAttempt {
        attempt: mark.attempt,
        call: id,
        leg: call.leg,
        run: mark.run,
        campaign: run.record.campaign,
        contact: contact.id,
        list: contact.list,
        number_ref: contact.number_ref,
        number_key: contact.key,
        person_key: contact.person,
        retry,
        number_no: contact.number_no,
        trunk: mark.trunk,
        end_point: mark.end_point,
        pbx,
        scheduled_at: from,
        agent: None,
        reserved: false,
        receipt: Receipt {
            picked,
            rules: vec!["call_record".into()],
            hours_until: None,
            trunk_in_use: 0,
            trunk_capacity: 0,
            end_point_in_use: 0,
            end_point_capacity: 0,
            probe: false,
            run_in_progress: 0,
            run_in_memory: 0,
            priority: 10,
            caller_id: Default::default(),
            contact: domain::rules::ContactReceipt::default(),
            queue: None,
            number: None,
        },
    };
    let answered_at = connected_at.unwrap_or(to);
    let mut segments = vec![Segment { kind: SegmentKind::Setup, from, to: answered_at }];
    segments.extend(connected_at.map(|from| Segment { kind: SegmentKind::Talk, from, to }));
    let retry = domain::reschedule::decide(&run.settings.rules, state, "", retry);
    let pending = retry.is_some();
    let rules = run.settings.outcome_rules.iter();
    let actions = rules.filter(|rule| rule.matches(state, "", false, pending)).cloned().collect();
    let end = AttemptEnd {
        next_number: None,
        left_out: Vec::new(),
        actions,
        attempt: mark.attempt,
        call: id,
        leg: call.leg,
        run: mark.run,
        contact: contact.id,
        state,
        fault: if connected_at.is_some() { Fault::None } else { Fault::Unclear },
        ext_state: String::new(),
        cause: 0,
        tech_cause: None,
        ended_by: EndedBy::Unknown,
        ended_at: to,
        connected_at,
        segments,
        retry: retry.map(|retry| RetryAt {
            rule: retry.rule,
            delay_s: retry.delay_s,
            at: now().plus_ms(i64::from(retry.delay_s) * 1_000),
        }),
    };
    (new, end)
}
