//! The one function: time and an event in, commands out.

use crate::calls::{Calls, LegState};
use crate::command::{Command, IdKind};
use crate::counting::Served;
use crate::event::{Event, Loaded};
use crate::invariants::Ledger;
use crate::known::Known;
use crate::numbers::KeptFree;
use crate::paced::Paced;
use crate::pacing::Turns;
use crate::queues::Queues;
use crate::reserving::{Desk, Reserved};
use crate::resources::Resources;
use crate::reverse::CalledAgent;
use crate::runs::{PUT_OFF_AT_ONCE, Run};
use crate::suppressing::Suppressed;
use crate::timers::{Timer, Timers};
use crate::toll::Meter;
use domain::abandonment::PeriodNow;
use domain::journal::{Again, Fact, Note, PutOff, PutOffBy, RunChange};
use domain::{
    AttemptId, CallId, CampaignId, Contact, ContactId, EndPointId, EndedBy, LegId, Mono, Now, NumberKey, OtherNumber,
    PbxId, RunId, RunState, Timestamp, TrunkId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A step of the wall clock against the other one that holds dialling, microseconds.
pub const CLOCK_STEP_US: i64 = 2_000_000;
/// A deadline for silence that is noticed this late waits a little more, so that what is queued is heard first.
const STALL_US: u64 = 1_000_000;
const AFTER_STALL_MS: u64 = 500;
/// Ids asked for at once, and how few may be left before more are asked for.
const ID_BLOCK: u32 = 2_000;
const ID_LOW: i64 = 1_000;

/// The dialler of one site.
#[derive(Debug, Default)]
pub struct Dialer {
    pub(crate) resources: Resources,
    pub(crate) queues: Queues,
    pub(crate) paced: Paced,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) calls: Calls,
    pub(crate) attempts: BTreeMap<AttemptId, Attempt>,
    pub(crate) by_leg: BTreeMap<LegId, AttemptId>,
    /// Agents who are called first, by their leg.
    pub(crate) agents: BTreeMap<LegId, CalledAgent>,
    pub(crate) desk: Desk,
    pub(crate) open_numbers: BTreeMap<NumberKey, AttemptId>,
    /// Other numbers of the contacts that are in these calls.
    pub(crate) kept_free: KeptFree,
    /// Restored attempts whose run is not here: it is over, or has not been started yet.
    pub(crate) attempts_of_none: BTreeSet<AttemptId>,
    /// What the abandonment ledger says of each campaign.
    pub(crate) books: BTreeMap<CampaignId, PeriodNow>,
    /// People who are left to the agent whose telephone rings for them, and are looked at again when it stops.
    pub(crate) left_to_agents: BTreeSet<LegId>,
    pub(crate) timers: Timers,
    pub(crate) turns: Turns,
    pub(crate) ids: BTreeMap<IdKind, IdPool>,
    pub(crate) suppressed: Suppressed,
    pub(crate) toll: Meter,
    /// An operator or Carillon itself stopped dialling.
    pub(crate) held: bool,
    /// The database cannot be written.
    pub(crate) storage_lost: bool,
    /// Something changed that may let calls be placed.
    pub(crate) may_place: bool,
    /// When placing is worth another try although nothing happens.
    pub(crate) place_at: Option<Mono>,
    /// Attempts on disk that wait for the rate of their trunk or PBX, oldest first, and when the first may go out.
    pub(crate) outbox: Vec<AttemptId>,
    pub(crate) send_at: Option<Mono>,
    dirty: BTreeSet<RunId>,
    last: Option<Now>,
    pub(crate) ledger: Ledger,
    pub(crate) reported: BTreeSet<(&'static str, Option<RunId>)>,
}

/// An attempt that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) call: CallId,
    pub(crate) leg: LegId,
    pub(crate) run: RunId,
    pub(crate) campaign: CampaignId,
    pub(crate) contact: ContactId,
    /// Who; `None` for one that was adopted after a restart.
    pub(crate) details: Option<Arc<Contact>>,
    /// As it was corrected while the journal was asked, which then refuses the attempt.
    pub(crate) corrected: Option<Arc<Contact>>,
    pub(crate) key: NumberKey,
    /// Which of the contact's numbers.
    pub(crate) number_no: u32,
    /// The other ones, of an attempt that was adopted after a restart.
    pub(crate) others: Vec<OtherNumber>,
    pub(crate) retry: u32,
    /// The number whose turn it was before it was picked.
    pub(crate) turn_no: u32,
    pub(crate) due_at: Option<Timestamp>,
    /// What had put the contact off before it was picked.
    pub(crate) put_off_by: Option<PutOffBy>,
    /// What was known of number and person when it was read; after the journal, what that knows.
    pub(crate) standing: Known,
    pub(crate) trunk: TrunkId,
    pub(crate) end_point: EndPointId,
    /// It came to a queue: its end point does not reckon with it any more.
    pub(crate) queued: bool,
    pub(crate) pbx: PbxId,
    /// The leg of the agent who is called before the person.
    pub(crate) agent: Option<LegId>,
    pub(crate) reserved: Reserved,
    pub(crate) scheduled_at: Timestamp,
    pub(crate) ext_state: String,
    pub(crate) served: Served,
}

#[derive(Debug, Default)]
pub(crate) struct IdPool {
    next: i64,
    end: i64,
    asked: bool,
}

impl IdPool {
    fn left(&self) -> i64 {
        self.end - self.next
    }

    /// A block that follows the last one prolongs it; another one replaces it.
    fn grant(&mut self, from: i64, to: i64) {
        if from != self.end {
            self.next = from;
        }
        self.end = to;
        self.asked = false;
    }
}

impl Dialer {
    /// An empty dialler. The shell configures it, restores open attempts, then tells it which PBXs are up.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one event and appends what is to be done to `out`, in order.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Vec<Command>) {
        let first = out.len();
        let stepped = self.clock_step(now);
        let tick = matches!(event, Event::Tick);
        // Whoever lifts a hold has not seen a step that is noticed only now.
        if let Some(seconds) = stepped
            && (!self.held || matches!(event, Event::DiallingLifted))
        {
            let why = format!("the clock moved by {seconds:.1} s: check it, then lift");
            out.push(Command::HoldDialling { why });
        }
        self.held |= stepped.is_some();
        self.paced.stale |= event.may_choose_engines();
        self.apply(now, event, out);
        self.held |= stepped.is_some();
        self.fire_timers(now, out);
        if self.queues.expire(now.mono) {
            self.may_place = true;
            self.look_at_all_agents(now.mono);
        }
        if tick || self.place_at.is_some_and(|at| at <= now.mono) {
            self.may_place = true;
        }
        if !self.outbox.is_empty() && (self.may_place || self.send_at.is_some_and(|at| at <= now.mono)) {
            self.send_waiting(now, out);
        }
        if tick {
            self.dirty.extend(self.runs.keys());
        }
        self.ask_for_ids(out);
        self.refresh_runs(now, out);
        self.keep_books(&out[first..]);
        self.pace_campaigns(now, out);
        if self.may_place {
            self.place_calls(now, out);
            self.refresh_runs(now, out);
        }
        self.check(now, first, out);
    }

    /// When [`Event::Tick`] should come at the latest, on the clock that never steps.
    pub fn next_wake(&self, now: Now) -> Option<Mono> {
        let by_wall = self.runs.values().filter_map(|run| run.next_change(now.wall)).min();
        let by_wall = by_wall.map(|at| now.mono.plus_ms(u64::try_from((at.0 - now.wall.0 + 999) / 1_000).unwrap_or(0)));
        let paced = self.next_decision(now);
        [self.timers.next(), self.place_at, self.send_at, self.queues.next_change(), by_wall, paced]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether calls may be placed at all.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The leg of an open attempt.
    pub fn leg_of(&self, attempt: AttemptId) -> Option<LegId> {
        self.attempts.get(&attempt).map(|attempt| attempt.leg)
    }

    /// The attempt in progress whose leg this is: the person's, or the agent's who is called first.
    pub fn attempt_of(&self, leg: LegId) -> Option<AttemptId> {
        self.by_leg.get(&leg).copied().or_else(|| self.agents_attempt(leg))
    }

    /// The leg of an attempt in progress that was sent to its PBX; the agent's, as long as the person's was not.
    pub fn sent_leg_of(&self, attempt: AttemptId) -> Option<LegId> {
        let attempt = self.attempts.get(&attempt)?;
        let legs = [Some(attempt.leg), attempt.agent].into_iter().flatten();
        let mut legs = legs.filter_map(|leg| self.calls.leg(leg));
        legs.find(|leg| leg.state != LegState::Journalling).map(|leg| leg.id)
    }

    fn apply(&mut self, now: Now, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Tick => {}
            Event::PbxConfigured(spec) => self.resources.configure_pbx(spec),
            Event::HarbourSeen { pbx, there } => {
                if let Some(pbx) = self.resources.pbxs.get_mut(&pbx) {
                    pbx.harbour = there;
                }
            }
            Event::TrunkConfigured(spec) => self.resources.configure_trunk(spec),
            Event::EndPointConfigured(spec) => {
                self.ledger.end_point_is(&spec);
                self.resources.configure_end_point(spec);
            }
            Event::QueuesTold { pbx, news } => {
                self.ledger.told(pbx, &news);
                self.queues_told(now, pbx, news, out);
            }
            Event::ListPaused { run, list, paused } => self.with_run(run, |run| run.pause_list(list, paused)),
            Event::RunBoosted { run, boost } => self.with_run(run, |run| run.settings.boost = boost),
            Event::TrunkRemoved(id) => {
                if let Some(trunk) = self.resources.trunks.get_mut(&id) {
                    trunk.removed = true;
                }
            }
            Event::EndPointRemoved(id) => {
                if let Some(end_point) = self.resources.end_points.get_mut(&id) {
                    end_point.removed = true;
                }
            }
            Event::RunStarted(spec) => {
                self.start_run(*spec);
                self.watch_toll();
            }
            Event::RunReloaded(spec) => {
                self.touch(spec.run);
                let id = spec.run;
                if let Some(run) = self.runs.get_mut(&id) {
                    run.reload(*spec);
                }
                self.watch_toll();
                self.take_up(now, id, out);
            }
            Event::HoursChanged { run, hours } => self.with_run(run, |run| run.change_hours(hours)),
            Event::RunPaused(run) => self.with_run(run, |run| run.paused = true),
            Event::RunUnpaused(run) => self.with_run(run, |run| run.paused = false),
            Event::RunRemoved(run) => self.remove_run(now, run, out),
            Event::ContactsAdded { list, added } => {
                for run in self.runs.values_mut().filter(|run| !run.state.is_final()) {
                    run.contacts_added(list, added);
                    self.dirty.insert(run.id);
                }
            }
            Event::CallAdded { run, due_at } => self.with_run(run, |run| run.call_added(due_at)),
            Event::ContactsLoaded(loaded) => self.contacts_loaded(now, loaded, out),
            Event::TakenUp { run, refused, put_off, last } => {
                self.with_run(run, |run| run.taken_up(refused, put_off, last));
                self.take_up(now, run, out);
            }
            Event::ContactChanged(contact) => {
                let again = Again::Contact(contact.id);
                self.contact_changed((*contact).into());
                self.judge_all_again(now, again, out);
            }
            Event::SuppressionsChanged => self.suppressions_changed(now, out),
            Event::NumbersSuppressed { keys, campaigns } => {
                self.ledger.suppressed(&keys, campaigns.as_deref());
                self.suppress(now, &keys, campaigns.as_deref(), out);
            }
            Event::AgentReserves { request, wish } => self.reserve(now, request, wish, out),
            Event::AgentAccepts { request, attempt } => self.accept(now, request, attempt, out),
            Event::AgentSkips { request, attempt, status } => self.skip(now, request, attempt, status, out),
            Event::AgentReleases { request, attempt } => self.release_reservation(now, request, attempt, out),
            Event::AcceptRefused(attempt) => {
                self.ledger.accept_refused(attempt);
                self.accept_refused(now, attempt, out);
            }
            Event::OperatorHungUp(leg) => return self.hang_up(now, leg, EndedBy::Operator, out),
            Event::DiallingHeld => self.held = true,
            Event::DiallingLifted => self.held = false,
            Event::StorageLost => self.storage_lost = true,
            Event::StorageBack => self.storage_lost = false,
            Event::IdsGranted { kind, from, to } => self.ids.entry(kind).or_default().grant(from, to),
            Event::Journalled { attempt, standing } => {
                self.ledger.journalled(attempt, &standing);
                if let Some(attempt) = self.attempts.get_mut(&attempt) {
                    attempt.standing = standing.into();
                }
                self.journalled(now, attempt, out);
                return;
            }
            Event::JournalRefused { attempt, later } => {
                self.ledger.journal_refused(attempt);
                self.journal_refused(now, attempt, later, out);
            }
            Event::PbxUp { pbx, legs } => self.pbx_up(now, pbx, &legs, out),
            Event::PbxDown(pbx) => self.pbx_down(now, pbx, out),
            Event::PbxStale(pbx) => self.pbx_stale(pbx),
            Event::PbxAudited { pbx, legs, asked_at } => self.audited(now, pbx, &legs, asked_at, out),
            Event::CallsRemembered(calls) => {
                calls.into_iter().for_each(|(at, digits)| self.toll.placed(digits, at, now.wall))
            }
            Event::AttemptRestored(open) => self.restore(now, *open, out),
            Event::BooksRemembered { campaign, period } => {
                // What was counted since this was read is known here already.
                self.books.entry(campaign).or_insert(period);
            }
            Event::AgentsRemembered(called) => self.remember_agents(now, called),
            Event::OriginateDone(leg) | Event::LegCreated(leg) => return self.leg_created(now, leg, out),
            Event::OriginateRefused { leg, status, message } => self.originate_refused(now, leg, status, message, out),
            Event::OriginateUnknown { leg, why } => self.originate_unknown(now, leg, why, out),
            Event::OriginateNotSent { leg, why } => self.not_sent(now, leg, &why, out),
            Event::LegFound(found) => self.leg_found(now, found, out),
            Event::LegMissing(leg) => self.leg_missing(now, leg, out),
            Event::LegProgress(leg) => return self.leg_alive(now, leg, Fact::Progress, out),
            Event::LegRinging(leg) => return self.leg_alive(now, leg, Fact::Ringing, out),
            Event::LegAnswered(leg) => {
                self.answer_heard(leg);
                return self.leg_answered(now, leg, now.wall, out);
            }
            Event::LegHangUpAsked(leg) => return self.hang_up_asked(now, leg, out),
            Event::LegEnded { leg, cause, tech_cause } => self.leg_ended(now, leg, cause, tech_cause, out),
            Event::HarbourAnswered { leg, answer } => return self.harbour_answered(now, leg, answer, out),
            Event::StatusSet { leg, status } => return self.status_set(now, leg, status, out),
        }
        // Facts that only describe a call (they returned above) free nothing; everything else may.
        self.may_place = true;
    }

    fn with_run(&mut self, id: RunId, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(&id) {
            change(run);
            self.dirty.insert(id);
        }
    }

    pub(crate) fn touch(&mut self, run: RunId) {
        self.dirty.insert(run);
    }

    fn contacts_loaded(&mut self, now: Now, mut loaded: Loaded, out: &mut Vec<Command>) {
        let id = loaded.run;
        let Some(run) = self.runs.get_mut(&id) else { return };
        // An entry of this moment may be younger than what was read.
        let entries = loaded.fresh.iter_mut().map(|entry| (&entry.contact, &mut entry.standing));
        let retries = loaded.retries.iter_mut().map(|entry| (&entry.contact, &mut entry.standing));
        for (contact, standing) in entries.chain(retries) {
            if standing.suppressed_by.is_none() {
                standing.suppressed_by = self.suppressed.by(Some(run.campaign), contact.key);
            }
        }
        let put_off = run.loaded(loaded, now.wall);
        self.tell_put_off(now, id, put_off, out);
        self.touch(id);
    }

    /// Contacts of the run leave the memory.
    pub(crate) fn tell_put_off(&mut self, now: Now, run: RunId, mut put_off: Vec<PutOff>, out: &mut Vec<Command>) {
        while !put_off.is_empty() {
            let rest = put_off.split_off(put_off.len().min(PUT_OFF_AT_ONCE));
            let refused_late = |off: &PutOff| off.until.is_none() && off.was_due_at.is_some();
            let rules = self.runs.get(&run).filter(|_| put_off.iter().any(refused_late));
            let rules = rules.map(|run| run.settings.outcome_rules.clone()).unwrap_or_default();
            out.push(Command::PutOff { run, contacts: put_off, rules, at: now.wall });
            put_off = rest;
            self.touch(run);
        }
    }

    fn watch_toll(&mut self) {
        self.toll.watch(self.runs.values().map(|run| run.settings.rules.as_ref()));
    }

    fn remove_run(&mut self, now: Now, id: RunId, out: &mut Vec<Command>) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| !run.state.is_final()) else { return };
        run.state = RunState::Removed;
        let why = "removed by an operator".to_owned();
        let change = RunChange { run: id, state: run.state, why, at: now.wall, read_to: Vec::new() };
        out.push(Command::RunChanged(change));
        self.give_up_reservations(now, "its run was removed", |_, attempt| attempt.run == id, out);
        self.dirty.insert(id);
    }

    /// Seconds by which the wall clock moved against the steady one, when they make windows and due times doubtful.
    fn clock_step(&mut self, now: Now) -> Option<f64> {
        let last = self.last.replace(now)?;
        let steady = i64::try_from(now.mono.since(last.mono)).unwrap_or(i64::MAX);
        let step = now.wall.0.saturating_sub(last.wall.0).saturating_sub(steady);
        (step.abs() > CLOCK_STEP_US).then_some(step as f64 / 1e6)
    }

    fn fire_timers(&mut self, now: Now, out: &mut Vec<Command>) {
        while let Some((at, leg, timer)) = self.timers.pop_due(now.mono) {
            match timer {
                // We stood still: the answer may wait in a queue that is read only now.
                Timer::AnswerTimeout | Timer::ProgressTimeout | Timer::Harbour | Timer::ConnectDeadline
                    if now.mono.since(at) > STALL_US =>
                {
                    self.timers.set(now.mono.plus_ms(AFTER_STALL_MS), leg, timer);
                }
                Timer::AnswerTimeout => self.answer_timeout(now, leg, out),
                Timer::ProgressTimeout => self.progress_timeout(now, leg, out),
                Timer::Harbour => self.harbour_due(now, leg, out),
                Timer::ConnectDeadline => self.connect_deadline(now, leg, out),
                Timer::ForcedClosure => self.forced_closure(now, leg, out),
                Timer::ReservationOver => self.reservation_over(now, leg, out),
                Timer::LookUp => self.look_up_due(now, leg, out),
            }
        }
    }

    fn ask_for_ids(&mut self, out: &mut Vec<Command>) {
        for kind in [IdKind::Attempt, IdKind::Call, IdKind::Leg] {
            let pool = self.ids.entry(kind).or_default();
            if pool.left() < ID_LOW && !pool.asked && !self.runs.is_empty() {
                pool.asked = true;
                out.push(Command::WantIds { kind, count: ID_BLOCK });
            }
        }
    }

    /// The next ids of an attempt, its call and its leg; `None` while the store is late.
    pub(crate) fn take_ids(&mut self) -> Option<(AttemptId, CallId, LegId)> {
        if self.ids.len() < 3 || self.ids.values().any(|pool| pool.left() <= 0) {
            return None;
        }
        let mut take = |kind| {
            let pool = self.ids.get_mut(&kind).expect("the three pools were counted above");
            pool.next += 1;
            pool.next - 1
        };
        Some((AttemptId(take(IdKind::Attempt)), CallId(take(IdKind::Call)), LegId(take(IdKind::Leg))))
    }

    /// The next id of a leg beside the one of [`Dialer::take_ids`].
    pub(crate) fn take_leg(&mut self) -> Option<LegId> {
        let pool = self.ids.get_mut(&IdKind::Leg).filter(|pool| pool.left() > 0)?;
        pool.next += 1;
        Some(LegId(pool.next - 1))
    }

    /// Tells changed states and asks for contacts, for the runs that something happened to.
    fn refresh_runs(&mut self, now: Now, out: &mut Vec<Command>) {
        while let Some(id) = self.dirty.pop_first() {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            if run.state.is_final() {
                // After a restart its open attempts may be restored after it.
                if run.in_flight.is_empty() && !run.awaits_restored() {
                    self.runs.remove(&id);
                    self.paced.stale = true;
                }
                continue;
            }
            if let Some(load) = run.wants_load(now.wall) {
                out.push(Command::LoadContacts(load));
            }
            let state = run.current_state(now.wall);
            if state != run.state {
                run.state = state;
                self.paced.stale = true;
                let why = run.reason().to_owned();
                let read_to = if state == RunState::Completed { run.read_to() } else { Vec::new() };
                out.push(Command::RunChanged(RunChange { run: id, state, why, at: now.wall, read_to }));
                if state.is_final() {
                    self.runs.remove(&id);
                }
            }
        }
    }

    pub(crate) fn note(&self, attempt: AttemptId, leg: LegId, fact: Fact, at: Timestamp, out: &mut Vec<Command>) {
        out.push(Command::Note(Note { attempt, leg, fact, at, counted: None }));
    }
}
