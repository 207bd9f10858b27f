//! The judge of the abandonment ledger: what the virtual PBX saw of answers, agents and messages against the rows.

use crate::agenda::{At, MS};
use crate::fault::FaultSet;
use crate::proof::Check;
use crate::world::World;
use domain::LegId;
use domain::abandonment::{Count, Counted, Why};
use domain::journal::AttemptEnd;

/// What the dialler hears and when it looks are so much apart where nothing goes wrong.
const SLACK_MS: u64 = 100;

/// What a PBX saw of a call that was answered for a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) answered_at: At,
    /// The first agent who took it.
    pub(crate) agent_at: Option<At>,
    /// It was brought to the recorded message.
    pub(crate) harbour_at: Option<At>,
    /// An agent had it then.
    pub(crate) robbed: bool,
}

impl World {
    /// An agent of a queue took the call.
    pub(crate) fn taken_by_agent(&mut self, leg: LegId) {
        let now = self.now;
        if let Some(served) = self.witness.served.get_mut(&leg) {
            served.agent_at.get_or_insert(now);
        }
    }

    /// An attempt is over: do its rows say what its PBX saw?
    pub(crate) fn check_books(&mut self, end: &AttemptEnd) {
        // Whoever has the agent who was called first is no queue's business.
        let Some(row) = self.store.attempts.get(&end.attempt).filter(|row| row.new.agent.is_none()) else { return };
        let (rows, served) = (row.counted.clone(), self.witness.served.get(&end.leg).copied());
        self.summary.counted += rows.len() as u64;
        if let Some(wrong) = self.wrong_books(end, &rows, served) {
            let rows: Vec<_> = rows.iter().map(|row| (row.count, row.why, row.waited_ms)).collect();
            let what = format!("attempt {} is in the books as {rows:?}, and {wrong}: {served:?}", end.attempt);
            self.broke(Check::LedgerIsTrue, what);
        }
    }

    fn wrong_books(&self, end: &AttemptEnd, rows: &[Counted], served: Option<Served>) -> Option<&'static str> {
        let count = |count: Count| rows.iter().filter(|row| row.count == count).count();
        let because = |why: Why| rows.iter().any(|row| row.why == why);
        let verdicts = count(Count::Connected) + count(Count::Abandoned);
        let machine = count(Count::Machine) > 0;
        let Some(served) = served else {
            return (!rows.is_empty()).then_some("nobody answered for a queue");
        };
        if rows.is_empty() && end.connected_at.is_none() {
            return None;
        }
        let took = |why: Why| rows.iter().any(|row| row.count == Count::Connected && row.why == why);
        match () {
            () if count(Count::Live) != 1 => return Some("one row says that it was answered"),
            () if verdicts > 1 || (verdicts == 0 && !machine) => return Some("one says what became of it"),
            () if took(Why::InTime) && served.agent_at.is_none() => return Some("no agent took it"),
            () if took(Why::InTime) && served.robbed => return Some("its agent was robbed"),
            () if because(Why::SafeHarbour) && served.harbour_at.is_none() => return Some("no message was played"),
            () if because(Why::TakenFromAgent) && !served.robbed => return Some("no agent was robbed"),
            () => {}
        }
        // From here on only where nothing keeps the dialler from hearing in time.
        if machine || self.faults.set != FaultSet::NONE || self.options.crash.is_some() {
            return None;
        }
        let deadline_ms = rows.first().map_or(0, |row| u64::from(row.rule.deadline_ms));
        let waited_ms = served.agent_at.map(|at| (at - served.answered_at) / MS);
        let in_time = waited_ms.is_some_and(|ms| ms + SLACK_MS < deadline_ms) && !served.robbed;
        let too_late = waited_ms.is_none_or(|ms| ms > deadline_ms + SLACK_MS);
        let lasted_ms = end.connected_at.map_or(0, |at| end.ended_at.ms_since(at).unsigned_abs());
        let brings = self.witness.settings.get(&end.run).is_some_and(|run| run.pacing.brings_to_harbour());
        let heard_in_time = served.harbour_at.is_some_and(|at| at - served.answered_at <= deadline_ms * MS);
        match () {
            () if in_time && count(Count::Connected) == 0 => Some("an agent was there in time"),
            () if too_late && count(Count::Abandoned) == 0 => Some("no agent was there in time"),
            () if too_late && brings && lasted_ms > deadline_ms + SLACK_MS && !heard_in_time => {
                Some("no message was played in time")
            }
            () => None,
        }
    }

    /// At the end the dialler has the figures of the ledger.
    pub(crate) fn check_figures_of_books(&mut self) {
        let Some(process) = &self.process else { return };
        let differs = self.store.books.iter().find_map(|(campaign, period)| {
            let figures = process.dialer.abandonment(*campaign);
            (figures != period.figures)
                .then(|| format!("campaign {campaign}: the dialler has {figures:?}, the ledger {:?}", period.figures))
        });
        if let Some(what) = differs {
            self.broke(Check::LedgerIsTrue, what);
        }
    }
}
