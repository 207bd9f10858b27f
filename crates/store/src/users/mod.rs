//! Users: people who sign in, their classes and sessions.

pub mod basic;
pub(crate) mod classes;
pub(crate) mod keys;
pub mod password;
pub(crate) mod sessions;
#[cfg(test)]
mod tests;

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::Scope;
use crate::sql::{Columns, now};
use domain::{Invalid, Timestamp};
use keys::tidy;
use password::check_password;
use serde_json::json;
use sessions::{end_sessions, forget_failures, login_key};
use std::collections::BTreeMap;

/// Longest login, in characters.
pub const MAX_LOGIN_CHARS: usize = 60;
/// Longest name or e-mail address, in characters.
const MAX_NAME_CHARS: usize = 200;
/// Longest comment, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Its id.
    pub id: i64,
    /// Unique: 1..=60 of `a-z`, digits and `._@+-`, beginning with a letter or digit. Capitals are taken as small letters.
    pub login: String,
    /// The person's name; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// May sign in.
    pub enabled: bool,
    /// The class, by id.
    pub class: i64,
    /// The user's own keys, space separated; `-B` takes away what the class grants.
    pub keys: String,
    /// For people; may be empty.
    pub comment: String,
    /// Too many wrong sign-ins: none is taken until then.
    pub locked_until: Option<Timestamp>,
    /// When the user last signed in.
    pub last_signed_in_at: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO user_account (",
            $column,
            "tenant_id, login, name, email, enabled, class_id, keys, comment, password, created_at) SELECT ",
            $value,
            "$1, $2, $3, $4, $5, id, $6, $7, $8, $9 FROM user_class WHERE tenant_id = $1 AND id = $10 \
            RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$11, ");
    UPDATE = "UPDATE user_account SET login = $3, name = $4, email = $5, enabled = $6, class_id = $7, keys = $8, \
        comment = $9 WHERE tenant_id = $1 AND id = $2";
    SET_PASSWORD = "UPDATE user_account SET password = $3 WHERE tenant_id = $1 AND id = $2";
    GET = "SELECT id, login, name, email, enabled, class_id, keys, comment, last_signed_in_at, created_at \
        FROM user_account WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, login, name, email, enabled, class_id, keys, comment, last_signed_in_at, created_at \
        FROM user_account WHERE tenant_id = $1 ORDER BY id";
    COUNT = "SELECT COUNT(*) FROM user_account WHERE tenant_id = $1";
    HAS_CLASS = "SELECT COUNT(*) FROM user_class WHERE tenant_id = $1 AND id = $2";
    // Whoever is left must be able to give everybody else their rights.
    ADMINISTRATORS = "SELECT COUNT(*) FROM user_account u JOIN user_class c ON c.id = u.class_id \
        WHERE u.tenant_id = $1 AND u.enabled = 1 AND c.role = 'admin' AND c.all_keys = 1";
    FIRST_CLASS = "SELECT id FROM user_class WHERE tenant_id = $1 AND role = 'admin' AND all_keys = 1 ORDER BY id LIMIT 1";
    LOCKED = "SELECT login_key, locked_until FROM sign_in_failure WHERE tenant_id = $1 AND locked_until > $2";
    DELETE = "DELETE FROM user_account WHERE tenant_id = $1 AND id = $2";
}

impl Store {
    /// Saves a new user; `id` and the instants are ignored. The password is hashed and never shown again.
    pub async fn create_user(&self, scope: &Scope, user: &UserRecord, password: &str) -> Result<UserRecord> {
        self.insert_user(scope, user, password, false).await
    }

    /// Makes the first user, of a class that may do and see everything. Refused once there is a user.
    pub async fn create_first_user(
        &self,
        scope: &Scope,
        login: &str,
        name: &str,
        password: &str,
    ) -> Result<UserRecord> {
        let class = query_scalar(FIRST_CLASS).bind(scope.tenant.0).fetch_optional(self.readers()).await?;
        let none = || Error::Conflict {
            what: "a first user".into(),
            why: "needs a class with role admin and all keys".into(),
        };
        let user = UserRecord {
            id: 0,
            login: login.into(),
            name: name.into(),
            email: String::new(),
            enabled: true,
            class: class.ok_or_else(none)?,
            keys: String::new(),
            comment: String::new(),
            locked_until: None,
            last_signed_in_at: None,
            created_at: now(),
        };
        self.insert_user(scope, &user, password, true).await
    }

    async fn insert_user(&self, scope: &Scope, user: &UserRecord, password: &str, first: bool) -> Result<UserRecord> {
        let mut user = checked(user)?;
        check_password("password", password, &user.login)?;
        let hash = self.password_turn().await?.hash(password).await;
        (user.created_at, user.locked_until, user.last_signed_in_at) = (now(), None, None);
        let mut transaction = self.begin().await?;
        let users: i64 = query_scalar(COUNT).bind(scope.tenant.0).fetch_one(&mut *transaction).await?;
        if first && users > 0 {
            return Err(Error::Conflict { what: "set-up".into(), why: "is done: there is a user already".into() });
        }
        let again = audit::again(scope, Subject::User);
        let row = query(again.map_or(CREATE, |_| CREATE_AGAIN))
            .bind(scope.tenant.0)
            .bind(&user.login)
            .bind(&user.name)
            .bind(&user.email)
            .bind(user.enabled)
            .bind(&user.keys)
            .bind(&user.comment)
            .bind(hash)
            .bind(user.created_at.0)
            .bind(user.class)
            .bind_some(again)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(Error::naming("user", &user.login))?;
        user.id = row.ok_or_else(|| no_class(user.class))?.int("id")?;
        // A login that was tried before it existed does not begin locked.
        forget_failures(scope, &self.login_key(&user.login), &mut transaction).await?;
        audit::note(scope, Subject::User, user.id, None, &["password"], &mut transaction).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Replaces all of a user; the password only when one is given. A user who is disabled or has another password is
    /// signed out everywhere. What would leave nobody who can administer is refused.
    pub async fn update_user(&self, scope: &Scope, user: &UserRecord, password: Option<&str>) -> Result<UserRecord> {
        let user = checked(user)?;
        let hash = match password {
            Some(password) => {
                check_password("password", password, &user.login)?;
                Some(self.password_turn().await?.hash(password).await)
            }
            None => None,
        };
        let mut transaction = self.begin().await?;
        let classes: i64 =
            query_scalar(HAS_CLASS).bind(scope.tenant.0).bind(user.class).fetch_one(&mut *transaction).await?;
        if classes == 0 {
            return Err(no_class(user.class));
        }
        let was = audit::snapshot(scope, Subject::User, user.id, &mut transaction).await?;
        let done = query(UPDATE)
            .bind(scope.tenant.0)
            .bind(user.id)
            .bind(&user.login)
            .bind(&user.name)
            .bind(&user.email)
            .bind(user.enabled)
            .bind(user.class)
            .bind(&user.keys)
            .bind(&user.comment)
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("user", &user.login))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("user", user.id));
        }
        still_administered(scope, &mut transaction).await?;
        if let Some(hash) = &hash {
            set_password(scope, user.id, hash, &mut transaction).await?;
        }
        if !user.enabled || hash.is_some() {
            end_sessions(scope, user.id, &mut transaction).await?;
        }
        let secrets: &[&str] = if hash.is_some() { &["password"] } else { &[] };
        audit::note(scope, Subject::User, user.id, was, secrets, &mut transaction).await?;
        let saved = self.read_user(scope, user.id, &mut transaction).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// One user.
    pub async fn user(&self, scope: &Scope, id: i64) -> Result<UserRecord> {
        let mut connection = self.readers().begin().await?;
        self.read_user(scope, id, &mut connection).await
    }

    /// Every user, by id.
    pub async fn users(&self, scope: &Scope) -> Result<Vec<UserRecord>> {
        let mut connection = self.readers().begin().await?;
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(&mut *connection).await?;
        let locked = locked(scope, &mut connection).await?;
        rows.iter().map(|row| self.with_lock(read(row)?, &locked)).collect()
    }

    /// Whether there is a user at all.
    pub async fn has_users(&self, scope: &Scope) -> Result<bool> {
        let users: i64 = query_scalar(COUNT).bind(scope.tenant.0).fetch_one(self.readers()).await?;
        Ok(users > 0)
    }

    /// Lets a user who is locked out try again.
    pub async fn unlock_user(&self, scope: &Scope, id: i64) -> Result<UserRecord> {
        let mut transaction = self.begin().await?;
        let user = self.read_user(scope, id, &mut transaction).await?;
        forget_failures(scope, &self.login_key(&user.login), &mut transaction).await?;
        if user.locked_until.is_some() {
            let what = json!({ "login": user.login });
            audit::note_deed(scope, "unlocked", Subject::User, id, what, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(UserRecord { locked_until: None, ..user })
    }

    /// Ends every session of a user.
    pub async fn sign_out_user(&self, scope: &Scope, id: i64) -> Result<()> {
        let mut transaction = self.begin().await?;
        let user = self.read_user(scope, id, &mut transaction).await?;
        end_sessions(scope, id, &mut transaction).await?;
        let what = json!({ "login": user.login });
        audit::note_deed(scope, "signed_out", Subject::User, id, what, &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Deletes a user, who is signed out at once. What the user did stays under the login.
    pub async fn delete_user(&self, scope: &Scope, id: i64) -> Result<()> {
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, Subject::User, id, &mut transaction).await?;
        end_sessions(scope, id, &mut transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("user", id));
        }
        still_administered(scope, &mut transaction).await?;
        audit::note(scope, Subject::User, id, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn read_user(&self, scope: &Scope, id: i64, connection: &mut Connection) -> Result<UserRecord> {
        let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(&mut *connection).await?;
        let user = read(&row.ok_or_else(|| Error::not_found("user", id))?)?;
        let locked = locked(scope, connection).await?;
        self.with_lock(user, &locked)
    }

    fn with_lock(&self, user: UserRecord, locked: &BTreeMap<Vec<u8>, Timestamp>) -> Result<UserRecord> {
        let locked_until = locked.get(&self.login_key(&user.login)).copied();
        Ok(UserRecord { locked_until, ..user })
    }

    /// What stands for a login among the wrong sign-ins: people type passwords there.
    pub(crate) fn login_key(&self, login: &str) -> Vec<u8> {
        login_key(self.installation().number_secret, login)
    }
}

pub(crate) async fn set_password(scope: &Scope, id: i64, hash: &str, connection: &mut Connection) -> Result<()> {
    query(SET_PASSWORD).bind(scope.tenant.0).bind(id).bind(hash).execute(connection).await?;
    Ok(())
}

/// Refuses to go on when nobody is left who may change users. Asked in the transaction that changes one.
pub(crate) async fn still_administered(scope: &Scope, connection: &mut Connection) -> Result<()> {
    let users: i64 = query_scalar(COUNT).bind(scope.tenant.0).fetch_one(&mut *connection).await?;
    let left: i64 = query_scalar(ADMINISTRATORS).bind(scope.tenant.0).fetch_one(connection).await?;
    if left == 0 && users > 0 { Err(Error::LastAdministrator) } else { Ok(()) }
}

/// Logins with the end of their lock. As many as there were wrong sign-ins lately, which are one at a time.
async fn locked(scope: &Scope, connection: &mut Connection) -> Result<BTreeMap<Vec<u8>, Timestamp>> {
    let rows = query(LOCKED).bind(scope.tenant.0).bind(now().0).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.bytes("login_key")?, row.at("locked_until")?))).collect()
}

/// A login as it is stored.
pub(crate) fn folded(login: &str) -> String {
    login.trim().to_ascii_lowercase()
}

fn checked(user: &UserRecord) -> Result<UserRecord> {
    let login = folded(&user.login);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@+-".contains(c);
    let begins = login.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || login.len() > MAX_LOGIN_CHARS || !login.chars().all(fits) {
        let problem =
            format!("must be 1 to {MAX_LOGIN_CHARS} letters a-z, digits and ._@+-, beginning with a letter or digit");
        return Err(Invalid::new("login", problem).into());
    }
    let texts = [("name", &user.name, MAX_NAME_CHARS), ("email", &user.email, MAX_NAME_CHARS)];
    for (field, text, most) in texts {
        if text.chars().count() > most || text.chars().any(char::is_control) {
            return Err(
                Invalid::new(field, format!("must have at most {most} characters and no control characters")).into()
            );
        }
    }
    if !user.email.is_empty() && !user.email.contains('@') {
        return Err(Invalid::new("email", format!("{:?} is no e-mail address", user.email)).into());
    }
    let comment = &user.comment;
    if comment.chars().count() > MAX_COMMENT_CHARS || comment.chars().any(|c| c.is_control() && c != '\n') {
        let problem = format!("must have at most {MAX_COMMENT_CHARS} characters and no control characters");
        return Err(Invalid::new("comment", problem).into());
    }
    Ok(UserRecord { login, keys: tidy(&user.keys, true)?, ..user.clone() })
}

fn no_class(id: i64) -> Error {
    Invalid::new("class", format!("class {id} does not exist")).into()
}

/// A user without the password, for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref()
        .map(|row| {
            Ok({
                let UserRecord { login, name, email, enabled, class, keys, comment, .. } = read(row)?;
                serde_json::json!({
                    "login": login, "name": name, "email": email, "enabled": enabled, "class": class, "keys": keys,
                    "comment": comment,
                })
            })
        })
        .transpose()
}

fn read(row: &Row) -> Result<UserRecord> {
    Ok(UserRecord {
        id: row.int("id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        email: row.text("email")?,
        enabled: row.flag("enabled")?,
        class: row.int("class_id")?,
        keys: row.text("keys")?,
        comment: row.text("comment")?,
        locked_until: None,
        last_signed_in_at: row.opt_at("last_signed_in_at")?,
        created_at: row.at("created_at")?,
    })
}

/// Statements of this module and those below.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [STATEMENTS, basic::STATEMENTS, classes::STATEMENTS, sessions::STATEMENTS].concat()
}
