//! The safe harbour: whoever answers for a queue and has no agent in time is brought to the recorded message.

use crate::counting::{came, connected, counted, facts, gone, ringing, status};
use crate::queues::told;
use crate::script::*;
use Count::{Abandoned, Connected, Machine};
use dialer::{Command, Event, HarbourAnswer, Invariant, News};
use domain::abandonment::{Count, Why};
use domain::{Pacing, PacingMode};

/// Its answer is at 1000 ms: 1.8 s later nobody has come.
const DUE: u64 = 2_800;

fn harbour(there: bool) -> Event {
    Event::HarbourSeen { pbx: PBX, there }
}

fn answered(answer: HarbourAnswer) -> Event {
    Event::HarbourAnswered { leg: L1, answer }
}

fn called() -> Event {
    told(News::Called { channel: "c-1".into(), interface: "SIP/1".into() })
}

fn stopped_ringing() -> Event {
    told(News::Released { channel: Some("c-1".into()), interface: "SIP/1".into() })
}

/// A call that rings at 0 ms, of a campaign with this pace, on a PBX with or without the context.
fn with(pacing: Pacing, there: bool) -> Script {
    let mut script = ringing(pacing);
    script.feed(vec![harbour(there)]);
    script
}

/// The usual beginning: answered at 1000 ms, and in its queue.
fn waits() -> Vec<(u64, Event)> {
    vec![(1_000, Event::LegAnswered(L1)), (1_002, came())]
}

/// When it was brought to the message.
fn brought(script: &Script) -> bool {
    script
        .commands
        .iter()
        .any(|command| matches!(command, Command::BringToHarbour(to) if to.leg == L1 && to.attempt == A1))
}

/// What came of these events behind the usual beginning: whether it was brought there, and what was counted.
fn books(events: &[(u64, Event)]) -> (bool, Vec<(Count, Why, u32)>) {
    let mut script = with(Pacing::default(), true);
    let all: Vec<_> = waits().into_iter().chain(events.iter().cloned()).collect();
    script.play(&all);
    let violated = script.commands.iter().any(|command| matches!(command, Command::Violated { .. }));
    assert!(!violated, "{:?}", script.commands);
    (brought(&script), counted(&script))
}

#[test]
fn who_finds_nobody_is_brought_to_the_message_in_time_and_once() {
    let mut script = with(Pacing::default(), true);
    script.play(&waits());
    script.play(&[(DUE - 1, Event::Tick)]);
    assert!(!brought(&script));
    script.play(&[(DUE, Event::Tick)]);
    assert!(brought(&script));
    script.play(&[(DUE + 4, answered(HarbourAnswer::Done)), (DUE + 5, gone(true)), (DUE + 6, gone(false))]);
    assert_eq!(counted(&script), [(Abandoned, Why::SafeHarbour, 1_805)]);
    assert_eq!(facts(&script), ["call.harbour_reached", "queue.given_up", "call.abandoned"]);
    script.play(&[(9_000, answered(HarbourAnswer::Done)), (9_500, Event::Tick), (12_000, ended(L1, 16, 0))]);
    assert!(!brought(&script));
    assert_eq!(counted(&script), []);
    // The queue's news may come first, or never.
    let first = books(&[(DUE + 3, gone(true)), (DUE + 4, answered(HarbourAnswer::Done)), (6_000, Event::Tick)]);
    assert_eq!(first.1[1..], [(Abandoned, Why::SafeHarbour, 1_804)]);
    let alone = books(&[(DUE + 4, answered(HarbourAnswer::Done)), (6_000, Event::Tick)]);
    assert_eq!(alone.1[1..], [(Abandoned, Why::SafeHarbour, 2_000)]);
    let over = books(&[(DUE + 4, answered(HarbourAnswer::Done)), (DUE + 90, ended(L1, 16, 0))]);
    assert_eq!(over.1[1..], [(Abandoned, Why::SafeHarbour, 1_890)]);
}

#[test]
fn a_campaign_that_goes_by_boost_or_says_no_and_a_pbx_without_the_context_leave_people_in_their_queue() {
    let brings = |pacing: Pacing, there: bool| {
        let mut script = with(pacing, there);
        let all: Vec<_> = waits().into_iter().chain([(5_000, Event::Tick)]).collect();
        script.play(&all);
        assert_eq!(counted(&script)[1].0, Abandoned, "it is counted either way");
        brought(&script)
    };
    for mode in [PacingMode::Automatic, PacingMode::Progressive, PacingMode::Ratio, PacingMode::AdaptTapered] {
        assert!(brings(Pacing { mode, ..Pacing::default() }, true), "{mode:?}");
        assert!(!brings(Pacing { mode, ..Pacing::default() }, false), "{mode:?}");
    }
    assert!(!brings(Pacing::by_boost(), true));
    assert!(brings(Pacing { safe_harbour: Some(true), ..Pacing::by_boost() }, true));
    assert!(!brings(Pacing { safe_harbour: Some(false), ..Pacing::default() }, true));
}

#[test]
fn an_agent_in_time_is_never_robbed() {
    let (brought, rows) = books(&[(2_000, called()), (2_500, gone(false)), (2_501, connected()), (9_000, Event::Tick)]);
    assert_eq!((brought, rows[1]), (false, (Connected, Why::InTime, 1_501)));
    // It left the queue, and who took it is told a moment later.
    let (brought, _) = books(&[(2_000, called()), (DUE - 1, gone(false)), (DUE + 40, connected())]);
    assert!(!brought);
}

#[test]
fn who_has_a_telephone_ringing_is_left_to_that_agent_until_it_stops() {
    let rings = [(2_000, called()), (DUE, Event::Tick)];
    let taken = [(3_500, gone(false)), (3_501, connected()), (9_000, Event::Tick)];
    let (brought, rows) = books(&[&rings[..], &taken[..]].concat());
    assert_eq!((brought, rows[1..].to_vec()), (false, vec![(Abandoned, Why::TooLate, 2_000)]));
    let (brought, rows) =
        books(&[&rings[..], &[(3_500, stopped_ringing()), (3_504, answered(HarbourAnswer::Done))]].concat());
    assert_eq!((brought, rows[1..].to_vec()), (true, vec![(Abandoned, Why::TooLate, 2_000)]));
    // Another one's telephone rings for it.
    let another = told(News::Called { channel: "c-1".into(), interface: "SIP/2".into() });
    let (brought, _) =
        books(&[&rings[..], &[(2_900, another), (3_500, stopped_ringing()), (6_000, Event::Tick)]].concat());
    assert!(!brought);
}

#[test]
fn who_is_not_in_a_queue_hears_what_the_dialplan_says() {
    let mut script = with(Pacing::default(), true);
    script.play(&[(1_000, Event::LegAnswered(L1)), (5_000, came()), (9_000, Event::Tick)]);
    assert!(!brought(&script));
    let left = books(&[(1_500, gone(true)), (9_000, Event::Tick)]);
    assert_eq!((left.0, left.1[1]), (false, (Abandoned, Why::TooLate, 2_000)));
}

#[test]
fn machines_and_calls_that_end_are_not_brought_there() {
    let (brought, rows) = books(&[(2_000, status("AMD")), (9_000, Event::Tick)]);
    assert_eq!((brought, rows[1].0), (false, Machine));
    assert!(!books(&[(2_000, Event::LegHangUpAsked(L1)), (9_000, Event::Tick)]).0);
    assert!(!books(&[(2_000, Event::OperatorHungUp(L1)), (2_900, Event::Tick)]).0);
}

#[test]
fn what_was_not_seen_from_the_answer_on_is_left_alone() {
    let lost = told(News::Lost { why: "cut".into() });
    assert!(!books(&[(1_500, lost), (9_000, Event::Tick)]).0);
    assert!(!books(&[(1_500, Event::PbxDown(PBX)), (1_600, told(News::Observed(vec![]))), (9_000, Event::Tick)]).0);
}

#[test]
fn an_agent_who_takes_it_while_the_pbx_is_asked_has_it_or_was_robbed_as_the_pbx_says() {
    let took = [(DUE + 2, gone(false)), (DUE + 3, connected())];
    let then = |answer: (u64, HarbourAnswer)| {
        let (asked, rows) = books(&[&took[..], &[(answer.0, answered(answer.1)), (9_000, Event::Tick)]].concat());
        assert!(asked);
        rows[1..].to_vec()
    };
    assert_eq!(then((DUE + 4, HarbourAnswer::NotWanted("an agent has it".into()))), [(Connected, Why::InTime, 1_803)]);
    assert_eq!(then((DUE + 4, HarbourAnswer::Refused("no".into()))), [(Connected, Why::InTime, 1_803)]);
    assert_eq!(then((DUE + 4, HarbourAnswer::Done)), [(Abandoned, Why::TakenFromAgent, 1_803)]);
    // The answer is awaited, also beyond the deadline.
    assert_eq!(then((DUE + 600, HarbourAnswer::NotWanted("it".into()))), [(Connected, Why::InTime, 1_803)]);
    assert_eq!(then((DUE + 600, HarbourAnswer::Unknown("late".into()))), [(Abandoned, Why::Unseen, 1_803)]);
    // The yes may be told before the agent is.
    let (_, rows) = books(&[(DUE + 1, answered(HarbourAnswer::Done)), (DUE + 2, gone(false)), (DUE + 3, connected())]);
    assert_eq!(rows[1..], [(Abandoned, Why::TakenFromAgent, 1_803)]);
    // Nobody can say any more.
    let (_, rows) = books(&[&took[..], &[(DUE + 50, ended(L1, 16, 0))]].concat());
    assert_eq!(rows[1..], [(Abandoned, Why::Unseen, 1_850)]);
}

#[test]
fn who_could_not_be_brought_there_waits_on_and_is_counted_as_before() {
    for answer in [HarbourAnswer::Refused("Permission denied".into()), HarbourAnswer::Unknown("late".into())] {
        let (_, rows) = books(&[(DUE + 4, answered(answer)), (9_000, gone(false)), (9_001, connected())]);
        assert_eq!(rows[1..], [(Abandoned, Why::TooLate, 2_000)]);
    }
    let mut script = with(Pacing::default(), true);
    script.play(&waits());
    script.play(&[(DUE + 4, answered(HarbourAnswer::Refused("Permission denied".into()))), (3_500, Event::Tick)]);
    assert_eq!(facts(&script), ["call.harbour_requested", "call.harbour_missed", "call.abandoned"]);
    assert_eq!(counted(&script), [(Abandoned, Why::TooLate, 2_000)]);
}

#[test]
fn a_process_that_stood_still_looks_at_what_was_told_meanwhile_first() {
    let mut script = with(Pacing::default(), true);
    script.play(&waits());
    // Nobody asked for a tick in between: seven seconds later the agent's word is read behind it.
    script.stand_still(9_000);
    script.play(&[(9_001, gone(false)), (9_002, connected()), (12_000, Event::Tick)]);
    assert!(!brought(&script));
    assert_eq!(counted(&script)[0].0, Abandoned);
    let violated = |command: &Command| matches!(command, Command::Violated { invariant: Invariant::HarbourOnce, .. });
    assert!(!script.commands.iter().any(violated));
}
