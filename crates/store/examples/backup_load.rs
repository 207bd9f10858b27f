//! What a backup does to the commits of a busy dialler: their times without one, and while one is made.
//!
//! `cargo run --profile bench-run -p store --example backup_load -- [CONTACTS]`
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a measurement, for a terminal")]

use domain::{Attributes, Dialable};
use std::time::{Duration, Instant};
use store::{IdKind, NewContact, Scope, Settings, Store, Write};

/// Commits without a backup, and the pause between two commits.
const COMMITS: usize = 500;
const EVERY: Duration = Duration::from_millis(10);
/// Contacts added per transaction.
const CHUNK: usize = 1_000;

/// One small commit after the other, timed, until `done` says so of their number.
async fn commits(store: &Store, done: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !done(times.len()) {
        let began = Instant::now();
        store.commit(&Scope::installation(), vec![Write::Ids { kind: IdKind::Leg, count: 1 }]).await.unwrap();
        times.push(began.elapsed());
        tokio::time::sleep(EVERY).await;
    }
    times
}

fn line(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!("{what:<16} {:>6} commits, ms: p50 {:.2}, p99 {:.2}, max {:.2}", times.len(), at(0.5), at(0.99), at(1.0));
}

#[tokio::main]
async fn main() {
    let contacts: usize = std::env::args().nth(1).map_or(200_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carillon.db");
    let settings = Settings { path, server: None, key_file: folder.path().join("key"), country: None };
    let store = Store::open(&settings).await.unwrap();
    let scope = Scope::installation();
    let list = store.create_list(&scope, "people").await.unwrap().id;
    for chunk in 0..contacts.div_ceil(CHUNK) {
        let one = |n: usize| {
            let mut attributes = Attributes::default();
            attributes.add("NAME", &format!("Person {n} of a list that is long enough to matter")).unwrap();
            NewContact { number: Dialable::parse(&format!("+3906{:08}", chunk * CHUNK + n), None).unwrap(), attributes }
        };
        store.add_contacts(&scope, list, (0..CHUNK).map(one).collect(), false).await.unwrap();
    }
    line("no backup", commits(&store, |count| count >= COMMITS).await);
    let to = folder.path().join("backup");
    let copying = tokio::spawn(async move {
        store::backup::backup(&settings, &to, store::backup::Options::default(), &mut |_| ()).await.unwrap()
    });
    line("during a backup", commits(&store, |count| count > 0 && copying.is_finished()).await);
    let made = copying.await.unwrap();
    println!("{} contacts, {} bytes in {} ms", contacts, made.bytes, made.took.as_millis());
}
