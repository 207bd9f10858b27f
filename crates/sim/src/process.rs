//! The shell around the dialler: steps, commands in order, one queue to the disk; and the life of the process.

use crate::agenda::{At, Happening, MS, Request, SECOND};
use crate::crash::CrashPoint;
use crate::fault::Fault;
use crate::pbx::Link;
use crate::proof::Check;
use crate::sabotage::Sabotage;
use crate::world::World;
use dialer::{Command, Dialer, Event, RunSpec};
use domain::{LegId, Mono, Now, PbxId, RunId};
use std::collections::BTreeMap;

/// How long an originate may take before its fate counts as unknown.
const ORIGINATE_DEADLINE: At = 5 * SECOND;
/// A write that failed is tried again after this.
const WRITE_AGAIN: At = 500 * MS;
/// So long after the end of an attempt its agent may still be there.
const AGENTS_WAIT_SECONDS: i64 = 900;
/// Wake-ups in a row that may bring nothing.
const IDLE_WAKES: u32 = 50;

pub(crate) struct Process {
    pub(crate) no: u32,
    pub(crate) dialer: Dialer,
    /// Its number at the database.
    pub(crate) fence: u64,
    pub(crate) born: At,
    queue: Vec<Command>,
    committing: Option<Vec<Command>>,
    /// Counts its commits.
    commit: u64,
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
        self.store.fence += 1;
        self.log(|| "process starts".to_owned());
        self.process = Some(Process {
            no: self.processes,
            dialer: Dialer::new(),
            fence: self.store.fence,
            born: self.now,
            queue: Vec::new(),
            committing: None,
            commit: 0,
            storage_lost: false,
            wake_at: None,
            wake_request: 0,
            idle_wakes: 0,
            idle_since: self.now,
            unanswered: BTreeMap::new(),
        });
        let no = self.processes;
        self.witness.forget_intents();
        self.nobody_waits();
        if self.store.held && !self.is(Sabotage::KeepsHoldsBack) {
            self.step(Event::DiallingHeld);
        }
        for (n, event) in self.beginning().into_iter().enumerate() {
            self.step(event);
            if n % 5 == 4 {
                self.at(CrashPoint::Restoring, None);
            }
            if !self.lives(no) {
                return;
            }
        }
        let pbxs: Vec<PbxId> = self.pbxs.keys().copied().collect();
        for pbx in pbxs {
            let at = self.now + self.rng.within(20..=1_500) * MS;
            self.agenda.add(at, Happening::LinkMade { pbx });
        }
    }

    /// What a new process is told: runs that are not over and those whose calls may be up, configuration, open attempts.
    fn beginning(&mut self) -> Vec<Event> {
        let open = self.store.open_attempts();
        let wanted = |run: &RunId| open.iter().any(|attempt| attempt.run == *run);
        let runs: Vec<RunId> = (self.store.runs.iter())
            .filter(|(id, run)| !run.state.is_final() || wanted(id))
            .map(|(id, _)| *id)
            .collect();
        let mut events: Vec<Event> = runs.iter().map(|run| Event::RunStarted(Box::new(self.run_spec(*run)))).collect();
        let books = self.store.books.iter();
        events.extend(books.map(|(campaign, period)| Event::BooksRemembered { campaign: *campaign, period: *period }));
        let (trunks, end_points) = (self.is(Sabotage::DoublesTrunks), self.is(Sabotage::DoublesEndPoints));
        let rates = self.is(Sabotage::TriplesRates);
        events.extend(self.site.pbxs.values().map(|spec| Event::PbxConfigured(*spec)));
        events.extend(self.site.pbxs.keys().map(|pbx| Event::HarbourSeen { pbx: *pbx, there: true }));
        for spec in self.site.trunks.values() {
            let mut spec = *spec;
            spec.capacity *= if trunks { 2 } else { 1 };
            spec.calls_per_second *= if rates { 3 } else { 1 };
            events.push(Event::TrunkConfigured(spec));
        }
        for spec in self.site.end_points.values() {
            let mut spec = spec.clone();
            spec.max_channels *= if end_points { 2 } else { 1 };
            events.push(Event::EndPointConfigured(spec));
        }
        if !self.is(Sabotage::ForgetsTheHour) {
            events.push(Event::CallsRemembered(self.store.calls_since(self.wall().plus_seconds(-3_600))));
        }
        if !self.is(Sabotage::ForgetsAgents) {
            let since = self.wall().plus_seconds(-AGENTS_WAIT_SECONDS);
            events.push(Event::AgentsRemembered(self.store.agents_called_since(since)));
        }
        if self.is(Sabotage::RestoresTwice) {
            events.extend(open.first().map(|open| {
                let mut twin = open.clone();
                twin.attempt.0 += 1_000_000;
                Event::AttemptRestored(Box::new(twin))
            }));
        }
        events.extend(open.into_iter().map(|open| Event::AttemptRestored(Box::new(open))));
        if self.rng.percent(30) {
            events.reverse();
        }
        events
    }

    /// The process ends between two instructions and starts again after `again`; a commit that was under way may have
    /// reached the disk.
    pub(crate) fn kill(&mut self, again: At) {
        let Some(mut process) = self.process.take() else { return };
        self.log(|| "process is killed".to_owned());
        self.stopped_until = 0;
        self.last_commit(&mut process);
        self.links_die();
        self.agenda.add(self.now + again, Happening::Start);
    }

    pub(crate) fn links_die(&mut self) {
        for pbx in self.pbxs.values_mut() {
            (pbx.link, pbx.stale) = (Link::Down, false);
            pbx.link_no += 1;
        }
    }

    /// A commit that was under way when its process stopped may have reached the disk; its answers.
    pub(crate) fn last_commit(&mut self, process: &mut Process) -> Vec<Event> {
        match process.committing.take() {
            Some(batch) if self.rng.percent(50) => self.write(batch),
            _ => Vec::new(),
        }
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
            campaign: crate::store::campaign_of(id),
            settings: run.settings.clone(),
            lists: run.lists.clone(),
            paused_lists: run.paused.clone(),
            contacts: contacts.sum(),
            totals,
            state: run.state,
        }
    }

    pub(crate) fn time(&self) -> Now {
        let born = self.process.as_ref().map_or(0, |process| process.born);
        let wrong = if self.is(Sabotage::WrongClock) { 12 * 3_600 } else { 0 };
        Now { mono: Mono(self.now - born), wall: self.wall().plus_seconds(wrong) }
    }

    /// An event for the process that asked, if it is still there.
    pub(crate) fn tell(&mut self, process: u32, event: Event) {
        if !self.lives(process) {
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
        self.deliver(event, None);
    }

    /// An event for whichever process there is.
    pub(crate) fn step(&mut self, event: Event) {
        let now = self.time();
        self.witness.hears(&event);
        let event = self.misled(event);
        self.log(|| format!("> {event:?}"));
        let answered = match &event {
            Event::LegAnswered(leg) if self.is(Sabotage::HangsUpOnPeople) => Some(*leg),
            _ => None,
        };
        let Some(process) = &mut self.process else { return };
        let no = process.no;
        self.summary.steps += 1;
        let mut out = Vec::new();
        process.dialer.step(now, event, &mut out);
        if !out.is_empty() || self.now > process.idle_since + SECOND {
            (process.idle_wakes, process.idle_since) = (0, self.now);
        }
        if let Some(leg) = answered {
            out.push(Command::HangUp { leg, pbx: PbxId(1), why: domain::EndedBy::AnswerTimeout });
        }
        for command in out {
            self.carry_out(command);
            if !self.lives(no) {
                return;
            }
        }
        self.start_commit();
        self.set_alarm();
    }

    /// What the dialler is told instead of what is.
    fn misled(&self, mut event: Event) -> Event {
        if let Event::RunStarted(spec) | Event::RunReloaded(spec) = &mut event
            && self.is(Sabotage::DropsRules)
        {
            spec.settings.rules = std::sync::Arc::new(domain::rules::Rules::none());
        }
        if let Event::QueuesTold { news, .. } = &mut event
            && self.is(Sabotage::LetsAnybodyOn)
        {
            crate::pauses::all_are_ours(news);
        }
        event
    }

    fn carry_out(&mut self, command: Command) {
        self.log(|| format!("    < {command:?}"));
        // A process that was taken over from sends nothing when its lease has run out, and no PBX listens to it any more.
        let taken_over = self.process.as_ref().is_some_and(|process| process.fence != self.store.fence);
        let ignores = self.is(Sabotage::IgnoresLease) && matches!(command, Command::Originate(_));
        if taken_over && !ignores {
            if let Some(process) = &mut self.process {
                process.queue.push(command);
            }
            return;
        }
        match command {
            Command::Originate(call) => self.originate(call),
            Command::CallAgent(call) => self.call_agent(call),
            Command::HangUp { why: domain::EndedBy::Suppression, .. } if self.is(Sabotage::LetsThemRing) => {}
            Command::PauseAgent(pause) => self.request(pause.pbx, Request::Pause(pause)),
            Command::UnpauseAgent(_) if self.is(Sabotage::KeepsUnpausesBack) => {}
            Command::UnpauseAgent(pause) => self.request(pause.pbx, Request::Unpause(pause)),
            Command::BringToHarbour(to) => self.bring_to_harbour(to),
            Command::HangUp { leg, pbx, why } => {
                self.check_hang_up(leg, why);
                self.at(CrashPoint::HangUpUnsent, Some(pbx));
                self.request(pbx, Request::HangUp { leg, why });
                self.at(CrashPoint::HangUpSent, Some(pbx));
            }
            Command::LookUp { leg, pbx } => {
                self.request(pbx, Request::LookUp { leg });
                self.at(CrashPoint::LookUpSent, Some(pbx));
            }
            Command::HoldDialling { why } => {
                self.check_words(&why);
                self.store.held = true;
            }
            Command::QueuesHealed { .. } => {}
            Command::Reserved { request, answer } => self.agent_is_told(request, &answer),
            Command::CircuitChanged { probe_at, .. } => self.summary.circuits_opened += u64::from(probe_at.is_some()),
            Command::Violated { invariant, detail, .. } => {
                self.broke(Check::OwnInvariants, format!("{invariant}: {detail}"));
            }
            mut write => {
                self.note_completion(&write);
                self.tamper(&mut write);
                self.check_write(&write);
                let point = CrashPoint::unwritten(&write);
                let Some(process) = &mut self.process else { return };
                process.queue.push(write);
                self.at_maybe(point, None);
            }
        }
    }

    fn originate(&mut self, call: dialer::Originate) {
        self.check_originate(&call);
        self.send(call.leg, call.pbx, Request::Originate(Box::new(call)));
    }

    fn call_agent(&mut self, call: dialer::CallAgent) {
        self.check_agent(&call);
        self.send(call.leg, call.pbx, Request::CallAgent(Box::new(call)));
    }

    fn send(&mut self, leg: LegId, pbx: PbxId, request: Request) {
        let now = self.now;
        let Some(process) = &self.process else { return };
        let no = process.no;
        self.at(CrashPoint::OriginateUnsent, Some(pbx));
        let soon = now + self.rng.within(50..=2_000);
        let fails = self.strikes(Fault::SendFails);
        let Some(process) = self.process.as_mut().filter(|process| process.no == no) else { return };
        process.unanswered.insert(leg, pbx);
        let up = self.pbxs.get(&pbx).is_some_and(|pbx| pbx.link != Link::Down);
        if !up || fails {
            let event = Event::OriginateNotSent { leg, why: "not connected".to_owned() };
            return self.agenda.add(soon, Happening::Tell { process: no, event });
        }
        self.agenda.add(now + ORIGINATE_DEADLINE, Happening::OriginateDeadline { process: no, leg });
        self.request(pbx, request);
        self.at(CrashPoint::OriginateSent, Some(pbx));
    }

    pub(crate) fn originate_deadline(&mut self, process: u32, leg: LegId) {
        self.tell(process, Event::OriginateUnknown { leg, why: "no answer in time".to_owned() });
    }

    fn start_commit(&mut self) {
        let slow = match &self.process {
            Some(process) if process.committing.is_none() && !process.queue.is_empty() => {
                self.strikes(Fault::CommitsSlow)
            }
            _ => return,
        };
        let takes = if slow { self.rng.within(8..=1_500) } else { self.rng.within(1..=8) } * MS;
        let Some(process) = &mut self.process else { return };
        process.committing = Some(std::mem::take(&mut process.queue));
        process.commit += 1;
        let (no, commit) = (process.no, process.commit);
        let at = (self.now + takes).max(self.disk_stops_until);
        let written = at >= self.disk_fails_until;
        let at = if written { at } else { at + WRITE_AGAIN };
        self.agenda.add(at, Happening::Committed { process: no, commit, written });
    }

    /// The database works again: what waited for it is done soon.
    pub(crate) fn hurry_commit(&mut self) {
        if let Some(process) = self.process.as_ref().filter(|process| process.committing.is_some()) {
            let (process, commit) = (process.no, process.commit);
            self.agenda.add(self.now + 5 * MS, Happening::Committed { process, commit, written: true });
        }
    }

    pub(crate) fn committed(&mut self, no: u32, commit: u64, written: bool) {
        let Some(process) = self.process.as_mut().filter(|process| process.no == no && process.commit == commit) else {
            return;
        };
        let Some(batch) = process.committing.take() else { return };
        if !written {
            let younger = std::mem::replace(&mut process.queue, batch);
            process.queue.extend(younger);
            process.storage_lost = true;
            return self.step(Event::StorageLost);
        }
        let was_lost = std::mem::take(&mut process.storage_lost);
        let points: Vec<CrashPoint> = batch.iter().filter_map(CrashPoint::written).collect();
        let events = self.write(batch);
        for point in points {
            self.at(point, None);
        }
        if was_lost && self.lives(no) {
            self.step(Event::StorageBack);
        }
        for event in events {
            if self.lives(no) {
                self.deliver(event, None);
            }
        }
        if self.lives(no) {
            self.start_commit();
        }
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
            self.witness.attempt_ends(self.now, &write);
            if self.is(Sabotage::NeverCloses) && matches!(&write, Command::Close(end) if end.attempt.0 % 50 == 7) {
                continue;
            }
            let ends = if let Command::Close(end) = &write { Some(end.clone()) } else { None };
            let twice = self.is(Sabotage::ClosesTwice) && matches!(write, Command::Close(_));
            for write in std::iter::repeat_n(write, if twice { 2 } else { 1 }) {
                match self.store.apply(write) {
                    Ok(event) => events.extend(event),
                    Err((check, what)) => self.broke(check, what),
                }
            }
            if let Some(end) = ends {
                self.check_books(&end);
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
        let (process, request) = (process.no, process.wake_request);
        self.agenda.add(at.max(self.now) + 20 + late, Happening::Wake { process, request });
    }

    pub(crate) fn woken(&mut self, no: u32, request: u64) {
        let now = self.time();
        let Some(process) = self.process.as_mut().filter(|process| process.no == no && process.wake_request == request)
        else {
            return;
        };
        process.wake_at = None;
        process.idle_wakes += 1;
        let (wakes, idle_since) = (process.idle_wakes, process.idle_since);
        let still_due = process.dialer.next_wake(now).is_some_and(|at| at <= now.mono);
        if wakes > IDLE_WAKES && still_due && self.now < idle_since + SECOND {
            return self.broke(Check::NoIdleWakes, format!("{wakes} wake-ups in a second brought nothing"));
        }
        if self.is(Sabotage::SwallowsTicks) {
            return self.set_alarm();
        }
        self.step(Event::Tick);
    }
}
