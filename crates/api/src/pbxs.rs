//! `/api/pbxs`: the Asterisk servers.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use axum::extract::State;
use axum::http::StatusCode;
use domain::pbx::{DEFAULT_MESSAGES_PER_UNIT, DEFAULT_ORIGINATES_PER_SECOND, DEFAULT_UNIT_MS};
use domain::{Invalid, Manager, PbxId};
use serde::{Deserialize, Serialize};
use store::Kind;
use store::pbxs::Passwords;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 256;

/// How a PBX is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PbxLink {
    /// Asterisk's REST interface: a user of ari.conf, one websocket to the HTTP server.
    #[default]
    Ari,
    /// Asterisk's manager interface: nothing is needed on the PBX but a user of manager.conf.
    Ami,
}

impl From<domain::PbxLink> for PbxLink {
    fn from(link: domain::PbxLink) -> Self {
        match link {
            domain::PbxLink::Ari => Self::Ari,
            domain::PbxLink::Ami => Self::Ami,
        }
    }
}

impl From<PbxLink> for domain::PbxLink {
    fn from(link: PbxLink) -> Self {
        match link {
            PbxLink::Ari => Self::Ari,
            PbxLink::Ami => Self::Ami,
        }
    }
}

/// An Asterisk server. Its password is never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pbx {
    /// Its id.
    pub id: i64,
    /// Unique.
    #[schema(example = "office")]
    pub name: String,
    /// How it is reached.
    pub link: PbxLink,
    /// Host name or address of its HTTP server; over AMI: of its manager interface.
    #[schema(example = "127.0.0.1")]
    pub host: String,
    /// Port of its HTTP server; over AMI: of its manager interface.
    #[schema(example = 8088)]
    pub port: u16,
    /// The ARI user; over AMI: the manager user.
    #[schema(example = "carillon")]
    pub username: String,
    /// The ARI application name; over AMI without meaning.
    #[schema(example = "carillon")]
    pub application: String,
    /// Calls started per second, at most; over AMI also no more than half of the messages per second.
    pub originates_per_second: u32,
    /// Over AMI: length of the unit of time for `messages_per_unit`, milliseconds.
    pub unit_ms: u32,
    /// Over AMI: messages sent in any one unit, at most.
    pub messages_per_unit: u32,
    /// Over ARI: host name or address of the manager interface through which its queues are observed; `null`: they are not.
    pub manager_host: Option<String>,
    /// Its port.
    pub manager_port: Option<u16>,
    /// The manager user that observes.
    pub manager_username: Option<String>,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// Left out of choices; nothing else changes.
    pub hidden: bool,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(Pbx, Pbx, hidden);

impl From<domain::Pbx> for Pbx {
    fn from(pbx: domain::Pbx) -> Self {
        let domain::Pbx {
            id,
            name,
            link,
            host,
            port,
            username,
            application,
            originates_per_second,
            unit_ms,
            messages_per_unit,
            manager,
        } = pbx;
        let (manager_host, manager_port, manager_username) = match manager {
            Some(Manager { host, port, username }) => (Some(host), Some(port), Some(username)),
            None => (None, None, None),
        };
        Self {
            id: id.0,
            name,
            link: link.into(),
            host,
            port,
            username,
            application,
            originates_per_second,
            unit_ms,
            messages_per_unit,
            manager_host,
            manager_port,
            manager_username,
            security_key: String::new(),
            hidden: false,
            created_by: None,
        }
    }
}

/// An Asterisk server as it is created or replaced.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PbxInput {
    /// Unique, 1..=60 characters.
    #[schema(example = "office")]
    pub name: String,
    /// How it is reached: `ARI`, or `AMI` where only a manager user exists.
    #[serde(default)]
    #[schema(default = "ARI")]
    pub link: PbxLink,
    /// Host name or address of its HTTP server; over AMI: of its manager interface.
    #[schema(example = "127.0.0.1")]
    pub host: String,
    /// Port of its HTTP server (8088); over AMI: of its manager interface (5038).
    #[serde(default)]
    #[schema(example = 8088)]
    pub port: Option<u16>,
    /// The ARI user; over AMI: the manager user.
    #[schema(example = "carillon")]
    pub username: String,
    /// The user's password. Write-only, encrypted at rest. Without it a replaced PBX keeps the one it has.
    #[serde(default)]
    #[schema(write_only)]
    pub password: Option<String>,
    /// The ARI application name: one per installation and PBX, letters, digits, - and _. Over AMI without meaning.
    #[serde(default = "default_application")]
    #[schema(default = "carillon")]
    pub application: String,
    /// Calls started per second, `1..=1000`; over AMI also no more than half of the messages per second.
    #[serde(default = "default_rate")]
    #[schema(default = 100)]
    pub originates_per_second: u32,
    /// Over AMI: length of the unit of time for `messages_per_unit`, milliseconds, `1..=60000`.
    #[serde(default = "default_unit")]
    #[schema(default = 50)]
    pub unit_ms: u32,
    /// Over AMI: messages sent in any one unit, `1..=1000`.
    #[serde(default = "default_messages")]
    #[schema(default = 5)]
    pub messages_per_unit: u32,
    /// Over ARI, where end points observe queues: a user of manager.conf that reads `agent`. Over AMI its own user does.
    #[serde(default)]
    #[schema(example = "carillon")]
    pub manager_username: Option<String>,
    /// Its password. Write-only, encrypted at rest. Without it a replaced PBX keeps the one it has.
    #[serde(default)]
    #[schema(write_only)]
    pub manager_password: Option<String>,
    /// Host name or address of the manager interface; `host` when not given.
    #[serde(default)]
    pub manager_host: Option<String>,
    /// Its port; 5038 when not given.
    #[serde(default)]
    #[schema(example = 5038)]
    pub manager_port: Option<u16>,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
    /// Left out of choices. Without it a changed one stays as it is.
    #[serde(default)]
    pub hidden: Option<bool>,
}

fn default_application() -> String {
    "carillon".into()
}
fn default_rate() -> u32 {
    DEFAULT_ORIGINATES_PER_SECOND
}
fn default_unit() -> u32 {
    DEFAULT_UNIT_MS
}
fn default_messages() -> u32 {
    DEFAULT_MESSAGES_PER_UNIT
}

/// Passwords of a PBX as they were given.
struct Secrets {
    own: Option<String>,
    manager: Option<String>,
}

impl Secrets {
    fn as_passwords(&self) -> Passwords<'_> {
        Passwords { own: self.own.as_deref(), manager: self.manager.as_deref() }
    }
}

impl PbxInput {
    fn checked(self, id: i64) -> Result<(domain::Pbx, Secrets), ApiError> {
        let Self { name, link, host, port, username, password, application, .. } = self;
        let link = domain::PbxLink::from(link);
        if let (None, true) = (&self.manager_username, self.manager_password.is_some()) {
            return Err(
                Invalid::new("manager_username", "is missing: the manager user that observes the queues").into()
            );
        }
        let manager = self.manager_username.map(|username| Manager {
            host: self.manager_host.unwrap_or_else(|| host.clone()),
            port: self.manager_port.unwrap_or_else(|| domain::PbxLink::Ami.default_port()),
            username,
        });
        let pbx = domain::Pbx {
            id: PbxId(id),
            name,
            link,
            host,
            port: port.unwrap_or_else(|| link.default_port()),
            username,
            application,
            originates_per_second: self.originates_per_second,
            unit_ms: self.unit_ms,
            messages_per_unit: self.messages_per_unit,
            manager,
        };
        pbx.check()?;
        if let Some(password) = &password {
            let plain = !password.is_empty() && !password.chars().any(char::is_control);
            if !plain || password.len() > MAX_PASSWORD_BYTES {
                let problem = format!("must be 1..={MAX_PASSWORD_BYTES} bytes without control characters");
                return Err(Invalid::new("password", problem).into());
            }
        }
        Ok((pbx, Secrets { own: password, manager: self.manager_password }))
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: self.hidden }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_pbxs, create_pbx)).routes(routes!(get_pbx, replace_pbx, delete_pbx))
}

/// Every PBX.
#[utoipa::path(get, path = "/api/pbxs", tag = "configuration", params(NamedQuery), security(("token" = ["read"])),
    responses((status = 200, description = "a page of PBXs", body = Page<Pbx>)))]
async fn list_pbxs(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<Pbx>>, ApiError> {
    let all = Pbx::all_locked(&app, &caller.scope, app.store.pbxs(&caller.scope).await?).await?;
    Ok(axum::Json(Page::cut(all, &query, |pbx| pbx.id, |pbx| &pbx.name)?))
}

/// Adds a PBX; the dialler connects to it at once.
#[utoipa::path(post, path = "/api/pbxs", tag = "configuration", request_body = PbxInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = Pbx)))]
pub(crate) async fn create_pbx(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<PbxInput>,
) -> Result<(StatusCode, axum::Json<Pbx>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let (pbx, secrets) = input.checked(0)?;
    let pbx = app.store.create_pbx(&caller.scope, (&pbx, &lock), secrets.as_passwords()).await?;
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(Pbx::from(pbx).with(lock))))
}

/// One PBX.
#[utoipa::path(get, path = "/api/pbxs/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the PBX", body = Pbx)))]
async fn get_pbx(Read(caller): Read, State(app): State<App>, Id(id): Id) -> Result<axum::Json<Pbx>, ApiError> {
    let pbx = Pbx::from(app.store.pbx(&caller.scope, PbxId(id)).await?);
    Ok(axum::Json(pbx.locked(&app, &caller.scope).await?))
}

/// Replaces a PBX; fields that are not given take their defaults, the password stays.
#[utoipa::path(put, path = "/api/pbxs/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = PbxInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the PBX as it is now", body = Pbx)))]
pub(crate) async fn replace_pbx(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<PbxInput>,
) -> Result<axum::Json<Pbx>, ApiError> {
    let lock = input.lock().over(&app, &caller.scope, Kind::Pbx, id).await?;
    let (pbx, secrets) = input.checked(id)?;
    let pbx = app.store.update_pbx(&caller.scope, (&pbx, &lock), secrets.as_passwords()).await?;
    app.configuration_changed().await;
    Ok(axum::Json(Pbx::from(pbx).with(lock)))
}

/// Deletes a PBX that no trunk and no end point uses.
#[utoipa::path(delete, path = "/api/pbxs/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_pbx(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_pbx(&caller.scope, PbxId(id)).await?;
    app.configuration_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    fn office() -> Value {
        json!({"name": "office", "host": "127.0.0.1", "username": "carillon", "password": "s3cret"})
    }

    #[tokio::test]
    async fn a_pbx_is_made_changed_listed_and_deleted() {
        let server = Server::start().await;
        let made = server.post("/api/pbxs", office()).await.expect(201);
        assert_eq!((&made["port"], &made["application"]), (&json!(8088), &json!("carillon")));
        let path = format!("/api/pbxs/{}", made["id"]);
        let changed = json!({"name": "office", "host": "pbx.example", "port": 18088, "username": "other"});
        let changed = server.call("PUT", &path, changed).await.expect(200);
        assert_eq!(server.get(&path).await.expect(200), changed);
        let page = server.get("/api/pbxs?name=office").await.expect(200);
        assert_eq!(page, json!({"items": [changed], "next": null}));
        server.call("DELETE", &path, Value::Null).await.expect(204);
        server.get(&path).await.refused(404);
    }

    #[tokio::test]
    async fn a_pbx_over_ami_has_its_own_port_and_pace() {
        let server = Server::start().await;
        let mut pbx = office();
        pbx["link"] = json!("AMI");
        let made = server.post("/api/pbxs", pbx.clone()).await.expect(201);
        let facts = ["link", "port", "unit_ms", "messages_per_unit"].map(|field| made[field].clone());
        assert_eq!(facts, [json!("AMI"), json!(5038), json!(50), json!(5)]);
        for (field, value) in [("unit_ms", json!(0)), ("messages_per_unit", json!(1001))] {
            let mut wrong = pbx.clone();
            wrong["name"] = json!("second");
            wrong[field] = value;
            assert_eq!(server.post("/api/pbxs", wrong).await.refused(422), ("invalid".into(), field.into()));
        }
        pbx["link"] = json!("SIP");
        server.post("/api/pbxs", pbx).await.refused(422);
    }

    #[tokio::test]
    async fn the_password_is_kept_and_never_shown() {
        let server = Server::start().await;
        let made = server.post("/api/pbxs", office()).await;
        let id = made.json()["id"].clone();
        let path = format!("/api/pbxs/{id}");
        for answer in [made, server.get(&path).await, server.get("/api/pbxs").await] {
            assert!(!answer.text().contains("s3cret") && !answer.text().contains("password"), "{}", answer.text());
        }
        let renamed = json!({"name": "main office", "host": "127.0.0.1", "username": "carillon"});
        server.call("PUT", &path, renamed).await.expect(200);
        let scope = store::Scope::installation();
        let kept = server.app.store.pbx_password(&scope, domain::PbxId(id.as_i64().unwrap())).await.unwrap();
        assert_eq!(kept, "s3cret");
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_pbx_is_named() {
        let server = Server::start().await;
        server.post("/api/pbxs", office()).await.expect(201);
        assert_eq!(server.post("/api/pbxs", office()).await.refused(409), ("name_taken".into(), "name".into()));
        let cases = [
            ("host", json!("a b\r\nX: y")),
            ("port", json!(0)),
            ("password", json!("a\nb")),
            ("password", json!(null)),
        ];
        for (field, value) in cases {
            let mut pbx = office();
            pbx["name"] = json!("second");
            pbx[field] = value;
            assert_eq!(server.post("/api/pbxs", pbx).await.refused(422), ("invalid".into(), field.into()));
        }
    }

    #[tokio::test]
    async fn a_pbx_with_trunks_cannot_be_deleted() {
        let server = Server::start().await;
        let [pbx, ..] = server.furnish().await;
        let refused = server.call("DELETE", &format!("/api/pbxs/{pbx}"), Value::Null).await.refused(409);
        assert_eq!(refused.0, "in_use");
    }
}
