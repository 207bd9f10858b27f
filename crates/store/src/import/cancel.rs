//! Cancelling an import: it leaves nothing.

use super::job::{ImportJob, ImportState, read};
use super::upload;
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::disk::{self, blocking};
use crate::engine::{query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::masked;
use crate::lists::count_contacts;
use crate::scope::{Kind, Scope};
use crate::sql::now;
use domain::{ImportId, ListId};
use serde_json::json;

/// Contacts removed per transaction, so that calls are journalled in between.
const REMOVED_ROWS: i64 = 2_000;

statements! {
    STOP = "UPDATE import_job SET state = 'cancelled', finished_at = NULL, error = NULL \
        WHERE tenant_id = $1 AND id = $2 RETURNING *";
    UP_TO = "SELECT MAX(id) FROM (SELECT id FROM contact WHERE import_id = $2 AND tenant_id = $1 AND id > $3 \
        ORDER BY id LIMIT $4) AS next_ones";
    REMOVE = "DELETE FROM contact WHERE import_id = $2 AND tenant_id = $1 AND id > $3 AND id <= $4 \
        AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.contact_id = contact.id)";
    REMOVE_NUMBERS = "DELETE FROM contact_number WHERE tenant_id = $1 AND contact_id IN (SELECT c.id FROM contact c \
        WHERE c.import_id = $2 AND c.id > $3 AND c.id <= $4 AND c.alternates IS NOT NULL \
        AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.contact_id = c.id))";
    FINISH = "UPDATE import_job SET finished_at = $3, verdict_bytes = 0, accepted = (SELECT COUNT(*) FROM contact c \
        WHERE c.import_id = $2 AND c.tenant_id = $1) WHERE tenant_id = $1 AND id = $2 RETURNING *";
}

impl Store {
    /// Stops a job, whatever it is doing, and removes its contacts and its files. Contacts that were already attempted
    /// stay, because calls are accounted for; `accepted` says how many those are.
    ///
    /// May take seconds for a large list; the dialler goes on meanwhile. Calling it again after a kill finishes the work.
    pub async fn cancel_import(&self, scope: &Scope, id: ImportId) -> Result<ImportJob> {
        let was = self.import(scope, id).await?; // in the scope
        let mut transaction = self.begin().await?;
        let row = query(STOP).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        let job = read(&row.ok_or_else(|| Error::not_found("import", id))?)?;
        // Once, by who asked for it: after a kill the rest of it is done again.
        if was.state != ImportState::Cancelled {
            let what = json!({ "import": job.id, "file": masked(&job.file_name) });
            audit::note_deed(
                scope,
                "import_cancelled",
                Subject::Entity(Kind::List),
                job.list.0,
                what,
                &mut transaction,
            )
            .await?;
        }
        transaction.commit().await?;
        debug_assert_eq!(job.state, ImportState::Cancelled);
        let mut after = 0;
        while let Some(last) = self.remove_some(scope, job.list, id, after).await? {
            after = last;
        }
        let paths = [upload::raw_path(self, id), upload::verdict_path(self, id)];
        blocking(move || paths.iter().try_for_each(|path| disk::remove(path))).await?;
        let mut transaction = self.begin().await?;
        let row = query(FINISH).bind(scope.tenant.0).bind(id.0).bind(now().0).fetch_one(&mut *transaction).await?;
        let job = read(&row)?;
        transaction.commit().await?;
        tracing::info!(import.id = id.0, kept = job.accepted, "import cancelled");
        Ok(job)
    }

    /// The last contact looked at, `None` behind the last one of the job.
    async fn remove_some(&self, scope: &Scope, list: ListId, id: ImportId, after: i64) -> Result<Option<i64>> {
        let mut transaction = self.begin().await?;
        let last: Option<i64> = query_scalar(UP_TO)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(after)
            .bind(REMOVED_ROWS)
            .fetch_one(&mut *transaction)
            .await?;
        let Some(last) = last else { return Ok(None) };
        let mut removed = 0;
        for statement in [REMOVE_NUMBERS, REMOVE] {
            let statement = query(statement).bind(scope.tenant.0).bind(id.0).bind(after).bind(last);
            removed = statement.execute(&mut *transaction).await?.rows_affected();
        }
        count_contacts(scope, list, -(removed as i64), &mut transaction).await?;
        transaction.commit().await?;
        self.places().forget(list);
        Ok(Some(last))
    }
}
