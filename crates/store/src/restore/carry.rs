//! What must survive a restore although the backup does not have it: numbers that must not be called, each on its list,
//! and that people were forgotten.
//!
//! Nobody becomes callable by a restore. So a list is found again by its name and kind, or made anew under the id that it
//! has in the database in place; it holds for every campaign that it holds for in either database; entries are added, and
//! a registry is taken over as a whole when the database in place has a later one.

use crate::error::Result;
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use std::path::Path;

/// What was taken over from the database in place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Numbers that the backup does not have on that list.
    pub numbers: u64,
    /// Lists that the backup does not have.
    pub lists: u64,
    /// Registries of which the backup has none, or an earlier file.
    pub registries: u64,
}

pub(super) const ATTACH: &str = "ATTACH DATABASE $1 AS present";
pub(super) const DETACH: &str = "DETACH DATABASE present";
pub(super) const HAS: &str = "SELECT COUNT(*) FROM present.sqlite_master WHERE name = $1";
/// Another installation's number keys mean nothing here.
pub(super) const IS_OURS: &str = "SELECT COUNT(*) FROM present.installation p JOIN installation i ON p.name = i.name";
/// The lists in place with the one of the same name and kind that the backup has.
const LISTS: &str = "SELECT p.id, m.id, p.kind = 'registry' AND p.version > 0 \
    AND (m.imported_at IS NULL OR p.imported_at > m.imported_at) FROM present.suppression_list p \
    LEFT JOIN main.suppression_list m ON m.tenant_id = p.tenant_id AND m.name = p.name AND m.kind = p.kind ORDER BY p.id";
/// An id or a name that another list has by now is left to it.
const ADD_LIST: &str = "INSERT INTO suppression_list (id, tenant_id, name, kind, everywhere, created_at, version, entries) \
    SELECT CASE WHEN EXISTS (SELECT 1 FROM main.suppression_list m WHERE m.id = p.id) THEN NULL ELSE p.id END, p.tenant_id, \
    CASE WHEN EXISTS (SELECT 1 FROM main.suppression_list m WHERE m.tenant_id = p.tenant_id AND m.name = p.name) \
    THEN p.name || ' (in place before the restore ' || p.id || ')' ELSE p.name END, \
    p.kind, p.everywhere, p.created_at, 0, 0 FROM present.suppression_list p WHERE p.id = $1 RETURNING id";
/// Whether the database in place knows keys.
const HAS_KEYS: &str =
    "SELECT COUNT(*) FROM pragma_table_info('suppression_list', 'present') WHERE name = 'security_key'";
const KEEP_KEY: &str = "UPDATE suppression_list AS m SET security_key = p.security_key \
    FROM present.suppression_list p WHERE p.id = $1 AND m.id = $2";
const HOLDS_EVERYWHERE: &str = "UPDATE suppression_list SET everywhere = 1 WHERE id = $2 \
    AND EXISTS (SELECT 1 FROM present.suppression_list p WHERE p.id = $1 AND p.everywhere = 1)";
const LINKS: &str = "INSERT INTO suppression_list_campaign (tenant_id, list_id, campaign_id) \
    SELECT p.tenant_id, $2, p.campaign_id FROM present.suppression_list_campaign p \
    JOIN main.campaign c ON c.id = p.campaign_id WHERE p.list_id = $1 ON CONFLICT DO NOTHING";
/// So that the two statements behind it look entries up: there may be a million.
const INDEX: &str = "CREATE INDEX carry_number ON suppression (tenant_id, list_id, number)";
const NO_INDEX: &str = "DROP INDEX carry_number";
/// `$1` is the list in place, `$2` that of the restored database; `$of` says which entries are on the former.
macro_rules! entries {
    ($of:literal) => {
        [
            concat!(
                "INSERT INTO suppression (tenant_id, number, actor, why, added_at, list_id) \
                SELECT p.tenant_id, p.number, p.actor, p.why, p.added_at, $2 FROM present.suppression p WHERE ",
                $of,
                " AND NOT EXISTS (SELECT 1 FROM main.suppression s WHERE s.tenant_id = p.tenant_id AND s.list_id = $2 \
                AND s.number = p.number) ORDER BY p.id"
            ),
            concat!(
                "INSERT INTO suppression_key (tenant_id, number_key, list_id, suppression_id) \
                SELECT k.tenant_id, k.number_key, $2, (SELECT MAX(s.id) FROM main.suppression s \
                WHERE s.tenant_id = p.tenant_id AND s.list_id = $2 AND s.number = p.number) \
                FROM present.suppression_key k JOIN present.suppression p ON p.id = k.suppression_id WHERE ",
                $of,
                " ON CONFLICT DO NOTHING"
            ),
        ]
    };
}
const ENTRIES: [&str; 2] = entries!("p.list_id = $1");
/// Of a database that knew one list only.
const ALL_ENTRIES: [&str; 2] = entries!("$1 = 1");
const DROP_REGISTRY: &str = "DELETE FROM registry_key WHERE list_id = $1";
const REGISTRY: &str = "INSERT INTO registry_key (tenant_id, list_id, version, number_key) \
    SELECT r.tenant_id, $2, (SELECT MAX(m.version, p.version) + 1 FROM main.suppression_list m WHERE m.id = $2), r.number_key \
    FROM present.suppression_list p JOIN present.registry_key r \
    ON r.tenant_id = p.tenant_id AND r.list_id = p.id AND r.version = p.version WHERE p.id = $1 ORDER BY r.number_key";
const ADOPT: &str = "UPDATE suppression_list AS m SET version = MAX(m.version, p.version) + 1, entries = p.entries, \
    imported_at = p.imported_at FROM present.suppression_list p WHERE p.id = $1 AND m.id = $2";
/// The keys of whom the present database has forgotten.
macro_rules! forgotten {
    () => {
        "(SELECT k.number_key FROM present.suppression_key k JOIN present.suppression s ON s.id = k.suppression_id \
            WHERE s.number LIKE 'forgotten %')"
    };
}
/// Written over, not only let go of.
const OVERWRITE: &str = "PRAGMA secure_delete = ON";
const FORGET_CONTACTS: &str = concat!(
    "UPDATE contact SET number_as_given = '', number = '', e164 = NULL, attributes = '[]', alternates = NULL \
        WHERE number_key IN ",
    forgotten!()
);
/// Found by another number of theirs: the key becomes that of the forgotten one, so that nobody calls them.
const FORGET_BY_FURTHER: &str = concat!(
    "UPDATE contact SET number_as_given = '', number = '', e164 = NULL, attributes = '[]', alternates = NULL, \
        number_key = (SELECT n.number_key FROM contact_number n WHERE n.contact_id = contact.id AND n.number_key IN ",
    forgotten!(),
    " LIMIT 1) WHERE id IN (SELECT n.contact_id FROM contact_number n WHERE n.number_key IN ",
    forgotten!(),
    ")"
);
const FORGET_ENTRIES: &str = concat!(
    "UPDATE suppression SET number = 'forgotten ' || lower(hex(randomblob(4))) WHERE number NOT LIKE 'forgotten %' \
        AND id IN (SELECT suppression_id FROM suppression_key WHERE number_key IN ",
    forgotten!(),
    ")"
);
/// Nobody holds the lease of a database that was just put in place.
const NO_HOLDER: &str = "UPDATE site_lease SET holder = '', process = ''";

/// Whoever was signed in when the backup was made may have signed out or been locked out since.
const NOBODY_SIGNED_IN: &str = "DELETE FROM user_session";

/// Takes over from the present database what must not be called; `None` when that cannot be read: what was entered after
/// the backup is lost then.
pub(super) async fn suppressions(restored: &SqlitePool, present: &Path) -> Option<Carried> {
    let name = present.to_str().filter(|_| present.exists())?;
    sqlx::query(ATTACH).bind(name).execute(restored).await.ok()?;
    let carried = copy(restored).await;
    // A connection that cannot let go of it is closed with the pool.
    let _ = sqlx::query(DETACH).execute(restored).await;
    match carried {
        Ok(carried) => carried,
        Err(error) => {
            tracing::warn!(%error, "suppressed numbers of the database in place cannot be read");
            None
        }
    }
}

async fn copy(restored: &SqlitePool) -> Result<Option<Carried>> {
    let ours: i64 = sqlx::query_scalar(IS_OURS).fetch_one(restored).await?;
    if ours == 0 {
        return Ok(None);
    }
    let mut carried = Carried::default();
    let mut transaction = restored.begin().await?;
    if !has("suppression", &mut transaction).await? {
        return Ok(Some(carried));
    }
    sqlx::query(INDEX).execute(&mut *transaction).await?;
    if has("suppression_list", &mut transaction).await? {
        copy_lists(&mut carried, &mut transaction).await?;
    } else {
        carried.numbers = copy_entries(ALL_ENTRIES, 1, 1, &mut transaction).await?;
    }
    sqlx::query(NO_INDEX).execute(&mut *transaction).await?;
    sqlx::query(OVERWRITE).execute(&mut *transaction).await?;
    sqlx::query(FORGET_BY_FURTHER).execute(&mut *transaction).await?;
    sqlx::query(FORGET_CONTACTS).execute(&mut *transaction).await?;
    sqlx::query(FORGET_ENTRIES).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Some(carried))
}

async fn has(table: &str, connection: &mut SqliteConnection) -> Result<bool> {
    Ok(sqlx::query_scalar::<_, i64>(HAS).bind(table).fetch_one(connection).await? > 0)
}

async fn copy_lists(carried: &mut Carried, transaction: &mut Transaction<'_, Sqlite>) -> Result<()> {
    let lists: Vec<(i64, Option<i64>, bool)> = sqlx::query_as(LISTS).fetch_all(&mut **transaction).await?;
    let keys = sqlx::query_scalar::<_, i64>(HAS_KEYS).fetch_one(&mut **transaction).await? > 0;
    for (theirs, known, is_later) in lists {
        let ours: i64 = match known {
            Some(ours) => ours,
            None => {
                carried.lists += 1;
                sqlx::query_scalar(ADD_LIST).bind(theirs).fetch_one(&mut **transaction).await?
            }
        };
        if known.is_none() && keys {
            sqlx::query(KEEP_KEY).bind(theirs).bind(ours).execute(&mut **transaction).await?;
        }
        for statement in [HOLDS_EVERYWHERE, LINKS] {
            sqlx::query(statement).bind(theirs).bind(ours).execute(&mut **transaction).await?;
        }
        carried.numbers += copy_entries(ENTRIES, theirs, ours, transaction).await?;
        if is_later {
            sqlx::query(DROP_REGISTRY).bind(ours).execute(&mut **transaction).await?;
            for statement in [REGISTRY, ADOPT] {
                sqlx::query(statement).bind(theirs).bind(ours).execute(&mut **transaction).await?;
            }
            carried.registries += 1;
        }
    }
    Ok(())
}

/// How many there were.
async fn copy_entries(
    statements: [&'static str; 2],
    theirs: i64,
    ours: i64,
    connection: &mut SqliteConnection,
) -> Result<u64> {
    let [entries, keys] = statements;
    let added = sqlx::query(entries).bind(theirs).bind(ours).execute(&mut *connection).await?.rows_affected();
    sqlx::query(keys).bind(theirs).bind(ours).execute(connection).await?;
    Ok(added)
}

/// Whoever starts next need not wait for the process that the backup saw.
pub(super) async fn free_lease(restored: &SqlitePool) -> Result<()> {
    sqlx::query(NO_HOLDER).execute(restored).await?;
    Ok(())
}

/// Everybody signs in anew.
pub(super) async fn end_sessions(restored: &SqlitePool) -> Result<()> {
    sqlx::query(NOBODY_SIGNED_IN).execute(restored).await?;
    Ok(())
}
