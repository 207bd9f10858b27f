//! Attempts: made, ended, taken back.

use super::events::{ATTEMPT, Event, masked};
use super::{Journal, Written};
use crate::actions;
use crate::contacts;
use crate::engine::{Row, query, query_joined, query_scalar};
use crate::error::Result;
use crate::sql::{Columns, Joined, code_of, joined};
use crate::standing::{Asked, standings, with_own};
use domain::journal::{AttemptEnd, NewAttempt, Picked, PutOffBy, Segment, Withdrawal};
use domain::rules::Standing;
use domain::{AttemptId, CallState, CampaignId, Dialable, NumberKey, Numbered, SegmentKind, Timestamp};
use serde_json::json;
use std::sync::LazyLock;

/// The rule of the gate that the standing answers.
const NOT_SUPPRESSED: &str = "number_not_suppressed";

statements! {
    // No row when the contact is gone or the number is none of its by now, when it is not this contact's turn in the run, when the run is over, or when one
    // of the unique keys says no (the turn was taken, the number is in an open attempt, the id was used).
    INSERT = "INSERT INTO attempt (tenant_id, id, call_id, leg_id, run_id, campaign_id, contact_id, list_id, number_ref, \
        number_key, retry, trunk_id, end_point_id, pbx_id, scheduled_at, person_key, state, agent, agent_leg_id, number_no) \
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20 FROM contact c \
        WHERE c.id = $7 AND c.tenant_id = $1 AND (c.number_key = $10 OR EXISTS (SELECT 1 FROM contact_number n \
        WHERE n.tenant_id = $1 AND n.number_key = $10 AND n.contact_id = c.id)) \
        AND COALESCE((SELECT CASE WHEN rc.state = 'waiting' THEN rc.retry ELSE -1 END FROM run_contact rc \
        WHERE rc.run_id = $5 AND rc.contact_id = c.id), 0) = $11 \
        AND EXISTS (SELECT 1 FROM run r WHERE r.id = $5 AND r.tenant_id = $1 AND r.ended_at IS NULL) \
        ON CONFLICT DO NOTHING RETURNING (SELECT x.number FROM contact x WHERE x.id = $7) AS number, \
        (SELECT x.e164 FROM contact x WHERE x.id = $7) AS e164, (SELECT x.alternates FROM contact x WHERE x.id = $7) AS alternates";
    INSERT_CALL = "INSERT INTO call (id, tenant_id, started_at) VALUES ($1, $2, $3)";
    INSERT_LEG = "INSERT INTO leg (id, tenant_id, call_id, pbx_id, channel, role, started_at) \
        VALUES ($1, $2, $3, $4, $5, 'customer', $6)";
    TAKE_CONTACT = "INSERT INTO run_contact (tenant_id, run_id, contact_id, list_id, state, retry, due_at, number_no) \
        VALUES ($1, $2, $3, $4, 'open', $5, NULL, $6) ON CONFLICT (run_id, contact_id) DO UPDATE SET state = 'open', \
        retry = excluded.retry, due_at = NULL, put_off_by = NULL, number_no = excluded.number_no";
    // From now on it counts as a call of this moment. Again, where a commit that failed had reached the disk. No row when the
    // number is none of the contact's by now.
    ACCEPT = "UPDATE attempt SET state = 'RD_SCHEDULED', scheduled_at = $3 WHERE tenant_id = $1 AND id = $2 \
        AND ended_at IS NULL AND state IN ('RD_RESERVED', 'RD_SCHEDULED') AND EXISTS (SELECT 1 FROM contact c \
        WHERE c.id = attempt.contact_id AND (c.number_key = attempt.number_key OR EXISTS (SELECT 1 FROM contact_number n \
        WHERE n.tenant_id = $1 AND n.number_key = attempt.number_key AND n.contact_id = c.id))) \
        RETURNING campaign_id, contact_id, number_key, person_key";
    CLOSE = "UPDATE attempt SET state = $3, fault = $4, ext_state = $5, cause = $6, tech_cause = $7, ended_by = $8, \
        ended_at = $9, connected_at = $10, wait_pre_ms = $11, wait_after_ms = $12, talk_ms = $13, retry_rule_id = $14, \
        retry_at = $15, requested_at = COALESCE(requested_at, $16), next_number = $17 \
        WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL";
    CLOSE_CALL = "UPDATE call SET ended_at = $3 WHERE tenant_id = $1 AND id = $2";
    CLOSE_LEG = "UPDATE leg SET answered_at = $3, ended_at = $4 WHERE tenant_id = $1 AND id = $2";
    SEGMENT = "INSERT INTO segment (tenant_id, call_id, position, leg_id, kind, started_at, ended_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SEGMENTS_2 = "INSERT INTO segment (tenant_id, call_id, position, leg_id, kind, started_at, ended_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7), ($8, $9, $10, $11, $12, $13, $14)";
    SEGMENTS_3 = "INSERT INTO segment (tenant_id, call_id, position, leg_id, kind, started_at, ended_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7), ($8, $9, $10, $11, $12, $13, $14), ($15, $16, $17, $18, $19, $20, $21)";
    RELEASE_CONTACT = "UPDATE run_contact SET state = $4, retry = retry + $5, due_at = $6, put_off_by = $7, number_no = $8 \
        WHERE tenant_id = $1 AND run_id = $2 AND contact_id = $3";
    WITHDRAW = "UPDATE attempt SET state = 'WITHDRAWN', ended_at = $3, why = $4 \
        WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL RETURNING call_id, leg_id";
    RETURN_FRESH = "DELETE FROM run_contact WHERE tenant_id = $1 AND run_id = $2 AND contact_id = $3";
    OPEN_ID = "SELECT id FROM attempt WHERE tenant_id = $1 AND number_key = $2 AND ended_at IS NULL";
    TURN_ID = "SELECT id FROM attempt WHERE tenant_id = $1 AND run_id = $2 AND contact_id = $3 AND retry = $4 \
        AND number_no = $5 AND state <> 'WITHDRAWN'";
    HAS_NUMBER = "SELECT CAST(CASE WHEN c.number_key = $3 OR EXISTS (SELECT 1 FROM contact_number n WHERE n.tenant_id = $1 \
        AND n.number_key = $3 AND n.contact_id = c.id) THEN 1 ELSE 0 END AS BIGINT) \
        FROM contact c WHERE c.tenant_id = $1 AND c.id = $2";
    CONTACT_NUMBER = "SELECT number, e164, alternates FROM contact WHERE tenant_id = $1 AND id = $2";
    CONTACT_STATE = "SELECT COALESCE((SELECT rc.state || ' at retry ' || rc.retry FROM run_contact rc \
        WHERE rc.run_id = $2 AND rc.contact_id = c.id), 'fresh') FROM contact c WHERE c.tenant_id = $1 AND c.id = $3";
}

/// What a new attempt brings with it.
static TAKE: LazyLock<Joined> = LazyLock::new(|| joined(&[INSERT_CALL, INSERT_LEG, TAKE_CONTACT]));
/// What ends with an attempt.
static END: LazyLock<Joined> = LazyLock::new(|| joined(&[CLOSE_CALL, CLOSE_LEG, RELEASE_CONTACT]));

/// The keys of each number of a contact with several, by place.
type NumbersKeys = Vec<(u32, Vec<NumberKey>)>;

/// What ends with an attempt: its call, its leg, and its contact's turn.
struct Ended {
    call: i64,
    leg: i64,
    answered_at: Option<Timestamp>,
    ended_at: Timestamp,
    run: i64,
    contact: i64,
    /// When the contact is tried again; `None`: it is finished.
    due_at: Option<Timestamp>,
    /// The coming turn is of its next round, not of this one.
    counts: bool,
    /// The number whose turn comes.
    number_no: u32,
    /// What had put off the turn that was taken back.
    put_off_by: Option<PutOffBy>,
}

/// An attempt of the batch whose standing is asked at its end.
pub(super) struct Asking {
    /// Its place among the writes.
    write: usize,
    /// Its `attempt.scheduled` among the events.
    event: Option<usize>,
    asked: Asked,
    at: Timestamp,
}

impl Journal<'_> {
    pub(super) async fn attempt(&mut self, new: NewAttempt) -> Result<Written> {
        let state = match &new.agent {
            Some(_) if new.reserved => CallState::RdReserved,
            Some(_) => CallState::RdScheduled,
            None => CallState::Scheduled,
        };
        let row = query(INSERT)
            .bind(self.scope.tenant.0)
            .bind(new.attempt.0)
            .bind(new.call.0)
            .bind(new.leg.0)
            .bind(new.run.0)
            .bind(new.campaign.0)
            .bind(new.contact.0)
            .bind(new.list.0)
            .bind(new.number_ref.0)
            .bind(new.number_key.0)
            .bind(i64::from(new.retry))
            .bind(new.trunk.0)
            .bind(new.end_point.0)
            .bind(new.pbx.0)
            .bind(new.scheduled_at.0)
            .bind(new.person_key.map(|person| person.0))
            .bind(state.code())
            .bind(new.agent.as_ref().map(|agent| agent.interface.clone()))
            .bind(new.agent.as_ref().map(|agent| agent.leg.0))
            .bind(i64::from(new.number_no))
            .fetch_optional(&mut *self.connection)
            .await?;
        let Some(row) = row else { return self.why_not(&new).await };
        let channel = self.epoch.channel(new.leg);
        query_joined(&TAKE)
            .bind(new.call.0)
            .bind(self.scope.tenant.0)
            .bind(new.scheduled_at.0)
            .bind(new.leg.0)
            .bind(self.scope.tenant.0)
            .bind(new.call.0)
            .bind(new.pbx.0)
            .bind(&channel)
            .bind(new.scheduled_at.0)
            .bind(self.scope.tenant.0)
            .bind(new.run.0)
            .bind(new.contact.0)
            .bind(new.list.0)
            .bind(i64::from(new.retry))
            .bind(i64::from(new.number_no))
            .execute(&mut *self.connection)
            .await?;
        let totals = self.totals.entry(new.run).or_default();
        totals.placed += 1;
        let cause = match new.receipt.picked {
            Picked::FreshInOrder => "fresh_in_order",
            Picked::RetryDue { .. } => {
                totals.open_retries -= 1;
                "retry_due"
            }
            Picked::NextNumber { .. } => {
                totals.open_retries -= 1;
                "next_number"
            }
            Picked::PutOffOver { .. } => {
                totals.put_off -= 1;
                "put_off_over"
            }
        };
        let data = json!({
            "run": new.run, "campaign": new.campaign, "contact": new.contact, "list": new.list,
            "number_ref": new.number_ref, "retry": new.retry, "number_no": new.number_no, "trunk": new.trunk, "end_point": new.end_point,
            "pbx": new.pbx, "call": new.call, "leg": new.leg, "channel": channel,
            "agent": new.agent.as_ref().map(|agent| masked(&agent.interface)),
            "agent_leg": new.agent.as_ref().map(|agent| agent.leg), "reserved": new.reserved.then_some(true), "receipt": new.receipt,
        });
        self.sequences.insert((ATTEMPT, new.attempt.0), 0);
        let event = Event::of_attempt(self.scope.tenant, new.attempt, "attempt.scheduled", new.scheduled_at, data);
        self.event(event.caused_by(cause)).await?;
        self.ask_standing(&new, &row, Some(self.events.len() - 1))
    }

    /// What is known of the number is read at the end of the batch, for all its attempts together.
    fn ask_standing(&mut self, new: &NewAttempt, contact: &Row, event: Option<usize>) -> Result<Written> {
        let (keys, numbers) = self.keys_of(contact, new.number_key)?;
        let (campaign, person, attempt) = (new.campaign, new.person_key, Some(new.attempt));
        let asked = Asked { campaign, keys, numbers, person, attempt };
        self.asking.push(Asking { write: self.position, event, asked, at: new.scheduled_at });
        Ok(Written::Attempt(Standing::default()))
    }

    /// The agent wants it dialled. What is known of the number is asked as for a new attempt.
    pub(super) async fn accept(&mut self, attempt: AttemptId, at: Timestamp) -> Result<Written> {
        let tenant = self.scope.tenant;
        let row = query(ACCEPT).bind(tenant.0).bind(attempt.0).bind(at.0).fetch_optional(&mut *self.connection).await?;
        let refused = || Written::Refused(format!("attempt {attempt} is over, or its contact has another number now"));
        let Some(row) = row else { return Ok(refused()) };
        let contact = row.int("contact_id")?;
        let contact = query(CONTACT_NUMBER).bind(tenant.0).bind(contact).fetch_optional(&mut *self.connection).await?;
        let Some(contact) = contact else { return Ok(refused()) };
        let (keys, numbers) = self.keys_of(&contact, NumberKey(row.int("number_key")?))?;
        let (campaign, person) = (CampaignId(row.int("campaign_id")?), row.opt_int("person_key")?.map(NumberKey));
        let asked = Asked { campaign, keys, numbers, person, attempt: Some(attempt) };
        self.asking.push(Asking { write: self.position, event: None, asked, at });
        self.event(Event::of_attempt(tenant, attempt, "attempt.accepted", at, json!({}))).await?;
        Ok(Written::Attempt(Standing::default()))
    }

    /// The keys of the number of a contact that is called, and of all of them where it has several.
    fn keys_of(&self, contact: &Row, called: NumberKey) -> Result<(Vec<NumberKey>, NumbersKeys)> {
        let own = contact.text("number")?;
        let own = Dialable { as_given: own.clone(), dialled: own, e164: contact.opt_text("e164")? };
        let mut numbers = Vec::new();
        if let Some(alternates) = contacts::numbers::read(contact)? {
            numbers.push((0, with_own(own.key(self.secret), own.every_key(self.secret))));
            let every = |one: &Numbered| (one.no, with_own(one.key, one.number.every_key(self.secret)));
            numbers.extend(alternates.numbers.iter().map(every));
        }
        let keys = numbers.iter().find(|(_, keys)| keys[0] == called).map(|(_, keys)| keys.clone());
        Ok((keys.unwrap_or_else(|| with_own(called, own.every_key(self.secret))), numbers))
    }

    /// Puts what is known into the answers of the batch's attempts. A receipt does not claim what is not so any more.
    pub(super) async fn answer_standing(&mut self, written: &mut [Written]) -> Result<()> {
        let asking = std::mem::take(&mut self.asking);
        let Some(at) = asking.iter().map(|asking| asking.at).max() else { return Ok(()) };
        let asked: Vec<Asked> = asking.iter().map(|asking| asking.asked.clone()).collect();
        let standings = standings(self.scope, &asked, at, self.connection).await?;
        for (asking, standing) in asking.into_iter().zip(standings) {
            if let Some(event) =
                asking.event.filter(|_| standing.suppressed_by.is_some() || standing.black_listed_by.is_some())
            {
                self.events.amend(event, |data| {
                    if let Some(rules) = data["receipt"]["rules"].as_array_mut() {
                        rules.retain(|rule| rule != NOT_SUPPRESSED);
                    }
                });
            }
            written[asking.write] = Written::Attempt(standing);
        }
        Ok(())
    }

    pub(super) async fn close(&mut self, end: AttemptEnd, pbx_at: Option<String>) -> Result<Written> {
        let tenant = self.scope.tenant;
        let mark = self.marks.remove(&end.attempt).unwrap_or_default();
        let sum = |kind: SegmentKind| -> i64 {
            end.segments.iter().filter(|s| s.kind == kind).map(|s| s.to.ms_since(s.from).max(0)).sum()
        };
        let ended_by = code_of(&end.ended_by);
        let done = query(CLOSE)
            .bind(tenant.0)
            .bind(end.attempt.0)
            .bind(end.state.code())
            .bind(code_of(&end.fault))
            .bind(&end.ext_state)
            .bind(i64::from(end.cause))
            .bind(end.tech_cause.map(i64::from))
            .bind(&ended_by)
            .bind(end.ended_at.0)
            .bind(end.connected_at.map(|at| at.0))
            .bind(sum(SegmentKind::Setup))
            .bind(sum(SegmentKind::Ringing))
            .bind(sum(SegmentKind::Talk))
            .bind(end.retry.map(|retry| retry.rule.0))
            .bind(end.retry.map(|retry| retry.at.0))
            .bind(mark.requested_at.map(|at| at.0))
            .bind(end.next_number.map(i64::from))
            .execute(&mut *self.connection)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(Written::Refused(format!("attempt {} is not open", end.attempt)));
        }
        let again_at = end.again_at();
        let (answered_at, ended_at) = (end.connected_at, end.ended_at);
        let (call, leg, run, contact) = (end.call.0, end.leg.0, end.run.0, end.contact.0);
        let (due_at, put_off_by) = (again_at, None);
        let (counts, number_no) = (end.retry.is_some(), end.next_number.unwrap_or(0));
        self.end(Ended { call, leg, answered_at, ended_at, run, contact, due_at, counts, number_no, put_off_by })
            .await?;
        self.segments(&end).await?;
        let totals = self.totals.entry(end.run).or_default();
        totals.terminated += i64::from(again_at.is_none());
        totals.open_retries += i64::from(again_at.is_some());
        totals.connected += i64::from(end.connected_at.is_some());
        let segments: Vec<_> =
            end.segments.iter().map(|s| json!({ "kind": s.kind, "from": s.from, "to": s.to })).collect();
        let leg = json!({
            "leg": end.leg, "cause": end.cause, "tech_cause": end.tech_cause, "ended_by": end.ended_by,
            "segments": segments,
        });
        let retry = end.retry.map(|r| json!({ "rule": r.rule, "delay_s": r.delay_s, "at": r.at }));
        let outcome = json!({
            "state": end.state, "fault": end.fault, "ext_state": end.ext_state, "retry": retry,
            "next_number": end.next_number, "left_out": end.left_out,
            "outcome_rules": end.actions.iter().map(|rule| rule.id).collect::<Vec<_>>(),
        });
        actions::write(self.scope, &end, self.connection).await?;
        let leg = Event::of_attempt(tenant, end.attempt, "leg.ended", end.ended_at, leg);
        self.event(leg.on_pbx(pbx_at).caused_by(&ended_by)).await?;
        let outcome = Event::of_attempt(tenant, end.attempt, "attempt.ended", end.ended_at, outcome);
        self.event(outcome.caused_by(&ended_by)).await?;
        self.sequences.remove(&(ATTEMPT, end.attempt.0));
        Ok(Written::Done)
    }

    pub(super) async fn withdraw(&mut self, withdrawal: Withdrawal) -> Result<Written> {
        let why = masked(&withdrawal.why);
        self.marks.remove(&withdrawal.attempt);
        let row = query(WITHDRAW)
            .bind(self.scope.tenant.0)
            .bind(withdrawal.attempt.0)
            .bind(withdrawal.at.0)
            .bind(&why)
            .fetch_optional(&mut *self.connection)
            .await?;
        let Some(row) = row else {
            return Ok(Written::Refused(format!("attempt {} is not open", withdrawal.attempt)));
        };
        let (run, contact, due_at) = (withdrawal.run.0, withdrawal.contact.0, withdrawal.due_at);
        let (call, leg, answered_at) = (row.int("call_id")?, row.int("leg_id")?, None);
        let ended_at = withdrawal.at;
        let (put_off_by, counts, number_no) = (withdrawal.put_off_by, false, withdrawal.number_no);
        self.end(Ended { call, leg, answered_at, ended_at, run, contact, due_at, counts, number_no, put_off_by })
            .await?;
        let totals = self.totals.entry(withdrawal.run).or_default();
        totals.placed -= 1;
        match (due_at, put_off_by) {
            (Some(_), Some(_)) => totals.put_off += 1,
            (Some(_), None) => totals.open_retries += 1,
            (None, _) => {}
        }
        if due_at.is_none() {
            query(RETURN_FRESH)
                .bind(self.scope.tenant.0)
                .bind(run)
                .bind(contact)
                .execute(&mut *self.connection)
                .await?;
        }
        let data = json!({ "why": why, "retry": withdrawal.retry, "due_at": withdrawal.due_at });
        let event = Event::of_attempt(self.scope.tenant, withdrawal.attempt, "attempt.withdrawn", withdrawal.at, data);
        self.event(event).await?;
        self.sequences.remove(&(ATTEMPT, withdrawal.attempt.0));
        Ok(Written::Done)
    }

    /// Ends call and leg and gives the contact free.
    async fn end(&mut self, ended: Ended) -> Result<()> {
        let tenant = self.scope.tenant.0;
        query_joined(&END)
            .bind(tenant)
            .bind(ended.call)
            .bind(ended.ended_at.0)
            .bind(tenant)
            .bind(ended.leg)
            .bind(ended.answered_at.map(|at| at.0))
            .bind(ended.ended_at.0)
            .bind(tenant)
            .bind(ended.run)
            .bind(ended.contact)
            .bind(if ended.due_at.is_some() { "waiting" } else { "finished" })
            .bind(i64::from(ended.counts && ended.due_at.is_some()))
            .bind(ended.due_at.map(|at| at.0))
            .bind(ended.due_at.and(ended.put_off_by).map(PutOffBy::code))
            .bind(i64::from(ended.number_no))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn segments(&mut self, end: &AttemptEnd) -> Result<()> {
        let numbered: Vec<(usize, &Segment)> = end.segments.iter().enumerate().collect();
        for some in numbered.chunks(3) {
            let mut statement = query(match some.len() {
                1 => SEGMENT,
                2 => SEGMENTS_2,
                _ => SEGMENTS_3,
            });
            for (position, segment) in some {
                statement = statement
                    .bind(self.scope.tenant.0)
                    .bind(end.call.0)
                    .bind(*position as i64)
                    .bind(end.leg.0)
                    .bind(segment.kind.code())
                    .bind(segment.from.0)
                    .bind(segment.to.0);
            }
            statement.execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Why [`INSERT`] wrote no row, for people.
    async fn why_not(&mut self, new: &NewAttempt) -> Result<Written> {
        let tenant = self.scope.tenant.0;
        let turn: Option<i64> = query_scalar(TURN_ID)
            .bind(tenant)
            .bind(new.run.0)
            .bind(new.contact.0)
            .bind(i64::from(new.retry))
            .bind(i64::from(new.number_no))
            .fetch_optional(&mut *self.connection)
            .await?;
        if turn == Some(new.attempt.0) {
            // The commit that failed had reached the disk after all, and this is its second try. Whether the number may
            // be called is asked once more.
            let contact =
                query(CONTACT_NUMBER).bind(tenant).bind(new.contact.0).fetch_optional(&mut *self.connection).await?;
            let gone = || Written::Refused(format!("contact {} does not exist any more", new.contact));
            return contact.map_or_else(|| Ok(gone()), |contact| self.ask_standing(new, &contact, None));
        }
        if let Some(id) = turn {
            let (contact, run, retry) = (new.contact, new.run, new.retry);
            let why = format!("contact {contact} was attempted in run {run} at retry {retry} before: attempt {id}");
            return Ok(Written::Refused(why));
        }
        let open: Option<i64> =
            query_scalar(OPEN_ID).bind(tenant).bind(new.number_key.0).fetch_optional(&mut *self.connection).await?;
        if let Some(id) = open {
            return Ok(Written::NumberBusy(format!(
                "the number of contact {} is in a call: attempt {id}",
                new.contact
            )));
        }
        let has_number: Option<i64> = query_scalar(HAS_NUMBER)
            .bind(tenant)
            .bind(new.contact.0)
            .bind(new.number_key.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        if has_number == Some(0) {
            return Ok(Written::ContactChanged(format!("contact {} has another number now", new.contact)));
        }
        let state: Option<String> = query_scalar(CONTACT_STATE)
            .bind(tenant)
            .bind(new.run.0)
            .bind(new.contact.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(Written::Refused(match state {
            None => format!("contact {} does not exist any more", new.contact),
            Some(state) => format!(
                "run {} is over, attempt id {} was used, or contact {} is {state} and not at retry {}",
                new.run, new.attempt, new.contact, new.retry
            ),
        }))
    }
}
