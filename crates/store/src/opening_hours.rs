//! Sets of opening hours with their rules, saved and read as a whole.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks::{self, Locked};
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, code_of};
use domain::{Campaign, OpeningHours, OpeningHoursId, OpeningRule, OpeningRuleId};
use std::collections::BTreeMap;

statements! {
    CREATE = "INSERT INTO opening_hours (tenant_id, name, comment, default_mode, zone) VALUES ($1, $2, $3, $4, $5) \
        RETURNING id";
    CREATE_AGAIN = "INSERT INTO opening_hours (tenant_id, name, comment, default_mode, zone, id) \
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    UPDATE = "UPDATE opening_hours SET name = $2, comment = $3, default_mode = $4, zone = $5 \
        WHERE tenant_id = $1 AND id = $6";
    GET = "SELECT id, name, comment, default_mode, zone FROM opening_hours WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, name, comment, default_mode, zone FROM opening_hours WHERE tenant_id = $1 ORDER BY id";
    RULES = "SELECT id, mode, days, date_from, date_to, time_start, time_end, comment FROM opening_rule \
        WHERE tenant_id = $1 AND opening_hours_id = $2 ORDER BY position";
    ADD_RULE = "INSERT INTO opening_rule (tenant_id, opening_hours_id, position, mode, days, date_from, date_to, \
        time_start, time_end, comment) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
    KEEP_RULE = "INSERT INTO opening_rule (tenant_id, opening_hours_id, position, mode, days, date_from, date_to, \
        time_start, time_end, comment, id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
    DELETE_RULES = "DELETE FROM opening_rule WHERE tenant_id = $1 AND opening_hours_id = $2";
    USED_BY = "SELECT 'campaign ' || c.name FROM campaign_opening_hours l JOIN campaign c ON c.id = l.campaign_id \
        WHERE l.tenant_id = $1 AND l.opening_hours_id = $2 LIMIT 1";
    // What an open run was started or reloaded with may name a set that its campaign names no more.
    OPEN_RUNS = "SELECT id, settings FROM run WHERE tenant_id = $1 AND ended_at IS NULL ORDER BY id";
    DELETE = "DELETE FROM opening_hours WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::OpeningHours);

impl Store {
    /// Saves a new set; its `id` and those of its rules are ignored and given anew.
    pub async fn create_opening_hours<'a>(
        &self,
        scope: &Scope,
        set: impl Into<Locked<'a, OpeningHours>>,
    ) -> Result<OpeningHours> {
        let Locked { it: set, lock } = set.into();
        set.check()?;
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, SUBJECT);
        let id: i64 = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(&set.name)
            .bind(&set.comment)
            .bind(code_of(&set.default_mode))
            .bind(&set.zone)
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("opening hours", &set.name))?;
        let mut saved = OpeningHours { id: OpeningHoursId(id), ..set.clone() };
        add_rules(scope, &mut saved, Vec::new(), &mut transaction).await?;
        locks::made(scope, Kind::OpeningHours, id, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// Replaces all of a set; a rule that it had keeps its id.
    pub async fn update_opening_hours<'a>(
        &self,
        scope: &Scope,
        set: impl Into<Locked<'a, OpeningHours>>,
    ) -> Result<OpeningHours> {
        let Locked { it: set, lock } = set.into();
        scope.check(Kind::OpeningHours, set.id.0)?;
        set.check()?;
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, SUBJECT, set.id.0, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(&set.name)
            .bind(&set.comment)
            .bind(code_of(&set.default_mode))
            .bind(&set.zone)
            .bind(set.id.0)
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("opening hours", &set.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("opening hours", set.id));
        }
        let had = rules(scope, set.id.0, &mut transaction).await?;
        query(DELETE_RULES).bind(scope.tenant.0).bind(set.id.0).execute(&mut *transaction).await?;
        let mut saved = set.clone();
        add_rules(scope, &mut saved, had.iter().map(|rule| rule.id).collect(), &mut transaction).await?;
        locks::changed(scope, Kind::OpeningHours, set.id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, set.id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// One set.
    pub async fn opening_hours(&self, scope: &Scope, id: OpeningHoursId) -> Result<OpeningHours> {
        scope.check(Kind::OpeningHours, id.0)?;
        let mut connection = self.readers().begin().await?;
        find(scope, id.0, &mut connection).await?.ok_or_else(|| Error::not_found("opening hours", id))
    }

    /// Every set that the scope sees, by id.
    pub async fn all_opening_hours(&self, scope: &Scope) -> Result<BTreeMap<OpeningHoursId, OpeningHours>> {
        let mut connection = self.readers().begin().await?;
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(&mut *connection).await?;
        let mut all = BTreeMap::new();
        for row in &rows {
            let mut set = read(row)?;
            if scope.sees(Kind::OpeningHours, set.id.0) {
                set.rules = rules(scope, set.id.0, &mut connection).await?;
                all.insert(set.id, set);
            }
        }
        Ok(all)
    }

    /// Deletes a set that no campaign names and no open run goes by.
    pub async fn delete_opening_hours(&self, scope: &Scope, id: OpeningHoursId) -> Result<()> {
        scope.check(Kind::OpeningHours, id.0)?;
        let mut transaction = self.begin().await?;
        let used = |by: String| Error::InUse { what: "opening hours", id: id.to_string(), by };
        if let Some(by) =
            query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?
        {
            return Err(used(by));
        }
        for row in query(OPEN_RUNS).bind(scope.tenant.0).fetch_all(&mut *transaction).await? {
            if row.json::<Campaign>("settings")?.opening_hours.contains(&id) {
                return Err(used(format!("run {}: reload it first", row.int("id")?)));
            }
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        query(DELETE_RULES).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("opening hours", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// A set for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let set = find(scope, id, connection).await?;
    Ok(set.map(|set| serde_json::to_value(set).expect("plain data is JSON")))
}

async fn find(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<OpeningHours>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(OpeningHours { rules: rules(scope, id, connection).await?, ..read(&row)? }))
}

async fn rules(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Vec<OpeningRule>> {
    let rows = query(RULES).bind(scope.tenant.0).bind(id).fetch_all(connection).await?;
    let rule = |row: &Row| {
        Ok(OpeningRule {
            id: OpeningRuleId(row.int("id")?),
            mode: row.code("mode")?,
            days: row.text("days")?,
            date_from: row.text("date_from")?,
            date_to: row.text("date_to")?,
            time_start: row.text("time_start")?,
            time_end: row.text("time_end")?,
            comment: row.text("comment")?,
        })
    };
    rows.iter().map(rule).collect()
}

/// `had` are the ids that its rules may keep, each once.
async fn add_rules(
    scope: &Scope,
    set: &mut OpeningHours,
    mut had: Vec<OpeningRuleId>,
    connection: &mut Connection,
) -> Result<()> {
    for (position, rule) in set.rules.iter_mut().enumerate() {
        let kept = had.iter().position(|id| *id == rule.id).map(|at| had.swap_remove(at));
        let mut statement = query_scalar(if kept.is_some() { KEEP_RULE } else { ADD_RULE })
            .bind(scope.tenant.0)
            .bind(set.id.0)
            .bind(position as i64)
            .bind(code_of(&rule.mode))
            .bind(&rule.days)
            .bind(&rule.date_from)
            .bind(&rule.date_to)
            .bind(&rule.time_start)
            .bind(&rule.time_end)
            .bind(&rule.comment);
        if let Some(id) = kept {
            statement = statement.bind(id.0);
        }
        rule.id = OpeningRuleId(statement.fetch_one(&mut *connection).await?);
    }
    Ok(())
}

fn read(row: &Row) -> Result<OpeningHours> {
    Ok(OpeningHours {
        id: OpeningHoursId(row.int("id")?),
        name: row.text("name")?,
        comment: row.text("comment")?,
        default_mode: row.code("default_mode")?,
        zone: row.text("zone")?,
        rules: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World};
    use domain::{OpeningMode, Timestamp};

    crate::testing::on_both_engines! {
        a_set_round_trips_and_its_rules_keep_their_ids;
        a_set_that_a_campaign_or_an_open_run_goes_by_stays;
    }

    fn christmas() -> OpeningHours {
        let closed = OpeningRule { date_from: "12-25".into(), ..OpeningRule::always(OpeningMode::Closed) };
        OpeningHours {
            comment: "all shops".into(),
            zone: "Europe/Rome".into(),
            rules: vec![closed, OpeningRule::always(OpeningMode::Open)],
            ..OpeningHours::named("shop")
        }
    }

    async fn a_set_round_trips_and_its_rules_keep_their_ids(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let saved = store.create_opening_hours(&scope, &christmas()).await.unwrap();
        let store = home.reopen(store).await;
        assert_eq!(store.opening_hours(&scope, saved.id).await.unwrap(), saved);
        let taken = store.create_opening_hours(&scope, &christmas()).await.unwrap_err();
        assert_eq!(taken.to_string(), "opening hours \"shop\" exists already");
        let rules = vec![saved.rules[1].clone(), OpeningRule::always(OpeningMode::Closed), saved.rules[1].clone()];
        let changed = OpeningHours { rules, default_mode: OpeningMode::Closed, ..saved.clone() };
        let changed = store.update_opening_hours(&scope, &changed).await.unwrap();
        assert_eq!(changed.rules[0].id, saved.rules[1].id, "a rule keeps its id");
        assert!(changed.rules[1].id > saved.rules[1].id && changed.rules[2].id > saved.rules[1].id);
        assert_eq!(store.all_opening_hours(&scope).await.unwrap(), BTreeMap::from([(saved.id, changed.clone())]));
        let broken = OpeningHours { zone: "Mars".into(), ..changed };
        assert_eq!(store.update_opening_hours(&scope, &broken).await.unwrap_err().field(), Some("zone"));
        store.delete_opening_hours(&scope, saved.id).await.unwrap();
        assert_eq!(store.opening_hours(&scope, saved.id).await.unwrap_err().code(), "not_found");
    }

    async fn a_set_that_a_campaign_or_an_open_run_goes_by_stays(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let set = store.create_opening_hours(&scope, &christmas()).await.unwrap();
        let attached = Campaign { opening_hours: vec![set.id], ..world.campaign.clone() };
        let attached = store.update_campaign(&scope, &attached, "ana").await.unwrap();
        assert_eq!(store.campaign(&scope, attached.id).await.unwrap(), attached);
        let refused = store.delete_opening_hours(&scope, set.id).await.unwrap_err();
        assert_eq!(refused.to_string(), "opening hours 1 is in use by campaign spring");
        let run = store.start_run(&scope, attached.id, "ana", Timestamp(1)).await.unwrap();
        store.update_campaign(&scope, &world.campaign, "ana").await.unwrap();
        let refused = store.delete_opening_hours(&scope, set.id).await.unwrap_err();
        assert_eq!(refused.to_string(), "opening hours 1 is in use by run 1: reload it first");
        store.reload_run(&scope, run.id, "ana").await.unwrap();
        store.delete_opening_hours(&scope, set.id).await.unwrap();
        let missing = store.update_campaign(&scope, &attached, "ana").await.unwrap_err();
        assert_eq!(missing.to_string(), "opening_hours: opening hours 1 does not exist");
    }
}
