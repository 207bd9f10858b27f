//! `carillon pbx`: Asterisk servers.

use super::lock::Lock;
use super::{add, clone, list_all, object, remove, replace};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, note, say};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The variable that may hold the password.
const PASSWORD_VARIABLE: &str = "CARILLON_PBX_PASSWORD";
/// The variable that may hold the password of the manager user.
const MANAGER_PASSWORD_VARIABLE: &str = "CARILLON_MANAGER_PASSWORD";
/// A longer text is no password, bytes.
const MAX_PASSWORD_BYTES: u64 = 4 * 1024;
/// What the API takes of a PBX.
const FIELDS: &[&str] = &[
    "name",
    "link",
    "host",
    "port",
    "username",
    "password",
    "application",
    "originates_per_second",
    "unit_ms",
    "messages_per_unit",
    "manager_host",
    "manager_port",
    "manager_username",
    "manager_password",
    "security_key",
    "hidden",
];

/// What to do with PBXs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add an Asterisk; the server connects to it at once
    Add {
        /// Its name
        name: String,
        /// Host name or address of its HTTP server; over AMI: of its manager interface
        #[arg(long)]
        host: String,
        /// The ARI user; over AMI: the manager user
        #[arg(long)]
        user: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        lock: Lock,
    },
    /// Every PBX
    List,
    /// One PBX, and whether it is connected
    Show {
        /// Name or id
        pbx: String,
    },
    /// Change a PBX; what is not given stays
    Set {
        /// Name or id
        pbx: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Host name or address of its HTTP server; over AMI: of its manager interface
        #[arg(long)]
        host: Option<String>,
        /// The ARI user; over AMI: the manager user
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        lock: Lock,
    },
    /// Make the same PBX once more, with its password, under another name
    Clone {
        /// Name or id
        pbx: String,
        /// The name of the new one
        name: String,
    },
    /// Print what the dialplan of a PBX needs, so that people who find no agent hear a message
    Harbour,
    /// Remove a PBX that no trunk and no end point uses
    Remove {
        /// Name or id
        pbx: String,
    },
}

/// What has a default, and the password.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// How it is reached: ari, or ami where only a manager user exists [default: ari]
    #[arg(long, ignore_case = true, value_parser = ["ari", "ami"])]
    link: Option<String>,
    /// Port of its HTTP server [default: 8088]; over AMI: of its manager interface [default: 5038]
    #[arg(long)]
    port: Option<u16>,
    /// ARI application name; one per Carillon that uses this PBX [default: carillon]
    #[arg(long)]
    application: Option<String>,
    /// Calls started per second, at most [default: 100]
    #[arg(long, value_name = "N")]
    originates_per_second: Option<u32>,
    /// Over AMI: length of the unit of time for --messages-per-unit [default: 50]
    #[arg(long, value_name = "MS")]
    unit_ms: Option<u32>,
    /// Over AMI: messages sent in any one unit, at most [default: 5]
    #[arg(long, value_name = "N")]
    messages_per_unit: Option<u32>,
    /// Over ARI: the manager user that observes queues, for end points with agents; '' takes it away
    #[arg(long, value_name = "USER")]
    manager_user: Option<String>,
    /// File with the manager user's password; the variable CARILLON_MANAGER_PASSWORD works too
    #[arg(long, value_name = "FILE")]
    manager_password_file: Option<PathBuf>,
    /// Host name or address of the manager interface [default: --host]
    #[arg(long, value_name = "HOST")]
    manager_host: Option<String>,
    /// Its port [default: 5038]
    #[arg(long, value_name = "PORT")]
    manager_port: Option<u16>,
    /// File with the user's password; the variable CARILLON_PBX_PASSWORD works too
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

impl Settings {
    fn body(self, name: Option<String>, host: Option<String>, user: Option<String>) -> Result<Value, Failure> {
        let password = self.password()?;
        let manager_password = match &self.manager_password_file {
            Some(path) => Some(read_password(path)?),
            None if self.manager_user.as_ref().is_some_and(|user| !user.is_empty()) => {
                std::env::var(MANAGER_PASSWORD_VARIABLE).ok()
            }
            None => None,
        };
        let mut body = object([
            ("name", name.map(Value::from)),
            ("link", self.link.map(|link| Value::from(link.to_ascii_uppercase()))),
            ("host", host.map(Value::from)),
            ("port", self.port.map(Value::from)),
            ("username", user.map(Value::from)),
            ("password", password.map(Value::from)),
            ("application", self.application.map(Value::from)),
            ("originates_per_second", self.originates_per_second.map(Value::from)),
            ("unit_ms", self.unit_ms.map(Value::from)),
            ("messages_per_unit", self.messages_per_unit.map(Value::from)),
            ("manager_host", self.manager_host.map(Value::from)),
            ("manager_port", self.manager_port.map(Value::from)),
            ("manager_username", self.manager_user.clone().map(Value::from)),
            ("manager_password", manager_password.map(Value::from)),
        ]);
        if self.manager_user.as_deref() == Some("") {
            for field in ["manager_username", "manager_host", "manager_port"] {
                body[field] = Value::Null;
            }
        }
        Ok(body)
    }

    /// From the file, standard input or the variable, in this order, less the line break at its end.
    fn password(&self) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.password_file {
            return read_password(path).map(Some);
        }
        if self.password_stdin {
            return read_from(&mut std::io::stdin(), Path::new("standard input")).map(Some);
        }
        Ok(std::env::var(PASSWORD_VARIABLE).ok())
    }
}

pub(super) fn read_password(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(|error| Failure::file("read the password from", path, error))?;
    read_from(&mut file, path)
}

/// Less the line break at its end.
fn read_from(source: &mut dyn Read, from: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = source.take(MAX_PASSWORD_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::file("read the password from", from, error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, host, user, settings, lock } => {
            let body = settings.body(Some(name), Some(host), Some(user))?;
            if body["password"].is_null() {
                return Err(Failure::refused("there is no password").remedy(format!(
                    "give --password-file FILE, --password-stdin or the variable {PASSWORD_VARIABLE}"
                )));
            }
            let tells_of_queues = body["link"] == "AMI" || body["manager_username"].is_string();
            add(session, Noun::Pbx, &lock.over(body)).await?;
            if tells_of_queues && !session.json {
                note("for end points with agents: `carillon pbx harbour` prints what its dialplan needs");
            }
            Ok(())
        }
        Verb::Harbour => {
            say(harbour());
            Ok(())
        }
        Verb::List => {
            let columns = [
                ("id", "id"),
                ("name", "name"),
                ("link", "link"),
                ("host", "host"),
                ("port", "port"),
                ("user", "username"),
                ("application", "application"),
                ("calls/s", "originates_per_second"),
                ("hidden", "hidden"),
            ];
            list_all(session, Noun::Pbx, false, &columns).await
        }
        Verb::Show { pbx } => show(session, &pbx).await,
        Verb::Set { pbx, name, host, user, settings, lock } => {
            let body = lock.over(settings.body(name, host, user)?);
            replace(session, Noun::Pbx, &pbx, FIELDS, body).await
        }
        Verb::Clone { pbx, name } => clone(session, Noun::Pbx, &pbx, &name).await,
        Verb::Remove { pbx } => remove(session, Noun::Pbx, &pbx).await,
    }
}

/// The lines to add, with what the message has to say.
fn harbour() -> String {
    let comment = [
        "For extensions.conf: people who answered and find no agent are brought here within two seconds.",
        "your-message, recorded by you: \"This is NAME OF YOUR COMPANY. We called you from NUMBER to offer you",
        "something, and nobody was free to talk to you. To be called no more, press 1, or call NUMBER.\"",
        "It names the company and a number that answers, says that it was a sales call, and sells nothing.",
        "Who presses 1 has the extended status OPTOUT: an outcome rule for it puts the number on a black list.",
    ];
    let comment: String = comment.map(|line| format!("; {line}\n")).concat();
    format!("{comment}{}", domain::pacing::HARBOUR_LINES.trim_end())
}

async fn show(session: &Session, name: &str) -> Result<(), Failure> {
    let answer = session.client.get(&session.client.path(Noun::Pbx, name).await?).await?;
    // The live figures are an extra: without them the rest is still worth showing.
    let live = if session.json { None } else { session.client.get("api/live").await.ok() };
    session.print(&answer, |pbx| {
        let link =
            live.as_ref().and_then(|live| live.value["pbxs"].as_array()?.iter().find(|row| row["id"] == pbx["id"]));
        let how = match pbx["link"].as_str() {
            Some("AMI") => {
                let pace = format!("{} per {} ms, at most", cell(pbx, "messages_per_unit"), cell(pbx, "unit_ms"));
                ("messages", pace)
            }
            _ => ("application", cell(pbx, "application")),
        };
        facts([
            ("id", cell(pbx, "id")),
            ("name", cell(pbx, "name")),
            ("reached over", cell(pbx, "link")),
            ("address", format!("{}:{}", cell(pbx, "host"), cell(pbx, "port"))),
            ("user", cell(pbx, "username")),
            (how.0, how.1),
            ("calls per second", cell(pbx, "originates_per_second")),
            ("key", cell(pbx, "security_key")),
            ("hidden", cell(pbx, "hidden")),
            ("link", link.map_or("unknown".into(), link_words)),
        ])
    });
    Ok(())
}

/// `up, Asterisk 22.5.2, 3 calls, foreign channels: 2` or `down since 10:12:03: 401 Unauthorized`.
pub(super) fn link_words(live: &Value) -> String {
    let state = cell(live, "state");
    let mut words = match (state.as_str(), live["why"].as_str().unwrap_or_default()) {
        ("up", _) => format!("up, Asterisk {}, {} calls", cell(live, "version"), cell(live, "in_use")),
        (state, "") => format!("{state} since {}", local(live, "since")),
        (state, _) => format!("{state} since {}: {}", local(live, "since"), cell(live, "why")),
    };
    if live["foreign_channels"].as_u64().is_some_and(|channels| channels > 0) {
        words.push_str(&format!(", foreign channels: {}", cell(live, "foreign_channels")));
    }
    words
}
