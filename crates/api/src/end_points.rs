//! `/api/end-points`: where answered calls go.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::end_point::{DEFAULT_MAX_WAITING, DEFAULT_RESERVATION_MINUTES};
use domain::{Boost, EndPointId, EndPointKind, Invalid, ObservedQueue, PbxId, Rewrite};
use node::live;
use serde::{Deserialize, Serialize};
use store::Kind;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where an answered call goes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndPoint {
    /// Its id.
    pub id: i64,
    /// The PBX it belongs to.
    pub pbx: i64,
    /// Unique.
    #[schema(example = "message")]
    pub name: String,
    /// What it is.
    #[schema(value_type = words::EndPointKind)]
    pub kind: EndPointKind,
    /// Dialplan context.
    #[schema(example = "from-carillon")]
    pub context: String,
    /// Dialplan extension; the call enters at priority 1.
    #[schema(example = "100")]
    pub extension: String,
    /// Calls at once over all campaigns.
    pub max_channels: u32,
    /// Of a QUEUE: the Asterisk queue whose agents say how many calls are wanted.
    #[schema(example = "support")]
    pub queue: Option<String>,
    /// Of a QUEUE: calls on their way per free agent, times that of the run.
    #[schema(example = 1.3)]
    pub boost: Option<f64>,
    /// Of a QUEUE: with more callers waiting beyond the free agents nothing is dialled.
    #[schema(example = 2)]
    pub max_waiting: Option<u32>,
    /// Of a QUEUE: agents are called before the person.
    pub reverse: bool,
    /// Of a QUEUE with `reverse`: agents are shown whom they would call, and say when.
    pub preview: bool,
    /// Minutes that an agent has for that.
    #[schema(example = 10)]
    pub reservation_minutes: Option<u32>,
    /// How a member's telephone is dialled: what is found of its interface; empty: it is dialled as it is.
    #[schema(example = "^Agent/(.*)")]
    pub dial_find: String,
    /// What is put in its place.
    #[schema(example = "PJSIP/$1")]
    pub dial_replace: String,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// Left out of choices; nothing else changes.
    pub hidden: bool,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(EndPoint, EndPoint, hidden);

impl From<domain::EndPoint> for EndPoint {
    fn from(end_point: domain::EndPoint) -> Self {
        let domain::EndPoint { id, pbx, name, kind, context, extension, max_channels, queue } = end_point;
        let (queue, boost, max_waiting, first) = flat(queue);
        Self {
            id: id.0,
            pbx: pbx.0,
            name,
            kind,
            context,
            extension,
            max_channels,
            queue,
            boost,
            max_waiting,
            reverse: first.reverse,
            preview: first.preview,
            reservation_minutes: first.reservation_minutes,
            dial_find: first.rewrite.find,
            dial_replace: first.rewrite.replace,
            security_key: String::new(),
            hidden: false,
            created_by: None,
        }
    }
}

/// An end point as it is created or replaced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndPointInput {
    /// The PBX it belongs to: it serves only trunks of the same PBX.
    pub pbx: i64,
    /// Unique, 1..=60 characters.
    #[schema(example = "message")]
    pub name: String,
    /// What it is.
    #[serde(default = "default_kind")]
    #[schema(value_type = words::EndPointKind, required = false)]
    pub kind: EndPointKind,
    /// Dialplan context.
    #[schema(example = "from-carillon")]
    pub context: String,
    /// Dialplan extension; the call enters at priority 1.
    #[schema(example = "100")]
    pub extension: String,
    /// Calls at once over all campaigns, `1..=10000`.
    #[schema(example = 30)]
    pub max_channels: u32,
    /// Of a QUEUE, and needed there: the Asterisk queue whose agents say how many calls are wanted, as queues.conf calls it.
    /// It is observed only; the dialplan behind the extension brings the call to it.
    #[serde(default)]
    #[schema(example = "support")]
    pub queue: Option<String>,
    /// Of a QUEUE: calls on their way per free agent, `0.01..=20`, times that of the run; 1 when not given: never more calls
    /// than agents.
    #[serde(default)]
    #[schema(example = 1.3)]
    pub boost: Option<f64>,
    /// Of a QUEUE: with more callers waiting beyond the free agents nothing is dialled, `0..=1000`; 2 when not given.
    #[serde(default)]
    #[schema(example = 2)]
    pub max_waiting: Option<u32>,
    /// Of a QUEUE: agents are called before the person, one call per free agent, who hears music until the person answers.
    /// The call does not go through the queue, which says only who is there; context and extension are not entered.
    #[serde(default)]
    pub reverse: bool,
    /// Of a QUEUE with `reverse`: nobody is called by itself. An agent asks for somebody, is shown whom, and says whether he
    /// is called: see `/api/reservations`.
    #[serde(default)]
    pub preview: bool,
    /// Minutes that an agent has for that, `1..=60`; 10 when not given. Then the contact goes back.
    #[serde(default)]
    #[schema(example = 10)]
    pub reservation_minutes: Option<u32>,
    /// How a member's telephone is dialled, with `reverse`: every match of this regular expression in its interface is
    /// replaced; empty: it is dialled as it is.
    #[serde(default)]
    #[schema(example = "^Agent/(.*)")]
    pub dial_find: String,
    /// What is put in its place; `$1` is the first group.
    #[serde(default)]
    #[schema(example = "PJSIP/$1")]
    pub dial_replace: String,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
    /// Left out of choices. Without it a changed one stays as it is.
    #[serde(default)]
    pub hidden: Option<bool>,
}

fn default_kind() -> EndPointKind {
    EndPointKind::Phone
}

impl EndPointInput {
    fn checked(self, id: i64) -> Result<domain::EndPoint, ApiError> {
        let Self { pbx, name, kind, context, extension, max_channels, queue, boost, max_waiting, .. } = self;
        let of_queues = [
            ("boost", boost.is_some()),
            ("max_waiting", max_waiting.is_some()),
            ("reverse", self.reverse),
            ("preview", self.preview),
            ("reservation_minutes", self.reservation_minutes.is_some()),
            ("dial_find", !self.dial_find.is_empty()),
            ("dial_replace", !self.dial_replace.is_empty()),
        ];
        if let Some((field, _)) = of_queues.into_iter().find(|(_, given)| kind == EndPointKind::Phone && *given) {
            return Err(Invalid::new(field, "is for end points of kind QUEUE").into());
        }
        let queue = match queue {
            Some(name) => Some(ObservedQueue {
                name,
                boost: boost.map_or(Ok(Boost::ONE), |factor| Boost::of("boost", factor))?,
                max_waiting: max_waiting.unwrap_or(DEFAULT_MAX_WAITING),
                reverse: self.reverse,
                preview: self.preview,
                reservation_minutes: self.reservation_minutes.unwrap_or(DEFAULT_RESERVATION_MINUTES),
                rewrite: Rewrite { find: self.dial_find, replace: self.dial_replace },
            }),
            None => None,
        };
        let (id, pbx) = (EndPointId(id), PbxId(pbx));
        let end_point = domain::EndPoint { id, pbx, name, kind, context, extension, max_channels, queue };
        end_point.check()?;
        Ok(end_point)
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: self.hidden }
    }
}

impl From<domain::EndPoint> for EndPointInput {
    fn from(end_point: domain::EndPoint) -> Self {
        let domain::EndPoint { id: _, pbx, name, kind, context, extension, max_channels, queue } = end_point;
        let (queue, boost, max_waiting, first) = flat(queue);
        Self {
            pbx: pbx.0,
            name,
            kind,
            context,
            extension,
            max_channels,
            queue,
            boost,
            max_waiting,
            reverse: first.reverse,
            preview: first.preview,
            reservation_minutes: first.reservation_minutes,
            dial_find: first.rewrite.find,
            dial_replace: first.rewrite.replace,
            security_key: None,
            hidden: None,
        }
    }
}

/// How agents are called first.
#[derive(Debug, Default)]
struct First {
    reverse: bool,
    preview: bool,
    reservation_minutes: Option<u32>,
    rewrite: Rewrite,
}

fn flat(queue: Option<ObservedQueue>) -> (Option<String>, Option<f64>, Option<u32>, First) {
    match queue {
        Some(ObservedQueue { name, boost, max_waiting, reverse, preview, reservation_minutes, rewrite }) => {
            let first = First { reverse, preview, reservation_minutes: Some(reservation_minutes), rewrite };
            (Some(name), Some(boost.factor()), Some(max_waiting), first)
        }
        None => (None, None, None, First::default()),
    }
}

/// An agent of the queue that an end point observes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueueAgent {
    /// The telephone that the queue calls.
    #[schema(example = "PJSIP/1001")]
    pub interface: String,
    /// What the queue calls the member.
    pub name: String,
    /// What it is doing, as far as the queues of its PBX show.
    #[schema(value_type = words::QueueAgentState)]
    pub state: live::QueueAgentState,
    /// Why it is paused, if it was said.
    pub paused_reason: String,
}

impl From<live::QueueAgent> for QueueAgent {
    fn from(agent: live::QueueAgent) -> Self {
        let live::QueueAgent { interface, name, state, paused_reason, wrap_up_s: _ } = agent;
        Self { interface, name, state, paused_reason }
    }
}

/// The agents of one end point.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueueAgents {
    /// By their telephone; empty while the queue is not observed.
    pub items: Vec<QueueAgent>,
}

/// Some fields of a [`EndPointInput`].
type EndPointPatch = Patch<EndPointInput>;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_end_points, create_end_point))
        .routes(routes!(get_end_point, replace_end_point, patch_end_point, delete_end_point))
        .routes(routes!(end_point_agents))
}

/// The agents of the queue that an end point observes, as they are seen now.
#[utoipa::path(get, path = "/api/end-points/{id}/agents", tag = "live", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "its agents", body = QueueAgents)))]
async fn end_point_agents(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<QueueAgents>, ApiError> {
    let end_point = app.store.end_point(&caller.scope, EndPointId(id)).await?;
    let agents = app.node()?.queue_agents(end_point.id).await?;
    Ok(axum::Json(QueueAgents { items: agents.into_iter().map(QueueAgent::from).collect() }))
}

/// Every end point.
#[utoipa::path(get, path = "/api/end-points", tag = "configuration", params(NamedQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of end points", body = Page<EndPoint>)))]
async fn list_end_points(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<EndPoint>>, ApiError> {
    let all = EndPoint::all_locked(&app, &caller.scope, app.store.end_points(&caller.scope).await?).await?;
    Ok(axum::Json(Page::cut(all, &query, |end_point| end_point.id, |end_point| &end_point.name)?))
}

/// Adds an end point.
#[utoipa::path(post, path = "/api/end-points", tag = "configuration", request_body = EndPointInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = EndPoint)))]
pub(crate) async fn create_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<EndPointInput>,
) -> Result<(StatusCode, axum::Json<EndPoint>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let end_point = app.store.create_end_point(&caller.scope, (&input.checked(0)?, &lock)).await?;
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(EndPoint::from(end_point).with(lock))))
}

/// One end point.
#[utoipa::path(get, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the end point", body = EndPoint)))]
async fn get_end_point(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let end_point = EndPoint::from(app.store.end_point(&caller.scope, EndPointId(id)).await?);
    Ok(axum::Json(end_point.locked(&app, &caller.scope).await?))
}

/// Replaces an end point; fields that are not given take their defaults.
#[utoipa::path(put, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = EndPointInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the end point as it is now", body = EndPoint)))]
async fn replace_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<EndPointInput>,
) -> Result<axum::Json<EndPoint>, ApiError> {
    update(&app, &caller.scope, id, input).await
}

/// Changes the given fields of an end point.
#[utoipa::path(patch, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = EndPointPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the end point as it is now", body = EndPoint)))]
pub(crate) async fn patch_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: EndPointPatch,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let existing = app.store.end_point(&caller.scope, EndPointId(id)).await?.into();
    update(&app, &caller.scope, id, patch.apply(&existing)?).await
}

async fn update(
    app: &App,
    scope: &store::Scope,
    id: i64,
    input: EndPointInput,
) -> Result<axum::Json<EndPoint>, ApiError> {
    let lock = input.lock().over(app, scope, Kind::EndPoint, id).await?;
    let end_point = app.store.update_end_point(scope, (&input.checked(id)?, &lock)).await?;
    app.configuration_changed().await;
    Ok(axum::Json(EndPoint::from(end_point).with(lock)))
}

/// Deletes an end point that no campaign uses.
#[utoipa::path(delete, path = "/api/end-points/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_end_point(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_end_point(&caller.scope, EndPointId(id)).await?;
    app.configuration_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::json;

    #[tokio::test]
    async fn an_end_point_is_made_patched_and_checked() {
        let server = Server::start().await;
        let [pbx, _, end_point, _] = server.furnish().await;
        let path = format!("/api/end-points/{end_point}");
        assert_eq!(server.get(&path).await.expect(200)["kind"], "PHONE");
        let patched = server.call("PATCH", &path, json!({"max_channels": 3})).await.expect(200);
        assert_eq!((&patched["max_channels"], &patched["extension"]), (&json!(3), &json!("100")));
        let injected = json!({"pbx": pbx, "name": "x", "context": "c\r\nX: y", "extension": "1", "max_channels": 1});
        assert_eq!(server.post("/api/end-points", injected).await.refused(422).1, "context");
    }

    #[tokio::test]
    async fn a_queue_needs_a_pbx_that_can_be_observed() {
        let server = Server::start().await;
        let office = json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "s3cret"});
        let pbx = server.post("/api/pbxs", office.clone()).await.expect(201)["id"].clone();
        let mut queue = json!({"pbx": pbx, "name": "sales", "kind": "QUEUE", "context": "c", "extension": "999",
            "max_channels": 10, "queue": "999"});
        assert_eq!(server.post("/api/end-points", queue.clone()).await.refused(422).1, "kind");
        let mut observed = office;
        observed["manager_username"] = json!("watcher");
        let path = format!("/api/pbxs/{pbx}");
        assert_eq!(server.call("PUT", &path, observed.clone()).await.refused(422).1, "manager_password");
        observed["manager_password"] = json!("hush");
        let shown = server.call("PUT", &path, observed.clone()).await.expect(200);
        assert_eq!((&shown["manager_host"], &shown["manager_port"]), (&json!("127.0.0.1"), &json!(5038)));
        assert!(!shown.to_string().contains("hush"));
        let made = server.post("/api/end-points", queue.clone()).await.expect(201);
        assert_eq!((&made["boost"], &made["max_waiting"]), (&json!(1.0), &json!(2)));
        for (field, value) in
            [("queue", json!(null)), ("boost", json!(0)), ("boost", json!(21)), ("max_waiting", json!(1001))]
        {
            let mut wrong = queue.clone();
            (wrong["name"], wrong[field]) = (json!("other"), value);
            assert_eq!(server.post("/api/end-points", wrong).await.refused(422).1, field);
        }
        for (find, replace, field) in [("(", "", "dial_find"), ("a", "$1", "dial_replace"), ("", "a", "dial_replace")] {
            let mut wrong = queue.clone();
            (wrong["name"], wrong["reverse"]) = (json!("other"), json!(true));
            (wrong["dial_find"], wrong["dial_replace"]) = (json!(find), json!(replace));
            assert_eq!(server.post("/api/end-points", wrong).await.refused(422).1, field);
        }
        let first = json!({"reverse": true, "dial_find": "^Agent/(.*)", "dial_replace": "PJSIP/$1"});
        let shown = server.call("PATCH", &format!("/api/end-points/{}", made["id"]), first.clone()).await.expect(200);
        assert_eq!(["reverse", "dial_find", "dial_replace"].map(|name| shown[name] == first[name]), [true; 3]);
        let preview = json!({"preview": true, "reservation_minutes": 5});
        let shown = server.call("PATCH", &format!("/api/end-points/{}", made["id"]), preview).await.expect(200);
        assert_eq!((&shown["preview"], &shown["reservation_minutes"]), (&json!(true), &json!(5)));
        for (wrong, field) in [
            (json!({"reverse": false}), "preview"),
            (json!({"reservation_minutes": 61}), "reservation_minutes"),
            (json!({"reservation_minutes": 0}), "reservation_minutes"),
        ] {
            let path = format!("/api/end-points/{}", made["id"]);
            assert_eq!(server.call("PATCH", &path, wrong).await.refused(422).1, field);
        }
        let mut phone = queue.clone();
        (phone["kind"], phone["queue"], phone["reverse"]) = (json!("PHONE"), json!(null), json!(true));
        assert_eq!(server.post("/api/end-points", phone).await.refused(422).1, "reverse");
        queue["kind"] = json!("PHONE");
        assert_eq!(server.post("/api/end-points", queue).await.refused(422).1, "queue");
        observed["manager_username"] = json!(null);
        assert_eq!(server.call("PUT", &path, observed).await.refused(422).1, "manager_username");
    }
}
