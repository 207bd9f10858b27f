//! What calls told about contacts: the output attributes of all their attempts.

use crate::contacts::MAX_PAGE;
use crate::db::Store;
use crate::engine::{Pool, postgres, query, sqlite};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{Attributes, ContactId};
use std::collections::BTreeMap;

impl Store {
    /// Of those that have any, at most 1000 contacts: a name's value is that of the last attempt that has one. Attempts of
    /// campaigns that the scope does not see tell nothing.
    pub async fn outputs_of(&self, scope: &Scope, ids: &[ContactId]) -> Result<BTreeMap<ContactId, Attributes>> {
        let statement = match self.readers() {
            Pool::Sqlite(_) => sqlite::OUTPUTS_OF,
            Pool::Postgres(_) => postgres::OUTPUTS_OF,
        };
        let ids: Vec<String> = ids.iter().take(MAX_PAGE as usize).map(|id| id.0.to_string()).collect();
        let rows = query(statement)
            .bind(scope.tenant.0)
            .bind(ids.join(","))
            .bind(scope.campaign_list())
            .fetch_all(self.readers())
            .await?;
        let mut all: BTreeMap<ContactId, Attributes> = BTreeMap::new();
        for row in &rows {
            let of = all.entry(ContactId(row.int("contact_id")?)).or_default();
            for (name, value) in row.json::<Attributes>("outputs")?.iter() {
                // More names than one contact may have: those of the first calls stay.
                let _ = of.set(name, value);
            }
        }
        Ok(all)
    }
}
