//! Taking a change back: the entity becomes what it was, if nobody changed it since.

use super::{AuditRecord, CHANGED, Subject, differences, latest, snapshot};
use crate::db::Store;
use crate::error::{Error, Result};
use crate::locks::Lock;
use crate::scope::{Kind, Scope};
use crate::tokens::TokenScope;
use crate::users::classes::UserClass;
use domain::{Campaign, CampaignId, EndPoint, EndPointId, ListId, Pbx, PbxId, SuppressionListId, Trunk, TrunkId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    /// The row that says that it was taken back.
    pub record: AuditRecord,
}

#[derive(Deserialize)]
struct ListState {
    name: String,
    hidden: bool,
}

#[derive(Deserialize)]
struct SuppressionListState {
    name: String,
    campaigns: Option<Vec<CampaignId>>,
}

#[derive(Deserialize)]
struct ClassState {
    name: String,
    description: String,
    role: TokenScope,
    keys: String,
    all_keys: bool,
}

#[derive(Deserialize)]
struct UserState {
    login: String,
    name: String,
    email: String,
    enabled: bool,
    class: i64,
    keys: String,
    comment: String,
}

impl Store {
    /// Takes a change back. Refused by field when the entity was changed since, and when what was there is not kept:
    /// secrets, contacts. What was deleted comes back under a new id.
    pub async fn undo(&self, scope: &Scope, id: i64) -> Result<Undone> {
        let row = self.audit_row(scope, id).await?;
        let refuse = |why: String| Error::Conflict { what: format!("change {id}"), why };
        let nothing = || refuse(format!("({}) cannot be taken back", row.action));
        let subject = Subject::of(&row.entity).ok_or_else(nothing)?;
        if !matches!(row.action.as_str(), "created" | "changed" | "deleted") {
            return Err(nothing());
        }
        let now = {
            let mut connection = self.readers().begin().await?;
            snapshot(scope, subject, row.entity_id, &mut connection).await?
        };
        let fields = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, now) = (fields(&row.before), fields(&now));
        let mut after = fields(&row.after);
        let secrets: Vec<String> =
            after.iter().filter(|(_, value)| *value == CHANGED).map(|(field, _)| field.clone()).collect();
        after.retain(|field, _| !secrets.contains(field));
        if let Some(field) = differences(&after, &now).first() {
            return Err(refuse(format!("cannot be taken back: {field} was changed since")));
        }
        let entity = match row.action.as_str() {
            "created" => {
                self.delete_any(scope, subject, row.entity_id).await?;
                row.entity_id
            }
            "deleted" => self
                .create_any(scope, subject, &before)
                .await?
                .ok_or_else(|| refuse("cannot be taken back: what went with it is not kept".into()))?,
            _ => {
                if let Some(secret) = secrets.first() {
                    return Err(refuse(format!(
                        "cannot be taken back: {secret} was replaced and the old one is not kept"
                    )));
                }
                self.update_any(scope, subject, row.entity_id, &before).await?.ok_or_else(nothing)?;
                row.entity_id
            }
        };
        let id = latest(scope, subject, entity, self).await?.unwrap_or(id);
        // What is deleted now is not seen by everybody any more: who took it back is told all the same.
        let everything = Scope { tenant: scope.tenant, ..Scope::installation() };
        Ok(Undone { record: self.audit_row(&everything, id).await? })
    }

    async fn delete_any(&self, scope: &Scope, subject: Subject, id: i64) -> Result<()> {
        match subject {
            Subject::Entity(Kind::Pbx) => self.delete_pbx(scope, PbxId(id)).await,
            Subject::Entity(Kind::Trunk) => self.delete_trunk(scope, TrunkId(id)).await,
            Subject::Entity(Kind::EndPoint) => self.delete_end_point(scope, EndPointId(id)).await,
            Subject::Entity(Kind::List) => {
                let contacts = self.list(scope, ListId(id)).await?.contacts;
                if contacts > 0 {
                    let (what, why) = (format!("list {id}"), format!("has {contacts} contacts now: delete it by name"));
                    return Err(Error::Conflict { what, why });
                }
                self.delete_list(scope, ListId(id)).await
            }
            Subject::Entity(Kind::SuppressionList) => self.delete_suppression_list(scope, SuppressionListId(id)).await,
            Subject::Entity(Kind::Campaign) => self.delete_campaign(scope, CampaignId(id)).await,
            Subject::Webhook => self.delete_webhook(scope, domain::WebhookId(id)).await,
            Subject::Token => self.revoke_token(scope, id).await,
            Subject::User => self.delete_user(scope, id).await,
            Subject::UserClass => self.delete_user_class(scope, id).await,
        }
    }

    /// Its new id; `None`: it cannot be made from what is known.
    async fn create_any(&self, scope: &Scope, subject: Subject, was: &Map<String, Value>) -> Result<Option<i64>> {
        let lock = lock(was);
        Ok(match subject {
            Subject::Entity(Kind::Trunk) => {
                let trunk: Trunk = state(was)?;
                Some(self.create_trunk(scope, (&trunk, &lock)).await?.id.0)
            }
            Subject::Entity(Kind::EndPoint) => {
                let end_point: EndPoint = state(was)?;
                Some(self.create_end_point(scope, (&end_point, &lock)).await?.id.0)
            }
            Subject::Entity(Kind::Campaign) => {
                let campaign: Campaign = state(was)?;
                Some(self.create_campaign(scope, (&campaign, &lock), &scope.actor.name).await?.id.0)
            }
            Subject::UserClass => Some(self.create_user_class(scope, &class(0, state(was)?)).await?.id),
            _ => None,
        })
    }

    /// `None`: its changes are not taken back.
    async fn update_any(
        &self,
        scope: &Scope,
        subject: Subject,
        id: i64,
        was: &Map<String, Value>,
    ) -> Result<Option<()>> {
        let lock = lock(was);
        match subject {
            Subject::Entity(Kind::Pbx) => {
                let pbx = Pbx { id: PbxId(id), ..state(was)? };
                self.update_pbx(scope, (&pbx, &lock), None).await?;
            }
            Subject::Entity(Kind::Trunk) => {
                let trunk = Trunk { id: TrunkId(id), ..state(was)? };
                self.update_trunk(scope, (&trunk, &lock)).await?;
            }
            Subject::Entity(Kind::EndPoint) => {
                let end_point = EndPoint { id: EndPointId(id), ..state(was)? };
                self.update_end_point(scope, (&end_point, &lock)).await?;
            }
            Subject::Entity(Kind::List) => {
                let ListState { name, hidden } = state(was)?;
                self.update_list(scope, ListId(id), (name.as_str(), &lock), hidden).await?;
            }
            Subject::Entity(Kind::SuppressionList) => {
                let SuppressionListState { name, campaigns } = state(was)?;
                let name = (name.as_str(), &lock);
                let id = SuppressionListId(id);
                self.update_suppression_list(scope, id, name, campaigns.as_deref(), &scope.actor.name).await?;
            }
            Subject::Entity(Kind::Campaign) => {
                let campaign = Campaign { id: CampaignId(id), ..state(was)? };
                self.update_campaign(scope, (&campaign, &lock), &scope.actor.name).await?;
            }
            Subject::UserClass => drop(self.update_user_class(scope, &class(id, state(was)?)).await?),
            Subject::User => {
                let UserState { login, name, email, enabled, class, keys, comment } = state(was)?;
                let had = self.user(scope, id).await?;
                let user = crate::UserRecord { login, name, email, enabled, class, keys, comment, ..had };
                self.update_user(scope, &user, None).await?;
            }
            Subject::Webhook | Subject::Token => return Ok(None),
        }
        Ok(Some(()))
    }
}

fn class(id: i64, state: ClassState) -> UserClass {
    let ClassState { name, description, role, keys, all_keys } = state;
    UserClass { id, name, description, role, keys, all_keys }
}

fn lock(was: &Map<String, Value>) -> Lock {
    Lock {
        security_key: was.get("security_key").and_then(Value::as_str).unwrap_or_default().to_owned(),
        hidden: was.get("hidden").and_then(Value::as_bool).unwrap_or_default(),
        created_by: None,
    }
}

/// What is known of an entity as its type. A version that knew other fields may have written it.
fn state<T: DeserializeOwned>(was: &Map<String, Value>) -> Result<T> {
    let mut fields = was.clone();
    fields.insert("id".into(), 0.into());
    serde_json::from_value(Value::Object(fields)).map_err(|error| Error::Conflict {
        what: "what it was".into(),
        why: format!("cannot be read by this version: {error}"),
    })
}
