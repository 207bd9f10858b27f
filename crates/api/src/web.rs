//! The web app: the files of `web/dist`, in the binary. A build without Node has none and says so.
//!
//! In the development profile they are read from the folder at every request.

use crate::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// A page of ours uses none of these.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
/// The page behind every path.
const PAGE: &str = "index.html";
/// Files with a hash of their content in their name.
const HASHED: &str = "assets/";
/// What programs ask for: an unknown path there is an error, no page.
const FOR_PROGRAMS: [&str; 6] = ["api", "wombat", "WombatDialer", "healthz", "readyz", "metrics"];

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Whether this binary has a web app.
pub fn is_built() -> bool {
    Files::get(PAGE).is_some()
}

/// A file of the web app, or its page: the app finds its own way from the path.
pub(crate) async fn serve(request: Request<Body>) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if FOR_PROGRAMS.contains(&first) || ![Method::GET, Method::HEAD].contains(request.method()) {
        return no_such_route(&request).into_response();
    }
    let mut response = if let Some(found) = find(path, request.headers()) {
        found.answer(path, request.headers())
    } else if path.starts_with(HASHED) {
        // A page of an older version asks for what is no more there: the page for a script would only confuse it.
        StatusCode::NOT_FOUND.into_response()
    } else {
        match find(PAGE, request.headers()) {
            Some(page) => page.answer(PAGE, request.headers()),
            None => not_built(),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("permissions-policy", PERMISSIONS),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A file as it is sent.
struct Found {
    file: EmbeddedFile,
    /// `br`, `gzip` or nothing.
    encoding: Option<&'static str>,
}

/// The smallest form of a file that the browser takes.
fn find(path: &str, headers: &HeaderMap) -> Option<Found> {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes =
        |coding: &str| accepts.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == coding));
    for (coding, ending) in [("br", "br"), ("gzip", "gz")] {
        if takes(coding)
            && let Some(file) = Files::get(&format!("{path}.{ending}"))
        {
            return Some(Found { file, encoding: Some(coding) });
        }
    }
    Files::get(path).map(|file| Found { file, encoding: None })
}

impl Found {
    fn answer(self, path: &str, asked: &HeaderMap) -> Response {
        let hash = self.file.metadata.sha256_hash();
        let tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{tag}\"");
        let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(self.file.data.into_owned()))
        };
        let headers = response.headers_mut();
        let text = |text: &str| HeaderValue::from_str(text).expect("it is plain text");
        let kind = if kind.type_() == "text" { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        headers.insert(header::CONTENT_TYPE, text(&kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::ETAG, text(&tag));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = self.encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

fn not_built() -> Response {
    let text = "This build of Carillon has no web app: `cargo xtask web` builds it (Node 20.19 or later), and cargo takes it \
        into the binary. The command line and the API under /api work as always.\n";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn no_such_route(request: &Request<Body>) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::new(StatusCode::NOT_FOUND, "no_such_route", format!("there is no {path}"))
        .remedy("GET /api/openapi.json lists what there is")
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use axum::http::header;
    use serde_json::Value;

    #[tokio::test]
    async fn every_path_but_those_of_programs_is_the_app_with_its_policy() {
        let server = Server::start().await;
        for path in ["/", "/live", "/campaigns/3", "/%2e%2e/%2e%2e/etc/passwd", "/index.html"] {
            let answer = server.call_as("", "GET", path, Value::Null).await;
            let expected = if super::is_built() { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{path}");
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
            assert!(answer.text().contains("Carillon"), "{}", answer.text());
        }
        for path in ["/api/nothing", "/wombat/nothing", "/WombatDialer/nothing", "/metrics/nothing"] {
            assert_eq!(server.call_as("", "GET", path, Value::Null).await.refused(404).0, "no_such_route", "{path}");
        }
        assert_eq!(server.call_as("", "POST", "/live", Value::Null).await.refused(404).0, "no_such_route");
        let old = server.call_as("", "GET", "/assets/old-12345678.js", Value::Null).await;
        assert_eq!(old.status, 404);
        assert!(!old.headers.contains_key(header::CONTENT_TYPE), "no page for a script");
    }
}
