//! Looking at a database beside the process that serves it.

use crate::db::Store;
use crate::engine::{Pool, postgres, query_scalar, sqlite};
use crate::error::Result;
use domain::Timestamp;

statements! {
    NEWEST_EVENT = "SELECT MAX(at) FROM event";
}

/// What the file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// `wal` in every database that a server has opened.
    pub journal_mode: String,
    /// SQLite's words about the first damage it found; `None`: it found none.
    pub damage: Option<String>,
}

/// What keeps the data, and how much there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// As the engine writes it, e.g. `3.50.2`.
    pub version: String,
    /// Size of the database, without what is still in a log.
    pub bytes: u64,
}

impl Store {
    /// The engine and the size of the database.
    pub async fn keeper(&self) -> Result<Keeper> {
        let (engine, version, bytes) = match self.readers() {
            Pool::Sqlite(_) => ("SQLite", sqlite::VERSION, sqlite::BYTES),
            Pool::Postgres(_) => ("PostgreSQL", postgres::VERSION, postgres::BYTES),
        };
        let version: String = query_scalar(version).fetch_one(self.readers()).await?;
        let bytes: i64 = query_scalar(bytes).fetch_one(self.readers()).await?;
        Ok(Keeper { engine, version, bytes: u64::try_from(bytes).unwrap_or(0) })
    }

    /// When the newest event was written, by the wall clock of then; `None` in a database without any.
    pub async fn newest_event_at(&self) -> Result<Option<Timestamp>> {
        let at: Option<i64> = query_scalar(NEWEST_EVENT).fetch_one(self.readers()).await?;
        Ok(at.map(Timestamp))
    }

    /// Reads the whole file, a second per GB or so; `None` on a server, which looks after its own.
    pub async fn file_state(&self) -> Result<Option<FileState>> {
        let Pool::Sqlite(pool) = self.readers() else { return Ok(None) };
        let (journal_mode, said) = sqlite::file_state(pool).await?;
        Ok(Some(FileState { journal_mode, damage: (said != "ok").then_some(said) }))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Home, World};
    use crate::{Error, Scope, Store};

    #[tokio::test]
    async fn a_served_database_is_read_beside_its_server_and_not_written() {
        let home = Home::new();
        assert!(matches!(Store::open_to_read(&home.settings).await, Err(Error::Io { .. })));
        assert!(!home.settings.path.exists(), "looking makes no database");
        let served = home.open().await;
        let world = World::make(&served).await;
        let beside = Store::open_to_read(&home.settings).await.unwrap();
        let scope = Scope::installation();
        assert_eq!(beside.pbxs(&scope).await.unwrap(), std::slice::from_ref(&world.pbx));
        assert_eq!(beside.pbx_password(&scope, world.pbx.id).await.unwrap(), "secret");
        assert!(beside.create_list(&scope, "no").await.is_err());
        let state = beside.file_state().await.unwrap().unwrap();
        assert_eq!((state.journal_mode.as_str(), state.damage), ("wal", None));
        let keeper = beside.keeper().await.unwrap();
        assert_eq!(keeper.engine, "SQLite");
        assert!(keeper.version.starts_with("3."), "{keeper:?}");
        assert!((4_096..100_000_000).contains(&keeper.bytes), "{keeper:?}");
        assert_eq!(beside.newest_event_at().await.unwrap(), None);
        beside.close().await;
        served.close().await;
    }

    #[tokio::test]
    async fn damage_is_found() {
        let home = Home::new();
        let store = home.open().await;
        World::of(&store, 1_000).await;
        store.close().await;
        let mut bytes = std::fs::read(&home.settings.path).unwrap();
        let half = bytes.len() / 2;
        for page in (half..bytes.len()).step_by(4_096) {
            bytes[page..page + 512].fill(0xa5);
        }
        std::fs::write(&home.settings.path, bytes).unwrap();
        let store = Store::open_to_read(&home.settings).await;
        let found = match store {
            Ok(store) => store.file_state().await.map(|state| state.unwrap().damage),
            Err(error) => Err(error),
        };
        assert!(!matches!(found, Ok(None)), "{found:?}");
    }
}
