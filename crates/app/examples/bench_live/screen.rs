//! A screen that notes when each message came and reads them afterwards, so that reading does not delay what comes next.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::Message;

use crate::server::Server;
use crate::{Arrivals, Kind, now_us};

/// No message for so long is the end: there is a beat every second.
const SILENCE: Duration = Duration::from_secs(5);

/// What came, and when.
type Heard = Vec<(i64, String)>;

pub(crate) struct Screen {
    ends: Arc<AtomicBool>,
    reader: JoinHandle<Result<Heard>>,
}

/// When a screen was told of what.
pub(crate) struct Shown {
    answered: Arrivals,
    ended: Arrivals,
    pub(crate) bytes: usize,
}

impl Screen {
    pub(crate) fn open(server: &Server) -> Result<Self> {
        let mut request = format!("ws://{}/api/live/stream", server.address).into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {}", server.token).parse()?);
        let stream = TcpStream::connect(&server.address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let (mut socket, _) = tungstenite::client(request, stream).map_err(|error| anyhow!("no stream: {error}"))?;
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let reader = thread::spawn(move || {
            let mut heard = Heard::new();
            while !asked.load(Ordering::Relaxed) {
                if let Message::Text(text) = socket.read().context("a screen was cut off")? {
                    heard.push((now_us(), text.as_str().to_owned()));
                }
            }
            Ok(heard)
        });
        Ok(Self { ends, reader })
    }

    /// Ends with the next message.
    pub(crate) fn close(self) -> Result<Shown> {
        self.ends.store(true, Ordering::Relaxed);
        let heard = self.reader.join().map_err(|_| anyhow!("a screen panicked"))??;
        let mut shown = Shown { answered: Arrivals::new(), ended: Arrivals::new(), bytes: 0 };
        for (arrived, text) in heard {
            shown.bytes += text.len();
            let message: Value = serde_json::from_str(&text)?;
            let calls = &message["calls"];
            for call in calls["set"].as_array().into_iter().flatten() {
                if let (Some(attempt), true) = (call["attempt"].as_i64(), call["connected_at"].is_string()) {
                    shown.answered.entry(attempt).or_insert(arrived);
                }
            }
            for attempt in calls["gone"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                shown.ended.entry(attempt).or_insert(arrived);
            }
        }
        Ok(shown)
    }
}

impl Shown {
    pub(crate) fn of(&self, kind: Kind) -> &Arrivals {
        match kind {
            Kind::Answered => &self.answered,
            Kind::Ended => &self.ended,
        }
    }
}
