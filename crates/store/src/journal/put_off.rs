//! Contacts that a rule puts off or refuses, and those that are looked at again.

use super::{Journal, Written};
use crate::actions::{self, Asked};
use crate::engine::{query, query_scalar};
use crate::error::Result;
use crate::sql::Columns;
use domain::journal::{Again, PutOff, PutOffBy, READ_AHEAD_US, SOON_US};
use domain::rules::ContactRule;
use domain::{AttemptId, CallState, ContactId, OutcomeRule, RunId, Timestamp, outcome};
use std::sync::LazyLock;

/// Contacts that one statement writes: the least that takes what there is. What is over stays empty.
const SIZES: [usize; 3] = [1, 16, 100];
/// Values of one contact.
const VALUES: usize = 5;

/// A row for a contact that had none. What has one by now is left as it is: a batch may come twice.
const FRESH: &str = "WITH v (contact, retry, was, due, by) AS (VALUES {rows}) \
    INSERT INTO run_contact (tenant_id, run_id, contact_id, list_id, state, retry, due_at, put_off_by) \
    SELECT $1, $2, c.id, c.list_id, CASE WHEN v.due IS NULL THEN 'refused' ELSE 'waiting' END, v.retry, v.due, v.by \
    FROM v JOIN contact c ON c.id = v.contact WHERE c.tenant_id = $1 ON CONFLICT DO NOTHING";
/// A row that waits otherwise than it did.
const WAITING: &str = "WITH v (contact, retry, was, due, by) AS (VALUES {rows}) \
    UPDATE run_contact SET state = CASE WHEN v.due IS NULL THEN 'refused' ELSE 'waiting' END, \
    due_at = v.due, put_off_by = v.by FROM v WHERE run_contact.tenant_id = $1 AND run_contact.run_id = $2 \
    AND run_contact.contact_id = v.contact AND run_contact.state = 'waiting' AND run_contact.due_at = v.was";

statements! {
    // The last call to a contact that the run refuses now.
    LAST_CALL = "SELECT a.id, a.state, a.ext_state, a.ended_by, a.connected_at FROM attempt a JOIN run_contact rc \
        ON rc.run_id = a.run_id AND rc.contact_id = a.contact_id WHERE a.tenant_id = $1 AND a.run_id = $2 \
        AND a.contact_id = $3 AND rc.state = 'refused' AND a.ended_at IS NOT NULL AND a.state <> 'WITHDRAWN' \
        ORDER BY a.retry DESC, a.number_no DESC LIMIT 1";
    // The end of a batch: a walk along the key, so that many batches do not begin at the first contact each.
    LAST = "SELECT MAX(contact_id) FROM (SELECT contact_id FROM run_contact WHERE tenant_id = $1 AND run_id = $2 \
        AND contact_id > $3 AND ((state = 'refused' AND put_off_by = COALESCE(CAST($5 AS TEXT), put_off_by)) \
        OR (state = 'waiting' AND put_off_by IS NOT NULL AND due_at > $4)) ORDER BY contact_id LIMIT $6) AS batch";
    REFUSED = "UPDATE run_contact SET state = 'waiting', due_at = CASE WHEN retry > 0 OR EXISTS (SELECT 1 FROM list l \
        WHERE l.id = run_contact.list_id AND l.auto_of IS NOT NULL) THEN CAST($6 AS BIGINT) ELSE CAST($5 AS BIGINT) END \
        WHERE tenant_id = $1 AND run_id = $2 AND contact_id > $3 AND contact_id <= $4 AND state = 'refused' \
        AND put_off_by = COALESCE(CAST($7 AS TEXT), put_off_by)";
    WAITED = "UPDATE run_contact SET due_at = CASE WHEN retry > 0 OR EXISTS (SELECT 1 FROM list l \
        WHERE l.id = run_contact.list_id AND l.auto_of IS NOT NULL) THEN CAST($6 AS BIGINT) ELSE CAST($5 AS BIGINT) END \
        WHERE tenant_id = $1 AND run_id = $2 AND contact_id > $3 AND contact_id <= $4 AND state = 'waiting' \
        AND put_off_by IS NOT NULL AND due_at > $7";
}

type Sized = [&'static str; SIZES.len()];

static FRESH_SIZED: LazyLock<Sized> = LazyLock::new(|| sized(FRESH));
static WAITING_SIZED: LazyLock<Sized> = LazyLock::new(|| sized(WAITING));

/// Leaks its texts: once per statement, so that they stay prepared.
fn sized(text: &str) -> Sized {
    SIZES.map(|size| {
        let row = |row: usize| {
            let place = |column: usize| 3 + row * VALUES + column;
            let [contact, retry, was, due, by] = [0, 1, 2, 3, 4].map(place);
            format!(
                "(CAST(${contact} AS BIGINT), CAST(${retry} AS BIGINT), CAST(${was} AS BIGINT), \
                CAST(${due} AS BIGINT), CAST(${by} AS TEXT))"
            )
        };
        let rows: Vec<String> = (0..size).map(row).collect();
        &*Box::leak(text.replace("{rows}", &rows.join(", ")).into_boxed_str())
    })
}

/// Where a contact was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    Fresh,
    Retry,
    PutOff,
}

impl Journal<'_> {
    /// Contacts that changed meanwhile are left as they are.
    pub(super) async fn put_off(
        &mut self,
        run: RunId,
        contacts: &[PutOff],
        rules: &[OutcomeRule],
        at: Timestamp,
    ) -> Result<Written> {
        let was = |off: &PutOff| match (off.was_due_at, off.was_put_off_by) {
            (None, _) => Was::Fresh,
            (Some(_), None) => Was::Retry,
            (Some(_), Some(_)) => Was::PutOff,
        };
        for from in [Was::Fresh, Was::Retry, Was::PutOff] {
            for waits in [true, false] {
                let some: Vec<&PutOff> =
                    contacts.iter().filter(|off| was(off) == from && off.until.is_some() == waits).collect();
                let moved = self.move_to(run, &some, if from == Was::Fresh { &FRESH_SIZED } else { &WAITING_SIZED });
                let moved = moved.await?;
                let totals = self.totals.entry(run).or_default();
                totals.open_retries -= if from == Was::Retry { moved } else { 0 };
                totals.put_off -= if from == Was::PutOff { moved } else { 0 };
                *(if waits { &mut totals.put_off } else { &mut totals.refused }) += moved;
            }
        }
        for off in contacts {
            if !rules.is_empty() && off.until.is_none() && off.was_due_at.is_some() {
                self.ask_late(run, off.contact, rules, at).await?;
            }
        }
        Ok(Written::Done)
    }

    /// What the contact waited for does not come: rules that were quiet after its last call because of it are asked, each
    /// once for that call.
    async fn ask_late(&mut self, run: RunId, contact: ContactId, rules: &[OutcomeRule], at: Timestamp) -> Result<()> {
        let last = query(LAST_CALL).bind(self.scope.tenant.0).bind(run.0).bind(contact.0);
        let Some(row) = last.fetch_optional(&mut *self.connection).await? else { return Ok(()) };
        let (state, ext): (CallState, String) = (row.code("state")?, row.text("ext_state")?);
        let answered = row.opt_int("connected_at")?.is_some();
        let reported = outcome::is_reported(answered, row.code("ended_by")?, &ext);
        let after = Asked { attempt: AttemptId(row.int("id")?), run, contact, at };
        let answer: Vec<OutcomeRule> =
            rules.iter().filter(|rule| rule.matches_late(state, &ext, reported)).cloned().collect();
        actions::write_each(self.scope, &after, &answer, self.connection).await
    }

    async fn move_to(&mut self, run: RunId, contacts: &[&PutOff], statements: &Sized) -> Result<i64> {
        let mut moved = 0;
        for some in contacts.chunks(SIZES[SIZES.len() - 1]) {
            let size = SIZES.iter().position(|size| *size >= some.len()).unwrap_or(SIZES.len() - 1);
            let mut statement = query(statements[size]).bind(self.scope.tenant.0).bind(run.0);
            for place in 0..SIZES[size] {
                let off = some.get(place);
                statement = statement
                    .bind(off.map(|off| off.contact.0))
                    .bind(off.map(|off| i64::from(off.retry)))
                    .bind(off.and_then(|off| off.was_due_at).map(|at| at.0))
                    .bind(off.and_then(|off| off.until).map(|at| at.0))
                    .bind(off.map(|off| PutOffBy::code(off.by)));
            }
            moved += statement.execute(&mut *self.connection).await?.rows_affected() as i64;
        }
        Ok(moved)
    }

    /// One batch of those who are judged again.
    pub(super) async fn take_up(
        &mut self,
        run: RunId,
        which: Again,
        after: ContactId,
        limit: u32,
        at: Timestamp,
    ) -> Result<Written> {
        let (after, last) = match which {
            Again::Contact(contact) => (contact.0 - 1, Some(contact.0)),
            _ => {
                // `Refused` and `Suppressed` want no one who waits.
                let soon = if which == Again::Everybody { at.0.saturating_add(SOON_US) } else { i64::MAX };
                let last = query_scalar(LAST)
                    .bind(self.scope.tenant.0)
                    .bind(run.0)
                    .bind(after.0)
                    .bind(soon)
                    .bind(by_rule(which))
                    .bind(i64::from(limit.min(super::MAX_LOAD)))
                    .fetch_one(&mut *self.connection);
                (after.0, last.await?)
            }
        };
        let Some(last) = last else { return Ok(Written::TakenUp { refused: 0, put_off: 0, last: None }) };
        let (mut refused, mut put_off) = (0, 0);
        for (statement, soon, count) in
            [(REFUSED, None, &mut refused), (WAITED, Some(at.0.saturating_add(SOON_US)), &mut put_off)]
        {
            if soon.is_some() && matches!(which, Again::Refused | Again::Suppressed) {
                continue;
            }
            let update = query(statement).bind(self.scope.tenant.0).bind(run.0).bind(after).bind(last);
            let update = update.bind(at.0).bind(at.0.saturating_add(READ_AHEAD_US));
            let update = match soon {
                Some(soon) => update.bind(soon),
                None => update.bind(by_rule(which)),
            };
            *count = update.execute(&mut *self.connection).await?.rows_affected();
        }
        let totals = self.totals.entry(run).or_default();
        totals.refused -= refused as i64;
        totals.put_off += refused as i64;
        let last = (!matches!(which, Again::Contact(_))).then_some(ContactId(last));
        Ok(Written::TakenUp { refused, put_off, last })
    }
}

/// The rule that refused those who are meant; `None`: whichever it was.
fn by_rule(which: Again) -> Option<&'static str> {
    (which == Again::Suppressed).then(|| ContactRule::NumberNotSuppressed.code())
}

#[cfg(test)]
mod tests;

/// For the test that prepares every statement.
#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, &'static str)> {
    let sized = [("fresh", &FRESH_SIZED), ("waiting", &WAITING_SIZED)];
    let sized = sized.into_iter().flat_map(|(name, texts)| texts.iter().map(move |text| (name, *text)));
    STATEMENTS.iter().copied().chain(sized).collect()
}
