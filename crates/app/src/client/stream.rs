//! Server-sent events as they come. A server that says nothing, not even that it is alive, is gone.

use super::Client;
use crate::failure::Failure;
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// The server speaks every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// A longer message is none of ours, bytes.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The server's stream of events.
#[derive(Debug)]
pub(crate) struct EventStream {
    response: Response,
    text: Vec<u8>,
}

impl Client {
    /// The events that `query` asks for.
    pub(crate) async fn events(&self, query: &[(&str, &str)]) -> Result<EventStream, Failure> {
        let response = self.stream("api/events", query, "text/event-stream", SILENCE).await?;
        Ok(EventStream { response, text: Vec::new() })
    }
}

/// An answer of one JSON object per line.
#[derive(Debug)]
pub(crate) struct Lines {
    response: Response,
    text: Vec<u8>,
}

impl Client {
    /// `POST` of JSON that is answered line by line.
    pub(crate) async fn lines(&self, path: &str, body: &Value) -> Result<Lines, Failure> {
        let response = self.post_stream(path, body, "application/x-ndjson", SILENCE).await?;
        Ok(Lines { response, text: Vec::new() })
    }
}

impl Lines {
    /// The next line. The error says why there are no more.
    pub(crate) async fn next(&mut self) -> Result<Value, String> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return serde_json::from_slice(&line).map_err(|_| "the server sends no lines of JSON".to_owned());
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| "the server fell silent")?.map_err(|_| "the connection was lost")?;
            self.text.extend_from_slice(&chunk.ok_or("the server ended the answer")?);
            if self.text.len() > MAX_MESSAGE_BYTES {
                return Err("the server sends no lines of JSON".to_owned());
            }
        }
    }
}

impl EventStream {
    /// The next message: the place that it tells, and its event when it has one. The error says why there are no more.
    pub(crate) async fn event(&mut self) -> Result<(Option<i64>, Option<Value>), String> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = self.text.drain(..end + 2).collect();
                return read(&String::from_utf8_lossy(&message));
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| "the server fell silent")?.map_err(|_| "the connection was lost")?;
            self.text.extend_from_slice(&chunk.ok_or("the server ended the stream")?);
            if self.text.len() > MAX_MESSAGE_BYTES {
                return Err("the server sends no events".to_owned());
            }
        }
    }
}

fn read(message: &str) -> Result<(Option<i64>, Option<Value>), String> {
    let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
    let event = field("data: ").map(serde_json::from_str).transpose();
    Ok((field("id: ").and_then(|id| id.parse().ok()), event.map_err(|_| "the server sends no events")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_has_a_place_an_event_both_or_none() {
        assert_eq!(read("id: 7\ndata: {\"seq\":7}\n\n"), Ok((Some(7), Some(json!({ "seq": 7 })))));
        assert_eq!(read(": alive\nid: 9\n\n"), Ok((Some(9), None)));
        assert_eq!(read("retry: 2000\n\n"), Ok((None, None)));
        assert!(read("data: <html>\n\n").is_err());
    }
}
