//! A running WombatDialer, read through its JSON configuration API. Nothing is written there.

use crate::failure::{Failure, chain};
use reqwest::Url;
use serde_json::Value;
use std::time::Duration;

/// Records of one page.
const PAGE: usize = 1_000;
/// Pages of one list, at most: five million records.
const MAX_PAGES: usize = 5_000;
/// For one page; large lists are slow there.
const DEADLINE: Duration = Duration::from_secs(60);
/// A larger page is none, bytes.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// The configuration API of one WombatDialer.
pub(super) struct Source {
    http: reqwest::Client,
    /// With its context, and without a slash at the end.
    base: String,
    login: String,
    password: String,
}

/// Some records of many.
pub(super) struct Page {
    pub(super) records: Vec<Value>,
    /// Of so many.
    pub(super) all: usize,
}

impl Source {
    /// `address` is `http://host:port/context`.
    pub(super) fn new(address: &str, login: &str, password: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::config(format!("{address:?}: {why}"))
                .remedy("give the address with its context: http://10.1.2.3:8080/wombat")
        };
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("is no http:// or https:// address"));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(wrong("has no context"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(wrong("has a login or a query in it"));
        }
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|error| Failure::config(chain(&error)))?;
        let base = address.trim_end_matches('/').trim_end_matches("/api").trim_end_matches('/').to_owned();
        Ok(Self { http, base, login: login.to_owned(), password: password.to_owned() })
    }

    /// Every record of an entity, e.g. `campaign/trunk` of the campaign `parent`.
    pub(super) async fn all(&self, entity: &str, parent: Option<i64>) -> Result<Vec<Value>, Failure> {
        let mut records = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(entity, parent, records.len()).await?;
            let is_last = page.records.is_empty() || records.len() + page.records.len() >= page.all;
            records.extend(page.records);
            if is_last {
                return Ok(records);
            }
        }
        Err(Failure::refused(format!("{entity} has more than {} records", MAX_PAGES * PAGE)))
    }

    /// The records from this place on.
    pub(super) async fn page(&self, entity: &str, parent: Option<i64>, from: usize) -> Result<Page, Failure> {
        let what = format!("{}/api/edit/{entity}/", self.base);
        let (items, from) = (PAGE.to_string(), from.to_string());
        let parent = parent.map(|parent| parent.to_string());
        let mut query = vec![("mode", "L"), ("items", &items), ("from", &from)];
        query.extend(parent.as_deref().map(|parent| ("parent", parent)));
        let url = Url::parse_with_params(&what, query).map_err(Failure::refused)?;
        let sent = self.http.get(url).basic_auth(&self.login, Some(&self.password)).timeout(DEADLINE).send().await;
        let mut response = sent.map_err(|error| unreachable(&what, error))?;
        let status = response.status();
        if matches!(status.as_u16(), 401 | 403) {
            return Err(Failure::refused(format!("{what} answered {status}"))
                .remedy("give a WombatDialer user who may edit: --user LOGIN and --password-file FILE"));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&what, error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_PAGE_BYTES {
                return Err(Failure::refused(format!("{what} answered more than {MAX_PAGE_BYTES} bytes")));
            }
        }
        let not_wombat = || {
            Failure::refused(format!("{what} answered {status}, and not as WombatDialer's configuration API does"))
                .remedy("is it the address of a WombatDialer, with its context?")
        };
        if !status.is_success() {
            return Err(not_wombat());
        }
        let mut answer: Value = serde_json::from_slice(&bytes).map_err(|_| not_wombat())?;
        if answer["status"] != "OK" {
            let why = answer["error"].as_str().unwrap_or("it does not say why");
            return Err(Failure::refused(format!("{what}: {why}")));
        }
        let Value::Array(records) = answer["results"].take() else { return Err(not_wombat()) };
        let all = answer["allResults"].as_u64().and_then(|all| usize::try_from(all).ok()).unwrap_or(records.len());
        Ok(Page { records, all })
    }
}

fn unreachable(what: &str, error: reqwest::Error) -> Failure {
    let why = if error.is_timeout() { "no answer in time".to_owned() } else { chain(&error.without_url()) };
    Failure::unreachable(format!("cannot read {what}: {why}")).remedy("does it run, and may this machine reach it?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_context_and_no_secret() {
        for wrong in ["", "10.1.2.3/wombat", "http://10.1.2.3:8080", "http://u:p@10.1.2.3/wombat", "ftp://x/wombat"] {
            assert_eq!(Source::new(wrong, "a", "b").err().map(|failure| failure.exit), Some(2), "{wrong}");
        }
        for right in
            ["http://10.1.2.3:8080/wombat", "http://10.1.2.3:8080/wombat/", "https://wbt.example/WombatDialer/api/"]
        {
            assert!(Source::new(right, "a", "b").is_ok(), "{right}");
        }
        assert_eq!(Source::new("http://h/wombat/api/", "a", "b").unwrap().base, "http://h/wombat");
    }
}
