//! What is kept how long, and the deletion of what is older, a little at a time.
//!
//! Deleting never makes a number come twice: the newest event of all stays, and so does the newest of every entity that
//! may still have more. What the caps and the books of open runs need is younger than anything that is deleted.

use crate::db::Store;
use crate::engine::{query, query_scalar};
use crate::error::Result;
use crate::scope::Scope;
use crate::webhooks::BLOCK;
use domain::rules::calls::MAX_DAYS;
use domain::{Invalid, Timestamp};
use serde::Serialize;

/// Rows of one kind that one step deletes, at most.
const ROWS: i64 = 500;
/// Rows of what webhooks were told that one step deletes, about; one is up to 64 KiB.
const TOLD_ROWS: i64 = 50;
const DAY_S: i64 = 86_400;
/// Longest retention, days: a century.
pub const MAX_RETENTION_DAYS: u32 = 36_500;

/// Days for which each kind is kept; 0: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Events: timelines, the stream, what webhooks may be replayed from.
    pub events_days: u32,
    /// Attempts with their calls, legs and segments, and the turns of contacts in runs that are over. At least
    /// [`MAX_DAYS`], because caps look back that far.
    pub attempts_days: u32,
    /// Recordings and analysed audio.
    pub audio_days: u32,
    /// Who changed what of the configuration.
    pub audit_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_days: 90, attempts_days: 1_826, audio_days: 30, audit_days: 1_826 }
    }
}

impl Retention {
    /// Refuses what would delete what the rules need, by field.
    pub fn check(self) -> Result<Self, Invalid> {
        let days = [
            ("events_days", self.events_days, 1),
            ("attempts_days", self.attempts_days, MAX_DAYS),
            ("audio_days", self.audio_days, 1),
            ("audit_days", self.audit_days, 1),
        ];
        match days.iter().find(|(_, days, least)| *days != 0 && !(*least..=MAX_RETENTION_DAYS).contains(days)) {
            None => Ok(self),
            Some((field, _, least)) => {
                let problem = format!("must be 0 (kept for ever) or {least} to {MAX_RETENTION_DAYS} days");
                Err(Invalid::new(*field, problem))
            }
        }
    }
}

/// What one step deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events.
    pub events: u64,
    /// Attempts.
    pub attempts: u64,
    /// Turns of contacts in runs that are over.
    pub turns: u64,
    /// Rows of what webhooks were told.
    pub told: u64,
    /// Changes of the configuration.
    pub audit: u64,
    /// Letters about runs.
    pub letters: u64,
}

impl Swept {
    /// Whether nothing was left to delete.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

statements! {
    // Events come nearly in the order of their time: everything before the first young one is old, or late by a moment.
    FIRST_YOUNG_EVENT = "SELECT COALESCE((SELECT seq FROM event WHERE at >= $1 ORDER BY seq LIMIT 1), \
        (SELECT MAX(seq) FROM event), 0)";
    DELETE_EVENTS = "DELETE FROM event WHERE seq IN (SELECT e.seq FROM event e WHERE e.seq < $1 AND e.tenant_id = $2 \
        AND (e.entity = 'attempt' OR e.entity_seq < (SELECT MAX(n.entity_seq) FROM event n \
        WHERE n.entity = e.entity AND n.entity_id = e.entity_id)) ORDER BY e.seq LIMIT $3) RETURNING seq";
    DELETE_TOLD = "DELETE FROM webhook_told WHERE tenant_id = $1 AND block IN (SELECT t.block FROM webhook_told t \
        WHERE t.tenant_id = $1 AND t.block < $2 ORDER BY t.block LIMIT $3)";
    // Whoever reads the log from before that place is told that something is missing.
    DROPPED = "UPDATE event_log SET dropped_to = $2 WHERE tenant_id = $1 AND dropped_to < $2";
    // Up to where this step deletes: the ids of attempts grow with time.
    LAST_OLD_ATTEMPT = "SELECT MAX(o.id) FROM (SELECT id FROM attempt WHERE tenant_id = $1 AND ended_at < $2 \
        AND id < COALESCE((SELECT id FROM attempt WHERE tenant_id = $1 AND scheduled_at >= $2 ORDER BY id LIMIT 1), \
        9223372036854775807) ORDER BY id LIMIT $3) AS o";
    DELETE_SEGMENTS = "DELETE FROM segment WHERE call_id IN \
        (SELECT call_id FROM attempt WHERE tenant_id = $1 AND id <= $2 AND ended_at < $3)";
    DELETE_LEGS = "DELETE FROM leg WHERE id IN \
        (SELECT leg_id FROM attempt WHERE tenant_id = $1 AND id <= $2 AND ended_at < $3)";
    DELETE_CALLS = "DELETE FROM call WHERE id IN \
        (SELECT call_id FROM attempt WHERE tenant_id = $1 AND id <= $2 AND ended_at < $3)";
    DELETE_ACTIONS = "DELETE FROM outcome_action WHERE attempt_id IN \
        (SELECT id FROM attempt WHERE tenant_id = $1 AND id <= $2 AND ended_at < $3)";
    DELETE_LETTERS = "DELETE FROM outcome_action WHERE id IN (SELECT l.id FROM outcome_action l WHERE l.tenant_id = $1 \
        AND l.letter IS NOT NULL AND l.state <> 'waiting' AND l.changed_at < $2 ORDER BY l.run_id, l.id LIMIT $3)";
    DELETE_ATTEMPTS = "DELETE FROM attempt WHERE tenant_id = $1 AND id <= $2 AND ended_at < $3";
    DELETE_TURNS = "DELETE FROM run_contact WHERE run_id = $1 AND contact_id IN \
        (SELECT contact_id FROM run_contact WHERE run_id = $1 ORDER BY contact_id LIMIT $2)";
    DELETE_AUDIT = "DELETE FROM audit WHERE id IN (SELECT a.id FROM audit a WHERE a.tenant_id = $1 \
        AND a.id < COALESCE((SELECT id FROM audit WHERE tenant_id = $1 AND at >= $2 ORDER BY id LIMIT 1), \
        (SELECT MAX(id) FROM audit)) ORDER BY a.id LIMIT $3)";
    OLD_RUN = "SELECT r.id FROM run r WHERE r.tenant_id = $1 AND r.ended_at < $2 \
        AND EXISTS (SELECT 1 FROM run_contact c WHERE c.run_id = r.id) ORDER BY r.id LIMIT 1";
}

impl Store {
    /// Deletes a little of what is older than it is kept: one short transaction. Call it again until it says that nothing
    /// was left, with a rest in between while calls are made ([`Store::is_dialling`]).
    pub async fn sweep(&self, scope: &Scope, keep: Retention, now: Timestamp) -> Result<Swept> {
        let keep = keep.check()?;
        let before = |days: u32| (days > 0).then(|| now.plus_seconds(-i64::from(days) * DAY_S).0);
        let mut swept = Swept::default();
        let mut transaction = self.begin().await?;
        if let Some(cutoff) = before(keep.events_days) {
            let young: i64 = query_scalar(FIRST_YOUNG_EVENT).bind(cutoff).fetch_one(&mut transaction).await?;
            let deleted = query_scalar(DELETE_EVENTS).bind(young).bind(scope.tenant.0).bind(ROWS);
            let deleted: Vec<i64> = deleted.fetch_all(&mut transaction).await?;
            swept.events = deleted.len() as u64;
            let told = query(DELETE_TOLD).bind(scope.tenant.0).bind(young / BLOCK).bind(TOLD_ROWS);
            swept.told = told.execute(&mut transaction).await?.rows_affected();
            if let Some(last) = deleted.iter().max() {
                query(DROPPED).bind(scope.tenant.0).bind(*last).execute(&mut transaction).await?;
            }
        }
        if let Some(cutoff) = before(keep.attempts_days) {
            let tenant = scope.tenant.0;
            let last = query_scalar(LAST_OLD_ATTEMPT).bind(tenant).bind(cutoff).bind(ROWS);
            let last: Option<i64> = last.fetch_one(&mut transaction).await?;
            if let Some(last) = last {
                for statement in [DELETE_SEGMENTS, DELETE_LEGS, DELETE_CALLS, DELETE_ACTIONS, DELETE_ATTEMPTS] {
                    let done = query(statement).bind(tenant).bind(last).bind(cutoff).execute(&mut transaction).await?;
                    swept.attempts = done.rows_affected();
                }
            }
            let letters = query(DELETE_LETTERS).bind(tenant).bind(cutoff).bind(ROWS);
            swept.letters = letters.execute(&mut transaction).await?.rows_affected();
            let run: Option<i64> =
                query_scalar(OLD_RUN).bind(tenant).bind(cutoff).fetch_optional(&mut transaction).await?;
            if let Some(run) = run {
                let done = query(DELETE_TURNS).bind(run).bind(ROWS).execute(&mut transaction).await?;
                swept.turns = done.rows_affected();
            }
        }
        if let Some(cutoff) = before(keep.audit_days) {
            let done = query(DELETE_AUDIT).bind(scope.tenant.0).bind(cutoff).bind(ROWS);
            swept.audit = done.execute(&mut transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(swept)
    }

    /// Whether the journal had something to write within the last second, or somebody waits for the writer.
    pub fn is_dialling(&self) -> bool {
        !self.queue().journal_rests(std::time::Duration::from_secs(1)) || self.queue().waiting() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World, close};
    use crate::{AttemptFilter, Write};
    use domain::{AttemptId, RunId};

    crate::testing::on_both_engines! {
        what_is_older_than_it_is_kept_goes_and_what_is_younger_stays;
        numbers_go_on_where_they_were_when_everything_is_old;
        nothing_goes_that_is_kept_for_ever_or_still_open;
    }

    const DAY: i64 = 86_400 * 1_000_000;

    async fn sweep_all(store: &Store, keep: Retention, now: Timestamp) -> Swept {
        let mut all = Swept::default();
        for _ in 0..1_000 {
            let swept = store.sweep(&Scope::installation(), keep, now).await.unwrap();
            if swept.is_nothing() {
                return all;
            }
            all.events += swept.events;
            all.attempts += swept.attempts;
            all.turns += swept.turns;
            all.told += swept.told;
        }
        panic!("there is always something left");
    }

    /// Attempt 1 on the first day, attempt 2 a hundred days later; both over. The run goes on.
    async fn two_attempts(store: &Store) -> (World, RunId) {
        let world = World::of(store, 3).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
        for (id, at) in [(1, Timestamp(1_000_000)), (2, Timestamp(100 * DAY))] {
            let mut new = world.attempt(id, run, usize::try_from(id).unwrap() - 1, 0);
            new.scheduled_at = at;
            store.commit(&scope, vec![Write::Attempt(new)]).await.unwrap();
            let mut end = world.end(id, run, usize::try_from(id).unwrap() - 1, None);
            end.ended_at = at.plus_seconds(1);
            store.commit(&scope, vec![close(end)]).await.unwrap();
        }
        (world, run)
    }

    async fn attempts(store: &Store) -> Vec<i64> {
        let page =
            store.attempts(&Scope::installation(), &AttemptFilter { limit: 100, ..AttemptFilter::default() }).await;
        page.unwrap().iter().map(|attempt| attempt.id.0).collect()
    }

    async fn what_is_older_than_it_is_kept_goes_and_what_is_younger_stays(home: Home) {
        let store = home.open().await;
        let (_, run) = two_attempts(&store).await;
        let keep = Retention { events_days: 90, attempts_days: 90, audio_days: 30, audit_days: 1_826 };
        let scope = Scope::installation();
        let before = store.timeline(&scope, AttemptId(2)).await.unwrap();
        let swept = sweep_all(&store, keep, Timestamp(101 * DAY)).await;
        assert_eq!((swept.attempts, swept.turns), (1, 0));
        assert!(swept.events >= 2, "{swept:?}");
        assert_eq!(attempts(&store).await, [2]);
        assert_eq!(store.timeline(&scope, AttemptId(2)).await.unwrap(), before);
        assert!(store.timeline(&scope, AttemptId(1)).await.is_err(), "the attempt is gone, and its timeline");
        assert_eq!(store.run(&scope, run).await.unwrap().id, run);
        let mut transaction = store.begin().await.unwrap();
        for table in ["SELECT COUNT(*) FROM call", "SELECT COUNT(*) FROM leg"] {
            let left: i64 = query_scalar(table).fetch_one(&mut transaction).await.unwrap();
            assert_eq!(left, 1, "{table}");
        }
    }

    async fn numbers_go_on_where_they_were_when_everything_is_old(home: Home) {
        let store = home.open().await;
        let (world, run) = two_attempts(&store).await;
        let scope = Scope::installation();
        let last = store.run_timeline(&scope, run).await.unwrap().last().unwrap().clone();
        let keep = Retention { events_days: 1, ..Retention::default() };
        sweep_all(&store, keep, Timestamp(1_000 * DAY)).await;
        assert_eq!(store.run_timeline(&scope, run).await.unwrap(), std::slice::from_ref(&last));
        let newest = store.run_timeline(&scope, run).await.unwrap();
        let mut new = world.attempt(3, run, 2, 0);
        new.scheduled_at = Timestamp(1_000 * DAY);
        store.commit(&scope, vec![Write::Attempt(new)]).await.unwrap();
        let event = store.timeline(&scope, AttemptId(3)).await.unwrap()[0].clone();
        assert!(event.seq > newest[0].seq, "a sequence number never comes twice");
        let swept = sweep_all(&store, keep, Timestamp(10_000 * DAY)).await;
        assert_eq!(swept.attempts, 2, "the open one stays");
    }

    async fn nothing_goes_that_is_kept_for_ever_or_still_open(home: Home) {
        let store = home.open().await;
        let (world, run) = two_attempts(&store).await;
        let scope = Scope::installation();
        store.commit(&scope, vec![Write::Attempt(world.attempt(3, run, 2, 0))]).await.unwrap();
        let ever = Retention { events_days: 0, attempts_days: 0, audio_days: 0, audit_days: 0 };
        assert!(sweep_all(&store, ever, Timestamp(50_000 * DAY)).await.is_nothing());
        let keep = Retention { events_days: 0, attempts_days: 90, audio_days: 0, audit_days: 0 };
        sweep_all(&store, keep, Timestamp(50_000 * DAY)).await;
        assert_eq!(attempts(&store).await, [3], "an attempt that is open is never old");
    }

    #[test]
    fn days_that_the_caps_need_are_refused_by_field() {
        let wrong = |keep: Retention| keep.check().unwrap_err().field;
        assert_eq!(wrong(Retention { attempts_days: 89, ..Retention::default() }), "attempts_days");
        assert_eq!(wrong(Retention { events_days: 36_501, ..Retention::default() }), "events_days");
        assert!(Retention::default().check().is_ok());
        assert!(Retention { events_days: 0, attempts_days: 0, audio_days: 0, audit_days: 0 }.check().is_ok());
    }
}
