//! The rows of a campaign's outcome rules.

use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::Result;
use crate::locks;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, code_of, json_of};
use domain::{Campaign, CampaignId, Invalid, ListId, OutcomeRule, OutcomeRuleId};

statements! {
    RULES = "SELECT id, status, status_ext, with_retries_pending, verb, list_id, to_campaign_id, destination, text, \
        defer_s, var_mode, attributes FROM outcome_rule WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY position";
    ADD = "INSERT INTO outcome_rule (tenant_id, campaign_id, position, status, status_ext, with_retries_pending, verb, \
        list_id, to_campaign_id, destination, text, defer_s, var_mode, attributes) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id";
    KEEP = "INSERT INTO outcome_rule (tenant_id, campaign_id, position, status, status_ext, with_retries_pending, verb, \
        list_id, to_campaign_id, destination, text, defer_s, var_mode, attributes, id) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id";
    DELETE = "DELETE FROM outcome_rule WHERE tenant_id = $1 AND campaign_id = $2";
    LIST = "SELECT auto_of FROM list WHERE tenant_id = $1 AND id = $2";
    CAMPAIGN = "SELECT COUNT(*) FROM campaign WHERE tenant_id = $1 AND id = $2";
}

/// A campaign's rules in order, as this connection sees them.
pub(crate) async fn of(scope: &Scope, campaign: CampaignId, connection: &mut Connection) -> Result<Vec<OutcomeRule>> {
    let rows = query(RULES).bind(scope.tenant.0).bind(campaign.0).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

/// Takes away all of a campaign's rules.
pub(crate) async fn delete(scope: &Scope, campaign: CampaignId, connection: &mut Connection) -> Result<()> {
    query(DELETE).bind(scope.tenant.0).bind(campaign.0).execute(connection).await?;
    Ok(())
}

/// Writes the rules of a campaign that has none. One of those that it `had` keeps its id, for actions name the rule that
/// asked for them; what those named already stays, whoever sees it.
pub(crate) async fn write(
    scope: &Scope,
    campaign: &mut Campaign,
    had: &[OutcomeRule],
    connection: &mut Connection,
) -> Result<()> {
    let mut ids: Vec<OutcomeRuleId> = had.iter().map(|rule| rule.id).collect();
    for (position, rule) in campaign.outcome_rules.iter_mut().enumerate() {
        let named = had.iter().any(|old| (old.list, old.campaign) == (rule.list, rule.campaign));
        check_target(scope, rule, named, connection).await?;
        let kept = ids.iter().position(|id| *id == rule.id).map(|at| ids.swap_remove(at));
        let id: i64 = query_scalar(if kept.is_some() { KEEP } else { ADD })
            .bind(scope.tenant.0)
            .bind(campaign.id.0)
            .bind(position as i64)
            .bind(rule.status.code())
            .bind(&rule.status_ext)
            .bind(rule.with_retries_pending)
            .bind(rule.verb.code())
            .bind(rule.list.map(|list| list.0))
            .bind(rule.campaign.map(|campaign| campaign.0))
            .bind(&rule.destination)
            .bind(&rule.text)
            .bind(i64::from(rule.defer_s))
            .bind(code_of(&rule.var_mode))
            .bind(json_of(&rule.attributes))
            .bind_some(kept.map(|id| id.0))
            .fetch_one(&mut *connection)
            .await?;
        rule.id = OutcomeRuleId(id);
    }
    Ok(())
}

/// Refuses a list or a campaign that is not there, is not seen, or is filled by programs only.
async fn check_target(scope: &Scope, rule: &OutcomeRule, named: bool, connection: &mut Connection) -> Result<()> {
    let missing =
        |field: &str, kind: Kind, id: i64| Invalid::new(field, format!("{} {id} does not exist", kind.word()));
    if let Some(list) = rule.list {
        if !named {
            locks::check_choice(scope, "list", Kind::List, list.0)?;
        }
        let row = query(LIST).bind(scope.tenant.0).bind(list.0).fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| missing("list", Kind::List, list.0))?;
        if row.opt_int("auto_of")?.is_some() {
            let why = format!("list {list} holds the calls that programs add: use RESCHEDULE to its campaign");
            return Err(Invalid::new("list", why).into());
        }
    }
    if let Some(campaign) = rule.campaign {
        if !named {
            locks::check_choice(scope, "campaign", Kind::Campaign, campaign.0)?;
        }
        let found: i64 =
            query_scalar(CAMPAIGN).bind(scope.tenant.0).bind(campaign.0).fetch_one(&mut *connection).await?;
        if found == 0 {
            return Err(missing("campaign", Kind::Campaign, campaign.0).into());
        }
    }
    Ok(())
}

fn read(row: &Row) -> Result<OutcomeRule> {
    Ok(OutcomeRule {
        id: OutcomeRuleId(row.int("id")?),
        status: row.code("status")?,
        status_ext: row.text("status_ext")?,
        with_retries_pending: row.flag("with_retries_pending")?,
        verb: row.code("verb")?,
        list: row.opt_int("list_id")?.map(ListId),
        campaign: row.opt_int("to_campaign_id")?.map(CampaignId),
        destination: row.text("destination")?,
        text: row.text("text")?,
        defer_s: row.number("defer_s")?,
        var_mode: row.code("var_mode")?,
        attributes: row.json("attributes")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::Scope;
    use crate::testing::{Home, World};
    use domain::{CallState, Campaign, CampaignId, ListId, OutcomeRule, OutcomeRuleId, Verb};

    crate::testing::on_both_engines! {
        rules_round_trip_in_order_and_keep_their_ids;
        what_a_rule_names_is_there_and_stays;
    }

    fn add_to(list: ListId) -> OutcomeRule {
        OutcomeRule { verb: Verb::AddList, list: Some(list), ..OutcomeRule::on(CallState::RsBusy) }
    }

    async fn rules_round_trip_in_order_and_keep_their_ids(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let other = store.create_campaign(&scope, &Campaign::named("other", "UTC"), "ana").await.unwrap();
        let mut post = OutcomeRule {
            verb: Verb::HttpPost,
            destination: "https://crm.example/${num}".into(),
            text: "{\"n\": \"${num}\"}".into(),
            status_ext: "*".into(),
            with_retries_pending: true,
            defer_s: 30,
            var_mode: domain::VarMode::Output,
            ..OutcomeRule::on(CallState::Terminated)
        };
        post.attributes.add("REASON", "${state}").unwrap();
        let again =
            OutcomeRule { verb: Verb::Reschedule, campaign: Some(other.id), ..OutcomeRule::on(CallState::RsNumber) };
        let rules = vec![post, add_to(world.list.id), again];
        let campaign = Campaign { outcome_rules: rules, ..world.campaign.clone() };
        let saved = store.update_campaign(&scope, &campaign, "ana").await.unwrap();
        assert!(saved.outcome_rules.iter().all(|rule| rule.id > OutcomeRuleId(0)));
        let store = home.reopen(store).await;
        assert_eq!(store.campaign(&scope, saved.id).await.unwrap(), saved);
        let [first, second, third] = saved.outcome_rules.clone().try_into().unwrap();
        let turned = Campaign { outcome_rules: vec![third.clone(), first.clone(), second], ..saved };
        let turned = store.update_campaign(&scope, &turned, "ana").await.unwrap();
        assert_eq!((&turned.outcome_rules[0], &turned.outcome_rules[1]), (&third, &first));
    }

    async fn what_a_rule_names_is_there_and_stays(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let with = |rule| Campaign { outcome_rules: vec![rule], ..world.campaign.clone() };
        let refused = store.update_campaign(&scope, &with(add_to(ListId(77))), "ana").await.unwrap_err();
        assert_eq!(refused.to_string(), "list: list 77 does not exist");
        let nowhere = CampaignId(77);
        let again =
            OutcomeRule { verb: Verb::Reschedule, campaign: Some(nowhere), ..OutcomeRule::on(CallState::RsBusy) };
        let refused = store.update_campaign(&scope, &with(again.clone()), "ana").await.unwrap_err();
        assert_eq!(refused.to_string(), "campaign: campaign 77 does not exist");
        let list = store.create_list(&scope, "busy ones").await.unwrap();
        let other = store.create_campaign(&scope, &Campaign::named("other", "UTC"), "ana").await.unwrap();
        let again = OutcomeRule { campaign: Some(other.id), ..again };
        let both = Campaign { outcome_rules: vec![add_to(list.id), again], ..world.campaign.clone() };
        store.update_campaign(&scope, &both, "ana").await.unwrap();
        let refused = store.delete_list(&scope, list.id).await.unwrap_err();
        assert_eq!(refused.to_string(), "list 2 is in use by an outcome rule of campaign spring");
        let refused = store.delete_campaign(&scope, other.id).await.unwrap_err();
        assert_eq!(refused.to_string(), "campaign 2 is in use by an outcome rule of campaign spring");
        store.delete_campaign(&scope, both.id).await.unwrap();
        store.delete_campaign(&scope, other.id).await.unwrap();
        store.delete_list(&scope, list.id).await.unwrap();
    }
}
