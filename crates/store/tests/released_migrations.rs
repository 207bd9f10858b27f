//! A migration that left the house is never edited: databases out there were made with it, and the migrator refuses
//! one whose text has changed. What changes comes as the next number.
#![allow(clippy::unwrap_used, reason = "tests")]

use aws_lc_rs::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Made by `sha256sum */*.sql` in the folder of the migrations; a line is added with the release that ships the file.
const RELEASED: &str = include_str!("../migrations/released.sha256");

/// `sqlite/0001_first.sql` and its SHA-256, for every migration in the tree.
fn present() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let engines = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = engines.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    files
        .map(|path| {
            let sum = digest(&SHA256, &fs::read(&path).unwrap());
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (name, sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect()
}

/// Every released file that is gone or changed.
fn broken(released: &str, present: &BTreeMap<String, String>) -> Vec<String> {
    let lines = released.lines().map(|line| line.split_once("  ").unwrap());
    lines
        .filter(|(sum, name)| present.get(*name).is_none_or(|now| now != sum))
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[test]
fn a_released_migration_is_as_it_was_released() {
    let broken = broken(RELEASED, &present());
    assert!(broken.is_empty(), "{broken:?} left the house and may not change: write the next number instead");
    assert!(RELEASED.contains("  sqlite/0001_first.sql"));
}

#[test]
fn the_guard_sees_a_changed_file_and_a_missing_one() {
    let mut changed = present();
    changed.insert("sqlite/0001_first.sql".into(), "0".repeat(64));
    assert_eq!(broken(RELEASED, &changed), ["sqlite/0001_first.sql"]);
    changed.clear();
    assert_eq!(broken(RELEASED, &changed).len(), RELEASED.lines().count());
}

#[test]
fn numbers_follow_each_other() {
    for engine in ["sqlite/", "postgres/"] {
        let names: Vec<_> = present().into_keys().filter(|name| name.starts_with(engine)).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(name.starts_with(&format!("{engine}{:04}_", index + 1)), "{name} is not number {}", index + 1);
        }
    }
}
