//! `/api/checks`: what of the installation is as it should be.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use axum::extract::State;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every check has a deadline of its own; all of them together have this one.
const DEADLINE: Duration = Duration::from_secs(90);

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

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_checks))
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
