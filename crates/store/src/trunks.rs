//! Trunks.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks::{self, Locked};
use crate::pbxs;
use crate::scope::{Kind, Scope};
use crate::sql::Columns;
use domain::{PbxId, Trunk, TrunkId};

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO trunk (",
            $column,
            "tenant_id, pbx_id, name, dial_string, capacity, calls_per_second, progress_timeout_ms) VALUES (",
            $value,
            "$1, $2, $3, $4, $5, $6, $7) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$8, ");
    UPDATE = "UPDATE trunk SET pbx_id = $3, name = $4, dial_string = $5, capacity = $6, calls_per_second = $7, \
        progress_timeout_ms = $8 WHERE tenant_id = $1 AND id = $2";
    GET = "SELECT id, pbx_id, name, dial_string, capacity, calls_per_second, progress_timeout_ms FROM trunk \
        WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, pbx_id, name, dial_string, capacity, calls_per_second, progress_timeout_ms FROM trunk \
        WHERE tenant_id = $1 ORDER BY id";
    USED_BY = "SELECT 'campaign ' || c.name FROM campaign_trunk l JOIN campaign c ON c.id = l.campaign_id \
        WHERE l.tenant_id = $1 AND l.trunk_id = $2 \
        UNION ALL SELECT 'an open call' FROM attempt WHERE +tenant_id = $1 AND trunk_id = $2 AND ended_at IS NULL LIMIT 1";
    PBX = "SELECT pbx_id FROM trunk WHERE tenant_id = $1 AND id = $2";
    DELETE = "DELETE FROM trunk WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::Trunk);

impl Store {
    /// Saves a new trunk; its `id` is ignored and given anew.
    pub async fn create_trunk<'a>(&self, scope: &Scope, trunk: impl Into<Locked<'a, Trunk>>) -> Result<Trunk> {
        let Locked { it: trunk, lock } = trunk.into();
        trunk.check()?;
        let mut transaction = self.begin().await?;
        pbxs::check_exists(scope, trunk.pbx, &mut transaction).await?;
        let again = audit::again(scope, SUBJECT);
        let id = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(trunk.pbx.0)
            .bind(&trunk.name)
            .bind(&trunk.dial_string)
            .bind(i64::from(trunk.capacity))
            .bind(i64::from(trunk.calls_per_second))
            .bind(i64::from(trunk.progress_timeout_ms))
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("trunk", &trunk.name))?;
        locks::made(scope, Kind::Trunk, id, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(Trunk { id: TrunkId(id), ..trunk.clone() })
    }

    /// Replaces all of a trunk.
    pub async fn update_trunk<'a>(&self, scope: &Scope, trunk: impl Into<Locked<'a, Trunk>>) -> Result<Trunk> {
        let Locked { it: trunk, lock } = trunk.into();
        scope.check(Kind::Trunk, trunk.id.0)?;
        trunk.check()?;
        let mut transaction = self.begin().await?;
        // One that it has already stays, whoever sees it.
        let had: Option<i64> =
            query_scalar(PBX).bind(scope.tenant.0).bind(trunk.id.0).fetch_optional(&mut *transaction).await?;
        if had != Some(trunk.pbx.0) {
            pbxs::check_exists(scope, trunk.pbx, &mut transaction).await?;
        }
        let was = audit::snapshot(scope, SUBJECT, trunk.id.0, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(trunk.id.0)
            .bind(trunk.pbx.0)
            .bind(&trunk.name)
            .bind(&trunk.dial_string)
            .bind(i64::from(trunk.capacity))
            .bind(i64::from(trunk.calls_per_second))
            .bind(i64::from(trunk.progress_timeout_ms))
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("trunk", &trunk.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("trunk", trunk.id));
        }
        locks::changed(scope, Kind::Trunk, trunk.id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, trunk.id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(trunk.clone())
    }

    /// One trunk.
    pub async fn trunk(&self, scope: &Scope, id: TrunkId) -> Result<Trunk> {
        scope.check(Kind::Trunk, id.0)?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("trunk", id))?)
    }

    /// Every trunk, by id.
    pub async fn trunks(&self, scope: &Scope) -> Result<Vec<Trunk>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let all = rows.iter().map(read);
        all.filter(|one| one.as_ref().map_or(true, |one| scope.sees(Kind::Trunk, one.id.0))).collect()
    }

    /// Deletes a trunk that no campaign names and no call uses. Its calls stay in the history.
    pub async fn delete_trunk(&self, scope: &Scope, id: TrunkId) -> Result<()> {
        scope.check(Kind::Trunk, id.0)?;
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "trunk", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("trunk", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// A trunk for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(|row| Ok(serde_json::to_value(read(row)?).expect("plain data is JSON"))).transpose()
}

fn read(row: &Row) -> Result<Trunk> {
    Ok(Trunk {
        id: TrunkId(row.int("id")?),
        pbx: PbxId(row.int("pbx_id")?),
        name: row.text("name")?,
        dial_string: row.text("dial_string")?,
        capacity: row.number("capacity")?,
        calls_per_second: row.number("calls_per_second")?,
        progress_timeout_ms: row.number("progress_timeout_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, World, trunk};

    crate::testing::on_both_engines! {
        a_trunk_round_trips_and_names_an_existing_pbx;
        a_trunk_of_a_campaign_is_not_deleted;
    }

    async fn a_trunk_round_trips_and_names_an_existing_pbx(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let saved = store.create_trunk(&scope, &trunk("second", world.pbx.id)).await.unwrap();
        assert_eq!(store.trunk(&scope, saved.id).await.unwrap(), saved);
        let changed = Trunk { capacity: 77, calls_per_second: 3, ..saved.clone() };
        store.update_trunk(&scope, &changed).await.unwrap();
        assert_eq!(store.trunks(&scope).await.unwrap()[1], changed);
        let error = store.create_trunk(&scope, &trunk("third", PbxId(9))).await.unwrap_err();
        assert_eq!((error.field(), error.to_string().as_str()), (Some("pbx"), "pbx: pbx 9 does not exist"));
        let error = store.update_trunk(&scope, &Trunk { name: "out".into(), ..changed }).await.unwrap_err();
        assert_eq!(error.code(), "name_taken");
    }

    async fn a_trunk_of_a_campaign_is_not_deleted(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let error = store.delete_trunk(&scope, world.trunk.id).await.unwrap_err();
        assert_eq!(error.to_string(), "trunk 1 is in use by campaign spring");
        let spare = store.create_trunk(&scope, &trunk("spare", world.pbx.id)).await.unwrap();
        store.delete_trunk(&scope, spare.id).await.unwrap();
        assert_eq!(store.trunk(&scope, spare.id).await.unwrap_err().code(), "not_found");
    }
}
