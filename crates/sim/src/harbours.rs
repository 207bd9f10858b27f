//! People who find no agent are brought to the recorded message of a virtual PBX: after a look, refused, late, or without an
//! answer.

use crate::agenda::{At, Happening, Request, SECOND};
use crate::fault::Fault;
use crate::pbx::Link;
use crate::world::World;
use dialer::{BringToHarbour, Event, HarbourAnswer};
use domain::{LegId, PbxId};

/// How long the PBX may take to answer.
const DEADLINE: At = 5 * SECOND;

impl World {
    pub(crate) fn bring_to_harbour(&mut self, to: BringToHarbour) {
        let Some(process) = self.process.as_ref().map(|process| process.no) else { return };
        let leg = to.leg;
        let up = self.pbxs.get(&to.pbx).is_some_and(|pbx| pbx.link != Link::Down);
        if !up || self.strikes(Fault::SendFails) {
            let event = answered(leg, HarbourAnswer::Refused("not connected".to_owned()));
            let soon = self.now + self.rng.within(50..=2_000);
            return self.agenda.add(soon, Happening::Tell { process, event });
        }
        self.agenda.add(self.now + DEADLINE, Happening::HarbourDeadline { process, leg });
        self.request(to.pbx, Request::Harbour { leg, looked: false });
    }

    /// An answer that was told before counts; this one is the last word only where none was.
    pub(crate) fn harbour_deadline(&mut self, process: u32, leg: LegId) {
        self.tell(process, answered(leg, HarbourAnswer::Unknown("no answer in time".to_owned())));
    }

    /// The shell asks where the call is, and has it redirected when no agent has it by then.
    pub(crate) fn harbour(&mut self, id: PbxId, process: u32, leg: LegId, looked: bool) -> Option<Event> {
        let is_up = |channel: &crate::pbx::Channel| channel.up;
        if !self.pbxs.get(&id)?.channels.get(&leg).is_some_and(is_up) {
            return Some(answered(leg, HarbourAnswer::NotWanted("the call is over".to_owned())));
        }
        if !looked {
            if self.talks_to(id, leg) {
                return Some(answered(leg, HarbourAnswer::NotWanted("an agent has the call".to_owned())));
            }
            if self.lives(process) {
                self.request(id, Request::Harbour { leg, looked: true });
            }
            return None;
        }
        if self.strikes(Fault::PbxRefuses) {
            return Some(answered(leg, HarbourAnswer::Refused("Permission denied".to_owned())));
        }
        self.log(|| format!("{id:?} brings {leg:?} to the recorded message"));
        let (now, robbed) = (self.now, self.talks_to(id, leg));
        if let Some(served) = self.witness.served.get_mut(&leg) {
            (served.harbour_at, served.robbed) = (Some(now), robbed);
        }
        self.summary.in_harbour += 1;
        self.left_floor(id, leg);
        Some(answered(leg, HarbourAnswer::Done))
    }
}

fn answered(leg: LegId, answer: HarbourAnswer) -> Event {
    Event::HarbourAnswered { leg, answer }
}
