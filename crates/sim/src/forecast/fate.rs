//! What becomes of a call, drawn from the seed and from whom it calls for the how manieth time.

use super::habits::Habits;
use crate::floors::chance::Chance;
use domain::Contact;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Machine,
    NoAnswer,
    /// Ends like this: Q.850 cause and SIP code.
    NotThrough(u16, u16),
}

/// All durations in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) kind: Kind,
    /// From the originate until it rings or fails.
    pub(super) sets_up_s: f64,
    /// Until it is answered.
    pub(super) rings_s: f64,
    pub(super) talk_s: f64,
    /// Whole seconds, as queues of Asterisk have it.
    pub(super) wrap_up_s: u32,
    pub(super) patience_s: f64,
}

const BUSY: Kind = Kind::NotThrough(17, 486);
const WRONG_NUMBER: Kind = Kind::NotThrough(1, 404);
/// A refusal that speaks of the callee, not of the trunk: what trunks suffer from is not foretold.
const REJECTED: Kind = Kind::NotThrough(21, 603);
/// Between channel and first ring at least, and what is added: mean and coefficient of variation.
const SETS_UP_S: (f64, (f64, f64)) = (0.8, (1.6, 0.5));

impl Fate {
    /// Of a call to the contact, on the number that it is called on, at an hour of the campaign's clock.
    pub(super) fn draw(habits: &Habits, seed: u64, contact: &Contact, retry: u32, hour: usize) -> Self {
        let call = contact.id.0.cast_unsigned() << 16 | u64::from(retry & 0xff) << 8 | u64::from(contact.number_no);
        // Every figure is drawn whatever the others are: another answer rate leaves the talks as they are.
        let mut chance = Chance::of(seed, call);
        let (of, of_answers, of_others) = (chance.share(), chance.share(), chance.share());
        let others = habits.busy + habits.wrong_number + habits.rejected + habits.no_answer;
        let part = of_others * others;
        let kind = match () {
            () if of < habits.answered[hour % 24] && of_answers < habits.machines => Kind::Machine,
            () if of < habits.answered[hour % 24] => Kind::Person,
            () if part < habits.busy => BUSY,
            () if part < habits.busy + habits.wrong_number => WRONG_NUMBER,
            () if part < habits.busy + habits.wrong_number + habits.rejected => REJECTED,
            () => Kind::NoAnswer,
        };
        let sets_up_s = SETS_UP_S.0 + chance.lasts(SETS_UP_S.1);
        let rings_s = habits.rings.draw(&mut chance).max(0.3);
        let talk_s = habits.talk.draw(&mut chance).max(1.0);
        let wrap_up = habits.wrap_up.draw(&mut chance);
        let patience_s = chance.wait(habits.patience_s);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is no negative time"
        )]
        let wrap_up_s = (wrap_up + chance.share()) as u32;
        Self { kind, sets_up_s, rings_s, talk_s, wrap_up_s, patience_s }
    }
}
