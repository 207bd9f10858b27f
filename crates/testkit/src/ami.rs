//! A small blocking manager client: enough to dial a number in a test and to see what became of it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Login;

/// Longest wait for a connection or for the answer to an action.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Events kept while nobody asks for them.
const EVENTS_MAX: usize = 100_000;

/// One message: its headers in order. Names are compared exactly as Asterisk writes them.
#[derive(Debug, Clone, Default)]
pub struct Message(Vec<(String, String)>);

impl Message {
    /// The first header of that name, or an empty text.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn parse(text: &str) -> Self {
        let header = |line: &str| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
        Self(text.split("\r\n").filter_map(header).collect())
    }
}

/// A logged-in connection.
pub struct Ami {
    stream: TcpStream,
    unread: Vec<u8>,
    events: VecDeque<Message>,
    actions: u32,
}

impl Ami {
    /// Connects and logs in.
    pub fn connect(login: &Login) -> Result<Self> {
        let stream = TcpStream::connect((login.host.as_str(), login.port))?;
        stream.set_nodelay(true)?;
        let mut ami = Self { stream, unread: Vec::new(), events: VecDeque::new(), actions: 0 };
        ami.fill(Instant::now() + ANSWER_DEADLINE, |bytes| find(bytes, b"\r\n").map(|at| at + 2))?;
        ami.action("Login", &[("Username", &login.user), ("Secret", &login.password)])?;
        Ok(ami)
    }

    /// Sends an action and waits for its response, which must be a success. Events that come meanwhile are kept.
    pub fn action(&mut self, name: &str, headers: &[(&str, &str)]) -> Result<Message> {
        self.actions += 1;
        let id = format!("testkit-{}", self.actions);
        let mut text = format!("Action: {name}\r\nActionID: {id}\r\n");
        for (key, value) in headers {
            ensure!(!value.contains(['\r', '\n']), "a line break in the header {key}");
            text.push_str(&format!("{key}: {value}\r\n"));
        }
        self.stream.write_all(format!("{text}\r\n").as_bytes())?;
        let end = Instant::now() + ANSWER_DEADLINE;
        loop {
            let message = self.read(end)?.with_context(|| format!("no answer to the action {name}"))?;
            // OriginateResponse is an event that has a header `Response`, too.
            if !message.get("Event").is_empty() {
                self.keep(message)?;
            } else if message.get("ActionID") == id {
                ensure!(message.get("Response") == "Success", "{name}: {}", message.get("Message"));
                return Ok(message);
            }
        }
    }

    /// Dials `channel` (`PJSIP/<number>@carrier`) under the id `id`; an answered call enters
    /// `carillon-demo`, `extension`. The ring time-out is Asterisk's own. Returns once the action is queued.
    pub fn originate(&mut self, id: &str, channel: &str, extension: &str, ring: Duration) -> Result<()> {
        let ring = ring.as_millis().to_string();
        let headers = [
            ("Channel", channel),
            ("ChannelId", id),
            ("Context", "carillon-demo"),
            ("Exten", extension),
            ("Priority", "1"),
            ("Timeout", &ring),
            ("Async", "true"),
        ];
        self.action("Originate", &headers).map(drop)
    }

    /// Waits for the next event that `wanted` accepts, at most for `deadline`. Earlier ones are dropped.
    pub fn wait_for(&mut self, deadline: Duration, mut wanted: impl FnMut(&Message) -> bool) -> Result<Message> {
        let end = Instant::now() + deadline;
        loop {
            let next = match self.events.pop_front() {
                Some(event) => Some(event),
                None => self.read(end)?,
            };
            match next {
                Some(event) if wanted(&event) => return Ok(event),
                Some(_) => {}
                None => bail!("the event did not come in {deadline:?}"),
            }
        }
    }

    fn keep(&mut self, event: Message) -> Result<()> {
        ensure!(self.events.len() < EVENTS_MAX, "more than {EVENTS_MAX} events that nobody read");
        self.events.push_back(event);
        Ok(())
    }

    /// The next message; `None` if `end` comes first.
    fn read(&mut self, end: Instant) -> Result<Option<Message>> {
        let bytes = self.fill(end, |bytes| find(bytes, b"\r\n\r\n").map(|at| at + 4))?;
        Ok(bytes.map(|bytes| Message::parse(&String::from_utf8_lossy(&bytes))))
    }

    /// Reads until `complete` gives the length of a whole unit, and takes that off the buffer.
    fn fill(&mut self, end: Instant, complete: impl Fn(&[u8]) -> Option<usize>) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(len) = complete(&self.unread) {
                return Ok(Some(self.unread.drain(..len).collect()));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0u8; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("Asterisk closed the manager connection"),
                Ok(len) => self.unread.extend_from_slice(&chunk[..len]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
