//! Agents who are shown whom they would call: they ask, look, dial, skip, give back, or forget about it.

use crate::agenda::{At, Happening, MS, SECOND};
use crate::proof::Check;
use crate::store::AttemptState;
use crate::world::World;
use dialer::{Event, NoReservation, Wish};
use domain::{AttemptId, PbxId};
use std::collections::BTreeMap;

/// When the faults are over an agent for whom there is nobody to call asks again later and later, at most this late: the next
/// contact may be due in a month.
const ASKS_AT_LEAST_EVERY: At = 1_800 * SECOND;

/// What agents asked the process that lives, and how long those of a PBX wait before they ask again.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    asked: u64,
    /// For whom somebody to call is wanted; `None`: a decision.
    open: BTreeMap<u64, Option<String>>,
    pause: BTreeMap<PbxId, At>,
}

impl Desks {
    fn ask(&mut self, interface: Option<String>) -> u64 {
        self.asked += 1;
        self.open.insert(self.asked, interface);
        self.asked
    }
}

impl World {
    /// An agent of the PBX does something, and another one later.
    pub(crate) fn preview_happens(&mut self, id: PbxId) {
        let pause = self.desks.pause.get(&id).copied().unwrap_or(SECOND);
        let again = self.now + self.desks_rng.within(100..=3_000) * MS * (pause / SECOND);
        self.agenda.add(again, Happening::Preview { pbx: id });
        if self.calm {
            self.desks.pause.insert(id, (pause * 2).min(ASKS_AT_LEAST_EVERY));
        }
        let Some(process) = &self.process else { return };
        let on_pbx = |id: &AttemptId| self.store.attempts.get(id).map(|row| row.new.pbx);
        let held = process.dialer.reservations().map(|reservation| reservation.attempt);
        let held: Vec<AttemptId> = held.filter(|attempt| on_pbx(attempt) == Some(id)).collect();
        let wish = if self.calm { 0 } else { self.desks_rng.within(0..=99) };
        match self.desks_rng.pick(&held).copied() {
            Some(attempt) if wish < 60 => {
                let request = self.desks.ask(None);
                self.desks.pause.remove(&id);
                let event = match wish {
                    0..=34 => Event::AgentAccepts { request, attempt },
                    35..=44 => Event::AgentSkips { request, attempt, status: "LATER".to_owned() },
                    45..=49 => Event::AgentSkips { request, attempt, status: String::new() },
                    50..=54 => Event::AgentReleases { request, attempt },
                    // Twice: of two decisions the first one counts.
                    _ => {
                        self.step(Event::AgentAccepts { request, attempt });
                        let request = self.desks.ask(None);
                        Event::AgentSkips { request, attempt, status: String::new() }
                    }
                };
                self.step(event);
            }
            _ => {
                let interfaces = self.floors.get(&id).map(crate::agents::Floor::interfaces).unwrap_or_default();
                let Some(interface) = self.desks_rng.pick(&interfaces).cloned() else { return };
                let request = self.desks.ask(Some(interface.clone()));
                self.step(Event::AgentReserves { request, wish: Wish { interface, campaigns: None } });
            }
        }
    }

    /// The dialler answers an agent: once, and as the database has it.
    pub(crate) fn agent_is_told(&mut self, request: u64, answer: &Result<AttemptId, NoReservation>) {
        let Some(asked) = self.desks.open.remove(&request) else {
            return self.broke(Check::AgentDecides, format!("question {request} is answered twice"));
        };
        let (Some(interface), Ok(attempt)) = (asked, answer) else { return };
        self.summary.reserved += 1;
        let row = self.store.attempts.get(attempt).filter(|row| row.state == AttemptState::Open && row.new.reserved);
        let its = row.and_then(|row| row.new.agent.as_ref()).is_some_and(|agent| agent.interface == interface);
        // A process that was taken over from does not know it yet, and a disk that lies is found elsewhere.
        let current = self.process.as_ref().is_some_and(|process| process.fence == self.store.fence);
        if current && !its && self.options.sabotage.is_none() {
            self.broke(Check::AgentDecides, format!("{interface} is shown attempt {attempt}, which it does not hold"));
        }
        if let Some(pbx) = self.store.attempts.get(attempt).map(|row| row.new.pbx) {
            self.desks.pause.remove(&pbx);
        }
    }

    /// Whoever asked a process that died asks again.
    pub(crate) fn nobody_waits(&mut self) {
        self.desks.open.clear();
    }

    /// The faults are over long ago: nobody waits for an answer.
    pub(crate) fn check_questions(&mut self) {
        if let Some(request) = self.desks.open.keys().next() {
            self.broke(Check::AgentDecides, format!("question {request} was never answered"));
        }
    }
}
