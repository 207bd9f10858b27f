//! Where the PBX is, who we are there, how fast we speak and how long we wait for it.

use std::fmt;
use std::time::Duration;

use crate::Error;

/// One PBX as seen by one controller.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name or address, without port; an IPv6 address without brackets.
    pub host: String,
    /// `port` of manager.conf.
    pub port: u16,
    /// Section name of the user in manager.conf.
    pub username: String,
    /// Its secret. Sent only as the answer to a challenge, unless the PBX gives none.
    pub password: Secret,
    /// Length of the unit of time for `messages_per_unit`.
    pub unit: Duration,
    /// Actions that may leave in any one unit, at least 1.
    pub messages_per_unit: u32,
    /// From the first TCP packet to the end of the log-in.
    pub connect_deadline: Duration,
    /// From [`crate::Client::action`] to the answer.
    pub request_deadline: Duration,
    /// A silence this long is broken with a `Ping`.
    pub ping_every: Duration,
    /// Without any byte for this long, or with an action unanswered for this long, the connection is in doubt
    /// ([`crate::Incoming::Doubted`]); it stays open. Longer than `ping_every`.
    pub doubt_after: Duration,
    /// Without any byte for this long the connection counts as dead. Longer than `doubt_after`.
    pub stale_after: Duration,
}

impl Settings {
    /// Five messages per 50 ms; connect 5 s, request 5 s, ping 0.5 s, doubt 2 s, stale 4.5 s (so that a PBX that stands
    /// still for three seconds is noticed while it does, and one that stays away within 5 s).
    pub fn new(host: impl Into<String>, port: u16, username: impl Into<String>, password: Secret) -> Self {
        Self {
            host: host.into(),
            port,
            username: username.into(),
            password,
            unit: Duration::from_millis(50),
            messages_per_unit: 5,
            connect_deadline: Duration::from_secs(5),
            request_deadline: Duration::from_secs(5),
            ping_every: Duration::from_millis(500),
            doubt_after: Duration::from_secs(2),
            stale_after: Duration::from_millis(4_500),
        }
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The first setting that can never work, if any. [`crate::connect`] calls it; a form may call it earlier.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |name, why| Err(Error { name, why });
        let unprintable = |text: &str| text.is_empty() || text.chars().any(char::is_control);
        if unprintable(&self.host) || self.host.contains([' ', '/', '@']) {
            return wrong("host", "give a host name or an address, without scheme, path or user");
        }
        if self.port == 0 {
            return wrong("port", "give port of the PBX's manager.conf, 1 to 65535");
        }
        if unprintable(&self.username) {
            return wrong("username", "give the user's section name in manager.conf");
        }
        if self.password.expose().chars().any(char::is_control) {
            return wrong("password", "holds a control character");
        }
        if self.messages_per_unit == 0 {
            return wrong("messages_per_unit", "must be 1 at least");
        }
        for (name, wait) in [
            ("unit", self.unit),
            ("connect_deadline", self.connect_deadline),
            ("request_deadline", self.request_deadline),
            ("ping_every", self.ping_every),
        ] {
            if wait.is_zero() {
                return wrong(name, "must be longer than zero");
            }
        }
        if self.doubt_after <= self.ping_every {
            return wrong("doubt_after", "must be longer than ping_every");
        }
        if self.stale_after <= self.doubt_after {
            return wrong("stale_after", "must be longer than doubt_after");
        }
        Ok(())
    }
}

/// A password: readable by this crate, redacted for everyone who prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is, without trimming.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Settings {
        Settings::new("127.0.0.1", 15038, "carillon", Secret::new("hush"))
    }

    #[test]
    fn a_password_is_never_printed() {
        assert!(!format!("{:?}", good()).contains("hush"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert_eq!(good().check(), Ok(()));
        let name_of = |change: fn(&mut Settings)| {
            let mut settings = good();
            change(&mut settings);
            settings.check().unwrap_err().name
        };
        assert_eq!(name_of(|s| s.host = "tcp://pbx".into()), "host");
        assert_eq!(name_of(|s| s.port = 0), "port");
        assert_eq!(name_of(|s| s.username = "a\r\nb".into()), "username");
        assert_eq!(name_of(|s| s.password = Secret::new("a\nb")), "password");
        assert_eq!(name_of(|s| s.messages_per_unit = 0), "messages_per_unit");
        assert_eq!(name_of(|s| s.unit = Duration::ZERO), "unit");
        assert_eq!(name_of(|s| s.doubt_after = s.ping_every), "doubt_after");
        assert_eq!(name_of(|s| s.stale_after = s.doubt_after), "stale_after");
    }
}
