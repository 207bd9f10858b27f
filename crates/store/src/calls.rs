//! Calls that programs add to a live run, one at a time.
//!
//! Each becomes a contact of the campaign's *AUTO list*, which nobody else fills, attaches or dials, and waits in the run
//! for its time beside the retries: it is dialled before what is fresh in lists, and the gate is asked as for any other.

use crate::audit::{self, Subject};
use crate::campaigns::{check_allowed, read_campaign};
use crate::contacts::{self, Keyed, NewContact};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, now};
use domain::contact::check_meaning;
use domain::{Campaign, CampaignId, ContactId, ListId, RunId, Timestamp};

/// What the name of an AUTO list ends in, behind the name of its campaign.
pub const AUTO: &str = "/AUTO";

/// A call that waits in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedCall {
    /// In which run.
    pub run: RunId,
    /// The AUTO list.
    pub list: ListId,
    /// Whom.
    pub contact: ContactId,
    /// Not before.
    pub due_at: Timestamp,
}

/// A contact that waits in a run for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCall {
    /// Which.
    pub contact: ContactId,
    /// The 0-based counter of the coming attempt.
    pub retry: u32,
    /// The number whose turn comes.
    pub number_no: u32,
    /// Not before.
    pub due_at: Timestamp,
    /// The code of the rule that put it off; `None`: a retry, or a call that was planned.
    pub put_off_by: Option<String>,
}

statements! {
    OPEN_RUN = "SELECT id FROM run WHERE tenant_id = $1 AND campaign_id = $2 AND ended_at IS NULL";
    TAKEN = "SELECT COUNT(*) FROM list WHERE tenant_id = $1 AND name = $2";
    AUTO_LIST = "SELECT id FROM list WHERE tenant_id = $1 AND auto_of = $2";
    MAKE_LIST = "INSERT INTO list (tenant_id, name, hidden, created_at, auto_of) VALUES ($1, $2, 0, $3, $4) RETURNING id";
    WAIT = "INSERT INTO run_contact (tenant_id, run_id, contact_id, list_id, state, retry, due_at) \
        VALUES ($1, $2, $3, $4, 'waiting', 0, $5)";
    COUNT_CONTACT = "UPDATE list SET contacts = contacts + $3 WHERE tenant_id = $1 AND id = $2";
    COUNT_WAITING = "UPDATE run SET open_retries = open_retries + $3 WHERE tenant_id = $1 AND id = $2";
    FORGET_TURN = "DELETE FROM run_contact WHERE tenant_id = $1 AND run_id = $2 AND contact_id = $3 AND state = 'waiting'";
    FORGET_CONTACT = "DELETE FROM contact WHERE tenant_id = $1 AND id = $2";
    OF_RUN = "SELECT COUNT(*) FROM run_contact r JOIN list l ON l.id = r.list_id \
        WHERE r.tenant_id = $1 AND r.run_id = $2 AND l.auto_of IS NOT NULL";
    WAITING = "SELECT contact_id, retry, number_no, due_at, put_off_by FROM run_contact WHERE tenant_id = $1 AND run_id = $2 \
        AND state = 'waiting' ORDER BY due_at, contact_id LIMIT $3";
    IS_AUTO = "SELECT c.name FROM list l JOIN campaign c ON c.id = l.auto_of WHERE l.tenant_id = $1 AND l.id = $2";
}

impl Store {
    /// Adds a call to the run of a campaign that is not over; it is not dialled before `due_at`. The same number may be
    /// added any number of times. The dialler has to be told.
    pub async fn add_call(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        contact: &NewContact,
        due_at: Timestamp,
    ) -> Result<AddedCall> {
        check_allowed(scope, campaign)?;
        check_meaning(&contact.attributes)?;
        let contact = self.keyed(contact);
        let mut transaction = self.begin().await?;
        let call = wait_in_run(scope, campaign, &contact, due_at, &mut transaction).await?;
        let list = call.list;
        let subject = Subject::Entity(Kind::List);
        audit::note_count(scope, "contacts_added", subject, list.0, 1.into(), &mut transaction).await?;
        transaction.commit().await?;
        Ok(call)
    }

    /// What waits in a run for its time, by time: retries, planned calls, and what a rule put off; at most 1000.
    pub async fn waiting_calls(&self, scope: &Scope, run: RunId, limit: u32) -> Result<Vec<WaitingCall>> {
        self.run(scope, run).await?;
        let rows = query(WAITING)
            .bind(scope.tenant.0)
            .bind(run.0)
            .bind(i64::from(limit.min(1_000)))
            .fetch_all(self.readers())
            .await?;
        let read = |row: &Row| {
            Ok(WaitingCall {
                contact: ContactId(row.int("contact_id")?),
                retry: row.number("retry")?,
                number_no: row.number("number_no")?,
                due_at: row.at("due_at")?,
                put_off_by: row.opt_text("put_off_by")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How many calls programs added to a run.
    pub async fn calls_of_run(&self, scope: &Scope, run: RunId) -> Result<u64> {
        let calls: i64 = query_scalar(OF_RUN).bind(scope.tenant.0).bind(run.0).fetch_one(self.readers()).await?;
        Ok(calls.unsigned_abs())
    }

    /// Takes a call back whose run turned out to be over.
    pub async fn take_back_call(&self, scope: &Scope, call: &AddedCall) -> Result<()> {
        let mut transaction = self.begin().await?;
        if take_back(scope, call, &mut transaction).await? {
            transaction.commit().await?;
            self.places().forget(call.list);
        }
        Ok(())
    }
}

/// Puts a call into the run of a campaign that is not over, and its contact on the AUTO list.
pub(crate) async fn wait_in_run(
    scope: &Scope,
    campaign: CampaignId,
    contact: &Keyed<'_>,
    due_at: Timestamp,
    connection: &mut Connection,
) -> Result<AddedCall> {
    let campaign = read_campaign(scope, campaign, connection).await?;
    let run: Option<i64> =
        query_scalar(OPEN_RUN).bind(scope.tenant.0).bind(campaign.id.0).fetch_optional(&mut *connection).await?;
    let run = run.ok_or_else(|| not_running(&campaign.name))?;
    let list = auto_list(scope, &campaign, connection).await?;
    let id = contacts::insert(scope, list, contact, connection).await?;
    query(COUNT_CONTACT).bind(scope.tenant.0).bind(list.0).bind(1).execute(&mut *connection).await?;
    query(WAIT).bind(scope.tenant.0).bind(run).bind(id.0).bind(list.0).bind(due_at.0).execute(&mut *connection).await?;
    query(COUNT_WAITING).bind(scope.tenant.0).bind(run).bind(1).execute(&mut *connection).await?;
    Ok(AddedCall { run: RunId(run), list, contact: id, due_at })
}

/// Takes a call out of its run; `false`: it does not wait there any more.
pub(crate) async fn take_back(scope: &Scope, call: &AddedCall, connection: &mut Connection) -> Result<bool> {
    let done =
        query(FORGET_TURN).bind(scope.tenant.0).bind(call.run.0).bind(call.contact.0).execute(&mut *connection).await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    query(COUNT_WAITING).bind(scope.tenant.0).bind(call.run.0).bind(-1).execute(&mut *connection).await?;
    query(FORGET_CONTACT).bind(scope.tenant.0).bind(call.contact.0).execute(&mut *connection).await?;
    contacts::numbers::index_again(scope, call.list, call.contact.0, None, connection).await?;
    query(COUNT_CONTACT).bind(scope.tenant.0).bind(call.list.0).bind(-1).execute(connection).await?;
    Ok(true)
}

/// The campaign has no run that calls could be added to.
pub(crate) fn not_running(campaign: &str) -> Error {
    Error::Conflict { what: format!("campaign {campaign:?}"), why: "is not running: start it first".into() }
}

/// Refuses what only programs fill.
pub(crate) async fn check_ordinary(scope: &Scope, list: ListId, connection: &mut Connection) -> Result<()> {
    let campaign = query_scalar(IS_AUTO).bind(scope.tenant.0).bind(list.0).fetch_optional(connection).await?;
    match campaign {
        None => Ok(()),
        Some(campaign) => {
            let campaign: String = campaign;
            let why = format!("holds the calls that programs add to campaign {campaign:?}, and nothing else");
            Err(Error::Conflict { what: format!("list {list}"), why })
        }
    }
}

/// The campaign's AUTO list, made when it is missing. Who sees the campaign sees it.
async fn auto_list(scope: &Scope, campaign: &Campaign, connection: &mut Connection) -> Result<ListId> {
    let tenant = scope.tenant.0;
    let found: Option<i64> =
        query_scalar(AUTO_LIST).bind(tenant).bind(campaign.id.0).fetch_optional(&mut *connection).await?;
    if let Some(id) = found {
        return Ok(ListId(id));
    }
    let name = format!("{}{AUTO}", campaign.name);
    // Asked beforehand: a transaction in which PostgreSQL refused something does nothing more.
    let taken: i64 = query_scalar(TAKEN).bind(tenant).bind(&name).fetch_one(&mut *connection).await?;
    if taken > 0 {
        return Err(Error::NameTaken { what: "list", name });
    }
    let id: i64 = query_scalar(MAKE_LIST)
        .bind(tenant)
        .bind(&name)
        .bind(now().0)
        .bind(campaign.id.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(Error::naming("list", &name))?;
    let lock = locks::find(scope, Kind::Campaign, campaign.id.0, connection).await?.unwrap_or_default();
    let lock = locks::Lock { hidden: false, ..lock };
    locks::made(scope, Kind::List, id, Some(&lock), connection).await?;
    audit::note(scope, Subject::Entity(Kind::List), id, None, &[], connection).await?;
    Ok(ListId(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World, contacts};

    crate::testing::on_both_engines! {
        a_call_waits_in_the_run_and_in_the_auto_list;
        nothing_else_fills_or_dials_the_auto_list;
    }

    async fn a_call_waits_in_the_run_and_in_the_auto_list(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let contact = &contacts(1)[0];
        let refused = store.add_call(&scope, world.campaign.id, contact, Timestamp(9)).await.unwrap_err();
        assert_eq!(refused.to_string(), "campaign \"spring\" is not running: start it first");
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap();
        let first = store.add_call(&scope, world.campaign.id, contact, Timestamp(9)).await.unwrap();
        let second = store.add_call(&scope, world.campaign.id, contact, Timestamp(8)).await.unwrap();
        assert_eq!((first.run, second.list), (run.id, first.list));
        let store = home.reopen(store).await;
        let list = store.list(&scope, first.list).await.unwrap();
        assert_eq!((list.name.as_str(), list.contacts), ("spring/AUTO", 2));
        assert_eq!(store.run(&scope, run.id).await.unwrap().totals.open_retries, 2);
        store.take_back_call(&scope, &first).await.unwrap();
        store.take_back_call(&scope, &first).await.unwrap();
        assert_eq!(store.run(&scope, run.id).await.unwrap().totals.open_retries, 1);
        assert_eq!(store.list(&scope, first.list).await.unwrap().contacts, 1);
    }

    async fn nothing_else_fills_or_dials_the_auto_list(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap();
        let call = store.add_call(&scope, world.campaign.id, &contacts(1)[0], Timestamp(9)).await.unwrap();
        let filled = store.add_contacts(&scope, call.list, contacts(2), false).await.unwrap_err();
        assert!(filled.to_string().contains("holds the calls that programs add"), "{filled}");
        let attached = Campaign { lists: vec![call.list], ..world.campaign.clone() };
        let attached = store.update_campaign(&scope, &attached, "ana").await.unwrap_err();
        assert!(attached.to_string().contains("holds the calls that programs add"), "{attached}");
        let deleted = store.delete_list(&scope, call.list).await.unwrap_err();
        assert_eq!(deleted.to_string(), format!("list {} is in use by campaign spring, as its AUTO list", call.list));
    }
}
