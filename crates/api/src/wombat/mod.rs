//! WombatDialer's HTTP API, under `/<context>/api`: one room per family of operations.
//!
//! It decides nothing by itself: each operation is translated into what the native API does. What it speaks is text (one
//! line that begins with `OK: ` or `ERROR: `) where WombatDialer's control API does, and JSON where its configuration, live
//! and report API does. The status of an answer is 200 but for who may not enter.

mod agents;
mod calls;
mod campaigns;
#[cfg(test)]
mod disposition_tests;
mod door;
mod edit;
mod engine;
mod info;
mod lists;
mod live;
mod log;
mod parameters;
mod reply;
mod reports;
mod reserve;
mod runlists;
mod sysup;
#[cfg(test)]
mod tests;

use crate::App;
use crate::error::ApiError;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use door::Half;
use notify::Network;
use parameters::{Intake, Parameters};
use reply::Reply;
use std::sync::Arc;
use std::time::Instant;

/// Who may use it, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The first part of its paths, under any of these names.
    pub contexts: Vec<String>,
    /// Users may send login and password with each request.
    pub basic_users: bool,
    /// From where nothing else is asked for.
    pub allow: Vec<Network>,
}

impl Default for Settings {
    fn default() -> Self {
        // Both names are in use: the one of its packages, and the one that its own examples call.
        let contexts = ["wombat", "WombatDialer"].map(str::to_owned).to_vec();
        Self { contexts, basic_users: false, allow: Vec::new() }
    }
}

impl Settings {
    /// Contexts as they may stand in a path, divided by commas; the error says what would be right.
    pub fn checked_contexts(text: &str) -> Result<Vec<String>, String> {
        let contexts: Vec<&str> = text.split(',').map(str::trim).collect();
        for context in &contexts {
            let fits = context.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if context.is_empty() || context.len() > 60 || !fits || ["api", "assets", ".", ".."].contains(context) {
                return Err(format!(
                    "{context:?} is no part of a path: 1 to 60 letters, digits, - _ and ., and not \"api\""
                ));
            }
        }
        Ok(contexts.into_iter().map(str::to_owned).collect())
    }
}

/// WombatDialer's API. Clones share what they are busy with.
#[derive(Clone)]
pub struct Wombat {
    settings: Arc<Settings>,
    intake: Intake,
    started: Instant,
}

impl Default for Wombat {
    fn default() -> Self {
        Self::of(Settings::default())
    }
}

impl Wombat {
    /// As it is configured.
    pub fn of(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), intake: Intake::default(), started: Instant::now() }
    }

    /// The beginning of its paths, under the first of its names.
    pub(crate) fn address(&self) -> String {
        format!("/{}/api", self.settings.contexts.first().map_or("wombat", String::as_str))
    }

    /// Which room a path leads to, e.g. `edit/list/record`; `None`: it is not of this API. Slashes may be doubled or
    /// stand at the end, and so may `index.jsp`.
    pub(crate) fn room(&self, path: &str) -> Option<String> {
        let mut rest = self.behind(path, "api")?;
        if rest.last() == Some(&"index.jsp") {
            rest.pop();
        }
        Some(rest.join("/"))
    }

    /// A page of its own, e.g. `agents/rd_pop.jsp`; `None`: the path leads to none.
    pub(crate) fn page(&self, path: &str, method: &Method) -> Option<Response> {
        match self.behind(path, "agents")?.as_slice() {
            [name] => agents::serve(name, method),
            _ => None,
        }
    }

    /// What stands behind a context and this word in a path.
    fn behind<'a>(&self, path: &'a str, word: &str) -> Option<Vec<&'a str>> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let context = parts.next()?;
        let known = self.settings.contexts.iter().any(|known| known == context) && parts.next() == Some(word);
        known.then(|| parts.collect())
    }
}

/// Answers one request. Nothing of its parameters goes to the log: there are numbers in them.
pub(crate) async fn serve(app: &App, room: &str, request: Request<Body>) -> Response {
    if matches!(room, "sysup" | "sysup/jmx") {
        return sysup::serve(app, room).await.into_response();
    }
    let Some(half) = half(room) else {
        let rooms = "calls, campaigns, lists, runlists, reserve, edit/..., live/runs, live/calls, reports/..., runs/export.jsp, callinfo, \
            recallinfo, inspect_dialer, engine, dialer, sysup, addkey";
        return Reply::not_there(&format!("there is no {:?} here, but: {rooms}", shown(room))).into_response();
    };
    let (parts, body) = request.into_parts();
    // Who may not enter is told so before the body is read.
    let query = Parameters::of_query(parts.uri.query().unwrap_or_default());
    let caller = match door::enter(app, &parts, &query, half).await {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let parameters = match app.wombat.intake.read(query, &parts.headers, body).await {
        Ok(parameters) => parameters,
        Err(error) => return Reply::of(half, Err(error)).into_response(),
    };
    let asked = Asked { app, caller: &caller, parameters: &parameters };
    let answer = match room {
        "calls" => calls::serve(&asked).await,
        "campaigns" => campaigns::serve(&asked).await,
        "lists" => lists::serve(&asked).await,
        "runlists" => runlists::serve(&asked).await,
        "reserve" => reserve::serve(&asked).await,
        room if room == "edit" || room.starts_with("edit/") => edit::serve(&asked, room).await,
        "live/runs" => live::runs(&asked).await,
        "live/calls" => live::calls(&asked).await,
        "reports/runs" => reports::runs(&asked).await,
        "reports/stats" => reports::stats(&asked).await,
        "reports/logs" => reports::logs(&asked).await,
        "runs/export.jsp" => return reports::export(&asked).await,
        "callinfo" => info::call(&asked).await,
        "recallinfo" => info::recalls(&asked).await,
        "inspect_dialer" => info::inspect(&asked).await,
        "engine" => engine::engine(&asked).await,
        "dialer" => engine::dialer(&asked).await,
        "addkey" => engine::add_key(&asked),
        _ => unreachable!("half() knows the same rooms"),
    };
    Reply::of(half, answer).into_response()
}

/// What a room is for; `None`: there is no such room.
fn half(room: &str) -> Option<Half> {
    match room {
        "calls" | "campaigns" | "lists" | "runlists" | "reserve" => Some(Half::Control),
        "engine" | "dialer" | "addkey" | "live/runs" | "live/calls" | "reports/runs" | "reports/stats"
        | "reports/logs" | "runs/export.jsp" | "callinfo" | "recallinfo" | "inspect_dialer" => {
            Some(Half::Configuration)
        }
        room if edit::Room::of(room).is_some() => Some(Half::Configuration),
        _ => None,
    }
}

/// A request that was let in.
struct Asked<'a> {
    app: &'a App,
    caller: &'a crate::auth::Caller,
    parameters: &'a Parameters,
}

impl Asked<'_> {
    /// Refuses who may not do what needs this.
    fn may(&self, needed: store::TokenScope) -> Result<(), ApiError> {
        if self.caller.scopes.contains(&needed) {
            return Ok(());
        }
        let what = if self.caller.user.is_some() { "user" } else { "token" };
        Err(crate::auth::lacks(what, &self.caller.name, needed))
    }

    /// A parameter that must be there.
    fn needs(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.parameters.get(name).map(str::trim).filter(|value| !value.is_empty());
        value.ok_or_else(|| refuse(format!("the parameter {name} is missing")))
    }

    /// The operation.
    fn op(&self) -> &str {
        self.parameters.get("op").unwrap_or_default().trim()
    }
}

/// A refusal in words.
fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("refused", message)
}

/// An operation that a room does not have.
fn unknown_op(op: &str, known: &str) -> ApiError {
    refuse(format!("there is no op {:?} here, but: {known}", shown(op)))
}

/// Somebody else's text in a sentence of ours, cut short.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
