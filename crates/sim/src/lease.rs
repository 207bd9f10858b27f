//! Two processes on one database: one stands still, the other takes over, and then the first one wakes.

use crate::agenda::{At, Happening, MS, SECOND};
use crate::fault::Fault;
use crate::process::Process;
use crate::world::World;
use dialer::Event;

/// A process that was not heard of for this long is taken over from.
const LEASE: At = 10 * SECOND;

/// A process that stood still until another one took over.
pub(crate) struct Zombie {
    process: Process,
    /// What its last commit answered, unheard.
    answers: Vec<Event>,
}

impl World {
    /// The process stands still, a second one takes over when its lease has run out, and then it wakes.
    pub(crate) fn second_process(&mut self) {
        if self.zombie.is_some() {
            return;
        }
        let Some(mut process) = self.process.take() else { return };
        let answers = self.last_commit(&mut process);
        self.zombie = Some(Zombie { process, answers });
        self.stopped_until = 0;
        self.links_die();
        self.agenda.add(self.now + LEASE, Happening::Start);
        let wakes = LEASE + self.faults.rng(Fault::SecondProcess).within(1..=30_000) * MS;
        self.agenda.add(self.now + wakes, Happening::ZombieWakes);
    }

    /// It goes on where it stood: hears what its disk had said, and wants to send and to write.
    pub(crate) fn zombie_wakes(&mut self) {
        let Some(Zombie { process, answers }) = self.zombie.take() else { return };
        self.log(|| "a process wakes that was taken over from".to_owned());
        let living = self.process.replace(process);
        for event in answers.into_iter().chain([Event::Tick]) {
            self.step(event);
        }
        let zombie = std::mem::replace(&mut self.process, living);
        // Its next commit tells that somebody else has the database: it ends.
        if zombie.is_some_and(|zombie| zombie.fence != self.store.fence && !zombie.has_written()) {
            self.summary.fenced += 1;
        }
    }
}
