//! Contacts: the only rows that hold numbers, names and attribute values.

pub(crate) mod change;
pub(crate) mod numbers;
pub(crate) mod places;

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Pool, Row, postgres, query, query_scalar, sqlite};
use crate::error::{Error, Result};
use crate::lists::count_contacts;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, json_of};
use domain::contact::{CONSENT_AT, check_meaning, consent_at, person_of};
use domain::rules::Zones;
use domain::{
    Alternates, Attributes, Contact, ContactId, Dialable, Invalid, ListId, NumberKey, NumberRef, Numbered, Numbers,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Contacts of one page, at most.
pub const MAX_PAGE: u32 = 1_000;
/// Contacts added by one call, at most; files go through an import.
pub const MAX_ADDED: usize = 10_000;

/// A contact to be added. Its `Debug` shows no number and no attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct NewContact {
    /// Its number.
    pub number: Dialable,
    /// Its attributes.
    pub attributes: Attributes,
}

impl fmt::Debug for NewContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewContact")
    }
}

/// What became of contacts that were added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Added {
    /// How many were added.
    pub added: u32,
    /// How many were not, because the list has their number.
    pub skipped_duplicates: u32,
    /// The ids of those added, in the order given.
    pub ids: Vec<ContactId>,
}

statements! {
    INSERT = "INSERT INTO contact (tenant_id, list_id, number_ref, number_as_given, number, e164, number_key, \
        attributes, import_id, import_row, alternates) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
    HOLDS_NUMBER = "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM contact \
        WHERE list_id = $2 AND number_key = $3 AND tenant_id = $1 LIMIT 1) AS own) \
        + (SELECT COUNT(*) FROM (SELECT 1 FROM contact_number \
        WHERE tenant_id = $1 AND number_key = $3 AND list_id = $2 LIMIT 1) AS further)";
    GET = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id \
        WHERE c.tenant_id = $1 AND c.id = $2";
    PAGE = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id \
        WHERE c.tenant_id = $1 AND c.list_id = $2 AND c.id > $3 ORDER BY c.id LIMIT $4";
    // The ids first: what is between the signpost and the place is read in an index, and no row.
    FROM_PLACE = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id WHERE c.tenant_id = $1 AND c.id IN \
        (SELECT o.id FROM contact o WHERE o.list_id = $2 AND o.id > $3 ORDER BY o.id LIMIT $4 OFFSET $5) ORDER BY c.id";
    HOLDING = "SELECT c.id, c.list_id, l.name AS list_name, c.number_ref, c.number_as_given, c.number, c.e164, \
        c.number_key, c.alternates, c.attributes FROM contact c JOIN list l ON l.id = c.list_id WHERE c.tenant_id = $1 \
        AND c.list_id = $2 AND c.id > $3 AND (c.number LIKE $5 ESCAPE '!' OR c.e164 LIKE $5 ESCAPE '!' \
        OR c.number_as_given LIKE $5 ESCAPE '!' OR LOWER(c.attributes) LIKE $5 ESCAPE '!') ORDER BY c.id LIMIT $4";
}

impl Store {
    /// A page of a list's contacts by id, from after `after` (0: the first), at most 1000.
    pub async fn contacts(&self, scope: &Scope, list: ListId, after: ContactId, limit: u32) -> Result<Vec<Contact>> {
        scope.check(Kind::List, list.0)?;
        let rows = query(PAGE)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(after.0)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .fetch_all(self.readers())
            .await?;
        self.read_contacts(&rows)
    }

    /// A page of a list's contacts from the `place`th (0: the first), at most 1000.
    pub async fn contacts_from(&self, scope: &Scope, list: ListId, place: u64, limit: u32) -> Result<Vec<Contact>> {
        scope.check(Kind::List, list.0)?;
        let (after, between) = self.signpost_before(list, place).await?;
        let rows = query(FROM_PLACE)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(after)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .bind(between)
            .fetch_all(self.readers())
            .await?;
        self.read_contacts(&rows)
    }

    /// A page of those contacts of a list that hold a text, in their number as it was given or is dialled, or in an
    /// attribute; capital letters do not matter. Reads the whole list when it has to.
    pub async fn contacts_holding(
        &self,
        scope: &Scope,
        list: ListId,
        text: &str,
        after: ContactId,
        limit: u32,
    ) -> Result<Vec<Contact>> {
        scope.check(Kind::List, list.0)?;
        let mut pattern = String::from("%");
        for letter in text.to_lowercase().chars() {
            if ['%', '_', '!'].contains(&letter) {
                pattern.push('!');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        let rows = query(HOLDING)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(after.0)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .bind(pattern)
            .fetch_all(self.readers())
            .await?;
        self.read_contacts(&rows)
    }

    /// The contacts with these ids that there are, by id; at most 1000 are asked for.
    pub async fn contacts_of(&self, scope: &Scope, ids: &[ContactId]) -> Result<Vec<Contact>> {
        let statement = match self.readers() {
            Pool::Sqlite(_) => sqlite::CONTACTS_OF,
            Pool::Postgres(_) => postgres::CONTACTS_OF,
        };
        let ids: Vec<String> = ids.iter().take(MAX_PAGE as usize).map(|id| id.0.to_string()).collect();
        let rows = query(statement).bind(scope.tenant.0).bind(ids.join(",")).fetch_all(self.readers()).await?;
        let mut contacts = self.read_contacts(&rows)?;
        contacts.retain(|contact| scope.sees(Kind::List, contact.list.0));
        Ok(contacts)
    }

    fn read_contacts(&self, rows: &[Row]) -> Result<Vec<Contact>> {
        let secret = self.installation().number_secret;
        rows.iter().map(|row| read(row, secret)).collect()
    }

    /// One contact.
    pub async fn contact(&self, scope: &Scope, id: ContactId) -> Result<Contact> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        let contact = row.as_ref().map(|row| read(row, self.installation().number_secret)).transpose()?;
        let seen = contact.filter(|contact| scope.sees(Kind::List, contact.list.0));
        seen.ok_or_else(|| Error::not_found("contact", id))
    }

    /// Adds contacts to the end of a list, all or none; an attribute that means something and does not say it is refused by
    /// name. With `dedupe`, those whose number the list has are skipped.
    pub async fn add_contacts(
        &self,
        scope: &Scope,
        list: ListId,
        contacts: Vec<NewContact>,
        dedupe: bool,
    ) -> Result<Added> {
        if contacts.len() > MAX_ADDED {
            return Err(Invalid::new("contacts", format!("more than {MAX_ADDED} at once: import a file")).into());
        }
        contacts.iter().try_for_each(|contact| check_meaning(&contact.attributes))?;
        let contacts: Vec<Keyed<'_>> = contacts.iter().map(|contact| self.keyed(contact)).collect();
        let mut added = Added::default();
        let mut transaction = self.begin().await?;
        count_contacts(scope, list, 0, &mut transaction).await?; // refuses a list that does not exist
        for contact in &contacts {
            if dedupe && holds_number(scope, list, contact.key, &mut transaction).await? {
                added.skipped_duplicates += 1;
                continue;
            }
            added.ids.push(insert(scope, list, contact, &mut transaction).await?);
            added.added += 1;
        }
        count_contacts(scope, list, i64::from(added.added), &mut transaction).await?;
        if added.added > 0 {
            let (subject, count) = (Subject::Entity(Kind::List), added.added.into());
            audit::note_count(scope, "contacts_added", subject, list.0, count, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(added)
    }
}

/// A contact to be added, with what is worked out of its numbers.
pub(crate) struct Keyed<'a> {
    contact: &'a NewContact,
    /// Of its own number.
    pub(crate) key: NumberKey,
    alternates: Option<Alternates>,
}

impl Store {
    /// Works out the keys of its numbers.
    pub(crate) fn keyed<'a>(&self, contact: &'a NewContact) -> Keyed<'a> {
        let secret = self.installation().number_secret;
        let alternates = numbers::alternates(&contact.number, &contact.attributes, self.country(), secret, None);
        Keyed { contact, key: self.number_key(&contact.number), alternates }
    }
}

/// Writes one contact of an existing list. The caller counts it with [`count_contacts`].
pub(crate) async fn insert(
    scope: &Scope,
    list: ListId,
    new: &Keyed<'_>,
    connection: &mut Connection,
) -> Result<ContactId> {
    let Keyed { contact, key, alternates } = new;
    let id = query_scalar(INSERT)
        .bind(scope.tenant.0)
        .bind(list.0)
        .bind(numbers::new_ref())
        .bind(&contact.number.as_given)
        .bind(&contact.number.dialled)
        .bind(&contact.number.e164)
        .bind(key.0)
        .bind(json_of(&contact.attributes))
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(alternates.as_ref().map(json_of))
        .fetch_one(&mut *connection)
        .await?;
    if let Some(alternates) = alternates {
        numbers::index(scope, list, &[(id, alternates)], connection).await?;
    }
    Ok(ContactId(id))
}

/// Whether a contact of the list has the number, as its own or as a further one.
pub(crate) async fn holds_number(
    scope: &Scope,
    list: ListId,
    key: NumberKey,
    connection: &mut Connection,
) -> Result<bool> {
    let found: i64 =
        query_scalar(HOLDS_NUMBER).bind(scope.tenant.0).bind(list.0).bind(key.0).fetch_one(connection).await?;
    Ok(found > 0)
}

/// Reads a contact from the columns of [`GET`]; `secret` is that of the numbers' keys. Consent that cannot be read is none.
pub(crate) fn read(row: &Row, secret: u64) -> Result<Contact> {
    let attributes: Attributes = row.json("attributes")?;
    let number =
        Dialable { as_given: row.text("number_as_given")?, dialled: row.text("number")?, e164: row.opt_text("e164")? };
    let (key, number_ref) = (NumberKey(row.int("number_key")?), NumberRef(row.int("number_ref")?));
    let numbers = numbers::read(row)?.map(|alternates| {
        let own = Numbered { no: 0, number: number.clone(), number_ref, key };
        Arc::new(Numbers::of(own, alternates))
    });
    Ok(Contact {
        id: ContactId(row.int("id")?),
        list: ListId(row.int("list_id")?),
        list_name: row.text("list_name")?,
        zones: Zones::of(&number, &attributes),
        person: person_of(&attributes, &number, numbers.is_some(), secret),
        consent_at: attributes.get(CONSENT_AT).and_then(|text| consent_at(text).ok()),
        number,
        number_ref,
        key,
        number_no: 0,
        numbers,
        attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, contacts};

    crate::testing::on_both_engines! {
        contacts_keep_their_number_attributes_and_order;
        duplicates_are_skipped_on_request_and_pages_follow_each_other;
    }

    async fn contacts_keep_their_number_attributes_and_order(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "spring").await.unwrap().id;
        let mut attributes = Attributes::default();
        attributes.add("Z", "${SHELL(id)} \"é\"").unwrap();
        attributes.add("A", "1").unwrap();
        let new = NewContact { number: Dialable::parse(" 06 6982", Some("IT")).unwrap(), attributes };
        let added = store.add_contacts(&scope, list, vec![new.clone()], false).await.unwrap();
        let contact = store.contact(&scope, added.ids[0]).await.unwrap();
        assert_eq!((&contact.number, &contact.attributes), (&new.number, &new.attributes));
        assert_eq!((contact.list, contact.list_name.as_str()), (list, "spring"));
        assert_eq!(contact.key, store.number_key(&new.number));
        assert!(contact.number_ref.0 > 0);
        assert_eq!(home.reopen(store).await.contact(&scope, contact.id).await.unwrap(), contact);
    }

    async fn duplicates_are_skipped_on_request_and_pages_follow_each_other(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let list = store.create_list(&scope, "spring").await.unwrap().id;
        let twice = [contacts(3), contacts(4)].concat();
        let added = store.add_contacts(&scope, list, twice, true).await.unwrap();
        assert_eq!((added.added, added.skipped_duplicates), (4, 3));
        let noted =
            || async { store.audit(&scope, &crate::AuditFilter { limit: 9, ..Default::default() }).await.unwrap() };
        let before = noted().await.len();
        assert_eq!(store.add_contacts(&scope, list, contacts(4), true).await.unwrap().skipped_duplicates, 4);
        assert_eq!(noted().await.len(), before, "nobody was added");
        store.add_contacts(&scope, list, contacts(1), false).await.unwrap();
        assert_eq!(store.list(&scope, list).await.unwrap().contacts, 5);
        let first = store.contacts(&scope, list, ContactId(0), 2).await.unwrap();
        let rest = store.contacts(&scope, list, first[1].id, 9).await.unwrap();
        assert_eq!((first.len(), rest.len()), (2, 3));
        assert!(first[1].id < rest[0].id);
        let missing = store.add_contacts(&scope, ListId(9), contacts(1), true).await.unwrap_err();
        assert_eq!(missing.to_string(), "list 9 does not exist");
    }
}
