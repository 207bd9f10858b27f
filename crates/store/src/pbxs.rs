//! PBXs, and their passwords.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks::{self, Locked};
use crate::scope::{Kind, Scope};
use crate::sql::Columns;
use domain::{Invalid, Manager, Pbx, PbxId, PbxLink, QueueLog};
use std::collections::BTreeMap;

/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 200;

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO pbx (",
            $column,
            "tenant_id, name, host, port, username, application, originates_per_second, link, unit_ms, \
             messages_per_unit, manager_host, manager_port, manager_username, password) VALUES (",
            $value,
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$15, ");
    SET_PASSWORD = "UPDATE pbx SET password = $3 WHERE tenant_id = $1 AND id = $2";
    UPDATE = "UPDATE pbx SET name = $3, host = $4, port = $5, username = $6, application = $7, \
        originates_per_second = $8, link = $9, unit_ms = $10, messages_per_unit = $11, manager_host = $12, \
        manager_port = $13, manager_username = $14 WHERE tenant_id = $1 AND id = $2";
    GET = "SELECT id, name, host, port, username, application, originates_per_second, link, unit_ms, messages_per_unit, \
        manager_host, manager_port, manager_username \
        FROM pbx WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, name, host, port, username, application, originates_per_second, link, unit_ms, messages_per_unit, \
        manager_host, manager_port, manager_username \
        FROM pbx WHERE tenant_id = $1 ORDER BY id";
    PASSWORD = "SELECT password FROM pbx WHERE tenant_id = $1 AND id = $2";
    SET_MANAGER_PASSWORD = "UPDATE pbx SET manager_password = $3 WHERE tenant_id = $1 AND id = $2";
    FORGET_MANAGER_PASSWORD = "UPDATE pbx SET manager_password = NULL WHERE tenant_id = $1 AND id = $2";
    PASSWORDS = "SELECT id, password, manager_password FROM pbx WHERE tenant_id = $1";
    MANAGER_PASSWORD = "SELECT manager_password FROM pbx WHERE tenant_id = $1 AND id = $2";
    OBSERVER_OF = "SELECT name FROM end_point WHERE tenant_id = $1 AND pbx_id = $2 AND queue IS NOT NULL LIMIT 1";
    LOGGED_BY = "SELECT c.name, c.queue_log FROM campaign c JOIN campaign_end_point l ON l.campaign_id = c.id \
        JOIN end_point e ON e.id = l.end_point_id WHERE c.tenant_id = $1 AND e.pbx_id = $2 ORDER BY c.id";
    EXISTS = "SELECT COUNT(*) FROM pbx WHERE tenant_id = $1 AND id = $2";
    USED_BY = "SELECT 'trunk ' || name FROM trunk WHERE tenant_id = $1 AND pbx_id = $2 \
        UNION ALL SELECT 'end point ' || name FROM end_point WHERE tenant_id = $1 AND pbx_id = $2 LIMIT 1";
    DELETE = "DELETE FROM pbx WHERE tenant_id = $1 AND id = $2";
}

const SUBJECT: Subject = Subject::Entity(Kind::Pbx);

impl Store {
    /// Saves a new PBX; its `id` is ignored and given anew. The password is sealed and never shown again.
    pub async fn create_pbx<'a>(
        &self,
        scope: &Scope,
        pbx: impl Into<Locked<'a, Pbx>>,
        passwords: impl Into<Passwords<'_>>,
    ) -> Result<Pbx> {
        let (Locked { it: pbx, lock }, passwords) = (pbx.into(), passwords.into());
        pbx.check()?;
        passwords.check()?;
        let password = passwords.own.ok_or_else(|| missing("password"))?;
        if pbx.manager.is_some() && passwords.manager.is_none() {
            return Err(missing("manager_password").into());
        }
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, SUBJECT);
        let id = query_scalar(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(&pbx.name)
            .bind(&pbx.host)
            .bind(i64::from(pbx.port))
            .bind(&pbx.username)
            .bind(&pbx.application)
            .bind(i64::from(pbx.originates_per_second))
            .bind(pbx.link.code())
            .bind(i64::from(pbx.unit_ms))
            .bind(i64::from(pbx.messages_per_unit))
            .bind(pbx.manager.as_ref().map(|manager| manager.host.clone()))
            .bind(pbx.manager.as_ref().map(|manager| i64::from(manager.port)))
            .bind(pbx.manager.as_ref().map(|manager| manager.username.clone()))
            .bind(Vec::<u8>::new())
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("pbx", &pbx.name))?;
        self.seal_password(scope, PbxId(id), password, &mut transaction).await?;
        self.take_manager_password(scope, pbx, PbxId(id), passwords.manager, &mut transaction).await?;
        locks::made(scope, Kind::Pbx, id, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, id, None, &passwords.names(), &mut transaction).await?;
        transaction.commit().await?;
        Ok(Pbx { id: PbxId(id), ..pbx.clone() })
    }

    /// Replaces all of a PBX; the password only when one is given.
    pub async fn update_pbx<'a>(
        &self,
        scope: &Scope,
        pbx: impl Into<Locked<'a, Pbx>>,
        passwords: impl Into<Passwords<'_>>,
    ) -> Result<Pbx> {
        let (Locked { it: pbx, lock }, passwords) = (pbx.into(), passwords.into());
        scope.check(Kind::Pbx, pbx.id.0)?;
        pbx.check()?;
        passwords.check()?;
        let mut transaction = self.begin().await?;
        let observer: Option<String> =
            query_scalar(OBSERVER_OF).bind(scope.tenant.0).bind(pbx.id.0).fetch_optional(&mut *transaction).await?;
        if let Some(end_point) = observer.filter(|_| !pbx.observes_queues()) {
            let problem = format!("is needed: end point {end_point} observes a queue of this PBX");
            return Err(Invalid::new("manager_username", problem).into());
        }
        if !pbx.observes_queues() {
            let rows = query(LOGGED_BY).bind(scope.tenant.0).bind(pbx.id.0).fetch_all(&mut *transaction).await?;
            for row in rows {
                if row.json::<QueueLog>("queue_log")?.enabled {
                    let problem = format!("is needed: campaign {} writes the queue_log of this PBX", row.text("name")?);
                    return Err(Invalid::new("manager_username", problem).into());
                }
            }
        }
        let was = audit::snapshot(scope, SUBJECT, pbx.id.0, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(pbx.id.0)
            .bind(&pbx.name)
            .bind(&pbx.host)
            .bind(i64::from(pbx.port))
            .bind(&pbx.username)
            .bind(&pbx.application)
            .bind(i64::from(pbx.originates_per_second))
            .bind(pbx.link.code())
            .bind(i64::from(pbx.unit_ms))
            .bind(i64::from(pbx.messages_per_unit))
            .bind(pbx.manager.as_ref().map(|manager| manager.host.clone()))
            .bind(pbx.manager.as_ref().map(|manager| i64::from(manager.port)))
            .bind(pbx.manager.as_ref().map(|manager| manager.username.clone()))
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("pbx", &pbx.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("pbx", pbx.id));
        }
        if let Some(password) = passwords.own {
            self.seal_password(scope, pbx.id, password, &mut transaction).await?;
        }
        self.take_manager_password(scope, pbx, pbx.id, passwords.manager, &mut transaction).await?;
        locks::changed(scope, Kind::Pbx, pbx.id.0, lock, &mut transaction).await?;
        audit::note(scope, SUBJECT, pbx.id.0, was, &passwords.names(), &mut transaction).await?;
        transaction.commit().await?;
        Ok(pbx.clone())
    }

    /// One PBX.
    pub async fn pbx(&self, scope: &Scope, id: PbxId) -> Result<Pbx> {
        scope.check(Kind::Pbx, id.0)?;
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("pbx", id))?)
    }

    /// Every PBX, by id.
    pub async fn pbxs(&self, scope: &Scope) -> Result<Vec<Pbx>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let pbxs = rows.iter().map(read);
        pbxs.filter(|pbx| pbx.as_ref().map_or(true, |pbx| scope.sees(Kind::Pbx, pbx.id.0))).collect()
    }

    /// The password, for the link to the PBX only.
    pub async fn pbx_password(&self, scope: &Scope, id: PbxId) -> Result<String> {
        let row = query(PASSWORD).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        self.open_password(scope, id, &row.ok_or_else(|| Error::not_found("pbx", id))?)
    }

    /// The password of the manager user through which its queues are observed, if there is one.
    pub async fn manager_password(&self, scope: &Scope, id: PbxId) -> Result<Option<String>> {
        let row = query(MANAGER_PASSWORD).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        self.open_manager_password(scope, id, &row.ok_or_else(|| Error::not_found("pbx", id))?)
    }

    /// The passwords of every PBX, its own and that of its manager user, in one question.
    pub async fn pbx_passwords(&self, scope: &Scope) -> Result<BTreeMap<PbxId, (String, Option<String>)>> {
        let rows = query(PASSWORDS).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        let passwords = |row: &Row| {
            let id = PbxId(row.int("id")?);
            Ok((id, (self.open_password(scope, id, row)?, self.open_manager_password(scope, id, row)?)))
        };
        rows.iter().map(passwords).collect()
    }

    fn open_password(&self, scope: &Scope, id: PbxId, row: &Row) -> Result<String> {
        let plain = self.cipher().open(&purpose(scope, id), &row.bytes("password")?);
        plain.and_then(|plain| String::from_utf8(plain).ok()).ok_or_else(|| Error::Key {
            path: self.key_file().to_owned(),
            why: format!("does not open the password of pbx {id}: set it again"),
        })
    }

    fn open_manager_password(&self, scope: &Scope, id: PbxId, row: &Row) -> Result<Option<String>> {
        let Some(sealed) = row.opt_bytes("manager_password")? else { return Ok(None) };
        let plain = self.cipher().open(&manager_purpose(scope, id), &sealed);
        plain.and_then(|plain| String::from_utf8(plain).ok()).map(Some).ok_or_else(|| Error::Key {
            path: self.key_file().to_owned(),
            why: format!("does not open the manager password of pbx {id}: set it again"),
        })
    }

    /// Keeps the one there is when none is given, and none without a manager user.
    async fn take_manager_password(
        &self,
        scope: &Scope,
        pbx: &Pbx,
        id: PbxId,
        password: Option<&str>,
        connection: &mut Connection,
    ) -> Result<()> {
        let statement = match (&pbx.manager, password) {
            (None, _) => query(FORGET_MANAGER_PASSWORD).bind(scope.tenant.0).bind(id.0),
            (Some(_), Some(password)) => {
                let sealed = self.cipher().seal(&manager_purpose(scope, id), password.as_bytes());
                query(SET_MANAGER_PASSWORD).bind(scope.tenant.0).bind(id.0).bind(sealed)
            }
            (Some(_), None) => {
                let row = query(MANAGER_PASSWORD).bind(scope.tenant.0).bind(id.0).fetch_one(connection).await?;
                let has_one = row.opt_bytes("manager_password")?.is_some();
                return if has_one { Ok(()) } else { Err(missing("manager_password").into()) };
            }
        };
        statement.execute(connection).await?;
        Ok(())
    }

    /// Deletes a PBX that no trunk and no end point names.
    pub async fn delete_pbx(&self, scope: &Scope, id: PbxId) -> Result<()> {
        scope.check(Kind::Pbx, id.0)?;
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id.0).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "pbx", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, SUBJECT, id.0, &mut transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id.0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("pbx", id));
        }
        audit::note(scope, SUBJECT, id.0, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn seal_password(&self, scope: &Scope, id: PbxId, password: &str, connection: &mut Connection) -> Result<()> {
        let sealed = self.cipher().seal(&purpose(scope, id), password.as_bytes());
        query(SET_PASSWORD).bind(scope.tenant.0).bind(id.0).bind(sealed).execute(connection).await?;
        Ok(())
    }
}

/// Refuses a PBX that does not exist, under the name that the API gives the field.
pub(crate) async fn check_exists(scope: &Scope, id: PbxId, connection: &mut Connection) -> Result<()> {
    locks::check_choice(scope, "pbx", Kind::Pbx, id.0)?;
    let count: i64 = query_scalar(EXISTS).bind(scope.tenant.0).bind(id.0).fetch_one(connection).await?;
    if count == 0 {
        return Err(Invalid::new("pbx", format!("pbx {id} does not exist")).into());
    }
    Ok(())
}

/// Whether the queues of a PBX can be observed.
pub(crate) async fn observes_queues(scope: &Scope, id: PbxId, connection: &mut Connection) -> Result<bool> {
    let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(connection).await?;
    Ok(read(&row.ok_or_else(|| Error::not_found("pbx", id))?)?.observes_queues())
}

/// Passwords of a PBX, given when they are new.
#[derive(Clone, Copy, Default)]
pub struct Passwords<'a> {
    /// Of the user by which it is reached.
    pub own: Option<&'a str>,
    /// Of the manager user through which its queues are observed.
    pub manager: Option<&'a str>,
}

impl<'a> From<&'a str> for Passwords<'a> {
    fn from(own: &'a str) -> Self {
        Self { own: Some(own), manager: None }
    }
}

impl<'a> From<&'a String> for Passwords<'a> {
    fn from(own: &'a String) -> Self {
        own.as_str().into()
    }
}

impl<'a> From<Option<&'a str>> for Passwords<'a> {
    fn from(own: Option<&'a str>) -> Self {
        Self { own, manager: None }
    }
}

impl Passwords<'_> {
    fn check(&self) -> Result<()> {
        self.own.map_or(Ok(()), |password| check_password("password", password))?;
        self.manager.map_or(Ok(()), |password| check_password("manager_password", password))
    }

    /// Which are given.
    fn names(&self) -> Vec<&'static str> {
        let given = [("password", self.own), ("manager_password", self.manager)];
        given.into_iter().filter(|(_, password)| password.is_some()).map(|(name, _)| name).collect()
    }
}

fn missing(field: &str) -> Invalid {
    let of = if field == "password" { "the ARI or manager user" } else { "the manager user that observes the queues" };
    Invalid::new(field, format!("is missing: the password of {of}"))
}

fn manager_purpose(scope: &Scope, id: PbxId) -> String {
    format!("pbx.manager_password of tenant {} pbx {id}", scope.tenant)
}

fn purpose(scope: &Scope, id: PbxId) -> String {
    format!("pbx.password of tenant {} pbx {id}", scope.tenant)
}

fn check_password(field: &str, password: &str) -> Result<()> {
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES || password.chars().any(char::is_control) {
        let problem = format!("must be 1 to {MAX_PASSWORD_BYTES} bytes without control characters");
        return Err(Invalid::new(field, problem).into());
    }
    Ok(())
}

/// A PBX without its password, for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(|row| Ok(serde_json::to_value(read(row)?).expect("plain data is JSON"))).transpose()
}

fn read(row: &Row) -> Result<Pbx> {
    Ok(Pbx {
        id: PbxId(row.int("id")?),
        name: row.text("name")?,
        host: row.text("host")?,
        port: row.number("port")?,
        username: row.text("username")?,
        application: row.text("application")?,
        originates_per_second: row.number("originates_per_second")?,
        link: PbxLink::parse(&row.text("link")?)?,
        unit_ms: row.number("unit_ms")?,
        messages_per_unit: row.number("messages_per_unit")?,
        manager: match row.opt_text("manager_username")? {
            Some(username) => {
                Some(Manager { host: row.text("manager_host")?, port: row.number("manager_port")?, username })
            }
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, pbx, trunk};

    crate::testing::on_both_engines! {
        names_are_unique_and_what_is_used_is_not_deleted;
        another_tenant_sees_nothing;
    }

    #[tokio::test]
    async fn a_pbx_survives_a_restart_with_its_password() {
        let home = Home::new();
        let scope = Scope::installation();
        let saved = home.open().await.create_pbx(&scope, &pbx("office"), "s3cret päss").await.unwrap();
        let store = home.open().await;
        assert_eq!(store.pbx(&scope, saved.id).await.unwrap(), saved);
        assert_eq!(store.pbx_password(&scope, saved.id).await.unwrap(), "s3cret päss");
        let moved = Pbx { host: "10.0.0.9".into(), link: PbxLink::Ami, unit_ms: 20, messages_per_unit: 2, ..saved };
        store.update_pbx(&scope, &moved, None).await.unwrap();
        assert_eq!(store.pbxs(&scope).await.unwrap(), std::slice::from_ref(&moved));
        assert_eq!(store.pbx_password(&scope, moved.id).await.unwrap(), "s3cret päss");
        store.update_pbx(&scope, &moved, Some("new")).await.unwrap();
        assert_eq!(store.pbx_password(&scope, moved.id).await.unwrap(), "new");
        drop(store);
        let everything = std::fs::read(&home.settings.path).unwrap();
        assert!(!everything.windows(6).any(|bytes| bytes == b"s3cret"), "the password is in the file in the clear");
    }

    async fn names_are_unique_and_what_is_used_is_not_deleted(home: Home) {
        let scope = Scope::installation();
        let store = home.open().await;
        let first = store.create_pbx(&scope, &pbx("office"), "x").await.unwrap();
        let error = store.create_pbx(&scope, &pbx("office"), "x").await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("name_taken", "pbx \"office\" exists already"));
        store.create_trunk(&scope, &trunk("out", first.id)).await.unwrap();
        let error = store.delete_pbx(&scope, first.id).await.unwrap_err();
        assert_eq!(error.to_string(), "pbx 1 is in use by trunk out");
        assert_eq!(store.delete_pbx(&scope, PbxId(9)).await.unwrap_err().code(), "not_found");
        let second = store.create_pbx(&scope, &pbx("spare"), "x").await.unwrap();
        store.delete_pbx(&scope, second.id).await.unwrap();
        let third = store.create_pbx(&scope, &pbx("spare"), "x").await.unwrap();
        assert!(third.id > second.id, "an id never returns");
    }

    async fn another_tenant_sees_nothing(home: Home) {
        let store = home.open().await;
        let saved = store.create_pbx(&Scope::installation(), &pbx("office"), "x").await.unwrap();
        let other = Scope { tenant: domain::TenantId(2), ..Scope::installation() };
        assert!(store.pbxs(&other).await.unwrap().is_empty());
        assert_eq!(store.pbx_password(&other, saved.id).await.unwrap_err().code(), "not_found");
        assert_eq!(store.delete_pbx(&other, saved.id).await.unwrap_err().code(), "not_found");
    }
}
