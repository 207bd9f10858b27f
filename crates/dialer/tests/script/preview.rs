//! Agents who are shown whom they would call, and say when: what is held for them, what leaves, and what goes back.

use crate::queues::{member, observed, told};
use crate::script::*;
use Seen::*;
use dialer::{Command, DeviceState, EndPointSpec, Event, Member, News, NoReservation, RunSpec, Wish};
use domain::journal::{FirstAgent, OpenAttempt};
use domain::{AttemptId, CallState, CampaignId, EndedBy, LegId, Mode, ObservedQueue};

const QUEUE: &str = "400";
const AGENT: LegId = LegId(1);
const PERSON: LegId = LegId(2);
const TEN_MINUTES: u64 = 600_000;

fn preview() -> EndPointSpec {
    let queue = ObservedQueue { reverse: true, preview: true, ..ObservedQueue::named(QUEUE) };
    EndPointSpec { queue: Some(queue), ..end_point(1, 10) }
}

fn started(agents: &[&str], spec: RunSpec, contacts: i64) -> Script {
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(preview()), observed(&[(QUEUE, agents)])]);
    script.feed(vec![Event::RunStarted(Box::new(spec)), fresh(RUN, 1..=contacts)]);
    script
}

fn asks(request: u64, interface: &str) -> Event {
    Event::AgentReserves { request, wish: Wish { interface: interface.into(), campaigns: None } }
}

fn dials(attempt: AttemptId) -> Event {
    Event::AgentAccepts { request: 9, attempt }
}

fn skips(attempt: AttemptId, status: &str) -> Event {
    Event::AgentSkips { request: 9, attempt, status: status.into() }
}

/// The first contact is reserved for SIP/302.
fn reserved(contacts: i64) -> Script {
    let mut script = started(&["SIP/302"], run_spec(1, contacts), contacts);
    script.feed(vec![asks(1, "SIP/302"), journalled(A1)]);
    script
}

fn no(why: &str) -> Seen {
    Answer(Err(NoReservation::NotNow(why.into())))
}

#[test]
fn nothing_is_dialled_until_an_agent_asks_and_says_yes() {
    let mut script = started(&["SIP/302"], run_spec(1, 2), 2);
    script.wait(60_000, &[]);
    assert_eq!(script.dialer.run_figures().next().unwrap().blocked, Some(dialer::gate::Refusal::AgentsDecide));
    // The answer waits for the disk; asked again it is the same.
    script.check(&[(60_000, asks(1, "SIP/302")), (60_001, asks(2, "SIP/302"))], &[(60_000, Journal(1, 0))]);
    assert!(script.dialer.reservation(A1).is_none(), "not before it is on disk");
    script.check(&[(60_002, journalled(A1))], &[(60_002, Answer(Ok(A1))), (60_002, Answer(Ok(A1)))]);
    script.check(&[(60_003, asks(3, "SIP/302"))], &[(60_003, Answer(Ok(A1)))]);
    let held = script.dialer.reservation(A1).unwrap();
    assert_eq!((held.interface.as_str(), held.contact.unwrap().id.0, held.retry), ("SIP/302", 1, 0));
    assert_eq!(held.until.ms_since(held.since), 600_000);
    assert_eq!(script.dialer.call_figures().next().unwrap().state, CallState::RdReserved);
    assert_eq!(script.dialer.queue_figures(END_POINT).unwrap().unwrap().seen.free, 0);
    // Yes goes to disk first.
    script.check(&[(70_000, dials(A1))], &[(70_000, Accept(A1))]);
    script.check(&[(70_005, journalled(A1))], &[(70_005, CallAgent(AGENT)), (70_005, Answer(Ok(A1)))]);
    script.check(&[(70_006, dials(A1))], &[(70_006, Answer(Err(NoReservation::WrongState)))]);
    script.check(&[(70_007, skips(A1, ""))], &[(70_007, Answer(Err(NoReservation::WrongState)))]);
    script.check(&[(71_000, Event::OriginateDone(AGENT))], &[]);
    script.check(&[(72_000, Event::LegAnswered(AGENT))], &[(72_000, Originate(PERSON))]);
    // It may talk longer than it might have looked.
    script.feed(vec![Event::OriginateDone(PERSON), Event::LegAnswered(PERSON)]);
    script.wait(2 * TEN_MINUTES, &[]);
}

#[test]
fn who_skips_says_why_and_a_rule_for_that_decides() {
    let mut spec = run_spec(1, 2);
    let again =
        domain::RescheduleRule { status_ext: "LATER".into(), ..rule(CallState::RsAgentskip, 1, 300, Mode::Fixed) };
    spec.settings.reschedule = vec![again];
    let mut script = started(&["SIP/302"], spec, 2);
    script.feed(vec![asks(1, "SIP/302"), journalled(A1)]);
    script.check(&[(5, skips(A1, "LATER"))], &[(5, Close(1, CallState::RsAgentskip, Some(300))), (5, Answer(Ok(A1)))]);
    script.feed(vec![asks(2, "SIP/302"), journalled(A2)]);
    script.check(&[(6, skips(A2, "XXX"))], &[(6, Close(2, CallState::RsAgentskip, None)), (6, Answer(Ok(A2)))]);
    let Some(Command::Close(end)) = script.commands.iter().find(|one| matches!(one, Command::Close(_))) else {
        panic!("{:?}", script.commands);
    };
    assert_eq!((end.ext_state.as_str(), end.ended_by), ("XXX", EndedBy::AgentSkip));
    script.check(&[(7, skips(A2, ""))], &[(7, Answer(Err(NoReservation::Over("RS_AGENTSKIP".into()))))]);
    script.check(&[(8, dials(AttemptId(77)))], &[(8, Answer(Err(NoReservation::NotFound)))]);
}

#[test]
fn after_ten_minutes_it_is_there_for_others_and_no_attempt_is_counted() {
    let mut script = started(&["SIP/302", "SIP/303"], run_spec(1, 1), 1);
    script.feed(vec![asks(1, "SIP/302"), journalled(A1)]);
    script.check(&[(1, asks(2, "SIP/303"))], &[(1, Answer(Err(NoReservation::NobodyToCall)))]);
    script.wait(TEN_MINUTES - 1, &[]);
    script.wait(TEN_MINUTES, &[(TEN_MINUTES, Withdraw(1))]);
    let over = NoReservation::Over("its agent did not decide in time".into());
    script.check(&[(TEN_MINUTES + 1, dials(A1))], &[(TEN_MINUTES + 1, Answer(Err(over)))]);
    script.check(&[(TEN_MINUTES + 2, asks(3, "SIP/303"))], &[(TEN_MINUTES + 2, Journal(1, 0))]);
    assert_eq!(script.dialer.run_figures().next().unwrap().placed, 1);
    script.check(
        &[(TEN_MINUTES + 3, journalled(A2)), (TEN_MINUTES + 4, Event::AgentReleases { request: 5, attempt: A2 })],
        &[(TEN_MINUTES + 3, Answer(Ok(A2))), (TEN_MINUTES + 4, Withdraw(1)), (TEN_MINUTES + 4, Answer(Ok(A2)))],
    );
}

#[test]
fn an_agent_who_is_not_free_reserves_nothing() {
    let mut script = started(&["SIP/302"], run_spec(1, 2), 2);
    let is = |member: Member| told(News::MemberIs { queue: QUEUE.into(), member });
    let unavailable = [(1, Answer(Err(NoReservation::AgentNotAvailable)))];
    script.check(&[(1, asks(1, "SIP/999"))], &unavailable);
    for member in [
        Member { paused: true, ..member("SIP/302") },
        Member { in_call: true, ..member("SIP/302") },
        Member { device: DeviceState::InUse, ..member("SIP/302") },
    ] {
        script.feed(vec![is(member)]);
        script.check(&[(1, asks(1, "SIP/302"))], &unavailable);
    }
    script.feed(vec![is(member("SIP/302"))]);
    script.check(&[(2, asks(1, "SIP/302"))], &[(2, Journal(1, 0))]);
    // Whoever may see other campaigns only gets nobody of this one, and does not see what it holds.
    let wish = Wish { interface: "SIP/302".into(), campaigns: Some([CampaignId(7)].into()) };
    let asks = Event::AgentReserves { request: 4, wish };
    script.check(&[(3, asks)], &[(3, Answer(Err(NoReservation::AgentNotAvailable)))]);
}

#[test]
fn the_gate_is_asked_again_when_the_agent_says_yes_and_he_is_told_why() {
    for (change, why) in [
        (Event::DiallingHeld, "dialling was held before it was sent"),
        (Event::RunPaused(RUN), "the run was paused or removed before it was sent"),
        (Event::PbxStale(PBX), "the PBX was lost before it was sent"),
        (
            told(News::MemberIs { queue: QUEUE.into(), member: Member { paused: true, ..member("SIP/302") } }),
            "its agent was gone before it was sent",
        ),
        (Event::TrunkRemoved(TRUNK), "its trunk was deleted"),
    ] {
        let mut script = reserved(1);
        script.feed(vec![change]);
        script.check(&[(5, dials(A1))], &[(5, no(why))]);
        assert!(script.dialer.reservation(A1).is_some(), "he may look on: {why}");
    }
    // What changes while his yes is on its way to the disk counts, too.
    let mut script = reserved(1);
    script.check(&[(5, dials(A1)), (6, Event::RunPaused(RUN))], &[(5, Accept(A1)), (6, Run(domain::RunState::Paused))]);
    let why = "the run was paused or removed before it was sent";
    script.check(&[(7, journalled(A1))], &[(7, Withdraw(1)), (7, no(why))]);
    // What the journal knows by then: a list names the number.
    let mut script = reserved(1);
    script.feed(vec![dials(A1)]);
    let seen = script.play(&[(7, journalled_with(A1, on_a_list()))]);
    assert_eq!(seen[..2], [(7, Close(1, CallState::RsBlacklist, None)), (7, no("its number is suppressed"))]);
    // It has another number: the contact comes back.
    let mut script = reserved(1);
    script.feed(vec![dials(A1)]);
    let why = "its contact was changed before it was dialled";
    script.check(&[(7, Event::AcceptRefused(A1))], &[(7, Withdraw(1)), (7, no(why))]);
}

#[test]
fn what_cannot_be_dialled_any_more_is_not_looked_at_any_longer() {
    for (change, first, why) in [
        (suppressed(contact(1).key), Close(1, CallState::RsBlacklist, None), "its number is suppressed"),
        (Event::RunRemoved(RUN), Run(domain::RunState::Removed), "its run was removed"),
        (
            told(News::MemberGone { queue: QUEUE.into(), interface: "SIP/302".into() }),
            Withdraw(1),
            "its agent logged off",
        ),
    ] {
        let mut script = reserved(2);
        let seen = script.play(&[(5, change)]);
        assert_eq!(seen[0], (5, first), "{seen:?}");
        assert_eq!(script.dialer.reservations().count(), 0);
        let told = script.play(&[(6, dials(A1))]);
        assert!(told.contains(&(6, Answer(Err(NoReservation::Over(why.into()))))), "{told:?}");
        assert!(!told.iter().any(|(_, one)| matches!(one, Violated(_))), "{told:?}");
    }
    // A queue that is lost from sight is no agent who left.
    let mut script = reserved(2);
    script.check(&[(5, told(News::Lost { why: lost("link") }))], &[]);
    assert_eq!(script.dialer.reservations().count(), 1);
}

#[test]
fn who_asks_gets_the_next_one_when_the_journal_says_no_to_the_first() {
    let mut script = started(&["SIP/302"], run_spec(1, 3), 3);
    script.feed(vec![asks(1, "SIP/302")]);
    let seen = script.play(&[(1, journalled_with(A1, on_a_list()))]);
    assert_eq!(seen[..2], [(1, Close(1, CallState::RsBlacklist, None)), (1, Journal(2, 0))], "{seen:?}");
    let seen = script.play(&[(2, Event::JournalRefused { attempt: A2, later: false })]);
    assert!(seen.contains(&(2, Journal(3, 0))), "{seen:?}");
    let seen = script.play(&[(3, Event::JournalRefused { attempt: AttemptId(3), later: true })]);
    assert!(seen.contains(&(3, Answer(Err(NoReservation::NobodyToCall)))), "{seen:?}");
}

#[test]
fn after_a_restart_the_agent_looks_on_and_the_rest_of_his_time_is_his() {
    let agent = FirstAgent { leg: LegId(7), interface: "SIP/302".into() };
    let open =
        OpenAttempt { agent: Some(agent), reserved: true, details: Some(contact(1)), retry: 2, ..*open_attempt(1) };
    let mut spec = run_spec(1, 1);
    spec.totals.placed = 1;
    let mut script = Script::new();
    script.feed(vec![
        Event::PbxDown(PBX),
        Event::EndPointConfigured(preview()),
        Event::RunStarted(Box::new(spec)),
        Event::AttemptRestored(Box::new(open)),
        observed(&[(QUEUE, &["SIP/302"])]),
        Event::PbxUp { pbx: PBX, legs: vec![] },
    ]);
    assert_eq!(script.dialer.call_figures().next().unwrap().state, CallState::RdReserved);
    script.check(&[(5, asks(1, "SIP/302"))], &[(5, Answer(Ok(A1)))]);
    // It was reserved 25 s before.
    script.wait(TEN_MINUTES - 25_001, &[]);
    script.wait(TEN_MINUTES - 25_000, &[(TEN_MINUTES - 25_000, Withdraw(1))]);
    let seen = script.play(&[(TEN_MINUTES, asks(2, "SIP/302"))]);
    assert!(seen.contains(&(TEN_MINUTES, Journal(1, 2))), "the same turn: {seen:?}");
}

#[test]
fn a_reservation_that_is_over_waits_until_a_restart_has_told_every_open_attempt() {
    let agent = FirstAgent { leg: LegId(7), interface: "SIP/302".into() };
    let open = OpenAttempt {
        agent: Some(agent),
        reserved: true,
        details: Some(contact(1)),
        scheduled_at: NOON.plus_ms(-3_600_000),
        ..*open_attempt(1)
    };
    let mut spec = run_spec(1, 2);
    spec.totals.placed = 2;
    let mut script = Script::new();
    script.feed(vec![Event::EndPointConfigured(preview()), Event::RunStarted(Box::new(spec))]);
    script.check(&[(1, Event::AttemptRestored(Box::new(open)))], &[]);
    script.check(&[(2, Event::AttemptRestored(open_attempt(2)))], &[]);
    script.wait(1_001, &[(1_001, Withdraw(1))]);
}
