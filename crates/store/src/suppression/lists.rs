//! Lists of numbers that must not be called: which there are, and for whom they hold.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::{Event, Events};
use crate::lists::check_name;
use crate::locks::{self, Locked};
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, code_of, now};
use domain::{CampaignId, Invalid, SuppressionListId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The list that always is, and holds for every campaign.
pub const GLOBAL: SuppressionListId = SuppressionListId(1);
/// Lists of one tenant, at most.
pub const MAX_LISTS: i64 = 200;

/// What fills a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionKind {
    /// People who asked: entries are added one by one and never removed.
    Optout,
    /// The file of its keeper, which replaces it as a whole.
    Registry,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuppressionListRecord {
    /// Its id.
    pub id: SuppressionListId,
    /// Unique, 1..=200 characters.
    pub name: String,
    /// What fills it.
    pub kind: SuppressionKind,
    /// The campaigns that it holds for; `None`: every one.
    pub campaigns: Option<Vec<CampaignId>>,
    /// Numbers on it; those in the reserve left out.
    pub entries: i64,
    /// Of a registry: how often it was replaced.
    pub version: i64,
    /// Of a registry: when that version came into force.
    pub imported_at: Option<Timestamp>,
}

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO suppression_list (",
            $column,
            "tenant_id, name, kind, everywhere, created_at, version, entries) SELECT ",
            $value,
            "$1, $2, $3, $4, $5, 0, 0 WHERE (SELECT COUNT(*) FROM suppression_list WHERE tenant_id = $1) < $6 \
            RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$7, ");
    UPDATE = "UPDATE suppression_list SET name = $3, everywhere = $4 WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, name, kind, everywhere, version, imported_at, CASE WHEN kind = 'registry' THEN entries ELSE \
        (SELECT COUNT(*) FROM suppression s WHERE s.tenant_id = l.tenant_id AND s.list_id = l.id) END AS entries \
        FROM suppression_list l WHERE tenant_id = $1 AND (id = $2 OR $2 IS NULL) ORDER BY id";
    CAMPAIGNS = "SELECT campaign_id FROM suppression_list_campaign WHERE tenant_id = $1 AND list_id = $2 \
        ORDER BY campaign_id";
    LINK = "INSERT INTO suppression_list_campaign (tenant_id, list_id, campaign_id) \
        SELECT tenant_id, $2, id FROM campaign WHERE tenant_id = $1 AND id = $3 ON CONFLICT DO NOTHING";
    UNLINK = "DELETE FROM suppression_list_campaign WHERE tenant_id = $1 AND list_id = $2";
    DELETE = "DELETE FROM suppression_list WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::SuppressionList);

impl Store {
    /// Makes an empty list that holds for these campaigns, or for every one.
    pub async fn create_suppression_list<'a>(
        &self,
        scope: &Scope,
        name: impl Into<Locked<'a, str>>,
        kind: SuppressionKind,
        campaigns: Option<&[CampaignId]>,
        actor: &str,
    ) -> Result<SuppressionListRecord> {
        let Locked { it: name, lock } = name.into();
        check_name(name)?;
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, SUBJECT);
        let made: Option<i64> = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(name)
            .bind(code_of(&kind))
            .bind(campaigns.is_none())
            .bind(now().0)
            .bind(MAX_LISTS)
            .bind_some(again)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(Error::naming("suppression list", name))?;
        let too_many = || Error::Conflict { what: "suppression lists".into(), why: format!("are {MAX_LISTS} at most") };
        let id = SuppressionListId(made.ok_or_else(too_many)?);
        link(scope, id, campaigns, &[], actor, &mut transaction).await?;
        locks::made(scope, Kind::SuppressionList, id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id.0, None, &[], &mut transaction).await?;
        let list = read_list(scope, id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(list)
    }

    /// Renames a list and says for whom it holds. What people asked for is not taken back: a list of opt-outs never holds
    /// for fewer campaigns than before.
    pub async fn update_suppression_list<'a>(
        &self,
        scope: &Scope,
        id: SuppressionListId,
        name: impl Into<Locked<'a, str>>,
        campaigns: Option<&[CampaignId]>,
        actor: &str,
    ) -> Result<SuppressionListRecord> {
        let Locked { it: name, lock } = name.into();
        check_name(name)?;
        if id == GLOBAL && lock.is_some_and(|lock| !lock.security_key.is_empty()) {
            return Err(Invalid::new("security_key", "must be empty: this list holds for everybody").into());
        }
        let mut transaction = self.begin().await?;
        let list = get(scope, id, &mut transaction).await?;
        // Those that are not seen are not taken out.
        let unseen = list.campaigns.iter().flatten().copied().filter(|campaign| !scope.allows(*campaign));
        let campaigns: Option<Vec<CampaignId>> =
            campaigns.map(|campaigns| campaigns.iter().copied().chain(unseen).collect());
        let campaigns = campaigns.as_deref();
        let keeps = match (&list.campaigns, campaigns) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(had), Some(now)) => had.iter().all(|campaign| now.contains(campaign)),
        };
        if !keeps && (id == GLOBAL || (list.kind == SuppressionKind::Optout && list.entries > 0)) {
            let why = "holds what people asked for: it can be made to hold for more campaigns, not for fewer";
            return Err(Error::Conflict { what: format!("suppression list {:?}", list.name), why: why.into() });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        query(UPDATE)
            .bind(scope.tenant.0)
            .bind(id.0)
            .bind(name)
            .bind(campaigns.is_none())
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("suppression list", name))?;
        if list.campaigns.as_deref() != campaigns {
            query(UNLINK).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
            let had = list.campaigns.as_deref().unwrap_or_default();
            link(scope, id, campaigns, had, actor, &mut transaction).await?;
        }
        locks::changed(scope, Kind::SuppressionList, id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        let list = get(scope, id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(shown(scope, list))
    }

    /// One list.
    pub async fn suppression_list(&self, scope: &Scope, id: SuppressionListId) -> Result<SuppressionListRecord> {
        let mut connection = self.readers().begin().await?;
        Ok(shown(scope, get(scope, id, &mut connection).await?))
    }

    /// Every list, by id; [`GLOBAL`] is the first.
    pub async fn suppression_lists(&self, scope: &Scope) -> Result<Vec<SuppressionListRecord>> {
        let mut connection = self.readers().begin().await?;
        let rows = query(ALL).bind(scope.tenant.0).bind(None::<i64>).fetch_all(&mut *connection).await?;
        let mut lists = Vec::with_capacity(rows.len());
        for row in &rows {
            if !scope.sees(Kind::SuppressionList, row.int("id")?) {
                continue;
            }
            lists.push(shown(scope, read(scope, row, &mut connection).await?));
        }
        Ok(lists)
    }

    /// Deletes a registry, or a list of opt-outs that nobody is on.
    pub async fn delete_suppression_list(&self, scope: &Scope, id: SuppressionListId) -> Result<()> {
        let mut transaction = self.begin().await?;
        let list = get(scope, id, &mut transaction).await?;
        let waits = !self.suppressions_in_reserve(scope, Some(id)).is_empty();
        if id == GLOBAL || (list.kind == SuppressionKind::Optout && (list.entries > 0 || waits)) {
            let by = "people who asked not to be called".to_owned();
            return Err(Error::InUse { what: "suppression list", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        for statement in [UNLINK, DELETE] {
            query(statement).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        self.drop_registry_keys(scope, id, 0).await
    }

    /// The campaigns that a list of opt-outs holds for; `None`: every one. The global one is known without asking: it is
    /// used when the database cannot be.
    pub(crate) async fn holds_for(&self, scope: &Scope, id: SuppressionListId) -> Result<Option<Vec<CampaignId>>> {
        if id == GLOBAL {
            return Ok(None);
        }
        let mut connection = self.readers().begin().await?;
        let list = get(scope, id, &mut connection).await?;
        match list.kind {
            SuppressionKind::Optout => Ok(list.campaigns),
            SuppressionKind::Registry => {
                let problem = format!("{:?} is a registry: import the file of its keeper instead", list.name);
                Err(Invalid::new("list", problem).into())
            }
        }
    }
}

async fn link(
    scope: &Scope,
    id: SuppressionListId,
    campaigns: Option<&[CampaignId]>,
    had: &[CampaignId],
    actor: &str,
    connection: &mut Connection,
) -> Result<()> {
    for campaign in campaigns.unwrap_or_default() {
        if !had.contains(campaign) {
            locks::check_choice(scope, "campaigns", Kind::Campaign, campaign.0)?;
        }
        let done = query(LINK).bind(scope.tenant.0).bind(id.0).bind(campaign.0).execute(&mut *connection).await?;
        if done.rows_affected() == 0 {
            return Err(Invalid::new("campaigns", format!("campaign {campaign} does not exist")).into());
        }
    }
    let data = json!({ "everywhere": campaigns.is_none(), "campaigns": campaigns.unwrap_or_default() });
    let kind = "suppression_list.changed";
    Events::one(Event::of_suppression_list(scope.tenant, id, kind, now(), actor, data), connection).await
}

/// A list for the audit log, without what is on it; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    match read_list(scope, SuppressionListId(id), connection).await {
        Ok(SuppressionListRecord { name, kind, campaigns, .. }) => {
            Ok(Some(json!({ "name": name, "kind": kind, "campaigns": campaigns })))
        }
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Without the campaigns that are not seen.
fn shown(scope: &Scope, mut list: SuppressionListRecord) -> SuppressionListRecord {
    if let Some(campaigns) = &mut list.campaigns {
        campaigns.retain(|campaign| scope.allows(*campaign));
    }
    list
}

pub(super) async fn get(
    scope: &Scope,
    id: SuppressionListId,
    connection: &mut Connection,
) -> Result<SuppressionListRecord> {
    scope.check(Kind::SuppressionList, id.0)?;
    read_list(scope, id, connection).await
}

async fn read_list(scope: &Scope, id: SuppressionListId, connection: &mut Connection) -> Result<SuppressionListRecord> {
    let row = query(ALL).bind(scope.tenant.0).bind(Some(id.0)).fetch_optional(&mut *connection).await?;
    read(scope, &row.ok_or_else(|| Error::not_found("suppression list", id))?, connection).await
}

async fn read(scope: &Scope, row: &Row, connection: &mut Connection) -> Result<SuppressionListRecord> {
    let id = SuppressionListId(row.int("id")?);
    let campaigns = match row.flag("everywhere")? {
        true => None,
        false => {
            let ids = query_scalar::<i64>(CAMPAIGNS).bind(scope.tenant.0).bind(id.0);
            Some(ids.fetch_all(connection).await?.into_iter().map(CampaignId).collect())
        }
    };
    Ok(SuppressionListRecord {
        id,
        name: row.text("name")?,
        kind: row.code("kind")?,
        campaigns,
        entries: row.int("entries")?,
        version: row.int("version")?,
        imported_at: row.opt_at("imported_at")?,
    })
}
