//! Campaigns with their links and rules, saved and read as a whole.

use crate::audit::{self, Subject};
use crate::calls::check_ordinary;
use crate::db::Store;
use crate::engine::{Connection, Query, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::forecasts;
use crate::journal::events::{Event, Events};
use crate::locks::{self, Locked};
use crate::outcome_rules;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, code_of, json_of, now};
use domain::rules::pack::UNRESTRICTED;
use domain::{
    Boost, Campaign, CampaignId, EndPointId, Invalid, ListId, OpeningHoursId, RescheduleRule, RuleId, Template, TrunkId,
};
use serde_json::json;

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO campaign (",
            $column,
            "tenant_id, name, direction, work, priority, status, idle_on_termination, batch_size, time_start, \
            time_end, time_days, zone, answer_timeout_ms, forced_closure_s, dial_clid, dial_account, \
            variables, packs, limits, boost_permille, agent_clid, dial_presentation, \
            queue_log, mail, pacing, autopause) VALUES (",
            $value,
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
            $24, $25, $26) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$27, ");
    UPDATE = "UPDATE campaign SET name = $2, direction = $3, work = $4, priority = $5, status = $6, \
        idle_on_termination = $7, batch_size = $8, time_start = $9, time_end = $10, time_days = $11, zone = $12, \
        answer_timeout_ms = $13, forced_closure_s = $14, dial_clid = $15, dial_account = $16, variables = $17, \
        packs = $18, limits = $19, boost_permille = $20, agent_clid = $21, dial_presentation = $22, \
        queue_log = $23, mail = $24, pacing = $25, autopause = $26 WHERE tenant_id = $1 AND id = $27 RETURNING id";
    GET = "SELECT id, name, direction, work, priority, status, idle_on_termination, batch_size, time_start, time_end, \
        time_days, zone, answer_timeout_ms, forced_closure_s, dial_clid, dial_account, variables, packs, limits, \
        boost_permille, agent_clid, dial_presentation, queue_log, mail, pacing, autopause \
        FROM campaign WHERE tenant_id = $1 AND id = $2";
    // Over ARI the manager user writes the log.
    CANNOT_LOG = "SELECT p.name FROM campaign_end_point l JOIN end_point e ON e.id = l.end_point_id \
        JOIN pbx p ON p.id = e.pbx_id WHERE l.tenant_id = $1 AND l.campaign_id = $2 AND p.link = 'ARI' \
        AND p.manager_username IS NULL ORDER BY l.position LIMIT 1";
    IDS = "SELECT id FROM campaign WHERE tenant_id = $1 ORDER BY id";
    TRUNKS = "SELECT trunk_id FROM campaign_trunk WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    END_POINTS = "SELECT end_point_id FROM campaign_end_point WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    LISTS = "SELECT list_id FROM campaign_list WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    BLACK_LISTS = "SELECT list_id FROM campaign_black_list WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    OPENING_HOURS = "SELECT opening_hours_id FROM campaign_opening_hours WHERE tenant_id = $1 AND campaign_id = $2 \
        ORDER BY position";
    RULES = "SELECT id, status, status_ext, max_attempts, retry_after_s, mode FROM reschedule_rule \
        WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    // A link to something of another tenant, or to nothing, inserts no row.
    LINK_TRUNK = "INSERT INTO campaign_trunk (tenant_id, campaign_id, trunk_id, position) \
        SELECT tenant_id, $2, id, $4 FROM trunk WHERE tenant_id = $1 AND id = $3";
    LINK_END_POINT = "INSERT INTO campaign_end_point (tenant_id, campaign_id, end_point_id, position) \
        SELECT tenant_id, $2, id, $4 FROM end_point WHERE tenant_id = $1 AND id = $3";
    LINK_LIST = "INSERT INTO campaign_list (tenant_id, campaign_id, list_id, position) \
        SELECT tenant_id, $2, id, $4 FROM list WHERE tenant_id = $1 AND id = $3";
    LINK_BLACK_LIST = "INSERT INTO campaign_black_list (tenant_id, campaign_id, list_id, position) \
        SELECT tenant_id, $2, id, $4 FROM list WHERE tenant_id = $1 AND id = $3";
    LINK_OPENING_HOURS = "INSERT INTO campaign_opening_hours (tenant_id, campaign_id, opening_hours_id, position) \
        SELECT tenant_id, $2, id, $4 FROM opening_hours WHERE tenant_id = $1 AND id = $3";
    ADD_RULE = "INSERT INTO reschedule_rule (tenant_id, campaign_id, position, status, status_ext, max_attempts, \
        retry_after_s, mode) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    KEEP_RULE = "INSERT INTO reschedule_rule (tenant_id, campaign_id, position, status, status_ext, max_attempts, \
        retry_after_s, mode, id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    UNLINK_TRUNKS = "DELETE FROM campaign_trunk WHERE tenant_id = $1 AND campaign_id = $2";
    UNLINK_END_POINTS = "DELETE FROM campaign_end_point WHERE tenant_id = $1 AND campaign_id = $2";
    UNLINK_LISTS = "DELETE FROM campaign_list WHERE tenant_id = $1 AND campaign_id = $2";
    UNLINK_BLACK_LISTS = "DELETE FROM campaign_black_list WHERE tenant_id = $1 AND campaign_id = $2";
    UNLINK_OPENING_HOURS = "DELETE FROM campaign_opening_hours WHERE tenant_id = $1 AND campaign_id = $2";
    DELETE_RULES = "DELETE FROM reschedule_rule WHERE tenant_id = $1 AND campaign_id = $2";
    USED_BY = "SELECT 'run ' || id || ': hide it instead' FROM run WHERE tenant_id = $1 AND campaign_id = $2 \
        UNION ALL SELECT 'an outcome rule of campaign ' || c.name FROM outcome_rule o JOIN campaign c \
        ON c.id = o.campaign_id WHERE o.tenant_id = $1 AND o.to_campaign_id = $2 AND o.campaign_id <> $2 LIMIT 1";
    UNLINK_SUPPRESSION = "DELETE FROM suppression_list_campaign WHERE tenant_id = $1 AND campaign_id = $2";
    DELETE = "DELETE FROM campaign WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::Campaign);

impl Store {
    /// Saves a new campaign; its `id` and those of its rules are ignored and given anew. One that names the pack
    /// `unrestricted` is audited under `actor`.
    pub async fn create_campaign<'a>(
        &self,
        scope: &Scope,
        campaign: impl Into<Locked<'a, Campaign>>,
        actor: &str,
    ) -> Result<Campaign> {
        let Locked { it: campaign, lock } = campaign.into();
        campaign.check()?;
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, SUBJECT);
        let id = bind(query(again.map_or(CREATE, |_| CREATE_AGAIN)), scope, campaign)
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("campaign", &campaign.name))?
            .int("id")?;
        let mut saved = Campaign { id: CampaignId(id), ..campaign.clone() };
        link(scope, &mut saved, Vec::new(), &[], &mut transaction).await?;
        outcome_rules::write(scope, &mut saved, &[], &mut transaction).await?;
        check_queue_log(scope, &saved, &mut transaction).await?;
        locks::made(scope, Kind::Campaign, id, lock, &mut transaction).await?;
        free(scope, &[], &saved, actor, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// Replaces all of a campaign, its links and its rules; a rule that it had keeps its id, for attempts name the rule
    /// that sent them again. A run goes on with what it was started
    /// with until [`Store::reload_run`].
    pub async fn update_campaign<'a>(
        &self,
        scope: &Scope,
        campaign: impl Into<Locked<'a, Campaign>>,
        actor: &str,
    ) -> Result<Campaign> {
        let Locked { it: campaign, lock } = campaign.into();
        campaign.check()?;
        check_allowed(scope, campaign.id)?;
        let mut transaction = self.begin().await?;
        let before = query(GET).bind(scope.tenant.0).bind(campaign.id.0).fetch_optional(&mut *transaction).await?;
        let before = before.ok_or_else(|| Error::not_found("campaign", campaign.id))?.json::<Vec<String>>("packs")?;
        let was = audit::snapshot(scope, SUBJECT, campaign.id.0, &mut transaction).await?;
        bind(query(UPDATE), scope, campaign)
            .bind(campaign.id.0)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("campaign", &campaign.name))?;
        let had: Vec<i64> = query(RULES)
            .bind(scope.tenant.0)
            .bind(campaign.id.0)
            .fetch_all(&mut *transaction)
            .await?
            .iter()
            .map(|row| row.int("id"))
            .collect::<Result<_>>()?;
        let linked = read_campaign(scope, campaign.id, &mut transaction).await?;
        let had_rules = linked.outcome_rules.clone();
        let linked: Vec<(Kind, i64)> = links(&linked).map(|(_, kind, id)| (kind, id)).collect();
        unlink(scope, campaign.id, &mut transaction).await?;
        let mut saved = campaign.clone();
        link(scope, &mut saved, had, &linked, &mut transaction).await?;
        outcome_rules::write(scope, &mut saved, &had_rules, &mut transaction).await?;
        check_queue_log(scope, &saved, &mut transaction).await?;
        locks::changed(scope, Kind::Campaign, campaign.id.0, lock, &mut transaction).await?;
        free(scope, &before, &saved, actor, &mut transaction).await?;
        audit::note(scope, SUBJECT, campaign.id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// One campaign.
    pub async fn campaign(&self, scope: &Scope, id: CampaignId) -> Result<Campaign> {
        let mut connection = self.readers().begin().await?;
        read_campaign(scope, id, &mut connection).await
    }

    /// Every campaign of the scope, hidden ones too, by id.
    pub async fn campaigns(&self, scope: &Scope) -> Result<Vec<Campaign>> {
        let mut connection = self.readers().begin().await?;
        let ids: Vec<i64> = query_scalar(IDS).bind(scope.tenant.0).fetch_all(&mut *connection).await?;
        let mut campaigns = Vec::with_capacity(ids.len());
        for id in ids.into_iter().map(CampaignId).filter(|id| scope.allows(*id)) {
            campaigns.push(read_campaign(scope, id, &mut connection).await?);
        }
        Ok(campaigns)
    }

    /// Deletes a campaign that was never run; one with history can be hidden.
    pub async fn delete_campaign(&self, scope: &Scope, id: CampaignId) -> Result<()> {
        check_allowed(scope, id)?;
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "campaign", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        unlink(scope, id, &mut transaction).await?;
        query(UNLINK_SUPPRESSION).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        query(forecasts::DROP_ALL).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("campaign", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// Writes down who freed a campaign of the rules that everybody else keeps.
async fn free(
    scope: &Scope,
    before: &[String],
    saved: &Campaign,
    actor: &str,
    connection: &mut Connection,
) -> Result<()> {
    let names = |packs: &[String]| packs.iter().any(|pack| pack == UNRESTRICTED);
    if names(before) || !names(&saved.packs) {
        return Ok(());
    }
    let data = json!({ "packs": saved.packs });
    let event = Event::of_campaign(scope.tenant, saved.id, "campaign.unrestricted_named", now(), actor, data);
    Events::one(event, connection).await
}

/// Every PBX that its calls end on can be told what to log.
async fn check_queue_log(scope: &Scope, campaign: &Campaign, connection: &mut Connection) -> Result<()> {
    if !campaign.queue_log.enabled {
        return Ok(());
    }
    let cannot: Option<String> =
        query_scalar(CANNOT_LOG).bind(scope.tenant.0).bind(campaign.id.0).fetch_optional(connection).await?;
    match cannot {
        Some(pbx) => {
            let remedy = "give it a manager user (manager_username, `carillon pbx set --manager-user`)";
            Err(Invalid::new("queue_log", format!("pbx {pbx} is reached over ARI, which cannot write it: {remedy}"))
                .into())
        }
        None => Ok(()),
    }
}

/// A campaign outside the scope is not there.
pub(crate) fn check_allowed(scope: &Scope, id: CampaignId) -> Result<()> {
    if scope.allows(id) { Ok(()) } else { Err(Error::not_found("campaign", id)) }
}

/// A campaign for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let everything = Scope { tenant: scope.tenant, ..Scope::installation() };
    match read_campaign(&everything, CampaignId(id), connection).await {
        Ok(campaign) => Ok(Some(serde_json::to_value(campaign).expect("plain data is JSON"))),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A campaign with its links and rules, as this connection sees it.
pub(crate) async fn read_campaign(scope: &Scope, id: CampaignId, connection: &mut Connection) -> Result<Campaign> {
    check_allowed(scope, id)?;
    let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *connection).await?;
    let mut campaign = read(&row.ok_or_else(|| Error::not_found("campaign", id))?)?;
    campaign.trunks = linked(TRUNKS, scope, id, TrunkId, connection).await?;
    campaign.end_points = linked(END_POINTS, scope, id, EndPointId, connection).await?;
    campaign.lists = linked(LISTS, scope, id, ListId, connection).await?;
    campaign.black_lists = linked(BLACK_LISTS, scope, id, ListId, connection).await?;
    campaign.opening_hours = linked(OPENING_HOURS, scope, id, OpeningHoursId, connection).await?;
    campaign.outcome_rules = outcome_rules::of(scope, id, connection).await?;
    let rules = query(RULES).bind(scope.tenant.0).bind(id.0).fetch_all(connection).await?;
    campaign.rules = rules.iter().map(read_rule).collect::<Result<_>>()?;
    Ok(campaign)
}

async fn linked<T>(
    statement: &'static str,
    scope: &Scope,
    id: CampaignId,
    make: impl Fn(i64) -> T,
    connection: &mut Connection,
) -> Result<Vec<T>> {
    let ids: Vec<i64> = query_scalar(statement).bind(scope.tenant.0).bind(id.0).fetch_all(connection).await?;
    Ok(ids.into_iter().map(make).collect())
}

/// What a campaign is made of, with the field that names it.
fn links(campaign: &Campaign) -> impl Iterator<Item = (&'static str, Kind, i64)> {
    let trunks = campaign.trunks.iter().map(|id| ("trunks", Kind::Trunk, id.0));
    let end_points = campaign.end_points.iter().map(|id| ("end_points", Kind::EndPoint, id.0));
    let lists = campaign.lists.iter().map(|id| ("lists", Kind::List, id.0));
    let opening_hours = campaign.opening_hours.iter().map(|id| ("opening_hours", Kind::OpeningHours, id.0));
    let black_lists = campaign.black_lists.iter().map(|id| ("black_lists", Kind::List, id.0));
    trunks.chain(end_points).chain(lists).chain(black_lists).chain(opening_hours)
}

/// `rule_ids` are those that the campaign's rules may keep, each once; what is `linked` already stays, whoever sees it.
async fn link(
    scope: &Scope,
    campaign: &mut Campaign,
    mut rule_ids: Vec<i64>,
    linked: &[(Kind, i64)],
    connection: &mut Connection,
) -> Result<()> {
    for (position, (field, kind, id)) in links(campaign).enumerate() {
        let statement = match kind {
            Kind::List if field == "black_lists" => LINK_BLACK_LIST,
            Kind::Trunk => LINK_TRUNK,
            Kind::EndPoint => LINK_END_POINT,
            Kind::OpeningHours => LINK_OPENING_HOURS,
            _ => LINK_LIST,
        };
        if !linked.contains(&(kind, id)) {
            locks::check_choice(scope, field, kind, id)?;
            if kind == Kind::List {
                check_ordinary(scope, domain::ListId(id), connection).await?;
            }
        }
        let done = query(statement)
            .bind(scope.tenant.0)
            .bind(campaign.id.0)
            .bind(id)
            .bind(position as i64)
            .execute(&mut *connection)
            .await?;
        if done.rows_affected() == 0 {
            return Err(Invalid::new(field, format!("{} {id} does not exist", kind.word())).into());
        }
    }
    for (position, rule) in campaign.rules.iter_mut().enumerate() {
        let kept = rule_ids.iter().position(|id| *id == rule.id.0).map(|at| rule_ids.swap_remove(at));
        let mut statement = query_scalar(if kept.is_some() { KEEP_RULE } else { ADD_RULE })
            .bind(scope.tenant.0)
            .bind(campaign.id.0)
            .bind(position as i64)
            .bind(rule.status.code())
            .bind(&rule.status_ext)
            .bind(i64::from(rule.max_attempts))
            .bind(i64::from(rule.retry_after_s))
            .bind(code_of(&rule.mode));
        if let Some(id) = kept {
            statement = statement.bind(id);
        }
        rule.id = RuleId(statement.fetch_one(&mut *connection).await?);
    }
    Ok(())
}

async fn unlink(scope: &Scope, id: CampaignId, connection: &mut Connection) -> Result<()> {
    for statement in
        [UNLINK_TRUNKS, UNLINK_END_POINTS, UNLINK_LISTS, UNLINK_BLACK_LISTS, UNLINK_OPENING_HOURS, DELETE_RULES]
    {
        query(statement).bind(scope.tenant.0).bind(id.0).execute(&mut *connection).await?;
    }
    outcome_rules::delete(scope, id, connection).await
}

/// Binds `$1` to `$26` of [`CREATE`] and [`UPDATE`].
fn bind(statement: Query, scope: &Scope, campaign: &Campaign) -> Query {
    statement
        .bind(scope.tenant.0)
        .bind(campaign.name.clone())
        .bind(code_of(&campaign.direction))
        .bind(code_of(&campaign.work))
        .bind(i64::from(campaign.priority))
        .bind(code_of(&campaign.status))
        .bind(campaign.idle_on_termination)
        .bind(i64::from(campaign.batch_size))
        .bind(campaign.time_start.clone())
        .bind(campaign.time_end.clone())
        .bind(campaign.time_days.clone())
        .bind(campaign.zone.clone())
        .bind(i64::from(campaign.answer_timeout_ms))
        .bind(i64::from(campaign.forced_closure_s))
        .bind(campaign.dial_clid.as_str().to_owned())
        .bind(campaign.dial_account.as_str().to_owned())
        .bind(json_of(&campaign.variables))
        .bind(json_of(&campaign.packs))
        .bind(json_of(&campaign.limits))
        .bind(i64::from(campaign.initial_boost.permille()))
        .bind(campaign.agent_clid.as_str().to_owned())
        .bind(campaign.dial_presentation.as_str().to_owned())
        .bind(json_of(&campaign.queue_log))
        .bind(json_of(&campaign.mail))
        .bind(json_of(&campaign.pacing))
        .bind(campaign.autopause)
}

fn read(row: &Row) -> Result<Campaign> {
    Ok(Campaign {
        id: CampaignId(row.int("id")?),
        name: row.text("name")?,
        direction: row.code("direction")?,
        work: row.code("work")?,
        priority: row.number("priority")?,
        status: row.code("status")?,
        idle_on_termination: row.flag("idle_on_termination")?,
        batch_size: row.number("batch_size")?,
        time_start: row.text("time_start")?,
        time_end: row.text("time_end")?,
        time_days: row.text("time_days")?,
        zone: row.text("zone")?,
        answer_timeout_ms: row.number("answer_timeout_ms")?,
        forced_closure_s: row.number("forced_closure_s")?,
        dial_clid: Template::parse("dial_clid", &row.text("dial_clid")?)?,
        agent_clid: Template::parse("agent_clid", &row.text("agent_clid")?)?,
        dial_presentation: Template::parse("dial_presentation", &row.text("dial_presentation")?)?,
        dial_account: Template::parse("dial_account", &row.text("dial_account")?)?,
        queue_log: row.json("queue_log")?,
        mail: row.json("mail")?,
        pacing: row.json("pacing")?,
        autopause: row.flag("autopause")?,
        variables: row.json("variables")?,
        trunks: Vec::new(),
        end_points: Vec::new(),
        lists: Vec::new(),
        black_lists: Vec::new(),
        opening_hours: Vec::new(),
        rules: Vec::new(),
        outcome_rules: Vec::new(),
        packs: row.json("packs")?,
        limits: row.json("limits")?,
        initial_boost: Boost::from_permille(row.number("boost_permille")?),
    })
}

fn read_rule(row: &Row) -> Result<RescheduleRule> {
    Ok(RescheduleRule {
        id: RuleId(row.int("id")?),
        status: row.code("status")?,
        status_ext: row.text("status_ext")?,
        max_attempts: row.number("max_attempts")?,
        retry_after_s: row.number("retry_after_s")?,
        mode: row.code("mode")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Campaigns;
    use crate::testing::{Home, World};
    use domain::{
        CallState, CampaignStatus, Mode, Pacing, PacingMode, Pbx, PbxLink, QueueLog, RunMail, RunMailEvents, Timestamp,
    };

    crate::testing::on_both_engines! {
        a_campaign_round_trips_with_links_and_rules_in_order;
        links_to_nothing_are_refused_by_field_and_change_nothing;
        a_campaign_with_a_run_is_hidden_not_deleted;
        a_scope_of_other_campaigns_does_not_see_this_one;
        whoever_frees_a_campaign_of_the_rules_is_written_down_once;
        a_queue_log_needs_a_pbx_that_can_write_it;
    }

    fn rule(status: CallState, max_attempts: u32) -> RescheduleRule {
        let status_ext = String::from("x");
        RescheduleRule { id: RuleId(0), status, status_ext, max_attempts, retry_after_s: 60, mode: Mode::Mult }
    }

    async fn a_campaign_round_trips_with_links_and_rules_in_order(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let second = store.create_list(&scope, "second").await.unwrap();
        let mut campaign = Campaign::named("summer", "Europe/Madrid");
        campaign.variables.add("GREETING", "hello, \"you\"").unwrap();
        campaign.dial_clid = Template::parse("dial_clid", "${NAME}").unwrap();
        campaign.agent_clid = Template::parse("agent_clid", "C1 ${NAME}").unwrap();
        campaign.dial_presentation = Template::parse("dial_presentation", "0800").unwrap();
        campaign.status = CampaignStatus::Closed;
        campaign.trunks = vec![world.trunk.id];
        campaign.end_points = vec![world.end_point.id];
        campaign.lists = vec![second.id, world.list.id];
        campaign.black_lists = vec![store.create_list(&scope, "never").await.unwrap().id];
        campaign.rules = vec![rule(CallState::RsNoanswer, 3), rule(CallState::RsBusy, 1)];
        campaign.packs = vec![UNRESTRICTED.into()];
        campaign.limits.gap_minutes = 30;
        campaign.initial_boost = Boost::from_permille(1_750);
        campaign.pacing = Pacing { mode: PacingMode::Ratio, ratio: Boost::from_permille(1_250), ..Pacing::default() };
        campaign.autopause = true;
        campaign.mail = RunMail { events: RunMailEvents::All, to: vec!["Ana <ana@example.com>".into()] };
        let saved = store.create_campaign(&scope, &campaign, "ana").await.unwrap();
        assert!(saved.rules.iter().all(|rule| rule.id.0 > 0));
        let store = home.reopen(store).await;
        assert_eq!(store.campaign(&scope, saved.id).await.unwrap(), saved);
        let kept = vec![rule(CallState::RsLost, 1), saved.rules[1].clone(), saved.rules[1].clone()];
        let fewer = store.update_campaign(&scope, &Campaign { rules: kept, ..saved.clone() }, "ana").await.unwrap();
        assert_eq!(fewer.rules[1].id, saved.rules[1].id, "a rule keeps its id");
        assert!(fewer.rules[0].id > saved.rules[1].id && fewer.rules[2].id > saved.rules[1].id);
        let changed = Campaign { lists: vec![world.list.id], rules: vec![], priority: 1, ..saved };
        store.update_campaign(&scope, &changed, "ana").await.unwrap();
        assert_eq!(store.campaigns(&scope).await.unwrap(), [world.campaign, changed.clone()]);
        store.delete_campaign(&scope, changed.id).await.unwrap();
        assert_eq!(store.campaign(&scope, changed.id).await.unwrap_err().code(), "not_found");
    }

    async fn a_queue_log_needs_a_pbx_that_can_write_it(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let attributes = vec!["NAME".to_owned()];
        let queue_log = QueueLog { enabled: true, alias: "friends".into(), attributes };
        let logged = Campaign { queue_log, ..world.campaign.clone() };
        let refused = store.update_campaign(&scope, &logged, "ana").await.unwrap_err();
        assert_eq!(refused.field(), Some("queue_log"));
        assert!(refused.to_string().contains("manager"), "{refused}");
        let pbx = Pbx { link: PbxLink::Ami, ..world.pbx.clone() };
        store.update_pbx(&scope, &pbx, None).await.unwrap();
        store.update_campaign(&scope, &logged, "ana").await.unwrap();
        assert_eq!(store.campaign(&scope, logged.id).await.unwrap(), logged);
        let back = store.update_pbx(&scope, &world.pbx, None).await.unwrap_err();
        assert!(back.to_string().contains("campaign spring"), "{back}");
        let broken = QueueLog { alias: "a|b".into(), ..logged.queue_log.clone() };
        let refused =
            store.update_campaign(&scope, &Campaign { queue_log: broken, ..logged }, "ana").await.unwrap_err();
        assert_eq!(refused.field(), Some("queue_log_alias"));
    }

    async fn links_to_nothing_are_refused_by_field_and_change_nothing(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let broken = Campaign { trunks: vec![TrunkId(7)], priority: 3, ..world.campaign.clone() };
        let error = store.update_campaign(&scope, &broken, "ana").await.unwrap_err();
        assert_eq!(error.to_string(), "trunks: trunk 7 does not exist");
        assert_eq!(store.campaign(&scope, world.campaign.id).await.unwrap(), world.campaign);
        let error = store.create_campaign(&scope, &world.campaign, "ana").await.unwrap_err();
        assert_eq!(error.to_string(), "campaign \"spring\" exists already");
    }

    async fn a_campaign_with_a_run_is_hidden_not_deleted(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        store.start_run(&scope, world.campaign.id, "ana", Timestamp(1)).await.unwrap();
        let error = store.delete_campaign(&scope, world.campaign.id).await.unwrap_err();
        assert_eq!(error.to_string(), "campaign 1 is in use by run 1: hide it instead");
    }

    async fn whoever_frees_a_campaign_of_the_rules_is_written_down_once(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let kept = store.create_campaign(&scope, &Campaign::named("kept", "UTC"), "ana").await.unwrap();
        let audited = async || -> Vec<String> {
            let sql = "SELECT actor || ' ' || entity || ' ' || entity_id FROM event \
                WHERE kind = 'campaign.unrestricted_named' ORDER BY seq";
            query_scalar(sql).fetch_all(store.readers()).await.unwrap()
        };
        assert!(audited().await.is_empty());
        let free = Campaign { packs: vec![UNRESTRICTED.into()], ..kept.clone() };
        store.update_campaign(&scope, &free, "ben").await.unwrap();
        store.update_campaign(&scope, &Campaign { priority: 1, ..free.clone() }, "eva").await.unwrap();
        store.update_campaign(&scope, &kept, "ana").await.unwrap();
        store.create_campaign(&scope, &Campaign { name: "free".into(), ..free }, "ana").await.unwrap();
        assert_eq!(audited().await, ["ben campaign 1", "ana campaign 2"]);
    }

    async fn a_scope_of_other_campaigns_does_not_see_this_one(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let narrow = Scope { campaigns: Campaigns::Only(vec![CampaignId(9)]), ..Scope::installation() };
        assert!(store.campaigns(&narrow).await.unwrap().is_empty());
        assert_eq!(store.campaign(&narrow, world.campaign.id).await.unwrap_err().code(), "not_found");
        assert_eq!(store.update_campaign(&narrow, &world.campaign, "ana").await.unwrap_err().code(), "not_found");
        let borrowed = Campaign { trunks: world.campaign.trunks.clone(), ..Campaign::named("x", "UTC") };
        let narrower = Scope { seen: Some(Default::default()), ..narrow.clone() };
        let refused = store.create_campaign(&narrower, &borrowed, "ana").await.unwrap_err();
        assert_eq!(refused.field(), Some("trunks"), "what is not seen is not chosen");
        let started = store.start_run(&narrow, world.campaign.id, "ana", Timestamp(1)).await;
        assert_eq!(started.unwrap_err().code(), "not_found");
    }
}
