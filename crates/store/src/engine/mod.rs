//! One way to speak SQL to two engines, SQLite and PostgreSQL.
//!
//! A statement is one text with `$1` place-holders for both. [`query`] collects its values as [`Value`]s, and runs it on
//! a [`Pool`] (`self.readers()`) or a [`Connection`] (a [`Transaction`] is one, too); rows are read by column name through
//! [`Columns`](crate::sql::Columns):
//!
//! ```ignore
//! let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
//! let mut transaction = self.begin().await?;
//! let id: i64 = query_scalar(CREATE).bind(name).fetch_one(&mut transaction).await?;
//! query(SET).bind(id).bind(None::<String>).execute(&mut transaction).await?;
//! transaction.commit().await?;
//! ```
//!
//! Values are 64-bit integers (flags are 0 or 1, instants microseconds), texts and bytes, each possibly null; nothing
//! else is stored. What one text cannot say on both engines is in [`sqlite`] and [`postgres`], and in the import, which
//! copies rows into PostgreSQL.
//! For both: integers in PostgreSQL are BIGINT, so cast what is not (`CAST(SUM(x) AS BIGINT)`); a value inserted as an
//! identity must not be null; every sub-select in FROM has a name; a place-holder is first used where its type shows
//! (`(a.id = $2 OR $2 IS NULL)`, not the other way round).

pub(crate) mod postgres;
mod query;
mod row;
#[cfg(test)]
mod schema_tests;
pub(crate) mod sqlite;
mod value;

pub(crate) use query::{Query, query, query_joined, query_scalar};
pub(crate) use row::Row;
pub(crate) use value::Value;

use postgres::in_time;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::watch;

/// Connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// To a file.
    Sqlite(sqlx::SqlitePool),
    /// To a server.
    Postgres(sqlx::PgPool),
}

impl Pool {
    /// Begins a transaction that will write. SQLite: takes the write lock at once, so that nothing can fail half way
    /// for want of it.
    pub(crate) async fn begin_write(&self) -> sqlx::Result<Transaction> {
        Ok(Transaction::of(match self {
            Self::Sqlite(pool) => Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Connection::Postgres(in_time(pool.begin()).await?),
        }))
    }

    /// Begins a transaction that reads: all its statements see one instant.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        Ok(Transaction::of(match self {
            Self::Sqlite(pool) => Connection::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                let begun = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Connection::Postgres(in_time(begun).await?)
            }
        }))
    }

    /// Closes a connection that nobody uses; the next one asked for is made anew. SQLite's writer is the only one of its
    /// pool. PostgreSQL's are tested before they are used.
    pub(crate) async fn renew(&self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(pool) => pool.acquire().await?.close().await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Whether SQLite's log could be emptied; PostgreSQL has none of ours.
    pub(crate) async fn empty_log(&self) -> sqlx::Result<bool> {
        match self {
            Self::Sqlite(pool) => {
                let busy: i64 = sqlx::query_scalar(sqlite::EMPTY_LOG).fetch_one(pool).await?;
                Ok(busy == 0)
            }
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Waits until every connection is back, and closes them.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection in a transaction.
#[derive(Debug)]
pub(crate) enum Connection {
    /// To a file.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// To a server.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

#[cfg(test)]
impl Connection {
    /// Whether the engine understands a statement.
    pub(crate) async fn prepare(&mut self, sql: &'static str) -> sqlx::Result<()> {
        use sqlx::{Executor, SqlStr};
        let sql = SqlStr::from_static(sql);
        match self {
            Self::Sqlite(connection) => connection.prepare(sql).await.map(drop),
            Self::Postgres(connection) => connection.prepare(sql).await.map(drop),
        }
    }
}

/// A transaction. Dropped without `commit`, it changes nothing.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Connection,
    wakes: Option<Arc<watch::Sender<()>>>,
}

impl Transaction {
    fn of(connection: Connection) -> Self {
        Self { connection, wakes: None }
    }

    /// Those who watch are told when it is committed.
    pub(crate) fn waking(self, wakes: &Arc<watch::Sender<()>>) -> Self {
        Self { wakes: Some(Arc::clone(wakes)), ..self }
    }

    /// When this returns, everything is on the disk.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self.connection {
            Connection::Sqlite(transaction) => transaction.commit().await,
            Connection::Postgres(transaction) => in_time(transaction.commit()).await,
        }?;
        if let Some(wakes) = self.wakes {
            wakes.send_replace(());
        }
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
