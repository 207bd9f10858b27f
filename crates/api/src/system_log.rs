//! `/api/system-log`: what happened to the installation, newest first, for people.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use crate::extract::Query;
use crate::page::limit;
use axum::extract::State;
use domain::{Invalid, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Level, LogEntry, LogFilter, TokenScope};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the log is about.
const SUBJECTS: [&str; 9] =
    ["engine", "pbx", "campaign", "run", "alert", "dialling", "suppression_list", "suppression", "user"];

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SystemLogEntry {
    /// Where it is in the log.
    #[schema(example = "1772360000000000e17")]
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `info`, `warning`, `error`.
    #[schema(example = "info")]
    pub level: &'static str,
    /// What happened: a kind of the event log, or `user.signed_in`, `user.signed_out`, `user.sign_in_refused`, `user.locked`,
    /// `user.unlocked`.
    #[schema(example = "pbx.connected")]
    pub kind: String,
    /// About what: `engine`, `pbx`, `campaign`, `run`, `alert`, `dialling`, `suppression_list`, `suppression`, `user`.
    #[schema(example = "pbx")]
    pub subject: String,
    /// Which of them.
    pub subject_id: i64,
    /// What it is called: of a run its campaign, of an alert what it is about; empty when that is not known any more.
    #[schema(example = "office")]
    pub name: String,
    /// Who did it: a user's login or a token's name; empty: Carillon.
    pub actor: String,
    /// For people.
    #[schema(example = "connected, Asterisk 22.5.2")]
    pub text: String,
}

/// A part of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SystemLogPage {
    /// Newest first. There may be fewer than were asked for although older ones follow.
    pub items: Vec<SystemLogEntry>,
    /// Give this as `after` to get the next page; `null`: this was the last one.
    pub next: Option<String>,
}

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SystemLogQuery {
    /// At least this: `info`, `warning` or `error`.
    pub level: Option<String>,
    /// About this, e.g. `run`.
    pub subject: Option<String>,
    /// Then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Before.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Only what is older than this entry: the `next` of a page.
    pub after: Option<String>,
    /// Entries per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_system_log))
}

/// The system log, newest first: starts and stops, links, agents, runs, alerts, holds, and who signed in. What was changed of
/// the configuration is in `/api/audit`, what happened to a call in its timeline. Who signed in is for administrators.
#[utoipa::path(get, path = "/api/system-log", tag = "service", params(SystemLogQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of the log, newest first", body = SystemLogPage)))]
async fn get_system_log(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<SystemLogQuery>,
) -> Result<axum::Json<SystemLogPage>, ApiError> {
    let limit = limit(query.limit)?;
    let level = match query.level.as_deref() {
        None => Level::Info,
        Some(code) => Level::ALL
            .into_iter()
            .find(|level| level.code() == code)
            .ok_or_else(|| Invalid::new("level", format!("{code:?} is none: info, warning, error")))?,
    };
    if let Some(subject) = query.subject.as_deref().filter(|subject| !SUBJECTS.contains(subject)) {
        return Err(Invalid::new("subject", format!("{subject:?} is none: {}", SUBJECTS.join(", "))).into());
    }
    let filter = LogFilter {
        level,
        subject: query.subject,
        from: query.from,
        to: query.to,
        before: query.after.as_deref().map(str::parse).transpose()?,
        limit,
        of_people: caller.scopes.contains(&TokenScope::Admin),
    };
    let page = app.store.system_log(&caller.scope, &filter).await?;
    let items = page.entries.into_iter().map(SystemLogEntry::from).collect();
    Ok(axum::Json(SystemLogPage { items, next: page.next.map(|place| place.to_string()) }))
}

impl From<LogEntry> for SystemLogEntry {
    fn from(entry: LogEntry) -> Self {
        let text = text(&entry);
        let LogEntry { place, at, level, kind, subject, subject_id, name, actor, data: _ } = entry;
        Self { id: place.to_string(), at, level: level.code(), kind, subject, subject_id, name, actor, text }
    }
}

/// What happened, in words. Who did it and to what are not among them.
fn text(entry: &LogEntry) -> String {
    let data = &entry.data;
    let of = |field: &str| data[field].as_str().unwrap_or_default();
    let number = |field: &str| data[field].as_i64().unwrap_or_default();
    let because = |what: &str| match of("why") {
        "" => what.to_owned(),
        why => format!("{what}: {why}"),
    };
    match entry.kind.as_str() {
        "engine.started" => format!("Carillon {} started, for the {}. time", of("version"), number("epoch")),
        "engine.stopped" => "Carillon was stopped".to_owned(),
        "engine.lost" => match of("seen_at") {
            "" => "Carillon had ended without being stopped".to_owned(),
            at => format!("Carillon had ended without being stopped; it was last seen at {at}"),
        },
        "pbx.connected" => format!("connected, Asterisk {}", of("version")),
        "pbx.lost" => because("not connected"),
        "agent.logged_on" => format!("agent {} logged on to queue {}", of("agent"), of("queue")),
        "agent.logged_off" => format!("agent {} logged off from queue {}", of("agent"), of("queue")),
        "campaign.unrestricted_named" => "freed of the rules about contacts".to_owned(),
        "run.started" => "started".to_owned(),
        "run.reloaded" => "took over its changed campaign".to_owned(),
        "run.boosted" => {
            let factor = |field| number(field) as f64 / 1_000.0;
            format!("boost set to {}, it was {}", factor("to_permille"), factor("from_permille"))
        }
        "run.list_paused" => format!("list {} paused", number("list")),
        "run.list_resumed" => format!("list {} goes on", number("list")),
        "run.letter_sent" => format!("letter sent: {}", of("state")),
        "run.letter_failed" => because("a letter was not sent"),
        "run.state_changed" | "run.completed" | "run.removed" => because(of("state")),
        "number.forgotten" => {
            format!("a person was forgotten: {} contacts in {} lists", number("contacts"), number("lists"))
        }
        "alert.raised" => because(of("kind")),
        "alert.ended" => format!("{} is over after {} s", of("kind"), number("lasted_ms") / 1_000),
        "suppression_list.changed" if data["everywhere"] == Value::Bool(true) => "holds for every campaign".to_owned(),
        "suppression_list.changed" => {
            format!("holds for {} campaigns", data["campaigns"].as_array().map_or(0, Vec::len))
        }
        "suppression_list.adopted" => {
            format!("version {} is in force, {} numbers", number("version"), number("entries"))
        }
        "dialling.held" => because("dialling is held"),
        "dialling.lifted" => "dialling goes on".to_owned(),
        "restore.done" => format!("a backup of {} took the place of the database", of("taken_at")),
        "restore.settled" => format!("it is known who was called since the backup: {}", of("how")),
        "user.signed_in" => "signed in".to_owned(),
        "user.signed_out" => "signed out".to_owned(),
        "user.sign_in_refused" => "a wrong password, or an unknown login".to_owned(),
        "user.locked" => "locked after wrong passwords".to_owned(),
        "user.unlocked" => "unlocked".to_owned(),
        kind => kind.replace(['.', '_'], " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;
    use serde_json::json;

    async fn kinds(server: &Server, query: &str) -> Vec<String> {
        let page = server.get(&format!("/api/system-log?{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn the_log_tells_of_the_engine_of_people_and_of_holds_in_words() {
        let server = Server::with_dialler().await;
        server.person("ana", 1).await;
        server.post("/api/dialling/hold", json!({"why": "lunch"})).await.expect(200);
        server.post("/api/dialling/lift", Value::Null).await.expect(200);
        let page = server.get("/api/system-log").await.expect(200);
        let told: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                ["level", "kind", "name", "actor", "text"].map(|field| item[field].as_str().unwrap().to_owned())
            })
            .collect();
        let version = env!("CARGO_PKG_VERSION");
        let started = format!("Carillon {version} started, for the 1. time");
        assert_eq!(
            told,
            [
                ["info", "dialling.lifted", "", "admin", "dialling goes on"],
                ["warning", "dialling.held", "", "admin", "dialling is held: lunch"],
                ["info", "user.signed_in", "ana", "ana", "signed in"],
                ["info", "engine.started", "", "", &started],
            ]
        );
        assert_eq!(kinds(&server, "level=warning").await, ["dialling.held"]);
        assert_eq!(kinds(&server, "subject=user").await, ["user.signed_in"]);
        let first = server.get("/api/system-log?limit=1").await.expect(200);
        let next = first["next"].as_str().unwrap();
        assert_eq!(kinds(&server, &format!("limit=1&after={next}")).await, ["dialling.held"]);
        for wrong in ["level=loud", "subject=attempt", "after=x", "limit=0", "nobody=1"] {
            let status = server.get(&format!("/api/system-log?{wrong}")).await.status;
            assert!(status == 422 || status == 400, "{wrong}: {status}");
        }
    }

    #[test]
    fn every_kind_that_is_not_about_attempts_has_words() {
        for kind in store::events::kinds::KINDS.iter().filter(|kind| kind.entity != "attempt") {
            assert!(SUBJECTS.contains(&kind.entity), "{}", kind.entity);
            let entry = LogEntry {
                place: "1e1".parse().unwrap(),
                at: Timestamp(1),
                level: Level::Info,
                kind: kind.name.to_owned(),
                subject: kind.entity.to_owned(),
                subject_id: 1,
                name: String::new(),
                actor: String::new(),
                data: json!({"state": "IDLE", "kind": "pbx_lost"}),
            };
            assert_ne!(text(&entry), kind.name.replace(['.', '_'], " "), "{}", kind.name);
        }
    }
}
