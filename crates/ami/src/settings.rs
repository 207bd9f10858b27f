//! Where the PBX is, who we are there, and how fast we speak.

use std::time::Duration;

use asterisk::{BadSetting, Patience, Secret, check_login};

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
    /// How long we wait for it.
    pub patience: Patience,
}

impl Settings {
    /// Five messages per 50 ms, and the usual [`Patience`].
    pub fn new(host: impl Into<String>, port: u16, username: impl Into<String>, password: Secret) -> Self {
        Self {
            host: host.into(),
            port,
            username: username.into(),
            password,
            unit: Duration::from_millis(50),
            messages_per_unit: 5,
            patience: Patience::default(),
        }
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        asterisk::address(&self.host, self.port)
    }

    /// The first setting that can never work, if any. [`crate::connect`] calls it; a form may call it earlier.
    pub fn check(&self) -> Result<(), BadSetting> {
        const PORT: &str = "give port of the PBX's manager.conf, 1 to 65535";
        check_login(&self.host, self.port, PORT, &self.username, &self.password)?;
        BadSetting::unless(self.messages_per_unit > 0, "messages_per_unit", "must be 1 at least")?;
        BadSetting::unless(!self.unit.is_zero(), "unit", "must be longer than zero")?;
        self.patience.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let good = || Settings::new("127.0.0.1", 15038, "carillon", Secret::new("hush"));
        assert_eq!(good().check(), Ok(()));
        let name_of = |change: fn(&mut Settings)| {
            let mut settings = good();
            change(&mut settings);
            settings.check().unwrap_err().name
        };
        assert_eq!(name_of(|s| s.port = 0), "port");
        assert_eq!(name_of(|s| s.messages_per_unit = 0), "messages_per_unit");
        assert_eq!(name_of(|s| s.unit = Duration::ZERO), "unit");
        assert_eq!(name_of(|s| s.patience.doubt_after = s.patience.ping_every), "doubt_after");
    }
}
