//! `carillon endpoint`: where answered calls go.

use super::lock::Lock;
use super::{add, clone, list_all, object, patch, remove, show_one};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use clap::Subcommand;
use serde_json::Value;

/// What to do with end points.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add an end point: a dialplan extension
    Add {
        /// Its name
        name: String,
        /// The PBX it belongs to, name or id
        #[arg(long)]
        pbx: String,
        /// Dialplan context
        #[arg(long)]
        context: String,
        /// Dialplan extension; the call enters at priority 1
        #[arg(long)]
        extension: String,
        /// Calls at once over all campaigns
        #[arg(long, value_name = "N")]
        max_channels: u32,
        #[command(flatten)]
        lock: Lock,
    },
    /// Every end point
    List,
    /// One end point
    Show {
        /// Name or id
        end_point: String,
    },
    /// Change an end point; what is not given stays
    Set {
        /// Name or id
        end_point: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// The PBX it belongs to, name or id
        #[arg(long)]
        pbx: Option<String>,
        /// Dialplan context
        #[arg(long)]
        context: Option<String>,
        /// Dialplan extension
        #[arg(long)]
        extension: Option<String>,
        /// Calls at once over all campaigns
        #[arg(long, value_name = "N")]
        max_channels: Option<u32>,
        #[command(flatten)]
        lock: Lock,
    },
    /// Make the same end point once more under another name
    Clone {
        /// Name or id
        end_point: String,
        /// The name of the new one
        name: String,
    },
    /// Remove an end point that no campaign uses
    Remove {
        /// Name or id
        end_point: String,
    },
}

const COLUMNS: [(&str, &str); 8] = [
    ("id", "id"),
    ("name", "name"),
    ("kind", "kind"),
    ("pbx", "pbx"),
    ("context", "context"),
    ("extension", "extension"),
    ("channels", "max_channels"),
    ("hidden", "hidden"),
];
/// The same, and who sees it.
const FIELDS: [(&str, &str); 9] = {
    let [id, name, kind, pbx, context, extension, channels, hidden] = COLUMNS;
    [id, name, kind, pbx, context, extension, channels, ("key", "security_key"), hidden]
};

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, pbx, context, extension, max_channels, lock } => {
            let pbx = session.client.id(Noun::Pbx, &pbx).await?;
            let body = body(Some(name), Some(pbx), Some(context), Some(extension), Some(max_channels));
            add(session, Noun::EndPoint, &lock.over(body)).await
        }
        Verb::List => list_all(session, Noun::EndPoint, false, &COLUMNS).await,
        Verb::Show { end_point } => show_one(session, Noun::EndPoint, &end_point, &FIELDS).await,
        Verb::Set { end_point, name, pbx, context, extension, max_channels, lock } => {
            let pbx = match pbx {
                Some(pbx) => Some(session.client.id(Noun::Pbx, &pbx).await?),
                None => None,
            };
            let body = lock.over(body(name, pbx, context, extension, max_channels));
            patch(session, Noun::EndPoint, &end_point, body).await
        }
        Verb::Clone { end_point, name } => clone(session, Noun::EndPoint, &end_point, &name).await,
        Verb::Remove { end_point } => remove(session, Noun::EndPoint, &end_point).await,
    }
}

fn body(
    name: Option<String>,
    pbx: Option<i64>,
    context: Option<String>,
    extension: Option<String>,
    max_channels: Option<u32>,
) -> Value {
    object([
        ("name", name.map(Value::from)),
        ("pbx", pbx.map(Value::from)),
        ("context", context.map(Value::from)),
        ("extension", extension.map(Value::from)),
        ("max_channels", max_channels.map(Value::from)),
    ])
}
