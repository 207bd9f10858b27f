//! What every login to a PBX has: a place, a name, a secret, and how long we wait.

use std::fmt;
use std::time::Duration;

/// How long a link waits for its PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// From the first TCP packet to the end of the log-in.
    pub connect_deadline: Duration,
    /// From the request's call to its answer.
    pub request_deadline: Duration,
    /// A silence this long is broken with a ping.
    pub ping_every: Duration,
    /// Without anything heard for this long, or with a request unanswered for this long, the connection is in doubt
    /// ([`crate::Incoming::Doubted`]); it stays open. Longer than `ping_every`.
    pub doubt_after: Duration,
    /// Without anything heard for this long the connection counts as dead. Longer than `doubt_after`.
    pub stale_after: Duration,
}

impl Default for Patience {
    /// Connect 5 s, request 5 s, ping 0.5 s, doubt 2 s, stale 4.5 s: a PBX that stands still for three seconds is noticed
    /// while it does, and one that stays away within 5 s.
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(5),
            request_deadline: Duration::from_secs(5),
            ping_every: Duration::from_millis(500),
            doubt_after: Duration::from_secs(2),
            stale_after: Duration::from_millis(4_500),
        }
    }
}

impl Patience {
    /// The first wait that can never work, if any.
    pub fn check(&self) -> Result<(), BadSetting> {
        for (name, wait) in [
            ("connect_deadline", self.connect_deadline),
            ("request_deadline", self.request_deadline),
            ("ping_every", self.ping_every),
        ] {
            BadSetting::unless(!wait.is_zero(), name, "must be longer than zero")?;
        }
        BadSetting::unless(self.doubt_after > self.ping_every, "doubt_after", "must be longer than ping_every")?;
        BadSetting::unless(self.stale_after > self.doubt_after, "stale_after", "must be longer than doubt_after")
    }
}

/// A setting that can never make a link. Everything that may heal is an [`crate::Incoming::Lost`] instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PBX setting {name}: {why}")]
pub struct BadSetting {
    /// The field.
    pub name: &'static str,
    /// What is wrong with it, and what would be right.
    pub why: &'static str,
}

impl BadSetting {
    /// An error if `good` does not hold.
    pub fn unless(good: bool, name: &'static str, why: &'static str) -> Result<(), Self> {
        if good { Ok(()) } else { Err(Self { name, why }) }
    }
}

/// Refuses a place and a login that can never work; `port_is` names the setting of Asterisk that has the port.
pub fn check_login(
    host: &str,
    port: u16,
    port_is: &'static str,
    username: &str,
    password: &Secret,
) -> Result<(), BadSetting> {
    let printable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    let a_host = printable(host) && !host.contains([' ', '/', '@']);
    BadSetting::unless(a_host, "host", "give a host name or an address, without scheme, path or user")?;
    BadSetting::unless(port != 0, "port", port_is)?;
    BadSetting::unless(printable(username), "username", "give the name of the user's section, without line ends")?;
    let one_line = !password.expose().chars().any(char::is_control);
    BadSetting::unless(one_line, "password", "holds a control character")
}

/// `host:port`, an IPv6 address in brackets.
pub fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A password: readable for who logs in with it, redacted for everyone who prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is, without trimming.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the log-in, and for nothing else.
    pub fn expose(&self) -> &str {
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

    #[test]
    fn a_password_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "Secret(redacted)");
    }

    #[test]
    fn an_ipv6_address_is_told_from_its_port() {
        assert_eq!(address("::1", 5038), "[::1]:5038");
        assert_eq!(address("pbx", 5038), "pbx:5038");
    }

    #[test]
    fn logins_that_cannot_work_are_named() {
        let check = |host, port, username, password| {
            check_login(host, port, "port", username, &Secret::new(password)).map_err(|bad| bad.name)
        };
        assert_eq!(check("127.0.0.1", 1, "carillon", "hush"), Ok(()));
        assert_eq!(check("http://pbx", 1, "carillon", "hush"), Err("host"));
        assert_eq!(check("pbx", 0, "carillon", "hush"), Err("port"));
        assert_eq!(check("pbx", 1, "a\r\nb", "hush"), Err("username"));
        assert_eq!(check("pbx", 1, "carillon", "a\nb"), Err("password"));
    }

    #[test]
    fn waits_that_cannot_work_are_named() {
        assert_eq!(Patience::default().check(), Ok(()));
        let name_of = |change: fn(&mut Patience)| {
            let mut patience = Patience::default();
            change(&mut patience);
            patience.check().unwrap_err().name
        };
        assert_eq!(name_of(|p| p.request_deadline = Duration::ZERO), "request_deadline");
        assert_eq!(name_of(|p| p.doubt_after = p.ping_every), "doubt_after");
        assert_eq!(name_of(|p| p.stale_after = p.doubt_after), "stale_after");
    }
}
