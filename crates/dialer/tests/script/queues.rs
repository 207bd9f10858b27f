//! End points behind which agents wait: what is dialled for them, and when not.

use crate::script::*;
use Seen::*;
use dialer::gate::Refusal;
use dialer::{Caller, DeviceState, EndPointSpec, Event, Member, News, QueueSnapshot};
use domain::{Boost, CallState, EndPointId, LegId, ObservedQueue, Pacing, PacingMode, RunId};

const QUEUE: &str = "999";

fn boost(factor: f64) -> Boost {
    Boost::of("boost", factor).unwrap()
}

/// An end point that observes a queue.
fn observing(id: i64, max_channels: u32, queue: &str, factor: f64) -> EndPointSpec {
    let queue = ObservedQueue { boost: boost(factor), ..ObservedQueue::named(queue) };
    EndPointSpec { queue: Some(queue), ..end_point(id, max_channels) }
}

pub(crate) fn member(interface: &str) -> Member {
    Member { interface: interface.into(), device: DeviceState::NotInUse, ..Member::default() }
}

pub(crate) fn told(news: News) -> Event {
    Event::QueuesTold { pbx: PBX, news }
}

/// Queues with members; nobody waits.
pub(crate) fn observed(queues: &[(&str, &[&str])]) -> Event {
    let snapshot = |(name, members): &(&str, &[&str])| QueueSnapshot {
        name: (*name).to_owned(),
        members: members.iter().map(|of| member(of)).collect(),
        callers: vec![],
    };
    told(News::Observed(queues.iter().map(snapshot).collect()))
}

fn member_is(change: impl FnOnce(&mut Member), interface: &str) -> Event {
    let mut member = member(interface);
    change(&mut member);
    told(News::MemberIs { queue: QUEUE.into(), member })
}

fn came(channel: &str, leg: Option<LegId>) -> Event {
    told(News::CallerCame { queue: QUEUE.into(), caller: Caller { channel: channel.into(), leg } })
}

fn left(channel: &str) -> Event {
    told(News::CallerGone {
        queue: QUEUE.into(),
        caller: Caller { channel: channel.into(), leg: None },
        gave_up: false,
    })
}

/// A run of 50 contacts whose calls go to the queue; nothing is known of the queue yet.
fn waiting(end_point: EndPointSpec) -> Script {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 100)), Event::EndPointConfigured(end_point)]);
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    script
}

/// Calls decided by these events.
#[track_caller]
fn placed(script: &mut Script, events: Vec<Event>) -> usize {
    script.feed(vec![]);
    let at = events.into_iter().map(|event| (0, event)).collect::<Vec<_>>();
    let seen = script.play(&at);
    assert!(!seen.iter().any(|(_, seen)| matches!(seen, Violated(_))), "{seen:?}");
    seen.iter().filter(|(_, seen)| matches!(seen, Journal(..))).count()
}

fn blocked(script: &Script) -> Option<Refusal> {
    script.dialer.run_figures().next().unwrap().blocked
}

fn journalled_all(calls: i64) -> Vec<Event> {
    (1..=calls).map(|n| journalled(domain::AttemptId(n))).collect()
}

#[test]
fn nothing_is_dialled_for_agents_of_whom_nothing_is_known() {
    let mut script = waiting(observing(1, 10, QUEUE, 2.0));
    assert_eq!(blocked(&script), Some(Refusal::QueueUnknown));
    assert_eq!(placed(&mut script, vec![observed(&[("400", &["SIP/1"])])]), 0);
    assert_eq!(blocked(&script), Some(Refusal::NoSuchQueue));
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &[])])]), 0);
    assert_eq!(blocked(&script), Some(Refusal::NobodyLoggedOn));
    assert_eq!(placed(&mut script, vec![member_is(|member| member.paused = true, "SIP/1")]), 0);
    assert_eq!(blocked(&script), Some(Refusal::NoAgentFree));
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/1")]), 2);
    assert_eq!(blocked(&script), Some(Refusal::AgentsTaken));
    // What was decided and not sent goes back when nobody knows any more who is there.
    let lost = told(News::Lost { why: "cut".into() });
    let seen = script.play(&[(0, lost), (0, journalled(A1))]);
    assert!(seen.contains(&(0, Withdraw(1))) && !seen.contains(&(0, Originate(L1))), "{seen:?}");
    assert_eq!(blocked(&script), Some(Refusal::QueueUnknown));
}

#[test]
fn calls_follow_log_ins_pauses_and_callers_at_once() {
    let mut script = waiting(observing(1, 100, QUEUE, 1.3));
    let seven = ["SIP/1", "SIP/2", "SIP/3", "SIP/4", "SIP/5", "SIP/6", "SIP/7"];
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &seven)])]), 9);
    script.feed(journalled_all(9));
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/8")]), 1);
    script.feed(vec![journalled(domain::AttemptId(10))]);
    // A pause takes nobody back who is on the way, and a call that ends is not followed by another one.
    assert_eq!(placed(&mut script, vec![member_is(|member| member.paused = true, "SIP/8"), busy(L1)]), 0);
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/8")]), 1);
    script.feed(vec![journalled(domain::AttemptId(11)), came("in.1", None), busy(L2)]);
    assert_eq!(placed(&mut script, vec![left("in.1")]), 1);
}

#[test]
fn each_mode_has_its_own_number_of_calls_for_the_same_agents() {
    let calls = |pacing: Pacing, waits: bool| {
        let mut script = Script::new();
        let end_point = observing(1, 100, QUEUE, 2.0);
        script.feed(vec![Event::TrunkConfigured(trunk(1, 100)), Event::EndPointConfigured(end_point)]);
        let mut spec = run_spec(1, 50);
        spec.settings.pacing = pacing;
        script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=50)]);
        let caller = if waits { vec![Caller { channel: "in.1".into(), leg: None }] } else { vec![] };
        let members = ["SIP/1", "SIP/2", "SIP/3", "SIP/4"].iter().map(|of| member(of)).collect();
        let queue = QueueSnapshot { name: QUEUE.into(), members, callers: caller };
        placed(&mut script, vec![told(News::Observed(vec![queue]))])
    };
    let of = |mode| Pacing { mode, ratio: boost(1.5), ..Pacing::default() };
    // A caller who waits costs the boost an agent, and the ratio a call.
    use PacingMode::{Automatic, Boost, Progressive, Ratio};
    for (mode, alone, with_caller) in [(Automatic, 8, 6), (Boost, 8, 6), (Progressive, 4, 3), (Ratio, 6, 5)] {
        assert_eq!((calls(of(mode), false), calls(of(mode), true)), (alone, with_caller), "{mode:?}");
    }
}

#[test]
fn a_call_that_came_to_the_queue_is_the_queue_s() {
    let mut script = waiting(observing(1, 10, QUEUE, 1.0));
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &["SIP/1", "SIP/2"])])]), 2);
    script.feed(vec![journalled(A1), journalled(A2), Event::LegAnswered(L1)]);
    // It waits, its agent's telephone rings, they talk: it takes one agent all the time and no part of another.
    assert_eq!(placed(&mut script, vec![came("c-1", Some(L1))]), 0);
    let rings = News::Called { channel: "c-1".into(), interface: "SIP/1".into() };
    assert_eq!(placed(&mut script, vec![told(rings)]), 0);
    let connected = News::Connected { caller: Caller { channel: "c-1".into(), leg: None }, interface: "SIP/1".into() };
    assert_eq!(placed(&mut script, vec![left("c-1"), told(connected)]), 0);
    assert_eq!(placed(&mut script, vec![member_is(|member| member.in_call = true, "SIP/1")]), 0);
    assert_eq!(placed(&mut script, vec![Event::LegEnded { leg: L1, cause: 16, tech_cause: None }]), 0);
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/1")]), 1);
}

#[test]
fn hw_5_more_callers_than_allowed_are_named() {
    let mut script = waiting(observing(1, 10, QUEUE, 2.0));
    script.feed(vec![observed(&[(QUEUE, &[])]), member_is(|member| member.in_call = true, "SIP/1")]);
    assert_eq!(blocked(&script), Some(Refusal::NoAgentFree));
    script.feed(vec![came("in.1", None), came("in.2", None)]);
    assert_eq!(blocked(&script), Some(Refusal::NoAgentFree), "two may wait");
    script.feed(vec![came("in.3", None)]);
    assert_eq!(blocked(&script), Some(Refusal::TooManyWait));
    script.feed(vec![left("in.1"), left("in.2"), left("in.3")]);
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/1")]), 2);
}

/// The table of the specification, through the dialler itself.
#[test]
fn the_worked_examples_are_what_is_dialled() {
    // Free, waiting, boost, max channels, on their way already, then: new calls, and whether it is too many who wait.
    let table = [
        (4, 0, 1.5, 100, 0, 6, false),
        (7, 0, 1.3, 100, 0, 9, false),
        (4, 0, 4.0, 100, 0, 16, false),
        (1, 0, 2.0, 10, 0, 2, false),
        (6, 0, 2.0, 10, 0, 10, false),
        (90, 0, 1.0, 10, 0, 10, false),
        (4, 1, 1.5, 100, 0, 4, false),
        (4, 0, 1.5, 100, 4, 2, false),
        (2, 3, 2.0, 10, 0, 0, false),
        (2, 5, 2.0, 10, 0, 0, true),
        (0, 0, 3.0, 10, 0, 0, false),
    ];
    for (free, waits, factor, max_channels, on_the_way, new, too_many) in table {
        let row = format!("{free} free, {waits} waiting, boost {factor}, {on_the_way} on their way");
        let mut script = Script::new();
        let end_point = observing(1, max_channels, QUEUE, factor);
        script.feed(vec![Event::TrunkConfigured(trunk(1, 200)), Event::EndPointConfigured(end_point)]);
        let agents: Vec<String> = (1..=free).map(|n| format!("SIP/{n}")).collect();
        let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
        script.feed(vec![observed(&[(QUEUE, &agents)])]);
        script.feed((1..=waits).map(|n| came(&format!("in.{n}"), None)).collect());
        // As many contacts as are on their way, then more than could be called.
        let mut spec = run_spec(1, 100);
        spec.settings.idle_on_termination = true;
        let first = placed(&mut script, vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=on_the_way)]);
        assert_eq!(i64::try_from(first), Ok(on_the_way), "{row}");
        script.feed(journalled_all(on_the_way));
        assert_eq!(placed(&mut script, vec![fresh(RUN, on_the_way + 1..=100)]), new, "{row}");
        assert_eq!(blocked(&script) == Some(Refusal::TooManyWait), too_many, "{row}");
    }
}

#[test]
fn hw_4_no_more_calls_than_the_end_point_has_channels() {
    let mut script = waiting(observing(1, 10, QUEUE, 2.0));
    let six = ["SIP/1", "SIP/2", "SIP/3", "SIP/4", "SIP/5", "SIP/6"];
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &six)])]), 10);
    assert_eq!(blocked(&script), Some(Refusal::EndPointsFull));
}

#[test]
fn agents_of_two_queues_are_dialled_for_once() {
    let mut script = Script::new();
    let (other, mut second) = (observing(2, 100, "400", 1.0), run_spec(2, 50));
    second.settings.end_points = vec![EndPointId(2)];
    let specs = [observing(1, 100, QUEUE, 1.0), other].map(Event::EndPointConfigured);
    script.feed([vec![Event::TrunkConfigured(trunk(1, 100))], specs.to_vec()].concat());
    script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 50))), fresh(RUN, 1..=50)]);
    script.feed(vec![Event::RunStarted(Box::new(second)), fresh(RunId(2), 51..=100)]);
    let three: &[&str] = &["SIP/1", "SIP/2", "SIP/3"];
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, three), ("400", three)])]), 3);
    let waits: Vec<_> = script.dialer.run_figures().map(|run| run.blocked).collect();
    assert_eq!(waits, [Some(Refusal::AgentsTaken), Some(Refusal::AgentsTaken)]);
}

#[test]
fn a_boost_of_the_run_counts_from_the_moment_it_is_set() {
    let mut script = waiting(observing(1, 100, QUEUE, 1.0));
    let four = ["SIP/1", "SIP/2", "SIP/3", "SIP/4"];
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &four)])]), 4);
    let boosted = |factor| Event::RunBoosted { run: RUN, boost: boost(factor) };
    assert_eq!(placed(&mut script, vec![boosted(2.0)]), 4, "the calls on their way are doubled");
    assert_eq!(placed(&mut script, vec![boosted(1.0)]), 0);
    // A reload takes the campaign over; how much the run over-dials is the run's own.
    script.feed(vec![boosted(2.5)]);
    let reloaded = Event::RunReloaded(Box::new(run_spec(1, 50)));
    script.feed(vec![reloaded]);
    assert_eq!(script.dialer.run_figures().next().unwrap().boost, boost(2.5));
}

#[test]
fn after_a_gap_those_who_were_answered_count_as_having_come_to_their_queue() {
    let mut script = waiting(observing(1, 10, QUEUE, 1.0));
    script.feed(vec![observed(&[(QUEUE, &["SIP/1", "SIP/2"])])]);
    script.feed(vec![journalled(A1), journalled(A2), Event::LegAnswered(L1)]);
    script.feed(vec![told(News::Lost { why: "cut".into() })]);
    // While nobody watched it was connected; the agent says so.
    let mut talking = member("SIP/1");
    talking.in_call = true;
    let all = vec![QueueSnapshot { name: QUEUE.into(), members: vec![talking, member("SIP/2")], callers: vec![] }];
    assert_eq!(placed(&mut script, vec![told(News::Observed(all))]), 0);
    assert_eq!(placed(&mut script, vec![member_is(|_| (), "SIP/1")]), 1);
}

#[test]
fn a_restored_call_that_rings_takes_its_part_of_the_agents() {
    let mut script = Script::new();
    script.feed(vec![Event::TrunkConfigured(trunk(1, 100)), Event::EndPointConfigured(observing(1, 10, QUEUE, 1.0))]);
    let mut spec = run_spec(1, 50);
    spec.totals.placed = 1;
    script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 10..=50)]);
    script.feed(vec![Event::AttemptRestored(open_attempt(900))]);
    assert_eq!(placed(&mut script, vec![observed(&[(QUEUE, &["SIP/1", "SIP/2"])])]), 1);
}

#[test]
fn what_was_missed_is_put_right_by_the_second_look() {
    let mut script = waiting(observing(1, 10, QUEUE, 1.0));
    script.feed(vec![observed(&[(QUEUE, &[])])]);
    let all = vec![QueueSnapshot { name: QUEUE.into(), members: vec![member("SIP/1")], callers: vec![] }];
    let audited = || told(News::Audited(all.clone()));
    assert_eq!(script.play(&[(0, audited())]), []);
    let seen = script.play(&[(500, audited())]);
    assert_eq!(seen, [(500, Healed(1)), (500, Journal(1, 0))]);
    assert_eq!(script.dialer.queues_healed(PBX), (1, false));
}

#[test]
fn an_outcome_is_the_same_as_for_a_telephone() {
    let mut script = waiting(observing(1, 10, QUEUE, 1.0));
    script.feed(vec![observed(&[(QUEUE, &["SIP/1"])])]);
    let events = [journalled(A1), Event::LegAnswered(L1), came("c-1", Some(L1))];
    script.feed(events.to_vec());
    let seen = script.play(&[(4_000, Event::LegEnded { leg: L1, cause: 16, tech_cause: None })]);
    assert!(seen.contains(&(4_000, Close(1, CallState::Terminated, None))), "{seen:?}");
}
