//! Lists and their records.

use super::super::reports::{log_page, log_search};
use super::super::{Asked, refuse};
use super::places::{gone, key, texts};
use super::record::Record;
use super::{Found, Made, count, holds, saved};
use crate::auth::{Admin, Operate};
use crate::error::ApiError;
use crate::export::native_text;
use crate::extract::{Id, Json, from_fields};
use crate::lists;
use crate::locks::Shown;
use axum::extract::State;
use domain::contact::check_meaning;
use domain::{Attributes, Contact, ContactId, Dialable, ListId};
use serde_json::{Map, Value, json};
use store::{AttemptsOf, Kind, NewContact};

/// Contacts read at once.
const PAGE: u32 = 1_000;

pub(super) async fn lists(asked: &Asked<'_>, hidden_too: bool) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::List).await?;
    let all = lists::List::all_locked(app, scope, app.store.lists(scope).await?).await?;
    let record = |list: lists::List| {
        let record = json!({
            "listId": list.id,
            "name": list.name,
            "isHidden": list.hidden,
            "securityKey": list.security_key,
        });
        made.sign(list.id, record)
    };
    Ok(all.into_iter().filter(|list| hidden_too || !list.hidden).map(record).collect())
}

pub(super) async fn edit(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let id = record.id("listId")?;
    let mut fields = Map::new();
    if let Some(id) = id {
        let list = app.store.list(scope, ListId(id)).await?;
        fields.insert("name".into(), json!(list.name));
        fields.insert("hidden".into(), json!(list.hidden));
    }
    texts(record, &mut fields, &[("name", "name")])?;
    key(record, &mut fields)?;
    if let Some(hidden) = record.flag("isHidden")? {
        fields.insert("hidden".into(), json!(hidden));
    }
    let (operate, state, input) = (Operate(asked.caller.clone()), State(app.clone()), Json(from_fields(fields)?));
    let id = match id {
        Some(id) => lists::replace_list(operate, state, Id(id), input).await?.0.id,
        None => lists::create_list(operate, state, input).await?.1.0.id,
    };
    saved(lists(asked, true).await?, "listId", id)
}

pub(super) async fn delete(asked: &Asked<'_>, record: &Record) -> Result<(), ApiError> {
    let Some(id) = record.id("listId")? else { return Ok(()) };
    gone(lists::delete_list(Admin(asked.caller.clone()), State(asked.app.clone()), Id(id)).await)
}

/// A page of a list's records.
pub(super) async fn records(
    asked: &Asked<'_>,
    parent: Option<i64>,
    query: &str,
    from: usize,
    items: usize,
) -> Result<Found, ApiError> {
    let list = the_list(asked, parent).await?;
    let (store, scope, id) = (&asked.app.store, &asked.caller.scope, ListId(parent.unwrap_or_default()));
    let is_searched = !query.is_empty() && query != "~";
    let mut found: Vec<Contact> = Vec::new();
    let mut after = ContactId(0);
    let wanted = if is_searched { from + items } else { items };
    while found.len() < wanted {
        let limit = u32::try_from(wanted - found.len()).unwrap_or(PAGE).min(PAGE);
        let page = if is_searched {
            store.contacts_holding(scope, id, query, after, limit).await?
        } else {
            store.contacts_from(scope, id, (from + found.len()) as u64, limit).await?
        };
        let Some(last) = page.last() else { break };
        after = last.id;
        found.extend(page);
    }
    let skipped = if is_searched { from } else { 0 };
    let all =
        if is_searched { found.len() } else { usize::try_from(store.list(scope, id).await?.contacts).unwrap_or(0) };
    let records = found.iter().skip(skipped).map(|contact| record_of(contact, &list)).collect();
    Ok(Found { records, all, from })
}

/// The calls to a list's records that are over, the oldest first; those to one of them, when `callId` says which.
pub(super) async fn logs(
    asked: &Asked<'_>,
    parent: Option<i64>,
    query: &str,
    from: usize,
    items: usize,
) -> Result<Found, ApiError> {
    the_list(asked, parent).await?;
    let contact = match count(asked, "callId", 0)? {
        0 => None,
        id => Some(ContactId(i64::try_from(id).unwrap_or(i64::MAX))),
    };
    let list = ListId(parent.unwrap_or_default());
    let of = match contact {
        None => AttemptsOf::List(list),
        Some(id) => match asked.app.store.contact(&asked.caller.scope, id).await {
            Ok(contact) if contact.list == list => AttemptsOf::Contact(id),
            Ok(_) | Err(store::Error::NotFound { .. }) => return Ok(Found { records: Vec::new(), all: 0, from }),
            Err(error) => return Err(error.into()),
        },
    };
    let (records, all) = match query {
        "" | "~" => log_page(asked, of, None, from, items).await?,
        _ => log_search(asked, of, &|record| holds(record, query), from, items).await?,
    };
    Ok(Found { records, all, from })
}

/// Adds a record. One that is there already stays as it is.
pub(super) async fn edit_record(asked: &Asked<'_>, parent: Option<i64>, record: &Record) -> Result<Value, ApiError> {
    let inside = record.reference("listId", "listId")?;
    let list = the_list(asked, parent.or(inside)).await?;
    if record.id("callId")?.is_some() {
        return Err(refuse("a record that is in a list cannot be changed over this API yet: add another"));
    }
    let number = record.text("number")?.unwrap_or_default();
    let contact =
        NewContact { number: Dialable::parse(&number, asked.app.store.country())?, attributes: attributes(record)? };
    check_meaning(&contact.attributes)?;
    let id = ListId(list["listId"].as_i64().unwrap_or_default());
    let added = asked.app.store.add_contacts(&asked.caller.scope, id, vec![contact], false).await?;
    asked.app.contacts_added(id, 1).await;
    let contact = added.ids.first().copied().unwrap_or(ContactId(0));
    let contact = asked.app.store.contact(&asked.caller.scope, contact).await?;
    Ok(record_of(&contact, &list))
}

/// `attributes`: a list of `{isInput, attrName, attrValue}`. Only those that travel with the number can be given.
fn attributes(record: &Record) -> Result<Attributes, ApiError> {
    let mut attributes = Attributes::default();
    let given = match record.get("attributes") {
        None => return Ok(attributes),
        Some(Value::Array(given)) => given,
        Some(_) => return Err(refuse("attributes must be a list of {isInput, attrName, attrValue}")),
    };
    for one in given {
        let one = Record::all(&one.to_string())?.pop().unwrap_or_default();
        if one.flag("isInput")? == Some(false) {
            return Err(refuse("an output attribute belongs to a call, not to a list: isInput must be true"));
        }
        let name = one.text("attrName")?.unwrap_or_default();
        attributes.add(&name, &one.text("attrValue")?.unwrap_or_default())?;
    }
    Ok(attributes)
}

/// The list that records belong to, as a record.
async fn the_list(asked: &Asked<'_>, id: Option<i64>) -> Result<Value, ApiError> {
    let id = id.ok_or_else(|| refuse("the parameter parent is missing: the listId of the list"))?;
    asked.app.store.list(&asked.caller.scope, ListId(id)).await?;
    saved(lists(asked, true).await?, "listId", id)
}

fn record_of(contact: &Contact, list: &Value) -> Value {
    let attribute = |(name, value): (&str, &str)| json!({ "isInput": true, "attrName": name, "attrValue": value });
    json!({
        "callId": contact.id,
        "number": contact.number.dialled,
        "listId": list,
        "attributes": contact.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "attributesAsString": native_text(&contact.attributes),
        "sys_dt_creazione": "",
        "sys_user_creazione": "-",
        "sys_dt_modifica": "",
        "sys_user_modifica": "-",
    })
}
