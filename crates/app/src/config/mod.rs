//! What the server is told before it starts: `carillon.toml`, `CARILLON_*`, defaults. PBXs, trunks and campaigns are
//! not here; they live in the database.

mod keys;
mod load;

pub(crate) use keys::example;
pub(crate) use load::{Origin, Source};
pub(crate) use notify::Network;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// All settings, with defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Address and port of the API.
    pub(crate) listen: SocketAddr,
    /// Certificate chain and key, PEM files. Both or none.
    pub(crate) tls: Option<Tls>,
    /// From where plain HTTP is accepted when `listen` is not loopback.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Folder for the database, the key, imports.
    pub(crate) data: PathBuf,
    /// The SQLite file; with a server only its folder is used.
    pub(crate) database: PathBuf,
    /// The PostgreSQL database to use instead.
    pub(crate) server: Option<store::Server>,
    /// The file with the key that encrypts stored passwords.
    pub(crate) key_file: PathBuf,
    /// How logs are written.
    pub(crate) log: Log,
    /// IANA zone of new campaigns and of times that are shown.
    pub(crate) zone: String,
    /// ISO code of the country that numbers without `+` belong to.
    pub(crate) country: Option<String>,
    /// Free space of the database's disk below which nothing new is dialled, MiB; 0 = not looked at.
    pub(crate) disk_free_min_mib: u32,
    /// What is kept how long.
    pub(crate) retention: store::Retention,
    /// Where alerts are mailed to.
    pub(crate) mail: Option<node::MailSettings>,
    /// Networks that webhooks may be sent to besides the internet.
    pub(crate) webhooks_allow: Vec<Network>,
    /// WombatDialer's API.
    pub(crate) wombat: api::wombat::Settings,
    /// How long somebody stays signed in.
    pub(crate) sessions: store::SessionLimits,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The certificate and its chain.
    pub(crate) certificate: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

/// Where and how the log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Where it goes.
    pub(crate) target: LogTarget,
    /// The file of [`LogTarget::File`].
    pub(crate) file: PathBuf,
    /// A file of this size is full, megabytes of 10^6 bytes.
    pub(crate) file_size_mb: u32,
    /// Files kept, the one in use included.
    pub(crate) files: u32,
    /// For people or for machines.
    pub(crate) format: LogFormat,
    /// A level, or directives such as `info,ari=debug`.
    pub(crate) level: String,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogTarget {
    /// The standard error of the process.
    Stderr,
    /// The journal of systemd.
    Journald,
    /// A file, replaced when it is full.
    File,
}

impl LogTarget {
    /// As in the file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Journald => "journald",
            Self::File => "file",
        }
    }
}

/// For people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

impl Config {
    /// Where init writes the first token, and where client verbs look for one.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.data.join("token")
    }

    /// The database's file or address, which holds no password.
    pub(crate) fn database_name(&self) -> String {
        self.server.as_ref().map_or_else(|| self.database.display().to_string(), ToString::to_string)
    }

    /// The address at which this machine reaches the server.
    pub(crate) fn local_url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}
