//! From nothing to a connection that is logged in to a booted Asterisk, or the reason why not, in words an operator can
//! act on.

use std::fmt::Write as _;

use asterisk::{Entered, EventKind, Lost};
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::action::Action;
use crate::codec::{Decoder, Message};
use crate::event::event;
use crate::pace::Pace;
use crate::settings::Settings;

/// How the manager interface greets.
const GREETING: &[u8] = b"Asterisk Call Manager/";
/// Longest greeting, with its line end.
const GREETING_BYTES_MAX: usize = 200;
/// The events we act on; a user who may read more is sent no more than these.
const EVENT_CLASSES: &str = "system,call,user,agent";
/// Events that may come before the answers of the log-in, at most: the interface sends a few thousand a second.
const HELD_MAX: usize = 20_000;

/// A connection that is ready.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    pub(crate) decoder: Decoder,
    /// Messages that came with or after the last answer: they belong after `Connected`.
    pub(crate) held: Vec<Message>,
}

/// Connects, logs in, waits for "fully booted" and asks who is there; all of it within `connect_deadline`.
pub(crate) async fn open(settings: &Settings, pace: &mut Pace) -> Result<(Opened, Entered), Lost> {
    let unreachable = |why: String| Lost::Unreachable(format!("PBX {}: {why}", settings.address()));
    let mut stage = "did not answer";
    let opened = timeout(settings.patience.connect_deadline, async {
        let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(|error| {
            unreachable(format!(
                "{}: is Asterisk running, with enabled = yes and this bindaddr and port in manager.conf?",
                error.to_string().to_lowercase()
            ))
        })?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let decoder = Decoder::default();
        let mut login =
            Login { settings, pace, stream, decoder, read: Vec::new(), held: Vec::new(), booted: false, number: 0 };
        login.greeting().await?;
        stage = "greets and does not answer the log-in";
        login.log_in().await?;
        stage = "tells nothing of having booted: is it booting, or may the user not read system events? \
                 Set read = system,call,user,agent for it in manager.conf";
        login.fully_booted().await?;
        stage = "did not say who it is";
        login.who_is_there().await
    })
    .await;
    opened.unwrap_or_else(|_| Err(unreachable(format!("within {:?} it {stage}", settings.patience.connect_deadline))))
}

struct Login<'a> {
    settings: &'a Settings,
    pace: &'a mut Pace,
    stream: TcpStream,
    decoder: Decoder,
    /// Messages that were read and not looked at yet.
    read: Vec<Message>,
    held: Vec<Message>,
    booted: bool,
    number: u64,
}

impl Login<'_> {
    async fn greeting(&mut self) -> Result<(), Lost> {
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"\r\n") {
            let known = greeting.len().min(GREETING.len());
            if greeting.len() > GREETING_BYTES_MAX || greeting[..known] != GREETING[..known] {
                return Err(
                    self.unreachable("what answers there is no manager interface: is this the port of manager.conf?")
                );
            }
            let byte = self.stream.read_u8().await.map_err(|_| self.unreachable("it closed the connection"))?;
            greeting.push(byte);
        }
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), Lost> {
        let (username, password) = (&self.settings.username, self.settings.password.expose());
        let login = Action::new("Login").with("Username", username).with("Events", EVENT_CLASSES);
        // The password does not travel, unless the PBX has no challenge to give.
        let challenge = self.ask(&Action::new("Challenge").with("AuthType", "MD5")).await?;
        let login = match challenge.get("Challenge").filter(|_| challenge.is_success()) {
            Some(challenge) => login.with("AuthType", "MD5").with("Key", key(challenge, password)),
            None => login.with("Secret", password),
        };
        let answer = self.ask(&login).await?;
        if answer.is_success() {
            return Ok(());
        }
        let (address, username) = (self.settings.address(), &self.settings.username);
        Err(Lost::Refused(format!(
            "PBX {address} refuses the log-in: compare user {username} and its secret with its section in manager.conf, \
             and permit our address there"
        )))
    }

    async fn fully_booted(&mut self) -> Result<(), Lost> {
        while !self.booted {
            let message = self.next().await?;
            self.keep(message)?;
        }
        Ok(())
    }

    async fn who_is_there(mut self) -> Result<(Opened, Entered), Lost> {
        let asked = async |login: &mut Self, name| {
            let answer = login.ask(&Action::new(name)).await?;
            if answer.is_success() {
                return Ok(answer);
            }
            let (address, username) = (login.settings.address(), &login.settings.username);
            let why = answer.get("Message").unwrap_or("no").to_owned();
            Err(Lost::Refused(format!(
                "PBX {address} answers {name} with \"{why}\": set write = call,originate,reporting for user {username} \
                 in manager.conf"
            )))
        };
        let core = asked(&mut self, "CoreSettings").await?;
        let status = asked(&mut self, "CoreStatus").await?;
        let part = |name| status.get(name).unwrap_or_default();
        let mut held = self.held;
        held.append(&mut self.read);
        let entered = Entered {
            version: core.get("AsteriskVersion").unwrap_or("unknown").to_owned(),
            started_at: format!("{} {}", part("CoreStartupDate"), part("CoreStartupTime")),
        };
        Ok((Opened { stream: self.stream, decoder: self.decoder, held }, entered))
    }

    /// One action and its answer; events that come before it are kept.
    async fn ask(&mut self, action: &Action) -> Result<Message, Lost> {
        self.number += 1;
        let id = format!("login-{}", self.number);
        let text = action.encode(&id).map_err(|why| Lost::Refused(why.to_string()))?;
        self.pace.ready().await;
        let written = self.stream.write_all(text.as_bytes()).await;
        self.pace.sent(Instant::now());
        written.map_err(|error| self.unreachable(&error.to_string().to_lowercase()))?;
        loop {
            let message = self.next().await?;
            if !message.is_event() && message.get("ActionID") == Some(&id) {
                return Ok(message);
            }
            self.keep(message)?;
        }
    }

    fn keep(&mut self, message: Message) -> Result<(), Lost> {
        let event = event(&message);
        self.booted |= event.is_some_and(|event| event.kind == EventKind::Other("FullyBooted".to_owned()));
        if self.held.len() >= HELD_MAX {
            return Err(Lost::Overrun);
        }
        self.held.push(message);
        Ok(())
    }

    async fn next(&mut self) -> Result<Message, Lost> {
        let mut chunk = [0; 4096];
        while self.read.is_empty() {
            let length = self.stream.read(&mut chunk).await;
            let length = length.map_err(|error| self.unreachable(&error.to_string().to_lowercase()))?;
            if length == 0 {
                return Err(self.unreachable("it closed the connection"));
            }
            let mut out = Vec::new();
            self.decoder.feed(&chunk[..length], &mut out);
            self.read.extend(out.into_iter().flatten());
        }
        Ok(self.read.remove(0))
    }

    fn unreachable(&self, why: &str) -> Lost {
        Lost::Unreachable(format!("PBX {}: {why}", self.settings.address()))
    }
}

/// What a challenge is answered with. MD5 is what the interface asks for; it is no protection on a network of others.
fn key(challenge: &str, password: &str) -> String {
    let digest = Md5::digest(format!("{challenge}{password}"));
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text takes any text");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_with_the_md5_of_it_and_the_secret() {
        // RFC 1321's own test: MD5("message digest").
        assert_eq!(key("message ", "digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
