//! What the installation is: its name, its epochs, and whether dialling is held.

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Pool, query, query_scalar};
use crate::error::{Error, Result};
use crate::journal::events::{Event, Events, masked};
use crate::scope::{FIRST_TENANT, Scope};
use crate::secret::{Cipher, random};
use crate::sql::{Columns, now};
use domain::{LegId, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// Letters of an installation's name.
const NAME_LETTERS: usize = 6;
/// The purpose of the sealed secret that keys the number hashes.
const NUMBER_SECRET: &str = "installation.number_secret";

/// One start of the server. Channel ids carry it, so that a channel of an earlier start is never taken for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Epoch {
    /// Random at install, `[a-z0-9]{6}`.
    pub installation: String,
    /// 1 at the first start.
    pub epoch: i64,
}

impl Epoch {
    /// The channel id of a leg: `c-<installation>-<epoch>-<leg>`, the leg in ten digits: Asterisk refuses an id that is
    /// the beginning of one that exists (`c-1` while there is `c-10`), so none may ever be.
    pub fn channel(&self, leg: LegId) -> String {
        format!("c-{}-{}-{:010}", self.installation, self.epoch, leg.0)
    }
}

/// Dialling is stopped until someone lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Who stopped it.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

pub(crate) struct Installation {
    pub(crate) name: String,
    pub(crate) epoch: i64,
    pub(crate) number_secret: u64,
}

statements! {
    FIND = "SELECT name, epoch, number_secret FROM installation WHERE tenant_id = $1";
    CREATE = "INSERT INTO installation (tenant_id, name, epoch, number_secret, created_at) VALUES ($1, $2, 0, $3, $4)";
    CREATE_BLOCK = "INSERT INTO id_block (tenant_id, kind, next) VALUES ($1, $2, 1)";
    NEXT_EPOCH = "UPDATE installation SET epoch = epoch + 1 WHERE tenant_id = $1 RETURNING epoch";
    HOLD = "SELECT since, actor, why FROM hold WHERE tenant_id = $1";
    SET_HOLD = "INSERT INTO hold (tenant_id, since, actor, why) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    LIFT_HOLD = "DELETE FROM hold WHERE tenant_id = $1";
}

impl Installation {
    pub(crate) async fn find(writer: &Pool) -> Result<Option<(String, i64, Vec<u8>)>> {
        let row = query(FIND).bind(FIRST_TENANT.0).fetch_optional(writer).await?;
        row.map(|row| Ok((row.text("name")?, row.int("epoch")?, row.bytes("number_secret")?))).transpose()
    }

    /// Whether the secrets of a database open with this key; `None`: they do not.
    pub(crate) async fn check_key(database: &Pool, cipher: &Cipher) -> Result<Option<()>> {
        let found = Self::find(database).await?;
        Ok(found.and_then(|(_, _, sealed)| cipher.open(NUMBER_SECRET, &sealed)).map(drop))
    }

    pub(crate) async fn read_or_create(writer: &Pool, cipher: &Cipher, key_file: &Path) -> Result<Self> {
        if let Some((name, epoch, sealed)) = Self::find(writer).await? {
            let secret = cipher.open(NUMBER_SECRET, &sealed).and_then(|secret| secret.try_into().ok());
            let number_secret = u64::from_le_bytes(secret.ok_or_else(|| Error::Key {
                path: key_file.to_owned(),
                why: "is not the key of this database: restore the one that was made with it".into(),
            })?);
            return Ok(Self { name, epoch, number_secret });
        }
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let name: String =
            random::<NAME_LETTERS>().iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect();
        let number_secret = random::<8>();
        let mut transaction = writer.begin_write().await?;
        query(CREATE)
            .bind(FIRST_TENANT.0)
            .bind(&name)
            .bind(cipher.seal(NUMBER_SECRET, &number_secret))
            .bind(now().0)
            .execute(&mut *transaction)
            .await?;
        for kind in crate::journal::IdKind::ALL {
            query(CREATE_BLOCK).bind(FIRST_TENANT.0).bind(kind.code()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(Self { name, epoch: 0, number_secret: u64::from_le_bytes(number_secret) })
    }
}

impl Store {
    /// Counts a start of the server. Once per process, before anything is dialled.
    pub async fn begin_epoch(&self) -> Result<Epoch> {
        let mut transaction = self.begin().await?;
        let epoch = query_scalar(NEXT_EPOCH).bind(FIRST_TENANT.0).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        self.set_epoch(epoch);
        Ok(Epoch { installation: self.installation().name.clone(), epoch })
    }

    /// Whether dialling is held, and by whom: a person, Carillon itself, or a restore that is not settled.
    pub async fn hold(&self, scope: &Scope) -> Result<Option<Hold>> {
        let row = query(HOLD).bind(scope.tenant.0).fetch_optional(self.readers()).await?;
        if row.is_none() {
            return Ok(self.open_restore(scope).await?.map(|restore| restore.hold()));
        }
        row.map(|row| Ok(Hold { since: row.at("since")?, by: row.text("actor")?, why: row.text("why")? })).transpose()
    }

    /// Holds dialling until it is lifted, also over restarts. Already held: the first hold stays and is returned.
    pub async fn set_hold(&self, scope: &Scope, by: &str, why: &str, at: Timestamp) -> Result<Hold> {
        let mut transaction = self.begin().await?;
        let done =
            query(SET_HOLD).bind(scope.tenant.0).bind(at.0).bind(by).bind(why).execute(&mut *transaction).await?;
        if done.rows_affected() > 0 {
            let event = Event::of_dialling(scope.tenant, "dialling.held", at, by, json!({ "why": masked(why) }));
            Events::one(event, &mut transaction).await?;
            let what = json!({ "name": "dialling", "by": by, "why": masked(why) });
            audit::note_deed(scope, "held", Subject::Dialling, 0, what, &mut transaction).await?;
        }
        let row = query(HOLD).bind(scope.tenant.0).fetch_one(&mut *transaction).await?;
        let hold = Hold { since: row.at("since")?, by: row.text("actor")?, why: row.text("why")? };
        transaction.commit().await?;
        Ok(hold)
    }

    /// Lifts the hold; `false` when there was none.
    pub async fn lift_hold(&self, scope: &Scope, by: &str, at: Timestamp) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let done = query(LIFT_HOLD).bind(scope.tenant.0).execute(&mut *transaction).await?;
        let lifted = done.rows_affected() > 0;
        if lifted {
            let event = Event::of_dialling(scope.tenant, "dialling.lifted", at, by, json!({}));
            Events::one(event, &mut transaction).await?;
            let what = json!({ "name": "dialling", "by": by });
            audit::note_deed(scope, "lifted", Subject::Dialling, 0, what, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(lifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    crate::testing::on_both_engines! {
        epochs_count_starts_and_name_channels;
        a_hold_survives_a_restart_and_is_lifted_once;
    }

    async fn epochs_count_starts_and_name_channels(home: Home) {
        let first = home.open().await.begin_epoch().await.unwrap();
        let second = home.open().await.begin_epoch().await.unwrap();
        assert_eq!((first.epoch, second.epoch), (1, 2));
        assert_eq!(first.installation, second.installation);
        assert_eq!(first.installation.len(), NAME_LETTERS);
        assert_eq!(second.channel(LegId(7)), format!("c-{}-2-0000000007", first.installation));
    }

    async fn a_hold_survives_a_restart_and_is_lifted_once(home: Home) {
        let scope = Scope::installation();
        let hold = home.open().await.set_hold(&scope, "ana", "fire drill", Timestamp(5)).await.unwrap();
        let store = home.open().await;
        assert_eq!(store.hold(&scope).await.unwrap(), Some(hold.clone()));
        assert_eq!(store.set_hold(&scope, "ben", "again", Timestamp(6)).await.unwrap(), hold);
        assert!(store.lift_hold(&scope, "ana", Timestamp(7)).await.unwrap());
        assert!(!store.lift_hold(&scope, "ana", Timestamp(8)).await.unwrap());
        assert_eq!(store.hold(&scope).await.unwrap(), None);
    }
}
