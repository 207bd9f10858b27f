//! Contacts for the hopper, as the transaction sees them.

use super::{FreshEntry, Journal, LoadContacts, MAX_LOAD, RetryEntry, Written};
use crate::contacts;
use crate::engine::{Row, query, query_scalar};
use crate::error::Result;
use crate::sql::Columns;
use crate::standing::{Asked, standings};
use domain::journal::PutOffBy;
use domain::rules::Standing;
use domain::{CampaignId, Contact, ContactId, ListId, Timestamp};
use std::sync::Arc;

statements! {
    FRESH = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id \
        WHERE c.tenant_id = $1 AND c.list_id = $2 AND c.id > $3 AND NOT EXISTS \
        (SELECT 1 FROM run_contact rc WHERE rc.run_id = $4 AND rc.contact_id = c.id) ORDER BY c.id LIMIT $5";
    RETRIES = "SELECT rc.retry, rc.number_no, rc.due_at, rc.put_off_by, c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, \
        c.number, c.e164, c.number_key, c.alternates, c.attributes FROM run_contact rc JOIN contact c ON c.id = rc.contact_id \
        JOIN list l ON l.id = c.list_id WHERE rc.tenant_id = $1 AND rc.run_id = $2 AND rc.state = 'waiting' \
        AND rc.due_at <= $3 ORDER BY rc.due_at, rc.contact_id LIMIT $4";
    LIST_END = "SELECT MAX(id) FROM contact WHERE list_id = $2 AND tenant_id = $1";
    NEXT_DUE = "SELECT due_at, put_off_by FROM run_contact WHERE run_id = $2 AND state = 'waiting' AND due_at > $3 \
        AND tenant_id = $1 ORDER BY due_at, contact_id LIMIT 1";
    CAMPAIGN = "SELECT campaign_id FROM run WHERE tenant_id = $1 AND id = $2";
}

impl Journal<'_> {
    pub(super) async fn load(&mut self, load: &LoadContacts) -> Result<Written> {
        let (contacts, list_exhausted) = self.fresh(load).await?;
        let list_end = match load.list {
            Some((list, _)) if list_exhausted => self.list_end(list).await?,
            _ => ContactId(0),
        };
        let (mut retries, next) = self.retries(load).await?;
        let all = contacts.iter().chain(retries.iter().map(|entry| &entry.contact));
        let mut standings = self.standings(load, all).await?.into_iter();
        let mut standing = || standings.next().unwrap_or_default();
        let fresh =
            contacts.iter().map(|contact| FreshEntry { contact: contact.clone(), standing: standing() }).collect();
        retries.iter_mut().for_each(|entry| entry.standing = standing());
        let (next_due, next_put_off_by) = next.unzip();
        let next_put_off_by = next_put_off_by.flatten();
        Ok(Written::Loaded { fresh, list_exhausted, list_end, retries, next_due, next_put_off_by })
    }

    /// What is known of each, in order.
    async fn standings(
        &mut self,
        load: &LoadContacts,
        contacts: impl Iterator<Item = &Arc<Contact>>,
    ) -> Result<Vec<Standing>> {
        let campaign: Option<i64> = query_scalar(CAMPAIGN)
            .bind(self.scope.tenant.0)
            .bind(load.run.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        let campaign = CampaignId(campaign.unwrap_or(0));
        let asked: Vec<Asked> = contacts.map(|contact| Asked::of(contact, campaign, self.secret)).collect();
        standings(self.scope, &asked, load.due_before, self.connection).await
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
        let secret = self.secret;
        let fresh: Vec<_> = rows.iter().map(|row| contacts::read(row, secret).map(Arc::new)).collect::<Result<_>>()?;
        let exhausted = fresh.len() < limit as usize;
        Ok((fresh, exhausted))
    }

    /// Without their standing yet; and of the first that is left behind, when it is due and what put it off.
    async fn retries(
        &mut self,
        load: &LoadContacts,
    ) -> Result<(Vec<RetryEntry>, Option<(Timestamp, Option<PutOffBy>)>)> {
        let limit = load.retry_limit.min(MAX_LOAD) as usize;
        // One more than asked for tells when the first that is left behind is due.
        let rows = query(RETRIES)
            .bind(self.scope.tenant.0)
            .bind(load.run.0)
            .bind(load.due_before.0)
            .bind(limit as i64 + 1)
            .fetch_all(&mut *self.connection)
            .await?;
        let due = |row: &Row| Ok::<_, crate::Error>((row.at("due_at")?, row.opt_code("put_off_by")?));
        let next = match rows.get(limit) {
            Some(row) => Some(due(row)?),
            None => query(NEXT_DUE)
                .bind(self.scope.tenant.0)
                .bind(load.run.0)
                .bind(load.due_before.0)
                .fetch_optional(&mut *self.connection)
                .await?
                .as_ref()
                .map(due)
                .transpose()?,
        };
        let entry = |row: &Row| {
            let (due_at, put_off_by) = due(row)?;
            let (contact, number_no) = (contacts::read(row, self.secret)?, row.number("number_no")?);
            let contact = Arc::new(if number_no == 0 { contact } else { contact.turn(number_no) });
            let (retry, standing) = (row.number("retry")?, Standing::default());
            Ok(RetryEntry { contact, retry, number_no, due_at, put_off_by, standing })
        };
        Ok((rows.iter().take(limit).map(entry).collect::<Result<_>>()?, next))
    }
}
