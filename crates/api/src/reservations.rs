//! `/api/reservations`: agents who are shown whom they would call, and say whether he is called.

use crate::App;
use crate::attributes::AttributeMap;
use crate::auth::{Caller, Operate, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json};
use axum::extract::State;
use axum::http::StatusCode;
use domain::{AttemptId, CampaignId, Invalid, Timestamp};
use node::reserving::{self, Decision, NoReservation, Wish};
use serde::{Deserialize, Serialize};
use store::Campaigns;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name of an agent's telephone, characters.
const MAX_AGENT_CHARS: usize = 80;

/// A call that an agent looks at, and that is not dialled before he says so.
#[derive(Clone, Serialize, ToSchema)]
pub struct Reservation {
    /// Its attempt.
    pub id: i64,
    /// The agent, by the telephone that the queue calls.
    #[schema(example = "PJSIP/1001")]
    pub agent: String,
    /// Of which campaign.
    pub campaign: i64,
    /// Its name.
    pub campaign_name: String,
    /// Of which run.
    pub run: i64,
    /// Whom; with the next three `null` when the contact was deleted.
    pub contact: Option<i64>,
    /// The number.
    pub number: Option<String>,
    /// The contact's attributes.
    pub attributes: Option<AttributeMap>,
    /// The contact's list.
    pub list: Option<i64>,
    /// 0-based retry counter.
    pub retry: u32,
    /// Since when he looks at it.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Then it goes back.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Every reservation.
#[derive(Clone, Serialize, ToSchema)]
pub struct Reservations {
    /// Oldest first.
    pub items: Vec<Reservation>,
}

/// An agent who asks for somebody to call.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationInput {
    /// The telephone that the queue calls, exactly as Asterisk names the member.
    #[schema(example = "PJSIP/1001")]
    pub agent: String,
    /// Only of this campaign; of any when not given.
    #[serde(default)]
    pub campaign: Option<i64>,
}

/// Why an agent does not want a call.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipInput {
    /// Becomes the call's extended status, by which reschedule rules decide: at most 64 characters.
    #[serde(default)]
    #[schema(example = "LATER")]
    pub status: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_reservations, make_reservation))
        .routes(routes!(get_reservation))
        .routes(routes!(dial_reservation))
        .routes(routes!(skip_reservation))
        .routes(routes!(release_reservation))
}

/// What agents look at now.
#[utoipa::path(get, path = "/api/reservations", tag = "dialling", security(("token" = ["read"])),
    responses((status = 200, description = "every reservation", body = Reservations)))]
async fn list_reservations(Read(caller): Read, State(app): State<App>) -> Result<axum::Json<Reservations>, ApiError> {
    let mut items: Vec<Reservation> = Vec::new();
    for reservation in app.node()?.reservations().await? {
        // Many agents work for few campaigns.
        let named = items.iter().find(|one| Some(one.campaign) == reservation.campaign.map(|campaign| campaign.0));
        let name = named.map(|one| one.campaign_name.clone());
        items.extend(shown(&app, &caller, reservation, name).await?);
    }
    Ok(axum::Json(Reservations { items }))
}

/// Gives an agent somebody to call, for as many minutes as its end point says. Asked again he gets the same; nothing is dialled.
#[utoipa::path(post, path = "/api/reservations", tag = "dialling", request_body = ReservationInput,
    security(("token" = ["operate"])),
    responses((status = 200, description = "what he looks at", body = Reservation),
        (status = 409, description = "`agent_not_available`: he is no member of a queue with preview, or not free; \
            `nobody_to_call`: no campaign has somebody for him now")))]
async fn make_reservation(
    Operate(caller): Operate,
    State(app): State<App>,
    Json(input): Json<ReservationInput>,
) -> Result<axum::Json<Reservation>, ApiError> {
    let campaign = input.campaign.map(CampaignId);
    if let Some(campaign) = campaign {
        app.store.campaign(&caller.scope, campaign).await?;
    }
    Ok(axum::Json(reserve(&app, &caller, &input.agent, campaign).await?))
}

/// What one agent looks at.
#[utoipa::path(get, path = "/api/reservations/{id}", tag = "dialling", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the reservation", body = Reservation)))]
async fn get_reservation(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<Reservation>, ApiError> {
    let mut all = app.node()?.reservations().await?.into_iter();
    let found = match all.find(|one| one.attempt.0 == id) {
        Some(one) => shown(&app, &caller, one, None).await?,
        None => None,
    };
    found.map(axum::Json).ok_or_else(|| ApiError::not_found("reservation", id))
}

/// The agent wants it: his telephone rings, and when he answers the person is called. The gate is asked again.
#[utoipa::path(post, path = "/api/reservations/{id}/dial", tag = "dialling", params(("id" = i64, Path)),
    security(("token" = ["operate"])), responses((status = 204, description = "it is being dialled"),
        (status = 409, description = "`not_now`: it may not be called now; `reservation_over`: it was given back meanwhile; \
            `not_reserved`: it is being dialled already")))]
async fn dial_reservation(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    decide(&app, &caller, AttemptId(id), Decision::Dial).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The agent does not want it: it ends as `RS_AGENTSKIP`, and reschedule rules decide whether it is tried again.
#[utoipa::path(post, path = "/api/reservations/{id}/skip", tag = "dialling", params(("id" = i64, Path)),
    request_body = SkipInput, security(("token" = ["operate"])),
    responses((status = 204, description = "it is over"), (status = 409, description = "as for `dial`")))]
async fn skip_reservation(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<SkipInput>,
) -> Result<StatusCode, ApiError> {
    decide(&app, &caller, AttemptId(id), Decision::Skip(input.status)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives it back, for whoever asks next: no attempt is counted.
#[utoipa::path(post, path = "/api/reservations/{id}/release", tag = "dialling", params(("id" = i64, Path)),
    security(("token" = ["operate"])),
    responses((status = 204, description = "it is back"), (status = 409, description = "as for `dial`")))]
async fn release_reservation(
    Operate(caller): Operate,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    decide(&app, &caller, AttemptId(id), Decision::Release).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody to call, of what the caller sees.
pub(crate) async fn reserve(
    app: &App,
    caller: &Caller,
    agent: &str,
    campaign: Option<CampaignId>,
) -> Result<Reservation, ApiError> {
    let interface = agent.trim();
    let fits = (1..=MAX_AGENT_CHARS).contains(&interface.chars().count()) && !interface.chars().any(char::is_control);
    if !fits {
        let problem = format!("must be 1..={MAX_AGENT_CHARS} characters without control characters, as PJSIP/1001");
        return Err(Invalid::new("agent", problem).into());
    }
    let campaigns = match (campaign, &caller.scope.campaigns) {
        (Some(campaign), _) => Some([campaign].into()),
        (None, Campaigns::All) => None,
        (None, Campaigns::Only(ids)) => Some(ids.iter().copied().collect()),
    };
    let wish = Wish { interface: interface.to_owned(), campaigns };
    let made = app.node()?.reserve(wish).await?.map_err(|no| refused(no, agent))?;
    let shown = shown(app, caller, made, None).await?;
    shown.ok_or_else(|| refused(NoReservation::NobodyToCall, agent))
}

/// What becomes of a reservation.
pub(crate) async fn decide(app: &App, caller: &Caller, id: AttemptId, decision: Decision) -> Result<(), ApiError> {
    let unknown = || ApiError::not_found("reservation", id);
    // Of what the caller does not see there is nothing.
    app.store.attempt(&caller.scope, id).await.map_err(|error| match error {
        store::Error::NotFound { .. } => unknown(),
        other => other.into(),
    })?;
    match app.node()?.decide(id, decision).await? {
        Ok(()) => Ok(()),
        Err(NoReservation::NotFound) => Err(unknown()),
        Err(no) => Err(refused(no, &id.to_string())),
    }
}

fn refused(no: NoReservation, whom: &str) -> ApiError {
    let (code, message) = match no {
        NoReservation::AgentNotAvailable => {
            ("agent_not_available", format!("agent {whom} is not free, or logged on to no queue with preview"))
        }
        NoReservation::NobodyToCall => ("nobody_to_call", format!("there is nobody to call for agent {whom} now")),
        NoReservation::NotFound => return ApiError::not_found("reservation", whom),
        NoReservation::Over(why) => ("reservation_over", format!("reservation {whom} is over: {why}")),
        NoReservation::WrongState => ("not_reserved", format!("call {whom} is being dialled already")),
        NoReservation::NotNow(why) => ("not_now", format!("call {whom} may not be dialled now: {why}")),
    };
    ApiError::new(StatusCode::CONFLICT, code, message)
}

/// As the caller sees it; `None`: he does not.
async fn shown(
    app: &App,
    caller: &Caller,
    of: reserving::Reservation,
    campaign_name: Option<String>,
) -> Result<Option<Reservation>, ApiError> {
    let Some(campaign) = of.campaign.filter(|campaign| caller.scope.allows(*campaign)) else { return Ok(None) };
    let campaign_name = match campaign_name {
        Some(name) => name,
        None => app.store.campaign(&caller.scope, campaign).await?.name,
    };
    let contact = of.contact.as_deref();
    Ok(Some(Reservation {
        id: of.attempt.0,
        agent: of.interface,
        campaign: campaign.0,
        campaign_name,
        run: of.run.0,
        contact: contact.map(|contact| contact.id.0),
        number: contact.map(|contact| contact.number.dialled.clone()),
        attributes: contact.map(|contact| AttributeMap::from(&contact.attributes)),
        list: contact.map(|contact| contact.list.0),
        retry: of.retry,
        since: of.since,
        until: of.until,
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn who_is_not_free_reserves_nothing_and_what_is_not_there_is_not_decided() {
        let server = Server::with_dialler().await;
        server.journal().await;
        let ask = |agent: &str| json!({"agent": agent});
        assert_eq!(server.post("/api/reservations", ask("PJSIP/1001")).await.refused(409).0, "agent_not_available");
        for agent in ["", "  ", "PJSIP/1\r\nX: y", &"9".repeat(81)] {
            assert_eq!(server.post("/api/reservations", ask(agent)).await.refused(422).1, "agent");
        }
        let elsewhere = json!({"agent": "PJSIP/1001", "campaign": 77});
        assert_eq!(server.post("/api/reservations", elsewhere).await.refused(404).0, "not_found");
        assert_eq!(server.get("/api/reservations").await.expect(200), json!({"items": []}));
        for id in [1, 77] {
            // The first one is an attempt that ended long ago.
            let path = format!("/api/reservations/{id}");
            assert_eq!(server.get(&path).await.refused(404).0, "not_found");
            for what in ["dial", "release"] {
                let refused = server.post(&format!("{path}/{what}"), Value::Null).await.refused(404);
                assert_eq!(refused.0, "not_found");
            }
            let skip = server.post(&format!("{path}/skip"), json!({"status": "LATER"})).await.refused(404);
            assert_eq!(skip.0, "not_found");
        }
        let long = json!({"status": "x".repeat(65)});
        assert_eq!(server.post("/api/reservations/1/skip", long).await.refused(422).1, "status");
    }
}
