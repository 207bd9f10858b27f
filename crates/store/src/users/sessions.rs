//! Signing in and out. What the browser holds is kept as a hash; a sign-in always makes a new one.

use super::keys::{Keyring, keyring};
use super::password::{Turn, check_password};
use super::{folded, set_password};
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::{Actor, FIRST_TENANT, Scope};
use crate::secret::{hex, random};
use crate::sql::Columns;
use crate::tokens::{TokenScope, hash};
use aws_lc_rs::hmac;
use domain::{Invalid, TenantId, Timestamp};
use serde_json::json;
use std::time::Duration;

/// What every session's secret begins with.
const PREFIX: &str = "ccs_";
/// Random bytes of it: 256 bits.
const SECRET_BYTES: usize = 32;
/// Wrong sign-ins within [`WITHIN`] that lock a login for [`LOCKED_FOR`].
pub(crate) const FAILURES: i64 = 5;
const WITHIN: Duration = Duration::from_secs(15 * 60);
const LOCKED_FOR: Duration = Duration::from_secs(15 * 60);
/// Sessions of one user, at most: the oldest ends when there would be more.
const MAX_SESSIONS: i64 = 20;
/// A use is written down when the last one that was is older than this, or than an eighth of the idle limit.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Of a wrong sign-in, in the audit log.
const REFUSED: &str = "sign_in_refused";

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// At all.
    pub absolute: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 3_600) }
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session's id.
    pub id: i64,
    /// Whose rows it opens.
    pub tenant: TenantId,
    /// The user's id.
    pub user: i64,
    /// The user's login: the actor of everything done in the session.
    pub login: String,
    /// The user's name.
    pub name: String,
    /// The user's e-mail address.
    pub email: String,
    /// What the user may do.
    pub role: TokenScope,
    /// The user's keys.
    pub keys: Keyring,
    /// Sees everything, whatever key it has.
    pub all_keys: bool,
    /// When it began.
    pub signed_in_at: Timestamp,
    /// Ends then unless there is a request before.
    pub idle_until: Timestamp,
    /// Ends then.
    pub ends_at: Timestamp,
}

/// What came of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// The session and what the browser is to hold, which cannot be read again.
    In(Box<SessionRecord>, String),
    /// There is no such user, or the password is another.
    Wrong,
    /// Too many wrong ones: none is looked at until then.
    Locked(Timestamp),
    /// The password is right, and the user may not sign in.
    Disabled,
}

statements! {
    USER = "SELECT id, enabled, password FROM user_account WHERE tenant_id = $1 AND login = $2";
    USER_BY_ID = "SELECT id, login, password FROM user_account WHERE tenant_id = $1 AND id = $2";
    FAILURE = "SELECT failures, since, locked_until FROM sign_in_failure WHERE tenant_id = $1 AND login_key = $2";
    FAILED = "INSERT INTO sign_in_failure (tenant_id, login_key, failures, since, locked_until) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (tenant_id, login_key) DO UPDATE SET failures = excluded.failures, since = excluded.since, \
        locked_until = excluded.locked_until";
    FORGET_OLD_FAILURES = "DELETE FROM sign_in_failure WHERE tenant_id = $1 AND since < $2 \
        AND (locked_until IS NULL OR locked_until < $3)";
    FORGET_FAILURES = "DELETE FROM sign_in_failure WHERE tenant_id = $1 AND login_key = $2";
    BEGIN = "INSERT INTO user_session (tenant_id, user_id, hash, signed_in_at, seen_at) VALUES ($1, $2, $3, $4, $4) \
        RETURNING id";
    SIGNED_IN = "UPDATE user_account SET last_signed_in_at = $3 WHERE tenant_id = $1 AND id = $2";
    END_OLD = "DELETE FROM user_session WHERE tenant_id = $1 AND (signed_in_at < $2 OR seen_at < $3)";
    END_SURPLUS = "DELETE FROM user_session WHERE user_id = $1 AND id NOT IN \
        (SELECT id FROM user_session WHERE user_id = $1 ORDER BY id DESC LIMIT $2)";
    FIND = "SELECT s.id, s.tenant_id, s.signed_in_at, s.seen_at, u.id AS user_id, u.login, u.name, u.email, u.keys, \
        c.role, c.keys AS class_keys, c.all_keys FROM user_session s JOIN user_account u ON u.id = s.user_id \
        JOIN user_class c ON c.id = u.class_id WHERE s.hash = $1 AND u.enabled = 1";
    SEEN = "UPDATE user_session SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
    END = "DELETE FROM user_session WHERE hash = $1 RETURNING user_id";
    LOGIN = "SELECT login FROM user_account WHERE tenant_id = $1 AND id = $2";
    END_ALL = "DELETE FROM user_session WHERE tenant_id = $1 AND user_id = $2";
}

impl Store {
    /// Signs in. An unknown login takes the same time and gives the same answers as a known one with a wrong password,
    /// the lock included. `had` is what the browser held before, which ends.
    pub async fn sign_in(
        &self,
        login: &str,
        password: &str,
        had: Option<&str>,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let scope = Scope { tenant: FIRST_TENANT, ..Scope::installation() };
        let turn = self.password_turn().await?;
        let login = folded(login);
        let user = query(USER).bind(scope.tenant.0).bind(&login).fetch_optional(self.readers()).await?;
        let stored = user.as_ref().map(|row| row.text("password")).transpose()?;
        let id = user.as_ref().map(|row| row.int("id")).transpose()?;
        let refused = self.compare(&scope, &turn, (&login, id), password, stored, now).await?;
        let user = match (refused, user) {
            (Some(refused), _) => return Ok(refused),
            (None, None) => return Ok(SignedIn::Wrong),
            (None, Some(user)) => user,
        };
        let mut transaction = self.begin().await?;
        if !user.flag("enabled")? {
            let what = json!({ "login": login, "why": "disabled" });
            audit::note_once(&scope, REFUSED, Subject::User, user.int("id")?, what, &mut transaction).await?;
            transaction.commit().await?;
            return Ok(SignedIn::Disabled);
        }
        if let Some(had) = had {
            query(END).bind(hash(had)).execute(&mut *transaction).await?;
        }
        forget_failures(&scope, &self.login_key(&login), &mut transaction).await?;
        let secret = begin_session(&scope, user.int("id")?, limits, now, &mut transaction).await?;
        let session = find(&secret, limits, now, &mut transaction).await?;
        // Disabled or deleted in this moment.
        let Some((session, _)) = session else { return Ok(SignedIn::Disabled) };
        let scope = by(&scope, session.user, &login);
        let what = json!({ "login": login });
        audit::note_deed(&scope, "signed_in", Subject::User, session.user, what, &mut transaction).await?;
        transaction.commit().await?;
        Ok(SignedIn::In(Box::new(session), secret))
    }

    /// Changes the password of somebody who is signed in and knows it. Every session of the user ends; the one that is
    /// returned begins.
    pub async fn change_password(
        &self,
        scope: &Scope,
        user: i64,
        current: &str,
        new: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let turn = self.password_turn().await?;
        let row = query(USER_BY_ID).bind(scope.tenant.0).bind(user).fetch_optional(self.readers()).await?;
        let row = row.ok_or_else(|| Error::not_found("user", user))?;
        let login = row.text("login")?;
        check_password("new", new, &login)?;
        if let Some(refused) =
            self.compare(scope, &turn, (&login, Some(user)), current, Some(row.text("password")?), now).await?
        {
            return Ok(refused);
        }
        if current == new {
            return Err(Invalid::new("new", "is the password that you have").into());
        }
        let hashed = turn.hash(new).await;
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, Subject::User, user, &mut transaction).await?;
        set_password(scope, user, &hashed, &mut transaction).await?;
        let own = Actor { name: login.clone(), user: Some(user) };
        let by_user = Scope { actor: own, ..scope.clone() };
        audit::note(&by_user, Subject::User, user, was, &["password"], &mut transaction).await?;
        end_sessions(scope, user, &mut transaction).await?;
        forget_failures(scope, &self.login_key(&login), &mut transaction).await?;
        let secret = begin_session(scope, user, limits, now, &mut transaction).await?;
        let Some((session, _)) = find(&secret, limits, now, &mut transaction).await? else {
            return Ok(SignedIn::Disabled);
        };
        transaction.commit().await?;
        Ok(SignedIn::In(Box::new(session), secret))
    }

    /// Whose session this is; `None` for one that is unknown or over, or whose user may not sign in any more. Found by its
    /// hash, so the time it takes tells nothing about sessions that exist.
    pub async fn session(&self, secret: &str, limits: SessionLimits, now: Timestamp) -> Result<Option<SessionRecord>> {
        if !secret.starts_with(PREFIX) || secret.len() != PREFIX.len() + 2 * SECRET_BYTES {
            return Ok(None);
        }
        let row = query(FIND).bind(hash(secret)).fetch_optional(self.readers()).await?;
        let Some((session, seen_at)) = row.as_ref().map(|row| read(row, limits)).transpose()? else { return Ok(None) };
        if now >= session.idle_until || now >= session.ends_at {
            return Ok(None);
        }
        let step = NOTED_EVERY.min(limits.idle / 8);
        if now < plus(seen_at, step) {
            return Ok(Some(session));
        }
        // A database that takes no writes in this moment does not sign anybody out.
        if let Err(error) = self.note_use(session.id, now).await {
            tracing::warn!(%error, "the use of a session could not be written down");
        }
        Ok(Some(SessionRecord { idle_until: plus(now, limits.idle).min(session.ends_at), ..session }))
    }

    async fn note_use(&self, session: i64, now: Timestamp) -> Result<()> {
        let mut transaction = self.begin().await?;
        query(SEEN).bind(session).bind(now.0).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Ends a session. One that is over already is no error.
    pub async fn sign_out(&self, secret: &str) -> Result<()> {
        let mut transaction = self.begin().await?;
        let user: Option<i64> = query_scalar(END).bind(hash(secret)).fetch_optional(&mut *transaction).await?;
        if let Some(user) = user {
            let scope = Scope { tenant: FIRST_TENANT, ..Scope::installation() };
            let login = query_scalar::<String>(LOGIN).bind(scope.tenant.0).bind(user);
            let login = login.fetch_optional(&mut *transaction).await?.unwrap_or_default();
            let (scope, what) = (by(&scope, user, &login), json!({ "login": login }));
            audit::note_deed(&scope, "signed_out", Subject::User, user, what, &mut transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// `None`: the password is right. Counts what is wrong. The caller has the turn, so that nobody tries two at once.
    pub(crate) async fn compare(
        &self,
        scope: &Scope,
        turn: &Turn,
        (login, user): (&str, Option<i64>),
        password: &str,
        stored: Option<String>,
        now: Timestamp,
    ) -> Result<Option<SignedIn>> {
        let key = self.login_key(login);
        let row = query(FAILURE).bind(scope.tenant.0).bind(key.clone()).fetch_optional(self.readers()).await?;
        let (failures, since) = match &row {
            Some(row) => {
                let locked_until = row.opt_at("locked_until")?;
                if let Some(until) = locked_until.filter(|until| now < *until) {
                    return Ok(Some(SignedIn::Locked(until)));
                }
                let since = row.at("since")?;
                let counts = locked_until.is_none() && now < plus(since, WITHIN);
                if counts { (row.int("failures")?, since) } else { (0, now) }
            }
            None => (0, now),
        };
        if turn.is_right(password, stored).await {
            return Ok(None);
        }
        let failures = failures + 1;
        let locked_until = (failures >= FAILURES).then(|| plus(now, LOCKED_FOR));
        let mut transaction = self.begin().await?;
        query(FORGET_OLD_FAILURES)
            .bind(scope.tenant.0)
            .bind(now.0 - WITHIN.as_micros() as i64)
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        query(FAILED)
            .bind(scope.tenant.0)
            .bind(key)
            .bind(failures)
            .bind(since.0)
            .bind(locked_until.map(|at| at.0))
            .execute(&mut *transaction)
            .await?;
        match user {
            // At most [`FAILURES`] until the lock, which is not looked behind.
            Some(user) => {
                let what = json!({ "login": login, "failures": failures });
                audit::note_deed(scope, REFUSED, Subject::User, user, what, &mut transaction).await?;
                if let Some(until) = locked_until {
                    let what = json!({ "login": login, "until": until });
                    audit::note_deed(scope, "locked", Subject::User, user, what, &mut transaction).await?;
                }
            }
            // What was typed is not written down: it may be a password.
            None => {
                let what = json!({ "login": "", "why": "unknown login" });
                audit::note_once(scope, REFUSED, Subject::User, 0, what, &mut transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(Some(locked_until.map_or(SignedIn::Wrong, SignedIn::Locked)))
    }

    /// A turn at hashing passwords; refused when too many wait.
    pub(crate) async fn password_turn(&self) -> Result<Turn> {
        self.passwords().turn().await.ok_or(Error::TooManySignIns)
    }
}

/// As done by this user.
fn by(scope: &Scope, user: i64, login: &str) -> Scope {
    Scope { actor: Actor { name: login.to_owned(), user: Some(user) }, ..scope.clone() }
}

async fn begin_session(
    scope: &Scope,
    user: i64,
    limits: SessionLimits,
    now: Timestamp,
    connection: &mut Connection,
) -> Result<String> {
    let secret = format!("{PREFIX}{}", hex(&random::<SECRET_BYTES>()));
    let before = |limit: Duration| now.0 - limit.as_micros() as i64;
    query(END_OLD)
        .bind(scope.tenant.0)
        .bind(before(limits.absolute))
        .bind(before(limits.idle))
        .execute(&mut *connection)
        .await?;
    let id: i64 = query_scalar(BEGIN)
        .bind(scope.tenant.0)
        .bind(user)
        .bind(hash(&secret))
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await?;
    debug_assert!(id > 0);
    query(END_SURPLUS).bind(user).bind(MAX_SESSIONS).execute(&mut *connection).await?;
    query(SIGNED_IN).bind(scope.tenant.0).bind(user).bind(now.0).execute(connection).await?;
    Ok(secret)
}

async fn find(
    secret: &str,
    limits: SessionLimits,
    now: Timestamp,
    connection: &mut Connection,
) -> Result<Option<(SessionRecord, Timestamp)>> {
    let row = query(FIND).bind(hash(secret)).fetch_optional(connection).await?;
    let session = row.as_ref().map(|row| read(row, limits)).transpose()?;
    Ok(session.filter(|(session, _)| now < session.idle_until && now < session.ends_at))
}

/// Signs a user out everywhere.
pub(crate) async fn end_sessions(scope: &Scope, user: i64, connection: &mut Connection) -> Result<()> {
    query(END_ALL).bind(scope.tenant.0).bind(user).execute(connection).await?;
    Ok(())
}

/// Begins to count wrong sign-ins anew.
pub(crate) async fn forget_failures(scope: &Scope, login_key: &[u8], connection: &mut Connection) -> Result<()> {
    query(FORGET_FAILURES).bind(scope.tenant.0).bind(login_key).execute(connection).await?;
    Ok(())
}

/// A login under the installation's secret.
pub(crate) fn login_key(secret: u64, login: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.to_le_bytes());
    hmac::sign(&key, login.as_bytes()).as_ref().to_vec()
}

fn plus(at: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
}

/// The session and when its use was last written down.
fn read(row: &Row, limits: SessionLimits) -> Result<(SessionRecord, Timestamp)> {
    let (signed_in_at, seen_at) = (row.at("signed_in_at")?, row.at("seen_at")?);
    let ends_at = plus(signed_in_at, limits.absolute);
    let session = SessionRecord {
        id: row.int("id")?,
        tenant: TenantId(row.int("tenant_id")?),
        user: row.int("user_id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        email: row.text("email")?,
        role: row.code("role")?,
        keys: keyring(&row.text("class_keys")?, &row.text("keys")?),
        all_keys: row.flag("all_keys")?,
        signed_in_at,
        idle_until: plus(seen_at, limits.idle).min(ends_at),
        ends_at,
    };
    Ok((session, seen_at))
}
