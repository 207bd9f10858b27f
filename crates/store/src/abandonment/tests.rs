use super::*;
use crate::testing::{Home, World, close, note};
use crate::{Retention, Write};
use domain::abandonment::{Counted, Why};
use domain::journal::Fact;
use domain::{ContactId, RunId};

crate::testing::on_both_engines! {
    rows_follow_each_other_through_batches_and_replay_to_the_same_figures;
    rows_are_neither_changed_nor_deleted_and_stay_when_the_rest_is_forgotten;
    one_changed_byte_is_found_and_its_row_named;
    a_restart_knows_what_was_counted_of_open_attempts;
}

const DAY: i64 = 86_400 * 1_000_000;

fn counted(campaign: CampaignId, fact: Fact, id: i64, at: Timestamp, what: Counted) -> Write {
    let Write::Note { mut note, pbx_at, actor } = note(id, fact, 0) else { unreachable!("it is a note") };
    (note.at, note.counted) = (at, Some(Counted { campaign, ..what }));
    Write::Note { note, pbx_at, actor }
}

/// Attempts 1 to `size`, each answered, every third one abandoned, some of these machines; all in batches of seven notes.
async fn play(store: &Store, size: i64) -> (World, RunId) {
    let scope = Scope::installation();
    let world = World::of(store, u32::try_from(size).unwrap()).await;
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
    let mut writes = Vec::new();
    for id in 1..=size {
        writes.push(Write::Attempt(world.attempt(id, run, usize::try_from(id - 1).unwrap(), 0)));
    }
    store.commit(&scope, std::mem::take(&mut writes)).await.unwrap();
    let campaign = world.campaign.id;
    for id in 1..=size {
        let at = Timestamp(id * DAY);
        let mut tally = Tally::new(campaign, CountingRule::default());
        writes.push(counted(campaign, Fact::Answered, id, at, tally.live()));
        if id % 3 == 0 {
            let late = tally.abandoned(Why::TooLate, 2_000).unwrap();
            writes.push(counted(campaign, Fact::Abandoned, id, at.plus_seconds(2), late));
        }
        if id % 6 == 0 {
            let (fact, machine) = (Fact::StatusSet { status: "AMD".into() }, tally.status("AMD", 3_000).unwrap());
            writes.push(counted(campaign, fact, id, at.plus_seconds(3), machine));
        }
    }
    for batch in writes.chunks(7) {
        let written = store.commit(&scope, batch.to_vec()).await.unwrap();
        assert!(written.iter().all(crate::Written::is_done));
    }
    (world, run)
}

async fn rows_follow_each_other_through_batches_and_replay_to_the_same_figures(home: Home) {
    let store = home.open().await;
    let (world, _) = play(&store, 40).await;
    let (scope, campaign) = (Scope::installation(), world.campaign.id);
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map_or(0, |row: &Row| row.position);
        let page = store.abandonment_after(&scope, campaign, after, 13).await.unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    assert_eq!(rows.len(), 40 + 13 + 6);
    // Counted again by hand: what is told of each instant is what follows from the rows up to it.
    for (index, row) in rows.iter().enumerate() {
        let of_period = rows[..=index].iter().filter(|other| other.period == row.period);
        let sum = of_period.fold((0, 0), |sum, row| (sum.0 + row.abandoned_by, sum.1 + row.live_by));
        assert_eq!((row.abandoned, row.live), sum, "row {}", row.position);
    }
    let periods = store.abandonment_periods(&scope, campaign).await.unwrap();
    let figures = periods.iter().map(|period| (period.period, period.figures.abandoned, period.figures.live));
    assert_eq!(figures.collect::<Vec<_>>(), [(2, 2, 9), (1, 5, 25)]);
    assert_eq!((periods[1].began_at, periods[1].ends_at), (Timestamp(DAY), Timestamp(31 * DAY)));
    let verified = store.verify_abandonment(&scope, campaign).await.unwrap();
    assert_eq!(verified, Verified { rows: 59, last_hash: rows[58].hash.clone(), fault: None });
    let newest = store.abandonment_before(&scope, campaign, i64::MAX, 2).await.unwrap();
    assert_eq!(newest.iter().map(|row| row.position).collect::<Vec<_>>(), [59, 58]);
    let curve = async |period| store.abandonment_curve(&scope, campaign, period).await.unwrap();
    let of = |rows: Vec<Row>| (rows[0].position, rows.last().unwrap().position);
    assert_eq!((of(curve(None).await), of(curve(Some(1)).await)), ((46, 59), (1, 45)));
    assert!(curve(Some(3)).await.is_empty());
    // The text and its hash are what the manual says: anybody can compute them.
    assert_eq!(rows[0].canonical().lines().count(), 18);
    assert_eq!(rows[0].hash, hash(&rows[0]));
}

async fn rows_are_neither_changed_nor_deleted_and_stay_when_the_rest_is_forgotten(home: Home) {
    let store = home.open().await;
    let (world, run) = play(&store, 6).await;
    let scope = Scope::installation();
    for statement in ["UPDATE abandonment SET live = 0", "DELETE FROM abandonment WHERE position = 1"] {
        let mut transaction = store.begin().await.unwrap();
        let refused = query(statement).execute(&mut transaction).await.unwrap_err().to_string();
        assert!(refused.contains("rows of the abandonment ledger are never"), "{statement}: {refused}");
    }
    let before = store.verify_abandonment(&scope, world.campaign.id).await.unwrap();
    for id in 1..=6 {
        store.commit(&scope, vec![close(world.end(id, run, usize::try_from(id - 1).unwrap(), None))]).await.unwrap();
    }
    let keep = Retention { events_days: 1, attempts_days: 90, ..Retention::default() };
    while !store.sweep(&scope, keep, Timestamp(1_000 * DAY)).await.unwrap().is_nothing() {}
    assert!(store.attempt(&scope, AttemptId(1)).await.is_err(), "the attempt is forgotten");
    let contacts = store.contacts(&scope, world.list.id, ContactId(0), 1).await.unwrap();
    let (number, at) = (contacts[0].number.clone(), Timestamp(999 * DAY));
    store.suppress(&scope, crate::GLOBAL, &[number], "ana", "asked to be forgotten", at).await.unwrap();
    store.forget(&scope, &contacts[0].number, "ana", Timestamp(1_000 * DAY)).await.unwrap();
    assert_eq!(store.verify_abandonment(&scope, world.campaign.id).await.unwrap(), before);
    assert_eq!(before.rows, 6 + 2 + 1);
}

async fn one_changed_byte_is_found_and_its_row_named(home: Home) {
    let store = home.open().await;
    let (world, _) = play(&store, 12).await;
    let (scope, campaign) = (Scope::installation(), world.campaign.id);
    let off = match &*store.begin().await.unwrap() {
        crate::engine::Connection::Sqlite(_) => {
            vec!["DROP TRIGGER abandonment_stays", "DROP TRIGGER abandonment_is_kept"]
        }
        crate::engine::Connection::Postgres(_) => vec!["ALTER TABLE abandonment DISABLE TRIGGER ALL"],
    };
    for statement in off {
        let mut transaction = store.begin().await.unwrap();
        query(statement).execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let changes = [
        ("live", "live + 1"),
        ("abandoned", "abandoned - 1"),
        ("attempt_id", "attempt_id + 1"),
        ("at", "at + 1"),
        ("period_start", "period_start - 1"),
        ("why", "'in_time'"),
        ("cap_ppm", "cap_ppm * 10"),
        ("deadline_ms", "deadline_ms + 1"),
        ("previous", "hash"),
        ("hash", "previous"),
        ("tenant_id", "tenant_id + 1"),
    ];
    for (column, value) in changes {
        let row = &store.abandonment_after(&scope, campaign, 6, 1).await.unwrap()[0];
        let mut transaction = store.begin().await.unwrap();
        let text = format!("UPDATE abandonment SET {column} = {value} WHERE position = 7");
        query(&*text.leak()).execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let found = store.verify_abandonment(&scope, campaign).await.unwrap();
        let fault = found.fault.unwrap_or_else(|| panic!("a change of {column} is not found"));
        // A row that is not this installation's any more is missing: the one behind it says so.
        let (position, is_gone) = (fault.position, column == "tenant_id");
        assert_eq!(position, if is_gone { 8 } else { 7 }, "{column}: {}", fault.problem);
        let mut transaction = store.begin().await.unwrap();
        query(
            "UPDATE abandonment SET live = $1, abandoned = $2, attempt_id = $3, at = $4, period_start = $5, why = $6, \
            cap_ppm = $7, deadline_ms = $8, previous = $9, hash = $10, tenant_id = $11 WHERE position = 7",
        )
        .bind(row.live)
        .bind(row.abandoned)
        .bind(row.attempt.0)
        .bind(row.at.0)
        .bind(row.period_start.0)
        .bind(&row.why)
        .bind(row.cap_ppm)
        .bind(row.deadline_ms)
        .bind(&row.previous)
        .bind(&row.hash)
        .bind(scope.tenant.0)
        .execute(&mut transaction)
        .await
        .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.verify_abandonment(&scope, campaign).await.unwrap().fault, None, "{column} is put back");
    }
}

async fn a_restart_knows_what_was_counted_of_open_attempts(home: Home) {
    let store = home.open().await;
    let (world, run) = play(&store, 6).await;
    let scope = Scope::installation();
    store.commit(&scope, vec![close(world.end(1, run, 0, None))]).await.unwrap();
    let store = home.reopen(store).await;
    let open = store.open_attempts(&scope).await.unwrap();
    let states: Vec<_> = open
        .iter()
        .map(|open| open.tally.map(|tally| (open.attempt.0, tally.is_open(), tally.is_machine())).unwrap())
        .collect();
    let expected = [(2, true, false), (3, false, false), (4, true, false), (5, true, false), (6, false, true)];
    assert_eq!(states, expected);
}
