//! `campaigns`: start, pause, unpause, remove, reload, clone, addList, boost.

use super::edit::copy_notify;
use super::reply::Reply;
use super::{Asked, refuse, shown, unknown_op};
use crate::auth::Admin;
use crate::clones::{CloneInput, clone_campaign};
use crate::error::ApiError;
use crate::extract::{Id, Json};
use crate::runs;
use axum::extract::State;
use domain::{Boost, Campaign};
use node::NodeError;
use store::{ListRecord, RunFilter, RunRecord, TokenScope};

const OPS: &str = "start, pause, unpause, remove, reload, clone, addList, boost";

pub(super) async fn serve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op() {
        "start" => start(asked).await,
        "pause" => on_run(asked, "pause").await,
        "unpause" => on_run(asked, "unpause").await,
        "remove" => on_run(asked, "remove").await,
        "reload" => on_run(asked, "reload").await,
        "clone" => clone(asked).await,
        "addList" => add_list(asked).await,
        "boost" => boost(asked).await,
        other => Err(unknown_op(other, OPS)),
    }
}

async fn start(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let run = asked.app.node()?.start_run(&asked.caller.scope, campaign.id, &asked.caller.name).await?;
    Ok(Reply::Text(format!("campaign {:?} is started: run {}", campaign.name, run.id)))
}

/// What is done to the live run of a campaign. One that is as it should be already is no error.
async fn on_run(asked: &Asked<'_>, what: &str) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let run = asked.live_run(&campaign).await?;
    let (node, scope, actor) = (asked.app.node()?, &asked.caller.scope, &asked.caller.name);
    let done: Result<RunRecord, NodeError> = match what {
        "pause" => node.pause_run(scope, run.id, actor).await,
        "unpause" => node.unpause_run(scope, run.id, actor).await,
        "remove" => node.remove_run(scope, run.id, actor).await,
        _ => node.reload_run(scope, run.id, actor).await,
    };
    Ok(Reply::Text(format!("{what}: campaign {:?} is {}", campaign.name, done?.state.code())))
}

/// A copy with its trunks, end points, lists and rules, and without history.
async fn clone(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Admin)?;
    let campaign = asked.campaign().await?;
    let name = asked.needs("newcampaign")?;
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let input = Json(CloneInput { name: name.to_owned() });
    let copy = clone_campaign(admin, state, Id(campaign.id.0), input).await?.1.0;
    let done = format!("campaign {:?} is a copy of {:?}", copy.name, campaign.name);
    // The copy is there: what could not come along is said, and no reason to say that nothing was done.
    Ok(Reply::Text(match copy_notify(asked, campaign.id.0, copy.id).await {
        Ok(()) => done,
        Err(error) => format!("{done}; its httpNotify was not copied: {}", error.sentence()),
    }))
}

/// A live run takes it over when it is reloaded.
async fn add_list(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Admin)?;
    let campaign = asked.campaign().await?;
    let list = asked.list(asked.needs("list")?).await?;
    runs::attach_list(asked.app, asked.caller, campaign.id, list.id).await?;
    Ok(Reply::Text(format!("list {:?} belongs to campaign {:?}", list.name, campaign.name)))
}

/// Percent of what the campaign's end points over-dial, from this moment on.
async fn boost(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let factor = asked.needs("factor")?;
    let percent = factor.parse::<u32>().ok().filter(|percent| (1..=2_000).contains(percent));
    let Some(percent) = percent else {
        return Err(refuse(format!("factor {:?} is no percentage from 1 to 2000", shown(factor))));
    };
    let run = asked.live_run(&campaign).await?;
    let boost = Boost::from_permille(percent * 10);
    asked.app.node()?.boost_run(&asked.caller.scope, run.id, boost, &asked.caller.name).await?;
    Ok(Reply::Text(format!("Boosting set in Campaign: {percent}%")))
}

impl Asked<'_> {
    /// The campaign that the request names.
    pub(super) async fn campaign(&self) -> Result<Campaign, ApiError> {
        let name = self.needs("campaign")?;
        let all = self.app.store.campaigns(&self.caller.scope).await?;
        let found = all.into_iter().find(|campaign| campaign.name == name);
        found.ok_or_else(|| refuse(format!("there is no campaign {:?}", shown(name))))
    }

    /// The list of this name.
    pub(super) async fn list(&self, name: &str) -> Result<ListRecord, ApiError> {
        self.find_list(name).await?.ok_or_else(|| refuse(format!("there is no list {:?}", shown(name))))
    }

    /// The list of this name, if there is one.
    pub(super) async fn find_list(&self, name: &str) -> Result<Option<ListRecord>, ApiError> {
        let all = self.app.store.lists(&self.caller.scope).await?;
        Ok(all.into_iter().find(|list| list.name == name))
    }

    /// The run of a campaign that is not over.
    pub(super) async fn live_run(&self, campaign: &Campaign) -> Result<RunRecord, ApiError> {
        let open = RunFilter { campaign: Some(campaign.id), open: Some(true), limit: 1, ..RunFilter::default() };
        let run = self.app.store.runs(&self.caller.scope, &open).await?.into_iter().next();
        run.ok_or_else(|| refuse(format!("campaign {:?} is not running", campaign.name)))
    }
}
