//! After PostgreSQL's own tools put a dump in place: what [`super::restore`] does for a file by itself.

use super::{Present, hold, jump};
use crate::db::{Settings, Store};
use crate::engine::query_scalar;
use crate::error::{Error, Result};
use domain::Timestamp;

statements! {
    LAST_EVENT_AT = "SELECT COALESCE(MAX(at), 0) FROM event";
}

/// A database that was told that it is a restored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// When the dump was made: calls after that are not known.
    pub taken_at: Timestamp,
    /// When the hold ends by itself.
    pub lift_at: Timestamp,
    /// The epoch that the next start is above.
    pub epoch: i64,
    /// The first attempt id that will be handed out.
    pub attempt_id: i64,
}

/// Tells the database on the server that it was restored from a dump made at `taken_at`, or, when that is not given, at its
/// last event: epoch and ids jump above what can have been handed out since, and dialling is held. The server must be stopped.
///
/// Refused: a database in a file, an instant to come, a database that is in use.
pub async fn mark_restored(settings: &Settings, taken_at: Option<Timestamp>) -> Result<Marked> {
    if settings.server.is_none() {
        let why = "is a file: carillon restore FILE does this by itself".to_owned();
        return Err(Error::Conflict { what: "the database".to_owned(), why });
    }
    let store = Store::open(settings).await?;
    let done = mark(&store, taken_at).await;
    store.close().await;
    done
}

async fn mark(store: &Store, taken_at: Option<Timestamp>) -> Result<Marked> {
    let now = crate::sql::now();
    let last: i64 = query_scalar(LAST_EVENT_AT).fetch_one(store.readers()).await?;
    let taken_at = taken_at.unwrap_or(Timestamp(last));
    if taken_at > now {
        return Err(domain::Invalid::new("taken-at", format!("{taken_at} is still to come")).into());
    }
    // What was there before is gone, or it would not have been restored.
    let present = Present::Missing;
    let mut transaction = store.begin().await?;
    let (epoch, attempt_id) = jump::jump(taken_at, &present, now, &mut transaction).await?;
    let lift_at = hold::mark(taken_at, now, attempt_id, &mut transaction).await?;
    jump::jump_event(&present, &mut transaction).await?;
    transaction.commit().await?;
    Ok(Marked { taken_at, lift_at, epoch, attempt_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;
    use crate::journal::{IdKind, Write, Written};
    use crate::testing::{Home, World};

    #[tokio::test]
    async fn a_restored_server_hands_out_no_number_again_and_holds() {
        let home = Home::on_postgres();
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let before = store.begin_epoch().await.unwrap();
        store.close().await;
        drop(store);
        let dump_at = crate::sql::now();
        let marked = mark_restored(&home.settings, Some(dump_at)).await.unwrap();
        assert_eq!(marked.taken_at, dump_at);
        assert!(marked.epoch >= dump_at.0 / 1_000_000 && marked.lift_at > dump_at);
        let store = home.open().await;
        assert!(store.begin_epoch().await.unwrap().epoch > before.epoch.max(marked.epoch));
        assert_eq!(store.open_restore(&scope).await.unwrap().unwrap().taken_at, dump_at);
        let ids = store.commit(&scope, vec![Write::Ids { kind: IdKind::Attempt, count: 1 }]).await.unwrap();
        assert!(matches!(ids[0], Written::Ids { from, .. } if from == marked.attempt_id && from > 10_000), "{ids:?}");
        let list = store.create_list(&scope, "after").await.unwrap();
        assert!(list.id.0 > world.list.id.0 + 1_000, "{list:?}");
    }

    #[tokio::test]
    async fn a_file_and_an_instant_to_come_are_refused() {
        let home = Home::new();
        drop(home.open().await);
        assert_eq!(mark_restored(&home.settings, None).await.unwrap_err().code(), "conflict");
        let home = Home::on_postgres();
        drop(home.open().await);
        let later = crate::sql::now().plus_seconds(60);
        assert!(mark_restored(&home.settings, Some(later)).await.unwrap_err().to_string().contains("to come"));
        // Without an instant it is that of the last event.
        assert_eq!(mark_restored(&home.settings, None).await.unwrap().taken_at, Timestamp(0));
    }
}
