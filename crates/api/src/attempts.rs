//! `/api/attempts`: every try at a number, with its timeline.

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::{Caller, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{Page, limit};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::journal::OutputChange;
use domain::outcome::Fault;
use domain::{AttemptId, CallState, CampaignId, ContactId, EndedBy, Invalid, ListId, RunId, Timestamp, TrunkId};
use serde::{Deserialize, Serialize};
use store::webhooks::{Answer, Told};
use store::{AttemptFilter, AttemptRecord, EventRecord, Order};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest extended status, in characters.
const MAX_STATUS_CHARS: usize = 64;
/// Seconds after the end of a call in which output attributes are still taken.
const OUTPUTS_TAKEN_S: i64 = 1_800;
/// State of an attempt that was journalled and never sent.
const WITHDRAWN: &str = "WITHDRAWN";

/// One try at one number.
#[derive(Clone, Serialize, ToSchema)]
pub struct Attempt {
    /// Its id.
    pub id: i64,
    /// Its call.
    pub call: i64,
    /// The call's first leg.
    pub leg: i64,
    /// Asterisk's id of that leg's channel.
    #[schema(example = "c-k3x9qa-7-1042")]
    pub channel: String,
    /// Of which run.
    pub run: i64,
    /// Of which campaign.
    pub campaign: i64,
    /// The campaign's name.
    pub campaign_name: String,
    /// To which contact.
    pub contact: i64,
    /// What was dialled; `null` when the contact was erased, or does not have the number any more.
    pub number: Option<String>,
    /// From which list.
    pub list: i64,
    /// The list's name.
    pub list_name: Option<String>,
    /// 0-based retry counter: of rounds over the contact's numbers.
    pub retry: u32,
    /// Which of the contact's numbers: 0 its own, n that of its attribute MULTINUMn.
    pub number_no: u32,
    /// Through which trunk.
    pub trunk: i64,
    /// The trunk's name; `null` when it was deleted.
    pub trunk_name: Option<String>,
    /// To which end point.
    pub end_point: i64,
    /// The end point's name; `null` when it was deleted.
    pub end_point_name: Option<String>,
    /// On which PBX.
    pub pbx: i64,
    /// The PBX's name; `null` when it was deleted.
    pub pbx_name: Option<String>,
    /// State of the call (see CallState); `WITHDRAWN` for an attempt that was never sent and counts nowhere.
    #[schema(example = "RS_BUSY")]
    pub state: String,
    /// Whose fault a failure was.
    #[schema(value_type = Option<words::Fault>)]
    pub fault: Option<Fault>,
    /// Extended status; empty when none came.
    pub ext_state: String,
    /// Q.850 cause; 0 when unknown.
    #[schema(example = 17)]
    pub cause: Option<u16>,
    /// SIP code of the final response.
    #[schema(example = 486)]
    pub tech_cause: Option<u16>,
    /// Who ended it.
    #[schema(value_type = Option<words::EndedBy>)]
    pub ended_by: Option<EndedBy>,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub scheduled_at: Timestamp,
    /// When it was handed to the PBX.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub requested_at: Option<Timestamp>,
    /// When the far end answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub connected_at: Option<Timestamp>,
    /// When it was over; `null`: it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from request to channel.
    pub wait_pre_ms: Option<i64>,
    /// Milliseconds from channel to answer or end.
    pub wait_after_ms: Option<i64>,
    /// Milliseconds from answer to end.
    pub talk_ms: Option<i64>,
    /// The rule that asked for a retry.
    pub retry_rule: Option<i64>,
    /// When the contact is tried again; `null`: it was finished with this attempt, unless its next number followed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retry_at: Option<Timestamp>,
    /// The number of the contact that followed at once: this one was called in vain.
    pub next_number: Option<u32>,
    /// Why it was taken back; empty when it was not.
    pub why: String,
    /// What the dialplan or programs told of it; empty when the contact was erased.
    pub output_attributes: AttributeMap,
    /// The agent who was called before the person, by its telephone.
    #[schema(example = "PJSIP/1001")]
    pub agent: Option<String>,
}

impl From<AttemptRecord> for Attempt {
    fn from(a: AttemptRecord) -> Self {
        Self {
            id: a.id.0,
            call: a.call.0,
            leg: a.leg.0,
            channel: a.channel,
            run: a.run.0,
            campaign: a.campaign.0,
            campaign_name: a.campaign_name,
            contact: a.contact.0,
            number: a.number,
            list: a.list.0,
            list_name: a.list_name,
            retry: a.retry,
            number_no: a.number_no,
            trunk: a.trunk.0,
            trunk_name: a.trunk_name,
            end_point: a.end_point.0,
            end_point_name: a.end_point_name,
            pbx: a.pbx.0,
            pbx_name: a.pbx_name,
            state: a.state,
            fault: a.fault,
            ext_state: a.ext_state,
            cause: a.cause,
            tech_cause: a.tech_cause,
            ended_by: a.ended_by,
            scheduled_at: a.scheduled_at,
            requested_at: a.requested_at,
            connected_at: a.connected_at,
            ended_at: a.ended_at,
            wait_pre_ms: a.wait_pre_ms,
            wait_after_ms: a.wait_after_ms,
            talk_ms: a.talk_ms,
            retry_rule: a.retry_rule.map(|rule| rule.0),
            retry_at: a.retry_at,
            next_number: a.next_number,
            why: a.why,
            output_attributes: AttributeMap::from(&a.outputs),
            agent: a.agent,
        }
    }
}

/// Something that happened to an attempt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// Its place among all events.
    pub seq: i64,
    /// Its place in this timeline, from 1.
    pub entity_seq: i64,
    /// What happened.
    #[schema(example = "leg.answered")]
    pub kind: String,
    /// Version of `data`.
    pub version: i64,
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it happened, in the PBX's words.
    pub pbx_at: Option<String>,
    /// Who did it; empty: the dialler.
    pub actor: String,
    /// What made it happen, if that is known.
    pub cause: String,
    /// What else is known; it holds no number, name or attribute value.
    #[schema(value_type = Value)]
    pub data: serde_json::Value,
}

impl From<EventRecord> for Event {
    fn from(event: EventRecord) -> Self {
        let EventRecord { seq, entity_seq, kind, version, at, pbx_at, actor, cause, data } = event;
        Self { seq, entity_seq, kind, version, at, pbx_at, actor, cause, data }
    }
}

/// What happened, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Timeline {
    /// At most 1000; a call has about ten.
    pub items: Vec<Event>,
    /// Who was told of them, in the order of the first tries; what was not tried yet comes last. Up to a second late.
    pub notifications: Vec<Notification>,
}

/// What a webhook was told of one event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Notification {
    /// Id of the webhook; perhaps one that was deleted.
    pub webhook: i64,
    /// Its name.
    #[schema(example = "crm")]
    pub webhook_name: String,
    /// Which event.
    pub seq: i64,
    /// Its kind.
    #[schema(example = "attempt.ended")]
    pub kind: String,
    /// How it stands.
    #[schema(value_type = words::Delivery)]
    pub delivery: store::webhooks::Delivery,
    /// Tries that came to an end, oldest first.
    pub tries: Vec<NotificationTry>,
    /// When it is tried next, if that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Why it waits or was given up; empty: it is only not its turn yet.
    pub why: String,
}

/// A request to a webhook's receiver that came to an end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NotificationTry {
    /// When it came to an end.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which try at this event, from 1.
    pub number: u32,
    /// How long it took, milliseconds.
    pub took_ms: u32,
    /// The HTTP status with which it was taken; `null`: it was not.
    #[schema(example = 204)]
    pub status: Option<u16>,
    /// Why it was not taken; empty when it was.
    #[schema(example = "answered 503 Service Unavailable")]
    pub error: String,
}

impl From<store::webhooks::Notification> for Notification {
    fn from(notification: store::webhooks::Notification) -> Self {
        let store::webhooks::Notification { webhook, name, seq, kind, delivery, tries, due_at, why } = notification;
        let tries = tries.into_iter().map(NotificationTry::from).collect();
        Self { webhook: webhook.0, webhook_name: name, seq, kind, delivery, tries, due_at, why }
    }
}

impl From<Told> for NotificationTry {
    fn from(told: Told) -> Self {
        let (status, error) = match told.answer {
            Answer::Taken(status) => (Some(status), String::new()),
            Answer::Refused(why) => (None, why),
        };
        Self { at: told.at, number: told.number, took_ms: told.took_ms, status, error }
    }
}

/// By which end attempts are read.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOrder {
    /// The oldest first.
    #[default]
    Asc,
    /// The newest first.
    Desc,
}

impl From<AttemptOrder> for Order {
    fn from(order: AttemptOrder) -> Self {
        match order {
            AttemptOrder::Asc => Self::Oldest,
            AttemptOrder::Desc => Self::Newest,
        }
    }
}

/// Which attempts.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AttemptQuery {
    /// Of this run.
    run: Option<i64>,
    /// Of this campaign.
    campaign: Option<i64>,
    /// To this contact.
    contact: Option<i64>,
    /// To contacts of this list.
    list: Option<i64>,
    /// In this state, e.g. `RS_BUSY`, or `WITHDRAWN`.
    state: Option<String>,
    /// Through this trunk.
    trunk: Option<i64>,
    /// Decided then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Decided before.
    #[param(value_type = Option<String>, format = DateTime)]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// `true`: not over; `false`: over.
    open: Option<bool>,
    /// `true`: somebody went off-hook; `false`: nobody did.
    answered: Option<bool>,
    /// Those that were taken back too, which no figure counts.
    withdrawn: Option<bool>,
    /// By id, in the order in which they were decided, or the newest first.
    #[param(inline)]
    order: Option<AttemptOrder>,
    /// Only attempts behind this id in that order: with a greater id, or with a smaller one when the newest come first.
    after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    limit: Option<u32>,
}

impl AttemptQuery {
    pub(crate) fn filter(self, limit: u32) -> Result<AttemptFilter, ApiError> {
        let code = |text: String| match text.trim().eq_ignore_ascii_case(WITHDRAWN) {
            true => Ok(WITHDRAWN.to_owned()),
            false => CallState::parse(&text).map(|state| state.code().to_owned()),
        };
        Ok(AttemptFilter {
            run: self.run.map(RunId),
            campaign: self.campaign.map(CampaignId),
            contact: self.contact.map(ContactId),
            list: self.list.map(ListId),
            state: self.state.map(code).transpose().map_err(|i| Invalid { field: "state".into(), ..i })?,
            trunk: self.trunk.map(TrunkId),
            from: self.from,
            to: self.to,
            open: self.open,
            answered: self.answered,
            withdrawn: self.withdrawn.unwrap_or(false),
            order: self.order.unwrap_or_default().into(),
            after: self.after.map(AttemptId),
            limit,
        })
    }
}

/// An extended status.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusInput {
    /// 1..=64 characters; the last one wins and reschedule rules compare it exactly.
    #[schema(example = "SALE")]
    pub status: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_attempts))
        .routes(routes!(get_attempt))
        .routes(routes!(get_timeline))
        .routes(routes!(set_attempt_status))
        .routes(routes!(set_output_attribute, clear_output_attributes))
        .routes(routes!(hang_up_attempt))
}

/// Attempts in the order in which they were decided, or the newest first. `next` is the `after` of the next page.
#[utoipa::path(get, path = "/api/attempts", tag = "results", params(AttemptQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of attempts", body = Page<Attempt>)))]
async fn list_attempts(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<AttemptQuery>,
) -> Result<axum::Json<Page<Attempt>>, ApiError> {
    let limit = limit(query.limit)?;
    let attempts = app.store.attempts(&caller.scope, &query.filter(limit)?).await?;
    let attempts = attempts.into_iter().map(Attempt::from).collect();
    Ok(axum::Json(Page::read(attempts, limit, |attempt: &Attempt| attempt.id)))
}

/// One attempt.
#[utoipa::path(get, path = "/api/attempts/{id}", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the attempt", body = Attempt)))]
async fn get_attempt(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Attempt>, ApiError> {
    Ok(axum::Json(app.store.attempt(&caller.scope, AttemptId(id)).await?.into()))
}

/// Every decision and fact of an attempt, and who was told of them: why it did what it did.
#[utoipa::path(get, path = "/api/attempts/{id}/timeline", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "what happened", body = Timeline)))]
async fn get_timeline(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Timeline>, ApiError> {
    let events = app.store.timeline(&caller.scope, AttemptId(id)).await?;
    let notifications = app.store.notifications(&caller.scope, AttemptId(id)).await?;
    let notifications = notifications.into_iter().map(Notification::from).collect();
    Ok(axum::Json(Timeline { items: events.into_iter().map(Event::from).collect(), notifications }))
}

/// Sets the extended status of a call in progress.
#[utoipa::path(post, path = "/api/attempts/{id}/status", tag = "results", params(("id" = i64, Path)),
    request_body = StatusInput, security(("token" = ["operate"])),
    responses((status = 204, description = "it is set")))]
async fn set_attempt_status(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<StatusInput>,
) -> Result<StatusCode, ApiError> {
    set_status(&app, &caller, AttemptId(id), &input.status).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a call in progress an extended status.
pub(crate) async fn set_status(app: &App, caller: &Caller, id: AttemptId, status: &str) -> Result<(), ApiError> {
    let status = status.trim();
    let fits = (1..=MAX_STATUS_CHARS).contains(&status.chars().count()) && !status.chars().any(char::is_control);
    if !fits {
        let problem = format!("must be 1..={MAX_STATUS_CHARS} characters without control characters");
        return Err(Invalid::new("status", problem).into());
    }
    app.store.attempt(&caller.scope, id).await?; // in the scope
    app.node()?.set_status(id, status).await?;
    Ok(())
}

/// An output attribute.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputInput {
    /// As attributes are called: letters, digits and _, at most 64.
    #[schema(example = "APPOINTMENT")]
    pub name: String,
    /// Its value, or what is put behind it.
    #[schema(example = "monday")]
    pub value: String,
    /// Put it behind the value that is there.
    #[serde(default)]
    pub append: bool,
}

/// Tells an output attribute of a call: data collected while it was made. The last value wins. Taken until half an hour after
/// the call.
#[utoipa::path(post, path = "/api/attempts/{id}/output-attributes", tag = "results", params(("id" = i64, Path)),
    request_body = OutputInput, security(("token" = ["operate"])),
    responses((status = 204, description = "it is kept"), (status = 409, description = "the call is over for too long")))]
async fn set_output_attribute(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<OutputInput>,
) -> Result<StatusCode, ApiError> {
    let OutputInput { name, value, append } = input;
    let change = if append { OutputChange::Append { name, value } } else { OutputChange::Set { name, value } };
    set_output(&app, &caller, AttemptId(id), change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes all output attributes of a call away.
#[utoipa::path(delete, path = "/api/attempts/{id}/output-attributes", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["operate"])),
    responses((status = 204, description = "they are gone"), (status = 409, description = "the call is over for too long")))]
async fn clear_output_attributes(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    set_output(&app, &caller, AttemptId(id), OutputChange::Clear).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the output attributes of a call that is not over for long.
pub(crate) async fn set_output(
    app: &App,
    caller: &Caller,
    id: AttemptId,
    change: OutputChange,
) -> Result<(), ApiError> {
    let attempt = app.store.attempt(&caller.scope, id).await?;
    if attempt.ended_at.is_some_and(|ended| ended.plus_seconds(OUTPUTS_TAKEN_S) < store::now()) {
        let message = format!("attempt {id} is over since {}", attempt.ended_at.unwrap_or_default());
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message));
    }
    app.node()?.set_output(id, change, &caller.name).await?;
    Ok(())
}

/// Hangs up a call in progress, answered or not; it ends as it would by itself, and says who ended it.
#[utoipa::path(post, path = "/api/attempts/{id}/hang-up", tag = "results", params(("id" = i64, Path)),
    security(("token" = ["operate"])),
    responses((status = 204, description = "the PBX is asked to"), (status = 409, description = "it is over, or not sent yet")))]
async fn hang_up_attempt(Operate(caller): Operate, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    app.store.attempt(&caller.scope, AttemptId(id)).await?; // in the scope
    app.node()?.hang_up(AttemptId(id), &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    fn ids(page: &Value) -> Vec<i64> {
        page["items"].as_array().unwrap().iter().map(|attempt| attempt["id"].as_i64().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_attempt_shows_its_facts_and_what_became_of_it() {
        let server = Server::start().await;
        server.journal().await;
        let busy = server.get("/api/attempts/2").await.expect(200);
        assert_eq!([&busy["state"], &busy["fault"], &busy["ended_by"]], ["RS_BUSY", "callee", "far_end"]);
        assert_eq!([&busy["cause"], &busy["tech_cause"], &busy["retry"]], [17, 486, 0]);
        assert_eq!([&busy["wait_pre_ms"], &busy["wait_after_ms"], &busy["talk_ms"]], [100, 2_000, 0]);
        assert_eq!([&busy["number"], &busy["retry_at"]], ["102", "2026-03-29T01:35:07.1Z"]);
        let answered = server.get("/api/attempts/1").await.expect(200);
        assert_eq!((&answered["talk_ms"], &answered["retry_at"]), (&json!(3_000), &Value::Null));
        assert!(answered["channel"].as_str().unwrap().ends_with("-1-0000000001"), "{answered}");
        assert_eq!(server.get("/api/attempts/77").await.refused(404).0, "not_found");
    }

    #[tokio::test]
    async fn a_timeline_tells_the_story_without_any_number() {
        let server = Server::start().await;
        server.journal().await;
        let answer = server.get("/api/attempts/1/timeline").await;
        assert!(!answer.text().contains("0669820001"), "{}", answer.text());
        let timeline = answer.expect(200);
        let kinds: Vec<_> = timeline["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
        assert!(kinds.len() >= 3 && kinds.contains(&"leg.requested"), "{kinds:?}");
    }

    #[tokio::test]
    async fn attempts_are_found_by_what_they_were() {
        let server = Server::start().await;
        let journal = server.journal().await;
        let cases = [
            (format!("run={}", journal.run), vec![1, 2, 3]),
            (format!("campaign={}&state=busy", journal.campaign), vec![2]),
            (format!("list={}&open=true", journal.list), vec![3]),
            ("open=false".into(), vec![1, 2]),
            ("after=1&limit=1".into(), vec![2]),
            ("from=2026-03-29T01:30:03Z".into(), vec![3]),
            ("to=2026-03-29T01:30:02Z".into(), vec![1]),
            ("run=77".into(), vec![]),
            ("order=desc".into(), vec![3, 2, 1]),
            ("order=asc&limit=2".into(), vec![1, 2]),
            (format!("order=desc&after=3&limit=1&run={}", journal.run), vec![2]),
        ];
        for (query, wanted) in cases {
            let page = server.get(&format!("/api/attempts?{query}")).await.expect(200);
            assert_eq!(ids(&page), wanted, "{query}");
        }
        let refused = server.get("/api/attempts?state=SAD").await.refused(422);
        assert_eq!(refused, ("invalid".into(), "state".into()));
        server.get("/api/attempts?order=newest").await.refused(400);
    }

    #[tokio::test]
    async fn a_status_is_checked_before_the_dialler_sees_it() {
        let server = Server::start().await;
        server.journal().await;
        for status in ["", "a\r\nb", &"x".repeat(65)] {
            let answer = server.post("/api/attempts/3/status", json!({"status": status})).await;
            assert_eq!(answer.refused(422).1, "status");
        }
        assert_eq!(server.post("/api/attempts/77/status", json!({"status": "SALE"})).await.refused(404).0, "not_found");
        assert_eq!(server.post("/api/attempts/3/status", json!({"status": "SALE"})).await.status, 503);
    }
}
