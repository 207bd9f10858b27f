//! A small database and a small PBX around the dialler, for tests that take many calls.

use crate::script::{LIST, NOON, PBX, contact, end_point, ids, journalled, trunk, unknown};
use dialer::{
    Command, Dialer, EndPointSpec, Event, IdKind, LoadContacts, Loaded, Originate, PbxSpec, RetryEntry, RunSpec,
    TrunkSpec,
};
use domain::journal::AttemptEnd;
use domain::rules::Standing;
use domain::{ContactId, Mono, Now, RunId, RunState, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What the database answers after, and how long a request to the PBX takes, milliseconds.
const ANSWER_MS: u64 = 2;

/// Where a contact of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Open,
    Waiting { due_at: Timestamp, retry: u32 },
    Finished,
}

/// A call that the PBX was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Dialled {
    pub(crate) at_ms: u64,
    pub(crate) call: Originate,
}

/// What becomes of a call: events at milliseconds after it was taken.
pub(crate) type Plan = fn(&Originate) -> Vec<(u64, Event)>;

pub(crate) struct Desk {
    pub(crate) dialer: Dialer,
    pub(crate) contacts: Vec<i64>,
    pub(crate) rows: BTreeMap<(RunId, ContactId), Row>,
    pub(crate) dialled: Vec<Dialled>,
    pub(crate) ended: Vec<AttemptEnd>,
    pub(crate) states: Vec<(u64, RunId, RunState)>,
    /// The most calls that were up at once.
    pub(crate) most_at_once: usize,
    up: BTreeSet<domain::LegId>,
    plan: Plan,
    agenda: BTreeMap<(u64, u64), Event>,
    at_ms: u64,
    serial: u64,
}

impl Desk {
    /// One PBX that is up with these trunks and end points, and these runs over one list of `contacts`.
    pub(crate) fn new(
        contacts: i64,
        trunks: &[TrunkSpec],
        end_points: &[EndPointSpec],
        runs: Vec<RunSpec>,
        plan: Plan,
    ) -> Self {
        let mut desk = Self {
            dialer: Dialer::new(),
            contacts: (1..=contacts).collect(),
            rows: BTreeMap::new(),
            dialled: Vec::new(),
            ended: Vec::new(),
            states: Vec::new(),
            most_at_once: 0,
            up: BTreeSet::new(),
            plan,
            agenda: BTreeMap::new(),
            at_ms: 0,
            serial: 0,
        };
        desk.tell(Event::PbxConfigured(PbxSpec { id: PBX, originates_per_second: 1_000 }));
        trunks.iter().for_each(|spec| desk.tell(Event::TrunkConfigured(*spec)));
        end_points.iter().for_each(|spec| desk.tell(Event::EndPointConfigured(spec.clone())));
        [IdKind::Attempt, IdKind::Call, IdKind::Leg].into_iter().for_each(|kind| desk.tell(ids(kind)));
        runs.into_iter().for_each(|run| desk.tell(Event::RunStarted(Box::new(run))));
        desk.tell(Event::PbxUp { pbx: PBX, legs: vec![] });
        desk
    }

    /// One trunk and one end point of 10 calls each.
    pub(crate) fn simple(contacts: i64, runs: Vec<RunSpec>, plan: Plan) -> Self {
        Self::new(contacts, &[trunk(1, 10)], &[end_point(1, 10)], runs, plan)
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.at_ms * 1_000), wall: NOON.plus_ms(i64::try_from(self.at_ms).unwrap()) }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if let Event::LegEnded { leg, .. } = &event {
            self.up.remove(leg);
        }
        let mut out = Vec::new();
        self.dialer.step(self.now(), event, &mut out);
        for command in out {
            self.carry_out(command);
        }
    }

    fn later(&mut self, ms: u64, event: Event) {
        self.serial += 1;
        self.agenda.insert((self.at_ms + ms, self.serial), event);
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Journal(new) => {
                self.rows.insert((new.run, new.contact), Row::Open);
                self.later(ANSWER_MS, journalled(new.attempt));
            }
            Command::LoadContacts(load) => {
                let answer = self.load(&load);
                self.later(ANSWER_MS, Event::ContactsLoaded(answer));
            }
            Command::Originate(call) => {
                self.up.insert(call.leg);
                self.most_at_once = self.most_at_once.max(self.up.len());
                self.later(ANSWER_MS, Event::OriginateDone(call.leg));
                for (ms, event) in (self.plan)(&call) {
                    self.later(ANSWER_MS + ms, event);
                }
                self.dialled.push(Dialled { at_ms: self.at_ms, call });
            }
            Command::HangUp { leg, .. } => {
                self.later(ANSWER_MS, Event::LegEnded { leg, cause: 19, tech_cause: Some(480) });
            }
            Command::Close(end) => {
                let retry = self.dialled.iter().filter(|dialled| dialled.call.contact.id == end.contact).count();
                let row = match end.retry {
                    Some(next) => Row::Waiting { due_at: next.at, retry: u32::try_from(retry).unwrap() },
                    None => Row::Finished,
                };
                self.rows.insert((end.run, end.contact), row);
                self.ended.push(*end);
            }
            Command::RunChanged(change) => self.states.push((self.at_ms, change.run, change.state)),
            Command::Violated { invariant, detail, .. } => panic!("{invariant}: {detail}"),
            Command::Note(_)
            | Command::WantIds { .. }
            | Command::CircuitChanged { .. }
            | Command::QueuesHealed { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn load(&self, load: &LoadContacts) -> Loaded {
        let limit = load.fresh_limit as usize;
        let is_fresh = |id: &i64| !self.rows.contains_key(&(load.run, ContactId(*id)));
        let behind = |id: &i64| load.list.is_some_and(|(list, after)| list == LIST && *id > after.0);
        let fresh: Vec<_> = self
            .contacts
            .iter()
            .copied()
            .filter(behind)
            .filter(is_fresh)
            .take(limit)
            .map(contact)
            .map(unknown)
            .collect();
        let mut waiting: Vec<RetryEntry> = Vec::new();
        for ((run, id), row) in &self.rows {
            if let (true, Row::Waiting { due_at, retry }) = (*run == load.run, *row) {
                let (put_off_by, standing) = (None, Standing::default());
                let contact = contact(id.0);
                waiting.push(RetryEntry { contact, retry, number_no: 0, due_at, put_off_by, standing });
            }
        }
        waiting.sort_by_key(|entry| entry.due_at);
        let due = waiting.iter().take_while(|entry| entry.due_at <= load.due_before).count();
        let due = due.min(load.retry_limit as usize);
        Loaded {
            run: load.run,
            list: load.list.map(|(list, _)| list),
            list_exhausted: fresh.len() < limit,
            list_end: self.contacts.iter().next_back().map_or(ContactId(0), |id| ContactId(*id)),
            fresh,
            next_due: waiting.get(due).map(|entry| entry.due_at),
            next_put_off_by: None,
            retries: waiting.into_iter().take(due).collect(),
        }
    }

    /// Plays until `until_ms`.
    pub(crate) fn play(&mut self, until_ms: u64) -> &mut Self {
        for _ in 0..1_000_000 {
            let now = self.now();
            let wake = self.dialer.next_wake(now).map(|at| at.0.div_ceil(1_000).max(self.at_ms));
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let Some(at_ms) = [wake, next].into_iter().flatten().min().filter(|at| *at <= until_ms) else { break };
            if next == Some(at_ms) {
                let (_, event) = self.agenda.pop_first().unwrap();
                self.at_ms = at_ms;
                self.tell(event);
            } else {
                self.at_ms = if at_ms == self.at_ms { at_ms + 1 } else { at_ms };
                self.tell(Event::Tick);
            }
        }
        self.at_ms = self.at_ms.max(until_ms);
        self
    }

    /// Second and retry counter of every call.
    pub(crate) fn calls(&self) -> Vec<(u64, u32)> {
        self.dialled.iter().map(|dialled| (dialled.at_ms / 1_000, dialled.call.retry)).collect()
    }

    /// The last state that was told of a run.
    pub(crate) fn state(&self, run: RunId) -> Option<RunState> {
        self.states.iter().rev().find(|(_, other, _)| *other == run).map(|(.., state)| *state)
    }
}

/// Answered after a second, talks for ten.
pub(crate) fn answers(call: &Originate) -> Vec<(u64, Event)> {
    let leg = call.leg;
    vec![
        (100, Event::LegRinging(leg)),
        (1_000, Event::LegAnswered(leg)),
        (11_000, Event::LegEnded { leg, cause: 16, tech_cause: None }),
    ]
}

/// Busy after half a second.
pub(crate) fn is_busy(call: &Originate) -> Vec<(u64, Event)> {
    vec![(500, Event::LegEnded { leg: call.leg, cause: 17, tech_cause: Some(486) })]
}

/// Rings for ever.
pub(crate) fn rings(call: &Originate) -> Vec<(u64, Event)> {
    vec![(100, Event::LegRinging(call.leg))]
}
