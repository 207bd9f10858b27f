//! Further numbers of contacts: kept, found, called in turn, suppressed and forgotten.

use crate::testing::{Home, World, close};
use crate::{ContactChange, GLOBAL, LoadContacts, NewContact, Scope, Store, Write, Written};
use domain::journal::{AttemptEnd, NewAttempt, Picked};
use domain::{Attributes, CallState, Contact, ContactId, Dialable, ListId, RunId, Timestamp, WhyLeftOut};

crate::testing::on_both_engines! {
    further_numbers_are_kept_however_a_contact_comes_and_found_by_any_of_them;
    a_correction_changes_the_further_numbers;
    numbers_are_called_in_turn_and_none_is_lost_between_two;
    what_is_known_is_known_of_each_number;
    a_person_is_forgotten_by_any_of_the_numbers;
}

const MANY: [(&str, &str); 3] =
    [("MULTINUM1", "0669870002"), ("MULTINUM2", "06 69870001"), ("MULTINUM3", "0669870003")];

fn number(text: &str) -> Dialable {
    Dialable::parse(text, Some("IT")).unwrap()
}

fn new(text: &str, pairs: &[(&str, &str)]) -> NewContact {
    let mut attributes = Attributes::default();
    for (name, value) in pairs {
        attributes.add(name, value).unwrap();
    }
    NewContact { number: number(text), attributes }
}

/// A list of one contact with three numbers and one that is its own once more.
async fn person(store: &Store, list: ListId) -> Contact {
    let scope = Scope::installation();
    let added = store.add_contacts(&scope, list, vec![new("0669870001", &MANY)], false).await.unwrap();
    store.contact(&scope, added.ids[0]).await.unwrap()
}

fn places(contact: &Contact) -> Vec<(u32, String)> {
    let all = contact.numbers.iter().flat_map(|numbers| &numbers.all);
    all.map(|one| (one.no, one.number.dialled.clone())).collect()
}

async fn further_numbers_are_kept_however_a_contact_comes_and_found_by_any_of_them(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "spring").await.unwrap().id;
    let one = person(&store, list).await;
    assert_eq!(places(&one), [(0, "0669870001".into()), (1, "0669870002".into()), (3, "0669870003".into())]);
    let left_out = one.numbers.as_ref().unwrap().left_out[0];
    assert_eq!((left_out.no, left_out.why), (2, WhyLeftOut::Duplicate));
    assert!(one.person.is_some(), "calls to all of them are calls to one person");

    let many: Vec<NewContact> = (0..60).map(|n| new(&format!("06698300{n:02}"), &MANY)).collect();
    store.add_many_contacts(&scope, list, many, false).await.unwrap();
    let single = store.add_contacts(&scope, list, vec![new("0669840000", &[])], false).await.unwrap().ids[0];
    assert!(store.contact(&scope, single).await.unwrap().numbers.is_none());
    let store = home.reopen(store).await;
    let found = store.contacts_with_number(&scope, &number("+39 0669870003")).await.unwrap();
    assert_eq!(found.len(), 50, "as many as are looked for");
    assert_eq!((found[0].id, places(&found[0]).len()), (one.id, 3));
    let of_first = store.contacts_with_number(&scope, &number("0669870001")).await.unwrap();
    assert_eq!((of_first.len(), of_first[0].id), (51, one.id), "one has it as its own");
    // With the list what leads to them is gone.
    store.delete_list(&scope, list).await.unwrap();
    assert!(store.contacts_with_number(&scope, &number("0669870003")).await.unwrap().is_empty());
}

async fn a_correction_changes_the_further_numbers(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let list = store.create_list(&scope, "spring").await.unwrap().id;
    let was = person(&store, list).await;
    let attributes = vec![("MULTINUM1".into(), None), ("MULTINUM2".into(), Some("0669870009".into()))];
    let now = store.change_contact(&scope, was.id, ContactChange { number: None, attributes }).await.unwrap();
    assert_eq!(places(&now), [(0, "0669870001".into()), (2, "0669870009".into()), (3, "0669870003".into())]);
    let number_ref = |contact: &Contact, no: u32| contact.at(no).unwrap().number_ref;
    assert_eq!(number_ref(&now, 3), number_ref(&was, 3), "what stands for a number that stays, stays");
    assert!(store.contacts_with_number(&scope, &number("0669870002")).await.unwrap().is_empty());
    assert_eq!(store.contacts_with_number(&scope, &number("0669870009")).await.unwrap()[0].id, was.id);
    let wrong = vec![("MULTINUM21".into(), Some("1".into()))];
    let refused = store.change_contact(&scope, was.id, ContactChange { number: None, attributes: wrong }).await;
    assert_eq!(refused.unwrap_err().field(), Some("MULTINUM21"));
}

/// Attempt `id` to a number of the contact.
fn attempt(world: &World, id: i64, run: RunId, contact: &Contact, no: u32, retry: u32) -> NewAttempt {
    let called = contact.at(no).unwrap();
    let mut new = world.attempt(id, run, 0, retry);
    (new.contact, new.number_no, new.person_key) = (called.id, no, called.person);
    (new.number_key, new.number_ref) = (called.key, called.number_ref);
    let due_at = Timestamp(id * 1_000_000 - 1);
    new.receipt.picked = match (no, retry) {
        (0, 0) => Picked::FreshInOrder,
        (0, _) => Picked::RetryDue { due_at },
        _ => Picked::NextNumber { due_at },
    };
    new
}

fn end(world: &World, id: i64, run: RunId, contact: &Contact, next_number: Option<u32>) -> AttemptEnd {
    let again = Timestamp(id * 1_000_000 + 5_000_000);
    let mut end = world.end(id, run, 0, Some(again));
    (end.contact, end.state, end.next_number) = (contact.id, CallState::RsBusy, next_number);
    end.retry = end.retry.filter(|_| next_number.is_none());
    end
}

async fn waiting(store: &Store, run: RunId) -> Vec<(u32, u32, String)> {
    let load = LoadContacts { run, list: None, fresh_limit: 0, retry_limit: 10, due_before: Timestamp(i64::MAX / 2) };
    let loaded = store.commit(&Scope::installation(), vec![Write::Load(load)]).await.unwrap().remove(0);
    let Written::Loaded { retries, .. } = loaded else { panic!("{loaded:?}") };
    let entry = |entry: crate::RetryEntry| (entry.retry, entry.number_no, entry.contact.number.dialled.clone());
    retries.into_iter().map(entry).collect()
}

async fn numbers_are_called_in_turn_and_none_is_lost_between_two(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let scope = Scope::installation();
    let contact = person(&store, world.list.id).await;
    let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(0)).await.unwrap().id;
    let first = Write::Attempt(attempt(&world, 1, run, &contact, 0, 0));
    let ended = close(end(&world, 1, run, &contact, Some(1)));
    assert!(store.commit(&scope, vec![first, ended]).await.unwrap().iter().all(Written::is_done));
    // The process dies here.
    let store = home.reopen(store).await;
    assert_eq!(waiting(&store, run).await, [(0, 1, "0669870002".into())]);
    assert_eq!(store.run(&scope, run).await.unwrap().totals.open_retries, 1);
    let again = attempt(&world, 2, run, &contact, 0, 0);
    let refused = store.commit(&scope, vec![Write::Attempt(again)]).await.unwrap();
    assert!(matches!(&refused[..], [Written::Refused(why)] if why.contains("attempt 1")), "{refused:?}");
    let second = Write::Attempt(attempt(&world, 3, run, &contact, 1, 0));
    assert!(store.commit(&scope, vec![second]).await.unwrap().iter().all(Written::is_done));
    let open = store.open_attempts(&scope).await.unwrap().remove(0);
    let others: Vec<_> = open.other_numbers.iter().map(|other| (other.no, other.left_out)).collect();
    assert_eq!((open.number_no, open.number_key), (1, contact.at(1).unwrap().key));
    assert_eq!(others, [(0, None), (2, Some(WhyLeftOut::Duplicate)), (3, None)]);
    let record = store.attempt(&scope, open.attempt).await.unwrap();
    assert_eq!((record.number_no, record.number.as_deref()), (1, Some("0669870002")));

    let writes = vec![
        close(end(&world, 3, run, &contact, Some(3))),
        Write::Attempt(attempt(&world, 4, run, &contact, 3, 0)),
        close(end(&world, 4, run, &contact, None)),
    ];
    let written = store.commit(&scope, writes).await.unwrap();
    assert!(written.iter().all(Written::is_done), "{written:?}");
    assert_eq!(waiting(&store, run).await, [(1, 0, "0669870001".into())], "the next round begins with its own");
    assert_eq!(store.attempt(&scope, record.id).await.unwrap().next_number, Some(3));
    let taken = Write::Attempt(attempt(&world, 5, run, &contact, 0, 1));
    assert!(store.commit(&scope, vec![taken]).await.unwrap()[0].is_done());
    // A number that is none of the contact's.
    let mut wrong = attempt(&world, 6, run, &contact, 3, 1);
    wrong.number_key.0 += 1;
    let written = store.commit(&scope, vec![close(end(&world, 5, run, &contact, Some(1))), Write::Attempt(wrong)]);
    assert!(matches!(written.await.unwrap()[1], Written::ContactChanged(_)));
}

async fn what_is_known_is_known_of_each_number(home: Home) {
    let store = home.open().await;
    let world = World::make(&store).await;
    let scope = Scope::installation();
    let contact = person(&store, world.list.id).await;
    let standing = async |contact: &Contact| {
        let one = std::slice::from_ref(contact);
        store.standings(&scope, world.campaign.id, one, Timestamp(9)).await.unwrap().remove(0)
    };
    store.suppress(&scope, GLOBAL, &[number("0669870002")], "ana", "asked", Timestamp(1)).await.unwrap();
    let known = standing(&contact).await;
    let each: Vec<_> = known.numbers.iter().map(|one| (one.no, one.suppressed_by.is_some())).collect();
    assert_eq!((known.suppressed_by, each), (None, vec![(0, false), (1, true), (3, false)]));
    assert!(known.at(1).suppressed_by.is_some() && known.at(3).suppressed_by.is_none());
    // On a black list stands somebody whose further number is our third.
    let black = store.create_list(&scope, "never").await.unwrap().id;
    let there = vec![new("0669829999", &[("MULTINUM1", "0669870003")])];
    store.add_contacts(&scope, black, there, false).await.unwrap();
    let mut campaign = world.campaign.clone();
    campaign.black_lists = vec![black];
    store.update_campaign(&scope, &campaign, "ana").await.unwrap();
    let known = standing(&contact).await;
    assert_eq!(known.numbers[2].black_listed_by, Some(black));
    assert_eq!(known.black_listed_by, None);
    // Who suppresses its own number suppresses the contact, whichever it is called on.
    store.suppress(&scope, GLOBAL, &[number("0669870001")], "ana", "asked", Timestamp(1)).await.unwrap();
    assert!(standing(&contact.at(3).unwrap()).await.suppressed_by.is_some());
}

async fn a_person_is_forgotten_by_any_of_the_numbers(home: Home) {
    let store = home.open().await;
    let scope = Scope::installation();
    let world = World::make(&store).await;
    let contact = person(&store, world.list.id).await;
    let third = number("0669870003");
    store.suppress(&scope, GLOBAL, std::slice::from_ref(&third), "ana", "asked", Timestamp(1)).await.unwrap();
    let found = store.forget(&scope, &third, "ana", Timestamp(2)).await.unwrap();
    assert_eq!((found.contacts, found.lists), (1, 1));
    let left = store.contact(&scope, contact.id).await.unwrap();
    assert_eq!((left.number.dialled.as_str(), left.attributes.is_empty(), left.numbers), ("", true, None));
    assert_eq!(left.key, store.number_key(&third), "nobody calls it by the number that was forgotten");
    assert_eq!(store.traces(&scope, &third).await.unwrap().contacts, 0);
    let others = store.contacts(&scope, world.list.id, ContactId(0), 100).await.unwrap();
    assert!(others.iter().filter(|other| other.id != contact.id).all(|other| !other.number.dialled.is_empty()));
}
