//! Calls in the queue_log of the PBX that they are on, as WombatDialer writes them for QueueMetrics.
//!
//! A line is handed over and forgotten: a task per PBX writes one after the other, behind the originates that wait, so that no
//! call is later because of it. What cannot be written is counted and named in the log, never the number.

pub(crate) mod lines;
mod writer;

use crate::configuration::Configuration;
use crate::shell::Shell;
use domain::journal::{AttemptEnd, Fact, OpenAttempt};
use domain::{AttemptId, Campaign, EndPointId, LegId, PbxId, Timestamp};
use lines::{Line, Logged};
use std::collections::BTreeMap;
use store::Write;
use writer::{Source, Writer};

/// Calls that are logged, and who writes.
#[derive(Debug, Default)]
pub(crate) struct QueueLogs {
    calls: BTreeMap<LegId, Logged>,
    writers: BTreeMap<PbxId, Writer>,
}

impl Shell {
    /// A call was handed to its PBX.
    pub(crate) fn log_entered(&mut self, call: &dialer::Originate) {
        let Some(campaign) = self.runs.get(&call.run).map(|view| &view.campaign) else { return };
        let at = self.clock.now().wall;
        let Some(logged) = logged(campaign, &self.configuration, call.pbx, call.end_point, call.attempt, at) else {
            return;
        };
        let value = |name: &String| Some((name.clone(), call.contact.attributes.get(name)?.to_owned()));
        let attributes: Vec<(String, String)> = campaign.queue_log.attributes.iter().filter_map(value).collect();
        let lines = logged.entered(&self.channels.name(call.leg), &call.contact.number.dialled, &attributes);
        self.queue_logs.calls.insert(call.leg, logged);
        self.write_queue_log(call.pbx, lines);
    }

    /// A call that was up when the last process ended is written to its end.
    pub(crate) fn log_restored(&mut self, open: &OpenAttempt) {
        let Some(campaign) = self.runs.get(&open.run).map(|view| &view.campaign) else { return };
        let of = logged(campaign, &self.configuration, open.pbx, open.end_point, open.attempt, open.scheduled_at);
        if let Some(logged) = of {
            self.queue_logs.calls.insert(open.leg, logged);
        }
    }

    /// Something of a call is about to be written to the database.
    pub(crate) fn log_write(&mut self, write: &Write) {
        match write {
            Write::Note { note, .. } if note.fact == Fact::Answered => {
                let Some(logged) = self.queue_logs.calls.get(&note.leg) else { return };
                let (pbx, line) = (logged.pbx, logged.connected(&self.channels.name(note.leg), note.at));
                self.write_queue_log(pbx, vec![line]);
            }
            Write::Close { end, .. } => self.log_ended(end),
            Write::Withdraw(withdrawal) => {
                let leg = self.queue_logs.calls.iter().find(|(_, call)| call.attempt == withdrawal.attempt);
                if let Some(leg) = leg.map(|(leg, _)| *leg)
                    && let Some(logged) = self.queue_logs.calls.remove(&leg)
                {
                    let line = logged.abandoned(&self.channels.name(leg), withdrawal.at);
                    self.write_queue_log(logged.pbx, vec![line]);
                }
            }
            _ => {}
        }
    }

    fn log_ended(&mut self, end: &AttemptEnd) {
        let Some(logged) = self.queue_logs.calls.remove(&end.leg) else { return };
        let lines = logged.ended(&self.channels.name(end.leg), end);
        self.write_queue_log(logged.pbx, lines);
    }

    fn write_queue_log(&mut self, pbx: PbxId, lines: Vec<Line>) {
        let source = Source::of(&self.configuration, &self.links, pbx);
        let writers = &mut self.queue_logs.writers;
        if writers.get(&pbx).is_none_or(|writer| !writer.is_of(&source)) {
            writers.insert(pbx, Writer::start(pbx, source));
        }
        if let Some(writer) = writers.get(&pbx) {
            lines.into_iter().for_each(|line| writer.write(line));
        }
    }
}

/// A call of a campaign that is logged; `None`: it is not.
fn logged(
    campaign: &Campaign,
    configuration: &Configuration,
    pbx: PbxId,
    end_point: EndPointId,
    attempt: AttemptId,
    requested_at: Timestamp,
) -> Option<Logged> {
    if !campaign.queue_log.enabled {
        return None;
    }
    let alias = &campaign.queue_log.alias;
    let queue = if alias.is_empty() { campaign.name.clone() } else { alias.clone() };
    let agent = configuration.end_points.get(&end_point).map(|end_point| end_point.name.clone()).unwrap_or_default();
    Some(Logged { pbx, attempt, queue, agent, requested_at })
}
