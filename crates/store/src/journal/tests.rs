use super::*;
use crate::AttemptFilter;
use crate::engine::{query, query_scalar};
use crate::testing::{Home, World, close, note};
use domain::journal::Fact;
use domain::{CampaignId, TenantId};

crate::testing::on_both_engines! {
    a_call_is_journalled_from_decision_to_outcome;
    a_number_in_a_call_is_not_called_again;
    one_turn_of_a_contact_is_taken_once;
    a_batch_that_reached_the_disk_unnoticed_may_come_again;
    the_unique_keys_refuse_even_what_the_statement_let_through;
    an_end_comes_once;
    a_load_sees_the_writes_before_it_in_its_batch;
    a_withdrawn_attempt_gives_the_contact_its_turn_back;
    a_restart_finds_open_attempts_totals_and_where_to_read_on;
    a_batch_that_fails_leaves_nothing_and_the_next_one_works;
    an_abandoned_commit_is_there_whole_or_not_at_all;
    id_blocks_follow_each_other_over_restarts;
    no_event_holds_a_number_a_name_or_an_attribute_value;
    the_report_counts_rows_and_finds_doubles_and_losses;
    attempts_are_found_by_every_filter;
}

/// A store with a world and a started run.
async fn started(home: &Home) -> (Store, World, RunId) {
    let store = home.open().await;
    store.begin_epoch().await.unwrap();
    let world = World::make(&store).await;
    let run = store.start_run(&Scope::installation(), world.campaign.id, "ana", Timestamp(1)).await.unwrap();
    (store, world, run.id)
}

async fn commit(store: &Store, batch: Vec<Write>) -> Vec<Written> {
    store.commit(&Scope::installation(), batch).await.unwrap()
}

fn change(run: RunId, state: RunState, at: i64) -> Write {
    Write::Run(RunChange { run, state, why: "because".into(), at: Timestamp(at), read_to: vec![] })
}

fn load(run: RunId, world: &World, after: usize, due_before: i64) -> Write {
    let after = ContactId(if after == 0 { 0 } else { world.contacts[after - 1].id.0 });
    Write::Load(LoadContacts {
        run,
        list: Some((world.list.id, after)),
        fresh_limit: 3,
        retry_limit: 2,
        due_before: Timestamp(due_before),
    })
}

/// Contact indexes of fresh contacts and retries, and when the next one is due.
fn loaded(world: &World, written: &Written) -> (Vec<usize>, Vec<(usize, u32)>, Option<i64>) {
    let Written::Loaded { fresh, retries, next_due, .. } = written else { panic!("{written:?}") };
    let index = |id: ContactId| world.contacts.iter().position(|contact| contact.id == id).unwrap();
    (
        fresh.iter().map(|entry| index(entry.contact.id)).collect(),
        retries.iter().map(|entry| (index(entry.contact.id), entry.retry)).collect(),
        next_due.map(|at| at.0),
    )
}

async fn a_call_is_journalled_from_decision_to_outcome(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 0, 0)),
        note(1, Fact::Requested, 1),
        note(1, Fact::Created, 100),
        note(1, Fact::Ringing, 200),
    ];
    assert!(commit(&store, batch).await.iter().all(Written::is_done));
    let open = store.attempt(&scope, AttemptId(1)).await.unwrap();
    assert_eq!((open.state.as_str(), open.requested_at), ("DIALLING", Some(Timestamp(1_001_000))));
    commit(&store, vec![note(1, Fact::Answered, 400), note(1, Fact::StatusSet { status: "7".into() }, 500)]).await;
    let open = store.attempt(&scope, AttemptId(1)).await.unwrap();
    assert_eq!((open.state.as_str(), open.ext_state.as_str()), ("CONNECTED", "7"));
    assert_eq!(open.connected_at, Some(Timestamp(1_400_000)));
    commit(&store, vec![close(world.end(1, run, 0, None))]).await;
    let record = store.attempt(&scope, AttemptId(1)).await.unwrap();
    assert_eq!((record.wait_pre_ms, record.wait_after_ms, record.talk_ms), (Some(100), Some(300), Some(500)));
    assert_eq!((record.state.as_str(), record.ended_at), ("TERMINATED", Some(Timestamp(1_900_000))));
    assert_eq!(record.number.as_deref(), Some("0669820000"));
    assert_eq!((record.trunk_name.as_deref(), record.pbx_name.as_deref()), (Some("out"), Some("office")));
    assert!(record.channel.ends_with("-1-0000000001"), "{}", record.channel);
    let timeline = store.timeline(&scope, AttemptId(1)).await.unwrap();
    let kinds: Vec<&str> = timeline.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "attempt.scheduled",
            "leg.requested",
            "leg.created",
            "leg.ringing_seen",
            "leg.answered",
            "attempt.status_set",
            "leg.ended",
            "attempt.ended"
        ]
    );
    assert!(timeline.iter().map(|event| event.entity_seq).eq(1..=8));
    assert_eq!(timeline[0].data["receipt"]["rules"][1], "single_flight");
    assert_eq!(timeline[1].pbx_at.as_deref(), Some("2026"));
    assert_eq!(timeline[6].data["segments"][2]["kind"], "talk");
}

async fn a_number_in_a_call_is_not_called_again(home: Home) {
    let (store, mut world, run) = started(&home).await;
    // Another contact with the same telephone.
    let number = crate::ContactChange { number: Some(world.contacts[0].number.clone()), ..Default::default() };
    world.contacts[1] = store.change_contact(&Scope::installation(), world.contacts[1].id, number).await.unwrap();
    let written =
        commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0)), Write::Attempt(world.attempt(2, run, 1, 0))])
            .await;
    assert!(written[0].is_done());
    assert_eq!(
        written[1],
        Written::NumberBusy(format!("the number of contact {} is in a call: attempt 1", world.contacts[1].id))
    );
    let after = vec![close(world.end(1, run, 0, None)), Write::Attempt(world.attempt(2, run, 1, 0))];
    assert!(commit(&store, after).await.iter().all(Written::is_done));
    assert_eq!(store.run(&Scope::installation(), run).await.unwrap().totals.placed, 2);
}

async fn one_turn_of_a_contact_is_taken_once(home: Home) {
    let (store, world, run) = started(&home).await;
    let retry_at = Some(Timestamp(9));
    commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0)), close(world.end(1, run, 0, retry_at))]).await;
    let refusal = |written: Vec<Written>| match &written[..] {
        [Written::Refused(why)] => why.clone(),
        other => panic!("{other:?}"),
    };
    let again = refusal(commit(&store, vec![Write::Attempt(world.attempt(2, run, 0, 0))]).await);
    assert_eq!(again, "contact 1 was attempted in run 1 at retry 0 before: attempt 1");
    let early = refusal(commit(&store, vec![Write::Attempt(world.attempt(2, run, 0, 2))]).await);
    assert!(early.contains("contact 1 is waiting at retry 1 and not at retry 2"), "{early}");
    let batch = vec![Write::Attempt(world.attempt(2, run, 0, 1)), close(world.end(2, run, 0, None))];
    assert!(commit(&store, batch).await.iter().all(Written::is_done));
    let finished = refusal(commit(&store, vec![Write::Attempt(world.attempt(3, run, 0, 2))]).await);
    assert!(finished.contains("is finished at retry 1"), "{finished}");
    let fresh = refusal(commit(&store, vec![Write::Attempt(world.attempt(3, run, 1, 1))]).await);
    assert!(fresh.contains("is fresh and not at retry 1"), "{fresh}");
    let mut gone = world.attempt(3, run, 1, 0);
    gone.contact = ContactId(99);
    assert_eq!(refusal(commit(&store, vec![Write::Attempt(gone)]).await), "contact 99 does not exist any more");
    commit(&store, vec![change(run, RunState::Removed, 9)]).await;
    let over = refusal(commit(&store, vec![Write::Attempt(world.attempt(3, run, 1, 0))]).await);
    assert!(over.starts_with("run 1 is over"), "{over}");
}

async fn a_batch_that_reached_the_disk_unnoticed_may_come_again(home: Home) {
    let (store, world, run) = started(&home).await;
    let number = world.contacts[0].number.clone();
    let batch = || vec![Write::Attempt(world.attempt(1, run, 0, 0))];
    assert_eq!(commit(&store, batch()).await, [Written::Attempt(domain::rules::Standing::default())]);
    assert_eq!(commit(&store, batch()).await, [Written::Attempt(domain::rules::Standing::default())]);
    let record = store.run(&Scope::installation(), run).await.unwrap();
    assert_eq!((record.totals.placed, record.totals.terminated), (1, 0), "counted once");
    // Whoever asked meanwhile not to be called is not called by the second try.
    store.suppress(&Scope::installation(), crate::GLOBAL, &[number], "ana", "asked", Timestamp(2)).await.unwrap();
    let suppressed = domain::rules::Standing {
        suppressed_by: Some(domain::SuppressionListId(1)),
        ..domain::rules::Standing::default()
    };
    assert_eq!(commit(&store, batch()).await, [Written::Attempt(suppressed)]);
}

async fn the_unique_keys_refuse_even_what_the_statement_let_through(home: Home) {
    let (store, world, run) = started(&home).await;
    commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0))]).await;
    let copy = |id: i64, retry: i64, key: &str| {
        format!(
            "INSERT INTO attempt (id, tenant_id, call_id, leg_id, run_id, campaign_id, contact_id, list_id, number_ref, \
             number_key, retry, trunk_id, end_point_id, pbx_id, scheduled_at, state) \
             SELECT {id}, tenant_id, 9, 9, run_id, campaign_id, contact_id, list_id, number_ref, {key}, {retry}, \
             trunk_id, end_point_id, pbx_id, scheduled_at, state FROM attempt WHERE id = 1"
        )
    };
    // One engine names the columns, the other the index. Each in a transaction of its own: PostgreSQL ends it at an error.
    let cases = [
        (copy(2, 0, "7"), ["run_id", "attempt_turn"]),
        (copy(2, 1, "number_key"), ["number_key", "attempt_single_flight"]),
    ];
    for (sql, names) in cases {
        let mut transaction = store.begin().await.unwrap();
        let refused = query(sqlx::AssertSqlSafe(sql)).execute(&mut *transaction).await.unwrap_err().to_string();
        assert!(names.iter().any(|name| refused.contains(name)), "{refused}");
    }
    let mut transaction = store.begin().await.unwrap();
    query(sqlx::AssertSqlSafe(copy(2, 1, "7"))).execute(&mut *transaction).await.unwrap();
}

async fn an_end_comes_once(home: Home) {
    let (store, world, run) = started(&home).await;
    commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0)), close(world.end(1, run, 0, None))]).await;
    let late = vec![
        close(world.end(1, run, 0, None)),
        Write::Withdraw(world.withdrawal(1, run, 0, 0)),
        close(world.end(5, run, 0, None)),
    ];
    let refused = |id| Written::Refused(format!("attempt {id} is not open"));
    assert_eq!(commit(&store, late).await, [refused(1), refused(1), refused(5)]);
    let totals = store.run(&Scope::installation(), run).await.unwrap().totals;
    assert_eq!(totals, RunTotals { placed: 1, terminated: 1, open_retries: 0, connected: 1, ..RunTotals::default() });
    // A note after the end is history; it changes nothing.
    commit(&store, vec![note(1, Fact::Answered, 950)]).await;
    let record = store.attempt(&Scope::installation(), AttemptId(1)).await.unwrap();
    assert_eq!((record.state.as_str(), record.connected_at), ("TERMINATED", Some(Timestamp(1_400_000))));
}

async fn a_load_sees_the_writes_before_it_in_its_batch(home: Home) {
    let (store, world, run) = started(&home).await;
    let batch = vec![
        load(run, &world, 0, 0),
        Write::Attempt(world.attempt(1, run, 1, 0)),
        Write::Attempt(world.attempt(2, run, 2, 0)),
        Write::Attempt(world.attempt(3, run, 4, 0)),
        close(world.end(1, run, 1, Some(Timestamp(50)))),
        close(world.end(2, run, 2, Some(Timestamp(40)))),
        close(world.end(3, run, 4, Some(Timestamp(60)))),
        load(run, &world, 0, 100),
        load(run, &world, 0, 40),
        load(run, &world, 9, 30),
        load(run, &world, 10, 30),
    ];
    let written = commit(&store, batch).await;
    assert_eq!(loaded(&world, &written[0]), (vec![0, 1, 2], vec![], None));
    assert_eq!(loaded(&world, &written[7]), (vec![0, 3, 5], vec![(2, 1), (1, 1)], Some(60)));
    assert_eq!(loaded(&world, &written[8]).1, [(2, 1)]);
    assert_eq!(loaded(&world, &written[8]).2, Some(50));
    assert_eq!(loaded(&world, &written[9]), (vec![9], vec![], Some(40)));
    let exhausted = |written: &Written| matches!(written, Written::Loaded { list_exhausted: true, .. });
    assert!(!exhausted(&written[7]) && exhausted(&written[9]) && exhausted(&written[10]));
    let end = |written: &Written| if let Written::Loaded { list_end, .. } = written { *list_end } else { panic!() };
    assert_eq!([end(&written[7]), end(&written[10])], [ContactId(0), world.contacts[9].id]);
}

async fn a_withdrawn_attempt_gives_the_contact_its_turn_back(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 0, 0)),
        Write::Withdraw(world.withdrawal(1, run, 0, 0)),
        load(run, &world, 0, 0),
        Write::Attempt(world.attempt(2, run, 0, 0)),
        close(world.end(2, run, 0, Some(Timestamp(50)))),
        Write::Attempt(world.attempt(3, run, 0, 1)),
        Write::Withdraw(world.withdrawal(3, run, 0, 1)),
        load(run, &world, 0, i64::MAX),
    ];
    let written = commit(&store, batch).await;
    assert_eq!(loaded(&world, &written[2]).0[0], 0, "fresh again");
    let Written::Loaded { retries, .. } = &written[7] else { panic!() };
    assert_eq!((retries[0].retry, retries[0].due_at), (1, Timestamp(2_999_999)));
    let totals = store.run(&scope, run).await.unwrap().totals;
    assert_eq!(totals, RunTotals { placed: 1, terminated: 0, open_retries: 1, connected: 0, ..RunTotals::default() });
    assert!(commit(&store, vec![Write::Attempt(world.attempt(4, run, 0, 1))]).await[0].is_done());
    let withdrawn = store.attempt(&scope, AttemptId(1)).await.unwrap();
    assert_eq!((withdrawn.state.as_str(), withdrawn.why.as_str()), ("WITHDRAWN", "link down before (digits) was sent"));
    let page = store.attempts(&scope, &AttemptFilter { run: Some(run), ..AttemptFilter::default() }).await.unwrap();
    assert_eq!(page.iter().map(|attempt| attempt.id.0).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(store.open_attempts(&scope).await.unwrap().len(), 1);
}

async fn a_restart_finds_open_attempts_totals_and_where_to_read_on(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 0, 0)),
        Write::Attempt(world.attempt(2, run, 1, 0)),
        Write::Attempt(world.attempt(3, run, 3, 0)),
        note(2, Fact::Answered, 400),
        note(2, Fact::StatusSet { status: "sale".into() }, 500),
        close(world.end(1, run, 0, Some(Timestamp(50)))),
        change(run, RunState::Running, 3),
    ];
    commit(&store, batch).await;
    let store = home.reopen(store).await;
    let open = store.open_attempts(&scope).await.unwrap();
    assert_eq!(open.iter().map(|attempt| attempt.attempt.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((open[0].connected_at, open[0].ext_state.as_str()), (Some(Timestamp(2_400_000)), "sale"));
    assert_eq!((open[1].number_key, open[1].contact), (world.contacts[3].key, world.contacts[3].id));
    let restored = store.open_runs(&scope).await.unwrap().remove(0);
    assert_eq!(restored.record.state, RunState::Running);
    assert_eq!(
        restored.record.totals,
        RunTotals { placed: 3, terminated: 0, open_retries: 1, connected: 1, ..RunTotals::default() }
    );
    // Every table counts calls in progress alike.
    let report = store.report(&scope, &[run]).await.unwrap();
    let of_parts = [report.per_trunk[0].connected, report.per_list[0].connected, report.per_campaign[0].connected];
    assert_eq!((report.connected, of_parts), (report.runs[0].totals.connected, [1; 3]));
    assert_eq!((report.attempts, report.open), (report.runs[0].totals.placed, 2));
    assert_eq!(restored.lists[0].after, world.contacts[1].id, "the third contact is the first without an attempt");
    // The timeline goes on where it was.
    commit(&store, vec![note(2, Fact::Adopted, 600), close(world.end(2, run, 1, None))]).await;
    let seqs: Vec<i64> =
        store.timeline(&scope, AttemptId(2)).await.unwrap().iter().map(|event| event.entity_seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    commit(&store, (2..10).map(|i| Write::Attempt(world.attempt(10 + i, run, i as usize, 0))).collect()).await;
    let lists = store.open_runs(&scope).await.unwrap().remove(0).lists;
    assert_eq!(lists[0].after, world.contacts[9].id);
}

async fn a_batch_that_fails_leaves_nothing_and_the_next_one_works(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0))]).await;
    let bad = vec![
        note(1, Fact::Created, 5),
        Write::Attempt(world.attempt(2, run, 1, 0)),
        Write::Ids { kind: IdKind::Call, count: 0 },
    ];
    assert_eq!(store.commit(&scope, bad).await.unwrap_err().code(), "invalid");
    assert_eq!(store.attempt(&scope, AttemptId(2)).await.unwrap_err().code(), "not_found");
    // The same call id is an error of the program, not a refusal: nothing of the batch stays.
    let mut same_call = world.attempt(3, run, 2, 0);
    same_call.call = domain::CallId(1);
    let batch = vec![note(1, Fact::Created, 6), Write::Attempt(same_call)];
    assert_eq!(store.commit(&scope, batch).await.unwrap_err().code(), "database");
    commit(&store, vec![note(1, Fact::Created, 7)]).await;
    let timeline = store.timeline(&scope, AttemptId(1)).await.unwrap();
    assert_eq!(timeline.iter().map(|event| event.entity_seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.run(&scope, run).await.unwrap().totals.placed, 1);
}

async fn an_abandoned_commit_is_there_whole_or_not_at_all(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    commit(&store, vec![Write::Attempt(world.attempt(1, run, 0, 0))]).await;
    let batch = vec![note(1, Fact::Created, 5), Write::Attempt(world.attempt(2, run, 1, 0)), load(run, &world, 0, 0)];
    let mut future = Box::pin(store.commit(&scope, batch));
    // Polled a few times and dropped half way.
    for _ in 0..3 {
        let waker = std::task::Waker::noop();
        if future.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready() {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(future);
    commit(&store, vec![note(1, Fact::Ringing, 6), Write::Attempt(world.attempt(2, run, 1, 0))]).await;
    // A server that answers quickly may have been told to commit by then; the attempt that comes again is the same one.
    let timeline = store.timeline(&scope, AttemptId(1)).await.unwrap();
    let numbers: Vec<_> = timeline.iter().map(|event| event.entity_seq).collect();
    assert!(numbers == [1, 2] || numbers == [1, 2, 3], "{numbers:?}");
    assert_eq!(store.timeline(&scope, AttemptId(2)).await.unwrap().len(), 1);
    assert_eq!(store.run(&scope, run).await.unwrap().totals.placed, 2);
}

async fn id_blocks_follow_each_other_over_restarts(home: Home) {
    let store = home.open().await;
    let ids = |kind, count| Write::Ids { kind, count };
    let batch = vec![ids(IdKind::Attempt, 10), ids(IdKind::Leg, 5), ids(IdKind::Attempt, 3)];
    let block = |from, to| Written::Ids { from, to };
    assert_eq!(commit(&store, batch).await, [block(1, 11), block(1, 6), block(11, 14)]);
    let store = home.reopen(store).await;
    assert_eq!(commit(&store, vec![ids(IdKind::Attempt, 1)]).await, [block(14, 15)]);
    let mut transaction = store.begin().await.unwrap();
    query("UPDATE id_block SET next = 2147483640").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let error = store.commit(&Scope::installation(), vec![ids(IdKind::Attempt, 9)]).await.unwrap_err();
    assert!(error.to_string().starts_with("attempt ids are used up"), "{error}");
    assert_eq!(commit(&store, vec![ids(IdKind::Call, 9)]).await, [block(2_147_483_640, 2_147_483_649)]);
}

async fn no_event_holds_a_number_a_name_or_an_attribute_value(home: Home) {
    let (store, world, run) = started(&home).await;
    let words = "could not dial PJSIP/0669820000@out";
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 0, 0)),
        note(1, Fact::Refused { status: 500, message: words.into() }, 1),
        note(1, Fact::Uncertain { why: words.into() }, 1),
        Write::Withdraw(Withdrawal { why: words.into(), ..world.withdrawal(1, run, 0, 0) }),
        Write::Run(RunChange { run, state: RunState::Paused, why: words.into(), at: Timestamp(1), read_to: vec![] }),
        Write::Attempt(world.attempt(2, run, 0, 0)),
        close(world.end(2, run, 0, None)),
    ];
    commit(&store, batch).await;
    let texts: Vec<String> =
        query_scalar("SELECT data || cause || actor FROM event").fetch_all(store.readers()).await.unwrap();
    assert!(texts.len() > 7);
    for text in texts.iter().chain([&store.attempt(&Scope::installation(), AttemptId(1)).await.unwrap().why]) {
        assert!(!text.contains("66982") && !text.contains("Person"), "{text}");
    }
}

async fn the_report_counts_rows_and_finds_doubles_and_losses(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    let mut batch = Vec::new();
    for index in 0..10 {
        let id = index as i64 + 1;
        batch.push(Write::Attempt(world.attempt(id, run, index, 0)));
        batch.push(close(world.end(id, run, index, (index < 2).then_some(Timestamp(50)))));
    }
    batch.push(Write::Attempt(world.attempt(11, run, 0, 1)));
    batch.push(close(world.end(11, run, 0, None)));
    commit(&store, batch).await;
    // The dialler has read ten contacts and is done; one more is added before that is written.
    store.add_contacts(&scope, world.list.id, crate::testing::contacts(1), false).await.unwrap();
    let mut completed = change(run, RunState::Completed, 99);
    if let Write::Run(change) = &mut completed {
        change.read_to = vec![(world.list.id, world.contacts[9].id)];
    }
    commit(&store, vec![completed]).await;
    let report = store.report(&scope, &[run]).await.unwrap();
    assert_eq!((report.contacts, report.attempts, report.connected, report.retries), (10, 11, 9, 1));
    assert_eq!((report.talk_s, report.wait_pre_s, report.wait_after_s), (4.5, 1.1, 3.3));
    let outcomes: Vec<_> = report.outcomes.iter().map(|o| (o.state.as_str(), o.count)).collect();
    assert_eq!(outcomes, [("TERMINATED", 9), ("RS_NOANSWER", 2)]);
    assert_eq!((report.per_trunk[0].count, report.per_trunk[0].share), (11, 1.0));
    assert_eq!((report.per_list[0].connected, report.per_campaign[0].name.as_deref()), (9, Some("spring")));
    assert_eq!((report.double_dialled, report.lost), (0, 1), "the second contact still waits");
    // Contacts that came after the end are not lost; the same telephone at the same time is double.
    store.add_contacts(&scope, world.list.id, crate::testing::contacts(2), false).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    for sql in [
        "DROP INDEX attempt_turn",
        "UPDATE attempt SET number_key = 5, ended_at = 5500000 WHERE id IN (3, 5)",
        "UPDATE attempt SET contact_id = (SELECT contact_id FROM attempt WHERE id = 7) WHERE id = 8",
        "UPDATE run_contact SET state = 'finished'",
        "DELETE FROM run_contact WHERE contact_id = 4",
    ] {
        query(sql).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let report = store.report(&scope, &[run]).await.unwrap();
    assert_eq!((report.double_dialled, report.lost), (2, 1));
    let narrow = Scope { campaigns: crate::Campaigns::Only(vec![CampaignId(8)]), ..scope.clone() };
    assert_eq!(store.report(&narrow, &[run]).await.unwrap_err().code(), "not_found");
    assert!(store.attempts(&narrow, &AttemptFilter::default()).await.unwrap().is_empty());
    let other = Scope { tenant: TenantId(2), ..scope };
    assert_eq!(store.timeline(&other, AttemptId(1)).await.unwrap_err().code(), "not_found");
}

async fn attempts_are_found_by_every_filter(home: Home) {
    let (store, world, run) = started(&home).await;
    let scope = Scope::installation();
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 0, 0)),
        Write::Attempt(world.attempt(2, run, 1, 0)),
        Write::Attempt(world.attempt(3, run, 2, 0)),
        close(world.end(1, run, 0, None)),
        close(world.end(2, run, 1, Some(Timestamp(50)))),
    ];
    commit(&store, batch).await;
    let all = AttemptFilter::default;
    for (filter, ids) in [
        (all(), vec![1, 2, 3]),
        (AttemptFilter { run: Some(run), after: Some(AttemptId(1)), limit: 1, ..all() }, vec![2]),
        (AttemptFilter { run: Some(RunId(9)), ..all() }, vec![]),
        (AttemptFilter { campaign: Some(world.campaign.id), list: Some(world.list.id), ..all() }, vec![1, 2, 3]),
        (AttemptFilter { contact: Some(world.contacts[1].id), ..all() }, vec![2]),
        (AttemptFilter { contact: Some(world.contacts[1].id), run: Some(run), ..all() }, vec![2]),
        (AttemptFilter { state: Some("RS_NOANSWER".into()), ..all() }, vec![2]),
        (AttemptFilter { trunk: Some(domain::TrunkId(9)), ..all() }, vec![]),
        (AttemptFilter { open: Some(true), ..all() }, vec![3]),
        (AttemptFilter { answered: Some(true), ..all() }, vec![1]),
        (AttemptFilter { answered: Some(false), ..all() }, vec![2, 3]),
        (AttemptFilter { open: Some(false), ..all() }, vec![1, 2]),
        (AttemptFilter { from: Some(Timestamp(2_000_000)), to: Some(Timestamp(3_000_000)), ..all() }, vec![2]),
    ] {
        let found = store.attempts(&scope, &filter).await.unwrap();
        assert_eq!(found.iter().map(|attempt| attempt.id.0).collect::<Vec<_>>(), ids, "{filter:?}");
    }
}
