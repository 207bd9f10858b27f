//! `/api/about`: what runs here.

use crate::App;
use crate::auth::Read;
use crate::error::ApiError;
use axum::extract::State;
use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The program, and what it keeps its data in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct About {
    /// Always `Carillon`.
    #[schema(example = "Carillon")]
    pub product: String,
    /// Version of the program.
    pub version: String,
    /// `release`, or `development` when it was built without optimisation.
    #[schema(example = "release")]
    pub build: String,
    /// Since when it runs.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// IANA zone of campaigns that name none.
    #[schema(example = "Europe/Rome")]
    pub zone: String,
    /// `SQLite` or `PostgreSQL`.
    #[schema(example = "SQLite")]
    pub engine: String,
    /// The engine's version.
    pub engine_version: String,
    /// Size of the database.
    pub database_bytes: u64,
    /// Where WombatDialer's API is.
    #[schema(example = "/wombat/api")]
    pub wombat: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_about))
}

/// What runs here: version, database and since when.
#[utoipa::path(get, path = "/api/about", tag = "service", security(("token" = ["read"])),
    responses((status = 200, description = "what runs", body = About)))]
async fn get_about(Read(_caller): Read, State(app): State<App>) -> Result<axum::Json<About>, ApiError> {
    let keeper = app.store.keeper().await?;
    let wombat = app.wombat.address();
    Ok(axum::Json(About {
        product: "Carillon".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        build: if cfg!(debug_assertions) { "development" } else { "release" }.into(),
        started_at: app.started_at,
        zone: app.zone,
        engine: keeper.engine.into(),
        engine_version: keeper.version,
        database_bytes: keeper.bytes,
        wombat,
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;

    #[tokio::test]
    async fn it_tells_version_and_database() {
        let server = Server::start().await;
        let about = server.get("/api/about").await.expect(200);
        assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(about["engine"], "SQLite");
        assert!(about["database_bytes"].as_u64().unwrap() > 4_096, "{about}");
        assert!(about["started_at"].as_str().unwrap().ends_with('Z'), "{about}");
    }
}
