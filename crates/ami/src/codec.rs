//! Bytes of a manager connection to messages. No I/O: recorded transcripts run through it as they are.

use std::borrow::Cow;

/// Longest line taken from Asterisk, in bytes: room for a channel variable of any size it shows.
pub const READ_LINE_BYTES_MAX: usize = 64 << 10;
/// Longest message taken from Asterisk, in bytes.
pub const READ_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Most headers of one message taken from Asterisk. Its longest own, the list of actions, has about 200.
pub const READ_HEADERS_MAX: usize = 2_000;

/// One message: its headers in the order in which they came; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    headers: Vec<(String, String)>,
}

impl Message {
    /// The first header of that name, in any case of letters.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers: name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether it is an event. `OriginateResponse` is one although it has a header `Response`, too.
    pub fn is_event(&self) -> bool {
        self.get("Event").is_some()
    }

    /// Whether it is an answer that says yes.
    pub fn is_success(&self) -> bool {
        self.get("Response").is_some_and(|answer| answer.eq_ignore_ascii_case("success"))
    }
}

/// A message beyond [`READ_LINE_BYTES_MAX`], [`READ_MESSAGE_BYTES_MAX`] or [`READ_HEADERS_MAX`]. Its content is kept out
/// of messages on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unreadable message of {bytes} bytes")]
pub struct Unreadable {
    /// Its length, with its line ends.
    pub bytes: usize,
}

/// Takes bytes as they come and gives whole messages.
///
/// A line ends with CR LF and a message with an empty line. A lone CR or LF is data: text from a dialplan must not make
/// headers. Lines without a colon (there are none in Asterisk 22's answers) are passed over. Invalid UTF-8 is replaced.
/// Keeps at most one line and one message within the bounds above.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    headers: Vec<(String, String)>,
    bytes: usize,
    too_long: bool,
}

impl Decoder {
    /// Takes `bytes`; messages that they complete are appended to `out`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Result<Message, Unreadable>>) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (part, rest) = bytes.split_at(at + 1);
            bytes = rest;
            self.take(part);
            // The CR may have come with the bytes before.
            if self.line.ends_with(b"\r\n") {
                self.end_line(out);
            }
        }
        self.take(bytes);
    }

    fn take(&mut self, part: &[u8]) {
        self.bytes = self.bytes.saturating_add(part.len());
        let fits = self.line.len() + part.len() <= READ_LINE_BYTES_MAX && self.bytes <= READ_MESSAGE_BYTES_MAX;
        if fits && !self.too_long {
            self.line.extend_from_slice(part);
            return;
        }
        // Nothing of it is kept but what tells where it ends: the last four bytes. A line that just began follows a line end.
        if !self.too_long && self.line.is_empty() {
            self.line.extend_from_slice(b"\r\n");
        }
        self.too_long = true;
        self.headers = Vec::new();
        self.line.extend_from_slice(&part[part.len().saturating_sub(4)..]);
        let gone = self.line.len().saturating_sub(4);
        self.line.drain(..gone);
    }

    fn end_line(&mut self, out: &mut Vec<Result<Message, Unreadable>>) {
        if self.too_long {
            if self.line == b"\r\n\r\n" {
                out.push(Err(Unreadable { bytes: self.bytes }));
                *self = Self::default();
            }
            return;
        }
        let line = &self.line[..self.line.len() - 2];
        if line.is_empty() {
            // A second empty line ends nothing.
            if !self.headers.is_empty() {
                out.push(Ok(Message { headers: std::mem::take(&mut self.headers) }));
            }
            *self = Self::default();
            return;
        }
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let (name, value) = (text(&line[..colon]), text(&line[colon + 1..]));
            self.headers.push((name.trim().to_owned(), value.strip_prefix(' ').unwrap_or(&value).to_owned()));
        }
        // What ended this line is the beginning of the end of a message that is too long.
        if self.headers.len() > READ_HEADERS_MAX {
            self.too_long = true;
            self.headers = Vec::new();
            self.line = b"\r\n".to_vec();
        } else {
            self.line.clear();
        }
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(parts: &[&[u8]]) -> Vec<Result<Message, Unreadable>> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for part in parts {
            decoder.feed(part, &mut out);
        }
        out
    }

    fn only(text: &str) -> Message {
        let mut all = decoded(&[text.as_bytes()]);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).unwrap()
    }

    #[test]
    fn headers_keep_order_case_colons_and_repetitions() {
        let message = only("Event: DialEnd\r\nChanVariable: A=1: 2\r\nChanVariable: B=\r\nEmpty:\r\n\r\n");
        let headers: Vec<_> = message.headers().collect();
        assert_eq!(headers[1..], [("ChanVariable", "A=1: 2"), ("ChanVariable", "B="), ("Empty", "")]);
        assert_eq!(message.get("event"), Some("DialEnd"));
        assert!(message.is_event() && !message.is_success());
    }

    #[test]
    fn a_lone_line_feed_or_carriage_return_makes_no_header() {
        let message = only("Event: UserEvent\r\nV: a\nUniqueid: forged\rX: y\r\n\r\n");
        assert_eq!(message.headers().count(), 2);
        assert_eq!(message.get("V"), Some("a\nUniqueid: forged\rX: y"));
    }

    #[test]
    fn a_message_that_is_too_long_is_counted_and_the_next_one_is_read() {
        let line = format!("V: {}\r\n", "x".repeat(READ_LINE_BYTES_MAX));
        let lines = format!("V: {}\r\n", "x".repeat(60_000)).repeat(20);
        let headers = "A: b\r\n".repeat(READ_HEADERS_MAX + 1);
        for long in [&line, &lines, &headers] {
            let text = format!("Event: E\r\n{long}\r\nEvent: Next\r\n\r\n");
            let whole = decoded(&[text.as_bytes()]);
            let bytes = 10 + long.len() + 2;
            assert_eq!(whole.len(), 2);
            assert_eq!(whole[0], Err(Unreadable { bytes }));
            assert_eq!(whole[1].as_ref().unwrap().get("Event"), Some("Next"));
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(777).collect();
            assert_eq!(decoded(&chunks), whole);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let all = decoded(&[b"Event: \xff\xfe\r\nno colon here\r\n\r\n\r\n\r\n"]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].as_ref().unwrap().get("Event"), Some("\u{fffd}\u{fffd}"));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_pieces_is_read_the_same(
            bytes in proptest::collection::vec(proptest::sample::select(b"\r\n: aE\xff".to_vec()), 0..200),
            cuts in proptest::collection::vec(0_usize..200, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.push(0);
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decoded(&parts), decoded(&[&bytes]));
        }

        #[test]
        fn what_was_written_as_a_message_is_read_as_it_was(
            headers in proptest::collection::vec(("[A-Za-z][A-Za-z-]{0,9}", "[ -~é]{0,30}"), 1..8),
        ) {
            let text: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let message = only(&format!("{text}\r\n"));
            let read: Vec<_> = message.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(read, headers);
        }
    }
}
