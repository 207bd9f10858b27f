//! Lists of contacts.

use crate::audit::{self, Subject};
use crate::calls::check_ordinary;
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks::{self, Locked};
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, now};
use domain::{Invalid, ListId, Timestamp};
use serde::Serialize;

/// Longest name of a list or token, in characters.
const MAX_NAME_CHARS: usize = 200;

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListRecord {
    /// Its id.
    pub id: ListId,
    /// Unique, 1..=200 characters.
    pub name: String,
    /// Not shown unless asked for.
    pub hidden: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many contacts it has now.
    pub contacts: i64,
}

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO list (",
            $column,
            "tenant_id, name, hidden, created_at) VALUES (",
            $value,
            "$1, $2, $4, $3) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$5, ");
    UPDATE = "UPDATE list SET name = $3, hidden = $4 WHERE tenant_id = $1 AND id = $2";
    GET = "SELECT id, name, hidden, created_at, contacts FROM list WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, name, hidden, created_at, contacts FROM list WHERE tenant_id = $1 ORDER BY id";
    USED_BY = "SELECT 'campaign ' || c.name FROM campaign_list l JOIN campaign c ON c.id = l.campaign_id \
        WHERE l.tenant_id = $1 AND l.list_id = $2 \
        UNION ALL SELECT 'campaign ' || c.name || ' as a black list' FROM campaign_black_list b \
        JOIN campaign c ON c.id = b.campaign_id WHERE b.tenant_id = $1 AND b.list_id = $2 \
        UNION ALL SELECT 'an outcome rule of campaign ' || c.name FROM outcome_rule o \
        JOIN campaign c ON c.id = o.campaign_id WHERE o.tenant_id = $1 AND o.list_id = $2 \
        UNION ALL SELECT 'a running import' FROM import_job WHERE tenant_id = $1 AND list_id = $2 AND state = 'running' \
        UNION ALL SELECT 'the history of run ' || run_id || ': hide it instead' FROM run_list \
        WHERE tenant_id = $1 AND list_id = $2 \
        UNION ALL SELECT 'campaign ' || c.name || ', as its AUTO list' FROM list l JOIN campaign c ON c.id = l.auto_of \
        WHERE l.tenant_id = $1 AND l.id = $2 LIMIT 1";
    DELETE_CONTACTS = "DELETE FROM contact WHERE tenant_id = $1 AND list_id = $2";
    DELETE_NUMBERS = "DELETE FROM contact_number WHERE tenant_id = $1 AND contact_id IN \
        (SELECT c.id FROM contact c WHERE c.list_id = $2)";
    DELETE_IMPORTS = "DELETE FROM import_job WHERE tenant_id = $1 AND list_id = $2";
    DELETE = "DELETE FROM list WHERE tenant_id = $1 AND id = $2";
    COUNT = "UPDATE list SET contacts = contacts + $3 WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::List);

impl Store {
    /// Makes an empty list.
    pub async fn create_list<'a>(&self, scope: &Scope, name: impl Into<Locked<'a, str>>) -> Result<ListRecord> {
        let Locked { it: name, lock } = name.into();
        check_name(name)?;
        let hidden = lock.is_some_and(|lock| lock.hidden);
        let created_at = now();
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, SUBJECT);
        let id = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(name)
            .bind(created_at.0)
            .bind(hidden)
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("list", name))?;
        locks::made(scope, Kind::List, id, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(ListRecord { id: ListId(id), name: name.to_owned(), hidden, created_at, contacts: 0 })
    }

    /// Renames, hides or shows a list.
    pub async fn update_list<'a>(
        &self,
        scope: &Scope,
        id: ListId,
        name: impl Into<Locked<'a, str>>,
        hidden: bool,
    ) -> Result<ListRecord> {
        let Locked { it: name, lock } = name.into();
        scope.check(Kind::List, id.0)?;
        check_name(name)?;
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        query(UPDATE)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(name)
            .bind(hidden)
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("list", name))?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        let list = read(&row.ok_or_else(|| Error::not_found("list", id))?)?;
        locks::changed(scope, Kind::List, id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(list)
    }

    /// One list.
    pub async fn list(&self, scope: &Scope, id: ListId) -> Result<ListRecord> {
        scope.check(Kind::List, id.0)?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("list", id))?)
    }

    /// Every list, hidden ones too, by id.
    pub async fn lists(&self, scope: &Scope) -> Result<Vec<ListRecord>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let lists = rows.iter().map(read);
        lists.filter(|list| list.as_ref().map_or(true, |list| scope.sees(Kind::List, list.id.0))).collect()
    }

    /// Deletes a list with its contacts and imports, if no campaign names it and it was never part of a run.
    pub async fn delete_list(&self, scope: &Scope, id: ListId) -> Result<()> {
        scope.check(Kind::List, id.0)?;
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "list", id: id.to_string(), by });
        }
        let mut was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        let contacts = row.as_ref().map_or(Ok(0), |row| row.int("contacts"))?;
        if contacts > 0 && scope.undoing.is_some() {
            let (what, why) = (format!("list {id}"), format!("has {contacts} contacts now: delete it by name"));
            return Err(Error::Conflict { what, why });
        }
        if let Some(was) = was.as_mut().filter(|_| scope.undoing.is_none()) {
            was[audit::CONTACTS] = contacts.into();
        }
        for statement in [DELETE_NUMBERS, DELETE_CONTACTS, DELETE_IMPORTS] {
            query(statement).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        }
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("list", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        self.places().forget(id);
        Ok(())
    }
}

/// Counts contacts in or out (`change` may be negative), in the transaction that adds or removes them.
/// An unknown list is an error, and so is one that only programs fill, call by call.
pub(crate) async fn count_contacts(scope: &Scope, id: ListId, change: i64, connection: &mut Connection) -> Result<()> {
    scope.check(Kind::List, id.0)?;
    check_ordinary(scope, id, connection).await?;
    let done = query(COUNT).bind(scope.tenant.0).bind(id.0).bind(change).execute(connection).await?;
    if done.rows_affected() == 0 {
        return Err(Error::not_found("list", id));
    }
    Ok(())
}

/// Refuses an empty, over-long or control-character name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let problem = format!("must be 1 to {MAX_NAME_CHARS} characters without control characters");
        return Err(Invalid::new("name", problem).into());
    }
    Ok(())
}

/// A list for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref()
        .map(|row| {
            Ok({
                let ListRecord { name, hidden, .. } = read(row)?;
                serde_json::json!({ "name": name, "hidden": hidden })
            })
        })
        .transpose()
}

fn read(row: &Row) -> Result<ListRecord> {
    Ok(ListRecord {
        id: ListId(row.int("id")?),
        name: row.text("name")?,
        hidden: row.flag("hidden")?,
        created_at: row.at("created_at")?,
        contacts: row.int("contacts")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World, contacts};

    crate::testing::on_both_engines! {
        a_list_is_renamed_hidden_and_deleted_with_its_contacts;
        a_list_with_history_is_kept;
    }

    async fn a_list_is_renamed_hidden_and_deleted_with_its_contacts(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "spring").await.unwrap();
        store.add_contacts(&scope, list.id, contacts(3), false).await.unwrap();
        let changed = store.update_list(&scope, list.id, "summer", true).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.hidden, changed.contacts), ("summer", true, 3));
        assert_eq!(store.lists(&scope).await.unwrap(), [changed]);
        assert_eq!(store.create_list(&scope, "summer").await.unwrap_err().code(), "name_taken");
        assert_eq!(store.create_list(&scope, "  ").await.unwrap_err().field(), Some("name"));
        store.delete_list(&scope, list.id).await.unwrap();
        assert_eq!(store.list(&scope, list.id).await.unwrap_err().code(), "not_found");
        assert!(store.contacts(&scope, list.id, domain::ContactId(0), 10).await.unwrap().is_empty());
    }

    async fn a_list_with_history_is_kept(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let error = store.delete_list(&scope, world.list.id).await.unwrap_err();
        assert_eq!(error.to_string(), "list 1 is in use by campaign spring");
        store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap();
        let free = domain::Campaign { lists: vec![], idle_on_termination: true, ..world.campaign.clone() };
        store.update_campaign(&scope, &free, "ana").await.unwrap();
        let error = store.delete_list(&scope, world.list.id).await.unwrap_err();
        assert_eq!(error.to_string(), "list 1 is in use by the history of run 1: hide it instead");
    }
}
