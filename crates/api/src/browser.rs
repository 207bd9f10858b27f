//! What is particular to browsers: the cookie of a session, where a request comes from, and whether a cookie can be kept.

use crate::error::ApiError;
use axum::http::header::{COOKIE, HOST, HeaderMap, ORIGIN, UPGRADE};
use axum::http::{HeaderValue, Method, StatusCode};
use std::net::IpAddr;
use store::SessionLimits;

/// The `__Host-` makes browsers refuse it without `Secure`, from another host, or for a part of the paths.
const COOKIE_NAME: &str = "__Host-carillon";
/// A longer value is none of ours, bytes.
const MAX_SECRET_BYTES: usize = 200;

/// How the server is reached, and how long its sessions last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browsers {
    /// Limits of sessions.
    pub limits: SessionLimits,
    /// The server itself speaks TLS.
    pub tls: bool,
}

/// What the browser sent as the secret of its session.
pub(crate) fn secret(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut ours = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == COOKIE_NAME);
    let (_, secret) = ours.next()?;
    (!secret.is_empty() && secret.len() <= MAX_SECRET_BYTES).then_some(secret)
}

/// Makes the browser keep the secret until it is closed; scripts never see it, other sites never send it.
pub(crate) fn keep(secret: &str) -> HeaderValue {
    let cookie = format!("{COOKIE_NAME}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(cookie).expect("a secret is letters and digits")
}

/// Makes the browser forget it.
pub(crate) fn forget() -> HeaderValue {
    HeaderValue::from_static("__Host-carillon=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Refuses a request that another site made the browser send. Whatever changes something must say where it comes from;
/// a stream that a page opens does, too.
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let only_looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if only_looks && !headers.contains_key(UPGRADE) {
        return Ok(());
    }
    match headers.get(ORIGIN) {
        Some(origin) if is_ours(origin, headers) => Ok(()),
        Some(_) => Err(foreign("the request comes from another site")),
        None => Err(foreign("the request does not say which page it comes from")),
    }
}

/// The same for whoever has no session yet: programs send no origin, browsers always do.
pub(crate) fn check_origin_if_any(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(ORIGIN) {
        Some(origin) if !is_ours(origin, headers) => Err(foreign("the request comes from another site")),
        _ => Ok(()),
    }
}

fn foreign(why: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", why)
        .remedy("open Carillon's own page; a proxy before it must pass the header Host on as it came")
}

/// Host and port of the page are those that the request was sent to. What the browser says about it by itself counts, too.
fn is_ours(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_ascii_lowercase();
    let origin = text(origin);
    let Some((scheme, of_page)) = origin.split_once("://") else { return false };
    let asked = headers.get(HOST).map(text).unwrap_or_default();
    let usual = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return false,
    };
    let plain = |authority: &str| authority.strip_suffix(usual).unwrap_or(authority).to_owned();
    let is_same = !asked.is_empty() && plain(of_page) == plain(&asked);
    is_same && headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

/// Why a browser would not keep the cookie; `None`: it will.
pub(crate) fn cookie_problem(browsers: Browsers, headers: &HeaderMap) -> Option<String> {
    let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_tls = browsers.tls || forwarded.split(',').next().is_some_and(|proto| proto.trim() == "https");
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_tls || is_this_machine(host) {
        return None;
    }
    Some(
        "This page came over plain HTTP from another machine, where browsers keep no sign-in: open it over HTTPS (set \
         tls.certificate and tls.key in carillon.toml, or put a proxy that speaks TLS before Carillon), or as \
         http://localhost on the machine itself, also through an SSH tunnel."
            .into(),
    )
}

/// Browsers trust what never leaves the machine as if it were encrypted.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_cookie_is_found_among_others_and_has_every_guard() {
        let found = |cookie: &str| secret(&headers(&[("cookie", cookie)])).map(str::to_owned);
        assert_eq!(found("a=b; __Host-carillon=ccs_1; c=d").as_deref(), Some("ccs_1"));
        for none in ["", "__Host-carillon", "__Host-carillon=", "x__Host-carillon=1", "carillon=ccs_1"] {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(found(&format!("__Host-carillon={}", "x".repeat(201))), None);
        for cookie in [keep("ccs_1"), forget()] {
            let cookie = cookie.to_str().unwrap().to_owned();
            for guard in ["__Host-carillon=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
                assert!(cookie.contains(guard), "{cookie} lacks {guard}");
            }
            assert!(!cookie.contains("Domain"));
        }
    }

    #[test]
    fn only_our_own_page_may_change_something() {
        let may = |method: Method, pairs: &[(&'static str, &str)]| check_origin(&method, &headers(pairs)).is_ok();
        let host = ("host", "dialler.example:8443");
        assert!(may(Method::POST, &[host, ("origin", "https://dialler.example:8443")]));
        assert!(may(Method::POST, &[("host", "dialler.example"), ("origin", "https://dialler.example:443")]));
        assert!(may(Method::POST, &[("host", "Dialler.example"), ("origin", "https://dialler.example")]));
        assert!(may(Method::GET, &[host]));
        for origin in [
            "https://evil.example",
            "https://dialler.example",
            "null",
            "",
            "file://dialler.example:8443",
            "https://dialler.example:8443.evil.example",
        ] {
            assert!(!may(Method::POST, &[host, ("origin", origin)]), "{origin}");
            assert!(!may(Method::DELETE, &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!may(Method::POST, &[host]), "a browser that says nothing");
        assert!(!may(Method::POST, &[("origin", "https://")]));
        assert!(!may(Method::GET, &[host, ("upgrade", "websocket"), ("origin", "https://evil.example")]));
        let ours = ("origin", "https://dialler.example:8443");
        assert!(!may(Method::PUT, &[host, ours, ("sec-fetch-site", "same-site")]));
        assert!(may(Method::PUT, &[host, ours, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn the_cookie_needs_tls_or_this_machine() {
        let may = |tls, pairs: &[(&'static str, &str)]| {
            cookie_problem(Browsers { tls, ..Browsers::default() }, &headers(pairs)).is_none()
        };
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "127.8.0.1", "app.localhost", "LOCALHOST"] {
            assert!(may(false, &[("host", host)]), "{host}");
        }
        for host in ["10.0.0.7:8080", "dialler.example", "localhost.evil.example", "", "[fe80::1]:8080"] {
            assert!(!may(false, &[("host", host)]), "{host}");
            assert!(may(true, &[("host", host)]), "{host}");
            assert!(may(false, &[("host", host), ("x-forwarded-proto", "https")]), "{host}");
        }
    }
}
