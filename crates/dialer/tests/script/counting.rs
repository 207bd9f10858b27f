//! The books of abandoned calls: whoever answers for a queue has an agent in time, or was abandoned.

use crate::queues::{observed, told};
use crate::script::*;
use Count::{Abandoned, Connected, Live, Machine, Person};
use dialer::{Caller, Command, EndPointSpec, Event, News};
use domain::abandonment::{Count, CountingRule, Tally, Why};
use domain::journal::{Fact, OpenAttempt};
use domain::{CampaignId, ObservedQueue, Pacing};

pub(crate) const QUEUE: &str = "999";

fn caller() -> Caller {
    Caller { channel: "c-1".into(), leg: Some(L1) }
}

pub(crate) fn came() -> Event {
    told(News::CallerCame { queue: QUEUE.into(), caller: caller() })
}

pub(crate) fn gone(gave_up: bool) -> Event {
    told(News::CallerGone { queue: QUEUE.into(), caller: caller(), gave_up })
}

pub(crate) fn connected() -> Event {
    told(News::Connected { caller: caller(), interface: "SIP/1".into() })
}

pub(crate) fn status(status: &str) -> Event {
    Event::StatusSet { leg: L1, status: status.into() }
}

/// One call to a queue with one agent, ringing at 0 ms.
pub(crate) fn ringing(pacing: Pacing) -> Script {
    let mut script = Script::new();
    let mut spec = run_spec(1, 1);
    spec.settings.pacing = pacing;
    let end_point = EndPointSpec { queue: Some(ObservedQueue::named(QUEUE)), ..end_point(1, 10) };
    script.feed(vec![Event::EndPointConfigured(end_point), observed(&[(QUEUE, &["SIP/1"])])]);
    script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=1), journalled(A1)]);
    script.feed(vec![Event::OriginateDone(L1), Event::LegRinging(L1)]);
    script
}

/// What was counted, with its reason and the milliseconds from the answer.
pub(crate) fn counted(script: &Script) -> Vec<(Count, Why, u32)> {
    let note = |command: &Command| match command {
        Command::Note(note) => note.counted.map(|of| (of.count, of.why, of.waited_ms)),
        _ => None,
    };
    script.commands.iter().filter_map(note).collect()
}

pub(crate) fn facts(script: &Script) -> Vec<&'static str> {
    let note = |command: &Command| match command {
        Command::Note(note) => Some(note.fact.kind()),
        _ => None,
    };
    script.commands.iter().filter_map(note).collect()
}

/// What is counted of these events.
fn books(events: &[(u64, Event)]) -> Vec<(Count, Why, u32)> {
    let mut script = ringing(Pacing::by_boost());
    script.play(events);
    counted(&script)
}

#[test]
fn an_agent_within_two_seconds_is_in_time_and_one_later_is_not() {
    let answered = (1_000, Event::LegAnswered(L1));
    let mut script = ringing(Pacing::by_boost());
    script.play(&[answered.clone(), (1_002, came()), (2_990, gone(false)), (2_999, connected())]);
    assert_eq!(counted(&script), [(Live, Why::Answered, 0), (Connected, Why::InTime, 1_999)]);
    assert_eq!(facts(&script), ["leg.answered", "queue.entered", "agent.connected"]);
    // Nothing is counted twice, however often it is told.
    script.play(&[(3_100, connected()), (3_200, came()), (9_000, ended(L1, 16, 0))]);
    assert_eq!(counted(&script), []);
    let late =
        books(&[answered, (1_002, came()), (3_001, gone(false)), (3_002, connected()), (9_000, ended(L1, 16, 0))]);
    assert_eq!(late, [(Live, Why::Answered, 0), (Abandoned, Why::TooLate, 2_000)]);
}

#[test]
fn who_has_no_agent_is_abandoned_at_the_deadline_or_when_the_call_ends() {
    let answered = (1_000, Event::LegAnswered(L1));
    let mut script = ringing(Pacing::by_boost());
    script.play(&[
        answered.clone(),
        (1_002, came()),
        (3_500, Event::Tick),
        (5_000, gone(true)),
        (5_001, ended(L1, 16, 0)),
    ]);
    assert_eq!(counted(&script), [(Live, Why::Answered, 0), (Abandoned, Why::TooLate, 2_000)]);
    assert_eq!(facts(&script)[2..], ["call.abandoned", "queue.given_up"]);
    let hung_up = books(&[answered, (1_700, gone(true)), (1_700, ended(L1, 16, 0))]);
    assert_eq!(hung_up, [(Live, Why::Answered, 0), (Abandoned, Why::HungUp, 700)]);
    assert_eq!(books(&[(900, ended(L1, 17, 486))]), [], "nobody answered");
}

#[test]
fn an_agent_may_be_told_of_before_the_answer() {
    let seen = books(&[(1_000, connected()), (1_001, Event::LegAnswered(L1))]);
    assert_eq!(seen, [(Live, Why::Answered, 0), (Connected, Why::InTime, 0)]);
}

#[test]
fn what_nobody_saw_counts_as_abandoned() {
    let lost = told(News::Lost { why: "cut".into() });
    let seen = books(&[(1_000, Event::LegAnswered(L1)), (1_500, lost), (3_000, Event::Tick)]);
    assert_eq!(seen, [(Live, Why::Answered, 0), (Abandoned, Why::Unseen, 2_000)]);
    // Found talking after a lost link: whether and when an agent came is not known.
    let found = vec![Event::PbxDown(PBX), Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }];
    let mut script = ringing(Pacing::by_boost());
    script.play(&found.into_iter().map(|event| (1_000, event)).collect::<Vec<_>>());
    assert_eq!(counted(&script), [(Live, Why::Answered, 0)]);
    script.play(&[(3_000, Event::Tick)]);
    assert_eq!(counted(&script), [(Abandoned, Why::Unseen, 2_000)]);
}

#[test]
fn machines_are_taken_back_and_persons_count_again() {
    let answered = (0, Event::LegAnswered(L1));
    let early = books(&[answered.clone(), (900, status("AMD")), (2_500, Event::Tick), (9_000, ended(L1, 16, 0))]);
    assert_eq!(early, [(Live, Why::Answered, 0), (Machine, Why::Status, 900)]);
    let late = books(&[answered.clone(), (3_000, status("AMD")), (3_100, status("AMDALL")), (4_000, status("OK"))]);
    assert_eq!(
        late[1..],
        [(Abandoned, Why::TooLate, 2_000), (Machine, Why::Status, 3_000), (Person, Why::Status, 4_000)]
    );
    let talked = books(&[answered, (100, connected()), (3_000, status("SALE"))]);
    assert_eq!(talked[1..], [(Connected, Why::InTime, 100)]);
}

#[test]
fn calls_to_a_plain_extension_are_not_counted() {
    let mut script = Script::ringing();
    script.play(&[(0, Event::LegAnswered(L1)), (2_500, Event::Tick), (2_600, ended(L1, 16, 0))]);
    assert_eq!(counted(&script), []);
}

#[test]
fn after_a_restart_the_books_go_on_where_they_were() {
    let restored = |written: &[Count], answered_ms: i64| {
        let mut script = Script::new();
        let end_point = EndPointSpec { queue: Some(ObservedQueue::named(QUEUE)), ..end_point(1, 10) };
        script.feed(vec![Event::EndPointConfigured(end_point), Event::PbxDown(PBX)]);
        let tally = Tally::restored(CampaignId(1), CountingRule::default(), written.iter().copied());
        let connected_at = Some(NOON.plus_ms(-answered_ms));
        let open = OpenAttempt { tally: Some(tally), connected_at, ..*open_attempt(1) };
        script.feed(vec![Event::RunStarted(Box::new(run_spec(1, 1))), Event::AttemptRestored(Box::new(open))]);
        script.play(&[(0, Event::PbxUp { pbx: PBX, legs: vec![found(L1, true)] }), (2_500, Event::Tick)]);
        counted(&script)
    };
    assert_eq!(restored(&[Live, Connected], 60_000), []);
    let open = restored(&[Live], 500);
    assert_eq!((open[0].0, open[0].1, open.len()), (Abandoned, Why::Unseen, 1));
    assert_eq!(restored(&[Live, Abandoned], 60_000), []);
}

#[test]
fn an_agent_who_was_called_first_is_there() {
    let mut script = crate::reverse::decided(&["Agent/1"], 1);
    let (agent, person) = (crate::reverse::AGENT, crate::reverse::PERSON);
    script.play(&[(1, journalled(A1)), (2, Event::OriginateDone(agent)), (900, Event::LegAnswered(agent))]);
    script.play(&[(901, Event::OriginateDone(person)), (1_900, Event::LegAnswered(person)), (5_000, Event::Tick)]);
    assert_eq!(counted(&script), [(Live, Why::Answered, 0), (Connected, Why::AgentFirst, 0)]);
    let taken = script.commands.iter().any(|command| matches!(command, Command::Note(note)
        if matches!(&note.fact, Fact::AgentConnected { agent, waited_ms: Some(0) } if agent == "SIP/1" || agent == "Agent/1")));
    assert!(taken);
}
