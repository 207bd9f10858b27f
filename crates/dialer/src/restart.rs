//! Runs begin, and attempts that were open when the last process ended are taken over.

use crate::calls::{LegState, Role};
use crate::command::Command;
use crate::counting::Served;
use crate::event::RunSpec;
use crate::known::Known;
use crate::reserving::Reserved;
use crate::runs::Run;
use crate::step::{Attempt, Dialer};
use domain::journal::{Fact, OpenAttempt};
use domain::{EndedBy, Now};

impl Dialer {
    pub(crate) fn start_run(&mut self, spec: RunSpec) {
        let id = spec.run;
        if self.runs.contains_key(&id) {
            return;
        }
        let mut run = Run::new(spec);
        // Attempts that were restored before their run.
        for attempt in &self.attempts_of_none {
            if let Some(attempt) = self.attempts.get(attempt).filter(|attempt| attempt.run == id) {
                run.adopt(attempt.contact, self.calls.leg(attempt.leg).is_some_and(|leg| leg.answered_at.is_some()));
            }
        }
        self.attempts_of_none.retain(|attempt| self.attempts.get(attempt).is_some_and(|attempt| attempt.run != id));
        self.runs.insert(id, run);
        self.touch(id);
    }

    /// An attempt that was open when the process ended: occupied and uncertain until its PBX was compared. One whose number
    /// was suppressed meanwhile is hung up when it is found: not before, because it may have been answered.
    pub(crate) fn restore(&mut self, now: Now, open: OpenAttempt, out: &mut Vec<Command>) {
        let rings_in_vain = open.suppressed && open.connected_at.is_none() && !open.reserved;
        let leg = self.calls.open(open.leg, open.call, open.pbx, Role::Customer);
        // Of one that an agent looks at nothing has left: it goes on being looked at.
        if !open.reserved {
            leg.state = LegState::Uncertain;
            leg.requested = Some((now.mono, open.scheduled_at));
        }
        leg.answered_at = open.connected_at;
        leg.hang_up = rings_in_vain.then_some(EndedBy::Suppression);
        self.resources.occupy(open.pbx, open.trunk, open.end_point);
        // One that was answered may have come to its queue while nobody watched: it counts as having. One that has its
        // agent goes through none.
        let queued = open.connected_at.is_some() || open.agent.is_some();
        if let Some(end_point) = self.resources.end_points.get_mut(&open.end_point).filter(|_| !queued) {
            end_point.approached(open.run);
        }
        self.by_leg.insert(open.leg, open.attempt);
        let agent = self.restore_agent(now, &open);
        self.open_numbers.insert(open.number_key, open.attempt);
        self.kept_free.take(open.other_numbers.iter().filter_map(|other| other.key));
        match self.runs.get_mut(&open.run) {
            Some(run) => run.adopt(open.contact, open.connected_at.is_some()),
            None => {
                self.attempts_of_none.insert(open.attempt);
            }
        }
        self.ledger.restored(&open);
        let attempt = Attempt {
            call: open.call,
            leg: open.leg,
            run: open.run,
            campaign: open.campaign,
            contact: open.contact,
            details: open.details.clone(),
            corrected: None,
            key: open.number_key,
            number_no: open.number_no,
            others: open.other_numbers.clone(),
            retry: open.retry,
            turn_no: open.number_no,
            // Should it go back it waits from then on: where it was before is not known any more.
            due_at: open.reserved.then_some(open.scheduled_at),
            put_off_by: None,
            standing: Known::default(),
            trunk: open.trunk,
            end_point: open.end_point,
            queued,
            pbx: open.pbx,
            agent,
            reserved: Reserved::No,
            scheduled_at: open.scheduled_at,
            ext_state: open.ext_state.clone(),
            served: Served::restored(&open),
        };
        self.attempts.insert(open.attempt, attempt);
        self.count_restored(now, open.leg);
        if open.reserved {
            self.restore_reservation(now, &open);
        }
        if rings_in_vain {
            self.note_leg(open.leg, Fact::HangUpRequested { by: EndedBy::Suppression }, now.wall, out);
        }
    }
}
