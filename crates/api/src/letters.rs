//! `/api/letters`: whether letters of a campaign arrive.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{RunMail, RunMailEvents};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// To whom a test letter goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestLetter {
    /// Addresses, 1..=10.
    #[schema(example = json!(["ana@example.com"]))]
    pub email_addresses: Vec<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(test_letter))
}

/// Sends a test letter; answers when the mail server has taken it.
#[utoipa::path(post, path = "/api/letters/test", tag = "campaigns", request_body = TestLetter,
    security(("token" = ["admin"])),
    responses((status = 204, description = "the mail server has taken it"),
        (status = 409, description = "it has not; why")))]
async fn test_letter(
    Admin(_caller): Admin,
    State(app): State<App>,
    Json(letter): Json<TestLetter>,
) -> Result<StatusCode, ApiError> {
    let mail = RunMail { events: RunMailEvents::All, to: letter.email_addresses };
    mail.check()?;
    app.rules.check_run_mail(&mail)?;
    app.node()?.test_letter(&mail.to).await?;
    Ok(StatusCode::NO_CONTENT)
}
