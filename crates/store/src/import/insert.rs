//! Contacts into a list by the thousand.
//!
//! PostgreSQL takes them by `COPY`. SQLite takes several per statement: the way to SQLite's thread and back costs more than a row. Few enough, though,
//! that binding stays cheap: SQLite looks each place-holder up by name.

use super::reader::{Row, Verdict};
use crate::contacts::NewContact;
use crate::contacts::numbers::{LAST, alternates, index_behind, new_ref};
use crate::engine::postgres::CopyRows;
use crate::engine::{Connection, query, query_scalar};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::json_of;
use domain::{Dialable, ImportId, ListId, NumberKey};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Rows per insert.
const ROWS: usize = 25;
/// Keys per look-up.
const KEYS: usize = 50;

const HEAD: &str = "INSERT INTO contact (tenant_id, list_id, import_id, number_ref, number_as_given, number, e164, \
    number_key, attributes, import_row, alternates) VALUES ";

/// The columns of [`HEAD`], for PostgreSQL.
const COPY: &str = "COPY contact (tenant_id, list_id, import_id, number_ref, number_as_given, number, e164, \
    number_key, attributes, import_row, alternates) FROM STDIN";
/// The keys of a chunk at once, between commas, for PostgreSQL.
const EXISTING_OF: &str = "SELECT number_key FROM contact WHERE tenant_id = $1 AND list_id = $2 \
    AND number_key = ANY (CAST(string_to_array($3, ',') AS BIGINT[])) \
    UNION SELECT number_key FROM contact_number WHERE tenant_id = $1 AND list_id = $2 \
    AND number_key = ANY (CAST(string_to_array($3, ',') AS BIGINT[]))";

static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert_sql(ROWS));
static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert_sql(1));
static EXISTING: LazyLock<String> = LazyLock::new(|| {
    let holders: Vec<String> = (0..KEYS).map(|key| format!("${}", key + 3)).collect();
    let holders = holders.join(", ");
    format!(
        "SELECT number_key FROM contact WHERE tenant_id = $1 AND list_id = $2 AND number_key IN ({holders}) \
        UNION SELECT number_key FROM contact_number WHERE tenant_id = $1 AND list_id = $2 AND number_key IN ({holders})"
    )
});

/// A good row, ready to be written.
pub(crate) struct Line {
    line: Option<u64>,
    number: Dialable,
    pub(crate) key: NumberKey,
    attributes: String,
    /// Its further numbers as JSON.
    alternates: Option<String>,
    /// Their keys.
    further: Vec<NumberKey>,
}

impl Line {
    /// Takes what is written out of `row`; its verdict and warnings stay. `None` for a refused row. `secret` keys the numbers,
    /// `country` is that of further ones.
    pub(crate) fn of(row: &mut Row, country: Option<&str>, secret: u64) -> Option<Self> {
        let Verdict::Accepted(candidate) = &mut row.verdict else { return None };
        let attributes = std::mem::take(&mut candidate.attributes);
        let contact = NewContact { number: candidate.number.clone(), attributes };
        Some(Self { line: Some(row.line), ..Self::of_contact(contact, country, secret) })
    }

    /// Of a contact that is in no file.
    pub(crate) fn of_contact(contact: NewContact, country: Option<&str>, secret: u64) -> Self {
        let NewContact { number, attributes } = contact;
        let found = alternates(&number, &attributes, country, secret, None);
        let further = found.iter().flat_map(|found| &found.numbers).map(|one| one.key).collect();
        let (key, attributes, alternates) = (number.key(secret), json_of(&attributes), found.as_ref().map(json_of));
        Self { line: None, key, number, attributes, alternates, further }
    }

    /// Whether its own number is none of those that `seen` holds; all of its numbers are among them then. Two people may
    /// share a further number: who has one of his own is somebody else.
    pub(crate) fn is_new(&self, seen: &mut HashSet<NumberKey>) -> bool {
        if !seen.insert(self.key) {
            return false;
        }
        seen.extend(&self.further);
        true
    }
}

/// Writes contacts in order; `job` is the import they come from.
pub(crate) async fn insert(
    scope: &Scope,
    list: ListId,
    job: Option<ImportId>,
    lines: Vec<Line>,
    connection: &mut Connection,
) -> Result<()> {
    let several = lines.iter().any(|line| line.alternates.is_some());
    let after: i64 = if several { query_scalar(LAST).fetch_one(&mut *connection).await? } else { 0 };
    write(scope, list, job, lines, connection).await?;
    if several { index_behind(scope, list, after, connection).await } else { Ok(()) }
}

async fn write(
    scope: &Scope,
    list: ListId,
    job: Option<ImportId>,
    lines: Vec<Line>,
    connection: &mut Connection,
) -> Result<()> {
    if let Connection::Postgres(connection) = connection {
        return Ok(copy_rows(scope, list, job, &lines).send(COPY, connection).await?);
    }
    let mut lines = lines.into_iter();
    while lines.len() > 0 {
        let (sql, count): (&'static str, usize) =
            if lines.len() >= ROWS { (&INSERT_ROWS, ROWS) } else { (&INSERT_ROW, 1) };
        let mut query = query(sql).bind(scope.tenant.0).bind(list.0).bind(job.map(|job| job.0));
        for line in lines.by_ref().take(count) {
            query = query
                .bind(new_ref())
                .bind(line.number.as_given)
                .bind(line.number.dialled)
                .bind(line.number.e164)
                .bind(line.key.0)
                .bind(line.attributes)
                .bind(line.line.map(as_int))
                .bind(line.alternates);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn as_int(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

fn copy_rows(scope: &Scope, list: ListId, job: Option<ImportId>, lines: &[Line]) -> CopyRows {
    let mut rows = CopyRows::default();
    for line in lines {
        rows.int(scope.tenant.0);
        rows.int(list.0);
        match job {
            Some(job) => rows.int(job.0),
            None => rows.column(None),
        }
        rows.int(new_ref());
        rows.column(Some(&line.number.as_given));
        rows.column(Some(&line.number.dialled));
        rows.column(line.number.e164.as_deref());
        rows.int(line.key.0);
        rows.column(Some(&line.attributes));
        match line.line {
            Some(line) => rows.int(as_int(line)),
            None => rows.column(None),
        }
        rows.column(line.alternates.as_deref());
        rows.end_row();
    }
    rows
}

/// Which of `keys` the list has, as a number of a contact of its own or as a further one.
pub(crate) async fn existing_keys(
    scope: &Scope,
    list: ListId,
    keys: impl Iterator<Item = NumberKey>,
    connection: &mut Connection,
) -> Result<HashSet<NumberKey>> {
    let keys: Vec<i64> = keys.map(|key| key.0).collect();
    if let Connection::Postgres(_) = connection {
        let keys = keys.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let found =
            query_scalar(EXISTING_OF).bind(scope.tenant.0).bind(list.0).bind(keys).fetch_all(connection).await?;
        return Ok(found.into_iter().map(NumberKey).collect());
    }
    let mut found = HashSet::new();
    for some in keys.chunks(KEYS) {
        let sql: &'static str = &EXISTING;
        let mut query = query_scalar(sql).bind(scope.tenant.0).bind(list.0);
        // The statement has one length: the last key fills it up.
        for index in 0..KEYS {
            query = query.bind(some[index.min(some.len() - 1)]);
        }
        found.extend(query.fetch_all(&mut *connection).await?.into_iter().map(NumberKey));
    }
    Ok(found)
}

fn insert_sql(rows: usize) -> String {
    let mut sql = HEAD.to_owned();
    for row in 0..rows {
        let first = 4 + 8 * row;
        let separator = if row == 0 { "" } else { ", " };
        write!(sql, "{separator}($1, $2, $3").expect("a String takes everything");
        for column in first..first + 8 {
            write!(sql, ", ${column}").expect("a String takes everything");
        }
        sql.push(')');
    }
    sql
}

/// For the test that prepares every statement.
#[cfg(test)]
pub(crate) fn statements() -> [(&'static str, &'static str); 3] {
    [("INSERT_ROWS", &INSERT_ROWS), ("INSERT_ROW", &INSERT_ROW), ("EXISTING", &EXISTING)]
}
