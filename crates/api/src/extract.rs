//! What handlers take from a request, with refusals in our own envelope.

use crate::error::ApiError;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::marker::PhantomData;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// Largest JSON body, in bytes.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024;

/// A JSON body. Unknown fields, wrong types and wrong content types are refused by name.
#[derive(Debug, Clone)]
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = json_bytes(request, state).await?;
        parse(&mut serde_json::Deserializer::from_slice(&bytes)).map(Self)
    }
}

/// A JSON object with some of the fields of `T`: they replace what is there, the others stay.
#[derive(Debug, Clone)]
pub(crate) struct Patch<T> {
    fields: Map<String, Value>,
    target: PhantomData<T>,
}

impl<T> Patch<T> {
    /// These fields.
    pub(crate) fn of(fields: Map<String, Value>) -> Self {
        Self { fields, target: PhantomData }
    }
}

/// A value of ours as a request would have brought it.
pub(crate) fn from_fields<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, ApiError> {
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(Value::Object(fields), &mut track))
        .map_err(|error| data_error(&track.path().to_string(), &error))
}

impl<T: Serialize + DeserializeOwned> Patch<T> {
    /// `existing` with the given fields replaced.
    pub(crate) fn apply(self, existing: &T) -> Result<T, ApiError> {
        let mut merged = serde_json::to_value(existing).map_err(ApiError::internal)?;
        if let Value::Object(object) = &mut merged {
            object.extend(self.fields);
        }
        let mut track = serde_path_to_error::Track::new();
        T::deserialize(serde_path_to_error::Deserializer::new(merged, &mut track))
            .map_err(|error| data_error(&track.path().to_string(), &error))
    }
}

impl<T: Send, S: Send + Sync> FromRequest<S> for Patch<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = json_bytes(request, state).await?;
        let fields = parse(&mut serde_json::Deserializer::from_slice(&bytes))?;
        Ok(Self { fields, target: PhantomData })
    }
}

impl<T: ToSchema> PartialSchema for Patch<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.clear();
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Patch", T::name().trim_end_matches("Input")))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON",
        )
        .remedy("send `Content-Type: application/json`"));
    }
    Bytes::from_request(request, state).await.map_err(|rejection| body_error(&rejection))
}

fn body_error(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(MAX_JSON_BYTES as u64);
    }
    ApiError::bad_request("incomplete_body", "the body could not be read to its end")
}

/// 413 for a body over `limit` bytes.
pub(crate) fn too_large(limit: u64) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body is larger than {limit} bytes"))
}

fn parse<'de, T, R>(json: &mut serde_json::Deserializer<R>) -> Result<T, ApiError>
where
    T: serde::Deserialize<'de>,
    R: serde_json::de::Read<'de>,
{
    let value = serde_path_to_error::deserialize(&mut *json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => data_error(&path, &inner),
            _ => invalid_json(&inner),
        }
    })?;
    json.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn invalid_json(error: &serde_json::Error) -> ApiError {
    ApiError::bad_request("invalid_json", format!("the body is no JSON: {error}"))
}

/// Well-formed JSON that does not fit: the path is the field.
fn data_error(path: &str, error: &serde_json::Error) -> ApiError {
    let message = error.to_string();
    // An absent field has no path of its own.
    let absent = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let field = match (path, absent) {
        ("." | "", Some(name)) => name.to_owned(),
        (_, Some(name)) => format!("{path}.{name}"),
        _ => path.to_owned(),
    };
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("{field}: {message}"));
    if field == "." || field == "?" { error } else { error.field(field) }
}

/// The id at the end of a path: a number from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::bad_request("invalid_id", "the path holds no id"))?;
        match text.parse() {
            Ok(id) if id > 0 => Ok(Self(id)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(ApiError::bad_request("invalid_id", format!("{shown:?} is no id: ids are numbers from 1")))
            }
        }
    }
}

/// The query of a request; unknown parameters are refused by name.
#[derive(Debug, Clone)]
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        use std::error::Error;
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let why = rejection.source().map_or_else(|| rejection.to_string(), ToString::to_string);
                Err(ApiError::bad_request("invalid_query", format!("the query of the address: {why}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Answer, Server};
    use axum::body::Body;
    use axum::http::{Request, header};
    use serde_json::{Value, json};

    async fn raw(server: &Server, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post("/api/lists")
            .header(header::AUTHORIZATION, format!("Bearer {}", server.admin))
            .header(header::CONTENT_TYPE, kind);
        server.send(request.body(body.into()).unwrap()).await
    }

    #[tokio::test]
    async fn bodies_that_are_not_json_are_refused_in_our_envelope() {
        let server = Server::start().await;
        let json = "application/json";
        assert_eq!(raw(&server, "text/plain", "{}").await.refused(415).0, "unsupported_media_type");
        for broken in ["", "{", "{\"name\":\"a\"} x", "\u{0}", "{\"name\":\"a\",}"] {
            assert_eq!(raw(&server, json, broken).await.refused(400).0, "invalid_json", "{broken:?}");
        }
        let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(super::MAX_JSON_BYTES));
        assert_eq!(raw(&server, json, huge).await.refused(413).0, "too_large");
        let deep = "[".repeat(100_000);
        assert_eq!(raw(&server, json, deep).await.refused(422).0, "invalid");
        raw(&server, "application/json; charset=utf-8", r#"{"name":"people"}"#).await.expect(201);
    }

    #[tokio::test]
    async fn json_that_does_not_fit_names_the_field() {
        let server = Server::start().await;
        let cases = [
            (json!({}), "name"),
            (json!({"name": 7}), "name"),
            (json!({"name": "a", "colour": "red"}), "colour"),
            (json!({"name": "a", "hidden": "yes"}), "hidden"),
        ];
        for (body, field) in cases {
            let refused = server.post("/api/lists", body.clone()).await.refused(422);
            assert_eq!(refused, ("invalid".into(), field.into()), "{body}");
        }
        let nested = json!({"contacts": [{"number": "100"}, {"number": "101", "attributes": {"A": 7}}]});
        assert_eq!(server.post("/api/lists/1/contacts", nested).await.refused(422).1, "contacts[1].attributes.A");
    }

    #[tokio::test]
    async fn bad_addresses_are_refused_in_our_envelope() {
        let server = Server::start().await;
        for path in ["/api/pbxs/abc", "/api/pbxs/0", "/api/pbxs/-1", "/api/pbxs/99999999999999999999", "/api/pbxs/%ff"]
        {
            assert_eq!(server.get(path).await.refused(400).0, "invalid_id", "{path}");
        }
        for path in ["/api/pbxs?limit=x", "/api/pbxs?colour=red", "/api/runs?open=perhaps", "/api/runs?from=yesterday"]
        {
            assert_eq!(server.get(path).await.refused(400).0, "invalid_query", "{path}");
        }
        assert_eq!(server.get("/api/pbxs?limit=0").await.refused(422), ("invalid".into(), "limit".into()));
        assert_eq!(server.get("/api/pbxs/77").await.refused(404).0, "not_found");
        assert_eq!(server.get("/api/telephones").await.refused(404).0, "no_such_route");
        let wrong_method = server.call("PUT", "/api/pbxs", Value::Null).await;
        assert!(wrong_method.headers[header::ALLOW].to_str().unwrap().contains("POST"));
        assert_eq!(wrong_method.refused(405).0, "method_not_allowed");
    }
}
