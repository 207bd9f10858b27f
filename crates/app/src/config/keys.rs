//! The one table of settings. The file, the environment, `config check` and `config example` are all read from it.

use super::{Log, LogFormat, LogTarget, Network};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One setting.
pub(super) struct Key {
    /// As in the file; a dot separates section and name.
    pub(super) name: &'static str,
    /// Comment lines of the example.
    about: &'static [&'static str],
    /// What follows `=` in the example: the default, or a value that makes sense.
    example: &'static str,
    /// The default depends on something else, so the example shows the line commented out.
    derived: bool,
    /// Reads a value into the draft; the error says what would be right.
    pub(super) set: fn(&mut Draft, &Text<'_>) -> Result<(), String>,
}

/// A value of the file or the environment.
pub(super) struct Text<'a> {
    /// Its text; a list of the file is joined with commas.
    pub(super) text: &'a str,
    /// What a relative path is relative to: the file's folder; empty for the environment.
    pub(super) folder: &'a Path,
}

impl Text<'_> {
    fn path(&self) -> Result<PathBuf, String> {
        if self.text.is_empty() { Err("must name a path".into()) } else { Ok(self.folder.join(self.text)) }
    }
}

/// Settings as they were given.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) listen: Option<SocketAddr>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) data: Option<PathBuf>,
    pub(super) database: Option<PathBuf>,
    /// Instead of a file: checked, and still without its password.
    pub(super) server: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) log: Log,
    pub(super) zone: Option<String>,
    pub(super) country: Option<String>,
    pub(super) disk_free_min_mib: Option<u32>,
    pub(super) webhooks_allow: Vec<Network>,
    pub(super) retention: store::Retention,
    pub(super) mail: MailDraft,
    pub(super) sessions: store::SessionLimits,
    pub(super) wombat: api::wombat::Settings,
}

/// The mail server, still without its password.
#[derive(Default)]
pub(super) struct MailDraft {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: node::MailSecurity,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) from: Option<String>,
    pub(super) to: Vec<String>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            target: LogTarget::Stderr,
            file: PathBuf::new(),
            file_size_mb: 20,
            files: 10,
            format: LogFormat::Text,
            level: "info".into(),
        }
    }
}

/// Every setting, in the order of the example.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "listen",
        about: &["Address and port of the API. Anything but loopback needs [tls] or trusted_proxies."],
        example: "\"127.0.0.1:8080\"",
        derived: false,
        set: |draft, value| {
            let address = value.text.parse().map_err(|_| {
                format!("{:?} is no address with a port, e.g. \"127.0.0.1:8080\" or \"[::1]:8080\"", value.text)
            })?;
            draft.listen = Some(address);
            Ok(())
        },
    },
    Key {
        name: "trusted_proxies",
        about: &[
            "Reverse proxies that speak TLS for Carillon and may connect in plain HTTP: addresses or networks,",
            "e.g. [\"10.0.0.5\", \"10.1.0.0/16\"]. Plain HTTP from anybody else is refused.",
        ],
        example: "[]",
        derived: false,
        set: |draft, value| {
            let proxies = value.text.split(',').map(str::trim).filter(|text| !text.is_empty());
            draft.trusted_proxies = proxies.map(str::parse).collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "data",
        about: &[
            "Folder for everything Carillon keeps. Relative paths in this file start at the file's folder.",
            "Without a file it is ./carillon-data of the working directory.",
        ],
        example: "\"carillon-data\"",
        derived: false,
        set: |draft, value| {
            draft.data = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "database",
        about: &[
            "The database: an SQLite file, by default carillon.db in the data folder, or a PostgreSQL database, e.g.",
            "\"postgresql://carillon@db.example.com/carillon?sslmode=verify-full\".",
        ],
        example: "\"carillon-data/carillon.db\"",
        derived: true,
        set: |draft, value| {
            // The environment wins over the file, also with the other kind.
            (draft.database, draft.server) = (None, None);
            if value.text.contains("://") {
                store::Server::parse(value.text, None).map_err(|invalid| invalid.problem)?;
                draft.server = Some(value.text.to_owned());
            } else {
                draft.database = Some(value.path()?);
            }
            Ok(())
        },
    },
    Key {
        name: "database_password_file",
        about: &[
            "The file that holds the password of a PostgreSQL database, readable by its owner only; by default none.",
        ],
        example: "\"/etc/carillon/database-password\"",
        derived: true,
        set: |draft, value| {
            draft.password_file = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "key_file",
        about: &[
            "The key that encrypts stored passwords; by default the file key in the data folder.",
            "Keep a copy apart from the database: without it the passwords must be entered again.",
        ],
        example: "\"carillon-data/key\"",
        derived: true,
        set: |draft, value| {
            draft.key_file = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "zone",
        about: &["IANA time zone of new campaigns; by default the host's."],
        example: "\"Europe/Madrid\"",
        derived: true,
        set: |draft, value| {
            if !domain::time::is_zone(value.text) {
                return Err(format!("{:?} is no IANA time zone, e.g. \"Europe/Madrid\"", value.text));
            }
            draft.zone = Some(value.text.to_owned());
            Ok(())
        },
    },
    Key {
        name: "country",
        about: &["Country of numbers that are written without + and country code; by default none."],
        example: "\"ES\"",
        derived: true,
        set: |draft, value| {
            if value.text.len() != 2 || !value.text.bytes().all(|b| b.is_ascii_uppercase()) {
                return Err(format!("{:?} is no ISO 3166 country code of two capitals, e.g. \"ES\"", value.text));
            }
            draft.country = Some(value.text.to_owned());
            Ok(())
        },
    },
    Key {
        name: "disk_free_min_mib",
        about: &[
            "Free space of the database's disk, in MiB, below which no new call is begun; calls go on. 0: not looked at.",
        ],
        example: "256",
        derived: false,
        set: |draft, value| {
            draft.disk_free_min_mib = Some(within(value.text, 0, 1_000_000_000)?);
            Ok(())
        },
    },
    Key {
        name: "log.target",
        about: &["\"stderr\", \"journald\" (systemd's journal) or \"file\"."],
        example: "\"stderr\"",
        derived: false,
        set: |draft, value| {
            draft.log.target = match value.text {
                "stderr" => LogTarget::Stderr,
                "journald" => LogTarget::Journald,
                "file" => LogTarget::File,
                other => return Err(format!("{other:?} is none of \"stderr\", \"journald\", \"file\"")),
            };
            Ok(())
        },
    },
    Key {
        name: "log.file",
        about: &[
            "For target \"file\": by default carillon.log in the data folder. Older ones are carillon.log.1, .2, ...",
        ],
        example: "\"carillon-data/carillon.log\"",
        derived: true,
        set: |draft, value| {
            draft.log.file = value.path()?;
            Ok(())
        },
    },
    Key {
        name: "log.file_size_mb",
        about: &["A log file of this size is full and a new one begins: 1 to 1000 megabytes."],
        example: "20",
        derived: false,
        set: |draft, value| {
            draft.log.file_size_mb = within(value.text, 1, 1_000)?;
            Ok(())
        },
    },
    Key {
        name: "log.files",
        about: &["Log files kept, the one in use included: 2 to 100."],
        example: "10",
        derived: false,
        set: |draft, value| {
            draft.log.files = within(value.text, 2, 100)?;
            Ok(())
        },
    },
    Key {
        name: "log.format",
        about: &["\"text\" for people, \"json\" for machines."],
        example: "\"text\"",
        derived: false,
        set: |draft, value| {
            draft.log.format = match value.text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => return Err(format!("{other:?} is neither \"text\" nor \"json\"")),
            };
            Ok(())
        },
    },
    Key {
        name: "log.level",
        about: &["error, warn, info, debug or trace; or by part, e.g. \"info,ari=debug\"."],
        example: "\"info\"",
        derived: false,
        set: |draft, value| {
            check_level(value.text)?;
            draft.log.level = value.text.to_owned();
            Ok(())
        },
    },
    Key {
        name: "mail.server",
        about: &[
            "The mail server through which alerts and the letters of outcome rules are sent, with its port if that is not the usual one;",
            "by default none: alerts are on the event stream, in webhooks and in `carillon alert list` only, and no rule sends letters.",
        ],
        example: "\"smtp.example.com\"",
        derived: true,
        set: |draft, value| {
            let (host, port) = match value.text.rsplit_once(':') {
                Some((host, port)) if !host.ends_with(':') => {
                    let port = port.parse().ok().filter(|port| *port > 0);
                    (host, port.ok_or_else(|| format!("{:?} ends in no port", value.text))?)
                }
                _ => (value.text, 0),
            };
            if host.is_empty() || host.contains(char::is_whitespace) {
                return Err(format!("{:?} is no server, e.g. \"smtp.example.com:587\"", value.text));
            }
            (draft.mail.host, draft.mail.port) = (host.to_owned(), port);
            Ok(())
        },
    },
    Key {
        name: "mail.security",
        about: &["\"starttls\" (port 587), \"tls\" (port 465), or \"none\" (port 25) for a server on this machine."],
        example: "\"starttls\"",
        derived: false,
        set: |draft, value| {
            draft.mail.security = match value.text {
                "starttls" => node::MailSecurity::StartTls,
                "tls" => node::MailSecurity::Tls,
                "none" => node::MailSecurity::None,
                other => return Err(format!("{other:?} is none of \"starttls\", \"tls\", \"none\"")),
            };
            Ok(())
        },
    },
    Key {
        name: "mail.user",
        about: &["The name to log in with; by default nobody logs in. The password is in the file below."],
        example: "\"carillon\"",
        derived: true,
        set: |draft, value| {
            draft.mail.user = Some(value.text.to_owned());
            Ok(())
        },
    },
    Key {
        name: "mail.password_file",
        about: &["The file that holds the password, readable by its owner only."],
        example: "\"/etc/carillon/mail-password\"",
        derived: true,
        set: |draft, value| {
            draft.mail.password_file = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "mail.from",
        about: &["The sender of all letters."],
        example: "\"Carillon <carillon@example.com>\"",
        derived: true,
        set: |draft, value| {
            draft.mail.from = Some(value.text.to_owned());
            Ok(())
        },
    },
    Key {
        name: "mail.to",
        about: &["Who gets alerts; nobody when it is not given."],
        example: "[\"operations@example.com\"]",
        derived: true,
        set: |draft, value| {
            draft.mail.to = value.text.split(',').map(|to| to.trim().to_owned()).filter(|to| !to.is_empty()).collect();
            Ok(())
        },
    },
    Key {
        name: "retention.events_days",
        about: &[
            "Days for which events are kept: timelines of calls, the event stream, what webhooks can be sent again.",
            "0: for ever. Here and below, what is older is deleted every hour, a little at a time.",
        ],
        example: "90",
        derived: false,
        set: |draft, value| kept(value.text, &mut draft.retention, |keep| &mut keep.events_days),
    },
    Key {
        name: "retention.attempts_days",
        about: &["Days for which attempts and their calls are kept, at least 90: caps on attempts look back that far."],
        example: "1826",
        derived: false,
        set: |draft, value| kept(value.text, &mut draft.retention, |keep| &mut keep.attempts_days),
    },
    Key {
        name: "retention.audio_days",
        about: &["Days for which recordings and analysed audio are kept. Nothing is recorded yet."],
        example: "30",
        derived: false,
        set: |draft, value| kept(value.text, &mut draft.retention, |keep| &mut keep.audio_days),
    },
    Key {
        name: "retention.audit_days",
        about: &["Days for which it is kept who changed what of the configuration."],
        example: "1826",
        derived: false,
        set: |draft, value| kept(value.text, &mut draft.retention, |keep| &mut keep.audit_days),
    },
    Key {
        name: "sessions.idle_minutes",
        about: &[
            "Minutes without a request after which somebody who signed in with a browser is signed out: 1 to 1440.",
        ],
        example: "30",
        derived: false,
        set: |draft, value| {
            draft.sessions.idle = Duration::from_secs(60 * u64::from(within(value.text, 1, 1_440)?));
            Ok(())
        },
    },
    Key {
        name: "sessions.hours",
        about: &["Hours after which everybody signs in anew: 1 to 168."],
        example: "12",
        derived: false,
        set: |draft, value| {
            draft.sessions.absolute = Duration::from_secs(3_600 * u64::from(within(value.text, 1, 168)?));
            Ok(())
        },
    },
    Key {
        name: "webhooks.allow",
        about: &[
            "Addresses and networks that webhooks may be sent to besides the internet, e.g. [\"10.1.0.0/16\"]. Everything",
            "that is not the internet is refused otherwise: this machine, private networks, link-local addresses.",
        ],
        example: "[]",
        derived: false,
        set: |draft, value| {
            let networks = value.text.split(',').map(str::trim).filter(|text| !text.is_empty());
            draft.webhooks_allow = networks.map(str::parse).collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "wombat.context",
        about: &[
            "The first part of the path of WombatDialer's API, under any of these names: /wombat/api/... for example.",
        ],
        example: "[\"wombat\", \"WombatDialer\"]",
        derived: false,
        set: |draft, value| {
            draft.wombat.contexts = api::wombat::Settings::checked_contexts(value.text)?;
            Ok(())
        },
    },
    Key {
        name: "wombat.users",
        about: &[
            "\"basic\": users may send login and password with every request of WombatDialer's API (HTTP Basic); \"none\":",
            "they may not. A token is always taken there: as `Authorization: Bearer` or as the parameter token.",
        ],
        example: "\"none\"",
        derived: false,
        set: |draft, value| {
            draft.wombat.basic_users = match value.text {
                "basic" => true,
                "none" => false,
                other => return Err(format!("{other:?} is neither \"basic\" nor \"none\"")),
            };
            Ok(())
        },
    },
    Key {
        name: "wombat.allow",
        about: &[
            "Addresses and networks that may use WombatDialer's API without a token, e.g. [\"10.1.0.0/16\"]: they may do",
            "everything there. Requests through a proxy are never taken for one of them.",
        ],
        example: "[]",
        derived: false,
        set: |draft, value| {
            let networks = value.text.split(',').map(str::trim).filter(|text| !text.is_empty());
            draft.wombat.allow = networks.map(str::parse).collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "tls.certificate",
        about: &["Certificate with its chain and its private key, PEM files."],
        example: "\"/etc/carillon/server.pem\"",
        derived: true,
        set: |draft, value| {
            draft.certificate = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "tls.key",
        about: &[],
        example: "\"/etc/carillon/server.key\"",
        derived: true,
        set: |draft, value| {
            draft.key = Some(value.path()?);
            Ok(())
        },
    },
];

/// A whole number `least..=most`.
fn within(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{text:?} is no whole number from {least} to {most}"))
}

/// Takes the days for which something is kept.
fn kept(text: &str, keep: &mut store::Retention, which: fn(&mut store::Retention) -> &mut u32) -> Result<(), String> {
    let mut changed = *keep;
    *which(&mut changed) = within(text, 0, store::MAX_RETENTION_DAYS)?;
    *keep = changed.check().map_err(|invalid| invalid.problem)?;
    Ok(())
}

/// Refuses what would silently log nothing, such as `inof`.
fn check_level(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    for part in text.split(',') {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.contains(&level.to_lowercase().as_str()) {
            let near = crate::nearest::hint(level, LEVELS);
            return Err(format!("{level:?} is no log level: {}{near}", LEVELS.join(", ")));
        }
    }
    tracing_subscriber::EnvFilter::try_new(text).map(|_| ()).map_err(|error| error.to_string())
}

/// A `carillon.toml` with every setting explained, at its default.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Settings of a Carillon server. Every one may also come from the environment, which wins:\n\
         # CARILLON_LISTEN, CARILLON_LOG_LEVEL and so on. PBXs, trunks and campaigns live in the database.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            text.push_str(&format!("\n[{section}]"));
        }
        text.push('\n');
        for line in key.about {
            text.push_str(&format!("# {line}\n"));
        }
        let comment = if key.derived { "# " } else { "" };
        text.push_str(&format!("{comment}{name} = {}\n", key.example));
    }
    text
}
