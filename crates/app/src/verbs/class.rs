//! `carillon class`: what users may do and see.

use super::{add, list_all, object, remove, replace};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

/// What the API takes of a class.
const FIELDS: &[&str] = &["name", "description", "role", "keys", "all_keys"];

/// What to do with classes.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a class
    Add {
        /// Its name
        name: String,
        /// What its users may do
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        settings: Settings,
    },
    /// Every class
    List,
    /// Change a class; what is not given stays
    Set {
        /// Name or id
        class: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// What its users may do
        #[arg(long)]
        role: Option<Role>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a class that no user has
    Remove {
        /// Name or id
        class: String,
    },
}

/// What its users may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// Look at everything but secrets
    Read,
    /// Also start, stop and feed runs
    Operate,
    /// Also change the configuration and users
    Admin,
}

/// What has a default.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// For people
    #[arg(long)]
    description: Option<String>,
    /// Keys of its users, between spaces: they see what has no key or one of these
    #[arg(long)]
    keys: Option<String>,
    /// Whether its users see everything, whatever key it has
    #[arg(long, value_name = "BOOL")]
    all_keys: Option<bool>,
}

impl Settings {
    fn body(self, name: Option<String>, role: Option<Role>) -> Value {
        let role = role.map(|role| match role {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Admin => "admin",
        });
        object([
            ("name", name.map(Value::from)),
            ("role", role.map(Value::from)),
            ("description", self.description.map(Value::from)),
            ("keys", self.keys.map(Value::from)),
            ("all_keys", self.all_keys.map(Value::from)),
        ])
    }
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, role, settings } => add(session, Noun::Class, &settings.body(Some(name), Some(role))).await,
        Verb::List => {
            let columns = [
                ("id", "id"),
                ("name", "name"),
                ("role", "role"),
                ("keys", "keys"),
                ("all keys", "all_keys"),
                ("description", "description"),
            ];
            list_all(session, Noun::Class, false, &columns).await
        }
        Verb::Set { class, name, role, settings } => {
            replace(session, Noun::Class, &class, FIELDS, settings.body(name, role)).await
        }
        Verb::Remove { class } => remove(session, Noun::Class, &class).await,
    }
}
