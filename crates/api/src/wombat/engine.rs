//! `engine` and `dialer`: whether calls are placed, and the switch for it. `addkey`: there is nothing to buy.

use super::reply::Reply;
use super::{Asked, Wombat, unknown_op};
use crate::dialling;
use crate::error::ApiError;
use serde_json::json;
use store::TokenScope;

/// What people who find dialling stopped are told.
const WHY: &str = "stopped over WombatDialer's API";

impl Wombat {
    /// Since this process began.
    pub(super) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// `engine`: STATE, START, STOP.
pub(super) async fn engine(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op().to_ascii_uppercase().as_str() {
        "STATE" | "" => state(asked).await,
        "START" => {
            asked.may(TokenScope::Operate)?;
            dialling::lift(asked.app, asked.caller, false).await?;
            state(asked).await
        }
        "STOP" => {
            asked.may(TokenScope::Operate)?;
            dialling::hold(asked.app, asked.caller, WHY).await?;
            state(asked).await
        }
        other => Err(unknown_op(other, "STATE, START, STOP")),
    }
}

/// `dialer`: the same under its older name.
pub(super) async fn dialer(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    engine(asked).await
}

/// DOWN is a dialler that is not running as well as dialling that is held: nothing is placed either way.
async fn state(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let hold = asked.app.store.hold(&asked.caller.scope).await?;
    let ready = asked.app.node.is_some() && hold.is_none();
    let why = hold.map_or_else(String::new, |hold| format!("held by {} since {}: {}", hold.by, hold.since, hold.why));
    Ok(Reply::json(json!({
        "status": "OK",
        "state": if ready { "READY" } else { "DOWN" },
        "uptimeMs": asked.app.wombat.uptime_ms(),
        "reason": why,
    })))
}

/// `addkey`: the keys that are installed. Carillon needs none, and says so whatever it is given.
pub(super) fn add_key(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op() {
        "add" | "list" | "" => Ok(Reply::json(json!([{
            "key": "",
            "licensee": "Carillon is free: no key is needed and none is kept",
            "state": "ACTIVE",
            "channels": "unlimited",
        }]))),
        other => Err(unknown_op(other, "add")),
    }
}
