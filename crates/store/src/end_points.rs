//! End points.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks::{self, Locked};
use crate::pbxs;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, code_of};
use domain::end_point::{DEFAULT_MAX_WAITING, DEFAULT_RESERVATION_MINUTES};
use domain::{Boost, EndPoint, EndPointId, EndPointKind, Invalid, ObservedQueue, PbxId, Rewrite};

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO end_point (",
            $column,
            "tenant_id, pbx_id, name, kind, context, extension, max_channels, queue, boost_permille, max_waiting, \
            reverse, dial_find, dial_replace, preview, reservation_minutes) VALUES (",
            $value,
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$16, ");
    UPDATE = "UPDATE end_point SET pbx_id = $3, name = $4, kind = $5, context = $6, extension = $7, \
        max_channels = $8, queue = $9, boost_permille = $10, max_waiting = $11, reverse = $12, \
        dial_find = $13, dial_replace = $14, preview = $15, reservation_minutes = $16 WHERE tenant_id = $1 AND id = $2";
    GET = "SELECT id, pbx_id, name, kind, context, extension, max_channels, queue, boost_permille, max_waiting, \
        reverse, dial_find, dial_replace, preview, reservation_minutes FROM end_point \
        WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, pbx_id, name, kind, context, extension, max_channels, queue, boost_permille, max_waiting, \
        reverse, dial_find, dial_replace, preview, reservation_minutes FROM end_point \
        WHERE tenant_id = $1 ORDER BY id";
    USED_BY = "SELECT 'campaign ' || c.name FROM campaign_end_point l JOIN campaign c ON c.id = l.campaign_id \
        WHERE l.tenant_id = $1 AND l.end_point_id = $2 \
        UNION ALL SELECT 'an open call' FROM attempt \
        WHERE tenant_id = $1 AND end_point_id = $2 AND ended_at IS NULL LIMIT 1";
    PBX = "SELECT pbx_id FROM end_point WHERE tenant_id = $1 AND id = $2";
    DELETE = "DELETE FROM end_point WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::EndPoint);

impl Store {
    /// Saves a new end point; its `id` is ignored and given anew.
    pub async fn create_end_point<'a>(
        &self,
        scope: &Scope,
        end_point: impl Into<Locked<'a, EndPoint>>,
    ) -> Result<EndPoint> {
        let Locked { it: end_point, lock } = end_point.into();
        end_point.check()?;
        let mut transaction = self.begin().await?;
        pbxs::check_exists(scope, end_point.pbx, &mut transaction).await?;
        check_observed(scope, end_point, &mut transaction).await?;
        let again = audit::again(scope, SUBJECT);
        let id = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(end_point.pbx.0)
            .bind(&end_point.name)
            .bind(code_of(&end_point.kind))
            .bind(&end_point.context)
            .bind(&end_point.extension)
            .bind(i64::from(end_point.max_channels))
            .bind(end_point.queue.as_ref().map(|queue| queue.name.clone()))
            .bind(i64::from(end_point.queue.as_ref().map_or(Boost::ONE, |queue| queue.boost).permille()))
            .bind(i64::from(end_point.queue.as_ref().map_or(DEFAULT_MAX_WAITING, |queue| queue.max_waiting)))
            .bind(i64::from(end_point.queue.as_ref().is_some_and(|queue| queue.reverse)))
            .bind(end_point.queue.as_ref().map_or("", |queue| &queue.rewrite.find))
            .bind(end_point.queue.as_ref().map_or("", |queue| &queue.rewrite.replace))
            .bind(i64::from(end_point.queue.as_ref().is_some_and(|queue| queue.preview)))
            .bind(i64::from(minutes(end_point)))
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("end point", &end_point.name))?;
        locks::made(scope, Kind::EndPoint, id, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(EndPoint { id: EndPointId(id), ..end_point.clone() })
    }

    /// Replaces all of an end point.
    pub async fn update_end_point<'a>(
        &self,
        scope: &Scope,
        end_point: impl Into<Locked<'a, EndPoint>>,
    ) -> Result<EndPoint> {
        let Locked { it: end_point, lock } = end_point.into();
        scope.check(Kind::EndPoint, end_point.id.0)?;
        end_point.check()?;
        let mut transaction = self.begin().await?;
        // One that it has already stays, whoever sees it.
        let had: Option<i64> =
            query_scalar(PBX).bind(scope.tenant.0).bind(end_point.id.0).fetch_optional(&mut *transaction).await?;
        if had != Some(end_point.pbx.0) {
            pbxs::check_exists(scope, end_point.pbx, &mut transaction).await?;
        }
        check_observed(scope, end_point, &mut transaction).await?;
        let was = audit::snapshot(scope, SUBJECT, end_point.id.0, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(end_point.id.0)
            .bind(end_point.pbx.0)
            .bind(&end_point.name)
            .bind(code_of(&end_point.kind))
            .bind(&end_point.context)
            .bind(&end_point.extension)
            .bind(i64::from(end_point.max_channels))
            .bind(end_point.queue.as_ref().map(|queue| queue.name.clone()))
            .bind(i64::from(end_point.queue.as_ref().map_or(Boost::ONE, |queue| queue.boost).permille()))
            .bind(i64::from(end_point.queue.as_ref().map_or(DEFAULT_MAX_WAITING, |queue| queue.max_waiting)))
            .bind(i64::from(end_point.queue.as_ref().is_some_and(|queue| queue.reverse)))
            .bind(end_point.queue.as_ref().map_or("", |queue| &queue.rewrite.find))
            .bind(end_point.queue.as_ref().map_or("", |queue| &queue.rewrite.replace))
            .bind(i64::from(end_point.queue.as_ref().is_some_and(|queue| queue.preview)))
            .bind(i64::from(minutes(end_point)))
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("end point", &end_point.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("end point", end_point.id));
        }
        locks::changed(scope, Kind::EndPoint, end_point.id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, end_point.id.0, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(end_point.clone())
    }

    /// One end point.
    pub async fn end_point(&self, scope: &Scope, id: EndPointId) -> Result<EndPoint> {
        scope.check(Kind::EndPoint, id.0)?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("end point", id))?)
    }

    /// Every end point, by id.
    pub async fn end_points(&self, scope: &Scope) -> Result<Vec<EndPoint>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let all = rows.iter().map(read);
        all.filter(|one| one.as_ref().map_or(true, |one| scope.sees(Kind::EndPoint, one.id.0))).collect()
    }

    /// Deletes an end point that no campaign names and no call uses. Its calls stay in the history.
    pub async fn delete_end_point(&self, scope: &Scope, id: EndPointId) -> Result<()> {
        scope.check(Kind::EndPoint, id.0)?;
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "end point", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("end point", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

/// A queue is observed over the manager interface: without a user there nothing would ever be dialled.
async fn check_observed(scope: &Scope, end_point: &EndPoint, connection: &mut Connection) -> Result<()> {
    if end_point.kind != EndPointKind::Queue || pbxs::observes_queues(scope, end_point.pbx, connection).await? {
        return Ok(());
    }
    let problem = format!(
        "QUEUE needs a PBX whose queues can be observed: pbx {} is reached over ARI and has no manager user, give it \
         manager_username and manager_password",
        end_point.pbx
    );
    Err(Invalid::new("kind", problem).into())
}

/// An end point for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(|row| Ok(serde_json::to_value(read(row)?).expect("plain data is JSON"))).transpose()
}

fn minutes(end_point: &EndPoint) -> u32 {
    end_point.queue.as_ref().map_or(DEFAULT_RESERVATION_MINUTES, |queue| queue.reservation_minutes)
}

fn read(row: &Row) -> Result<EndPoint> {
    Ok(EndPoint {
        id: EndPointId(row.int("id")?),
        pbx: PbxId(row.int("pbx_id")?),
        name: row.text("name")?,
        kind: row.code("kind")?,
        context: row.text("context")?,
        extension: row.text("extension")?,
        max_channels: row.number("max_channels")?,
        queue: match row.opt_text("queue")? {
            Some(name) => Some(ObservedQueue {
                name,
                boost: Boost::from_permille(row.number("boost_permille")?),
                max_waiting: row.number("max_waiting")?,
                reverse: row.flag("reverse")?,
                preview: row.flag("preview")?,
                reservation_minutes: row.number("reservation_minutes")?,
                rewrite: Rewrite { find: row.text("dial_find")?, replace: row.text("dial_replace")? },
            }),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pbxs::Passwords;
    use crate::testing::{Home, World, end_point};
    use domain::{Manager, Pbx};

    crate::testing::on_both_engines! {
        an_end_point_round_trips_and_is_kept_while_used;
    }

    async fn an_end_point_round_trips_and_is_kept_while_used(home: Home) {
        let store = home.open().await;
        let world = World::make(&store).await;
        let scope = Scope::installation();
        let saved = store.create_end_point(&scope, &end_point("second", world.pbx.id)).await.unwrap();
        let queue = ObservedQueue {
            boost: Boost::from_permille(1_300),
            max_waiting: 7,
            reverse: true,
            preview: true,
            reservation_minutes: 5,
            rewrite: Rewrite { find: "^Agent".into(), replace: "SIP".into() },
            ..ObservedQueue::named("999")
        };
        let changed = EndPoint { extension: "9".into(), max_channels: 2, ..saved };
        let observing = EndPoint { kind: EndPointKind::Queue, queue: Some(queue), ..changed.clone() };
        let refused = store.update_end_point(&scope, &observing).await.unwrap_err();
        assert_eq!(refused.field(), Some("kind"), "{refused}");
        let pbx =
            Pbx { manager: Some(Manager { host: "a".into(), port: 1, username: "u".into() }), ..world.pbx.clone() };
        let without = store.update_pbx(&scope, &pbx, None).await.unwrap_err();
        assert_eq!(without.field(), Some("manager_password"));
        let passwords = Passwords { own: None, manager: Some("m") };
        store.update_pbx(&scope, &pbx, passwords).await.unwrap();
        assert_eq!(store.manager_password(&scope, pbx.id).await.unwrap().as_deref(), Some("m"));
        store.update_end_point(&scope, &observing).await.unwrap();
        assert_eq!(store.end_point(&scope, observing.id).await.unwrap(), observing);
        let blind = store.update_pbx(&scope, &world.pbx, None).await.unwrap_err();
        assert_eq!(blind.field(), Some("manager_username"), "{blind}");

        store.update_end_point(&scope, &changed).await.unwrap();
        assert_eq!(store.end_point(&scope, changed.id).await.unwrap(), changed);
        assert_eq!(store.end_points(&scope).await.unwrap().len(), 2);
        store.delete_end_point(&scope, changed.id).await.unwrap();
        assert_eq!(store.delete_end_point(&scope, changed.id).await.unwrap_err().code(), "not_found");
        assert_eq!(store.delete_end_point(&scope, world.end_point.id).await.unwrap_err().code(), "in_use");
        let error = store.create_end_point(&scope, &end_point("out", PbxId(9))).await.unwrap_err();
        assert_eq!(error.field(), Some("pbx"));
    }
}
