//! From nothing to a connection that is ready to use, or the reason why not, in words an operator can act on.

use asterisk::{Entered, Event, INCOMING_MAX, Lost};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;

use crate::codec::{Message, Response, decode};
use crate::request::{Method, Request};
use crate::session::{MESSAGE_BYTES_MAX, Socket, refusal};
use crate::settings::Settings;

/// The types Asterisk is asked to send. Without the last two in the list it would hide the answers to our requests,
/// and the news that another controller took our place.
const EVENT_TYPES: [&str; 8] = [
    "ChannelCreated",
    "Dial",
    "ChannelStateChange",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelUserevent",
    "ApplicationReplaced",
    "RESTResponse",
];

/// A connection with its subscription made.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    /// Events that came while the set-up requests were answered: they belong after `Connected`.
    pub(crate) held: Vec<Event>,
}

/// Connects, subscribes to all channels and asks who is there; all of it within `connect_deadline`.
pub(crate) async fn open(settings: &Settings) -> Result<(Opened, Entered), Lost> {
    let unreachable = |why: String| Lost::Unreachable(format!("PBX {}: {why}", settings.address()));
    timeout(settings.patience.connect_deadline, async {
        let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(|error| {
            unreachable(format!(
                "{}: is Asterisk running, with enabled = yes and this bindaddr and bindport in http.conf?",
                error.to_string().to_lowercase()
            ))
        })?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let socket = upgrade(settings, stream).await?;
        Setup { settings, socket, held: Vec::new(), number: 0 }.run().await
    })
    .await
    .unwrap_or_else(|_| Err(unreachable(format!("no answer within {:?}", settings.patience.connect_deadline))))
}

async fn upgrade(settings: &Settings, stream: TcpStream) -> Result<Socket, Lost> {
    let address = settings.address();
    let unreachable = |why: &str| Lost::Unreachable(format!("PBX {address}: {why}"));
    let uri = format!("ws://{address}/ari/events?app={}", Request::part(&settings.application));
    let mut request =
        uri.into_client_request().map_err(|_| unreachable("its address does not make a URL: check host and port"))?;
    let login = format!("{}:{}", settings.username, settings.password.expose());
    let mut authorization = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(login)))
        .expect("base64 is a valid header value");
    authorization.set_sensitive(true);
    request.headers_mut().insert("Authorization", authorization);
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("ari"));
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(refused(settings, response.status().as_u16())),
        Err(tungstenite::Error::Io(error)) => Err(unreachable(&error.to_string().to_lowercase())),
        Err(error) => Err(unreachable(&format!(
            "no websocket there ({}): is this the bindport of http.conf?",
            error.to_string().to_lowercase()
        ))),
    }
}

/// The PBX answered the upgrade with something else than a websocket.
fn refused(settings: &Settings, status: u16) -> Lost {
    let username = &settings.username;
    let remedy = match status {
        401 => format!("user {username} or its password is wrong: compare with the user's section in ari.conf"),
        403 => format!("user {username} is not allowed: check acl in ari.conf"),
        404 => "there is no ARI: set enabled = yes in ari.conf, load res_ari and res_ari_events, \
                and leave prefix in http.conf empty"
            .to_owned(),
        503 => "it is too busy, or its sessionlimit in http.conf is reached".to_owned(),
        _ => "it does not accept the events websocket: load res_http_websocket and res_ari_events".to_owned(),
    };
    Lost::Refused(format!("PBX {} answers {status}: {remedy}", settings.address()))
}

struct Setup<'a> {
    settings: &'a Settings,
    socket: Socket,
    held: Vec<Event>,
    number: u64,
}

#[derive(Deserialize)]
struct AsteriskInfo {
    system: SystemInfo,
    status: StatusInfo,
}

#[derive(Deserialize)]
struct SystemInfo {
    version: String,
}

#[derive(Deserialize)]
struct StatusInfo {
    startup_time: String,
}

impl Setup<'_> {
    async fn run(mut self) -> Result<(Opened, Entered), Lost> {
        let info = self.done(&Request::new(Method::Get, "asterisk/info?only=system,status")).await?;
        let info: AsteriskInfo = serde_json::from_str(&info.body)
            .map_err(|_| self.unreachable("its answer to asterisk/info is not readable: is it Asterisk 22?"))?;
        let application = Request::part(&self.settings.application);
        let types: Vec<_> = EVENT_TYPES.iter().map(|name| json!({ "type": name })).collect();
        let filter = format!("applications/{application}/eventFilter");
        self.done(&Request::with_body(Method::Put, filter, json!({ "allowed": types }))).await?;
        // All channels: calls go to the dialplan, not into our application, and would otherwise be invisible.
        let subscription = format!("applications/{application}/subscription?eventSource=channel:");
        self.done(&Request::new(Method::Post, subscription)).await?;
        let entered = Entered { version: info.system.version, started_at: info.status.startup_time };
        Ok((Opened { socket: self.socket, held: self.held }, entered))
    }

    /// One request that must succeed before the link is of use.
    async fn done(&mut self, request: &Request) -> Result<Response, Lost> {
        self.number += 1;
        let sent = self.socket.send(tungstenite::Message::text(request.encode(self.number))).await;
        sent.map_err(|error| self.unreachable(&error.to_string().to_lowercase()))?;
        let response = self.response().await?;
        match response.status {
            200..300 => Ok(response),
            status => {
                let (address, username) = (self.settings.address(), &self.settings.username);
                let remedy = match status {
                    401 | 403 => format!("user {username} may not write: set read_only = no in ari.conf"),
                    _ => format!("{} {}: {}", request.method.as_str(), request.uri, refusal(&response)),
                };
                Err(Lost::Refused(format!("PBX {address} answers {status}: {remedy}")))
            }
        }
    }

    /// The answer to the one request under way, keeping the events before it.
    async fn response(&mut self) -> Result<Response, Lost> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => text,
                Some(Ok(tungstenite::Message::Close(_))) | None => {
                    return Err(self.unreachable("it closed the connection"));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(self.unreachable(&error.to_string().to_lowercase())),
            };
            match decode(&text) {
                Ok(Message::Response(response)) if response.request_id == self.number.to_string() => {
                    return Ok(response);
                }
                Ok(Message::Replaced) => return Err(Lost::Replaced),
                Ok(Message::Event(_)) if self.held.len() >= INCOMING_MAX => return Err(Lost::Overrun),
                Ok(Message::Event(event)) => self.held.push(event),
                Ok(Message::Response(_)) | Err(_) => {}
            }
        }
    }

    fn unreachable(&self, why: &str) -> Lost {
        Lost::Unreachable(format!("PBX {}: {why}", self.settings.address()))
    }
}
