//! `/api/checks`: what of the installation is as it should be, and a call that proves it.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::Json;
use crate::runs::Run;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Attributes, Campaign, Dialable, EndPointId, Invalid, ListId, TrunkId};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use store::{NewContact, RunFilter, Scope, Store};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every check has a deadline of its own; all of them together have this one.
const DEADLINE: Duration = Duration::from_secs(90);
/// The campaign of test calls, and the beginning of the names of its lists.
const TEST_CALLS: &str = "Test calls";

/// Runs the checks of `carillon doctor`. They know settings and folders, which the API does not.
#[derive(Clone)]
pub struct Checks {
    examine: Arc<dyn Fn() -> BoxFuture<'static, Vec<Check>> + Send + Sync>,
    turn: Arc<Mutex<()>>,
}

impl Checks {
    /// `examine` looks at everything once.
    pub fn new(examine: impl Fn() -> BoxFuture<'static, Vec<Check>> + Send + Sync + 'static) -> Self {
        Self { examine: Arc::new(examine), turn: Arc::default() }
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// It works; something will go wrong one day, or is not as it is meant to be.
    Warning,
    /// It does not work.
    Failed,
    /// Could not be found out.
    Unknown,
}

/// What one check found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Check {
    /// Its stable name.
    #[schema(example = "pbx.login")]
    pub check: String,
    /// The thing that was looked at; empty when there is only one.
    #[schema(example = "office")]
    pub about: String,
    /// How it ended.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What to do; empty when there is nothing to do.
    pub remedy: String,
}

/// Every check.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckList {
    /// In the order in which they were made.
    pub items: Vec<Check>,
}

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
    OpenApiRouter::new().routes(routes!(list_checks)).routes(routes!(create_test_call))
}

/// Looks at the installation from its settings to the PBXs, as `carillon doctor` does. Takes seconds; changes nothing.
#[utoipa::path(get, path = "/api/checks", tag = "service", security(("token" = ["admin"])),
    responses((status = 200, description = "what was found", body = CheckList)))]
async fn list_checks(Admin(_caller): Admin, State(app): State<App>) -> Result<axum::Json<CheckList>, ApiError> {
    let late = || ApiError::unavailable("checks_late", format!("the checks took longer than {} s", DEADLINE.as_secs()));
    let examined = timeout(DEADLINE, async {
        let _turn = app.checks.turn.lock().await;
        (app.checks.examine)().await
    });
    Ok(axum::Json(CheckList { items: examined.await.map_err(|_| late())? }))
}

/// Calls one number, through the gate like every other call: the pack `default` holds, so it is not made at night.
///
/// The call belongs to the campaign `Test calls`, which is made at the first time; each one has a hidden list of its own.
#[utoipa::path(post, path = "/api/checks/call", tag = "service", request_body = TestCallInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it is on its way", body = TestCall)))]
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
    let node = app.node()?;
    let had = store.campaigns(scope).await?.into_iter().find(|campaign| campaign.name == TEST_CALLS);
    if let Some(campaign) = &had {
        let open = RunFilter { campaign: Some(campaign.id), open: Some(true), limit: 1, ..RunFilter::default() };
        if let Some(run) = store.runs(scope, &open).await?.first() {
            let message = format!("the last test call is not over: run {}", run.id);
            return Err(
                ApiError::new(StatusCode::CONFLICT, "conflict", message).remedy("wait for its end, or remove it")
            );
        }
    }
    let (list, contact) = list_of(store, scope, number).await?;
    let wanted = Campaign {
        trunks: vec![trunk.id],
        end_points: vec![end_point.id],
        lists: vec![list],
        ..Campaign::named(TEST_CALLS, &app.zone)
    };
    let campaign = match had {
        Some(had) => store.update_campaign(scope, &Campaign { id: had.id, ..wanted }, &caller.name).await?,
        None => store.create_campaign(scope, &wanted, &caller.name).await?,
    };
    let run = node.start_run(scope, campaign.id, &caller.name).await?;
    Ok((StatusCode::CREATED, axum::Json(TestCall { run: run.into(), contact })))
}

/// A list for this call alone: a run dials its lists from their start, and nobody is called again by the next test.
async fn list_of(store: &Store, scope: &Scope, number: Dialable) -> Result<(ListId, i64), ApiError> {
    let name = format!("{TEST_CALLS} {}", store::now());
    let list = store.create_list(scope, &name).await?.id;
    store.update_list(scope, list, &name, true).await?;
    let contact = NewContact { number, attributes: Attributes::default() };
    let added = store.add_contacts(scope, list, vec![contact], false).await?;
    let contact = added.ids.first().map_or(0, |id| id.0);
    Ok((list, contact))
}
