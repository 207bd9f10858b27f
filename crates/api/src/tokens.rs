//! `/api/tokens`: who may use the API.

use crate::App;
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::page::{NamedQuery, Page};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use store::{TokenRecord, TokenScope};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A token, without the secret itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: i64,
    /// Unique among tokens that are not revoked: the actor of what is done with it.
    #[schema(example = "wallboard")]
    pub name: String,
    /// What it may do.
    #[schema(value_type = Vec<words::TokenScope>)]
    pub scopes: Vec<TokenScope>,
    /// It sees what has no key or one of these, space separated; `null`: everything.
    pub keys: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl From<TokenRecord> for Token {
    fn from(token: TokenRecord) -> Self {
        let TokenRecord { id, tenant: _, name, scopes, keys, created_at, revoked_at } = token;
        Self { id, name, scopes, keys, created_at, revoked_at }
    }
}

/// A token to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// Unique, 1..=200 characters.
    #[schema(example = "wallboard")]
    pub name: String,
    /// What it may do: operate includes read, admin includes both.
    #[schema(value_type = Vec<words::TokenScope>)]
    pub scopes: Vec<TokenScope>,
    /// It sees what has no key or one of these, space separated; not given: everything.
    #[serde(default)]
    #[schema(example = "SALES SUPPORT")]
    pub keys: Option<String>,
}

/// A new token.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewToken {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it may do.
    #[schema(value_type = Vec<words::TokenScope>)]
    pub scopes: Vec<TokenScope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The secret: shown this once and kept nowhere.
    #[schema(example = "cct_...")]
    pub token: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_token))
}

/// Every token, revoked ones too.
#[utoipa::path(get, path = "/api/tokens", tag = "service", params(NamedQuery), security(("token" = ["admin"])),
    responses((status = 200, description = "a page of tokens", body = Page<Token>)))]
async fn list_tokens(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<Token>>, ApiError> {
    caller.sees_everything()?;
    let all = app.store.tokens(&caller.scope).await?.into_iter().map(Token::from).collect();
    Ok(axum::Json(Page::cut(all, &query, |token| token.id, |token| &token.name)?))
}

/// Makes a token.
#[utoipa::path(post, path = "/api/tokens", tag = "service", request_body = TokenInput,
    security(("token" = ["admin"])), responses((status = 201, description = "the token, shown once", body = NewToken)))]
async fn create_token(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<TokenInput>,
) -> Result<(StatusCode, axum::Json<NewToken>), ApiError> {
    caller.sees_everything()?;
    let (record, token) =
        app.store.create_keyed_token(&caller.scope, &input.name, input.scopes, input.keys.as_deref()).await?;
    let TokenRecord { id, name, scopes, created_at, .. } = record;
    Ok((StatusCode::CREATED, axum::Json(NewToken { id, name, scopes, created_at, token })))
}

/// Revokes a token for good; the last one with scope admin stays.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "service", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is revoked")))]
async fn revoke_token(Admin(caller): Admin, State(app): State<App>, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    let tokens = app.store.tokens(&caller.scope).await?;
    let mut admins = tokens.iter().filter(|token| token.allows(TokenScope::Admin));
    if admins.next().is_some_and(|token| token.id == id) && admins.next().is_none() {
        let message = format!("token {id} is the last one with scope admin");
        return Err(ApiError::new(StatusCode::CONFLICT, "last_admin", message)
            .remedy("make another with `carillon token create NAME --scope admin` first"));
    }
    app.store.revoke_token(&caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_token_works_until_it_is_revoked_and_is_never_shown_again() {
        let server = Server::start().await;
        let made = server.post("/api/tokens", json!({"name": "wallboard", "scopes": ["read"]})).await.expect(201);
        let plain = made["token"].as_str().unwrap();
        assert!(plain.starts_with("cct_"), "{plain}");
        server.call_as(plain, "GET", "/api/pbxs", Value::Null).await.expect(200);
        assert!(!server.get("/api/tokens").await.text().contains(plain));

        let path = format!("/api/tokens/{}", made["id"]);
        server.call("DELETE", &path, Value::Null).await.expect(204);
        assert_eq!(server.call_as(plain, "GET", "/api/pbxs", Value::Null).await.refused(401).0, "unauthorized");
    }

    #[tokio::test]
    async fn the_last_admin_cannot_be_locked_out() {
        let server = Server::start().await;
        let path = "/api/tokens/1";
        assert_eq!(server.call("DELETE", path, Value::Null).await.refused(409).0, "last_admin");
        server.post("/api/tokens", json!({"name": "second", "scopes": ["admin"]})).await.expect(201);
        server.call("DELETE", path, Value::Null).await.expect(204);
    }

    #[tokio::test]
    async fn a_token_needs_a_scope_that_exists() {
        let server = Server::start().await;
        let none = server.post("/api/tokens", json!({"name": "x", "scopes": []})).await;
        assert_eq!(none.refused(422), ("invalid".into(), "scopes".into()));
        let unknown = server.post("/api/tokens", json!({"name": "x", "scopes": ["root"]})).await;
        assert_eq!(unknown.refused(422), ("invalid".into(), "scopes[0]".into()));
    }
}
