//! Keys of entities: who may see them, and what is hidden from choices.

use crate::db::Store;
use crate::engine::{Connection, Row, query};
use crate::error::Result;
use crate::scope::{Actor, Campaigns, Kind, Scope, Seen};
use crate::sql::Columns;
use crate::users::keys::{self, Keyring};
use domain::{CampaignId, Invalid, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What locks an entity, beside what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// Who holds it sees the entity; empty: everybody.
    pub security_key: String,
    /// Left out of choices. Lists and campaigns have that of their own.
    pub hidden: bool,
    /// The user who made it and always sees it, by id.
    pub created_by: Option<i64>,
}

/// An entity to be saved, with its lock. From the entity alone: what is new has none, what is changed keeps its own.
#[derive(Debug)]
pub struct Locked<'a, T: ?Sized> {
    /// The entity.
    pub it: &'a T,
    /// Key and hidden; who made it is not taken from here.
    pub lock: Option<&'a Lock>,
}

impl<'a, T: ?Sized> From<&'a T> for Locked<'a, T> {
    fn from(it: &'a T) -> Self {
        Self { it, lock: None }
    }
}

impl<'a> From<&'a String> for Locked<'a, str> {
    fn from(it: &'a String) -> Self {
        Self { it, lock: None }
    }
}

impl<'a, T: ?Sized> From<(&'a T, &'a Lock)> for Locked<'a, T> {
    fn from((it, lock): (&'a T, &'a Lock)) -> Self {
        Self { it, lock: Some(lock) }
    }
}

macro_rules! of_every {
    ($select:literal) => {
        concat!(
            "SELECT 'pbx' AS kind, ",
            $select,
            " FROM pbx WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'trunk' AS kind, ",
            $select,
            " FROM trunk WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'end_point' AS kind, ",
            $select,
            " FROM end_point WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'list' AS kind, ",
            $select,
            " FROM list WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'suppression_list' AS kind, ",
            $select,
            " FROM suppression_list WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'opening_hours' AS kind, ",
            $select,
            " FROM opening_hours WHERE tenant_id = $1 UNION ALL ",
            "SELECT 'campaign' AS kind, ",
            $select,
            " FROM campaign WHERE tenant_id = $1"
        )
    };
}

statements! {
    KEYS = of_every!("id, security_key, created_by");
    OF_PBXS = "SELECT id, security_key, hidden, created_by FROM pbx WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_TRUNKS = "SELECT id, security_key, hidden, created_by FROM trunk WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_END_POINTS = "SELECT id, security_key, hidden, created_by FROM end_point WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_LISTS = "SELECT id, security_key, hidden, created_by FROM list WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_SUPPRESSION_LISTS = "SELECT id, security_key, CAST(0 AS BIGINT) AS hidden, created_by FROM suppression_list WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_OPENING_HOURS = "SELECT id, security_key, hidden, created_by FROM opening_hours WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    OF_CAMPAIGNS = "SELECT id, security_key, CAST(0 AS BIGINT) AS hidden, created_by FROM campaign WHERE tenant_id = $1 \
        AND (CAST($2 AS BIGINT) IS NULL OR id = $2)";
    LOCK_PBX = "UPDATE pbx SET security_key = $3, hidden = $4 WHERE tenant_id = $1 AND id = $2";
    LOCK_TRUNK = "UPDATE trunk SET security_key = $3, hidden = $4 WHERE tenant_id = $1 AND id = $2";
    LOCK_END_POINT = "UPDATE end_point SET security_key = $3, hidden = $4 WHERE tenant_id = $1 AND id = $2";
    LOCK_LIST = "UPDATE list SET security_key = $3 WHERE tenant_id = $1 AND id = $2";
    LOCK_SUPPRESSION_LIST = "UPDATE suppression_list SET security_key = $3 WHERE tenant_id = $1 AND id = $2";
    LOCK_OPENING_HOURS = "UPDATE opening_hours SET security_key = $3, hidden = $4 WHERE tenant_id = $1 AND id = $2";
    LOCK_CAMPAIGN = "UPDATE campaign SET security_key = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_PBX = "UPDATE pbx SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_TRUNK = "UPDATE trunk SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_END_POINT = "UPDATE end_point SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_LIST = "UPDATE list SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_SUPPRESSION_LIST = "UPDATE suppression_list SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_OPENING_HOURS = "UPDATE opening_hours SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
    MADE_CAMPAIGN = "UPDATE campaign SET created_by = $3 WHERE tenant_id = $1 AND id = $2";
}

impl Store {
    /// What somebody with these keys sees now. Reads the keys of all configuration, which is small.
    pub async fn scope_of(&self, tenant: TenantId, actor: Actor, keys: &Keyring) -> Result<Scope> {
        let rows = query(KEYS).bind(tenant.0).fetch_all(self.readers()).await?;
        let (mut seen, mut campaigns) = (BTreeSet::new(), Vec::new());
        for row in &rows {
            let (id, key, made_by) = (row.int("id")?, row.text("security_key")?, row.opt_int("created_by")?);
            let is_own = made_by.is_some() && made_by == actor.user;
            if !(key.is_empty() || is_own || keys.contains(&key)) {
                continue;
            }
            match row.text("kind")?.as_str() {
                "campaign" => campaigns.push(CampaignId(id)),
                "pbx" => drop(seen.insert((Kind::Pbx, id))),
                "trunk" => drop(seen.insert((Kind::Trunk, id))),
                "end_point" => drop(seen.insert((Kind::EndPoint, id))),
                "list" => drop(seen.insert((Kind::List, id))),
                "opening_hours" => drop(seen.insert((Kind::OpeningHours, id))),
                _ => drop(seen.insert((Kind::SuppressionList, id))),
            }
        }
        Ok(Scope {
            tenant,
            campaigns: Campaigns::Only(campaigns),
            seen: Some(Arc::new(Seen { things: seen, keys: keys.clone() })),
            actor,
            undoing: None,
        })
    }

    /// The scope with what was made since.
    pub async fn refreshed(&self, scope: &Scope) -> Result<Scope> {
        match &scope.seen {
            None => Ok(scope.clone()),
            Some(seen) => self.scope_of(scope.tenant, scope.actor.clone(), &seen.keys).await,
        }
    }

    /// The locks of every entity of a kind, by id.
    pub async fn locks(&self, scope: &Scope, kind: Kind) -> Result<BTreeMap<i64, Lock>> {
        let rows = query(of(kind)).bind(scope.tenant.0).bind(None::<i64>).fetch_all(self.readers()).await?;
        let locks = rows.iter().map(|row| Ok((row.int("id")?, read(row)?)));
        locks.filter(|lock| lock.as_ref().map_or(true, |(id, _)| scope.sees(kind, *id))).collect()
    }

    /// The lock of one entity; nothing when it is not there.
    pub async fn lock(&self, scope: &Scope, kind: Kind, id: i64) -> Result<Lock> {
        if !scope.sees(kind, id) {
            return Ok(Lock::default());
        }
        let row = query(of(kind)).bind(scope.tenant.0).bind(Some(id)).fetch_optional(self.readers()).await?;
        Ok(row.as_ref().map(read).transpose()?.unwrap_or_default())
    }
}

/// The lock of one entity; `None`: it is not there.
pub(crate) async fn find(scope: &Scope, kind: Kind, id: i64, connection: &mut Connection) -> Result<Option<Lock>> {
    query(of(kind)).bind(scope.tenant.0).bind(Some(id)).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Lock> {
    Ok(Lock {
        security_key: row.text("security_key")?,
        hidden: row.flag("hidden")?,
        created_by: row.opt_int("created_by")?,
    })
}

/// Locks what was just made, and notes who made it.
pub(crate) async fn made(
    scope: &Scope,
    kind: Kind,
    id: i64,
    lock: Option<&Lock>,
    connection: &mut Connection,
) -> Result<()> {
    if let Some(user) = scope.actor.user {
        let statement = match kind {
            Kind::Pbx => MADE_PBX,
            Kind::Trunk => MADE_TRUNK,
            Kind::EndPoint => MADE_END_POINT,
            Kind::List => MADE_LIST,
            Kind::SuppressionList => MADE_SUPPRESSION_LIST,
            Kind::OpeningHours => MADE_OPENING_HOURS,
            Kind::Campaign => MADE_CAMPAIGN,
        };
        query(statement).bind(scope.tenant.0).bind(id).bind(user).execute(&mut *connection).await?;
    }
    changed(scope, kind, id, lock, connection).await
}

/// Gives an entity another lock; without one it keeps its own.
pub(crate) async fn changed(
    scope: &Scope,
    kind: Kind,
    id: i64,
    lock: Option<&Lock>,
    connection: &mut Connection,
) -> Result<()> {
    let Some(lock) = lock else { return Ok(()) };
    if !lock.security_key.is_empty() {
        keys::check("security_key", &lock.security_key)?;
        check_held(scope, kind, id, &lock.security_key, connection).await?;
    }
    let statement = match kind {
        Kind::Pbx => LOCK_PBX,
        Kind::Trunk => LOCK_TRUNK,
        Kind::EndPoint => LOCK_END_POINT,
        Kind::List => LOCK_LIST,
        Kind::SuppressionList => LOCK_SUPPRESSION_LIST,
        Kind::OpeningHours => LOCK_OPENING_HOURS,
        Kind::Campaign => LOCK_CAMPAIGN,
    };
    let statement = query(statement).bind(scope.tenant.0).bind(id).bind(&lock.security_key);
    let statement = match kind {
        Kind::Pbx | Kind::Trunk | Kind::EndPoint | Kind::OpeningHours => statement.bind(lock.hidden),
        Kind::List | Kind::SuppressionList | Kind::Campaign => statement,
    };
    statement.execute(connection).await?;
    Ok(())
}

/// Nobody locks with a key of others: it would be lost to whoever does. One that is there stays.
async fn check_held(scope: &Scope, kind: Kind, id: i64, key: &str, connection: &mut Connection) -> Result<()> {
    let Some(seen) = &scope.seen else { return Ok(()) };
    if seen.keys.contains(key) {
        return Ok(());
    }
    if find(scope, kind, id, connection).await?.is_some_and(|lock| lock.security_key == key) {
        return Ok(());
    }
    Err(Invalid::new("security_key", format!("{key:?} is none of your keys")).into())
}

fn of(kind: Kind) -> &'static str {
    match kind {
        Kind::Pbx => OF_PBXS,
        Kind::Trunk => OF_TRUNKS,
        Kind::EndPoint => OF_END_POINTS,
        Kind::List => OF_LISTS,
        Kind::SuppressionList => OF_SUPPRESSION_LISTS,
        Kind::OpeningHours => OF_OPENING_HOURS,
        Kind::Campaign => OF_CAMPAIGNS,
    }
}

/// Refuses a choice of something that is not seen, under the name that the API gives the field.
pub(crate) fn check_choice(scope: &Scope, field: &'static str, kind: Kind, id: i64) -> Result<()> {
    if scope.sees(kind, id) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("{} {id} does not exist", kind.word())).into())
}
