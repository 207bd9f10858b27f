//! Two processes on one database, as two stores.

use super::*;
use crate::testing::Home;
use crate::{Scope, Settings, Store};
use domain::Timestamp;

/// How a process that was killed, or is frozen, leaves the lease: held, not renewed. It is said to be of another
/// machine, so that nobody can say that it is dead.
async fn abandon(store: &Store) {
    store.lease().stop_renewal();
    let away = query("UPDATE site_lease SET process = 'of another machine'").execute(&store.lease().pool).await;
    away.unwrap();
}

async fn opened(settings: &Settings) -> (Store, Duration) {
    let began = Instant::now();
    (Store::open(settings).await.unwrap(), began.elapsed())
}

#[tokio::test]
async fn a_second_process_is_refused_by_name_and_age_while_the_first_lives() {
    let home = Home::on_postgres();
    let first = home.open().await;
    let refused = Store::open(&home.settings).await.unwrap_err();
    assert_eq!(refused.code(), "database_leased");
    let me = format!("process {} (lease {}, renewed ", std::process::id(), first.lease().fence);
    assert!(refused.to_string().contains(&me), "{refused}");
    first.create_list(&Scope::installation(), "still ours").await.unwrap();
    first.close().await;
    let (second, took) = opened(&home.settings).await;
    assert!(took < Duration::from_secs(2), "a lease that was given back is taken at once, not after {took:?}");
    assert_eq!(second.lease().fence, first.lease().fence + 1);
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_runs_out_is_taken_over_and_fences_its_holder() {
    let home = Home::on_postgres();
    let scope = Scope::installation();
    let first = home.open().await;
    abandon(&first).await;
    let until = first.send_before().expect("a lease of PostgreSQL has an end");
    let (second, took) = opened(&home.settings).await;
    assert!(took >= LEASE && took < TAKE_OVER_AFTER + Duration::from_secs(2), "taken over after {took:?}");
    assert!(Instant::now() > until, "the first may not send any more when the second begins");
    // The first wakes up: it writes nothing, and learns why.
    let refused = first.create_list(&scope, "too late").await.unwrap_err();
    assert_eq!(refused.code(), "fenced");
    let refused = first.commit(&scope, Vec::new()).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    assert!(first.fenced().await.contains("process"));
    assert!(first.send_before().unwrap() <= Instant::now());
    assert!(second.lists(&scope).await.unwrap().is_empty());
    // Its end does not take the lease away from the second.
    first.close().await;
    second.create_list(&scope, "ours").await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_wakes_up_late_learns_that_the_lease_is_lost() {
    let home = Home::on_postgres();
    let first = home.open().await;
    query("UPDATE site_lease SET fence = fence + 1, holder = 'another'").execute(&first.lease().pool).await.unwrap();
    let holder = tokio::time::timeout(RENEW_EVERY * 3, first.fenced()).await.unwrap();
    assert_eq!(holder, "another");
}

#[tokio::test]
async fn the_taker_waits_for_a_transaction_of_the_holder_and_a_frozen_one_is_ended() {
    let home = Home::on_postgres();
    let scope = Scope::installation();
    let first = home.open().await;
    abandon(&first).await;
    let mut frozen = first.begin().await.unwrap();
    let insert = "INSERT INTO hold (tenant_id, since, actor, why) VALUES (1, 1, 'frozen', 'in the middle')";
    query(insert).execute(&mut frozen).await.unwrap();
    let (second, took) = opened(&home.settings).await;
    assert!(took < Duration::from_secs(12), "taken over after {took:?}");
    assert!(frozen.commit().await.is_err(), "its session was ended");
    assert_eq!(second.hold(&scope).await.unwrap(), None);
}

#[tokio::test]
async fn a_holder_that_died_on_this_machine_is_not_waited_for() {
    let home = Home::on_postgres();
    let first = home.open().await;
    first.lease().stop_renewal();
    // Our own number with another start: a process that is gone.
    let dead = format!("{} 1", process::identity().rsplit_once(' ').unwrap().0);
    query("UPDATE site_lease SET process = $1").bind(dead).execute(&first.lease().pool).await.unwrap();
    let (_, took) = opened(&home.settings).await;
    assert!(took < Duration::from_secs(2), "taken over after {took:?}");
}

#[tokio::test]
async fn on_sqlite_the_lock_keeps_others_away_and_the_fence_counts() {
    let home = Home::new();
    let first = home.open().await;
    assert_eq!((first.lease().fence, first.send_before()), (1, None));
    assert_eq!(Store::open(&home.settings).await.unwrap_err().code(), "database_locked");
    let second = home.reopen(first).await;
    assert_eq!(second.lease().fence, 2);
    // A row that somebody changed by hand is believed.
    query("UPDATE site_writer SET fence = 7").execute(&second.lease().pool).await.unwrap();
    let refused = second.set_hold(&Scope::installation(), "ana", "x", Timestamp(1)).await.unwrap_err();
    assert_eq!(refused.code(), "fenced");
}
