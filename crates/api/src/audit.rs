//! `/api/audit`: who changed what, and taking it back.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Query};
use crate::page::{Page, limit};
use axum::extract::State;
use domain::{Invalid, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditFilter, AuditRecord, TokenScope};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A change of the configuration.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// Its id.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// A user's login or a token's name; empty: Carillon itself.
    #[schema(example = "ana")]
    pub actor: String,
    /// The actor is a user, not a token.
    pub by_user: bool,
    /// `created`, `changed`, `deleted`. Of what people did besides: `contacts_added`, `contact_changed`, `import_began`,
    /// `import_finished`, `import_cancelled`, `suppressed`, `imported`, `held`, `lifted`, `signed_in`, `signed_out`,
    /// `sign_in_refused`, `locked`, `unlocked`, `own_number`.
    #[schema(example = "changed")]
    pub action: String,
    /// `pbx`, `trunk`, `end_point`, `list`, `suppression_list`, `opening_hours`, `campaign`, `webhook`, `token`, `user`, `user_class`,
    /// `dialling`.
    #[schema(example = "campaign")]
    pub entity: String,
    /// Which of them.
    pub entity_id: i64,
    /// The name it had then.
    pub name: String,
    /// Its fields before; `null`: it was not there. Secrets are never in it.
    #[schema(value_type = Option<Value>)]
    pub before: Option<Value>,
    /// Its fields after; `null`: it is gone. A secret that was replaced is `(changed)`.
    #[schema(value_type = Option<Value>)]
    pub after: Option<Value>,
}

impl From<AuditRecord> for Change {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { id, at, actor, by_user, action, entity, entity_id, name, before, after } = record;
        Self { id, at, actor, by_user, action, entity, entity_id, name, before, after }
    }
}

/// Which changes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Of this kind of thing, e.g. `campaign`.
    pub entity: Option<String>,
    /// With `entity`: of this one.
    pub id: Option<i64>,
    /// Only older ones, that is, with an id less than this.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

/// A change that was taken back.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TakenBack {
    /// The change that takes it back.
    #[serde(flatten)]
    pub change: Change,
    /// What is still to be done, for what was not kept; empty: nothing.
    #[schema(example = "its password was not kept: set it, until then it does not connect")]
    pub remains: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_changes)).routes(routes!(undo_change))
}

/// Changes of the configuration, newest first. Those of users, classes, tokens and webhooks are for administrators.
#[utoipa::path(get, path = "/api/audit", tag = "service", params(AuditQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of changes, newest first", body = Page<Change>)))]
async fn list_changes(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<Page<Change>>, ApiError> {
    let limit = limit(query.limit)?;
    if query.id.is_some() && query.entity.is_none() {
        return Err(Invalid::new("id", "says which one: entity says of what").into());
    }
    let filter = AuditFilter {
        entity: query.entity,
        id: query.id,
        before: query.after,
        limit,
        of_access: caller.scopes.contains(&TokenScope::Admin),
    };
    let changes = app.store.audit(&caller.scope, &filter).await?.into_iter().map(Change::from).collect();
    Ok(axum::Json(Page::read(changes, limit, |change: &Change| change.id)))
}

/// Takes a change back: the entity becomes what it was before. Refused with 409, which names the field, when it was changed
/// since, and with what was not kept when it cannot come back. What was deleted comes back under its id. Answers with the
/// change that this is, and with what is still to be done.
#[utoipa::path(post, path = "/api/audit/{id}/undo", tag = "service", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 200, description = "taken back", body = TakenBack)))]
async fn undo_change(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<TakenBack>, ApiError> {
    let undone = app.store.undo(&caller.scope, id).await?;
    match undone.record.entity.as_str() {
        "webhook" => app.webhooks.put_to_work(domain::WebhookId(undone.record.entity_id)).await,
        "suppression_list" => app.suppressions_changed().await,
        _ => app.configuration_changed().await,
    }
    Ok(axum::Json(TakenBack { change: undone.record.into(), remains: undone.says }))
}

#[cfg(test)]
mod tests {
    use crate::testing::{PASSWORD, Server};
    use serde_json::{Value, json};

    async fn changes(server: &Server, query: &str) -> Vec<Value> {
        server.get(&format!("/api/audit?{query}")).await.expect(200)["items"].as_array().unwrap().clone()
    }

    #[tokio::test]
    async fn every_change_says_who_made_it_and_how_it_was_before() {
        let server = Server::start().await;
        let boss = server.person("boss", 1).await;
        let [_, trunk, ..] = server.furnish().await;
        let path = format!("/api/trunks/{trunk}");
        server.call_as(&boss, "PATCH", &path, json!({"capacity": 77, "security_key": "A"})).await.expect(200);
        server.call_as(&boss, "PATCH", &path, json!({"capacity": 77})).await.expect(200);
        let of_trunk = changes(&server, &format!("entity=trunk&id={trunk}")).await;
        assert_eq!(of_trunk.len(), 2, "what changes nothing is no change: {of_trunk:?}");
        let [changed, created] = [&of_trunk[0], &of_trunk[1]];
        assert_eq!([&changed["actor"], &changed["action"], &changed["name"]], ["boss", "changed", "carrier"]);
        assert_eq!([&changed["by_user"], &created["by_user"]], [true, false]);
        assert_eq!((&changed["before"]["capacity"], &changed["after"]["capacity"]), (&json!(30), &json!(77)));
        assert_eq!((&changed["before"]["security_key"], &changed["after"]["security_key"]), (&json!(""), &json!("A")));
        assert_eq!(
            (&created["actor"], &created["action"], &created["before"]),
            (&json!("admin"), &json!("created"), &Value::Null)
        );
        assert_eq!(changes(&server, "limit=1").await[0]["id"], changed["id"]);
        assert!(
            changes(&server, &format!("after={}", created["id"]))
                .await
                .iter()
                .all(|c| c["id"].as_i64() < created["id"].as_i64())
        );
    }

    #[tokio::test]
    async fn no_secret_and_no_number_is_in_the_log() {
        let server = Server::start().await;
        server.person("ana", 1).await;
        let [pbx, _, _, list] = server.furnish().await;
        let replaced = json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "an0ther"});
        server.call("PUT", &format!("/api/pbxs/{pbx}"), replaced).await.expect(200);
        let contacts = json!({"contacts": [{"number": "0669820001", "attributes": {"NAME": "Zoe Zimmer"}}]});
        server.post(&format!("/api/lists/{list}/contacts"), contacts).await.expect(200);
        let user = json!({"login": "ana", "class": 1, "password": "another horse battery"});
        server.call("PUT", "/api/users/1", user).await.expect(200);
        let hook = json!({"name": "crm", "url": "http://127.0.0.1:9/x", "headers": {"X-Key": "h3ader"}});
        server.post("/api/webhooks", hook).await.expect(201);
        let text = server.get("/api/audit").await.text();
        for secret in [
            "s3cret",
            "an0ther",
            "669820001",
            "Zimmer",
            PASSWORD,
            "another horse",
            "argon2",
            "h3ader",
            "whsec_",
            "cct_",
        ] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let changed = &changes(&server, &format!("entity=pbx&id={pbx}")).await[0];
        assert_eq!(changed["after"]["password"], "(changed)");
        let added = &changes(&server, &format!("entity=list&id={list}")).await[0];
        assert_eq!((&added["action"], &added["after"]["added"]), (&json!("contacts_added"), &json!(1)));
    }

    #[tokio::test]
    async fn a_webhook_is_put_back_to_what_it_was_but_for_its_secrets() {
        let server = Server::start().await;
        let hook = json!({"name": "crm", "url": "http://127.0.0.1:9/x", "kinds": ["attempt.ended"]});
        let hook = server.post("/api/webhooks", hook).await.expect(201)["id"].clone();
        let path = format!("/api/webhooks/{hook}");
        let change =
            json!({"name": "erp", "url": "http://127.0.0.1:9/y", "kinds": [], "enabled": false, "max_tries": 3});
        let changed = server.call("PUT", &path, change).await.expect(200);
        assert_eq!((&changed["name"], &changed["enabled"]), (&json!("erp"), &json!(false)));
        let of_hook = format!("entity=webhook&id={hook}");
        let id = changes(&server, &of_hook).await[0]["id"].clone();
        server.post(&format!("/api/audit/{id}/undo"), Value::Null).await.expect(200);
        let now = server.get(&path).await.expect(200);
        let seen = ["name", "url", "kinds", "enabled"].map(|field| now[field].clone());
        assert_eq!(seen, [json!("crm"), json!("http://127.0.0.1:9/x"), json!(["attempt.ended"]), json!(true)]);
        // What was told to receivers under another key cannot be taken back.
        let change = json!({"name": "crm", "url": "http://127.0.0.1:9/x", "headers": {"X-Key": "another"}});
        server.call("PUT", &path, change).await.expect(200);
        let id = changes(&server, &of_hook).await[0]["id"].clone();
        let refused = server.post(&format!("/api/audit/{id}/undo"), Value::Null).await;
        assert!(refused.text().contains("headers was replaced"), "{}", refused.text());
    }

    #[tokio::test]
    async fn a_change_is_taken_back_unless_something_came_after() {
        let server = Server::start().await;
        let [_, trunk, end_point, list] = server.furnish().await;
        let campaign = json!({"name": "spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "rules": [{"status": "RS_BUSY", "max_attempts": 2, "retry_after_s": 300}]});
        let campaign = server.post("/api/campaigns", campaign).await.expect(201);
        let path = format!("/api/campaigns/{}", campaign["id"]);
        let before = server.get(&path).await.expect(200);
        let change = json!({"name": "summer", "priority": 3, "rules": [], "security_key": "A"});
        server.call("PATCH", &path, change).await.expect(200);
        let of_campaign = format!("entity=campaign&id={}", campaign["id"]);
        let changed = changes(&server, &of_campaign).await[0]["id"].clone();
        server.call("PATCH", &path, json!({"priority": 4})).await.expect(200);
        let refused = server.post(&format!("/api/audit/{changed}/undo"), Value::Null).await;
        assert!(refused.text().contains("priority was changed since"), "{}", refused.text());
        refused.refused(409);
        let newest = changes(&server, &of_campaign).await[0]["id"].clone();
        server.post(&format!("/api/audit/{newest}/undo"), Value::Null).await.expect(200);
        let undone = server.post(&format!("/api/audit/{changed}/undo"), Value::Null).await.expect(200);
        assert_eq!([&undone["action"], &undone["actor"], &undone["name"]], ["changed", "admin", "spring"]);
        let mut after = server.get(&path).await.expect(200);
        // A rule that was gone is a new one.
        after["rules"][0]["id"] = before["rules"][0]["id"].clone();
        assert_eq!(after, before);

        server.call("DELETE", &path, Value::Null).await.expect(204);
        let deleted = changes(&server, &of_campaign).await[0]["id"].clone();
        let back = server.post(&format!("/api/audit/{deleted}/undo"), Value::Null).await.expect(200);
        assert_eq!([&back["action"], &back["name"]], ["created", "spring"]);
        let path = format!("/api/campaigns/{}", back["entity_id"]);
        assert_eq!(server.get(&path).await.expect(200)["trunks"], json!([trunk]));
        server.post(&format!("/api/audit/{}/undo", back["id"]), Value::Null).await.expect(200);
        server.get(&path).await.refused(404);
    }

    #[tokio::test]
    async fn what_is_not_kept_is_not_taken_back() {
        let server = Server::start().await;
        let [pbx, _, _, list] = server.furnish().await;
        let replaced = json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "an0ther"});
        server.call("PUT", &format!("/api/pbxs/{pbx}"), replaced).await.expect(200);
        let id = changes(&server, &format!("entity=pbx&id={pbx}")).await[0]["id"].clone();
        let refused = server.post(&format!("/api/audit/{id}/undo"), Value::Null).await;
        assert!(refused.text().contains("password was replaced"), "{}", refused.text());
        refused.refused(409);
        let contacts = json!({"contacts": [{"number": "100"}]});
        server.post(&format!("/api/lists/{list}/contacts"), contacts).await.expect(200);
        let of_list = changes(&server, &format!("entity=list&id={list}")).await;
        for change in &of_list {
            server.post(&format!("/api/audit/{}/undo", change["id"]), Value::Null).await.refused(409);
        }
        server.post("/api/audit/7777/undo", Value::Null).await.refused(404);
        assert_eq!(server.get(&format!("/api/lists/{list}")).await.expect(200)["contacts"], 1);
    }

    #[tokio::test]
    async fn who_may_look_does_not_see_changes_of_access() {
        let server = Server::start().await;
        server.person("boss", 1).await;
        server.furnish().await;
        let ana = server.person("ana", 2).await;
        let seen = server.call_as(&ana, "GET", "/api/audit", Value::Null).await.text();
        assert!(!seen.contains("boss") && !seen.contains("\"user\"") && !seen.contains("\"token\""), "{seen}");
        assert!(seen.contains("carrier"));
        assert!(server.get("/api/audit?entity=user").await.text().contains("boss"));
    }
}
