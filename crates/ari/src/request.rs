//! One request to Asterisk.

use serde::Serialize;
use serde_json::Value;

/// Longest request as sent. Asterisk 22 takes websocket messages of up to 65 535 bytes and cuts the connection at a
/// longer one, with every call's events on it: hence a bound of our own, below.
pub const REQUEST_BYTES_MAX: usize = 60_000;

/// A request by method and path. The typed helpers of [`crate::Client`] cover what a dialer needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path below `/ari`, without leading slash, with its query; parts that are data go through
    /// [`Request::part`].
    pub uri: String,
    /// JSON body, if any.
    pub body: Option<Value>,
}

impl Request {
    /// Without a body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), body: None }
    }

    /// With a JSON body.
    pub fn with_body(method: Method, uri: impl Into<String>, body: Value) -> Self {
        Self { method, uri: uri.into(), body: Some(body) }
    }

    /// Percent-encodes everything but letters, digits, `-`, `_`, `.` and `~`: one path segment or query value.
    pub fn part(text: &str) -> String {
        let mut encoded = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        encoded
    }

    /// The websocket text. The request's number is both its request and its transaction id.
    pub(crate) fn encode(&self, number: u64) -> String {
        #[derive(Serialize)]
        struct Wire<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            transaction_id: &'a str,
            request_id: &'a str,
            method: &'a str,
            uri: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            content_type: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message_body: Option<String>,
        }
        let id = number.to_string();
        let wire = Wire {
            kind: "RESTRequest",
            transaction_id: &id,
            request_id: &id,
            method: self.method.as_str(),
            uri: &self.uri,
            content_type: self.body.as_ref().map(|_| "application/json"),
            message_body: self.body.as_ref().map(Value::to_string),
        };
        serde_json::to_string(&wire).expect("texts always serialize")
    }
}

/// HTTP method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or acts.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_in_a_path_cannot_leave_its_segment() {
        assert_eq!(Request::part("c-1_2.3~"), "c-1_2.3~");
        assert_eq!(Request::part("a/b?c=d&e #%\r\né"), "a%2Fb%3Fc%3Dd%26e%20%23%25%0D%0A%C3%A9");
    }

    #[test]
    fn a_body_travels_as_text_inside_the_message() {
        let text = Request::with_body(Method::Post, "channels", json!({"a": "x\"\n"})).encode(42);
        let wire: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(wire["type"], "RESTRequest");
        assert_eq!(wire["request_id"], "42");
        assert_eq!(wire["content_type"], "application/json");
        let body: Value = serde_json::from_str(wire["message_body"].as_str().unwrap()).unwrap();
        assert_eq!(body, json!({"a": "x\"\n"}));
        let bare: Value = serde_json::from_str(&Request::new(Method::Get, "channels").encode(1)).unwrap();
        assert!(bare.get("message_body").is_none() && bare.get("content_type").is_none());
    }
}
