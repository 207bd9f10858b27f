//! What must survive a restore although the backup does not have it: numbers that must not be called, and that people
//! were forgotten.

use crate::error::Result;
use sqlx::sqlite::SqlitePool;
use std::path::Path;

const ATTACH: &str = "ATTACH DATABASE $1 AS present";
const DETACH: &str = "DETACH DATABASE present";
const HAS: &str = "SELECT COUNT(*) FROM present.sqlite_master WHERE name = 'suppression'";
/// Another installation's number keys mean nothing here.
const IS_OURS: &str = "SELECT COUNT(*) FROM present.installation p JOIN installation i ON p.name = i.name";
const ENTRIES: &str = "INSERT INTO suppression (tenant_id, number, actor, why, added_at) \
    SELECT p.tenant_id, p.number, p.actor, p.why, p.added_at FROM present.suppression p WHERE NOT EXISTS \
    (SELECT 1 FROM suppression s WHERE s.tenant_id = p.tenant_id AND s.number = p.number)";
const KEYS: &str = "INSERT INTO suppression_key (tenant_id, number_key, list_id, suppression_id) \
    SELECT k.tenant_id, k.number_key, 1, (SELECT MAX(s.id) FROM suppression s JOIN present.suppression p \
    ON p.number = s.number AND p.tenant_id = s.tenant_id WHERE p.id = k.suppression_id) \
    FROM present.suppression_key k WHERE true ON CONFLICT DO NOTHING";
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
    "UPDATE contact SET number_as_given = '', number = '', e164 = NULL, attributes = '[]' WHERE number_key IN ",
    forgotten!()
);
const FORGET_ENTRIES: &str = concat!(
    "UPDATE suppression SET number = 'forgotten ' || lower(hex(randomblob(4))) WHERE number NOT LIKE 'forgotten %' \
        AND id IN (SELECT suppression_id FROM suppression_key WHERE number_key IN ",
    forgotten!(),
    ")"
);
/// Nobody holds the lease of a database that was just put in place.
const NO_HOLDER: &str = "UPDATE site_lease SET holder = '', process = ''";

/// Adds the suppressed numbers of the present database to the restored one; how many, or `None` when they cannot be read:
/// what was entered after the backup is lost then.
pub(super) async fn suppressions(restored: &SqlitePool, present: &Path) -> Option<u64> {
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

async fn copy(restored: &SqlitePool) -> Result<Option<u64>> {
    let ours: i64 = sqlx::query_scalar(IS_OURS).fetch_one(restored).await?;
    if ours == 0 {
        return Ok(None);
    }
    if sqlx::query_scalar::<_, i64>(HAS).fetch_one(restored).await? == 0 {
        return Ok(Some(0));
    }
    let mut transaction = restored.begin().await?;
    let carried = sqlx::query(ENTRIES).execute(&mut *transaction).await?.rows_affected();
    sqlx::query(KEYS).execute(&mut *transaction).await?;
    sqlx::query(OVERWRITE).execute(&mut *transaction).await?;
    sqlx::query(FORGET_CONTACTS).execute(&mut *transaction).await?;
    sqlx::query(FORGET_ENTRIES).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Some(carried))
}

/// Whoever starts next need not wait for the process that the backup saw.
pub(super) async fn free_lease(restored: &SqlitePool) -> Result<()> {
    sqlx::query(NO_HOLDER).execute(restored).await?;
    Ok(())
}
