//! A contact is corrected: its number, its attributes.
//!
//! Everything that is known by number (suppression, calls, single flight) hangs on the key of the number and follows it:
//! the new number has the standing of the new number. What the contact did in its runs stays.

use super::{GET, numbers, read};
use crate::audit;
use crate::db::Store;
use crate::engine::{Connection, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::{Kind, Scope};
use crate::sql::json_of;
use domain::contact::check_meaning;
use domain::{Alternates, Attributes, Contact, ContactId, Dialable};
use serde_json::{Value, json};
use std::fmt;

/// What is to change; `None` stays. Its `Debug` shows no number and no attribute.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContactChange {
    /// Another number.
    pub number: Option<Dialable>,
    /// Attributes by name: a value, or `None` to take it away. Those that are not named stay.
    pub attributes: Vec<(String, Option<String>)>,
}

impl fmt::Debug for ContactChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactChange")
    }
}

statements! {
    OPEN_ATTEMPT = "SELECT id FROM attempt WHERE tenant_id = $1 AND contact_id = $2 AND ended_at IS NULL LIMIT 1";
    // A reference stands for one number: another number gets another one.
    UPDATE = "UPDATE contact SET number_ref = $3, number_as_given = $4, number = $5, e164 = $6, number_key = $7, \
        attributes = $8, alternates = $9 WHERE tenant_id = $1 AND id = $2";
}

impl Store {
    /// Corrects a contact. Refused while a call to it is open, and for one that was forgotten. The audit log gets the names
    /// of what was changed, never a number or a value.
    pub async fn change_contact(&self, scope: &Scope, id: ContactId, change: ContactChange) -> Result<Contact> {
        let mut transaction = self.begin().await?;
        let was = self.contact_in(scope, id, &mut transaction).await?;
        let refuse = |why: String| Error::Conflict { what: format!("contact {id}"), why };
        if was.number.dialled.is_empty() {
            return Err(refuse("was forgotten: add the person as a new contact".into()));
        }
        let open: Option<i64> =
            query_scalar(OPEN_ATTEMPT).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(attempt) = open {
            return Err(refuse(format!("is being called by attempt {attempt}: change it when the call is over")));
        }
        let attributes = merged(&was.attributes, &change.attributes)?;
        check_meaning(&attributes)?;
        let number = change.number.unwrap_or_else(|| was.number.clone());
        let key = self.number_key(&number);
        let number_ref = if key == was.key { was.number_ref.0 } else { numbers::new_ref() };
        let had =
            was.numbers.as_ref().map(|numbers| Alternates { numbers: numbers.all[1..].to_vec(), left_out: vec![] });
        let secret = self.installation().number_secret;
        let alternates = numbers::alternates(&number, &attributes, self.country(), secret, had.as_ref());
        if number == was.number && attributes == was.attributes && alternates.is_some() == had.is_some() {
            return Ok(was);
        }
        query(UPDATE)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(number_ref)
            .bind(&number.as_given)
            .bind(&number.dialled)
            .bind(&number.e164)
            .bind(key.0)
            .bind(json_of(&attributes))
            .bind(alternates.as_ref().map(json_of))
            .execute(&mut *transaction)
            .await?;
        if alternates.is_some() || had.is_some() {
            numbers::index_again(scope, was.list, id.0, alternates.as_ref(), &mut transaction).await?;
        }
        let now = self.contact_in(scope, id, &mut transaction).await?;
        let states = [described(&was), described_change(&was, &now)];
        audit::note_contact(scope, was.list.0, states, &mut transaction).await?;
        transaction.commit().await?;
        Ok(now)
    }

    async fn contact_in(&self, scope: &Scope, id: ContactId, connection: &mut Connection) -> Result<Contact> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(connection).await?;
        let contact = row.as_ref().map(|row| read(row, self.installation().number_secret)).transpose()?;
        let seen = contact.filter(|contact| scope.sees(Kind::List, contact.list.0));
        seen.ok_or_else(|| Error::not_found("contact", id))
    }
}

/// The attributes with the changes, in their order; new ones come last.
fn merged(was: &Attributes, changes: &[(String, Option<String>)]) -> Result<Attributes> {
    let mut attributes = Attributes::default();
    let changed = |name: &str| changes.iter().find(|(changed, _)| changed == name).map(|(_, value)| value);
    for (name, value) in was.iter() {
        match changed(name) {
            None => drop(attributes.add(name, value)?),
            Some(Some(value)) => drop(attributes.add(name, value)?),
            Some(None) => {}
        }
    }
    for (name, value) in changes {
        if let Some(value) = value.as_ref().filter(|_| was.get(name).is_none()) {
            attributes.add(name, value)?;
        }
    }
    Ok(attributes)
}

/// For the audit log: who, by what stands for the number, and which attributes it has.
fn described(contact: &Contact) -> Value {
    let names: Vec<&str> = contact.attributes.iter().map(|(name, _)| name).collect();
    json!({ "name": contact.list_name, "contact": contact.id, "number_ref": contact.number_ref, "attributes": names })
}

/// The same with what is not as it was: `number`, and names of attributes.
fn described_change(was: &Contact, now: &Contact) -> Value {
    let mut changed: Vec<&str> = Vec::new();
    changed.extend((was.number != now.number).then_some("number"));
    let names = was.attributes.iter().chain(now.attributes.iter()).map(|(name, _)| name);
    for name in names.filter(|name| was.attributes.get(name) != now.attributes.get(name)) {
        if !changed.contains(&name) {
            changed.push(name);
        }
    }
    let mut state = described(now);
    state["changed"] = json!(changed);
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World, close};
    use crate::{AuditFilter, Write, Written};
    use domain::Timestamp;

    crate::testing::on_both_engines! {
        a_changed_number_has_the_standing_of_the_new_number;
        who_is_being_called_or_was_forgotten_is_not_changed;
        an_attempt_to_the_number_before_is_not_written;
    }

    fn number(text: &str) -> Dialable {
        Dialable::parse(text, Some("IT")).unwrap()
    }

    fn to(text: &str) -> ContactChange {
        ContactChange { number: Some(number(text)), ..ContactChange::default() }
    }

    async fn a_changed_number_has_the_standing_of_the_new_number(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let numbers = [number("0669829999")];
        store.suppress(&scope, crate::GLOBAL, &numbers, "ana", "asked", Timestamp(1)).await.unwrap();
        let was = &world.contacts[3];
        let attributes = vec![("NAME".to_owned(), None), ("CITY".to_owned(), Some("Rome".to_owned()))];
        let change = ContactChange { number: Some(number("06 6982 9999")), attributes };
        let now = store.change_contact(&scope, was.id, change).await.unwrap();
        assert_eq!((now.number.dialled.as_str(), now.attributes.get("NAME")), ("0669829999", None));
        assert_eq!((now.attributes.get("CITY"), now.list), (Some("Rome"), was.list));
        assert!(now.key != was.key && now.number_ref != was.number_ref);
        assert_eq!(store.contact(&scope, was.id).await.unwrap(), now);
        let standings = store.standings(&scope, world.campaign.id, &[was.clone(), now], Timestamp(1)).await.unwrap();
        assert!(standings[0].suppressed_by.is_none() && standings[1].suppressed_by.is_some());
        let filter = AuditFilter { limit: 1, ..AuditFilter::default() };
        let row = store.audit(&scope, &filter).await.unwrap().remove(0);
        let text = format!("{row:?}");
        assert_eq!((row.action.as_str(), row.entity_id), ("contact_changed", was.list.0));
        assert_eq!(row.after.unwrap()["changed"], json!(["number", "NAME", "CITY"]));
        assert!(!text.contains("66982") && !text.contains("Rome") && !text.contains("Person"), "{text}");
    }

    async fn who_is_being_called_or_was_forgotten_is_not_changed(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(0)).await.unwrap().id;
        store.commit(&scope, vec![Write::Attempt(world.attempt(1, run, 0, 0))]).await.unwrap();
        let id = world.contacts[0].id;
        let refused = store.change_contact(&scope, id, to("0669820777")).await.unwrap_err();
        assert_eq!(refused.code(), "conflict");
        assert!(refused.to_string().contains("attempt 1"), "{refused}");
        store.commit(&scope, vec![close(world.end(1, run, 0, None))]).await.unwrap();
        store.change_contact(&scope, id, to("0669820777")).await.unwrap();
        let wrong =
            ContactChange { attributes: vec![("ZONE".into(), Some("Mars".into()))], ..ContactChange::default() };
        assert_eq!(store.change_contact(&scope, id, wrong).await.unwrap_err().field(), Some("ZONE"));
        let nobody = store.change_contact(&scope, ContactId(99), to("0669820777")).await.unwrap_err();
        assert_eq!(nobody.code(), "not_found");
    }

    async fn an_attempt_to_the_number_before_is_not_written(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(0)).await.unwrap().id;
        store.change_contact(&scope, world.contacts[0].id, to("0669820777")).await.unwrap();
        let decided = Write::Attempt(world.attempt(1, run, 0, 0));
        let written = store.commit(&scope, vec![decided]).await.unwrap();
        assert!(matches!(written[..], [Written::ContactChanged(_)]), "{written:?}");
        let now = store.contact(&scope, world.contacts[0].id).await.unwrap();
        let mut again = world.attempt(2, run, 0, 0);
        (again.number_key, again.number_ref) = (now.key, now.number_ref);
        let written = store.commit(&scope, vec![Write::Attempt(again)]).await.unwrap();
        assert!(matches!(written[..], [Written::Attempt(_)]), "{written:?}");
    }
}
