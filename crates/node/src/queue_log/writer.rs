//! One task per PBX that writes lines, one after the other.

use super::lines::Line;
use crate::configuration::{Configuration, Password};
use crate::link::{Line as Link, connect_manager};
use crate::shell::PbxLink as ShellLink;
use ami::{Client, Outcome, QueueLogLine};
use domain::{Manager, PbxId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::warn;

/// Lines that wait to be written, at most: a minute of a busy PBX.
const LINES_MAX: usize = 10_000;
/// How often, and how far apart, a connection that is being made is asked whether it is there, before lines are lost.
const CONNECT_TRIES: u32 = 50;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Through what the lines of a PBX go.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The link itself, by its number.
    Link(u64, Client),
    /// A manager user beside a link over ARI.
    Manager(Manager, Password),
    /// Nothing: it cannot be told.
    Nothing,
}

impl Source {
    /// As the PBX is configured now.
    pub(super) fn of(configuration: &Configuration, links: &BTreeMap<PbxId, ShellLink>, pbx: PbxId) -> Self {
        if let Some(ShellLink { number, line: Link::Ami(client), .. }) = links.get(&pbx) {
            return Self::Link(*number, client.clone());
        }
        let manager = configuration.pbxs.get(&pbx).and_then(|(pbx, _)| pbx.manager.clone());
        match manager.zip(configuration.managers.get(&pbx).cloned()) {
            Some((manager, password)) => Self::Manager(manager, password),
            None => Self::Nothing,
        }
    }
}

/// The way to the task of one PBX. Dropped, the task ends when it has written what it was given.
#[derive(Debug)]
pub(super) struct Writer {
    pbx: PbxId,
    source: Source,
    lines: mpsc::Sender<Line>,
}

impl Writer {
    /// Begins to write.
    pub(super) fn start(pbx: PbxId, source: Source) -> Self {
        let (lines, waiting) = mpsc::channel(LINES_MAX);
        let client = match &source {
            Source::Link(_, client) => Ok((client.clone(), false)),
            Source::Manager(manager, password) => connect_manager(manager, password).map(|(client, mut incoming)| {
                tokio::spawn(async move { while incoming.recv().await.is_some() {} });
                (client, true)
            }),
            Source::Nothing => Err("the PBX has no manager user".to_owned()),
        };
        match client {
            Ok((client, own)) => drop(tokio::spawn(write_all(pbx, client, own, waiting))),
            Err(why) => warn!(pbx.id = pbx.0, %why, "the queue_log of the pbx cannot be written"),
        }
        Self { pbx, source, lines }
    }

    /// Whether it writes there.
    pub(super) fn is_of(&self, source: &Source) -> bool {
        match (&self.source, source) {
            (Source::Link(a, _), Source::Link(b, _)) => a == b,
            (Source::Manager(a, one), Source::Manager(b, other)) => a == b && one == other,
            (Source::Nothing, Source::Nothing) => true,
            _ => false,
        }
    }

    /// Never waits: a line too many is lost.
    pub(super) fn write(&self, line: Line) {
        if let Err(error) = self.lines.try_send(line) {
            let (line, why) = match error {
                mpsc::error::TrySendError::Full(line) => (line, "10000 lines wait already"),
                mpsc::error::TrySendError::Closed(line) => (line, "the PBX cannot be told"),
            };
            lost(self.pbx, &line, why);
        }
    }
}

async fn write_all(pbx: PbxId, client: Client, own: bool, mut waiting: mpsc::Receiver<Line>) {
    if own {
        // Its first line comes with the first call: the connection is being made.
        for _ in 0..CONNECT_TRIES {
            if matches!(client.action(&ami::Action::new("Ping")).await, Outcome::Done(_)) {
                break;
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }
    while let Some(line) = waiting.recv().await {
        let Line { queue, call, agent, event, message } = &line;
        match client.queue_log(&QueueLogLine { queue, call, agent, event, message }).await {
            Outcome::Done(()) => metrics::counter!("carillon_queue_log_lines_total").increment(1),
            Outcome::Refused { message, .. } => {
                lost(pbx, &line, &format!("{message}: has the manager user write = agent?"))
            }
            Outcome::Unknown(why) => lost(pbx, &line, &why.to_string()),
            Outcome::NotSent(why) => lost(pbx, &line, &why.to_string()),
        }
    }
    if own {
        client.link().shutdown();
    }
}

/// Counted and named, without the number.
fn lost(pbx: PbxId, line: &Line, why: &str) {
    metrics::counter!("carillon_queue_log_lost_total").increment(1);
    warn!(pbx.id = pbx.0, call = line.call, event = line.event, why, "a line of the queue_log is lost");
}
