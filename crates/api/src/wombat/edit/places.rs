//! Asterisk servers, trunks and end points.

use super::super::{Asked, refuse, shown};
use super::record::Record;
use super::{Made, Room, saved};
use crate::auth::Admin;
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, from_fields};
use crate::locks::Shown;
use crate::{end_points, pbxs, trunks};
use axum::extract::State;
use axum::http::StatusCode;
use domain::EndPointKind;
use domain::end_point::DEFAULT_MAX_WAITING;
use serde_json::{Map, Value, json};
use store::Kind;

/// A server for which there is a manager user: WombatDialer's only type, and what one without a type is.
const AMI: &str = "ASTERISKAMI";
/// A server that is driven over ARI.
const ARI: &str = "ASTERISKARI";
/// WombatDialer counts messages per this many milliseconds unless it is told otherwise.
const UNIT_MS: i64 = 50;

pub(super) async fn pbxs(asked: &Asked<'_>) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::Pbx).await?;
    let all = pbxs::Pbx::all_locked(app, scope, app.store.pbxs(scope).await?).await?;
    let live = match &app.node {
        Some(node) => node.live().await.map(|live| live.pbxs).unwrap_or_default(),
        None => Vec::new(),
    };
    let record = |pbx: pbxs::Pbx| {
        let (server_type, unit_ms, messages) = match pbx.link {
            pbxs::PbxLink::Ami => (AMI, i64::from(pbx.unit_ms), i64::from(pbx.messages_per_unit)),
            pbxs::PbxLink::Ari => (ARI, UNIT_MS, (i64::from(pbx.originates_per_second) * UNIT_MS / 1_000).max(1)),
        };
        let is_up = live.iter().any(|live| live.id.0 == pbx.id && live.state == node::live::PbxState::Up);
        let record = json!({
            "id": pbx.id,
            "description": pbx.name,
            "serverType": server_type,
            "ipAddress": pbx.host,
            "port": pbx.port,
            "login": pbx.username,
            "password": "",
            "unit_len": unit_ms,
            "msg_per_unit": messages,
            "securityKey": pbx.security_key,
            "state": if is_up { "UP" } else { "DOWN" },
        });
        made.sign(pbx.id, record)
    };
    Ok(all.into_iter().map(record).collect())
}

/// An empty password keeps the one that is stored.
pub(super) async fn edit_pbx(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    record.only("serverType", &[AMI, ARI])?;
    let (app, scope) = (asked.app, &asked.caller.scope);
    let id = record.id("id")?;
    let mut fields = Map::new();
    let mut link = domain::PbxLink::Ami;
    if let Some(id) = id {
        let pbx = app.store.pbx(scope, domain::PbxId(id)).await?;
        fields = Map::from_iter([
            ("name".into(), json!(pbx.name)),
            ("host".into(), json!(pbx.host)),
            ("port".into(), json!(pbx.port)),
            ("username".into(), json!(pbx.username)),
            ("application".into(), json!(pbx.application)),
            ("originates_per_second".into(), json!(pbx.originates_per_second)),
            ("unit_ms".into(), json!(pbx.unit_ms)),
            ("messages_per_unit".into(), json!(pbx.messages_per_unit)),
        ]);
        if let Some(manager) = &pbx.manager {
            fields.insert("manager_host".into(), json!(manager.host));
            fields.insert("manager_port".into(), json!(manager.port));
            fields.insert("manager_username".into(), json!(manager.username));
        }
        link = pbx.link;
    }
    if let Some(named) = record.text("serverType")?.filter(|text| !text.trim().is_empty()) {
        let is_ari = named.trim().eq_ignore_ascii_case(ARI);
        link = if is_ari { domain::PbxLink::Ari } else { domain::PbxLink::Ami };
    }
    fields.insert("link".into(), json!(link.code()));
    texts(record, &mut fields, &[("description", "name"), ("ipAddress", "host"), ("login", "username")])?;
    key(record, &mut fields)?;
    if let Some(port) = record.int("port")? {
        fields.insert("port".into(), json!(port));
    }
    if let Some(password) = record.text("password")?.filter(|password| !password.is_empty()) {
        fields.insert("password".into(), json!(password));
    }
    if let Some(messages) = record.int("msg_per_unit")? {
        let unit = record.int("unit_len")?.filter(|unit| *unit > 0).unwrap_or(UNIT_MS);
        match link {
            domain::PbxLink::Ami => {
                fields.insert("messages_per_unit".into(), json!(messages));
                fields.insert("unit_ms".into(), json!(unit));
            }
            domain::PbxLink::Ari => {
                fields.insert("originates_per_second".into(), json!(messages.saturating_mul(1_000) / unit));
            }
        }
    }
    let (admin, state, input) = (Admin(asked.caller.clone()), State(app.clone()), Json(from_fields(fields)?));
    let id = match id {
        Some(id) => pbxs::replace_pbx(admin, state, Id(id), input).await?.0.id,
        None => pbxs::create_pbx(admin, state, input).await?.1.0.id,
    };
    saved(pbxs(asked).await?, "id", id)
}

pub(super) async fn trunks(asked: &Asked<'_>) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::Trunk).await?;
    let all = trunks::Trunk::all_locked(app, scope, app.store.trunks(scope).await?).await?;
    let servers = pbxs(asked).await?;
    let record = |trunk: trunks::Trunk| {
        let record = json!({
            "trunkId": trunk.id,
            "astId": server(&servers, trunk.pbx),
            "name": trunk.name,
            "description": "",
            "dialstring": trunk.dial_string,
            "capacity": trunk.capacity,
            "securityKey": trunk.security_key,
            "idx": "",
            "campaignId": "",
        });
        made.sign(trunk.id, record)
    };
    Ok(all.into_iter().map(record).collect())
}

pub(super) async fn edit_trunk(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    record.only("description", &[])?;
    let mut fields = place(record)?;
    texts(record, &mut fields, &[("name", "name"), ("dialstring", "dial_string")])?;
    number(record, &mut fields, "capacity", "capacity")?;
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let id = match record.id("trunkId")? {
        Some(id) => trunks::patch_trunk(admin, state, Id(id), Patch::of(fields)).await?.0.id,
        None => {
            fields.entry("capacity").or_insert(json!(10));
            trunks::create_trunk(admin, state, Json(from_fields(fields)?)).await?.1.0.id
        }
    };
    saved(trunks(asked).await?, "trunkId", id)
}

pub(super) async fn end_points(asked: &Asked<'_>) -> Result<Vec<Value>, ApiError> {
    let (app, scope) = (asked.app, &asked.caller.scope);
    let made = Made::read(asked, Kind::EndPoint).await?;
    let all = end_points::EndPoint::all_locked(app, scope, app.store.end_points(scope).await?).await?;
    let servers = pbxs(asked).await?;
    let record = |end_point: end_points::EndPoint| {
        let record = json!({
            "epId": end_point.id,
            "astId": server(&servers, end_point.pbx),
            "type": end_point.kind,
            "queueName": end_point.queue.as_deref().unwrap_or_default(),
            "name": end_point.name,
            "description": "",
            "maxChannels": end_point.max_channels,
            "extension": end_point.extension,
            "context": end_point.context,
            "boostFactor": end_point.boost.unwrap_or(1.0),
            "maxWaitingCalls": end_point.max_waiting.unwrap_or(DEFAULT_MAX_WAITING),
            "reverseDialing": end_point.reverse,
            "stepwiseReverse": end_point.preview,
            "dialFind": end_point.dial_find,
            "dialReplace": end_point.dial_replace,
            "securityKey": end_point.security_key,
            "idx": "",
            "campaignId": "",
        });
        made.sign(end_point.id, record)
    };
    Ok(all.into_iter().map(record).collect())
}

/// Of the texts that name an end point one is kept. A
/// QUEUE without any of them is called like its queue.
pub(super) async fn edit_end_point(asked: &Asked<'_>, record: &Record) -> Result<Value, ApiError> {
    record.only("type", &["PHONE", "QUEUE"])?;
    let id = record.id("epId")?;
    let existing = match id {
        Some(id) => Some(asked.app.store.end_point(&asked.caller.scope, domain::EndPointId(id)).await?),
        None => None,
    };
    let kind = match record.text("type")?.filter(|kind| !kind.trim().is_empty()) {
        Some(kind) if kind.trim().eq_ignore_ascii_case("QUEUE") => EndPointKind::Queue,
        Some(_) => EndPointKind::Phone,
        None => existing.as_ref().map_or(EndPointKind::Phone, |end_point| end_point.kind),
    };
    let queue = record.text("queueName")?.filter(|queue| !queue.trim().is_empty());
    let name = record.text("name")?.filter(|name| !name.trim().is_empty());
    let description = record.text("description")?.filter(|text| !text.trim().is_empty());
    if name.is_some() && description.is_some() && name != description {
        return Err(refuse("name and description differ, and an end point has one of them: leave description empty"));
    }
    let mut fields = place(record)?;
    fields.insert("kind".into(), json!(kind));
    match kind {
        EndPointKind::Queue => {
            if let Some(queue) = &queue {
                fields.insert("queue".into(), json!(queue.trim()));
            }
            decimal(record, &mut fields, "boostFactor", "boost")?;
            number(record, &mut fields, "maxWaitingCalls", "max_waiting")?;
            let reverse = record.flag("reverseDialing")?;
            let preview = record.flag("stepwiseReverse")?;
            let had = existing.as_ref().and_then(|end_point| end_point.queue.as_ref());
            if preview == Some(true) && !reverse.unwrap_or(had.is_some_and(|queue| queue.reverse)) {
                return Err(refuse("stepwiseReverse is for end points with reverseDialing"));
            }
            for (field, value) in [("reverse", reverse), ("preview", preview.or(reverse.filter(|reverse| !reverse)))] {
                if let Some(value) = value {
                    fields.insert(field.into(), json!(value));
                }
            }
            texts(record, &mut fields, &[("dialFind", "dial_find"), ("dialReplace", "dial_replace")])?;
        }
        // WombatDialer's record has what only queues have on every end point: it says nothing of a telephone.
        EndPointKind::Phone => {
            if queue.is_some() {
                return Err(refuse("queueName is for end points of type QUEUE"));
            }
            for field in ["queue", "boost", "max_waiting", "reservation_minutes"] {
                fields.insert(field.into(), Value::Null);
            }
            for field in ["reverse", "preview"] {
                fields.insert(field.into(), json!(false));
            }
            for field in ["dial_find", "dial_replace"] {
                fields.insert(field.into(), json!(""));
            }
        }
    }
    if let Some(name) = name.or(description).or(queue.filter(|_| existing.is_none())) {
        fields.insert("name".into(), json!(name));
    }
    texts(record, &mut fields, &[("extension", "extension"), ("context", "context")])?;
    number(record, &mut fields, "maxChannels", "max_channels")?;
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let id = match id {
        Some(id) => end_points::patch_end_point(admin, state, Id(id), Patch::of(fields)).await?.0.id,
        None => {
            fields.entry("max_channels").or_insert(json!(1));
            end_points::create_end_point(admin, state, Json(from_fields(fields)?)).await?.1.0.id
        }
    };
    saved(end_points(asked).await?, "epId", id)
}

/// What is not there is left as it is.
pub(super) async fn delete(asked: &Asked<'_>, room: Room, record: &Record) -> Result<(), ApiError> {
    let (admin, state) = (Admin(asked.caller.clone()), State(asked.app.clone()));
    let key = match room {
        Room::Asterisk => "id",
        Room::Trunk => "trunkId",
        _ => "epId",
    };
    let Some(id) = record.id(key)? else { return Ok(()) };
    let done = match room {
        Room::Asterisk => pbxs::delete_pbx(admin, state, Id(id)).await,
        Room::Trunk => trunks::delete_trunk(admin, state, Id(id)).await,
        _ => end_points::delete_end_point(admin, state, Id(id)).await,
    };
    gone(done)
}

/// What is not there was deleted before.
pub(super) fn gone(done: Result<StatusCode, ApiError>) -> Result<(), ApiError> {
    match done {
        Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(()),
        done => done.map(|_| ()),
    }
}

/// The server that a trunk or end point belongs to, and the key; shown whole, as WombatDialer does, and without its password.
fn place(record: &Record) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Map::new();
    if let Some(pbx) = record.reference("astId", "id")? {
        fields.insert("pbx".into(), json!(pbx));
    }
    key(record, &mut fields)?;
    Ok(fields)
}

fn server(servers: &[Value], id: i64) -> Value {
    servers.iter().find(|server| server["id"] == id).cloned().unwrap_or_else(|| json!({ "id": id }))
}

/// The security key, when the record has one.
pub(super) fn key(record: &Record, fields: &mut Map<String, Value>) -> Result<(), ApiError> {
    texts(record, fields, &[("securityKey", "security_key")])
}

/// Texts under the names of the native API.
pub(super) fn texts(record: &Record, fields: &mut Map<String, Value>, names: &[(&str, &str)]) -> Result<(), ApiError> {
    for (theirs, ours) in names {
        if let Some(text) = record.text(theirs)? {
            fields.insert((*ours).to_owned(), json!(text));
        }
    }
    Ok(())
}

/// A decimal number under its name in the native API; an empty text is none.
pub(super) fn decimal(
    record: &Record,
    fields: &mut Map<String, Value>,
    theirs: &str,
    ours: &str,
) -> Result<(), ApiError> {
    let Some(text) = record.text(theirs)?.filter(|text| !text.trim().is_empty()) else { return Ok(()) };
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| refuse(format!("{theirs} {:?} is no number", shown(&text))))?;
    fields.insert(ours.to_owned(), json!(number));
    Ok(())
}

/// A number under its name in the native API.
pub(super) fn number(
    record: &Record,
    fields: &mut Map<String, Value>,
    theirs: &str,
    ours: &str,
) -> Result<(), ApiError> {
    if let Some(number) = record.int(theirs)? {
        fields.insert(ours.to_owned(), json!(number));
    }
    Ok(())
}
