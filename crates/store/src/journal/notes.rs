//! What happens to an attempt while it is open.

use super::events::{Event, masked};
use super::{Journal, Written};
use crate::engine::{query, query_joined};
use crate::error::Result;
use crate::sql::{Joined, joined};
use domain::journal::{Fact, Note};
use domain::{AttemptId, CallState, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The columns of an open attempt that a batch changes.
#[derive(Debug, Default)]
pub(super) struct Mark {
    pub(super) state: Option<CallState>,
    pub(super) requested_at: Option<Timestamp>,
    pub(super) connected_at: Option<Timestamp>,
    pub(super) ext_state: Option<String>,
}

statements! {
    // A late note does not bring a connected attempt back to dialling.
    MARK = "UPDATE attempt SET state = CASE WHEN state = 'CONNECTED' THEN state ELSE COALESCE($3, state) END, \
        requested_at = COALESCE(requested_at, $4), connected_at = COALESCE(connected_at, $5), \
        ext_state = COALESCE($6, ext_state) WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL";
}

/// Marks that are written in one trip.
const MANY: usize = 4;

static MARK_MANY: LazyLock<Joined> = LazyLock::new(|| joined(&[MARK; MANY]));

impl Journal<'_> {
    pub(super) async fn note(&mut self, note: Note, pbx_at: Option<String>, actor: String) -> Result<Written> {
        let mut data = json!({ "leg": note.leg });
        match &note.fact {
            Fact::Refused { status, message } => {
                data["status"] = json!(status);
                data["message"] = json!(masked(message));
            }
            Fact::Uncertain { why } | Fact::HarbourMissed { why } => data["why"] = json!(masked(why)),
            Fact::HangUpRequested { by } => data["by"] = json!(by),
            Fact::StatusSet { status } => data["status"] = json!(status),
            Fact::AgentEnded { cause, tech_cause } => {
                data["cause"] = json!(cause);
                data["tech_cause"] = json!(tech_cause);
            }
            Fact::QueueEntered { queue } | Fact::QueueGivenUp { queue } => data["queue"] = json!(masked(queue)),
            Fact::AgentConnected { agent, waited_ms } => {
                data["agent"] = json!(masked(agent));
                data["waited_ms"] = json!(waited_ms);
            }
            Fact::AgentRequested | Fact::AgentCalled | Fact::AgentAnswered | Fact::Abandoned => {}
            Fact::HarbourRequested | Fact::HarbourReached => {}
            Fact::Requested | Fact::Created | Fact::Progress | Fact::Ringing | Fact::Answered | Fact::Adopted => {}
        }
        if let Fact::Answered
        | Fact::AgentConnected { .. }
        | Fact::Abandoned
        | Fact::HarbourMissed { .. }
        | Fact::StatusSet { .. } = note.fact
        {
            data["counted"] =
                json!(note.counted.map(|of| json!({ "count": of.count, "why": of.why, "waited_ms": of.waited_ms })));
        }
        if let Some(counted) = note.counted {
            self.counted.entry(counted.campaign).or_default().push((note.attempt, note.at, counted));
        }
        let event = Event::of_attempt(self.scope.tenant, note.attempt, note.fact.kind(), note.at, data);
        self.event(event.on_pbx(pbx_at).by(actor)).await?;
        self.mark(note);
        Ok(Written::Done)
    }

    fn mark(&mut self, note: Note) {
        let state = match note.fact {
            Fact::AgentRequested => CallState::RdRequested,
            Fact::AgentCalled => CallState::RdAgentreq,
            Fact::AgentAnswered => CallState::Scheduled,
            Fact::Requested => CallState::Requested,
            Fact::Created => CallState::Dialling,
            Fact::Answered => CallState::Connected,
            Fact::StatusSet { status } => {
                self.marks.entry(note.attempt).or_default().ext_state = Some(status);
                return;
            }
            _ => return,
        };
        let mark = self.marks.entry(note.attempt).or_default();
        mark.state = mark.state.max(Some(state));
        // What the PBX made was requested, also when we died before we wrote that.
        if let CallState::Requested | CallState::Dialling | CallState::Connected = state {
            mark.requested_at = mark.requested_at.or(Some(note.at));
        }
        if state == CallState::Connected {
            mark.connected_at = mark.connected_at.or(Some(note.at));
        }
    }

    pub(super) async fn write_marks(&mut self, marks: BTreeMap<AttemptId, Mark>) -> Result<()> {
        let mut marks = marks.into_iter();
        while marks.len() > 0 {
            let many = marks.len() >= MANY;
            let mut statement = if many { query_joined(&MARK_MANY) } else { query(MARK) };
            for (attempt, mark) in marks.by_ref().take(if many { MANY } else { 1 }) {
                statement = statement
                    .bind(self.scope.tenant.0)
                    .bind(attempt.0)
                    .bind(mark.state.map(CallState::code))
                    .bind(mark.requested_at.map(|at| at.0))
                    .bind(mark.connected_at.map(|at| at.0))
                    .bind(mark.ext_state);
            }
            statement.execute(&mut *self.connection).await?;
        }
        Ok(())
    }
}
