//! One websocket text from Asterisk to a value. No I/O: recorded transcripts run through it as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use asterisk::{DialStatus, Event, EventKind};
use serde::Deserialize;
use serde_json::Value;

use crate::event::WireChannel;

/// What one text of the websocket is.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// An event of the PBX.
    Event(Event),
    /// The answer to one request.
    Response(Response),
    /// Another connection took our application name.
    Replaced,
}

/// The answer to one request, correlated by `request_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Our id; empty when Asterisk could not read the request at all.
    pub request_id: String,
    /// HTTP status.
    pub status: u16,
    /// Words of the status, for example `Not Found`.
    pub reason: String,
    /// JSON text, empty when there is none (204).
    pub body: String,
}

/// The text is not JSON, or has no `type`. Its content is kept out of messages on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unreadable message of {bytes} bytes")]
pub struct Unreadable {
    /// Length of the text.
    pub bytes: usize,
}

/// Reads one text. Unknown types and fields are no error; see [`EventKind::Other`].
///
/// One pass over the text, allocating only for the fields that are kept.
pub fn decode(text: &str) -> Result<Message, Unreadable> {
    match serde_json::from_str::<Raw<'_>>(text) {
        Ok(raw) => Ok(raw.into_message()),
        Err(_) => {
            let typed: OnlyType<'_> = serde_json::from_str(text).map_err(|_| Unreadable { bytes: text.len() })?;
            Ok(Message::Event(Event {
                kind: EventKind::Other(typed.kind.into_owned()),
                at: typed.timestamp.map(Cow::into_owned),
                channel: None,
            }))
        }
    }
}

/// Flat, because `type` is not the first field and each type uses few others.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    timestamp: Option<String>,
    channel: Option<WireChannel>,
    peer: Option<WireChannel>,
    #[serde(borrow)]
    dialstatus: Option<Cow<'a, str>>,
    cause: Option<u32>,
    cause_txt: Option<String>,
    tech_cause: Option<u32>,
    soft: Option<bool>,
    eventname: Option<String>,
    userevent: Option<BTreeMap<String, Value>>,
    request_id: Option<String>,
    status_code: Option<u16>,
    reason_phrase: Option<String>,
    message_body: Option<String>,
}

#[derive(Deserialize)]
struct OnlyType<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    timestamp: Option<Cow<'a, str>>,
}

impl Raw<'_> {
    fn into_message(self) -> Message {
        let kind = match &*self.kind {
            "RESTResponse" => {
                return Message::Response(Response {
                    request_id: self.request_id.unwrap_or_default(),
                    status: self.status_code.unwrap_or_default(),
                    reason: self.reason_phrase.unwrap_or_default(),
                    body: self.message_body.unwrap_or_default(),
                });
            }
            "ChannelCreated" => EventKind::ChannelCreated,
            "ApplicationReplaced" => return Message::Replaced,
            "Dial" => match self.dialstatus {
                Some(word) => EventKind::Dial { status: DialStatus::of(&word) },
                None => EventKind::Other("Dial".to_owned()),
            },
            "ChannelStateChange" => EventKind::StateChange,
            "ChannelHangupRequest" => EventKind::HangupRequest { soft: self.soft.unwrap_or(false) },
            "ChannelDestroyed" => EventKind::Destroyed {
                cause: self.cause.unwrap_or(0),
                cause_text: self.cause_txt.unwrap_or_default(),
                tech_cause: self.tech_cause,
            },
            "ChannelUserevent" => EventKind::UserEvent {
                name: self.eventname.unwrap_or_default(),
                headers: self.userevent.map(headers).unwrap_or_default(),
            },
            other => EventKind::Other(other.to_owned()),
        };
        let channel = self.peer.or(self.channel).map(|channel| Box::new(channel.into()));
        Message::Event(Event { kind, at: self.timestamp, channel })
    }
}

/// Dialplan headers are texts; the interface lets a program send other JSON, which is kept as its text.
fn headers(raw: BTreeMap<String, Value>) -> Vec<(String, String)> {
    raw.into_iter()
        .filter(|(name, _)| name != "eventname")
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        match decode(text) {
            Ok(Message::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_type_we_do_not_know_is_kept_by_name() {
        let seen = event(r#"{"type":"BridgeCreated","timestamp":"t","bridge":{"id":"b"},"new":[1,2]}"#);
        assert_eq!(seen.kind, EventKind::Other("BridgeCreated".into()));
        assert_eq!(seen.at.as_deref(), Some("t"));
    }

    #[test]
    fn a_field_of_another_shape_makes_it_other_not_an_error() {
        let seen = event(r#"{"type":"ChannelDestroyed","timestamp":"t","cause":"sixteen","channel":17}"#);
        assert_eq!(seen.kind, EventKind::Other("ChannelDestroyed".into()));
        assert_eq!(event(r#"{"type":"Dial"}"#).kind, EventKind::Other("Dial".into()));
    }

    #[test]
    fn text_that_is_no_message_is_counted_by_size_only() {
        for text in ["", "{not json", "[]", "{}", r#"{"type":5}"#, "null"] {
            assert_eq!(decode(text), Err(Unreadable { bytes: text.len() }), "{text}");
        }
    }

    #[test]
    fn dial_is_about_the_dialled_channel() {
        let seen = event(
            r#"{"type":"Dial","dialstatus":"BUSY","channel":{"id":"caller","name":"a","state":"Up"},
                "peer":{"id":"dialled","name":"b","state":"Down"}}"#,
        );
        assert_eq!(seen.channel_id(), Some("dialled"));
        assert_eq!(seen.kind, EventKind::Dial { status: DialStatus::Busy });
    }

    #[test]
    fn an_answer_keeps_its_body_as_text() {
        let text = r#"{"type":"RESTResponse","request_id":"7","status_code":204,"reason_phrase":"No Content"}"#;
        let Ok(Message::Response(response)) = decode(text) else { panic!() };
        assert_eq!((response.request_id.as_str(), response.status, response.body.as_str()), ("7", 204, ""));
    }
}
