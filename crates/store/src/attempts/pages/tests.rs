use super::*;
use crate::Write;
use crate::testing::{Home, World, close};
use domain::{RunId, Timestamp};

crate::testing::on_both_engines! {
    pages_follow_each_other_both_ways_without_gap_or_repeat;
    every_way_finds_the_same;
}

/// Ten attempts of one run: the even ones were answered and are over, the others are up.
async fn ten(home: &Home) -> (Store, World, RunId) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let run = store.start_run(&Scope::installation(), world.campaign.id, "ana", Timestamp(0)).await.unwrap().id;
    let mut batch: Vec<Write> = (1..=10).map(|id| Write::Attempt(world.attempt(id, run, id as usize - 1, 0))).collect();
    batch.extend((2..=10).step_by(2).map(|id| close(world.end(id, run, id as usize - 1, None))));
    store.commit(&Scope::installation(), batch).await.unwrap();
    (store, world, run)
}

async fn found(store: &Store, scope: &Scope, filter: &AttemptFilter) -> Vec<i64> {
    store.attempts(scope, filter).await.unwrap().iter().map(|attempt| attempt.id.0).collect()
}

async fn pages_follow_each_other_both_ways_without_gap_or_repeat(home: Home) {
    let (store, world, run) = ten(&home).await;
    let own = Scope { campaigns: Campaigns::Only(vec![CampaignId(99), world.campaign.id]), ..Scope::installation() };
    let filters = [
        (Scope::installation(), AttemptFilter::default()),
        (own, AttemptFilter::default()),
        (Scope::installation(), AttemptFilter { run: Some(run), ..AttemptFilter::default() }),
        (Scope::installation(), AttemptFilter { from: Some(Timestamp(0)), ..AttemptFilter::default() }),
    ];
    for (scope, filter) in filters {
        for order in [Order::Oldest, Order::Newest] {
            let mut seen: Vec<i64> = Vec::new();
            let mut page = AttemptFilter { order, limit: 3, ..filter.clone() };
            loop {
                let ids = found(&store, &scope, &page).await;
                seen.extend(&ids);
                match ids.last() {
                    Some(last) => page.after = Some(AttemptId(*last)),
                    None => break,
                }
            }
            let wanted: Vec<i64> = match order {
                Order::Oldest => (1..=10).collect(),
                Order::Newest => (1..=10).rev().collect(),
            };
            assert_eq!(seen, wanted, "{filter:?} {order:?}");
        }
    }
}

async fn every_way_finds_the_same(home: Home) {
    let (store, world, run) = ten(&home).await;
    let all = AttemptFilter { order: Order::Newest, ..AttemptFilter::default() };
    let terminated = AttemptFilter { state: Some("TERMINATED".into()), ..all.clone() };
    let even = vec![10, 8, 6, 4, 2];
    let cases = [
        (terminated.clone(), even.clone()),
        (AttemptFilter { campaign: Some(world.campaign.id), ..terminated.clone() }, even.clone()),
        (AttemptFilter { list: Some(world.list.id), ..terminated.clone() }, even.clone()),
        (AttemptFilter { run: Some(run), ..terminated.clone() }, even.clone()),
        (AttemptFilter { from: Some(Timestamp(0)), ..terminated.clone() }, even.clone()),
        (AttemptFilter { to: Some(Timestamp(5_000_000)), ..all.clone() }, vec![4, 3, 2, 1]),
        (AttemptFilter { campaign: Some(CampaignId(99)), ..terminated.clone() }, vec![]),
        (AttemptFilter { open: Some(true), ..all.clone() }, vec![9, 7, 5, 3, 1]),
        (AttemptFilter { state: Some("SCHEDULED".into()), ..all.clone() }, vec![9, 7, 5, 3, 1]),
        (AttemptFilter { open: Some(true), ..terminated.clone() }, vec![]),
    ];
    let scope = Scope::installation();
    let own = Scope { campaigns: Campaigns::Only(vec![world.campaign.id]), ..Scope::installation() };
    let other = Scope { campaigns: Campaigns::Only(vec![CampaignId(99)]), ..Scope::installation() };
    for (filter, wanted) in cases {
        assert_eq!(found(&store, &scope, &filter).await, wanted, "{filter:?}");
        assert_eq!(found(&store, &own, &filter).await, wanted, "with keys: {filter:?}");
        assert_eq!(found(&store, &other, &filter).await, Vec::<i64>::new(), "with other keys: {filter:?}");
    }
}

/// What SQLite does for each statement. Without figures about the tables, as they are in the field.
#[tokio::test]
async fn every_way_goes_by_its_index() {
    let home = Home::new();
    let store = home.open().await;
    let ways = [
        (Way::Run, "attempt_run (run_id=? AND id"),
        (Way::Contact, "attempt_contact (contact_id=?"),
        (Way::Campaign, "attempt_campaign (campaign_id=? AND id"),
        (Way::State, "attempt_state (campaign_id=? AND state=? AND id"),
        (Way::List, "attempt_list (list_id=? AND id"),
        (Way::Open, "SCAN a USING INDEX attempt_single_flight"),
        (Way::Time, "attempt_scheduled (scheduled_at>? AND scheduled_at<?"),
        (Way::All, "INTEGER PRIMARY KEY (rowid"),
    ];
    for (way, index) in ways {
        for order in [Order::Oldest, Order::Newest] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", way.statement(order)));
            let mut plan = query(explain);
            for _ in 0..14 {
                plan = plan.bind(1_i64);
            }
            let rows = plan.fetch_all(store.readers()).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| crate::sql::Columns::text(row, "detail").unwrap()).collect();
            assert!(steps[0].contains(index), "{way:?} {order:?}: {steps:?}");
            let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
            assert_eq!(sorts, matches!(way, Way::Open | Way::Time), "{way:?} {order:?}: {steps:?}");
        }
    }
}
