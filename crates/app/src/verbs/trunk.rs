//! `carillon trunk`: ways out of a PBX.

use super::lock::Lock;
use super::{add, clone, list_all, object, patch, remove, show_one};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::span;
use clap::{Args, Subcommand};
use serde_json::Value;

/// What to do with trunks.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a trunk
    Add {
        /// Its name
        name: String,
        /// The PBX it belongs to, name or id
        #[arg(long)]
        pbx: String,
        /// Asterisk's dial string with ${num} where the number goes, e.g. 'PJSIP/${num}@carrier'
        #[arg(long)]
        dial_string: String,
        /// Calls at once
        #[arg(long, value_name = "N")]
        capacity: u32,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        lock: Lock,
    },
    /// Every trunk
    List,
    /// One trunk
    Show {
        /// Name or id
        trunk: String,
    },
    /// Change a trunk; what is not given stays
    Set {
        /// Name or id
        trunk: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// The PBX it belongs to, name or id
        #[arg(long)]
        pbx: Option<String>,
        /// Asterisk's dial string with ${num} where the number goes
        #[arg(long)]
        dial_string: Option<String>,
        /// Calls at once
        #[arg(long, value_name = "N")]
        capacity: Option<u32>,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        lock: Lock,
    },
    /// Make the same trunk once more under another name
    Clone {
        /// Name or id
        trunk: String,
        /// The name of the new one
        name: String,
    },
    /// Remove a trunk that no campaign uses
    Remove {
        /// Name or id
        trunk: String,
    },
}

/// What has a default.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Calls started per second; 0 = as fast as the PBX allows [default: 0]
    #[arg(long, value_name = "N")]
    calls_per_second: Option<u32>,
    /// After how long without ringing or early media the route counts as dead [default: 10s]
    #[arg(long, value_name = "SPAN", value_parser = span::milliseconds)]
    progress_timeout: Option<u32>,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, pbx, dial_string, capacity, settings, lock } => {
            let pbx = session.client.id(Noun::Pbx, &pbx).await?;
            let body = settings.body(Some(name), Some(pbx), Some(dial_string), Some(capacity));
            add(session, Noun::Trunk, &lock.over(body)).await
        }
        Verb::List => {
            let columns = [
                ("id", "id"),
                ("name", "name"),
                ("pbx", "pbx"),
                ("dial string", "dial_string"),
                ("capacity", "capacity"),
                ("calls/s", "calls_per_second"),
                ("hidden", "hidden"),
            ];
            list_all(session, Noun::Trunk, false, &columns).await
        }
        Verb::Show { trunk } => {
            let fields = [
                ("id", "id"),
                ("name", "name"),
                ("pbx", "pbx"),
                ("dial string", "dial_string"),
                ("capacity", "capacity"),
                ("calls per second", "calls_per_second"),
                ("progress timeout, ms", "progress_timeout_ms"),
                ("key", "security_key"),
                ("hidden", "hidden"),
            ];
            show_one(session, Noun::Trunk, &trunk, &fields).await
        }
        Verb::Set { trunk, name, pbx, dial_string, capacity, settings, lock } => {
            let pbx = match pbx {
                Some(pbx) => Some(session.client.id(Noun::Pbx, &pbx).await?),
                None => None,
            };
            let body = lock.over(settings.body(name, pbx, dial_string, capacity));
            patch(session, Noun::Trunk, &trunk, body).await
        }
        Verb::Clone { trunk, name } => clone(session, Noun::Trunk, &trunk, &name).await,
        Verb::Remove { trunk } => remove(session, Noun::Trunk, &trunk).await,
    }
}

impl Settings {
    fn body(self, name: Option<String>, pbx: Option<i64>, dial_string: Option<String>, capacity: Option<u32>) -> Value {
        object([
            ("name", name.map(Value::from)),
            ("pbx", pbx.map(Value::from)),
            ("dial_string", dial_string.map(Value::from)),
            ("capacity", capacity.map(Value::from)),
            ("calls_per_second", self.calls_per_second.map(Value::from)),
            ("progress_timeout_ms", self.progress_timeout.map(Value::from)),
        ])
    }
}
