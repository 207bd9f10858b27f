//! Contacts for the hopper, as the transaction sees them.

use super::{Journal, LoadContacts, MAX_LOAD, RetryEntry, Written};
use crate::contacts;
use crate::engine::{query, query_scalar};
use crate::error::Result;
use crate::sql::Columns;
use domain::{Contact, ContactId, ListId, Timestamp};
use std::sync::Arc;

statements! {
    FRESH = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.attributes FROM contact c JOIN list l ON l.id = c.list_id \
        WHERE c.tenant_id = $1 AND c.list_id = $2 AND c.id > $3 AND NOT EXISTS \
        (SELECT 1 FROM run_contact rc WHERE rc.run_id = $4 AND rc.contact_id = c.id) ORDER BY c.id LIMIT $5";
    RETRIES = "SELECT rc.retry, rc.due_at, c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, \
        c.number, c.e164, c.number_key, c.attributes FROM run_contact rc JOIN contact c ON c.id = rc.contact_id \
        JOIN list l ON l.id = c.list_id WHERE rc.tenant_id = $1 AND rc.run_id = $2 AND rc.state = 'waiting' \
        AND rc.due_at <= $3 ORDER BY rc.due_at, rc.contact_id LIMIT $4";
    LIST_END = "SELECT MAX(id) FROM contact WHERE list_id = $2 AND tenant_id = $1";
    NEXT_DUE = "SELECT MIN(due_at) FROM run_contact \
        WHERE run_id = $2 AND state = 'waiting' AND due_at > $3 AND tenant_id = $1";
}

impl Journal<'_> {
    pub(super) async fn load(&mut self, load: &LoadContacts) -> Result<Written> {
        let (fresh, list_exhausted) = self.fresh(load).await?;
        let list_end = match load.list {
            Some((list, _)) if list_exhausted => self.list_end(list).await?,
            _ => ContactId(0),
        };
        let (retries, next_due) = self.retries(load).await?;
        Ok(Written::Loaded { fresh, list_exhausted, list_end, retries, next_due })
    }

    async fn list_end(&mut self, list: ListId) -> Result<ContactId> {
        let last: Option<i64> =
            query_scalar(LIST_END).bind(self.scope.tenant.0).bind(list.0).fetch_one(&mut *self.connection).await?;
        Ok(ContactId(last.unwrap_or(0)))
    }

    async fn fresh(&mut self, load: &LoadContacts) -> Result<(Vec<Arc<Contact>>, bool)> {
        let limit = load.fresh_limit.min(MAX_LOAD);
        let Some((list, after)) = load.list.filter(|_| limit > 0) else {
            return Ok((Vec::new(), load.list.is_none()));
        };
        let rows = query(FRESH)
            .bind(self.scope.tenant.0)
            .bind(list.0)
            .bind(after.0)
            .bind(load.run.0)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.connection)
            .await?;
        let fresh: Vec<_> = rows.iter().map(|row| contacts::read(row).map(Arc::new)).collect::<Result<_>>()?;
        let exhausted = fresh.len() < limit as usize;
        Ok((fresh, exhausted))
    }

    async fn retries(&mut self, load: &LoadContacts) -> Result<(Vec<RetryEntry>, Option<Timestamp>)> {
        let limit = load.retry_limit.min(MAX_LOAD) as usize;
        // One more than asked for tells when the first that is left behind is due.
        let rows = query(RETRIES)
            .bind(self.scope.tenant.0)
            .bind(load.run.0)
            .bind(load.due_before.0)
            .bind(limit as i64 + 1)
            .fetch_all(&mut *self.connection)
            .await?;
        let next_due = match rows.get(limit) {
            Some(row) => Some(row.at("due_at")?),
            None => {
                let next: Option<i64> = query_scalar(NEXT_DUE)
                    .bind(self.scope.tenant.0)
                    .bind(load.run.0)
                    .bind(load.due_before.0)
                    .fetch_one(&mut *self.connection)
                    .await?;
                next.map(Timestamp)
            }
        };
        let retries = rows
            .iter()
            .take(limit)
            .map(|row| {
                Ok(RetryEntry {
                    contact: Arc::new(contacts::read(row)?),
                    retry: row.number("retry")?,
                    due_at: row.at("due_at")?,
                })
            })
            .collect::<Result<_>>()?;
        Ok((retries, next_due))
    }
}
