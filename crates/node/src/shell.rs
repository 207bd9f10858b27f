//! The task that owns the dialler: inputs in order, commands out in order.

use crate::census::touches::Touches;
use crate::channels::Channels;
use crate::clock::Clock;
use crate::commits::{Batch, Committed, Told, as_write};
use crate::configuration::Configuration;
use crate::disk::Storage;
use crate::handle::{Health, NodeError};
use crate::harbour::Harbours;
use crate::inputs::{Ask, FromPbx, Input, RunEvent};
use crate::life::AgentNotes;
use crate::link::{About, Line, Said};
use crate::live::{PbxState, QueueAgent};
use crate::observing::PbxObserver;
use crate::queue_log::QueueLogs;
use crate::reserving::AgentsWaiting;
use dialer::{Command, Dialer, Event, RunSpec};
use domain::abandonment::PeriodNow;
use domain::journal::OutputChange;
use domain::{AttemptId, Campaign, Hours, LegId, Masked, PbxId, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use store::{Hold, Life, Store, Write};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// Inputs taken at once before timers and commits are looked at again.
const INPUTS_AT_ONCE: usize = 512;
/// Calls that ended of which the dialplan may still tell something.
const ENDED_REMEMBERED: usize = 1_000;

/// A PBX as the shell knows it.
pub struct PbxLink {
    /// Which link: what an earlier one of the same PBX still says is not heard.
    pub number: u64,
    /// Requests to it.
    pub line: Line,
    /// State of the link.
    pub state: PbxState,
    /// Since when.
    pub since: Timestamp,
    /// Why it is not up.
    pub why: String,
    /// Asterisk's version.
    pub version: Option<String>,
    /// Channels there that are not ours; the link's task counts them.
    pub foreign: Arc<AtomicU64>,
    /// The log says that it is connected.
    pub is_noted: bool,
}

impl PbxLink {
    /// Another state, or another reason for the same one. Returns the state before.
    fn turns(&mut self, state: PbxState, why: String, now: Timestamp) -> PbxState {
        self.why = why;
        let was = std::mem::replace(&mut self.state, state);
        if was != state {
            self.since = now;
        }
        was
    }
}

/// What the shell keeps about a run, for originates and figures.
pub struct RunView {
    /// The campaign as started or last reloaded.
    pub campaign: Campaign,
    /// When it may dial: with its sets of opening hours as they are now.
    pub hours: Hours,
    /// When it was started.
    pub started_at: Timestamp,
    /// What it had finished before this process began.
    pub terminated_before: u64,
    /// When this process took it over.
    pub seen_at: Timestamp,
}

/// The shell.
pub struct Shell {
    pub(crate) dialer: Dialer,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) channels: Channels,
    pub(crate) configuration: Configuration,
    pub(crate) links: BTreeMap<PbxId, PbxLink>,
    pub(crate) observers: BTreeMap<PbxId, PbxObserver>,
    pub(crate) agent_notes: AgentNotes,
    pub(crate) harbours: Harbours,
    pub(crate) runs: BTreeMap<RunId, RunView>,
    pub(crate) queue_logs: QueueLogs,
    pub(crate) hold: Option<Hold>,
    pub(crate) storage: Storage,
    pub(crate) pending: Batch,
    pub(crate) committing: Option<JoinHandle<Committed>>,
    /// When the last commit was sent to the disk.
    pub(crate) commit_began: Option<tokio::time::Instant>,
    /// Legs whose originate was handed to a link and not answered yet.
    pub(crate) originating: BTreeSet<LegId>,
    /// Agents who asked for a call, or said what becomes of it.
    pub(crate) agents_waiting: AgentsWaiting,
    pub(crate) hold_waiting: Vec<oneshot::Sender<()>>,
    /// Calls that ended lately, oldest first.
    ended: VecDeque<(LegId, AttemptId)>,
    inbox: mpsc::Receiver<Input>,
    /// For the tasks that answer.
    pub(crate) sender: mpsc::Sender<Input>,
    pub(crate) health: watch::Sender<Health>,
    /// Told who changed.
    pub(crate) touches: Touches,
    /// Links made so far.
    pub(crate) links_made: u64,
    out: Vec<Command>,
    pub(crate) stopping: Option<oneshot::Sender<()>>,
}

impl Shell {
    /// A shell around an empty dialler.
    pub fn new(
        store: Store,
        channels: Channels,
        inbox: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
        health: watch::Sender<Health>,
    ) -> Self {
        Self {
            dialer: Dialer::new(),
            clock: Clock::start(),
            store,
            channels,
            configuration: Configuration::default(),
            links: BTreeMap::new(),
            observers: BTreeMap::new(),
            agent_notes: AgentNotes::default(),
            harbours: Harbours::default(),
            runs: BTreeMap::new(),
            queue_logs: QueueLogs::default(),
            hold: None,
            storage: Storage::default(),
            pending: Batch::default(),
            committing: None,
            commit_began: None,
            originating: BTreeSet::new(),
            agents_waiting: AgentsWaiting::default(),
            hold_waiting: Vec::new(),
            ended: VecDeque::new(),
            inbox: inbox.1,
            sender: inbox.0,
            health,
            touches: Touches::default(),
            links_made: 0,
            out: Vec::new(),
            stopping: None,
        }
    }

    /// Runs until it is told to stop and everything is written.
    pub async fn run(mut self) {
        loop {
            self.start_commit();
            if self.stopping.is_some() && self.committing.is_none() && self.pending.writes.is_empty() {
                break;
            }
            let now = self.clock.now();
            let wake = self.dialer.next_wake(now).map(|at| self.clock.instant(at));
            let commit_due = self.commit_due();
            let commit_late = self.commit_late();
            tokio::select! {
                biased;
                done = async { self.committing.as_mut().expect("guarded by the condition").await },
                    if self.committing.is_some() => self.committed(done),
                input = self.inbox.recv() => {
                    let Some(input) = input else { break };
                    self.take(input);
                    for _ in 1..INPUTS_AT_ONCE {
                        let Ok(input) = self.inbox.try_recv() else { break };
                        self.take(input);
                    }
                }
                () = sleep_until(wake) => self.step(Event::Tick, None),
                () = sleep_until(commit_due) => {}
                () = sleep_until(commit_late) => {}
            }
            self.weigh_storage();
        }
        for link in self.links.values() {
            link.line.shutdown();
        }
        self.observers.clear();
        if let Some(stopped) = self.stopping {
            let _ = stopped.send(());
        }
    }

    /// One step of the dialler, its commands carried out.
    pub(crate) fn step(&mut self, event: Event, pbx_at: Option<&str>) {
        self.step_told(event, Told { pbx_at, actor: "" });
    }

    fn step_told(&mut self, event: Event, told: Told<'_>) {
        let mut out = std::mem::take(&mut self.out);
        self.dialer.step(self.clock.now(), event, &mut out);
        for command in out.drain(..) {
            match as_write(command, told) {
                Ok(write) => {
                    self.log_write(&write);
                    if let Write::Close { end, .. } = &write {
                        self.remember_ended(end.leg, end.attempt);
                        self.channels.forget(end.leg);
                        metrics::counter!("carillon_attempts_total", "outcome" => end.state.code()).increment(1);
                    }
                    if let Write::Run(change) = &write
                        && change.state.is_final()
                    {
                        self.runs.remove(&change.run);
                    }
                    self.pending.writes.push(write);
                }
                Err(command) => self.carry_out(command),
            }
        }
        self.out = out;
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Pbx(pbx, link, what) => {
                if self.links.get(&pbx).is_some_and(|now| now.number == link) {
                    self.pbx_told(pbx, what);
                }
            }
            Input::Queues(pbx, number, what) => self.queues_told(pbx, number, what),
            Input::Answer(event) => {
                self.originate_answered(&event);
                self.harbour_answered(&event);
                self.step(event, None);
            }
            Input::Ask(ask) => self.asked(ask),
            Input::Space(low) => self.storage.low = low,
        }
    }

    fn pbx_told(&mut self, id: PbxId, what: FromPbx) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let now = self.clock.now().wall;
        match what {
            FromPbx::Reconciling { version } => {
                link.turns(PbxState::Reconciling, "comparing its channels with ours".to_owned(), now);
                link.version = Some(version);
            }
            FromPbx::Up { version, legs, names } => {
                let was = link.turns(PbxState::Up, String::new(), now);
                info!(pbx.id = id.0, version, channels = legs.len(), was = ?was, "pbx is up");
                link.version = Some(version.clone());
                for name in &names {
                    self.channels.adopt(name);
                }
                self.note_link(id, Ok(version));
                self.step(Event::PbxUp { pbx: id, legs }, None);
            }
            FromPbx::Stale { why } => {
                warn!(pbx.id = id.0, why, "pbx is stale: nothing new is dialled there until it was compared");
                link.turns(PbxState::Stale, why.clone(), now);
                self.note_link(id, Err(why));
                self.step(Event::PbxStale(id), None);
            }
            FromPbx::Down { why, silent } => {
                warn!(pbx.id = id.0, why, "pbx is not connected");
                let was = link.turns(if silent { PbxState::Stale } else { PbxState::Down }, why.clone(), now);
                self.note_link(id, Err(why));
                if matches!(was, PbxState::Up | PbxState::Stale) {
                    self.step(Event::PbxDown(id), None);
                }
            }
            FromPbx::AuditBegins { asked } => {
                let _ = asked.send(self.clock.now().mono);
                return;
            }
            FromPbx::Audited { legs, asked_at } => {
                self.step(Event::PbxAudited { pbx: id, legs, asked_at }, None);
                return;
            }
            FromPbx::Said { about, said, pbx_at } => {
                self.said_of_call(about, said, pbx_at);
                return;
            }
            FromPbx::Fact { fact, pbx_at } => {
                self.step(fact, pbx_at.as_deref());
                return;
            }
        }
        self.tell_health();
    }

    /// What the dialplan says may come after the call: it counts as long as the call is remembered.
    fn said_of_call(&mut self, about: About, said: Said, pbx_at: Option<String>) {
        let (leg, attempt) = match about {
            About::Leg(leg) => {
                let ended = || self.ended.iter().find(|(ended, _)| *ended == leg).map(|(_, attempt)| *attempt);
                (Some(leg), self.dialer.attempt_of(leg).or_else(ended))
            }
            About::Attempt(attempt) => (self.dialer.leg_of(attempt), Some(attempt)),
        };
        match said {
            Said::Status(status) => {
                if let Some(leg) = leg {
                    self.step(Event::StatusSet { leg, status }, pbx_at.as_deref());
                }
            }
            Said::Outputs(changes) => {
                let Some(attempt) = attempt else { return };
                for change in changes {
                    self.write_output(attempt, change, pbx_at.clone(), String::new());
                }
            }
        }
    }

    fn write_output(&mut self, attempt: AttemptId, change: OutputChange, pbx_at: Option<String>, actor: String) {
        let at = self.clock.now().wall;
        self.pending.writes.push(Write::Output { attempt, change, at, pbx_at, actor });
    }

    fn remember_ended(&mut self, leg: LegId, attempt: AttemptId) {
        if self.ended.len() >= ENDED_REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back((leg, attempt));
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::StartRun(spec, campaign, books, done) => {
                let now = self.clock.now().wall;
                self.begin_run(*spec, *campaign, now, books);
                self.pending.waiting.push(done);
            }
            Ask::ReloadRun(mut spec, campaign, done) => {
                spec.settings.hours = self.hours_now(&campaign, spec.settings.hours.clone());
                if let Some(view) = self.runs.get_mut(&spec.run) {
                    view.hours = spec.settings.hours.clone();
                    view.campaign = *campaign;
                }
                self.step(Event::RunReloaded(spec), None);
                self.pending.waiting.push(done);
            }
            Ask::Run(what, run, done) => {
                let event = match what {
                    RunEvent::Pause => Event::RunPaused(run),
                    RunEvent::Unpause => Event::RunUnpaused(run),
                    RunEvent::Remove => Event::RunRemoved(run),
                };
                self.step(event, None);
                self.pending.waiting.push(done);
            }
            Ask::Boost(run, boost, done) => {
                self.step(Event::RunBoosted { run, boost }, None);
                let _ = done.send(());
            }
            Ask::PauseList { run, list, paused, done } => {
                self.step(Event::ListPaused { run, list, paused }, None);
                self.pending.waiting.push(done);
            }
            Ask::Agents(end_point, done) => {
                let agents = self.dialer.queue_agents(end_point);
                let _ = done.send(agents.into_iter().map(QueueAgent::from).collect());
            }
            Ask::ContactsAdded(list, added) => {
                self.touches.grew(list);
                self.step(Event::ContactsAdded { list, added }, None);
            }
            Ask::ContactChanged(contact) => {
                self.touches.changed(contact.id);
                self.step(Event::ContactChanged(contact), None);
            }
            Ask::CallAdded(run, due_at, done) => {
                let goes_on = self.runs.contains_key(&run);
                if goes_on {
                    self.step(Event::CallAdded { run, due_at }, None);
                }
                let _ = done.send(goes_on);
            }
            Ask::SetOutput(attempt, change, actor, done) => {
                self.write_output(attempt, change, None, actor);
                self.pending.waiting.push(done);
            }
            Ask::Suppressed(keys, campaigns, done) => {
                self.touches.suppressed(&keys);
                self.step(Event::NumbersSuppressed { keys, campaigns }, None);
                let _ = done.send(());
            }
            Ask::SuppressionsChanged => self.step(Event::SuppressionsChanged, None),
            Ask::Configure(configuration, done) => {
                self.configure(*configuration);
                let _ = done.send(());
            }
            Ask::Hold(hold, done) => {
                warn!(by = %Masked(&hold.by), why = %Masked(&hold.why), "dialling is held");
                // The first reason stands, here as in the database.
                self.hold.get_or_insert(hold);
                self.step(Event::DiallingHeld, None);
                self.tell_health();
                self.hold_waiting.push(done);
                self.answer_holds();
            }
            Ask::Lift(done) => {
                info!("dialling goes on");
                self.hold = None;
                self.step(Event::DiallingLifted, None);
                self.tell_health();
                let _ = done.send(());
            }
            Ask::Turn(done) => {
                let _ = done.send(());
            }
            Ask::Live(live) => {
                let _ = live.send(self.live());
            }
            Ask::SetStatus(attempt, status, done) => {
                let leg = self.dialer.leg_of(attempt);
                if let Some(leg) = leg {
                    self.step(Event::StatusSet { leg, status }, None);
                }
                let found = leg.map(|_| ()).ok_or_else(|| NodeError::Conflict(format!("attempt {attempt} is over")));
                let _ = done.send(found);
            }
            Ask::Reserve(wish, done) => self.reserve(wish, done),
            Ask::Decide(attempt, decision, done) => self.decide(attempt, decision, done),
            Ask::Reservations(done) => {
                let _ = done.send(self.dialer.reservations().collect());
            }
            Ask::HangUp(attempt, actor, done) => {
                let leg = self.dialer.sent_leg_of(attempt);
                if let Some(leg) = leg {
                    info!(attempt.id = attempt.0, actor, "hung up by an operator");
                    self.step_told(Event::OperatorHungUp(leg), Told { pbx_at: None, actor: &actor });
                }
                let why = || NodeError::Conflict(format!("attempt {attempt} is over, or not sent yet"));
                let _ = done.send(leg.map(|_| ()).ok_or_else(why));
            }
            Ask::Stop(done) => {
                self.step(Event::DiallingHeld, None);
                self.note_life(Life::Stopped);
                self.stopping = Some(done);
            }
        }
    }

    /// A run enters the dialler: started, or found after a restart.
    pub(crate) fn begin_run(
        &mut self,
        mut spec: RunSpec,
        campaign: Campaign,
        started_at: Timestamp,
        books: Option<PeriodNow>,
    ) {
        if let Some(period) = books {
            self.step(Event::BooksRemembered { campaign: spec.campaign, period }, None);
        }
        spec.settings.hours = self.hours_now(&campaign, spec.settings.hours);
        let view = RunView {
            campaign,
            hours: spec.settings.hours.clone(),
            started_at,
            terminated_before: spec.totals.terminated,
            seen_at: self.clock.now().wall,
        };
        self.runs.insert(spec.run, view);
        self.step(Event::RunStarted(Box::new(spec)), None);
    }

    /// The hours of a campaign with the sets of opening hours that are in force: those in `read` may have been changed since.
    /// A set that is not known here was made since, and is as it was read.
    fn hours_now(&self, campaign: &Campaign, read: Hours) -> Hours {
        campaign.hours(&self.configuration.opening_hours).unwrap_or(read)
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Originate(call) => self.originate(call),
            Command::CallAgent(call) => self.call_agent(call),
            Command::Reserved { request, answer } => self.reserved(request, answer),
            Command::PauseAgent(pause) => self.pause_agent(pause),
            Command::UnpauseAgent(pause) => self.unpause_agent(pause),
            Command::BringToHarbour(to) => self.bring_to_harbour(to),
            Command::HangUp { leg, pbx, why } => self.hang_up(leg, pbx, why),
            Command::LookUp { leg, pbx } => self.look_up(leg, pbx),
            Command::HoldDialling { why } => {
                error!(why = %Masked(&why), "dialling is held until an operator lifts it");
                let hold = Hold { since: self.clock.now().wall, by: "carillon".to_owned(), why };
                self.hold = Some(hold.clone());
                self.tell_health();
                let store = self.store.clone();
                tokio::spawn(async move {
                    let scope = store::Scope::installation();
                    if let Err(error) = store.set_hold(&scope, &hold.by, &hold.why, hold.since).await {
                        error!(%error, "the hold could not be stored; it is in force");
                    }
                });
            }
            Command::CircuitChanged { trunk, probe_at: Some(at) } => {
                warn!(trunk.id = trunk.0, probe_at = %at, "trunk rests: the carrier refuses call after call");
            }
            Command::QueuesHealed { pbx, count } => self.queues_healed(pbx, count),
            Command::CircuitChanged { trunk, probe_at: None } => info!(trunk.id = trunk.0, "trunk is back"),
            Command::Violated { invariant, run, detail } => {
                metrics::counter!("carillon_violations_total", "invariant" => invariant.name()).increment(1);
                error!(%invariant, run.id = run.map(|run| run.0), detail = %Masked(&detail), "a rule of the house was about to be broken; the run was stopped");
            }
            _ => {}
        }
    }
}

/// Waits for the deadline, for ever when there is none.
async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
