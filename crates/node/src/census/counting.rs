//! Counting a campaign from the database, and keeping up with what changes.

use super::touches::{Touched, lock};
use super::{KEPT_UP, Progress, Slot};
use crate::clock::wall;
use domain::rules::census::{Entry, Place};
use domain::rules::{Facts, Rules, Standing};
use domain::{Contact, ContactId, ListId};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{RunContact, Scope, Store};
use tracing::{info, warn};

/// Contacts read at once.
const PAGE: u32 = 1_000;
/// How often a campaign that was counted is brought up to date.
const EVERY: Duration = Duration::from_secs(1);

/// Counts the campaign, then keeps it up until nobody has asked for long.
pub(super) async fn count(store: Store, slot: Weak<Slot>) {
    let began = std::time::Instant::now();
    let lists = slot.upgrade().map(|slot| slot.subject.lists.clone()).unwrap_or_default();
    for list in lists {
        let read = read_list(&store, &slot, list).await;
        if let (Err(error), Some(slot)) = (read, slot.upgrade()) {
            warn!(campaign.id = slot.subject.campaign.0, %error, "the contacts could not be counted");
            slot.progress.send_replace(Progress::Over(format!("the contacts could not be counted: {error}")));
            return;
        }
    }
    let Some(strong) = slot.upgrade() else { return };
    lock(&strong.census).sort();
    let contacts = strong.done.load(Ordering::Relaxed);
    info!(campaign.id = strong.subject.campaign.0, contacts, took_ms = began.elapsed().as_millis() as u64, "counted");
    strong.progress.send_replace(Progress::Counted);
    drop(strong);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(slot) = slot.upgrade() else { return };
        let kept_up = keep_up(&store, &slot).await;
        let asked = lock(&slot.asked_at).elapsed();
        if kept_up.is_err() || asked > KEPT_UP || *slot.progress.borrow() != Progress::Counted {
            slot.progress.send_replace(Progress::Over(String::new()));
            return;
        }
    }
}

async fn read_list(store: &Store, slot: &Weak<Slot>, list: ListId) -> store::Result<()> {
    // A slot that was given up ends its reading with the page.
    while let Some(slot) = slot.upgrade() {
        if read_page(store, &slot, list).await? < PAGE as usize {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Adds the next contacts of a list; how many.
async fn read_page(store: &Store, slot: &Slot, list: ListId) -> store::Result<usize> {
    let scope = Scope::installation();
    let after = lock(&slot.read_to).get(&list).copied().unwrap_or(ContactId(0));
    let contacts = store.contacts(&scope, list, after, PAGE).await?;
    let (Some(first), Some(last)) = (contacts.first(), contacts.last()) else { return Ok(0) };
    let standings = store.standings(&scope, slot.subject.campaign, &contacts, wall()).await?;
    let places = match slot.subject.run {
        Some(run) => store.run_contacts(&scope, run, first.id, last.id).await?,
        None => Vec::new(),
    };
    let mut census = lock(&slot.census);
    let rules = census.rules().clone();
    for (contact, standing) in contacts.iter().zip(&standings) {
        let place = places.binary_search_by_key(&contact.id, |place| place.contact).ok().map(|found| &places[found]);
        let (contact, standing) = in_its_turn(contact, standing, place);
        census.add(&entry(&rules, &contact, &standing, place));
    }
    lock(&slot.read_to).insert(list, last.id);
    slot.done.fetch_add(contacts.len() as u64, Ordering::Relaxed);
    Ok(contacts.len())
}

/// Takes in what changed since the last time.
pub(super) async fn keep_up(store: &Store, slot: &Slot) -> store::Result<()> {
    let touched: Touched = std::mem::take(&mut lock(&slot.touched));
    // Whose numbers were added to a black list is not told.
    if touched.everything || touched.lists.iter().any(|list| slot.subject.black_lists.contains(list)) {
        slot.progress.send_replace(Progress::Over(String::new()));
        return Ok(());
    }
    let scope = Scope::installation();
    let mut affected: BTreeSet<ContactId> = BTreeSet::new();
    for contact in &touched.contacts {
        match store.contact(&scope, *contact).await {
            Ok(contact) => {
                let census = lock(&slot.census);
                affected.extend(census.holds(contact.id).then_some(contact.id));
                affected.extend(census.with_number(contact.key));
                affected.extend(contact.person.into_iter().flat_map(|person| census.with_person(person)));
            }
            Err(store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for number in &touched.numbers {
        affected.extend(lock(&slot.census).with_number(*number));
    }
    for some in affected.into_iter().collect::<Vec<_>>().chunks(PAGE as usize) {
        look_again(store, slot, some).await?;
    }
    for list in touched.lists.iter().filter(|list| slot.subject.lists.contains(list)) {
        while read_page(store, slot, *list).await? == PAGE as usize {}
        lock(&slot.census).sort();
    }
    Ok(())
}

async fn look_again(store: &Store, slot: &Slot, ids: &[ContactId]) -> store::Result<()> {
    let scope = Scope::installation();
    let (mut contacts, mut places) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
    for id in ids {
        let place = match slot.subject.run {
            Some(run) => store.run_contacts(&scope, run, *id, *id).await?.pop(),
            None => None,
        };
        contacts.push(store.contact(&scope, *id).await?);
        places.push(place);
    }
    let standings = store.standings(&scope, slot.subject.campaign, &contacts, wall()).await?;
    let mut census = lock(&slot.census);
    let rules = census.rules().clone();
    for ((contact, standing), place) in contacts.iter().zip(&standings).zip(&places) {
        let (contact, standing) = in_its_turn(contact, standing, place.as_ref());
        census.replace(&entry(&rules, &contact, &standing, place.as_ref()));
    }
    Ok(())
}

/// A contact with several numbers, as it is when it waits for the turn of another one than its own.
fn in_its_turn<'a>(
    contact: &'a Contact,
    standing: &'a Standing,
    place: Option<&RunContact>,
) -> (Cow<'a, Contact>, Cow<'a, Standing>) {
    match place.filter(|place| place.number_no > 0 && place.state != "finished") {
        Some(place) => {
            let contact = contact.turn(place.number_no);
            let standing = standing.at(contact.number_no);
            (Cow::Owned(contact), Cow::Owned(standing))
        }
        None => (Cow::Borrowed(contact), Cow::Borrowed(standing)),
    }
}

fn entry<'a>(rules: &Rules, contact: &Contact, standing: &'a Standing, place: Option<&RunContact>) -> Entry<'a> {
    let facts = Facts {
        denied: rules.denies(&contact.number).is_some(),
        suppressed: standing.suppressed_by.is_some() || standing.black_listed_by.is_some(),
        consent_at: contact.consent_at,
        due_at: place.and_then(|place| place.due_at),
        number: &standing.number,
        person: &standing.person,
        zones: contact.zones,
        in_flight: false,
    };
    let place = match place.map(|place| (place.state.as_str(), &place.put_off_by)) {
        Some(("open", _)) => Place::InCall,
        Some(("finished", _)) => Place::Finished,
        Some(("refused", _)) => Place::Refused,
        Some((_, Some(_))) => Place::PutOff,
        _ => Place::Waiting,
    };
    Entry { contact: contact.id, key: contact.key, person: contact.person, place, facts }
}
