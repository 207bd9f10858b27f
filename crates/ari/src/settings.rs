//! Where the PBX is, who we are there, and how long we wait for it.

use std::fmt;
use std::time::Duration;

use crate::Error;

/// One PBX as seen by one controller.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name or address, without port; an IPv6 address without brackets.
    pub host: String,
    /// `bindport` of http.conf.
    pub port: u16,
    /// Must be false: see [`Error::TlsUnsupported`].
    pub tls: bool,
    /// Section name of the user in ari.conf. No colon.
    pub username: String,
    /// Its password, sent in the `Authorization` header only.
    pub password: Secret,
    /// Stasis application name: one per installation and PBX. The last one to connect under a name owns it.
    pub application: String,
    /// From the first TCP packet to the end of the set-up requests.
    pub connect_deadline: Duration,
    /// From [`crate::Client::request`] to the answer.
    pub request_deadline: Duration,
    /// Between two websocket pings.
    pub ping_every: Duration,
    /// Without any frame for this long, or with a request unanswered for this long, the connection is in doubt
    /// ([`crate::Incoming::Doubted`]); it stays open. Longer than `ping_every`.
    pub doubt_after: Duration,
    /// Without any frame for this long the connection counts as dead. Longer than `doubt_after`.
    pub stale_after: Duration,
}

impl Settings {
    /// Plain websocket; connect 5 s, request 5 s, ping 0.5 s, doubt 2 s, stale 4.5 s (so that a PBX that stands still for
    /// three seconds is noticed while it does, and one that stays away within 5 s).
    pub fn new(
        host: impl Into<String>,
        port: u16,
        username: impl Into<String>,
        password: Secret,
        application: impl Into<String>,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            tls: false,
            username: username.into(),
            password,
            application: application.into(),
            connect_deadline: Duration::from_secs(5),
            request_deadline: Duration::from_secs(5),
            ping_every: Duration::from_millis(500),
            doubt_after: Duration::from_secs(2),
            stale_after: Duration::from_millis(4_500),
        }
    }

    /// `host:port`, for messages and the `Host` header.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The first setting that can never work, if any. [`crate::connect`] calls it; a form may call it earlier.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |name, why: &str| Err(Error::Setting { name, why: why.to_owned() });
        let unprintable = |text: &str| text.is_empty() || text.chars().any(char::is_control);
        if unprintable(&self.host) || self.host.contains([' ', '/', '@']) {
            return wrong("host", "give a host name or an address, without scheme, path or user");
        }
        if self.port == 0 {
            return wrong("port", "give bindport of the PBX's http.conf, 1 to 65535");
        }
        if unprintable(&self.username) || self.username.contains(':') {
            return wrong("username", "give the user's section name in ari.conf, without a colon");
        }
        if self.password.expose().chars().any(char::is_control) {
            return wrong("password", "holds a control character");
        }
        if unprintable(&self.application) || self.application.contains([',', '/', ' ']) {
            return wrong("application", "give a name without spaces, commas or slashes");
        }
        for (name, wait) in [
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
        if self.tls {
            return Err(Error::TlsUnsupported { address: self.address() });
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
        Settings::new("127.0.0.1", 18088, "carillon", Secret::new("hush"), "carillon")
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
            match settings.check() {
                Err(Error::Setting { name, .. }) => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(name_of(|s| s.host = "http://pbx".into()), "host");
        assert_eq!(name_of(|s| s.port = 0), "port");
        assert_eq!(name_of(|s| s.username = "a:b".into()), "username");
        assert_eq!(name_of(|s| s.application = "a,b".into()), "application");
        assert_eq!(name_of(|s| s.request_deadline = Duration::ZERO), "request_deadline");
        assert_eq!(name_of(|s| s.doubt_after = s.ping_every), "doubt_after");
        assert_eq!(name_of(|s| s.stale_after = s.doubt_after), "stale_after");
    }

    #[test]
    fn tls_is_refused_with_the_address() {
        let settings = Settings { tls: true, host: "::1".into(), ..good() };
        let error = settings.check().unwrap_err();
        assert!(error.to_string().contains("[::1]:18088"), "{error}");
    }
}
