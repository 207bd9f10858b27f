//! `carillon webhook`: programs that are told of events over HTTP.

use super::{Column, list_all, object, remove, replace, rows_table};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, note, say};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What the API takes of a webhook; secret and headers stay when they are not given.
const FIELDS: &[&str] =
    &["name", "url", "format", "campaign", "kinds", "enabled", "timeout_ms", "max_tries", "secret", "headers"];
const COLUMNS: &[Column] = &[
    ("id", "id"),
    ("name", "name"),
    ("enabled", "enabled"),
    ("kinds", "kinds"),
    ("delivered", "delivered"),
    ("behind", "behind"),
    ("waiting", "waiting"),
    ("dead", "dead"),
    ("last error", "last_error"),
];

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tell a program of what happens from now on; shows the secret once
    Add {
        /// Its name
        name: String,
        /// Where events are posted
        #[arg(long)]
        url: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Every webhook
    List,
    /// One webhook, and how it does
    Show {
        /// Name or id
        webhook: String,
    },
    /// Change a webhook; what is not given stays
    Set {
        /// Name or id
        webhook: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Where events are posted
        #[arg(long)]
        url: Option<String>,
        /// Of every campaign again
        #[arg(long, conflicts_with = "campaign")]
        every_campaign: bool,
        /// Of every kind again
        #[arg(long, conflicts_with = "kinds")]
        every_kind: bool,
        /// Tell it again, from where it was
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Do not tell it for now; it keeps its place
        #[arg(long)]
        disable: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a webhook with what it has not delivered
    Remove {
        /// Name or id
        webhook: String,
    },
    /// Send an event that did not happen, once
    Test {
        /// Name or id
        webhook: String,
    },
    /// Deliver once more, under the same ids
    Replay {
        /// Name or id
        webhook: String,
        /// Everything behind this event; 0: from the oldest that is kept
        #[arg(long, value_name = "SEQ", required_unless_present = "dead", conflicts_with = "dead")]
        after: Option<i64>,
        /// What was given up
        #[arg(long)]
        dead: bool,
    },
    /// Events that it did not take and that are not tried any more
    Dead {
        /// Name or id
        webhook: String,
    },
}

/// What has a default.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// json: events as they are in the log; form: ended attempts as the form that WombatDialer posts, with number and
    /// attributes
    #[arg(long, value_parser = ["json", "form"])]
    format: Option<String>,
    /// Only events of this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// Only events of this kind, e.g. attempt.ended or leg.*; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// How long the program may take [default: 10000]
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u32>,
    /// How often an event is tried that the program refuses while it takes others [default: 20]
    #[arg(long, value_name = "N")]
    max_tries: Option<u32>,
    /// File with the secret of the signatures: whsec_ and 24 to 64 bytes in base64
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with headers to send with every event, one `Name: value` a line
    #[arg(long, value_name = "FILE")]
    headers_file: Option<PathBuf>,
}

impl Settings {
    async fn body(self, session: &Session, name: Option<String>, url: Option<String>) -> Result<Value, Failure> {
        let campaign = match &self.campaign {
            Some(name) => Some(session.client.id(Noun::Campaign, name).await?),
            None => None,
        };
        let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, error));
        let secret = self.secret_file.as_ref().map(read).transpose()?;
        let headers = self.headers_file.as_ref().map(read).transpose()?.map(|text| headers(&text)).transpose()?;
        Ok(object([
            ("name", name.map(Value::from)),
            ("url", url.map(Value::from)),
            ("format", self.format.map(|format| Value::from(format.to_ascii_uppercase()))),
            ("campaign", campaign.map(Value::from)),
            ("kinds", (!self.kinds.is_empty()).then(|| Value::from(self.kinds))),
            ("timeout_ms", self.timeout_ms.map(Value::from)),
            ("max_tries", self.max_tries.map(Value::from)),
            ("secret", secret.map(|secret| Value::from(secret.trim()))),
            ("headers", headers),
        ]))
    }
}

fn headers(text: &str) -> Result<Value, Failure> {
    let mut headers = Map::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Failure::refused(format!("line {} of the headers has no colon", index + 1))
                .remedy("write one header a line: Name: value"));
        };
        headers.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    Ok(Value::Object(headers))
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Add { name, url, settings } => {
            let body = settings.body(session, Some(name), Some(url)).await?;
            let answer = session.client.post(Noun::Webhook.path(), Some(&body)).await?;
            session.print(&answer, |row| {
                let secret = row["secret"].as_str().map(|secret| format!("\nits secret, shown only now: {secret}"));
                format!("webhook {} added, id {}{}", cell(row, "name"), cell(row, "id"), secret.unwrap_or_default())
            });
            Ok(())
        }
        Verb::List => list_all(session, Noun::Webhook, false, COLUMNS).await,
        Verb::Show { webhook } => show(session, &webhook).await,
        Verb::Set { webhook, name, url, every_campaign, every_kind, enable, disable, settings } => {
            let mut body = settings.body(session, name, url).await?;
            if every_campaign {
                body["campaign"] = Value::Null;
            }
            if every_kind {
                body["kinds"] = json!([]);
            }
            if enable || disable {
                body["enabled"] = json!(enable);
            }
            // What the server shows of the headers are their names, which it does not take back.
            let fields: Vec<&str> =
                FIELDS.iter().filter(|field| **field != "headers" || body.get("headers").is_some()).copied().collect();
            let fields: Vec<&str> =
                fields.into_iter().filter(|field| *field != "secret" || body.get("secret").is_some()).collect();
            replace(session, Noun::Webhook, &webhook, &fields, body).await
        }
        Verb::Remove { webhook } => remove(session, Noun::Webhook, &webhook).await,
        Verb::Test { webhook } => test(session, &webhook).await,
        Verb::Replay { webhook, after, dead } => {
            let path = session.client.path(Noun::Webhook, &webhook).await?;
            let body = if dead { json!({ "dead": true }) } else { json!({ "after": after }) };
            let answer = session.client.post(&format!("{path}/replay"), Some(&body)).await?;
            session.print(&answer, |row| match dead {
                true => format!("webhook {}: {} events are tried once more", cell(row, "name"), cell(row, "dead")),
                false => format!(
                    "webhook {}: everything behind event {} is delivered once more",
                    cell(row, "name"),
                    cell(row, "place")
                ),
            });
            Ok(())
        }
        Verb::Dead { webhook } => {
            let path = session.client.path(Noun::Webhook, &webhook).await?;
            let answer = session.client.find(&format!("{path}/dead"), &[("limit", "1000")]).await?;
            session.print(&answer, |page| {
                let rows = page["items"].as_array().cloned().unwrap_or_default();
                if rows.is_empty() {
                    return "nothing was given up".to_owned();
                }
                rows_table(
                    &rows,
                    &[("event", "seq"), ("tries", "tries"), ("at", "at"), ("again", "again"), ("why", "error")],
                )
                .to_string()
            });
            Ok(())
        }
    }
}

async fn test(session: &Session, webhook: &str) -> Result<(), Failure> {
    let path = session.client.path(Noun::Webhook, webhook).await?;
    let answer = session.client.post(&format!("{path}/test"), None).await?;
    if session.json {
        say(answer.text.trim_end());
    }
    if answer.value["taken"] == true {
        if !session.json {
            say(format!("it was taken, in {} ms", cell(&answer.value, "took_ms")));
        }
        return Ok(());
    }
    Err(Failure::refused(format!("it was not taken: {}", cell(&answer.value, "why")))
        .remedy("check its address with carillon webhook show, and the program there"))
}

async fn show(session: &Session, name: &str) -> Result<(), Failure> {
    let answer = session.client.get(&session.client.path(Noun::Webhook, name).await?).await?;
    if answer.value["waiting"].as_u64().is_some_and(|waiting| waiting > 0) && !session.json {
        note("some contacts wait behind an event that it did not take");
    }
    session.print(&answer, |row| {
        let names = [
            ("id", "id"),
            ("name", "name"),
            ("address", "url"),
            ("enabled", "enabled"),
            ("campaign", "campaign"),
            ("kinds", "kinds"),
            ("headers", "headers"),
            ("timeout, ms", "timeout_ms"),
            ("tries", "max_tries"),
            ("delivered", "delivered"),
            ("place", "place"),
            ("events behind it", "behind"),
            ("contacts waiting", "waiting"),
            ("given up", "dead"),
        ];
        let mut rows: Vec<(&str, String)> = names.iter().map(|(head, field)| (*head, cell(row, field))).collect();
        rows.push(("last delivery", local(row, "last_delivered_at")));
        rows.push((
            "last error",
            match row["last_error_at"].is_null() {
                true => "-".to_owned(),
                false => format!("{} at {}", cell(row, "last_error"), local(row, "last_error_at")),
            },
        ));
        facts(rows)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_line_by_line_and_a_wrong_line_is_named() {
        let read = headers("Authorization: Bearer a:b\n\nX-Key:  1 \n").unwrap();
        assert_eq!(read, json!({"Authorization": "Bearer a:b", "X-Key": "1"}));
        assert!(headers("A: 1\nB 2").unwrap_err().message.contains("line 2"));
    }
}
