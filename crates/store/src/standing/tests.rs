use super::*;
use crate::journal::{LoadContacts, Write, Written};
use crate::testing::{Home, World, close, note};
use domain::abandonment::{CountingRule, Tally, Why};
use domain::journal::{AttemptEnd, Fact};
use domain::outcome::Fault;
use domain::rules::Calls;
use domain::{CallState, ContactId, EndedBy, RunId};

crate::testing::on_both_engines! {
    calls_to_a_number_and_to_a_person_are_counted_and_those_never_sent_are_not;
    who_was_abandoned_and_where_a_machine_was_is_known;
    what_stands_behind_in_the_batch_is_left_out;
    no_more_is_remembered_than_is_counted;
    a_load_of_many_tells_each_its_own;
    a_black_list_counts_for_its_campaign_in_every_spelling_from_the_next_attempt_on;
}

/// Seconds since 1970, as the attempts of [`World`] have them.
fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

const NOW: Timestamp = Timestamp(1_000 * 1_000_000);
const PERSON: NumberKey = NumberKey(77);

async fn world(home: &Home) -> (Store, World, RunId) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let run = store.start_run(&Scope::installation(), world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
    (store, world, run)
}

async fn of(store: &Store, world: &World, index: usize) -> Standing {
    let contact = &world.contacts[index];
    store.standing(&Scope::installation(), world.campaign.id, &contact.number, Some(PERSON), NOW).await.unwrap()
}

async fn calls_to_a_number_and_to_a_person_are_counted_and_those_never_sent_are_not(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    assert_eq!(of(&store, &world, 0).await, Standing::default());
    let mut first = world.attempt(1, run, 0, 0);
    first.person_key = Some(PERSON);
    let mut taken_back = world.attempt(2, run, 1, 0);
    taken_back.person_key = Some(PERSON);
    let mut unsent = world.end(3, run, 2, None);
    unsent.state = CallState::RsBlacklist;
    (unsent.fault, unsent.cause, unsent.ended_by, unsent.connected_at) = (Fault::None, 0, EndedBy::Suppression, None);
    let batch = vec![
        Write::Attempt(first),
        close(world.end(1, run, 0, None)),
        Write::Attempt(taken_back),
        Write::Withdraw(world.withdrawal(2, run, 1, 0)),
        Write::Attempt(world.attempt(3, run, 2, 0)),
        close(unsent),
        Write::Attempt(world.attempt(4, run, 3, 0)),
    ];
    store.commit(&scope, batch).await.unwrap();
    let talked = Some(at(1).plus_ms(900));
    let calls = Calls { attempts: vec![at(1)], conversation_at: talked, ..Calls::NONE };
    assert_eq!(
        of(&store, &world, 0).await,
        Standing { number: calls.clone(), person: calls.clone(), ..Standing::default() }
    );
    for index in [1, 2] {
        assert_eq!(
            of(&store, &world, index).await,
            Standing { person: calls.clone(), ..Standing::default() },
            "{index}"
        );
    }
    assert_eq!(of(&store, &world, 3).await.number, Calls { attempts: vec![at(4)], ..Calls::NONE });
}

async fn who_was_abandoned_and_where_a_machine_was_is_known(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let mut batch = Vec::new();
    // The first finds no agent, the second is a machine, the third one of which that was said later.
    for id in 1..=3 {
        let index = usize::try_from(id - 1).unwrap();
        let mut tally = Tally::new(world.campaign.id, CountingRule::default());
        let mut counted = vec![(Fact::Answered, tally.live())];
        if id != 2 {
            counted.push((Fact::Abandoned, tally.abandoned(Why::TooLate, 2_000).unwrap()));
        }
        let status = if id == 1 { "SALE" } else { "AMD" };
        counted.extend(tally.status(status, 3_000).map(|what| (Fact::StatusSet { status: status.into() }, what)));
        batch.push(Write::Attempt(world.attempt(id, run, index, 0)));
        for (fact, what) in counted {
            let Write::Note { mut note, pbx_at, actor } = note(id, fact, 1) else { unreachable!() };
            note.counted = Some(what);
            batch.push(Write::Note { note, pbx_at, actor });
        }
        batch.push(close(AttemptEnd { ext_state: status.into(), ..world.end(id, run, index, None) }));
    }
    let written = store.commit(&scope, batch).await.unwrap();
    assert!(written.iter().all(|written| written.is_done() || matches!(written, Written::Attempt(_))), "{written:?}");
    let mut known = Vec::new();
    for index in 0..4 {
        let calls = of(&store, &world, index).await.number;
        known.push((calls.abandoned_at.is_some(), calls.machine_at.is_some()));
    }
    assert_eq!(known, [(true, false), (false, true), (false, true), (false, false)]);
    let ended = store.attempt(&scope, AttemptId(1)).await.unwrap().ended_at;
    assert_eq!(of(&store, &world, 0).await.number.abandoned_at, ended);
}

async fn what_stands_behind_in_the_batch_is_left_out(home: Home) {
    let (store, world, run) = world(&home).await;
    let attempts = [1, 2, 3].map(|id| {
        let mut attempt = world.attempt(id, run, id as usize, 0);
        attempt.person_key = Some(PERSON);
        Write::Attempt(attempt)
    });
    let written = store.commit(&Scope::installation(), attempts.to_vec()).await.unwrap();
    let persons: Vec<usize> = written
        .iter()
        .map(|written| match written {
            Written::Attempt(standing) => standing.person.attempts.len() + standing.number.attempts.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(persons, [0, 1, 2], "each sees those before it");
}

async fn no_more_is_remembered_than_is_counted(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let key = world.contacts[0].key;
    let mut batch = Vec::new();
    for id in 1..=60 {
        let retry = u32::try_from(id - 1).unwrap();
        batch.push(Write::Attempt(domain::journal::NewAttempt { number_key: key, ..world.attempt(id, run, 0, retry) }));
        batch.push(close(world.end(id, run, 0, Some(at(id)))));
    }
    store.commit(&scope, batch).await.unwrap();
    let calls = of(&store, &world, 0).await.number;
    assert_eq!((calls.attempts.len(), calls.attempts[0], calls.attempts[49]), (MAX_REMEMBERED, at(60), at(11)));
    let far = NOW.plus_seconds((i64::from(MAX_DAYS) + 2) * DAY_S);
    let number = &world.contacts[0].number;
    let late = store.standing(&scope, world.campaign.id, number, None, far).await.unwrap();
    assert!(late.number.attempts.is_empty(), "of another quarter");
}

async fn a_black_list_counts_for_its_campaign_in_every_spelling_from_the_next_attempt_on(home: Home) {
    let (store, world, run) = world(&home).await;
    let scope = Scope::installation();
    let never = store.create_list(&scope, "never").await.unwrap();
    let other = store.create_campaign(&scope, &domain::Campaign::named("other", "UTC"), "ana").await.unwrap();
    let listed = domain::Campaign { black_lists: vec![never.id], ..world.campaign.clone() };
    store.update_campaign(&scope, &listed, "ana").await.unwrap();
    let black = async |campaign, text: &str| {
        let number = Dialable::parse(text, Some("IT")).unwrap();
        store.standing(&scope, campaign, &number, None, NOW).await.unwrap().black_listed_by
    };
    assert_eq!(black(world.campaign.id, "+390669820001").await, None);
    let number = Dialable::parse("06 6982 0001", Some("IT")).unwrap();
    let contact = crate::NewContact { number, attributes: domain::Attributes::default() };
    store.add_contacts(&scope, never.id, vec![contact], false).await.unwrap();
    for spelling in ["+390669820001", "0669820001", "00390669820001"] {
        assert_eq!(black(world.campaign.id, spelling).await, Some(never.id), "{spelling}");
        assert_eq!(black(other.id, spelling).await, None, "{spelling}");
    }
    // The journal says it of the very next attempt.
    let contact =
        crate::NewContact { number: world.contacts[0].number.clone(), attributes: domain::Attributes::default() };
    store.add_contacts(&scope, never.id, vec![contact], false).await.unwrap();
    let attempt = world.attempt(1, run, 0, 0);
    let written = store.commit(&scope, vec![Write::Attempt(attempt)]).await.unwrap();
    let Written::Attempt(standing) = &written[0] else { panic!("{written:?}") };
    assert_eq!((standing.black_listed_by, standing.suppressed_by), (Some(never.id), None));
    let refused = store.delete_list(&scope, never.id).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("list {} is in use by campaign spring as a black list", never.id));
    let both = domain::Campaign { black_lists: vec![world.list.id], ..world.campaign.clone() };
    assert_eq!(store.update_campaign(&scope, &both, "ana").await.unwrap_err().field(), Some("black_lists"));
}

async fn a_load_of_many_tells_each_its_own(home: Home) {
    let store = home.open().await;
    let world = World::of(&store, 700).await;
    let scope = Scope::installation();
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
    let other = store.create_campaign(&scope, &domain::Campaign::named("other", "UTC"), "ana").await.unwrap();
    let named = domain::Campaign { id: other.id, lists: vec![world.list.id], ..world.campaign.clone() };
    let named = domain::Campaign { name: "other".into(), ..named };
    store.update_campaign(&scope, &named, "ana").await.unwrap();
    let second = store.start_run(&scope, other.id, "ana", Timestamp(6)).await.unwrap().id;
    for id in 1..=600 {
        let index = usize::try_from(id).unwrap();
        store.commit(&scope, vec![Write::Attempt(world.attempt(id, run, index, 0))]).await.unwrap();
    }
    store
        .suppress(
            &scope,
            crate::suppression::lists::GLOBAL,
            &[world.contacts[650].number.clone()],
            "ana",
            "",
            Timestamp(9),
        )
        .await
        .unwrap();
    let load = LoadContacts {
        run: second,
        list: Some((world.list.id, ContactId(0))),
        fresh_limit: 700,
        retry_limit: 10,
        due_before: NOW,
    };
    let written = store.commit(&scope, vec![Write::Load(load)]).await.unwrap();
    let Written::Loaded { fresh, .. } = &written[0] else { panic!("{written:?}") };
    for (index, entry) in fresh.iter().enumerate() {
        let called = (1..=600).contains(&index).then(|| at(index as i64));
        assert_eq!(entry.standing.number.attempts, called.into_iter().collect::<Vec<_>>(), "{index}");
        assert_eq!(entry.standing.suppressed_by.is_some(), index == 650, "{index}");
    }
}
