//! `/api/lists/from-attempts`: those who were called become a list of their own.

use crate::App;
use crate::attempts::AttemptQuery;
use crate::auth::Operate;
use crate::error::ApiError;
use crate::extract::Json;
use crate::list_export::with_told;
use crate::lists::List;
use crate::locks::Shown;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{AttemptId, CallState, ContactId, Invalid, ListId, RunId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::reports::MAX_RUNS;
use store::{AttemptFilter, LastAttempt, NewContact, Order, Scope, Store};
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
    /// Which attempts, as `GET /api/attempts` takes it; at least one choice. Or `ended`, not both.
    #[serde(default)]
    pub attempts: AttemptQuery,
    /// Whom the last attempt in a run left like this.
    #[serde(default)]
    pub ended: Option<EndedSo>,
    /// With the output attributes of all their calls, too: the last value of each, over one of their own of the same name.
    #[serde(default)]
    pub output_attributes: bool,
}

/// Contacts of runs by how they ended there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndedSo {
    /// Which runs, at most 200.
    pub runs: Vec<i64>,
    /// How the last attempt at them ended; none: however it did.
    #[serde(default)]
    pub outcomes: Vec<EndedAs>,
}

/// An outcome.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndedAs {
    /// A final state.
    #[schema(example = "RS_BUSY")]
    pub state: String,
    /// Its extended status, `""` for none; without it, whichever.
    #[serde(default)]
    pub ext_state: Option<String>,
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

/// Makes a list of the contacts to whom attempts were made, each number once, with their attributes: of those that
/// `attempts` chooses, or by how contacts ended in runs.
#[utoipa::path(post, path = "/api/lists/from-attempts", tag = "lists", request_body = ListOfAttempts,
    security(("token" = ["operate"])), responses((status = 201, description = "the new list", body = ListMade)))]
async fn create_list_of_attempts(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<ListOfAttempts>,
) -> Result<(StatusCode, axum::Json<ListMade>), ApiError> {
    let filter = AttemptFilter { order: Order::Oldest, ..input.attempts.filter(STEP)? };
    let all = filter == (AttemptFilter { limit: STEP, ..AttemptFilter::default() });
    let (store, scope) = (&app.store, &caller.scope);
    let contacts = match input.ended {
        None if all => {
            let problem = "needs a choice: a run, a campaign, a state, a time; or give `ended`";
            return Err(Invalid::new("attempts", problem).into());
        }
        None => contacts(store, scope, filter).await?,
        Some(ended) if all => ended_so(store, scope, ended).await?,
        Some(_) => return Err(Invalid::new("ended", "cannot be combined with attempts").into()),
    };
    let list = store.create_list(scope, &input.name).await?.id;
    let scope = &store.refreshed(scope).await?;
    match fill(store, scope, list, &contacts, input.output_attributes).await {
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

/// Those whose last attempt in one of the runs ended in one of these ways.
async fn ended_so(store: &Store, scope: &Scope, ended: EndedSo) -> Result<BTreeSet<ContactId>, ApiError> {
    let EndedSo { runs, outcomes } = ended;
    if runs.is_empty() || runs.len() > MAX_RUNS {
        return Err(Invalid::new("ended.runs", format!("must be 1 to {MAX_RUNS} runs")).into());
    }
    let mut wanted = Vec::with_capacity(outcomes.len());
    for (index, EndedAs { state, ext_state }) in outcomes.into_iter().enumerate() {
        let field = format!("ended.outcomes[{index}].state");
        let known = CallState::parse(&state).map_err(|invalid| Invalid { field: field.clone(), ..invalid })?;
        if !known.is_final() {
            return Err(Invalid::new(field, format!("{} is no final state", known.code())).into());
        }
        wanted.push((known.code(), ext_state));
    }
    let is_wanted = |last: &LastAttempt| {
        let same = |(state, ext): &(&str, Option<String>)| {
            *state == last.state && ext.as_ref().is_none_or(|ext| *ext == last.ext_state)
        };
        wanted.is_empty() || wanted.iter().any(same)
    };
    let mut contacts = BTreeSet::new();
    for run in runs {
        let mut after = AttemptId(0);
        loop {
            let last = store.last_attempts(scope, RunId(run), after).await?;
            contacts.extend(last.iter().filter(|last| is_wanted(last)).map(|last| last.contact));
            if contacts.len() > MAX_CONTACTS {
                let problem = format!("are more than {MAX_CONTACTS} contacts: choose fewer");
                return Err(Invalid::new("ended", problem).into());
            }
            match last.last() {
                Some(one) => after = one.id,
                None => break,
            }
        }
    }
    if contacts.is_empty() {
        return Err(Invalid::new("ended", "no contact of these runs ended so").into());
    }
    Ok(contacts)
}

/// Returns how many were left out.
async fn fill(
    store: &Store,
    scope: &Scope,
    list: ListId,
    ids: &BTreeSet<ContactId>,
    with_outputs: bool,
) -> Result<u64, ApiError> {
    let ids: Vec<ContactId> = ids.iter().copied().collect();
    let mut skipped = 0;
    for ids in ids.chunks(STEP as usize) {
        let contacts = store.contacts_of(scope, ids).await?;
        let outputs = if with_outputs { store.outputs_of(scope, ids).await? } else { Default::default() };
        let new = contacts.into_iter().map(|c| {
            let attributes = with_told(&c.attributes, outputs.get(&c.id));
            NewContact { number: c.number, attributes }
        });
        let new = new.collect();
        skipped += u64::from(store.add_contacts(scope, list, new, true).await?.skipped_duplicates);
    }
    Ok(skipped)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn runs_become_a_list_of_those_who_ended_so() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let numbers = async |ended: Value, name: &str| -> Vec<String> {
            let body = json!({"name": name, "ended": ended});
            let made = server.post("/api/lists/from-attempts", body).await.expect(201);
            let page = server.get(&format!("/api/lists/{}/contacts", made["list"]["id"])).await.expect(200);
            page["items"].as_array().unwrap().iter().map(|c| c["number"].as_str().unwrap().to_owned()).collect()
        };
        let run = journal.run;
        assert_eq!(numbers(json!({"runs": [run], "outcomes": [{"state": "busy"}]}), "busy").await, ["102"]);
        // The third is being called: it has not ended.
        assert_eq!(numbers(json!({"runs": [run]}), "all").await.len(), 2);
        let refused = async |body: Value| server.post("/api/lists/from-attempts", body).await.refused(422);
        let with = |ended: Value| json!({"name": "x", "ended": ended});
        let nobody = json!({"runs": [run], "outcomes": [{"state": "busy", "ext_state": "SOLD"}]});
        assert_eq!(refused(with(nobody)).await.1, "ended");
        let going_on = json!({"runs": [run], "outcomes": [{"state": "DIALLING"}]});
        assert_eq!(refused(with(going_on)).await.1, "ended.outcomes[0].state");
        assert_eq!(refused(with(json!({"runs": []}))).await.1, "ended.runs");
        let both = json!({"name": "x", "attempts": {"run": run}, "ended": {"runs": [run]}});
        assert_eq!(refused(both).await.1, "ended");
        let nowhere = server.post("/api/lists/from-attempts", with(json!({"runs": [77]}))).await;
        assert_eq!(nowhere.refused(404).0, "not_found");
    }
}
