//! The contacts of a campaign, read a page at a time into little room.

use super::{CANCELLED, Progress};
use crate::handle::NodeError;
use domain::journal::PutOffBy;
use domain::{Contact, ContactId, Invalid, ListId, RunId, Timestamp};
use sim::forecast::{MAX_CONTACTS, People, Where};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use store::{InForce, RunContact, Scope, Store};

/// Contacts read at once.
const PAGE: u32 = 1_000;

/// Everybody in the campaign's lists, and the calls that programs added to its run; of these the first thousand.
pub(super) async fn people(
    store: &Store,
    in_force: &InForce,
    now: Timestamp,
    progress: &Progress,
) -> Result<People, NodeError> {
    let (scope, lists) = (Scope::installation(), &in_force.campaign.lists);
    let mut count = 0;
    for list in lists {
        count += u64::try_from(store.list(&scope, *list).await?.contacts).unwrap_or(0);
    }
    if count > MAX_CONTACTS {
        let problem = format!("{count} contacts are more than the {MAX_CONTACTS} that can be forecast");
        return Err(Invalid::new("campaign", problem).into());
    }
    progress.contacts.store(count, Ordering::Relaxed);
    let mut people = People::default();
    for list in lists {
        read_list(store, in_force, *list, now, progress, &mut people).await?;
    }
    if let Some(run) = in_force.run {
        read_added(store, in_force, run, now, &mut people).await?;
    }
    Ok(people)
}

async fn read_list(
    store: &Store,
    in_force: &InForce,
    list: ListId,
    now: Timestamp,
    progress: &Progress,
    people: &mut People,
) -> Result<(), NodeError> {
    let scope = Scope::installation();
    people.begin_list(list);
    let mut after = ContactId(0);
    loop {
        if progress.is_cancelled() {
            return Err(NodeError::Conflict(CANCELLED.to_owned()));
        }
        let contacts = store.contacts(&scope, list, after, PAGE).await?;
        let (Some(first), Some(last)) = (contacts.first(), contacts.last()) else { return Ok(()) };
        let standings = store.standings(&scope, in_force.campaign.id, &contacts, now).await?;
        let places = match in_force.run {
            Some(run) => store.run_contacts(&scope, run, first.id, last.id).await?,
            None => Vec::new(),
        };
        after = last.id;
        for (contact, standing) in contacts.iter().zip(standings) {
            let place =
                places.binary_search_by_key(&contact.id, |place| place.contact).ok().map(|found| &places[found]);
            people.add(contact, standing, is_where(place));
        }
        progress.read.store(people.len() as u64, Ordering::Relaxed);
        if contacts.len() < PAGE as usize || people.len() as u64 > MAX_CONTACTS {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// Calls that programs added: contacts of the campaign's AUTO list, which wait in the run.
async fn read_added(
    store: &Store,
    in_force: &InForce,
    run: RunId,
    now: Timestamp,
    people: &mut People,
) -> Result<(), NodeError> {
    let scope = Scope::installation();
    let waiting: BTreeSet<ContactId> =
        store.waiting_calls(&scope, run, PAGE).await?.into_iter().map(|call| call.contact).collect();
    let ids: Vec<ContactId> = waiting.into_iter().collect();
    let mut contacts: Vec<Contact> = store.contacts_of(&scope, &ids).await?;
    contacts.retain(|contact| !in_force.campaign.lists.contains(&contact.list));
    let standings = store.standings(&scope, in_force.campaign.id, &contacts, now).await?;
    let mut begun = None;
    contacts.sort_by_key(|contact| (contact.list, contact.id));
    let mut by_contact: std::collections::BTreeMap<ContactId, _> = Default::default();
    for (contact, standing) in contacts.iter().zip(standings) {
        by_contact.insert(contact.id, standing);
    }
    for contact in &contacts {
        if begun.replace(contact.list) != Some(contact.list) {
            people.begin_list(contact.list);
        }
        let place = store.run_contacts(&scope, run, contact.id, contact.id).await?.pop();
        // One that was dialled meanwhile is in a call or over.
        let place = place.filter(|place| place.state == "waiting");
        if place.is_some() {
            let standing = by_contact.remove(&contact.id).unwrap_or_default();
            people.add(contact, standing, is_where(place.as_ref()));
        }
    }
    Ok(())
}

fn is_where(place: Option<&RunContact>) -> Where {
    let Some(place) = place else { return Where::Fresh };
    match place.state.as_str() {
        "open" => Where::InCall,
        "waiting" => Where::Waiting {
            retry: place.retry,
            number_no: place.number_no,
            due_at: place.due_at.unwrap_or_default(),
            put_off_by: place.put_off_by.as_deref().and_then(PutOffBy::from_code),
        },
        "refused" => Where::Refused,
        _ => Where::Finished,
    }
}
