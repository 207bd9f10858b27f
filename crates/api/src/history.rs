//! `/api/contacts/{id}/history` and `/api/lists/{id}/history`: what happened to them, in one time line.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::{Id, Query};
use crate::page::limit;
use axum::extract::State;
use domain::{ContactId, ListId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::history::{Happened, History};
use store::import::ImportJob;
use store::{AttemptRecord, AuditRecord, SuppressionRecord};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Something that happened to a contact or a list. What it was about is there by its id.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// When: of a call when it was decided, or reserved for an agent.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `call`, `suppressed`, `imported`, or an action of the audit log: `created`, `changed`, `contact_changed`,
    /// `contacts_added`, `import_began`, `import_finished`, `import_cancelled`.
    #[schema(example = "call")]
    pub kind: String,
    /// Who did it: a user's login or a token's name, of a call its agent; empty: Carillon.
    pub actor: String,
    /// For people. It holds no number and no value of an attribute.
    #[schema(example = "TERMINATED SALE, talked 32 s, campaign spring")]
    pub text: String,
    /// To which contact; `null`: to the list.
    pub contact: Option<i64>,
    /// The call, as `/api/attempts/{id}`.
    pub attempt: Option<i64>,
    /// The state of the call (see CallState).
    pub state: Option<String>,
    /// The change, in `/api/audit`.
    pub change: Option<i64>,
    /// The import.
    pub import: Option<i64>,
    /// The suppression list.
    pub suppression_list: Option<i64>,
}

/// A part of a history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryPage {
    /// Newest first.
    pub items: Vec<HistoryEntry>,
    /// Give this as `after` to get the next page; `null`: this was the last one.
    pub next: Option<String>,
}

/// Which part.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only what is older than this page: its `next`.
    pub after: Option<String>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(contact_history)).routes(routes!(list_history))
}

/// What happened to a contact, newest first: its calls and reservations, corrections, its import, and the suppressions of
/// its numbers that hold now.
#[utoipa::path(get, path = "/api/contacts/{id}/history", tag = "lists", params(("id" = i64, Path), HistoryQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of the history", body = HistoryPage)))]
async fn contact_history(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<HistoryPage>, ApiError> {
    let limit = limit(query.limit)?;
    let before = query.after.as_deref().map(str::parse).transpose()?;
    let contact = app.store.contact(&caller.scope, ContactId(id)).await?;
    let history = app.store.contact_history(&caller.scope, &contact, before, limit).await?;
    Ok(axum::Json(page(history, Some(id))))
}

/// What happened to a list, newest first: calls to its contacts, imports, contacts that were added or corrected, and changes
/// of the list itself.
#[utoipa::path(get, path = "/api/lists/{id}/history", tag = "lists", params(("id" = i64, Path), HistoryQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of the history", body = HistoryPage)))]
async fn list_history(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<HistoryPage>, ApiError> {
    let limit = limit(query.limit)?;
    let before = query.after.as_deref().map(str::parse).transpose()?;
    let history = app.store.list_history(&caller.scope, ListId(id), before, limit).await?;
    Ok(axum::Json(page(history, None)))
}

fn page(history: History, contact: Option<i64>) -> HistoryPage {
    let items = history.items.into_iter().map(|what| entry(what, contact)).collect();
    HistoryPage { items, next: history.next.map(|place| place.to_string()) }
}

fn entry(what: Happened, contact: Option<i64>) -> HistoryEntry {
    let nothing = |at, kind: &str, actor: String, text| HistoryEntry {
        at,
        kind: kind.to_owned(),
        actor,
        text,
        contact,
        attempt: None,
        state: None,
        change: None,
        import: None,
        suppression_list: None,
    };
    let at = what.at();
    match what {
        Happened::Attempt(call) => HistoryEntry {
            contact: Some(call.contact.0),
            attempt: Some(call.id.0),
            state: Some(call.state.clone()),
            ..nothing(at, "call", call.agent.clone().unwrap_or_default(), of_call(&call))
        },
        Happened::Change(change) => HistoryEntry {
            contact: contact.or_else(|| change.after.as_ref()?["contact"].as_i64()),
            change: Some(change.id),
            ..nothing(at, &change.action, change.actor.clone(), of_change(&change))
        },
        Happened::Suppressed(entry) => HistoryEntry {
            suppression_list: Some(entry.list.0),
            ..nothing(at, "suppressed", entry.by.clone(), of_suppression(&entry))
        },
        Happened::Imported(job) => {
            HistoryEntry { import: Some(job.id.0), ..nothing(at, "imported", String::new(), of_import(&job)) }
        }
    }
}

fn of_call(call: &AttemptRecord) -> String {
    let mut parts = vec![match call.ext_state.as_str() {
        "" => call.state.clone(),
        ext => format!("{} {ext}", call.state),
    }];
    parts.extend(call.talk_ms.filter(|_| call.connected_at.is_some()).map(|ms| format!("talked {} s", ms / 1_000)));
    parts.extend((call.number_no > 0).then(|| format!("number MULTINUM{}", call.number_no)));
    parts.push(format!("campaign {}", call.campaign_name));
    parts.extend((call.retry_in_s() > 0).then(|| format!("again after {} s", call.retry_in_s())));
    parts.join(", ")
}

fn of_change(change: &AuditRecord) -> String {
    let after = change.after.as_ref().unwrap_or(&Value::Null);
    let names = |value: &Value| {
        let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    match change.action.as_str() {
        "contact_changed" => format!("corrected: {}", names(&after["changed"])),
        "contacts_added" => format!("{} contacts added", after["added"]),
        "created" => "made".to_owned(),
        "changed" => {
            let (none, before) = (serde_json::Map::new(), change.before.as_ref().and_then(Value::as_object));
            let before = before.unwrap_or(&none);
            let differ =
                after.as_object().into_iter().flatten().filter(|(field, value)| before.get(*field) != Some(value));
            format!("changed: {}", differ.map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", "))
        }
        action => action.replace('_', " "),
    }
}

fn of_suppression(entry: &SuppressionRecord) -> String {
    match entry.why.as_str() {
        "" => "must not be called".to_owned(),
        why => format!("must not be called: {why}"),
    }
}

fn of_import(job: &ImportJob) -> String {
    format!("came with the file {}", job.file_name)
}

#[cfg(test)]
mod tests {
    use crate::imports::tests::finished;
    use crate::testing::Server;
    use serde_json::{Value, json};

    async fn all(server: &Server, path: &str, limit: u32) -> Vec<[String; 3]> {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("{path}?limit={limit}{after}")).await.expect(200);
            let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
            let items = page["items"].as_array().unwrap().clone();
            seen.extend(items.iter().map(|item| ["kind", "actor", "text"].map(|field| text(item, field))));
            let Some(next) = page["next"].as_str() else { return seen };
            after = format!("&after={next}");
        }
    }

    #[tokio::test]
    async fn calls_corrections_and_suppressions_are_one_time_line() {
        let server = Server::start().await;
        let j = server.journal().await;
        let contacts = server.get(&format!("/api/lists/{}/contacts", j.list)).await.expect(200);
        let contact = contacts["items"][1]["id"].clone();
        let path = format!("/api/contacts/{contact}");
        server.patch(&path, json!({"attributes": {"NAME": "Zoe Zimmer"}})).await.expect(200);
        server.patch(&path, json!({"attributes": {"NAME": "Zoe", "TOWN": "Bari"}})).await.expect(200);
        let number = domain::Dialable::parse("102", Some("IT")).unwrap();
        let (scope, now) = (store::Scope::installation(), store::now());
        server.app.store.suppress(&scope, store::GLOBAL, &[number], "admin", "asked", now).await.unwrap();
        let of_contact = [
            ["suppressed", "admin", "must not be called: asked"],
            ["contact_changed", "admin", "corrected: NAME, TOWN"],
            ["contact_changed", "admin", "corrected: NAME"],
            ["call", "", "RS_BUSY, campaign =spring, again after 300 s"],
        ];
        for limit in [1, 2, 3, 4, 100] {
            assert_eq!(all(&server, &format!("{path}/history"), limit).await, of_contact, "{limit}");
        }
        let of_list = [
            ["contact_changed", "admin", "corrected: NAME, TOWN"],
            ["contact_changed", "admin", "corrected: NAME"],
            ["contacts_added", "admin", "3 contacts added"],
            ["created", "admin", "made"],
            ["call", "", "REQUESTED, campaign =spring"],
            ["call", "", "RS_BUSY, campaign =spring, again after 300 s"],
            ["call", "", "TERMINATED, talked 3 s, campaign =spring"],
        ];
        for limit in [1, 2, 5, 100] {
            assert_eq!(all(&server, &format!("/api/lists/{}/history", j.list), limit).await, of_list, "{limit}");
        }
        let text = server.get(&format!("/api/lists/{}/history", j.list)).await.text();
        assert!(!text.contains("Zimmer") && !text.contains("669820001"), "{text}");
        let first = server.get(&format!("{path}/history?limit=1")).await.expect(200);
        assert_eq!((&first["items"][0]["contact"], &first["items"][0]["suppression_list"]), (&contact, &json!(1)));
        for wrong in ["after=x", "after=1-2", "after=-1-2-3", "limit=0"] {
            assert_eq!(server.get(&format!("{path}/history?{wrong}")).await.status, 422, "{wrong}");
        }
        server.get("/api/contacts/999/history").await.expect(404);
        server.get("/api/lists/999/history").await.expect(404);
    }

    #[tokio::test]
    async fn an_imported_contact_says_with_which_file_it_came() {
        let server = Server::start().await;
        let [.., list] = server.furnish().await;
        let job =
            server.upload(&format!("/api/lists/{list}/imports?file_name=autumn.csv"), "number\n0669820001\n").await;
        finished(&server, &job.expect(202)["id"]).await;
        let contacts = server.get(&format!("/api/lists/{list}/contacts")).await.expect(200);
        let path = format!("/api/contacts/{}/history", contacts["items"][0]["id"]);
        assert_eq!(all(&server, &path, 100).await, [["imported", "", "came with the file autumn.csv"]]);
    }
}
