//! From an older version to this one: with everything in it, and never half way.

use super::*;
use crate::installation::Installation;
use crate::restore::restore;
use crate::secret::Cipher;
use crate::testing::{Home, content};
use crate::{Scope, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "CARILLON_SCHEMA_TEST_FOLDER";
/// Fills a table for far longer than the test waits.
const ENDLESS: &str = "CREATE TABLE half_done (n INTEGER) STRICT; INSERT INTO half_done \
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT i FROM n";
/// Its first half works.
const WRONG: &str = "CREATE TABLE half_done (n INTEGER) STRICT; INSERT INTO nowhere VALUES (1)";

async fn pool(path: &Path) -> SqlitePool {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

/// A database of version 1 as its program left it.
async fn of_version_1(home: &Home) {
    let pool = pool(&home.settings.path).await;
    let writer = Pool::Sqlite(pool.clone());
    migrate(&writer, &VERSIONS[..1], None).await.unwrap();
    let cipher = Cipher::load(&home.settings.key_file, true).unwrap();
    Installation::read_or_create(&writer, &cipher, &home.settings.key_file).await.unwrap();
    let pbx = "INSERT INTO pbx VALUES (1, 1, 'office', '127.0.0.1', 8088, 'carillon', $1, 'carillon', 100)";
    sqlx::query(pbx).bind(cipher.seal("pbx.password of tenant 1 pbx 1", b"secret")).execute(&pool).await.unwrap();
    sqlx::raw_sql(include_str!("../../tests/fixtures/v1.sql")).execute(&pool).await.unwrap();
    pool.close().await;
}

/// Without what the migrator and the lease write.
async fn kept(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut content = content(path).await;
    content.retain(|table, _| !["_sqlx_migrations", "site_lease", "site_writer"].contains(&table.as_str()));
    content
}

fn with(sql: &'static str) -> Vec<Version> {
    let next = Version { name: "next", sqlite: sql, postgres: "" };
    [VERSIONS, &[next]].concat()
}

#[tokio::test]
async fn a_database_of_version_1_is_brought_up_with_everything_in_it() {
    let home = Home::new();
    of_version_1(&home).await;
    let before = kept(&home.settings.path).await;
    assert!(before.values().map(Vec::len).sum::<usize>() > 30, "the fixture has rows");
    let store = home.open().await;
    let scope = Scope::installation();
    assert_eq!(store.hold(&scope).await.unwrap().unwrap().why, "lunch");
    let run = store.open_runs(&scope).await.unwrap().remove(0);
    assert_eq!((run.record.totals.placed, run.settings.name.as_str()), (2, "spring"));
    assert_eq!(run.settings.packs, ["default"], "the strict branch");
    assert_eq!(store.campaign(&scope, domain::CampaignId(1)).await.unwrap().packs, ["default"]);
    assert_eq!(store.pbx_password(&scope, domain::PbxId(1)).await.unwrap(), "secret");
    store.close().await;
    let after = kept(&home.settings.path).await;
    for (table, rows) in &before {
        // Columns that came later stand behind those that were there.
        let is_kept = |(before, after): (&String, &String)| before == after || after.starts_with(&format!("{before},"));
        let after = after.get(table).expect("no table went");
        assert!(after.len() == rows.len() && rows.iter().zip(after).all(is_kept), "{table} is not as it was");
    }
    // The way back: the backup that was made first, which is one of version 1, and restores.
    let copy = crate::disk::beside(&home.settings.path, &format!(".before-v{}", known()));
    assert!(kept(&copy).await == before, "the copy is not the database of version 1");
    let restored = restore(&home.settings, &copy).await.unwrap();
    assert_eq!(restored.facts.version, 1);
    home.open().await.close().await;
    let contacts = &kept(&home.settings.path).await["contact"];
    assert!(contacts.iter().zip(&before["contact"]).all(|(after, before)| after.starts_with(before)), "{contacts:?}");
}

#[tokio::test]
async fn a_new_database_and_one_of_this_version_get_no_copy() {
    let home = Home::new();
    home.open().await.close().await;
    home.open().await.close().await;
    let names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("before")), "{names:?}");
}

/// The state before a migration that did not come to its end, and that the program of today goes on with it.
async fn assert_untouched(home: &Home, before: &BTreeMap<String, Vec<String>>) {
    let database = Pool::Sqlite(pool(&home.settings.path).await);
    assert_eq!(found(&database).await.unwrap(), known());
    database.close().await;
    let now = kept(&home.settings.path).await;
    assert!(!now.contains_key("half_done") && now == *before, "a part of the migration is there");
    let store: Store = home.open().await;
    store.close().await;
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let home = Home::new();
    of_version_1(&home).await;
    home.open().await.close().await;
    let before = kept(&home.settings.path).await;
    let writer = Pool::Sqlite(pool(&home.settings.path).await);
    let file = Some((home.settings.path.as_path(), home.settings.key_file.as_path()));
    let error = migrate(&writer, &with(WRONG), file).await.unwrap_err();
    assert_eq!(error.code(), "database_migration", "{error}");
    writer.close().await;
    assert_untouched(&home, &before).await;
}

/// The process that is killed.
#[tokio::test]
#[ignore = "run by the test below"]
async fn child() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).expect("run by the other test"));
    let writer = Pool::Sqlite(pool(&folder.join("carillon.db")).await);
    println!("begins");
    migrate(&writer, &with(ENDLESS), None).await.unwrap();
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_migration_changes_nothing() {
    let home = Home::new();
    of_version_1(&home).await;
    home.open().await.close().await;
    let before = kept(&home.settings.path).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "schema::tests::child"])
        .env(FOLDER, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("begins")), "the child could not open the database");
    // In the middle: pages of the unfinished transaction have reached the log.
    let log = crate::disk::beside(&home.settings.path, "-wal");
    let grown = async {
        while std::fs::metadata(&log).map_or(0, |meta| meta.len()) < 1 << 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), grown).await.expect("the migration writes");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_untouched(&home, &before).await;
}
