//! Which contact stands at a place of a list, without counting to it: signposts, kept in memory.
//!
//! Contacts come to the end of their list and stay where they are, so that a signpost that was put up once stays right. Whoever
//! takes contacts out takes the signposts of the list down, after the commit.

use crate::db::Store;
use crate::engine::query_scalar;
use crate::error::Result;
use domain::ListId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Contacts between two signposts: what a jump counts, at most.
const APART: u64 = if cfg!(test) { 4 } else { 10_000 };
/// Lists whose signposts are kept; 8 bytes for [`APART`] contacts of each.
const LISTS: usize = 200;

statements! {
    // Reads an index and no row.
    NEXT_SIGNPOST = "SELECT o.id FROM contact o WHERE o.list_id = $1 AND o.id > $2 ORDER BY o.id LIMIT 1 OFFSET $3";
}

/// The signposts of the lists that were looked at last.
#[derive(Default)]
pub(crate) struct Places(Mutex<Known>);

#[derive(Default)]
struct Known {
    lists: HashMap<ListId, Signposts>,
    /// Grows with every look.
    looks: u64,
    /// Grows when contacts are taken out: what was read before is not put up.
    taken_out: u64,
}

#[derive(Default)]
struct Signposts {
    /// The id of the last contact of every full block of [`APART`].
    ids: Vec<i64>,
    looked_at: u64,
}

impl Places {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Contacts were taken out of the list.
    pub(crate) fn forget(&self, list: ListId) {
        let mut known = self.known();
        known.taken_out += 1;
        known.lists.remove(&list);
    }

    fn read(&self, list: ListId) -> (Vec<i64>, u64) {
        let mut known = self.known();
        known.looks += 1;
        let (looks, taken_out) = (known.looks, known.taken_out);
        let Some(signposts) = known.lists.get_mut(&list) else { return (Vec::new(), taken_out) };
        signposts.looked_at = looks;
        (signposts.ids.clone(), taken_out)
    }

    fn put_up(&self, list: ListId, ids: Vec<i64>, taken_out: u64) {
        let mut known = self.known();
        let looked_at = known.looks;
        if known.taken_out != taken_out || known.lists.get(&list).is_some_and(|had| had.ids.len() >= ids.len()) {
            return;
        }
        known.lists.insert(list, Signposts { ids, looked_at });
        if known.lists.len() > LISTS {
            let oldest = known.lists.iter().min_by_key(|(_, signposts)| signposts.looked_at).map(|(list, _)| *list);
            oldest.map(|list| known.lists.remove(&list));
        }
    }
}

impl Store {
    /// A contact before the `place`th of a list, 0 for none, and how many stand between the two.
    pub(super) async fn signpost_before(&self, list: ListId, place: u64) -> Result<(i64, i64)> {
        let wanted = usize::try_from(place / APART).unwrap_or(usize::MAX);
        let (mut ids, taken_out) = self.places().read(list);
        let had = ids.len();
        while ids.len() < wanted {
            let after = ids.last().copied().unwrap_or(0);
            let next = query_scalar(NEXT_SIGNPOST).bind(list.0).bind(after).bind(APART as i64 - 1);
            // Behind the last signpost there are fewer than a block: the place is behind the end, or in what is left.
            let Some(id) = next.fetch_optional(self.readers()).await? else { break };
            ids.push(id);
        }
        let near = ids.len().min(wanted);
        let after = near.checked_sub(1).map_or(0, |last| ids[last]);
        if ids.len() > had {
            self.places().put_up(list, ids, taken_out);
        }
        let between = place.saturating_sub(near as u64 * APART);
        Ok((after, i64::try_from(between).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;
    use crate::testing::{Home, contacts};

    crate::testing::on_both_engines! {
        every_place_is_found_while_a_list_grows_and_after_contacts_went;
    }

    async fn agree(store: &Store, list: ListId) {
        let scope = Scope::installation();
        let all = store.contacts(&scope, list, domain::ContactId(0), 100).await.unwrap();
        for place in (0..=all.len() + 5).rev() {
            let page = store.contacts_from(&scope, list, place as u64, 3).await.unwrap();
            assert_eq!(page, all.iter().skip(place).take(3).cloned().collect::<Vec<_>>(), "place {place}");
        }
    }

    async fn every_place_is_found_while_a_list_grows_and_after_contacts_went(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "spring").await.unwrap().id;
        let other = store.create_list(&scope, "autumn").await.unwrap().id;
        agree(&store, list).await;
        for count in [5, 3, 4, 9] {
            for list in [list, other] {
                store.add_contacts(&scope, list, contacts(count), false).await.unwrap();
            }
            agree(&store, list).await;
        }
        store.delete_list(&scope, other).await.unwrap();
        agree(&store, other).await;
        agree(&store, list).await;
    }

    #[test]
    fn what_was_read_before_contacts_went_is_not_put_up() {
        let places = Places::default();
        let (ids, then) = places.read(ListId(1));
        assert!(ids.is_empty());
        places.forget(ListId(1));
        places.put_up(ListId(1), vec![4], then);
        assert!(places.read(ListId(1)).0.is_empty());
        let (_, now) = places.read(ListId(1));
        for list in 0..=LISTS as i64 {
            places.read(ListId(list));
            places.put_up(ListId(list), vec![list], now);
        }
        assert_eq!((places.read(ListId(0)).0, places.read(ListId(1)).0), (Vec::new(), vec![1]));
    }
}
