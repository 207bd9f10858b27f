//! Contacts that a rule put off or refused, and that are judged again before their time: the rules are others, a list of
//! suppressed numbers is, or the contact itself.
//!
//! They are in the database. A batch after the other is made due there, through the journal's queue, so that a million of
//! them do not stop the commits; the run reads nothing new until they are. Retries whose own time has not come stay as
//! they are.

use crate::command::Command;
use crate::runs::{Due, Run};
use crate::step::Dialer;
use domain::journal::{Again, SOON_US};
use domain::{ContactId, Now, RunId, Timestamp};
use std::collections::BTreeSet;

/// Contacts that are taken up by one command, at most.
pub const TAKEN_UP_AT_ONCE: u32 = 5_000;
/// Wishes that wait, at most: beyond that everybody is judged again.
const MAX_WISHES: usize = 1_000;

/// Who is still to be judged again.
#[derive(Debug, Default)]
pub(crate) struct JudgedAgain {
    wishes: BTreeSet<Again>,
    /// The wish that is being fulfilled; whether its command is out, and behind whom the next one begins.
    current: Option<(Again, bool, ContactId)>,
}

impl JudgedAgain {
    pub(crate) fn is_done(&self) -> bool {
        self.wishes.is_empty() && self.current.is_none()
    }

    /// Whether all are judged again: one does not change what a run waits for.
    pub(crate) fn is_of_everybody(&self) -> bool {
        let current = self.current.map(|(which, ..)| which);
        self.wishes.iter().copied().chain(current).any(|which| matches!(which, Again::Everybody | Again::Refused))
    }

    fn wish(&mut self, again: Again) {
        if again == Again::Everybody || self.wishes.len() >= MAX_WISHES {
            self.wishes.clear();
            self.wishes.insert(Again::Everybody);
        } else if !self.wishes.contains(&Again::Everybody) {
            self.wishes.insert(again);
        }
    }

    /// What to ask for now.
    fn next(&mut self) -> Option<(Again, ContactId)> {
        if self.current.is_none() {
            self.current = self.wishes.pop_first().map(|wish| (wish, false, ContactId(0)));
        }
        let (which, out, after) = self.current.as_mut()?;
        (!std::mem::replace(out, true)).then_some((*which, *after))
    }

    /// It was answered.
    fn answered(&mut self, last: Option<ContactId>) {
        self.current = self.current.zip(last).map(|((which, ..), last)| (which, false, last));
    }
}

impl Run {
    /// Has these judged again, where there are any.
    pub(crate) fn judge_again(&mut self, which: Again) {
        let none = match which {
            Again::Everybody | Again::Contact(_) => self.totals.refused + self.totals.put_off == 0,
            Again::Refused | Again::Suppressed => self.totals.refused == 0,
        };
        if !none && !self.state.is_final() {
            self.again.wish(which);
        }
    }

    /// So many contacts wait now that were refused, and so many otherwise than they did.
    pub(crate) fn taken_up(&mut self, refused: u64, put_off: u64, last: Option<ContactId>) {
        self.totals.refused = self.totals.refused.saturating_sub(refused);
        self.totals.put_off += refused;
        self.again.answered(last);
        if refused + put_off > 0 {
            self.due(Due::NOW);
        }
    }
}

impl Dialer {
    /// Asks for what the run's wishes want next, unless an answer is awaited.
    pub(crate) fn take_up(&mut self, now: Now, id: RunId, out: &mut Vec<Command>) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if let Some((which, after)) = run.again.next() {
            let soon = Timestamp(now.wall.0.saturating_add(SOON_US));
            match which {
                Again::Everybody => run.hopper.drop_put_off_behind(soon, None),
                Again::Contact(contact) => run.hopper.drop_put_off_behind(soon, Some(contact)),
                Again::Refused | Again::Suppressed => {}
            }
            out.push(Command::TakeUp { run: id, which, after, limit: TAKEN_UP_AT_ONCE, at: now.wall });
        }
    }

    /// The same of every run.
    pub(crate) fn judge_all_again(&mut self, now: Now, which: Again, out: &mut Vec<Command>) {
        let runs: Vec<RunId> = self.runs.keys().copied().collect();
        for id in runs {
            if let Some(run) = self.runs.get_mut(&id) {
                run.judge_again(which);
            }
            self.touch(id);
            self.take_up(now, id, out);
        }
    }
}
