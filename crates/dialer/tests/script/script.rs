//! Events at their times in, commands with their times out.

use dialer::{
    Command, Dialer, EndPointSpec, Event, FoundLeg, FreshEntry, IdKind, Invariant, Loaded, NoReservation, PbxSpec,
    RetryEntry, RunSettings, RunSpec, RunTotals, TrunkSpec,
};
use domain::journal::{Again, OpenAttempt};
use domain::rules::{Rules, Standing};
use domain::{
    AttemptId, CallId, CallState, CampaignId, Contact, ContactId, Dialable, EndPointId, EndedBy, Hours, LegId, ListId,
    Mode, Mono, Now, NumberKey, NumberRef, PbxId, RescheduleRule, RuleId, RunId, RunState, SuppressionListId,
    Timestamp, TrunkId,
};
use std::sync::Arc;

pub(crate) const PBX: PbxId = PbxId(1);
pub(crate) const TRUNK: TrunkId = TrunkId(1);
pub(crate) const END_POINT: EndPointId = EndPointId(1);
pub(crate) const LIST: ListId = ListId(1);
pub(crate) const RUN: RunId = RunId(1);
/// Legs are numbered like their attempts.
pub(crate) const L1: LegId = LegId(1);
pub(crate) const L2: LegId = LegId(2);
pub(crate) const A1: AttemptId = AttemptId(1);
pub(crate) const A2: AttemptId = AttemptId(2);
/// A Saturday noon in November.
pub(crate) const NOON: Timestamp = Timestamp(1_795_262_400_000_000);

/// A command, less what tests do not look at. Notes, loads and requests for ids are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Contact and retry counter.
    Journal(i64, u32),
    Originate(LegId),
    /// What an agent is told.
    Answer(Result<AttemptId, NoReservation>),
    /// An agent's yes is written.
    Accept(AttemptId),
    /// An agent is called before the person.
    CallAgent(LegId),
    HangUp(LegId, EndedBy),
    LookUp(LegId),
    /// Contact, outcome, seconds to the retry.
    Close(i64, CallState, Option<u32>),
    Withdraw(i64),
    /// Contact, by what, seconds until it may be called.
    PutOff(i64, &'static str, Option<i64>),
    TakeUp(Again, i64),
    Run(RunState),
    Hold,
    /// Whether it opened.
    Circuit(bool),
    /// What was missed of the queues and put right.
    Healed(u32),
    Violated(Invariant),
}

pub(crate) struct Script {
    pub(crate) dialer: Dialer,
    /// Added to the wall clock only.
    pub(crate) wall_skew_ms: i64,
    at_ms: u64,
    seen: Vec<(u64, Seen)>,
    /// Every command since the last check.
    pub(crate) commands: Vec<Command>,
    /// Whom it paused (true) or let on, from the beginning, and in which queues.
    pub(crate) pauses: Vec<(bool, String)>,
}

impl Script {
    /// A dialler with one PBX that is up, one trunk of 10, one end point of 10, ids from 1, and no run.
    pub(crate) fn new() -> Self {
        let mut script = Self {
            dialer: Dialer::new(),
            wall_skew_ms: 0,
            at_ms: 0,
            seen: Vec::new(),
            commands: Vec::new(),
            pauses: Vec::new(),
        };
        script.feed(vec![
            Event::PbxConfigured(PbxSpec { id: PBX, originates_per_second: 1_000 }),
            Event::TrunkConfigured(trunk(1, 10)),
            Event::EndPointConfigured(end_point(1, 10)),
            ids(IdKind::Attempt),
            ids(IdKind::Call),
            ids(IdKind::Leg),
            Event::PbxUp { pbx: PBX, legs: vec![] },
        ]);
        script
    }

    /// The same with a run of `contacts` contacts, all read; what followed from that is forgotten, but for the journal.
    pub(crate) fn dialling(contacts: i64) -> Self {
        Self::with_run(run_spec(1, contacts), contacts)
    }

    /// The same with this run.
    pub(crate) fn with_run(spec: RunSpec, contacts: i64) -> Self {
        let mut script = Self::new();
        let run = spec.run;
        script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(run, 1..=contacts)]);
        script
    }

    /// One contact, its attempt journalled and sent: leg 1 is on its way.
    pub(crate) fn ringing() -> Self {
        Self::ringing_in(run_spec(1, 1))
    }

    /// The same with this run.
    pub(crate) fn ringing_in(spec: RunSpec) -> Self {
        let mut script = Self::with_run(spec, 1);
        script.feed(vec![journalled(A1), Event::OriginateDone(L1), Event::LegRinging(L1)]);
        script
    }

    pub(crate) fn now(&self) -> Now {
        let ms = i64::try_from(self.at_ms).unwrap();
        Now { mono: Mono(1_000_000 + self.at_ms * 1_000), wall: NOON.plus_ms(ms + self.wall_skew_ms) }
    }

    pub(crate) fn feed(&mut self, events: Vec<Event>) {
        for event in events {
            self.step(event);
        }
        self.seen.clear();
        self.commands.clear();
    }

    fn step(&mut self, event: Event) {
        let mut out = Vec::new();
        self.dialer.step(self.now(), event, &mut out);
        let wall = self.now().wall;
        self.seen.extend(out.iter().flat_map(|command| seen(command, wall)).map(|seen| (self.at_ms, seen)));
        self.pauses.extend(out.iter().filter_map(pause));
        self.commands.extend(out);
    }

    /// Feeds events at their milliseconds, with every tick that the dialler asks for in between, and compares.
    #[track_caller]
    pub(crate) fn check(&mut self, events: &[(u64, Event)], expected: &[(u64, Seen)]) {
        self.play(events);
        assert_eq!(std::mem::take(&mut self.seen), expected);
    }

    /// The same, but returns what was seen.
    pub(crate) fn play(&mut self, events: &[(u64, Event)]) -> Vec<(u64, Seen)> {
        self.commands.clear();
        for (at_ms, event) in events {
            self.tick_until(*at_ms);
            self.step(event.clone());
        }
        self.seen.clone()
    }

    /// Lets time pass; every tick comes when it was asked for.
    #[track_caller]
    pub(crate) fn wait(&mut self, until_ms: u64, expected: &[(u64, Seen)]) {
        self.tick_until(until_ms);
        assert_eq!(std::mem::take(&mut self.seen), expected);
    }

    /// The process stands still until then: no tick comes that it asked for.
    pub(crate) fn stand_still(&mut self, until_ms: u64) {
        self.at_ms = until_ms;
    }

    fn tick_until(&mut self, until_ms: u64) {
        for _ in 0..100_000 {
            let Some(wake) = self.dialer.next_wake(self.now()) else { break };
            let wake_ms = wake.0.saturating_sub(1_000_000).div_ceil(1_000).max(self.at_ms);
            if wake_ms > until_ms {
                break;
            }
            let asleep = wake_ms > self.at_ms;
            self.at_ms = wake_ms;
            let before = self.commands.len();
            self.step(Event::Tick);
            // A wake-up for now that brings nothing would come back for ever: the next one is a millisecond later.
            if !asleep && self.commands.len() == before {
                self.at_ms += 1;
            }
        }
        self.at_ms = self.at_ms.max(until_ms);
    }
}

fn pause(command: &Command) -> Option<(bool, String)> {
    let (begins, pause) = match command {
        Command::CallAgent(call) => (true, call.pause.as_deref()?),
        Command::PauseAgent(pause) => (true, pause),
        Command::UnpauseAgent(pause) => (false, pause),
        _ => return None,
    };
    Some((begins, format!("{} in {}", pause.interface, pause.queues.join(" and "))))
}

/// One command is one thing seen, but for one that puts contacts off.
fn seen(command: &Command, wall: Timestamp) -> Vec<Seen> {
    let one = match command {
        Command::Journal(new) => Seen::Journal(new.contact.0, new.retry),
        Command::Originate(call) => Seen::Originate(call.leg),
        Command::CallAgent(call) => Seen::CallAgent(call.leg),
        Command::HangUp { leg, why, .. } => Seen::HangUp(*leg, *why),
        Command::LookUp { leg, .. } => Seen::LookUp(*leg),
        Command::Close(end) => Seen::Close(end.contact.0, end.state, end.retry.map(|retry| retry.delay_s)),
        Command::Withdraw(withdrawal) => Seen::Withdraw(withdrawal.contact.0),
        Command::RunChanged(change) => Seen::Run(change.state),
        Command::HoldDialling { .. } => Seen::Hold,
        Command::CircuitChanged { probe_at, .. } => Seen::Circuit(probe_at.is_some()),
        Command::Violated { invariant, .. } => Seen::Violated(*invariant),
        Command::PutOff { contacts, .. } => {
            let until = |at: Timestamp| at.ms_since(wall) / 1_000;
            let seen = contacts.iter().map(|off| Seen::PutOff(off.contact.0, off.by.code(), off.until.map(until)));
            return seen.collect();
        }
        Command::TakeUp { which, after, .. } => Seen::TakeUp(*which, after.0),
        Command::QueuesHealed { count, .. } => Seen::Healed(*count),
        Command::Reserved { answer, .. } => Seen::Answer(answer.clone()),
        Command::Accept { attempt, .. } => Seen::Accept(*attempt),
        // They have their own book.
        Command::PauseAgent(_) | Command::UnpauseAgent(_) | Command::BringToHarbour(_) => return vec![],
        Command::Note(_) | Command::LoadContacts(_) | Command::WantIds { .. } => return vec![],
    };
    vec![one]
}

pub(crate) fn ids(kind: IdKind) -> Event {
    Event::IdsGranted { kind, from: 1, to: 1_000_000 }
}

pub(crate) fn trunk(id: i64, capacity: u32) -> TrunkSpec {
    TrunkSpec { id: TrunkId(id), pbx: PBX, capacity, calls_per_second: 0, progress_timeout_ms: 10_000 }
}

pub(crate) fn end_point(id: i64, max_channels: u32) -> EndPointSpec {
    EndPointSpec { id: EndPointId(id), pbx: PBX, max_channels, queue: None }
}

pub(crate) fn settings() -> RunSettings {
    RunSettings {
        priority: 10,
        batch_size: 100,
        hours: Hours::always(),
        answer_timeout_ms: 30_000,
        forced_closure_s: 0,
        idle_on_termination: false,
        caller_id: Default::default(),
        trunks: vec![TRUNK],
        end_points: vec![END_POINT],
        reschedule: Vec::new(),
        outcome_rules: [].into(),
        rules: Arc::new(Rules::none()),
        boost: domain::Boost::ONE,
        pacing: domain::Pacing::by_boost(),
        autopause: false,
    }
}

pub(crate) fn run_spec(run: i64, contacts: i64) -> RunSpec {
    RunSpec {
        run: RunId(run),
        campaign: CampaignId(run),
        settings: settings(),
        lists: vec![LIST],
        paused_lists: Default::default(),
        contacts: contacts.unsigned_abs(),
        totals: RunTotals::default(),
        state: RunState::Runnable,
    }
}

pub(crate) fn rule(status: CallState, max_attempts: u32, retry_after_s: u32, mode: Mode) -> RescheduleRule {
    RescheduleRule { id: RuleId(1), status, status_ext: String::new(), max_attempts, retry_after_s, mode }
}

/// Contact `id` of the list, with a number of its own.
pub(crate) fn contact(id: i64) -> Arc<Contact> {
    contact_with_key(id, 1_000 + id)
}

pub(crate) fn contact_with_key(id: i64, key: i64) -> Arc<Contact> {
    Arc::new(Contact {
        id: ContactId(id),
        list: LIST,
        list_name: "list".to_owned(),
        number: Dialable { as_given: format!("+{key}"), dialled: format!("+{key}"), e164: None },
        number_ref: NumberRef(id),
        key: NumberKey(key),
        number_no: 0,
        numbers: None,
        attributes: Default::default(),
        zones: domain::rules::Zones::Campaign,
        person: None,
        consent_at: None,
    })
}

/// A contact of which nothing is known.
pub(crate) fn unknown(contact: Arc<Contact>) -> FreshEntry {
    FreshEntry { contact, standing: Standing::default() }
}

/// The retry of a contact, due so long after noon.
pub(crate) fn retry(id: i64, retry: u32, due_ms: i64) -> RetryEntry {
    let due_at = NOON.plus_ms(due_ms);
    let (contact, standing) = (contact(id), Standing::default());
    RetryEntry { contact, retry, number_no: 0, due_at, put_off_by: None, standing }
}

/// The attempt is on disk and nothing is known of number and person.
pub(crate) fn journalled(attempt: AttemptId) -> Event {
    journalled_with(attempt, Standing::default())
}

pub(crate) fn journalled_with(attempt: AttemptId, standing: Standing) -> Event {
    Event::Journalled { attempt, standing }
}

/// A list names the number.
pub(crate) fn on_a_list() -> Standing {
    Standing { suppressed_by: Some(SuppressionListId(1)), ..Standing::default() }
}

/// Nobody may call this number from now on.
pub(crate) fn suppressed(key: NumberKey) -> Event {
    Event::NumbersSuppressed { keys: vec![key], campaigns: None }
}

/// The whole list, read.
pub(crate) fn fresh(run: RunId, contacts: impl IntoIterator<Item = i64>) -> Event {
    loaded(run, contacts.into_iter().map(contact).collect(), vec![], None)
}

pub(crate) fn loaded(
    run: RunId,
    fresh: Vec<Arc<Contact>>,
    retries: Vec<RetryEntry>,
    next_due: Option<Timestamp>,
) -> Event {
    let list_end = fresh.last().map_or(ContactId(0), |contact| contact.id);
    let fresh = fresh.into_iter().map(unknown).collect();
    let (list, next_put_off_by) = (Some(LIST), None);
    Event::ContactsLoaded(Loaded {
        run,
        list,
        fresh,
        list_exhausted: true,
        list_end,
        retries,
        next_due,
        next_put_off_by,
    })
}

/// An open attempt of contact `n` that is attempt, call and leg `n`.
pub(crate) fn open_attempt(n: i64) -> Box<OpenAttempt> {
    Box::new(OpenAttempt {
        attempt: AttemptId(n),
        call: CallId(n),
        leg: LegId(n),
        run: RUN,
        campaign: CampaignId(RUN.0),
        contact: ContactId(n),
        number_key: NumberKey(1_000 + n),
        retry: 0,
        number_no: 0,
        other_numbers: Vec::new(),
        trunk: TRUNK,
        end_point: END_POINT,
        pbx: PBX,
        scheduled_at: NOON.plus_ms(-25_000),
        connected_at: None,
        tally: None,
        ext_state: String::new(),
        agent: None,
        reserved: false,
        details: None,
        suppressed: false,
    })
}

pub(crate) fn found(leg: LegId, up: bool) -> FoundLeg {
    FoundLeg { leg, up, ringing: !up }
}

pub(crate) fn ended(leg: LegId, cause: u16, code: u16) -> Event {
    Event::LegEnded { leg, cause, tech_cause: (code > 0).then_some(code) }
}

pub(crate) fn busy(leg: LegId) -> Event {
    ended(leg, 17, 486)
}

pub(crate) fn lost(why: &str) -> String {
    why.to_owned()
}
