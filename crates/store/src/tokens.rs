//! Access tokens: shown once, kept as a hash.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::lists::check_name;
use crate::scope::Scope;
use crate::secret::{hex, random};
use crate::sql::{Columns, decode, now};
use crate::users::keys::{Keyring, tidy};
use aws_lc_rs::digest::{SHA256, digest};
use domain::{Invalid, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// What every token begins with.
pub const TOKEN_PREFIX: &str = "cct_";
/// Random bytes of a token: 256 bits.
const TOKEN_BYTES: usize = 32;

/// What a token may do. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// See everything but secrets.
    Read,
    /// Start, pause and stop work; add contacts.
    Operate,
    /// Configure, and manage tokens.
    Admin,
}

/// A token as it is known after it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenRecord {
    /// Its id.
    pub id: i64,
    /// Whose rows it opens.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Unique among tokens that are not revoked.
    pub name: String,
    /// What it may do, least first.
    pub scopes: Vec<TokenScope>,
    /// Sees what has no key or one of these, space separated; `None`: everything.
    pub keys: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl TokenRecord {
    /// The keys, unless it sees everything.
    pub fn keyring(&self) -> Option<Keyring> {
        Some(self.keys.as_ref()?.split(' ').filter(|key| !key.is_empty()).map(str::to_owned).collect())
    }

    /// Whether it may do what needs `scope`.
    pub fn allows(&self, scope: TokenScope) -> bool {
        self.revoked_at.is_none() && self.scopes.iter().any(|own| *own >= scope)
    }
}

statements! {
    CREATE = "INSERT INTO token (tenant_id, name, scopes, hash, created_at, keys) VALUES ($1, $2, $3, $4, $5, $6) \
        RETURNING id";
    FIND = "SELECT id, tenant_id, name, scopes, keys, created_at, revoked_at FROM token \
        WHERE hash = $1 AND revoked_at IS NULL";
    ALL = "SELECT id, tenant_id, name, scopes, keys, created_at, revoked_at FROM token WHERE tenant_id = $1 ORDER BY id";
    GET = "SELECT id, tenant_id, name, scopes, keys, created_at, revoked_at FROM token \
        WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    REVOKE = "UPDATE token SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant_id = $1 AND id = $2";
}

impl Store {
    /// Makes a token; the second value is the token itself, which cannot be read again.
    pub async fn create_token(
        &self,
        scope: &Scope,
        name: &str,
        scopes: Vec<TokenScope>,
    ) -> Result<(TokenRecord, String)> {
        self.create_keyed_token(scope, name, scopes, None).await
    }

    /// The same of a token that sees what has no key or one of `keys`.
    pub async fn create_keyed_token(
        &self,
        scope: &Scope,
        name: &str,
        scopes: Vec<TokenScope>,
        keys: Option<&str>,
    ) -> Result<(TokenRecord, String)> {
        check_name(name)?;
        let keys = keys.map(|keys| tidy(keys, false)).transpose()?;
        let mut scopes = scopes;
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Invalid::new("scopes", "must name at least one of read, operate, admin").into());
        }
        let plain = format!("{TOKEN_PREFIX}{}", hex(&random::<TOKEN_BYTES>()));
        let created_at = now();
        let mut transaction = self.begin().await?;
        let id = query_scalar(CREATE)
            .bind(scope.tenant.0)
            .bind(name)
            .bind(scopes.iter().map(crate::sql::code_of).collect::<Vec<_>>().join(","))
            .bind(hash(&plain))
            .bind(created_at.0)
            .bind(&keys)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("token", name))?;
        audit::note(scope, Subject::Token, id, None, &["secret"], &mut transaction).await?;
        transaction.commit().await?;
        let record =
            TokenRecord { id, tenant: scope.tenant, name: name.to_owned(), scopes, keys, created_at, revoked_at: None };
        Ok((record, plain))
    }

    /// Whose token this is; `None` for one that is unknown or revoked. Found by its hash, so the time it takes tells
    /// nothing about tokens that exist.
    pub async fn authenticate(&self, plain: &str) -> Result<Option<TokenRecord>> {
        if !plain.starts_with(TOKEN_PREFIX) || plain.len() != TOKEN_PREFIX.len() + 2 * TOKEN_BYTES {
            return Ok(None);
        }
        let row = query(FIND).bind(hash(plain)).fetch_optional(self.readers()).await?;
        row.as_ref().map(read).transpose()
    }

    /// Every token, revoked ones too, by id.
    pub async fn tokens(&self, scope: &Scope) -> Result<Vec<TokenRecord>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// Revokes a token for good. Revoking twice is no error.
    pub async fn revoke_token(&self, scope: &Scope, id: i64) -> Result<()> {
        let mut transaction = self.begin().await?;
        let before = audit::snapshot(scope, Subject::Token, id, &mut transaction).await?;
        let done = query(REVOKE).bind(scope.tenant.0).bind(id).bind(now().0).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("token", id));
        }
        audit::note(scope, Subject::Token, id, before, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

pub(crate) fn hash(plain: &str) -> Vec<u8> {
    digest(&SHA256, plain.as_bytes()).as_ref().to_vec()
}

/// A token without its secret; one that is revoked is gone, for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref()
        .map(|row| {
            Ok({
                let TokenRecord { name, scopes, keys, .. } = read(row)?;
                serde_json::json!({ "name": name, "scopes": scopes, "keys": keys })
            })
        })
        .transpose()
}

fn read(row: &Row) -> Result<TokenRecord> {
    let scopes = row.text("scopes")?;
    let scope = |code: &str| match code {
        "read" => Ok(TokenScope::Read),
        "operate" => Ok(TokenScope::Operate),
        "admin" => Ok(TokenScope::Admin),
        other => Err(decode("scopes", &format!("{other:?} is no scope"))),
    };
    Ok(TokenRecord {
        id: row.int("id")?,
        tenant: TenantId(row.int("tenant_id")?),
        name: row.text("name")?,
        scopes: scopes.split(',').map(scope).collect::<Result<_>>()?,
        keys: row.opt_text("keys")?,
        created_at: row.at("created_at")?,
        revoked_at: row.opt_at("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    crate::testing::on_both_engines! {
        a_token_opens_until_it_is_revoked;
    }

    async fn a_token_opens_until_it_is_revoked(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let (record, plain) = store.create_token(&scope, "cron", vec![TokenScope::Operate]).await.unwrap();
        assert_eq!(plain.len(), 68);
        let found = store.authenticate(&plain).await.unwrap().unwrap();
        assert_eq!(found, record);
        assert!(found.allows(TokenScope::Read) && found.allows(TokenScope::Operate));
        assert!(!found.allows(TokenScope::Admin));
        assert_eq!(store.authenticate(&plain.replace("cct_", "cct-")).await.unwrap(), None);
        assert_eq!(store.authenticate(&format!("cct_{}", "0".repeat(64))).await.unwrap(), None);
        assert_eq!(store.create_token(&scope, "cron", vec![TokenScope::Read]).await.unwrap_err().code(), "name_taken");
        store.revoke_token(&scope, record.id).await.unwrap();
        assert_eq!(store.authenticate(&plain).await.unwrap(), None);
        assert!(!store.tokens(&scope).await.unwrap()[0].allows(TokenScope::Read));
        store.create_token(&scope, "cron", vec![TokenScope::Read]).await.unwrap();
        assert_eq!(store.revoke_token(&scope, 99).await.unwrap_err().code(), "not_found");
    }

    #[tokio::test]
    async fn the_token_itself_is_not_in_the_file() {
        let home = Home::new();
        let store = home.open().await;
        let (_, plain) = store.create_token(&Scope::installation(), "cron", vec![TokenScope::Admin]).await.unwrap();
        store.close().await;
        let everything = std::fs::read(&home.settings.path).unwrap();
        assert!(!everything.windows(16).any(|bytes| bytes == &plain.as_bytes()[4..20]));
    }
}
