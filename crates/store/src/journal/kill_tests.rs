//! A process that is killed in the middle of a batch.

use super::*;
use crate::engine::query_scalar;
use crate::testing::{Home, World, close, handed_over, note, on_both_engines};
use domain::ContactId;
use domain::journal::Fact;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

/// Attempts of one batch.
const BATCH: usize = 50;
/// Contacts of the list.
const CONTACTS: u32 = 1_000;
/// Events of a finished attempt here: scheduled, requested, leg ended, ended.
const EVENTS: i64 = 4;

/// The process that is killed: prints a line for each batch that was acknowledged.
#[tokio::test]
#[ignore = "run by the test below"]
async fn child() {
    let store = Store::open(&handed_over().expect("run by the other test")).await.unwrap();
    let scope = Scope::installation();
    let campaign = store.campaigns(&scope).await.unwrap().remove(0);
    let world = World {
        pbx: store.pbxs(&scope).await.unwrap().remove(0),
        trunk: store.trunks(&scope).await.unwrap().remove(0),
        end_point: store.end_points(&scope).await.unwrap().remove(0),
        list: store.lists(&scope).await.unwrap().remove(0),
        contacts: store.contacts(&scope, campaign.lists[0], ContactId(0), CONTACTS).await.unwrap(),
        campaign,
    };
    let run = store.open_runs(&scope).await.unwrap().remove(0);
    let done = run.record.totals.placed as usize;
    println!("opened");
    // A fast machine would be done before anybody has looked whether the database is held.
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
    for first in (done..CONTACTS as usize).step_by(BATCH) {
        let batch = (first..first + BATCH).flat_map(|index| {
            let id = index as i64 + 1;
            let end = world.end(id, run.record.id, index, None);
            [Write::Attempt(world.attempt(id, run.record.id, index, 0)), note(id, Fact::Requested, 1), close(end)]
        });
        let written = store.commit(&scope, batch.collect()).await.unwrap();
        assert!(written.iter().all(|written| written.is_done()), "{written:?}");
        println!("acknowledged {}", first + BATCH);
    }
}

on_both_engines! {
    a_kill_leaves_every_acknowledged_batch_and_no_half_one;
}

async fn a_kill_leaves_every_acknowledged_batch_and_no_half_one(home: Home) {
    let store = home.open().await;
    let world = World::of(&store, CONTACTS).await;
    let scope = Scope::installation();
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap().id;
    store.close().await;
    drop(store);
    for kills_after in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "--nocapture", "journal::kill_tests::child"]);
        home.hand_over(&mut child);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let mut lines = lines.skip_while(|line| !line.ends_with("opened"));
        assert!(lines.next().is_some(), "the child could not open the database");
        let refused = Store::open(&home.settings).await.err().unwrap();
        let codes = ["database_locked", "database_leased"];
        assert!(codes.contains(&refused.code()), "the child holds the database: {refused}");
        writeln!(child.stdin.take().unwrap(), "go on").unwrap();
        let mut acknowledged = 0;
        for line in lines.by_ref().take(kills_after) {
            acknowledged = line.strip_prefix("acknowledged ").unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            acknowledged = line.strip_prefix("acknowledged ").map_or(acknowledged, |count| count.parse().unwrap());
        }
        let store = home.open().await;
        let count = async |sql| query_scalar::<i64>(sql).fetch_one(store.readers()).await.unwrap();
        let attempts = count("SELECT COUNT(*) FROM attempt").await;
        assert!(attempts >= acknowledged, "{acknowledged} were acknowledged, {attempts} are there");
        assert_eq!(attempts % BATCH as i64, 0, "half a batch is there: {attempts} attempts");
        assert!(attempts < i64::from(CONTACTS), "the child was done before it was killed: this shows nothing");
        assert_eq!(store.run(&scope, run).await.unwrap().totals.terminated, attempts);
        assert_eq!(count("SELECT COUNT(*) FROM event WHERE entity = 'attempt'").await, attempts * EVENTS);
        assert_eq!(count("SELECT COUNT(*) FROM run_contact WHERE state = 'finished'").await, attempts);
        if home.settings.server.is_none() {
            assert_eq!(count("SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'").await, 1);
        }
        store.close().await;
    }
}
