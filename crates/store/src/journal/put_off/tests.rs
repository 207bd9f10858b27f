use crate::journal::{LoadContacts, Write, Written};
use crate::runs::RunTotals;
use crate::testing::{Home, World, close};
use crate::{Scope, Store};
use domain::journal::{Again, Picked, PutOff, PutOffBy, READ_AHEAD_US, SOON_US};
use domain::rules::ContactRule;
use domain::{ContactId, RunId, Timestamp};

crate::testing::on_both_engines! {
    who_is_put_off_waits_with_the_rule_and_comes_back;
    who_is_refused_comes_back_when_it_is_taken_up;
    who_waits_for_a_rule_is_judged_again_and_a_retry_keeps_its_delay;
    a_batch_that_comes_twice_counts_once;
}

const CAP: PutOffBy = PutOffBy::Rule(ContactRule::AttemptsBelowCap);
const HOURS: PutOffBy = PutOffBy::Rule(ContactRule::InsideCalleeWindow);

async fn world(home: &Home) -> (Store, World, RunId) {
    let store = home.open().await;
    let world = World::of(&store, 200).await;
    let run = store.start_run(&Scope::installation(), world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
    (store, world, run)
}

fn put_off(run: RunId, contacts: Vec<PutOff>) -> Write {
    Write::PutOff { run, contacts, rules: [].into(), at: Timestamp(1) }
}

fn fresh(world: &World, index: usize, by: PutOffBy, until: Option<Timestamp>) -> PutOff {
    let contact = world.contacts[index].id;
    PutOff { contact, retry: 0, was_due_at: None, was_put_off_by: None, by, until }
}

async fn totals(store: &Store, run: RunId) -> RunTotals {
    store.run(&Scope::installation(), run).await.unwrap().totals
}

async fn load(store: &Store, run: RunId, world: &World, due_before: i64) -> Written {
    let load = LoadContacts {
        run,
        list: Some((world.list.id, ContactId(0))),
        fresh_limit: 1_000,
        retry_limit: 1_000,
        due_before: Timestamp(due_before),
    };
    store.commit(&Scope::installation(), vec![Write::Load(load)]).await.unwrap().remove(0)
}

/// `(contact's place, retry, put off by)` of those that are due, how many are fresh, and what comes next.
type Due = (Vec<(i64, u32, Option<PutOffBy>)>, usize, Option<(Timestamp, Option<PutOffBy>)>);

fn due(world: &World, written: &Written) -> Due {
    let Written::Loaded { fresh, retries, next_due, next_put_off_by, .. } = written else { panic!("{written:?}") };
    let first = world.contacts[0].id.0;
    let retries = retries.iter().map(|entry| (entry.contact.id.0 - first, entry.retry, entry.put_off_by));
    (retries.collect(), fresh.len(), next_due.map(|at| (at, *next_put_off_by)))
}

async fn who_is_put_off_waits_with_the_rule_and_comes_back(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let mut contacts: Vec<PutOff> = (0..150).map(|index| fresh(&world, index, HOURS, Some(Timestamp(900)))).collect();
    contacts[0].until = Some(Timestamp(500));
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 160, 0)),
        close(world.end(1, run, 160, Some(Timestamp(400)))),
        put_off(run, contacts),
    ];
    store.commit(&scope, batch).await.unwrap();
    let now = RunTotals { placed: 1, open_retries: 1, put_off: 150, ..RunTotals::default() };
    assert_eq!(totals(&store, run).await, now);
    let expected = (vec![(160, 1, None), (0, 0, Some(HOURS))], 49, Some((Timestamp(900), Some(HOURS))));
    assert_eq!(due(&world, &load(&store, run, &world, 500).await), expected);
    // One is put off by something else, the retry is too, and one is dialled and taken back.
    let contact = world.contacts[160].id;
    let (was_due_at, until) = (Some(Timestamp(400)), Some(Timestamp(450)));
    let retry = PutOff { contact, retry: 1, was_due_at, was_put_off_by: None, by: CAP, until };
    let (was_due_at, until) = (Some(Timestamp(900)), Some(Timestamp(600)));
    let again = PutOff { was_due_at, was_put_off_by: Some(HOURS), ..fresh(&world, 1, CAP, until) };
    let mut attempt = world.attempt(2, run, 0, 0);
    let due_at = Timestamp(500);
    attempt.receipt.picked = Picked::PutOffOver { due_at, by: HOURS };
    let taken_back =
        domain::journal::Withdrawal { due_at: Some(due_at), put_off_by: Some(HOURS), ..world.withdrawal(2, run, 0, 0) };
    store.commit(&scope, vec![put_off(run, vec![retry, again])]).await.unwrap();
    store.commit(&scope, vec![Write::Attempt(attempt)]).await.unwrap();
    assert_eq!(totals(&store, run).await, RunTotals { placed: 2, open_retries: 0, put_off: 150, ..now });
    store.commit(&scope, vec![Write::Withdraw(taken_back)]).await.unwrap();
    assert_eq!(totals(&store, run).await, RunTotals { placed: 1, open_retries: 0, put_off: 151, ..now });
    let waiting = due(&world, &load(&store, run, &world, 600).await).0;
    assert_eq!(waiting, [(160, 1, Some(CAP)), (0, 0, Some(HOURS)), (1, 0, Some(CAP))]);
}

async fn who_is_refused_comes_back_when_it_is_taken_up(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let by = PutOffBy::Rule(ContactRule::ConsentGiven);
    let contacts = (0..5).map(|index| fresh(&world, index, by, None)).collect();
    store.commit(&scope, vec![put_off(run, contacts)]).await.unwrap();
    assert_eq!(totals(&store, run).await, RunTotals { refused: 5, ..RunTotals::default() });
    assert_eq!(due(&world, &load(&store, run, &world, i64::MAX).await), (vec![], 195, None));
    let take_up = |which, after, limit| Write::TakeUp { run, which, after, limit, at: Timestamp(700) };
    let none = Written::TakenUp { refused: 0, put_off: 0, last: None };
    let suppressed = take_up(Again::Suppressed, ContactId(0), 10);
    assert_eq!(store.commit(&scope, vec![suppressed]).await.unwrap(), std::slice::from_ref(&none));
    let [third, last] = [world.contacts[2].id, world.contacts[4].id];
    let batches =
        [(ContactId(0), 3), (third, 10), (last, 10)].map(|(after, limit)| take_up(Again::Refused, after, limit));
    let written = store.commit(&scope, batches.into()).await.unwrap();
    let some = |refused, last| Written::TakenUp { refused, put_off: 0, last: Some(last) };
    assert_eq!(written, [some(3, third), some(2, last), none]);
    assert_eq!(totals(&store, run).await, RunTotals { put_off: 5, ..RunTotals::default() });
    let waiting = due(&world, &load(&store, run, &world, 700).await).0;
    assert_eq!(waiting, (0..5).map(|index| (index, 0, Some(by))).collect::<Vec<_>>());
}

async fn who_waits_for_a_rule_is_judged_again_and_a_retry_keeps_its_delay(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let hour = 3_600_000_000;
    let late = Some(Timestamp(hour));
    // One is due so soon that it may be in memory; the retry of one waits for its own time, that of another was put off.
    let contacts = vec![
        fresh(&world, 0, HOURS, late),
        fresh(&world, 1, CAP, late),
        fresh(&world, 2, HOURS, Some(Timestamp(SOON_US))),
        fresh(&world, 3, PutOffBy::Rule(ContactRule::ConsentGiven), None),
    ];
    let batch = vec![
        Write::Attempt(world.attempt(1, run, 10, 0)),
        close(world.end(1, run, 10, Some(Timestamp(hour)))),
        Write::Attempt(world.attempt(2, run, 11, 0)),
        close(world.end(2, run, 11, Some(Timestamp(400)))),
        put_off(run, contacts),
    ];
    store.commit(&scope, batch).await.unwrap();
    let contact = world.contacts[11].id;
    let was_due_at = Some(Timestamp(400));
    let off = PutOff { contact, retry: 1, was_due_at, was_put_off_by: None, by: HOURS, until: late };
    store.commit(&scope, vec![put_off(run, vec![off])]).await.unwrap();
    let before = totals(&store, run).await;
    assert_eq!((before.open_retries, before.put_off, before.refused), (1, 4, 1));
    let take_up = |which, after| Write::TakeUp { run, which, after, limit: 100, at: Timestamp(0) };
    let one = take_up(Again::Contact(world.contacts[1].id), ContactId(0));
    let written = store.commit(&scope, vec![one]).await.unwrap();
    assert_eq!(written, [Written::TakenUp { refused: 0, put_off: 1, last: None }]);
    let written = store.commit(&scope, vec![take_up(Again::Everybody, ContactId(0))]).await.unwrap();
    assert_eq!(written, [Written::TakenUp { refused: 1, put_off: 2, last: Some(contact) }]);
    let after = totals(&store, run).await;
    assert_eq!((after.open_retries, after.put_off, after.refused), (1, 5, 0));
    let consent = PutOffBy::Rule(ContactRule::ConsentGiven);
    let waiting = due(&world, &load(&store, run, &world, 0).await).0;
    assert_eq!(waiting, [(0, 0, Some(HOURS)), (1, 0, Some(CAP)), (3, 0, Some(consent))]);
    let waiting = due(&world, &load(&store, run, &world, READ_AHEAD_US).await).0;
    assert_eq!(waiting.last(), Some(&(11, 1, Some(HOURS))));
}

async fn a_batch_that_comes_twice_counts_once(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let refused = vec![fresh(&world, 0, HOURS, Some(Timestamp(9))), fresh(&world, 1, CAP, None)];
    let moved = PutOff {
        was_due_at: Some(Timestamp(9)),
        was_put_off_by: Some(HOURS),
        ..fresh(&world, 0, CAP, Some(Timestamp(20)))
    };
    for _ in 0..2 {
        store.commit(&scope, vec![put_off(run, refused.clone())]).await.unwrap();
        store.commit(&scope, vec![put_off(run, vec![moved])]).await.unwrap();
        assert_eq!(totals(&store, run).await, RunTotals { put_off: 1, refused: 1, ..RunTotals::default() });
    }
}
