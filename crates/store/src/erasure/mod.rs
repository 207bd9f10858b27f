//! Forgetting a person: their number, name and attributes leave every place where we keep them. What stays is the keyed
//! hash, so that nobody calls them again.
//!
//! A contact's row stays, empty: lists, runs and reports go on adding up, and the gate refuses it by its key.

mod verdicts;

use crate::db::Store;
use crate::engine::{Connection, query, query_scalar};
use crate::error::{Error, Result};
use crate::import::ImportState;
use crate::journal::events::{Event, Events};
use crate::scope::Scope;
use domain::{Dialable, ImportId, NumberKey, Timestamp};
use serde::Serialize;
use serde_json::json;

/// Begins what stands in the place of a forgotten number; a random number follows.
pub(crate) const FORGOTTEN: &str = "forgotten ";

/// What a number is found in, or was erased from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traces {
    /// Contacts with it that still say something.
    pub contacts: u64,
    /// Lists that these are in.
    pub lists: u64,
    /// Attempts to it; they hold no number and stay.
    pub attempts: u64,
    /// Lines of verdict files with it.
    pub verdict_lines: u64,
}

/// Contacts that have a number, as their own or as a further one.
macro_rules! found {
    ($what:literal) => {
        concat!(
            $what,
            " FROM (SELECT c.id, c.list_id FROM contact c WHERE c.tenant_id = $1 AND c.number_key = $2 \
            AND c.number <> '' AND c.list_id IN (SELECT l.id FROM list l WHERE l.tenant_id = $1) \
            UNION SELECT c.id, c.list_id FROM contact_number n JOIN contact c ON c.id = n.contact_id \
            WHERE n.tenant_id = $1 AND n.number_key = $2 AND c.number <> '') AS f"
        )
    };
}

statements! {
    // Through the index by list: there are few lists, and many contacts.
    CONTACTS = found!("SELECT COUNT(*)");
    LISTS = found!("SELECT COUNT(DISTINCT f.list_id)");
    ATTEMPTS = "SELECT COUNT(*) FROM attempt WHERE tenant_id = $1 AND number_key = $2";
    // The own numbers of those who have it as a further one.
    OWN_KEYS = "SELECT c.number_key FROM contact_number n JOIN contact c ON c.id = n.contact_id \
        WHERE n.tenant_id = $1 AND n.number_key = $2 AND c.number <> ''";
    ERASE = "UPDATE contact SET number_as_given = '', number = '', e164 = NULL, attributes = '[]', alternates = NULL \
        WHERE tenant_id = $1 AND number_key = $2 \
        AND list_id IN (SELECT l.id FROM list l WHERE l.tenant_id = $1)";
    // The gate refuses them by the key of the forgotten number from now on.
    ERASE_FURTHER = "UPDATE contact SET number_as_given = '', number = '', e164 = NULL, attributes = '[]', \
        alternates = NULL, number_key = $2 WHERE tenant_id = $1 AND id IN (SELECT n.contact_id FROM contact_number n \
        WHERE n.tenant_id = $1 AND n.number_key = $2)";
    ERASE_OUTPUTS = "UPDATE attempt SET outputs = '[]' WHERE tenant_id = $1 AND number_key = $2 AND outputs <> '[]'";
    // Calls to the other numbers of the same contacts.
    ERASE_OUTPUTS_OF = "UPDATE attempt SET outputs = '[]' WHERE tenant_id = $1 AND outputs <> '[]' AND contact_id IN \
        (SELECT c.id FROM contact c WHERE c.number_key = $2 AND c.list_id IN (SELECT l.id FROM list l WHERE l.tenant_id = $1))";
    // The keys stay, and with them who asked and when.
    RENAME = "UPDATE suppression SET number = $3 WHERE tenant_id = $1 AND id IN \
        (SELECT k.suppression_id FROM suppression_key k WHERE k.tenant_id = $1 AND k.number_key = $2)";
    ENTRY = "SELECT suppression_id FROM suppression_key WHERE tenant_id = $1 AND number_key = $2 LIMIT 1";
    BUSY_IMPORT = "SELECT id FROM import_job WHERE tenant_id = $1 AND state IN ($2, $3, $4) ORDER BY id LIMIT 1";
    FILES = "SELECT id FROM import_job WHERE tenant_id = $1 AND verdict_bytes > 0 ORDER BY id";
}

impl Store {
    /// Where a number is found, in every spelling.
    pub async fn traces(&self, scope: &Scope, number: &Dialable) -> Result<Traces> {
        let mut traces = Traces::default();
        for key in self.number_keys(number) {
            for (statement, figure) in
                [(CONTACTS, &mut traces.contacts), (LISTS, &mut traces.lists), (ATTEMPTS, &mut traces.attempts)]
            {
                let found: i64 =
                    query_scalar(statement).bind(scope.tenant.0).bind(key.0).fetch_one(self.readers()).await?;
                *figure += found.unsigned_abs();
            }
        }
        let keys = self.keys_with_it(scope, number).await?;
        traces.verdict_lines = self.verdict_lines(scope, keys, false).await?;
        Ok(traces)
    }

    /// Erases a number that is suppressed already ([`Store::suppress`]: from then on nobody calls it), in every spelling.
    /// What is gone afterwards is gone: from the rows, from the database's file and its log, and from verdict files.
    ///
    /// Refused while an import is not done, whose file may hold it, and while the number is not suppressed.
    pub async fn forget(&self, scope: &Scope, number: &Dialable, by: &str, at: Timestamp) -> Result<Traces> {
        self.empty_reserve().await?;
        let mut traces = self.traces(scope, number).await?;
        let keys = self.keys_with_it(scope, number).await?;
        let mut transaction = self.begin().await?;
        let busy: Option<i64> = query_scalar(BUSY_IMPORT)
            .bind(scope.tenant.0)
            .bind(crate::sql::code_of(&ImportState::Uploaded))
            .bind(crate::sql::code_of(&ImportState::Running))
            .bind(crate::sql::code_of(&ImportState::Failed))
            .fetch_optional(&mut transaction)
            .await?;
        if let Some(import) = busy {
            let why = format!("cannot be forgotten before import {import} is done or cancelled: its file may hold it");
            return Err(Error::Conflict { what: "the number".into(), why });
        }
        let own = self.number_key(number);
        let entry = query_scalar(ENTRY).bind(scope.tenant.0).bind(own.0).fetch_optional(&mut transaction).await?;
        let Some(entry) = entry else {
            let why = "must be suppressed before it is forgotten".to_owned();
            return Err(Error::Conflict { what: "the number".into(), why });
        };
        overwrite_deleted(true, &mut transaction).await?;
        let name = format!("{FORGOTTEN}{:08x}", rand::random::<u32>());
        for key in self.number_keys(number) {
            query(ERASE_FURTHER).bind(scope.tenant.0).bind(key.0).execute(&mut transaction).await?;
            query(ERASE_OUTPUTS_OF).bind(scope.tenant.0).bind(key.0).execute(&mut transaction).await?;
            query(ERASE).bind(scope.tenant.0).bind(key.0).execute(&mut transaction).await?;
            query(ERASE_OUTPUTS).bind(scope.tenant.0).bind(key.0).execute(&mut transaction).await?;
            query(RENAME).bind(scope.tenant.0).bind(key.0).bind(&name).execute(&mut transaction).await?;
        }
        overwrite_deleted(false, &mut transaction).await?;
        let data = json!({ "contacts": traces.contacts, "lists": traces.lists });
        Events::one(Event::of_suppression(scope.tenant, entry, "number.forgotten", at, by, data), &mut transaction)
            .await?;
        transaction.commit().await?;
        traces.verdict_lines = self.verdict_lines(scope, keys, true).await?;
        self.empty_log().await?;
        Ok(traces)
    }

    /// The keys of the number, and of the own numbers of those who have it as a further one.
    async fn keys_with_it(&self, scope: &Scope, number: &Dialable) -> Result<Vec<NumberKey>> {
        let mut keys = self.number_keys(number);
        for key in self.number_keys(number) {
            let own: Vec<i64> =
                query_scalar(OWN_KEYS).bind(scope.tenant.0).bind(key.0).fetch_all(self.readers()).await?;
            keys.extend(own.into_iter().map(NumberKey));
        }
        Ok(keys)
    }

    /// Lines of verdict files that name a number with one of these keys; erased when asked.
    async fn verdict_lines(&self, scope: &Scope, keys: Vec<NumberKey>, erase: bool) -> Result<u64> {
        let files: Vec<i64> = query_scalar(FILES).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let paths = files.into_iter().map(|id| crate::import::verdict_path(self, ImportId(id))).collect();
        let store = self.clone();
        crate::disk::blocking(move || verdicts::lines_with(paths, &store, &keys, erase)).await
    }
}

/// SQLite leaves what was deleted in the file until it needs the room, unless it is told to write over it. PostgreSQL
/// does so when it vacuums.
async fn overwrite_deleted(yes: bool, connection: &mut Connection) -> Result<()> {
    if matches!(connection, Connection::Sqlite(_)) {
        query(if yes { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" }).execute(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
