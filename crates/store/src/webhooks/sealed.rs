//! What a webhook keeps to itself: the key of its signatures, and the values of its headers.

use crate::db::Store;
use crate::engine::{Connection, query};
use crate::error::{Error, Result};
use crate::scope::Scope;
use crate::sql::{Columns, json_of};
use domain::{Invalid, WebhookId};
use std::fmt;

/// Lengths of a key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Headers, at most.
const MAX_HEADERS: usize = 20;
/// Longest value of a header, in bytes.
const MAX_VALUE_BYTES: usize = 2_000;
/// Ours, and those that say how a request is read.
const RESERVED: [&str; 6] = ["host", "content-type", "content-length", "transfer-encoding", "connection", "user-agent"];

/// Sealed in the database, shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Signs what is sent.
    pub key: Vec<u8>,
    /// Sent with every request: names and values.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    pub(super) fn check(&self) -> std::result::Result<(), Invalid> {
        check(Some(&self.key), Some(&self.headers))
    }
}

pub(super) fn check(key: Option<&[u8]>, headers: Option<&[(String, String)]>) -> std::result::Result<(), Invalid> {
    if key.is_some_and(|key| !KEY_BYTES.contains(&key.len())) {
        return Err(Invalid::new("secret", "must be 24 to 64 bytes, in base64 behind whsec_"));
    }
    let headers = headers.unwrap_or_default();
    if headers.len() > MAX_HEADERS {
        return Err(Invalid::new("headers", format!("{} headers: at most {MAX_HEADERS}", headers.len())));
    }
    for (index, (name, value)) in headers.iter().enumerate() {
        let lower = name.to_ascii_lowercase();
        let token = !name.is_empty()
            && name.len() <= 100
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let refused = |why: String| Err(Invalid::new(format!("headers[{index}]"), why));
        if !token {
            return refused("the name must be letters, digits, - and _, at most 100".to_owned());
        }
        if RESERVED.contains(&lower.as_str()) || lower.starts_with("webhook-") {
            return refused(format!("{lower} is set by Carillon"));
        }
        if headers[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return refused(format!("{lower} is there twice"));
        }
        if value.len() > MAX_VALUE_BYTES || !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return refused(format!("the value of {lower} must be printable ASCII, at most {MAX_VALUE_BYTES} bytes"));
        }
    }
    Ok(())
}

statements! {
    SET_SECRET = "UPDATE webhook SET secret = $3 WHERE tenant_id = $1 AND id = $2";
    SET_HEADERS = "UPDATE webhook SET headers = $3, header_names = $4 WHERE tenant_id = $1 AND id = $2";
    SEALED = "SELECT secret, headers FROM webhook WHERE tenant_id = $1 AND id = $2";
}

fn purpose(id: WebhookId, what: &str) -> String {
    format!("webhook {id} {what}")
}

impl Store {
    pub(super) async fn seal_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        key: Option<&[u8]>,
        headers: Option<&[(String, String)]>,
        connection: &mut Connection,
    ) -> Result<()> {
        if let Some(key) = key {
            let sealed = self.cipher().seal(&purpose(id, "secret"), key);
            query(SET_SECRET).bind(scope.tenant.0).bind(id.0).bind(sealed).execute(&mut *connection).await?;
        }
        if let Some(headers) = headers {
            let sealed = self.cipher().seal(&purpose(id, "headers"), json_of(&headers).as_bytes());
            let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
            query(SET_HEADERS)
                .bind(scope.tenant.0)
                .bind(id.0)
                .bind(sealed)
                .bind(json_of(&names))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// What a webhook's requests are made with.
    pub async fn webhook_secrets(&self, scope: &Scope, id: WebhookId) -> Result<Secrets> {
        let row = query(SEALED).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        let row = row.ok_or_else(|| Error::not_found("webhook", id))?;
        let open = |column: &str, what: &str| -> Result<Vec<u8>> {
            let opened = self.cipher().open(&purpose(id, what), &row.bytes(column)?);
            opened.ok_or_else(|| Error::Key {
                path: self.key_file().to_owned(),
                why: format!("does not open the secrets of webhook {id}: give it a new secret and its headers again"),
            })
        };
        let headers = serde_json::from_slice(&open("headers", "headers")?);
        Ok(Secrets {
            key: open("secret", "secret")?,
            headers: headers.map_err(|error| crate::sql::decode("headers", &error.to_string()))?,
        })
    }
}
