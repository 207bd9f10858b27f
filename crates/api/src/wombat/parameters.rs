//! Parameters as programs of twenty years send them: in the query, in a form, in both; escaped well, badly or not at all.

use crate::error::ApiError;
use crate::extract::too_large;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Largest body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// What a body may hold before it needs a place, in bytes.
const SMALL_BYTES: usize = 64 * 1024;
/// Larger bodies read at once; the others wait for [`WAIT`].
const LARGE_AT_ONCE: usize = 4;
/// Parameters of one request, at most.
const MAX_PARAMETERS: usize = 1_000;
/// Without a byte for so long a request is given up.
const IDLE: Duration = Duration::from_secs(30);
/// So long a large body waits for its place.
const WAIT: Duration = Duration::from_secs(60);

/// Name and value pairs in order; the query's come first.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The first one of this name, as servlets take it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of a query.
    pub(super) fn of_query(query: &str) -> Self {
        let mut parameters = Self::default();
        parameters.add(query.as_bytes());
        parameters
    }

    fn add(&mut self, text: &[u8]) {
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if self.0.len() >= MAX_PARAMETERS {
                return;
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &pair[pair.len()..]),
            };
            self.0.push((decoded(name), decoded(value)));
        }
    }
}

/// Text of a form: `+` is a blank, `%20` too; what is no escape stands for itself. What is no UTF-8 is Latin-1.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = |offset: usize| text.get(at + offset).and_then(|byte| (*byte as char).to_digit(16));
        match (text[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

/// Reads bodies, a few large ones at once. Clones share the places.
#[derive(Debug, Clone)]
pub(super) struct Intake(Arc<Semaphore>);

impl Default for Intake {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

impl Intake {
    /// The query's parameters and the body's.
    pub(super) async fn read(
        &self,
        query: Parameters,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Parameters, ApiError> {
        let mut parameters = query;
        let mut bytes = Vec::new();
        let mut place: Option<SemaphorePermit<'_>> = None;
        let mut pieces = body.into_data_stream();
        let late = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "upload_stalled", "the body did not come to its end");
        while let Some(piece) = tokio::time::timeout(IDLE, pieces.next()).await.map_err(|_| late())? {
            let piece = piece.map_err(|_| ApiError::bad_request("incomplete_body", "the body could not be read"))?;
            if bytes.len() + piece.len() > MAX_BODY_BYTES {
                return Err(too_large(MAX_BODY_BYTES as u64).remedy("send the records in several requests"));
            }
            if bytes.len() + piece.len() > SMALL_BYTES && place.is_none() {
                let waited = tokio::time::timeout(WAIT, self.0.acquire()).await;
                let acquired = waited.map_err(|_| {
                    ApiError::unavailable("too_many_uploads", format!("{LARGE_AT_ONCE} large bodies are read already"))
                })?;
                place = Some(acquired.expect("the semaphore is never closed"));
            }
            bytes.extend_from_slice(&piece);
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("multipart/") && !bytes.is_empty() {
            let message = "a multipart body is not understood: send application/x-www-form-urlencoded";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        // Old recipes leave a line break behind the last value.
        while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            bytes.pop();
        }
        parameters.add(&bytes);
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_escaped_badly_or_not_at_all_is_understood() {
        let cases: &[(&[u8], &str)] = &[
            (b"a=1234,AA:bb|5678,XX:yy", "1234,AA:bb|5678,XX:yy"),
            (b"a=1234%2CAA%3Abb%7C", "1234,AA:bb|"),
            (b"a=John+Doe%20x", "John Doe x"),
            (b"a=100%", "100%"),
            (b"a=5%zz%4", "5%zz%4"),
            (b"a=%C3%A9", "é"),
            (b"a=\xe9", "é"),
            (b"a=%E9", "é"),
            (b"&&a=b=c&a=second", "b=c"),
            (b"a", ""),
        ];
        for (text, value) in cases {
            let mut parameters = Parameters::default();
            parameters.add(text);
            assert_eq!(parameters.get("a"), Some(*value), "{}", text.escape_ascii());
        }
    }

    #[tokio::test]
    async fn query_and_body_are_one() {
        let form = Body::from("numbers=1%7C2%7C&op=other\r\n");
        let query = Parameters::of_query("op=addToList&list=a b");
        let all = Intake::default().read(query, &HeaderMap::new(), form).await.unwrap();
        assert_eq!(
            (all.get("op"), all.get("list"), all.get("numbers")),
            (Some("addToList"), Some("a b"), Some("1|2|"))
        );
        let huge = Body::from(vec![b'1'; MAX_BODY_BYTES + 1]);
        let error = Intake::default().read(Parameters::default(), &HeaderMap::new(), huge).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Parameters::default().add(&bytes);
        }
    }
}
