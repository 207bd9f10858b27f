//! The shell around the dialler: steps, commands in order, one queue to the disk; and the life of the process.

use crate::agenda::{At, Happening, MS, Request, SECOND};
use crate::pbx::Link;
use crate::world::World;
use dialer::{Command, Dialer, Event, RunSpec};
use domain::{CampaignId, LegId, Mono, Now, PbxId, RunId};
use std::collections::BTreeMap;

/// How long an originate may take before its fate counts as unknown.
const ORIGINATE_DEADLINE: At = 5 * SECOND;
/// A write that failed is tried again after this.
const WRITE_AGAIN: At = 500 * MS;
/// Wake-ups in a row that may bring nothing.
const IDLE_WAKES: u32 = 50;

pub(crate) struct Process {
    pub(crate) no: u32,
    pub(crate) dialer: Dialer,
    born: At,
    queue: Vec<Command>,
    committing: Option<Vec<Command>>,
    storage_lost: bool,
    wake_at: Option<At>,
    wake_request: u64,
    idle_wakes: u32,
    idle_since: At,
    /// Legs whose originate was not answered yet.
    pub(crate) unanswered: BTreeMap<LegId, PbxId>,
}

impl Process {
    pub(crate) fn has_written(&self) -> bool {
        self.queue.is_empty() && self.committing.is_none()
    }
}

impl World {
    /// A new process over what the disk holds, in the order in which the shell does it, or the other way round.
    pub(crate) fn start_process(&mut self) {
        if self.process.is_some() {
            return;
        }
        self.processes += 1;
        self.log(|| "process starts".to_owned());
        self.process = Some(Process {
            no: self.processes,
            dialer: Dialer::new(),
            born: self.now,
            queue: Vec::new(),
            committing: None,
            storage_lost: false,
            wake_at: None,
            wake_request: 0,
            idle_wakes: 0,
            idle_since: self.now,
            unanswered: BTreeMap::new(),
        });
        self.witness.forget_intents();
        if self.store.held {
            self.step(Event::DiallingHeld);
        }
        let runs: Vec<RunId> =
            self.store.runs.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
        let mut events: Vec<Event> = runs.iter().map(|run| Event::RunStarted(Box::new(self.run_spec(*run)))).collect();
        let restored = self.store.open_attempts().into_iter().map(|open| Event::AttemptRestored(Box::new(open)));
        let configured: Vec<Event> = self
            .site
            .pbxs
            .values()
            .map(|spec| Event::PbxConfigured(*spec))
            .chain(self.site.trunks.values().map(|spec| Event::TrunkConfigured(*spec)))
            .chain(self.site.end_points.values().map(|spec| Event::EndPointConfigured(*spec)))
            .collect();
        events.extend(configured);
        events.extend(restored);
        if self.rng.percent(30) {
            events.reverse();
        }
        for event in events {
            self.step(event);
        }
        let pbxs: Vec<PbxId> = self.pbxs.keys().copied().collect();
        for pbx in pbxs {
            let at = self.now + self.rng.within(20..=3_000) * MS;
            self.agenda.add(at, Happening::LinkMade { pbx });
        }
    }

    /// The process ends between two instructions; a commit that was under way may have reached the disk.
    pub(crate) fn kill(&mut self) {
        let Some(process) = self.process.take() else { return };
        self.log(|| "process is killed".to_owned());
        self.summary.kills += 1;
        if let Some(batch) = process.committing
            && self.rng.percent(50)
        {
            self.write(batch);
        }
        for pbx in self.pbxs.values_mut() {
            pbx.link = Link::Down;
            pbx.link_no += 1;
        }
        let again = self.now + self.rng.within(1_000..=20_000) * MS;
        self.agenda.add(again, Happening::Start);
    }

    /// A run as the shell hands it to a dialler.
    pub(crate) fn run_spec(&self, id: RunId) -> RunSpec {
        let run = &self.store.runs[&id];
        let open = self.store.open.values().filter(|attempt| self.store.attempts[attempt].new.run == id).count() as u64;
        let mut totals = run.totals;
        totals.rescheduled = totals.placed - totals.terminated - open;
        let contacts = run.lists.iter().filter_map(|list| self.store.lists.get(list)).map(|list| list.len() as u64);
        RunSpec {
            run: id,
            campaign: CampaignId(id.0),
            settings: run.settings.clone(),
            lists: run.lists.clone(),
            contacts: contacts.sum(),
            totals,
            state: run.state,
        }
    }

    pub(crate) fn time(&self) -> Now {
        let born = self.process.as_ref().map_or(0, |process| process.born);
        Now { mono: Mono(self.now - born), wall: self.wall() }
    }

    /// An event for the process that asked, if it is still there.
    pub(crate) fn tell(&mut self, process: u32, event: Event) {
        if self.process.as_ref().is_none_or(|p| p.no != process) {
            return;
        }
        if let Event::OriginateDone(leg)
        | Event::OriginateRefused { leg, .. }
        | Event::OriginateUnknown { leg, .. }
        | Event::OriginateNotSent { leg, .. } = &event
        {
            let unanswered = self.process.as_mut().is_some_and(|p| p.unanswered.remove(leg).is_some());
            if !unanswered {
                return;
            }
            self.summary.unknown += u64::from(matches!(event, Event::OriginateUnknown { .. }));
        }
        self.step(event);
    }

    /// An event for whichever process there is.
    pub(crate) fn step(&mut self, event: Event) {
        let now = self.time();
        self.witness.hears(&event);
        self.log(|| format!("> {event:?}"));
        let Some(process) = &mut self.process else { return };
        self.summary.steps += 1;
        let mut out = Vec::new();
        process.dialer.step(now, event, &mut out);
        if !out.is_empty() || self.now > process.idle_since + SECOND {
            (process.idle_wakes, process.idle_since) = (0, self.now);
        }
        for command in out {
            self.carry_out(command);
        }
        self.start_commit();
        self.set_alarm();
    }

    fn carry_out(&mut self, command: Command) {
        self.log(|| format!("    < {command:?}"));
        match command {
            Command::Originate(call) => self.originate(call),
            Command::HangUp { leg, pbx, why } => self.request(pbx, Request::HangUp { leg, why }),
            Command::LookUp { leg, pbx } => self.request(pbx, Request::LookUp { leg }),
            Command::HoldDialling { .. } => self.store.held = true,
            Command::CircuitChanged { probe_at, .. } => self.summary.circuits_opened += u64::from(probe_at.is_some()),
            Command::Violated { invariant, detail, .. } => self.broke(format!("{invariant}: {detail}")),
            write => {
                self.note_completion(&write);
                if let Some(process) = &mut self.process {
                    process.queue.push(write);
                }
            }
        }
    }

    fn originate(&mut self, call: dialer::Originate) {
        self.check_originate(&call);
        let (now, leg, pbx) = (self.now, call.leg, call.pbx);
        let Some(process) = &mut self.process else { return };
        let no = process.no;
        process.unanswered.insert(leg, pbx);
        let soon = now + self.rng.within(50..=2_000);
        let up = self.pbxs.get(&pbx).is_some_and(|pbx| pbx.link != Link::Down);
        if !up || (self.rng.percent(1) && !self.calm) {
            let event = Event::OriginateNotSent { leg, why: "not connected".to_owned() };
            return self.agenda.add(soon, Happening::Tell { process: no, event });
        }
        self.agenda.add(now + ORIGINATE_DEADLINE, Happening::OriginateDeadline { process: no, leg });
        self.request(pbx, Request::Originate(Box::new(call)));
    }

    pub(crate) fn originate_deadline(&mut self, process: u32, leg: LegId) {
        self.tell(process, Event::OriginateUnknown { leg, why: "no answer in time".to_owned() });
    }

    fn start_commit(&mut self) {
        let Some(process) = &mut self.process else { return };
        if process.committing.is_some() || process.queue.is_empty() {
            return;
        }
        process.committing = Some(std::mem::take(&mut process.queue));
        let no = process.no;
        let takes = match self.rng.percent(self.rough.slow_commits) {
            true => self.rng.within(8..=1_500) * MS,
            false => self.rng.within(1..=8) * MS,
        };
        let at = self.now + takes;
        if at < self.disk_fails_until {
            return self.agenda.add(at + WRITE_AGAIN, Happening::Committed { process: no, written: false });
        }
        self.agenda.add(at, Happening::Committed { process: no, written: true });
    }

    pub(crate) fn committed(&mut self, no: u32, written: bool) {
        let Some(process) = self.process.as_mut().filter(|process| process.no == no) else { return };
        let Some(batch) = process.committing.take() else { return };
        if !written {
            let younger = std::mem::replace(&mut process.queue, batch);
            process.queue.extend(younger);
            process.storage_lost = true;
            return self.step(Event::StorageLost);
        }
        let was_lost = std::mem::take(&mut process.storage_lost);
        let events = self.write(batch);
        if was_lost {
            self.step(Event::StorageBack);
        }
        for event in events {
            self.step(event);
        }
        self.start_commit();
    }

    /// The batch is on the disk; the answers.
    fn write(&mut self, batch: Vec<Command>) -> Vec<Event> {
        let mut events = Vec::new();
        for write in batch {
            if let Command::Close(end) = &write {
                self.summary.lost += u64::from(end.state == domain::CallState::RsLost);
                self.summary.suppressed += u64::from(end.state == domain::CallState::RsBlacklist);
            }
            self.summary.withdrawn += u64::from(matches!(write, Command::Withdraw(_)));
            match self.store.apply(write) {
                Ok(event) => events.extend(event),
                Err(what) => self.broke(format!("the database: {what}")),
            }
        }
        self.check_commit();
        events
    }

    fn set_alarm(&mut self) {
        let now = self.time();
        let Some(process) = &mut self.process else { return };
        let Some(wake) = process.dialer.next_wake(now) else {
            process.wake_at = None;
            return;
        };
        let at = process.born + wake.0;
        if process.wake_at == Some(at) {
            return;
        }
        process.wake_at = Some(at);
        process.wake_request += 1;
        let late = if self.rng.percent(80) { self.rng.within(0..=1_000) } else { self.rng.within(0..=5_000) };
        let request = process.wake_request;
        self.agenda.add(at.max(self.now) + 20 + late, Happening::Wake { request });
    }

    pub(crate) fn woken(&mut self, request: u64) {
        let now = self.time();
        let Some(process) = self.process.as_mut().filter(|process| process.wake_request == request) else { return };
        process.wake_at = None;
        process.idle_wakes += 1;
        let (wakes, idle_since) = (process.idle_wakes, process.idle_since);
        let still_due = process.dialer.next_wake(now).is_some_and(|at| at <= now.mono);
        if wakes > IDLE_WAKES && still_due && self.now < idle_since + SECOND {
            return self.broke(format!("liveness: {wakes} wake-ups in a second brought nothing"));
        }
        self.step(Event::Tick);
    }
}
