//! Taking a change back: the entity becomes what it was, if nobody changed it since.

use super::{AuditRecord, CHANGED, CONTACTS, Subject, differences, latest};
use crate::db::Store;
use crate::error::{Error, Result};
use crate::locks::Lock;
use crate::pbxs::Passwords;
use crate::scope::{Kind, Scope};
use crate::secret::{hex, random};
use crate::sql::now;
use crate::suppression::lists::SuppressionKind;
use crate::tokens::TokenScope;
use crate::users::classes::UserClass;
use crate::webhooks::Webhook;
use domain::{
    Campaign, CampaignId, EndPoint, EndPointId, ListId, OpeningHours, OpeningHoursId, Pbx, PbxId, SuppressionListId,
    Trunk, TrunkId,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    /// The row that says that it was taken back.
    pub record: AuditRecord,
    /// What is still to be done; empty: nothing.
    pub says: String,
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
    kind: Option<SuppressionKind>,
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
struct WebhookState {
    name: String,
    url: String,
    #[serde(default)]
    format: crate::WebhookFormat,
    campaign: Option<CampaignId>,
    kinds: Vec<String>,
    enabled: bool,
    timeout_ms: u32,
    max_tries: u32,
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

/// A change that is being taken back, in the scope of what does it: [`super::note`] looks, in the transaction of the change,
/// whether the entity is still what that change made of it; what was deleted comes back under its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoing {
    change: i64,
    subject: Subject,
    id: i64,
    /// What the change made of it, less its secrets; `None`: it was deleted.
    made: Option<Map<String, Value>>,
}

impl Undoing {
    /// Refuses, by the field, what was changed since.
    pub(super) fn check(&self, subject: Subject, id: i64, now: Option<&Value>) -> Result<()> {
        let Some(made) = self.made.as_ref().filter(|_| (subject, id) == (self.subject, self.id)) else { return Ok(()) };
        let now = now.and_then(Value::as_object).cloned().unwrap_or_default();
        match differences(made, &now).first() {
            None => Ok(()),
            Some(field) => Err(self.refused(format!("cannot be taken back: {field} was changed since"))),
        }
    }

    fn refused(&self, why: String) -> Error {
        Error::Conflict { what: format!("change {}", self.change), why }
    }
}

/// The id under which what is made now comes back; `None`: it is new.
pub(crate) fn again(scope: &Scope, subject: Subject) -> Option<i64> {
    scope
        .undoing
        .as_ref()
        .filter(|undoing| undoing.subject == subject && undoing.made.is_none())
        .map(|undoing| undoing.id)
}

impl Store {
    /// Takes a change back, in one transaction with the look whether it can be. Refused by field when the entity was changed
    /// since, and when what was there is not kept: contacts, entries, secrets of programs. What was deleted comes back
    /// under the id that it had.
    pub async fn undo(&self, scope: &Scope, id: i64) -> Result<Undone> {
        let row = self.audit_row(scope, id).await?;
        let refuse = |why: String| Error::Conflict { what: format!("change {id}"), why };
        let nothing = || refuse(format!("({}) cannot be taken back", row.action));
        let subject = Subject::of(&row.entity).ok_or_else(nothing)?;
        let fields = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
        let before = fields(&row.before).unwrap_or_default();
        let mut made = fields(&row.after);
        let mut secrets = Vec::new();
        if let Some(made) = &mut made {
            secrets.extend(made.iter().filter(|(_, value)| *value == CHANGED).map(|(field, _)| field.clone()));
            made.retain(|field, _| !secrets.contains(field));
        }
        let undoing = Undoing { change: id, subject, id: row.entity_id, made };
        let scope = &Scope { undoing: Some(Arc::new(undoing)), ..scope.clone() };
        let mut says = "";
        match row.action.as_str() {
            "created" => self.delete_any(scope, subject, row.entity_id).await?,
            "deleted" => {
                let kept = self.create_any(scope, subject, &before).await?;
                says = kept.map_err(|lost| refuse(format!("cannot be taken back: {lost}")))?;
            }
            "changed" => {
                if let Some(secret) = secrets.first() {
                    return Err(refuse(format!(
                        "cannot be taken back: {secret} was replaced and the old one is not kept"
                    )));
                }
                self.update_any(scope, subject, row.entity_id, &before).await?.ok_or_else(nothing)?;
            }
            _ => return Err(nothing()),
        }
        let id = latest(scope, subject, row.entity_id, self).await?.unwrap_or(id);
        // What is deleted now is not seen by everybody any more: who took it back is told all the same.
        let everything = Scope { tenant: scope.tenant, ..Scope::installation() };
        Ok(Undone { record: self.audit_row(&everything, id).await?, says: says.to_owned() })
    }

    async fn delete_any(&self, scope: &Scope, subject: Subject, id: i64) -> Result<()> {
        match subject {
            Subject::Entity(Kind::Pbx) => self.delete_pbx(scope, PbxId(id)).await,
            Subject::Entity(Kind::Trunk) => self.delete_trunk(scope, TrunkId(id)).await,
            Subject::Entity(Kind::EndPoint) => self.delete_end_point(scope, EndPointId(id)).await,
            Subject::Entity(Kind::List) => self.delete_list(scope, ListId(id)).await,
            Subject::Entity(Kind::SuppressionList) => self.delete_suppression_list(scope, SuppressionListId(id)).await,
            Subject::Entity(Kind::OpeningHours) => self.delete_opening_hours(scope, OpeningHoursId(id)).await,
            Subject::Entity(Kind::Campaign) => self.delete_campaign(scope, CampaignId(id)).await,
            Subject::Webhook => self.delete_webhook(scope, domain::WebhookId(id)).await,
            Subject::Token => self.revoke_token(scope, id).await,
            Subject::User => self.delete_user(scope, id).await,
            Subject::UserClass => self.delete_user_class(scope, id).await,
            Subject::Dialling => Ok(()),
        }
    }

    /// Makes what was deleted once more. What is still to be done; or what was lost and keeps it from coming back.
    async fn create_any(
        &self,
        scope: &Scope,
        subject: Subject,
        was: &Map<String, Value>,
    ) -> Result<std::result::Result<&'static str, String>> {
        let lock = lock(was);
        match subject {
            Subject::Entity(Kind::Pbx) => {
                let pbx: Pbx = state(was)?;
                let (own, manager) = (unknown_password(), pbx.manager.is_some().then(unknown_password));
                let passwords = Passwords { own: Some(&own), manager: manager.as_deref() };
                self.create_pbx(scope, (&pbx, &lock), passwords).await?;
                return Ok(Ok("its password was not kept: set it, until then it does not connect"));
            }
            Subject::Entity(Kind::Trunk) => {
                let trunk: Trunk = state(was)?;
                self.create_trunk(scope, (&trunk, &lock)).await?;
            }
            Subject::Entity(Kind::EndPoint) => {
                let end_point: EndPoint = state(was)?;
                self.create_end_point(scope, (&end_point, &lock)).await?;
            }
            Subject::Entity(Kind::List) => {
                let lost = match was.get(CONTACTS).and_then(Value::as_i64) {
                    Some(0) => None,
                    Some(contacts) => Some(format!("its {contacts} contacts are not kept")),
                    None => Some("its contacts are not kept".to_owned()),
                };
                if let Some(lost) = lost {
                    return Ok(Err(format!("{lost}: import them into a new list")));
                }
                let ListState { name, hidden } = state(was)?;
                let lock = Lock { hidden, ..lock };
                self.create_list(scope, (name.as_str(), &lock)).await?;
            }
            Subject::Entity(Kind::SuppressionList) => {
                let SuppressionListState { name, campaigns, kind } = state(was)?;
                if kind == Some(SuppressionKind::Registry) {
                    return Ok(Err("its numbers are not kept: make it anew and import the file of its keeper".into()));
                }
                let (name, kind) = ((name.as_str(), &lock), SuppressionKind::Optout);
                self.create_suppression_list(scope, name, kind, campaigns.as_deref(), &scope.actor.name).await?;
            }
            Subject::Entity(Kind::OpeningHours) => {
                let set: OpeningHours = state(was)?;
                self.create_opening_hours(scope, (&set, &lock)).await?;
            }
            Subject::Entity(Kind::Campaign) => {
                let campaign: Campaign = state(was)?;
                self.create_campaign(scope, (&campaign, &lock), &scope.actor.name).await?;
            }
            Subject::UserClass => drop(self.create_user_class(scope, &class(0, state(was)?)).await?),
            Subject::User => {
                let UserState { login, name, email, enabled, class, keys, comment } = state(was)?;
                let (locked_until, last_signed_in_at, created_at) = (None, None, now());
                let user = crate::UserRecord {
                    id: 0,
                    login,
                    name,
                    email,
                    enabled,
                    class,
                    keys,
                    comment,
                    locked_until,
                    last_signed_in_at,
                    created_at,
                };
                self.create_user(scope, &user, &unknown_password()).await?;
                return Ok(Ok("the password was not kept: set one, until then nobody signs in with this login"));
            }
            Subject::Webhook => return Ok(Err("its secret is not kept: add it anew".into())),
            Subject::Token => return Ok(Err("a revoked token stays revoked: make another one".into())),
            Subject::Dialling => return Ok(Err("nothing was deleted".into())),
        }
        Ok(Ok(""))
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
                self.update_pbx(scope, (&pbx, &lock), Passwords::default()).await?;
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
                let SuppressionListState { name, campaigns, .. } = state(was)?;
                let name = (name.as_str(), &lock);
                let id = SuppressionListId(id);
                self.update_suppression_list(scope, id, name, campaigns.as_deref(), &scope.actor.name).await?;
            }
            Subject::Entity(Kind::OpeningHours) => {
                let set = OpeningHours { id: OpeningHoursId(id), ..state(was)? };
                self.update_opening_hours(scope, (&set, &lock)).await?;
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
            Subject::Webhook => {
                let WebhookState { name, url, format, campaign, kinds, enabled, timeout_ms, max_tries } = state(was)?;
                let id = domain::WebhookId(id);
                let webhook = Webhook { id, name, url, format, campaign, kinds, enabled, timeout_ms, max_tries };
                self.update_webhook(scope, &webhook, None, None).await?;
            }
            Subject::Token | Subject::Dialling => return Ok(None),
        }
        Ok(Some(()))
    }
}

/// Nobody knows it, so nothing is opened with it.
fn unknown_password() -> String {
    hex(&random::<32>())
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
