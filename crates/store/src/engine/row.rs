//! Rows of either engine.

use crate::error::Result;
use crate::sql::Columns;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A row, read by column name through [`Columns`].
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that the first column of a row can be read as.
pub(crate) trait Scalar: Sized {
    fn of(row: &Row) -> sqlx::Result<Self>;
}

macro_rules! get {
    ($row:expr, $index:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($index),
            Row::Postgres(row) => row.try_get($index),
        }
    };
}

macro_rules! scalar {
    ($($ty:ty),*) => {
        $(impl Scalar for $ty {
            fn of(row: &Row) -> sqlx::Result<Self> {
                get!(row, 0)
            }
        })*
    };
}

scalar!(i64, Option<i64>, String, Option<String>, Vec<u8>);

impl Columns for Row {
    fn int(&self, name: &str) -> Result<i64> {
        Ok(get!(self, name)?)
    }

    fn opt_int(&self, name: &str) -> Result<Option<i64>> {
        Ok(get!(self, name)?)
    }

    fn text(&self, name: &str) -> Result<String> {
        Ok(get!(self, name)?)
    }

    fn opt_text(&self, name: &str) -> Result<Option<String>> {
        Ok(get!(self, name)?)
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        Ok(get!(self, name)?)
    }

    fn opt_bytes(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(get!(self, name)?)
    }
}
