//! `/api/lists/{id}/contacts`: the rows of a list; `/api/contacts/{id}`: one of them.

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::{Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{Page, limit};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ContactId, Dialable, Invalid, ListId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{ContactChange, NewContact};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Contacts of one request, at most; larger lists are imported.
const MAX_CONTACTS: usize = 10_000;
/// Longest text that is searched for.
const MAX_SEARCH_CHARS: usize = 100;

/// One row of a list.
#[derive(Clone, Serialize, ToSchema)]
pub struct Contact {
    /// Its id.
    pub id: i64,
    /// Its list.
    pub list: i64,
    /// What is dialled.
    #[schema(example = "+390669820001")]
    pub number: String,
    /// What the list said.
    #[schema(example = "+39 06 6982-0001")]
    pub as_given: String,
    /// The number with its country, where that is known.
    pub e164: Option<String>,
    /// Stands for the number in events.
    pub number_ref: i64,
    /// Its attributes.
    pub attributes: AttributeMap,
    /// Further numbers, of its attributes MULTINUM1 to MULTINUM20, by place: each is called when those before it were
    /// called in vain.
    pub further_numbers: Vec<FurtherNumber>,
}

/// A further number of a contact.
#[derive(Clone, Serialize, ToSchema)]
pub struct FurtherNumber {
    /// Its place: that of `MULTINUMn`.
    pub no: u32,
    /// What is dialled; `null` when it cannot be.
    pub number: Option<String>,
    /// The number with its country, where that is known.
    pub e164: Option<String>,
    /// Why it is never called, for people; `null` when it may be.
    #[schema(example = "cannot be dialled")]
    pub left_out: Option<&'static str>,
}

fn further(numbers: &domain::Numbers) -> Vec<FurtherNumber> {
    let good = |one: &domain::Numbered| FurtherNumber {
        no: one.no,
        number: Some(one.number.dialled.clone()),
        e164: one.number.e164.clone(),
        left_out: None,
    };
    let bad =
        |one: &domain::LeftOut| FurtherNumber { no: one.no, number: None, e164: None, left_out: Some(one.why.text()) };
    let mut all: Vec<FurtherNumber> = numbers.all.iter().skip(1).map(good).collect();
    all.extend(numbers.left_out.iter().map(bad));
    all.sort_by_key(|one| one.no);
    all
}

impl From<domain::Contact> for Contact {
    fn from(contact: domain::Contact) -> Self {
        Self {
            id: contact.id.0,
            list: contact.list.0,
            number: contact.number.dialled,
            as_given: contact.number.as_given,
            e164: contact.number.e164,
            number_ref: contact.number_ref.0,
            attributes: AttributeMap::from(&contact.attributes),
            further_numbers: contact.numbers.as_deref().map_or_else(Vec::new, further),
        }
    }
}

/// Contacts to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactsInput {
    /// At most 10000; larger lists are imported.
    pub contacts: Vec<ContactInput>,
    /// Leave out numbers that the list already holds.
    #[serde(default)]
    pub dedupe: bool,
}

/// A contact to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactInput {
    /// The number: digits, *, # and +; spaces, dots, dashes and brackets are dropped.
    #[schema(example = "+39 06 6982-0001")]
    pub number: String,
    /// Become channel variables of its calls.
    #[serde(default)]
    pub attributes: AttributeMap,
}

impl ContactInput {
    pub(crate) fn checked(self, country: Option<&str>) -> Result<NewContact, Invalid> {
        Ok(NewContact { number: Dialable::parse(&self.number, country)?, attributes: self.attributes.checked()? })
    }
}

/// What became of the contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactsAdded {
    /// How many are in the list now.
    pub added: u32,
    /// How many the list held already.
    pub skipped_duplicates: u32,
    /// The ids of the added ones, in order.
    pub ids: Vec<i64>,
    /// The ones that were not added.
    pub refused: Vec<RefusedContact>,
}

/// A contact that was not added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedContact {
    /// 0-based place in the request.
    pub index: usize,
    /// The field that is wrong.
    #[schema(example = "number")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "is empty")]
    pub problem: String,
}

/// What is to change of a contact; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactPatch {
    /// Another number: suppression lists, caps and gaps are those of the new number from then on.
    #[schema(example = "+39 06 6982-0002")]
    #[serde(default)]
    pub number: Option<String>,
    /// Attributes by name: a text to set it, `null` to take it away. Those that are not named stay.
    #[schema(example = json!({"NAME": "Ada Byron", "OLD": null}))]
    #[serde(default)]
    pub attributes: BTreeMap<String, Option<String>>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_contacts, add_contacts)).routes(routes!(get_contact, change_contact))
}

/// Which contacts of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct ContactQuery {
    /// Only those with an id greater than this.
    after: Option<i64>,
    /// From this place in the list on, 0: the first. Not with `after` or `search`.
    skip: Option<u64>,
    /// Only those that hold this text in their number or an attribute, 2..=100 characters.
    search: Option<String>,
    /// Items per page, `1..=1000`; 100 when not given.
    limit: Option<u32>,
}

/// The contacts of a list, in the order in which they are dialled.
#[utoipa::path(get, path = "/api/lists/{id}/contacts", tag = "lists", params(("id" = i64, Path), ContactQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of contacts", body = Page<Contact>)))]
async fn list_contacts(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<ContactQuery>,
) -> Result<axum::Json<Page<Contact>>, ApiError> {
    let limit = limit(query.limit)?;
    app.store.list(&caller.scope, ListId(id)).await?;
    let after = ContactId(query.after.unwrap_or(0));
    let (store, scope, list) = (&app.store, &caller.scope, ListId(id));
    let contacts = match (query.search.as_deref().map(str::trim), query.skip) {
        (None, None) => store.contacts(scope, list, after, limit).await?,
        (None, Some(place)) if query.after.is_none() => store.contacts_from(scope, list, place, limit).await?,
        (Some(text), None) if (2..=MAX_SEARCH_CHARS).contains(&text.chars().count()) => {
            store.contacts_holding(scope, list, text, after, limit).await?
        }
        (Some(_), None) => return Err(Invalid::new("search", "must be 2..=100 characters").into()),
        (_, Some(_)) => return Err(Invalid::new("skip", "cannot be combined with after or search").into()),
    };
    let contacts = contacts.into_iter().map(Contact::from).collect();
    Ok(axum::Json(Page::read(contacts, limit, |contact: &Contact| contact.id)))
}

/// Adds contacts. Good ones are added and bad ones named; 400 only when all are bad.
#[utoipa::path(post, path = "/api/lists/{id}/contacts", tag = "lists", params(("id" = i64, Path)),
    request_body = ContactsInput, security(("token" = ["operate"])),
    responses((status = 200, description = "what became of them", body = ContactsAdded)))]
async fn add_contacts(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<ContactsInput>,
) -> Result<(StatusCode, axum::Json<ContactsAdded>), ApiError> {
    let asked = input.contacts.len();
    if asked == 0 || asked > MAX_CONTACTS {
        let problem = format!("{asked} contacts: 1..={MAX_CONTACTS} are taken at once, larger lists are imported");
        return Err(Invalid::new("contacts", problem).into());
    }
    app.store.list(&caller.scope, ListId(id)).await?;
    let (mut good, mut refused) = (Vec::with_capacity(asked), Vec::new());
    for (index, contact) in input.contacts.into_iter().enumerate() {
        match contact.checked(app.store.country()) {
            Ok(contact) => good.push(contact),
            Err(Invalid { field, problem }) => refused.push(RefusedContact { index, field, problem }),
        }
    }
    if good.is_empty() {
        let first = &refused[0];
        let message = format!("all {asked} contacts are bad; the first: {}: {}", first.field, first.problem);
        return Err(ApiError::bad_request("no_good_contact", message).field(format!("contacts[0].{}", first.field)));
    }
    let added = app.store.add_contacts(&caller.scope, ListId(id), good, input.dedupe).await?;
    app.contacts_added(ListId(id), added.added.into()).await;
    let ids = added.ids.into_iter().map(|id| id.0).collect();
    let (added, skipped_duplicates) = (added.added, added.skipped_duplicates);
    Ok((StatusCode::OK, axum::Json(ContactsAdded { added, skipped_duplicates, ids, refused })))
}

/// One contact.
#[utoipa::path(get, path = "/api/contacts/{id}", tag = "lists", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the contact", body = Contact)))]
async fn get_contact(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Contact>, ApiError> {
    Ok(axum::Json(app.store.contact(&caller.scope, ContactId(id)).await?.into()))
}

/// Corrects a contact: its number, its attributes. Runs that have it in memory call it as it is now. What rules have put
/// off or refused under the old number stays so until its time, or until the run is reloaded.
///
/// Refused while a call to it is open, and when it was forgotten. The audit log has which fields changed, and no value.
#[utoipa::path(patch, path = "/api/contacts/{id}", tag = "lists", params(("id" = i64, Path)),
    request_body = ContactPatch, security(("token" = ["operate"])),
    responses((status = 200, description = "the contact as it is now", body = Contact),
        (status = 409, description = "it is being called, or was forgotten")))]
async fn change_contact(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<ContactPatch>,
) -> Result<axum::Json<Contact>, ApiError> {
    let number = input.number.map(|text| Dialable::parse(&text, app.store.country())).transpose()?;
    let change = ContactChange { number, attributes: input.attributes.into_iter().collect() };
    let contact = match &app.node {
        Some(node) => node.change_contact(&caller.scope, ContactId(id), change).await?,
        None => app.store.change_contact(&caller.scope, ContactId(id), change).await?,
    };
    Ok(axum::Json(contact.into()))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn good_contacts_are_added_and_bad_ones_named() {
        let server = Server::start().await;
        let [.., list] = server.furnish().await;
        let path = format!("/api/lists/{list}/contacts");
        let nasty = "${SHELL(id)}\r\nAction: Hangup, a=b";
        let contacts = json!([
            {"number": "06 6982-0001", "attributes": {"NAME": nasty, "CITY": "Rome"}},
            {"number": "12\u{0}4"},
            {"number": "100", "attributes": {"EXTEN": "1"}},
            {"number": "101", "attributes": {"A": "x".repeat(2_000)}},
            {"number": "102"},
        ]);
        let added = server.post(&path, json!({"contacts": contacts})).await.expect(200);
        assert_eq!((&added["added"], added["ids"].as_array().unwrap().len()), (&json!(2), 2));
        let refused: Vec<_> = added["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["index"].as_u64().unwrap(), r["field"].as_str().unwrap()))
            .collect();
        assert_eq!(refused, [(1, "number"), (2, "attribute"), (3, "A")]);

        let page = server.get(&path).await.expect(200);
        let first = &page["items"][0];
        assert_eq!((&first["number"], &first["e164"]), (&json!("0669820001"), &json!("+390669820001")));
        assert_eq!(first["attributes"], json!({"NAME": "${SHELL(id)} Action: Hangup, a=b", "CITY": "Rome"}));
        assert_eq!(server.get(&format!("/api/lists/{list}")).await.expect(200)["contacts"], 2);
    }

    #[tokio::test]
    async fn a_contact_is_corrected_field_by_field() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let contact = server.get("/api/attempts/1").await.expect(200)["contact"].clone();
        let path = format!("/api/contacts/{contact}");
        let was = server.get(&path).await.expect(200);
        assert_eq!(was["list"], journal.list);
        let set = json!({"attributes": {"CITY": "Rome", "NAME": "Ada"}});
        let now = server.patch(&path, set).await.expect(200);
        assert_eq!((&now["attributes"]["CITY"], &now["number"]), (&json!("Rome"), &was["number"]));
        let body = json!({"number": "06 6982-0777", "attributes": {"CITY": null}});
        let now = server.patch(&path, body).await.expect(200);
        assert_eq!((&now["number"], &now["e164"]), (&json!("0669820777"), &json!("+390669820777")));
        assert!(now["attributes"].get("CITY").is_none() && now["attributes"]["NAME"] == "Ada", "{now}");
        assert_eq!(server.get(&path).await.expect(200), now);
        let being_called = server.get("/api/attempts/3").await.expect(200)["contact"].clone();
        let refused = server.patch(&format!("/api/contacts/{being_called}"), json!({"number": "100"})).await;
        assert_eq!(refused.refused(409).0, "conflict");
        assert_eq!(server.patch(&path, json!({"number": "call me"})).await.refused(422).1, "number");
        assert_eq!(server.patch(&path, json!({"attributes": {"EXTEN": "1"}})).await.refused(422).1, "attribute");
        assert_eq!(server.patch("/api/contacts/77", json!({})).await.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn a_list_is_read_from_any_place_and_searched() {
        let server = Server::start().await;
        let [.., list] = server.furnish().await;
        let path = format!("/api/lists/{list}/contacts");
        let contact =
            |n: u32| json!({"number": format!("06698200{n:02}"), "attributes": {"NAME": format!("Zoë 100%_{n}")}});
        let contacts: Vec<Value> = (0..25).map(contact).collect();
        server.post(&path, json!({ "contacts": contacts })).await.expect(200);
        let numbers = async |query: &str| -> Vec<String> {
            let page = server.get(&format!("{path}?{query}")).await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            items.iter().map(|item| item["number"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(numbers("skip=20&limit=2").await, ["0669820020", "0669820021"]);
        assert!(numbers("skip=1000000").await.is_empty());
        assert_eq!(numbers("search=ZO%C3%AB%20100%25_7").await, ["0669820007"]);
        assert_eq!(numbers("search=%2B3906698200&limit=3").await.len(), 3);
        assert!(numbers("search=%25%25").await.is_empty(), "a percent sign is a percent sign");
        for wrong in ["search=x", "search=xx&skip=1", "skip=1&after=1"] {
            server.get(&format!("{path}?{wrong}")).await.refused(422);
        }
    }

    #[tokio::test]
    async fn only_all_bad_contacts_are_an_error() {
        let server = Server::start().await;
        let [.., list] = server.furnish().await;
        let path = format!("/api/lists/{list}/contacts");
        let refused = server.post(&path, json!({"contacts": [{"number": "abc"}, {"number": ""}]})).await.refused(400);
        assert_eq!(refused, ("no_good_contact".into(), "contacts[0].number".into()));
        assert_eq!(server.post(&path, json!({"contacts": []})).await.refused(422).1, "contacts");
        assert_eq!(server.get(&path).await.expect(200)["items"], json!([]));
        let nowhere = server.post("/api/lists/77/contacts", json!({"contacts": [{"number": "100"}]})).await;
        assert_eq!(nowhere.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn duplicates_are_left_out_on_request_and_pages_follow_each_other() {
        let server = Server::start().await;
        let [.., list] = server.furnish().await;
        let path = format!("/api/lists/{list}/contacts");
        let contacts: Vec<Value> = (100..105).map(|n| json!({"number": n.to_string()})).collect();
        server.post(&path, json!({"contacts": contacts})).await.expect(200);
        let again = server.post(&path, json!({"contacts": contacts, "dedupe": true})).await.expect(200);
        assert_eq!((&again["added"], &again["skipped_duplicates"]), (&json!(0), &json!(5)));
        let (mut seen, mut after) = (Vec::new(), json!(0));
        while !after.is_null() {
            let page = server.get(&format!("{path}?limit=2&after={after}")).await.expect(200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|c| c["number"].as_str().unwrap().to_owned()));
            after = page["next"].clone();
        }
        assert_eq!(seen, ["100", "101", "102", "103", "104"]);
    }
}
