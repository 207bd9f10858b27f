//! `reserve`: agents who are shown whom they would call. reserve, dial, skip.

use super::reply::Reply;
use super::{Asked, refuse, unknown_op};
use crate::error::ApiError;
use crate::reservations;
use node::reserving::Decision;
use store::TokenScope;

const OPS: &str = "reserve, dial, skip";

pub(super) async fn serve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op() {
        "reserve" => reserve(asked).await,
        "dial" => decide(asked, Decision::Dial, "DIALING").await,
        "skip" => {
            let status = asked.parameters.get("withStatus").unwrap_or_default().to_owned();
            decide(asked, Decision::Skip(status), "SKIPPED").await
        }
        other => Err(unknown_op(other, OPS)),
    }
}

async fn reserve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let agent = asked.needs("agent")?;
    let made = reservations::reserve(asked.app, asked.caller, agent, None).await.map_err(in_its_words)?;
    let mut lines = vec!["OK".to_owned(), format!("WOMBATID: {}", made.id)];
    lines.extend(made.number.map(|number| format!("NUMBER: {number}")));
    for (name, value) in made.attributes.iter().flat_map(crate::attributes::AttributeMap::iter) {
        lines.push(format!("VAR: {name}:{value}"));
    }
    // One line each, whatever is in a value.
    let lines: Vec<String> =
        lines.iter().map(|line| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()).collect();
    Ok(Reply::Text(lines.join("\n")))
}

async fn decide(asked: &Asked<'_>, decision: Decision, done: &str) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let id = asked.wombat_id("id")?;
    reservations::decide(asked.app, asked.caller, id, decision).await.map_err(in_its_words)?;
    Ok(Reply::Text(done.to_owned()))
}

/// WombatDialer's word for a refusal, where it has one; the reason stands behind it.
fn in_its_words(error: ApiError) -> ApiError {
    let word = match error.code() {
        "agent_not_available" => "AGENT_NOT_AVAILABLE",
        "nobody_to_call" => "AGENT_CANNOT_RESERVE",
        "not_found" | "reservation_over" => "ID_NOT_FOUND",
        "not_reserved" | "not_now" => "ID_FOUND_WRONG_STATE",
        _ => return error,
    };
    refuse(format!("{word}: {}", error.sentence()))
}
