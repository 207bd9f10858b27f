//! Classes of users: a role and keys under a name.

use super::keys::tidy;
use super::still_administered;
use crate::audit::{self, Subject};
use crate::db::Store;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::lists::check_name;
use crate::scope::Scope;
use crate::sql::{Columns, code_of};
use crate::tokens::TokenScope;
use domain::Invalid;
use serde::Serialize;

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 500;

/// What the users of a class may do and see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserClass {
    /// Its id.
    pub id: i64,
    /// Unique, 1..=200 characters.
    pub name: String,
    /// For people.
    pub description: String,
    /// What its users may do.
    pub role: TokenScope,
    /// Keys of its users, space separated.
    pub keys: String,
    /// Its users see everything, whatever key it has.
    pub all_keys: bool,
}

/// A statement that makes one: with the next id, or with one that it had before.
macro_rules! create {
    ($column:literal, $value:literal) => {
        concat!(
            "INSERT INTO user_class (",
            $column,
            "tenant_id, name, description, role, keys, all_keys) VALUES (",
            $value,
            "$1, $2, $3, $4, $5, $6) RETURNING id"
        )
    };
}

statements! {
    CREATE = create!("", "");
    CREATE_AGAIN = create!("id, ", "$7, ");
    UPDATE = "UPDATE user_class SET name = $2, description = $3, role = $4, keys = $5, all_keys = $6 \
        WHERE tenant_id = $1 AND id = $7";
    GET = "SELECT id, name, description, role, keys, all_keys FROM user_class WHERE tenant_id = $1 AND id = $2";
    ALL = "SELECT id, name, description, role, keys, all_keys FROM user_class WHERE tenant_id = $1 ORDER BY id";
    USED_BY = "SELECT 'user ' || login FROM user_account WHERE tenant_id = $1 AND class_id = $2 ORDER BY id LIMIT 1";
    DELETE = "DELETE FROM user_class WHERE tenant_id = $1 AND id = $2";
}

impl Store {
    /// Saves a new class; its `id` is ignored and given anew.
    pub async fn create_user_class(&self, scope: &Scope, class: &UserClass) -> Result<UserClass> {
        let mut class = checked(class)?;
        let mut transaction = self.begin().await?;
        let again = audit::again(scope, Subject::UserClass);
        class.id = bind(query(again.map_or(CREATE, |_| CREATE_AGAIN)), scope, &class)
            .bind_some(again)
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::naming("class", &class.name))?
            .int("id")?;
        audit::note(scope, Subject::UserClass, class.id, None, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(class)
    }

    /// Replaces all of a class. Its users have the new rights with their next request. What would leave nobody who can
    /// administer is refused.
    pub async fn update_user_class(&self, scope: &Scope, class: &UserClass) -> Result<UserClass> {
        let class = checked(class)?;
        let mut transaction = self.begin().await?;
        let was = audit::snapshot(scope, Subject::UserClass, class.id, &mut transaction).await?;
        let done = bind(query(UPDATE), scope, &class)
            .bind(class.id)
            .execute(&mut *transaction)
            .await
            .map_err(Error::naming("class", &class.name))?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("class", class.id));
        }
        still_administered(scope, &mut transaction).await?;
        audit::note(scope, Subject::UserClass, class.id, was, &[], &mut transaction).await?;
        transaction.commit().await?;
        Ok(class)
    }

    /// One class.
    pub async fn user_class(&self, scope: &Scope, id: i64) -> Result<UserClass> {
        let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(self.readers()).await?;
        read(&row.ok_or_else(|| Error::not_found("class", id))?)
    }

    /// Every class, by id.
    pub async fn user_classes(&self, scope: &Scope) -> Result<Vec<UserClass>> {
        let rows = query(ALL).bind(scope.tenant.0).fetch_all(self.readers()).await?;
        rows.iter().map(read).collect()
    }

    /// Deletes a class that no user has.
    pub async fn delete_user_class(&self, scope: &Scope, id: i64) -> Result<()> {
        let mut transaction = self.begin().await?;
        let user = query_scalar(USED_BY).bind(scope.tenant.0).bind(id).fetch_optional(&mut *transaction).await?;
        if let Some(by) = user {
            return Err(Error::InUse { what: "class", id: id.to_string(), by });
        }
        let was = audit::snapshot(scope, Subject::UserClass, id, &mut transaction).await?;
        let done = query(DELETE).bind(scope.tenant.0).bind(id).execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("class", id));
        }
        audit::note(scope, Subject::UserClass, id, was, &[], &mut transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn checked(class: &UserClass) -> Result<UserClass> {
    check_name(&class.name)?;
    if class.description.chars().count() > MAX_DESCRIPTION_CHARS || class.description.chars().any(char::is_control) {
        let problem = format!("must have at most {MAX_DESCRIPTION_CHARS} characters and no control characters");
        return Err(Invalid::new("description", problem).into());
    }
    Ok(UserClass { keys: tidy(&class.keys, false)?, ..class.clone() })
}

fn bind(statement: crate::engine::Query, scope: &Scope, class: &UserClass) -> crate::engine::Query {
    statement
        .bind(scope.tenant.0)
        .bind(&class.name)
        .bind(&class.description)
        .bind(code_of(&class.role))
        .bind(&class.keys)
        .bind(class.all_keys)
}

/// A class for the audit log; `None`: it is not there.
pub(crate) async fn as_json(scope: &Scope, id: i64, connection: &mut Connection) -> Result<Option<serde_json::Value>> {
    let row = query(GET).bind(scope.tenant.0).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(|row| Ok(serde_json::to_value(read(row)?).expect("plain data is JSON"))).transpose()
}

fn read(row: &Row) -> Result<UserClass> {
    Ok(UserClass {
        id: row.int("id")?,
        name: row.text("name")?,
        description: row.text("description")?,
        role: row.code("role")?,
        keys: row.text("keys")?,
        all_keys: row.flag("all_keys")?,
    })
}
