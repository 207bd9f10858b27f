//! `carillon event`: everything that happened, in order, as it happens or from any place that is kept.

use super::object;
use crate::client::{EventStream, Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, note, say, show};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Between two tries to reach a server that went away.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// A server that was away for this long is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(300);

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print events as they happen, until Ctrl-C; goes on without a gap when the server was away
    Follow {
        /// Begin behind this event; 0: at the oldest that is kept [default: now]
        #[arg(long, value_name = "SEQ")]
        after: Option<i64>,
        /// Stop after so many
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        #[command(flatten)]
        filter: Filter,
    },
    /// Events that have happened, oldest first
    List {
        /// Only those behind this one
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Of this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// About this kind of thing: attempt, run, dialling, ...
    #[arg(long)]
    entity: Option<String>,
    /// With --entity: about this one
    #[arg(long, requires = "entity")]
    id: Option<i64>,
    /// Of this kind, e.g. attempt.ended or leg.*; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
}

impl Filter {
    async fn query(&self, session: &Session) -> Result<Vec<(&'static str, String)>, Failure> {
        let campaign = match &self.campaign {
            Some(name) => Some(session.client.id(Noun::Campaign, name).await?),
            None => None,
        };
        let kinds = (!self.kinds.is_empty()).then(|| self.kinds.join(","));
        let query = object([
            ("campaign", campaign.map(Value::from)),
            ("entity", self.entity.as_deref().map(Value::from)),
            ("id", self.id.map(Value::from)),
            ("kind", kinds.map(Value::from)),
        ]);
        let names = ["campaign", "entity", "id", "kind"];
        Ok(names.into_iter().filter_map(|name| Some((name, show(query.get(name)?)))).collect())
    }
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Follow { after, count, filter } => {
            let query = filter.query(session).await?;
            follow(session, &query, after, count.unwrap_or(u64::MAX)).await
        }
        Verb::List { after, limit, filter } => {
            let mut query = filter.query(session).await?;
            query.extend([("after", after.to_string()), ("limit", limit.to_string())]);
            let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = session.client.find("api/events", &query).await?;
            session.print(&answer, |page| {
                let lines: Vec<String> = page["items"].as_array().into_iter().flatten().map(line).collect();
                if lines.is_empty() { "there are no such events".to_owned() } else { lines.join("\n") }
            });
            Ok(())
        }
    }
}

async fn follow(
    session: &Session,
    query: &[(&'static str, String)],
    mut after: Option<i64>,
    mut left: u64,
) -> Result<(), Failure> {
    let mut stream = open(session, query, after).await?;
    while left > 0 {
        match stream.event().await {
            Ok((place, event)) => {
                after = place.or(after);
                if let Some(event) = event {
                    if session.json {
                        say(&event)
                    } else {
                        say(line(&event))
                    }
                    left -= 1;
                }
            }
            Err(why) => {
                note(format!("{why}: trying again"));
                stream = come_back(session, query, after).await?;
            }
        }
    }
    Ok(())
}

async fn come_back(
    session: &Session,
    query: &[(&'static str, String)],
    after: Option<i64>,
) -> Result<EventStream, Failure> {
    let since = Instant::now();
    loop {
        tokio::time::sleep(AGAIN_AFTER).await;
        match open(session, query, after).await {
            Err(failure) if failure.may_pass() && since.elapsed() < GIVE_UP_AFTER => {}
            opened => return opened,
        }
    }
}

async fn open(session: &Session, query: &[(&'static str, String)], after: Option<i64>) -> Result<EventStream, Failure> {
    let after = after.map(|after| ("after", after.to_string()));
    let query: Vec<(&str, &str)> = query.iter().chain(&after).map(|(name, value)| (*name, value.as_str())).collect();
    session.client.events(&query).await
}

/// `12:34:56.789  1234  attempt 17  leg.hang_up_requested  leg=17 by=operator`.
fn line(event: &Value) -> String {
    let at = event["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let at = at.map_or_else(String::new, |at| at.to_zoned(TimeZone::system()).strftime("%H:%M:%S.%3f").to_string());
    let by = event["actor"].as_str().filter(|actor| !actor.is_empty());
    let by = by.map(|_| format!(" by {}", cell(event, "actor"))).unwrap_or_default();
    let plain = |value: &Value| !value.is_object() && !value.is_array() && !value.is_null();
    let data = event["data"].as_object().into_iter().flatten().filter(|(_, value)| plain(value));
    let data: Vec<String> = data.map(|(name, value)| format!("{name}={}", show(value))).collect();
    let (seq, entity, id, kind) =
        (cell(event, "seq"), cell(event, "entity"), cell(event, "entity_id"), cell(event, "kind"));
    format!("{at}  {seq}  {entity} {id}  {kind}{by}  {}", data.join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_without_what_could_move_the_terminal() {
        let event = json!({
            "at": "2026-03-29T01:30:00.5Z", "seq": 7, "entity": "dialling", "entity_id": 1, "kind": "dialling.held",
            "actor": "o\u{1b}ps", "data": { "why": "a\nb", "nested": { "a": 1 } },
        });
        assert!(line(&event).ends_with("  7  dialling 1  dialling.held by o ps  why=a b"), "{}", line(&event));
    }
}
