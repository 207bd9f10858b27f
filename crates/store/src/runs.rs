//! Runs: each execution of a campaign.

use crate::actions::{self, RunNews, letters};
use crate::campaigns::{check_allowed, read_campaign};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::{Event, Events};
use crate::scope::Scope;
use crate::sql::{Columns, decode, json_of, now};
use domain::{Boost, Campaign, CampaignId, ContactId, Invalid, ListId, RunId, RunState, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Runs of one page, at most.
pub const MAX_PAGE: u32 = 1_000;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The campaign it executes.
    pub campaign: CampaignId,
    /// The campaign's name now.
    pub campaign_name: String,
    /// Its state.
    pub state: RunState,
    /// Why it is in that state, for people.
    pub why: String,
    /// Who started it.
    pub actor: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was completed or removed.
    pub ended_at: Option<Timestamp>,
    /// Calls on their way per free agent of an observed queue, times that of the end point.
    pub boost: Boost,
    /// Its figures, as of the last commit.
    pub totals: RunTotals,
}

/// Figures of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RunTotals {
    /// Attempts made; withdrawn ones do not count.
    pub placed: i64,
    /// Contacts that are finished: no retry pending.
    pub terminated: i64,
    /// Contacts that wait for a retry.
    pub open_retries: i64,
    /// Contacts that wait because a rule put them off.
    pub put_off: i64,
    /// Contacts that a rule refuses until the run is reloaded.
    pub refused: i64,
    /// Attempts that were answered, those in progress included.
    pub connected: i64,
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// `true`: not over; `false`: over.
    pub open: Option<bool>,
    /// Started then or later.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    /// With a smaller id: the cursor.
    pub before: Option<RunId>,
    /// At most; 0 or more than 1000 means 1000.
    pub limit: u32,
}

/// A list of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunList {
    /// Which.
    pub list: ListId,
    /// Its name.
    pub name: String,
    /// Every contact up to this one has been attempted in this run: where reading goes on. 0: none.
    pub after: ContactId,
    /// Paused by a person.
    pub paused: bool,
}

/// How far a run is with one of its lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunListProgress {
    /// Which.
    pub list: ListId,
    /// Its name.
    pub name: String,
    /// Paused by a person: its fresh contacts are not dialled.
    pub paused: bool,
    /// Contacts that it has.
    pub contacts: i64,
    /// Of these, how many the run has taken: dialled, put off or refused.
    pub taken: i64,
    /// The last of them; 0: none.
    pub high_water: ContactId,
}

/// All that is needed to go on with a run after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRestore {
    /// The run.
    pub record: RunRecord,
    /// Its lists in dialling order.
    pub lists: Vec<RunList>,
    /// The campaign as it was when the run was started or last reloaded.
    pub settings: Campaign,
}

macro_rules! run_columns {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.campaign_id, c.name AS campaign_name, r.state, r.why, r.actor, r.settings, r.started_at, ",
            "r.ended_at, r.placed, r.terminated, r.open_retries, ",
            // The column counts calls that are over; those in progress are few, and an index has them.
            "r.connected + COALESCE(o.answered, 0) AS connected, r.put_off, r.refused, ",
            "r.boost_permille ",
            "FROM run r JOIN campaign c ON c.id = r.campaign_id LEFT JOIN (SELECT a.run_id, ",
            "COUNT(a.connected_at) AS answered FROM attempt a WHERE +a.tenant_id = $1 AND a.ended_at IS NULL ",
            "GROUP BY a.run_id) o ON o.run_id = r.id ",
            $rest
        )
    };
}

statements! {
    CREATE = "INSERT INTO run (tenant_id, campaign_id, state, why, actor, settings, started_at, boost_permille) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id";
    ADD_LIST = "INSERT INTO run_list (tenant_id, run_id, list_id, position) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (run_id, list_id) DO UPDATE SET position = excluded.position";
    DROP_LISTS = "DELETE FROM run_list WHERE tenant_id = $1 AND run_id = $2 AND NOT EXISTS \
        (SELECT 1 FROM run_contact rc WHERE rc.run_id = run_list.run_id AND rc.list_id = run_list.list_id) AND paused = 0";
    PAUSE_LIST = "UPDATE run_list SET paused = $4 WHERE tenant_id = $1 AND run_id = $2 AND list_id = $3 AND paused <> $4";
    PAUSED = "SELECT list_id FROM run_list WHERE tenant_id = $1 AND run_id = $2 AND paused <> 0";
    TAKEN = "SELECT list_id, COUNT(*) AS taken, MAX(contact_id) AS high_water FROM run_contact \
        WHERE tenant_id = $1 AND run_id = $2 GROUP BY list_id";
    RELOAD = "UPDATE run SET settings = $3 WHERE tenant_id = $1 AND id = $2";
    BOOST = "UPDATE run SET boost_permille = $3 WHERE tenant_id = $1 AND id = $2";
    GET = run_columns!("WHERE r.tenant_id = $1 AND r.id = $2");
    PAGE = run_columns!(
        "WHERE r.tenant_id = $1 AND ($2 LIKE '%,' || r.campaign_id || ',%' OR $2 IS NULL) \
        AND (r.campaign_id = $3 OR $3 IS NULL) AND ((r.ended_at IS NULL) = ($4 <> 0) OR $4 IS NULL) \
        AND (r.started_at >= $5 OR $5 IS NULL) AND (r.started_at < $6 OR $6 IS NULL) \
        AND (r.id < $7 OR $7 IS NULL) ORDER BY r.id DESC LIMIT $8"
    );
    // A run that was removed while its calls were up goes on until they have ended.
    OPEN = run_columns!(
        "WHERE r.tenant_id = $1 AND (r.ended_at IS NULL OR r.id IN \
        (SELECT a.run_id FROM attempt a WHERE +a.tenant_id = $1 AND a.ended_at IS NULL)) ORDER BY r.id"
    );
    LIST_NAME = "SELECT name FROM list WHERE tenant_id = $1 AND id = $2";
    // Contacts are taken in id order but not finished in it, so a cursor cannot be kept; the gap is searched once.
    FIRST_FRESH = "SELECT c.id FROM contact c WHERE c.tenant_id = $1 AND c.list_id = $2 AND NOT EXISTS \
        (SELECT 1 FROM run_contact rc WHERE rc.run_id = $3 AND rc.contact_id = c.id) ORDER BY c.id LIMIT 1";
    LAST_CONTACT = "SELECT MAX(id) FROM contact WHERE tenant_id = $1 AND list_id = $2";
}

impl Store {
    /// Starts a campaign. Refused when it is running already or lacks something.
    pub async fn start_run(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        actor: &str,
        at: Timestamp,
    ) -> Result<RunRecord> {
        let mut transaction = self.begin().await?;
        let settings = read_campaign(scope, campaign, &mut transaction).await?;
        if let Some(missing) = settings.cannot_start() {
            return Err(Invalid::new("campaign", format!("{:?} {missing}", settings.name)).into());
        }
        let started: Option<i64> = query_scalar(CREATE)
            .bind(scope.tenant.0)
            .bind(campaign.0)
            .bind(RunState::Runnable.code())
            .bind("started")
            .bind(actor)
            .bind(json_of(&settings))
            .bind(at.0)
            .bind(i64::from(settings.initial_boost.permille()))
            .fetch_optional(&mut *transaction)
            .await?;
        let id = RunId(started.ok_or_else(|| Error::Conflict {
            what: format!("campaign {:?}", settings.name),
            why: "is already running".into(),
        })?);
        add_lists(scope, id, &settings.lists, &mut transaction).await?;
        let data = json!({ "campaign": campaign, "lists": settings.lists });
        Events::one(Event::of_run(scope.tenant, id, "run.started", at, actor, data), &mut transaction).await?;
        actions::wake(scope, campaign, at, &mut transaction).await?;
        let news = RunNews { state: RunState::Runnable, why: format!("started by {actor}"), at };
        letters::tell(scope, id, news, RunTotals::default(), &mut transaction).await?;
        let record = get(scope, id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(record)
    }

    /// Gives an open run the campaign as it is saved now, and returns what the dialler goes on with.
    pub async fn reload_run(&self, scope: &Scope, id: RunId, actor: &str) -> Result<RunRestore> {
        let mut transaction = self.begin().await?;
        let record = get(scope, id, &mut transaction).await?;
        if record.ended_at.is_some() {
            return Err(Error::Conflict { what: format!("run {id}"), why: "is over".into() });
        }
        let settings = read_campaign(scope, record.campaign, &mut transaction).await?;
        query(RELOAD).bind(scope.tenant.0).bind(id.0).bind(json_of(&settings)).execute(&mut *transaction).await?;
        // Lists that were dialled stay part of the run's history.
        query(DROP_LISTS).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        add_lists(scope, id, &settings.lists, &mut transaction).await?;
        let data = json!({ "lists": settings.lists });
        Events::one(Event::of_run(scope.tenant, id, "run.reloaded", now(), actor, data), &mut transaction).await?;
        let lists = lists(scope, id, &settings.lists, &mut transaction).await?;
        transaction.commit().await?;
        Ok(RunRestore { record, lists, settings })
    }

    /// Changes how much an open run over-dials; written down under `actor`.
    pub async fn boost_run(&self, scope: &Scope, id: RunId, boost: Boost, actor: &str) -> Result<RunRecord> {
        let mut transaction = self.begin().await?;
        let record = get(scope, id, &mut transaction).await?;
        if record.ended_at.is_some() {
            return Err(Error::Conflict { what: format!("run {id}"), why: "is over".into() });
        }
        let permille = i64::from(boost.permille());
        query(BOOST).bind(scope.tenant.0).bind(id.0).bind(permille).execute(&mut *transaction).await?;
        let data = json!({ "from_permille": record.boost.permille(), "to_permille": permille });
        Events::one(Event::of_run(scope.tenant, id, "run.boosted", now(), actor, data), &mut transaction).await?;
        transaction.commit().await?;
        Ok(RunRecord { boost, ..record })
    }

    /// Pauses a list of an open run, or lets it go on; written down under `actor`. One that is so already is no error.
    pub async fn pause_run_list(
        &self,
        scope: &Scope,
        id: RunId,
        list: ListId,
        paused: bool,
        actor: &str,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let record = get(scope, id, &mut transaction).await?;
        if record.ended_at.is_some() {
            return Err(Error::Conflict { what: format!("run {id}"), why: "is over".into() });
        }
        if !settings_of(scope, id, &mut transaction).await?.lists.contains(&list) {
            return Err(Invalid::new("list", format!("{list} is none of the lists of run {id}")).into());
        }
        let done = query(PAUSE_LIST)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(list.0)
            .bind(paused)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() > 0 {
            let kind = if paused { "run.list_paused" } else { "run.list_resumed" };
            let event = Event::of_run(scope.tenant, id, kind, now(), actor, json!({ "list": list }));
            Events::one(event, &mut transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The lists of a run in dialling order, and how far it is with each. Reads every contact that the run has taken.
    pub async fn run_lists(&self, scope: &Scope, id: RunId) -> Result<Vec<RunListProgress>> {
        let mut connection = self.readers().begin().await?;
        get(scope, id, &mut connection).await?;
        let settings = settings_of(scope, id, &mut connection).await?;
        let rows = query(TAKEN).bind(scope.tenant.0).bind(id.0).fetch_all(&mut *connection).await?;
        let mut taken = BTreeMap::new();
        for row in &rows {
            taken.insert(ListId(row.int("list_id")?), (row.int("taken")?, ContactId(row.int("high_water")?)));
        }
        let paused = paused(scope, id, &mut connection).await?;
        drop(connection);
        let everything = Scope { tenant: scope.tenant, ..Scope::installation() };
        let mut progress = Vec::with_capacity(settings.lists.len());
        for list in settings.lists {
            let Ok(record) = self.list(&everything, list).await else { continue };
            let (taken, high_water) = taken.get(&list).copied().unwrap_or((0, ContactId(0)));
            let (name, contacts) = (record.name, record.contacts);
            progress.push(RunListProgress { list, name, paused: paused.contains(&list), contacts, taken, high_water });
        }
        Ok(progress)
    }

    /// One run.
    pub async fn run(&self, scope: &Scope, id: RunId) -> Result<RunRecord> {
        let mut connection = self.readers().begin().await?;
        get(scope, id, &mut connection).await
    }

    /// A page of runs, newest first.
    pub async fn runs(&self, scope: &Scope, filter: &RunFilter) -> Result<Vec<RunRecord>> {
        let rows = query(PAGE)
            .bind(scope.tenant.0)
            .bind(scope.campaign_list())
            .bind(filter.campaign.map(|id| id.0))
            .bind(filter.open.map(i64::from))
            .bind(filter.from.map(|at| at.0))
            .bind(filter.to.map(|at| at.0))
            .bind(filter.before.map(|id| id.0))
            .bind(i64::from(page(filter.limit)))
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(read).collect()
    }

    /// One run with what the dialler needs to begin it.
    pub async fn run_restore(&self, scope: &Scope, id: RunId) -> Result<RunRestore> {
        let mut connection = self.readers().begin().await?;
        let record = get(scope, id, &mut connection).await?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_one(&mut *connection).await?;
        let settings = row.json::<Campaign>("settings")?;
        let lists = lists(scope, id, &settings.lists, &mut connection).await?;
        Ok(RunRestore { record, lists, settings })
    }

    /// Every run that is not over or whose calls are still up, with what a restart needs. Searches each list for its
    /// first contact that was not attempted, so its cost grows with those that were: once per start, not per request.
    pub async fn open_runs(&self, scope: &Scope) -> Result<Vec<RunRestore>> {
        let mut connection = self.readers().begin().await?;
        let rows = query(OPEN).bind(scope.tenant.0).fetch_all(&mut *connection).await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in &rows {
            let (record, settings) = (read(row)?, row.json::<Campaign>("settings")?);
            if scope.allows(record.campaign) {
                let lists = lists(scope, record.id, &settings.lists, &mut connection).await?;
                runs.push(RunRestore { record, lists, settings });
            }
        }
        Ok(runs)
    }
}

pub(crate) fn page(limit: u32) -> u32 {
    if limit == 0 { MAX_PAGE } else { limit.min(MAX_PAGE) }
}

pub(crate) async fn get(scope: &Scope, id: RunId, connection: &mut Connection) -> Result<RunRecord> {
    let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(connection).await?;
    let record = read(&row.ok_or_else(|| Error::not_found("run", id))?)?;
    check_allowed(scope, record.campaign).map_err(|_| Error::not_found("run", id))?;
    Ok(record)
}

async fn settings_of(scope: &Scope, id: RunId, connection: &mut Connection) -> Result<Campaign> {
    query(GET).bind(scope.tenant.0).bind(id.0).fetch_one(connection).await?.json("settings")
}

async fn paused(scope: &Scope, id: RunId, connection: &mut Connection) -> Result<BTreeSet<ListId>> {
    let ids: Vec<i64> = query_scalar(PAUSED).bind(scope.tenant.0).bind(id.0).fetch_all(connection).await?;
    Ok(ids.into_iter().map(ListId).collect())
}

async fn add_lists(scope: &Scope, id: RunId, lists: &[ListId], connection: &mut Connection) -> Result<()> {
    for (position, list) in lists.iter().enumerate() {
        query(ADD_LIST)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(list.0)
            .bind(position as i64)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn lists(scope: &Scope, run: RunId, lists: &[ListId], connection: &mut Connection) -> Result<Vec<RunList>> {
    let mut found = Vec::with_capacity(lists.len());
    let paused = paused(scope, run, connection).await?;
    for list in lists {
        let name: Option<String> =
            query_scalar(LIST_NAME).bind(scope.tenant.0).bind(list.0).fetch_optional(&mut *connection).await?;
        let Some(name) = name else { continue };
        let fresh: Option<i64> = query_scalar(FIRST_FRESH)
            .bind(scope.tenant.0)
            .bind(list.0)
            .bind(run.0)
            .fetch_optional(&mut *connection)
            .await?;
        let after = match fresh {
            Some(first) => first - 1,
            None => {
                let last: Option<i64> =
                    query_scalar(LAST_CONTACT).bind(scope.tenant.0).bind(list.0).fetch_one(&mut *connection).await?;
                last.unwrap_or(0)
            }
        };
        found.push(RunList { list: *list, name, after: ContactId(after), paused: paused.contains(list) });
    }
    Ok(found)
}

fn read(row: &Row) -> Result<RunRecord> {
    let state = row.text("state")?;
    Ok(RunRecord {
        id: RunId(row.int("id")?),
        campaign: CampaignId(row.int("campaign_id")?),
        campaign_name: row.text("campaign_name")?,
        state: RunState::parse(&state).ok_or_else(|| decode("state", &format!("{state:?} is no run state")))?,
        why: row.text("why")?,
        actor: row.text("actor")?,
        started_at: row.at("started_at")?,
        ended_at: row.opt_at("ended_at")?,
        boost: Boost::from_permille(row.number("boost_permille")?),
        totals: RunTotals {
            placed: row.int("placed")?,
            terminated: row.int("terminated")?,
            open_retries: row.int("open_retries")?,
            connected: row.int("connected")?,
            put_off: row.int("put_off")?,
            refused: row.int("refused")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Write;
    use crate::testing::{Home, World};
    use domain::journal::RunChange;

    crate::testing::on_both_engines! {
        a_campaign_runs_once_at_a_time;
        a_campaign_that_lacks_something_does_not_start;
        a_run_keeps_its_settings_until_it_is_reloaded;
        a_boost_of_a_run_stays_and_is_written_down;
        a_paused_list_stays_paused_and_says_how_far_it_is;
    }

    async fn a_paused_list_stays_paused_and_says_how_far_it_is(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let (run, list) =
            (store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap(), world.list.id);
        store.commit(&scope, vec![Write::Attempt(world.attempt(1, run.id, 0, 0))]).await.unwrap();
        store.pause_run_list(&scope, run.id, list, true, "ben").await.unwrap();
        store.pause_run_list(&scope, run.id, list, true, "ben").await.unwrap();
        let reloaded = store.reload_run(&scope, run.id, "ana").await.unwrap();
        assert!(reloaded.lists[0].paused);
        let progress = store.run_lists(&scope, run.id).await.unwrap();
        let one = RunListProgress {
            list,
            name: "spring list".into(),
            paused: true,
            contacts: world.contacts.len() as i64,
            taken: 1,
            high_water: world.contacts[0].id,
        };
        assert_eq!(progress, [one]);
        store.pause_run_list(&scope, run.id, list, false, "eva").await.unwrap();
        assert!(!store.open_runs(&scope).await.unwrap()[0].lists[0].paused);
        let sql = "SELECT kind || ' ' || actor || ' ' || data FROM event WHERE kind LIKE 'run.list%' ORDER BY seq";
        let written: Vec<String> = query_scalar(sql).fetch_all(store.readers()).await.unwrap();
        let data = format!(r#"{{"list":{list}}}"#);
        assert_eq!(written, [format!("run.list_paused ben {data}"), format!("run.list_resumed eva {data}")]);
        let other = store.pause_run_list(&scope, run.id, ListId(99), true, "ben").await.unwrap_err();
        assert_eq!(other.field(), Some("list"));
    }

    async fn a_boost_of_a_run_stays_and_is_written_down(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let campaign = Campaign { initial_boost: Boost::from_permille(1_500), ..world.campaign.clone() };
        store.update_campaign(&scope, &campaign, "ana").await.unwrap();
        let run = store.start_run(&scope, campaign.id, "ana", Timestamp(5)).await.unwrap();
        assert_eq!(run.boost, campaign.initial_boost);
        let boosted = store.boost_run(&scope, run.id, Boost::from_permille(2_000), "ben").await.unwrap();
        store.reload_run(&scope, run.id, "ana").await.unwrap();
        assert_eq!(store.run(&scope, run.id).await.unwrap().boost, boosted.boost);
        let sql = "SELECT actor || ' ' || data FROM event WHERE kind = 'run.boosted'";
        let written: Vec<String> = query_scalar(sql).fetch_all(store.readers()).await.unwrap();
        assert_eq!(written, [r#"ben {"from_permille":1500,"to_permille":2000}"#]);
        assert_eq!(store.boost_run(&scope, RunId(9), Boost::ONE, "ben").await.unwrap_err().code(), "not_found");
    }

    async fn a_campaign_runs_once_at_a_time(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap();
        assert_eq!((run.state, run.campaign_name.as_str(), run.actor.as_str()), (RunState::Runnable, "spring", "ana"));
        let error = store.start_run(&scope, world.campaign.id, "ben", Timestamp(6)).await.unwrap_err();
        assert_eq!(error.to_string(), "campaign \"spring\" is already running");
        let over = RunChange {
            run: run.id,
            state: RunState::Removed,
            why: "by ana".into(),
            at: Timestamp(7),
            read_to: vec![],
        };
        store.commit(&scope, vec![Write::Run(over)]).await.unwrap();
        let second = store.start_run(&scope, world.campaign.id, "ben", Timestamp(8)).await.unwrap();
        let all = store.runs(&scope, &RunFilter::default()).await.unwrap();
        assert_eq!(all.iter().map(|run| run.id).collect::<Vec<_>>(), [second.id, run.id]);
        assert_eq!(
            (all[1].state, all[1].ended_at, all[1].why.as_str()),
            (RunState::Removed, Some(Timestamp(7)), "by ana")
        );
        let open = RunFilter { open: Some(true), ..RunFilter::default() };
        assert_eq!(store.runs(&scope, &open).await.unwrap(), [all[0].clone()]);
        let old = RunFilter { to: Some(Timestamp(8)), campaign: Some(world.campaign.id), ..RunFilter::default() };
        assert_eq!(store.runs(&scope, &old).await.unwrap(), [all[1].clone()]);
        let page = RunFilter { before: Some(second.id), limit: 1, open: Some(false), ..RunFilter::default() };
        assert_eq!(store.runs(&scope, &page).await.unwrap(), [all[1].clone()]);
    }

    async fn a_campaign_that_lacks_something_does_not_start(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let bare = Campaign { trunks: vec![], ..world.campaign };
        store.update_campaign(&scope, &bare, "ana").await.unwrap();
        let error = store.start_run(&scope, bare.id, "ana", Timestamp(5)).await.unwrap_err();
        assert_eq!(error.to_string(), "campaign: \"spring\" has no trunk");
    }

    async fn a_run_keeps_its_settings_until_it_is_reloaded(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let run = store.start_run(&scope, world.campaign.id, "ana", Timestamp(5)).await.unwrap();
        let second = store.create_list(&scope, "second").await.unwrap();
        let changed = Campaign { priority: 1, lists: vec![second.id, world.list.id], ..world.campaign.clone() };
        store.update_campaign(&scope, &changed, "ana").await.unwrap();
        let store = home.reopen(store).await;
        let restored = store.open_runs(&scope).await.unwrap();
        assert_eq!(restored[0].settings, world.campaign);
        assert_eq!(restored[0].lists.len(), 1);
        let reloaded = store.reload_run(&scope, run.id, "ana").await.unwrap();
        assert_eq!(reloaded.settings, changed);
        assert_eq!(store.open_runs(&scope).await.unwrap(), std::slice::from_ref(&reloaded));
        let names: Vec<&str> = reloaded.lists.iter().map(|list| list.name.as_str()).collect();
        assert_eq!(names, ["second", "spring list"]);
    }
}
