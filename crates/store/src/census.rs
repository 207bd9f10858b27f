//! What a campaign's contacts are counted by: how far each is in the run that is open, and who is in a call.
//!
//! Read from the readers, a page at a time: counting must not keep the journal waiting.

use crate::contacts;
use crate::db::Store;
use crate::engine::{query, query_scalar};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{
    AttemptId, Campaign, CampaignId, Contact, ContactId, Dialable, ListId, NumberKey, OpeningHours, OpeningHoursId,
    RunId, Timestamp,
};
use std::collections::BTreeMap;

/// Contacts of one number that are found, at most.
const MAX_FOUND: i64 = 50;

/// A campaign as it is in force: as its open run took it over, otherwise as it is saved.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// The campaign.
    pub campaign: Campaign,
    /// Its run that is not over.
    pub run: Option<RunId>,
    /// The sets of opening hours that it names, as they are now.
    pub opening_hours: BTreeMap<OpeningHoursId, OpeningHours>,
    /// Its black lists as it is saved now: they count at once.
    pub black_lists: Vec<ListId>,
}

/// How far a contact is in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContact {
    /// Which.
    pub contact: ContactId,
    /// `open`, `waiting`, `refused` or `finished`.
    pub state: String,
    /// The 0-based counter of the attempt that is open or was last; of one that waits, of the coming one.
    pub retry: u32,
    /// The number that is or was called last; of one that waits, the one whose turn comes.
    pub number_no: u32,
    /// When it is due, of one that waits.
    pub due_at: Option<Timestamp>,
    /// The code of the rule that put it off.
    pub put_off_by: Option<String>,
}

statements! {
    OPEN_RUN = "SELECT id, settings FROM run WHERE tenant_id = $1 AND campaign_id = $2 AND ended_at IS NULL";
    RUN_CONTACTS = "SELECT contact_id, state, retry, number_no, due_at, put_off_by FROM run_contact \
        WHERE tenant_id = $1 AND run_id = $2 AND contact_id >= $3 AND contact_id <= $4 ORDER BY contact_id";
    // The `+`: through the index of what is open, not one of all attempts.
    IN_FLIGHT = "SELECT number_key FROM attempt WHERE +tenant_id = $1 AND ended_at IS NULL";
    CALL_TO = "SELECT id FROM attempt WHERE tenant_id = $1 AND number_key = $2 AND ended_at IS NULL";
    WITH_FURTHER = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact_number n JOIN contact c ON c.id = n.contact_id \
        AND c.alternates IS NOT NULL JOIN list l ON l.id = c.list_id \
        WHERE n.tenant_id = $1 AND n.number_key = $2 ORDER BY c.id LIMIT $3";
    WITH_NUMBER = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM list l JOIN contact c ON c.list_id = l.id AND c.number_key = $2 \
        WHERE l.tenant_id = $1 ORDER BY c.id LIMIT $3";
}

impl Store {
    /// The campaign as it is in force now.
    pub async fn in_force(&self, scope: &Scope, campaign: CampaignId) -> Result<InForce> {
        let saved = self.campaign(scope, campaign).await?;
        let row = query(OPEN_RUN).bind(scope.tenant.0).bind(campaign.0).fetch_optional(self.readers()).await?;
        let black_lists = saved.black_lists.clone();
        let (campaign, run) = match row {
            Some(row) => (row.json::<Campaign>("settings")?, Some(RunId(row.int("id")?))),
            None => (saved, None),
        };
        // Those of a campaign that is seen are shown with it, whatever key they have.
        let mut opening_hours = BTreeMap::new();
        if !campaign.opening_hours.is_empty() {
            opening_hours = self.all_opening_hours(&Scope { tenant: scope.tenant, ..Scope::installation() }).await?;
            opening_hours.retain(|id, _| campaign.opening_hours.contains(id));
        }
        Ok(InForce { campaign, run, opening_hours, black_lists })
    }

    /// How far the contacts `from..=to` are in the run, by id; those that it has not met are not among them.
    pub async fn run_contacts(
        &self,
        scope: &Scope,
        run: RunId,
        from: ContactId,
        to: ContactId,
    ) -> Result<Vec<RunContact>> {
        let rows = query(RUN_CONTACTS).bind(scope.tenant.0).bind(run.0).bind(from.0).bind(to.0);
        let rows = rows.fetch_all(self.readers()).await?;
        let read = |row: &crate::engine::Row| {
            Ok(RunContact {
                contact: ContactId(row.int("contact_id")?),
                state: row.text("state")?,
                retry: row.number("retry")?,
                number_no: row.number("number_no")?,
                due_at: row.opt_at("due_at")?,
                put_off_by: row.opt_text("put_off_by")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The numbers of all calls in progress, of whatever campaign.
    pub async fn numbers_in_flight(&self, scope: &Scope) -> Result<Vec<NumberKey>> {
        let rows = query(IN_FLIGHT).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(NumberKey(row.int("number_key")?))).collect()
    }

    /// The call to this number that is in progress.
    pub async fn call_to(&self, scope: &Scope, number: NumberKey) -> Result<Option<AttemptId>> {
        let call: Option<i64> =
            query_scalar(CALL_TO).bind(scope.tenant.0).bind(number.0).fetch_optional(self.readers()).await?;
        Ok(call.map(AttemptId))
    }

    /// Contacts with this number, their own or a further one, in whatever list and however it is written there; at most 50
    /// of each spelling and kind.
    pub async fn contacts_with_number(&self, scope: &Scope, number: &Dialable) -> Result<Vec<Contact>> {
        let secret = self.installation().number_secret;
        let mut found = Vec::new();
        for key in self.number_keys(number) {
            for statement in [WITH_NUMBER, WITH_FURTHER] {
                let rows = query(statement).bind(scope.tenant.0).bind(key.0).bind(MAX_FOUND);
                for row in &rows.fetch_all(self.readers()).await? {
                    found.push(contacts::read(row, secret)?);
                }
            }
        }
        found.sort_by_key(|contact: &Contact| contact.id);
        found.dedup_by_key(|contact| contact.id);
        Ok(found)
    }
}
