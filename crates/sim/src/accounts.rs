//! The judges of the whole: the database's accounts at every commit, and everything at the end.

use crate::proof::Check;
use crate::store::{AttemptState, Row, RunRow};
use crate::world::World;
use dialer::Command;
use domain::{AttemptId, ContactId, ListId, NumberKey, RunId, RunState, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// A world with so many rows in its accounts is counted at every commit; a larger one less often in proportion, so that
/// the counting stays a small part of the work.
const COUNTED_ALWAYS: usize = 5;

impl World {
    /// After every commit each contact is in one state, and open contacts are those with an open attempt.
    pub(crate) fn check_commit(&mut self) {
        self.witness.commits += 1;
        let rows: usize = self.store.rows.values().map(BTreeMap::len).sum();
        if self.witness.commits * COUNTED_ALWAYS >= rows {
            self.witness.commits = 0;
            self.check_accounts();
        }
    }

    fn check_accounts(&mut self) {
        let mut wrong = None;
        for (id, run) in &self.store.runs {
            let (mut open, mut retries, mut put_off, mut refused, mut finished) = (0, 0, 0, 0, 0);
            for row in self.store.rows.get(id).into_iter().flat_map(|rows| rows.values()) {
                match row {
                    Row::Open => open += 1,
                    Row::Waiting { put_off_by: None, .. } => retries += 1,
                    Row::Waiting { put_off_by: Some(_), .. } => put_off += 1,
                    Row::Refused { .. } => refused += 1,
                    Row::Finished => finished += 1,
                }
            }
            let attempts = self.store.open.values().filter(|a| self.store.attempts[a].new.run == *id).count();
            let totals = run.totals;
            let counted = (retries, put_off, refused, finished);
            let told = (totals.open_retries, totals.put_off, totals.refused, totals.terminated);
            if open != attempts || counted != told {
                wrong = Some(format!(
                    "run {id}: {open} open of {attempts} attempts, {counted:?} are retries, put off, refused, finished; {totals:?}"
                ));
            }
        }
        if let Some(wrong) = wrong {
            self.broke(Check::AccountsAddUp, wrong);
        }
        let mut numbers: BTreeSet<NumberKey> = BTreeSet::new();
        let open = self.store.open.values().map(|attempt| &self.store.attempts[attempt]);
        let twice = open.filter(|row| row.state == AttemptState::Open).find(|row| !numbers.insert(row.new.number_key));
        if let Some(twice) = twice.map(|row| row.new.attempt) {
            self.broke(Check::OneOpenAttemptPerNumber, format!("attempt {twice} is open and another to its number"));
        }
    }

    pub(crate) fn note_completion(&mut self, command: &Command) {
        let Command::RunChanged(change) = command else { return };
        if change.state == RunState::Completed {
            let run = &self.store.runs[&change.run];
            // What a paused list still has is nobody's work.
            let lists = run.lists.iter().filter(|list| !run.paused.contains(list));
            let last = |list: &ListId| self.store.lists.get(list)?.last().map(|contact| (*list, contact.id));
            let ends: BTreeMap<ListId, ContactId> = lists.filter_map(last).collect();
            let short = change.read_to.iter().find(|(list, read_to)| ends.get(list).is_some_and(|end| read_to < end));
            if let Some((list, read_to)) = short {
                let what = format!("run {} is completed and read list {list} to contact {read_to} only", change.run);
                self.broke(Check::NobodyForgotten, what);
            }
            self.witness.completed.insert(change.run, ends);
        }
    }

    /// Whether every run has ended or idles without work, and everything is written.
    pub(crate) fn every_run_is_over(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.has_written())
            && self.zombie.is_none()
            && self.store.open.is_empty()
            && self.store.runs.values().all(|run| is_over(run.state))
            && self.pbxs.values().all(|pbx| pbx.channels.is_empty() && pbx.agents.is_empty())
    }

    /// For a world that does not end.
    pub(crate) fn what_goes_on(&self) -> String {
        let states: Vec<_> = self.store.runs.iter().map(|(id, run)| format!("run {id} {}", run.state.code())).collect();
        let figures: Vec<_> = self.process.iter().flat_map(|process| process.dialer.run_figures()).collect();
        let links: Vec<_> = self.pbxs.values().map(|pbx| (pbx.link, pbx.channels.len())).collect();
        format!("{}, {} attempts open, links {links:?}, {figures:#?}", states.join(", "), self.store.open.len())
    }

    /// At the end everybody was called as often as the rules say, and everything adds up.
    pub(crate) fn check_end(&mut self) {
        self.check_accounts();
        let mut forgotten = None;
        for (id, run) in &self.store.runs {
            if run.state == RunState::Removed || !is_over(run.state) {
                continue;
            }
            let all = || run.lists.iter().map(|list| (*list, ContactId(i64::MAX))).collect();
            let completed = self.witness.completed.get(id).filter(|_| run.state == RunState::Completed);
            for (list, until) in &completed.cloned().unwrap_or_else(all) {
                let contacts = self.store.lists.get(list).into_iter().flatten();
                let rows = self.store.rows.get(id);
                for contact in contacts.filter(|contact| contact.id <= *until) {
                    let row = rows.and_then(|rows| rows.get(&contact.id));
                    if !matches!(row, Some(Row::Finished | Row::Refused { .. })) {
                        forgotten = Some(format!("run {id} is over and contact {} is {row:?}", contact.id));
                    }
                }
            }
        }
        if let Some(forgotten) = forgotten {
            self.broke(Check::NobodyForgotten, forgotten);
        }
        if !self.every_run_is_over() {
            return;
        }
        self.check_figures_of_books();
        self.check_rules_asked();
        let figures: Vec<_> = self.process.iter().flat_map(|process| process.dialer.run_figures()).collect();
        for figures in figures {
            let totals = self.store.runs[&figures.run].totals;
            let waiting = (totals.open_retries, totals.put_off, totals.refused);
            let of_store = (totals.placed, totals.terminated, waiting, totals.connected, 0);
            let waiting = (figures.open_retries, figures.put_off, figures.refused);
            let of_dialler = (figures.placed, figures.terminated, waiting, figures.connected, figures.in_flight);
            if of_store != of_dialler {
                let what = format!("figures of run {}: {of_dialler:?}, the database has {of_store:?}", figures.run);
                self.broke(Check::FiguresAgree, what);
            }
        }
    }

    /// After every call of a run whose settings stayed: what its outcome rules ask for is there, each once, and nothing else.
    fn check_rules_asked(&mut self) {
        self.summary.actions = self.store.actions.len() as u64;
        self.summary.asked_late = self.store.asked_late;
        let mut wrong = self
            .store
            .actions
            .iter()
            .find(|(_, times)| **times != 1)
            .map(|((attempt, rule), times)| format!("attempt {attempt} asked rule {rule} {times} times"));
        let stayed = |id: &RunId, run: &RunRow| run.state != RunState::Removed && !self.witness.reloaded.contains(id);
        let runs: BTreeMap<RunId, &RunRow> =
            self.store.runs.iter().filter(|(id, run)| stayed(id, run)).map(|(id, run)| (*id, run)).collect();
        let mut last: BTreeMap<(RunId, ContactId), ((u32, u32), AttemptId)> = BTreeMap::new();
        for (id, row) in &self.store.attempts {
            if matches!(row.state, AttemptState::Ended(_)) {
                let turn = ((row.new.retry, row.new.number_no), *id);
                let of = last.entry((row.new.run, row.new.contact)).or_insert(turn);
                *of = turn.max(*of);
            }
        }
        for (id, row) in &self.store.attempts {
            let (Some(run), AttemptState::Ended(state)) = (runs.get(&row.new.run), row.state) else { continue };
            let is_last = last.get(&(row.new.run, row.new.contact)).is_some_and(|(_, last)| last == id);
            for rule in run.settings.outcome_rules.iter() {
                let says = ["*", row.ext_state.as_str()].contains(&rule.status_ext.as_str())
                    || row.reported && rule.status_ext.is_empty();
                let answers = rule.verb != Verb::None && rule.status == state && says;
                let asked = self.store.actions.contains_key(&(*id, rule.id));
                // A contact that was refused may have been called again later: its rules were asked before.
                let may = answers && (is_last || asked || rule.with_retries_pending);
                if asked != may {
                    wrong = Some(format!("attempt {id} ended as {state:?}, rule {}: asked {asked}", rule.id));
                }
            }
        }
        if let Some(wrong) = wrong {
            self.broke(Check::RulesAskedOnce, wrong);
        }
    }
}

fn is_over(run: RunState) -> bool {
    run.is_final() || run == RunState::Idle
}
