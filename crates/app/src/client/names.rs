//! Things may be named by id or by name, everywhere.

use super::Client;
use crate::failure::Failure;
use crate::nearest;
use serde_json::Value;

/// The nouns that have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noun {
    Pbx,
    Trunk,
    EndPoint,
    List,
    Campaign,
    Webhook,
    Token,
    SuppressionList,
    OpeningHours,
    User,
    Class,
}

impl Noun {
    /// Where the API keeps them.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Pbx => "api/pbxs",
            Self::Trunk => "api/trunks",
            Self::EndPoint => "api/end-points",
            Self::List => "api/lists",
            Self::Campaign => "api/campaigns",
            Self::Webhook => "api/webhooks",
            Self::Token => "api/tokens",
            Self::SuppressionList => "api/suppression-lists",
            Self::OpeningHours => "api/opening-hours",
            Self::User => "api/users",
            Self::Class => "api/user-classes",
        }
    }

    /// A hidden thing is not shown but can be named.
    fn hidden_too(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::List | Self::Campaign => &[("hidden", "true")],
            _ => &[],
        }
    }

    /// In a sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pbx => "pbx",
            Self::Trunk => "trunk",
            Self::EndPoint => "end point",
            Self::List => "list",
            Self::Campaign => "campaign",
            Self::Webhook => "webhook",
            Self::Token => "token",
            Self::SuppressionList => "suppression list",
            Self::OpeningHours => "opening hours",
            Self::User => "user",
            Self::Class => "class",
        }
    }

    /// As a verb of the command line.
    fn verb(self) -> &'static str {
        match self {
            Self::EndPoint => "endpoint",
            Self::SuppressionList => "suppression",
            Self::OpeningHours => "opening-hours",
            other => other.word(),
        }
    }
}

impl Client {
    /// The thing that `text` names: an id, or else a name. Digits are an id first.
    pub(crate) async fn named(&self, noun: Noun, text: &str) -> Result<Value, Failure> {
        let all = self.all(noun.path(), noun.hidden_too()).await?;
        if let Some(row) = pick(&all, text) {
            return Ok(row.clone());
        }
        let near = nearest::hint(text, all.iter().filter_map(|row| called(row).as_str()));
        Err(Failure::refused(format!("{} {text:?} does not exist{near}", noun.word()))
            .remedy(format!("carillon {} list shows those that exist", noun.verb())))
    }

    /// As [`Client::named`], but it need not exist.
    pub(crate) async fn find_named(&self, noun: Noun, text: &str) -> Result<Option<Value>, Failure> {
        Ok(pick(&self.all(noun.path(), noun.hidden_too()).await?, text).cloned())
    }

    /// Its id.
    pub(crate) async fn id(&self, noun: Noun, text: &str) -> Result<i64, Failure> {
        let row = self.named(noun, text).await?;
        row["id"].as_i64().ok_or_else(|| Failure::answer(format_args!("id of {} {text:?}", noun.word())))
    }

    /// The ids of several, in order.
    pub(crate) async fn ids(&self, noun: Noun, texts: &[String]) -> Result<Vec<i64>, Failure> {
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts {
            ids.push(self.id(noun, text).await?);
        }
        Ok(ids)
    }

    /// `api/trunks/7` of the trunk that `text` names.
    pub(crate) async fn path(&self, noun: Noun, text: &str) -> Result<String, Failure> {
        Ok(format!("{}/{}", noun.path(), self.id(noun, text).await?))
    }

    /// The run that `text` names: an id, or the newest run of the campaign of that name, an open one first.
    pub(crate) async fn run(&self, text: &str) -> Result<i64, Failure> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let campaign = self.id(Noun::Campaign, text).await?.to_string();
        for open in ["true", "false"] {
            let query = [("campaign", campaign.as_str()), ("open", open), ("limit", "1")];
            if let Some(id) = self.find("api/runs", &query).await?.value["items"][0]["id"].as_i64() {
                return Ok(id);
            }
        }
        Err(Failure::refused(format!("campaign {text:?} has no run"))
            .remedy(format!("start one with: carillon campaign start {text:?}")))
    }
}

/// What a thing is called in commands: a user by the login, which people type, all else by its name.
fn called(row: &Value) -> &Value {
    row.get("login").unwrap_or(&row["name"])
}

/// By id, or else by name; a token that was revoked gives way to its successor of the same name.
fn pick<'a>(all: &'a [Value], text: &str) -> Option<&'a Value> {
    let by_id = text.parse::<i64>().ok().and_then(|id| all.iter().find(|row| row["id"].as_i64() == Some(id)));
    let mut by_name = all.iter().filter(|row| called(row) == text);
    by_id.or_else(|| by_name.clone().find(|row| row["revoked_at"].is_null())).or_else(|| by_name.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn digits_are_an_id_before_they_are_a_name() {
        let all = [json!({"id": 1, "name": "2"}), json!({"id": 2, "name": "b"}), json!({"id": 3, "name": "2024"})];
        assert_eq!(pick(&all, "2").unwrap()["name"], "b");
        assert_eq!(pick(&all, "2024").unwrap()["id"], 3);
        assert_eq!(pick(&all, "b").unwrap()["id"], 2);
        assert_eq!(pick(&all, "c"), None);
    }

    #[test]
    fn a_revoked_token_gives_way_to_its_successor() {
        let all = [json!({"id": 1, "name": "a", "revoked_at": "2026-01-01T00:00:00Z"}), json!({"id": 2, "name": "a"})];
        assert_eq!(pick(&all, "a").unwrap()["id"], 2);
        assert_eq!(pick(&all[..1], "a").unwrap()["id"], 1);
    }
}
