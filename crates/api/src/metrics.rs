//! `/metrics` for Prometheus, and what the API itself counts.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// What the process counted, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "service", security(("token" = ["read"])),
    responses((status = 200, description = "the metrics", body = String, content_type = "text/plain")))]
async fn get_metrics(Read(caller): Read, State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    caller.sees_everything()?;
    Ok(([(header::CONTENT_TYPE, TEXT)], app.metrics.render()))
}

/// Counts and times requests by route, never by address: the labels are as many as there are routes.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(started.elapsed().as_secs_f64());
    response
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let server = Server::start().await;
        let answer = server.get("/metrics").await;
        assert_eq!(answer.headers["content-type"], super::TEXT);
        assert_eq!(answer.status, 200);
    }
}
