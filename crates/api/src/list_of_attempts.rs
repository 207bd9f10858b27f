//! `/api/lists/from-attempts`: those who were called become a list of their own.

use crate::App;
use crate::attempts::AttemptQuery;
use crate::auth::Operate;
use crate::error::ApiError;
use crate::extract::Json;
use crate::lists::List;
use crate::locks::Shown;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ContactId, Invalid, ListId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::{AttemptFilter, NewContact, Order, Scope, Store};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Contacts of a list made in this way, at most.
const MAX_CONTACTS: usize = 100_000;
/// Attempts that are looked through at a time, and contacts that are added.
const STEP: u32 = 1_000;

/// A list to be made of those to whom attempts were made.
#[derive(Deserialize, ToSchema)]
pub struct ListOfAttempts {
    /// The name of the new list.
    #[schema(example = "busy on Monday")]
    pub name: String,
    /// Which attempts, as `GET /api/attempts` takes it; at least one choice.
    #[serde(default)]
    pub attempts: AttemptQuery,
}

/// The new list.
#[derive(Serialize, ToSchema)]
pub struct ListMade {
    /// It.
    pub list: List,
    /// Those left out because their number was in it already.
    pub skipped_duplicates: u64,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_list_of_attempts))
}

/// Makes a list of the contacts to whom attempts were made, each number once, with their attributes.
#[utoipa::path(post, path = "/api/lists/from-attempts", tag = "lists", request_body = ListOfAttempts,
    security(("token" = ["operate"])), responses((status = 201, description = "the new list", body = ListMade)))]
async fn create_list_of_attempts(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<ListOfAttempts>,
) -> Result<(StatusCode, axum::Json<ListMade>), ApiError> {
    let filter = AttemptFilter { order: Order::Oldest, ..input.attempts.filter(STEP)? };
    if filter == (AttemptFilter { limit: STEP, ..AttemptFilter::default() }) {
        return Err(Invalid::new("attempts", "needs a choice: a run, a campaign, a state, a time").into());
    }
    let (store, scope) = (&app.store, &caller.scope);
    let contacts = contacts(store, scope, filter).await?;
    let list = store.create_list(scope, &input.name).await?.id;
    let scope = &store.refreshed(scope).await?;
    match fill(store, scope, list, &contacts).await {
        Ok(skipped_duplicates) => {
            let list = List::from(store.list(scope, list).await?).locked(&app, scope).await?;
            let made = ListMade { list, skipped_duplicates };
            Ok((StatusCode::CREATED, axum::Json(made)))
        }
        Err(error) => {
            // Nothing half done; one that cannot be deleted either says so by its contacts.
            let _ = store.delete_list(scope, list).await;
            Err(error)
        }
    }
}

async fn contacts(store: &Store, scope: &Scope, mut filter: AttemptFilter) -> Result<BTreeSet<ContactId>, ApiError> {
    let mut contacts = BTreeSet::new();
    loop {
        let attempts = store.attempts(scope, &filter).await?;
        contacts.extend(attempts.iter().map(|attempt| attempt.contact));
        if contacts.len() > MAX_CONTACTS {
            let problem = format!("are to more than {MAX_CONTACTS} contacts: choose fewer");
            return Err(Invalid::new("attempts", problem).into());
        }
        match attempts.last() {
            Some(last) if attempts.len() == STEP as usize => filter.after = Some(last.id),
            _ if contacts.is_empty() => return Err(Invalid::new("attempts", "there are none of these").into()),
            _ => return Ok(contacts),
        }
    }
}

/// Returns how many were left out.
async fn fill(store: &Store, scope: &Scope, list: ListId, ids: &BTreeSet<ContactId>) -> Result<u64, ApiError> {
    let ids: Vec<ContactId> = ids.iter().copied().collect();
    let mut skipped = 0;
    for ids in ids.chunks(STEP as usize) {
        let contacts = store.contacts_of(scope, ids).await?;
        let new = contacts.into_iter().map(|c| NewContact { number: c.number, attributes: c.attributes }).collect();
        skipped += u64::from(store.add_contacts(scope, list, new, true).await?.skipped_duplicates);
    }
    Ok(skipped)
}
