//! `/api/checks/call`: a call that proves PBX, trunk and end point before the first campaign.
//!
//! It is a run of one contact. It goes through the gate like every other call and has no way around it: for a telephone of
//! one's own, its campaign has other rules (no hours, more attempts), which somebody with a name asked for.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::Json;
use crate::runs::Run;
use axum::extract::State;
use axum::http::StatusCode;
use domain::contact::CONSENT_AT;
use domain::rules::limits::{Cap, CapBy, Consent};
use domain::rules::pack::{DEFAULT, UNRESTRICTED};
use domain::rules::{Limits, Pack, Rules};
use domain::{
    Attributes, Campaign, CampaignStatus, ContactId, Dialable, EndPointId, Invalid, ListId, Masked, RunId, TrunkId,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{AttemptFilter, NewContact, RunFilter, RunRecord, Scope, Store};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The campaign of test calls, and the beginning of the names of its lists.
const TEST_CALLS: &str = "Test calls";
/// A test call that was not placed for so many seconds is given up: whoever waited for it is gone.
const PATIENCE_S: i64 = 120;
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row that fail are enough: the next test call ends what this one left.
const MAX_FAILED_LOOKS: u32 = 60;
/// Who gives it up, in the run's history.
const ACTOR: &str = "test call";
/// Calls to a telephone of one's own in 24 hours, at most.
const OWN_CALLS: u32 = 20;

/// A call that proves trunk and end point.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCallInput {
    /// The trunk that it takes.
    pub trunk: i64,
    /// Where it goes when it is answered.
    pub end_point: i64,
    /// Whom it calls: your own telephone.
    #[schema(example = "+39 06 6982-0001")]
    pub number: String,
    /// You say that it is your own telephone and may ring now. Hours do not hold for this call then, nor do the caps of `default`
    /// (20 calls in 24 hours do); suppression lists and costly ranges hold. The audit log has who said so.
    #[serde(default)]
    #[schema(required = false)]
    pub own: bool,
}

/// A test call on its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TestCall {
    /// Its run: `GET /api/attempts?run=` has the call as soon as it is decided.
    pub run: Run,
    /// Its contact: `GET /api/contacts/{id}/why` says what keeps it back.
    pub contact: i64,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_test_call))
}

/// Calls one number, through the gate like every other call: the pack `default` holds, so it is not made at night, unless
/// it is said to be your `own`.
///
/// The call belongs to the campaign `Test calls`, which is made at the first time; each one has a hidden list of its own. One that
/// cannot be placed is given up after two minutes, or when the next one is asked for.
#[utoipa::path(post, path = "/api/checks/call", tag = "service", request_body = TestCallInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it is on its way", body = TestCall),
        (status = 409, description = "the last one is still in progress")))]
async fn create_test_call(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<TestCallInput>,
) -> Result<(StatusCode, axum::Json<TestCall>), ApiError> {
    let (store, scope) = (&app.store, &caller.scope);
    let number = Dialable::parse(&input.number, store.country())?;
    let trunk = store.trunk(scope, TrunkId(input.trunk)).await?;
    let end_point = store.end_point(scope, EndPointId(input.end_point)).await?;
    if trunk.pbx != end_point.pbx {
        return Err(Invalid::new("end_point", format!("is on another PBX than the trunk {:?}", trunk.name)).into());
    }
    if input.own {
        check_cheap(&number, &app.zone)?;
    }
    let node = app.node()?;
    let had = campaign_of(store, scope).await?;
    if let Some(run) = open_run(store, scope, had.as_ref()).await? {
        if in_call(store, scope, run.id).await? {
            let message = format!("the last test call is not over: run {}", run.id);
            return Err(
                ApiError::new(StatusCode::CONFLICT, "conflict", message).remedy("wait for its end, or hang it up")
            );
        }
        node.remove_run(scope, run.id, &caller.name).await?;
    }
    let (list, contact) = list_of(store, scope, number, input.own).await?;
    let mut wanted = Campaign {
        trunks: vec![trunk.id],
        end_points: vec![end_point.id],
        lists: vec![list],
        ..Campaign::named(TEST_CALLS, &app.zone)
    };
    if input.own {
        (wanted.packs, wanted.limits) = (vec![UNRESTRICTED.into()], limits_of_own()?);
    }
    let mut campaign = match had {
        Some(had) => store.update_campaign(scope, &Campaign { id: had.id, ..wanted }, &caller.name).await?,
        None => store.create_campaign(scope, &wanted, &caller.name).await?,
    };
    if input.own {
        store.note_own_number(scope, campaign.id, contact).await?;
    }
    let run = node.start_run(scope, campaign.id, &caller.name).await?;
    if input.own {
        // Rules for one telephone are nobody else's: nothing starts it again but the next test call, which says its own.
        campaign.status = CampaignStatus::Closed;
        store.update_campaign(scope, &campaign, &caller.name).await?;
    }
    watch(app.clone(), run.id);
    Ok((StatusCode::CREATED, axum::Json(TestCall { run: run.into(), contact: contact.0 })))
}

/// Refuses a number whose call costs more than others: that somebody owns it does not make it cheap.
fn check_cheap(number: &Dialable, zone: &str) -> Result<(), ApiError> {
    let rules = Rules::of(&[DEFAULT.into()], &Limits::default(), zone)?;
    let Some(range) = rules.denies(number) else { return Ok(()) };
    let problem = format!("is in a range that costs more than other calls ({range}): a test call does not dial it");
    Err(Invalid::new("number", problem).into())
}

/// What holds for a telephone of one's own: ranges as in `default`, some calls a day, and the word that was given for this one
/// as the consent that its contact has and no other.
fn limits_of_own() -> Result<Limits, Invalid> {
    Ok(Limits {
        deny: Pack::named(DEFAULT)?.limits.deny.clone(),
        caps: vec![Cap { attempts: OWN_CALLS, hours: 24, by: CapBy::Number }],
        consent: Some(Consent { max_age_days: 1 }),
        ..Limits::default()
    })
}

/// A list for this call alone: a run dials its lists from their start, and nobody is called again by the next test.
async fn list_of(store: &Store, scope: &Scope, number: Dialable, own: bool) -> Result<(ListId, ContactId), ApiError> {
    let now = store::now();
    let name = format!("{TEST_CALLS} {now}");
    let list = store.create_list(scope, &name).await?.id;
    store.update_list(scope, list, &name, true).await?;
    let mut attributes = Attributes::default();
    if own {
        attributes.add(CONSENT_AT, &now.to_string())?;
    }
    let added = store.add_contacts(scope, list, vec![NewContact { number, attributes }], false).await?;
    let contact = added.ids.first().copied().ok_or_else(|| ApiError::internal("the contact was not added"))?;
    Ok((list, contact))
}

/// The campaign of test calls, once there was one.
async fn campaign_of(store: &Store, scope: &Scope) -> store::Result<Option<Campaign>> {
    Ok(store.campaigns(scope).await?.into_iter().find(|campaign| campaign.name == TEST_CALLS))
}

/// The run of a test call that is not over.
async fn open_run(store: &Store, scope: &Scope, campaign: Option<&Campaign>) -> store::Result<Option<RunRecord>> {
    let Some(campaign) = campaign else { return Ok(None) };
    let open = RunFilter { campaign: Some(campaign.id), open: Some(true), limit: 1, ..RunFilter::default() };
    Ok(store.runs(scope, &open).await?.pop())
}

async fn in_call(store: &Store, scope: &Scope, run: RunId) -> store::Result<bool> {
    let open = AttemptFilter { run: Some(run), open: Some(true), limit: 1, ..AttemptFilter::default() };
    Ok(!store.attempts(scope, &open).await?.is_empty())
}

/// Looks after a test call that was on its way when the server stopped.
pub async fn resume_test_calls(app: &App) -> store::Result<()> {
    let scope = Scope::installation();
    let campaign = campaign_of(&app.store, &scope).await?;
    if let Some(run) = open_run(&app.store, &scope, campaign.as_ref()).await? {
        watch(app.clone(), run.id);
    }
    Ok(())
}

/// Gives a test call up that is not placed: its run would wait for Monday.
fn watch(app: App, run: RunId) {
    tokio::spawn(async move {
        let mut failed = 0;
        while failed < MAX_FAILED_LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            match look(&app, run).await {
                Ok(true) => return,
                Ok(false) => failed = 0,
                Err(error) => {
                    failed += 1;
                    tracing::warn!(run.id = run.0, cause = %Masked(&error), "a test call was not looked at");
                }
            }
        }
    });
}

/// Whether it is over.
async fn look(app: &App, run: RunId) -> Result<bool, node::NodeError> {
    let scope = Scope::installation();
    let record = app.store.run(&scope, run).await?;
    if record.ended_at.is_some() {
        return Ok(true);
    }
    let Some(node) = app.node.as_ref() else { return Ok(false) };
    if store::now() < record.started_at.plus_seconds(PATIENCE_S) || in_call(&app.store, &scope, run).await? {
        return Ok(false);
    }
    node.remove_run(&scope, run, ACTOR).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_of_ones_own_may_ring_at_any_hour_but_not_in_a_costly_range() {
        let limits = limits_of_own().unwrap();
        assert!(limits.hours.is_empty() && limits.holidays.is_empty());
        let rules = Rules::of(&[UNRESTRICTED.into()], &limits, "Europe/Rome").unwrap();
        assert!(rules.consent_needed(), "a contact that nobody gave their word for is not called");
        for costly in ["+39 899 123456", "+881 6 1234 5678", "+1 900 555 0100"] {
            let number = Dialable::parse(costly, None).unwrap();
            assert!(check_cheap(&number, "Europe/Rome").is_err(), "{costly}");
        }
        check_cheap(&Dialable::parse("+39 06 6982 0001", None).unwrap(), "Europe/Rome").unwrap();
        check_cheap(&Dialable::parse("101", None).unwrap(), "Europe/Rome").unwrap();
    }
}
