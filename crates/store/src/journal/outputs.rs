//! What the dialplan or a program tells of an attempt.

use super::events::Event;
use super::{Journal, Written};
use crate::engine::query;
use crate::error::Result;
use crate::sql::{Columns, json_of};
use domain::journal::OutputChange;
use domain::{AttemptId, Attributes, Timestamp};
use serde_json::json;

statements! {
    OUTPUTS = "SELECT outputs FROM attempt WHERE tenant_id = $1 AND id = $2";
    SET_OUTPUTS = "UPDATE attempt SET outputs = $3 WHERE tenant_id = $1 AND id = $2";
}

impl Journal<'_> {
    /// The value goes to the attempt's row, which is emptied when the person is erased; the event has the name only.
    pub(super) async fn output(
        &mut self,
        attempt: AttemptId,
        change: &OutputChange,
        at: Timestamp,
        pbx_at: Option<String>,
        actor: String,
    ) -> Result<Written> {
        let row =
            query(OUTPUTS).bind(self.scope.tenant.0).bind(attempt.0).fetch_optional(&mut *self.connection).await?;
        let Some(row) = row else { return Ok(Written::Refused(format!("attempt {attempt} does not exist"))) };
        let mut outputs: Attributes = row.json("outputs")?;
        if let Err(invalid) = change.apply(&mut outputs) {
            return Ok(Written::Refused(invalid.to_string()));
        }
        query(SET_OUTPUTS)
            .bind(self.scope.tenant.0)
            .bind(attempt.0)
            .bind(json_of(&outputs))
            .execute(&mut *self.connection)
            .await?;
        let (kind, data) = match change.name() {
            Some(name) => ("attempt.attribute_set", json!({ "name": name })),
            None => ("attempt.attributes_cleared", json!({})),
        };
        let event = Event::of_attempt(self.scope.tenant, attempt, kind, at, data);
        self.event(event.on_pbx(pbx_at).by(actor)).await?;
        Ok(Written::Done)
    }
}
