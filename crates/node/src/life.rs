//! What the log keeps of the engine's own life: links that come and go, agents who log on and off.

use crate::shell::Shell;
use domain::{PbxId, Timestamp};
use store::{Life, Write};
use tracing::warn;

/// Agents who log on or off that are written down in a minute, at most: a script that adds and removes members without
/// end does not fill the log.
const AGENTS_A_MINUTE: u32 = 600;
const MINUTE_S: i64 = 60;

/// How many agents were written down lately.
#[derive(Debug, Default)]
pub(crate) struct AgentNotes {
    since: Option<Timestamp>,
    count: u32,
}

impl AgentNotes {
    /// Whether one more is written down.
    fn take(&mut self, now: Timestamp) -> bool {
        if self.since.is_none_or(|since| now < since || now >= since.plus_seconds(MINUTE_S)) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        if self.count == AGENTS_A_MINUTE + 1 {
            warn!("more than {AGENTS_A_MINUTE} agents logged on or off in a minute: the rest is not written down");
        }
        self.count <= AGENTS_A_MINUTE
    }
}

impl Shell {
    pub(crate) fn note_life(&mut self, life: Life) {
        self.pending.writes.push(Write::Life { life, at: self.clock.now().wall });
    }

    /// A PBX is up, with Asterisk's version, or is not, and why. Only what changes is written down.
    pub(crate) fn note_link(&mut self, pbx: PbxId, now: Result<String, String>) {
        let Some(link) = self.links.get_mut(&pbx) else { return };
        if std::mem::replace(&mut link.is_noted, now.is_ok()) == now.is_ok() {
            return;
        }
        self.note_life(match now {
            Ok(version) => Life::PbxConnected { pbx, version },
            Err(why) => Life::PbxLost { pbx, why },
        });
    }

    /// Before the dialler is told: a telephone is a member of a queue, or is not any more.
    pub(crate) fn agent_told(&mut self, pbx: PbxId, queue: &str, interface: &str, is_on: bool) {
        let known = self.dialer.is_member(pbx, queue, interface);
        let is_news = known == Some(!is_on) && self.configuration.wants_queue(pbx, queue);
        if is_news && self.agent_notes.take(self.clock.now().wall) {
            let (queue, agent) = (queue.to_owned(), interface.to_owned());
            self.note_life(Life::Agent { pbx, queue, agent, is_on });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_who_come_and_go_without_end_do_not_fill_the_log() {
        let mut notes = AgentNotes::default();
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        let taken = (0..2_000).filter(|_| notes.take(at(5))).count();
        assert_eq!(taken, AGENTS_A_MINUTE as usize);
        assert!(!notes.take(at(64)) && notes.take(at(65)), "a minute later");
        assert!(notes.take(at(1)), "a clock that was put back");
    }
}
