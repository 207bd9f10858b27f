//! Forecasts of campaigns: the last ones of each, what they are learnt from, and what the run did that they spoke of.

use crate::campaigns::check_allowed;
use crate::db::Store;
use crate::engine::{Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::runs::{self, RunRecord};
use crate::scope::Scope;
use crate::sql::{Columns, json_of};
use domain::{CallState, CampaignId, RunId, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// Forecasts that are kept of a campaign; the oldest give way.
pub const KEPT: i64 = 20;
/// Attempts that a forecast learns from, at most.
pub const LEARNT_FROM: i64 = 10_000;

const HOUR_US: i64 = 3_600_000_000;

/// A forecast to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewForecast {
    /// The run that was open; `None`: the next one is meant.
    pub run: Option<RunId>,
    /// When it was made.
    pub made_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// From when on it speaks.
    pub begins_at: Timestamp,
    /// How far it looks, seconds.
    pub horizon_s: u32,
    /// What it says.
    pub result: Value,
}

/// A forecast that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptForecast {
    /// Its id.
    pub id: i64,
    /// As it was given.
    pub forecast: NewForecast,
}

/// An attempt of a campaign, as far as a forecast learns from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lately {
    /// How it ended.
    pub state: CallState,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// Somebody, or something, answered.
    pub answered: bool,
    /// Milliseconds from its channel to the answer, or the end.
    pub wait_after_ms: i64,
    /// Milliseconds from the answer to the end.
    pub talk_ms: i64,
    /// It is in the books of abandoned calls: agents were to take it.
    pub counted: bool,
    /// Milliseconds from the answer to the agent, when one came in time.
    pub agent_after_ms: Option<i64>,
    /// It turned out to be no person.
    pub machine: bool,
}

/// What a run did in a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDid {
    /// The run.
    pub run: RunRecord,
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// How its calls ended: so many, and after how many of them it was to be tried again.
    pub outcomes: Vec<(CallState, u64, u64)>,
    /// Hour by hour from the beginning of the stretch, up to the last in which something was done.
    pub hours: Vec<HourDid>,
}

/// An hour of [`RunDid`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourDid {
    /// Calls that were made.
    pub attempts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, after the first one of their contact.
    pub retries: u64,
    /// Milliseconds from answer to end of the calls that were made in it.
    pub talk_ms: u64,
    /// Live answers, by the books of abandoned calls.
    pub live: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Those that had an agent in time.
    pub connected: u64,
}

statements! {
    CAMPAIGN = "SELECT COUNT(*) FROM campaign WHERE tenant_id = $1 AND id = $2";
    KEEP = "INSERT INTO forecast (tenant_id, campaign_id, run_id, made_at, actor, begins_at, horizon_s, result) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    DROP_OLD = "DELETE FROM forecast WHERE tenant_id = $1 AND campaign_id = $2 AND id NOT IN \
        (SELECT f.id FROM forecast f WHERE f.tenant_id = $1 AND f.campaign_id = $2 ORDER BY f.id DESC LIMIT $3)";
    pub(crate) DROP_ALL = "DELETE FROM forecast WHERE tenant_id = $1 AND campaign_id = $2";
    PAGE = "SELECT id, run_id, made_at, actor, begins_at, horizon_s, result FROM forecast \
        WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY id DESC LIMIT $3";
    NEXT_RUN = "SELECT id FROM run WHERE tenant_id = $1 AND campaign_id = $2 AND started_at >= $3 ORDER BY id LIMIT 1";
    HOURS = "SELECT (a.scheduled_at - $3) / 3600000000 AS hour, COUNT(*) AS attempts, COUNT(a.connected_at) AS answered, \
        COUNT(CASE WHEN a.retry > 0 THEN 1 END) AS retries, CAST(COALESCE(SUM(a.talk_ms), 0) AS BIGINT) AS talk_ms \
        FROM attempt a WHERE a.run_id = $2 AND +a.tenant_id = $1 AND a.requested_at IS NOT NULL \
        AND a.scheduled_at >= $3 AND a.scheduled_at < $4 GROUP BY (a.scheduled_at - $3) / 3600000000";
    COUNTED = "SELECT (b.at - $3) / 3600000000 AS hour, CAST(SUM(b.live_by) AS BIGINT) AS live, \
        CAST(SUM(b.abandoned_by) AS BIGINT) AS abandoned, COUNT(CASE WHEN b.count = 'connected' THEN 1 END) AS connected \
        FROM attempt a JOIN abandonment b ON b.attempt_id = a.id WHERE a.run_id = $2 AND +a.tenant_id = $1 \
        AND b.at >= $3 AND b.at < $4 GROUP BY (b.at - $3) / 3600000000";
    OUTCOMES = "SELECT a.state, COUNT(*) AS calls, COUNT(a.retry_at) AS retried FROM attempt a WHERE a.run_id = $2 \
        AND +a.tenant_id = $1 AND a.requested_at IS NOT NULL AND a.ended_at IS NOT NULL AND a.state <> 'WITHDRAWN' \
        AND a.scheduled_at >= $3 AND a.scheduled_at < $4 GROUP BY a.state ORDER BY a.state";
    LATELY = "SELECT a.state, a.scheduled_at, CASE WHEN a.connected_at IS NULL THEN 0 ELSE 1 END AS answered, \
        COALESCE(a.wait_after_ms, 0) AS wait_after_ms, COALESCE(a.talk_ms, 0) AS talk_ms, \
        (SELECT COUNT(*) FROM abandonment b WHERE b.attempt_id = a.id) AS counted, \
        (SELECT MIN(b.waited_ms) FROM abandonment b WHERE b.attempt_id = a.id AND b.count = 'connected') AS agent_after_ms, \
        (SELECT COUNT(*) FROM abandonment b WHERE b.attempt_id = a.id AND b.count = 'machine') AS machine \
        FROM attempt a WHERE a.campaign_id = $2 AND +a.tenant_id = $1 AND a.ended_at IS NOT NULL \
        AND a.requested_at IS NOT NULL AND a.state <> 'WITHDRAWN' ORDER BY a.id DESC LIMIT $3";
}

impl Store {
    /// Keeps a forecast; those of the campaign that are too many go. Its id.
    pub async fn keep_forecast(&self, scope: &Scope, campaign: CampaignId, forecast: &NewForecast) -> Result<i64> {
        self.check_campaign(scope, campaign).await?;
        let mut transaction = self.begin().await?;
        let id = query_scalar(KEEP)
            .bind(scope.tenant.0)
            .bind(campaign.0)
            .bind(forecast.run.map(|run| run.0))
            .bind(forecast.made_at.0)
            .bind(&forecast.actor)
            .bind(forecast.begins_at.0)
            .bind(i64::from(forecast.horizon_s))
            .bind(json_of(&forecast.result))
            .fetch_one(&mut transaction)
            .await?;
        query(DROP_OLD).bind(scope.tenant.0).bind(campaign.0).bind(KEPT).execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The forecasts of a campaign that are kept, newest first.
    pub async fn forecasts(&self, scope: &Scope, campaign: CampaignId) -> Result<Vec<KeptForecast>> {
        self.check_campaign(scope, campaign).await?;
        let rows = query(PAGE).bind(scope.tenant.0).bind(campaign.0).bind(KEPT).fetch_all(self.readers()).await?;
        let read = |row: &Row| {
            Ok(KeptForecast {
                id: row.int("id")?,
                forecast: NewForecast {
                    run: row.opt_int("run_id")?.map(RunId),
                    made_at: row.at("made_at")?,
                    actor: row.text("actor")?,
                    begins_at: row.at("begins_at")?,
                    horizon_s: row.number("horizon_s")?,
                    result: row.json("result")?,
                },
            })
        };
        rows.iter().map(read).collect()
    }

    /// What the run did that the forecast spoke of, up to now and as far as the forecast looked; `None`: there is no such run
    /// yet. A run that was open is looked at from where the forecast began, one that was begun later from its own beginning.
    pub async fn what_came(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        forecast: &NewForecast,
        now: Timestamp,
    ) -> Result<Option<RunDid>> {
        self.check_campaign(scope, campaign).await?;
        let mut connection = self.readers().begin().await?;
        let run = match forecast.run {
            Some(run) => Some(run.0),
            None => {
                let next = query_scalar(NEXT_RUN).bind(scope.tenant.0).bind(campaign.0).bind(forecast.made_at.0);
                next.fetch_optional(&mut *connection).await?
            }
        };
        let Some(run) = run.map(RunId) else { return Ok(None) };
        let run = runs::get(scope, run, &mut connection).await?;
        let from = if forecast.run.is_some() { forecast.begins_at } else { run.started_at };
        let until = from.plus_seconds(forecast.horizon_s.into()).min(now).max(from);
        let ask = |statement| query(statement).bind(scope.tenant.0).bind(run.id.0).bind(from.0).bind(until.0);
        let mut hours: BTreeMap<usize, HourDid> = BTreeMap::new();
        let most = usize::try_from((until.0 - from.0) / HOUR_US).unwrap_or(0);
        let hour = |row: &Row| -> Result<usize> { Ok(row.number::<usize>("hour")?.min(most)) };
        let count = |row: &Row, name: &str| -> Result<u64> { Ok(u64::try_from(row.int(name)?).unwrap_or(0)) };
        for row in ask(HOURS).fetch_all(&mut *connection).await? {
            let did = hours.entry(hour(&row)?).or_default();
            (did.attempts, did.answered) = (count(&row, "attempts")?, count(&row, "answered")?);
            (did.retries, did.talk_ms) = (count(&row, "retries")?, count(&row, "talk_ms")?);
        }
        for row in ask(COUNTED).fetch_all(&mut *connection).await? {
            let did = hours.entry(hour(&row)?).or_default();
            (did.live, did.abandoned) = (count(&row, "live")?, count(&row, "abandoned")?);
            did.connected = count(&row, "connected")?;
        }
        let mut outcomes = Vec::new();
        for row in ask(OUTCOMES).fetch_all(&mut *connection).await? {
            outcomes.push((row.code("state")?, count(&row, "calls")?, count(&row, "retried")?));
        }
        let last = hours.last_key_value().map_or(0, |(hour, _)| hour + 1);
        let hours = (0..last).map(|hour| hours.get(&hour).copied().unwrap_or_default()).collect();
        Ok(Some(RunDid { run, from, until, outcomes, hours }))
    }

    /// The last attempts of a campaign that were sent and are over, newest first, at most [`LEARNT_FROM`].
    pub async fn lately(&self, scope: &Scope, campaign: CampaignId) -> Result<Vec<Lately>> {
        check_allowed(scope, campaign)?;
        let rows = query(LATELY).bind(scope.tenant.0).bind(campaign.0).bind(LEARNT_FROM);
        let read = |row: &Row| {
            Ok(Lately {
                state: row.code("state")?,
                scheduled_at: row.at("scheduled_at")?,
                answered: row.flag("answered")?,
                wait_after_ms: row.int("wait_after_ms")?,
                talk_ms: row.int("talk_ms")?,
                counted: row.flag("counted")?,
                agent_after_ms: row.opt_int("agent_after_ms")?,
                machine: row.flag("machine")?,
            })
        };
        rows.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    async fn check_campaign(&self, scope: &Scope, campaign: CampaignId) -> Result<()> {
        check_allowed(scope, campaign)?;
        let found: i64 = query_scalar(CAMPAIGN).bind(scope.tenant.0).bind(campaign.0).fetch_one(self.readers()).await?;
        if found == 0 { Err(Error::not_found("campaign", campaign)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Write;
    use crate::testing::{Home, World};
    use serde_json::json;

    crate::testing::on_both_engines! {
        the_last_forecasts_are_kept_and_put_beside_the_run;
    }

    fn forecast(run: Option<RunId>, made_at: i64) -> NewForecast {
        NewForecast {
            run,
            made_at: Timestamp(made_at),
            actor: "ana".into(),
            begins_at: Timestamp(made_at),
            horizon_s: 3_600,
            result: json!({"n": made_at}),
        }
    }

    async fn the_last_forecasts_are_kept_and_put_beside_the_run(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let (scope, campaign) = (Scope::installation(), world.campaign.id);
        for made_at in 1..=KEPT + 2 {
            store.keep_forecast(&scope, campaign, &forecast(None, made_at)).await.unwrap();
        }
        let kept = store.forecasts(&scope, campaign).await.unwrap();
        assert_eq!(kept.len() as i64, KEPT);
        assert_eq!((&kept[0].forecast, kept[0].id), (&forecast(None, KEPT + 2), KEPT + 2));
        assert_eq!(store.what_came(&scope, campaign, &kept[0].forecast, Timestamp(99)).await.unwrap(), None);
        assert!(store.lately(&scope, campaign).await.unwrap().is_empty());
        let run = store.start_run(&scope, campaign, "ana", Timestamp(50)).await.unwrap();
        store.commit(&scope, vec![Write::Attempt(world.attempt(1, run.id, 0, 0))]).await.unwrap();
        let did = store.what_came(&scope, campaign, &kept[0].forecast, Timestamp(99)).await.unwrap().unwrap();
        assert_eq!((did.run.id, did.from, did.until), (run.id, Timestamp(50), Timestamp(99)));
        assert_eq!((did.hours, did.outcomes), (vec![], vec![]), "what was not sent is no call");
        let of_run = forecast(Some(run.id), 60);
        let did = store.what_came(&scope, campaign, &of_run, Timestamp(99)).await.unwrap().unwrap();
        assert_eq!(did.from, Timestamp(60));
        let missing = store.keep_forecast(&scope, CampaignId(99), &of_run).await.unwrap_err();
        assert_eq!(missing.to_string(), "campaign 99 does not exist");
    }
}
