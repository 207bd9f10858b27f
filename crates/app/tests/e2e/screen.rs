//! A screen: it takes the live figures over the websocket and applies what changes, as the web app does.

use crate::world::World;
use serde_json::Value;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::Message;

/// No message for so long is the end: there is a beat every second.
const SILENCE: Duration = Duration::from_secs(5);

pub(crate) struct Screen {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    live: Value,
    seq: i64,
    /// When each message came, in microseconds of Unix time.
    heard: Vec<(i64, Value)>,
    closed: Option<u16>,
}

impl Screen {
    pub(crate) fn open(world: &World) -> Self {
        let token = std::fs::read_to_string(world.home.path("carillon-data/token")).unwrap();
        Self::open_as(world, token.trim()).unwrap()
    }

    pub(crate) fn open_as(world: &World, token: &str) -> Result<Self, tungstenite::Error> {
        let address = format!("127.0.0.1:{}", world.pair.ports.api);
        let mut request = format!("ws://{address}/api/live/stream").into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let (mut socket, _) = tungstenite::client(request, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            tungstenite::HandshakeError::Interrupted(_) => tungstenite::Error::ConnectionClosed,
        })?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            while let Ok(message) = socket.read() {
                let now_us = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64;
                let mut seen = shared.lock().unwrap();
                match message {
                    Message::Text(text) => seen.take(now_us, serde_json::from_str(&text).unwrap()),
                    Message::Close(frame) => seen.closed = frame.map(|frame| frame.code.into()),
                    _ => {}
                }
            }
        });
        Ok(Self { seen })
    }

    /// The figures as they are shown now.
    pub(crate) fn shown(&self) -> Value {
        self.seen.lock().unwrap().live.clone()
    }

    pub(crate) fn heard(&self) -> Vec<(i64, Value)> {
        self.seen.lock().unwrap().heard.clone()
    }

    pub(crate) fn saw_run(&self, run: i64) -> bool {
        let runs = |message: &Value| message["runs"]["set"].as_array().cloned().unwrap_or_default();
        self.heard().iter().flat_map(|(_, message)| runs(message)).any(|seen| seen["id"] == run)
    }

    pub(crate) fn closed_with(&self) -> Option<u16> {
        self.seen.lock().unwrap().closed
    }
}

impl Seen {
    fn take(&mut self, now_us: i64, message: Value) {
        match message["type"].as_str().unwrap() {
            "snapshot" => self.live = message["live"].clone(),
            "delta" => {
                assert_eq!(message["after"].as_i64(), Some(self.seq), "a gap");
                apply(&mut self.live, &message);
            }
            beat => assert_eq!(beat, "beat"),
        }
        self.seq = message["seq"].as_i64().unwrap_or(self.seq);
        self.heard.push((now_us, message));
    }
}

fn apply(live: &mut Value, delta: &Value) {
    for (part, change) in delta.as_object().unwrap() {
        let Some(set) = change["set"].as_array() else {
            live[part] = change.clone();
            continue;
        };
        let key = if part == "calls" { "attempt" } else { "id" };
        let gone = change["gone"].as_array().unwrap();
        let members = live[part].as_array_mut().unwrap();
        members.retain(|member| !gone.contains(&member[key]) && set.iter().all(|new| new[key] != member[key]));
        members.extend(set.iter().cloned());
    }
}
