//! Both engines have the same tables.

use super::{Connection, query};
use crate::sql::Columns;
use crate::testing::Home;
use std::collections::BTreeSet;

/// `table column type null|required`, one row a column; `_sqlx_migrations` is the migrator's own.
const SQLITE_COLUMNS: &str = "SELECT t.name || ' ' || c.name || ' ' || lower(c.type) || \
    CASE WHEN c.\"notnull\" <> 0 OR c.pk > 0 THEN ' required' ELSE ' null' END AS line \
    FROM sqlite_master t, pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'";
const POSTGRES_COLUMNS: &str = "SELECT c.table_name || ' ' || c.column_name || ' ' || \
    CASE c.data_type WHEN 'bigint' THEN 'integer' WHEN 'bytea' THEN 'blob' ELSE c.data_type END || \
    CASE c.is_nullable WHEN 'NO' THEN ' required' ELSE ' null' END AS line FROM information_schema.columns c \
    WHERE c.table_schema = CURRENT_SCHEMA AND c.table_name <> '_sqlx_migrations'";

/// `table primary|unique|index name (columns) [partial]`. Constraints have no name; a primary key of one integer is the
/// row itself in SQLite and no index.
const SQLITE_INDEXES: &str = "SELECT t.name || CASE i.origin WHEN 'u' THEN ' unique' ELSE ' index ' || i.name || \
    CASE i.\"unique\" WHEN 1 THEN ' unique' ELSE '' END END || \
    (SELECT ' (' || group_concat(c.name, ', ') || ')' FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c) \
    || CASE i.partial WHEN 1 THEN ' partial' ELSE '' END AS line FROM sqlite_master t, pragma_index_list(t.name) i \
    WHERE t.type = 'table' AND t.name <> '_sqlx_migrations' AND i.origin <> 'pk' \
    UNION ALL SELECT t.name || ' primary (' || (SELECT group_concat(c.name, ', ') FROM \
    (SELECT name FROM pragma_table_info(t.name) WHERE pk > 0 ORDER BY pk) c) || ')' FROM sqlite_master t \
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'";
const POSTGRES_INDEXES: &str = "SELECT t.relname || CASE k.contype WHEN 'p' THEN ' primary' WHEN 'u' THEN ' unique' \
    ELSE ' index ' || i.relname || CASE WHEN x.indisunique THEN ' unique' ELSE '' END END || ' (' || \
    (SELECT string_agg(a.attname, ', ' ORDER BY n) FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS u (attnum, n) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.attnum) || ')' || \
    CASE WHEN x.indpred IS NULL THEN '' ELSE ' partial' END AS line \
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
    LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.contype IN ('p', 'u') \
    WHERE t.relnamespace = CURRENT_SCHEMA::regnamespace AND t.relname <> '_sqlx_migrations'";

/// `table (column) names other`.
const SQLITE_REFERENCES: &str = "SELECT t.name || ' (' || f.\"from\" || ') names ' || f.\"table\" AS line \
    FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'";
const POSTGRES_REFERENCES: &str = "SELECT t.relname || ' (' || a.attname || ') names ' || o.relname AS line \
    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class o ON o.oid = k.confrelid \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1] WHERE k.contype = 'f'";

async fn schema(home: Home) -> BTreeSet<String> {
    let store = home.open().await;
    let mut transaction = store.begin().await.unwrap();
    let statements = match &*transaction {
        Connection::Sqlite(_) => [SQLITE_COLUMNS, SQLITE_INDEXES, SQLITE_REFERENCES],
        Connection::Postgres(_) => [POSTGRES_COLUMNS, POSTGRES_INDEXES, POSTGRES_REFERENCES],
    };
    let mut lines = BTreeSet::new();
    for statement in statements {
        let rows = query(statement).fetch_all(&mut transaction).await.unwrap();
        assert!(rows.len() > 10, "{statement} finds too little");
        lines.extend(rows.iter().map(|row| row.text("line").unwrap()));
    }
    lines
}

#[tokio::test]
async fn both_engines_have_the_same_columns_keys_indexes_and_references() {
    let (sqlite, postgres) = (schema(Home::new()).await, schema(Home::on_postgres()).await);
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!((only(&sqlite, &postgres), only(&postgres, &sqlite)), (vec![], vec![]), "SQLite only, PostgreSQL only");
}
