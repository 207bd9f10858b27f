//! The OpenAPI document: made from the routes, never written by hand.

use crate::App;
use crate::auth::Read;
use crate::error::ErrorBody;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayBuilder, Object, Schema};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What no route says itself.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Carillon",
        description = "An outbound dialler: PBXs, trunks, lists and campaigns in, calls, outcomes and reports out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody)),
    modifiers(&Token),
    tags(
        (name = "configuration", description = "Where calls are placed: PBXs, trunks and end points"),
        (name = "lists", description = "Whom to call: lists, contacts and imports"),
        (name = "campaigns", description = "What to dial and how, and its executions"),
        (name = "suppressions", description = "Numbers that must not be called"),
        (name = "why", description = "Why nothing is dialled, and why a number may be called or not"),
        (name = "dialling", description = "What happens now, and the switch that stops it"),
        (name = "results", description = "What happened: attempts, timelines and reports"),
        (name = "ledger", description = "The books of abandoned calls"),
        (name = "webhooks", description = "Programs that are told what happens"),
        (name = "access", description = "Signing in, users and their classes"),
        (name = "service", description = "Tokens, health, metrics and this document"),
    )
)]
struct Frame;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token made by `carillon init` or `carillon token create`; the scopes are read, operate and admin",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        let cookie = ApiKeyValue::with_description(
            "__Host-carillon",
            "The cookie that POST /api/session sets. What changes something needs the header Origin of Carillon's own page",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The frame that the nouns' routes are merged into.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Frame::openapi())
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_document))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "service", security(("token" = ["read"])),
    responses((status = 200, description = "the OpenAPI document", body = serde_json::Value)))]
async fn get_document(Read(_caller): Read) -> axum::Json<OpenApi> {
    axum::Json(openapi())
}

/// The document of every route.
pub fn openapi() -> OpenApi {
    let mut openapi = crate::routes().into_openapi();
    let operations = openapi.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch].into_iter().flatten()
    });
    for operation in operations {
        refusals(operation);
        sessions_too(operation);
    }
    let components = openapi.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema {
            refer_to_items(name, object);
            require_all(name, object);
        }
    }
    openapi
}

/// A page names what it holds instead of describing it once more.
fn refer_to_items(name: &str, page: &mut Object) {
    let Some(item) = name.strip_prefix("Page_") else { return };
    let mut items = ArrayBuilder::new().items(Ref::from_schema_name(item)).build();
    items.description = Some("The things themselves.".into());
    page.properties.insert("items".into(), Schema::Array(items).into());
}

/// Answers hold all their fields, those without a value as `null`. Only what is also sent to us may lack some.
fn require_all(name: &str, object: &mut Object) {
    let is_sent =
        name.ends_with("Input") || name.ends_with("Patch") || ["Rule", "OpeningRule", "ErrorDetail"].contains(&name);
    if !is_sent {
        object.required = object.properties.keys().cloned().collect();
    }
}

/// The document as text, as `docs/openapi.json` holds it: indented, with a line break at its end.
pub fn openapi_json() -> String {
    let mut text = openapi().to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

/// What takes a token takes the session of a user with the same role.
fn sessions_too(operation: &mut Operation) {
    let session = |token: &SecurityRequirement| {
        let token = serde_json::to_value(token).expect("requirements are plain data");
        let scopes = token.get("token")?.as_array()?.iter().filter_map(|scope| scope.as_str().map(str::to_owned));
        Some(SecurityRequirement::new("session", scopes.collect::<Vec<_>>()))
    };
    if let Some(security) = &mut operation.security {
        let sessions: Vec<_> = security.iter().filter_map(session).collect();
        security.extend(sessions);
    }
}

/// Whatever else an operation answers is our envelope.
fn refusals(operation: &mut Operation) {
    let envelope = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let response = ResponseBuilder::new()
        .description("refused: the envelope says what and why")
        .content("application/json", envelope)
        .build();
    operation.responses.responses.insert("default".into(), response.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_documents_copy_in_docs_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let copy = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            copy == openapi_json(),
            "docs/openapi.json is old: `cargo run -p carillon -- openapi > docs/openapi.json`"
        );
    }

    #[test]
    fn every_operation_has_its_own_id_a_tag_and_a_summary() {
        let document = serde_json::to_value(openapi()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
                assert!(seen.insert(id.to_owned()), "{id} is there twice");
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
            }
        }
        assert!(seen.len() > 40, "{seen:?}");
    }
}
