//! Contacts of one request into a list by the thousand, without a file and a job.

use super::insert::{Line, existing_keys, insert};
use crate::audit::{self, Subject};
use crate::contacts::NewContact;
use crate::db::Store;
use crate::error::Result;
use crate::lists::count_contacts;
use crate::scope::{Kind, Scope};
use domain::ListId;
use std::collections::HashSet;

/// Contacts of one transaction: calls are journalled between two of them.
const STEP: usize = 2_000;

/// What became of many contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddedMany {
    /// How many were added.
    pub added: u64,
    /// How many were not, because the list has their number.
    pub duplicates: u64,
}

impl Store {
    /// Adds contacts to the end of a list in the order given. With `dedupe`, one whose own number a contact of the list has, or
    /// an earlier one of them, as its own or as a further one, is passed over. The whole is not one transaction: when the database fails, those before
    /// stay.
    pub async fn add_many_contacts(
        &self,
        scope: &Scope,
        list: ListId,
        contacts: Vec<NewContact>,
        dedupe: bool,
    ) -> Result<AddedMany> {
        let secret = self.installation().number_secret;
        let mut done = AddedMany::default();
        let mut left = contacts.into_iter();
        loop {
            let mut lines: Vec<Line> =
                left.by_ref().take(STEP).map(|contact| Line::of_contact(contact, self.country(), secret)).collect();
            let given = lines.len() as u64;
            let mut transaction = self.begin().await?;
            count_contacts(scope, list, 0, &mut transaction).await?; // refuses a list that does not exist
            if given == 0 {
                return Ok(done);
            }
            if dedupe {
                let mut seen: HashSet<_> =
                    existing_keys(scope, list, lines.iter().map(|line| line.key), &mut transaction).await?;
                lines.retain(|line| line.is_new(&mut seen));
            }
            let added = lines.len() as u64;
            insert(scope, list, None, lines, &mut transaction).await?;
            count_contacts(scope, list, i64::try_from(added).unwrap_or(i64::MAX), &mut transaction).await?;
            if added > 0 {
                let subject = Subject::Entity(Kind::List);
                audit::note_count(scope, "contacts_added", subject, list.0, added.into(), &mut transaction).await?;
            }
            transaction.commit().await?;
            done.added += added;
            done.duplicates += given - added;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, contacts};

    crate::testing::on_both_engines! {
        thousands_are_added_in_order_and_duplicates_passed_over;
        a_number_that_a_contact_has_beside_its_own_is_a_duplicate_too;
    }

    async fn a_number_that_a_contact_has_beside_its_own_is_a_duplicate_too(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "families").await.unwrap().id;
        let contact = |number: &str, further: &str| {
            let mut attributes = domain::Attributes::default();
            if !further.is_empty() {
                attributes.add("MULTINUM1", further).unwrap();
            }
            NewContact { number: domain::Dialable::parse(number, Some("IT")).unwrap(), attributes }
        };
        let family = contact("0669820001", "0669820002");
        // The second number of the first, then somebody else with the same second number: that is another person.
        let others = vec![contact("+390669820002", ""), contact("0669820003", "0669820002")];
        let done = store.add_many_contacts(&scope, list, [vec![family], others.clone()].concat(), true).await.unwrap();
        assert_eq!(done, AddedMany { added: 2, duplicates: 1 });
        let again = store.add_many_contacts(&scope, list, others.clone(), true).await.unwrap();
        assert_eq!(again, AddedMany { added: 0, duplicates: 2 });
        let one_by_one = store.add_contacts(&scope, list, others, true).await.unwrap();
        assert_eq!((one_by_one.added, one_by_one.skipped_duplicates), (0, 2));
        let other = store.create_list(&scope, "other").await.unwrap().id;
        let elsewhere = store.add_contacts(&scope, other, vec![contact("0669820002", "")], true).await.unwrap();
        assert_eq!(elsewhere.added, 1, "each list by itself");
    }

    async fn thousands_are_added_in_order_and_duplicates_passed_over(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "spring").await.unwrap().id;
        let twice = [contacts(4_500), contacts(4_600)].concat();
        let done = store.add_many_contacts(&scope, list, twice, true).await.unwrap();
        assert_eq!(done, AddedMany { added: 4_600, duplicates: 4_500 });
        assert_eq!(store.list(&scope, list).await.unwrap().contacts, 4_600);
        let again = store.add_many_contacts(&scope, list, contacts(3), false).await.unwrap();
        assert_eq!(again, AddedMany { added: 3, duplicates: 0 });
        let first = store.contacts(&scope, list, domain::ContactId(0), 2).await.unwrap();
        assert_eq!(first[0].number, contacts(1)[0].number);
        assert!(store.add_many_contacts(&scope, ListId(77), contacts(1), true).await.is_err());
    }
}
