//! What the two kinds of rules of a campaign have in common: they are shown, added and removed in the same way.

use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, say};
use serde_json::{Value, json};

/// One kind of rules of a campaign.
pub(super) struct Rules {
    /// Their field of the campaign.
    pub(super) field: &'static str,
    /// How people call one.
    pub(super) called: &'static str,
    /// The noun below `carillon campaign`.
    pub(super) verb: &'static str,
    /// What a campaign without them does.
    pub(super) none: &'static str,
    /// The same when the last one was removed.
    pub(super) none_left: &'static str,
    /// Some of them as a table.
    pub(super) table: fn(&[Value]) -> String,
}

impl Rules {
    /// Prints those of a campaign.
    pub(super) async fn list(&self, session: &Session, campaign: &str) -> Result<(), Failure> {
        let row = session.client.named(Noun::Campaign, campaign).await?;
        if session.json {
            say(&row[self.field])
        } else {
            say(self.shown(&row, self.none))
        }
        Ok(())
    }

    /// Puts one behind the others.
    pub(super) async fn add(&self, session: &Session, campaign: &str, rule: Value) -> Result<(), Failure> {
        self.change(session, campaign, |rules| {
            rules.push(rule);
            Ok(())
        })
        .await
    }

    /// Takes one away.
    pub(super) async fn remove(&self, session: &Session, campaign: &str, rule: i64) -> Result<(), Failure> {
        self.change(session, campaign, |rules| {
            let before = rules.len();
            rules.retain(|row| row["id"].as_i64() != Some(rule));
            if rules.len() == before {
                let Self { called, verb, .. } = self;
                return Err(Failure::refused(format!("{called} {rule} does not exist in campaign {campaign:?}"))
                    .remedy(format!("carillon campaign {verb} list {campaign:?} shows its rules")));
            }
            Ok(())
        })
        .await
    }

    /// The API replaces all rules at once, so they are read first.
    async fn change(
        &self,
        session: &Session,
        campaign: &str,
        edit: impl FnOnce(&mut Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let row = session.client.named(Noun::Campaign, campaign).await?;
        let mut rules = row[self.field].as_array().cloned().unwrap_or_default();
        edit(&mut rules)?;
        let path = format!("{}/{}", Noun::Campaign.path(), cell(&row, "id"));
        let answer = session.client.patch(&path, &json!({ self.field: rules })).await?;
        session.print(&answer, |campaign| self.shown(campaign, self.none_left));
        Ok(())
    }

    fn shown(&self, campaign: &Value, none: &str) -> String {
        match campaign[self.field].as_array().filter(|rules| !rules.is_empty()) {
            Some(rules) => (self.table)(rules),
            None => none.to_owned(),
        }
    }
}
