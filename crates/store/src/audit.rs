//! Who changed what of the configuration, and how it was before: a row per change, in the transaction of the change.
//!
//! What is written is the entity as it was read before and after, so that no way of changing it can forget a field. Secrets
//! are not among what is read; that one was replaced is said. Contacts and numbers are only ever counted.

mod undo;

use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::locks;
use crate::scope::{Kind, Scope};
use crate::sql::{Columns, now};
use crate::users::{self, classes};
use crate::{campaigns, end_points, lists, opening_hours, pbxs, suppression, tokens, trunks, webhooks};
use domain::{CampaignId, ContactId, ListId, Timestamp};
use serde_json::{Map, Value, json};

pub(crate) use undo::again;
pub use undo::{Undoing, Undone};

/// Rows of one page, at most.
pub const MAX_PAGE: u32 = 1_000;
/// Pages that are looked through for one page of those that are seen, at most.
const MAX_READS: usize = 20;
/// Stands for a secret that was replaced.
pub(crate) const CHANGED: &str = "(changed)";
/// Of a list that was deleted: how many contacts went with it.
pub(crate) const CONTACTS: &str = "contacts";
/// Of what anybody can do again and again, one row is written in so long, microseconds.
const ONCE_IN: i64 = 15 * 60 * 1_000_000;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Something with a key.
    Entity(Kind),
    Webhook,
    Token,
    User,
    UserClass,
    /// Dialling as a whole, id 0.
    Dialling,
}

impl Subject {
    const ALL: [Self; 12] = [
        Self::Entity(Kind::Pbx),
        Self::Entity(Kind::Trunk),
        Self::Entity(Kind::EndPoint),
        Self::Entity(Kind::List),
        Self::Entity(Kind::SuppressionList),
        Self::Entity(Kind::OpeningHours),
        Self::Entity(Kind::Campaign),
        Self::Webhook,
        Self::Token,
        Self::User,
        Self::UserClass,
        Self::Dialling,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Entity(Kind::Pbx) => "pbx",
            Self::Entity(Kind::Trunk) => "trunk",
            Self::Entity(Kind::EndPoint) => "end_point",
            Self::Entity(Kind::List) => "list",
            Self::Entity(Kind::SuppressionList) => "suppression_list",
            Self::Entity(Kind::OpeningHours) => "opening_hours",
            Self::Entity(Kind::Campaign) => "campaign",
            Self::Webhook => "webhook",
            Self::Token => "token",
            Self::User => "user",
            Self::UserClass => "user_class",
            Self::Dialling => "dialling",
        }
    }

    fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.code() == code)
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its id; later ones are greater.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// A user's login or a token's name; empty: Carillon itself.
    pub actor: String,
    /// The actor is a user.
    pub by_user: bool,
    /// `created`, `changed`, `deleted`; `contacts_added`, `contact_changed`, `import_began`, `import_finished`,
    /// `import_cancelled`, `suppressed`,
    /// `signed_in`, `signed_out`, `sign_in_refused`, `locked`, `unlocked`, `held`, `lifted`.
    pub action: String,
    /// `pbx`, `trunk`, `end_point`, `list`, `suppression_list`, `opening_hours`, `campaign`, `webhook`, `token`, `user`,
    /// `user_class`, `dialling`.
    pub entity: String,
    /// Which of them.
    pub entity_id: i64,
    /// The name it had then.
    pub name: String,
    /// As it was; `None`: it was not there.
    pub before: Option<Value>,
    /// As it became; `None`: it is gone.
    pub after: Option<Value>,
}

/// Which changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this kind of thing.
    pub entity: Option<String>,
    /// With `entity`: of this one.
    pub id: Option<i64>,
    /// Only older ones than the row with this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
    /// Those of users, classes, tokens and webhooks too.
    pub of_access: bool,
}

statements! {
    ADD = "INSERT INTO audit (tenant_id, at, actor, by_user, action, entity, entity_id, name, before, after) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    PAGE = "SELECT id, at, actor, by_user, action, entity, entity_id, name, before, after FROM audit WHERE tenant_id = $1 \
        AND id < $2 ORDER BY id DESC LIMIT $3";
    OF_KIND = "SELECT id, at, actor, by_user, action, entity, entity_id, name, before, after FROM audit WHERE tenant_id = $1 \
        AND id < $2 AND entity = $4 ORDER BY id DESC LIMIT $3";
    OF_ONE = "SELECT id, at, actor, by_user, action, entity, entity_id, name, before, after FROM audit WHERE tenant_id = $1 \
        AND id < $2 AND entity = $4 AND entity_id = $5 ORDER BY id DESC LIMIT $3";
    // `contact` is followed by another field: what is written of a contact is one text, in the order of its names.
    OF_CONTACT = "SELECT id, at, actor, by_user, action, entity, entity_id, name, before, after FROM audit WHERE tenant_id = $1 \
        AND id < $2 AND entity = 'list' AND entity_id = $4 AND action = 'contact_changed' AND after LIKE $5 \
        ORDER BY id DESC LIMIT $3";
    GET = "SELECT id, at, actor, by_user, action, entity, entity_id, name, before, after FROM audit \
        WHERE tenant_id = $1 AND id = $2";
    NEWEST = "SELECT action, at FROM audit WHERE tenant_id = $1 AND entity = $2 AND entity_id = $3 \
        ORDER BY id DESC LIMIT 1";
    LATEST = "SELECT MAX(id) FROM audit WHERE tenant_id = $1 AND entity = $2 AND entity_id = $3";
}

impl Store {
    /// Changes that the scope sees, newest first.
    pub async fn audit(&self, scope: &Scope, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        let limit = filter.limit.clamp(1, MAX_PAGE) as usize;
        let (mut before, mut found) = (filter.before.unwrap_or(i64::MAX), Vec::new());
        for _ in 0..MAX_READS {
            let statement = match (&filter.entity, filter.id) {
                (None, _) => query(PAGE).bind(scope.tenant.0).bind(before).bind(limit as i64),
                (Some(entity), None) => {
                    query(OF_KIND).bind(scope.tenant.0).bind(before).bind(limit as i64).bind(entity)
                }
                (Some(entity), Some(id)) => {
                    query(OF_ONE).bind(scope.tenant.0).bind(before).bind(limit as i64).bind(entity).bind(id)
                }
            };
            let rows = statement.fetch_all(self.readers()).await?;
            for row in &rows {
                let record = read(row)?;
                before = record.id;
                if found.len() < limit && is_seen(scope, &record, filter.of_access) {
                    found.push(record);
                }
            }
            if rows.len() < limit || found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Corrections of a contact, newest first.
    pub(crate) async fn changes_of_contact(
        &self,
        scope: &Scope,
        list: ListId,
        contact: ContactId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>> {
        let rows = query(OF_CONTACT)
            .bind(scope.tenant.0)
            .bind(before)
            .bind(i64::from(limit.min(MAX_PAGE)))
            .bind(list.0)
            .bind(format!("%\"contact\":{contact},%"))
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(read)
            .filter(|record| record.as_ref().map_or(true, |record| is_seen(scope, record, false)))
            .collect()
    }

    async fn audit_row(&self, scope: &Scope, id: i64) -> Result<AuditRecord> {
        let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(self.readers()).await?;
        let record = row.as_ref().map(read).transpose()?.filter(|record| is_seen(scope, record, true));
        record.ok_or_else(|| Error::not_found("change", id))
    }
}

/// What was deleted is seen by who sees everything.
fn is_seen(scope: &Scope, record: &AuditRecord, of_access: bool) -> bool {
    match Subject::of(&record.entity) {
        Some(Subject::Entity(kind)) => scope.sees(kind, record.entity_id),
        Some(Subject::Dialling) => scope.sees_all(),
        _ => of_access && scope.sees_all(),
    }
}

/// An entity as this connection sees it, without its secrets; `None`: it is not there.
pub(crate) async fn snapshot(
    scope: &Scope,
    subject: Subject,
    id: i64,
    connection: &mut Connection,
) -> Result<Option<Value>> {
    let found = match subject {
        Subject::Entity(Kind::Pbx) => pbxs::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::Trunk) => trunks::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::EndPoint) => end_points::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::List) => lists::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::SuppressionList) => suppression::lists::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::OpeningHours) => opening_hours::as_json(scope, id, connection).await?,
        Subject::Entity(Kind::Campaign) => campaigns::as_json(scope, id, connection).await?,
        Subject::Webhook => webhooks::as_json(scope, id, connection).await?,
        Subject::Token => tokens::as_json(scope, id, connection).await?,
        Subject::User => users::as_json(scope, id, connection).await?,
        Subject::UserClass => classes::as_json(scope, id, connection).await?,
        Subject::Dialling => None,
    };
    let Some(Value::Object(mut fields)) = found else { return Ok(None) };
    fields.remove("id");
    if let Subject::Entity(kind) = subject {
        let lock = locks::find(scope, kind, id, connection).await?.unwrap_or_default();
        fields.insert("security_key".into(), lock.security_key.into());
        if matches!(kind, Kind::Pbx | Kind::Trunk | Kind::EndPoint | Kind::OpeningHours) {
            fields.insert("hidden".into(), lock.hidden.into());
        }
    }
    Ok(Some(Value::Object(fields)))
}

/// Notes what became of an entity that was `before`. `secrets` are those that were replaced.
pub(crate) async fn note(
    scope: &Scope,
    subject: Subject,
    id: i64,
    before: Option<Value>,
    secrets: &[&str],
    connection: &mut Connection,
) -> Result<()> {
    if let Some(undoing) = &scope.undoing {
        undoing.check(subject, id, before.as_ref())?;
    }
    let mut after = snapshot(scope, subject, id, connection).await?;
    if before == after && secrets.is_empty() {
        return Ok(());
    }
    if let Some(Value::Object(fields)) = &mut after {
        fields.extend(secrets.iter().map(|secret| ((*secret).to_owned(), Value::from(CHANGED))));
    }
    let action = match (&before, &after) {
        (None, _) => "created",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
    };
    write(scope, action, subject, id, before, after, connection).await
}

/// Notes something about an entity that is no change of it: how many contacts were added.
pub(crate) async fn note_count(
    scope: &Scope,
    action: &'static str,
    subject: Subject,
    id: i64,
    count: Value,
    connection: &mut Connection,
) -> Result<()> {
    let name = snapshot(scope, subject, id, connection).await?;
    let after = json!({ "name": name.as_ref().map_or("", name_of), "added": count });
    write(scope, action, subject, id, None, Some(after), connection).await
}

/// Notes what somebody did that changes no entity: signed in, held dialling, began an import. `what` is what is known of it.
pub(crate) async fn note_deed(
    scope: &Scope,
    action: &'static str,
    subject: Subject,
    id: i64,
    mut what: Value,
    connection: &mut Connection,
) -> Result<()> {
    if name_of(&what).is_empty()
        && let Some(entity) = snapshot(scope, subject, id, connection).await?
    {
        what["name"] = name_of(&entity).into();
    }
    write(scope, action, subject, id, None, Some(what), connection).await
}

impl Store {
    /// Notes that somebody gave their word for a number: that it is their own telephone, which a campaign may call now.
    pub async fn note_own_number(&self, scope: &Scope, campaign: CampaignId, contact: ContactId) -> Result<()> {
        let mut transaction = self.begin().await?;
        let (subject, what) = (Subject::Entity(Kind::Campaign), json!({ "contact": contact }));
        note_deed(scope, "own_number", subject, campaign.0, what, &mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// As [`note_deed`], of what anybody can do as often as they like: not when the newest row about it is of the same kind and
/// less than 15 minutes old.
pub(crate) async fn note_once(
    scope: &Scope,
    action: &'static str,
    subject: Subject,
    id: i64,
    what: Value,
    connection: &mut Connection,
) -> Result<()> {
    let newest =
        query(NEWEST).bind(scope.tenant.0).bind(subject.code()).bind(id).fetch_optional(&mut *connection).await?;
    if let Some(newest) = newest
        && newest.text("action")? == action
        && now().0 - newest.int("at")? < ONCE_IN
    {
        return Ok(());
    }
    note_deed(scope, action, subject, id, what, connection).await
}

/// Notes that a contact of a list was corrected. The states name attributes and hold no value.
pub(crate) async fn note_contact(
    scope: &Scope,
    list: i64,
    [before, after]: [Value; 2],
    connection: &mut Connection,
) -> Result<()> {
    write(scope, "contact_changed", Subject::Entity(Kind::List), list, Some(before), Some(after), connection).await
}

async fn write(
    scope: &Scope,
    action: &'static str,
    subject: Subject,
    id: i64,
    before: Option<Value>,
    after: Option<Value>,
    connection: &mut Connection,
) -> Result<()> {
    let name = after.as_ref().or(before.as_ref()).map_or("", name_of).to_owned();
    query(ADD)
        .bind(scope.tenant.0)
        .bind(now().0)
        .bind(&scope.actor.name)
        .bind(scope.actor.user.is_some())
        .bind(action)
        .bind(subject.code())
        .bind(id)
        .bind(name)
        .bind(before.map(|value| value.to_string()))
        .bind(after.map(|value| value.to_string()))
        .execute(connection)
        .await?;
    Ok(())
}

/// What an entity is called: users by their login.
fn name_of(entity: &Value) -> &str {
    entity.get("login").or_else(|| entity.get("name")).and_then(Value::as_str).unwrap_or_default()
}

/// The fields of an entity in which two states differ.
fn differences(one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<String> {
    let fields = one.keys().chain(other.keys());
    let mut differ: Vec<String> = fields.filter(|field| one.get(*field) != other.get(*field)).cloned().collect();
    differ.sort_unstable();
    differ.dedup();
    differ
}

async fn latest(scope: &Scope, subject: Subject, id: i64, store: &Store) -> Result<Option<i64>> {
    let latest = query_scalar(LATEST).bind(scope.tenant.0).bind(subject.code()).bind(id);
    Ok(latest.fetch_one(store.readers()).await?)
}

fn read(row: &Row) -> Result<AuditRecord> {
    let state = |name: &str| -> Result<Option<Value>> { row.opt_text(name)?.map(|_| row.json(name)).transpose() };
    Ok(AuditRecord {
        id: row.int("id")?,
        at: row.at("at")?,
        actor: row.text("actor")?,
        by_user: row.flag("by_user")?,
        action: row.text("action")?,
        entity: row.text("entity")?,
        entity_id: row.int("entity_id")?,
        name: row.text("name")?,
        before: state("before")?,
        after: state("after")?,
    })
}

#[cfg(test)]
mod tests;
