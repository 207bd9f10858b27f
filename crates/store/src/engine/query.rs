//! Statements with their values, run on either engine.

use super::postgres::in_time;
use super::row::Scalar;
use super::{Connection, Pool, Row, Transaction, Value, value};
use crate::sql::Joined;
use sqlx::{SqlSafeStr, SqlStr};
use std::marker::PhantomData;

/// Where a statement runs.
pub(crate) enum On<'a> {
    Pool(&'a Pool),
    Connection(&'a mut Connection),
}

impl<'a> From<&'a Pool> for On<'a> {
    fn from(pool: &'a Pool) -> Self {
        Self::Pool(pool)
    }
}

impl<'a> From<&'a mut Connection> for On<'a> {
    fn from(connection: &'a mut Connection) -> Self {
        Self::Connection(connection)
    }
}

impl<'a> From<&'a mut Transaction> for On<'a> {
    fn from(transaction: &'a mut Transaction) -> Self {
        Self::Connection(transaction)
    }
}

/// What a statement did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    rows_affected: u64,
}

impl Done {
    /// Rows inserted, updated or deleted.
    pub(crate) fn rows_affected(self) -> u64 {
        self.rows_affected
    }
}

/// A statement and its values.
#[must_use = "a query does nothing until it is executed or fetched"]
pub(crate) struct Query {
    sql: SqlStr,
    values: Vec<Value>,
    /// Of a joined statement: its parts with the number of values of each.
    parts: &'static [(&'static str, usize)],
}

/// A statement: a constant with `$1` place-holders. Only such texts are taken, so that values are always bound.
pub(crate) fn query(sql: impl SqlSafeStr) -> Query {
    Query { sql: sql.into_sql_str(), values: Vec::new(), parts: &[] }
}

/// Several statements that are run together; see [`Joined`]. Only for [`Query::execute`].
pub(crate) fn query_joined(joined: &'static Joined) -> Query {
    Query { parts: &joined.parts, ..query(joined.text) }
}

/// A statement whose rows have one column.
pub(crate) fn query_scalar<T>(sql: impl SqlSafeStr) -> QueryScalar<T> {
    QueryScalar { query: query(sql), ty: PhantomData }
}

/// Prepares nothing twice: the drivers keep statements by text.
macro_rules! run {
    ($query:expr, $on:expr, $how:ident) => {
        match $on {
            On::Pool(Pool::Sqlite(pool)) => {
                let arguments = value::sqlite($query.values)?;
                sqlx::query_with($query.sql, arguments).$how(pool).await?.into()
            }
            On::Pool(Pool::Postgres(pool)) => {
                let arguments = value::postgres($query.values.into_iter())?;
                in_time(sqlx::query_with($query.sql, arguments).$how(pool)).await?.into()
            }
            On::Connection(Connection::Sqlite(connection)) => {
                let arguments = value::sqlite($query.values)?;
                sqlx::query_with($query.sql, arguments).$how(&mut **connection).await?.into()
            }
            On::Connection(Connection::Postgres(connection)) => {
                let arguments = value::postgres($query.values.into_iter())?;
                in_time(sqlx::query_with($query.sql, arguments).$how(&mut **connection)).await?.into()
            }
        }
    };
}

impl Query {
    /// The value of the next place-holder.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The same when there is one; without one there is no next place-holder.
    pub(crate) fn bind_some(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.bind(value),
            None => self,
        }
    }

    /// Runs it for its effect.
    pub(crate) async fn execute<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Done> {
        match on.into() {
            On::Connection(Connection::Postgres(connection)) if !self.parts.is_empty() => {
                let mut values = self.values.into_iter();
                let mut rows_affected = 0;
                for (sql, count) in self.parts {
                    let arguments = value::postgres(values.by_ref().take(*count))?;
                    let done = in_time(sqlx::query_with(*sql, arguments).execute(&mut **connection)).await?;
                    rows_affected += done.rows_affected();
                }
                Ok(Done { rows_affected })
            }
            on => Ok(run!(self, on, execute)),
        }
    }

    /// Its only row.
    pub(crate) async fn fetch_one<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Row> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Its first row.
    pub(crate) async fn fetch_optional<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Option<Row>> {
        let found: Found = run!(self, on.into(), fetch_optional);
        Ok(found.0)
    }

    /// The first column of its only row.
    pub(crate) async fn fetch_scalar<'a, T: Scalar>(self, on: impl Into<On<'a>>) -> sqlx::Result<T> {
        T::of(&self.fetch_one(on).await?)
    }

    /// All its rows.
    pub(crate) async fn fetch_all<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Vec<Row>> {
        let found: FoundAll = run!(self, on.into(), fetch_all);
        Ok(found.0)
    }
}

/// A statement whose rows have one column, with its values.
#[must_use = "a query does nothing until it is fetched"]
pub(crate) struct QueryScalar<T> {
    query: Query,
    ty: PhantomData<fn() -> T>,
}

impl<T: Scalar> QueryScalar<T> {
    /// The value of the next place-holder.
    pub(crate) fn bind(self, value: impl Into<Value>) -> Self {
        Self { query: self.query.bind(value), ..self }
    }

    /// As [`Query::bind_some`].
    pub(crate) fn bind_some(self, value: Option<i64>) -> Self {
        Self { query: self.query.bind_some(value), ..self }
    }

    /// Its only row's value.
    pub(crate) async fn fetch_one<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<T> {
        self.query.fetch_scalar(on).await
    }

    /// Its first row's value.
    pub(crate) async fn fetch_optional<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Option<T>> {
        self.query.fetch_optional(on).await?.as_ref().map(T::of).transpose()
    }

    /// The values of all its rows.
    pub(crate) async fn fetch_all<'a>(self, on: impl Into<On<'a>>) -> sqlx::Result<Vec<T>> {
        self.query.fetch_all(on).await?.iter().map(T::of).collect()
    }
}

struct Found(Option<Row>);
struct FoundAll(Vec<Row>);

macro_rules! results {
    ($done:ty, $row:ty, $engine:ident) => {
        impl From<$done> for Done {
            fn from(done: $done) -> Self {
                Self { rows_affected: done.rows_affected() }
            }
        }

        impl From<Option<$row>> for Found {
            fn from(row: Option<$row>) -> Self {
                Self(row.map(Row::$engine))
            }
        }

        impl From<Vec<$row>> for FoundAll {
            fn from(rows: Vec<$row>) -> Self {
                Self(rows.into_iter().map(Row::$engine).collect())
            }
        }
    };
}

results!(sqlx::sqlite::SqliteQueryResult, sqlx::sqlite::SqliteRow, Sqlite);
results!(sqlx::postgres::PgQueryResult, sqlx::postgres::PgRow, Postgres);
