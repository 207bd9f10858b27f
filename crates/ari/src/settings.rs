//! Where the PBX is, and who we are there.

use asterisk::{BadSetting, Patience, Secret, check_login};

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
    /// How long we wait for it.
    pub patience: Patience,
}

impl Settings {
    /// Plain websocket, and the usual [`Patience`].
    pub fn new(
        host: impl Into<String>,
        port: u16,
        username: impl Into<String>,
        password: Secret,
        application: impl Into<String>,
    ) -> Self {
        let (host, username, application) = (host.into(), username.into(), application.into());
        Self { host, port, tls: false, username, password, application, patience: Patience::default() }
    }

    /// `host:port`, for messages and the `Host` header.
    pub fn address(&self) -> String {
        asterisk::address(&self.host, self.port)
    }

    /// The first setting that can never work, if any. [`crate::connect`] calls it; a form may call it earlier.
    pub fn check(&self) -> Result<(), Error> {
        const PORT: &str = "give bindport of the PBX's http.conf, 1 to 65535";
        check_login(&self.host, self.port, PORT, &self.username, &self.password)?;
        let good = !self.username.contains(':');
        BadSetting::unless(good, "username", "give the user's section name in ari.conf, without a colon")?;
        let good = !self.application.is_empty()
            && !self.application.contains(|letter: char| letter.is_control() || [',', '/', ' '].contains(&letter));
        BadSetting::unless(good, "application", "give a name without spaces, commas or slashes")?;
        self.patience.check()?;
        if self.tls {
            return Err(Error::TlsUnsupported { address: self.address() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Settings {
        Settings::new("127.0.0.1", 18088, "carillon", Secret::new("hush"), "carillon")
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert_eq!(good().check(), Ok(()));
        let name_of = |change: fn(&mut Settings)| {
            let mut settings = good();
            change(&mut settings);
            match settings.check() {
                Err(Error::Setting(bad)) => bad.name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(name_of(|s| s.port = 0), "port");
        assert_eq!(name_of(|s| s.username = "a:b".into()), "username");
        assert_eq!(name_of(|s| s.application = "a,b".into()), "application");
        assert_eq!(name_of(|s| s.patience.doubt_after = s.patience.ping_every), "doubt_after");
    }

    #[test]
    fn tls_is_refused_with_the_address() {
        let settings = Settings { tls: true, host: "::1".into(), ..good() };
        let error = settings.check().unwrap_err();
        assert!(error.to_string().contains("[::1]:18088"), "{error}");
    }
}
