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

/// The walk from the end of a stretch finds what a sort of the stretch finds, also when ids do not follow the time.
#[tokio::test]
async fn a_long_stretch_is_walked_from_its_end() {
    let home = Home::new();
    let (store, _, _) = ten(&home).await;
    let mut transaction = store.begin().await.unwrap();
    for sql in
        ["UPDATE attempt SET scheduled_at = 2500000 WHERE id = 9", "UPDATE attempt SET scheduled_at = 8 WHERE id = 5"]
    {
        query(sql).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let scope = Scope::installation();
    let mut connection = store.readers().begin().await.unwrap();
    let at = |us: i64| Some(Timestamp(us));
    for (from, to) in
        [(at(2_000_000), at(7_000_000)), (at(2_000_000), None), (None, at(4_000_000)), (at(90_000_000), None)]
    {
        for after in [None, Some(AttemptId(4)), Some(AttemptId(9))] {
            for order in [Order::Oldest, Order::Newest] {
                let filter = AttemptFilter { from, to, after, order, ..AttemptFilter::default() };
                let sorted = ids(&scope, &filter, Way::Time, None, &mut connection).await.unwrap();
                let walked = ids(&scope, &filter, Way::Stretch, None, &mut connection).await.unwrap();
                assert_eq!(walked, sorted, "{filter:?}");
            }
        }
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
    // Their rows by their ids, and what only the index has to be asked for.
    let by_index = "COVERING INDEX attempt_scheduled";
    let others =
        [(crate::engine::sqlite::ATTEMPTS_OF, "a USING INTEGER PRIMARY KEY"), (HELD, by_index), (ENDS, by_index)];
    for (statement, way) in others {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan = query(explain).bind(1_i64).bind(1_i64);
        let plan = if statement == HELD { plan.bind(1_i64) } else { plan };
        let rows = plan.fetch_all(store.readers()).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| crate::sql::Columns::text(row, "detail").unwrap()).collect();
        assert!(steps.iter().any(|step| step.contains(way)), "{statement}: {steps:?}");
    }
}
