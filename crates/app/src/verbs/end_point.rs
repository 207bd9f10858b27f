//! `carillon endpoint`: where answered calls go.

use super::lock::Lock;
use super::{add, clone, list_all, object, patch, remove, rows_table, show_one};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What to do with end points.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add an end point: a dialplan extension, with --queue one behind which agents of an Asterisk queue wait
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
        agents: Agents,
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
        agents: Agents,
        #[command(flatten)]
        lock: Lock,
    },
    /// The agents of the queue that an end point observes, as they are seen now
    Agents {
        /// Name or id
        end_point: String,
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

/// The queue behind an end point.
#[derive(Debug, Args)]
pub(crate) struct Agents {
    /// The Asterisk queue whose agents say how many calls are wanted; '' makes it a plain extension again
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Calls on their way per free agent, 0.01 to 20 [default: 1]
    #[arg(long, value_name = "FACTOR")]
    boost: Option<f64>,
    /// With more callers waiting beyond the free agents nothing is dialled [default: 2]
    #[arg(long, value_name = "N")]
    max_waiting: Option<u32>,
    /// Call agents before the person: true or false [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    reverse: Option<bool>,
    /// Show agents whom they would call, who say when: true or false; needs --reverse [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    preview: Option<bool>,
    /// Minutes that an agent has to decide, 1 to 60 [default: 10]
    #[arg(long, value_name = "N")]
    reservation_minutes: Option<u32>,
    /// Regular expression: every match in a member's interface is replaced before it is dialled; '' dials it as it is
    #[arg(long, value_name = "REGEX")]
    dial_find: Option<String>,
    /// What is put in its place; $1 is the first group
    #[arg(long, value_name = "TEXT")]
    dial_replace: Option<String>,
}

impl Agents {
    /// The body with what is said of the queue.
    fn over(self, mut body: Value) -> Value {
        match self.queue.as_deref() {
            Some("") => {
                for (field, value) in [
                    ("kind", json!("PHONE")),
                    ("queue", json!(null)),
                    ("boost", json!(null)),
                    ("max_waiting", json!(null)),
                    ("reverse", json!(false)),
                    ("preview", json!(false)),
                    ("reservation_minutes", json!(null)),
                    ("dial_find", json!("")),
                    ("dial_replace", json!("")),
                ] {
                    body[field] = value;
                }
            }
            Some(queue) => (body["kind"], body["queue"]) = (json!("QUEUE"), json!(queue)),
            None => {}
        }
        if let Some(boost) = self.boost {
            body["boost"] = json!(boost);
        }
        if let Some(most) = self.max_waiting {
            body["max_waiting"] = json!(most);
        }
        if let Some(reverse) = self.reverse {
            body["reverse"] = json!(reverse);
        }
        if let Some(preview) = self.preview {
            body["preview"] = json!(preview);
        }
        if let Some(minutes) = self.reservation_minutes {
            body["reservation_minutes"] = json!(minutes);
        }
        for (field, text) in [("dial_find", self.dial_find), ("dial_replace", self.dial_replace)] {
            if let Some(text) = text {
                body[field] = json!(text);
            }
        }
        body
    }
}

const COLUMNS: [(&str, &str); 9] = [
    ("id", "id"),
    ("name", "name"),
    ("kind", "kind"),
    ("pbx", "pbx"),
    ("context", "context"),
    ("extension", "extension"),
    ("channels", "max_channels"),
    ("queue", "queue"),
    ("hidden", "hidden"),
];
/// The same, and who sees it.
const FIELDS: [(&str, &str); 17] = {
    let [id, name, kind, pbx, context, extension, channels, queue, hidden] = COLUMNS;
    let (boost, waiting) = (("boost", "boost"), ("max waiting", "max_waiting"));
    let (reverse, find, replace) =
        (("reverse", "reverse"), ("dial find", "dial_find"), ("dial replace", "dial_replace"));
    let (preview, minutes) = (("preview", "preview"), ("minutes to decide", "reservation_minutes"));
    let key = ("key", "security_key");
    [
        id, name, kind, pbx, context, extension, channels, queue, boost, waiting, reverse, preview, minutes, find,
        replace, key, hidden,
    ]
};

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, pbx, context, extension, max_channels, agents, lock } => {
            let pbx = session.client.id(Noun::Pbx, &pbx).await?;
            let body = body(Some(name), Some(pbx), Some(context), Some(extension), Some(max_channels));
            add(session, Noun::EndPoint, &lock.over(agents.over(body))).await
        }
        Verb::List => list_all(session, Noun::EndPoint, false, &COLUMNS).await,
        Verb::Show { end_point } => show_one(session, Noun::EndPoint, &end_point, &FIELDS).await,
        Verb::Set { end_point, name, pbx, context, extension, max_channels, agents, lock } => {
            let pbx = match pbx {
                Some(pbx) => Some(session.client.id(Noun::Pbx, &pbx).await?),
                None => None,
            };
            let body = lock.over(agents.over(body(name, pbx, context, extension, max_channels)));
            patch(session, Noun::EndPoint, &end_point, body).await
        }
        Verb::Agents { end_point } => show_agents(&end_point, session).await,
        Verb::Clone { end_point, name } => clone(session, Noun::EndPoint, &end_point, &name).await,
        Verb::Remove { end_point } => remove(session, Noun::EndPoint, &end_point).await,
    }
}

async fn show_agents(end_point: &str, session: &Session) -> Result<(), Failure> {
    let path = format!("{}/agents", session.client.path(Noun::EndPoint, end_point).await?);
    let answer = session.client.get(&path).await?;
    session.print(&answer, |agents| match agents["items"].as_array().filter(|rows| !rows.is_empty()) {
        Some(rows) => {
            let columns =
                [("agent", "name"), ("telephone", "interface"), ("state", "state"), ("why paused", "paused_reason")];
            rows_table(rows, &columns).to_string()
        }
        None => "nobody is logged on, or the queue is not observed: see `carillon live`".to_owned(),
    });
    Ok(())
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
