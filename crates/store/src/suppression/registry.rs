//! Registries: lists that their keeper hands out as a file, millions of numbers in one.
//!
//! A file is read as a whole before anything is written: one wrong row refuses it. Its keys are written beside those in
//! force, under the next version, in transactions between which the journal comes first; the last one names the version.
//! Killed anywhere before, the old one is in force, and the next import clears away what was left.

use super::SuppressionRecord;
use super::file::{self, Numbers};
use super::lists::{SuppressionKind, get};
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::disk::blocking;
use crate::engine::{Connection, postgres, query, query_scalar, sqlite};
use crate::error::{Error, Result};
use crate::import::Upload;
use crate::journal::events::{Event, Events};
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, now};
use domain::{Dialable, SuppressionListId, Timestamp};
use serde_json::json;
use std::time::{Duration, Instant};

/// Keys of one transaction. Small ones while calls are made, so that the journal waits for a few milliseconds only.
const CHUNK: usize = 100_000;
const SMALL_CHUNK: usize = 4_000;
/// The journal is said to rest when it wrote nothing for so long.
const QUIET_AFTER: Duration = Duration::from_secs(1);
/// Between two transactions while calls are made.
const REST: Duration = Duration::from_millis(10);
/// How long a registry is looked for in the file of another import.
const TURN: Duration = Duration::from_secs(5);

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Numbers that are in force now.
    pub entries: u64,
    /// Rows that repeated one of them.
    pub repeated: u64,
    /// The version that they are.
    pub version: i64,
    /// How the file was read: its encoding, and the character between its cells.
    pub encoding: String,
    /// `,`, `;`, `tab`, `|` or `native`.
    pub delimiter: String,
    /// What took how long.
    pub took: Took,
}

/// Where the time of an import went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// From the file to keys in order.
    pub reading: Duration,
    /// From there until they were in force.
    pub writing: Duration,
    /// Deleting what was not in force any more, before and behind that.
    pub clearing: Duration,
}

statements! {
    ADOPT = "UPDATE suppression_list SET version = $3, entries = $4, imported_at = $5 WHERE tenant_id = $1 AND id = $2";
    // Two looks into the index: "another version" would be looked for among all rows of this one.
    LEFT_OVER = "SELECT COALESCE((SELECT MIN(a.version) FROM registry_key a WHERE a.tenant_id = $1 AND a.list_id = $2 \
        AND a.version < $3), (SELECT MIN(b.version) FROM registry_key b WHERE b.tenant_id = $1 AND b.list_id = $2 \
        AND b.version > $3))";
    DROP_SOME = "DELETE FROM registry_key WHERE tenant_id = $1 AND list_id = $2 AND version = $3 AND number_key <= \
        COALESCE((SELECT o.number_key FROM registry_key o WHERE o.tenant_id = $1 AND o.list_id = $2 AND o.version = $3 \
        ORDER BY o.number_key LIMIT 1 OFFSET $4), 9223372036854775807)";
    NAMING = "SELECT l.id, l.name, l.imported_at FROM suppression_list l WHERE l.tenant_id = $1 AND l.kind = 'registry' \
        AND EXISTS (SELECT 1 FROM registry_key r WHERE r.tenant_id = $1 AND r.list_id = l.id \
        AND r.version = l.version AND r.number_key IN ($2, $3, $4, $5, $6, $7)) ORDER BY l.id";
}

/// Spellings that one number may have, at most.
const SPELLINGS: usize = 6;

impl Store {
    /// Puts the numbers of the file in the place of those that the registry has. What is in force is so from one instant
    /// to the next; a file with a row that is no number is refused, by its line, and changes nothing.
    pub async fn import_registry(
        &self,
        scope: &Scope,
        list: SuppressionListId,
        mut upload: Upload,
        actor: &str,
    ) -> Result<Adopted> {
        let record = self.suppression_list(scope, list).await?;
        let conflict =
            |why: &str| Error::Conflict { what: format!("suppression list {:?}", record.name), why: why.into() };
        if record.kind != SuppressionKind::Registry {
            return Err(conflict("is no registry: numbers are added to it one by one"));
        }
        // One at a time: two would take each other's rows for what is left over.
        let turn = tokio::time::timeout(TURN, self.registries().lock()).await;
        let _turn = turn.map_err(|_| conflict("cannot be read while another registry is"))?;
        upload.finish().await?;
        let (path, country, secret) =
            (upload.path().to_owned(), self.country().map(str::to_owned), self.installation().number_secret);
        let mut took = Took::default();
        let began = Instant::now();
        let numbers: Numbers = blocking(move || file::read(&path, country.as_deref(), secret)).await?;
        took.reading = began.elapsed();
        let had = self.suppression_list(scope, list).await?.version;
        let began = Instant::now();
        self.drop_registry_keys(scope, list, had).await?;
        took.clearing = began.elapsed();
        let version = had + 1;
        let began = Instant::now();
        self.write_keys(scope, list, version, &numbers.keys).await?;
        let entries = numbers.keys.len() as u64;
        self.adopt(scope, list, version, entries, actor).await?;
        took.writing = began.elapsed();
        let began = Instant::now();
        // The answer does not depend on this; what is left is cleared away by the next import.
        if let Err(error) = self.drop_registry_keys(scope, list, version).await {
            tracing::warn!(list.id = list.0, %error, "the older version of a registry could not be deleted");
        }
        took.clearing += began.elapsed();
        let Took { reading, writing, clearing } = took;
        tracing::info!(
            list.id = list.0,
            version,
            entries,
            actor,
            ?reading,
            ?writing,
            ?clearing,
            "a registry is in force"
        );
        let (encoding, delimiter) = (numbers.encoding.name(), numbers.layout);
        Ok(Adopted { entries, repeated: numbers.repeated, version, encoding, delimiter, took })
    }

    async fn write_keys(&self, scope: &Scope, list: SuppressionListId, version: i64, keys: &[i64]) -> Result<()> {
        let mut rest = keys;
        while !rest.is_empty() {
            let size = self.rest_between().await;
            let (some, others) = rest.split_at(size.min(rest.len()));
            rest = others;
            let texts: Vec<String> = some.iter().map(i64::to_string).collect();
            let mut transaction = self.begin().await?;
            let statement = match &*transaction {
                Connection::Sqlite(_) => sqlite::ADD_REGISTRY_KEYS,
                Connection::Postgres(_) => postgres::ADD_REGISTRY_KEYS,
            };
            query(statement)
                .bind(scope.tenant.0)
                .bind(list.0)
                .bind(version)
                .bind(texts.join(","))
                .execute(&mut transaction)
                .await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn adopt(
        &self,
        scope: &Scope,
        list: SuppressionListId,
        version: i64,
        entries: u64,
        actor: &str,
    ) -> Result<()> {
        let at = now();
        let mut transaction = self.begin().await?;
        get(scope, list, &mut transaction).await?; // refuses one that was deleted meanwhile
        query(ADOPT)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(version)
            .bind(i64::try_from(entries).unwrap_or(i64::MAX))
            .bind(at.0)
            .execute(&mut *transaction)
            .await?;
        let data = json!({ "version": version, "entries": entries });
        let event = Event::of_suppression_list(scope.tenant, list, "suppression_list.adopted", at, actor, data);
        Events::one(event, &mut transaction).await?;
        let (subject, count) = (Subject::Entity(Kind::SuppressionList), entries.into());
        audit::note_count(scope, "imported", subject, list.0, count, &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Deletes every version of a registry but this one.
    pub(super) async fn drop_registry_keys(&self, scope: &Scope, list: SuppressionListId, keep: i64) -> Result<()> {
        loop {
            let size = self.rest_between().await;
            let mut transaction = self.begin().await?;
            let left = query_scalar(LEFT_OVER).bind(scope.tenant.0).bind(list.0).bind(keep);
            let left: Option<i64> = left.fetch_one(&mut *transaction).await?;
            let Some(version) = left else { return Ok(()) };
            query(DROP_SOME)
                .bind(scope.tenant.0)
                .bind(list.0)
                .bind(version)
                .bind(size as i64 - 1)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
    }

    /// Keys for the next transaction; waits first while calls are made.
    async fn rest_between(&self) -> usize {
        if self.queue().journal_rests(QUIET_AFTER) {
            return CHUNK;
        }
        tokio::time::sleep(REST).await;
        SMALL_CHUNK
    }

    /// The registries that name the number in whatever spelling.
    pub(super) async fn registries_naming(&self, scope: &Scope, number: &Dialable) -> Result<Vec<SuppressionRecord>> {
        let keys = self.number_keys(number);
        let mut statement = query(NAMING).bind(scope.tenant.0);
        for place in 0..SPELLINGS {
            statement = statement.bind(keys.get(place).map(|key| key.0));
        }
        let entry = |row: &crate::engine::Row| {
            Ok(SuppressionRecord {
                id: None,
                list: SuppressionListId(row.int("id")?),
                number: number.e164.as_ref().unwrap_or(&number.dialled).clone(),
                by: format!("registry {}", row.text("name")?),
                why: String::new(),
                at: row.opt_at("imported_at")?.unwrap_or(Timestamp(0)),
            })
        };
        statement.fetch_all(self.readers()).await?.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests;
