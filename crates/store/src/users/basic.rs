//! A login and a password with every request, as programs written for other products send them.
//!
//! Comparing a password is made to be slow, so one that was right is remembered for [`REMEMBERED`], in memory and under a
//! secret of this process. Rights are read anew each time; another password or a disabled user is seen at once.

use super::folded;
use super::keys::{Keyring, keyring};
use super::sessions::SignedIn;
use crate::db::Store;
use crate::engine::query;
use crate::error::Result;
use crate::scope::{FIRST_TENANT, Scope};
use crate::sql::Columns;
use crate::tokens::TokenScope;
use aws_lc_rs::hmac;
use domain::{TenantId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So long a password that was right is not compared again.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Logins remembered at once; when there are more, all are compared anew.
const MAX_REMEMBERED: usize = 200;

/// A user who named the right password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicUser {
    /// Whose rows the user sees.
    pub tenant: TenantId,
    /// The user's id.
    pub id: i64,
    /// The user's login.
    pub login: String,
    /// What the user may do.
    pub role: TokenScope,
    /// The user's keys; `None`: sees everything.
    pub keys: Option<Keyring>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BasicLogin {
    /// Here.
    In(BasicUser),
    /// No such user, another password, or the user may not sign in: nobody is told which.
    Wrong,
    /// Too many wrong ones: none is looked at until then.
    Locked(Timestamp),
}

/// Passwords that were right lately: per login the stored hash they were right for, and what stands for them.
#[derive(Clone)]
pub(crate) struct Remembered {
    key: Arc<hmac::Key>,
    logins: Arc<Mutex<BTreeMap<String, Entry>>>,
}

struct Entry {
    stored: String,
    tag: Vec<u8>,
    until: Instant,
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remembered")
    }
}

impl Default for Remembered {
    fn default() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &crate::secret::random::<32>());
        Self { key: Arc::new(key), logins: Arc::default() }
    }
}

impl Remembered {
    fn knows(&self, login: &str, password: &str, stored: &str) -> bool {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get(login).is_some_and(|entry| {
            entry.stored == stored
                && Instant::now() < entry.until
                && hmac::verify(&self.key, password.as_bytes(), &entry.tag).is_ok()
        })
    }

    fn keep(&self, login: &str, password: &str, stored: String) {
        let tag = hmac::sign(&self.key, password.as_bytes()).as_ref().to_vec();
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= MAX_REMEMBERED {
            logins.clear();
        }
        logins.insert(login.to_owned(), Entry { stored, tag, until: Instant::now() + REMEMBERED });
    }
}

statements! {
    USER = "SELECT u.id, u.login, u.password, u.enabled, u.keys, c.role, c.keys AS class_keys, c.all_keys \
        FROM user_account u JOIN user_class c ON c.id = u.class_id WHERE u.tenant_id = $1 AND u.login = $2";
}

impl Store {
    /// Who this is. Wrong passwords count towards the lock of the login, as they do when somebody signs in.
    pub async fn basic_user(&self, login: &str, password: &str, now: Timestamp) -> Result<BasicLogin> {
        let scope = Scope { tenant: FIRST_TENANT, ..Scope::installation() };
        let login = folded(login);
        let row = query(USER).bind(scope.tenant.0).bind(&login).fetch_optional(self.readers()).await?;
        let stored = row.as_ref().map(|row| row.text("password")).transpose()?;
        let known = stored.as_deref().is_some_and(|stored| self.remembered().knows(&login, password, stored));
        if !known {
            let turn = self.password_turn().await?;
            let user = row.as_ref().map(|row| row.int("id")).transpose()?;
            match self.compare(&scope, &turn, (&login, user), password, stored.clone(), now).await? {
                None => {}
                Some(SignedIn::Locked(until)) => return Ok(BasicLogin::Locked(until)),
                Some(_) => return Ok(BasicLogin::Wrong),
            }
        }
        let Some((row, stored)) = row.zip(stored) else { return Ok(BasicLogin::Wrong) };
        if !row.flag("enabled")? {
            return Ok(BasicLogin::Wrong);
        }
        if !known {
            self.remembered().keep(&login, password, stored);
        }
        let keys = keyring(&row.text("class_keys")?, &row.text("keys")?);
        Ok(BasicLogin::In(BasicUser {
            tenant: scope.tenant,
            id: row.int("id")?,
            login: row.text("login")?,
            role: row.code("role")?,
            keys: (!row.flag("all_keys")?).then_some(keys),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserRecord;
    use crate::sql::now;
    use crate::testing::Home;

    crate::testing::on_both_engines! {
        a_password_is_compared_once_and_a_changed_one_counts_at_once;
    }

    async fn a_password_is_compared_once_and_a_changed_one_counts_at_once(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let password = "correct horse battery";
        let user = store.create_first_user(&scope, "ana", "", password).await.unwrap();
        let BasicLogin::In(first) = store.basic_user(" Ana", password, now()).await.unwrap() else { panic!("not in") };
        assert_eq!((first.login.as_str(), first.keys, first.role), ("ana", None, TokenScope::Admin));
        let began = Instant::now();
        for _ in 0..20 {
            assert!(matches!(store.basic_user("ana", password, now()).await.unwrap(), BasicLogin::In(_)));
        }
        assert!(began.elapsed() < Duration::from_millis(200), "{:?}: each was compared", began.elapsed());
        assert_eq!(store.basic_user("ana", "wrong", now()).await.unwrap(), BasicLogin::Wrong);
        assert_eq!(store.basic_user("nobody", password, now()).await.unwrap(), BasicLogin::Wrong);
        store.update_user(&scope, &user, Some("another horse battery")).await.unwrap();
        assert_eq!(store.basic_user("ana", password, now()).await.unwrap(), BasicLogin::Wrong);
        store.create_user(&scope, &UserRecord { login: "ben".into(), ..user.clone() }, password).await.unwrap();
        store.update_user(&scope, &UserRecord { enabled: false, ..user }, None).await.unwrap();
        assert_eq!(store.basic_user("ana", "another horse battery", now()).await.unwrap(), BasicLogin::Wrong);
        for _ in 0..4 {
            store.basic_user("ben", "wrong", now()).await.unwrap();
        }
        assert!(matches!(store.basic_user("ben", "wrong", now()).await.unwrap(), BasicLogin::Locked(_)));
    }
}
