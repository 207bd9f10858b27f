//! `agents/rd_pop.jsp`: the page of an agent who looks before he dials. It holds no data: what it shows it asks of the API,
//! which says who may.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Nothing from elsewhere but the page about the contact, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page; `None`: there is none of that name.
pub(super) fn serve(name: &str, method: &Method) -> Option<Response> {
    let (kind, text) = match name {
        "rd_pop.jsp" => ("text/html; charset=utf-8", include_str!("agents/rd_pop.html")),
        "rd_pop.css" => ("text/css; charset=utf-8", include_str!("agents/rd_pop.css")),
        "rd_pop.js" => ("text/javascript; charset=utf-8", include_str!("agents/rd_pop.js")),
        _ => return None,
    };
    if ![Method::GET, Method::HEAD].contains(method) {
        return Some(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    let mut response = text.into_response();
    for (name, value) in [
        ("content-type", kind),
        ("content-security-policy", POLICY),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
