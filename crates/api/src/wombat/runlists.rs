//! `runlists`: the lists of a live run.

use super::reply::Reply;
use super::{Asked, refuse, unknown_op};
use crate::error::ApiError;
use crate::runs;
use domain::ListId;
use store::{RunRecord, TokenScope};

const OPS: &str = "start, pause, unpause, list";

pub(super) async fn serve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op() {
        "start" => start(asked).await,
        "pause" => pause(asked, true).await,
        "unpause" => pause(asked, false).await,
        "list" => list(asked).await,
        other => Err(unknown_op(other, OPS)),
    }
}

/// Adds the list to the campaign and its live run. One that is there, and paused, goes on.
async fn start(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let run = asked.live_run(&campaign).await?;
    let list = asked.list(asked.needs("list")?).await?;
    let (node, scope, actor) = (asked.app.node()?, &asked.caller.scope, &asked.caller.name);
    let has = asked.app.store.run_lists(scope, run.id).await?.iter().any(|one| one.list == list.id);
    if !has {
        runs::attach_list(asked.app, asked.caller, campaign.id, list.id).await?;
        node.reload_run(scope, run.id, actor).await?;
    }
    node.pause_run_list(scope, run.id, list.id, false, actor).await?;
    Ok(Reply::Text(format!("start: campaign {:?} dials list {:?}", campaign.name, list.name)))
}

async fn pause(asked: &Asked<'_>, paused: bool) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let run = asked.live_run(&campaign).await?;
    let name = asked.needs("list")?;
    let list = of_run(asked, &run, name).await?;
    let node = asked.app.node()?;
    node.pause_run_list(&asked.caller.scope, run.id, list, paused, &asked.caller.name).await?;
    let what = if paused { "pause" } else { "unpause" };
    let state = if paused { "PAUSED" } else { "RUNNING" };
    Ok(Reply::Text(format!("{what}: list {name:?} of campaign {:?} is {state}", campaign.name)))
}

async fn of_run(asked: &Asked<'_>, run: &RunRecord, name: &str) -> Result<ListId, ApiError> {
    let lists = asked.app.store.run_lists(&asked.caller.scope, run.id).await?;
    let found = lists.iter().find(|list| list.name == name).map(|list| list.list);
    found.ok_or_else(|| refuse(format!("the run of campaign {:?} has no list {name:?}", run.campaign_name)))
}

/// One line for each list, after one that says how many there are.
async fn list(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let campaign = asked.campaign().await?;
    let run = asked.live_run(&campaign).await?;
    let lists = asked.app.store.run_lists(&asked.caller.scope, run.id).await?;
    let mut text = format!("campaign {:?} has {} lists", campaign.name, lists.len());
    for list in lists {
        let state = if list.paused { "PAUSED" } else { "RUNNING" };
        let (taken, contacts, mark) = (list.taken, list.contacts, list.high_water);
        text.push_str(&format!("\n{}: {state}, {taken} of {contacts} taken, high-water mark {mark}", list.name));
    }
    Ok(Reply::Text(text))
}
