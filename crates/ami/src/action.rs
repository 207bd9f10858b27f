//! One action for Asterisk.

use asterisk::NotSent;

/// Longest line as sent, without its line end. Asterisk 22 reads lines into 1024 bytes, CR LF included, and refuses the
/// whole message for a longer one.
pub const LINE_BYTES_MAX: usize = 1_022;
/// Most headers of an action, its name and id included: Asterisk 22 keeps 128.
pub const HEADERS_MAX: usize = 128;

/// An action by name and headers. The typed helpers of [`crate::Client`] cover what a dialer needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Action {
    /// Without headers of its own.
    pub fn new(name: &'static str) -> Self {
        Self { name, headers: Vec::new() }
    }

    /// With one more header; a name may come more than once.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As sent under that id. Refuses what would be another header or another message, and what Asterisk would cut:
    /// names the header, never its value.
    pub(crate) fn encode(&self, id: &str) -> Result<String, NotSent> {
        let mut text = format!("Action: {}\r\nActionID: {id}\r\n", self.name);
        if self.headers.len() + 2 > HEADERS_MAX {
            let why = format!("{} headers, at most {HEADERS_MAX} are possible", self.headers.len() + 2);
            return Err(NotSent::Invalid(why));
        }
        for (name, value) in &self.headers {
            if value.contains(['\r', '\n', '\0']) {
                return Err(NotSent::Invalid(format!("the header {name} holds a line end or a NUL character")));
            }
            let bytes = name.len() + 2 + value.len();
            if bytes > LINE_BYTES_MAX {
                return Err(NotSent::Invalid(format!(
                    "the header {name} has {bytes} bytes, at most {LINE_BYTES_MAX} are possible"
                )));
            }
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Decoder;

    #[test]
    fn a_value_that_would_be_a_header_is_refused_by_name_only() {
        for value in ["x\r\nAction: Command", "x\ny", "x\ry", "secret\0"] {
            let why = Action::new("Hangup").with("Channel", value).encode("1-1").unwrap_err().to_string();
            assert!(why.contains("Channel") && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn lines_and_headers_stay_within_what_asterisk_reads() {
        let value = |bytes: usize| "x".repeat(bytes - "Channel: ".len());
        assert!(Action::new("Hangup").with("Channel", value(LINE_BYTES_MAX)).encode("1-1").is_ok());
        assert!(Action::new("Hangup").with("Channel", value(LINE_BYTES_MAX + 1)).encode("1-1").is_err());
        let many = |count| (0..count).fold(Action::new("Originate"), |action, _| action.with("Variable", "A=1"));
        assert!(many(HEADERS_MAX - 2).encode("1-1").is_ok());
        assert!(many(HEADERS_MAX - 1).encode("1-1").is_err());
    }

    proptest! {
        #[test]
        fn an_action_is_one_message_with_the_headers_it_was_given(values in proptest::collection::vec("\\PC{0,60}", 0..6)) {
            let action = values.iter().fold(Action::new("Test"), |action, value| action.with("Header", value.as_str()));
            let text = action.encode("7-9").unwrap();
            let mut out = Vec::new();
            Decoder::default().feed(text.as_bytes(), &mut out);
            prop_assert_eq!(out.len(), 1);
            let message = out.remove(0).unwrap();
            let read: Vec<_> = message.headers().skip(2).map(|(_, value)| value.to_owned()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
