//! The further numbers of contacts: a column beside the contact's own number, and an index of their keys.

use crate::engine::{Connection, Row, query};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::{Columns, decode};
use domain::{Alternates, Attributes, Dialable, ListId, Numbered};
use std::sync::LazyLock;

/// Keys that one statement writes.
const KEYS: usize = 25;

statements! {
    pub(crate) LAST = "SELECT COALESCE(MAX(id), 0) FROM contact";
    pub(crate) BEHIND = "SELECT id, alternates FROM contact \
        WHERE list_id = $2 AND id > $3 AND alternates IS NOT NULL AND tenant_id = $1 ORDER BY id";
    ADD = "INSERT INTO contact_number (tenant_id, list_id, contact_id, number_key) VALUES ($1, $2, $3, $4) \
        ON CONFLICT DO NOTHING";
    REMOVE = "DELETE FROM contact_number WHERE contact_id = $2 AND tenant_id = $1";
}

static ADD_MANY: LazyLock<String> = LazyLock::new(|| {
    let rows: Vec<String> = (0..KEYS).map(|row| format!("($1, $2, ${}, ${})", 3 + 2 * row, 4 + 2 * row)).collect();
    let head = "INSERT INTO contact_number (tenant_id, list_id, contact_id, number_key) VALUES";
    format!("{head} {} ON CONFLICT DO NOTHING", rows.join(", "))
});

/// What stands for a new number. Random, not an id: it says nothing about the person once the row is erased.
pub(crate) fn new_ref() -> i64 {
    rand::random_range(1..=i64::MAX)
}

/// The further numbers that the attributes name; `None`: none.
pub(crate) fn alternates(
    number: &Dialable,
    attributes: &Attributes,
    country: Option<&str>,
    secret: u64,
    had: Option<&Alternates>,
) -> Option<Alternates> {
    Alternates::of(number, attributes, country, secret, had, new_ref)
}

/// Those of a row of contacts.
pub(crate) fn read(row: &Row) -> Result<Option<Alternates>> {
    let Some(text) = row.opt_text("alternates")? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| decode("alternates", &error.to_string()))
}

/// The first further number of a row of contacts that is meant.
pub(crate) fn further(row: &Row, is_meant: impl Fn(&Numbered) -> bool) -> Result<Option<Numbered>> {
    Ok(read(row)?.and_then(|further| further.numbers.into_iter().find(is_meant)))
}

/// Makes contacts of a list findable by their further numbers.
pub(crate) async fn index(
    scope: &Scope,
    list: ListId,
    contacts: &[(i64, &Alternates)],
    connection: &mut Connection,
) -> Result<()> {
    let keys: Vec<(i64, i64)> =
        contacts.iter().flat_map(|(id, found)| found.numbers.iter().map(|one| (*id, one.key.0))).collect();
    for some in keys.chunks(KEYS) {
        if some.len() == KEYS {
            let sql: &'static str = &ADD_MANY;
            let mut statement = query(sql).bind(scope.tenant.0).bind(list.0);
            for (contact, key) in some {
                statement = statement.bind(*contact).bind(*key);
            }
            statement.execute(&mut *connection).await?;
            continue;
        }
        for (contact, key) in some {
            let statement = query(ADD).bind(scope.tenant.0).bind(list.0).bind(*contact).bind(*key);
            statement.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// The same of the contacts of a list behind `after`, which were written many at a time.
pub(crate) async fn index_behind(scope: &Scope, list: ListId, after: i64, connection: &mut Connection) -> Result<()> {
    let rows = query(BEHIND).bind(scope.tenant.0).bind(list.0).bind(after).fetch_all(&mut *connection).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(alternates) = read(row)? {
            found.push((row.int("id")?, alternates));
        }
    }
    let found: Vec<(i64, &Alternates)> = found.iter().map(|(id, alternates)| (*id, alternates)).collect();
    index(scope, list, &found, connection).await
}

/// The same of a contact whose numbers are others now.
pub(crate) async fn index_again(
    scope: &Scope,
    list: ListId,
    contact: i64,
    now: Option<&Alternates>,
    connection: &mut Connection,
) -> Result<()> {
    query(REMOVE).bind(scope.tenant.0).bind(contact).execute(&mut *connection).await?;
    match now {
        Some(now) => index(scope, list, &[(contact, now)], connection).await,
        None => Ok(()),
    }
}

/// For the test that prepares every statement.
#[cfg(test)]
pub(crate) fn statements() -> [(&'static str, &'static str); 1] {
    [("ADD_MANY", ADD_MANY.as_str())]
}

#[cfg(test)]
mod tests;
