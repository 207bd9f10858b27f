//! After every step: commands that would break a rule of the house are taken out, and the books are compared.

use crate::command::Command;
use crate::invariants::{Circumstances, Claims, Invariant, RunNow, Violation};
use crate::step::Dialer;
use domain::{HourState, Now, RunId};

impl Dialer {
    /// Takes out what would break a rule of the house, and compares the totals with the checker's books.
    pub(crate) fn check(&mut self, now: Now, first: usize, out: &mut Vec<Command>) {
        if out.len() == first {
            return;
        }
        let circumstances = Circumstances { held: self.held, wall: now.wall };
        let mut violations: Vec<Violation> = Vec::new();
        let mut index = first;
        while index < out.len() {
            let runs = &self.runs;
            let run_of = |run: RunId| {
                let run = runs.get(&run)?;
                let hours_open = matches!(run.hours_last(), Some(HourState::Open { .. }));
                Some(RunNow { hours_open, rules: &run.settings.rules })
            };
            match self.ledger.check(&out[index], circumstances, run_of) {
                Ok(()) => {
                    if let Some(violation) = self.check_accounts(&out[index]) {
                        violations.push(violation);
                    }
                    index += 1;
                }
                Err(violation) => {
                    violations.push(violation);
                    out.remove(index);
                }
            }
        }
        if let Err(violation) = self.ledger.compare(&self.claims()) {
            violations.push(violation);
        }
        for (invariant, run, detail) in violations {
            if let Some(run) = run.and_then(|run| self.runs.get_mut(&run)) {
                run.stopped = true;
            }
            if self.reported.insert((invariant.name(), run)) {
                out.push(Command::Violated { invariant, run, detail });
            }
        }
    }

    fn check_accounts(&self, command: &Command) -> Option<Violation> {
        let (Command::Close(_) | Command::Journal(_) | Command::Withdraw(_)) = command else { return None };
        let id = match command {
            Command::Close(end) => end.run,
            Command::Journal(new) => new.run,
            Command::Withdraw(withdrawal) => withdrawal.run,
            _ => return None,
        };
        let run = self.runs.get(&id)?;
        let totals = run.totals;
        let accounted = totals.terminated + totals.rescheduled + run.in_flight.len() as u64;
        (totals.placed != accounted).then(|| {
            let detail = format!("placed {}, accounted for {accounted}", totals.placed);
            (Invariant::AccountsAddUp, Some(id), detail)
        })
    }

    fn claims(&self) -> Claims {
        Claims {
            attempts: self.attempts.len(),
            legs: self.calls.len().saturating_sub(self.agents.len()),
            trunks_in_use: self.resources.trunks.values().map(|trunk| trunk.in_use as usize).sum(),
            end_points_in_use: self.resources.end_points.values().map(|end_point| end_point.in_use as usize).sum(),
            in_flight: self.runs.values().map(|run| run.in_flight.len()).sum::<usize>() + self.attempts_of_none.len(),
        }
    }
}
