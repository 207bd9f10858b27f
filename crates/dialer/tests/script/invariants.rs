//! Every rule of the house, broken deliberately: the checker sees it.

use crate::script::{
    A1, A2, NOON, PBX, Script, contact, contact_with_key, end_point, fresh, ids, journalled, open_attempt, run_spec,
    trunk,
};
use dialer::invariants::{Circumstances, Claims, Ledger, RunNow};
use dialer::{
    BringToHarbour, CallAgent, Caller, Command, Dialer, EndPointSpec, Event, IdKind, Invariant, Member, News,
    Originate, Pause, PbxSpec, QueueSnapshot, RunTotals,
};
use domain::journal::{
    AttemptEnd, Fact, FirstAgent, NewAttempt, Note, PaceReceipt, Picked, QueueReceipt, Receipt, Withdrawal,
};
use domain::outcome::Fault;
use domain::rules::limits::{Cap, CapBy, Consent, DayHours, Limits};
use domain::rules::{Rules, Standing};
use domain::{
    AttemptId, CallId, CallState, CampaignId, ContactId, EndPointId, EndedBy, LegId, ListId, Mono, Now, NumberKey,
    NumberRef, Numbered, Numbers, ObservedQueue, PacingPolicy, PbxId, RunId, TrunkId,
};
use std::sync::{Arc, LazyLock};

const CALM: Circumstances = Circumstances { held: false, wall: NOON };

static NO_RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(Rules::none()));

/// A run whose hours are open, without a rule.
fn calm(_: RunId) -> Option<RunNow<'static>> {
    Some(RunNow { hours_open: true, rules: &NO_RULES })
}

fn new_attempt(n: i64, contact: i64, key: i64) -> NewAttempt {
    NewAttempt {
        attempt: AttemptId(n),
        call: CallId(n),
        leg: LegId(n),
        run: RunId(1),
        campaign: CampaignId(1),
        contact: ContactId(contact),
        list: ListId(1),
        number_ref: NumberRef(contact),
        number_key: NumberKey(key),
        person_key: None,
        retry: 0,
        number_no: 0,
        trunk: TrunkId(1),
        end_point: EndPointId(1),
        pbx: PbxId(1),
        scheduled_at: NOON,
        agent: None,
        reserved: false,
        receipt: Receipt {
            picked: Picked::FreshInOrder,
            rules: vec![],
            hours_until: None,
            trunk_in_use: 0,
            trunk_capacity: 2,
            end_point_in_use: 0,
            end_point_capacity: 2,
            probe: false,
            run_in_progress: 0,
            run_in_memory: 0,
            priority: 10,
            caller_id: Default::default(),
            contact: domain::rules::ContactReceipt::default(),
            queue: None,
            number: None,
        },
    }
}

fn journal(new: NewAttempt) -> Command {
    Command::Journal(Box::new(new))
}

fn originate(n: i64) -> Command {
    Command::Originate(Originate {
        attempt: AttemptId(n),
        leg: LegId(n),
        run: RunId(1),
        pbx: PBX,
        trunk: TrunkId(1),
        end_point: EndPointId(1),
        retry: 0,
        contact: contact(n),
        timeout_ms: 40_000,
        agent: None,
    })
}

fn call_agent(n: i64) -> Command {
    Command::CallAgent(CallAgent {
        attempt: AttemptId(n),
        leg: LegId(100 + n),
        run: RunId(1),
        pbx: PBX,
        trunk: TrunkId(1),
        end_point: EndPointId(1),
        device: "SIP/1".to_owned(),
        retry: 0,
        contact: contact(n),
        timeout_ms: 40_000,
        wait_ms: 60_000,
        pause: None,
    })
}

/// The same to a number with this key.
fn originate_to(n: i64, key: i64) -> Command {
    let mut command = originate(n);
    if let Command::Originate(call) = &mut command {
        call.contact = contact_with_key(n, key);
    }
    command
}

fn close(n: i64) -> Command {
    Command::Close(Box::new(AttemptEnd {
        attempt: AttemptId(n),
        call: CallId(n),
        leg: LegId(n),
        run: RunId(1),
        contact: ContactId(n),
        state: CallState::Terminated,
        fault: Fault::None,
        ext_state: String::new(),
        cause: 16,
        tech_cause: None,
        ended_by: EndedBy::FarEnd,
        ended_at: NOON,
        connected_at: None,
        segments: vec![],
        actions: Vec::new(),
        next_number: None,
        left_out: Vec::new(),
        retry: None,
    }))
}

/// The rule that the last command breaks; all before it are in order.
fn broken_by(commands: &[Command], now: Circumstances, open: bool) -> Option<Invariant> {
    let mut ledger = Ledger::default();
    let (last, before) = commands.split_last().unwrap();
    for command in before {
        ledger.check(command, CALM, calm).unwrap();
        if let Command::Journal(new) = command {
            ledger.journalled(new.attempt, &Standing::default());
        }
    }
    ledger
        .check(last, now, |_| Some(RunNow { hours_open: open, rules: &NO_RULES }))
        .err()
        .map(|(invariant, ..)| invariant)
}

/// A call that is sent under these limits, with what the journal knows.
fn sent_under(limits: &Limits, standing: &Standing) -> Option<Invariant> {
    let rules = Arc::new(Rules::of(&["unrestricted".to_owned()], limits, "UTC").unwrap());
    let run = |_| Some(RunNow { hours_open: true, rules: &rules });
    let mut ledger = Ledger::default();
    ledger.check(&journal(new_attempt(1, 1, 1_001)), CALM, run).unwrap();
    ledger.journalled(A1, standing);
    ledger.check(&originate(1), CALM, run).err().map(|violation| violation.0)
}

/// Limits that forbid a call, each for another reason.
fn forbidden() -> Vec<(Limits, Standing)> {
    let mut called = Standing::default();
    called.number.attempted(NOON.plus_ms(-30_000));
    called.number.talked(NOON.plus_ms(-20_000));
    let cap = Cap { attempts: 1, hours: 1, by: CapBy::Number };
    let sunday = DayHours { days: "1".into(), from: "09:00".into(), to: "20:00".into() };
    vec![
        (Limits { deny: vec!["+1001".into()], ..Limits::default() }, Standing::default()),
        (Limits { consent: Some(Consent { max_age_days: 0 }), ..Limits::default() }, Standing::default()),
        (Limits { hours: vec![sunday], ..Limits::default() }, Standing::default()),
        (Limits { caps: vec![cap], ..Limits::default() }, called.clone()),
        (Limits { gap_minutes: 1, ..Limits::default() }, called.clone()),
        (Limits { cooldown_hours: 1, ..Limits::default() }, called),
    ]
}

/// A receipt of a call for so many agents, of whom calls on their way take a part already.
fn agents(agents: u32, taken_permille: u64, boost_permille: u32) -> QueueReceipt {
    QueueReceipt { free: agents, waiting: 0, agents, on_the_way: 1, taken_permille, boost_permille, pace: None }
}

/// End point 1 observes a queue of which nothing is known yet.
fn observing() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.end_point_is(&EndPointSpec { queue: Some(ObservedQueue::named("999")), ..end_point(1, 10) });
    ledger
}

/// The rule that a call breaks with this receipt while these members are free.
fn for_agents(members: &[&str], receipt: Option<QueueReceipt>) -> Option<Invariant> {
    let mut ledger = observing();
    let member = |interface: &&str| Member { interface: (*interface).to_owned(), ..Member::default() };
    let members = members.iter().map(member).collect();
    ledger.told(PBX, &News::Observed(vec![QueueSnapshot { name: "999".into(), members, callers: vec![] }]));
    let mut new = new_attempt(1, 1, 5);
    new.receipt.queue = receipt.map(Box::new);
    ledger.check(&journal(new), CALM, calm).err().map(|violation| violation.0)
}

/// How each rule is broken. A new rule does not compile until it is broken here.
fn break_it(invariant: Invariant) -> Option<Invariant> {
    match invariant {
        Invariant::SingleFlight => {
            broken_by(&[journal(new_attempt(1, 1, 5)), journal(new_attempt(2, 2, 5))], CALM, true)
        }
        Invariant::OneAttemptPerContact => {
            broken_by(&[journal(new_attempt(1, 1, 5)), journal(new_attempt(2, 1, 6))], CALM, true)
        }
        Invariant::OneNumberPerPerson => {
            // Contact 1 has number 5 too, which contact 2 is called on.
            let with_another = |n: i64, key: i64, other: i64| {
                let mut call = originate(n);
                if let Command::Originate(call) = &mut call {
                    let mut contact = (*contact_with_key(n, key)).clone();
                    let one = |no: u32, key: i64| Numbered {
                        no,
                        number: contact.number.clone(),
                        number_ref: NumberRef(key),
                        key: NumberKey(key),
                    };
                    let all = vec![one(0, key), one(1, other)];
                    contact.numbers = Some(Arc::new(Numbers { all, left_out: vec![] }));
                    call.contact = Arc::new(contact);
                }
                call
            };
            let both = || [journal(new_attempt(1, 1, 1_001)), journal(new_attempt(2, 2, 5))];
            let [a, b] = both();
            let theirs = [a, b, originate_to(2, 5), with_another(1, 1_001, 5)];
            assert_eq!(broken_by(&theirs, CALM, true), Some(invariant));
            let [a, b] = both();
            broken_by(&[a, b, with_another(1, 1_001, 5), originate_to(2, 5)], CALM, true)
        }
        Invariant::JournalledBeforeSent => {
            let twice = [journal(new_attempt(1, 1, 5)), originate(1), originate(1)];
            assert_eq!(broken_by(&twice, CALM, true), Some(invariant));
            broken_by(&[originate(1)], CALM, true)
        }
        Invariant::HoldKept => {
            let held = Circumstances { held: true, wall: NOON };
            broken_by(&[journal(new_attempt(1, 1, 5)), originate(1)], held, true)
        }
        Invariant::WindowKept => broken_by(&[journal(new_attempt(1, 1, 5)), originate(1)], CALM, false),
        Invariant::SuppressionKept => {
            let mut ledger = Ledger::default();
            ledger.check(&journal(new_attempt(1, 1, 5)), CALM, calm).unwrap();
            ledger.journalled(A1, &Standing::default());
            ledger.suppressed(&[NumberKey(5)], None);
            ledger.check(&originate(1), CALM, calm).err().map(|violation| violation.0)
        }
        Invariant::ContactRulesKept => {
            for (limits, standing) in forbidden() {
                let seen = sent_under(&limits, &standing);
                assert_eq!(seen, Some(invariant), "{limits:?}");
                assert_eq!(sent_under(&Limits::default(), &standing), None);
            }
            // Whatever the journal says: this process has called the number before.
            let limits = Limits { gap_minutes: 1, ..Limits::default() };
            let rules = Arc::new(Rules::of(&["unrestricted".to_owned()], &limits, "UTC").unwrap());
            let run = |_| Some(RunNow { hours_open: true, rules: &rules });
            let mut ledger = Ledger::default();
            for command in
                [journal(new_attempt(1, 1, 1_001)), originate(1), close(1), journal(new_attempt(2, 1, 1_001))]
            {
                ledger.check(&command, CALM, run).unwrap();
                ledger.journalled(A1, &Standing::default());
            }
            ledger.journalled(A2, &Standing::default());
            let mut again = originate(2);
            if let Command::Originate(call) = &mut again {
                call.contact = contact(1);
            }
            ledger.check(&again, CALM, run).err().map(|violation| violation.0)
        }
        Invariant::GapKept => {
            let mut early = new_attempt(1, 1, 5);
            early.receipt.picked = Picked::RetryDue { due_at: NOON.plus_ms(1) };
            broken_by(&[journal(early)], CALM, true)
        }
        Invariant::OneOutcome => {
            let withdrawal = Withdrawal {
                attempt: A1,
                run: RunId(1),
                contact: ContactId(1),
                retry: 0,
                number_no: 0,
                due_at: None,
                put_off_by: None,
                why: "not sent".to_owned(),
                at: NOON,
            };
            let withdrawn = [journal(new_attempt(1, 1, 5)), close(1), Command::Withdraw(Box::new(withdrawal))];
            assert_eq!(broken_by(&withdrawn, CALM, true), Some(invariant));
            broken_by(&[journal(new_attempt(1, 1, 5)), close(1), close(1)], CALM, true)
        }
        Invariant::OccupancyAddsUp => {
            let mut ledger = Ledger::default();
            ledger.check(&journal(new_attempt(1, 1, 5)), CALM, calm).unwrap();
            let right = Claims { attempts: 1, legs: 1, trunks_in_use: 1, end_points_in_use: 1, in_flight: 1 };
            ledger.compare(&right).unwrap();
            ledger.compare(&Claims { trunks_in_use: 2, ..right }).err().map(|(invariant, ..)| invariant)
        }
        Invariant::TrunkCapacityKept => {
            let commands: Vec<_> = (1..=3)
                .map(|n| {
                    let mut new = new_attempt(n, n, n);
                    new.end_point = EndPointId(n);
                    journal(new)
                })
                .collect();
            broken_by(&commands, CALM, true)
        }
        Invariant::EndPointCapacityKept => {
            let commands: Vec<_> = (1..=3)
                .map(|n| {
                    let mut new = new_attempt(n, n, n);
                    new.trunk = TrunkId(n);
                    journal(new)
                })
                .collect();
            broken_by(&commands, CALM, true)
        }
        Invariant::AgentsKnown => {
            let receipt = agents(1, 0, 1_000);
            assert_eq!(for_agents(&["SIP/1"], Some(receipt)), None);
            assert_eq!(for_agents(&["SIP/1"], None), Some(invariant), "a telephone's receipt");
            let mut ledger = observing();
            let mut new = new_attempt(1, 1, 5);
            new.receipt.queue = Some(Box::new(receipt));
            ledger.check(&journal(new), CALM, calm).err().map(|violation| violation.0)
        }
        Invariant::AgentsNotOversold => {
            for (receipt, broken) in [
                (agents(2, 1_000, 1_000), None),
                (agents(2, 2_000, 1_000), Some(invariant)),
                (agents(2, 1_333, 1_500), None),
                (agents(2, 1_334, 1_500), None),
                (agents(2, 1_335, 1_500), Some(invariant)),
                (agents(0, 0, 20_000), Some(invariant)),
            ] {
                assert_eq!(for_agents(&["SIP/1", "SIP/2"], Some(receipt)), broken, "{receipt:?}");
            }
            for_agents(&["SIP/1", "SIP/2"], Some(agents(3, 0, 1_000)))
        }
        Invariant::GuaranteedNeverOverCap => {
            let with = |abandoned, persons, free, open| {
                let pace = PaceReceipt {
                    policy: Some(PacingPolicy::Guaranteed),
                    free,
                    open,
                    abandoned,
                    persons,
                    cap_ppm: 30_000,
                };
                for_agents(&["SIP/1", "SIP/2"], Some(QueueReceipt { pace: Some(pace), ..agents(2, 0, 0) }))
            };
            assert_eq!(with(0, 0, 2, 1), None);
            assert_eq!(with(0, 0, 2, 2), Some(invariant));
            assert_eq!(with(0, 100, 2, 4), None);
            assert_eq!(with(0, 100, 2, 5), Some(invariant));
            assert_eq!(with(3, 97, 2, 2), Some(invariant));
            // Two are on their way already, whatever the decider says.
            let mut ledger = observing();
            let members = vec![Member { interface: "SIP/1".into(), ..Member::default() }];
            ledger.told(PBX, &News::Observed(vec![QueueSnapshot { name: "999".into(), members, callers: vec![] }]));
            let pace = PaceReceipt {
                policy: Some(PacingPolicy::Guaranteed),
                free: 1,
                open: 0,
                abandoned: 0,
                persons: 0,
                cap_ppm: 30_000,
            };
            let call = |n: i64| {
                let mut new = new_attempt(n, n, n);
                new.receipt.queue = Some(Box::new(QueueReceipt { pace: Some(pace), ..agents(1, 0, 0) }));
                journal(new)
            };
            ledger.check(&call(1), CALM, calm).unwrap();
            ledger.check(&call(2), CALM, calm).err().map(|violation| violation.0)
        }
        Invariant::AgentNotDoubleBooked => {
            let taking = |n: i64, interface: &str| {
                let agent = FirstAgent { leg: LegId(100 + n), interface: interface.to_owned() };
                journal(NewAttempt { agent: Some(Box::new(agent)), ..new_attempt(n, n, n) })
            };
            assert_eq!(broken_by(&[taking(1, "SIP/1"), taking(2, "SIP/2")], CALM, true), None);
            assert_eq!(broken_by(&[taking(1, "SIP/1"), close(1), taking(2, "SIP/1")], CALM, true), None);
            broken_by(&[taking(1, "SIP/1"), taking(2, "SIP/1")], CALM, true)
        }
        Invariant::OnlyOwnPauses => {
            let pause = || Pause { pbx: PBX, interface: "SIP/1".to_owned(), queues: vec!["999".to_owned()] };
            let with = |paused_by_us: bool| {
                let member = Member { interface: "SIP/1".to_owned(), paused: true, paused_by_us, ..Member::default() };
                let mut ledger = observing();
                let members = vec![member];
                ledger.told(PBX, &News::Observed(vec![QueueSnapshot { name: "999".into(), members, callers: vec![] }]));
                ledger
            };
            let seen = |ledger: &mut Ledger, command: Command| {
                ledger.check(&command, CALM, calm).err().map(|violation| violation.0)
            };
            assert_eq!(seen(&mut with(true), Command::UnpauseAgent(pause())), None);
            // Nobody's agent is not paused, and who paused himself is not let on.
            assert_eq!(seen(&mut with(false), Command::PauseAgent(pause())), Some(invariant));
            seen(&mut with(false), Command::UnpauseAgent(pause()))
        }
        Invariant::AgentDecides => {
            let agent = FirstAgent { leg: LegId(101), interface: "SIP/1".to_owned() };
            let reserved = journal(NewAttempt { agent: Some(Box::new(agent)), reserved: true, ..new_attempt(1, 1, 1) });
            let yes = Command::Accept { attempt: AttemptId(1), at: NOON };
            assert_eq!(broken_by(&[reserved.clone(), yes.clone()], CALM, true), None);
            assert_eq!(broken_by(&[reserved.clone(), yes.clone(), yes.clone()], CALM, true), Some(invariant), "twice");
            assert_eq!(broken_by(&[journal(new_attempt(1, 1, 1)), yes.clone()], CALM, true), Some(invariant));
            // A yes that is not on disk is none yet.
            assert_eq!(broken_by(&[reserved.clone(), yes.clone(), call_agent(1)], CALM, true), Some(invariant));
            let mut ledger = Ledger::default();
            for command in [&reserved, &yes] {
                ledger.check(command, CALM, calm).unwrap();
                ledger.journalled(AttemptId(1), &Standing::default());
            }
            ledger.check(&call_agent(1), CALM, calm).unwrap();
            assert_eq!(broken_by(&[reserved.clone(), originate(1)], CALM, true), Some(invariant));
            broken_by(&[reserved, call_agent(1)], CALM, true)
        }
        Invariant::HarbourOnce => {
            let mut ledger = in_a_queue();
            ledger.check(&to_harbour(1), CALM, calm).unwrap();
            ledger.check(&to_harbour(1), CALM, calm).err().map(|violation| violation.0)
        }
        Invariant::HarbourNeverTakesATalk => {
            let seen =
                |ledger: &mut Ledger| ledger.check(&to_harbour(1), CALM, calm).err().map(|violation| violation.0);
            assert_eq!(seen(&mut Ledger::default()), Some(invariant), "there is no such attempt");
            let mut ringing = Ledger::default();
            ringing.check(&journal(new_attempt(1, 1, 1)), CALM, calm).unwrap();
            assert_eq!(seen(&mut ringing), Some(invariant), "nobody answered");
            let caller = Caller { channel: "c-1".into(), leg: Some(LegId(1)) };
            let mut talks = in_a_queue();
            talks.told(PBX, &News::Connected { caller, interface: "SIP/1".into() });
            seen(&mut talks)
        }
        // The sums of a run are compared by the dialler itself: totals from a database that do not add up show it.
        Invariant::AccountsAddUp => {
            let mut spec = run_spec(1, 1);
            spec.totals = RunTotals { placed: 3, terminated: 1, ..RunTotals::default() };
            let mut script = Script::new();
            script.play(&[(0, Event::RunStarted(Box::new(spec))), (1, fresh(RunId(1), [1]))]);
            script.commands.iter().find_map(|command| match command {
                Command::Violated { invariant, .. } => Some(*invariant),
                _ => None,
            })
        }
    }
}

/// Attempt 1 was answered.
fn in_a_queue() -> Ledger {
    let mut ledger = Ledger::default();
    let (attempt, leg) = (AttemptId(1), LegId(1));
    let answered = Note { attempt, leg, fact: Fact::Answered, at: NOON, counted: None };
    for command in [journal(new_attempt(1, 1, 1)), Command::Note(answered)] {
        ledger.check(&command, CALM, calm).unwrap();
    }
    ledger
}

fn to_harbour(n: i64) -> Command {
    Command::BringToHarbour(BringToHarbour { attempt: AttemptId(n), leg: LegId(n), pbx: PBX })
}

#[test]
fn a_broken_invariant_is_seen_whichever_it_is() {
    for invariant in Invariant::ALL {
        assert_eq!(break_it(invariant), Some(invariant), "{invariant}");
    }
}

#[test]
fn commands_in_order_break_nothing() {
    let mut ledger = Ledger::default();
    for command in [journal(new_attempt(1, 1, 5)), journal(new_attempt(2, 2, 6))] {
        ledger.check(&command, CALM, calm).unwrap();
    }
    ledger.journalled(AttemptId(1), &Standing::default());
    ledger.journal_refused(AttemptId(2));
    for command in [originate(1), close(1), journal(new_attempt(3, 1, 5))] {
        ledger.check(&command, CALM, calm).unwrap();
    }
}

#[test]
fn a_violation_stops_new_calls_of_that_run_and_no_other() {
    let mut broken = run_spec(1, 30);
    broken.totals = RunTotals { placed: 3, terminated: 1, ..RunTotals::default() };
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 1)), Event::EndPointConfigured(end_point(1, 1))]);
    script.feed(vec![Event::RunStarted(Box::new(broken)), Event::RunStarted(Box::new(run_spec(2, 30)))]);
    script.feed(vec![fresh(RunId(1), 1..=5), journalled(A1), Event::LegAnswered(LegId(1))]);
    assert!(script.dialer.run_figures().next().unwrap().stopped);
    // The conversation goes on, and what it leaves free is the other run's.
    script.play(&[(1_000, fresh(RunId(2), 11..=15)), (9_000, crate::script::ended(LegId(1), 16, 0))]);
    let journals: Vec<_> = script
        .commands
        .iter()
        .filter_map(|command| if let Command::Journal(new) = command { Some(new.run) } else { None })
        .collect();
    assert_eq!(journals, [RunId(2)]);
    assert!(!script.commands.iter().any(|command| matches!(command, Command::HangUp { .. })));
}

#[test]
fn a_capacity_claim_of_the_decider_is_not_believed() {
    // Two attempts restored on a trunk of two are two calls, whatever the receipt of the third says.
    let mut ledger = Ledger::default();
    for n in [1, 2] {
        let open = open_attempt(n);
        ledger.restored(&open);
    }
    let third = journal(new_attempt(3, 3, 3));
    let broken = ledger.check(&third, CALM, calm).unwrap_err();
    assert_eq!(broken.0, Invariant::TrunkCapacityKept);
}

#[test]
fn the_same_violation_is_told_once() {
    let mut dialer = Dialer::new();
    let now = Now { mono: Mono(1), wall: NOON };
    let mut spec = run_spec(1, 1);
    spec.totals = RunTotals { placed: 3, terminated: 1, ..RunTotals::default() };
    let mut out = Vec::new();
    for event in [
        Event::PbxConfigured(PbxSpec { id: PBX, originates_per_second: 100 }),
        Event::TrunkConfigured(trunk(1, 10)),
        Event::EndPointConfigured(end_point(1, 10)),
        ids(IdKind::Attempt),
        ids(IdKind::Call),
        ids(IdKind::Leg),
        Event::PbxUp { pbx: PBX, legs: vec![] },
        Event::RunStarted(Box::new(spec)),
        fresh(RunId(1), [1]),
        journalled(A1),
        crate::script::busy(LegId(1)),
    ] {
        dialer.step(now, event, &mut out);
    }
    let violated = out.iter().filter(|command| matches!(command, Command::Violated { .. })).count();
    assert_eq!(violated, 1);
}
