//! `/healthz` and `/readyz`: for load balancers and supervisors, without a token.

use crate::App;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The process answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Healthy {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// Version of the program.
    pub version: String,
}

/// Whether calls can be placed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// They can.
    pub ready: bool,
    /// What is wrong, a sentence each; may hold something while ready (one PBX of two is down).
    pub reasons: Vec<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "service", security(()),
    responses((status = 200, description = "it does", body = Healthy)))]
async fn healthz() -> axum::Json<Healthy> {
    axum::Json(Healthy { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() })
}

/// Whether the dialler can do its work.
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses(
    (status = 200, description = "it can", body = Readiness),
    (status = 503, description = "it cannot; the reasons say why", body = Readiness)))]
async fn readyz(State(app): State<App>) -> (StatusCode, axum::Json<Readiness>) {
    let readiness = match &app.node {
        Some(node) => {
            let health = node.health();
            Readiness { ready: health.ready, reasons: health.reasons }
        }
        None => Readiness { ready: false, reasons: vec!["the dialler is not running".into()] },
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(readiness))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn health_needs_no_token_and_readiness_says_what_is_wrong() {
        let server = Server::start().await;
        assert_eq!(server.call_as("", "GET", "/healthz", Value::Null).await.expect(200)["status"], "ok");
        let answer = server.call_as("", "GET", "/readyz", Value::Null).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.expect(503), json!({"ready": false, "reasons": ["the dialler is not running"]}));
        let server = Server::with_dialler().await;
        assert_eq!(server.call_as("", "GET", "/readyz", Value::Null).await.expect(200)["ready"], true);
    }
}
