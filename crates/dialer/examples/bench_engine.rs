//! `bench engine`: the dialler alone, 100,000 contacts, 5,000 calls in flight, the invariants on.
//!
//! A table, or with `--json` one line: `events_per_s`; `decision_us`, the mean time of a step that places a call; and
//! `invariants_share`, the part of the time that the checks after each step took, measured by a second play whose
//! commands are given to the checker alone. Time is the CPU time of this thread where Linux tells it.

#[path = "../../domain/examples/measure/mod.rs"]
mod measure;

use dialer::invariants::{Circumstances, Claims, Ledger, RunNow};
use dialer::{
    Command, Dialer, EndPointSpec, Event, FreshEntry, IdKind, Loaded, PbxSpec, RunSettings, RunSpec, RunTotals,
    TrunkSpec,
};
use domain::rules::{Rules, Standing};
use domain::{
    CampaignId, Contact, ContactId, Dialable, EndPointId, Hours, LegId, ListId, Mono, Now, NumberKey, NumberRef, PbxId,
    RunId, RunState, Timestamp, TrunkId,
};
use measure::{cpu_s, wants_json};
use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONTACTS: i64 = 100_000;
const IN_FLIGHT: usize = 5_000;
const TRUNKS: i64 = 8;
/// Calls started in one virtual second.
const CALLS_PER_SECOND: u64 = 1_000;

fn main() -> ExitCode {
    let json = match wants_json("bench_engine") {
        Ok(json) => json,
        Err(usage) => return usage,
    };
    let mut bench = Bench::new(false);
    let began = cpu_s();
    bench.play();
    let took_s = cpu_s() - began;
    let mut again = Bench::new(true);
    again.play();
    print(&bench, took_s, again.checks_s() / took_s, json);
    ExitCode::SUCCESS
}

struct Bench {
    dialer: Dialer,
    now: Now,
    contacts: Vec<Arc<Contact>>,
    /// Legs that are up, oldest first.
    up: VecDeque<LegId>,
    /// Answers that the shell would bring.
    inbox: VecDeque<Event>,
    /// What the checker sees, when it is to be weighed afterwards.
    trace: Option<Vec<Vec<Command>>>,
    /// Ids handed out of each kind.
    ids: BTreeMap<IdKind, i64>,
    events: u64,
    /// What each step took that placed a call.
    placing: Vec<Duration>,
    ended: i64,
    most_in_flight: usize,
}

impl Bench {
    fn new(traced: bool) -> Self {
        let now = Now { mono: Mono(0), wall: Timestamp(1_795_262_400_000_000) };
        Self {
            dialer: Dialer::new(),
            now,
            contacts: (1..=CONTACTS).map(contact).collect(),
            up: VecDeque::new(),
            inbox: configuration(),
            trace: traced.then(Vec::new),
            ids: BTreeMap::new(),
            events: 0,
            placing: Vec::new(),
            ended: 0,
            most_in_flight: 0,
        }
    }

    /// Every call is journalled, made, rings and is answered; the oldest ends when 5,000 are up.
    fn play(&mut self) {
        while self.ended < CONTACTS {
            while let Some(event) = self.inbox.pop_front() {
                self.step(event);
            }
            let full = self.up.len() >= IN_FLIGHT || self.dialer.open_calls() == self.up.len();
            if let Some(leg) = self.up.pop_front().filter(|_| full) {
                self.pass(1_000_000 / CALLS_PER_SECOND);
                self.inbox.push_back(Event::LegEnded { leg, cause: 16, tech_cause: None });
                self.ended += 1;
            } else {
                self.step(Event::Tick);
            }
        }
        while let Some(event) = self.inbox.pop_front() {
            self.step(event);
        }
    }

    fn pass(&mut self, us: u64) {
        self.now.mono = Mono(self.now.mono.0 + us);
        self.now.wall = Timestamp(self.now.wall.0 + us.cast_signed());
    }

    fn step(&mut self, event: Event) {
        let mut out = Vec::new();
        let began = Instant::now();
        self.dialer.step(self.now, event, &mut out);
        let took = began.elapsed();
        self.events += 1;
        if out.iter().any(|command| matches!(command, Command::Journal(_))) {
            self.placing.push(took);
        }
        self.most_in_flight = self.most_in_flight.max(self.dialer.open_calls());
        for command in &out {
            self.answer(command);
        }
        if let Some(trace) = &mut self.trace {
            trace.push(out);
        }
    }

    fn answer(&mut self, command: &Command) {
        match command {
            Command::Journal(new) => {
                self.inbox.push_back(Event::Journalled { attempt: new.attempt, standing: Standing::default() })
            }
            Command::Originate(call) => {
                self.inbox.push_back(Event::LegCreated(call.leg));
                self.inbox.push_back(Event::OriginateDone(call.leg));
                self.inbox.push_back(Event::LegRinging(call.leg));
                self.inbox.push_back(Event::LegAnswered(call.leg));
                self.up.push_back(call.leg);
            }
            Command::LoadContacts(load) => {
                let after = load.list.map_or(CONTACTS, |(_, after)| after.0);
                let (from, limit) = (usize::try_from(after).unwrap_or(0), load.fresh_limit as usize);
                let fresh = self.contacts[from..].iter().take(limit).cloned();
                let fresh: Vec<_> =
                    fresh.map(|contact| FreshEntry { contact, standing: Standing::default() }).collect();
                self.inbox.push_back(Event::ContactsLoaded(Loaded {
                    run: load.run,
                    list: load.list.map(|(list, _)| list),
                    list_exhausted: fresh.len() < limit,
                    list_end: ContactId(CONTACTS),
                    fresh,
                    retries: vec![],
                    next_due: None,
                    next_put_off_by: None,
                }));
            }
            Command::WantIds { kind, count } => {
                let granted = self.ids.entry(*kind).or_insert(1);
                let from = *granted;
                *granted += i64::from(*count);
                self.inbox.push_back(Event::IdsGranted { kind: *kind, from, to: *granted });
            }
            Command::HangUp { leg, .. } => {
                self.up.retain(|up| up != leg);
                self.inbox.push_back(Event::LegEnded { leg: *leg, cause: 16, tech_cause: None });
                self.ended += 1;
            }
            Command::Violated { invariant, detail, .. } => {
                eprintln!("{invariant}: {detail}");
                std::process::exit(1);
            }
            _ => {}
        }
    }

    /// Microseconds of a step that places a call: the mean without the slowest thousandth, in which the machine did
    /// something else.
    fn decision_us(&self) -> f64 {
        let mut placing = self.placing.clone();
        placing.sort_unstable();
        placing.truncate(placing.len() - placing.len() / 1_000);
        placing.iter().sum::<Duration>().as_secs_f64() * 1e6 / placing.len().max(1) as f64
    }

    /// Seconds that the same commands cost the checker alone.
    fn checks_s(&self) -> f64 {
        let mut ledger = Ledger::default();
        let rules = Arc::new(Rules::none());
        let run = |_| Some(RunNow { hours_open: true, rules: &rules });
        let circumstances = Circumstances { held: false, wall: self.now.wall };
        let mut open = 0_usize;
        let began = cpu_s();
        for commands in self.trace.iter().flatten() {
            for command in commands {
                ledger.check(command, circumstances, run).expect("the same commands broke no rule before");
                match command {
                    Command::Journal(new) => {
                        ledger.journalled(new.attempt, &Standing::default());
                        open += 1;
                    }
                    Command::Close(_) => open -= 1,
                    _ => {}
                }
            }
            let claims =
                Claims { attempts: open, legs: open, trunks_in_use: open, end_points_in_use: open, in_flight: open };
            ledger.compare(&claims).expect("one opened or closed at a time");
        }
        cpu_s() - began
    }
}

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn print(bench: &Bench, took_s: f64, share: f64, json: bool) {
    let events_per_s = bench.events as f64 / took_s;
    let decision_us = bench.decision_us();
    if json {
        println!(
            "{{\"events_per_s\":{events_per_s:.0},\"decision_us\":{decision_us:.2},\"invariants_share\":{share:.3},\
             \"events\":{},\"contacts\":{CONTACTS},\"in_flight\":{}}}",
            bench.events, bench.most_in_flight
        );
    } else {
        println!("events            {:>12}", bench.events);
        println!("contacts          {CONTACTS:>12}");
        println!("most in flight    {:>12}", bench.most_in_flight);
        println!("events/s          {events_per_s:>12.0}");
        println!("us per decision   {decision_us:>12.2}");
        println!("invariants, share {share:>12.3}");
    }
}

fn configuration() -> VecDeque<Event> {
    let mut events = VecDeque::from([Event::PbxConfigured(PbxSpec { id: PbxId(1), originates_per_second: 1_000_000 })]);
    for n in 1..=TRUNKS {
        let (capacity, calls_per_second, progress_timeout_ms) = (1_000, 0, 10_000);
        let pbx = PbxId(1);
        let trunk = TrunkSpec { id: TrunkId(n), pbx, capacity, calls_per_second, progress_timeout_ms };
        events.push_back(Event::TrunkConfigured(trunk));
    }
    let max_channels = u32::try_from(IN_FLIGHT).unwrap_or(u32::MAX);
    events.push_back(Event::EndPointConfigured(EndPointSpec {
        id: EndPointId(1),
        pbx: PbxId(1),
        max_channels,
        queue: None,
    }));
    events.push_back(Event::PbxUp { pbx: PbxId(1), legs: vec![] });
    events.push_back(Event::RunStarted(Box::new(RunSpec {
        run: RunId(1),
        campaign: CampaignId(1),
        settings: RunSettings {
            priority: 10,
            batch_size: 10_000,
            hours: Hours::always(),
            answer_timeout_ms: 30_000,
            forced_closure_s: 0,
            idle_on_termination: false,
            caller_id: Default::default(),
            trunks: (1..=TRUNKS).map(TrunkId).collect(),
            end_points: vec![EndPointId(1)],
            reschedule: vec![],
            outcome_rules: [].into(),
            rules: Arc::new(Rules::none()),
            boost: domain::Boost::ONE,
            pacing: domain::Pacing::by_boost(),
            autopause: false,
        },
        lists: vec![ListId(1)],
        paused_lists: Default::default(),
        contacts: CONTACTS.unsigned_abs(),
        totals: RunTotals::default(),
        state: RunState::Runnable,
    })));
    events
}

fn contact(id: i64) -> Arc<Contact> {
    Arc::new(Contact {
        id: ContactId(id),
        list: ListId(1),
        list_name: String::new(),
        number: Dialable { as_given: String::new(), dialled: String::new(), e164: None },
        number_ref: NumberRef(id),
        key: NumberKey(id.wrapping_mul(0x2545_f491_4f6c_dd1d)),
        number_no: 0,
        numbers: None,
        attributes: Default::default(),
        zones: domain::rules::Zones::Campaign,
        person: None,
        consent_at: None,
    })
}
