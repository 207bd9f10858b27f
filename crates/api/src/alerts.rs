//! `/api/alerts`: what was wrong, from when to when.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::Query;
use crate::page::{Page, limit};
use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use store::AlertRecord;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An alert: told once when it begins and once when it is over, on the event stream, by webhook and by e-mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Alert {
    /// Its id.
    pub id: i64,
    /// What is wrong: `pbx_lost`, `dialling_held`, `storage`, `circuit_open`, `outcome_mix`, `webhook_backlog`,
    /// `harbour_missed`.
    #[schema(example = "pbx_lost")]
    pub kind: String,
    /// The id of the PBX, trunk, campaign or webhook; 0: the installation.
    pub subject: i64,
    /// The name it had; empty for the installation.
    #[schema(example = "office")]
    pub name: String,
    /// For people.
    #[schema(example = "PBX office is not connected: nothing new is dialled on it")]
    pub why: String,
    /// Since when it is wrong.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Timestamp,
    /// Since when it is right again; `null`: it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl From<AlertRecord> for Alert {
    fn from(record: AlertRecord) -> Self {
        let AlertRecord { id, kind, subject, name, why, raised_at, ended_at, mailed: _ } = record;
        Self { id, kind, subject, name, why, raised_at, ended_at }
    }
}

/// Which alerts.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only those that go on.
    pub open: bool,
    /// Only alerts with a smaller id: newest come first.
    pub after: Option<i64>,
    /// Items per page, `1..=1000`; 100 when not given.
    pub limit: Option<u32>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_alerts)).routes(routes!(test_alert))
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/alerts", tag = "live", params(AlertQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of alerts", body = Page<Alert>)))]
async fn list_alerts(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<AlertQuery>,
) -> Result<axum::Json<Page<Alert>>, ApiError> {
    let limit = limit(query.limit)?;
    let before = query.after.unwrap_or(i64::MAX);
    let records = app.store.alerts(&caller.scope, before, query.open, limit).await?;
    Ok(axum::Json(Page::read(records.into_iter().map(Alert::from).collect(), limit, |alert| alert.id)))
}

/// Sends a test letter to everybody who gets alerts by e-mail; answers when the mail server has taken it.
#[utoipa::path(post, path = "/api/alerts/test", tag = "live", security(("token" = ["admin"])),
    responses((status = 204, description = "the mail server has taken it")))]
async fn test_alert(Admin(_caller): Admin, State(app): State<App>) -> Result<StatusCode, ApiError> {
    app.node()?.test_mail().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use domain::Timestamp;
    use store::Scope;

    #[tokio::test]
    async fn alerts_come_newest_first_and_open_ones_alone_when_asked() {
        let server = Server::start().await;
        let store = &server.app.store;
        let scope = Scope::installation();
        for subject in 1..=3 {
            store.raise_alert(&scope, "pbx_lost", subject, "office", "silent", Timestamp(subject)).await.unwrap();
        }
        store.end_alert(&scope, 2, Timestamp(9)).await.unwrap();
        let page = server.get("/api/alerts?limit=2").await.expect(200);
        let ids = |page: &serde_json::Value| {
            page["items"].as_array().unwrap().iter().map(|alert| alert["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&page), [3, 2]);
        let rest = server.get(&format!("/api/alerts?limit=2&after={}", page["next"])).await.expect(200);
        assert_eq!(ids(&rest), [1]);
        assert_eq!(ids(&server.get("/api/alerts?open=true").await.expect(200)), [3, 1]);
    }

    #[tokio::test]
    async fn a_test_letter_without_a_mail_server_is_refused_with_the_remedy() {
        let server = Server::with_dialler().await;
        let refused = server.post("/api/alerts/test", serde_json::json!(null)).await.expect(409);
        assert!(refused["error"]["message"].as_str().unwrap().contains("mail.server"), "{refused}");
    }
}
